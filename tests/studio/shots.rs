//! The README's pictures, made by the real window over the real engine with the shipped models and a run that learns:
//!
//! ```sh
//! LATENT_STUDIO_PICTURES=FOLDER cargo test --release --test studio shots -- --ignored --nocapture
//! ```
//!
//! writes `assets/screenshots` (a person's way from pictures to films) and `assets/models` (a contact sheet of each
//! shipped model). `LATENT_STUDIO_SHOTS` names another folder; there every view is drawn too, in other sizes and themes,
//! to look at. `LATENT_STUDIO_PICTURE` is a picture of clothes for the VAE to look at; without it that view is left out.
//! `LATENT_STUDIO_KIMG` makes the run shorter than its preset.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers, Role, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use latent_studio::base::paths::{Paths, source_tree};
use latent_studio::engine::{Command, RunState};
use latent_studio::recipe::picture::Latent;
use latent_studio::ui::action::Action;
use latent_studio::ui::app::Options;
use latent_studio::ui::command::UiCommand;
use latent_studio::ui::file_dialog::{Answer, FilePicker};
use latent_studio::ui::views::VIEWS;
use latent_studio::ui::{StudioApp, ViewId, ViewMessage};

use crate::common::{Home, engine, process_of};

/// Shipped models, with how many columns their contact sheet has.
const MODELS: [&str; 6] =
    ["emoji-faces-gan", "nouns-gan", "nouns-style-gan", "fashion-vae", "fashion-vae-2d", "shapes-beta-vae"];

struct Nobody;

impl FilePicker for Nobody {
    fn open(&self, _pick: &latent_studio::ui::action::Pick, answer: Answer) {
        answer(Ok(Vec::new()));
    }
}

/// A window that is drawn, and where its pictures go.
struct Stage {
    harness: Harness<'static, StudioApp>,
    folder: PathBuf,
    ending: String,
}

impl Stage {
    fn open(home: &Home, folder: &Path, ending: &str, size: Vec2, pixels: f32) -> Self {
        let paths = Paths::under(&home.path("home"));
        let engine = engine(home);
        let harness =
            Harness::builder().with_size(size).with_pixels_per_point(pixels).with_max_steps(60).wgpu().build_eframe(
                move |_| {
                    let options =
                        Options { picker: Box::new(Nobody), still: true, remember: false, ..Options::default() };
                    StudioApp::new(Box::new(engine), paths, options)
                },
            );
        std::fs::create_dir_all(folder).unwrap();
        Self { harness, folder: folder.into(), ending: ending.into() }
    }

    fn act(&mut self, action: Action) {
        self.harness.state_mut().act(action);
        self.settle();
    }

    fn send(&mut self, command: Command) {
        self.act(Action::Engine(Box::new(command)));
    }

    /// Lets answers arrive.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.harness.step();
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Goes on drawing for so many seconds, so that what is asked for in turn arrives.
    fn linger(&mut self, seconds: f64) {
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < seconds {
            self.harness.step();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn until(&mut self, what: &str, is: impl Fn(&StudioApp) -> bool) {
        let start = Instant::now();
        while !is(self.harness.state()) {
            assert!(start.elapsed() < Duration::from_secs(1800), "waited for {what}");
            self.harness.step();
            std::thread::sleep(Duration::from_millis(40));
        }
        self.settle();
    }

    fn click(&mut self, role: Role, name: &str) {
        self.harness.get_by_role_and_label(role, name).click();
        self.settle();
    }

    fn hover_nth(&mut self, role: Role, n: usize) {
        let place = self.harness.query_all_by_role(role).nth(n).map(|node| node.rect().center());
        if let Some(place) = place {
            self.harness.hover_at(place);
            self.settle();
        }
    }

    fn shoot(&mut self, name: &str) {
        self.settle();
        let path = self.folder.join(format!("{name}{}.png", self.ending));
        let picture = self.harness.render().unwrap();
        let file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
        let small = PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive);
        image::DynamicImage::from(picture).into_rgb8().write_with_encoder(small).unwrap();
        println!("{}", path.display());
    }

    /// Opens a picture of a model on a page, by its id.
    fn explore(&mut self, model: &str, page: &'static str) {
        self.act(Action::open(model.into(), Latent::Seed { seed: 12 }, 1.0, "From Gallery"));
        self.until("the model", |app| app.studio().opened.contains_key(model));
        self.act(Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Page(page))));
        self.linger(2.5);
    }

    fn keep(&mut self, model: &str, seeds: std::ops::Range<u64>, starred: bool) {
        let latents = seeds.map(|seed| Latent::Seed { seed }).collect();
        let (model, made_by) = (model.to_owned(), "sample".to_owned());
        self.send(Command::Keep { job: None, model, latents, truncation: 0.9, made_by, starred });
        std::thread::sleep(Duration::from_millis(800));
        self.settle();
    }
}

