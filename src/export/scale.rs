//! Pictures larger (whole factors, for export) and smaller (for thumbnails).

use fast_image_resize as fir;
use fir::images::TypedImage;
use fir::pixels::{U8x4, U16x4};
use fir::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

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

/// Lanczos with colours weighted by alpha. Works in 16 bits where there is any, so that colours survive under little alpha.
fn resize(p: &Picture, width: u32, height: u32) -> Picture {
    let opaque = p.rgba.chunks_exact(4).all(|px| px[3] == 255);
    let resized = if opaque {
        let pixels = p.rgba.chunks_exact(4).map(|px| U8x4::new(px.try_into().expect("four bytes"))).collect();
        convolved(p, pixels, width, height, false).map(|out| out.into_iter().flat_map(|px| px.0).collect())
    } else {
        let wide = |px: &[u8]| U16x4::new(std::array::from_fn(|i| u16::from(px[i]) * 257));
        // Rounded: v/257 to the nearest byte.
        let narrow = |v: u16| ((u32::from(v) + 128) / 257) as u8;
        let pixels = p.rgba.chunks_exact(4).map(wide).collect();
        convolved(p, pixels, width, height, true).map(|out| out.into_iter().flat_map(|px| px.0.map(narrow)).collect())
    };
    match resized {
        Some(rgba) => Picture { width, height, rgba },
        // Only a picture whose bytes do not match its size comes here; it stays as it is.
        None => {
            log::error!("a picture of {}×{} has {} bytes", p.width, p.height, p.rgba.len());
            p.clone()
        }
    }
}

/// Lanczos over pixels of one type, known when it is built: asked at run time, the program would hold the code for all.
fn convolved<P: PixelTrait + Default + Copy + std::fmt::Debug>(
    p: &Picture,
    pixels: Vec<P>,
    width: u32,
    height: u32,
    alpha: bool,
) -> Option<Vec<P>> {
    let from = TypedImage::from_pixels(p.width, p.height, pixels).ok()?;
    let mut to = TypedImage::<P>::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(alpha);
    Resizer::new().resize_typed(&from, &mut to, &options).ok()?;
    Some(to.pixels().to_vec())
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
