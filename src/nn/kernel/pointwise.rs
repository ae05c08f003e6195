//! What is done number by number, each in one pass over memory, and the sums beside it.
//!
//! Sums go over blocks of a fixed size, in order, so they do not depend on the number of threads.

use crate::base::simd::dispatch;
use rayon::prelude::*;

/// Numbers at a time.
const BLOCK: usize = 1 << 14;
/// Numbers that a sum keeps apart, so that it is vectors and not a chain.
const LANES: usize = 16;

/// One step of Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decays of the moments.
    pub beta: [f32; 2],
    /// Shares of the new gradient in the moments: `1 − β`, rounded once.
    pub fresh: [f32; 2],
    /// Learning rate with the first moment's bias corrected.
    pub step: f32,
    /// Root of the second moment's bias.
    pub root: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// What gradients are multiplied by first.
    pub scale: f32,
}

/// `m ← β₁m + (1 − β₁)g`, `v ← β₂v + (1 − β₂)g²`, `out = value − step · m / (√v / root + ε)`.
pub fn adam(s: AdamStep, value: &[f32], grad: &[f32], m: &mut [f32], v: &mut [f32], out: &mut [f32]) {
    let n = out.len();
    assert!(value.len() == n && grad.len() == n && m.len() == n && v.len() == n);
    let moments = m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK));
    out.par_chunks_mut(BLOCK).zip(moments).enumerate().for_each(|(i, (out, (m, v)))| {
        let at = i * BLOCK..i * BLOCK + out.len();
        let (value, grad) = (&value[at.clone()], &grad[at]);
        dispatch(
            #[inline(always)]
            || {
                let moments = m.iter_mut().zip(v);
                for ((out, (m, v)), (value, grad)) in out.iter_mut().zip(moments).zip(value.iter().zip(grad)) {
                    let g = grad * s.scale;
                    *m = *m * s.beta[0] + g * s.fresh[0];
                    *v = *v * s.beta[1] + g * g * s.fresh[1];
                    *out = value - *m * s.step / (v.sqrt() / s.root + s.epsilon);
                }
            },
        );
    });
}

/// `old · keep + new · (1 − keep)`, with both shares given.
pub fn blend(old: &[f32], new: &[f32], [keep, fresh]: [f32; 2], out: &mut [f32]) {
    assert!(old.len() == out.len() && new.len() == out.len());
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(i, out)| {
        let at = i * BLOCK..i * BLOCK + out.len();
        out.iter_mut()
            .zip(&old[at.clone()])
            .zip(&new[at])
            .for_each(|((out, old), new)| *out = old * keep + new * fresh);
    });
}

/// `x · slope`, with the slope 1 where the gate is above zero and `leak` elsewhere.
pub fn gate(x: &[f32], gate: &[f32], leak: f32, out: &mut [f32]) {
    assert!(x.len() == out.len() && gate.len() == out.len());
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(i, out)| {
        let at = i * BLOCK..i * BLOCK + out.len();
        let both = x[at.clone()].iter().zip(&gate[at]);
        out.iter_mut().zip(both).for_each(|(out, (x, gate))| *out = x * if *gate > 0.0 { 1.0 } else { leak });
    });
}

/// Sum of squares.
pub fn squares(x: &[f32]) -> f32 {
    let parts: Vec<f32> = x.par_chunks(BLOCK).map(|x| sum_of(x, |v| v * v)).collect();
    parts.iter().sum()
}

/// Sum of what `map` makes of each number.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], map: impl Fn(f32) -> f32) -> f32 {
    dispatch(
        #[inline(always)]
        || {
            let (chunks, rest) = x.as_chunks::<LANES>();
            let mut sums = [0.0; LANES];
            for chunk in chunks {
                for (sum, v) in sums.iter_mut().zip(chunk) {
                    *sum += map(*v);
                }
            }
            sums.iter().sum::<f32>() + rest.iter().map(|v| map(*v)).sum::<f32>()
        },
    )
}

/// `eˣ` within 2 units of the last place, for −87 ≤ x ≤ 88 (outside: as at the bounds). After Cephes.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding and taking away this number rounds to a whole one.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let n = x * std::f32::consts::LOG2_E + ROUND;
    let power = n.to_bits() << 23;
    let n = n - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_6e-1;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    f32::from_bits(y.to_bits().wrapping_add(power))
}

/// `log(1 + u)` for 0 ≤ u ≤ 1, within 3 units of the last place: `2 artanh(u / (2 + u))`.
#[inline(always)]
fn log_1p(u: f32) -> f32 {
    let t = u / (2.0 + u);
    let s = t * t;
    let p = 2.0 / 15.0;
    let p = p * s + 2.0 / 13.0;
    let p = p * s + 2.0 / 11.0;
    let p = p * s + 2.0 / 9.0;
    let p = p * s + 2.0 / 7.0;
    let p = p * s + 2.0 / 5.0;
    let p = p * s + 2.0 / 3.0;
    t * s * p + 2.0 * t
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let small = e / (1.0 + e);
    if x < 0.0 { small } else { 1.0 - small }
}

