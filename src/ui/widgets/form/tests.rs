use egui::accesskit::Role;
use egui::{Key, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use serde_json::json;

use super::*;
use crate::recipe::json_path;
use crate::ui::theme;

struct State {
    form: Form,
    recipe: Recipe,
    defaults: Recipe,
    running: bool,
    changes: Vec<Change>,
    suggestion: Option<Suggestion>,
}

fn app(ui: &mut Ui, state: &mut State) {
    let problem = state.recipe.validate().err();
    let options = FormOptions {
        defaults: &state.defaults,
        family: state.recipe.family().unwrap(),
        running: state.running,
        groups: &[],
        hide: &["data.source"],
        problem: problem.as_ref(),
        flat: false,
        suggestion: state.suggestion.as_ref(),
    };
    egui::ScrollArea::vertical().show(ui, |ui| {
        ui.set_width(256.0);
        if let Some(change) = state.form.show(ui, &state.recipe, &options) {
            let _ = json_path::set(&mut state.recipe, change.key, change.value.clone());
            state.changes.push(change);
        }
    });
}

fn harness(running: bool) -> Harness<'static, State> {
    let recipe =
        crate::recipe::preset::PRESETS[0].recipe(crate::recipe::preset::Facts { pictures: 900, resolution: 32.into() });
    let state = State {
        form: Form::default(),
        defaults: recipe.clone(),
        recipe,
        running,
        changes: Vec::new(),
        suggestion: None,
    };
    let mut harness = Harness::builder()
        .with_size(vec2(290.0, 3600.0))
        .with_context_setup(|ctx| {
            theme::install_fonts(ctx);
            theme::apply(ctx, theme::Mode::Dark, true);
        })
        .build_ui_state(app, state);
    harness.run();
    harness
}

fn open(harness: &mut Harness<'static, State>, group: &str) {
    harness.get_by_role_and_label(Role::DisclosureTriangle, group).click();
    harness.run();
}

#[test]
fn every_setting_of_the_family_is_there_and_no_other() {
    let mut harness = harness(false);
    for group in ["Data", "Model", "Objective", "Optimiser", "Schedule", "Output"] {
        open(&mut harness, group);
    }
    for field in FIELDS.iter().filter(|f| f.family.is_none_or(|family| family == Family::Gan) && f.key != "data.source")
    {
        if compatibility::is_foreign(&harness.state().recipe, field.key) {
            assert!(harness.query_by_label(field.title).is_none(), "{} belongs to another model", field.title);
            continue;
        }
        assert!(harness.query_all_by_label(field.title).next().is_some(), "{}", field.title);
    }
    assert!(harness.query_by_label("KL weight β").is_none());
}

#[test]
fn exact_entry_and_slider_change_the_recipe_and_resetting_brings_it_back() {
    let mut harness = harness(false);
    let slider = harness.query_all_by_label("Length").find(|n| n.accesskit_node().role() == Role::Slider).unwrap();
    slider.set_value_accesskit(77.0);
    harness.run();
    assert!((harness.state().recipe.run.kimg - 77.0).abs() < 1.0, "{}", harness.state().recipe.run.kimg);
    let usual = harness.state().defaults.run.kimg;
    harness.get_by_label(&format!("Reset Length to {usual} kimg")).click();
    harness.run();
    assert_eq!(harness.state().recipe, harness.state().defaults);
    let entry = harness.query_all_by_label("Length").find(|n| n.accesskit_node().role() == Role::SpinButton).unwrap();
    entry.click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    harness.run();
    harness.event(egui::Event::Text("31".into()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().recipe.run.kimg, 31.0);
    assert!(harness.state().changes.iter().all(|c| c.done && c.began));
}

#[test]
fn a_schedule_can_be_constant_or_change() {
    let mut harness = harness(false);
    assert!(harness.state().recipe.objective.gamma.is_constant());
    harness.get_by_label("Penalty γ: Vary it over the run").click();
    harness.run();
    let gamma = harness.state().recipe.objective.gamma;
    assert!(gamma.kimg > 0.0 && gamma.end < gamma.start);
    assert!(harness.query_by_label("Penalty γ: end").is_some());
    harness.get_by_label("Penalty γ: Use one value throughout").click();
    harness.run();
    assert_eq!(harness.state().recipe.objective.gamma, harness.state().defaults.objective.gamma);
}

#[test]
fn while_a_run_is_on_only_live_settings_are_open() {
    let mut harness = harness(true);
    let node = |harness: &Harness<'static, State>, title: &str| {
        let mut nodes = harness.query_all_by_label(title);
        nodes.any(|n| n.accesskit_node().role() == Role::Slider && !n.accesskit_node().is_disabled())
    };
    assert!(node(&harness, "Length"));
    assert!(!node(&harness, "Resolution"));
    open(&mut harness, "Data");
    let mirror = harness.query_all_by_label("Mirror at random").find(|n| n.accesskit_node().role() == Role::CheckBox);
    assert!(mirror.unwrap().accesskit_node().is_disabled());
}

