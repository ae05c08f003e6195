//! Hands on the picture: points that are dragged, paint and eraser that the latent follows, styles of another picture.

use std::sync::Arc;

use egui::{Color32, Key, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};
use egui_material_icons::icons::{ICON_BRUSH, ICON_PLAY_ARROW, ICON_STOP};

use crate::base::{Picture, Resolution};
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::drag::{DragConfig as Drag, Handle};
use crate::latent::latent_edit::EditConfig as Paint;
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::choices::close_up;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::{Page, PageCx};
use crate::ui::views::explore::tabs::inpaint::brushed;
use crate::ui::widgets::latent_slot::{Anchor, anchor_field};

/// What the pointer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Tool {
    /// Sets a point and where it is to go.
    #[default]
    Points,
    /// Marks where the picture may change while points are dragged.
    Mask,
    /// Lays colour on.
    Paint,
    /// Marks what shall become something else.
    Erase,
}

/// The tab's own state.
#[derive(Default)]
pub struct ImageEdit {
    feed: ImageRequests,
    tool: Tool,
    handles: Vec<Handle>,
    /// One byte a pixel: where it may change.
    mask: Vec<u8>,
    /// RGBA of the model's size.
    paint: Vec<u8>,
    /// One byte a pixel.
    erased: Vec<u8>,
    colour: Color32,
    brush: f32,
    session: Option<u64>,
    /// Whether points are on their way, from where.
    dragging: Option<Latent>,
    points: Vec<[f32; 2]>,
    job: Option<JobId>,
    /// What is shown while something is on its way.
    way: Option<Arc<Picture>>,
    /// The picture before the last change.
    before: Option<Arc<Picture>>,
    arrived: Option<(Latent, &'static str)>,
    mix: Option<u64>,
    other: Option<Anchor>,
    /// What the marks are on.
    of: Option<(String, Latent)>,
    revision: u64,
}

impl Page for ImageEdit {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        if self.brush == 0.0 {
            (self.brush, self.colour) = (2.0, Color32::from_rgb(230, 60, 50));
        }
        if let Some((latent, label)) = self.arrived.take() {
            self.before = self.feed.picture(0).cloned();
            self.of = Some((info.model.clone(), state.here.classed(&latent)));
            self.clear();
            out.open = Some(latent);
            out.label = Some(label);
        } else if self.dragging.is_none() && self.of.as_ref() != Some(&(info.model.clone(), state.here.latent.clone()))
        {
            self.clear();
            (self.way, self.before) = (None, None);
            self.of = Some((info.model.clone(), state.here.latent.clone()));
        }
        let here = state.here.clone();
        let wish =
            ImageBatch { model: info.model.clone(), latents: vec![here.latent.clone()], truncation: here.truncation };
        self.feed.want(wish, cx);
        theme::toolbar(ui, |ui| self.tools(ui, cx, info, state));
        if Dims::of(info).layers > 0 {
            close_up(ui);
            theme::toolbar(ui, |ui| self.styles(ui, cx, info, state));
        }
        self.canvas(ui, cx, info);
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        let Event::Latent(event) = event else { return };
        self.revision += 1;
        match event {
            LatentEvent::Dragged { session, standing, .. }
                if Some(*session) == self.session && self.dragging.is_some() =>
            {
                self.way = Some(Arc::new(standing.picture.clone()));
                self.points.clone_from(&standing.points);
                self.dragging = Some(standing.latent.clone());
                if standing.done {
                    self.dragging = None;
                    self.arrived = Some((standing.latent.clone(), "drag points"));
                }
            }
            LatentEvent::Painting { job, picture, .. } if Some(*job) == self.job => {
                self.way = Some(Arc::new(picture.clone()));
            }
            LatentEvent::Painted { job, painted, .. } if Some(*job) == self.job => {
                self.arrived = Some((painted.latent.clone(), "paint on the picture"));
            }
            LatentEvent::Latents { ticket, latents, .. } if Some(*ticket) == self.mix => {
                self.mix = None;
                self.arrived = latents.first().map(|l| (l.clone(), "mix styles"));
            }
            _ => {}
        }
    }

    fn take(&mut self, _slot: usize, latent: &Latent, _state: &mut ExploreState) {
        self.other = Some(latent.clone().into());
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("Edited by hand".into())
    }

    fn expire(&mut self) {
        self.feed.expire();
    }
}

impl ImageEdit {
    fn running(&self, cx: &Cx<'_>) -> bool {
        job_progress::is_on(self.job, cx)
    }

    fn clear(&mut self) {
        (self.handles, self.points) = (Vec::new(), Vec::new());
        (self.mask, self.paint, self.erased) = (Vec::new(), Vec::new(), Vec::new());
    }

