//! The inspector of a watched run: how it goes, what may be changed now, other runs to lay over it, the queue.

use egui::{Align, Grid, Layout, RichText, Ui, vec2};
use egui_material_icons::icons::ICON_CLOSE;

use super::TrainView;
use crate::base::Family;
use crate::engine::{Command, Control, RunState, RunSummary};
use crate::recipe::form;
use crate::train::forecast;
use crate::ui::state::RunLive;
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;
use crate::ui::widgets::form::FormOptions;
use crate::ui::{format, glossary, status, verdict};

impl TrainView {
    /// Draws the inspector.
    pub(super) fn side(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        numbers(ui, run);
        if let Some(live) = cx.studio.live.get(&run.dir) {
            quality(ui, live);
            going_on(ui, run, live);
            self.findings(ui, run, live, cx);
        }
        if cx.studio.runs.iter().any(|r| r.state == RunState::Queued) {
            theme::section(ui, "Queue");
            queue(ui, cx);
        }
        if cx.studio.runs.len() > 1 {
            theme::section(ui, "Compare with");
            ui.scope(|ui| self.others(ui, run, cx));
        }
        if forks(ui, run, cx) {
            // It is watched as soon as it is there.
            self.starting = Some(cx.studio.runs.len());
        }
        theme::section(ui, "Recipe");
        self.live_settings(ui, run, cx);
    }

    fn live_settings(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        let alive = run.state.is_alive();
        let note = if alive {
            "Unlocked settings apply at once and are marked on the curves"
        } else {
            "Resume the run to change it"
        };
        theme::weak(ui, note);
        let options = FormOptions {
            defaults: &run.recipe,
            family: run.recipe.family().unwrap_or(Family::Gan),
            running: true,
            groups: &[],
            hide: &["data.source", "name"],
            problem: None,
            flat: false,
            suggestion: None,
        };
        let change = ui.add_enabled_ui(alive, |ui| self.live_form.show(ui, &run.recipe, &options)).inner;
        if let Some(change) = change.filter(|c| c.done) {
            let control = Control::Edit { key: change.key.into(), value: change.value };
            Self::control(&run.dir, control, cx);
        }
    }

    fn others(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        let t = theme::tokens(ui);
        let mut chosen = None;
        ui.spacing_mut().item_spacing.y = 2.0;
        for other in cx.studio.runs.iter().filter(|r| r.dir != run.dir && r.progress.images > 0).take(24) {
            ui.horizontal(|ui| {
                let mut on = self.curves.overlay.contains(&other.dir);
                let check = ui.checkbox(&mut on, "").accessible_name(format!("Lay {} over", other.name));
                if check.on_hover_text("Draw its curves over these").changed() {
                    if on {
                        self.curves.overlay.insert(other.dir.clone());
                    } else {
                        self.curves.overlay.remove(&other.dir);
                    }
                }
                let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), egui::Sense::hover());
                let colour = t.series(cx.studio.run_colour(&other.dir));
                ui.painter().rect_filled(dot.shrink2(vec2(0.0, 3.0)), 1.0, colour);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    theme::weak(ui, format::kimg(other.progress.images));
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let name = egui::Label::new(&other.name).truncate().sense(egui::Sense::click());
                        let (word, _) = status::state_word(other);
                        let label = ui.add(name).on_hover_text(format!("{word}; click to watch it"));
                        if label.clicked() {
                            chosen = Some(other.dir.clone());
                        }
                    });
                });
            });
        }
        if let Some(dir) = chosen {
            self.select(&dir, cx);
        }
    }
}

