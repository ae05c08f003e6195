//! A picture file with a hole that the model fills, or with noise that it takes away.

pub mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Color32, DragValue, Key, Pos2, Rect, Role, Sense, Slider, Ui, Vec2, WidgetInfo, vec2};
use egui_material_icons::icons::{
    ICON_AUTO_FIX_HIGH, ICON_BLUR_OFF, ICON_FILE_OPEN, ICON_MY_LOCATION, ICON_SAVE, ICON_STAR,
};

use self::state::Hole;
use self::state::InpaintState;
use self::state::Mended;
use crate::base::{Channels, Picture};
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::export::names::sanitised;
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::action::PickKind;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::choices::close_up;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::views::explore::picture_slots::one_picture;
use crate::ui::widgets::drop_target::{DropState, drop_pictures};
use crate::ui::widgets::latent_slot::drag_latent;

/// Purpose of the dialog that chooses a picture.
pub const PICK: &str = "picture to mend";
/// Purpose of the dialog that saves what came of it.
pub const SAVE: &str = "mended picture";

/// Points beside the switch below which the tools have no words.
const NARROW: f32 = 480.0;
/// Points that the buttons under a mended picture take.
const BUTTONS: f32 = 324.0;

/// A mended picture.
#[derive(Clone)]
struct Whole {
    /// The picture as the model sees it, and the model's own.
    parts: [Arc<Picture>; 2],
    hole: Hole,
    picture: Arc<Picture>,
    /// How alike the model's own is to what is known, in dB.
    psnr: f64,
}

/// The page's own state.
#[derive(Default)]
pub struct Inpaint {
    feed: ImageRequests,
    drop: DropState,
    brush: f32,
    /// Whether the brush takes the hole away.
    unhole: bool,
    /// What was asked to be shown as the model sees it, by ticket.
    asked: Option<(u64, PathBuf, ModelRef)>,
    /// The picture as the model sees it; nothing if it cannot be read.
    seen: Option<Arc<Picture>>,
    /// Whether the answer was that it cannot.
    unread: bool,
    job: Option<JobId>,
    /// The hole that the job fills.
    filling: Hole,
    arrived: Option<Mended>,
    /// A picture that was handed over.
    handed: Option<PathBuf>,
    whole: Option<Whole>,
    revision: u64,
}

impl Page for Inpaint {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        if self.brush == 0.0 {
            self.brush = (info.resolution.shorter() as f32 / 8.0).clamp(2.0, 32.0).round();
        }
        if info.channels == Channels::Points {
            let why = "It makes points of the plane; choose a model that makes pictures";
            theme::empty_state(ui, ICON_AUTO_FIX_HIGH, "This model cannot repair photos", why, None);
            return;
        }
        if let Some(mended) = self.arrived.take() {
            state.inpaint.mended = Some(mended);
            out.label = Some("repair a photo");
        }
        if let Some(photo) = self.handed.take() {
            state.inpaint.put(photo);
            out.label = Some("repair another photo");
        }
        self.look(cx, info, state.inpaint.photo.as_ref());
        if state.inpaint.photo.is_some() {
            theme::toolbar(ui, |ui| self.tools(ui, cx, state, out));
        }
        if state.inpaint.photo.is_none() || self.unread {
            theme::page(ui, "mend", |ui| {
                if self.unread {
                    theme::toned(ui, theme::Tone::Warn, "This file cannot be read as a picture");
                }
                let hint = "Brush a hole into it for the model to fill, or have its noise taken away";
                let dropped =
                    drop_pictures(ui, cx, ViewId::Explore, &mut self.drop, ("Drop a photo to repair", hint), false);
                if let Some(path) = dropped.and_then(|p| p.into_iter().next()) {
                    state.inpaint.put(path);
                    out.label = Some("repair another photo");
                }
            });
            return;
        }
        close_up(ui);
        theme::toolbar(ui, |ui| self.work(ui, cx, info, state, out));
        self.canvas(ui, cx, info, state, out);
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        let Event::Latent(event) = event else { return };
        match event {
            LatentEvent::TakenIn { ticket, picture, .. }
                if self.asked.as_ref().is_some_and(|(asked, ..)| asked == ticket) =>
            {
                self.revision += 1;
                self.seen = picture.as_ref().map(|p| Arc::new((**p).clone()));
                self.unread = picture.is_none();
            }
            LatentEvent::Mended { job, mended, .. } if Some(*job) == self.job => {
                self.arrived = Some(Mended { latent: mended.latent.clone(), hole: self.filling.clone() });
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], info: &ModelInfo, state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        let one = one_picture(paths);
        if one && info.channels != Channels::Points {
            put(&paths[0], state, cx);
        }
        one
    }

