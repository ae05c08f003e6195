//! `latent-studio audit`: whether a model's pictures, or picture files, are copies of what the model learned from.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{device, may_write_png, print_json, print_line, say, tell, watched};
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Progress, Result};
use crate::data;
use crate::eval::subsample_ci::wilson;
use crate::export::read_recipe;
use crate::latent::catalog;
use crate::latent::invert::{all_of, picture_files, readable};
use crate::latent::retrieval::{Corpus, GroundedMaker, Grounding, Nearest, Standing};

/// Most pairs that are shown.
const SHOWN: usize = 12;

/// Arguments of `audit`.
#[derive(Args)]
pub struct Audit {
    /// Model whose samples are looked at; with files, the model that made them where they do not say it themselves
    #[arg(long, value_name = "M", required_unless_present = "files")]
    model: Option<String>,
    /// Picture files, or folders of some
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Samples of the model
    #[arg(long, default_value_t = 256)]
    count: u32,
    /// First seed of the samples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the pictures are that the model learned from
    #[arg(long, value_name = "SRC")]
    from: Option<String>,
    /// PNG of the most suspect pictures (above) with the real ones that they are nearest to (below)
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Looks.
    pub fn run(self, paths: &Paths) -> Result<()> {
        self.pairs.as_deref().map_or(Ok(()), may_write_png)?;
        if self.files.is_empty() { self.of_model(paths) } else { self.of_files(paths) }
    }

    /// Samples of a model.
    fn of_model(&self, paths: &Paths) -> Result<()> {
        let Some(model) = &self.model else { return Err(Problem::usage("Give --model M, or picture files")) };
        if self.count == 0 {
            return Err(Problem::usage("There is nothing to look at").of("--count 0"));
        }
        let (progress, device) = (watched(self.json), device(&self.device, paths));
        let maker = GroundedMaker::open(model, Grounding::default(), paths, &device)?;
        let corpus = super::retrieve::corpus(model, maker.info(), self.from.as_deref(), &device, paths, &progress)?;
        let mut made = Vec::with_capacity(self.count as usize);
        for i in 0..self.count {
            progress.report("Making samples", u64::from(i), u64::from(self.count));
            progress.cancel().check()?;
            made.push(maker.make(&corpus, "", None, self.seed.wrapping_add(u64::from(i)), &progress)?);
        }
        let near = corpus.nearest(&made)?;
        let names: Vec<String> =
            (0..made.len()).map(|i| format!("seed {}", self.seed.wrapping_add(i as u64))).collect();
        self.tell(&corpus, (&names, &made, &near), json!({ "model": model, "hash": maker.info().hash }))
    }

    /// Files, by what the model that made them learned from.
    fn of_files(&self, paths: &Paths) -> Result<()> {
        let files = picture_files(&self.files)?;
        let (read, broken) = readable(&files);
        broken.iter().for_each(say);
        if read.is_empty() {
            return all_of(broken.len(), files.len());
        }
        let model = match &self.model {
            Some(model) => model.clone(),
            None => model_of(&files, paths)?,
        };
        let (progress, device) = (watched(self.json), device(&self.device, paths));
        let info = catalog::resolve(&model, paths)?.read()?.1;
        let corpus = super::retrieve::corpus(&model, &info, self.from.as_deref(), &device, paths, &progress)?;
        let names: Vec<String> = read.iter().map(|(i, _)| files[*i].display().to_string()).collect();
        // Exports may be enlarged or lie on a canvas: seen as the training pictures were.
        let made: Vec<Picture> = read.iter().map(|(_, p)| data::prepare_picture(p, &info.recipe.data)).collect();
        let near = corpus.nearest(&made)?;
        self.tell(&corpus, (&names, &made, &near), json!({ "model": model, "hash": info.hash }))?;
        all_of(broken.len(), files.len())
    }

    fn tell(
        &self,
        corpus: &Corpus,
        (names, made, near): (&[String], &[Picture], &[Nearest]),
        about: Value,
    ) -> Result<()> {
        let mut order: Vec<usize> = (0..near.len()).collect();
        order.sort_by(|a, b| {
            near[*a].as_near.total_cmp(&near[*b].as_near).then(near[*a].distance.total_cmp(&near[*b].distance))
        });
        if let Some(file) = &self.pairs {
            let worst: Vec<usize> = order.iter().copied().take(SHOWN).collect();
            let above = worst.iter().map(|i| made[*i].clone());
            let cells: Vec<Picture> = above.chain(worst.iter().map(|i| corpus.picture(near[*i].place))).collect();
            crate::export::write_grid(file, &cells, worst.len(), 1, None)?;
        }
        let count = |standing: Standing| near.iter().filter(|n| n.standing == standing).count();
        let suspects = near.iter().filter(|n| n.is_suspect()).count();
        let (low, high) = wilson(suspects, near.len());
        if self.json {
            let each = |i: usize| json!({ "picture": names[i], "nearest": near[i] });
            return print_json(&json!({
                "of": about, "pictures": near.len(), "own": count(Standing::Own), "near": count(Standing::Near),
                "copy": count(Standing::Copy), "suspect": { "share": suspects as f64 / near.len() as f64, "low": low, "high": high },
                "expected": 0.01, "unseen": corpus.copies().unseen(), "held_out": corpus.copies().is_held_out(),
                "each": order.into_iter().map(each).collect::<Vec<_>>(),
            }));
        }
        for i in order.into_iter().take(if self.files.is_empty() { SHOWN } else { usize::MAX }) {
            let standing: &'static str = near[i].standing.into();
            print_line(&format!("{standing:<4}  {}  {}", names[i], near[i].sentence()))?;
        }
        let share = suspects as f64 / near.len() as f64 * 100.0;
        print_line(&format!(
            "{} pictures: {} own, {} near, {} copies. {share:.1} % ({:.1} to {:.1}) are near or copies; of unseen real pictures 1 % are",
            near.len(),
            count(Standing::Own),
            count(Standing::Near),
            count(Standing::Copy),
            low * 100.0,
            high * 100.0,
        ))?;
        let unseen = corpus.copies().unseen();
        if corpus.copies().is_held_out() {
            tell(&format!("judged by {unseen} pictures that were held out"));
        } else {
            tell("no pictures were held out: how near the training pictures are to each other stands in for it");
        }
        Ok(())
    }
}

/// The model that made all of these files, by the recipe inside.
fn model_of(files: &[PathBuf], paths: &Paths) -> Result<String> {
    let mut hashes: Vec<(String, String)> = Vec::new();
    for file in files {
        let recipe = read_recipe(file)?.ok_or_else(|| {
            Problem::data("This picture does not say which model made it")
                .of(file.display().to_string())
                .try_this("Name the model with --model M")
        })?;
        if !hashes.iter().any(|h| h.0 == recipe.model_hash) {
            hashes.push((recipe.model_hash, recipe.model));
        }
    }
    let [(hash, name)] = &hashes[..] else {
        let names: Vec<String> = hashes.into_iter().map(|h| h.1).collect();
        return Err(Problem::usage("These pictures are of several models")
            .because(names.join(", "))
            .try_this("Give those of one model at a time"));
    };
    let known = catalog::list(paths).into_iter().find(|m| m.hash == *hash).map(|m| m.model);
    known.ok_or_else(|| {
        Problem::data("The model that made this picture is not on this computer")
            .of(name.clone())
            .because(format!("its weights have the hash {}", hash.chars().take(8).collect::<String>()))
            .try_this("Import the model, or name it with --model M")
    })
}