/// From pictures to films, as the README tells it.
fn story(home: &Home, folder: &Path, source: &str, a_picture: Option<PathBuf>) {
    let mut s = Stage::open(home, folder, "", vec2(1280.0, 800.0), 1.0);
    s.until("models", |app| !app.studio().models.is_empty());
    s.linger(1.0);

    s.act(Action::train_on(source.into()));
    s.until("the survey", |app| app.studio().surveys.contains_key(source));
    s.hover_nth(Role::ListBoxOption, 9);
    s.linger(1.0);
    s.shoot("data");
    s.click(Role::Button, "Train on these…");
    s.until("devices", |app| app.studio().devices.len() > 1);
    s.shoot("setup");
    s.click(Role::Button, "Start training");
    s.until("the run", |app| app.studio().selected_run().is_some_and(|r| r.state == RunState::Training));
    if let Ok(kimg) = std::env::var("LATENT_STUDIO_KIMG") {
        let dir = s.harness.state().studio().selection.run.clone().unwrap();
        let value = serde_json::json!(kimg.parse::<f64>().unwrap());
        let control = latent_studio::engine::Control::Edit { key: "run.kimg".into(), value };
        s.send(Command::ControlRun { dir, control });
    }
    let share = |app: &StudioApp| {
        app.studio().selected_run().map_or(0.0, |r| r.progress.images as f64 / r.progress.target.max(1) as f64)
    };
    s.until("its beginning", move |app| share(app) > 0.03);
    s.shoot("train-start");
    s.until("its middle", move |app| share(app) > 0.5);
    s.shoot("train-middle");
    s.until("a checkpoint", |app| app.studio().selected_run().is_some_and(|r| !r.checkpoints.is_empty()));
    let dir = s.harness.state().studio().selection.run.clone().unwrap();
    let killed = std::process::Command::new("kill").args(["-9", &process_of(&dir).to_string()]).status();
    assert!(killed.unwrap().success());
    let state = |app: &StudioApp| app.studio().selected_run().map(|r| r.state);
    s.until("its interruption", move |app| state(app) == Some(RunState::Interrupted));
    s.shoot("train-interrupted");
    // It would be on every picture from here on.
    s.click(Role::Button, "Dismiss message");
    s.click(Role::Button, "Resume");
    s.until("its end", move |app| state(app) == Some(RunState::Finished));
    s.shoot("train");

    s.explore("nouns-gan", "samples");
    s.shoot("explore");
    s.explore("nouns-gan", "grid");
    s.shoot("grid");
    s.explore("emoji-faces-gan", "map");
    s.shoot("plane");
    s.explore("shapes-beta-vae", "sliders");
    s.shoot("traverse");
    s.explore("nouns-gan", "walk");
    s.shoot("walk");
    if let Some(path) = a_picture {
        s.explore("fashion-vae", "photo");
        s.act(Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Picture(path))));
        s.linger(2.0);
        s.click(Role::Button, "Open its latent");
        s.linger(1.0);
        s.shoot("picture");
    }
    // What is kept last stands first.
    for (i, model) in MODELS.iter().rev().enumerate() {
        s.keep(model, 1 + 10 * i as u64..9 + 10 * i as u64, i % 2 == 0);
    }
    s.act(Action::Go(ViewId::Gallery));
    s.until("kept pictures", |app| app.studio().items.as_ref().is_some_and(|i| i.items.len() >= 40));
    let place = s.harness.query_all_by_role(Role::ListBoxOption).nth(9).unwrap().rect().center();
    s.harness.get_all_by_role(Role::ListBoxOption).nth(9).unwrap().click();
    s.harness.hover_at(place);
    s.linger(1.0);
    s.shoot("gallery");
    s.act(Action::Go(ViewId::Models));
    s.act(Action::SelectModel(Some("nouns-gan".into())));
    s.until("contact sheets", |app| MODELS.iter().all(|m| app.studio().sheets.contains_key(*m)));
    s.shoot("models");
    s.act(Action::Go(ViewId::Home));
    s.act(Action::SelectModel(Some("nouns-gan".into())));
    s.linger(2.0);
    s.shoot("home");
}

