//! Every view at five sizes: nothing that is written is cut off, no control lies outside its panel.

use super::*;
use crate::ui::audit::faults;
use crate::ui::command::Menu;

/// Sizes of the window, in points.
const SIZES: [(f32, f32); 5] = [(960.0, 640.0), (1280.0, 800.0), (1440.0, 900.0), (1920.0, 1080.0), (3840.0, 2160.0)];

/// Pixels of a point and theme that a size is tried with: scales in both themes where that is quick.
fn looks(width: f32) -> &'static [(f32, egui::Theme)] {
    match width as u32 {
        0..=960 => &[(1.0, egui::Theme::Dark), (2.0, egui::Theme::Light)],
        1280 => &[(1.0, egui::Theme::Light), (2.0, egui::Theme::Dark)],
        _ => &[(1.0, egui::Theme::Dark)],
    }
}

fn window(engine: ScriptedEngine, size: (f32, f32), scale: f32, theme: egui::Theme) -> Window {
    let mut window = Window::scaled(engine, vec2(size.0, size.1), scale, Vec::new());
    if theme == egui::Theme::Light {
        window.harness.state_mut().act(Action::Ui(UiCommand::Theme));
        window.harness.run();
    }
    window
}

/// Walks `look` over every size, and says what was wrong at which.
fn at_every_size(look: impl Fn(&mut Window, &mut dyn FnMut(&Window, &str))) {
    of_studio(ScriptedEngine::new, look);
}

/// The same of another studio than the one with runs and pictures.
fn of_studio(engine: fn() -> ScriptedEngine, look: impl Fn(&mut Window, &mut dyn FnMut(&Window, &str))) {
    let mut wrong: Vec<String> = Vec::new();
    for size in SIZES {
        for &(scale, theme) in looks(size.0) {
            let mut window = window(engine(), size, scale, theme);
            look(&mut window, &mut |window, place| {
                let at = format!("{place} at {}×{} ×{scale}", size.0, size.1);
                wrong.extend(faults(&window.harness).into_iter().map(|f| format!("{at}: {f}")));
            });
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

/// Does something and has it drawn.
fn act(window: &mut Window, action: Action) {
    window.harness.state_mut().act(action);
    window.harness.run_steps(6);
}

/// Clicks on every control of this role whose name begins so, one after the other, and looks at what each shows.
fn each(window: &mut Window, role: Role, begins: &str, look: &mut dyn FnMut(&Window, &str)) {
    let nodes = window.harness.query_all_by_role(role);
    let names = nodes.filter_map(|n| n.accesskit_node().label()).filter(|name| name.starts_with(begins));
    for name in names.collect::<Vec<_>>() {
        window.harness.get_by_role_and_label(role, &name).click();
        window.harness.run_steps(6);
        look(window, &name);
    }
}

#[test]
fn every_view_of_a_studio_without_anything_fits() {
    for engine in [ScriptedEngine::fresh, ScriptedEngine::empty] {
        of_studio(engine, |window, look| {
            for view in &VIEWS {
                act(window, Action::Go(view.id));
                look(window, view.title);
            }
        });
    }
}

#[test]
fn home_fits() {
    at_every_size(|window, look| look(window, "Home"));
}

#[test]
fn train_fits() {
    at_every_size(|window, look| {
        for run in window.engine.script().runs {
            let name = format!("Run {}", run.name);
            act(window, Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(run.dir))));
            look(window, &name);
        }
        each(window, Role::RadioButton, "Look at: ", look);
        each(window, Role::RadioButton, "Show: ", look);
        window.harness.get_by_role_and_label(Role::Button, "New run").click();
        window.harness.run_steps(6);
        look(window, "Train, a new run");
        act(window, Action::Deliver(ViewId::Train, Box::new(ViewMessage::Source("/pictures/nouns".into()))));
        look(window, "Train, a new run with pictures");
    });
}

#[test]
fn explore_fits() {
    at_every_size(|window, look| {
        let models = window.harness.state().studio().models.clone();
        for model in [&models[1], &models[3]] {
            act(window, Action::explore(model.model.clone()));
            look(window, &format!("Explore, {}", model.name));
            for page in &TABS {
                act(window, Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Page(page.id))));
                look(window, &format!("{} of {}", page.title, model.name));
            }
        }
    });
}

#[test]
fn learn_fits() {
    at_every_size(|window, look| {
        act(window, Action::Go(ViewId::Learn));
        each(window, Role::RadioButton, "Lesson: ", look);
    });
}

