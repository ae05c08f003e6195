use egui::accesskit::Role;
use egui::{Context, Key, Pos2, RawInput, Rect, Vec2, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::base::Problem;
use crate::latent::atlas::Layout;
use crate::latent::atlas::gather::{Point, Whose};
use crate::recipe::DataRecipe;
use crate::ui::action::ViewMessage;
use crate::ui::view::{View as _, ViewId};
use crate::ui::views::data::DataView;
use crate::ui::views::explore::ExploreView;
use crate::ui::views::explore::tabs::atlas::state::{AtlasState, Tint, View};
use crate::ui::views::explore::testing::Stage;
use crate::ui::views::explore::tests::{asked, on_nouns, state, tab};

type Explore = Harness<'static, Stage<ExploreView>>;

/// Explore with an atlas that is made.
fn with_atlas() -> Explore {
    let mut h = on_nouns("atlas");
    h.get_by_role_and_label(Role::Button, "Make the atlas").click();
    h.run_steps(6);
    h
}

fn made(h: &Explore) -> &Made {
    h.state().view.at::<AtlasPage>().made.as_ref().expect("a sheet is here")
}

fn view(h: &Explore) -> View {
    View::of(&state(h).atlas, h.get_by_role_and_label(Role::Canvas, "Atlas").rect(), made(h).reach)
}

fn click(h: &mut Explore, at: Pos2) {
    h.hover_at(at);
    h.run_steps(1);
    h.drag_at(at);
    h.drop_at(at);
    h.run_steps(4);
}

fn button(h: &mut Explore, name: &str) {
    h.get_by_role_and_label(Role::Button, name).click();
    h.run_steps(6);
}

/// Draws a lasso around a rectangle of the screen.
fn lasso(h: &mut Explore, around: Rect) {
    let mut way = vec![around.left_top()];
    for (from, to) in [
        (around.left_top(), around.right_top()),
        (around.right_top(), around.right_bottom()),
        (around.right_bottom(), around.left_bottom()),
        (around.left_bottom(), around.left_top()),
    ] {
        way.extend((1..=4).map(|i| from.lerp(to, i as f32 / 4.0)));
    }
    h.hover_at(way[0]);
    h.run_steps(1);
    h.drag_at(way[0]);
    h.run_steps(1);
    for at in &way[1..] {
        h.hover_at(*at);
        h.run_steps(1);
    }
    h.drop_at(way[way.len() - 1]);
    h.run_steps(4);
}

#[test]
fn an_atlas_is_made_of_data_samples_and_kept_pictures() {
    let mut h = on_nouns("atlas");
    h.state_mut().view.state.here.truncation = 0.7;
    h.run_steps(2);
    asked(&h);
    h.get_by_role_and_label(Role::Button, "Make the atlas").click();
    h.run_steps(6);
    let sent = asked(&h);
    let wish = sent.iter().find_map(|c| match c {
        LatentCommand::Atlas { model, wish, kept, .. } if model == "nouns-gan" => Some((wish.clone(), kept.clone())),
        _ => None,
    });
    let (wish, kept) = wish.expect("it is asked for");
    assert_eq!((wish.data.as_deref(), wish.truncation), (Some(""), 0.7), "as one sees its pictures");
    assert!(!kept.is_empty(), "with the kept pictures of this model");
    let n = paint::counts(&made(&h).atlas);
    assert!(n[0] > 0 && n[1] == 2000 && n[2] == kept.len(), "{n:?}");
    assert!(h.query_by_label("Make again").is_some() && h.query_by_label("Make the atlas").is_none());
    // Other models have none yet. One that is opened shows its samples first.
    let other = ViewMessage::Explore { model: "fashion-vae".into(), latent: None, truncation: 1.0, from: None };
    h.state_mut().call(|view, cx| view.receive(&other, cx));
    h.run_steps(4);
    tab(&mut h, "atlas");
    assert!(h.query_by_label("Make the atlas").is_some());
}

#[test]
fn small_pictures_come_as_one_comes_nearer() {
    let mut h = with_atlas();
    asked(&h);
    let place = made(&h).atlas.points[40].place;
    let own = &mut h.state_mut().view.state.atlas;
    (own.x, own.y, own.scale) = (f64::from(place[0]), f64::from(place[1]), 40_000.0);
    h.run_steps(6);
    let points: Vec<Vec<u32>> = asked(&h)
        .into_iter()
        .filter_map(|c| if let LatentCommand::AtlasThumbs { points, .. } = c { Some(points) } else { None })
        .collect();
    assert_eq!(points[0][0], 40, "what is in the middle comes first");
    assert!(points.iter().all(|p| p.len() <= 48));
    assert!(h.state_mut().view.at_mut::<AtlasPage>().thumbs.get(40).is_some());
    h.run_steps(4);
    let again = asked(&h).into_iter().filter(|c| matches!(c, LatentCommand::AtlasThumbs { .. })).count();
    assert_eq!(again, 0, "what is here is not asked for again");
}

#[test]
fn a_click_stands_at_a_point_or_at_what_lies_between_and_undo_comes_back() {
    let mut h = with_atlas();
    let (seen, sheet) = (view(&h), made(&h).atlas.clone());
    let of_model = |p: &&Point| matches!(p.whose, Whose::Generated { seed } if seed > 1);
    // One that nothing else is drawn near to.
    let alone = sheet.points.iter().filter(of_model).find(|p| {
        let others = sheet.points.iter().filter(|o| o.place != p.place);
        others.map(|o| seen.screen(o.place).distance(seen.screen(p.place))).fold(f32::INFINITY, f32::min) > 1.0
    });
    let alone = alone.expect("one lies alone").clone();
    let own = &mut h.state_mut().view.state.atlas;
    (own.x, own.y, own.scale) = (f64::from(alone.place[0]), f64::from(alone.place[1]), 90_000.0);
    h.run_steps(4);
    let at = view(&h).screen(alone.place);
    click(&mut h, at);
    assert_eq!(Some(&state(&h).here.latent), alone.latent.as_ref());
    assert_eq!(h.state().undo.last().unwrap().0, "open a point of the atlas");
    h.state_mut().take_back();
    assert_eq!(state(&h).here.latent, Latent::Seed { seed: 1 });

    h.get_by_role_and_label(Role::Button, "Fit all (F)").click();
    h.run_steps(4);
    asked(&h);
    let middle = view(&h).screen([0.02, -0.03]);
    click(&mut h, middle);
    let place = asked(&h).into_iter().find_map(|c| match c {
        LatentCommand::AtlasAt { places, .. } => Some(places),
        _ => None,
    });
    let place = place.expect("what lies between is asked for")[0];
    assert!((place[0] - 0.02).abs() < 0.01 && (place[1] + 0.03).abs() < 0.01, "{place:?}");
    assert!(matches!(state(&h).here.latent, Latent::Point { .. }));
    assert_eq!(h.state().view.at::<AtlasPage>().standing.as_ref().unwrap().0, place, "and marked");
}

#[test]
fn the_wheel_and_a_drag_move_over_the_sheet_as_one_step_each() {
    let mut h = with_atlas();
    let room = h.get_by_role_and_label(Role::Canvas, "Atlas").rect();
    let steps = h.state().undo.len();
    let from = room.center() + vec2(30.0, 80.0);
    h.hover_at(from);
    h.run_steps(1);
    let before = view(&h);
    for _ in 0..4 {
        let unit = egui::MouseWheelUnit::Point;
        let delta = vec2(0.0, 60.0);
        let (phase, modifiers) = (egui::TouchPhase::Move, egui::Modifiers::NONE);
        let source = egui::MouseWheelSource::Unknown;
        h.event(egui::Event::MouseWheel { unit, delta, phase, source, modifiers });
        h.run_steps(3);
    }
    h.run_steps(20);
    let near = view(&h);
    assert!(near.scale > 1.5 * before.scale);
    let (a, b) = (before.place(from), near.place(from));
    assert!((a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3, "what lies under the pointer stays there");
    assert_eq!(h.state().undo.len(), steps + 1, "turning the wheel is one step");
    h.drag_at(from);
    h.run_steps(1);
    for i in 1..=5 {
        h.hover_at(from + vec2(20.0 * i as f32, 0.0));
        h.run_steps(1);
    }
    h.drop_at(from + vec2(100.0, 0.0));
    h.run_steps(2);
    assert!((near.x - view(&h).x - 100.0 / near.scale).abs() < 0.01 / near.scale * 100.0);
    assert_eq!(h.state().undo.len(), steps + 2);
    h.key_press(Key::F);
    h.run_steps(3);
    assert_eq!((state(&h).atlas.x, state(&h).atlas.scale), (0.0, 0.0));
}

#[test]
fn a_lasso_chooses_points_to_keep_tag_export_and_leave_out() {
    let mut h = with_atlas();
    let room = view(&h).room;
    button(&mut h, "Lasso: draw around points (or Shift and drag)");
    let right = Rect::from_min_max(room.center() - vec2(-40.0, 200.0), pos2(room.right() - 20.0, room.bottom() - 20.0));
    lasso(&mut h, right);
    assert!(state(&h).atlas.lasso.len() > 8);
    assert_eq!(h.state().undo.last().unwrap().0, "draw a lasso");
    let seen = view(&h);
    let all: Vec<Point> = made(&h).atlas.points.clone();
    let inside: Vec<&Point> = all.iter().filter(|p| right.shrink(4.0).contains(seen.screen(p.place))).collect();
    let names: Vec<&String> =
        inside.iter().filter_map(|p| if let Whose::Real { name, .. } = &p.whose { Some(name) } else { None }).collect();
    let seeds = inside.iter().filter(|p| matches!(p.whose, Whose::Generated { .. })).count();
    assert!(names.len() > 20 && seeds > 20);

    h.state_mut().actions.clear();
    button(&mut h, "Leave out of the data");
    let parcels = h.state().actions.iter().filter_map(|a| match a {
        Action::DeliverQuietly(ViewId::Data, parcel) => Some((**parcel).clone()),
        _ => None,
    });
    let parcels: Vec<ViewMessage> = parcels.collect();
    let [ViewMessage::LeaveOut { data, names: out }] = &parcels[..] else { panic!("{parcels:?}") };
    assert_eq!(data.source, h.state().studio.model("nouns-gan").unwrap().recipe.data.source);
    assert!(names.iter().all(|n| out.contains(n)) && out.len() < names.len() + 40, "{} {}", out.len(), names.len());

    // A smaller one is kept at once.
    let few = inside.iter().find(|p| matches!(p.whose, Whose::Kept { .. })).map(|p| seen.screen(p.place));
    let few = few.unwrap_or(seen.screen(inside[inside.len() / 2].place));
    lasso(&mut h, Rect::from_center_size(few, Vec2::splat(60.0)));
    h.state().engine.take_commands();
    if h.query_by_label("Keep generated").is_some() {
        button(&mut h, "Keep generated");
        let kept = |c: &Command| matches!(c, Command::Keep { latents, starred: true, .. } if !latents.is_empty());
        assert!(h.state().engine.take_commands().iter().any(kept));
    }
    h.key_press(Key::Escape);
    h.run_steps(3);
    assert!(state(&h).atlas.lasso.is_empty() && h.query_by_label("Leave out of the data").is_none());
    h.state_mut().take_back();
    h.run_steps(3);
    assert!(h.query_by_label("Drop the lasso (Esc)").is_some(), "Undo brings it back");
}

#[test]
fn kept_pictures_in_a_lasso_are_tagged() {
    let mut h = with_atlas();
    let kept: Vec<(i64, [f32; 2])> = made(&h)
        .atlas
        .points
        .iter()
        .filter_map(|p| if let Whose::Kept { id } = p.whose { Some((id, p.place)) } else { None })
        .collect();
    let at = view(&h).screen(kept[0].1);
    button(&mut h, "Lasso: draw around points (or Shift and drag)");
    lasso(&mut h, Rect::from_center_size(at, Vec2::splat(40.0)));
    h.get_by_role_and_label(Role::TextInput, "Tag for kept pictures").focus();
    h.run_steps(2);
    h.get_by_role_and_label(Role::TextInput, "Tag for kept pictures").type_text("odd");
    h.run_steps(3);
    h.state().engine.take_commands();
    button(&mut h, "Tag kept");
    let sent = h.state().engine.take_commands();
    let tagged = |c: &Command| matches!(c, Command::TagItems { ids, tag, add: true } if ids.contains(&kept[0].0) && tag == "odd");
    assert!(sent.iter().any(tagged), "{sent:?}");
    button(&mut h, "Give kept pictures a star");
    let starred = |c: &Command| matches!(c, Command::StarItems { ids, starred: true } if ids.contains(&kept[0].0));
    assert!(h.state().engine.take_commands().iter().any(starred));
    h.state_mut().actions.clear();
    button(&mut h, "Show in gallery");
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Deliver(ViewId::Gallery, _))));
}

