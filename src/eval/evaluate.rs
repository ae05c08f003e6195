//! Evaluating a model: all metrics that are asked for, on one bench.

use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::context::{Bench, Suspect};
use super::evaluated_model::{Pictures, Subject};
use super::score::Score;
use super::table::{METRICS, MetricSpec, Need, find};
use crate::base::paths::Paths;
use crate::base::{Channels, Problem, Progress, Result};
use crate::data::{self, Prepared};
use crate::latent::model::LoadedModel;
use crate::recipe::DataRecipe;

/// What is asked.
pub struct Task<'a> {
    /// The model.
    pub subject: &'a dyn Subject,
    /// The data that it is held against, of the model's shape.
    pub data: &'a Prepared,
    /// What the data are called.
    pub source: &'a str,
    /// What the model learned from, if that is (a part of) the data; prepared alike.
    pub training: Option<&'a Prepared>,
    /// Rows of [`METRICS`].
    pub metrics: Vec<&'static MetricSpec>,
    /// Samples to make.
    pub count: usize,
    /// Draws of the importance-weighted bound.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    /// Folder for what is worth keeping.
    pub cache: &'a Path,
    /// Device of the encoder and of classifiers.
    pub device: Device,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Scores, in the order asked for.
    pub metrics: Vec<Score>,
    /// Metrics that were left out, each with its reason.
    #[serde(default)]
    pub left_out: Vec<(String, String)>,
    /// Samples beside the training pictures that they are most like, the worst first.
    #[serde(skip)]
    pub suspects: Vec<Suspect>,
}

/// Metrics by their ids; `all` is every one.
///
/// # Errors
/// There is none of some id.
pub fn chosen<S: AsRef<str>>(ids: &[S]) -> Result<Vec<&'static MetricSpec>> {
    let mut out: Vec<&MetricSpec> = Vec::new();
    for id in ids.iter().map(|id| id.as_ref().trim()).filter(|id| !id.is_empty()) {
        if id == "all" {
            out.extend(METRICS);
            continue;
        }
        out.push(find(id).ok_or_else(|| {
            let known: Vec<&str> = METRICS.iter().map(|m| m.id).collect();
            Problem::usage("There is no metric of this name")
                .of(id)
                .try_this(format!("Choose from: all, {}", known.join(", ")))
        })?);
    }
    let mut seen = Vec::new();
    out.retain(|m| {
        !seen.contains(&m.id) && {
            seen.push(m.id);
            true
        }
    });
    if out.is_empty() { Err(Problem::usage("No metric was chosen")) } else { Ok(out) }
}

/// Why a metric does not apply to this model and these data, if so.
pub fn lacks(metric: &MetricSpec, subject: &dyn Subject, data: &Prepared) -> Option<&'static str> {
    let missing = metric.needs.iter().find(|need| match need {
        Need::Pictures => data.shape().channels == Channels::Points,
        Need::Labels => data.labels().len() < 2,
        Need::Factors => data.factor_names().is_empty(),
        Need::Encoder => subject.encoding().is_none(),
        Need::Classes => !data.labels().iter().any(|l| subject.classes().contains(l)),
    });
    missing.map(|need| need.missing())
}

/// Computes every metric asked for. One that lacks something is left out with the reason.
///
/// # Errors
/// Model and data differ in shape, nothing is left to compute, the model fails, or the work was cancelled.
pub fn evaluate(task: &Task<'_>, progress: &dyn Progress) -> Result<Report> {
    let (mine, theirs) = (task.subject.shape(), task.data.shape());
    if mine != theirs {
        return Err(Problem::usage("The data are prepared in another shape than the model's")
            .because(format!("{mine:?} and {theirs:?}")));
    }
    if task.count == 0 {
        return Err(Problem::usage("There is nothing to measure").of("--count 0").try_this("Choose at least 100"));
    }
    let bench = Bench::new(task, progress);
    let mut report = Report::default();
    for metric in &task.metrics {
        if let Some(need) = lacks(metric, task.subject, task.data) {
            report.left_out.push((metric.id.into(), need.into()));
            continue;
        }
        progress.cancel().check()?;
        let began = Instant::now();
        let scores = (metric.run)(&bench)?;
        let seconds = began.elapsed().as_secs_f64();
        report.metrics.extend(scores.into_iter().map(|s| Score { seconds, ..s }));
    }
    report.suspects = bench.suspects.take();
    match report.left_out.first() {
        Some((id, why)) if report.metrics.is_empty() => {
            Err(Problem::usage("This cannot be measured here").of(id.clone()).because(why))
        }
        _ => Ok(report),
    }
}

/// A model with the data that it is held against.
pub struct Opened {
    /// The model.
    pub model: LoadedModel,
    /// The data, prepared as the model's own were.
    pub data: Prepared,
    /// The part of them that the model learned from, where they are its own.
    pub training: Option<Prepared>,
    /// What the data are called.
    pub source: String,
    device: Device,
}

impl Opened {
    /// Opens a model, and prepares the data: those it was trained on if no other are named. All of them count, also
    /// where the model learned from a part only.
    ///
    /// # Errors
    /// There is no such model, the data are not here, or the device does not start.
    pub fn open(
        model: &str,
        source: Option<&str>,
        paths: &Paths,
        device: &str,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let model = LoadedModel::open(model, paths, device)?;
        let own = &model.info().recipe.data;
        let source = source.unwrap_or(&own.source).to_string();
        let recipe = DataRecipe { source: source.clone(), limit: 0, exclude: Vec::new(), mirror: false, ..own.clone() };
        let data = data::prepare(&recipe, &paths.prepared(), progress).map_err(|p| match p.remedy {
            None => p.try_this("Name the data with --data"),
            Some(_) => p,
        })?;
        let training = match source == own.source {
            true => Some(data::prepare(own, &paths.prepared(), progress)?),
            false => None,
        };
        Ok(Self { model, data, training, source, device: crate::train::device::open(device)? })
    }

    /// Computes every metric asked for.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn evaluate(
        &self,
        metrics: Vec<&'static MetricSpec>,
        count: usize,
        draws: usize,
        seed: u64,
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<Report> {
        evaluate(&Task { metrics, count, draws, ..self.task(&self.model, seed, paths) }, progress)
    }

    /// The same of pictures that another program made: as if they were the model's samples.
    ///
    /// # Errors
    /// As [`evaluate`], or the pictures are too few or not there.
    pub fn evaluate_pictures(
        &self,
        pictures: &str,
        metrics: Vec<&'static MetricSpec>,
        count: usize,
        seed: u64,
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<Report> {
        let own = &self.model.info().recipe.data;
        let source = pictures.to_string();
        let recipe =
            DataRecipe { source, limit: 0, exclude: Vec::new(), mirror: false, drop_duplicates: false, ..own.clone() };
        let set = data::prepare(&recipe, &paths.prepared(), progress)?;
        if set.len() < count {
            return Err(Problem::data("There are too few pictures to measure")
                .of(pictures)
                .because(format!("{} of {count}", set.len()))
                .try_this("Make more, or give a smaller --count for both"));
        }
        let subject = Pictures(&set);
        let task = Task { metrics, count, ..self.task(&subject, seed, paths) };
        evaluate(&task, progress)
    }

    fn task<'a>(&'a self, subject: &'a dyn Subject, seed: u64, paths: &'a Paths) -> Task<'a> {
        Task {
            subject,
            data: &self.data,
            source: &self.source,
            training: self.training.as_ref(),
            metrics: Vec::new(),
            count: 0,
            draws: 0,
            seed,
            cache: &paths.cache,
            device: self.device.clone(),
        }
    }
}
