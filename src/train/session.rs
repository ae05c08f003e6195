//! The loop of a run, from a folder with a recipe to a finished model. The same loop serves the command line, tests and
//! the child process of the window.

use std::path::PathBuf;

use super::checkpoint::{self, Loaded, Machine, Newest, SavedState};
use super::doctor::Doctor;
use super::doctor::seen::DataFacts;
use super::folder::{RunFolder, RunLock};
use super::heldout::Heldout;
use super::identity::{self, PictureAnswer};
use super::preview;
use super::prior_data::PriorData;
use super::report::{RunEvent, RunState};
use super::reporter::Reporter;
use super::scoring::Scoring;
use super::script;
use super::setup::{learn_labels, model_info, name_features, prepare, see_version};
pub use super::train_loop::Outcome;
use super::train_loop::{TrainLoop, Wishes, last_checkpoint};
use super::trainer::Trainer;
use crate::base::pace::Pace;
use crate::base::progress::Quiet;
use crate::base::{Cancel, Kind, Problem, Result};
use crate::data::{Prepared, Sampler};
use crate::models::footprint;
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::recipe::{Recipe, disk_space, json_path};

/// What a session needs besides its folder.
pub struct Options<'a> {
    /// Cache of prepared sets.
    pub cache: PathBuf,
    /// Device id, as in [`super::device::open`].
    pub device: String,
    /// Weights to begin from, for fine-tuning: full state if there is one, and the snapshot.
    pub from: Option<(Option<Weights>, Weights)>,
    /// What is said of the run's pictures, if they were moved or changed.
    pub pictures: PictureAnswer,
    /// The run's lock, if the caller holds it already.
    pub lock: Option<RunLock>,
    /// Told everything that happens, in order.
    pub sink: &'a mut dyn FnMut(&RunEvent),
    /// Raised to save a checkpoint and end (Ctrl+C).
    pub stop: Cancel,
    /// Whether the doctor reads along.
    pub doctor: bool,
    /// What the caller has to say of the run, told among its messages.
    pub note: Option<Problem>,
}

impl<'a> Options<'a> {
    /// A run as its folder has it, from fresh weights.
    pub fn new(cache: PathBuf, device: &str, sink: &'a mut dyn FnMut(&RunEvent)) -> Self {
        let (device, pictures, stop) = (device.into(), PictureAnswer::default(), Cancel::new());
        Self { cache, device, from: None, pictures, lock: None, sink, stop, doctor: true, note: None }
    }
}

/// Trains the run in `folder` until its target, from its last complete checkpoint if there is one.
///
/// # Errors
/// Bad data, a device that fails, a full disk, or three losses of finite numbers. The folder says so too.
pub fn run(folder: &RunFolder, options: Options<'_>) -> Result<Outcome> {
    let _lock = match options.lock {
        Some(lock) => lock,
        None => folder.lock()?,
    };
    let mut reporter = Reporter::new(folder, &options.device, options.sink)?;
    // Wishes sent to an earlier process are no longer meant.
    folder.take_controls();
    reporter.status(None);
    let Options { cache, device, from, pictures, stop, doctor, note, .. } = options;
    if let Some(note) = note {
        reporter.tell(&RunEvent::Message(note));
    }
    let request = Request { cache, device, from, pictures, stop, doctor };
    let outcome = begin(&mut reporter, request);
    reporter.progress.eta_s = None;
    match &outcome {
        Ok(Outcome::Finished) => {
            reporter.state = RunState::Finished;
            reporter.status(None);
        }
        Ok(Outcome::Stopped) => {
            reporter.state = RunState::Stopped;
            reporter.status(None);
        }
        Ok(Outcome::Interrupted) => {
            reporter.state = RunState::Interrupted;
            reporter.status(Some(
                Problem::interrupted("The run was ended from outside and saved a checkpoint first").info(),
            ));
        }
        Err(problem) if problem.kind == Kind::Interrupted => {
            reporter.state = RunState::Interrupted;
            let (path, images) = (last_checkpoint(folder), reporter.progress.images);
            reporter.tell(&RunEvent::Interrupted { path, images });
            reporter.status(Some(Problem::interrupted("The run was ended from outside before it trained").info()));
        }
        Err(problem) => {
            reporter.state = RunState::Failed;
            reporter.tell(&RunEvent::Failed { problem: problem.clone() });
            reporter.status(Some(problem.clone()));
        }
    }
    outcome
}

/// What a run is asked for.
struct Request {
    cache: PathBuf,
    device: String,
    from: Option<(Option<Weights>, Weights)>,
    pictures: PictureAnswer,
    stop: Cancel,
    doctor: bool,
}