#[test]
fn what_the_model_makes_in_a_lasso_is_a_sheet_to_stand_in() {
    let mut h = with_atlas();
    let middle = view(&h).screen([0.0, 0.0]);
    button(&mut h, "Lasso: draw around points (or Shift and drag)");
    lasso(&mut h, Rect::from_center_size(middle, Vec2::splat(120.0)));
    assert!(h.query_by_label("Nothing in the lasso").is_some(), "the middle of the ring is empty");
    asked(&h);
    button(&mut h, "What the model makes here");
    let places = asked(&h).into_iter().find_map(|c| match c {
        LatentCommand::AtlasAt { places, .. } => Some(places),
        _ => None,
    });
    let places = places.expect("places are asked for");
    let (low, high) = cells::bounds(&places);
    assert_eq!(places.len(), 24);
    assert!(
        low.iter().all(|v| *v > -0.4) && high.iter().all(|v| *v < 0.4) && high[0] - low[0] > 0.1,
        "{low:?} {high:?}"
    );
    h.run_steps(6);
    button(&mut h, "Made here 7");
    assert!(matches!(state(&h).here.latent, Latent::Point { .. }));
    h.state().engine.take_commands();
    button(&mut h, "Keep these");
    let kept = |c: &Command| matches!(c, Command::Keep { latents, .. } if latents.len() == 24);
    assert!(h.state().engine.take_commands().iter().any(kept));
    button(&mut h, "Close what the model makes here");
    assert!(h.query_by_label("Made here 7").is_none());
}

