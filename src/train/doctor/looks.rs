//! Numbers of what samples look like beside the data, taken from a run's previews.
//!
//! All of them compare pictures with pictures, so they need no network and cost far less than making the samples did.

use crate::base::Picture;
use crate::train::report::Preview;

/// Cells a side that pictures are reduced to before they are compared as wholes.
const CELLS: usize = 8;
/// Period, in pixels, of the lattices that up-sampling leaves behind: three doublings of the size.
const PERIOD: usize = 8;
/// Fewest pictures that say anything of a whole.
const FEWEST: usize = 8;
/// Byte values this near to black or white count as clipped.
const NEAR: f32 = 1.5;

/// Numbers of a preview, by the names they have in a run's telemetry.
///
/// | name | what it is |
/// |---|---|
/// | `sample_variety` | mean distance between two samples, by that between two pictures of the data |
/// | `sample_detail` | mean energy between neighbouring pixels, by that of the data |
/// | `sample_lattice`, `data_lattice` | share of that energy which is the same at every 8th pixel, 0 to 1 |
/// | `sample_clipped`, `data_clipped` | share of numbers at the ends of the range |
/// | `reconstruction_variety`, `reconstruction_detail` | the same of reconstructions, by their own inputs |
/// | `sample_change` | mean change of a sample since the preview before, by the distance between two pictures of the data |
///
/// `data` are pictures from all over the set: a preview shows its first ones, which in sorted folders are of one kind.
pub fn numbers(preview: &Preview, before: Option<&Preview>, data: &[Picture]) -> Vec<(String, f64)> {
    let comparable = |p: &Picture| p.width as usize >= PERIOD && p.height as usize >= PERIOD;
    let many = |pictures: &[Picture]| pictures.len() >= FEWEST && pictures.iter().all(comparable);
    if !many(data) {
        return Vec::new();
    }
    let data = Looks::of(data);
    let mut out = Vec::new();
    let mut push = |name: &str, value: f64| {
        if value.is_finite() {
            out.push((name.to_string(), value));
        }
    };
    let by = |a: f64, b: f64| if b > 0.0 { a / b } else { f64::NAN };
    if many(&preview.samples) {
        let samples = Looks::of(&preview.samples);
        push("sample_variety", by(samples.variety, data.variety));
        push("sample_detail", by(samples.detail, data.detail));
        push("sample_lattice", samples.lattice);
        push("data_lattice", data.lattice);
        push("sample_clipped", samples.clipped);
        push("data_clipped", data.clipped);
        if let Some(before) = before.filter(|b| b.samples.len() == preview.samples.len() && many(&b.samples)) {
            let pairs = preview.samples.iter().zip(&before.samples);
            let change = pairs.map(|(a, b)| distance(&cells(a), &cells(b))).sum::<f64>() / preview.samples.len() as f64;
            push("sample_change", by(change, data.variety));
        }
    }
    let inputs = &preview.reals[..preview.reconstructions.len().min(preview.reals.len())];
    if many(&preview.reconstructions) && many(inputs) {
        let inputs = Looks::of(inputs);
        let made = Looks::of(&preview.reconstructions);
        push("reconstruction_variety", by(made.variety, inputs.variety));
        push("reconstruction_detail", by(made.detail, inputs.detail));
    }
    out
}

/// What a set of pictures looks like.
struct Looks {
    variety: f64,
    detail: f64,
    lattice: f64,
    clipped: f64,
}

impl Looks {
    fn of(pictures: &[Picture]) -> Self {
        let small: Vec<Vec<f32>> = pictures.iter().map(cells).collect();
        let (mut sum, mut pairs) = (0.0, 0u32);
        for (i, a) in small.iter().enumerate() {
            for b in &small[..i] {
                sum += distance(a, b);
                pairs += 1;
            }
        }
        let (detail, lattice) = residuals(pictures);
        let ends = |v: f32| !(NEAR..=255.0 - NEAR).contains(&v);
        let (mut clipped, mut all) = (0u64, 0u64);
        for picture in pictures {
            // Colour that cannot be seen says nothing.
            for pixel in picture.rgba.chunks_exact(4).filter(|p| p[3] > 0) {
                clipped += pixel[..3].iter().filter(|v| ends(f32::from(**v))).count() as u64;
                all += 3;
            }
        }
        Self { variety: sum / f64::from(pairs.max(1)), detail, lattice, clipped: clipped as f64 / all.max(1) as f64 }
    }
}

