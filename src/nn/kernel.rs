//! Convolution on the CPU, without gathered columns.
//!
//! All tensors are `[b, channels, h, w]` in plain order, weights `[out, in, k, k]`. Every convolution is a product
//! whose rows begin where pixels lie and whose runs are the taps of the kernel ([`micro`]):
//!
//! - [`direct`]: a block of pictures that fits the cache is turned to pixels ([`lay`]), multiplied by packed weights,
//!   and turned back. The way back to the inputs of a convolution with a step goes by residues, so nothing is scattered.
//! - [`winograd`]: 3×3 with step 1 by F(4×4, 3×3), a quarter of the products; 4×4 with step 2 by F(4×4, 2×2). Largest error seen against sums in 64 bit:
//!   6e-6 of the largest result, where the direct way has 7e-7.
//! - [`planes`]: kernels of one pixel, and few results such as colours, straight from planes.
//! - [`depthwise`], [`inverted`]: depthwise convolutions and the blocks around them, with fixed weights.
//!
//! A value may go through a gate on its way in: `x · slope(gate)`, where the slope is 1 above zero and a leak below.
//! With `x` as its own gate that is the leaky ReLU (or ReLU), so activations cost no pass over memory of their own.
//!
//! Results do not depend on the number of threads, nor on which pictures are computed together: every number is one
//! chain of fused multiply-adds in a fixed order, and the weight gradient is summed over a fixed number of parts.
//!
//! # What each step gave
//! Milliseconds of processor time on one core of an EPYC (Zen 5, 250 GFLOP/s at most), batch 64: forward, to the inputs,
//! to the weights.
//!
//! | | 64→64, 32 px, 3×3 | 64→128, 16 px, 4×4/2 | 128→256, 8 px, 4×4/2 | 64→3, 32 px, 3×3 |
//! |---|---|---|---|---|
//! | gathered columns and the `gemm` crate | 27, 28, 31 | 7.3, 7.9, 9.2 | 6.7, 15, 17 | 5.0, 1.3, 14 |
//! | pixels read in place | 22, 21, 23 | 4.8, 4.7, 7.4 | 5.5, 5.0, 18 | 7.9, 2.1, 8.4 |
//! | pictures together where they are small | | 4.8, 4.7, 6.0 | 5.5, 5.0, 10 | |
//! | few channels: planes, and products turned round | | | | 3.2, 2.0, 2.6 |
//! | Winograd | 8.9, 8.6, 12 | 3.6, 4.0, 6.0 | | |
//! | fewer parts where weights are many | | | 5.5, 5.0, 7.0 | |
//!
//! A whole step of the networks of `bench train`, likewise in processor time on one core; PyTorch 2.15 (MKL, oneDNN) takes
//! 207, 1255, 42, 7.8 ms:
//!
//! | | `bench-dcgan32` | `bench-resgan32` | `bench-vae32` | `bench-vae28` |
//! |---|---|---|---|---|
//! | these kernels | 210 | 705 | 27 | 3.4 |
//! | freed memory kept for the next tensor (`base::memory`) | 160 | 475 | 27 | 3.6 |
//! | batch norm, activations, losses, Adam in one pass each (`nn::fused`) | 158 | 475 | 26 | 2.2 |

pub mod bilinear;
pub mod depthwise;
mod direct;
mod few_channels;
mod gemm_microkernel;
pub mod inverted;
mod layout;
pub mod pointwise;
pub mod recurrent;
mod scratch;
pub mod sequence;
mod winograd;
mod winograd_transform;

use rayon::prelude::*;

use direct::Pass;
use few_channels::Planes;
pub use layout::Gated;
use winograd::Winograd;

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
}

/// A convolution `[b, in, h, w] → [b, out, h', w']`, or `back`: the gradient by its input, which is also the transposed
/// convolution. `y = (w ∗ (x · slope(x_gate)) + bias) · slope(y_gate)`
#[allow(clippy::too_many_arguments)] // Both directions with everything that either can take.
pub fn pass(
    g: &Geometry,
    w: &[f32],
    back: bool,
    x: &[f32],
    x_gate: Option<Gated<'_>>,
    bias: Option<&[f32]>,
    y_gate: Option<Gated<'_>>,
    y: &mut [f32],
) {
    if few_channels::fits(g, back) {
        Planes::new(g, w, back).run(x, x_gate, bias, y_gate, y);
    } else if winograd::fits(g) || winograd::fits_strided(g, back) {
        Winograd::new(g, w, back).run(x, x_gate, bias, y_gate, y);
    } else {
        Pass::new(g, w, back).run(x, x_gate, bias, y_gate, y);
    }
}

