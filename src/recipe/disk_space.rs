//! Space on the disk that a run will need. Rough, and said so.

use std::path::Path;

use super::Recipe;
use crate::base::paths::free_bytes;
use crate::base::{Built, Family, Problem};

/// Weights of both networks, in all (rough: two 3×3 convolutions for each block at each size).
fn weights(recipe: &Recipe) -> f64 {
    let Built { base, doublings: levels, .. } = recipe.data.resolution.built();
    let (wide, narrow) = (f64::from(recipe.model.width), f64::from(recipe.model.narrow));
    let mut channels = wide;
    let mut sum = f64::from(recipe.model.latent) * wide * base.pixels() as f64;
    for _ in 0..=levels {
        sum += channels * channels * 9.0 * 2.0 * f64::from(recipe.model.blocks.max(1));
        channels = (channels / 2.0).max(narrow);
    }
    2.0 * sum
}

/// Bytes that a run keeps: checkpoints with both optimisers, the snapshots to share, samples for the eye.
pub fn run_bytes(recipe: &Recipe) -> u64 {
    // Weights, their average, and two moments of Adam, in four bytes each.
    let checkpoint = weights(recipe) * 4.0 * 4.0;
    let kept = f64::from(recipe.run.keep) + 2.0;
    let grids = (recipe.run.kimg / recipe.run.preview_kimg.max(0.001)).min(2000.0);
    let pictures = if recipe.family().is_ok_and(|f| matches!(f, Family::Vae | Family::Tokens)) { 128.0 } else { 96.0 };
    // PNG takes about half of what the pixels do.
    let grid = pictures * recipe.shape().bytes() as f64 * 0.5;
    (checkpoint * kept + grids * grid) as u64
}

/// A warning if the disk may fill up before the run is over.
pub fn warning(dir: &Path, recipe: &Recipe) -> Option<Problem> {
    let (needed, free) = (run_bytes(recipe), free_bytes(dir)?);
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    (free < needed).then(|| {
        Problem::failed("The disk may fill up before this run is over")
            .of(dir.display().to_string())
            .because(format!("about {} MiB needed, {} MiB free", mib(needed), mib(free)))
            .try_this("Free some space, or keep fewer checkpoints and samples")
            .warning()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::preset::{Facts, find};

    #[test]
    fn larger_networks_and_more_checkpoints_need_more_space() {
        let small = find("gan-tiny").unwrap().recipe(Facts { pictures: 900, resolution: 32.into() });
        let large = find("gan-quality").unwrap().recipe(Facts { pictures: 900, resolution: 32.into() });
        assert!(run_bytes(&large) > 2 * run_bytes(&small));
        let mut more = small.clone();
        more.run.keep += 10;
        assert!(run_bytes(&more) > run_bytes(&small));
    }
}
