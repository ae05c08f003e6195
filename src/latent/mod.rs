//! Latent space: opening models, pictures from latents and back, ways between latents.

pub mod activations;
pub mod atlas;
pub mod attributes;
pub mod breed;
pub mod catalog;
pub mod directions;
pub mod drag;
pub mod draw;
pub mod encoder;
pub mod even_spacing;
pub mod film;
pub mod fit_prior;
pub mod hierarchical;
pub mod interpolate;
pub mod interpolation_grid;
pub mod invert;
pub mod latent_edit;
pub mod latent_forward;
pub mod latent_math;
mod latent_optimizer;
pub mod map;
pub mod model;
pub mod prior;
pub mod retrieval;
pub mod sample;
pub mod soup;
pub mod space;
#[cfg(test)]
pub(crate) mod testing;
pub mod validate;
pub mod walk;
