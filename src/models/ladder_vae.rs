//! A hierarchical VAE: latents of several levels, each given those of the coarser ones.
//!
//! After Sønderby, Raiko, Maaløe, Sønderby & Winther, "Ladder variational autoencoders" (2016), in the residual form of
//! Vahdat & Kautz, "NVAE" (2020): from the coarsest level down, `p(zₗ | z₍₁…ₗ₋₁₎) = N(μₗ, σₗ²)` is read off what the
//! decoder has made so far, and the posterior is told relative to it.
//!
//! A latent of this network is `ε = (zₗ − μₗ)/σₗ`, all levels in one vector, the coarsest first. In these coordinates
//! the prior is a standard normal whatever the levels above say, the posterior of a level is `N(Δμₗ, Δσₗ²)`, and its KL
//! divergence is that of a plain VAE; so everything that takes or gives a latent works as with the other networks.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::io::trainable;
use super::outline::Stages;
use super::probe::{Probe, pass};
use super::vae::{ClassTerm, Draw, Posterior, VaeNetwork, bounded, halves, tiled};
use super::{ModelSpec, NetworkDims, Networks};
use crate::nn::conv::Conv;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::residual::Block;
use crate::nn::{activation, per_picture, resample};
use crate::recipe::{Likelihood, architecture};

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::LADDER_VAE,
    Networks::Vae(|r, dims, init| LadderVae::new(dims, r.objective.likelihood, init).into()),
    r#"
@model("ladder-vae")
class LadderVae(Vae):
    def posterior(self, x, c):
        """At the means of the levels above."""
        return self.down_levels(len(x), self.read(x), None, c)[0]

    def decode(self, z, c=None): return self.down_levels(len(z), None, z, c)[1]

    def read(self, x):
        x, per, out = self.conv("rgb_in", pad(x, self.built)), self.recipe["model"]["blocks"], []
        for i in range(self.count("encoder")):
            if i and i % per == 0: x = half(x)
            x = self.block(f"encoder.{i}", x)
            if i % per == per - 1: out.insert(0, x)
        return out

    def down_levels(self, b, read, z, c):
        """From the basis down; latents of `z`, or the means of what was read."""
        per = self.recipe["model"]["blocks"]
        sizes, levels = self.count("encoder") // per, self.count("levels")
        extra = max(levels - sizes, 0)
        places = [max(i - extra, 0) for i in range(levels)]
        h, level, stage, at, means, logs = self.w("basis").repeat(b, 1, 1, 1), 0, 0, 0, [], []
        if c is not None and self.has("class_out.weight"): h = h + (c @ self.w("class_out.weight"))[:, :, None, None]
        for size in range(sizes):
            if size: h = double(h)
            for _ in range(max(places.count(size), 1)):
                if level < levels and places[level] == size:
                    n = f"levels.{level}"
                    k = self.w(n + ".prior.bias").numel() // 2
                    if z is None:
                        m, v = self.linear(n + ".posterior", leaky(self.conv(n + ".merge", leaky(torch.cat([h, read[size]], 1)))).flatten(1)).chunk(2, 1)
                        means.append(m); logs.append(v); e = m
                    else: e = z[:, at:at + k]
                    at, level = at + k, level + 1
                    mean, raw = self.linear(n + ".prior", h.mean((2, 3))).chunk(2, 1)
                    low = self.linear(n + ".spread", mean + ((raw / 2).tanh() * 2).exp() * e)
                    h = h + self.conv(n + ".inject", low.view(b, 16, h.shape[2], h.shape[3]))
                for k in range(per): h = self.block(f"decoder.{stage * per + k}", h)
                stage += 1
        return (torch.cat(means + logs, 1) if means else None), crop(self.conv("rgb_out", leaky(h)), self.size)
"#,
);

/// Channels that a level's latent is spread over, and that its posterior is read from.
const CHANNELS: usize = 16;
/// Bound of the log deviation of a level's prior: enough to close a level or open it wide, too little to run away.
const LOG_DEVIATION: f64 = 2.0;