/// A colour as it is seen on middle grey.
fn seen(pixel: &[u8]) -> [f32; 3] {
    let alpha = f32::from(pixel[3]) / 255.0;
    std::array::from_fn(|c| f32::from(pixel[c]) * alpha + 128.0 * (1.0 - alpha))
}

/// Means over [`CELLS`] × [`CELLS`] parts, three colours each.
fn cells(picture: &Picture) -> Vec<f32> {
    let (w, h) = (picture.width as usize, picture.height as usize);
    let mut sums = vec![0.0f32; CELLS * CELLS * 3];
    let mut counts = [0.0f32; CELLS * CELLS];
    for (i, pixel) in picture.rgba.chunks_exact(4).enumerate() {
        let cell = (i / w * CELLS / h) * CELLS + i % w * CELLS / w;
        counts[cell] += 1.0;
        for (sum, value) in sums[cell * 3..cell * 3 + 3].iter_mut().zip(seen(pixel)) {
            *sum += value;
        }
    }
    for (cell, count) in counts.iter().enumerate() {
        sums[cell * 3..cell * 3 + 3].iter_mut().for_each(|v| *v /= count.max(1.0));
    }
    sums
}

/// Root mean square difference.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (f64::from(sum) / a.len().max(1) as f64).sqrt()
}