/// Gradient by the weights, `[out, in, k, k]`, of what is read on the larger side and the gradients on the smaller one
/// (for a transposed convolution: the other way round). Either may have a gate.
pub fn weight_gradient(
    g: &Geometry,
    x: &[f32],
    x_gate: Option<Gated<'_>>,
    dy: &[f32],
    dy_gate: Option<Gated<'_>>,
) -> Vec<f32> {
    let by = if winograd::fits(g) { winograd::weight_gradient } else { direct::weight_gradient };
    by(g, x, x_gate, dy, dy_gate)
}

/// `c = a · b`, of `m×k` and `k×n`, all in plain order, on this thread, by the `gemm` crate.
pub fn plain_product([m, n, k]: [usize; 3], c: &mut [f32], a: &[f32], b: &[f32]) {
    assert!(c.len() == m * n && a.len() == m * k && b.len() == k * n);
    let place = |row: usize| (1, row as isize);
    let ((cs, rs), (acs, ars), (bcs, brs)) = (place(n), place(k), place(n));
    // SAFETY: the matrices fill their slices, and `c` is borrowed exclusively.
    unsafe {
        let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
        let alone = gemm::Parallelism::None;
        gemm::gemm(m, n, k, c, cs, rs, false, a, acs, ars, b, bcs, brs, 0.0, 1.0, false, false, false, alone);
    }
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

    const LEAK: f32 = 0.2;

    fn forward(g: &Geometry, x: &[f32], gate: Option<Gated<'_>>, w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
        pass(g, w, false, x, gate, bias, None, y);
    }

    fn input_gradient(
        g: &Geometry,
        dy: &[f32],
        w: &[f32],
        gate: Option<Gated<'_>>,
        bias: Option<&[f32]>,
        dx: &mut [f32],
    ) {
        pass(g, w, true, dy, None, bias, gate, dx);
    }

    struct Case {
        g: Geometry,
        x: Vec<f32>,
        gate: Vec<f32>,
        w: Vec<f32>,
        bias: Vec<f32>,
        dy: Vec<f32>,
    }

    fn case(g: Geometry) -> Case {
        let large = g.batch * g.inputs * g.size[0] * g.size[1];
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
            x: numbers(large),
            gate: numbers(large),
            w: numbers(g.outputs * g.inputs * g.kernel * g.kernel),
            bias: numbers(g.outputs.max(g.inputs)),
            dy: numbers(g.batch * g.outputs * g.small().iter().product::<usize>()),
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
                                    let m = if c.gate[xi] > 0.0 { 1.0 } else { f64::from(LEAK) };
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

    /// All three directions against the definition.
    fn check(g: Geometry) {
        let c = case(g);
        let gate = Gated { gate: &c.gate, leak: LEAK };
        let (y, dw, dx) = plain(&c);
        let mut got = vec![f32::NAN; y.len()];
        forward(&g, &c.x, Some(gate), &c.w, Some(&c.bias), &mut got);
        close(&format!("forward of {g:?}"), &got, &y);
        close(&format!("weights of {g:?}"), &weight_gradient(&g, &c.x, Some(gate), &c.dy, None), &dw);
        let mut got = vec![f32::NAN; dx.len()];
        input_gradient(&g, &c.dy, &c.w, Some(gate), None, &mut got);
        close(&format!("input of {g:?}"), &got, &dx);
        // With a bias, as a transposed convolution.
        let plane = g.size[0] * g.size[1];
        let mut biased = vec![f32::NAN; dx.len()];
        input_gradient(&g, &c.dy, &c.w, None, Some(&c.bias), &mut biased);
        let slope = |i: usize| if c.gate[i] > 0.0 { 1.0 } else { LEAK };
        let expected: Vec<f32> =
            dx.iter().enumerate().map(|(i, v)| v / slope(i) + c.bias[i / plane % g.inputs]).collect();
        close(&format!("transposed, {g:?}"), &biased, &expected);
        // A gate on the smaller side, as before a transposed convolution: the same as gating by hand.
        let gate = Gated { gate: &c.dy, leak: 0.0 };
        let gated = Case { dy: c.dy.iter().map(|v| v.max(0.0)).collect(), gate: vec![1.0; c.x.len()], ..case(g) };
        let (_, dw, dx) = plain(&gated);
        pass(&g, &c.w, true, &c.dy, Some(gate), None, None, &mut biased);
        close(&format!("after a ReLU, {g:?}"), &biased, &dx);
        close(&format!("its weights, {g:?}"), &weight_gradient(&g, &c.x, None, &c.dy, Some(gate)), &dw);
    }

    #[test]
    fn convolutions_are_their_definition() {
        for (kernel, stride, padding) in [(3, 1, 1), (1, 1, 0), (4, 2, 1), (3, 2, 1), (5, 1, 2)] {
            for (batch, inputs, outputs, size) in
                [(3, 5, 7, [8, 8]), (2, 3, 4, [40, 36]), (19, 2, 3, [4, 6]), (2, 33, 9, [8, 10]), (3, 9, 70, [4, 4])]
            {
                check(Geometry { batch, inputs, outputs, size, kernel, stride, padding });
            }
        }
    }

    #[test]
    fn minimal_filtering_is_the_same_convolution() {
        for (batch, inputs, outputs, size) in
            [(2, 20, 35, [9, 14]), (5, 64, 80, [4, 5]), (1, 17, 16, [32, 32]), (9, 70, 66, [4, 4])]
        {
            let g = Geometry { batch, inputs, outputs, size, kernel: 3, stride: 1, padding: 1 };
            assert!(winograd::fits(&g));
            check(g);
            let inputs = if inputs > 60 { inputs } else { 64 };
            let g = Geometry { inputs, size: size.map(|n| 2 * n.max(8)), kernel: 4, stride: 2, ..g };
            assert!(winograd::fits_strided(&g, false) && winograd::fits_strided(&g, true));
            check(g);
        }
    }

    #[test]
    fn large_pictures_are_worked_on_in_bands_and_small_ones_together() {
        let large = |inputs, outputs, kernel, stride| Geometry {
            batch: 2,
            inputs,
            outputs,
            size: [48, 48],
            kernel,
            stride,
            padding: 1,
        };
        check(large(64, 16, 3, 1));
        check(large(40, 20, 4, 2));
        check(large(3, 20, 3, 1));
        let small =
            |kernel, stride| Geometry { batch: 9, inputs: 40, outputs: 10, size: [4, 4], kernel, stride, padding: 1 };
        check(small(3, 1));
        check(small(4, 2));
    }

    #[test]
    fn a_picture_does_not_depend_on_its_batch() {
        for (kernel, stride, inputs, outputs) in [(3, 1, 32, 48), (4, 2, 24, 40), (1, 1, 20, 20), (3, 1, 20, 3)] {
            let g = Geometry { batch: 5, inputs, outputs, size: [12, 12], kernel, stride, padding: kernel / 2 };
            let g = Geometry { padding: if kernel == 4 { 1 } else { g.padding }, ..g };
            let c = case(g);
            let (large, small) = (c.x.len() / 5, c.dy.len() / 5);
            let (mut together, mut back) = (vec![0.0; c.dy.len()], vec![0.0; c.x.len()]);
            forward(&g, &c.x, None, &c.w, Some(&c.bias), &mut together);
            input_gradient(&g, &c.dy, &c.w, None, None, &mut back);
            for i in 0..5 {
                let one = Geometry { batch: 1, ..g };
                let (mut y, mut dx) = (vec![0.0; small], vec![0.0; large]);
                forward(&one, &c.x[i * large..(i + 1) * large], None, &c.w, Some(&c.bias), &mut y);
                assert_eq!(y, together[i * small..(i + 1) * small]);
                input_gradient(&one, &c.dy[i * small..(i + 1) * small], &c.w, None, None, &mut dx);
                assert_eq!(dx, back[i * large..(i + 1) * large]);
            }
        }
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        for (kernel, stride, inputs) in [(3, 1, 16), (4, 2, 16), (3, 1, 5)] {
            let g = Geometry { batch: 13, inputs, outputs: 20, size: [16, 16], kernel, stride, padding: 1 };
            let c = case(g);
            let run = |threads: usize| {
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                    let (mut y, mut dx) = (vec![0.0; c.dy.len()], vec![0.0; c.x.len()]);
                    forward(&g, &c.x, None, &c.w, None, &mut y);
                    input_gradient(&g, &c.dy, &c.w, None, None, &mut dx);
                    (y, dx, weight_gradient(&g, &c.x, None, &c.dy, None))
                })
            };
            let one = run(1);
            assert!(one == run(2) && one == run(5), "{g:?}");
        }
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
