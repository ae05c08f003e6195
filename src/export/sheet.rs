//! Contact sheets: many pictures on one.

use super::png::check_size;
use crate::base::{Picture, Problem, Result};

/// As a number of columns: rows of one, two, three … cells, each in the middle of the sheet.
pub const TRIANGLE: u32 = u32::MAX;

/// How a sheet looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Style {
    /// Cells across; 0 for nearly square, [`TRIANGLE`] for a triangle.
    pub columns: usize,
    /// Pixels around and between cells.
    pub gap: u32,
    /// Colour between cells and behind transparency; with alpha 0 transparent cells stay so.
    pub background: [u8; 4],
}

/// Columns of a nearly square sheet of `count` cells: never fewer than rows.
pub fn square(count: usize) -> usize {
    let mut columns = count.isqrt().max(1);
    while columns * columns < count {
        columns += 1;
    }
    columns
}

/// Columns and rows of `count` cells; `columns` 0 is nearly square, [`TRIANGLE`] a triangle with as many columns as rows, and
/// else there are never more columns than cells.
pub fn shape(count: usize, columns: usize) -> (usize, usize) {
    if columns == TRIANGLE as usize {
        let rows = (1..).find(|n| n * (n + 1) / 2 >= count).unwrap_or(1);
        return (rows, rows);
    }
    let columns = if columns == 0 { square(count) } else { columns }.clamp(1, count.max(1));
    (columns, count.div_ceil(columns))
}

/// Pixels of a sheet of `count` cells of this size with `gap` pixels around them, enlarged by a whole factor.
pub fn room(count: usize, columns: usize, cell: (u32, u32), gap: u32, factor: u32) -> (u64, u64) {
    let (columns, rows) = shape(count, columns);
    let length = |cells: usize, cell: u32| {
        let each = u64::from(cell) + u64::from(gap);
        (cells as u64).saturating_mul(each).saturating_add(u64::from(gap)).saturating_mul(u64::from(factor))
    };
    (length(columns, cell.0), length(rows, cell.1))
}

