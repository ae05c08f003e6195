//! What a run tells of itself: state, progress, checkpoints, samples for the eye.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::doctor::finding::Finding;
use crate::base::pace::Pace;
use crate::base::series::Reading;
use crate::base::{Picture, Problem};
use crate::recipe::{Edit, Recipe};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Waits for another run to end.
    Queued,
    /// Reads and prepares pictures, builds the networks.
    Preparing,
    /// Trains.
    Training,
    /// Holds on.
    Paused,
    /// Saw all the pictures it was asked to; can go on further.
    Finished,
    /// A person ended it before its target, after a checkpoint; can go on.
    Stopped,
    /// Ended by an error or a crash; can go on from its last checkpoint.
    Failed,
    /// Ended by a signal or the end of a session, or its process is gone and said nothing; can go on from its last
    /// checkpoint.
    Interrupted,
}

impl RunState {
    /// Whether a process works on it now.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Preparing | Self::Training | Self::Paused)
    }

    /// Whether it ended and can be asked to go on.
    pub fn can_resume(self) -> bool {
        matches!(self, Self::Finished | Self::Stopped | Self::Failed | Self::Interrupted)
    }
}

/// How far a run is. Unknown numbers are absent.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct RunProgress {
    /// Optimiser steps.
    pub step: u64,
    /// Pictures seen.
    pub images: u64,
    /// Pictures to see in all.
    pub target: u64,
    /// Pictures a second.
    pub images_per_s: Option<f64>,
    /// Seconds left.
    pub eta_s: Option<f64>,
    /// Bytes the process holds.
    pub memory: Option<u64>,
    /// Device it trains on.
    pub device: String,
    /// What it does while preparing, such as "Preparing pictures 120 of 900".
    #[serde(default)]
    pub stage: String,
    /// How fast it was once it went steadily; stays when it ends, so that later runs can be told how long they take.
    #[serde(default)]
    pub steady: Option<Steady>,
}

/// Place of samples and scores among a run's interruptions.
pub const PREVIEW: usize = 0;
/// Place of checkpoints among a run's interruptions.
pub const CHECKPOINT: usize = 1;
/// Seconds of steady work from which on a speed is worth keeping.
const WORTH_KEEPING: f64 = 10.0;

/// How fast a run is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steady {
    /// Pictures a second, interruptions left out.
    pub images_per_s: f64,
    /// Seconds that samples and their scores take.
    pub preview_s: f64,
    /// Seconds that a checkpoint takes.
    pub checkpoint_s: f64,
}

impl Steady {
    /// The speed that a run has shown; nothing before it went on for long enough.
    pub fn of(pace: &Pace<2>) -> Option<Self> {
        let images_per_s = pace.rate().filter(|_| pace.seconds() >= WORTH_KEEPING)?;
        let breaks = pace.breaks();
        Some(Self { images_per_s, preview_s: breaks[PREVIEW], checkpoint_s: breaks[CHECKPOINT] })
    }
}

/// Pictures between a run's interruptions of each kind.
pub fn breaks_every(recipe: &Recipe) -> [f64; 2] {
    [recipe.run.preview_kimg * 1000.0, recipe.run.checkpoint_kimg * 1000.0]
}

/// A run as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its folder; the run's identity.
    pub dir: PathBuf,
    /// Name.
    pub name: String,
    /// Its recipe, live edits included.
    pub recipe: Recipe,
    /// State.
    pub state: RunState,
    /// How far.
    pub progress: RunProgress,
    /// Unix time of its beginning.
    pub created: i64,
    /// What ended it, if it failed.
    pub problem: Option<Problem>,
    /// Bytes on disk.
    pub bytes: u64,
    /// Its complete checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointInfo>,
    /// Where it came from, if it is a fork.
    #[serde(default)]
    pub origin: Option<Origin>,
}

/// The checkpoint that a fork goes on from, as its `run.json` keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Folder of the run.
    pub run: PathBuf,
    /// Identity of the run, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Pictures seen at the checkpoint.
    pub images: u64,
    /// Hash of everything trained, where the checkpoint knew it.
    #[serde(default)]
    pub state: Option<String>,
    /// Settings that it changes, with their values.
    #[serde(default)]
    pub changes: Vec<(String, serde_json::Value)>,
}

/// A complete checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Pictures seen.
    pub images: u64,
    /// File or folder.
    pub path: PathBuf,
    /// Whether it has the best validation value so far.
    pub best: bool,
    /// Validation value (lower is better), if there is one.
    pub score: Option<f64>,
}

/// The eye's view of a run at one moment. All pictures have the model's own size.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Preview {
    /// Pictures seen.
    pub images: u64,
    /// Samples from fixed latents.
    pub samples: Vec<Picture>,
    /// Real pictures; for VAEs the held-out inputs.
    pub reals: Vec<Picture>,
    /// VAE: reconstructions of `reals`.
    pub reconstructions: Vec<Picture>,
    /// VAE: KL divergence of each latent dimension, in nats.
    pub kl: Vec<f32>,
}

/// A line of a run's `telemetry.jsonl`, and what the run tells a client in the same process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "event")]
pub enum RunEvent {
    /// Training began or went on.
    Started {
        /// Device it trains on.
        device: String,
        /// Pictures it trains on, the held-out ones left out.
        pictures: u64,
        /// Steps so far.
        step: u64,
        /// Pictures seen so far.
        images: u64,
    },
    /// Numbers, read back every few steps.
    Reading(Reading),
    /// How far it is; not kept in the file.
    Progress(RunProgress),
    /// Samples were written; see [`super::preview`].
    Preview {
        /// Pictures seen.
        images: u64,
    },
    /// A checkpoint is complete.
    Checkpoint(CheckpointInfo),
    /// A live edit took effect.
    Edited(Edit),
    /// It went back to an earlier state: what was told of later ones no longer holds.
    Rewound {
        /// Pictures seen at that state.
        images: u64,
    },
    /// The doctor found something, or it is gone.
    Finding(Finding),
    /// Something a person should know.
    Message(Problem),
    /// It holds on, or goes on.
    State {
        /// The new state.
        state: RunState,
    },
    /// It saw all the pictures it was asked to.
    Finished {
        /// Its last checkpoint.
        path: PathBuf,
        /// Pictures seen.
        images: u64,
    },
    /// A person ended it before its target.
    Stopped {
        /// Its last checkpoint.
        path: PathBuf,
        /// Pictures seen.
        images: u64,
    },
    /// A signal, or the end of the session, ended it before its target.
    Interrupted {
        /// Its last checkpoint.
        path: PathBuf,
        /// Pictures seen.
        images: u64,
    },
    /// It ended by an error.
    Failed {
        /// What happened.
        problem: Problem,
    },
}
