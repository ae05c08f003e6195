//! `sample`, `interpolate`, `walk`, `reconstruct`: pictures out of models.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::latents::Maker;
use super::retrieve::{Retrieve, Retrieved};
use super::sizing::Sizing;
use super::{device, latents, may_write, may_write_png, numbers, print_line, say, tell, watched};
use crate::base::paths::{Paths, write_atomically};
use crate::base::{Picture, Problem, Progress, Result};
use crate::data;
use crate::eval::joint::JointSpace;
use crate::export::sheet::TRIANGLE;
use crate::export::{self, ExportOptions, Shot};
use crate::latent::even_spacing::Measure;
use crate::latent::interpolate::Mode;
use crate::latent::interpolation_grid::{GridConfig, Layout};
use crate::latent::latent_forward::LatentSpace;
use crate::latent::model::LoadedModel;
use crate::latent::retrieval::{LatentMixture, Mixed, Nearest};
use crate::latent::walk;
use crate::library::records::latents::film_from;
use crate::library::records::note_files;
use crate::recipe::picture::{Latent, PictureRecipe};

/// Pictures made at once.
const AT_ONCE: usize = 16;

/// What every command that makes pictures takes.
#[derive(Args)]
struct Common {
    /// Run folder (`path`, `path@best`, `path@KIMG`), checkpoint file, or name of a shipped model
    #[arg(long, value_name = "M")]
    model: String,
    /// Below 1 more typical, above 1 more unusual: draws styles to their mean, or scales latents where a model has none
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true, value_parser = numbers::truncation)]
    truncation: f32,
    /// Class of the pictures, by name or by number from 0 (models that learned classes); by chance for each seed if not
    /// given
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    #[command(flatten)]
    sizing: Sizing,
    /// Draw latents from the standard normal although the model has a fitted prior
    #[arg(long)]
    no_prior: bool,
    /// Leave the recipe and the mark for generated pictures out of the files
    #[arg(long)]
    no_recipe: bool,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Common {
    fn open(&self, paths: &Paths) -> Result<(LoadedModel, String)> {
        let device = device(&self.device, paths);
        let mut model = LoadedModel::open(&self.model, paths, &device)?;
        if self.no_prior {
            model.use_prior(false);
        }
        Ok((model, device))
    }

    fn export(
        &self,
        model: &LoadedModel,
        device: &str,
        latents: impl ExactSizeIterator<Item = Result<Latent>>,
        made_by: &str,
        options: &ExportOptions,
        progress: &dyn Progress,
    ) -> Result<()> {
        let total = latents.len() as u64;
        let recipe = |latent: &Latent| PictureRecipe {
            studio: env!("CARGO_PKG_VERSION").into(),
            model: model.info().name.clone(),
            model_hash: model.info().hash.clone(),
            latent: latent.clone(),
            truncation: self.truncation,
            made_by: made_by.into(),
            scale: 1,
            filter: options.filter.clone(),
            grid: None,
            device: device.into(),
            prior: model.info().active_prior().map(|p| p.hash.clone()),
            canvas: None,
            watermark: None,
        };
        // A handful at a time: neither latents nor pictures of many need all be in memory.
        let mut latents = latents;
        let mut shots = std::iter::from_fn(|| {
            let group: Result<Vec<Latent>> = latents.by_ref().take(AT_ONCE).collect();
            let made = group.and_then(|group| Ok((model.generate(&group, self.truncation)?, group)));
            let shot = |(picture, latent)| {
                Ok(Shot { picture, recipe: Some(recipe(&latent)), model: model.info().name.clone() })
            };
            match made {
                Ok((_, group)) if group.is_empty() => None,
                Ok((pictures, group)) => Some(pictures.into_iter().zip(group).map(shot).collect::<Vec<_>>()),
                Err(problem) => Some(vec![Err(problem)]),
            }
        })
        .flatten();
        let files = export::export(options, &mut shots, total, progress)?;
        crate::latent::catalog::note_pictured(&self.model, &model.info().hash, &Paths::of_user());
        for file in files {
            print_line(&file.display().to_string())?;
        }
        Ok(())
    }

    fn options(&self, format: &str, out: PathBuf) -> Result<ExportOptions> {
        Ok(ExportOptions { format: format.into(), out, recipe: !self.no_recipe, ..self.sizing.options()? })
    }
}

