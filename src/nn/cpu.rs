//! The kernels of [`super::kernel`] as differentiable tensor operations, for tensors that live on burn's flex backend.
//!
//! Each function gives back `None` for tensors of another device, which then go burn's own way.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor, TensorData};

use super::kernel::{self, Gated, Geometry};

pub type Host = FloatTensor<Flex>;

/// Which of the two sides of a [`Geometry`] is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A convolution: from the larger side to the smaller.
    Down,
    /// A transposed convolution: from the smaller side to the larger.
    Up,
}

/// What an input goes through before a convolution.
#[derive(Clone, Copy, Debug)]
pub enum Gate<'a> {
    /// Nothing.
    Open,
    /// A leaky ReLU of this slope below zero (0: a ReLU): it is its own gate.
    Own(f32),
    /// A product with the slope of a leaky ReLU at these values (a constant).
    Of(&'a Tensor<4>, f32),
}

/// A convolution on the CPU. `x [b, channels, h, w]`; `geometry.batch` and `geometry.size` are filled in here.
pub fn convolve(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    gate: Gate<'_>,
    way: Way,
    [kernel, stride, padding]: [usize; 3],
) -> Option<Tensor<4>> {
    let tracked = x.is_autodiff() || weight.is_autodiff() || bias.is_some_and(Tensor::is_autodiff);
    let [batch, channels, h, w] = x.dims();
    let [outputs, inputs, ..] = weight.dims();
    // burn checks shapes and says what is wrong; kernels only see what fits.
    if x.dtype() != DType::F32 || channels != if way == Way::Down { inputs } else { outputs } {
        return None;
    }
    let larger = |n: usize| (n - 1) * stride + kernel - 2 * padding;
    let size = if way == Way::Down { [h, w] } else { [larger(h), larger(w)] };
    let geometry = Geometry { batch, inputs, outputs, size, kernel, stride, padding };
    let plan = |x: &Host| {
        let gate = match gate {
            Gate::Open => None,
            Gate::Own(leak) => Some((x.clone(), leak)),
            Gate::Of(gate, leak) => {
                Some((host(gate.clone().without_autodiff().try_into_primitive::<Flex>().ok()?), leak))
            }
        };
        Some(Plan { geometry, way, gate })
    };
    if !tracked {
        let x = host(x.clone().try_into_primitive::<Flex>().ok()?);
        let weight = host(weight.clone().try_into_primitive::<Flex>().ok()?);
        let bias = match bias {
            Some(bias) => Some(host(bias.clone().try_into_primitive::<Flex>().ok()?)),
            None => None,
        };
        let y = plan(&x)?.forward(&x, &weight, bias.as_ref());
        return Some(Tensor::from_primitive::<Flex>(y));
    }
    type Taped = Autodiff<Flex>;
    let x = x.clone().autodiff().try_into_primitive::<Taped>().ok()?;
    let weight = weight.clone().autodiff().try_into_primitive::<Taped>().ok()?;
    let (host_x, host_weight) = (host(x.primitive().clone()), host(weight.primitive().clone()));
    let plan = plan(&host_x)?;
    let state = Saved { plan: plan.clone(), x: host_x.clone(), weight: host_weight.clone() };
    let y = match bias {
        Some(bias) => {
            let bias = bias.clone().autodiff().try_into_primitive::<Taped>().ok()?;
            let y = plan.forward(&host_x, &host_weight, Some(&host(bias.primitive().clone())));
            let nodes = [x.node(), weight.node(), bias.node()];
            match Convolution.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish(state, y),
                OpsKind::UnTracked(prep) => prep.finish(y),
            }
        }
        None => {
            let y = plan.forward(&host_x, &host_weight, None);
            match Unbiased.prepare::<NoCheckpointing>([x.node(), weight.node()]).compute_bound().stateful() {
                OpsKind::Tracked(prep) => prep.finish(state, y),
                OpsKind::UnTracked(prep) => prep.finish(y),
            }
        }
    };
    Some(Tensor::from_primitive::<Taped>(y))
}

/// Twice as large (every pixel four times) or half as large (means of four), on the CPU.
pub fn resample(x: &Tensor<4>, way: Way) -> Option<Tensor<4>> {
    let [.., h, w] = x.dims();
    if x.dtype() != DType::F32 || way == Way::Down && (h % 2 == 1 || w % 2 == 1) {
        return None;
    }
    if !x.is_autodiff() {
        let x = host(x.clone().try_into_primitive::<Flex>().ok()?);
        return Some(Tensor::from_primitive::<Flex>(resampled(&x, way, 1.0)));
    }
    type Taped = Autodiff<Flex>;
    let x = x.clone().try_into_primitive::<Taped>().ok()?;
    let y = resampled(&host(x.primitive().clone()), way, 1.0);
    let y = match Resampling.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(way, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Taped>(y))
}

