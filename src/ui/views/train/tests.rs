use std::sync::Arc;

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::super::data::testing::{Stage, harness, shot};
use super::*;
use crate::engine::fake::ScriptedEngine;
use crate::recipe::Edit;
use crate::ui::theme::Mode;

type Bench = Harness<'static, Stage<TrainView>>;

const WIDE: f32 = 1216.0;
const HIGH: f32 = 900.0;

fn stage(engine: ScriptedEngine) -> Stage<TrainView> {
    Stage::new(TrainView::default(), engine)
}

/// A run is being set up on a source that was looked through.
fn setting_up() -> Bench {
    let mut stage = stage(ScriptedEngine::fresh());
    stage.receive(&Parcel::Source("/pictures/nouns".into()));
    harness(stage, WIDE, HIGH, Mode::Dark)
}

/// The run of this name is watched.
fn watching(name: &str) -> Bench {
    let mut stage = stage(ScriptedEngine::new());
    let dir = stage.studio.runs.iter().find(|r| r.name == name).unwrap().dir.clone();
    stage.receive(&Parcel::Run(dir));
    let mut harness = harness(stage, WIDE, HIGH, Mode::Dark);
    harness.run_ok();
    harness
}

fn commands(harness: &Bench) -> Vec<Command> {
    harness.state().engine.commands()
}

fn controls(harness: &Bench) -> Vec<Control> {
    let control = |c| match c {
        Command::ControlRun { control, .. } => Some(control),
        _ => None,
    };
    commands(harness).into_iter().filter_map(control).collect()
}

fn press(harness: &mut Bench, role: Role, name: &str) {
    // What lies below the fold is scrolled to first, as a person would.
    harness.get_by_role_and_label(role, name).scroll_to_me();
    harness.run_ok();
    harness.get_by_role_and_label(role, name).click();
    harness.run_ok();
}

#[test]
fn the_networks_of_a_choice_are_laid_out() {
    let mut harness = setting_up();
    press(&mut harness, Role::Button, "GAN");
    let parameters = |h: &Bench| {
        let all = h.query_all_by_role(Role::Image).filter_map(|n| n.accesskit_node().label());
        all.filter(|l| l.contains("parameter")).collect::<Vec<_>>()
    };
    let before = parameters(&harness);
    assert!(before.iter().any(|l| l.starts_with("Residual block: 32×32")), "{before:?}");
    assert!(harness.query_by_label_contains("of memory").is_some());
    press(&mut harness, Role::Button, "VAE");
    let after = parameters(&harness);
    assert!(after.iter().any(|l| l.starts_with("Mean and log variance")) && after != before, "{after:?}");
    // What does not shape the networks asks for nothing.
    let asked = |h: &Bench| commands(h).iter().filter(|c| matches!(c, Command::Outline { .. })).count();
    let asked_before = asked(&harness);
    harness.state_mut().view.recipe.optim.lr = crate::recipe::Schedule::constant(0.5e-3);
    harness.run_ok();
    assert_eq!(asked(&harness), asked_before);
}

#[test]
fn the_first_page_leads_from_pictures_to_a_run_in_two_clicks() {
    let mut harness = harness(stage(ScriptedEngine::fresh()), WIDE, HIGH, Mode::Dark);
    shot(&mut harness, "train-empty");
    let start = harness.get_by_role_and_label(Role::Button, "Start training");
    assert!(start.accesskit_node().is_disabled());
    press(&mut harness, Role::Button, "Emoji faces");
    press(&mut harness, Role::Button, "Start training");
    let started = commands(&harness).into_iter().find_map(|c| match c {
        Command::StartRun { recipe, from, device } => Some((recipe, from, device)),
        _ => None,
    });
    let (recipe, from, device) = started.unwrap();
    assert_eq!((recipe.data.source.as_str(), from, device.as_str()), ("emoji:faces", None, "cpu"));
    assert_eq!(recipe.name, "emoji faces");
    recipe.validate().unwrap();
    // The new run is watched at once.
    harness.run_ok();
    assert_eq!(harness.state().studio.selected_run().unwrap().name, "emoji faces");
    assert!(!harness.state().view.setting_up);
    assert!(harness.query_by_role_and_label(Role::ComboBox, "Run").is_some());
}

