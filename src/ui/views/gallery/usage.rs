//! Usage: what was made, kept and exported, by model and week, and which settings lead to what is kept.

use std::collections::{BTreeMap, BTreeSet};

use egui::{Key, Modifiers, Role, ScrollArea, TextStyle, Ui, WidgetInfo, vec2};
use egui_material_icons::icons::{ICON_BAR_CHART, ICON_CLOSE};
use egui_plot::{AxisHints, Bar, BarChart, Plot};

use super::{Cx, GalleryView, Overlay};
use crate::engine::{Command, Event, Made, Usage, WEEK};
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;

/// Weeks that are plotted, the newest ones.
const WEEKS: i64 = 52;
/// Models with a colour of their own; the others are plotted together.
const MODELS: usize = 7;
/// Height of the plot, in points.
const HEIGHT: f32 = 220.0;
/// Settings that are listed.
const SETTINGS: usize = 12;

/// What is plotted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Measure {
    #[default]
    Made,
    Kept,
    Liked,
    Exported,
}

impl Measure {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Made, "Made"), (Self::Kept, "Kept"), (Self::Liked, "Liked"), (Self::Exported, "Exported")];

    fn of(self, made: &Made) -> u64 {
        match self {
            Self::Made => made.made,
            Self::Kept => made.kept,
            Self::Liked => made.liked,
            Self::Exported => made.exported,
        }
    }

    fn title(self) -> &'static str {
        Self::ALL.iter().find(|m| m.0 == self).map_or("", |m| m.1)
    }
}

/// The page's own state.
#[derive(Default)]
pub(super) struct UsagePage {
    usage: Option<Usage>,
    /// The library's revision that it was asked for at.
    asked: Option<u64>,
    measure: Measure,
}

impl UsagePage {
    /// Takes what was asked for.
    pub fn on_event(&mut self, event: &Event) {
        if let Event::Usage(usage) = event {
            self.usage = Some((**usage).clone());
        }
    }
}

/// Sums of a model over all weeks.
fn models(usage: &Usage) -> Vec<Made> {
    let mut sums: BTreeMap<&str, (Made, f64)> = BTreeMap::new();
    for m in &usage.weeks {
        let none = || {
            let model = m.model.clone();
            (Made { week: 0, model, made: 0, kept: 0, liked: 0, rating: None, exported: 0 }, 0.0)
        };
        let (sum, best) = sums.entry(&m.model).or_insert_with(none);
        sum.made += m.made;
        sum.kept += m.kept;
        sum.liked += m.liked;
        sum.exported += m.exported;
        // The mean of the newest week in which something was rated.
        if let Some(rating) = m.rating.filter(|_| m.week as f64 >= *best) {
            (sum.rating, *best) = (Some(rating), m.week as f64);
        }
    }
    let mut out: Vec<Made> = sums.into_values().map(|(sum, _)| sum).collect();
    out.sort_by(|a, b| (b.made, &a.model).cmp(&(a.made, &b.model)));
    out
}

/// The name of a model for a person: exports of what no model made have none.
fn named(model: &str) -> String {
    if model.is_empty() { "No model".into() } else { format::shortened(model, 24) }
}

/// A Monday, briefly.
fn day(week: i64) -> String {
    jiff::Timestamp::from_second(week)
        .map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).strftime("%-d %b %y").to_string())
        .unwrap_or_default()
}

/// Numbers of the newest weeks for each model that has a colour, and for the others together: name and values, the
/// week of the first value, and whether there were earlier ones.
fn columns(usage: &Usage, measure: Measure) -> (Vec<(String, Vec<u64>)>, i64, bool) {
    let last = usage.weeks.iter().map(|m| m.week).max().unwrap_or_default();
    let first = usage.weeks.iter().map(|m| m.week).filter(|w| last - w < WEEKS * WEEK).min().unwrap_or(last);
    let count = ((last - first) / WEEK + 1) as usize;
    let mut names: Vec<String> = models(usage).into_iter().map(|m| m.model).collect();
    let others: BTreeSet<String> = names.split_off(names.len().min(MODELS)).into_iter().collect();
    let mut out: Vec<(String, Vec<u64>)> = names.into_iter().map(|name| (name, vec![0; count])).collect();
    if !others.is_empty() {
        out.push((format::plural(others.len() as u64, "other model", "other models"), vec![0; count]));
    }
    for m in usage.weeks.iter().filter(|m| m.week >= first) {
        let place =
            if others.contains(&m.model) { MODELS } else { out.iter().position(|c| c.0 == m.model).unwrap_or(0) };
        out[place].1[((m.week - first) / WEEK) as usize] += measure.of(m);
    }
    (out, first, usage.weeks.iter().any(|m| m.week < first))
}

