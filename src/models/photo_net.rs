//! What photographs are seen through: EfficientNet-Lite0 (Tan & Le 2019; Apache-2.0), trained on ImageNet, with fixed
//! weights.
//!
//! Its file lies in `checkpoints/` and is read at the first use.
//!
//! Inverted residual blocks with ReLU6 and without squeeze-and-excitation, made for small devices. Batch norm is folded
//! into the convolutions, and the shipped numbers are halves; `tests/fixtures/make_photo_net.py` made the file. Padding is
//! that of the PyTorch package: `k − step` zeros, the smaller half of them above and on the left.
//!
//! ```text
//! r²×3 ─ stem ÷2 ─ 16 ─ ÷4: 24 ─ ÷8: 40 ─ ÷16: 80, 112 ─ ÷32: 192, 320 ─ head 1280 ─ mean ─ 1000 classes
//!                          └ stage 0  └ stage 1     └ stage 2       └ stage 3
//! ```
//! Gradients flow to the pictures only. On the CPU the layers are kernels of our own ([`crate::nn::frozen`]); on other
//! devices they are burn's.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};

use super::io::Weights;
use super::shipped;
use crate::base::{Problem, Result};
use crate::nn::frozen::{self, Depthwise, InvertedResidual, Pointwise, Stem};
use crate::nn::init::Init;
use crate::nn::{is_cpu, per_picture};

/// Pixels a side that it was trained at.
pub const SIDE: u32 = 224;
/// Fewest pixels a side: below, its last stage is empty.
pub const LEAST_SIDE: usize = 32;
/// Numbers of pooled features.
pub const DIM: usize = 1280;
/// Its numbers in all.
pub const PARAMETERS: u64 = 4_631_000;
/// Channels of the stages, at a quarter, an eighth, a sixteenth and a thirty-second of the picture's side.
pub const STAGES: [usize; 4] = [24, 40, 112, 320];

/// Name of the file in `checkpoints/`.
pub const NAME: &str = "efficientnet-lite0";

/// Channels made by the stem.
const STEM: usize = 32;
/// `[repeats, kernel, first step, expansion, channels]` of each row of blocks.
const ROWS: [[usize; 5]; 7] = [
    [1, 3, 1, 1, 16],
    [2, 3, 2, 6, 24],
    [2, 5, 2, 6, 40],
    [3, 3, 2, 6, 80],
    [3, 5, 1, 6, 112],
    [4, 5, 2, 6, 192],
    [1, 3, 1, 6, 320],
];
/// Numbers of the blocks whose results are the stages.
const TAPPED: [usize; 4] = [2, 4, 10, 15];
/// Mean and deviation of the colours of ImageNet in 0…1.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Shape of a block: channels in, of the middle and out, kernel and step.
#[derive(Clone, Copy)]
struct Shape {
    channels: [usize; 3],
    kernel: usize,
    stride: usize,
}

fn shapes() -> Vec<Shape> {
    let mut inputs = STEM;
    let mut out = Vec::new();
    for [repeats, kernel, first, expansion, outputs] in ROWS {
        for i in 0..repeats {
            let stride = if i == 0 { first } else { 1 };
            out.push(Shape { channels: [inputs, inputs * expansion, outputs], kernel, stride });
            inputs = outputs;
        }
    }
    out
}

impl Shape {
    fn expands(&self) -> bool {
        self.channels[0] != self.channels[1]
    }
    fn residual(&self) -> bool {
        self.stride == 1 && self.channels[0] == self.channels[2]
    }
}

/// A convolution with fixed weights, on devices where burn computes it.
#[derive(Module, Debug)]
struct Fixed {
    /// `[out, in / groups, k, k]`.
    weight: Param<Tensor<4>>,
    /// `[out]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    stride: usize,
}

