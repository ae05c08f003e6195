//! Locking and unlocking, by role and name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use egui::{Key, Modifiers, Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::*;
use crate::base::paths::write_atomically;
use crate::engine::fake::ScriptedEngine;
use crate::library::encryption;

const COST: Cost = Cost { memory: 64, passes: 1, lanes: 1 };
const PASS: &str = "correct horse";

struct Screen {
    harness: Harness<'static, Gate>,
    paths: Paths,
    engines: Arc<AtomicUsize>,
    _home: tempfile::TempDir,
}

impl Screen {
    fn new(encrypted: bool) -> Self {
        Self::sized(encrypted, vec2(960.0, 640.0))
    }

    fn sized(encrypted: bool, size: egui::Vec2) -> Self {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        write_atomically(&paths.data.join("a.json"), b"content").unwrap();
        if encrypted {
            let quiet = crate::base::progress::Quiet::default();
            encryption::turn_on(&paths, PASS, COST, &mut |_| Ok(()), &quiet).unwrap();
            vault::lock(&paths);
        }
        let engines = Arc::new(AtomicUsize::new(0));
        let (made, own) = (engines.clone(), paths.clone());
        let builder = Harness::builder().with_size(size).with_max_steps(24);
        let mut harness = builder.build_eframe(move |_| {
            let start: Start = Box::new(move || {
                made.fetch_add(1, Ordering::Relaxed);
                Ok(Box::new(Arc::new(ScriptedEngine::new())))
            });
            let options = || Options { still: true, remember: false, ..Options::default() };
            Gate::new(own, None, start, Box::new(options), Some(COST)).unwrap()
        });
        harness.run();
        Self { harness, paths, engines, _home: home }
    }

    fn click(&mut self, label: &str) {
        // Also what lies below the visible part of a page.
        self.harness.get_by_label(label).click_accesskit();
        self.harness.run();
    }

    fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }

    fn write(&mut self, label: &str, text: &str) {
        let field = self.harness.get_by_role_and_label(Role::TextInput, label);
        field.focus();
        field.type_text(text);
        self.harness.run();
    }

    /// Runs until a label is there.
    fn wait(&mut self, label: &str) {
        for _ in 0..400 {
            self.harness.run_ok();
            if self.has(label) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{label} never came");
    }

    fn open(&self) -> bool {
        self.harness.state().app().is_some()
    }
}

#[test]
fn a_locked_library_shows_nothing_until_the_passphrase_is_right() {
    let mut s = Screen::new(true);
    assert!(!s.open() && s.has("The library is locked") && s.engines.load(Ordering::Relaxed) == 0);
    s.write("Passphrase or recovery key", "wrong horse");
    s.click("Unlock");
    s.wait("This is not the passphrase of the library, nor its recovery key");
    assert!(!s.open());
    s.write("Passphrase or recovery key", PASS);
    s.click("Unlock");
    s.wait("Home");
    assert!(s.open() && s.engines.load(Ordering::Relaxed) == 1);
    assert_eq!(vault::read(s.paths.data.join("a.json")).unwrap(), b"content");
    // By its key.
    s.harness.key_press_modifiers(Modifiers::COMMAND, Key::L);
    s.harness.run();
    s.wait("The library is locked");
    assert!(!s.open() && vault::read(s.paths.data.join("a.json")).is_err());
    assert!(vault::standing(&s.paths).unwrap().is_locked());
}

#[test]
fn it_locks_when_nobody_is_there() {
    let mut s = Screen::new(true);
    s.write("Passphrase or recovery key", PASS);
    s.click("Unlock");
    s.wait("Home");
    let app = s.harness.state_mut().app_mut().unwrap();
    let mut settings = app.studio().settings.clone();
    settings.lock_after = 1;
    app.act(crate::ui::Action::Settings(Box::new(settings)));
    s.harness.run();
    assert!(s.open());
    let began = s.harness.ctx.input(|i| i.time);
    s.harness.input_mut().time = Some(began + 50.0);
    s.harness.run();
    assert!(s.open(), "not yet");
    s.harness.input_mut().time = Some(began + 120.0);
    s.harness.run();
    assert!(!s.open() && s.has("The library is locked"));
}