fn resampled(x: &Host, way: Way, factor: f32) -> Host {
    let [b, c, h, w] = x.layout().shape().dims();
    match way {
        Way::Up => {
            let mut y = vec![0.0; b * c * 4 * h * w];
            kernel::spread(slice(x), [h, w], factor, &mut y);
            made(y, [b, c, 2 * h, 2 * w])
        }
        Way::Down => {
            let mut y = vec![0.0; b * c * h * w / 4];
            kernel::collect(slice(x), [h / 2, w / 2], 0.25 * factor, &mut y);
            made(y, [b, c, h / 2, w / 2])
        }
    }
}

/// In plain order, from the beginning of its memory.
pub fn host(x: Host) -> Host {
    if x.is_contiguous() { x } else { x.to_contiguous() }
}

pub fn slice(x: &Host) -> &[f32] {
    // Every tensor here went through `host` and is 32 bit; anything else would be a bug, and reads as empty.
    x.as_slice::<f32>().unwrap_or_default()
}

pub fn made<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Host {
    Host::from_data(TensorData::new(values, shape))
}

/// A convolution, ready to be computed.
#[derive(Clone, Debug)]
struct Plan {
    geometry: Geometry,
    way: Way,
    /// And the slope where it is not above zero.
    gate: Option<(Host, f32)>,
}

impl Plan {
    fn gated(&self) -> Option<Gated<'_>> {
        self.gate.as_ref().map(|(gate, leak)| Gated { gate: slice(gate), leak: *leak })
    }

    fn large(&self) -> [usize; 4] {
        let g = &self.geometry;
        [g.batch, g.inputs, g.size[0], g.size[1]]
    }

    fn small(&self) -> [usize; 4] {
        let (g, [h, w]) = (&self.geometry, self.geometry.small());
        [g.batch, g.outputs, h, w]
    }

    fn forward(&self, x: &Host, weight: &Host, bias: Option<&Host>) -> Host {
        let (g, bias, gate) = (&self.geometry, bias.map(slice), self.gated());
        let shape = if self.way == Way::Down { self.small() } else { self.large() };
        let mut y = vec![0.0; shape.iter().product()];
        kernel::pass(g, slice(weight), self.way == Way::Up, slice(x), gate, bias, None, &mut y);
        made(y, shape)
    }

    fn to_input(&self, dy: &Host, weight: &Host) -> Host {
        let (g, gate) = (&self.geometry, self.gated());
        let shape = if self.way == Way::Down { self.large() } else { self.small() };
        let mut dx = vec![0.0; shape.iter().product()];
        kernel::pass(g, slice(weight), self.way == Way::Down, slice(dy), None, None, gate, &mut dx);
        made(dx, shape)
    }

    fn to_weight(&self, x: &Host, dy: &Host) -> Host {
        let g = &self.geometry;
        let dw = match self.way {
            Way::Down => kernel::weight_gradient(g, slice(x), self.gated(), slice(dy), None),
            Way::Up => kernel::weight_gradient(g, slice(dy), None, slice(x), self.gated()),
        };
        made(dw, [g.outputs, g.inputs, g.kernel, g.kernel])
    }

    fn to_bias(&self, dy: &Host) -> Host {
        let [_, channels, h, w] = if self.way == Way::Down { self.small() } else { self.large() };
        made(kernel::bias_gradient(slice(dy), channels, h * w), [channels])
    }
}

#[derive(Clone, Debug)]
struct Saved {
    plan: Plan,
    x: Host,
    weight: Host,
}

#[derive(Debug)]
struct Convolution;
#[derive(Debug)]
struct Unbiased;

#[derive(Debug)]
struct Resampling;

impl Backward<Flex, 1> for Resampling {
    type State = Way;

    fn backward(self, ops: Ops<Way, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        // The sum of four is four times their mean, and the gradient of a mean is a quarter to each.
        let dx = match ops.state {
            Way::Up => resampled(&dy, Way::Down, 4.0),
            Way::Down => resampled(&dy, Way::Up, 0.25),
        };
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, dx);
        }
    }
}

impl Backward<Flex, 3> for Convolution {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let (state, [x, weight, bias]) = (ops.state, ops.parents);
        if let Some(node) = x {
            grads.register::<Flex>(node.id, state.plan.to_input(&dy, &state.weight));
        }
        if let Some(node) = weight {
            grads.register::<Flex>(node.id, state.plan.to_weight(&state.x, &dy));
        }
        if let Some(node) = bias {
            grads.register::<Flex>(node.id, state.plan.to_bias(&dy));
        }
    }
}

impl Backward<Flex, 2> for Unbiased {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let (state, [x, weight]) = (ops.state, ops.parents);
        if let Some(node) = x {
            grads.register::<Flex>(node.id, state.plan.to_input(&dy, &state.weight));
        }
        if let Some(node) = weight {
            grads.register::<Flex>(node.id, state.plan.to_weight(&state.x, &dy));
        }
    }
}
