//! Two latents beside each other, and a slider from one to the other.

use egui::{Rect, Slider, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::{ICON_COMPARE_ARROWS, ICON_MY_LOCATION};

use crate::engine::Event;
use crate::latent::interpolate::norm;
use crate::latent::latent_math::{Dims, space_of};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::choices::{mixed_spaces, mode_choice};
use crate::ui::views::explore::explore_state::{BetweenState, ExploreState};
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::views::explore::picture_slots::{self, PictureSlots, begin_at};
use crate::ui::views::explore::provenance::anchors;
use crate::ui::widgets::latent_slot::{Anchor, Tile, anchor_field, anchor_slot, drag_latent, tile};
use std::path::PathBuf;

const NAMES: [&str; 2] = ["Left picture", "Right picture"];
/// Purposes of the dialogs that choose a picture for a side.
pub const PICKS: [&str; 2] = ["left picture", "right picture"];

/// The tab's own state.
#[derive(Default)]
pub struct Between {
    feed: ImageRequests,
    /// Pictures put on either side.
    places: PictureSlots,
    /// What the page began with.
    begun: Vec<Anchor>,
}

impl Page for Between {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        let dims = Dims::of(info);
        theme::toolbar(ui, |ui| {
            for (end, text) in [(0, "Left: this picture"), (1, "Right: this picture")] {
                if theme::quiet_button(ui, Some(ICON_MY_LOCATION), text).clicked() {
                    state.between.ends[end] = state.here.latent.clone().into();
                    out.label = Some("compare another latent");
                }
            }
            if theme::icon_button(ui, ICON_COMPARE_ARROWS, "Swap left and right").clicked() {
                state.between.ends.swap(0, 1);
                state.between.share = 1.0 - state.between.share;
                out.label = Some("swap both");
            }
            mode_choice(ui, &mut state.between.mode, out);
            mixed_spaces(ui, &latents(&state.between, &dims));
            self.places.busy(ui, cx);
        });
        let wish = ImageBatch {
            model: info.model.clone(),
            latents: state.here.all_classed(&latents(&state.between, &dims)),
            truncation: state.here.truncation,
        };
        self.feed.want(wish.clone(), cx);

        let room = ui.available_rect_before_wrap().shrink(size::M);
        let below = 2.0 * (size::CONTROL + size::S);
        let side = ((room.width() - 2.0 * size::M) / 3.0).min(room.height() - below).max(16.0).floor();
        let top = (room.center().y - (side + below) / 2.0).max(room.top());
        let left = room.center().x - (3.0 * side + 2.0 * size::M) / 2.0;
        let spot = |i: usize| Rect::from_min_size(pos2(left + i as f32 * (side + size::M), top), Vec2::splat(side));
        let ctx = ui.ctx().clone();

        self.places.begin();
        for (end, at) in [(0, 0), (1, 2)] {
            let tex = self.feed.tex(at, cx.textures, &ctx);
            let selected = wish.latents[at] == state.here.latent;
            let look = Tile { tex: tex.as_ref(), name: NAMES[end], selected, focusable: true };
            let id = ui.make_persistent_id(("compare", end));
            let slot = anchor_slot(ui, id, spot(at), &look, &mut state.between.ends[end], cx.studio, Some(info));
            out.foreign |= slot.foreign;
            if slot.changed {
                out.label = Some("compare another latent");
            }
            if slot.response.clicked() {
                out.open = Some(wish.latents[at].clone());
            }
            if let Some(path) = slot.file {
                self.places.encode(end, &path, info, cx);
            }
            self.places.show(ui, cx, end, &slot.response, info);
            slot.response.on_hover_text(picture_slots::HINT).context_menu(|ui| PictureSlots::menu(ui, cx, PICKS[end]));
            let field = Rect::from_min_size(spot(at).left_bottom() + vec2(0.0, 6.0), vec2(side, size::CONTROL));
            let mut child = ui.new_child(egui::UiBuilder::new().max_rect(field).id_salt(("end", end)));
            if anchor_field(&mut child, &mut state.between.ends[end], &format!("{} seed", NAMES[end])) {
                out.label = Some("compare another latent");
            }
        }

        let tex = self.feed.tex(1, cx.textures, &ctx);
        let selected = wish.latents[1] == state.here.latent;
        let look = Tile { tex: tex.as_ref(), name: "Picture between", selected, focusable: true };
        let id = ui.make_persistent_id("between");
        let response = tile(ui, id, spot(1), &look);
        drag_latent(&response, &info.model, &wish.latents[1], state.here.truncation, self.feed.picture(1));
        if response.on_hover_text("Click to open it").clicked() {
            out.open = Some(wish.latents[1].clone());
        }
        let rail = Rect::from_min_size(spot(1).left_bottom() + vec2(0.0, 6.0), vec2(side, size::CONTROL));
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rail).id_salt("rail"));
        child.spacing_mut().slider_width = (side - 56.0).max(24.0);
        theme::sliders_on_canvas(&mut child);
        let slider = Slider::new(&mut state.between.share, 0.0..=1.0).max_decimals(2);
        if child.add(slider).accessible_name("Place between").changed() {
            out.label = Some("slide between two");
        }

        // How far apart they are: what a number can say beside two pictures.
        let ends = [&wish.latents[0], &wish.latents[2]];
        if space_of(ends).is_err() {
            return;
        }
        let [a, b] = &dims.alike(ends)[..] else { return };
        let gap: Vec<f32> = a.iter().zip(b).map(|(x, y)| x - y).collect();
        let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        let lengths = norm(a) * norm(b);
        let angle = if lengths > 0.0 { (dot / lengths).clamp(-1.0, 1.0).acos().to_degrees() } else { 0.0 };
        let text = format!("Distance {:.2}  ·  angle {angle:.0}°", norm(&gap));
        let t = theme::tokens(ui);
        let font = egui::FontId::proportional(size::SMALL);
        let at = pos2(room.center().x, rail.bottom() + size::S);
        ui.painter().text(at, egui::Align2::CENTER_TOP, text, font, t.weak);
    }

    fn on_event(&mut self, event: &Event, state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        if let Some((end, latent)) = self.places.encoded(event) {
            state.undo_point("compare with a picture", cx);
            state.between.ends[end] = latent.into();
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], info: &ModelInfo, _state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        self.places.dropped(paths, info, cx)
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        let Some(end) = PICKS.iter().position(|p| *p == picked.purpose) else { return false };
        self.places.encode(end, picked.first(), picked.info, cx);
        true
    }

    fn begin(&mut self, state: &mut ExploreState, _info: &ModelInfo) {
        begin_at(&mut self.begun, &mut state.between.ends, &BetweenState::default().ends, &state.here.latent);
    }

    fn take(&mut self, slot: usize, latent: &Latent, state: &mut ExploreState) {
        if let Some(end) = state.between.ends.get_mut(slot) {
            *end = latent.clone().into();
        }
    }

    fn export(&self, state: &ExploreState, info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some((latents(&state.between, &Dims::of(info)), "sample", 3, Some("grid")));
    }

    fn provenance(&self, state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some(format!("Between {}", anchors(&state.between.ends)))
    }

    fn expire(&mut self) {
        self.feed.expire();
    }
}

/// Left, between, right.
pub fn latents(state: &BetweenState, dims: &Dims) -> Vec<Latent> {
    let [a, b] = state.ends.each_ref().map(|end| end.latent(dims.z));
    let between = dims.unclassed().towards(&a, &b, f64::from(state.share), state.mode);
    vec![a, between, b]
}
