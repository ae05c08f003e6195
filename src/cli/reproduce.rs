//! `inspect` and `reproduce`: what a picture says of itself, and whether it is true.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{device, may_write_png, print_json, print_line};
use crate::base::paths::Paths;
use crate::base::{Kind, Picture, Problem, Result};
use crate::data;
use crate::export::certificate_key::known_key;
use crate::export::{self, Filter, badge, certificate, metadata, mp4_reader, traces, watermark};
use crate::latent::catalog;
use crate::latent::model::LoadedModel;
use crate::library::Library;
use crate::recipe::picture::{PictureRecipe, Watermark};

/// Arguments of `inspect`.
#[derive(Args)]
pub struct Inspect {
    /// A picture that the studio exported
    file: PathBuf,
    /// List what the file would give away, whatever sort of file it is
    #[arg(long)]
    traces: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn recipe_of(file: &std::path::Path) -> Result<PictureRecipe> {
    if !file.is_file() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(Problem::io("This picture could not be read", file, &missing));
    }
    export::read_recipe(file)?.ok_or_else(|| {
        Problem::data("There is no recipe in this picture")
            .of(file.display().to_string())
            .try_this("Only pictures exported by Latent Studio carry one, and some programs remove it when they save")
    })
}

impl Inspect {
    /// Shows the recipe, the marks and the certificate.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if self.traces {
            return self.traces();
        }
        let mut lost = None;
        let recipe = match recipe_of(&self.file) {
            Ok(recipe) => Some(recipe),
            // Other programs take recipes away; a watermark may be left.
            Err(problem) if problem.kind == Kind::Data && self.file.is_file() => {
                lost = Some(problem);
                None
            }
            Err(problem) => return Err(problem),
        };
        let watermark = find_watermark(&self.file);
        if let Some(problem) = lost
            && watermark.is_none()
            && certificate::read(&self.file)?.is_none()
        {
            return Err(problem.because("There is no watermark either"));
        }
        let models = catalog::list(paths);
        let by = |hash: &str| models.iter().find(|m| m.hash == hash);
        let model = recipe.as_ref().and_then(|r| by(&r.model_hash));
        let own = known_key(paths).unwrap_or_else(|problem| {
            super::say(&problem.warning());
            None
        });
        let verdict = certificate::verify(&self.file, model, own.map(|k| k.verifying_key()).as_ref())?;
        let badge = badge::read(&self.file)?;
        let marked_by = watermark.as_ref().filter(|w| w.payload != 0);
        let marked_by = marked_by.and_then(|w| models.iter().find(|m| watermark::payload(&m.hash) == w.payload));
        if self.json {
            // By its text: numbers keep the digits that they have in the file.
            let mut out = match &recipe {
                Some(recipe) => serde_json::from_str(&metadata::json(recipe)?)
                    .map_err(|e| Problem::failed("The recipe could not be shown").because(e))?,
                None => json!({}),
            };
            out["source_type"] = json!(recipe.as_ref().map(metadata::source_type));
            out["watermark"] = json!({
                "found": watermark.is_some(),
                "payload": watermark.as_ref().map(|w| format!("{:08x}", w.payload)),
                "confidence": watermark.as_ref().map(|w| w.confidence),
                "scale": watermark.as_ref().map(|w| w.scale),
                "model": marked_by.map(|m| &m.model),
                "written": recipe.as_ref().and_then(|r| r.watermark.as_ref()),
            });
            out["certificate"] = json!(verdict);
            out["likeness"] = json!(badge);
            return print_json(&out);
        }
        if let Some(recipe) = &recipe {
            told(recipe)?;
        } else {
            print_line("recipe      none: another program took it away")?;
        }
        let written = recipe.as_ref().and_then(|r| r.watermark.as_ref());
        print_line(&match (&watermark, written) {
            (Some(w), _) => {
                let whose = match (w.payload, marked_by) {
                    (0, _) => "made by a trained model, without saying by which".to_owned(),
                    (payload, Some(m)) => format!("of {} ({payload:08x})", m.name),
                    (payload, None) => format!("of a model whose hash begins with {payload:08x}"),
                };
                format!("watermark   {whose}, at {:.0} % of the exported size", w.scale * 100.0)
            }
            (None, Some(Watermark::Unmarked { why })) => format!("watermark   none: {why}"),
            (None, Some(Watermark::Marked { .. })) => "watermark   written, but not found any more".into(),
            (None, None) => "watermark   none".into(),
        })?;
        if let Some(badge) = badge {
            print_line(&format!("likeness    {}", badge.said()))?;
        }
        let Some(verdict) = verdict else { return print_line("certificate none") };
        print_line(if verdict.holds { "certificate holds" } else { "certificate DOES NOT HOLD" })?;
        for check in verdict.checks {
            let sign = match check.holds {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            print_line(&format!("  {sign:3}  {}: {}", check.what, check.told))?;
        }
        Ok(())
    }
}

