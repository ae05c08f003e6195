//! What the steps of all families have in common: a batch and its parts, labels as classes, gradients that add up.

use std::ops::Range;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::optim::Sum;
use super::tensors;
use crate::base::rng::Stream;
use crate::recipe::Recipe;

/// Numbers of a step by name, `[1]` each, without a graph.
pub(super) type Numbers = Vec<(&'static str, Tensor<1>)>;

/// The batch in so many parts, as equal as can be.
pub(super) fn parts(n: usize, count: u32) -> Vec<Range<usize>> {
    let size = n.div_ceil((count as usize).clamp(1, n.max(1)));
    (0..n).step_by(size.max(1)).map(|from| from..(from + size).min(n)).collect()
}

/// Rows of a part. `[n, …] → [m, …]`
pub(super) fn rows<const D: usize>(x: &Tensor<D>, range: &Range<usize>) -> Tensor<D> {
    if range.len() == x.dims()[0] { x.clone() } else { x.clone().narrow(0, range.start, range.len()) }
}

/// Shares of classes, some of them hidden so that the model learns to do without; nothing for a model without classes.
/// `[n, classes]`
pub(super) fn classes(
    recipe: &Recipe,
    labels: &[Option<u32>],
    stream: &mut Stream,
    device: &Device,
) -> Option<Tensor<2>> {
    let count = if recipe.model.conditional { recipe.model.classes.len() } else { 0 };
    if count == 0 {
        return None;
    }
    let dropout = recipe.objective.label_dropout as f32;
    let shown: Vec<Option<u32>> = labels
        .iter()
        .map(|label| {
            let hidden = stream.uniform() < dropout;
            label.filter(|_| !hidden)
        })
        .collect();
    tensors::classes(&shown, count, device)
}

/// The loss of a batch that is worked on in parts: what it is, and its gradients.
#[derive(Default)]
pub(super) struct BatchLoss {
    value: Option<Tensor<1>>,
    gradients: Sum,
}

impl BatchLoss {
    /// Adds the loss of a part, which is `share` of the batch; `shown` is what curves show of it.
    pub fn add<M: Module>(&mut self, loss: Tensor<1>, shown: Tensor<1>, share: f64, module: &M) {
        let shown = shown.inner() * share;
        self.value = Some(match self.value.take() {
            Some(sum) => sum + shown,
            None => shown,
        });
        let loss = if share == 1.0 { loss } else { loss * share };
        self.gradients.add(GradientsParams::from_grads(loss.backward(), module), module);
    }

    /// The loss, `[1]`, and its gradients.
    pub fn finish(self) -> (Tensor<1>, GradientsParams) {
        (self.value.expect("a batch has a part"), self.gradients.finish())
    }
}
