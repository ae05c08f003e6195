//! Plain pixels: what leaves a model, fills a screen and is written to a file.

use super::Channels;

/// Longest side of a picture that is read or written, in pixels.
pub const LONGEST_SIDE: u32 = 16_384;
/// Most pixels of a picture that is read or written.
pub const MOST_PIXELS: u64 = 100_000_000;

/// A picture: 8-bit RGBA, straight alpha, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `width · height · 4` bytes.
    pub rgba: Vec<u8>,
}

/// Neighbouring pixels that are compared in a picture.
const COMPARED: usize = 4096;

impl Picture {
    /// One colour everywhere.
    pub fn filled(width: u32, height: u32, colour: [u8; 4]) -> Self {
        Self { width, height, rgba: colour.repeat((width * height) as usize) }
    }

    /// From interleaved bytes (height, width, channel) of a square model picture.
    pub fn from_interleaved(width: u32, height: u32, channels: Channels, bytes: &[u8]) -> Self {
        let mut rgba = Vec::with_capacity((width * height * 4) as usize);
        match channels {
            Channels::Grey => bytes.iter().for_each(|&v| rgba.extend_from_slice(&[v, v, v, 255])),
            Channels::Rgb => bytes.chunks_exact(3).for_each(|p| rgba.extend_from_slice(&[p[0], p[1], p[2], 255])),
            Channels::Rgba => rgba.extend_from_slice(bytes),
            Channels::Points => return Self { width: 2, height: 1, rgba: bytes.to_vec() },
        }
        Self { width, height, rgba }
    }

    /// To interleaved bytes with these channels; grey by ITU-R BT.709 luma; alpha is dropped where there is none.
    pub fn to_interleaved(&self, channels: Channels) -> Vec<u8> {
        match channels {
            Channels::Rgba | Channels::Points => self.rgba.clone(),
            Channels::Rgb => {
                let mut out = vec![0; self.rgba.len() / 4 * 3];
                let pixels = out.as_chunks_mut().0.iter_mut().zip(self.rgba.as_chunks::<4>().0);
                pixels.for_each(|(to, &[r, g, b, _])| *to = [r, g, b]);
                out
            }
            Channels::Grey => self
                .rgba
                .chunks_exact(4)
                .map(|p| {
                    let (r, g, b) = (u32::from(p[0]), u32::from(p[1]), u32::from(p[2]));
                    ((r * 2126 + g * 7152 + b * 722 + 5000) / 10000) as u8
                })
                .collect(),
        }
    }

    /// Whether nothing shines through.
    pub fn is_opaque(&self) -> bool {
        // In blocks, so that many pixels are looked at at once and a clear one ends it soon.
        let all = |block: &[[u8; 4]]| block.iter().fold(u32::MAX, |all, p| all & u32::from_le_bytes(*p)) >> 24 == 255;
        self.rgba.as_chunks().0.chunks(64).all(all)
    }

    /// Whether it is drawn of even areas with hard edges, as pixel art and drawings are, and photographs are not.
    pub fn has_hard_pixels(&self) -> bool {
        let (w, pixels) = (self.width as usize, self.rgba.len() / 4);
        if w < 2 || pixels < 4 {
            return true;
        }
        // Large photographs change little from pixel to pixel, but hardly ever not at all.
        let alike = if self.width.max(self.height) <= 128 { 6 } else { 1 };
        let step = (pixels / COMPARED).max(1);
        let (mut flat, mut hard, mut all) = (0usize, 0usize, 0usize);
        for i in (0..pixels - 1).step_by(step).filter(|i| (i + 1) % w != 0) {
            let (a, b) = (&self.rgba[i * 4..i * 4 + 4], &self.rgba[i * 4 + 4..i * 4 + 8]);
            if a[3] == 0 && b[3] == 0 {
                continue;
            }
            let far = a.iter().zip(b).map(|(x, y)| x.abs_diff(*y)).max().unwrap_or_default();
            all += 1;
            flat += usize::from(far <= alike);
            hard += usize::from(far > 40);
        }
        flat * 2 >= all && hard * 3 >= (all - flat).max(1)
    }

