//! The residual block of R3GAN, small: two 3×3 convolutions, no normalisation, fix-up initialisation.

use burn::module::Module;
use burn::tensor::Tensor;

use super::conv::Conv;
use super::dual::{ActivationTape, Dual};
use super::init::{Init, he, lecun};

/// `skip(x) + b(leaky(a(leaky(x))))`; `skip` is the identity, or 1×1 where the number of channels changes.
#[derive(Module, Debug)]
pub struct Block {
    /// First convolution, scaled by the depth of the network.
    pub a: Conv,
    /// Second convolution; zero at first, so that the whole network starts as its skips.
    pub b: Conv,
    /// 1×1, without bias.
    pub skip: Option<Conv>,
}

impl Block {
    /// A block in a network of `depth` blocks (fix-up: Zhang, Dauphin & Ma 2019).
    pub fn new(init: &Init<'_>, inputs: usize, outputs: usize, depth: usize) -> Self {
        let scale = (depth as f64).powf(-0.5);
        Self {
            a: Conv::same(&init.child("a"), inputs, outputs, 3, he(9 * inputs) * scale),
            b: Conv::same(&init.child("b"), outputs, outputs, 3, 0.0),
            skip: (inputs != outputs)
                .then(|| Conv::same(&init.child("skip"), inputs, outputs, 1, lecun(inputs)).without_bias()),
        }
    }

    /// `[b, in, h, w] → [b, out, h, w]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = self.b.after_leaky(self.a.after_leaky(x.clone()));
        self.skip(x) + inner
    }

    /// [`Self::forward`] of a value, a tangent or both.
    pub fn forward_dual(&self, x: Dual<4>, tape: &mut ActivationTape) -> Dual<4> {
        let skip = match &self.skip {
            Some(conv) => x.clone().conv(conv),
            None => x.clone(),
        };
        skip.join(x.leaky_conv(&self.a, tape).leaky_conv(&self.b, tape))
    }

    fn skip(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.skip {
            Some(conv) => conv.forward(x),
            None => x,
        }
    }
}

/// R3GAN's block as published: an inverted bottleneck of 1×1, grouped 3×3 and 1×1 convolutions around the identity
/// (Huang 2024). Fix-up initialisation.
#[derive(Module, Debug)]
pub struct Wide {
    /// 1×1, to `expansion` times the channels.
    pub a: Conv,
    /// 3×3, each group of channels by itself.
    pub b: Conv,
    /// 1×1, back; zero at first.
    pub c: Conv,
}

impl Wide {
    /// A block in a network of `depth` blocks, `expansion` times wider in its middle, with groups of `group` channels
    /// there (0: no groups).
    pub fn new(init: &Init<'_>, channels: usize, expansion: usize, group: usize, depth: usize) -> Self {
        // Three layers, of which the last is zero: the others share the scaling.
        let scale = (depth as f64).powf(-0.25);
        let inner = channels * expansion;
        let groups = groups_of(inner, group);
        Self {
            a: Conv::same(&init.child("a"), channels, inner, 1, he(channels) * scale),
            b: Conv::grouped(&init.child("b"), inner, groups, he(9 * inner / groups) * scale),
            c: Conv::same(&init.child("c"), inner, channels, 1, 0.0).without_bias(),
        }
    }

    /// `[b, c, h, w] → [b, c, h, w]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        x.clone() + self.c.after_leaky(self.b.after_leaky(self.a.forward(x)))
    }

    /// [`Self::forward`] of a value, a tangent or both.
    pub fn forward_dual(&self, x: Dual<4>, tape: &mut ActivationTape) -> Dual<4> {
        x.clone().join(x.conv(&self.a).leaky_conv(&self.b, tape).leaky_conv(&self.c, tape))
    }
}

/// How many groups of about `group` channels; always a divisor of `channels`.
fn groups_of(channels: usize, group: usize) -> usize {
    if group == 0 {
        return 1;
    }
    (1..=(channels / group).max(1)).rev().find(|n| channels.is_multiple_of(*n)).unwrap_or(1)
}
