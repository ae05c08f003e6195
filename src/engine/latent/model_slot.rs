//! Models that a lane works with: its own, beside those of the inference thread.

use crate::base::{Problem, Result};
use crate::engine::dataset_locator;
use crate::engine::inference::{Inference, Models};
use crate::engine::jobs::Context;
use crate::latent::model::LoadedModel;

/// The model that a lane used last.
#[derive(Default)]
pub struct Shelf {
    kept: Option<(String, Option<String>, LoadedModel)>,
}

impl Shelf {
    /// A model as it is on disk now.
    ///
    /// # Errors
    /// There is no such model, or it cannot be loaded.
    pub fn get(&mut self, cx: &Context, model: &str) -> Result<&LoadedModel> {
        let device = cx.backend.device();
        let stamp = cx.backend.stamp(model).map(|stamp| format!("{device} {stamp}"));
        let fresh =
            |kept: &(String, Option<String>, LoadedModel)| kept.0 == model && kept.1 == stamp && stamp.is_some();
        let kept = match self.kept.take().filter(fresh) {
            Some(kept) => kept,
            None => (model.to_string(), stamp, cx.backend.load(model)?),
        };
        Ok(&self.kept.insert(kept).2)
    }
}

/// The source that `data` means for a model: what it learned from if that is empty.
///
/// # Errors
/// Those pictures are not known on this computer.
pub fn own(cx: &Context, loaded: &LoadedModel, model: &str, data: &str) -> Result<String> {
    dataset_locator::of_info(model, loaded.info(), data, &cx.paths)
}

/// A model of the inference thread, as the real thing.
///
/// # Errors
/// There is no such model, or this engine only pretends to have it.
pub fn real<'a>(models: &'a mut Models, model: &str) -> Result<&'a LoadedModel> {
    let it: &dyn Inference = models.get(model)?;
    it.real().ok_or_else(|| Problem::usage("This engine has no networks").of(model))
}
