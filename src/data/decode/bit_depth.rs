//! Pictures with 16 bits a channel that do not use all of them.

use image::DynamicImage;

/// How many bits the largest colour of a picture with 16 bits a channel needs; nothing for other pictures.
pub(super) fn used(pixels: &DynamicImage) -> Option<u32> {
    let largest = match pixels {
        DynamicImage::ImageLuma16(p) => p.iter().copied().max(),
        DynamicImage::ImageRgb16(p) => p.iter().copied().max(),
        DynamicImage::ImageLumaA16(p) => p.iter().step_by(2).copied().max(),
        DynamicImage::ImageRgba16(p) => p.chunks_exact(4).flat_map(|p| &p[..3]).copied().max(),
        _ => None,
    };
    largest.map(|v| u16::BITS - v.leading_zeros())
}

/// Stretches a picture with 16 bits a channel that uses only so many of them over the whole range. Alpha stays.
pub(super) fn stretch(pixels: &mut DynamicImage, bits: u32) {
    if !(1..16).contains(&bits) {
        return;
    }
    let most = (1u32 << bits) - 1;
    let wide = |v: &mut u16| *v = ((u32::from(*v).min(most) * 65_535 + most / 2) / most) as u16;
    match pixels {
        DynamicImage::ImageLuma16(p) => p.iter_mut().for_each(wide),
        DynamicImage::ImageRgb16(p) => p.iter_mut().for_each(wide),
        DynamicImage::ImageLumaA16(p) => p.iter_mut().step_by(2).for_each(wide),
        DynamicImage::ImageRgba16(p) => p.chunks_exact_mut(4).flat_map(|p| &mut p[..3]).for_each(wide),
        _ => {}
    }
}
