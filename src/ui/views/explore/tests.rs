mod inside;
mod making;

use egui::accesskit::Role;
use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::base::Family;
use crate::engine::fake::ScriptedEngine;
use crate::engine::{GenerateRequest, LatentCommand, LatentEvent};
use crate::recipe::picture::{Place, Space};
use crate::ui::views::explore::explore_state::PlaneKind;
use crate::ui::views::explore::tabs::{grid::Grid, map};
use crate::ui::views::explore::testing::{Stage, harness};
use crate::ui::widgets::latent_slot::Anchor;

impl ExploreView {
    /// Shows a page.
    pub fn set_tab(&mut self, id: &str) {
        self.show_page(id);
    }

    /// A page by its type.
    pub fn at<P: Page>(&self) -> &P {
        let found = self.pages.iter().find_map(|page| {
            let any: &dyn std::any::Any = &**page;
            any.downcast_ref()
        });
        found.expect("every page is in the table")
    }

    /// A page by its type, to change.
    pub fn at_mut<P: Page>(&mut self) -> &mut P {
        let found = self.pages.iter_mut().find_map(|page| {
            let any: &mut dyn std::any::Any = &mut **page;
            any.downcast_mut()
        });
        found.expect("every page is in the table")
    }
}

pub(super) fn explore() -> Harness<'static, Stage<ExploreView>> {
    harness(Stage::new(ExploreView::default()))
}

pub(super) fn state<'a>(h: &'a Harness<'static, Stage<ExploreView>>) -> &'a ExploreState {
    &h.state().view.state
}

/// Explore over models with styles, and one without: the second of the list.
pub(super) fn styled() -> Harness<'static, Stage<ExploreView>> {
    let mut models = crate::engine::fake::models();
    for (i, model) in models.iter_mut().enumerate() {
        model.recipe.model.id = if i == 1 { "res-gan".into() } else { "style-gan".into() };
    }
    let latent = crate::engine::fake::Latents::default();
    let engine = ScriptedEngine::with(crate::engine::fake::Script { models, latent, ..Default::default() });
    harness(Stage::with(ExploreView::default(), engine))
}

fn requests(h: &Harness<'static, Stage<ExploreView>>) -> Vec<GenerateRequest> {
    let generate = |c| if let Command::Generate(r) = c { Some(r) } else { None };
    h.state().engine.take_commands().into_iter().filter_map(generate).collect()
}

pub(super) fn tab(h: &mut Harness<'static, Stage<ExploreView>>, tab: &str) {
    let row = tabs::row(tab);
    h.get_by_role_and_label(Role::RadioButton, &format!("Group: {}", row.group.title())).click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::RadioButton, &format!("Page: {}", row.title)).click();
    h.run_steps(6);
}

#[test]
fn rolling_again_asks_for_new_seeds_and_undo_brings_the_old_ones_back() {
    let mut h = explore();
    requests(&h);
    let before = state(&h).samples.first;
    h.get_by_role_and_label(Role::Button, "Shuffle").click();
    h.run_steps(4);
    let asked = requests(&h);
    let sheet = asked.iter().find(|r| r.latents.len() == 36).expect("a sheet is asked for");
    assert_eq!(sheet.latents[0], Latent::Seed { seed: before + 36 });
    assert!(h.query_by_label(&format!("Seed {}", before + 36)).is_some());
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(state(&h).samples.first, before);
    assert!(h.query_by_label(&format!("Seed {before}")).is_some());
}

#[test]
fn clicking_a_sample_stands_there_and_the_trail_leads_back() {
    let mut h = explore();
    h.get_by_label("Seed 5").click();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 5 });
    assert_eq!(h.state().undo.last().unwrap().0, "open a picture");
    h.get_by_label("Seed 9").click();
    h.run_steps(4);
    h.key_press_modifiers(Modifiers::ALT, Key::ArrowLeft);
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 5 });
    h.key_press_modifiers(Modifiers::ALT, Key::ArrowRight);
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 9 });
}

#[test]
fn what_is_reached_by_a_drag_has_a_picture_in_the_strip() {
    let mut h = explore();
    let from = h.get_by_role_and_label(Role::Slider, "Truncation").rect().center();
    h.hover_at(from);
    h.drag_at(from);
    h.run_steps(2);
    h.hover_at(from - vec2(40.0, 0.0));
    // Its picture is there before the slider is let go.
    h.run_steps(8);
    h.drop_at(from - vec2(40.0, 0.0));
    h.run_steps(4);
    let stops = h.state().view.history.stops();
    assert_eq!(stops.len(), 2);
    assert!(stops.iter().all(|s| s.picture.is_some()));
}

