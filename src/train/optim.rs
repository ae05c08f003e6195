//! Adam (Kingma & Ba 2015) with scheduled β₂, global-norm clipping, and a state that is plain numbers in visiting order.
//!
//! burn's own Adam fixes β₂ when it is made and clips each tensor by itself; R3GAN schedules β₂, and a limit on
//! gradients means the norm of all of them together.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use crate::base::{Problem, Result};
use crate::nn::fused::{self, AdamStep};
use crate::recipe::OptimRecipe;

/// When a step is taken, and how far it goes.
#[derive(Clone, Copy, Debug)]
pub struct StepAt {
    /// Steps before it.
    pub step: u64,
    /// Pictures seen before it.
    pub images: u64,
    /// Pictures after which the run ends; 0 where there is no end.
    pub target: u64,
    /// What the learning rate is multiplied by: less than 1 after trouble.
    pub lr_factor: f64,
}

impl StepAt {
    /// The first step of a run.
    pub fn first() -> Self {
        Self { step: 0, images: 0, target: 0, lr_factor: 1.0 }
    }
}

/// Settings of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Largest global norm of the gradients; 0 for none.
    pub clip_norm: f64,
}

impl AdamSettings {
    /// Those of a recipe for a step.
    pub fn at(optim: &OptimRecipe, at: StepAt) -> Self {
        Self {
            lr: optim.lr_at(at.images, at.target) * at.lr_factor,
            beta1: optim.beta1,
            beta2: optim.beta2.at(at.images),
            epsilon: optim.epsilon,
            clip_norm: optim.clip_norm,
        }
    }
}

/// First and second moments of every parameter, in the order in which the module is visited.
#[derive(Clone, Debug, Default)]
pub struct Adam {
    moments: Vec<(Tensor<1>, Tensor<1>)>,
    /// Products of all β₁ and β₂ so far: what the moments' bias is corrected by.
    decay1: f64,
    decay2: f64,
}

/// [`Adam`] as plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamState {
    /// First and second moment of each parameter, flattened.
    pub moments: Vec<(Vec<f32>, Vec<f32>)>,
    /// Product of all β₁ so far.
    pub decay1: f64,
    /// Product of all β₂ so far.
    pub decay2: f64,
}

impl Adam {
    /// No step taken yet.
    pub fn new() -> Self {
        Self { moments: Vec::new(), decay1: 1.0, decay2: 1.0 }
    }

    /// One step. Returns the module and the global norm of its gradients before clipping, `[1]`.
    pub fn step<M: Module>(&mut self, settings: AdamSettings, module: M, grads: GradientsParams) -> (M, Tensor<1>) {
        let mut norm = SquaredNorm { grads: &grads, sum: None };
        module.visit(&mut norm);
        let Some(norm) = norm.sum.map(Tensor::sqrt) else {
            let device = module.devices().first().cloned().unwrap_or_else(Device::flex);
            return (module, Tensor::zeros([1], &device.inner()));
        };
        // Computed on the device, so that nothing is read back: limit / max(norm, limit).
        let scale = (settings.clip_norm > 0.0)
            .then(|| norm.clone().clamp_min(settings.clip_norm).recip().mul_scalar(settings.clip_norm));
        self.decay1 *= settings.beta1;
        self.decay2 *= settings.beta2;
        // What stands in for moments while they are changed.
        let empty = Tensor::zeros([1], &norm.device());
        let mut update = Update { adam: self, settings, grads, scale, index: 0, nothing: (empty.clone(), empty) };
        (module.map(&mut update), norm)
    }

    /// Everything, as plain numbers.
    pub fn state(&self) -> AdamState {
        let host = |t: &Tensor<1>| crate::nn::numbers(t.clone());
        AdamState {
            moments: self.moments.iter().map(|(m, v)| (host(m), host(v))).collect(),
            decay1: self.decay1,
            decay2: self.decay2,
        }
    }

