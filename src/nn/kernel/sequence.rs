//! What networks over sequences need, in few passes over memory: layer normalisation, GELU, causal attention, the loss of
//! the next token, dropout.
//!
//! Rows are `[n, d]` in plain order. Every sum has a fixed order, so results do not depend on the number of threads.

use rayon::prelude::*;

use super::pointwise::{exp, sum_of};
use crate::base::simd::dispatch;

/// Rows that are worked on at a time.
const ROWS: usize = 64;

/// A matrix in memory: how far apart rows and columns are.
#[derive(Clone, Copy)]
pub struct Stride {
    /// Rows.
    pub row: usize,
    /// Columns.
    pub column: usize,
}

/// `c ← keep·c + factor·a·b`, of `m×k` and `k×n`, on this thread. `keep` is 0 or 1.
pub fn product(
    [m, n, k]: [usize; 3],
    (c, cs): (&mut [f32], Stride),
    (a, at): (&[f32], Stride),
    (b, bt): (&[f32], Stride),
    (keep, factor): (bool, f32),
) {
    let last = |rows: usize, columns: usize, s: Stride| (rows - 1) * s.row + (columns - 1) * s.column;
    assert!(m > 0 && n > 0 && k > 0);
    assert!(last(m, n, cs) < c.len() && last(m, k, at) < a.len() && last(k, n, bt) < b.len());
    let step = |s: Stride| (s.column as isize, s.row as isize);
    let ((cc, cr), (ac, ar), (bc, br)) = (step(cs), step(at), step(bt));
    // SAFETY: the last number of each matrix lies in its slice, and `c` is borrowed exclusively.
    unsafe {
        let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
        let (alone, old) = (gemm::Parallelism::None, f32::from(u8::from(keep)));
        gemm::gemm(m, n, k, c, cc, cr, keep, a, ac, ar, b, bc, br, old, factor, false, false, false, alone);
    }
}

/// Mean and inverse deviation of each row, and the normalised rows times `gamma` plus `beta`.
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, y: &mut [f32]) -> Vec<[f32; 2]> {
    let d = gamma.len();
    let rows = x.par_chunks(d * ROWS).zip(y.par_chunks_mut(d * ROWS));
    let parts: Vec<Vec<[f32; 2]>> = rows
        .map(|(x, y)| {
            let each = x.chunks_exact(d).zip(y.chunks_exact_mut(d)).map(|(x, y)| {
                let mean = sum_of(x, |v| v) / d as f32;
                let variance = sum_of(x, |v| (v - mean) * (v - mean)) / d as f32;
                let inverse = 1.0 / (variance + epsilon).sqrt();
                for ((y, x), (g, b)) in y.iter_mut().zip(x).zip(gamma.iter().zip(beta)) {
                    *y = (x - mean) * inverse * g + b;
                }
                [mean, inverse]
            });
            each.collect()
        })
        .collect();
    parts.concat()
}

/// Gradients of [`layer_norm`] by its input (into `dx`), `gamma` and `beta`.
pub fn layer_norm_gradient(
    (x, stats): (&[f32], &[[f32; 2]]),
    gamma: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) -> [Vec<f32>; 2] {
    let d = gamma.len();
    let chunks = x.par_chunks(d * ROWS).zip(dy.par_chunks(d * ROWS)).zip(dx.par_chunks_mut(d * ROWS));
    let parts: Vec<[Vec<f32>; 2]> = chunks
        .zip(stats.par_chunks(ROWS))
        .map(|(((x, dy), dx), stats)| {
            let (mut by_gamma, mut by_beta, mut normal) = (vec![0.0; d], vec![0.0; d], vec![0.0; d]);
            let rows = x.chunks_exact(d).zip(dy.chunks_exact(d)).zip(dx.chunks_exact_mut(d));
            for (((x, dy), dx), [mean, inverse]) in rows.zip(stats) {
                for ((normal, dx), ((x, dy), g)) in normal.iter_mut().zip(&mut *dx).zip(x.iter().zip(dy).zip(gamma)) {
                    *normal = (x - mean) * inverse;
                    *dx = dy * g;
                }
                for ((sum, total), (dy, normal)) in by_gamma.iter_mut().zip(&mut by_beta).zip(dy.iter().zip(&normal)) {
                    *sum += dy * normal;
                    *total += dy;
                }
                let plain = sum_of(dx, |v| v) / d as f32;
                let along = dot(dx, &normal) / d as f32;
                dx.iter_mut().zip(&normal).for_each(|(dx, normal)| *dx = inverse * (*dx - plain - normal * along));
            }
            [by_gamma, by_beta]
        })
        .collect();
    let mut out = [vec![0.0; d], vec![0.0; d]];
    for part in parts {
        for (sum, part) in out.iter_mut().zip(part) {
            sum.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
    }
    out
}

/// Sum of products, in sixteen interleaved parts.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    dispatch(
        #[inline(always)]
        || {
            let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
            let mut sums = [0.0f32; 16];
            for (a, b) in a.iter().zip(b) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += a * b;
                }
            }
            sums.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
        },
    )
}

