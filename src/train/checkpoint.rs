//! Checkpoints: a folder that is complete once it exists under its name.
//!
//! Written beside, each file flushed, then renamed. `state.safetensors` and `state.json` hold everything that going on
//! needs; `model.safetensors` is the snapshot (averaged weights only) that exploring and sharing use, and opens alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{CheckpointMark, RunFolder, read_json, unix_now};
use super::report::CheckpointInfo;
use super::state::TrainerState;
use super::trainer::Trainer;
use crate::base::paths::write_atomically;
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
pub use crate::models::io::{METADATA, SNAPSHOT};
use crate::recipe::{ModelRecipe, Recipe};

/// Name of everything trained in a checkpoint.
const STATE: &str = "state.safetensors";
/// How folders begin that are being written.
const WRITING: &str = ".writing-";
/// How folders begin that were moved aside for a new one.
const OLD: &str = ".old-";

/// `state.json`: where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedState {
    /// Optimiser steps.
    pub step: u64,
    /// Pictures seen.
    pub images: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// The learning rate is multiplied by this after trouble.
    pub lr_factor: f64,
    /// How often the run went back to an earlier state.
    pub retries: u32,
    /// Streams and optimisers.
    pub trainer: TrainerState,
    /// KL of each latent dimension (VAE).
    #[serde(default)]
    pub kl: Vec<f32>,
    /// Seconds that scores took so far, besides training.
    #[serde(default)]
    pub scoring: f64,
    /// What the numbers depend on: binary, device, vector level, threads.
    pub machine: Machine,
    /// Hash of the prepared pictures it learned from last.
    #[serde(default)]
    pub data: Option<String>,
    /// Hashes of the tensors beside it.
    #[serde(default)]
    pub sums: Option<Sums>,
}

impl SavedState {
    /// Before the first step, on a device.
    pub fn new(device: &str) -> Self {
        Self {
            step: 0,
            images: 0,
            seconds: 0.0,
            lr_factor: 1.0,
            retries: 0,
            trainer: TrainerState::default(),
            kl: Vec::new(),
            scoring: 0.0,
            machine: Machine::here(device),
            data: None,
            sums: None,
        }
    }
}

/// Hashes of a checkpoint's tensors, as [`Weights::hash`] makes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Of `state.safetensors`.
    pub state: String,
    /// Of `model.safetensors`.
    pub model: String,
}

/// What the last bits of a run depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Build of the studio: its version and what it was built from.
    pub studio: String,
    /// Device.
    pub device: String,
    /// Widest vector instructions of the CPU.
    pub vectors: String,
    /// Threads.
    pub threads: usize,
}

impl Machine {
    /// This machine, with a device.
    pub fn here(device: &str) -> Self {
        Self {
            studio: crate::BUILD.into(),
            device: device.into(),
            vectors: vectors().into(),
            threads: rayon::current_num_threads(),
        }
    }

    /// What a person is told when a run goes on elsewhere.
    pub fn unlike(&self, new: &Self) -> Problem {
        let text = |m: &Self| format!("{} {} {} {} threads", m.studio, m.device, m.vectors, m.threads);
        Problem::usage("This run goes on under other conditions, so its last digits may differ from an unbroken one")
            .because(format!("was {}, is {}", text(self), text(new)))
            .warning()
    }
}

fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return "avx2";
        }
        "sse2"
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}

/// Checkpoints that a session could not load: they are not its to remove.
pub type Passed = BTreeSet<u64>;

