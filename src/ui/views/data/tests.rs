use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::testing::{Stage, harness, shot};
use super::*;
use crate::engine::fake::ScriptedEngine;
use crate::engine::{Event, RecordsEvent};
use crate::ui::theme::Mode;

fn opened() -> Harness<'static, Stage<DataView>> {
    let mut stage = Stage::new(DataView::default(), ScriptedEngine::new());
    stage.receive(&ViewMessage::Source("/pictures/nouns".into()));
    harness(stage, 1216.0, 740.0, Mode::Dark)
}

fn commands(harness: &Harness<'_, Stage<DataView>>) -> Vec<Command> {
    harness.state().engine.commands()
}

#[test]
fn without_a_source_the_first_page_offers_built_in_ones() {
    let stage = Stage::new(DataView::default(), ScriptedEngine::fresh());
    let mut harness = harness(stage, 1216.0, 740.0, Mode::Dark);
    shot(&mut harness, "data-welcome");
    harness.get_by_role_and_label(Role::Button, "Emoji faces").click();
    harness.run_ok();
    let asked =
        commands(&harness).iter().any(|c| matches!(c, Command::Survey { source, .. } if source == "emoji:faces"));
    assert!(asked);
    assert!(harness.query_by_role_and_label(Role::ListBox, "Pictures").is_some());
}

#[test]
fn a_pasted_path_is_looked_through() {
    let stage = Stage::new(DataView::default(), ScriptedEngine::fresh());
    let mut harness = harness(stage, 1216.0, 740.0, Mode::Dark);
    harness.get_by_label("Path").click();
    harness.run_ok();
    harness.get_by_label("Path").type_text("/pictures/cats");
    harness.run_ok();
    harness.key_press(Key::Enter);
    harness.run_ok();
    let asked =
        commands(&harness).iter().any(|c| matches!(c, Command::Survey { source, .. } if source == "/pictures/cats"));
    assert!(asked);
}

#[test]
fn the_counter_of_broken_files_lists_their_reasons() {
    let mut harness = opened();
    shot(&mut harness, "data");
    harness.get_by_label("Show: Broken 3").click();
    harness.run_ok();
    assert!(harness.query_by_label("dog/half.jpg").is_some());
    assert!(harness.query_by_label("The file ends in the middle of the picture").is_some());
    shot(&mut harness, "data-broken");
}

#[test]
fn a_key_leaves_pictures_out_and_the_counter_shows_them() {
    let mut harness = opened();
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.get_by_label_contains("picture-000004.png").click_modifiers(Modifiers::SHIFT);
    harness.run_ok();
    harness.key_press(Key::X);
    harness.run_ok();
    assert_eq!(harness.state().view.recipe.data.exclude.len(), 3);
    assert!(harness.state().said.iter().any(|a| matches!(a, Action::Undo(u) if u.label == "leave out pictures")));
    harness.get_by_label("Show: Left out 3").click();
    harness.run_ok();
    assert_eq!(harness.query_all_by_role(Role::ListBoxOption).count(), 3);
    // The key includes them again.
    harness.key_press(Key::X);
    harness.run_ok();
    assert!(harness.state().view.recipe.data.exclude.is_empty());
}

#[test]
fn another_source_is_chosen_where_there_is_no_room_for_the_list() {
    let mut stage = Stage::new(DataView::default(), ScriptedEngine::new());
    stage.receive(&ViewMessage::Source("/pictures/nouns".into()));
    let mut harness = harness(stage, 560.0, 540.0, Mode::Light);
    assert!(harness.query_by_label("Built in").is_none());
    harness.get_by_label("Source").click();
    harness.run_ok();
    harness.get_by_label("Emoji faces").click();
    harness.run_ok();
    assert_eq!(harness.state().view.source(), Some("emoji:faces"));
    let asked =
        commands(&harness).iter().any(|c| matches!(c, Command::Survey { source, .. } if source == "emoji:faces"));
    assert!(asked);
}

#[test]
fn labels_are_taught_as_words() {
    let mut harness = opened();
    harness.get_by_role_and_label(Role::Button, "Teach it your words").click_accesskit();
    harness.run_ok();
    let sent = commands(&harness);
    let taught = sent.iter().any(|c| matches!(c, Command::TeachWords { source, .. } if source == "/pictures/nouns"));
    assert!(taught, "{sent:?}");
}