#[test]
fn a_sheet_that_cannot_be_made_says_why_and_is_tried_again() {
    let mut h = on_nouns("atlas");
    let wish = AtlasConfig::default();
    h.state_mut().view.at_mut::<AtlasPage>().making = Some(Making { job: 7777, wish, hash: String::new(), kept: None });
    let (title, done, total) = ("Looking at pictures".to_string(), 30, 100);
    h.state_mut().studio.apply(&Event::Job { job: 7777, title, done, total });
    h.run_steps(3);
    assert!(h.query_by_label("Making the atlas 30 %").is_some());
    h.state_mut().actions.clear();
    h.get_by_role_and_label(Role::Button, "Cancel").click();
    h.run_steps(3);
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Cancel(7777))));
    let problem = Some(Problem::data("There is nothing at this place").of("/gone"));
    h.state_mut().studio.apply(&Event::JobEnded { job: 7777, problem });
    h.run_steps(3);
    assert!(h.query_by_label("There is nothing at this place").is_some());
    button(&mut h, "Choose a folder…");
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Pick(pick) if pick.purpose == PURPOSE_FOLDER)));
    button(&mut h, "Without real pictures");
    assert_eq!(state(&h).atlas.wish.data, None);
    assert_eq!(paint::counts(&made(&h).atlas)[0], 0);
    h.state_mut().take_back();
    assert_eq!(state(&h).atlas.wish.data.as_deref(), Some(""));
}

