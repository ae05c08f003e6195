//! The numbers a run tells, with titles and the chart they belong to.

use std::borrow::Cow;

/// A group of numbers that share a chart.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, strum::EnumIter,
)]
pub enum Chart {
    /// What is made small.
    Losses,
    /// What the critic says of real, generated and held-out pictures.
    Critic,
    /// How often the critic tells a pair apart.
    SignRate,
    /// Gradient penalty.
    Penalty,
    /// Reconstruction error.
    Reconstruction,
    /// KL divergence.
    Kl,
    /// Latent dimensions in use.
    ActiveUnits,
    /// Bound on the likelihood, on training and held-out pictures.
    Elbo,
    /// How far samples are from the data.
    Distance,
    /// Shares of samples and data that look like each other.
    Shares,
    /// What samples look like beside the data.
    Looks,
    /// Norms of gradients.
    Gradients,
    /// Norms of weights.
    Weights,
    /// Step size of the optimiser.
    LearningRate,
    /// Pictures a second.
    Speed,
    /// Everything else.
    Other,
}

impl Chart {
    /// Title of the chart.
    pub fn title(self) -> &'static str {
        match self {
            Self::Losses => "Losses",
            Self::Critic => "Critic's verdict",
            Self::SignRate => "Sign rate",
            Self::Penalty => "Penalty",
            Self::Reconstruction => "Reconstruction",
            Self::Kl => "KL divergence",
            Self::ActiveUnits => "Active units",
            Self::Elbo => "ELBO",
            Self::Distance => "Distance from the data",
            Self::Shares => "Precision and coverage",
            Self::Looks => "Samples beside the data",
            Self::Gradients => "Gradient norms",
            Self::Weights => "Weight norms",
            Self::LearningRate => "Learning rate",
            Self::Speed => "Speed",
            Self::Other => "Other numbers",
        }
    }

    /// What it tells, for the tooltip.
    pub fn help(self) -> &'static str {
        match self {
            Self::Losses => "What training makes small; of a GAN's two neither should run away",
            Self::Critic => {
                "What the critic says of real, generated and held-out pictures; held-out falling towards generated means \
                 it learns by heart"
            }
            Self::SignRate => "How often the critic tells real from generated; near 1 it wins too easily",
            Self::Penalty => "How steep the critic is around pictures; higher γ presses it down",
            Self::Reconstruction => "How far reconstructions are from their pictures, in nats",
            Self::Kl => "What the latents say about a picture, in nats",
            Self::ActiveUnits => "Latent dimensions that say anything",
            Self::Elbo => "Bound on the likelihood; on held-out pictures it falls once it learns by heart",
            Self::Distance => {
                "How far samples are from the data, with its interval; checkpoints of GANs are chosen by it"
            }
            Self::Shares => "Whether samples look like data, and whether all of the data are reached, with intervals",
            Self::Looks => {
                "How different and how detailed samples are, by what your pictures are: 1 is as much, 0 is nothing"
            }
            Self::Gradients => "Size of the steps before Adam; spikes mean trouble",
            Self::Weights => "Size of the weights",
            Self::LearningRate => "How far each step goes, as schedule, edits and recoveries have it",
            Self::Speed => "Pictures a second",
            Self::Other => "Whatever else the run tells",
        }
    }
}