#[test]
fn space_shows_a_picture_large_and_arrows_go_on() {
    let mut harness = opened();
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.key_press(Key::Space);
    harness.run_ok();
    assert!(harness.query_by_label("fish/picture-000002.png enlarged").is_some());
    harness.key_press(Key::ArrowRight);
    harness.run_ok();
    assert!(harness.query_by_label("owl/picture-000003.png enlarged").is_some());
    let asked = commands(&harness)
        .into_iter()
        .any(|c| matches!(c, Command::SourceThumbs { size: 256, names, .. } if names == ["owl/picture-000003.png"]));
    assert!(asked);
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_role_and_label(Role::ListBox, "Pictures").is_some());
}

#[test]
fn a_rectangle_on_the_enlarged_picture_is_hidden_and_shown_again() {
    let mut harness = opened();
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.key_press(Key::Space);
    harness.run_ok();
    harness.get_by_label("How it is hidden: Blur").click();
    harness.run_ok();
    let shown = harness.get_by_label("Regions of fish/picture-000002.png").rect();
    let at = |x: f32, y: f32| shown.min + shown.size() * egui::vec2(x, y);
    harness.hover_at(at(0.25, 0.5));
    harness.drag_at(at(0.25, 0.5));
    harness.run_ok();
    harness.hover_at(at(0.75, 1.0));
    harness.run_ok();
    harness.drop_at(at(0.75, 1.0));
    harness.run_ok();
    let hidden = harness.state().view.recipe.data.hide.clone();
    let [entry] = hidden.as_slice() else { panic!("{hidden:?}") };
    assert!(entry.starts_with("fish/picture-000002.png=") && entry.ends_with(":blur"), "{entry}");
    crate::data::hide::Hidden::of(&hidden).unwrap();
    assert!(harness.state().said.iter().any(|a| matches!(a, Action::Undo(u) if u.label == "hide a region")));
    // The picture is still there: a drag is no click.
    harness.get_by_label_contains("Do not hide ").click();
    harness.run_ok();
    assert!(harness.state().view.recipe.data.hide.is_empty());
    assert!(harness.query_by_label("fish/picture-000002.png enlarged").is_some());
}

#[test]
fn duplicates_stand_in_groups_and_can_be_left_out() {
    let mut harness = opened();
    harness.get_by_label("Show: Duplicates 3").click();
    harness.run_ok();
    assert!(harness.query_by_label("The same picture, 2 times").is_some());
    shot(&mut harness, "data-duplicates");
    // One exact group was found, so the switch began on.
    let all = harness.get_by_label_contains("Leave out all duplicates");
    all.click();
    harness.run_ok();
    assert!(!harness.state().view.recipe.data.drop_duplicates);
    harness.get_by_label("Leave out duplicates of dog/picture-000005.png").click();
    harness.run_ok();
    assert_eq!(harness.state().view.excluded.iter().copied().collect::<Vec<_>>(), [9, 17]);
    assert_eq!(harness.state().view.recipe.data.exclude, ["dog/picture-000009.png", "dog/picture-000017.png"]);
}

#[test]
fn labels_filter() {
    let mut harness = opened();
    harness.get_by_role_and_label(Role::ComboBox, "Label").click();
    harness.run_ok();
    harness.get_by_role_and_label(Role::Button, "owl").click();
    harness.run_ok();
    assert_eq!(harness.state().view.shown.len(), 60);
    assert!(harness.query_by_label_contains("cat/picture-000000.png").is_none());
}

#[test]
fn the_preview_follows_the_pointer_and_the_settings() {
    let mut harness = opened();
    let place = harness.get_by_label_contains("picture-000006.png").rect().center();
    harness.hover_at(place);
    harness.run_ok();
    harness.run_ok();
    let last = |h: &Harness<'_, Stage<DataView>>| {
        commands(h).into_iter().rev().find_map(|c| match c {
            Command::PreviewPreparation { data, name, .. } => Some((name, data)),
            _ => None,
        })
    };
    assert_eq!(last(&harness).unwrap().0, "fish/picture-000006.png");
    let mirror = harness.query_all_by_label("Mirror at random").find(|n| n.rect().width() < 60.0).unwrap();
    mirror.click();
    harness.run_ok();
    harness.run_ok();
    assert!(harness.state().view.recipe.data.mirror);
    assert!(last(&harness).unwrap().1.mirror);
}