/// Cross-entropy of Bernoulli pixels, summed over each of `rows` pictures:
/// `Σ max(l, 0) − l·t + log(1 + e^−|l|)` for logits `l` and targets `t`.
pub fn cross_entropy(logits: &[f32], targets: &[f32], rows: usize) -> Vec<f32> {
    assert!(logits.len() == targets.len() && logits.len().is_multiple_of(rows.max(1)));
    let n = (logits.len() / rows.max(1)).max(1);
    let of_picture = |(l, t): (&[f32], &[f32])| {
        dispatch(
            #[inline(always)]
            || {
                let nats = |l: f32, t: f32| l.max(0.0) - l * t + log_1p(exp(-l.abs()));
                let ((ls, l_rest), (ts, t_rest)) = (l.as_chunks::<LANES>(), t.as_chunks::<LANES>());
                let mut sums = [0.0; LANES];
                for (l, t) in ls.iter().zip(ts) {
                    for i in 0..LANES {
                        sums[i] += nats(l[i], t[i]);
                    }
                }
                sums.iter().sum::<f32>() + l_rest.iter().zip(t_rest).map(|(l, t)| nats(*l, *t)).sum::<f32>()
            },
        )
    };
    logits.par_chunks(n).zip(targets.par_chunks(n)).map(of_picture).collect()
}

/// Its gradient by the logits, `(σ(l) − t) · d`, with one `d` for each picture.
pub fn cross_entropy_gradient(logits: &[f32], targets: &[f32], d: &[f32], out: &mut [f32]) {
    let n = (logits.len() / d.len().max(1)).max(1);
    assert!(logits.len() == n * d.len() && targets.len() == logits.len() && out.len() == logits.len());
    let rows = logits.par_chunks(n).zip(targets.par_chunks(n)).zip(d);
    out.par_chunks_mut(n).zip(rows).for_each(|(out, ((l, t), d))| {
        dispatch(
            #[inline(always)]
            || {
                for ((out, l), t) in out.iter_mut().zip(l).zip(t) {
                    *out = (sigmoid(*l) - t) * d;
                }
            },
        );
    });
}

/// Hyperbolic tangent.
pub fn tanh(x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    out.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(out, x)| {
        dispatch(
            #[inline(always)]
            || {
                for (out, x) in out.iter_mut().zip(x) {
                    let a = x.abs();
                    // Near zero the quotient below would lose digits; there the series holds to the last one.
                    let s = a * a;
                    let near = a - a * s * (1.0 / 3.0 - s * (2.0 / 15.0 - s * (17.0 / 315.0)));
                    let e = exp(-2.0 * a);
                    let far = (1.0 - e) / (1.0 + e);
                    *out = if a < 0.2 { near } else { far }.copysign(*x);
                }
            },
        );
    });
}

/// `d · (1 − y²)`: the gradient of [`tanh`], whose result was `y`.
pub fn tanh_gradient(y: &[f32], d: &[f32], out: &mut [f32]) {
    assert!(y.len() == out.len() && d.len() == out.len());
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(i, out)| {
        let at = i * BLOCK..i * BLOCK + out.len();
        out.iter_mut().zip(&y[at.clone()]).zip(&d[at]).for_each(|((out, y), d)| *out = d * (1.0 - y * y));
    });
}

/// Logistic function.
pub fn sigmoids(x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    out.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(out, x)| {
        dispatch(
            #[inline(always)]
            || out.iter_mut().zip(x).for_each(|(out, x)| *out = sigmoid(*x)),
        );
    });
}

/// `d · y · (1 − y)`: the gradient of [`sigmoids`], whose result was `y`.
pub fn sigmoid_gradient(y: &[f32], d: &[f32], out: &mut [f32]) {
    assert!(y.len() == out.len() && d.len() == out.len());
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(i, out)| {
        let at = i * BLOCK..i * BLOCK + out.len();
        out.iter_mut().zip(&y[at.clone()]).zip(&d[at]).for_each(|((out, y), d)| *out = d * y * (1.0 - y));
    });
}

/// Batch normalisation of `[b, channels, n]`.
pub struct Normal {
    /// Channels.
    pub channels: usize,
    /// Numbers of a channel of a picture.
    pub n: usize,
}

