//! A fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::init::Init;

/// `y = x·W + b`, with `W` of shape `[in, out]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Normal weights of standard deviation `std`, zero bias.
    pub fn new(init: &Init<'_>, inputs: usize, outputs: usize, std: f64) -> Self {
        Self { weight: init.normal("weight", [inputs, outputs], std), bias: init.filled([outputs], 0.0) }
    }

    /// `[b, in] → [b, out]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val()) + self.bias.val().unsqueeze()
    }

    /// Without the bias: what a tangent goes through. `[b, in] → [b, out]`
    pub fn tangent(&self, u: Tensor<2>) -> Tensor<2> {
        u.matmul(self.weight.val())
    }
}
