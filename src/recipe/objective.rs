//! Loss and penalties.

use serde::{Deserialize, Serialize};

use super::field::{Field, Group, Input, field, int};
use super::vae::Charge;
use super::{Recipe, Schedule, VaeRecipe};
use crate::base::Family;

/// Loss of a GAN: which game the two networks play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "kebab-case")]
pub enum Adversarial {
    /// Non-saturating (Goodfellow 2014).
    NonSaturating,
    /// Relativistic pairing (Jolicoeur-Martineau 2018; Huang 2025).
    Relativistic,
    /// Hinge (Lim & Ye 2017).
    Hinge,
    /// Least squares (Mao 2017).
    LeastSquares,
    /// Wasserstein (Arjovsky 2017); wants a penalty between real and generated pictures.
    Wasserstein,
}

/// How the strength of augmentation is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum AugmentControl {
    /// As the recipe says.
    Fixed,
    /// By signs that the critic learns its pictures by heart (ADA, Karras 2020).
    Adaptive,
}

/// What a VAE's decoder says of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Likelihood {
    /// Independent Bernoulli for each channel (cross-entropy).
    Bernoulli,
    /// Gaussian with one learned variance (Rybkin 2021, σ-VAE).
    Gaussian,
}

/// Loss and penalties; a family reads its own part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectiveRecipe {
    /// GAN: the loss.
    pub adversarial: Adversarial,
    /// GAN: weight γ of the zero-centred gradient penalties.
    pub gamma: Schedule,
    /// GAN: penalty on real pictures (R1).
    pub r1: bool,
    /// GAN: penalty on generated pictures (R2).
    pub r2: bool,
    /// GAN: weight λ of the one-centred penalty between real and generated pictures (WGAN-GP); 0 for none.
    pub gp: f64,
    /// GAN: penalties are taken every this many steps, times this many.
    pub penalty_interval: u32,
    /// GAN: steps of the critic for each of the generator.
    pub critic_steps: u32,
    /// GAN: weight of feature matching, the distance between mean critic features of real and generated pictures
    /// (Salimans 2016); 0 for none.
    pub feature_matching: f64,
    /// Conditional models: share of labels that are hidden, so that the model also learns to do without.
    pub label_dropout: f64,
    /// `style-gan`: share of pictures made from two styles (Karras 2019).
    pub style_mixing: f64,
    /// Fine-tuning: the lowest this many layers of the critic stay as they are (FreezeD, Mo 2020).
    pub freeze_critic: u32,
    /// Fine-tuning of `style-gan`: whether the mapping network stays as it is.
    pub freeze_mapping: bool,
    /// GAN: how the strength of augmentation is chosen.
    pub augment_control: AugmentControl,
    /// GAN: what adaptive augmentation keeps the sign of overfitting at.
    pub ada_target: f64,
    /// GAN: thousands of pictures in which adaptive augmentation may go from none to all.
    pub ada_kimg: f64,
    /// GAN: probability of DiffAugment on real and generated pictures.
    pub augment: Schedule,
    /// GAN: DiffAugment's colour part (brightness, saturation, contrast).
    pub augment_colour: bool,
    /// GAN: DiffAugment's translation by up to 1/8.
    pub augment_translation: bool,
    /// GAN: DiffAugment's cutout of half a side.
    pub augment_cutout: bool,
    /// GAN: mirroring, quarter turns and zoom.
    pub augment_geometry: bool,
    /// VAE: likelihood of a pixel.
    pub likelihood: Likelihood,
    /// VAE: weight β of the KL divergence.
    pub beta: Schedule,
    /// VAE: nats each latent dimension may keep for free.
    pub free_bits: f64,
    /// VAE: everything else.
    pub vae: VaeRecipe,
}

