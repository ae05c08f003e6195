//! A small network that tells known attributes of pictures, real or generated: what directions are judged by.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use super::directions::learn::Attribute;
use super::latent_forward::{BATCH, host};
use super::model::LoadedModel;
use crate::base::rng::Stream;
use crate::base::{Problem, Progress, Result, Shape};
use crate::data::Prepared;
use crate::models::ImageRegressor;
use crate::nn::init::Init;
use crate::recipe::picture::Latent;
use crate::train::optim::{Adam, AdamSettings};
use crate::train::tensors;

/// Pictures in a step.
const STEP: usize = 64;
/// Steps that suit a data set of some thousand pictures.
pub const STEPS: usize = 800;
/// An attribute that is told worse than this (R² on pictures not learned from) is left out.
const TOLD: f64 = 0.3;

/// Tells attributes of pictures.
pub trait Judge {
    /// Their names.
    fn names(&self) -> &[String];

    /// Attributes of latents' pictures, one row each, in standard deviations of what is known.
    ///
    /// # Errors
    /// The model cannot be computed.
    fn judge(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>>;
}

/// Tells attributes.
pub struct Predictor {
    net: ImageRegressor,
    names: Vec<String>,
    /// R² of each, on pictures not learned from.
    scores: Vec<f64>,
    /// Places of the told ones among the network's numbers.
    places: Vec<usize>,
    shape: Shape,
}

impl Predictor {
    /// Learns to tell attributes of the pictures at some places of a prepared set; one in ten is kept to judge by.
    ///
    /// # Errors
    /// None of them can be told, or it was cancelled.
    pub fn train(
        set: &Prepared,
        places: &[u32],
        attributes: &[Attribute],
        steps: usize,
        device: &Device,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let shape = set.shape();
        let scales: Vec<(f64, f64)> = attributes.iter().map(scale).collect();
        let target = |i: usize| -> Vec<f32> {
            let standard = |(a, (mean, scale)): (&Attribute, &(f64, f64))| ((a.values[i] - mean) / scale) as f32;
            attributes.iter().zip(&scales).map(standard).collect()
        };
        let mut order: Vec<usize> = (0..places.len()).collect();
        let mut stream = Stream::new(7, "attributes");
        stream.shuffle(&mut order);
        let (held, learned) = order.split_at((order.len() / 10).max(1));
        if learned.len() < STEP / 4 {
            return Err(Problem::data("There are too few pictures to learn attributes from"));
        }
        let training = device.clone().autodiff();
        let mut net = ImageRegressor::new(shape, attributes.len(), &Init::new(7, "attributes", &training));
        let mut adam = Adam::new();
        for step in 0..steps {
            progress.report("Learning attributes", step as u64, steps as u64);
            progress.cancel().check()?;
            let chosen: Vec<usize> = (0..STEP).map(|_| learned[stream.below(learned.len() as u64) as usize]).collect();
            let bytes: Vec<u8> = chosen.iter().flat_map(|&i| set.picture(places[i] as usize).to_vec()).collect();
            let x = tensors::pictures(&bytes, STEP, shape, &training);
            let values: Vec<f32> = chosen.iter().flat_map(|&i| target(i)).collect();
            // What is unknown counts for nothing.
            let known: Vec<f32> = values.iter().map(|v| f32::from(u8::from(v.is_finite()))).collect();
            let values: Vec<f32> = values.into_iter().map(|v| if v.is_finite() { v } else { 0.0 }).collect();
            let matrix = |v: Vec<f32>| tensors::matrix(v, STEP, attributes.len(), device);
            let loss = ((net.forward(x) - matrix(values)).square() * matrix(known)).mean();
            let grads = GradientsParams::from_grads(loss.backward(), &net);
            let left = 1.0 - step as f64 / steps as f64;
            let lr = 2e-3 * left.clamp(0.02, 1.0);
            let settings = AdamSettings { lr, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip_norm: 1.0 };
            net = adam.step(settings, net, grads).0;
        }
        progress.report("Learning attributes", steps as u64, steps as u64);
        let net = net.valid();
        let mut said = Vec::with_capacity(held.len());
        for group in held.chunks(STEP) {
            let bytes: Vec<u8> = group.iter().flat_map(|&i| set.picture(places[i] as usize).to_vec()).collect();
            said.extend(host(net.forward(tensors::pictures(&bytes, group.len(), shape, device))));
        }
        let scores: Vec<f64> = (0..attributes.len())
            .map(|k| {
                let pairs = held.iter().zip(&said).map(|(&i, s)| (f64::from(target(i)[k]), f64::from(s[k])));
                r_squared(&pairs.filter(|p| p.0.is_finite()).collect::<Vec<_>>())
            })
            .collect();
        let told: Vec<usize> = (0..attributes.len()).filter(|&k| scores[k] >= TOLD).collect();
        if told.is_empty() {
            return Err(Problem::data("None of what is known of these pictures can be seen in them"));
        }
        Ok(Self {
            names: told.iter().map(|&k| attributes[k].name.clone()).collect(),
            scores: told.iter().map(|&k| scores[k]).collect(),
            places: told,
            net,
            shape,
        })
    }

