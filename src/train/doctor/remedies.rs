//! What can be done about a finding: settings that a run takes while it is on, or a fork, or a new run.

use serde_json::{Value, json};

use super::finding::Remedy;
use super::seen::Seen;
use crate::recipe::{AugmentControl, form};

/// A live edit.
pub fn live(title: &str, key: &str, value: Value) -> Remedy {
    debug_assert!(form::find(key).is_some_and(|f| f.live), "{key} can change while a run is on");
    Remedy { title: title.into(), key: key.into(), value, live: true }
}

/// A change that only a new run, or a fork, takes.
pub fn for_new_run(title: &str, key: &str, value: Value) -> Remedy {
    Remedy { title: title.into(), key: key.into(), value, live: false }
}

/// Something for a person to do.
pub fn by_hand(title: &str) -> Remedy {
    Remedy { title: title.into(), key: String::new(), value: Value::Null, live: false }
}

fn rate(seen: &Seen, factor: f64) -> Value {
    json!(rounded(seen.recipe.optim.lr.at(seen.images) * factor))
}

/// A lower learning rate than now.
pub fn slower(seen: &Seen, factor: f64) -> Remedy {
    live("Lower the learning rate", "optim.lr", rate(seen, factor))
}

/// A higher learning rate than now.
pub fn faster(seen: &Seen, factor: f64) -> Remedy {
    live("Raise the learning rate", "optim.lr", rate(seen, factor))
}

/// A penalty `factor` times as strong; nothing where none is taken.
pub fn stronger_penalty(seen: &Seen, factor: f64) -> Option<Remedy> {
    let objective = &seen.recipe.objective;
    let gamma = objective.gamma.at(seen.images);
    if !(objective.r1 || objective.r2) || gamma <= 0.0 || seen.recipe.looks_through_photos() {
        return None;
    }
    let title = if factor > 1.0 { "Raise the penalty γ" } else { "Lower the penalty γ" };
    Some(live(title, "objective.gamma", json!(rounded(gamma * factor))))
}

/// Whether augmentation has a way to alter pictures.
pub fn alters(seen: &Seen) -> bool {
    let o = &seen.recipe.objective;
    o.augment_colour || o.augment_translation || o.augment_cutout || o.augment_geometry
}

/// More of the altered pictures that the critic is shown; nothing where it is all of them.
pub fn augment_more(seen: &Seen) -> Option<Remedy> {
    let objective = &seen.recipe.objective;
    if objective.augment_control == AugmentControl::Adaptive {
        return None;
    }
    if !alters(seen) {
        return Some(for_new_run("Shift pictures", "objective.augment_translation", json!(true)));
    }
    (objective.augment.at(seen.images) < 1.0).then(|| live("Augment all pictures", "objective.augment", json!(1.0)))
}

/// A fifth of β as it is now; nothing where there is none.
pub fn lower_beta(seen: &Seen) -> Vec<Remedy> {
    let beta = seen.recipe.objective.beta.at(seen.images);
    if beta <= 0.0 {
        return Vec::new();
    }
    vec![live("Lower β", "objective.beta", json!(rounded(beta * 0.2)))]
}

/// Three digits.
pub fn rounded(v: f64) -> f64 {
    format!("{v:.2e}").parse().unwrap_or(v)
}
