//! The networks, one row each in [`MODELS`], and their weights on disk.
//!
//! Every network is built at `Shape::built(resolution)` = b·2ⁿ with 4 ≤ b ≤ 8; generators and decoders crop, critics
//! and encoders pad. Sizes count from the smallest: `width` channels there, `narrow` at the full picture, doubling
//! from `narrow` until `width` is reached. Pictures are `[b, c, r, r]` in [-1, 1].
//!
//! # Saving and resuming
//! No parameter is lazy (see [`crate::nn::init`]), and the running statistics of batch norm are merged after every
//! forward (see [`crate::nn::norm`]), so `into_record()` at any moment is complete and resuming is exact. Shadows
//! (EMA) must come from `valid()`: a plain clone shares the running statistics with the live network. A generator
//! with batch norm makes its pictures from running statistics once it is `valid()`, and then a picture does not depend
//! on its batch.
//!
//! # Adding one
//! Write the file, add a variant to [`Generator`] and [`Critic`], or to [`Vae`], and a row to [`MODELS`].

mod conv_vae;
mod dcgan;
mod fast_gan;
mod gan;
mod image_regressor;
pub mod info;
pub mod io;
mod ladder_vae;
mod mlp_gan;
mod mlp_vae;
pub mod outline;
mod packed;
pub mod probe;
mod pseudo_inputs;
pub mod pytorch;
mod r3gan;
mod res_gan;
mod res_vae;
pub mod shipped;
mod sn_gan;
mod style_gan;
pub mod tensor_file;
pub mod text;
mod vae;

use burn::tensor::Device;

pub use crate::nn::resample::padded;
pub use conv_vae::ConvVae;
pub use dcgan::{DcCritic, DcGenerator};
pub use fast_gan::{FastCritic, FastGenerator};
pub use gan::{Critic, Generator, Trace};
pub use image_regressor::ImageRegressor;
pub use ladder_vae::LadderVae;
pub use mlp_gan::{MlpCritic, MlpGenerator};
pub use mlp_vae::MlpVae;
pub use probe::Probe;
pub use pseudo_inputs::PseudoInputs;
pub use r3gan::{WideCritic, WideGenerator};
pub use res_gan::{ResCritic, ResGenerator};
pub use res_vae::ResVae;
pub use sn_gan::{SnCritic, SnGenerator};
pub use style_gan::{StyleCritic, StyleGenerator};
pub use vae::{Draw, Posterior, Vae, critic_of_vae};

use crate::base::{Family, Problem, Result, Shape};
use crate::recipe::{Recipe, bounds};

/// Networks of a model by name, with how many trainable numbers each has.
pub type Parts = Vec<(&'static str, usize)>;

/// A row of the table of models.
#[derive(Clone, Copy, Debug)]
pub struct ModelSpec {
    /// What a recipe calls it.
    pub id: &'static str,
    /// Its name on a card.
    pub title: &'static str,
    /// Its family.
    pub family: Family,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    parts: fn(&Recipe, &Device) -> Result<Parts>,
}

/// Every model.
pub const MODELS: &[ModelSpec] = &[
    ModelSpec {
        id: "res-gan",
        title: "Residual GAN (R3GAN)",
        family: Family::Gan,
        description: "Residual networks without normalisation that play the relativistic game with exact gradient \
                      penalties (Huang et al. 2024). Stable, keeps the variety of the data, good from small to large.",
        parts: gan_parts,
    },
    ModelSpec {
        id: "dcgan",
        title: "DCGAN",
        family: Family::Gan,
        description: "The classic of transposed convolutions and batch norm (Radford et al. 2015). Fast, instructive, \
                      and apt to lose variety.",
        parts: gan_parts,
    },
    ModelSpec {
        id: "style-gan",
        title: "StyleGAN2",
        family: Family::Gan,
        description: "A mapping network turns the latent into styles that scale every layer (Karras et al. 2020). The \
                      best latent space to explore: styles mix, directions are cleaner, truncation works.",
        parts: gan_parts,
    },
    ModelSpec {
        id: "sn-resgan",
        title: "SN-ResGAN",
        family: Family::Gan,
        description: "Residual networks with spectral normalisation and a projection critic (Miyato et al. 2018). The \
                      reference for class-conditional GANs before StyleGAN.",
        parts: gan_parts,
    },
    ModelSpec {
        id: "fast-gan",
        title: "FastGAN",
        family: Family::Gan,
        description: "Skip-layer excitation and a critic that also learns to redraw what it sees (Liu et al. 2021). Made \
                      for a hundred pictures.",
        parts: gan_parts,
    },
    ModelSpec {
        id: "mlp-gan",
        title: "MLP GAN",
        family: Family::Gan,
        description: "Fully connected networks, for points in the plane and very small pictures: to see at a glance what \
                      losses and penalties do.",
        parts: gan_parts,
    },
    ModelSpec {
        id: "conv-vae",
        title: "Convolutional VAE",
        family: Family::Vae,
        description: "Strided convolutions down to a Gaussian latent and transposed ones back up (Kingma & Welling \
                      2013). Fast; soft pictures, a well ordered latent space.",
        parts: vae_parts,
    },
    ModelSpec {
        id: "res-vae",
        title: "Residual VAE",
        family: Family::Vae,
        description: "The same model with residual blocks at each picture size. Slower, and more faithful.",
        parts: vae_parts,
    },
    ModelSpec {
        id: "mlp-vae",
        title: "MLP VAE",
        family: Family::Vae,
        description: "Fully connected layers, as in the papers that measure bounds on MNIST. For small pictures, and for \
                      numbers that compare.",
        parts: vae_parts,
    },
    ModelSpec {
        id: "ladder-vae",
        title: "Ladder VAE",
        family: Family::Vae,
        description: "Latents of two to four levels, each given the coarser ones (Sønderby et al. 2016). Its samples are \
                      better, and coarse and fine can be mixed from different pictures.",
        parts: vae_parts,
    },
];

/// The row of this id.
pub fn find(id: &str) -> Option<&'static ModelSpec> {
    MODELS.iter().find(|m| m.id == id)
}

