//! What a run makes of its fixed latents, now and back through time, beside what it should look like.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::epaint::Mesh;
use egui::{
    Color32, CornerRadius, Key, Pos2, Rect, ScrollArea, Sense, Slider, Stroke, StrokeKind, Ui, Vec2, pos2, vec2,
};
use egui_material_icons::icons::{ICON_CHEVRON_LEFT, ICON_CHEVRON_RIGHT, ICON_LAST_PAGE};

use crate::base::Picture;
use crate::engine::{Command, Event, RunState, RunSummary};
use crate::train::report::Preview;
use crate::ui::format;
use crate::ui::state::RunLive;
use crate::ui::textures::{self, Tex, key};
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, ViewId};

/// Gap between pictures, in points.
const GAP: f32 = 2.0;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Height of the KL bars, in points.
const KL: f32 = 72.0;

/// Which pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(super) enum Mode {
    /// From fixed latents.
    #[default]
    Samples,
    /// Of the data.
    Reals,
    /// Input above its reconstruction.
    Reconstructions,
    /// How far each reconstruction is from its input.
    Difference,
}

/// State of the panel.
#[derive(Debug, Default)]
pub(super) struct Samples {
    mode: Mode,
    /// Pictures seen at the moment that is shown; nothing follows the run.
    at: Option<u64>,
    /// Asked for and not answered.
    asked: Option<(PathBuf, u64)>,
    asked_at: Option<Instant>,
    /// Shown until what is wanted arrives, so that nothing jumps.
    last: Option<(PathBuf, Arc<Preview>)>,
    /// The picture that is shown alone.
    enlarged: Option<usize>,
    zoom: f32,
    sheet: Option<Sheet>,
}

/// All pictures of a mode in one texture.
#[derive(Clone, Debug, PartialEq)]
struct Sheet {
    of: (PathBuf, u64, Mode, usize),
    count: usize,
    rows: usize,
    /// Whether pictures have transparency; rows may end in empty cells all the same.
    transparent: bool,
}

impl Samples {
    /// Goes back to following the run.
    pub fn follow(&mut self) {
        self.at = None;
        self.enlarged = None;
    }

    /// The moment that is looked at; nothing while it follows the run.
    #[cfg(test)]
    pub fn at(&self) -> Option<u64> {
        self.at
    }

    /// Takes in an answer.
    pub fn receive(&mut self, event: &Event) {
        if let Event::RunPreview { dir, preview, live: false } = event
            && self.asked.as_ref().is_some_and(|(d, images)| d == dir && *images == preview.images)
        {
            self.asked = None;
        }
    }

    /// Draws the panel in the room there is.
    pub fn show(&mut self, ui: &mut Ui, run: &RunSummary, live: Option<&RunLive>, cx: &mut Cx<'_>) {
        let Some(preview) = self.preview(&run.dir, live, cx) else {
            self.nothing_yet(ui, run);
            return;
        };
        if preview.samples.is_empty() && !preview.reconstructions.is_empty() && self.mode == Mode::Samples {
            // A token model draws nothing by itself.
            self.mode = Mode::Reconstructions;
        }
        self.modes(ui, &preview);
        let has_kl = !preview.kl.is_empty();
        let below = size::CONTROL + size::S + if has_kl { KL + size::S } else { 0.0 };
        let room = vec2(ui.available_width(), (ui.available_height() - below).max(80.0));
        ui.allocate_ui(room, |ui| {
            ui.set_min_size(room);
            ui.set_max_size(room);
            self.pictures(ui, &run.dir, &preview, cx);
        });
        self.time(ui, run, live, preview.images);
        if has_kl {
            bars(ui, &preview.kl);
        }
    }

    /// What to show: the moment asked for if it is here, otherwise what was shown last.
    fn preview(&mut self, dir: &Path, live: Option<&RunLive>, cx: &mut Cx<'_>) -> Option<Arc<Preview>> {
        let live = live?;
        // An enlarged or past picture of another run means nothing here.
        if self.last.as_ref().is_some_and(|(d, _)| d != dir) {
            (self.last, self.at, self.enlarged, self.asked) = (None, None, None, None);
        }
        let wanted = self.at.or_else(|| live.preview.is_none().then(|| live.previews.last().copied()).flatten());
        let found = match wanted {
            None => live.preview.clone(),
            Some(images) => [&live.past, &live.preview].into_iter().flatten().find(|p| p.images == images).cloned(),
        };
        // One at a time, so that dragging the slider does not flood the engine; what is gone is never answered.
        let waits = self.asked.is_some() && self.asked_at.is_some_and(|at| at.elapsed() < PATIENCE);
        if let (None, Some(images), false) = (&found, wanted, waits) {
            let ask = (dir.to_path_buf(), images);
            if self.asked.as_ref() != Some(&ask) {
                cx.send(Command::LoadPreview { dir: dir.to_path_buf(), images });
                (self.asked, self.asked_at) = (Some(ask), Some(Instant::now()));
            }
        }
        if let Some(found) = found {
            self.last = Some((dir.to_path_buf(), found));
        }
        self.last.as_ref().map(|(_, p)| p.clone())
    }