/// One level: its prior, its posterior, and its way into the picture.
#[derive(Module, Debug)]
pub struct Level {
    /// To mean and log deviation of the prior, from channel means; zero at first.
    pub prior: Linear,
    /// From what encoder and decoder know at this size.
    pub merge: Conv,
    /// To mean and log variance of the posterior, relative to the prior.
    pub posterior: Linear,
    /// From a latent to a small picture.
    pub spread: Linear,
    /// From the small picture to the decoder's channels.
    pub inject: Conv,
}

impl Level {
    fn new(init: &Init<'_>, latent: usize, known: usize, read: usize, [h, w]: [usize; 2]) -> Self {
        let flat = CHANNELS * h * w;
        Self {
            prior: Linear::new(&init.child("prior"), known, 2 * latent, 0.0),
            merge: Conv::same(&init.child("merge"), known + read, CHANNELS, 3, he(9 * (known + read))),
            // Small at first: latents begin close to their prior.
            posterior: Linear::new(&init.child("posterior"), flat, 2 * latent, 0.1 * lecun(flat)),
            spread: Linear::new(&init.child("spread"), latent, flat, lecun(latent)),
            inject: Conv::same(&init.child("inject"), CHANNELS, known, 3, lecun(9 * CHANNELS)),
        }
    }

    /// Posterior where the decoder knows `h` and the encoder read `e`. `([b, k, s, s], [b, r, s, s]) → [b, 2n]`
    fn posterior(&self, h: &Tensor<4>, e: &Tensor<4>) -> Tensor<2> {
        let both = self.merge.after_leaky(Tensor::cat(vec![h.clone(), e.clone()], 1));
        self.posterior.forward(per_picture(activation::leaky(both)))
    }

    /// What the decoder knows once this level's `ε` is given. `([b, k, s, s], [b, n]) → [b, k, s, s]`
    fn take(&self, h: Tensor<4>, epsilon: Tensor<2>) -> Tensor<4> {
        let [b, channels, rows, columns] = h.dims();
        let means = h.clone().reshape([b, channels, rows * columns]).mean_dim(2).reshape([b, channels]);
        let (mean, raw) = halves(self.prior.forward(means));
        let deviation = ((raw / LOG_DEVIATION).tanh() * LOG_DEVIATION).exp();
        let z = mean + deviation * epsilon;
        h + self.inject.forward(self.spread.forward(z).reshape([b, CHANNELS, rows, columns]))
    }

    fn latent(&self) -> usize {
        self.prior.bias.dims()[0] / 2
    }
}

/// Encoder and decoder of residual blocks; latents enter at the smallest sizes.
#[derive(Module, Debug)]
pub struct LadderVae {
    /// From colours.
    pub rgb_in: Conv,
    /// Blocks, the full picture first.
    pub encoder: Vec<Block>,
    /// What the decoder begins with, `[1, width, base, base]`.
    pub basis: Param<Tensor<4>>,
    /// The coarsest first.
    pub levels: Vec<Level>,
    /// Blocks, the smallest size first.
    pub decoder: Vec<Block>,
    /// To colours.
    pub rgb_out: Conv,
    /// Log standard deviation of pixels (Gaussian).
    pub log_sigma: Param<Tensor<1>>,
    /// What a class adds to what the decoder begins with. Posteriors see it there.
    pub class_out: Option<ClassTerm>,
    #[module(skip)]
    likelihood: Likelihood,
    #[module(skip)]
    per_size: usize,
    #[module(skip)]
    sizes: usize,
    #[module(skip)]
    built: [usize; 2],
    #[module(skip)]
    resolution: [usize; 2],
}

/// Sizes at which levels are, the smallest first: one each, and where there are more levels than sizes the rest also at
/// the smallest.
fn places(levels: usize, sizes: usize) -> Vec<usize> {
    let extra = levels.saturating_sub(sizes);
    (0..levels).map(|level| level.saturating_sub(extra)).collect()
}

/// Where latents come from on the way down.
enum Source<'a> {
    /// Drawn from what the encoder read at each size, the smallest first.
    Encoder(&'a [Tensor<4>], &'a Draw),
    /// All levels, one after the other.
    Latent(&'a Tensor<2>),
}

/// What a way down made: of each level, and in the end.
struct Pass {
    mean: Vec<Tensor<2>>,
    log_variance: Vec<Tensor<2>>,
    z: Vec<Tensor<2>>,
    h: Tensor<4>,
}

