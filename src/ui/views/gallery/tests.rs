use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use super::*;
use crate::engine::PairsOf;
use crate::engine::fake::ScriptedEngine;
use crate::ui::action::Action;
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
fn a_badge_says_how_near_a_picture_is_to_what_its_model_learned_from() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    let asked = commands(&h);
    let looks = |asked: &[Command], wanted: bool| {
        asked.iter().any(|c| matches!(c, Command::Likeness { item: i, look } if i.id == item.id && *look == wanted))
    };
    assert!(looks(&asked, false) && !looks(&asked, true), "what is known is asked for, and nothing is computed yet");
    h.get_by_role_and_label(Role::Button, "Compare with training pictures").click();
    h.run_steps(4);
    assert!(looks(&commands(&h), true));
    let standing = h.state().studio.likeness[&item.id].0.as_ref().unwrap().0.standing;
    h.get_by_role_and_label(Role::Label, likeness::word(standing).1);
    assert!(h.query_by_label_contains("the nearest is noun 12.png").is_some());
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
fn an_empty_gallery_with_data_sets_shows_them() {
    let mut h = gallery();
    let sets = crate::engine::Facets { sets: vec![("clothes".into(), 9)], ..Default::default() };
    h.state_mut().call(|view, cx| {
        view.on_event(&Event::Facets(sets), cx);
        view.lay_out(&Arc::default());
    });
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Show data sets").click();
    h.run_steps(5);
    assert_eq!(h.state().view.filter.shelf, Shelf::All);
    assert_eq!(h.state().view.items.len(), 48);
}

#[test]
fn a_search_that_finds_no_saved_picture_offers_the_data_sets() {
    let mut h = harness(Stage::with(GalleryView::default(), ScriptedEngine::fresh()));
    let sets = crate::engine::Facets { sets: vec![("clothes".into(), 9)], ..Default::default() };
    h.state_mut().call(|view, cx| view.on_event(&Event::Facets(sets), cx));
    h.run_steps(3);
    search(&mut h, "nowhere to be found");
    assert_eq!(asked(&h).shelf, Shelf::Kept);
    h.get_by_role_and_label(Role::Button, "Search data sets too").click();
    h.run_steps(5);
    let again = asked(&h);
    assert_eq!((again.shelf, again.text.as_str()), (Shelf::All, "nowhere to be found"));
    assert!(h.query_by_role_and_label(Role::Button, "Search data sets too").is_none());
    assert!(h.query_by_label("No saved picture matches this filter").is_some());
}

