//! `latent-studio features`: the encoder that scores look through.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{device, numbers, print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::eval::features::train::{self, TrainConfig};
use crate::eval::features::{Extractor, FeatureCard};
use crate::recipe::FeatureSpace;

/// Tasks of `features`.
#[derive(Subcommand)]
pub enum Features {
    /// Show what a feature network was trained on and how well it does
    Show {
        /// Which: studio or photo
        #[arg(long, default_value = "studio", value_name = "SPACE", value_parser = super::feature_space)]
        features: FeatureSpace,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Train an encoder, or go on with one: labels and factors are learned, and what blur, noise and the like do
    Train(Train),
}

/// Arguments of `features train`.
#[derive(Args)]
pub struct Train {
    /// A source of pictures, with a note on its licence after a `|` for the card (repeatable)
    #[arg(long, value_name = "SRC[|NOTE]", required = true)]
    data: Vec<String>,
    /// Factors that are not learned, such as places
    #[arg(long, value_delimiter = ',')]
    skip: Vec<String>,
    /// Steps in all
    #[arg(long, default_value_t = 16_000)]
    steps: u64,
    /// Pictures per step
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Highest learning rate
    #[arg(long, default_value_t = 1.5e-3, value_parser = numbers::positive)]
    lr: f64,
    /// Seed of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Its name
    #[arg(long, default_value = "studio-features")]
    name: String,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// File to write; the state beside it is gone on with
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Features {
    /// Runs the task.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Show { features, json } => {
                let (id, card) = Extractor::shipped_card(features)?;
                if json { print_json(&serde_json::json!({ "id": id, "card": card })) } else { show(&id, &card) }
            }
            Self::Train(task) => task.run(paths),
        }
    }
}

fn show(id: &str, card: &FeatureCard) -> Result<()> {
    print_line(&format!("{id}: {}", card.summary))?;
    print_line(&format!("{} parameters, {} pictures seen, {} h", card.parameters, card.images, card.hours))?;
    for data in &card.data {
        print_line(&format!("  {data}"))?;
    }
    for (name, value) in &card.scores {
        print_line(&format!("{name:<36} {value}"))?;
    }
    Ok(())
}

impl Train {
    fn run(self, paths: &Paths) -> Result<()> {
        if self.batch < 2 || self.steps == 0 {
            return Err(Problem::usage("A lesson has at least one step of two pictures"));
        }
        let (sources, notes) = self
            .data
            .iter()
            .map(|d| {
                d.split_once('|').map_or((d.clone(), d.clone()), |(s, note)| (s.trim().into(), note.trim().into()))
            })
            .unzip();
        let lesson = TrainConfig {
            sources,
            notes,
            skip: self.skip,
            steps: self.steps,
            batch: self.batch,
            lr: self.lr,
            seed: self.seed,
            name: self.name,
            out: self.out.clone(),
        };
        let mut told = |step: u64, values: &[(String, f64)]| {
            let values: Vec<String> = values.iter().map(|(name, v)| format!("{name} {v:.4}")).collect();
            // A reader that has gone away does not end the lesson.
            let _ = print_line(&format!("{step} {}", values.join(" ")));
        };
        let device = device(&self.device, paths);
        let card = train::train(&lesson, &paths.prepared(), &device, &watched(false), &mut told)?;
        show(&self.out.display().to_string(), &card)
    }
}