impl Fixed {
    fn blank(device: &Device, [inputs, outputs]: [usize; 2], kernel: usize, stride: usize) -> Self {
        let init = Init::blank("photo", device);
        Self { weight: init.filled([outputs, inputs, kernel, kernel], 0.0), bias: init.filled([outputs], 0.0), stride }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let [outputs, read, kernel, _] = weight.dims();
        let [_, channels, h, w] = x.dims();
        let padding = kernel - self.stride.min(kernel);
        let (before, after) = (padding / 2, padding - padding / 2);
        let x = if padding > 0 { x.pad([(before, after), (before, after)], 0.0) } else { x };
        let groups = channels / read;
        let (weight, bias) = if x.is_autodiff() { (weight.autodiff(), bias.autodiff()) } else { (weight, bias) };
        let y = conv2d(x, weight, Some(bias), ConvOptions::new([self.stride; 2], [0; 2], [1, 1], groups));
        debug_assert_eq!(y.dims()[1..], [outputs, h / self.stride, w / self.stride]);
        y
    }
}

#[derive(Module, Debug)]
struct Block {
    expand: Option<Fixed>,
    depthwise: Fixed,
    project: Fixed,
    #[module(skip)]
    residual: bool,
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let wide = self.expand.as_ref().map_or_else(|| x.clone(), |e| relu6(e.forward(x.clone())));
        let y = self.project.forward(relu6(self.depthwise.forward(wide)));
        if self.residual { y + x } else { y }
    }
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}

/// The network as burn computes it.
#[derive(Module, Debug)]
struct EfficientNet {
    stem: Fixed,
    blocks: Vec<Block>,
    head: Fixed,
}

impl EfficientNet {
    fn blank(device: &Device) -> Self {
        let fixed = |channels: [usize; 2], kernel, stride| Fixed::blank(device, channels, kernel, stride);
        let block = |s: Shape| {
            let [inputs, middle, outputs] = s.channels;
            Block {
                expand: s.expands().then(|| fixed([inputs, middle], 1, 1)),
                depthwise: fixed([1, middle], s.kernel, s.stride),
                project: fixed([middle, outputs], 1, 1),
                residual: s.residual(),
            }
        };
        Self {
            stem: fixed([3, STEM], 3, 2),
            blocks: shapes().into_iter().map(block).collect(),
            head: fixed([STAGES[3], DIM], 1, 1),
        }
    }
}

/// The network as kernels.
struct Kernels {
    stem: Arc<Stem>,
    blocks: Vec<Arc<InvertedResidual>>,
    head: Arc<Pointwise>,
}

impl Kernels {
    fn of(weights: &Weights) -> Result<Self> {
        let take = |name: String, count: usize| {
            let tensor = weights.tensors.get(&name).filter(|t| t.values.len() == count);
            tensor.map(|t| t.values.clone()).ok_or_else(|| super::tensor_file::other_network(name))
        };
        let both = |name: &str, outputs: usize, read: usize| -> Result<_> {
            Ok((take(format!("{name}.weight"), outputs * read)?, take(format!("{name}.bias"), outputs)?))
        };
        let pointwise = |name: &str, [read, made]: [usize; 2]| -> Result<_> {
            let (weight, bias) = both(name, made, read)?;
            Ok(Pointwise::new([read, made], weight, bias))
        };
        let block = |(i, s): (usize, Shape)| {
            let [inputs, middle, outputs] = s.channels;
            let (weight, bias) = both(&format!("blocks.{i}.depthwise"), middle, s.kernel * s.kernel)?;
            let expand =
                if s.expands() { Some(pointwise(&format!("blocks.{i}.expand"), [inputs, middle])?) } else { None };
            Ok(Arc::new(InvertedResidual {
                expand,
                depthwise: Depthwise { channels: middle, kernel: s.kernel, stride: s.stride, weight, bias },
                project: pointwise(&format!("blocks.{i}.project"), [middle, outputs])?,
                residual: s.residual(),
            }))
        };
        let (weight, bias) = both("stem", STEM, 27)?;
        Ok(Self {
            stem: Arc::new(Stem::new([3, STEM], weight, bias)),
            blocks: shapes().into_iter().enumerate().map(block).collect::<Result<_>>()?,
            head: Arc::new(pointwise("head", [STAGES[3], DIM])?),
        })
    }
}

fn shipped_weights() -> Result<Weights> {
    Weights::from_bytes(&shipped::read(NAME)?).map_err(shipped::damaged)
}

