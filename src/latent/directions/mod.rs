//! Directions through latent space along which something changes: found with or without words for it, kept with the
//! model, applied in steps of one standard deviation.
//!
//! - [`find`]: without labels. Principal axes of styles, of activations (Härkönen 2020, GANSpace) or of a VAE's codes;
//!   the closed form of SeFa (Shen & Zhou 2021).
//! - [`learn`]: from labels, factors, words of captions; from what a person likes; from two groups or two pictures.
//! - [`words`]: from a phrase.
//! - [`search`]: one door for all of them. [`known`]: what is known of a data set.
//! - [`meter`]: how much else moves. [`store`]: what is kept, where.

pub mod find;
pub mod known;
pub mod learn;
pub mod meter;
pub mod search;
pub mod store;
mod words;

use serde::{Deserialize, Serialize};

use super::latent_forward::LatentSpace;
use super::latent_math::Dims;
use super::model::LoadedModel;
use crate::base::linalg::rows::{Row, dot, length, orthogonal};
use crate::base::{Problem, Result};
use crate::recipe::picture::{Latent, Place, Space};

/// How a direction was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Principal axes of styles, activations or codes.
    #[default]
    Principal,
    /// Closed form from weights.
    Sefa,
    /// Regression on labels, factors or words.
    Learned,
    /// From liked and disliked pictures.
    Taste,
    /// The difference of two groups or two pictures.
    Difference,
    /// From a phrase.
    Words,
}

impl Method {
    /// What a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Principal => "Principal axis",
            Self::Sefa => "SeFa",
            Self::Learned => "Learned",
            Self::Taste => "Taste",
            Self::Difference => "Difference",
            Self::Words => "Words",
        }
    }
}

/// A way to go in latent space.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Direction {
    /// Its name; no two of a model are the same.
    pub name: String,
    /// How it was found.
    pub method: Method,
    /// What it moves: latents or styles.
    pub space: Space,
    /// What one standard deviation adds: as many numbers as a latent or a style has, or for each layer a style.
    #[serde(deserialize_with = "crate::recipe::picture::numbers")]
    pub values: Vec<f32>,
    /// Styles: the first layer it acts on, and the one past the last; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<[u32; 2]>,
    /// How sure it is, from 0 to 1: share of the variance (principal axes and SeFa), cross-validated R² (numbers) or
    /// balanced accuracy (yes or no).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Codes or pictures it was found with.
    pub samples: u32,
    /// How much else moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entanglement: Option<Entanglement>,
}

/// How much else moves along a direction.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Entanglement {
    /// Share of the visible change that differs from picture to picture, 0 (the same everywhere) to 1.
    pub rest: f64,
    /// Mean visible change of a step, root mean square.
    pub change: f64,
    /// Known attributes by name: how far a step moves each, in its standard deviations; the furthest first.
    pub attributes: Vec<(String, f64)>,
}

/// A direction with how far to go along it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// The direction.
    pub direction: Direction,
    /// Standard deviations.
    pub strength: f32,
}

impl Direction {
    /// A direction of a latent or style, scaled so that a step is `sigma` long; nothing where it has no length.
    pub fn scaled(name: impl Into<String>, method: Method, space: Space, axis: &[f64], sigma: f64) -> Option<Self> {
        let size = length(axis);
        if size.is_nan() || size <= 0.0 || sigma.is_nan() || sigma <= 0.0 {
            return None;
        }
        let values = axis.iter().map(|v| (v / size * sigma) as f32).collect();
        Some(Self { name: name.into(), method, space, values, ..Self::default() })
    }

    fn row(&self) -> Row {
        self.values.iter().map(|v| f64::from(*v)).collect()
    }

    /// Cosine of the angle to another; 0 for one of another space.
    pub fn cosine(&self, other: &Self) -> f64 {
        let (a, b) = (self.row(), other.row());
        if self.space != other.space || a.len() != b.len() {
            return 0.0;
        }
        dot(&a, &b) / (length(&a) * length(&b)).max(1e-300)
    }