#[test]
fn sliders_and_rows_move_styles_as_styles() {
    let mut h = styled();
    let dim = h.state().view.info(&h.state().studio).unwrap().latent as usize;
    let style = Latent::of(Place { space: Space::W, values: vec![0.5; dim], ..Place::default() });
    h.state_mut().view.state.here.latent = style.clone();
    h.run_steps(4);
    assert!(h.query_by_label("w0").is_some());
    h.get_by_role_and_label(Role::Slider, "Dimension 0").focus();
    h.key_press(Key::ArrowRight);
    h.run_steps(4);
    let now = state(&h).here.latent.place();
    assert_eq!((now.space, now.values.len(), now.values[1]), (Space::W, dim, 0.5));
    assert!(now.values[0] > 0.5);
    let info = h.state().view.info(&h.state().studio).unwrap();
    assert!(tabs::sliders::latents(state(&h), &info).iter().all(|l| l.place().space == Space::W));
}

#[test]
fn another_model_is_never_asked_for_styles_that_it_does_not_have() {
    let mut h = styled();
    let dim = h.state().view.info(&h.state().studio).unwrap().latent as usize;
    let style = Latent::of(Place { space: Space::W, values: vec![0.5; dim], ..Place::default() });
    h.state_mut().view.state.here.latent = style.clone();
    h.state_mut().view.state.walk.stops.push(style.clone().into());
    h.state_mut().view.state.between.ends[1] = style.clone().into();
    h.run_steps(4);
    assert!(h.state().view.history.stops().iter().any(|s| s.viewpoint.latent == style));
    requests(&h);
    let plain = h.state().studio.models[1].model.clone();
    h.state_mut().studio.selection.model = Some(plain.clone());
    for on in TABS.iter().map(|t| t.id) {
        h.state_mut().view.set_tab(on);
        h.run_steps(4);
    }
    let of_plain: Vec<_> = requests(&h).into_iter().filter(|r| r.model == plain).collect();
    assert!(!of_plain.is_empty());
    assert!(of_plain.iter().all(|r| r.latents.iter().all(|l| l.place().space == Space::Z)));
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 1 });
    assert!(state(&h).provenance.contains("style"), "it is said why: {}", state(&h).provenance);
    // What was kept by an earlier version is cleaned when it is read.
    let mut kept = h.state().view.save();
    kept["state"]["here"]["latent"] = serde_json::to_value(&style).unwrap();
    kept["history"] = serde_json::json!([
        { "model": plain, "latent": style, "truncation": 1.0 },
        { "model": plain, "latent": { "kind": "seed", "seed": 4 }, "truncation": 1.0 },
    ]);
    h.state_mut().view.restore(&kept);
    h.run_steps(6);
    assert!(requests(&h).iter().all(|r| r.latents.iter().all(|l| l.place().space == Space::Z)));
    assert!(!h.state().view.save().to_string().contains(r#""space":"w""#));
}

#[test]
fn a_picture_of_the_history_erases_nothing_and_undo_leads_back() {
    let mut h = explore();
    for seed in [5, 9, 3] {
        h.get_by_label(&format!("Seed {seed}")).click();
        h.run_steps(4);
    }
    h.get_by_label("Place 2: seed 5").click();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 5 });
    let seeds = |h: &Harness<'static, Stage<ExploreView>>| -> Vec<u64> {
        h.state().view.history.stops().iter().filter_map(|s| s.viewpoint.latent.seed()).collect()
    };
    assert_eq!(seeds(&h), [1, 5, 9, 3]);
    h.get_by_label("Seed 7").click();
    h.run_steps(4);
    assert_eq!(seeds(&h), [1, 5, 9, 3, 7], "a new branch goes to the end");
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!((state(&h).here.latent.seed(), seeds(&h).len()), (Some(5), 5));
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent.seed(), Some(3), "opening an old picture is a step of Undo");
    assert_eq!(h.state().view.history.at(), 3);
}

#[test]
fn a_picture_that_cannot_be_made_is_asked_for_once_and_can_be_removed() {
    let mut h = explore();
    h.get_by_label("Seed 5").click();
    h.run_steps(4);
    let model = state(&h).here.model.clone().unwrap();
    h.state().engine.hold_answers(true);
    let dead = Viewpoint { model: Some(model), latent: Latent::Seed { seed: 666 }, truncation: 1.0 };
    let here = state(&h).here.clone();
    h.state_mut().view.history.restore(&[dead, here]);
    requests(&h);
    h.run_steps(2);
    let asked = requests(&h);
    let of_it = |r: &&GenerateRequest| r.latents.contains(&Latent::Seed { seed: 666 });
    let request = asked.iter().find(of_it).expect("it is asked for once").clone();
    let problem = crate::base::Problem::failed("Its weights are damaged");
    let failed = Event::NotGenerated { slot: request.slot, ticket: request.ticket, problem };
    h.state_mut().call(|view, cx| view.on_event(&failed, cx));
    h.state().engine.hold_answers(false);
    h.run_steps(30);
    assert!(!requests(&h).iter().any(|r| r.latents.contains(&Latent::Seed { seed: 666 })));
    h.get_by_role_and_label(Role::Button, "Remove place 1 from the history").click();
    h.run_steps(3);
    assert_eq!(h.state().view.history.stops().len(), 1);
}

