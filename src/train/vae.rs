//! Training a VAE (Kingma & Welling 2014): reconstruction plus β times the KL divergence (Higgins 2017), with free bits
//! (Kingma 2016) and, for Gaussian pixels, one learned variance (Rybkin 2021). Other bounds and charges of the recipe are
//! in `vae_loss`; a learned prior (Tomczak & Welling 2018) is trained along.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::metric_accumulator::Meter;
use super::optim::{Adam, AdamSettings, Sum};
use super::scoring::Heldout;
use super::tensors;
use super::vae_critic::Opponent;
use super::vae_loss::{CriticView, LossInputs, log_prior};
use crate::base::rng::Stream;
use crate::base::{Picture, Result};
use crate::eval::features::Extractor;
use crate::latent::prior::{Component, Mixture, Prior, Spread};
use crate::latent::space::Code;
use crate::models::{Draw, PseudoInputs, Vae};
use crate::nn::ema;
use crate::objectives::{elbo, importance};
use crate::recipe::Recipe;
use crate::recipe::vae::Bound;

/// A latent dimension is in use when its KL divergence is above this many nats.
pub const ACTIVE_NATS: f32 = 0.02;

/// The network, its optimiser, its average and the random streams.
pub struct VaeTrainer {
    pub(super) recipe: Recipe,
    pub(super) device: Device,
    pub(super) vae: Vae,
    pub(super) average: Vae,
    pub(super) adam: Adam,
    pub(super) pseudo: Option<Pseudo>,
    pub(super) opponent: Option<Opponent>,
    /// The studio's feature encoder, where reconstructions are held against what it sees.
    eyes: Option<Extractor>,
    /// Latents drawn from posteriors.
    pub(super) noise: Stream,
    /// Pixels drawn black or white.
    pub(super) pixels: Stream,
    /// Which labels are hidden.
    pub(super) labels: Stream,
    /// Latents of samples that a critic is shown.
    pub(super) samples: Stream,
    pictures: u64,
    kl_sum: Option<Tensor<1>>,
    kl_steps: u32,
    /// KL divergence of each dimension, in nats, as last read.
    pub kl: Vec<f32>,
    meter: Meter,
}

/// Pseudo-inputs of a learned prior, with their own optimiser and average.
pub(super) struct Pseudo {
    pub inputs: PseudoInputs,
    pub average: PseudoInputs,
    pub adam: Adam,
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

    /// How many pictures the data has, which densities of all codes are estimated by.
    pub fn set_pictures(&mut self, pictures: u64) {
        self.pictures = pictures;
    }

    /// Shares of classes, some of them hidden. `[n, classes]`
    fn classes(&mut self, labels: &[Option<u32>]) -> Option<Tensor<2>> {
        let count = if self.recipe.model.conditional { self.recipe.model.classes.len() } else { 0 };
        let dropout = self.recipe.objective.label_dropout as f32;
        let shown: Vec<Option<u32>> = match count {
            0 => return None,
            _ => labels.iter().map(|label| label.filter(|_| self.labels.uniform() >= dropout)).collect(),
        };
        tensors::classes(&shown, count, &self.device.clone().inner())
    }

