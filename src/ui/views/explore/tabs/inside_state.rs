//! What is laid out on the pages that look inside a model: activations, codes and anomalies.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::latent::activations::Channel;
use crate::models::info::ModelRef;

/// Channels that may be switched off at once.
const MOST_OFF: usize = 4096;
/// Pictures that are kept in mind.
pub const MOST_PICTURES: usize = 1000;

/// In which order channels are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// As they are numbered.
    #[default]
    Number,
    /// The loudest first.
    Strength,
    /// What changes the picture most first.
    Effect,
}

/// What is laid out on the page.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InsideState {
    /// Which layer: 0 is next to the latent.
    pub tap: u32,
    /// Channels that are switched off, in any layer.
    pub off: Vec<Channel>,
    /// The model whose channels these are.
    pub off_of: ModelRef,
    /// Whether noise is left out.
    pub without_noise: bool,
    /// Order of the channels.
    pub order: ChannelOrder,
    /// Pictures that codes are measured on; empty: those of the model's recipe.
    pub data: String,
    /// The picture whose faults are looked at.
    pub picture: Option<PathBuf>,
    /// All pictures that were chosen for that.
    pub pictures: Vec<PathBuf>,
}

impl InsideState {
    /// Puts what a hand-edited file may hold back into its range.
    pub fn clamp(&mut self) {
        self.off.truncate(MOST_OFF);
        self.pictures.truncate(MOST_PICTURES);
    }

    /// Looks at the faults of pictures, the first of them first.
    pub fn look_at(&mut self, paths: Vec<PathBuf>) {
        self.picture = paths.first().cloned();
        self.pictures = paths;
    }

    /// Channels of a model that are switched off.
    pub fn off(&self, model: &str) -> &[Channel] {
        if self.off_of == model { &self.off } else { &[] }
    }

    /// Switches a channel off, or on again; the word for it.
    pub fn switch(&mut self, model: &str, channel: Channel) -> &'static str {
        if self.off_of != model {
            self.off.clear();
            self.off_of = model.into();
        }
        if self.off.contains(&channel) {
            self.off.retain(|o| *o != channel);
            return "switch a channel on";
        }
        self.off.push(channel);
        "switch a channel off"
    }
}