impl GalleryView {
    pub(super) fn open_usage(&mut self) {
        self.usage.asked = None;
        self.overlay = Some(Overlay::Usage);
    }

    pub(super) fn show_usage(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let now = cx.studio.items_revision;
        if self.usage.asked != Some(now) {
            self.usage.asked = Some(now);
            cx.send(Command::Usage);
        }
        let mut close = cx.has_keys(ViewId::Gallery) && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape));
        theme::toolbar(ui, |ui| {
            theme::weak(ui, "Usage by week");
            theme::segmented(ui, "Plot", &mut self.usage.measure, &Measure::ALL);
            theme::at_end(ui, |ui| close |= theme::icon_button(ui, ICON_CLOSE, "Close (Esc)").clicked());
        });
        let measure = self.usage.measure;
        match &self.usage.usage {
            None => {
                theme::skeleton(ui, vec2(ui.available_width(), HEIGHT));
            }
            Some(usage) if usage.weeks.is_empty() => {
                let text = "What your models make, and what you keep of it, is counted here by week";
                theme::empty_state(ui, ICON_BAR_CHART, "Nothing was made yet", text, None);
            }
            Some(usage) => theme::page(ui, "usage", |ui| {
                plot(ui, usage, measure);
                ui.add_space(size::L);
                by_model(ui, usage);
                ui.add_space(size::L);
                by_setting(ui, usage);
            }),
        }
        if close {
            self.overlay = None;
        }
    }
}

/// Stacked bars, one for each week.
fn plot(ui: &mut Ui, usage: &Usage, measure: Measure) {
    let t = theme::tokens(ui);
    let (columns, first, earlier) = columns(usage, measure);
    ui.horizontal_wrapped(|ui| {
        for (i, (name, _)) in columns.iter().enumerate() {
            let (spot, _) = ui.allocate_exact_size(vec2(size::M, size::M), egui::Sense::hover());
            ui.painter().rect_filled(spot.shrink(2.0), 2.0, t.series(i));
            theme::weak(ui, named(name));
            ui.add_space(size::S);
        }
    });
    let mut below: Vec<BarChart> = Vec::new();
    for (i, (name, values)) in columns.iter().enumerate() {
        let (title, colour) = (named(name), t.series(i));
        let bar = |(week, n): (usize, &u64)| {
            let monday = day(first + week as i64 * WEEK);
            Bar::new(week as f64, *n as f64).width(0.7).name(format!("{title}, week of {monday}: {n}")).fill(colour)
        };
        let chart = BarChart::new(name.as_str(), values.iter().enumerate().map(bar).collect())
            .color(colour)
            .element_formatter(Box::new(|bar, _| bar.name.clone()));
        let chart = chart.stack_on(&below.iter().collect::<Vec<_>>());
        below.push(chart);
    }
    let count = columns.first().map_or(1, |c| c.1.len());
    let most = (0..count).map(|w| columns.iter().map(|c| c.1[w]).sum::<u64>()).max().unwrap_or(0).max(1);
    let small = TextStyle::Small.resolve(ui.style());
    let whole = |value: f64| (value - value.round()).abs() < 1e-6;
    let x_axis = AxisHints::new_x()
        .label_spacing(egui::Rangef::new(72.0, 96.0))
        .tick_label_font(small.clone())
        .tick_label_color(t.weak)
        .formatter(move |mark, _| {
            let inside = mark.value > -0.5 && mark.value < count as f64 - 0.5;
            if whole(mark.value) && inside { day(first + mark.value.round() as i64 * WEEK) } else { String::new() }
        });
    let y_axis = AxisHints::new_y().tick_label_font(small).tick_label_color(t.weak).min_thickness(48.0).formatter(
        move |mark, _| if whole(mark.value) && mark.value >= 0.0 { format::number(mark.value) } else { String::new() },
    );
    let out = Plot::new("usage plot")
        .height(HEIGHT)
        .custom_x_axes(vec![x_axis])
        .custom_y_axes(vec![y_axis])
        .x_grid_spacer(egui_plot::uniform_grid_spacer(|_| [1.0, 4.0, 13.0]))
        .grid_color(ui.visuals().widgets.noninteractive.bg_stroke.color)
        .show_background(false)
        .show_x(false)
        .show_y(false)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .include_x(-0.7)
        // A single week is no wall of colour.
        .include_x(count.max(6) as f64 - 0.3)
        .include_y(0.0)
        .include_y(most as f64 * 1.08)
        .show(ui, |plot| below.into_iter().for_each(|chart| plot.bar_chart(chart)));
    let sum: u64 = columns.iter().flat_map(|c| &c.1).sum();
    let weeks = format::plural(count as u64, "week", "weeks");
    let said = format!("{}: {sum} in {weeks}, at most {most} in one", measure.title());
    out.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &said));
    let older = if earlier { ". Earlier weeks are not plotted" } else { "" };
    theme::weak(ui, format!("{said}{older}"));
}

