//! Layers of small devices' networks with fixed weights: inverted residual blocks (Sandler, Howard, Zhu, Zhmoginov &
//! Chen, "MobileNetV2", 2018) and their 1×1 and strided convolutions, with ReLU6 and biases folded in, forward and back
//! to the inputs.
//!
//! A block goes through the wide middle a few channels at a time and picture by picture (small pictures together), so
//! that what is six times as wide as the block's ends never leaves the cache. Of the middle only one byte a number is
//! kept for the way back: whether ReLU6 passes there. Weights have no gradients.
//!
//! Every number is one chain of fused multiply-adds in a fixed order, so results depend neither on the number of threads
//! nor on which pictures are computed together.

use rayon::prelude::*;

use super::depthwise::{Depthwise, Lines};
use super::gemm_microkernel::{Product, Run};
use super::scratch::PANEL;
use crate::base::simd::dispatch;

/// Numbers of the middle at a time.
const CACHED: usize = 1 << 16;
/// Columns that small pictures are put together for.
const COLUMNS: usize = 64;

/// A 1×1 convolution.
#[derive(Clone, Debug)]
pub struct Pointwise {
    /// Channels read and made.
    pub channels: [usize; 2],
    /// `[made, read]`.
    weight: Vec<f32>,
    /// `[read, made]`.
    transposed: Vec<f32>,
    /// `[made]`.
    bias: Vec<f32>,
}

impl Pointwise {
    /// Of weights `[made, read]`.
    pub fn new([read, made]: [usize; 2], weight: Vec<f32>, bias: Vec<f32>) -> Self {
        assert!(weight.len() == read * made && bias.len() == made);
        let transposed = (0..read).flat_map(|i| weight.iter().skip(i).step_by(read).copied()).collect();
        Self { channels: [read, made], weight, transposed, bias }
    }
}

/// An inverted residual block: wider by 1×1, depthwise, narrower by 1×1; ReLU6 after the first two.
#[derive(Clone, Debug)]
pub struct InvertedResidual {
    /// To the width of the middle, where that is not the width of the input.
    pub expand: Option<Pointwise>,
    /// In the middle.
    pub depthwise: Depthwise,
    /// To the width of the output.
    pub project: Pointwise,
    /// Whether the input is added.
    pub residual: bool,
}

/// Where ReLU6 passed, group by group of pictures.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    pictures: usize,
    groups: Vec<Vec<u8>>,
}

/// `a · b` for some rows of `a`: `c[row][0..n] (+)= Σ a[row·a_step + from + k] · b[k][0..n]`.
struct Matrix<'a> {
    a: &'a [f32],
    a_step: usize,
    from: usize,
    depth: usize,
}

impl Matrix<'_> {
    #[allow(clippy::too_many_arguments)]
    fn times(
        &self,
        rows: std::ops::Range<usize>,
        b: &[f32],
        b_step: usize,
        n: usize,
        c: &mut [f32],
        c_step: usize,
        add: bool,
    ) {
        let starts: Vec<usize> = rows.map(|r| r * self.a_step + self.from).collect();
        let mut c_rows = vec![0; starts.len()];
        for first in (0..n).step_by(PANEL) {
            let width = (n - first).min(PANEL).next_multiple_of(16);
            c_rows.iter_mut().enumerate().for_each(|(i, row)| *row = i * c_step + first);
            let runs = [Run { a: 0, b: first }];
            Product {
                a: self.a,
                rows: &starts,
                a_step: 1,
                b,
                b_step,
                runs: &runs,
                depth: self.depth,
                width,
                c,
                c_rows: &c_rows,
                add,
            }
            .run();
        }
    }
}

/// Distance between planes of so many columns in buffers: room for whole vectors, and not a power of two, so that
/// neighbours do not share a place in the cache.
fn step(columns: usize) -> usize {
    columns.next_multiple_of(16) + 16
}

/// What is not a number stays so.
#[inline(always)]
fn relu6(v: f32) -> f32 {
    v.clamp(0.0, 6.0)
}

