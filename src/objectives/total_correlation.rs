//! The KL divergence taken apart, after Chen, Li, Grosse & Duvenaud, "Isolating sources of disentanglement in variational
//! autoencoders" (2018): mutual information of picture and code, total correlation of the code's dimensions, and what
//! each dimension alone is off its prior.
//!
//! The density of all codes together is estimated from the codes of a batch, by minibatch-weighted or
//! minibatch-stratified sampling (their appendices C.1 and C.2).

use burn::tensor::{Tensor, TensorData};

use super::log_sum_exp;
use crate::recipe::vae::Estimator;

/// The parts of the mean KL divergence, in nats; each `[1]`.
#[derive(Clone, Debug)]
pub struct Parts {
    /// `log q(z|x) − log q(z)`: what the code tells of the picture.
    pub mutual_information: Tensor<1>,
    /// `log q(z) − Σ log q(zᵢ)`: what dimensions tell of each other.
    pub total_correlation: Tensor<1>,
    /// `Σ (log q(zᵢ) − log p(zᵢ))`: what each dimension alone is off the standard normal.
    pub dimension_kl: Tensor<1>,
}

/// The parts for codes `z` drawn from these posteriors, where the data has so many `pictures`. All `[b, z]`.
pub fn parts(z: Tensor<2>, mean: Tensor<2>, log_variance: Tensor<2>, pictures: u64, estimator: Estimator) -> Parts {
    let [b, dim] = z.dims();
    let log_q = log_normal(z.clone(), mean.clone(), log_variance.clone()).sum_dim(1);
    let log_p = log_normal(z.clone(), z.zeros_like(), z.zeros_like()).sum_dim(1);
    // Of code i under the posterior of picture j.
    let row = |t: Tensor<2>| -> Tensor<3> { t.reshape([1, b, dim]) };
    let each = log_normal(z.reshape([b, 1, dim]), row(mean), row(log_variance));
    let weights = Tensor::<2>::from_data(TensorData::new(log_weights(b, pictures, estimator), [b, b]), &each.device());
    let joint = log_sum_exp(each.clone().sum_dim(2).reshape([b, b]) + weights.clone(), 1);
    let product = log_sum_exp(each + weights.unsqueeze_dim(2), 1).reshape([b, dim]).sum_dim(1);
    Parts {
        mutual_information: (log_q - joint.clone()).mean(),
        total_correlation: (joint - product.clone()).mean(),
        dimension_kl: (product - log_p).mean(),
    }
}

/// `log N(x; mean, exp(log_variance))`, number by number.
pub fn log_normal<const D: usize>(x: Tensor<D>, mean: Tensor<D>, log_variance: Tensor<D>) -> Tensor<D> {
    let square = (x - mean).square() * log_variance.clone().neg().exp();
    (square + log_variance + std::f64::consts::TAU.ln()) * -0.5
}