    /// The attributes that can be told, each with its R² on pictures not learned from.
    pub fn told(&self) -> impl Iterator<Item = (&str, f64)> {
        self.names.iter().map(String::as_str).zip(self.scores.iter().copied())
    }

    /// Attributes of pictures in −1…1, in standard deviations. `[b, c, r, r] → [b][told]`
    pub fn tell(&self, x: Tensor<4>) -> Vec<Vec<f32>> {
        host(self.net.forward(x)).into_iter().map(|row| self.places.iter().map(|&k| row[k]).collect()).collect()
    }
}

/// A predictor that looks at a model's pictures.
pub struct Judged<'a> {
    /// Who tells.
    pub predictor: &'a Predictor,
    /// Whose pictures.
    pub model: &'a LoadedModel,
}

impl Judge for Judged<'_> {
    fn names(&self) -> &[String] {
        &self.predictor.names
    }

    fn judge(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>> {
        let shape = self.model.shape();
        if shape != self.predictor.shape {
            return Err(Problem::usage("These attributes were learned on pictures of another size"));
        }
        let [c, rows, columns] = shape.planes();
        let mut out = Vec::with_capacity(latents.len());
        for group in latents.chunks(BATCH) {
            let values: Vec<f32> = self.model.pixels(group, 1.0)?.concat();
            let data = TensorData::new(values, [group.len(), c, rows, columns]);
            out.extend(self.predictor.tell(Tensor::from_data(data, &self.model.device).clamp(-1.0, 1.0)));
        }
        Ok(out)
    }
}

fn scale(attribute: &Attribute) -> (f64, f64) {
    let known: Vec<f64> = attribute.values.iter().copied().filter(|v| v.is_finite()).collect();
    let n = known.len().max(1) as f64;
    let mean = known.iter().sum::<f64>() / n;
    let variance = known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt().max(1e-9))
}

fn r_squared(pairs: &[(f64, f64)]) -> f64 {
    let mean = pairs.iter().map(|p| p.0).sum::<f64>() / pairs.len().max(1) as f64;
    let left: f64 = pairs.iter().map(|(t, s)| (t - s).powi(2)).sum();
    let all: f64 = pairs.iter().map(|(t, _)| (t - mean).powi(2)).sum();
    if all > 0.0 { 1.0 - left / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::latent::directions::known;
    use crate::recipe::DataRecipe;

    #[test]
    fn colours_are_told_and_what_cannot_be_seen_is_left_out() {
        let cache = tempfile::tempdir().unwrap();
        let recipe = DataRecipe { source: "shapes:400".into(), resolution: 16.into(), ..DataRecipe::default() };
        let set = crate::data::prepare(&recipe, cache.path(), &Quiet::default()).unwrap();
        let places: Vec<u32> = (0..400).collect();
        let mut all = known::attributes(&set, &places, None);
        all.retain(|a| ["x", "y"].contains(&a.name.as_str()));
        all.push(Attribute { name: "weather".into(), values: (0..400).map(|i| f64::from(i * 37 % 11)).collect() });
        let device = Device::flex();
        let p = Predictor::train(&set, &places, &all, 60, &device, &Quiet::default()).unwrap();
        let told: Vec<&str> = p.told().map(|t| t.0).collect();
        assert_eq!(told, ["x", "y"]);
        let gone = Predictor::train(&set, &places, &all[2..], 3, &device, &Quiet::default());
        assert!(gone.is_err());
    }
}
