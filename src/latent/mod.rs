//! Latent space: opening models, pictures from latents and back, ways between latents.

pub mod catalog;
pub mod interpolate;
pub mod levels;
pub mod model;
pub mod prior;
pub mod sample;
pub mod space;
pub mod walk;
