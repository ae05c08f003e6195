//! Bounds from several latents of each picture, weighed by how well they explain it (Burda, Grosse & Salakhutdinov,
//! "Importance weighted autoencoders", 2016), and the doubly reparameterised gradient of Tucker, Lawson, Gu & Maddison
//! (2019).
//!
//! `k` latents of `b` pictures are rows `[k·b, …]`: the first of all pictures, then the second of all, as
//! [`crate::models::Draw`] has them. A weight is `log w = log p(x|z) + log p(z) − log q(z|x)`, `[k·b, 1]`.

use burn::tensor::Tensor;

use super::log_sum_exp;
use super::total_correlation::log_normal;

/// Log density of latents under independent normals, `[n, z] → [n, 1]`.
pub fn log_density(z: Tensor<2>, mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<2> {
    log_normal(z, mean, log_variance).sum_dim(1)
}

/// Log density of latents under the standard normal, `[n, z] → [n, 1]`.
pub fn log_standard(z: Tensor<2>) -> Tensor<2> {
    let zero = z.zeros_like();
    log_density(z, zero.clone(), zero)
}

/// The bound: `log 1/k Σ w` of each picture, meaned over the pictures. `[k·b, 1] → [1]`
pub fn bound(log_weights: Tensor<2>, k: usize) -> Tensor<1> {
    bound_per_picture(log_weights, k).mean()
}

/// [`bound`] before the mean. `[k·b, 1] → [1, b]`
pub fn bound_per_picture(log_weights: Tensor<2>, k: usize) -> Tensor<2> {
    log_sum_exp(by_picture(log_weights, k), 0) - (k as f64).ln()
}

/// Each latent's share of its picture's weight, without a graph. `[k·b, 1] → [k·b, 1]`
pub fn shares(log_weights: Tensor<2>, k: usize) -> Tensor<2> {
    let log_weights = by_picture(log_weights.without_autodiff(), k);
    let [_, b] = log_weights.dims();
    (log_weights.clone() - log_sum_exp(log_weights, 0)).exp().reshape([k * b, 1])
}

/// How many latents of a picture count, meaned over the pictures: `1 / Σ share²`. `[k·b, 1] → [1]`
pub fn effective(shares: Tensor<2>, k: usize) -> Tensor<1> {
    by_picture(shares, k).square().sum_dim(0).recip().mean()
}

fn by_picture(rows: Tensor<2>, k: usize) -> Tensor<2> {
    let n = rows.dims()[0];
    rows.reshape([k, n / k])
}

/// The same latents, whose gradient on the way back is multiplied by its row's `factor`. `([n, z], [n, 1]) → [n, z]`
pub fn with_gradient_times(z: Tensor<2>, factor: Tensor<2>) -> Tensor<2> {
    let still = z.clone().without_autodiff();
    // The difference is zero; only its derivative is not.
    still.clone() + (z - still) * factor
}

/// What is made small for the bound with the doubly reparameterised gradient: its value means nothing, its gradient is
/// the one of the paper's equation 8 for the encoder and that of the bound itself for the decoder.
///
/// - `shares` of the weights, without a graph.
/// - `log_likelihood` of [`with_gradient_times`]`(z, shares)`, so that the encoder meets shares twice.
/// - `log_ratio`: `log p(z) − log q(z|x)` where only `z` is tracked, not what the encoder says of its density.
pub fn doubly_reparameterised(
    shares: Tensor<2>,
    log_likelihood: Tensor<2>,
    log_ratio: Tensor<2>,
    b: usize,
) -> Tensor<1> {
    let decoder = log_likelihood * shares.clone();
    let encoder = log_ratio * shares.square();
    (decoder + encoder).sum().neg() / b as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use burn::tensor::{Device, TensorData};

    fn numbers(seed: u64, n: usize) -> Vec<f64> {
        Stream::new(seed, "numbers").normals(n).into_iter().map(f64::from).collect()
    }

    fn leaf(v: &[f64], shape: [usize; 2], device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(v.iter().map(|x| *x as f32).collect::<Vec<_>>(), shape), device)
            .require_grad()
    }

    fn grad(t: Tensor<2>, grads: &mut burn::tensor::Gradients) -> Vec<f64> {
        let g = t.grad_remove(grads).unwrap().into_data().try_into_vec::<f32>().unwrap();
        g.into_iter().map(f64::from).collect()
    }

    #[test]
    fn the_bound_is_its_formula_and_one_sample_is_the_mean() {
        let device = Device::flex().autodiff();
        let (k, b) = (3, 4);
        let w: Vec<f64> = numbers(1, k * b).iter().map(|v| v * 30.0 - 500.0).collect();
        let expected: f64 = (0..b)
            .map(|i| {
                let each: Vec<f64> = (0..k).map(|s| w[s * b + i]).collect();
                let top = each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                top + (each.iter().map(|v| (v - top).exp()).sum::<f64>() / k as f64).ln()
            })
            .sum::<f64>()
            / b as f64;
        let got = bound(leaf(&w, [k * b, 1], &device), k);
        assert!((f64::from(got.into_scalar::<f32>()) - expected).abs() < 1e-2);
        let one = bound(leaf(&w, [k * b, 1], &device), 1);
        assert!((f64::from(one.into_scalar::<f32>()) - w.iter().sum::<f64>() / 12.0).abs() < 1e-2);
        // Its gradient by the log weights is their shares.
        let w: Vec<f64> = w.iter().map(|v| v / 30.0).collect();
        let logs = leaf(&w, [k * b, 1], &device);
        let share = shares(logs.clone(), k).into_data().try_into_vec::<f32>().unwrap();
        for i in 0..b {
            assert!(((0..k).map(|s| share[s * b + i]).sum::<f32>() - 1.0).abs() < 1e-5);
        }
        let got = grad(logs.clone(), &mut (bound(logs.clone(), k) * b as f64).backward());
        assert!(got.iter().zip(&share).all(|(g, s)| (g - f64::from(*s)).abs() < 1e-5));
        let count = effective(shares(logs.clone(), k), k).into_scalar::<f32>();
        assert!((1.0..=3.0).contains(&count));
        assert!((effective(shares(logs * 0.0, k), k).into_scalar::<f32>() - 3.0).abs() < 1e-5);
    }

    /// On a linear-Gaussian model, `x = w·z + noise`, with a posterior `N(a·x, s²)`: gradients by hand.
    #[test]
    fn the_doubly_reparameterised_gradient_is_the_papers() {
        let device = Device::flex().autodiff();
        let (k, b) = (4usize, 3usize);
        let (w, a, log_s2) = (0.8f64, 0.3f64, -0.9f64);
        let (x, noise) = (numbers(2, b), numbers(3, k * b));
        let s = (log_s2 / 2.0).exp();
        let z = |i: usize| a * x[i % b] + s * noise[i];
        let log_n = |v: f64, m: f64, var: f64| -0.5 * ((v - m).powi(2) / var + var.ln() + std::f64::consts::TAU.ln());
        let log_w =
            |i: usize| log_n(x[i % b], w * z(i), 1.0) + log_n(z(i), 0.0, 1.0) - log_n(z(i), a * x[i % b], s * s);
        let share = |i: usize| {
            let all: f64 = (0..k).map(|j| log_w(j * b + i % b).exp()).sum();
            log_w(i).exp() / all
        };
        // ∂ log w/∂z, with the posterior's own parameters held still.
        let slope = |i: usize| (x[i % b] - w * z(i)) * w - z(i) + (z(i) - a * x[i % b]) / (s * s);
        let n = k * b;
        let by_a: f64 = (0..n).map(|i| share(i).powi(2) * slope(i) * x[i % b]).sum::<f64>() / b as f64;
        let by_s: f64 = (0..n).map(|i| share(i).powi(2) * slope(i) * 0.5 * s * noise[i]).sum::<f64>() / b as f64;
        let by_w: f64 = (0..n).map(|i| share(i) * (x[i % b] - w * z(i)) * z(i)).sum::<f64>() / b as f64;

        let (ta, ts, tw) = (leaf(&[a], [1, 1], &device), leaf(&[log_s2], [1, 1], &device), leaf(&[w], [1, 1], &device));
        let rows: Vec<f64> = (0..n).map(|i| x[i % b]).collect();
        let x = leaf(&rows, [n, 1], &device).without_autodiff();
        let noise = leaf(&noise, [n, 1], &device).without_autodiff();
        let mean = x.clone() * ta.clone();
        let z = mean.clone() + (ts.clone() * 0.5).exp() * noise;
        let likelihood = |z: Tensor<2>| log_density(x.clone(), z * tw.clone(), x.zeros_like());
        let still = |t: &Tensor<2>| t.clone().without_autodiff();
        let ratio = log_standard(z.clone()) - log_density(z.clone(), still(&mean), still(&ts).expand([n, 1]));
        let share = shares(likelihood(z.clone()) + ratio.clone(), k);
        let loss = doubly_reparameterised(share.clone(), likelihood(with_gradient_times(z, share)), ratio, b);
        let mut grads = loss.backward();
        for (leaf, expected) in [(ta, by_a), (ts, by_s), (tw, by_w)] {
            let got = -grad(leaf, &mut grads)[0];
            assert!((got - expected).abs() < 1e-4, "{got} {expected}");
        }
    }
}
