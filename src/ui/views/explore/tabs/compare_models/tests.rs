use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::engine::{GenerateRequest, LatentCommand};
use crate::ui::action::ViewMessage;
use crate::ui::view::View;
use crate::ui::views::explore::ExploreView;
use crate::ui::views::explore::testing::{Stage, harness};

type H = Harness<'static, Stage<ExploreView>>;

fn on_models(model: &str, other: &str) -> H {
    let mut stage = Stage::new(ExploreView::default());
    let parcel = ViewMessage::Explore { model: model.into(), latent: None, truncation: 0.8, from: None };
    stage.call(|view, cx| view.receive(&parcel, cx));
    stage.view.set_tab("compare_models");
    stage.view.state.compare_models.other = Some(other.into());
    harness(stage)
}

fn state(h: &H) -> &ExploreState {
    &h.state().view.state
}

fn sent(h: &H) -> Vec<Command> {
    h.state().engine.take_commands()
}

fn asked<'a>(commands: &'a [Command], of: &str) -> Vec<&'a GenerateRequest> {
    let request = |c: &'a Command| if let Command::Generate(r) = c { Some(r) } else { None };
    commands.iter().filter_map(request).filter(|r| r.model == of).collect()
}

#[test]
fn the_same_seeds_go_through_both_and_steps_move_both() {
    let mut h = on_models("nouns-gan", "fashion-vae");
    let first = sent(&h);
    for model in ["nouns-gan", "fashion-vae"] {
        let requests = asked(&first, model);
        let seeds: Vec<Option<u64>> = requests.iter().flat_map(|r| r.latents.iter().map(Latent::seed)).collect();
        assert!((1..=16).all(|s| seeds.contains(&Some(s))), "{model} {seeds:?}");
        assert!(requests.iter().all(|r| r.truncation == 0.8), "truncation is shared");
    }
    h.get_by_role_and_label(Role::Button, "Seeds after").click();
    h.run_steps(6);
    assert_eq!(h.state().undo.last().unwrap().0, "step through seeds");
    for side in SIDES {
        assert!(h.query_by_role_and_label(Role::Button, &format!("{side} seed 17")).is_some(), "{side}");
        assert!(h.query_by_role_and_label(Role::Button, &format!("{side} seed 1")).is_none(), "{side}");
    }
    h.get_by_role_and_label(Role::Button, "Left seed 20").click();
    h.run_steps(4);
    assert_eq!((state(&h).here.latent.seed(), state(&h).here.model.as_deref()), (Some(20), Some("nouns-gan")));
    // One of the right model: both change places.
    h.get_by_role_and_label(Role::Button, "Right seed 22").click();
    h.run_steps(6);
    assert_eq!((state(&h).here.latent.seed(), state(&h).here.model.as_deref()), (Some(22), Some("fashion-vae")));
    assert_eq!(state(&h).compare_models.other.as_deref(), Some("nouns-gan"));
    h.state_mut().take_back();
    h.run_steps(4);
    assert_eq!(
        (state(&h).here.latent.seed(), state(&h).compare_models.other.as_deref()),
        (Some(20), Some("fashion-vae"))
    );
}

#[test]
fn one_place_goes_through_both_where_latents_agree_and_else_it_is_said() {
    let mut h = on_models("nouns-gan", "fashion-vae");
    h.get_by_role_and_label(Role::RadioButton, "Put into both: This picture").click();
    h.run_steps(4);
    assert!(h.query_by_label("This picture cannot be made by both models").is_some());
    h.get_by_role_and_label(Role::Button, "Take the same seeds").click();
    h.run_steps(4);
    assert_eq!(state(&h).compare_models.what, What::Seeds);
    let mut h = on_models("nouns-gan", "emoji-faces-gan");
    h.state_mut().view.state.compare_models.what = What::Here;
    h.run_steps(8);
    assert!(h.query_by_label("Difference").is_some());
    let (_, picture, psnr) = h.state().view.at::<CompareModels>().apart.clone().expect("both are there");
    assert!(psnr.is_finite() && psnr > 0.0 && picture.rgba.iter().any(|v| *v > 0 && *v < 255));
    h.get_by_role_and_label(Role::Button, "Right picture").click();
    h.run_steps(6);
    assert_eq!(state(&h).here.model.as_deref(), Some("emoji-faces-gan"));
}

#[test]
fn a_picture_goes_into_a_gan_and_a_vae_with_progress_and_cancel() {
    let mut h = on_models("nouns-gan", "fashion-vae");
    sent(&h);
    let dropped = h.state_mut().call(|view, cx| view.on_drop(&["/x/me.png".into()], cx));
    assert!(dropped && !h.state_mut().call(|view, cx| view.on_drop(&["/x/folder".into()], cx)));
    assert_eq!(h.state().undo.last().unwrap().0, "put a picture into both models");
    h.run_steps(8);
    let commands = sent(&h);
    let invert = |c: &Command| matches!(c, Command::Latent(LatentCommand::Invert { model, wish, .. }) if model == "nouns-gan" && wish.steps == 150);
    let encode = |c: &Command| matches!(c, Command::Encode { model, .. } if model == "fashion-vae");
    assert_eq!(commands.iter().filter(|c| invert(c)).count(), 1, "once");
    assert_eq!(commands.iter().filter(|c| encode(c)).count(), 1, "once");
    assert!(h.query_by_label("Left: Difference").is_some() && h.query_by_label("Right: Difference").is_some());
    h.get_by_role_and_label(Role::Button, "Right: As it makes it").click();
    h.run_steps(8);
    assert_eq!(state(&h).here.model.as_deref(), Some("fashion-vae"));
    assert!(matches!(&state(&h).here.latent, Latent::Point { values } if values.len() == 16));

    // A search that takes long can be ended.
    h.state().engine.hold_answers(true);
    h.state_mut().call(|view, cx| view.on_drop(&["/x/another.png".into()], cx));
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Cancel the search of the Right model").click();
    h.run_steps(3);
    assert!(h.state().actions.iter().any(|a| matches!(a, crate::ui::action::Action::Cancel(_))));
}