    /// Back from plain numbers.
    pub fn from_state(state: &AdamState, device: &Device) -> Self {
        let device = device.clone().inner();
        let tensor = |v: &Vec<f32>| Tensor::<1>::from_data(TensorData::new(v.clone(), [v.len()]), &device);
        Self {
            moments: state.moments.iter().map(|(m, v)| (tensor(m), tensor(v))).collect(),
            decay1: state.decay1,
            decay2: state.decay2,
        }
    }
}

impl AdamState {
    /// Whether it belongs to a module with these parameter sizes.
    ///
    /// # Errors
    /// It does not.
    pub fn fits(&self, sizes: &[usize]) -> Result<()> {
        let mine: Vec<usize> = self.moments.iter().map(|(m, _)| m.len()).collect();
        // Before the first step there are no moments.
        if mine.is_empty() || mine == sizes {
            Ok(())
        } else {
            Err(Problem::data("The optimiser's state does not fit the model"))
        }
    }
}

/// Sizes of the trained parameters of a module in visiting order.
pub fn parameter_sizes<M: Module>(module: &M) -> Vec<usize> {
    struct Sizes(Vec<usize>);
    impl ModuleVisitor for Sizes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            if value.is_require_grad() {
                self.0.push(value.shape().num_elements());
            }
        }
    }
    let mut sizes = Sizes(Vec::new());
    module.visit(&mut sizes);
    sizes.0
}

/// Gradients of the parts of a batch, added up.
#[derive(Default)]
pub struct Sum(Option<GradientsParams>);

impl Sum {
    /// Adds those of one part.
    pub fn add<M: Module>(&mut self, grads: GradientsParams, module: &M) {
        self.0 = Some(match self.0.take() {
            None => grads,
            Some(sum) => {
                let mut both = Both { sum, grads };
                module.visit(&mut both);
                both.sum
            }
        });
    }

    /// The sum.
    pub fn finish(self) -> GradientsParams {
        self.0.unwrap_or_default()
    }
}

struct Both {
    sum: GradientsParams,
    grads: GradientsParams,
}

impl ModuleVisitor for Both {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            let sum = match self.sum.remove::<D>(param.id) {
                Some(sum) => sum + grad,
                None => grad,
            };
            self.sum.register(param.id, sum);
        }
    }
}