/// Every view as it stands after the story, to look at.
fn every_view(home: &Home, folder: &Path, source: &str, kind: (&str, Vec2, f32, bool)) {
    let (name, size, pixels, light) = kind;
    let mut s = Stage::open(home, folder, &format!("-{name}"), size, pixels);
    s.until("models", |app| !app.studio().models.is_empty() && app.studio().runs_known);
    if light {
        s.act(Action::Ui(UiCommand::Theme));
    }
    s.act(Action::train_on(source.into()));
    s.until("the survey", |app| app.studio().surveys.contains_key(source));
    s.hover_nth(Role::ListBoxOption, 9);
    s.until("devices", |app| app.studio().devices.len() > 1);
    for view in &VIEWS {
        s.act(Action::Go(view.id));
        s.linger(1.5);
        s.shoot(&view.title.to_lowercase());
    }
    for (model, page) in [
        ("nouns-gan", "samples"),
        ("emoji-faces-gan", "grid"),
        ("fashion-vae-2d", "map"),
        ("shapes-beta-vae", "sliders"),
        ("fashion-vae", "walk"),
        ("nouns-gan", "between"),
        ("fashion-vae", "photo"),
    ] {
        s.explore(model, page);
        s.shoot(&format!("explore-{page}"));
    }
    s.act(Action::Deliver(ViewId::Models, Box::new(ViewMessage::Model("fashion-vae".into()))));
    s.shoot("models-page");
    s.act(Action::Go(ViewId::Data));
    s.click(Role::Button, "Train on these…");
    s.shoot("train-setup");
    s.act(Action::Go(ViewId::Gallery));
    s.harness.get_all_by_role(Role::ListBoxOption).nth(3).unwrap().click();
    s.settle();
    s.harness.key_press_modifiers(Modifiers::COMMAND, Key::E);
    s.shoot("gallery-export");
    s.harness.key_press(Key::Escape);
    s.settle();
    s.act(Action::Ui(UiCommand::Palette));
    s.shoot("palette");
    s.harness.key_press(Key::Escape);
    s.settle();
    s.act(Action::Go(ViewId::Train));
    s.act(Action::Beside(ViewId::Explore));
    s.shoot("panes");
}

