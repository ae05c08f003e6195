//! How likely a VAE finds pictures: the evidence lower bound in its parts, and the importance-weighted bound of k draws
//! (Burda, Grosse & Salakhutdinov 2016), which goes up to the log likelihood itself as k grows.

use burn::tensor::{Device, Tensor};

use crate::base::Shape;
use crate::base::rng::Stream;
use crate::latent::prior::Mixture;
use crate::models::{Draw, Vae};
use crate::objectives::elbo::{binarised, reconstruction_per_picture};
use crate::recipe::Likelihood;
use crate::train::tensors;

/// What a draw z from q(z|x) says of a picture x, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explained {
    /// log p(x|z).
    pub likelihood: f64,
    /// log p(z) − log q(z|x).
    pub ratio: f64,
}

/// Bounds of the log likelihood of one picture, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Mean log p(x|z).
    pub likelihood: f64,
    /// Mean of log q(z|x) − log p(z): the KL divergence, by draws.
    pub kl: f64,
    /// The evidence lower bound: their difference.
    pub elbo: f64,
    /// The importance-weighted bound.
    pub weighted: f64,
}

impl Bounds {
    /// From all draws of a picture.
    pub fn of(draws: &[Explained]) -> Self {
        let k = draws.len().max(1) as f64;
        let likelihood = draws.iter().map(|d| d.likelihood).sum::<f64>() / k;
        let ratio = draws.iter().map(|d| d.ratio).sum::<f64>() / k;
        let weights = draws.iter().map(|d| d.likelihood + d.ratio);
        let largest = weights.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = weights.map(|w| (w - largest).exp()).sum();
        Self { likelihood, kl: -ratio, elbo: likelihood + ratio, weighted: largest + (sum / k).ln() }
    }
}

/// A VAE in inference mode with everything that its likelihood depends on.
#[derive(Clone, Copy, Debug)]
pub struct Weighing<'a> {
    /// The network.
    pub vae: &'a Vae,
    /// Its device.
    pub device: &'a Device,
    /// Shape of its pictures.
    pub shape: Shape,
    /// Whether it learned pictures whose numbers are 0 or 1 by chance (dynamic binarisation).
    pub binarise: bool,
    /// A prior fitted to its codes; the standard normal otherwise.
    pub prior: Option<&'a Mixture>,
}

/// Numbers of activations that are decoded at a time, so that memory stays small.
const DECODED: usize = 1 << 21;

impl Weighing<'_> {
    /// `k` draws of the posterior of a picture (interleaved bytes) of a class: the share of each, empty for a model without
    /// any.
    ///
    /// Gaussian pixels are a density, so grey levels are spread by uniform noise of one level first: the bound then also
    /// holds for the levels themselves (Theis et al. 2016).
    pub fn draws(&self, picture: &[u8], class: &[f32], k: usize, noise: &mut Stream) -> Vec<Explained> {
        let Self { vae, device, shape, .. } = *self;
        let mut x = tensors::pictures(picture, 1, shape, device);
        if vae.likelihood() == Likelihood::Gaussian {
            let noise = tensors::matrix(spread(shape, noise), 1, shape.bytes(), device);
            x = x.clone() + noise.reshape(x.dims());
        } else if self.binarise {
            x = binarised(x, noise);
        }
        let class = (!class.is_empty()).then(|| tensors::matrix(class.to_vec(), 1, class.len(), device));
        let dim = vae.latent();
        let target = (x.clone() + 1.0) * 0.5;
        let log_sigma = vae.log_sigma();
        let host = |t: Tensor<2>| crate::nn::numbers(t);
        // The widest layer has a few dozen channels at the picture's size.
        let most = (DECODED / (shape.resolution.pixels() * 32)).clamp(8, 512);
        let mut out = Vec::with_capacity(k);
        while out.len() < k {
            let n = most.min(k - out.len());
            let e = noise.normals(n * dim);
            let draw = Draw::Noise(tensors::matrix(e.clone(), n, dim, device));
            let (posterior, decoded) = vae.forward(x.clone(), &draw, class.as_ref());
            let target = target.clone().repeat_dim(0, n);
            let nats = host(reconstruction_per_picture(vae.likelihood(), decoded, target, log_sigma.clone()));
            let (z, log_variance) = (host(posterior.z), host(posterior.log_variance));
            for (i, nats) in nats.into_iter().enumerate() {
                let row = i * dim..(i + 1) * dim;
                let ratio = self.log_prior(&z[row.clone()]) - log_posterior(&e[row.clone()], &log_variance[row]);
                out.push(Explained { likelihood: -f64::from(nats), ratio });
            }
        }
        out
    }

    fn log_prior(&self, z: &[f32]) -> f64 {
        match self.prior {
            Some(mixture) => mixture.log_density(&z.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()),
            None => z.iter().map(|v| -0.5 * f64::from(*v).powi(2) - HALF_LOG_TAU).sum(),
        }
    }

    /// What the numbers rest on, for the estimator's description.
    pub fn describe(&self) -> String {
        let pixels = match (self.vae.likelihood(), self.binarise) {
            (Likelihood::Bernoulli, true) => "numbers binarised by chance",
            (Likelihood::Bernoulli, false) => "Bernoulli on grey values",
            (Likelihood::Gaussian, _) => "Gaussian density, grey levels spread by uniform noise",
        };
        format!("{pixels}, {} prior", if self.prior.is_some() { "fitted" } else { "standard normal" })
    }
}

