//! Depthwise convolution: every channel by a kernel of its own, 3×3 or 5×5, with step 1 or 2, forward and back to the
//! inputs.
//!
//! Planes get a border of zeros and become one long line: the result at `q` reads the source at `q` plus the tap's
//! offset, and what falls on the border is computed and dropped. With step 2 a plane is split by the parity of its rows
//! and columns first, so that a tap is an offset again. Small planes of several pictures make one line.
//!
//! Padding is that of TensorFlow's "same" for even sizes: `k − step` zeros, the smaller half of them before. A side of
//! `n` pixels becomes `n / step`, rounded down.

use pulp::{Simd, WithSimd};

use crate::base::simd::dispatch;

/// Results at a time; lines are that much longer than what they hold.
const AT_ONCE: usize = 64;

/// Weights and shape of a depthwise convolution.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// Channels.
    pub channels: usize,
    /// Pixels a side of the kernels: 3 or 5.
    pub kernel: usize,
    /// Step: 1 or 2.
    pub stride: usize,
    /// `[channels, k, k]`.
    pub weight: Vec<f32>,
    /// `[channels]`.
    pub bias: Vec<f32>,
}

impl Depthwise {
    /// Pixels a side after it.
    pub fn out(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|n| n / self.stride)
    }

    fn before(&self) -> usize {
        (self.kernel - self.stride) / 2
    }
}

/// Lines for planes of one size, of so many pictures together.
#[derive(Debug)]
pub struct Lines {
    pictures: usize,
    stride: usize,
    before: usize,
    size: [usize; 2],
    out: [usize; 2],
    /// Rows and columns of a plane with its border, forward and back.
    there: [usize; 2],
    back: [usize; 2],
    /// Zeros before the gradients.
    reach: usize,
    /// What each tap adds to a place, forward; back, with the number of the tap, for each parity of a place.
    taps: Vec<usize>,
    taps_back: Vec<Vec<(usize, usize)>>,
    /// The source with its border, and results. The border stays as it is: zero.
    source: Vec<f32>,
    gradient: Vec<f32>,
    results: Vec<f32>,
    /// Weights of a parity.
    chosen: Vec<f32>,
}

impl Lines {
    /// For planes of `size` of so many pictures.
    pub fn new(d: &Depthwise, pictures: usize, size: [usize; 2]) -> Self {
        let (k, stride, before, out) = (d.kernel, d.stride, d.before(), d.out(size));
        let halves = (k - 1) / stride;
        let there = out.map(|n| n + halves);
        let phase = pictures * there[0] * there[1];
        let tap = |t: usize| {
            let [y, x] = [t / k, t % k];
            (y % stride * stride + x % stride) * phase + y / stride * there[1] + x / stride
        };
        let back = size.map(|n| (n.max(1) - 1 + before) / stride + 1 + halves);
        let parity = |p: usize| {
            let [py, px] = [p / stride, p % stride];
            let taps = (0..k * k).filter(|t| (t / k % stride, t % k % stride) == (py, px));
            taps.map(|t| ((halves - t / k / stride) * back[1] + halves - t % k / stride, t)).collect()
        };
        let slack = AT_ONCE + (k + 1) * (there[1].max(back[1]) + 1);
        Self {
            pictures,
            stride,
            before,
            size,
            out,
            there,
            back,
            reach: halves,
            taps: (0..k * k).map(tap).collect(),
            taps_back: (0..stride * stride).map(parity).collect(),
            source: vec![0.0; stride * stride * phase + slack],
            gradient: vec![0.0; pictures * back[0] * back[1] + slack],
            results: vec![0.0; phase.max(pictures * back[0] * back[1]) + AT_ONCE],
            chosen: Vec::new(),
        }
    }

