//! Opaque pictures to another size, with the weights of a filter kept from one picture to the next.
//!
//! The same fixed-point sums as `fast_image_resize` makes of 8-bit RGBA (after Pillow-SIMD), bit for bit: columns first,
//! then rows, weights of 16 bits. That crate works its weights out anew for every picture, which for a small one takes
//! longer than the sums; collections hold thousands of pictures of one size.

use std::cell::RefCell;
use std::rc::Rc;

use fast_image_resize::FilterType;

use super::fit::Part;
use crate::base::Picture;
use crate::nn::simd;

/// So many ways to resize are remembered by a thread.
const KEPT: usize = 8;
/// Bits that are left for the fraction of a sum of weighted bytes in 32 bits, with two bits to spare.
const MOST_BITS: u32 = 32 - 8 - 2;

thread_local! {
    static PLANS: RefCell<Vec<(Key, Rc<Plan>)>> = const { RefCell::new(Vec::new()) };
    static BETWEEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Size of the picture, part of it, new size, whether it is averaged by Lanczos.
type Key = (u32, u32, Part, u32, u32, bool);

/// How a picture is resized.
struct Plan {
    across: Weights,
    down: Weights,
    /// First column that is needed, and how many.
    columns: (usize, usize),
}

/// Which pixels make a new one along one side, and how much each counts.
struct Weights {
    bits: u32,
    /// First pixel, and the weights of those from there.
    spans: Vec<(usize, Vec<i16>)>,
}

/// The opaque picture's part at this size; `None` where neither filter nor size need what is here.
pub(super) fn opaque(picture: &Picture, part: Part, width: u32, height: u32, filter: FilterType) -> Option<Picture> {
    let lanczos = match filter {
        FilterType::Lanczos3 => true,
        FilterType::CatmullRom => false,
        _ => return None,
    };
    let (left, top, w, h) = part;
    let inside = left.checked_add(w)? <= picture.width && top.checked_add(h)? <= picture.height;
    let fits = picture.rgba.len() as u64 == u64::from(picture.width) * u64::from(picture.height) * 4;
    // A side that keeps its length is only copied; that is rare, and no work of weights.
    if !inside || !fits || w == width || h == height || [w, h, width, height].contains(&0) {
        return None;
    }
    let plan = plan((picture.width, picture.height, part, width, height, lanczos));
    let (first, columns) = plan.columns;
    let mut rgba = vec![0; width as usize * height as usize * 4];
    BETWEEN.with_borrow_mut(|between| {
        between.resize(columns * 4 * height as usize, 0);
        simd::dispatch(Sums { plan: &plan, first, columns, picture, between, rgba: &mut rgba });
    });
    Some(Picture { width, height, rgba })
}

fn plan(key: Key) -> Rc<Plan> {
    PLANS.with_borrow_mut(|plans| {
        if let Some((_, plan)) = plans.iter().find(|(of, _)| *of == key) {
            return plan.clone();
        }
        let (full_w, full_h, (left, top, w, h), width, height, lanczos) = key;
        let mut across = Weights::of(full_w, left, w, width, lanczos);
        let down = Weights::of(full_h, top, h, height, lanczos);
        let first = across.spans.first().map_or(0, |s| s.0);
        let end = across.spans.last().map_or(0, |s| s.0 + s.1.len());
        across.spans.iter_mut().for_each(|s| s.0 -= first);
        let plan = Rc::new(Plan { across, down, columns: (first, end - first) });
        if plans.len() >= KEPT {
            plans.remove(0);
        }
        plans.push((key, plan.clone()));
        plan
    })
}

impl Weights {
    /// Weights along a side of `full` pixels, of which `size` from `from` become `new`.
    fn of(full: u32, from: u32, size: u32, new: u32, lanczos: bool) -> Self {
        let (filter, support): (fn(f64) -> f64, f64) = if lanczos { (lanczos3, 3.0) } else { (catmull_rom, 2.0) };
        let from = f64::from(from);
        let scale = (from + f64::from(size) - from) / f64::from(new);
        let stretch = scale.max(1.0);
        let radius = support * stretch;
        let narrow = 1.0 / stretch;
        let spans: Vec<(usize, Vec<f64>)> = (0..new)
            .map(|x| {
                let centre = from + (f64::from(x) + 0.5) * scale;
                let begin = (centre - radius).floor().max(0.0) as u32;
                let end = (centre + radius).ceil().min(f64::from(full)) as u32;
                let centre = centre - 0.5;
                let (mut first, mut weights) = (begin, Vec::new());
                for at in begin..end {
                    let weight = filter((f64::from(at) - centre) * narrow);
                    if weight == 0.0 && at == first {
                        first += 1;
                    } else {
                        weights.push(weight);
                    }
                }
                let sum: f64 = weights.iter().fold(0.0, |sum, w| sum + w);
                while weights.last() == Some(&0.0) {
                    weights.pop();
                }
                if sum != 0.0 {
                    weights.iter_mut().for_each(|w| *w /= sum);
                }
                (first as usize, weights)
            })
            .collect();
        let most = spans.iter().flat_map(|s| &s.1).fold(0.0, |most: f64, &w| most.max(w));
        // As many bits as the largest weight leaves in 16.
        let fits = |bits: u32| (most * f64::from(1u32 << (bits + 1))).round() < f64::from(1 << 15);
        let bits = (0..MOST_BITS).find(|&bits| !fits(bits)).unwrap_or(MOST_BITS - 1);
        let fixed = |w: f64| (w * f64::from(1u32 << bits)).round() as i16;
        Self { bits, spans: spans.into_iter().map(|(at, ws)| (at, ws.into_iter().map(fixed).collect())).collect() }
    }
}

fn lanczos3(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn catmull_rom(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

struct Sums<'a> {
    plan: &'a Plan,
    first: usize,
    columns: usize,
    picture: &'a Picture,
    between: &'a mut [u8],
    rgba: &'a mut [u8],
}

impl pulp::WithSimd for Sums<'_> {
    type Output = ();

    // Plain loops, which the compiler turns into the widest vectors that this is called for.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { plan, first, columns, picture, between, rgba } = self;
        let line = picture.width as usize * 4;
        for ((start, weights), to) in plan.down.spans.iter().zip(between.chunks_exact_mut(columns * 4)) {
            let from = &picture.rgba[start * line + first * 4..];
            let (wide, rest) = to.as_chunks_mut::<32>();
            let rest_at = wide.len() * 32;
            for (i, to) in wide.iter_mut().enumerate() {
                *to = column(&from[i * 32..], line, weights, plan.down.bits);
            }
            for (i, to) in rest.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *to = column(&from[rest_at + i * 4..], line, weights, plan.down.bits);
            }
        }
        let width = plan.across.spans.len();
        let between = between.as_chunks::<4>().0;
        for (from, to) in between.chunks_exact(columns).zip(rgba.chunks_exact_mut(width * 4)) {
            for ((start, weights), to) in plan.across.spans.iter().zip(to.as_chunks_mut::<4>().0) {
                *to = pixel(&from[*start..], weights, plan.across.bits);
            }
        }
    }
}

