//! Where pictures of two models lie on the canvas.

use egui::{Rect, Sense, Ui, Vec2, vec2};

use crate::ui::textures::{self, Tex};
use crate::ui::theme::{self, size};

/// Rows of pairs of strips that make the frames largest.
pub fn strip_rows(room: Rect, n: usize) -> usize {
    let cell = |rows: usize| {
        let wide = room.width() / n.div_ceil(rows) as f32;
        wide.min(room.height() / (2 * rows) as f32)
    };
    (1..=n.min(8)).max_by(|a, b| cell(*a).total_cmp(&cell(*b))).unwrap_or(1)
}

/// The two halves of what is left of the canvas.
pub fn halves(ui: &Ui) -> [Rect; 2] {
    let room = ui.available_rect_before_wrap().shrink(size::M);
    let (left, right) = room.split_left_right_at_fraction(0.5);
    [left.with_max_x(left.right() - size::S), right.with_min_x(right.left() + size::S)]
}

/// `count` squares that just fit into a room, from its upper left, in so many columns if they are given.
pub fn grid(room: Rect, count: usize, columns: Option<usize>) -> Vec<Rect> {
    let gap = 3.0;
    let fits = |columns: usize| {
        let side = (room.width() - gap * (columns - 1) as f32) / columns as f32;
        let rows = count.div_ceil(columns) as f32;
        (rows * (side + gap) - gap <= room.height()).then_some((columns, side))
    };
    let (columns_fit, side) = (1..=count.max(1)).find_map(fits).unwrap_or((count.max(1), 16.0));
    let (columns, side) = columns.filter(|c| *c > 0).map_or((columns_fit, side), |c| {
        let rows = count.div_ceil(c) as f32;
        let wide = (room.width() + gap) / c as f32 - gap;
        (c, wide.min((room.height() + gap) / rows.max(1.0) - gap))
    });
    let side = side.max(8.0).floor();
    (0..count)
        .map(|i| {
            let at = vec2((i % columns) as f32, (i / columns) as f32) * (side + gap);
            Rect::from_min_size(room.min + at, Vec2::splat(side))
        })
        .collect()
}

/// A line under a picture.
pub fn note(ui: &Ui, rect: Rect, text: &str) {
    let font = egui::FontId::proportional(size::SMALL);
    let colour = theme::tokens(ui).weak;
    ui.painter().text(rect.left_bottom() + vec2(0.0, size::XS), egui::Align2::LEFT_TOP, text, font, colour);
}

/// A picture that only shows something.
pub fn still(ui: &Ui, name: &str, rect: Rect, tex: Option<&Tex>) {
    let response = ui.interact(rect, ui.make_persistent_id(name), Sense::hover());
    theme::name(&response, egui::Role::Image, name);
    let t = theme::tokens(ui);
    match tex {
        Some(tex) => textures::paint(ui.painter(), rect, tex, t),
        None => {
            ui.painter().rect_filled(rect, 2.0, t.raised);
        }
    }
}
