//! The network behind `studio-features`: residual, without normalisation, small enough to ship and to run on a CPU.
//!
//! ```text
//! 64²×3 ─ stem ÷2 ─ 32²×24 ─ block ─ ÷2 ─ 16²×48 ─ block ─ ÷2 ─ 8²×80 ─ block ─ ÷2 ─ 4²×112 ─ block
//!                      └ mean ─┐          └ mean ─┐        └ mean ─┐           └ mean ─┐
//!                              └──────────────────┴─────── concat ─┴───────────────────┴─ linear ─ 128
//! ```
//! Every size speaks for itself, so that sharpness and texture reach the features beside the motif.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::activation;
use crate::nn::conv::Conv;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::resample::padded;
use crate::nn::residual::Block;

/// Pixels a side that pictures are brought to.
pub const SIDE: u32 = 64;
/// Numbers in a feature.
pub const DIM: usize = 128;
/// Channels at each size, the largest first.
const CHANNELS: [usize; 4] = [24, 48, 80, 112];

/// The encoder.
#[derive(Module, Debug)]
pub struct Encoder {
    /// Each halves the size.
    halves: Vec<Conv>,
    /// One at each size.
    blocks: Vec<Block>,
    /// From the means of all sizes to the feature.
    embed: Linear,
}

impl Encoder {
    /// Fresh weights.
    pub fn new(init: &Init<'_>) -> Self {
        let inputs = [3, CHANNELS[0], CHANNELS[1], CHANNELS[2]];
        let halves = (0..4).map(|i| {
            let fan_in = 16 * inputs[i];
            // Only the first reads a picture; the others read what leaky ReLUs left.
            let std = if i == 0 { lecun(fan_in) } else { he(fan_in) };
            Conv::half(&init.child(format!("halves.{i}")), inputs[i], CHANNELS[i], std)
        });
        let block = |(i, c): (usize, &usize)| Block::new(&init.child(format!("blocks.{i}")), *c, *c, CHANNELS.len());
        let width = CHANNELS.iter().sum();
        Self {
            halves: halves.collect(),
            blocks: CHANNELS.iter().enumerate().map(block).collect(),
            embed: Linear::new(&init.child("embed"), width, DIM, lecun(width)),
        }
    }

    /// What every size sees, the largest first, after its activation. `[b, 3, r, r] → [b, cᵢ, r/2ⁱ, r/2ⁱ]`
    ///
    /// Any size of picture goes: sides are padded with grey to a multiple of 16.
    pub fn maps(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let [_, _, h, w] = x.dims();
        let mut x = padded(x, [h, w].map(|side| side.next_multiple_of(16)));
        let mut maps = Vec::with_capacity(4);
        for (i, (half, block)) in self.halves.iter().zip(&self.blocks).enumerate() {
            x = if i == 0 { half.forward(x) } else { half.after_leaky(x) };
            x = block.forward(x);
            maps.push(activation::leaky(x.clone()));
        }
        maps
    }

    /// Features of pictures of [`SIDE`] pixels in −1…1. `[b, 3, 64, 64] → [b, 128]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let means = self.maps(x).into_iter().map(|map| {
            let [b, c, h, w] = map.dims();
            map.reshape([b, c, h * w]).mean_dim(2).reshape([b, c])
        });
        self.embed.forward(Tensor::cat(means.collect(), 1))
    }

    /// The same network with features moved and scaled, each dimension on its own: `(f − mean) / deviation`.
    ///
    /// Exact, for the last layer is linear.
    #[must_use]
    pub fn standardised(mut self, mean: &[f32], deviation: &[f32]) -> Self {
        let device = self.embed.bias.device();
        let row = |values: Vec<f32>| Tensor::<1>::from_floats(values.as_slice(), &device);
        let scale = row(deviation.iter().map(|d| 1.0 / d.max(1e-6)).collect());
        let mean = row(mean.to_vec());
        let columns = scale.clone();
        self.embed.weight = self.embed.weight.map(|w| w * columns.unsqueeze());
        self.embed.bias = self.embed.bias.map(|b| (b - mean) * scale);
        self
    }

    /// Zeros instead of random numbers: for weights that are about to be loaded.
    pub fn blank(device: &Device) -> Self {
        Self::new(&Init::blank("features", device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardising_moves_and_scales_each_dimension() {
        let device = Device::flex();
        let net = Encoder::new(&Init::new(3, "features", &device));
        let x = Tensor::<4>::random([2, 3, 64, 64], burn::tensor::Distribution::Uniform(-1.0, 1.0), &device);
        let read = |net: &Encoder| net.forward(x.clone()).into_data().try_into_vec::<f32>().unwrap();
        let plain = read(&net);
        let mean: Vec<f32> = (0..DIM).map(|i| i as f32 * 0.01).collect();
        let deviation: Vec<f32> = (0..DIM).map(|i| 0.5 + i as f32 * 0.02).collect();
        let moved = read(&net.standardised(&mean, &deviation));
        for (i, (a, b)) in plain.iter().zip(&moved).enumerate() {
            let k = i % DIM;
            assert!(((a - mean[k]) / deviation[k] - b).abs() < 1e-4, "{i}: {a} {b}");
        }
    }

    #[test]
    fn any_size_has_maps() {
        let device = Device::flex();
        let net = Encoder::new(&Init::new(3, "features", &device));
        let maps = net.maps(Tensor::zeros([1, 3, 20, 20], &device));
        assert_eq!(maps.iter().map(|m| m.dims()[2]).collect::<Vec<_>>(), [16, 8, 4, 2]);
    }
}
