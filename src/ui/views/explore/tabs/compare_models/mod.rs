//! Two models side by side: the same seeds or the same place through both, or one picture put into both.
//!
//! The left one is the model one explores, the right one any other, checkpoints of runs among them.

mod feature_distance;
mod layout;
mod photo;
pub mod state;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use egui::{ComboBox, DragValue, Rect, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::{
    ICON_CHEVRON_LEFT, ICON_CHEVRON_RIGHT, ICON_COMPARE_ARROWS, ICON_IOS_SHARE, ICON_MODEL_TRAINING,
};

use self::state::CompareModelsState;
use self::state::What;
use crate::base::{Channels, Picture};
use crate::engine::{Command, Event};
use crate::eval::pairs;
use crate::latent::even_spacing::Measure;
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, Space};
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::textures::key;
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::choices::{close_up, measure_choice};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::views::explore::picture_slots::one_picture;
use crate::ui::views::explore::tabs::your_photo::difference;
use crate::ui::views::explore::tabs::{grid, walk};
use crate::ui::widgets::latent_slot::{Tile, drag_latent, tile};
use feature_distance::FeatureDistance;
use layout::{grid, halves, note, still, strip_rows};
use photo::Photo;
use std::path::PathBuf;

/// Purpose of the dialog that chooses a picture for both.
pub const PICK: &str = "picture for two models";

/// Narrower than this the choice of what is put into both is a list.
const WIDE: f32 = 760.0;
/// Frames of a walk that are shown.
const FRAMES: usize = 32;

/// The tab's own state; the first of two is the left one.
#[derive(Default)]
pub struct CompareModels {
    /// A picture that was handed over.
    handed: Option<PathBuf>,
    feeds: [ImageRequests; 2],
    photo: Photo,
    /// The model that was asked to be opened last.
    opened: Option<ModelRef>,
    /// How far pictures are apart as features see them.
    far: FeatureDistance,
    /// Both pictures, what they differ in, and how alike they are in dB.
    apart: Option<([Arc<Picture>; 2], Picture, f64)>,
    revision: u64,
    /// The place under the pointer, on either side.
    over: Option<usize>,
}

/// Two pictures of one size: the smaller one is enlarged by whole pixels if that brings it there.
fn matched(a: &Picture, b: &Picture) -> Option<(Picture, Picture)> {
    let side = a.width.max(b.width);
    let grown = |p: &Picture| (p.width > 0 && side.is_multiple_of(p.width)).then(|| p.enlarged(side / p.width));
    let (a, b) = (grown(a)?, grown(b)?);
    (a.height == b.height).then_some((a, b))
}

/// What two pictures differ in, brightened to be seen, and how alike they are in dB; nothing if their sizes do not meet.
fn apart(a: &Picture, b: &Picture) -> Option<(Picture, f64)> {
    let (a, b) = matched(a, b)?;
    let bytes = |p: &Picture| p.to_interleaved(Channels::Rgb);
    let psnr = if a == b { f64::INFINITY } else { pairs::psnr(&bytes(&a), &bytes(&b)) };
    Some((difference(&a, &b).0, psnr))
}

/// Why a latent of one model is none of another; nothing if it is.
fn misfit(latent: &Latent, a: &ModelInfo, b: &ModelInfo) -> Option<String> {
    if a.latent != b.latent {
        return Some(format!(
            "A latent has {} numbers here and {} there, so one place is not in both",
            a.latent, b.latent
        ));
    }
    let layers = (Dims::of(a).layers, Dims::of(b).layers);
    (latent.place().space == Space::W && layers.0 != layers.1)
        .then(|| "Styles of one model are none of the other: open a seed, or take the same seeds".into())
}

