//! Where encoders are kept: in the studio's own folder by the hash of the generator, or beside the models that come with
//! the studio as `NAME.encoder.safetensors`.

use std::path::PathBuf;

use super::{Encoder, EncoderInfo, METADATA, info_of};
use crate::base::paths::shipped_folders;
use crate::base::paths::{Paths, note_use};
use crate::base::{Problem, Result};
use crate::latent::model::LoadedModel;
use crate::models::io::Weights;

/// The studio's own file for the encoder of a generator.
pub fn file(paths: &Paths, hash: &str) -> PathBuf {
    paths.data.join("encoders").join(format!("{hash}.safetensors"))
}

/// Where a training that is not finished is kept.
pub(super) fn unfinished(paths: &Paths, hash: &str) -> PathBuf {
    paths.data.join("encoders").join(format!("{hash}.training"))
}

/// Every encoder file with what it says of itself, the studio's own first.
fn all(paths: &Paths) -> Vec<(PathBuf, EncoderInfo)> {
    let folders = std::iter::once(paths.data.join("encoders")).chain(shipped_folders());
    let mut files = Vec::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut here: Vec<PathBuf> = entries
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|x| x == "safetensors"))
            .collect();
        here.sort();
        files.extend(here);
    }
    files
        .into_iter()
        .filter_map(|p| {
            let info = info_of(Weights::read_metadata(&p).ok()?.get(METADATA)).ok()?;
            Some((p, info))
        })
        .collect()
}

/// What is known of the encoder of a generator; nothing if there is none.
pub fn known(hash: &str, paths: &Paths) -> Option<EncoderInfo> {
    all(paths).into_iter().find(|(_, info)| info.hash == hash).map(|f| f.1)
}

/// The encoder of a model, if there is one.
///
/// # Errors
/// Its file is damaged; it is named.
pub fn find(model: &LoadedModel, paths: &Paths) -> Result<Option<Encoder>> {
    let Some((path, _)) = all(paths).into_iter().find(|(_, info)| info.hash == model.info().hash) else {
        return Ok(None);
    };
    note_use(&path);
    let subject =
        |p: Problem| p.of(path.display().to_string()).try_this("Remove this file, or train the encoder again");
    let encoder = Weights::read(&path)
        .and_then(|weights| Encoder::of(&weights, model.shape(), model.dims().classes, &model.device))
        .map_err(subject)?;
    // Rows of another length would be taken for places of this model.
    let freedom = encoder.info().freedom;
    if model.allows(freedom).is_err() || model.row(freedom) != encoder.row_length() {
        return Err(subject(Problem::data("This encoder is not one of this model")));
    }
    Ok(Some(encoder))
}

/// Takes away the studio's own encoders of earlier weights of a model that was trained on: the newest one is begun from them
/// and takes their place. Those of checkpoints that are asked for by their own names stay.
pub(super) fn forget_earlier(model: &LoadedModel, paths: &Paths) {
    let own = model.info();
    if own.model.is_empty() {
        return;
    }
    let folder = paths.data.join("encoders");
    for (path, info) in all(paths) {
        if path.starts_with(&folder) && info.model == own.model && info.hash != own.hash {
            // One that cannot be removed only takes room.
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_file(unfinished(paths, &info.hash));
        }
    }
}

/// Weights of an encoder of the same model at another time of its training, to begin from.
pub(super) fn earlier(model: &LoadedModel, paths: &Paths) -> Option<Weights> {
    let own = model.info();
    let of_run = |info: &EncoderInfo| info.model == own.model && info.hash != own.hash && !own.model.is_empty();
    let (path, _) = all(paths).into_iter().find(|(_, info)| of_run(info))?;
    Weights::read(&path).ok()
}
