//! Operations that burn makes of many, in one pass over memory each, on the CPU.
//!
//! Each gives back `None` for tensors of another device, which then go burn's own way.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor, TensorData};

use super::cpu::{Host, host, made, slice};
pub use super::kernel::pointwise::AdamStep;
use super::kernel::pointwise::{self, Normal};

type Taped = Autodiff<Flex>;

fn untaped<const D: usize>(x: &Tensor<D>) -> Option<Host> {
    if x.dtype() != DType::F32 {
        return None;
    }
    Some(host(x.clone().without_autodiff().try_into_primitive::<Flex>().ok()?))
}

fn taped<const D: usize>(x: &Tensor<D>) -> Option<FloatTensor<Taped>> {
    if x.dtype() != DType::F32 {
        return None;
    }
    x.clone().autodiff().try_into_primitive::<Taped>().ok()
}

/// Numbers in the shape of another tensor.
fn like(values: Vec<f32>, other: &Host) -> Host {
    Host::from_data(TensorData::new(values, other.layout().shape().clone()))
}

/// The first number, where it is in memory.
pub fn number(x: &Tensor<1>) -> Option<f32> {
    slice(&untaped(x)?).first().copied()
}

/// Parameters after a step of Adam, and their moments, which are changed where they are. All of one length.
#[allow(clippy::type_complexity, clippy::result_large_err)] // Moments go in and come back either way.
pub fn adam(
    step: AdamStep,
    value: &Tensor<1>,
    grad: &Tensor<1>,
    moments: (Tensor<1>, Tensor<1>),
) -> Result<(Tensor<1>, (Tensor<1>, Tensor<1>)), (Tensor<1>, Tensor<1>)> {
    let (Some(value), Some(grad)) = (untaped(value), untaped(grad)) else { return Err(moments) };
    if moments.0.dtype() != DType::F32 || moments.1.dtype() != DType::F32 {
        return Err(moments);
    }
    // Both come from this device or neither does.
    let (m, v) = (moments.0.clone().try_into_primitive::<Flex>(), moments.1.clone().try_into_primitive::<Flex>());
    let (Ok(m), Ok(v)) = (m, v) else { return Err(moments) };
    drop(moments);
    let (mut m, mut v) = (host(m), host(v));
    let mut out = vec![0.0; slice(&value).len()];
    pointwise::adam(step, slice(&value), slice(&grad), m.storage_mut::<f32>(), v.storage_mut::<f32>(), &mut out);
    let n = out.len();
    let back = |x: Host| Tensor::from_primitive::<Flex>(x);
    Ok((back(made(out, [n])), (back(m), back(v))))
}

/// `old · keep + new · (1 − keep)`, without autodiff.
pub fn blend<const D: usize>(old: &Tensor<D>, new: &Tensor<D>, keep: f64) -> Option<Tensor<D>> {
    let (a, b) = (untaped(old)?, untaped(new)?);
    let mut out = vec![0.0; slice(&a).len()];
    pointwise::blend(slice(&a), slice(&b), [keep as f32, (1.0 - keep) as f32], &mut out);
    Some(Tensor::from_primitive::<Flex>(made(out, old.dims())))
}

/// Sum of squares, without autodiff. `[…] → [1]`
pub fn squares<const D: usize>(x: &Tensor<D>) -> Option<Tensor<1>> {
    let sum = pointwise::squares(slice(&untaped(x)?));
    Some(Tensor::from_primitive::<Flex>(made(vec![sum], [1])))
}

