//! The one door to convolution: every network goes through these, so that kernels can be swapped in one place.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::activation;
use super::cpu::{self, Gate, Way};
use super::init::Init;

/// A square convolution with zero padding.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[out, in / groups, k, k]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
    #[module(skip)]
    groups: usize,
    /// What weights are multiplied by as they are used.
    #[module(skip)]
    gain: f64,
}

impl Conv {
    /// A convolution that keeps the size: kernel `k` (odd), stride 1. Normal weights of `std`, zero bias.
    pub fn same(init: &Init<'_>, inputs: usize, outputs: usize, k: usize, std: f64) -> Self {
        Self::new(init, [inputs, outputs], k, 1, k / 2, std)
    }

    /// A convolution that halves the size: kernel 4, stride 2.
    pub fn half(init: &Init<'_>, inputs: usize, outputs: usize, std: f64) -> Self {
        Self::new(init, [inputs, outputs], 4, 2, 1, std)
    }

    fn new(init: &Init<'_>, [inputs, outputs]: [usize; 2], k: usize, stride: usize, padding: usize, std: f64) -> Self {
        let (std, gain) = init.scale(std);
        Self {
            weight: init.normal("weight", [outputs, inputs, k, k], std),
            bias: Some(init.filled([outputs], 0.0)),
            stride,
            padding,
            groups: 1,
            gain,
        }
    }

    /// A 3×3 convolution that keeps size and channels, each of `groups` groups of channels by itself.
    pub fn grouped(init: &Init<'_>, channels: usize, groups: usize, std: f64) -> Self {
        Self { groups, ..Self::new(init, [channels / groups, channels], 3, 1, 1, std) }
    }

    /// The same without bias.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// `[b, in, h, w] → [b, out, h/stride, w/stride]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(self.scaled(), x, self.bias.as_ref().map(Param::val), Gate::Open)
    }

    /// [`Self::forward`] with other weights of the same shape.
    pub fn forward_with(&self, weight: Tensor<4>, x: Tensor<4>) -> Tensor<4> {
        self.run(weight, x, self.bias.as_ref().map(Param::val), Gate::Open)
    }

    /// [`Self::tangent`] with other weights of the same shape.
    pub fn tangent_with(&self, weight: Tensor<4>, u: Tensor<4>) -> Tensor<4> {
        self.run(weight, u, None, Gate::Open)
    }

    /// A leaky ReLU, then [`Self::forward`].
    pub fn after_leaky(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(self.scaled(), x, self.bias.as_ref().map(Param::val), Gate::Own(activation::LEAK as f32))
    }

    /// A ReLU, then [`Self::forward`].
    pub fn after_relu(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(self.scaled(), x, self.bias.as_ref().map(Param::val), Gate::Own(0.0))
    }

    /// Without the bias: what a tangent goes through. Shapes as [`Self::forward`].
    pub fn tangent(&self, u: Tensor<4>) -> Tensor<4> {
        self.run(self.scaled(), u, None, Gate::Open)
    }

    /// The tangent of [`Self::after_leaky`] at `x`, a constant: `u` goes through the slope there, then through the
    /// weights.
    pub fn tangent_after_leaky(&self, u: Tensor<4>, x: &Tensor<4>) -> Tensor<4> {
        self.run(self.scaled(), u, None, Gate::Of(x, activation::LEAK as f32))
    }

    /// The weights as they are used.
    fn scaled(&self) -> Tensor<4> {
        let weight = self.weight.val();
        if self.gain == 1.0 { weight } else { weight * self.gain }
    }

    fn run(&self, weight: Tensor<4>, x: Tensor<4>, bias: Option<Tensor<1>>, gate: Gate<'_>) -> Tensor<4> {
        let [.., kernel] = weight.dims();
        if self.groups == 1
            && let Some(y) =
                cpu::convolve(&x, &weight, bias.as_ref(), gate, Way::Down, [kernel, self.stride, self.padding])
        {
            return y;
        }
        let x = match gate {
            Gate::Open => x,
            Gate::Own(0.0) => activation::relu(x),
            Gate::Own(_) => activation::leaky(x),
            Gate::Of(at, _) => x * activation::slope(at.clone()),
        };
        conv2d(x, weight, bias, ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], self.groups))
    }
}

/// A convolution with weights `[out, in, k, k]` that never learn, with step 1: gradients flow to the input only.
/// `[b, in, h, w] → [b, out, h', w']`
pub fn fixed(x: Tensor<4>, weight: &Tensor<4>, padding: usize) -> Tensor<4> {
    let [.., kernel] = weight.dims();
    if let Some(y) = cpu::convolve(&x, weight, None, Gate::Open, Way::Down, [kernel, 1, padding]) {
        return y;
    }
    let weight = if x.is_autodiff() { weight.clone().autodiff() } else { weight.clone() };
    conv2d(x, weight, None, ConvOptions::new([1, 1], [padding; 2], [1, 1], 1))
}

/// A transposed convolution that doubles the size: kernel 4, stride 2.
#[derive(Module, Debug)]
pub struct Deconv {
    /// `[in, out, 4, 4]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl Deconv {
    /// Normal weights of `std`, zero bias.
    pub fn double(init: &Init<'_>, inputs: usize, outputs: usize, std: f64) -> Self {
        Self { weight: init.normal("weight", [inputs, outputs, 4, 4], std), bias: init.filled([outputs], 0.0) }
    }

    /// `[b, in, h, w] → [b, out, 2h, 2w]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(x, false)
    }

    /// A ReLU, then [`Self::forward`].
    pub fn after_relu(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(x, true)
    }

    fn run(&self, x: Tensor<4>, relu: bool) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let gate = if relu { Gate::Own(0.0) } else { Gate::Open };
        if let Some(y) = cpu::convolve(&x, &weight, Some(&bias), gate, Way::Up, [4, 2, 1]) {
            return y;
        }
        let x = if relu { activation::relu(x) } else { x };
        conv_transpose2d(x, weight, Some(bias), ConvTransposeOptions::new([2, 2], [1, 1], [0, 0], [1, 1], 1))
    }
}
