//! A small R3GAN: residual blocks without normalisation, a learned basis below, a linear head above.
//!
//! After Huang, Gokaslan, Kuleshov & Tompkin, "The GAN is dead; long live the GAN!" (2024).

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::gan::{CriticNetwork, GeneratorNetwork};
use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::r3gan::{WideCritic, WideGenerator};
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::conv::Conv;
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::{Embed, judge};
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::resample;
use crate::nn::residual::Block;
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::RES_GAN,
    Networks::Gan {
        generator: |r, dims, init| match r.model.expansion {
            0 => ResGenerator::new(dims, init).into(),
            _ => WideGenerator::new(dims, &r.model, init).into(),
        },
        critic: |r, dims, init| match r.model.expansion {
            0 => ResCritic::new(dims, init).into(),
            _ => WideCritic::new(dims, &r.model, init).into(),
        },
    },
    r#"
@model("res-gan")
class ResGan(Generator):
    def generate(self, z, c=None):
        x = self.w("basis") * self.embed("embed", self.linear("fc", z), c)[:, :, None, None]
        if self.recipe["model"].get("expansion", 0) > 0: return self.wide(x)
        return crop(self.conv("rgb", leaky(self.up("blocks", x))), self.size)

    def wide(self, x):
        per = self.recipe["model"]["blocks"]
        for i in range(self.count("blocks")):
            if i and i % per == 0:
                step = f"steps.{i // per - 1}"
                x = blur(double(self.conv(step, x) if self.has(step + ".weight") else x))
            n = f"blocks.{i}"
            x = x + self.conv(n + ".c", leaky(self.conv(n + ".b", leaky(self.conv(n + ".a", x)))))
        return crop(self.conv("rgb", x), self.size)
"#,
);

/// Generator: the latent weighs a learned grid of `base × base`, blocks at each size double it up to the picture.
#[derive(Module, Debug)]
pub struct ResGenerator {
    /// The learned grid, `[1, width, base, base]`.
    pub basis: Param<Tensor<4>>,
    /// The weights of its channels.
    pub fc: Linear,
    /// Blocks, the smallest size first.
    pub blocks: Vec<Block>,
    /// To colours.
    pub rgb: Conv,
    /// Classes.
    pub embed: Option<Embed>,
    #[module(skip)]
    per_size: usize,
    #[module(skip)]
    resolution: [usize; 2],
}

impl ResGenerator {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let channels = plan.channels(plan.doublings + 1);
        let last = channels[channels.len() - 1];
        Self {
            basis: init.normal("basis", [1, channels[0], plan.base[0], plan.base[1]], 1.0),
            fc: Linear::new(&init.child("fc"), plan.latent, channels[0], lecun(plan.latent)),
            blocks: stack(init, &channels, plan.blocks),
            rgb: Conv::same(&init.child("rgb"), last, plan.colours, 3, he(9 * last)),
            embed: Embed::new(&init.child("embed"), plan.classes, channels[0], 1.0),
            per_size: plan.blocks,
            resolution: plan.resolution,
        }
    }
}

impl GeneratorNetwork for ResGenerator {
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let weights = Embed::add(self.embed.as_ref(), self.fc.forward(z), class);
        let weights: Tensor<4> = weights.unsqueeze_dims(&[2, 3]);
        let x = up(&self.blocks, self.per_size, self.basis.val() * weights, probe);
        resample::cropped(self.rgb.after_leaky(x), self.resolution)
    }

    fn taps(&self) -> usize {
        self.blocks.len() / self.per_size
    }

    fn first_weights(&self) -> Tensor<2> {
        self.fc.weight.val()
    }

    fn stages(&self, out: &mut Stages<'_>) {
        out.vector("Classes", out.at(0).1, &[trainable(&self.embed)]);
        out.grid("Learned grid", out.at(0), &[trainable(&self.basis)]);
        out.vector("From the latent", out.at(0).1, &[trainable(&self.fc)]);
        out.blocks(&self.blocks, self.per_size, true);
        out.grid("To colours", out.picture(), &[trainable(&self.rgb)]);
    }
}

/// Critic: blocks at each size halve the picture down to `base × base`, then one number for each channel, then one.
#[derive(Module, Debug)]
pub struct ResCritic {
    /// From colours.
    pub rgb: Conv,
    /// Blocks, the full picture first.
    pub blocks: Vec<Block>,
    /// Sums up what is left of the picture, each channel by itself.
    pub pool: Pool,
    /// The judgement.
    pub fc: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    #[module(skip)]
    per_size: usize,
    #[module(skip)]
    built: [usize; 2],
}