/// Mean square of what each pixel differs from its four neighbours by, and the share of it that is the same at every place
/// of a lattice of [`PERIOD`] pixels: 0 for pictures whose edges may lie anywhere, towards 1 where all of them repeat one
/// pattern (Odena, Dumoulin & Olah 2016 show where it comes from).
fn residuals(pictures: &[Picture]) -> (f64, f64) {
    let mut energy = 0.0f64;
    let mut means = [0.0f64; PERIOD * PERIOD];
    let mut counts = [0u64; PERIOD * PERIOD];
    for picture in pictures {
        let (w, h) = (picture.width as usize, picture.height as usize);
        let luma: Vec<f32> = picture
            .rgba
            .chunks_exact(4)
            .map(|p| {
                let [r, g, b] = seen(p);
                0.2126 * r + 0.7152 * g + 0.0722 * b
            })
            .collect();
        for y in 1..h - 1 {
            for x in 1..w - 1 {
                let i = y * w + x;
                let around = (luma[i - 1] + luma[i + 1] + luma[i - w] + luma[i + w]) / 4.0;
                let residual = f64::from(luma[i] - around);
                energy += residual * residual;
                let place = y % PERIOD * PERIOD + x % PERIOD;
                means[place] += residual;
                counts[place] += 1;
            }
        }
    }
    let all: u64 = counts.iter().sum();
    let energy = energy / all.max(1) as f64;
    let mut repeated = 0.0;
    for (mean, count) in means.iter().zip(counts) {
        let mean = mean / count.max(1) as f64;
        repeated += mean * mean / means.len() as f64;
    }
    // As much as chance would leave in means over so many pixels is taken off.
    let chance = energy * means.len() as f64 / all.max(1) as f64;
    let share = if energy > 0.0 { ((repeated - chance) / energy).clamp(0.0, 1.0) } else { 0.0 };
    (energy, share.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    /// Smooth pictures that differ: a spot of a colour of its own somewhere.
    fn spots(seed: u64, n: usize, side: u32) -> Vec<Picture> {
        let mut stream = Stream::new(seed, "spots");
        (0..n)
            .map(|_| {
                let v: Vec<f64> = stream.normals(5).into_iter().map(f64::from).collect();
                let at = |i: usize| f64::from(side) * (0.5 + 0.2 * v[i]);
                let mut picture = Picture::filled(side, side, [90, 110, 130, 255]);
                for (i, pixel) in picture.rgba.chunks_exact_mut(4).enumerate() {
                    let (x, y) = ((i as u32 % side) as f64, (i as u32 / side) as f64);
                    let near = (-((x - at(0)).powi(2) + (y - at(1)).powi(2)) / f64::from(side)).exp();
                    for c in 0..3 {
                        pixel[c] = (f64::from(pixel[c]) + near * (60.0 * v[2 + c])).clamp(2.0, 253.0) as u8;
                    }
                }
                picture
            })
            .collect()
    }

    fn preview(samples: Vec<Picture>, reals: Vec<Picture>) -> Preview {
        Preview { images: 1, samples, reals, ..Preview::default() }
    }

    fn of(preview: &Preview, before: Option<&Preview>, name: &str) -> f64 {
        numbers(preview, before, &preview.reals)
            .into_iter()
            .find(|n| n.0 == name)
            .unwrap_or_else(|| panic!("{name} is there"))
            .1
    }

    #[test]
    fn other_pictures_of_the_same_kind_are_as_varied_and_as_detailed() {
        let p = preview(spots(1, 64, 32), spots(2, 64, 32));
        for name in ["sample_variety", "sample_detail"] {
            let ratio = of(&p, None, name);
            assert!((0.7..1.4).contains(&ratio), "{name} {ratio}");
        }
        assert!(of(&p, None, "sample_lattice") < 0.1 && of(&p, None, "sample_clipped") < 0.05);
    }

    #[test]
    fn one_picture_again_and_again_has_no_variety() {
        let one = vec![spots(3, 1, 32).remove(0); 64];
        assert!(of(&preview(one, spots(2, 64, 32)), None, "sample_variety") < 1e-6);
    }

    #[test]
    fn a_chequerboard_shows_however_varied_the_pictures_are() {
        let mut samples = spots(1, 64, 32);
        for picture in &mut samples {
            for (i, pixel) in picture.rgba.chunks_exact_mut(4).enumerate() {
                let on = (i % 32 + i / 32) % 2 == 0;
                pixel[..3].iter_mut().for_each(|v| *v = v.saturating_add(if on { 6 } else { 0 }));
            }
        }
        let p = preview(samples, spots(2, 64, 32));
        assert!(of(&p, None, "sample_lattice") > 0.6, "{}", of(&p, None, "sample_lattice"));
        assert!(of(&p, None, "data_lattice") < 0.1);
    }

    #[test]
    fn blur_takes_the_detail_and_clipping_is_counted() {
        let sharp: Vec<Picture> = (0..16)
            .map(|k| {
                let mut p = Picture::filled(32, 32, [0, 0, 0, 255]);
                p.paste(&Picture::filled(11, 9, [255, 255, 255, 255]), 3 + k % 8, 5 + k % 5);
                p
            })
            .collect();
        let p = preview(spots(4, 16, 32), sharp);
        assert!(of(&p, None, "sample_detail") < 0.1);
        assert!(of(&p, None, "data_clipped") > 0.99 && of(&p, None, "sample_clipped") < 0.05);
    }

    #[test]
    fn change_is_that_since_the_preview_before() {
        let (a, b) = (preview(spots(1, 16, 32), spots(2, 16, 32)), preview(spots(5, 16, 32), spots(2, 16, 32)));
        assert_eq!(of(&a, Some(&a), "sample_change"), 0.0);
        let change = of(&b, Some(&a), "sample_change");
        assert!((0.4..2.5).contains(&change), "{change}");
        assert!(numbers(&a, None, &a.reals).iter().all(|n| n.0 != "sample_change"));
    }

    #[test]
    fn points_and_a_handful_of_pictures_say_nothing() {
        let few = preview(spots(1, 64, 32), spots(2, 3, 32));
        assert!(numbers(&few, None, &few.reals).is_empty());
        let points = vec![Picture { width: 2, height: 1, rgba: vec![0; 8] }; 64];
        assert!(numbers(&preview(points.clone(), points.clone()), None, &points).is_empty());
    }
}
