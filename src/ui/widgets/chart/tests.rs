use egui::accesskit::{Role, Toggled};
use egui::{Color32, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::*;

#[derive(Default)]
struct State {
    chart: Chart,
    other: Chart,
    settings: ChartSettings,
    cursor: LinkedCursor,
    series: Vec<Series>,
    export: Option<ChartExport>,
}

fn lines(series: &[Series]) -> Vec<Line<'_>> {
    let colours = [Color32::from_rgb(86, 180, 233), Color32::from_rgb(230, 159, 0)];
    let names = ["Critic", "Generator"];
    let line = |(i, s): (usize, _)| Line {
        id: i as u64,
        name: names[i].into(),
        colour: colours[i],
        dash: i as u8,
        series: s,
        band: None,
    };
    series.iter().enumerate().map(line).collect()
}

fn app(ui: &mut Ui, state: &mut State) {
    state.cursor.begin();
    ui.horizontal(|ui| state.settings.controls(ui));
    let lines = lines(&state.series);
    let flags = [Flag { step: 200, images: 6400, text: "Learning rate 0.0004 to 0.0002".into() }];
    ui.allocate_ui(vec2(600.0, 220.0), |ui| {
        let export = state.chart.show(ui, "Losses", None, &lines, &flags, &state.settings, &mut state.cursor);
        state.export = export.or(state.export);
    });
    ui.allocate_ui(vec2(600.0, 180.0), |ui| {
        state.other.show(ui, "Signals", None, &lines[..1], &[], &state.settings, &mut state.cursor);
    });
}

fn state(n: u64) -> State {
    let mut series = vec![Series::default(), Series::default()];
    for i in 0..n {
        let t = i as f64 / n as f64;
        series[0].push(i, i * 32, i as f64 * 0.05, 1.0 / (1.0 + t * 4.0) + ((i * 37) % 11) as f64 * 0.01);
        series[1].push(i, i * 32, i as f64 * 0.05, 2.0 + (t * 9.0).sin() * 0.3);
    }
    State { series, ..State::default() }
}

fn harness(n: u64) -> Harness<'static, State> {
    let mut harness = Harness::builder().with_size(vec2(640.0, 480.0)).build_ui_state(app, state(n));
    harness.run();
    harness
}

#[test]
fn the_legend_hides_and_shows_lines() {
    let mut harness = harness(500);
    harness.get_all_by_role_and_label(Role::CheckBox, "Generator").next().unwrap().click();
    harness.run();
    assert!(harness.state().chart.is_hidden("Generator"));
    let entry = harness.get_by_role_and_label(Role::CheckBox, "Generator");
    assert_eq!(entry.accesskit_node().toggled(), Some(Toggled::False));
    entry.click();
    harness.run();
    assert!(!harness.state().chart.is_hidden("Generator"));
}

#[test]
fn smoothing_begins_at_six_tenths_and_moves_with_the_slider() {
    let mut harness = harness(100);
    assert_eq!(harness.state().settings.smoothing, 0.6);
    let slider = harness.get_by_role_and_label(Role::Slider, "Smoothing");
    slider.set_value_accesskit(0.9);
    harness.run();
    assert!((harness.state().settings.smoothing - 0.9).abs() < 1e-6);
}

#[test]
fn a_pointer_over_one_chart_moves_the_cursor_of_all() {
    let mut harness = harness(500);
    let plot = harness.get_all_by_role(Role::Image).next().unwrap().rect();
    harness.hover_at(plot.center());
    harness.run();
    let at = harness.state().cursor.at.unwrap();
    assert!((6.0..10.0).contains(&at), "{at} kimg in the middle of 16");
}

#[test]
fn dragging_stays_until_all_is_shown_again() {
    let mut harness = harness(500);
    let plot = harness.get_all_by_role(Role::Image).next().unwrap().rect();
    harness.drag_at(plot.center());
    harness.step();
    for step in 1..=4 {
        harness.hover_at(plot.center() + vec2(-20.0 * step as f32, 0.0));
        harness.step();
    }
    harness.drop_at(plot.center() + vec2(-80.0, 0.0));
    harness.run();
    let moved = harness.state().chart.zoomed.unwrap();
    assert!(moved.min()[0] > 1.0, "{moved:?}");
    harness.get_by_label("Losses: save or reset").click();
    harness.run();
    harness.get_by_label("Show all").click();
    harness.run();
    assert!(harness.state().chart.zoomed.is_none());
}

#[test]
fn saving_is_offered_as_numbers_and_as_a_picture() {
    let mut harness = harness(50);
    harness.get_by_label("Losses: save or reset").click();
    harness.run();
    harness.get_by_label("Save as PNG…").click();
    harness.run();
    assert_eq!(harness.state().export, Some(ChartExport::Png));
}

#[test]
fn the_picture_shows_both_colours() {
    let harness = harness(300);
    let state = harness.state();
    let lines = lines(&state.series);
    let picture = state.chart.picture(&harness.ctx, "Losses", &lines, &[], &state.settings);
    assert_eq!((picture.width, picture.height), (1920, 1080));
    for line in &lines {
        let [r, g, b, _] = line.colour.to_array();
        let count = picture.rgba.chunks(4).filter(|p| p[..3] == [r, g, b]).count();
        assert!(count > 500, "{}: {count}", line.name);
    }
}

#[test]
fn a_million_points_cost_little_once_drawn() {
    let mut harness = harness(1_000_000);
    let mut quickest = f64::INFINITY;
    for _ in 0..10 {
        let begin = std::time::Instant::now();
        harness.step();
        quickest = quickest.min(begin.elapsed().as_secs_f64());
    }
    // The quickest, as other work on the machine must not fail this; unoptimised builds are many times slower.
    assert!(quickest < if cfg!(debug_assertions) { 0.25 } else { 0.008 }, "{quickest} s a frame with two charts");
}