#[test]
fn choosing_a_preset_changes_the_recipe_and_says_how_long_it_takes() {
    let mut harness = setting_up();
    shot(&mut harness, "train-setup");
    assert!(harness.query_by_label("3 broken files left out").is_some());
    assert!(harness.query_by_label_contains("243 files, 240 usable").is_some());
    press(&mut harness, Role::Button, "VAE");
    let view = &harness.state().view;
    assert_eq!((view.preset.id, view.recipe.model.id.as_str()), ("vae", "conv-vae"));
    assert_eq!(view.recipe.data.source, "/pictures/nouns");
    let undo = harness.state().said.iter().any(|a| matches!(a, Action::Undo(u) if u.label == "choose VAE"));
    assert!(undo);
    let recipe = harness.state().view.recipe.clone();
    let device = harness.state().studio.devices[0].clone();
    let expected = estimate::expected(&recipe, Some(&device), &harness.state().studio.runs);
    let time = estimate::about(expected.map(|e| e.seconds));
    assert!(harness.query_all_by_label_contains(&time).count() >= 1, "{time}");
}

#[test]
fn the_preset_for_these_pictures_is_proposed_with_its_reason_until_one_is_chosen() {
    let mut harness = setting_up();
    // 240 drawings: few.
    assert_eq!(harness.state().view.preset.id, "fast-gan");
    assert!(harness.query_by_label_contains("240 drawings are few").is_some());
    press(&mut harness, Role::Button, "Quick GAN");
    harness.state_mut().receive(&Parcel::Source("/pictures/others".into()));
    harness.run_ok();
    assert_eq!(harness.state().view.preset.id, "gan-tiny", "what was chosen stays");
}

#[test]
fn too_few_pictures_get_a_word() {
    let engine = ScriptedEngine::fresh();
    engine.edit(|script| script.pictures = 7);
    let mut stage = stage(engine);
    stage.receive(&Parcel::Source("/pictures/seven".into()));
    let mut harness = harness(stage, WIDE, HIGH, Mode::Dark);
    shot(&mut harness, "train-seven");
    assert!(harness.query_by_label_contains("7 pictures are too few").is_some());
}

#[test]
fn pictures_with_transparency_are_learned_with_it() {
    let mut stage = stage(ScriptedEngine::fresh());
    let mut survey = crate::engine::fake::survey("/pictures/sprites", 695);
    survey.transparent = 695;
    stage.view.recipe.data.source = "/pictures/sprites".into();
    let event = Event::Surveyed { job: 1, survey: Arc::new(survey) };
    stage.engine.push(event);
    stage.settle();
    let harness = harness(stage, WIDE, HIGH, Mode::Dark);
    assert_eq!(harness.state().view.recipe.data.channels, crate::base::Channels::Rgba);
    assert!(harness.query_by_label_contains("have transparency, so it is learned too").is_some());
    assert!(harness.query_by_label_contains("usable · sprites").is_some());
}

#[test]
fn points_are_offered_for_points_alone() {
    let mut harness = setting_up();
    assert!(harness.query_by_role_and_label(Role::Button, "Points in the plane").is_none());
    harness.state_mut().receive(&Parcel::Source("points:ring8".into()));
    harness.run_ok();
    assert!(harness.query_by_role_and_label(Role::Button, "Points in the plane").is_some());
    assert!(harness.query_by_role_and_label(Role::Button, "StyleGAN2").is_none());
}