    /// What is left once its part along `others` is taken away, with the same length of step.
    ///
    /// # Errors
    /// Nothing is left, or another is of another space.
    pub fn apart_from(&self, others: &[&Self]) -> Result<Self> {
        let own = self.row();
        if let Some(other) = others.iter().find(|o| o.space != self.space || o.values.len() != own.len()) {
            return Err(Problem::usage("These directions do not move the same numbers")
                .of(format!("{} and {}", self.name, other.name)));
        }
        let rows: Vec<Row> = others.iter().map(|o| o.row()).collect();
        let left = orthogonal(&own, &rows);
        let size = length(&left);
        if size < 1e-6 * length(&own) {
            return Err(Problem::usage("Nothing of this direction is left without the others").of(self.name.clone()));
        }
        let scale = length(&own) / size;
        let values = left.iter().map(|v| (v * scale) as f32).collect();
        Ok(Self { values, entanglement: None, ..self.clone() })
    }
}

impl Dims {
    /// Whether a direction moves what this model takes.
    ///
    /// # Errors
    /// It belongs to another model, or holds numbers that are not finite.
    pub fn check_direction(&self, direction: &Direction) -> Result<()> {
        self.check_numbers(direction.space, &direction.values).map_err(|p| {
            Problem::usage("This direction belongs to another model")
                .of(direction.name.clone())
                .because(p.detail.unwrap_or_default())
        })
    }

    /// A latent moved along directions.
    ///
    /// # Errors
    /// A direction is of another model, or moves styles where there is a latent (or the reverse).
    pub fn moved<'a>(&self, latent: &Latent, moves: impl IntoIterator<Item = (&'a Direction, f32)>) -> Result<Latent> {
        let mut place = latent.place();
        let mut values = self.numbers(latent);
        let mut changed = false;
        for (direction, strength) in moves {
            if strength == 0.0 {
                continue;
            }
            let step = &direction.values;
            if direction.space != place.space {
                return Err(Problem::usage("This direction moves styles, and this latent has none")
                    .of(direction.name.clone())
                    .try_this("Turn the latent into styles first"));
            }
            let all = self.z * self.layers.max(1);
            if step.len() != self.z && (place.space == Space::Z || step.len() != all) {
                return Err(Problem::usage("This direction belongs to another model").of(direction.name.clone()));
            }
            changed = true;
            let each_layer = place.space == Space::W && (direction.layers.is_some() || step.len() > self.z);
            if each_layer && values.len() == self.z {
                values = values.repeat(self.layers);
            }
            if place.space == Space::Z {
                values.iter_mut().zip(step).for_each(|(v, s)| *v += strength * s);
                continue;
            }
            let [from, to] = direction.layers.unwrap_or([0, u32::MAX]);
            for (layer, style) in values.chunks_exact_mut(self.z.max(1)).enumerate() {
                if (from..to).contains(&(layer as u32)) {
                    let step = if step.len() > self.z { &step[layer * self.z..] } else { &step[..] };
                    style.iter_mut().zip(step).for_each(|(v, s)| *v += strength * s);
                }
            }
        }
        if !changed {
            return Ok(latent.clone());
        }
        // A seed without a class has one by chance, and keeps it.
        if place.class.is_empty() {
            let shares = self.shares(latent);
            place.class = shares.iter().enumerate().filter(|(_, s)| **s > 0.0).map(|(i, s)| (i as u32, *s)).collect();
        }
        Ok(Latent::of(Place { values, seed: None, ..place }))
    }
}

impl LoadedModel {
    /// A latent moved along directions; it becomes styles if one of them moves styles.
    ///
    /// # Errors
    /// The latent or a direction is of another model, a strength is no number, or a direction moves latents where there
    /// is a style.
    pub fn moved(&self, latent: &Latent, moves: &[Move]) -> Result<Latent> {
        let dims = self.dims();
        dims.check(latent)?;
        for Move { direction, strength } in moves {
            dims.check_direction(direction)?;
            if !strength.is_finite() {
                let problem = Problem::usage("A direction cannot be followed so far").of(direction.name.clone());
                return Err(problem.because(format!("its strength is {strength}")).try_this("Choose a number"));
            }
        }
        let of =
            |space: Space| moves.iter().filter(move |m| m.direction.space == space).map(|m| (&m.direction, m.strength));
        let latent = dims.moved(latent, of(Space::Z))?;
        let styled = of(Space::W).any(|(_, strength)| strength != 0.0);
        if !styled {
            return Ok(latent);
        }
        let latent = if latent.place().space == Space::Z {
            self.to_styles(std::slice::from_ref(&latent), false)?.pop().unwrap_or(latent)
        } else {
            latent
        };
        dims.moved(&latent, of(Space::W))
    }

