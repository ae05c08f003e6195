//! The residual block of R3GAN, small: two 3×3 convolutions, no normalisation, fix-up initialisation.

use burn::module::Module;
use burn::tensor::Tensor;

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

/// What the two activations of a [`Block`] read at some input, without a graph.
#[derive(Clone, Debug)]
pub struct Activations(Tensor<4>, Tensor<4>);

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

    /// The same, and what its activations read, which a tangent needs.
    pub fn trace(&self, x: Tensor<4>) -> (Tensor<4>, Activations) {
        let h = self.a.after_leaky(x.clone());
        let read = Activations(x.clone().without_autodiff(), h.clone().without_autodiff());
        (self.skip(x) + self.b.after_leaky(h), read)
    }

    /// Directional derivative along `u`, where the activations read this.
    pub fn tangent(&self, u: Tensor<4>, at: &Activations) -> Tensor<4> {
        let h = self.a.tangent_after_leaky(u.clone(), &at.0);
        self.skip(u) + self.b.tangent_after_leaky(h, &at.1)
    }

    fn skip(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.skip {
            Some(conv) => conv.forward(x),
            None => x,
        }
    }
}