/// ½ ln 2π.
const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_7;

/// Log density of a draw under its posterior, from the noise that made it.
fn log_posterior(noise: &[f32], log_variance: &[f32]) -> f64 {
    let one = |(e, v): (&f32, &f32)| -0.5 * (f64::from(*e).powi(2) + f64::from(*v)) - HALF_LOG_TAU;
    noise.iter().zip(log_variance).map(one).sum()
}

/// Uniform noise as wide as a grey level, for a picture in −1…1.
fn spread(shape: Shape, noise: &mut Stream) -> Vec<f32> {
    (0..shape.bytes()).map(|_| (noise.uniform() - 0.5) / 127.5).collect()
}

/// Bits a number of a picture takes, from the bound of its log likelihood in nats.
pub fn bits_per_number(bound: f64, likelihood: Likelihood, shape: Shape) -> f64 {
    let n = shape.bytes() as f64;
    let bits = -bound / (n * std::f64::consts::LN_2);
    match likelihood {
        Likelihood::Bernoulli => bits,
        // A density over 0…1, whose grey levels are 1/255 wide.
        Likelihood::Gaussian => bits + 255f64.log2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Channels;
    use crate::models::io::{HostTensor, Weights};
    use crate::recipe::Recipe;
    use burn::module::Module;

    const SIDE: u32 = 16;
    const PIXELS: usize = 256;
    const SIGMA: f64 = 0.2;

    /// x = W z + b + σ e with two latents: log p(x) is that of N(b, W Wᵀ + σ² 1), and the posterior is Gaussian.
    struct Linear {
        w: [Vec<f64>; 2],
        b: Vec<f64>,
    }

    impl Linear {
        fn new() -> Self {
            let mut s = Stream::new(4, "linear");
            let mut column = |size: f64| -> Vec<f64> { (0..PIXELS).map(|_| size * f64::from(s.normal())).collect() };
            let (first, mut second) = (column(0.02), column(0.015));
            // At right angles, so that the posterior's covariance is diagonal.
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
            let share = dot(&first, &second) / dot(&first, &first);
            second.iter_mut().zip(&first).for_each(|(v, f)| *v -= share * f);
            Self { w: [first, second], b: (0..PIXELS).map(|i| 0.4 + 0.001 * i as f64).collect() }
        }

        /// Precision of the posterior in each direction.
        fn precision(&self, j: usize) -> f64 {
            1.0 + self.w[j].iter().map(|v| v * v).sum::<f64>() / (SIGMA * SIGMA)
        }

        /// By the matrix determinant lemma and Woodbury's identity.
        fn log_evidence(&self, x: &[f64]) -> f64 {
            let r: Vec<f64> = x.iter().zip(&self.b).map(|(x, b)| x - b).collect();
            let s2 = SIGMA * SIGMA;
            let mut quadratic = r.iter().map(|v| v * v).sum::<f64>() / s2;
            let mut log_det = PIXELS as f64 * s2.ln();
            for j in 0..2 {
                let along: f64 = self.w[j].iter().zip(&r).map(|(w, r)| w * r).sum::<f64>() / s2;
                quadratic -= along * along / self.precision(j);
                log_det += self.precision(j).ln();
            }
            -0.5 * (quadratic + log_det) - PIXELS as f64 * HALF_LOG_TAU
        }

        /// The network that is this model: ReLUs come in pairs, so that what goes through them is linear. Its posterior is
        /// the exact one, its means moved by `off` and its variances multiplied by e^`wide`.
        fn network(&self, off: f64, wide: f64) -> Vae {
            let mut recipe = Recipe::default();
            recipe.model.id = "mlp-vae".into();
            (recipe.model.width, recipe.model.blocks, recipe.model.latent) = (8, 1, 2);
            (recipe.data.resolution, recipe.data.channels) = (SIDE.into(), Channels::Grey);
            recipe.objective.likelihood = Likelihood::Gaussian;
            let device = Device::flex();
            let blank = Vae::blank(&recipe, &device).unwrap();
            let mut weights = Weights::of(&blank);
            let mut set = |name: &str, at: usize, value: f64| {
                let tensor: &mut HostTensor = weights.tensors.get_mut(name).unwrap();
                tensor.values[at] = value as f32;
            };
            for j in 0..2 {
                // Mean of z_j = Σ w (x − b) / (σ² precision), for pictures in −1…1: x = (picture + 1) / 2.
                let scale = 1.0 / (SIGMA * SIGMA * self.precision(j));
                let mut bias = off;
                for i in 0..PIXELS {
                    for (unit, sign) in [(2 * j, 1.0), (2 * j + 1, -1.0)] {
                        set("encoder.0.weight", i * 8 + unit, sign * scale * self.w[j][i] / 2.0);
                    }
                    bias += scale * self.w[j][i] * (0.5 - self.b[i]);
                }
                for (unit, sign) in [(2 * j, 1.0), (2 * j + 1, -1.0)] {
                    set("encoder.0.bias", unit, sign * bias);
                    set("head.weight", unit * 4 + j, sign);
                    set("decoder.0.weight", j * 8 + unit, sign);
                    for i in 0..PIXELS {
                        set("out.weight", unit * PIXELS + i, sign * self.w[j][i]);
                    }
                }
                set("head.bias", 2 + j, wide - self.precision(j).ln());
            }
            (0..PIXELS).for_each(|i| set("out.bias", i, self.b[i]));
            // σ goes through a soft bound from below: softplus(raw + 6) − 6.
            set("log_sigma", 0, (SIGMA.ln() + 6.0).exp_m1().ln() - 6.0);
            weights.load(blank).unwrap().valid()
        }
    }

    fn shape() -> Shape {
        Shape { resolution: SIDE.into(), channels: Channels::Grey }
    }

    /// Bounds of a picture, and the truth for the very numbers that were looked at.
    fn measure(model: &Linear, vae: &Vae, picture: &[u8], k: usize, seed: u64) -> (Bounds, f64) {
        let device = Device::flex();
        let weighing = Weighing { vae, device: &device, shape: shape(), binarise: false, prior: None };
        let draws = weighing.draws(picture, &[], k, &mut Stream::new(seed, "draws"));
        assert_eq!(draws.len(), k);
        let noise = spread(shape(), &mut Stream::new(seed, "draws"));
        let x: Vec<f64> = picture.iter().zip(noise).map(|(v, e)| f64::from(*v) / 255.0 + f64::from(e) / 2.0).collect();
        (Bounds::of(&draws), model.log_evidence(&x))
    }

    fn pictures() -> Vec<Vec<u8>> {
        let mut s = Stream::new(9, "pictures");
        (0..3).map(|_| (0..PIXELS).map(|i| (100.0 + 0.25 * i as f32 + 50.0 * s.normal()) as u8).collect()).collect()
    }

    #[test]
    fn the_bound_is_the_closed_form_of_a_linear_gaussian_model() {
        let model = Linear::new();
        let exact = model.network(0.0, 0.0);
        let off = model.network(0.02, 0.02);
        for (seed, picture) in pictures().iter().enumerate() {
            // With the exact posterior every draw has the same weight: any k gives the truth.
            let (found, truth) = measure(&model, &exact, picture, 8, seed as u64);
            assert!((found.weighted - truth).abs() < 1e-3 && (found.elbo - truth).abs() < 1e-3, "{found:?} {truth}");
            assert!((found.elbo - (found.likelihood - found.kl)).abs() < 1e-9);
            // With one that is a little off, the bound comes close with many draws.
            let (found, truth) = measure(&model, &off, picture, 5000, seed as u64);
            assert!((found.weighted - truth).abs() < 1e-3, "{} {truth}", found.weighted);
        }
    }

    #[test]
    fn more_draws_tighten_the_bound() {
        let model = Linear::new();
        let vae = model.network(0.3, 0.5);
        let picture = &pictures()[0];
        let gap = |k: usize| {
            let gaps = (0..30).map(|s| measure(&model, &vae, picture, k, s)).map(|(b, truth)| truth - b.weighted);
            gaps.sum::<f64>() / 30.0
        };
        let (one, ten, many) = (gap(1), gap(10), gap(300));
        assert!(one > ten && ten > many && many.abs() < 0.02, "{one} {ten} {many}");
    }

    /// With a mixture of one standard normal as its prior, nothing changes.
    #[test]
    fn a_fitted_prior_takes_the_place_of_the_normal_one() {
        use crate::latent::prior::{Component, Spread};
        let vae = Linear::new().network(0.1, 0.1);
        let device = Device::flex();
        let plain = Weighing { vae: &vae, device: &device, shape: shape(), binarise: false, prior: None };
        let part =
            |mean: f64| Component { weight: 1.0, mean: vec![mean; 2], spread: Spread::Full(vec![1.0, 0.0, 0.0, 1.0]) };
        let ratios = |prior: Option<&Mixture>| -> Vec<f64> {
            let weighing = Weighing { prior, ..plain };
            weighing.draws(&pictures()[0], &[], 4, &mut Stream::new(1, "d")).iter().map(|d| d.ratio).collect()
        };
        let (none, same) = (ratios(None), ratios(Some(&Mixture { components: vec![part(0.0)] })));
        none.iter().zip(&same).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{a} {b}"));
        assert_ne!(none, ratios(Some(&Mixture { components: vec![part(2.0)] })));
    }

    #[test]
    fn bits_count_grey_levels() {
        let shape = shape();
        let bits = 256.0 * std::f64::consts::LN_2;
        assert!((bits_per_number(-bits, Likelihood::Bernoulli, shape) - 1.0).abs() < 1e-12);
        // A density of 1 over 0…1 says nothing of 255 levels.
        assert!((bits_per_number(0.0, Likelihood::Gaussian, shape) - 255f64.log2()).abs() < 1e-12);
    }
}
