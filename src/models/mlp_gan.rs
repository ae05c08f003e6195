//! Fully connected networks: for points in the plane, and for pictures small enough to be seen as one row.

use burn::module::Module;
use burn::tensor::Tensor;

use super::NetworkDims;
use super::probe::{self, Probe};
use crate::nn::activation;
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::{Embed, judge};
use crate::nn::fourier_features;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;

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
    shape: [usize; 2],
    /// Numbers in a latent, and whether it is given as waves too.
    #[module(skip)]
    latent: (usize, bool),
}

impl MlpGenerator {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let numbers = plan.colours * plan.resolution * plan.resolution;
        let inputs = plan.latent + if plan.waves > 0 { 2 * fourier_features::RANDOM } else { 0 };
        Self {
            first: Linear::new(&init.child("first"), inputs, plan.width, lecun(inputs))
                .with_random_bias(&init.child("first"), 1.0),
            hidden: hidden(plan, init),
            last: Linear::new(&init.child("last"), plan.width, numbers, he(plan.width)),
            embed: Embed::new(&init.child("embed"), plan.classes, plan.width, 1.0),
            shape: [plan.colours, plan.resolution],
            latent: (plan.latent, plan.waves > 0),
        }
    }

    /// `[b, z] → [b, c, r, r]`
    pub fn forward(&self, z: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<4> {
        self.forward_probed(z, class, &mut probe::pass)
    }

    /// As [`Self::forward`], with features shown to `probe` on their way.
    pub fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
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
        let [colours, side] = self.shape;
        self.last.forward(h).reshape([b, colours, side, side])
    }

    /// How many places a probe is shown.
    pub(crate) fn taps(&self) -> usize {
        self.hidden.len() + 1
    }

    pub(crate) fn latent(&self) -> usize {
        self.latent.0
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
        let numbers = fourier_features::widened(plan.colours * plan.resolution * plan.resolution, plan.waves);
        Self {
            first: Linear::new(&init.child("first"), numbers, plan.width, lecun(numbers))
                .with_random_bias(&init.child("first"), 1.0),
            hidden: hidden(plan, init),
            fc: Linear::new(&init.child("fc"), plan.width, 1, lecun(plan.width)),
            embed: Embed::new(&init.child("embed"), plan.classes, plan.width, lecun(plan.width)),
            waves: plan.waves,
        }
    }

    pub(crate) fn forward_dual(
        &self,
        x: Dual<4>,
        class: Option<&Tensor<2>>,
        tape: &mut ActivationTape,
    ) -> (Dual<2>, Dual<2>) {
        let mut h = fourier_features::octaves(x.flat(), self.waves, tape).fully(&self.first).leaky(tape);
        for layer in &self.hidden {
            h = h.fully(layer).leaky(tape);
        }
        (h.clone(), judge(h, &self.fc, self.embed.as_ref(), class))
    }

    pub(crate) fn layers(&self) -> Vec<String> {
        let hidden = (0..self.hidden.len()).map(|i| format!("hidden.{i}"));
        std::iter::once("first".to_string()).chain(hidden).chain(["fc".into()]).collect()
    }
}
