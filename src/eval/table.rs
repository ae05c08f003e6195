//! Every metric, and every number that they give.

use serde::Serialize;

use super::context::EvalContext;
use super::measure;
use super::score::Direction::{self, Higher, Lower, Neither};
use super::score::Score;
use crate::base::Result;

/// What a metric cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Pictures, not points in the plane.
    Pictures,
    /// Labels of the data.
    Labels,
    /// Factors of the data.
    Factors,
    /// A model with an encoder.
    Encoder,
    /// A model that makes pictures of a class.
    Classes,
}

impl Need {
    /// What is missing, for a person.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Pictures => "points are no pictures; `modes` counts them",
            Self::Labels => "the data have no labels",
            Self::Factors => "the data have no factors",
            Self::Encoder => "the model has no encoder",
            Self::Classes => "the model takes no class",
        }
    }
}

/// A row of [`METRICS`].
pub struct MetricSpec {
    /// What it is asked for by.
    pub id: &'static str,
    /// Its name for a person.
    pub title: &'static str,
    /// What it says.
    pub says: &'static str,
    /// What it cannot do without.
    pub needs: &'static [Need],
    /// The numbers it gives, rows of [`NAMES`].
    pub gives: &'static [&'static str],
    /// Samples, and pictures to hold them against, below which its numbers say more about how few they are than about the
    /// model; that is said beside them.
    pub least: u64,
    /// Whether that number is one more than features have, whichever they are, since a covariance is taken of them.
    pub by_covariance: bool,
    /// Computes it.
    pub(super) run: fn(&EvalContext<'_>) -> Result<Vec<Score>>,
}

/// A number by its name.
pub struct Name {
    /// Name.
    pub name: &'static str,
    /// Its name for a person.
    pub title: &'static str,
    /// What it says, and what its ends mean.
    pub says: &'static str,
    /// Which way is better.
    pub better: Direction,
}

/// Every metric.
pub static METRICS: &[MetricSpec] = &[
    MetricSpec {
        id: "kid",
        title: "Kernel distance",
        says: "How far samples are from the data, without bias from their number",
        needs: &[Need::Pictures],
        gives: &["kid"],
        least: 100,
        by_covariance: false,
        run: measure::kernel,
    },
    MetricSpec {
        id: "fid",
        title: "Fréchet distance",
        says: "How far samples are from the data, both taken as Gaussians; grows when pictures are few",
        needs: &[Need::Pictures],
        gives: &["fid"],
        least: super::features::DIM as u64 + 1,
        by_covariance: true,
        run: measure::frechet,
    },
    MetricSpec {
        id: "prdc",
        title: "Precision, recall, density, coverage",
        says: "Whether samples look like data, and whether all of the data are reached",
        needs: &[Need::Pictures],
        gives: &["precision", "recall", "density", "coverage"],
        least: 100,
        by_covariance: false,
        run: measure::shares,
    },
    MetricSpec {
        id: "swd",
        title: "Sliced Wasserstein distance",
        says: "How far patches of samples are from patches of the data; needs no network",
        needs: &[Need::Pictures],
        gives: &["swd"],
        least: 32,
        by_covariance: false,
        run: measure::patches,
    },
    MetricSpec {
        id: "modes",
        title: "Modes",
        says: "Which kinds of the data are made, how evenly, and how many samples are good",
        needs: &[Need::Labels],
        gives: &["modes", "mode-kl", "good"],
        least: 100,
        by_covariance: false,
        run: measure::kinds,
    },
    MetricSpec {
        id: "class-fid",
        title: "Fréchet distance by class",
        says: "How far samples of each class are from the data of that class",
        needs: &[Need::Pictures, Need::Labels, Need::Classes],
        gives: &["class-fid"],
        least: super::features::DIM as u64 + 1,
        by_covariance: true,
        run: measure::by_class,
    },
    MetricSpec {
        id: "elbo",
        title: "Evidence lower bound",
        says: "How likely the model finds pictures, at least, and its two parts",
        needs: &[Need::Encoder],
        gives: &["elbo", "log-likelihood", "kl"],
        least: 20,
        by_covariance: false,
        run: measure::bound,
    },
    MetricSpec {
        id: "iwae",
        title: "Importance-weighted bound",
        says: "How likely the model finds pictures, close to the truth with thousands of draws",
        needs: &[Need::Encoder],
        gives: &["bound", "bits-per-number"],
        least: 20,
        by_covariance: false,
        run: measure::weighted,
    },
    MetricSpec {
        id: "reconstruction",
        title: "Reconstruction",
        says: "How near pictures come back after they went through the model",
        needs: &[Need::Encoder],
        gives: &["psnr", "ssim", "perceptual"],
        least: 20,
        by_covariance: false,
        run: measure::rebuilt,
    },
    MetricSpec {
        id: "mig",
        title: "Mutual information gap",
        says: "Whether each factor is told by one code alone",
        needs: &[Need::Encoder, Need::Factors],
        gives: &["mig"],
        least: 100,
        by_covariance: false,
        run: measure::gap,
    },
    MetricSpec {
        id: "dci",
        title: "Disentanglement, completeness, informativeness",
        says: "Whether codes matter to one factor each, factors need one code each, and all can be told",
        needs: &[Need::Encoder, Need::Factors],
        gives: &["disentanglement", "completeness", "informativeness"],
        least: 100,
        by_covariance: false,
        run: measure::trees,
    },
    MetricSpec {
        id: "factor-vae",
        title: "FactorVAE score",
        says: "Whether the stillest code tells which factor is still",
        needs: &[Need::Encoder, Need::Factors],
        gives: &["factor-vae"],
        least: 100,
        by_covariance: false,
        run: measure::votes,
    },
    MetricSpec {
        id: "memory",
        title: "Memorisation",
        says: "Whether samples are nearer to training pictures than unseen pictures are; shows the worst pairs",
        needs: &[Need::Pictures],
        gives: &["memorisation"],
        least: 100,
        by_covariance: false,
        run: measure::copies,
    },
];

