//! Training a VAE (Kingma & Welling 2014): reconstruction plus β times the KL divergence (Higgins 2017), with free bits
//! (Kingma 2016) and, for Gaussian pixels, one learned variance (Rybkin 2021). Other bounds and charges of the recipe are
//! in `vae_loss`; a learned prior (Tomczak & Welling 2018) is trained along.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::averages::Averages;
use super::batch::{Numbers, classes, parts, rows};
use super::heldout::Heldout;
use super::metric_accumulator::Meter;
use super::optim::{Adam, AdamSettings, StepAt, Sum};
use super::state::{StateReader, StateWriter};
use super::tensors;
use super::trainable::Trainable;
use super::vae_critic::Opponent;
use super::vae_loss::{CriticView, Loss, LossInputs, log_prior};
use crate::base::rng::Stream;
use crate::base::{Picture, Result};
use crate::eval::features::Extractor;
use crate::latent::prior::{Component, Mixture, Prior, Spread};
use crate::latent::space::Code;
use crate::models::info::PriorInfo;
use crate::models::io::{Fit, Weights};
use crate::models::{Draw, PseudoInputs, Vae};
use crate::nn::ema;
use crate::objectives::{elbo, importance};
use crate::recipe::Recipe;
use crate::recipe::vae::Bound;

/// A latent dimension is in use when its KL divergence is above this many nats.
pub const ACTIVE_NATS: f32 = 0.02;

/// The network, its optimiser, its average and the random streams.
pub struct VaeTrainer {
    recipe: Recipe,
    device: Device,
    vae: Vae,
    average: Vae,
    /// Averages that others are made of afterwards.
    averages: Option<Averages<Vae>>,
    adam: Adam,
    pseudo: Option<Pseudo>,
    opponent: Option<Opponent>,
    /// The studio's feature encoder, where reconstructions are held against what it sees.
    eyes: Option<Extractor>,
    /// Latents drawn from posteriors.
    noise: Stream,
    /// Pixels drawn black or white.
    pixels: Stream,
    /// Which labels are hidden.
    labels: Stream,
    /// Latents of samples that a critic is shown.
    samples: Stream,
    pictures: u64,
    kl_sum: Option<Tensor<1>>,
    kl_steps: u32,
    /// KL divergence of each dimension, in nats, as last read.
    kl: Vec<f32>,
    meter: Meter,
}

/// Pseudo-inputs of a learned prior, with their own optimiser and average.
struct Pseudo {
    inputs: PseudoInputs,
    average: PseudoInputs,
    adam: Adam,
}

