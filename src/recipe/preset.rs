//! Presets: recipes to start from, each saying what to expect and how long it takes.

use serde::Serialize;

use super::{Adversarial, Likelihood, ModelRecipe, ObjectiveRecipe, OptimRecipe, Recipe, Schedule};
use crate::base::Family;

/// Ids of the models with their families and titles; `models::MODELS` has one row for each.
pub const MODEL_IDS: &[(&str, Family, &str)] = &[
    ("res-gan", Family::Gan, "Residual GAN (R3GAN)"),
    ("dcgan", Family::Gan, "DCGAN"),
    ("style-gan", Family::Gan, "StyleGAN2"),
    ("sn-resgan", Family::Gan, "SN-ResGAN"),
    ("fast-gan", Family::Gan, "FastGAN"),
    ("mlp-gan", Family::Gan, "MLP GAN"),
    ("conv-vae", Family::Vae, "Convolutional VAE"),
    ("res-vae", Family::Vae, "Residual VAE"),
    ("mlp-vae", Family::Vae, "MLP VAE"),
    ("ladder-vae", Family::Vae, "Ladder VAE"),
];

/// Ids of all models.
pub fn ids() -> Vec<&'static str> {
    MODEL_IDS.iter().map(|m| m.0).collect()
}

/// Family of a model id.
pub fn family_of(id: &str) -> Option<Family> {
    MODEL_IDS.iter().find(|m| m.0 == id).map(|m| m.1)
}

/// A recipe to start from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Preset {
    /// Its name on the command line.
    pub id: &'static str,
    /// Its name on a card.
    pub title: &'static str,
    /// The model it trains.
    pub model: &'static str,
    /// What it is good for.
    pub what_for: &'static str,
    /// What comes out, at its length.
    pub quality: &'static str,
    /// Thousands of pictures it runs for at 32 pixels.
    pub kimg: f64,
    /// For those who look for it: shown only when asked for more.
    pub more: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Size {
    Tiny,
    Normal,
    Quality,
}

/// What is known of the data when a preset is applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// Usable pictures.
    pub pictures: u64,
    /// Resolution chosen.
    pub resolution: u32,
}

/// Every preset, the first to recommend first.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: "gan-tiny",
        title: "Quick GAN",
        model: "res-gan",
        what_for: "A first look at what a GAN makes of your pictures",
        quality: "Recognisable shapes and colours; details still wobble",
        kimg: 24.0,
        more: false,
        size: Size::Tiny,
    },
    Preset {
        id: "gan",
        title: "GAN",
        model: "res-gan",
        what_for: "Sharp pictures and smooth walks",
        quality: "Clean, varied pictures at 32 px; good at 64 px",
        kimg: 120.0,
        more: false,
        size: Size::Normal,
    },
    Preset {
        id: "gan-quality",
        title: "GAN, best quality",
        model: "res-gan",
        what_for: "The best pictures this computer can learn; best on a GPU, or over night",
        quality: "Fine detail and the full variety of the data",
        kimg: 1000.0,
        more: false,
        size: Size::Quality,
    },
    Preset {
        id: "style-gan",
        title: "StyleGAN2",
        model: "style-gan",
        what_for: "The best latent space to explore: mixing styles, directions, truncation",
        quality: "Clean pictures at 32 px; slower to learn than the residual GAN",
        kimg: 240.0,
        more: false,
        size: Size::Normal,
    },
    Preset {
        id: "fast-gan",
        title: "FastGAN, for few pictures",
        model: "fast-gan",
        what_for: "A hundred pictures or so",
        quality: "Recognisable pictures from very little data",
        kimg: 120.0,
        more: false,
        size: Size::Normal,
    },
    Preset {
        id: "vae-tiny",
        title: "Quick VAE",
        model: "conv-vae",
        what_for: "A map of your pictures in minutes",
        quality: "Soft pictures, a well ordered latent space",
        kimg: 60.0,
        more: false,
        size: Size::Tiny,
    },
    Preset {
        id: "vae",
        title: "VAE",
        model: "conv-vae",
        what_for: "Faithful reconstructions and sliders that mean something",
        quality: "Clear reconstructions, soft samples",
        kimg: 300.0,
        more: false,
        size: Size::Normal,
    },
    Preset {
        id: "vae-quality",
        title: "VAE, best quality",
        model: "res-vae",
        what_for: "The most faithful reconstructions",
        quality: "Sharper reconstructions, several times slower",
        kimg: 600.0,
        more: false,
        size: Size::Quality,
    },
    Preset {
        id: "vae-ladder",
        title: "Ladder VAE",
        model: "ladder-vae",
        what_for: "Better samples than a plain VAE, and coarse and fine to mix",
        quality: "Clear reconstructions, samples that hold together",
        kimg: 400.0,
        more: true,
        size: Size::Normal,
    },
    Preset {
        id: "vae-mlp",
        title: "MLP VAE",
        model: "mlp-vae",
        what_for: "Bounds of the likelihood that compare with papers; small grey pictures",
        quality: "Soft pictures; learns fastest of all",
        kimg: 600.0,
        more: true,
        size: Size::Normal,
    },
    Preset {
        id: "dcgan",
        title: "Classic DCGAN",
        model: "dcgan",
        what_for: "The classic of 2015, to learn from and compare with",
        quality: "Recognisable pictures; may lose variety",
        kimg: 300.0,
        more: true,
        size: Size::Normal,
    },
    Preset {
        id: "sn-resgan",
        title: "SN-ResGAN",
        model: "sn-resgan",
        what_for: "The reference of 2018 for pictures by class; choose “Learn the labels”",
        quality: "Clean pictures, one class at a time",
        kimg: 300.0,
        more: true,
        size: Size::Normal,
    },
    Preset {
        id: "mlp-gan",
        title: "Points in the plane",
        model: "mlp-gan",
        what_for: "To see what losses and penalties do, on points:grid25 or points:ring8",
        quality: "All modes of the distribution in a few minutes",
        kimg: 5000.0,
        more: true,
        size: Size::Normal,
    },
];

