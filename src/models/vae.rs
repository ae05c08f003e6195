//! What all variational auto-encoders share: Gaussian latents, a likelihood of pixels, pictures in and out.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::{ConvVae, LadderVae, MlpVae, NetworkDims, Probe, ResVae, unknown};
use crate::base::{Family, Result};
use crate::nn::activation;
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
    /// Fully connected.
    Mlp(MlpVae),
    /// Several levels of latents.
    Ladder(LadderVae),
}

/// Which latent of a picture is taken.
#[derive(Clone, Debug)]
pub enum Draw {
    /// The posterior's mean.
    Mean,
    /// Drawn from the posterior by this noise, `[k·b, z]`: the first of all pictures, the second of all, and so on.
    Noise(Tensor<2>),
    /// This one, `[k·b, z]`, for what the posterior says of it.
    Given(Tensor<2>),
}

/// What the encoder says of pictures, and the latents taken. Each `[k·b, z]`; `k` is 1 unless [`Draw`] says otherwise.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// Mean of each latent dimension; of a level's, given the latent of the coarser ones.
    pub mean: Tensor<2>,
    /// Log variance, −14…8.
    pub log_variance: Tensor<2>,
    /// The latents.
    pub z: Tensor<2>,
}

impl Draw {
    /// Rows of what is taken of `b` pictures.
    pub(super) fn rows(&self, b: usize) -> usize {
        match self {
            Self::Mean => b,
            Self::Noise(t) | Self::Given(t) => t.dims()[0],
        }
    }

    /// A part of the latents, where the posterior says this of the part.
    pub(super) fn of(&self, mean: &Tensor<2>, log_variance: &Tensor<2>, part: Range<usize>) -> Tensor<2> {
        let columns = |t: &Tensor<2>| {
            let [rows, _] = t.dims();
            t.clone().slice([0..rows, part.clone()])
        };
        match self {
            Self::Mean => mean.clone(),
            Self::Noise(noise) => mean.clone() + (log_variance.clone() * 0.5).exp() * columns(noise),
            Self::Given(z) => columns(z),
        }
    }
}

/// What each class adds to a layer, `[classes, out]`; zero at first. A blend of classes adds the same blend of rows, and
/// no class adds nothing.
#[derive(Module, Debug)]
pub struct ClassTerm {
    /// `[classes, out]`.
    pub weight: Param<Tensor<2>>,
}

impl ClassTerm {
    /// For a model that knows classes.
    pub(super) fn new(init: &Init<'_>, classes: usize, outputs: usize) -> Option<Self> {
        (classes > 0).then(|| Self { weight: init.filled([classes, outputs], 0.0) })
    }

    /// `x + class·W`, if there is a class and the model knows classes. `([b, out], [b, classes]) → [b, out]`
    pub(super) fn add(term: &Option<Self>, x: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<2> {
        match (term, class) {
            (Some(term), Some(class)) => x + class.clone().matmul(term.weight.val()),
            _ => x,
        }
    }
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
        let (plan, likelihood) = (NetworkDims::checked(recipe)?, recipe.objective.likelihood);
        match recipe.model.id.as_str() {
            "res-vae" => Ok(Self::Res(ResVae::new(&plan, likelihood, init))),
            "conv-vae" => Ok(Self::Conv(ConvVae::new(&plan, likelihood, init))),
            "mlp-vae" => Ok(Self::Mlp(MlpVae::new(&plan, likelihood, init))),
            "ladder-vae" => Ok(Self::Ladder(LadderVae::new(&plan, likelihood, init))),
            _ => Err(unknown(recipe, Family::Vae)),
        }
    }

