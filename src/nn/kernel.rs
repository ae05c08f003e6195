//! Convolution on the CPU: tiles of gathered columns that stay in the cache, and large matrix products.
//!
//! All tensors are `[b, channels, h, w]` in plain order, weights `[out, in, k, k]`. A value may go through a gate on
//! its way in: `x · slope(gate)`, where the slope is 1 above zero and 0.2 below. With `x` as its own gate that is the
//! leaky ReLU, so activations cost no pass over memory of their own.
//!
//! Results do not depend on the number of threads: pictures are independent, and the weight gradient is summed over a
//! fixed number of parts in a fixed order.

use gemm::Parallelism;
use rayon::prelude::*;

/// Numbers of gathered columns that are worked on at a time: about 512 KiB.
const TILE: usize = 128 * 1024;
/// Parts of a batch whose weight gradients are summed apart.
const PARTS: usize = 8;

/// Shapes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Pictures.
    pub batch: usize,
    /// Channels of the larger side: what a convolution reads, what a transposed one makes.
    pub inputs: usize,
    /// Channels of the smaller side.
    pub outputs: usize,
    /// Height and width of the larger side.
    pub size: [usize; 2],
    /// Pixels a side of the kernel.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Zeros around the larger side.
    pub padding: usize,
}

impl Geometry {
    /// Height and width of the smaller side.
    pub fn small(&self) -> [usize; 2] {
        self.size.map(|n| (n + 2 * self.padding - self.kernel) / self.stride + 1)
    }

    /// Numbers in a column.
    fn depth(&self) -> usize {
        self.inputs * self.kernel * self.kernel
    }

    fn large_len(&self) -> usize {
        self.inputs * self.size[0] * self.size[1]
    }

    fn small_len(&self) -> usize {
        self.outputs * self.columns()
    }

    /// Columns of a row of which tap `kw` lies inside: `0 ≤ column·stride + kw − padding < width`.
    fn inside(&self, kw: usize) -> [usize; 2] {
        let (s, p, out_width) = (self.stride, self.padding, self.small()[1]);
        let begin = p.saturating_sub(kw).div_ceil(s).min(out_width);
        [begin, (self.size[1] + p).saturating_sub(kw).div_ceil(s).clamp(begin, out_width)]
    }

    /// Columns of a picture.
    fn columns(&self) -> usize {
        self.small().iter().product()
    }

    /// Pictures at a time, and rows of a picture at a time.
    fn tile(&self) -> (usize, usize) {
        let [rows, width] = self.small();
        let columns = (TILE / self.depth().max(1)).clamp(64, 1024);
        if columns >= self.columns() {
            ((columns / self.columns()).max(1), rows)
        } else {
            (1, (columns / width).max(1))
        }
    }
}

/// A matrix in memory: its numbers and the distances between rows and between columns.
#[derive(Clone, Copy)]
struct Matrix<'a>(&'a [f32], [usize; 2]);

impl Matrix<'_> {
    /// Whether every element of an `m×n` matrix lies in memory.
    fn holds(len: usize, [row, column]: [usize; 2], m: usize, n: usize) -> bool {
        (m - 1) * row + (n - 1) * column < len
    }
}

