use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::engine::fake::ScriptedEngine;
use crate::ui::views::explore::testing::{Stage, harness};

fn gallery() -> Harness<'static, Stage<GalleryView>> {
    harness(Stage::new(GalleryView::default()))
}

fn commands(h: &Harness<'static, Stage<GalleryView>>) -> Vec<Command> {
    h.state().engine.take_commands()
}

fn first(h: &Harness<'static, Stage<GalleryView>>) -> Item {
    h.state().view.items[0].clone()
}

fn choose_first(h: &mut Harness<'static, Stage<GalleryView>>) -> Item {
    let item = first(h);
    let name = source::name(&item);
    h.get_all_by_role_and_label(Role::ListBoxOption, &name).next().unwrap().click();
    h.run_steps(4);
    item
}

#[test]
fn a_key_rates() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    commands(&h);
    let rating = if item.rating == 4 { 3 } else { 4 };
    h.key_press(if rating == 4 { Key::Num4 } else { Key::Num3 });
    h.run_steps(4);
    assert!(commands(&h).contains(&Command::RateItems { ids: vec![item.id], rating }));
    assert_eq!(first(&h).rating, rating, "the list was asked for again");
}

#[test]
fn delete_moves_to_the_trash_and_the_history_brings_it_back() {
    let mut h = gallery();
    let before = h.state().view.items.len();
    let item = choose_first(&mut h);
    h.key_press(Key::Delete);
    h.run_steps(5);
    assert_eq!(h.state().view.items.len(), before - 1);
    h.get_by_role_and_label(Role::Button, "Recent changes").click();
    h.run_steps(4);
    h.get_by_label_contains("Undo: ").click();
    h.run_steps(5);
    assert!(h.state().view.items.iter().any(|i| i.id == item.id));
}

#[test]
fn relatives_are_shown_until_escape() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    h.key_press(Key::A);
    h.run_steps(5);
    let shown = &h.state().view.items;
    assert!(shown.len() < 48 && shown[0].id == item.id, "the picture itself comes first");
    assert!(h.query_by_label(&format!("Similar to {}", source::name(&item))).is_some());
    h.key_press(Key::Escape);
    h.run_steps(5);
    assert_eq!(h.state().view.items.len(), 48);
    choose_first(&mut h);
    h.get_by_role_and_label(Role::Button, "Family (F)").click();
    h.run_steps(5);
    let shown = &h.state().view.items;
    assert!(shown.len() < 48 && shown.iter().all(|i| i.model == item.model));
    h.get_by_role_and_label(Role::Button, "Show all").click();
    h.run_steps(5);
    assert_eq!(h.state().view.items.len(), 48);
}

#[test]
fn space_looks_closely_and_arrows_go_on() {
    let mut h = gallery();
    choose_first(&mut h);
    h.key_press(Key::Space);
    h.run_steps(4);
    assert!(h.query_by_label("1 of 48").is_some());
    h.key_press(Key::ArrowRight);
    h.run_steps(4);
    assert!(h.query_by_label("2 of 48").is_some());
    h.key_press(Key::Escape);
    h.run_steps(4);
    assert!(h.query_by_label("2 of 48").is_none());
}

#[test]
fn standing_here_goes_to_explore_at_the_latent() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    let recipe = item.recipe.expect("made pictures have a recipe");
    h.get_by_role_and_label(Role::Button, "Open in Explore").click();
    h.run_steps(3);
    let delivered = h.state().actions.iter().find_map(|a| match a {
        Action::Deliver(ViewId::Explore, parcel) => Some((**parcel).clone()),
        _ => None,
    });
    let Some(ViewMessage::Explore { latent, truncation, .. }) = delivered else { panic!("{delivered:?}") };
    assert_eq!((latent, truncation), (Some(recipe.latent), recipe.truncation));
}

#[test]
fn filters_reach_the_library() {
    let mut h = gallery();
    commands(&h);
    h.get_by_label("Starred only").click();
    h.run_steps(4);
    let asked = commands(&h);
    assert!(asked.iter().any(|c| matches!(c, Command::ListItems { filter } if filter.starred)), "{asked:?}");
    assert!(h.state().view.items.iter().all(|i| i.starred));
}

#[test]
fn an_empty_gallery_says_how_to_fill_it() {
    let mut h = harness(Stage::with(GalleryView::default(), ScriptedEngine::fresh()));
    h.get_by_role_and_label(Role::Button, "Explore a model").click();
    h.run_steps(3);
    assert!(h.state().actions.iter().any(|a| matches!(a, Action::Go(ViewId::Explore))));
}

#[test]
fn a_tag_is_added_to_what_is_selected() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    commands(&h);
    h.get_by_label("Add a tag").focus();
    h.run_steps(2);
    h.get_by_label("Add a tag").type_text("blue");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(4);
    assert!(commands(&h).contains(&Command::TagItems { ids: vec![item.id], tag: "blue".into(), add: true }));
}

#[test]
fn recipes_read_like_sentences() {
    let item = crate::engine::fake::items(1).remove(0);
    let text = detail::recipe_text(item.recipe.as_ref().unwrap());
    assert!(text.iter().any(|(n, v)| *n == "Latent" && (v.starts_with("seed") || v.starts_with("point"))));
    assert!(text.iter().all(|(_, v)| !v.is_empty()), "{text:?}");
}

#[test]
fn the_first_of_a_new_search_are_shown_and_those_of_the_same_one_leave_the_list_alone() {
    let mut h = gallery();
    let all = h.state().view.items.clone();
    assert!(all.len() > 2);
    let some = Arc::new(all[..2].to_vec());
    let told = |h: &mut Harness<'static, Stage<GalleryView>>, filter: &ItemFilter| {
        let event = Event::FirstItems { filter: filter.clone(), items: some.clone() };
        h.state_mut().call(|view, cx| view.on_event(&event, cx));
    };
    let filter = h.state().view.filter.clone();
    told(&mut h, &filter);
    assert_eq!(h.state().view.items.len(), all.len(), "all of this filter are here already");
    let filter = ItemFilter { min_rating: 1, ..filter };
    h.state_mut().view.filter = filter.clone();
    told(&mut h, &filter);
    assert_eq!(h.state().view.items.len(), 2);
}

#[test]
fn favourites_become_a_film() {
    let mut h = gallery();
    let items = h.state().view.items.clone();
    let of: Vec<&Item> = items.iter().filter(|i| i.model == items[0].model).take(3).collect();
    assert!(of.len() > 1);
    let keys: Vec<u64> = of.iter().map(|i| i.id as u64).collect();
    h.state_mut().view.grid.selection.add(keys.into_iter());
    h.run_steps(3);
    h.state_mut().studio.exports = "/films".into();
    h.get_by_role_and_label(Role::Button, "Make a film…").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Export").click();
    h.run_steps(4);
    let film = commands(&h).into_iter().find_map(|c| match c {
        Command::Latent(crate::engine::LatentCommand::Film { timeline, options, .. }) => Some((timeline, options)),
        _ => None,
    });
    let (timeline, options) = film.expect("a film is asked for");
    assert_eq!((timeline.keys.len(), timeline.looped), (of.len(), true));
    assert_eq!(timeline.keys[0].latent, of[0].recipe.as_ref().unwrap().latent);
    // Large enough to be posted.
    assert!(options.scale * of[0].width >= 512, "×{} of {}", options.scale, of[0].width);
}