    fn tools(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, state: &ExploreState) {
        let tools =
            [(Tool::Points, "Points"), (Tool::Mask, "May change"), (Tool::Paint, "Paint"), (Tool::Erase, "Erase")];
        theme::segmented(ui, "Tool", &mut self.tool, &tools);
        if self.tool != Tool::Points {
            let brush =
                egui::DragValue::new(&mut self.brush).range(1.0..=64.0).speed(0.1).max_decimals(0).suffix(" px");
            ui.add(brush).accessible_name("Brush size");
        }
        if self.tool == Tool::Paint {
            let picked = ui.color_edit_button_srgba(&mut self.colour);
            theme::name(&picked, Role::Button, "Colour of the brush");
        }
        let (model, latent, truncation) = (info.model.clone(), state.here.latent.clone(), state.here.truncation);
        if self.dragging.is_some() {
            if theme::primary_button(ui, Some(ICON_STOP), "Stop").clicked()
                && let Some(session) = self.session
            {
                cx.send(Command::Latent(LatentCommand::StopDrag { session }));
                let latent = self.dragging.take();
                self.arrived = latent.map(|l| (l, "drag points"));
            }
        } else if self.running(cx) {
            if job_progress::shown(ui, cx, self.job, 140.0, "Following the brush", "Cancel painting")
                == Doing::Cancelled
            {
                self.way = None;
            }
        } else if matches!(self.tool, Tool::Points | Tool::Mask) {
            let ready = !self.handles.is_empty();
            let go = theme::enabled(ui, ready, |ui| theme::primary_button(ui, Some(ICON_PLAY_ARROW), "Drag points"));
            if go.inner.on_disabled_hover_text("Pull on the picture to set points first").clicked() {
                let session = *self.session.get_or_insert_with(|| cx.ids.next());
                let wish = Drag { handles: self.handles.clone(), mask: self.mask.clone(), ..Drag::default() };
                self.points = self.handles.iter().map(|h| h.from).collect();
                self.dragging = Some(latent.clone());
                cx.send(Command::Latent(LatentCommand::Drag { session, model, latent, truncation, wish }));
            }
        } else {
            let ready = !self.paint.is_empty() || !self.erased.is_empty();
            let go = theme::enabled(ui, ready, |ui| theme::primary_button(ui, Some(ICON_BRUSH), "Follow the brush"));
            if go.inner.on_disabled_hover_text("Paint or erase first").clicked() {
                let job = cx.new_job();
                let wish = Paint { paint: self.paint.clone(), erased: self.erased.clone(), ..Paint::default() };
                self.job = Some(job);
                cx.send(Command::Latent(LatentCommand::Paint { job, model, latent, truncation, wish }));
            }
        }
        let marked =
            !(self.handles.is_empty() && self.mask.is_empty() && self.paint.is_empty() && self.erased.is_empty());
        if marked && self.dragging.is_none() && theme::quiet_button(ui, None, "Clear marks").clicked() {
            self.clear();
        }
        let hint = match self.tool {
            _ if self.before.is_some() => "Hold B for before",
            _ if marked => "",
            Tool::Points => "Drag from a point to where it should go",
            Tool::Mask => "Brush over what may change; without a mark, all may",
            Tool::Paint => "Paint on the picture, then let the latent follow",
            Tool::Erase => "Brush over what should become something else",
        };
        if theme::left(ui) > 150.0 {
            ui.add(
                egui::Label::new(egui::RichText::new(hint).size(size::SMALL).color(theme::tokens(ui).weak)).truncate(),
            );
        }
    }

    fn styles(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, state: &ExploreState) {
        let layers = Dims::of(info).layers as u32;
        let other = self.other.get_or_insert(Anchor::Seed(7.0));
        theme::weak(ui, "Styles of");
        anchor_field(ui, other, "Picture whose styles are taken");
        let third = (layers / 3).max(1);
        for (name, range) in [
            ("Take coarse", [0, third]),
            ("Take middle", [third, 2 * third]),
            ("Take fine", [(2 * third).min(layers - 1), layers]),
        ] {
            if theme::button(ui, None, name).clicked() {
                let ticket = cx.ids.next();
                let (model, base) = (info.model.clone(), state.here.latent.clone());
                let from = state.here.classed(&other.latent(info.latent as usize));
                cx.send(Command::Latent(LatentCommand::MixStyles { ticket, model, base, from, layers: range }));
                self.mix = Some(ticket);
            }
        }
    }

