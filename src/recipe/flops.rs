//! How much a recipe's networks compute. Rough, and said so: what estimates of minutes are made of.

use super::architecture::{RES_GAN, find};
use super::{Adversarial, Recipe};
use crate::base::{Built, Family, Resolution};

/// What networks of a kind compute.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Multiply-adds of one picture through one network. Networks that make pictures cost as much as those that take them
    /// in.
    pub macs: fn(&Recipe) -> f64,
    /// Time of a multiply-add on the CPU, next to those of 3 × 3 convolutions by Winograd's algorithm.
    pub pace: f64,
}

/// Fully connected layers: plain matrices.
pub const DENSE: Cost = Cost { macs: dense, pace: 3.0 };
/// One 4 × 4 convolution by stride 2 from size to size.
pub const STRIDED: Cost = Cost { macs: strided, pace: 1.5 };
/// Two 3 × 3 convolutions a block.
pub const RESIDUAL: Cost = Cost { macs: residual, pace: 1.0 };

/// FastGAN's generator, and a critic that looks through a fixed network.
pub const PROJECTED: Cost = Cost { macs: projected, pace: 1.3 };

/// 4 × 4 convolutions by stride 2 down to a grid of tokens, with residual blocks there.
pub const GRID: Cost = Cost { macs: grid, pace: 1.5 };
/// Layers of attention over all tokens.
pub const ATTENTION: Cost = Cost { macs: attention, pace: 3.0 };
/// Layers with gates, token after token.
pub const RECURRENT: Cost = Cost { macs: recurrent, pace: 4.0 };

fn grid(recipe: &Recipe) -> f64 {
    let layout = recipe.model.tokens.layout_of([recipe.data.resolution.height, recipe.data.resolution.width]);
    let pixels = |halvings: usize| layout.grid.iter().map(|n| (n << halvings) as f64).product::<f64>();
    let wide = channels(recipe, layout.halvings as u32, 0);
    let inner = |i: usize| {
        let last = i == layout.halvings;
        if last { recipe.data.channels.count() as f64 } else { channels(recipe, layout.halvings as u32, i as u32) }
    };
    let strided: f64 = (0..layout.halvings).map(|i| pixels(i + 1) * 4.0 * inner(i) * inner(i + 1)).sum();
    strided + pixels(0) * wide * wide * (9.0 + 10.0 * f64::from(recipe.model.blocks))
}

/// Tokens of a picture with what stands in front of them; those of the usual grid before a run knows its own.
fn sequence(recipe: &Recipe) -> f64 {
    let tokens = &recipe.model.tokens;
    let grid = if tokens.tokens() > 0 { tokens.tokens() } else { 64 };
    (grid + tokens.caption_words as usize) as f64
}

fn attention(recipe: &Recipe) -> f64 {
    let (wide, n) = (f64::from(recipe.model.width), sequence(recipe));
    n * f64::from(recipe.model.blocks.max(1)) * (12.0 * wide * wide + 2.0 * n * wide)
}

fn recurrent(recipe: &Recipe) -> f64 {
    let wide = f64::from(recipe.model.width);
    sequence(recipe) * f64::from(recipe.model.blocks.max(1)) * 8.0 * wide * wide
}

fn dense(recipe: &Recipe) -> f64 {
    let (wide, latent) = (f64::from(recipe.model.width), f64::from(recipe.model.latent));
    let blocks = f64::from(recipe.model.blocks.max(1));
    let numbers = recipe.data.channels.count() as f64 * recipe.data.resolution.pixels() as f64;
    numbers * wide + (blocks - 1.0).max(0.0) * wide * wide + latent * wide
}

fn strided(recipe: &Recipe) -> f64 {
    let Built { base, doublings, .. } = recipe.data.resolution.built();
    let inner = |i: u32| {
        if i < doublings { channels(recipe, doublings, i) } else { recipe.data.channels.count() as f64 }
    };
    let layer = |i: u32| pixels(base, i + 1) * 4.0 * inner(i) * inner(i + 1);
    (0..doublings).map(layer).sum::<f64>() + f64::from(recipe.model.latent) * pixels(base, 0) * inner(0)
}

fn residual(recipe: &Recipe) -> f64 {
    let model = &recipe.model;
    let Built { base, doublings, .. } = recipe.data.resolution.built();
    let grown = if model.expansion > 0 { 0.5 * f64::from(model.expansion) } else { 1.0 };
    let blocks = f64::from(model.blocks.max(1));
    let size = |i: u32| pixels(base, i) * 18.0 * channels(recipe, doublings + 1, i).powi(2) * blocks * grown;
    (0..=doublings).map(size).sum::<f64>() + f64::from(model.latent) * pixels(base, 0) * f64::from(model.width)
}

