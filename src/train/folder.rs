//! A run's folder: what a run keeps, and how a client talks to it.
//!
//! Messages travel as files rather than over a pipe, so that a run outlives the window and is found again:
//! `recipe.json`, `run.json`, `lock` (held while a process trains), `status.json` (replaced as a whole),
//! `telemetry.jsonl` (one [`RunEvent`] a line, only ever appended), `edits.json` (the live edits that hold), `control/*.json` (one [`Control`] each, taken in
//! the order of their names), `previews/`, `checkpoints/` (a checkpoint is complete once it exists under its name).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::report::{CheckpointInfo, RunEvent, RunProgress, RunState, RunSummary};
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result};
use crate::recipe::{Edit, Recipe, json_path};

/// What a client asks of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "do")]
pub enum Control {
    /// Hold on after this step.
    Pause,
    /// Go on.
    Go,
    /// One step, then hold on.
    Step,
    /// Save a checkpoint and end.
    Stop,
    /// Save a checkpoint now.
    Checkpoint,
    /// Change a live setting.
    Edit {
        /// Path of the setting.
        key: String,
        /// Its new value.
        value: serde_json::Value,
    },
}

/// `run.json`: what is known of a run besides its recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// Unix time of its beginning.
    pub created: i64,
    /// Device asked for.
    pub device: String,
    /// Model it starts from, if any.
    #[serde(default)]
    pub from: Option<String>,
    /// Name given later, in place of the recipe's.
    #[serde(default)]
    pub name: Option<String>,
    /// Thousands of pictures to stop at, in place of the recipe's.
    #[serde(default)]
    pub kimg: Option<f64>,
}

/// `status.json`: where the run stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// State.
    pub state: RunState,
    /// How far.
    pub progress: RunProgress,
    /// What ended it.
    #[serde(default)]
    pub problem: Option<Problem>,
}

/// Seconds since 1970.
pub fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    dir: PathBuf,
}

