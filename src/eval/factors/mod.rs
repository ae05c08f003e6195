//! How well single code dimensions stand for single factors of the data.
//!
//! Three scores that ask it differently: [`mig`] by mutual information, [`dci`] by what trees need to predict a factor,
//! [`factor_vae`] by which dimension is still where a factor is. Estimators change these numbers a lot, so each is fixed
//! here and stated beside its number: codes are posterior means; factors are classes.

mod boost;
pub mod dci;
pub mod factor_vae;
pub mod mig;

use rayon::prelude::*;

use super::feature_matrix::Rows;
use super::subsample_ci::standard_error;
use crate::base::rng::Stream;

/// Factors with more distinct values are put into bins.
const DISTINCT: usize = 20;
/// Bins of such a factor, with as many pictures in each.
const BINS: usize = 10;
/// Random halves that costly scores are measured on for their interval.
const HALVES: u64 = 12;

/// How factors become classes, for the estimator's description.
pub const FACTORS: &str = "posterior means; factors of more than 20 values in 10 bins of as many pictures";

/// Codes of pictures, with their factors as classes.
#[derive(Clone, Debug)]
pub struct Coded {
    /// One row a picture.
    pub codes: Rows,
    /// For each factor the class of each picture.
    pub factors: Vec<Vec<u32>>,
    /// How many classes each factor has.
    pub classes: Vec<usize>,
}

impl Coded {
    /// From codes and factors (one row a picture). Pictures with an unknown factor are left out, and so are factors that
    /// are the same everywhere. Nothing if no picture or factor is left.
    pub fn new(codes: &Rows, factors: &[Vec<f32>]) -> Option<Self> {
        let known: Vec<usize> = (0..codes.len().min(factors.len()))
            .filter(|&i| factors[i].iter().all(|v| v.is_finite()) && codes.row(i).iter().all(|v| v.is_finite()))
            .collect();
        let count = factors.first().map_or(0, Vec::len);
        let column = |k: usize| {
            let classes = classes_of(&known.iter().map(|&i| factors[i][k]).collect::<Vec<_>>());
            let n = classes.iter().max().map_or(0, |m| *m as usize + 1);
            (classes, n)
        };
        let (factors, classes): (Vec<_>, Vec<_>) = (0..count).map(column).filter(|(_, n)| *n >= 2).unzip();
        let found = Self { codes: codes.select(&known), factors, classes };
        (!known.is_empty() && !found.factors.is_empty()).then_some(found)
    }

    /// Pictures.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there is none; never, once made.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// These pictures only.
    fn select(&self, places: &[usize]) -> Self {
        Self {
            codes: self.codes.select(places),
            factors: self.factors.iter().map(|f| places.iter().map(|&i| f[i]).collect()).collect(),
            classes: self.classes.clone(),
        }
    }

    /// A number of all pictures, with ± 1.96 standard errors from random halves; each bounded by 0 and 1.
    fn with_interval<const N: usize>(
        &self,
        seed: u64,
        of: impl Fn(&Self, u64) -> [f64; N] + Sync,
    ) -> [(f64, f64, f64); N] {
        let whole = of(self, seed);
        let parts: Vec<[f64; N]> = (0..HALVES)
            .into_par_iter()
            .map(|i| {
                let mut places: Vec<usize> = (0..self.len()).collect();
                Stream::new(seed, &format!("half {i}")).shuffle(&mut places);
                places.truncate(self.len() / 2);
                of(&self.select(&places), seed.wrapping_add(i + 1))
            })
            .collect();
        std::array::from_fn(|k| {
            let reach = 1.96 * standard_error(&parts.iter().map(|p| p[k]).collect::<Vec<_>>());
            (
                whole[k],
                (whole[k] - reach).clamp(0.0, whole[k]),
                (whole[k] + reach).clamp(whole[k], 1.0_f64.max(whole[k])),
            )
        })
    }
}

/// Distinct values as classes, or bins with as many pictures each.
fn classes_of(values: &[f32]) -> Vec<u32> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    let edges = if distinct.len() <= DISTINCT {
        distinct
    } else {
        (0..BINS).map(|i| sorted[i * sorted.len() / BINS]).collect()
    };
    values.iter().map(|v| edges.partition_point(|e| e <= v).saturating_sub(1) as u32).collect()
}

/// Entropy of counts, in nats.
fn entropy(counts: impl Iterator<Item = f64> + Clone) -> f64 {
    let total: f64 = counts.clone().sum();
    -counts.filter(|c| *c > 0.0).map(|c| c / total * (c / total).ln()).sum::<f64>()
}

#[cfg(test)]
pub(crate) mod testing {
    //! Codes that know their factors, and codes that know nothing.

    use super::*;

    /// Factors of 3, 4 and 5 values; codes made of them by a closure that is given the factors and noise.
    pub fn coded(n: usize, dim: usize, make: impl Fn(&[f32], &mut Stream) -> Vec<f32>) -> Coded {
        let mut s = Stream::new(5, "coded");
        let mut codes = Rows::new(dim);
        let mut factors = Vec::new();
        for _ in 0..n {
            let f: Vec<f32> = [3u64, 4, 5].iter().map(|c| s.below(*c) as f32).collect();
            codes.extend(&make(&f, &mut s));
            factors.push(f);
        }
        Coded::new(&codes, &factors).unwrap()
    }

    /// One code a factor, with a little noise, and one that is empty.
    pub fn perfect(n: usize) -> Coded {
        coded(n, 4, |f, s| vec![f[1] - 1.5 + 0.02 * s.normal(), 0.1 * s.normal(), f[2] - 2.0, 1.0 - f[0]])
    }

    /// Noise.
    pub fn empty(n: usize) -> Coded {
        coded(n, 4, |_, s| s.normals(4))
    }

    /// Every code a mixture of all factors.
    pub fn mixed(n: usize) -> Coded {
        coded(n, 3, |f, s| {
            let (a, b, c) = (f[0] - 1.0, f[1] / 1.5 - 1.0, f[2] / 2.0 - 1.0);
            vec![a + b + c + 0.05 * s.normal(), a - b + 0.5 * c, b - c + 0.7 * a]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_constant_factors_are_left_out() {
        let codes = Rows::from_values(1, vec![0.0, 1.0, 2.0, 3.0]);
        let factors = vec![vec![7.0, 1.0], vec![7.0, 2.0], vec![7.0, f32::NAN], vec![7.0, 1.0]];
        let coded = Coded::new(&codes, &factors).unwrap();
        assert_eq!((coded.len(), coded.factors.clone(), coded.classes.clone()), (3, vec![vec![0, 1, 0]], vec![2]));
        assert!(Coded::new(&codes, &[vec![], vec![], vec![], vec![]]).is_none());
    }

    #[test]
    fn many_values_become_bins_of_as_many_pictures() {
        let classes = classes_of(&(0..200).map(|i| (i as f32).powi(3)).collect::<Vec<_>>());
        for class in 0..10 {
            assert_eq!(classes.iter().filter(|c| **c == class).count(), 20);
        }
        assert_eq!(classes_of(&[5.0, -1.0, 5.0, 2.0]), [2, 0, 2, 1]);
    }
}
