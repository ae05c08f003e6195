//! Breeding and its family tree, which the library keeps.

use super::LatentEvent;
use super::event::LineageNode;
use super::model_slot::real;
use crate::base::progress::Quiet;
use crate::base::{Problem, Result};
use crate::engine::Event;
use crate::engine::jobs::Context;
use crate::engine::jobs::export::Wanted;
use crate::engine::jobs::gallery::{self, Gallery};
use crate::engine::worker::Lane;
use crate::latent::breed::BreedConfig;
use crate::recipe::picture::Latent;

/// Children of latents. Never waits.
pub fn breed(cx: &Context, ticket: u64, model: String, parents: Vec<Latent>, wish: BreedConfig) {
    let inside = cx.clone();
    let taken =
        cx.inference.soon(move |models| match real(models, &model).and_then(|loaded| loaded.breed(&parents, &wish)) {
            Ok(children) => inside.tell(Event::Latent(LatentEvent::Offspring { ticket, model, children })),
            Err(problem) => inside.outbox.say(problem),
        });
    if !taken {
        cx.outbox.tell_now(Event::Message(Problem::failed("The studio is too busy right now").of("inference")));
    }
}

/// Keeps a child with its parents.
///
/// # Errors
/// The model cannot be computed, or the disk is full.
pub fn keep(cx: &Context, library: &Lane<Gallery>, wanted: &Wanted, parents: Vec<i64>) -> Result<()> {
    let mut kept = Vec::new();
    gallery::make(cx, wanted, &Quiet::default(), &mut |some| {
        kept.extend(some);
        Ok(())
    })?;
    let (inside, model) = (cx.clone(), wanted.model.clone());
    let (child, members) = library.ask(move |gallery| {
        let mut child = 0;
        gallery.changing(&inside, |gallery| {
            child = gallery.add(&model, kept, false)?.first().copied().unwrap_or_default();
            gallery.link(child, &parents)
        })?;
        Ok((child, gallery.family(child)?))
    })?;
    tell(cx, child, members);
    Ok(())
}

/// Tells the family of a kept picture.
///
/// # Errors
/// The library cannot be read.
pub fn family(cx: &Context, gallery: &mut Gallery, item: i64) -> Result<()> {
    let members = gallery.family(item)?;
    tell(cx, item, members);
    Ok(())
}

fn tell(cx: &Context, item: i64, members: Vec<(crate::engine::Item, Vec<i64>)>) {
    let members = members.into_iter().map(|(item, parents)| LineageNode { item, parents }).collect();
    cx.tell(Event::Latent(LatentEvent::Family { item, members }));
}