impl Page for CompareModels {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        if let Some(photo) = self.handed.take() {
            (state.compare_models.what, state.compare_models.photo) = (What::Photo, Some(photo));
            out.label = Some("put a picture into both models");
        }
        let other = self.other(&mut state.compare_models, info, cx);
        theme::toolbar(ui, |ui| {
            if what(ui, &mut state.compare_models.what) {
                out.label = Some("compare models by something else");
            }
            match state.compare_models.what {
                What::Seeds => steps(ui, &mut state.compare_models, out),
                What::Here => {
                    measure(ui, &mut state.compare_models, out);
                }
                What::Walk | What::Grid => {}
                What::Photo => {
                    measure(ui, &mut state.compare_models, out);
                    self.photo.bar(ui, cx, &mut state.compare_models, out);
                }
            }
        });
        if other.is_none() && state.compare_models.other.is_none() {
            let text = "Train or import another one; a checkpoint of a run is one, too";
            let title = "No second model yet";
            let go = theme::empty_state(ui, ICON_MODEL_TRAINING, title, text, Some("Train on your pictures"));
            if go.is_some_and(|b| b.clicked()) {
                cx.go(ViewId::Data);
            }
            return;
        }
        close_up(ui);
        theme::toolbar(ui, |ui| self.names(ui, cx, info, other.as_ref(), state, out));
        let Some(other) = other else {
            theme::skeleton(ui, ui.available_size());
            ui.ctx().request_repaint_after_secs(1.0);
            return;
        };
        let latents = shown(state, info);
        let why = latents.iter().find_map(|latent| misfit(latent, info, &other));
        match (state.compare_models.what, why) {
            (What::Photo, _) => self.photo.show(ui, cx, [info, &other], &mut self.far, state, out),
            (What::Seeds, _) => self.sheets(ui, cx, [info, &other], (latents, None), state, out),
            (What::Here, None) => self.here(ui, cx, [info, &other], state, out),
            (What::Walk, None) => self.strips(ui, cx, [info, &other], latents, state, out),
            (What::Grid, None) => {
                let columns = state.grid.cells().0;
                self.sheets(ui, cx, [info, &other], (latents, Some(columns)), state, out);
            }
            (_, Some(why)) => {
                let title = "This picture cannot be made by both models";
                let go = theme::empty_state(ui, ICON_COMPARE_ARROWS, title, &why, Some("Take the same seeds"));
                if go.is_some_and(|b| b.clicked()) {
                    state.compare_models.what = What::Seeds;
                    out.label = Some("compare models by something else");
                }
            }
        }
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        for feed in &mut self.feeds {
            feed.on_event(event, cx);
        }
        self.photo.on_event(event);
        self.far.on_event(event);
    }

    fn on_drop(&mut self, paths: &[PathBuf], _info: &ModelInfo, state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        let one = one_picture(paths);
        if one {
            put(&paths[0], state, cx);
        }
        one
    }

    fn picked(&mut self, picked: &Picked<'_>, state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        let own = picked.purpose == PICK;
        if own {
            put(picked.first(), state, cx);
        }
        own
    }

    fn take_files(&mut self, paths: &[PathBuf]) -> bool {
        self.handed = paths.first().cloned();
        self.handed.is_some()
    }

    fn export(&self, state: &ExploreState, info: &ModelInfo, cx: &Cx<'_>, out: &mut PageActions) {
        match self.both(state, info, cx) {
            Some(both) => out.export_both = Some(both),
            None => out.export = Some((vec![state.here.latent.clone()], "sample", 0, Some("png"))),
        }
    }

    fn expire(&mut self) {
        self.feeds.iter_mut().for_each(ImageRequests::expire);
        self.photo.expire();
        self.opened = None;
    }
}

impl CompareModels {
    /// The right model: the first other one, if none was chosen; the same size of latents says the most.
    #[allow(clippy::unused_self)] // belongs to the pair
    fn chosen(&self, state: &CompareModelsState, info: &ModelInfo, cx: &Cx<'_>) -> Option<ModelRef> {
        state.other.clone().or_else(|| {
            let others = || cx.studio.models.iter().filter(|m| m.model != info.model && m.has_latents());
            others().find(|m| m.latent == info.latent).or(others().next()).map(|m| m.model.clone())
        })
    }

    /// The right model, as the studio knows it; asks for it where it is not known yet.
    fn other(&mut self, state: &mut CompareModelsState, info: &ModelInfo, cx: &mut Cx<'_>) -> Option<ModelInfo> {
        let chosen = self.chosen(state, info, cx)?;
        // Listed models are known; a checkpoint has to be opened. What is opened is selected, which the left one stays.
        if self.opened.as_ref() != Some(&chosen) && cx.studio.model(&chosen).is_none() {
            cx.send(Command::OpenModel { model: chosen.clone() });
            cx.push(Action::SelectModel(Some(info.model.clone())));
            self.opened = Some(chosen.clone());
        }
        cx.studio.model(&chosen).cloned()
    }

