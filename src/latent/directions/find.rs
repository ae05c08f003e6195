//! Directions without labels: principal axes and SeFa.

use burn::tensor::{Tensor, TensorData};

use super::{Direction, Method};
use crate::base::linalg::rows::{Row, add, dot, doubled, leading, principal};
use crate::base::{Problem, Progress, Result};
use crate::latent::latent_forward::{BATCH, Conditioning, LatentSpace, host};
use crate::latent::model::{LoadedModel, Net};
use crate::recipe::picture::{Latent, Space};

/// First seed of latents that are sampled; far from what people look at, so that they can be checked on others.
pub(super) const SEEDS: u64 = 0x5eed_0000;

/// Numbers of an activation that are looked at, at most.
const ACTIVATIONS: usize = 4096;

impl LoadedModel {
    /// Latents of seeds, as rows.
    ///
    /// # Errors
    /// The model has no such space.
    pub(super) fn sampled(&self, count: usize, freedom: LatentSpace) -> Result<Vec<Row>> {
        let latents: Vec<Latent> = (0..count as u64).map(|i| Latent::Seed { seed: SEEDS + i }).collect();
        Ok(doubled(&self.numbers_of(&latents, freedom)?))
    }

    /// Principal axes of the styles of a model with styles, else of what its features at a `tap` do (the first if not
    /// given), told by the latents that move them most.
    ///
    /// # Errors
    /// There is no such tap, or it was cancelled.
    pub fn principal_directions(
        &self,
        tap: Option<usize>,
        count: usize,
        samples: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<Direction>> {
        if self.layers() > 0 && tap.is_none() {
            progress.report("Looking at styles", 0, 1);
            let rows = self.sampled(samples, LatentSpace::W)?;
            return Ok(axes_of(&rows, count, Space::W));
        }
        let of = tap.map_or_else(String::new, |tap| format!(" (features {tap})"));
        let tap = tap.unwrap_or(0);
        if tap >= self.taps() {
            return Err(Problem::usage("There are no such features").of(format!("{tap} of {}", self.taps())));
        }
        // GANSpace for models without styles: axes of activations, then the latents that explain each best.
        let freedom = if self.layers() > 0 { LatentSpace::W } else { LatentSpace::Z };
        let latents = self.sampled(samples, freedom)?;
        let activations = self.activations(tap, samples, freedom, progress)?;
        let (centre, axes) = principal(&activations, count);
        let space = if freedom == LatentSpace::Z { Space::Z } else { Space::W };
        let spread: f64 = total_variance(&activations, &centre);
        let mut out = Vec::with_capacity(axes.len());
        for (i, (variance, axis)) in axes.iter().enumerate() {
            let mut sum = vec![0.0; latents[0].len()];
            for (latent, activation) in latents.iter().zip(&activations) {
                add(&mut sum, dot(activation, axis) - dot(&centre, axis), latent);
            }
            let named = Direction::scaled(format!("Axis {}{of}", i + 1), Method::Principal, space, &sum, 1.0);
            out.extend(named.map(|d| Direction {
                score: Some(variance / spread.max(1e-300)),
                samples: samples as u32,
                ..self.with_sigma(d, &latents)
            }));
        }
        Ok(out)
    }

    /// SeFa: the directions that change the first weights most that a latent meets; for a model with styles those of
    /// the layers `from..to`.
    ///
    /// # Errors
    /// There are no such layers.
    pub fn sefa_directions(&self, layers: Option<[u32; 2]>, count: usize) -> Result<Vec<Direction>> {
        let (weights, space) = self.weights_met(layers)?;
        let d = weights.first().map_or(0, |w| w.len());
        let mut matrix = vec![vec![0.0; d]; d];
        for rows in &weights {
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    matrix[i][j] += dot(a, b);
                }
            }
        }
        let trace: f64 = (0..d).map(|i| matrix[i][i]).sum();
        let pairs = leading(d, count, &|v| matrix.iter().map(|row| dot(row, v)).collect());
        let freedom = if space == Space::Z { LatentSpace::Z } else { LatentSpace::W };
        let samples = self.sampled(1000, freedom)?;
        let named = pairs.iter().enumerate().filter_map(|(i, (value, axis))| {
            let name = match layers {
                Some([from, to]) => format!("SeFa {} (layers {from}–{})", i + 1, to.saturating_sub(1)),
                None => format!("SeFa {}", i + 1),
            };
            let direction = Direction::scaled(name, Method::Sefa, space, axis, 1.0)?;
            let score = Some(value / trace.max(1e-300));
            Some(Direction {
                layers: layers.filter(|_| space == Space::W),
                score,
                ..self.with_sigma(direction, &samples)
            })
        });
        Ok(named.collect())
    }

    /// Rows of the weights that a latent meets first (one row a number of the latent), by layer.
    fn weights_met(&self, layers: Option<[u32; 2]>) -> Result<(Vec<Vec<Row>>, Space)> {
        let g = match &self.net {
            Net::Gan(g) => g,
            Net::Vae(v) => return Ok((vec![doubled(&host(v.first_weights()))], Space::Z)),
            Net::Tokens(_) => return Err(Problem::usage("Tokens have no directions").of(self.info().name.clone())),
        };
        let Some(net) = g.styled() else { return Ok((vec![doubled(&host(g.first_weights()))], Space::Z)) };
        let [from, to] = layers.unwrap_or([0, net.layers() as u32]);
        let weights: Vec<Vec<Row>> = net
            .affine_weights()
            .into_iter()
            .filter(|(layer, _)| (from..to).contains(&(*layer as u32)))
            .map(|(_, w)| doubled(&host(w)))
            .collect();
        if weights.is_empty() {
            return Err(Problem::usage("There are no such layers").of(format!("{from}..{to} of {}", net.layers())));
        }
        Ok((weights, Space::W))
    }

    /// Features of samples at a tap, one row each; of large ones evenly spread numbers.
    fn activations(
        &self,
        tap: usize,
        samples: usize,
        freedom: LatentSpace,
        progress: &dyn Progress,
    ) -> Result<Vec<Row>> {
        let latents: Vec<Latent> = (0..samples as u64).map(|i| Latent::Seed { seed: SEEDS + i }).collect();
        let mut out = Vec::with_capacity(samples);
        let held = [Conditioning { class: vec![0.0; self.dims().classes], noise: Some(0) }];
        for group in latents.chunks(BATCH) {
            progress.report("Looking at features", out.len() as u64, latents.len() as u64);
            progress.cancel().check()?;
            let values = self.rows_of(group, freedom)?.concat();
            let rows = Tensor::from_data(TensorData::new(values, [group.len(), self.row(freedom)]), &self.device);
            let mut kept = None;
            self.draw(rows, freedom, &held, &mut |i, x| {
                if i == tap {
                    kept = Some(crate::nn::per_picture(x.clone()));
                }
                x
            });
            for row in kept.map(host).unwrap_or_default() {
                let step = row.len().div_ceil(ACTIVATIONS);
                out.push(row.iter().step_by(step).map(|v| f64::from(*v)).collect());
            }
        }
        Ok(out)
    }

    /// The same with steps as long as the standard deviation of samples along it.
    pub(super) fn with_sigma(&self, direction: Direction, samples: &[Row]) -> Direction {
        let axis = direction.row();
        let size = dot(&axis, &axis).sqrt();
        let along: Vec<f64> = samples.iter().map(|s| dot(s, &axis) / size).collect();
        let mean = along.iter().sum::<f64>() / along.len().max(1) as f64;
        let sigma = (along.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / along.len().max(1) as f64).sqrt();
        Direction::scaled(direction.name.clone(), direction.method, direction.space, &axis, sigma)
            .map_or(direction.clone(), |scaled| Direction { values: scaled.values, ..direction })
    }
}

/// Principal axes of codes as directions whose step is their standard deviation.
pub fn axes_of(rows: &[Row], count: usize, space: Space) -> Vec<Direction> {
    let (centre, axes) = principal(rows, count);
    let spread = total_variance(rows, &centre);
    let named = axes.iter().enumerate().filter_map(|(i, (variance, axis))| {
        let name = format!("Axis {}", i + 1);
        let direction = Direction::scaled(name, Method::Principal, space, axis, variance.sqrt())?;
        Some(Direction { score: Some(variance / spread.max(1e-300)), samples: rows.len() as u32, ..direction })
    });
    named.collect()
}

fn total_variance(rows: &[Row], centre: &[f64]) -> f64 {
    let sum: f64 = rows.iter().map(|r| r.iter().zip(centre).map(|(v, m)| (v - m).powi(2)).sum::<f64>()).sum();
    sum / rows.len().max(1) as f64
}
