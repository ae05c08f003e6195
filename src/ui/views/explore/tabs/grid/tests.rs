use egui::accesskit::Role;
use egui::{Key, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::engine::GenerateRequest;
use crate::export::sheet::TRIANGLE;
use crate::ui::action::ViewMessage;
use crate::ui::command::UiCommand;
use crate::ui::view::View;
use crate::ui::views::explore::ExploreView;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::testing::{Stage, harness};
use crate::ui::widgets::latent_slot::Anchor;

type H = Harness<'static, Stage<ExploreView>>;

fn on_grid(model: &str) -> H {
    let mut stage = Stage::new(ExploreView::default());
    let parcel = ViewMessage::Explore { model: model.into(), latent: None, truncation: 1.0, from: None };
    stage.call(|view, cx| view.receive(&parcel, cx));
    stage.view.set_tab("grid");
    harness(stage)
}

fn state(h: &H) -> &ExploreState {
    &h.state().view.state
}

fn sent(h: &H) -> Vec<Command> {
    h.state().engine.take_commands()
}

fn generated(commands: &[Command]) -> Vec<&GenerateRequest> {
    commands.iter().filter_map(|c| if let Command::Generate(r) = c { Some(r) } else { None }).collect()
}

fn choose(h: &mut H, combo: &str, option: &str) {
    h.get_by_role_and_label(Role::ComboBox, combo).click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, option).click();
    h.run_steps(6);
}

fn cells(h: &H) -> Vec<Latent> {
    let info = h.state().view.info(&h.state().studio).unwrap();
    h.state().view.at::<Grid>().cells_of(state(h), &info)
}

#[test]
fn a_line_a_triangle_and_a_sheet_of_anchors_are_laid_out_and_come_back_by_undo() {
    let mut h = on_grid("nouns-gan");
    choose(&mut h, "Layout", "Line");
    assert_eq!(cells(&h).len(), 9);
    assert!(h.query_by_role_and_label(Role::Button, "Anchor 2").is_some());
    assert!(h.query_by_role_and_label(Role::Button, "Anchor 3").is_none());
    choose(&mut h, "Layout", "Triangle");
    assert_eq!(cells(&h).len(), 28);
    let top = h.get_by_role_and_label(Role::Button, "Anchor 1").rect().center();
    let base = h.get_by_role_and_label(Role::Button, "Anchor 3").rect().center();
    assert!(top.y < base.y && top.x < base.x);
    choose(&mut h, "Layout", "Sheet");
    assert_eq!(cells(&h).len(), 49);
    for n in 1..=9 {
        assert!(h.query_by_role_and_label(Role::Button, &format!("Anchor {n}")).is_some(), "anchor {n}");
    }
    assert_eq!(h.state().undo.last().unwrap().0, "lay anchors out differently");
    h.state_mut().take_back();
    h.run_steps(3);
    assert_eq!(state(&h).grid.layout, Layout::Triangle);
}

#[test]
fn arrows_walk_through_a_triangle_and_a_drag_moves_one_of_its_anchors() {
    let mut h = on_grid("nouns-gan");
    choose(&mut h, "Layout", "Triangle");
    let all = cells(&h);
    h.get_by_label("Row 3, column 2").click();
    h.run_steps(3);
    assert_eq!(state(&h).here.latent, all[4]);
    for (key, cell) in [(Key::ArrowDown, 7), (Key::ArrowRight, 8), (Key::ArrowUp, 5), (Key::ArrowUp, 2)] {
        h.key_press(key);
        h.run_steps(3);
        assert_eq!(state(&h).here.latent, all[cell], "{key:?}");
    }
    let from = h.get_by_role_and_label(Role::Button, "Anchor 2").rect().center();
    sent(&h);
    h.hover_at(from);
    h.run_steps(2);
    h.drag_at(from);
    h.run_steps(1);
    for i in 1..=3 {
        h.hover_at(from + vec2(64.0 * i as f32, 0.0));
        h.run_steps(1);
    }
    assert!(generated(&sent(&h)).iter().any(|r| r.latents.len() > 8), "the triangle follows while it is dragged");
    h.drop_at(from + vec2(192.0, 0.0));
    h.run_steps(3);
    assert!(matches!(state(&h).grid.anchors[1], Anchor::Seed(x) if x >= 3.0 && x.fract() == 0.0));
    assert_eq!(h.state().undo.last().unwrap().0, "move an anchor");
}