#[test]
fn an_example_that_cannot_be_read_is_told_where_the_pictures_would_be() {
    let mut h = harness(Stage::with(GalleryView::default(), ScriptedEngine::fresh()));
    search(&mut h, "hat");
    let ticket = commands(&h).into_iter().rev().find_map(|c| match c {
        Command::Search { ticket, .. } => Some(ticket),
        _ => None,
    });
    let problem = crate::base::Problem::data("This is text, not a picture");
    let told = Event::NotFound { ticket: ticket.unwrap(), problem };
    h.state_mut().call(|view, cx| view.on_event(&told, cx));
    h.run_steps(3);
    assert!(h.query_by_label("No saved picture matches this filter").is_none());
    assert!(h.query_by_label_contains("Remove the example above").is_some());
    // The one in the middle; the bar above has one too.
    h.get_all_by_role_and_label(Role::Button, "Show all").last().unwrap().click();
    h.run_steps(5);
    assert!(h.query_by_label_contains("Remove the example above").is_none());
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

/// Types words into the search field and presses Enter.
fn search(h: &mut Harness<'static, Stage<GalleryView>>, words: &str) {
    h.get_by_label("Search").focus();
    h.run_steps(2);
    h.get_by_label("Search").type_text(words);
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(5);
}

fn asked(h: &Harness<'static, Stage<GalleryView>>) -> crate::engine::SearchRequest {
    let asked = commands(h).into_iter().rev().find_map(|c| match c {
        Command::Search { request, .. } => Some(*request),
        _ => None,
    });
    asked.expect("a search is asked for")
}

#[test]
fn enter_searches_by_what_is_shown_and_each_hit_says_why() {
    let mut h = gallery();
    commands(&h);
    let model = first(&h).model;
    search(&mut h, &model);
    assert_eq!(asked(&h).text, model);
    let found = h.state().view.items.len();
    assert!((1..48).contains(&found), "{found}");
    assert!(h.query_by_label(&format!("{found} pictures found")).is_some());
    choose_first(&mut h);
    assert!(h.query_by_label("Why it is here").is_some());
    assert!(h.query_by_label_contains("words, place 1: name").is_some());
    h.get_by_role_and_label(Role::Button, "Show all").click();
    h.run_steps(5);
    assert_eq!(h.state().view.items.len(), 48);
    assert!(h.query_by_label_contains("pictures found").is_none());
}

#[test]
fn a_saved_search_keeps_its_length_and_more_can_be_shown() {
    let mut h = gallery();
    h.get_by_role_and_label(Role::Button, "Saved searches").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Seeds").click();
    h.run_steps(6);
    assert_eq!((asked(&h).limit, h.state().view.items.len()), (10, 10));
    assert!(h.query_by_label("The best 10 pictures").is_some());
    h.get_by_role_and_label(Role::Button, "Show more").click();
    h.run_steps(6);
    assert_eq!((asked(&h).limit, h.state().view.items.len()), (20, 20));
    h.get_by_role_and_label(Role::Button, "Show more").click();
    h.run_steps(6);
    h.get_by_role_and_label(Role::Button, "Show more").click();
    h.run_steps(6);
    // All that there are.
    assert!(h.state().view.items.len() < 80 && h.query_by_label("Show more").is_none());
}

#[test]
fn more_like_these_and_less_like_that_are_chips_that_can_be_taken_off() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    commands(&h);
    h.key_press(Key::M);
    h.run_steps(5);
    assert_eq!(asked(&h).like, [crate::engine::Sample::Item(item.id)]);
    let shown = h.state().view.items.clone();
    assert!(shown.iter().all(|i| i.model == item.model && i.id != item.id) && !shown.is_empty());
    let other = choose_first(&mut h);
    h.get_by_role_and_label(Role::Button, "Less like this (L)").click();
    h.run_steps(5);
    let request = asked(&h);
    assert_eq!(request.unlike, [crate::engine::Sample::Item(other.id)]);
    assert_eq!(request.like, [crate::engine::Sample::Item(item.id)]);
    h.get_by_label_contains("Remove Unlike").click();
    h.run_steps(5);
    assert!(asked(&h).unlike.is_empty());
    h.key_press(Key::Escape);
    h.run_steps(5);
    assert_eq!(h.state().view.items.len(), 48);
}

#[test]
fn a_rectangle_on_the_large_picture_is_searched_for() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    h.key_press(Key::Space);
    h.run_steps(6);
    commands(&h);
    // The large one lies above its cell.
    let all =
        h.query_all_by_role_and_label(Role::Image, source::name(&item).as_ref()).map(|n| n.rect()).collect::<Vec<_>>();
    let shown = all.into_iter().max_by(|a, b| a.area().total_cmp(&b.area())).unwrap();
    let at = |x: f32, y: f32| shown.min + shown.size() * egui::vec2(x, y);
    h.hover_at(at(0.25, 0.5));
    h.drag_at(at(0.25, 0.5));
    h.run_steps(2);
    h.hover_at(at(0.5, 0.7));
    h.run_steps(2);
    h.hover_at(at(0.75, 1.0));
    h.run_steps(2);
    h.drop_at(at(0.75, 1.0));
    h.run_steps(5);
    let request = asked(&h);
    let [crate::engine::Sample::Region(id, region)] = request.like[..] else { panic!("{request:?}") };
    assert_eq!(id, item.id);
    let near = |a: u32, b: u32| a.abs_diff(b) <= 1;
    assert!(near(region.x, item.width / 4) && near(region.width, item.width / 2), "{region}");
    assert!(near(region.y, item.height / 2) && region.y + region.height == item.height, "{region}");
    h.get_by_label_contains("Remove Like part of ").click();
    h.run_steps(5);
    assert_eq!(h.state().view.items.len(), 48);
}

#[test]
fn near_duplicates_are_stacked_and_cleared_as_one_change() {
    let mut h = gallery();
    let model = first(&h).model;
    search(&mut h, &model);
    let all = h.state().view.items.len();
    h.get_by_label("Stack near-duplicates").click();
    h.run_steps(4);
    let stacked = h.state().view.items.len();
    assert!(stacked < all);
    commands(&h);
    h.get_by_label_contains("near-duplicates to the trash").click();
    h.run_steps(6);
    let trashed = commands(&h).into_iter().find_map(|c| match c {
        Command::TrashItems { ids, trashed: true } => Some(ids.len()),
        _ => None,
    });
    assert_eq!(trashed, Some(all - stacked));
    h.get_by_role_and_label(Role::Button, "Recent changes").click();
    h.run_steps(4);
    assert!(h.query_by_label_contains("Undo: ").is_some());
}

