//! A rectangle that is drawn on a picture, as a region in its pixels.

use egui::{Pos2, Rect, Response, Stroke, StrokeKind, Ui};

use crate::base::Region;
use crate::ui::theme;

/// A rectangle whose longer side is shorter than this is none, in points.
const CLICK: f32 = 6.0;

/// A rectangle that is being drawn.
#[derive(Debug, Default)]
pub struct DrawnRegion {
    corner: Option<Pos2>,
}

impl DrawnRegion {
    /// Shows the rectangle that is dragged over `shown`, where a picture of so many pixels across and down is painted that
    /// `response` senses drags on; gives the region once it is let go of.
    pub fn update(&mut self, ui: &Ui, response: &Response, shown: Rect, pixels: [u32; 2]) -> Option<Region> {
        if !response.dragged() && !response.drag_stopped() {
            return None;
        }
        let pointer = response.interact_pointer_pos().or_else(|| ui.input(|i| i.pointer.latest_pos()))?;
        // One that was broken off, as by a key, leaves nothing to the next.
        if response.drag_started() {
            self.corner = None;
        }
        let pressed = ui.input(|i| i.pointer.press_origin());
        let corner = *self.corner.get_or_insert(pressed.unwrap_or(pointer));
        let drawn = Rect::from_two_pos(corner, pointer).intersect(shown);
        ui.painter().rect_stroke(drawn, 0.0, Stroke::new(2.0, theme::tokens(ui).accent), StrokeKind::Inside);
        if !response.drag_stopped() {
            return None;
        }
        self.corner = None;
        region(shown, corner, pointer, pixels)
    }
}

/// Where a region of a picture of so many pixels lies on the screen, as far as it lies in the picture.
pub fn on_screen(shown: Rect, region: Region, [width, height]: [u32; 2]) -> Rect {
    let share = |from: u32, length: u32, pixels: u32| {
        let of = |v: u32| v.min(pixels) as f32 / pixels.max(1) as f32;
        (of(from), of(from.saturating_add(length)))
    };
    let (left, right) = share(region.x, region.width, width);
    let (top, bottom) = share(region.y, region.height, height);
    let at = |x: f32, y: f32| shown.min + shown.size() * egui::vec2(x, y);
    Rect::from_min_max(at(left, top), at(right, bottom))
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

#[cfg(test)]
mod tests {
    use egui::Vec2;

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
    fn a_region_is_shown_where_it_was_drawn() {
        let shown = Rect::from_min_size(Pos2::new(100.0, 50.0), Vec2::new(320.0, 160.0));
        let drawn = Rect::from_min_max(Pos2::new(110.0, 60.0), Pos2::new(130.0, 90.0));
        let one = region(shown, drawn.min, drawn.max, [32, 16]).unwrap();
        assert_eq!(on_screen(shown, one, [32, 16]), drawn);
        let beyond = Region { x: 30, y: 0, width: 9, height: 99 };
        assert_eq!(on_screen(shown, beyond, [32, 16]), shown.with_min_x(400.0));
    }
}
