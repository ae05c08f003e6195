//! Breeding: children of pictures that a person likes, by mutation and crossover.

use serde::{Deserialize, Serialize};

use super::interpolate::Mode;
use super::latent_math::Dims;
use super::model::LoadedModel;
use crate::base::rng::Stream;
use crate::base::{Problem, Result};
use crate::recipe::picture::{Latent, Place, Space};

/// Children at once, at most.
const MOST: u32 = 1000;
/// Tries for a child that is unlike its brothers and sisters.
const TRIES: usize = 8;

/// How a child gets its numbers from two parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crossover {
    /// A place between them.
    Blend,
    /// Each number from one or the other.
    #[default]
    Dimensions,
    /// The styles of the first layers from one, of the rest from the other; as [`Crossover::Dimensions`] for models
    /// without styles.
    Layers,
}

/// What children are wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BreedConfig {
    /// How many.
    pub count: u32,
    /// How far children stray from what they inherit: 0 not at all, 1 to anywhere.
    pub mutation: f32,
    /// How two parents are crossed.
    pub crossover: Crossover,
    /// How different children are to be from each other: 0 as they come, 1 as different as can be.
    pub diversity: f32,
    /// Seed.
    pub seed: u64,
}

impl Default for BreedConfig {
    fn default() -> Self {
        Self { count: 12, mutation: 0.25, crossover: Crossover::default(), diversity: 0.5, seed: 1 }
    }
}

/// A child.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its latent.
    pub latent: Latent,
    /// Places of its parents among those given: one or two.
    pub parents: Vec<usize>,
}

impl Dims {
    /// Children of parents; `fresh` makes a random latent of the same space for a seed.
    ///
    /// # Errors
    /// There are no parents, or some are latents and others styles.
    pub fn breed(
        &self,
        parents: &[Latent],
        wish: &BreedConfig,
        fresh: &dyn Fn(u64) -> Result<Latent>,
    ) -> Result<Vec<Child>> {
        if parents.is_empty() {
            return Err(Problem::usage("There are no parents").try_this("Choose at least one picture"));
        }
        super::latent_math::space_of(parents)?;
        if !wish.mutation.is_finite() || !wish.diversity.is_finite() || wish.count > MOST {
            return Err(Problem::usage("There are no such children")
                .of(format!("{} of mutation {} and diversity {}", wish.count, wish.mutation, wish.diversity))
                .try_this(format!("Choose up to {MOST}, and numbers from 0 to 1")));
        }
        let mut stream = Stream::new(wish.seed, "breeding");
        let diversity = wish.diversity.clamp(0.0, 1.0);
        // Many are born, the most different stay.
        let born = wish.count as usize * (1.0 + 5.0 * diversity).round() as usize;
        let mut litter: Vec<Child> = Vec::with_capacity(born);
        for _ in 0..born {
            // The same child once only; where there are no more (one parent, no mutation), there are fewer.
            for _ in 0..TRIES {
                let child = self.child(parents, wish, fresh, &mut stream)?;
                if litter.iter().all(|c| c.latent != child.latent) {
                    litter.push(child);
                    break;
                }
            }
        }
        Ok(self.different(litter, wish.count as usize))
    }

    fn child(
        &self,
        parents: &[Latent],
        wish: &BreedConfig,
        fresh: &dyn Fn(u64) -> Result<Latent>,
        stream: &mut Stream,
    ) -> Result<Child> {
        let n = parents.len() as u64;
        let first = stream.below(n) as usize;
        let (mut latent, mut of) = (parents[first].clone(), vec![first]);
        if n > 1 {
            let second = (first + 1 + stream.below(n - 1) as usize) % n as usize;
            latent = self.crossed(&parents[first], &parents[second], wish.crossover, stream)?;
            of.push(second);
        }
        let mutation = f64::from(wish.mutation.clamp(0.0, 1.0));
        if mutation > 0.0 {
            let stranger = fresh(stream.bits())?;
            // Its class is inherited.
            let stranger = stranger.with_class(&shares(&self.shares(&latent)));
            latent = self.between(&latent, &stranger, mutation, Mode::Slerp)?;
        }
        Ok(Child { latent, parents: of })
    }

