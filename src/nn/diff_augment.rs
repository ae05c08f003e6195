//! Differentiable augmentation of what a critic sees (Zhao, Liu, Lin, Zhu & Han 2020, "DiffAugment").
//!
//! The same operations as MIT's reference: brightness ±0.5, saturation ×0–2, contrast ×0.5–1.5, translation by up to
//! 1/8 of a side with a grey (zero) border, and a grey square of half a side. Beside them mirroring, quarter turns and
//! zoom by 2^±½, out of ADA's pipeline (Karras 2020). Each picture takes each group of operations with probability `p`,
//! where the reference always takes all of them.
//!
//! All random numbers are drawn on the host and uploaded as shifts, factors, masks and permutation matrices, so the
//! pictures that a critic sees are the same on every device, and every operation has a backward everywhere. On grey
//! pictures there is no saturation; of RGBA only the colours change with the colours.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use crate::base::rng::Stream;
use crate::recipe::ObjectiveRecipe;

/// What happens to one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    /// Brightness added, saturation and contrast factors.
    pub colour: Option<[f32; 3]>,
    /// Mirrored, turned, zoomed.
    pub turn: Option<Turn>,
    /// Pixels down and right.
    pub shift: Option<[i32; 2]>,
    /// Rows and columns left out: `[top, bottom, left, right]`, ends not included.
    pub cutout: Option<[usize; 4]>,
}

/// One of the eight ways to lay a square, and a zoom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Rows become columns, before anything else.
    pub transpose: bool,
    /// Rows, and columns, in reverse.
    pub flip: [bool; 2],
    /// Above 1 enlarges around the centre.
    pub zoom: f32,
}

/// What happens to each picture of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AugmentPlan {
    /// One for each picture.
    pub changes: Vec<Change>,
}

impl AugmentPlan {
    /// The plan of some of the pictures.
    pub fn part(&self, range: &Range<usize>) -> Self {
        Self { changes: self.changes[range.clone()].to_vec() }
    }

    /// Draws a plan for `n` pictures of `[height, width]` pixels, with the groups of operations that the recipe switches
    /// on, each with probability `p`. Takes the same count of random numbers whatever these are, so that the stream
    /// stays in step when they change. Pictures that are not square are mirrored and zoomed, and never laid on their side.
    pub fn draw(stream: &mut Stream, n: usize, [height, width]: [usize; 2], p: f32, recipe: &ObjectiveRecipe) -> Self {
        // As the reference rounds: the shift and the square never vanish at small sizes.
        let reach = |side: usize| (side as f64 / 8.0 + 0.5) as i64;
        let whole = |u: f32, from: i64, count: i64| from + (f64::from(u) * count as f64) as i64;
        let changes = (0..n).map(|_| {
            let [a, b, c, d] = std::array::from_fn(|_| stream.uniform() < p);
            let [light, saturation, contrast, y, x, v, u, way, zoom] = std::array::from_fn(|_| stream.uniform());
            let way = whole(way, 0, 8);
            let band = |u: f32, side: usize| {
                let (side, square) = (side as i64, (side as f64 / 2.0 + 0.5) as i64);
                // Centres reach past the edges, so that squares may be cut off by them.
                let centre = whole(u, 0, side + 1 - square % 2);
                let bound = |at: i64| at.clamp(0, side) as usize;
                (bound(centre - square / 2), bound(centre - square / 2 + square))
            };
            let ((top, bottom), (left, right)) = (band(v, height), band(u, width));
            Change {
                colour: (a && recipe.augment_colour).then_some([light - 0.5, saturation * 2.0, contrast + 0.5]),
                turn: (d && recipe.augment_geometry).then_some(Turn {
                    transpose: way & 1 == 1 && height == width,
                    flip: [way & 2 == 2, way & 4 == 4],
                    zoom: libm::exp2f(zoom - 0.5),
                }),
                shift: (b && recipe.augment_translation).then(|| {
                    [(y, height), (x, width)].map(|(u, side)| whole(u, -reach(side), 2 * reach(side) + 1) as i32)
                }),
                cutout: (c && recipe.augment_cutout).then_some([top, bottom, left, right]),
            }
        });
        Self { changes: changes.collect() }
    }

    /// Whether no picture changes.
    pub fn is_idle(&self) -> bool {
        self.changes.iter().all(|c| *c == Change::default())
    }
}

/// Pictures as the plan changes them; gradients flow to the pictures. `[b, c, h, w] → [b, c, h, w]`
///
/// The plan must be for `b` pictures of this size; colour comes first, then turn, zoom and shift, then the cutout.
pub fn apply(x: Tensor<4>, plan: &AugmentPlan) -> Tensor<4> {
    debug_assert_eq!(x.dims()[0], plan.changes.len());
    let changes = &plan.changes;
    let x = if changes.iter().any(|c| c.colour.is_some()) { colour(x, changes) } else { x };
    let x = if changes.iter().any(|c| c.turn.is_some_and(|t| t.transpose)) { transpose(x, changes) } else { x };
    let x = if changes.iter().any(|c| c.shift.is_some() || c.turn.is_some()) { warp(x, changes) } else { x };
    if changes.iter().any(|c| c.cutout.is_some()) { cutout(x, changes) } else { x }
}

