//! Optimiser and averages.

use serde::{Deserialize, Serialize};

use super::Schedule;
use super::field::{Field, Group, Input, field, int};

/// Optimiser and averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimRecipe {
    /// Pictures a step.
    pub batch: u32,
    /// Learning rate.
    pub lr: Schedule,
    /// Whether the learning rate ends its way with the run where its schedule is longer.
    #[serde(default = "not_before")]
    pub lr_within_run: bool,
    /// Adam's β₁.
    pub beta1: f64,
    /// Adam's β₂.
    pub beta2: Schedule,
    /// Adam's ε.
    pub epsilon: f64,
    /// Half-life of the averaged (EMA) weights, in thousands of pictures; 0 keeps no average.
    pub ema_kimg: Schedule,
    /// The half-life is at most this share of the pictures seen so far.
    pub ema_rampup: f64,
    /// Largest global norm of the gradients; 0 for no limit.
    pub clip_norm: f64,
    /// Parts that a batch is worked on in, one after the other, to spare memory: gradients are those of the whole batch.
    ///
    /// What looks at several pictures sees those of its part alone: batch norm takes its statistics of each part, and the
    /// minibatch statistic of a critic compares within it. Random numbers are drawn for the whole batch before.
    pub accumulate: u32,
}

impl Default for OptimRecipe {
    fn default() -> Self {
        Self {
            batch: 32,
            lr: Schedule::constant(4e-4),
            lr_within_run: true,
            beta1: 0.0,
            beta2: Schedule::constant(0.95),
            epsilon: 1e-8,
            ema_kimg: Schedule::constant(20.0),
            ema_rampup: 0.05,
            clip_norm: 0.0,
            accumulate: 1,
        }
    }
}

/// Recipes older than the choice keep to their schedules.
fn not_before() -> bool {
    false
}

impl OptimRecipe {
    /// The learning rate after `images` pictures, in a run that ends after `target`; 0 for one without an end.
    pub fn lr_at(&self, images: u64, target: u64) -> f64 {
        let length = target as f64 / 1000.0;
        let ends_early = self.lr_within_run && target > 0 && length < self.lr.kimg;
        let schedule = if ends_early { Schedule { kimg: length, ..self.lr } } else { self.lr };
        schedule.at(images)
    }
}

/// Its settings, in the order of the form.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("optim.batch", "Batch", Group::Optimiser, int(2, 4096),
        "Pictures a step; more are steadier and need more memory").unit("pictures"),
    field("optim.lr", "Learning rate", Group::Optimiser, Input::Schedule { min: 1e-7, max: 0.1, log: true },
        "How far each step goes; higher learns faster until it becomes unstable").common().live(),
    field("optim.lr_within_run", "End with the run", Group::Optimiser, Input::Bool,
        "Where the learning rate's schedule is longer than the run, it reaches its end when the run does").live()
        .idle(|r| r.optim.lr.is_constant().then_some("The learning rate does not change")),
    field("optim.beta1", "Adam β₁", Group::Optimiser, Input::Float { min: 0.0, max: 0.999, log: false },
        "Memory of past gradients; higher is smoother and slower to turn"),
    field("optim.beta2", "Adam β₂", Group::Optimiser, Input::Schedule { min: 0.0, max: 0.99999, log: false },
        "Memory of past gradient sizes; higher is steadier and slower to adapt"),
    field("optim.epsilon", "Adam ε", Group::Optimiser, Input::Float { min: 1e-12, max: 1e-1, log: true },
        "Smallest gradient size that is divided by; higher damps tiny gradients"),
    field("optim.ema_kimg", "Averaging half-life", Group::Optimiser, Input::Schedule { min: 0.0, max: 100_000.0, log: true },
        "Averages the weights you see over this many pictures; longer is smoother and lags behind").unit("kimg"),
    field("optim.ema_rampup", "Averaging ramp-up", Group::Optimiser, Input::Float { min: 0.0, max: 1.0, log: false },
        "Shortens the half-life at the beginning to this share of the pictures seen"),
    field("optim.clip_norm", "Gradient limit", Group::Optimiser, Input::Float { min: 0.0, max: 1e6, log: true },
        "Largest norm of all gradients together; 0 for none"),
    field("optim.accumulate", "Parts of a batch", Group::Optimiser, int(1, 64),
        "Works a batch off in so many parts, which needs less memory and gives the same step (nearly, where samples see each other)"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    #[test]
    fn the_learning_rate_falls_to_its_end_within_the_run_and_older_recipes_keep_theirs() {
        let mut optim = OptimRecipe { lr: Schedule::cosine(4e-4, 1e-4, 400.0), ..OptimRecipe::default() };
        for (images, lr) in [(0, 4e-4), (90_000, 2.5e-4), (180_000, 1e-4)] {
            assert!((optim.lr_at(images, 180_000) - lr).abs() < 1e-12, "{images}");
        }
        // Longer runs, and those without an end, have the schedule as it is.
        assert_eq!(optim.lr_at(180_000, 900_000), optim.lr.at(180_000));
        assert_eq!(optim.lr_at(180_000, 0), optim.lr.at(180_000));
        optim.lr_within_run = false;
        assert_eq!(optim.lr_at(180_000, 180_000), optim.lr.at(180_000));
        let old = Recipe::from_json(r#"{"optim":{"lr":{"start":4e-4,"end":1e-4,"kimg":400}}}"#).unwrap();
        assert!(!old.optim.lr_within_run && Recipe::default().optim.lr_within_run);
        assert_eq!(Recipe::from_json(&old.to_json()).unwrap(), old);
    }
}