/// Arguments of `sample`.
#[derive(Args)]
pub struct Sample {
    #[command(flatten)]
    common: Common,
    /// How many
    #[arg(long, default_value_t = 64)]
    count: u32,
    /// First seed; the next ones follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Of the pictures take those that a text fits best, the best first
    #[arg(long, value_name = "TEXT", requires = "keep")]
    rank: Option<String>,
    /// How many of them
    #[arg(long, value_name = "N", requires = "rank")]
    keep: Option<u32>,
    #[command(flatten)]
    retrieve: Retrieve,
    /// With --like or --near: a JSON file with the real pictures that each was drawn from, and how near it came
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    /// One PNG with all pictures, a line between them
    #[arg(long, value_name = "FILE", required_unless_present_any = ["out", "sprites"])]
    grid: Option<PathBuf>,
    /// One PNG with all pictures edge to edge
    #[arg(long, value_name = "FILE", conflicts_with_all = ["grid", "out"])]
    sprites: Option<PathBuf>,
    /// Pictures in a row of --grid or --sprites; as square as can be if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    columns: u32,
    /// Pixels around and between the pictures of --grid or --sprites, before enlarging
    #[arg(long, value_name = "PIXELS")]
    gap: Option<u32>,
    /// Also write a JSON file, as game engines read it, that says where each picture of a sheet lies
    #[arg(long, conflicts_with = "out")]
    frames_json: bool,
    /// A folder for a PNG each
    #[arg(long, value_name = "DIR", conflicts_with = "grid")]
    out: Option<PathBuf>,
}

