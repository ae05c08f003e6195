//! Whether a kept picture is the model's own, near to a picture that the model learned from, or a copy of one.
//!
//! What was found is kept in the cache by the hash of the weights and of the picture, so that it is computed once.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Context, read_picture};
use crate::base::paths::write_atomically;
use crate::base::progress::Quiet;
use crate::base::{Picture, Problem, Result, vault};
use crate::data;
use crate::engine::{Event, Item, dataset_locator};
use crate::export::{decode, png_bytes};
use crate::latent::retrieval::{Corpus, Standing};
use crate::recipe::DataRecipe;

/// How a picture stands to those that its model learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// Own, near or copy.
    pub standing: Standing,
    /// Name of the nearest training picture.
    pub name: String,
    /// Share of unseen real pictures that come at least as near to one, 0 to 1.
    pub as_near: f64,
    /// Unseen pictures that this rests on.
    pub unseen: u64,
    /// Whether they were held out; else the training pictures stand in for them.
    pub held_out: bool,
}

/// What the lane remembers: the pictures of the model that was asked about last.
#[derive(Default)]
pub struct Looked(Option<(String, Corpus)>);

/// Where what was found of a picture is kept.
fn file(cx: &Context, weights: &str, picture: &Picture) -> PathBuf {
    let hash = blake3::hash(&picture.rgba).to_hex();
    cx.paths.cache.join("likeness").join(crate::base::paths::safe_name(weights)).join(format!("{}.json", &hash[..32]))
}

/// Tells how a kept picture stands to what its model learned from. Without `look` only what is known already is told.
///
/// # Errors
/// Never: why nothing is known is told instead.
pub fn tell(cx: &Context, looked: &mut Looked, item: &Item, look: bool) -> Result<()> {
    let found = known(cx, item).and_then(|known| match known {
        None if look => find(cx, looked, item).map(Some),
        known => Ok(known),
    });
    let (found, problem) = match found {
        Ok(found) => (found, None),
        Err(problem) => (None, Some(problem)),
    };
    cx.tell(Event::Likeness { item: item.id, found: found.map(Box::new), problem });
    Ok(())
}

/// What was found before.
///
/// # Errors
/// The picture cannot be read.
pub fn known(cx: &Context, item: &Item) -> Result<Option<(Likeness, Picture)>> {
    let Some(recipe) = &item.recipe else { return Ok(None) };
    let file = file(cx, &recipe.model_hash, &read_picture(&item.path)?);
    let read = || {
        let text = vault::read(&file).ok()?;
        let real = vault::read(file.with_extension("png")).ok()?;
        Some((serde_json::from_slice(&text).ok()?, decode(&real).ok()?))
    };
    Ok(read())
}

fn find(cx: &Context, looked: &mut Looked, item: &Item) -> Result<(Likeness, Picture)> {
    let recipe = item
        .recipe
        .as_ref()
        .ok_or_else(|| Problem::data("No model of the studio made this picture").of(item.path.display().to_string()))?;
    let info = cx.models().into_iter().find(|m| m.hash == recipe.model_hash).ok_or_else(|| {
        Problem::data("The model that made this picture is not on this computer").of(recipe.model.clone())
    })?;
    if looked.0.as_ref().is_none_or(|(hash, _)| *hash != info.hash) {
        let source = dataset_locator::of_info(&info.model, &info, "", &cx.paths)?;
        let data = DataRecipe { source, ..info.recipe.data.clone() };
        let corpus = Corpus::open(&data, &cx.paths, "cpu", &Quiet::default())?;
        looked.0 = Some((info.hash.clone(), corpus));
    }
    let (_, corpus) = looked.0.as_ref().expect("it was just opened");
    let picture = read_picture(&item.path)?;
    let near = corpus.nearest(&[data::prepare_picture(&picture, &info.recipe.data)])?.pop();
    let near = near.ok_or_else(|| Problem::data("There is no training picture to compare with").of(info.name))?;
    let real = corpus.picture(near.place);
    let copies = corpus.copies();
    let likeness = Likeness {
        standing: near.standing,
        name: near.name,
        as_near: near.as_near,
        unseen: copies.unseen() as u64,
        held_out: copies.is_held_out(),
    };
    let file = file(cx, &info.hash, &picture);
    let kept = file
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .map_err(|e| Problem::io("This could not be kept", &file, &e));
    let kept = kept.and_then(|()| write_atomically(&file.with_extension("png"), &png_bytes(&real, None)?));
    let text = serde_json::to_vec(&likeness).unwrap_or_default();
    if let Err(problem) = kept.and_then(|()| write_atomically(&file, &text)) {
        log::warn!("{problem}");
    }
    Ok((likeness, real))
}
