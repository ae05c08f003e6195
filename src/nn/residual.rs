//! The residual block of R3GAN, small: two 3×3 convolutions, no normalisation, fix-up initialisation.

use burn::module::Module;
use burn::tensor::Tensor;

use super::act;
use super::conv::Conv;
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

/// Slopes of the two activations of a [`Block`] at some input.
#[derive(Clone, Debug)]
pub struct Slopes(Tensor<4>, Tensor<4>);

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
        let inner = self.b.forward(act::leaky(self.a.forward(act::leaky(x.clone()))));
        self.skip(x) + inner
    }

    /// The same, and the slopes of its activations, which a tangent needs.
    pub fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Slopes) {
        let (h, first) = act::leaky_with_slope(x.clone());
        let (h, second) = act::leaky_with_slope(self.a.forward(h));
        (self.skip(x) + self.b.forward(h), Slopes(first, second))
    }

    /// Directional derivative along `u`, where the activations have these slopes.
    pub fn tangent(&self, u: Tensor<4>, slopes: &Slopes) -> Tensor<4> {
        let h = self.a.tangent(u.clone() * slopes.0.clone());
        self.skip(u) + self.b.tangent(h * slopes.1.clone())
    }

    fn skip(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.skip {
            Some(conv) => conv.forward(x),
            None => x,
        }
    }
}