#[test]
fn encryption_is_turned_on_changed_and_off_from_the_settings() {
    let mut s = Screen::new(false);
    assert!(s.open());
    let plain = s.paths.data.join("a.json");
    s.harness.state_mut().app_mut().unwrap().act(crate::ui::Action::Go(crate::ui::ViewId::Settings));
    s.harness.run();
    s.click("Encrypt the library…");
    s.write("New passphrase", PASS);
    assert!(s.harness.get_by_role_and_label(Role::Button, "Encrypt").accesskit_node().is_disabled());
    s.write("New passphrase once more", PASS);
    s.click("Encrypt");
    s.wait("Recovery key");
    assert!(crate::base::vault::files::is_sealed(&plain).unwrap() && !s.open());
    let recovery = s.harness.state().recovery.clone().unwrap();
    assert!(s.has(&recovery.to_text()));
    assert!(s.harness.get_by_role_and_label(Role::Button, "Continue").accesskit_node().is_disabled());
    s.click("I have written it down");
    s.click("Continue");
    s.wait("Home");
    assert!(!s.has(&recovery.to_text()));
    s.harness.state_mut().app_mut().unwrap().act(crate::ui::Action::Go(crate::ui::ViewId::Settings));
    s.harness.run();
    s.click("Change the passphrase…");
    s.write("Passphrase or recovery key", &recovery.to_text());
    s.write("New passphrase", "battery staple");
    s.write("New passphrase once more", "battery staple");
    s.click("Change");
    s.wait("Lock now");
    assert!(vault::unlock(&s.paths, PASS).is_err());
    vault::unlock(&s.paths, "battery staple").unwrap();
    s.click("Turn encryption off…");
    s.click("Decrypt");
    s.wait("Home");
    assert_eq!(std::fs::read(&plain).unwrap(), b"content");
    assert_eq!(vault::standing(&s.paths).unwrap(), Standing::Plain);
}

#[test]
fn what_was_interrupted_goes_on_once_it_is_unlocked() {
    let mut s = Screen::new(true);
    vault::unlock(&s.paths, PASS).unwrap();
    let key = vault::data_key(&s.paths).unwrap();
    let header = vault::header::load(&s.paths).unwrap().unwrap();
    vault::put(&s.paths, &header.in_state(vault::State::TurningOn, &key), &key).unwrap();
    vault::lock(&s.paths);
    let left = s.paths.data.join("b.json");
    std::fs::write(&left, b"left plain").unwrap();
    s.write("Passphrase or recovery key", PASS);
    s.click("Unlock");
    s.wait("Home");
    assert!(crate::base::vault::files::is_sealed(&left).unwrap());
    assert_eq!(vault::standing(&s.paths).unwrap(), Standing::Unlocked(vault::State::On));
}

#[test]
fn enter_unlocks_and_a_wrong_passphrase_is_told() {
    let mut s = Screen::new(true);
    for (typed, then) in
        [("wrong horse", "This is not the passphrase of the library, nor its recovery key"), (PASS, "Home")]
    {
        s.write("Passphrase or recovery key", typed);
        s.harness.key_press(egui::Key::Enter);
        s.wait(then);
    }
}

#[test]
fn every_page_fits_the_smallest_window() {
    for size in [vec2(960.0, 640.0), vec2(960.0, 600.0)] {
        let s = Screen::sized(true, size);
        let button = s.harness.get_by_label("Unlock").rect();
        assert!(button.max.y < size.y && button.min.x > 0.0);
        let mut s = Screen::sized(false, size);
        s.harness.state_mut().page = Page::Form(Wish::TurnOn);
        s.harness.run();
        for label in ["Encrypt", "Cancel"] {
            let button = s.harness.get_by_role_and_label(Role::Button, label).rect();
            assert!(button.max.y < size.y, "{label} {button:?}");
        }
    }
}
