//! Watching a run: its state, what can be done with it, and its samples.

use super::*;

#[test]
fn a_stopped_run_is_not_called_finished() {
    let mut harness = watching("fashion");
    let mut run = harness.state().studio.selected_run().unwrap().clone();
    run.progress.images = run.progress.target;
    harness.state().engine.push(Event::Run(Box::new(run.clone())));
    harness.run_ok();
    assert!(harness.query_by_label("finished").is_some() && harness.query_by_label("stopped").is_none());
    run.progress.images = 990;
    harness.state().engine.push(Event::Run(Box::new(run)));
    harness.run_ok();
    assert!(harness.query_by_label("stopped").is_some() && harness.query_by_label("finished").is_none());
    assert!(harness.query_by_label_contains("Stopped at 0.99 kimg").is_some());
    press(&mut harness, Role::Button, "Resume");
    assert!(commands(&harness).iter().any(|c| matches!(c, Command::ResumeRun { kimg: None, .. })));
}

#[test]
fn a_run_in_the_queue_says_how_long_the_one_before_takes() {
    let harness = watching("nouns deep");
    assert!(harness.query_by_label_contains("waits until nouns ends (").is_some());
}

#[test]
fn a_run_is_paused_stepped_saved_and_stopped() {
    let mut harness = watching("nouns");
    shot(&mut harness, "train-gan");
    for name in ["Pause", "Step", "Checkpoint now", "Resume", "Stop"] {
        press(&mut harness, Role::Button, name);
        harness.run_ok();
    }
    let want = [Control::Pause, Control::Step, Control::Checkpoint, Control::Resume, Control::Stop];
    assert_eq!(controls(&harness), want);
}

#[test]
fn a_live_setting_is_sent_to_the_run_and_others_are_locked() {
    let mut harness = watching("nouns");
    let slider = |h: &Bench, name: &str| {
        h.query_all_by_label(name).filter(|n| n.accesskit_node().role() == Role::Slider).count()
    };
    assert_eq!((slider(&harness, "Length"), slider(&harness, "Resolution")), (1, 0));
    let length = harness.query_all_by_label("Length").find(|n| n.accesskit_node().role() == Role::Slider).unwrap();
    length.set_value_accesskit(500.0);
    harness.run_ok();
    let controls = controls(&harness);
    let [Control::Edit { key, value }] = controls.as_slice() else { panic!("{controls:?}") };
    assert_eq!(key, "run.kimg");
    assert!((value.as_f64().unwrap() - 500.0).abs() < 5.0);
}

#[test]
fn the_slider_through_time_loads_what_was_kept() {
    let mut harness = watching("nouns");
    harness.state_mut().engine.take_commands();
    press(&mut harness, Role::Button, "Earlier samples");
    harness.run_ok();
    let asked = |h: &Bench| {
        commands(h).into_iter().rev().find_map(|c| match c {
            Command::LoadPreview { images, .. } => Some(images),
            _ => None,
        })
    };
    let previews = harness.state().studio.live.values().find(|l| l.previews.len() > 2).unwrap().previews.clone();
    assert_eq!(asked(&harness), Some(previews[previews.len() - 2]));
    harness.get_by_role_and_label(Role::Slider, "Time in the run").set_value_accesskit(1.0);
    harness.run_ok();
    harness.run_ok();
    assert_eq!(asked(&harness), Some(previews[1]));
    assert_eq!(harness.state().view.samples.at(), Some(previews[1]));
    press(&mut harness, Role::Button, "Follow the run");
    assert_eq!(harness.state().view.samples.at(), None);
}

#[test]
fn a_sample_is_enlarged_and_keys_go_on() {
    let mut harness = watching("nouns");
    press(&mut harness, Role::Button, "Sample 3");
    assert!(harness.query_by_label("Sample 3 enlarged").is_some());
    harness.key_press(Key::ArrowRight);
    harness.run_ok();
    assert!(harness.query_by_label("Sample 4 enlarged").is_some());
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_label("Sample 1").is_some());
}

