//! Activations, with the slope that a tangent is multiplied by.

use burn::tensor::Tensor;
use burn::tensor::activation;

/// Slope of the leaky ReLU of GANs, below zero.
pub const LEAK: f64 = 0.2;

/// Leaky ReLU: `x` above zero, `0.2·x` below.
pub fn leaky<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if x.is_autodiff() {
        // One comparison and one product with a constant: cheaper forward and backward than burn's masked copy.
        let slope = slope(x.clone());
        x * slope
    } else {
        activation::leaky_relu(x, LEAK)
    }
}

/// Its derivative at `x`, 1 or 0.2, as a constant. At zero it is 0.2, as in PyTorch.
pub fn slope<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.without_autodiff().greater_elem(0.0).float() * (1.0 - LEAK) + LEAK
}

/// Leaky ReLU together with its [`slope`].
pub fn leaky_with_slope<const D: usize>(x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let slope = slope(x.clone());
    (x * slope.clone(), slope)
}

/// ReLU.
pub fn relu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::relu(x)
}

/// `log(1 + eˣ)`, stable for any `x`.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::log_sigmoid(x.neg()).neg()
}