impl Pass {
    fn posterior(self) -> Posterior {
        Posterior {
            mean: Tensor::cat(self.mean, 1),
            log_variance: Tensor::cat(self.log_variance, 1),
            z: Tensor::cat(self.z, 1),
        }
    }
}

impl LadderVae {
    pub(crate) fn new(plan: &NetworkDims, likelihood: Likelihood, init: &Init<'_>) -> Self {
        let channels = plan.channels(plan.doublings + 1);
        let sizes = channels.len();
        let reversed: Vec<usize> = channels.iter().rev().copied().collect();
        let places = places(plan.levels.len(), sizes);
        // A stage is a level, if there is one, and `blocks` blocks; each size has one stage, and one more for each level more.
        let stages: Vec<usize> = (0..sizes).flat_map(|size| vec![size; stages_at(&places, size)]).collect();
        let stage_channels: Vec<usize> = stages.iter().map(|&size| channels[size]).collect();
        let mut levels = Vec::with_capacity(places.len());
        for (stage, &size) in stages.iter().enumerate() {
            if levels.len() < places.len() && places[levels.len()] == size {
                let known = stage_channels[stage.saturating_sub(1)];
                let at = init.child(format_args!("levels.{}", levels.len()));
                levels.push(Level::new(
                    &at,
                    plan.levels[levels.len()],
                    known,
                    channels[size],
                    plan.base.map(|b| b << size),
                ));
            }
        }
        let last = reversed[0];
        Self {
            rgb_in: Conv::same(&init.child("rgb_in"), plan.colours, last, 3, he(9 * plan.colours)),
            encoder: super::res_gan::stack(&init.child("encoder"), &reversed, plan.blocks),
            basis: init.normal("basis", [1, channels[0], plan.base[0], plan.base[1]], 1.0),
            levels,
            decoder: super::res_gan::stack(&init.child("decoder"), &stage_channels, plan.blocks),
            rgb_out: Conv::same(&init.child("rgb_out"), last, plan.colours, 3, 0.3 * he(9 * last)),
            log_sigma: init.filled([1], -1.0),
            class_out: ClassTerm::new(&init.child("class_out"), plan.classes, channels[0]),
            likelihood,
            per_size: plan.blocks,
            sizes,
            built: plan.built,
            resolution: plan.resolution,
        }
    }

    /// What the encoder reads at each size, the smallest first.
    fn read(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let mut x = self.rgb_in.forward(resample::padded(x, self.built));
        let mut read = Vec::with_capacity(self.sizes);
        for (size, blocks) in self.encoder.chunks(self.per_size).enumerate() {
            if size > 0 {
                x = resample::half(x);
            }
            x = blocks.iter().fold(x, |x, block| block.forward(x));
            read.push(x.clone());
        }
        read.reverse();
        read
    }

    /// From the basis down, to the last level or the `whole` way.
    fn run(&self, batch: usize, source: &Source<'_>, class: Option<&Tensor<2>>, whole: bool, probe: Probe<'_>) -> Pass {
        let [_, channels, rows, columns] = self.basis.dims();
        let mut h = self.basis.val().expand([batch, channels, rows, columns]);
        if let (Some(term), Some(class)) = (&self.class_out, class) {
            h = h + class.clone().matmul(term.weight.val()).unsqueeze_dims::<4>(&[2, 3]);
        }
        let places = places(self.levels.len(), self.sizes);
        let (mut mean, mut log_variance, mut z) = (Vec::new(), Vec::new(), Vec::new());
        let (mut stage, mut level, mut at) = (0, 0, 0);
        'down: for size in 0..self.sizes {
            if size > 0 {
                h = resample::double(h);
            }
            for _ in 0..stages_at(&places, size) {
                if level < self.levels.len() && places[level] == size {
                    let here = &self.levels[level];
                    let part = at..at + here.latent();
                    let epsilon = match source {
                        Source::Encoder(read, draw) => {
                            let (m, v) = bounded(here.posterior(&h, &read[size]));
                            let epsilon = draw.of(&m, &v, part.clone());
                            mean.push(m);
                            log_variance.push(v);
                            epsilon
                        }
                        Source::Latent(latent) => (*latent).clone().slice([0..batch, part.clone()]),
                    };
                    z.push(epsilon.clone());
                    (level, at) = (level + 1, part.end);
                    if level == self.levels.len() && !whole {
                        break 'down;
                    }
                    h = here.take(h, epsilon);
                }
                let blocks = &self.decoder[stage * self.per_size..(stage + 1) * self.per_size];
                h = probe(stage, blocks.iter().fold(h, |h, block| block.forward(h)));
                stage += 1;
            }
        }
        Pass { mean, log_variance, z, h }
    }

    fn finish(&self, h: Tensor<4>) -> Tensor<4> {
        resample::cropped(self.rgb_out.after_leaky(h), self.resolution)
    }

    /// What the encoder reads, once for each latent that is drawn of a picture.
    fn read_for(&self, x: Tensor<4>, draw: &Draw) -> (usize, Vec<Tensor<4>>) {
        let b = x.dims()[0];
        let rows = draw.rows(b);
        (rows, self.read(x).into_iter().map(|e| tiled(e, rows)).collect())
    }
}