/// What the shipped file holds.
struct Shipped {
    kernels: Arc<Kernels>,
    /// `[1280, 1000]` and `[1000]`.
    classes: [Vec<f32>; 2],
    names: Vec<String>,
    attribution: String,
    hash: String,
}

impl Shipped {
    fn get() -> Result<&'static Self> {
        static READ: OnceLock<Shipped> = OnceLock::new();
        // A file that is missing is asked for again: it may have been put there since.
        match READ.get() {
            Some(read) => Ok(read),
            None => Self::of(&shipped_weights()?).map(|read| READ.get_or_init(|| read)),
        }
    }

    fn of(weights: &Weights) -> Result<Self> {
        let text = |key: &str| weights.metadata.get(key).cloned().unwrap_or_default();
        let names: Vec<String> = serde_json::from_str(&text("classes"))
            .map_err(|e| Problem::data("The class names inside of these weights cannot be read").because(e))?;
        let numbers = |name: &str, count: usize| {
            let tensor = weights.tensors.get(name).filter(|t| t.values.len() == count);
            tensor.map(|t| t.values.clone()).ok_or_else(|| super::tensor_file::other_network(name))
        };
        Ok(Self {
            kernels: Arc::new(Kernels::of(weights)?),
            classes: [numbers("classes.weight", DIM * names.len())?, numbers("classes.bias", names.len())?],
            names,
            attribution: text("attribution"),
            hash: weights.hash(),
        })
    }
}

#[derive(Clone)]
enum Layers {
    Kernels(Arc<Kernels>),
    Burn(Arc<EfficientNet>),
}

/// The network on a device. Clones share its weights.
#[derive(Clone)]
pub struct PhotoNet {
    layers: Layers,
    device: Device,
}

impl std::fmt::Debug for PhotoNet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhotoNet").field("device", &self.device).finish_non_exhaustive()
    }
}

impl PhotoNet {
    /// The network that comes with the studio. The process (on a GPU: the thread) keeps it after the first call.
    ///
    /// # Errors
    /// Its file is missing, cannot be read or is damaged.
    pub fn load(device: &Device) -> Result<Self> {
        thread_local! {
            static ELSEWHERE: RefCell<Vec<PhotoNet>> = const { RefCell::new(Vec::new()) };
        }
        let device = device.clone().inner();
        if is_cpu(&device) {
            return Ok(Self { layers: Layers::Kernels(Shipped::get()?.kernels.clone()), device });
        }
        ELSEWHERE.with_borrow_mut(|nets| {
            if let Some(net) = nets.iter().find(|n| n.device == device) {
                return Ok(net.clone());
            }
            let net = Self::by_burn(&shipped_weights()?, &device)?;
            nets.push(net.clone());
            Ok(net)
        })
    }

    fn by_burn(weights: &Weights, device: &Device) -> Result<Self> {
        let net = weights.load(EfficientNet::blank(device))?.no_grad();
        Ok(Self { layers: Layers::Burn(Arc::new(net)), device: device.clone() })
    }