#[test]
fn a_cell_of_the_grid_is_a_place_to_stand() {
    let mut h = explore();
    tab(&mut h, "grid");
    requests(&h);
    h.get_by_label("Row 4, column 4").click();
    h.run_steps(4);
    let info = h.state().view.info(&h.state().studio).unwrap();
    let middle = h.state().view.at::<Grid>().cells_of(state(&h), &info);
    assert_eq!(state(&h).here.latent, middle[24]);
    assert!(requests(&h).iter().any(|r| r.latents == [middle[24].clone()]), "its picture is asked for");
    h.state_mut().take_back();
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 1 });
}

#[test]
fn dragging_a_corner_moves_the_grid_live_and_is_one_step() {
    let mut h = explore();
    tab(&mut h, "grid");
    requests(&h);
    let from = h.get_by_role_and_label(Role::Button, "Top left corner").rect().center();
    let steps = h.state().undo.len();
    h.hover_at(from);
    h.run_steps(2);
    h.drag_at(from);
    h.run_steps(1);
    for i in 1..=6 {
        h.hover_at(from + vec2(32.0 * i as f32, 0.0));
        h.run_steps(1);
    }
    let live = requests(&h);
    assert!(live.iter().filter(|r| r.latents.len() > 20).count() >= 3, "the grid follows while it is dragged");
    h.drop_at(from + vec2(192.0, 0.0));
    h.run_steps(4);
    let Anchor::Seed(x) = state(&h).grid.anchors[0] else { panic!("a seed") };
    assert!(x.fract() == 0.0 && x >= 2.0, "{x}");
    assert_eq!(h.state().undo.len(), steps + 1);
    h.state_mut().take_back();
    assert_eq!(state(&h).grid.anchors[0], Anchor::Seed(1.0));
}

#[test]
fn a_class_is_chosen_and_blended_for_all_that_is_made() {
    let h = explore();
    assert!(h.query_by_label("Class").is_none(), "a model without classes has nothing to choose");
    let mut models = crate::engine::fake::models();
    for model in &mut models {
        model.recipe.model.conditional = true;
        model.recipe.model.classes = ["hats", "shoes", "bags"].map(Into::into).to_vec();
    }
    let engine = ScriptedEngine::with(crate::engine::fake::Script { models, ..Default::default() });
    let mut h = harness(Stage::with(ExploreView::default(), engine));
    requests(&h);
    let mut choose = |label: &str, name: &str| {
        h.get_by_role_and_label(Role::ComboBox, label).click();
        h.run_steps(4);
        h.get_by_role_and_label(Role::Button, name).click();
        h.run_steps(6);
        let asked = requests(&h);
        asked.into_iter().find(|r| r.latents.len() == 36).expect("a sheet is asked for").latents
    };
    assert!(choose("Class", "shoes").iter().all(|l| l.class() == [(1, 1.0)]));
    let blended = choose("Blend with", "bags");
    assert!(blended.iter().all(|l| l.class() == [(1, 0.5), (2, 0.5)]) && blended[3].seed() == Some(4), "{blended:?}");
    // It stays while one goes elsewhere, and is one step of Undo.
    h.get_by_role_and_label(Role::Button, "Random seed (R)").click();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent.class(), [(1, 0.5), (2, 0.5)]);
    h.state_mut().take_back();
    h.state_mut().take_back();
    assert_eq!(state(&h).here.latent.class(), [(1, 1.0)]);
}

#[test]
fn the_star_keeps_the_present_picture() {
    let mut h = explore();
    h.get_by_label("Seed 3").click();
    h.run_steps(3);
    h.state().engine.take_commands();
    h.key_press(Key::Period);
    h.run_steps(3);
    let kept = h.state().engine.take_commands();
    let kept = kept.iter().find_map(|c| match c {
        Command::Keep { latents, starred, .. } => Some((latents.clone(), *starred)),
        _ => None,
    });
    assert_eq!(kept, Some((vec![Latent::Seed { seed: 3 }], true)));
    assert!(h.query_by_label("Kept in the gallery").is_some());
}

#[test]
fn every_page_opens_by_its_group_and_says_what_it_is_for() {
    let mut h = explore();
    for row in &TABS {
        requests(&h);
        tab(&mut h, row.id);
        assert_eq!(h.state().view.tab, row.id);
        assert!(h.query_all_by_label_contains(row.purpose).next().is_some(), "{}", row.id);
        let quiet = ["samples", "map", "atlas", "directions", "photo", "repair", "folder", "anomalies", "codes"];
        let asked = !requests(&h).is_empty();
        assert!(asked || quiet.contains(&row.id) || matches!(row.id, "compare_models" | "activations"), "{}", row.id);
    }
    // And by keys, all around.
    let last = h.state().view.tab;
    for _ in 0..TABS.len() {
        h.key_press(Key::CloseBracket);
        h.run_steps(2);
    }
    assert_eq!(h.state().view.tab, last);
    h.key_press(Key::OpenBracket);
    h.run_steps(2);
    assert_eq!(h.state().view.tab, tabs::beside(last, -1));
}