/// The watermark of a picture, or of the first frames of a film.
fn find_watermark(file: &std::path::Path) -> Option<watermark::Detection> {
    const FRAMES: usize = 48;
    match data::decode_file(file) {
        Ok(picture) => watermark::detect::detect(&picture, watermark::public()),
        Err(_) => {
            let frames = mp4_reader::first_pictures(file, FRAMES).ok()?;
            watermark::detect::detect_film(frames.into_iter(), watermark::public())
        }
    }
}

/// Shows a recipe.
fn told(recipe: &PictureRecipe) -> Result<()> {
    let latent = recipe.latent.label();
    let hash = recipe.model_hash.get(..12).unwrap_or(&recipe.model_hash);
    print_line(&format!("model       {} ({hash})", recipe.model))?;
    print_line(&format!("latent      {latent}"))?;
    print_line(&format!("truncation  {}", recipe.truncation))?;
    print_line(&format!("made by     {} on {}", recipe.made_by, recipe.device))?;
    match &recipe.canvas {
        Some(canvas) => print_line(&format!("size        on {}×{} {}", canvas.width, canvas.height, recipe.filter))?,
        None => print_line(&format!("size        ×{} {}", recipe.scale, recipe.filter))?,
    }
    if let Some(grid) = &recipe.grid {
        print_line(&format!("grid        {} × {}", grid.columns, grid.rows))?;
    }
    print_line(&format!("source      {}", metadata::source_type(recipe).rsplit('/').next().unwrap_or_default()))?;
    print_line(&format!("studio      {}", recipe.studio))
}

impl Inspect {
    /// Lists what the file would give away.
    fn traces(&self) -> Result<()> {
        let found = traces::of(&self.file)?;
        if self.json {
            return print_json(&found);
        }
        let list = |all: &[traces::Trace]| {
            all.iter().try_for_each(|t| {
                let gives = format!("{:?}", t.gives).to_lowercase();
                print_line(&format!("  {gives:8} {}: {}", t.at, t.says))
            })
        };
        if found.traces.is_empty() {
            print_line(&format!("{}: gives nothing away", found.kind))?;
        } else {
            print_line(&format!("{}: gives away", found.kind))?;
            list(&found.traces)?;
        }
        if found.remains.is_empty() {
            return Ok(());
        }
        print_line("says besides")?;
        list(&found.remains)
    }
}

