//! Training a token model (van den Oord 2017): the squared error of pixels, with the gradient passed straight through the
//! quantisation, and for a codebook the commitment of the encoder to it. The codebook itself follows by moving averages.

use std::collections::HashMap;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::batch::{Numbers, parts, rows};
use super::heldout::Heldout;
use super::metric_accumulator::Meter;
use super::optim::{Adam, AdamSettings, StepAt, Sum};
use super::state::{StateReader, StateWriter};
use super::tensors;
use super::trainable::Trainable;
use crate::base::rng::Stream;
use crate::base::{Picture, Result};
use crate::latent::space::Code;
use crate::models::io::{Fit, Weights};
use crate::models::{TokenVae, host_ids};
use crate::nn::{ema, numbers};
use crate::recipe::Recipe;

/// The network, its optimiser, its average and the random stream.
pub struct TokenTrainer {
    recipe: Recipe,
    device: Device,
    net: TokenVae,
    average: TokenVae,
    adam: Adam,
    /// What dead codes begin anew at.
    restarts: Stream,
    /// Whether the codebook has yet to begin at what the encoder says.
    fresh: bool,
    /// How often each token was taken since the numbers were read.
    taken: Vec<u64>,
    meter: Meter,
}

impl TokenTrainer {
    /// A fresh network.
    ///
    /// # Errors
    /// The recipe names no token model.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let net = TokenVae::init(recipe, &device)?;
        Ok(Self {
            average: ema::shadow(&net),
            recipe: recipe.clone(),
            taken: vec![0; net.codes()],
            net,
            adam: Adam::new(),
            restarts: Stream::new(recipe.seed, "codes"),
            device,
            fresh: true,
            meter: Meter::default(),
        })
    }

    /// Mean squared error of pixels in −1…1 and the tokens of held-out pictures, under the averaged weights.
    fn measure(&self, heldout: &Heldout) -> Option<(f64, Vec<u64>)> {
        let device = self.device.clone().inner();
        let (mut total, mut seen, mut taken) = (0.0, 0, vec![0u64; self.average.codes()]);
        while seen < heldout.len() {
            let n = 32.min(heldout.len() - seen);
            let (x, _) = heldout.shown(seen..seen + n, &self.recipe, &device);
            let quantised = self.average.quantise(self.average.encode(x.clone()));
            let y = self.average.decode(quantised.exact).clamp(-1.0, 1.0);
            total += f64::from((x - y).square().mean().into_scalar::<f32>()) * n as f64;
            host_ids(quantised.ids).into_iter().for_each(|id| taken[id as usize] += 1);
            seen += n;
        }
        let error = total / seen.max(1) as f64;
        (seen > 0 && error.is_finite()).then_some((error, taken))
    }
}

/// How many equally likely tokens would be as hard to guess: the exponential of their entropy.
pub fn perplexity(taken: &[u64]) -> f64 {
    let total = taken.iter().sum::<u64>().max(1) as f64;
    let shares = taken.iter().filter(|n| **n > 0).map(|n| *n as f64 / total);
    shares.map(|p| -p * p.ln()).sum::<f64>().exp()
}

/// `[b, d, h, w]` as rows of vectors on the host.
fn vectors(z: Tensor<4>) -> Vec<f32> {
    numbers(z.without_autodiff().permute([0, 2, 3, 1]))
}

