//! `bench memory`: what training a recipe holds at most, beside what is foreseen of it.
//!
//! A process remembers the most it ever held, so each measurement takes a process of its own.

use serde::Serialize;

use crate::base::{Problem, Resolution, Result, memory};
use crate::latent::space::Code;
use crate::models::outline;
use crate::recipe::Recipe;
use crate::train::device;
use crate::train::optim::StepAt;
use crate::train::trainer::Trainer;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The model.
    pub model: String,
    /// Width and height.
    pub resolution: Resolution,
    /// Pictures a step.
    pub batch: u32,
    /// Parts that a batch is worked on in.
    pub parts: u32,
    /// What the form foresees, in megabytes.
    pub foreseen_mb: f64,
    /// The most that the process held, in megabytes.
    pub peak_mb: f64,
}

/// Takes `steps` steps on noise (a penalty is among the first), makes the samples of a preview and the state of a
/// checkpoint, as a run does.
///
/// # Errors
/// The recipe makes no networks, there is no such device, or the system does not tell.
pub fn run(recipe: &Recipe, steps: u64, device_id: &str) -> Result<Report> {
    let device = device::open(device_id)?;
    let foreseen = outline::outline(recipe)?.memory;
    let mut trainer = Trainer::new(recipe, &device)?;
    let n = recipe.optim.batch as usize;
    let mut noise = crate::base::rng::Stream::new(1, "bench memory");
    let bytes: Vec<u8> = (0..n * recipe.shape().bytes()).map(|_| noise.below(256) as u8).collect();
    let labels = vec![None; n];
    for step in 0..steps.max(1) {
        trainer.step_on(&bytes, &labels, StepAt { step, ..StepAt::first() });
        let _ = trainer.read();
    }
    let codes: Vec<Code> = (0..16).map(|i| Code::seeded(i, recipe.model.latent as usize, 0, 0)).collect();
    drop(trainer.samples(&codes));
    drop(trainer.state());
    let peak = memory::peak().ok_or_else(|| Problem::failed("This system does not tell how much memory was held"))?;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    Ok(Report {
        model: recipe.model.id.clone(),
        resolution: recipe.data.resolution,
        batch: recipe.optim.batch,
        parts: recipe.optim.accumulate,
        foreseen_mb: mb(foreseen),
        peak_mb: mb(peak),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::preset::{Facts, find};

    #[test]
    fn a_recipe_is_measured_beside_what_is_foreseen() {
        let mut recipe = find("vae-tiny").unwrap().recipe(Facts { pictures: 100, resolution: Resolution::new(16, 24) });
        (recipe.model.width, recipe.optim.batch) = (8, 4);
        let report = run(&recipe, 1, "cpu").unwrap();
        assert!(report.peak_mb > 1.0 && report.foreseen_mb > 1.0);
        assert_eq!((report.resolution.to_string().as_str(), report.batch), ("16x24", 4));
        assert!(run(&recipe, 1, "toaster").is_err());
    }
}
