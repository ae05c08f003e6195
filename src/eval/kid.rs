//! Kernel distance: unbiased squared maximum mean discrepancy with the kernel `(x·y/d + 1)³` (Bińkowski et al. 2018).
//!
//! Unlike the Fréchet distance it does not grow when pictures are few, so it is the one to trust below some thousand.
//! Values are the plain ones; some papers print them times 1,000.

use rayon::prelude::*;

use super::feature_matrix::Rows;
use super::subsample_ci::{BLOCKS, Half, WHOLE, block, halves, standard_error};
use crate::base::linalg::symmetric::product;

/// Sums of the kernel over pairs of blocks.
struct Sums {
    values: Vec<f64>,
    /// Sums over pairs of a picture with itself, which the unbiased estimate leaves out.
    diagonal: Vec<f64>,
}

/// Rows of a kernel matrix that are worked on at a time.
const STRIP: usize = 64;

fn doubled(rows: &Rows) -> Vec<f64> {
    rows.values().iter().map(|v| f64::from(*v)).collect()
}

fn sums(a: &[f64], b: &[f64], dim: usize, same: bool) -> Sums {
    let columns = b.len() / dim;
    let strips: Vec<Sums> = a
        .par_chunks(STRIP * dim)
        .enumerate()
        .map(|(s, strip)| {
            let rows = strip.len() / dim;
            let mut out = Sums { values: vec![0.0; BLOCKS * BLOCKS], diagonal: vec![0.0; BLOCKS] };
            let dots = product(strip, [dim, 1], b, [1, dim], [rows, dim, columns]);
            for (r, row) in dots.chunks_exact(columns).enumerate() {
                let i = s * STRIP + r;
                let of = &mut out.values[block(i) * BLOCKS..(block(i) + 1) * BLOCKS];
                for (j, dot) in row.iter().enumerate() {
                    let k = (dot / dim as f64 + 1.0).powi(3);
                    of[block(j)] += k;
                    if same && i == j {
                        out.diagonal[block(i)] += k;
                    }
                }
            }
            out
        })
        .collect();
    // Strips are added in their order: the same sum on any number of threads.
    let mut total = Sums { values: vec![0.0; BLOCKS * BLOCKS], diagonal: vec![0.0; BLOCKS] };
    for strip in strips {
        total.values.iter_mut().zip(strip.values).for_each(|(t, v)| *t += v);
        total.diagonal.iter_mut().zip(strip.diagonal).for_each(|(t, v)| *t += v);
    }
    total
}

impl Sums {
    fn over(&self, rows: &Half, columns: &Half) -> f64 {
        let taken = |half: &Half| (0..BLOCKS).filter(|&b| half[b]).collect::<Vec<_>>();
        let columns = taken(columns);
        taken(rows).iter().map(|r| columns.iter().map(|c| self.values[r * BLOCKS + c]).sum::<f64>()).sum()
    }

    fn diagonal_over(&self, half: &Half) -> f64 {
        self.diagonal.iter().zip(half).filter(|(_, taken)| **taken).map(|(v, _)| v).sum()
    }
}

fn count(n: usize, half: &Half) -> f64 {
    (0..n).filter(|&i| half[block(i)]).count() as f64
}

/// Squared discrepancy of two sets in random order with its interval (± 1.96 standard errors), `(value, low, high)`;
/// nothing if one has fewer than two pictures.
pub fn kid(a: &Rows, b: &Rows, seed: u64) -> Option<(f64, f64, f64)> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let dim = a.dim();
    let (x, y) = (doubled(a), doubled(b));
    let (xx, yy, xy) = (sums(&x, &x, dim, true), sums(&y, &y, dim, true), sums(&x, &y, dim, false));
    let value = |left: &Half, right: &Half| {
        let (m, n) = (count(a.len(), left), count(b.len(), right));
        let own = |s: &Sums, half: &Half, n: f64| (s.over(half, half) - s.diagonal_over(half)) / (n * (n - 1.0));
        own(&xx, left, m) + own(&yy, right, n) - 2.0 * xy.over(left, right) / (m * n)
    };
    let whole = value(&WHOLE, &WHOLE);
    let replicates: Vec<f64> = halves(seed).iter().map(|(l, r)| value(l, r)).filter(|v| v.is_finite()).collect();
    let reach = if replicates.len() > 1 { 1.96 * standard_error(&replicates) } else { 0.0 };
    Some((whole, whole - reach, whole + reach))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn normals(n: usize, shift: f32, seed: u64) -> Rows {
        Rows::from_values(8, Stream::new(seed, "rows").normals(n * 8).into_iter().map(|v| v + shift).collect())
    }

    #[test]
    fn it_is_the_plain_double_sum() {
        let (a, b) = (normals(70, 0.0, 1), normals(90, 0.4, 2));
        let k = |x: &[f32], y: &[f32]| {
            let dot: f64 = x.iter().zip(y).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            (dot / 8.0 + 1.0).powi(3)
        };
        let own = |r: &Rows| {
            let n = r.len();
            let mut sum = 0.0;
            for i in 0..n {
                for j in (0..n).filter(|&j| j != i) {
                    sum += k(r.row(i), r.row(j));
                }
            }
            sum / (n * (n - 1)) as f64
        };
        let cross: f64 = a.iter().map(|x| b.iter().map(|y| k(x, y)).sum::<f64>()).sum::<f64>() / (70.0 * 90.0);
        let expected = own(&a) + own(&b) - 2.0 * cross;
        let (value, low, high) = kid(&a, &b, 1).unwrap();
        assert!((value - expected).abs() < 1e-9, "{value} {expected}");
        assert!(low < value && value < high);
    }

    /// Over many pairs of like sets the mean is zero, and the spread is what the interval claims.
    #[test]
    fn it_has_no_bias_and_an_honest_error() {
        let runs: Vec<(f64, f64, f64)> =
            (0..60).map(|i| kid(&normals(96, 0.0, 2 * i), &normals(96, 0.3, 2 * i + 1), i).unwrap()).collect();
        let mean = runs.iter().map(|r| r.0).sum::<f64>() / 60.0;
        // The truth, by sets large enough.
        let truth = kid(&normals(4000, 0.0, 900), &normals(4000, 0.3, 901), 1).unwrap().0;
        let spread = standard_error(&runs.iter().map(|r| r.0).collect::<Vec<_>>());
        assert!((mean - truth).abs() < 3.0 * spread / 60f64.sqrt() + 0.01, "{mean} {truth}");
        let claimed = runs.iter().map(|r| (r.2 - r.1) / (2.0 * 1.96)).sum::<f64>() / 60.0;
        assert!((0.7..1.5).contains(&(claimed / spread)), "{claimed} {spread}");
    }

    #[test]
    fn one_picture_is_not_enough() {
        assert!(kid(&normals(1, 0.0, 1), &normals(9, 0.0, 2), 1).is_none());
        assert!(kid(&normals(3, 0.0, 1), &normals(9, 0.0, 2), 1).unwrap().0.is_finite());
    }
}
