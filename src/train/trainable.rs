//! What a trainer of a family has to do.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use super::heldout::Heldout;
use super::optim::StepAt;
use super::prior_data::PriorData;
use super::scatter::Scatter;
use super::state::{StateReader, StateWriter};
use crate::base::{Picture, Result};
use crate::latent::space::Code;
use crate::models::info::PriorInfo;
use crate::models::io::{Fit, Weights};
use crate::recipe::Recipe;

/// What a trainer of a family has to do.
pub trait Trainable: Send + Sync {
    /// The recipe, with the live edits that hold.
    fn recipe(&self) -> &Recipe;

    /// Takes over live settings.
    fn set_recipe(&mut self, recipe: &Recipe);

    /// The device it trains on, with autodiff.
    fn device(&self) -> &Device;

    /// One step on `n` pictures `[n, c, h, w]` in −1…1, one for each label.
    fn step(&mut self, real: Tensor<4>, labels: &[Option<u32>], at: StepAt);

    /// Means of the numbers since the last read.
    ///
    /// # Errors
    /// Names of those that are not finite.
    fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>>;

    /// Numbers that are worth a look now and then: norms of weights, held-out pictures.
    fn inspect(&self, heldout: &Heldout) -> Vec<(String, f64)>;

    /// Pictures of the averaged weights.
    fn samples(&self, codes: &[Code]) -> Vec<Picture>;

    /// The averaged weights: what exploring and sharing use.
    fn snapshot(&self) -> Weights;

    /// Snapshots of the averages that others can be made of, if the recipe asks for them.
    fn power_averages(&self) -> Option<[Weights; 2]> {
        None
    }

    /// Takes down everything that going on needs.
    fn keep(&self, out: &mut StateWriter);

    /// Goes on from a kept state.
    ///
    /// # Errors
    /// The state belongs to another model.
    fn restore(&mut self, kept: &StateReader<'_>) -> Result<()>;

    /// Begins with the weights of another model: what fits is loaded, the rest stays fresh. `full` is a training state
    /// (with the critic), `snapshot` the averaged weights alone.
    fn begin_from(&mut self, full: Option<&Weights>, snapshot: &Weights) -> Fit;

    /// Moves every random stream to a new place, named after this try.
    fn move_streams(&mut self, attempt: u32);

    /// Held-out pictures, for what is decided by them while training.
    ///
    /// # Errors
    /// The recipe needs some, and there are none.
    fn set_heldout(&mut self, _: &Heldout) -> Result<()> {
        Ok(())
    }

    /// How many pictures the data has.
    fn set_pictures(&mut self, _: u64) {}

    /// The token model and the words that a prior is trained on.
    ///
    /// # Errors
    /// The token model cannot be built.
    fn set_prior_data(&mut self, _: &Arc<PriorData>) -> Result<()> {
        Ok(())
    }

    /// Where the pictures of the next step stand in the prepared set.
    fn next_places(&mut self, _: &[u32]) {}

    /// Whether it gives pictures back that it is given.
    fn reconstructs(&self) -> bool {
        false
    }

    /// Pictures through encoder and decoder, if it [reconstructs](Self::reconstructs).
    fn reconstructions(&self, _: &[Vec<u8>], _: &[Option<u32>]) -> Vec<Picture> {
        Vec::new()
    }

    /// Bound of the likelihood of held-out pictures, in nats a picture, where the model has one.
    fn validate(&self, _: &Heldout) -> Option<f64> {
        None
    }

    /// What the model is judged by on held-out pictures where that is no bound of their likelihood: its name on curves, and
    /// the number, lower being better. Such a model is not judged by its samples.
    fn judge(&self, _: &Heldout) -> Option<(&'static str, f64)> {
        None
    }

    /// KL divergence of each latent dimension, in nats, where the model has one.
    fn kl(&self) -> Vec<f32> {
        Vec::new()
    }

    /// What is known of a prior that is learned along; its numbers are in [`Self::snapshot`].
    fn prior_info(&self) -> Option<PriorInfo> {
        None
    }

    /// Points of the averaged generator, for data that are points.
    fn points(&self, _: &[Code]) -> Option<Vec<[f32; 2]>> {
        None
    }

    /// How a critic sees the plane, on a grid of `cells` a side.
    fn plane(&self, _cells: usize) -> Option<Scatter> {
        None
    }
}
