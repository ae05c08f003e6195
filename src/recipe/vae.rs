//! What a VAE is trained for, beside likelihood, β and free bits.

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::compatibility::Clash;
use super::field::{Field, Group, Input, field, int};
use super::{Likelihood, Recipe, Schedule};
use crate::base::Family;

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

/// Its settings, in the order of the form.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("objective.vae.bound", "Bound", Group::Objective, Input::Choice { options: &["elbo", "iwae", "dreg"] },
        "What is made large: the usual bound, or a tighter one of several samples (dreg trains its encoder better)")
        .of(Family::Vae),
    field("objective.vae.samples", "Samples a picture", Group::Objective, int(1, 64),
        "Latents drawn of each picture for the bounds iwae and dreg; more are tighter and as much slower")
        .of(Family::Vae)
        .idle(|r| (r.objective.vae.bound == Bound::Elbo).then_some("The usual bound takes one sample")),
    field("objective.vae.charge", "KL charge", Group::Objective,
        Input::Choice { options: &["beta", "capacity", "total-correlation"] },
        "beta charges all of it β times, capacity its distance from a growing goal, total-correlation only what \
         dimensions tell of each other").of(Family::Vae),
    field("objective.vae.capacity", "Capacity C", Group::Objective, Input::Schedule { min: 0.0, max: 1000.0, log: false },
        "What the code may tell of a picture with the charge capacity; higher keeps more detail").unit("nats")
        .of(Family::Vae).live()
        .idle(|r| (r.objective.vae.charge != Charge::Capacity).then_some("Only the charge capacity has one")),
    field("objective.vae.capacity_weight", "Capacity weight γ", Group::Objective,
        Input::Float { min: 0.0, max: 10_000.0, log: true },
        "How firmly the code is kept at its capacity; higher is firmer and blurrier on the way").of(Family::Vae).live()
        .idle(|r| (r.objective.vae.charge != Charge::Capacity).then_some("Only the charge capacity has one")),
    field("objective.vae.estimator", "Estimator", Group::Objective,
        Input::Choice { options: &["weighted", "stratified"] },
        "How the density of all codes is estimated from a batch; stratified is less biased, weighted is steadier")
        .of(Family::Vae)
        .idle(|r| {
            let unused = r.objective.vae.charge != Charge::TotalCorrelation;
            unused.then_some("Only the total correlation is estimated")
        }),
    field("objective.vae.binarise", "Black or white at random", Group::Objective, Input::Bool,
        "Draws each grey pixel black or white anew whenever it is seen, for bounds that compare with the literature")
        .of(Family::Vae),
    field("objective.vae.pseudo_inputs", "Pseudo-inputs", Group::Objective, int(0, 1000),
        "Learns a prior from so many made-up pictures (VampPrior); more fit the codes better, 0 keeps the standard normal")
        .of(Family::Vae),
    field("objective.vae.pixels", "Pixel weight", Group::Objective, Input::Float { min: 0.0, max: 1000.0, log: true },
        "How much each pixel of a reconstruction counts; lower it where a critic's features say what counts")
        .of(Family::Vae).live(),
    field("objective.vae.perceptual", "Perceptual weight", Group::Objective,
        Input::Float { min: 0.0, max: 100_000.0, log: true },
        "Makes reconstructions alike in the eyes of a feature network, so scores by it flatter it; higher is sharper, 0 \
         for none").unit("nats").of(Family::Vae),
    field("objective.vae.perceptual_features", "Perceptual features", Group::Objective,
        Input::Choice { options: &["studio", "photo"] },
        "Which network that is: studio for drawings and all kinds, photo for photographs (slower)").of(Family::Vae)
        .idle(|r| (r.objective.vae.perceptual <= 0.0).then_some("The perceptual weight is 0")),
    field("objective.vae.features", "Feature weight", Group::Objective,
        Input::Float { min: 0.0, max: 1000.0, log: true },
        "Trains a critic along and makes reconstructions alike in its eyes (VAE-GAN); higher is sharper, 0 for none")
        .of(Family::Vae),
    field("objective.vae.adversarial", "Critic weight", Group::Objective,
        Input::Float { min: 0.0, max: 100_000.0, log: true },
        "Trains a critic along and makes pictures that it takes for real (VAE-GAN); higher is sharper and less faithful")
        .unit("nats").of(Family::Vae),
    field("objective.vae.equilibrium", "Equilibrium", Group::Objective,
        Input::Float { min: 0.0, max: 10.0, log: false },
        "Loss of the critic at which it and the decoder are equally strong; higher keeps the critic weaker")
        .of(Family::Vae).live()
        .idle(|r| (!r.objective.vae.has_critic()).then_some("There is no critic")),
    field("objective.vae.margin", "Margin", Group::Objective, Input::Float { min: 0.0, max: 10.0, log: false },
        "How far from the equilibrium both still learn; 0 lets both learn always").of(Family::Vae).live()
        .idle(|r| (!r.objective.vae.has_critic()).then_some("There is no critic")),
];

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
    fn what_makes_no_sense_together_is_refused_with_a_reason() {
        type Change = fn(&mut Recipe);
        let changes: [(&str, Change, &str); 8] = [
            ("mlp-vae", |r| r.data.resolution = 128.into(), "too many weights"),
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