fn upload<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &device.clone().inner())
}

fn colour(x: Tensor<4>, changes: &[Change]) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let device = x.device();
    let of = |k: usize| {
        let values = changes.iter().map(|c| c.colour.unwrap_or([0.0, 1.0, 1.0])[k]).collect();
        upload(values, [b, 1, 1, 1], &device)
    };
    let (light, saturation, contrast) = (of(0), of(1), of(2));
    let colours = c.min(3);
    let mut rgb = if c == 4 { x.clone().slice([0..b, 0..3, 0..h, 0..w]) } else { x.clone() } + light;
    if colours == 3 {
        let grey = rgb.clone().mean_dim(1);
        rgb = (rgb - grey.clone()) * saturation + grey;
    }
    let mean: Tensor<4> = rgb.clone().reshape([b, colours * h * w]).mean_dim(1).unsqueeze_dims(&[2, 3]);
    rgb = (rgb - mean.clone()) * contrast + mean;
    if c == 4 { Tensor::cat(vec![rgb, x.slice([0..b, 3..4, 0..h, 0..w])], 1) } else { rgb }
}

fn transpose(x: Tensor<4>, changes: &[Change]) -> Tensor<4> {
    let b = x.dims()[0];
    let which = changes.iter().map(|c| if c.turn.is_some_and(|t| t.transpose) { 1.0 } else { 0.0 }).collect();
    let which = upload(which, [b, 1, 1, 1], &x.device());
    x.clone().swap_dims(2, 3) * which.clone() + x * (which.neg() + 1.0)
}

/// Products with matrices that say where the pixels of an axis go, one for each picture and axis: differentiable on every
/// device, and exact but for a zoom, which interpolates.
fn warp(x: Tensor<4>, changes: &[Change]) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    let device = x.device();
    // `matrix[from][to]` is the share of pixel `from` in pixel `to`.
    let matrices = |axis: usize, side: usize| {
        let mut values = vec![0.0; b * side * side];
        let middle = side as f32 / 2.0 - 0.5;
        for (matrix, change) in values.chunks_exact_mut(side * side).zip(changes) {
            let by = change.shift.unwrap_or_default()[axis] as f32;
            let (flip, zoom) = change.turn.map_or((false, 1.0), |t| (t.flip[axis], t.zoom));
            for to in 0..side {
                let off = (to as f32 - by - middle) / zoom;
                let from = middle + if flip { -off } else { off };
                let low = from.floor();
                for (pixel, share) in [(low, 1.0 - (from - low)), (low + 1.0, from - low)] {
                    if share > 0.0 && pixel >= 0.0 && pixel < side as f32 {
                        matrix[pixel as usize * side + to] += share;
                    }
                }
            }
        }
        upload(values, [b, side, side], &device)
    };
    let rows = x.reshape([b, c * h, w]).matmul(matrices(1, w));
    let turned = rows.reshape([b, c, h, w]).swap_dims(2, 3).reshape([b, c * w, h]).matmul(matrices(0, h));
    turned.reshape([b, c, w, h]).swap_dims(2, 3)
}

