//! The loop of a run, from a folder with a recipe to a finished model. The same loop serves the command line, tests and
//! the child process of the window.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::checkpoint::{self, Machine, SavedState};
use super::folder::{self, Control, RunFolder, Status};
use super::report::{CHECKPOINT, CheckpointInfo, PREVIEW, RunEvent, RunProgress, RunState, Steady, breaks_every};
use super::scoring::{Heldout, Scoring};
use super::setup::{learn_labels, model_info, prepare};
use super::trainer::Trainer;
use super::{preview, toy2d};
use crate::base::pace::Pace;
use crate::base::series::Reading;
use crate::base::{Cancel, Channels, Problem, Result};
use crate::data::{Prepared, Sampler};
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::recipe::{Edit, Recipe, disk_space, form, json_path};

/// How often `status.json` is renewed and clients' wishes are read.
const TICK: Duration = Duration::from_millis(150);
/// How often a run may go back to its last good state.
const RETRIES: u32 = 3;

/// What a session needs besides its folder.
pub struct Options<'a> {
    /// Cache of prepared sets.
    pub cache: PathBuf,
    /// Device id, as in [`super::device::open`].
    pub device: String,
    /// Weights to begin from, for fine-tuning: full state if there is one, and the snapshot.
    pub from: Option<(Option<Weights>, Weights)>,
    /// Told everything that happens, in order.
    pub sink: &'a mut dyn FnMut(&RunEvent),
    /// Raised to save a checkpoint and end (Ctrl+C).
    pub stop: Cancel,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It saw all its pictures, or was stopped by [`Control::Stop`].
    Finished,
    /// The stop flag was raised.
    Interrupted,
}

/// Trains the run in `folder` until its target, from its last complete checkpoint if there is one.
///
/// # Errors
/// Bad data, a device that fails, a full disk, or three losses of finite numbers. The folder says so too.
pub fn run(folder: &RunFolder, options: Options<'_>) -> Result<Outcome> {
    let _lock = folder.lock()?;
    let log = folder.append_telemetry()?;
    let mut session = Session {
        folder,
        log,
        sink: options.sink,
        state: RunState::Preparing,
        progress: RunProgress { device: options.device.clone(), ..RunProgress::default() },
        last_tick: None,
    };
    // Wishes sent to an earlier process are no longer meant.
    folder.take_controls();
    session.status(None);
    let outcome = work(&mut session, &options.cache, &options.device, options.from, &options.stop);
    match &outcome {
        Ok(_) => {
            session.state = RunState::Finished;
            session.progress.eta_s = None;
            session.status(None);
        }
        Err(problem) => {
            session.state = RunState::Failed;
            session.tell(&RunEvent::Failed { problem: problem.clone() });
            session.status(Some(problem.clone()));
        }
    }
    outcome
}

pub(super) struct Session<'a> {
    folder: &'a RunFolder,
    log: File,
    sink: &'a mut dyn FnMut(&RunEvent),
    state: RunState,
    pub(super) progress: RunProgress,
    last_tick: Option<Instant>,
}

