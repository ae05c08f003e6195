//! The rows that an atlas is laid out by: whole while they fit into memory, else along their leading axes.
//!
//! A hundred thousand pictures of 64 pixels with alpha are 6.5 GB as numbers. Where rows would take more than [`MOST`],
//! each is brought to its coordinates along [`AXES`] axes as soon as it is read, and the rest of its length, which no
//! axis holds, is kept as one more number. The axes span the leading subspace of some rows of the same set (Halko,
//! Martinsson & Tropp 2011, with power iterations), so that distances between rows are right up to what lies outside of
//! it: between pictures that is fine texture and noise, which differs from one to the other in any case, and is
//! therefore added as if at right angles. Who is near whom is kept by this far better than by random axes.
//!
//! The same rows give the same axes, whatever the number of threads.

use rayon::prelude::*;

use crate::base::linalg::rows::{Row, orthonormal};
use crate::base::linalg::symmetric::product;
use crate::base::rng::Stream;

/// Numbers of all rows together up to which they are kept whole: 400 MB.
const MOST: usize = 100_000_000;
/// Axes of rows that are not.
pub const AXES: usize = 64;
/// Rows that axes are found from, at most, and their numbers.
const LOOKED: (usize, usize) = (1024, 32_000_000);
/// Times that the axes are drawn towards the leading ones.
const ROUNDS: usize = 4;

/// Whether so many rows of so many numbers are kept whole.
pub fn fit(rows: usize, numbers: usize) -> bool {
    rows.saturating_mul(numbers) <= MOST || numbers <= 2 * AXES
}

/// Rows of so many numbers that axes are found from.
pub fn looked(numbers: usize) -> usize {
    (LOOKED.1 / numbers.max(1)).clamp(2 * AXES, LOOKED.0)
}

/// Leading axes of a set of rows.
pub struct Axes {
    centre: Row,
    /// `[axes, numbers]`, orthonormal.
    basis: Vec<f64>,
}

impl Axes {
    /// Of these rows, which stand for all.
    pub fn of(rows: &[Vec<f32>]) -> Self {
        let (n, d) = (rows.len(), rows.first().map_or(0, Vec::len));
        let mut centre = vec![0.0; d];
        for row in rows {
            centre.iter_mut().zip(row).for_each(|(c, v)| *c += f64::from(*v) / n as f64);
        }
        let mut stream = Stream::new(0, "axes of an atlas");
        let count = AXES.min(d);
        let start: Vec<Row> = (0..count).map(|_| (0..d).map(|_| f64::from(stream.normal())).collect()).collect();
        let mut basis = orthonormal(&start).concat();
        for _ in 0..ROUNDS {
            let k = basis.len() / d.max(1);
            // Coordinates strip by strip, then what they add up to block by block of columns: only these are doubled.
            let strip = |strip: &[Vec<f32>]| {
                let x = centred(strip, &centre);
                product(&x, [d, 1], &basis, [1, d], [strip.len(), d, k])
            };
            let along: Vec<f64> = rows.par_chunks(STRIP).flat_map_iter(strip).collect();
            let blocks: Vec<Vec<f64>> = (0..d)
                .into_par_iter()
                .step_by(BLOCK)
                .map(|first| {
                    let end = d.min(first + BLOCK);
                    let columns = |row: &Vec<f32>| -> Vec<f64> {
                        row[first..end].iter().zip(&centre[first..end]).map(|(v, c)| f64::from(*v) - c).collect()
                    };
                    let x: Vec<f64> = rows.iter().flat_map(columns).collect();
                    let width = end - first;
                    product(&along, [1, k], &x, [width, 1], [k, n, width])
                })
                .collect();
            let row = |axis: usize| -> Row {
                let part = |block: &Vec<f64>| {
                    let width = block.len() / k;
                    block[axis * width..(axis + 1) * width].to_vec()
                };
                blocks.iter().flat_map(part).collect()
            };
            let found = orthonormal(&(0..k).map(row).collect::<Vec<Row>>());
            // Rows of fewer directions than there are axes have no more.
            if found.is_empty() {
                break;
            }
            basis = found.concat();
        }
        Self { centre, basis }
    }

    /// Coordinates of rows, each with the length that no axis holds.
    pub fn along(&self, rows: &[Vec<f32>]) -> Vec<(Vec<f32>, f32)> {
        let d = self.centre.len();
        let k = self.basis.len() / d.max(1);
        let strip = |strip: &[Vec<f32>]| -> Vec<(Vec<f32>, f32)> {
            let x = centred(strip, &self.centre);
            let found = product(&x, [d, 1], &self.basis, [1, d], [strip.len(), d, k]);
            let rest = |(row, along): (&[f64], &[f64])| {
                let (whole, held): (f64, f64) = (row.iter().map(|v| v * v).sum(), along.iter().map(|v| v * v).sum());
                (along.iter().map(|v| *v as f32).collect(), (whole - held).max(0.0).sqrt() as f32)
            };
            x.chunks_exact(d.max(1)).zip(found.chunks_exact(k.max(1))).map(rest).collect()
        };
        rows.par_chunks(STRIP).flat_map_iter(strip).collect()
    }
}

