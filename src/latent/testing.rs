//! Small models for tests: fresh weights, which are as good a function as any.

use burn::tensor::Device;

use super::model::LoadedModel;
use crate::base::Family;
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::models::{Generator, TokenPrior, TokenVae, Vae};
use crate::recipe::Recipe;

/// A model of this kind with `latent` numbers, for pictures of 16 pixels.
pub fn fresh(id: &str, width: u32, latent: u32) -> LoadedModel {
    fresh_with(id, width, latent, &[])
}

/// As [`fresh`], with classes.
pub fn fresh_with(id: &str, width: u32, latent: u32, classes: &[&str]) -> LoadedModel {
    of(recipe_of(id, width, latent, classes))
}

/// The recipe of such a model.
fn recipe_of(id: &str, width: u32, latent: u32, classes: &[&str]) -> Recipe {
    let mut recipe = Recipe { name: id.into(), ..Recipe::default() };
    recipe.model.id = id.into();
    recipe.data.resolution = 16.into();
    (recipe.model.width, recipe.model.narrow, recipe.model.latent) = (width, width / 2, latent);
    recipe.model.conditional = !classes.is_empty();
    recipe.model.classes = classes.iter().map(|c| (*c).to_string()).collect();
    recipe
}

/// A VAE with classes that make a difference; with fresh weights they make none yet.
pub fn classed_vae(width: u32, latent: u32, classes: &[&str]) -> LoadedModel {
    with_weights(recipe_of("conv-vae", width, latent, classes), |weights| {
        let of_classes = weights.tensors.iter_mut().filter(|(name, _)| name.contains("class_"));
        for value in of_classes.flat_map(|(_, tensor)| tensor.values.iter_mut().enumerate()) {
            *value.1 = 0.1 * (value.0 as f32 + 1.0);
        }
    })
}

/// A model of a recipe with fresh weights.
pub fn of(recipe: Recipe) -> LoadedModel {
    with_weights(recipe, |_| {})
}

/// A model of a recipe with fresh weights that were changed.
fn with_weights(recipe: Recipe, change: impl FnOnce(&mut Weights)) -> LoadedModel {
    let device = Device::flex();
    let family = recipe.family().unwrap();
    let mut weights = match family {
        Family::Gan => Weights::of(&Generator::init(&recipe, &device).unwrap()),
        Family::Vae => Weights::of(&Vae::init(&recipe, &device).unwrap()),
        Family::Tokens => Weights::of(&TokenVae::init(&recipe, &device).unwrap()),
        Family::Prior => Weights::of(&TokenPrior::init(&recipe, &device).unwrap()),
    };
    change(&mut weights);
    let info = ModelInfo { model: recipe.name.clone(), ..ModelInfo::of(&recipe, weights.hash()) };
    LoadedModel::from_weights(&weights, info, "cpu").unwrap()
}
