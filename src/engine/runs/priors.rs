//! Runs that train a prior: the token model that they are trained on.

use crate::base::paths::Paths;
use crate::base::{Family, Problem, Result};
use crate::latent::catalog;
use crate::models::info::ModelInfo;
use crate::models::io::{METADATA, Weights};
use crate::recipe::{Parent, Recipe};
use crate::train::folder::{RunFolder, TOKENS};

/// A token model by its name.
///
/// # Errors
/// There is no such model, or it is none of tokens.
pub fn token_model(model: &str, paths: &Paths) -> Result<ModelInfo> {
    let (_, info) = catalog::resolve(model, paths)?.read()?;
    if info.family != Family::Tokens {
        return Err(Problem::usage("A prior is trained on a token model, and this is none")
            .of(model)
            .try_this("Train one first: `latent-studio train --model vq-vae`"));
    }
    Ok(ModelInfo { model: model.into(), ..info })
}

/// Says in a recipe what its prior is trained on: pictures are prepared as the token model's were.
///
/// # Errors
/// A prior without a token model, or a token model for what is no prior.
pub fn train_on(recipe: &mut Recipe, on: Option<&ModelInfo>) -> Result<()> {
    match (recipe.family(), on) {
        (Ok(Family::Prior), Some(info)) => {
            let own = &info.recipe.data;
            (recipe.data.resolution, recipe.data.channels) = (own.resolution, own.channels);
            (recipe.data.fit, recipe.data.mirror) = (own.fit, own.mirror);
            (recipe.data.background, recipe.data.pixels) = (own.background, own.pixels);
            recipe.model.tokens.on = Some(Parent { model: info.model.clone(), hash: info.hash.clone() });
            Ok(())
        }
        (Ok(Family::Prior), None) if recipe.model.tokens.on.is_none() => {
            Err(Problem::usage("A prior draws the tokens of a token model, and none is named")
                .of(format!("model.id = {}", recipe.model.id))
                .try_this("Name the token model that it is to be trained on: --on MODEL"))
        }
        (_, Some(info)) => Err(Problem::usage("Only a prior is trained on a token model")
            .of(info.name.clone())
            .try_this("Choose gpt or lstm as the model, or leave --on out")),
        _ => Ok(()),
    }
}

/// Keeps a copy of the token model in the folder of a run that trains a prior, so that it goes on whatever becomes of the
/// original.
///
/// # Errors
/// The token model is missing or has changed, or the folder cannot be written.
pub fn keep_token_model(folder: &RunFolder, paths: &Paths) -> Result<()> {
    let recipe = folder.recipe()?;
    let file = folder.dir().join(TOKENS);
    if recipe.family() != Ok(Family::Prior) || file.is_file() {
        return Ok(());
    }
    let Some(on) = &recipe.model.tokens.on else { return Ok(()) };
    let (weights, info) = catalog::resolve(&on.model, paths)?.read()?;
    if weights.hash() != on.hash {
        return Err(Problem::data("The token model is no longer the one that this prior names")
            .of(on.model.clone())
            .because("its weights have another hash")
            .try_this("Start a new run on the token model as it is now"));
    }
    let text = serde_json::to_string(&info)
        .map_err(|e| Problem::failed("The token model's description could not be written").because(e))?;
    let copy = Weights { tensors: weights.tensors, ..Weights::default() };
    copy.with(METADATA, text).write(&file)
}