    fn picked(&mut self, picked: &Picked<'_>, state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        match picked.purpose {
            SAVE => self.save(picked.first(), picked.info, state, cx),
            PICK => put(picked.first(), state, cx),
            _ => return false,
        }
        true
    }

    fn take_files(&mut self, paths: &[PathBuf]) -> bool {
        self.handed = paths.first().cloned();
        self.handed.is_some()
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("A repaired photo".into())
    }

    fn expire(&mut self) {
        self.feed.expire();
        self.asked = None;
    }
}

impl Inpaint {
    fn running(&self, cx: &Cx<'_>) -> bool {
        job_progress::is_on(self.job, cx)
    }

    /// Asks how the model sees the picture, once.
    fn look(&mut self, cx: &mut Cx<'_>, info: &ModelInfo, photo: Option<&PathBuf>) {
        let Some(photo) = photo else {
            (self.asked, self.seen, self.unread) = (None, None, false);
            return;
        };
        if self.asked.as_ref().is_some_and(|(_, path, model)| path == photo && *model == info.model) {
            return;
        }
        let ticket = cx.ids.next();
        let (model, input) = (info.model.clone(), photo.clone());
        cx.send(Command::Latent(LatentCommand::TakeIn { ticket, model, input }));
        self.asked = Some((ticket, photo.clone(), info.model.clone()));
        (self.seen, self.unread) = (None, false);
    }

    /// The picture, the brush and the hole.
    fn tools(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, state: &mut ExploreState, out: &mut PageActions) {
        let choose = if ui.available_width() > NARROW {
            theme::button(ui, Some(ICON_FILE_OPEN), "Choose picture…")
        } else {
            theme::icon_button(ui, ICON_FILE_OPEN, "Choose picture…")
        };
        if choose.clicked() {
            cx.pick(ViewId::Explore, PICK, PickKind::File, "Choose a photo to repair", &[]);
        }
        theme::segmented(ui, "Brush", &mut self.unhole, &[(false, "Hole"), (true, "Erase")]);
        let brush = DragValue::new(&mut self.brush).range(1.0..=64.0).speed(0.1).max_decimals(0).suffix(" px");
        ui.add(brush).accessible_name("Brush size").on_hover_text("Pixels of the model across");
        let there = !state.inpaint.hole.is_empty();
        if theme::enabled(ui, there, |ui| theme::quiet_button(ui, None, "Clear hole")).inner.clicked() {
            state.inpaint.hole = Hole::default();
            out.label = Some("clear the hole");
        }
        if theme::left(ui) > 150.0 {
            let hint = if state.inpaint.mended.is_some() {
                "Hold B for before"
            } else if there {
                ""
            } else {
                "Brush over what should be filled"
            };
            theme::weak(ui, hint);
        }
    }

