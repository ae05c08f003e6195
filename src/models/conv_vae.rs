//! A convolutional VAE: strided convolutions down, transposed ones up, ReLU, no normalisation.
//!
//! After Kingma & Welling, "Auto-encoding variational Bayes" (2013), with the learned pixel variance of Rybkin,
//! Daniilidis & Levine, "Simple and effective VAE training with calibrated decoders" (2021).

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::NetworkDims;
use super::probe::{Probe, pass};
use super::vae::ClassTerm;
use crate::nn::conv::{Conv, Deconv};
use crate::nn::init::{Init, lecun};
use crate::nn::linear::Linear;
use crate::nn::{activation, per_picture, resample};
use crate::recipe::Likelihood;

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
    base: usize,
    #[module(skip)]
    built: usize,
    #[module(skip)]
    resolution: usize,
}

impl ConvVae {
    pub(crate) fn new(plan: &NetworkDims, likelihood: Likelihood, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings);
        let flat = channels[0] * plan.base * plan.base;
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
    pub fn encode(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<2> {
        let x = self.convs[0].forward(resample::padded(x, self.built));
        let x = self.convs[1..].iter().fold(x, |x, conv| conv.after_relu(x));
        ClassTerm::add(&self.class_in, self.head.forward(per_picture(activation::relu(x))), class)
    }

    /// `[b, z] → [b, c, r, r]`
    pub fn decode(&self, z: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<4> {
        self.decode_probed(z, class, &mut pass)
    }

    /// As [`Self::decode`], with features shown to `probe` on their way.
    pub(crate) fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let x = ClassTerm::add(&self.class_out, self.fc.forward(z), class);
        let [b, n] = x.dims();
        let x = x.reshape([b, n / (self.base * self.base), self.base, self.base]);
        let x = self.deconvs.iter().enumerate().fold(x, |x, (i, deconv)| deconv.after_relu(probe(i, x)));
        resample::cropped(x, self.resolution)
    }

    /// How many places of the decoder a probe is shown.
    pub(crate) fn taps(&self) -> usize {
        self.deconvs.len()
    }

    pub(crate) fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    pub(crate) fn latent(&self) -> usize {
        self.fc.weight.dims()[0]
    }
}
