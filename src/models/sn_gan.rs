//! Residual networks with spectral normalisation and a projection critic.
//!
//! After Miyato, Kataoka, Koyama & Yoshida, "Spectral normalization for GANs", and Miyato & Koyama, "cGANs with
//! projection discriminator" (2018): batch norm in the generator, conditioned by class; in the critic every weight is
//! divided by its largest singular value, features are summed over the picture, and a class is a direction of them.
//! The critic's activations are leaky ReLUs, like those of the other critics here.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::tanh;

use super::gan::{CriticNetwork, GeneratorNetwork};
use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::conv::Conv;
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::Embed;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::norm::Norm;
use crate::nn::spectral::Spectral;
use crate::nn::{activation, resample};
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::SN_RESGAN,
    Networks::Gan {
        generator: |_, dims, init| SnGenerator::new(dims, init).into(),
        critic: |_, dims, init| SnCritic::new(dims, init).into(),
    },
    r#"
@model("sn-resgan")
class SnResGan(Generator):
    def generate(self, z, c=None):
        def norm(n, x):
            x = self.norm(n + ".norm", x)
            if c is None or not self.has(n + ".gain.weight"): return x
            return x * (c @ self.w(n + ".gain.weight") + 1)[:, :, None, None] + (c @ self.w(n + ".shift.weight"))[:, :, None, None]
        x = self.on_grid(self.linear("fc", z))
        for i in range(self.count("blocks")):
            n = f"blocks.{i}"
            h = self.conv(n + ".a", double(F.relu(norm(n + ".norm_a", x))))
            x = self.conv(n + ".b", F.relu(norm(n + ".norm_b", h))) + double(self.conv(n + ".skip", x))
        return torch.tanh(crop(self.conv("rgb", F.relu(self.norm("norm", x))), self.size))
"#,
);

/// Batch norm whose scale and shift depend on the class.
#[derive(Module, Debug)]
pub struct ClassNorm {
    /// The normalisation.
    pub norm: Norm,
    /// What a class adds to the scale.
    pub gain: Option<Embed>,
    /// What a class adds to the shift.
    pub shift: Option<Embed>,
}

impl ClassNorm {
    fn new(init: &Init<'_>, channels: usize, classes: usize) -> Self {
        Self {
            norm: Norm::new(init, channels, 0.0),
            gain: Embed::new(&init.child("gain"), classes, channels, 0.0),
            shift: Embed::new(&init.child("shift"), classes, channels, 0.0),
        }
    }

    fn forward(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<4> {
        let y = self.norm.forward(x);
        match (&self.gain, &self.shift, class) {
            (Some(gain), Some(shift), Some(class)) => {
                let of = |embed: &Embed| embed.of(class.clone()).unsqueeze_dims::<4>(&[2, 3]);
                y * (of(gain) + 1.0) + of(shift)
            }
            _ => y,
        }
    }
}

/// A block of the generator: normalise, double, convolve, twice.
#[derive(Module, Debug)]
pub struct UpBlock {
    /// Before the first convolution.
    pub norm_a: ClassNorm,
    /// First convolution, after the size is doubled.
    pub a: Conv,
    /// Before the second.
    pub norm_b: ClassNorm,
    /// Second convolution.
    pub b: Conv,
    /// 1×1.
    pub skip: Conv,
}

impl UpBlock {
    fn new(init: &Init<'_>, inputs: usize, outputs: usize, classes: usize) -> Self {
        Self {
            norm_a: ClassNorm::new(&init.child("norm_a"), inputs, classes),
            a: Conv::same(&init.child("a"), inputs, outputs, 3, he(9 * inputs)),
            norm_b: ClassNorm::new(&init.child("norm_b"), outputs, classes),
            b: Conv::same(&init.child("b"), outputs, outputs, 3, he(9 * outputs)),
            skip: Conv::same(&init.child("skip"), inputs, outputs, 1, lecun(inputs)),
        }
    }