    /// What is exported: both models, and latents of each.
    fn both(&self, state: &ExploreState, info: &ModelInfo, cx: &Cx<'_>) -> Option<([ModelInfo; 2], [Vec<Latent>; 2])> {
        let other = cx.studio.model(&self.chosen(&state.compare_models, info, cx)?)?.clone();
        let latents = match state.compare_models.what {
            What::Photo => self.photo.latents()?.map(|latent| vec![latent]),
            _ => {
                // All frames of a walk, of which only some are shown.
                let all = match state.compare_models.what {
                    What::Walk => walk::latents(&state.walk, &Dims::of(info)),
                    _ => shown(state, info),
                };
                if all.iter().any(|latent| misfit(latent, info, &other).is_some()) {
                    return None;
                }
                [state.here.all_classed(&all), all.iter().map(|l| l.with_class(&[])).collect()]
            }
        };
        Some(([info.clone(), other], latents))
    }

    /// What both are called; the right one is chosen here.
    fn names(
        &self,
        ui: &mut Ui,
        cx: &Cx<'_>,
        info: &ModelInfo,
        other: Option<&ModelInfo>,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let text = |m: &ModelInfo| format!("{}  ·  {} {} px", m.name, m.family.id().to_uppercase(), m.resolution);
        let half = ui.available_width() / 2.0;
        let left = ui.label(text(info));
        let gap = half - left.rect.width() - 2.0 * (size::CONTROL + size::S);
        ui.add_space(gap.max(size::S));
        if theme::icon_button(ui, ICON_IOS_SHARE, "Export both…").clicked() {
            out.export_both = self.both(state, info, cx);
        }
        if theme::icon_button(ui, ICON_COMPARE_ARROWS, "Swap both models").clicked()
            && let Some(other) = other
        {
            state.compare_models.other = Some(info.model.clone());
            out.model = Some(other.model.clone());
        }
        let shown = match (other, &state.compare_models.other) {
            (Some(m), _) => text(m),
            (None, Some(name)) => name.clone(),
            (None, None) => "Choose a model".into(),
        };
        let combo = ComboBox::from_id_salt("other").selected_text(shown).width(240.0).truncate().show_ui(ui, |ui| {
            ui.set_min_width(300.0);
            for (model, name) in choices(cx, info) {
                let on = other.is_some_and(|o| o.model == model);
                if ui.selectable_label(on, &name).clicked() && !on {
                    state.compare_models.other = Some(model);
                    out.label = Some("compare another model");
                }
            }
        });
        combo.response.accessible_name("Other model");
    }

    /// Two sheets; what the pointer is on lights up on both.
    fn sheets(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        models: [&ModelInfo; 2],
        (latents, columns): (Vec<Latent>, Option<usize>),
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let latents = [state.here.all_classed(&latents), latents];
        let halves = halves(ui);
        let last = self.over.take();
        for side in 0..2 {
            let wish = ImageBatch {
                model: models[side].model.clone(),
                latents: latents[side].clone(),
                truncation: state.here.truncation,
            };
            self.feeds[side].want(wish, cx);
            for (i, rect) in grid(halves[side], latents[side].len(), columns).into_iter().enumerate() {
                let latent = &latents[side][i];
                let name = format!("{} {}", SIDES[side], latent.label());
                let response = self.cell(ui, cx, side, i, rect, &name, models, latent, state, out);
                if response.hovered() {
                    self.over = Some(i);
                }
                if last == Some(i) {
                    let stroke = Stroke::new(1.0, theme::tokens(ui).text);
                    ui.painter().rect_stroke(rect, 2.0, stroke, StrokeKind::Outside);
                }
            }
        }
        if self.over != last {
            ui.ctx().request_repaint();
        }
    }

    /// The frames of a walk as two strips, those of the left model above.
    fn strips(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        models: [&ModelInfo; 2],
        latents: Vec<Latent>,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let latents = [state.here.all_classed(&latents), latents];
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let n = latents[0].len().max(1);
        let rows = strip_rows(room, n);
        let columns = n.div_ceil(rows);
        let gap = 3.0;
        let wide = ((room.width() + gap) / columns as f32 - gap).floor();
        let pair = room.height() / rows as f32;
        let cell = wide.min((pair - size::M) / 2.0 - gap).max(8.0).floor();
        for side in 0..2 {
            let (model, truncation) = (models[side].model.clone(), state.here.truncation);
            self.feeds[side].want(ImageBatch { model, latents: latents[side].clone(), truncation }, cx);
            for (i, latent) in latents[side].iter().enumerate() {
                let (row, column) = ((i / columns) as f32, (i % columns) as f32);
                let top = row * (2.0 * (cell + gap) + size::M) + side as f32 * (cell + gap);
                let rect = Rect::from_min_size(room.min + vec2(column * (cell + gap), top), Vec2::splat(cell));
                let name = format!("{} frame {}", SIDES[side], i + 1);
                self.cell(ui, cx, side, i, rect, &name, models, latent, state, out);
            }
        }
    }

