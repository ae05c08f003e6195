//! `invert`: latents of pictures.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{device, print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Problem, Progress, Result};
use crate::engine::jobs::picture_recipe;
use crate::export::names::{sanitised, write_together};
use crate::export::png_bytes;
use crate::latent::encoder::store;
use crate::latent::invert::{InvertConfig, TOGETHER, all_of, picture_files, readable};
use crate::latent::latent_forward::LatentSpace;
use crate::latent::model::LoadedModel;
use crate::library::records::latents::note_inversions;
use crate::recipe::FeatureSpace;
use crate::recipe::picture::Latent;

/// Arguments of `invert`.
#[derive(Args)]
pub struct Invert {
    /// Run folder, checkpoint file, or name of a shipped or imported model
    #[arg(long, value_name = "M")]
    model: String,
    /// Picture files, or folders of them
    #[arg(long, num_args = 1.., required = true, value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Folder for a picture and a latent each
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Optimisation steps; 0 for the encoder's guess alone
    #[arg(long, default_value_t = InvertConfig::default().steps)]
    steps: u32,
    /// What to optimise: z, w or w+ (models with styles)
    #[arg(long)]
    space: Option<String>,
    /// What judges likeness beside pixels: studio (drawings and photographs) or photo (photographs)
    #[arg(long, default_value = "studio", value_name = "SPACE", value_parser = super::feature_space)]
    features: FeatureSpace,
    /// Starting points
    #[arg(long, default_value_t = InvertConfig::default().starts)]
    starts: u32,
    /// Fine-tune the model towards each picture for this many steps, and keep the result as a model of its own
    #[arg(long, default_value_t = 0)]
    tune: u32,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// A line of JSON for each file
    #[arg(long)]
    json: bool,
}

impl Invert {
    /// Finds the latents.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let model = LoadedModel::open(&self.model, paths, &device(&self.device, paths))?;
        let freedom = self.space.as_deref().map(LatentSpace::from_id).transpose()?;
        let (steps, starts, feature_space) = (self.steps, self.starts, self.features);
        let wish = InvertConfig { freedom, steps, starts, feature_space, ..InvertConfig::default() };
        let encoder = store::find(&model, paths)?;
        let judges = model.judges(&wish, paths)?;
        let files = picture_files(&self.input)?;
        std::fs::create_dir_all(&self.out).map_err(|e| Problem::io("This folder could not be made", &self.out, &e))?;
        let progress = watched(self.json);
        let mut unread = 0;
        for group in files.chunks(TOGETHER) {
            let (read, broken) = readable(group);
            broken.iter().for_each(super::say);
            unread += broken.len();
            if read.is_empty() {
                continue;
            }
            let (places, pictures): (Vec<usize>, Vec<_>) = read.into_iter().unzip();
            let found = model.invert(&pictures, &wish, encoder.as_ref(), &judges, &mut |_| {}, &progress)?;
            let noted: Vec<(PathBuf, Latent)> =
                places.iter().zip(&found).map(|(&i, found)| (group[i].clone(), found.latent.clone())).collect();
            note_inversions(&paths.library(), (&model.info().hash, &model.info().name), &noted);
            for ((place, picture), found) in places.into_iter().zip(&pictures).zip(found) {
                let file = &group[place];
                let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                let recipe = picture_recipe(model.info(), &found.latent, 1.0, "inversion", self.device.clone());
                let picture_bytes = png_bytes(&found.picture, Some(&recipe))?;
                let text = serde_json::to_vec(&found.latent)
                    .map_err(|e| Problem::failed("The latent could not be written").because(e))?;
                let written =
                    write_together(&self.out, &sanitised(&stem), &[("png", &picture_bytes), ("json", &text)])?;
                let [target, latent] = &written[..] else { continue };
                let tuned = if self.tune > 0 {
                    Some(model.tune(picture, &found.latent, self.tune, paths, &progress)?)
                } else {
                    None
                };
                if self.json {
                    print_json(&json!({
                        "file": file,
                        "psnr": found.psnr,
                        "encoder_psnr": found.guess.as_ref().map(|g| g.1),
                        "outside": found.outside,
                        "latent": latent,
                        "picture": target,
                        "tuned": tuned.as_ref().map(|t| json!({ "model": t.info.model, "psnr": t.psnr })),
                    }))?;
                } else {
                    let guess = found.guess.map_or(String::new(), |g| format!(", {:.1} dB by the encoder alone", g.1));
                    let outside = if found.outside == Some(true) { ", outside of what the model knows" } else { "" };
                    let tuned = tuned.map_or(String::new(), |t| format!(", {:.1} dB in {}", t.psnr, t.info.name));
                    print_line(&format!(
                        "{}: {:.1} dB{guess}{outside}{tuned} → {}",
                        file.display(),
                        found.psnr,
                        target.display()
                    ))?;
                }
            }
            progress.cancel().check()?;
        }
        all_of(unread, files.len())
    }
}
