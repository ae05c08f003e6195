//! Runs that wait for another one to end; kept in a file, so that they still wait at the next start.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::paths::write_atomically;
use crate::base::{Problem, Result};

/// A run that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its folder.
    pub dir: PathBuf,
    /// Device to train on.
    pub device: String,
    /// Thousands of pictures to stop at, in place of what the run says.
    #[serde(default)]
    pub kimg: Option<f64>,
}

/// The queue, first to start first.
#[derive(Debug)]
pub struct Queue {
    file: PathBuf,
    runs: Vec<Waiting>,
}

impl Queue {
    /// The queue kept in this file; empty if there is none or it is damaged. Runs whose folder is gone are left out.
    pub fn open(file: PathBuf) -> Self {
        let runs: Vec<Waiting> =
            std::fs::read(&file).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let runs = runs.into_iter().filter(|w| w.dir.join("recipe.json").is_file()).collect();
        Self { file, runs }
    }

    /// Whether this run waits.
    pub fn contains(&self, dir: &Path) -> bool {
        self.runs.iter().any(|w| w.dir == dir)
    }

    /// What waits, in order.
    pub fn runs(&self) -> &[Waiting] {
        &self.runs
    }

    /// Puts a run at the end, or changes what is known of it if it waits already.
    ///
    /// # Errors
    /// The queue could not be written; it holds for this session all the same.
    pub fn push(&mut self, run: Waiting) -> Result<()> {
        match self.runs.iter_mut().find(|w| w.dir == run.dir) {
            Some(old) => *old = run,
            None => self.runs.push(run),
        }
        self.keep()
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<Waiting> {
        if self.runs.is_empty() {
            return None;
        }
        let first = self.runs.remove(0);
        // It is started now either way.
        let _ = self.keep();
        Some(first)
    }

    /// Takes this run out; says whether it was there.
    ///
    /// # Errors
    /// The queue could not be written; it holds for this session all the same.
    pub fn remove(&mut self, dir: &Path) -> Result<bool> {
        let before = self.runs.len();
        self.runs.retain(|w| w.dir != dir);
        if self.runs.len() == before {
            return Ok(false);
        }
        self.keep().map(|()| true)
    }

    fn keep(&self) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(&self.runs)
            .map_err(|e| Problem::failed("The queue of runs could not be written").because(e))?;
        write_atomically(&self.file, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_again_without_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("queue.json");
        let run = |name: &str| {
            let dir = dir.path().join(name);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("recipe.json"), "{}").unwrap();
            Waiting { dir, device: "cpu".into(), kimg: None }
        };
        let mut queue = Queue::open(file.clone());
        for name in ["a", "b", "c", "a"] {
            queue.push(run(name)).unwrap();
        }
        assert_eq!(queue.runs().len(), 3);
        assert!(queue.remove(&dir.path().join("b")).unwrap());
        assert!(!queue.remove(&dir.path().join("b")).unwrap());
        std::fs::remove_dir_all(dir.path().join("a")).unwrap();
        let mut again = Queue::open(file.clone());
        assert_eq!(again.pop().unwrap().dir, dir.path().join("c"));
        assert!(again.pop().is_none());
        std::fs::write(&file, "not json").unwrap();
        assert!(Queue::open(file).runs().is_empty());
    }
}