impl Session<'_> {
    /// Writes an event down and passes it on.
    pub(super) fn tell(&mut self, event: &RunEvent) {
        // Progress is in `status.json`.
        if !matches!(event, RunEvent::Progress(_)) && folder::append(&mut self.log, event).is_err() {
            let full = Problem::failed("The run's telemetry cannot be written")
                .of(self.folder.dir().display().to_string())
                .try_this("Free some space on this disk; training goes on meanwhile")
                .warning();
            (self.sink)(&RunEvent::Message(full));
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

/// The run as it goes on.
struct Course {
    recipe: Recipe,
    /// Live edits that hold, in order.
    edits: Vec<Edit>,
    trainer: Trainer,
    saved: SavedState,
    target: u64,
    scoring: Scoring,
    /// Pictures seen when scores were taken last, and the one that checkpoints are chosen by.
    scored: Option<(u64, Option<f64>)>,
    /// Pictures seen when samples were shown last.
    shown: Option<u64>,
    /// Pictures trained on.
    pictures: u64,
}

fn work(
    session: &mut Session<'_>,
    cache: &Path,
    device_id: &str,
    from: Option<(Option<Weights>, Weights)>,
    stop: &Cancel,
) -> Result<Outcome> {
    let folder = session.folder;
    let mut first = folder.recipe()?;
    first.validate()?;
    let prepared = prepare(session, &first, cache, stop)?;
    learn_labels(&mut first, &prepared)?;
    session.progress.stage = "Starting the device".into();
    session.status(None);
    let device = super::device::open(device_id)?;
    let info = model_info(folder, &first);
    let sampler = Sampler::new(first.seed, &prepared, first.data.mirror);
    let heldout = Heldout::of(&prepared);

    let (newest, warnings) = checkpoint::newest(folder);
    for warning in warnings {
        session.tell(&RunEvent::Message(warning));
    }
    let file = folder.file()?;
    let mut course = Course {
        trainer: Trainer::new(&first, &device)?,
        recipe: first,
        edits: Vec::new(),
        saved: SavedState {
            step: 0,
            images: 0,
            seconds: 0.0,
            lr_factor: 1.0,
            retries: 0,
            trainer: super::trainer::TrainerState::default(),
            kl: Vec::new(),
            scoring: 0.0,
            machine: Machine::here(device_id),
        },
        target: 0,
        scoring: Scoring::default(),
        scored: None,
        shown: None,
        pictures: prepared.train().len() as u64,
    };
    course.trainer.set_heldout(&heldout.bytes, heldout.count)?;
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
    let mut last_saved: Option<u64> = session.folder.checkpoints().last().map(|c| c.images);
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
                    Control::Checkpoint => save(session, course, prepared, heldout, info, &mut last_saved)?,
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
            save(session, course, prepared, heldout, info, &mut last_saved)?;
            if interrupted && !finish && !done {
                return Ok(Outcome::Interrupted);
            }
            let path = session.folder.checkpoints().last().map_or_else(PathBuf::new, |c| c.path.clone());
            session.tell(&RunEvent::Finished { path, images: course.saved.images });
            return Ok(Outcome::Finished);
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
            save(session, course, prepared, heldout, info, &mut last_saved)?;
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

/// Samples from fixed latents, kept on disk.
fn show(session: &mut Session<'_>, course: &mut Course, prepared: &Prepared, heldout: &Heldout) -> Result<()> {
    // A run that ends where samples are due shows them once.
    if course.shown == Some(course.saved.images) {
        return session.folder.check_there();
    }
    course.shown = Some(course.saved.images);
    let points = toy2d::preview(&course.recipe, &course.trainer, prepared, course.saved.images);
    let pictures = || preview::make(&course.trainer, &course.recipe, prepared, course.saved.images);
    let preview = points.unwrap_or_else(pictures);
    let mut values = course.trainer.inspect(&heldout.bytes, heldout.count);
    if let Some(coverage) = toy2d::coverage(&course.recipe, &course.trainer) {
        values.extend([("modes".into(), coverage.modes as f64), ("good".into(), coverage.good)]);
    }
    values.retain(|v| v.1.is_finite());
    tell_values(session, course, values);
    session.folder.check_there()?;
    match preview::save(&session.folder.previews_dir(), &preview) {
        Ok(_) => session.tell(&RunEvent::Preview { images: preview.images }),
        // Samples are for the eye: a full disk must not end the run because of them.
        Err(problem) => session.tell(&RunEvent::Message(problem.warning())),
    }
    Ok(())
}

fn tell_values(session: &mut Session<'_>, course: &Course, values: Vec<(String, f64)>) {
    let (step, images, seconds) = (course.saved.step, course.saved.images, course.saved.seconds);
    session.tell(&RunEvent::Reading(Reading { step, images, seconds, values }));
}

/// Scores of this moment, if there is time for them; lower is better.
fn score(
    session: &mut Session<'_>,
    course: &mut Course,
    prepared: &Prepared,
    heldout: &Heldout,
    checkpoint: bool,
) -> Option<f64> {
    if let Some(coverage) = toy2d::coverage(&course.recipe, &course.trainer) {
        // Points cost nothing to score. Missing modes weigh more than points beside them.
        return Some(-(coverage.modes as f64 + coverage.good));
    }
    if course.recipe.data.channels == Channels::Points {
        return None;
    }
    if let Some((_, score)) = course.scored.filter(|(images, _)| *images == course.saved.images) {
        return score;
    }
    if !course.scoring.due(course.saved.seconds, checkpoint) {
        return None;
    }
    match course.scoring.measure(&course.trainer, &course.recipe, prepared, heldout) {
        Ok(measured) => {
            course.saved.scoring = course.scoring.spent;
            course.scored = Some((course.saved.images, measured.score));
            tell_values(session, course, measured.values);
            measured.score
        }
        // A run goes on without scores.
        Err(problem) => {
            session.tell(&RunEvent::Message(problem.warning()));
            None
        }
    }
}

fn save(
    session: &mut Session<'_>,
    course: &mut Course,
    prepared: &Prepared,
    heldout: &Heldout,
    info: &ModelInfo,
    last_saved: &mut Option<u64>,
) -> Result<()> {
    if *last_saved == Some(course.saved.images) {
        return Ok(());
    }
    // Numbers gathered since the last read may hide a loss that is no longer finite.
    match course.trainer.read() {
        Ok(_) => {}
        Err(bad) => return go_back(session, course, heldout, &bad),
    }
    let value = score(session, course, prepared, heldout, true);
    course.saved.trainer = course.trainer.state().1;
    course.saved.kl = course.trainer.kl();
    let info = ModelInfo {
        kl: course.saved.kl.clone(),
        recipe: course.recipe.clone(),
        prior: course.trainer.prior_info(),
        ..info.clone()
    };
    let saved = checkpoint::save(session.folder, &course.trainer, &course.saved, &info, &course.recipe, value)?;
    *last_saved = Some(saved.images);
    session.tell(&RunEvent::Checkpoint(CheckpointInfo { path: saved.path.clone(), ..saved }));
    Ok(())
}

/// Back to the last good state, with the random streams moved on and half the learning rate.
fn go_back(session: &mut Session<'_>, course: &mut Course, heldout: &Heldout, bad: &[String]) -> Result<()> {
    let retries = course.saved.retries + 1;
    let what = format!("Training lost finite numbers in {} at step {}", bad.join(", "), course.saved.step);
    if retries > RETRIES {
        return Err(Problem::failed(format!("{what}, again after going back {RETRIES} times"))
            .of("optim.lr")
            .try_this("Lower the learning rate or raise the penalty γ, then resume from the last checkpoint"));
    }
    let lr_factor = course.saved.lr_factor * 0.5;
    let (newest, _) = checkpoint::newest(session.folder);
    match newest {
        Some(loaded) => {
            course.trainer.restore(&loaded.weights, &loaded.saved.trainer)?;
            let scoring = course.scoring.spent;
            course.saved = SavedState { machine: course.saved.machine.clone(), scoring, ..loaded.saved };
        }
        None => {
            course.trainer = Trainer::new(&course.recipe, &course.trainer.device())?;
            course.trainer.set_heldout(&heldout.bytes, heldout.count)?;
            course.trainer.set_pictures(course.pictures);
            (course.saved.step, course.saved.images, course.saved.seconds) = (0, 0, 0.0);
        }
    }
    (course.scored, course.shown) = (None, None);
    course.saved.retries = retries;
    course.saved.lr_factor = lr_factor;
    course.trainer.move_streams(retries);
    let images = course.saved.images;
    session.tell(&RunEvent::Rewound { images });
    // What a person changed since then still holds, from here on.
    let step = course.saved.step;
    for edit in course.edits.iter_mut().filter(|e| e.images > images) {
        (edit.step, edit.images) = (step, images);
        session.tell(&RunEvent::Edited(edit.clone()));
    }
    session.folder.write_edits(&course.edits)?;
    let note = Problem::failed(what)
        .try_this(format!(
            "Went back to {:.1} kimg with the learning rate at {:.0} % (try {retries} of {RETRIES})",
            images as f64 / 1000.0,
            lr_factor * 100.0
        ))
        .warning();
    session.tell(&RunEvent::Message(note));
    Ok(())
}

fn edit(session: &mut Session<'_>, course: &mut Course, key: &str, value: serde_json::Value) {
    let refuse = |problem: Problem| RunEvent::Message(problem.warning());
    let live = form::FIELDS.iter().any(|f| f.live && (key == f.key || key.starts_with(&format!("{}.", f.key))));
    if !live {
        let problem = Problem::usage("This setting cannot change while a run is on").of(key);
        session.tell(&refuse(problem.try_this("Start a new run from this one's model instead")));
        return;
    }
    let mut recipe = course.recipe.clone();
    if let Err(problem) = json_path::set(&mut recipe, key, value.clone()).and_then(|()| recipe.validate()) {
        session.tell(&refuse(problem));
        return;
    }
    course.recipe = recipe;
    course.trainer.set_recipe(&course.recipe);
    if key == "run.kimg" {
        course.target = (course.recipe.run.kimg * 1000.0).round() as u64;
    }
    let edit = Edit { step: course.saved.step, images: course.saved.images, key: key.into(), value };
    course.edits.push(edit.clone());
    // Not worth ending the run for: the telemetry knows it too.
    if let Err(problem) = session.folder.write_edits(&course.edits) {
        session.tell(&refuse(problem));
    }
    session.tell(&RunEvent::Edited(edit));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_crossed_once() {
        let marks: Vec<u64> = (0..10).filter(|i| crossed(i * 300, (i + 1) * 300, 1.0)).collect();
        assert_eq!(marks, [3, 6, 9]);
        assert!(crossed(0, 32, 0.001));
    }
}
