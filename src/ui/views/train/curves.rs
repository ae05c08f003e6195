//! The curves of the selected run, and of others laid over it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use egui::{ComboBox, Ui};
use strum::IntoEnumIterator as _;

use super::files::Content;
use super::signals::{self, Chart as Kind};
use crate::engine::RunSummary;
use crate::recipe::form;
use crate::ui::action::PickKind;
use crate::ui::state::{RunLive, Studio};
use crate::ui::textures::key;
use crate::ui::theme::{self, Tokens};
use crate::ui::views::{Cx, ViewId};
use crate::ui::widgets::chart::{Band, Chart, ChartExport, ChartSettings, Flag, Line, LinkedCursor, csv};
use crate::ui::widgets::form::value_text;

/// Purposes of the dialogs that ask where to save a chart.
const SAVE_CSV: &str = "chart csv";
const SAVE_PNG: &str = "chart png";

/// Both charts, how they are drawn, and which runs lie over the selected one.
#[derive(Debug, Default)]
pub(super) struct Curves {
    pub settings: ChartSettings,
    /// Runs over which the selected one is laid.
    pub overlay: BTreeSet<PathBuf>,
    cursor: LinkedCursor,
    charts: [Chart; 2],
    chosen: [Option<Kind>; 2],
    /// The chart that is to be saved, once a place is chosen.
    saving: Option<usize>,
    picked: Option<(ChartExport, PathBuf)>,
}

impl Curves {
    /// What the charts show, as chosen by hand.
    pub fn chosen(&self) -> [Option<Kind>; 2] {
        self.chosen
    }

    /// Chooses what the charts show.
    pub fn choose(&mut self, chosen: [Option<Kind>; 2]) {
        self.chosen = chosen;
    }

    /// A place to save was chosen.
    pub fn picked(&mut self, purpose: &str, path: &Path) {
        let what = match purpose {
            SAVE_CSV => ChartExport::Csv,
            SAVE_PNG => ChartExport::Png,
            _ => return,
        };
        self.picked = Some((what, path.to_path_buf()));
    }

    /// Draws the tools and both charts in the room there is; returns a file to write.
    pub fn show(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) -> Option<(PathBuf, Content)> {
        self.cursor.begin();
        ui.horizontal_wrapped(|ui| self.settings.controls(ui));
        let t = theme::tokens(ui);
        let runs = self.runs(run, cx.studio);
        let kinds = kinds(&runs, cx.studio);
        let second = kinds.iter().copied().find(|k| *k != Kind::Losses);
        let shown = [self.chosen[0].unwrap_or(Kind::Losses), self.chosen[1].or(second).unwrap_or(Kind::Critic)];
        let flags = flags(cx.studio.live.get(&run.dir));
        let half = ((ui.available_height() - theme::size::S) / 2.0).max(110.0);
        let mut asked = None;
        for (place, kind) in shown.into_iter().enumerate() {
            let lines = lines(&runs, kind, cx.studio, t);
            let mut choice = kind;
            let mut head = |ui: &mut Ui| choose(ui, place, &mut choice, &kinds);
            ui.allocate_ui(egui::vec2(ui.available_width(), half), |ui| {
                ui.set_min_height(half);
                let (chart, settings, cursor) = (&mut self.charts[place], &self.settings, &mut self.cursor);
                let title = title(kind, place);
                if let Some(export) = chart.show(ui, &title, Some(&mut head), &lines, &flags, settings, cursor) {
                    asked = Some((place, export));
                }
            });
            if choice != kind {
                self.chosen[place] = Some(choice);
            }
        }
        if let Some((place, export)) = asked {
            self.saving = Some(place);
            let name = format!("{} {}", run.name, shown[place].title().to_lowercase());
            let (purpose, ending) = match export {
                ChartExport::Csv => (SAVE_CSV, "csv"),
                ChartExport::Png => (SAVE_PNG, "png"),
            };
            let kind = PickKind::Save(format!("{name}.{ending}"));
            cx.pick(ViewId::Train, purpose, kind, "Save the chart", &[(ending, &[ending])]);
        }
        let (what, path) = self.picked.take()?;
        let place = self.saving.take().unwrap_or(0);
        let lines = lines(&runs, shown[place], cx.studio, t);
        let content = match what {
            ChartExport::Csv => Content::Text(csv(&lines)),
            ChartExport::Png => {
                let title = format!("{} · {}", run.name, shown[place].title());
                Content::Png(self.charts[place].picture(ui.ctx(), &title, &lines, &flags, &self.settings))
            }
        };
        Some((path, content))
    }