    /// Two latents crossed.
    fn crossed(&self, a: &Latent, b: &Latent, how: Crossover, stream: &mut Stream) -> Result<Latent> {
        if how == Crossover::Blend {
            return self.between(a, b, 0.15 + 0.7 * f64::from(stream.uniform()), Mode::Slerp);
        }
        let (mut x, mut y) = (self.numbers(a), self.numbers(b));
        let layered = a.place().space == Space::W && self.layers > 1;
        if layered {
            let spread = |v: Vec<f32>| if v.len() == self.z { v.repeat(self.layers) } else { v };
            (x, y) = (spread(x), spread(y));
        }
        if how == Crossover::Layers && layered {
            let cut = self.z * (1 + stream.below(self.layers as u64 - 1) as usize);
            x[cut..].copy_from_slice(&y[cut..]);
        } else {
            // The same choice in every layer, so that a number is inherited as a whole.
            let from_b: Vec<bool> = (0..self.z).map(|_| stream.uniform() < 0.5).collect();
            for (i, (v, w)) in x.iter_mut().zip(&y).enumerate() {
                if from_b[i % self.z.max(1)] {
                    *v = *w;
                }
            }
        }
        let blend: Vec<f32> = self.shares(a).iter().zip(self.shares(b)).map(|(p, q)| (p + q) / 2.0).collect();
        Ok(Latent::of(Place { values: x, seed: None, class: shares(&blend), ..a.place() }))
    }

    /// The first, and then always the one furthest from those chosen, none twice.
    fn different(&self, litter: Vec<Child>, count: usize) -> Vec<Child> {
        if litter.len() <= count {
            return litter;
        }
        let rows: Vec<Vec<f32>> = litter.iter().map(|c| self.numbers(&c.latent)).collect();
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
        let mut nearest: Vec<f32> = vec![f32::INFINITY; rows.len()];
        let mut chosen = Vec::with_capacity(count);
        let mut next = 0;
        while chosen.len() < count {
            chosen.push(next);
            for (own, row) in nearest.iter_mut().zip(&rows) {
                *own = own.min(apart(row, &rows[next]));
            }
            // Never again, also where all that are left equal one that was chosen.
            nearest[next] = f32::NEG_INFINITY;
            next = (0..rows.len()).max_by(|a, b| nearest[*a].total_cmp(&nearest[*b])).unwrap_or(0);
        }
        chosen.sort_unstable();
        let mut keep = chosen.into_iter().peekable();
        litter.into_iter().enumerate().filter(|(i, _)| keep.next_if_eq(i).is_some()).map(|c| c.1).collect()
    }
}

fn shares(all: &[f32]) -> Vec<(u32, f32)> {
    all.iter().enumerate().filter(|(_, s)| **s > 0.0).map(|(i, s)| (i as u32, *s)).collect()
}