#[inline(always)]
fn passes(v: f32) -> u8 {
    u8::from(v > 0.0 && v < 6.0)
}

/// Pictures to planes with room: `[n][channels][plane] → [channels][step]`.
fn gather(x: &[f32], channels: usize, plane: usize, out: &mut Vec<f32>) {
    let n = x.len() / (channels * plane).max(1);
    let step = step(n * plane);
    out.resize(channels * step, 0.0);
    for (p, x) in x.chunks_exact(channels * plane).enumerate() {
        for (x, out) in x.chunks_exact(plane).zip(out.chunks_exact_mut(step)) {
            out[p * plane..(p + 1) * plane].copy_from_slice(x);
        }
    }
}

/// How many pictures of so many columns go together.
fn together(columns: usize, batch: usize) -> usize {
    (COLUMNS / columns.max(1)).min(batch.div_ceil(rayon::current_num_threads())).max(1)
}

#[derive(Default)]
struct Scratch {
    x: Vec<f32>,
    middle: Vec<f32>,
    narrow: Vec<f32>,
    out: Vec<f32>,
}

impl InvertedResidual {
    fn inputs(&self) -> usize {
        self.expand.as_ref().map_or(self.depthwise.channels, |e| e.channels[0])
    }

    /// Channels of the middle at a time.
    fn at_once(&self, columns: usize) -> usize {
        (CACHED / step(columns)).next_multiple_of(24).min(self.depthwise.channels)
    }

    /// Pixels a side after it.
    pub fn out(&self, size: [usize; 2]) -> [usize; 2] {
        self.depthwise.out(size)
    }

    /// Channels after it.
    pub fn outputs(&self) -> usize {
        self.project.channels[1]
    }

    /// `[b, in, h, w] → [b, out, h/step, w/step]`, and where ReLU6 passed if that is to be kept.
    pub fn forward(&self, x: &[f32], size: [usize; 2], keep: bool, y: &mut [f32]) -> Passed {
        let out = self.out(size);
        let (plane, out_plane) = (size[0] * size[1], out[0] * out[1]);
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let batch = x.len() / (inputs * plane);
        assert!(x.len() == batch * inputs * plane && y.len() == batch * outputs * out_plane);
        let pictures = together(out_plane, batch);
        let groups = y.par_chunks_mut(pictures * outputs * out_plane).zip(x.par_chunks(pictures * inputs * plane));
        let work = |scratch: &mut Scratch, (y, x): (&mut [f32], &[f32])| self.group(x, size, keep, scratch, y);
        let groups = groups.map_init(Scratch::default, work).collect();
        Passed { pictures, groups }
    }

