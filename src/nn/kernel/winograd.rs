//! Convolutions of 3×3 with step 1 by Winograd's minimal filtering F(4×4, 3×3): 36 products instead of 144 for sixteen
//! pixels.
//!
//! After Lavin & Gray, "Fast algorithms for convolutional neural networks" (2016), with the points 0, ±1, ±2 and ∞:
//! `Y = Aᵀ [(G W Gᵀ) ⊙ (Bᵀ X B)] A`. The way back to the inputs is the same with the kernel turned around; the gradient
//! by the weights is its transpose, `dW = Gᵀ [Σ (Bᵀ X B) ⊙ (A dY Aᵀ)] G`.

use rayon::prelude::*;

use super::direct::total;
use super::filter::{Grads, Kernel, POINTS, Place, TILE, Tiles, Unkernel, Untile};
use super::lay::{Gated, Load, Store};
use super::micro::{Product, Run};
use super::simd::dispatch;
use super::work::{Border, Work, panels};
use super::{Geometry, PARTS};

/// Numbers of transformed tiles of the source that are held at a time: 256 KiB.
const HELD: usize = 64 * 1024;
/// Numbers of a band's pictures and results.
const BAND: usize = 128 * 1024;

/// Whether this convolution goes this way.
pub fn fits(g: &Geometry) -> bool {
    g.kernel == 3
        && g.stride == 1
        && g.padding == 1
        && g.inputs >= 16
        && g.outputs >= 16
        && g.size.iter().all(|&n| n >= TILE)
}

/// A convolution, with its weights transformed.
pub struct Winograd {
    batch: usize,
    channels: [usize; 2],
    size: [usize; 2],
    /// `[36][panel][read][width]`
    weights: Vec<f32>,
}

/// Tiles along an axis.
fn tiles(size: usize) -> usize {
    size.div_ceil(TILE)
}

impl Winograd {
    /// Forward, or back to the inputs.
    pub fn new(g: &Geometry, w: &[f32], back: bool) -> Self {
        let channels = if back { [g.outputs, g.inputs] } else { [g.inputs, g.outputs] };
        let apart = if back { [9, g.inputs * 9] } else { [g.inputs * 9, 9] };
        let padded: usize = panels(channels[1]).map(|p| p.1).sum();
        let mut weights = vec![0.0; POINTS * channels[0] * padded];
        // Sixteen kernels at a time, whose transforms go to 36 places.
        let mut lots: Vec<Vec<&mut [f32]>> = Vec::new();
        for of_point in weights.chunks_exact_mut((channels[0] * padded).max(1)) {
            let mut rest = of_point;
            for (i, (_, width)) in panels(channels[1]).enumerate() {
                let (head, tail) = rest.split_at_mut(channels[0] * width);
                rest = tail;
                if lots.len() <= i {
                    lots.push(Vec::with_capacity(POINTS));
                }
                lots[i].push(head);
            }
        }
        lots.into_par_iter().zip(panels(channels[1]).collect::<Vec<_>>()).for_each(|(mut out, (first, width))| {
            for lane in (0..width).step_by(16) {
                let count = channels[1].saturating_sub(first + lane).min(16);
                for c in 0..channels[0] {
                    let mut kernel = [[0.0; 16]; 9];
                    for l in 0..count {
                        let start = (first + lane + l) * apart[0] + c * apart[1];
                        for (t, tap) in kernel.iter_mut().enumerate() {
                            tap[l] = w[start + if back { 8 - t } else { t }];
                        }
                    }
                    let mut transformed = [[0.0; 16]; POINTS];
                    dispatch(Kernel { w: &kernel, u: &mut transformed });
                    for (out, u) in out.iter_mut().zip(&transformed) {
                        out[c * width + lane..][..16].copy_from_slice(u);
                    }
                }
            }
        });
        Self { batch: g.batch, channels, size: g.size, weights }
    }

