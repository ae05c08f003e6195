//! The points in the lasso: what can be done with them, and what the model makes there.

use std::collections::HashSet;

use egui::{Frame, Margin, Rect, Sense, Stroke, Ui, UiBuilder, Vec2, pos2, vec2};
use egui_material_icons::icons::{
    ICON_CLOSE, ICON_DO_NOT_DISTURB_ON, ICON_IOS_SHARE, ICON_LABEL, ICON_PHOTO_LIBRARY, ICON_STAR, ICON_TRAVEL_EXPLORE,
};

use crate::base::{Problem, Shape};
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::export::png::most_bytes;
use crate::latent::atlas::gather::{Atlas, Point, Whose};
use crate::models::info::ModelInfo;
use crate::recipe::DataRecipe;
use crate::recipe::picture::Latent;
use crate::ui::action::{Action, ViewMessage};
use crate::ui::format;
use crate::ui::textures::key;
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::job_progress;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::atlas::cells::{self, Cells};
use crate::ui::widgets::latent_slot::{Tile, drag_latent, tile};

/// Pictures that are made of a lasso.
const MADE: usize = 24;
/// Of these in a row.
const COLUMNS: usize = 4;
/// Pictures kept at once without a question.
const MANY: usize = 500;
/// Width of what the model makes there.
const WIDE: f32 = 248.0;

/// The points in the lasso.
#[derive(Default)]
pub struct Chosen {
    /// Sheet and lasso that these are of.
    of: u64,
    points: Vec<u32>,
    lit: HashSet<u32>,
    tag: String,
    /// The lasso whose many pictures are to be kept, if a person is sure.
    sure: Option<u64>,
    /// The job that keeps many pictures.
    keeping: Option<JobId>,
    /// PictureSlots that the model was asked for, and the lasso they are of.
    asked: Option<(u64, u64)>,
    /// What it makes there.
    here: Option<(u64, Vec<Latent>)>,
    feed: ImageRequests,
}

impl Chosen {
    /// Finds the points in a lasso; whether there is one.
    pub fn choose(&mut self, cells: &Cells, number: u64, lasso: &[[f32; 2]]) -> bool {
        let bits: Vec<[u32; 2]> = lasso.iter().map(|p| p.map(f32::to_bits)).collect();
        let now = key((number, bits));
        if now != self.of {
            self.of = now;
            self.points.clear();
            if lasso.len() > 2 {
                let (low, high) = cells::bounds(lasso);
                let points = &mut self.points;
                cells.within(low, high, |i| {
                    if cells::inside(lasso, cells.places()[i as usize]) {
                        points.push(i);
                    }
                });
                points.sort_unstable();
            }
            self.lit = self.points.iter().copied().collect();
        }
        lasso.len() > 2
    }

    /// What is lit, and a number that changes with it; nothing if all is.
    pub fn lit(&self) -> Option<(&[u32], u64)> {
        (!self.points.is_empty()).then_some((&self.points[..], self.of))
    }

    /// Whether a point does not step back.
    pub fn is_lit(&self, point: u32) -> bool {
        self.lit.is_empty() || self.lit.contains(&point)
    }

    /// What was made there was made by other weights.
    pub fn expire(&mut self) {
        self.feed.expire();
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        if let Event::Latent(LatentEvent::Latents { ticket, latents, .. }) = event
            && let Some((_, of)) = self.asked.take_if(|a| a.0 == *ticket)
        {
            self.here = Some((of, latents.clone()));
        }
    }