/// Cross-entropy of Bernoulli pixels, summed over each picture; gradients flow to the logits. `[b, n] → [b, 1]`
pub fn cross_entropy(logits: &Tensor<2>, targets: &Tensor<2>) -> Option<Tensor<2>> {
    let [b, _] = logits.dims();
    let targets = untaped(targets)?;
    if !logits.is_autodiff() {
        let sums = pointwise::cross_entropy(slice(&untaped(logits)?), slice(&targets), b);
        return Some(Tensor::from_primitive::<Flex>(made(sums, [b, 1])));
    }
    let logits = taped(logits)?;
    let values = host(logits.primitive().clone());
    let y = made(pointwise::cross_entropy(slice(&values), slice(&targets), b), [b, 1]);
    let y = match CrossEntropy.prepare::<NoCheckpointing>([logits.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((values, targets), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Taped>(y))
}

#[derive(Debug)]
struct CrossEntropy;

impl Backward<Flex, 1> for CrossEntropy {
    type State = (Host, Host);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d = host(grads.consume::<Flex>(&ops.node));
        let (logits, targets) = ops.state;
        if let [Some(node)] = ops.parents {
            let mut out = vec![0.0; slice(&logits).len()];
            pointwise::cross_entropy_gradient(slice(&logits), slice(&targets), slice(&d), &mut out);
            grads.register::<Flex>(node.id, like(out, &logits));
        }
    }
}

/// Hyperbolic tangent.
pub fn tanh<const D: usize>(x: &Tensor<D>) -> Option<Tensor<D>> {
    squash(x, Squash { forward: pointwise::tanh, gradient: pointwise::tanh_gradient })
}

/// Logistic function: `1 / (1 + e⁻ˣ)`.
pub fn sigmoid<const D: usize>(x: &Tensor<D>) -> Option<Tensor<D>> {
    squash(x, Squash { forward: pointwise::sigmoids, gradient: pointwise::sigmoid_gradient })
}

/// What is done number by number, with a slope that its own result tells.
#[derive(Clone, Copy, Debug)]
struct Squash {
    /// Results of numbers.
    forward: fn(&[f32], &mut [f32]),
    /// Results and gradients of them to gradients of the numbers.
    gradient: fn(&[f32], &[f32], &mut [f32]),
}

fn squash<const D: usize>(x: &Tensor<D>, squash: Squash) -> Option<Tensor<D>> {
    let of = |x: &Host| {
        let mut y = vec![0.0; slice(x).len()];
        (squash.forward)(slice(x), &mut y);
        like(y, x)
    };
    if !x.is_autodiff() {
        return Some(Tensor::from_primitive::<Flex>(of(&untaped(x)?)));
    }
    let x = taped(x)?;
    let y = of(&host(x.primitive().clone()));
    let y = match squash.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((y.clone(), squash), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Taped>(y))
}

impl Backward<Flex, 1> for Squash {
    type State = (Host, Self);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d = host(grads.consume::<Flex>(&ops.node));
        if let [Some(node)] = ops.parents {
            let (y, squash) = ops.state;
            let mut out = vec![0.0; slice(&d).len()];
            (squash.gradient)(slice(&y), slice(&d), &mut out);
            grads.register::<Flex>(node.id, like(out, &d));
        }
    }
}

/// Leaky ReLU of slope `leak` below zero and at it.
pub fn leaky<const D: usize>(x: &Tensor<D>, leak: f32) -> Option<Tensor<D>> {
    let of = |x: &Host| {
        let mut y = vec![0.0; slice(x).len()];
        pointwise::gate(slice(x), slice(x), leak, &mut y);
        like(y, x)
    };
    if !x.is_autodiff() {
        return Some(Tensor::from_primitive::<Flex>(of(&untaped(x)?)));
    }
    let x = taped(x)?;
    let values = host(x.primitive().clone());
    let y = of(&values);
    let y = match Leaky.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((values, leak), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Taped>(y))
}

#[derive(Debug)]
struct Leaky;

impl Backward<Flex, 1> for Leaky {
    type State = (Host, f32);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let d = host(grads.consume::<Flex>(&ops.node));
        if let [Some(node)] = ops.parents {
            let mut out = vec![0.0; slice(&d).len()];
            pointwise::gate(slice(&d), slice(&ops.state.0), ops.state.1, &mut out);
            grads.register::<Flex>(node.id, like(out, &d));
        }
    }
}