    fn canvas(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) {
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let pixels = info.resolution;
        let rect = textures::canvas(room, pixels);
        let response = ui.interact(rect, ui.make_persistent_id("touch"), Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Picture to work on"));
        let before = self.before.as_ref().filter(|_| ui.input(|i| i.key_down(Key::B)) && cx.keys_free);
        let on_the_way = self.way.as_ref().filter(|_| self.dragging.is_some() || self.running(cx));
        let ctx = ui.ctx().clone();
        let t = theme::tokens(ui);
        let tex = match before.or(on_the_way) {
            Some(picture) => {
                let revision = Arc::as_ptr(picture) as u64 ^ self.revision;
                Some(cx.textures.get(&ctx, key("touch"), revision, picture))
            }
            None => self.feed.tex(0, cx.textures, &ctx),
        };
        match tex {
            Some(tex) => textures::paint(ui.painter(), rect, &tex, t),
            None => {
                ui.painter().rect_filled(rect, 2.0, t.raised);
            }
        }
        let scale = rect.width() / pixels.width.max(1) as f32;
        let pixel = |p: egui::Pos2| {
            // A whole number is the middle of a pixel.
            let by = (p - rect.min) / scale - Vec2::splat(0.5);
            [by.x.clamp(0.0, pixels.width as f32 - 1.0), by.y.clamp(0.0, pixels.height as f32 - 1.0)]
        };
        if self.dragging.is_none() && !self.running(cx) {
            self.hand(&response, pixel, pixels);
        }
        let screen = |p: [f32; 2]| rect.min + vec2(p[0] + 0.5, p[1] + 0.5) * scale;
        self.marks(ui, rect, scale, pixels.width as usize);
        for (i, handle) in self.handles.iter().enumerate() {
            let from = screen(self.points.get(i).copied().unwrap_or(handle.from));
            let to = screen(handle.to);
            ui.painter().line_segment([from, to], Stroke::new(2.0, t.accent));
            ui.painter().circle(from, 5.0, t.accent, Stroke::new(1.5, t.on_accent));
            ui.painter().circle_stroke(to, 6.0, Stroke::new(2.0, t.accent));
        }
        if response.has_focus() {
            textures::focus_ring(ui, &response);
        }
    }

    /// What the pointer does to the marks.
    fn hand(&mut self, response: &egui::Response, pixel: impl Fn(egui::Pos2) -> [f32; 2], of: Resolution) {
        let Some(pointer) = response.interact_pointer_pos() else { return };
        let at = pixel(pointer);
        let origin = response.ctx.input(|i| i.pointer.press_origin()).filter(|_| response.drag_started());
        if self.tool == Tool::Points {
            if response.drag_started() {
                let from = origin.map_or(at, &pixel);
                self.handles.push(Handle { from, to: at });
            } else if response.dragged()
                && let Some(last) = self.handles.last_mut()
            {
                last.to = at;
            }
            return;
        }
        if !response.dragged() && !response.clicked() {
            return;
        }
        let (n, [rows, columns]) = (of.pixels(), of.grid());
        match self.tool {
            Tool::Mask => self.mask.resize(n, 0),
            Tool::Paint => self.paint.resize(4 * n, 0),
            _ => self.erased.resize(n, 0),
        }
        // All the way from where the pointer was last: a quick stroke has no gaps.
        let way = [pixel(origin.unwrap_or(pointer - response.drag_delta())), at];
        for y in 0..rows {
            for x in 0..columns {
                if !brushed(vec2(x as f32, y as f32), way.map(|[x, y]| vec2(x, y)), self.brush) {
                    continue;
                }
                let i = y * columns + x;
                match self.tool {
                    Tool::Mask => self.mask[i] = 255,
                    Tool::Paint => {
                        self.paint[4 * i..4 * i + 4].copy_from_slice(&[
                            self.colour.r(),
                            self.colour.g(),
                            self.colour.b(),
                            255,
                        ]);
                    }
                    _ => self.erased[i] = 255,
                }
            }
        }
    }

    /// Paint, erased and masked pixels over the picture.
    fn marks(&self, ui: &Ui, rect: Rect, scale: f32, columns: usize) {
        let t = theme::tokens(ui);
        let cell = |i: usize| {
            let at = rect.min + vec2((i % columns) as f32, (i / columns) as f32) * scale;
            Rect::from_min_size(pos2(at.x, at.y), Vec2::splat(scale))
        };
        for (i, c) in self.paint.chunks_exact(4).enumerate().filter(|(_, c)| c[3] > 0) {
            ui.painter().rect_filled(cell(i), 0.0, Color32::from_rgb(c[0], c[1], c[2]));
        }
        for (i, _) in self.erased.iter().enumerate().filter(|(_, v)| **v > 0) {
            ui.painter().rect_filled(cell(i), 0.0, t.canvas.gamma_multiply(0.8));
        }
        for (i, _) in self.mask.iter().enumerate().filter(|(_, v)| **v > 0) {
            ui.painter().rect_filled(cell(i), 0.0, t.accent.gamma_multiply(0.35));
        }
    }
}