/// Saves a checkpoint and removes those that are no longer kept. `saved` is told the hashes of its tensors.
///
/// # Errors
/// A number is not finite (nothing is saved then), or the disk is full.
pub fn save(
    folder: &RunFolder,
    trainer: &Trainer,
    saved: &mut SavedState,
    info: &ModelInfo,
    recipe: &Recipe,
    score: Option<f64>,
    passed: &mut Passed,
) -> Result<CheckpointInfo> {
    folder.check_there()?;
    let (weights, _) = trainer.state();
    let bad = weights.tensors.iter().find(|(_, t)| t.values.iter().any(|v| !v.is_finite()));
    if let Some((name, _)) = bad {
        return Err(Problem::failed("The weights are no longer finite, so they were not saved").of(name.clone()));
    }
    let root = folder.checkpoints_dir();
    let name = format!("{:012}", saved.images);
    let target = root.join(&name);
    let beside = root.join(format!("{WRITING}{name}-{}", std::process::id()));
    let fail = |e: &std::io::Error| Problem::io("The checkpoint could not be written", &beside, e);
    let _ = fs::remove_dir_all(&beside);
    fs::create_dir_all(&beside).map_err(|e| fail(&e))?;
    let mut write = || -> Result<()> {
        let json = |e: serde_json::Error| Problem::failed("The checkpoint could not be written as JSON").because(e);
        weights.write(&beside.join(STATE))?;
        let snapshot = trainer.snapshot();
        let info = ModelInfo { hash: snapshot.hash(), kimg: saved.images as f64 / 1000.0, ..info.clone() };
        saved.sums = Some(Sums { state: weights.hash(), model: info.hash.clone() });
        let text = serde_json::to_string(&info).map_err(json)?;
        snapshot.with(METADATA, text).write(&beside.join(SNAPSHOT))?;
        let state = serde_json::to_vec_pretty(saved).map_err(json)?;
        let recipe = recipe.to_json();
        write_atomically(&beside.join("state.json"), &state)?;
        write_atomically(&beside.join("recipe.json"), recipe.as_bytes())?;
        let best = folder.checkpoints().iter().filter_map(|c| c.score).all(|s| score.is_some_and(|mine| mine <= s));
        let seal = Some(seal(&state, recipe.as_bytes()));
        let mark = CheckpointMark { best: best && score.is_some(), score, seal };
        write_atomically(&beside.join("checkpoint.json"), &serde_json::to_vec(&mark).map_err(json)?)
    };
    let written = write().and_then(|()| {
        // The same place again, after going back: the old one goes only once the new one is whole.
        let old = root.join(format!("{OLD}{name}-{}", unix_now()));
        if target.exists() {
            fs::rename(&target, &old).map_err(|e| fail(&e))?;
        }
        fs::rename(&beside, &target).map_err(|e| fail(&e))?;
        if passed.remove(&saved.images) {
            // Somebody may still save something of it.
            let _ = fs::rename(&old, root.join(format!("damaged-{name}-{}", unix_now())));
        } else {
            let _ = fs::remove_dir_all(&old);
        }
        Ok(())
    });
    if let Err(gone) = folder.check_there() {
        // The run's folder went while this was written, and nothing shall stand in its place: folders go only if empty.
        let _ = fs::remove_dir_all(&beside);
        let _ = fs::remove_dir_all(&target);
        let _ = root.parent().map(|run| fs::remove_dir(&root).and_then(|()| fs::remove_dir(run)));
        return Err(gone);
    }
    if let Err(problem) = written {
        let _ = fs::remove_dir_all(&beside);
        recover(folder);
        return Err(problem);
    }
    prune(folder, recipe.run.keep as usize, passed);
    folder
        .checkpoints()
        .into_iter()
        .find(|c| c.images == saved.images)
        .ok_or_else(|| Problem::failed("The checkpoint vanished while it was written").of(target.display().to_string()))
}

fn seal(state: &[u8], recipe: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(state.len() as u64).to_le_bytes()).update(state).update(recipe);
    hasher.finalize().to_hex().to_string()
}

