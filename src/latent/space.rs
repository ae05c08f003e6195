//! What a network is given: a latent in plain numbers, with class and noise.

use super::prior::Prior;
use crate::base::rng::Stream;
use crate::recipe::picture::{Latent, Place, Space};

/// A place in a model's inputs, in numbers of the right count.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// Whether the numbers are a latent or styles.
    pub space: Space,
    /// `dim` numbers, or for styles `dim` or `layers · dim`.
    pub values: Vec<f32>,
    /// Share of each class; empty for a model without classes, all zero for no class in particular.
    pub class: Vec<f32>,
    /// Seed of the noise inputs.
    pub noise: u64,
    /// Truncation: styles are pulled towards their mean, latents towards zero; 1 leaves them.
    pub psi: f32,
    /// Styles of layers from this one on are not truncated.
    pub cutoff: usize,
}

impl Code {
    /// A latent without class.
    pub fn plain(values: Vec<f32>) -> Self {
        Self { space: Space::Z, values, class: Vec::new(), noise: 0, psi: 1.0, cutoff: usize::MAX }
    }

    /// The latent of a seed, of this class among so many.
    pub fn seeded(seed: u64, dim: usize, classes: usize, class: usize) -> Self {
        let mut code = Self::plain(crate::base::rng::latent_from_seed(seed, dim));
        code.class = vec![0.0; classes];
        if let Some(share) = code.class.get_mut(class) {
            *share = 1.0;
        }
        code
    }

    /// The same, drawn through a fitted prior: what makes it more typical or less is done to the normals.
    #[must_use]
    pub fn through(mut self, prior: &Prior) -> Self {
        if self.space == Space::Z {
            self.values.iter_mut().for_each(|v| *v *= self.psi);
            self.values = prior.latent(&self.values);
            self.psi = 1.0;
        }
        self
    }

    /// A latent for a model with `dim` latent dimensions and `classes` classes. A seed without a class belongs to one
    /// by chance (always the same), other latents to none in particular.
    pub fn of(latent: &Latent, dim: usize, classes: usize) -> Self {
        let place = latent.place();
        let mut class = vec![0.0; classes];
        for &(i, share) in &place.class {
            if let Some(slot) = class.get_mut(i as usize) {
                *slot += share;
            }
        }
        if let (true, true, Some(seed)) = (classes > 0, place.class.is_empty(), latent.seed()) {
            class[class_of_seed(seed, classes)] = 1.0;
        }
        let values = match &place {
            Place { space: Space::W, values, .. } => values.clone(),
            _ => latent.values(dim),
        };
        Self { space: place.space, class, noise: place.noise, ..Self::plain(values) }
    }
}

/// The class that a seed belongs to where none is chosen. Frozen: recipes in pictures rely on it.
pub fn class_of_seed(seed: u64, classes: usize) -> usize {
    Stream::new(seed, "class").below(classes.max(1) as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_have_a_class_by_chance_and_blends_add_up() {
        let counts = (0..600).fold([0; 3], |mut n, seed| {
            n[class_of_seed(seed, 3)] += 1;
            n
        });
        assert!(counts.iter().all(|n| *n > 150), "{counts:?}");
        let seed = Latent::Seed { seed: 5 };
        assert_eq!(Code::of(&seed, 4, 3).class.iter().sum::<f32>(), 1.0);
        assert_eq!(Code::of(&seed.with_class(&[(0, 0.5), (2, 0.5), (7, 1.0)]), 4, 3).class, [0.5, 0.0, 0.5]);
        assert_eq!(Code::of(&Latent::Point { values: vec![1.0] }, 2, 3).class, [0.0; 3]);
        assert!(Code::of(&seed, 4, 0).class.is_empty());
        assert_eq!(Code::seeded(9, 4, 2, 1).class, [0.0, 1.0]);
    }
}
