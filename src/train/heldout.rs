//! Pictures that a run does not learn from.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::tensors;
use crate::data::Prepared;
use crate::recipe::Recipe;

/// Held-out pictures as the eye and the validation see them.
pub struct Heldout {
    /// Pictures, one after the other.
    pub bytes: Vec<u8>,
    /// Their labels, places among the classes of the model.
    pub labels: Vec<Option<u32>>,
}

impl Heldout {
    /// The first 512 of a set.
    pub fn of(prepared: &Prepared) -> Self {
        let indices = &prepared.heldout()[..prepared.heldout().len().min(512)];
        let bytes = indices.iter().flat_map(|&i| prepared.picture(i as usize).iter().copied()).collect();
        Self { bytes, labels: indices.iter().map(|&i| prepared.label(i as usize)).collect() }
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none: the set is small.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pictures `range` as a model of this recipe is shown them while training: `[n, c, h, w]`, with their classes where
    /// the model learns some.
    pub fn shown(&self, range: Range<usize>, recipe: &Recipe, device: &Device) -> (Tensor<4>, Option<Tensor<2>>) {
        let shape = recipe.shape();
        let bytes = &self.bytes[range.start * shape.bytes()..range.end * shape.bytes()];
        let classes = if recipe.model.conditional { recipe.model.classes.len() } else { 0 };
        let class = tensors::classes(&self.labels[range.clone()], classes, device);
        (tensors::pictures(bytes, range.len(), shape, device), class)
    }
}