/// The preset of this name.
pub fn find(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.id == id)
}

/// The preset to start with for a model.
pub fn for_model(model: &str) -> Option<&'static Preset> {
    PRESETS.iter().filter(|p| p.model == model).min_by_key(|p| (p.size != Size::Normal, p.id))
}

impl Preset {
    /// Family of its model.
    pub fn family(&self) -> Family {
        family_of(self.model).unwrap_or(Family::Gan)
    }

    /// The same preset over so many thousand pictures at 32 pixels; its schedules follow.
    pub fn lasting(&self, kimg: f64) -> Self {
        Self { kimg, ..*self }
    }

    /// The recipe, fitted to the data.
    pub fn recipe(&self, facts: Facts) -> Recipe {
        let large = facts.resolution > 40;
        let mut r = Recipe {
            model: ModelRecipe { id: self.model.into(), ..ModelRecipe::default() },
            objective: ObjectiveRecipe::default(),
            optim: OptimRecipe::default(),
            ..Recipe::default()
        };
        r.data.resolution = facts.resolution;
        r.run.kimg = self.kimg * if large { 2.0 } else { 1.0 };
        (r.model.width, r.model.narrow, r.model.blocks) = match self.size {
            Size::Tiny if self.model == "res-gan" => (96, 24, 1),
            Size::Tiny => (64, 32, 1),
            Size::Normal => (128, 32, 1),
            Size::Quality => (256, 64, 2),
        };
        if large {
            r.model.narrow = (r.model.narrow / 2).max(16);
        }
        // Without augmentation a small set is learned by heart.
        let small = facts.pictures > 0 && facts.pictures < 5000;
        match self.model {
            "res-gan" => {
                r.optim.lr = Schedule::cosine(4e-4, 1e-4, r.run.kimg.max(200.0) * 2.0);
                r.optim.ema_kimg = Schedule::constant(if self.size == Size::Tiny { 5.0 } else { 20.0 });
                if self.size == Size::Quality {
                    r.optim.lr = Schedule::cosine(2e-4, 5e-5, r.run.kimg * 2.0);
                    r.optim.beta2 = Schedule::cosine(0.9, 0.99, r.run.kimg * 2.0);
                    r.objective.gamma = Schedule::cosine(2.0, 0.2, r.run.kimg * 2.0);
                    r.optim.batch = 64;
                }
                r.objective.augment = Schedule::constant(match facts.pictures {
                    0 => 0.0,
                    n if n < 1000 => 0.8,
                    _ if small => 0.4,
                    _ => 0.0,
                });
            }
            "style-gan" => {
                r.model.latent = 128;
                r.objective.style_mixing = 0.5;
                r.objective.augment = Schedule::constant(if small { 0.6 } else { 0.0 });
                // Four times the published rate: weights of equalised layers move by the rate relative to their size, and
                // here they have some thousand steps rather than some hundred thousand. With the published 0.0025, R1
                // alone and the non-saturating loss, 90 kimg of 32 px leave noise, and one face for all.
                r.optim.lr = Schedule::cosine(0.01, 1e-3, r.run.kimg);
                r.optim.beta2 = Schedule::constant(0.99);
                r.optim.ema_kimg = Schedule::constant(10.0);
            }
            "sn-resgan" => {
                r.model.latent = 128;
                r.objective.adversarial = Adversarial::Hinge;
                (r.objective.r1, r.objective.r2) = (false, false);
                r.objective.critic_steps = 2;
                r.objective.augment = Schedule::constant(if small { 0.8 } else { 0.0 });
                r.optim.batch = 64;
                r.optim.lr = Schedule::linear(2e-4, 2e-5, r.run.kimg * 2.0);
                r.optim.beta2 = Schedule::constant(0.9);
                r.optim.ema_kimg = Schedule::constant(10.0);
            }
            "fast-gan" => {
                r.model.latent = 128;
                r.objective.adversarial = Adversarial::Hinge;
                (r.objective.r1, r.objective.r2) = (false, false);
                r.objective.augment = Schedule::constant(1.0);
                r.objective.augment_cutout = false;
                r.optim.batch = 16;
                r.optim.lr = Schedule::constant(2e-4);
                r.optim.beta1 = 0.5;
                r.optim.beta2 = Schedule::constant(0.999);
                r.optim.ema_kimg = Schedule::constant(5.0);
            }
            "mlp-gan" => {
                (r.model.latent, r.model.waves) = (2, 1);
                (r.model.width, r.model.blocks) = (128, 4);
                // Measured on points:grid25: a large γ finds all modes, a small one then lets the generator jump between
                // them. At γ = 1, right for pictures, gradients at modes this narrow are never allowed.
                r.objective.gamma = Schedule::cosine(1e-2, 5e-5, r.run.kimg);
                r.objective.penalty_interval = 1;
                r.optim.batch = 256;
                r.optim.lr = Schedule::cosine(3e-3, 1e-4, r.run.kimg);
                r.optim.beta2 = Schedule::constant(0.99);
                r.optim.ema_kimg = Schedule::constant(50.0);
            }
            "dcgan" => {
                r.model.latent = 100;
                (r.model.width, r.model.narrow) = (256, 64);
                r.objective.adversarial = Adversarial::NonSaturating;
                (r.objective.r1, r.objective.r2) = (false, false);
                r.objective.augment = Schedule::constant(if small { 1.0 } else { 0.0 });
                r.optim.batch = 64;
                r.optim.lr = Schedule::constant(2e-4);
                r.optim.beta1 = 0.5;
                r.optim.beta2 = Schedule::constant(0.999);
                r.optim.ema_kimg = Schedule::constant(5.0);
            }
            _ => {
                r.model.latent = 32;
                r.objective.likelihood = Likelihood::Bernoulli;
                r.objective.beta = Schedule::linear(0.1, 1.0, (r.run.kimg * 0.2).max(4.0));
                r.optim.batch = 64;
                r.optim.lr = Schedule::cosine(1e-3, 1e-4, r.run.kimg);
                r.optim.beta1 = 0.9;
                r.optim.beta2 = Schedule::constant(0.999);
                r.optim.ema_kimg = Schedule::constant(2.0);
                r.optim.clip_norm = 200.0;
                if self.model == "mlp-vae" {
                    (r.model.width, r.model.blocks, r.model.latent) = (500, 2, 50);
                    r.optim.batch = 100;
                    r.data.resolution = r.data.resolution.min(64);
                }
                if self.model == "ladder-vae" {
                    r.model.latent = 48;
                    // Without it finer levels are given up before they are found.
                    r.objective.free_bits = 0.02;
                }
            }
        }
        r.run.checkpoint_kimg = (r.run.kimg / 12.0).clamp(2.0, 50.0);
        r.run.preview_kimg = (r.run.kimg / 60.0).clamp(0.25, 10.0);
        r
    }

    /// Work of one picture, in billions of multiply-adds for a whole training step of it (rough).
    pub fn gmacs_per_picture(&self, resolution: u32) -> f64 {
        super::flops::gmacs_per_picture(&self.recipe(Facts { pictures: 10_000, resolution }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_recipe_at_every_size() {
        for preset in PRESETS {
            for resolution in [16, 28, 32, 64, 100, 256] {
                if preset.model == "mlp-gan" && resolution > 32 {
                    continue;
                }
                for pictures in [40, 900, 60_000] {
                    let r = preset.recipe(Facts { pictures, resolution });
                    r.validate().unwrap_or_else(|e| panic!("{} at {resolution}: {e}", preset.id));
                }
            }
        }
    }

    #[test]
    fn every_model_has_a_preset_and_small_sets_are_augmented() {
        for (id, family, _) in MODEL_IDS {
            assert_eq!(for_model(id).unwrap().family(), *family);
        }
        let r = find("gan").unwrap().recipe(Facts { pictures: 100, resolution: 32 });
        assert!(r.objective.augment.at(0) > 0.5);
    }
}
