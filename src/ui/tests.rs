//! The window against the scripted engine, by role and name.

mod drops;
mod fit;
mod looks;
mod shell;

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Key, Modifiers, Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use parking_lot::Mutex;
use strum::IntoEnumIterator;

use super::action::{Action, Pick, ViewMessage};
use super::app::{Options, StudioApp};
use super::audit::CONTROLS;
use super::command::UiCommand;
use super::file_dialog::{Answer, FilePicker};
use super::theme::{self, DARK, LIGHT, Tokens};
use super::views::explore::tabs::TABS;
use super::views::{VIEWS, ViewId, ViewSpec};
use crate::base::Problem;
use crate::base::paths::Paths;
use crate::engine::fake::ScriptedEngine;
use crate::engine::{Command, Control, Event, PictureAnswer, RunState};

/// A person who answers every file dialog with the same paths.
#[derive(Clone, Default)]
struct Person {
    asked: Arc<Mutex<Vec<Pick>>>,
    paths: Vec<PathBuf>,
}

impl FilePicker for Person {
    fn open(&self, pick: &Pick, answer: Answer) {
        self.asked.lock().push(pick.clone());
        answer(Ok(self.paths.clone()));
    }
}

struct Window {
    harness: Harness<'static, StudioApp>,
    engine: Arc<ScriptedEngine>,
    person: Person,
    _home: tempfile::TempDir,
}

impl Window {
    fn open(engine: ScriptedEngine) -> Self {
        Self::sized(engine, vec2(1280.0, 800.0), Vec::new())
    }

    fn sized(engine: ScriptedEngine, size: egui::Vec2, paths: Vec<PathBuf>) -> Self {
        Self::scaled(engine, size, 1.0, paths)
    }

    /// A window of this size in points, with so many pixels a point.
    fn scaled(engine: ScriptedEngine, size: egui::Vec2, scale: f32, paths: Vec<PathBuf>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let engine = Arc::new(engine);
        let person = Person { paths, ..Person::default() };
        let (handle, picker) = (engine.clone(), Box::new(person.clone()));
        let folders = Paths::under(home.path());
        let builder = Harness::builder().with_size(size).with_pixels_per_point(scale).with_max_steps(24);
        let mut harness = builder.build_eframe(move |_| {
            let options = Options { picker, still: true, remember: false, ..Options::default() };
            StudioApp::new(Box::new(handle), folders, options)
        });
        harness.run();
        Self { harness, engine, person, _home: home }
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run();
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run();
    }

    fn push(&mut self, event: Event) {
        self.engine.push(event);
        self.harness.run();
    }

    fn active(&self) -> ViewId {
        self.harness.state().active()
    }
}

fn luminance(colour: egui::Color32) -> f64 {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
}

