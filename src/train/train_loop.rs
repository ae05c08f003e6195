//! The loop of a run: steps, and between them what it shows, scores and saves, how it goes back after trouble, and what a
//! person changes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::checkpoint::{self, Passed, SavedState};
use super::doctor::looks;
use super::folder::{Control, RunFile, RunFolder};
use super::heldout::Heldout;
use super::optim::{AdamSettings, StepAt};
use super::prior_data::PriorData;
use super::report::{CHECKPOINT, CheckpointInfo, PREVIEW, Preview, RunEvent, RunState, Steady, breaks_every};
use super::reporter::{Reporter, TICK};
use super::scoring::Scoring;
use super::script::{self, Scripted};
use super::trainer::Trainer;
use super::{averages, forecast, preview, toy2d};
use crate::base::pace::Pace;
use crate::base::series::Reading;
use crate::base::{Cancel, Channels, Picture, Problem, Result};
use crate::data::{Prepared, Sampler};
use crate::models::info::ModelInfo;
use crate::recipe::{Edit, Recipe, form, json_path};

/// How often a run may go back to its last good state.
const RETRIES: u32 = 3;

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

/// What clients asked for.
#[derive(Default)]
pub(super) struct Wishes {
    paused: bool,
    /// One step, though it is paused.
    single: bool,
    finish: bool,
}

/// The run as it goes on.
pub(super) struct TrainLoop<'r, 'a> {
    pub reporter: &'r mut Reporter<'a>,
    pub recipe: Recipe,
    /// Live edits that hold, in order.
    pub edits: Vec<Edit>,
    /// Live edits to come.
    pub script: Vec<Scripted>,
    pub trainer: Trainer,
    pub saved: SavedState,
    pub target: u64,
    pub scoring: Scoring,
    /// Pictures seen when scores were taken last, and the one that checkpoints are chosen by.
    pub scored: Option<(u64, Option<f64>)>,
    /// Pictures seen when samples were shown last.
    pub shown: Option<u64>,
    /// What was shown then.
    pub last_preview: Option<Preview>,
    /// Pictures from all over the data, to hold samples against.
    pub data_sample: Vec<Picture>,
    /// Pictures seen at the checkpoint that was loaded or saved last.
    pub last_saved: Option<u64>,
    /// Checkpoints that could not be loaded.
    pub passed: Passed,
    /// Whether it began from another model, which only its first checkpoint keeps.
    pub fine_tuned: bool,
    pub prepared: Prepared,
    pub sampler: Sampler,
    pub heldout: Heldout,
    /// The token model and the words, for a prior.
    pub prior: Option<Arc<PriorData>>,
    /// What lists and snapshots say of the model.
    pub info: ModelInfo,
    /// Raised to save a checkpoint and end.
    pub stop: Cancel,
    pub pace: Pace<2>,
    pub wishes: Wishes,
    /// Pictures of a batch, kept for the next.
    pub bytes: Vec<u8>,
}

impl TrainLoop<'_, '_> {
    /// Trains until its target, or until somebody ends it.
    ///
    /// # Errors
    /// A full disk, a folder that went away, or three losses of finite numbers.
    pub fn run(mut self) -> Result<Outcome> {
        // Wishes sent while it prepared are taken before the first step.
        self.reporter.tick_now();
        loop {
            if self.reporter.due() || self.wishes.paused {
                self.tick()?;
            }
            if self.stop.is_cancelled() || self.wishes.finish || self.is_done() {
                match self.finish()? {
                    Some(outcome) => return Ok(outcome),
                    None => continue,
                }
            }
            if self.wishes.paused && !self.wishes.single {
                std::thread::sleep(TICK / 3);
                continue;
            }
            self.wishes.single = false;
            self.follow_script();
            self.step()?;
        }
    }

