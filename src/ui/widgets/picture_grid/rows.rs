//! Where cells lie: rows are found by halving, cells by arithmetic, so 100,000 entries cost what a hundred cost.

use std::ops::Range;

use egui::{Rect, pos2, vec2};

use super::{Arrangement, GAP};

/// The rows of a grid.
#[derive(Debug, Default)]
pub struct Rows {
    made_for: Option<(usize, u32, u32, Arrangement, u64)>,
    /// Each row: its first entry, top and height. Only justified grids keep rows.
    rows: Vec<(usize, f32, f32)>,
    /// Left edge and width of each cell of a justified grid.
    cells: Vec<(f32, f32)>,
    count: usize,
    columns: usize,
    side: f32,
    justified: bool,
    visible: Range<usize>,
    seen: (f32, f32),
}

impl Rows {
    /// Lays out anew if anything changed.
    pub fn update(
        &mut self,
        count: usize,
        width: f32,
        size: f32,
        arrangement: Arrangement,
        revision: u64,
        aspect: impl Fn(usize) -> f32,
    ) {
        let made_for = Some((count, width.to_bits(), size.to_bits(), arrangement, revision));
        if self.made_for == made_for {
            return;
        }
        self.made_for = made_for;
        self.count = count;
        self.justified = arrangement == Arrangement::Justified;
        self.rows.clear();
        self.cells.clear();
        if !self.justified {
            // Cells grow a little to fill the width.
            self.columns = (((width + GAP) / (size + GAP)).round() as usize).max(1);
            self.side = ((width - GAP * (self.columns - 1) as f32) / self.columns as f32).max(8.0);
            return;
        }
        self.columns = 1;
        let (mut first, mut top, mut sum) = (0, 0.0, 0.0);
        for i in 0..count {
            sum += aspect(i).clamp(0.2, 5.0);
            let gaps = GAP * (i - first) as f32;
            let full = sum * size + gaps >= width;
            if full || i + 1 == count {
                let height = if full { ((width - gaps) / sum).max(8.0) } else { size };
                self.rows.push((first, top, height));
                let mut left = 0.0;
                for j in first..=i {
                    let w = aspect(j).clamp(0.2, 5.0) * height;
                    self.cells.push((left, w));
                    left += w + GAP;
                }
                top += height + GAP;
                (first, sum) = (i + 1, 0.0);
            }
        }
    }

    fn row_count(&self) -> usize {
        if self.justified { self.rows.len() } else { self.count.div_ceil(self.columns.max(1)) }
    }

    fn row(&self, row: usize) -> (usize, f32, f32) {
        if self.justified { self.rows[row] } else { (row * self.columns, row as f32 * (self.side + GAP), self.side) }
    }

    fn row_of(&self, index: usize) -> usize {
        if self.justified {
            self.rows.partition_point(|r| r.0 <= index).saturating_sub(1)
        } else {
            index / self.columns.max(1)
        }
    }

    fn row_at(&self, y: f32) -> usize {
        let last = self.row_count().saturating_sub(1);
        let row = if self.justified {
            self.rows.partition_point(|r| r.1 <= y).saturating_sub(1)
        } else {
            (y / (self.side + GAP)).max(0.0) as usize
        };
        row.min(last)
    }

    /// Height of everything, in points.
    pub fn height(&self) -> f32 {
        match self.row_count() {
            0 => 0.0,
            n => {
                let (_, top, height) = self.row(n - 1);
                top + height
            }
        }
    }

    /// Where an entry lies, from the upper left corner of the grid.
    pub fn cell(&self, index: usize) -> Rect {
        let (first, top, height) = self.row(self.row_of(index));
        if self.justified {
            let (left, width) = self.cells[index];
            Rect::from_min_size(pos2(left, top), vec2(width, height))
        } else {
            let left = (index - first) as f32 * (self.side + GAP);
            Rect::from_min_size(pos2(left, top), vec2(self.side, height))
        }
    }

    /// Remembers which part is on the screen.
    pub fn see(&mut self, top: f32, bottom: f32) {
        self.seen = (top, bottom);
        self.visible = if self.count == 0 {
            0..0
        } else {
            let last = self.row_at(bottom);
            let end = if last + 1 < self.row_count() { self.row(last + 1).0 } else { self.count };
            self.row(self.row_at(top)).0..end
        };
    }

    /// Entries on the screen.
    pub fn visible(&self) -> Range<usize> {
        self.visible.clone()
    }

    /// The first of them.
    pub fn first_visible(&self) -> Option<usize> {
        self.visible.clone().next()
    }

