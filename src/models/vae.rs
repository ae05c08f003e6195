//! What all variational auto-encoders share: Gaussian latents, a likelihood of pixels, pictures in and out.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};

use super::{ConvVae, Plan, ResVae, unknown};
use crate::base::{Family, Result};
use crate::nn::act;
use crate::nn::init::Init;
use crate::recipe::{Likelihood, Recipe};

/// Bounds of the log variance of a latent: wide enough to never matter, narrow enough for `exp`.
const LOG_VARIANCE: (f64, f64) = (-14.0, 8.0);
/// Smallest log σ of pixels: a decoder that fits its data to a grey level or less must not run away.
const LEAST_LOG_SIGMA: f64 = -6.0;

/// A variational auto-encoder.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
pub enum Vae {
    /// Strided convolutions.
    Conv(ConvVae),
    /// Residual blocks.
    Res(ResVae),
}

impl Vae {
    /// A fresh auto-encoder with the first weights of `recipe.seed`, the same on every device.
    ///
    /// # Errors
    /// The recipe names no VAE.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::new(recipe.seed, "vae", device))
    }

    /// Zeros instead of random numbers: for weights that are about to be loaded.
    ///
    /// # Errors
    /// The recipe names no VAE.
    pub fn blank(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::blank("vae", device))
    }

    fn build(recipe: &Recipe, init: &Init<'_>) -> Result<Self> {
        let plan = Plan::of(recipe);
        match recipe.model.id.as_str() {
            "res-vae" => Ok(Self::Res(ResVae::new(&plan, recipe.objective.likelihood, init))),
            "conv-vae" => Ok(Self::Conv(ConvVae::new(&plan, recipe.objective.likelihood, init))),
            _ => Err(unknown(recipe, Family::Vae)),
        }
    }

    /// What the encoder says of pictures in [-1, 1]: mean and log variance of their latents.
    /// `[b, c, r, r] → ([b, z], [b, z])`; the log variance is clamped to −14…8.
    pub fn encode(&self, x: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let both = match self {
            Self::Conv(net) => net.encode(x),
            Self::Res(net) => net.encode(x),
        };
        let [b, n] = both.dims();
        let mean = both.clone().slice([0..b, 0..n / 2]);
        let log_variance = both.slice([0..b, n / 2..n]);
        (mean, log_variance.clamp(LOG_VARIANCE.0, LOG_VARIANCE.1))
    }

    /// What the decoder says of latents, over pictures in [0, 1]: for Bernoulli the logits of each channel of each
    /// pixel, for Gaussian their means. `[b, z] → [b, c, r, r]`
    pub fn decode(&self, z: Tensor<2>) -> Tensor<4> {
        match self {
            Self::Conv(net) => net.decode(z),
            Self::Res(net) => net.decode(z),
        }
    }

    /// Log standard deviation of all pixels (Gaussian; learned), never below −6. `[1]`
    pub fn log_sigma(&self) -> Tensor<1> {
        let raw = match self {
            Self::Conv(net) => net.log_sigma.val(),
            Self::Res(net) => net.log_sigma.val(),
        };
        act::softplus(raw - LEAST_LOG_SIGMA) + LEAST_LOG_SIGMA
    }

    /// Likelihood of pixels.
    pub fn likelihood(&self) -> Likelihood {
        match self {
            Self::Conv(net) => net.likelihood(),
            Self::Res(net) => net.likelihood(),
        }
    }

    /// Pictures in [-1, 1] of what [`Self::decode`] says: its mean. Shapes stay.
    pub fn to_picture(&self, decoded: Tensor<4>) -> Tensor<4> {
        let mean = match self.likelihood() {
            Likelihood::Bernoulli => sigmoid(decoded),
            Likelihood::Gaussian => decoded.clamp(0.0, 1.0),
        };
        mean * 2.0 - 1.0
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        match self {
            Self::Conv(net) => net.latent(),
            Self::Res(net) => net.latent(),
        }
    }
}