#[test]
fn a_model_opens_on_samples_and_pages_begin_at_the_present_picture() {
    let mut h = explore();
    h.get_by_label("Seed 5").click();
    h.run_steps(4);
    for (page, first) in [("between", 5.0), ("grid", 5.0), ("walk", 5.0)] {
        tab(&mut h, page);
        let s = state(&h);
        let anchor = [("between", &s.between.ends[0]), ("grid", &s.grid.anchors[0]), ("walk", &s.walk.stops[0])];
        assert_eq!(anchor.iter().find(|a| a.0 == page).unwrap().1, &Anchor::Seed(first), "{page}");
    }
    tab(&mut h, "breed");
    assert_eq!(state(&h).breed.parents[0], Latent::Seed { seed: 5 });
    tab(&mut h, "film");
    let keys: Vec<Option<u64>> = state(&h).film.timeline.keys.iter().map(|k| k.latent.seed()).collect();
    assert_eq!(keys, [Some(5), Some(2), Some(3)], "the timeline is that of the quick loop");
    let undo = h.state().undo.len();
    assert!(h.state().undo.iter().all(|u| u.0 == "open a picture"), "beginning is no step of Undo: {undo}");
    let parcel = Parcel::Explore { model: "fashion-vae".into(), latent: None, truncation: 1.0 };
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    h.run_steps(4);
    assert_eq!(h.state().view.tab, "samples");
}

#[test]
fn the_film_takes_the_walk_just_built_and_keeps_what_was_worked_on() {
    let mut h = explore();
    tab(&mut h, "walk");
    h.get_by_role_and_label(Role::Button, "Add a random stop").click();
    h.run_steps(4);
    tab(&mut h, "film");
    assert_eq!(state(&h).film.timeline.keys.len(), 4);
    assert_eq!(state(&h).film.timeline.seconds, 6.0, "four stretches of one and a half seconds");
    h.get_by_label("Key 2 at 1.50 s").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Remove this key").click();
    h.run_steps(4);
    tab(&mut h, "walk");
    h.get_by_role_and_label(Role::Button, "Remove stop 1").click();
    h.run_steps(4);
    tab(&mut h, "film");
    let keys = &state(&h).film.timeline.keys;
    assert_eq!((keys.len(), keys[1].time), (3, 3.0), "keys that somebody set stay");
    h.get_by_role_and_label(Role::Button, "Take the quick loop").click();
    h.run_steps(4);
    assert_eq!(state(&h).film.timeline.keys[1].time, 1.5);
}

#[test]
fn any_picture_can_be_used_in_any_page_by_its_menu() {
    let mut h = explore();
    h.get_by_label("Place 1: seed 1").click_secondary();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Two pictures: right").click();
    h.run_steps(6);
    assert_eq!(h.state().view.tab, "between");
    assert_eq!(state(&h).between.ends[1], Anchor::Seed(1.0));
    assert_eq!(h.state().undo.last().unwrap().0, "use a picture in another page");
    h.key_press(Key::U);
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Open in Activations").click();
    h.run_steps(6);
    assert_eq!(h.state().view.tab, "activations");
    // Samples have theirs in the menu of what is selected.
    tab(&mut h, "samples");
    h.get_by_label("Seed 7").click_secondary();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Use in…").click();
    h.run_steps(6);
    h.get_by_role_and_label(Role::Button, "Quick loop: as the next picture").click();
    h.run_steps(6);
    assert_eq!(state(&h).walk.stops.last(), Some(&Anchor::Seed(7.0)));
}

#[test]
fn kept_pictures_lie_beside_the_history() {
    let stage = Stage::new(ExploreView::default());
    let info = stage.studio.models[0].clone();
    let mut item = crate::engine::fake::items(1).remove(0);
    item.id = 900;
    let mut recipe = item.recipe.clone().expect("it says how it was made");
    (recipe.model_hash, recipe.latent, recipe.truncation) = (info.hash.clone(), Latent::Seed { seed: 77 }, 0.8);
    item.recipe = Some(recipe);
    let filter = crate::engine::ItemFilter { model: Some(info.name.clone()), ..Default::default() };
    stage.engine.hold_answers(false);
    let mut h = harness(stage);
    let items = std::sync::Arc::new(vec![item]);
    h.state().engine.push(Event::Items { filter, items });
    h.run_steps(4);
    h.get_by_label("Kept picture 900: seed 77").click();
    h.run_steps(4);
    assert_eq!((state(&h).here.latent.seed(), state(&h).here.truncation), (Some(77), 0.8));
    assert_eq!(state(&h).provenance, "A kept picture");
    h.get_by_label("Hide kept pictures (1)").click();
    h.run_steps(3);
    assert!(h.query_by_label("Kept picture 900: seed 77").is_none());
}

