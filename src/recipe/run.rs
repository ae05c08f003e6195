//! How long, how often to look and to save.

use serde::{Deserialize, Serialize};

use super::field::{Field, Group, Input, field, int};

/// How long, how often to look and to save.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunRecipe {
    /// Where to stop, in thousands of pictures. Says nothing of the schedules, which have their own length.
    pub kimg: f64,
    /// A full checkpoint every this many thousand pictures.
    pub checkpoint_kimg: f64,
    /// How many checkpoints to keep, besides the best.
    pub keep: u32,
    /// Samples for the eye every this many thousand pictures.
    pub preview_kimg: f64,
    /// Numbers are read back every this many steps.
    pub telemetry_steps: u32,
}

impl Default for RunRecipe {
    fn default() -> Self {
        Self { kimg: 100.0, checkpoint_kimg: 8.0, keep: 2, preview_kimg: 1.0, telemetry_steps: 8 }
    }
}

/// Its settings, in the order of the form.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("run.kimg", "Length", Group::Schedule, Input::Float { min: 0.0, max: 1e7, log: true },
        "Thousands of pictures to see before it stops; you can always go on").unit("kimg").common().live(),
    field("run.checkpoint_kimg", "Checkpoint every", Group::Output, Input::Float { min: 0.001, max: 1e6, log: true },
        "How often the whole state is saved").unit("kimg").live(),
    field("run.keep", "Checkpoints kept", Group::Output, int(1, 1000), "How many are kept, besides the best").live(),
    field("run.preview_kimg", "Samples every", Group::Output, Input::Float { min: 0.001, max: 1e6, log: true },
        "How often the sample grid is renewed").unit("kimg").live(),
    field("run.telemetry_steps", "Numbers every", Group::Output, int(1, 10_000),
        "How often the curves get a point").unit("steps").live(),
];
