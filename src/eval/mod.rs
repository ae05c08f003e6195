//! Scores: how good samples are, how varied, how new; how much a VAE knows of its data.
//!
//! Every number is a [`Score`]: with its 95 % interval, how many samples it rests on, what looked at the pictures, and
//! the seconds it took. [`compare`] refuses to set unlike ones against each other.
//!
//! - [`features`]: `studio-features`, the encoder that sets of pictures are compared through.
//! - [`joint`]: words and pictures in one space.
//! - [`fid`], [`kid`], [`prdc`]: distances and shares on features, with intervals by [`halves`].
//! - [`modes`]: which kinds are made, by a [`classifier`] of the data's labels or by place in the plane.
//! - [`likelihood`]: bounds of how likely a VAE finds pictures. [`factors`]: whether codes stand for single factors.
//! - [`memory`]: whether training pictures come back. [`pairs`], [`perceptual`]: how near two pictures are.
//! - [`table`]: every metric, one row each; [`bench`]: what they share; [`evaluate`]: all that are asked for.

pub mod classifier;
pub mod context;
pub mod evaluate;
pub mod evaluated_model;
pub mod factors;
pub mod feature_matrix;
pub mod features;
pub mod fid;
pub mod joint;
pub mod kid;
pub mod likelihood;
mod measure;
pub mod memorization;
pub mod mode_coverage;
pub mod neighbours;
pub mod pairs;
pub mod perceptual;
pub mod pictures;
pub mod prdc;
pub mod score;
pub mod sliced;
pub mod store;
pub mod subsample_ci;
pub mod table;
pub mod tokens;

#[cfg(test)]
mod quality;
#[cfg(test)]
mod reference;

pub use context::Task;
pub use evaluate::{Report, evaluate};
pub use score::{Direction, Score, Standing, compare};
pub use table::{METRICS, MetricSpec, NAMES, Need};