    /// Computes it; arguments as for [`super::direct::Pass::run`].
    pub fn run(
        &self,
        x: &[f32],
        x_gate: Option<Gated<'_>>,
        bias: Option<&[f32]>,
        y_gate: Option<Gated<'_>>,
        y: &mut [f32],
    ) {
        let [read, made] = self.channels;
        let [height, width] = self.size;
        let (len, source) = (made * height * width, read * height * width);
        assert!(x.len() >= self.batch * source && y.len() == self.batch * len);
        let frame = Frame::of(self.size, read, made.min(64) * width);
        y.par_chunks_mut((frame.pictures * len).max(1)).enumerate().for_each_init(Work::default, |work, (chunk, y)| {
            let (first, count) = (chunk * frame.pictures, y.len() / len);
            let x = &x[first * source..(first + count) * source];
            let x_gate = x_gate.map(|g| Gated { gate: &g.gate[first * source..(first + count) * source], ..g });
            let y_gate = y_gate.map(|g| Gated { gate: &g.gate[first * len..first * len + y.len()], ..g });
            for from in (0..tiles(height)).step_by(frame.rows) {
                let to = (from + frame.rows).min(tiles(height));
                frame.load(work, count, [from, to], x, x_gate);
                self.band(work, &frame, count, [from, to], bias, y_gate, y);
            }
        });
    }

    #[allow(clippy::too_many_arguments)] // All of them are what `run` was given, cut to a band.
    fn band(
        &self,
        work: &mut Work,
        frame: &Frame,
        count: usize,
        [from, to]: [usize; 2],
        bias: Option<&[f32]>,
        y_gate: Option<Gated<'_>>,
        y: &mut [f32],
    ) {
        let [read, made] = self.channels;
        let [height, width] = self.size;
        let padded: usize = panels(made).map(|p| p.1).sum();
        let [first, last] = [from * TILE, (to * TILE).min(height)];
        let pixels = (last - first) * width;
        let origins = frame.origins(count, [from, to]);
        let at_once = share(origins.len(), HELD / (POINTS * frame.channels));
        // Results of all panels, since tiles are transformed once.
        work.results.resize(count * pixels * padded, 0.0);
        for (lot, origins) in origins.chunks(at_once).enumerate() {
            let n = origins.len();
            work.points.resize(POINTS * n * frame.channels, 0.0);
            let source = &work.pixels;
            let points = &mut work.points;
            let (channels, line) = (frame.channels, frame.line());
            dispatch(Tiles { channels, line, origins, source, points });
            work.rows.clear();
            work.rows.extend((0..n).map(|t| t * frame.channels));
            for (channel, panel) in panels(made) {
                work.out_rows.clear();
                work.out_rows.extend((0..n).map(|t| t * panel));
                work.sums.resize(POINTS * n * panel, 0.0);
                for point in 0..POINTS {
                    Product {
                        a: &work.points[point * n * frame.channels..],
                        rows: &work.rows,
                        a_step: 1,
                        b: &self.weights[point * read * padded + read * channel..],
                        b_step: panel,
                        runs: &[Run { a: 0, b: 0 }],
                        depth: read,
                        width: panel,
                        c: &mut work.sums[point * n * panel..],
                        c_rows: &work.out_rows,
                        add: false,
                    }
                    .run();
                }
                let results = &mut work.results[count * pixels * channel..][..count * pixels * panel];
                let tiles = (lot * at_once..).take(n).map(|t| frame.place(t, [from, to], [first, last]));
                dispatch(Untile { tiles, sums: &work.sums, n, panel, results, width });
            }
        }
        for (channel, panel) in panels(made) {
            let (plane, columns) = (height * width, panel.min(made - channel));
            let bias = bias.map(|b| &b[channel..channel + columns]);
            let results = &work.results[count * pixels * channel..];
            for picture in 0..count {
                let at = (picture * made + channel) * plane + first * width;
                let gated = y_gate.map(|g| Gated { gate: &g.gate[at..], ..g });
                let store = Store { pixels, columns, width: panel, plane };
                store.run(&results[picture * pixels * panel..], bias, gated, &mut y[at..]);
            }
        }
    }
}