fn begin(reporter: &mut Reporter<'_>, request: Request) -> Result<Outcome> {
    let folder = reporter.folder;
    let Request { cache, device: device_id, from, pictures: PictureAnswer { source, accept }, stop, doctor } = request;
    let (device_id, stop) = (device_id.as_str(), &stop);
    let mut first = folder.recipe()?;
    let moved = source.filter(|source| *source != first.data.source);
    if let Some(source) = &moved {
        first.data.source.clone_from(source);
    }
    first.validate()?;
    checkpoint::recover(folder);
    let Newest { loaded: newest, passed, warnings } = checkpoint::newest(folder)?;
    for warning in warnings {
        reporter.tell(&RunEvent::Message(warning));
    }
    if newest.is_none() {
        footprint::admit(&first, device_id)?;
    }
    let prepared = prepare(reporter, &first, &cache, stop)?;
    let learned = newest.as_ref().map(Loaded::model).transpose()?;
    name_features(&mut first, learned.as_ref())?;
    reporter.progress.stage = "Reading the token model".into();
    let prior = PriorData::of(&mut first, folder, &prepared, learned.as_ref(), &Quiet::default())?;
    let prepared = learn_labels(&mut first, prepared, learned.map(|model| model.classes))?;
    let kept = newest.as_ref().and_then(|loaded| loaded.saved.data.clone());
    if let Some(note) = identity::settle(folder, &prepared, kept.as_deref(), newest.is_some(), accept)? {
        reporter.tell(&RunEvent::Message(note));
    }
    if let Some(note) = see_version(reporter, &first.data, &cache, stop)? {
        reporter.tell(&RunEvent::Message(note));
    }
    if let Some(source) = &moved {
        folder.move_source(source)?;
    }
    reporter.progress.stage = "Starting the device".into();
    reporter.status(None);
    let device = super::device::open(device_id)?;
    let info = ModelInfo { hard_pixels: prepared.has_hard_pixels(), ..model_info(folder, &first) };
    let sampler = Sampler::new(first.seed, &prepared, first.data.mirror).weighted(|name| first.data.weight(name))?;
    let heldout = Heldout::of(&prepared);

    let file = folder.file()?;
    let saved = SavedState::new(device_id);
    let mut training = TrainLoop {
        trainer: Trainer::new(&first, &device)?,
        recipe: first,
        edits: Vec::new(),
        script: script::of(folder)?,
        saved,
        target: 0,
        scoring: Scoring::default(),
        scored: None,
        shown: None,
        last_preview: None,
        data_sample: Vec::new(),
        last_saved: newest.as_ref().map(|loaded| loaded.saved.images),
        passed,
        fine_tuned: file.from.is_some(),
        reporter,
        prepared,
        sampler,
        heldout,
        prior,
        info,
        stop: stop.clone(),
        pace: Pace::new(0.0),
        wishes: Wishes::default(),
        bytes: Vec::new(),
    };
    training.trainer.set_heldout(&training.heldout)?;
    if let Some(prior) = training.prior.clone() {
        training.trainer.set_prior_data(&prior)?;
    }
    training.trainer.set_pictures(training.prepared.train().len() as u64);
    let resumed = newest.is_some();
    match newest {
        Some(loaded) => {
            training.trainer.go_on_from(&loaded.weights, &loaded.saved.trainer)?;
            let machine = Machine::here(device_id);
            if loaded.saved.machine != machine {
                training.reporter.tell(&RunEvent::Message(loaded.saved.machine.unlike(&machine)));
            }
            training.saved = SavedState { machine, ..loaded.saved };
            training.shown = Some(training.saved.images).filter(|images| folder.previews().contains(images));
            training.last_preview =
                training.shown.and_then(|images| preview::load(&folder.previews_dir(), images).ok());
            training.scoring = Scoring::new(training.saved.scoring);
        }
        None => {
            if let Some((full, snapshot)) = from {
                let fit = training.trainer.begin_from(full.as_ref(), &snapshot);
                let note = Problem::usage(format!(
                    "Began from {}: {} tensors loaded, {} fresh",
                    file.from.as_deref().unwrap_or("another model"),
                    fit.loaded.len(),
                    fit.fresh.len()
                ))
                .info();
                let note =
                    if fit.fresh.is_empty() { note } else { note.because(format!("fresh: {}", fit.fresh.join(", "))) };
                training.reporter.tell(&RunEvent::Message(note));
            }
        }
    }
    training.saved.data = Some(training.prepared.hash().into());
    if let Some(warning) = disk_space::warning(folder.dir(), &training.recipe) {
        training.reporter.tell(&RunEvent::Message(warning));
    }
    let started = RunEvent::Started {
        device: device_id.into(),
        pictures: training.prepared.train().len() as u64,
        step: training.saved.step,
        images: training.saved.images,
    };
    training.reporter.tell(&started);
    let history = folder.history();
    // Edits that were made before the checkpoint hold; later ones were undone with what came after it.
    training.edits = folder.edits().into_iter().filter(|e| e.images <= training.saved.images).collect();
    folder.write_edits(&training.edits)?;
    training.recipe = json_path::edited(&training.recipe, &training.edits)?;
    training.trainer.set_recipe(&training.recipe);
    training.target = ((file.kimg.unwrap_or(training.recipe.run.kimg)) * 1000.0).round() as u64;
    // What it found in an earlier session was said then.
    if doctor {
        let facts = facts(&training.prepared, &training.recipe);
        training.reporter.doctor = Some(Doctor::of_history(&training.recipe, training.target, facts, &history).0);
    }
    training.reporter.progress.stage.clear();
    training.reporter.progress.target = training.target;
    training.reporter.progress.step = training.saved.step;
    training.reporter.progress.images = training.saved.images;
    training.reporter.change_state(RunState::Training);
    if !resumed {
        training.show()?;
        if training.fine_tuned {
            // What it began from is nowhere else in this folder, and going back has to lead there.
            training.save()?;
        }
    }
    training.pace = Pace::new(training.saved.images as f64);
    training.run()
}

/// What the doctor knows of the data.
fn facts(prepared: &Prepared, recipe: &Recipe) -> DataFacts {
    let mut classes: Vec<(String, u64)> = Vec::new();
    if recipe.model.conditional {
        classes.extend(prepared.labels().iter().map(|name| (name.clone(), 0)));
        for label in prepared.train().iter().filter_map(|&i| prepared.label(i as usize)) {
            classes[label as usize].1 += 1;
        }
    }
    DataFacts { pictures: prepared.train().len() as u64, classes }
}

#[cfg(test)]
mod tests;