#[test]
fn data_fits() {
    at_every_size(|window, look| {
        act(window, Action::Go(ViewId::Data));
        look(window, "Data, first page");
        act(window, Action::train_on("/pictures/nouns".into()));
        look(window, "Data with pictures");
        for filter in ["Broken", "Duplicates", "Left out"] {
            if let Some(node) = window.harness.query_by_label_contains(&format!("Show: {filter}")) {
                node.click();
                window.harness.run_steps(4);
                look(window, filter);
            }
        }
    });
}

#[test]
fn models_fit() {
    at_every_size(|window, look| {
        act(window, Action::Go(ViewId::Models));
        look(window, "Models");
        let model = window.harness.state().studio().models[0].model.clone();
        act(window, Action::Deliver(ViewId::Models, Box::new(ViewMessage::Model(model))));
        look(window, "Page of a model");
    });
}

/// Two panes side by side share the window: each has less than half of it.
#[test]
fn two_panes_fit() {
    let pairs = [
        (ViewId::Train, ViewId::Explore),
        (ViewId::Data, ViewId::Models),
        (ViewId::Gallery, ViewId::Settings),
        (ViewId::Home, ViewId::Learn),
    ];
    at_every_size(|window, look| {
        act(window, Action::train_on("/pictures/nouns".into()));
        for (left, right) in pairs {
            act(window, Action::Go(left));
            act(window, Action::Beside(right));
            let name = format!("{} beside {}", left.spec().title, right.spec().title);
            look(window, &name);
            match right {
                ViewId::Explore => {
                    for page in &TABS {
                        act(window, Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Page(page.id))));
                        look(window, &format!("{name}, {}", page.title));
                    }
                }
                ViewId::Models => {
                    let model = window.harness.state().studio().models[0].model.clone();
                    act(window, Action::Deliver(ViewId::Models, Box::new(ViewMessage::Model(model))));
                    look(window, &format!("{name}, page of a model"));
                }
                _ => {}
            }
            act(window, Action::Ui(UiCommand::ClosePane));
        }
    });
}

#[test]
fn the_gallery_fits() {
    at_every_size(|window, look| {
        act(window, Action::Go(ViewId::Gallery));
        look(window, "Gallery");
        let first = window.harness.get_all_by_role(Role::ListBoxOption).next();
        if let Some(first) = first {
            first.click();
        }
        window.harness.run_steps(4);
        look(window, "Gallery, one selected");
        for key in [egui::Key::M, egui::Key::L] {
            let first = window.harness.get_all_by_role(Role::ListBoxOption).next();
            if let Some(first) = first {
                first.click();
            }
            window.harness.run_steps(4);
            window.harness.key_press(key);
            window.harness.run_steps(6);
            look(window, "Gallery, like one and unlike another");
        }
        act(window, Action::Deliver(ViewId::Gallery, Box::new(ViewMessage::Page("usage"))));
        look(window, "Usage");
        window.key(Modifiers::NONE, Key::Escape);
        act(window, Action::Ui(UiCommand::Export));
        look(window, "Export");
    });
}

#[test]
fn the_log_fits() {
    at_every_size(|window, look| {
        for n in 0..6 {
            let long = "A message that is rather long, since what happened and what to do about it takes some words";
            let problem = Problem::failed(format!("{long} ({n})")).of("/runs/a/folder/with/a/long/name").because("EIO");
            window.push(Event::Message(problem));
        }
        look(window, "Notifications");
        act(window, Action::Go(ViewId::Log));
        look(window, "Log");
    });
}

#[test]
fn the_settings_fit() {
    at_every_size(|window, look| {
        act(window, Action::Go(ViewId::Settings));
        look(window, "Settings");
    });
}

#[test]
fn the_menus_fit() {
    at_every_size(|window, look| {
        for menu in Menu::iter() {
            window.harness.get_by_role_and_label(Role::Button, menu.title()).click();
            window.harness.run_steps(4);
            look(window, menu.title());
            window.key(Modifiers::NONE, Key::Escape);
        }
    });
}

#[test]
fn the_dialogs_and_the_palette_fit() {
    at_every_size(|window, look| {
        for command in [UiCommand::Keys, UiCommand::About, UiCommand::Palette] {
            act(window, Action::Ui(command));
            look(window, command.text());
            window.key(Modifiers::NONE, Key::Escape);
        }
        window.harness.state_mut().shell.dialog = crate::ui::shell::Dialog::Close;
        window.harness.run_steps(4);
        look(window, "Closing");
    });
}
