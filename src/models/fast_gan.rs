//! FastGAN, small: skip-layer excitation, and a critic that redraws what it sees.
//!
//! After Liu, Zhu, Song & Elgammal, "Towards faster and stabilized GAN training for high-fidelity few-shot image
//! synthesis" (2021). Where it differs: the generator makes one size only and adds no noise; the critic has spectral norm
//! but no batch norm, so it takes penalties; pictures are redrawn at half their size, and their quarters in full, by mean absolute distance, where
//! the original asks a downloaded network how alike they look.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, silu, tanh};

use super::gan::{CriticNetwork, GeneratorNetwork};
use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::sn_gan::SnConv;
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::conv::Conv;
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::{Embed, judge};
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::norm::Norm;
use crate::nn::{activation, per_picture, resample};
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::FAST_GAN,
    Networks::Gan {
        generator: |_, dims, init| FastGenerator::new(dims, init).into(),
        critic: |_, dims, init| FastCritic::new(dims, init).into(),
    },
    r#"
@model("fast-gan")
class FastGan(Generator):
    def generate(self, z, c=None):
        glu = lambda x: F.glu(x, 1)
        f = [glu(self.norm("norm", self.on_grid(self.embed("embed", self.linear("fc", z), c))))]
        sizes = self.count("sizes")
        reach = 4 if sizes + 1 > 5 else 2
        for i in range(sizes):
            x = double(f[i])
            for k in range(self.count(f"sizes.{i}")):
                n = f"sizes.{i}.{k}"
                x = glu(self.norm(n + ".norm", self.conv(n + ".conv", x)))
            if i + 1 >= reach:
                small = f[i + 1 - reach]
                while small.shape[-1] > self.base[1]: small = half(small)
                n = f"excite.{i}"
                x = x * torch.sigmoid(self.linear(n + ".gate", F.silu(self.linear(n + ".look", small.flatten(1)))))[:, :, None, None]
            f.append(x)
        return torch.tanh(crop(self.conv("rgb", f[-1]), self.size))
"#,
);

/// Half of the channels, gated by the other half (GLU). `[b, 2c, h, w] → [b, c, h, w]`
fn gated(x: Tensor<4>) -> Tensor<4> {
    let c = x.dims()[1] / 2;
    x.clone().narrow(1, 0, c) * sigmoid(x.narrow(1, c, c))
}

/// A convolution, normalised and gated.
#[derive(Module, Debug)]
pub struct Gated {
    /// To twice the channels.
    pub conv: Conv,
    /// Batch norm.
    pub norm: Norm,
}

impl Gated {
    fn new(init: &Init<'_>, inputs: usize, outputs: usize) -> Self {
        let conv = Conv::same(&init.child("conv"), inputs, 2 * outputs, 3, he(9 * inputs));
        Self { conv: conv.without_bias(), norm: Norm::new(&init.child("norm"), 2 * outputs, 0.02) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        gated(self.norm.forward(self.conv.forward(x)))
    }
}

/// Skip-layer excitation: a small size says how strong each channel of a large one is.
#[derive(Module, Debug)]
pub struct Excite {
    /// From all of the small size, brought to `base × base`.
    pub look: Linear,
    /// To one gate for each channel.
    pub gate: Linear,
}

impl Excite {
    fn new(init: &Init<'_>, small: usize, base_area: usize, large: usize) -> Self {
        let flat = small * base_area;
        Self {
            look: Linear::new(&init.child("look"), flat, large, lecun(flat)),
            gate: Linear::new(&init.child("gate"), large, large, lecun(large)),
        }
    }

    fn forward(&self, mut small: Tensor<4>, base: [usize; 2], large: Tensor<4>) -> Tensor<4> {
        while small.dims()[2] > base[0] {
            small = resample::half(small);
        }
        let gate = sigmoid(self.gate.forward(silu(self.look.forward(per_picture(small)))));
        large * gate.unsqueeze_dims::<4>(&[2, 3])
    }
}

/// Generator.
#[derive(Module, Debug)]
pub struct FastGenerator {
    /// To `2 · width · base²` numbers.
    pub fc: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    /// After it.
    pub norm: Norm,
    /// One or two gated convolutions after each doubling.
    pub sizes: Vec<Vec<Gated>>,
    /// For each doubling, what an earlier size says of it.
    pub excite: Vec<Option<Excite>>,
    /// To colours.
    pub rgb: Conv,
    #[module(skip)]
    base: [usize; 2],
    #[module(skip)]
    reach: usize,
    #[module(skip)]
    resolution: [usize; 2],
}

impl FastGenerator {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        Self::with_first(plan, init, lecun(plan.latent))
    }

