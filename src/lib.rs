//! Latent Studio: a desktop studio for training GANs and VAEs on one's own pictures and for exploring what they learned.
//!
//! # The house
//! Each floor may use the floors below it, never above:
//!
//! ```text
//! ui , cli                      two clients of one engine; neither touches burn
//! bench                         how fast all of this is
//! engine                        the only door: commands in, events out
//! library , export              what is kept (SQLite), what leaves (pictures, films, weights)
//! train , eval , latent         loops, scores, journeys through latent space
//! models , objectives           networks; losses and penalties
//! nn , data                     layers burn lacks; pictures in, batches out
//! recipe                        the language of the product: serde values, validation, presets
//! base                          units, random streams, plain pixels, curves, problems
//! ```
//!
//! `base` to `bench` compile without egui; the `gui` feature adds the window. Three crates are cut along the floors, so
//! that a change builds only what stands above it: `latent-core` (`base` to `objectives`, `src/core.rs`),
//! `latent-engine` (`train` to `bench`, `src/floors.rs`) and this one. One floor of the lower two is tested without the
//! window by `cargo test --release --lib -p latent-core -p latent-studio` (the second name keeps the crates' features as
//! they are, so that nothing else is built again).
//!
//! # Where this differs from the usual
//! - A run is a process of its own and talks through its folder (see [`train::folder`]) rather than over a pipe: it
//!   outlives the window, and the next start finds it again by the same files that survive a crash.
//! - The optimiser is our own Adam (see [`train::optim`]): burn's fixes β₂ when it is made and clips each tensor alone.
//! - Short messages are our own (see [`ui`]) rather than egui-notify's: each stays in a list of past messages, leads to
//!   what it is about, and has a name for screen readers.
//! - UMAP is our own (see [`latent::atlas`]): the same rows give the same sheet whatever the number of threads, with
//!   progress and Cancel on the way. t-SNE is a crate's.
//! - Penalties on gradients go by an exact dual pass (see [`objectives::penalty`]), since burn has no second-order
//!   gradients.
//! # Glossary
//! The words of papers and of burn; the window explains the ones it shows (see [`ui`]).
//!
//! | word | what it is here |
//! |---|---|
//! | recipe | everything that makes a run what it is ([`recipe::Recipe`]) |
//! | run, checkpoint, model | a training in its folder; its state at some step; networks with their recipe, to make pictures with |
//! | kimg | thousands of pictures that training has seen |
//! | critic | the discriminator of a GAN; its output has no bounds |
//! | latent | what a generator or decoder makes a picture of; `z` as it is drawn, `w` after a mapping network ([`latent::space`]) |
//! | place, direction | a latent with its class and noise; a vector added to it |
//! | dual pass | values and tangents through the same code, forward mode ([`nn::dual`]) |
//! | prior | the distribution latents are drawn from: N(0, I), or one fitted afterwards ([`latent::prior`]) |
//! | inversion | the search for the latent of a given picture ([`latent::invert`]) |
//! | prepared set | pictures decoded, resized and written once, in the order of training ([`data`]) |
//! | survey, guess | what a look at a source of pictures found; what was assumed of it, with the setting that changes it |
//! | EMA | the running average of weights that pictures are made with ([`nn::ema`]) |
//! | lane | a thread with its queue of requests in the engine |
#![recursion_limit = "256"]
#![warn(missing_docs)]

pub use latent_core::{base, data, models, nn, objectives, recipe};
pub use latent_engine::{bench, engine, eval, export, latent, library, train};

pub mod cli;
#[cfg(feature = "gui")]
pub mod ui;
