//! Training a GAN: critic and generator in turn (Goodfellow 2014), with the relativistic pairing loss and zero-centred
//! penalties of R3GAN (Huang 2025, arXiv 2501.05441) where the recipe asks for them.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::meter::Meter;
use super::optim::{Adam, AdamSettings};
use super::tensors;
use crate::base::rng::Stream;
use crate::base::{Picture, Result};
use crate::models::{Critic, Generator};
use crate::nn::diff_augment::{AugmentPlan, apply};
use crate::nn::ema;
use crate::objectives::{adversarial, penalty};
use crate::recipe::Recipe;

/// Both networks, their optimisers, the averaged generator and the random streams.
pub struct GanTrainer {
    pub(super) recipe: Recipe,
    pub(super) device: Device,
    pub(super) generator: Generator,
    pub(super) critic: Critic,
    pub(super) average: Generator,
    pub(super) adam_g: Adam,
    pub(super) adam_d: Adam,
    pub(super) latents: Stream,
    pub(super) augment: Stream,
    last_penalty: Option<Tensor<1>>,
    meter: Meter,
}

impl GanTrainer {
    /// Fresh networks.
    ///
    /// # Errors
    /// The recipe names no GAN.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let generator = Generator::init(recipe, &device)?;
        let critic = Critic::init(recipe, &device)?;
        Ok(Self {
            average: ema::shadow(&generator),
            recipe: recipe.clone(),
            generator,
            critic,
            device,
            adam_g: Adam::new(),
            adam_d: Adam::new(),
            latents: Stream::new(recipe.seed, "latents"),
            augment: Stream::new(recipe.seed, "augment"),
            last_penalty: None,
            meter: Meter::default(),
        })
    }

    fn noise(&mut self, n: usize) -> Tensor<2> {
        let dim = self.generator.latent();
        tensors::matrix(self.latents.normals(n * dim), n, dim, &self.device)
    }

    fn augmented(&mut self, x: Tensor<4>, p: f64) -> Tensor<4> {
        if p <= 0.0 {
            return x;
        }
        let [n, _, side, _] = x.dims();
        let plan = AugmentPlan::draw(&mut self.augment, n, side, p as f32, &self.recipe.objective);
        apply(x, &plan)
    }

    /// One step of the critic, then one of the generator, on `n` real pictures `[n, c, h, w]` in −1…1.
    pub fn step(&mut self, real: Tensor<4>, step: u64, images: u64, lr_factor: f64) {
        let objective = self.recipe.objective.clone();
        let n = real.dims()[0];
        let p = objective.augment.at(images);
        let settings = AdamSettings {
            lr: self.recipe.optim.lr.at(images) * lr_factor,
            beta1: self.recipe.optim.beta1,
            beta2: self.recipe.optim.beta2.at(images),
            epsilon: self.recipe.optim.epsilon,
            clip_norm: self.recipe.optim.clip_norm,
        };

        // Critic. `no_grad` keeps batch norm in training and records no tape for the generator.
        let z = self.noise(n);
        let fake = self.generator.clone().no_grad().forward(z).without_autodiff();
        let real_d = self.augmented(real.clone(), p);
        let fake_d = self.augmented(fake, p);
        let (d_real, d_fake) = self.judge(&self.critic, real_d.clone(), fake_d.clone());
        let mut loss_d = adversarial::critic_loss(objective.adversarial, d_real.clone(), d_fake.clone());
        let value_d = loss_d.clone().inner();
        let interval = u64::from(objective.penalty_interval.max(1));
        if (objective.r1 || objective.r2) && self.critic.takes_penalty() && step.is_multiple_of(interval) {
            let gamma = objective.gamma.at(images);
            // Both penalties in one pass over twice the pictures: a mean over 2n of 2γ is the sum of two means of γ.
            let (value, surrogate) = match (objective.r1, objective.r2) {
                (true, true) => penalty::zero_centred(&self.critic, Tensor::cat(vec![real_d, fake_d], 0), 2.0 * gamma),
                (true, false) => penalty::zero_centred(&self.critic, real_d, gamma),
                _ => penalty::zero_centred(&self.critic, fake_d, gamma),
            };
            loss_d = loss_d + surrogate.mul_scalar(interval as f64);
            self.last_penalty = Some(value.inner());
        }
        let grads = GradientsParams::from_grads(loss_d.backward(), &self.critic);
        let (critic, norm_d) = self.adam_d.step(settings, self.critic.clone(), grads);
        self.critic = critic;

        // Generator: gradients flow through the critic to the pictures, not into its weights.
        let z = self.noise(n);
        let fake = self.generator.forward(z);
        let real_g = self.augmented(real, p);
        let fake_g = self.augmented(fake, p);
        let frozen = self.critic.clone().no_grad();
        let (g_real, g_fake) = if !frozen.takes_penalty() {
            (frozen.forward(real_g), frozen.forward(fake_g))
        } else if adversarial::generator_needs_reals(objective.adversarial) {
            // No tape for the real half: nothing upstream of it is learned.
            let g_real = self.critic.valid().forward(real_g.inner());
            (g_real, frozen.forward(fake_g))
        } else {
            let g_fake = frozen.forward(fake_g);
            (g_fake.clone(), g_fake)
        };
        let loss_g = adversarial::generator_loss(objective.adversarial, g_real, g_fake);
        let value_g = loss_g.clone().inner();
        let grads = GradientsParams::from_grads(loss_g.backward(), &self.generator);
        let (generator, norm_g) = self.adam_g.step(settings, self.generator.clone(), grads);
        self.generator = generator;

        // Half-life in pictures, never more than a share of those seen (Karras 2020).
        let beta = ema::beta(self.recipe.optim.ema_kimg * 1000.0, self.recipe.optim.ema_rampup, images, n as u64);
        self.average = ema::update(self.average.clone(), &self.generator, beta);

        let (d_real, d_fake) = (d_real.inner(), d_fake.inner());
        let sign = (d_real.clone() - d_fake.clone()).sign().mean();
        let mut numbers = vec![
            ("critic", value_d),
            ("generator", value_g),
            ("d_real", d_real.mean()),
            ("d_fake", d_fake.mean()),
            ("sign_rate", sign),
            ("grad_critic", norm_d),
            ("grad_generator", norm_g),
        ];
        if let Some(penalty) = &self.last_penalty {
            numbers.push(("penalty", penalty.clone()));
        }
        self.meter.add(numbers);
    }

    /// What the critic says of both; in one batch where its samples do not depend on each other.
    fn judge(&self, critic: &Critic, real: Tensor<4>, fake: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        if !critic.takes_penalty() {
            return (critic.forward(real), critic.forward(fake));
        }
        let n = real.dims()[0];
        let both = critic.forward(Tensor::cat(vec![real, fake], 0));
        (both.clone().narrow(0, 0, n), both.narrow(0, n, n))
    }

    /// Means since the last read; `Err` names what is not finite.
    pub fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        self.meter.read()
    }

    /// Norms of the weights, and what the critic says of held-out pictures.
    pub fn inspect(&self, heldout: Option<Tensor<4>>) -> Vec<(String, f64)> {
        let mut out = vec![
            ("weight_generator".to_string(), tensors::weight_norm(&self.generator)),
            ("weight_critic".to_string(), tensors::weight_norm(&self.critic)),
        ];
        if let Some(x) = heldout {
            let d = self.critic.valid().forward(x.inner()).mean().into_scalar::<f32>();
            out.push(("d_heldout".into(), f64::from(d)));
        }
        out.retain(|v| v.1.is_finite());
        out
    }

    /// Pictures of the averaged generator.
    pub fn samples(&self, latents: &[Vec<f32>]) -> Vec<Picture> {
        crate::latent::sample::generate(&self.average, latents, &self.device.clone().inner(), self.recipe.shape())
    }
}
