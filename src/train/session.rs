//! The loop of a run, from a folder with a recipe to a finished model. The same loop serves the command line, tests and
//! the child process of the window.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::checkpoint::{self, Loaded, Machine, Newest, SavedState};
use super::course::{Course, edit, go_back, save, score, show};
use super::folder::{self, Control, RunFolder, RunLock, Status, Telemetry};
use super::identity::{self, PictureAnswer};
use super::report::{CHECKPOINT, PREVIEW, RunEvent, RunProgress, RunState, Steady, breaks_every};
use super::scoring::{Heldout, Scoring};
use super::setup::{learn_labels, model_info, name_features, prepare};
use super::trainer::Trainer;
use crate::base::pace::Pace;
use crate::base::series::Reading;
use crate::base::{Cancel, Kind, Problem, Result};
use crate::data::{Prepared, Sampler};
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::recipe::{disk_space, json_path};

/// How often `status.json` is renewed and clients' wishes are read.
const TICK: Duration = Duration::from_millis(150);

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
}

impl<'a> Options<'a> {
    /// A run as its folder has it, from fresh weights.
    pub fn new(cache: PathBuf, device: &str, sink: &'a mut dyn FnMut(&RunEvent)) -> Self {
        let (device, pictures, stop) = (device.into(), PictureAnswer::default(), Cancel::new());
        Self { cache, device, from: None, pictures, lock: None, sink, stop }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It saw all its pictures.
    Finished,
    /// [`Control::Stop`] ended it before that.
    Stopped,
    /// The stop flag was raised before that.
    Interrupted,
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
    let log = folder.append_telemetry()?;
    let mut session = Session {
        folder,
        log,
        sink: options.sink,
        state: RunState::Preparing,
        progress: RunProgress { device: options.device.clone(), ..RunProgress::default() },
        last_tick: None,
        mute: false,
    };
    // Wishes sent to an earlier process are no longer meant.
    folder.take_controls();
    session.status(None);
    let Options { cache, device, from, pictures, stop, .. } = options;
    let wish = Wish { cache, device, from, pictures, stop };
    let outcome = work(&mut session, wish);
    session.progress.eta_s = None;
    match &outcome {
        Ok(Outcome::Finished) => {
            session.state = RunState::Finished;
            session.status(None);
        }
        Ok(Outcome::Stopped) => {
            session.state = RunState::Stopped;
            session.status(None);
        }
        Ok(Outcome::Interrupted) => {
            session.state = RunState::Interrupted;
            session.status(Some(
                Problem::interrupted("The run was ended from outside and saved a checkpoint first").info(),
            ));
        }
        Err(problem) if problem.kind == Kind::Interrupted => {
            session.state = RunState::Interrupted;
            let (path, images) = (last_checkpoint(folder), session.progress.images);
            session.tell(&RunEvent::Interrupted { path, images });
            session.status(Some(Problem::interrupted("The run was ended from outside before it trained").info()));
        }
        Err(problem) => {
            session.state = RunState::Failed;
            session.tell(&RunEvent::Failed { problem: problem.clone() });
            session.status(Some(problem.clone()));
        }
    }
    outcome
}

/// What a run is asked for.
struct Wish {
    cache: PathBuf,
    device: String,
    from: Option<(Option<Weights>, Weights)>,
    pictures: PictureAnswer,
    stop: Cancel,
}

/// Where the newest complete checkpoint is; an empty path if there is none.
fn last_checkpoint(folder: &RunFolder) -> PathBuf {
    folder.checkpoints().last().map_or_else(PathBuf::new, |c| c.path.clone())
}

pub(super) struct Session<'a> {
    pub(super) folder: &'a RunFolder,
    log: Telemetry,
    sink: &'a mut dyn FnMut(&RunEvent),
    state: RunState,
    pub(super) progress: RunProgress,
    last_tick: Option<Instant>,
    /// Whether it was said that the telemetry cannot be written.
    mute: bool,
}

impl Session<'_> {
    /// Writes an event down and passes it on.
    pub(super) fn tell(&mut self, event: &RunEvent) {
        // Progress is in `status.json`.
        if !matches!(event, RunEvent::Progress(_)) {
            let failed = folder::append(&mut self.log, event).err();
            if let Some(error) = failed.as_ref().filter(|_| !self.mute) {
                let full = Problem::failed("The run's telemetry cannot be written")
                    .of(self.folder.dir().display().to_string())
                    .because(error)
                    .try_this("Free some space on this disk; training goes on meanwhile")
                    .warning();
                (self.sink)(&RunEvent::Message(full));
            }
            self.mute = failed.is_some();
        }
        (self.sink)(event);
    }

    pub(super) fn status(&mut self, problem: Option<Problem>) {
        let status = Status { state: self.state, progress: self.progress.clone(), problem };
        // A full disk must not end the run here: the next checkpoint says it aloud.
        let _ = self.folder.write_status(&status);
        let event = RunEvent::Progress(self.progress.clone());
        (self.sink)(&event);
    }

    fn change_state(&mut self, state: RunState) {
        if self.state != state {
            self.state = state;
            self.tell(&RunEvent::State { state });
            self.status(None);
        }
    }

    pub(super) fn due(&mut self) -> bool {
        let due = self.last_tick.is_none_or(|t| t.elapsed() >= TICK);
        if due {
            self.last_tick = Some(Instant::now());
        }
        due
    }
}

