//! `film`: films from timelines.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::sizing::Sizing;
use super::{device, may_write, print_line, watched};
use crate::base::paths::Paths;
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::engine::latent::films::write;
use crate::export::{ExportOptions, film_format};
use crate::latent::film::Timeline;
use crate::latent::model::LoadedModel;
use crate::library::records::latents::film_from;
use crate::library::records::note_files;

/// Arguments of `film`.
#[derive(Args)]
pub struct Film {
    /// JSON file with the timeline (--example prints one)
    #[arg(required_unless_present = "example")]
    timeline: Option<PathBuf>,
    /// Print an example timeline
    #[arg(long)]
    example: bool,
    /// The model, if the timeline does not name it
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// File to write: .mp4, .gif, .png or .apng (animated), or a folder for numbered pictures
    #[arg(long, value_name = "FILE", required_unless_present = "example")]
    out: Option<PathBuf>,
    /// Frames per second
    #[arg(long, default_value_t = 30)]
    fps: u32,
    #[command(flatten)]
    sizing: Sizing,
    /// Leave the recipe and the mark for generated pictures out of the file
    #[arg(long)]
    no_recipe: bool,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Film {
    /// Makes the film.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if self.example {
            let example = Timeline { model: self.model.unwrap_or_else(|| "nouns-gan".into()), ..Timeline::example() };
            let text = serde_json::to_string_pretty(&example)
                .map_err(|e| Problem::failed("The example could not be written").because(e))?;
            return print_line(&text);
        }
        let (Some(file), Some(out)) = (self.timeline, self.out) else {
            return Err(Problem::usage("Give a timeline, and --out"));
        };
        let format = film_format(&out)?;
        may_write(&out)?;
        let options = ExportOptions {
            format: format.id.into(),
            out,
            fps: self.fps,
            recipe: !self.no_recipe,
            ..self.sizing.options()?
        };
        let text =
            vault::read_to_string(&file).map_err(|e| Problem::io("This timeline could not be read", &file, &e))?;
        let timeline = Timeline::from_json(&text).map_err(|p| p.of(file.display().to_string()))?;
        let name = self.model.unwrap_or_else(|| timeline.model.clone());
        if name.is_empty() {
            return Err(Problem::usage("The timeline names no model").try_this("Give one with --model"));
        }
        let device = device(&self.device, paths);
        let model = LoadedModel::open(&name, paths, &device)?;
        let files = write(&model, model.info(), device, &timeline, &options, &watched(false))?;
        let points: Vec<_> = timeline.keys.iter().map(|key| key.latent.clone()).collect();
        let from = film_from(&paths.library(), (&model.info().hash, &model.info().name), &points);
        let about = json!({ "model": model.info().name, "seconds": timeline.seconds });
        note_files(&paths.library(), "film", &files, &from, &about);
        for file in files {
            print_line(&file.display().to_string())?;
        }
        Ok(())
    }
}