/// Batch normalisation with the statistics of the batch: result, mean and (uncorrected) variance, the latter without
/// autodiff. `[b, c, h, w], [c], [c] → [b, c, h, w], [c], [c]`
pub fn batch_norm(
    x: &Tensor<4>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    epsilon: f64,
) -> Option<(Tensor<4>, Tensor<1>, Tensor<1>)> {
    let [b, c, h, w] = x.dims();
    let (x, gamma, beta) = (taped(x)?, taped(gamma)?, taped(beta)?);
    let (values, scale, shift) =
        (host(x.primitive().clone()), host(gamma.primitive().clone()), host(beta.primitive().clone()));
    let normal = Normal { channels: c, n: h * w };
    let (mean, variance) = normal.statistics(slice(&values));
    let inverse: Vec<f32> = variance.iter().map(|v| 1.0 / (v + epsilon as f32).sqrt()).collect();
    let factor: Vec<f32> = inverse.iter().zip(slice(&scale)).map(|(i, g)| i * g).collect();
    let offset: Vec<f32> = mean.iter().zip(&factor).zip(slice(&shift)).map(|((m, f), s)| s - m * f).collect();
    let mut y = vec![0.0; b * c * h * w];
    normal.apply(slice(&values), &factor, &offset, &mut y);
    let y = made(y, [b, c, h, w]);
    let state = Normalised { x: values, gamma: scale, mean: mean.clone(), inverse };
    let y = match BatchNorm.prepare::<NoCheckpointing>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(state, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    let plain = |v: Vec<f32>| Tensor::from_primitive::<Flex>(made(v, [c]));
    Some((Tensor::from_primitive::<Taped>(y), plain(mean), plain(variance)))
}

#[derive(Clone, Debug)]
struct Normalised {
    x: Host,
    gamma: Host,
    mean: Vec<f32>,
    inverse: Vec<f32>,
}

#[derive(Debug)]
struct BatchNorm;

impl Backward<Flex, 3> for BatchNorm {
    type State = Normalised;

    fn backward(self, ops: Ops<Normalised, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let Normalised { x, gamma, mean, inverse } = ops.state;
        let shape @ [b, c, h, w]: [usize; 4] = x.layout().shape().dims();
        let normal = Normal { channels: c, n: h * w };
        let (sums, along) = normal.sums(slice(&x), slice(&dy), &mean, &inverse);
        let [of_x, of_gamma, of_beta] = ops.parents;
        if let Some(node) = of_x {
            // dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂)), with x̂ = (x − mean)/σ.
            let count = (b * h * w) as f32;
            let a: Vec<f32> = inverse.iter().zip(slice(&gamma)).map(|(i, g)| i * g).collect();
            let bs: Vec<f32> = (0..c).map(|i| -a[i] * along[i] / count * inverse[i]).collect();
            let cs: Vec<f32> = (0..c).map(|i| -a[i] * sums[i] / count - bs[i] * mean[i]).collect();
            let mut dx = vec![0.0; b * c * h * w];
            normal.gradient(slice(&x), slice(&dy), [&a, &bs, &cs], &mut dx);
            grads.register::<Flex>(node.id, made(dx, shape));
        }
        if let Some(node) = of_gamma {
            grads.register::<Flex>(node.id, made(along, [c]));
        }
        if let Some(node) = of_beta {
            grads.register::<Flex>(node.id, made(sums, [c]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use burn::tensor::{Device, TensorData};

    fn numbers<const D: usize>(name: &str, shape: [usize; D]) -> Tensor<D> {
        let n = shape.iter().product();
        Tensor::from_data(TensorData::new(Stream::new(3, name).normals(n), shape), &Device::flex())
    }

    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.inner_if().into_data().try_into_vec().unwrap()
    }

    trait InnerIf {
        fn inner_if(self) -> Self;
    }

    impl<const D: usize> InnerIf for Tensor<D> {
        fn inner_if(self) -> Self {
            self.without_autodiff()
        }
    }

    fn close(a: &[f32], b: &[f32], tolerance: f32) {
        let largest = b.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= tolerance * largest, "{a} {b} of {largest}");
        }
        assert_eq!(a.len(), b.len());
    }

    #[test]
    fn batch_norm_is_burns() {
        let (x, weights) = (numbers("x", [5, 3, 7, 6]) * 2.0 + 0.7, numbers::<4>("w", [5, 3, 7, 6]));
        let run = |ours: bool| {
            let leaf = |t: Tensor<1>| t.autodiff().require_grad();
            let x = x.clone().autodiff().require_grad();
            let (gamma, beta) = (leaf(numbers("gamma", [3])), leaf(numbers("beta", [3])));
            let (y, mean, variance) = if ours {
                batch_norm(&x, &gamma, &beta, 1e-5).unwrap()
            } else {
                let r = burn::tensor::module::batch_norm_train(x.clone(), gamma.clone(), beta.clone(), 1e-5);
                (r.output, r.mean, r.variance)
            };
            let mut grads = (y.clone() * weights.clone()).sum().backward();
            let mut out = vec![values(y), values(mean), values(variance)];
            out.push(values(x.grad_remove(&mut grads).unwrap()));
            out.push(values(gamma.grad_remove(&mut grads).unwrap()));
            out.push(values(beta.grad_remove(&mut grads).unwrap()));
            out
        };
        for (ours, burns) in run(true).iter().zip(&run(false)) {
            close(ours, burns, 5e-6);
        }
    }

    #[test]
    fn tanh_sigmoid_and_cross_entropy_are_burns() {
        let x = numbers::<4>("x", [3, 2, 5, 7]) * 3.0;
        let weights = numbers::<4>("w", [3, 2, 5, 7]);
        let of = |ours: bool| {
            let x = x.clone().autodiff().require_grad();
            let y = if ours { tanh(&x).unwrap() } else { burn::tensor::activation::tanh(x.clone()) };
            let mut grads = (y.clone() * weights.clone()).sum().backward();
            (values(y), values(x.grad_remove(&mut grads).unwrap()))
        };
        let (ours, burns) = (of(true), of(false));
        close(&ours.0, &burns.0, 1e-6);
        close(&ours.1, &burns.1, 1e-6);
        close(&values(tanh(&x).unwrap()), &burns.0, 1e-6);
        let of = |ours: bool| {
            let x = (x.clone() * 3.0).autodiff().require_grad();
            let y = if ours { sigmoid(&x).unwrap() } else { burn::tensor::activation::sigmoid(x.clone()) };
            let mut grads = (y.clone() * weights.clone()).sum().backward();
            (values(y), values(x.grad_remove(&mut grads).unwrap()))
        };
        let (ours, burns) = (of(true), of(false));
        close(&ours.0, &burns.0, 1e-6);
        close(&ours.1, &burns.1, 1e-6);

        let (logits, targets) =
            (numbers::<2>("l", [4, 37]) * 6.0, burn::tensor::activation::sigmoid(numbers::<2>("t", [4, 37])));
        let of = |ours: bool| {
            let l = logits.clone().autodiff().require_grad();
            let y = if ours {
                cross_entropy(&l, &targets).unwrap()
            } else {
                (l.clone() * (targets.clone().neg() + 1.0) - burn::tensor::activation::log_sigmoid(l.clone()))
                    .sum_dim(1)
            };
            let mut grads = (y.clone() * numbers("p", [4, 1])).sum().backward();
            (values(y), values(l.grad_remove(&mut grads).unwrap()))
        };
        let (ours, burns) = (of(true), of(false));
        close(&ours.0, &burns.0, 1e-6);
        close(&ours.1, &burns.1, 2e-6);
        close(&values(cross_entropy(&logits, &targets).unwrap()), &burns.0, 1e-6);
    }

    #[test]
    fn leaky_is_burns() {
        let x = numbers::<2>("x", [5, 9]);
        for leak in [0.0, 0.2] {
            let of = |ours: bool| {
                let x = x.clone().autodiff().require_grad();
                let y = if ours {
                    leaky(&x, leak).unwrap()
                } else {
                    burn::tensor::activation::leaky_relu(x.clone(), f64::from(leak))
                };
                let mut grads = (y.clone() * numbers("w", [5, 9])).sum().backward();
                (values(y), values(x.grad_remove(&mut grads).unwrap()))
            };
            assert_eq!(of(true), of(false));
        }
    }

    #[test]
    fn a_blend_is_a_blend() {
        let (a, b) = (numbers::<2>("a", [3, 5]), numbers::<2>("b", [3, 5]));
        let expected = values(a.clone() * 0.9 + b.clone() * 0.1);
        close(&values(blend(&a, &b, 0.9).unwrap()), &expected, 1e-6);
        let sum: f32 = values(a.clone()).iter().map(|v| v * v).sum();
        close(&values(squares(&a).unwrap()), &[sum], 1e-6);
    }
}
