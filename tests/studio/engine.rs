//! The engine as the window uses it: real runs in processes of their own, followed, killed, resumed, explored.

use std::path::Path;
use std::time::{Duration, Instant};

use latent_studio::base::paths::Paths;
use latent_studio::engine::studio::StudioEngine;
use latent_studio::engine::{
    Command, Control, Engine, Event, ExportOptions, GenerateRequest, PictureAnswer, RunState, RunSummary,
};
use latent_studio::recipe::Recipe;
use latent_studio::recipe::picture::Latent;
use latent_studio::train::folder::RunFolder;

#[cfg(target_os = "linux")]
use crate::common::process_of;
use crate::common::{Home, pictures};

struct Window {
    engine: StudioEngine,
    seen: Vec<Event>,
}

impl Window {
    /// A window of this world, whose runs are real processes in it.
    fn open(home: &Home) -> Self {
        let engine = crate::common::engine(home);
        Self { engine, seen: Vec::new() }
    }

    /// Polls until some event is what is waited for; what came before it is dropped.
    fn until<T>(&mut self, what: &str, mut done: impl FnMut(&Event) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            self.seen.extend(self.engine.poll());
            for i in 0..self.seen.len() {
                if let Some(found) = done(&self.seen[i]) {
                    self.seen.drain(..=i);
                    return found;
                }
            }
            assert!(
                start.elapsed() < Duration::from_secs(240),
                "waited for {what}; saw {:.900}",
                format!("{:?}", self.seen)
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn until_run(&mut self, what: &str, is: impl Fn(&RunSummary) -> bool) -> RunSummary {
        self.until(what, |e| match e {
            Event::Run(run) if is(run) => Some((**run).clone()),
            _ => None,
        })
    }
}

fn recipe(home: &Home, model: &str, name: &str) -> Box<Recipe> {
    let mut recipe = Recipe { name: name.into(), ..Recipe::default() };
    recipe.data.source = pictures(&home.path("pictures"), 20, 16);
    recipe.data.resolution = 16.into();
    recipe.model.id = model.into();
    (recipe.model.width, recipe.model.narrow, recipe.model.latent) = (16, 8, 8);
    recipe.optim.batch = 4;
    (recipe.run.kimg, recipe.run.checkpoint_kimg, recipe.run.preview_kimg) = (500.0, 0.04, 0.04);
    recipe.run.telemetry_steps = 2;
    Box::new(recipe)
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_is_watched_killed_resumed_stopped_and_explored() {
    let home = Home::new();
    let mut window = Window::open(&home);
    window.engine.send(Command::StartRun {
        recipe: recipe(&home, "res-gan", "squares"),
        from: None,
        device: "cpu".into(),
    });
    let dir = window.until_run("training", |r| r.state == RunState::Training).dir;
    window.until("numbers", |e| match e {
        Event::RunReadings { readings, .. } => readings.iter().any(|r| !r.values.is_empty()).then_some(()),
        _ => None,
    });
    window.until("samples", |e| match e {
        Event::RunPreview { live: true, preview, .. } => (!preview.samples.is_empty()).then_some(()),
        _ => None,
    });
    let run = window.until_run("a checkpoint", |r| !r.checkpoints.is_empty());

    let pid = process_of(&dir);
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    let killed = window.until_run("its end", |r| r.state == RunState::Interrupted);
    let problem = killed.problem.unwrap();
    assert!(problem.detail.unwrap().contains("signal 9") && problem.remedy.unwrap().contains("Resume"));

    // The window is alive, and the last checkpoint can be explored at once.
    let model = dir.to_string_lossy().into_owned();
    window.engine.send(Command::OpenModel { model: model.clone() });
    window.until("the model", |e| matches!(e, Event::ModelOpened { .. }).then_some(()));
    let latents = vec![Latent::Seed { seed: 1 }, Latent::Seed { seed: 2 }];
    let request = GenerateRequest { slot: 1, ticket: 1, model, latents, truncation: 1.0 };
    window.engine.send(Command::Generate(request));
    window.until("pictures", |e| match e {
        Event::Generated { pictures, .. } => (pictures.len() == 2 && pictures[0].width == 16).then_some(()),
        _ => None,
    });

    window.engine.send(Command::ResumeRun {
        dir: dir.clone(),
        kimg: None,
        device: "cpu".into(),
        pictures: PictureAnswer::default(),
    });
    let before = run.checkpoints.last().unwrap().images;
    window.until_run("more training", |r| r.state == RunState::Training && r.progress.images > before);
    window.engine.send(Command::ControlRun { dir: dir.clone(), control: Control::Pause });
    window.until_run("the pause", |r| r.state == RunState::Paused);
    let control = Control::Edit { key: "optim.lr".into(), value: 0.0001.into() };
    window.engine.send(Command::ControlRun { dir: dir.clone(), control });
    window.engine.send(Command::ControlRun { dir: dir.clone(), control: Control::Resume });
    window.until("the edit", |e| matches!(e, Event::RunEdited { edit, .. } if edit.key == "optim.lr").then_some(()));
    window.engine.send(Command::ControlRun { dir: dir.clone(), control: Control::Stop });
    let end = window.until_run("the stop", |r| r.state == RunState::Stopped);
    assert!(end.recipe.optim.lr.at(0) == 0.0001);
    window.engine.send(Command::LoadRun { dir });
    window.until("its history", |e| match e {
        Event::RunLoaded { readings, edits, previews, .. } => {
            // Validation is a reading of its own, at the same place as the one before it.
            let twice = readings.windows(2).find(|w| w[0].images > w[1].images || w[0] == w[1]);
            assert!(twice.is_none(), "a reading twice: {twice:?}");
            assert!(edits.len() == 1 && !previews.is_empty());
            Some(())
        }
        _ => None,
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_outlives_the_window_and_is_found_again() {
    let home = Home::new();
    let mut window = Window::open(&home);
    let vae = recipe(&home, "conv-vae", "lasting");
    window.engine.send(Command::StartRun { recipe: vae, from: None, device: "cpu".into() });
    let dir = window.until_run("training", |r| r.state == RunState::Training).dir;
    window.engine.shut_down();
    drop(window);
    let mut again = Window::open(&home);
    again.engine.send(Command::ListRuns);
    let runs = again.until("the list", |e| if let Event::Runs(runs) = e { Some(runs.clone()) } else { None });
    assert_eq!((runs.len(), runs[0].state), (1, RunState::Training));
    again.until("its numbers", |e| matches!(e, Event::RunReadings { .. }).then_some(()));
    again.engine.send(Command::ControlRun { dir: dir.clone(), control: Control::Stop });
    again.until_run("the stop", |r| r.state == RunState::Stopped && !r.checkpoints.is_empty());

    // A VAE takes a picture in, and what is exported of it carries its recipe.
    let model = dir.to_string_lossy().into_owned();
    let path = home.path("pictures/0003.png");
    again.engine.send(Command::Encode { slot: 2, model: model.clone(), path });
    let (latent, near) = again.until("its code, with neighbours", |e| match e {
        Event::Encoded { latent, neighbours, .. } if !neighbours.is_empty() => Some((latent.clone(), neighbours.len())),
        _ => None,
    });
    assert!(near >= 5);
    let options = ExportOptions { out: home.path("out"), ..ExportOptions::default() };
    std::fs::create_dir_all(home.path("out")).unwrap();
    let made_by = "reconstruction".to_string();
    let latents = vec![latent];
    again.engine.send(Command::Export { job: 1, model, latents, truncation: 1.0, made_by, options });
    let files =
        again.until("the file", |e| if let Event::Exported { files, .. } = e { Some(files.clone()) } else { None });
    assert!(home.ok(&["reproduce", files[0].to_str().unwrap()]).contains("exact"));
}

#[cfg(target_os = "linux")]
#[test]
fn what_waits_starts_without_a_window() {
    let home = Home::new();
    let mut window = Window::open(&home);
    window.engine.send(Command::StartRun {
        recipe: recipe(&home, "res-gan", "first"),
        from: None,
        device: "cpu".into(),
    });
    let first = window.until_run("training", |r| r.state == RunState::Training).dir;
    for name in ["second", "third"] {
        let mut short = recipe(&home, "conv-vae", name);
        short.run.kimg = 0.08;
        window.engine.send(Command::StartRun { recipe: short, from: None, device: "cpu".into() });
        window.until_run("its place in the queue", |r| r.state == RunState::Queued && r.name == name);
    }
    // As long as the window is open, it is the window that starts the next one, and not twice.
    window.engine.shut_down();
    drop(window);
    let folder = |name: &str| RunFolder::open(&Paths::under(&home.path("home")).runs().join(name)).unwrap();
    assert!(folder("first").is_locked() && folder("second").status().is_none());
    RunFolder::open(&first).unwrap().send_control(&Control::Stop).unwrap();
    let start = Instant::now();
    let ended = |name: &str| if name == "first" { RunState::Stopped } else { RunState::Finished };
    let done = |name: &str| folder(name).status().is_some_and(|s| s.state == ended(name));
    while !(done("first") && done("second") && done("third")) {
        assert!(start.elapsed() < Duration::from_secs(120), "they did not follow each other");
        std::thread::sleep(Duration::from_millis(20));
    }
    let began = |name: &str| std::fs::metadata(folder(name).dir().join("lock")).unwrap().modified().unwrap();
    assert!(began("second") <= began("third"));
    let mut again = Window::open(&home);
    again.engine.send(Command::ListRuns);
    let runs = again.until("the list", |e| if let Event::Runs(runs) = e { Some(runs.clone()) } else { None });
    assert!(runs.iter().all(|r| r.state == ended(&r.name)), "{runs:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_waits_starts_without_a_window_also_when_the_run_before_it_is_killed() {
    let home = Home::new();
    let mut window = Window::open(&home);
    let first = recipe(&home, "res-gan", "first");
    window.engine.send(Command::StartRun { recipe: first, from: None, device: "cpu".into() });
    let first = window.until_run("training", |r| r.state == RunState::Training).dir;
    let mut short = recipe(&home, "conv-vae", "second");
    short.run.kimg = 0.08;
    window.engine.send(Command::StartRun { recipe: short, from: None, device: "cpu".into() });
    let second = window.until_run("its place in the queue", |r| r.state == RunState::Queued).dir;
    window.engine.shut_down();
    drop(window);
    let pid = process_of(&first).to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let second = RunFolder::open(&second).unwrap();
    let start = Instant::now();
    while second.status().is_none_or(|s| s.state != RunState::Finished) {
        assert!(start.elapsed() < Duration::from_secs(120), "the second run was never started");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_folder_vanishes_ends_and_is_told() {
    let home = Home::new();
    let mut window = Window::open(&home);
    window.engine.send(Command::StartRun {
        recipe: recipe(&home, "conv-vae", "gone"),
        from: None,
        device: "cpu".into(),
    });
    let dir = window.until_run("a checkpoint", |r| !r.checkpoints.is_empty()).dir;
    let pid = process_of(&dir);
    std::fs::rename(&dir, home.path("elsewhere")).unwrap();
    let problem = window.until("the message", |e| match e {
        Event::RunMessage { problem, .. } if problem.what.contains("folder is gone") => Some(problem.clone()),
        _ => None,
    });
    assert!(problem.remedy.is_some() && problem.subject.is_some_and(|s| s.contains("gone")));
    let start = Instant::now();
    while Path::new(&format!("/proc/{pid}/cmdline")).exists()
        && !std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().is_empty()
    {
        assert!(start.elapsed() < Duration::from_secs(20), "its process works on without a folder");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!dir.join("checkpoints").exists(), "nothing is made in its place");
    // Brought back, it goes on.
    std::fs::rename(home.path("elsewhere"), &dir).unwrap();
    window.engine.send(Command::ListRuns);
    window.engine.send(Command::ResumeRun {
        dir: dir.clone(),
        kimg: None,
        device: "cpu".into(),
        pictures: PictureAnswer::default(),
    });
    window.until_run("training again", |r| r.state == RunState::Training);
    window.engine.send(Command::ControlRun { dir, control: Control::Stop });
    window.until_run("the stop", |r| r.state == RunState::Stopped);
}

#[test]
fn a_model_is_scored_beside_everything_else_and_the_scores_are_kept() {
    let home = Home::new();
    let mut window = Window::open(&home);
    let model = "shapes-beta-vae".to_string();
    let evaluate = |job, metrics: &[&str], count| Command::Evaluate {
        job,
        model: model.clone(),
        data: Some("shapes:150".into()),
        metrics: metrics.iter().map(|m| (*m).to_string()).collect(),
        count,
    };
    window.engine.send(evaluate(7, &["kid", "mig", "memory"], 40));
    let found = window.until("scores", |e| match e {
        Event::Evaluated { job: Some(7), evaluation, .. } => Some(evaluation.clone()),
        _ => None,
    });
    let names: Vec<&str> = found.scores.iter().map(|s| s.name.as_str()).collect();
    assert_eq!((names, found.suspects.len()), (vec!["kid", "mig", "memorisation"], 16));
    window.until("the end", |e| matches!(e, Event::JobEnded { job: 7, problem: None }).then_some(()));

    // A long one can be ended, and what was known before is still known.
    window.engine.send(evaluate(8, &["kid"], 50_000));
    window.until("progress", |e| {
        matches!(e, Event::Job { job: 8, title, .. } if title.contains("samples")).then_some(())
    });
    window.engine.send(Command::Cancel { job: 8 });
    window.until("the end", |e| matches!(e, Event::JobEnded { job: 8, problem: Some(_) }).then_some(()));
    window.engine.send(Command::KnownScores { model: model.clone() });
    let known = window.until("known scores", |e| match e {
        Event::Evaluated { job: None, evaluation, .. } => Some(evaluation.scores.clone()),
        _ => None,
    });
    assert_eq!(known, found.scores);
}
