//! What is to be exported.

use crate::export::{Exporter, Makes};
use crate::latent::film::Timeline;
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;
use crate::ui::format;

/// What is to be exported.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// Pictures that a model makes.
    Latents {
        /// The model.
        model: ModelRef,
        /// One picture each.
        latents: Vec<Latent>,
        /// Truncation or temperature.
        truncation: f32,
        /// What made them: `sample`, `grid`, `walk`, `reconstruction`.
        made_by: &'static str,
        /// Columns they lie in on the screen; 0 for any.
        columns: u32,
    },
    /// Pictures of two models.
    Both {
        /// The models.
        models: [ModelRef; 2],
        /// Latents of each, as many.
        latents: [Vec<Latent>; 2],
        /// Truncation or temperature.
        truncation: f32,
        /// Whether sheets lie beside each other; else strips one above the other.
        beside: bool,
    },
    /// Kept pictures.
    Items(Vec<i64>),
    /// A film with keys.
    Film {
        /// The model.
        model: ModelRef,
        /// All that is said of it.
        timeline: Box<Timeline>,
    },
}

impl Subject {
    /// How many pictures there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Latents { latents, .. } => latents.len(),
            Self::Both { latents, .. } => 2 * latents[0].len(),
            Self::Items(ids) => ids.len(),
            Self::Film { timeline, .. } => (timeline.seconds * 30.0) as usize,
        }
    }

    /// What the title calls it, as what it is written as.
    pub(super) fn title(&self, makes: Makes, fps: u32) -> String {
        match makes {
            Makes::Film => format!("Export a film of {:.1} s", self.seconds(fps)),
            _ => format!("Export {}", format::plural(self.count() as u64, "picture", "pictures")),
        }
    }

    /// Whether a format is for it.
    pub(super) fn takes(&self, format: &Exporter) -> bool {
        match self {
            Self::Film { .. } => format.makes == Makes::Film,
            _ => self.count() > 1 || format.makes == Makes::Pictures,
        }
    }

    /// Length as a film, in seconds.
    pub(super) fn seconds(&self, fps: u32) -> f64 {
        let fps = f64::from(fps.max(1));
        match self {
            Self::Film { timeline, .. } => timeline.seconds,
            Self::Both { latents, .. } => latents[0].len() as f64 / fps,
            subject => subject.count() as f64 / fps,
        }
    }

    /// Seed of the first picture, for an example of a file name.
    pub(super) fn seed(&self) -> Option<u64> {
        match self {
            Self::Latents { latents, .. } => latents.first().and_then(Latent::seed),
            Self::Both { latents, .. } => latents[0].first().and_then(Latent::seed),
            Self::Film { timeline, .. } => timeline.keys.first().and_then(|k| k.latent.seed()),
            Self::Items(_) => Some(7),
        }
    }
}
