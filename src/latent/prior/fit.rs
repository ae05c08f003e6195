//! Fitting a prior to the codes of pictures.

use serde::{Deserialize, Serialize};

use super::em;
use super::second;
use super::{Prior, Spread};
use crate::base::{Problem, Progress, Result};
use crate::models::info::PriorInfo;

/// What kind of prior is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A mixture of Gaussians; the number of components and the kind of covariance by the data.
    #[default]
    Gmm,
    /// A second VAE on the codes.
    TwoStage,
}

impl Kind {
    /// `gmm` or `two-stage`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Gmm => "gmm",
            Self::TwoStage => "two-stage",
        }
    }

    /// The kind of this id.
    ///
    /// # Errors
    /// There is none.
    pub fn from_id(id: &str) -> Result<Self> {
        match id {
            "gmm" => Ok(Self::Gmm),
            "two-stage" => Ok(Self::TwoStage),
            _ => Err(Problem::usage("There is no prior of this kind").of(id).try_this("Choose gmm or two-stage")),
        }
    }
}

/// Codes of pictures: one draw from the posterior of each.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    /// The codes.
    pub values: Vec<Vec<f64>>,
    /// Where the pictures came from.
    pub source: String,
}

/// Fitted with fewer codes, a prior would learn them by heart.
const LEAST: usize = 50;

/// A prior for these codes, and what lists say of it.
///
/// # Errors
/// There are too few codes, or it was cancelled.
pub fn fit(codes: &Codes, kind: Kind, seed: u64, progress: &dyn Progress) -> Result<(Prior, PriorInfo)> {
    let n = codes.values.len();
    if n < LEAST {
        return Err(Problem::data("There are too few pictures to fit a prior to")
            .of(codes.source.clone())
            .because(format!("{n} pictures, at least {LEAST} are needed"))
            .try_this("Give the pictures that the model was trained on"));
    }
    let (prior, components, covariance, log_likelihood) = match kind {
        Kind::Gmm => {
            let best = em::best(&codes.values, seed, progress)?;
            let full = matches!(best.mixture.components.first().map(|c| &c.spread), Some(Spread::Full(_)));
            let count = best.mixture.components.len() as u32;
            (Prior::Mixture(best.mixture), count, if full { "full" } else { "diagonal" }, best.log_likelihood)
        }
        Kind::TwoStage => {
            let (map, bound) = second::train(&codes.values, seed, progress)?;
            (Prior::TwoStage(map), 0, "", bound)
        }
    };
    let info = PriorInfo {
        kind: kind.id().into(),
        components,
        covariance: covariance.into(),
        codes: n as u64,
        data: codes.source.clone(),
        log_likelihood: Some(log_likelihood),
        standard: Some(standard_log_density(&codes.values)),
        hash: prior.hash(),
        on: true,
    };
    Ok((prior, info))
}

/// Mean log density of codes under the standard normal, in nats.
fn standard_log_density(codes: &[Vec<f64>]) -> f64 {
    let total: f64 = codes.iter().flatten().map(|v| super::normal::log_density(*v)).sum();
    total / codes.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::base::rng::Stream;

    #[test]
    fn a_prior_explains_its_codes_better_than_the_standard_normal() {
        let mut stream = Stream::new(8, "codes");
        let values: Vec<Vec<f64>> = (0..400)
            .map(|i| {
                let side = if i % 2 == 0 { 1.5 } else { -1.5 };
                vec![side + 0.3 * f64::from(stream.normal()), f64::from(stream.normal())]
            })
            .collect();
        let codes = Codes { values, source: "here".into() };
        let (prior, info) = fit(&codes, Kind::Gmm, 1, &Quiet::default()).unwrap();
        assert!(info.components == 2 && info.log_likelihood > info.standard.map(|s| s + 0.3), "{info:?}");
        assert_eq!(info.hash, prior.hash());
        let few = Codes { values: codes.values[..20].to_vec(), source: "here".into() };
        assert!(fit(&few, Kind::Gmm, 1, &Quiet::default()).unwrap_err().detail.unwrap().contains("20 pictures"));
        assert!(Kind::from_id("gmm").is_ok() && Kind::from_id("flow").is_err());
    }
}
