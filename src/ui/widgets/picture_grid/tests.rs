use std::borrow::Cow;

use egui::accesskit::{Role, Toggled};
use egui::{Key, Modifiers, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{GridResponse, GridSource, PictureGrid, Tex};

#[derive(Default)]
struct Numbers {
    count: usize,
    asked: Vec<usize>,
}

impl GridSource for Numbers {
    fn len(&self) -> usize {
        self.count
    }
    fn key(&self, index: usize) -> u64 {
        index as u64 + 1000
    }
    fn name(&self, index: usize) -> Cow<'_, str> {
        format!("number {index}").into()
    }
    fn texture(&mut self, _index: usize) -> Option<Tex> {
        None
    }
    fn request(&mut self, missing: &[usize]) {
        self.asked.extend(missing);
    }
}

#[derive(Default)]
struct State {
    grid: PictureGrid,
    source: Numbers,
    opened: Option<usize>,
    menu: Vec<u64>,
}

fn app(ui: &mut Ui, state: &mut State) {
    let State { grid, source, menu, opened } = state;
    let out: GridResponse = grid.show(ui, "Pictures", source, |ui, keys| {
        if ui.button("Leave out").clicked() {
            *menu = keys.to_vec();
        }
    });
    *opened = out.opened.or(*opened);
}

fn harness(count: usize) -> Harness<'static, State> {
    let state = State { source: Numbers { count, ..Numbers::default() }, ..State::default() };
    let mut harness = Harness::builder().with_size(vec2(640.0, 480.0)).build_ui_state(app, state);
    harness.run();
    harness
}

fn selected(harness: &Harness<'_, State>) -> Vec<u64> {
    harness.state().grid.selection.iter().map(|k| k - 1000).collect()
}

#[test]
fn only_visible_pictures_are_asked_for_and_laid_out() {
    let harness = harness(100_000);
    let asked = &harness.state().source.asked;
    assert!(asked.len() < 400 && asked.contains(&0) && asked.iter().all(|&i| i < 100), "{}", asked.len());
    assert!(harness.query_all_by_role(Role::ListBoxOption).count() < 100);
}

#[test]
fn clicks_select_as_everywhere() {
    let mut harness = harness(50);
    harness.get_by_label("number 3").click();
    harness.run();
    assert_eq!(selected(&harness), [3]);
    harness.get_by_label("number 5").click_modifiers(Modifiers::SHIFT);
    harness.run();
    assert_eq!(selected(&harness), [3, 4, 5]);
    harness.get_by_label("number 4").click_modifiers(Modifiers::COMMAND);
    harness.run();
    assert_eq!(selected(&harness), [3, 5]);
    assert_eq!(harness.get_by_label("number 3").accesskit_node().toggled(), Some(Toggled::True));
}

#[test]
fn keys_move_select_and_open() {
    let mut harness = harness(1000);
    harness.get_by_label("number 0").click();
    harness.run();
    harness.key_press(Key::ArrowRight);
    harness.run();
    assert_eq!(selected(&harness), [1]);
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowRight);
    harness.run();
    assert_eq!(selected(&harness), [1, 2]);
    harness.key_press(Key::End);
    harness.run();
    assert_eq!(selected(&harness), [999]);
    assert!(harness.query_by_label("number 999").is_some(), "scrolled into view");
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().opened, Some(999));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run();
    assert_eq!(harness.state().grid.selection.len(), 1000);
    harness.key_press(Key::Escape);
    harness.run();
    assert!(harness.state().grid.selection.is_empty());
}

#[test]
fn a_rubber_band_selects_what_it_touches() {
    let mut harness = harness(7);
    let last = harness.get_by_label("number 6").rect();
    let first = harness.get_by_label("number 0").rect();
    // From the empty ground right of the last row up to the first cell.
    harness.drag_at(last.center() + vec2(300.0, 20.0));
    harness.run();
    for step in 1..=4 {
        let t = step as f32 / 4.0;
        harness.hover_at(last.center() + vec2(300.0, 20.0) + (first.center() - last.center() - vec2(300.0, 20.0)) * t);
        harness.step();
    }
    harness.drop_at(first.center());
    harness.run();
    assert!(selected(&harness).len() >= 4, "{:?}", selected(&harness));
    assert!(selected(&harness).contains(&0));
}

#[test]
fn the_menu_is_for_what_is_selected() {
    let mut harness = harness(20);
    harness.get_by_label("number 2").click();
    harness.run();
    harness.get_by_label("number 3").click_modifiers(Modifiers::COMMAND);
    harness.run();
    harness.get_by_label("number 3").click_secondary();
    harness.run();
    harness.get_by_label("Leave out").click();
    harness.run();
    assert_eq!(harness.state().menu, [1002, 1003]);
}