/// Splits `n` evenly into lots of at most `most` (and a few more, so that rows come in sixes).
fn share(n: usize, most: usize) -> usize {
    n.div_ceil(n.div_ceil(most.max(6))).next_multiple_of(6).max(1)
}

/// How pictures lie as pixels, in bands of whole tiles.
struct Frame {
    /// Pictures at a time, and rows of tiles.
    pictures: usize,
    rows: usize,
    size: [usize; 2],
    /// Channels read, and with those that fill up vectors.
    read: usize,
    channels: usize,
}

impl Frame {
    /// `results` are numbers that a row of pixels makes.
    fn of(size: [usize; 2], read: usize, results: usize) -> Self {
        let mut frame = Self { pictures: 1, rows: tiles(size[0]), size, read, channels: read.next_multiple_of(16) };
        let of = |frame: &Self, rows: usize| (rows * TILE + 2) * frame.line() + rows * TILE * results;
        let whole = of(&frame, frame.rows);
        if whole <= BAND {
            frame.pictures = (BAND / whole).clamp(1, 64);
        } else {
            let mut bands = 2;
            while of(&frame, tiles(size[0]).div_ceil(bands)) > BAND && bands < tiles(size[0]) {
                bands += 1;
            }
            frame.rows = tiles(size[0]).div_ceil(bands);
        }
        frame
    }

    fn columns(&self) -> usize {
        tiles(self.size[1])
    }

    fn line(&self) -> usize {
        (self.columns() * TILE + 2) * self.channels
    }

    fn load(&self, work: &mut Work, count: usize, [from, to]: [usize; 2], x: &[f32], gated: Option<Gated<'_>>) {
        let rows = [(from * TILE) as isize - 1, (to * TILE) as isize + 1];
        let sides = [1, self.columns() * TILE + 1 - self.size[1]];
        let border = Border { rows, sides, size: self.size, channels: self.read, room: self.channels };
        border.load(work, count, x, gated);
    }

    /// Where each tile begins among the pixels.
    fn origins(&self, count: usize, [from, to]: [usize; 2]) -> Vec<usize> {
        let picture = ((to - from) * TILE + 2) * self.line();
        let of_picture = |p: usize| {
            (0..to - from).flat_map(move |ty| {
                (0..self.columns()).map(move |tx| p * picture + ty * TILE * self.line() + tx * TILE * self.channels)
            })
        };
        (0..count).flat_map(of_picture).collect()
    }

    /// First pixel of tile `t` in a band's results, and its rows and columns that exist.
    fn place(&self, t: usize, [from, to]: [usize; 2], [first, last]: [usize; 2]) -> Place {
        let (columns, per_picture) = (self.columns(), (to - from) * self.columns());
        let (picture, ty, tx) = (t / per_picture, t % per_picture / columns, t % columns);
        Place {
            pixel: (picture * (last - first) + ty * TILE) * self.size[1] + tx * TILE,
            rows: (last - first - ty * TILE).min(TILE),
            columns: (self.size[1] - tx * TILE).min(TILE),
        }
    }
}

