//! Real pictures that are retrieved for a request, and drawn from: on a lane that keeps what it looked at.

use std::path::PathBuf;
use std::sync::Arc;

use super::LatentEvent;
use super::model_slot::Shelf;
use super::token_draws;
use crate::base::{Family, Picture, Problem, Result};
use crate::engine::jobs::Context;
use crate::engine::{Event, JobId, dataset_locator};
use crate::latent::catalog;
use crate::latent::draw::RetrievedTokens;
use crate::latent::invert::readable;
use crate::latent::retrieval::{Corpus, Grounding, LatentMixture, Nearest, Neighbour, Request};
use crate::models::info::ModelInfo;
use crate::recipe::DataRecipe;
use crate::recipe::picture::Latent;

/// What real pictures are looked for by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FindReal {
    /// Words; empty for none.
    pub text: String,
    /// Picture files to be like.
    pub like: Vec<PathBuf>,
    /// Picture files to be unlike.
    pub unlike: Vec<PathBuf>,
    /// How many are drawn from.
    pub neighbours: u32,
}

/// Real pictures that were found.
#[derive(Clone, Debug, PartialEq)]
pub struct RealFound {
    /// The best first.
    pub pictures: Vec<(Neighbour, Picture)>,
    /// What a person is told of the search.
    pub notes: Vec<String>,
    /// Words that most of their captions have.
    pub words: String,
    /// Their tokens, for a prior over tokens.
    pub tokens: Option<Arc<RetrievedTokens>>,
    /// How alike the model's own pictures of them are, in dB; empty for a prior over tokens.
    pub likeness: Vec<f64>,
}

/// What the lane keeps.
#[derive(Default)]
pub struct Kept {
    shelf: Shelf,
    drawer: token_draws::Kept,
    /// By source and the model's hash.
    corpus: Option<(String, Corpus)>,
    mixture: Option<(String, LatentMixture)>,
}

impl Kept {
    fn corpus(&mut self, cx: &Context, model: &str, info: &ModelInfo, job: Option<JobId>) -> Result<&Corpus> {
        let source = dataset_locator::of_info(model, info, "", &cx.paths)?;
        let key = format!("{source} {}", info.hash);
        if self.corpus.as_ref().is_none_or(|kept| kept.0 != key) {
            self.corpus = None;
            let recipe = DataRecipe { source, ..info.recipe.data.clone() };
            let device = cx.backend.device();
            let corpus = match job {
                Some(job) => Corpus::open(&recipe, &cx.paths, &device, &cx.progress(job))?,
                None => Corpus::open(&recipe, &cx.paths, &device, &crate::base::progress::Quiet::default())?,
            };
            self.corpus = Some((key, corpus));
        }
        Ok(&self.corpus.as_ref().expect("it was set just above").1)
    }
}

/// Finds real pictures, and what a model needs to draw from them. → `RealFound`
///
/// # Errors
/// A file cannot be read, nothing is asked for, the data are not here, a network is missing, or it was cancelled.
pub fn find(cx: &Context, kept: &mut Kept, job: JobId, model: &str, ask: &FindReal) -> Result<()> {
    Grounding { neighbours: ask.neighbours, ..Grounding::default() }.check()?;
    let read = |files: &[PathBuf]| -> Result<Vec<Picture>> {
        let (read, mut broken) = readable(files);
        // One that cannot be read would change what is found without a word.
        if broken.is_empty() { Ok(read.into_iter().map(|(_, p)| p).collect()) } else { Err(broken.remove(0)) }
    };
    let request = Request { text: ask.text.clone(), like: read(&ask.like)?, unlike: read(&ask.unlike)? };
    let info = catalog::resolve(model, &cx.paths)?.read()?.1;
    let progress = cx.progress(job);
    let corpus = kept.corpus(cx, model, &info, Some(job))?;
    let found = corpus.find(&request, ask.neighbours as usize, &progress)?;
    let pictures: Vec<(Neighbour, Picture)> = found.list.iter().map(|n| (n.clone(), corpus.picture(n.place))).collect();
    let corpus = &kept.corpus.as_ref().expect("it was opened just above").1;
    let (mut tokens, mut likeness) = (None, Vec::new());
    if info.family == Family::Prior {
        tokens = Some(Arc::new(found.tokens(corpus, kept.drawer.get(cx, model)?, Grounding::default().strength)));
    } else {
        let mixture = LatentMixture::around(kept.shelf.get(cx, model)?, corpus, &found, &cx.paths, &progress)?;
        likeness = mixture.likeness().to_vec();
        kept.mixture = Some((model.to_string(), mixture));
    }
    let said = |p: &Problem| p.detail.as_ref().map_or_else(|| p.what.clone(), |why| format!("{}: {why}", p.what));
    let notes = found.notes.iter().map(said).collect();
    let found = RealFound { pictures, notes, words: found.common_words(), tokens, likeness };
    cx.tell(Event::Latent(LatentEvent::RealFound { job, model: model.into(), found: Arc::new(found) }));
    Ok(())
}

/// Latents of seeds around the real pictures that were found last for this model. → `NearReal`
///
/// # Errors
/// None were found yet, or the model cannot be loaded.
pub fn draw(cx: &Context, kept: &mut Kept, ticket: u64, model: &str, strength: f32, seeds: &[u64]) -> Result<()> {
    Grounding { strength, ..Grounding::default() }.check()?;
    let Some((_, mixture)) = kept.mixture.as_ref().filter(|kept| kept.0 == model) else {
        return Err(Problem::usage("No real pictures were looked for yet").of(model).try_this("Press Find first"));
    };
    let loaded = kept.shelf.get(cx, model)?;
    let (mut latents, mut from): (Vec<Latent>, Vec<usize>) = (Vec::new(), Vec::new());
    for seed in seeds {
        let mixed = mixture.draw(loaded, *seed, strength)?;
        latents.push(mixed.latent);
        from.push(mixed.neighbour);
    }
    cx.tell(Event::Latent(LatentEvent::NearReal { ticket, model: model.into(), latents, from }));
    Ok(())
}

/// The real pictures that made ones are nearest to. → `NearestReal`
///
/// # Errors
/// The data are not here, or a network is missing.
pub fn nearest(cx: &Context, kept: &mut Kept, ticket: u64, model: &str, pictures: &[Picture]) -> Result<()> {
    let info = catalog::resolve(model, &cx.paths)?.read()?.1;
    let corpus = kept.corpus(cx, model, &info, None)?;
    let all: Vec<(Nearest, Picture)> =
        corpus.nearest(pictures)?.into_iter().map(|n| (n.clone(), corpus.picture(n.place))).collect();
    cx.tell(Event::Latent(LatentEvent::NearestReal { ticket, model: model.into(), nearest: all }));
    Ok(())
}
