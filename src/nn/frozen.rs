//! Layers with fixed weights on the CPU, as differentiable operations: gradients flow to the inputs only.
//!
//! Each gives back `None` for tensors of another device, which then go burn's own way.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::tensor::{DType, Tensor};

use super::cpu::{Host, host, made, slice};
use super::kernel::bilinear::{self, Taps};
pub use super::kernel::depthwise::Depthwise;
use super::kernel::inverted::Passed;
pub use super::kernel::inverted::{InvertedResidual, Pointwise, Stem};

/// What an operation does to pictures and to gradients. `keep` asks for what the way back needs.
trait Frozen: std::fmt::Debug + Send + Sync {
    fn shape(&self, from: [usize; 4]) -> [usize; 4];
    fn forward(&self, x: &[f32], shape: [usize; 4], keep: bool, y: &mut [f32]) -> Passed;
    fn backward(&self, dy: &[f32], shape: [usize; 4], passed: &Passed, dx: &mut [f32]);
}

impl Frozen for InvertedResidual {
    fn shape(&self, [b, _, h, w]: [usize; 4]) -> [usize; 4] {
        let [h, w] = self.out([h, w]);
        [b, self.outputs(), h, w]
    }
    fn forward(&self, x: &[f32], [_, _, h, w]: [usize; 4], keep: bool, y: &mut [f32]) -> Passed {
        self.forward(x, [h, w], keep, y)
    }
    fn backward(&self, dy: &[f32], [_, _, h, w]: [usize; 4], passed: &Passed, dx: &mut [f32]) {
        self.backward(dy, [h, w], passed, dx);
    }
}

impl Frozen for Stem {
    fn shape(&self, [b, _, h, w]: [usize; 4]) -> [usize; 4] {
        [b, self.outputs(), h / 2, w / 2]
    }
    fn forward(&self, x: &[f32], [_, _, h, w]: [usize; 4], keep: bool, y: &mut [f32]) -> Passed {
        self.forward(x, [h, w], keep, y)
    }
    fn backward(&self, dy: &[f32], [_, _, h, w]: [usize; 4], passed: &Passed, dx: &mut [f32]) {
        self.backward(dy, [h, w], passed, dx);
    }
}

impl Frozen for Pointwise {
    fn shape(&self, [b, _, h, w]: [usize; 4]) -> [usize; 4] {
        [b, self.channels[1], h, w]
    }
    fn forward(&self, x: &[f32], [_, _, h, w]: [usize; 4], keep: bool, y: &mut [f32]) -> Passed {
        self.forward(x, h * w, keep, y)
    }
    fn backward(&self, dy: &[f32], [_, _, h, w]: [usize; 4], passed: &Passed, dx: &mut [f32]) {
        self.backward(dy, h * w, passed, dx);
    }
}

/// Bilinear interpolation.
#[derive(Debug)]
struct Resize {
    rows: Taps,
    columns: Taps,
}

impl Frozen for Resize {
    fn shape(&self, [b, c, _, _]: [usize; 4]) -> [usize; 4] {
        [b, c, self.rows.len(), self.columns.len()]
    }
    fn forward(&self, x: &[f32], [_, _, h, w]: [usize; 4], _: bool, y: &mut [f32]) -> Passed {
        bilinear::forward(x, [h, w], &self.rows, &self.columns, y);
        Passed::default()
    }
    fn backward(&self, dy: &[f32], [_, _, h, w]: [usize; 4], _: &Passed, dx: &mut [f32]) {
        bilinear::backward(dy, [h, w], &self.rows, &self.columns, dx);
    }
}

#[derive(Clone, Debug)]
struct Saved {
    layer: Arc<dyn Frozen>,
    shape: [usize; 4],
    passed: Passed,
}

#[derive(Debug)]
struct Fixed;

impl Backward<Flex, 1> for Fixed {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = host(grads.consume::<Flex>(&ops.node));
        let Saved { layer, shape, passed } = ops.state;
        if let [Some(node)] = ops.parents {
            let mut dx = vec![0.0; shape.iter().product()];
            layer.backward(slice(&dy), shape, &passed, &mut dx);
            grads.register::<Flex>(node.id, made(dx, shape));
        }
    }
}

fn through(layer: Arc<dyn Frozen>, x: &Tensor<4>) -> Option<Tensor<4>> {
    if x.dtype() != DType::F32 {
        return None;
    }
    let shape = x.dims();
    let of = |x: &Host, keep: bool| {
        let to = layer.shape(shape);
        let mut y = vec![0.0; to.iter().product()];
        let passed = layer.forward(slice(x), shape, keep, &mut y);
        (made(y, to), passed)
    };
    if !x.is_autodiff() {
        let x = host(x.clone().try_into_primitive::<Flex>().ok()?);
        return Some(Tensor::from_primitive::<Flex>(of(&x, false).0));
    }
    let x = x.clone().try_into_primitive::<Autodiff<Flex>>().ok()?;
    let values = host(x.primitive().clone());
    let y = match Fixed.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let (y, passed) = of(&values, true);
            prep.finish(Saved { layer: layer.clone(), shape, passed }, y)
        }
        OpsKind::UnTracked(prep) => prep.finish(of(&values, false).0),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