/// `dst = lhs · rhs` (plus `dst`), of `m×k` and `k×n`.
fn product(
    [m, n, k]: [usize; 3],
    dst: &mut [f32],
    dst_strides: [usize; 2],
    add: bool,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(Matrix::holds(dst.len(), dst_strides, m, n));
    assert!(Matrix::holds(lhs.0.len(), lhs.1, m, k));
    assert!(Matrix::holds(rhs.0.len(), rhs.1, k, n));
    // SAFETY: every index is within its slice, as asserted above, and `dst` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            dst_strides[1] as isize,
            dst_strides[0] as isize,
            add,
            lhs.0.as_ptr(),
            lhs.1[1] as isize,
            lhs.1[0] as isize,
            rhs.0.as_ptr(),
            rhs.1[1] as isize,
            rhs.1[0] as isize,
            if add { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[inline(always)]
fn slope(gate: f32) -> f32 {
    if gate > 0.0 { 1.0 } else { 0.2 }
}

/// Rows `from..to` of the columns of one picture, at `offset` of lines of length `line`, in `columns`
/// (`[inputs·k·k, line]`). `scratch` holds a picture after its gate.
struct Gather<'a> {
    g: &'a Geometry,
    scratch: &'a mut Vec<f32>,
    columns: &'a mut [f32],
    line: usize,
}

impl Gather<'_> {
    fn picture(&mut self, x: &[f32], gate: Option<&[f32]>, [from, to]: [usize; 2], offset: usize) {
        let g = self.g;
        let [height, width] = g.size;
        // Only the rows that are read go through the gate.
        let first = (from * g.stride).saturating_sub(g.padding);
        let last = ((to - 1) * g.stride + g.kernel).saturating_sub(g.padding).min(height);
        self.scratch.resize(width * (last - first), 0.0);
        for channel in 0..g.inputs {
            let begin = (channel * height + first) * width;
            let rows = begin..begin + (last - first) * width;
            let x = match gate {
                None => &x[rows],
                Some(gate) => {
                    let values = x[rows.clone()].iter().zip(&gate[rows]);
                    self.scratch.iter_mut().zip(values).for_each(|(s, (x, g))| *s = x * slope(*g));
                    &self.scratch[..]
                }
            };
            for kh in 0..g.kernel {
                for kw in 0..g.kernel {
                    let start = ((channel * g.kernel + kh) * g.kernel + kw) * self.line + offset;
                    let out = &mut self.columns[start..start + (to - from) * g.small()[1]];
                    if g.stride == 1 && 2 * g.padding + 1 == g.kernel {
                        shifted(g, x, first, [kh, kw], from, out);
                    } else {
                        strided(g, x, [first, last], [kh, kw], from, out);
                    }
                }
            }
        }
    }
}

/// A convolution that keeps the size reads each tap as one run of memory, shifted; what wrapped around is then zeroed.
#[inline]
fn shifted(g: &Geometry, x: &[f32], first: usize, [kh, kw]: [usize; 2], from: usize, out: &mut [f32]) {
    let (width, p) = (g.size[1], g.padding as isize);
    // Position in `x` of the first number of `out`.
    let begin = (from as isize + kh as isize - p - first as isize) * width as isize + kw as isize - p;
    let before = (-begin).clamp(0, out.len() as isize) as usize;
    let after = (begin + out.len() as isize - x.len() as isize).clamp(0, (out.len() - before) as isize) as usize;
    let end = out.len() - after;
    out[..before].fill(0.0);
    out[end..].fill(0.0);
    if before < end {
        let at = (begin + before as isize) as usize;
        out[before..end].copy_from_slice(&x[at..at + end - before]);
    }
    let outside = kw.abs_diff(g.padding);
    if outside > 0 {
        for row in out.chunks_exact_mut(width) {
            if kw < g.padding { row[..outside].fill(0.0) } else { row[width - outside..].fill(0.0) }
        }
    }
}

/// Any step and padding, pixel by pixel. `x` holds the rows `first..last` of a channel.
fn strided(g: &Geometry, x: &[f32], [first, last]: [usize; 2], [kh, kw]: [usize; 2], from: usize, out: &mut [f32]) {
    let (width, out_width, s, p) = (g.size[1], g.small()[1], g.stride, g.padding);
    let [begin, end] = g.inside(kw);
    for (oh, out) in (from..).zip(out.chunks_exact_mut(out_width)) {
        let row = (oh * s + kh).checked_sub(p).filter(|row| (first..last).contains(row));
        let Some(row) = row.filter(|_| begin < end) else {
            out.fill(0.0);
            continue;
        };
        out[..begin].fill(0.0);
        out[end..].fill(0.0);
        let x = &x[(row - first) * width + begin * s + kw - p..];
        for (o, x) in out[begin..end].iter_mut().zip(x.iter().step_by(s)) {
            *o = *x;
        }
    }
}

