//! Convolution without gathered columns: pixels lie side by side with a border of zeros, and every output pixel reads
//! its taps where they are.
//!
//! A block of pictures or rows that fits the cache is turned from planes to pixels, multiplied by weights that were
//! packed once, and turned back. The way back to the inputs of a convolution with a step goes by residues: output
//! pixels at the same place within a step form a small convolution of their own, so nothing is scattered.

use rayon::prelude::*;

use super::gemm_microkernel::{Product, Run};
use super::layout::{Gated, Load, Store};
use super::scratch::{Border, PANEL, Work, panels};
use super::{Geometry, PARTS};

/// Numbers of a block's pictures and results that are held in the cache: about 384 KiB.
const BLOCK: usize = 96 * 1024;
/// Numbers of packed weights that are multiplied at a time.
const WEIGHTS: usize = 48 * 1024;
/// Weights that all parts of a gradient hold together.
const MANY: usize = 1 << 20;
/// Pixels whose gradients by the weights are summed at a time.
const PIXELS: usize = 128;
/// Taps along one axis of the pixels with one residue.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Where the first of these output pixels lies.
    pub out: usize,
    /// How many there are.
    pub count: usize,
    /// Where the first one's first tap lies in the source.
    pub source: isize,
    /// Places in the kernel, in the order in which the source is read.
    pub taps: Vec<usize>,
}

/// Both ways of a convolution along one axis.
pub fn axes(out: usize, kernel: usize, stride: usize, padding: usize, back: bool) -> Vec<Axis> {
    if !back {
        return vec![Axis { out: 0, count: out, source: -(padding as isize), taps: (0..kernel).collect() }];
    }
    (0..stride.min(out))
        .map(|a| {
            let first = (a + padding) % stride;
            let taps: Vec<usize> = (first..kernel).step_by(stride).rev().collect();
            let source = ((a + padding - first) / stride) as isize - taps.len() as isize + 1;
            Axis { out: a, count: (out - a).div_ceil(stride), source, taps }
        })
        .collect()
}

/// One convolution of a [`Pass`]: the pixels of one residue along both axes.
struct Class {
    y: Axis,
    x: Axis,
    /// Packed weights, panel by panel: `[taps.y][taps.x · channels][width]`.
    weights: Vec<f32>,
}

/// A convolution or its way back, ready to run over pictures.
pub struct Pass {
    batch: usize,
    /// Channels read, channels made.
    channels: [usize; 2],
    /// Sizes of what is read and made.
    size: [usize; 2],
    out: [usize; 2],
    /// Steps between neighbouring pixels of a class, in the source and in the result.
    steps: [usize; 2],
    classes: Vec<Class>,
    /// Zeros left and right of a source row.
    sides: [usize; 2],
}

impl Pass {
    /// Forward (`[b, in, h, w] → [b, out, h', w']`) or back.
    pub fn new(g: &Geometry, w: &[f32], back: bool) -> Self {
        let small = g.small();
        let (channels, size, out) =
            if back { ([g.outputs, g.inputs], small, g.size) } else { ([g.inputs, g.outputs], g.size, small) };
        let steps = if back { [1, g.stride] } else { [g.stride, 1] };
        let of = |i: usize| axes(out[i], g.kernel, g.stride, g.padding, back);
        let (ys, xs) = (of(0), of(1));
        let before = xs.iter().map(|x| -x.source).max().unwrap_or(0).max(0) as usize;
        let reach = |x: &Axis| ((x.count.max(1) - 1) * steps[0]) as isize + x.source + x.taps.len() as isize;
        let after = xs.iter().map(|x| reach(x) - size[1] as isize).max().unwrap_or(0).max(0) as usize;
        // Distances in `w` between channels made and channels read.
        let taps = g.kernel * g.kernel;
        let apart = if back { [taps, g.inputs * taps] } else { [g.inputs * taps, taps] };
        let mut classes: Vec<Class> = ys
            .iter()
            .flat_map(|y| xs.iter().map(|x| Class { y: y.clone(), x: x.clone(), weights: Vec::new() }))
            .collect();
        for class in &mut classes {
            class.weights = pack(w, channels, apart, g.kernel, [&class.y.taps, &class.x.taps]);
        }
        Self { batch: g.batch, channels, size, out, steps, classes, sides: [before, after] }
    }

    fn line(&self) -> usize {
        (self.size[1] + self.sides[0] + self.sides[1]) * self.channels[0]
    }

