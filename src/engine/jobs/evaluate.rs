//! Scores of a model, measured beside everything else on a copy of the model of its own.

use std::sync::Arc;

use super::Context;
use crate::base::Result;
use crate::engine::{Evaluation, Event, JobId, dataset_locator};
use crate::eval::evaluate::{Opened, chosen};
use crate::eval::store;
use crate::latent::catalog;

/// Draws of the importance-weighted bound: few enough for a window, and said beside the number.
const DRAWS: usize = 500;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The model.
    pub model: String,
    /// The data; those it was trained on if not given.
    pub data: Option<String>,
    /// Ids of metrics.
    pub metrics: Vec<String>,
    /// Samples.
    pub count: u32,
}

/// Measures and keeps the scores.
///
/// # Errors
/// There is no such model or metric, the data are not here, nothing applies, or it was cancelled.
pub fn evaluate(cx: &Context, job: JobId, asked: &Asked) -> Result<()> {
    let metrics = chosen(&asked.metrics)?;
    let progress = cx.progress(job);
    let own = dataset_locator::of_model(&asked.model, "", &cx.paths);
    let own = if asked.data.is_none() { Some(own?) } else { own.ok() };
    let (data, device) = (asked.data.as_deref(), cx.backend.device());
    let opened = Opened::open(&asked.model, data, own.as_deref(), &cx.paths, &device, &progress)?;
    let report = opened.evaluate(metrics, asked.count as usize, DRAWS, 1, &cx.paths, &progress)?;
    let scores = store::keep(&cx.paths, &opened.model.info().hash, &report.metrics)?;
    let evaluation = Evaluation {
        source: opened.source.clone(),
        scores,
        left_out: report.left_out,
        suspects: Arc::new(report.suspects),
    };
    cx.tell(Event::Evaluated { job: Some(job), model: asked.model.clone(), evaluation: Box::new(evaluation) });
    Ok(())
}

/// Tells what was measured before.
///
/// # Errors
/// There is no such model.
pub fn known(cx: &Context, model: &str) -> Result<()> {
    let listed = cx.models().into_iter().find(|m| m.model == model).map(|m| (m.hash, m.recipe.data.source));
    let (hash, source) = match listed {
        Some(found) => found,
        None => {
            let info = catalog::resolve(model, &cx.paths)?.read()?.1;
            (info.hash, info.recipe.data.source)
        }
    };
    let scores = store::known(&cx.paths, &hash);
    let evaluation = Evaluation { source, scores, ..Evaluation::default() };
    cx.tell(Event::Evaluated { job: None, model: model.to_string(), evaluation: Box::new(evaluation) });
    Ok(())
}
