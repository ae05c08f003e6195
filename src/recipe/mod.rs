//! The language of the product: what a run is, as plain serde values.
//!
//! A run **is** its [`Recipe`] plus the log of live [`Edit`]s by step. Same recipe, same seed, same CPU: same run.
//! The recipe is stored in the library, beside every checkpoint and inside every exported picture.

pub mod advice;
pub mod architecture;
pub mod bounds;
pub mod compatibility;
pub mod data;
pub mod disk_space;
pub mod flops;
pub mod form;
pub mod json_path;
pub mod picture;
pub mod preset;
pub mod schedule;
pub mod vae;

use serde::{Deserialize, Serialize};

use crate::base::{Family, Problem, Result, Shape};
pub use architecture::Architecture;
pub use data::{COLUMN_ROLES, Classes, DataRecipe, Fit, Pixels, Reading, Sideways};
pub use schedule::{Curve, Schedule};
pub use vae::{FeatureSpace, VaeRecipe};

/// Version of the recipe format; older ones are migrated by [`Recipe::from_json`].
pub const FORMAT: u32 = 1;

/// Everything that makes a run what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Version of this format.
    pub format: u32,
    /// What a person calls the run.
    pub name: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// Pictures.
    pub data: DataRecipe,
    /// Networks.
    pub model: ModelRecipe,
    /// Loss and penalties.
    pub objective: ObjectiveRecipe,
    /// Optimiser and averages.
    pub optim: OptimRecipe,
    /// How long, how often to look and to save.
    pub run: RunRecipe,
    /// The model this run started from, for fine-tuning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
}

/// Which networks, and how large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelRecipe {
    /// Row of [`architecture::ARCHITECTURES`].
    pub id: String,
    /// Numbers in a latent.
    pub latent: u32,
    /// Channels of the widest layers (at the smallest picture size).
    pub width: u32,
    /// Channels of the narrowest layers (at the full picture size).
    pub narrow: u32,
    /// Residual blocks at each size (residual networks), or hidden layers (fully connected ones).
    pub blocks: u32,
    /// Whether the model learns the labels of its data, so that a class can be asked for.
    pub conditional: bool,
    /// Names of the classes that a conditional model knows; filled in from the data when a run begins.
    pub classes: Vec<String>,
    /// `res-gan`: how much wider the middle of a block is (inverted bottleneck); 0 for blocks of two plain convolutions.
    pub expansion: u32,
    /// `res-gan`: channels in a group of the middle convolution; 0 for no groups.
    pub group: u32,
    /// `style-gan`: layers of the mapping network.
    pub mapping: u32,
    /// `style-gan`: whether each layer adds noise of its own.
    pub noise: bool,
    /// Pictures whose spread a critic sees together (minibatch statistic); 0 for none.
    pub minibatch: u32,
    /// `ladder-vae`: levels of latents.
    pub levels: u32,
    /// `mlp-gan` on points: octaves of waves that the critic is given beside the coordinates; with any the generator is
    /// given waves of its latent too. 0 for none.
    pub waves: u32,
    /// `proj-gan`: pixels a side at which the fixed network of its critic sees pictures.
    pub feature_side: u32,
    /// `proj-gan`: seed of the fixed random convolutions that mix what the network sees.
    pub feature_seed: u64,
    /// Hash of the fixed network that the critic looks through; filled in when a run begins.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub features: String,
}

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

/// Optimiser and averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimRecipe {
    /// Pictures a step.
    pub batch: u32,
    /// Learning rate.
    pub lr: Schedule,
    /// Adam's β₁.
    pub beta1: f64,
    /// Adam's β₂.
    pub beta2: Schedule,
    /// Adam's ε.
    pub epsilon: f64,
    /// Half-life of the averaged (EMA) weights, in thousands of pictures; 0 keeps no average.
    pub ema_kimg: Schedule,
    /// The half-life is at most this share of the pictures seen so far.
    pub ema_rampup: f64,
    /// Largest global norm of the gradients; 0 for no limit.
    pub clip_norm: f64,
    /// Parts that a batch is worked on in, one after the other, to spare memory.
    pub accumulate: u32,
}

