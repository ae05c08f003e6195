//! What a feature encoder says of itself.

use serde::{Deserialize, Serialize};

/// The card inside an encoder's file.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FeatureCard {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub summary: String,
    /// Pictures it learned from, with their licences.
    pub data: Vec<String>,
    /// Licence of the weights.
    pub licence: String,
    /// Trainable numbers.
    pub parameters: u64,
    /// Pictures seen, every view counted.
    pub images: u64,
    /// Hours of training.
    pub hours: f64,
    /// What it scores on pictures that were kept apart, by name.
    pub scores: Vec<(String, f64)>,
}
