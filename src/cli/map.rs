//! `map`: a part of a plane through latent space as one picture.

use std::path::PathBuf;

use clap::Args;

use super::latents::{Maker, latent, latents};
use super::{device, may_write_png, numbers, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Progress, Resolution, Result};
use crate::export::write_png;
use crate::latent::directions::store;
use crate::latent::interpolate::Mode;
use crate::latent::map::{CELLS, Plane, covering, places};
use crate::latent::model::LoadedModel;

/// Tiles of one picture, at most.
const MOST: usize = 4096;

/// Arguments of `map`.
#[derive(Args)]
pub struct Map {
    /// Run folder, checkpoint file, or name of a shipped or imported model
    #[arg(long, value_name = "M")]
    model: String,
    /// Three latents (seeds, or pictures that the studio made), `seeds` for all of them, `code` for a latent of two
    /// numbers, or two directions by name with --centre
    #[arg(long, value_delimiter = ',', required = true, value_name = "A,B,C")]
    plane: Vec<String>,
    /// Where two directions cross
    #[arg(long, value_name = "LATENT")]
    centre: Option<String>,
    /// Left, top, right, bottom
    #[arg(long, value_delimiter = ',', default_values_t = [-1.0, -1.0, 2.0, 2.0], allow_hyphen_values = true, value_parser = numbers::finite)]
    rect: Vec<f64>,
    /// Each step shows half as much, twice as large
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    zoom: i32,
    /// Scales latents: below 1 more typical, above 1 more unusual
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true, value_parser = numbers::truncation)]
    truncation: f32,
    /// Class of the pictures, by name or by number from 0 (models that learned classes)
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// slerp or lerp, between three latents
    #[arg(long, default_value = "slerp")]
    mode: String,
    /// PNG to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Map {
    fn plane(&self, paths: &Paths) -> Result<Plane> {
        let words: Vec<&str> = self.plane.iter().map(String::as_str).collect();
        match words[..] {
            ["seeds"] => Ok(Plane::Seeds),
            ["code"] => Ok(Plane::Code),
            [right, down] => {
                let sheet = store::of_model(&self.model, paths)?;
                let named = |name: &str| sheet.get(name).map(|d| Box::new(d.clone()));
                let centre = latent(self.centre.as_deref().unwrap_or("1"))?;
                Ok(Plane::Directions { centre, right: named(right)?, down: named(down)? })
            }
            [_, _, _] => {
                let mode = Mode::from_id(&self.mode)
                    .ok_or_else(|| Problem::usage("There is no such interpolation").of(self.mode.clone()))?;
                let mut all = latents(&self.plane)?.into_iter();
                match (all.next(), all.next(), all.next()) {
                    (Some(a), Some(b), Some(c)) => Ok(Plane::Through { a, b, c, mode }),
                    _ => Err(Problem::usage("A plane goes through three latents")),
                }
            }
            _ => {
                Err(Problem::usage("A plane goes through three latents, or along two directions")
                    .of(self.plane.join(",")))
            }
        }
    }

    /// Makes the picture.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let rect = <[f64; 4]>::try_from(self.rect.clone())
            .map_err(|_| Problem::usage("A rectangle is left,top,right,bottom"))?;
        may_write_png(&self.out)?;
        let (tiles, across) = covering(rect, self.zoom, MOST)?;
        let model = LoadedModel::open(&self.model, paths, &device(&self.device, paths))?;
        let plane = model.flat(&self.plane(paths)?)?;
        let maker = Maker::of(&model, self.class.as_deref())?;
        let progress = watched(false);
        let Resolution { width, height } = model.shape().resolution.times(CELLS);
        let mut sheet = Picture::filled(width * across as u32, height * (tiles.len() / across) as u32, [0; 4]);
        for (i, (x, y)) in tiles.iter().enumerate() {
            progress.report("Making tiles", i as u64, tiles.len() as u64);
            progress.cancel().check()?;
            let cells = maker.all(&model.latents_at(&plane, &places(self.zoom, *x, *y)?)?)?;
            let tile = model.tile_of(&cells, self.truncation)?;
            sheet.paste(&tile, (i % across) as u32 * width, (i / across) as u32 * height);
        }
        write_png(&self.out, &sheet, None)?;
        print_line(&self.out.display().to_string())
    }
}
