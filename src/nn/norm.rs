//! Batch normalisation whose running statistics are never late.

use burn::module::{Module, Param, RunningState};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;

use super::fused;
use super::init::Init;

/// Batch normalisation over `[b, c, h, w]`.
///
/// burn applies an update of the running statistics one step late, and a record taken in between misses it; here they
/// are merged at once, so that a snapshot at any moment is complete.
/// Statistics of the batch are used and gathered while the layer is on an autodiff device and its training flag is
/// on; `valid()` switches to the running ones.
#[derive(Module, Debug)]
pub struct Norm {
    /// burn's layer.
    pub norm: BatchNorm,
}

impl Norm {
    /// Scales near 1 (normal, `std`), shifts 0: the initialisation of DCGAN.
    pub fn new(init: &Init<'_>, channels: usize, std: f64) -> Self {
        // Running statistics are buffers: they never take part in a graph.
        let constant = |value: f64| Tensor::<1>::full([channels], value, init.device()).set_require_grad(false);
        Self {
            norm: BatchNorm {
                gamma: init.normal_around("gamma", [channels], 1.0, std),
                beta: init.filled([channels], 0.0),
                training: Param::from_bool(true),
                running_mean: RunningState::new(constant(0.0)),
                running_var: RunningState::new(constant(1.0)),
                momentum: 0.1,
                epsilon: 1e-5,
            },
        }
    }

    /// `[b, c, h, w] → [b, c, h, w]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let norm = &self.norm;
        let trains = x.device().is_autodiff() && norm.training.is_enabled();
        let own = if trains { fused::batch_norm(&x, &norm.gamma.val(), &norm.beta.val(), norm.epsilon) } else { None };
        let y = match own {
            Some((y, mean, variance)) => {
                let moved = |old: Tensor<1>, new: Tensor<1>| old * (1.0 - norm.momentum) + new * norm.momentum;
                norm.running_mean.update(moved(norm.running_mean.value_sync().without_autodiff(), mean));
                norm.running_var.update(moved(norm.running_var.value_sync().without_autodiff(), variance));
                y
            }
            None => norm.forward(x),
        };
        norm.running_mean.value_sync();
        norm.running_var.value_sync();
        y
    }
}