    /// What each stage sees of pictures in −1…1, of at least [`LEAST_SIDE`] pixels a side. Channels are [`STAGES`].
    /// `[b, 3, h, w] → [b, cᵢ, h / 2ⁱ⁺², w / 2ⁱ⁺²]`
    pub fn stages(&self, x: Tensor<4>) -> [Tensor<4>; 4] {
        let row = |values: [f32; 3]| {
            let row = Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), &self.device);
            if x.is_autodiff() { row.autodiff() } else { row }
        };
        // ((x + 1) / 2 − mean) / deviation
        let scale = row(DEVIATION.map(|d| 0.5 / d));
        let shift = row(std::array::from_fn(|i| (0.5 - MEAN[i]) / DEVIATION[i]));
        let mut x = x * scale + shift;
        let taped = "tensors are on the device that the network was loaded for";
        x = match &self.layers {
            Layers::Kernels(net) => frozen::stem(&net.stem, &x).expect(taped),
            Layers::Burn(net) => relu6(net.stem.forward(x)),
        };
        let mut stages = Vec::with_capacity(4);
        for i in 0..=TAPPED[3] {
            x = match &self.layers {
                Layers::Kernels(net) => frozen::inverted_residual(&net.blocks[i], &x).expect(taped),
                Layers::Burn(net) => net.blocks[i].forward(x),
            };
            if TAPPED.contains(&i) {
                stages.push(x.clone());
            }
        }
        stages.try_into().expect("four blocks are tapped")
    }

    /// The mean over the picture of what the head makes of the last stage: what ImageNet's classes are told by.
    /// `[b, 3, h, w] → [b, 1280]`
    pub fn pooled(&self, x: Tensor<4>) -> Tensor<2> {
        let [_, _, _, last] = self.stages(x);
        self.pooled_of(last)
    }

    /// [`Self::pooled`] of the last stage. `[b, 320, h, w] → [b, 1280]`
    pub fn pooled_of(&self, last: Tensor<4>) -> Tensor<2> {
        let y = match &self.layers {
            Layers::Kernels(net) => {
                frozen::pointwise(&net.head, &last).expect("tensors are on the device that the network was loaded for")
            }
            Layers::Burn(net) => relu6(net.head.forward(last)),
        };
        let [b, c, h, w] = y.dims();
        per_picture(y.reshape([b, c, h * w]).mean_dim(2))
    }

    /// How much pooled features speak for each class, before softmax. `[b, 1280] → [b, 1000]`
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn logits(&self, pooled: Tensor<2>) -> Result<Tensor<2>> {
        let [weight, bias] = &Shipped::get()?.classes;
        let place = |x: Tensor<2>| if pooled.is_autodiff() { x.autodiff() } else { x };
        let of = |values: &[f32], shape: [usize; 2]| {
            place(Tensor::from_data(TensorData::new(values.to_vec(), shape), &self.device))
        };
        let (weight, bias) = (of(weight, [DIM, bias.len()]), of(bias, [1, bias.len()]));
        Ok(pooled.matmul(weight) + bias)
    }
}

/// Names of the classes, in the order of [`PhotoNet::logits`].
///
/// # Errors
/// As [`PhotoNet::load`].
pub fn class_names() -> Result<&'static [String]> {
    Ok(&Shipped::get()?.names)
}

/// Hash of the shipped weights (see [`Weights::hash`]).
///
/// # Errors
/// As [`PhotoNet::load`].
pub fn hash() -> Result<&'static str> {
    Ok(&Shipped::get()?.hash)
}

/// Hash of the shipped weights, for a run that began with those of hash `begun` (empty: with none yet).
///
/// # Errors
/// As [`PhotoNet::load`]; the run began with others.
pub fn same_as(begun: &str) -> Result<&'static str> {
    let own = hash()?;
    if !begun.is_empty() && begun != own {
        let short = |hash: &str| hash.chars().take(8).collect::<String>();
        return Err(Problem::data("This run looks through another network than comes with this version")
            .of("model.features")
            .because(format!("the run has {}, the studio {}", short(begun), short(own)))
            .try_this("Go on with the version it began with, or start a new run from its model"));
    }
    Ok(own)
}

