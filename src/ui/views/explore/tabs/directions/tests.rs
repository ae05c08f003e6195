use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;

use super::Directions;
use crate::engine::{Event, LatentCommand, LatentEvent};
use crate::latent::interpolate::Mode;
use crate::latent::latent_math::Dims;
use crate::recipe::picture::Latent;
use crate::ui::view::View;
use crate::ui::views::explore::tabs::photo_folder::PhotoFolder;
use crate::ui::views::explore::tests::{asked, on_nouns, state, styled, tab};

#[test]
fn undo_brings_sliders_and_place_back_together() {
    let mut h = on_nouns("directions");
    h.get_by_role_and_label(Role::Button, "Bigger head at +2 σ").click();
    h.run_steps(4);
    let there = state(&h).here.latent.clone();
    assert_eq!(state(&h).directions.strengths["Bigger head"], 2.0);
    assert_eq!(state(&h).provenance, "seed 1, moved: Bigger head +2.0 σ");
    assert!(h.query_by_label_contains("Bigger head +2.0 σ").is_some(), "it says where the picture came from");
    h.get_by_role_and_label(Role::Slider, "Strength of Warmer").focus();
    h.run_steps(2);
    h.key_press(Key::ArrowRight);
    h.run_steps(4);
    let both = state(&h).directions.strengths.clone();
    assert!(both["Bigger head"] == 2.0 && both["Warmer"] > 0.0, "the first stays pushed: {both:?}");
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, there);
    assert_eq!(state(&h).directions.strengths.get("Warmer"), None);
    assert_eq!(state(&h).directions.strengths["Bigger head"], 2.0);
    h.get_by_role_and_label(Role::Button, "Reset all directions").click();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 1 });
    assert!(state(&h).directions.strengths.is_empty());
}

#[test]
fn a_direction_moves_several_pictures_and_is_measured_and_taken_apart() {
    let mut h = on_nouns("directions");
    h.state_mut().view.state.directions.rows = 3;
    h.run_steps(4);
    assert!(h.query_by_label("Picture 3: Bigger head at −3 σ").is_some());
    let shown = h.state().view.at::<Directions>().shown().unwrap();
    assert_eq!(shown.len(), 3 * super::STRIP);
    asked(&h);
    h.get_by_role_and_label(Role::Button, "Measure what it moves").click();
    h.run_steps(6);
    let measured = |c: &LatentCommand| matches!(c, LatentCommand::MeasureDirections { names, data: Some(d), .. } if names == &["Bigger head"] && d.is_empty());
    assert!(asked(&h).iter().any(measured));
    assert!(h.query_by_label("+0.90 σ a step").is_some(), "what it moves is shown");
    h.get_by_label("Directions to take out of it").click();
    h.run_steps(4);
    h.get_by_label_contains("Glasses (cosine").click();
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Take them out").click();
    h.run_steps(4);
    let apart = |c: &LatentCommand| matches!(c, LatentCommand::SeparateDirection { name, others, .. } if name == "Bigger head" && others == &["Glasses"]);
    assert!(asked(&h).iter().any(apart));
}

#[test]
fn pictures_are_added_and_taken_away() {
    let mut h = on_nouns("directions");
    let info = h.state().view.info(&h.state().studio).unwrap();
    let seed = |seed| Latent::Seed { seed };
    let sum = Dims::of(&info).sum(&[(1.0, &seed(1)), (-1.0, &seed(2)), (1.0, &seed(3))], Mode::Slerp).unwrap();
    h.get_by_role_and_label(Role::Button, "Sum").click();
    h.run_steps(4);
    assert_eq!(state(&h).here.latent, sum);
    h.get_by_role_and_label(Role::Button, "Term 2 is taken away; add it").click();
    h.run_steps(3);
    assert!(!state(&h).sum.terms[1].minus);
    h.get_by_role_and_label(Role::Button, "Remove term 3").click();
    h.run_steps(3);
    assert_eq!(state(&h).sum.terms.len(), 2);
    h.state_mut().take_back();
    h.state_mut().take_back();
    assert!(state(&h).sum.terms.len() == 3 && state(&h).sum.terms[1].minus);
    // A picture of one's own: its latent is looked for, then it is a term.
    h.state_mut().call(|view, cx| {
        let picked =
            crate::ui::action::ViewMessage::Picked { purpose: super::PICKS[1], paths: vec!["/x/me.png".into()] };
        view.receive(&picked, cx);
    });
    h.run_steps(6);
    let invert = |c: &LatentCommand| matches!(c, LatentCommand::Invert { inputs, .. } if inputs.len() == 1);
    assert!(asked(&h).iter().any(invert));
    let term = state(&h).sum.terms[1].anchor.latent(info.latent as usize);
    assert!(matches!(term, Latent::Point { .. }), "{term:?}");
    assert_eq!(h.state().undo.last().unwrap().0, "put a picture in a sum");
}