/// What is known of a run's progress: no zeros of a run that never began.
fn rows(run: &RunSummary) -> Vec<(&'static str, String)> {
    let p = &run.progress;
    let alive = run.state.is_alive();
    let mut rows = Vec::new();
    if p.images > 0 || alive {
        rows.push(("Seen", format!("{} of {}", format::kimg(p.images), format::kimg(p.target))));
        rows.push(("Steps", format::count(p.step)));
    } else {
        let nothing = if run.state == RunState::Queued { "Nothing yet" } else { "Nothing: it did not begin" };
        rows.push(("Seen", nothing.into()));
    }
    let speed = p.images_per_s.or_else(|| p.steady.map(|s| s.images_per_s).filter(|_| !alive));
    rows.extend(speed.map(|s| ("Speed", format::rate(s))));
    match run.state {
        RunState::Training => rows.push(("Time left", status::remaining(run))),
        RunState::Paused => rows.push(("Time left", "Paused".into())),
        _ => {}
    }
    rows.extend(p.memory.map(|m| ("Memory", format::bytes(m))));
    if !p.device.is_empty() {
        rows.push(("Device", p.device.clone()));
    }
    let saved = match run.checkpoints.len() {
        0 => "none yet".into(),
        n => format!("{n} · {}", format::bytes(run.bytes)),
    };
    rows.push(("Checkpoints", saved));
    rows
}

fn numbers(ui: &mut Ui, run: &RunSummary) {
    let t = theme::tokens(ui);
    let p = &run.progress;
    let share = (p.target > 0).then(|| (p.images as f64 / p.target as f64).min(1.0) as f32);
    theme::section(ui, &run.name);
    theme::progress(ui, share, ui.available_width(), "Progress of the run");
    Grid::new("run status").num_columns(2).spacing([size::M, size::XS]).show(ui, |ui| {
        for (name, value) in rows(run) {
            let label = ui.label(RichText::new(name).size(size::SMALL).color(t.weak));
            glossary::explain(label, name);
            ui.add(egui::Label::new(RichText::new(value).size(size::SMALL)).wrap());
            ui.end_row();
        }
    });
}

/// Scores by the run itself that a person can judge, with a word for each.
const JUDGED: [&str; 7] = ["kid", "precision", "coverage", "sign_rate", "modes", "good", "psnr"];

/// The newest scores, each with whether that is good.
fn quality(ui: &mut Ui, live: &RunLive) {
    let newest = |name: &'static str| Some((name, live.curves.get(name)?.values.last().copied()?));
    let known: Vec<(&str, f64)> = JUDGED.into_iter().filter_map(newest).collect();
    if known.is_empty() {
        return;
    }
    theme::section(ui, "How good it is");
    let t = theme::tokens(ui);
    Grid::new("run quality").num_columns(2).spacing([size::M, size::XS]).show(ui, |ui| {
        for (name, value) in known {
            let title = super::signals::of(name).0;
            let label = ui.label(RichText::new(title.as_ref()).size(size::SMALL).color(t.weak));
            glossary::explain(label, &title);
            ui.horizontal(|ui| {
                ui.label(RichText::new(format::number(value)).size(size::SMALL));
                if let Some(verdict) = verdict::of(name, value) {
                    ui.label(RichText::new(verdict.word).size(size::SMALL).color(verdict.tone.colour(t)));
                }
            });
            ui.end_row();
        }
    });
}

/// Scores that are forecast, the first that the run has is taken.
const FORECAST: [&str; 2] = ["valid_elbo", "kid"];

/// Where the run's score will be at its end, or half as long again once it has ended.
fn going_on(ui: &mut Ui, run: &RunSummary, live: &RunLive) {
    let at = forecast::moment(run.progress.images, run.progress.target);
    let of = |name: &str| {
        let curve = live.curves.get(name)?;
        let points: Vec<(u64, f64)> = curve.images.iter().copied().zip(curve.values.iter().copied()).collect();
        forecast::of_curve(name, &points, at)
    };
    let Some(told) = FORECAST.into_iter().find_map(of) else { return };
    let t = theme::tokens(ui);
    theme::section(ui, "Worth going on?").on_hover_text(
        "Power laws fitted to the last scores of this run, continued; four of five runs end within the interval",
    );
    let number = |v: f64| format::number(v);
    let text = format!(
        "{} {} now; {} at {} ({} to {} in 80 %)",
        super::signals::of(told.score).0,
        number(told.now),
        number(told.expected),
        format::kimg(told.at),
        number(told.low),
        number(told.high)
    );
    let shown = ui.add(egui::Label::new(RichText::new(text).size(size::SMALL)).wrap());
    theme::name(&shown, egui::Role::Status, "Forecast of the score");
    let word = if told.gain[1] <= 0.0 { "It is not expected to get better" } else { return };
    ui.add(egui::Label::new(RichText::new(word).size(size::SMALL).color(t.weak)).wrap());
}

