//! Which checkpoints of a run may go, and what its files cost.
//!
//! Kept are the newest, the best, each that a picture names, and of the others those at growing distances back in time: each
//! has seen at most three quarters of the pictures that the one kept after it has. Files that forks share count once.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::checkpoint;
use super::folder::RunFolder;
use super::report::CheckpointInfo;
use crate::base::{Problem, Result};

/// Share of the pictures seen by the next kept checkpoint that an older one may have seen at most.
const SPACING: f64 = 0.75;

/// What a run's folder takes on disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// All of its files.
    pub whole: u64,
    /// Its checkpoints.
    pub checkpoints: u64,
    /// Its samples over time.
    pub samples: u64,
    /// Snapshots of averages that others are made of.
    pub averages: u64,
    /// Its curves and what it told.
    pub telemetry: u64,
    /// Of these, what other runs have as well: the same files on disk.
    pub shared: u64,
}

/// What it costs. Files that were counted before, as `seen` knows them, count as shared only.
pub fn cost(folder: &RunFolder, seen: &mut HashSet<(u64, u64)>) -> Cost {
    let mut out = Cost::default();
    let inside = folder.checkpoints_dir();
    let mut waiting = vec![folder.dir().to_path_buf()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().filter_map(|e| e.ok()) {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                waiting.push(entry.path());
                continue;
            }
            let (new, many) = first_time(&meta, seen);
            let checkpoint = entry.path().starts_with(&inside);
            let part = entry.path();
            let first = part.strip_prefix(folder.dir()).ok().and_then(|rest| rest.iter().next()?.to_str());
            match first.filter(|_| new) {
                Some("previews") => out.samples += meta.len(),
                Some("averages") => out.averages += meta.len(),
                Some("telemetry.jsonl") => out.telemetry += meta.len(),
                _ => {}
            }
            out.whole += if new { meta.len() } else { 0 };
            out.checkpoints += if checkpoint && new { meta.len() } else { 0 };
            out.shared += if checkpoint && many { meta.len() } else { 0 };
        }
    }
    out
}

/// Whether a file was not counted yet, and whether it lies in several places.
#[cfg(unix)]
fn first_time(meta: &fs::Metadata, seen: &mut HashSet<(u64, u64)>) -> (bool, bool) {
    use std::os::unix::fs::MetadataExt;
    (seen.insert((meta.dev(), meta.ino())), meta.nlink() > 1)
}

#[cfg(not(unix))]
fn first_time(_meta: &fs::Metadata, _seen: &mut HashSet<(u64, u64)>) -> (bool, bool) {
    (true, false)
}

/// The checkpoints that may go; `whole` says whether one can be read, `named` whether a picture names it. Distances count
/// from the newest that can be read.
pub fn thinned(
    checkpoints: &[CheckpointInfo],
    whole: &dyn Fn(&Path) -> bool,
    named: &dyn Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let best = checkpoints.iter().filter(|c| c.score.is_some());
    let best =
        best.min_by(|a, b| a.score.unwrap_or(f64::NAN).total_cmp(&b.score.unwrap_or(f64::NAN))).map(|c| c.images);
    let mut out = Vec::new();
    let mut after: Option<u64> = None;
    for c in checkpoints.iter().rev().filter(|c| whole(&c.path)) {
        let far = after.is_none_or(|after| c.images as f64 <= SPACING * after as f64);
        if far {
            after = Some(c.images);
        } else if best != Some(c.images) && !named(&c.path) {
            out.push(c.path.clone());
        }
    }
    out.reverse();
    out
}

/// Removes checkpoints of a run that does not train now; says how many bytes were freed.
///
/// # Errors
/// It trains now, or a folder cannot be removed.
pub fn remove(folder: &RunFolder, checkpoints: &[PathBuf]) -> Result<()> {
    let _lock = folder.lock()?;
    // A picture may have named one meanwhile.
    for path in checkpoints.iter().filter(|path| !checkpoint::is_named(path)) {
        checkpoint::remove(path).map_err(|e| Problem::io("This checkpoint could not be removed", path, &e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(images: u64, score: Option<f64>) -> CheckpointInfo {
        CheckpointInfo { images, path: format!("c{images}").into(), best: false, score }
    }

    #[test]
    fn the_newest_the_best_and_what_pictures_name_stay() {
        let all: Vec<CheckpointInfo> = (1..=20).map(|i| at(i * 1000, Some(if i == 18 { 0.1 } else { 0.5 }))).collect();
        let named = |path: &Path| path == Path::new("c17000");
        let whole = |_: &Path| true;
        let gone = thinned(&all, &whole, &named);
        // One that cannot be read stays, and so does the newest that can.
        let damaged = |path: &Path| path != Path::new("c20000");
        let rest = thinned(&all, &damaged, &named);
        assert!(!rest.contains(&"c20000".into()) && !rest.contains(&"c19000".into()), "{rest:?}");
        let kept: Vec<u64> = all.iter().filter(|c| !gone.contains(&c.path)).map(|c| c.images / 1000).collect();
        assert_eq!(kept, [1, 2, 3, 4, 6, 8, 11, 15, 17, 18, 20]);
        assert!(thinned(&kept.iter().map(|i| at(i * 1000, None)).collect::<Vec<_>>(), &whole, &|_| true).is_empty());
        assert!(thinned(&[], &whole, &|_| false).is_empty());
    }

    #[test]
    fn shared_files_cost_once() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = crate::recipe::Recipe::default();
        let make = |name: &str| RunFolder::create(&dir.path().join(name), &recipe, None, "cpu").unwrap();
        let (a, b) = (make("a"), make("b"));
        let file = |run: &RunFolder| run.checkpoints_dir().join("000000000001").join("state.safetensors");
        for run in [&a, &b] {
            fs::create_dir_all(file(run).parent().unwrap()).unwrap();
        }
        fs::write(file(&a), vec![0; 5000]).unwrap();
        fs::hard_link(file(&a), file(&b)).unwrap();
        fs::create_dir_all(a.dir().join("averages")).unwrap();
        fs::write(a.dir().join("averages/1-0.safetensors"), vec![0; 300]).unwrap();
        fs::write(a.previews_dir().join("1.png"), vec![0; 70]).unwrap();
        fs::write(a.dir().join("telemetry.jsonl"), vec![0; 20]).unwrap();
        let mut seen = HashSet::new();
        let (a, b) = (cost(&a, &mut seen), cost(&b, &mut seen));
        assert_eq!((a.checkpoints, b.checkpoints), (5000, if cfg!(unix) { 0 } else { 5000 }));
        assert!(a.whole > 5390);
        assert_eq!((a.samples, a.averages, a.telemetry), (70, 300, 20));
        #[cfg(unix)]
        assert_eq!((a.shared, b.shared), (5000, 5000));
    }
}