    fn forward(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<4> {
        let h = resample::double(activation::relu(self.norm_a.forward(x.clone(), class)));
        let h = activation::relu(self.norm_b.forward(self.a.forward(h), class));
        self.b.forward(h) + resample::double(self.skip.forward(x))
    }
}

/// Generator: a linear map to `base × base`, then blocks that double.
#[derive(Module, Debug)]
pub struct SnGenerator {
    /// To `width · base²` numbers.
    pub fc: Linear,
    /// Each doubles the size.
    pub blocks: Vec<UpBlock>,
    /// Before the colours.
    pub norm: Norm,
    /// To colours.
    pub rgb: Conv,
    #[module(skip)]
    base: [usize; 2],
    #[module(skip)]
    resolution: [usize; 2],
}

impl SnGenerator {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let channels = plan.channels(plan.doublings + 1);
        let last = channels[channels.len() - 1];
        let start = channels[0] * plan.base_area();
        let block =
            |(i, c): (usize, &[usize])| UpBlock::new(&init.child(format_args!("blocks.{i}")), c[0], c[1], plan.classes);
        Self {
            fc: Linear::new(&init.child("fc"), plan.latent, start, lecun(plan.latent)),
            blocks: channels.windows(2).enumerate().map(block).collect(),
            norm: Norm::new(&init.child("norm"), last, 0.0),
            rgb: Conv::same(&init.child("rgb"), last, plan.colours, 3, lecun(9 * last)),
            base: plan.base,
            resolution: plan.resolution,
        }
    }
}

impl GeneratorNetwork for SnGenerator {
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let mut x = probe(0, super::on_grid(self.fc.forward(z), self.base));
        for (i, block) in self.blocks.iter().enumerate() {
            x = probe(i + 1, block.forward(x, class));
        }
        tanh(resample::cropped(self.rgb.forward(activation::relu(self.norm.forward(x))), self.resolution))
    }

    fn taps(&self) -> usize {
        self.blocks.len() + 1
    }

    fn first_weights(&self) -> Tensor<2> {
        self.fc.weight.val()
    }

    fn stages(&self, out: &mut Stages<'_>) {
        out.grid("From the latent", out.at(0), &[trainable(&self.fc)]);
        for (i, block) in self.blocks.iter().enumerate() {
            out.grid("Residual block", out.at(i + 1), &[trainable(block)]);
        }
        out.grid("To colours", out.picture(), &[trainable(&self.norm), trainable(&self.rgb)]);
    }
}

/// A convolution whose weights are divided by their largest singular value.
#[derive(Module, Debug)]
pub struct SnConv {
    /// The convolution with its weights as they are learned.
    pub conv: Conv,
    /// Their largest singular value.
    pub spectral: Spectral,
}

impl SnConv {
    pub(super) fn new(init: &Init<'_>, conv: Conv) -> Self {
        let outputs = conv.weight.dims()[0];
        Self { conv, spectral: Spectral::new(init, outputs) }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward_with(self.spectral.normalised(self.conv.weight.val()), x)
    }

    pub(super) fn forward_dual(&self, x: Dual<4>) -> Dual<4> {
        x.conv_with(&self.conv, &self.spectral.normalised(self.conv.weight.val()))
    }

    pub(super) fn power_iteration(self) -> Self {
        let spectral = self.spectral.power_iteration(&self.conv.weight.val());
        Self { spectral, ..self }
    }
}

/// A block of the critic: two convolutions and a skip; all but the last block halve the size.
#[derive(Module, Debug)]
pub struct DownBlock {
    /// First convolution.
    pub a: SnConv,
    /// Second convolution.
    pub b: SnConv,
    /// 1×1.
    pub skip: SnConv,
    #[module(skip)]
    halves: bool,
    /// The first block reads pictures: no activation before it.
    #[module(skip)]
    first: bool,
}

impl DownBlock {
    fn new(init: &Init<'_>, inputs: usize, outputs: usize, first: bool, halves: bool) -> Self {
        let conv = |name: &str, inputs: usize, k: usize, std: f64| {
            let init = init.child(name);
            SnConv::new(&init, Conv::same(&init, inputs, outputs, k, std))
        };
        Self {
            a: conv("a", inputs, 3, he(9 * inputs)),
            b: conv("b", outputs, 3, he(9 * outputs)),
            skip: conv("skip", inputs, 1, lecun(inputs)),
            halves,
            first,
        }
    }

