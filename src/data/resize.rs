//! From a picture of any size to the pixels a model learns from, all of one shape, and to thumbnails.

use std::cell::RefCell;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::U8x4;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::base::{Channels, Picture, Resolution};
use crate::recipe::{DataRecipe, Fit};

thread_local! {
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// A part of a picture: left, top, width, height in pixels.
type Part = (u32, u32, u32, u32);

/// Prepares one picture: of the right shape by crop, pad or stretch; resized in premultiplied colour; laid on the
/// background where the recipe has no alpha; grey by luma where it has no colour. [`Picture::to_interleaved`] of it is the
/// training data.
pub fn prepare_picture(picture: &Picture, recipe: &DataRecipe) -> Picture {
    if recipe.channels == Channels::Points {
        return picture.clone();
    }
    let Resolution { width, height } = recipe.resolution;
    let [r, g, b] = recipe.background;
    let (w, h) = (picture.width, picture.height);
    if w == 0 || h == 0 {
        return Picture::filled(width, height, [r, g, b, if recipe.channels == Channels::Rgba { 0 } else { 255 }]);
    }
    let mut shaped = match recipe.fit {
        Fit::Crop => {
            let (cw, ch) = largest_part(w, h, recipe.resolution);
            resized(picture, ((w - cw) / 2, (h - ch) / 2, cw, ch), width, height)
        }
        Fit::Stretch => resized(picture, (0, 0, w, h), width, height),
        Fit::Pad => {
            let (fw, fh) = fitted(w, h, width, height);
            let small = resized(picture, (0, 0, w, h), fw, fh);
            let mut whole = Picture::filled(width, height, [0; 4]);
            whole.paste(&small, (width - fw) / 2, (height - fh) / 2);
            whole
        }
    };
    let see_through = if shaped.is_opaque() { &mut [] } else { &mut shaped.rgba[..] };
    for pixel in see_through.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        if recipe.channels != Channels::Rgba {
            for (channel, back) in pixel.iter_mut().zip([r, g, b]) {
                *channel = ((u32::from(*channel) * alpha + u32::from(back) * (255 - alpha) + 127) / 255) as u8;
            }
            pixel[3] = 255;
        } else if alpha == 0 {
            // Colour that cannot be seen would be noise to learn.
            pixel[..3].copy_from_slice(&[r, g, b]);
        }
    }
    if recipe.channels == Channels::Grey {
        let grey = shaped.to_interleaved(Channels::Grey);
        shaped = Picture::from_interleaved(width, height, Channels::Grey, &grey);
    }
    shaped
}

/// The picture as large as fits into a square of `size`, never enlarged.
pub fn thumbnail(picture: &Picture, size: u32) -> Picture {
    let (w, h) = (picture.width, picture.height);
    if w == 0 || h == 0 || size == 0 || w.max(h) <= size {
        return picture.clone();
    }
    let (fw, fh) = fitted(w, h, size, size);
    resized(picture, (0, 0, w, h), fw, fh)
}

/// The whole picture at this size, whatever its aspect; in premultiplied colour.
pub fn scaled(picture: &Picture, width: u32, height: u32) -> Picture {
    resized(picture, (0, 0, picture.width, picture.height), width, height)
}

/// The largest size with the same aspect that fits into `width × height`.
fn fitted(w: u32, h: u32, width: u32, height: u32) -> (u32, u32) {
    let scale = |v: u32, to: u32, of: u32| {
        ((u64::from(v) * u64::from(to) + u64::from(of) / 2) / u64::from(of)).max(1).min(u64::from(u32::MAX)) as u32
    };
    // Whichever side is the tighter one is filled.
    if u64::from(w) * u64::from(height) >= u64::from(h) * u64::from(width) {
        (width, scale(h, width, w).min(height))
    } else {
        (scale(w, height, h).min(width), height)
    }
}

/// Width and height of the largest part of a picture of `w × h` that has the aspect of `shape`, at least a pixel each.
fn largest_part(w: u32, h: u32, shape: Resolution) -> (u32, u32) {
    let (width, height) = (u64::from(shape.width), u64::from(shape.height));
    let (w64, h64) = (u64::from(w), u64::from(h));
    let part = |side: u64, of: u64, to: u64| ((side * to + of / 2) / of).max(1) as u32;
    if w64 * height >= h64 * width {
        (part(h64, height, width).min(w), h)
    } else {
        (w, part(w64, width, height).min(h))
    }
}

