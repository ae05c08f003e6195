//! Gradient penalties, exact with first-order autodiff only.
//!
//! Let `g = ∇ₓ Σ D(x)`, from an ordinary backward pass, and a penalty `Σ φ(gₖ)`. With `V = ∂φ/∂g` held constant,
//! `∇_θ Σ φ(gₖ) = ∇_θ Σ ∂D(xₖ)[Vₖ]`: the parameter gradient of the penalty is that of a directional derivative, and
//! that one is a forward pass ([`Critic::tangent`]) which ordinary autodiff differentiates. Nothing is approximated,
//! unlike with finite differences, whose gradient is wrong by half for a critic with leaky ReLUs.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::Critic;
use crate::nn::{ordered_sum, per_picture};

/// R1 (on real pictures) or R2 (on generated ones): `γ/2 · mean ‖∇ₓD(x)‖²`. `[b, c, r, r] → ([1], [1])`
///
/// Returns the penalty's value, without a graph, to be shown; and a surrogate, to be added to the loss, whose
/// gradient by the critic's weights is that of the penalty (its value means nothing).
/// The critic must take penalties ([`Critic::takes_penalty`]). `class` is that of the pictures, for conditional critics.
pub fn zero_centred(critic: &Critic, x: Tensor<4>, class: Option<&Tensor<2>>, gamma: f64) -> (Tensor<1>, Tensor<1>) {
    penalty(critic, x, class, |g| {
        let b = g.dims()[0] as f64;
        let value = ordered_sum(g.clone().square()) * (gamma / 2.0 / b);
        (value, g * gamma)
    })
}

/// One-centred penalty of WGAN-GP: `λ · mean (‖∇ₓD(x)‖ − 1)²`, to be taken between real and generated pictures.
/// Shapes and results as [`zero_centred`].
pub fn one_centred(critic: &Critic, x: Tensor<4>, class: Option<&Tensor<2>>, lambda: f64) -> (Tensor<1>, Tensor<1>) {
    penalty(critic, x, class, |g| {
        // A flat spot has no direction: the small number keeps its derivative finite.
        let norm = (per_picture(g.clone().square()).sum_dim(1) + 1e-16).sqrt();
        let off = norm.clone() - 1.0;
        let value = off.clone().square().mean() * lambda;
        let scale: Tensor<4> = (off / norm * (2.0 * lambda)).unsqueeze_dims(&[2, 3]);
        (value, g * scale)
    })
}

/// `derive` gives the penalty's value (a mean over the batch) and `∂φ/∂g` of each picture's own penalty.
fn penalty(
    critic: &Critic,
    x: Tensor<4>,
    class: Option<&Tensor<2>>,
    derive: impl FnOnce(Tensor<4>) -> (Tensor<1>, Tensor<4>),
) -> (Tensor<1>, Tensor<1>) {
    debug_assert!(critic.takes_penalty());
    let b = x.dims()[0] as f64;
    let x = x.without_autodiff();
    let leaf = x.clone().autodiff().require_grad();
    // The critic's weights are constants here: only the way to the pictures is taped. No parameter is lazy, so
    // freezing a clone leaves the original alone.
    let (d, trace) = critic.clone().no_grad().trace(leaf.clone(), class);
    let mut grads = d.sum().backward();
    let g = match leaf.grad_remove(&mut grads) {
        Some(g) => g,
        // Nothing of the critic depends on the pictures.
        None => x.zeros_like(),
    };
    let (value, direction) = derive(g);
    // Where the critic is curved, what it reads at `x` depends on its weights too, and the derivative has to be taken
    // together with the value.
    let tangent =
        if critic.is_curved() { critic.dual(x, direction, class).1 } else { critic.tangent(direction, &trace) };
    (value, tangent.sum() / b)
}