    /// One channel: planes through `enter` (given a number and where it lies), results through `leave` (likewise).
    /// `[pictures, h, w] → [pictures, h/step, w/step]`
    #[inline(always)]
    pub fn forward(
        &mut self,
        weight: &[f32],
        bias: f32,
        planes: &[f32],
        mut enter: impl FnMut(usize, &[f32], &mut [f32], usize),
        mut leave: impl FnMut(usize, &[f32]),
    ) {
        let ([h, w], [rows, width], s) = (self.size, self.there, self.stride);
        let phase = self.pictures * rows * width;
        for picture in 0..self.pictures {
            for y in 0..h {
                let at = (picture * h + y) * w;
                let row = y + self.before;
                if row / s >= rows {
                    break;
                }
                let line = (row % s * s) * phase + (picture * rows + row / s) * width;
                if s == 1 {
                    enter(at, &planes[at..at + w], &mut self.source[line + self.before..][..w], 1);
                } else {
                    for parity in 0..2 {
                        // The first column of this parity, with its border.
                        let first = (parity + self.before) % 2;
                        let begin = line + parity * phase + (first + self.before) / 2;
                        let count = (w + 1 - first) / 2;
                        let count = count.min(width - (first + self.before) / 2);
                        enter(at + first, &planes[at + first..at + w], &mut self.source[begin..][..count], 2);
                    }
                }
            }
        }
        let n = (self.pictures - 1) * rows * width + (self.out[0].max(1) - 1) * width + self.out[1];
        Line { offsets: &self.taps, weights: weight, bias, source: &self.source, n, results: &mut self.results }.run();
        let [oh, ow] = self.out;
        for picture in 0..self.pictures {
            for y in 0..oh {
                leave((picture * oh + y) * ow, &self.results[(picture * rows + y) * width..][..ow]);
            }
        }
    }

    /// The gradient by one channel's planes, each row through `leave` with where it begins, and a distance between its
    /// numbers. `[pictures, h/step, w/step] → [pictures, h, w]`
    #[inline(always)]
    pub fn backward(
        &mut self,
        weight: &[f32],
        planes: &[f32],
        mut enter: impl FnMut(usize, &[f32], &mut [f32]),
        mut leave: impl FnMut(usize, usize, &[f32]),
    ) {
        let ([h, w], [oh, ow], [rows, width], s) = (self.size, self.out, self.back, self.stride);
        for picture in 0..self.pictures {
            for y in 0..oh {
                let at = (picture * oh + y) * ow;
                let line = (picture * rows + y + self.reach) * width + self.reach;
                enter(at, &planes[at..at + ow], &mut self.gradient[line..][..ow]);
            }
        }
        for (p, taps) in self.taps_back.iter().enumerate() {
            let [py, px] = [p / s, p % s];
            self.chosen.clear();
            self.chosen.extend(taps.iter().map(|t| weight[t.1]));
            let offsets: [usize; 25] = std::array::from_fn(|i| taps.get(i).map_or(0, |t| t.0));
            let n = (self.pictures - 1) * rows * width + (rows - self.reach) * width - self.reach;
            Line {
                offsets: &offsets[..taps.len()],
                weights: &self.chosen,
                bias: 0.0,
                source: &self.gradient,
                n,
                results: &mut self.results,
            }
            .run();
            let first = |parity: usize| (parity + self.before) % s;
            for picture in 0..self.pictures {
                for y in (first(py)..h).step_by(s) {
                    let x = first(px);
                    let line = (picture * rows + (y + self.before) / s) * width + (x + self.before) / s;
                    let count = (w - x.min(w)).div_ceil(s);
                    leave((picture * h + y) * w + x, s, &self.results[line..][..count]);
                }
            }
        }
    }
}

/// `results[q] = bias + Σ weight[t] · source[q + offset[t]]`, for `q` below `n`: one chain of fused multiply-adds each.
struct Line<'a> {
    offsets: &'a [usize],
    weights: &'a [f32],
    bias: f32,
    source: &'a [f32],
    n: usize,
    results: &'a mut [f32],
}

impl Line<'_> {
    fn run(self) {
        let n = self.n.next_multiple_of(AT_ONCE);
        let reach = self.offsets.iter().max().map_or(0, |o| *o);
        assert!(n + reach <= self.source.len() && n <= self.results.len());
        assert_eq!(self.offsets.len(), self.weights.len());
        dispatch(self);
    }
}

impl WithSimd for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        const VECTORS: usize = 4;
        let bias = s.splat_f32s(self.bias);
        let step = VECTORS * S::F32_LANES;
        for q in (0..self.n.next_multiple_of(AT_ONCE)).step_by(step) {
            let mut sums = [bias; VECTORS];
            // SAFETY: `run` held the furthest place against both slices; `AT_ONCE` is a multiple of every step.
            unsafe {
                let source = self.source.as_ptr().add(q);
                for (offset, weight) in self.offsets.iter().zip(self.weights) {
                    let weight = s.splat_f32s(*weight);
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let values = source.add(offset + v * S::F32_LANES).cast::<S::f32s>().read_unaligned();
                        *sum = s.mul_add_e_f32s(weight, values, *sum);
                    }
                }
                let results = self.results.as_mut_ptr().add(q);
                for (v, sum) in sums.iter().enumerate() {
                    results.add(v * S::F32_LANES).cast::<S::f32s>().write_unaligned(*sum);
                }
            }
        }
    }
}
