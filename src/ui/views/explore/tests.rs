mod history;
mod inside;
mod making;
mod pages;

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
fn samples_are_ranked_by_a_phrase_and_go_back_to_the_order_of_seeds() {
    let mut h = explore();
    let before = state(&h).samples.first;
    h.get_by_label("Rank by a phrase").focus();
    h.run_steps(2);
    h.get_by_label("Rank by a phrase").type_text("a smiling face");
    h.run_steps(3);
    h.state().engine.take_commands();
    h.get_by_role_and_label(Role::Button, "Rank").click();
    h.run_steps(8);
    let sent = h.state().engine.take_commands();
    let ranked = sent.iter().find_map(|c| match c {
        Command::Latent(LatentCommand::Rank { latents, text, .. }) => Some((latents.len(), text.as_str())),
        _ => None,
    });
    assert_eq!(ranked, Some((36, "a smiling face")));
    let first = |sent: Vec<Command>| {
        let mut sheets = sent.into_iter().filter_map(|c| match c {
            Command::Generate(r) if r.latents.len() == 36 => r.latents[0].seed(),
            _ => None,
        });
        sheets.next_back()
    };
    assert_eq!(first(sent), Some(before + 35), "the scripted engine likes the last one best");
    assert!(h.query_by_label("Best first").is_some());
    h.get_by_role_and_label(Role::Button, "In order of seeds").click();
    h.run_steps(6);
    assert_eq!(first(h.state().engine.take_commands()), Some(before));
    assert!(h.query_by_label("Best first").is_none());
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
fn a_dropped_picture_goes_through_the_encoder_of_a_vae() {
    let mut stage = Stage::new(ExploreView::default());
    let vae = stage.studio.models.iter().find(|m| m.family == Family::Vae).unwrap().model.clone();
    let parcel = ViewMessage::Explore { model: vae, latent: None, truncation: 1.0, from: None };
    stage.call(|view, cx| view.receive(&parcel, cx));
    stage.call(|view, cx| view.receive(&ViewMessage::Picture("/x/cat.png".into()), cx));
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
    stage.call(|view, cx| {
        view.receive(&ViewMessage::Explore { model: vae, latent: None, truncation: 1.0, from: None }, cx)
    });
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
    let picked = ViewMessage::Picked { purpose: tabs::grid::PICK, paths: vec!["/x/dog.png".into()] };
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
    let parcel = ViewMessage::Explore { model: model.clone(), latent: None, truncation: 1.0, from: None };
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
    let parcel = ViewMessage::Explore { model: "nouns-gan".into(), latent: None, truncation: 1.0, from: None };
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
    h.state_mut().call(|view, cx| view.receive(&ViewMessage::Picture("/x/me.png".into()), cx));
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
