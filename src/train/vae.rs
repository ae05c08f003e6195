//! Training a VAE (Kingma & Welling 2014): reconstruction plus β times the KL divergence (Higgins 2017), with free bits
//! (Kingma 2016) and, for Gaussian pixels, one learned variance (Rybkin 2021).

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::meter::Meter;
use super::optim::{Adam, AdamSettings};
use super::tensors;
use crate::base::rng::Stream;
use crate::base::{Picture, Result};
use crate::latent::space::Code;
use crate::models::Vae;
use crate::nn::ema;
use crate::objectives::elbo;
use crate::recipe::Recipe;

/// A latent dimension is in use when its KL divergence is above this many nats.
pub const ACTIVE_NATS: f32 = 0.02;

/// The network, its optimiser, its average and the random stream.
pub struct VaeTrainer {
    pub(super) recipe: Recipe,
    pub(super) device: Device,
    pub(super) vae: Vae,
    pub(super) average: Vae,
    pub(super) adam: Adam,
    pub(super) noise: Stream,
    kl_sum: Option<Tensor<1>>,
    kl_steps: u32,
    /// KL divergence of each dimension, in nats, as last read.
    pub kl: Vec<f32>,
    meter: Meter,
}

impl VaeTrainer {
    /// A fresh network.
    ///
    /// # Errors
    /// The recipe names no VAE.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let vae = Vae::init(recipe, &device)?;
        Ok(Self {
            average: ema::shadow(&vae),
            recipe: recipe.clone(),
            vae,
            device,
            adam: Adam::new(),
            noise: Stream::new(recipe.seed, "posterior"),
            kl_sum: None,
            kl_steps: 0,
            kl: Vec::new(),
            meter: Meter::default(),
        })
    }

    /// One step on `n` pictures `[n, c, h, w]` in −1…1.
    pub fn step(&mut self, x: Tensor<4>, _step: u64, images: u64, lr_factor: f64) {
        let objective = &self.recipe.objective;
        let n = x.dims()[0];
        let (mean, log_variance) = self.vae.encode(x.clone());
        let dim = mean.dims()[1];
        let noise = tensors::matrix(self.noise.normals(n * dim), n, dim, &self.device);
        let z = elbo::reparameterise(mean.clone(), log_variance.clone(), noise);
        let decoded = self.vae.decode(z);
        let log_sigma = self.vae.log_sigma();
        let target = (x + 1.0) * 0.5;
        let reconstruction = elbo::reconstruction(objective.likelihood, decoded, target, log_sigma.clone());
        let kl = elbo::kl_per_dim(mean, log_variance).mean_dim(0).squeeze_dim::<1>(0);
        let paid = elbo::free_bits(kl.clone(), objective.free_bits).sum();
        let loss = reconstruction.clone() + paid.mul_scalar(objective.beta.at(images));

        let kl = kl.inner();
        let value = loss.clone().inner();
        let reconstruction = reconstruction.inner();
        let settings = AdamSettings {
            lr: self.recipe.optim.lr.at(images) * lr_factor,
            beta1: self.recipe.optim.beta1,
            beta2: self.recipe.optim.beta2.at(images),
            epsilon: self.recipe.optim.epsilon,
            clip_norm: self.recipe.optim.clip_norm,
        };
        let grads = GradientsParams::from_grads(loss.backward(), &self.vae);
        let (vae, norm) = self.adam.step(settings, self.vae.clone(), grads);
        self.vae = vae;
        let beta =
            ema::beta(self.recipe.optim.ema_kimg.at(images) * 1000.0, self.recipe.optim.ema_rampup, images, n as u64);
        self.average = ema::update(self.average.clone(), &self.vae, beta);

        let total = kl.clone().sum();
        self.meter.add(vec![
            ("loss", value),
            ("reconstruction", reconstruction.clone()),
            ("kl", total.clone()),
            ("elbo", (reconstruction + total).neg()),
            ("grad", norm),
            ("sigma", log_sigma.inner().exp()),
        ]);
        self.kl_sum = Some(match self.kl_sum.take() {
            Some(sum) => sum + kl,
            None => kl,
        });
        self.kl_steps += 1;
    }

    /// Means since the last read; `Err` names what is not finite.
    pub fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        let mut out = self.meter.read()?;
        if let Some(sum) = self.kl_sum.take() {
            let steps = std::mem::take(&mut self.kl_steps).max(1) as f32;
            let kl: Vec<f32> = sum.into_data().convert::<f32>().try_to_vec().unwrap_or_default();
            self.kl = kl.into_iter().map(|v| v / steps).collect();
            out.push(("active_units".into(), self.kl.iter().filter(|&&v| v > ACTIVE_NATS).count() as f64));
        }
        Ok(out)
    }

    /// Evidence lower bound of held-out pictures under the averaged weights, in nats a picture; noise is always the same.
    pub fn validate(&self, pictures: &[u8], count: usize) -> Option<f64> {
        if count == 0 {
            return None;
        }
        let device = self.device.clone().inner();
        let shape = self.recipe.shape();
        let mut noise = Stream::new(self.recipe.seed, "validation");
        let (mut total, mut seen, chunk) = (0.0f64, 0, 32);
        while seen < count {
            let n = chunk.min(count - seen);
            let x = tensors::pictures(&pictures[seen * shape.bytes()..(seen + n) * shape.bytes()], n, shape, &device);
            let (mean, log_variance) = self.average.encode(x.clone());
            let dim = mean.dims()[1];
            let e = tensors::matrix(noise.normals(n * dim), n, dim, &device);
            let decoded = self.average.decode(elbo::reparameterise(mean.clone(), log_variance.clone(), e));
            let rec = elbo::reconstruction(
                self.recipe.objective.likelihood,
                decoded,
                (x + 1.0) * 0.5,
                self.average.log_sigma(),
            );
            let kl = elbo::kl_per_dim(mean, log_variance).mean_dim(0).sum();
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

    /// Pictures of the averaged decoder.
    pub fn samples(&self, codes: &[Code]) -> Vec<Picture> {
        crate::latent::sample::decode(&self.average, codes, &self.device.clone().inner(), self.recipe.shape())
    }

    /// Pictures through encoder (mean) and decoder of the averaged weights.
    pub fn reconstructions(&self, pictures: &[Vec<u8>]) -> Vec<Picture> {
        let device = self.device.clone().inner();
        let codes: Vec<Code> = pictures
            .iter()
            .map(|p| Code::plain(crate::latent::sample::encode(&self.average, p, &device, self.recipe.shape()).0))
            .collect();
        self.samples(&codes)
    }
}
