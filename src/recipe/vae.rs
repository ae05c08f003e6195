//! What a VAE is trained for, beside likelihood, β and free bits.

use serde::{Deserialize, Serialize};

use super::architecture::{self, Architecture};
use super::compatibility::Clash;
use super::{Likelihood, ModelRecipe, Recipe, Schedule};

/// Which bound of the likelihood is made large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The evidence lower bound (Kingma & Welling 2014).
    Elbo,
    /// The importance-weighted bound of several samples (Burda 2016).
    Iwae,
    /// The same bound with the doubly reparameterised gradient for the encoder (Tucker 2019).
    Dreg,
}

/// How the KL divergence is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "kebab-case")]
pub enum Charge {
    /// β times the divergence (Higgins 2017).
    Beta,
    /// Its distance from a capacity that grows (Burgess 2018).
    Capacity,
    /// β times the total correlation alone, the rest once (Chen 2018).
    TotalCorrelation,
}

/// How the density of all codes together is estimated from a batch (Chen 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Estimator {
    /// Minibatch-weighted sampling.
    Weighted,
    /// Minibatch-stratified sampling.
    Stratified,
}

/// Which network looks at pictures where their likeness counts, or where they are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum FeatureSpace {
    /// `studio-features`: drawings and photographs alike.
    #[default]
    Studio,
    /// `photo-features`: photographs.
    Photo,
}

/// What a VAE is trained for, beside likelihood, β and free bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaeRecipe {
    /// Which bound is made large.
    pub bound: Bound,
    /// Latents drawn of each picture, for the importance-weighted bounds.
    pub samples: u32,
    /// How the KL divergence is charged.
    pub charge: Charge,
    /// Capacity C in nats, for the charge `capacity`.
    pub capacity: Schedule,
    /// Weight γ of the distance from the capacity.
    pub capacity_weight: f64,
    /// Estimator of the total correlation.
    pub estimator: Estimator,
    /// Whether grey pixels are drawn as black or white anew each time a picture is seen.
    pub binarise: bool,
    /// Pseudo-inputs of a learned prior (VampPrior, Tomczak & Welling 2018); 0 for the standard normal.
    pub pseudo_inputs: u32,
    /// Weight of the reconstruction of pixels.
    pub pixels: f64,
    /// Weight of the reconstruction of what a feature network sees; 0 for none.
    pub perceptual: f64,
    /// Which feature network that is.
    pub perceptual_features: FeatureSpace,
    /// Weight of the reconstruction of a critic's features (VAE-GAN); 0 for none.
    pub features: f64,
    /// Weight of a critic's judgement of reconstructions and samples (VAE-GAN); 0 for none.
    pub adversarial: f64,
    /// Loss of the critic at which it and the decoder are equally strong.
    pub equilibrium: f64,
    /// Beyond this distance from it only the weaker one learns; 0 lets both learn always.
    pub margin: f64,
}

impl VaeRecipe {
    /// Whether a critic is trained along.
    pub fn has_critic(&self) -> bool {
        self.features > 0.0 || self.adversarial > 0.0
    }
}

impl Default for VaeRecipe {
    fn default() -> Self {
        Self {
            bound: Bound::Elbo,
            samples: 8,
            charge: Charge::Beta,
            capacity: Schedule::linear(0.0, 25.0, 100.0),
            capacity_weight: 100.0,
            estimator: Estimator::Stratified,
            binarise: false,
            pseudo_inputs: 0,
            pixels: 1.0,
            perceptual: 0.0,
            perceptual_features: FeatureSpace::Studio,
            features: 0.0,
            adversarial: 0.0,
            equilibrium: 0.68,
            margin: 0.4,
        }
    }
}

impl ModelRecipe {
    /// Numbers in the latent of each level, the coarsest first: one level, or for a hierarchical model about
    /// the same for each.
    pub fn layout(&self) -> Vec<u32> {
        if architecture::find(&self.id).is_none_or(|a| !a.hierarchical) {
            return vec![self.latent];
        }
        let levels = self.levels.clamp(1, self.latent.max(1));
        (0..levels).map(|level| self.latent / levels + u32::from(level < self.latent % levels)).collect()
    }
}

/// Why a setting of a VAE has no effect with the others as they are.
pub(super) fn idle(recipe: &Recipe, key: &str) -> Option<String> {
    let vae = &recipe.objective.vae;
    let unless = |has: bool, why: &str| (!has).then(|| why.into());
    match key {
        "objective.vae.samples" => unless(vae.bound != Bound::Elbo, "The usual bound takes one sample"),
        "objective.vae.capacity" | "objective.vae.capacity_weight" => {
            unless(vae.charge == Charge::Capacity, "Only the charge capacity has one")
        }
        "objective.vae.estimator" => {
            unless(vae.charge == Charge::TotalCorrelation, "Only the total correlation is estimated")
        }
        "objective.vae.perceptual_features" => unless(vae.perceptual > 0.0, "The perceptual weight is 0"),
        "objective.vae.equilibrium" | "objective.vae.margin" => unless(vae.has_critic(), "There is no critic"),
        "objective.beta" => unless(vae.charge != Charge::Capacity, "The charge capacity has a weight of its own"),
        _ => None,
    }
}