impl VaeTrainer {
    /// A fresh network.
    ///
    /// # Errors
    /// The recipe names no VAE.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let vae = Vae::init(recipe, &device)?;
        let pseudo = PseudoInputs::new(recipe, &device);
        Ok(Self {
            average: ema::shadow(&vae),
            averages: (recipe.run.averages > 0).then(|| Averages::new(&vae)),
            recipe: recipe.clone(),
            vae,
            adam: Adam::new(),
            pseudo: pseudo.map(|inputs| Pseudo { average: ema::shadow(&inputs), inputs, adam: Adam::new() }),
            noise: Stream::new(recipe.seed, "posterior"),
            pixels: Stream::new(recipe.seed, "pixels"),
            labels: Stream::new(recipe.seed, "labels"),
            samples: Stream::new(recipe.seed, "samples"),
            opponent: Opponent::new(recipe, &device)?,
            eyes: eyes(recipe, &device)?,
            device,
            pictures: 0,
            kl_sum: None,
            kl_steps: 0,
            kl: Vec::new(),
            meter: Meter::default(),
        })
    }

    /// The critic's part of a step, if there is one: whether the decoder is told of it, and numbers to show.
    fn critic_step(
        &mut self,
        settings: AdamSettings,
        x: &Tensor<4>,
        class: Option<&Tensor<2>>,
        at: StepAt,
    ) -> (bool, Numbers) {
        let Some(opponent) = &mut self.opponent else { return (false, Vec::new()) };
        let (n, dim) = (x.dims()[0], self.vae.latent());
        let device = self.device.clone().inner();
        let mut normals = || tensors::matrix(self.samples.normals(n * dim), n, dim, &device);
        let (vae, real) = (self.vae.valid(), x.clone().inner());
        let (_, decoded) = vae.forward(real.clone(), &Draw::Noise(normals()), class);
        let sample = vae.decode(normals(), class);
        let pictures = [real, vae.to_picture(decoded), vae.to_picture(sample)];
        // A critic that remembers where it came from turns in circles: no momentum.
        let settings = AdamSettings { beta1: 0.0, beta2: 0.99, ..settings };
        let verdict = opponent.step(&self.recipe.objective, settings, pictures, class, at);
        (verdict.tell, verdict.numbers)
    }

    /// Pseudo-inputs begin as the first pictures seen.
    fn begun(&self, pseudo: Pseudo, x: Tensor<4>) -> Pseudo {
        let shape = pseudo.inputs.pictures.dims();
        let noise = Stream::new(self.recipe.seed, "pseudo-inputs").normals(shape.iter().product());
        let noise = Tensor::from_data(burn::tensor::TensorData::new(noise, shape), &self.device);
        let inputs = pseudo.inputs.begun_with(x, noise);
        Pseudo { average: ema::shadow(&inputs), inputs, adam: pseudo.adam }
    }

    /// The prior that was learned along, under the averaged weights.
    fn prior(&self) -> Option<Prior> {
        let (mean, log_variance) = self.pseudo.as_ref()?.average.posterior(&self.average);
        let [count, dim] = mean.dims();
        let host = |t: Tensor<2>| -> Vec<f64> {
            let values = crate::nn::numbers(t);
            values.into_iter().map(f64::from).collect()
        };
        let (mean, deviation) = (host(mean), host((log_variance * 0.5).exp()));
        let parts = mean.chunks_exact(dim).zip(deviation.chunks_exact(dim));
        let components = parts.map(|(mean, deviation)| Component {
            weight: 1.0 / count as f64,
            mean: mean.to_vec(),
            spread: Spread::Diagonal(deviation.to_vec()),
        });
        Some(Prior::Mixture(Mixture { components: components.collect() }))
    }

    fn decoded(&self, codes: &[Code]) -> Vec<Picture> {
        crate::latent::sample::decode(&self.average, codes, &self.device.clone().inner(), self.recipe.shape())
    }

    /// The loss of a part of a batch.
    fn loss(&mut self, x: Tensor<4>, class: Option<Tensor<2>>, tell: bool, images: u64) -> Loss {
        let objective = &self.recipe.objective;
        let samples = match objective.vae.bound {
            Bound::Elbo => 1,
            Bound::Iwae | Bound::Dreg => objective.vae.samples.max(1) as usize,
        };
        let (m, dim) = (x.dims()[0], self.vae.latent());
        let normals = |stream: &mut Stream, n: usize| tensors::matrix(stream.normals(n * dim), n, dim, &self.device);
        let critic = self.opponent.as_ref().map(|o| CriticView {
            frozen: o.frozen(),
            still: o.still(),
            tell,
            latents: normals(&mut self.samples, m),
        });
        let inputs = LossInputs {
            vae: &self.vae,
            pseudo: self.pseudo.as_ref().map(|p| &p.inputs),
            critic,
            eyes: self.eyes.as_ref(),
            objective,
            x,
            class,
            noise: normals(&mut self.noise, samples * m),
            images,
            pictures: self.pictures,
        };
        inputs.loss()
    }
}

