//! Curves and scores of a run.

use super::*;

#[test]
fn smoothing_and_axes_are_the_same_for_both_charts() {
    let mut harness = watching("nouns");
    assert_eq!(harness.state().view.curves.settings.smoothing, 0.6);
    harness.get_by_role_and_label(Role::Slider, "Smoothing").set_value_accesskit(0.9);
    harness.run_ok();
    assert!((harness.state().view.curves.settings.smoothing - 0.9).abs() < 0.01);
    press(&mut harness, Role::RadioButton, "Across: Time");
    assert_eq!(harness.state().view.curves.settings.axis, crate::base::series::Axis::Time);
    assert!(harness.query_by_role_and_label(Role::ComboBox, "Upper chart").is_some());
    press(&mut harness, Role::ComboBox, "Lower chart");
    press(&mut harness, Role::Button, "Gradient norms");
    assert_eq!(harness.state().view.curves.chosen()[1], Some(signals::Chart::Gradients));
}

#[test]
fn another_run_is_laid_over_in_its_own_colour() {
    let mut harness = watching("nouns");
    press(&mut harness, Role::CheckBox, "Lay fashion over");
    harness.run_ok();
    let asked =
        commands(&harness).into_iter().any(|c| matches!(c, Command::LoadRun { dir } if dir.ends_with("fashion")));
    assert!(asked);
    assert!(harness.query_by_role_and_label(Role::CheckBox, "fashion · Loss").is_some());
    assert!(harness.query_by_role_and_label(Role::CheckBox, "nouns · Critic").is_some());
    shot(&mut harness, "train-overlay");
}

#[test]
fn a_chart_is_saved_as_numbers_and_as_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let mut harness = watching("nouns");
    for (entry, file) in [("Save as CSV…", "a.csv"), ("Save as PNG…", "a.png")] {
        press(&mut harness, Role::Button, "Losses: save or reset");
        press(&mut harness, Role::Button, entry);
        let purpose = harness.state().said.iter().rev().find_map(|a| match a {
            Action::Pick(pick) => Some(pick.purpose),
            _ => None,
        });
        let path = dir.path().join(file);
        harness.state_mut().receive(&ViewMessage::Picked { purpose: purpose.unwrap(), paths: vec![path.clone()] });
        harness.run_ok();
        let begin = std::time::Instant::now();
        while !path.exists() && begin.elapsed().as_secs() < 30 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    let text = std::fs::read_to_string(dir.path().join("a.csv")).unwrap();
    assert!(text.starts_with("step,images,seconds,Critic,Generator\r\n"), "{}", &text[..60]);
    assert_eq!(text.lines().count(), 1 + 41_216 / 256);
    let picture = image::open(dir.path().join("a.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (1920, 1080));
    if let Some(folder) = std::env::var_os("LATENT_STUDIO_SHOTS") {
        picture.save(Path::new(&folder).join("chart-export.png")).unwrap();
    }
}

#[test]
fn edits_become_flags_that_say_what_changed() {
    let mut harness = watching("nouns");
    let dir = harness.state().studio.selected_run().unwrap().dir.clone();
    let edit = Edit { step: 600, images: 19_200, key: "optim.lr".into(), value: json!(2e-4) };
    harness.state().engine.push(Event::RunEdited { dir: dir.clone(), edit });
    harness.run_ok();
    assert_eq!(harness.state().studio.live[&dir].edits.len(), 1);
    let plot = harness
        .query_all_by_role(Role::Image)
        .find(|n| n.accesskit_node().label().is_some_and(|l| l.starts_with("Losses:")));
    let frame = plot.unwrap().rect();
    // The axis goes from 0 to the 41.2 kimg that were seen; flags hang at the top.
    let x = frame.left() + frame.width() * 19.2 / 41.216;
    harness.hover_at(egui::pos2(x + 2.0, frame.top() + 6.0));
    harness.run_steps(12);
    assert!(harness.query_by_label_contains("Learning rate set to 2e-4").is_some());
}

#[test]
fn scores_are_measured_when_asked_and_shown_with_intervals() {
    let mut harness = watching("nouns");
    press(&mut harness, Role::RadioButton, "Show: Metrics");
    let model = "/runs/nouns".to_string();
    assert!(commands(&harness).contains(&Command::KnownScores { model: model.clone() }));
    harness.state_mut().engine.take_commands();
    // While it is measured, progress and a way out stand where the button was.
    harness.state_mut().engine.hold_answers(true);
    press(&mut harness, Role::Button, "Measure");
    let asked = commands(&harness);
    let [Command::Evaluate { job, model: measured, data: None, metrics, count: 1000 }] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!((measured, metrics.join(",")), (&model, "fid,kid,memory,prdc".into()));
    let job = *job;
    harness.state().engine.push(Event::Job { job, title: "Making samples".into(), done: 250, total: 1000 });
    harness.run_ok();
    assert!(harness.query_by_role_and_label(Role::Button, "Measure").is_none());
    press(&mut harness, Role::Button, "Cancel measuring");
    assert!(commands(&harness).contains(&Command::Cancel { job }));
    harness.state_mut().engine.hold_answers(false);
    harness.run_ok();
    harness.run_ok();
    shot(&mut harness, "train-metrics");
    assert!(harness.query_by_role_and_label(Role::Button, "Measure").is_some());
    for text in ["KID", "Coverage", "Lower is better", "Closest to training pictures"] {
        assert!(harness.query_all_by_label(text).next().is_some(), "{text}");
    }
}

#[test]
fn scores_are_curves_with_their_interval_as_a_band() {
    let mut harness = watching("nouns");
    press(&mut harness, Role::ComboBox, "Lower chart");
    press(&mut harness, Role::Button, "Distance from the data");
    shot(&mut harness, "train-kid");
    let live = harness.state().studio.live.values().find(|l| l.curves.contains_key("kid")).unwrap();
    assert!(live.curves.contains_key("kid.low"));
    // The bounds are no lines of their own.
    assert!(harness.query_all_by_label("KID").next().is_some());
    assert!(harness.query_all_by_label("kid low").next().is_none());
}

#[test]
fn what_is_happening_stands_over_the_samples_and_scores_have_a_word() {
    let mut harness = watching("nouns");
    assert!(harness.query_by_label_contains("What is happening now").is_some());
    assert!(harness.query_by_label("How good it is").is_some());
    let dir = harness.state().studio.selected_run().unwrap().dir.clone();
    let values = vec![("kid".to_string(), 2.72)];
    let reading = crate::base::series::Reading { step: 2000, images: 50_000, seconds: 60.0, values };
    harness.state().engine.push(Event::RunReadings { dir, readings: vec![reading] });
    harness.run_ok();
    assert!(harness.query_by_label("still far off").is_some());
}