impl ModelSpec {
    /// Trainable numbers in each network, such as `[("generator", 750_000), ("critic", 600_000)]`; none where the
    /// recipe is for another family.
    pub fn parameters(&self, recipe: &Recipe) -> Parts {
        // Blank networks on the CPU: exact, and a few milliseconds even for large ones.
        (self.parts)(recipe, &Device::flex()).unwrap_or_default()
    }

    /// Trainable numbers in all.
    pub fn parameter_count(&self, recipe: &Recipe) -> usize {
        self.parameters(recipe).iter().map(|p| p.1).sum()
    }
}

/// Trainable numbers of a recipe's networks; 0 for an unknown model.
pub fn parameter_count(recipe: &Recipe) -> usize {
    find(&recipe.model.id).map_or(0, |m| m.parameter_count(recipe))
}

fn gan_parts(recipe: &Recipe, device: &Device) -> Result<Parts> {
    Ok(vec![
        ("generator", io::trainable(&Generator::blank(recipe, device)?)),
        ("critic", io::trainable(&Critic::blank(recipe, device)?)),
    ])
}

fn vae_parts(recipe: &Recipe, device: &Device) -> Result<Parts> {
    let mut parts = vec![("vae", io::trainable(&Vae::blank(recipe, device)?))];
    if let Some(gan) = critic_of_vae(recipe) {
        parts.push(("critic", io::trainable(&Critic::blank(&gan, device)?)));
    }
    Ok(parts)
}

fn unknown(recipe: &Recipe, family: Family) -> Problem {
    let ids: Vec<&str> = MODELS.iter().filter(|m| m.family == family).map(|m| m.id).collect();
    Problem::usage(format!("This model is no {}", family.id().to_uppercase()))
        .of(format!("model.id = {}", recipe.model.id))
        .try_this(format!("Choose one of: {}", ids.join(", ")))
}

/// What every network is built from.
#[derive(Clone, Debug)]
pub(crate) struct NetworkDims {
    /// Pixels a side of the pictures.
    pub resolution: usize,
    /// Pixels a side that the network works at.
    pub built: usize,
    /// Pixels a side of the smallest size.
    pub base: usize,
    /// Times the size is doubled.
    pub doublings: usize,
    /// Channels of a picture.
    pub colours: usize,
    /// Numbers in a latent.
    pub latent: usize,
    /// Residual blocks at each size.
    pub blocks: usize,
    /// Numbers in the latent of each level, the coarsest first.
    pub levels: Vec<usize>,
    /// Classes that the model knows; 0 without.
    pub classes: usize,
    /// Channels of the widest layers.
    pub width: usize,
    /// Channels of the narrowest layers.
    pub narrow: usize,
    /// Octaves of waves beside points.
    pub waves: usize,
}

impl NetworkDims {
    /// The dimensions of a recipe that may come from anywhere.
    ///
    /// # Errors
    /// One of its sizes is out of bounds.
    pub fn checked(recipe: &Recipe) -> Result<Self> {
        bounds::check(recipe)?;
        Ok(Self::of(recipe))
    }

    pub fn of(recipe: &Recipe) -> Self {
        let (built, base, doublings) = Shape::built(recipe.data.resolution);
        Self {
            resolution: recipe.data.resolution as usize,
            built: built as usize,
            base: base as usize,
            doublings: doublings as usize,
            colours: recipe.data.channels.count(),
            latent: recipe.model.latent as usize,
            blocks: recipe.model.blocks.max(1) as usize,
            levels: recipe.model.layout().into_iter().map(|n| n as usize).collect(),
            classes: if recipe.model.conditional { recipe.model.classes.len() } else { 0 },
            width: recipe.model.width as usize,
            narrow: recipe.model.narrow as usize,
            waves: if recipe.data.channels == crate::base::Channels::Points { recipe.model.waves as usize } else { 0 },
        }
    }

    /// Channels at `count` sizes, the smallest picture first: ends with `narrow`, doubles towards `width`.
    pub fn channels(&self, count: usize) -> Vec<usize> {
        (0..count).map(|i| (self.narrow << (count - 1 - i).min(16)).min(self.width.max(self.narrow))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::preset::MODEL_IDS;

    #[test]
    fn the_table_has_every_model_that_recipes_know() {
        let rows: Vec<_> = MODELS.iter().map(|m| (m.id, m.family)).collect();
        let known: Vec<_> = MODEL_IDS.iter().map(|m| (m.0, m.1)).collect();
        assert_eq!(rows, known);
    }

    #[test]
    fn channels_double_towards_the_smallest_size() {
        let plan = NetworkDims::of(&Recipe::default());
        assert_eq!(plan.channels(plan.doublings + 1), [128, 128, 64, 32]);
        let mut odd = Recipe::default();
        (odd.model.width, odd.model.narrow) = (8, 24);
        assert_eq!(NetworkDims::of(&odd).channels(3), [24, 24, 24]);
    }

    #[test]
    fn the_default_is_as_large_as_its_peer() {
        // The PyTorch peer of the benchmarks, at 32 pixels: 0.75 M and 0.6 M.
        let parts = find("res-gan").unwrap().parameters(&Recipe::default());
        assert_eq!(parts, [("generator", 750_243), ("critic", 603_969)]);
    }
}
