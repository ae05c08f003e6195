//! A run's folder: what a run keeps, and how a client talks to it.
//!
//! Messages travel as files rather than over a pipe, so that a run outlives the window and is found again:
//! `recipe.json`, `run.json`, `lock` (held while a process trains), `status.json` (replaced as a whole),
//! `telemetry.jsonl` (one [`RunEvent`] a line, only ever appended), `edits.json` (the live edits that hold), `control/*.json` (one [`Control`] each, taken in
//! the order of their names), `previews/`, `checkpoints/` (a checkpoint is complete once it exists under its name).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::report::{CheckpointInfo, Origin, RunEvent, RunProgress, RunState, RunSummary};
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result};
use crate::recipe::{Edit, Recipe, json_path};

/// Name of the token model that a run keeps a copy of, if it trains a prior.
pub const TOKENS: &str = "tokens.safetensors";

/// What a client asks of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "do")]
pub enum Control {
    /// Hold on after this step.
    Pause,
    /// Go on.
    #[serde(alias = "go")]
    Resume,
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

/// Which pictures a run learns from, as `run.json` keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataMark {
    /// Hash of the prepared set: pictures, labels and the held-out part.
    pub hash: String,
    /// Pictures in it.
    pub pictures: u64,
}

/// `run.json`: what is known of a run besides its recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// Unix time of its beginning.
    pub created: i64,
    /// What the run is called in records that leave the studio: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Device asked for.
    pub device: String,
    /// Model it starts from, if any.
    #[serde(default)]
    pub from: Option<String>,
    /// Name given later, in place of the recipe's.
    #[serde(default)]
    pub name: Option<String>,
    /// Thousands of pictures to stop at, in place of the recipe's: the last wish, whether it came with a resumption or as a
    /// live edit.
    #[serde(default)]
    pub kimg: Option<f64>,
    /// The pictures it learns from, once they were prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataMark>,
    /// The run and the checkpoint that it is a fork of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
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

/// Folders in a run's folder.
const PARTS: [&str; 3] = ["control", "previews", "checkpoints"];

/// Seconds since 1970.
pub fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// The identity of a run that begins now in this folder.
fn new_id(dir: &Path) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let text = format!("{nanos} {} {}", std::process::id(), dir.display());
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
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
    /// Makes a run folder. One whose run ended before it learned anything is taken again.
    ///
    /// # Errors
    /// The folder holds a run already, or cannot be written.
    pub fn create(dir: &Path, recipe: &Recipe, from: Option<&str>, device: &str) -> Result<Self> {
        Self::create_locked(dir, recipe, from, device).map(|(this, _)| this)
    }

    /// As [`Self::create`], for a process that trains the run at once: of several that ask for the same folder, one gets it.
    ///
    /// # Errors
    /// As [`Self::create`], or another process has the folder.
    pub fn create_locked(dir: &Path, recipe: &Recipe, from: Option<&str>, device: &str) -> Result<(Self, RunLock)> {
        let this = Self { dir: dir.into() };
        fs::create_dir_all(dir).map_err(|e| Problem::io("This folder could not be made", dir, &e))?;
        let lock = this.lock()?;
        if this.recipe_path().exists() {
            if !this.came_to_nothing() {
                return Err(Problem::usage("There is a run in this folder already")
                    .of(dir.display().to_string())
                    .try_this("Choose another folder with --out, or go on with --resume"));
            }
            this.clear()?;
        }
        for sub in PARTS {
            let path = dir.join(sub);
            fs::create_dir_all(&path).map_err(|e| Problem::io("This folder could not be made", &path, &e))?;
        }
        let (device, from) = (device.into(), from.map(Into::into));
        let id = Some(new_id(dir));
        let file = RunFile { created: unix_now(), id, device, from, name: None, kimg: None, data: None, origin: None };
        this.write_file(&file)?;
        write_atomically(&this.recipe_path(), recipe.settled().to_json().as_bytes())?;
        Ok((this, lock))
    }

    /// Whether a run was begun here and ended, by an error or a crash, before it learned anything. Its lock is held.
    fn came_to_nothing(&self) -> bool {
        let empty = |part: &Path| fs::read_dir(part).is_ok_and(|mut entries| entries.next().is_none());
        let ended = |status: Status| {
            status.state.is_alive() || matches!(status.state, RunState::Failed | RunState::Interrupted)
        };
        self.status().is_some_and(ended)
            && empty(&self.checkpoints_dir())
            && empty(&self.previews_dir())
            && !self.telemetry_from(0).0.iter().any(|e| matches!(e, RunEvent::Started { .. }))
    }

    /// Removes what a try that came to nothing left.
    fn clear(&self) -> Result<()> {
        self.take_controls();
        for name in ["recipe.json", "status.json", "telemetry.jsonl", "edits.json", "data.json", "log.txt"] {
            let path = self.dir.join(name);
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Problem::io("What an earlier try left here could not be removed", &path, &e));
                }
                _ => {}
            }
        }
        Ok(())
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
        for sub in PARTS {
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

    /// The recipe of the beginning.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn recipe(&self) -> Result<Recipe> {
        let path = self.recipe_path();
        let text = fs::read_to_string(&path).map_err(|e| Problem::io("This recipe could not be read", &path, &e))?;
        Recipe::from_json(&text).map_err(|p| p.of(path.display().to_string()))
    }

    /// Notes where the run's pictures are now.
    ///
    /// # Errors
    /// The recipe cannot be read or written.
    pub fn move_source(&self, source: &str) -> Result<()> {
        let mut recipe = self.recipe()?;
        recipe.data.source = source.into();
        write_atomically(&self.recipe_path(), recipe.to_json().as_bytes())
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
        let info = |(images, path): (u64, PathBuf)| {
            let mark: CheckpointMark = read_json(&path.join("checkpoint.json")).ok()?;
            Some(CheckpointInfo { images, path, best: mark.best, score: mark.score })
        };
        let mut out: Vec<CheckpointInfo> = self.checkpoint_dirs().into_iter().filter_map(info).collect();
        // "Best" is a fact of all of them, not of the moment each was written.
        let best = out.iter().filter_map(|c| c.score.map(|s| (s, c.images))).min_by(|a, b| a.0.total_cmp(&b.0));
        for c in &mut out {
            c.best = best.is_some_and(|(_, images)| images == c.images);
        }
        out
    }

    /// Whether it keeps something that it learned, be it damaged.
    pub fn is_begun(&self) -> bool {
        !self.checkpoint_dirs().is_empty()
    }

    /// Folders of all checkpoints by pictures seen, oldest first, damaged ones too.
    pub(super) fn checkpoint_dirs(&self) -> Vec<(u64, PathBuf)> {
        let entries = fs::read_dir(self.checkpoints_dir()).into_iter().flatten().filter_map(|e| e.ok());
        let mut out: Vec<(u64, PathBuf)> =
            entries.filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path()))).collect();
        out.sort();
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
            origin: file.origin,
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
    /// Hash of the state and the recipe beside it, as files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
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

pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(|e| Problem::io("This file could not be read", path, &e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Problem::data("This file is damaged").of(path.display().to_string()).because(e))
}

pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|e| Problem::failed("This could not be written as JSON").because(e))?;
    write_atomically(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::telemetry::append;

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&dir.path().join("r"), &Recipe::default(), None, "cpu").unwrap();
        (dir, run)
    }

    #[test]
    fn a_folder_is_made_once_and_found_again() {
        let (_dir, run) = folder();
        let again = || RunFolder::create(run.dir(), &Recipe::default(), None, "cpu");
        assert!(again().is_err(), "it waits for its turn");
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
    fn a_try_that_came_to_nothing_does_not_block_the_next() {
        let (_dir, run) = folder();
        let status = |state| Status { state, progress: RunProgress::default(), problem: None };
        let again = || RunFolder::create(run.dir(), &Recipe { seed: 5, ..Recipe::default() }, None, "cpu");
        for state in [RunState::Failed, RunState::Preparing] {
            run.write_status(&status(state)).unwrap();
            append(&mut run.append_telemetry().unwrap(), &RunEvent::State { state }).unwrap();
            assert_eq!(again().unwrap().recipe().unwrap().seed, 5);
            assert!(run.status().is_none() && run.history().is_empty());
        }
        run.write_status(&status(RunState::Failed)).unwrap();
        fs::create_dir(run.checkpoints_dir().join("000000000012")).unwrap();
        assert!(again().unwrap_err().what.contains("already"), "even a damaged checkpoint is somebody's work");
    }

    #[test]
    fn of_many_who_want_the_same_folder_one_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("same");
        let tries: Vec<Result<(RunFolder, RunLock)>> = std::thread::scope(|scope| {
            let one = || RunFolder::create_locked(&path, &Recipe::default(), None, "cpu");
            let all: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(tries.iter().filter(|t| t.is_ok()).count(), 1);
        assert!(tries.iter().filter_map(|t| t.as_ref().err()).all(|p| p.exit_code() == 2));
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
    fn a_run_whose_process_is_gone_is_interrupted() {
        let (_dir, run) = folder();
        let status = Status { state: RunState::Training, progress: RunProgress::default(), problem: None };
        run.write_status(&status).unwrap();
        assert_eq!(run.summary().unwrap().state, RunState::Interrupted);
        let _lock = run.lock().unwrap();
        assert_eq!(run.summary().unwrap().state, RunState::Training);
    }
}
