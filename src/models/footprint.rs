//! Memory that training holds at most, foreseen from the stages of the networks; `bench memory` measures it.
//!
//! The constants are those of the residual GAN on the CPU; each model has a factor and megabytes besides in its row
//! ([`Architecture::memory`](crate::recipe::Architecture::memory)). Presets at their own batch come within a fifth of what they
//! held (a test). The prepared pictures come on top, as far as the system keeps them.

use super::outline::{Stage, stages};
use crate::base::{Problem, Result, memory};
use crate::recipe::{Recipe, architecture};

/// The program itself, with threads and the buffers of its kernels, in bytes.
const PROGRAM: f64 = 25e6;
/// Copies of every weight: itself, its gradient, both of Adam's moments and the average.
const WEIGHTS: f64 = 5.0;
/// Copies of what a stage gives that are alive at once: inside its block, for the way back, and freed ones that are kept.
const COPIES: f64 = 5.7;

/// Bytes that training a recipe with these stages holds at most.
pub fn foreseen(recipe: &Recipe, stages: &[Stage]) -> u64 {
    in_parts(recipe, stages, recipe.optim.accumulate)
}

/// The same with the batch worked on in so many parts.
fn in_parts(recipe: &Recipe, stages: &[Stage], parts: u32) -> u64 {
    let parameters: usize = stages.iter().map(|s| s.parameters).sum();
    let numbers: usize = stages.iter().map(|s| s.size.pixels() * s.channels).sum();
    let pictures = f64::from(recipe.optim.batch.div_ceil(parts.max(1)));
    let residual = PROGRAM + 4.0 * (WEIGHTS * parameters as f64 + COPIES * pictures * numbers as f64);
    let (factor, besides) = architecture::find(&recipe.model.id).map_or((1.0, 0.0), |row| row.memory);
    (factor * residual + 1e6 * besides).max(PROGRAM) as u64
}

/// Refuses a recipe that a machine with `memory` bytes cannot train.
///
/// # Errors
/// It needs more, with the setting to change.
pub fn check(recipe: &Recipe, stages: &[Stage], memory: u64) -> Result<()> {
    // Rough: only what is beyond all memory there is.
    let (needed, room) = (foreseen(recipe, stages), memory);
    if needed <= room {
        return Ok(());
    }
    let batch = recipe.optim.batch;
    let parts = (recipe.optim.accumulate.max(1)..=batch.min(64)).find(|p| in_parts(recipe, stages, *p) <= room);
    let remedy = match parts {
        Some(parts) => {
            format!("Set optim.accumulate to {parts}: the same batch of {batch}, worked on in {parts} parts")
        }
        None => "Choose a smaller data.resolution, or a smaller model.width".to_owned(),
    };
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    Err(Problem::usage("This run would not fit into memory")
        .of(format!("optim.batch = {batch}, data.resolution = {}", recipe.data.resolution))
        .because(format!("it needs about {}, and this computer has {}", gb(needed), gb(memory)))
        .try_this(remedy))
}

/// Refuses a recipe that this machine cannot train on a device. Only the processor's memory is known: other devices have
/// their own, which they do not tell.
///
/// # Errors
/// As [`check`], or the recipe names no model.
pub fn admit(recipe: &Recipe, device: &str) -> Result<()> {
    match memory::physical().filter(|_| device == "cpu") {
        Some(bytes) => check(recipe, &stages(recipe)?, bytes),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Resolution;
    use crate::recipe::preset::{Facts, find};

    #[test]
    fn what_does_not_fit_is_refused_with_the_setting_to_change() {
        let recipe = find("gan").unwrap().recipe(Facts { pictures: 900, resolution: Resolution::new(256, 384) });
        let stages = stages(&recipe).unwrap();
        let needed = foreseen(&recipe, &stages);
        check(&recipe, &stages, 2 * needed).unwrap();
        let problem = check(&recipe, &stages, needed / 2).unwrap_err();
        assert!(problem.subject.unwrap().contains("256x384"));
        let remedy = problem.remedy.unwrap();
        let parts: u32 = remedy.split_whitespace().nth(3).unwrap().trim_end_matches(':').parse().unwrap();
        assert!(remedy.starts_with("Set optim.accumulate to"), "{remedy}");
        let mut parted = recipe.clone();
        parted.optim.accumulate = parts;
        check(&parted, &stages, needed / 2).unwrap();
        admit(&recipe, "another").unwrap();
        // Where no number of parts helps, the pictures or the networks are too large.
        let problem = check(&recipe, &stages, 50_000_000).unwrap_err();
        assert!(problem.remedy.unwrap().contains("data.resolution"));
    }

    /// What `bench memory --preset PRESET --resolution SIDE` found on the processor, in megabytes.
    const HELD: &[(&str, u32, f64)] = &[
        ("gan", 64, 273.0),
        ("gan", 128, 971.0),
        ("dcgan", 32, 110.0),
        ("dcgan", 64, 278.0),
        ("style-gan", 32, 287.0),
        ("style-gan", 64, 509.0),
        ("style-gan", 128, 1849.0),
        ("sn-resgan", 32, 210.0),
        ("sn-resgan", 64, 391.0),
        ("fast-gan", 64, 216.0),
        ("fast-gan", 128, 617.0),
        ("photos", 32, 236.0),
        ("photos", 64, 365.0),
        ("photos", 128, 1065.0),
        ("vae", 32, 57.5),
        ("vae", 64, 78.0),
        ("vae", 128, 176.0),
        ("vae-quality", 32, 544.0),
        ("vae-quality", 64, 930.0),
        ("vae-ladder", 32, 221.0),
        ("vae-ladder", 64, 360.0),
        ("vq-vae", 32, 82.5),
        ("vq-vae", 64, 165.0),
        ("vae-mlp", 32, 153.0),
    ];

    #[test]
    fn what_is_foreseen_is_within_a_fifth_of_what_was_held() {
        for &(preset, side, held) in HELD {
            let facts = Facts { pictures: 1000, resolution: Resolution::square(side) };
            let recipe = find(preset).unwrap().recipe(facts);
            let off = foreseen(&recipe, &stages(&recipe).unwrap()) as f64 / (1e6 * held) - 1.0;
            assert!(off.abs() < 0.2, "{preset} at {side}: {:+.0} %", 100.0 * off);
        }
    }

    #[test]
    fn memory_follows_the_pixels() {
        let at = |w, h| {
            let recipe = find("gan").unwrap().recipe(Facts { pictures: 900, resolution: Resolution::new(w, h) });
            foreseen(&recipe, &stages(&recipe).unwrap()) as f64
        };
        let (square, double) = (at(128, 128), at(128, 256));
        assert!(double > 1.6 * square && double < 2.2 * square, "{square} {double}");
        assert!((at(128, 256) - at(256, 128)).abs() < 1e-3 * double);
    }
}
