//! Activations, with the slope that a tangent is multiplied by.

use burn::tensor::Tensor;
use burn::tensor::activation;

use super::fused;

/// Slope of the leaky ReLU of GANs, below zero.
pub const LEAK: f64 = 0.2;

/// Leaky ReLU: `x` above zero, `0.2·x` below.
pub fn leaky<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if let Some(y) = fused::leaky(&x, LEAK as f32) {
        return y;
    }
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
    fused::leaky(&x, 0.0).unwrap_or_else(|| activation::relu(x))
}

/// Hyperbolic tangent.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    fused::tanh(&x).unwrap_or_else(|| activation::tanh(x))
}

/// Logistic function.
pub fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    fused::sigmoid(&x).unwrap_or_else(|| activation::sigmoid(x))
}

/// Cross-entropy of Bernoulli pixels, in nats, summed over each picture; targets are constants. `[b, n] → [b, 1]`
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    if let Some(nats) = fused::cross_entropy(&logits, &targets) {
        return nats;
    }
    // −t·log σ(l) − (1−t)·log(1−σ(l)), with log(1−σ(l)) = log σ(l) − l.
    (logits.clone() * (targets.neg() + 1.0) - activation::log_sigmoid(logits)).sum_dim(1)
}

/// `log(1 + eˣ)`, stable for any `x`.
pub fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::log_sigmoid(x.neg()).neg()
}