impl Trainable for TokenTrainer {
    fn step(&mut self, x: Tensor<4>, _: &[Option<u32>], at: StepAt) {
        let n = x.dims()[0];
        if std::mem::take(&mut self.fresh)
            && at.images == 0
            && let Some(book) = self.net.codebook.take()
        {
            // Until then the encoder speaks of nothing that a code could be near to.
            self.net.codebook = Some(book.clone());
            let said = vectors(self.net.encode(x.clone()));
            self.net.codebook = Some(book.begun_with(&said, &mut self.restarts));
        }
        let settings = AdamSettings::at(&self.recipe.optim, at);
        let commitment = self.recipe.model.tokens.commitment;
        let mut gradients = Sum::default();
        let mut shown: HashMap<&'static str, Tensor<1>> = HashMap::new();
        let (mut said, mut ids) = (Vec::new(), Vec::new());
        for range in &parts(n, self.recipe.optim.accumulate) {
            let share = range.len() as f64 / n as f64;
            let x = rows(&x, range);
            let z = self.net.encode(x.clone());
            let quantised = self.net.quantise(z.clone());
            let error = (self.net.decode(quantised.through) - x).square().mean();
            let mut loss = error.clone();
            let mut named: Numbers = vec![("mse", error.inner())];
            if self.net.codebook.is_some() {
                let commit = (z.clone() - quantised.exact).square().mean();
                loss = loss + commit.clone() * commitment;
                named.push(("commitment", commit.inner()));
                said.extend(vectors(z));
            }
            named.push(("loss", loss.clone().inner()));
            ids.extend(host_ids(quantised.ids));
            for (name, value) in named {
                let value = value * share;
                let sum = match shown.remove(name) {
                    Some(sum) => sum + value,
                    None => value,
                };
                shown.insert(name, sum);
            }
            gradients.add(GradientsParams::from_grads((loss * share).backward(), &self.net), &self.net);
        }
        ids.iter().for_each(|id| self.taken[*id as usize] += 1);
        let (mut net, norm) = self.adam.step(settings, self.net.clone(), gradients.finish());
        net.codebook = net.codebook.map(|book| book.followed(&said, &ids, &mut self.restarts));
        self.net = net;
        let optim = &self.recipe.optim;
        let beta = ema::beta(optim.ema_kimg.at(at.images) * 1000.0, optim.ema_rampup, at.images, n as u64);
        self.average = ema::update(self.average.clone(), &self.net, beta);
        let mut told: Numbers =
            ["loss", "mse", "commitment"].into_iter().filter_map(|name| Some((name, shown.remove(name)?))).collect();
        told.push(("grad", norm));
        self.meter.add(told);
    }

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn set_recipe(&mut self, recipe: &Recipe) {
        self.recipe = recipe.clone();
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        let mut out = self.meter.read()?;
        if !out.is_empty() {
            out.push(("perplexity".into(), perplexity(&self.taken)));
            out.push(("codes_in_use".into(), self.taken.iter().filter(|n| **n > 0).count() as f64));
            self.taken.fill(0);
        }
        Ok(out)
    }

    fn inspect(&self, heldout: &Heldout) -> Vec<(String, f64)> {
        let norm = tensors::weight_norm(&self.net);
        let mut out = if norm.is_finite() { vec![("weight".into(), norm)] } else { Vec::new() };
        if let Some((error, taken)) = self.measure(heldout) {
            out.extend([("mse_heldout".into(), error), ("perplexity_heldout".into(), perplexity(&taken))]);
        }
        out
    }

    /// The error of held-out pictures.
    fn judge(&self, heldout: &Heldout) -> Option<(&'static str, f64)> {
        self.measure(heldout).map(|(error, _)| ("mse_heldout", error))
    }

    /// None: a token model draws nothing by itself.
    fn samples(&self, _: &[Code]) -> Vec<Picture> {
        Vec::new()
    }

    fn reconstructs(&self) -> bool {
        true
    }

    fn reconstructions(&self, pictures: &[Vec<u8>], _: &[Option<u32>]) -> Vec<Picture> {
        let (device, shape) = (self.device.clone().inner(), self.recipe.shape());
        let back = |picture: &Vec<u8>| {
            let code = crate::latent::sample::tokenise(&self.average, picture, &device, shape);
            crate::latent::sample::detokenise(&self.average, &[Code::plain(code)], &device, shape)
        };
        pictures.iter().flat_map(back).collect()
    }

    fn snapshot(&self) -> Weights {
        Weights::of(&self.average)
    }

    fn keep(&self, out: &mut StateWriter) {
        out.module("tokens", &self.net);
        out.module("average", &self.average);
        out.adam("adam", &self.adam);
        out.stream("codes", &self.restarts);
    }

    fn restore(&mut self, kept: &StateReader<'_>) -> Result<()> {
        self.net = kept.module("tokens", &self.net)?;
        self.average = kept.module("average", &self.average)?;
        self.adam = kept.adam("adam", &self.net, &self.device)?;
        self.restarts = kept.stream("codes")?;
        Ok(())
    }

    fn begin_from(&mut self, _: Option<&Weights>, snapshot: &Weights) -> Fit {
        let (net, fit) = snapshot.load_fitting(self.net.clone());
        self.fresh = !fit.loaded.iter().any(|name| name.starts_with("codebook."));
        self.net = net;
        self.average = ema::shadow(&self.net);
        fit
    }

    fn move_streams(&mut self, attempt: u32) {
        self.restarts = Stream::new(self.recipe.seed, &format!("codes/{attempt}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_is_the_number_of_equally_likely_tokens() {
        assert!((perplexity(&[5, 5, 5, 5, 0]) - 4.0).abs() < 1e-9);
        assert!((perplexity(&[9, 0]) - 1.0).abs() < 1e-9);
        let uneven = perplexity(&[3, 1]);
        assert!((uneven - (-(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln())).exp()).abs() < 1e-9);
    }
}
