//! How large a network may be, whoever says so: a recipe may come out of a file that anybody made.

use super::form::{FIELDS, Group, Input};
use super::tokens::MOST_WORDS;
use super::{Recipe, json_path};
use crate::base::{Problem, Resolution, Result};

/// Most classes that a model may know.
pub const MOST_CLASSES: usize = 65_536;

/// Refuses a recipe whose network cannot be: without size, or beyond the largest that the form allows.
///
/// Less strict than [`Recipe::validate`], which also asks whether it can be trained. Networks are built only from recipes
/// that pass.
///
/// # Errors
/// The first setting that is out of bounds.
pub fn check(recipe: &Recipe) -> Result<()> {
    let refuse = |key: &str, value: f64, least: f64, most: f64| {
        Err(Problem::data("No network can be built from this recipe")
            .of(format!("{key} = {value}"))
            .try_this(format!("It goes from {least} to {most}; the file may be damaged")))
    };
    for field in FIELDS.iter().filter(|f| f.group == Group::Model) {
        let Input::Int { min, max, .. } = field.input else { continue };
        let Some(value) = json_path::get(recipe, field.key).and_then(|v| v.as_f64()) else { continue };
        let (least, most) = (min.min(1) as f64, max as f64);
        if !(least..=most).contains(&value) {
            return refuse(field.key, value, least, most);
        }
    }
    let size = recipe.data.resolution;
    let long = size.longer() > Resolution::MAX_RATIO * size.shorter();
    if size.shorter() < 1 || size.longer() > Resolution::MAX_SIDE || long {
        return Err(Problem::data("No network can be built from this recipe")
            .of(format!("data.resolution = {size}"))
            .try_this(format!("{}; the file may be damaged", Resolution::RULE)));
    }
    let tokens = &recipe.model.tokens;
    for side in tokens.layout {
        if side > 64 {
            return refuse("model.tokens.layout", f64::from(side), 0.0, 64.0);
        }
    }
    let words = tokens.words.len();
    if words > MOST_WORDS {
        return refuse("model.tokens.words", words as f64, 0.0, MOST_WORDS as f64);
    }
    let classes = recipe.model.classes.len();
    if classes > MOST_CLASSES {
        return refuse("model.classes", classes as f64, 0.0, MOST_CLASSES as f64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_that_shapes_a_network_is_without_bounds() {
        check(&Recipe::default()).unwrap();
        type Change = fn(&mut Recipe);
        let changes: [(&str, Change); 9] = [
            ("model.latent", |r| r.model.latent = 0),
            ("model.latent", |r| r.model.latent = u32::MAX),
            ("model.width", |r| r.model.width = 0),
            ("model.narrow", |r| r.model.narrow = 4_000_000),
            ("model.blocks", |r| r.model.blocks = u32::MAX),
            ("data.resolution", |r| r.data.resolution = 0.into()),
            ("data.resolution", |r| r.data.resolution = (1 << 20).into()),
            ("data.resolution", |r| r.data.resolution = Resolution::new(16, 512)),
            ("model.classes", |r| r.model.classes = vec![String::new(); MOST_CLASSES + 1]),
        ];
        for (key, change) in changes {
            let mut recipe = Recipe::default();
            change(&mut recipe);
            assert!(check(&recipe).unwrap_err().subject.unwrap().starts_with(key), "{key}");
            assert!(recipe.validate().is_err(), "{key}");
            let device = burn::tensor::Device::flex();
            assert!(crate::models::Generator::blank(&recipe, &device).is_err());
            assert!(crate::models::Critic::blank(&recipe, &device).is_err());
            recipe.model.id = "res-vae".into();
            assert!(crate::models::Vae::blank(&recipe, &device).is_err());
            assert!(crate::models::outline::outline(&recipe).is_err());
            assert_eq!(crate::models::parameter_count(&recipe), 0);
        }
    }
}