    /// What can be done, or how far it is.
    fn work(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        if job_progress::shown(ui, cx, self.job, 180.0, "Repairing", "Cancel the repair") != Doing::Nothing {
            return;
        }
        let mend = &mut state.inpaint;
        let (there, seen) = (!mend.hole.is_empty(), self.seen.is_some());
        let fill = theme::enabled(ui, there && seen, |ui| {
            theme::primary_button(ui, Some(ICON_AUTO_FIX_HIGH), "Fill the hole")
        });
        let fill = fill.inner.on_disabled_hover_text("Brush over what should be filled first").clicked();
        let noise =
            theme::enabled(ui, seen, |ui| theme::button(ui, Some(ICON_BLUR_OFF), "Take noise away")).inner.clicked();
        let [least, most] = InpaintState::TYPICAL;
        ui.spacing_mut().slider_width = 96.0;
        let help = "To the left the picture is believed, to the right the model: cleaner and more typical, but less like \
                    what is there. Noise wants more of it than a hole";
        let moved = theme::whole(ui, |ui| {
            theme::weak(ui, "As seen");
            let slider = Slider::new(&mut mend.typical, least..=most).logarithmic(true).show_value(false);
            let moved = ui.add(slider).accessible_name("How typical the result is");
            theme::weak(ui, "Typical");
            moved
        });
        if moved.on_hover_text(help).changed() {
            out.label = Some("change how typical it is");
        }
        let steps = DragValue::new(&mut mend.steps).range(1..=5000).speed(2.0).suffix(" steps");
        let help = "More steps come closer and take longer";
        if ui.add(steps).accessible_name("Steps of the repair").on_hover_text(help).changed() {
            out.label = Some("change the steps of the repair");
        }
        if let (true, Some(input)) = (fill || noise, mend.photo.clone()) {
            let job = cx.new_job();
            self.filling = if fill { mend.hole.clone() } else { Hole::default() };
            let hole = fill.then(|| mend.hole.bytes(info.resolution));
            let (model, typical, steps) = (info.model.clone(), mend.typical, mend.steps);
            cx.send(Command::Latent(LatentCommand::Mend { job, model, input, hole, typical, steps }));
            self.job = Some(job);
        }
    }

    fn canvas(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let below = 2.0 * size::CONTROL;
        let free = vec2((room.width() - size::M) / 2.0, room.height() - below).max(Vec2::splat(16.0));
        let cell = textures::canvas(Rect::from_min_size(room.min, free), info.resolution).size();
        let top = room.center().y - (cell.y + below) / 2.0;
        let spot = |i: f32| {
            let x = room.center().x + (i - 1.0) * (cell.x + size::M / 2.0) + i * size::M / 2.0;
            Rect::from_min_size(egui::pos2(x, top.max(room.top())).round(), cell)
        };
        self.picture(ui, cx, info, state, spot(0.0), out);
        self.result(ui, cx, info, state, spot(1.0), out);
    }

