//! Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020), by nearest neighbours.
//!
//! A set's pictures span balls that reach to their k-th neighbour in the set. Precision: the share of samples inside the
//! data's balls. Recall: the share of data inside the samples' balls. Density counts the balls instead, so that one
//! outlier with a wide ball does not forgive everything. Coverage: the share of the data's balls with a sample inside.

use rayon::prelude::*;

use super::feature_matrix::Rows;
use super::neighbours::{Near, nearest, within};
use super::subsample_ci::{BLOCKS, Half, WHOLE, block, halves, interval};

/// Neighbours that span a ball.
pub const K: usize = 5;

/// Neighbours kept of each picture: so many that in any half of the set the k-th is among them.
const KEPT: usize = 64;

/// The four numbers, each `(value, low, high)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prdc {
    /// Share of samples that look like data.
    pub precision: (f64, f64, f64),
    /// Share of data that the samples reach.
    pub recall: (f64, f64, f64),
    /// How many of the data's balls a sample lies in, over k.
    pub density: (f64, f64, f64),
    /// Share of the data's balls that hold a sample.
    pub coverage: (f64, f64, f64),
}

struct Lists {
    /// Nearest data of each datum, and samples within the farthest of them.
    data: Vec<Vec<Near>>,
    samples_near: Vec<Vec<Near>>,
    /// Nearest samples of each sample, and data within the farthest of them.
    samples: Vec<Vec<Near>>,
    data_near: Vec<Vec<Near>>,
}

impl Lists {
    fn of(data: &Rows, samples: &Rows) -> Self {
        let reach =
            |lists: &[Vec<Near>]| -> Vec<f64> { lists.iter().map(|l| l.last().map_or(0.0, |n| n.squared)).collect() };
        let own = nearest(data, data, KEPT, true);
        let theirs = nearest(samples, samples, KEPT, true);
        Self {
            samples_near: within(data, samples, &reach(&own)),
            data_near: within(samples, data, &reach(&theirs)),
            data: own,
            samples: theirs,
        }
    }

    /// Precision, recall, density, coverage of these halves.
    fn measure(&self, data_half: &Half, samples_half: &Half, k: usize) -> [f64; 4] {
        let datum = |i: usize| data_half[block(i)];
        let sample = |j: usize| samples_half[block(j)];
        // Squared radius: distance to the k-th neighbour that is in the half. Where a picture repeats more than k times
        // its ball is a point, and what lies on it is inside.
        let radius = |list: &[Near], taken: &dyn Fn(usize) -> bool| {
            let far = list.iter().filter(|n| taken(n.place as usize)).nth(k - 1).map_or(f64::INFINITY, |n| n.squared);
            far.max(f64::MIN_POSITIVE)
        };
        let mut balls = vec![0u32; self.samples.len()];
        let mut reached = vec![false; self.data.len()];
        let (mut covered, mut n, mut m) = (0usize, 0usize, 0usize);
        for i in (0..self.data.len()).filter(|&i| datum(i)) {
            n += 1;
            let r = radius(&self.data[i], &datum);
            let mut any = false;
            for near in self.samples_near[i].iter().filter(|near| near.squared < r && sample(near.place as usize)) {
                balls[near.place as usize] += 1;
                any = true;
            }
            covered += usize::from(any);
        }
        for j in (0..self.samples.len()).filter(|&j| sample(j)) {
            m += 1;
            let r = radius(&self.samples[j], &sample);
            for near in self.data_near[j].iter().filter(|near| near.squared < r && datum(near.place as usize)) {
                reached[near.place as usize] = true;
            }
        }
        let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
        [
            share(balls.iter().filter(|b| **b > 0).count(), m),
            share(reached.iter().filter(|r| **r).count(), n),
            balls.iter().map(|b| f64::from(*b)).sum::<f64>() / (k * m.max(1)) as f64,
            share(covered, n),
        ]
    }
}

/// All four for two sets in random order; nothing if a set has no more than k pictures.
pub fn prdc(data: &Rows, samples: &Rows, k: usize, seed: u64) -> Option<Prdc> {
    if data.len() <= k || samples.len() <= k {
        return None;
    }
    let lists = Lists::of(data, samples);
    let value = lists.measure(&WHOLE, &WHOLE, k);
    // A half must still have k neighbours.
    let enough = data.len().min(samples.len()) >= 4 * k.max(BLOCKS / 4);
    let replicates: Vec<[f64; 4]> =
        if enough { halves(seed).par_iter().map(|(l, r)| lists.measure(l, r, k)).collect() } else { Vec::new() };
    let with = |i: usize, most: f64| {
        let (low, high) = interval(value[i], &replicates.iter().map(|r| r[i]).collect::<Vec<_>>(), 0.0, most);
        (value[i], low, high)
    };
    Some(Prdc { precision: with(0, 1.0), recall: with(1, 1.0), density: with(2, f64::MAX), coverage: with(3, 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn a_set_in_which_pictures_repeat_is_all_of_itself() {
        let dim = 16;
        for (kinds, times) in [(40, 10), (20, 100), (3, 70)] {
            let values: Vec<f32> = Stream::new(1, "rows").normals(kinds * dim).iter().map(|v| v * 3.0 + 7.0).collect();
            let rows = Rows::from_values(dim, values.repeat(times));
            let found = prdc(&rows, &rows, K, 1).unwrap();
            for (what, got) in [("precision", found.precision), ("recall", found.recall), ("coverage", found.coverage)]
            {
                assert_eq!(got.0, 1.0, "{what} of {kinds} pictures, {times} times each");
            }
            assert!(found.density.0 >= 1.0);
            // What is somewhere else is still outside.
            let other = Rows::from_values(dim, values.iter().map(|v| v + 1.0).collect::<Vec<f32>>().repeat(times));
            let found = prdc(&rows, &other, K, 1).unwrap();
            assert_eq!((found.precision.0, found.recall.0, found.coverage.0), (0.0, 0.0, 0.0), "{kinds} {times}");
        }
    }
}