    /// Makes the edits of the script whose time has come.
    fn follow_script(&mut self) {
        let due: Vec<Scripted> = script::due(&self.script, &self.edits, self.saved.images).cloned().collect();
        for Scripted { key, value, images } in due {
            let before = self.edits.len();
            self.edit(&key, value);
            if self.edits.len() == before {
                // It was refused, and said so once.
                self.script.retain(|s| (&s.key, s.images) != (&key, images));
            }
        }
    }

    fn is_done(&self) -> bool {
        self.saved.images >= self.target
    }

    /// Takes the wishes of clients, and tells how far it is.
    fn tick(&mut self) -> Result<()> {
        // Or a checkpoint would make it again, without what makes it a run.
        self.reporter.folder.check_there()?;
        for control in self.reporter.folder.take_controls() {
            match control {
                Control::Pause => self.wishes.paused = true,
                Control::Resume => self.wishes.paused = false,
                Control::Step => (self.wishes.paused, self.wishes.single) = (true, true),
                Control::Stop => self.wishes.finish = true,
                Control::Checkpoint => self.save()?,
                Control::Edit { key, value } => self.edit(&key, value),
            }
        }
        let Wishes { paused, single, .. } = self.wishes;
        self.reporter.change_state(if paused && !single { RunState::Paused } else { RunState::Training });
        // With the samples and checkpoints that are still to come.
        let left = self.pace.left(self.target as f64, breaks_every(&self.recipe));
        let progress = &mut self.reporter.progress;
        (progress.step, progress.images, progress.target) = (self.saved.step, self.saved.images, self.target);
        progress.images_per_s = if paused { None } else { self.pace.rate() };
        progress.eta_s = if paused { None } else { left };
        progress.steady = Steady::of(&self.pace).or(progress.steady.take());
        progress.memory = memory_stats::memory_stats().map(|m| m.physical_mem as u64);
        self.reporter.status(None);
        Ok(())
    }