impl Normal {
    /// Mean and variance (not corrected) of each channel over the batch.
    pub fn statistics(&self, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let count = (x.len() / self.channels.max(1)) as f32;
        let of = |c: usize| {
            let planes = || x.chunks_exact(self.n).skip(c).step_by(self.channels);
            let mean = planes().map(|x| sum_of(x, |v| v)).sum::<f32>() / count;
            let variance = planes().map(|x| sum_of(x, |v| (v - mean) * (v - mean))).sum::<f32>() / count;
            (mean, variance)
        };
        (0..self.channels).into_par_iter().map(of).unzip()
    }

    /// `y = x · scale + shift`, one of each for every channel.
    pub fn apply(&self, x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
        let planes = y.par_chunks_mut(self.n).zip(x.par_chunks(self.n)).enumerate();
        planes.with_min_len(8).for_each(|(i, (y, x))| {
            let (a, b) = (scale[i % self.channels], shift[i % self.channels]);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x * a + b);
        });
    }

    /// For each channel `Σ dy` and `Σ dy · (x − mean) · inverse`.
    pub fn sums(&self, x: &[f32], dy: &[f32], mean: &[f32], inverse: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let of = |c: usize| {
            let planes = |of: usize| (of..).step_by(self.channels).map(|i| i * self.n).take_while(|at| *at < x.len());
            let mut sums = (0.0, 0.0);
            for at in planes(c) {
                let (x, dy) = (&x[at..at + self.n], &dy[at..at + self.n]);
                sums.0 += sum_of(dy, |v| v);
                sums.1 += dot(dy, x, mean[c]);
            }
            (sums.0, sums.1 * inverse[c])
        };
        (0..self.channels).into_par_iter().map(of).unzip()
    }

    /// `dx = dy · a + x · b + c`, one of each for every channel.
    pub fn gradient(&self, x: &[f32], dy: &[f32], [a, b, c]: [&[f32]; 3], dx: &mut [f32]) {
        let sides = x.par_chunks(self.n).zip(dy.par_chunks(self.n));
        dx.par_chunks_mut(self.n).zip(sides).enumerate().with_min_len(8).for_each(|(i, (dx, (x, dy)))| {
            let (a, b, c) = (a[i % self.channels], b[i % self.channels], c[i % self.channels]);
            dx.iter_mut().zip(x.iter().zip(dy)).for_each(|(dx, (x, dy))| *dx = dy * a + (x * b + c));
        });
    }
}

/// `Σ d · (x − mean)`.
#[inline(always)]
fn dot(d: &[f32], x: &[f32], mean: f32) -> f32 {
    dispatch(
        #[inline(always)]
        || {
            let ((ds, d_rest), (xs, x_rest)) = (d.as_chunks::<LANES>(), x.as_chunks::<LANES>());
            let mut sums = [0.0; LANES];
            for (d, x) in ds.iter().zip(xs) {
                for i in 0..LANES {
                    sums[i] += d[i] * (x[i] - mean);
                }
            }
            sums.iter().sum::<f32>() + d_rest.iter().zip(x_rest).map(|(d, x)| d * (x - mean)).sum::<f32>()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(n: usize, reach: f32) -> Vec<f32> {
        (0..n).map(|i| reach * (2.0 * i as f32 / (n - 1) as f32 - 1.0)).collect()
    }

    #[test]
    fn functions_are_right_to_the_last_places() {
        let mut worst = [0f64; 3];
        for x in range(20_001, 80.0).into_iter().chain(range(20_001, 1.0)) {
            let wide = f64::from(x);
            let off = |got: f32, right: f64| (f64::from(got) - right).abs() / right.abs().max(1e-30);
            worst[0] = worst[0].max(off(exp(x), wide.exp()));
            worst[1] = worst[1].max(off(sigmoid(x), 1.0 / (1.0 + (-wide).exp())));
            if (0.0..=1.0).contains(&x) {
                worst[2] = worst[2].max(off(log_1p(x), wide.ln_1p()));
            }
        }
        assert!(worst.iter().all(|w| *w < 4e-7), "{worst:?}");
        let x: Vec<f32> = range(4001, 9.0).into_iter().chain(range(4001, 0.5)).collect();
        let mut y = vec![0.0; x.len()];
        tanh(&x, &mut y);
        for (x, y) in x.iter().zip(&y) {
            let right = f64::from(*x).tanh();
            assert!((f64::from(*y) - right).abs() <= 4e-7 * right.abs(), "tanh {x}: {y} {right}");
        }
        assert_eq!(exp(-1e9), exp(-87.0));
    }

    #[test]
    fn sums_do_not_depend_on_threads() {
        let x: Vec<f32> = (0..100_000).map(|i| ((i * 7919) % 1000) as f32 / 1000.0).collect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (squares(&x), Normal { channels: 5, n: 20 }.statistics(&x)))
        };
        assert!(run(1) == run(3));
        let exact: f64 = x.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        assert!((f64::from(squares(&x)) - exact).abs() < 1e-6 * exact);
    }
}
