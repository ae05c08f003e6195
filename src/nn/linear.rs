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
    /// What weights are multiplied by as they are used.
    #[module(skip)]
    gain: f64,
    /// What the bias is multiplied by.
    #[module(skip)]
    rate: f64,
}

impl Linear {
    /// Normal weights of standard deviation `std`, zero bias.
    pub fn new(init: &Init<'_>, inputs: usize, outputs: usize, std: f64) -> Self {
        let (std, gain) = init.scale(std);
        let weight = init.normal("weight", [inputs, outputs], std);
        Self { weight, bias: init.filled([outputs], 0.0), gain, rate: 1.0 }
    }

    /// As [`Self::new`], for a layer that learns `rate` times as fast as an equalised one: its numbers are stored
    /// divided by the rate and multiplied by it as they are used (Karras 2019).
    pub fn slow(init: &Init<'_>, inputs: usize, outputs: usize, std: f64, rate: f64) -> Self {
        let weight = init.normal("weight", [inputs, outputs], 1.0 / rate);
        Self { weight, bias: init.filled([outputs], 0.0), gain: std * rate, rate }
    }

    /// The same with normal biases of standard deviation `std`. Where few numbers go in, kinks that all pass through zero
    /// would leave little to learn with.
    #[must_use]
    pub fn with_random_bias(self, init: &Init<'_>, std: f64) -> Self {
        let outputs = self.bias.dims()[0];
        Self { bias: init.normal("bias", [outputs], std), ..self }
    }

    /// The same with this bias everywhere.
    #[must_use]
    pub fn with_bias(self, init: &Init<'_>, bias: f64) -> Self {
        let outputs = self.bias.dims()[0];
        Self { bias: init.filled([outputs], bias), ..self }
    }

    /// `[b, in] → [b, out]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let bias = self.bias.val();
        let bias = if self.rate == 1.0 { bias } else { bias * self.rate };
        self.tangent(x) + bias.unsqueeze()
    }

    /// Without the bias: what a tangent goes through. `[b, in] → [b, out]`
    pub fn tangent(&self, u: Tensor<2>) -> Tensor<2> {
        let weight = self.weight.val();
        u.matmul(if self.gain == 1.0 { weight } else { weight * self.gain })
    }
}