/// Puts right what a crash left half done while a checkpoint was written: one that was moved aside for a new one that
/// never came is in its place again, and what was not complete goes. The run's lock is held.
pub fn recover(folder: &RunFolder) {
    let root = folder.checkpoints_dir();
    for entry in fs::read_dir(&root).into_iter().flatten().filter_map(|e| e.ok()) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if let Some(place) = name.strip_prefix(OLD).and_then(|rest| rest.split('-').next()) {
            let place = root.join(place);
            if !place.exists() && fs::rename(entry.path(), &place).is_ok() {
                continue;
            }
        }
        if name.starts_with(OLD) || name.starts_with(WRITING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Name of the file in a checkpoint that says that a kept or exported picture names it.
const NAMED: &str = "named";

/// Notes that a picture names this checkpoint, so that it is not removed on its own.
///
/// # Errors
/// The folder cannot be written.
pub fn name(path: &Path) -> std::io::Result<()> {
    let file = path.join(NAMED);
    if file.exists() { Ok(()) } else { fs::write(file, b"") }
}

/// Whether a picture names this checkpoint.
pub fn is_named(path: &Path) -> bool {
    path.join(NAMED).exists()
}

/// Removes a checkpoint: its folder is not one under its name while files go.
///
/// # Errors
/// The folder cannot be written.
pub fn remove(path: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!("{WRITING}{name}-removed"));
    fs::rename(path, &beside)?;
    fs::remove_dir_all(beside)
}

/// Keeps the last `keep` checkpoints and the best, those that pictures name, and all that could not be loaded.
fn prune(folder: &RunFolder, keep: usize, passed: &Passed) {
    let mine: Vec<CheckpointInfo> = folder.checkpoints().into_iter().filter(|c| !passed.contains(&c.images)).collect();
    let best = mine.iter().filter_map(|c| c.score.map(|s| (s, c.images))).min_by(|a, b| a.0.total_cmp(&b.0));
    let old = mine.len().saturating_sub(keep.max(1));
    let goes = |c: &&CheckpointInfo| best.is_none_or(|(_, images)| images != c.images) && !is_named(&c.path);
    for checkpoint in mine.iter().take(old).filter(goes) {
        let _ = fs::remove_dir_all(&checkpoint.path);
    }
}

/// A checkpoint as it was kept.
pub struct Loaded {
    /// Everything trained.
    pub weights: Weights,
    /// Where the run stood.
    pub saved: SavedState,
    /// Its folder.
    pub path: PathBuf,
}

impl Loaded {
    /// What its model is: with the classes it learned, in the order of its weights, and what its critic looks through.
    ///
    /// # Errors
    /// Its recipe cannot be read.
    pub fn model(&self) -> Result<ModelRecipe> {
        let file = self.path.join("recipe.json");
        let text =
            vault::read_to_string(&file).map_err(|e| Problem::io("This checkpoint could not be read", &file, &e))?;
        Ok(Recipe::from_json(&text).map_err(|p| p.of(file.display().to_string()))?.model)
    }

    /// Looks at the snapshot beside the state. Training does not need it; explorers do.
    ///
    /// # Errors
    /// It cannot be read, or its numbers are not those that were written.
    pub fn check_snapshot(&self) -> Result<()> {
        let file = self.path.join(SNAPSHOT);
        match &self.saved.sums {
            Some(sums) if Weights::read(&file)?.hash() != sums.model => Err(changed(&file)),
            _ => Ok(()),
        }
    }
}

fn changed(file: &Path) -> Problem {
    Problem::data("This checkpoint is damaged")
        .of(file.display().to_string())
        .because("its contents are not those that were written")
}

/// Reads a checkpoint's full state.
///
/// # Errors
/// A file is missing or damaged, be it by a single bit.
pub fn load(path: &Path) -> Result<Loaded> {
    let read = |name: &str| {
        let file = path.join(name);
        vault::read(&file).map_err(|e| Problem::io("This checkpoint could not be read", &file, &e))
    };
    let mark: CheckpointMark = read_json(&path.join("checkpoint.json"))?;
    let file = path.join("state.json");
    let text = read("state.json")?;
    // Those of earlier versions have no seal.
    if let Some(sealed) = mark.seal
        && sealed != seal(&text, &read("recipe.json")?)
    {
        return Err(changed(&file));
    }
    let saved: SavedState = serde_json::from_slice(&text)
        .map_err(|e| Problem::data("This checkpoint is damaged").of(file.display().to_string()).because(e))?;
    let file = path.join(STATE);
    let weights = Weights::read(&file)?;
    if saved.sums.as_ref().is_some_and(|sums| sums.state != weights.hash()) {
        return Err(changed(&file));
    }
    Ok(Loaded { weights, saved, path: path.into() })
}

/// The newest checkpoint that can be read, and what is wrong with newer ones.
pub struct Newest {
    /// The checkpoint; none if the run has no checkpoints at all.
    pub loaded: Option<Loaded>,
    /// Those that were passed over.
    pub passed: Passed,
    /// Why, a warning each.
    pub warnings: Vec<Problem>,
}

/// The newest checkpoint that can be read.
///
/// # Errors
/// There are checkpoints and none can be read: a run does not begin again in their place.
pub fn newest(folder: &RunFolder) -> Result<Newest> {
    let (mut passed, mut warnings) = (Passed::new(), Vec::new());
    for (images, path) in folder.checkpoint_dirs().into_iter().rev() {
        match load(&path) {
            Ok(loaded) => {
                if let Err(problem) = loaded.check_snapshot() {
                    warnings.push(
                        problem.try_this("The run itself goes on from it; its next checkpoint is whole").warning(),
                    );
                }
                return Ok(Newest { loaded: Some(loaded), passed, warnings });
            }
            Err(problem) => {
                passed.insert(images);
                warnings.push(problem.try_this("The checkpoint before it is used; this one stays as it is").warning());
            }
        }
    }
    if passed.is_empty() {
        return Ok(Newest { loaded: None, passed, warnings });
    }
    let why: Vec<String> = warnings
        .iter()
        .map(|p| format!("{}: {}", p.subject.as_deref().unwrap_or("?"), p.detail.as_deref().unwrap_or(&p.what)))
        .collect();
    Err(Problem::data("None of this run's checkpoints can be loaded")
        .of(folder.checkpoints_dir().display().to_string())
        .because(why.join("; "))
        .try_this("Bring an intact copy of one back, or begin a new run; nothing was changed here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::device;

    fn recipe() -> Recipe {
        let mut recipe = Recipe::default();
        recipe.model.id = "mlp-gan".into();
        (recipe.model.width, recipe.model.narrow, recipe.model.latent) = (8, 8, 2);
        (recipe.data.resolution, recipe.run.keep) = (16.into(), 2);
        recipe
    }

    struct Run {
        _dir: tempfile::TempDir,
        folder: RunFolder,
        trainer: Trainer,
        passed: Passed,
    }

    impl Run {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = RunFolder::create(&dir.path().join("r"), &recipe(), None, "cpu").unwrap();
            let trainer = Trainer::new(&recipe(), &device::open("cpu").unwrap()).unwrap();
            Self { _dir: dir, folder, trainer, passed: Passed::new() }
        }

        fn save(&mut self, images: u64, score: Option<f64>) {
            let mut saved = SavedState::new("cpu");
            (saved.images, saved.trainer) = (images, self.trainer.state().1);
            let info = ModelInfo::of(&recipe(), String::new());
            save(&self.folder, &self.trainer, &mut saved, &info, &recipe(), score, &mut self.passed).unwrap();
        }

        fn path(&self, images: u64) -> PathBuf {
            self.folder.checkpoints_dir().join(format!("{images:012}"))
        }

        fn flip(&self, images: u64, file: &str) {
            let path = self.path(images).join(file);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() - bytes.len() / 3;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        }

        fn names(&self) -> Vec<u64> {
            self.folder.checkpoint_dirs().into_iter().map(|(images, _)| images).collect()
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        for file in ["state.safetensors", "state.json", "recipe.json", "checkpoint.json"] {
            let mut run = Run::new();
            run.save(10, None);
            run.save(20, None);
            run.flip(20, file);
            let newest = newest(&run.folder).unwrap();
            assert_eq!(newest.loaded.unwrap().saved.images, 10, "{file}");
            assert_eq!((newest.passed, newest.warnings.len()), (Passed::from([20]), 1), "{file}");
        }
        let mut run = Run::new();
        run.save(10, None);
        run.flip(10, SNAPSHOT);
        let newest = newest(&run.folder).unwrap();
        assert!(newest.loaded.is_some() && newest.passed.is_empty());
        assert!(newest.warnings[0].subject.as_ref().unwrap().ends_with(SNAPSHOT));
    }

    #[test]
    fn where_none_loads_nothing_begins_anew() {
        let mut run = Run::new();
        assert!(newest(&run.folder).unwrap().loaded.is_none());
        run.save(10, None);
        run.save(20, None);
        fs::write(run.path(10).join("checkpoint.json"), "").unwrap();
        run.flip(20, "state.safetensors");
        let problem = newest(&run.folder).err().unwrap();
        assert!(problem.exit_code() == 3 && problem.detail.unwrap().contains("000000000010"));
    }

    #[test]
    fn what_was_passed_over_is_neither_removed_nor_counted() {
        let mut run = Run::new();
        run.save(10, Some(0.5));
        run.save(20, None);
        run.save(30, None);
        run.flip(20, "state.safetensors");
        run.flip(30, "state.safetensors");
        run.passed = newest(&run.folder).unwrap().passed;
        for images in [11, 12, 13] {
            run.save(images, Some(images as f64));
        }
        assert_eq!(run.names(), [10, 12, 13, 20, 30], "the best, the last two of its own, and the damaged ones");
        run.save(30, None);
        assert!(load(&run.path(30)).is_ok());
        let kept = fs::read_dir(run.folder.checkpoints_dir()).unwrap().flatten();
        assert_eq!(kept.filter(|e| e.file_name().to_string_lossy().starts_with("damaged-")).count(), 1);
    }

    #[test]
    fn the_only_copy_that_a_crash_left_aside_comes_back() {
        let mut run = Run::new();
        run.save(10, None);
        let root = run.folder.checkpoints_dir();
        fs::rename(run.path(10), root.join(".old-000000000010-1700000000")).unwrap();
        fs::create_dir(root.join(".writing-000000000010-77")).unwrap();
        recover(&run.folder);
        assert_eq!(newest(&run.folder).unwrap().loaded.unwrap().saved.images, 10);
        fs::create_dir(root.join(".old-000000000010-1700000001")).unwrap();
        recover(&run.folder);
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1);
    }
}