    /// A picture of a side: a click opens it, a drag takes it away.
    #[allow(clippy::too_many_arguments)]
    fn cell(
        &self,
        ui: &Ui,
        cx: &mut Cx<'_>,
        side: usize,
        i: usize,
        rect: Rect,
        name: &str,
        models: [&ModelInfo; 2],
        latent: &Latent,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) -> egui::Response {
        let tex = self.feeds[side].tex(i, cx.textures, &ui.ctx().clone());
        let selected = side == 0 && *latent == state.here.latent;
        let look = Tile { tex: tex.as_ref(), name, selected, focusable: true };
        let response = tile(ui, ui.make_persistent_id(("models", side, i)), rect, &look);
        drag_latent(&response, &models[side].model, latent, state.here.truncation, self.feeds[side].picture(i));
        if response.clicked() {
            open(side, models, latent, state, out);
        }
        response
    }

    /// The picture of one place by both, and what they differ in.
    fn here(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        models: [&ModelInfo; 2],
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let here = state.here.clone();
        // Classes of one model are not those of another.
        let latents = [here.latent.clone(), here.latent.with_class(&[])];
        for side in 0..2 {
            let latents = vec![latents[side].clone()];
            let (model, truncation) = (models[side].model.clone(), here.truncation);
            self.feeds[side].want(ImageBatch { model, latents, truncation }, cx);
        }
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let below = size::CONTROL;
        let side = ((room.width() - 2.0 * size::M) / 3.0).min(room.height() - below).max(16.0).floor();
        let left = room.center().x - (3.0 * side + 2.0 * size::M) / 2.0;
        let top = (room.center().y - (side + below) / 2.0).max(room.top());
        let spot = |i: usize| Rect::from_min_size(pos2(left + i as f32 * (side + size::M), top), Vec2::splat(side));
        for (of, at) in [(0, 0), (1, 2)] {
            let name = format!("{} picture", SIDES[of]);
            self.cell(ui, cx, of, 0, spot(at), &name, models, &latents[of], state, out);
            note(ui, spot(at), &models[of].name);
        }
        self.differ();
        let tex = self
            .apart
            .as_ref()
            .map(|(_, picture, _)| cx.textures.get(&ui.ctx().clone(), key("models apart"), self.revision, picture));
        still(ui, "Difference", spot(1), tex.as_ref());
        let text = match (&self.apart, state.compare_models.by) {
            (Some((_, _, psnr)), Measure::Pixels) => format!("Difference  ·  {}", decibels(*psnr)),
            (Some(([a, b], ..)), Measure::Features) => {
                format!("Difference  ·  {}", self.far.text([a, b], key(("here", self.revision)), cx))
            }
            (None, _) => "Difference".into(),
        };
        note(ui, spot(1), &text);
    }

    /// Finds out what both pictures differ in, once for each pair.
    fn differ(&mut self) {
        let [Some(a), Some(b)] = [0, 1].map(|side| self.feeds[side].picture(0).cloned()) else { return };
        let known = |k: &([Arc<Picture>; 2], Picture, f64)| Arc::ptr_eq(&k.0[0], &a) && Arc::ptr_eq(&k.0[1], &b);
        if !self.apart.as_ref().is_some_and(known) {
            self.revision += 1;
            self.apart = apart(&a, &b).map(|(picture, psnr)| ([a, b], picture, psnr));
        }
    }
}

/// Puts a picture file into both.
fn put(path: &Path, state: &mut ExploreState, cx: &mut Cx<'_>) {
    state.undo_point("put a picture into both models", cx);
    state.compare_models.what = What::Photo;
    state.compare_models.photo = Some(path.to_path_buf());
}

