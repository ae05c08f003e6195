//! One picture as large as there is room, or two beside each other.

use egui::{CursorIcon, Key, Modifiers, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2};
use egui_material_icons::icons::{ICON_ARROW_BACK, ICON_ARROW_FORWARD, ICON_CLOSE};

use super::{Cx, Deed, GalleryView, Overlay, detail, source};
use crate::base::Region;
use crate::engine::{Item, Sample};
use crate::ui::textures::{self, Tex, key};
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;

/// A rectangle whose longer side is shorter than this is none, in points.
const CLICK: f32 = 6.0;

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
        let Some(pointer) = response.interact_pointer_pos().or_else(|| ui.input(|i| i.pointer.latest_pos())) else {
            return;
        };
        // One that was broken off, as by a key, leaves nothing to the next.
        if response.drag_started() {
            self.find.corner = None;
        }
        let pressed = ui.input(|i| i.pointer.press_origin());
        let corner = *self.find.corner.get_or_insert(pressed.unwrap_or(pointer));
        let drawn = Rect::from_two_pos(corner, pointer).intersect(rect);
        ui.painter().rect_stroke(drawn, 0.0, Stroke::new(2.0, t.accent), StrokeKind::Inside);
        if response.drag_stopped() {
            self.find.corner = None;
            if let Some(region) = region(rect, corner, pointer, [item.width, item.height]) {
                self.search_now(vec![Sample::Region(item.id, region)], Vec::new(), cx);
            }
        }
    }
}

/// The pixels of a picture that a rectangle touches which is drawn on it from corner to corner; none if it is hardly more
/// than a click.
fn region(shown: Rect, a: Pos2, b: Pos2, [width, height]: [u32; 2]) -> Option<Region> {
    let drawn = Rect::from_two_pos(a, b).intersect(shown);
    if !drawn.is_positive() || drawn.width().max(drawn.height()) < CLICK {
        return None;
    }
    // Rounding must neither reach beyond the picture nor leave nothing.
    let span = |from: f32, to: f32, low: f32, room: f32, pixels: u32| {
        let at = |v: f32| (v - low) / room * pixels as f32;
        let first = (at(from).max(0.0) as u32).min(pixels.saturating_sub(1));
        let end = (at(to).ceil() as u32).clamp(first + 1, pixels.max(1));
        (first, end - first)
    };
    let (x, across) = span(drawn.left(), drawn.right(), shown.left(), shown.width(), width);
    let (y, down) = span(drawn.top(), drawn.bottom(), shown.top(), shown.height(), height);
    Some(Region { x, y, width: across, height: down })
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
    fn a_rectangle_is_a_region_within_the_picture() {
        let shown = Rect::from_min_size(Pos2::new(100.0, 50.0), Vec2::new(320.0, 160.0));
        let of = |a: [f32; 2], b: [f32; 2]| region(shown, a.into(), b.into(), [32, 16]);
        let region = |x, y, width, height| Some(Region { x, y, width, height });
        assert_eq!(of([110.0, 60.0], [130.0, 90.0]), region(1, 1, 2, 3));
        assert_eq!(of([130.0, 90.0], [110.0, 60.0]), region(1, 1, 2, 3), "either way");
        assert_eq!(of([0.0, 0.0], [900.0, 900.0]), region(0, 0, 32, 16), "no further than the picture");
        assert_eq!(of([415.0, 205.0], [900.0, 300.0]), None, "hardly more than a click");
        assert_eq!(of([112.0, 62.0], [119.0, 69.0]), region(1, 1, 1, 1));
        assert_eq!(of([0.0, 0.0], [90.0, 40.0]), None);
    }

    #[test]
    fn pixels_stay_square_and_equal() {
        assert_eq!(whole_multiple(Vec2::splat(32.0), Vec2::splat(500.0)), Vec2::splat(480.0));
        assert_eq!(whole_multiple(Vec2::splat(1000.0), Vec2::splat(500.0)), Vec2::splat(500.0));
    }
}