/// Twice √(2/π): the GELU is `x · σ(2u)` with `u = √(2/π)(x + 0.044715 x³)`.
const TWICE: f32 = 1.595_769;
const CUBE: f32 = 0.044_715;

#[inline(always)]
fn gate(x: f32) -> f32 {
    1.0 / (1.0 + exp(-(TWICE * x * (1.0 + CUBE * x * x))))
}

/// Gaussian error linear unit in its form by a hyperbolic tangent (Hendrycks & Gimpel 2016).
pub fn gelu(x: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(1 << 14).zip(x.par_chunks(1 << 14)).for_each(|(y, x)| {
        dispatch(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, x)| *y = x * gate(*x)),
        );
    });
}

/// Gradient of [`gelu`].
pub fn gelu_gradient(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    dx.par_chunks_mut(1 << 14).zip(x.par_chunks(1 << 14)).zip(dy.par_chunks(1 << 14)).for_each(|((dx, x), dy)| {
        dispatch(
            #[inline(always)]
            || {
                for (dx, (x, dy)) in dx.iter_mut().zip(x.iter().zip(dy)) {
                    let s = gate(*x);
                    *dx = dy * (s + x * s * (1.0 - s) * TWICE * (1.0 + 3.0 * CUBE * x * x));
                }
            },
        );
    });
}

/// Makes a row of scores one of shares, in place. `eˣ` of what is at most `−87` below the largest counts as that.
pub fn softmax(row: &mut [f32]) {
    dispatch(
        #[inline(always)]
        || {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|v| *v = exp(*v - largest));
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|v| *v /= sum);
        },
    );
}

/// Sizes of causal attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Places in a sequence.
    pub n: usize,
    /// Numbers at a place.
    pub d: usize,
    /// Heads that share them.
    pub heads: usize,
}

impl Heads {
    fn each(self) -> usize {
        self.d / self.heads
    }

    fn scale(self) -> f32 {
        1.0 / (self.each() as f32).sqrt()
    }
}

/// Causal attention (Vaswani et al. 2017) of sequences whose rows are queries, keys and values, `[b·n, 3d] → [b·n, d]`;
/// gives back the shares, `[b, heads, n, n]`.
pub fn attention(size: Heads, qkv: &[f32], y: &mut [f32]) -> Vec<f32> {
    let Heads { n, d, heads } = size;
    let each = size.each();
    let mut shares = vec![0.0; qkv.len() / (3 * d) * heads * n];
    let pictures = shares.par_chunks_mut(heads * n * n).zip(y.par_chunks_mut(n * d)).zip(qkv.par_chunks(n * 3 * d));
    let (rows, columns) = (Stride { row: 3 * d, column: 1 }, Stride { row: 1, column: 3 * d });
    let square = Stride { row: n, column: 1 };
    pictures.for_each(|((shares, y), qkv)| {
        for (head, shares) in shares.chunks_exact_mut(n * n).enumerate() {
            let (q, k, v) = (&qkv[head * each..], &qkv[d + head * each..], &qkv[2 * d + head * each..]);
            product([n, n, each], (shares, square), (q, rows), (k, columns), (false, size.scale()));
            for (i, row) in shares.chunks_exact_mut(n).enumerate() {
                softmax(&mut row[..=i]);
                row[i + 1..].fill(0.0);
            }
            let out = (&mut y[head * each..], Stride { row: d, column: 1 });
            product([n, each, n], out, (shares, square), (v, rows), (false, 1.0));
        }
    });
    shares
}