fn work(session: &mut Session<'_>, wish: Wish) -> Result<Outcome> {
    let folder = session.folder;
    let Wish { cache, device: device_id, from, pictures: PictureAnswer { source, accept }, stop } = wish;
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
        session.tell(&RunEvent::Message(warning));
    }
    let prepared = prepare(session, &first, &cache, stop)?;
    let learned = newest.as_ref().map(Loaded::model).transpose()?;
    name_features(&mut first, learned.as_ref())?;
    let prepared = learn_labels(&mut first, prepared, learned.map(|model| model.classes))?;
    let kept = newest.as_ref().and_then(|loaded| loaded.saved.data.clone());
    if let Some(note) = identity::settle(folder, &prepared, kept.as_deref(), newest.is_some(), accept)? {
        session.tell(&RunEvent::Message(note));
    }
    if let Some(source) = &moved {
        folder.move_source(source)?;
    }
    session.progress.stage = "Starting the device".into();
    session.status(None);
    let device = super::device::open(device_id)?;
    let info = ModelInfo { hard_pixels: prepared.has_hard_pixels(), ..model_info(folder, &first) };
    let sampler = Sampler::new(first.seed, &prepared, first.data.mirror);
    let heldout = Heldout::of(&prepared);

    let file = folder.file()?;
    let mut course = Course {
        trainer: Trainer::new(&first, &device)?,
        recipe: first,
        edits: Vec::new(),
        saved: SavedState::new(device_id),
        target: 0,
        scoring: Scoring::default(),
        scored: None,
        shown: None,
        pictures: prepared.train().len() as u64,
        last_saved: newest.as_ref().map(|loaded| loaded.saved.images),
        passed,
        fine_tuned: file.from.is_some(),
    };
    course.trainer.set_heldout(&heldout)?;
    course.trainer.set_pictures(course.pictures);
    let resumed = newest.is_some();
    match newest {
        Some(loaded) => {
            course.trainer.restore(&loaded.weights, &loaded.saved.trainer)?;
            let machine = Machine::here(device_id);
            if loaded.saved.machine != machine {
                session.tell(&RunEvent::Message(loaded.saved.machine.unlike(&machine)));
            }
            course.saved = SavedState { machine, ..loaded.saved };
            course.shown = Some(course.saved.images).filter(|images| folder.previews().contains(images));
            course.scoring = Scoring::new(course.saved.scoring);
        }
        None => {
            if let Some((full, snapshot)) = from {
                let fit = course.trainer.begin_from(full.as_ref(), &snapshot);
                let note = Problem::usage(format!(
                    "Began from {}: {} tensors loaded, {} fresh",
                    file.from.as_deref().unwrap_or("another model"),
                    fit.loaded.len(),
                    fit.fresh.len()
                ))
                .info();
                let note =
                    if fit.fresh.is_empty() { note } else { note.because(format!("fresh: {}", fit.fresh.join(", "))) };
                session.tell(&RunEvent::Message(note));
            }
        }
    }
    course.saved.data = Some(prepared.hash().into());
    if let Some(warning) = disk_space::warning(folder.dir(), &course.recipe) {
        session.tell(&RunEvent::Message(warning));
    }
    let started = RunEvent::Started {
        device: device_id.into(),
        pictures: prepared.train().len() as u64,
        step: course.saved.step,
        images: course.saved.images,
    };
    session.tell(&started);
    // Edits that were made before the checkpoint hold; later ones were undone with what came after it.
    course.edits = folder.edits().into_iter().filter(|e| e.images <= course.saved.images).collect();
    folder.write_edits(&course.edits)?;
    course.recipe = json_path::edited(&course.recipe, &course.edits)?;
    course.trainer.set_recipe(&course.recipe);
    course.target = ((file.kimg.unwrap_or(course.recipe.run.kimg)) * 1000.0).round() as u64;
    session.progress.stage.clear();
    session.progress.target = course.target;
    session.progress.step = course.saved.step;
    session.progress.images = course.saved.images;
    session.change_state(RunState::Training);
    if !resumed {
        show(session, &mut course, &prepared, &heldout)?;
        if course.fine_tuned {
            // What it began from is nowhere else in this folder, and going back has to lead there.
            save(session, &mut course, &prepared, &heldout, &info)?;
        }
    }
    train(session, &mut course, &prepared, &sampler, &heldout, &info, stop)
}