impl VaeNetwork for LadderVae {
    fn infer(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> Posterior {
        let (batch, read) = self.read_for(x, draw);
        let class = class.map(|c| tiled(c.clone(), batch));
        self.run(batch, &Source::Encoder(&read, draw), class.as_ref(), false, &mut pass).posterior()
    }

    /// Goes down once for both.
    fn forward(&self, x: Tensor<4>, draw: &Draw, class: Option<&Tensor<2>>) -> (Posterior, Tensor<4>) {
        let (batch, read) = self.read_for(x, draw);
        let class = class.map(|c| tiled(c.clone(), batch));
        let run = self.run(batch, &Source::Encoder(&read, draw), class.as_ref(), true, &mut pass);
        let decoded = self.finish(run.h.clone());
        (run.posterior(), decoded)
    }

    fn decode_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let batch = z.dims()[0];
        self.finish(self.run(batch, &Source::Latent(&z), class, true, probe).h)
    }

    fn taps(&self) -> usize {
        self.decoder.len() / self.per_size
    }

    /// Those that the numbers of each level meet, one level after the other.
    fn first_weights(&self) -> Tensor<2> {
        let whole: usize = self.layout().iter().sum();
        let mut at = 0;
        let of_level = |level: &Level| {
            let weight = level.spread.weight.val();
            let [own, _] = weight.dims();
            let above = at;
            at += own;
            weight.pad([(above, whole - above - own), (0, 0)], 0.0)
        };
        Tensor::cat(self.levels.iter().map(of_level).collect(), 1)
    }

    fn log_sigma(&self) -> Tensor<1> {
        self.log_sigma.val()
    }

    fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    fn layout(&self) -> Vec<usize> {
        self.levels.iter().map(Level::latent).collect()
    }

    fn encoder_stages(&self, out: &mut Stages<'_>) {
        out.grid("From colours", out.at(out.dims.doublings), &[trainable(&self.rgb_in)]);
        out.blocks(&self.encoder, self.per_size, false);
    }

    fn decoder_stages(&self, out: &mut Stages<'_>) {
        out.vector("Classes", out.at(0).1, &[trainable(&self.class_out)]);
        out.grid("Learned grid", out.at(0), &[trainable(&self.basis)]);
        let places = places(self.levels.len(), self.sizes);
        let stages = (0..self.sizes).flat_map(|size| vec![size; stages_at(&places, size)]);
        let mut levels = self.levels.iter().zip(&places).peekable();
        for (size, blocks) in stages.zip(self.decoder.chunks(self.per_size)) {
            if let Some((level, _)) = levels.next_if(|(_, place)| **place == size) {
                out.grid("Level of latents", out.at(size), &[trainable(level)]);
            }
            for block in blocks {
                out.grid("Residual block", out.at(size), &[trainable(block)]);
            }
        }
        out.grid("To colours", out.picture(), &[trainable(&self.rgb_out)]);
        out.vector("Deviation of pixels", 1, &[trainable(&self.log_sigma)]);
    }
}

/// Stages of the decoder at a size: one, or one for each level there.
fn stages_at(places: &[usize], size: usize) -> usize {
    places.iter().filter(|p| **p == size).count().max(1)
}
