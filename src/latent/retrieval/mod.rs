//! Retrieval that grounds what is made: the real pictures that are nearest to a request are found, named, and drawn from
//! (after Lewis et al. 2020, retrieval-augmented generation; Khandelwal et al. 2020, nearest-neighbour language models).
//!
//! - [`Corpus`]: real pictures with their vectors and captions. [`Corpus::find`] ranks them for a [`Request`].
//! - [`LatentMixture`]: for GANs and VAEs, a mixture in latent space around the latents of the pictures that were found.
//! - [`crate::latent::draw::RetrievedTokens`]: for priors over tokens, the tokens of those pictures, mixed into what the
//!   prior says.
//! - [`Copies`]: how near a made picture came to the real ones, against how near unseen real pictures come.

mod copies;
mod corpus;
mod find;
mod grounding;
mod maker;
pub mod measure;
mod mixture;
mod tokens;

pub use copies::{Copies, Nearest, Standing};
pub use corpus::{Corpus, MOST};
pub use find::{Neighbour, Neighbours, Request};
pub use grounding::{Grounding, MOST_NEIGHBOURS};
pub use maker::GroundedMaker;
pub use mixture::{LatentMixture, Mixed};
