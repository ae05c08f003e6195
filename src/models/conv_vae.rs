//! A convolutional VAE: strided convolutions down, transposed ones up, ReLU, no normalisation.
//!
//! After Kingma & Welling, "Auto-encoding variational Bayes" (2013), with the learned pixel variance of Rybkin,
//! Daniilidis & Levine, "Simple and effective VAE training with calibrated decoders" (2021).

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::vae::{ClassTerm, Draw, Posterior, VaeNetwork};
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::conv::{Conv, Deconv};
use crate::nn::init::{Init, lecun};
use crate::nn::linear::Linear;
use crate::nn::{activation, per_picture, resample};
use crate::recipe::{Likelihood, architecture};

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::CONV_VAE,
    Networks::Vae(|r, dims, init| ConvVae::new(dims, r.objective.likelihood, init).into()),
    r#"
@model("conv-vae")
class ConvVae(Vae):
    def posterior(self, x, c):
        x = pad(x, self.built)
        for i in range(self.count("convs")): x = F.relu(self.stride(f"convs.{i}", x))
        return self.embed("class_in", self.linear("head", x.flatten(1)), c)

    def decode(self, z, c=None):
        x = self.on_grid(self.embed("class_out", self.linear("fc", z), c))
        for i in range(self.count("deconvs")): x = self.deconv(f"deconvs.{i}", F.relu(x))
        return crop(x, self.size)
"#,
);

/// Keeps the size of signals through a ReLU (He 2015).
fn he_relu(fan_in: usize) -> f64 {
    (2.0 / fan_in as f64).sqrt()
}

/// Encoder and decoder. Each size has twice the channels of the next larger one, up to `width`.
#[derive(Module, Debug)]
pub struct ConvVae {
    /// Each halves the size.
    pub convs: Vec<Conv>,
    /// To mean and log variance.
    pub head: Linear,
    /// From latents to `width · base²` numbers.
    pub fc: Linear,
    /// Each doubles the size; the last one makes colours.
    pub deconvs: Vec<Deconv>,
    /// Log standard deviation of pixels (Gaussian).
    pub log_sigma: Param<Tensor<1>>,
    /// What a class adds to mean and log variance.
    pub class_in: Option<ClassTerm>,
    /// What a class adds to the decoder's first layer.
    pub class_out: Option<ClassTerm>,
    #[module(skip)]
    likelihood: Likelihood,
    #[module(skip)]
    base: [usize; 2],
    #[module(skip)]
    built: [usize; 2],
    #[module(skip)]
    resolution: [usize; 2],
}

impl ConvVae {
    pub(crate) fn new(plan: &NetworkDims, likelihood: Likelihood, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings);
        let flat = channels[0] * plan.base_area();
        channels.push(plan.colours);
        // A transposed convolution of kernel 4 and stride 2 gathers 4 weights of each input channel.
        let deconvs = channels.windows(2).enumerate();
        let deconvs = deconvs
            .map(|(i, c)| Deconv::double(&init.child(format_args!("deconvs.{i}")), c[0], c[1], he_relu(4 * c[0])))
            .collect();
        channels.reverse();
        let convs = channels.windows(2).enumerate();
        let convs = convs
            .map(|(i, c)| Conv::half(&init.child(format_args!("convs.{i}")), c[0], c[1], he_relu(16 * c[0])))
            .collect();
        Self {
            convs,
            // Small at first: latents begin close to their prior.
            head: Linear::new(&init.child("head"), flat, 2 * plan.latent, 0.1 * lecun(flat)),
            fc: Linear::new(&init.child("fc"), plan.latent, flat, he_relu(plan.latent)),
            deconvs,
            log_sigma: init.filled([1], -1.0),
            class_in: ClassTerm::new(&init.child("class_in"), plan.classes, 2 * plan.latent),
            class_out: ClassTerm::new(&init.child("class_out"), plan.classes, flat),
            likelihood,
            base: plan.base,
            built: plan.built,
            resolution: plan.resolution,
        }
    }

    /// `[b, c, r, r] → [b, 2z]`
    fn encode(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<2> {
        let x = self.convs[0].forward(resample::padded(x, self.built));
        let x = self.convs[1..].iter().fold(x, |x, conv| conv.after_relu(x));
        ClassTerm::add(&self.class_in, self.head.forward(per_picture(activation::relu(x))), class)
    }
}

impl VaeNetwork for ConvVae {
    fn infer(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> Posterior {
        draw.posterior(self.encode(x, class))
    }

    fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let x = ClassTerm::add(&self.class_out, self.fc.forward(z), class);
        let x = super::on_grid(x, self.base);
        let x = self.deconvs.iter().enumerate().fold(x, |x, (i, deconv)| deconv.after_relu(probe(i, x)));
        resample::cropped(x, self.resolution)
    }

    fn taps(&self) -> usize {
        self.deconvs.len()
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
        let channels = out.dims.channels(out.dims.doublings);
        for (i, conv) in self.convs.iter().enumerate() {
            let outputs = channels[channels.len() - 1 - i];
            out.grid("Strided convolution", (self.built.map(|b| b >> (i + 1)), outputs), &[trainable(conv)]);
        }
        out.vector("Mean and log variance", 2 * out.dims.latent, &[trainable(&self.head), trainable(&self.class_in)]);
    }

    fn decoder_stages(&self, out: &mut Stages<'_>) {
        let channels = out.dims.channels(out.dims.doublings);
        let parts = [trainable(&self.fc), trainable(&self.class_out)];
        out.grid("From the latent", (self.base, channels[0]), &parts);
        for (i, deconv) in self.deconvs.iter().enumerate() {
            let outputs = channels.get(i + 1).copied().unwrap_or(out.dims.colours);
            out.grid("Transposed convolution", (self.base.map(|b| b << (i + 1)), outputs), &[trainable(deconv)]);
        }
        out.vector("Deviation of pixels", 1, &[trainable(&self.log_sigma)]);
    }
}
