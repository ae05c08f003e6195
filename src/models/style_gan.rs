//! StyleGAN2, small: a mapping network, modulated convolutions, noise inputs, a skip generator; a residual critic with the
//! minibatch statistic.
//!
//! After Karras, Laine, Aittala, Hellsten, Lehtinen & Aila, "Analyzing and improving the image quality of StyleGAN"
//! (2020). Where it differs: sizes double by nearest neighbour and a binomial filter after the convolution of the
//! smaller size rather than by a transposed convolution. There is no path-length penalty (it would need second
//! derivatives of the generator).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::gan::{CriticNetwork, GeneratorNetwork};
use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::res_gan::layers;
use super::{ModelSpec, NetworkDims, Networks};
use crate::base::rng::Stream;
use crate::nn::conv::Conv;
use crate::nn::dual::{ActivationTape, Dual, minibatch_statistic};
use crate::nn::embed::{Embed, judge};
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::modulated_conv::StyledConv;
use crate::nn::{activation, resample};
use crate::recipe::{ModelRecipe, architecture};

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::STYLE_GAN,
    Networks::Gan {
        generator: |r, dims, init| StyleGenerator::new(dims, &r.model, init).into(),
        critic: |r, dims, init| StyleCritic::new(dims, &r.model, init).into(),
    },
    r#"
@model("style-gan")
class StyleGan2(Generator):
    def generate(self, z, c=None, noise=None):
        w = self.map(z, c)
        return self.synthesize(w[:, None].repeat(1, 2 * self.count("sizes"), 1), noise)

    def map(self, z, c=None):
        """Latents to styles, [b, z] → [b, w]."""
        unit = lambda x: x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
        x, rate = unit(z), 0.01
        if c is not None and self.has("mapping.embed.weight"): x = unit(self.embed("mapping.embed", x, c))
        for i in range(self.count("mapping.layers")):
            x = leaky(self.linear(f"mapping.layers.{i}", x, lecun(x.shape[1]) * rate, rate)) * math.sqrt(2)
        return x

    def styled(self, n, x, style, demodulate=True):
        s, w = self.linear(n + ".affine", style, lecun(style.shape[1])), self.w(n + ".conv.weight")
        if not demodulate: w = w * lecun(w[0].numel())
        y = F.conv2d(x * s[:, :, None, None], w, padding=w.shape[-1] // 2)
        if demodulate: y = y / (s.square() @ w.square().sum((2, 3)).t() + 1e-8).sqrt()[:, :, None, None]
        return y + self.w(n + ".bias")[None, :, None, None]

    def synthesize(self, styles, noise=None):
        """Styles of every layer, [b, layers, w] → pictures. `noise`: one [b, 1, h, w] a layer, in order, or nothing."""
        noise = iter(noise or [])
        def noisy(n, x):
            e = next(noise, None) if self.has(n + ".noise") else None
            return x if e is None else x + e * self.w(n + ".noise")
        x, rgb, at, g = self.w("basis").repeat(len(styles), 1, 1, 1), None, 0, math.sqrt(2)
        for i in range(self.count("sizes")):
            n = f"sizes.{i}"
            if i:
                x = leaky(noisy(n + ".up", blur(double(self.styled(n + ".up", x, styles[:, at]))))) * g; at += 1
            x = leaky(noisy(n + ".conv", self.styled(n + ".conv", x, styles[:, at]))) * g; at += 1
            colours = self.styled(n + ".rgb", x, styles[:, min(at, styles.shape[1] - 1)], False)
            rgb = colours if rgb is None else blur(double(rgb)) + colours
        return crop(rgb, self.size)
"#,
);

/// How fast the mapping network learns, next to the rest.
const MAPPING_RATE: f64 = 0.01;
/// Keeps the variance of signals through a leaky ReLU.
const GAIN: f64 = std::f64::consts::SQRT_2;
/// How slowly the mean style follows.
const MEAN_DECAY: f64 = 0.998;

/// From latents to styles.
#[derive(Module, Debug)]
pub struct Mapping {
    /// Layers with leaky ReLUs.
    pub layers: Vec<Linear>,
    /// Classes.
    pub embed: Option<Embed>,
}