/// Known numbers: name, title, chart.
const KNOWN: &[(&str, &str, Chart)] = &[
    ("critic", "Critic", Chart::Losses),
    ("generator", "Generator", Chart::Losses),
    ("loss", "Loss", Chart::Losses),
    ("d_real", "Real", Chart::Critic),
    ("d_fake", "Generated", Chart::Critic),
    ("d_heldout", "Held out", Chart::Critic),
    ("sign_rate", "Sign rate", Chart::SignRate),
    ("penalty", "Penalty", Chart::Penalty),
    ("reconstruction", "Reconstruction", Chart::Reconstruction),
    ("sigma", "Learned σ", Chart::Other),
    ("kl", "KL", Chart::Kl),
    ("active_units", "Active units", Chart::ActiveUnits),
    ("elbo", "Training", Chart::Elbo),
    ("elbo_heldout", "Held out", Chart::Elbo),
    ("kid", "KID", Chart::Distance),
    ("modes", "Modes", Chart::Other),
    ("good", "Good samples", Chart::Other),
    ("precision", "Precision", Chart::Shares),
    ("recall", "Recall", Chart::Shares),
    ("density", "Density", Chart::Shares),
    ("coverage", "Coverage", Chart::Shares),
    ("sample_variety", "Variety", Chart::Looks),
    ("sample_detail", "Detail", Chart::Looks),
    ("sample_change", "Change since the last preview", Chart::Looks),
    ("reconstruction_variety", "Variety of reconstructions", Chart::Looks),
    ("reconstruction_detail", "Detail of reconstructions", Chart::Looks),
    ("sample_lattice", "Lattice in samples", Chart::Other),
    ("data_lattice", "Lattice in the data", Chart::Other),
    ("sample_clipped", "Clipped colours of samples", Chart::Other),
    ("data_clipped", "Clipped colours of the data", Chart::Other),
    ("lr", "Learning rate", Chart::LearningRate),
    ("images_per_s", "Pictures a second", Chart::Speed),
    ("grad_generator", "Generator", Chart::Gradients),
    ("grad_critic", "Critic", Chart::Gradients),
    ("grad", "All weights", Chart::Gradients),
    ("weight_generator", "Generator", Chart::Weights),
    ("weight_critic", "Critic", Chart::Weights),
    ("weight", "All weights", Chart::Weights),
];

/// Title and chart of a number; names may be spelled with dots and a leading group (`loss.critic`, `d.held_out`).
pub fn of(name: &str) -> (Cow<'_, str>, Chart) {
    let plain = name.replace('.', "_").replace("held_out", "heldout").replace("validation", "heldout");
    let plain = plain.strip_prefix("loss_").unwrap_or(&plain);
    let plain = if plain == "valid_elbo" { "elbo_heldout" } else { plain };
    match KNOWN.iter().find(|k| k.0 == plain) {
        Some((_, title, chart)) => (Cow::Borrowed(*title), *chart),
        None => {
            let chart = if plain.starts_with("grad") {
                Chart::Gradients
            } else if plain.starts_with("weight") {
                Chart::Weights
            } else {
                Chart::Other
            };
            (Cow::Owned(plain.replace('_', " ")), chart)
        }
    }
}

/// Whether a number is a bound of another's interval.
pub fn is_bound(name: &str) -> bool {
    name.ends_with(".low") || name.ends_with(".high")
}

/// Place in the table, so that legends keep their order and colours.
pub fn rank(name: &str) -> usize {
    let title = of(name);
    KNOWN.iter().position(|k| k.1 == title.0 && k.2 == title.1).unwrap_or(KNOWN.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_and_every_chart_is_explained() {
        use crate::ui::glossary;
        use strum::IntoEnumIterator as _;
        for title in KNOWN.iter().map(|k| k.1).chain(Chart::iter().filter(|c| *c != Chart::Other).map(Chart::title)) {
            assert!(glossary::find(title).is_some(), "{title} is not explained");
        }
    }

    #[test]
    fn both_spellings_are_known() {
        assert_eq!(of("critic"), of("loss.critic"));
        assert_eq!(of("d_heldout"), of("d.held_out"));
        assert_eq!(of("elbo.held_out").1, Chart::Elbo);
        assert_eq!(of("valid_elbo"), ("Held out".into(), Chart::Elbo));
        assert_eq!(of("my_number"), ("my number".into(), Chart::Other));
        assert!(rank("critic") < rank("generator") && rank("generator") < rank("nothing"));
    }
}
