//! Checkpoints: a folder that is complete once it exists under its name.
//!
//! Written beside, each file flushed, then renamed. `state.safetensors` and `state.json` hold everything that going on
//! needs; `model.safetensors` is the snapshot (averaged weights only) that exploring and sharing use, and opens alone.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{CheckpointMark, RunFolder, unix_now};
use super::report::CheckpointInfo;
use super::trainer::{Trainer, TrainerState};
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result};
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::recipe::Recipe;

/// Key of the [`ModelInfo`] in a snapshot's metadata.
pub const METADATA: &str = "latent_studio";
/// Name of the snapshot in a checkpoint.
pub const SNAPSHOT: &str = "model.safetensors";

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
}

/// What the last bits of a run depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Version of the studio.
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
            studio: env!("CARGO_PKG_VERSION").into(),
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

/// Saves a checkpoint and removes those that are no longer kept.
///
/// # Errors
/// A number is not finite (nothing is saved then), or the disk is full.
pub fn save(
    folder: &RunFolder,
    trainer: &Trainer,
    saved: &SavedState,
    info: &ModelInfo,
    recipe: &Recipe,
    score: Option<f64>,
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
    let beside = root.join(format!(".writing-{name}-{}", std::process::id()));
    let fail = |e: &std::io::Error| Problem::io("The checkpoint could not be written", &beside, e);
    let _ = fs::remove_dir_all(&beside);
    fs::create_dir_all(&beside).map_err(|e| fail(&e))?;
    let write = || -> Result<()> {
        let json = |e: serde_json::Error| Problem::failed("The checkpoint could not be written as JSON").because(e);
        weights.write(&beside.join("state.safetensors"))?;
        write_atomically(&beside.join("state.json"), &serde_json::to_vec_pretty(saved).map_err(json)?)?;
        write_atomically(&beside.join("recipe.json"), recipe.to_json().as_bytes())?;
        let snapshot = trainer.snapshot();
        let info = ModelInfo { hash: snapshot.hash(), kimg: saved.images as f64 / 1000.0, ..info.clone() };
        let text = serde_json::to_string(&info).map_err(json)?;
        snapshot.with(METADATA, text).write(&beside.join(SNAPSHOT))?;
        let best = folder.checkpoints().iter().filter_map(|c| c.score).all(|s| score.is_some_and(|mine| mine <= s));
        let mark = CheckpointMark { best: best && score.is_some(), score };
        write_atomically(&beside.join("checkpoint.json"), &serde_json::to_vec(&mark).map_err(json)?)
    };
    let written = write().and_then(|()| {
        // The same place again, after going back: the old one goes only once the new one is whole.
        let old = root.join(format!(".old-{name}-{}", unix_now()));
        if target.exists() {
            fs::rename(&target, &old).map_err(|e| fail(&e))?;
        }
        fs::rename(&beside, &target).map_err(|e| fail(&e))?;
        let _ = fs::remove_dir_all(&old);
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
        return Err(problem);
    }
    prune(folder, recipe.run.keep as usize);
    folder
        .checkpoints()
        .into_iter()
        .find(|c| c.images == saved.images)
        .ok_or_else(|| Problem::failed("The checkpoint vanished while it was written").of(target.display().to_string()))
}

/// Keeps the last `keep` checkpoints and the best.
fn prune(folder: &RunFolder, keep: usize) {
    let all = folder.checkpoints();
    let old = all.len().saturating_sub(keep.max(1));
    for checkpoint in all.iter().take(old).filter(|c| !c.best) {
        let _ = fs::remove_dir_all(&checkpoint.path);
    }
    // What a crash left half written.
    if let Ok(entries) = fs::read_dir(folder.checkpoints_dir()) {
        for entry in entries.filter_map(|e| e.ok()) {
            if entry.file_name().to_string_lossy().starts_with('.') {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
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

/// Reads a checkpoint's full state.
///
/// # Errors
/// A file is missing or damaged.
pub fn load(path: &Path) -> Result<Loaded> {
    let file = path.join("state.json");
    let text = fs::read(&file).map_err(|e| Problem::io("This checkpoint could not be read", &file, &e))?;
    let saved = serde_json::from_slice(&text)
        .map_err(|e| Problem::data("This checkpoint is damaged").of(file.display().to_string()).because(e))?;
    Ok(Loaded { weights: Weights::read(&path.join("state.safetensors"))?, saved, path: path.into() })
}

/// The newest checkpoint that can be read, and warnings about newer ones that cannot.
pub fn newest(folder: &RunFolder) -> (Option<Loaded>, Vec<Problem>) {
    let mut warnings = Vec::new();
    for checkpoint in folder.checkpoints().iter().rev() {
        match load(&checkpoint.path) {
            Ok(loaded) => return (Some(loaded), warnings),
            Err(problem) => warnings.push(problem.try_this("The checkpoint before it is used").warning()),
        }
    }
    (None, warnings)
}