impl Mapping {
    fn new(plan: &NetworkDims, count: usize, init: &Init<'_>) -> Self {
        let z = plan.latent;
        let layer = |i: usize| Linear::slow(&init.child(format_args!("layers.{i}")), z, z, lecun(z), MAPPING_RATE);
        Self { layers: (0..count).map(layer).collect(), embed: Embed::new(&init.child("embed"), plan.classes, z, 1.0) }
    }

    /// `[b, z] → [b, w]`
    fn forward(&self, z: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<2> {
        let mut x = unit_variance(z);
        if let (Some(embed), Some(class)) = (&self.embed, class) {
            x = unit_variance(x + embed.of(class.clone()));
        }
        for layer in &self.layers {
            x = activation::leaky(layer.forward(x)) * GAIN;
        }
        x
    }
}

/// Every row to a mean square of 1.
fn unit_variance(x: Tensor<2>) -> Tensor<2> {
    let size = (x.clone().square().mean_dim(1) + 1e-8).sqrt();
    x / size
}

/// Convolutions at one size.
#[derive(Module, Debug)]
pub struct Size {
    /// Brings the features of the size below up; nothing at the smallest.
    pub up: Option<StyledConv>,
    /// The convolution at this size.
    pub conv: StyledConv,
    /// To colours, added to those of the sizes below.
    pub rgb: StyledConv,
}

/// Generator.
#[derive(Module, Debug)]
pub struct StyleGenerator {
    /// From latents to styles.
    pub mapping: Mapping,
    /// The learned grid, `[1, width, base, base]`.
    pub basis: Param<Tensor<4>>,
    /// The smallest size first.
    pub sizes: Vec<Size>,
    /// Mean of the styles of random latents, `[1, w]`.
    pub running_style: Param<Tensor<2>>,
    #[module(skip)]
    resolution: [usize; 2],
    #[module(skip)]
    built: [usize; 2],
    #[module(skip)]
    noisy: bool,
}

/// Noise for each layer that takes some, `[b, 1, h, w]` each.
pub type Noise = Vec<Tensor<4>>;

impl StyleGenerator {
    pub(crate) fn new(plan: &NetworkDims, recipe: &ModelRecipe, init: &Init<'_>) -> Self {
        let channels = plan.channels(plan.doublings + 1);
        let style = plan.latent;
        let size = |(i, &c): (usize, &usize)| {
            let init = init.child(format_args!("sizes.{i}"));
            let styled = |name: &str, inputs: usize| {
                let init = init.child(name);
                let conv = StyledConv::new(&init, style, [inputs, c], 3, true);
                if recipe.noise { conv.with_noise(&init) } else { conv }
            };
            Size {
                up: (i > 0).then(|| styled("up", channels[i - 1])),
                conv: styled("conv", c),
                rgb: StyledConv::new(&init.child("rgb"), style, [c, plan.colours], 1, false),
            }
        };
        Self {
            mapping: Mapping::new(plan, recipe.mapping as usize, &init.child("mapping")),
            basis: init.normal("basis", [1, channels[0], plan.base[0], plan.base[1]], 1.0),
            sizes: channels.iter().enumerate().map(size).collect(),
            running_style: init.filled([1, style], 0.0).map(|s: Tensor<2>| s.set_require_grad(false)),
            resolution: plan.resolution,
            built: plan.built,
            noisy: recipe.noise,
        }
    }

    /// Numbers in a latent, and in a style.
    pub fn latent(&self) -> usize {
        self.running_style.dims()[1]
    }

    /// Layers that take a style of their own.
    pub fn layers(&self) -> usize {
        // Each convolution takes one; the last colours share the style after the last convolution.
        2 * self.sizes.len()
    }

    /// What turns a style into the factors of each layer's channels, without its constant, by the layer whose style it
    /// takes. `[w, channels]` each
    pub fn affine_weights(&self) -> Vec<(usize, Tensor<2>)> {
        let unit = Tensor::eye(self.latent(), &self.running_style.device());
        let of = |conv: &StyledConv| conv.affine.tangent(unit.clone());
        let mut out = Vec::new();
        for (i, size) in self.sizes.iter().enumerate() {
            if let Some(up) = &size.up {
                out.push((2 * i - 1, of(up)));
            }
            out.push((2 * i, of(&size.conv)));
            out.push((2 * i + 1, of(&size.rgb)));
        }
        out
    }

