//! The pages: how they are reached, where they begin, what they need, and that nothing of them is cut off.

use super::*;

#[test]
fn every_page_opens_by_its_group_and_says_what_it_is_for() {
    let mut h = explore();
    for row in &TABS {
        requests(&h);
        tab(&mut h, row.id);
        assert_eq!(h.state().view.tab, row.id);
        assert!(h.query_all_by_label_contains(row.purpose).next().is_some(), "{}", row.id);
        let quiet =
            ["samples", "map", "atlas", "directions", "photo", "repair", "folder", "anomalies", "codes", "retrieval"];
        let asked = !requests(&h).is_empty();
        assert!(asked || quiet.contains(&row.id) || matches!(row.id, "compare_models" | "activations"), "{}", row.id);
    }
    // And by keys, all around.
    let last = h.state().view.tab;
    for _ in 0..TABS.len() {
        h.key_press(Key::CloseBracket);
        h.run_steps(2);
    }
    assert_eq!(h.state().view.tab, last);
    h.key_press(Key::OpenBracket);
    h.run_steps(2);
    assert_eq!(h.state().view.tab, tabs::beside(last, -1));
}

#[test]
fn a_model_opens_on_samples_and_pages_begin_at_the_present_picture() {
    let mut h = explore();
    h.get_by_label("Seed 5").click();
    h.run_steps(4);
    for (page, first) in [("between", 5.0), ("grid", 5.0), ("walk", 5.0)] {
        tab(&mut h, page);
        let s = state(&h);
        let anchor = [("between", &s.between.ends[0]), ("grid", &s.grid.anchors[0]), ("walk", &s.walk.stops[0])];
        assert_eq!(anchor.iter().find(|a| a.0 == page).unwrap().1, &Anchor::Seed(first), "{page}");
    }
    tab(&mut h, "breed");
    assert_eq!(state(&h).breed.parents[0], Latent::Seed { seed: 5 });
    tab(&mut h, "film");
    let keys: Vec<Option<u64>> = state(&h).film.timeline.keys.iter().map(|k| k.latent.seed()).collect();
    assert_eq!(keys, [Some(5), Some(2), Some(3)], "the timeline is that of the quick loop");
    let undo = h.state().undo.len();
    assert!(h.state().undo.iter().all(|u| u.0 == "open a picture"), "beginning is no step of Undo: {undo}");
    let parcel = ViewMessage::Explore { model: "fashion-vae".into(), latent: None, truncation: 1.0, from: None };
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    h.run_steps(4);
    assert_eq!(h.state().view.tab, "samples");
}

#[test]
fn the_film_takes_the_walk_just_built_and_keeps_what_was_worked_on() {
    let mut h = explore();
    tab(&mut h, "walk");
    h.get_by_role_and_label(Role::Button, "Add a random stop").click();
    h.run_steps(4);
    tab(&mut h, "film");
    assert_eq!(state(&h).film.timeline.keys.len(), 4);
    assert_eq!(state(&h).film.timeline.seconds, 6.0, "four stretches of one and a half seconds");
    h.get_by_label("Key 2 at 1.50 s").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Remove this key").click();
    h.run_steps(4);
    tab(&mut h, "walk");
    h.get_by_role_and_label(Role::Button, "Remove stop 1").click();
    h.run_steps(4);
    tab(&mut h, "film");
    let keys = &state(&h).film.timeline.keys;
    assert_eq!((keys.len(), keys[1].time), (3, 3.0), "keys that somebody set stay");
    h.get_by_role_and_label(Role::Button, "Take the quick loop").click();
    h.run_steps(4);
    assert_eq!(state(&h).film.timeline.keys[1].time, 1.5);
}

/// Chooses an entry of a picture's menu; what lies below the fold is scrolled to first, as a person would.
fn entry(h: &mut Harness<'static, Stage<ExploreView>>, name: &str) {
    h.get_by_role_and_label(Role::Button, name).scroll_to_me();
    h.run_steps(12);
    let rect = h.get_by_role_and_label(Role::Button, name).rect();
    assert!(h.ctx.content_rect().contains_rect(rect), "{name} is in the window: {rect:?}");
    h.get_by_role_and_label(Role::Button, name).click();
    h.run_steps(6);
}

#[test]
fn every_entry_of_the_menu_is_reached_in_a_small_window() {
    let mut h = sized(Stage::new(ExploreView::default()), 960.0, 480.0);
    for page in TABS.iter().filter(|t| t.subject) {
        h.key_press(Key::U);
        h.run_steps(4);
        entry(&mut h, &format!("Open in {}", page.title));
        assert_eq!(h.state().view.tab, page.id);
    }
    h.key_press(Key::U);
    h.run_steps(4);
    let first = h.get_by_role_and_label(Role::Button, "Keep in the gallery").rect();
    assert!(h.ctx.content_rect().contains_rect(first), "it opens at its beginning: {first:?}");
}

