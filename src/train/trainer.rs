//! One face for all families.

use std::ops::{Deref, DerefMut};

use burn::tensor::Device;

use super::gan::GanTrainer;
use super::optim::StepAt;
use super::state::{StateReader, StateWriter, TrainerState};
use super::tensors;
use super::token_prior::PriorTrainer;
use super::tokens::TokenTrainer;
use super::trainable::Trainable;
use super::vae::VaeTrainer;
use crate::base::{Family, Result};
use crate::models::io::Weights;
use crate::nn::on_pool;
use crate::recipe::Recipe;

/// A trainer of some family.
pub struct Trainer(Box<dyn Trainable>);

impl Deref for Trainer {
    type Target = dyn Trainable;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl DerefMut for Trainer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.0
    }
}

impl Trainer {
    /// Fresh networks for a recipe.
    ///
    /// # Errors
    /// The recipe names no model.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        Ok(Self(match recipe.family()? {
            Family::Gan => Box::new(GanTrainer::new(recipe, device)?),
            Family::Vae => Box::new(VaeTrainer::new(recipe, device)?),
            Family::Tokens => Box::new(TokenTrainer::new(recipe, device)?),
            Family::Prior => Box::new(PriorTrainer::new(recipe, device)?),
        }))
    }

    /// The device it trains on, without autodiff.
    pub fn plain_device(&self) -> Device {
        self.0.device().clone().inner()
    }

    /// One step on pictures as interleaved bytes, one for each label.
    pub fn step_on(&mut self, bytes: &[u8], labels: &[Option<u32>], at: StepAt) {
        let trainer = &mut *self.0;
        on_pool(&trainer.device().clone().inner(), || {
            let x = tensors::pictures(bytes, labels.len(), trainer.recipe().shape(), trainer.device());
            trainer.step(x, labels, at);
        });
    }

    /// Everything that going on needs.
    pub fn state(&self) -> (Weights, TrainerState) {
        let mut out = StateWriter::default();
        self.0.keep(&mut out);
        (out.weights, out.state)
    }

    /// Goes on from a kept state.
    ///
    /// # Errors
    /// The state belongs to another model.
    pub fn go_on_from(&mut self, weights: &Weights, state: &TrainerState) -> Result<()> {
        self.0.restore(&StateReader { weights, state })
    }
}