    /// Styles of latents. `[b, z] → [b, w]`
    pub fn map_latents(&self, z: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<2> {
        self.mapping.forward(z, class)
    }

    /// Pictures of styles, one for each layer. `[b, layers, w] → [b, c, r, r]`
    ///
    /// `noise` must be for this batch ([`Self::noise_of`]); without it layers add none.
    pub fn synthesize(&self, styles: Tensor<3>, noise: Option<Noise>) -> Tensor<4> {
        self.synthesize_probed(styles, noise, &mut super::probe::pass)
    }

    /// As [`Self::synthesize`], and the features after size `tap` (or after the last).
    /// `[b, layers, w] → ([b, channels, h, w], [b, c, r, r])`
    pub fn features(&self, styles: Tensor<3>, noise: Option<Noise>, tap: usize) -> (Tensor<4>, Tensor<4>) {
        let tap = tap.min(self.sizes.len() - 1);
        let mut kept = None;
        let picture = self.synthesize_probed(styles, noise, &mut |i, x| {
            if i == tap {
                kept = Some(x.clone());
            }
            x
        });
        // Every size is shown.
        (kept.unwrap_or_else(|| picture.clone()), picture)
    }

    /// As [`Self::synthesize`], with features shown to `probe` after each size.
    pub fn synthesize_probed(&self, styles: Tensor<3>, noise: Option<Noise>, probe: Probe<'_>) -> Tensor<4> {
        let [b, layers, w] = styles.dims();
        let style = |i: usize| styles.clone().narrow(1, i.min(layers - 1), 1).reshape([b, w]);
        let mut noise = noise.unwrap_or_default().into_iter();
        let mut x = self.basis.val().repeat_dim(0, b);
        let mut picture: Option<Tensor<4>> = None;
        let mut layer = 0;
        for (i, size) in self.sizes.iter().enumerate() {
            if let Some(up) = &size.up {
                // The convolution works at the smaller size; the bias does not mind the order.
                x = resample::double_smooth(up.forward(x, style(layer), None));
                if let (Some(strength), Some(noise)) = (&up.noise, noise.next()) {
                    x = x + noise * strength.val().reshape([1, 1, 1, 1]);
                }
                x = activation::leaky(x) * GAIN;
                layer += 1;
            }
            x = probe(i, activation::leaky(size.conv.forward(x, style(layer), noise.next())) * GAIN);
            layer += 1;
            let colours = size.rgb.forward(x.clone(), style(layer), None);
            picture = Some(match picture {
                Some(below) => resample::double_smooth(below) + colours,
                None => colours,
            });
        }
        // There is at least one size.
        resample::cropped(picture.unwrap_or(x), self.resolution)
    }

    /// One style for all layers. `[b, w] → [b, layers, w]`
    pub fn spread(&self, style: Tensor<2>) -> Tensor<3> {
        style.unsqueeze_dim::<3>(1).repeat_dim(1, self.layers())
    }

    /// Styles of two latents, the first below layer `cut[i]` of each picture, the second from there on.
    /// `([b, w], [b, w]) → [b, layers, w]`
    pub fn mixed(&self, a: Tensor<2>, b: Tensor<2>, cut: &[usize]) -> Tensor<3> {
        let layers = self.layers();
        let mask: Vec<f32> =
            cut.iter().flat_map(|cut| (0..layers).map(move |layer| if layer < *cut { 1.0 } else { 0.0 })).collect();
        let device = a.device().inner();
        let mask: Tensor<3> = Tensor::from_data(TensorData::new(mask, [cut.len(), layers, 1]), &device);
        self.spread(a) * mask.clone() + self.spread(b) * (mask.neg() + 1.0)
    }

    /// Random noise for every layer, drawn on the host; nothing for a generator without. One picture after the other, so
    /// that its noise does not depend on its company.
    pub fn noise_of(&self, streams: &mut [Stream], device: &Device) -> Option<Noise> {
        if !self.noisy {
            return None;
        }
        let sizes = self.noise_sizes();
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); sizes.len()];
        for stream in streams.iter_mut() {
            for (values, [h, w]) in values.iter_mut().zip(&sizes) {
                values.extend(stream.normals(h * w));
            }
        }
        let upload = |(v, [h, w]): (Vec<f32>, &[usize; 2])| {
            Tensor::from_data(TensorData::new(v, [streams.len(), 1, *h, *w]), device)
        };
        Some(values.into_iter().zip(&sizes).map(upload).collect())
    }

