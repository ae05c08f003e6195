//! The window measured and drawn: by hand, not in every run.

use super::*;

/// Processor time of a frame (logic, layout, tessellation; nothing is rasterised) in every view while a run reports:
/// `cargo test --release --lib frame_times -- --ignored --nocapture`.
#[test]
#[ignore = "measures time; run it alone on a quiet machine, in release"]
fn frame_times() {
    const FRAMES: usize = 400;
    let mut window = Window::sized(ScriptedEngine::new(), vec2(1920.0, 1080.0), Vec::new());
    let run = window.engine.script().runs.iter().find(|r| r.state.is_alive()).cloned().unwrap();
    let mut images = run.progress.images;
    for view in &VIEWS {
        window.key(Modifiers::COMMAND, view.key);
        let mut times = Vec::with_capacity(FRAMES);
        for frame in 0..FRAMES {
            images += 32;
            let values = ["loss/generator", "loss/critic", "critic/real", "critic/fake"];
            let reading = crate::base::series::Reading {
                step: images / 32,
                images,
                seconds: frame as f64 * 0.05,
                values: values.iter().map(|v| ((*v).to_owned(), (frame as f64 * 0.1).sin())).collect(),
            };
            window.engine.push(Event::RunReadings { dir: run.dir.clone(), readings: vec![reading] });
            let x = 80.0 + (frame * 7 % 1800) as f32;
            window.harness.hover_at(egui::pos2(x, 60.0 + (frame * 5 % 960) as f32));
            let began = crate::ui::frame_bench::thread_ms();
            window.harness.step();
            let output = window.harness.output();
            let shapes = output.shapes.clone();
            let triangles = window.harness.ctx.tessellate(shapes, output.pixels_per_point);
            times.push(crate::ui::frame_bench::thread_ms() - began);
            assert!(!triangles.is_empty());
        }
        times.sort_by(f64::total_cmp);
        let at = |q: usize| times[(times.len() * q / 100).min(times.len() - 1)];
        println!("{:<9} p50 {:5.2} ms  p99 {:5.2} ms", view.title, at(50), at(99));
        assert!(cfg!(debug_assertions) || at(99) <= 16.0, "{}: {:.1} ms", view.title, at(99));
    }
}

/// Pictures of every view for the eye: `LATENT_STUDIO_SHOTS=folder cargo test --lib screenshots -- --ignored`.
#[test]
#[ignore = "draws on a software renderer; run it to look at the window"]
fn screenshots() {
    let folder = PathBuf::from(std::env::var("LATENT_STUDIO_SHOTS").unwrap_or_else(|_| "target/shots".into()));
    std::fs::create_dir_all(&folder).unwrap();
    let only = std::env::var("LATENT_STUDIO_VIEW").unwrap_or_default();
    let kinds = [
        ("1280-dark", vec2(1280.0, 800.0), 1.0, egui::Theme::Dark),
        ("1280-light", vec2(1280.0, 800.0), 1.0, egui::Theme::Light),
        ("1920-dark", vec2(1920.0, 1080.0), 1.0, egui::Theme::Dark),
        ("scaled-light", vec2(1280.0, 800.0), 1.5, egui::Theme::Light),
    ];
    for (kind, room, scale, theme) in kinds {
        if !std::env::var("LATENT_STUDIO_KIND").unwrap_or_default().is_empty()
            && std::env::var("LATENT_STUDIO_KIND").is_ok_and(|k| k != kind)
        {
            continue;
        }
        let home = tempfile::tempdir().unwrap();
        let folders = Paths::under(home.path());
        // At scale 1.5 a 1920 by 1200 screen has room for 1280 by 800 points.
        let mut harness = Harness::builder()
            .with_size(room)
            .with_pixels_per_point(scale)
            .with_max_steps(60)
            .wgpu()
            .build_eframe(move |_| {
                let options =
                    Options { picker: Box::new(Person::default()), still: true, remember: false, ..Options::default() };
                StudioApp::new(Box::new(ScriptedEngine::new()), folders, options)
            });
        harness.run_ok();
        if theme == egui::Theme::Light {
            harness.state_mut().act(Action::Ui(UiCommand::Theme));
            harness.run_ok();
        }
        for view in &VIEWS {
            if !only.is_empty() && !only.split(',').any(|o| o.eq_ignore_ascii_case(view.title)) {
                continue;
            }
            harness.state_mut().act(Action::Go(view.id));
            harness.run_ok();
            harness.run_ok();
            let name = format!("{}-{kind}.png", view.title.to_lowercase());
            harness.render().unwrap().save(folder.join(name)).unwrap();
        }
        if only.is_empty() || only == "shell" {
            shell_pictures(&mut harness, &folder, kind);
        }
    }
}

/// Menus, dialogs, the palette, panes and toasts.
fn shell_pictures(harness: &mut Harness<'_, StudioApp>, folder: &std::path::Path, kind: &str) {
    let shoot = |harness: &mut Harness<'_, StudioApp>, name: &str| {
        harness.run_ok();
        harness.run_ok();
        harness.render().unwrap().save(folder.join(format!("shell-{name}-{kind}.png"))).unwrap();
    };
    harness.state_mut().act(Action::Go(ViewId::Home));
    for (name, command) in [("palette", UiCommand::Palette), ("keys", UiCommand::Keys), ("about", UiCommand::About)] {
        harness.state_mut().act(Action::Ui(command));
        shoot(harness, name);
        harness.key_press(Key::Escape);
        harness.run_ok();
    }
    harness.get_by_label("View").click();
    shoot(harness, "menu");
    harness.key_press(Key::Escape);
    harness.run_ok();
    harness.state_mut().shell.dialog = crate::ui::shell::Dialog::Close;
    shoot(harness, "close");
    harness.state_mut().shell.dialog = crate::ui::shell::Dialog::None;
    for problem in [
        Problem::usage("Picture copied").info(),
        Problem::data("12 files cannot be used")
            .of("/photos/cats")
            .try_this("They are listed in Data, each with its reason")
            .warning(),
        Problem::failed("The disk is full")
            .of("/runs/nouns")
            .try_this("Free some space, then go on with the run")
            .because("ENOSPC"),
    ] {
        harness.state_mut().act(Action::Message(problem));
    }
    harness.state_mut().act(Action::Go(ViewId::Train));
    harness.state_mut().act(Action::Beside(ViewId::Explore));
    shoot(harness, "panes");
    harness.state_mut().act(Action::Go(ViewId::Log));
    harness.run_ok();
    harness.state_mut().act(Action::Ui(UiCommand::ResetLayout));
    harness.run_ok();
    harness.get_by_role_and_label(Role::ListItem, "The disk is full").click();
    shoot(harness, "log");
}