    /// The picture as the model sees it, with its hole to brush on.
    fn picture(
        &mut self,
        ui: &Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        rect: Rect,
        out: &mut PageActions,
    ) {
        let response = ui.interact(rect, ui.make_persistent_id("mend"), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Photo to repair"));
        let (ctx, t) = (ui.ctx().clone(), theme::tokens(ui));
        let Some(seen) = self.seen.clone() else {
            ui.painter().rect_filled(rect, 2.0, t.raised);
            return;
        };
        let tex = cx.textures.get(&ctx, key("mend input"), self.revision, &seen);
        textures::paint(ui.painter(), rect, &tex, t);
        let pixels = info.resolution;
        if !self.running(cx)
            && (response.dragged() || response.clicked())
            && let Some(at) = response.interact_pointer_pos()
        {
            let scale = rect.width() / pixels.width.max(1) as f32;
            let pixel = |p: Pos2| (p - rect.min) / scale;
            let mut bytes = state.inpaint.hole.bytes(pixels);
            let origin = ui.input(|i| i.pointer.press_origin()).filter(|_| response.drag_started());
            let from = origin.unwrap_or(at - response.drag_delta());
            stroke(&mut bytes, pixels.width, [pixel(from), pixel(at)], self.brush, !self.unhole);
            state.inpaint.hole = Hole::of(pixels, &bytes);
            out.label = Some(if self.unhole { "erase from the hole" } else { "brush a hole" });
        }
        if !state.inpaint.hole.is_empty() {
            let [r, g, b, _] = t.accent.to_array();
            let bytes = state.inpaint.hole.bytes(pixels);
            let rgba = bytes.iter().flat_map(|v| [r, g, b, if *v > 0 { 170 } else { 0 }]).collect();
            let mark = Picture { width: pixels.width, height: pixels.height, rgba };
            let tex = cx.textures.get(&ctx, key("mend hole"), key(&bytes), &mark);
            let uv = Rect::from_min_max(Pos2::ZERO, egui::pos2(1.0, 1.0));
            ui.painter().image(tex.id(), rect, uv, Color32::WHITE);
        }
        if response.has_focus() {
            textures::focus_ring(ui, &response);
        }
        note(ui, rect, "Your picture, as the model sees it");
    }

    /// What came of it, and what can be done with that.
    fn result(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        rect: Rect,
        out: &mut PageActions,
    ) {
        let t = theme::tokens(ui);
        let Some(mended) = state.inpaint.mended.clone() else {
            ui.painter().rect_stroke(rect, 2.0, egui::Stroke::new(1.0, t.line), egui::StrokeKind::Inside);
            note(ui, rect, "Repaired");
            return;
        };
        let (model, latents) = (info.model.clone(), vec![mended.latent.clone()]);
        self.feed.want(ImageBatch { model, latents, truncation: 1.0 }, cx);
        self.join(info, &mended);
        let response = ui.interact(rect, ui.make_persistent_id("mended"), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Repaired picture"));
        let before = ui.input(|i| i.key_down(Key::B)) && cx.keys_free;
        let Some(Whole { parts, picture, psnr, .. }) = &self.whole else {
            ui.painter().rect_filled(rect, 2.0, t.raised);
            note(ui, rect, "Repaired");
            return;
        };
        let (shown, revision) = if before { (&parts[0], 2 * self.revision) } else { (picture, 2 * self.revision + 1) };
        let tex = cx.textures.get(&ui.ctx().clone(), key("mended"), revision, shown);
        textures::paint(ui.painter(), rect, &tex, t);
        drag_latent(&response, &info.model, &mended.latent, 1.0, Some(&parts[1]));
        let wide = rect.width() > 300.0;
        let text = if wide { "the model comes to" } else { "to" };
        note(ui, rect, &format!("Repaired  ·  {text} {psnr:.1} dB on what is known"));
        // Under a small picture the buttons begin further left.
        let left = rect.left().min(ui.max_rect().right() - BUTTONS);
        let at = egui::pos2(left, rect.bottom() + size::CONTROL);
        let bar = Rect::from_min_size(at, vec2(BUTTONS.max(rect.width()), size::CONTROL));
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(bar).layout(layout).id_salt("mended"));
        let open = theme::button(&mut ui, Some(ICON_MY_LOCATION), "Open").clicked();
        if open || response.on_hover_text("Click to open the model's own picture").clicked() {
            out.open = Some(mended.latent.clone());
            out.label = Some("open a repaired picture");
        }
        let help = "Keep the model's own picture in the gallery";
        if theme::quiet_button(&mut ui, Some(ICON_STAR), "Keep").on_hover_text(help).clicked() {
            out.keep = vec![mended.latent.clone()];
        }
        if theme::quiet_button(&mut ui, Some(ICON_SAVE), "Save picture…").clicked() {
            let photo = state.inpaint.photo.as_deref().and_then(Path::file_stem).unwrap_or_default();
            let name = format!("{}-mended.png", sanitised(&photo.to_string_lossy()));
            cx.pick(ViewId::Explore, SAVE, PickKind::Save(name), "Save the repaired picture", &[("PNG", &["png"])]);
        }
    }

    /// Puts the model's picture into the hole, once for each of both.
    fn join(&mut self, info: &ModelInfo, mended: &Mended) {
        let (Some(seen), Some(made)) = (self.seen.clone(), self.feed.picture(0).cloned()) else { return };
        let same =
            |w: &Whole| Arc::ptr_eq(&w.parts[0], &seen) && Arc::ptr_eq(&w.parts[1], &made) && w.hole == mended.hole;
        if self.whole.as_ref().is_some_and(same) || seen.rgba.len() != made.rgba.len() {
            return;
        }
        let hole = mended.hole.bytes(info.resolution);
        let (picture, psnr) = joined(&seen, &made, &hole, mended.hole.is_empty());
        self.revision += 1;
        let (parts, hole, picture) = ([seen, made], mended.hole.clone(), Arc::new(picture));
        self.whole = Some(Whole { parts, hole, picture, psnr });
    }

    /// Writes what came of it.
    fn save(&mut self, path: &Path, info: &ModelInfo, state: &ExploreState, cx: &mut Cx<'_>) {
        let (Some(whole), Some(mended)) = (&self.whole, &state.inpaint.mended) else { return };
        let job = cx.new_job();
        let (model, latent, picture) = (info.model.clone(), mended.latent.clone(), Box::new((*whole.picture).clone()));
        let mut out = path.to_path_buf();
        if out.extension().is_none() {
            out.set_extension("png");
        }
        let photo = state.inpaint.photo.clone().unwrap_or_default();
        cx.send(Command::Latent(LatentCommand::WriteMended { job, model, latent, picture, photo, out }));
    }
}

/// Repairs another picture file.
fn put(path: &Path, state: &mut ExploreState, cx: &mut Cx<'_>) {
    state.undo_point("repair another photo", cx);
    state.inpaint.put(path.to_path_buf());
}

/// The picture with its hole filled by the model (or the model's own, where noise was taken away), and how alike the
/// model's is to what is known, in dB.
fn joined(seen: &Picture, made: &Picture, hole: &[u8], all: bool) -> (Picture, f64) {
    let (mut sum, mut count) = (0.0, 0.0f64);
    let mut out = made.clone();
    for (i, to) in out.rgba.chunks_exact_mut(4).enumerate().filter(|(i, _)| hole.get(*i) == Some(&0)) {
        let own = &seen.rgba[4 * i..4 * i + 4];
        sum += (0..3).map(|c| (f64::from(own[c]) - f64::from(to[c])).powi(2)).sum::<f64>();
        count += 3.0;
        if !all {
            to.copy_from_slice(own);
        }
    }
    (out, 10.0 * (255.0 * 255.0 / (sum / count.max(1.0)).max(1e-6)).log10())
}

/// Whether a brush so many pixels wide touches a place on its way.
pub fn brushed(at: Vec2, [from, to]: [Vec2; 2], brush: f32) -> bool {
    let (at, way) = (at - from, to - from);
    let along = if way.length_sq() > 0.0 { (at.dot(way) / way.length_sq()).clamp(0.0, 1.0) } else { 0.0 };
    (at - way * along).length() <= (brush / 2.0).max(0.5)
}

/// Brushes from one place of the picture to another, in its pixels.
fn stroke(bytes: &mut [u8], columns: u32, way: [Vec2; 2], brush: f32, fill: bool) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        if brushed(vec2((i as u32 % columns) as f32 + 0.5, (i as u32 / columns) as f32 + 0.5), way, brush) {
            *byte = if fill { 255 } else { 0 };
        }
    }
}

/// A line under a picture.
fn note(ui: &Ui, rect: Rect, text: &str) {
    let font = egui::FontId::proportional(size::SMALL);
    let at = rect.left_bottom() + vec2(0.0, size::XS);
    ui.painter().text(at, egui::Align2::LEFT_TOP, text, font, theme::tokens(ui).weak);
}