/// Arguments of `reproduce`.
#[derive(Args)]
pub struct Reproduce {
    /// A picture that the studio exported
    file: PathBuf,
    /// The model, if it has moved since
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// Also write what was made
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Device; by default the one in the recipe
    #[arg(long)]
    device: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Reproduce {
    /// Makes the picture again and compares.
    pub fn run(self, paths: &Paths) -> Result<()> {
        self.out.as_deref().map_or(Ok(()), may_write_png)?;
        let recipe = recipe_of(&self.file)?;
        let name = match &self.model {
            Some(model) => model.clone(),
            None => find(&recipe, paths)?,
        };
        let asked = self
            .device
            .clone()
            .unwrap_or_else(|| if recipe.device.is_empty() { "cpu".into() } else { recipe.device.clone() });
        let mut model = LoadedModel::open(&name, paths, &device(&asked, paths))?;
        model.use_prior(recipe.prior.is_some());
        let same_prior = model.info().active_prior().map(|p| &p.hash) == recipe.prior.as_ref();
        let same_model = model.info().hash == recipe.model_hash && same_prior;
        let made = make(&model, &recipe)?;
        let there = data::decode_file(&self.file)?;
        let difference = compare(&there, &made);
        if let Some(out) = &self.out {
            export::write_png(out, &made, Some(&recipe))?;
        }
        if self.json {
            return print_json(&json!({
                "exact": difference.exact(), "pixels": difference.pixels, "different": difference.different,
                "largest": difference.largest, "same_model": same_model, "model": name,
            }));
        }
        if difference.exact() {
            print_line(&format!("pixel-exact: {} pixels made again by {name}", difference.pixels))?;
        } else if difference.pixels == 0 {
            print_line("differs: the picture has another size than the recipe says")?;
        } else {
            print_line(&format!(
                "differs: {} of {} pixels, by at most {} of 255",
                difference.different, difference.pixels, difference.largest
            ))?;
        }
        if !same_model {
            let what = if same_prior { "model" } else { "fitted prior" };
            print_line(&format!("note: the {what} is not the one in the recipe"))?;
        }
        Ok(())
    }
}

/// The model with the recipe's hash, or a checkpoint of a run with it, else the model with its name.
fn find(recipe: &PictureRecipe, paths: &Paths) -> Result<String> {
    let all = catalog::list(paths);
    if let Some(found) = all.iter().find(|m| m.hash == recipe.model_hash) {
        return Ok(found.model.clone());
    }
    // Checkpoints before the newest, and runs outside of the studio's folder that the library has heard of.
    let noted =
        if paths.library().is_file() { Library::open(&paths.library()).and_then(|l| l.runs()) } else { Ok(Vec::new()) };
    let runs: Vec<PathBuf> = noted.map(|runs| runs.into_iter().map(|r| r.dir).collect()).unwrap_or_else(|problem| {
        super::say(&problem.warning());
        Vec::new()
    });
    if let Some(checkpoint) = catalog::checkpoint_of(&recipe.model_hash, &runs, paths) {
        return Ok(checkpoint.display().to_string());
    }
    if let Some(found) = all.iter().find(|m| m.name == recipe.model) {
        return Ok(found.model.clone());
    }
    Err(Problem::data("The model that made this picture is not available")
        .of(format!("{} {}", recipe.model, recipe.model_hash))
        .try_this("Give it with --model: a run folder, a checkpoint or a .safetensors file"))
}

/// The picture, or grid, that a recipe describes.
pub fn make(model: &LoadedModel, recipe: &PictureRecipe) -> Result<Picture> {
    let filter = Filter::from_id(&recipe.filter)?;
    let factor = recipe.scale.clamp(1, export::LARGEST_SCALE);
    let size = model.info().resolution;
    // Told before anything is made: a recipe may ask for any size.
    let (w, h) = match &recipe.grid {
        _ if recipe.canvas.is_some() => recipe.canvas.map_or((1, 1), |c| (c.width.into(), c.height.into())),
        Some(g) => {
            let columns = if g.triangle { export::sheet::TRIANGLE } else { g.columns };
            export::sheet::room(g.latents.len(), columns as usize, (size.width, size.height), g.gap, factor)
        }
        None => (u64::from(size.width * factor), u64::from(size.height * factor)),
    };
    export::png::check_size(w, h)?;
    let sized = |plain: &Picture| {
        let sized = match &recipe.canvas {
            Some(canvas) => export::place(plain, canvas, filter),
            None => export::scale(plain, factor, filter),
        };
        watermark::again(sized, recipe)
    };
    let Some(grid) = &recipe.grid else {
        let mut made = model.generate(std::slice::from_ref(&recipe.latent), recipe.truncation)?;
        let picture = made.pop().ok_or_else(|| Problem::failed("The model made no picture"))?;
        return Ok(sized(&picture));
    };
    let cells = model.generate(&grid.latents, recipe.truncation)?;
    // As it was exported: laid out at the model's size, then enlarged as a whole.
    let columns = if grid.triangle { export::sheet::TRIANGLE } else { grid.columns };
    let style = export::sheet::Style { columns: columns as usize, gap: grid.gap, ..Default::default() };
    Ok(sized(&export::sheet::lay(&cells, &style)?))
}

/// How far two pictures are apart.
struct Difference {
    pixels: u64,
    different: u64,
    largest: u8,
}

impl Difference {
    fn exact(&self) -> bool {
        self.pixels > 0 && self.different == 0
    }
}

fn compare(a: &Picture, b: &Picture) -> Difference {
    if (a.width, a.height) != (b.width, b.height) {
        return Difference { pixels: 0, different: 0, largest: 255 };
    }
    let mut out = Difference { pixels: u64::from(a.width) * u64::from(a.height), different: 0, largest: 0 };
    for (p, q) in a.rgba.chunks_exact(4).zip(b.rgba.chunks_exact(4)) {
        if p != q {
            out.different += 1;
            let apart = p.iter().zip(q).map(|(x, y)| x.abs_diff(*y)).max().unwrap_or(0);
            out.largest = out.largest.max(apart);
        }
    }
    out
}
