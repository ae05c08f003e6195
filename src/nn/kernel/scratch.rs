//! What both ways of computing a convolution share: panels of channels, buffers, pictures with a border.

use super::layout::{Gated, Load};

/// Columns of a panel.
pub const PANEL: usize = 64;

/// Widths of the panels that cover so many channels.
pub fn panels(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..channels).step_by(PANEL).map(move |first| (first, (channels - first).min(PANEL).next_multiple_of(16)))
}

/// Buffers that a thread uses again and again.
#[derive(Default)]
pub struct Work {
    /// Pictures as pixels.
    pub pixels: Vec<f32>,
    /// Results as pixels.
    pub results: Vec<f32>,
    /// Transformed tiles, and their products.
    pub points: Vec<f32>,
    pub sums: Vec<f32>,
    /// Offsets.
    pub places: Vec<(usize, usize)>,
    pub rows: Vec<usize>,
    pub out_rows: Vec<usize>,
}

/// A band of rows of pictures as pixels with a border of zeros.
pub struct Border {
    /// From and to; rows outside of the picture are zeros.
    pub rows: [isize; 2],
    /// Zeros left and right.
    pub sides: [usize; 2],
    /// Height and width.
    pub size: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Numbers of a pixel: its channels, then zeros.
    pub room: usize,
}

impl Border {
    /// `count` pictures into `work.pixels`, `[count][rows][left + width + right][room]`.
    pub fn load(&self, work: &mut Work, count: usize, x: &[f32], gated: Option<Gated<'_>>) {
        let ([lo, hi], [left, right], [height, width]) = (self.rows, self.sides, self.size);
        let (c, room) = (self.channels, self.room);
        let (rows, line) = ((hi - lo) as usize, (left + width + right) * self.room);
        work.pixels.resize((count * rows * line).max(1), 0.0);
        let inside = |row: isize| row.clamp(0, height as isize) as usize;
        let (first, last) = (inside(lo), inside(hi));
        let above = (first as isize - lo).clamp(0, rows as isize) as usize;
        work.rows.clear();
        work.rows.extend((0..(last - first) * width).map(|i| (above + i / width) * line + (left + i % width) * room));
        if room > c {
            work.pixels.fill(0.0);
        }
        for (picture, pixels) in work.pixels.chunks_exact_mut((rows * line).max(1)).take(count).enumerate() {
            pixels[..above * line].fill(0.0);
            pixels[(above + last - first) * line..].fill(0.0);
            for row in pixels[above * line..(above + last - first) * line].chunks_exact_mut(line) {
                row[..left * room].fill(0.0);
                row[(left + width) * room..].fill(0.0);
            }
            if first < last {
                let start = picture * c * height * width + first * width;
                let gated = gated.map(|g| Gated { gate: &g.gate[start..], ..g });
                Load { channels: c, plane: height * width, places: &work.rows }.run(&x[start..], gated, pixels);
            }
        }
    }
}