/// Lanczos when it gets smaller, Catmull-Rom (which rings less) when it gets larger.
fn resized(picture: &Picture, part: Part, width: u32, height: u32) -> Picture {
    let filter = if part.2 >= width && part.3 >= height { FilterType::Lanczos3 } else { FilterType::CatmullRom };
    resample(picture, part, width, height, filter)
}

/// The mean of what each new pixel covers.
pub(super) fn averaged(picture: &Picture, width: u32, height: u32) -> Picture {
    resample(picture, (0, 0, picture.width, picture.height), width, height, FilterType::Box)
}

fn resample(picture: &Picture, part: Part, width: u32, height: u32, filter: FilterType) -> Picture {
    let (left, top, w, h) = part;
    if (left, top, w, h) == (0, 0, width, height) && (picture.width, picture.height) == (width, height) {
        return picture.clone();
    }
    let opaque = picture.is_opaque();
    let mut out = Image::new(width, height, PixelType::U8x4);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .crop(f64::from(left), f64::from(top), f64::from(w), f64::from(h))
        .use_alpha(!opaque);
    // By the type of its pixels: asked at run time, the program would hold the code for thirteen of them (4 MB).
    let source = ImageRef::new(picture.width, picture.height, &picture.rgba, PixelType::U8x4).ok();
    let done = source.as_ref().and_then(ImageRef::typed_image::<U8x4>).zip(out.typed_image_mut::<U8x4>()).is_some_and(
        |(from, mut to)| RESIZER.with(|resizer| resizer.borrow_mut().resize_typed(&from, &mut to, &options)).is_ok(),
    );
    // Only a picture whose bytes do not match its size gets here without being done; it stays empty.
    debug_assert!(done, "a picture of {} × {} with {} bytes", picture.width, picture.height, picture.rgba.len());
    let mut rgba = out.into_vec();
    if opaque {
        rgba.chunks_exact_mut(4).for_each(|p| p[3] = 255);
    }
    Picture { width, height, rgba }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(resolution: impl Into<Resolution>, channels: Channels, fit: Fit) -> DataRecipe {
        DataRecipe { resolution: resolution.into(), channels, fit, background: [255, 0, 0], ..DataRecipe::default() }
    }

    /// Left half white, right half black, twice as wide as high.
    fn halves(w: u32) -> Picture {
        let mut p = Picture::filled(w, w / 2, [0, 0, 0, 255]);
        p.paste(&Picture::filled(w / 2, w / 2, [255; 4]), 0, 0);
        p
    }

    #[test]
    fn the_right_size_stays_as_it_is() {
        let p = Picture { width: 16, height: 16, rgba: (0..16 * 16 * 4).map(|i| (i * 7) as u8 | 1).collect() };
        let mut opaque = p.clone();
        opaque.rgba.chunks_mut(4).for_each(|p| p[3] = 255);
        for fit in [Fit::Crop, Fit::Pad, Fit::Stretch] {
            assert_eq!(prepare_picture(&p, &recipe(16, Channels::Rgba, fit)), p);
            assert_eq!(prepare_picture(&opaque, &recipe(16, Channels::Rgb, fit)), opaque);
        }
    }

    #[test]
    fn fits_differ_as_they_should() {
        let p = halves(128);
        let crop = prepare_picture(&p, &recipe(32, Channels::Rgb, Fit::Crop));
        assert_eq!((crop.pixel(4, 16), crop.pixel(28, 16)), ([255; 4], [0, 0, 0, 255]));
        let pad = prepare_picture(&p, &recipe(32, Channels::Rgb, Fit::Pad));
        assert_eq!(
            (pad.pixel(4, 3), pad.pixel(4, 16), pad.pixel(28, 16)),
            ([255, 0, 0, 255], [255; 4], [0, 0, 0, 255])
        );
        let stretch = prepare_picture(&p, &recipe(32, Channels::Rgb, Fit::Stretch));
        assert_eq!((stretch.pixel(4, 3), stretch.pixel(28, 30)), ([255; 4], [0, 0, 0, 255]));
        let clear = prepare_picture(&p, &recipe(32, Channels::Rgba, Fit::Pad));
        assert_eq!((clear.pixel(4, 3), clear.pixel(4, 16)), ([255, 0, 0, 0], [255; 4]));
    }

    #[test]
    fn pictures_of_any_shape_are_cropped_and_padded_to_any_other() {
        // Left half white, right half black, 128 × 64; to tall, wide and square.
        let p = halves(128);
        for (width, height) in [(16, 64), (48, 20), (36, 36), (64, 32)] {
            let size = Resolution::new(width, height);
            let of = |fit| prepare_picture(&p, &recipe(size, Channels::Rgb, fit));
            for fit in [Fit::Crop, Fit::Pad, Fit::Stretch] {
                let q = of(fit);
                assert_eq!((q.width, q.height), (width, height), "{fit:?}");
                // The middle of the picture is the middle of what comes out.
                let middle = height / 2;
                let (left, right) = (q.pixel(width / 2 - 3, middle), q.pixel(width / 2 + 2, middle));
                assert!(left[..3].iter().all(|v| *v > 245) && right[..3].iter().all(|v| *v < 10), "{left:?} {right:?}");
            }
            // A crop leaves no background; a pad leaves it beside the sides that are too long.
            assert!(of(Fit::Crop).rgba.chunks(4).all(|p| p[0].abs_diff(p[1]) < 3));
            let red = |x, y| of(Fit::Pad).pixel(x, y) == [255, 0, 0, 255];
            assert_eq!((red(1, 1), red(width / 2, 1)), (width != 2 * height, width < 2 * height));
            assert_eq!(red(1, height / 2), width > 2 * height);
        }
    }

    #[test]
    fn hidden_colour_never_bleeds() {
        // Opaque green beside fully transparent magenta: any magenta afterwards comes from beneath the transparency.
        let mut p = Picture::filled(64, 64, [255, 0, 255, 0]);
        p.paste(&Picture::filled(32, 64, [0, 255, 0, 255]), 0, 0);
        let q = prepare_picture(&p, &recipe(16, Channels::Rgba, Fit::Crop));
        assert!(q.rgba.chunks(4).filter(|p| p[3] > 0).all(|p| p[0] < 8 && p[2] < 8 && p[1] > 240));
        let over = prepare_picture(&p, &recipe(16, Channels::Rgb, Fit::Crop));
        assert!(over.rgba.chunks(4).all(|p| p[2] < 8 && p[3] == 255));
        assert_eq!(over.pixel(15, 8), [255, 0, 0, 255]);
    }

    #[test]
    fn grey_is_luma_and_what_is_seen_is_what_is_learned() {
        let p = Picture::filled(40, 40, [255, 0, 0, 255]);
        let q = prepare_picture(&p, &recipe(20, Channels::Grey, Fit::Crop));
        assert_eq!(q.pixel(3, 3), [54, 54, 54, 255]);
        assert_eq!(q.to_interleaved(Channels::Grey), vec![54; 400]);
    }

    #[test]
    fn odd_sizes_and_extremes_work() {
        for (w, h) in [(4, 16_000), (16_000, 4), (4, 4), (5, 7), (1, 1)] {
            let p = Picture::filled(w, h, [9, 9, 9, 255]);
            for fit in [Fit::Crop, Fit::Pad, Fit::Stretch] {
                for resolution in [16, 28, 100] {
                    let q = prepare_picture(&p, &recipe(resolution, Channels::Rgb, fit));
                    assert_eq!(q.rgba.len(), (resolution * resolution * 4) as usize);
                    assert_eq!(q.pixel((resolution - 1) / 2, (resolution - 1) / 2), [9, 9, 9, 255], "{w}×{h} {fit:?}");
                }
            }
            let t = thumbnail(&p, 64);
            assert!(t.width <= 64 && t.height <= 64 && t.rgba.len() == (t.width * t.height * 4) as usize);
        }
        assert_eq!(prepare_picture(&Picture::default(), &recipe(16, Channels::Rgb, Fit::Crop)).width, 16);
        let t = thumbnail(&halves(200), 50);
        assert_eq!((t.width, t.height), (50, 25));
    }
}
