//! A prior made of what the encoder says of pseudo-inputs that are learned with it: the VampPrior of Tomczak & Welling,
//! "VAE with a VampPrior" (2018).

use burn::tensor::Tensor;

use super::log_sum_exp;
use super::total_correlation::log_normal;

/// Log density of latents under the even mixture of these posteriors. `([n, z], [k, z], [k, z]) → [n, 1]`
pub fn log_mixture(z: Tensor<2>, mean: Tensor<2>, log_variance: Tensor<2>) -> Tensor<2> {
    let ([n, dim], [k, _]) = (z.dims(), mean.dims());
    let row = |t: Tensor<2>| -> Tensor<3> { t.reshape([1, k, dim]) };
    let each = log_normal(z.reshape([n, 1, dim]), row(mean), row(log_variance)).sum_dim(2).reshape([n, k]);
    log_sum_exp(each, 1) - (k as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_mixture_is_its_formula_and_one_pseudo_input_a_gaussian() {
        let device = Device::flex();
        let z = Tensor::<2>::from_floats([[0.3, -1.0], [5.0, 2.0]], &device);
        let mean = Tensor::<2>::from_floats([[0.0, 0.5], [4.0, 1.0], [-30.0, 80.0]], &device);
        let lv = Tensor::<2>::from_floats([[0.0, -1.0], [0.6, 0.2], [-3.0, -3.0]], &device);
        let log_n = |x: f64, m: f64, lv: f64| -0.5 * ((x - m).powi(2) / lv.exp() + lv + std::f64::consts::TAU.ln());
        let (zs, ms, lvs) = (
            [[0.3, -1.0], [5.0, 2.0]],
            [[0.0, 0.5], [4.0, 1.0], [-30.0, 80.0]],
            [[0.0, -1.0], [0.6, 0.2], [-3.0, -3.0]],
        );
        let got = log_mixture(z.clone(), mean.clone(), lv.clone()).into_data().try_into_vec::<f32>().unwrap();
        for (i, got) in got.iter().enumerate() {
            let p: f64 = (0..3).map(|k| (0..2).map(|d| log_n(zs[i][d], ms[k][d], lvs[k][d])).sum::<f64>().exp()).sum();
            assert!((f64::from(*got) - (p / 3.0).ln()).abs() < 1e-4);
        }
        let one = log_mixture(z.clone(), mean.clone().slice([0..1, 0..2]), lv.clone().slice([0..1, 0..2]));
        let one = one.into_data().try_into_vec::<f32>().unwrap();
        let expected: f64 = (0..2).map(|d| log_n(zs[0][d], ms[0][d], lvs[0][d])).sum();
        assert!((f64::from(one[0]) - expected).abs() < 1e-5);
    }
}