#[test]
fn checkpoints_of_a_run_count_as_models() {
    let mut h = on_models("nouns-gan", "fashion-vae");
    let run = h.state().studio.runs.iter().find(|r| r.checkpoints.len() > 1).unwrap().clone();
    let choices = h.state_mut().call(|_, cx| {
        let info = cx.studio.model("nouns-gan").cloned().unwrap();
        choices(cx, &info)
    });
    let at = |end: String| choices.iter().any(|(model, _)| *model == format!("{}@{end}", run.dir.display()));
    assert!(at("best".into()) && run.checkpoints.iter().all(|c| at(format!("{}", c.images as f64 / 1000.0))));
    assert!(choices.iter().all(|(model, _)| model != "nouns-gan"));
    let best = format!("{}@best", run.dir.display());
    let mut info = crate::engine::fake::models().remove(0);
    info.model.clone_from(&best);
    sent(&h);
    h.state_mut().view.state.compare_models.other = Some(best.clone());
    h.run_steps(2);
    assert!(sent(&h).iter().any(|c| matches!(c, Command::OpenModel { model } if *model == best)));
    h.state().engine.push(Event::ModelOpened { model: best.clone(), info: Box::new(info) });
    h.run_steps(4);
    assert!(!asked(&sent(&h), &best).is_empty(), "its pictures are asked for");
    h.run_steps(6);
    assert_eq!(state(&h).here.model.as_deref(), Some("nouns-gan"), "the left one stays");
}

#[test]
fn pictures_of_two_sizes_are_matched() {
    let (small, large) = (Picture::filled(2, 2, [10, 20, 30, 255]), Picture::filled(4, 4, [10, 20, 30, 255]));
    assert_eq!(apart(&small, &large).unwrap().1, f64::INFINITY);
    let white = Picture::filled(4, 4, [255; 4]);
    assert!(apart(&small, &white).unwrap().1 < 3.0);
    assert!(apart(&Picture::filled(3, 3, [0; 4]), &large).is_none(), "sizes that do not meet");
}

#[test]
fn both_models_leave_side_by_side_and_the_walk_and_the_grid_go_through_both() {
    let mut h = on_models("nouns-gan", "emoji-faces-gan");
    let export = |h: &mut H| -> Option<([Vec<Latent>; 2], bool)> {
        h.get_by_role_and_label(Role::Button, "Export both…").click();
        h.run_steps(4);
        h.get_by_label("Export path").focus();
        h.run_steps(2);
        h.get_by_label("Export path").type_text("/tmp/both.png");
        h.run_steps(3);
        sent(h);
        h.get_by_role_and_label(Role::RadioButton, "Models: One above the other").click();
        h.run_steps(2);
        h.get_by_role_and_label(Role::Button, "Export").click();
        h.run_steps(6);
        let both = sent(h).into_iter().find_map(|c| match c {
            Command::Latent(LatentCommand::ExportBoth { models, latents, beside, .. }) => {
                assert_eq!(models, ["nouns-gan", "emoji-faces-gan"]);
                Some((latents, beside))
            }
            _ => None,
        });
        h.get_by_role_and_label(Role::Button, "Close").click();
        h.run_steps(3);
        both
    };
    let (latents, beside) = export(&mut h).expect("both are exported");
    assert!(!beside && latents.iter().all(|l| l.len() == 16 && l[4].seed() == Some(5)));
    h.get_by_role_and_label(Role::RadioButton, "Put into both: My walk").click();
    h.run_steps(8);
    assert!(h.query_by_label("Left frame 1").is_some() && h.query_by_label("Right frame 32").is_some());
    let frames = state(&h).walk.frames();
    let (latents, _) = export(&mut h).unwrap();
    assert!(frames > FRAMES && latents.iter().all(|l| l.len() == frames), "all frames leave");
    h.get_by_role_and_label(Role::RadioButton, "Put into both: My grid").click();
    h.run_steps(8);
    let (latents, _) = export(&mut h).unwrap();
    assert_eq!(latents[1].len(), 49);
    assert_eq!(latents[0][0].seed(), Some(1));
}

#[test]
fn the_difference_is_told_by_pixels_or_by_features() {
    let mut h = on_models("nouns-gan", "emoji-faces-gan");
    h.state_mut().view.state.compare_models.what = What::Here;
    h.run_steps(8);
    assert!(h.query_by_label("Difference").is_some());
    sent(&h);
    h.state_mut().view.state.compare_models.by = Measure::Features;
    h.run_steps(6);
    let asked = |h: &H| sent(h).iter().filter(|c| matches!(c, Command::Latent(LatentCommand::Apart { .. }))).count();
    assert_eq!(asked(&h), 1, "once for a pair");
    h.run_steps(4);
    assert_eq!(asked(&h), 0);
    let pair = key(("here", h.state().view.at::<CompareModels>().revision));
    let told = h.state_mut().call(|view, cx| {
        let [a, b] = view.at_mut::<CompareModels>().apart.clone().unwrap().0;
        view.at_mut::<CompareModels>().far.text([&a, &b], pair, cx)
    });
    assert_eq!(told, "0.250 apart");
}
