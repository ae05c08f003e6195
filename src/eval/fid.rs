//! Fréchet distance between two sets of features, each taken as a Gaussian (Dowson & Landau 1982; Heusel et al. 2017).

use rayon::prelude::*;

use super::feature_matrix::Rows;
use super::subsample_ci::{BLOCKS, Half, WHOLE, block, halves, interval};
use crate::base::linalg::symmetric::{Square, product};

/// Sums over blocks of features: all that the distance needs.
#[derive(Clone, Debug)]
pub struct Moments {
    dim: usize,
    blocks: Vec<Sums>,
}

#[derive(Clone, Debug)]
struct Sums {
    count: f64,
    first: Vec<f64>,
    second: Vec<f64>,
}

/// Mean and covariance.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// Mean.
    pub mean: Vec<f64>,
    /// Covariance, with n − 1.
    pub covariance: Square,
}

impl Moments {
    /// Of features in random order.
    pub fn of(rows: &Rows) -> Self {
        let dim = rows.dim();
        let blocks = (0..BLOCKS)
            .into_par_iter()
            .map(|b| {
                let values: Vec<f64> = (b..rows.len())
                    .step_by(BLOCKS)
                    .inspect(|&i| debug_assert_eq!(block(i), b))
                    .flat_map(|i| rows.row(i).iter().map(|v| f64::from(*v)))
                    .collect();
                let n = values.len() / dim.max(1);
                let first = (0..dim).map(|k| values.iter().skip(k).step_by(dim).sum()).collect();
                let second = if n == 0 {
                    vec![0.0; dim * dim]
                } else {
                    product(&values, [1, dim], &values, [dim, 1], [dim, n, dim])
                };
                Sums { count: n as f64, first, second }
            })
            .collect();
        Self { dim, blocks }
    }

    /// Mean and covariance of the blocks chosen; nothing if fewer than two pictures are in them.
    pub fn gaussian(&self, half: &Half) -> Option<Gaussian> {
        let chosen = || self.blocks.iter().zip(half).filter(|(_, taken)| **taken).map(|(sums, _)| sums);
        let n: f64 = chosen().map(|s| s.count).sum();
        if n < 2.0 {
            return None;
        }
        let mut mean = vec![0.0; self.dim];
        let mut covariance = Square::zeros(self.dim);
        for sums in chosen() {
            mean.iter_mut().zip(&sums.first).for_each(|(m, s)| *m += s / n);
            covariance.values.iter_mut().zip(&sums.second).for_each(|(c, s)| *c += s);
        }
        for (i, row) in covariance.values.chunks_exact_mut(self.dim).enumerate() {
            for (v, m) in row.iter_mut().zip(&mean) {
                *v = (*v - n * mean[i] * m) / (n - 1.0);
            }
        }
        Some(Gaussian { mean, covariance })
    }
}

/// `|μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁½ Σ₂ Σ₁½)½`.
pub fn frechet(a: &Gaussian, b: &Gaussian) -> f64 {
    let apart: f64 = a.mean.iter().zip(&b.mean).map(|(x, y)| (x - y).powi(2)).sum();
    let root = a.covariance.root();
    let inner = root.times(&b.covariance).times(&root);
    let cross: f64 = inner.eigenvalues().into_iter().map(|v| v.max(0.0).sqrt()).sum();
    // A distance; rounding may leave a little less than nothing between equals.
    (apart + a.covariance.trace() + b.covariance.trace() - 2.0 * cross).max(0.0)
}

/// Distance of two sets with its interval, `(value, low, high)`; nothing if one has fewer than two pictures.
pub fn fid(a: &Moments, b: &Moments, seed: u64) -> Option<(f64, f64, f64)> {
    let value = frechet(&a.gaussian(&WHOLE)?, &b.gaussian(&WHOLE)?);
    let replicates: Vec<f64> = halves(seed)
        .into_par_iter()
        .filter_map(|(left, right)| Some(frechet(&a.gaussian(&left)?, &b.gaussian(&right)?)))
        .collect();
    let (low, high) = interval(value, &replicates, 0.0, f64::MAX);
    Some((value, low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn normals(n: usize, dim: usize, shift: f32, scale: f32, seed: u64) -> Rows {
        let values = Stream::new(seed, "rows").normals(n * dim).into_iter().map(|v| v * scale + shift).collect();
        Rows::from_values(dim, values)
    }

    #[test]
    fn gaussians_are_as_far_apart_as_the_formula_says() {
        // Between N(0, 1) and N(m, s²) in each of d dimensions: d (m² + (s − 1)²).
        let (a, b) = (normals(20_000, 6, 0.0, 1.0, 1), normals(20_000, 6, 0.5, 1.6, 2));
        let (value, low, high) = fid(&Moments::of(&a), &Moments::of(&b), 1).unwrap();
        let expected = 6.0 * (0.25 + 0.36);
        assert!((value - expected).abs() < 0.1, "{value}");
        assert!(low < expected && expected < high && high - low < 0.3, "{low} {high}");
    }

    #[test]
    fn a_set_is_at_distance_zero_from_itself_and_few_pictures_are_refused() {
        let a = normals(500, 20, 0.3, 1.0, 3);
        let moments = Moments::of(&a);
        let (value, low, _) = fid(&moments, &moments, 1).unwrap();
        assert!(value < 1e-9 && low >= 0.0, "{value}");
        assert!(fid(&moments, &Moments::of(&normals(1, 20, 0.0, 1.0, 1)), 1).is_none());
        // Fewer pictures than numbers: covariances without full rank.
        let few = Moments::of(&normals(12, 20, 0.0, 1.0, 4));
        assert!(fid(&moments, &few, 1).unwrap().0.is_finite());
    }
}
