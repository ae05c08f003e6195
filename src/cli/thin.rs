//! `latent-studio runs thin`: what runs cost on disk, and which checkpoints may go.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{print_json, print_line, say};
use crate::base::Result;
use crate::base::paths::Paths;
use crate::latent::catalog;
use crate::library::Library;
use crate::train::checkpoint;
use crate::train::folder::RunFolder;
use crate::train::thin;

/// Arguments of `runs thin`.
#[derive(Args)]
pub struct Thin {
    /// Runs; those of the window without
    runs: Vec<PathBuf>,
    /// Remove them; without it they are only listed
    #[arg(long)]
    apply: bool,
    /// One JSON object a run
    #[arg(long)]
    json: bool,
}

impl Thin {
    /// Lists, or removes.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let runs: Vec<PathBuf> = if self.runs.is_empty() {
            let inside = std::fs::read_dir(paths.runs()).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
            let mut all: Vec<PathBuf> = inside.filter(|dir| RunFolder::is_run(dir)).collect();
            all.sort();
            all
        } else {
            self.runs
        };
        let pictured: HashSet<String> = if paths.library().is_file() {
            Library::open(&paths.library())?.pictured_models()?.into_iter().collect()
        } else {
            HashSet::new()
        };
        let named = |path: &std::path::Path| {
            checkpoint::is_named(path) || catalog::hash_of(path).is_none_or(|hash| pictured.contains(&hash))
        };
        let (mut seen, mb) = (HashSet::new(), |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6));
        for dir in runs {
            // One run that trains or is damaged does not keep the others.
            let folder = match RunFolder::open(&dir) {
                Ok(folder) => folder,
                Err(problem) => {
                    say(&problem.warning());
                    continue;
                }
            };
            let cost = thin::cost(&folder, &mut seen);
            let checkpoints = folder.checkpoints();
            let gone = thin::thinned(&checkpoints, &|path| catalog::hash_of(path).is_some(), &named);
            if self.apply
                && let Err(problem) = thin::remove(&folder, &gone)
            {
                say(&problem.warning());
                continue;
            }
            if self.json {
                print_json(&json!({
                    "run": dir, "cost": cost, "checkpoints": checkpoints.len(), "thinned": gone, "removed": self.apply,
                }))?;
                continue;
            }
            let what = if self.apply { "removed" } else { "may go" };
            print_line(&format!(
                "{}: {}, of it {} in {} checkpoints ({} shared with other runs), {} samples, {} averages, {} curves; {} {what}",
                dir.display(),
                mb(cost.whole),
                mb(cost.checkpoints),
                checkpoints.len(),
                mb(cost.shared),
                mb(cost.samples),
                mb(cost.averages),
                mb(cost.telemetry),
                gone.len()
            ))?;
        }
        Ok(())
    }
}