/// Two networks that cost as much as the generator, the fixed network and the four small critics in a step together: the
/// fixed network has no gradients by its weights.
fn projected(recipe: &Recipe) -> f64 {
    let seen = (f64::from(recipe.model.feature_side) / 128.0).powi(2);
    // Multiply-adds at 128 pixels: the fixed network with its mixing convolutions, and the critics.
    let (fixed, critics) = (186e6 * seen, 76e6 * seen);
    (4.0 * residual(recipe) + 4.0 * fixed + 9.0 * critics) / 12.0
}

fn pixels(base: Resolution, size: u32) -> f64 {
    base.times(1 << size).pixels() as f64
}

/// Channels at size `i` of `count`, the smallest picture first.
fn channels(recipe: &Recipe, count: u32, i: u32) -> f64 {
    let (wide, narrow) = (f64::from(recipe.model.width), f64::from(recipe.model.narrow));
    (narrow * f64::from(1u32 << (count - 1 - i).min(16))).min(wide.max(narrow))
}

/// Multiply-adds of one picture through one network, in billions.
fn forward(recipe: &Recipe) -> f64 {
    (cost(recipe).macs)(recipe) / 1e9
}

fn cost(recipe: &Recipe) -> Cost {
    find(&recipe.model.id).unwrap_or(&RES_GAN).cost
}

/// Work of one picture in whole training steps, in billions of multiply-adds, weighted by how fast each kind goes on the
/// CPU: 3 × 3 convolutions by Winograd's, others at two thirds of that speed, plain matrices slower still.
pub fn gmacs_per_picture(recipe: &Recipe) -> f64 {
    let passes = match recipe.family() {
        // There and back for both halves: a backward pass is two forward ones.
        Ok(Family::Vae | Family::Tokens) => 6.0,
        Ok(Family::Prior) => 3.0,
        _ => {
            let objective = &recipe.objective;
            let penalties = f64::from(u8::from(objective.r1)) + f64::from(u8::from(objective.r2));
            let critic_steps = f64::from(objective.critic_steps.max(1));
            let paired = f64::from(u8::from(objective.adversarial == Adversarial::Relativistic));
            let critic = critic_steps * (6.0 + 6.0 * penalties / f64::from(objective.penalty_interval.max(1)));
            // The generator's step: its own way there and back, through the critic to the picture.
            critic_steps + 3.0 + critic + 2.0 + paired
        }
    };
    forward(recipe) * passes * cost(recipe).pace
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::preset::{Facts, PRESETS, find};

    #[test]
    fn larger_pictures_and_networks_take_more() {
        for preset in PRESETS {
            let at = |side: u32| gmacs_per_picture(&preset.recipe(Facts { pictures: 9000, resolution: side.into() }));
            assert!(at(32) > 0.0 && at(32) < 100.0, "{}: {}", preset.id, at(32));
            // A prior sees tokens, however large the pictures are.
            if preset.architecture().max_side >= 64 && preset.family() != Family::Prior {
                assert!(at(64) > at(32), "{}: {} and {}", preset.id, at(64), at(32));
            }
        }
        let work =
            |id: &str| gmacs_per_picture(&find(id).unwrap().recipe(Facts { pictures: 9000, resolution: 32.into() }));
        assert!(work("gan-tiny") < 0.7 * work("gan") && work("gan") < 0.3 * work("gan-quality"));
        assert!(work("vae") < 0.1 * work("gan"));
    }

    #[test]
    fn a_small_residual_gan_is_counted_by_hand() {
        let mut r = find("gan").unwrap().recipe(Facts { pictures: 9000, resolution: 32.into() });
        (r.model.width, r.model.narrow, r.model.latent) = (128, 32, 0);
        // 18 · s² · c² at 4, 8, 16 and 32 pixels with 128, 128, 64 and 32 channels.
        let one = 18.0 * (16.0 * 16384.0 + 64.0 * 16384.0 + 256.0 * 4096.0 + 1024.0 * 1024.0) / 1e9;
        assert!((forward(&r) - one).abs() < 1e-9);
        assert!((gmacs_per_picture(&r) / one - (1.0 + 3.0 + 6.0 + 6.0 * 2.0 / 4.0 + 3.0)).abs() < 1e-9);
    }
}