/// Gradient of [`attention`] by queries, keys and values.
pub fn attention_gradient(size: Heads, qkv: &[f32], shares: &[f32], dy: &[f32], dqkv: &mut [f32]) {
    let Heads { n, d, heads } = size;
    let each = size.each();
    let (rows, columns) = (Stride { row: 3 * d, column: 1 }, Stride { row: 1, column: 3 * d });
    let (square, turned) = (Stride { row: n, column: 1 }, Stride { row: 1, column: n });
    let out = Stride { row: d, column: 1 };
    let pictures = dqkv.par_chunks_mut(n * 3 * d).zip(qkv.par_chunks(n * 3 * d));
    pictures.zip(dy.par_chunks(n * d)).zip(shares.par_chunks(heads * n * n)).for_each(|(((dqkv, qkv), dy), shares)| {
        let mut by_score = vec![0.0; n * n];
        for (head, shares) in shares.chunks_exact(n * n).enumerate() {
            let at = head * each;
            let (q, k, v, dy) = (&qkv[at..], &qkv[d + at..], &qkv[2 * d + at..], &dy[at..]);
            product([n, each, n], (&mut dqkv[2 * d + at..], rows), (shares, turned), (dy, out), (false, 1.0));
            product([n, n, each], (&mut by_score, square), (dy, out), (v, columns), (false, 1.0));
            for (i, (row, shares)) in by_score.chunks_exact_mut(n).zip(shares.chunks_exact(n)).enumerate() {
                let along = dot(&row[..=i], &shares[..=i]);
                row.iter_mut().zip(shares).for_each(|(v, share)| *v = share * (*v - along));
            }
            let factor = (false, size.scale());
            product([n, each, n], (&mut dqkv[at..], rows), (&by_score, square), (k, rows), factor);
            product([n, each, n], (&mut dqkv[d + at..], rows), (&by_score, turned), (q, rows), factor);
        }
    });
}

/// Nats that each row of scores, `[n, k]`, gives to its target.
pub fn nats(logits: &[f32], targets: &[u32]) -> Vec<f32> {
    let k = logits.len() / targets.len().max(1);
    let each = |(row, target): (&[f32], &u32)| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        sum_of(row, |v| exp(v - largest)).ln() + largest - row[*target as usize]
    };
    logits.par_chunks(k.max(1)).zip(targets).map(each).collect()
}

/// Gradient of the mean of [`nats`], times `by`.
pub fn nats_gradient(logits: &[f32], targets: &[u32], by: f32, out: &mut [f32]) {
    let k = logits.len() / targets.len().max(1);
    let share = by / targets.len() as f32;
    out.par_chunks_mut(k.max(1)).zip(logits.par_chunks(k.max(1))).zip(targets).for_each(|((out, row), target)| {
        out.copy_from_slice(row);
        softmax(out);
        out[*target as usize] -= 1.0;
        out.iter_mut().for_each(|v| *v *= share);
    });
}

/// What a number at this place is multiplied by: 0 for a share `p` of places, else `1 / (1 − p)`.
#[inline(always)]
fn kept(seed: u64, place: u64, [least, factor]: [f32; 2]) -> f32 {
    // SplitMix64 (Steele, Lea & Flood 2014): any place at once, the same on every device.
    let mut z = seed.wrapping_add((place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let uniform = ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32;
    if uniform < least { 0.0 } else { factor }
}

/// Numbers with a share `p` of them dropped and the others made larger (Srivastava et al. 2014).
pub fn dropout(x: &[f32], p: f32, seed: u64, y: &mut [f32]) {
    let settings = [p, 1.0 / (1.0 - p)];
    y.par_chunks_mut(1 << 14).zip(x.par_chunks(1 << 14)).enumerate().for_each(|(part, (y, x))| {
        let from = (part << 14) as u64;
        dispatch(
            #[inline(always)]
            || {
                for (i, (y, x)) in y.iter_mut().zip(x).enumerate() {
                    *y = x * kept(seed, from + i as u64, settings);
                }
            },
        );
    });
}

/// `out = bias + x·w`, of one row `[k]` and weights `[k, n]`: sums go over `k` in order, four at a time.
pub fn affine(x: &[f32], w: &[f32], bias: &[f32], out: &mut [f32]) {
    let n = out.len();
    assert!(w.len() == x.len() * n && bias.len() == n);
    out.copy_from_slice(bias);
    dispatch(
        #[inline(always)]
        || {
            let (fours, rest) = x.as_chunks::<4>();
            for ([a, b, c, d], w) in fours.iter().zip(w.chunks_exact(4 * n)) {
                let (wa, w) = w.split_at(n);
                let (wb, w) = w.split_at(n);
                let (wc, wd) = w.split_at(n);
                for (out, ((wa, wb), (wc, wd))) in out.iter_mut().zip(wa.iter().zip(wb).zip(wc.iter().zip(wd))) {
                    *out += (a * wa + b * wb) + (c * wc + d * wd);
                }
            }
            for (x, w) in rest.iter().zip(w[fours.len() * 4 * n..].chunks_exact(n)) {
                out.iter_mut().zip(w).for_each(|(out, w)| *out += x * w);
            }
        },
    );
}