/// Contrast as WCAG 2 measures it.
fn contrast(a: egui::Color32, b: egui::Color32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_can_be_read_in_both_themes() {
    for t in [&DARK, &LIGHT] {
        let Tokens { canvas, panel, raised, .. } = *t;
        for ground in [canvas, panel, raised, t.hover, t.selected] {
            assert!(contrast(t.text, ground) >= 4.5, "text on {ground:?}");
        }
        for ground in [canvas, panel, raised] {
            assert!(contrast(t.weak, ground) >= 4.5, "weak text on {ground:?}: {:.2}", contrast(t.weak, ground));
        }
        assert!(contrast(t.on_accent, t.accent) >= 4.5);
        for (what, colour) in [("accent", t.accent), ("good", t.good), ("warn", t.warn), ("bad", t.bad)] {
            // Icons, lines and words in these colours stand on panels and cards.
            for ground in [panel, raised] {
                assert!(contrast(colour, ground) >= 3.0, "{what} on {ground:?}: {:.2}", contrast(colour, ground));
            }
        }
    }
}

#[test]
fn every_view_opens_by_keyboard_and_by_the_rail() {
    let mut window = Window::open(ScriptedEngine::new());
    for view in VIEWS.iter().rev() {
        window.key(Modifiers::COMMAND, view.key);
        assert_eq!(window.active(), view.id);
    }
    for view in &VIEWS {
        window.harness.get_by_role_and_label(Role::Tab, view.title).click();
        window.harness.run();
        assert_eq!(window.active(), view.id);
    }
}

#[test]
fn every_view_stands_in_a_studio_with_nothing_in_it_and_in_a_small_window() {
    for engine in [ScriptedEngine::empty(), ScriptedEngine::fresh(), ScriptedEngine::new()] {
        let mut window = Window::sized(engine, vec2(960.0, 600.0), Vec::new());
        for view in &VIEWS {
            window.key(Modifiers::COMMAND, view.key);
            assert_eq!(window.active(), view.id);
        }
    }
}

#[test]
fn the_buttons_of_the_rail_keep_apart_in_a_low_window() {
    for height in [800.0, 427.0, 300.0] {
        let window = Window::sized(ScriptedEngine::new(), vec2(640.0, height), Vec::new());
        let rect = |v: &ViewSpec| window.harness.get_by_role_and_label(Role::Tab, v.title).rect();
        let places: Vec<egui::Rect> = VIEWS.iter().map(rect).collect();
        for (i, a) in places.iter().enumerate() {
            assert!(a.bottom() <= height, "{}: {a:?}", VIEWS[i].title);
            assert!(places[..i].iter().all(|b| a.top() >= b.bottom() - 0.5 || b.top() >= a.bottom() - 0.5), "{a:?}");
        }
    }
}

#[test]
fn the_inspector_leaves_room_for_the_canvas_in_a_narrow_window() {
    for (width, canvas) in [(640.0, 355.0), (1280.0, 900.0)] {
        let mut window = Window::sized(ScriptedEngine::new(), vec2(width, 427.0), Vec::new());
        window.key(Modifiers::COMMAND, VIEWS.iter().find(|v| v.id == ViewId::Explore).unwrap().key);
        window.harness.run_steps(4);
        let left = window.harness.get_by_role_and_label(Role::Slider, "Truncation").rect().left();
        assert!(left >= theme::size::RAIL + canvas, "{left} of {width}");
    }
}

#[test]
fn the_entry_cards_of_home_do_not_overlap_in_a_small_window() {
    let window = Window::sized(ScriptedEngine::new(), vec2(960.0, 600.0), Vec::new());
    let rect = |name: &str| window.harness.get_by_role_and_label(Role::Button, name).rect();
    let edge = rect("Try it with emoji faces").left();
    for name in ["Choose folder…", "Choose files…", "Open path"] {
        let rect = rect(name);
        assert!(rect.left() >= edge && rect.right() <= edge + 250.0, "{name}: {rect:?} beside {edge}");
    }
}

#[test]
fn the_palette_finds_and_runs() {
    let mut window = Window::open(ScriptedEngine::new());
    window.key(Modifiers::COMMAND, Key::K);
    window.harness.get_by_role_and_label(Role::TextInput, "Find anything").type_text("gallery");
    window.harness.run();
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.active(), ViewId::Gallery);
    assert!(window.harness.query_by_label("Gallery").is_some());

    // A run, by its name.
    let run = window.engine.script().runs[1].clone();
    window.key(Modifiers::COMMAND, Key::K);
    window.harness.get_by_role_and_label(Role::TextInput, "Find anything").type_text(&format!("run {}", run.name));
    window.harness.run();
    window.key(Modifiers::NONE, Key::Enter);
    assert_eq!(window.active(), ViewId::Train);
    assert_eq!(window.harness.state().studio().selection.run.as_ref(), Some(&run.dir));

    // Escape closes it and does nothing.
    window.key(Modifiers::COMMAND, Key::K);
    window.key(Modifiers::NONE, Key::Escape);
    assert!(!window.harness.state().shell.palette.is_open());
    assert_eq!(window.active(), ViewId::Train);
}

#[test]
fn every_control_of_every_view_has_a_name() {
    let mut nameless = Vec::new();
    let mut seen = 0;
    for engine in [ScriptedEngine::new(), ScriptedEngine::fresh()] {
        let mut window = Window::sized(engine, vec2(1600.0, 1000.0), Vec::new());
        let mut look = |window: &Window, place: &str| {
            for node in window.harness.root().children_recursive() {
                let node = node.accesskit_node();
                if node.is_hidden() || !CONTROLS.contains(&node.role()) {
                    continue;
                }
                seen += 1;
                let named = |text: Option<String>| text.is_some_and(|t| t.chars().any(char::is_alphanumeric));
                if !named(node.label()) && !named(node.placeholder().map(str::to_owned)) {
                    nameless.push(format!("{place}: {:?} at {:?}", node.role(), node.raw_bounds()));
                }
            }
        };
        for view in &VIEWS {
            window.key(Modifiers::COMMAND, view.key);
            look(&window, view.title);
        }
        window.key(Modifiers::COMMAND, Key::Num5);
        for page in &TABS {
            let show = ViewMessage::Page(page.id);
            window.harness.state_mut().act(Action::Deliver(ViewId::Explore, Box::new(show)));
            window.harness.run_steps(6);
            look(&window, page.title);
        }
        window.harness.state_mut().act(Action::train_on("/photos/cats".into()));
        window.harness.run();
        look(&window, "Data with pictures");
        window.click("Train on these…");
        look(&window, "Train, set-up");
        window.key(Modifiers::COMMAND, Key::K);
        look(&window, "palette");
    }
    assert!(seen > 400, "only {seen} controls were seen");
    assert!(nameless.is_empty(), "{}", nameless.join("\n"));
}