/// What is put into both; a list where there is little room. True when it changed.
fn what(ui: &mut Ui, what: &mut What) -> bool {
    let options = [
        (What::Seeds, "Same seeds"),
        (What::Here, "This picture"),
        (What::Walk, "My walk"),
        (What::Grid, "My grid"),
        (What::Photo, "A picture"),
    ];
    if ui.available_width() > WIDE {
        return theme::segmented(ui, "Put into both", what, &options);
    }
    let before = *what;
    let shown = options.iter().find(|o| o.0 == *what).map_or("", |o| o.1);
    let combo = ComboBox::from_id_salt("what").selected_text(shown).width(110.0).show_ui(ui, |ui| {
        for (option, text) in options {
            ui.selectable_value(what, option, text);
        }
    });
    combo.response.accessible_name("Put into both");
    *what != before
}

/// What the difference of two pictures is.
fn measure(ui: &mut Ui, state: &mut CompareModelsState, out: &mut PageActions) {
    if measure_choice(ui, "Difference by", &mut state.by) {
        out.label = Some("measure the difference by something else");
    }
}

/// The latents that are shown of both.
fn shown(state: &ExploreState, info: &ModelInfo) -> Vec<Latent> {
    match state.compare_models.what {
        What::Seeds => {
            let seed = |i: u32| Latent::Seed { seed: state.compare_models.first.wrapping_add(u64::from(i)) };
            (0..state.compare_models.count).map(seed).collect()
        }
        What::Here | What::Photo => vec![state.here.latent.clone()],
        What::Walk => {
            let all = walk::latents(&state.walk, &Dims::of(info));
            let n = all.len().min(FRAMES);
            (0..n).map(|i| all[i * all.len() / n].clone()).collect()
        }
        What::Grid => {
            let dims = Dims::of(info);
            // Evenly in numbers: what is even to the eye in one model is not in the other.
            let plain = grid::wish(&state.grid, &state.here, &dims).plain(&dims);
            plain.map(|laid| laid.cells).unwrap_or_default()
        }
    }
}

/// What both sides are called.
const SIDES: [&str; 2] = ["Left", "Right"];

/// Opens a picture of a side. One of the right model swaps both, so that what one looked at stays beside it.
fn open(side: usize, models: [&ModelInfo; 2], latent: &Latent, state: &mut ExploreState, out: &mut PageActions) {
    out.open = Some(latent.clone());
    if side == 1 {
        state.compare_models.other = Some(models[0].model.clone());
        out.model = Some(models[1].model.clone());
    }
}

/// Likeness for people.
fn decibels(psnr: f64) -> String {
    if psnr.is_finite() { format!("{psnr:.1} dB alike") } else { "the same to the last bit".into() }
}

/// Models that can stand on the right: all listed ones but the left, and every checkpoint of a run.
fn choices(cx: &Cx<'_>, info: &ModelInfo) -> Vec<(ModelRef, String)> {
    let mut all: Vec<(ModelRef, String)> = cx
        .studio
        .models
        .iter()
        .map(|m| (m.model.clone(), format!("{}  ·  {} {} px", m.name, m.family.id().to_uppercase(), m.resolution)))
        .collect();
    for run in &cx.studio.runs {
        let folder = run.dir.display().to_string();
        for c in &run.checkpoints {
            let kimg = c.images as f64 / 1000.0;
            all.push((format!("{folder}@{kimg}"), format!("{}  ·  at {}", run.name, format::kimg(c.images))));
            if c.best {
                all.push((format!("{folder}@best"), format!("{}  ·  the best so far", run.name)));
            }
        }
    }
    all.retain(|(model, _)| *model != info.model);
    all
}

fn steps(ui: &mut Ui, state: &mut CompareModelsState, out: &mut PageActions) {
    let by = u64::from(state.count);
    let mut go = None;
    if theme::icon_button(ui, ICON_CHEVRON_LEFT, "Seeds before").clicked() {
        go = Some(state.first.saturating_sub(by));
    }
    let field = DragValue::new(&mut state.first).prefix("from seed ").speed(0.3);
    if ui.add(field).accessible_name("First seed of both").changed() {
        out.label = Some("step through seeds");
    }
    if theme::icon_button(ui, ICON_CHEVRON_RIGHT, "Seeds after").clicked() {
        go = Some(state.first.saturating_add(by));
    }
    if let Some(first) = go {
        state.first = first;
        out.label = Some("step through seeds");
    }
    let count = DragValue::new(&mut state.count).range(1..=64).speed(0.1).suffix(" each");
    if ui.add(count).accessible_name("Samples of each").changed() {
        out.label = Some("change the number of samples");
    }
}
