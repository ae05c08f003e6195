//! How `runs soup` and `runs race` judge a model: one number with its interval, lower is better.

use serde::Serialize;

use crate::base::paths::Paths;
use crate::base::{Problem, Progress, Result};
use crate::engine::dataset_locator;
use crate::eval::evaluate::{Opened, chosen};

/// A model's score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The score.
    pub value: f64,
    /// Lower bound of its 95 % interval.
    pub low: f64,
    /// Upper bound of its 95 % interval.
    pub high: f64,
}

/// What models are judged by.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    /// The data; those that the model learned from where none are named.
    pub data: Option<&'a str>,
    /// Samples.
    pub count: usize,
    /// Seed of the samples.
    pub seed: u64,
    /// Device id.
    pub device: &'a str,
}

impl Judge<'_> {
    /// The kernel distance (KID) of a model's samples to the data.
    ///
    /// # Errors
    /// There is no such model, its data are not here, or they are too few.
    pub fn of(&self, model: &str, place: Option<&str>, paths: &Paths, progress: &dyn Progress) -> Result<Judged> {
        let own = place.map(str::to_owned).or_else(|| dataset_locator::of_model(model, "", paths).ok());
        let opened = Opened::open(model, self.data, own.as_deref(), paths, self.device, progress)?;
        let report = opened.evaluate(chosen(&["kid"])?, self.count, 0, self.seed, paths, progress)?;
        let score = report.metrics.iter().find(|s| s.name == "kid" && s.value.is_finite());
        score.map(|s| Judged { value: s.value, low: s.low, high: s.high }).ok_or_else(|| {
            Problem::data("This model cannot be judged").of(model).because("its samples or its data are too few")
        })
    }
}