    /// Draws the bar of what can be done, and what the model makes there.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        (info, room): (&ModelInfo, Rect),
        state: &mut ExploreState,
        atlas: &Atlas,
        out: &mut PageActions,
    ) {
        let beside = self.here.as_ref().is_some_and(|h| h.0 == self.of);
        let right = room.right() - if beside { WIDE + size::S } else { 0.0 };
        let bar = Rect::from_min_max(room.min + Vec2::splat(size::S), pos2(right - size::S, room.bottom()));
        ui.scope_builder(UiBuilder::new().max_rect(bar).id_salt("chosen"), |ui| {
            plate(ui, "chosen plate", |ui| self.bar(ui, cx, info, state, atlas, out));
        });
        if beside {
            let corner = pos2(room.right() - WIDE - size::S, room.top() + size::S);
            let side = Rect::from_min_max(corner, pos2(room.right() - size::S, room.bottom() - size::S));
            ui.scope_builder(UiBuilder::new().max_rect(side).id_salt("made here"), |ui| {
                plate(ui, "made plate", |ui| self.made_here(ui, cx, info, state, out));
            });
        }
    }

    /// Latents of the points in the lasso that `is` takes.
    fn latents(&self, atlas: &Atlas, is: impl Fn(&Whose) -> bool) -> Vec<Latent> {
        let points = self.points.iter().filter_map(|i| atlas.points.get(*i as usize));
        points.filter(|p| is(&p.whose)).filter_map(|p| p.latent.clone()).collect()
    }

    #[allow(clippy::too_many_lines)] // one button after the other
    fn bar(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        atlas: &Atlas,
        out: &mut PageActions,
    ) {
        // There may be a hundred thousand: they are counted in each frame, and gathered when a button asks for them.
        let (mut real, mut made, mut places) = (0usize, 0usize, 0usize);
        let mut kept: Vec<i64> = Vec::new();
        for point in self.points.iter().filter_map(|i| atlas.points.get(*i as usize)) {
            match &point.whose {
                Whose::Real { .. } => real += 1,
                Whose::Generated { .. } => made += usize::from(point.latent.is_some()),
                Whose::Kept { id } => kept.push(*id),
            }
            places += usize::from(point.latent.is_some() && !matches!(point.whose, Whose::Real { .. }));
        }
        let parts = [(real, "real"), (made, "generated"), (kept.len(), "kept")];
        let text: Vec<String> =
            parts.iter().filter(|p| p.0 > 0).map(|(n, word)| format!("{} {word}", format::count(*n as u64))).collect();
        let text = if text.is_empty() { "Nothing in the lasso".into() } else { text.join(", ") };
        let keeping = job_progress::is_on(self.keeping, cx);
        ui.horizontal_wrapped(|ui| {
            theme::weak(ui, text);
            let help = "A sheet of what lies inside the lasso, also where there are no points";
            let look = theme::button(ui, Some(ICON_TRAVEL_EXPLORE), "What the model makes here").on_hover_text(help);
            if look.clicked() {
                let ticket = cx.ids.next();
                let (model, places) = (info.model.clone(), cells::spread(&state.atlas.lasso, MADE));
                self.asked = Some((ticket, self.of));
                cx.send(Command::Latent(LatentCommand::AtlasAt { ticket, model, places }));
            }
            if made > 0
                && !keeping
                && theme::button(ui, Some(ICON_STAR), "Keep generated")
                    .on_hover_text("In the gallery, with a star")
                    .clicked()
            {
                if made > MANY {
                    self.sure = Some(self.of);
                } else {
                    out.keep = self.latents(atlas, |w| matches!(w, Whose::Generated { .. }));
                }
            }
            if places > 0 && theme::button(ui, Some(ICON_IOS_SHARE), "Export…").clicked() {
                out.export = Some((self.latents(atlas, |w| !matches!(w, Whose::Real { .. })), "sample", 0, None));
            }
            if !kept.is_empty() {
                theme::text_field(ui, &mut self.tag, "tag", 80.0, "Tag for kept pictures");
                let tag = self.tag.trim().to_string();
                let add = ui.add_enabled_ui(!tag.is_empty(), |ui| theme::button(ui, Some(ICON_LABEL), "Tag kept"));
                if add.inner.clicked() {
                    self.tag.clear();
                    let said = format!("{} tagged {tag}", format::plural(kept.len() as u64, "picture", "pictures"));
                    cx.say(Problem::usage(said).info());
                    cx.send(Command::TagItems { ids: kept.clone(), tag, add: true });
                }
                if theme::icon_button(ui, ICON_STAR, "Give kept pictures a star").clicked() {
                    cx.send(Command::StarItems { ids: kept.clone(), starred: true });
                }
                if theme::button(ui, Some(ICON_PHOTO_LIBRARY), "Show in gallery").clicked() {
                    cx.push(Action::Deliver(ViewId::Gallery, Box::new(ViewMessage::Item(kept[0]))));
                }
            }
            if real > 0 {
                let help = "These pictures are not used by runs that are set up from now on; Data shows them and takes \
                            them back";
                let button = theme::button(ui, Some(ICON_DO_NOT_DISTURB_ON), "Leave out of the data");
                if button.on_hover_text(help).clicked() {
                    let points = self.points.iter().filter_map(|i| atlas.points.get(*i as usize));
                    let name =
                        |p: &Point| if let Whose::Real { name, .. } = &p.whose { Some(name.clone()) } else { None };
                    leave_out(points.filter_map(name).collect(), info, &atlas.source, cx);
                }
            }
            if theme::icon_button(ui, ICON_CLOSE, "Drop the lasso (Esc)").clicked() {
                state.atlas.lasso.clear();
                out.label = Some("drop the lasso");
            }
        });
        if keeping {
            ui.horizontal_wrapped(|ui| {
                job_progress::shown(ui, cx, self.keeping, 160.0, "Keeping pictures", "Stop keeping")
            });
        } else if self.sure == Some(self.of) && made > 0 {
            ui.horizontal_wrapped(|ui| self.ask(ui, cx, info, (atlas, made), out));
        }
    }

    /// Whether so many shall be kept, and what that takes.
    fn ask(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        (atlas, made): (&Atlas, usize),
        out: &mut PageActions,
    ) {
        let shape = Shape { resolution: info.resolution, channels: info.recipe.data.channels };
        let bytes = format::bytes(made as u64 * most_bytes(shape, 1, true));
        theme::weak(ui, format!("Keep {} pictures? Up to {bytes} in the gallery's folder", format::count(made as u64)));
        if theme::primary_button(ui, Some(ICON_STAR), "Keep them").clicked() {
            let job = cx.new_job();
            (self.keeping, self.sure) = (Some(job), None);
            out.keep = self.latents(atlas, |w| matches!(w, Whose::Generated { .. }));
            out.keep_job = Some(job);
        }
        if theme::button(ui, None, "Not now").clicked() {
            self.sure = None;
        }
    }

    fn made_here(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &ExploreState,
        out: &mut PageActions,
    ) {
        let Some((_, latents)) = &self.here else { return };
        let latents = state.here.all_classed(latents);
        let truncation = state.here.truncation;
        self.feed.want(ImageBatch { model: info.model.clone(), latents: latents.clone(), truncation }, cx);
        let mut close = false;
        ui.horizontal(|ui| {
            theme::weak(ui, "Made here");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                close = theme::icon_button(ui, ICON_CLOSE, "Close what the model makes here").clicked();
                if theme::icon_button(ui, ICON_IOS_SHARE, "Export these…").clicked() {
                    out.export = Some((latents.clone(), "grid", COLUMNS as u32, Some("grid")));
                }
                if theme::icon_button(ui, ICON_STAR, "Keep these").clicked() {
                    out.keep.clone_from(&latents);
                }
            });
        });
        let gap = 4.0;
        let rows = latents.len().div_ceil(COLUMNS) as f32;
        let wide = (ui.available_width() + gap) / COLUMNS as f32 - gap;
        let tall = (ui.available_height() + gap) / rows.max(1.0) - gap;
        let side = wide.min(tall).clamp(24.0, 96.0).floor();
        let (place, _) = ui.allocate_exact_size(vec2(ui.available_width(), rows * (side + gap) - gap), Sense::hover());
        let ctx = ui.ctx().clone();
        for (i, latent) in latents.iter().enumerate() {
            let at = vec2((i % COLUMNS) as f32, (i / COLUMNS) as f32) * (side + gap);
            let rect = Rect::from_min_size(place.min + at, Vec2::splat(side));
            let tex = self.feed.tex(i, cx.textures, &ctx);
            let name = format!("Made here {}", i + 1);
            let look = Tile { tex: tex.as_ref(), name: &name, selected: *latent == state.here.latent, focusable: true };
            let response = tile(ui, ui.make_persistent_id(("made here", i)), rect, &look);
            drag_latent(&response, &info.model, latent, truncation, self.feed.picture(i));
            if response.clicked() {
                out.open = Some(latent.clone());
                out.label = Some("open a place of the atlas");
            }
        }
        if close {
            self.here = None;
        }
    }
}

