//! Setting up a run: pictures, presets, the form and what it starts from.

use super::*;
use crate::ui::theme;

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
    harness.state_mut().receive(&ViewMessage::Source("/pictures/others".into()));
    harness.run_ok();
    assert_eq!(harness.state().view.preset.id, "gan-tiny", "what was chosen stays");
}

#[test]
fn too_few_pictures_get_a_word() {
    let engine = ScriptedEngine::fresh();
    engine.edit(|script| script.pictures = 7);
    let mut stage = stage(engine);
    stage.receive(&ViewMessage::Source("/pictures/seven".into()));
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
    harness.state_mut().receive(&ViewMessage::Source("points:ring8".into()));
    harness.run_ok();
    assert!(harness.query_by_role_and_label(Role::Button, "Points in the plane").is_some());
    assert!(harness.query_by_role_and_label(Role::Button, "StyleGAN2").is_none());
}

#[test]
fn pictures_that_are_not_there_hold_a_run_back_and_can_be_replaced() {
    let mut stage = stage(ScriptedEngine::fresh());
    stage.engine.hold_answers(true);
    let mut recipe = PRESETS[0].recipe(Facts { pictures: 0, resolution: 32.into() });
    recipe.data.source = "/not/here".into();
    stage.receive(&ViewMessage::SetUp { recipe: Box::new(recipe), from: Some("nouns-gan".into()) });
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
    stage.receive(&ViewMessage::SetUp { recipe: Box::new(recipe.clone()), from: Some("nouns-gan".into()) });
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
fn a_card_is_as_wide_as_its_column_whatever_stands_on_it() {
    let setup = |ctx: &egui::Context| {
        theme::install_fonts(ctx);
        theme::apply(ctx, Mode::Dark, true);
    };
    let card = |preset| super::super::setup::PresetCard {
        preset,
        selected: true,
        edited: true,
        recommended: true,
        expect: "Colours and rough shapes of your photographs; details are smeared".into(),
        cost: "about 26 days 10 h · 1,000 kimg".into(),
    };
    let builder = Harness::builder().with_size(egui::vec2(560.0, 300.0)).with_context_setup(setup);
    let mut harness = builder.build_ui(move |ui| {
        ui.columns(2, |columns| {
            for (ui, preset) in columns.iter_mut().zip(PRESETS) {
                card(preset).show(ui);
            }
        });
    });
    harness.run();
    let cards = [0, 1].map(|i| harness.get_by_role_and_label(Role::Button, PRESETS[i].title).rect());
    assert!(cards[0].width() <= 280.0 && cards[0].right() + 4.0 < cards[1].left(), "{cards:?}");
}
