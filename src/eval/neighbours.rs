//! Nearest rows of one table to those of another, exactly, by matrix products.

use rayon::prelude::*;

use super::feature_matrix::Rows;
use crate::base::linalg::symmetric::product;

/// A row near another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Squared distance.
    pub squared: f64,
    /// Its place in its table.
    pub place: u32,
}

/// Rows that are worked on at a time.
const STRIP: usize = 64;
/// Rows nearer than this, squared and relative to their lengths, are equal: rows in single precision that differ at all
/// in more than their last bits are further apart, and products in double precision are exact to less.
const EQUAL: f64 = 1e-13;

fn doubled(rows: &Rows) -> Vec<f64> {
    rows.values().iter().map(|v| f64::from(*v)).collect()
}

fn lengths(values: &[f64], dim: usize) -> Vec<f64> {
    values.chunks_exact(dim).map(|r| r.iter().map(|v| v * v).sum()).collect()
}

/// What `each` makes of every row of `from`, given its squared distances to all rows of `to`.
fn over<T: Send>(from: &Rows, to: &Rows, each: impl Fn(usize, &[f64]) -> T + Sync) -> Vec<T> {
    let dim = from.dim();
    if from.is_empty() || to.is_empty() {
        return (0..from.len()).map(|i| each(i, &[])).collect();
    }
    let (x, y) = (doubled(from), doubled(to));
    let (xx, yy) = (lengths(&x, dim), lengths(&y, dim));
    x.par_chunks(STRIP * dim)
        .enumerate()
        .flat_map_iter(|(s, strip)| {
            let rows = strip.len() / dim;
            let mut dots = product(strip, [dim, 1], &y, [1, dim], [rows, dim, yy.len()]);
            for (r, row) in dots.chunks_exact_mut(yy.len()).enumerate() {
                let own = xx[s * STRIP + r];
                row.iter_mut().zip(&yy).for_each(|(dot, other)| {
                    let squared = own + other - 2.0 * *dot;
                    // Of equal rows nothing but rounding is left.
                    *dot = if squared <= EQUAL * (own + other) { 0.0 } else { squared };
                });
            }
            let each = &each;
            let made: Vec<T> =
                dots.chunks_exact(yy.len()).enumerate().map(|(r, row)| each(s * STRIP + r, row)).collect();
            made
        })
        .collect()
}

/// The `count` nearest rows of `to` for each row of `from`, the nearest first; `same` says that both are one table, and
/// a row is then no neighbour of itself.
pub fn nearest(from: &Rows, to: &Rows, count: usize, same: bool) -> Vec<Vec<Near>> {
    over(from, to, |i, distances| {
        let mut all: Vec<Near> = distances
            .iter()
            .enumerate()
            .filter(|(j, _)| !same || *j != i)
            .map(|(j, d)| Near { squared: *d, place: j as u32 })
            .collect();
        let order = |a: &Near, b: &Near| a.squared.total_cmp(&b.squared).then(a.place.cmp(&b.place));
        if count < all.len() {
            all.select_nth_unstable_by(count, order);
            all.truncate(count);
        }
        all.sort_by(order);
        all
    })
}

/// For each row of `from`, the rows of `to` that are nearer than its own squared reach, in no order.
pub fn within(from: &Rows, to: &Rows, reach: &[f64]) -> Vec<Vec<Near>> {
    over(from, to, |i, distances| {
        let near = distances.iter().enumerate().filter(|(_, d)| **d <= reach[i]);
        near.map(|(j, d)| Near { squared: *d, place: j as u32 }).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn neighbours_are_those_of_a_plain_search() {
        let rows = |n: usize, seed: u64| Rows::from_values(5, Stream::new(seed, "rows").normals(n * 5));
        let (a, b) = (rows(150, 1), rows(90, 2));
        let plain = |x: &[f32], y: &[f32]| -> f64 { x.iter().zip(y).map(|(p, q)| f64::from(p - q).powi(2)).sum() };
        for (from, to, same) in [(&a, &b, false), (&a, &a, true)] {
            let found = nearest(from, to, 3, same);
            for (i, list) in found.iter().enumerate() {
                let mut all: Vec<f64> =
                    (0..to.len()).filter(|j| !same || *j != i).map(|j| plain(from.row(i), to.row(j))).collect();
                all.sort_by(f64::total_cmp);
                for (near, expected) in list.iter().zip(&all) {
                    assert!((near.squared - expected).abs() < 1e-5, "{} {expected}", near.squared);
                }
                assert_eq!(list.len(), 3);
            }
        }
        let reach = vec![2.0; 150];
        for (i, list) in within(&a, &b, &reach).iter().enumerate() {
            assert_eq!(list.len(), (0..90).filter(|&j| plain(a.row(i), b.row(j)) <= 2.0).count());
        }
        assert!(nearest(&a, &Rows::new(5), 3, false).iter().all(Vec::is_empty));
    }
}
