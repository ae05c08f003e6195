use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::super::data::testing::{Stage, harness, shot};
use super::*;
use crate::engine::fake::ScriptedEngine;
use crate::ui::action::Action;
use crate::ui::theme::Mode;

type Bench = Harness<'static, Stage<LearnView>>;

fn learning() -> Bench {
    harness(Stage::new(LearnView::default(), ScriptedEngine::fresh()), 1216.0, 900.0, Mode::Dark)
}

fn press(harness: &mut Bench, role: Role, name: &str) {
    harness.get_by_role_and_label(role, name).scroll_to_me();
    harness.run_ok();
    harness.get_by_role_and_label(role, name).click();
    harness.run_ok();
}

fn started(harness: &Bench) -> Vec<crate::recipe::Recipe> {
    let recipe = |c| match c {
        Command::StartRun { recipe, .. } => Some(*recipe),
        _ => None,
    };
    harness.state().engine.commands().into_iter().filter_map(recipe).collect()
}

#[test]
fn a_gan_and_a_vae_are_trained_on_the_same_pictures_side_by_side() {
    let mut harness = learning();
    press(&mut harness, Role::Button, "Start both");
    let recipes = started(&harness);
    let models: Vec<(&str, &str)> = recipes.iter().map(|r| (r.model.id.as_str(), r.data.source.as_str())).collect();
    assert_eq!(models, [("res-gan", "fashion"), ("conv-vae", "fashion")]);
    harness.run_ok();
    shot(&mut harness, "learn-two");
    // One is on, the other waits for it; both can be ended at once.
    assert!(harness.query_by_role_and_label(Role::Button, "Open the run GAN").is_some());
    assert!(harness.query_by_label("Begins when the run before it ends").is_some());
    assert!(harness.query_by_role_and_label(Role::Button, "Start both").is_none());
    press(&mut harness, Role::Button, "Stop the lesson");
    let stops = harness.state().engine.commands().into_iter();
    assert_eq!(stops.filter(|c| matches!(c, Command::ControlRun { control: Control::Stop, .. })).count(), 2);
}

#[test]
fn collapse_is_shown_with_and_without_the_penalty() {
    let mut harness = learning();
    press(&mut harness, Role::RadioButton, "Lesson: Collapse");
    press(&mut harness, Role::Button, "Start both");
    let penalties: Vec<bool> = started(&harness).iter().map(|r| r.objective.r1 || r.objective.r2).collect();
    assert_eq!(penalties, [true, false]);
}

#[test]
fn the_plane_of_two_numbers_is_made_by_the_shipped_model_and_leads_into_it() {
    let mut harness = learning();
    press(&mut harness, Role::RadioButton, "Lesson: Latent space");
    harness.run_ok();
    shot(&mut harness, "learn-plane");
    let asked = harness.state().engine.commands().into_iter().find_map(|c| match c {
        Command::Generate(request) => Some((request.model, request.latents.len())),
        _ => None,
    });
    assert_eq!(asked, Some(("fashion-vae-2d".into(), 121)));
    // What classes need is said before they are asked for; then they are called by their names.
    assert!(harness.query_by_label_contains("which are on this computer").is_some());
    press(&mut harness, Role::Button, "Show classes");
    harness.run_ok();
    shot(&mut harness, "learn-classes");
    for class in ["Shirt", "Bag", "Boot"] {
        assert!(harness.query_by_label(class).is_some(), "{class}");
    }
    assert!(harness.query_by_role_and_label(Role::Button, "Show classes").is_none());
    press(&mut harness, Role::Button, "Latent 0, 0");
    let leads = harness.state().said.iter().any(|a| matches!(a, Action::Deliver(ViewId::Explore, _)));
    assert!(leads);
}

#[test]
fn the_slider_goes_through_runs_with_different_beta() {
    let mut harness = learning();
    press(&mut harness, Role::RadioButton, "Lesson: β");
    press(&mut harness, Role::Button, "Start all");
    assert_eq!(started(&harness).iter().map(|r| r.objective.beta.start).collect::<Vec<_>>(), BETAS);
    harness.get_by_role_and_label(Role::Slider, "β").set_value_accesskit(3.0);
    harness.run_ok();
    assert_eq!(harness.state().view.beta, 3);
    shot(&mut harness, "learn-beta");
}

#[test]
fn terms_are_found_by_what_they_are_called_and_what_they_mean() {
    let mut harness = learning();
    press(&mut harness, Role::RadioButton, "Lesson: Glossary");
    shot(&mut harness, "learn-words");
    assert!(harness.query_by_label("Truncation").is_some());
    harness.get_by_role_and_label(Role::TextInput, "Find a term").focus();
    harness.run_ok();
    harness.get_by_role_and_label(Role::TextInput, "Find a term").type_text("kimg");
    harness.run_ok();
    assert!(harness.query_by_label("kimg").is_some() && harness.query_by_label("Truncation").is_none());
}

#[test]
fn the_plane_says_that_its_pictures_are_missing_and_takes_them() {
    let mut script = ScriptedEngine::fresh().script();
    script.latent.without_data.insert("fashion-vae-2d".into());
    let engine = ScriptedEngine::with(script);
    let mut harness = harness(Stage::new(LearnView::default(), engine), 1216.0, 900.0, Mode::Dark);
    press(&mut harness, Role::RadioButton, "Lesson: Latent space");
    harness.run_ok();
    assert!(harness.query_by_role_and_label(Role::Button, "Show classes").is_none());
    press(&mut harness, Role::Button, crate::ui::widgets::own_data::CHOOSE);
    let pick = harness.state().said.iter().any(|a| matches!(a, Action::Pick(pick) if pick.view == ViewId::Learn));
    assert!(pick, "the answer comes to this view");
}
