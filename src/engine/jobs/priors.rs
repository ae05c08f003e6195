//! Fitted priors: made, taken away, switched, compared.

use super::{Context, models};
use crate::base::{Problem, Result};
use crate::engine::inference::Urgency;
use crate::engine::{Event, JobId, dataset_locator};
use crate::latent::fit_prior::PriorConfig;
use crate::latent::prior::Kind;
use crate::recipe::picture::Latent;

/// Fits a prior and keeps it with the model.
///
/// # Errors
/// The model is no VAE, the pictures are not there or too few, it was cancelled, or the file cannot be written.
pub fn fit(cx: &Context, job: JobId, model: &str, data: &str, kind: Kind) -> Result<()> {
    let data = dataset_locator::of_model(model, data, &cx.paths).unwrap_or_else(|_| data.into());
    cx.backend.fit_prior(&PriorConfig::new(model, &data, kind), &cx.progress(job))?;
    changed(cx, model)
}

/// Takes a fitted prior away.
///
/// # Errors
/// There is no such model, or its file cannot be written.
pub fn remove(cx: &Context, model: &str) -> Result<()> {
    cx.backend.remove_prior(model)?;
    changed(cx, model)
}

fn changed(cx: &Context, model: &str) -> Result<()> {
    let name = model.to_string();
    // A prior that was just made is wanted.
    cx.inference.wait(Urgency::Soon, move |models| {
        models.use_prior(&name, true);
        Ok(())
    })?;
    models::list(cx);
    models::open(cx, model.to_string());
    Ok(())
}

/// Draws a model's latents through its fitted prior from now on, or not. Never waits.
pub fn switch(cx: &Context, model: String, on: bool) {
    let name = model.clone();
    if cx.inference.soon(move |models| models.use_prior(&name, on)) {
        models::open(cx, model);
    }
}

/// Tells pictures of the same seeds both ways.
///
/// # Errors
/// The model has no fitted prior, or cannot be computed.
pub fn compare(cx: &Context, model: String, seeds: Vec<u64>, truncation: f32) -> Result<()> {
    let (name, latents) = (model.clone(), seeds.iter().map(|&seed| Latent::Seed { seed }).collect::<Vec<_>>());
    let (normal, fitted) = cx.inference.wait(Urgency::Soon, move |models| {
        let Some(prior) = models.get(&name)?.info().prior.clone() else {
            return Err(Problem::usage("This model has no fitted prior").of(name).try_this("Fit one first"));
        };
        let mut both = |on: bool| {
            models.use_prior(&name, on);
            models.pictures(&name, &latents, truncation)
        };
        let made = both(false).and_then(|normal| Ok((normal, both(true)?)));
        models.use_prior(&name, prior.on);
        made
    })?;
    cx.tell(Event::PriorCompared { model, seeds, normal, fitted });
    Ok(())
}
