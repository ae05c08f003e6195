//! Fully connected networks: for points in the plane, and for pictures small enough to be seen as one row.

use burn::module::Module;
use burn::tensor::Tensor;

use super::gan::{CriticNetwork, GeneratorNetwork};
use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::activation;
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::{Embed, judge};
use crate::nn::fourier_features;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::MLP_GAN,
    Networks::Gan {
        generator: |_, dims, init| MlpGenerator::new(dims, init).into(),
        critic: |_, dims, init| MlpCritic::new(dims, init).into(),
    },
    r#"
@model("mlp-gan")
class MlpGan(Generator):
    def generate(self, z, c=None):
        h = leaky(self.embed("embed", self.linear("first", z), c))
        for i in range(self.count("hidden")): h = leaky(self.linear(f"hidden.{i}", h))
        return self.linear("last", h).view(len(z), -1, *self.size)
"#,
);

/// Layers between the first and the last.
fn hidden(plan: &NetworkDims, init: &Init<'_>) -> Vec<Linear> {
    let layer = |i| {
        let init = init.child(format_args!("hidden.{i}"));
        Linear::new(&init, plan.width, plan.width, he(plan.width)).with_random_bias(&init, lecun(plan.width))
    };
    (0..plan.blocks).map(layer).collect()
}

/// Generator: `blocks + 2` layers of `width` units with leaky ReLUs.
#[derive(Module, Debug)]
pub struct MlpGenerator {
    /// From the latent.
    pub first: Linear,
    /// Between.
    pub hidden: Vec<Linear>,
    /// To numbers.
    pub last: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    #[module(skip)]
    shape: [usize; 3],
    /// Numbers in a latent, and whether it is given as waves too.
    #[module(skip)]
    latent: (usize, bool),
}

impl MlpGenerator {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let numbers = plan.numbers();
        let inputs = plan.latent + if plan.waves > 0 { 2 * fourier_features::RANDOM } else { 0 };
        Self {
            first: Linear::new(&init.child("first"), inputs, plan.width, lecun(inputs))
                .with_random_bias(&init.child("first"), 1.0),
            hidden: hidden(plan, init),
            last: Linear::new(&init.child("last"), plan.width, numbers, he(plan.width)),
            embed: Embed::new(&init.child("embed"), plan.classes, plan.width, 1.0),
            shape: [plan.colours, plan.resolution[0], plan.resolution[1]],
            latent: (plan.latent, plan.waves > 0),
        }
    }
}

impl GeneratorNetwork for MlpGenerator {
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let b = z.dims()[0];
        let z = if self.latent.1 { fourier_features::random(z) } else { z };
        let mut shown = |i: usize, h: Tensor<2>| {
            let [b, n] = h.dims();
            probe(i, h.reshape([b, n, 1, 1])).reshape([b, n])
        };
        let mut h = shown(0, activation::leaky(Embed::add(self.embed.as_ref(), self.first.forward(z), class)));
        for (i, layer) in self.hidden.iter().enumerate() {
            h = shown(i + 1, activation::leaky(layer.forward(h)));
        }
        let [colours, rows, columns] = self.shape;
        self.last.forward(h).reshape([b, colours, rows, columns])
    }

    fn taps(&self) -> usize {
        self.hidden.len() + 1
    }

    fn first_weights(&self) -> Tensor<2> {
        self.first.weight.val()
    }

    fn latent(&self) -> usize {
        self.latent.0
    }

    fn stages(&self, out: &mut Stages<'_>) {
        out.vector("Classes", out.dims.width, &[trainable(&self.embed)]);
        for layer in std::iter::once(&self.first).chain(&self.hidden) {
            out.vector("Fully connected layer", out.dims.width, &[trainable(layer)]);
        }
        out.grid("To colours", out.picture(), &[trainable(&self.last)]);
    }
}

/// Critic: the mirror of [`MlpGenerator`].
#[derive(Module, Debug)]
pub struct MlpCritic {
    /// From numbers.
    pub first: Linear,
    /// Between.
    pub hidden: Vec<Linear>,
    /// The judgement.
    pub fc: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    /// Octaves of waves beside the numbers.
    #[module(skip)]
    waves: usize,
}

impl MlpCritic {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let numbers = fourier_features::widened(plan.numbers(), plan.waves);
        Self {
            first: Linear::new(&init.child("first"), numbers, plan.width, lecun(numbers))
                .with_random_bias(&init.child("first"), 1.0),
            hidden: hidden(plan, init),
            fc: Linear::new(&init.child("fc"), plan.width, 1, lecun(plan.width)),
            embed: Embed::new(&init.child("embed"), plan.classes, plan.width, lecun(plan.width)),
            waves: plan.waves,
        }
    }
}

impl CriticNetwork for MlpCritic {
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let mut h = fourier_features::octaves(x.flat(), self.waves, tape).fully(&self.first).leaky(tape);
        for layer in &self.hidden {
            h = h.fully(layer).leaky(tape);
        }
        (h.clone(), judge(h, &self.fc, self.embed.as_ref(), class))
    }

    fn stages(&self, out: &mut Stages<'_>) {
        for layer in std::iter::once(&self.first).chain(&self.hidden) {
            out.vector("Fully connected layer", out.dims.width, &[trainable(layer)]);
        }
        out.vector("Judgement", 1, &[trainable(&self.fc), trainable(&self.embed)]);
    }

    fn layers(&self) -> Vec<String> {
        let hidden = (0..self.hidden.len()).map(|i| format!("hidden.{i}"));
        std::iter::once("first".to_string()).chain(hidden).chain(["fc".into()]).collect()
    }
}