#[test]
fn going_on_to_train_carries_source_and_preparation() {
    let mut harness = opened();
    harness.get_by_role_and_label(Role::Button, "Train on these…").click();
    harness.run_ok();
    let parcel = harness.state().said.iter().find_map(|a| match a {
        Action::Deliver(ViewId::Train, parcel) => Some(parcel.as_ref().clone()),
        _ => None,
    });
    let Some(ViewMessage::SetUp { recipe, from: None }) = parcel else { panic!("{parcel:?}") };
    assert_eq!(recipe.data, harness.state().view.recipe.data);
    assert_eq!(recipe.name, "nouns");
    recipe.validate().unwrap();
}

#[test]
fn a_survey_that_fails_says_why_and_offers_to_search_again() {
    let stage = Stage::new(DataView::default(), ScriptedEngine::fresh());
    let mut harness = harness(stage, 1216.0, 740.0, Mode::Dark);
    harness.state_mut().engine.hold_answers(true);
    harness.state_mut().receive(&ViewMessage::Source("/nowhere".into()));
    harness.run_ok();
    let job = harness.state().view.job.unwrap();
    let engine = &harness.state().engine;
    engine.push(Event::Job { job, title: "Looking".into(), done: 40, total: 100 });
    harness.run_ok();
    shot(&mut harness, "data-surveying");
    assert!(harness.query_by_label_contains("40 of 100").is_some());
    let title = crate::data::WAITING.to_owned();
    harness.state().engine.push(Event::Job { job, title, done: 0, total: 0 });
    harness.run_ok();
    assert!(harness.query_by_label_contains("Waiting for the data to answer").is_some());
    let problem = Problem::data("There are no pictures here").of("/nowhere").try_this("Choose another folder");
    harness.state().engine.push(Event::JobEnded { job, problem: Some(problem) });
    harness.run_ok();
    assert!(harness.query_by_label("Choose another folder").is_some());
    harness.state_mut().engine.take_commands();
    harness.get_by_label("Search again").click();
    harness.run_ok();
    assert!(matches!(commands(&harness).as_slice(), [.., Command::Survey { .. }]));
}

#[test]
fn what_was_assumed_is_shown_and_changing_it_looks_again() {
    let mut harness = opened();
    assert!(harness.query_by_label_contains("4 classes are taken from folders").is_some());
    harness.state_mut().engine.take_commands();
    harness.state_mut().view.recipe.data.classes = crate::recipe::Classes::None;
    harness.state_mut().receive(&ViewMessage::Source("/pictures/nouns".into()));
    harness.run_ok();
    let asked = commands(&harness).into_iter().find_map(|c| match c {
        Command::Survey { reading, .. } => Some(reading.classes),
        _ => None,
    });
    assert_eq!(asked, Some(crate::recipe::Classes::None));
}

#[test]
fn a_hundred_thousand_pictures_scroll_smoothly() {
    let engine = ScriptedEngine::new();
    engine.edit(|script| script.pictures = 100_000);
    let mut stage = Stage::new(DataView::default(), engine);
    stage.receive(&ViewMessage::Source("/pictures/many".into()));
    let mut harness = harness(stage, 1216.0, 740.0, Mode::Dark);
    let mut quickest = f64::INFINITY;
    for _ in 0..20 {
        harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -400.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        });
        harness.hover_at(egui::pos2(500.0, 400.0));
        let begin = crate::ui::frame_bench::thread_ms();
        harness.step();
        quickest = quickest.min((crate::ui::frame_bench::thread_ms() - begin) / 1e3);
    }
    // Processor time of the quickest, as other work on the machine must not fail this; unoptimised builds are many
    // times slower.
    assert!(quickest < if cfg!(debug_assertions) { 0.25 } else { 0.016 }, "{quickest} s a frame");
    assert!(harness.query_all_by_role(Role::ListBoxOption).count() < 400);
}

#[test]
fn it_reads_well_in_light_and_narrow() {
    for (name, w, h, mode) in [("data-light", 1216.0, 740.0, Mode::Light), ("data-narrow", 500.0, 480.0, Mode::Dark)] {
        let mut stage = Stage::new(DataView::default(), ScriptedEngine::new());
        stage.receive(&ViewMessage::Source("/pictures/nouns".into()));
        let mut harness = harness(stage, w, h, mode);
        harness.run_ok();
        shot(&mut harness, name);
        let button = harness.get_by_role_and_label(Role::Button, "Train on these…").rect();
        assert!(button.right() <= w && button.left() >= 0.0, "{button:?}");
    }
}