    /// Pictures at a time, and steps of rows of a picture at a time.
    fn block(&self) -> (usize, usize) {
        let rows = self.out[0].div_ceil(self.steps[1]);
        let taps = self.classes.iter().map(|c| c.y.taps.len()).max().unwrap_or(1);
        let results = self.channels[1].min(PANEL) * self.out[1] * self.steps[1];
        let of = |rows: usize| (rows * self.steps[0] + taps) * self.line() + rows * results;
        if of(rows) <= BLOCK {
            ((BLOCK / of(rows)).clamp(1, 64), rows)
        } else {
            let mut blocks = 2;
            while of(rows.div_ceil(blocks)) > BLOCK && blocks < rows {
                blocks += 1;
            }
            (1, rows.div_ceil(blocks))
        }
    }

    /// Computes it: the source goes through its gate first; a bias is added to the result, which then goes through its
    /// own gate.
    pub fn run(
        &self,
        x: &[f32],
        x_gate: Option<Gated<'_>>,
        bias: Option<&[f32]>,
        y_gate: Option<Gated<'_>>,
        y: &mut [f32],
    ) {
        let (pictures, rows) = self.block();
        let len = self.channels[1] * self.out[0] * self.out[1];
        let source = self.channels[0] * self.size[0] * self.size[1];
        assert!(x.len() >= self.batch * source && y.len() == self.batch * len);
        let total = self.out[0].div_ceil(self.steps[1]);
        y.par_chunks_mut((pictures * len).max(1)).enumerate().for_each_init(Work::default, |work, (chunk, y)| {
            let first = chunk * pictures;
            let count = y.len() / len;
            let x = &x[first * source..(first + count) * source];
            let x_gate = x_gate.map(|g| Gated { gate: &g.gate[first * source..(first + count) * source], ..g });
            let y_gate = y_gate.map(|g| Gated { gate: &g.gate[first * len..first * len + y.len()], ..g });
            for from in (0..total).step_by(rows) {
                self.rows(work, count, [from, (from + rows).min(total)], x, x_gate, bias, y_gate, y);
            }
        });
    }

    #[allow(clippy::too_many_arguments)] // All of them are what `run` was given, cut to a block.
    fn rows(
        &self,
        work: &mut Work,
        count: usize,
        [from, to]: [usize; 2],
        x: &[f32],
        x_gate: Option<Gated<'_>>,
        bias: Option<&[f32]>,
        y_gate: Option<Gated<'_>>,
        y: &mut [f32],
    ) {
        let [read, made] = self.channels;
        let [in_step, out_step] = self.steps;
        let [height, width] = self.out;
        // Rows of the source that any class reads.
        let lo = self.classes.iter().map(|c| (from * in_step) as isize + c.y.source).min().unwrap_or(0);
        let hi = self.classes.iter().map(|c| ((to - 1) * in_step) as isize + c.y.source + c.y.taps.len() as isize);
        let hi = hi.max().unwrap_or(lo).max(lo);
        let (source_rows, line) = ((hi - lo) as usize, self.line());
        Border { rows: [lo, hi], sides: self.sides, size: self.size, channels: read, room: read }
            .load(work, count, x, x_gate);

        // Rows of the result, and where the pixels of each class read and write.
        let [first, last] = [from * out_step, (to * out_step).min(height)];
        work.places.clear();
        let mut ends = Vec::with_capacity(self.classes.len());
        for class in &self.classes {
            for picture in 0..count {
                for i in from..to.min(class.y.count) {
                    let row = (i * in_step) as isize + class.y.source - lo;
                    let start = (picture * source_rows + row as usize) * line;
                    let out = (picture * (last - first) + i * out_step + class.y.out - first) * width + class.x.out;
                    let column = (class.x.source + self.sides[0] as isize) as usize;
                    let pixels =
                        (0..class.x.count).map(|j| (start + (column + j * in_step) * read, out + j * out_step));
                    work.places.extend(pixels);
                }
            }
            ends.push(work.places.len());
        }
        let pixels = (last - first) * width;
        for (channel, panel) in panels(made) {
            work.results.resize(count * pixels * panel, 0.0);
            let mut begin = 0;
            for (class, &end) in self.classes.iter().zip(&ends) {
                let places = &work.places[begin..end];
                begin = end;
                work.rows.clear();
                work.rows.extend(places.iter().map(|p| p.0));
                work.out_rows.clear();
                work.out_rows.extend(places.iter().map(|p| p.1 * panel));
                let (taps_y, depth) = (class.y.taps.len(), class.x.taps.len() * read);
                let weights = &class.weights[taps_y * depth * channel..];
                let at_once = (WEIGHTS / (depth * panel).max(1)).clamp(1, taps_y.max(1));
                for begin in (0..taps_y.max(1)).step_by(at_once) {
                    let taps = begin..(begin + at_once).min(taps_y);
                    let runs: Vec<Run> = taps.map(|t| Run { a: t * line, b: t * depth * panel }).collect();
                    Product {
                        a: &work.pixels,
                        rows: &work.rows,
                        a_step: 1,
                        b: weights,
                        b_step: panel,
                        runs: &runs,
                        depth,
                        width: panel,
                        c: &mut work.results,
                        c_rows: &work.out_rows,
                        add: begin > 0,
                    }
                    .run();
                }
            }
            let plane = height * width;
            let columns = panel.min(made - channel);
            let bias = bias.map(|b| &b[channel..channel + columns]);
            for picture in 0..count {
                let at = (picture * made + channel) * plane + first * width;
                let gated = y_gate.map(|g| Gated { gate: &g.gate[at..], ..g });
                Store { pixels, columns, width: panel, plane }.run(
                    &work.results[picture * pixels * panel..],
                    bias,
                    gated,
                    &mut y[at..],
                );
            }
        }
    }
}