#[test]
fn conditions_are_typed_or_chosen_and_a_bad_one_is_told() {
    let mut h = gallery();
    commands(&h);
    h.get_by_label("Filter").focus();
    h.run_steps(2);
    h.get_by_label("Filter").type_text("rating>=3");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(4);
    let listed = |h: &Harness<'static, Stage<GalleryView>>| {
        commands(h).into_iter().rev().find_map(|c| match c {
            Command::ListItems { filter } => Some(filter),
            _ => None,
        })
    };
    let filter = listed(&h).unwrap();
    assert_eq!(filter.conditions[0].to_string(), "rating>=3");
    h.get_by_role_and_label(Role::Button, "Filters").click();
    h.run_steps(4);
    h.get_by_label_contains("Ankle boot").click();
    h.run_steps(4);
    let filter = listed(&h).unwrap();
    let texts: Vec<String> = filter.conditions.iter().map(ToString::to_string).collect();
    assert_eq!((texts.join(" ").as_str(), filter.shelf), ("rating>=3 label=\"Ankle boot\"", crate::engine::Shelf::All));
    h.state_mut().view.set_no_conditions();
    h.run_steps(4);
    h.get_by_label("Filter").focus();
    h.run_steps(2);
    h.get_by_label("Filter").type_text("colour=red");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(4);
    let said = h.state().actions.iter().any(|a| matches!(a, Action::Message(p) if p.what.contains("colour")));
    assert!(said, "{:?}", h.state().actions);
}

#[test]
fn a_search_is_saved_and_opened_again() {
    let mut h = gallery();
    let model = first(&h).model;
    search(&mut h, &model);
    h.get_by_role_and_label(Role::Button, "Saved searches").click();
    h.run_steps(4);
    h.get_by_label("Name of the search").focus();
    h.run_steps(2);
    h.get_by_label("Name of the search").type_text("Mine");
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Save").click();
    h.run_steps(4);
    let saved = commands(&h)
        .into_iter()
        .any(|c| matches!(c, Command::SaveSearch { name, request } if name == "Mine" && request.text == model));
    assert!(saved);
    h.key_press(Key::Escape);
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Saved searches").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Seeds").click();
    h.run_steps(5);
    assert_eq!(asked(&h).text, "seed");
}

#[test]
fn a_dropped_picture_is_an_example_and_a_folder_is_not() {
    let mut h = gallery();
    commands(&h);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.png");
    std::fs::write(&file, b"x").unwrap();
    let mut taken = Vec::new();
    for path in [dir.path().to_path_buf(), file.clone()] {
        h.state_mut().call(|view, cx| taken.push(view.on_drop(&[path], cx)));
    }
    h.run_steps(5);
    assert_eq!(taken, [false, true]);
    assert_eq!(asked(&h).like, [crate::engine::Sample::File(file)]);
    assert!(h.query_by_label("Like mine.png").is_some());
}

#[test]
fn a_picture_tells_where_it_comes_from_and_each_thing_leads_on() {
    let mut h = gallery();
    let item = choose_first(&mut h);
    h.get_by_role_and_label(Role::Button, "Where does this come from? (O)").click();
    h.run_steps(5);
    assert!(commands(&h).contains(&Command::Graph { thing: format!("item:{}", item.id) }));
    for name in ["Data set cats", "Run cats-64", "Model cats", "Picture kept.png", "Film walk.mp4"] {
        assert!(h.query_by_role_and_label(Role::Button, name).is_some(), "{name}");
    }
    h.get_by_role_and_label(Role::Button, "Model cats").click();
    h.run_steps(5);
    assert!(commands(&h).contains(&Command::Graph { thing: "abcdef0123456789".into() }));
    h.get_by_role_and_label(Role::Button, "Back to what was shown before").click();
    h.run_steps(5);
    assert!(commands(&h).contains(&Command::Graph { thing: format!("item:{}", item.id) }));
    h.get_by_label("Run").click();
    h.run_steps(4);
    assert!(h.query_by_role_and_label(Role::Button, "Run cats-64").is_none(), "runs are hidden");
    h.get_by_role_and_label(Role::Button, "Zoom out").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Open it").click();
    h.run_steps(5);
    assert_eq!(h.state().view.overlay, Some(Overlay::One(item.id)));
    // From other views, by names of which the first that is known is meant; a film opens with the desktop's program.
    h.state_mut().call(|view, cx| view.receive(&ViewMessage::Origin("file:/films/walk.mp4".into()), cx));
    h.run_steps(5);
    assert_eq!(h.state().view.overlay, Some(Overlay::Origin));
    h.get_by_role_and_label(Role::Button, "Open it").click();
    h.run_steps(5);
    let opened = |a: &Action| matches!(a, Action::OpenFile(file) if file.ends_with("walk.mp4"));
    assert!(h.state().actions.iter().any(opened), "{:?}", h.state().actions);
    h.state_mut().view.overlay = Some(Overlay::One(item.id));
    h.run_steps(4);
    h.key_press(Key::O);
    h.run_steps(4);
    h.key_press(Key::Escape);
    h.run_steps(4);
    assert_eq!(h.state().view.overlay, None);
}