struct SquaredNorm<'a> {
    grads: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            let grad = grad.inner();
            let square = fused::squares(&grad).unwrap_or_else(|| crate::nn::ordered_sum(grad.square()));
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Update<'a> {
    adam: &'a mut Adam,
    settings: AdamSettings,
    grads: GradientsParams,
    scale: Option<Tensor<1>>,
    index: usize,
    nothing: (Tensor<1>, Tensor<1>),
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        // Running statistics are visited too; nothing is learned there.
        if !tensor.is_require_grad() {
            return Param::from_mapped_value(id, tensor, mapper);
        }
        let value = tensor.inner();
        let (index, count) = (self.index, value.shape().num_elements());
        self.index += 1;
        let device = value.device();
        // A parameter that no gradient reached still moves by its momentum, as in the reference.
        let grad = match self.grads.remove::<D>(id) {
            Some(grad) => grad.inner().reshape([count]),
            None => Tensor::zeros([count], &device),
        };
        if self.adam.moments.len() <= index {
            self.adam.moments.push((Tensor::zeros([count], &device), Tensor::zeros([count], &device)));
        }
        let s = self.settings;
        let step = s.lr / (1.0 - self.adam.decay1);
        let root = (1.0 - self.adam.decay2).sqrt();
        // On the CPU all of it is one pass over memory.
        let fused_step = AdamStep {
            beta: [s.beta1 as f32, s.beta2 as f32],
            fresh: [(1.0 - s.beta1) as f32, (1.0 - s.beta2) as f32],
            step: step as f32,
            root: root as f32,
            epsilon: s.epsilon as f32,
            scale: self.scale.as_ref().and_then(fused::number).unwrap_or(1.0),
        };
        let shape = value.shape();
        let moments = std::mem::replace(&mut self.adam.moments[index], self.nothing.clone());
        let (m, v) = match fused::adam(fused_step, &value.clone().reshape([count]), &grad, moments) {
            Ok((value, moments)) => {
                self.adam.moments[index] = moments;
                let value: Tensor<D> = value.reshape(shape);
                return Param::from_mapped_value(id, value.autodiff().require_grad(), mapper);
            }
            Err(moments) => moments,
        };
        let grad = match &self.scale {
            Some(scale) => grad * scale.clone(),
            None => grad,
        };
        let m = m.mul_scalar(s.beta1) + grad.clone().mul_scalar(1.0 - s.beta1);
        let v = v.mul_scalar(s.beta2) + grad.square().mul_scalar(1.0 - s.beta2);
        self.adam.moments[index] = (m.clone(), v.clone());
        let delta = m.mul_scalar(step) / v.sqrt().div_scalar(root).add_scalar(s.epsilon);
        let value = value.clone() - delta.reshape(value.shape());
        Param::from_mapped_value(id, value.autodiff().require_grad(), mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};

    fn layer(device: &Device) -> Linear {
        let layer = LinearConfig::new(3, 2).init(device);
        parameter_sizes(&layer);
        layer
    }

    fn weights(layer: &Linear) -> Vec<f32> {
        layer.weight.val().inner().into_data().try_into_vec().unwrap()
    }

    /// Adam by hand on one number, as in the paper's algorithm 1.
    #[test]
    fn steps_follow_the_paper() {
        let device = Device::flex().autodiff();
        let mut module = layer(&device);
        let before = weights(&module);
        let mut adam = Adam::new();
        let s = AdamSettings { lr: 0.1, beta1: 0.5, beta2: 0.9, epsilon: 1e-8, clip_norm: 0.0 };
        // loss = Σ w·x with x = (1, 2, 3): gradient of w[i][j] is x[i].
        let x = Tensor::<2>::from_floats([[1.0, 2.0, 3.0]], &device);
        let (mut m, mut v, mut w) = (0.0f64, 0.0f64, f64::from(before[2]));
        for t in 1..=5 {
            let loss = module.forward(x.clone()).sum();
            let grads = GradientsParams::from_grads(loss.backward(), &module);
            let (next, norm) = adam.step(s, module, grads);
            module = next;
            // Two outputs: squared norm = 2 (1 + 4 + 9) for weights and 2 for the bias.
            assert!((norm.into_scalar::<f32>() - 30f32.sqrt()).abs() < 1e-4);
            let g = 2.0;
            m = 0.5 * m + 0.5 * g;
            v = 0.9 * v + 0.1 * g * g;
            w -= 0.1 * (m / (1.0 - 0.5f64.powi(t))) / ((v / (1.0 - 0.9f64.powi(t))).sqrt() + 1e-8);
        }
        assert!((f64::from(weights(&module)[2]) - w).abs() < 1e-5, "{} {w}", weights(&module)[2]);
    }

    #[test]
    fn clipping_limits_the_global_norm_and_state_survives() {
        let device = Device::flex().autodiff();
        let run = |resume: bool| {
            let mut module = layer(&device);
            module = module.map(&mut Fill);
            let mut adam = Adam::new();
            let s = AdamSettings { lr: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip_norm: 1.0 };
            for i in 0..6 {
                if resume && i == 3 {
                    let state = adam.state();
                    state.fits(&parameter_sizes(&module)).unwrap();
                    assert!(state.fits(&[1]).is_err());
                    adam = Adam::from_state(&state, &device);
                }
                let x = Tensor::<2>::from_floats([[1.0, i as f32, 3.0]], &device);
                let loss = module.forward(x).square().sum();
                let grads = GradientsParams::from_grads(loss.backward(), &module);
                module = adam.step(s, module, grads).0;
            }
            weights(&module)
        };
        assert_eq!(run(false), run(true));
    }

    struct Fill;
    impl ModuleMapper for Fill {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|t| (t.inner() * 0.0 + 0.25).autodiff().require_grad())
        }
    }
}
