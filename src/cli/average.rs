//! `latent-studio runs average`: an average of a length that is chosen afterwards.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{may_write, print_json, print_line};
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result};
use crate::models::info::ModelInfo;
use crate::models::io::{METADATA, SNAPSHOT, Weights};
use crate::train::averages;
use crate::train::folder::RunFolder;

/// Arguments of `runs average`.
#[derive(Args)]
pub struct Average {
    /// A run's folder, trained with --set run.averages=N; RUN@KIMG takes the last snapshot up to there
    #[arg(value_name = "RUN[@KIMG]")]
    run: String,
    /// Width of the average, as a share of the run so far: 0.015 to 0.2
    #[arg(long, value_name = "SHARE")]
    length: f64,
    /// File of the model
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Average {
    /// Writes it.
    pub fn run(self) -> Result<()> {
        may_write(&self.out)?;
        let (dir, images) = super::runs::place(&self.run)?;
        let run = RunFolder::open(&dir)?;
        let (weights, at) = averages::rebuild(&run, self.length, images)?;
        let checkpoint = run.checkpoints().pop().ok_or_else(|| {
            Problem::usage("This run has no checkpoint that says what its network is").of(dir.display().to_string())
        })?;
        let described = Weights::read(&checkpoint.path.join(SNAPSHOT))?;
        let info = ModelInfo::of_weights(&described)?;
        let info = ModelInfo {
            name: self.out.file_stem().map_or_else(|| info.name.clone(), |name| name.to_string_lossy().into_owned()),
            hash: weights.hash(),
            kimg: at as f64 / 1000.0,
            prior: None,
            kl: Vec::new(),
            ..info
        };
        let text = serde_json::to_string(&info)
            .map_err(|e| Problem::failed("The model could not be described as JSON").because(e))?;
        let mut model = Weights { metadata: Default::default(), ..weights };
        model.metadata.insert(METADATA.into(), text);
        write_atomically(&self.out, &model.to_bytes())?;
        if self.json {
            let kimg = at as f64 / 1000.0;
            return print_json(&json!({ "out": self.out, "length": self.length, "kimg": kimg, "hash": info.hash }));
        }
        print_line(&format!("The average of length {} at {} kimg is in {}", self.length, info.kimg, self.out.display()))
    }
}
