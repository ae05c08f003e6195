//! Alpha channels that are not what they seem: multiplied into the colours, or none at all.

use image::{DynamicImage, ImageFormat, RgbaImage};

/// Divides colours by their alpha; `false` for a picture without.
pub(super) fn divide(pixels: &mut DynamicImage) -> bool {
    match pixels {
        DynamicImage::ImageRgba8(p) => {
            for [colours @ .., alpha] in p.as_chunks_mut::<4>().0 {
                let a = u32::from(*alpha);
                colours.iter_mut().for_each(|c| *c = divided(u32::from(*c), a, 255) as u8);
            }
        }
        DynamicImage::ImageRgba16(p) => {
            for [colours @ .., alpha] in p.as_chunks_mut::<4>().0 {
                let a = u32::from(*alpha);
                colours.iter_mut().for_each(|c| *c = divided(u32::from(*c), a, 65_535) as u16);
            }
        }
        DynamicImage::ImageRgba32F(p) => {
            for [colours @ .., alpha] in p.as_chunks_mut::<4>().0 {
                let a = *alpha;
                colours.iter_mut().for_each(|c| *c = if a > 0.0 { *c / a } else { 0.0 });
            }
        }
        _ => return false,
    }
    true
}

fn divided(c: u32, alpha: u32, most: u32) -> u32 {
    if alpha == 0 {
        0
    } else {
        ((u64::from(c) * u64::from(most) + u64::from(alpha / 2)) / u64::from(alpha)).min(most.into()) as u32
    }
}

/// Whether the alpha of such a picture is none: it hides everything, or the file says so.
pub(super) fn is_none(format: ImageFormat, bytes: &[u8], pixels: &RgbaImage) -> bool {
    let opaque = pixels.chunks_exact(4).all(|p| p[3] == 255);
    let hidden = || pixels.chunks_exact(4).all(|p| p[3] == 0);
    !opaque && (hidden() || format == ImageFormat::Tga && tga_has_none(bytes))
}

/// Truevision TGA 2.0: the descriptor counts the bits of alpha, and the extension area says what they are.
fn tga_has_none(bytes: &[u8]) -> bool {
    let bits = bytes.get(17).map_or(0, |d| d & 15);
    let kind = bytes.len().checked_sub(26).and_then(|footer| {
        let footer = &bytes[footer..];
        let at = u32::from_le_bytes([footer[0], footer[1], footer[2], footer[3]]) as usize;
        footer[8..].starts_with(b"TRUEVISION-XFILE").then_some(at).filter(|at| *at > 0)
    });
    // 0 to 2: no alpha, or undefined data.
    let kind = kind.and_then(|at| bytes.get(at.checked_add(494)?));
    bits == 0 || kind.is_some_and(|k| *k < 3)
}

/// The PNG in an icon, if its best picture is one; decoders of icons know only one sort of PNG.
pub(super) fn png_in_icon(bytes: &[u8]) -> Option<&[u8]> {
    let count = usize::from(u16::from_le_bytes([*bytes.get(4)?, *bytes.get(5)?]));
    let entries = bytes.get(6..6 + 16 * count)?.as_chunks::<16>().0;
    let side = |v: u8| if v == 0 { 256u32 } else { u32::from(v) };
    let best = entries.iter().max_by_key(|e| (u16::from_le_bytes([e[6], e[7]]), side(e[0]) * side(e[1])))?;
    let number = |i: usize| u32::from_le_bytes([best[i], best[i + 1], best[i + 2], best[i + 3]]) as usize;
    let part = bytes.get(number(12)..number(12).checked_add(number(8))?)?;
    part.starts_with(b"\x89PNG\r\n\x1a\n").then_some(part)
}