#[test]
fn a_vae_shows_inputs_reconstructions_differences_and_kl() {
    let mut harness = watching("fashion");
    press(&mut harness, Role::RadioButton, "Pictures: Reconstructions");
    assert!(harness.query_by_label("Input 1").is_some());
    assert!(harness.query_by_label("Reconstruction 1").is_some());
    let bars = harness.query_by_label_contains("of 32 dimensions in use");
    assert!(bars.is_some());
    shot(&mut harness, "train-vae");
    press(&mut harness, Role::RadioButton, "Pictures: Difference");
    assert!(harness.query_by_label("Difference 1").is_some());
}

#[test]
fn a_gan_has_no_reconstructions() {
    let harness = watching("nouns");
    assert!(harness.query_by_label("Pictures: Samples").is_some());
    assert!(harness.query_by_label("Pictures: Reconstructions").is_none());
}

#[test]
fn a_failed_run_says_why_and_resumes() {
    let mut harness = watching("classic");
    shot(&mut harness, "train-failed");
    assert!(harness.query_by_label_contains("non-finite").is_some());
    assert!(harness.query_by_label("Lower the learning rate and resume").is_some());
    press(&mut harness, Role::Button, "Resume");
    let resumed = commands(&harness).into_iter().any(|c| matches!(c, Command::ResumeRun { kimg: None, .. }));
    assert!(resumed);
}

/// A run is watched that did not go on, since its pictures are others now.
fn asking() -> Bench {
    let mut stage = stage(ScriptedEngine::new());
    let run = stage.studio.runs.iter_mut().find(|r| r.name == "classic").unwrap();
    run.problem = Some(crate::train::identity::changed("/pictures", "of 9 pictures: 3 gone".into()));
    let dir = run.dir.clone();
    stage.receive(&ViewMessage::Run(dir));
    let mut harness = harness(stage, WIDE, HIGH, Mode::Dark);
    harness.run_ok();
    harness
}

#[test]
fn a_run_whose_pictures_changed_asks_for_them() {
    let answers = |harness: &Bench| -> Vec<PictureAnswer> {
        let answer = |c| if let Command::ResumeRun { pictures, .. } = c { Some(pictures) } else { None };
        commands(harness).into_iter().filter_map(answer).collect()
    };
    let mut harness = asking();
    press(&mut harness, Role::Button, "Locate pictures…");
    harness.state_mut().receive(&ViewMessage::Picked { purpose: locate::LOCATE, paths: Vec::new() });
    harness.run_ok();
    assert!(answers(&harness).is_empty(), "without a folder it still asks");
    harness.state_mut().receive(&ViewMessage::Picked { purpose: locate::LOCATE, paths: vec!["/new place".into()] });
    harness.run_ok();
    assert_eq!(answers(&harness), [PictureAnswer { source: Some("/new place".into()), accept: false }]);
    let asks = harness.query_by_role_and_label(Role::Button, "Continue with these pictures");
    assert!(asks.is_none(), "it was answered and goes on");
    let mut harness = asking();
    press(&mut harness, Role::Button, "Continue with these pictures");
    assert_eq!(answers(&harness), [PictureAnswer { source: None, accept: true }]);
}

#[test]
fn a_finished_run_goes_on_further() {
    let mut harness = watching("fashion");
    press(&mut harness, Role::Button, "Train longer");
    let seen = 120.064;
    let target = commands(&harness).into_iter().find_map(|c| match c {
        Command::ResumeRun { kimg, .. } => kimg,
        _ => None,
    });
    assert!((target.unwrap() - seen - 100.0).abs() < 1e-6);
}

#[test]
fn waiting_runs_can_be_taken_out_of_the_queue() {
    let mut harness = watching("nouns");
    press(&mut harness, Role::Button, "Remove nouns deep from queue");
    assert!(commands(&harness).iter().any(|c| matches!(c, Command::Unqueue { .. })));
    assert!(harness.state().studio.runs.iter().all(|r| r.state != RunState::Queued));
}

