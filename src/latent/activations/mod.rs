//! A look inside: what the features of a network do, and what happens without some of them.
//!
//! [`codes`]: what a VAE does with its latents, and where it fails.

pub mod codes;

use std::collections::HashSet;

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::latent_forward::{BATCH, Conditioning, LatentSpace};
use super::model::LoadedModel;
use crate::base::{Picture, Problem, Progress, Result};
use crate::nn::per_picture;
use crate::recipe::picture::{Latent, Space};
use crate::train::tensors;

/// A channel of some features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Channel {
    /// Where: 0 is next to the latent.
    pub tap: u32,
    /// Which.
    pub channel: u32,
}

/// What a channel does for one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelLook {
    /// Mean.
    pub mean: f32,
    /// Standard deviation.
    pub deviation: f32,
    /// Least and largest.
    pub range: [f32; 2],
    /// Share of places at or below zero.
    pub silent: f32,
    /// Its map: black is the least of the channel, white the largest.
    pub map: Picture,
}

/// Features of one picture at a tap.
#[derive(Clone, Debug, PartialEq)]
pub struct Inside {
    /// What the model makes, with channels switched off as asked.
    pub picture: Picture,
    /// The channels at the tap, before any is switched off there.
    pub channels: Vec<ChannelLook>,
    /// All taps there are: channels, and places from top to bottom and from left to right.
    pub taps: Vec<[u32; 3]>,
}

/// What to look at.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Where: 0 is next to the latent.
    pub tap: u32,
    /// Channels that are switched off.
    pub off: Vec<Channel>,
    /// Whether noise inputs are left out.
    pub without_noise: bool,
}

impl LoadedModel {
    /// The row of a latent with all freedom it has, and what it holds.
    ///
    /// # Errors
    /// The latent is none of this model's, or the truncation is no number.
    pub(super) fn as_drawn(&self, latent: &Latent, truncation: f32) -> Result<(Vec<f32>, LatentSpace, Conditioning)> {
        self.code(latent, truncation)?;
        let freedom = match latent.place() {
            p if p.space == Space::W && p.values.len() > self.latent() => LatentSpace::WPlus,
            p if p.space == Space::W => LatentSpace::W,
            _ => LatentSpace::Z,
        };
        let row = self.rows_of(std::slice::from_ref(latent), freedom)?.pop().expect("one row for one latent");
        if truncation == 1.0 {
            return Ok((row, freedom, self.held(latent)));
        }
        if self.layers() == 0 {
            return Ok((row.into_iter().map(|v| v * truncation).collect(), freedom, self.held(latent)));
        }
        let row = self.truncated_styles(latent, truncation)?.pop().unwrap_or(row);
        Ok((row, LatentSpace::WPlus, self.held(latent)))
    }

    /// Looks at the features of a latent's picture.
    ///
    /// # Errors
    /// There is no such tap.
    pub fn inside(&self, latent: &Latent, truncation: f32, look: &Look) -> Result<Inside> {
        if look.tap as usize >= self.taps() {
            return Err(Problem::usage("There are no such features").of(format!("{} of {}", look.tap, self.taps())));
        }
        let (row, freedom, mut held) = self.as_drawn(latent, truncation)?;
        if look.without_noise {
            held.noise = None;
        }
        let mut shown = None;
        let mut taps = Vec::with_capacity(self.taps());
        let off: HashSet<Channel> = look.off.iter().copied().collect();
        let n = row.len();
        let y = self.draw(tensors::matrix(row, 1, n, &self.device), freedom, &[held], &mut |tap, x| {
            if tap as u32 == look.tap {
                shown = Some(x.clone());
            }
            let [_, c, h, w] = x.dims();
            taps.push([c as u32, h as u32, w as u32]);
            let kept = |channel: usize| !off.contains(&Channel { tap: tap as u32, channel: channel as u32 });
            if (0..c).all(kept) {
                return x;
            }
            let mask: Vec<f32> = (0..c).map(|i| f32::from(u8::from(kept(i)))).collect();
            x * Tensor::from_data(TensorData::new(mask, [1, c, 1, 1]), &self.device)
        });
        let picture = tensors::to_pictures(y, self.shape()).pop();
        let channels = shown.map(channel_looks).unwrap_or_default();
        let picture = picture.ok_or_else(|| Problem::failed("The model made no picture"))?;
        Ok(Inside { picture, channels, taps })
    }

