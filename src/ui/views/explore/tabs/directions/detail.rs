//! The strip of the chosen direction, what is known of it, and what can be done with it.

use egui::{ComboBox, DragValue, Rect, Sense, Ui, Vec2, vec2};
use egui_material_icons::icons::ICON_SPEED;

use crate::engine::{Command, LatentCommand};
use crate::latent::directions::{Direction, Entanglement};
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::recipe::picture::{Latent, Space};
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::ImageBatch;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::directions::state::Strengths;
use crate::ui::views::explore::tabs::directions::{Directions, REACH, STRIP};
use crate::ui::widgets::latent_slot::{Tile, drag_latent, tile};

/// Standard deviations as they are told.
fn steps_text(steps: f32) -> String {
    if steps == 0.0 { "0 σ".into() } else { format!("{steps:+.0} σ").replace('-', "−") }
}

impl Directions {
    /// From −3 to 3 standard deviations along the chosen direction: of where pushing began, then of the sheet's pictures.
    pub(super) fn strip(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        base: &Latent,
        out: &mut PageActions,
    ) {
        let direction = self.all[self.chosen].clone();
        let rows = state.directions.rows.clamp(1, 8) as usize;
        let seeds = (1..rows as u64).map(|i| Latent::Seed { seed: state.samples.first.wrapping_add(i - 1) });
        let starts: Vec<Latent> = std::iter::once(base.clone()).chain(seeds).collect();
        let starts = state.here.all_classed(&starts);
        let starts = if direction.space == Space::W { self.styles.of(&starts, info, cx) } else { Some(starts) };
        let dims = Dims::of(info);
        let at = |i: usize| REACH * (2.0 * i as f32 / (STRIP - 1) as f32 - 1.0);
        let moved = |start: &Latent| (0..STRIP).map(|i| dims.moved(start, [(&direction, at(i))]).ok()).collect();
        let latents: Option<Vec<Vec<Latent>>> = starts.and_then(|s| s.iter().map(moved).collect());
        let gap = 4.0;
        let most = if rows > 1 { 96.0 } else { 132.0 };
        let side = ((ui.available_width() + gap) / STRIP as f32 - gap).clamp(24.0, most).floor();
        let high = rows as f32 * (side + gap) - gap + 18.0;
        let (room, _) = ui.allocate_exact_size(vec2(ui.available_width(), high), Sense::hover());
        let Some(latents) = latents else { return };
        let truncation = state.here.truncation;
        self.shown = state.here.all_classed(&latents.concat());
        self.feed.want(ImageBatch { model: info.model.clone(), latents: self.shown.clone(), truncation }, cx);
        let ctx = ui.ctx().clone();
        let t = theme::tokens(ui);
        let mut clicked = None;
        for (i, latent) in self.shown.iter().enumerate() {
            let (row, column) = (i / STRIP, i % STRIP);
            let corner = room.min + vec2(column as f32, row as f32) * (side + gap);
            let rect = Rect::from_min_size(corner, Vec2::splat(side));
            let tex = self.feed.tex(i, cx.textures, &ctx);
            let of = if row == 0 { String::new() } else { format!("Picture {}: ", row + 1) };
            let name = format!("{of}{} at {}", direction.name, steps_text(at(column)));
            let look = Tile { tex: tex.as_ref(), name: &name, selected: false, focusable: true };
            let response = tile(ui, ui.make_persistent_id(("strip", i)), rect, &look);
            drag_latent(&response, &info.model, latent, truncation, self.feed.picture(i));
            if response.clicked() {
                clicked = Some((row, column, latent.clone()));
            }
            if row + 1 == rows {
                let text = steps_text(at(column));
                let font = egui::FontId::proportional(size::SMALL);
                ui.painter().text(rect.center_bottom() + vec2(0.0, 2.0), egui::Align2::CENTER_TOP, text, font, t.weak);
            }
        }
        match clicked {
            Some((0, column, latent)) => {
                let strengths = Strengths::from([(direction.name.clone(), at(column))]);
                self.led(base, latent, strengths, info, state, out);
            }
            Some((_, _, latent)) => out.open = Some(latent),
            None => {}
        }
    }

    /// What the strip shows, for export.
    pub fn shown(&self) -> Option<Vec<Latent>> {
        (!self.all.is_empty() && !self.shown.is_empty()).then(|| self.shown.clone())
    }

