//! A watermark that nobody sees: a sign that a model made a picture, which survives what takes metadata away.
//!
//! Spread spectrum: a tile of 64×64 pixels, repeated over the picture, adds a few levels of luma at 342 middle frequencies
//! with signs that a public key and the payload choose ([`code`]). Local contrast decides by how much ([`spectrum`]), and the
//! strength of each frequency takes the picture itself into account ([`embed`]): informed embedding as in Cox, Miller,
//! McKellips 1999. Because the tile repeats, a detector finds it at any translation, and it searches for the scale
//! ([`detect`]).
//!
//! The mark is the last step of an export and depends on nothing but the pixels, the payload and the key, so that a picture
//! that is made again has it again.

pub mod code;
pub mod detect;
pub mod embed;
pub mod spectrum;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat};

use code::Codebook;
pub use detect::Detection;

use super::{Filter, Makes};
use crate::base::{Channels, Picture};
use crate::recipe::picture::{PictureRecipe, Watermark};

/// Version of the mark that is written.
const VERSION: u32 = 1;
/// Shortest side of a picture that is marked, in pixels.
pub const SMALLEST: u32 = 256;
/// Pictures of so few colours are drawings by pixel; they stay as they are.
const FEW_COLOURS: usize = 64;
/// The quality of JPEG that a mark must survive to be written.
const QUALITY: u8 = 80;

/// The codebook of the public key.
pub fn public() -> &'static Codebook {
    static BOOK: OnceLock<Codebook> = OnceLock::new();
    BOOK.get_or_init(|| Codebook::new(code::PUBLIC_KEY))
}

/// What a mark says of a model: the first 32 bits of its hash.
pub fn payload(model_hash: &str) -> u32 {
    model_hash.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_else(|| {
        let hash = blake3::hash(model_hash.as_bytes());
        u32::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    })
}

/// How an export is written, as far as it decides whether it is marked.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    /// Row of the table of exporters.
    pub format: &'static str,
    /// What becomes of several pictures.
    pub makes: Makes,
    /// Whole factor.
    pub factor: u32,
    /// How pixels between pixels are found.
    pub filter: Filter,
    /// Whether it is placed on a canvas.
    pub canvas: bool,
}

impl Writing {
    /// Whether a mark belongs into an export in which a picture takes `width`×`height` pixels: not where each pixel is drawn by
    /// itself (hard pixels, sprites, palettes), and not in small ones.
    pub fn takes_mark(&self, width: u32, height: u32) -> bool {
        let palette = matches!(self.format, "gif" | "sprites");
        let hard = self.filter == Filter::Nearest && (self.factor > 1 || self.canvas);
        !palette && !hard && width.min(height) >= SMALLEST
    }
}

/// Marks a picture. A mark that would not survive JPEG, for want of texture, is not written; nor is one into a drawing of few
/// colours.
pub fn mark(p: Picture, payload: u32) -> (Picture, Watermark) {
    if colours(&p) <= FEW_COLOURS {
        return (p, Watermark::Unmarked { why: "few colours".into() });
    }
    let marked = embed::embed(&p, payload, public());
    if jpeg(&marked).is_some_and(|jpeg| detect::reads(&jpeg, payload, public())) {
        (marked, told(payload))
    } else {
        (p, Watermark::Unmarked { why: "too little texture".into() })
    }
}

/// What a recipe says of a mark with this payload.
pub fn told(payload: u32) -> Watermark {
    Watermark::Marked { version: VERSION, payload: format!("{payload:08x}") }
}

/// The picture with the mark that its recipe tells of; as it is without one.
pub fn again(p: Picture, recipe: &PictureRecipe) -> Picture {
    match &recipe.watermark {
        Some(Watermark::Marked { version: VERSION, payload }) => match u32::from_str_radix(payload, 16) {
            Ok(payload) => embed::embed(&p, payload, public()),
            Err(_) => p,
        },
        _ => p,
    }
}

/// Different colours, counted up to one more than are few.
fn colours(p: &Picture) -> usize {
    let mut seen = std::collections::HashSet::new();
    for pixel in p.rgba.as_chunks::<4>().0 {
        seen.insert(*pixel);
        if seen.len() > FEW_COLOURS {
            break;
        }
    }
    seen.len()
}

/// The picture as it comes back from a JPEG file.
fn jpeg(p: &Picture) -> Option<Picture> {
    let mut bytes = Vec::new();
    let opaque = super::sheet::over(p, [255; 3]).to_interleaved(Channels::Rgb);
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode(&opaque, p.width, p.height, ExtendedColorType::Rgb8)
        .ok()?;
    let read = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).ok()?.into_rgba8();
    Some(Picture { width: read.width(), height: read.height(), rgba: read.into_raw() })
}