#[test]
fn any_picture_can_be_used_in_any_page_by_its_menu() {
    let mut h = explore();
    h.get_by_label("Place 1: seed 1").click_secondary();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Two pictures: right").click();
    h.run_steps(6);
    assert_eq!(h.state().view.tab, "between");
    assert_eq!(state(&h).between.ends[1], Anchor::Seed(1.0));
    assert_eq!(h.state().undo.last().unwrap().0, "use a picture in another page");
    h.key_press(Key::U);
    h.run_steps(4);
    entry(&mut h, "Open in Activations");
    assert_eq!(h.state().view.tab, "activations");
    // Samples have theirs in the menu of what is selected.
    tab(&mut h, "samples");
    h.get_by_label("Seed 7").click_secondary();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Use in…").click();
    h.run_steps(6);
    entry(&mut h, "Quick loop: as the next picture");
    assert_eq!(state(&h).walk.stops.last(), Some(&Anchor::Seed(7.0)));
}

#[test]
fn pages_that_need_missing_pictures_say_so_before_they_are_asked() {
    let mut engine = crate::engine::fake::Script { models: crate::engine::fake::models(), ..Default::default() };
    engine.latent.without_data.insert("fashion-vae".into());
    let mut stage = Stage::with(ExploreView::default(), ScriptedEngine::with(engine));
    let parcel = ViewMessage::Explore { model: "fashion-vae".into(), latent: None, truncation: 1.0, from: None };
    stage.call(|view, cx| view.receive(&parcel, cx));
    let mut h = harness(stage);
    for (page, without) in [("atlas", "Make the atlas"), ("codes", "Measure on the data")] {
        tab(&mut h, page);
        assert!(h.query_by_role_and_label(Role::Button, without).is_none(), "{page}");
        assert!(h.query_all_by_label_contains("not on this computer").next().is_some(), "{page}");
        h.state_mut().actions.clear();
        h.get_by_role_and_label(Role::Button, "Choose pictures…").click();
        h.run_steps(3);
        assert!(h.state().actions.iter().any(|a| matches!(a, Action::Pick(_))), "{page}");
    }
    let found = LatentEvent::OwnData { model: "fashion-vae".into() };
    h.state_mut().call(|view, cx| view.on_event(&Event::Latent(found), cx));
    h.run_steps(3);
    assert!(h.query_by_role_and_label(Role::Button, "Measure on the data").is_some());
}

#[test]
fn a_latent_of_two_numbers_opens_as_its_plane() {
    let mut stage = Stage::new(ExploreView::default());
    let parcel = ViewMessage::Explore { model: "fashion-vae-2d".into(), latent: None, truncation: 1.0, from: None };
    stage.call(|view, cx| view.receive(&parcel, cx));
    let mut h = harness(stage);
    tab(&mut h, "map");
    assert_eq!((state(&h).map.kind, state(&h).map.x), (PlaneKind::Code, 0.0));
    // Labelled pictures lie on it.
    h.get_by_role_and_label(Role::Button, "Show pictures").click();
    h.run_steps(6);
    let asked = |c: &LatentCommand| matches!(c, LatentCommand::CodePlane { data, .. } if data.is_empty());
    assert!(self::asked(&h).iter().any(asked));
    assert!(h.query_by_role_and_label(Role::Button, "Hide pictures").is_some());
    let parcel = ViewMessage::Explore { model: "nouns-gan".into(), latent: None, truncation: 1.0, from: None };
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    tab(&mut h, "map");
    assert_eq!(state(&h).map.kind, PlaneKind::Here, "another model has no such plane");
}

/// A window of this size without its rail.
fn sized(stage: Stage<ExploreView>, width: f32, height: f32) -> Harness<'static, Stage<ExploreView>> {
    let mut h = Harness::builder()
        .with_size(vec2(width - crate::ui::theme::size::RAIL, height - 60.0))
        .with_max_steps(16)
        .with_context_setup(crate::ui::theme::install_fonts)
        .build_ui_state(|ui, stage: &mut Stage<ExploreView>| stage.show(ui), stage);
    h.run_steps(6);
    h
}

#[test]
fn in_a_small_window_no_bar_is_cut_off() {
    for model in ["nouns-gan", "fashion-vae"] {
        let mut stage = Stage::new(ExploreView::default());
        let parcel = ViewMessage::Explore { model: model.into(), latent: None, truncation: 1.0, from: None };
        stage.call(|view, cx| view.receive(&parcel, cx));
        let mut h = sized(stage, 960.0, 640.0);
        let edge = 960.0 - crate::ui::theme::size::RAIL - 280.0;
        for row in &TABS {
            tab(&mut h, row.id);
            for role in [Role::Button, Role::RadioButton, Role::ComboBox, Role::CheckBox, Role::SpinButton] {
                for node in h.query_all_by_role(role) {
                    let rect = node.rect();
                    let in_bars = rect.top() < 200.0 && rect.left() < edge;
                    assert!(!in_bars || rect.right() <= edge + 1.0, "{}: {rect:?} of {edge}", row.id);
                }
            }
        }
    }
}

#[test]
fn all_columns_of_children_are_in_sight() {
    let mut h = sized(Stage::new(ExploreView::default()), 1024.0, 700.0);
    let edge = 1024.0 - crate::ui::theme::size::RAIL - 280.0;
    tab(&mut h, "breed");
    h.run_steps(4);
    for child in 1..=12 {
        let right = h.get_by_label(&format!("Child {child}")).rect().right();
        assert!(right <= edge, "child {child}: {right} of {edge}");
    }
}