/// Weights panel by panel, `[taps.y][taps.x · read][width]`; channels that do not exist are zero.
fn pack(w: &[f32], [read, made]: [usize; 2], apart: [usize; 2], kernel: usize, taps: [&[usize]; 2]) -> Vec<f32> {
    let depth = taps[0].len() * taps[1].len() * read;
    let all: Vec<(usize, usize)> = panels(made).collect();
    let total: usize = all.iter().map(|p| p.1).sum();
    let mut out = vec![0.0; depth * total];
    out.par_chunks_mut((depth * PANEL).max(1)).zip(&all).for_each(|(out, &(first, width))| {
        // All taps of a weight are neighbours in `w`.
        let read_taps = taps[0].len() * taps[1].len();
        for c in 0..read {
            for lane in 0..width.min(made - first) {
                let start = (first + lane) * apart[0] + c * apart[1];
                for tap in 0..read_taps {
                    let (y, x) = (taps[0][tap / taps[1].len()], taps[1][tap % taps[1].len()]);
                    out[(tap * read + c) * width + lane] = w[start + y * kernel + x];
                }
            }
        }
    });
    out
}

/// Gradient by the weights, `[out, in, k, k]`.
///
/// Rows of the product are the numbers of a tap, columns the channels of `dy`; with few of these it is the other way
/// round.
pub fn weight_gradient(
    g: &Geometry,
    x: &[f32],
    gate: Option<Gated<'_>>,
    dy: &[f32],
    dy_gate: Option<Gated<'_>>,
) -> Vec<f32> {
    let ([out_h, out_w], k, c) = (g.small(), g.kernel, g.inputs);
    let ([height, width], depth) = (g.size, k * g.inputs);
    let turned = g.outputs * depth.next_multiple_of(16) < depth * g.outputs.next_multiple_of(16);
    let padded: usize = panels(g.outputs).map(|p| p.1).sum();
    let right = ((out_w - 1) * g.stride + k).saturating_sub(width + g.padding);
    let line = (g.padding + width + right) * c;
    // Some pictures, or a band of rows of one.
    let of = |rows: usize| (rows * g.stride + k) * line + rows * out_w * padded;
    let mut bands = 1;
    while of(out_h.div_ceil(bands)) > 2 * BLOCK && bands < out_h {
        bands += 1;
    }
    let (band, pictures) = (out_h.div_ceil(bands), PIXELS.div_ceil(out_h * out_w));
    // Length of a part, and distances between its rows: of a tap's numbers, and of channels.
    let (room, row) = if turned { (g.outputs, depth.next_multiple_of(16)) } else { (depth, padded) };
    // Each part holds all weights: few parts where these are many.
    let most = (MANY / (k * room * row)).clamp(2, PARTS);
    let per_part = g.batch.div_ceil(most).max(1);
    let (large, small) = (c * height * width, g.outputs * out_h * out_w);
    let parts: Vec<Vec<f32>> = (0..g.batch.div_ceil(per_part))
        .into_par_iter()
        .map(|part| {
            let mut dw = vec![0.0; k * room * row];
            let (mut work, mut grads) = (Work::default(), Vec::new());
            let rows: Vec<usize> = (0..room).collect();
            let c_rows: Vec<usize> = (0..room).map(|i| i * row).collect();
            let end = ((part + 1) * per_part).min(g.batch);
            for picture in (part * per_part..end).step_by(pictures) {
                let count = pictures.min(end - picture);
                let x = &x[picture * large..(picture + count) * large];
                let gated = gate.map(|g| Gated { gate: &g.gate[picture * large..(picture + count) * large], ..g });
                for from in (0..out_h).step_by(band) {
                    let to = (from + band).min(out_h);
                    let lo = (from * g.stride) as isize - g.padding as isize;
                    let hi = ((to - 1) * g.stride + k) as isize - g.padding as isize;
                    let sides = [g.padding, right];
                    Border { rows: [lo, hi], sides, size: g.size, channels: c, room: c }
                        .load(&mut work, count, x, gated);
                    // Vectors at the end of the last pixel reach a little further.
                    work.pixels.resize(work.pixels.len() + PANEL, 0.0);
                    // Gradients as pixels.
                    let pixels = (to - from) * out_w;
                    grads.resize(count * pixels * padded, 0.0);
                    work.rows.clear();
                    work.rows.extend((0..pixels).map(|i| i * padded));
                    let load = Load { channels: g.outputs, plane: out_h * out_w, places: &work.rows };
                    for (i, grads) in grads.chunks_exact_mut(pixels * padded).enumerate() {
                        let at = (picture + i) * small + from * out_w..(picture + i + 1) * small;
                        let gated = dy_gate.map(|g| Gated { gate: &g.gate[at.clone()], ..g });
                        load.run(&dy[at], gated, grads);
                    }
                    // Lines of pixels: where they begin in the pictures and in the gradients.
                    let picture_len = (hi - lo) as usize * line;
                    let lines: Vec<Run> = (0..count * (to - from))
                        .map(|i| {
                            let (picture, row) = (i / (to - from), i % (to - from));
                            Run { a: picture * picture_len + row * g.stride * line, b: i * out_w * padded }
                        })
                        .collect();
                    for lines in lines.chunks((PIXELS / out_w).max(1)) {
                        for kh in 0..k {
                            let dw = &mut dw[kh * room * row..(kh + 1) * room * row];
                            if turned {
                                for first in (0..depth).step_by(PANEL) {
                                    let begin = |r: &Run| Run { a: r.b, b: r.a + kh * line + first };
                                    Product {
                                        a: &grads,
                                        rows: &rows,
                                        a_step: padded,
                                        b: &work.pixels,
                                        b_step: g.stride * c,
                                        runs: &lines.iter().map(begin).collect::<Vec<_>>(),
                                        depth: out_w,
                                        width: (depth - first).min(PANEL).next_multiple_of(16),
                                        c: &mut dw[first..],
                                        c_rows: &c_rows,
                                        add: true,
                                    }
                                    .run();
                                }
                            } else {
                                for (channel, panel) in panels(g.outputs) {
                                    let begin = |r: &Run| Run { a: r.a + kh * line, b: r.b + channel };
                                    Product {
                                        a: &work.pixels,
                                        rows: &rows,
                                        a_step: g.stride * c,
                                        b: &grads,
                                        b_step: padded,
                                        runs: &lines.iter().map(begin).collect::<Vec<_>>(),
                                        depth: out_w,
                                        width: panel,
                                        c: &mut dw[channel..],
                                        c_rows: &c_rows,
                                        add: true,
                                    }
                                    .run();
                                }
                            }
                        }
                    }
                }
            }
            dw
        })
        .collect();
    let sum = total(parts);
    let mut dw = vec![0.0; g.outputs * c * k * k];
    // Sixteen results at a time, which are neighbours in the sum.
    dw.par_chunks_mut(16 * c * k * k).enumerate().for_each(|(lot, dw)| {
        let outputs = dw.len() / (c * k * k);
        for (channel, kh, kw) in (0..c * k * k).map(|i| (i / (k * k), i / k % k, i % k)) {
            let tap = kw * c + channel;
            let (start, step) = if turned { (lot * 16 * row + tap, row) } else { (tap * row + lot * 16, 1) };
            let from = &sum[kh * room * row + start..];
            for o in 0..outputs {
                dw[(o * c + channel) * k * k + kh * k + kw] = from[o * step];
            }
        }
    });
    dw
}

/// Sum of parts, in their order.
pub fn total(parts: Vec<Vec<f32>>) -> Vec<f32> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    let rest: Vec<Vec<f32>> = parts.collect();
    sum.par_chunks_mut(1 << 14).enumerate().for_each(|(i, sum)| {
        for part in &rest {
            sum.iter_mut().zip(&part[i << 14..]).for_each(|(s, p)| *s += p);
        }
    });
    sum
}
