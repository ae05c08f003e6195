//! Spectral normalisation (Miyato, Kataoka, Koyama & Yoshida 2018): weights divided by their largest singular value.
//!
//! The singular vector is followed by one power iteration a training step, which the trainer asks for
//! ([`Spectral::power_iteration`]), so a forward pass changes nothing and a resumed run equals an unbroken one.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::init::Init;

/// The left singular vector of a weight's largest singular value, as far as it is known.
#[derive(Module, Debug)]
pub struct Spectral {
    /// `[1, out]`, of length 1.
    pub running_u: Param<Tensor<2>>,
}

fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = (x.clone().square().sum_dim(1) + 1e-12).sqrt();
    x / length
}

impl Spectral {
    /// For a weight with so many outputs.
    pub fn new(init: &Init<'_>, outputs: usize) -> Self {
        let u = init.normal("running_u", [1, outputs], 1.0);
        Self { running_u: u.map(|u| unit(u.without_autodiff()).set_require_grad(false)) }
    }

    fn vectors(&self, rows: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let rows = rows.without_autodiff();
        let v = unit(self.running_u.val().without_autodiff().matmul(rows.clone()));
        let u = unit(v.clone().matmul(rows.transpose()));
        (u, v)
    }

    /// The weight divided by its largest singular value; gradients flow through both. `[out, …] → [out, …]`
    pub fn normalised<const D: usize>(&self, weight: Tensor<D>) -> Tensor<D> {
        let shape = weight.dims();
        let n = weight.shape().num_elements() / shape[0];
        let rows: Tensor<2> = weight.clone().reshape([shape[0], n]);
        let (u, v) = self.vectors(rows.clone());
        // σ = u · W · vᵀ
        let sigma: Tensor<2> = u.matmul(rows).mul(v).sum_dim(1);
        weight / (sigma + 1e-12).reshape([1i32; D])
    }

    /// After one more power iteration with this weight.
    #[must_use]
    pub fn power_iteration<const D: usize>(self, weight: &Tensor<D>) -> Self {
        let outputs = weight.dims()[0];
        let rows: Tensor<2> = weight.clone().reshape([outputs, weight.shape().num_elements() / outputs]);
        let (u, _) = self.vectors(rows);
        Self { running_u: self.running_u.map(|_| u.set_require_grad(false)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_largest_singular_value_becomes_one() {
        let device = Device::flex();
        // diag(3, 1) turned: singular values 3 and 1.
        let (c, s) = (0.6f32, 0.8f32);
        let w = Tensor::<2>::from_floats([[3.0 * c, 3.0 * s, 0.0], [-s, c, 0.0]], &device);
        let mut spectral = Spectral::new(&Init::new(1, "test", &device), 2);
        for _ in 0..30 {
            spectral = spectral.power_iteration(&w);
        }
        let n: Vec<f32> = spectral.normalised(w).into_data().try_into_vec().unwrap();
        let expected = [c, s, 0.0, -s / 3.0, c / 3.0, 0.0];
        assert!(n.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{n:?}");
    }
}
