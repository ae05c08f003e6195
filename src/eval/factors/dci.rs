//! Disentanglement, completeness, informativeness (Eastwood & Williams 2018), with gradient-boosted trees that predict
//! each factor from the codes.
//!
//! Disentanglement: whether a code matters to one factor only. Completeness: whether a factor needs one code only.
//! Informativeness: the share of factors told rightly on pictures that the trees did not learn from.

use super::Coded;
use super::boost::{binned, boost};

/// How they are estimated.
pub const ESTIMATOR: &str =
    "40 boosted trees of depth 3, rate 0.15, squared loss; two thirds of the pictures learned from";

/// The three scores, each with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dci {
    /// Whether a code matters to one factor only.
    pub disentanglement: (f64, f64, f64),
    /// Whether a factor needs one code only.
    pub completeness: (f64, f64, f64),
    /// Whether the factors can be told from the codes.
    pub informativeness: (f64, f64, f64),
}

/// Measures all three.
pub fn dci(coded: &Coded, seed: u64) -> Dci {
    let [disentanglement, completeness, informativeness] = coded.with_interval(seed, |c, _| once(c));
    Dci { disentanglement, completeness, informativeness }
}

fn once(coded: &Coded) -> [f64; 3] {
    let bins = binned(&coded.codes);
    let dim = coded.codes.dim();
    let (learn, ask): (Vec<u32>, Vec<u32>) = (0..coded.len() as u32).partition(|i| i % 3 > 0);
    let found: Vec<_> = coded
        .factors
        .iter()
        .zip(&coded.classes)
        .map(|(factor, &classes)| boost(&bins, dim, factor, classes, &learn, &ask))
        .collect();
    // Rows are codes, columns factors.
    let importance: Vec<Vec<f64>> = (0..dim).map(|j| found.iter().map(|f| f.importance[j]).collect()).collect();
    let informed = found.iter().map(|f| f.accuracy).sum::<f64>() / found.len() as f64;
    [disentanglement(&importance), completeness(&importance), informed]
}

/// One minus the entropy of each code's importances over factors (in units of a uniform one), weighed by what the code
/// matters. Rows are codes.
pub fn disentanglement(importance: &[Vec<f64>]) -> f64 {
    weighed(importance)
}

/// The same of each factor over codes.
pub fn completeness(importance: &[Vec<f64>]) -> f64 {
    let factors = importance.first().map_or(0, Vec::len);
    let turned: Vec<Vec<f64>> = (0..factors).map(|k| importance.iter().map(|row| row[k]).collect()).collect();
    weighed(&turned)
}

fn weighed(rows: &[Vec<f64>]) -> f64 {
    let total: f64 = rows.iter().flatten().sum();
    let columns = rows.first().map_or(0, Vec::len) as f64;
    if total <= 0.0 || columns < 2.0 {
        return 0.0;
    }
    rows.iter()
        .map(|row| {
            let own: f64 = row.iter().sum();
            // A code that matters nowhere has no weight either.
            if own <= 0.0 { 0.0 } else { own / total * (1.0 - super::entropy(row.iter().copied()) / columns.ln()) }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty, mixed, perfect};
    use super::*;

    #[test]
    fn perfect_codes_score_one_mixtures_less_and_noise_tells_nothing() {
        let (good, bad, middle) = (dci(&perfect(700), 1), dci(&empty(700), 1), dci(&mixed(700), 1));
        for v in [good.disentanglement, good.completeness, good.informativeness] {
            assert!(v.0 > 0.95 && v.1 <= v.0 && v.0 <= v.2, "{good:?}");
        }
        // Chance is a third, a quarter and a fifth.
        assert!(bad.disentanglement.0 < 0.2 && bad.informativeness.0 < 0.4, "{bad:?}");
        assert!(middle.disentanglement.0 < 0.7 && middle.informativeness.0 > 0.6, "{middle:?}");
    }
}
