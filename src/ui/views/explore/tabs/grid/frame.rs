//! Where the cells of a grid lie on the screen, and the fields of its anchors.

use egui::{Rect, Vec2, pos2, vec2};

use crate::latent::interpolation_grid::{Laid, Layout};
use crate::ui::theme::size;

/// Points between cells.
const GAP: f32 = 2.0;
/// Points between cells and the fields beside them.
const APART: f32 = 6.0;
/// Widest field of an anchor.
const WIDEST: f32 = 120.0;
/// Narrowest; below it there is none.
const NARROWEST: f32 = 56.0;

/// Where cells lie.
pub struct Frame {
    triangle: bool,
    columns: usize,
    rows: usize,
    side: f32,
    /// All cells.
    pub whole: Rect,
}

impl Frame {
    /// The largest cells that fit into a room, with room for fields where the layout has some.
    pub fn of(layout: Layout, columns: usize, rows: usize, room: Rect) -> Self {
        let triangle = layout == Layout::Triangle;
        let columns = if triangle { rows } else { columns };
        let field = size::CONTROL + size::S;
        let (above, below) = match layout {
            Layout::Line => (0.0, field),
            Layout::Triangle => (field, field),
            Layout::Corners => (field, if rows > 1 { field } else { 0.0 }),
            Layout::Sheet => (0.0, 0.0),
        };
        let gaps = |n: usize| GAP * (n as f32 - 1.0);
        let side = ((room.width() - gaps(columns)) / columns as f32)
            .min((room.height() - above - below - gaps(rows)) / rows as f32)
            .max(8.0)
            .floor();
        let whole = vec2(columns as f32, rows as f32) * (side + GAP) - Vec2::splat(GAP);
        let top = room.center() - vec2(whole.x, whole.y + below - above) / 2.0;
        let top = pos2(top.x.max(room.left()), top.y.max(room.top() + above)).round();
        Self { triangle, columns, rows, side, whole: Rect::from_min_size(top, whole) }
    }

    /// Row and column of a cell.
    pub fn spot(&self, cell: usize) -> (usize, usize) {
        if !self.triangle {
            return (cell / self.columns, cell % self.columns);
        }
        let row = (0..self.rows).find(|r| cell < (r + 1) * (r + 2) / 2).unwrap_or(0);
        (row, cell - row * (row + 1) / 2)
    }

    fn cell_at(&self, row: usize, column: usize) -> usize {
        if self.triangle { row * (row + 1) / 2 + column } else { row * self.columns + column }
    }

    /// Where a cell lies.
    pub fn cell(&self, cell: usize) -> Rect {
        let (row, column) = self.spot(cell);
        let pitch = self.side + GAP;
        let indent = if self.triangle { (self.rows - 1 - row) as f32 * pitch / 2.0 } else { 0.0 };
        let at = self.whole.min + vec2(indent + column as f32 * pitch, row as f32 * pitch);
        Rect::from_min_size(at.round(), Vec2::splat(self.side))
    }

    /// The cell that a step leads to; the same at an edge.
    pub fn step(&self, cell: usize, dx: i32, dy: i32) -> usize {
        let last = self.cell_at(self.rows - 1, if self.triangle { self.rows } else { self.columns } - 1);
        let (row, column) = self.spot(cell.min(last));
        let row = row.saturating_add_signed(dy as isize).min(self.rows - 1);
        let widest = if self.triangle { row } else { self.columns - 1 };
        self.cell_at(row, column.saturating_add_signed(dx as isize).min(widest))
    }

    /// Where the number field of an anchor lies, and whether it is flush right; nothing where there is no room.
    pub fn field(&self, layout: Layout, anchor: usize, cell: usize, laid: &Laid) -> Option<(Rect, bool)> {
        let above = self.whole.top() - APART - size::CONTROL;
        let below = self.whole.bottom() + APART;
        let at = |x: f32, y: f32, width: f32| Rect::from_min_size(pos2(x, y), vec2(width, size::CONTROL));
        let rect = self.cell(cell);
        match layout {
            Layout::Sheet => None,
            Layout::Corners => {
                // On a small grid both fields still stand beside each other.
                let half = (self.whole.width() / 2.0 - size::XS).max(88.0);
                let (right, middle) = (anchor % 2 == 1, self.whole.center().x);
                let x = if right { middle + size::XS } else { middle - size::XS - half };
                Some((at(x, if anchor >= 2 { below } else { above }, half), right))
            }
            Layout::Triangle if anchor == 0 => Some((at(rect.center().x - 40.0, above, WIDEST), false)),
            Layout::Triangle => {
                let right = anchor == 2;
                Some((at(if right { rect.right() - WIDEST } else { rect.left() }, below, WIDEST), right))
            }
            Layout::Line => {
                // As wide as there is room up to the next anchor.
                let near = laid.anchors.iter().filter(|a| a.1 != cell).map(|a| a.1.abs_diff(cell)).min();
                let width = (near.unwrap_or(1) as f32 * (self.side + GAP) - size::XS).min(WIDEST);
                let left = anchor + 1 == laid.anchors.len() && anchor > 0;
                let x = if left { rect.right() - width } else { rect.left() };
                (width >= NARROWEST).then(|| (at(x, below, width), left))
            }
        }
    }
}
