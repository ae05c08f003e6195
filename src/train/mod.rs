//! Training: one trainer a family, one loop for all, and everything a run keeps on disk.
//!
//! `gan.rs` and `vae.rs` read like the algorithm in its paper. `train_loop` is the loop; `checkpoint` what it keeps;
//! `folder` how a client in another process talks to it.

mod ada;
pub mod averages;
mod batch;
pub mod checkpoint;
pub mod compare;
pub mod device;
pub mod doctor;
pub mod folder;
pub mod forecast;
pub mod fork;
pub mod gan;
pub mod heldout;
pub mod identity;
pub mod metric_accumulator;
pub mod optim;
pub mod origin;
pub mod preview;
pub mod prior_data;
pub mod report;
mod reporter;
pub mod scatter;
pub mod scoring;
pub mod script;
pub mod session;
mod setup;
pub mod state;
pub mod telemetry;
pub mod tensors;
pub mod thin;
pub mod token_prior;
pub mod tokens;
pub mod toy2d;
mod train_loop;
pub mod trainable;
pub mod trainer;
mod transfer;
pub mod vae;
mod vae_critic;
mod vae_loss;
pub mod versions;