    /// As [`Self::noise_of`] for `n` pictures out of one stream.
    pub fn draw_noise(&self, stream: &mut Stream, n: usize, device: &Device) -> Option<Noise> {
        if !self.noisy {
            return None;
        }
        let draw =
            |[h, w]: [usize; 2]| Tensor::from_data(TensorData::new(stream.normals(n * h * w), [n, 1, h, w]), device);
        Some(self.noise_sizes().into_iter().map(draw).collect())
    }

    /// Height and width at each layer that takes noise.
    fn noise_sizes(&self) -> Vec<[usize; 2]> {
        let count = self.sizes.len();
        let size = |i: usize| self.built.map(|side| side >> (count - 1 - i));
        (0..count).flat_map(|i| std::iter::repeat_n(size(i), if i == 0 { 1 } else { 2 })).collect()
    }

    /// After the mean style took in those of a batch, `[b, w]`.
    #[must_use]
    pub fn with_mean_of(self, styles: Tensor<2>) -> Self {
        let now = styles.without_autodiff().mean_dim(0);
        let running_style = self.running_style.map(|mean| {
            let mean = mean.without_autodiff();
            (mean * MEAN_DECAY + now * (1.0 - MEAN_DECAY)).set_require_grad(false)
        });
        Self { running_style, ..self }
    }

    /// Styles pulled towards the mean: ψ = 1 leaves them, 0 is the mean; layers from `cutoff` on stay.
    /// `[b, layers, w] → [b, layers, w]`
    pub fn truncated(&self, styles: Tensor<3>, psi: f32, cutoff: usize) -> Tensor<3> {
        if psi == 1.0 || cutoff == 0 {
            return styles;
        }
        let layers = styles.dims()[1];
        let mean: Tensor<3> = self.running_style.val().unsqueeze();
        let near = |styles: Tensor<3>| (styles - mean.clone()) * psi + mean.clone();
        if cutoff >= layers {
            return near(styles);
        }
        let lower = near(styles.clone().narrow(1, 0, cutoff));
        Tensor::cat(vec![lower, styles.narrow(1, cutoff, layers - cutoff)], 1)
    }
}

impl GeneratorNetwork for StyleGenerator {
    /// Without noise, one style for all layers.
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        self.synthesize_probed(self.spread(self.map_latents(z, class)), None, probe)
    }

    fn taps(&self) -> usize {
        self.sizes.len()
    }

    /// Those of the mapping network.
    fn first_weights(&self) -> Tensor<2> {
        match self.mapping.layers.first() {
            Some(layer) => layer.weight.val(),
            None => Tensor::eye(self.latent(), &self.running_style.device()),
        }
    }

    fn latent(&self) -> usize {
        StyleGenerator::latent(self)
    }

    fn stages(&self, out: &mut Stages<'_>) {
        out.vector("Mapping network", out.dims.latent, &[trainable(&self.mapping)]);
        out.grid("Learned grid", out.at(0), &[trainable(&self.basis)]);
        for (i, size) in self.sizes.iter().enumerate() {
            out.grid("Convolutions at a size", out.at(i), &[trainable(size)]);
        }
    }

    fn styled(&self) -> Option<&StyleGenerator> {
        Some(self)
    }

    fn update_mean_style(self, styles: Tensor<2>) -> Self {
        self.with_mean_of(styles)
    }
}

/// A block of the critic: two convolutions and a skip, to half the size.
#[derive(Module, Debug)]
pub struct HalfBlock {
    /// First convolution.
    pub a: Conv,
    /// Second convolution, before the size is halved.
    pub b: Conv,
    /// 1×1, without bias.
    pub skip: Conv,
}

