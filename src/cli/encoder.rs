//! `encoder`: networks that tell the latents of a GAN's pictures.

use clap::Subcommand;

use super::{device, numbers, print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::latent::encoder::train::{EncoderConfig, train};
use crate::latent::encoder::{EncoderInfo, store};
use crate::latent::model::LoadedModel;

/// Tasks of `encoder`.
#[derive(Subcommand)]
pub enum EncoderTask {
    /// Train an encoder on a GAN's samples; resumes where an earlier training was interrupted
    Train {
        /// A GAN: run folder, checkpoint file, or name of a shipped or imported model
        #[arg(long, value_name = "M")]
        model: String,
        /// Thousands of pictures
        #[arg(long, default_value_t = EncoderConfig::default().kimg, value_parser = numbers::positive)]
        kimg: f64,
        /// Also write it here, to come with a model
        #[arg(long, value_name = "FILE")]
        out: Option<std::path::PathBuf>,
        /// auto, cpu, vulkan, … (`latent-studio devices`)
        #[arg(long, default_value = "auto")]
        device: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is known about a model's encoder
    Info {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl EncoderTask {
    /// Runs the task.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Train { model, kimg, out, device: asked, json } => {
                let model = LoadedModel::open(&model, paths, &device(&asked, paths))?;
                let encoder = train(&model, EncoderConfig { kimg }, paths, &watched(json))?;
                if let Some(out) = out {
                    encoder.weights()?.write(&out)?;
                }
                tell(encoder.info(), json)
            }
            Self::Info { model, json } => {
                let (_, info) = crate::latent::catalog::resolve(&model, paths)?.read()?;
                let known = store::known(&info.hash, paths).ok_or_else(|| {
                    Problem::data("This model has no encoder")
                        .of(model)
                        .try_this("Train one with `latent-studio encoder train`")
                })?;
                tell(&known, json)
            }
        }
    }
}

fn tell(info: &EncoderInfo, json: bool) -> Result<()> {
    if json {
        return print_json(info);
    }
    print_line(&format!(
        "tells {} of {} after {:.0} kimg: {:.1} dB on the model's own pictures (99 of 100 above {:.1} dB)",
        info.freedom.id(),
        info.model,
        info.kimg,
        info.psnr,
        info.low
    ))
}