#[test]
fn another_sheet_is_seen_whole_and_the_same_one_as_before() {
    let mut h = with_atlas();
    let own = &mut h.state_mut().view.state.atlas;
    (own.x, own.scale, own.lasso) = (0.3, 900.0, vec![[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]);
    h.run_steps(3);
    let steps = h.state().undo.len();
    button(&mut h, "Make again");
    assert_eq!((state(&h).atlas.x, state(&h).atlas.lasso.len()), (0.3, 3), "the same wish makes the same sheet");
    h.get_by_role_and_label(Role::RadioButton, "Layout: PCA").click();
    h.run_steps(3);
    button(&mut h, "Make again");
    assert_eq!((state(&h).atlas.x, state(&h).atlas.scale), (0.0, 0.0));
    assert!(state(&h).atlas.lasso.is_empty());
    assert_eq!(h.state().undo.len(), steps + 1, "only the choice of a layout is a step");
    assert_eq!(made(&h).wish.as_ref().unwrap().layout, Layout::Pca);
}

#[test]
fn points_say_what_they_are_and_colours_follow_the_choice() {
    let h = with_atlas();
    let tab = h.state().view.at::<AtlasPage>();
    let atlas = made(&h).atlas.clone();
    let hole = atlas.holes[0].members[0];
    assert!(tab.tell(&atlas, hole).iter().any(|l| l.starts_with("Real, in a hole")));
    let first = tab.tell(&atlas, 0);
    assert!(first[0] == "picture 0" && first.contains(&"Label: round".to_string()), "{first:?}");
    assert!(first.contains(&"The model is 2.0 % off".to_string()));
    let t = &theme::DARK;
    let ratings = tab.ratings.clone();
    let colours = |tint| -> std::collections::HashSet<_> {
        let palette = paint::Palette { t, tint, range: [0.02, 0.11], ratings: &ratings };
        atlas.points.iter().map(|p| palette.colour(p)).collect()
    };
    assert_eq!(colours(Tint::Kind).len(), 3);
    assert_eq!(colours(Tint::Label).len(), 4, "three labels, and what has none");
    assert_eq!(colours(Tint::Hardness).len(), 11, "ten shades, and what is not real");
    assert!(colours(Tint::Rating).len() > 1);
}

#[test]
fn many_dots_are_one_mesh_that_is_kept_while_nothing_changes() {
    let atlas = crate::ui::frame_bench::clouds(20_000);
    let mut dots = paint::Dots::default();
    let room = Rect::from_min_size(pos2(0.0, 0.0), vec2(1000.0, 700.0));
    let ratings = HashMap::new();
    let palette = paint::Palette { t: &theme::DARK, tint: Tint::Label, range: [0.0, 1.0], ratings: &ratings };
    let ctx = Context::default();
    let mut draw = |view: View| {
        let mut mesh = None;
        let input = RawInput { screen_rect: Some(room), ..RawInput::default() };
        let output = ctx.run_ui(input, |ui| dots.paint(ui.painter(), &view, (&atlas, 1), &palette, None, (&[], 0)));
        for shape in output.shapes {
            if let egui::Shape::Mesh(m) = shape.shape {
                mesh = Some(m);
            }
        }
        mesh
    };
    let whole = View::of(&AtlasState::default(), room, [1.0, 1.0]);
    let first = draw(whole).expect("one mesh");
    let inside = atlas.points.iter().filter(|p| room.contains(whole.screen(p.place))).count();
    assert!(first.vertices.len() / 4 >= inside && first.vertices.len() / 4 < inside + 400);
    assert!(Arc::ptr_eq(&first, &draw(whole).unwrap()), "it is not made again");
    let near = View { scale: whole.scale * 40.0, ..whole };
    assert!(draw(near).is_none(), "what is out of sight is left out, and few are round");
}

#[test]
fn pictures_are_left_out_of_the_data_by_name_and_taken_back_by_undo() {
    let mut stage = Stage::new(DataView::default());
    let source = "/pictures/nouns".to_string();
    let data = Box::new(DataRecipe { source: source.clone(), resolution: 64.into(), ..DataRecipe::default() });
    let own = |stage: &Stage<DataView>| stage.view.save()["data"].clone();
    stage.call(|view, cx| view.receive(&ViewMessage::Source("/pictures/other".into()), cx));
    stage.drain();
    let names: Vec<String> = ["b", "a"].map(String::from).to_vec();
    stage.call(|view, cx| view.receive(&ViewMessage::LeaveOut { data: data.clone(), names }, cx));
    stage.drain();
    assert_eq!(own(&stage)["exclude"], serde_json::json!(["a", "b"]));
    assert_eq!((own(&stage)["source"].as_str(), own(&stage)["resolution"].as_u64()), (Some(&*source), Some(64)));
    stage.call(|view, cx| view.receive(&ViewMessage::LeaveOut { data, names: vec!["c".into(), "a".into()] }, cx));
    stage.drain();
    assert_eq!(own(&stage)["exclude"], serde_json::json!(["a", "b", "c"]), "more of them, each once");
    stage.take_back();
    assert_eq!(own(&stage)["exclude"], serde_json::json!(["a", "b"]));
    stage.take_back();
    assert_eq!(own(&stage)["source"], "/pictures/other");
}

#[test]
fn many_pictures_are_kept_as_a_job_after_a_question() {
    let mut h = with_atlas();
    let room = view(&h).room;
    button(&mut h, "Lasso: draw around points (or Shift and drag)");
    lasso(&mut h, room.shrink(4.0));
    h.state().engine.take_commands();
    button(&mut h, "Keep generated");
    assert!(h.state().engine.take_commands().iter().all(|c| !matches!(c, Command::Keep { .. })), "first it is asked");
    assert!(h.query_by_label_contains("Keep 2,000 pictures? Up to ").is_some());
    button(&mut h, "Not now");
    assert!(h.query_by_label_contains("Keep 2,000 pictures?").is_none());
    button(&mut h, "Keep generated");
    h.state().engine.hold_answers(true);
    button(&mut h, "Keep them");
    let sent = h.state().engine.take_commands();
    let job = sent.iter().find_map(|c| match c {
        Command::Keep { job, latents, starred: true, .. } if latents.len() == 2000 => *job,
        _ => None,
    });
    let job = job.expect("as a job");
    assert!(h.query_by_label("Keep generated").is_none());
    h.state_mut().actions.clear();
    button(&mut h, "Stop keeping");
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Cancel(j) if *j == job)));
    h.state().engine.hold_answers(false);
    h.state_mut().call(|view, cx| assert!(view.on_command(crate::ui::command::UiCommand::Export, cx)));
}

