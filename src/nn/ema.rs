//! Averaged weights: the shadow of a network that follows it slowly (exponential moving average).

use std::any::Any;
use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::fused;
use super::param_path::Path;

/// A shadow to begin with: the same weights, without autodiff, in inference mode, with buffers of its own.
pub fn shadow<M: Module>(live: &M) -> M {
    live.valid()
}

/// β that halves the memory of a weight every `half_life` pictures, for a step of `batch` pictures.
///
/// `rampup` > 0 shortens the half-life at the beginning to that share of the `images` seen (Karras 2020). A half-life
/// of 0 keeps no average.
pub fn beta(half_life: f64, rampup: f64, images: u64, batch: u64) -> f64 {
    let half_life = if rampup > 0.0 { half_life.min(images as f64 * rampup) } else { half_life };
    if half_life > 0.0 { libm::exp2(-(batch as f64) / half_life) } else { 0.0 }
}

/// One step of the shadow: `β·shadow + (1 − β)·live`. Buffers (running statistics) are copied.
///
/// The shadow must come from [`shadow`] (or `valid()`): a plain clone shares its running statistics with the live
/// network, and they would be written there too.
pub fn update<M: Module>(shadow: M, live: &M, beta: f64) -> M {
    let mut gather = Gather::default();
    live.visit(&mut gather);
    shadow.map(&mut Follow { live: gather.tensors, path: Path::default(), beta })
}

#[derive(Default)]
struct Gather {
    path: Path,
    tensors: HashMap<String, Box<dyn Any>>,
}

impl ModuleVisitor for Gather {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors.insert(self.path.name(), Box::new(param.val().without_autodiff()));
    }
}

struct Follow {
    live: HashMap<String, Box<dyn Any>>,
    path: Path,
    beta: f64,
}

impl ModuleMapper for Follow {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let live = self.live.remove(&self.path.name()).and_then(|t| t.downcast::<Tensor<D>>().ok());
        // Shadow and live network are the same type with the same fields, so every tensor is there.
        let Some(live) = live.map(|t| *t) else { return param };
        if self.path.is_buffer() || self.beta == 0.0 {
            return param.map(|_| live);
        }
        let beta = self.beta;
        param.map(|shadow| match fused::blend(&shadow, &live, beta) {
            Some(blend) => blend,
            None => shadow * beta + live * (1.0 - beta),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Generator;
    use crate::models::io::Weights;
    use crate::recipe::Recipe;
    use burn::tensor::Device;

    fn small(model: &str, seed: u64) -> Recipe {
        let mut r = Recipe { seed, ..Recipe::default() };
        r.model.id = model.into();
        (r.data.resolution, r.model.width, r.model.narrow, r.model.latent) = (16.into(), 8, 8, 4);
        r
    }

    #[test]
    fn a_shadow_follows_and_leaves_the_live_network_alone() {
        let device = Device::flex().autodiff();
        let start = Generator::init(&small("dcgan", 1), &device).unwrap();
        let live = Generator::init(&small("dcgan", 2), &device).unwrap();
        // One training forward moves the running statistics of the live network.
        live.forward(Tensor::ones([3, 4], &device), None);
        let before = Weights::of(&live);
        let followed = Weights::of(&update(shadow(&start), &live, 0.75));
        assert_eq!(before.hash(), Weights::of(&live).hash());
        let (a, b) = (Weights::of(&start), before);
        for (name, tensor) in &followed.tensors {
            for (i, got) in tensor.values.iter().enumerate() {
                let (s, l) = (a.tensors[name].values[i], b.tensors[name].values[i]);
                let expected = if name.contains("running_") { l } else { 0.75 * s + 0.25 * l };
                assert!((got - expected).abs() < 1e-6, "{name} {got} {expected}");
            }
        }
        assert!(b.tensors.keys().any(|n| n.contains("running_mean")));
    }

    #[test]
    fn half_lives_halve() {
        assert!((beta(1000.0, 0.0, 0, 1000) - 0.5).abs() < 1e-12);
        assert!((beta(1000.0, 0.05, 2000, 100) - 0.5).abs() < 1e-12);
        assert_eq!(beta(0.0, 0.05, 2000, 100), 0.0);
        assert_eq!(beta(1000.0, 0.05, 0, 100), 0.0);
    }
}