    /// `base` with the styles of `from` at layers `layers[0]..layers[1]` (style mixing, Karras 2019): its coarse looks
    /// from the first layers, its fine ones from the last.
    ///
    /// # Errors
    /// The model has no styles.
    pub fn mixed(&self, base: &Latent, from: &Latent, layers: [u32; 2]) -> Result<Latent> {
        let rows = self.rows_of(&[base.clone(), from.clone()], LatentSpace::WPlus)?;
        let [mut row, other] = <[Vec<f32>; 2]>::try_from(rows)
            .map_err(|_| Problem::failed("The model made no styles").of(self.info().name.clone()))?;
        let w = self.latent();
        let [first, end] = layers.map(|l| (l as usize).min(self.layers()) * w);
        if first < end {
            row[first..end].copy_from_slice(&other[first..end]);
        }
        Ok(self.latent_of(row, LatentSpace::WPlus, &self.held(base)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(space: Space, values: &[f32]) -> Direction {
        Direction { name: "d".into(), space, values: values.to_vec(), ..Direction::default() }
    }

    #[test]
    fn latents_and_styles_are_moved_where_a_direction_says() {
        let dims = Dims { z: 2, classes: 0, layers: 3 };
        let z = Latent::Point { values: vec![1.0, 2.0] };
        let d = direction(Space::Z, &[0.5, -1.0]);
        assert_eq!(dims.moved(&z, [(&d, 2.0)]).unwrap(), Latent::Point { values: vec![2.0, 0.0] });
        assert_eq!(dims.moved(&z, [(&d, 0.0)]).unwrap(), z);
        let w = |values: &[f32]| Latent::Place(Place { space: Space::W, values: values.to_vec(), ..Place::default() });
        let all = direction(Space::W, &[1.0, 0.0]);
        assert_eq!(dims.moved(&w(&[1.0, 2.0]), [(&all, 1.0)]).unwrap(), w(&[2.0, 2.0]), "one style stays one");
        let middle = Direction { layers: Some([1, 2]), ..all.clone() };
        let moved = dims.moved(&w(&[1.0, 2.0]), [(&middle, 3.0)]).unwrap();
        assert_eq!(moved, w(&[1.0, 2.0, 4.0, 2.0, 1.0, 2.0]));
        let each = direction(Space::W, &[1.0, 0.0, 0.0, 1.0, 2.0, 2.0]);
        assert_eq!(dims.moved(&w(&[0.0, 0.0]), [(&each, 1.0)]).unwrap(), w(&each.values));
        assert!(dims.moved(&z, [(&all, 1.0)]).is_err());
        assert!(dims.moved(&z, [(&direction(Space::Z, &[1.0; 5]), 1.0)]).is_err());
    }

    #[test]
    fn a_seed_keeps_the_class_it_has_by_chance() {
        let dims = Dims { z: 2, classes: 3, layers: 0 };
        let seed = Latent::Seed { seed: 5 };
        let moved = dims.moved(&seed, [(&direction(Space::Z, &[0.1, 0.0]), 1.0)]).unwrap();
        assert_eq!(dims.shares(&moved), dims.shares(&seed));
    }

    #[test]
    fn what_is_taken_apart_is_orthogonal_and_as_long() {
        let (x, y) = (direction(Space::Z, &[1.0, 1.0, 0.0]), direction(Space::Z, &[0.0, 2.0, 0.0]));
        let apart = x.apart_from(&[&y]).unwrap();
        assert!(apart.cosine(&y).abs() < 1e-7 && apart.values[2] == 0.0);
        assert!((length(&apart.row()) - 2f64.sqrt()).abs() < 1e-6);
        assert!(x.apart_from(&[&x]).is_err());
        assert!(x.apart_from(&[&direction(Space::W, &[1.0, 0.0, 0.0])]).is_err());
    }
}
