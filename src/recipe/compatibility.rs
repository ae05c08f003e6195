//! Which settings go together, and why not: the form greys out what has no effect or cannot be chosen, with the reason,
//! and [`super::Recipe::validate`] refuses what cannot work.

use super::{AugmentControl, Recipe, json_path};
use crate::base::{Channels, Family, Problem, Result};

/// Whether the setting at a path belongs to other models than the recipe's.
pub fn is_foreign(recipe: &Recipe, key: &str) -> bool {
    idle(recipe, key).is_some_and(|why| why.starts_with(ONLY))
}

/// How the reason begins for which a setting is foreign.
const ONLY: &str = "Only ";

/// Why the setting at a path has no effect with the others as they are; nothing where it has.
pub fn idle(recipe: &Recipe, key: &str) -> Option<String> {
    let (id, objective) = (recipe.model.id.as_str(), &recipe.objective);
    let only = |ids: &[&str], what: &str| (!ids.contains(&id)).then(|| format!("{ONLY}{what} has this"));
    let penalty = objective.r1 || objective.r2 || objective.gp > 0.0;
    match key {
        "model.expansion" => only(&["res-gan"], "the residual GAN"),
        "model.group" => only(&["res-gan"], "the residual GAN")
            .or_else(|| (recipe.model.expansion == 0).then(|| "Blocks without expansion have no groups".into())),
        "model.mapping" | "model.noise" | "model.minibatch" | "objective.style_mixing" | "objective.freeze_mapping" => {
            only(&["style-gan"], "StyleGAN2")
        }
        "model.waves" => only(&["mlp-gan"], "the MLP GAN").or_else(|| {
            (recipe.data.channels != crate::base::Channels::Points).then(|| "Only points are given as waves".into())
        }),
        "model.blocks" => {
            only(&["res-gan", "res-vae", "mlp-gan", "mlp-vae", "ladder-vae"], "a residual or fully connected network")
        }
        "model.narrow" => matches!(id, "mlp-gan" | "mlp-vae").then(|| "Fully connected networks have one width".into()),
        "objective.r1" | "objective.r2" | "objective.gp" => batch_norm(id),
        "objective.gamma" => {
            batch_norm(id).or_else(|| (!objective.r1 && !objective.r2).then(|| "Neither R1 nor R2 is on".into()))
        }
        "objective.penalty_interval" => {
            batch_norm(id).or_else(|| (!penalty).then(|| "There is no penalty to take".into()))
        }
        "objective.label_dropout" => (!recipe.model.conditional).then(|| "The model does not learn labels".into()),
        "objective.ada_target" | "objective.ada_kimg" => {
            (objective.augment_control == AugmentControl::Fixed).then(|| "Augmentation is fixed".into())
        }
        "objective.augment_colour"
        | "objective.augment_translation"
        | "objective.augment_cutout"
        | "objective.augment_geometry" => (!objective.augments()).then(|| "Nothing is augmented".into()),
        "objective.augment" => {
            (objective.augment_control == AugmentControl::Adaptive).then(|| "Augmentation is adaptive".into())
        }
        _ => super::vae::idle(recipe, key),
    }
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
    pub remedy: &'static str,
}

fn batch_norm(id: &str) -> Option<String> {
    (id == "dcgan")
        .then(|| "A critic with batch norm takes no gradient penalty: its samples depend on each other".into())
}

fn clash(recipe: &Recipe) -> Option<Clash> {
    let objective = &recipe.objective;
    let penalty = objective.r1 || objective.r2 || objective.gp > 0.0;
    if let (true, Some(why)) = (penalty, batch_norm(&recipe.model.id)) {
        return Some(Clash {
            keys: &["objective.r1", "objective.r2", "objective.gp"],
            why,
            remedy: "Switch the penalties off, or choose res-gan",
        });
    }
    let points = recipe.data.settled().channels == Channels::Points;
    if points && !matches!(recipe.model.id.as_str(), "mlp-gan" | "mlp-vae") {
        return Some(Clash {
            keys: &["model.id", "data.source"],
            why: "Points in the plane are no pictures: only fully connected networks learn them".into(),
            remedy: "Choose mlp-gan, or other data",
        });
    }
    if points && objective.augments() {
        return Some(Clash {
            keys: &["objective.augment", "data.source"],
            why: "Points in the plane cannot be augmented".into(),
            remedy: "Set the augmentation to 0",
        });
    }
    if recipe.model.id == "mlp-gan" && recipe.data.resolution > 32 {
        return Some(Clash {
            keys: &["model.id", "data.resolution"],
            why: "Fully connected networks grow with the number of pixels; beyond 32 pixels a side they are no use"
                .into(),
            remedy: "Choose 32 pixels or fewer, or a convolutional model",
        });
    }
    recipe.family().is_ok_and(|f| f == Family::Vae).then(|| super::vae::clash(recipe)).flatten()
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
        r.data.resolution = 64;
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
