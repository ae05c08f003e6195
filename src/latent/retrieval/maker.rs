//! Pictures by a seed, with and without retrieval, whatever kind of model makes them.

use std::sync::Arc;

use super::corpus::Corpus;
use super::find::Neighbours;
use super::grounding::Grounding;
use super::mixture::LatentMixture;
use crate::base::paths::Paths;
use crate::base::{Family, Picture, Problem, Progress, Result};
use crate::latent::catalog;
use crate::latent::draw::{Choosing, DrawRequest, Drawer};
use crate::latent::model::LoadedModel;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;

enum Model {
    Latents(Box<LoadedModel>),
    Tokens(Box<Drawer>),
}

/// A model that makes pictures with and without retrieval.
pub struct GroundedMaker {
    model: Model,
    grounding: Grounding,
    paths: Paths,
}

impl GroundedMaker {
    /// Opens a GAN, a VAE, or a prior over tokens.
    ///
    /// # Errors
    /// There is no such model, or it makes no pictures by itself.
    pub fn open(model: &str, grounding: Grounding, paths: &Paths, device: &str) -> Result<Self> {
        let prior = catalog::resolve(model, paths)?.read()?.1.family == Family::Prior;
        let model = if prior {
            Model::Tokens(Box::new(Drawer::open(model, paths, device)?))
        } else {
            Model::Latents(Box::new(LoadedModel::open(model, paths, device)?))
        };
        Ok(Self { model, grounding, paths: paths.clone() })
    }

    /// What lists say of the model.
    pub fn info(&self) -> &ModelInfo {
        match &self.model {
            Model::Latents(model) => model.info(),
            Model::Tokens(drawer) => drawer.info(),
        }
    }

    /// The picture of a seed: around the pictures that were found, or as the model learned. Priors over tokens are asked for
    /// the caption in both cases.
    ///
    /// # Errors
    /// The model cannot make it, or it was cancelled.
    pub fn make(
        &self,
        corpus: &Corpus,
        caption: &str,
        found: Option<&Neighbours>,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Picture> {
        match &self.model {
            Model::Tokens(drawer) => {
                let tokens = found.map(|f| Arc::new(f.tokens(corpus, drawer, self.grounding.strength)));
                let (prompt, choosing) = (caption.to_string(), Choosing::default());
                let request = DrawRequest { prompt, seed, choosing, retrieved: tokens, ..DrawRequest::default() };
                Ok(drawer.draw(&request, &mut |_, _| !progress.cancel().is_cancelled())?.picture)
            }
            Model::Latents(model) => {
                let latent = match found {
                    Some(found) => {
                        let (strength, paths) = (self.grounding.strength, &self.paths);
                        let quiet = crate::base::progress::Quiet::default();
                        LatentMixture::around(model, corpus, found, paths, &quiet)?.draw(model, seed, strength)?.latent
                    }
                    None => Latent::Seed { seed },
                };
                let made = model.generate(&[latent], 1.0)?.pop();
                made.ok_or_else(|| Problem::failed("The model made no picture"))
            }
        }
    }
}
