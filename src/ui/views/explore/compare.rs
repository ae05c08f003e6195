//! Two latents beside each other, and a slider from one to the other.

use egui::{Rect, Slider, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::{ICON_COMPARE_ARROWS, ICON_MY_LOCATION};

use super::desk::{CompareDesk, Desk};
use super::feed::{Feed, Wish};
use super::lattice::{mixed_spaces, mode_choice};
use super::place::{self, Places};
use super::{Cx, Out};
use crate::latent::interpolate::norm;
use crate::latent::latent_math::{Dims, space_of};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::theme::{self, size};
use crate::ui::widgets::latent_slot::{Tile, anchor_field, anchor_slot, drag_latent, tile};

const NAMES: [&str; 2] = ["Left picture", "Right picture"];
/// Purposes of the dialogs that choose a picture for a side.
pub const PICKS: [&str; 2] = ["left picture", "right picture"];

/// The tab's own state.
#[derive(Default)]
pub struct Compare {
    pub feed: Feed,
    /// Pictures put on either side.
    pub places: Places,
}

/// Left, between, right.
pub fn latents(desk: &CompareDesk, dims: &Dims) -> Vec<Latent> {
    let [a, b] = desk.ends.each_ref().map(|end| end.latent(dims.z));
    let between = dims.unclassed().towards(&a, &b, f64::from(desk.share), desk.mode);
    vec![a, between, b]
}

impl Compare {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        let dims = Dims::of(info);
        theme::toolbar(ui, |ui| {
            for (end, text) in [(0, "Left: where I stand"), (1, "Right: where I stand")] {
                if theme::quiet_button(ui, Some(ICON_MY_LOCATION), text).clicked() {
                    desk.compare.ends[end] = desk.here.latent.clone().into();
                    out.label = Some("compare another latent");
                }
            }
            if theme::icon_button(ui, ICON_COMPARE_ARROWS, "Swap left and right").clicked() {
                desk.compare.ends.swap(0, 1);
                desk.compare.share = 1.0 - desk.compare.share;
                out.label = Some("swap both");
            }
            mode_choice(ui, &mut desk.compare.mode, out);
            mixed_spaces(ui, &latents(&desk.compare, &dims));
            self.places.busy(ui, cx);
        });
        let wish = Wish {
            model: info.model.clone(),
            latents: desk.here.all_classed(&latents(&desk.compare, &dims)),
            truncation: desk.here.truncation,
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
            let selected = wish.latents[at] == desk.here.latent;
            let look = Tile { tex: tex.as_ref(), name: NAMES[end], selected, focusable: true };
            let id = ui.make_persistent_id(("compare", end));
            let slot = anchor_slot(ui, id, spot(at), &look, &mut desk.compare.ends[end], cx.studio, Some(info));
            out.foreign |= slot.foreign;
            if slot.changed {
                out.label = Some("compare another latent");
            }
            if slot.response.clicked() {
                out.stand = Some(wish.latents[at].clone());
            }
            if let Some(path) = slot.file {
                self.places.encode(end, &path, info, cx);
            }
            self.places.show(ui, cx, end, &slot.response, info);
            slot.response.on_hover_text(place::HINT).context_menu(|ui| Places::menu(ui, cx, PICKS[end]));
            let field = Rect::from_min_size(spot(at).left_bottom() + vec2(0.0, 6.0), vec2(side, size::CONTROL));
            let mut child = ui.new_child(egui::UiBuilder::new().max_rect(field).id_salt(("end", end)));
            if anchor_field(&mut child, &mut desk.compare.ends[end], &format!("{} seed", NAMES[end])) {
                out.label = Some("compare another latent");
            }
        }

        let tex = self.feed.tex(1, cx.textures, &ctx);
        let selected = wish.latents[1] == desk.here.latent;
        let look = Tile { tex: tex.as_ref(), name: "Picture between", selected, focusable: true };
        let id = ui.make_persistent_id("between");
        let response = tile(ui, id, spot(1), &look);
        drag_latent(&response, &info.model, &wish.latents[1], desk.here.truncation, self.feed.picture(1));
        if response.on_hover_text("Click to stand here").clicked() {
            out.stand = Some(wish.latents[1].clone());
        }
        let rail = Rect::from_min_size(spot(1).left_bottom() + vec2(0.0, 6.0), vec2(side, size::CONTROL));
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rail).id_salt("rail"));
        child.spacing_mut().slider_width = (side - 56.0).max(24.0);
        let slider = Slider::new(&mut desk.compare.share, 0.0..=1.0).max_decimals(2);
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
}