/// The pages that travel through latent space, with the shipped models.
fn travels(home: &Home, folder: &Path, a_picture: Option<PathBuf>) {
    let mut s = Stage::open(home, folder, "", vec2(1280.0, 800.0), 1.0);
    s.until("models", |app| !app.studio().models.is_empty());
    s.explore("nouns-style-gan", "directions");
    s.click(Role::Button, "Find");
    s.until("directions", |app| app.studio().jobs.values().any(|j| j.ended && j.problem.is_none()));
    s.shoot("directions");
    for (page, shot) in
        [("map", "map"), ("film", "film"), ("breed", "breed"), ("edit", "edit"), ("activations", "inside")]
    {
        s.explore("nouns-gan", page);
        std::thread::sleep(Duration::from_secs(3));
        s.shoot(shot);
    }
    s.explore("shapes-beta-vae", "atlas");
    s.click(Role::Button, "Make the atlas");
    let start = Instant::now();
    while s.harness.query_by_label("Make again").is_none() && start.elapsed() < Duration::from_secs(300) {
        s.settle();
    }
    s.linger(3.0);
    s.shoot("atlas");
    s.act(Action::Go(ViewId::Learn));
    s.click(Role::RadioButton, "Lesson: Latent space");
    s.linger(1.0);
    s.click(Role::Button, "Show classes");
    let start = Instant::now();
    while s.harness.query_by_label("Hide classes").is_none() && start.elapsed() < Duration::from_secs(300) {
        s.settle();
    }
    s.linger(1.0);
    s.shoot("learn");
    s.explore("emoji-faces-gan", "grid");
    s.click(Role::ComboBox, "Layout");
    s.click(Role::Button, "Sheet");
    s.linger(4.0);
    s.shoot("grid-sheet");
    s.explore("nouns-gan", "compare_models");
    s.linger(4.0);
    s.shoot("models-two");
    s.explore("fashion-vae", "repair");
    if let Some(path) = &a_picture {
        // As dropped on the page; then a hole is brushed into its middle and filled.
        s.act(Action::Deliver(
            ViewId::Explore,
            Box::new(ViewMessage::Picked { purpose: "picture to mend", paths: vec![path.clone()] }),
        ));
        s.linger(2.0);
        let at = s.harness.get_by_role_and_label(Role::Canvas, "Photo to repair").rect().center();
        s.harness.hover_at(at);
        s.settle();
        s.harness.drag_at(at);
        s.settle();
        s.harness.hover_at(at + vec2(60.0, 40.0));
        s.settle();
        s.harness.drop_at(at + vec2(60.0, 40.0));
        s.settle();
        s.click(Role::Button, "Fill the hole");
        s.until("the hole to be filled", |app| {
            app.studio().jobs.values().any(|j| j.title == "Repairing" && j.ended && j.problem.is_none())
        });
        s.linger(2.0);
    }
    s.shoot("mend");
    if let Some(path) = a_picture {
        s.explore("nouns-gan", "photo");
        s.act(Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Picture(path))));
        let start = Instant::now();
        let found = |s: &Stage| s.harness.query_by_label("Open what was found").is_some();
        while !found(&s) && start.elapsed() < Duration::from_secs(300) {
            s.settle();
        }
        s.shoot("photo");
    }
}

#[test]
#[ignore = "draws on a software renderer; run it to renew the pictures of these pages"]
fn travel_shots() {
    let root = source_tree();
    let elsewhere = std::env::var_os("LATENT_STUDIO_SHOTS").map(PathBuf::from);
    let folder = elsewhere.unwrap_or_else(|| root.join("assets/screenshots"));
    travels(&Home::new(), &folder, std::env::var_os("LATENT_STUDIO_PICTURE").map(PathBuf::from));
}

#[test]
#[ignore = "trains for minutes and draws on a software renderer; run it to renew the README's pictures"]
fn shots() {
    let root = source_tree();
    let elsewhere = std::env::var_os("LATENT_STUDIO_SHOTS").map(PathBuf::from);
    let folder = elsewhere.clone().unwrap_or_else(|| root.join("assets/screenshots"));
    let sheets = elsewhere.as_ref().map_or_else(|| root.join("assets/models"), |e| e.join("models"));
    let source = std::env::var("LATENT_STUDIO_PICTURES").unwrap_or_else(|_| "emoji:faces".into());
    let a_picture = std::env::var_os("LATENT_STUDIO_PICTURE").map(PathBuf::from);
    let home = Home::new();
    std::fs::create_dir_all(&sheets).unwrap();
    for model in MODELS {
        let file = sheets.join(format!("{model}.png"));
        let file = file.to_str().unwrap();
        home.ok(&["sample", "--model", model, "--count", "32", "--seed", "1", "--grid", file, "--device", "cpu"]);
    }
    story(&home, &folder, &source, a_picture);
    let Some(folder) = elsewhere else { return };
    for kind in [
        ("1280-light", vec2(1280.0, 800.0), 1.0, true),
        ("1920-dark", vec2(1920.0, 1080.0), 1.0, false),
        ("scaled-light", vec2(1280.0, 800.0), 1.5, true),
        ("960-dark", vec2(960.0, 600.0), 1.0, false),
    ] {
        every_view(&home, &folder, &source, kind);
    }
}