impl Sample {
    /// Makes the pictures.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if self.count == 0 {
            return Err(Problem::usage("There is nothing to make").of("--count 0"));
        }
        let made = self.keep.unwrap_or(self.count);
        if made == 0 || made > self.count {
            return Err(Problem::usage("So many of the pictures cannot be kept")
                .of(format!("--keep {made} of --count {}", self.count))
                .try_this("Keep at least one, and no more than are made"));
        }
        let (count, gap) = (u64::from(made), self.gap);
        let sheet = |format: &str, file: PathBuf| -> Result<ExportOptions> {
            may_write_png(&file)?;
            let (columns, frames_json) = (self.columns, self.frames_json);
            Ok(ExportOptions { columns, gap, frames_json, ..self.common.options(format, file)? })
        };
        let options = match (self.grid, self.sprites, self.out) {
            (Some(file), ..) => sheet("grid", file)?,
            (_, Some(file), _) => sheet("sprites", file)?,
            (None, None, Some(folder)) => {
                std::fs::create_dir_all(&folder)
                    .map_err(|e| Problem::io("This folder could not be made", &folder, &e))?;
                self.common.options("png", folder)?
            }
            (None, None, None) => return Err(Problem::usage("Give --grid FILE, --sprites FILE or --out DIR")),
        };
        let (model, device) = self.common.open(paths)?;
        let maker = Maker::of(&model, self.common.class.as_deref())?;
        if options.format != "png" {
            let size = model.shape().resolution;
            let gap = gap.unwrap_or(u32::from(options.format == "grid"));
            let fits = export::sheet::most((size.width, size.height), gap, options.scale);
            if count > fits {
                return Err(Problem::usage("So many pictures do not fit on one sheet")
                    .of(format!("--count {count}"))
                    .because(format!("{fits} fit at {size} pixels and --scale {}", options.scale))
                    .try_this("Choose fewer, or a file for each with --out DIR"));
            }
        }
        let info = model.info();
        let retrieved = self.retrieve.run(&self.common.model, info, None, (&device, false), paths)?;
        if retrieved.is_none() && self.sources.is_some() {
            return Err(Problem::usage("There are no sources without real pictures to draw from")
                .of("--sources")
                .try_this("Add --like FILE or --near TEXT"));
        }
        let grounded = match &retrieved {
            Some(retrieved) => {
                self.sources.as_deref().map_or(Ok(()), may_write)?;
                let seeds: Vec<u64> = (0..self.count).map(|i| self.seed.wrapping_add(u64::from(i))).collect();
                let truncation = self.common.truncation;
                Some(grounded(&model, retrieved, (&seeds, truncation), self.sources.as_deref(), paths)?)
            }
            None => None,
        };
        let seeds = (0..self.count).map(|i| Latent::Seed { seed: self.seed.wrapping_add(u64::from(i)) });
        let made_by = if grounded.is_some() { "retrieval" } else { "sample" };
        let seeds = grounded.unwrap_or_else(|| seeds.collect()).into_iter();
        let Some(text) = &self.rank else {
            let latents = seeds.map(|seed| maker.latent(&seed));
            self.common.export(&model, &device, latents, made_by, &options, &watched(false))?;
            return retrieved.map_or(Ok(()), |r| r.end());
        };
        let pool: Vec<Latent> = seeds.map(|seed| maker.latent(&seed)).collect::<Result<_>>()?;
        let joint = JointSpace::open(paths, &crate::nn::device::open(&device)?)?;
        let best = ranked(&model, (pool, self.common.truncation), (text, made as usize), &joint)?;
        self.common.export(&model, &device, best.into_iter().map(Ok), "rank", &options, &watched(false))?;
        retrieved.map_or(Ok(()), |r| r.end())
    }
}

/// Latents of seeds around the real pictures that were found; what each was drawn from, and how near it came, goes into a
/// file if one is named.
fn grounded(
    model: &LoadedModel,
    retrieved: &Retrieved,
    (seeds, truncation): (&[u64], f32),
    sources: Option<&Path>,
    paths: &Paths,
) -> Result<Vec<Latent>> {
    let progress = watched(false);
    let (corpus, found) = (&retrieved.corpus, &retrieved.found);
    let mixture = LatentMixture::around(model, corpus, found, paths, &progress)?;
    let mixed: Vec<Mixed> =
        seeds.iter().map(|seed| mixture.draw(model, *seed, retrieved.grounding.strength)).collect::<Result<_>>()?;
    let latents: Vec<Latent> = mixed.iter().map(|m| m.latent.clone()).collect();
    let made = model.generate(&latents, truncation)?;
    let nearest = retrieved.nearest(&made)?;
    for (source, likeness) in found.list.iter().zip(mixture.likeness()) {
        tell(&format!("{}: {likeness:.1} dB as the model shows it", source.name));
    }
    if let Some(file) = sources {
        let told = |((seed, mixed), near): ((&u64, &Mixed), &Nearest)| json!({ "seed": seed, "from": found.list[mixed.neighbour].name, "nearest": near });
        let pictures: Vec<Value> = seeds.iter().zip(&mixed).zip(&nearest).map(told).collect();
        let text = json!({ "retrieved": retrieved.json(), "pictures": pictures }).to_string();
        write_atomically(file, text.as_bytes())?;
    }
    Ok(latents)
}

/// The latents whose pictures a text fits best, the best first.
fn ranked(
    model: &LoadedModel,
    (pool, truncation): (Vec<Latent>, f32),
    (text, keep): (&str, usize),
    joint: &JointSpace,
) -> Result<Vec<Latent>> {
    let mut make = |from: usize, to: usize| model.generate(&pool[from..to], truncation);
    let ranking = joint.rank_made(text, pool.len(), &mut make, &watched(false))?;
    tell(&ranking.reliability.sentence());
    if let Some(problem) = ranking.unanswered(text) {
        say(&problem);
    }
    Ok(ranking.order.iter().take(keep).map(|&i| pool[i].clone()).collect())
}

