//! `atlas`: all pictures on one sheet.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{device, may_write, print_line, watched};
use crate::base::paths::{Paths, write_atomically};
use crate::base::{Picture, Problem, Result};
use crate::data::thumbnail;
use crate::engine::dataset_locator;
use crate::export::write_png;
use crate::latent::atlas::Layout;
use crate::latent::atlas::gather::{AtlasConfig, By, Whose};
use crate::latent::model::LoadedModel;
use crate::recipe::picture::Latent;

/// Arguments of `atlas`.
#[derive(Args)]
pub struct Atlas {
    /// Run folder, checkpoint file, or name of a shipped or imported model
    #[arg(long, value_name = "M")]
    model: String,
    /// Pictures; by default those of the model's recipe, `none` for none
    #[arg(long, value_name = "SRC", default_value = "")]
    data: String,
    /// Pictures of the data at most, evenly spread
    #[arg(long, default_value_t = AtlasConfig::default().limit)]
    limit: u32,
    /// Pictures of the model
    #[arg(long, default_value_t = AtlasConfig::default().samples)]
    samples: u32,
    /// umap, tsne or pca
    #[arg(long, default_value = "umap")]
    layout: String,
    /// By pixels rather than by codes
    #[arg(long)]
    pixels: bool,
    /// Seed of the layout
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A sheet of small pictures (.png), or points, labels and holes (.json)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Pixels per side of the sheet
    #[arg(long, default_value_t = 2400)]
    size: u32,
    /// Pixels of a small picture
    #[arg(long, default_value_t = 24)]
    thumb: u32,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Atlas {
    /// Makes the sheet.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let extension = self.out.extension().and_then(|e| e.to_str()).unwrap_or("").to_lowercase();
        if !["png", "json"].contains(&extension.as_str()) {
            return Err(Problem::usage("An atlas is a .png or a .json").of(self.out.display().to_string()));
        }
        may_write(&self.out)?;
        let model = LoadedModel::open(&self.model, paths, &device(&self.device, paths))?;
        let source = &model.info().recipe.data.source;
        let data = match self.data.as_str() {
            "none" => None,
            data => Some(dataset_locator::resolve(&self.model, source, data, paths)?),
        };
        let wish = AtlasConfig {
            data,
            limit: self.limit,
            samples: self.samples,
            layout: Layout::from_id(&self.layout)?,
            by: if self.pixels { By::Pixels } else { By::Codes },
            seed: self.seed,
            ..AtlasConfig::default()
        };
        let (atlas, set) = model.atlas(&wish, &[], paths, &watched(false))?;
        if extension == "json" {
            let holes: Vec<_> =
                atlas.holes.iter().map(|h| json!({ "members": h.members, "outline": h.outline })).collect();
            let text = serde_json::to_vec(&json!({
                "model": model.info().name,
                "labels": atlas.labels,
                "points": atlas.points,
                "holes": holes,
            }));
            let text = text.map_err(|e| Problem::failed("The atlas could not be written").because(e))?;
            write_atomically(&self.out, &text)?;
            return print_line(&self.out.display().to_string());
        }
        let (size, thumb) = (self.size.clamp(200, 8000), self.thumb.clamp(4, 256));
        let mut sheet = Picture::filled(size, size, [19, 20, 23, 255]);
        for point in &atlas.points {
            let picture = match &point.whose {
                Whose::Real { index, .. } => {
                    let Some(set) = &set else { continue };
                    set.shape().picture(set.picture(*index as usize))
                }
                Whose::Generated { seed } => model.generate(&[Latent::Seed { seed: *seed }], 1.0)?.remove(0),
                Whose::Kept { .. } => continue,
            };
            let at = |v: f32| {
                let free = size.saturating_sub(thumb) as f32;
                ((v * 0.48 + 0.5) * free).clamp(0.0, free) as u32
            };
            sheet.paste(&thumbnail(&picture, thumb), at(point.place[0]), at(point.place[1]));
        }
        write_png(&self.out, &sheet, None)?;
        print_line(&self.out.display().to_string())
    }
}