    fn nothing_yet(&mut self, ui: &mut Ui, run: &RunSummary) {
        let t = theme::tokens(ui);
        let (rect, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
        let cell = (rect.width().min(rect.height()) / 4.0 - GAP).max(8.0);
        let origin = rect.center() - Vec2::splat((cell + GAP) * 2.0);
        for i in 0..16 {
            let corner = origin + vec2((i % 4) as f32, (i / 4) as f32) * (cell + GAP);
            ui.painter().rect_filled(Rect::from_min_size(corner, Vec2::splat(cell)), 2.0, t.panel);
        }
        let text = match run.state {
            RunState::Queued => "Samples come once it has its turn",
            _ if run.state.is_alive() => "The first samples come soon",
            _ if run.progress.images == 0 => "It ended before it made any samples",
            _ => "No samples were kept",
        };
        let font = egui::FontId::proportional(size::BODY);
        ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, text, font, t.weak);
    }

    fn modes(&mut self, ui: &mut Ui, preview: &Preview) {
        let mut options = vec![(Mode::Samples, "Samples"), (Mode::Reals, "Reals")];
        if !preview.reconstructions.is_empty() {
            options.extend([(Mode::Reconstructions, "Reconstructions"), (Mode::Difference, "Difference")]);
        }
        if options.iter().all(|o| o.0 != self.mode) {
            self.mode = Mode::Samples;
        }
        ui.horizontal(|ui| {
            if theme::segmented(ui, "Pictures", &mut self.mode, &options) {
                self.enlarged = None;
            }
            if self.zoom > 1.01
                && theme::quiet_button(ui, None, "Fit").on_hover_text("Show all pictures again").clicked()
            {
                self.zoom = 1.0;
            }
        });
    }

    fn pictures(&mut self, ui: &mut Ui, dir: &Path, preview: &Preview, cx: &mut Cx<'_>) {
        let cells = count(preview, self.mode);
        if cells == 0 {
            theme::weak(ui, "None here");
            return;
        }
        let room = ui.available_size();
        let paired = self.mode == Mode::Reconstructions;
        let aspect = preview.samples.iter().chain(&preview.reals).next().map_or(1.0, shape_of);
        let (columns, cell) = arrange(cells, room, paired, aspect);
        let tex = self.texture(ui, dir, preview, columns, cx);
        if let Some(index) = self.enlarged.filter(|&i| i < cells * if paired { 2 } else { 1 }) {
            self.alone(ui, &tex, columns, index, cx);
            return;
        }
        if ui.rect_contains_pointer(ui.max_rect()) {
            let zoom = ui.input(egui::InputState::zoom_delta);
            self.zoom = (self.zoom.max(1.0) * zoom).clamp(1.0, 8.0);
        }
        let cell_size = cell * self.zoom.max(1.0);
        let Some(rows) = self.sheet.as_ref().map(|s| s.rows) else { return };
        let pitch = cell_size + Vec2::splat(GAP);
        let full = vec2(columns as f32, rows as f32) * pitch - Vec2::splat(GAP);
        ScrollArea::both().id_salt("samples").auto_shrink(false).show(ui, |ui| {
            // One stop for the keyboard: the pictures themselves are walked with the arrows once one is enlarged.
            let (rect, sheet) = ui.allocate_exact_size(full.max(room), Sense::FOCUSABLE);
            theme::name(&sheet, egui::Role::Button, "Sheet of samples: Enter enlarges one");
            textures::focus_ring(ui, &sheet);
            if sheet.has_focus() && ui.input(|i| i.key_pressed(Key::Enter) || i.key_pressed(Key::Space)) {
                self.enlarged = Some(0);
            }
            let t = theme::tokens(ui);
            let origin = rect.min + vec2(((rect.width() - full.x) / 2.0).max(0.0), 0.0);
            let transparent = self.sheet.as_ref().is_some_and(|s| s.transparent);
            let mut mesh = Mesh::with_texture(tex.id());
            let mut hovered = None;
            let shown = self.sheet.as_ref().map_or(0, |s| s.count);
            for i in 0..shown {
                let cell =
                    Rect::from_min_size(origin + vec2((i % columns) as f32, (i / columns) as f32) * pitch, cell_size);
                if !ui.is_rect_visible(cell) || !self.is_picture(i, columns, cells) {
                    continue;
                }
                if transparent {
                    textures::backing(ui.painter(), cell, t);
                }
                mesh.add_rect_with_uv(cell, uv(i, columns, rows), Color32::WHITE);
                let response = ui.interact(cell, ui.scope_id().with(("sample", i)), Sense::CLICK);
                theme::name(&response, egui::Role::Button, &self.cell_name(i, columns));
                if response.hovered() {
                    hovered = Some(cell);
                }
                if response.clicked() {
                    self.enlarged = Some(i);
                }
            }
            ui.painter().add(mesh);
            if let Some(cell) = hovered {
                let stroke = Stroke::new(1.0, t.text);
                ui.painter().rect_stroke(cell, CornerRadius::ZERO, stroke, StrokeKind::Outside);
            }
        });
    }