    /// One step, and what is due after it.
    fn step(&mut self) -> Result<()> {
        let began = Instant::now();
        let before = self.saved.images;
        let n = self.recipe.optim.batch as usize;
        let mut bytes = std::mem::take(&mut self.bytes);
        let places = self.sampler.batch(before, n, &mut bytes);
        let labels: Vec<Option<u32>> = places.iter().map(|&i| self.prepared.label(i as usize)).collect();
        let (step, target, lr_factor) = (self.saved.step, self.target, self.saved.lr_factor);
        let at = StepAt { step, images: before, target, lr_factor };
        self.trainer.next_places(&places);
        self.trainer.step_on(&bytes, &labels, at);
        self.bytes = bytes;
        self.saved.step += 1;
        self.saved.images += n as u64;
        let every = u64::from(self.recipe.run.telemetry_steps.max(1));
        if self.saved.step.is_multiple_of(every) || self.is_done() {
            match self.trainer.read() {
                Ok(values) => self.tell_reading(values, at, self.saved.seconds + began.elapsed().as_secs_f64()),
                Err(bad) => {
                    self.roll_back(&bad)?;
                    self.pace.back_to(self.saved.images as f64);
                    return Ok(());
                }
            }
        }
        self.saved.seconds += began.elapsed().as_secs_f64();
        self.pace.work(began.elapsed().as_secs_f64(), self.saved.images as f64);
        if crossed(before, self.saved.images, self.recipe.run.preview_kimg) {
            let began = Instant::now();
            self.show()?;
            self.score(false);
            self.pace.interrupted(PREVIEW, began.elapsed().as_secs_f64());
        }
        if crossed(before, self.saved.images, self.recipe.run.checkpoint_kimg) {
            let began = Instant::now();
            self.save()?;
            self.pace.interrupted(CHECKPOINT, began.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn tell_reading(&mut self, mut values: Vec<(String, f64)>, at: StepAt, seconds: f64) {
        self.saved.kl = self.trainer.kl();
        values.push(("lr".into(), AdamSettings::at(&self.recipe.optim, at).lr));
        values.extend(self.pace.rate().map(|speed| ("images_per_s".into(), speed)));
        let (step, images) = (self.saved.step, self.saved.images);
        self.reporter.tell(&RunEvent::Reading(Reading { step, images, seconds, values }));
    }

    /// Saves the last state and says how it ended; nothing if it has to go on, because its last numbers were not finite and
    /// it went back.
    fn finish(&mut self) -> Result<Option<Outcome>> {
        let (interrupted, done) = (self.stop.is_cancelled(), self.is_done());
        let progress = &mut self.reporter.progress;
        (progress.step, progress.images) = (self.saved.step, self.saved.images);
        // At the end the eye sees the last state too.
        self.show()?;
        let before = self.saved.images;
        self.save()?;
        if self.saved.images < before {
            self.pace.back_to(self.saved.images as f64);
            if done && !interrupted && !self.wishes.finish {
                return Ok(None);
            }
        }
        let (path, images) = (last_checkpoint(self.reporter.folder), self.saved.images);
        let (event, outcome) = if done && images >= before {
            (RunEvent::Finished { path, images }, Outcome::Finished)
        } else if self.wishes.finish {
            (RunEvent::Stopped { path, images }, Outcome::Stopped)
        } else {
            (RunEvent::Interrupted { path, images }, Outcome::Interrupted)
        };
        self.reporter.tell(&event);
        Ok(Some(outcome))
    }

    /// Samples from fixed latents, kept on disk.
    pub fn show(&mut self) -> Result<()> {
        // A run that ends where samples are due shows them once.
        if self.shown == Some(self.saved.images) {
            return self.reporter.folder.check_there();
        }
        self.shown = Some(self.saved.images);
        let points = toy2d::preview(&self.recipe, &self.trainer, &self.prepared, self.saved.images);
        let pictures = || preview::make(&self.trainer, &self.recipe, &self.prepared, self.saved.images);
        let preview = points.unwrap_or_else(pictures);
        let mut values = self.trainer.inspect(&self.heldout);
        if let Some(coverage) = toy2d::coverage(&self.recipe, &self.trainer) {
            values.extend([("modes".into(), coverage.modes as f64), ("good".into(), coverage.good)]);
        }
        if self.data_sample.is_empty() {
            self.data_sample = preview::spread(&self.prepared);
        }
        values.extend(looks::numbers(&preview, self.last_preview.as_ref(), &self.data_sample));
        values.retain(|v| v.1.is_finite());
        self.tell_values(values);
        self.reporter.folder.check_there()?;
        match preview::save(&self.reporter.folder.previews_dir(), &preview) {
            Ok(_) => self.reporter.tell(&RunEvent::Preview { images: preview.images }),
            // Samples are for the eye: a full disk must not end the run because of them.
            Err(problem) => self.reporter.tell(&RunEvent::Message(problem.warning())),
        }
        self.last_preview = Some(preview);
        Ok(())
    }

    fn tell_values(&mut self, values: Vec<(String, f64)>) {
        let (step, images, seconds) = (self.saved.step, self.saved.images, self.saved.seconds);
        self.reporter.tell(&RunEvent::Reading(Reading { step, images, seconds, values }));
    }

    /// Scores of this moment, if there is time for them; lower is better.
    fn score(&mut self, checkpoint: bool) -> Option<f64> {
        if let Some(coverage) = toy2d::coverage(&self.recipe, &self.trainer) {
            // Points cost nothing to score. Missing modes weigh more than points beside them.
            return Some(-(coverage.modes as f64 + coverage.good));
        }
        if self.recipe.data.channels == Channels::Points {
            return None;
        }
        if let Some((_, score)) = self.scored.filter(|(images, _)| *images == self.saved.images) {
            return score;
        }
        if !self.scoring.due(self.saved.seconds, checkpoint) {
            return None;
        }
        match self.scoring.measure(&self.trainer, &self.recipe, &self.prepared, &self.heldout) {
            Ok(measured) => {
                self.saved.scoring = self.scoring.spent;
                self.scored = Some((self.saved.images, measured.score));
                self.tell_values(measured.values);
                self.weigh_going_on();
                measured.score
            }
            // A run goes on without scores.
            Err(problem) => {
                self.reporter.tell(&RunEvent::Message(problem.warning()));
                None
            }
        }
    }

    /// Ends the run if its scores are forecast to get better by less than it is worth, as its recipe says, and says so.
    fn weigh_going_on(&mut self) {
        let run = &self.recipe.run;
        if run.stop_gain <= 0.0 || self.wishes.finish {
            return;
        }
        let at = self.saved.images + (run.stop_kimg * 1000.0).round() as u64;
        let told = forecast::of_run(&self.reporter.folder.history(), at);
        if let Some(told) = told.filter(|told| told.gain[1] < run.stop_gain) {
            let why = format!(
                "{} gets better by {:.4} at most within {} kimg (80 %, from {} scores), and less than {} is not worth it",
                told.score, told.gain[1], run.stop_kimg, told.scores, run.stop_gain
            );
            let problem =
                Problem::usage("The run ended because it hardly gets better").of("run.stop_gain").because(why);
            self.reporter
                .tell(&RunEvent::Message(problem.try_this("Set run.stop_gain to 0 and resume to go on").info()));
            self.wishes.finish = true;
        }
    }

    /// Saves a checkpoint of this moment, unless it is kept already; goes back if its numbers are not finite.
    pub fn save(&mut self) -> Result<()> {
        if self.last_saved == Some(self.saved.images) {
            return Ok(());
        }
        // Numbers gathered since the last read may hide a loss that is no longer finite.
        match self.trainer.read() {
            Ok(_) => {}
            Err(bad) => return self.roll_back(&bad),
        }
        let value = self.score(true);
        self.saved.trainer = self.trainer.state().1;
        self.saved.kl = self.trainer.kl();
        let info = ModelInfo {
            kl: self.saved.kl.clone(),
            recipe: self.recipe.clone(),
            prior: self.trainer.prior_info(),
            data: self.prepared.hash().into(),
            ..self.info.clone()
        };
        let Self { trainer, saved, recipe, passed, .. } = self;
        let saved = checkpoint::save(self.reporter.folder, trainer, saved, &info, recipe, value, passed)?;
        self.last_saved = Some(saved.images);
        if let Some(pair) = self.trainer.power_averages() {
            averages::keep(self.reporter.folder, saved.images, &pair, self.recipe.run.averages as usize)?;
        }
        self.reporter.tell(&RunEvent::Checkpoint(CheckpointInfo { path: saved.path.clone(), ..saved }));
        Ok(())
    }

    /// Back to the last good state, with the random streams moved on and half the learning rate.
    fn roll_back(&mut self, bad: &[String]) -> Result<()> {
        let retries = self.saved.retries + 1;
        let what = format!("Training lost finite numbers in {} at step {}", bad.join(", "), self.saved.step);
        if retries > RETRIES {
            return Err(Problem::failed(format!("{what}, again after going back {RETRIES} times"))
                .of("optim.lr")
                .try_this("Lower the learning rate or raise the penalty γ, then resume from the last checkpoint"));
        }
        let lr_factor = self.saved.lr_factor * 0.5;
        let newest = checkpoint::newest(self.reporter.folder)?;
        for warning in newest.warnings {
            self.reporter.tell(&RunEvent::Message(warning));
        }
        self.passed.extend(newest.passed);
        self.last_saved = newest.loaded.as_ref().map(|loaded| loaded.saved.images);
        match newest.loaded {
            Some(loaded) => {
                self.trainer.go_on_from(&loaded.weights, &loaded.saved.trainer)?;
                let (machine, data) = (self.saved.machine.clone(), self.saved.data.clone());
                self.saved = SavedState { machine, data, scoring: self.scoring.spent, ..loaded.saved };
            }
            None if self.fine_tuned => {
                return Err(Problem::failed(what)
                    .because("the checkpoint of the model that it began from is gone")
                    .try_this("Start a new run from that model, with a lower learning rate"));
            }
            None => {
                self.trainer = Trainer::new(&self.recipe, &self.trainer.plain_device())?;
                self.trainer.set_heldout(&self.heldout)?;
                self.prior.as_ref().map_or(Ok(()), |prior| self.trainer.set_prior_data(prior))?;
                self.trainer.set_pictures(self.prepared.train().len() as u64);
                (self.saved.step, self.saved.images, self.saved.seconds) = (0, 0, 0.0);
            }
        }
        (self.scored, self.shown, self.last_preview) = (None, None, None);
        self.saved.retries = retries;
        self.saved.lr_factor = lr_factor;
        self.trainer.move_streams(retries);
        let images = self.saved.images;
        self.reporter.tell(&RunEvent::Rewound { images });
        // What a person changed since then still holds, from here on.
        let step = self.saved.step;
        for edit in self.edits.iter_mut().filter(|e| e.images > images) {
            (edit.step, edit.images) = (step, images);
            self.reporter.tell(&RunEvent::Edited(edit.clone()));
        }
        self.reporter.folder.write_edits(&self.edits)?;
        let note = Problem::failed(what)
            .try_this(format!(
                "Went back to {:.1} kimg with the learning rate at {:.0} % (try {retries} of {RETRIES})",
                images as f64 / 1000.0,
                lr_factor * 100.0
            ))
            .warning();
        self.reporter.tell(&RunEvent::Message(note));
        Ok(())
    }

    /// Takes a live edit over, or says why not.
    fn edit(&mut self, key: &str, value: serde_json::Value) {
        let refuse = |problem: Problem| RunEvent::Message(problem.warning());
        if !form::is_live(key) {
            let problem = Problem::usage("This setting cannot change while a run is on").of(key);
            self.reporter.tell(&refuse(problem.try_this("Start a new run from this one's model instead")));
            return;
        }
        let mut recipe = self.recipe.clone();
        if let Err(problem) = json_path::set(&mut recipe, key, value.clone()).and_then(|()| recipe.validate()) {
            self.reporter.tell(&refuse(problem));
            return;
        }
        self.recipe = recipe;
        self.trainer.set_recipe(&self.recipe);
        if key == "run.kimg" {
            self.target = (self.recipe.run.kimg * 1000.0).round() as u64;
            // The last word on where to stop, whatever a resumption said before.
            let kimg = Some(self.recipe.run.kimg);
            let noted =
                self.reporter.folder.file().and_then(|file| self.reporter.folder.write_file(&RunFile { kimg, ..file }));
            if let Err(problem) = noted {
                self.reporter.tell(&refuse(problem));
            }
        }
        let edit = Edit { step: self.saved.step, images: self.saved.images, key: key.into(), value };
        self.edits.push(edit.clone());
        // Not worth ending the run for: the telemetry knows it too.
        if let Err(problem) = self.reporter.folder.write_edits(&self.edits) {
            self.reporter.tell(&refuse(problem));
        }
        self.reporter.tell(&RunEvent::Edited(edit));
    }
}

/// Where the newest complete checkpoint is; an empty path if there is none.
pub(super) fn last_checkpoint(folder: &RunFolder) -> PathBuf {
    folder.checkpoints().last().map_or_else(PathBuf::new, |c| c.path.clone())
}

/// Whether a multiple of `kimg` thousand lies in `(before, after]`.
pub(super) fn crossed(before: u64, after: u64, kimg: f64) -> bool {
    let every = (kimg * 1000.0).max(1.0);
    (before as f64 / every).floor() < (after as f64 / every).floor()
}