    fn group(&self, x: &[f32], size: [usize; 2], keep: bool, s: &mut Scratch, y: &mut [f32]) -> Vec<u8> {
        let ([oh, ow], d) = (self.out(size), &self.depthwise);
        let (plane, out_plane, inputs) = (size[0] * size[1], oh * ow, self.inputs());
        let n = x.len() / (inputs * plane);
        let (columns, out_columns) = (n * plane, n * out_plane);
        let (wide, narrow) = (step(columns), step(out_columns));
        let mut passed = vec![0u8; if keep { d.channels * (columns + out_columns) } else { 0 }];
        let (entered, left) = passed.split_at_mut(if keep { d.channels * columns } else { 0 });
        let mut lines = Lines::new(d, n, size);
        gather(x, inputs, plane, &mut s.x);
        s.narrow.resize(d.channels * narrow, 0.0);
        let (taps, at_once) = (d.kernel * d.kernel, self.at_once(columns));
        for first in (0..d.channels).step_by(at_once) {
            let chunk = first..(first + at_once).min(d.channels);
            if let Some(expand) = &self.expand {
                s.middle.resize(at_once * wide, 0.0);
                Matrix { a: &expand.weight, a_step: inputs, from: 0, depth: inputs }.times(
                    chunk.clone(),
                    &s.x,
                    wide,
                    columns,
                    &mut s.middle,
                    wide,
                    false,
                );
            }
            dispatch(
                #[inline(always)]
                || {
                    for c in chunk.clone() {
                        let (planes, bias) = match &self.expand {
                            Some(expand) => (&s.middle[(c - first) * wide..][..columns], Some(expand.bias[c])),
                            None => (&s.x[c * wide..][..columns], None),
                        };
                        let to = &mut s.narrow[c * narrow..][..out_columns];
                        let entered = entered.get_mut(c * columns..(c + 1) * columns).unwrap_or_default();
                        let left = left.get_mut(c * out_columns..(c + 1) * out_columns).unwrap_or_default();
                        lines.forward(
                            &d.weight[c * taps..(c + 1) * taps],
                            d.bias[c],
                            planes,
                            |at, from, to, apart| {
                                enter(from, bias, to, apart, if keep { &mut entered[at..] } else { &mut [] })
                            },
                            |at, from| {
                                to[at..at + ow].iter_mut().zip(from).for_each(|(to, v)| *to = relu6(*v));
                                if keep {
                                    left[at..at + ow].iter_mut().zip(from).for_each(|(p, v)| *p = passes(*v));
                                }
                            },
                        );
                    }
                },
            );
        }
        let outputs = self.outputs();
        s.out.resize(outputs * narrow, 0.0);
        let project = Matrix { a: &self.project.weight, a_step: d.channels, from: 0, depth: d.channels };
        project.times(0..outputs, &s.narrow, narrow, out_columns, &mut s.out, narrow, false);
        for (p, y) in y.chunks_exact_mut(outputs * out_plane).enumerate() {
            for (c, y) in y.chunks_exact_mut(out_plane).enumerate() {
                let (bias, from) = (self.project.bias[c], &s.out[c * narrow + p * out_plane..][..out_plane]);
                if self.residual {
                    let x = &s.x[c * wide + p * plane..][..plane];
                    y.iter_mut().zip(from).zip(x).for_each(|((y, v), x)| *y = v + bias + x);
                } else {
                    y.iter_mut().zip(from).for_each(|(y, v)| *y = v + bias);
                }
            }
        }
        passed
    }

    /// The gradient by the input. `[b, out, h/step, w/step] → [b, in, h, w]`
    pub fn backward(&self, dy: &[f32], size: [usize; 2], passed: &Passed, dx: &mut [f32]) {
        let out = self.out(size);
        let (plane, out_plane) = (size[0] * size[1], out[0] * out[1]);
        let pictures = passed.pictures.max(1);
        let groups = dx.par_chunks_mut(pictures * self.inputs() * plane).zip(&passed.groups);
        let groups = groups.zip(dy.par_chunks(pictures * self.outputs() * out_plane));
        groups.for_each_init(Scratch::default, |s, ((dx, passed), dy)| self.group_back(dy, size, passed, s, dx));
    }