// Indices rather than iterators below: these become vectors whatever the compiler makes of closures.

/// 32 or four weighted sums at once, of bytes that lie `step` apart.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn column<const N: usize>(from: &[u8], step: usize, weights: &[i16], bits: u32) -> [u8; N] {
    let mut sums = [1i32 << (bits - 1); N];
    for (k, &weight) in weights.iter().enumerate() {
        let bytes = &from[k * step..k * step + N];
        for i in 0..N {
            sums[i] += i32::from(bytes[i]) * i32::from(weight);
        }
    }
    let mut out = [0; N];
    for i in 0..N {
        out[i] = (sums[i] >> bits).clamp(0, 255) as u8;
    }
    out
}

/// The weighted sum of pixels that follow each other, opaque.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn pixel(from: &[[u8; 4]], weights: &[i16], bits: u32) -> [u8; 4] {
    let mut sums = [1i32 << (bits - 1); 4];
    for (bytes, &weight) in from.iter().zip(weights) {
        for i in 0..4 {
            sums[i] += i32::from(bytes[i]) * i32::from(weight);
        }
    }
    let mut out = [255; 4];
    for i in 0..3 {
        out[i] = (sums[i] >> bits).clamp(0, 255) as u8;
    }
    out
}

#[cfg(test)]
mod tests {
    use fast_image_resize::images::{Image, ImageRef};
    use fast_image_resize::{PixelType, ResizeAlg, ResizeOptions, Resizer};

    use super::*;
    use crate::base::rng;

    fn expected(picture: &Picture, part: Part, width: u32, height: u32, filter: FilterType) -> Vec<u8> {
        let mut out = Image::new(width, height, PixelType::U8x4);
        let (left, top, w, h) = part;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(filter))
            .crop(left.into(), top.into(), w.into(), h.into())
            .use_alpha(false);
        let from = ImageRef::new(picture.width, picture.height, &picture.rgba, PixelType::U8x4).unwrap();
        Resizer::new().resize(&from, &mut out, &options).unwrap();
        let mut rgba = out.into_vec();
        rgba.chunks_exact_mut(4).for_each(|p| p[3] = 255);
        rgba
    }

    #[test]
    fn sums_are_those_of_the_general_way_bit_for_bit() {
        let noise = rng::latent_from_seed(4, 200 * 120 * 4);
        for (w, h, width, height) in [
            (48, 48, 32, 32),
            (72, 72, 32, 32),
            (64, 64, 28, 28),
            (33, 97, 32, 31),
            (200, 120, 16, 20),
            (13, 9, 32, 32),
            (5, 4, 64, 48),
            (32, 32, 256, 256),
            (31, 40, 32, 39),
        ] {
            let n = w as usize * h as usize * 4;
            // Hard edges, where sums leave the range of a byte.
            let rgba = noise[..n].iter().enumerate().map(|(i, v)| if i % 4 == 3 { 255 } else { (v * 400.0) as u8 });
            let picture = Picture { width: w, height: h, rgba: rgba.collect() };
            let s = w.min(h);
            for part in [(0, 0, w, h), ((w - s) / 2, (h - s) / 2, s, s), (1, 2, w - 2, h - 3)] {
                for filter in [FilterType::Lanczos3, FilterType::CatmullRom] {
                    let told = format!("{w} × {h} {part:?} to {width} × {height} {filter:?}");
                    match opaque(&picture, part, width, height, filter) {
                        Some(ours) => {
                            assert!(ours.rgba == expected(&picture, part, width, height, filter), "{told}");
                        }
                        None => assert!(part.2 == width || part.3 == height, "{told} was not done"),
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_done_here_is_left_to_the_general_way() {
        let picture = Picture::filled(20, 20, [1, 2, 3, 255]);
        assert!(opaque(&picture, (0, 0, 20, 20), 10, 10, FilterType::Box).is_none());
        assert!(opaque(&picture, (0, 0, 20, 20), 20, 10, FilterType::Lanczos3).is_none());
        assert!(opaque(&picture, (5, 0, 20, 20), 10, 10, FilterType::Lanczos3).is_none(), "outside");
        let short = Picture { rgba: vec![255; 40], ..picture };
        assert!(opaque(&short, (0, 0, 20, 20), 10, 10, FilterType::Lanczos3).is_none());
    }
}
