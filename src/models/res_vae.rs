//! A residual VAE: the blocks of the residual GAN as encoder and decoder.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::res_gan::{down, stack, up};
use super::vae::{ClassTerm, Draw, Posterior, VaeNetwork};
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::conv::Conv;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::residual::Block;
use crate::nn::{activation, per_picture, resample};
use crate::recipe::{Likelihood, architecture};

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::RES_VAE,
    Networks::Vae(|r, dims, init| ResVae::new(dims, r.objective.likelihood, init).into()),
    r#"
@model("res-vae")
class ResVae(Vae):
    def posterior(self, x, c):
        x = leaky(self.down("encoder", self.conv("rgb_in", pad(x, self.built))))
        return self.embed("class_in", self.linear("head", x.flatten(1)), c)

    def decode(self, z, c=None):
        x = self.on_grid(self.embed("class_out", self.linear("fc", z), c))
        return crop(self.conv("rgb_out", leaky(self.up("decoder", x))), self.size)
"#,
);

/// Encoder and decoder of residual blocks, with nearest-neighbour doubling and averaging between sizes.
#[derive(Module, Debug)]
pub struct ResVae {
    /// From colours.
    pub rgb_in: Conv,
    /// Blocks, the full picture first.
    pub encoder: Vec<Block>,
    /// To mean and log variance.
    pub head: Linear,
    /// From latents to `width · base²` numbers.
    pub fc: Linear,
    /// Blocks, the smallest size first.
    pub decoder: Vec<Block>,
    /// To colours.
    pub rgb_out: Conv,
    /// Log standard deviation of pixels (Gaussian).
    pub log_sigma: Param<Tensor<1>>,
    /// What a class adds to mean and log variance.
    pub class_in: Option<ClassTerm>,
    /// What a class adds to the decoder's first layer.
    pub class_out: Option<ClassTerm>,
    #[module(skip)]
    likelihood: Likelihood,
    #[module(skip)]
    per_size: usize,
    #[module(skip)]
    base: [usize; 2],
    #[module(skip)]
    built: [usize; 2],
    #[module(skip)]
    resolution: [usize; 2],
}

impl ResVae {
    pub(crate) fn new(plan: &NetworkDims, likelihood: Likelihood, init: &Init<'_>) -> Self {
        let channels = plan.channels(plan.doublings + 1);
        let reversed: Vec<usize> = channels.iter().rev().copied().collect();
        let (first, last) = (channels[0], reversed[0]);
        let flat = first * plan.base_area();
        Self {
            rgb_in: Conv::same(&init.child("rgb_in"), plan.colours, last, 3, he(9 * plan.colours)),
            encoder: stack(&init.child("encoder"), &reversed, plan.blocks),
            // Small at first: latents begin close to their prior.
            head: Linear::new(&init.child("head"), flat, 2 * plan.latent, 0.1 * lecun(flat)),
            fc: Linear::new(&init.child("fc"), plan.latent, flat, lecun(plan.latent)),
            decoder: stack(&init.child("decoder"), &channels, plan.blocks),
            rgb_out: Conv::same(&init.child("rgb_out"), last, plan.colours, 3, 0.3 * he(9 * last)),
            log_sigma: init.filled([1], -1.0),
            class_in: ClassTerm::new(&init.child("class_in"), plan.classes, 2 * plan.latent),
            class_out: ClassTerm::new(&init.child("class_out"), plan.classes, flat),
            likelihood,
            per_size: plan.blocks,
            base: plan.base,
            built: plan.built,
            resolution: plan.resolution,
        }
    }

    /// `[b, c, r, r] → [b, 2z]`
    fn encode(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<2> {
        let x = down(&self.encoder, self.per_size, self.rgb_in.forward(resample::padded(x, self.built)));
        ClassTerm::add(&self.class_in, self.head.forward(per_picture(activation::leaky(x))), class)
    }
}

impl VaeNetwork for ResVae {
    fn infer(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> Posterior {
        draw.posterior(self.encode(x, class))
    }

    fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let x = ClassTerm::add(&self.class_out, self.fc.forward(z), class);
        let x = super::on_grid(x, self.base);
        let x = up(&self.decoder, self.per_size, x, probe);
        resample::cropped(self.rgb_out.after_leaky(x), self.resolution)
    }

    fn taps(&self) -> usize {
        self.decoder.len() / self.per_size
    }

    fn first_weights(&self) -> Tensor<2> {
        self.fc.weight.val()
    }

    fn log_sigma(&self) -> Tensor<1> {
        self.log_sigma.val()
    }

    fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    fn encoder_stages(&self, out: &mut Stages<'_>) {
        out.grid("From colours", out.at(out.dims.doublings), &[trainable(&self.rgb_in)]);
        out.blocks(&self.encoder, self.per_size, false);
        out.vector("Mean and log variance", 2 * out.dims.latent, &[trainable(&self.head), trainable(&self.class_in)]);
    }

    fn decoder_stages(&self, out: &mut Stages<'_>) {
        out.grid("From the latent", out.at(0), &[trainable(&self.fc), trainable(&self.class_out)]);
        out.blocks(&self.decoder, self.per_size, true);
        out.grid("To colours", out.picture(), &[trainable(&self.rgb_out)]);
        out.vector("Deviation of pixels", 1, &[trainable(&self.log_sigma)]);
    }
}
