//! Whether a model learned its pictures by heart: are its samples nearer to the pictures it was trained on than pictures
//! that it never saw? (The test for data-copying of Meehan, Chaudhuri & Dasgupta 2020, by ranks.)

use serde::{Deserialize, Serialize};

use super::feature_matrix::Rows;
use super::neighbours::{Near, nearest};

/// A sample with the training picture that it is nearest to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Place of the sample.
    pub sample: usize,
    /// Place of the training picture.
    pub training: usize,
    /// Their distance in feature space.
    pub distance: f64,
    /// The distance over that from the training picture to its own nearest neighbour: far below 1 is a copy.
    pub ratio: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Chance that a sample is nearer to the training pictures than a picture of the control is: 0.5 is right, 1 is
    /// learned by heart, below 0.5 is farther from the data than the data are. With its interval.
    pub nearer: (f64, f64, f64),
    /// The most suspect pairs, the worst first.
    pub pairs: Vec<Pair>,
}

/// Compares samples with a control: rows of pictures that were not trained on, or nothing. Without them each training
/// picture stands in, against all others.
pub fn memory(training: &Rows, control: Option<&Rows>, samples: &Rows, pairs: usize) -> Option<Memory> {
    if training.len() < 2 || samples.is_empty() {
        return None;
    }
    let first = |lists: Vec<Vec<Near>>| -> Vec<Near> { lists.into_iter().filter_map(|l| l.first().copied()).collect() };
    let near = first(nearest(samples, training, 1, false));
    let own = first(nearest(training, training, 1, true));
    let theirs = match control {
        Some(control) if !control.is_empty() => first(nearest(control, training, 1, false)),
        _ => own.clone(),
    };
    let distances = |near: &[Near]| -> Vec<f64> { near.iter().map(|n| n.squared).collect() };
    let mut suspects: Vec<Pair> = near
        .iter()
        .enumerate()
        .map(|(sample, n)| {
            let training = n.place as usize;
            let usual = own[training].squared.sqrt();
            let distance = n.squared.sqrt();
            Pair { sample, training, distance, ratio: distance / usual.max(1e-9) }
        })
        .collect();
    suspects.sort_by(|a, b| a.ratio.total_cmp(&b.ratio).then(a.sample.cmp(&b.sample)));
    suspects.truncate(pairs);
    Some(Memory { nearer: smaller(&distances(&near), &distances(&theirs)), pairs: suspects })
}

/// Chance that a number of `a` is smaller than one of `b`, ties by halves, with ± 1.96 standard errors (DeLong 1988).
fn smaller(a: &[f64], b: &[f64]) -> (f64, f64, f64) {
    let sorted = |v: &[f64]| {
        let mut v = v.to_vec();
        v.sort_by(f64::total_cmp);
        v
    };
    let (ordered_a, ordered_b) = (sorted(a), sorted(b));
    // Share of `of` above x.
    let above = |x: f64, of: &[f64]| {
        let (below, upto) = (of.partition_point(|v| *v < x), of.partition_point(|v| *v <= x));
        (of.len() as f64 - (below + upto) as f64 / 2.0) / of.len() as f64
    };
    let placed_a: Vec<f64> = a.iter().map(|x| above(*x, &ordered_b)).collect();
    let placed_b: Vec<f64> = b.iter().map(|x| 1.0 - above(*x, &ordered_a)).collect();
    let value = placed_a.iter().sum::<f64>() / a.len() as f64;
    let variance = |v: &[f64]| super::subsample_ci::standard_error(v).powi(2) / v.len() as f64;
    let reach = 1.96 * (variance(&placed_a) + variance(&placed_b)).sqrt();
    (value, (value - reach).clamp(0.0, value), (value + reach).clamp(value, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn rows(n: usize, seed: u64) -> Rows {
        Rows::from_values(6, Stream::new(seed, "rows").normals(n * 6))
    }

    #[test]
    fn fresh_samples_score_a_half_and_copies_one() {
        let (training, held) = (rows(500, 1), rows(200, 2));
        let fresh = memory(&training, Some(&held), &rows(300, 3), 4).unwrap();
        assert!((fresh.nearer.0 - 0.5).abs() < 0.08, "{fresh:?}");
        assert!(fresh.nearer.1 < 0.5 && 0.5 < fresh.nearer.2, "{fresh:?}");
        let copies: Vec<f32> = training.values()[..600].iter().map(|v| v + 0.001).collect();
        let copies = memory(&training, Some(&held), &Rows::from_values(6, copies), 4).unwrap();
        assert!(copies.nearer.0 > 0.99 && copies.pairs[0].ratio < 0.05, "{copies:?}");
        assert_eq!(copies.pairs[0].sample, copies.pairs[0].training);
        // Without a control, training pictures stand in for it.
        let alone = memory(&training, None, &rows(300, 3), 4).unwrap();
        assert!((alone.nearer.0 - 0.5).abs() < 0.08, "{alone:?}");
        // Samples off the data are no copies.
        let off: Vec<f32> = rows(100, 5).values().iter().map(|v| v + 5.0).collect();
        assert!(memory(&training, Some(&held), &Rows::from_values(6, off), 1).unwrap().nearer.0 < 0.02);
    }

    /// Against the plain double sum, ties included.
    #[test]
    fn the_chance_is_a_double_sum() {
        let (a, b) = ([1.0, 2.0, 2.0, 5.0], [2.0, 3.0, 1.0]);
        let mut sum = 0.0;
        for x in a {
            for y in b {
                sum += if x < y {
                    1.0
                } else if x == y {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert!((smaller(&a, &b).0 - sum / 12.0).abs() < 1e-12);
    }
}