#[test]
fn tab_reaches_every_control_of_a_view() {
    let mut window = Window::open(ScriptedEngine::new());
    for view in &VIEWS {
        window.key(Modifiers::COMMAND, view.key);
        let mut reached = std::collections::HashSet::new();
        let focused = |window: &Window| {
            let nodes = window.harness.root().children_recursive();
            nodes.map(|n| n.accesskit_node()).find(egui_kittest::kittest::AccessKitNode::is_focused).map(|n| n.id())
        };
        for _ in 0..400 {
            window.harness.key_press(Key::Tab);
            window.harness.step();
            if let Some(id) = focused(&window)
                && !reached.insert(id)
            {
                break;
            }
        }
        let nodes: Vec<_> = window.harness.root().children_recursive().map(|n| n.accesskit_node()).collect();
        let missed: Vec<_> = nodes
            .iter()
            .filter(|n| {
                matches!(n.role(), Role::Button | Role::CheckBox | Role::Slider | Role::ComboBox | Role::TextInput)
            })
            .filter(|n| !n.is_disabled() && !n.is_hidden() && !reached.contains(&n.id()))
            .map(|n| n.label().unwrap_or_default())
            // Pictures of a sheet are walked with the arrows; the sheet itself is reached.
            .filter(|label| !label.starts_with("Sample ") || view.id != ViewId::Train)
            .collect();
        assert!(missed.is_empty(), "{}: {missed:?}", view.title);
    }
}

#[test]
fn panes_split_and_close() {
    let mut window = Window::open(ScriptedEngine::new());
    window.key(Modifiers::COMMAND, Key::Num7);
    window.key(Modifiers::COMMAND, Key::Backslash);
    assert_eq!(window.harness.state().shell.layout.views().len(), 2);
    window.harness.get_by_label("Close Log").click();
    window.harness.run();
    assert_eq!(window.harness.state().shell.layout.views().len(), 1);
    assert_ne!(window.active(), ViewId::Log);
}

#[test]
fn the_run_menu_speaks_to_the_run_that_is_on() {
    let mut window = Window::open(ScriptedEngine::new());
    let alive = window.engine.script().runs.iter().find(|r| r.state == RunState::Training).unwrap().dir.clone();
    window.engine.take_commands();
    let said = |window: &Window| {
        let commands = window.engine.take_commands();
        commands.into_iter().find_map(|c| match c {
            Command::ControlRun { dir, control } => Some((dir, control)),
            _ => None,
        })
    };
    window.key(Modifiers::COMMAND, Key::P);
    assert_eq!(said(&window), Some((alive.clone(), Control::Pause)));
    window.key(Modifiers::COMMAND, Key::Period);
    assert_eq!(said(&window), Some((alive.clone(), Control::Step)));
    window.key(Modifiers::COMMAND, Key::S);
    assert_eq!(said(&window), Some((alive.clone(), Control::Checkpoint)));
    window.key(Modifiers::COMMAND, Key::P);
    assert_eq!(said(&window), Some((alive, Control::Resume)));
}

#[test]
fn the_status_line_tells_of_the_run_and_leads_to_it() {
    let mut window = Window::open(ScriptedEngine::new());
    let run = window.engine.script().runs.iter().find(|r| r.state.is_alive()).cloned().unwrap();
    let sentence = format!("Run {}", super::status::sentence(&run));
    window.click(&sentence);
    assert_eq!(window.active(), ViewId::Train);
    assert_eq!(window.harness.state().studio().selection.run.as_ref(), Some(&run.dir));
}

#[test]
fn what_was_said_of_a_run_goes_once_it_is_resumed() {
    let mut window = Window::open(ScriptedEngine::new());
    let run = window.engine.script().runs.iter().find(|r| !r.state.is_alive()).cloned().unwrap();
    for subject in [run.name.as_str(), "another"] {
        window.push(Event::Message(Problem::failed(format!("{subject} ended")).of(subject)));
    }
    let there = |window: &Window, subject: &str| window.harness.query_by_label(&format!("{subject} ended")).is_some();
    assert!(there(&window, &run.name) && there(&window, "another"));
    let command = Command::ResumeRun {
        dir: run.dir.clone(),
        kimg: None,
        device: "cpu".into(),
        pictures: PictureAnswer::default(),
    };
    window.harness.state_mut().act(Action::Engine(Box::new(command)));
    window.harness.run_steps(3);
    assert!(!there(&window, &run.name) && there(&window, "another"));
}