    /// One picture, as large as there is room.
    fn alone(&mut self, ui: &mut Ui, tex: &Tex, columns: usize, index: usize, cx: &Cx<'_>) {
        let Some((rows, count)) = self.sheet.as_ref().map(|s| (s.rows, s.count)) else { return };
        let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::click());
        let cell = tex.size / vec2(columns as f32, rows as f32);
        let scale = (rect.width() / cell.x).min(rect.height() / cell.y);
        let large = Rect::from_center_size(rect.center(), cell * scale);
        let t = theme::tokens(ui);
        if self.sheet.as_ref().is_some_and(|s| s.transparent) {
            textures::backing(ui.painter(), large, t);
        }
        ui.painter().image(tex.id(), large, uv(index, columns, rows), Color32::WHITE);
        theme::name(&response, egui::Role::Button, &format!("{} enlarged", self.cell_name(index, columns)));
        let back = theme::back_button(ui, rect, "All samples (Esc)");
        let keys = cx.has_keys(ViewId::Train);
        let pressed = |k| keys && ui.input(|i| i.key_pressed(k));
        if response.on_hover_text("Click to see all").clicked() || back || pressed(Key::Escape) {
            self.enlarged = None;
        } else if pressed(Key::ArrowRight) {
            self.enlarged = Some((index + 1).min(count - 1));
        } else if pressed(Key::ArrowLeft) {
            self.enlarged = Some(index.saturating_sub(1));
        }
    }

    fn cell_name(&self, i: usize, columns: usize) -> String {
        match self.mode {
            Mode::Samples => format!("Sample {}", i + 1),
            Mode::Reals => format!("Real picture {}", i + 1),
            Mode::Difference => format!("Difference {}", i + 1),
            Mode::Reconstructions => {
                let n = i / (2 * columns) * columns + i % columns + 1;
                if (i / columns).is_multiple_of(2) { format!("Input {n}") } else { format!("Reconstruction {n}") }
            }
        }
    }

    /// Rows of pairs may end before their last column.
    fn is_picture(&self, i: usize, columns: usize, cells: usize) -> bool {
        match self.mode {
            Mode::Reconstructions => i / (2 * columns) * columns + i % columns < cells,
            _ => i < cells,
        }
    }

    /// The texture of all pictures; made anew only when they change.
    fn texture(&mut self, ui: &Ui, dir: &Path, preview: &Preview, columns: usize, cx: &mut Cx<'_>) -> Tex {
        let name = key(("run sheet", dir));
        let of = (dir.to_path_buf(), preview.images, self.mode, columns);
        if self.sheet.as_ref().is_some_and(|s| s.of == of)
            && let Some(tex) = cx.textures.peek(name)
        {
            return tex;
        }
        let pictures = cells(preview, self.mode, columns);
        let rows = pictures.len().div_ceil(columns).max(1);
        let shown = [&preview.samples, &preview.reals].into_iter().filter_map(|p| p.first());
        let transparent =
            self.mode != Mode::Difference && shown.flat_map(|p| p.rgba.chunks_exact(4)).any(|p| p[3] != 255);
        let sheet = Picture::grid(&pictures, columns, 0, [0, 0, 0, 0]);
        self.sheet = Some(Sheet { of: of.clone(), count: pictures.len(), rows, transparent });
        cx.textures.upload(ui.ctx(), name, key(of), &sheet)
    }

    /// The slider back through the run.
    fn time(&mut self, ui: &mut Ui, run: &RunSummary, live: Option<&RunLive>, shown: u64) {
        let t = theme::tokens(ui);
        let previews = live.map(|l| l.previews.as_slice()).unwrap_or_default();
        ui.horizontal(|ui| {
            ui.set_min_height(size::CONTROL);
            ui.spacing_mut().item_spacing.x = size::XS;
            let last = previews.len().saturating_sub(1);
            let now = self.at.map_or(last, |at| previews.partition_point(|&p| p < at).min(last));
            let mut place = now;
            ui.add_enabled_ui(last > 0, |ui| {
                if theme::icon_button(ui, ICON_CHEVRON_LEFT, "Earlier samples").clicked() {
                    place = place.saturating_sub(1);
                }
                ui.spacing_mut().slider_width = (ui.available_width() - 164.0).max(60.0);
                theme::sliders_on_canvas(ui);
                ui.add(Slider::new(&mut place, 0..=last.max(1)).show_value(false))
                    .accessible_name("Time in the run")
                    .on_hover_text("Back through the run: the same latents as they were then");
                if theme::icon_button(ui, ICON_CHEVRON_RIGHT, "Later samples").clicked() {
                    place = (place + 1).min(last);
                }
            });
            let place = place.min(last);
            if place != now {
                self.at = previews.get(place).copied().filter(|_| place < last || !run.state.is_alive());
            }
            ui.add_enabled_ui(self.at.is_some(), |ui| {
                let label = if run.state.is_alive() { "Follow the run" } else { "Latest samples" };
                if theme::icon_button(ui, ICON_LAST_PAGE, label).clicked() {
                    self.at = None;
                }
            });
            let loading = self.at.is_some_and(|at| at != shown);
            let colour = if loading { t.disabled } else { t.text };
            ui.label(egui::RichText::new(format::kimg(self.at.unwrap_or(shown))).color(colour));
        });
    }
}

