//! `directions`: ways through latent space, found, listed, measured, applied.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::latents::{Maker, latents, range};
use super::{device, numbers, print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::engine::dataset_locator;
use crate::engine::jobs::picture_recipe;
use crate::export::{self, ExportOptions, Shot};
use crate::latent::attributes::Judge;
use crate::latent::attributes::Judged;
use crate::latent::directions::search::{Find, search};
use crate::latent::directions::store::{self, Sheet};
use crate::latent::directions::{Direction, Move};
use crate::latent::even_spacing::Pixels;
use crate::latent::model::LoadedModel;
use crate::library::Library;
use crate::recipe::picture::Latent;

/// Tasks of `directions`.
#[derive(Subcommand)]
pub enum DirectionsTask {
    /// Find directions and keep them with the model
    Find(FindTask),
    /// List the directions of a model
    List {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure how much else moves along directions; kept with them
    Measure {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
        /// Names; all if none are given
        names: Vec<String>,
        /// Pictures whose labels, factors or captions are known: how far each moves
        #[arg(long, value_name = "SRC")]
        data: Option<String>,
        /// auto, cpu, vulkan, … (`latent-studio devices`)
        #[arg(long, default_value = "auto")]
        device: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Move pictures along directions: a strip for each latent, or one picture with --at
    Apply(Apply),
    /// Remove from a direction its parts along others
    Separate {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
        /// The direction
        name: String,
        /// The others; all if none are given
        #[arg(long, value_delimiter = ',')]
        from: Vec<String>,
    },
    /// Delete directions
    Remove {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
        /// Names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Write directions to a file
    Export {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
        /// Names; all if none are given
        names: Vec<String>,
        /// JSON file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Import directions from a file
    Import {
        /// The model
        #[arg(long, value_name = "M")]
        model: String,
        /// JSON file to read
        file: PathBuf,
    },
}

/// Arguments of `directions find`.
#[derive(Args)]
pub struct FindTask {
    /// Run folder, checkpoint file, or name of a shipped or imported model
    #[arg(long, value_name = "M")]
    model: String,
    /// What there shall be more or less of, in words: "more red", "a smiling face"
    #[arg(long, value_name = "PHRASE", conflicts_with = "method")]
    text: Option<String>,
    /// principal (styles or features), codes (of a VAE), sefa, data (labels, factors, captions), taste, difference
    #[arg(long, default_value = "principal")]
    method: String,
    /// How many (principal, codes, sefa)
    #[arg(long, default_value_t = 10)]
    count: u32,
    /// Latents or pictures that are looked at
    #[arg(long, default_value_t = 2000)]
    samples: u32,
    /// Features to look at, 0 next to the latent (principal)
    #[arg(long)]
    tap: Option<u32>,
    /// Layers, first-last (sefa)
    #[arg(long)]
    layers: Option<String>,
    /// Pictures (codes, data); by default those of the model's recipe
    #[arg(long, value_name = "SRC", default_value = "")]
    data: String,
    /// Only these attributes (data)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Each direction leaves the other attributes as they are (data)
    #[arg(long)]
    apart: bool,
    /// Regression on the encoder's codes of the pictures, at once (data; a VAE)
    #[arg(long)]
    codes: bool,
    /// Liked latents (taste), or where it goes (difference): seeds, pictures the studio made
    #[arg(long, value_delimiter = ',')]
    liked: Vec<String>,
    /// Disliked latents (taste), or where it comes from (difference)
    #[arg(long, value_delimiter = ',')]
    disliked: Vec<String>,
    /// Liked and disliked are the model's kept pictures by their ratings, stars and choices (taste)
    #[arg(long, conflicts_with_all = ["liked", "disliked"])]
    kept: bool,
    /// Name (taste, difference)
    #[arg(long, default_value = "")]
    name: String,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl FindTask {
    fn find(&self) -> Result<Find> {
        let named = |word: &str| if self.name.is_empty() { word.to_string() } else { self.name.clone() };
        if let Some(text) = &self.text {
            return Ok(Find::Text { text: text.clone() });
        }
        Ok(match self.method.as_str() {
            "principal" => Find::Principal { tap: self.tap, count: self.count, samples: self.samples },
            "codes" => Find::Codes { data: self.data.clone(), count: self.count, limit: self.samples },
            "sefa" => Find::Sefa { layers: self.layers.as_deref().map(range).transpose()?, count: self.count },
            "data" => Find::Data {
                data: self.data.clone(),
                only: self.only.clone(),
                apart: self.apart,
                limit: self.samples,
                codes: self.codes,
            },
            "taste" => {
                Find::Taste { name: named("Liked"), liked: latents(&self.liked)?, disliked: latents(&self.disliked)? }
            }
            "difference" => Find::Difference {
                name: named("Difference"),
                from: latents(&self.disliked)?,
                to: latents(&self.liked)?,
            },
            other => {
                return Err(Problem::usage("There is no such way to find directions")
                    .of(other)
                    .try_this("Choose principal, codes, sefa, data, taste or difference"));
            }
        })
    }
}

/// Arguments of `directions apply`.
#[derive(Args)]
pub struct Apply {
    /// The model
    #[arg(long, value_name = "M")]
    model: String,
    /// Direction, or several as NAME=STRENGTH with --at
    #[arg(long, required = true, value_name = "NAME[=STRENGTH]")]
    direction: Vec<String>,
    /// Latents to move: seeds, pictures the studio made
    #[arg(long, value_delimiter = ',', required = true)]
    latents: Vec<String>,
    /// Move by the strengths given, instead of a strip from −3 to 3
    #[arg(long)]
    at: bool,
    /// Pictures in a strip
    #[arg(long, default_value_t = 7)]
    steps: u32,
    /// Standard deviations at the ends of a strip
    #[arg(long, default_value_t = 3.0, allow_negative_numbers = true, value_parser = numbers::finite_f32)]
    reach: f32,
    /// Class of the pictures, by name or by number from 0 (models that learned classes)
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Whole factor to enlarge pictures by
    #[arg(long, default_value_t = 1)]
    scale: u32,
    /// PNG to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
}

impl DirectionsTask {
    /// Runs the task.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Find(task) => {
                let model = LoadedModel::open(&task.model, paths, &device(&task.device, paths))?;
                let mut find = task.find()?;
                if let (true, Find::Taste { liked, disliked, .. }) = (task.kept, &mut find) {
                    (*liked, *disliked) = Library::open(&paths.library())?.taste(&model.info().hash)?;
                }
                if let Some(data) = find.data_mut() {
                    *data = dataset_locator::resolve(&task.model, &model.info().recipe.data.source, data, paths)?;
                }
                let found = search(&model, &find, paths, &watched(task.json))?;
                let (sheet, names) = store::change(&task.model, paths, |sheet| Ok(sheet.add(found, false)))?;
                let found: Vec<Direction> = names.iter().map(|n| sheet.get(n).cloned()).collect::<Result<_>>()?;
                list(&found, task.json)
            }
            Self::List { model, json } => list(&store::of_model(&model, paths)?.directions, json),
            Self::Measure { model, names, data, device: asked, json } => {
                let loaded = LoadedModel::open(&model, paths, &device(&asked, paths))?;
                let progress = watched(json);
                let own = |d: String| dataset_locator::resolve(&model, &loaded.info().recipe.data.source, &d, paths);
                let data = data.map(own).transpose()?;
                let predictor = data.map(|d| loaded.predictor(&d, paths, &progress)).transpose()?;
                let judge = predictor.as_ref().map(|predictor| Judged { predictor, model: &loaded });
                let judge = judge.as_ref().map(|j| j as &dyn Judge);
                let sheet = store::of_model(&model, paths)?;
                names.iter().try_for_each(|n| sheet.get(n).map(|_| ()))?;
                let mut measured = Vec::new();
                for d in sheet.directions.iter().filter(|d| names.is_empty() || names.contains(&d.name)) {
                    measured.push((d.name.clone(), loaded.entanglement(d, &Pixels(&loaded), judge, &progress)?));
                }
                let (sheet, ()) = store::change(&model, paths, |sheet| {
                    sheet.measured(measured);
                    Ok(())
                })?;
                list(&sheet.directions, json)
            }
            Self::Apply(task) => task.run(paths),
            Self::Separate { model, name, from } => change(&model, paths, |sheet| {
                let own = sheet.get(&name)?;
                let others: Vec<&Direction> = if from.is_empty() {
                    let alike = |d: &&Direction| d.name != name && d.values.len() == own.values.len();
                    sheet.directions.iter().filter(alike).collect()
                } else {
                    from.iter().map(|n| sheet.get(n)).collect::<Result<_>>()?
                };
                let apart = own.apart_from(&others)?;
                sheet.add(vec![apart], true);
                Ok(())
            }),
            Self::Remove { model, names } => change(&model, paths, |sheet| {
                names.iter().try_for_each(|n| sheet.get(n).map(|_| ()))?;
                sheet.directions.retain(|d| !names.contains(&d.name));
                Ok(())
            }),
            Self::Export { model, names, out } => {
                super::may_write(&out)?;
                store::export(&store::of_model(&model, paths)?, &names, &out)?;
                print_line(&out.display().to_string())
            }
            Self::Import { model, file } => change(&model, paths, |sheet| {
                let new = store::import(&file, &sheet.hash)?;
                sheet.add(new, false);
                Ok(())
            }),
        }
    }
}

fn change(model: &str, paths: &Paths, change: impl FnOnce(&mut Sheet) -> Result<()>) -> Result<()> {
    let (sheet, ()) = store::change(model, paths, change)?;
    list(&sheet.directions, false)
}

fn list(directions: &[Direction], json: bool) -> Result<()> {
    if json {
        return print_json(&directions);
    }
    for d in directions {
        let score = d.score.map_or(String::new(), |s| format!("{:>5.1} %", s * 100.0));
        let rest = d.entanglement.as_ref().map_or(String::new(), |e| format!("{:>5.1} % entangled", e.rest * 100.0));
        print_line(&format!("{:28} {:14} {score:8} {rest}", d.name, d.method.title()))?;
    }
    Ok(())
}

impl Apply {
    fn run(self, paths: &Paths) -> Result<()> {
        super::may_write(&self.out)?;
        let device = device(&self.device, paths);
        let model = LoadedModel::open(&self.model, paths, &device)?;
        let sheet = store::of_model(&self.model, paths)?;
        let named = |text: &String| -> Result<(Direction, f32)> {
            let bad = || Problem::usage("A strength is a number").of(text.clone());
            match text.rsplit_once('=') {
                Some((name, strength)) if sheet.get(text).is_err() => {
                    Ok((sheet.get(name)?.clone(), numbers::finite_f32(strength.trim()).map_err(|_| bad())?))
                }
                _ => Ok((sheet.get(text)?.clone(), 1.0)),
            }
        };
        let directions = self.direction.iter().map(named).collect::<Result<Vec<_>>>()?;
        let steps: Vec<f32> = if self.at {
            vec![1.0]
        } else {
            let n = self.steps.clamp(2, 101);
            (0..n).map(|i| self.reach * (2.0 * i as f32 / (n - 1) as f32 - 1.0)).collect()
        };
        let mut cells: Vec<Latent> = Vec::new();
        let maker = Maker::of(&model, self.class.as_deref())?;
        for base in maker.all(&latents(&self.latents)?)? {
            for step in &steps {
                let moves: Vec<Move> =
                    directions.iter().map(|(d, s)| Move { direction: d.clone(), strength: s * step }).collect();
                cells.push(model.moved(&base, &moves)?);
            }
        }
        let made = model.generate(&cells, 1.0)?;
        let mut shots = made.into_iter().zip(&cells).map(|(picture, latent)| {
            let recipe = picture_recipe(model.info(), latent, 1.0, "direction", device.clone());
            Ok(Shot { picture, recipe: Some(recipe), model: model.info().name.clone() })
        });
        let columns = if self.at { 0 } else { steps.len() as u32 };
        let format = if self.at && cells.len() == 1 { "png" } else { "grid" };
        let options = ExportOptions {
            format: format.into(),
            out: self.out,
            scale: self.scale,
            columns,
            ..ExportOptions::default()
        };
        for file in export::export(&options, &mut shots, cells.len() as u64, &watched(false))? {
            print_line(&file.display().to_string())?;
        }
        Ok(())
    }
}
