//! The filmstrip: where one has been, newest at the right, each a click away.

use egui::{Rect, ScrollArea, Ui, Vec2};

use super::{Cx, ExploreView};
use crate::ui::textures::key;
use crate::ui::theme::{self, size};
use crate::ui::widgets::latent_slot::{Tile, drag_latent, latent_label, tile};

impl ExploreView {
    pub(super) fn show_strip(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if self.trail.stops().is_empty() {
            theme::weak(ui, "Where you have been will be listed here");
            return;
        }
        let side = (ui.available_height() - size::S).clamp(24.0, size::THUMB);
        let ctx = ui.ctx().clone();
        let mut to = None;
        let at = self.trail.at();
        let area = ScrollArea::horizontal().id_salt("trail").auto_shrink([false, false]).stick_to_right(true);
        area.show_viewport(ui, |ui, viewport| {
            let step = side + size::XS;
            let count = self.trail.stops().len();
            let origin = ui.max_rect().min + Vec2::new(2.0, 2.0);
            ui.expand_to_include_rect(Rect::from_min_size(origin, Vec2::new(count as f32 * step, side)));
            let first = (viewport.left() / step).floor().max(0.0) as usize;
            let last = ((viewport.right() / step).ceil() as usize).min(count);
            for (i, stop) in self.trail.stops().iter().enumerate().take(last).skip(first) {
                let rect = Rect::from_min_size(origin + Vec2::new(i as f32 * step, 0.0), Vec2::splat(side));
                let tex = stop.picture.as_ref().map(|p| cx.textures.get(&ctx, key(("trail", stop.number)), 0, p));
                let name = format!("Place {}: {}", i + 1, latent_label(&stop.stand.latent));
                let look = Tile { tex: tex.as_ref(), name: &name, selected: i == at, focusable: true };
                let id = ui.make_persistent_id(("trail", stop.number));
                let response = tile(ui, id, rect, &look);
                if let Some(model) = &stop.stand.model {
                    let (latent, truncation) = (&stop.stand.latent, stop.stand.truncation);
                    drag_latent(&response, model, latent, truncation, stop.picture.as_ref());
                }
                if response.clicked() {
                    to = Some(i);
                }
                response.on_hover_text(name);
            }
        });
        if let Some(stand) = to.and_then(|i| self.trail.jump(i)) {
            self.go_to(stand, cx);
        }
    }
}
