//! The evidence lower bound of VAEs, in nats for a picture.

use burn::tensor::{Tensor, TensorData};

use crate::base::rng::Stream;
use crate::nn::{activation, per_picture};
use crate::recipe::Likelihood;

/// Negative log likelihood of pictures in [0, 1]: nats summed over a picture, mean over the batch.
/// `([b, c, r, r], [b, c, r, r], [1]) → [1]`
///
/// - Bernoulli: `decoded` are logits; cross-entropy, where grey counts as a share of white. `log_sigma` is not used.
/// - Gaussian: `decoded` are means; density with one standard deviation for all pixels, so it can be negative.
pub fn reconstruction(
    likelihood: Likelihood,
    decoded: Tensor<4>,
    target: Tensor<4>,
    log_sigma: Tensor<1>,
) -> Tensor<1> {
    reconstruction_per_picture(likelihood, decoded, target, log_sigma).mean()
}

/// [`reconstruction`] before the mean. `[b, c, r, r] → [b, 1]`
pub fn reconstruction_per_picture(
    likelihood: Likelihood,
    decoded: Tensor<4>,
    target: Tensor<4>,
    log_sigma: Tensor<1>,
) -> Tensor<2> {
    match likelihood {
        Likelihood::Bernoulli => activation::cross_entropy(per_picture(decoded), per_picture(target)),
        Likelihood::Gaussian => {
            let error = per_picture((decoded - target).square());
            let n = error.dims()[1] as f64;
            let log_sigma: Tensor<2> = log_sigma.unsqueeze();
            let precision = (log_sigma.clone() * -2.0).exp();
            let constant = 0.5 * std::f64::consts::TAU.ln();
            error.sum_dim(1) * precision * 0.5 + (log_sigma + constant) * n
        }
    }
}

/// KL divergence of each latent dimension from the standard normal, in nats. `([b, z], [b, z]) → [b, z]`
pub fn kl_per_dim(mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<2> {
    (mean.square() + log_variance.clone().exp() - log_variance - 1.0) * 0.5
}

/// What each latent dimension is charged where it keeps `nats` at no cost (Kingma 2016): its KL, meaned over the batch,
/// counts as `nats` at least. `[z] → [z]`
pub fn free_bits(kl: Tensor<1>, nats: f64) -> Tensor<1> {
    if nats > 0.0 { kl.clamp_min(nats) } else { kl }
}

/// Distance of a KL divergence from its capacity, in nats (Burgess 2018). `[1] → [1]`
pub fn off_capacity(kl: Tensor<1>, nats: f64) -> Tensor<1> {
    (kl - nats).abs()
}

/// A latent drawn from what the encoder says: `mean + noise · √variance`. All `[b, z]`.
pub fn reparameterise(mean: Tensor<2>, log_variance: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
    mean + (log_variance * 0.5).exp() * noise
}

/// Pictures in which each number is −1 or 1, the likelier the nearer it was (dynamic binarisation, Salakhutdinov & Murray
/// 2008). Shapes stay.
pub fn binarised(x: Tensor<4>, pixels: &mut Stream) -> Tensor<4> {
    let shape = x.dims();
    let coins: Vec<f32> = (0..shape.iter().product()).map(|_| pixels.uniform() * 2.0 - 1.0).collect();
    let coins = Tensor::<4>::from_data(TensorData::new(coins, shape), &x.device());
    x.greater(coins).float() * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn picture(values: &[f32], device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [2, 1, 1, 2]), device)
    }

    #[test]
    fn likelihoods_are_their_formulas() {
        let device = Device::flex();
        let (l, t) = ([0.3f64, -2.0, 40.0, -0.7], [0.0f64, 0.25, 1.0, 0.9]);
        let (decoded, target) = (picture(&l.map(|v| v as f32), &device), picture(&t.map(|v| v as f32), &device));
        let s: f64 = -0.8;
        let log_sigma = Tensor::<1>::from_floats([s as f32], &device);
        let bernoulli: f64 = l
            .iter()
            .zip(&t)
            .map(|(l, t)| {
                let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
                t * softplus(-l) + (1.0 - t) * softplus(*l)
            })
            .sum();
        let gaussian: f64 = l
            .iter()
            .zip(&t)
            .map(|(m, t)| 0.5 * ((m - t) / s.exp()).powi(2) + s + 0.5 * std::f64::consts::TAU.ln())
            .sum();
        for (likelihood, expected) in [(Likelihood::Bernoulli, bernoulli), (Likelihood::Gaussian, gaussian)] {
            let got = reconstruction(likelihood, decoded.clone(), target.clone(), log_sigma.clone());
            let got = f64::from(got.into_scalar::<f32>());
            assert!((got - expected / 2.0).abs() < 1e-5 * expected.abs().max(1.0), "{likelihood:?}: {got} {expected}");
        }
    }

    /// KL of a Gaussian from the standard normal by numerical integration.
    #[test]
    fn kl_is_an_integral() {
        let (m, lv) = (0.8f64, -1.1f64);
        let sd = (lv / 2.0).exp();
        let n = 20_000;
        let integral: f64 = (0..n)
            .map(|i| {
                let x = m + sd * (-10.0 + 20.0 * (f64::from(i) + 0.5) / f64::from(n));
                let log_q = -0.5 * ((x - m) / sd).powi(2) - sd.ln();
                let q = log_q.exp() / std::f64::consts::TAU.sqrt();
                q * (log_q + 0.5 * x * x) * sd * 20.0 / f64::from(n)
            })
            .sum();
        let device = Device::flex();
        let kl = kl_per_dim(Tensor::full([1, 1], m, &device), Tensor::full([1, 1], lv, &device));
        let got = f64::from(kl.into_scalar::<f32>());
        assert!((got - integral).abs() < 1e-5, "{got} {integral}");
    }

    #[test]
    fn free_bits_cost_no_less_and_pull_no_more() {
        let device = Device::flex().autodiff();
        let kl = Tensor::<1>::from_floats([0.2, 3.0], &device).require_grad();
        assert!((free_bits(kl.clone(), 0.0).sum().into_scalar::<f32>() - 3.2).abs() < 1e-6);
        let loss = free_bits(kl.clone(), 0.5).sum();
        assert!((loss.clone().into_scalar::<f32>() - 3.5).abs() < 1e-6);
        let grad = kl.grad_remove(&mut loss.backward()).unwrap().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(grad, [0.0, 1.0]);
    }

    #[test]
    fn a_capacity_pulls_from_both_sides() {
        let device = Device::flex().autodiff();
        for (kl, off, slope) in [(7.0f32, 3.0f32, -1.0f32), (12.0, 2.0, 1.0)] {
            let kl = Tensor::<1>::from_floats([kl], &device).require_grad();
            let loss = off_capacity(kl.clone(), 10.0);
            assert!((loss.clone().into_scalar::<f32>() - off).abs() < 1e-6);
            assert_eq!(kl.grad_remove(&mut loss.backward()).unwrap().into_scalar::<f32>(), slope);
        }
    }

    #[test]
    fn latents_are_drawn_with_the_right_spread() {
        let device = Device::flex();
        let z = reparameterise(
            Tensor::from_floats([[1.0, -2.0]], &device),
            Tensor::from_floats([[0.0, 4.0f32.ln()]], &device),
            Tensor::from_floats([[0.5, -1.0]], &device),
        );
        let z = z.into_data().try_into_vec::<f32>().unwrap();
        assert!((z[0] - 1.5).abs() < 1e-6 && (z[1] + 4.0).abs() < 1e-6);
    }
}