/// A raised plate over the sheet; clicks on it do not reach what lies below.
fn plate(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui)) {
    let t = theme::tokens(ui);
    let mut frame = Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(f32::from(size::RADIUS_CARD))
        .inner_margin(Margin::same(size::S as i8))
        .begin(ui);
    let before = frame.content_ui.max_rect();
    // Where it was in the last frame: widgets in it come later and so lie above.
    let name = ui.make_persistent_id(id);
    let last = ui.data(|d| d.get_temp::<Rect>(name)).unwrap_or(Rect::from_min_size(before.min, Vec2::ZERO));
    ui.interact(last, name, Sense::CLICK | Sense::DRAG);
    add(&mut frame.content_ui);
    let shown = frame.content_ui.min_rect() + frame.frame.inner_margin;
    ui.data_mut(|d| d.insert_temp(name, shown));
    frame.end(ui);
}

/// Has pictures left out of the data that runs are set up with.
fn leave_out(names: Vec<String>, info: &ModelInfo, source: &str, cx: &mut Cx<'_>) {
    let said = format!("{} left out", format::plural(names.len() as u64, "picture is", "pictures are"));
    cx.say(Problem::usage(said).of(source).try_this("Data shows them and takes them back").info());
    let data = Box::new(DataRecipe { source: source.into(), ..info.recipe.data.clone() });
    cx.push(Action::DeliverQuietly(ViewId::Data, Box::new(ViewMessage::LeaveOut { data, names })));
}