/// Holds a run's lock until dropped.
#[derive(Debug)]
pub struct RunLock(#[allow(dead_code)] File);

impl RunFolder {
    /// Makes a run folder.
    ///
    /// # Errors
    /// The folder holds a run already, or cannot be written.
    pub fn create(dir: &Path, recipe: &Recipe, from: Option<&str>, device: &str) -> Result<Self> {
        let this = Self { dir: dir.into() };
        if this.recipe_path().exists() {
            return Err(Problem::usage("There is a run in this folder already")
                .of(dir.display().to_string())
                .try_this("Choose another folder with --out, or go on with --resume"));
        }
        for sub in ["control", "previews", "checkpoints"] {
            let path = dir.join(sub);
            fs::create_dir_all(&path).map_err(|e| Problem::io("This folder could not be made", &path, &e))?;
        }
        let file =
            RunFile { created: unix_now(), device: device.into(), from: from.map(Into::into), name: None, kimg: None };
        this.write_file(&file)?;
        write_atomically(&this.recipe_path(), recipe.settled().to_json().as_bytes())?;
        Ok(this)
    }

    /// Opens a run folder.
    ///
    /// # Errors
    /// There is no run in it.
    pub fn open(dir: &Path) -> Result<Self> {
        let this = Self { dir: dir.into() };
        if !this.recipe_path().is_file() {
            return Err(Problem::data("There is no run in this folder")
                .of(dir.display().to_string())
                .try_this("A run folder holds recipe.json and checkpoints"));
        }
        for sub in ["control", "previews", "checkpoints"] {
            // A folder that was copied without its empty parts.
            let _ = fs::create_dir_all(dir.join(sub));
        }
        Ok(this)
    }

    /// Whether a folder looks like a run.
    pub fn is_run(dir: &Path) -> bool {
        dir.join("recipe.json").is_file() && dir.join("run.json").is_file()
    }

    /// Looks whether the folder is still there.
    ///
    /// # Errors
    /// It is not: somebody deleted or moved it, or its disk is gone.
    pub fn check_there(&self) -> Result<()> {
        if self.recipe_path().is_file() {
            return Ok(());
        }
        Err(Problem::failed("The run's folder is gone")
            .of(self.dir.display().to_string())
            .try_this("Bring the folder back and resume the run, or begin a new one"))
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn recipe_path(&self) -> PathBuf {
        self.dir.join("recipe.json")
    }

    /// Where checkpoints lie.
    pub fn checkpoints_dir(&self) -> PathBuf {
        self.dir.join("checkpoints")
    }

    /// Where previews lie.
    pub fn previews_dir(&self) -> PathBuf {
        self.dir.join("previews")
    }

    /// The run's output when it is a process of its own.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("log.txt")
    }

    fn telemetry_path(&self) -> PathBuf {
        self.dir.join("telemetry.jsonl")
    }

    /// The recipe of the beginning.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn recipe(&self) -> Result<Recipe> {
        let path = self.recipe_path();
        let text = fs::read_to_string(&path).map_err(|e| Problem::io("This recipe could not be read", &path, &e))?;
        Recipe::from_json(&text).map_err(|p| p.of(path.display().to_string()))
    }

    /// `run.json`.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn file(&self) -> Result<RunFile> {
        read_json(&self.dir.join("run.json"))
    }

    /// Replaces `run.json`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_file(&self, file: &RunFile) -> Result<()> {
        write_json(&self.dir.join("run.json"), file)
    }

    /// `status.json`, if the run ever began.
    pub fn status(&self) -> Option<Status> {
        read_json(&self.dir.join("status.json")).ok()
    }

    /// Replaces `status.json`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_status(&self, status: &Status) -> Result<()> {
        // Twice a second: renamed into place, but not flushed to the disk; nothing depends on the newest one.
        let path = self.dir.join("status.json");
        let beside = self.dir.join(".status.json");
        let fail = |e: &std::io::Error| Problem::io("This file could not be written", &path, e);
        let text = serde_json::to_vec(status).map_err(|e| Problem::failed("Status could not be written").because(e))?;
        fs::write(&beside, text).map_err(|e| fail(&e))?;
        fs::rename(&beside, &path).map_err(|e| fail(&e))
    }

    /// Takes the lock of a training process.
    ///
    /// # Errors
    /// Another process trains this run.
    pub fn lock(&self) -> Result<RunLock> {
        let path = self.dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Problem::io("This run could not be locked", &path, &e))?;
        // Whoever asks whether the run is locked holds the lock for an instant too.
        let mut taken = file.try_lock();
        for _ in 0..10 {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            taken = file.try_lock();
        }
        match taken {
            Ok(()) => Ok(RunLock(file)),
            Err(TryLockError::WouldBlock) => Err(Problem::usage("This run is being trained already")
                .of(self.dir.display().to_string())
                .try_this("Stop it first, or watch it in the window")),
            Err(TryLockError::Error(e)) => Err(Problem::io("This run could not be locked", &path, &e)),
        }
    }

    /// Whether a process trains this run now.
    pub fn is_locked(&self) -> bool {
        File::open(self.dir.join("lock")).is_ok_and(|f| matches!(f.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Asks something of the run; taken after the step it is at.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn send_control(&self, control: &Control) -> Result<()> {
        let folder = self.dir.join("control");
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        write_json(&folder.join(format!("{nanos:024}-{}.json", std::process::id())), control)
    }

    /// Takes what clients asked since the last call, in order. Unreadable requests are dropped.
    pub fn take_controls(&self) -> Vec<Control> {
        let Ok(entries) = fs::read_dir(self.dir.join("control")) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.extension().is_some_and(|x| x == "json"))
            .collect();
        files.sort();
        files
            .into_iter()
            .filter_map(|path| {
                let control = read_json(&path).ok();
                let _ = fs::remove_file(&path);
                control
            })
            .collect()
    }

    /// Opens the telemetry for appending; a last line cut off by a crash is removed first.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn append_telemetry(&self) -> Result<File> {
        let path = self.telemetry_path();
        let fail = |e: &std::io::Error| Problem::io("The run's telemetry could not be opened", &path, e);
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(|e| fail(&e))?;
        // Only its end is read, for it may be long.
        const WINDOW: u64 = 64 << 10;
        let mut end = file.metadata().map_err(|e| fail(&e))?.len();
        while end > 0 {
            let start = end.saturating_sub(WINDOW);
            let mut bytes = vec![0; (end - start) as usize];
            file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes)).map_err(|e| fail(&e))?;
            match bytes.iter().rposition(|&b| b == b'\n') {
                Some(last) => {
                    end = start + last as u64 + 1;
                    break;
                }
                None => end = start,
            }
        }
        file.set_len(end).map_err(|e| fail(&e))?;
        file.seek(SeekFrom::End(0)).map_err(|e| fail(&e))?;
        Ok(file)
    }

    /// Events from byte `offset` on, whole lines only, and the offset to go on from. Damaged lines are left out.
    pub fn telemetry_from(&self, offset: u64) -> (Vec<RunEvent>, u64) {
        let Ok(mut file) = File::open(self.telemetry_path()) else { return (Vec::new(), offset) };
        let length = file.metadata().map_or(0, |m| m.len());
        if length <= offset || file.seek(SeekFrom::Start(offset)).is_err() {
            return (Vec::new(), offset.min(length));
        }
        let mut bytes = Vec::new();
        if file.read_to_end(&mut bytes).is_err() {
            return (Vec::new(), offset);
        }
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
        let events = bytes[..whole]
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        (events, offset + whole as u64)
    }

    /// Everything told so far that still holds: what was told of states that the run went back from is left out.
    pub fn history(&self) -> Vec<RunEvent> {
        let mut out: Vec<RunEvent> = Vec::new();
        for event in self.telemetry_from(0).0 {
            let back_to = match &event {
                RunEvent::Rewound { images } => Some(*images),
                // A run that was killed goes on from a checkpoint before the last thing it told.
                RunEvent::Started { images, .. } => Some(*images),
                _ => None,
            };
            if let Some(images) = back_to {
                out.retain(|e| match e {
                    RunEvent::Reading(r) => r.images <= images,
                    RunEvent::Preview { images: i } => *i <= images,
                    RunEvent::Edited(e) => e.images <= images,
                    _ => true,
                });
            }
            out.push(event);
        }
        out
    }

    /// Live edits that hold, in order. Lists ask for them: they have a file of their own, so that a long telemetry need
    /// not be read.
    pub fn edits(&self) -> Vec<Edit> {
        if let Ok(edits) = read_json(&self.dir.join("edits.json")) {
            return edits;
        }
        self.history()
            .into_iter()
            .filter_map(|e| match e {
                RunEvent::Edited(edit) => Some(edit),
                _ => None,
            })
            .collect()
    }

    /// Replaces the live edits that hold.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write_edits(&self, edits: &[Edit]) -> Result<()> {
        write_json(&self.dir.join("edits.json"), &edits)
    }

    /// Complete checkpoints, oldest first.
    pub fn checkpoints(&self) -> Vec<CheckpointInfo> {
        let Ok(entries) = fs::read_dir(self.checkpoints_dir()) else { return Vec::new() };
        let mut out: Vec<CheckpointInfo> = entries
            .filter_map(|e| e.ok())
            .filter_map(|e| {
                let images = e.file_name().to_str()?.parse().ok()?;
                let path = e.path();
                let mark: CheckpointMark = read_json(&path.join("checkpoint.json")).ok()?;
                Some(CheckpointInfo { images, path, best: mark.best, score: mark.score })
            })
            .collect();
        out.sort_by_key(|c| c.images);
        // "Best" is a fact of all of them, not of the moment each was written.
        let best = out.iter().filter_map(|c| c.score.map(|s| (s, c.images))).min_by(|a, b| a.0.total_cmp(&b.0));
        for c in &mut out {
            c.best = best.is_some_and(|(_, images)| images == c.images);
        }
        out
    }

    /// Pictures seen at each kept preview, in order.
    pub fn previews(&self) -> Vec<u64> {
        let Ok(entries) = fs::read_dir(self.previews_dir()) else { return Vec::new() };
        let mut out: Vec<u64> = entries
            .filter_map(|e| e.ok())
            .filter_map(|e| e.file_name().to_str()?.strip_suffix(".png")?.parse().ok())
            .collect();
        out.sort_unstable();
        out
    }

    /// The run as lists show it.
    ///
    /// # Errors
    /// Its recipe or `run.json` cannot be read.
    pub fn summary(&self) -> Result<RunSummary> {
        let file = self.file()?;
        let recipe = json_path::edited(&self.recipe()?, &self.edits())?;
        let status = self.status();
        let alive = self.is_locked();
        let mut state = status.as_ref().map_or(RunState::Queued, |s| s.state);
        if !alive && state.is_alive() {
            state = RunState::Interrupted;
        }
        let name = file.name.clone().unwrap_or_else(|| {
            if recipe.name.is_empty() {
                self.dir.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
            } else {
                recipe.name.clone()
            }
        });
        let mut progress = status.as_ref().map(|s| s.progress.clone()).unwrap_or_default();
        if progress.target == 0 {
            progress.target = (recipe.run.kimg * 1000.0) as u64;
        }
        Ok(RunSummary {
            dir: self.dir.clone(),
            name,
            recipe,
            state,
            progress,
            created: file.created,
            problem: status.and_then(|s| s.problem),
            bytes: folder_bytes(&self.dir),
            checkpoints: self.checkpoints(),
        })
    }
}