impl HalfBlock {
    fn new(init: &Init<'_>, inputs: usize, outputs: usize) -> Self {
        Self {
            a: Conv::same(&init.child("a"), inputs, inputs, 3, he(9 * inputs)),
            b: Conv::same(&init.child("b"), inputs, outputs, 3, he(9 * inputs)),
            skip: Conv::same(&init.child("skip"), inputs, outputs, 1, lecun(inputs)).without_bias(),
        }
    }

    /// `[b, in, 2h, 2w] → [b, out, h, w]`
    fn forward_dual(&self, x: Dual<4>, tape: &mut ActivationTape) -> Dual<4> {
        let skip = x.clone().linear(resample::half_smooth).conv(&self.skip);
        // The published order: blur, strided convolution, activation. A mean of four stands for the stride.
        let h = x.conv(&self.a).leaky_conv(&self.b, tape).linear(resample::half).leaky(tape);
        skip.join(h).times(std::f64::consts::FRAC_1_SQRT_2)
    }
}

/// Critic.
#[derive(Module, Debug)]
pub struct StyleCritic {
    /// From colours, 1×1.
    pub rgb: Conv,
    /// Blocks, the full picture first.
    pub blocks: Vec<HalfBlock>,
    /// At the smallest size, after the statistic.
    pub conv: Conv,
    /// All that is left of the picture to as many numbers as channels.
    pub pool: Linear,
    /// The judgement.
    pub fc: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    #[module(skip)]
    built: [usize; 2],
    #[module(skip)]
    group: usize,
}

impl StyleCritic {
    pub(crate) fn new(plan: &NetworkDims, recipe: &ModelRecipe, init: &Init<'_>) -> Self {
        let init = &init.equalised();
        let mut channels = plan.channels(plan.doublings + 1);
        channels.reverse();
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let block = |(i, c): (usize, &[usize])| HalfBlock::new(&init.child(format_args!("blocks.{i}")), c[0], c[1]);
        let group = recipe.minibatch as usize;
        let seen = last + usize::from(group > 1);
        let flat = last * plan.base_area();
        Self {
            rgb: Conv::same(&init.child("rgb"), plan.colours, first, 1, lecun(plan.colours)),
            blocks: channels.windows(2).enumerate().map(block).collect(),
            conv: Conv::same(&init.child("conv"), seen, last, 3, he(9 * seen)),
            pool: Linear::new(&init.child("pool"), flat, last, he(flat)),
            fc: Linear::new(&init.child("fc"), last, 1, lecun(last)),
            embed: Embed::new(&init.child("embed"), plan.classes, last, lecun(last)),
            built: plan.built,
            group,
        }
    }

    /// Whether it looks at how much pictures of a batch differ.
    fn has_statistic(&self) -> bool {
        self.group > 1
    }
}

impl CriticNetwork for StyleCritic {
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let mut x = x.linear(|x| resample::padded(x, self.built)).conv(&self.rgb).leaky(tape);
        for block in &self.blocks {
            x = block.forward_dual(x, tape);
        }
        if self.has_statistic() {
            x = minibatch_statistic(x, self.group);
        }
        let h = x.conv(&self.conv).leaky(tape).flat().fully(&self.pool).leaky(tape);
        (h.clone(), judge(h, &self.fc, self.embed.as_ref(), class))
    }

    fn stages(&self, out: &mut Stages<'_>) {
        let sizes = out.dims.doublings;
        out.grid("From colours", out.at(sizes), &[trainable(&self.rgb)]);
        for (i, block) in self.blocks.iter().enumerate() {
            out.grid("Residual block", out.at(sizes - 1 - i), &[trainable(block)]);
        }
        out.grid("Convolution", out.at(0), &[trainable(&self.conv)]);
        out.vector("Sum over the picture", out.at(0).1, &[trainable(&self.pool)]);
        out.vector("Judgement", 1, &[trainable(&self.fc), trainable(&self.embed)]);
    }

    fn ties_samples(&self) -> bool {
        self.has_statistic()
    }

    fn is_curved(&self) -> bool {
        self.has_statistic()
    }

    fn layers(&self) -> Vec<String> {
        let mut names = layers(self.blocks.len());
        names.insert(names.len() - 2, "conv".into());
        names
    }
}