#[test]
fn pages_that_need_missing_pictures_say_so_before_they_are_asked() {
    let mut engine = crate::engine::fake::Script { models: crate::engine::fake::models(), ..Default::default() };
    engine.latent.without_data.insert("fashion-vae".into());
    let mut stage = Stage::with(ExploreView::default(), ScriptedEngine::with(engine));
    let parcel = Parcel::Explore { model: "fashion-vae".into(), latent: None, truncation: 1.0 };
    stage.call(|view, cx| view.receive(&parcel, cx));
    let mut h = harness(stage);
    for (page, without) in [("atlas", "Make the atlas"), ("codes", "Measure on the data")] {
        tab(&mut h, page);
        assert!(h.query_by_role_and_label(Role::Button, without).is_none(), "{page}");
        assert!(h.query_all_by_label_contains("not on this computer").next().is_some(), "{page}");
        h.state_mut().actions.clear();
        h.get_by_role_and_label(Role::Button, "Choose pictures…").click();
        h.run_steps(3);
        assert!(h.state().actions.iter().any(|a| matches!(a, Action::Pick(_))), "{page}");
    }
    let found = LatentEvent::OwnData { model: "fashion-vae".into() };
    h.state_mut().call(|view, cx| view.on_event(&Event::Latent(found), cx));
    h.run_steps(3);
    assert!(h.query_by_role_and_label(Role::Button, "Measure on the data").is_some());
}

#[test]
fn a_latent_of_two_numbers_opens_as_its_plane() {
    let mut stage = Stage::new(ExploreView::default());
    let parcel = Parcel::Explore { model: "fashion-vae-2d".into(), latent: None, truncation: 1.0 };
    stage.call(|view, cx| view.receive(&parcel, cx));
    let mut h = harness(stage);
    tab(&mut h, "map");
    assert_eq!((state(&h).map.kind, state(&h).map.x), (PlaneKind::Code, 0.0));
    // Labelled pictures lie on it.
    h.get_by_role_and_label(Role::Button, "Show pictures").click();
    h.run_steps(6);
    let asked = |c: &LatentCommand| matches!(c, LatentCommand::CodePlane { data, .. } if data.is_empty());
    assert!(self::asked(&h).iter().any(asked));
    assert!(h.query_by_role_and_label(Role::Button, "Hide pictures").is_some());
    let parcel = Parcel::Explore { model: "nouns-gan".into(), latent: None, truncation: 1.0 };
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    tab(&mut h, "map");
    assert_eq!(state(&h).map.kind, PlaneKind::Here, "another model has no such plane");
}

/// A window of this size without its rail.
fn sized(stage: Stage<ExploreView>, width: f32, height: f32) -> Harness<'static, Stage<ExploreView>> {
    let mut h = Harness::builder()
        .with_size(vec2(width - crate::ui::theme::size::RAIL, height - 60.0))
        .with_max_steps(16)
        .with_context_setup(crate::ui::theme::install_fonts)
        .build_ui_state(|ui, stage: &mut Stage<ExploreView>| stage.show(ui), stage);
    h.run_steps(6);
    h
}

#[test]
fn in_a_small_window_no_bar_is_cut_off() {
    for model in ["nouns-gan", "fashion-vae"] {
        let mut stage = Stage::new(ExploreView::default());
        let parcel = Parcel::Explore { model: model.into(), latent: None, truncation: 1.0 };
        stage.call(|view, cx| view.receive(&parcel, cx));
        let mut h = sized(stage, 960.0, 640.0);
        let edge = 960.0 - crate::ui::theme::size::RAIL - 280.0;
        for row in &TABS {
            tab(&mut h, row.id);
            for role in [Role::Button, Role::RadioButton, Role::ComboBox, Role::CheckBox, Role::SpinButton] {
                for node in h.query_all_by_role(role) {
                    let rect = node.rect();
                    let in_bars = rect.top() < 200.0 && rect.left() < edge;
                    assert!(!in_bars || rect.right() <= edge + 1.0, "{}: {rect:?} of {edge}", row.id);
                }
            }
        }
    }
}

#[test]
fn all_columns_of_children_are_in_sight() {
    let mut h = sized(Stage::new(ExploreView::default()), 1024.0, 700.0);
    let edge = 1024.0 - crate::ui::theme::size::RAIL - 280.0;
    tab(&mut h, "breed");
    h.run_steps(4);
    for child in 1..=12 {
        let right = h.get_by_label(&format!("Child {child}")).rect().right();
        assert!(right <= edge, "child {child}: {right} of {edge}");
    }
}

#[test]
fn what_an_earlier_version_kept_is_read() {
    let mut view = ExploreView::default();
    view.restore(&serde_json::json!({
        "desk": { "here": { "model": "nouns-gan", "latent": { "kind": "seed", "seed": 9 } }, "sheet": { "first": 40 } },
        "tab": "traverse",
        "trail": [{ "model": "nouns-gan", "latent": { "kind": "seed", "seed": 4 }, "truncation": 1.0 }],
    }));
    assert_eq!((view.tab, view.state.here.latent.seed(), view.state.samples.first), ("sliders", Some(9), 40));
    assert_eq!(view.history.stops()[0].viewpoint.latent.seed(), Some(4));
}

