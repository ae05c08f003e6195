//! Layers of networks over sequences: layer normalisation, GELU, causal attention, dropout, the loss of the next token. On
//! the CPU each is a few passes over memory of our own (`kernel::sequence`); on other devices they are made of burn's
//! operations, with the same numbers.

use burn::backend::Autodiff;
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::module::{Module, Param};
use burn::tensor::{DType, Int, Tensor, TensorData, activation};

use super::cpu::{Host, host, made, slice};
use super::init::Init;
use super::kernel::sequence::{self as kernel, Heads};

type Taped = Autodiff<Flex>;

/// Layer normalisation (Ba, Kiros & Hinton 2016).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[d]`.
    pub gamma: Param<Tensor<1>>,
    /// `[d]`.
    pub beta: Param<Tensor<1>>,
}

/// Added to the variance of a row.
pub const EPSILON: f64 = 1e-5;

impl LayerNorm {
    /// Scales 1, shifts 0.
    pub fn new(init: &Init<'_>, d: usize) -> Self {
        Self { gamma: init.filled([d], 1.0), beta: init.filled([d], 0.0) }
    }

    /// Rows of mean 0 and deviation 1, scaled and shifted. `[n, d] → [n, d]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        if let Some(y) = normalised(&x, &gamma, &beta) {
            return y;
        }
        let mean = x.clone().mean_dim(1);
        let centred = x - mean;
        let variance = centred.clone().square().mean_dim(1);
        centred / (variance + EPSILON).sqrt() * gamma.unsqueeze() + beta.unsqueeze()
    }
}

/// The same for one row at a time, in plain numbers.
pub mod steps {
    pub use super::super::kernel::recurrent::cell;
    pub use super::super::kernel::sequence::{affine, dot, gelu, softmax};

    /// A row of mean 0 and deviation 1, scaled and shifted.
    pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        super::kernel::layer_norm(x, gamma, beta, super::EPSILON as f32, &mut y);
        y
    }
}

fn primitive<const D: usize>(x: &Tensor<D>) -> Option<burn::backend::tensor::FloatTensor<Taped>> {
    if x.dtype() != DType::F32 {
        return None;
    }
    x.clone().autodiff().try_into_primitive::<Taped>().ok()
}

/// One operation with one input that learns, of tensors that live on the CPU.
macro_rules! unary {
    ($op:expr, $x:expr, $forward:expr) => {{
        let x = primitive($x)?;
        let values = host(x.primitive().clone());
        let (y, state) = $forward(&values);
        let y = match $op.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((values, state), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        let y = Tensor::from_primitive::<Taped>(y);
        Some(if $x.is_autodiff() { y } else { y.inner() })
    }};
}

fn normalised(x: &Tensor<2>, gamma: &Tensor<1>, beta: &Tensor<1>) -> Option<Tensor<2>> {
    let tracked = x.is_autodiff() || gamma.is_autodiff();
    let [n, d] = x.dims();
    let (x, gamma, beta) = (primitive(x)?, primitive(gamma)?, primitive(beta)?);
    let (values, scale) = (host(x.primitive().clone()), host(gamma.primitive().clone()));
    let mut y = vec![0.0; n * d];
    let stats = kernel::layer_norm(
        slice(&values),
        slice(&scale),
        slice(&host(beta.primitive().clone())),
        EPSILON as f32,
        &mut y,
    );
    let nodes = [x.node(), gamma.node(), beta.node()];
    let y = match Normalise.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((values, scale, stats), made(y, [n, d])),
        OpsKind::UnTracked(prep) => prep.finish(made(y, [n, d])),
    };
    let y = Tensor::from_primitive::<Taped>(y);
    Some(if tracked { y } else { y.inner() })
}

#[derive(Debug)]
struct Normalise;

impl Backward<Flex, 3> for Normalise {
    type State = (Host, Host, Vec<[f32; 2]>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let (x, gamma, stats) = ops.state;
        let [n, d]: [usize; 2] = x.layout().shape().dims();
        let mut dx = vec![0.0; n * d];
        let [by_gamma, by_beta] = kernel::layer_norm_gradient((slice(&x), &stats), slice(&gamma), slice(&dy), &mut dx);
        let [of_x, of_gamma, of_beta] = ops.parents;
        if let Some(node) = of_x {
            grads.register::<Flex>(node.id, made(dx, [n, d]));
        }
        if let Some(node) = of_gamma {
            grads.register::<Flex>(node.id, made(by_gamma, [d]));
        }
        if let Some(node) = of_beta {
            grads.register::<Flex>(node.id, made(by_beta, [d]));
        }
    }
}