/// Arguments of `interpolate`.
#[derive(Args)]
pub struct Interpolate {
    #[command(flatten)]
    common: Common,
    /// Seeds of the corners: two, or four (top left, top right, bottom left, bottom right)
    #[arg(long, value_delimiter = ',', conflicts_with = "anchors", required_unless_present = "anchors")]
    corners: Vec<u64>,
    /// Any number of anchors: seeds, pictures that the studio made, files with a latent (as `invert` writes them)
    #[arg(long, value_delimiter = ',')]
    anchors: Vec<String>,
    /// line, triangle (three anchors), corners (four), or sheet (any number, row by row)
    #[arg(long, default_value = "corners")]
    layout: String,
    /// Anchors in a row of a sheet; as square as can be if not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    across: usize,
    /// Columns and rows of cells; a line has one row, a triangle as many cells along a side as there are rows
    #[arg(long, default_value = "9x9")]
    size: String,
    /// slerp or lerp
    #[arg(long, default_value = "slerp")]
    mode: String,
    /// z, or w for a way through styles (models that have some)
    #[arg(long, default_value = "z")]
    through: String,
    /// Places cells so that every step changes as much to the eye, and says how even they are: by pixels, or by what
    /// the studio's own features see
    #[arg(long, value_name = "BY", num_args = 0..=1, default_missing_value = "pixels")]
    even: Option<String>,
    /// PNG to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Interpolate {
    /// Makes the grid.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let wish = self.wish()?;
        wish.check()?;
        may_write_png(&self.out)?;
        let columns = if wish.layout == Layout::Triangle { TRIANGLE } else { wish.columns as u32 };
        let options = ExportOptions { columns, ..self.common.options("grid", self.out.clone())? };
        let (model, device) = self.common.open(paths)?;
        let maker = Maker::of(&model, self.common.class.as_deref())?;
        let wish = GridConfig { anchors: maker.all(&wish.anchors)?, ..wish };
        let laid = model.lattice(&wish, self.common.truncation, &watched(false))?;
        self.common.export(&model, &device, laid.cells.into_iter().map(Ok), "grid", &options, &watched(false))?;
        match laid.spread {
            Some(spread) => print_line(&format!("steps differ by {:.1} %", spread * 100.0)),
            None => Ok(()),
        }
    }

    fn wish(&self) -> Result<GridConfig> {
        let bad = || Problem::usage("A size is columns x rows, such as 9x9, each from 1 to 64").of(self.size.clone());
        let (columns, rows) = self.size.split_once(['x', 'X', '×']).ok_or_else(bad)?;
        let count = |s: &str| s.trim().parse::<usize>().ok().filter(|n| (1..=64).contains(n)).ok_or_else(bad);
        let (columns, rows) = (count(columns)?, count(rows)?);
        let layout = Layout::from_id(&self.layout)?;
        let anchors = if self.anchors.is_empty() {
            self.corners.iter().map(|&seed| Latent::Seed { seed }).collect()
        } else {
            latents::latents(&self.anchors)?
        };
        let given = anchors.len();
        let right = match layout {
            Layout::Line => given >= 2,
            Layout::Triangle => given == 3,
            Layout::Corners => given == 2 || given == 4,
            Layout::Sheet => true,
        };
        if !right {
            let what = match layout {
                Layout::Line => "A line has at least two anchors",
                Layout::Triangle => "A triangle has three anchors",
                Layout::Corners | Layout::Sheet => "A grid has two or four corners",
            };
            let of = if self.anchors.is_empty() { "--corners" } else { "--anchors" };
            let problem = Problem::usage(what).of(format!("{of} with {given}"));
            return Err(problem.try_this("Lay any number out with --layout line or --layout sheet"));
        }
        let styles = match LatentSpace::from_id(&self.through.to_lowercase())? {
            LatentSpace::Z => false,
            LatentSpace::W | LatentSpace::WPlus => true,
        };
        let even = self.even.as_deref().map(Measure::from_id).transpose()?;
        let (mode, across) = (mode(&self.mode)?, self.across);
        let rows = if layout == Layout::Line { 1 } else { rows };
        Ok(GridConfig { anchors, layout, across, columns, rows, mode, styles, even })
    }
}