    fn group_back(&self, dy: &[f32], size: [usize; 2], passed: &[u8], s: &mut Scratch, dx: &mut [f32]) {
        let ([oh, ow], d) = (self.out(size), &self.depthwise);
        let (plane, out_plane, inputs, outputs) = (size[0] * size[1], oh * ow, self.inputs(), self.outputs());
        let n = dx.len() / (inputs * plane);
        let (columns, out_columns) = (n * plane, n * out_plane);
        let (wide, narrow) = (step(columns), step(out_columns));
        let (entered, left) = passed.split_at(d.channels * columns);
        let mut lines = Lines::new(d, n, size);
        gather(dy, outputs, out_plane, &mut s.out);
        s.x.resize(inputs * wide, 0.0);
        let (taps, at_once) = (d.kernel * d.kernel, self.at_once(columns));
        s.middle.resize(at_once * wide, 0.0);
        s.narrow.resize(at_once * narrow, 0.0);
        for first in (0..d.channels).step_by(at_once) {
            let chunk = first..(first + at_once).min(d.channels);
            Matrix { a: &self.project.transposed, a_step: outputs, from: 0, depth: outputs }.times(
                chunk.clone(),
                &s.out,
                narrow,
                out_columns,
                &mut s.narrow,
                narrow,
                false,
            );
            dispatch(
                #[inline(always)]
                || {
                    for c in chunk.clone() {
                        let planes = &s.narrow[(c - first) * narrow..][..out_columns];
                        let (entered, left) = (&entered[c * columns..], &left[c * out_columns..]);
                        let gated = self.expand.is_some();
                        let to = if gated { &mut s.middle[(c - first) * wide..] } else { &mut s.x[c * wide..] };
                        lines.backward(
                            &d.weight[c * taps..(c + 1) * taps],
                            planes,
                            |at, from, to| {
                                let both = from.iter().zip(&left[at..]);
                                to.iter_mut().zip(both).for_each(|(to, (v, p))| *to = v * f32::from(*p));
                            },
                            |at, apart, from| {
                                if apart == 1 {
                                    let to = &mut to[at..at + from.len()];
                                    if gated {
                                        let both = from.iter().zip(&entered[at..]);
                                        to.iter_mut().zip(both).for_each(|(to, (v, p))| *to = v * f32::from(*p));
                                    } else {
                                        to.copy_from_slice(from);
                                    }
                                } else {
                                    for (i, v) in from.iter().enumerate() {
                                        let at = at + i * apart;
                                        to[at] = if gated { v * f32::from(entered[at]) } else { *v };
                                    }
                                }
                            },
                        );
                    }
                },
            );
            if let Some(expand) = &self.expand {
                let depth = chunk.len();
                Matrix { a: &expand.transposed, a_step: d.channels, from: first, depth }.times(
                    0..inputs,
                    &s.middle,
                    wide,
                    columns,
                    &mut s.x,
                    wide,
                    first > 0,
                );
            }
        }
        for (p, dx) in dx.chunks_exact_mut(inputs * plane).enumerate() {
            for (c, dx) in dx.chunks_exact_mut(plane).enumerate() {
                let from = &s.x[c * wide + p * plane..][..plane];
                if self.residual {
                    let dy = &s.out[c * narrow + p * plane..][..plane];
                    dx.iter_mut().zip(from).zip(dy).for_each(|((dx, v), dy)| *dx = v + dy);
                } else {
                    dx.copy_from_slice(from);
                }
            }
        }
    }
}

/// A row on its way into the middle: every `apart`-th number, with its bias and ReLU6 where it comes from a convolution.
#[inline(always)]
fn enter(from: &[f32], bias: Option<f32>, to: &mut [f32], apart: usize, passed: &mut [u8]) {
    let Some(bias) = bias else {
        to.iter_mut().zip(from.iter().step_by(apart)).for_each(|(to, v)| *to = *v);
        return;
    };
    if apart == 1 {
        to.iter_mut().zip(from).for_each(|(to, v)| *to = relu6(v + bias));
    } else {
        to.iter_mut().zip(from.iter().step_by(apart)).for_each(|(to, v)| *to = relu6(v + bias));
    }
    if apart == 1 {
        passed.iter_mut().zip(from).for_each(|(p, v)| *p = passes(v + bias));
    } else {
        passed.iter_mut().step_by(apart).zip(from.iter().step_by(apart)).for_each(|(p, v)| *p = passes(v + bias));
    }
}

/// The first convolution: 3×3 with step 2 on colours, then ReLU6; zeros only below and on the right.
#[derive(Clone, Debug)]
pub struct Stem {
    pointwise: Pointwise,
    colours: usize,
}

/// Taps of the stem.
const TAPS: usize = 9;

impl Stem {
    /// Of weights `[out, colours, 3, 3]`.
    pub fn new([colours, outputs]: [usize; 2], weight: Vec<f32>, bias: Vec<f32>) -> Self {
        Self { pointwise: Pointwise::new([colours * TAPS, outputs], weight, bias), colours }
    }

    /// Channels after it.
    pub fn outputs(&self) -> usize {
        self.pointwise.channels[1]
    }

    /// Rows of results at a time.
    fn band(width: usize) -> usize {
        (1024 / width.max(1)).max(1)
    }