/// Who made the network and under which licence.
///
/// # Errors
/// As [`PhotoNet::load`].
pub fn attribution() -> Result<&'static str> {
    Ok(&Shipped::get()?.attribution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::paths::source_tree;
    use crate::base::rng::Stream;

    fn fixture() -> Weights {
        Weights::read(&source_tree().join("tests/fixtures/photo_net.safetensors")).unwrap()
    }

    fn tensor<const D: usize>(from: &Weights, name: &str) -> Tensor<D> {
        let t = &from.tensors[name];
        Tensor::from_data(TensorData::new(t.values.clone(), t.shape.clone()), &Device::flex())
    }

    fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.without_autodiff().into_data().try_into_vec().unwrap()
    }

    /// Distance relative to the length of what is expected.
    fn off(got: &[f32], expected: &[f32]) -> f64 {
        assert_eq!(got.len(), expected.len());
        let square = |v: f64| v * v;
        let error: f64 = got.iter().zip(expected).map(|(a, b)| square(f64::from(a - b))).sum();
        (error / expected.iter().map(|v| square(f64::from(*v))).sum::<f64>()).sqrt()
    }

    fn both() -> [PhotoNet; 2] {
        let device = Device::flex();
        let by_burn = PhotoNet::by_burn(&shipped_weights().unwrap(), &device).unwrap();
        [PhotoNet::load(&device).unwrap(), by_burn]
    }

    #[test]
    fn features_are_those_of_pytorch() {
        let fixture = fixture();
        for net in both() {
            for side in ["64", "45"] {
                let x: Tensor<4> = tensor(&fixture, &format!("x{side}"));
                let last = &net.stages(x.clone())[3];
                let pooled = net.pooled_of(last.clone());
                let mut seen: Vec<_> = net.stages(x.clone()).into_iter().map(values).collect();
                seen.extend([values(pooled.clone()), values(net.logits(pooled).unwrap())]);
                let names = ["stage.0", "stage.1", "stage.2", "stage.3", "pooled", "logits"];
                for (name, got) in names.iter().zip(&seen) {
                    let of = |kind: &str| fixture.tensors.get(&format!("{kind}.{side}.{name}"));
                    let same = off(got, &of("half").unwrap().values);
                    assert!(same < 1e-5, "{side} {name} by the same numbers: {same}");
                    if let Some(full) = of("full") {
                        let rounded = off(got, &full.values);
                        assert!(rounded < 1e-2, "{side} {name} by the original numbers: {rounded}");
                    }
                }
            }
        }
    }

    #[test]
    fn gradients_by_pictures_are_those_of_pytorch() {
        let fixture = fixture();
        for net in both() {
            for side in ["64", "45"] {
                let x = tensor::<4>(&fixture, &format!("x{side}")).autodiff().require_grad();
                let weighted = |map: Tensor<4>| {
                    let shape = map.dims();
                    let n: usize = shape.iter().product();
                    let waves: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).cos()).collect();
                    let waves = Tensor::<4>::from_data(TensorData::new(waves, shape), &Device::flex()).autodiff();
                    (map * waves).mean()
                };
                let sum = net.stages(x.clone()).into_iter().map(weighted).reduce(|a, b| a + b).unwrap();
                let grad = values(x.grad_remove(&mut sum.backward()).unwrap());
                let off = off(&grad, &fixture.tensors[&format!("half.{side}.grad")].values);
                assert!(off < 1e-3, "{side}: {off}");
            }
        }
    }

    #[test]
    fn features_depend_neither_on_the_batch_nor_on_threads() {
        let net = PhotoNet::load(&Device::flex()).unwrap();
        let x = Stream::new(4, "pictures").normals(7 * 3 * 48 * 48);
        let x = Tensor::<4>::from_data(TensorData::new(x, [7, 3, 48, 48]), &Device::flex());
        let run = |x: Tensor<4>| {
            let x = x.autodiff().require_grad();
            let maps = net.stages(x.clone());
            let grad = maps.iter().map(|m| m.clone().square().sum()).reduce(|a, b| a + b).unwrap();
            let grad = x.grad_remove(&mut grad.backward()).unwrap();
            let pooled = net.pooled_of(maps[3].clone());
            maps.into_iter().map(values).chain([values(pooled), values(grad)]).collect::<Vec<_>>()
        };
        let alone = run(x.clone().narrow(0, 3, 1));
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for (all, one) in pool.install(|| run(x.clone())).iter().zip(&alone) {
                let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&all[3 * one.len()..4 * one.len()]), bits(one), "{threads} threads");
            }
        }
    }

    #[test]
    fn classes_have_names_and_the_file_its_licence() {
        let names = class_names().unwrap();
        assert_eq!((names.len(), names[0].as_str(), names[985].as_str()), (1000, "tench", "daisy"));
        assert!(attribution().unwrap().contains("Apache License 2.0"));
        let weights = shipped_weights().unwrap();
        assert_eq!(weights.tensors.values().map(|t| t.values.len() as u64).sum::<u64>(), PARAMETERS);
    }
}
