//! The lower floors of Latent Studio: recipes, data, layers, models, objectives. The crate `latent_studio` is the manual.
#![recursion_limit = "256"]
#![warn(missing_docs)]

pub mod base;
pub mod data;
pub mod models;
pub mod nn;
pub mod objectives;
pub mod recipe;
