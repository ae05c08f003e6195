//! What all variational auto-encoders share: Gaussian latents, a likelihood of pixels, pictures in and out.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::outline::Stages;
use super::probe::{Probe, pass};
use super::{Networks, Vae, build};
use crate::base::Result;
use crate::nn::activation;
use crate::nn::init::Init;
use crate::recipe::architecture::RES_GAN;
use crate::recipe::{Likelihood, Recipe};

/// Bounds of the log variance of a latent: wide enough to never matter, narrow enough for `exp`.
const LOG_VARIANCE: (f64, f64) = (-14.0, 8.0);
/// Smallest log σ of pixels: a decoder that fits its data to a grey level or less must not run away.
const LEAST_LOG_SIGMA: f64 = -6.0;

/// What the networks of a VAE have to do.
pub(super) trait VaeNetwork {
    /// See [`Vae::infer`].
    fn infer(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> Posterior;

    /// As [`Vae::decode`], with features shown to `probe` on their way.
    fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4>;

    /// How many places of the decoder a probe is shown.
    fn taps(&self) -> usize;

    /// The first weights of the decoder, `[z, out]`.
    fn first_weights(&self) -> Tensor<2>;

    /// Log standard deviation of all pixels before it is bounded, `[1]`.
    fn log_sigma(&self) -> Tensor<1>;

    /// Likelihood of pixels.
    fn likelihood(&self) -> Likelihood;

    /// Tells the stages of the encoder.
    fn encoder_stages(&self, out: &mut Stages<'_>);

    /// Tells the stages of the decoder.
    fn decoder_stages(&self, out: &mut Stages<'_>);

    /// Numbers in the latent of each level, the coarsest first.
    fn layout(&self) -> Vec<usize> {
        vec![self.first_weights().dims()[0]]
    }

    /// See [`Vae::forward`].
    fn forward(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> (Posterior, Tensor<4>) {
        let class_of_rows = class.map(|c| tiled(c.clone(), draw.rows(x.dims()[0])));
        let posterior = self.infer(x, draw, class);
        let decoded = self.decode_probed(posterior.z.clone(), class_of_rows.as_ref(), &mut pass);
        (posterior, decoded)
    }
}

/// The enum of all VAEs, from one line for each.
macro_rules! vaes {
    ($($(#[$doc:meta])* $variant:ident($net:ident)),+ $(,)?) => {
        /// A variational auto-encoder.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
        pub enum Vae {
            $($(#[$doc])* $variant($net)),+
        }

        $(
            impl From<$net> for Vae {
                fn from(net: $net) -> Self {
                    Self::$variant(net)
                }
            }
        )+

        impl Vae {
            fn network(&self) -> &dyn vae::VaeNetwork {
                match self {
                    $(Self::$variant(net) => net),+
                }
            }
        }
    };
}
pub(super) use vaes;

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

    /// Latents of a posterior that the encoder gave whole, `[b, 2z]`.
    pub(super) fn posterior(&self, both: Tensor<2>) -> Posterior {
        let (rows, latent) = (self.rows(both.dims()[0]), both.dims()[1] / 2);
        let (mean, log_variance) = bounded(tiled(both, rows));
        let z = self.of(&mean, &log_variance, 0..latent);
        Posterior { mean, log_variance, z }
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
        build(recipe, init, |n| if let Networks::Vae(vae) = n { Some(*vae) } else { None })
    }

    /// What the encoder says of pictures in [-1, 1], and latents taken of them.
    /// `[b, c, r, r] → [k·b, z]`; `class` is `[b, classes]`, the share of each class.
    pub fn infer(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> Posterior {
        self.network().infer(x, draw, class)
    }

    /// [`Self::infer`] and [`Self::decode`] at once. `[b, c, r, r] → ([k·b, z], [k·b, c, r, r])`
    pub fn forward(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> (Posterior, Tensor<4>) {
        self.network().forward(x, draw, class)
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
        self.decode_probed(z, class, &mut pass)
    }

    /// As [`Self::decode`], with features shown to `probe` on their way.
    pub fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        self.network().decode_probed(z, class, probe)
    }

    /// The first weights of the decoder, `[z, out]`.
    pub fn first_weights(&self) -> Tensor<2> {
        self.network().first_weights()
    }

    /// How many places of the decoder a probe is shown.
    pub fn taps(&self) -> usize {
        self.network().taps()
    }

    /// Log standard deviation of all pixels (Gaussian; learned), never below −6. `[1]`
    pub fn log_sigma(&self) -> Tensor<1> {
        activation::softplus(self.network().log_sigma() - LEAST_LOG_SIGMA) + LEAST_LOG_SIGMA
    }

    /// Likelihood of pixels.
    pub fn likelihood(&self) -> Likelihood {
        self.network().likelihood()
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
        self.network().layout()
    }

    pub(super) fn encoder_stages(&self, out: &mut Stages<'_>) {
        self.network().encoder_stages(out);
    }

    pub(super) fn decoder_stages(&self, out: &mut Stages<'_>) {
        self.network().decoder_stages(out);
    }
}

/// The recipe of a GAN whose critic is trained along with this VAE; nothing if none is.
pub fn critic_of_vae(recipe: &Recipe) -> Option<Recipe> {
    let mut gan = recipe.clone();
    gan.model.id = RES_GAN.id.into();
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