/// The same data set with its first picture gone, as if it were broken now.
fn without_the_first(harness: &Harness<'_, Stage<DataView>>) -> Event {
    let mut survey = (*harness.state().studio.surveys["/pictures/nouns"]).clone();
    survey.entries.remove(0);
    for group in &mut survey.duplicates {
        group.entries.iter_mut().for_each(|place| *place -= 1);
    }
    Event::Surveyed { job: 99, survey: Arc::new(survey) }
}

#[test]
fn what_is_chosen_stays_with_its_file_when_the_list_changes() {
    let mut harness = opened();
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.key_press(Key::X);
    harness.run_ok();
    harness.get_by_label_contains("picture-000004.png").click();
    harness.run_ok();
    let event = without_the_first(&harness);
    harness.state_mut().engine.take_commands();
    harness.state().engine.push(event);
    harness.run_ok();
    let view = &harness.state().view;
    assert_eq!(view.selected(), [3], "the same file, at its new place");
    assert_eq!(view.excluded.iter().copied().collect::<Vec<_>>(), [1]);
    // Thumbnails are asked for by name, so none can be another file's.
    let names = commands(&harness).into_iter().find_map(|c| match c {
        Command::SourceThumbs { names, .. } => Some(names),
        _ => None,
    });
    assert_eq!(names.unwrap()[..2], ["dog/picture-000001.png", "fish/picture-000002.png"]);
    harness.key_press(Key::X);
    harness.run_ok();
    assert_eq!(harness.state().view.recipe.data.exclude, ["cat/picture-000004.png", "fish/picture-000002.png"]);
}

#[test]
fn a_file_that_is_gone_for_a_while_is_still_left_out_when_it_is_back() {
    let select = |harness: &mut Harness<'static, Stage<DataView>>, name: &str| {
        // Its name stands under the preview as well.
        let is_it = |label: Option<String>| label.is_some_and(|label| label.contains(name));
        harness.query_all_by_role(Role::ListBoxOption).find(|n| is_it(n.accesskit_node().label())).unwrap().click();
        harness.run_ok();
    };
    let mut harness = opened();
    select(&mut harness, "picture-000000.png");
    harness.key_press(Key::X);
    harness.run_ok();
    let event = without_the_first(&harness);
    harness.state().engine.push(event);
    harness.run_ok();
    assert!(harness.state().view.excluded.is_empty());
    select(&mut harness, "picture-000001.png");
    harness.key_press(Key::X);
    harness.run_ok();
    assert_eq!(harness.state().view.recipe.data.exclude, ["cat/picture-000000.png", "dog/picture-000001.png"]);
}

#[test]
fn preparation_is_kept_for_each_data_set_and_over_restarts() {
    let mut harness = opened();
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.key_press(Key::X);
    harness.run_ok();
    let set = |harness: &mut Harness<'_, Stage<DataView>>| {
        let data = &mut harness.state_mut().view.recipe.data;
        (data.mirror, data.channels, data.drop_duplicates, data.resolution) =
            (true, crate::base::Channels::Rgba, false, 64.into());
        data.clone()
    };
    let nouns = set(&mut harness);
    harness.state_mut().receive(&ViewMessage::Source("/pictures/cats".into()));
    harness.run_ok();
    let cats = harness.state().view.recipe.data.clone();
    assert!(!cats.mirror && cats.exclude.is_empty() && cats.source == "/pictures/cats");
    let kept = harness.state().view.save();
    harness.state_mut().receive(&ViewMessage::Source("/pictures/nouns".into()));
    harness.run_ok();
    assert_eq!(harness.state().view.recipe.data, nouns);

    // The next start looks at the other one first; a survey changes nothing that was set.
    let mut view = DataView::default();
    view.restore(&kept);
    let mut harness = harness_of(view);
    assert_eq!(harness.state().view.recipe.data, cats);
    harness.state_mut().receive(&ViewMessage::Source("/pictures/nouns".into()));
    harness.run_ok();
    // What is left out is the library's to say.
    let marks = RecordsEvent::Marks { source: nouns.source.clone(), marks: nouns.all_marks() };
    harness.state().engine.push(Event::Records(Box::new(marks)));
    harness.run_ok();
    assert_eq!(harness.state().view.recipe.data, nouns);
    assert_eq!(harness.state().view.excluded.len(), 1);
}

