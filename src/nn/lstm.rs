//! A layer of long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor, activation};

use super::cpu::{Host, host, made, slice};
use super::init::Init;
use super::kernel::recurrent::{self as kernel, Kept, Size};
use super::linear::Linear;

type Taped = Autodiff<Flex>;

/// Gates in PyTorch's order: input, forget, candidate, output.
#[derive(Module, Debug)]
pub struct Lstm {
    /// From inputs to gates, `[in, 4h]`; its bias is that of the gates.
    pub inputs: Linear,
    /// From what was told before to gates, `[h, 4h]`.
    pub weight: Param<Tensor<2>>,
}

impl Lstm {
    /// Weights small enough that signals neither grow nor fade.
    pub fn new(init: &Init<'_>, inputs: usize, h: usize) -> Self {
        Self {
            inputs: Linear::new(&init.child("inputs"), inputs, 4 * h, (1.0 / (3.0 * inputs as f64)).sqrt()),
            weight: init.normal("weight", [h, 4 * h], (1.0 / (3.0 * h as f64)).sqrt()),
        }
    }

    /// What the layer tells at each step of sequences of `n` rows. `[b·n, in] → [b·n, h]`
    pub fn forward(&self, x: Tensor<2>, n: usize) -> Tensor<2> {
        let (gates, weight) = (self.inputs.forward(x), self.weight.val());
        recurrent(&gates, &weight, n).unwrap_or_else(|| composed(gates, weight, n))
    }
}

fn recurrent(gates: &Tensor<2>, weight: &Tensor<2>, n: usize) -> Option<Tensor<2>> {
    if gates.dtype() != DType::F32 {
        return None;
    }
    let tracked = gates.is_autodiff() || weight.is_autodiff();
    let (rows, h) = (gates.dims()[0], weight.dims()[0]);
    let gates = gates.clone().autodiff().try_into_primitive::<Taped>().ok()?;
    let weight = weight.clone().autodiff().try_into_primitive::<Taped>().ok()?;
    let own = host(weight.primitive().clone());
    let mut told = vec![0.0; rows * h];
    let size = Size { n, h };
    let kept = kernel::forward(size, slice(&host(gates.primitive().clone())), slice(&own), &mut told);
    let told = made(told, [rows, h]);
    let nodes = [gates.node(), weight.node()];
    let y = match Recurrent(size).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((kept, own, told.clone()), told),
        OpsKind::UnTracked(prep) => prep.finish(told),
    };
    let y = Tensor::from_primitive::<Taped>(y);
    Some(if tracked { y } else { y.inner() })
}

#[derive(Debug)]
struct Recurrent(Size);

impl Backward<Flex, 2> for Recurrent {
    type State = (Kept, Host, Host);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let (kept, weight, told) = ops.state;
        let [rows, h]: [usize; 2] = told.layout().shape().dims();
        let mut by_inputs = vec![0.0; rows * 4 * h];
        let by_weight = kernel::gradient(self.0, &kept, (slice(&weight), slice(&told)), slice(&dy), &mut by_inputs);
        let [of_inputs, of_weight] = ops.parents;
        if let Some(node) = of_inputs {
            grads.register::<Flex>(node.id, made(by_inputs, [rows, 4 * h]));
        }
        if let Some(node) = of_weight {
            grads.register::<Flex>(node.id, made(by_weight, [h, 4 * h]));
        }
    }
}

/// As [`Lstm::forward`] after its inputs, of burn's operations.
fn composed(gates: Tensor<2>, weight: Tensor<2>, n: usize) -> Tensor<2> {
    let ([rows, _], h) = (gates.dims(), weight.dims()[0]);
    let b = rows / n;
    let gates = gates.reshape([b, n, 4 * h]);
    let mut told = Tensor::<2>::zeros([b, h], &gates.device());
    let mut memory = told.clone();
    let mut out = Vec::with_capacity(n);
    for t in 0..n {
        let own = gates.clone().slice([0..b, t..t + 1, 0..4 * h]).reshape([b, 4 * h]) + told.matmul(weight.clone());
        let part = |i: usize| own.clone().slice([0..b, i * h..(i + 1) * h]);
        let [input, forget, output] = [0, 1, 3].map(|i| activation::sigmoid(part(i)));
        memory = forget * memory + input * activation::tanh(part(2));
        told = output * activation::tanh(memory.clone());
        out.push(told.clone().reshape([b, 1, h]));
    }
    Tensor::cat(out, 1).reshape([rows, h])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn the_layer_is_the_same_made_of_burns_operations() {
        let (b, n, h) = (19, 5, 6);
        let leaf = |name: &str, shape: [usize; 2]| {
            let values = Stream::new(3, name).normals(shape[0] * shape[1]);
            Tensor::<2>::from_data(TensorData::new(values, shape), &Device::flex()).autodiff().require_grad()
        };
        let run = |ours: bool| {
            let (gates, weight) = (leaf("gates", [b * n, 4 * h]), leaf("weight", [h, 4 * h]));
            let y = match ours {
                true => recurrent(&gates, &weight, n).unwrap(),
                false => composed(gates.clone(), weight.clone(), n),
            };
            let mut grads = (y.clone() * leaf("by", [b * n, h]).inner().autodiff()).sum().backward();
            [y.inner(), gates.grad_remove(&mut grads).unwrap(), weight.grad_remove(&mut grads).unwrap()]
                .map(crate::nn::numbers)
        };
        for (ours, burns) in run(true).into_iter().zip(run(false)) {
            let largest = burns.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
            assert_eq!(ours.len(), burns.len());
            assert!(ours.iter().zip(&burns).all(|(a, b)| (a - b).abs() <= 1e-5 * largest));
        }
    }
}