impl Trainable for VaeTrainer {
    /// One step of the critic, if there is one, then one of encoder and decoder.
    fn step(&mut self, x: Tensor<4>, labels: &[Option<u32>], at: StepAt) {
        let n = x.dims()[0];
        if at.images == 0
            && let Some(pseudo) = self.pseudo.take()
        {
            self.pseudo = Some(self.begun(pseudo, x.clone()));
        }
        let x = if self.recipe.objective.vae.binarise { elbo::binarised(x, &mut self.pixels) } else { x };
        let class = classes(&self.recipe, labels, &mut self.labels, &self.device.clone().inner());
        let settings = AdamSettings::at(&self.recipe.optim, at);
        let (tell, critic_numbers) = self.critic_step(settings, &x, class.as_ref(), at);

        let (mut of_vae, mut of_pseudo) = (Sum::default(), Sum::default());
        let mut numbers = Numbers::new();
        let mut kl: Option<Tensor<1>> = None;
        for range in &parts(n, self.recipe.optim.accumulate) {
            let share = range.len() as f64 / n as f64;
            let loss = self.loss(rows(&x, range), class.as_ref().map(|c| rows(c, range)), tell, at.images);
            let mut grads = if share == 1.0 { loss.value } else { loss.value * share }.backward();
            of_vae.add(GradientsParams::from_module(&mut grads, &self.vae), &self.vae);
            if let Some(pseudo) = &self.pseudo {
                of_pseudo.add(GradientsParams::from_module(&mut grads, &pseudo.inputs), &pseudo.inputs);
            }
            let mine = loss.numbers.into_iter().map(|(name, value)| (name, value * share));
            numbers = match numbers.is_empty() {
                true => mine.collect(),
                false => numbers.into_iter().zip(mine).map(|((name, sum), (_, value))| (name, sum + value)).collect(),
            };
            kl = sum(kl, loss.kl * share);
        }

        let optim = &self.recipe.optim;
        let beta = ema::beta(optim.ema_kimg.at(at.images) * 1000.0, optim.ema_rampup, at.images, n as u64);
        let (vae, norm) = self.adam.step(settings, self.vae.clone(), of_vae.finish());
        self.vae = vae;
        self.average = ema::update(self.average.clone(), &self.vae, beta);
        if let Some(averages) = &mut self.averages {
            averages.follow(&self.vae, at.images + n as u64, n as u64);
        }
        if let Some(pseudo) = &mut self.pseudo {
            pseudo.inputs = pseudo.adam.step(settings, pseudo.inputs.clone(), of_pseudo.finish()).0;
            pseudo.average = ema::update(pseudo.average.clone(), &pseudo.inputs, beta);
        }

        numbers.extend(critic_numbers);
        numbers.extend([("grad", norm), ("sigma", self.vae.log_sigma().inner().exp())]);
        self.meter.add(numbers);
        if let Some(kl) = kl {
            self.kl_sum = sum(self.kl_sum.take(), kl);
            self.kl_steps += 1;
        }
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

    /// By which densities of all codes are estimated.
    fn set_pictures(&mut self, pictures: u64) {
        self.pictures = pictures;
    }

    fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        let mut out = self.meter.read()?;
        if let Some(sum) = self.kl_sum.take() {
            let steps = std::mem::take(&mut self.kl_steps).max(1) as f32;
            let kl = crate::nn::numbers(sum);
            self.kl = kl.into_iter().map(|v| v / steps).collect();
            out.push(("active_units".into(), self.kl.iter().filter(|&&v| v > ACTIVE_NATS).count() as f64));
            let layout = self.vae.layout();
            if layout.len() > 1 {
                let mut rest = self.kl.as_slice();
                for (level, n) in layout.into_iter().enumerate() {
                    let (mine, others) = rest.split_at(n.min(rest.len()));
                    out.push((format!("kl_level_{}", level + 1), mine.iter().map(|v| f64::from(*v)).sum()));
                    rest = others;
                }
            }
        }
        Ok(out)
    }

    /// The evidence lower bound of each with its class, under the averaged weights; noise is always the same.
    fn validate(&self, heldout: &Heldout) -> Option<f64> {
        let count = heldout.len();
        if count == 0 {
            return None;
        }
        let device = self.device.clone().inner();
        let mut noise = Stream::new(self.recipe.seed, "validation");
        let mut pixels = Stream::new(self.recipe.seed, "validation pixels");
        let pseudo = self.pseudo.as_ref().map(|p| p.average.posterior(&self.average));
        let dim = self.average.latent();
        let (mut total, mut seen, chunk) = (0.0f64, 0, 32);
        while seen < count {
            let n = chunk.min(count - seen);
            let (x, class) = heldout.shown(seen..seen + n, &self.recipe, &device);
            let x = if self.recipe.objective.vae.binarise { elbo::binarised(x, &mut pixels) } else { x };
            let draw = Draw::Noise(tensors::matrix(noise.normals(n * dim), n, dim, &device));
            let (posterior, decoded) = self.average.forward(x.clone(), &draw, class.as_ref());
            let rec = elbo::reconstruction(
                self.recipe.objective.likelihood,
                decoded,
                (x + 1.0) * 0.5,
                self.average.log_sigma(),
            );
            let kl = match &pseudo {
                None => elbo::kl_per_dim(posterior.mean, posterior.log_variance).mean_dim(0).sum(),
                Some(_) => {
                    let log_p = log_prior(pseudo.clone(), posterior.z.clone());
                    (importance::log_density(posterior.z, posterior.mean, posterior.log_variance) - log_p).mean()
                }
            };
            total -= f64::from((rec + kl).into_scalar::<f32>()) * n as f64;
            seen += n;
        }
        let value = total / count as f64;
        value.is_finite().then_some(value)
    }

    fn inspect(&self, heldout: &Heldout) -> Vec<(String, f64)> {
        let norm = tensors::weight_norm(&self.vae);
        let mut out = if norm.is_finite() { vec![("weight".into(), norm)] } else { Vec::new() };
        out.extend(self.validate(heldout).map(|elbo| ("valid_elbo".into(), elbo)));
        out
    }

    /// From standard normals; with a learned prior, from its samples.
    fn samples(&self, codes: &[Code]) -> Vec<Picture> {
        match self.prior() {
            Some(prior) => self.decoded(&codes.iter().map(|c| c.clone().through(&prior)).collect::<Vec<_>>()),
            None => self.decoded(codes),
        }
    }

    fn reconstructs(&self) -> bool {
        true
    }

