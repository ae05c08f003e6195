//! Latents from latents: styles, mixtures, moves. Quick, on the inference thread.

use super::LatentEvent;
use super::model_slot::real;
use crate::base::{Problem, Result};
use crate::engine::Event;
use crate::engine::jobs::Context;
use crate::latent::directions::Move;
use crate::latent::map::Plane;
use crate::latent::model::LoadedModel;
use crate::recipe::picture::Latent;

/// Has the inference thread make latents and tells them, or why not. Never waits.
fn answer(
    cx: &Context,
    ticket: u64,
    model: String,
    make: impl FnOnce(&LoadedModel) -> Result<Vec<Latent>> + Send + 'static,
) {
    let inside = cx.clone();
    let taken = cx.inference.soon(move |models| match real(models, &model).and_then(make) {
        Ok(latents) => inside.tell(Event::Latent(LatentEvent::Latents { ticket, model, latents })),
        Err(problem) => inside.outbox.say(problem),
    });
    if !taken {
        cx.outbox.tell_now(Event::Message(Problem::failed("The studio is too busy right now").of("inference")));
    }
}

/// Latents as styles.
pub fn to_styles(cx: &Context, ticket: u64, model: String, latents: Vec<Latent>, each_layer: bool) {
    answer(cx, ticket, model, move |model| model.to_styles(&latents, each_layer));
}

/// One latent with the styles of another at some layers.
pub fn mix(cx: &Context, ticket: u64, model: String, base: Latent, from: Latent, layers: [u32; 2]) {
    answer(cx, ticket, model, move |model| model.mixed(&base, &from, layers).map(|l| vec![l]));
}

/// Latents moved along directions.
pub fn moved(cx: &Context, ticket: u64, model: String, latents: Vec<Latent>, moves: Vec<Move>) {
    answer(cx, ticket, model, move |model| latents.iter().map(|l| model.moved(l, &moves)).collect());
}

/// Latents at places of a plane.
pub fn places(cx: &Context, ticket: u64, model: String, plane: Plane, places: Vec<(f64, f64)>) {
    answer(cx, ticket, model, move |model| model.latents_at(&plane, &places));
}