/// An inverted residual block. `[b, in, h, w] → [b, out, h/step, w/step]`
pub fn inverted_residual(layer: &Arc<InvertedResidual>, x: &Tensor<4>) -> Option<Tensor<4>> {
    through(layer.clone(), x)
}

/// The first convolution with ReLU6. `[b, colours, h, w] → [b, out, h/2, w/2]`
pub fn stem(layer: &Arc<Stem>, x: &Tensor<4>) -> Option<Tensor<4>> {
    through(layer.clone(), x)
}

/// A 1×1 convolution with ReLU6. `[b, in, h, w] → [b, out, h, w]`
pub fn pointwise(layer: &Arc<Pointwise>, x: &Tensor<4>) -> Option<Tensor<4>> {
    through(layer.clone(), x)
}

/// Pictures of another size by bilinear interpolation: see [`super::resample::bilinear`].
pub fn bilinear(x: &Tensor<4>, [rows, columns]: [usize; 2]) -> Option<Tensor<4>> {
    let [.., h, w] = x.dims();
    through(Arc::new(Resize { rows: bilinear::taps(h, rows), columns: bilinear::taps(w, columns) }), x)
}

#[cfg(test)]
mod tests {
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::base::rng::Stream;
    use crate::nn::resample;

    fn numbers<const D: usize>(name: &str, shape: [usize; D], std: f32) -> Tensor<D> {
        let n = shape.iter().product();
        let values: Vec<f32> = Stream::new(8, name).normals(n).into_iter().map(|v| v * std).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn values<const D: usize>(x: &Tensor<D>) -> Vec<f32> {
        x.clone().without_autodiff().into_data().try_into_vec().unwrap()
    }

    fn close(what: &str, got: &[f32], expected: &[f32]) {
        assert_eq!(got.len(), expected.len(), "{what}");
        let largest = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-5 * largest, "{what}: {a}, not {b}, of {largest}");
        }
    }

    /// Value and gradient of a weighted sum by the input.
    fn both(x: &Tensor<4>, of: impl Fn(Tensor<4>) -> Tensor<4>) -> [Vec<f32>; 2] {
        let x = x.clone().autodiff().require_grad();
        let y = of(x.clone());
        let weights = numbers("weights", y.dims(), 1.0).autodiff();
        let mut grads = (y.clone() * weights).sum().backward();
        [values(&y), values(&x.grad_remove(&mut grads).unwrap())]
    }

    fn convolved(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, stride: usize, groups: usize) -> Tensor<4> {
        let padding = weight.dims()[2] - stride;
        let (before, after) = (padding / 2, padding - padding / 2);
        let x = x.pad([(before, after), (before, after)], 0.0);
        let options = ConvOptions::new([stride; 2], [0; 2], [1, 1], groups);
        conv2d(x, weight.autodiff(), Some(bias.autodiff()), options)
    }

    fn relu6(x: Tensor<4>) -> Tensor<4> {
        x.clamp(0.0, 6.0)
    }

    #[test]
    fn inverted_residuals_are_burns_at_odd_sizes_and_steps() {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            for (size, batch, [inputs, middle, outputs]) in [
                ([4, 4], 7, [5, 30, 5]),
                ([7, 9], 3, [4, 24, 6]),
                ([5, 6], 2, [3, 3, 3]),
                ([21, 33], 2, [6, 50, 9]),
                ([64, 48], 1, [2, 12, 2]),
            ] {
                let what = format!("{kernel}×{kernel} by {stride}, {size:?}, {inputs} to {middle} to {outputs}");
                let w = |name: &str, shape: [usize; 4], std| numbers::<4>(name, shape, std);
                let (we, wd, wp) = (
                    w("expand", [middle, inputs, 1, 1], 2.0),
                    w("depthwise", [middle, 1, kernel, kernel], 0.5),
                    w("project", [outputs, middle, 1, 1], 0.3),
                );
                let bias = |name: &str, n: usize| numbers::<1>(name, [n], 1.0);
                let (be, bd, bp) = (bias("be", middle), bias("bd", middle), bias("bp", outputs));
                let expands = middle > inputs;
                let residual = stride == 1 && inputs == outputs;
                let layer = Arc::new(InvertedResidual {
                    expand: expands.then(|| Pointwise::new([inputs, middle], values(&we), values(&be))),
                    depthwise: Depthwise { channels: middle, kernel, stride, weight: values(&wd), bias: values(&bd) },
                    project: Pointwise::new([middle, outputs], values(&wp), values(&bp)),
                    residual,
                });
                let x = numbers("x", [batch, inputs, size[0], size[1]], 1.5);
                let ours = both(&x, |x| inverted_residual(&layer, &x).unwrap());
                let burns = both(&x, |x| {
                    let wide =
                        if expands { relu6(convolved(x.clone(), we.clone(), be.clone(), 1, 1)) } else { x.clone() };
                    let even = size.map(|n| n / stride * stride);
                    // With step 2 an odd side ends where its last whole pair does, as with the package's fixed padding.
                    let deep = convolved(wide, wd.clone(), bd.clone(), stride, middle);
                    let deep = deep.slice([0..batch, 0..middle, 0..even[0] / stride, 0..even[1] / stride]);
                    let y = convolved(relu6(deep), wp.clone(), bp.clone(), 1, 1);
                    if residual { y + x } else { y }
                });
                close(&what, &ours[0], &burns[0]);
                close(&format!("gradient of {what}"), &ours[1], &burns[1]);
                let plain = inverted_residual(&layer, &x).unwrap();
                assert_eq!(values(&plain), ours[0], "{what}");
            }
        }
    }

    #[test]
    fn the_first_convolution_and_single_pixels_are_burns() {
        for size in [[8, 8], [11, 6], [5, 9], [70, 64]] {
            let (w, b) = (numbers("w", [10, 3, 3, 3], 0.7), numbers::<1>("b", [10], 1.0));
            let layer = Arc::new(Stem::new([3, 10], values(&w), values(&b)));
            let x = numbers("x", [3, 3, size[0], size[1]], 1.0);
            let ours = both(&x, |x| stem(&layer, &x).unwrap());
            let burns = both(&x, |x| {
                let y = relu6(convolved(x, w.clone(), b.clone(), 2, 1));
                y.slice([0..3, 0..10, 0..size[0] / 2, 0..size[1] / 2])
            });
            close(&format!("{size:?}"), &ours[0], &burns[0]);
            close(&format!("gradient at {size:?}"), &ours[1], &burns[1]);

            let (w, b) = (numbers("v", [7, 5, 1, 1], 2.0), numbers::<1>("c", [7], 1.0));
            let layer = Arc::new(Pointwise::new([5, 7], values(&w), values(&b)));
            let x = numbers("y", [6, 5, size[0] / 2, size[1] / 4], 1.0);
            let ours = both(&x, |x| pointwise(&layer, &x).unwrap());
            let burns = both(&x, |x| relu6(convolved(x, w.clone(), b.clone(), 1, 1)));
            close(&format!("1×1 at {size:?}"), &ours[0], &burns[0]);
            close(&format!("gradient of 1×1 at {size:?}"), &ours[1], &burns[1]);
        }
    }

    #[test]
    fn interpolation_is_linear_between_centres_and_its_way_back_is_the_transpose() {
        let x = numbers("x", [2, 3, 6, 9], 1.0);
        // Twice as large it is the smooth doubling.
        let double = both(&x, |x| bilinear(&x, [12, 18]).unwrap());
        let smooth = both(&x, resample::double_smooth);
        close("twice", &double[0], &smooth[0]);
        close("its gradient", &double[1], &smooth[1]);
        for to in [[6, 4], [17, 25], [3, 30], [1, 1]] {
            let y = values(&bilinear(&x, to).unwrap());
            let host = values(&x);
            let at = |i: usize, from: usize, to: usize| ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
            for (k, v) in y.iter().enumerate() {
                let (plane, row, column) = (k / (to[0] * to[1]), k / to[1] % to[0], k % to[1]);
                let (r, c) = (at(row, 6, to[0]), at(column, 9, to[1]));
                let pixel = |r: usize, c: usize| f64::from(host[plane * 54 + r.min(5) * 9 + c.min(8)]);
                let (i, j, s, t) = (r as usize, c as usize, r.fract(), c.fract());
                let expected = (pixel(i, j) * (1.0 - t) + pixel(i, j + 1) * t) * (1.0 - s)
                    + (pixel(i + 1, j) * (1.0 - t) + pixel(i + 1, j + 1) * t) * s;
                assert!((f64::from(*v) - expected).abs() < 1e-5, "{to:?} at {k}: {v}, not {expected}");
            }
            // Linear: a step of any size gives the exact difference.
            let grad = both(&x, |x| bilinear(&x, to).unwrap())[1].clone();
            let weights = numbers("weights", [2, 3, to[0], to[1]], 1.0);
            let sum = |x: &Tensor<4>| (bilinear(x, to).unwrap() * weights.clone()).sum().into_scalar::<f32>();
            for i in (0..grad.len()).step_by(29) {
                let mut unit = vec![0.0; grad.len()];
                unit[i] = 1.0;
                let unit = Tensor::<4>::from_data(TensorData::new(unit, [2, 3, 6, 9]), &Device::flex());
                let difference = (sum(&(x.clone() + unit.clone())) - sum(&(x.clone() - unit))) / 2.0;
                assert!((grad[i] - difference).abs() < 1e-4, "{to:?} at {i}: {} {difference}", grad[i]);
            }
        }
    }
}