/// How many cells of this size with `gap` pixels around them, enlarged by a whole factor, fit on one nearly square sheet.
pub fn most(cell: (u32, u32), gap: u32, factor: u32) -> u64 {
    let fits = |count: u64| {
        let (w, h) = room(usize::try_from(count).unwrap_or(usize::MAX), 0, cell, gap, factor);
        check_size(w, h).is_ok()
    };
    let (mut low, mut high) = (0, 1u64 << 32);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

/// Pixels of a sheet of `count` cells.
pub fn size(count: usize, style: &Style, cell: (u32, u32)) -> (u64, u64) {
    room(count, style.columns, cell, style.gap, 1)
}

/// Where the `i`-th of `count` cells begins.
pub fn corner(i: usize, count: usize, style: &Style, cell: (u32, u32)) -> (u32, u32) {
    let (columns, rows) = shape(count, style.columns);
    let (across, down) = (cell.0 + style.gap, cell.1 + style.gap);
    let (row, column, indent) = if style.columns == TRIANGLE as usize {
        let row = (0..rows).find(|r| i < (r + 1) * (r + 2) / 2).unwrap_or(0) as u32;
        (row, i as u32 - row * (row + 1) / 2, (rows as u32 - 1 - row) * across / 2)
    } else {
        ((i / columns) as u32, (i % columns) as u32, 0)
    };
    (style.gap + indent + column * across, style.gap + row * down)
}

/// Lays pictures out row by row. Every cell has the size of the largest picture; smaller ones are centred in it.
///
/// # Errors
/// There are no pictures, or the sheet would be too large.
pub fn lay(pictures: &[Picture], style: &Style) -> Result<Picture> {
    let widest = pictures.iter().map(|p| p.width).max().unwrap_or(0);
    let tallest = pictures.iter().map(|p| p.height).max().unwrap_or(0);
    if widest == 0 || tallest == 0 {
        return Err(Problem::usage("A sheet needs at least one picture"));
    }
    let (width, height) = size(pictures.len(), style, (widest, tallest));
    check_size(width, height)?;
    let mut sheet = Picture::filled(width as u32, height as u32, style.background);
    for (i, picture) in pictures.iter().enumerate() {
        let (x, y) = corner(i, pictures.len(), style, (widest, tallest));
        let (x, y) = (x + (widest - picture.width) / 2, y + (tallest - picture.height) / 2);
        if style.background[3] == 255 {
            let [r, g, b, _] = style.background;
            sheet.paste(&over(picture, [r, g, b]), x, y);
        } else {
            sheet.paste(picture, x, y);
        }
    }
    Ok(sheet)
}

/// `p` on a colour; the result is opaque.
pub fn over(p: &Picture, colour: [u8; 3]) -> Picture {
    let mut out = p.clone();
    for px in out.rgba.chunks_exact_mut(4).filter(|px| px[3] != 255) {
        let alpha = u32::from(px[3]);
        for (v, back) in px.iter_mut().zip(colour) {
            *v = ((u32::from(*v) * alpha + u32::from(back) * (255 - alpha) + 127) / 255) as u8;
        }
        px[3] = 255;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_cells_lie_as_in_a_plain_grid() {
        let cells: Vec<_> = (1..=7u8).map(|v| Picture::filled(3, 2, [v, v, v, 128])).collect();
        for (columns, gap) in [(1, 0), (3, 1), (7, 4), (50, 2)] {
            let sheet = lay(&cells, &Style { columns, gap, background: [9, 9, 9, 0] }).unwrap();
            assert_eq!(sheet, Picture::grid(&cells, columns, gap, [9, 9, 9, 0]));
        }
    }

    #[test]
    fn a_triangle_has_one_cell_more_in_each_row_and_all_in_the_middle() {
        let cells: Vec<_> = (1..=6u8).map(|v| Picture::filled(4, 2, [v, v, v, 255])).collect();
        let sheet = lay(&cells, &Style { columns: TRIANGLE as usize, gap: 0, background: [9, 9, 9, 0] }).unwrap();
        assert_eq!((sheet.width, sheet.height), (12, 6));
        for (x, y, v) in [(3, 0, 9), (4, 0, 1), (7, 1, 1), (8, 0, 9), (2, 2, 2), (6, 3, 3), (0, 4, 4), (11, 5, 6)] {
            assert_eq!(sheet.pixel(x, y)[0], v, "{x} {y}");
        }
        assert_eq!(shape(6, TRIANGLE as usize), (3, 3));
    }

    #[test]
    fn small_cells_are_centred_and_transparency_shows_the_background() {
        let cells = [Picture::filled(4, 4, [255, 0, 0, 255]), Picture::filled(2, 2, [0, 0, 0, 0])];
        let sheet = lay(&cells, &Style { columns: 2, gap: 1, background: [10, 20, 30, 255] }).unwrap();
        assert_eq!((sheet.width, sheet.height), (11, 6));
        assert_eq!(sheet.pixel(1, 1), [255, 0, 0, 255]);
        for (x, y) in [(5, 1), (6, 1), (7, 2), (10, 5)] {
            assert_eq!(sheet.pixel(x, y), [10, 20, 30, 255]);
        }
    }

    #[test]
    fn as_many_cells_fit_as_are_said_to() {
        for (cell, factor) in [((1, 1), 1), ((64, 64), 1), ((64, 64), 16), ((256, 256), 4)] {
            let most = most(cell, 1, factor) as usize;
            let fits = |n: usize| {
                let (w, h) = room(n, 0, cell, 1, factor);
                check_size(w, h).is_ok()
            };
            assert!(most > 0 && fits(most) && !fits(most + 1), "{cell:?} ×{factor}: {most}");
        }
    }

    #[test]
    fn sheets_are_nearly_square() {
        for n in 1..=200 {
            let (columns, rows) = shape(n, 0);
            assert!(columns * rows >= n && columns >= rows && columns - rows <= 1, "{n}: {columns}×{rows}");
        }
        assert_eq!(shape(5, 9), (5, 1));
        assert!(lay(&[], &Style::default()).is_err());
        let huge = vec![Picture::filled(1, 1, [0; 4]); 3];
        assert!(lay(&huge, &Style { columns: 1, gap: 1 << 30, background: [0; 4] }).is_err());
    }

    #[test]
    fn compositing_rounds_to_the_nearest() {
        let p = Picture { width: 3, height: 1, rgba: vec![0, 100, 200, 0, 0, 100, 200, 128, 0, 100, 200, 255] };
        let on_white = over(&p, [255; 3]);
        assert_eq!(on_white.rgba, [255, 255, 255, 255, 127, 177, 227, 255, 0, 100, 200, 255]);
    }
}
