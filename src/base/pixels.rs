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