/// Settings of a VAE that cannot be together.
pub(super) fn clash(recipe: &Recipe, row: &Architecture) -> Option<Clash> {
    let (model, objective, vae) = (&recipe.model, &recipe.objective, &recipe.objective.vae);
    let (ladder, weighted) = (row.hierarchical, vae.bound != Bound::Elbo);
    let free = objective.free_bits > 0.0;
    let critic = vae.has_critic();
    let rules: [(bool, &'static [&'static str], &str, &'static str); 11] = [
        (
            ladder && model.levels > model.latent,
            &["model.levels", "model.latent", "model.id"],
            "Each level of a ladder needs a number of its own",
            "Choose more latent dimensions or fewer levels",
        ),
        (
            vae.binarise && objective.likelihood != Likelihood::Bernoulli,
            &["objective.vae.binarise", "objective.likelihood"],
            "Pixels that are black or white have no Gaussian likelihood",
            "Choose the Bernoulli likelihood, or leave pixels grey",
        ),
        (
            weighted && vae.charge != Charge::Beta,
            &["objective.vae.charge", "objective.vae.bound"],
            "An importance-weighted bound weighs whole samples, so its KL divergence cannot be taken apart",
            "Choose the charge beta, or the bound elbo",
        ),
        (
            weighted && free,
            &["objective.free_bits", "objective.vae.bound"],
            "An importance-weighted bound has no KL divergence of each dimension that could be free",
            "Set free bits to 0, or choose the bound elbo",
        ),
        (
            ladder && vae.pseudo_inputs > 0,
            &["objective.vae.pseudo_inputs", "model.id"],
            "A ladder has a learned prior already: each level's, given the coarser ones",
            "Set pseudo-inputs to 0, or choose another VAE",
        ),
        (
            vae.pseudo_inputs > 0 && (vae.charge == Charge::TotalCorrelation || free),
            &["objective.vae.pseudo_inputs", "objective.vae.charge", "objective.free_bits"],
            "Total correlation and free bits are measured dimension by dimension against a standard normal",
            "Set pseudo-inputs to 0, or charge the KL divergence as a whole",
        ),
        (
            ladder && vae.charge == Charge::TotalCorrelation,
            &["objective.vae.charge", "model.id"],
            "The levels of a ladder depend on each other by design, so their total correlation says nothing",
            "Choose the charge beta, or another VAE",
        ),
        (
            (critic || vae.perceptual > 0.0) && weighted,
            &["objective.vae.features", "objective.vae.adversarial", "objective.vae.perceptual", "objective.vae.bound"],
            "An importance-weighted bound is one of the likelihood, which neither features nor a critic are",
            "Choose the bound elbo, or do without features and critic",
        ),
        (
            critic && vae.pseudo_inputs > 0,
            &["objective.vae.features", "objective.vae.adversarial", "objective.vae.pseudo_inputs"],
            "A critic is shown samples of the standard normal, which a learned prior is not",
            "Set pseudo-inputs to 0, or do without a critic",
        ),
        (
            vae.pixels <= 0.0 && vae.features <= 0.0 && vae.perceptual <= 0.0,
            &["objective.vae.pixels", "objective.vae.features", "objective.vae.perceptual"],
            "Without pixels and without features nothing says what a reconstruction misses",
            "Give one of them a weight",
        ),
        (
            vae.charge != Charge::Beta && free,
            &["objective.free_bits", "objective.vae.charge"],
            "Free bits belong to the plain charge of each dimension",
            "Set free bits to 0, or choose the charge beta",
        ),
    ];
    let found = rules.into_iter().find(|rule| rule.0)?;
    Some(Clash { keys: found.1, why: found.2.into(), remedy: found.3.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vae(id: &str) -> Recipe {
        let mut r = Recipe::default();
        r.model.id = id.into();
        r.model.latent = 16;
        r
    }

    #[test]
    fn latents_are_shared_out_among_levels() {
        let mut model = vae("ladder-vae").model;
        (model.latent, model.levels) = (16, 3);
        assert_eq!(model.layout(), [6, 5, 5]);
        (model.latent, model.levels) = (3, 4);
        assert_eq!(model.layout(), [1, 1, 1]);
        model.id = "conv-vae".into();
        assert_eq!(model.layout(), [3]);
    }

    #[test]
    fn what_makes_no_sense_together_is_refused_with_a_reason() {
        type Change = fn(&mut Recipe);
        let changes: [(&str, Change, &str); 8] = [
            ("mlp-vae", |r| r.data.resolution = 128, "too many weights"),
            ("ladder-vae", |r| (r.model.latent, r.model.levels) = (2, 3), "number of its own"),
            (
                "conv-vae",
                |r| (r.objective.vae.binarise, r.objective.likelihood) = (true, Likelihood::Gaussian),
                "Gaussian",
            ),
            (
                "conv-vae",
                |r| (r.objective.vae.bound, r.objective.vae.charge) = (Bound::Iwae, Charge::Capacity),
                "apart",
            ),
            ("conv-vae", |r| (r.objective.vae.bound, r.objective.free_bits) = (Bound::Dreg, 0.1), "free"),
            ("ladder-vae", |r| r.objective.vae.pseudo_inputs = 5, "prior already"),
            ("ladder-vae", |r| r.objective.vae.charge = Charge::TotalCorrelation, "by design"),
            ("res-vae", |r| (r.objective.vae.charge, r.objective.free_bits) = (Charge::Capacity, 0.1), "plain charge"),
        ];
        for (id, change, reason) in changes {
            let mut r = vae(id);
            r.validate().unwrap();
            change(&mut r);
            let problem = r.validate().unwrap_err();
            assert!(problem.what.contains(reason) && problem.remedy.is_some(), "{problem}");
        }
        let ladder = vae("ladder-vae");
        let why = crate::recipe::compatibility::refuses(&ladder, "objective.vae.pseudo_inputs", &serde_json::json!(9));
        assert!(why.unwrap().contains("prior already"));
        assert!(crate::recipe::compatibility::idle(&ladder, "objective.vae.samples").is_some());
        assert!(crate::recipe::compatibility::idle(&ladder, "model.levels").is_none());
    }
}