    /// The selected run first, then those laid over it.
    fn runs<'a>(&self, run: &'a RunSummary, studio: &'a Studio) -> Vec<&'a RunSummary> {
        let others = studio.runs.iter().filter(|r| r.dir != run.dir && self.overlay.contains(&r.dir));
        std::iter::once(run).chain(others).collect()
    }
}

/// Two charts of the same kind need two names.
fn title(kind: Kind, place: usize) -> String {
    if place == 0 { kind.title().to_owned() } else { format!("{} below", kind.title()) }
}

fn choose(ui: &mut Ui, place: usize, choice: &mut Kind, kinds: &[Kind]) {
    let combo = ComboBox::from_id_salt(("chart", place))
        .selected_text(choice.title())
        .width(124.0)
        .height(400.0)
        .show_ui(ui, |ui| {
            for kind in kinds {
                ui.selectable_value(choice, *kind, kind.title()).on_hover_text(kind.help());
            }
        });
    let name = if place == 0 { "Upper chart" } else { "Lower chart" };
    combo.response.accessible_name(name).on_hover_text(choice.help());
}

/// Charts for which any shown run has numbers; losses always.
fn kinds(runs: &[&RunSummary], studio: &Studio) -> Vec<Kind> {
    let names = || runs.iter().filter_map(|r| studio.live.get(&r.dir)).flat_map(|l| l.curves.keys());
    let there: BTreeSet<Kind> = names().filter(|n| !signals::is_bound(n)).map(|n| signals::of(n).1).collect();
    Kind::iter().filter(|k| *k == Kind::Losses || there.contains(k)).collect()
}

/// One run: a colour for each number. Several: a colour for each run, numbers told apart by dashes.
fn lines<'a>(runs: &[&'a RunSummary], kind: Kind, studio: &'a Studio, t: &Tokens) -> Vec<Line<'a>> {
    let several = runs.len() > 1;
    let mut out = Vec::new();
    for run in runs {
        let Some(live) = studio.live.get(&run.dir) else { continue };
        let mut curves: Vec<_> =
            live.curves.iter().filter(|(name, _)| !signals::is_bound(name) && signals::of(name).1 == kind).collect();
        curves.sort_by_key(|(name, _)| signals::rank(name));
        for (i, (name, series)) in curves.into_iter().enumerate() {
            let title = signals::of(name).0;
            let (colour, dash) = if several { (studio.run_colour(&run.dir), i as u8) } else { (i, 0) };
            let name_shown = if several { format!("{} · {title}", run.name).into() } else { title };
            let bound = |which: &str| live.curves.get(&format!("{name}.{which}"));
            let band = bound("low").zip(bound("high")).map(|(low, high)| Band { low, high });
            out.push(Line {
                id: key((&run.dir, name)),
                name: name_shown,
                colour: t.series(colour),
                dash,
                series,
                band,
            });
        }
    }
    out
}

/// Live edits as flags: "Learning rate set to 2e-4".
fn flags(live: Option<&RunLive>) -> Vec<Flag> {
    let edits = live.map(|l| l.edits.as_slice()).unwrap_or_default();
    let text = |e: &crate::recipe::Edit| match form::find(&e.key) {
        Some(field) => format!("{} set to {}", field.title, value_text(field, &e.value)),
        None => format!("{} set to {}", e.key, e.value),
    };
    edits.iter().map(|e| Flag { step: e.step, images: e.images, text: text(e) }).collect()
}
