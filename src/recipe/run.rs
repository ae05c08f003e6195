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
    /// It stops once its score is forecast to get better by less than this within `stop_kimg`, at the better end of an
    /// interval of 80 %; 0 never stops it.
    pub stop_gain: f64,
    /// How far ahead that forecast looks, in thousands of pictures.
    pub stop_kimg: f64,
    /// Snapshots of two averages that are kept, so that an average of another length can be chosen afterwards; 0 keeps none.
    pub averages: u32,
}

impl Default for RunRecipe {
    fn default() -> Self {
        Self {
            kimg: 100.0,
            checkpoint_kimg: 8.0,
            keep: 2,
            preview_kimg: 1.0,
            telemetry_steps: 8,
            stop_gain: 0.0,
            stop_kimg: 50.0,
            averages: 0,
        }
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
    field("run.stop_gain", "Stop below a gain of", Group::Schedule, Input::Float { min: 0.0, max: 1e6, log: false },
        "Ends the run once its score is forecast to get better by less than this; 0 never does").live(),
    field("run.stop_kimg", "Gain within", Group::Schedule, Input::Float { min: 0.001, max: 1e6, log: true },
        "How far ahead the forecast looks that ends the run").unit("kimg").live()
        .idle(|r| (r.run.stop_gain == 0.0).then_some("No gain is set below which the run stops")),
    field("run.averages", "Averages kept", Group::Output, int(0, 32),
        "Snapshots of two averages, so that an average of another length can be made afterwards; 0 keeps none"),
];
