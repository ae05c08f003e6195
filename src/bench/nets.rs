//! Networks to compare speed by: small, common, and the same to the last parameter in any framework.
//!
//! | name | what it is |
//! |---|---|
//! | `bench-dcgan32` | generator: linear 128→4·4·256, ReLU, transposed convolutions 4×4/2 256→128→64→3 with batch norm and ReLU between, tanh; critic: convolutions 4×4/2 3→64→128→256 with leaky ReLU, linear |
//! | `bench-resgan32` | three residual stages of 64 channels, 3×3 convolutions, nearest ×2 and average ÷2, 1×1 skips, no normalisation |
//! | `bench-vae32` | convolutions 4×4/2 3→32→64→128 with ReLU, 64 latents, the mirror image back |
//! | `bench-vae28` | fully connected, 784→400→20→400→784 with ReLU |

use burn::module::Module;
use burn::tensor::Tensor;

use crate::nn::conv::{Conv, Deconv};
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::norm::Norm;
use crate::nn::{activation, per_picture, resample};

/// Latents of both generators.
pub const LATENT: usize = 128;
const STD: f64 = 0.02;
const WIDTH: usize = 64;

fn fc(init: &Init<'_>, name: &str, inputs: usize, outputs: usize) -> Linear {
    Linear::new(&init.child(name), inputs, outputs, lecun(inputs))
}

/// Transposed convolutions through these channels.
fn up(init: &Init<'_>, channels: &[usize]) -> Vec<Deconv> {
    let layers = channels.windows(2).enumerate();
    layers.map(|(i, c)| Deconv::double(&init.child(format_args!("up.{i}")), c[0], c[1], STD)).collect()
}

/// Strided convolutions through these channels.
fn down(init: &Init<'_>, channels: &[usize]) -> Vec<Conv> {
    let layers = channels.windows(2).enumerate();
    layers.map(|(i, c)| Conv::half(&init.child(format_args!("down.{i}")), c[0], c[1], STD)).collect()
}

/// Generator of `bench-dcgan32`.
#[derive(Module, Debug)]
pub struct DcGenerator {
    fc: Linear,
    up: Vec<Deconv>,
    norms: Vec<Norm>,
}

impl DcGenerator {
    pub(super) fn new(init: &Init<'_>) -> Self {
        let norm = |(i, c)| Norm::new(&init.child(format_args!("norms.{i}")), c, STD);
        Self {
            fc: fc(init, "fc", LATENT, 4096),
            up: up(init, &[256, 128, 64, 3]),
            norms: [128, 64].into_iter().enumerate().map(norm).collect(),
        }
    }

    /// `[b, 128] → [b, 3, 32, 32]`
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [b, _] = z.dims();
        let mut x = self.fc.forward(z).reshape([b, 256, 4, 4]);
        for (up, norm) in self.up.iter().zip(&self.norms) {
            x = norm.forward(up.after_relu(x));
        }
        activation::tanh(self.up[2].after_relu(x))
    }
}

/// Critic of `bench-dcgan32`.
#[derive(Module, Debug)]
pub struct DcCritic {
    down: Vec<Conv>,
    fc: Linear,
}

impl DcCritic {
    pub(super) fn new(init: &Init<'_>) -> Self {
        Self { down: down(init, &[3, 64, 128, 256]), fc: fc(init, "fc", 4096, 1) }
    }

    /// `[b, 3, 32, 32] → [b, 1]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.down[0].forward(x);
        let x = self.down[1..].iter().fold(x, |x, conv| conv.after_leaky(x));
        self.fc.forward(per_picture(activation::leaky(x)))
    }
}

/// A residual stage: two 3×3 convolutions beside a 1×1 one.
#[derive(Module, Debug)]
struct Stage {
    a: Conv,
    b: Conv,
    skip: Conv,
}

impl Stage {
    fn new(init: &Init<'_>) -> Self {
        let conv = |name: &str, k: usize| Conv::same(&init.child(name), WIDTH, WIDTH, k, he(k * k * WIDTH));
        Self { a: conv("a", 3), b: conv("b", 3), skip: conv("skip", 1).without_bias() }
    }

    /// Doubled first: both ways see the large picture.
    fn up(&self, x: Tensor<4>) -> Tensor<4> {
        let x = resample::double(x);
        self.b.after_leaky(self.a.after_leaky(x.clone())) + self.skip.forward(x)
    }

    /// Halved last, each way by itself.
    fn down(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = self.b.after_leaky(self.a.after_leaky(x.clone()));
        resample::half(inner) + resample::half(self.skip.forward(x))
    }
}

