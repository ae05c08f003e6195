//! `prior`: priors fitted to the codes of a VAE.

use std::path::PathBuf;

use clap::Subcommand;

use super::{device, print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Result};
use crate::engine::dataset_locator;
use crate::export;
use crate::latent::catalog;
use crate::latent::fit_prior::{self, PriorConfig};
use crate::latent::model::LoadedModel;
use crate::latent::prior::Kind;
use crate::recipe::picture::Latent;

/// Tasks of `prior`.
#[derive(Subcommand)]
pub enum PriorTask {
    /// Fit a prior to the codes of pictures and keep it with the model: better samples
    Fit {
        /// A VAE: run folder, checkpoint file, or name of a shipped or imported model
        #[arg(long, value_name = "M")]
        model: String,
        /// The pictures it was trained on; by default those of its recipe
        #[arg(long, value_name = "SRC", default_value = "")]
        data: String,
        /// gmm (a mixture of Gaussians) or two-stage (a second VAE)
        #[arg(long, default_value = "gmm")]
        kind: String,
        /// Most codes it is fitted to
        #[arg(long, default_value_t = fit_prior::CODES)]
        count: usize,
        /// Seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// auto, cpu, vulkan, … (`latent-studio devices`)
        #[arg(long, default_value = "auto")]
        device: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// The same seeds from the standard normal (left) and through the fitted prior (right)
    Compare {
        /// A VAE with a fitted prior
        #[arg(long, value_name = "M")]
        model: String,
        /// Pictures on each side
        #[arg(long, default_value_t = 64)]
        count: u64,
        /// First seed; the next ones follow
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// PNG to write
        #[arg(long, value_name = "FILE")]
        grid: PathBuf,
        /// Whole factor to enlarge pictures by
        #[arg(long, default_value_t = 1)]
        scale: u32,
        /// auto, cpu, vulkan, … (`latent-studio devices`)
        #[arg(long, default_value = "auto")]
        device: String,
    },
    /// Remove the fitted prior from a model
    Remove {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
    },
}

impl PriorTask {
    /// Runs the task.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Fit { model, data, kind, count, seed, device: asked, json } => {
                let data = dataset_locator::of_model(&model, &data, paths)?;
                let wish = PriorConfig { model, data, kind: Kind::from_id(&kind)?, count, seed };
                let info = fit_prior::fit_model(&wish, paths, &device(&asked, paths), &watched(json))?;
                if json {
                    return print_json(&info.prior);
                }
                let Some(p) = info.prior else { return Ok(()) };
                let of = match p.components {
                    0 => String::new(),
                    1 => format!(", 1 component, {} covariance", p.covariance),
                    n => format!(", {n} components, {} covariance", p.covariance),
                };
                let nats = |v: Option<f64>| v.map_or_else(|| "unknown".into(), |v| format!("{v:.2} nats"));
                print_line(&format!(
                    "{} prior for {}{of}: {} a code, {} under the standard normal",
                    p.kind,
                    info.name,
                    nats(p.log_likelihood),
                    nats(p.standard)
                ))
            }
            Self::Compare { model, count, seed, grid, scale, device: asked } => {
                super::may_write_png(&grid)?;
                let (bare, _) = catalog::with_prior(&model);
                let mut model = LoadedModel::open(bare, paths, &device(&asked, paths))?;
                let sheet = sheet(&mut model, seed, count)?;
                export::write_png(
                    &grid,
                    &export::scale(&sheet, scale.clamp(1, export::LARGEST_SCALE), export::Filter::Nearest),
                    None,
                )?;
                print_line(&grid.display().to_string())
            }
            Self::Remove { model } => {
                let info = catalog::keep_prior(&model, None, paths)?;
                print_line(&format!("{} draws from the standard normal", info.name))
            }
        }
    }
}

/// Pictures in each block of a comparison, at most.
const MOST_COMPARED: u64 = 4096;

/// Two blocks of the same seeds side by side.
fn sheet(model: &mut LoadedModel, seed: u64, count: u64) -> Result<Picture> {
    if model.info().prior.is_none() {
        return Err(Problem::usage("This model has no fitted prior")
            .of(model.info().name.clone())
            .try_this("Fit one with `latent-studio prior fit`"));
    }
    if count == 0 || count > MOST_COMPARED {
        return Err(Problem::usage("A comparison has 1 to 4,096 pictures").of(format!("--count {count}")));
    }
    let latents: Vec<Latent> = (0..count).map(|i| Latent::Seed { seed: seed.wrapping_add(i) }).collect();
    let mut blocks = Vec::new();
    for on in [false, true] {
        model.use_prior(on);
        let cells = model.generate(&latents, 1.0)?;
        blocks.push(export::sheet::lay(&cells, &export::sheet::Style { gap: 1, ..Default::default() })?);
    }
    export::sheet::lay(&blocks, &export::sheet::Style { columns: 2, gap: 8, ..Default::default() })
}