/// `y = w ∗ (x · slope(gate)) + bias`. `[b, in, h, w] → [b, out, h', w']`
pub fn forward(g: &Geometry, x: &[f32], gate: Option<&[f32]>, w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    let (depth, columns, (pictures, rows)) = (g.depth(), g.columns(), g.tile());
    let ([height, width], large) = (g.small(), g.large_len());
    y.par_chunks_mut(pictures * g.small_len()).enumerate().for_each_init(
        || (Vec::new(), Vec::new(), Vec::new()),
        |(cols, out, scratch), (chunk, y)| {
            let count = y.len() / g.small_len();
            let at = |i: usize| (chunk * pictures + i) * large..(chunk * pictures + i + 1) * large;
            if pictures == 1 {
                cols.resize(depth * rows * width, 0.0);
                for from in (0..height).step_by(rows) {
                    let to = (from + rows).min(height);
                    let n = (to - from) * width;
                    let mut gather = Gather { g, scratch, columns: cols, line: n };
                    gather.picture(&x[at(0)], gate.map(|gate| &gate[at(0)]), [from, to], 0);
                    let y = &mut y[from * width..];
                    product([g.outputs, n, depth], y, [columns, 1], false, Matrix(w, [depth, 1]), Matrix(cols, [n, 1]));
                }
            } else {
                let n = count * columns;
                cols.resize(depth * pictures * columns, 0.0);
                out.resize(g.outputs * pictures * columns, 0.0);
                let mut gather = Gather { g, scratch, columns: cols, line: n };
                for i in 0..count {
                    gather.picture(&x[at(i)], gate.map(|gate| &gate[at(i)]), [0, height], i * columns);
                }
                product([g.outputs, n, depth], out, [n, 1], false, Matrix(w, [depth, 1]), Matrix(cols, [n, 1]));
                for (i, y) in y.chunks_exact_mut(columns).enumerate() {
                    let (picture, channel) = (i / g.outputs, i % g.outputs);
                    let start = channel * n + picture * columns;
                    y.copy_from_slice(&out[start..start + columns]);
                }
            }
            if let Some(bias) = bias {
                for (i, y) in y.chunks_exact_mut(columns).enumerate() {
                    let b = bias[i % g.outputs];
                    y.iter_mut().for_each(|y| *y += b);
                }
            }
        },
    );
}