fn cutout(x: Tensor<4>, changes: &[Change]) -> Tensor<4> {
    let [b, _, h, w] = x.dims();
    let mut values = vec![1.0; b * h * w];
    for (mask, change) in values.chunks_exact_mut(h * w).zip(changes) {
        if let Some([top, bottom, left, right]) = change.cutout {
            for row in mask.chunks_exact_mut(w).take(bottom).skip(top) {
                row[left..right].fill(0.0);
            }
        }
    }
    let mask = upload(values, [b, 1, h, w], &x.device());
    x * mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(n: usize, c: usize, side: usize) -> Tensor<4> {
        let values = Stream::new(5, "pictures").normals(n * c * side * side);
        Tensor::from_data(TensorData::new(values, [n, c, side, side]), &Device::flex())
    }

    fn host(x: Tensor<4>) -> Vec<f32> {
        x.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn shifts_and_squares_are_where_they_should_be() {
        let x = pictures(2, 3, 20);
        let change = Change { shift: Some([-2, 1]), cutout: Some([0, 5, 8, 20]), ..Change::default() };
        let y = host(apply(x.clone(), &AugmentPlan { changes: vec![change, Change::default()] }));
        let x = host(x);
        for c in 0..3 {
            for i in 0..20usize {
                for j in 0..20usize {
                    let at = |i: usize, j: usize| x[c * 400 + i * 20 + j];
                    let hidden = i < 5 && j >= 8;
                    let expected = if hidden || i + 2 >= 20 || j == 0 { 0.0 } else { at(i + 2, j - 1) };
                    assert_eq!(y[c * 400 + i * 20 + j], expected);
                }
            }
        }
        assert_eq!(y[1200..], x[1200..]);
    }

    #[test]
    fn all_ways_to_lay_a_square_are_permutations_and_zoom_enlarges() {
        let x = pictures(1, 2, 16);
        let laid = |transpose, flip, zoom| {
            let turn = Some(Turn { transpose, flip, zoom });
            host(apply(x.clone(), &AugmentPlan { changes: vec![Change { turn, ..Change::default() }] }))
        };
        let plain = host(x.clone());
        for way in 0..8 {
            let (t, fr, fc) = (way & 1 == 1, way & 2 == 2, way & 4 == 4);
            let got = laid(t, [fr, fc], 1.0);
            for i in 0..16 {
                for j in 0..16 {
                    let (r, c) = (if fr { 15 - i } else { i }, if fc { 15 - j } else { j });
                    let (r, c) = if t { (c, r) } else { (r, c) };
                    assert_eq!(got[256 + i * 16 + j], plain[256 + r * 16 + c]);
                }
            }
        }
        // Twice as large: the output pixel at 3.25 pixels right of the centre reads 1.625 right of it.
        let large = laid(false, [false; 2], 2.0);
        let (a, b) = (|i: usize, j: usize| plain[i * 16 + j], 0.25f32);
        let expected = (a(8, 8) * (1.0 - b) + a(8, 9) * b) * (1.0 - b) + (a(9, 8) * (1.0 - b) + a(9, 9) * b) * b;
        assert!((large[9 * 16 + 9] - expected).abs() < 1e-5, "{} {expected}", large[9 * 16 + 9]);
        // A frame of grey where nothing comes from.
        assert_eq!(laid(false, [false; 2], 0.5)[0], 0.0);
    }

    #[test]
    fn colour_leaves_alpha_alone_and_grey_has_no_saturation() {
        let x = pictures(1, 4, 16);
        let change = |saturation| AugmentPlan {
            changes: vec![Change { colour: Some([0.25, saturation, 0.5]), ..Change::default() }],
        };
        let y = host(apply(x.clone(), &change(1.7)));
        assert_eq!(y[768..], host(x)[768..]);
        let grey = pictures(1, 1, 16);
        assert_eq!(host(apply(grey.clone(), &change(0.0))), host(apply(grey.clone(), &change(2.0))));
        // Brightness and contrast: the mean moves by the light, the spread by the contrast.
        let (before, after) = (host(grey.clone()), host(apply(grey, &change(1.0))));
        let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
        assert!((mean(&after) - mean(&before) - 0.25).abs() < 1e-5);
        assert!(((after[3] - after[9]) - 0.5 * (before[3] - before[9])).abs() < 1e-5);
    }

    #[test]
    fn plans_keep_step_and_stay_in_range() {
        let all = ObjectiveRecipe { augment_geometry: true, ..ObjectiveRecipe::default() };
        let mut stream = Stream::new(1, "augment");
        let none = AugmentPlan::draw(&mut stream, 50, [32; 2], 0.0, &all);
        assert!(none.is_idle());
        let after_none = stream.state();
        let mut again = Stream::new(1, "augment");
        let plan = AugmentPlan::draw(&mut again, 50, [32; 2], 1.0, &all);
        assert_eq!(again.state(), after_none);
        let shifts: Vec<i32> = plan.changes.iter().flat_map(|c| c.shift.unwrap()).collect();
        assert!(shifts.iter().all(|s| s.abs() <= 4) && shifts.contains(&4) && shifts.contains(&-4));
        for change in &plan.changes {
            let [top, bottom, left, right] = change.cutout.unwrap();
            assert!(top < bottom && bottom <= 32 && bottom - top <= 16 && left < right && right <= 32);
            let [light, saturation, contrast] = change.colour.unwrap();
            assert!(light.abs() <= 0.5 && (0.0..=2.0).contains(&saturation) && (0.5..=1.5).contains(&contrast));
        }
        let some = AugmentPlan::draw(&mut Stream::new(2, "augment"), 2000, [32; 2], 0.3, &all);
        let share = some.changes.iter().filter(|c| c.cutout.is_some()).count();
        assert!((500..700).contains(&share), "{share}");
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let n = 2 * 3 * 16 * 16;
        let all = ObjectiveRecipe { augment_geometry: true, ..ObjectiveRecipe::default() };
        let plan = AugmentPlan::draw(&mut Stream::new(9, "augment"), 2, [16; 2], 1.0, &all);
        let weights = Tensor::<4>::from_data(
            TensorData::new(Stream::new(6, "weights").normals(n), [2, 3, 16, 16]),
            &Device::flex(),
        );
        let score = |x: Tensor<4>| (apply(x, &plan) * weights.clone()).sum();
        let x = pictures(2, 3, 16);
        let leaf = x.clone().autodiff().require_grad();
        let grad = host(leaf.grad_remove(&mut score(leaf.clone()).backward()).unwrap());
        // Augmentation is linear in the picture, but for the shift by a constant: any step is exact.
        for i in (0..n).step_by(97) {
            let mut unit = vec![0.0; n];
            unit[i] = 1.0;
            let unit = Tensor::from_data(TensorData::new(unit, [2, 3, 16, 16]), &Device::flex());
            let difference = (score(x.clone() + unit.clone()) - score(x.clone() - unit)).into_scalar::<f32>() / 2.0;
            assert!((grad[i] - difference).abs() < 1e-3, "{i}: {} {difference}", grad[i]);
        }
    }
}
