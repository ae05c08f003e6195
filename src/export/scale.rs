//! Pictures larger (whole factors, for export) and smaller (for thumbnails).

use fast_image_resize as fir;
use fir::images::Image;
use fir::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::base::{Picture, Problem, Result};

/// How pixels between pixels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, strum::EnumIter)]
pub enum Filter {
    /// Every pixel a block: pixel art stays pixel art.
    #[default]
    Nearest,
    /// Windowed sinc over three pixels a side: photographs stay smooth.
    Lanczos,
}

impl Filter {
    /// `nearest` or `lanczos`, as in recipes and on the command line.
    pub fn id(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Lanczos => "lanczos",
        }
    }

    /// The filter of this id.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn from_id(id: &str) -> Result<Self> {
        match id {
            "nearest" => Ok(Self::Nearest),
            "lanczos" => Ok(Self::Lanczos),
            _ => Err(Problem::usage("There is no such filter").of(id).try_this("Choose `nearest` or `lanczos`")),
        }
    }
}

/// `p` enlarged by a whole factor; 0 and 1 leave it as it is.
pub fn scale(p: &Picture, factor: u32, filter: Filter) -> Picture {
    if factor <= 1 || p.rgba.is_empty() {
        return p.clone();
    }
    match filter {
        Filter::Nearest => nearest(p, factor),
        Filter::Lanczos => resize(p, p.width * factor, p.height * factor),
    }
}

/// `p` made smaller (never larger) so that its longer side is at most `side` pixels.
pub fn fit(p: &Picture, side: u32) -> Picture {
    let longer = p.width.max(p.height);
    if longer <= side || p.rgba.is_empty() {
        return p.clone();
    }
    let of = |length: u32| ((u64::from(length) * u64::from(side) + u64::from(longer) / 2) / u64::from(longer)).max(1);
    resize(p, of(p.width) as u32, of(p.height) as u32)
}

/// `p` smoothly brought to another size.
pub(super) fn resized(p: &Picture, width: u32, height: u32) -> Picture {
    if (p.width, p.height) == (width, height) || p.rgba.is_empty() { p.clone() } else { resize(p, width, height) }
}

fn nearest(p: &Picture, factor: u32) -> Picture {
    let (width, height) = (p.width * factor, p.height * factor);
    let across = width as usize * 4;
    let mut rgba = Vec::with_capacity(across * height as usize);
    for row in p.rgba.chunks_exact(p.width as usize * 4) {
        let start = rgba.len();
        for pixel in row.chunks_exact(4) {
            for _ in 0..factor {
                rgba.extend_from_slice(pixel);
            }
        }
        for _ in 1..factor {
            rgba.extend_from_within(start..start + across);
        }
    }
    Picture { width, height, rgba }
}

/// Lanczos with colours weighted by alpha. Works in 16 bits, so that colours survive under little alpha.
fn resize(p: &Picture, width: u32, height: u32) -> Picture {
    let opaque = p.rgba.chunks_exact(4).all(|px| px[3] == 255);
    let kind = if opaque { PixelType::U8x4 } else { PixelType::U16x4 };
    let bytes =
        if opaque { p.rgba.clone() } else { p.rgba.iter().flat_map(|&v| (u16::from(v) * 257).to_ne_bytes()).collect() };
    let mut out = Image::new(width, height, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(!opaque);
    let done = Image::from_vec_u8(p.width, p.height, bytes, kind)
        .map_err(|_| ())
        .and_then(|from| Resizer::new().resize(&from, &mut out, &options).map_err(|_| ()));
    if done.is_err() {
        // Only a picture whose bytes do not match its size comes here; it stays as it is.
        log::error!("a picture of {}×{} has {} bytes", p.width, p.height, p.rgba.len());
        return p.clone();
    }
    let rgba = if opaque {
        out.into_vec()
    } else {
        let wide = out.into_vec();
        // Rounded: v/257 to the nearest byte.
        wide.chunks_exact(2).map(|b| ((u32::from(u16::from_ne_bytes([b[0], b[1]])) + 128) / 257) as u8).collect()
    };
    Picture { width, height, rgba }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_makes_blocks() {
        let rgba = (0..3 * 2 * 4).collect();
        let p = Picture { width: 3, height: 2, rgba };
        for factor in [1, 2, 5, 16] {
            let q = scale(&p, factor, Filter::Nearest);
            assert_eq!(q, p.enlarged(factor), "×{factor}");
        }
    }

    #[test]
    fn lanczos_keeps_flat_colours_and_does_not_bleed_hidden_ones() {
        let flat = Picture::filled(7, 5, [10, 200, 30, 255]);
        let big = scale(&flat, 4, Filter::Lanczos);
        assert_eq!((big.width, big.height), (28, 20));
        assert!(big.rgba.chunks(4).all(|p| p == [10, 200, 30, 255]));
        // Left half red, right half see-through green: no visible pixel may turn green.
        let mut half = Picture::filled(8, 8, [255, 0, 0, 255]);
        for y in 0..8 {
            half.paste(&Picture::filled(4, 1, [0, 255, 0, 0]), 4, y);
        }
        let big = scale(&half, 3, Filter::Lanczos);
        assert!(big.rgba.chunks(4).filter(|p| p[3] > 8).all(|p| p[0] >= 250 && p[1] <= 5));
        assert!(big.rgba.chunks(4).any(|p| p[3] > 8 && p[3] < 247), "the edge is smooth");
    }

    #[test]
    fn fitting_keeps_the_proportions_and_never_enlarges() {
        let p = Picture::filled(300, 100, [1, 2, 3, 255]);
        let small = fit(&p, 128);
        assert_eq!((small.width, small.height), (128, 43));
        assert_eq!(fit(&Picture::filled(20, 10, [0; 4]), 128).width, 20);
        assert_eq!(fit(&Picture::filled(1000, 1, [9; 4]), 100).height, 1);
    }

    #[test]
    fn filters_have_ids() {
        use strum::IntoEnumIterator;
        for filter in Filter::iter() {
            assert_eq!(Filter::from_id(filter.id()).unwrap(), filter);
        }
        assert_eq!(Filter::from_id("cubic").unwrap_err().subject.as_deref(), Some("cubic"));
    }
}
