//! Films, broods and hands on the picture.

use super::*;

#[test]
fn where_a_picture_comes_from_is_one_click_away() {
    let mut h = on_nouns("samples");
    h.get_by_role_and_label(Role::Button, "Where does this come from?").click();
    h.run_steps(4);
    let of = |m: &ViewMessage| matches!(m, ViewMessage::Origin(names) if names.starts_with("latent:") && names.lines().count() == 2);
    let asked = |a: &Action| matches!(a, Action::Deliver(ViewId::Gallery, m) if of(m));
    assert!(h.state().actions.iter().any(asked), "{:?}", h.state().actions);
}

#[test]
fn a_film_gets_keys_and_is_rendered() {
    let mut h = on_nouns("film");
    assert!(asked(&h).iter().any(|c| matches!(c, LatentCommand::Frames { .. })), "the frame under the head");
    assert!(h.query_by_label("Key 2 at 1.50 s").is_some());
    h.get_by_label("Key 2 at 1.50 s").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Add this picture").click();
    h.run_steps(4);
    assert_eq!(state(&h).film.timeline.keys[1].latent, state(&h).here.latent, "a key that is there becomes it");
    h.get_by_role_and_label(Role::Button, "Remove this key").click();
    h.run_steps(4);
    assert_eq!(state(&h).film.timeline.keys.len(), 2);
    h.state_mut().take_back();
    assert_eq!(state(&h).film.timeline.keys.len(), 3);
    h.state_mut().view.state.here.truncation = 0.5;
    h.get_by_role_and_label(Role::Button, "Export film…").click();
    h.run_steps(4);
    h.get_by_label("Export path").focus();
    h.run_steps(2);
    h.get_by_label("Export path").type_text("/tmp/out.mp4");
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let sent = asked(&h);
    let film = sent.iter().find_map(|c| match c {
        LatentCommand::Film { model, timeline, options, .. } => Some((model, timeline, options)),
        _ => None,
    });
    let (model, timeline, options) = film.expect("a film is asked for");
    assert_eq!((model.as_str(), options.format.as_str(), timeline.keys.len()), ("nouns-gan", "mp4", 3));
    let truncation = timeline.truncation.as_ref().map(|c| c.at(1.0, None));
    assert_eq!(truncation, Some(0.5), "rendered as it was seen");
}

#[test]
fn children_become_parents_and_are_kept() {
    let mut h = on_nouns("breed");
    h.run_steps(4);
    assert!(h.query_by_label("Child 12").is_some());
    h.get_by_role_and_label(Role::Button, "Open child 3").click();
    h.run_steps(4);
    let third = state(&h).here.latent.clone();
    h.get_by_label("Child 3").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Next generation").click();
    h.run_steps(6);
    assert_eq!(state(&h).breed.parents, [third]);
    asked(&h);
    h.get_by_role_and_label(Role::Button, "Keep child 1").click();
    h.run_steps(4);
    assert!(asked(&h).iter().any(|c| matches!(c, LatentCommand::KeepChild { .. })));
    h.state_mut().take_back();
    assert_eq!(state(&h).breed.parents.len(), 2);
}