#[test]
fn even_steps_come_from_the_engine_and_are_what_is_shown_walked_and_exported() {
    let mut h = on_grid("nouns-gan");
    choose(&mut h, "Layout", "Line");
    let plain = cells(&h);
    sent(&h);
    h.get_by_role_and_label(Role::CheckBox, "Even steps").click();
    h.run_steps(6);
    let asked = sent(&h);
    let wish = asked.iter().find_map(|c| match c {
        Command::Latent(LatentCommand::LayOut { wish, .. }) => Some(wish.clone()),
        _ => None,
    });
    let wish = wish.expect("the engine is asked");
    assert!(wish.even == Some(state(&h).grid.by) && wish.layout == Layout::Line && wish.columns == 9);
    let even = cells(&h);
    assert!(even.len() == 9 && even != plain && even[0] == plain[0]);
    assert!(h.query_by_label("Steps differ by 3 %").is_some());
    h.run_steps(4);
    assert!(!sent(&h).iter().any(|c| matches!(c, Command::Latent(LatentCommand::LayOut { .. }))), "asked once");
    h.get_by_label("Row 1, column 4").click();
    h.run_steps(3);
    assert_eq!(state(&h).here.latent, even[3]);
    h.state_mut().call(|view, cx| assert!(view.on_command(UiCommand::Export, cx)));
    h.run_steps(4);
    h.get_by_label("Export path").focus();
    h.run_steps(2);
    h.get_by_label("Export path").type_text("/tmp/out.png");
    h.run_steps(3);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let exported = sent(&h).into_iter().find_map(|c| match c {
        Command::Export { latents, options, .. } => Some((latents, options.columns)),
        _ => None,
    });
    assert_eq!(exported, Some((even, 9)));
}

#[test]
fn a_triangle_is_exported_as_one() {
    let mut h = on_grid("nouns-gan");
    choose(&mut h, "Layout", "Triangle");
    let mut out = PageActions::default();
    h.state_mut().call(|view, cx| view.export_page(cx, &mut out));
    let (latents, _, columns, format) = out.export.unwrap();
    assert_eq!((latents.len(), columns, format), (28, TRIANGLE, Some("grid")));
}

#[test]
fn a_slow_answer_keeps_the_old_cells_and_only_the_newest_wish_is_taken() {
    let mut h = on_grid("nouns-gan");
    choose(&mut h, "Layout", "Line");
    h.get_by_role_and_label(Role::CheckBox, "Even steps").click();
    h.run_steps(6);
    let first = cells(&h);
    h.state().engine.hold_answers(true);
    h.get_by_role_and_label(Role::Button, "New anchors").click();
    h.run_steps(4);
    assert_eq!(cells(&h), first, "nothing jumps while it is on its way");
    assert!(h.query_by_label("Evening the steps").is_some());
    h.get_by_role_and_label(Role::Button, "Leave steps as they are").click();
    h.run_steps(4);
    let plain = cells(&h);
    assert_ne!(plain, first);
    h.state().engine.hold_answers(false);
    h.run_steps(4);
    assert_eq!(cells(&h), plain, "an answer that nobody wants any more changes nothing");
}

#[test]
fn a_photo_becomes_an_anchor_of_a_gan_and_styles_need_the_engine() {
    let mut h = on_grid("nouns-gan");
    let at = h.get_by_role_and_label(Role::Button, "Top right corner").rect().center();
    h.hover_at(at);
    h.run_steps(2);
    sent(&h);
    assert!(h.state_mut().call(|view, cx| view.on_drop(&["/x/me.png".into()], cx)));
    h.run_steps(4);
    let invert = |c: &Command| matches!(c, Command::Latent(LatentCommand::Invert { .. }));
    assert!(sent(&h).iter().any(invert));
    let Anchor::At(found) = state(&h).grid.anchors[1].clone() else { panic!("a found latent") };
    assert_eq!(h.state().undo.last().unwrap().0, "put a picture in a corner");
    assert_eq!(cells(&h)[6], found);
    h.state_mut().take_back();
    assert_eq!(state(&h).grid.anchors[1], Anchor::Seed(2.0));
}

#[test]
fn a_model_with_styles_may_go_through_them() {
    let mut models = crate::engine::fake::models();
    for model in &mut models {
        model.recipe.model.id = "style-gan".into();
    }
    let engine =
        crate::engine::fake::ScriptedEngine::with(crate::engine::fake::Script { models, ..Default::default() });
    let mut stage = Stage::with(ExploreView::default(), engine);
    stage.view.set_tab("grid");
    let mut h = harness(stage);
    h.get_by_role_and_label(Role::RadioButton, "Through: W").click();
    h.run_steps(6);
    let middle = cells(&h)[24].clone();
    assert_eq!(middle.place().space, Space::W);
    assert_eq!(cells(&h)[0].seed(), Some(1), "anchors stay seeds");
    assert!(on_grid("nouns-gan").query_by_label("Through: W").is_none(), "others have none");
}