/// A table that scrolls sideways where it has no room; its first column is one of words.
fn table(ui: &mut Ui, id: &str, head: &[&str], rows: &[Vec<String>]) {
    ScrollArea::horizontal().id_salt((id, "scroll")).show(ui, |ui| {
        egui::Grid::new(id).num_columns(head.len()).spacing([size::L, size::XS]).show(ui, |ui| {
            for title in head {
                theme::weak(ui, *title);
            }
            ui.end_row();
            for row in rows {
                for cell in row {
                    ui.label(cell);
                }
                ui.end_row();
            }
        });
    });
}

fn by_model(ui: &mut Ui, usage: &Usage) {
    theme::section(ui, "By model");
    let row = |m: &Made| {
        let rating = m.rating.map_or_else(|| "–".to_owned(), |r| format!("{r:.1}"));
        let numbers = [m.made, m.kept, m.liked, m.exported].map(|n| n.to_string());
        std::iter::once(named(&m.model)).chain(numbers).chain([rating]).collect()
    };
    let rows: Vec<Vec<String>> = models(usage).iter().map(row).collect();
    table(ui, "usage by model", &["Model", "Made", "Kept", "Liked", "Exported", "Rating lately"], &rows);
    theme::weak(ui, "Kept: not in the trash. Liked: starred, or rated 4 or 5");
}

fn by_setting(ui: &mut Ui, usage: &Usage) {
    theme::section(ui, "Settings that lead to what you like");
    if usage.settings.is_empty() {
        theme::weak(ui, "Too few pictures to tell yet: five of a setting are needed");
        return;
    }
    let row = |s: &crate::engine::UsageSetting| {
        let value = if s.value.is_empty() { "–".to_owned() } else { format::shortened(&s.value, 28) };
        let share = format!("{:.0}–{:.0} %", s.share.0 * 100.0, s.share.1 * 100.0);
        vec![s.name.clone(), value, s.pictures.to_string(), s.liked.to_string(), share]
    };
    let rows: Vec<Vec<String>> = usage.settings.iter().take(SETTINGS).map(row).collect();
    table(ui, "usage by setting", &["Setting", "Value", "Pictures", "Liked", "Share liked"], &rows);
    theme::weak(ui, "Of the newest pictures. The share is an interval at 95 %; the surest ones stand first");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_without_anything_have_their_place_and_many_models_share_a_column() {
        let usage = crate::engine::fake::usage();
        let (all, first, earlier) = columns(&usage, Measure::Made);
        assert!(!earlier && all.iter().all(|c| c.1.len() == all[0].1.len()));
        assert_eq!(first, usage.weeks[0].week);
        let made: u64 = usage.weeks.iter().map(|m| m.made).sum();
        assert_eq!(all.iter().flat_map(|c| &c.1).sum::<u64>(), made);
        assert!((0..all[0].1.len()).any(|w| all.iter().all(|c| c.1[w] == 0)), "a week in which nothing was made");

        let mut many = usage.clone();
        many.weeks = (0..20).map(|n| Made { model: format!("m{n}"), ..usage.weeks[0].clone() }).collect();
        many.weeks.push(Made { week: usage.weeks[0].week - 100 * WEEK, ..usage.weeks[0].clone() });
        let (all, first, earlier) = columns(&many, Measure::Made);
        assert_eq!((all.len(), first, earlier), (MODELS + 1, usage.weeks[0].week, true));
        assert_eq!(all.iter().map(|c| c.1[0]).sum::<u64>(), 20 * usage.weeks[0].made);
    }
}
