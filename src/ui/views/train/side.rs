//! The inspector of a watched run: how it goes, what may be changed now, other runs to lay over it, the queue.

use egui::{Align, Grid, Layout, RichText, Ui, vec2};
use egui_material_icons::icons::ICON_CLOSE;

use super::TrainView;
use super::watch::state_word;
use crate::base::Family;
use crate::engine::{Command, Control, RunState, RunSummary};
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;
use crate::ui::widgets::form::FormOptions;

impl TrainView {
    /// Draws the inspector.
    pub(super) fn side(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        status(ui, run);
        if cx.studio.runs.iter().any(|r| r.state == RunState::Queued) {
            theme::section(ui, "Queue");
            queue(ui, cx);
        }
        if cx.studio.runs.len() > 1 {
            theme::section(ui, "Compare with");
            ui.scope(|ui| self.others(ui, run, cx));
        }
        theme::section(ui, "Recipe");
        self.live_settings(ui, run, cx);
    }

    fn live_settings(&mut self, ui: &mut Ui, run: &RunSummary, cx: &mut Cx<'_>) {
        let alive = run.state.is_alive();
        let note = if alive {
            "What has no lock takes effect at the next step and is marked on the curves"
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
                        let (word, _) = state_word(other.state);
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

fn status(ui: &mut Ui, run: &RunSummary) {
    let t = theme::tokens(ui);
    let p = &run.progress;
    let share = (p.target > 0).then(|| (p.images as f64 / p.target as f64).min(1.0) as f32);
    theme::section(ui, &run.name);
    theme::progress(ui, share, ui.available_width(), "Progress of the run");
    let known = |v: Option<String>| v.unwrap_or_else(|| "–".into());
    let rows = [
        ("Seen", format!("{} of {}", format::kimg(p.images), format::kimg(p.target))),
        ("Steps", format::count(p.step)),
        ("Speed", known(p.images_per_s.map(format::rate))),
        ("Time left", known(p.eta_s.map(format::duration))),
        ("Memory", known(p.memory.map(format::bytes))),
        ("Device", if p.device.is_empty() { "–".into() } else { p.device.clone() }),
        ("Checkpoints", format!("{} · {}", run.checkpoints.len(), format::bytes(run.bytes))),
    ];
    Grid::new("run status").num_columns(2).spacing([size::M, size::XS]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).size(size::SMALL).color(t.weak));
            ui.add(egui::Label::new(RichText::new(value).size(size::SMALL)).wrap());
            ui.end_row();
        }
    });
}

fn queue(ui: &mut Ui, cx: &mut Cx<'_>) {
    // The list has the newest first; the queue serves the oldest first.
    let waiting: Vec<&RunSummary> = cx.studio.runs.iter().rev().filter(|r| r.state == RunState::Queued).collect();
    for (place, run) in waiting.into_iter().enumerate() {
        ui.horizontal(|ui| {
            ui.add(egui::Label::new(format!("{}. {}", place + 1, run.name)).truncate());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let button = theme::icon_button(ui, ICON_CLOSE, &format!("Take {} out of the queue", run.name));
                if button.clicked() {
                    cx.send(Command::Unqueue { dir: run.dir.clone() });
                }
            });
        });
    }
}
