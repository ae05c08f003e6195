//! Augmentations on plain pixels: mirroring for batches, and a preview of what DiffAugment does to a picture.
//!
//! Training uses the differentiable twins in `nn`; these are for the eye.

use crate::base::Picture;
use crate::base::rng::Stream;
use crate::recipe::{DataRecipe, ObjectiveRecipe};

/// A row of [`AUGMENTATIONS`].
pub struct Augmentation {
    /// Short name.
    pub id: &'static str,
    /// What a person calls it.
    pub title: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Applies it to a picture with random strength.
    pub apply: fn(&Picture, &mut Stream) -> Picture,
}

/// Every augmentation, in the order in which they are applied.
pub static AUGMENTATIONS: &[Augmentation] = &[
    Augmentation { id: "mirror", title: "Mirror", help: "Left and right change places, or not", apply: mirror },
    Augmentation {
        id: "colour",
        title: "Colour",
        help: "Brightness, saturation and contrast change (DiffAugment)",
        apply: colour,
    },
    Augmentation {
        id: "geometry",
        title: "Turn and zoom",
        help: "Mirrored, turned by quarters, zoomed by up to 2^½ (ADA)",
        apply: geometry,
    },
    Augmentation {
        id: "translation",
        title: "Translation",
        help: "Moved by up to an eighth of a side (DiffAugment)",
        apply: translation,
    },
    Augmentation {
        id: "cutout",
        title: "Cutout",
        help: "A square of half a side is blanked out (DiffAugment)",
        apply: cutout,
    },
];

/// A prepared picture as training shows it once: mirrored at random if the recipe mirrors, and altered as often and in
/// those ways that the recipe names at its beginning.
pub fn as_trained(picture: &Picture, data: &DataRecipe, objective: &ObjectiveRecipe, stream: &mut Stream) -> Picture {
    let altered = f64::from(stream.uniform()) < objective.augment.start;
    let wanted = |id: &str| match id {
        "mirror" => data.mirror,
        "colour" => altered && objective.augment_colour,
        "geometry" => altered && objective.augment_geometry,
        "translation" => altered && objective.augment_translation,
        "cutout" => altered && objective.augment_cutout,
        _ => false,
    };
    let rows = AUGMENTATIONS.iter().filter(|a| wanted(a.id));
    rows.fold(picture.clone(), |picture, row| (row.apply)(&picture, stream))
}

/// Mirrors interleaved pixels in place; `row` bytes a row, `channels` bytes a pixel.
pub fn mirror_bytes(pixels: &mut [u8], row: usize, channels: usize) {
    for line in pixels.chunks_exact_mut(row) {
        let (mut left, mut right) = (0, row - channels);
        while left < right {
            let (a, b) = line.split_at_mut(right);
            a[left..left + channels].swap_with_slice(&mut b[..channels]);
            left += channels;
            right -= channels;
        }
    }
}

fn mirror(picture: &Picture, stream: &mut Stream) -> Picture {
    let mut out = picture.clone();
    if stream.bits() & 1 == 1 && picture.width > 0 {
        mirror_bytes(&mut out.rgba, picture.width as usize * 4, 4);
    }
    out
}

/// What DiffAugment fills with: zero of the range −1 to 1.
const BLANK: [u8; 4] = [128, 128, 128, 255];