impl LoadedModel {
    /// Children of parents; all become styles if one is.
    ///
    /// # Errors
    /// There are no parents, or one is none of this model's.
    pub fn breed(&self, parents: &[Latent], wish: &BreedConfig) -> Result<Vec<Child>> {
        self.dims().check_all(parents)?;
        let styled = |l: &Latent| l.place().space == Space::W;
        // Layers can only be inherited where there are styles.
        let wants = parents.iter().any(styled) || (wish.crossover == Crossover::Layers && self.layers() > 1);
        if !wants {
            return self.dims().breed(parents, wish, &|seed| Ok(Latent::Seed { seed }));
        }
        let style = |l: &Latent| -> Result<Latent> {
            let made = if styled(l) { Vec::new() } else { self.to_styles(std::slice::from_ref(l), false)? };
            Ok(made.into_iter().next().unwrap_or_else(|| l.clone()))
        };
        let parents = parents.iter().map(style).collect::<Result<Vec<_>>>()?;
        self.dims().breed(&parents, wish, &|seed| style(&Latent::Seed { seed }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::testing::fresh;

    fn apart(dims: &Dims, a: &Latent, b: &Latent) -> f32 {
        dims.numbers(a).iter().zip(dims.numbers(b)).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt()
    }

    fn fresh_seed(seed: u64) -> Result<Latent> {
        Ok(Latent::Seed { seed })
    }

    #[test]
    fn children_inherit_from_their_parents_and_stray_by_mutation() {
        let dims = Dims { z: 32, classes: 3, layers: 0 };
        let parents = [Latent::Seed { seed: 1 }, Latent::Seed { seed: 2 }];
        let rows = [dims.numbers(&parents[0]), dims.numbers(&parents[1])];
        let wish = BreedConfig { count: 10, mutation: 0.0, diversity: 0.0, ..BreedConfig::default() };
        let litter = dims.breed(&parents, &wish, &fresh_seed).unwrap();
        assert_eq!(litter.len(), 10);
        for child in &litter {
            let row = dims.numbers(&child.latent);
            assert!(row.iter().enumerate().all(|(i, v)| *v == rows[0][i] || *v == rows[1][i]));
            assert!(row != rows[0] && row != rows[1]);
            assert!((dims.shares(&child.latent).iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        assert_eq!(dims.breed(&parents, &wish, &fresh_seed).unwrap(), litter, "the same seed, the same children");
        // One parent: the further it may stray, the further it does.
        let strays = |mutation: f32| {
            let wish = BreedConfig { mutation, ..wish.clone() };
            let litter = dims.breed(&parents[..1], &wish, &fresh_seed).unwrap();
            litter.iter().map(|c| apart(&dims, &c.latent, &parents[0])).sum::<f32>() / 10.0
        };
        assert!(strays(0.0) == 0.0 && strays(0.2) > 1.0 && strays(0.8) > 2.0 * strays(0.2));
        assert!(dims.breed(&[], &wish, &fresh_seed).is_err());
    }

    #[test]
    fn diversity_keeps_the_different() {
        let dims = Dims { z: 4, classes: 0, layers: 0 };
        let parents = [Latent::Seed { seed: 1 }];
        let closest = |diversity: f32| {
            let wish = BreedConfig { count: 8, mutation: 0.6, diversity, ..BreedConfig::default() };
            let litter = dims.breed(&parents, &wish, &fresh_seed).unwrap();
            assert_eq!(litter.len(), 8);
            let mut least = f32::INFINITY;
            for (i, a) in litter.iter().enumerate() {
                for b in &litter[..i] {
                    least = least.min(apart(&dims, &a.latent, &b.latent));
                }
            }
            least
        };
        assert!(closest(1.0) > 1.5 * closest(0.0), "{} {}", closest(0.0), closest(1.0));
    }

    #[test]
    fn no_child_is_born_or_chosen_twice() {
        // Two numbers from two parents: four children at most, and two of them are the parents.
        let dims = Dims { z: 2, classes: 0, layers: 0 };
        let parents = [Latent::Seed { seed: 1 }, Latent::Seed { seed: 2 }];
        let wish = BreedConfig { count: 12, mutation: 0.0, diversity: 1.0, ..BreedConfig::default() };
        let litter = dims.breed(&parents, &wish, &fresh_seed).unwrap();
        assert!((2..=4).contains(&litter.len()), "{}", litter.len());
        for (i, a) in litter.iter().enumerate() {
            assert!(litter[..i].iter().all(|b| a.latent != b.latent));
        }
        // What differs by classes alone has the same numbers, and is chosen once for all that.
        let child = |class: u32| Child { latent: parents[0].with_class(&[(class, 1.0)]), parents: vec![0] };
        let kept = Dims { classes: 9, ..dims }.different((0..9).map(child).collect(), 4);
        assert_eq!(kept.len(), 4);
        for bad in [BreedConfig { mutation: f32::NAN, ..wish.clone() }, BreedConfig { count: u32::MAX, ..wish.clone() }]
        {
            assert!(dims.breed(&parents, &bad, &fresh_seed).is_err());
        }
        let alone = dims.breed(&parents[..1], &wish, &fresh_seed).unwrap();
        assert_eq!(alone.len(), 1, "one parent without mutation has one child");
    }

    #[test]
    fn layers_are_inherited_as_wholes() {
        let model = fresh("style-gan", 8, 6);
        let parents = [Latent::Seed { seed: 1 }, Latent::Seed { seed: 2 }];
        let wish = BreedConfig { count: 6, mutation: 0.0, diversity: 0.0, crossover: Crossover::Layers, seed: 4 };
        let styles = model.to_styles(&parents, true).unwrap();
        let rows: Vec<Vec<f32>> = styles.iter().map(|s| s.place().values).collect();
        for child in model.breed(&parents, &wish).unwrap() {
            let row = child.latent.place().values;
            let [a, b] = [&rows[child.parents[0]], &rows[child.parents[1]]];
            // Up to the rounding of styles made one by one or two at once.
            let same = |x: &f32, y: &f32| (x - y).abs() < 1e-4;
            let cut = row.iter().zip(a).position(|(x, y)| !same(x, y)).unwrap();
            assert!(cut % 6 == 0 && cut > 0 && row[cut..].iter().zip(&b[cut..]).all(|(x, y)| same(x, y)));
        }
    }
}
