//! The window over the real engine, by role and name: from a pasted path to a run that is killed and resumed, to a picture
//! that is kept, exported, made again and dropped on the window.

use std::time::{Duration, Instant};

use egui::{Key, Modifiers, Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use latent_studio::engine::{RunState, RunSummary};
use latent_studio::export::read_recipe;
use latent_studio::recipe::picture::Latent;
use latent_studio::ui::action::{Action, Pick};
use latent_studio::ui::app::Options;
use latent_studio::ui::file_dialog::{Answer, FilePicker};
use latent_studio::ui::{StudioApp, ViewId};

use crate::common::{Home, engine, pictures, process_of};

struct Nobody;

impl FilePicker for Nobody {
    fn open(&self, _pick: &Pick, answer: Answer) {
        answer(Ok(Vec::new()));
    }
}

struct Window {
    harness: Harness<'static, StudioApp>,
}

impl Window {
    fn open(home: &Home) -> Self {
        let (paths, engine) = (home.paths(), engine(home));
        let harness = Harness::builder().with_size(vec2(1280.0, 800.0)).build_eframe(move |_| {
            let options = Options { picker: Box::new(Nobody), still: true, remember: false, ..Options::default() };
            StudioApp::new(Box::new(engine), paths, options)
        });
        Self { harness }
    }

    fn until(&mut self, what: &str, is: impl Fn(&Harness<'static, StudioApp>) -> bool) {
        let start = Instant::now();
        while !is(&self.harness) {
            assert!(start.elapsed() < Duration::from_secs(120), "waited for {what}");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(10));
        }
        self.harness.run_steps(3);
    }

    /// Waits until a button is there and can be pressed, then presses it.
    fn press(&mut self, name: &str) {
        let button = |h: &Harness<'static, StudioApp>| {
            h.query_all_by_role_and_label(Role::Button, name).any(|n| !n.accesskit_node().is_disabled())
        };
        self.until(name, button);
        self.harness.get_by_role_and_label(Role::Button, name).click();
        self.harness.run_steps(3);
    }

    fn type_into(&mut self, field: &str, text: &str) {
        self.harness.get_by_label(field).focus();
        self.harness.run_steps(2);
        // In place of what is there.
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.harness.run_steps(2);
        self.harness.get_by_label(field).type_text(text);
        self.harness.run_steps(3);
    }

    fn until_run(&mut self, what: &str, is: impl Fn(&RunSummary) -> bool) -> RunSummary {
        self.until(what, |h| h.state().studio().selected_run().is_some_and(&is));
        self.harness.state().studio().selected_run().unwrap().clone()
    }
}

#[test]
fn from_a_pasted_path_to_a_picture_that_is_made_again() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 40, 16);
    let mut w = Window::open(&home);
    w.until("Home", |h| h.query_by_label("Path").is_some());
    w.type_into("Path", &source);
    w.press("Open path");
    w.until("the survey", |h| h.state().studio().surveys.contains_key(&source));
    assert_eq!(w.harness.state().active(), ViewId::Data);
    w.press("Train on these…");
    w.press("Quick VAE");
    w.press("Start training");
    let run = w.until_run("training", |r| r.state == RunState::Training && r.progress.images > 0);
    w.press("Checkpoint now");
    w.until_run("a checkpoint", |r| !r.checkpoints.is_empty());
    let killed = std::process::Command::new("kill").args(["-9", &process_of(&run.dir).to_string()]).status();
    assert!(killed.unwrap().success());
    let saved =
        w.until_run("its interruption", |r| r.state == RunState::Interrupted).checkpoints.last().unwrap().images;
    assert!(w.harness.query_all_by_label("The run ended without giving a reason").count() > 0);
    w.press("Resume");
    w.until_run("going on", |r| r.state == RunState::Training && r.progress.images > saved);
    w.press("Stop");
    w.until_run("its end", |r| r.state == RunState::Stopped && r.checkpoints.last().unwrap().images > saved);

    w.press("Explore this model");
    w.until("the model", |h| h.state().active() == ViewId::Explore && !h.state().studio().opened.is_empty());
    w.until("the present picture", |h| h.query_by_label("Seed 3").is_some());
    w.harness.get_by_label("Seed 3").click();
    w.harness.run_steps(3);
    w.harness.key_press(Key::Period);
    w.harness.run_steps(3);
    w.harness.key_press_modifiers(Modifiers::COMMAND, Key::Num6);
    w.until("the kept picture", |h| h.query_all_by_role(Role::ListBoxOption).count() == 1);
    w.harness.get_by_role(Role::ListBoxOption).click();
    w.harness.run_steps(3);
    w.harness.key_press_modifiers(Modifiers::COMMAND, Key::E);
    w.harness.run_steps(3);
    let out = home.path("out");
    std::fs::create_dir(&out).unwrap();
    w.type_into("Export path", out.to_str().unwrap());
    w.press("Export");
    let written = || {
        std::fs::read_dir(&out)
            .unwrap()
            .filter_map(|e| Some(e.ok()?.path()))
            .find(|p| p.extension().is_some_and(|e| e == "png"))
    };
    w.until("the exported picture", |_| written().is_some());
    w.harness.run_steps(3);
    let file = written().unwrap();
    let recipe = read_recipe(&file).unwrap().unwrap();
    assert_eq!((recipe.model.as_str(), &recipe.latent), (run.name.as_str(), &Latent::Seed { seed: 3 }));
    assert!(home.ok(&["reproduce", file.to_str().unwrap()]).starts_with("pixel-exact"));

    // Dropped on another window of this world it brings its model and latent back.
    drop(w);
    let mut w = Window::open(&home);
    w.until("the models", |h| h.state().studio().models_known && h.state().studio().runs_known);
    w.harness.state_mut().act(Action::Open(vec![file]));
    let seed = |h: &Harness<'static, StudioApp>| {
        h.query_by_label("Seed").and_then(|field| field.accesskit_node().numeric_value())
    };
    w.until("its place", |h| h.state().active() == ViewId::Explore && seed(h) == Some(3.0));
    let model = w.harness.state().studio().selected_model().unwrap();
    assert_eq!(model.hash, recipe.model_hash);
}