impl Default for ObjectiveRecipe {
    fn default() -> Self {
        Self {
            adversarial: Adversarial::Relativistic,
            gamma: Schedule::constant(1.0),
            r1: true,
            r2: true,
            gp: 0.0,
            penalty_interval: 4,
            critic_steps: 1,
            feature_matching: 0.0,
            label_dropout: 0.1,
            style_mixing: 0.0,
            freeze_critic: 0,
            freeze_mapping: false,
            augment_control: AugmentControl::Fixed,
            ada_target: 0.6,
            ada_kimg: 100.0,
            augment: Schedule::constant(0.0),
            augment_colour: true,
            augment_translation: true,
            augment_cutout: true,
            augment_geometry: false,
            likelihood: Likelihood::Bernoulli,
            beta: Schedule::constant(1.0),
            free_bits: 0.0,
            vae: VaeRecipe::default(),
        }
    }
}

impl ObjectiveRecipe {
    /// Whether any gradient penalty is asked for.
    pub fn penalises(&self) -> bool {
        self.r1 || self.r2 || self.gp > 0.0
    }

    /// Whether pictures are ever augmented for the critic.
    pub fn augments(&self) -> bool {
        match self.augment_control {
            AugmentControl::Fixed => self.augment.start > 0.0 || self.augment.end > 0.0,
            AugmentControl::Adaptive => true,
        }
    }
}

/// Why the model takes no gradient penalty; nothing where it does.
pub(super) fn no_penalty(recipe: &Recipe) -> Option<&'static str> {
    recipe.architecture().ok()?.no_penalty
}

