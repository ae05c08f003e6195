//! One run as the engine follows it: its files read on from where they were read last, told as events.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::launch::{Alive, Ending, last_words};
use crate::base::series::Reading;
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::engine::event_queue::Outbox;
use crate::engine::{Event, RunState, RunSummary};
use crate::recipe::{Edit, json_path};
use crate::train::doctor::finding::Finding;
use crate::train::folder::{RunFolder, Status, folder_bytes};
use crate::train::preview;
use crate::train::report::RunEvent;

/// The size on disk is counted at most this often.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Who works on a run.
enum Worker {
    /// Nobody.
    Nobody,
    /// A process or thread that this engine started, and where its part of the log begins.
    Ours(Box<dyn Alive>, u64),
    /// A process started by somebody else, known by its lock.
    Another,
}

/// A run that the engine follows.
pub struct Tracked {
    folder: RunFolder,
    summary: RunSummary,
    worker: Worker,
    offset: u64,
    /// Pictures seen at the last reading told.
    told: u64,
    status: Option<Status>,
    counted: Instant,
}

/// What [`Tracked::follow`] found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that lists show.
    Nothing,
    /// Lists show something else now.
    Changed,
    /// Nobody works on it any more.
    Ended,
}

impl Tracked {
    /// The run of a folder; found to be alive if another process holds its lock.
    ///
    /// # Errors
    /// There is no run in the folder, or its recipe cannot be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let folder = RunFolder::open(dir)?;
        let summary = folder.summary()?;
        let worker = if summary.state.is_alive() { Worker::Another } else { Worker::Nobody };
        // What was told before this engine began is read when a client asks for it, not told again.
        let (offset, told) = end_of_telemetry(&dir.join("telemetry.jsonl"));
        let status = folder.status();
        Ok(Self { folder, summary, worker, offset, told, status, counted: Instant::now() })
    }

    /// As lists show it.
    pub fn summary(&self) -> &RunSummary {
        &self.summary
    }

    /// Its folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Whether somebody works on it.
    pub fn is_alive(&self) -> bool {
        !matches!(self.worker, Worker::Nobody)
    }

    /// Says that it waits for another run.
    pub fn wait_in_queue(&mut self) {
        self.summary.state = RunState::Queued;
        self.summary.problem = None;
    }

    /// Says that it does not wait any more and was not started.
    pub fn leave_queue(&mut self) {
        let was = self.status.as_ref().map(|s| s.state);
        self.summary.state = match was {
            Some(state) if !state.is_alive() && state != RunState::Queued => state,
            Some(_) => RunState::Interrupted,
            None => RunState::Queued,
        };
    }

    /// Calls it something else.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub fn rename(&mut self, name: &str) -> Result<()> {
        let mut file = self.folder.file()?;
        file.name = Some(name.to_string());
        self.folder.write_file(&file)?;
        self.summary.name = name.to_string();
        Ok(())
    }

    /// Notes that `alive` works on it from now on; `kimg` is where it stops, if that is new.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub fn begin(&mut self, start: impl FnOnce(&RunFolder) -> Result<Box<dyn Alive>>, kimg: Option<f64>) -> Result<()> {
        if let Some(kimg) = kimg {
            let mut file = self.folder.file()?;
            file.kimg = Some(kimg);
            self.folder.write_file(&file)?;
            self.summary.progress.target = (kimg * 1000.0).round() as u64;
        }
        // If the process dies before it says anything, this is what is found: at work, and nobody there.
        let mut progress = self.summary.progress.clone();
        (progress.images_per_s, progress.eta_s, progress.memory) = (None, None, None);
        progress.stage = "Starting".into();
        let before = self.folder.status();
        let status = Status { state: RunState::Preparing, progress: progress.clone(), problem: None };
        self.folder.write_status(&status)?;
        let log = std::fs::metadata(self.folder.log_path()).map_or(0, |m| m.len());
        match start(&self.folder) {
            Ok(alive) => {
                self.worker = Worker::Ours(alive, log);
                self.summary.state = RunState::Preparing;
                self.summary.progress = progress;
                self.summary.problem = None;
                self.status = Some(status);
                Ok(())
            }
            Err(problem) => {
                let (state, progress) = before.map_or((RunState::Failed, progress), |s| (s.state, s.progress));
                let state = if state.is_alive() { RunState::Interrupted } else { state };
                let status = Status { state, progress, problem: Some(problem.clone()) };
                self.folder.write_status(&status)?;
                self.summary.state = state;
                self.summary.problem = Some(problem.clone());
                self.status = Some(status);
                Err(problem)
            }
        }
    }

    /// Whether its process was started here, lives, and has not begun its work yet.
    pub fn is_coming(&mut self) -> bool {
        let Worker::Ours(alive, _) = &mut self.worker else { return false };
        alive.ended().is_none() && !self.folder.is_locked()
    }

    /// Ends it by force, if this engine started it.
    pub fn kill(&mut self) -> bool {
        match &mut self.worker {
            Worker::Ours(alive, _) => {
                alive.kill();
                true
            }
            _ => false,
        }
    }

    /// For a run that nobody worked on: looks whether another process began to.
    pub fn look_for_another(&mut self) -> Found {
        // The lock itself is only tried when the status is new: trying it could get in the way of a process about to
        // take it.
        let status = self.folder.status();
        if self.is_alive() || status == self.status || !status.is_some_and(|s| s.state.is_alive()) {
            return Found::Nothing;
        }
        if !self.folder.is_locked() {
            return Found::Nothing;
        }
        self.worker = Worker::Another;
        Found::Changed
    }

    /// Reads on and tells what is new.
    pub fn follow(&mut self, outbox: &Outbox) -> Found {
        // Asked before its files are read, so that nothing it wrote at the end is missed.
        let ending = match &mut self.worker {
            Worker::Nobody => return Found::Nothing,
            Worker::Ours(alive, log) => alive.ended().map(|e| (Some(e), *log)),
            Worker::Another => (!self.folder.is_locked()).then_some((None, 0)),
        };
        let mut changed = self.read_telemetry(outbox);
        changed |= self.read_status();
        if let Some((ending, log)) = ending {
            self.conclude(ending, log, outbox);
            return Found::Ended;
        }
        if changed { Found::Changed } else { Found::Nothing }
    }

    fn read_telemetry(&mut self, outbox: &Outbox) -> bool {
        let (events, offset) = self.folder.telemetry_from(self.offset);
        self.offset = offset;
        let dir = self.summary.dir.clone();
        let mut changed = false;
        let mut readings: Vec<Reading> = Vec::new();
        let mut newest_preview = None;
        let mut reload = false;
        for event in events {
            match event {
                RunEvent::Reading(reading) => {
                    self.told = reading.images;
                    readings.push(reading);
                }
                RunEvent::Started { device, images, .. } => {
                    self.summary.progress.device = device;
                    self.summary.state = RunState::Training;
                    reload |= self.told > images;
                    self.told = self.told.min(images);
                    changed = true;
                }
                RunEvent::Rewound { images } => {
                    reload |= self.told > images;
                    self.told = self.told.min(images);
                }
                RunEvent::Preview { images } => newest_preview = Some(images),
                RunEvent::Checkpoint(_) => {
                    self.summary.checkpoints = self.folder.checkpoints();
                    if self.counted.elapsed() > COUNT_EVERY {
                        self.count_bytes();
                    }
                    changed = true;
                }
                RunEvent::Edited(edit) => {
                    self.take_edit(&edit);
                    outbox.tell(Event::RunEdited { dir: dir.clone(), edit });
                    changed = true;
                }
                RunEvent::Finding(finding) => {
                    outbox.tell(Event::RunFinding { dir: dir.clone(), finding: Box::new(finding) });
                }
                RunEvent::Message(problem) => outbox.tell(Event::RunMessage { dir: dir.clone(), problem }),
                RunEvent::State { state } => {
                    self.summary.state = state;
                    changed = true;
                }
                RunEvent::Finished { images, .. } => {
                    self.summary.state = RunState::Finished;
                    self.summary.progress.images = images;
                    changed = true;
                }
                RunEvent::Stopped { images, .. } => {
                    self.summary.state = RunState::Stopped;
                    self.summary.progress.images = images;
                    changed = true;
                }
                RunEvent::Interrupted { images, .. } => {
                    self.summary.state = RunState::Interrupted;
                    self.summary.progress.images = images;
                    changed = true;
                }
                RunEvent::Failed { problem } => {
                    self.summary.state = RunState::Failed;
                    self.summary.problem = Some(problem);
                    changed = true;
                }
                RunEvent::Progress(progress) => {
                    self.summary.progress = progress;
                    changed = true;
                }
            }
        }
        if reload {
            let loaded = self.loaded();
            if let Event::RunLoaded { edits, .. } = &loaded {
                changed |= self.hold_edits(edits);
            }
            outbox.tell(loaded);
        } else if !readings.is_empty() {
            outbox.tell(Event::RunReadings { dir: dir.clone(), readings });
        }
        if let Some(preview) = newest_preview.and_then(|i| preview::load(&self.folder.previews_dir(), i).ok()) {
            outbox.tell(Event::RunPreview { dir, preview: Arc::new(preview), live: true });
        }
        changed
    }

    fn take_edit(&mut self, edit: &Edit) {
        if let Err(problem) = json_path::set(&mut self.summary.recipe, &edit.key, edit.value.clone()) {
            log::warn!("an edit of {} does not fit: {problem}", self.summary.dir.display());
        }
    }

    /// The recipe with these edits and no others: what was changed after a state that the run went back to is undone.
    fn hold_edits(&mut self, edits: &[Edit]) -> bool {
        match self.folder.recipe().and_then(|recipe| json_path::edited(&recipe, edits)) {
            Ok(recipe) => {
                let changed = self.summary.recipe != recipe;
                self.summary.recipe = recipe;
                changed
            }
            // Its folder may be gone.
            Err(_) => false,
        }
    }

    fn read_status(&mut self) -> bool {
        let status = self.folder.status();
        if status.is_none() || status == self.status {
            return false;
        }
        if let Some(status) = &status {
            let target = self.summary.progress.target;
            self.summary.state = status.state;
            self.summary.progress = status.progress.clone();
            if self.summary.progress.target == 0 {
                self.summary.progress.target = target;
            }
            self.summary.problem.clone_from(&status.problem);
        }
        self.status = status;
        true
    }

    /// Everything kept of the run, as a client asked for it. What comes after it in the telemetry is told once.
    pub fn load(&mut self, outbox: &Outbox) {
        if self.is_alive() {
            self.read_telemetry(outbox);
        } else {
            (self.offset, self.told) = end_of_telemetry(&self.telemetry());
        }
        outbox.tell(self.loaded());
    }

    fn telemetry(&self) -> PathBuf {
        self.folder.dir().join("telemetry.jsonl")
    }

    /// What holds of all that was read so far, and nothing of what is still to be read.
    fn loaded(&mut self) -> Event {
        let bytes = vault::log::read_to(&self.telemetry(), self.offset).unwrap_or_default();
        let mut readings: Vec<Reading> = Vec::new();
        let mut edits: Vec<Edit> = Vec::new();
        let mut findings: Vec<Finding> = Vec::new();
        for line in bytes.split(|&b| b == b'\n') {
            match serde_json::from_slice(line) {
                Ok(RunEvent::Reading(reading)) => readings.push(reading),
                Ok(RunEvent::Edited(edit)) => edits.push(edit),
                Ok(RunEvent::Finding(finding)) => findings.push(finding),
                // What was told of states that the run went back from does not hold.
                Ok(RunEvent::Rewound { images } | RunEvent::Started { images, .. }) => {
                    readings.retain(|r| r.images <= images);
                    edits.retain(|e| e.images <= images);
                    findings.retain(|f| f.images <= images);
                }
                _ => {}
            }
        }
        self.told = readings.last().map_or(0, |r| r.images);
        let previews = self.folder.previews();
        Event::RunLoaded { dir: self.summary.dir.clone(), readings: Arc::new(readings), edits, previews, findings }
    }

    fn count_bytes(&mut self) {
        self.summary.bytes = folder_bytes(self.folder.dir());
        self.counted = Instant::now();
    }

    /// Its process is gone: what remains is what it said last, or that it said nothing.
    fn conclude(&mut self, ending: Option<Ending>, log: u64, outbox: &Outbox) {
        self.worker = Worker::Nobody;
        self.summary.checkpoints = self.folder.checkpoints();
        self.count_bytes();
        let progress = &mut self.summary.progress;
        (progress.images_per_s, progress.eta_s, progress.memory) = (None, None, None);
        progress.stage = String::new();
        let dir = self.summary.dir.clone();
        if !self.summary.state.is_alive() && self.summary.state != RunState::Queued {
            // It said how it ended.
            if let (RunState::Failed, Some(problem)) = (self.summary.state, self.summary.problem.clone()) {
                outbox.tell(Event::RunMessage { dir, problem });
            }
            return;
        }
        let problem = self.silence(ending.as_ref(), log);
        self.summary.state = RunState::Interrupted;
        self.summary.problem = Some(problem.clone());
        let progress = self.summary.progress.clone();
        let status = Status { state: RunState::Interrupted, progress, problem: Some(problem.clone()) };
        // Its folder may be gone as well.
        let _ = self.folder.write_status(&status);
        self.status = Some(status);
        outbox.tell(Event::RunMessage { dir, problem });
    }

    /// What a person is told of a run that ended without a word.
    fn silence(&self, ending: Option<&Ending>, log: u64) -> Problem {
        if let Err(gone) = self.folder.check_there() {
            return gone;
        }
        let mut detail = ending.map_or_else(|| "its process is gone".to_string(), |e| e.how.clone());
        let words = last_words(&self.folder.log_path(), log, 12);
        if !words.is_empty() {
            detail = format!("{detail}\n{words}");
        }
        let again = match self.summary.checkpoints.last() {
            Some(c) => format!("Resume it to continue from its checkpoint at {:.1} kimg", c.images as f64 / 1000.0),
            None => "Start it again: it had no checkpoint yet".to_string(),
        };
        let remedy = match ending.and_then(|e| e.hint) {
            Some(hint) => format!("{hint}. {again}"),
            None => again,
        };
        Problem::failed("The run ended without giving a reason").of(&self.summary.name).try_this(remedy).because(detail)
    }
}