/// Where a run came from, and its checkpoints to fork from. Whether a fork was asked for.
fn forks(ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) -> bool {
    if run.checkpoints.is_empty() && run.origin.is_none() {
        return false;
    }
    let mut asked = false;
    theme::section(ui, "Fork").on_hover_text("A run that goes on from a checkpoint of another, in a folder of its own");
    if let Some(origin) = &run.origin {
        let parent = cx.studio.runs.iter().find(|r| r.dir == origin.run).map(|r| r.name.clone());
        let name = parent.unwrap_or_else(|| {
            origin.run.file_name().map_or_else(|| "another run".into(), |n| n.to_string_lossy().into_owned())
        });
        let title = |key: &str| form::find(key).map_or_else(|| key.to_owned(), |f| f.title.to_owned());
        let changes: Vec<String> =
            origin.changes.iter().map(|(key, value)| format!("{} {value}", title(key))).collect();
        let changes = if changes.is_empty() { String::new() } else { format!(", with {}", changes.join(", ")) };
        theme::weak(ui, format!("From {name} at {}{changes}", format::kimg(origin.images)));
    }
    ui.horizontal_wrapped(|ui| {
        for checkpoint in run.checkpoints.iter().rev().take(6) {
            let at = format::kimg(checkpoint.images);
            let best = if checkpoint.best { ", the best so far" } else { "" };
            let button = theme::button(ui, None, &at);
            theme::name(&button, egui::Role::Button, &format!("Fork at {at}"));
            let help = format!(
                "Makes a run that goes on from here{best}. Change its recipe with the doctor's remedies, or while it trains; \
                 without a change it does just what this run did"
            );
            if button.on_hover_text(help).clicked() {
                let images = Some(checkpoint.images);
                cx.send(Command::ForkRun { dir: run.dir.clone(), images, changes: Vec::new() });
                asked = true;
            }
        }
    });
    asked
}

fn queue(ui: &mut Ui, cx: &mut Cx<'_>) {
    // The list has the newest first; the queue serves the oldest first.
    let waiting: Vec<&RunSummary> = cx.studio.runs.iter().rev().filter(|r| r.state == RunState::Queued).collect();
    for (place, run) in waiting.into_iter().enumerate() {
        ui.horizontal(|ui| {
            ui.add(egui::Label::new(format!("{}. {}", place + 1, run.name)).truncate());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let button = theme::icon_button(ui, ICON_CLOSE, &format!("Remove {} from queue", run.name));
                if button.clicked() {
                    cx.send(Command::Unqueue { dir: run.dir.clone() });
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;

    #[test]
    fn a_run_that_never_began_shows_no_zeros() {
        let mut run = fake::runs().into_iter().find(|r| r.name == "classic").unwrap();
        (run.progress.images, run.progress.step) = (0, 0);
        let shown = rows(&run);
        assert!(shown.contains(&("Seen", "Nothing: it did not begin".into())));
        assert!(shown.iter().all(|r| r.0 != "Steps" && r.0 != "Time left"));
    }

    #[test]
    fn a_run_with_enough_scores_has_a_forecast_and_others_none() {
        let run = fake::runs().into_iter().find(|r| r.name == "classic").unwrap();
        let shown = |scores: u64| {
            let mut live = RunLive::default();
            let curve = live.curves.entry("kid".into()).or_default();
            (1..=scores).for_each(|i| curve.push(i, i * 1000, i as f64, 2.0 + 3.0 / i as f64));
            let mut run = run.clone();
            (run.progress.images, run.progress.target) = (scores * 1000, 40_000);
            let mut harness = egui_kittest::Harness::new_ui(move |ui| going_on(ui, &run, &live));
            harness.run();
            use egui_kittest::kittest::Queryable;
            harness.query_by_label("Forecast of the score").is_some()
        };
        assert!(shown(20) && !shown(3));
    }

    #[test]
    fn every_number_of_a_run_is_explained() {
        for run in fake::runs() {
            for (name, _) in rows(&run) {
                assert!(glossary::find(name).is_some(), "{name}");
            }
        }
        for name in JUDGED {
            let title = super::super::signals::of(name).0;
            assert!(glossary::find(&title).is_some(), "{title}");
        }
    }
}