fn harness_of(view: DataView) -> Harness<'static, Stage<DataView>> {
    harness(Stage::new(view, ScriptedEngine::new()), 1216.0, 740.0, Mode::Dark)
}

#[test]
fn transparent_pictures_are_proposed_with_transparency() {
    let mut view = DataView::default();
    let survey =
        Survey { entries: vec![crate::data::report::SurveyEntry::default(); 4], transparent: 4, ..Survey::default() };
    view.suit(&survey);
    assert_eq!(view.suited.channels, crate::base::Channels::Rgba);
}

#[test]
fn a_data_set_is_taken_off_the_list_and_put_back() {
    let mut harness = opened();
    let listed =
        |h: &Harness<'_, Stage<DataView>>| h.state().studio.datasets.iter().any(|d| d.source == "/pictures/nouns");
    assert!(listed(&harness));
    harness.get_by_role_and_label(Role::Button, "Remove nouns from the list").click();
    harness.run_ok();
    assert!(!listed(&harness) && harness.state().view.source().is_none());
    let point = harness.state().said.iter().rev().find_map(|a| match a {
        Action::Undo(point) => Some(point.clone()),
        _ => None,
    });
    let point = point.unwrap();
    assert_eq!(point.label, "remove nouns from the list");
    harness.state_mut().with(|view, cx| view.go_back(&point.before, cx));
    harness.state_mut().settle();
    harness.run_ok();
    assert!(listed(&harness));
    assert_eq!(harness.state().view.source(), Some("/pictures/nouns"));
}

#[test]
fn a_folder_without_pictures_says_so_and_asks_for_none_of_the_former_source() {
    let mut harness = opened();
    let empty = Survey { source: "emoji:faces".into(), ..Survey::default() };
    harness.state_mut().studio.surveys.insert("emoji:faces".into(), std::sync::Arc::new(empty));
    harness.get_by_role_and_label(Role::Button, "Emoji faces").click();
    harness.run_ok();
    assert!(harness.query_by_label("There are no pictures here").is_some());
    assert!(harness.query_by_label("Augmentation").is_none());
    let stale = commands(&harness)
        .into_iter()
        .any(|c| matches!(c, Command::PreviewPreparation { data, .. } if data.source == "emoji:faces"));
    assert!(!stale, "a picture of the former source was asked for");
}

#[test]
fn labels_weights_and_tags_are_set_for_what_is_selected_and_taken_back() {
    let mut harness = opened();
    let picture = "picture-000002.png";
    let marks = |harness: &Harness<'_, Stage<DataView>>| {
        let script = harness.state().engine.script();
        script.marks.get("/pictures/nouns").cloned().unwrap_or_default()
    };
    harness.get_by_label_contains(picture).click();
    harness.run_ok();
    harness.get_by_label_contains("picture-000004.png").click_modifiers(Modifiers::SHIFT);
    harness.run_ok();
    for (button, field, text, set) in [
        ("Label…", "Label of the selected pictures", "heron", "Set label"),
        ("Weight…", "Weight of the selected pictures", "2,5", "Set weight"),
        ("Tag…", "Tag of the selected pictures", "dusk", "Add tag"),
    ] {
        harness.get_by_role_and_label(Role::Button, button).click();
        harness.run_ok();
        harness.get_by_label(field).type_text(text);
        harness.run_ok();
        harness.get_by_role_and_label(Role::Button, set).click();
        harness.run_ok();
    }
    shot(&mut harness, "data-marks");
    let set = marks(&harness);
    assert_eq!(set.len(), 3);
    assert!(set.values().all(|m| m.label.as_deref() == Some("heron") && m.weight == Some(2.5) && m.tags.len() == 1));
    assert_eq!(harness.query_all_by_label_contains("heron ×2.5 #dusk").count(), 3);
    // The recipe that Train begins with has them too.
    assert_eq!(harness.state().view.recipe.data.marks.len(), 3);
    let undo = harness.state().said.iter().rev().find_map(|a| match a {
        Action::Undo(point) => Some(point.before.clone()),
        _ => None,
    });
    harness.state_mut().with(|view, cx| view.go_back(&undo.unwrap(), cx));
    harness.run_ok();
    assert!(marks(&harness).values().all(|m| m.tags.is_empty() && m.weight == Some(2.5)), "the library follows");
}