/// Gradient by the weights, `[out, in, k, k]`, of [`forward`].
pub fn weight_gradient(g: &Geometry, x: &[f32], gate: Option<&[f32]>, dy: &[f32]) -> Vec<f32> {
    let (depth, columns, (pictures, rows)) = (g.depth(), g.columns(), g.tile());
    let ([height, width], large, small) = (g.small(), g.large_len(), g.small_len());
    // Whole groups of pictures for each part, the same whatever the number of threads.
    let groups = g.batch.div_ceil(pictures);
    let per_part = groups.div_ceil(PARTS).max(1);
    let parts: Vec<Vec<f32>> = (0..groups.div_ceil(per_part))
        .into_par_iter()
        .map(|part| {
            let mut dw = vec![0.0; g.outputs * depth];
            let (mut cols, mut grads, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
            for group in part * per_part..((part + 1) * per_part).min(groups) {
                let first = group * pictures;
                let count = pictures.min(g.batch - first);
                let at = |i: usize| (first + i) * large..(first + i + 1) * large;
                if pictures == 1 {
                    cols.resize(depth * rows * width, 0.0);
                    for from in (0..height).step_by(rows) {
                        let to = (from + rows).min(height);
                        let n = (to - from) * width;
                        let mut gather = Gather { g, scratch: &mut scratch, columns: &mut cols, line: n };
                        gather.picture(&x[at(0)], gate.map(|gate| &gate[at(0)]), [from, to], 0);
                        let dy = &dy[first * small + from * width..(first + 1) * small];
                        let dy = Matrix(dy, [columns, 1]);
                        product([g.outputs, depth, n], &mut dw, [1, g.outputs], true, dy, Matrix(&cols, [1, n]));
                    }
                } else {
                    let n = count * columns;
                    cols.resize(depth * pictures * columns, 0.0);
                    grads.resize(g.outputs * pictures * columns, 0.0);
                    let mut gather = Gather { g, scratch: &mut scratch, columns: &mut cols, line: n };
                    for i in 0..count {
                        gather.picture(&x[at(i)], gate.map(|gate| &gate[at(i)]), [0, height], i * columns);
                        let dy = &dy[(first + i) * small..(first + i + 1) * small];
                        for (channel, dy) in dy.chunks_exact(columns).enumerate() {
                            let start = channel * n + i * columns;
                            grads[start..start + columns].copy_from_slice(dy);
                        }
                    }
                    let grads = Matrix(&grads, [n, 1]);
                    product([g.outputs, depth, n], &mut dw, [1, g.outputs], true, grads, Matrix(&cols, [1, n]));
                }
            }
            dw
        })
        .collect();
    // The parts are `[depth, out]`, which spares the product a transposition of the columns.
    let mut dw = vec![0.0; g.outputs * depth];
    for (i, dw) in dw.iter_mut().enumerate() {
        let at = i % depth * g.outputs + i / depth;
        *dw = parts.iter().map(|part| part[at]).sum();
    }
    dw
}

/// Gradient by the input of [`forward`], times `slope(gate)`; also the transposed convolution.
/// `[b, out, h', w'] → [b, in, h, w]`
pub fn input_gradient(g: &Geometry, dy: &[f32], w: &[f32], gate: Option<&[f32]>, bias: Option<&[f32]>, dx: &mut [f32]) {
    if g.stride == 1 {
        // A convolution with the kernel turned around and the channels exchanged.
        let taps = g.kernel * g.kernel;
        let mut turned = vec![0.0; w.len()];
        for (i, kernel) in w.chunks_exact(taps).enumerate() {
            let (o, c) = (i / g.inputs, i % g.inputs);
            let start = (c * g.outputs + o) * taps;
            turned[start..start + taps].iter_mut().zip(kernel.iter().rev()).for_each(|(t, w)| *t = *w);
        }
        let back =
            Geometry { inputs: g.outputs, outputs: g.inputs, size: g.small(), padding: g.kernel - 1 - g.padding, ..*g };
        forward(&back, dy, None, &turned, bias, dx);
        if let Some(gate) = gate {
            let line = 1 << 16;
            dx.par_chunks_mut(line).zip(gate.par_chunks(line)).for_each(|(dx, gate)| {
                dx.iter_mut().zip(gate).for_each(|(dx, gate)| *dx *= slope(*gate));
            });
        }
    } else {
        scatter(g, dy, w, gate, bias, dx);
    }
}

/// By gathered columns the other way: `wᵀ · dy`, added to the pixels that each column came from.
fn scatter(g: &Geometry, dy: &[f32], w: &[f32], gate: Option<&[f32]>, bias: Option<&[f32]>, dx: &mut [f32]) {
    let (depth, columns, large) = (g.depth(), g.columns(), g.large_len());
    let ([height, width], [out_height, out_width]) = (g.size, g.small());
    let (k, s, p) = (g.kernel, g.stride, g.padding);
    let rows = (4 * TILE / (depth * out_width).max(1)).clamp(1, out_height);
    dx.par_chunks_mut(large).enumerate().for_each_init(Vec::new, |cols, (picture, dx)| {
        cols.resize(depth * rows * out_width, 0.0);
        dx.fill(0.0);
        let dy = &dy[picture * g.small_len()..(picture + 1) * g.small_len()];
        for from in (0..out_height).step_by(rows) {
            let to = (from + rows).min(out_height);
            let n = (to - from) * out_width;
            let dy = Matrix(&dy[from * out_width..], [columns, 1]);
            product([depth, n, g.outputs], cols, [n, 1], false, Matrix(w, [1, depth]), dy);
            for (i, column) in cols[..depth * n].chunks_exact(n).enumerate() {
                let (channel, kh, kw) = (i / (k * k), i / k % k, i % k);
                let [first, last] = g.inside(kw);
                for (oh, column) in (from..to).zip(column.chunks_exact(out_width)) {
                    let Some(ih) = (oh * s + kh).checked_sub(p).filter(|ih| *ih < height) else { continue };
                    let line = &mut dx[(channel * height + ih) * width..][..width];
                    if first < last {
                        let line = line[first * s + kw - p..].iter_mut().step_by(s);
                        line.zip(&column[first..last]).for_each(|(dx, column)| *dx += column);
                    }
                }
            }
        }
        if let Some(bias) = bias {
            for (dx, bias) in dx.chunks_exact_mut(height * width).zip(bias) {
                dx.iter_mut().for_each(|dx| *dx += bias);
            }
        }
        if let Some(gate) = gate {
            let gate = &gate[picture * large..(picture + 1) * large];
            dx.iter_mut().zip(gate).for_each(|(dx, gate)| *dx *= slope(*gate));
        }
    });
}

/// Every number of planes `[h, w]` four times, times `factor`. `[…, h, w] → […, 2h, 2w]`
pub fn spread(x: &[f32], [h, w]: [usize; 2], factor: f32, y: &mut [f32]) {
    y.par_chunks_mut(4 * h * w).zip(x.par_chunks(h * w)).with_min_len(16).for_each(|(y, x)| {
        for (rows, x) in y.chunks_exact_mut(4 * w).zip(x.chunks_exact(w)) {
            let (upper, lower) = rows.split_at_mut(2 * w);
            for (pair, x) in upper.as_chunks_mut::<2>().0.iter_mut().zip(x) {
                *pair = [x * factor; 2];
            }
            lower.copy_from_slice(upper);
        }
    });
}

/// Sums of squares of four numbers, times `factor`, onto planes `[h, w]`. `[…, 2h, 2w] → […, h, w]`
pub fn collect(x: &[f32], [h, w]: [usize; 2], factor: f32, y: &mut [f32]) {
    y.par_chunks_mut(h * w).zip(x.par_chunks(4 * h * w)).with_min_len(16).for_each(|(y, x)| {
        for (y, rows) in y.chunks_exact_mut(w).zip(x.chunks_exact(4 * w)) {
            let (upper, lower) = rows.split_at(2 * w);
            let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
            for (y, ([a, b], [c, d])) in y.iter_mut().zip(pairs) {
                *y = ((a + b) + (c + d)) * factor;
            }
        }
    });
}

/// Gradient by the bias: the sum of each channel, `[channels]`, of `dy [b, channels, n]`.
pub fn bias_gradient(dy: &[f32], channels: usize, n: usize) -> Vec<f32> {
    let of_channel = |c: usize| dy.chunks_exact(n).skip(c).step_by(channels).map(total).sum();
    (0..channels).into_par_iter().map(of_channel).collect()
}

/// Sum in eight interleaved parts: fast, accurate, and always in the same order.
fn total(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut parts = [0.0; 8];
    for chunk in chunks {
        parts.iter_mut().zip(chunk).for_each(|(p, v)| *p += v);
    }
    parts.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        g: Geometry,
        x: Vec<f32>,
        gate: Vec<f32>,
        w: Vec<f32>,
        bias: Vec<f32>,
        dy: Vec<f32>,
    }

    fn case(g: Geometry) -> Case {
        let mut state = 1u64;
        let mut numbers = |n: usize| -> Vec<f32> {
            (0..n)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 40) as f32 / (1 << 23) as f32 - 1.0
                })
                .collect()
        };
        Case {
            g,
            x: numbers(g.batch * g.large_len()),
            gate: numbers(g.batch * g.large_len()),
            w: numbers(g.outputs * g.depth()),
            bias: numbers(g.outputs),
            dy: numbers(g.batch * g.small_len()),
        }
    }

    /// The convolution as its definition says, and both gradients, in one loop.
    fn plain(c: &Case) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let g = &c.g;
        let ([h, w], [oh, ow]) = (g.size, g.small());
        let (mut y, mut dw, mut dx) = (vec![0f64; c.dy.len()], vec![0f64; c.w.len()], vec![0f64; c.x.len()]);
        for b in 0..g.batch {
            for o in 0..g.outputs {
                for i in 0..oh {
                    for j in 0..ow {
                        let yi = ((b * g.outputs + o) * oh + i) * ow + j;
                        y[yi] += f64::from(c.bias[o]);
                        for n in 0..g.inputs {
                            for kh in 0..g.kernel {
                                for kw in 0..g.kernel {
                                    let (r, s) = (i * g.stride + kh, j * g.stride + kw);
                                    if r < g.padding || s < g.padding || r - g.padding >= h || s - g.padding >= w {
                                        continue;
                                    }
                                    let xi = ((b * g.inputs + n) * h + r - g.padding) * w + s - g.padding;
                                    let wi = ((o * g.inputs + n) * g.kernel + kh) * g.kernel + kw;
                                    let m = f64::from(slope(c.gate[xi]));
                                    y[yi] += f64::from(c.x[xi]) * m * f64::from(c.w[wi]);
                                    dw[wi] += f64::from(c.x[xi]) * m * f64::from(c.dy[yi]);
                                    dx[xi] += m * f64::from(c.w[wi]) * f64::from(c.dy[yi]);
                                }
                            }
                        }
                    }
                }
            }
        }
        let narrow = |v: Vec<f64>| v.into_iter().map(|v| v as f32).collect();
        (narrow(y), narrow(dw), narrow(dx))
    }

    fn close(name: &str, got: &[f32], expected: &[f32]) {
        let largest = expected.iter().fold(0f32, |a, b| a.max(b.abs()));
        let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(off <= 2e-6 * largest.max(1.0) * 8.0, "{name} is off by {off} of {largest}");
    }

    #[test]
    fn convolutions_are_their_definition() {
        for (kernel, stride, padding) in [(3, 1, 1), (1, 1, 0), (4, 2, 1)] {
            for (batch, inputs, outputs, size) in [(3, 5, 7, [8, 8]), (2, 3, 4, [40, 36]), (19, 2, 3, [4, 6])] {
                let c = case(Geometry { batch, inputs, outputs, size, kernel, stride, padding });
                let (y, dw, dx) = plain(&c);
                let mut got = vec![f32::NAN; y.len()];
                forward(&c.g, &c.x, Some(&c.gate), &c.w, Some(&c.bias), &mut got);
                close("forward", &got, &y);
                close("weights", &weight_gradient(&c.g, &c.x, Some(&c.gate), &c.dy), &dw);
                let mut got = vec![f32::NAN; dx.len()];
                input_gradient(&c.g, &c.dy, &c.w, Some(&c.gate), None, &mut got);
                close("input", &got, &dx);
            }
        }
    }

    #[test]
    fn large_pictures_are_worked_on_in_tiles_and_small_ones_together() {
        let large = Geometry { batch: 2, inputs: 64, outputs: 8, size: [48, 48], kernel: 3, stride: 1, padding: 1 };
        assert!(large.tile().0 == 1 && large.tile().1 < 48, "{:?}", large.tile());
        let small = Geometry { batch: 9, inputs: 40, outputs: 8, size: [4, 4], kernel: 3, stride: 1, padding: 1 };
        assert!(small.tile().0 > 4, "{:?}", small.tile());
        for g in [large, small] {
            let c = case(g);
            let (y, dw, dx) = plain(&c);
            let mut got = vec![f32::NAN; y.len()];
            forward(&g, &c.x, Some(&c.gate), &c.w, Some(&c.bias), &mut got);
            close("forward", &got, &y);
            close("weights", &weight_gradient(&g, &c.x, Some(&c.gate), &c.dy), &dw);
            let mut got = vec![f32::NAN; dx.len()];
            input_gradient(&g, &c.dy, &c.w, Some(&c.gate), None, &mut got);
            close("input", &got, &dx);
        }
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let c = case(Geometry { batch: 13, inputs: 16, outputs: 12, size: [16, 16], kernel: 3, stride: 1, padding: 1 });
        let run = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let mut y = vec![0.0; c.dy.len()];
                forward(&c.g, &c.x, None, &c.w, None, &mut y);
                (y, weight_gradient(&c.g, &c.x, None, &c.dy))
            })
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(5));
    }

    #[test]
    fn sizes_double_and_halve() {
        let x: Vec<f32> = (0..3 * 2 * 5).map(|i| i as f32).collect();
        let mut large = vec![0.0; 4 * x.len()];
        spread(&x, [2, 5], 0.5, &mut large);
        for (i, v) in large.iter().enumerate() {
            let (plane, row, column) = (i / 40, i % 40 / 10, i % 10);
            assert_eq!(*v, 0.5 * x[plane * 10 + row / 2 * 5 + column / 2]);
        }
        let mut back = vec![0.0; x.len()];
        collect(&large, [2, 5], 0.5, &mut back);
        assert_eq!(back, x);
    }

    #[test]
    fn bias_gradients_are_sums() {
        let dy: Vec<f32> = (0..2 * 3 * 11).map(|i| i as f32).collect();
        let expected: Vec<f32> =
            (0..3).map(|c| (0..2).map(|b| (0..11).map(|i| ((b * 3 + c) * 11 + i) as f32).sum::<f32>()).sum()).collect();
        assert_eq!(bias_gradient(&dy, 3, 11), expected);
    }
}