/// Where the whole lines of a run's telemetry end, and the pictures seen by then; only its end is read.
fn end_of_telemetry(path: &Path) -> (u64, u64) {
    const WINDOW: u64 = 256 << 10;
    let Ok((bytes, end)) = vault::log::read_end(path, WINDOW) else { return (0, 0) };
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
    let images = bytes[..whole].rsplit(|&b| b == b'\n').find_map(|line| match serde_json::from_slice(line).ok()? {
        RunEvent::Reading(r) => Some(r.images),
        RunEvent::Started { images, .. } | RunEvent::Rewound { images } => Some(images),
        _ => None,
    });
    (end - (bytes.len() - whole) as u64, images.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_telemetry_is_found_without_reading_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("telemetry.jsonl");
        assert_eq!(end_of_telemetry(&path), (0, 0));
        let mut text = String::new();
        for images in 0..5000 {
            let reading = Reading { step: 1, images, seconds: 0.5, values: vec![("loss".into(), 0.25)] };
            text += &serde_json::to_string(&RunEvent::Reading(reading)).unwrap();
            text.push('\n');
        }
        let whole = text.len() as u64;
        assert!(whole > 256 << 10);
        text += "{\"event\":\"read";
        std::fs::write(&path, text).unwrap();
        assert_eq!(end_of_telemetry(&path), (whole, 4999));
    }
}
