//! What a run tells while it goes on: its telemetry, `status.json`, and whoever listens.

use std::time::{Duration, Instant};

use super::doctor::Doctor;
use super::folder::{RunFolder, Status};
use super::report::{RunEvent, RunProgress, RunState};
use super::telemetry::{self, Telemetry};
use crate::base::{Problem, Result};

/// How often `status.json` is renewed and clients' wishes are read.
pub(super) const TICK: Duration = Duration::from_millis(150);

/// Tells of a run.
pub(super) struct Reporter<'a> {
    pub folder: &'a RunFolder,
    log: Telemetry,
    sink: &'a mut dyn FnMut(&RunEvent),
    /// Who reads along, once the run trains.
    pub doctor: Option<Doctor>,
    pub state: RunState,
    pub progress: RunProgress,
    last_tick: Option<Instant>,
    /// Whether it was said that the telemetry cannot be written.
    mute: bool,
}

impl<'a> Reporter<'a> {
    /// Of a run that is being prepared for this device.
    ///
    /// # Errors
    /// Its telemetry cannot be opened.
    pub fn new(folder: &'a RunFolder, device: &str, sink: &'a mut dyn FnMut(&RunEvent)) -> Result<Self> {
        let progress = RunProgress { device: device.into(), ..RunProgress::default() };
        let log = folder.append_telemetry()?;
        Ok(Self { folder, log, sink, doctor: None, state: RunState::Preparing, progress, last_tick: None, mute: false })
    }

    /// The next tick comes at once.
    pub fn tick_now(&mut self) {
        self.last_tick = None;
    }

    /// Writes an event down and passes it on, and after it what it shows the doctor.
    pub fn tell(&mut self, event: &RunEvent) {
        self.tell_alone(event);
        let found = self.doctor.as_mut().map(|doctor| doctor.hear(event));
        for finding in found.into_iter().flatten() {
            self.tell_alone(&RunEvent::Finding(finding));
        }
    }

    fn tell_alone(&mut self, event: &RunEvent) {
        // Progress is in `status.json`.
        if !matches!(event, RunEvent::Progress(_)) {
            let failed = telemetry::append(&mut self.log, event).err();
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

    /// Renews `status.json`.
    pub fn status(&mut self, problem: Option<Problem>) {
        let status = Status { state: self.state, progress: self.progress.clone(), problem };
        // A full disk must not end the run here: the next checkpoint says it aloud.
        let _ = self.folder.write_status(&status);
        let event = RunEvent::Progress(self.progress.clone());
        (self.sink)(&event);
    }

    /// Takes a state on and tells of it.
    pub fn change_state(&mut self, state: RunState) {
        if self.state != state {
            self.state = state;
            self.tell(&RunEvent::State { state });
            self.status(None);
        }
    }

    /// Whether it is time for the next tick.
    pub fn due(&mut self) -> bool {
        let due = self.last_tick.is_none_or(|t| t.elapsed() >= TICK);
        if due {
            self.last_tick = Some(Instant::now());
        }
        due
    }
}
