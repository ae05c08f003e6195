//! Latent space: opening models, pictures from latents and back, ways between latents.

pub mod algebra;
pub mod atlas;
pub mod attributes;
pub mod blend;
pub mod breed;
pub mod catalog;
mod descent;
pub mod directions;
pub mod drag;
pub mod encoder;
pub mod film;
pub mod inside;
pub mod interpolate;
pub mod invert;
pub mod lattice;
pub mod levels;
pub mod map;
pub mod model;
pub mod net;
pub mod pace;
pub mod paint;
pub mod prior;
pub mod sample;
pub mod space;
#[cfg(test)]
pub(crate) mod testing;
pub mod walk;