    fn forward_dual(&self, x: Dual<4>, tape: &mut ActivationTape) -> Dual<4> {
        let half = |x: Dual<4>| if self.halves { x.linear(resample::half) } else { x };
        let h = if self.first { x.clone() } else { x.clone().leaky(tape) };
        let h = half(self.b.forward_dual(self.a.forward_dual(h).leaky(tape)));
        // 1×1 and mean may be exchanged: the smaller size costs less.
        h.join(self.skip.forward_dual(half(x)))
    }

    fn power_iteration(self) -> Self {
        Self { a: self.a.power_iteration(), b: self.b.power_iteration(), skip: self.skip.power_iteration(), ..self }
    }
}

/// Critic: blocks that halve the picture to `base × base`, features summed over what is left, then one number.
#[derive(Module, Debug)]
pub struct SnCritic {
    /// Blocks, the full picture first.
    pub blocks: Vec<DownBlock>,
    /// The judgement; its weights are normalised too.
    pub fc: Linear,
    /// Largest singular value of the judgement.
    pub spectral: Spectral,
    /// Classes, normalised likewise.
    pub embed: Option<Embed>,
    /// Largest singular value of the classes' vectors.
    pub embed_spectral: Option<Spectral>,
    #[module(skip)]
    built: [usize; 2],
}

impl SnCritic {
    pub(crate) fn new(plan: &NetworkDims, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings + 1);
        channels.reverse();
        let last = channels[channels.len() - 1];
        let mut before = plan.colours;
        let blocks = channels.iter().enumerate().map(|(i, &c)| {
            let init = init.child(format_args!("blocks.{i}"));
            DownBlock::new(&init, std::mem::replace(&mut before, c), c, i == 0, i + 1 < channels.len())
        });
        let blocks = blocks.collect();
        let embed = Embed::new(&init.child("embed"), plan.classes, last, lecun(last));
        Self {
            blocks,
            fc: Linear::new(&init.child("fc"), last, 1, lecun(last)),
            // Linear weights are [in, out].
            spectral: Spectral::new(&init.child("spectral"), last),
            embed_spectral: embed.as_ref().map(|_| Spectral::new(&init.child("embed_spectral"), plan.classes)),
            embed,
            built: plan.built,
        }
    }
}

impl CriticNetwork for SnCritic {
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let mut x = x.linear(|x| resample::padded(x, self.built));
        for block in &self.blocks {
            x = block.forward_dual(x, tape);
        }
        let h = x.leaky(tape).linear(|x| {
            let [b, c, h, w] = x.dims();
            x.reshape([b, c, h * w]).sum_dim(2).reshape([b, c])
        });
        let weight = self.spectral.normalised(self.fc.weight.val());
        let score = h.clone().linear(|h| h.matmul(weight.clone())).plus(|d| d + self.fc.bias.val().unsqueeze());
        let score = match (&self.embed, &self.embed_spectral, class) {
            (Some(embed), Some(spectral), Some(class)) => {
                let vector = class.clone().matmul(spectral.normalised(embed.weight.val()));
                score.join(h.clone().linear(|h| (h * vector.clone()).sum_dim(1)))
            }
            _ => score,
        };
        (h, score)
    }

    fn stages(&self, out: &mut Stages<'_>) {
        let sizes = out.dims.doublings;
        for (i, block) in self.blocks.iter().enumerate() {
            // All but the last halve the size.
            let size = self.built.map(|side| side >> (i + 1).min(sizes));
            out.grid("Residual block", (size, out.at(sizes - i.min(sizes)).1), &[trainable(block)]);
        }
        let judgement = [trainable(&self.fc), trainable(&self.spectral)];
        let classes = [trainable(&self.embed), trainable(&self.embed_spectral)];
        out.vector("Judgement", 1, &[judgement, classes].concat());
    }

    fn layers(&self) -> Vec<String> {
        (0..self.blocks.len()).map(|i| format!("blocks.{i}")).chain(["fc".into()]).collect()
    }

    fn power_iteration(self) -> Self {
        Self {
            blocks: self.blocks.into_iter().map(DownBlock::power_iteration).collect(),
            spectral: self.spectral.power_iteration(&self.fc.weight.val()),
            embed_spectral: self
                .embed_spectral
                .zip(self.embed.as_ref())
                .map(|(spectral, embed)| spectral.power_iteration(&embed.weight.val())),
            ..self
        }
    }
}
