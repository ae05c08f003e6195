//! Messages, dialogs, the clipboard and what is remembered of the window.

use super::*;

#[test]
fn messages_cover_no_primary_button_and_are_few() {
    let mut window = Window::open(ScriptedEngine::new());
    for view in &VIEWS {
        window.key(Modifiers::COMMAND, view.key);
        for i in 0..40 {
            let problem = Problem::failed(format!("Something went wrong, number {i}")).of("here");
            window.engine.push(Event::Message(problem));
        }
        window.harness.run_steps(4);
        let shell = &window.harness.state().shell;
        let room = shell.toasts.room();
        assert!(room.is_positive() && room.height() < 320.0, "{}: {room:?}", view.title);
        assert!(shell.primary.iter().all(|p| !p.intersects(room)), "{}: {room:?} over {:?}", view.title, shell.primary);
    }
    assert_eq!(window.harness.query_all_by_label("Dismiss message").count(), 3);
}

#[test]
fn what_was_cancelled_is_named_and_is_no_warning() {
    let mut window = Window::open(ScriptedEngine::fresh());
    window.push(Event::Job { job: 900, title: "Looking through the pictures".into(), done: 1, total: 9 });
    window.push(Event::JobEnded { job: 900, problem: Some(Problem::interrupted("Cancelled")) });
    assert!(window.harness.query_by_label("Cancelled: looking through the pictures").is_some());
    assert_eq!(window.harness.state().studio().unseen().0, 0);
    window.harness.state_mut().act(Action::CopyText("seed 42".into()));
    window.harness.run();
    assert!(window.harness.query_by_label("Copied “seed 42”").is_some());
}

#[test]
fn keys_do_not_reach_what_lies_behind_a_dialog() {
    let mut window = Window::open(ScriptedEngine::new());
    window.key(Modifiers::COMMAND, Key::Num6);
    let first = window.harness.get_all_by_role(Role::ListBoxOption).next().unwrap();
    first.click();
    window.harness.run();
    let chosen = |window: &Window| {
        let options = window.harness.get_all_by_role(Role::ListBoxOption);
        options.filter(|o| o.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)).count()
    };
    assert_eq!(chosen(&window), 1);
    window.key(Modifiers::COMMAND, Key::E);
    assert!(window.harness.query_by_label("Export path").is_some());
    window.engine.take_commands();
    for (modifiers, key) in [
        (Modifiers::COMMAND, Key::A),
        (Modifiers::NONE, Key::Delete),
        (Modifiers::NONE, Key::Num3),
        (Modifiers::NONE, Key::Period),
        (Modifiers::COMMAND, Key::Num3),
        (Modifiers::COMMAND, Key::Enter),
        (Modifiers::COMMAND, Key::W),
    ] {
        window.key(modifiers, key);
        assert_eq!((window.active(), chosen(&window)), (ViewId::Gallery, 1), "{key:?}");
        assert!(window.harness.query_by_label("Export path").is_some(), "{key:?}");
    }
    let changes =
        |c: &Command| matches!(c, Command::RateItems { .. } | Command::StarItems { .. } | Command::TrashItems { .. });
    assert!(!window.engine.take_commands().iter().any(changes));
}

#[test]
fn a_pasted_picture_is_opened_like_a_dropped_one() {
    let mut window = Window::open(ScriptedEngine::new());
    let image = egui::ColorImage::filled([8, 6], egui::Color32::from_rgb(200, 40, 30));
    window.harness.event(egui::Event::PasteImage(Arc::new(image)));
    window.harness.run();
    let asked = |window: &Window| {
        window
            .engine
            .commands()
            .into_iter()
            .find_map(|c| if let Command::Inspect { path } = c { Some(path) } else { None })
    };
    // Written aside by a thread of its own.
    for _ in 0..400 {
        if asked(&window).is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        window.harness.step();
    }
    let path = asked(&window).expect("the picture was written and asked about");
    let picture = crate::export::decode(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((picture.width, picture.height, picture.rgba[0]), (8, 6, 200));
    window.harness.event(egui::Event::Paste("/photos/cats".into()));
    window.harness.run();
    assert_eq!(window.active(), ViewId::Data, "paths are opened too");
}

#[test]
fn a_window_that_fills_the_screen_is_remembered_with_its_own_size() {
    let mut window = Window::open(ScriptedEngine::fresh());
    let set = |window: &mut Window, maximized: bool, width: f32| {
        let root = window.harness.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default();
        root.maximized = Some(maximized);
        root.inner_rect = Some(egui::Rect::from_min_size(egui::Pos2::ZERO, vec2(width, 700.0)));
        window.harness.step();
        let ctx = window.harness.ctx.clone();
        window.harness.state_mut().kept_now(&ctx)
    };
    let kept = set(&mut window, false, 1100.0);
    assert_eq!((kept.window, kept.maximized), (Some([1100.0, 700.0]), false));
    let kept = set(&mut window, true, 1920.0);
    assert_eq!((kept.window, kept.maximized), (Some([1100.0, 700.0]), true));
}