    /// The same, whose first layer begins with weights of this deviation. Batch norm takes their size away again, so it
    /// only says how fast that layer learns: an optimiser's step turns small weights farther than large ones.
    pub(crate) fn with_first(plan: &NetworkDims, init: &Init<'_>, deviation: f64) -> Self {
        let channels = plan.channels(plan.doublings + 1);
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        // Sixteen times as large in the original; small pictures have no room for that.
        let reach = if channels.len() > 5 { 4 } else { 2 };
        let start = 2 * first * plan.base_area();
        let size = |(i, c): (usize, &[usize])| {
            let init = init.child(format_args!("sizes.{i}"));
            let mut convs = vec![Gated::new(&init.child("0"), c[0], c[1])];
            // Every second size is worked on twice.
            if i % 2 == 0 {
                convs.push(Gated::new(&init.child("1"), c[1], c[1]));
            }
            convs
        };
        let excite = |i: usize| {
            let small = (i + 1).checked_sub(reach)?;
            let init = init.child(format_args!("excite.{i}"));
            Some(Excite::new(&init, channels[small], plan.base_area(), channels[i + 1]))
        };
        Self {
            fc: Linear::new(&init.child("fc"), plan.latent, start, deviation),
            embed: Embed::new(&init.child("embed"), plan.classes, start, 1.0),
            norm: Norm::new(&init.child("norm"), 2 * first, 0.02),
            sizes: channels.windows(2).enumerate().map(size).collect(),
            excite: (0..plan.doublings).map(excite).collect(),
            rgb: Conv::same(&init.child("rgb"), last, plan.colours, 3, lecun(9 * last)),
            base: plan.base,
            reach,
            resolution: plan.resolution,
        }
    }
}

impl GeneratorNetwork for FastGenerator {
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let x = Embed::add(self.embed.as_ref(), self.fc.forward(z), class);
        let x = super::on_grid(x, self.base);
        let mut sizes = vec![probe(0, gated(self.norm.forward(x)))];
        for (i, (convs, excite)) in self.sizes.iter().zip(&self.excite).enumerate() {
            let mut x = resample::double(sizes[i].clone());
            for conv in convs {
                x = conv.forward(x);
            }
            if let Some(excite) = excite {
                x = excite.forward(sizes[i + 1 - self.reach].clone(), self.base, x);
            }
            sizes.push(probe(i + 1, x));
        }
        let x = sizes.swap_remove(self.sizes.len());
        tanh(resample::cropped(self.rgb.forward(x), self.resolution))
    }

    fn taps(&self) -> usize {
        self.sizes.len() + 1
    }

    fn first_weights(&self) -> Tensor<2> {
        self.fc.weight.val()
    }

    fn stages(&self, out: &mut Stages<'_>) {
        let (base, first) = out.at(0);
        out.vector("Classes", 2 * first * out.dims.base_area(), &[trainable(&self.embed)]);
        out.grid("From the latent", (base, first), &[trainable(&self.fc), trainable(&self.norm)]);
        for (i, (convs, excite)) in self.sizes.iter().zip(&self.excite).enumerate() {
            out.grid("Convolutions at a size", out.at(i + 1), &[trainable(convs), trainable(excite)]);
        }
        out.grid("To colours", out.picture(), &[trainable(&self.rgb)]);
    }
}

/// A block of the critic: half the size, by two convolutions and beside them by a mean.
#[derive(Module, Debug)]
pub struct FastBlock {
    /// 4×4 with step 2.
    pub a: SnConv,
    /// 3×3.
    pub b: SnConv,
    /// 1×1 after the mean.
    pub direct: SnConv,
}

impl FastBlock {
    fn new(init: &Init<'_>, inputs: usize, outputs: usize) -> Self {
        let part = |name: &str| init.child(name);
        Self {
            a: SnConv::new(&part("a"), Conv::half(&part("a"), inputs, outputs, he(16 * inputs))),
            b: SnConv::new(&part("b"), Conv::same(&part("b"), outputs, outputs, 3, he(9 * outputs))),
            direct: SnConv::new(&part("direct"), Conv::same(&part("direct"), inputs, outputs, 1, he(inputs))),
        }
    }

    fn forward_dual(&self, x: Dual<4>, tape: &mut ActivationTape) -> Dual<4> {
        let main = self.b.forward_dual(self.a.forward_dual(x.clone()).leaky(tape)).leaky(tape);
        main.join(self.direct.forward_dual(x.linear(resample::half)).leaky(tape)).times(0.5)
    }

    fn power_iteration(self) -> Self {
        Self { a: self.a.power_iteration(), b: self.b.power_iteration(), direct: self.direct.power_iteration() }
    }
}

/// Draws a picture of half the size out of features.
#[derive(Module, Debug)]
pub struct Redraw {
    /// One after each doubling.
    pub convs: Vec<Conv>,
    /// To colours.
    pub rgb: Conv,
}

impl Redraw {
    fn new(init: &Init<'_>, channels: usize, doublings: usize, colours: usize) -> Self {
        let width = |i: usize| (channels >> i).max(8);
        let conv = |i: usize| {
            let init = init.child(format_args!("convs.{i}"));
            Conv::same(&init, width(i), width(i + 1), 3, he(9 * width(i)))
        };
        let last = width(doublings);
        Self {
            convs: (0..doublings).map(conv).collect(),
            rgb: Conv::same(&init.child("rgb"), last, colours, 3, lecun(9 * last)),
        }
    }