/// How long, how often to look and to save.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunRecipe {
    /// Where to stop, in thousands of pictures. Says nothing of the schedules, which have their own length.
    pub kimg: f64,
    /// A full checkpoint every this many thousand pictures.
    pub checkpoint_kimg: f64,
    /// How many checkpoints to keep, besides the best.
    pub keep: u32,
    /// Samples for the eye every this many thousand pictures.
    pub preview_kimg: f64,
    /// Numbers are read back every this many steps.
    pub telemetry_steps: u32,
}

/// The model a run started from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// Its name or path, as given.
    pub model: String,
    /// Hash of its weights.
    pub hash: String,
}

/// A change made while a run was on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The first step it holds for.
    pub step: u64,
    /// Pictures seen by then.
    pub images: u64,
    /// Path of the setting, such as `optim.lr`.
    pub key: String,
    /// Its new value.
    pub value: serde_json::Value,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            format: FORMAT,
            name: String::new(),
            seed: 1,
            data: DataRecipe::default(),
            model: ModelRecipe::default(),
            objective: ObjectiveRecipe::default(),
            optim: OptimRecipe::default(),
            run: RunRecipe::default(),
            parent: None,
        }
    }
}

impl Default for ModelRecipe {
    fn default() -> Self {
        Self {
            id: architecture::RES_GAN.id.into(),
            latent: 64,
            width: 128,
            narrow: 32,
            blocks: 1,
            conditional: false,
            classes: Vec::new(),
            expansion: 0,
            group: 0,
            mapping: 2,
            noise: true,
            minibatch: 4,
            levels: 3,
            waves: 0,
            feature_side: 128,
            feature_seed: 1,
            features: String::new(),
        }
    }
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

impl Default for OptimRecipe {
    fn default() -> Self {
        Self {
            batch: 32,
            lr: Schedule::constant(4e-4),
            beta1: 0.0,
            beta2: Schedule::constant(0.95),
            epsilon: 1e-8,
            ema_kimg: Schedule::constant(20.0),
            ema_rampup: 0.05,
            clip_norm: 0.0,
            accumulate: 1,
        }
    }
}

impl Default for RunRecipe {
    fn default() -> Self {
        Self { kimg: 100.0, checkpoint_kimg: 8.0, keep: 2, preview_kimg: 1.0, telemetry_steps: 8 }
    }
}

impl ObjectiveRecipe {
    /// Whether pictures are ever augmented for the critic.
    pub fn augments(&self) -> bool {
        match self.augment_control {
            AugmentControl::Fixed => self.augment.start > 0.0 || self.augment.end > 0.0,
            AugmentControl::Adaptive => true,
        }
    }
}

impl Recipe {
    /// Shape of the pictures.
    pub fn shape(&self) -> Shape {
        Shape { resolution: self.data.resolution, channels: self.data.channels }
    }

    /// Whether the fixed network that has seen photographs takes part in training it.
    pub fn looks_through_photos(&self) -> bool {
        let (row, vae) = (self.architecture(), &self.objective.vae);
        let perceptual = vae.perceptual > 0.0 && vae.perceptual_features == FeatureSpace::Photo;
        row.is_ok_and(|row| row.looks_through_features || row.family == Family::Vae && perceptual)
    }

    /// The row of its model.
    ///
    /// # Errors
    /// The id is not in the table of models.
    pub fn architecture(&self) -> Result<&'static Architecture> {
        architecture::find(&self.model.id).ok_or_else(|| {
            Problem::usage("There is no model of this name")
                .of(format!("model.id = {}", self.model.id))
                .try_this(format!("Choose one of: {}", architecture::IDS.join(", ")))
        })
    }

    /// Family of the model, by its id.
    ///
    /// # Errors
    /// The id is not in the table of models.
    pub fn family(&self) -> Result<Family> {
        Ok(self.architecture()?.family)
    }

