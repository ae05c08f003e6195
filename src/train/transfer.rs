//! What a model takes over from another one, also of another resolution or with other classes.
//!
//! Generators and decoders count their sizes from the smallest, so a deeper network begins with the same names. Critics
//! and encoders count from the full picture: there the numbers are shifted, so that the same size meets the same size.
//! Vectors of classes follow the classes' names; a class that the other model does not know begins as the mean of those
//! that it does.

use crate::models::info::ModelInfo;
use crate::models::io::METADATA;
use crate::models::io::{HostTensor, Weights};
use crate::recipe::ModelRecipe;

/// Lists whose places are counted from the full picture, in critics and encoders.
const FROM_PICTURE: [&str; 4] = ["blocks", "steps", "convs", "norms"];

/// The model that a snapshot is of, if it says so.
pub fn model_of(snapshot: &Weights) -> Option<ModelRecipe> {
    let info: ModelInfo = serde_json::from_str(snapshot.metadata.get(METADATA)?).ok()?;
    Some(info.recipe.model)
}

/// Weights with names and classes as a network with these `target` weights has them. `from_picture` for critics and
/// encoders.
pub fn fitted(
    weights: &Weights,
    target: &Weights,
    old: Option<&ModelRecipe>,
    new: &ModelRecipe,
    from_picture: bool,
) -> Weights {
    let mut out = weights.clone();
    if from_picture {
        for list in FROM_PICTURE {
            let (before, now) = (count(weights, list), count(target, list));
            if before > 0 && now > 0 && before != now {
                shift(&mut out, list, now as i64 - before as i64);
            }
        }
    }
    if let Some(old) = old.filter(|old| old.conditional && new.conditional && old.classes != new.classes) {
        for (name, tensor) in &mut out.tensors {
            // `[classes, n]`, in all networks.
            let is_classes = name.ends_with(".weight")
                && (name.contains("embed.") || name.contains(".gain.") || name.contains(".shift."))
                && tensor.shape.first() == Some(&old.classes.len());
            if is_classes {
                *tensor = of_classes(tensor, &old.classes, &new.classes);
            }
        }
    }
    out
}

/// How many places a list has.
fn count(weights: &Weights, list: &str) -> usize {
    let place = |name: &String| name.strip_prefix(list)?.strip_prefix('.')?.split('.').next()?.parse::<usize>().ok();
    weights.tensors.keys().filter_map(place).max().map_or(0, |last| last + 1)
}

fn shift(weights: &mut Weights, list: &str, by: i64) {
    let old = std::mem::take(&mut weights.tensors);
    weights.tensors = old
        .into_iter()
        .filter_map(|(name, tensor)| {
            let Some(rest) = name.strip_prefix(list).and_then(|r| r.strip_prefix('.')) else {
                return Some((name, tensor));
            };
            let (place, rest) = rest.split_once('.')?;
            let place = place.parse::<i64>().ok()? + by;
            (place >= 0).then(|| (format!("{list}.{place}.{rest}"), tensor))
        })
        .collect();
}

fn of_classes(tensor: &HostTensor, old: &[String], new: &[String]) -> HostTensor {
    let n = tensor.values.len() / old.len().max(1);
    let mean: Vec<f32> =
        (0..n).map(|k| tensor.values.iter().skip(k).step_by(n).sum::<f32>() / old.len() as f32).collect();
    let row = |class: &String| match old.iter().position(|o| o == class) {
        Some(i) => &tensor.values[i * n..(i + 1) * n],
        None => &mean[..],
    };
    HostTensor { shape: vec![new.len(), n], values: new.iter().flat_map(row).copied().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Critic, Generator};
    use crate::recipe::Recipe;
    use burn::tensor::Device;

    fn recipe(side: u32, narrow: u32, classes: &[&str]) -> Recipe {
        let mut r = Recipe::default();
        (r.data.resolution, r.model.width, r.model.narrow, r.model.latent) = (side.into(), 16, narrow, 4);
        r.model.conditional = !classes.is_empty();
        r.model.classes = classes.iter().map(|c| (*c).into()).collect();
        r
    }

    #[test]
    fn twice_the_resolution_keeps_every_size_that_both_have() {
        let device = Device::flex();
        let (small, large) = (recipe(16, 8, &[]), recipe(32, 4, &[]));
        let of = |r: &Recipe| Weights::of(&Critic::init(r, &device).unwrap());
        let (from, to) = (of(&small), of(&large));
        let moved = fitted(&from, &to, Some(&small.model), &large.model, true);
        // 16 → 8 → 4 pixels are the last three blocks of four.
        assert_eq!(moved.tensors["blocks.3.a.weight"], from.tensors["blocks.2.a.weight"]);
        let (critic, fit) = moved.load_fitting(Critic::init(&large, &device).unwrap());
        assert!(fit.loaded.contains(&"blocks.2.a.weight".to_string()), "{fit:?}");
        assert_eq!(Weights::of(&critic).tensors["blocks.2.b.weight"], from.tensors["blocks.1.b.weight"]);
        let generator = |r: &Recipe| Weights::of(&Generator::init(r, &device).unwrap());
        let same = fitted(&generator(&small), &generator(&large), None, &large.model, false);
        assert_eq!(same, generator(&small));
    }

    #[test]
    fn classes_follow_their_names_and_new_ones_begin_in_the_middle() {
        let device = Device::flex();
        let (old, new) = (recipe(16, 8, &["cat", "dog"]), recipe(16, 8, &["bird", "dog", "cat"]));
        let of = |r: &Recipe| Weights::of(&Generator::init(r, &device).unwrap());
        let from = of(&old);
        let moved = fitted(&from, &of(&new), Some(&old.model), &new.model, false);
        let (before, after) = (&from.tensors["embed.weight"].values, &moved.tensors["embed.weight"].values);
        assert_eq!((after[16..32].to_vec(), after[32..].to_vec()), (before[16..].to_vec(), before[..16].to_vec()));
        assert!((after[3] - (before[3] + before[19]) / 2.0).abs() < 1e-6);
        let (_, fit) = moved.load_fitting(Generator::init(&new, &device).unwrap());
        assert!(fit.fresh.is_empty(), "{fit:?}");
    }
}
