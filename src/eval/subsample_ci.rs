//! Intervals by random halves: how much a number moves when half of the pictures are left out.
//!
//! A bootstrap with replacement makes copies, and copies ruin whatever counts nearest neighbours or ranks a covariance.
//! Halves without replacement (Politis & Romano 1994) make none, and the spread of a number over halves of a set is that
//! of the number itself over fresh sets of the whole size. Pictures are dealt into blocks first, so that sums over
//! blocks are all that has to be kept.

use crate::base::rng::Stream;

/// Blocks that pictures are dealt into.
pub const BLOCKS: usize = 32;
/// Halves that are looked at.
pub const REPLICATES: usize = 100;

/// A choice of blocks.
pub type Half = [bool; BLOCKS];

/// Every block.
pub const WHOLE: Half = [true; BLOCKS];

/// Block of the i-th of a set's pictures; sets are in random order.
pub fn block(i: usize) -> usize {
    i % BLOCKS
}

/// Pairs of halves of two independent sets, a function of the seed.
pub fn halves(seed: u64) -> Vec<(Half, Half)> {
    let mut stream = Stream::new(seed, "halves");
    let mut half = || {
        let mut places: [usize; BLOCKS] = std::array::from_fn(|i| i);
        stream.shuffle(&mut places);
        let mut half = [false; BLOCKS];
        places[..BLOCKS / 2].iter().for_each(|&p| half[p] = true);
        half
    };
    (0..REPLICATES).map(|_| (half(), half())).collect()
}

/// Bounds that hold the number with 95 % probability, from its values over halves.
///
/// Over halves a number is off by more than over the whole (a Fréchet distance grows when pictures are few), so only
/// the deviations from their own mean are taken.
pub fn interval(value: f64, replicates: &[f64], least: f64, most: f64) -> (f64, f64) {
    let mut sorted: Vec<f64> = replicates.iter().copied().filter(|v| v.is_finite()).collect();
    if sorted.len() < 2 {
        return (value, value);
    }
    let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (below, part) = (place.floor() as usize, place.fract());
        sorted[below] + part * (sorted[(below + 1).min(sorted.len() - 1)] - sorted[below])
    };
    let (low, high) = (value + at(0.025) - mean, value + at(0.975) - mean);
    (low.clamp(least, most).min(value), high.clamp(least, most).max(value))
}

/// Standard error of a number, from its values over halves.
pub fn standard_error(replicates: &[f64]) -> f64 {
    let n = replicates.len() as f64;
    let mean = replicates.iter().sum::<f64>() / n;
    (replicates.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt()
}

/// The 95 % interval of a share (Wilson 1927): right also for few and for none.
pub fn wilson(found: usize, of: usize) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (z, n) = (1.959_964, of as f64);
    let p = found as f64 / n;
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let reach = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((centre - reach).max(0.0), (centre + reach).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_wilsons() {
        // Newcombe 1998, table I: 81 of 263 and 0 of 20.
        let (low, high) = wilson(81, 263);
        assert!((low - 0.2553).abs() < 1e-4 && (high - 0.3662).abs() < 1e-4, "{low} {high}");
        let (low, high) = wilson(0, 20);
        assert!(low.abs() < 1e-12 && (high - 0.1611).abs() < 1e-4, "{high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    /// The interval of a mean is as wide as theory says, and holds the truth about 95 times in 100.
    #[test]
    fn the_interval_of_a_mean_is_that_of_theory() {
        let (n, tries) = (320, 120);
        let (mut held, mut width) = (0, 0.0);
        for seed in 0..tries {
            let xs = Stream::new(seed, "values").normals(n);
            let mean_of = |half: &Half| {
                let chosen = xs.iter().enumerate().filter(|(i, _)| half[block(*i)]);
                let (sum, count) = chosen.fold((0.0, 0.0), |(s, c), (_, x)| (s + f64::from(*x), c + 1.0));
                sum / count
            };
            let replicates: Vec<f64> = halves(seed).iter().map(|(h, _)| mean_of(h)).collect();
            let (low, high) = interval(mean_of(&WHOLE), &replicates, f64::MIN, f64::MAX);
            held += u32::from(low <= 0.0 && 0.0 <= high);
            width += (high - low) / f64::from(tries as u32);
        }
        let expected = 2.0 * 1.96 / (n as f64).sqrt();
        assert!((width / expected - 1.0).abs() < 0.1, "{width} {expected}");
        assert!((104..=120).contains(&held), "{held}");
    }

    #[test]
    fn halves_are_halves_and_intervals_stay_within_bounds() {
        for (a, b) in halves(3) {
            assert_eq!(a.iter().filter(|x| **x).count(), BLOCKS / 2);
            assert_eq!(b.iter().filter(|x| **x).count(), BLOCKS / 2);
        }
        assert_eq!(interval(0.99, &[0.9, 1.1], 0.0, 1.0).1, 1.0);
        assert_eq!(interval(0.5, &[f64::NAN], 0.0, 1.0), (0.5, 0.5));
    }
}