/// Gradient by the weights, `[out, in, 3, 3]`.
pub fn weight_gradient(
    g: &Geometry,
    x: &[f32],
    gate: Option<Gated<'_>>,
    dy: &[f32],
    dy_gate: Option<Gated<'_>>,
) -> Vec<f32> {
    let [height, width] = g.size;
    let padded: usize = panels(g.outputs).map(|p| p.1).sum();
    let frame = Frame::of(g.size, g.inputs, padded * width);
    let (large, small) = (g.inputs * height * width, g.outputs * height * width);
    let per_part = g.batch.div_ceil(PARTS).max(1);
    let parts: Vec<Vec<f32>> = (0..g.batch.div_ceil(per_part))
        .into_par_iter()
        .map(|part| {
            let mut sums = vec![0.0; POINTS * g.inputs * padded];
            let (mut work, mut grads, mut points) = (Work::default(), Vec::new(), Vec::new());
            let rows: Vec<usize> = (0..g.inputs).collect();
            let c_rows: Vec<usize> = (0..g.inputs).map(|c| c * padded).collect();
            let end = ((part + 1) * per_part).min(g.batch);
            for picture in (part * per_part..end).step_by(frame.pictures) {
                let count = frame.pictures.min(end - picture);
                let x = &x[picture * large..(picture + count) * large];
                let gated = gate.map(|g| Gated { gate: &g.gate[picture * large..(picture + count) * large], ..g });
                for from in (0..tiles(height)).step_by(frame.rows) {
                    let to = (from + frame.rows).min(tiles(height));
                    let [first, last] = [from * TILE, (to * TILE).min(height)];
                    frame.load(&mut work, count, [from, to], x, gated);
                    let pixels = (last - first) * width;
                    grads.resize(count * pixels * padded, 0.0);
                    work.rows.clear();
                    work.rows.extend((0..pixels).map(|i| i * padded));
                    let load = Load { channels: g.outputs, plane: height * width, places: &work.rows };
                    for (i, grads) in grads.chunks_exact_mut(pixels * padded).enumerate() {
                        let at = (picture + i) * small + first * width..(picture + i + 1) * small;
                        let gated = dy_gate.map(|g| Gated { gate: &g.gate[at.clone()], ..g });
                        load.run(&dy[at], gated, grads);
                    }
                    let origins = frame.origins(count, [from, to]);
                    let at_once = share(origins.len(), HELD / (POINTS * frame.channels.max(padded)));
                    for (lot, origins) in origins.chunks(at_once).enumerate() {
                        let n = origins.len();
                        work.points.resize(POINTS * n * frame.channels, 0.0);
                        let (channels, line, source) = (frame.channels, frame.line(), &work.pixels);
                        dispatch(Tiles { channels, line, origins, source, points: &mut work.points });
                        points.resize(POINTS * n * padded, 0.0);
                        let tiles = (lot * at_once..).take(n).map(|t| frame.place(t, [from, to], [first, last]));
                        let source = &grads[..];
                        dispatch(Grads { tiles, source, n, channels: padded, width, points: &mut points });
                        for point in 0..POINTS {
                            for (channel, panel) in panels(g.outputs) {
                                Product {
                                    a: &work.points[point * n * frame.channels..],
                                    rows: &rows,
                                    a_step: frame.channels,
                                    b: &points[point * n * padded + channel..],
                                    b_step: padded,
                                    runs: &[Run { a: 0, b: 0 }],
                                    depth: n,
                                    width: panel,
                                    c: &mut sums[point * g.inputs * padded + channel..],
                                    c_rows: &c_rows,
                                    add: true,
                                }
                                .run();
                            }
                        }
                    }
                }
            }
            kernels(&sums, g.inputs, padded)
        })
        .collect();
    // `[in][9][out]`
    let sum = total(parts);
    let mut dw = vec![0.0; g.outputs * g.inputs * 9];
    dw.par_chunks_mut(g.inputs * 9).enumerate().for_each(|(o, dw)| {
        for (i, dw) in dw.iter_mut().enumerate() {
            *dw = sum[i * padded + o];
        }
    });
    dw
}

/// `[36][in][out] → [in][9][out]`
fn kernels(sums: &[f32], inputs: usize, padded: usize) -> Vec<f32> {
    let mut out = vec![0.0; inputs * 9 * padded];
    for (c, out) in out.chunks_exact_mut(9 * padded).enumerate() {
        for lane in (0..padded).step_by(16) {
            let mut u = [[0.0; 16]; POINTS];
            for (point, u) in u.iter_mut().enumerate() {
                u.copy_from_slice(&sums[(point * inputs + c) * padded + lane..][..16]);
            }
            let mut w = [[0.0; 16]; 9];
            dispatch(Unkernel { u: &u, w: &mut w });
            for (tap, w) in w.iter().enumerate() {
                out[tap * padded + lane..][..16].copy_from_slice(w);
            }
        }
    }
    out
}
