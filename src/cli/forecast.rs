//! `latent-studio runs forecast`: whether it is worth going on.

use std::path::PathBuf;

use clap::Args;

use super::{print_json, print_line};
use crate::base::{Problem, Result};
use crate::train::folder::RunFolder;
use crate::train::forecast::{self, Forecast as Told};

/// Arguments of `runs forecast`.
#[derive(Args)]
pub struct Forecast {
    /// A run's folder
    run: PathBuf,
    /// Thousands of pictures seen at the moment that is asked about; without, where the run ends, or half as long again if it
    /// has ended
    #[arg(long, value_name = "KIMG")]
    kimg: Option<f64>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Forecast {
    /// Prints it.
    pub fn run(self) -> Result<()> {
        let run = RunFolder::open(&self.run)?;
        let progress = run.summary()?.progress;
        let at = match self.kimg {
            Some(kimg) if !(kimg > 0.0 && kimg.is_finite()) => {
                return Err(Problem::usage("This is no number of kimg")
                    .of(kimg.to_string())
                    .try_this("Write --kimg 120"));
            }
            Some(kimg) => (kimg * 1000.0).round() as u64,
            None => forecast::moment(progress.images, progress.target),
        };
        let history = run.history();
        let told = forecast::of_run(&history, at).ok_or_else(|| {
            let few = forecast::scores(&history).is_none();
            let problem = Problem::usage("There is no forecast for this run").of(self.run.display().to_string());
            if few {
                let why = format!("it rests on {} scores at least; longer runs have more", forecast::FEWEST);
                problem.because(why)
            } else {
                problem.because(format!("it has scores up to {} kimg already", progress.images as f64 / 1000.0))
            }
        })?;
        if self.json { print_json(&told) } else { print_line(&said(&told)) }
    }
}

/// A forecast as a person reads it.
pub(super) fn said(f: &Told) -> String {
    let kimg = |images: u64| format!("{:.1} kimg", images as f64 / 1000.0);
    format!(
        "{} {:.4} now; at {} {:.4} is expected, {:.4} to {:.4} in 80 % of runs (from {} scores)",
        f.score,
        f.now,
        kimg(f.at),
        f.expected,
        f.low,
        f.high,
        f.scores
    )
}