/// How many pictures (or pairs) a mode has.
fn count(preview: &Preview, mode: Mode) -> usize {
    match mode {
        Mode::Samples => preview.samples.len(),
        Mode::Reals => preview.reals.len(),
        Mode::Reconstructions | Mode::Difference => preview.reals.len().min(preview.reconstructions.len()),
    }
}

/// Width of a picture next to its height.
fn shape_of(picture: &Picture) -> f32 {
    picture.width.max(1) as f32 / picture.height.max(1) as f32
}

/// Columns and size of a cell that fill the room best, for pictures `aspect` times as wide as high.
fn arrange(cells: usize, room: Vec2, paired: bool, aspect: f32) -> (usize, Vec2) {
    let wide = |columns: usize| {
        let rows = cells.div_ceil(columns) * if paired { 2 } else { 1 };
        let across = (room.x + GAP) / columns as f32 - GAP;
        let down = (room.y + GAP) / rows as f32 - GAP;
        across.min(down * aspect)
    };
    // Slightly smaller pictures are better than a ragged last row.
    let full = |columns: usize| cells as f32 / (columns * cells.div_ceil(columns)) as f32;
    let worth = |columns: usize| wide(columns) * full(columns).powf(1.5);
    let best = (1..=cells.max(1)).max_by(|&a, &b| worth(a).total_cmp(&worth(b))).unwrap_or(1);
    let width = wide(best).max(4.0);
    (best, vec2(width, width / aspect))
}

/// The pictures of a mode, in the order they are laid out.
fn cells(preview: &Preview, mode: Mode, columns: usize) -> Vec<Picture> {
    match mode {
        Mode::Samples => preview.samples.clone(),
        Mode::Reals => preview.reals.clone(),
        Mode::Difference => preview.reals.iter().zip(&preview.reconstructions).map(|(a, b)| difference(a, b)).collect(),
        Mode::Reconstructions => {
            let n = count(preview, mode);
            let blank = preview.reals.first().map(|p| Picture::filled(p.width, p.height, [0; 4])).unwrap_or_default();
            let mut out = Vec::with_capacity(2 * n);
            for (above, below) in preview.reals[..n].chunks(columns).zip(preview.reconstructions[..n].chunks(columns)) {
                for row in [above, below] {
                    out.extend(row.iter().cloned());
                    out.extend(std::iter::repeat_n(blank.clone(), columns - row.len()));
                }
            }
            out
        }
    }
}

