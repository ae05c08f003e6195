//! What is compared of two models, as it is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::latent::even_spacing::Measure;
use crate::models::info::ModelRef;

/// What is put into both models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The same seeds.
    #[default]
    Seeds,
    /// The present picture.
    Here,
    /// The frames of the walk.
    Walk,
    /// The cells of the interpolation grid.
    Grid,
    /// A picture file.
    Photo,
}

/// Two models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompareModelsState {
    /// The right one; the first other one if none was chosen.
    pub other: Option<ModelRef>,
    /// What is put into both.
    pub what: What,
    /// First seed.
    pub first: u64,
    /// Samples of each.
    pub count: u32,
    /// What is taken for the difference of two pictures.
    pub by: Measure,
    /// The picture file.
    pub photo: Option<PathBuf>,
    /// Steps of a GAN's search for it.
    pub steps: u32,
}

impl Default for CompareModelsState {
    fn default() -> Self {
        Self { other: None, what: What::default(), first: 1, count: 16, by: Measure::Pixels, photo: None, steps: 150 }
    }
}

impl CompareModelsState {
    /// Puts numbers back into their ranges.
    pub fn clamp(&mut self) {
        self.count = self.count.clamp(1, 64);
        self.steps = self.steps.min(5000);
    }
}