#[test]
fn a_problem_is_a_toast_then_a_line_in_the_log() {
    let mut window = Window::open(ScriptedEngine::fresh());
    let problem = Problem::failed("The disk is full").of("/runs").try_this("Free some space").because("ENOSPC");
    window.push(Event::Message(problem.clone()));
    assert!(window.harness.query_by_label("The disk is full").is_some());
    // Details show it in the log, chosen.
    window.click("Message details");
    assert_eq!(window.active(), ViewId::Log);
    assert!(window.harness.query_by_label("Free some space").is_some());
    window.key(Modifiers::COMMAND, Key::Num1);
    window.push(Event::Message(problem.clone()));
    window.push(Event::Message(problem));
    assert!(window.harness.query_by_label("2 times").is_some());
    window.click("Messages, 2 not seen");
    assert_eq!(window.active(), ViewId::Log);
    window.click("Dismiss message");
    assert!(window.harness.query_by_label("Dismiss message").is_none());
    assert_eq!(window.harness.state().studio().unseen().0, 0);
    // Only errors, then a word that is nowhere.
    window.click("Severity: Warnings");
    assert!(window.harness.query_all_by_role_and_label(Role::ListItem, "The disk is full").count() == 3);
}

#[test]
fn home_shows_samples_at_once_and_leads_on() {
    let mut window = Window::open(ScriptedEngine::fresh());
    assert!(window.harness.query_by_label("Sample 1").is_some(), "no sample of a shipped model");
    window.click("Sample 3");
    assert_eq!(window.active(), ViewId::Explore);
    window.key(Modifiers::COMMAND, Key::Num1);
    window.click("Set up a first run");
    assert_eq!(window.active(), ViewId::Train);
}

#[test]
fn settings_change_at_once_and_go_back() {
    let mut window = Window::sized(ScriptedEngine::fresh(), vec2(1280.0, 1200.0), Vec::new());
    window.key(Modifiers::COMMAND, Key::Comma);
    window.click("Theme: Light");
    assert!(!window.harness.ctx.global_style().visuals.dark_mode);
    window.click("Reset Theme");
    assert!(window.harness.ctx.global_style().visuals.dark_mode);
    window.harness.get_by_role_and_label(Role::CheckBox, "Store recipes in files").click();
    window.harness.run();
    assert!(!window.harness.state().studio().settings.export.recipe);
    window.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    assert!(!window.harness.ctx.global_style().visuals.dark_mode);
}

#[test]
fn exploring_moves_to_a_gpu_only_while_that_is_known_to_be_usable() {
    let mut window = Window::open(ScriptedEngine::fresh());
    let told = |window: &Window| {
        let commands = window.engine.take_commands();
        commands.into_iter().find_map(|c| if let Command::ExploreOn { device } = c { Some(device) } else { None })
    };
    let mut settings = window.harness.state().studio().settings.clone();
    settings.explore = "vulkan:0".into();
    window.harness.state_mut().act(Action::Settings(Box::new(settings)));
    window.harness.run();
    assert_eq!(told(&window), None, "its driver crashed while it was probed");
    let mut devices = window.engine.script().devices;
    devices[1].usable = true;
    window.push(Event::Devices(devices.clone()));
    assert_eq!(told(&window).as_deref(), Some("vulkan:0"));
    devices[1].usable = false;
    window.push(Event::Devices(devices));
    assert_eq!(told(&window).as_deref(), Some("cpu"));
}

#[test]
fn the_keys_of_a_view_are_listed() {
    let mut window = Window::open(ScriptedEngine::fresh());
    for view in &VIEWS {
        window.key(Modifiers::COMMAND, view.key);
        window.key(Modifiers::NONE, Key::F1);
        assert!(window.harness.query_by_label(&format!("Keyboard shortcuts: {}", view.title)).is_some());
        window.key(Modifiers::NONE, Key::Escape);
        assert!(window.harness.query_by_label(&format!("Keyboard shortcuts: {}", view.title)).is_none());
    }
}

#[test]
fn about_names_licences() {
    let mut window = Window::open(ScriptedEngine::fresh());
    window.harness.state_mut().act(Action::Ui(UiCommand::About));
    window.harness.run();
    assert!(window.harness.query_by_label_contains("Twemoji").is_some());
    assert!(window.harness.query_by_label("CC BY 4.0").is_some());
}