#[test]
fn what_is_found_or_left_out_is_told_and_undo_forgets_the_search() {
    let mut h = with_atlas();
    h.get_by_role_and_label(Role::TextInput, "Find on the atlas").focus();
    h.run_steps(2);
    h.get_by_role_and_label(Role::TextInput, "Find on the atlas").type_text("picture 7");
    h.run_steps(3);
    let hits = made(&h)
        .atlas
        .points
        .iter()
        .filter(|p| matches!(&p.whose, Whose::Real { name, .. } if name.contains("picture 7")));
    let hits = hits.count();
    assert!(hits > 0 && h.query_by_label(&format!("{hits} found")).is_some(), "{hits}");
    assert!(!h.state().view.at::<AtlasPage>().faded.is(7) && h.state().view.at::<AtlasPage>().faded.is(8));
    h.state_mut().take_back();
    h.run_steps(3);
    assert!(state(&h).atlas.find.is_empty() && !h.state().view.at::<AtlasPage>().faded.is(8));
    let atlas = made(&h).atlas.clone();
    let names = Arc::new(std::iter::once("picture 8".to_string()).collect());
    let parcel = ViewMessage::LeftOut { source: atlas.source.clone(), names };
    h.state_mut().call(|view, cx| view.receive(&parcel, cx));
    h.run_steps(3);
    assert!(h.state().view.at::<AtlasPage>().faded.is(8) && !h.state().view.at::<AtlasPage>().faded.is(7));
    assert!(h.state().view.at::<AtlasPage>().tell(&atlas, 8).contains(&"Left out of the data".to_string()));
}