/// Rows that are worked on at a time.
const STRIP: usize = 32;
/// Columns that are worked on at a time.
const BLOCK: usize = 2048;

fn centred(rows: &[Vec<f32>], centre: &[f64]) -> Vec<f64> {
    rows.iter().flat_map(|row| row.iter().zip(centre).map(|(v, c)| f64::from(*v) - c)).collect()
}

/// Rows as they are gathered.
#[derive(Default)]
pub struct Gathered {
    /// The rows, whole or along axes.
    pub rows: Vec<Vec<f32>>,
    /// What no axis holds of each; empty where rows are whole.
    pub rest: Vec<f32>,
    axes: Option<Axes>,
}

impl Gathered {
    /// Along these axes, or whole.
    pub fn new(axes: Option<Axes>) -> Self {
        Self { axes, ..Self::default() }
    }

    /// Takes some more.
    pub fn extend(&mut self, rows: Vec<Vec<f32>>) {
        match &self.axes {
            None => self.rows.extend(rows),
            Some(axes) => {
                for (row, rest) in axes.along(&rows) {
                    self.rows.push(row);
                    self.rest.push(rest);
                }
            }
        }
    }

    /// Rows so far.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The distance of two whole rows, from that of what is kept of them.
    pub fn whole(&self, i: usize, j: usize, kept: f32) -> f32 {
        match (self.rest.get(i), self.rest.get(j)) {
            (Some(a), Some(b)) => (kept * kept + a * a + b * b).sqrt(),
            _ => kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::atlas::tests::clouds;

    #[test]
    fn wide_rows_keep_their_neighbours_along_axes_and_take_little_room() {
        // Some directions that matter, and a little of everything else.
        let (n, d) = (300, 3000);
        let inner = clouds(n, 6, 20);
        let mut stream = Stream::new(3, "wide");
        let ways: Vec<Row> =
            orthonormal(&(0..20).map(|_| (0..d).map(|_| f64::from(stream.normal())).collect()).collect::<Vec<Row>>());
        let wide: Vec<Vec<f32>> = inner
            .iter()
            .map(|row| {
                let mut out = vec![0.0f64; d];
                for (v, way) in row.iter().zip(&ways) {
                    out.iter_mut().zip(way).for_each(|(o, w)| *o += f64::from(*v) * w);
                }
                out.into_iter().map(|v| v as f32 + 0.003 * stream.normal()).collect()
            })
            .collect();
        let sample: Vec<Vec<f32>> = wide.iter().step_by(2).cloned().collect();
        let mut gathered = Gathered::new(Some(Axes::of(&sample)));
        wide.chunks(50).for_each(|some| gathered.extend(some.to_vec()));
        assert!(gathered.count() == n && gathered.rows.iter().all(|r| r.len() == AXES));
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt();
        for (i, j) in [(0, 1), (3, 9), (20, 250), (7, 299)] {
            let (right, kept) = (apart(&wide[i], &wide[j]), apart(&gathered.rows[i], &gathered.rows[j]));
            assert!((gathered.whole(i, j, kept) / right - 1.0).abs() < 0.01, "{right} {kept}");
        }
        // The same again, and on another number of threads.
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = alone.install(|| Axes::of(&sample).along(&wide[..50]));
        let rows: Vec<Vec<f32>> = again.into_iter().map(|r| r.0).collect();
        assert_eq!(rows[..], gathered.rows[..50]);
    }

    #[test]
    fn what_is_kept_of_very_many_is_bounded() {
        // A hundred thousand pictures of 64 pixels with alpha, and a handful of large ones.
        let rows = [(100_000, 64 * 64 * 4), (250_000, 256 * 256 * 4), (6000, 64 * 64 * 3)];
        for (n, d) in rows {
            let numbers = if fit(n, d) { n * d } else { n * (AXES + 1) };
            assert!(numbers * 4 <= 400_000_000, "{n} × {d}");
        }
        assert!(fit(6000, 64 * 64 * 3), "what fits is kept as it is");
        for d in [64 * 64 * 4, 256 * 256 * 4] {
            // Rows that are looked at, and axes three times over in double precision.
            assert!(4 * looked(d) * d + 3 * 8 * AXES * d < 700_000_000, "{d}");
        }
        // Rows of fewer directions than axes, and equal ones, are brought along too.
        for rows in [vec![vec![1.0f32; 500]; 9], (0..9).map(|i| vec![i as f32; 500]).collect()] {
            let along = Axes::of(&rows).along(&rows);
            assert!(along.iter().flat_map(|r| &r.0).all(|v| v.is_finite()));
            let ends = along[0].0.iter().zip(&along[8].0).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            let right = (rows[8][0] - rows[0][0]) * 500f32.sqrt();
            assert!((ends - right).abs() <= 1e-2 * right.max(1.0), "{ends} {right}");
        }
    }
}