/// Zhao et al. 2020, `rand_brightness`, `rand_saturation`, `rand_contrast`, on values from −1 to 1.
fn colour(picture: &Picture, stream: &mut Stream) -> Picture {
    let (brightness, saturation, contrast) = (stream.uniform() - 0.5, stream.uniform() * 2.0, stream.uniform() + 0.5);
    let mut values: Vec<[f32; 3]> = picture
        .rgba
        .chunks_exact(4)
        .map(|p| {
            let v: [f32; 3] = std::array::from_fn(|c| f32::from(p[c]) / 127.5 - 1.0 + brightness);
            let mean = v.iter().sum::<f32>() / 3.0;
            v.map(|x| (x - mean) * saturation + mean)
        })
        .collect();
    let mean = values.iter().flatten().map(|&v| f64::from(v)).sum::<f64>() as f32 / (values.len().max(1) * 3) as f32;
    values.iter_mut().flatten().for_each(|v| *v = (*v - mean) * contrast + mean);
    let mut out = picture.clone();
    for (pixel, value) in out.rgba.chunks_exact_mut(4).zip(&values) {
        for (byte, v) in pixel.iter_mut().zip(value) {
            *byte = ((v + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
        }
    }
    out
}

fn geometry(picture: &Picture, stream: &mut Stream) -> Picture {
    let (way, zoom) = (stream.below(8), libm::exp2f(stream.uniform() - 0.5));
    let (w, h) = (picture.width, picture.height);
    let middle = |side: u32| side as f32 / 2.0 - 0.5;
    let mut out = Picture::filled(w, h, BLANK);
    for y in 0..h {
        for x in 0..w {
            let flipped = |v: f32, bit: u64| if way & bit == bit { -v } else { v };
            let (oy, ox) = (flipped((y as f32 - middle(h)) / zoom, 2), flipped((x as f32 - middle(w)) / zoom, 4));
            // Only squares are laid on their side.
            let (oy, ox) = if way & 1 == 1 && w == h { (ox, oy) } else { (oy, ox) };
            let (fx, fy) = ((middle(w) + ox).round(), (middle(h) + oy).round());
            if fx >= 0.0 && fy >= 0.0 && fx < w as f32 && fy < h as f32 {
                let to = ((y * w + x) * 4) as usize;
                out.rgba[to..to + 4].copy_from_slice(&picture.pixel(fx as u32, fy as u32));
            }
        }
    }
    out
}

fn translation(picture: &Picture, stream: &mut Stream) -> Picture {
    let mut step = |side: u32| {
        let most = i64::from(side).div_euclid(8);
        stream.below(2 * most as u64 + 1) as i64 - most
    };
    let (dx, dy) = (step(picture.width), step(picture.height));
    let mut out = Picture::filled(picture.width, picture.height, BLANK);
    for y in 0..picture.height {
        for x in 0..picture.width {
            let (fx, fy) = (i64::from(x) - dx, i64::from(y) - dy);
            if (0..i64::from(picture.width)).contains(&fx) && (0..i64::from(picture.height)).contains(&fy) {
                let to = ((y * picture.width + x) * 4) as usize;
                out.rgba[to..to + 4].copy_from_slice(&picture.pixel(fx as u32, fy as u32));
            }
        }
    }
    out
}

fn cutout(picture: &Picture, stream: &mut Stream) -> Picture {
    let (w, h) = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    // The centre lies anywhere in the picture; what sticks out is cut off.
    let cx = stream.below(u64::from(picture.width.max(1))) as u32;
    let cy = stream.below(u64::from(picture.height.max(1))) as u32;
    let mut out = picture.clone();
    for y in cy.saturating_sub(h / 2)..(cy + h.div_ceil(2)).min(picture.height) {
        for x in cx.saturating_sub(w / 2)..(cx + w.div_ceil(2)).min(picture.width) {
            let at = ((y * picture.width + x) * 4) as usize;
            out.rgba[at..at + 4].copy_from_slice(&BLANK);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Picture {
        let rgba = (0..16 * 16).flat_map(|i| [(i % 16 * 16) as u8, (i / 16 * 16) as u8, 90, 255]).collect();
        Picture { width: 16, height: 16, rgba }
    }

    #[test]
    fn training_shows_pictures_as_the_recipe_says() {
        use crate::recipe::{DataRecipe, ObjectiveRecipe, Schedule};
        let picture = Picture { width: 8, height: 8, rgba: (0..=255).collect() };
        let shown = |data: &DataRecipe, objective: &ObjectiveRecipe| -> Vec<Picture> {
            let mut stream = Stream::new(1, "test");
            (0..40).map(|_| as_trained(&picture, data, objective, &mut stream)).collect()
        };
        let (plain, off) = (DataRecipe::default(), ObjectiveRecipe::default());
        assert!(shown(&plain, &off).iter().all(|p| *p == picture), "nothing is altered unless asked");
        let mirrored = shown(&DataRecipe { mirror: true, ..plain.clone() }, &off);
        assert!((8..32).contains(&mirrored.iter().filter(|p| **p == picture).count()));
        let half = ObjectiveRecipe { augment: Schedule::constant(0.5), augment_cutout: false, ..off };
        assert!((8..32).contains(&shown(&plain, &half).iter().filter(|p| **p == picture).count()));
        let cut = ObjectiveRecipe {
            augment: Schedule::constant(1.0),
            augment_colour: false,
            augment_translation: false,
            augment_cutout: true,
            ..half
        };
        for shown in shown(&plain, &cut) {
            let same = shown.rgba.chunks(4).zip(picture.rgba.chunks(4)).filter(|(a, b)| a == b).count();
            assert!((48..64).contains(&same), "only a square is blanked out: {same}");
        }
    }

    #[test]
    fn mirroring_twice_changes_nothing() {
        for channels in [1, 3, 4] {
            for width in [1, 4, 5] {
                let plain: Vec<u8> = (0..width * channels * 2).map(|v| v as u8).collect();
                let mut bytes = plain.clone();
                mirror_bytes(&mut bytes, width * channels, channels);
                assert_eq!(bytes[..channels], plain[(width - 1) * channels..width * channels]);
                mirror_bytes(&mut bytes, width * channels, channels);
                assert_eq!(bytes, plain);
            }
        }
    }

    #[test]
    fn every_augmentation_keeps_the_size_and_is_reproducible() {
        for a in AUGMENTATIONS {
            let changed = (0..20).filter(|&seed| {
                let once = (a.apply)(&ramp(), &mut Stream::new(seed, "a"));
                assert_eq!(once, (a.apply)(&ramp(), &mut Stream::new(seed, "a")));
                assert_eq!((once.width, once.rgba.len()), (16, 1024));
                once != ramp()
            });
            assert!(changed.count() >= 5, "{}", a.id);
            (a.apply)(&Picture::default(), &mut Stream::new(1, "a"));
            (a.apply)(&Picture::filled(1, 1, [5; 4]), &mut Stream::new(1, "a"));
        }
    }

    #[test]
    fn cutout_blanks_at_most_a_quarter_and_translation_an_eighth() {
        let white = Picture::filled(16, 16, [255; 4]);
        for seed in 0..50 {
            let blank = |p: &Picture| p.rgba.chunks(4).filter(|p| **p == BLANK).count();
            assert!((16..=64).contains(&blank(&cutout(&white, &mut Stream::new(seed, "c")))));
            assert!(blank(&translation(&white, &mut Stream::new(seed, "t"))) <= 256 - 14 * 14);
        }
    }
}