#[test]
fn points_are_dragged_and_paint_is_followed() {
    let mut h = on_nouns("edit");
    let start = state(&h).here.latent.clone();
    let pull = |h: &mut Harness<'static, Stage<ExploreView>>, step: f32| {
        let at = h.get_by_role_and_label(Role::Canvas, "Picture to work on").rect().center();
        h.hover_at(at);
        h.run_steps(2);
        h.drag_at(at);
        h.run_steps(1);
        for i in 1..=4 {
            h.hover_at(at + vec2(step * i as f32, 0.0));
            h.run_steps(1);
        }
        h.drop_at(at + vec2(4.0 * step, 0.0));
        h.run_steps(3);
    };
    pull(&mut h, 15.0);
    asked(&h);
    h.get_by_role_and_label(Role::Button, "Drag points").click();
    h.run_steps(6);
    let sent = asked(&h);
    let handle = sent
        .iter()
        .find_map(|c| if let LatentCommand::Drag { wish, .. } = c { wish.handles.first().copied() } else { None });
    let handle = handle.expect("points are dragged");
    assert!(handle.to[0] > handle.from[0] + 2.0 && (handle.to[1] - handle.from[1]).abs() < 0.01, "{handle:?}");
    let dragged = state(&h).here.latent.clone();
    assert_ne!(dragged, start);
    assert_eq!(h.state().undo.last().unwrap().0, "drag points");
    h.get_by_role_and_label(Role::RadioButton, "Tool: Paint").click();
    h.run_steps(3);
    pull(&mut h, 45.0);
    h.get_by_role_and_label(Role::Button, "Follow the brush").click();
    h.run_steps(6);
    let sent = asked(&h);
    let paint =
        sent.iter().find_map(|c| if let LatentCommand::Paint { wish, .. } = c { Some(&wish.paint) } else { None });
    // A stroke has no gaps, however few places the pointer was seen at.
    let side = (paint.unwrap().len() / 4).isqrt();
    let mut columns: Vec<usize> =
        (0..side * side).filter(|i| paint.unwrap()[4 * i + 3] > 0).map(|i| i % side).collect();
    columns.sort_unstable();
    columns.dedup();
    assert!(columns.len() > 2 && columns.windows(2).all(|w| w[1] == w[0] + 1), "{columns:?}");
    assert_ne!(state(&h).here.latent, dragged);
    h.state_mut().take_back();
    assert_eq!(state(&h).here.latent, dragged);
    h.state_mut().take_back();
    assert_eq!(state(&h).here.latent, start);
}

#[test]
fn pictures_are_drawn_near_real_ones_that_words_or_pictures_find() {
    let mut h = on_nouns("retrieval");
    assert!(h.query_by_label_contains("Look up real pictures").is_some());
    let find = |h: &mut Harness<'static, Stage<ExploreView>>| {
        h.get_by_role_and_label(Role::Button, "Find").click();
        h.run_steps(8);
        asked(h)
    };
    h.get_by_label("Look for real pictures").focus();
    h.run_steps(2);
    h.get_by_label("Look for real pictures").type_text("a cat");
    h.run_steps(3);
    let sent = find(&mut h);
    let ask = sent.iter().find_map(|c| match c {
        LatentCommand::FindReal { ask, .. } => Some(ask),
        _ => None,
    });
    assert_eq!(ask.expect("it is looked for").text, "a cat");
    let drawn = |sent: &[LatentCommand]| {
        sent.iter().rev().find_map(|c| match c {
            LatentCommand::DrawNearReal { strength, seeds, .. } => Some((*strength, seeds.clone())),
            _ => None,
        })
    };
    let (strength, seeds) = drawn(&sent).expect("pictures are drawn near them");
    assert_eq!((strength, seeds.len()), (0.5, 12));
    assert!(h.query_by_label("Real picture 2").is_some());
    let checks = sent.iter().filter(|c| matches!(c, LatentCommand::FindNearest { .. })).count();
    assert_eq!(checks, 1, "they are held against the real ones once");
    assert!(h.query_by_label_contains("1 of 12 nearly are real pictures").is_some());
    h.get_by_role_and_label(Role::Button, "Others").click();
    h.run_steps(8);
    assert_eq!(drawn(&asked(&h)).unwrap().1[0], 13);
    // One of them becomes the subject of the other pages.
    h.get_by_label("Picture 2 near real/009.png").click();
    h.run_steps(4);
    assert!(matches!(state(&h).here.latent, Latent::Point { .. } | Latent::Place(_)));
    // Pictures instead of words.
    let files = [std::path::PathBuf::from("/a/b.png"), "/a/c.jpg".into()];
    assert!(h.state_mut().call(|view, cx| view.on_drop(&files, cx)));
    h.run_steps(3);
    assert!(h.query_by_role_and_label(Role::Button, "Like: 2").is_some());
    let sent = find(&mut h);
    assert!(sent.iter().any(|c| matches!(c, LatentCommand::FindReal { ask, .. } if ask.like == files)));
}
