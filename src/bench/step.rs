//! One training step of each network, and sampling: what is timed.
//!
//! GANs: the critic's update on a fake and a real batch, then the generator's, non-saturating loss (Goodfellow 2014),
//! Adam. VAEs: one update of cross-entropy plus KL divergence (Kingma & Welling 2014), Adam. Batch norm uses the
//! statistics of the batch everywhere. Pictures are in memory; random numbers are drawn anew each step.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::nets::{ConvVae, DcCritic, DcGenerator, FlatVae, LATENT, ResCritic, ResGenerator, Vae};
use crate::base::rng::Stream;
use crate::base::{Problem, Result};
use crate::nn::init::Init;
use crate::nn::{activation, on_pool};
use crate::objectives::{adversarial, elbo};
use crate::recipe::{Adversarial, Likelihood};
use crate::train::optim::{Adam, AdamSettings};
use crate::train::tensors::matrix;

/// Names of the networks.
pub const ARCHS: [&str; 4] = ["bench-dcgan32", "bench-resgan32", "bench-vae32", "bench-vae28"];

/// Pictures that are sampled at once.
pub const SAMPLES: usize = 64;

const GAN: AdamSettings = AdamSettings { lr: 2e-4, beta1: 0.5, beta2: 0.99, epsilon: 1e-8, clip_norm: 0.0 };
const VAE: AdamSettings = AdamSettings { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clip_norm: 0.0 };

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
enum Generator {
    Dc(DcGenerator),
    Res(ResGenerator),
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
enum Critic {
    Dc(DcCritic),
    Res(ResCritic),
}

impl Generator {
    fn forward(&self, z: Tensor<2>) -> Tensor<4> {
        match self {
            Self::Dc(net) => net.forward(z),
            Self::Res(net) => net.forward(z),
        }
    }
}

impl Critic {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Dc(net) => net.forward(x),
            Self::Res(net) => net.forward(x),
        }
    }
}

#[allow(clippy::large_enum_variant)]
enum Nets {
    Gan { generator: Generator, critic: Critic, adam_g: Adam, adam_d: Adam },
    Vae { vae: Vae, adam: Adam },
}

/// A network in training.
pub struct Bench {
    nets: Nets,
    data: Tensor<4>,
    noise: Stream,
    device: Device,
}

impl Bench {
    /// Fresh networks and a batch of noise as data, on this device.
    ///
    /// # Errors
    /// There is no network of this name.
    pub fn new(arch: &str, batch: usize, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let generator = Init::new(1, "generator", &device);
        let critic = Init::new(1, "critic", &device);
        let vae = Init::new(1, "vae", &device);
        let gan = |generator, critic| Nets::Gan { generator, critic, adam_g: Adam::new(), adam_d: Adam::new() };
        let nets = match arch {
            "bench-dcgan32" => gan(Generator::Dc(DcGenerator::new(&generator)), Critic::Dc(DcCritic::new(&critic))),
            "bench-resgan32" => {
                gan(Generator::Res(ResGenerator::new(&generator)), Critic::Res(ResCritic::new(&critic)))
            }
            "bench-vae32" => Nets::Vae { vae: Vae::Conv(ConvVae::new(&vae)), adam: Adam::new() },
            "bench-vae28" => Nets::Vae { vae: Vae::Flat(FlatVae::new(&vae)), adam: Adam::new() },
            _ => {
                let known = format!("Choose one of: {}", ARCHS.join(", "));
                return Err(Problem::usage("There is no network of this name").of(arch).try_this(known));
            }
        };
        let shape = if let Nets::Vae { vae, .. } = &nets { vae.shape() } else { [3, 32, 32] };
        let (n, [c, h, w]) = (shape.iter().product::<usize>(), shape);
        let mut stream = Stream::new(1, "bench data");
        let (low, range) = if matches!(nets, Nets::Vae { .. }) { (0.0, 1.0) } else { (-1.0, 2.0) };
        let values = (0..batch * n).map(|_| low + range * stream.uniform()).collect();
        let data = matrix(values, batch, n, &device).reshape([batch, c, h, w]);
        Ok(Self { nets, data, noise: Stream::new(1, "bench noise"), device })
    }

    /// Trained numbers of all networks.
    pub fn params(&self) -> usize {
        let of = crate::train::optim::parameter_sizes::<Generator>;
        let count = |sizes: Vec<usize>| sizes.into_iter().sum::<usize>();
        match &self.nets {
            Nets::Gan { generator, critic, .. } => {
                count(of(generator)) + count(crate::train::optim::parameter_sizes(critic))
            }
            Nets::Vae { vae, .. } => count(crate::train::optim::parameter_sizes(vae)),
        }
    }

