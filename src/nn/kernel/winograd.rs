//! Winograd's minimal filtering: 3×3 with step 1 by F(4×4, 3×3), 36 products instead of 144 for sixteen pixels; 4×4 with
//! step 2, and back, as 2×2 convolutions of every other pixel by F(4×4, 2×2), 25 products instead of 64.
//!
//! After Lavin & Gray, "Fast algorithms for convolutional neural networks" (2016), with the points 0, ±1, ±2 and ∞ (for
//! 2×2 without −2): `Y = Aᵀ [(G W Gᵀ) ⊙ (Bᵀ X B)] A`. The way back to the inputs is the same with the kernel turned
//! around; the gradient by the weights is its transpose, `dW = Gᵀ [Σ (Bᵀ X B) ⊙ (A dY Aᵀ)] G`.

use crate::base::simd::dispatch;
use rayon::prelude::*;

use super::direct::total;
use super::gemm_microkernel::{Product, Run};
use super::layout::{Gated, Load, Store};
use super::scratch::{Border, Work, panels};
use super::winograd_transform::{Grads, Kernel, POINTS, Place, READ, TILE, Tiles, Unkernel, Untile};
use super::{Geometry, PARTS};

/// Numbers of transformed tiles of the source that are held at a time: 256 KiB.
const HELD: usize = 64 * 1024;
/// Numbers of a band's pictures and results.
const BAND: usize = 128 * 1024;

/// Whether this convolution goes this way.
pub fn fits(g: &Geometry) -> bool {
    let wide = g.inputs >= 16 && g.outputs >= 16;
    wide && g.kernel == 3 && g.stride == 1 && g.padding == 1 && g.size.iter().all(|&n| n >= TILE)
}

/// Whether this convolution goes this way in steps of two.
pub fn fits_strided(g: &Geometry, back: bool) -> bool {
    let wide = g.inputs >= 16 && g.outputs >= 16;
    let square = g.kernel == 4 && g.stride == 2 && g.padding == 1;
    // With one tile a picture the transforms of the weights cost more than is saved, as do those of the four ways back
    // where each makes few channels.
    let many = g.size.iter().all(|&n| n >= 4 * TILE && n % 2 == 0);
    wide && square && many && (!back || g.inputs >= 64)
}

/// Pixels of the result that have the same weights.
struct Class {
    /// Where the first of them lies.
    out: [usize; 2],
    /// Shift of what each of its convolutions reads, in pixels with the border.
    phases: Vec<[usize; 2]>,
    /// `[points][panel][phases · read][width]`
    weights: Vec<f32>,
}

/// A convolution, with its weights transformed.
pub struct Winograd {
    batch: usize,
    channels: [usize; 2],
    size: [usize; 2],
    out: [usize; 2],
    /// Between neighbouring pixels of a class, in the source and in the result.
    steps: [usize; 2],
    /// Pixels a side that a tile reads.
    read: usize,
    classes: Vec<Class>,
}

/// Tiles along an axis.
fn tiles(size: usize) -> usize {
    size.div_ceil(TILE)
}

/// Where in the kernel the taps of a class and phase are, for both axes.
type Taps = [Vec<usize>; 2];

