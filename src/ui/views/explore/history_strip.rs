//! The filmstrip: pictures that were opened, the newest at the right, and those that were kept.

use egui::{Button, Rect, ScrollArea, Stroke, Ui, Vec2, vec2};
use egui_material_icons::icons::{ICON_BOOKMARKS, ICON_BROKEN_IMAGE, ICON_CLOSE};

use super::ExploreView;
use super::provenance::KEPT;
use super::viewpoint::Viewpoint;
use crate::ui::textures::key;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::widgets::latent_slot::{Tile, drag_latent, latent_label, tile};

/// Part of the strip that kept pictures take.
const DRAWER: f32 = 0.34;
/// Narrower than this there is no room for both.
const NARROW: f32 = 480.0;

/// What is done with a stop.
enum Deed {
    Open(usize),
    Remove(usize),
}

impl ExploreView {
    pub(super) fn show_strip(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = self.info(cx.studio) else { return };
        self.kept.follow(&info, cx);
        let room = ui.available_rect_before_wrap();
        let toggle = Rect::from_min_max(egui::pos2(room.right() - size::CONTROL, room.top()), room.max);
        let text = if self.drawer { "Hide kept pictures" } else { "Show kept pictures" };
        let mut drawer = self.drawer;
        let mut side = ui.new_child(egui::UiBuilder::new().max_rect(toggle).id_salt("kept toggle"));
        let label = format!("{text} ({})", self.kept.len());
        theme::icon_toggle(&mut side, ICON_BOOKMARKS, &label, &mut drawer);
        self.drawer = drawer;
        let left = room.with_max_x(toggle.left() - size::XS);
        if !self.drawer || left.width() < NARROW {
            ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| self.show_history(ui, cx));
            return;
        }
        let (history, kept) = left.split_left_right_at_fraction(1.0 - DRAWER);
        let history = history.with_max_x(history.right() - size::S);
        ui.painter().vline(history.right() + size::XS, room.y_range(), Stroke::new(1.0, theme::tokens(ui).line));
        ui.scope_builder(egui::UiBuilder::new().max_rect(history), |ui| self.show_history(ui, cx));
        let mut right = ui.new_child(egui::UiBuilder::new().max_rect(kept).id_salt("kept"));
        cx.pictures_of(&info.model);
        if let Some((latent, truncation)) = self.kept.show(&mut right, cx, &info) {
            self.open_at(Viewpoint { model: Some(info.model), latent, truncation }, "open a kept picture", KEPT, cx);
        }
    }

    fn show_history(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if self.history.stops().is_empty() {
            theme::weak(ui, "Pictures that you opened will be listed here");
            return;
        }
        let side = (ui.available_height() - size::S).clamp(24.0, size::THUMB);
        let mut deed = None;
        let at = self.history.at();
        let area = ScrollArea::horizontal().id_salt("history").auto_shrink([false, false]).stick_to_right(true);
        area.show_viewport(ui, |ui, viewport| {
            let step = side + size::XS;
            let count = self.history.stops().len();
            let origin = ui.max_rect().min + Vec2::new(2.0, 2.0);
            ui.expand_to_include_rect(Rect::from_min_size(origin, Vec2::new(count as f32 * step, side)));
            let first = (viewport.left() / step).floor().max(0.0) as usize;
            let last = ((viewport.right() / step).ceil() as usize).min(count);
            for i in first..last {
                let rect = Rect::from_min_size(origin + Vec2::new(i as f32 * step, 0.0), Vec2::splat(side));
                deed = self.stop(ui, cx, i, rect, i == at).or(deed.take());
            }
        });
        match deed {
            Some(Deed::Open(i)) => {
                if let Some(viewpoint) = self.history.jump(i) {
                    if viewpoint != self.state.here {
                        self.state.undo_point("open a picture of the history", cx);
                    }
                    self.go_to(viewpoint, cx);
                }
            }
            Some(Deed::Remove(i)) => self.history.remove(i),
            None => {}
        }
    }

    /// A picture of the history, or why there is none.
    fn stop(&self, ui: &mut Ui, cx: &mut Cx<'_>, i: usize, rect: Rect, selected: bool) -> Option<Deed> {
        let stop = self.history.stops().get(i)?;
        let ctx = ui.ctx().clone();
        cx.pictures_of(stop.viewpoint.model.as_deref().unwrap_or_default());
        let tex = stop.picture.as_ref().map(|p| cx.textures.get(&ctx, key(("history", stop.number)), 0, p));
        let mut name = format!("Place {}: {}", i + 1, latent_label(&stop.viewpoint.latent));
        let look = Tile { tex: tex.as_ref(), name: &name, selected, focusable: true };
        let response = tile(ui, ui.make_persistent_id(("history", stop.number)), rect, &look);
        let mut deed = None;
        match &stop.broken {
            Some(why) => {
                let t = theme::tokens(ui);
                let at = rect.center();
                let font = egui::FontId::new(size::ICON_LARGE, ICON_BROKEN_IMAGE.font_family());
                ui.painter().text(at, egui::Align2::CENTER_CENTER, ICON_BROKEN_IMAGE.codepoint, font, t.disabled);
                // Nothing but its going is of use here.
                let corner = Rect::from_min_size(rect.right_top() - vec2(size::HIT, 0.0), Vec2::splat(size::HIT));
                let close =
                    ui.put(corner, Button::new(ICON_CLOSE.rich_text().size(size::ICON).color(t.weak)).frame(false));
                theme::name(&close, egui::Role::Button, &format!("Remove place {} from the history", i + 1));
                if close.clicked() {
                    deed = Some(Deed::Remove(i));
                }
                name = format!("No picture can be made of this place. {why}");
            }
            None => {
                if let Some(model) = &stop.viewpoint.model {
                    let (latent, truncation) = (&stop.viewpoint.latent, stop.viewpoint.truncation);
                    drag_latent(&response, model, latent, truncation, stop.picture.as_ref());
                }
                if response.clicked() {
                    deed = Some(Deed::Open(i));
                }
            }
        }
        response.on_hover_text(name);
        deed
    }
}