/// Gaussian error linear unit, in its form by a hyperbolic tangent. Shapes stay.
pub fn gelu(x: Tensor<2>) -> Tensor<2> {
    let [n, d] = x.dims();
    let ours = || -> Option<Tensor<2>> {
        unary!(Gelu, &x, |values: &Host| {
            let mut y = vec![0.0; n * d];
            kernel::gelu(slice(values), &mut y);
            (made(y, [n, d]), ())
        })
    };
    ours().unwrap_or_else(|| {
        let inner = (x.clone() + x.clone().powi_scalar(3) * 0.044_715) * 1.595_769;
        x.clone() * activation::sigmoid(inner)
    })
}

#[derive(Debug)]
struct Gelu;

impl Backward<Flex, 1> for Gelu {
    type State = (Host, ());

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let [n, d]: [usize; 2] = dy.layout().shape().dims();
        if let [Some(node)] = ops.parents {
            let mut dx = vec![0.0; n * d];
            kernel::gelu_gradient(slice(&ops.state.0), slice(&dy), &mut dx);
            grads.register::<Flex>(node.id, made(dx, [n, d]));
        }
    }
}

/// Causal attention of sequences of `n` rows of queries, keys and values. `[b·n, 3d] → [b·n, d]`
pub fn attention(qkv: Tensor<2>, n: usize, heads: usize) -> Tensor<2> {
    let [rows, three] = qkv.dims();
    let size = Heads { n, d: three / 3, heads };
    let ours = || -> Option<Tensor<2>> {
        unary!(Attend(size), &qkv, |values: &Host| {
            let mut y = vec![0.0; rows * size.d];
            let shares = kernel::attention(size, slice(values), &mut y);
            (made(y, [rows, size.d]), shares)
        })
    };
    ours().unwrap_or_else(|| composed_attention(qkv.clone(), size))
}

/// As [`attention`], of burn's operations.
fn composed_attention(qkv: Tensor<2>, Heads { n, d, heads }: Heads) -> Tensor<2> {
    let [rows, _] = qkv.dims();
    let (b, each) = (rows / n, d / heads);
    let part = |i: usize| {
        let part = qkv.clone().slice([0..rows, i * d..(i + 1) * d]);
        part.reshape([b, n, heads, each]).swap_dims(1, 2)
    };
    let scores = part(0).matmul(part(1).swap_dims(2, 3)) / (each as f64).sqrt();
    let later: Vec<f32> = (0..n * n).map(|i| if i % n > i / n { -1e9 } else { 0.0 }).collect();
    let later = Tensor::<4>::from_data(TensorData::new(later, [1, 1, n, n]), &qkv.device());
    activation::softmax(scores + later, 3).matmul(part(2)).swap_dims(1, 2).reshape([rows, d])
}

#[derive(Debug)]
struct Attend(Heads);

impl Backward<Flex, 1> for Attend {
    type State = (Host, Vec<f32>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let (qkv, shares) = ops.state;
        let shape: [usize; 2] = qkv.layout().shape().dims();
        if let [Some(node)] = ops.parents {
            let mut dqkv = vec![0.0; shape[0] * shape[1]];
            kernel::attention_gradient(self.0, slice(&qkv), &shares, slice(&dy), &mut dqkv);
            grads.register::<Flex>(node.id, made(dqkv, shape));
        }
    }
}

/// Drops a share `p` of the numbers and makes the others larger; which ones is a function of the seed. Shapes stay.
pub fn dropout(x: Tensor<2>, p: f64, seed: u64) -> Tensor<2> {
    if p <= 0.0 {
        return x;
    }
    let [n, d] = x.dims();
    let ours = || -> Option<Tensor<2>> {
        unary!(Drop(p as f32, seed), &x, |values: &Host| {
            let mut y = vec![0.0; n * d];
            kernel::dropout(slice(values), p as f32, seed, &mut y);
            (made(y, [n, d]), ())
        })
    };
    ours().unwrap_or_else(|| {
        let mut kept = vec![0.0; n * d];
        kernel::dropout(&vec![1.0; n * d], p as f32, seed, &mut kept);
        x.clone() * Tensor::<2>::from_data(TensorData::new(kept, [n, d]), &x.device())
    })
}

#[derive(Debug)]
struct Drop(f32, u64);

impl Backward<Flex, 1> for Drop {
    type State = (Host, ());

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let [n, d]: [usize; 2] = dy.layout().shape().dims();
        if let [Some(node)] = ops.parents {
            let mut dx = vec![0.0; n * d];
            kernel::dropout(slice(&dy), self.0, self.1, &mut dx);
            grads.register::<Flex>(node.id, made(dx, [n, d]));
        }
    }
}

/// Mean nats that scores give to their targets. `[n, k] → [1]`
pub fn nats(logits: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    let targets_of = targets.to_vec();
    let ours = || -> Option<Tensor<1>> {
        unary!(Nats, &logits, |values: &Host| {
            let each = kernel::nats(slice(values), targets);
            let mean = each.iter().map(|v| f64::from(*v)).sum::<f64>() / each.len() as f64;
            (made(vec![mean as f32], [1]), targets_of.clone())
        })
    };
    ours().unwrap_or_else(|| {
        let ids: Vec<i64> = targets.iter().map(|t| i64::from(*t)).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [targets.len(), 1]), &logits.device());
        activation::log_softmax(logits.clone(), 1).gather(1, ids).mean().neg()
    })
}

