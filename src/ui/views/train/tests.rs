//! Training: what is shared by its tests, and what concerns the whole view.

mod charts;
mod setup;
mod watch;

use std::sync::Arc;

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::super::data::testing::{Stage, harness, shot};
use super::*;
use crate::engine::fake::ScriptedEngine;
use crate::engine::{Course, Evidence, Finding, Remedy};
use crate::recipe::Edit;
use crate::ui::theme::Mode;

type Bench = Harness<'static, Stage<TrainView>>;

const WIDE: f32 = 1216.0;
const HIGH: f32 = 900.0;

fn stage(engine: ScriptedEngine) -> Stage<TrainView> {
    Stage::new(TrainView::default(), engine)
}

/// A run is being set up on a source that was looked through.
fn setting_up() -> Bench {
    let mut stage = stage(ScriptedEngine::fresh());
    stage.receive(&ViewMessage::Source("/pictures/nouns".into()));
    harness(stage, WIDE, HIGH, Mode::Dark)
}

/// The run of this name is watched.
fn watching(name: &str) -> Bench {
    let mut stage = stage(ScriptedEngine::new());
    let dir = stage.studio.runs.iter().find(|r| r.name == name).unwrap().dir.clone();
    stage.receive(&ViewMessage::Run(dir));
    let mut harness = harness(stage, WIDE, HIGH, Mode::Dark);
    harness.run_ok();
    harness
}

fn commands(harness: &Bench) -> Vec<Command> {
    harness.state().engine.commands()
}

fn controls(harness: &Bench) -> Vec<Control> {
    let control = |c| match c {
        Command::ControlRun { control, .. } => Some(control),
        _ => None,
    };
    commands(harness).into_iter().filter_map(control).collect()
}

fn press(harness: &mut Bench, role: Role, name: &str) {
    // What lies below the fold is scrolled to first, as a person would.
    harness.get_by_role_and_label(role, name).scroll_to_me();
    harness.run_ok();
    harness.get_by_role_and_label(role, name).click();
    harness.run_ok();
}

#[test]
fn what_was_chosen_is_kept_for_the_next_start() {
    let mut view = TrainView::default();
    view.curves.settings.smoothing = 0.25;
    view.recipe.optim.batch = 48;
    let mut next = TrainView::default();
    next.restore(&view.save());
    assert_eq!(next.curves.settings.smoothing, 0.25);
    assert_eq!(next.recipe.optim.batch, 48);
    next.restore(&json!({ "recipe": 3, "charts": null }));
    assert_eq!(next.recipe.optim.batch, 48);
}

#[test]
fn it_fits_small_windows_and_reads_well_in_light() {
    for (name, w, h, mode) in [
        ("train-light", WIDE, HIGH, Mode::Light),
        ("train-small", 860.0, 480.0, Mode::Dark),
        ("train-narrow", 510.0, 480.0, Mode::Dark),
    ] {
        let mut stage = stage(ScriptedEngine::new());
        let dir = stage.studio.runs[0].dir.clone();
        stage.receive(&ViewMessage::Run(dir));
        let mut harness = harness(stage, w, h, mode);
        harness.run_ok();
        shot(&mut harness, name);
        for button in ["Stop", "Pause", "New run"] {
            let rect = harness.get_by_role_and_label(Role::Button, button).rect();
            assert!(rect.left() >= 0.0 && rect.right() <= w, "{name}: {button} {rect:?}");
        }
    }
}