#[test]
fn pictures_that_are_not_there_hold_a_run_back_and_can_be_replaced() {
    let mut stage = stage(ScriptedEngine::fresh());
    stage.engine.hold_answers(true);
    let mut recipe = PRESETS[0].recipe(Facts { pictures: 0, resolution: 32 });
    recipe.data.source = "/not/here".into();
    stage.receive(&Parcel::SetUp { recipe: Box::new(recipe), from: Some("nouns-gan".into()) });
    let job = stage.view.survey_job.unwrap();
    let problem = Problem::data("There is no such file or folder").of("/not/here");
    stage.engine.push(Event::JobEnded { job, problem: Some(problem) });
    stage.settle();
    let mut harness = harness(stage, WIDE, HIGH, Mode::Dark);
    let start = harness.get_by_role_and_label(Role::Button, "Start training");
    assert!(start.accesskit_node().is_disabled());
    assert!(harness.query_by_label_contains("There is no such file or folder").is_some());
    shot(&mut harness, "train-missing");
    press(&mut harness, Role::Button, "Other pictures…");
    assert!(harness.state().view.recipe.data.source.is_empty());
    assert_eq!(harness.state().view.from.as_deref(), Some("nouns-gan"), "what it starts from stays");
}

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

#[test]
fn a_run_in_the_queue_says_how_long_the_one_before_takes() {
    let harness = watching("nouns deep");
    assert!(harness.query_by_label_contains("waits until nouns ends (").is_some());
}

#[test]
fn undo_brings_a_recipe_back() {
    let mut harness = setting_up();
    let before = harness.state().view.recipe.clone();
    press(&mut harness, Role::Button, "StyleGAN2");
    assert_ne!(harness.state().view.recipe, before);
    let point = harness.state().said.iter().rev().find_map(|a| match a {
        Action::Undo(point) => Some(point.before.clone()),
        _ => None,
    });
    harness.state_mut().with(|view, cx| view.go_back(&point.unwrap(), cx));
    assert_eq!(harness.state().view.recipe, before);
}

#[test]
fn small_sets_are_augmented_once_their_number_is_known() {
    let harness = setting_up();
    // 240 pictures, as the survey found.
    assert!(harness.state().view.recipe.objective.augment.start > 0.5);
}

#[test]
fn a_recipe_from_elsewhere_stays_as_it_is_when_its_pictures_are_looked_through() {
    let mut stage = stage(ScriptedEngine::new());
    let mut recipe = stage.studio.runs[0].recipe.clone();
    recipe.optim.batch = 24;
    recipe.data.source = "/pictures/elsewhere".into();
    stage.receive(&Parcel::SetUp { recipe: Box::new(recipe.clone()), from: Some("nouns-gan".into()) });
    assert!(stage.studio.surveys.contains_key("/pictures/elsewhere"));
    assert_eq!(stage.view.recipe, recipe);
    assert_eq!(stage.view.from.as_deref(), Some("nouns-gan"));
    assert!(stage.view.setting_up);
}

#[test]
fn another_model_in_the_form_takes_its_own_numbers() {
    let mut harness = setting_up();
    press(&mut harness, Role::ComboBox, "Model");
    press(&mut harness, Role::Button, "Residual VAE");
    let recipe = &harness.state().view.recipe;
    assert_eq!(recipe.model.id, "res-vae");
    assert_eq!(recipe.optim.beta1, 0.9, "a VAE's optimiser");
    recipe.validate().unwrap();
}

#[test]
fn fine_tuning_takes_over_the_networks_of_the_parent() {
    let mut harness = setting_up();
    press(&mut harness, Role::ComboBox, "Start from");
    harness.get_by_label_contains("nouns-gan ·").click();
    harness.run_ok();
    let view = &harness.state().view;
    assert_eq!(view.from.as_deref(), Some("nouns-gan"));
    let parent = harness.state().studio.model("nouns-gan").unwrap();
    assert_eq!(view.recipe.model, parent.recipe.model);
    harness.state_mut().with(|view, cx| assert!(view.on_command(UiCommand::Start, cx)));
    let from = commands(&harness).into_iter().find_map(|c| match c {
        Command::StartRun { from, .. } => from,
        _ => None,
    });
    assert_eq!(from.as_deref(), Some("nouns-gan"));
}

