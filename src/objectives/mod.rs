//! Losses and penalties. Each is a mean over the batch and gives one number, `[1]`.

pub mod adversarial;
pub mod elbo;
pub mod feature;
pub mod importance;
pub mod penalty;
pub mod pseudo;
pub mod total_correlation;

use burn::tensor::Tensor;

pub use adversarial::{critic_loss, generator_loss};
pub use penalty::zero_centred;

/// `log Σ exp` along a dimension, which stays with length 1. Large numbers do no harm.
pub fn log_sum_exp<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    let top = x.clone().without_autodiff().max_dim(dim);
    (x - top.clone()).exp().sum_dim(dim).log() + top
}