#[test]
fn every_command_can_be_asked_for_without_harm() {
    let mut window = Window::open(ScriptedEngine::new());
    for command in UiCommand::iter().filter(|c| *c != UiCommand::Quit) {
        window.harness.state_mut().act(Action::Ui(command));
        window.harness.run_steps(2);
        window.harness.key_press(Key::Escape);
        window.harness.run_steps(2);
    }
}

#[test]
fn closing_asks_what_becomes_of_the_run() {
    let mut window = Window::open(ScriptedEngine::new());
    let ask = |window: &mut Window| {
        let viewports = &mut window.harness.input_mut().viewports;
        let root = viewports.entry(egui::ViewportId::ROOT).or_default();
        root.events.push(egui::ViewportEvent::Close);
        window.harness.step();
        window.harness.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default().events.clear();
        window.harness.run();
    };
    ask(&mut window);
    window.click("Cancel");
    assert!(window.harness.query_by_label("Stop at a checkpoint").is_none());
    ask(&mut window);
    window.engine.take_commands();
    window.click("Stop at a checkpoint");
    let stopped = |c: &Command| matches!(c, Command::ControlRun { control: Control::Stop, .. });
    assert!(window.engine.take_commands().iter().any(stopped));
    assert!(window.harness.state().shell.leaving, "the scripted run stops at once, so the window may close");
}

#[test]
fn what_the_window_remembers_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let open = || {
        let folders = Paths::under(home.path());
        let mut harness =
            Harness::builder().with_size(vec2(1280.0, 800.0)).with_max_steps(24).build_eframe(move |_| {
                let options =
                    Options { picker: Box::new(Person::default()), still: true, remember: true, ..Options::default() };
                StudioApp::new(Box::new(ScriptedEngine::new()), folders, options)
            });
        harness.run();
        harness
    };
    let mut first = open();
    first.key_press_modifiers(Modifiers::COMMAND, Key::Num7);
    first.run();
    first.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::L);
    first.run();
    let ctx = first.ctx.clone();
    first.state_mut().leave(&ctx);
    drop(first);
    let second = open();
    assert_eq!(second.state().active(), ViewId::Log);
    assert!(!second.ctx.global_style().visuals.dark_mode);
}

#[test]
fn undo_and_redo_say_what_they_do_and_come_back() {
    let mut window = Window::open(ScriptedEngine::new());
    window.key(Modifiers::COMMAND, Key::Num5);
    let before = window.harness.state().views[ViewId::Explore as usize].snapshot();
    let point = super::action::UndoPoint { view: ViewId::Explore, label: "shuffle".into(), before: before.clone() };
    window.harness.state_mut().act(Action::Undo(point));
    window.click("Shuffle");
    let after = window.harness.state().views[ViewId::Explore as usize].snapshot();
    window.key(Modifiers::COMMAND, Key::Num1);
    window.click("Edit");
    assert!(window.harness.query_by_label_contains("Undo ").is_some());
    window.key(Modifiers::NONE, Key::Escape);
    let now = |window: &Window| window.harness.state().views[ViewId::Explore as usize].snapshot();
    while window.harness.state().shell.undo.next_undo().is_some() {
        window.key(Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(now(&window), before);
    assert_eq!(window.active(), ViewId::Explore, "Undo shows what it changes");
    while window.harness.state().shell.undo.next_redo().is_some() {
        window.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    }
    assert_eq!(now(&window), after);
}

#[test]
fn changes_of_kept_pictures_are_undone_in_turn_with_forms() {
    let mut window = Window::open(ScriptedEngine::new());
    let id = window.engine.script().items[0].0.id;
    let rating = |window: &Window| window.engine.script().items.iter().find(|i| i.0.id == id).unwrap().0.rating;
    let before = rating(&window);
    let rate = |window: &mut Window, rating: u8| {
        window.harness.state_mut().act(Action::Engine(Box::new(Command::RateItems { ids: vec![id], rating })));
        window.harness.run();
    };
    rate(&mut window, 1);
    window.key(Modifiers::COMMAND, Key::Num5);
    window.click("Shuffle");
    rate(&mut window, 5);
    let stack = &window.harness.state().shell.undo;
    assert_eq!(stack.next_undo().unwrap().label, "rate a picture");
    window.key(Modifiers::COMMAND, Key::Z);
    assert_eq!((rating(&window), window.active()), (1, ViewId::Explore), "the view stays");
    while window.harness.state().shell.undo.next_undo().is_some() {
        window.key(Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(rating(&window), before);
    while window.harness.state().shell.undo.next_redo().is_some() {
        window.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    }
    assert_eq!(rating(&window), 5);
}