    /// One step; losses `[1]`, not read back: of the critic and the generator, or of the auto-encoder.
    pub fn step(&mut self) -> Vec<Tensor<1>> {
        on_pool(&self.device.clone(), || self.step_here())
    }

    fn step_here(&mut self) -> Vec<Tensor<1>> {
        let (stream, device, data) = (&mut self.noise, &self.device, &self.data);
        let n = data.dims()[0];
        let mut noise = |dim: usize| matrix(stream.normals(n * dim), n, dim, device);
        match &mut self.nets {
            Nets::Gan { generator, critic, adam_g, adam_d } => {
                let game = Adversarial::NonSaturating;
                let fake = generator.clone().no_grad().forward(noise(LATENT)).without_autodiff();
                // No normalisation in either critic: both halves may share a batch.
                let both = critic.forward(Tensor::cat(vec![data.clone(), fake], 0));
                let (d_real, d_fake) = (both.clone().narrow(0, 0, n), both.narrow(0, n, n));
                let loss_d = adversarial::critic_loss(game, d_real, d_fake);
                let grads = GradientsParams::from_grads(loss_d.backward(), critic);
                *critic = adam_d.step(GAN, critic.clone(), grads).0;
                let d = critic.clone().no_grad().forward(generator.forward(noise(LATENT)));
                let loss_g = adversarial::generator_loss(game, d.clone(), d);
                let grads = GradientsParams::from_grads(loss_g.backward(), generator);
                *generator = adam_g.step(GAN, generator.clone(), grads).0;
                vec![loss_d.inner(), loss_g.inner()]
            }
            Nets::Vae { vae, adam } => {
                let dim = vae.latent();
                let both = vae.encode(data.clone());
                let (mean, log_variance) = (both.clone().narrow(1, 0, dim), both.narrow(1, dim, dim));
                let z = elbo::reparameterise(mean.clone(), log_variance.clone(), noise(dim));
                let unused = Tensor::zeros([1], &device.clone().inner());
                let rec = elbo::reconstruction(Likelihood::Bernoulli, vae.decode(z), data.clone(), unused);
                let kl = elbo::kl_per_dim(mean, log_variance).sum_dim(1).mean();
                let loss = rec + kl;
                let grads = GradientsParams::from_grads(loss.backward(), vae);
                *vae = adam.step(VAE, vae.clone(), grads).0;
                vec![loss.inner()]
            }
        }
    }

    /// [`SAMPLES`] pictures from fresh latents, on the host.
    pub fn sample(&mut self) -> Vec<f32> {
        on_pool(&self.device.clone(), || self.sample_here())
    }

    fn sample_here(&mut self) -> Vec<f32> {
        let noise = |dim: usize, stream: &mut Stream| matrix(stream.normals(SAMPLES * dim), SAMPLES, dim, &self.device);
        let x = match &self.nets {
            Nets::Gan { generator, .. } => generator.clone().no_grad().forward(noise(LATENT, &mut self.noise)),
            Nets::Vae { vae, .. } => {
                activation::sigmoid(vae.valid().decode(noise(vae.latent(), &mut self.noise).inner()))
            }
        };
        crate::nn::numbers(x)
    }

    /// Waits until the device has done what was asked of it.
    pub fn wait(&self) {
        // A device that cannot wait has nothing left to do.
        let _ = self.device.sync();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_as_large_as_their_peers_and_learn() {
        for (arch, params) in ARCHS.into_iter().zip([1_850_372, 604_356, 726_467, 652_824]) {
            let mut bench = Bench::new(arch, 3, &Device::flex()).unwrap();
            assert_eq!(bench.params(), params, "{arch}");
            let mut losses: Vec<Vec<f32>> = Vec::new();
            for _ in 0..3 {
                losses.push(bench.step().into_iter().map(Tensor::into_scalar::<f32>).collect());
            }
            assert!(losses.iter().flatten().all(|l| l.is_finite()), "{arch} {losses:?}");
            assert!(losses[2][0] < losses[0][0], "{arch} {losses:?}");
        }
        assert!(Bench::new("bench-nothing", 1, &Device::flex()).is_err());
        let mut vae = Bench::new("bench-vae28", 2, &Device::flex()).unwrap();
        let samples = vae.sample();
        assert!(samples.len() == SAMPLES * 784 && samples.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}
