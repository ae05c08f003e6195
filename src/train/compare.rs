//! Two devices compared: one step of a small GAN and of a small VAE from the same state, on the same pictures.

use burn::tensor::Device;

use super::optim::StepAt;
use super::trainer::Trainer;
use crate::base::rng::Stream;
use crate::base::{Problem, Result};
use crate::recipe::{Recipe, Schedule, architecture};

/// Pictures in the step.
const BATCH: usize = 16;

/// Largest relative differences of two devices; infinite where a number is not finite or missing.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Difference {
    /// Losses and penalties.
    pub forward: f64,
    /// Gradients of every weight, relative to the largest of its tensor.
    pub gradients: f64,
    /// Weights after one step of the optimiser, relative to the largest of their tensor.
    pub step: f64,
}

impl Difference {
    /// The largest of them.
    pub fn worst(&self) -> f64 {
        self.forward.max(self.gradients).max(self.step)
    }
}

/// Groups of numbers that one step computes, in an order that does not depend on the device.
#[derive(Default)]
struct Numbers {
    forward: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    step: Vec<Vec<f32>>,
}

/// The two runs that are compared: every kind of layer and penalty that training needs is in one of them.
fn recipes() -> [Recipe; 2] {
    [architecture::RES_GAN, architecture::CONV_VAE].map(|model| {
        let mut recipe = Recipe { seed: 7, ..Recipe::default() };
        recipe.data.resolution = 16.into();
        recipe.model.id = model.id.into();
        (recipe.model.width, recipe.model.narrow, recipe.model.latent) = (32, 16, 8);
        recipe.objective.penalty_interval = 1;
        recipe.objective.augment = Schedule::constant(0.0);
        // Adam divides a gradient by its own size: without this, what is nearly zero would decide by its sign alone.
        recipe.optim.epsilon = 1e-3;
        recipe.optim.batch = BATCH as u32;
        recipe
    })
}

fn numbers(device: &Device) -> Result<Numbers> {
    let mut all = Numbers::default();
    for recipe in recipes() {
        let mut trainer = Trainer::new(&recipe, device)?;
        let mut stream = Stream::new(3, "compare");
        let bytes: Vec<u8> = (0..BATCH * recipe.shape().bytes()).map(|_| stream.below(256) as u8).collect();
        trainer.step_on(&bytes, &[None; BATCH], StepAt::first());
        let told = trainer
            .read()
            .map_err(|bad| Problem::failed("This device computes numbers that are not finite").of(bad.join(", ")))?;
        // A rate counts how often a number is above another: a hair decides.
        all.forward.extend(told.into_iter().filter(|(name, _)| !name.contains("rate")).map(|(_, v)| vec![v as f32]));
        for (name, tensor) in trainer.state().0.tensors {
            if name.contains(".m.") {
                all.gradients.push(tensor.values);
            } else if !name.contains(".v.") {
                all.step.push(tensor.values);
            }
        }
    }
    Ok(all)
}

/// Compares a device with another.
///
/// # Errors
/// A tensor operation fails, or a number is not finite.
pub fn compare(a: &Device, b: &Device) -> Result<Difference> {
    let (a, b) = (numbers(a)?, numbers(b)?);
    Ok(Difference {
        forward: difference(&a.forward, &b.forward),
        gradients: difference(&a.gradients, &b.gradients),
        step: difference(&a.step, &b.step),
    })
}

/// Largest difference of two lists of groups, relative to each group's largest number (but not to less than a
/// thousandth).
fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    if a.len() != b.len() || a.is_empty() {
        return f64::INFINITY;
    }
    let mut worst = 0.0f64;
    for (a, b) in a.iter().zip(b) {
        if a.len() != b.len() {
            return f64::INFINITY;
        }
        let scale = a.iter().fold(1e-3f64, |m, v| m.max(f64::from(v.abs())));
        for (x, y) in a.iter().zip(b) {
            let d = f64::from((x - y).abs()) / scale;
            worst = if d.is_nan() { f64::INFINITY } else { worst.max(d) };
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_agrees_with_itself() {
        let same = compare(&Device::flex(), &Device::flex()).unwrap();
        assert_eq!(same.worst(), 0.0);
        let all = numbers(&Device::flex()).unwrap();
        assert!(all.forward.len() > 6 && all.gradients.len() > 20 && all.step.len() > 20);
        assert!(all.gradients.iter().flatten().any(|g| g.abs() > 1e-3));
    }

    #[test]
    fn differences_are_relative_and_not_a_number_is_infinite() {
        assert_eq!(difference(&[vec![1.0, 2.0]], &[vec![1.0, 2.0]]), 0.0);
        assert!((difference(&[vec![100.0]], &[vec![101.0]]) - 0.01).abs() < 1e-9);
        assert!(difference(&[vec![1.0]], &[vec![f32::NAN]]).is_infinite());
        assert!(difference(&[], &[]).is_infinite());
    }
}
