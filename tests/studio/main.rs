//! Integration tests, in one binary because each one links the whole studio.

mod architecture;
mod cli;
mod common;
mod crash;
mod engine;
mod nets;
mod zoo;
