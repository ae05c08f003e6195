//! The check that a device computes right numbers, and how fast it trains. [`probe_one`] may crash with its driver: it is
//! meant to run in a child process.

use std::time::Instant;

use burn::tensor::Device;

use super::compare::{self, Difference};
use super::optim::StepAt;
use super::trainer::Trainer;
use crate::base::{Problem, Result};
pub use crate::nn::device::{candidates, name_of, open};
use crate::recipe::Schedule;
use crate::recipe::flops::gmacs_per_picture;
use crate::recipe::preset::{self, Facts};

/// Largest relative difference from the CPU that a device may show.
pub const TOLERANCE: f64 = 2e-3;

/// What a probe measured.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Probe {
    /// Name by the driver.
    pub name: String,
    /// A rasteriser on the CPU rather than a GPU.
    pub software: bool,
    /// How far it is from the CPU; nothing for a software renderer, which is not tried.
    pub difference: Option<Difference>,
    /// Billions of multiply-adds a second of a small training step.
    pub gmacs_per_s: f64,
}

/// Billions of multiply-adds a second in whole training steps of the first preset, in that preset's own count: what its
/// estimates of minutes are made of.
fn speed(device: &Device) -> Result<f64> {
    let preset = preset::find("gan").ok_or_else(|| Problem::failed("The first preset is missing"))?;
    let mut recipe = preset.recipe(Facts { pictures: 100_000, resolution: 32.into() });
    recipe.objective.augment = Schedule::constant(0.0);
    let n = 16;
    let mut trainer = Trainer::new(&recipe, device)?;
    let bytes = vec![127u8; n * recipe.shape().bytes()];
    // The first step compiles kernels; the penalty comes every fourth.
    let labels = vec![None; n];
    trainer.step_on(&bytes, &labels, StepAt { step: 1, ..StepAt::first() });
    let _ = trainer.read();
    let began = Instant::now();
    let mut steps = 0u32;
    while steps < 4 || (began.elapsed().as_secs_f64() < 0.5 && steps < 100) {
        trainer.step_on(&bytes, &labels, StepAt { step: u64::from(steps), ..StepAt::first() });
        // Reading waits for the device.
        let _ = trainer.read();
        steps += 1;
    }
    let images_per_s = f64::from(steps) * n as f64 / began.elapsed().as_secs_f64();
    Ok(images_per_s * gmacs_per_picture(&recipe))
}

/// Opens a device, compares it with the CPU and measures its speed. May crash with the driver.
///
/// # Errors
/// It does not start, or a tensor operation fails.
pub fn probe_one(id: &str) -> Result<Probe> {
    let device = open(id)?;
    let name = name_of(id, &device);
    if is_software(&name) {
        // It would take minutes to say what is known: the CPU itself is faster.
        return Ok(Probe { name, software: true, difference: None, gmacs_per_s: 0.0 });
    }
    let difference = compare::compare(&Device::flex(), &device)?;
    Ok(Probe { name, software: false, difference: Some(difference), gmacs_per_s: speed(&device)? })
}

/// Whether this is the name of a rasteriser on the CPU rather than of a GPU.
pub fn is_software(name: &str) -> bool {
    let name = name.to_lowercase();
    ["llvmpipe", "swiftshader", "software", "lavapipe", "basic render"].iter().any(|s| name.contains(s))
}

/// Opens a device and compares it with the CPU, also one that is not worth using. May crash with the driver.
///
/// # Errors
/// It does not start, or a tensor operation fails.
pub fn compare_one(id: &str) -> Result<(String, Difference)> {
    let device = open(id)?;
    Ok((name_of(id, &device), compare::compare(&Device::flex(), &device)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_others_are_named() {
        assert!(open("toaster").unwrap_err().remedy.unwrap().contains("cpu"));
        let probe = probe_one("cpu").unwrap();
        assert!(probe.gmacs_per_s > 0.0 && !probe.software);
    }
}
