//! Modes: which kinds of the data a model makes, how often, and how many of its samples are good.

use super::subsample_ci::{Half, WHOLE, block, halves, interval};

/// What became of the modes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modes {
    /// Modes with at least one good sample.
    pub recovered: (f64, f64, f64),
    /// Kullback-Leibler divergence of the model's frequencies from the data's, in nats: KL(model ‖ data).
    pub kl: (f64, f64, f64),
    /// Share of good samples.
    pub good: (f64, f64, f64),
}

/// Counts modes: the mode of each sample and whether it is good, and how frequent each mode is in the data. Samples are
/// in random order. All samples count for the frequencies, good ones only for what is recovered.
pub fn modes(of: &[u32], good: &[bool], data: &[f64], seed: u64) -> Modes {
    let total: f64 = data.iter().sum();
    let measure = |half: &Half| {
        let (mut counts, mut seen, mut right) = (vec![0.0; data.len()], vec![false; data.len()], 0.0);
        for (i, (mode, good)) in of.iter().zip(good).enumerate().filter(|(i, _)| half[block(*i)]) {
            debug_assert!(i < of.len());
            counts[*mode as usize] += 1.0;
            seen[*mode as usize] |= good;
            right += f64::from(u8::from(*good));
        }
        let n: f64 = counts.iter().sum::<f64>().max(1.0);
        let kl: f64 = counts
            .iter()
            .zip(data)
            .filter(|(c, d)| **c > 0.0 && **d > 0.0)
            .map(|(c, d)| c / n * (c / n * total / d).ln())
            .sum();
        [seen.iter().filter(|s| **s).count() as f64, kl, right / n]
    };
    let whole = measure(&WHOLE);
    let parts: Vec<[f64; 3]> = halves(seed).iter().map(|(half, _)| measure(half)).collect();
    let with = |k: usize, most: f64| {
        let (low, high) = interval(whole[k], &parts.iter().map(|p| p[k]).collect::<Vec<_>>(), 0.0, most);
        (whole[k], low, high)
    };
    Modes { recovered: with(0, data.len() as f64), kl: with(1, f64::MAX), good: with(2, 1.0) }
}

/// Counts the modes of a mixture of equal Gaussians in the plane exactly: a point belongs to the nearest centre and is
/// good within three standard deviations of it.
pub fn points(samples: &[[f32; 2]], centres: &[[f32; 2]], deviation: f32, seed: u64) -> Modes {
    let (mut of, mut good) = (Vec::with_capacity(samples.len()), Vec::with_capacity(samples.len()));
    for [x, y] in samples {
        let squared = |c: &[f32; 2]| (x - c[0]).powi(2) + (y - c[1]).powi(2);
        let (nearest, distance) =
            centres.iter().map(squared).enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f32::INFINITY));
        of.push(nearest as u32);
        good.push(distance.is_finite() && distance <= (3.0 * deviation).powi(2));
    }
    modes(&of, &good, &vec![1.0; centres.len()], seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn ring() -> Vec<[f32; 2]> {
        (0..8).map(|i| (i as f32 * std::f32::consts::TAU / 8.0).sin_cos()).map(|(s, c)| [2.0 * c, 2.0 * s]).collect()
    }

    #[test]
    fn a_faithful_model_of_points_recovers_all_and_a_collapsed_one_is_seen() {
        let mut s = Stream::new(1, "points");
        let mut draw = |modes: u64, deviation: f32| -> Vec<[f32; 2]> {
            let centres = ring();
            (0..2000)
                .map(|_| {
                    let c = centres[s.below(modes) as usize];
                    [c[0] + deviation * s.normal(), c[1] + deviation * s.normal()]
                })
                .collect()
        };
        let good = points(&draw(8, 0.02), &ring(), 0.02, 1);
        assert_eq!(good.recovered.0, 8.0);
        // Within three deviations in the plane: 1 − e^(−9/2).
        assert!((good.good.0 - 0.98889).abs() < 0.01 && good.kl.0 < 0.01, "{good:?}");
        let collapsed = points(&draw(2, 0.02), &ring(), 0.02, 1);
        assert_eq!(collapsed.recovered, (2.0, 2.0, 2.0));
        // Two of eight modes, half each: ln 4.
        assert!((collapsed.kl.0 - 4f64.ln()).abs() < 0.01, "{collapsed:?}");
        let wide = points(&draw(8, 0.2), &ring(), 0.02, 1);
        assert!(wide.good.0 < 0.1 && wide.good.1 <= wide.good.0, "{wide:?}");
        let nan = points(&[[f32::NAN, 0.0]], &ring(), 0.02, 1);
        assert_eq!((nan.recovered.0, nan.good.0), (0.0, 0.0));
    }

    #[test]
    fn frequencies_are_held_against_the_datas_own() {
        let of: Vec<u32> = (0..900).map(|i| u32::from(i % 3 == 0)).collect();
        let good = vec![true; 900];
        assert!(modes(&of, &good, &[2.0, 1.0], 1).kl.0.abs() < 1e-12);
        let even = modes(&of, &good, &[1.0, 1.0], 1).kl;
        let expected = 2.0 / 3.0 * (4f64 / 3.0).ln() + 1.0 / 3.0 * (2f64 / 3.0).ln();
        assert!((even.0 - expected).abs() < 1e-12 && even.1 < even.0 && even.0 < even.2);
    }
}