    /// What the encoder says of pictures in [-1, 1], and latents taken of them.
    /// `[b, c, r, r] → [k·b, z]`; `class` is `[b, classes]`, the share of each class.
    pub fn infer(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> Posterior {
        let rows = draw.rows(x.dims()[0]);
        let both = match self {
            Self::Conv(net) => net.encode(x, class),
            Self::Res(net) => net.encode(x, class),
            Self::Mlp(net) => net.encode(x, class),
            Self::Ladder(net) => {
                let class = class.map(|c| tiled(c.clone(), rows));
                return net.infer(x, draw, class.as_ref());
            }
        };
        let (mean, log_variance) = bounded(tiled(both, rows));
        let z = draw.of(&mean, &log_variance, 0..self.latent());
        Posterior { mean, log_variance, z }
    }

    /// [`Self::infer`] and [`Self::decode`] at once. `[b, c, r, r] → ([k·b, z], [k·b, c, r, r])`
    pub fn forward(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> (Posterior, Tensor<4>) {
        let rows = draw.rows(x.dims()[0]);
        let class_of_rows = class.map(|c| tiled(c.clone(), rows));
        if let Self::Ladder(net) = self {
            return net.forward(x, draw, class_of_rows.as_ref());
        }
        let posterior = self.infer(x, draw, class);
        let decoded = self.decode(posterior.z.clone(), class_of_rows.as_ref());
        (posterior, decoded)
    }

    /// Mean and log variance of the posterior of pictures in [-1, 1]; of a level's, at the mean of the coarser ones.
    /// `[b, c, r, r] → ([b, z], [b, z])`
    pub fn encode(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let posterior = self.infer(x, &Draw::Mean, class);
        (posterior.mean, posterior.log_variance)
    }

    /// What the decoder says of latents, over pictures in [0, 1]: for Bernoulli the logits of each channel of each
    /// pixel, for Gaussian their means. `[b, z] → [b, c, r, r]`; `class` is `[b, classes]`.
    pub fn decode(&self, z: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<4> {
        match self {
            Self::Conv(net) => net.decode(z, class),
            Self::Res(net) => net.decode(z, class),
            Self::Mlp(net) => net.decode(z, class),
            Self::Ladder(net) => net.decode(z, class),
        }
    }

    /// As [`Self::decode`], with features shown to `probe` on their way.
    pub fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        match self {
            Self::Conv(net) => net.decode_probed(z, class, probe),
            Self::Res(net) => net.decode_probed(z, class, probe),
            Self::Mlp(net) => net.decode_probed(z, class, probe),
            Self::Ladder(net) => net.decode_probed(z, class, probe),
        }
    }

    /// The first weights of the decoder, `[z, out]`.
    pub fn first_weights(&self) -> Tensor<2> {
        match self {
            Self::Conv(net) => net.fc.weight.val(),
            Self::Res(net) => net.fc.weight.val(),
            Self::Mlp(net) => match net.decoder.first() {
                Some(layer) => layer.weight.val(),
                None => net.out.weight.val(),
            },
            Self::Ladder(net) => net.first_weights(),
        }
    }

    /// How many places of the decoder a probe is shown.
    pub fn taps(&self) -> usize {
        match self {
            Self::Conv(net) => net.taps(),
            Self::Res(net) => net.taps(),
            Self::Mlp(net) => net.taps(),
            Self::Ladder(net) => net.taps(),
        }
    }

    /// Log standard deviation of all pixels (Gaussian; learned), never below −6. `[1]`
    pub fn log_sigma(&self) -> Tensor<1> {
        let raw = match self {
            Self::Conv(net) => net.log_sigma.val(),
            Self::Res(net) => net.log_sigma.val(),
            Self::Mlp(net) => net.log_sigma.val(),
            Self::Ladder(net) => net.log_sigma.val(),
        };
        activation::softplus(raw - LEAST_LOG_SIGMA) + LEAST_LOG_SIGMA
    }

    /// Likelihood of pixels.
    pub fn likelihood(&self) -> Likelihood {
        match self {
            Self::Conv(net) => net.likelihood(),
            Self::Res(net) => net.likelihood(),
            Self::Mlp(net) => net.likelihood(),
            Self::Ladder(net) => net.likelihood(),
        }
    }

    /// Pictures in [-1, 1] of what [`Self::decode`] says: its mean. Shapes stay.
    pub fn to_picture(&self, decoded: Tensor<4>) -> Tensor<4> {
        let mean = match self.likelihood() {
            Likelihood::Bernoulli => activation::sigmoid(decoded),
            Likelihood::Gaussian => decoded.clamp(0.0, 1.0),
        };
        mean * 2.0 - 1.0
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        self.layout().iter().sum()
    }

    /// Numbers in the latent of each level, the coarsest first; one level unless it is a ladder.
    pub fn layout(&self) -> Vec<usize> {
        match self {
            Self::Conv(net) => vec![net.latent()],
            Self::Res(net) => vec![net.latent()],
            Self::Mlp(net) => vec![net.latent()],
            Self::Ladder(net) => net.layout(),
        }
    }
}

/// The recipe of a GAN whose critic is trained along with this VAE; nothing if none is.
pub fn critic_of_vae(recipe: &Recipe) -> Option<Recipe> {
    let mut gan = recipe.clone();
    gan.model.id = "res-gan".into();
    (gan.model.expansion, gan.model.blocks) = (0, 1);
    // A fully connected VAE has hundreds of units where a convolution has channels.
    gan.model.width = gan.model.width.min(128);
    gan.model.narrow = gan.model.narrow.min(32);
    recipe.objective.vae.has_critic().then_some(gan)
}

/// Mean and log variance of `[b, 2z]`, the latter within its bounds.
pub(super) fn bounded(both: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let (mean, log_variance) = halves(both);
    (mean, log_variance.clamp(LOG_VARIANCE.0, LOG_VARIANCE.1))
}

/// `[b, 2n] → ([b, n], [b, n])`
pub(super) fn halves(both: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let [b, n] = both.dims();
    (both.clone().slice([0..b, 0..n / 2]), both.slice([0..b, n / 2..n]))
}

/// All rows once, then once more, up to `rows`. `[b, …] → [rows, …]`
pub(super) fn tiled<const D: usize>(x: Tensor<D>, rows: usize) -> Tensor<D> {
    let b = x.dims()[0];
    if rows == b { x } else { x.repeat_dim(0, rows / b) }
}
