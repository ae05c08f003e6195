//! The middle floors of Latent Studio: training, scores, latent space, library, export, engine. The crate `latent_studio` is
//! the manual.
#![recursion_limit = "256"]
#![warn(missing_docs)]

pub use latent_core::{base, data, models, nn, objectives, recipe};

/// This build of the studio: its version, and a hash of what it was built from and how. The window does not count: it
/// decides no numbers.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("LATENT_STUDIO_SOURCES"));

pub mod bench;
pub mod engine;
pub mod eval;
pub mod export;
pub mod latent;
pub mod library;
pub mod train;
