//! A prior for a model, from the pictures it was trained on to its file.

use super::catalog;
use super::model::LoadedModel;
use super::prior::{Kind, fit};
use crate::base::paths::Paths;
use crate::base::{Problem, Progress, Result};
use crate::data;
use crate::models::info::ModelInfo;

/// Codes that a prior is fitted to, at most.
pub const CODES: usize = 20_000;

/// What a prior is fitted from, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorConfig {
    /// The model.
    pub model: String,
    /// The pictures it was trained on; those of its recipe if empty.
    pub data: String,
    /// What kind of prior.
    pub kind: Kind,
    /// Most codes it is fitted to.
    pub count: usize,
    /// Seed of everything random about it.
    pub seed: u64,
}

impl PriorConfig {
    /// A prior of this kind for a model, from these pictures.
    pub fn new(model: impl Into<String>, data: impl Into<String>, kind: Kind) -> Self {
        Self { model: model.into(), data: data.into(), kind, count: CODES, seed: 1 }
    }
}

/// Fits a prior and keeps it with the model.
///
/// # Errors
/// The model is no VAE, the pictures are not there or too few, it was cancelled, or the file cannot be written.
pub fn fit_model(request: &PriorConfig, paths: &Paths, device: &str, progress: &dyn Progress) -> Result<ModelInfo> {
    let (bare, _) = catalog::with_prior(&request.model);
    let model = LoadedModel::open(bare, paths, device)?;
    let mut recipe = model.info().recipe.data.clone();
    if !request.data.is_empty() {
        recipe.source.clone_from(&request.data);
    }
    let prepared = data::prepare(&recipe, &paths.prepared(), progress)
        .map_err(|p| if request.data.is_empty() { unknown(p) } else { p })?;
    let mut codes = model.codes(&prepared, request.count, request.seed, progress)?;
    codes.source = recipe.source;
    let (prior, info) = fit(&codes, request.kind, request.seed, progress)?;
    // Loaded weights may be open files on some systems.
    drop(model);
    catalog::keep_prior(bare, Some((&prior, info)), paths)
}

fn unknown(problem: Problem) -> Problem {
    if problem.kind == crate::base::Kind::Interrupted {
        return problem;
    }
    problem.try_this("Name the pictures that the model was trained on")
}