#[test]
fn exploring_leads_to_the_model_of_the_run() {
    let mut harness = watching("nouns");
    press(&mut harness, Role::Button, "Explore this model");
    let model = harness.state().said.iter().find_map(|a| match a {
        Action::Deliver(ViewId::Explore, parcel) => match parcel.as_ref() {
            ViewMessage::Explore { model, .. } => Some(model.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(model.as_deref(), Some("/runs/nouns"));
}

#[test]
fn while_preparing_it_says_what_takes_time() {
    let mut harness = watching("nouns");
    let mut run = harness.state().studio.selected_run().unwrap().clone();
    run.state = RunState::Preparing;
    run.progress.stage = "Preparing pictures 120 of 900".into();
    harness.state().engine.push(Event::Run(Box::new(run)));
    harness.run_steps(3);
    assert!(harness.query_by_label("Preparing pictures 120 of 900").is_some());
}

#[test]
fn live_samples_replace_each_other_without_being_asked_for() {
    let mut harness = watching("nouns");
    let dir = harness.state().studio.selected_run().unwrap().dir.clone();
    let preview = Arc::new(crate::engine::fake::preview(crate::base::Family::Gan, 41_500));
    harness.state().engine.push(Event::RunPreview { dir, preview, live: true });
    harness.run_ok();
    assert!(harness.query_by_label("41.5 kimg").is_some());
}

#[test]
fn a_finding_says_what_it_means_and_its_remedies_are_pressed() {
    let mut harness = watching("nouns");
    let dir = harness.state().studio.selected_run().unwrap().dir.clone();
    let remedy =
        |title: &str, key: &str, value: Value, live| Remedy { title: title.into(), key: key.into(), value, live };
    let finding = Finding {
        name: "mode-collapse".into(),
        title: "Samples are all alike".into(),
        course: Course::Found,
        images: 61_000,
        since: 52_000,
        confidence: 0.93,
        evidence: vec![Evidence {
            number: "sample_variety".into(),
            value: 0.12,
            healthy: "0.7 to 1.2".into(),
            from: 58_000,
            to: 61_000,
        }],
        explanation: "Samples differ far less from each other than your pictures do.".into(),
        remedies: vec![
            remedy("Raise the penalty γ", "objective.gamma", json!(4.0), true),
            remedy("Two critic steps", "objective.critic_steps", json!(2), false),
            remedy("Half the width", "model.width", json!(64), false),
            remedy("Add pictures", "", Value::Null, false),
        ],
        remedy_taken: None,
    };
    let tell = |harness: &mut Bench, finding: Finding| {
        harness.state().engine.push(Event::RunFinding { dir: dir.clone(), finding: Box::new(finding) });
        harness.run_ok();
    };
    assert!(harness.query_by_label("Finding: Samples are all alike").is_none());
    tell(&mut harness, finding.clone());
    assert!(harness.query_by_label("Finding: Samples are all alike").is_some());
    assert!(harness.query_by_label_contains("Since 52.0 kimg, 93 % sure").is_some());
    press(&mut harness, Role::Button, "Evidence for Samples are all alike");
    assert!(
        harness.query_by_label_contains("Variety: 0.12 from 58.0 kimg to 61.0 kimg; healthy: 0.7 to 1.2").is_some()
    );
    shot(&mut harness, "train-finding");
    press(&mut harness, Role::Button, "Raise the penalty γ");
    assert_eq!(controls(&harness), [Control::Edit { key: "objective.gamma".into(), value: json!(4.0) }]);

    let gone =
        Finding { course: Course::Gone, images: 70_000, remedy_taken: Some("objective.gamma".into()), ..finding };
    tell(&mut harness, gone.clone());
    assert!(harness.query_by_label_contains("Gone at 70.0 kimg, after a change of “Penalty γ”").is_some());
    assert!(harness.query_by_role_and_label(Role::Button, "Raise the penalty γ").is_none(), "nothing is left to do");

    tell(&mut harness, Finding { course: Course::Found, images: 80_000, remedy_taken: None, ..gone });
    press(&mut harness, Role::Button, "Fork: Two critic steps");
    let forked = commands(&harness).into_iter().find_map(|c| match c {
        Command::ForkRun { images, changes, .. } => Some((images, changes)),
        _ => None,
    });
    assert_eq!(forked, Some((None, vec!["objective.critic_steps=2".to_owned()])));
    harness.state_mut().receive(&ViewMessage::Run(dir.clone()));
    harness.run_ok();
    press(&mut harness, Role::Button, "New run: Half the width");
    let view = &harness.state().view;
    assert!(view.setting_up && view.recipe.model.width == 64, "{:?}", view.recipe.model);
    assert_eq!(view.recipe.name, "nouns again");
}

#[test]
fn a_run_is_forked_at_a_checkpoint_and_says_where_it_came_from() {
    let mut harness = watching("nouns");
    let checkpoint = harness.state().studio.selected_run().unwrap().checkpoints[0].clone();
    let at = crate::ui::format::kimg(checkpoint.images);
    press(&mut harness, Role::Button, &format!("Fork at {at}"));
    let asked = commands(&harness).into_iter().any(|c| {
        matches!(c, Command::ForkRun { images: Some(images), changes, .. } if images == checkpoint.images && changes.is_empty())
    });
    assert!(asked);
    let forked = format!("nouns · from {} kimg", checkpoint.images as f64 / 1000.0);
    assert_eq!(harness.state().studio.selected_run().unwrap().name, forked, "it is watched at once");
    assert!(harness.query_by_label_contains(&format!("From nouns at {at}")).is_some());
    shot(&mut harness, "train-fork");
    // The tree leads back to the run that it came from.
    press(&mut harness, Role::RadioButton, "Show: Tree");
    harness.run_ok();
    assert!(harness.query_by_label_contains("nothing changed").is_some());
    shot(&mut harness, "train-tree");
    // Two branches blink at the last moment that both have samples of.
    let dirs = ["nouns", &forked]
        .map(|name| harness.state().studio.runs.iter().find(|r| r.name == name).map(|r| r.dir.clone()).unwrap());
    for (dir, moments) in dirs.iter().zip([vec![1000, 2000, 3000], vec![2000, 4000]]) {
        harness.state_mut().studio.live.entry(dir.clone()).or_default().previews = moments;
    }
    harness.get_by_role_and_label(Role::Button, "Blink with nouns").click();
    harness.run_steps(8);
    let asked = commands(&harness);
    for dir in &dirs {
        let asked_for = |c: &&Command| matches!(c, Command::LoadPreview { dir: d, images: 2000 } if d == dir);
        assert_eq!(asked.iter().filter(asked_for).count(), 1, "{asked:?}");
    }
    harness.get_by_role_and_label(Role::Button, "Stop blinking").click();
    harness.run_ok();
    // A slider over the branch moves its samples with it.
    let asked_at = |harness: &Bench, at: u64| {
        let of = |c: &Command| matches!(c, Command::LoadPreview { dir, images } if *dir == dirs[1] && *images == at);
        commands(harness).iter().filter(|c| of(c)).count()
    };
    assert!(asked_at(&harness, 4000) > 0 && asked_at(&harness, 2000) == 1);
    harness.get_by_role_and_label(Role::Slider, "Moment of the branch").set_value_accesskit(0.0);
    harness.run_steps(8);
    assert_eq!(asked_at(&harness, 2000), 2);
    shot(&mut harness, "train-tree-moment");
    let rows: Vec<String> = harness
        .get_all_by_role(Role::Button)
        .filter_map(|node| node.accesskit_node().label())
        .filter(|label| label.starts_with("nouns ("))
        .collect();
    press(&mut harness, Role::Button, &rows[0]);
    assert_eq!(harness.state().studio.selected_run().unwrap().name, "nouns");
}
