//! One picture as large as there is room, or two beside each other.

use egui::{CursorIcon, Key, Modifiers, Rect, Role, Sense, Ui, Vec2};
use egui_material_icons::icons::{ICON_ARROW_BACK, ICON_ARROW_FORWARD, ICON_CLOSE};

use super::{Cx, Deed, GalleryView, Overlay, detail, source};
use crate::engine::{Item, Sample};
use crate::ui::textures::{self, Tex, key};
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;

impl GalleryView {
    pub(super) fn show_overlay(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        let items = self.items.clone();
        let overlay = self.overlay.clone()?;
        if overlay == Overlay::Origin {
            self.show_origin(ui, cx);
            return None;
        }
        if overlay == Overlay::Usage {
            self.show_usage(ui, cx);
            return None;
        }
        if overlay == Overlay::Pairs {
            self.show_pairs(ui, cx);
            return None;
        }
        let (mut close, mut by) = (false, 0i64);
        if cx.has_keys(ViewId::Gallery) {
            let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
            close = pressed(Key::Escape) || pressed(Key::Space) || pressed(Key::Enter);
            by = i64::from(pressed(Key::ArrowRight) || pressed(Key::ArrowDown))
                - i64::from(pressed(Key::ArrowLeft) || pressed(Key::ArrowUp));
        }
        let mut deed = None;
        match overlay {
            Overlay::One(id) => {
                let place = self.place(id)?;
                let item = &items[place];
                theme::toolbar(ui, |ui| {
                    if theme::icon_button(ui, ICON_ARROW_BACK, "Previous picture").clicked() {
                        by = -1;
                    }
                    if theme::icon_button(ui, ICON_ARROW_FORWARD, "Next picture").clicked() {
                        by = 1;
                    }
                    theme::weak(ui, format!("{} of {}", place + 1, items.len()));
                    deed = detail::marks(ui, &[item]);
                    theme::at_end(ui, |ui| {
                        close |= theme::icon_button(ui, ICON_CLOSE, "Close (Esc)").clicked();
                    });
                });
                let room = ui.available_rect_before_wrap().shrink(size::M);
                self.large_picture(ui, cx, item, room);
                let to = (place as i64 + by).clamp(0, items.len() as i64 - 1) as usize;
                if by != 0 && to != place {
                    self.overlay = Some(Overlay::One(items[to].id));
                    self.grid.selection.only(items[to].id as u64);
                    self.grid.go_to(to);
                }
            }
            Overlay::Two(a, b) => {
                let (a, b) = (&items[self.place(a)?], &items[self.place(b)?]);
                theme::toolbar(ui, |ui| {
                    theme::weak(ui, format!("{}  and  {}", source::name(a), source::name(b)));
                    theme::at_end(ui, |ui| {
                        close |= theme::icon_button(ui, ICON_CLOSE, "Close (Esc)").clicked();
                    });
                });
                let room = ui.available_rect_before_wrap().shrink(size::M);
                let middle = room.center().x;
                let left = room.with_max_x(middle - size::S / 2.0);
                let right = room.with_min_x(middle + size::S / 2.0);
                self.large_picture(ui, cx, a, left);
                self.large_picture(ui, cx, b, right);
            }
            // It has bars and keys of its own, above.
            Overlay::Origin | Overlay::Usage | Overlay::Pairs => {}
        }
        if close {
            self.overlay = None;
        }
        deed
    }

    fn large_picture(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, item: &Item, room: Rect) {
        let ctx = ui.ctx().clone();
        cx.textures.of(cx.studio.subject_of_item(item));
        let tex: Option<Tex> = match self.large(item.id, cx) {
            Some(picture) => Some(cx.textures.get(&ctx, key(("kept large", item.id)), 0, &picture)),
            None => self.thumbs.tex(item.id, cx.textures, &ctx),
        };
        let t = theme::tokens(ui);
        let extent = match &tex {
            Some(tex) => whole_multiple(tex.size, tex.fit(room.size())),
            None => Vec2::splat(room.width().min(room.height())),
        };
        let rect = Rect::from_center_size(room.center(), extent);
        let response = ui.interact(rect, ui.make_persistent_id(("large", item.id)), Sense::drag());
        theme::name(&response, Role::Image, &source::name(item));
        match tex {
            Some(tex) => textures::paint(ui.painter(), rect, &tex, t),
            None => {
                ui.painter().rect_filled(rect, 2.0, t.raised);
            }
        }
        let response = response.on_hover_cursor(CursorIcon::Crosshair);
        if !response.dragged() && !response.drag_stopped() {
            response.on_hover_text("Drag a rectangle to search for what is in it");
            return;
        }
        if let Some(region) = self.find.drawn.update(ui, &response, rect, [item.width, item.height]) {
            self.search_now(vec![Sample::Region(item.id, region)], Vec::new(), cx);
        }
    }
}

/// The largest whole multiple of the pixels within a size, so that they all are equally large; small room takes all.
fn whole_multiple(pixels: Vec2, fit: Vec2) -> Vec2 {
    let factor = fit.x / pixels.x.max(1.0);
    if factor >= 1.0 { pixels * factor.floor() } else { fit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_stay_square_and_equal() {
        assert_eq!(whole_multiple(Vec2::splat(32.0), Vec2::splat(500.0)), Vec2::splat(480.0));
        assert_eq!(whole_multiple(Vec2::splat(1000.0), Vec2::splat(500.0)), Vec2::splat(500.0));
    }
}
