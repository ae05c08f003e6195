//! `invert`: latents of pictures.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{device, print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Problem, Progress, Result};
use crate::data::decode_file;
use crate::engine::jobs::picture_recipe;
use crate::export::write_png;
use crate::latent::encoder::store;
use crate::latent::invert::{TOGETHER, Wish};
use crate::latent::model::LoadedModel;
use crate::latent::net::Freedom;

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
    /// Steps downhill; 0 for the encoder's guess alone
    #[arg(long, default_value_t = Wish::default().steps)]
    steps: u32,
    /// What may move: z, w or w+ (models with styles)
    #[arg(long)]
    space: Option<String>,
    /// First guesses
    #[arg(long, default_value_t = Wish::default().starts)]
    starts: u32,
    /// Bring the model itself closer to each picture by so many steps, and keep the result as a model of its own
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
        let freedom = self.space.as_deref().map(Freedom::from_id).transpose()?;
        let wish = Wish { freedom, steps: self.steps, starts: self.starts, ..Wish::default() };
        let encoder = store::find(&model, paths)?;
        let judges = model.judges(&wish, paths)?;
        std::fs::create_dir_all(&self.out).map_err(|e| Problem::io("This folder could not be made", &self.out, &e))?;
        let progress = watched(self.json);
        for group in files(&self.input)?.chunks(TOGETHER) {
            let pictures = group.iter().map(|p| decode_file(p)).collect::<Result<Vec<_>>>()?;
            let found = model.invert(&pictures, &wish, encoder.as_ref(), &judges, &mut |_| {}, &progress)?;
            for ((file, picture), found) in group.iter().zip(&pictures).zip(found) {
                let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                let target = crate::export::free_path(&self.out, &stem, "png");
                let recipe = picture_recipe(model.info(), &found.latent, 1.0, "inversion", self.device.clone());
                write_png(&target, &found.picture, Some(&recipe))?;
                let latent = target.with_extension("json");
                let text = serde_json::to_vec(&found.latent)
                    .map_err(|e| Problem::failed("The latent could not be written").because(e))?;
                crate::base::paths::write_atomically(&latent, &text)?;
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
        Ok(())
    }
}

/// Files, and the pictures in folders.
fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let picture = |p: &Path| {
        let known = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "qoi"];
        p.extension().and_then(|e| e.to_str()).is_some_and(|e| known.contains(&e.to_lowercase().as_str()))
    };
    let mut out = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            out.push(input.clone());
            continue;
        }
        let entries = std::fs::read_dir(input).map_err(|e| Problem::io("This folder could not be read", input, &e))?;
        let mut here: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| picture(p)).collect();
        here.sort();
        out.extend(here);
    }
    if out.is_empty() {
        return Err(Problem::data("There are no pictures here"));
    }
    Ok(out)
}
