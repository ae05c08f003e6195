//! `latent-studio runs`: forks of runs, and the tree that they make.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{interrupt, print_json, print_line};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::export::records::Target;
use crate::export::records::run_log::{self, RunLog};
use crate::train::folder::RunFolder;
use crate::train::fork;

/// What `runs` does.
#[derive(Subcommand)]
pub enum Runs {
    /// Make a run that goes on from a checkpoint of another, with settings changed
    Fork(Fork),
    /// Show which run came from which, and how well each does
    Tree(Tree),
    /// Try values of one setting in forks, side by side, and end the losers early
    Race(super::race::Race),
    /// Tell where a run's score will be, with an interval
    Forecast(super::forecast::Forecast),
    /// Make the average of a run's weights of a length that is chosen now
    Average(super::average::Average),
    /// Average models of one network; the mean is kept only if it is better than each
    Soup(super::soup::Soup),
    /// Show what runs cost on disk, and remove old checkpoints that nothing needs
    Thin(super::thin::Thin),
    /// Tell TensorBoard, MLflow or trackio everything of a run; again adds only what is new
    Export(Export),
}

/// Arguments of `runs export`.
#[derive(Args)]
pub struct Export {
    /// A run's folder, or its name among the window's
    run: String,
    /// Event files below this folder, to start TensorBoard with
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// A server such as http://localhost:5000 or https://mlflow.example.org, or a database such as mlflow.db
    #[arg(long, value_name = "URL|FILE.db")]
    mlflow: Option<String>,
    /// The file of a project, such as ~/.cache/huggingface/trackio/PROJECT.db
    #[arg(long, value_name = "FILE")]
    trackio: Option<PathBuf>,
    /// Go on telling until the run ends
    #[arg(long)]
    follow: bool,
    /// One JSON object on stdout, each time that something was new
    #[arg(long)]
    json: bool,
}

/// Arguments of `runs fork`.
#[derive(Args)]
pub struct Fork {
    /// A run's folder; RUN@KIMG goes on from its last checkpoint up to there
    #[arg(value_name = "RUN[@KIMG]")]
    run: String,
    /// A setting that the fork changes, such as optim.lr=0.0002 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the fork
    #[arg(long, value_name = "RUN_DIR")]
    out: PathBuf,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Arguments of `runs tree`.
#[derive(Args)]
pub struct Tree {
    /// Runs, or folders of runs; those of the window without
    folders: Vec<PathBuf>,
    /// One JSON object a run
    #[arg(long)]
    json: bool,
}

impl Runs {
    /// Does it.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Fork(task) => task.run(),
            Self::Tree(task) => task.run(paths),
            Self::Race(task) => task.run(paths),
            Self::Forecast(task) => task.run(),
            Self::Average(task) => task.run(),
            Self::Soup(task) => task.run(paths),
            Self::Thin(task) => task.run(paths),
            Self::Export(task) => task.run(paths),
        }
    }
}

/// A run's folder and the pictures seen that were asked for, of `RUN[@KIMG]`.
pub(super) fn place(text: &str) -> Result<(PathBuf, Option<u64>)> {
    let whole = PathBuf::from(text);
    // A folder may have the sign in its name.
    if RunFolder::is_run(&whole) {
        return Ok((whole, None));
    }
    match text.rsplit_once('@') {
        Some((run, kimg)) => match kimg.parse::<f64>() {
            Ok(kimg) if kimg >= 0.0 && kimg.is_finite() => Ok((run.into(), Some((kimg * 1000.0).round() as u64))),
            _ => Err(Problem::usage("What follows @ is not a number of kimg").of(text).try_this("Write RUN@12.5")),
        },
        None => Ok((whole, None)),
    }
}

impl Fork {
    fn run(self) -> Result<()> {
        let (dir, images) = place(&self.run)?;
        let made = fork::fork(&RunFolder::open(&dir)?, images, &self.out, &self.set)?;
        let at = made.checkpoints().last().map_or(0, |c| c.images);
        if self.json {
            return print_json(&json!({ "run": made.dir(), "kimg": at as f64 / 1000.0 }));
        }
        print_line(&format!("Forked at {} kimg. Go on with:", at as f64 / 1000.0))?;
        print_line(&format!("latent-studio train --resume {}", made.dir().display()))
    }
}

impl Export {
    fn run(self, paths: &Paths) -> Result<()> {
        let dir = run_log::find(&self.run, paths)?;
        let mut targets: Vec<Target> = self.tensorboard.into_iter().map(Target::TensorBoard).collect();
        if let Some(place) = &self.mlflow {
            targets.push(Target::mlflow(place)?);
        }
        if super::no_traces() && self.mlflow.is_some() {
            return Err(Problem::usage("MLflow notes a user, folders and times, so it is not told without traces")
                .try_this("Write event files with --tensorboard instead"));
        }
        targets.extend(self.trackio.into_iter().map(Target::Trackio));
        if targets.is_empty() {
            return Err(Problem::usage("Nobody is to be told").try_this("Give --tensorboard, --mlflow or --trackio"));
        }
        let ending = interrupt();
        let mut first = true;
        loop {
            let mut log = RunLog::read(&dir, Some(paths))?;
            if super::no_traces() {
                log = log.without_traces();
            }
            // Read before: what it told until it ended is told too.
            let goes_on = self.follow && log.summary.state.is_alive();
            let mut told = serde_json::Map::new();
            let mut added = 0;
            for target in &mut targets {
                let written = target.write(&log)?;
                added += written.added;
                if !self.json && (first || written.added > 0) {
                    let what = if written.added == 0 { "nothing new" } else { "brought up to date" };
                    print_line(&format!("{:12} {} ({what})", target.id(), written.place))?;
                }
                told.insert(target.id().into(), json!(written));
            }
            if self.json && (first || added > 0) {
                told.insert("run".into(), log.id.clone().into());
                print_json(&told)?;
            }
            first = false;
            if !goes_on {
                return Ok(());
            }
            for _ in 0..20 {
                ending.check()?;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

impl Tree {
    fn run(self, paths: &Paths) -> Result<()> {
        let folders = if self.folders.is_empty() { vec![paths.runs()] } else { self.folders };
        if let Some(missing) = folders.iter().find(|f| !f.is_dir() && f.as_path() != paths.runs()) {
            return Err(Problem::data("There is no such folder").of(missing.display().to_string()));
        }
        let branches = fork::tree(&folders);
        if self.json {
            return branches.iter().try_for_each(print_json);
        }
        if branches.is_empty() {
            return print_line("There are no runs");
        }
        for branch in branches {
            let kimg = |images: u64| format!("{:.1} kimg", images as f64 / 1000.0);
            let score = branch.score.map_or_else(String::new, |s| format!(", best score {s:.3}"));
            let from = branch.origin.map_or_else(String::new, |origin| {
                let changes: Vec<String> =
                    origin.changes.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                let changes = if changes.is_empty() { "nothing changed".into() } else { changes.join(", ") };
                format!(", forked at {}: {changes}", kimg(origin.images))
            });
            let indent = "  ".repeat(branch.depth);
            print_line(&format!("{indent}{} ({}{score}{from})", branch.name, kimg(branch.images)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_run_is_written_after_an_at() {
        assert_eq!(place("runs/a").unwrap(), ("runs/a".into(), None));
        assert_eq!(place("runs/a@12.5").unwrap(), ("runs/a".into(), Some(12_500)));
        assert_eq!(place("a@home/run@3").unwrap(), ("a@home/run".into(), Some(3000)));
        assert!(place("a@b").is_err() && place("a@-1").is_err() && place("a@inf").is_err());
    }
}
