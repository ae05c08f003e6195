//! What the scripted engine draws token by token.

use super::made;
use crate::base::Channels;
use crate::engine::latent::token_draws::hidden_after;
use crate::engine::{Event, LatentEvent};
use crate::latent::draw::{DrawRequest, Token};

/// A picture of four tokens in two rows, drawn at once; the first of three choices is taken where none is given.
pub(super) fn drawn(session: u64, model: &str, request: &DrawRequest) -> Vec<Event> {
    let (grid, likeliest) = ([2, 2], vec![(5, 0.5), (7, 0.25), (9, 0.125)]);
    let id = |place: usize| request.given.get(place).copied().unwrap_or(5);
    let seen: u32 = (0..4).map(id).sum();
    let picture = made::gradient(&[seen as f32 * 0.1; 16], 16, Channels::Rgb);
    let mut out: Vec<Event> = (0..4)
        .map(|place| {
            let probability = likeliest.iter().find(|l| l.0 == id(place)).map_or(0.01, |l| l.1);
            let token = Token { id: id(place), probability, likeliest: likeliest.clone() };
            let picture = Some(hidden_after(picture.clone(), grid, place));
            Event::Latent(LatentEvent::TokenDrawn { session, model: model.into(), grid, place, token, picture })
        })
        .collect();
    out.push(Event::Latent(LatentEvent::TokensDrawn { session, model: model.into(), picture: Some(picture) }));
    out
}
