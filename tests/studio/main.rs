//! Integration tests, in one binary because each one links the whole studio.

mod architecture;
mod cli;
mod common;
mod crash;
mod devices;
#[cfg(target_os = "linux")]
mod disk;
mod engine;
mod gans;
mod latent;
mod memory;
mod mutate;
mod nets;
mod priors;
mod pytorch;
mod records;
mod retrieval;
mod scores;
mod search;
mod seeds;
mod shapes;
#[cfg(all(target_os = "linux", feature = "gui"))]
mod shots;
mod together;
mod vaes;
mod vault;
#[cfg(all(target_os = "linux", feature = "gui"))]
mod window;
mod words;
mod zoo;