#[derive(Debug)]
struct Nats;

impl Backward<Flex, 1> for Nats {
    type State = (Host, Vec<u32>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let by = host(grads.consume::<Flex>(&ops.node));
        let (logits, targets) = ops.state;
        let shape: [usize; 2] = logits.layout().shape().dims();
        if let [Some(node)] = ops.parents {
            let mut out = vec![0.0; shape[0] * shape[1]];
            let by = slice(&by).first().copied().unwrap_or_default();
            kernel::nats_gradient(slice(&logits), &targets, by, &mut out);
            grads.register::<Flex>(node.id, made(out, shape));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use crate::nn::numbers;
    use burn::tensor::Device;

    fn leaf<const D: usize>(name: &str, shape: [usize; D]) -> Tensor<D> {
        let values = Stream::new(3, name).normals(shape.iter().product());
        Tensor::<D>::from_data(TensorData::new(values, shape), &Device::flex()).autodiff().require_grad()
    }

    fn close(ours: &[f32], theirs: &[f32]) {
        let largest = theirs.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 1e-5 * largest, "{a} {b} of {largest}");
        }
    }

    /// Results and gradients of both ways to compute something of one matrix.
    fn agree(shape: [usize; 2], ours: impl Fn(Tensor<2>) -> Tensor<2>, theirs: impl Fn(Tensor<2>) -> Tensor<2>) {
        let run = |f: &dyn Fn(Tensor<2>) -> Tensor<2>| {
            let x = leaf("x", shape);
            let y = f(x.clone());
            let by: Tensor<2> = leaf("by", y.dims()).inner();
            let mut grads = (y.clone() * by).sum().backward();
            (numbers(y.inner()), numbers(x.grad_remove(&mut grads).unwrap()))
        };
        let (a, b) = (run(&ours), run(&theirs));
        close(&a.0, &b.0);
        close(&a.1, &b.1);
    }

    #[test]
    fn each_layer_is_the_same_made_of_burns_operations() {
        agree([3 * 7, 3 * 8], |x| attention(x, 7, 2), |x| composed_attention(x, Heads { n: 7, d: 8, heads: 2 }));
        let by_hand = |x: Tensor<2>| {
            x.clone() * activation::sigmoid((x.clone() + x.clone() * x.clone() * x * 0.044_715) * 1.595_769)
        };
        agree([5, 9], gelu, by_hand);
        let targets = [4u32, 0, 3];
        let picked = |x: Tensor<2>| {
            let ids = Tensor::<2, Int>::from_data(TensorData::new(vec![4i64, 0, 3], [3, 1]), &Device::flex());
            activation::log_softmax(x, 1).gather(1, ids.autodiff()).mean().neg().reshape([1, 1])
        };
        agree([3, 5], |x| nats(x, &targets).reshape([1, 1]), picked);
        agree(
            [4, 6],
            |x| dropout(x, 0.5, 9),
            |x| {
                let kept = numbers(dropout(x.clone().inner() * 0.0 + 1.0, 0.5, 9));
                x * Tensor::<2>::from_data(TensorData::new(kept, [4, 6]), &Device::flex())
            },
        );
    }

    #[test]
    fn layer_norm_is_the_same_made_of_burns_operations() {
        let run = |ours: bool| {
            let (x, gamma, beta) = (leaf("x", [70, 6]), leaf("gamma", [6]), leaf("beta", [6]));
            let y = if ours {
                normalised(&x, &gamma, &beta).unwrap()
            } else {
                let centred = x.clone() - x.clone().mean_dim(1);
                let deviation = (centred.clone().square().mean_dim(1) + EPSILON).sqrt();
                centred / deviation * gamma.clone().unsqueeze() + beta.clone().unsqueeze()
            };
            let mut grads = (y.clone() * leaf("by", [70, 6]).inner()).sum().backward();
            let rest = [gamma.grad_remove(&mut grads).unwrap(), beta.grad_remove(&mut grads).unwrap()].map(numbers);
            [numbers(y.inner()), numbers(x.grad_remove(&mut grads).unwrap()), rest.concat()]
        };
        run(true).iter().zip(&run(false)).for_each(|(a, b)| close(a, b));
    }

    #[test]
    fn dropout_drops_its_share_and_keeps_the_mean() {
        let kept = numbers(dropout(Tensor::<2>::ones([100, 200], &Device::flex()), 0.2, 5));
        let dropped = kept.iter().filter(|v| **v == 0.0).count();
        assert!((3700..4300).contains(&dropped), "{dropped}");
        assert!(kept.iter().all(|v| *v == 0.0 || (*v - 1.25).abs() < 1e-6));
    }
}