#[test]
fn what_another_program_sets_is_taken_over_and_nothing_of_it_is_lost() {
    let mut harness = opened();
    let mark = crate::recipe::marks::Mark { excluded: true, ..Default::default() };
    let name = "cat/elsewhere.png".to_owned();
    harness.state().engine.edit(|script| {
        script.marks.entry("/pictures/nouns".into()).or_default().insert(name.clone(), mark);
    });
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.key_press(Key::X);
    harness.run_ok();
    let script = harness.state().engine.script();
    assert_eq!(script.marks["/pictures/nouns"].len(), 2);
    assert_eq!(harness.state().view.recipe.data.exclude.len(), 2, "the window knows both");
}

/// Undo takes back what was set here, and leaves what others set since, on the same picture too.
#[test]
fn undo_leaves_what_another_program_set_meanwhile() {
    let mut harness = opened();
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.key_press(Key::X);
    harness.run_ok();
    let own = harness.state().view.recipe.data.exclude[0].clone();
    let others = crate::recipe::marks::Marks::from([
        (own.clone(), crate::recipe::marks::Mark { weight: Some(3.0), excluded: true, ..Default::default() }),
        ("cat/elsewhere.png".into(), crate::recipe::marks::Mark { excluded: true, ..Default::default() }),
    ]);
    harness.state().engine.edit(|script| {
        script.marks.insert("/pictures/nouns".into(), others);
    });
    harness.state_mut().with(|view, cx| view.on_show(cx));
    harness.run_ok();
    assert_eq!(harness.state().view.recipe.data.exclude.len(), 2);
    let undo = harness.state().said.iter().rev().find_map(|a| match a {
        Action::Undo(point) => Some(point.before.clone()),
        _ => None,
    });
    harness.state_mut().with(|view, cx| view.go_back(&undo.unwrap(), cx));
    harness.run_ok();
    let marks = &harness.state().engine.script().marks["/pictures/nouns"];
    assert!(!marks[&own].excluded && marks[&own].weight == Some(3.0), "{marks:?}");
    assert!(marks["cat/elsewhere.png"].excluded);
}

#[test]
fn versions_are_noted_compared_and_gone_back_to() {
    let mut harness = opened();
    harness.get_by_role_and_label(Role::Button, "Versions").click();
    harness.run_ok();
    assert!(harness.query_by_label("clean").is_some());
    harness.get_by_label("Earlier: clean").click();
    harness.run_ok();
    harness.get_by_role_and_label(Role::Button, "Show differences").click();
    harness.run_ok();
    assert!(harness.query_by_label("New: 2 pictures").is_some());
    assert!(harness.query_by_label("cat/picture-000003.png: cat → owl").is_some());
    shot(&mut harness, "data-versions");
    harness.get_by_role_and_label(Role::Button, "Go back to clean").click();
    harness.run_ok();
    let sent = commands(&harness);
    let restored = |c: &Command| matches!(c, Command::Records(crate::engine::RecordsCommand::RestoreVersion { .. }));
    assert!(sent.iter().any(restored), "{sent:?}");
    harness.key_press(Key::Escape);
    harness.run_ok();
    assert!(harness.query_by_role_and_label(Role::ListBox, "Pictures").is_some());
}

/// A settings file of before the library knew of marks: what it leaves out is told to the library once.
#[test]
fn what_was_left_out_earlier_is_told_to_the_library() {
    let mut harness = opened();
    harness.get_by_label_contains("picture-000002.png").click();
    harness.run_ok();
    harness.key_press(Key::X);
    harness.run_ok();
    let left_out = harness.state().view.recipe.data.exclude.clone();
    let mut kept = harness.state().view.save();
    assert!(kept.as_object_mut().unwrap().remove("marked").is_some());
    let mut view = DataView::default();
    view.restore(&kept);
    let mut harness = harness_of(view);
    harness.run_ok();
    let told = commands(&harness).into_iter().any(|c| match c {
        Command::Records(crate::engine::RecordsCommand::SetMarks { marks, .. }) => {
            marks.iter().any(|(name, mark)| *name == left_out[0] && mark.excluded)
        }
        _ => false,
    });
    assert!(told && left_out.len() == 1);
    assert_eq!(harness.state().view.recipe.data.exclude, left_out);
}