#[test]
fn pictures_of_a_model_that_are_not_known_are_chosen_once() {
    let mut h = on_nouns("atlas");
    let home = tempfile::tempdir().unwrap();
    let paths = crate::base::paths::Paths::under(home.path());
    let unknown = crate::engine::dataset_locator::resolve("nouns-gan", "nouns", "", &paths).unwrap_err();
    h.get_by_role_and_label(Role::Button, "Make the atlas").click();
    h.state().engine.hold_answers(true);
    h.run_steps(3);
    let making = Making { job: 7777, wish: AtlasConfig::default(), hash: String::new(), kept: None };
    h.state_mut().view.at_mut::<AtlasPage>().making = Some(making);
    h.state_mut().studio.apply(&Event::JobEnded { job: 7777, problem: Some(unknown) });
    h.run_steps(3);
    button(&mut h, own_data::CHOOSE);
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Pick(pick) if pick.purpose == own_data::PICK)));
    h.state().engine.hold_answers(false);
    h.state().engine.take_commands();
    let picked = ViewMessage::Picked { purpose: own_data::PICK, paths: vec!["/pictures/nouns".into()] };
    h.state_mut().call(|view, cx| view.receive(&picked, cx));
    h.run_steps(8);
    let sent = asked(&h);
    let told = |c: &LatentCommand| matches!(c, LatentCommand::OwnData { source, .. } if source == "/pictures/nouns");
    assert!(sent.iter().any(told), "{sent:?}");
    assert!(sent.iter().any(|c| matches!(c, LatentCommand::Atlas { .. })), "and the sheet is made");
}
