//! Which settings go together, and why not: the form greys out what has no effect or cannot be chosen, with the reason,
//! and [`super::Recipe::validate`] refuses what cannot work.

use super::architecture::{self, ARCHITECTURES};
use super::objective::no_penalty;
use super::{Recipe, form, json_path};
use crate::base::{Channels, Family, Problem, Result};

/// Whether the setting at a path belongs to other models than the recipe's.
pub fn is_foreign(recipe: &Recipe, key: &str) -> bool {
    recipe.architecture().is_ok_and(|a| a.lacks(key))
}

/// Why the setting at a path has no effect with the others as they are; nothing where it has.
pub fn idle(recipe: &Recipe, key: &str) -> Option<String> {
    let foreign = recipe.architecture().ok().and_then(|a| a.why_not(key));
    foreign.or_else(|| form::find(key).and_then(|f| (f.idle)(recipe)).map(String::from))
}

/// Why a value cannot be chosen with the others as they are; nothing where it can.
pub fn refuses(recipe: &Recipe, key: &str, value: &serde_json::Value) -> Option<String> {
    let mut other = recipe.clone();
    match json_path::set(&mut other, key, value.clone()) {
        Ok(()) => clash(&other).filter(|c| c.keys.contains(&key)).map(|c| c.why),
        Err(problem) => Some(problem.what),
    }
}

/// Settings that cannot be together.
pub(super) struct Clash {
    pub keys: &'static [&'static str],
    pub why: String,
    pub remedy: String,
}

fn clash(recipe: &Recipe) -> Option<Clash> {
    let objective = &recipe.objective;
    if let (true, Some(why)) = (objective.penalises(), no_penalty(recipe)) {
        return Some(Clash {
            keys: &["objective.r1", "objective.r2", "objective.gp"],
            why: why.into(),
            remedy: format!("Switch the penalties off, or choose {}", architecture::RES_GAN.id),
        });
    }
    let points = recipe.data.settled().channels == Channels::Points;
    let Ok(model) = recipe.architecture() else { return None };
    if points && !model.points {
        let others: Vec<&str> = ARCHITECTURES.iter().filter(|a| a.points).map(|a| a.id).collect();
        return Some(Clash {
            keys: &["model.id", "data.source"],
            why: "Points in the plane are no pictures: only fully connected networks learn them".into(),
            remedy: format!("Choose {}, or other data", others.join(" or ")),
        });
    }
    if points && objective.augments() {
        return Some(Clash {
            keys: &["objective.augment", "data.source"],
            why: "Points in the plane cannot be augmented".into(),
            remedy: "Set the augmentation to 0".into(),
        });
    }
    if recipe.data.resolution.longer() > model.max_side {
        return Some(Clash {
            keys: &["model.id", "data.resolution"],
            why: format!("The networks of {} would have too many weights for such large pictures", model.title),
            remedy: format!("Choose at most {} pixels a side, or another model", model.max_side),
        });
    }
    match model.family {
        Family::Gan => None,
        Family::Vae => super::vae::clash(recipe, model),
        Family::Tokens | Family::Prior => super::tokens::clash(recipe, model),
    }
}

/// Refuses settings of a recipe that cannot be together.
///
/// # Errors
/// The first such pair.
pub(super) fn check(recipe: &Recipe) -> Result<()> {
    match clash(recipe) {
        Some(clash) => Err(Problem::usage(clash.why).of(clash.keys.join(", ")).try_this(clash.remedy)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::form::FIELDS;
    use serde_json::json;

    #[test]
    fn what_cannot_be_together_is_refused_with_a_reason_before_it_is_chosen() {
        let mut r = Recipe::default();
        r.validate().unwrap();
        assert!(refuses(&r, "objective.r1", &json!(true)).is_none());
        r.model.id = "dcgan".into();
        (r.objective.r1, r.objective.r2) = (false, false);
        r.validate().unwrap();
        assert!(refuses(&r, "objective.r1", &json!(true)).unwrap().contains("batch norm"));
        assert!(idle(&r, "objective.gamma").unwrap().contains("batch norm"));
        r.objective.gp = 10.0;
        assert!(r.validate().unwrap_err().what.contains("batch norm"));
        r.objective.gp = 0.0;
        r.data.resolution = 64.into();
        assert!(refuses(&r, "model.id", &json!("mlp-gan")).is_some());
    }

    #[test]
    fn settings_without_effect_say_so() {
        let r = Recipe::default();
        assert!(idle(&r, "model.mapping").unwrap().contains("StyleGAN2"));
        assert!(idle(&r, "objective.ada_target").is_some() && idle(&r, "objective.gamma").is_none());
        // Every key that is asked about is on the form.
        for key in ["model.expansion", "objective.style_mixing", "objective.gp", "model.narrow"] {
            assert!(FIELDS.iter().any(|f| f.key == key));
        }
    }
}