    fn forward(&self, mut x: Tensor<4>) -> Tensor<4> {
        for conv in &self.convs {
            x = activation::leaky(conv.forward(resample::double(x)));
        }
        tanh(self.rgb.forward(x))
    }
}

/// Critic.
#[derive(Module, Debug)]
pub struct FastCritic {
    /// From colours.
    pub rgb: SnConv,
    /// Blocks, the full picture first.
    pub blocks: Vec<FastBlock>,
    /// What the last features say at each place.
    pub last: SnConv,
    /// The judgement, the same at each place.
    pub fc: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    /// Redraws the whole picture from the last features.
    pub whole: Redraw,
    /// Redraws its quarters from the features before the last.
    pub quarter: Redraw,
    #[module(skip)]
    built: [usize; 2],
}

impl FastCritic {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings + 1);
        channels.reverse();
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let before = channels[channels.len().saturating_sub(2)];
        let block = |(i, c): (usize, &[usize])| FastBlock::new(&init.child(format_args!("blocks.{i}")), c[0], c[1]);
        let rgb = init.child("rgb");
        let at = init.child("last");
        Self {
            rgb: SnConv::new(&rgb, Conv::same(&rgb, plan.colours, first, 3, he(9 * plan.colours))),
            blocks: channels.windows(2).enumerate().map(block).collect(),
            last: SnConv::new(&at, Conv::same(&at, last, last, 1, he(last))),
            fc: Linear::new(&init.child("fc"), last, 1, lecun(last)),
            embed: Embed::new(&init.child("embed"), plan.classes, last, lecun(last)),
            whole: Redraw::new(&init.child("whole"), last, plan.doublings.saturating_sub(1), plan.colours),
            quarter: Redraw::new(&init.child("quarter"), before, plan.doublings.saturating_sub(1), plan.colours),
            built: plan.built,
        }
    }

    /// Features after each block.
    fn features(&self, x: Dual<4>, tape: &mut ActivationTape) -> (Dual<4>, Dual<4>) {
        let mut x = self.rgb.forward_dual(x.linear(|x| resample::padded(x, self.built))).leaky(tape);
        let mut before = x.clone();
        for block in &self.blocks {
            before = x.clone();
            x = block.forward_dual(x, tape);
        }
        (before, x)
    }
}

impl CriticNetwork for FastCritic {
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let (_, x) = self.features(x, tape);
        // The mean of what is said at each place: the same as saying it of the mean.
        let h = self.last.forward_dual(x).leaky(tape).linear(|x| {
            let [b, c, h, w] = x.dims();
            x.reshape([b, c, h * w]).mean_dim(2).reshape([b, c])
        });
        (h.clone(), judge(h, &self.fc, self.embed.as_ref(), class))
    }

    /// Mean absolute distance of pictures from what is redrawn of them, as a whole and by quarters.
    fn redrawing_loss(&self, x: Tensor<4>) -> Option<Tensor<1>> {
        let (before, last) = self.features(Dual::value(x.clone()), &mut ActivationTape::off());
        let (before, last) = before.value.zip(last.value)?;
        let full = resample::padded(x.without_autodiff(), self.built);
        let whole = self.whole.forward(last) - resample::half(full.clone());
        let parts = self.quarter.forward(quarters(before)) - quarters(full);
        Some(whole.abs().mean() + parts.abs().mean())
    }

    fn stages(&self, out: &mut Stages<'_>) {
        let sizes = out.dims.doublings;
        out.grid("From colours", out.at(sizes), &[trainable(&self.rgb)]);
        for (i, block) in self.blocks.iter().enumerate() {
            out.grid("Residual block", out.at(sizes - 1 - i), &[trainable(block)]);
        }
        out.grid("Convolution", out.at(0), &[trainable(&self.last)]);
        out.vector("Judgement", 1, &[trainable(&self.fc), trainable(&self.embed)]);
        let redrawn = (out.dims.built.map(|side| side / 2), out.dims.colours);
        out.grid("Redraws what it sees", redrawn, &[trainable(&self.whole)]);
        out.grid("Redraws what it sees", redrawn, &[trainable(&self.quarter)]);
    }

    fn layers(&self) -> Vec<String> {
        let blocks = (0..self.blocks.len()).map(|i| format!("blocks.{i}"));
        std::iter::once("rgb".to_string()).chain(blocks).chain(["last".into(), "fc".into()]).collect()
    }

    fn power_iteration(self) -> Self {
        Self {
            rgb: self.rgb.power_iteration(),
            blocks: self.blocks.into_iter().map(FastBlock::power_iteration).collect(),
            last: self.last.power_iteration(),
            ..self
        }
    }
}

/// The four quarters, one after the other along the batch. `[b, c, h, w] → [4b, c, h/2, w/2]`
fn quarters(x: Tensor<4>) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let (h, w) = (h / 2, w / 2);
    let part = |top: usize, left: usize| x.clone().narrow(2, top * h, h).narrow(3, left * w, w);
    Tensor::cat(vec![part(0, 0), part(0, 1), part(1, 0), part(1, 1)], 0)
}