impl Winograd {
    /// Forward, or back to the inputs.
    pub fn new(g: &Geometry, w: &[f32], back: bool) -> Self {
        let (channels, size, out) =
            if back { ([g.outputs, g.inputs], g.small(), g.size) } else { ([g.inputs, g.outputs], g.size, g.small()) };
        let square = [[0, 0], [0, 1], [1, 0], [1, 1]];
        // Where results lie; shifts and taps of each phase.
        type Plan = ([usize; 2], Vec<([usize; 2], Taps)>);
        let plans: Vec<Plan> = match (g.kernel, back) {
            (3, false) => vec![([0, 0], vec![([0, 0], [vec![0, 1, 2], vec![0, 1, 2]])])],
            (3, true) => vec![([0, 0], vec![([0, 0], [vec![2, 1, 0], vec![2, 1, 0]])])],
            // Every other pixel is a picture of its own, and every other tap its kernel.
            (_, false) => vec![([0, 0], square.map(|at| (at, at.map(|a| vec![a, a + 2]))).to_vec())],
            // Every other result is a picture of its own, made by every other tap.
            (_, true) => square.map(|at| (at, vec![(at, at.map(|a| vec![3 - a, 1 - a]))])).to_vec(),
        };
        let read = if g.kernel == 3 { READ } else { READ - 1 };
        let taps = g.kernel * g.kernel;
        let apart = if back { [taps, g.inputs * taps] } else { [g.inputs * taps, taps] };
        let classes = plans.into_iter().map(|(out, phases)| {
            let (shifts, taps): (Vec<_>, Vec<_>) = phases.into_iter().unzip();
            Class { out, phases: shifts, weights: transform(w, channels, apart, g.kernel, &taps, read) }
        });
        let steps = match (g.stride, back) {
            (1, _) => [1, 1],
            (_, false) => [2, 1],
            (_, true) => [1, 2],
        };
        let classes = classes.collect();
        Self { batch: g.batch, channels, size, out, steps, read, classes }
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
        let (len, source) = (made * self.out[0] * self.out[1], read * self.size[0] * self.size[1]);
        assert!(x.len() >= self.batch * source && y.len() == self.batch * len);
        let frame = Frame::of(self.size, self.out, self.steps, self.read, read, made.min(64));
        y.par_chunks_mut((frame.pictures * len).max(1)).enumerate().for_each_init(Work::default, |work, (chunk, y)| {
            let (first, count) = (chunk * frame.pictures, y.len() / len);
            let x = &x[first * source..(first + count) * source];
            let x_gate = x_gate.map(|g| Gated { gate: &g.gate[first * source..(first + count) * source], ..g });
            let y_gate = y_gate.map(|g| Gated { gate: &g.gate[first * len..first * len + y.len()], ..g });
            for from in (0..frame.tiles[0]).step_by(frame.rows) {
                let to = (from + frame.rows).min(frame.tiles[0]);
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
        let [height, width] = self.out;
        let points = self.read * self.read;
        let padded: usize = panels(made).map(|p| p.1).sum();
        let [first, last] = frame.lines([from, to]);
        let pixels = (last - first) * width;
        let phases = self.classes[0].phases.len();
        let room = phases * frame.channels;
        let total = count * (to - from) * frame.tiles[1];
        let at_once = share(total, HELD / (points * room));
        // Results of all panels, since tiles are transformed once.
        work.results.resize(count * pixels * padded, 0.0);
        for class in &self.classes {
            let origins: Vec<Vec<usize>> =
                class.phases.iter().map(|&shift| frame.origins(count, [from, to], shift)).collect();
            for begin in (0..total).step_by(at_once) {
                let n = at_once.min(total - begin);
                work.points.resize(points * n * room, 0.0);
                for (phase, origins) in origins.iter().enumerate() {
                    let (origins, source) = (&origins[begin..begin + n], &work.pixels[..]);
                    let points = &mut work.points[phase * frame.channels..];
                    let (channels, steps) = (frame.channels, frame.pixel_steps());
                    if self.read == READ {
                        dispatch(Tiles::<READ> { channels, steps, origins, source, points, room });
                    } else {
                        dispatch(Tiles::<{ READ - 1 }> { channels, steps, origins, source, points, room });
                    }
                }
                work.rows.clear();
                work.rows.extend((0..n).map(|t| t * room));
                for (channel, panel) in panels(made) {
                    work.out_rows.clear();
                    work.out_rows.extend((0..n).map(|t| t * panel));
                    work.sums.resize(points * n * panel, 0.0);
                    let runs: Vec<Run> =
                        (0..phases).map(|p| Run { a: p * frame.channels, b: p * read * panel }).collect();
                    for point in 0..points {
                        Product {
                            a: &work.points[point * n * room..],
                            rows: &work.rows,
                            a_step: 1,
                            b: &class.weights[phases * read * (point * padded + channel)..],
                            b_step: panel,
                            runs: &runs,
                            depth: read,
                            width: panel,
                            c: &mut work.sums[point * n * panel..],
                            c_rows: &work.out_rows,
                            add: false,
                        }
                        .run();
                    }
                    let results = &mut work.results[count * pixels * channel..][..count * pixels * panel];
                    let tiles = (begin..begin + n).map(|t| frame.place(t, [from, to], class.out));
                    let sums = &work.sums[..];
                    if self.read == READ {
                        dispatch(Untile::<_, READ> { tiles, sums, n, panel, results });
                    } else {
                        dispatch(Untile::<_, { READ - 1 }> { tiles, sums, n, panel, results });
                    }
                }
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

/// `G W Gᵀ` of every kernel, `[points][panel][phases · read][width]`.
#[allow(clippy::needless_range_loop)] // Lanes of sixteen kernels read best by their indices.
fn transform(
    w: &[f32],
    [read, made]: [usize; 2],
    apart: [usize; 2],
    kernel: usize,
    phases: &[Taps],
    side: usize,
) -> Vec<f32> {
    let (points, depth) = (side * side, phases.len() * read);
    let padded: usize = panels(made).map(|p| p.1).sum();
    let mut weights = vec![0.0; points * depth * padded];
    // Sixteen kernels at a time, whose transforms go to all points: every panel has a piece of each point.
    let mut lots: Vec<Vec<&mut [f32]>> = panels(made).map(|_| Vec::with_capacity(points)).collect();
    for of_point in weights.chunks_exact_mut((depth * padded).max(1)) {
        let mut rest = of_point;
        for (lot, (_, width)) in lots.iter_mut().zip(panels(made)) {
            let (head, tail) = rest.split_at_mut(depth * width);
            rest = tail;
            lot.push(head);
        }
    }
    lots.into_par_iter().zip(panels(made).collect::<Vec<_>>()).for_each(|(mut out, (first, width))| {
        for lane in (0..width).step_by(16) {
            let count = made.saturating_sub(first + lane).min(16);
            for (row, (taps, c)) in phases.iter().flat_map(|taps| (0..read).map(move |c| (taps, c))).enumerate() {
                let n = taps[1].len();
                let mut kernels = [[0.0; 16]; 9];
                for l in 0..count {
                    let start = (first + lane + l) * apart[0] + c * apart[1];
                    for (i, y) in taps[0].iter().enumerate() {
                        for (j, x) in taps[1].iter().enumerate() {
                            kernels[i * n + j][l] = w[start + y * kernel + x];
                        }
                    }
                }
                let mut transformed = [[0.0; 16]; POINTS];
                if n == 3 {
                    dispatch(Kernel::<3> { w: &kernels, u: &mut transformed });
                } else {
                    dispatch(Kernel::<2> { w: &kernels, u: &mut transformed });
                }
                for (out, u) in out.iter_mut().zip(&transformed) {
                    out[row * width + lane..][..16].copy_from_slice(u);
                }
            }
        }
    });
    weights
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
    out: [usize; 2],
    steps: [usize; 2],
    /// Pixels a side that a tile reads, and furthest shift of a phase.
    read: usize,
    shift: usize,
    /// Tiles of a class along both axes.
    tiles: [usize; 2],
    /// Channels of the source, and with those that fill up vectors.
    source: usize,
    channels: usize,
}

impl Frame {
    /// `results` are numbers that a pixel makes.
    fn of(size: [usize; 2], out: [usize; 2], steps: [usize; 2], read: usize, source: usize, results: usize) -> Self {
        let mut frame = Self {
            pictures: 1,
            rows: 0,
            size,
            out,
            steps,
            read,
            shift: usize::from(read != READ),
            tiles: out.map(|n| tiles(n / steps[1])),
            source,
            channels: source.next_multiple_of(16),
        };
        let of = |rows: usize| frame.reach(rows) * frame.line() + rows * TILE * steps[1] * out[1] * results;
        let mut bands = 1;
        while of(frame.tiles[0].div_ceil(bands)) > BAND && bands < frame.tiles[0] {
            bands += 1;
        }
        let pictures = if bands == 1 { (BAND / of(frame.tiles[0])).clamp(1, 64) } else { 1 };
        (frame.rows, frame.pictures) = (frame.tiles[0].div_ceil(bands), pictures);
        frame
    }

    /// Pixels with the border that so many tiles read along an axis.
    fn reach(&self, tiles: usize) -> usize {
        ((tiles - 1) * TILE + self.read - 1) * self.steps[0] + self.shift + 1
    }

    /// Numbers of a row of pixels.
    fn line(&self) -> usize {
        self.reach(self.tiles[1]) * self.channels
    }

    /// Distances in memory between pixels that a tile reads.
    fn pixel_steps(&self) -> [usize; 2] {
        [self.line() * self.steps[0], self.channels * self.steps[0]]
    }

    /// Rows of the result that a band makes.
    fn lines(&self, [from, to]: [usize; 2]) -> [usize; 2] {
        let step = TILE * self.steps[1];
        [from * step, (to * step).min(self.out[0])]
    }

    fn load(&self, work: &mut Work, count: usize, [from, to]: [usize; 2], x: &[f32], gated: Option<Gated<'_>>) {
        let lo = (from * TILE * self.steps[0]) as isize - 1;
        let rows = [lo, lo + self.reach(to - from) as isize];
        let sides = [1, self.reach(self.tiles[1]) - 1 - self.size[1]];
        let border = Border { rows, sides, size: self.size, channels: self.source, room: self.channels };
        border.load(work, count, x, gated);
    }

    /// Where each tile begins among the pixels.
    fn origins(&self, count: usize, [from, to]: [usize; 2], shift: [usize; 2]) -> Vec<usize> {
        let picture = self.reach(to - from) * self.line();
        let step = TILE * self.steps[0];
        let of_picture = |p: usize| {
            (0..to - from).flat_map(move |ty| {
                (0..self.tiles[1]).map(move |tx| {
                    let row = p * picture + (ty * step + shift[0]) * self.line();
                    row + (tx * step + shift[1]) * self.channels
                })
            })
        };
        (0..count).flat_map(of_picture).collect()
    }

    /// Where tile `t` of a band writes, for the class whose first pixel lies at `at`.
    fn place(&self, t: usize, [from, to]: [usize; 2], at: [usize; 2]) -> Place {
        let (columns, per_picture) = (self.tiles[1], (to - from) * self.tiles[1]);
        let (picture, ty, tx) = (t / per_picture, t % per_picture / columns, t % columns);
        let [first, last] = self.lines([from, to]);
        let step = self.steps[1];
        let (row, column) = (ty * TILE * step + at[0], tx * TILE * step + at[1]);
        Place {
            pixel: (picture * (last - first) + row) * self.out[1] + column,
            steps: [step * self.out[1], step],
            rows: (last - first - row).div_ceil(step).min(TILE),
            columns: (self.out[1] - column).div_ceil(step).min(TILE),
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
    let frame = Frame::of(g.size, g.size, [1, 1], READ, g.inputs, padded);
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
                for from in (0..frame.tiles[0]).step_by(frame.rows) {
                    let to = (from + frame.rows).min(frame.tiles[0]);
                    let [first, last] = frame.lines([from, to]);
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
                    let origins = frame.origins(count, [from, to], [0, 0]);
                    let at_once = share(origins.len(), HELD / (POINTS * frame.channels.max(padded)));
                    for (lot, origins) in origins.chunks(at_once).enumerate() {
                        let n = origins.len();
                        work.points.resize(POINTS * n * frame.channels, 0.0);
                        let (channels, steps, source) = (frame.channels, frame.pixel_steps(), &work.pixels[..]);
                        let room = channels;
                        dispatch(Tiles::<READ> { channels, steps, origins, source, points: &mut work.points, room });
                        points.resize(POINTS * n * padded, 0.0);
                        let tiles = (lot * at_once..).take(n).map(|t| frame.place(t, [from, to], [0, 0]));
                        let source = &grads[..];
                        dispatch(Grads { tiles, source, n, channels: padded, points: &mut points });
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