/// Absolute difference of colours, opaque.
fn difference(a: &Picture, b: &Picture) -> Picture {
    let rgba = a
        .rgba
        .chunks_exact(4)
        .zip(b.rgba.chunks_exact(4))
        .flat_map(|(p, q)| [p[0].abs_diff(q[0]), p[1].abs_diff(q[1]), p[2].abs_diff(q[2]), 255])
        .collect();
    Picture { width: a.width, height: a.height, rgba }
}

fn uv(index: usize, columns: usize, rows: usize) -> Rect {
    let step = vec2(1.0 / columns as f32, 1.0 / rows as f32);
    let corner: Pos2 = pos2((index % columns) as f32 * step.x, (index / columns) as f32 * step.y);
    Rect::from_min_size(corner, step)
}

/// KL of each latent dimension, the most telling first.
fn bars(ui: &mut Ui, kl: &[f32]) {
    let t = theme::tokens(ui);
    let mut order: Vec<usize> = (0..kl.len()).collect();
    order.sort_by(|&a, &b| kl[b].total_cmp(&kl[a]));
    let active = kl.iter().filter(|v| **v > 0.01).count();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), KL), Sense::hover());
    let total: f32 = kl.iter().sum();
    let summary = format!("KL {} nats · {active} of {} dimensions in use", format::number(f64::from(total)), kl.len());
    let font = egui::FontId::proportional(size::SMALL);
    ui.painter().text(rect.left_top(), egui::Align2::LEFT_TOP, &summary, font, t.weak);
    theme::name(&response, egui::Role::Image, &summary);
    let ground = rect.with_min_y(rect.top() + 18.0);
    let top = kl.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let step = ground.width() / kl.len() as f32;
    let pointer = response.hover_pos().filter(|p| ground.contains(*p));
    let hovered = pointer.map(|p| (((p.x - ground.left()) / step) as usize).min(kl.len() - 1));
    for (place, &dim) in order.iter().enumerate() {
        let left = ground.left() + place as f32 * step;
        let height = (ground.height() * kl[dim].max(0.0) / top).max(1.0);
        let gap = if step > 4.0 { 1.0 } else { 0.0 };
        let bar = Rect::from_min_max(pos2(left, ground.bottom() - height), pos2(left + step - gap, ground.bottom()));
        let colour = if hovered == Some(place) { t.text } else { t.series(0) };
        ui.painter().rect_filled(bar, 0.0, colour);
    }
    if let Some(place) = hovered {
        let dim = order[place];
        response.on_hover_text_at_pointer(format!("Dimension {}: {:.3} nats", dim + 1, kl[dim]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(n: usize) -> Preview {
        let picture = |v: usize| Picture::filled(4, 4, [v as u8, 0, 0, 255]);
        Preview {
            images: 1,
            samples: (0..n).map(picture).collect(),
            reals: (0..n).map(|i| picture(i + 100)).collect(),
            reconstructions: (0..n).map(|i| picture(i + 110)).collect(),
            kl: Vec::new(),
        }
    }

    #[test]
    fn pictures_fill_the_room() {
        let (columns, cell) = arrange(64, vec2(400.0, 400.0), false, 1.0);
        assert_eq!(columns, 8);
        assert!((cell.x - 48.25).abs() < 0.01 && cell.x == cell.y);
        let (columns, _) = arrange(32, vec2(400.0, 400.0), true, 1.0);
        assert_eq!(columns, 8, "eight rows of four pairs");
        // Tall pictures take fewer rows and keep their shape.
        let (columns, cell) = arrange(64, vec2(400.0, 400.0), false, 2.0 / 3.0);
        assert!(columns > 8 && (cell.y - 1.5 * cell.x).abs() < 0.01, "{columns} {cell}");
        let rows = 64usize.div_ceil(columns) as f32;
        assert!(rows * (cell.y + GAP) - GAP <= 400.01 && columns as f32 * (cell.x + GAP) - GAP <= 400.01);
    }

    #[test]
    fn reconstructions_stand_under_their_inputs() {
        let cells = cells(&preview(5), Mode::Reconstructions, 3);
        let reds: Vec<u8> = cells.iter().map(|p| p.rgba[0]).collect();
        assert_eq!(reds, [100, 101, 102, 110, 111, 112, 103, 104, 0, 113, 114, 0]);
    }

    #[test]
    fn the_difference_is_absolute_and_opaque() {
        let cells = cells(&preview(2), Mode::Difference, 2);
        assert_eq!(cells[0].pixel(1, 1), [10, 0, 0, 255]);
    }
}