impl ResCritic {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings + 1);
        channels.reverse();
        let last = channels[channels.len() - 1];
        Self {
            rgb: Conv::same(&init.child("rgb"), plan.colours, channels[0], 3, he(9 * plan.colours)),
            blocks: stack(init, &channels, plan.blocks),
            pool: Pool::new(&init.child("pool"), last, plan.base),
            fc: Linear::new(&init.child("fc"), last, 1, lecun(last)),
            embed: Embed::new(&init.child("embed"), plan.classes, last, lecun(last)),
            per_size: plan.blocks,
            built: plan.built,
        }
    }
}

impl CriticNetwork for ResCritic {
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let mut x = x.linear(|x| resample::padded(x, self.built)).conv(&self.rgb);
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward_dual(x.linear(|x| halved(x, i, self.per_size)), tape);
        }
        let h = self.pool.forward_dual(x).leaky(tape);
        (h.clone(), judge(h, &self.fc, self.embed.as_ref(), class))
    }

    fn stages(&self, out: &mut Stages<'_>) {
        out.grid("From colours", out.at(out.dims.doublings), &[trainable(&self.rgb)]);
        out.blocks(&self.blocks, self.per_size, false);
        out.vector("Sum over the picture", out.at(0).1, &[trainable(&self.pool)]);
        out.vector("Judgement", 1, &[trainable(&self.fc), trainable(&self.embed)]);
    }

    fn layers(&self) -> Vec<String> {
        layers(self.blocks.len())
    }
}

/// Names of a critic's parts, the picture first.
pub(super) fn layers(blocks: usize) -> Vec<String> {
    let blocks = (0..blocks).map(|i| format!("blocks.{i}"));
    std::iter::once("rgb".to_string()).chain(blocks).chain(["pool".into(), "fc".into()]).collect()
}

/// A weighted sum over the whole grid, each channel by itself: a depth-wise convolution as large as its input.
#[derive(Module, Debug)]
pub struct Pool {
    /// `[c, 1, base, base]`.
    pub weight: Param<Tensor<4>>,
    /// `[c]`.
    pub bias: Param<Tensor<1>>,
}

impl Pool {
    /// Over a grid of this height and width.
    pub fn new(init: &Init<'_>, channels: usize, [h, w]: [usize; 2]) -> Self {
        let weight = init.normal("weight", [channels, 1, h, w], lecun(h * w));
        Self { weight, bias: init.filled([channels], 0.0) }
    }

    /// `[b, c, base, base] → [b, c]`
    pub fn forward_dual(&self, x: Dual<4>) -> Dual<2> {
        let weighted = |x: Tensor<4>| {
            let [b, c, h, w] = x.dims();
            (x * self.weight.val().swap_dims(0, 1)).reshape([b, c, h * w]).sum_dim(2).reshape([b, c])
        };
        x.linear(weighted).plus(|x| x + self.bias.val().unsqueeze())
    }
}

/// `per_size` blocks at each size; the first of a size changes the number of channels.
pub(super) fn stack(init: &Init<'_>, channels: &[usize], per_size: usize) -> Vec<Block> {
    let depth = channels.len() * per_size;
    let mut before = channels[0];
    let mut blocks = Vec::with_capacity(depth);
    for &channels in channels {
        for _ in 0..per_size {
            blocks.push(Block::new(&init.child(format_args!("blocks.{}", blocks.len())), before, channels, depth));
            before = channels;
        }
    }
    blocks
}

/// Through blocks, doubling between sizes.
pub(super) fn up(blocks: &[Block], per_size: usize, mut x: Tensor<4>, probe: Probe<'_>) -> Tensor<4> {
    for (i, block) in blocks.iter().enumerate() {
        if i > 0 && i % per_size == 0 {
            x = resample::double(x);
        }
        x = block.forward(x);
        if (i + 1) % per_size == 0 {
            x = probe(i / per_size, x);
        }
    }
    x
}

/// Through blocks, halving between sizes.
pub(super) fn down(blocks: &[Block], per_size: usize, mut x: Tensor<4>) -> Tensor<4> {
    for (i, block) in blocks.iter().enumerate() {
        x = block.forward(halved(x, i, per_size));
    }
    x
}

/// Half as large, before the first block of each size but the first.
pub(super) fn halved(x: Tensor<4>, block: usize, per_size: usize) -> Tensor<4> {
    if block > 0 && block.is_multiple_of(per_size) { resample::half(x) } else { x }
}
