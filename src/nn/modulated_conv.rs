//! Convolution whose weights a style scales for each picture (StyleGAN2, Karras 2020).

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::conv::Conv;
use super::init::{Init, lecun};
use super::linear::Linear;

/// A modulated and, if asked for, demodulated convolution.
///
/// Scaling the weights by a style is the same as scaling the channels that go in; dividing by the length that the
/// scaled weights have is the same as scaling the channels that come out. So one convolution with shared weights
/// serves the whole batch.
#[derive(Module, Debug)]
pub struct StyledConv {
    /// The shared weights, without bias.
    pub conv: Conv,
    /// From a style to one factor for each input channel, near 1 at first.
    pub affine: Linear,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    /// Strength of this layer's noise, `[1]`; nothing for layers without.
    pub noise: Option<Param<Tensor<1>>>,
    #[module(skip)]
    demodulate: bool,
}

impl StyledConv {
    /// Kernel `k` (odd), stride 1; `style` numbers in a style.
    pub fn new(init: &Init<'_>, style: usize, [inputs, outputs]: [usize; 2], k: usize, demodulate: bool) -> Self {
        let init = &init.equalised();
        // Unit variance: demodulation sets the scale, and where it is missing the fan-in does.
        let std = if demodulate { 1.0 } else { lecun(inputs * k * k) };
        let affine = Linear::new(&init.child("affine"), style, inputs, lecun(style));
        Self {
            conv: Conv::same(&init.child("conv"), inputs, outputs, k, std).without_bias(),
            affine: affine.with_bias(init, 1.0),
            bias: init.filled([outputs], 0.0),
            noise: None,
            demodulate,
        }
    }

    /// The same with noise, of strength zero at first.
    #[must_use]
    pub fn with_noise(mut self, init: &Init<'_>) -> Self {
        self.noise = Some(init.filled([1], 0.0));
        self
    }

    /// `x [b, in, h, w]`, style `[b, w]`, noise `[b, 1, h, w]` → `[b, out, h, w]`
    pub fn forward(&self, x: Tensor<4>, style: Tensor<2>, noise: Option<Tensor<4>>) -> Tensor<4> {
        let scale = self.affine.forward(style);
        let [b, inputs] = scale.dims();
        let mut y = self.conv.forward(x * scale.clone().reshape([b, inputs, 1, 1]));
        if self.demodulate {
            let weight = self.conv.weight.val();
            let [outputs, _, k, _] = weight.dims();
            // Σ over taps of w², then over channels with the squares of the style.
            let squares: Tensor<2> =
                weight.square().reshape([outputs * inputs, k * k]).sum_dim(1).reshape([outputs, inputs]);
            let length = (scale.square().matmul(squares.transpose()) + 1e-8).sqrt();
            y = y / length.reshape([b, outputs, 1, 1]);
        }
        if let (Some(strength), Some(noise)) = (&self.noise, noise) {
            y = y + noise * strength.val().reshape([1, 1, 1, 1]);
        }
        let outputs = y.dims()[1];
        y + self.bias.val().reshape([1, outputs, 1, 1])
    }
}