    /// The colour at `(x, y)`.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let i = ((y * self.width + x) * 4) as usize;
        [self.rgba[i], self.rgba[i + 1], self.rgba[i + 2], self.rgba[i + 3]]
    }

    /// Copies `other` with its upper left corner at `(x, y)`; what falls outside is cut off.
    pub fn paste(&mut self, other: &Self, x: u32, y: u32) {
        if x >= self.width {
            return;
        }
        let across = other.width.min(self.width - x) as usize * 4;
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let from = (row * other.width) as usize * 4;
            let to = ((y + row) * self.width + x) as usize * 4;
            self.rgba[to..to + across].copy_from_slice(&other.rgba[from..from + across]);
        }
    }

    /// Lays pictures out row by row with `gap` pixels of `background` around and between them.
    pub fn grid(pictures: &[Self], columns: usize, gap: u32, background: [u8; 4]) -> Self {
        let Some(first) = pictures.first() else { return Self::default() };
        let columns = columns.clamp(1, pictures.len());
        let rows = pictures.len().div_ceil(columns);
        let (w, h) = (first.width, first.height);
        let mut sheet = Self::filled(columns as u32 * (w + gap) + gap, rows as u32 * (h + gap) + gap, background);
        for (i, picture) in pictures.iter().enumerate() {
            let (row, column) = ((i / columns) as u32, (i % columns) as u32);
            sheet.paste(picture, gap + column * (w + gap), gap + row * (h + gap));
        }
        sheet
    }

    /// Enlarged by a whole factor, every pixel a block.
    pub fn enlarged(&self, factor: u32) -> Self {
        if factor <= 1 {
            return self.clone();
        }
        let mut out = Self::filled(self.width * factor, self.height * factor, [0; 4]);
        for y in 0..out.height {
            for x in 0..out.width {
                let i = ((y * out.width + x) * 4) as usize;
                out.rgba[i..i + 4].copy_from_slice(&self.pixel(x / factor, y / factor));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn pixel_art_is_told_from_photographs() {
        let picture = |side: u32, colour: &dyn Fn(u32, u32) -> u8| {
            let rgba = (0..side * side).flat_map(|i| {
                let c = colour(i % side, i / side);
                [c, c / 2, 255 - c, 255]
            });
            Picture { width: side, height: side, rgba: rgba.collect() }
        };
        let art = picture(24, &|x, y| if (x / 6 + y / 6) % 2 == 0 { 20 } else { 200 });
        assert!(art.has_hard_pixels());
        let noise = std::cell::RefCell::new(Stream::new(1, "noise"));
        let grainy = |x: u32, y: u32| (x + y * 2 + (noise.borrow_mut().normal().abs() * 30.0) as u32).min(255) as u8;
        assert!(!picture(32, &grainy).has_hard_pixels());
        assert!(!picture(64, &|x, y| (x + y) as u8).has_hard_pixels(), "soft without an edge");
        assert!(!picture(512, &|x, y| ((x * 3 + y) % 251) as u8).has_hard_pixels(), "large, and never twice the same");
    }

    #[test]
    fn a_grid_places_every_picture_once() {
        let cells: Vec<_> = (1..=5u8).map(|v| Picture::filled(3, 2, [v, v, v, 255])).collect();
        let sheet = Picture::grid(&cells, 2, 1, [0, 0, 0, 255]);
        assert_eq!((sheet.width, sheet.height), (9, 10));
        for v in 1..=5u8 {
            assert_eq!(sheet.rgba.chunks(4).filter(|p| p[0] == v).count(), 6);
        }
    }

    #[test]
    fn interleaved_bytes_go_back_and_forth() {
        for channels in [Channels::Grey, Channels::Rgb, Channels::Rgba] {
            let bytes: Vec<u8> = (0..(4 * 4 * channels.count()) as u8).collect();
            let picture = Picture::from_interleaved(4, 4, channels, &bytes);
            assert_eq!(picture.to_interleaved(channels), bytes);
        }
    }

    #[test]
    fn enlarging_repeats_pixels() {
        let p = Picture { width: 2, height: 1, rgba: vec![1, 1, 1, 1, 2, 2, 2, 2] };
        let q = p.enlarged(3);
        assert_eq!((q.width, q.height), (6, 3));
        assert_eq!(q.pixel(2, 2)[0], 1);
        assert_eq!(q.pixel(3, 0)[0], 2);
    }
}