/// Its settings, in the order of the form.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("objective.adversarial", "Loss", Group::Objective,
        Input::Choice { options: &["relativistic", "non-saturating", "hinge", "least-squares", "wasserstein"] },
        "The game that generator and critic play; relativistic keeps all kinds of pictures alive").of(Family::Gan),
    field("objective.gamma", "Penalty γ", Group::Objective, Input::Schedule { min: 0.0, max: 1000.0, log: true },
        "Calms the critic; too low is unstable, too high is blurry and slow").of(Family::Gan).common().live()
        .idle(|r| {
            let o = &r.objective;
            no_penalty(r).or((!o.r1 && !o.r2).then_some("Neither R1 nor R2 is on"))
        }),
    field("objective.r1", "Penalty on real pictures (R1)", Group::Objective, Input::Bool,
        "Keeps the critic flat around real pictures").of(Family::Gan)
        .idle(no_penalty),
    field("objective.r2", "Penalty on generated pictures (R2)", Group::Objective, Input::Bool,
        "Keeps the critic flat around generated pictures").of(Family::Gan)
        .idle(no_penalty),
    field("objective.gp", "Penalty in between λ", Group::Objective, Input::Float { min: 0.0, max: 1000.0, log: true },
        "Keeps the critic's slope near 1 between real and generated pictures (WGAN-GP); 0 for none").of(Family::Gan)
        .idle(no_penalty),
    field("objective.penalty_interval", "Penalty every", Group::Objective, int(1, 64),
        "Takes the penalty less often, and as much stronger; higher is faster").unit("steps").of(Family::Gan)
        .idle(|r| no_penalty(r).or((!r.objective.penalises()).then_some("There is no penalty to take"))),
    field("objective.critic_steps", "Critic steps", Group::Objective, int(1, 10),
        "Steps of the critic for each of the generator; more keep it sharper and take longer").of(Family::Gan),
    field("objective.feature_matching", "Feature matching", Group::Objective,
        Input::Float { min: 0.0, max: 1000.0, log: true },
        "Also makes the critic's mean features of generated pictures like those of real ones; higher is steadier, 0 for none")
        .of(Family::Gan),
    field("objective.label_dropout", "Hidden labels", Group::Objective, Input::Float { min: 0.0, max: 1.0, log: false },
        "Share of labels hidden while training, so that the model can also do without a class")
        .idle(|r| (!r.model.conditional).then_some("The model does not learn labels")),
    field("objective.style_mixing", "Style mixing", Group::Objective, Input::Float { min: 0.0, max: 1.0, log: false },
        "Share of pictures of style-gan made from two styles; more makes layers independent of each other").of(Family::Gan),
    field("objective.freeze_critic", "Frozen critic layers", Group::Objective, int(0, 16),
        "Fine-tuning: so many of the critic's layers next to the picture stay as they are; more keep what was learned")
        .of(Family::Gan),
    field("objective.freeze_mapping", "Freeze the mapping", Group::Objective, Input::Bool,
        "Fine-tuning of style-gan: keeps where styles lie and learns only how they look").of(Family::Gan),
    field("objective.augment_control", "Augmentation control", Group::Objective,
        Input::Choice { options: &["fixed", "adaptive"] },
        "Fixed keeps to the share below; adaptive raises it as soon as the critic learns its pictures by heart (ADA)")
        .of(Family::Gan),
    field("objective.ada_target", "Adaptive target", Group::Objective, Input::Float { min: 0.0, max: 1.0, log: false },
        "How much overfitting adaptive augmentation tolerates; higher augments less").of(Family::Gan).live()
        .idle(|r| (r.objective.augment_control == AugmentControl::Fixed).then_some("Augmentation is fixed")),
    field("objective.ada_kimg", "Adaptive speed", Group::Objective, Input::Float { min: 0.1, max: 1e5, log: true },
        "In how many pictures adaptive augmentation may go from none to all; higher is slower").unit("kimg")
        .of(Family::Gan).live()
        .idle(|r| (r.objective.augment_control == AugmentControl::Fixed).then_some("Augmentation is fixed")),
    field("objective.augment", "Augmentation", Group::Objective, Input::Schedule { min: 0.0, max: 1.0, log: false },
        "Share of pictures shown altered to the critic (DiffAugment); higher stops it from learning a small set by heart")
        .of(Family::Gan).live()
        .idle(|r| (r.objective.augment_control == AugmentControl::Adaptive).then_some("Augmentation is adaptive")),
    field("objective.augment_colour", "Alter colours", Group::Objective, Input::Bool,
        "Brightness, saturation and contrast").of(Family::Gan)
        .idle(|r| (!r.objective.augments()).then_some("Nothing is augmented")),
    field("objective.augment_translation", "Shift", Group::Objective, Input::Bool,
        "By up to an eighth of a side").of(Family::Gan)
        .idle(|r| (!r.objective.augments()).then_some("Nothing is augmented")),
    field("objective.augment_cutout", "Cut out", Group::Objective, Input::Bool,
        "A square of half a side").of(Family::Gan)
        .idle(|r| (!r.objective.augments()).then_some("Nothing is augmented")),
    field("objective.augment_geometry", "Turn and zoom", Group::Objective, Input::Bool,
        "Mirrors, turns by quarters and zooms; only where pictures so changed are still pictures of your kind")
        .of(Family::Gan)
        .idle(|r| (!r.objective.augments()).then_some("Nothing is augmented")),
    field("objective.likelihood", "Likelihood", Group::Objective, Input::Choice { options: &["bernoulli", "gaussian"] },
        "What the decoder says of a pixel: Bernoulli suits drawings, Gaussian with learned variance suits photographs")
        .of(Family::Vae),
    field("objective.beta", "KL weight β", Group::Objective, Input::Schedule { min: 0.0, max: 100.0, log: true },
        "Above 1 latents become simpler and more separate, pictures blurrier; below 1 the reverse")
        .of(Family::Vae).common().live()
        .idle(|r| {
            let own = r.objective.vae.charge == Charge::Capacity;
            own.then_some("The charge capacity has a weight of its own")
        }),
    field("objective.free_bits", "Free bits", Group::Objective, Input::Float { min: 0.0, max: 10.0, log: false },
        "What each latent dimension may keep at no cost; higher keeps more dimensions in use").unit("nats").of(Family::Vae),
];