#[test]
fn a_dropped_picture_goes_through_the_encoder_of_a_vae() {
    let mut stage = Stage::new(ExploreView::default());
    let vae = stage.studio.models.iter().find(|m| m.family == Family::Vae).unwrap().model.clone();
    let parcel = Parcel::Explore { model: vae, latent: None, truncation: 1.0 };
    stage.call(|view, cx| view.receive(&parcel, cx));
    stage.call(|view, cx| view.receive(&Parcel::Picture("/x/cat.png".into()), cx));
    let mut h = harness(stage);
    let info = h.state().view.info(&h.state().studio).unwrap();
    assert_eq!(info.family, Family::Vae);
    assert!(h.query_by_role_and_label(Role::Button, "Find its latent").is_some(), "it may be looked at closer");
    assert!(h.query_by_role_and_label(Role::Button, "Reconstruction").is_some());
    h.get_by_role_and_label(Role::Button, "Open its latent").click();
    h.run_steps(4);
    assert!(matches!(&state(&h).here.latent, Latent::Point { values } if values.len() == info.latent as usize));
}

#[test]
fn a_picture_is_dropped_chosen_or_pasted_onto_a_corner_of_a_vae() {
    let mut stage = Stage::new(ExploreView::default());
    let vae = stage.studio.models.iter().find(|m| m.family == Family::Vae).unwrap().model.clone();
    stage.call(|view, cx| view.receive(&Parcel::Explore { model: vae, latent: None, truncation: 1.0 }, cx));
    let mut h = harness(stage);
    tab(&mut h, "grid");
    let at = |h: &mut Harness<'static, Stage<ExploreView>>, name: &str| {
        let place = h.get_by_role_and_label(Role::Button, name).rect().center();
        h.hover_at(place);
        h.run_steps(2);
    };
    at(&mut h, "Bottom left corner");
    let taken = h.state_mut().call(|view, cx| view.on_drop(&["/x/cat.png".into()], cx));
    assert!(taken);
    let folder = h.state_mut().call(|view, cx| view.on_drop(&["/x/cats".into()], cx));
    assert!(!folder, "the shell finds out what a folder is");
    h.get_by_role_and_label(Role::Button, "Top right corner").click_secondary();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Put a picture here…").click();
    h.run_steps(4);
    let picked = Parcel::Picked { purpose: tabs::grid::PICK, paths: vec!["/x/dog.png".into()] };
    h.state_mut().call(|view, cx| view.receive(&picked, cx));
    at(&mut h, "Bottom right corner");
    h.event(egui::Event::Paste("/x/a bird.png\n".into()));
    h.run_steps(4);
    let dim = h.state().view.info(&h.state().studio).unwrap().latent as usize;
    for (corner, name) in [(2, "/x/cat.png"), (1, "/x/dog.png"), (3, "/x/a bird.png")] {
        let values = crate::base::rng::Stream::new(1, name).normals(dim);
        assert_eq!(state(&h).grid.anchors[corner], Anchor::At(Latent::Point { values }), "{name}");
    }
    assert_eq!(state(&h).grid.anchors[0], Anchor::Seed(1.0));
}

#[test]
fn the_grid_is_exported_with_its_columns() {
    let mut h = explore();
    tab(&mut h, "grid");
    h.state_mut().call(|view, cx| assert!(view.on_command(UiCommand::Export, cx)));
    h.run_steps(4);
    h.get_by_label("Export path").focus();
    h.run_steps(2);
    h.get_by_label("Export path").type_text("/tmp/out.png");
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let sent = h.state().engine.take_commands().into_iter().find_map(|c| match c {
        Command::Export { latents, options, made_by, .. } => Some((latents.len(), options, made_by)),
        _ => None,
    });
    let (count, options, made_by) = sent.expect("an export is asked for");
    assert_eq!((count, options.columns, made_by.as_str()), (49, 7, "grid"));
    assert_eq!((options.out, options.pattern.as_str()), (PathBuf::from("/tmp"), "out"));
    assert!(h.query_by_label("Open folder").is_some());
}

#[test]
fn what_is_laid_out_is_there_at_the_next_start() {
    let mut view = ExploreView::default();
    view.state.samples.first = 77;
    view.show_page("walk");
    let kept = view.save();
    let mut next = ExploreView::default();
    next.restore(&kept);
    assert_eq!((next.state.samples.first, next.tab), (77, "walk"));
    next.restore(&serde_json::json!("nonsense"));
    assert_eq!(next.state.samples.first, 77);
}

#[test]
fn a_picture_is_dragged_onto_a_corner() {
    let mut h = explore();
    tab(&mut h, "grid");
    let from = h.get_by_role_and_label(Role::Button, "Row 4, column 4").rect().center();
    let to = h.get_by_role_and_label(Role::Button, "Bottom right corner").rect().center();
    let info = h.state().view.info(&h.state().studio).unwrap();
    let middle = h.state().view.at::<Grid>().cells_of(state(&h), &info)[24].clone();
    h.hover_at(from);
    h.run_steps(2);
    h.drag_at(from);
    h.run_steps(1);
    for t in [0.2, 0.5, 1.0] {
        h.hover_at(from + (to - from) * t);
        h.run_steps(1);
    }
    h.drop_at(to);
    h.run_steps(3);
    assert_eq!(state(&h).grid.anchors[3], Anchor::At(middle));
    h.state_mut().take_back();
    assert_eq!(state(&h).grid.anchors[3], Anchor::Seed(4.0));
}