/// `checkpoint.json`: written last into a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMark {
    /// Best so far when it was written.
    pub best: bool,
    /// Validation value; lower is better.
    pub score: Option<f64>,
}

/// Bytes of all files below a folder.
pub fn folder_bytes(dir: &Path) -> u64 {
    walkdir::WalkDir::new(dir)
        .into_iter()
        .filter_map(|e| e.ok())
        .filter_map(|e| e.metadata().ok())
        .filter(|m| m.is_file())
        .map(|m| m.len())
        .sum()
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|e| Problem::io("This file could not be read", path, &e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Problem::data("This file is damaged").of(path.display().to_string()).because(e))
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|e| Problem::failed("This could not be written as JSON").because(e))?;
    write_atomically(path, &text)
}

/// Appends events to a run's telemetry, a line each.
pub fn append(file: &mut File, event: &RunEvent) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::series::Reading;

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&dir.path().join("r"), &Recipe::default(), None, "cpu").unwrap();
        (dir, run)
    }

    fn reading(images: u64) -> RunEvent {
        RunEvent::Reading(Reading { step: images / 10, images, seconds: 1.0, values: vec![("loss".into(), 0.5)] })
    }

    #[test]
    fn a_folder_is_made_once_and_found_again() {
        let (_dir, run) = folder();
        assert!(RunFolder::create(run.dir(), &Recipe::default(), None, "cpu").is_err());
        let again = RunFolder::open(run.dir()).unwrap();
        assert_eq!(again.recipe().unwrap(), Recipe::default());
        assert_eq!(again.summary().unwrap().state, RunState::Queued);
        assert!(RunFolder::open(&run.dir().join("nowhere")).is_err());
    }

    #[test]
    fn only_one_process_trains_a_run() {
        let (_dir, run) = folder();
        assert!(!run.is_locked());
        let lock = run.lock().unwrap();
        assert!(run.is_locked());
        assert!(run.lock().is_err());
        drop(lock);
        assert!(!run.is_locked());
    }

    #[test]
    fn controls_arrive_in_order_and_once() {
        let (_dir, run) = folder();
        run.send_control(&Control::Pause).unwrap();
        run.send_control(&Control::Edit { key: "optim.lr".into(), value: 0.1.into() }).unwrap();
        fs::write(run.dir().join("control/000.json"), "{ broken").unwrap();
        let got = run.take_controls();
        assert_eq!(got[0], Control::Pause);
        assert_eq!(got.len(), 2);
        assert!(run.take_controls().is_empty());
    }

    #[test]
    fn telemetry_survives_a_cut_line_and_forgets_what_was_rewound() {
        let (_dir, run) = folder();
        let mut file = run.append_telemetry().unwrap();
        for images in [10, 20, 30] {
            append(&mut file, &reading(images)).unwrap();
        }
        file.write_all(b"{\"event\":\"read").unwrap();
        drop(file);
        let (events, offset) = run.telemetry_from(0);
        assert_eq!(events.len(), 3);
        let mut file = run.append_telemetry().unwrap();
        append(&mut file, &RunEvent::Rewound { images: 20 }).unwrap();
        append(&mut file, &reading(25)).unwrap();
        assert_eq!(run.telemetry_from(offset).0.len(), 2);
        let images: Vec<u64> = run
            .history()
            .iter()
            .filter_map(|e| if let RunEvent::Reading(r) = e { Some(r.images) } else { None })
            .collect();
        assert_eq!(images, [10, 20, 25]);
    }

    #[test]
    fn edits_are_known_without_the_telemetry_and_from_it_where_they_have_no_file() {
        let (_dir, run) = folder();
        let edit = Edit { step: 2, images: 20, key: "optim.lr".into(), value: 0.5.into() };
        let mut file = run.append_telemetry().unwrap();
        append(&mut file, &RunEvent::Edited(edit.clone())).unwrap();
        assert_eq!(run.edits(), std::slice::from_ref(&edit), "a run of an earlier version");
        run.write_edits(&[]).unwrap();
        assert!(run.edits().is_empty());
        let long = "x".repeat(200_000);
        write!(file, "{{\"cut\":\"{long}").unwrap();
        drop(run.append_telemetry().unwrap());
        assert_eq!(run.telemetry_from(0).0, [RunEvent::Edited(edit)], "a long line that was cut off is removed");
    }

    #[test]
    fn a_run_whose_process_is_gone_is_interrupted() {
        let (_dir, run) = folder();
        let status = Status { state: RunState::Training, progress: RunProgress::default(), problem: None };
        run.write_status(&status).unwrap();
        assert_eq!(run.summary().unwrap().state, RunState::Interrupted);
        let _lock = run.lock().unwrap();
        assert_eq!(run.summary().unwrap().state, RunState::Training);
    }
}