/// Log weight of picture `j` in the density of code `i`, row by row.
fn log_weights(b: usize, pictures: u64, estimator: Estimator) -> Vec<f32> {
    // A batch that is larger than the data, or the whole of it, is the data.
    let n = (pictures.max(b as u64)) as f64;
    let Estimator::Stratified = estimator else {
        return vec![-(n * b as f64).ln() as f32; b * b];
    };
    if b < 2 {
        return vec![0.0; b * b];
    }
    let m = (b - 1) as f64;
    let mut weights = vec![1.0 / m; b * b];
    for i in 0..b {
        weights[i * b + i] = 1.0 / n;
        // One other picture stands for all that are not in the batch.
        weights[i * b + (i + 1) % b] = (n - m) / (n * m);
    }
    weights.into_iter().map(|w| w.ln() as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use burn::tensor::Device;

    const B: usize = 5;
    const DIM: usize = 3;

    fn lse(x: &[f64]) -> f64 {
        let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        top + x.iter().map(|v| (v - top).exp()).sum::<f64>().ln()
    }

    /// The definitions, loop by loop, in 64 bit. Values are `z`, `mean`, `log variance`, one after the other.
    fn by_hand(v: &[f64], pictures: f64, estimator: Estimator) -> [f64; 3] {
        let (z, mean, lv) = (&v[..B * DIM], &v[B * DIM..2 * B * DIM], &v[2 * B * DIM..]);
        let log_n = |x: f64, m: f64, lv: f64| -0.5 * ((x - m).powi(2) / lv.exp() + lv + std::f64::consts::TAU.ln());
        let m = (B - 1) as f64;
        let weight = |i: usize, j: usize| match estimator {
            Estimator::Weighted => 1.0 / (pictures * B as f64),
            Estimator::Stratified if i == j => 1.0 / pictures,
            Estimator::Stratified if j == (i + 1) % B => (pictures - m) / (pictures * m),
            Estimator::Stratified => 1.0 / m,
        };
        let mut out = [0.0; 3];
        for i in 0..B {
            let q = |j: usize, d: usize| log_n(z[i * DIM + d], mean[j * DIM + d], lv[j * DIM + d]);
            let own: f64 = (0..DIM).map(|d| q(i, d)).sum();
            let joint =
                lse(&(0..B).map(|j| weight(i, j).ln() + (0..DIM).map(|d| q(j, d)).sum::<f64>()).collect::<Vec<_>>());
            let product: f64 =
                (0..DIM).map(|d| lse(&(0..B).map(|j| weight(i, j).ln() + q(j, d)).collect::<Vec<_>>())).sum();
            let prior: f64 = (0..DIM).map(|d| log_n(z[i * DIM + d], 0.0, 0.0)).sum();
            for (sum, part) in out.iter_mut().zip([own - joint, joint - product, product - prior]) {
                *sum += part / B as f64;
            }
        }
        out
    }

    #[test]
    fn parts_are_their_definitions_and_gradients_their_differences() {
        let device = Device::flex().autodiff();
        let values: Vec<f64> = Stream::new(3, "codes").normals(3 * B * DIM).into_iter().map(f64::from).collect();
        for (estimator, pictures) in
            [(Estimator::Weighted, 100), (Estimator::Stratified, 100), (Estimator::Stratified, 5)]
        {
            let leaf = |k: usize| {
                let part: Vec<f32> = values[k * B * DIM..(k + 1) * B * DIM].iter().map(|v| *v as f32).collect();
                Tensor::<2>::from_data(TensorData::new(part, [B, DIM]), &device).require_grad()
            };
            let leaves = [leaf(0), leaf(1), leaf(2)];
            let [z, mean, lv] = leaves.clone();
            let got = parts(z, mean, lv, pictures, estimator);
            let expected = by_hand(&values, pictures as f64, estimator);
            for (got, expected) in
                [&got.mutual_information, &got.total_correlation, &got.dimension_kl].into_iter().zip(expected)
            {
                assert!((f64::from(got.clone().into_scalar::<f32>()) - expected).abs() < 1e-4, "{estimator:?}");
            }
            let loss = got.mutual_information + got.total_correlation * 6.0 + got.dimension_kl;
            let mut grads = loss.backward();
            let total = |v: &[f64]| {
                let [a, b, c] = by_hand(v, pictures as f64, estimator);
                a + 6.0 * b + c
            };
            for (k, leaf) in leaves.into_iter().enumerate() {
                let grad = leaf.grad_remove(&mut grads).unwrap().into_data().try_into_vec::<f32>().unwrap();
                for (i, g) in grad.iter().enumerate() {
                    let at = |h: f64| {
                        let mut v = values.clone();
                        v[k * B * DIM + i] += h;
                        total(&v)
                    };
                    let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                    assert!((f64::from(*g) - difference).abs() < 2e-4 * (1.0 + difference.abs()), "{g} {difference}");
                }
            }
        }
    }

    /// For a Gaussian posterior that is the same for all pictures, the code tells nothing, dimensions are independent,
    /// and all of the divergence is that of single dimensions: known in closed form.
    #[test]
    fn parts_of_one_gaussian_are_known() {
        let device = Device::flex();
        let (b, dim, m, lv) = (400, 2, 0.7f64, -0.6f64);
        let noise = Stream::new(1, "noise").normals(b * dim);
        let z: Vec<f32> = noise.iter().map(|e| (m + (lv / 2.0).exp() * f64::from(*e)) as f32).collect();
        let z = Tensor::<2>::from_data(TensorData::new(z, [b, dim]), &device);
        let (mean, log_variance) = (Tensor::full([b, dim], m, &device), Tensor::full([b, dim], lv, &device));
        let got = parts(z, mean, log_variance, b as u64, Estimator::Stratified);
        let scalar = |t: Tensor<1>| f64::from(t.into_scalar::<f32>());
        let kl = dim as f64 * 0.5 * (m * m + lv.exp() - lv - 1.0);
        assert!(scalar(got.mutual_information).abs() < 0.01 && scalar(got.total_correlation).abs() < 0.01);
        assert!((scalar(got.dimension_kl) - kl).abs() < 0.1);
    }
}