#[test]
fn sliders_and_truncation_move_the_latent_and_can_be_undone() {
    let mut h = explore();
    requests(&h);
    h.get_by_role_and_label(Role::Slider, "Truncation").focus();
    h.run_steps(2);
    h.key_press(Key::ArrowLeft);
    h.run_steps(4);
    let truncation = state(&h).here.truncation;
    assert!(truncation < 1.0);
    assert!(requests(&h).iter().any(|r| r.truncation == truncation && r.latents.len() == 1));
    assert_eq!(h.state().undo.last().unwrap().0, "change truncation");
    h.state_mut().take_back();
    h.run_steps(2);
    assert_eq!(state(&h).here.truncation, 1.0);
    h.get_by_role_and_label(Role::Slider, "Dimension 2").focus();
    h.run_steps(2);
    h.key_press(Key::ArrowRight);
    h.run_steps(4);
    let dim = h.state().view.info(&h.state().studio).unwrap().latent as usize;
    let (before, after) = (Latent::Seed { seed: 1 }.values(dim), state(&h).here.latent.values(dim));
    let moved: Vec<usize> = (0..dim).filter(|&d| before[d] != after[d]).collect();
    assert_eq!(moved, [2], "only this dimension moves");
}

#[test]
fn a_walk_plays_only_frames_that_are_there() {
    let mut h = explore();
    tab(&mut h, "walk");
    h.run_steps(16);
    let walk = requests(&h);
    assert!(walk.iter().any(|r| r.latents.len() >= 8), "frames come in batches");
    h.get_by_role_and_label(Role::Button, "Add a random stop").click();
    h.run_steps(4);
    assert_eq!(state(&h).walk.stops.len(), 4);
    h.get_by_role_and_label(Role::Button, "Remove stop 1").click();
    h.run_steps(4);
    assert_eq!(state(&h).walk.stops[0], Anchor::Seed(2.0));
}

#[test]
fn new_weights_under_the_same_name_are_looked_at_again() {
    let mut h = explore();
    let mut info = h.state().view.info(&h.state().studio).unwrap();
    requests(&h);
    h.run_steps(3);
    assert!(requests(&h).is_empty(), "nothing new is asked for while nothing changes");
    info.hash = "another".into();
    h.state().engine.push(Event::ModelOpened { model: info.model.clone(), info: Box::new(info.clone()) });
    h.run_steps(4);
    let asked = requests(&h);
    assert!(asked.iter().any(|r| r.latents.len() == 36) && asked.iter().any(|r| r.latents.len() == 1), "{asked:?}");
}

#[test]
fn a_checkpoint_of_a_run_is_waited_for() {
    let mut stage = Stage::new(ExploreView::default());
    let model = "/runs/nouns@12.5".to_string();
    stage.engine.hold_answers(true);
    let parcel = Parcel::Explore { model: model.clone(), latent: None, truncation: 1.0 };
    stage.call(|view, cx| view.receive(&parcel, cx));
    let mut h = harness(stage);
    assert_eq!(state(&h).here.model, Some(model.clone()), "it is not given up at once");
    let mut info = crate::engine::fake::models().remove(0);
    info.model.clone_from(&model);
    h.state().engine.hold_answers(false);
    h.state().engine.push(Event::ModelOpened { model: model.clone(), info: Box::new(info) });
    h.run_steps(4);
    assert_eq!(state(&h).here.model, Some(model));
    assert!(h.query_by_label("Seed 1").is_some());
}

/// Explore with the model that has directions, on a tab.
pub(super) fn on_nouns(on: &str) -> Harness<'static, Stage<ExploreView>> {
    let mut stage = Stage::new(ExploreView::default());
    let parcel = Parcel::Explore { model: "nouns-gan".into(), latent: None, truncation: 1.0 };
    stage.call(|view, cx| view.receive(&parcel, cx));
    let mut h = harness(stage);
    tab(&mut h, on);
    h
}

pub(super) fn asked(h: &Harness<'static, Stage<ExploreView>>) -> Vec<LatentCommand> {
    let latent = |c| if let Command::Latent(command) = c { Some(command) } else { None };
    h.state().engine.take_commands().into_iter().filter_map(latent).collect()
}

