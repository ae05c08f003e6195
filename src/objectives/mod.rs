//! Losses and penalties. Each is a mean over the batch and gives one number, `[1]`.

pub mod adversarial;
pub mod elbo;
pub mod penalty;

pub use adversarial::{critic_loss, generator_loss};
pub use penalty::zero_centred;
