//! Small models for tests: fresh weights, which are as good a function as any.

use burn::tensor::Device;

use super::model::LoadedModel;
use crate::base::Family;
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::models::{Generator, Vae};
use crate::recipe::{Recipe, preset};

/// A model of this kind with `latent` numbers, for pictures of 16 pixels.
pub fn fresh(id: &str, width: u32, latent: u32) -> LoadedModel {
    fresh_with(id, width, latent, &[])
}

/// As [`fresh`], with classes.
pub fn fresh_with(id: &str, width: u32, latent: u32, classes: &[&str]) -> LoadedModel {
    let mut recipe = Recipe { name: id.into(), ..Recipe::default() };
    recipe.model.id = id.into();
    recipe.data.resolution = 16;
    (recipe.model.width, recipe.model.narrow, recipe.model.latent) = (width, width / 2, latent);
    recipe.model.conditional = !classes.is_empty();
    recipe.model.classes = classes.iter().map(|c| (*c).to_string()).collect();
    of(recipe)
}

/// A model of a recipe with fresh weights.
pub fn of(recipe: Recipe) -> LoadedModel {
    let device = Device::flex();
    let family = preset::family_of(&recipe.model.id).unwrap_or(Family::Gan);
    let weights = match family {
        Family::Gan => Weights::of(&Generator::init(&recipe, &device).unwrap()),
        Family::Vae => Weights::of(&Vae::init(&recipe, &device).unwrap()),
    };
    let info = ModelInfo { model: recipe.name.clone(), ..ModelInfo::of(&recipe, weights.hash()) };
    LoadedModel::from_weights(&weights, info, "cpu").unwrap()
}