#[test]
fn usage_is_asked_for_plotted_and_closed() {
    let mut h = gallery();
    commands(&h);
    h.get_by_role_and_label(Role::Button, "Usage").click();
    h.run_steps(5);
    let asked = || |c: &Command| *c == Command::Usage;
    assert_eq!(commands(&h).iter().filter(|c| asked()(c)).count(), 1, "once, not at each frame");
    h.get_by_role_and_label(Role::Image, "Made: 179 in 8 weeks, at most 61 in one");
    for name in ["By model", "Settings that lead to what you like", "42–67 %"] {
        assert!(h.query_by_label(name).is_some(), "{name}");
    }
    h.get_by_role_and_label(Role::RadioButton, "Plot: Exported").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Image, "Exported: 18 in 8 weeks, at most 6 in one");
    // What is kept changes: it is asked again.
    let item = first(&h);
    h.state_mut().call(|_, cx| cx.send(Command::RateItems { ids: vec![item.id], rating: 1 }));
    h.run_steps(5);
    assert!(commands(&h).iter().any(asked()));
    h.key_press(Key::Escape);
    h.run_steps(4);
    assert_eq!(h.state().view.overlay, None);
    h.state_mut().call(|view, cx| view.receive(&ViewMessage::Page("usage"), cx));
    h.run_steps(4);
    assert_eq!(h.state().view.overlay, Some(Overlay::Usage));
}

#[test]
fn pictures_of_checkpoints_are_made_once_and_then_compared() {
    let mut h = gallery();
    let run = std::path::PathBuf::from("/runs/fashion");
    h.get_by_role_and_label(Role::Button, "Which is better? (P)").click();
    h.run_steps(5);
    h.state_mut().call(|view, cx| view.pairs_between(PairsOf::Checkpoints(run.clone()), cx));
    h.run_steps(5);
    commands(&h);
    h.state().engine.hold_answers(true);
    let button = h.get_by_role_and_label(Role::Button, "Make them");
    button.click();
    h.run_steps(3);
    assert!(h.query_by_role_and_label(Role::Button, "Make them").is_none(), "it is done already");
    assert!(h.query_by_label_contains("Making pictures of checkpoints").is_some());
    let made = |all: Vec<Command>| all.iter().filter(|c| matches!(c, Command::Keep { .. })).count();
    assert_eq!(made(commands(&h)), 4, "the newest checkpoints");
    h.state().engine.hold_answers(false);
    h.run_steps(6);
    assert!(h.state().view.pairs.shown().is_some());
    assert_eq!(made(commands(&h)), 0);
}

#[test]
fn the_better_of_two_is_chosen_by_a_key_and_the_ranking_is_shown() {
    let mut h = gallery();
    h.get_by_role_and_label(Role::Button, "Which is better? (P)").click();
    h.run_steps(5);
    assert_eq!(h.state().view.overlay, Some(Overlay::Pairs));
    let pair = || |h: &Harness<'static, Stage<GalleryView>>| h.state().view.pairs.shown();
    let first = pair()(&h).unwrap();
    h.key_press(Key::ArrowRight);
    h.run_steps(5);
    assert_eq!(h.state().engine.script().choices, [(first.1, first.0)], "the right one is better");
    let second = pair()(&h).unwrap();
    h.key_press(Key::Space);
    h.run_steps(5);
    assert_ne!(pair()(&h), Some(second), "it was passed over");
    h.get_by_role_and_label(Role::Button, "Left is better (←)").click();
    h.run_steps(5);
    assert_eq!(h.state().engine.script().choices.len(), 2);
    assert!(h.query_by_label_contains("2 choices: 2 of 2 held-out ones foreseen").is_some());
    assert!(h.query_by_label("Place 1: won 1 of 1").is_some());
    h.key_press(Key::Escape);
    h.run_steps(4);
    assert_eq!(h.state().view.overlay, None);
}
