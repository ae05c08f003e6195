use egui::accesskit::Role;
use egui::{Key, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::ui::action::{Action, ViewMessage};
use crate::ui::view::View;
use crate::ui::views::explore::ExploreView;
use crate::ui::views::explore::testing::{Stage, harness};

type H = Harness<'static, Stage<ExploreView>>;

fn on_repair(model: &str) -> H {
    let mut stage = Stage::new(ExploreView::default());
    let parcel = ViewMessage::Explore { model: model.into(), latent: None, truncation: 1.0, from: None };
    stage.call(|view, cx| view.receive(&parcel, cx));
    stage.view.set_tab("repair");
    harness(stage)
}

fn state(h: &H) -> &ExploreState {
    &h.state().view.state
}

fn asked(h: &H) -> Vec<LatentCommand> {
    let latent = |c| if let Command::Latent(command) = c { Some(command) } else { None };
    h.state().engine.take_commands().into_iter().filter_map(latent).collect()
}

fn drop_on(h: &mut H, path: &str) {
    assert!(h.state_mut().call(|view, cx| view.on_drop(&[path.into()], cx)));
    h.run_steps(6);
}

fn brush(h: &mut H) {
    let at = h.get_by_role_and_label(Role::Canvas, "Photo to repair").rect().center();
    h.hover_at(at);
    h.run_steps(2);
    h.drag_at(at);
    h.run_steps(1);
    for i in 1..=4 {
        h.hover_at(at + vec2(25.0 * i as f32, 0.0));
        h.run_steps(1);
    }
    h.drop_at(at + vec2(100.0, 0.0));
    h.run_steps(3);
}

#[test]
fn a_hole_is_brushed_and_filled_and_every_step_can_be_taken_back() {
    let mut h = on_repair("fashion-vae");
    assert!(h.query_by_label("Drop a photo to repair").is_some());
    drop_on(&mut h, "/x/coat.png");
    assert!(h.query_by_role_and_label(Role::Button, "Take noise away").is_some());
    brush(&mut h);
    let hole = state(&h).inpaint.hole.bytes(28.into());
    let count = hole.iter().filter(|v| **v > 0).count();
    assert!((12..200).contains(&count), "{count}");
    assert_eq!(h.state().undo.last().unwrap().0, "brush a hole");
    asked(&h);
    h.get_by_role_and_label(Role::Button, "Fill the hole").click();
    h.run_steps(8);
    let sent = asked(&h);
    let mend = sent.iter().find_map(|c| match c {
        LatentCommand::Mend { input, hole, typical, steps, .. } => Some((input, hole, *typical, *steps)),
        _ => None,
    });
    let (input, sent_hole, typical, steps) = mend.expect("it is mended");
    assert_eq!((input.to_str(), sent_hole.as_ref(), typical, steps), (Some("/x/coat.png"), Some(&hole), 3e-3, 200));
    // The hole has the model's pixels, the rest is as it was.
    let Whole { parts: [seen, made], picture: whole, .. } =
        h.state().view.at::<Inpaint>().whole.clone().expect("the result is shown");
    for (i, v) in hole.iter().enumerate() {
        let from = if *v > 0 { &made } else { &seen };
        assert_eq!(whole.rgba[4 * i..4 * i + 4], from.rgba[4 * i..4 * i + 4], "{i}");
    }
    h.get_by_role_and_label(Role::Button, "Open").click();
    h.run_steps(4);
    let latent = state(&h).inpaint.mended.clone().unwrap().latent;
    assert_eq!(state(&h).here.latent, latent);
    h.get_by_role_and_label(Role::Button, "Keep").click();
    h.run_steps(4);
    let kept = h.state().engine.take_commands();
    assert!(kept.iter().any(|c| matches!(c, Command::Keep { latents, .. } if *latents == [latent.clone()])));
    let labels: Vec<String> = h.state().undo.iter().map(|u| u.0.clone()).collect();
    assert_eq!(labels[labels.len() - 3..], ["brush a hole", "repair a photo", "open a repaired picture"]);
    h.state_mut().take_back();
    h.state_mut().take_back();
    assert!(state(&h).inpaint.mended.is_none() && !state(&h).inpaint.hole.is_empty());
    h.state_mut().take_back();
    assert!(state(&h).inpaint.hole.is_empty());
}

#[test]
fn noise_is_taken_away_and_the_picture_is_saved() {
    let mut h = on_repair("nouns-gan");
    drop_on(&mut h, "/x/noisy.png");
    h.get_by_role_and_label(Role::Slider, "How typical the result is").focus();
    h.run_steps(2);
    h.key_press(Key::ArrowRight);
    h.run_steps(3);
    let typical = state(&h).inpaint.typical;
    assert!(typical > 3e-3);
    asked(&h);
    h.get_by_role_and_label(Role::Button, "Take noise away").click();
    h.run_steps(8);
    let sent = asked(&h);
    let mend = |c: &LatentCommand| matches!(c, LatentCommand::Mend { hole: None, typical: t, .. } if *t == typical);
    assert!(sent.iter().any(mend));
    let picked = ViewMessage::Picked { purpose: SAVE, paths: vec!["/tmp/clean".into()] };
    h.state_mut().call(|view, cx| view.receive(&picked, cx));
    let whole = h.state().view.at::<Inpaint>().whole.clone().unwrap().picture;
    let written = asked(&h).into_iter().find_map(|c| match c {
        LatentCommand::WriteMended { picture, out, .. } => Some((picture, out)),
        _ => None,
    });
    let (picture, out) = written.expect("it is written");
    assert_eq!((*picture, out), ((*whole).clone(), PathBuf::from("/tmp/clean.png")));
}

#[test]
fn a_repair_can_be_ended_and_what_cannot_be_read_is_said() {
    let mut h = on_repair("fashion-vae");
    drop_on(&mut h, "/x/coat.png");
    h.state().engine.hold_answers(true);
    h.get_by_role_and_label(Role::Button, "Take noise away").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Cancel the repair").click();
    h.run_steps(2);
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Cancel(_))));
    h.state().engine.hold_answers(false);
    h.run_steps(3);
    drop_on(&mut h, "/x/broken.png");
    assert!(h.query_by_label("This file cannot be read as a picture").is_some());
    assert!(h.query_by_label("Drop a photo to repair").is_some());
}

#[test]
fn strokes_join_and_erase() {
    let mut bytes = vec![0; 64];
    stroke(&mut bytes, 8, [vec2(0.5, 4.5), vec2(7.5, 4.5)], 1.0, true);
    assert!((32..40).all(|i| bytes[i] == 255) && bytes.iter().filter(|v| **v > 0).count() == 8, "{bytes:?}");
    stroke(&mut bytes, 8, [vec2(0.5, 4.5), vec2(0.5, 4.5)], 1.0, false);
    assert_eq!((bytes[32], bytes[33]), (0, 255));
}