    /// `[b, colours, h, w] → [b, out, h/2, w/2]`, and where ReLU6 passed.
    pub fn forward(&self, x: &[f32], [h, w]: [usize; 2], keep: bool, y: &mut [f32]) -> Passed {
        let ([oh, ow], [taps, outputs]) = ([h / 2, w / 2], self.pointwise.channels);
        let (len, out_len) = (self.colours * h * w, outputs * oh * ow);
        let work = |(gathered, out): &mut (Vec<f32>, Vec<f32>), (y, x): (&mut [f32], &[f32])| {
            let mut passed = vec![0u8; if keep { out_len } else { 0 }];
            for first in (0..oh).step_by(Self::band(ow)) {
                let rows = first..(first + Self::band(ow)).min(oh);
                let columns = rows.len() * ow;
                let step = step(columns);
                gathered.resize(taps * step, 0.0);
                out.resize(outputs * step, 0.0);
                for (t, to) in gathered.chunks_exact_mut(step).enumerate() {
                    let (plane, dy, dx) = (&x[t / TAPS * h * w..][..h * w], t % TAPS / 3, t % 3);
                    for (y, to) in rows.clone().zip(to.chunks_exact_mut(ow)) {
                        let row = 2 * y + dy;
                        if row >= h {
                            to.fill(0.0);
                            continue;
                        }
                        let from = &plane[row * w..(row + 1) * w];
                        for (x, to) in to.iter_mut().enumerate() {
                            *to = from.get(2 * x + dx).copied().unwrap_or(0.0);
                        }
                    }
                }
                let weight = Matrix { a: &self.pointwise.weight, a_step: taps, from: 0, depth: taps };
                weight.times(0..outputs, gathered, step, columns, out, step, false);
                finish(out, step, &self.pointwise.bias, [first * ow, columns], oh * ow, y, &mut passed);
            }
            passed
        };
        let pictures = y.par_chunks_mut(out_len).zip(x.par_chunks(len));
        let groups = pictures.map_init(Default::default, work).collect();
        Passed { pictures: 1, groups }
    }

    /// The gradient by the input. `[b, out, h/2, w/2] → [b, colours, h, w]`
    pub fn backward(&self, dy: &[f32], [h, w]: [usize; 2], passed: &Passed, dx: &mut [f32]) {
        let ([oh, ow], [taps, outputs]) = ([h / 2, w / 2], self.pointwise.channels);
        let (len, out_len) = (self.colours * h * w, outputs * oh * ow);
        let work = |(gathered, out): &mut (Vec<f32>, Vec<f32>),
                    ((dx, dy), passed): ((&mut [f32], &[f32]), &Vec<u8>)| {
            dx.fill(0.0);
            for first in (0..oh).step_by(Self::band(ow)) {
                let rows = first..(first + Self::band(ow)).min(oh);
                let columns = rows.len() * ow;
                let step = step(columns);
                gathered.resize(taps * step, 0.0);
                out.resize(outputs * step, 0.0);
                gated(dy, passed, [first * ow, columns], oh * ow, out, step);
                let back = Matrix { a: &self.pointwise.transposed, a_step: outputs, from: 0, depth: outputs };
                back.times(0..taps, out, step, columns, gathered, step, false);
                for (t, from) in gathered.chunks_exact(step).enumerate() {
                    let (plane, dy, dx_) = (&mut dx[t / TAPS * h * w..][..h * w], t % TAPS / 3, t % 3);
                    for (y, from) in rows.clone().zip(from.chunks_exact(ow)) {
                        if let Some(to) = plane.get_mut((2 * y + dy) * w..(2 * y + dy + 1) * w) {
                            let to = to.get_mut(dx_..).unwrap_or_default();
                            to.iter_mut().step_by(2).zip(from).for_each(|(to, v)| *to += v);
                        }
                    }
                }
            }
        };
        let pictures = dx.par_chunks_mut(len).zip(dy.par_chunks(out_len)).zip(&passed.groups);
        pictures.for_each_init(Default::default, work);
    }
}