    /// One step on `n` pictures `[n, c, h, w]` in −1…1 with their labels.
    pub fn step(&mut self, x: Tensor<4>, labels: &[Option<u32>], step: u64, images: u64, lr_factor: f64) {
        let [n, c, h, w] = x.dims();
        if images == 0
            && let Some(pseudo) = self.pseudo.take()
        {
            self.pseudo = Some(self.begun(pseudo, x.clone()));
        }
        let x = if self.recipe.objective.vae.binarise { elbo::binarised(x, &mut self.pixels) } else { x };
        let class = self.classes(labels);
        let samples = match self.recipe.objective.vae.bound {
            Bound::Elbo => 1,
            Bound::Iwae | Bound::Dreg => self.recipe.objective.vae.samples.max(1) as usize,
        };
        let dim = self.vae.latent();
        let optim = &self.recipe.optim;
        let settings = AdamSettings {
            lr: optim.lr.at(images) * lr_factor,
            beta1: optim.beta1,
            beta2: optim.beta2.at(images),
            epsilon: optim.epsilon,
            clip_norm: optim.clip_norm,
        };
        let beta = ema::beta(optim.ema_kimg.at(images) * 1000.0, optim.ema_rampup, images, n as u64);
        let (tell, critic_numbers) = self.critic_step(settings, &x, class.as_ref(), [step, images]);
        let parts = self.recipe.optim.accumulate.max(1) as usize;
        let (mut of_vae, mut of_pseudo) = (Sum::default(), Sum::default());
        let mut numbers: Vec<(&'static str, Tensor<1>)> = Vec::new();
        let mut kl: Option<Tensor<1>> = None;
        let mut from = 0;
        while from < n {
            let to = (from + n.div_ceil(parts)).min(n);
            let (m, share) = (to - from, (to - from) as f64 / n as f64);
            let scene = LossInputs {
                vae: &self.vae,
                pseudo: self.pseudo.as_ref().map(|p| &p.inputs),
                critic: self.opponent.as_ref().map(|o| CriticView {
                    frozen: o.frozen(),
                    still: o.still(),
                    tell,
                    latents: tensors::matrix(self.samples.normals(m * dim), m, dim, &self.device),
                }),
                eyes: self.eyes.as_ref(),
                objective: &self.recipe.objective,
                x: x.clone().slice([from..to, 0..c, 0..h, 0..w]),
                class: class.clone().map(|t| t.narrow(0, from, m)),
                noise: tensors::matrix(self.noise.normals(samples * m * dim), samples * m, dim, &self.device),
                images,
                pictures: self.pictures,
            };
            let loss = scene.loss();
            let mut grads = if m == n { loss.value } else { loss.value * share }.backward();
            of_vae.add(GradientsParams::from_module(&mut grads, &self.vae), &self.vae);
            if let Some(pseudo) = &self.pseudo {
                of_pseudo.add(GradientsParams::from_module(&mut grads, &pseudo.inputs), &pseudo.inputs);
            }
            let mine = loss.numbers.into_iter().map(|(name, value)| (name, value * share));
            numbers = match numbers.is_empty() {
                true => mine.collect(),
                false => numbers.into_iter().zip(mine).map(|((name, sum), (_, value))| (name, sum + value)).collect(),
            };
            let mine = loss.kl * share;
            kl = Some(match kl.take() {
                Some(sum) => sum + mine,
                None => mine,
            });
            from = to;
        }

        let (vae, norm) = self.adam.step(settings, self.vae.clone(), of_vae.finish());
        self.vae = vae;
        self.average = ema::update(self.average.clone(), &self.vae, beta);
        if let Some(pseudo) = &mut self.pseudo {
            pseudo.inputs = pseudo.adam.step(settings, pseudo.inputs.clone(), of_pseudo.finish()).0;
            pseudo.average = ema::update(pseudo.average.clone(), &pseudo.inputs, beta);
        }

        numbers.extend(critic_numbers);
        numbers.extend([("grad", norm), ("sigma", self.vae.log_sigma().inner().exp())]);
        self.meter.add(numbers);
        if let Some(kl) = kl {
            self.kl_sum = Some(match self.kl_sum.take() {
                Some(sum) => sum + kl,
                None => kl,
            });
            self.kl_steps += 1;
        }
    }

    /// The critic's part of a step, if there is one: whether the decoder is told of it, and numbers to show.
    fn critic_step(
        &mut self,
        settings: AdamSettings,
        x: &Tensor<4>,
        class: Option<&Tensor<2>>,
        when: [u64; 2],
    ) -> (bool, Vec<(&'static str, Tensor<1>)>) {
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
        let verdict = opponent.step(&self.recipe.objective, settings, pictures, class, when);
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
    pub fn prior(&self) -> Option<Prior> {
        let (mean, log_variance) = self.pseudo.as_ref()?.average.posterior(&self.average);
        let [count, dim] = mean.dims();
        let host = |t: Tensor<2>| -> Vec<f64> {
            let values: Vec<f32> = t.into_data().convert::<f32>().try_into_vec().unwrap_or_default();
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

    /// Means since the last read; `Err` names what is not finite.
    pub fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        let mut out = self.meter.read()?;
        if let Some(sum) = self.kl_sum.take() {
            let steps = std::mem::take(&mut self.kl_steps).max(1) as f32;
            let kl: Vec<f32> = sum.into_data().convert::<f32>().try_into_vec().unwrap_or_default();
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

    /// Evidence lower bound of held-out pictures, each with its class, under the averaged weights, in nats a picture; noise
    /// is always the same.
    pub fn validate(&self, heldout: &Heldout) -> Option<f64> {
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

    /// Norm of the weights.
    pub fn inspect(&self) -> Vec<(String, f64)> {
        let norm = tensors::weight_norm(&self.vae);
        if norm.is_finite() { vec![("weight".into(), norm)] } else { Vec::new() }
    }

    /// Pictures of the averaged decoder, from standard normals; with a learned prior, from its samples.
    pub fn samples(&self, codes: &[Code]) -> Vec<Picture> {
        match self.prior() {
            Some(prior) => self.decoded(&codes.iter().map(|c| c.clone().through(&prior)).collect::<Vec<_>>()),
            None => self.decoded(codes),
        }
    }

    fn decoded(&self, codes: &[Code]) -> Vec<Picture> {
        crate::latent::sample::decode(&self.average, codes, &self.device.clone().inner(), self.recipe.shape())
    }

    /// Pictures through encoder (mean) and decoder of the averaged weights, each with its class where the model learns
    /// some.
    pub fn reconstructions(&self, pictures: &[Vec<u8>], labels: &[Option<u32>]) -> Vec<Picture> {
        let (device, shape) = (self.device.clone().inner(), self.recipe.shape());
        let classes = if self.recipe.model.conditional { self.recipe.model.classes.len() } else { 0 };
        let code = |(picture, label): (&Vec<u8>, &Option<u32>)| {
            let class: Vec<f32> = (0..classes as u32).map(|c| f32::from(u8::from(*label == Some(c)))).collect();
            let mean = crate::latent::sample::encode(&self.average, picture, &class, &device, shape).0;
            Code { class, ..Code::plain(mean) }
        };
        self.decoded(&pictures.iter().zip(labels).map(code).collect::<Vec<_>>())
    }
}

fn eyes(recipe: &Recipe, device: &Device) -> Result<Option<Extractor>> {
    let vae = &recipe.objective.vae;
    (vae.perceptual > 0.0).then(|| Extractor::of_space(vae.perceptual_features, device)).transpose()
}
