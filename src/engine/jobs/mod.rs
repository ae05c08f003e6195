//! What is done for a command, each on the lane it belongs to.

pub mod data;
pub mod evaluate;
pub mod export;
pub mod gallery;
pub mod likeness;
pub mod models;
pub mod neighbours;
pub mod priors;
pub mod records;
pub mod search;
pub mod words;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::event_queue::Outbox;
use super::inference::{Backend, InferenceHandle};
use super::worker::{JobProgress, Jobs};
use super::{Event, JobId, ModelInfo, Survey};
use crate::base::paths::Paths;
use crate::base::{Picture, Result};
use crate::models::info::BrokenModel;
use crate::recipe::picture::{Latent, PictureRecipe};

/// Surveys kept in memory.
const SURVEYS: usize = 4;

/// What every job may need; clones share it.
#[derive(Clone)]
pub struct Context {
    /// The studio's folders.
    pub paths: Paths,
    /// Where events go.
    pub outbox: Outbox,
    /// Flags to cancel by.
    pub jobs: Jobs,
    /// The inference thread.
    pub inference: InferenceHandle,
    /// Where models come from.
    pub backend: Arc<dyn Backend>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    surveys: Mutex<Vec<Arc<Survey>>>,
    models: Mutex<Vec<ModelInfo>>,
    broken: Mutex<Vec<BrokenModel>>,
    runs: Mutex<Vec<PathBuf>>,
    /// Runs that train now.
    training: Mutex<HashSet<PathBuf>>,
    /// When something was asked for last.
    asked: Mutex<Option<Instant>>,
    /// Jobs that nobody asked for, so far.
    background: AtomicU64,
}

impl Context {
    /// A context of a studio that just started.
    pub fn new(
        paths: Paths,
        outbox: Outbox,
        jobs: Jobs,
        inference: InferenceHandle,
        backend: Arc<dyn Backend>,
    ) -> Self {
        Self { paths, outbox, jobs, inference, backend, shared: Arc::default() }
    }

    /// Progress of a job, as events.
    pub fn progress(&self, job: JobId) -> JobProgress {
        JobProgress::new(job, self.outbox.clone(), &self.jobs)
    }

    /// A number for a job that nobody asked for; those of the client count up from 0.
    pub fn background_job(&self) -> JobId {
        JobId::MAX - self.shared.background.fetch_add(1, Ordering::Relaxed)
    }

    /// Ends such a job; the client is told if it was of it before.
    pub fn end_background(&self, job: JobId, told: bool) {
        self.jobs.end(job);
        if told {
            self.tell(Event::JobEnded { job, problem: None });
        }
    }

    /// Tells the client.
    pub fn tell(&self, event: Event) {
        self.outbox.tell(event);
    }

    /// The newest survey of a source.
    pub fn survey(&self, source: &str) -> Option<Arc<Survey>> {
        self.shared.surveys.lock().iter().find(|s| s.source == source).cloned()
    }

    fn keep_survey(&self, survey: Arc<Survey>) {
        let mut surveys = self.shared.surveys.lock();
        surveys.retain(|s| s.source != survey.source);
        surveys.insert(0, survey);
        surveys.truncate(SURVEYS);
    }

    /// The models as they were listed last, or are now if they never were.
    pub fn models(&self) -> Vec<ModelInfo> {
        let known = self.shared.models.lock().clone();
        if known.is_empty() { self.list_models() } else { known }
    }

    /// Notes where a run is, besides those in the studio's own folder.
    pub fn note_run(&self, dir: &Path) {
        let mut runs = self.shared.runs.lock();
        if !dir.starts_with(self.paths.runs()) && !runs.iter().any(|r| r == dir) {
            runs.push(dir.into());
        }
    }

    /// Notes whether a run trains.
    pub fn note_training(&self, dir: &Path, alive: bool) {
        let mut training = self.shared.training.lock();
        if alive {
            training.insert(dir.into());
        } else {
            training.remove(dir);
        }
    }

    /// Whether a run trains now.
    pub fn is_training(&self) -> bool {
        !self.shared.training.lock().is_empty()
    }

    /// Notes that something was asked for.
    pub fn note_asked(&self) {
        *self.shared.asked.lock() = Some(Instant::now());
    }

    /// How long nothing was asked for.
    pub fn idle(&self) -> Duration {
        self.shared.asked.lock().map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// Runs outside of the studio's own folder.
    pub fn noted_runs(&self) -> Vec<PathBuf> {
        self.shared.runs.lock().clone()
    }

    /// The models as they are now.
    pub fn list_models(&self) -> Vec<ModelInfo> {
        let runs = self.shared.runs.lock().clone();
        let all = self.backend.list(&runs);
        self.shared.models.lock().clone_from(&all.models);
        *self.shared.broken.lock() = all.broken;
        all.models
    }

    /// Models that could not be used when they were listed last.
    pub fn broken_models(&self) -> Vec<BrokenModel> {
        self.shared.broken.lock().clone()
    }

    /// What lists say of a model, or what it says of itself.
    pub(crate) fn described(&self, info: ModelInfo) -> ModelInfo {
        let known = self.shared.models.lock().iter().find(|m| m.model == info.model).cloned();
        match known {
            Some(known) => ModelInfo { name: known.name, shipped: known.shipped, bytes: known.bytes, ..info },
            None => info,
        }
    }
}

/// How a picture of a model was made.
pub fn picture_recipe(
    info: &ModelInfo,
    latent: &Latent,
    truncation: f32,
    made_by: &str,
    device: String,
) -> PictureRecipe {
    PictureRecipe {
        studio: env!("CARGO_PKG_VERSION").into(),
        model: info.name.clone(),
        model_hash: info.hash.clone(),
        latent: latent.clone(),
        truncation,
        made_by: made_by.into(),
        scale: 1,
        filter: "nearest".into(),
        grid: None,
        device,
        prior: info.active_prior().map(|p| p.hash.clone()),
        canvas: None,
        watermark: None,
    }
}

/// A PNG file as a picture.
///
/// # Errors
/// It is gone or damaged.
pub fn read_picture(path: &Path) -> Result<Picture> {
    crate::data::decode_file(path)
}
