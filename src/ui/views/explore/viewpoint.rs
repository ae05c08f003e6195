//! The present picture, and which latents a model can make pictures of: checked before any is asked for.
//!
//! A latent outlives the model it was found in: it stays on the screen while another model is chosen, in the history, in
//! stops of a film, and in files of earlier versions. A seed means something in every model; styles and plain numbers do
//! only where the network takes as many of them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::base::rng::Stream;
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;

/// Classes with their shares.
pub type ClassShares = Vec<(u32, f32)>;

/// A picture by the model that makes it, its latent and its truncation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Viewpoint {
    /// The model.
    pub model: Option<ModelRef>,
    /// The latent.
    pub latent: Latent,
    /// Truncation or temperature.
    pub truncation: f32,
}

impl Viewpoint {
    /// A latent as it is seen from here: of the class of this one, unless it has one of its own.
    #[must_use]
    pub fn classed(&self, latent: &Latent) -> Latent {
        let own = latent.class();
        if own.is_empty() { latent.with_class(self.latent.class()) } else { latent.clone() }
    }

    /// As [`Self::classed`], all of them.
    pub fn all_classed(&self, latents: &[Latent]) -> Vec<Latent> {
        latents.iter().map(|l| self.classed(l)).collect()
    }
}

impl Default for Viewpoint {
    fn default() -> Self {
        Self { model: None, latent: Latent::Seed { seed: 1 }, truncation: 1.0 }
    }
}

/// A seed at random.
pub fn random_seed() -> Latent {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    // Short enough to be read out and typed in.
    Latent::Seed { seed: Stream::new(now, "dice").below(1_000_000) }
}

/// Why a model cannot make a picture of a latent; nothing if it can.
pub fn misfit(latent: &Latent, info: &ModelInfo) -> Option<String> {
    fitted(latent, info).err()
}

/// A latent as a model can make it: shares of classes that it does not know are left out.
///
/// # Errors
/// It cannot make it at all, for this reason.
pub fn fitted(latent: &Latent, info: &ModelInfo) -> Result<Latent, String> {
    let dims = Dims::of(info);
    let known = |c: &&(u32, f32)| (c.0 as usize) < dims.classes && c.1.is_finite();
    let classes: ClassShares = latent.class().iter().filter(known).copied().collect();
    let own = if classes.len() == latent.class().len() { latent.clone() } else { latent.with_class(&classes) };
    match dims.check(&own) {
        Ok(()) => Ok(own),
        Err(problem) => Err(problem.detail.unwrap_or(problem.what)),
    }
}

/// What a model shows in the place of a latent that it cannot make: the seed it came from if that is known.
pub fn instead(latent: &Latent) -> Latent {
    Latent::Seed { seed: latent.place().seed.unwrap_or(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::picture::{Place, Space};

    fn model(id: &str, latent: u32, classes: &[&str]) -> ModelInfo {
        let mut info = crate::engine::fake::models().remove(0);
        info.latent = latent;
        info.recipe.model.id = id.into();
        info.recipe.model.conditional = !classes.is_empty();
        info.recipe.model.classes = classes.iter().map(|c| (*c).into()).collect();
        info
    }

    fn styles(n: usize) -> Latent {
        Latent::of(Place { space: Space::W, values: vec![0.5; n], ..Place::default() })
    }

    #[test]
    fn a_latent_fits_the_models_whose_numbers_it_has() {
        let (plain, styled) = (model("res-gan", 64, &[]), model("style-gan", 64, &[]));
        let layers = Dims::of(&styled).layers;
        assert!(layers > 0);
        let point = |n: usize| Latent::Point { values: vec![0.1; n] };
        for info in [&plain, &styled] {
            assert_eq!(misfit(&Latent::Seed { seed: u64::MAX }, info), None);
            assert_eq!(misfit(&point(64), info), None);
            assert!(misfit(&point(512), info).unwrap().contains("512"));
            assert!(misfit(&Latent::Point { values: vec![f32::NAN; 64] }, info).is_some());
        }
        assert!(misfit(&styles(64), &plain).unwrap().contains("style"));
        assert_eq!((misfit(&styles(64), &styled), misfit(&styles(64 * layers), &styled)), (None, None));
        assert!(misfit(&styles(65), &styled).is_some());
    }

    #[test]
    fn classes_that_a_model_does_not_know_are_left_out() {
        let two = model("res-gan", 64, &["hats", "shoes"]);
        let latent = Latent::Seed { seed: 4 }.with_class(&[(1, 0.5), (7, 0.5)]);
        assert_eq!(fitted(&latent, &two).unwrap().class(), [(1, 0.5)]);
        assert_eq!(fitted(&latent, &model("res-gan", 64, &[])), Ok(Latent::Seed { seed: 4 }));
        assert!(fitted(&styles(64), &two).is_err());
        assert_eq!(instead(&styles(64)), Latent::Seed { seed: 1 });
    }
}