    /// What can be said of and done with the chosen direction.
    pub(super) fn detail(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let d = self.all[self.chosen].clone();
        let keep = |direction: Direction, cx: &mut Cx<'_>| {
            let (model, replaces) = (info.model.clone(), Some(direction.name.clone()));
            cx.send(Command::Latent(LatentCommand::KeepDirection { model, direction, replaces }));
        };
        ui.horizontal_wrapped(|ui| {
            let rows = DragValue::new(&mut state.directions.rows).range(1..=8).speed(0.03).prefix("pictures: ");
            let help = "Moves the present picture, and samples as well; Ctrl+E exports all of them";
            if ui.add(rows).accessible_name("Pictures in the strip").on_hover_text(help).changed() {
                out.label = Some("change the strip");
            }
            let layers = Dims::of(info).layers as u32;
            if d.space == Space::W && layers > 0 {
                let [mut from, mut to] = d.layers.unwrap_or([0, layers]);
                theme::weak(ui, "Layers");
                let first = DragValue::new(&mut from).range(0..=to.saturating_sub(1)).speed(0.03);
                let changed = ui.add(first).accessible_name("First layer it acts on").changed();
                theme::weak(ui, "up to");
                let mut last = to - 1;
                let field = DragValue::new(&mut last).range(from..=layers - 1).speed(0.03);
                if ui.add(field).accessible_name("Last layer it acts on").changed() || changed {
                    to = last + 1;
                    let all = [from, to] == [0, layers];
                    keep(Direction { layers: (!all).then_some([from, to]), ..d.clone() }, cx);
                }
            }
            let measure = theme::quiet_button(ui, Some(ICON_SPEED), "Measure what it moves");
            let help = "With what is known of the training pictures: labels, factors, words of captions";
            if measure.on_hover_text(help).clicked() {
                self.measure(info, vec![d.name.clone()], Some(String::new()), cx);
            }
            let others: Vec<&Direction> = self.all.iter().filter(|o| o.name != d.name && o.space == d.space).collect();
            if !others.is_empty() {
                let text = match self.ticked.len() {
                    0 => "Take others out…".to_string(),
                    n => format!("Take {n} out…"),
                };
                let combo = ComboBox::from_id_salt("take out").selected_text(text).width(130.0);
                let combo = combo.close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside).show_ui(ui, |ui| {
                    for other in &others {
                        let mut on = self.ticked.contains(&other.name);
                        let text = format!("{} (cosine {:+.2})", other.name, d.cosine(other));
                        if ui.checkbox(&mut on, text).changed() {
                            self.ticked.retain(|n| *n != other.name);
                            if on {
                                self.ticked.push(other.name.clone());
                            }
                        }
                    }
                    let ticked: Vec<String> =
                        self.ticked.iter().filter(|n| others.iter().any(|o| o.name == **n)).cloned().collect();
                    if ui
                        .add_enabled_ui(!ticked.is_empty(), |ui| theme::button(ui, None, "Take them out"))
                        .inner
                        .clicked()
                    {
                        let (model, name) = (info.model.clone(), d.name.clone());
                        cx.send(Command::Latent(LatentCommand::SeparateDirection { model, name, others: ticked }));
                        self.ticked.clear();
                        ui.close();
                    }
                });
                let help = "Makes it independent of the directions that you tick";
                combo.response.accessible_name("Directions to take out of it").on_hover_text(help);
            }
        });
        if let Some(e) = d.entanglement.as_ref().filter(|e| !e.attributes.is_empty()) {
            attributes(ui, &d.name, e);
        }
    }
}

/// How far a step moves each known attribute, as bars; its own first.
fn attributes(ui: &mut Ui, own: &str, e: &Entanglement) {
    let t = theme::tokens(ui);
    let most = e.attributes.iter().map(|a| a.1.abs()).fold(1e-6, f64::max);
    let (mine, others): (Vec<_>, Vec<_>) = e.attributes.iter().partition(|a| a.0 == own);
    egui::Grid::new("what it moves").num_columns(3).spacing([size::S, 2.0]).show(ui, |ui| {
        for (name, by) in mine.into_iter().chain(others).take(8) {
            theme::weak(ui, name.as_str());
            let (rect, _) = ui.allocate_exact_size(vec2(160.0, 10.0), Sense::hover());
            let half = rect.width() / 2.0;
            let end = rect.center().x + (by / most) as f32 * half;
            let bar = Rect::from_two_pos(egui::pos2(rect.center().x, rect.top()), egui::pos2(end, rect.bottom()));
            ui.painter().rect_filled(rect, 2.0, t.raised);
            ui.painter().rect_filled(bar, 2.0, if name == own { t.accent } else { t.weak });
            theme::weak(ui, format!("{by:+.2} σ a step").replace('-', "−"));
            ui.end_row();
        }
    });
}