#[test]
fn unusable_devices_cannot_be_chosen() {
    let mut harness = setting_up();
    press(&mut harness, Role::ComboBox, "Device");
    let gpu = harness.query_all_by_label("llvmpipe").next().unwrap();
    assert!(gpu.accesskit_node().is_disabled());
}

#[test]
fn a_run_is_paused_stepped_saved_and_stopped() {
    let mut harness = watching("nouns");
    shot(&mut harness, "train-gan");
    for name in ["Pause", "Step", "Checkpoint now", "Resume", "Stop"] {
        press(&mut harness, Role::Button, name);
        harness.run_ok();
    }
    let want = [Control::Pause, Control::Step, Control::Checkpoint, Control::Go, Control::Stop];
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

#[test]
fn a_run_whose_pictures_changed_asks_for_them() {
    let mut stage = stage(ScriptedEngine::new());
    let run = stage.studio.runs.iter_mut().find(|r| r.name == "classic").unwrap();
    run.problem = Some(crate::train::identity::changed("/pictures", "of 9 pictures: 3 gone".into()));
    let dir = run.dir.clone();
    stage.receive(&Parcel::Run(dir));
    let mut harness = harness(stage, WIDE, HIGH, Mode::Dark);
    harness.run_ok();
    let answers = |harness: &Bench| -> Vec<PictureAnswer> {
        let answer = |c| if let Command::ResumeRun { pictures, .. } = c { Some(pictures) } else { None };
        commands(harness).into_iter().filter_map(answer).collect()
    };
    press(&mut harness, Role::Button, "Locate pictures…");
    harness.state_mut().receive(&Parcel::Picked { purpose: locate::LOCATE, paths: vec!["/new place".into()] });
    harness.run_ok();
    assert_eq!(answers(&harness)[0], PictureAnswer { source: Some("/new place".into()), accept: false });
    press(&mut harness, Role::Button, "Continue with these pictures");
    assert!(answers(&harness).iter().any(|a| a.accept));
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
            Parcel::Explore { model, .. } => Some(model.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(model.as_deref(), Some("/runs/nouns"));
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
        harness.state_mut().receive(&Parcel::Picked { purpose: purpose.unwrap(), paths: vec![path.clone()] });
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
fn what_was_chosen_is_kept_for_the_next_start() {
    let mut view = TrainView::default();
    view.curves.settings.smoothing = 0.25;
    view.recipe.optim.batch = 48;
    let mut next = TrainView::default();
    next.restore(&view.save());
    assert_eq!(next.curves.settings.smoothing, 0.25);
    assert_eq!(next.recipe.optim.batch, 48);
    next.restore(&json!({ "recipe": 3, "charts": null }));
    assert_eq!(next.recipe.optim.batch, 48);
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
fn it_fits_small_windows_and_reads_well_in_light() {
    for (name, w, h, mode) in [
        ("train-light", WIDE, HIGH, Mode::Light),
        ("train-small", 860.0, 480.0, Mode::Dark),
        ("train-narrow", 510.0, 480.0, Mode::Dark),
    ] {
        let mut stage = stage(ScriptedEngine::new());
        let dir = stage.studio.runs[0].dir.clone();
        stage.receive(&Parcel::Run(dir));
        let mut harness = harness(stage, w, h, mode);
        harness.run_ok();
        shot(&mut harness, name);
        for button in ["Stop", "Pause", "New run"] {
            let rect = harness.get_by_role_and_label(Role::Button, button).rect();
            assert!(rect.left() >= 0.0 && rect.right() <= w, "{name}: {button} {rect:?}");
        }
    }
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
