//! Mutual information gap (Chen et al. 2018): for each factor, how much more the code that knows it best knows of it than
//! the second best, in shares of the factor's entropy. By plug-in over 20 bins of equal width a code, as in
//! `disentanglement_lib` (Locatello et al. 2019).

use super::{Coded, entropy};

/// Bins of a code.
const BINS: usize = 20;

/// How it is estimated.
pub const ESTIMATOR: &str = "plug-in mutual information, 20 bins of equal width a code";

/// The gap, meaned over factors, with its interval.
pub fn mig(coded: &Coded, seed: u64) -> (f64, f64, f64) {
    let [found] = coded.with_interval(seed, |c, _| [gap(c)]);
    found
}

fn gap(coded: &Coded) -> f64 {
    let informed = mutual_information(coded);
    let mut sum = 0.0;
    for (k, factor) in coded.factors.iter().enumerate() {
        let mut known: Vec<f64> = informed.iter().map(|row| row[k]).collect();
        known.sort_by(|a, b| b.total_cmp(a));
        let own = entropy(counts(factor, coded.classes[k]).into_iter());
        let second = known.get(1).copied().unwrap_or(0.0);
        if own > 0.0 {
            sum += (known[0] - second) / own;
        }
    }
    sum / coded.factors.len() as f64
}

/// Mutual information of each code (rows) with each factor (columns), in nats.
pub fn mutual_information(coded: &Coded) -> Vec<Vec<f64>> {
    (0..coded.codes.dim())
        .map(|j| {
            let bins = bins_of(&coded.codes.iter().map(|row| row[j]).collect::<Vec<_>>());
            let own = entropy(counts(&bins, BINS).into_iter());
            let with = |(factor, classes): (&Vec<u32>, &usize)| {
                let mut joint = vec![0.0; BINS * classes];
                bins.iter().zip(factor).for_each(|(b, f)| joint[*b as usize * classes + *f as usize] += 1.0);
                let factor = entropy(counts(factor, *classes).into_iter());
                (own + factor - entropy(joint.into_iter())).max(0.0)
            };
            coded.factors.iter().zip(&coded.classes).map(with).collect()
        })
        .collect()
}

fn bins_of(values: &[f32]) -> Vec<u32> {
    let (low, high) =
        values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(f64::from(*v)), h.max(f64::from(*v))));
    let width = (high - low) / BINS as f64;
    let bin = |v: &f32| ((f64::from(*v) - low) / width).max(0.0) as u32;
    values.iter().map(|v| if width > 0.0 { bin(v).min(BINS as u32 - 1) } else { 0 }).collect()
}

fn counts(classes: &[u32], n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n];
    classes.iter().for_each(|c| counts[*c as usize] += 1.0);
    counts
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty, mixed, perfect};
    use super::*;

    #[test]
    fn perfect_codes_score_one_and_noise_scores_nothing() {
        let (good, bad, middle) = (mig(&perfect(1500), 1), mig(&empty(1500), 1), mig(&mixed(1500), 1));
        assert!(good.0 > 0.95 && good.1 <= good.0 && good.0 <= good.2, "{good:?}");
        assert!(bad.0 < 0.03, "{bad:?}");
        assert!((0.0..0.4).contains(&middle.0), "{middle:?}");
    }

    #[test]
    fn a_factor_told_twice_has_no_gap() {
        let twice = super::super::testing::coded(800, 2, |f, _| vec![f[0], -f[0]]);
        assert!(gap(&twice) < 1e-9);
    }
}