#[test]
fn a_photo_goes_into_a_gan_and_the_model_comes_closer_to_it() {
    let mut h = on_nouns("samples");
    h.state_mut().call(|view, cx| view.receive(&Parcel::Picture("/x/me.png".into()), cx));
    h.run_steps(8);
    let sent = asked(&h);
    let invert = |c: &LatentCommand| matches!(c, LatentCommand::Invert { model, .. } if model == "nouns-gan");
    assert_eq!(sent.iter().filter(|c| invert(c)).count(), 1, "it is looked for at once, and once");
    assert!(h.query_by_role_and_label(Role::Button, "Your picture").is_some());
    assert!(h.query_by_label("Step on the way").is_some());
    h.state_mut().view.state.here.truncation = 0.5;
    h.get_by_role_and_label(Role::Button, "Open what was found").click();
    h.run_steps(4);
    assert_eq!(state(&h).here.truncation, 1.0, "what was found is seen, not something more usual");
    let found = state(&h).here.latent.clone();
    assert!(matches!(&found, Latent::Point { .. }));
    h.get_by_role_and_label(Role::Button, "Tune the model to it").click();
    h.run_steps(6);
    assert!(asked(&h).iter().any(|c| matches!(c, LatentCommand::Tune { latent, .. } if *latent == found)));
    h.get_by_role_and_label(Role::Button, "Explore the tuned model").click();
    h.run_steps(6);
    assert_ne!(state(&h).here.model.as_deref(), Some("nouns-gan"));
    assert_eq!(state(&h).here.latent, found);
}

#[test]
fn sliders_push_along_directions_and_undo_comes_back() {
    let mut h = on_nouns("directions");
    let start = state(&h).here.latent.clone();
    h.get_by_role_and_label(Role::Slider, "Strength of Warmer").focus();
    h.run_steps(2);
    h.key_press(Key::ArrowRight);
    h.run_steps(4);
    let info = h.state().view.info(&h.state().studio).unwrap();
    let dim = info.latent as usize;
    let script = h.state().engine.script();
    let warmer = script.latent.directions["nouns-gan"].iter().find(|d| d.name == "Warmer").unwrap().clone();
    let by: Vec<f32> = state(&h).here.latent.values(dim).iter().zip(start.values(dim)).map(|(a, b)| a - b).collect();
    let strength = by[0] / warmer.values[0];
    assert!(strength > 0.0 && by.iter().zip(&warmer.values).all(|(b, w)| (b - strength * w).abs() < 1e-4));
    assert_eq!(h.state().undo.last().unwrap().0, "push along a direction");
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, start);
    // The strip of another, and what can be done with it.
    h.get_by_label("Glasses").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Glasses at +3 σ").click();
    h.run_steps(4);
    assert_ne!(state(&h).here.latent, start);
    asked(&h);
    h.get_by_role_and_label(Role::Button, "Take the others out of Glasses").click();
    h.get_by_role_and_label(Role::Button, "Find").click();
    h.run_steps(6);
    let sent = asked(&h);
    assert!(sent.iter().any(|c| matches!(c, LatentCommand::SeparateDirection { name, .. } if name == "Glasses")));
    assert!(sent.iter().any(|c| matches!(c, LatentCommand::FindDirections { .. })));
    assert!(h.query_by_label("Strength of Axis 1").is_some(), "what was found is there to push along");
}

#[test]
fn a_map_is_panned_zoomed_and_stood_on() {
    let mut h = on_nouns("map");
    h.state_mut().view.state.map.kind = PlaneKind::Through;
    h.run_steps(4);
    let tiles = |sent: &[LatentCommand]| {
        let one = |c: &LatentCommand| {
            if let LatentCommand::MapTiles { zoom, tiles, .. } = c { Some((*zoom, tiles.len())) } else { None }
        };
        sent.iter().find_map(one)
    };
    let first = tiles(&asked(&h)).expect("tiles are asked for");
    assert!(first.1 > 3);
    h.get_by_role_and_label(Role::Button, "Zoom in").click();
    h.run_steps(4);
    assert_eq!(tiles(&asked(&h)).unwrap().0, first.0 + 1);
    // Another truncation is another map: tiles of the old one that still come are not shown.
    let truncation = state(&h).here.truncation;
    h.state_mut().view.state.here.truncation = 0.5;
    h.run_steps(4);
    let ids: Vec<(u64, bool)> = asked(&h)
        .iter()
        .filter_map(|c| {
            if let LatentCommand::MapTiles { map, tiles, .. } = c { Some((*map, tiles.is_empty())) } else { None }
        })
        .collect();
    assert!(ids.len() >= 2 && ids[0].1 && !ids[1].1 && ids[0].0 != ids[1].0, "{ids:?}");
    h.state_mut().view.state.here.truncation = truncation;
    h.run_steps(4);
    h.get_by_role_and_label(Role::Canvas, "Latent map").click();
    h.run_steps(4);
    // The middle of the cell under the pointer, which is in the middle of the map.
    let cell = libm::exp2(f64::from(-(first.0 + 1))) / f64::from(crate::latent::map::CELLS);
    let at = ((0.5 / cell).floor() + 0.5) * cell;
    let info = h.state().view.info(&h.state().studio).unwrap();
    let plane = map::plane(state(&h), &info, &[]).unwrap();
    let expected = plane.at(&crate::latent::latent_math::Dims::of(&info), at, at).unwrap();
    assert_eq!(state(&h).here.latent, expected);
    h.state_mut().take_back();
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 1 });
}
