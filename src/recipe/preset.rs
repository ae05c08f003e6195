//! Presets: recipes to start from, each saying what to expect and how long it takes.

use super::architecture::{ARCHITECTURES, Architecture, Setup, find as find_architecture};
pub use super::architecture::{Preset, Size};
use super::{ModelRecipe, Recipe};
use crate::base::{Family, Resolution};

/// Pictures with more pixels a side than this are large.
pub const LARGE: u32 = 40;

/// Whether pictures have more pixels than a square of [`LARGE`] a side.
pub(super) fn is_large(resolution: Resolution) -> bool {
    resolution.pixels() > Resolution::square(LARGE).pixels()
}

/// What is known of the data when a preset is applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// Usable pictures.
    pub pictures: u64,
    /// Resolution chosen.
    pub resolution: Resolution,
}

const COUNT: usize = {
    let (mut count, mut i) = (0, 0);
    while i < ARCHITECTURES.len() {
        count += ARCHITECTURES[i].presets.len();
        i += 1;
    }
    count
};

/// Every preset, the first to recommend first: those that everybody sees, then the others, in the order of their models.
pub const PRESETS: &[Preset] = &{
    let mut all = [ARCHITECTURES[0].presets[0]; COUNT];
    let (mut at, mut pass) = (0, 0);
    while pass < 2 {
        let mut i = 0;
        while i < ARCHITECTURES.len() {
            let own = ARCHITECTURES[i].presets;
            let mut k = 0;
            while k < own.len() {
                if own[k].more == (pass == 1) {
                    all[at] = own[k];
                    at += 1;
                }
                k += 1;
            }
            i += 1;
        }
        pass += 1;
    }
    all
};

/// The preset of this name.
pub fn find(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.id == id)
}

/// The preset to start with for a model.
pub fn for_model(model: &str) -> Option<&'static Preset> {
    PRESETS.iter().filter(|p| p.model == model).min_by_key(|p| (p.size != Size::Normal, p.id))
}

impl Preset {
    /// The row of its model.
    pub fn architecture(&self) -> &'static Architecture {
        find_architecture(self.model).expect("presets stand in the rows of their models")
    }

    /// Family of its model.
    pub fn family(&self) -> Family {
        self.architecture().family
    }

    /// The same preset over so many thousand pictures at 32 pixels; its schedules follow.
    pub fn lasting(&self, kimg: f64) -> Self {
        Self { kimg, ..*self }
    }

    /// The recipe, fitted to the data.
    pub fn recipe(&self, facts: Facts) -> Recipe {
        let setup = Setup { size: self.size, large: is_large(facts.resolution), pictures: facts.pictures };
        let model = ModelRecipe { id: self.model.into(), ..ModelRecipe::default() };
        let mut r = Recipe { model, ..Recipe::default() };
        r.data.resolution = facts.resolution;
        r.run.kimg = self.kimg * if setup.large { 2.0 } else { 1.0 };
        (r.model.width, r.model.narrow, r.model.blocks) = match self.size {
            Size::Tiny => (64, 32, 1),
            Size::Normal => (128, 32, 1),
            Size::Quality => (256, 64, 2),
        };
        if setup.large {
            r.model.narrow = (r.model.narrow / 2).max(16);
        }
        (self.architecture().set_up)(&mut r, &setup);
        r.run.checkpoint_kimg = (r.run.kimg / 12.0).clamp(2.0, 50.0);
        r.run.preview_kimg = (r.run.kimg / 60.0).clamp(0.25, 10.0);
        r
    }

    /// Work of one picture, in billions of multiply-adds for a whole training step of it (rough).
    pub fn gmacs_per_picture(&self, resolution: Resolution) -> f64 {
        super::flops::gmacs_per_picture(&self.recipe(Facts { pictures: 10_000, resolution }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_valid_recipe_at_every_size() {
        for preset in PRESETS {
            let squares = [16, 28, 32, 64, 100, 256, 512].map(Resolution::square);
            for resolution in squares.into_iter().chain([Resolution::new(16, 64), Resolution::new(48, 20)]) {
                for pictures in [40, 900, 60_000] {
                    let r = preset.recipe(Facts { pictures, resolution });
                    if r.data.resolution.longer() > preset.architecture().max_side {
                        r.validate().unwrap_err();
                        continue;
                    }
                    r.validate().unwrap_or_else(|e| panic!("{} at {resolution}: {e}", preset.id));
                }
            }
        }
    }

    #[test]
    fn every_model_has_a_preset_and_small_sets_are_augmented() {
        for row in ARCHITECTURES {
            assert_eq!(for_model(row.id).unwrap().family(), row.family);
        }
        assert_eq!((PRESETS[0].id, PRESETS.len()), ("gan-tiny", COUNT));
        assert!(PRESETS.windows(2).all(|p| !p[0].more || p[1].more), "those that everybody sees come first");
        let r = find("gan").unwrap().recipe(Facts { pictures: 100, resolution: 32.into() });
        assert!(r.objective.augment.at(0) > 0.5);
    }
}