    /// How much each channel at a tap matters to a latent's picture: the root mean square change of pixels (of 1) when
    /// it is switched off.
    ///
    /// # Errors
    /// There is no such tap, or it was cancelled.
    pub fn channel_effects(
        &self,
        latent: &Latent,
        truncation: f32,
        tap: u32,
        progress: &dyn Progress,
    ) -> Result<Vec<f32>> {
        let inside = self.inside(latent, truncation, &Look { tap, ..Look::default() })?;
        let count = inside.channels.len();
        let (row, freedom, held) = self.as_drawn(latent, truncation)?;
        let rows = |n: usize| tensors::matrix(row.repeat(n), n, row.len(), &self.device);
        // What a person sees ends at black and white.
        let seen = |y: Tensor<4>| y.clamp(-1.0, 1.0);
        let plain = seen(self.draw(rows(1), freedom, std::slice::from_ref(&held), &mut |_, x| x));
        let mut effects = Vec::with_capacity(count);
        for first in (0..count).step_by(BATCH) {
            progress.report("Switching channels off", first as u64, count as u64);
            progress.cancel().check()?;
            let n = BATCH.min(count - first);
            let y = self.draw(rows(n), freedom, std::slice::from_ref(&held), &mut |i, x| {
                if i as u32 != tap {
                    return x;
                }
                let mask: Vec<f32> =
                    (0..n * count).map(|k| f32::from(u8::from(k % count != first + k / count))).collect();
                x * Tensor::from_data(TensorData::new(mask, [n, count, 1, 1]), &self.device)
            });
            let change = per_picture((seen(y) - plain.clone()).square()).mean_dim(1).sqrt() * 0.5;
            effects.extend(super::latent_forward::host(change).into_iter().flatten());
        }
        progress.report("Switching channels off", count as u64, count as u64);
        Ok(effects)
    }
}

/// `[1, c, h, w]`
fn channel_looks(x: Tensor<4>) -> Vec<ChannelLook> {
    let [_, _, h, w] = x.dims();
    let values = crate::nn::numbers(x);
    values.chunks_exact((h * w).max(1)).map(|v| channel_look(v, w as u32, h as u32)).collect()
}

fn channel_look(values: &[f32], width: u32, height: u32) -> ChannelLook {
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let grey = |v: &f32| {
        let g = if most > least { ((v - least) / (most - least) * 255.0).round() as u8 } else { 0 };
        [g, g, g, 255]
    };
    ChannelLook {
        mean,
        deviation,
        range: [least, most],
        silent: values.iter().filter(|v| **v <= 0.0).count() as f32 / n,
        map: Picture { width, height, rgba: values.iter().flat_map(grey).collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::latent::testing::fresh;

    #[test]
    fn channels_are_shown_and_switched_off() {
        for id in ["dcgan", "style-gan"] {
            let model = fresh(id, 8, 6);
            let latent = Latent::Seed { seed: 3 };
            let plain = model.generate(std::slice::from_ref(&latent), 1.0).unwrap().remove(0);
            let seen = model.inside(&latent, 1.0, &Look::default()).unwrap();
            assert_eq!(seen.picture, plain, "{id}");
            assert_eq!((seen.channels.len(), seen.channels[0].map.width), (8, 4));
            assert_eq!((seen.taps.len(), seen.taps[0]), (model.taps(), [8, 4, 4]), "{id}");
            for c in &seen.channels {
                assert!(c.range[0] <= c.mean && c.mean <= c.range[1] && (0.0..=1.0).contains(&c.silent));
            }
            let effects = model.channel_effects(&latent, 1.0, 0, &Quiet::default()).unwrap();
            assert_eq!(effects.len(), 8);
            let strongest = (0..8).max_by(|a, b| effects[*a].total_cmp(&effects[*b])).unwrap();
            let off = vec![Channel { tap: 0, channel: strongest as u32 }];
            let without = model.inside(&latent, 1.0, &Look { off, ..Look::default() }).unwrap();
            let change = 10f64.powf(-model.likeness(&plain, &without.picture) / 20.0);
            assert!(change > 0.0, "{id}");
            // Up to the rounding of pixels.
            assert!((change - f64::from(effects[strongest])).abs() < 0.01, "{id}: {change} {effects:?}");
            assert!(model.inside(&latent, 1.0, &Look { tap: 99, ..Look::default() }).is_err());
        }
    }

    #[test]
    fn truncation_is_that_of_pictures() {
        for id in ["dcgan", "style-gan"] {
            let model = fresh(id, 8, 6);
            let latent = Latent::Seed { seed: 3 };
            let plain = model.generate(std::slice::from_ref(&latent), 0.5).unwrap().remove(0);
            let seen = model.inside(&latent, 0.5, &Look { tap: 1, ..Look::default() }).unwrap();
            assert!(model.likeness(&seen.picture, &plain) > 50.0, "{id}");
        }
    }
}
