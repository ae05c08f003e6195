//! What the scripted engine draws token by token.

use std::sync::Arc;

use super::made;
use crate::base::{Channels, Picture};
use crate::engine::latent::retrieval::{FindReal, RealFound};
use crate::engine::latent::token_draws::hidden_after;
use crate::engine::{Event, JobId, LatentEvent};
use crate::latent::draw::{DrawRequest, RetrievedTokens, Token};
use crate::latent::retrieval::{Nearest, Neighbour, Standing};

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

/// Two real pictures, whatever is asked for.
pub(super) fn found(job: JobId, model: &str, ask: &FindReal) -> Vec<Event> {
    let why: Vec<(&'static str, usize)> = match (ask.text.is_empty(), ask.like.is_empty()) {
        (false, true) => vec![("caption", 1), ("words", 3)],
        _ => vec![("likeness", 1)],
    };
    let of = |place: usize| {
        let caption = Some(format!("a picture of {}", if ask.text.is_empty() { "something" } else { &ask.text }));
        let (name, label) = (format!("real/{place:03}.png"), Some("kind".to_string()));
        let neighbour = Neighbour { place, name, caption, label, weight: 0.5, why: why.clone() };
        (neighbour, made::gradient(&[place as f32; 16], 16, Channels::Rgb))
    };
    let tokens = RetrievedTokens { tokens: vec![vec![7; 4]; 2], weights: vec![0.5; 2], columns: 2, strength: 0.5 };
    let found = RealFound {
        pictures: vec![of(3), of(9)],
        notes: vec!["On made pictures: always right".into()],
        words: "a picture".into(),
        tokens: Some(Arc::new(tokens)),
        likeness: vec![30.0, 20.0],
    };
    vec![Event::Latent(LatentEvent::RealFound { job, model: model.into(), found: Arc::new(found) })]
}

/// The first picture nearly is a real one, the others are not.
pub(super) fn nearest(pictures: &[Picture]) -> Vec<(Nearest, Picture)> {
    let of = |(i, picture): (usize, &Picture)| {
        let (as_near, standing) = if i == 0 { (0.0, Standing::Copy) } else { (0.4, Standing::Own) };
        (Nearest { place: i, name: format!("real/{i:03}.png"), distance: 1.0, as_near, standing }, picture.clone())
    };
    pictures.iter().enumerate().map(of).collect()
}
