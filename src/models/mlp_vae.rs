//! A VAE of fully connected layers: the network that bounds on MNIST and its kin are compared by.
//!
//! After Kingma & Welling, "Auto-encoding variational Bayes" (2013), with two hidden layers each way as in Burda, Grosse &
//! Salakhutdinov (2016).

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::vae::{ClassTerm, Draw, Posterior, VaeNetwork};
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::init::{Init, lecun};
use crate::nn::linear::Linear;
use crate::nn::{activation, per_picture};
use crate::recipe::{Likelihood, architecture};

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::MLP_VAE,
    Networks::Vae(|r, dims, init| MlpVae::new(dims, r.objective.likelihood, init).into()),
    r#"
@model("mlp-vae")
class MlpVae(Vae):
    def hidden(self, layers, h, term, c):
        for i in range(self.count(layers)):
            h = self.linear(f"{layers}.{i}", h)
            h = F.relu(self.embed(term, h, c) if i == 0 else h)
        return h

    def posterior(self, x, c): return self.linear("head", self.hidden("encoder", x.flatten(1), "class_in", c))

    def decode(self, z, c=None):
        return self.linear("out", self.hidden("decoder", z, "class_out", c)).view(len(z), -1, *self.size)
"#,
);

/// Keeps the size of signals through a ReLU (He 2015).
fn he_relu(fan_in: usize) -> f64 {
    (2.0 / fan_in as f64).sqrt()
}

/// Encoder and decoder of `blocks` hidden layers of `width` units each, with ReLUs.
#[derive(Module, Debug)]
pub struct MlpVae {
    /// Hidden layers, the picture first.
    pub encoder: Vec<Linear>,
    /// To mean and log variance.
    pub head: Linear,
    /// Hidden layers, the latent first.
    pub decoder: Vec<Linear>,
    /// To colours.
    pub out: Linear,
    /// Log standard deviation of pixels (Gaussian).
    pub log_sigma: Param<Tensor<1>>,
    /// What a class adds to the encoder's first hidden layer.
    pub class_in: Option<ClassTerm>,
    /// What a class adds to the decoder's first hidden layer.
    pub class_out: Option<ClassTerm>,
    #[module(skip)]
    likelihood: Likelihood,
    #[module(skip)]
    colours: usize,
    #[module(skip)]
    resolution: [usize; 2],
}

impl MlpVae {
    pub(crate) fn new(plan: &NetworkDims, likelihood: Likelihood, init: &Init<'_>) -> Self {
        let flat = plan.numbers();
        let layers = |half: &str, first: usize| -> Vec<Linear> {
            let inputs = |i: usize| if i == 0 { first } else { plan.width };
            let layer =
                |i| Linear::new(&init.child(format_args!("{half}.{i}")), inputs(i), plan.width, he_relu(inputs(i)));
            (0..plan.blocks).map(layer).collect()
        };
        Self {
            encoder: layers("encoder", flat),
            // Small at first: latents begin close to their prior.
            head: Linear::new(&init.child("head"), plan.width, 2 * plan.latent, 0.1 * lecun(plan.width)),
            decoder: layers("decoder", plan.latent),
            out: Linear::new(&init.child("out"), plan.width, flat, lecun(plan.width)),
            log_sigma: init.filled([1], -1.0),
            class_in: ClassTerm::new(&init.child("class_in"), plan.classes, plan.width),
            class_out: ClassTerm::new(&init.child("class_out"), plan.classes, plan.width),
            likelihood,
            colours: plan.colours,
            resolution: plan.resolution,
        }
    }

    /// `[b, c, r, r] → [b, 2z]`
    fn encode(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<2> {
        self.head.forward(hidden(&self.encoder, per_picture(x), |y| ClassTerm::add(&self.class_in, y, class)))
    }
}

impl VaeNetwork for MlpVae {
    fn infer(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> Posterior {
        draw.posterior(self.encode(x, class))
    }

    fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let mut h = z;
        for (i, layer) in self.decoder.iter().enumerate() {
            let y = layer.forward(h);
            let y = activation::relu(if i == 0 { ClassTerm::add(&self.class_out, y, class) } else { y });
            let [b, n] = y.dims();
            h = probe(i, y.reshape([b, n, 1, 1])).reshape([b, n]);
        }
        let b = h.dims()[0];
        self.out.forward(h).reshape([b, self.colours, self.resolution[0], self.resolution[1]])
    }

    fn taps(&self) -> usize {
        self.decoder.len()
    }

    fn first_weights(&self) -> Tensor<2> {
        self.decoder.first().unwrap_or(&self.out).weight.val()
    }

    fn log_sigma(&self) -> Tensor<1> {
        self.log_sigma.val()
    }

    fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    fn encoder_stages(&self, out: &mut Stages<'_>) {
        out.vector("Classes", out.dims.width, &[trainable(&self.class_in)]);
        for layer in &self.encoder {
            out.vector("Fully connected layer", out.dims.width, &[trainable(layer)]);
        }
        out.vector("Mean and log variance", 2 * out.dims.latent, &[trainable(&self.head)]);
    }

    fn decoder_stages(&self, out: &mut Stages<'_>) {
        out.vector("Classes", out.dims.width, &[trainable(&self.class_out)]);
        for layer in &self.decoder {
            out.vector("Fully connected layer", out.dims.width, &[trainable(layer)]);
        }
        out.grid("To colours", out.picture(), &[trainable(&self.out)]);
        out.vector("Deviation of pixels", 1, &[trainable(&self.log_sigma)]);
    }
}

/// Through hidden layers; `first` is added to before its activation.
fn hidden(layers: &[Linear], x: Tensor<2>, first: impl Fn(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
    layers.iter().enumerate().fold(x, |x, (i, layer)| {
        let y = layer.forward(x);
        activation::relu(if i == 0 { first(y) } else { y })
    })
}
