//! Integration tests, in one binary because each one links the whole studio.

mod architecture;
mod cli;
mod common;
mod crash;
#[cfg(target_os = "linux")]
mod disk;
mod engine;
mod gans;
mod nets;
mod vaes;
mod zoo;