    /// Through the mean of the posterior, under the averaged weights, each with its class where the model learns some.
    fn reconstructions(&self, pictures: &[Vec<u8>], labels: &[Option<u32>]) -> Vec<Picture> {
        let (device, shape) = (self.device.clone().inner(), self.recipe.shape());
        let classes = if self.recipe.model.conditional { self.recipe.model.classes.len() } else { 0 };
        let code = |(picture, label): (&Vec<u8>, &Option<u32>)| {
            let class: Vec<f32> = (0..classes as u32).map(|c| f32::from(u8::from(*label == Some(c)))).collect();
            let mean = crate::latent::sample::encode(&self.average, picture, &class, &device, shape).0;
            Code { class, ..Code::plain(mean) }
        };
        self.decoded(&pictures.iter().zip(labels).map(code).collect::<Vec<_>>())
    }

    fn kl(&self) -> Vec<f32> {
        self.kl.clone()
    }

    fn prior_info(&self) -> Option<PriorInfo> {
        let prior = self.prior()?;
        Some(PriorInfo {
            kind: "vamp".into(),
            components: self.recipe.objective.vae.pseudo_inputs,
            covariance: "diagonal".into(),
            codes: 0,
            data: self.recipe.data.source.clone(),
            log_likelihood: None,
            standard: None,
            hash: prior.hash(),
            on: true,
        })
    }

    fn snapshot(&self) -> Weights {
        let mut weights = Weights::of(&self.average);
        if let Some(prior) = self.prior() {
            prior.put(&mut weights);
        }
        weights
    }

    fn power_averages(&self) -> Option<[Weights; 2]> {
        self.averages.as_ref()?.snapshot()
    }

    fn keep(&self, out: &mut StateWriter) {
        out.module("vae", &self.vae);
        out.module("average", &self.average);
        out.adam("adam", &self.adam);
        if let Some(averages) = &self.averages {
            averages.keep(out);
        }
        if let Some(pseudo) = &self.pseudo {
            out.module("pseudo", &pseudo.inputs);
            out.module("pseudo_average", &pseudo.average);
            out.adam("adam_pseudo", &pseudo.adam);
        }
        if let Some(opponent) = &self.opponent {
            out.module("critic", &opponent.critic);
            out.adam("adam_d", &opponent.adam);
        }
        out.stream("posterior", &self.noise);
        out.stream("pixels", &self.pixels);
        out.stream("labels", &self.labels);
        out.stream("samples", &self.samples);
    }

    fn restore(&mut self, kept: &StateReader<'_>) -> Result<()> {
        self.vae = kept.module("vae", &self.vae)?;
        self.average = kept.module("average", &self.average)?;
        self.adam = kept.adam("adam", &self.vae, &self.device)?;
        if let Some(averages) = &mut self.averages {
            averages.restore(kept, &self.vae)?;
        }
        self.noise = kept.stream("posterior")?;
        kept.later_stream("pixels", &mut self.pixels);
        kept.later_stream("labels", &mut self.labels);
        kept.later_stream("samples", &mut self.samples);
        if let Some(pseudo) = &mut self.pseudo {
            pseudo.inputs = kept.module("pseudo", &pseudo.inputs)?;
            pseudo.average = kept.module("pseudo_average", &pseudo.average)?;
            pseudo.adam = kept.adam("adam_pseudo", &pseudo.inputs, &self.device)?;
        }
        if let Some(opponent) = &mut self.opponent {
            opponent.critic = kept.module("critic", &opponent.critic)?;
            opponent.adam = kept.adam("adam_d", &opponent.critic, &self.device)?;
        }
        Ok(())
    }

    fn begin_from(&mut self, _: Option<&Weights>, snapshot: &Weights) -> Fit {
        let (vae, fit) = snapshot.load_fitting(self.vae.clone());
        self.vae = vae;
        self.average = ema::shadow(&self.vae);
        self.averages = self.averages.is_some().then(|| Averages::new(&self.vae));
        fit
    }

    fn move_streams(&mut self, attempt: u32) {
        let fresh = |name: &str| Stream::new(self.recipe.seed, &format!("{name}/{attempt}"));
        (self.noise, self.pixels) = (fresh("posterior"), fresh("pixels"));
        (self.labels, self.samples) = (fresh("labels"), fresh("samples"));
    }
}

fn sum(so_far: Option<Tensor<1>>, more: Tensor<1>) -> Option<Tensor<1>> {
    Some(match so_far {
        Some(sum) => sum + more,
        None => more,
    })
}

fn eyes(recipe: &Recipe, device: &Device) -> Result<Option<Extractor>> {
    let vae = &recipe.objective.vae;
    (vae.perceptual > 0.0).then(|| Extractor::of_space(vae.perceptual_features, device)).transpose()
}