#[test]
fn several_pictures_go_into_a_model_one_after_the_other() {
    let mut h = on_nouns("photo");
    let home = tempfile::tempdir().unwrap();
    let paths = [home.path().to_path_buf(), "/x/strange.png".into()];
    let taken = h.state_mut().call(|view, cx| view.on_drop(&paths, cx));
    assert!(taken, "a folder dropped here is not something to train on");
    h.run_steps(8);
    let inputs = asked(&h).into_iter().find_map(|c| match c {
        LatentCommand::Invert { inputs, .. } => Some(inputs),
        _ => None,
    });
    assert_eq!(inputs.unwrap(), paths);
    assert!(h.query_by_label_contains("2 of 2, 28.0 dB on average").is_some());
    h.get_by_label("strange.png as the model makes it").click();
    h.run_steps(4);
    assert!(matches!(state(&h).here.latent, Latent::Point { .. }));
    assert!(h.query_by_label("28.0 dB, outside").is_some() && h.query_by_label("Not found").is_none());
    // A file that nothing came of says so once the search has ended.
    h.state_mut().call(|view, cx| {
        let job = view.at::<PhotoFolder>().job().unwrap();
        let files = vec!["/x/a.png".into(), "/x/broken.png".into()];
        view.on_event(&Event::Latent(LatentEvent::InvertFiles { job, files }), cx);
    });
    h.run_steps(3);
    assert_eq!(h.query_all_by_label("Not found").count(), 2);
    h.get_by_role_and_label(Role::Button, "Close").click();
    h.run_steps(4);
    assert!(h.query_by_label_contains("Drop a folder of photos").is_some());
    // One file that the studio may have made itself is left to the shell.
    let one = ["/x/one.png".into()];
    assert!(!h.state_mut().call(|view, cx| view.on_drop(&one, cx)));
}

#[test]
fn a_push_through_styles_goes_one_at_a_time_and_ends_where_the_slider_is() {
    use crate::latent::directions::{Direction, Method};
    use crate::recipe::picture::Space;
    let mut h = styled();
    let first = h.state().studio.models[0].model.clone();
    tab(&mut h, "directions");
    let info = h.state().view.info(&h.state().studio).unwrap();
    let dim = info.latent as usize;
    let direction = Direction {
        name: "Styled".into(),
        method: Method::Sefa,
        space: Space::W,
        values: vec![0.5; dim],
        ..Direction::default()
    };
    let told = LatentEvent::Directions { model: first, directions: std::sync::Arc::new(vec![direction]) };
    h.state_mut().call(|view, cx| view.on_event(&Event::Latent(told), cx));
    h.run_steps(3);
    asked(&h);
    h.get_by_role_and_label(Role::Slider, "Strength of Styled").focus();
    h.run_steps(2);
    for _ in 0..3 {
        h.key_press(Key::ArrowRight);
        h.run_steps(1);
    }
    h.run_steps(6);
    let last = asked(&h).into_iter().filter_map(|c| match c {
        LatentCommand::Move { moves, .. } => Some(moves[0].strength),
        _ => None,
    });
    let last = last.reduce(|_, newer| newer).expect("the engine moves styles");
    assert_eq!(state(&h).directions.strengths["Styled"], last);
    assert_eq!(state(&h).here.latent.place().space, Space::W);
}

#[test]
fn taste_is_taken_from_ratings_and_choices() {
    let mut h = on_nouns("directions");
    asked(&h);
    h.get_by_role_and_label(Role::Button, "From ratings").click();
    h.run_steps(4);
    assert!(h.query_by_label("3 liked, 2 disliked").is_some());
    h.get_by_role_and_label(Role::Button, "From my taste").click();
    h.run_steps(4);
    let find = asked(&h).into_iter().find_map(|command| match command {
        LatentCommand::FindDirections {
            find: crate::latent::directions::search::Find::Taste { liked, .. }, ..
        } => Some(liked),
        _ => None,
    });
    assert_eq!(find.unwrap().len(), 3);
}
