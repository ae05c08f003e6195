//! Encoders of GANs: trained in the background when somebody asks, never on their own.
//!
//! Nothing waits for an encoder, so its training gives way to everything else: it holds while a run trains, while a
//! person has it paused, and while pictures for the screen are being made.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::LatentEvent;
use super::model_slot::Shelf;
use crate::base::{Cancel, Progress, Result};
use crate::engine::inference::InferenceHandle;
use crate::engine::jobs::Context;
use crate::engine::worker::JobProgress;
use crate::engine::{Event, JobId, RunSummary};
use crate::latent::catalog;
use crate::latent::encoder::store;
use crate::latent::encoder::train::{EncoderConfig, train};

/// How often a training that holds looks whether it may go on.
const LOOK: Duration = Duration::from_millis(200);
/// How long a step waits for pictures on the screen at most, so that a long walk does not stop it for good.
const GIVE_WAY: Duration = Duration::from_millis(500);

/// What is known of a model's encoder.
///
/// # Errors
/// There is no such model.
pub fn tell(cx: &Context, model: &str) -> Result<()> {
    let (_, info) = catalog::resolve(model, &cx.paths)?.read()?;
    let info = store::known(&info.hash, &cx.paths);
    cx.tell(Event::Latent(LatentEvent::Encoder { model: model.into(), info }));
    Ok(())
}

/// Trains an encoder and tells it.
///
/// # Errors
/// As [`train`].
pub fn make(cx: &Context, shelf: &mut Shelf, gate: &Gate, job: JobId, model: &str, kimg: f64) -> Result<()> {
    let told = cx.progress(job);
    let progress = Gated { told: &told, gate, job, inference: Some(&cx.inference) };
    // The model is loaded only once it may train: what waits takes no memory.
    progress.report("Training the encoder", 0, 0);
    progress.cancel().check()?;
    let trained = shelf.get(cx, model).and_then(|loaded| train(loaded, EncoderConfig { kimg }, &cx.paths, &progress));
    gate.forget(job);
    cx.tell(Event::Latent(LatentEvent::Encoder { model: model.into(), info: Some(trained?.info().clone()) }));
    Ok(())
}

/// What holds the training of encoders; clones share it.
#[derive(Clone, Default)]
pub struct Gate(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Runs that a process works on.
    runs: HashSet<PathBuf>,
    /// Jobs that a person paused.
    paused: HashSet<JobId>,
}

impl Gate {
    /// Takes note of a run: while one is on, encoders wait.
    pub fn note(&self, run: &RunSummary) {
        let mut state = self.0.state.lock();
        if run.state.is_alive() {
            state.runs.insert(run.dir.clone());
        } else {
            state.runs.remove(&run.dir);
        }
        self.0.changed.notify_all();
    }

    /// Holds a job, or lets it go on.
    pub fn pause(&self, job: JobId, paused: bool) {
        let mut state = self.0.state.lock();
        if paused {
            state.paused.insert(job);
        } else {
            state.paused.remove(&job);
        }
        self.0.changed.notify_all();
    }

    fn forget(&self, job: JobId) {
        self.0.state.lock().paused.remove(&job);
    }

    /// Why a job may not go on now.
    fn held(&self, job: JobId) -> Option<&'static str> {
        let state = self.0.state.lock();
        if state.paused.contains(&job) {
            Some("Encoder training is paused")
        } else if !state.runs.is_empty() {
            Some("Encoder training waits until the run ends")
        } else {
            None
        }
    }

    /// Sleeps until something changed, or for a moment.
    fn wait(&self) {
        let mut state = self.0.state.lock();
        let _ = self.0.changed.wait_for(&mut state, LOOK);
    }
}

/// Progress that returns only when the work may go on.
struct Gated<'a> {
    told: &'a JobProgress,
    gate: &'a Gate,
    job: JobId,
    inference: Option<&'a InferenceHandle>,
}

impl Progress for Gated<'_> {
    fn report(&self, stage: &str, done: u64, total: u64) {
        while let Some(why) = self.gate.held(self.job).filter(|_| !self.cancel().is_cancelled()) {
            self.told.report(why, done, total);
            self.gate.wait();
        }
        let began = Instant::now();
        while self.inference.is_some_and(InferenceHandle::is_busy) && began.elapsed() < GIVE_WAY {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.told.report(stage, done, total);
    }

    fn cancel(&self) -> &Cancel {
        self.told.cancel()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event_queue::Outbox;
    use crate::engine::worker::Jobs;
    use crate::engine::{RunState, fake};

    fn run(state: RunState) -> RunSummary {
        let run = fake::runs().into_iter().find(|r| r.name == "nouns").unwrap();
        RunSummary { state, ..run }
    }

    /// Titles of the job, each told once however often it came.
    fn titles(outbox: &Outbox) -> Vec<String> {
        let title = |event| match event {
            Event::Job { title, .. } => Some(title),
            _ => None,
        };
        let mut titles: Vec<String> = outbox.take().into_iter().filter_map(title).collect();
        titles.dedup();
        titles
    }

    #[test]
    fn encoders_hold_while_a_run_is_on_or_a_person_wants_it() {
        let gate = Gate::default();
        assert_eq!(gate.held(1), None);
        for state in [RunState::Preparing, RunState::Training, RunState::Paused] {
            gate.note(&run(state));
            assert!(gate.held(1).unwrap().contains("until the run ends"), "{state:?}");
        }
        for state in [RunState::Finished, RunState::Failed, RunState::Interrupted, RunState::Queued] {
            gate.note(&run(RunState::Training));
            gate.note(&run(state));
            assert_eq!(gate.held(1), None, "{state:?}");
        }
        gate.pause(1, true);
        assert!(gate.held(1).unwrap().contains("paused"));
        assert_eq!(gate.held(2), None, "only the job that was paused");
        gate.pause(1, false);
        assert_eq!(gate.held(1), None);
    }

    #[test]
    fn work_that_holds_says_why_goes_on_by_itself_and_can_be_cancelled() {
        let (outbox, jobs, gate) = (Outbox::default(), Jobs::default(), Gate::default());
        let told = JobProgress::new(7, outbox.clone(), &jobs);
        let progress = Gated { told: &told, gate: &gate, job: 7, inference: None };
        gate.note(&run(RunState::Training));
        std::thread::scope(|scope| {
            let step = scope.spawn(|| progress.report("Training the encoder", 32, 64));
            let mut before = Vec::new();
            while before.is_empty() {
                before = titles(&outbox);
            }
            assert_eq!(before, ["Encoder training waits until the run ends"]);
            assert!(!step.is_finished());
            gate.note(&run(RunState::Finished));
        });
        assert_eq!(titles(&outbox).last().unwrap(), "Training the encoder");
        gate.pause(7, true);
        std::thread::scope(|scope| {
            scope.spawn(|| progress.report("Training the encoder", 64, 64));
            while titles(&outbox).is_empty() {
                std::thread::yield_now();
            }
            jobs.cancel(7);
        });
        assert!(progress.cancel().is_cancelled());
    }
}