#[test]
fn a_mistake_stands_at_its_setting() {
    let mut harness = harness(false);
    harness.state_mut().recipe.model.id = "dcgan".into();
    harness.run();
    let text = harness.query_all_by_label_contains("takes no gradient penalty").count();
    assert_eq!(text, 3, "at every setting it names");
}

#[test]
fn choices_are_words() {
    let mut harness = harness(false);
    open(&mut harness, "Data");
    harness.get_by_role_and_label(Role::ComboBox, "Colours").click();
    harness.run();
    harness.get_by_label("Grey").click();
    harness.run();
    assert_eq!(json_path::get(&harness.state().recipe, "data.channels"), Some(json!("grey")));
}

/// The entry of this name, if there is one.
fn entry<'a>(harness: &'a Harness<'static, State>, name: &'a str) -> Option<egui_kittest::Node<'a>> {
    harness.query_all_by_label(name).find(|n| n.accesskit_node().role() == Role::SpinButton)
}

fn type_into(harness: &mut Harness<'static, State>, name: &str, text: &str) {
    entry(harness, name).unwrap().click();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    harness.run();
    harness.event(egui::Event::Text(text.into()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
}

#[test]
fn width_and_height_are_linked_until_they_are_set_apart() {
    let mut harness = harness(false);
    let now = |harness: &Harness<'static, State>| json_path::get(&harness.state().recipe, "data.resolution").unwrap();
    assert!(entry(&harness, "Resolution: width").is_none());
    type_into(&mut harness, "Resolution", "48");
    assert_eq!(now(&harness), json!(48));
    harness.get_by_label("Resolution: Set width and height apart").click();
    harness.run();
    assert!(entry(&harness, "Resolution").is_none());
    type_into(&mut harness, "Resolution: height", "96");
    assert_eq!(now(&harness), json!("48x96"));
    // Beyond 4 to 1 the other side follows.
    type_into(&mut harness, "Resolution: height", "256");
    assert_eq!(now(&harness), json!("64x256"));
    harness.state().recipe.validate().unwrap();
    harness.get_by_label("Resolution: Link width and height: squares").click();
    harness.run();
    assert_eq!(now(&harness), json!(64));
    assert!(entry(&harness, "Resolution").is_some());
}

#[test]
fn the_slider_keeps_the_shape() {
    let mut harness = harness(false);
    harness.state_mut().recipe.data.resolution = Resolution::new(64, 96);
    harness.run();
    let slider = harness.query_all_by_label("Resolution").find(|n| n.accesskit_node().role() == Role::Slider).unwrap();
    slider.set_value_accesskit(192.0);
    harness.run();
    assert_eq!(harness.state().recipe.data.resolution, Resolution::new(128, 192));
}

#[test]
fn what_is_offered_is_taken_with_one_click() {
    let mut harness = harness(false);
    let known = crate::recipe::advice::Known { aspect: (2, 3), ..Default::default() };
    harness.state_mut().suggestion = Suggestion::shape(&known, 32.into());
    harness.run();
    harness.get_by_label("Use 32 × 48").click();
    harness.run();
    assert_eq!(harness.state().recipe.data.resolution, Resolution::new(32, 48));
    assert!(Suggestion::shape(&known, Resolution::new(32, 48)).is_none());
}