    /// Reads a recipe, migrating older formats.
    ///
    /// # Errors
    /// The text is no recipe, has an unknown field, or comes from a newer studio.
    pub fn from_json(text: &str) -> Result<Self> {
        let bad = |e: serde_json::Error| {
            Problem::usage("This is not a recipe")
                .because(e)
                .try_this("`latent-studio recipe schema` lists every setting")
        };
        let value: serde_json::Value = serde_json::from_str(text).map_err(bad)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(u64::from(FORMAT));
        if format > u64::from(FORMAT) {
            return Err(Problem::usage("This recipe was made by a newer Latent Studio")
                .of(format!("format = {format}"))
                .try_this("Update Latent Studio"));
        }
        let mut recipe: Self = serde_json::from_value(value).map_err(bad)?;
        recipe.format = FORMAT;
        Ok(recipe)
    }

    /// The recipe with what its data decide: see [`DataRecipe::settled`].
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { data: self.data.settled(), ..self.clone() }
    }

    /// The recipe as indented JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Checks every setting against its range in [`form::FIELDS`], and those that depend on each other.
    ///
    /// # Errors
    /// The first setting that is out of bounds, with what it may be.
    pub fn validate(&self) -> Result<()> {
        self.family()?;
        let settled = self.settled();
        form::check(&settled)?;
        bounds::check(&settled)?;
        if !settled.shape().is_allowed() {
            return Err(Problem::usage("This resolution cannot be trained")
                .of(format!("data.resolution = {}", self.data.resolution))
                .try_this("Choose 16 to 256 in steps of 4"));
        }
        for column in &self.data.columns {
            let role = column.rsplit_once('=').map(|(_, role)| role.trim().to_ascii_lowercase());
            if !role.is_some_and(|role| COLUMN_ROLES.contains(&role.as_str())) {
                return Err(Problem::usage("A column is given as name=role")
                    .of(format!("data.columns = {column}"))
                    .try_this(format!("Choose a role out of {}", COLUMN_ROLES.join(", "))));
            }
        }
        compatibility::check(&settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_survives_json_and_fills_what_is_missing() {
        let r = Recipe { name: "x".into(), ..Recipe::default() };
        assert_eq!(Recipe::from_json(&r.to_json()).unwrap(), r);
        let sparse = Recipe::from_json(r#"{"model":{"id":"dcgan"}}"#).unwrap();
        assert_eq!(sparse.model.latent, 64);
        assert!(Recipe::from_json(r#"{"modell":{}}"#).is_err());
        assert!(Recipe::from_json(r#"{"format":99}"#).unwrap_err().what.contains("newer"));
    }

    #[test]
    fn recipes_older_than_a_choice_keep_what_they_meant() {
        let old = Recipe::from_json(r#"{"data":{"source":"/pictures"}}"#).unwrap();
        assert_eq!((old.data.classes, old.data.sideways), (Classes::Folders, Sideways::Keep));
        assert!(old.data.reading().is_before() && !Reading::default().is_before());
        assert_eq!((old.data.pixels, old.data.depth, old.data.drop_blank), (Pixels::Stored, 0, false));
        let new = Recipe::from_json(&Recipe::default().to_json()).unwrap();
        assert_eq!(new.data.reading(), Reading::default());
        assert_eq!((Reading::default().classes, Reading::default().sideways), (Classes::Auto, Sideways::Auto));
        assert_eq!(Reading::default().pixels, Pixels::Seen);
    }

    #[test]
    fn validation_names_the_setting() {
        let mut r = Recipe::default();
        r.validate().unwrap();
        r.data.resolution = 30;
        assert!(r.validate().unwrap_err().subject.unwrap().contains("data.resolution"));
        r.data.resolution = 28;
        r.model.id = "dcgan".into();
        assert!(r.validate().unwrap_err().what.contains("batch norm"));
        r.model.id = "nope".into();
        assert!(r.validate().unwrap_err().remedy.unwrap().contains("res-gan"));
    }
}