#[allow(clippy::too_many_arguments)]
fn train(
    session: &mut Session<'_>,
    course: &mut Course,
    prepared: &Prepared,
    sampler: &Sampler,
    heldout: &Heldout,
    info: &ModelInfo,
    stop: &Cancel,
) -> Result<Outcome> {
    // Wishes sent while it prepared are taken before the first step.
    session.last_tick = None;
    let mut paused = false;
    let mut single = false;
    let mut finish = false;
    let mut bytes = Vec::new();
    let mut pace = Pace::new(course.saved.images as f64);
    loop {
        if session.due() || paused {
            // Or a checkpoint would make it again, without what makes it a run.
            session.folder.check_there()?;
            for control in session.folder.take_controls() {
                match control {
                    Control::Pause => paused = true,
                    Control::Go => paused = false,
                    Control::Step => {
                        paused = true;
                        single = true;
                    }
                    Control::Stop => finish = true,
                    Control::Checkpoint => save(session, course, prepared, heldout, info)?,
                    Control::Edit { key, value } => edit(session, course, &key, value),
                }
            }
            session.change_state(if paused && !single { RunState::Paused } else { RunState::Training });
            session.progress.step = course.saved.step;
            session.progress.images = course.saved.images;
            session.progress.images_per_s = if paused { None } else { pace.rate() };
            session.progress.eta_s = if paused { None } else { time_left(&pace, course) };
            session.progress.steady = Steady::of(&pace).or(session.progress.steady.take());
            session.progress.memory = memory_stats::memory_stats().map(|m| m.physical_mem as u64);
            session.progress.target = course.target;
            session.status(None);
        }
        let interrupted = stop.is_cancelled();
        let done = course.saved.images >= course.target;
        if interrupted || finish || done {
            session.progress.step = course.saved.step;
            session.progress.images = course.saved.images;
            // At the end the eye sees the last state too.
            show(session, course, prepared, heldout)?;
            let before = course.saved.images;
            save(session, course, prepared, heldout, info)?;
            if course.saved.images < before {
                // Its last numbers were not finite: it went back, and has the rest before it again.
                pace.back_to(course.saved.images as f64);
                if done && !interrupted && !finish {
                    continue;
                }
            }
            let (path, images) = (last_checkpoint(session.folder), course.saved.images);
            let (event, outcome) = if done && images >= before {
                (RunEvent::Finished { path, images }, Outcome::Finished)
            } else if finish {
                (RunEvent::Stopped { path, images }, Outcome::Stopped)
            } else {
                (RunEvent::Interrupted { path, images }, Outcome::Interrupted)
            };
            session.tell(&event);
            return Ok(outcome);
        }
        if paused && !single {
            std::thread::sleep(TICK / 3);
            continue;
        }
        single = false;

        let began = Instant::now();
        let before = course.saved.images;
        let n = course.recipe.optim.batch as usize;
        let places = sampler.batch(before, n, &mut bytes);
        let labels: Vec<Option<u32>> = places.iter().map(|&i| prepared.label(i as usize)).collect();
        course.trainer.step(&bytes, &labels, course.saved.step, before, course.saved.lr_factor);
        course.saved.step += 1;
        course.saved.images += n as u64;
        let every = u64::from(course.recipe.run.telemetry_steps.max(1));
        if course.saved.step.is_multiple_of(every) || course.saved.images >= course.target {
            match course.trainer.read() {
                Ok(mut values) => {
                    course.saved.kl = course.trainer.kl();
                    values.push(("lr".into(), course.recipe.optim.lr.at(before) * course.saved.lr_factor));
                    if let Some(speed) = pace.rate() {
                        values.push(("images_per_s".into(), speed));
                    }
                    let reading = Reading {
                        step: course.saved.step,
                        images: course.saved.images,
                        seconds: course.saved.seconds + began.elapsed().as_secs_f64(),
                        values,
                    };
                    session.tell(&RunEvent::Reading(reading));
                }
                Err(bad) => {
                    go_back(session, course, heldout, &bad)?;
                    pace.back_to(course.saved.images as f64);
                    continue;
                }
            }
        }
        course.saved.seconds += began.elapsed().as_secs_f64();
        pace.work(began.elapsed().as_secs_f64(), course.saved.images as f64);
        if crossed(before, course.saved.images, course.recipe.run.preview_kimg) {
            let began = Instant::now();
            show(session, course, prepared, heldout)?;
            score(session, course, prepared, heldout, false);
            pace.interrupted(PREVIEW, began.elapsed().as_secs_f64());
        }
        if crossed(before, course.saved.images, course.recipe.run.checkpoint_kimg) {
            let began = Instant::now();
            save(session, course, prepared, heldout, info)?;
            pace.interrupted(CHECKPOINT, began.elapsed().as_secs_f64());
        }
    }
}

/// Seconds left, with the samples and checkpoints that are still to come.
fn time_left(pace: &Pace<2>, course: &Course) -> Option<f64> {
    pace.left(course.target as f64, breaks_every(&course.recipe))
}

/// Whether a multiple of `kimg` thousand lies in `(before, after]`.
fn crossed(before: u64, after: u64, kimg: f64) -> bool {
    let every = (kimg * 1000.0).max(1.0);
    (before as f64 / every).floor() < (after as f64 / every).floor()
}

#[cfg(test)]
mod tests;