    /// Whether all of an entry is on the screen.
    pub fn fully_visible(&self, index: usize) -> bool {
        let cell = self.cell(index);
        cell.top() >= self.seen.0 && cell.bottom() <= self.seen.1
    }

    /// The scroll offset nearest to the present one that shows an entry in a window of this height.
    pub fn offset_showing(&self, index: usize, height: f32) -> f32 {
        if self.count == 0 {
            return 0.0;
        }
        let cell = self.cell(index.min(self.count - 1));
        let top = self.seen.0;
        let offset = if cell.top() < top {
            cell.top()
        } else if cell.bottom() > top + height {
            cell.bottom() - height
        } else {
            top
        };
        offset.clamp(0.0, (self.height() - height).max(0.0))
    }

    /// The entry `rows` rows below (above if negative) another, as nearly under it as can be.
    pub fn below(&self, index: usize, rows: i64) -> usize {
        if self.count == 0 {
            return 0;
        }
        let row = self.row_of(index) as i64 + rows;
        if row < 0 || row >= self.row_count() as i64 {
            return if rows.abs() == 1 {
                index
            } else if row < 0 {
                0
            } else {
                self.count - 1
            };
        }
        let x = self.cell(index).center().x;
        let row = row as usize;
        let first = self.row(row).0;
        let end = if row + 1 < self.row_count() { self.row(row + 1).0 } else { self.count };
        let distance = |i: usize| (self.cell(i).center().x - x).abs();
        (first..end).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(index)
    }

    /// Rows in a window of this height, at least one.
    pub fn per_page(&self, height: f32) -> i64 {
        let row = if self.justified { self.rows.first().map_or(1.0, |r| r.2) } else { self.side };
        ((height / (row + GAP)) as i64).max(1)
    }

    /// Entries whose cells touch a rectangle.
    pub fn inside(&self, frame: Rect) -> impl Iterator<Item = usize> + '_ {
        let range = if self.count == 0 || frame.bottom() < 0.0 {
            0..0
        } else {
            let last = self.row_at(frame.bottom());
            let end = if last + 1 < self.row_count() { self.row(last + 1).0 } else { self.count };
            self.row(self.row_at(frame.top())).0..end
        };
        range.filter(move |&i| self.cell(i).intersects(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize, arrangement: Arrangement) -> Rows {
        let mut rows = Rows::default();
        rows.update(count, 1000.0, 96.0, arrangement, 0, |i| [1.0, 0.5, 2.0][i % 3]);
        rows
    }

    #[test]
    fn cells_do_not_overlap_and_stay_within_the_width() {
        for arrangement in [Arrangement::Squares, Arrangement::Justified] {
            let rows = rows(500, arrangement);
            for i in 0..500 {
                let cell = rows.cell(i);
                assert!(cell.left() >= 0.0 && cell.right() <= 1000.5, "{i} {cell:?}");
                assert_eq!(rows.inside(cell.shrink(1.0)).collect::<Vec<_>>(), [i]);
            }
            assert!(rows.height() >= rows.cell(499).bottom());
        }
    }

    #[test]
    fn only_what_is_on_the_screen_is_visible_among_many() {
        for arrangement in [Arrangement::Squares, Arrangement::Justified] {
            let mut rows = rows(100_000, arrangement);
            let top = rows.height() / 2.0;
            rows.see(top, top + 600.0);
            let visible = rows.visible();
            assert!(visible.len() < 120 && visible.start > 30_000, "{visible:?}");
            for i in [visible.start, visible.end - 1] {
                assert!(rows.cell(i).bottom() + GAP >= top && rows.cell(i).top() <= top + 600.0);
            }
            assert!(rows.cell(visible.start - 1).bottom() < top && rows.cell(visible.end).top() > top + 600.0);
        }
    }

    #[test]
    fn arrows_go_straight_down_and_back() {
        let rows = rows(100, Arrangement::Squares);
        let down = rows.below(3, 1);
        assert_eq!(rows.cell(down).left(), rows.cell(3).left());
        assert_eq!(rows.below(down, -1), 3);
        assert_eq!(rows.below(3, -1), 3);
        assert_eq!(rows.below(3, 1000), 99);
    }

    #[test]
    fn scrolling_shows_an_entry_and_moves_no_more_than_needed() {
        let mut rows = rows(1000, Arrangement::Squares);
        rows.see(0.0, 500.0);
        assert_eq!(rows.offset_showing(0, 500.0), 0.0);
        let offset = rows.offset_showing(999, 500.0);
        assert!((offset + 500.0 - rows.height()).abs() < 0.5);
        rows.see(offset, offset + 500.0);
        assert!(rows.fully_visible(999) && !rows.fully_visible(0));
    }
}
