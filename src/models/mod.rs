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
pub mod info;
pub mod io;
mod res_gan;
mod res_vae;
mod vae;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use crate::nn::resample::padded;
pub use conv_vae::ConvVae;
pub use dcgan::{DcCritic, DcGenerator};
pub use res_gan::{ResCritic, ResGenerator, ResTrace};
pub use res_vae::ResVae;
pub use vae::Vae;

use crate::base::{Family, Problem, Result, Shape};
use crate::nn::init::Init;
use crate::recipe::Recipe;

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
        ("critic", io::trainable(&Critic::build(recipe, &Init::blank("critic", device))?)),
    ])
}

fn vae_parts(recipe: &Recipe, device: &Device) -> Result<Parts> {
    Ok(vec![("vae", io::trainable(&Vae::blank(recipe, device)?))])
}

fn unknown(recipe: &Recipe, family: Family) -> Problem {
    let ids: Vec<&str> = MODELS.iter().filter(|m| m.family == family).map(|m| m.id).collect();
    Problem::usage(format!("This model is no {}", family.id().to_uppercase()))
        .of(format!("model.id = {}", recipe.model.id))
        .try_this(format!("Choose one of: {}", ids.join(", ")))
}

/// What every network is built from.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
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
    width: usize,
    narrow: usize,
}

impl Plan {
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
            width: recipe.model.width as usize,
            narrow: recipe.model.narrow as usize,
        }
    }

    /// Channels at `count` sizes, the smallest picture first: ends with `narrow`, doubles towards `width`.
    pub fn channels(&self, count: usize) -> Vec<usize> {
        (0..count).map(|i| (self.narrow << (count - 1 - i).min(16)).min(self.width.max(self.narrow))).collect()
    }
}

/// The network of a GAN that makes pictures.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
pub enum Generator {
    /// Residual.
    ResGan(ResGenerator),
    /// Classic.
    Dcgan(DcGenerator),
}

impl Generator {
    /// A fresh generator with the first weights of `recipe.seed`, the same on every device.
    ///
    /// For training, `device` is an autodiff device.
    ///
    /// # Errors
    /// The recipe names no GAN.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::new(recipe.seed, "generator", device))
    }

    /// Zeros instead of random numbers: for weights that are about to be loaded.
    ///
    /// # Errors
    /// The recipe names no GAN.
    pub fn blank(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::blank("generator", device))
    }

    fn build(recipe: &Recipe, init: &Init<'_>) -> Result<Self> {
        let plan = Plan::of(recipe);
        match recipe.model.id.as_str() {
            "dcgan" => Ok(Self::Dcgan(DcGenerator::new(&plan, init))),
            "res-gan" => Ok(Self::ResGan(ResGenerator::new(&plan, init))),
            _ => Err(unknown(recipe, Family::Gan)),
        }
    }

    /// Pictures of latents, about in [-1, 1]. `[b, z] → [b, c, r, r]`
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        match self {
            Self::ResGan(net) => net.forward(z),
            Self::Dcgan(net) => net.forward(z),
        }
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        match self {
            Self::ResGan(net) => net.latent(),
            Self::Dcgan(net) => net.latent(),
        }
    }
}

/// The network of a GAN that tells real pictures from generated ones.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
pub enum Critic {
    /// Residual.
    ResGan(ResCritic),
    /// Classic.
    Dcgan(DcCritic),
}

/// What a tangent needs of the forward pass at the same pictures: see [`Critic::trace`]. Nothing of the classic critic:
/// its samples depend on each other by batch norm, and it takes no penalty.
pub type Trace = Option<ResTrace>;

impl Critic {
    /// A fresh critic with the first weights of `recipe.seed`, the same on every device.
    ///
    /// # Errors
    /// The recipe names no GAN.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::new(recipe.seed, "critic", device))
    }

    fn build(recipe: &Recipe, init: &Init<'_>) -> Result<Self> {
        let plan = Plan::of(recipe);
        match recipe.model.id.as_str() {
            "dcgan" => Ok(Self::Dcgan(DcCritic::new(&plan, init))),
            "res-gan" => Ok(Self::ResGan(ResCritic::new(&plan, init))),
            _ => Err(unknown(recipe, Family::Gan)),
        }
    }

    /// How real each picture looks, without bounds. `[b, c, r, r] → [b, 1]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        match self {
            Self::ResGan(net) => net.forward(x),
            Self::Dcgan(net) => net.forward(x),
        }
    }

    /// [`Self::forward`], and what [`Self::tangent`] needs of it.
    pub fn trace(&self, x: Tensor<4>) -> (Tensor<2>, Trace) {
        match self {
            Self::ResGan(net) => {
                let (d, trace) = net.trace(x);
                (d, Some(trace))
            }
            Self::Dcgan(net) => (net.forward(x), None),
        }
    }

    /// Derivative of the critic along `u`, at the traced pictures: forward mode by ordinary operations, so that
    /// first-order autodiff differentiates it by the weights. `[b, c, r, r] → [b, 1]`
    ///
    /// The traced slopes are constants: with leaky ReLUs that is exact almost everywhere.
    pub fn tangent(&self, u: Tensor<4>, trace: &Trace) -> Tensor<2> {
        match (self, trace) {
            (Self::ResGan(net), Some(trace)) => net.tangent(u, trace),
            // No penalty is ever taken of such a critic (`takes_penalty`, `Recipe::validate`).
            _ => Tensor::zeros([u.dims()[0], 1], &u.device()),
        }
    }

    /// Value and derivative along `u`: `(D(x), ∂D(x)[u])`, each `[b, 1]`.
    pub fn dual(&self, x: Tensor<4>, u: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let (value, trace) = self.trace(x);
        let tangent = self.tangent(u, &trace);
        (value, tangent)
    }

    /// Whether gradient penalties can be taken: not where batch norm ties samples together.
    pub fn takes_penalty(&self) -> bool {
        matches!(self, Self::ResGan(_))
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
        let plan = Plan::of(&Recipe::default());
        assert_eq!(plan.channels(plan.doublings + 1), [128, 128, 64, 32]);
        let mut odd = Recipe::default();
        (odd.model.width, odd.model.narrow) = (8, 24);
        assert_eq!(Plan::of(&odd).channels(3), [24, 24, 24]);
    }

    #[test]
    fn the_default_is_as_large_as_its_peer() {
        // The PyTorch peer of the benchmarks, at 32 pixels: 0.75 M and 0.6 M.
        let parts = find("res-gan").unwrap().parameters(&Recipe::default());
        assert_eq!(parts, [("generator", 750_243), ("critic", 603_969)]);
    }
}