/// Every number.
pub static NAMES: &[Name] = &[
    Name { name: "kid", title: "KID", says: "0 is the data itself; may fall below by chance", better: Lower },
    Name { name: "fid", title: "FID", says: "0 is the data itself", better: Lower },
    Name { name: "precision", title: "Precision", says: "Share of samples that look like data", better: Higher },
    Name { name: "recall", title: "Recall", says: "Share of the data that samples reach", better: Higher },
    Name {
        name: "density",
        title: "Density",
        says: "How deep among the data samples lie; about 1 is right",
        better: Higher,
    },
    Name { name: "coverage", title: "Coverage", says: "Share of the data with a sample close by", better: Higher },
    Name { name: "swd", title: "SWD", says: "0 is the data itself", better: Lower },
    Name { name: "modes", title: "Modes", says: "Labels with at least one good sample", better: Higher },
    Name {
        name: "mode-kl",
        title: "KL of modes",
        says: "KL(model ‖ data) over labels, in nats; 0 is right",
        better: Lower,
    },
    Name { name: "good", title: "Good samples", says: "Samples as clear as 95 % of the data are", better: Higher },
    Name { name: "class-fid", title: "FID by class", says: "0 is the data itself", better: Lower },
    Name { name: "elbo", title: "ELBO", says: "Nats a picture", better: Higher },
    Name { name: "log-likelihood", title: "log p(x|z)", says: "Nats a picture, meaned over codes", better: Higher },
    Name { name: "kl", title: "KL", says: "Nats that codes carry a picture", better: Neither },
    Name { name: "bound", title: "Weighted bound", says: "Nats a picture", better: Higher },
    Name { name: "bits-per-number", title: "Bits per dimension", says: "Bits a channel of a pixel", better: Lower },
    Name { name: "psnr", title: "PSNR", says: "Decibels", better: Higher },
    Name { name: "ssim", title: "SSIM", says: "1 is equal", better: Higher },
    Name { name: "perceptual", title: "Perceptual distance", says: "0 is equal", better: Lower },
    Name { name: "mig", title: "MIG", says: "1 is one code a factor", better: Higher },
    Name { name: "disentanglement", title: "Disentanglement", says: "1 is one factor a code", better: Higher },
    Name { name: "completeness", title: "Completeness", says: "1 is one code a factor", better: Higher },
    Name { name: "informativeness", title: "Informativeness", says: "Share of factors told rightly", better: Higher },
    Name { name: "factor-vae", title: "FactorVAE score", says: "Share of groups told rightly", better: Higher },
    Name {
        name: "memorisation",
        title: "Memorisation",
        says: "0.5 is right, 1 is learned by heart, below is farther from the data than they are",
        better: Lower,
    },
];

/// The row of a metric.
pub fn find(id: &str) -> Option<&'static MetricSpec> {
    METRICS.iter().find(|m| m.id == id)
}

/// The row of a number; what follows a `/` names a class and does not count.
pub fn name(name: &str) -> Option<&'static Name> {
    let name = name.split('/').next().unwrap_or(name);
    NAMES.iter().find(|n| n.name == name)
}

/// Which way is better; neither for what is not in the table.
pub fn direction(of: &str) -> Direction {
    name(of).map_or(Direction::Neither, |n| n.better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_name_and_every_metric_says_something() {
        let mut given: Vec<&str> = METRICS.iter().flat_map(|m| m.gives.iter().copied()).collect();
        given.sort_unstable();
        let mut named: Vec<&str> = NAMES.iter().map(|n| n.name).collect();
        named.sort_unstable();
        assert_eq!(given, named);
        let mut ids: Vec<&str> = METRICS.iter().map(|m| m.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), METRICS.len());
        assert!(METRICS.iter().all(|m| m.says.len() > 10 && !m.says.ends_with('.')));
        assert_eq!(direction("recall/cats"), Higher);
    }
}