/// Some columns of results with their bias through ReLU6, onto planes.
fn finish(
    out: &[f32],
    step: usize,
    bias: &[f32],
    [first, columns]: [usize; 2],
    plane: usize,
    y: &mut [f32],
    passed: &mut [u8],
) {
    let keep = !passed.is_empty();
    for (c, ((out, bias), y)) in out.chunks(step).zip(bias).zip(y.chunks_exact_mut(plane)).enumerate() {
        let out = &out[..columns];
        y[first..first + columns].iter_mut().zip(out).for_each(|(y, v)| *y = relu6(v + bias));
        if keep {
            let passed = &mut passed[c * plane + first..][..columns];
            passed.iter_mut().zip(out).for_each(|(p, v)| *p = passes(v + bias));
        }
    }
}

/// Some columns of gradients where ReLU6 passed, out of planes.
fn gated(dy: &[f32], passed: &[u8], [first, columns]: [usize; 2], plane: usize, out: &mut [f32], step: usize) {
    let planes = dy.chunks_exact(plane).zip(passed.chunks_exact(plane));
    for (out, (dy, passed)) in out.chunks_mut(step).zip(planes) {
        let both = dy[first..first + columns].iter().zip(&passed[first..]);
        out.iter_mut().zip(both).for_each(|(out, (v, p))| *out = v * f32::from(*p));
    }
}

impl Pointwise {
    /// With ReLU6. `[b, read, n] → [b, made, n]`, and where ReLU6 passed.
    pub fn forward(&self, x: &[f32], plane: usize, keep: bool, y: &mut [f32]) -> Passed {
        let [read, made] = self.channels;
        let pictures = together(plane, x.len() / (read * plane));
        let groups = y.par_chunks_mut(pictures * made * plane).zip(x.par_chunks(pictures * read * plane));
        let work = |(gathered, out): &mut (Vec<f32>, Vec<f32>), (y, x): (&mut [f32], &[f32])| {
            let columns = x.len() / read;
            let step = step(columns);
            gather(x, read, plane, gathered);
            out.resize(made * step, 0.0);
            let weight = Matrix { a: &self.weight, a_step: read, from: 0, depth: read };
            weight.times(0..made, gathered, step, columns, out, step, false);
            let mut passed = vec![0u8; if keep { y.len() } else { 0 }];
            for (p, y) in y.chunks_exact_mut(made * plane).enumerate() {
                let from = p * plane;
                let passed = passed.get_mut(p * made * plane..(p + 1) * made * plane).unwrap_or_default();
                finish(&out[from..], step, &self.bias, [0, plane], plane, y, passed);
            }
            passed
        };
        Passed { pictures, groups: groups.map_init(Default::default, work).collect() }
    }

    /// The gradient by the input. `[b, made, n] → [b, read, n]`
    pub fn backward(&self, dy: &[f32], plane: usize, passed: &Passed, dx: &mut [f32]) {
        let [read, made] = self.channels;
        let pictures = passed.pictures.max(1);
        let groups = dx.par_chunks_mut(pictures * read * plane).zip(dy.par_chunks(pictures * made * plane));
        let work = |(gathered, out): &mut (Vec<f32>, Vec<f32>),
                    ((dx, dy), passed): ((&mut [f32], &[f32]), &Vec<u8>)| {
            let columns = dx.len() / read;
            let step = step(columns);
            gathered.resize(made * step, 0.0);
            out.resize(read * step, 0.0);
            for (p, dy) in dy.chunks_exact(made * plane).enumerate() {
                let passed = &passed[p * made * plane..];
                gated(dy, passed, [0, plane], plane, &mut gathered[p * plane..], step);
            }
            let back = Matrix { a: &self.transposed, a_step: made, from: 0, depth: made };
            back.times(0..read, gathered, step, columns, out, step, false);
            for (p, dx) in dx.chunks_exact_mut(read * plane).enumerate() {
                for (c, dx) in dx.chunks_exact_mut(plane).enumerate() {
                    dx.copy_from_slice(&out[c * step + p * plane..][..plane]);
                }
            }
        };
        groups.zip(&passed.groups).for_each_init(Default::default, work);
    }
}