fn mode(id: &str) -> Result<Mode> {
    Mode::from_id(id)
        .ok_or_else(|| Problem::usage("There is no such interpolation").of(id).try_this("Choose slerp or lerp"))
}

/// Arguments of `walk`.
#[derive(Args)]
pub struct Walk {
    #[command(flatten)]
    common: Common,
    /// Stops to walk through: seeds, pictures that the studio made, files with a latent (as `invert` writes them)
    #[arg(long, value_delimiter = ',', required = true)]
    seeds: Vec<String>,
    /// Frames in all
    #[arg(long, default_value_t = 120)]
    frames: usize,
    /// Frames per second
    #[arg(long, default_value_t = 30)]
    fps: u32,
    /// Return to the first seed, so that the film loops seamlessly
    #[arg(long = "loop")]
    looped: bool,
    /// slerp or lerp
    #[arg(long, default_value = "slerp")]
    mode: String,
    /// File to write: .mp4, .gif, .png or .apng (animated), or a folder for numbered pictures
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Walk {
    /// Makes the film.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if self.frames == 0 || self.frames > 100_000 {
            return Err(Problem::usage("A film has 1 to 100,000 frames").of(format!("--frames {}", self.frames)));
        }
        let format = export::film_format(&self.out)?;
        may_write(&self.out)?;
        let options = ExportOptions { fps: self.fps, ..self.common.options(format.id, self.out.clone())? };
        let (model, device) = self.common.open(paths)?;
        let stops = Maker::of(&model, self.common.class.as_deref())?.all(&latents::latents(&self.seeds)?)?;
        let from = film_from(&paths.library(), (&model.info().hash, &model.info().name), &stops);
        let stops = model.in_one_space(&stops, false)?;
        let frames = walk::walk(model.dims(), &stops, self.frames, self.looped, mode(&self.mode)?);
        let about = json!({ "model": model.info().name, "stops": self.seeds, "frames": self.frames });
        self.common.export(&model, &device, frames, "walk", &options, &watched(false))?;
        note_files(&paths.library(), "film", std::slice::from_ref(&self.out), &from, &about);
        Ok(())
    }
}

/// Arguments of `reconstruct`.
#[derive(Args)]
pub struct Reconstruct {
    /// A VAE: run folder, checkpoint file, or name of a shipped model
    #[arg(long, value_name = "M")]
    model: String,
    /// Picture files
    #[arg(long, num_args = 1.., required = true, value_name = "FILE")]
    input: Vec<PathBuf>,
    /// PNG to write: inputs above, reconstructions below
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Reconstruct {
    /// Makes the sheet.
    pub fn run(self, paths: &Paths) -> Result<()> {
        may_write_png(&self.out)?;
        let model = LoadedModel::open(&self.model, paths, &device(&self.device, paths))?;
        let (mut above, mut below): (Vec<Picture>, Vec<Picture>) = (Vec::new(), Vec::new());
        for file in &self.input {
            let encoded = model.encode(&data::decode_file(file)?)?;
            above.push(encoded.input);
            below.push(encoded.reconstruction);
        }
        let columns = above.len();
        above.append(&mut below);
        export::write_grid(&self.out, &above, columns, 1, None)?;
        print_line(&self.out.display().to_string())
    }
}
