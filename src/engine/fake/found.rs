//! What the scripted engine finds in its gallery.

use std::sync::Arc;

use super::Script;
use crate::base::Problem;
use crate::engine::{By, Event, Facets, Hit, Item, Sample, SearchAnswer, SearchRequest, Why};

/// Data sets, labels and a saved search to choose from.
pub(super) fn facets() -> Facets {
    let named = |name: &str, count| (name.to_string(), count);
    let saved = SearchRequest { text: "seed".into(), limit: 10, ..SearchRequest::default() };
    Facets {
        sets: vec![named("clothes", 60_000), named("objects", 2527)],
        labels: vec![named("Ankle boot", 6000), named("glass", 501)],
        searches: vec![("Seeds".into(), serde_json::to_string(&saved).unwrap_or_default())],
    }
}

/// Pictures whose model or tags have the words, and those of the models of the examples; every fifth is a copy of the
/// first.
pub(super) fn search(script: &Script, ticket: u64, request: &SearchRequest) -> Vec<Event> {
    let text = request.text.to_lowercase();
    if text.is_empty() && request.like.is_empty() && request.unlike.is_empty() {
        return vec![Event::NotFound { ticket, problem: Problem::usage("Nothing was searched for") }];
    }
    let models = |samples: &[Sample]| -> Vec<String> {
        let of = |id: &i64| script.items.iter().find(|(i, _)| i.id == *id).map(|(i, _)| i.model.clone());
        let one = |s: &Sample| {
            if let Sample::Item(id) | Sample::Region(id, _) = s {
                of(id)
            } else {
                script.models.first().map(|m| m.name.clone())
            }
        };
        samples.iter().filter_map(one).collect()
    };
    let (like, unlike) = (models(&request.like), models(&request.unlike));
    let given = |item: &Item| request.like.iter().chain(&request.unlike).any(|s| *s == Sample::Item(item.id));
    let why = |by, rank: usize, near: Option<f32>, note: String| Why { by, rank, near, note };
    let mut hits: Vec<Hit> = Vec::new();
    for (item, trashed) in &script.items {
        if *trashed || given(item) || unlike.contains(&item.model) && !like.contains(&item.model) {
            continue;
        }
        let rank = hits.len() + 1;
        let mut reasons = Vec::new();
        let known = format!("{} seed {}", item.model, item.tags.join(" ")).to_lowercase();
        if !text.is_empty() && text.split_whitespace().any(|w| known.contains(w)) {
            reasons.push(why(By::Words, rank, None, format!("name: {text}")));
        }
        if like.contains(&item.model) {
            reasons.push(why(By::Look, rank, Some(0.9), "looks like it (0.90)".into()));
        }
        if !reasons.is_empty() {
            hits.push(Hit { item: item.clone(), score: 1.0 / (60.0 + rank as f64), why: reasons });
        }
    }
    hits.truncate(request.limit);
    let copies = match hits.first() {
        Some(first) => hits.iter().skip(1).step_by(5).map(|h| (h.item.id, first.item.id)).collect(),
        None => Vec::new(),
    };
    vec![Event::Found { ticket, answer: Arc::new(SearchAnswer { hits, copies, notes: Vec::new() }) }]
}
