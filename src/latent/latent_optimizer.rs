//! Moving latents downhill: rows of numbers that Adam changes so that their pictures become what is wanted.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::latent_forward::{Conditioning, LatentSpace, host};
use super::model::LoadedModel;
use crate::base::Result;
use crate::models::Probe;
use crate::nn::activation;
use crate::train::optim::{Adam, AdamSettings};

/// The numbers that are moved, each about a standard normal.
#[derive(Module, Debug)]
struct Moved {
    numbers: Param<Tensor<2>>,
}

/// Latents on their way downhill. Each row goes by itself: none minds the others.
pub(super) struct Descent<'a> {
    model: &'a LoadedModel,
    freedom: LatentSpace,
    held: Vec<Conditioning>,
    centre: Tensor<2>,
    scale: f32,
    moved: Moved,
    adam: Adam,
}

impl<'a> Descent<'a> {
    /// From these rows on, which hold this besides.
    ///
    /// # Errors
    /// The model has no such space.
    pub fn new(
        model: &'a LoadedModel,
        freedom: LatentSpace,
        rows: &[Vec<f32>],
        held: Vec<Conditioning>,
    ) -> Result<Self> {
        model.allows(freedom)?;
        let (centre, scale) = model.spread(freedom)?;
        let device = model.device.clone().autodiff();
        let standard: Vec<f32> =
            rows.iter().flat_map(|row| row.iter().zip(&centre).map(|(v, m)| (v - m) / scale)).collect();
        let shape = [rows.len(), centre.len()];
        let moved = Moved { numbers: Param::from_data(TensorData::new(standard, shape), &device) };
        let centre = Tensor::from_data(TensorData::new(centre, [1, shape[1]]), &model.device);
        Ok(Self { model, freedom, held, centre, scale, moved, adam: Adam::new() })
    }

    /// The standard numbers, differentiable. `[b, row]`
    pub fn numbers(&self) -> Tensor<2> {
        self.moved.numbers.val()
    }

    /// Pictures of standard numbers, differentiable, with features shown to `probe`. `[b, row] → [b, c, r, r]`
    pub fn pictures(&self, numbers: Tensor<2>, probe: Probe<'_>) -> Tensor<4> {
        self.model.draw(numbers * self.scale + self.centre.clone(), self.freedom, &self.held, probe)
    }

    /// One step of Adam on the sum of all rows' losses.
    pub fn step(&mut self, loss: Tensor<1>, lr: f64) {
        let grads = GradientsParams::from_grads(loss.backward(), &self.moved);
        let settings = AdamSettings { lr, beta1: 0.9, beta2: 0.99, epsilon: 1e-10, clip_norm: 0.0 };
        self.moved = self.adam.step(settings, self.moved.clone(), grads).0;
    }

    /// The rows as they are now.
    pub fn rows(&self) -> Vec<Vec<f32>> {
        host(self.numbers().inner() * self.scale + self.centre.clone())
    }

    /// What the rows hold.
    pub fn held(&self) -> &[Conditioning] {
        &self.held
    }

    /// Goes on with some rows only, and with a fresh memory of gradients.
    ///
    /// # Errors
    /// None that a descent that began can have.
    pub fn choose(self, places: &[usize]) -> Result<Self> {
        let rows = self.rows();
        let chosen: Vec<Vec<f32>> = places.iter().map(|&i| rows[i].clone()).collect();
        let held = places.iter().map(|&i| self.held[i].clone()).collect();
        Self::new(self.model, self.freedom, &chosen, held)
    }
}

/// Pictures `y` as they are seen beside `wanted` ones, whose pixels end at black and white: what lies beyond either is as
/// right as it can be where that end is wanted, and leads back everywhere else. Without it a generator's own pictures
/// would not be found again, as it makes its whites whiter than white.
pub(in crate::latent) fn beside(y: Tensor<4>, wanted: &Tensor<4>) -> Tensor<4> {
    // Half a step of eight bits before the end.
    const END: f64 = 1.0 - 1.0 / 255.0;
    let white = wanted.clone().greater_elem(END).float();
    let black = wanted.clone().lower_elem(-END).float();
    let over = activation::relu(y.clone() - 1.0) * white;
    let under = activation::relu(y.clone().neg() - 1.0) * black;
    y - over + under
}

/// Learning rate at `t` of the way (0 to 1): rises over the first twentieth, falls along a cosine over the second
/// half (after StyleGAN2's projector).
pub(super) fn rate(peak: f64, t: f64) -> f64 {
    let fall = ((1.0 - t) / 0.5).clamp(0.0, 1.0);
    let fall = 0.5 - 0.5 * (std::f64::consts::PI * fall).cos();
    let rise = (t / 0.05 + 0.1).min(1.0);
    peak * (fall * rise).max(0.005)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn beyond_white_and_black_is_right_where_they_are_wanted_and_leads_back_elsewhere() {
        let device = Device::flex();
        let of = |v: [f32; 6]| Tensor::<4>::from_data(TensorData::new(v.to_vec(), [1, 1, 2, 3]), &device);
        let wanted = of([1.0, 1.0, -1.0, 0.5, -1.0, 0.98]);
        let y = of([1.3, 0.7, -1.2, 1.4, 1.1, 1.2]).autodiff().require_grad();
        let error = (beside(y.clone(), &wanted) - wanted.clone()).square().sum();
        let mut grads = error.backward();
        let slope: Vec<f32> = y.grad_remove(&mut grads).unwrap().into_data().convert::<f32>().try_into_vec().unwrap();
        let expected = [0.0, -0.6, 0.0, 1.8, 4.2, 0.44];
        assert!(slope.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{slope:?}");
    }
}