/// Generator of `bench-resgan32`.
#[derive(Module, Debug)]
pub struct ResGenerator {
    fc: Linear,
    stages: Vec<Stage>,
    out: Conv,
}

impl ResGenerator {
    pub(super) fn new(init: &Init<'_>) -> Self {
        Self {
            fc: fc(init, "fc", LATENT, 16 * WIDTH),
            stages: (0..3).map(|i| Stage::new(&init.child(format_args!("stages.{i}")))).collect(),
            out: Conv::same(&init.child("out"), WIDTH, 3, 3, he(9 * WIDTH)),
        }
    }

    /// `[b, 128] → [b, 3, 32, 32]`
    pub fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        let [b, _] = z.dims();
        let x = self.fc.forward(z).reshape([b, WIDTH, 4, 4]);
        activation::tanh(self.out.after_leaky(self.stages.iter().fold(x, |x, stage| stage.up(x))))
    }
}

/// Critic of `bench-resgan32`.
#[derive(Module, Debug)]
pub struct ResCritic {
    input: Conv,
    stages: Vec<Stage>,
    fc: Linear,
}

impl ResCritic {
    pub(super) fn new(init: &Init<'_>) -> Self {
        Self {
            input: Conv::same(&init.child("input"), 3, WIDTH, 3, he(27)),
            stages: (0..3).map(|i| Stage::new(&init.child(format_args!("stages.{i}")))).collect(),
            fc: fc(init, "fc", 16 * WIDTH, 1),
        }
    }

    /// `[b, 3, 32, 32] → [b, 1]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.stages.iter().fold(self.input.forward(x), |x, stage| stage.down(x));
        self.fc.forward(per_picture(activation::leaky(x)))
    }
}

/// `bench-vae32`.
#[derive(Module, Debug)]
pub struct ConvVae {
    down: Vec<Conv>,
    head: Linear,
    fc: Linear,
    up: Vec<Deconv>,
}

impl ConvVae {
    pub(super) fn new(init: &Init<'_>) -> Self {
        Self {
            down: down(init, &[3, 32, 64, 128]),
            head: fc(init, "head", 2048, 128),
            fc: fc(init, "fc", 64, 2048),
            up: up(init, &[128, 64, 32, 3]),
        }
    }

    fn encode(&self, x: Tensor<4>) -> Tensor<2> {
        let x = self.down[1..].iter().fold(self.down[0].forward(x), |x, conv| conv.after_relu(x));
        self.head.forward(per_picture(activation::relu(x)))
    }

    fn decode(&self, z: Tensor<2>) -> Tensor<4> {
        let [b, _] = z.dims();
        self.up.iter().fold(self.fc.forward(z).reshape([b, 128, 4, 4]), |x, up| up.after_relu(x))
    }
}

/// `bench-vae28`.
#[derive(Module, Debug)]
pub struct FlatVae {
    a: Linear,
    head: Linear,
    fc: Linear,
    out: Linear,
}

impl FlatVae {
    pub(super) fn new(init: &Init<'_>) -> Self {
        Self {
            a: fc(init, "a", 784, 400),
            head: fc(init, "head", 400, 40),
            fc: fc(init, "fc", 20, 400),
            out: fc(init, "out", 400, 784),
        }
    }
}

/// Either auto-encoder.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
pub enum Vae {
    /// `bench-vae32`
    Conv(ConvVae),
    /// `bench-vae28`
    Flat(FlatVae),
}

impl Vae {
    /// `[b, c, h, w] → [b, 2z]`: mean, then log variance
    pub fn encode(&self, x: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Conv(net) => net.encode(x),
            Self::Flat(net) => net.head.forward(activation::relu(net.a.forward(per_picture(x)))),
        }
    }

    /// Logits. `[b, z] → [b, c, h, w]`
    pub fn decode(&self, z: Tensor<2>) -> Tensor<4> {
        match self {
            Self::Conv(net) => net.decode(z),
            Self::Flat(net) => {
                let [b, _] = z.dims();
                net.out.forward(activation::relu(net.fc.forward(z))).reshape([b, 1, 28, 28])
            }
        }
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        match self {
            Self::Conv(_) => 64,
            Self::Flat(_) => 20,
        }
    }

    /// `[c, h, w]` of its pictures.
    pub fn shape(&self) -> [usize; 3] {
        match self {
            Self::Conv(_) => [3, 32, 32],
            Self::Flat(_) => [1, 28, 28],
        }
    }
}
