//! R3GAN as published: inverted bottlenecks with groups, smooth resampling, a learned 4×4 basis.
//!
//! After Huang, Gokaslan, Kuleshov & Tompkin, "The GAN is dead; long live the GAN!" (2024), configuration E; the small
//! design is in [`super::res_gan`].

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::NetworkDims;
use super::gan::{CriticNetwork, GeneratorNetwork};
use super::io::trainable;
use super::outline::Stages;
use super::probe::Probe;
use super::res_gan::{Pool, layers};
use crate::nn::conv::Conv;
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::{Embed, judge};
use crate::nn::init::{Init, lecun};
use crate::nn::linear::Linear;
use crate::nn::resample;
use crate::nn::residual::Wide;
use crate::recipe::ModelRecipe;

/// What happens between two picture sizes: another number of channels, if need be.
fn steps(init: &Init<'_>, channels: &[usize]) -> Vec<Option<Conv>> {
    let step = |(i, c): (usize, &[usize])| {
        (c[0] != c[1])
            .then(|| Conv::same(&init.child(format_args!("steps.{i}")), c[0], c[1], 1, lecun(c[0])).without_bias())
    };
    channels.windows(2).enumerate().map(step).collect()
}

fn blocks(init: &Init<'_>, channels: &[usize], plan: &NetworkDims, recipe: &ModelRecipe) -> Vec<Wide> {
    let depth = channels.len() * plan.blocks;
    let block = |i: usize| {
        let init = init.child(format_args!("blocks.{i}"));
        Wide::new(&init, channels[i / plan.blocks], recipe.expansion as usize, recipe.group as usize, depth)
    };
    (0..depth).map(block).collect()
}

/// Generator: the latent weighs a learned grid, blocks at each size double it up to the picture.
#[derive(Module, Debug)]
pub struct WideGenerator {
    /// The learned grid, `[1, width, base, base]`.
    pub basis: Param<Tensor<4>>,
    /// The weights of its channels.
    pub fc: Linear,
    /// Classes.
    pub embed: Option<Embed>,
    /// Blocks, the smallest size first.
    pub blocks: Vec<Wide>,
    /// Between sizes.
    pub steps: Vec<Option<Conv>>,
    /// To colours, 1×1.
    pub rgb: Conv,
    #[module(skip)]
    per_size: usize,
    #[module(skip)]
    resolution: [usize; 2],
}

impl WideGenerator {
    pub(crate) fn new(plan: &NetworkDims, recipe: &ModelRecipe, init: &Init<'_>) -> Self {
        let channels = plan.channels(plan.doublings + 1);
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        Self {
            basis: init.normal("basis", [1, first, plan.base[0], plan.base[1]], 1.0),
            fc: Linear::new(&init.child("fc"), plan.latent, first, lecun(plan.latent)),
            embed: Embed::new(&init.child("embed"), plan.classes, first, 1.0),
            blocks: blocks(init, &channels, plan, recipe),
            steps: steps(init, &channels),
            rgb: Conv::same(&init.child("rgb"), last, plan.colours, 1, lecun(last)),
            per_size: plan.blocks,
            resolution: plan.resolution,
        }
    }
}

impl GeneratorNetwork for WideGenerator {
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        let weights = Embed::add(self.embed.as_ref(), self.fc.forward(z), class);
        let weights: Tensor<4> = weights.unsqueeze_dims(&[2, 3]);
        let mut x = self.basis.val() * weights;
        for (i, block) in self.blocks.iter().enumerate() {
            if i > 0 && i % self.per_size == 0 {
                // 1×1 before the size grows: the same result at a quarter of the cost.
                if let Some(step) = &self.steps[i / self.per_size - 1] {
                    x = step.forward(x);
                }
                x = resample::double_smooth(x);
            }
            x = block.forward(x);
            if (i + 1) % self.per_size == 0 {
                x = probe(i / self.per_size, x);
            }
        }
        resample::cropped(self.rgb.forward(x), self.resolution)
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
        out.grid("Between sizes", out.at(out.dims.doublings), &[trainable(&self.steps)]);
        out.grid("To colours", out.picture(), &[trainable(&self.rgb)]);
    }
}

/// Critic: the mirror of [`WideGenerator`], with one number for each channel at its end, then one.
#[derive(Module, Debug)]
pub struct WideCritic {
    /// From colours, 1×1.
    pub rgb: Conv,
    /// Blocks, the full picture first.
    pub blocks: Vec<Wide>,
    /// Between sizes.
    pub steps: Vec<Option<Conv>>,
    /// Sums up what is left of the picture.
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

impl WideCritic {
    pub(crate) fn new(plan: &NetworkDims, recipe: &ModelRecipe, init: &Init<'_>) -> Self {
        let mut channels = plan.channels(plan.doublings + 1);
        channels.reverse();
        let last = channels[channels.len() - 1];
        Self {
            rgb: Conv::same(&init.child("rgb"), plan.colours, channels[0], 1, lecun(plan.colours)),
            blocks: blocks(init, &channels, plan, recipe),
            steps: steps(init, &channels),
            pool: Pool::new(&init.child("pool"), last, plan.base),
            fc: Linear::new(&init.child("fc"), last, 1, lecun(last)),
            embed: Embed::new(&init.child("embed"), plan.classes, last, lecun(last)),
            per_size: plan.blocks,
            built: plan.built,
        }
    }
}

impl CriticNetwork for WideCritic {
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let mut x = x.linear(|x| resample::padded(x, self.built)).conv(&self.rgb);
        for (i, block) in self.blocks.iter().enumerate() {
            if i > 0 && i % self.per_size == 0 {
                x = x.linear(resample::half_smooth);
                if let Some(step) = &self.steps[i / self.per_size - 1] {
                    x = x.conv(step);
                }
            }
            x = block.forward_dual(x, tape);
        }
        let h = self.pool.forward_dual(x);
        (h.clone(), judge(h, &self.fc, self.embed.as_ref(), class))
    }

    fn stages(&self, out: &mut Stages<'_>) {
        out.grid("From colours", out.at(out.dims.doublings), &[trainable(&self.rgb)]);
        out.blocks(&self.blocks, self.per_size, false);
        out.grid("Between sizes", out.at(0), &[trainable(&self.steps)]);
        out.vector("Sum over the picture", out.at(0).1, &[trainable(&self.pool)]);
        out.vector("Judgement", 1, &[trainable(&self.fc), trainable(&self.embed)]);
    }

    fn layers(&self) -> Vec<String> {
        layers(self.blocks.len())
    }
}
