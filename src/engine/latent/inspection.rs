//! A look inside a model.

use std::path::PathBuf;
use std::sync::Arc;

use super::LatentEvent;
use super::model_slot::{Shelf, own, real};
use crate::base::{Problem, Result};
use crate::data::decode_file;
use crate::engine::jobs::Context;
use crate::engine::{Event, JobId};
use crate::latent::activations::Look;
use crate::latent::activations::codes::prior_histogram;
use crate::latent::directions::search::pictures;
use crate::latent::model::LoadedModel;
use crate::recipe::picture::Latent;

/// Pictures that codes are looked at over, at most.
const PICTURES: u32 = 5000;

/// Has the inference thread look at something and tells it. Never waits.
fn soon(cx: &Context, model: String, look: impl FnOnce(&LoadedModel, String) -> Result<LatentEvent> + Send + 'static) {
    let inside = cx.clone();
    let taken = cx.inference.soon(move |models| {
        let name = model.clone();
        match real(models, &model).and_then(|loaded| look(loaded, name)) {
            Ok(event) => inside.tell(Event::Latent(event)),
            Err(problem) => inside.outbox.say(problem),
        }
    });
    if !taken {
        cx.outbox.tell_now(Event::Message(Problem::failed("The studio is too busy right now").of("inference")));
    }
}

/// Features of a picture.
pub fn inside(cx: &Context, ticket: u64, model: String, latent: Latent, truncation: f32, look: Look) {
    soon(cx, model, move |loaded, model| {
        let inside = Box::new(loaded.inside(&latent, truncation, &look)?);
        Ok(LatentEvent::Inside { ticket, model, inside })
    });
}

/// Where a VAE fails on a picture.
pub fn anomaly(cx: &Context, ticket: u64, model: String, input: PathBuf) {
    soon(cx, model, move |loaded, model| {
        let anomaly = Box::new(loaded.anomaly(&decode_file(&input)?)?);
        Ok(LatentEvent::Anomaly { ticket, model, anomaly })
    });
}

/// A picture file as the model sees it.
pub fn take_in(cx: &Context, ticket: u64, model: String, input: PathBuf) {
    let outbox = cx.outbox.clone();
    soon(cx, model, move |loaded, model| {
        let picture = match decode_file(&input) {
            Ok(picture) => Some(Box::new(loaded.seen(&picture))),
            Err(problem) => {
                outbox.say(problem);
                None
            }
        };
        Ok(LatentEvent::TakenIn { ticket, model, path: input, picture })
    });
}

/// How much each channel matters.
///
/// # Errors
/// There is no such tap, or it was cancelled.
pub fn effects(
    cx: &Context,
    shelf: &mut Shelf,
    job: JobId,
    model: &str,
    (latent, truncation): (&Latent, f32),
    tap: u32,
) -> Result<()> {
    let effects = shelf.get(cx, model)?.channel_effects(latent, truncation, tap, &cx.progress(job))?;
    cx.tell(Event::Latent(LatentEvent::ChannelEffects { job, model: model.into(), tap, effects }));
    Ok(())
}

/// How a VAE uses its latents.
///
/// # Errors
/// The model is a GAN, the pictures are not there, or it was cancelled.
pub fn code_use(cx: &Context, shelf: &mut Shelf, job: JobId, model: &str, data: &str) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let progress = cx.progress(job);
    let data = own(cx, loaded, model, data)?;
    let (set, places) = pictures(loaded, &data, PICTURES, &cx.paths, &progress)?;
    let numbers = loaded.code_use(&set, &places, &progress)?;
    let prior = prior_histogram();
    cx.tell(Event::Latent(LatentEvent::CodeUse { job, model: model.into(), numbers, prior }));
    Ok(())
}

/// Where pictures lie on the plane of a latent of two numbers.
///
/// # Errors
/// The model has no such plane, the pictures are not there, or it was cancelled.
pub fn code_plane(cx: &Context, shelf: &mut Shelf, job: JobId, model: &str, data: &str) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let progress = cx.progress(job);
    let data = own(cx, loaded, model, data)?;
    let (set, places) = pictures(loaded, &data, PICTURES, &cx.paths, &progress)?;
    let points = Arc::new(loaded.code_plane(&set, &places, &progress)?);
    let labels = set.labels().to_vec();
    cx.tell(Event::Latent(LatentEvent::CodePlane { job, model: model.into(), points, labels }));
    Ok(())
}
