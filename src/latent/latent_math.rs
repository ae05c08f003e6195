//! Arithmetic with whole latents: between two, sums and means of several.
//!
//! A [`Latent`] is more than a vector: it may be a seed, a place in Z, a style in W or one for each layer (W+), with
//! shares of classes and noise. Everything here works on all of it, so that grids, walks, films and maps need not know
//! which of them they are given. Latents in Z turn along the sphere they live on ([`Mode::Slerp`]); styles have no
//! sphere and go straight.

use super::interpolate::{Mode, norm, spherical_mean};
use super::space::class_of_seed;
use crate::base::{Problem, Result};
use crate::models::info::ModelInfo;
use crate::recipe::picture::{Latent, Place, Space};

/// How many of what a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Dims {
    /// Numbers in a latent, and in a style.
    pub z: usize,
    /// Classes that can be asked for.
    pub classes: usize,
    /// Layers that take a style of their own; 0 for models without styles.
    pub layers: usize,
}

impl Dims {
    /// Those of a model.
    pub fn of(info: &ModelInfo) -> Self {
        let model = &info.recipe.model;
        Self {
            z: info.latent as usize,
            classes: if model.conditional { model.classes.len() } else { 0 },
            layers: info.recipe.architecture().map_or(0, |a| (a.style_layers)(&info.recipe)),
        }
    }

    /// Share of each class; that of a seed where none is chosen.
    pub fn shares(&self, latent: &Latent) -> Vec<f32> {
        let mut shares = vec![0.0; self.classes];
        for &(class, share) in latent.class() {
            if let Some(slot) = shares.get_mut(class as usize) {
                *slot += share;
            }
        }
        if let (true, true, Some(seed)) = (self.classes > 0, latent.class().is_empty(), latent.seed()) {
            shares[class_of_seed(seed, self.classes)] = 1.0;
        }
        shares
    }

    /// The numbers: `z` of them, or `layers · z` for one style a layer.
    pub fn numbers(&self, latent: &Latent) -> Vec<f32> {
        match latent {
            Latent::Place(Place { space: Space::W, values, .. }) => {
                let mut values = values.clone();
                values.resize(if values.len() > self.z { self.layers.max(1) * self.z } else { self.z }, 0.0);
                values
            }
            _ => latent.values(self.z),
        }
    }

    /// The latent at `t` of the way from `a` to `b`, both ends exactly; `t` may lie outside `0..=1`.
    ///
    /// Shares of classes go straight; noise cannot be blended and is that of the nearer end.
    ///
    /// # Errors
    /// One is a latent and the other a style.
    pub fn between(&self, a: &Latent, b: &Latent, t: f64, mode: Mode) -> Result<Latent> {
        if t == 0.0 || a == b {
            return Ok(a.clone());
        }
        if t == 1.0 {
            return Ok(b.clone());
        }
        let mode = mode_in(space_of([a, b])?, mode);
        let ends = self.alike([a, b]);
        let values = mode.between(&ends[0], &ends[1], t);
        self.made(values, &[(1.0 - t, a), (t, b)])
    }

    /// As [`Self::between`]; where one is a latent and the other a style, the nearer end.
    pub fn towards(&self, a: &Latent, b: &Latent, t: f64, mode: Mode) -> Latent {
        self.between(a, b, t, mode).unwrap_or_else(|_| if t < 0.5 { a } else { b }.clone())
    }

    /// Those of latents that all are blended with, whatever their classes.
    #[must_use]
    pub fn unclassed(self) -> Self {
        Self { classes: 0, ..self }
    }

    /// The sum of latents with weights, such as `a − b + c`.
    ///
    /// For [`Mode::Slerp`] in Z the sum says the direction only, and the length is the same sum of their lengths: where
    /// the weights add up to one, the result is as likely as its terms.
    ///
    /// # Errors
    /// There are none, or some are latents and others styles.
    pub fn sum(&self, terms: &[(f64, &Latent)], mode: Mode) -> Result<Latent> {
        if let [(1.0, only)] = terms {
            return Ok((*only).clone());
        }
        let mode = mode_in(space_of(terms.iter().map(|t| t.1))?, mode);
        let rows = self.alike(terms.iter().map(|t| t.1).collect::<Vec<_>>());
        let mut sum = vec![0.0f64; rows[0].len()];
        let mut length = 0.0;
        for ((weight, _), row) in terms.iter().zip(&rows) {
            length += weight * norm(row);
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += weight * f64::from(*v));
        }
        let now = libm::sqrt(sum.iter().map(|v| v * v).sum());
        // Far outside of its terms the length could fall to nothing or below.
        let shortest = rows.iter().map(|r| norm(r)).fold(f64::INFINITY, f64::min);
        let scale = match mode {
            Mode::Lerp => 1.0,
            Mode::Slerp if now < 1e-12 => 1.0,
            Mode::Slerp => length.max(0.25 * shortest) / now,
        };
        self.made(sum.into_iter().map(|v| (v * scale) as f32).collect(), terms)
    }

    /// The mean of latents by weights that add up to one; a weight of one gives its latent exactly. For [`Mode::Slerp`] in Z
    /// it is the mean on the sphere, see [`spherical_mean`].
    ///
    /// # Errors
    /// There are none, or some are latents and others styles.
    pub fn mean(&self, terms: &[(f64, &Latent)], mode: Mode) -> Result<Latent> {
        if let Some((_, only)) = terms.iter().find(|t| t.0 == 1.0) {
            return Ok((*only).clone());
        }
        if mode_in(space_of(terms.iter().map(|t| t.1))?, mode) == Mode::Lerp {
            return self.sum(terms, Mode::Lerp);
        }
        let rows = self.alike(terms.iter().map(|t| t.1).collect::<Vec<_>>());
        let weights: Vec<f64> = terms.iter().map(|t| t.0).collect();
        self.made(spherical_mean(&rows, &weights), terms)
    }

    /// Numbers of latents, all as many as the longest has: a style stands for all layers where another has one each.
    pub fn alike<'a>(&self, latents: impl IntoIterator<Item = &'a Latent>) -> Vec<Vec<f32>> {
        let mut rows: Vec<Vec<f32>> = latents.into_iter().map(|l| self.numbers(l)).collect();
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        for row in &mut rows {
            if row.len() < longest {
                *row = row.repeat(self.layers.max(1));
            }
        }
        rows
    }

    /// A latent with these numbers and what its terms have besides.
    fn made(&self, values: Vec<f32>, terms: &[(f64, &Latent)]) -> Result<Latent> {
        let space = space_of(terms.iter().map(|t| t.1))?;
        let mut shares = vec![0.0f64; self.classes];
        let mut total = 0.0;
        for (weight, latent) in terms {
            for (sum, share) in shares.iter_mut().zip(self.shares(latent)) {
                *sum += weight * f64::from(share);
                total += weight * f64::from(share);
            }
        }
        // Nothing can be less than not at all of a class.
        shares.iter_mut().for_each(|s| *s = s.max(0.0));
        let now: f64 = shares.iter().sum();
        let scale = if now > 0.0 { total.max(0.0) / now } else { 0.0 };
        let class = shares.iter().enumerate().filter(|(_, s)| **s * scale > 1e-9);
        let class = class.map(|(i, s)| (i as u32, (s * scale) as f32)).collect();
        let nearest = terms.iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |t| t.1.place().noise);
        Ok(Latent::of(Place { space, values, seed: None, class, noise: nearest }))
    }
}

/// Straight where there is no sphere.
fn mode_in(space: Space, mode: Mode) -> Mode {
    if space == Space::W { Mode::Lerp } else { mode }
}

/// What all of these are.
///
/// # Errors
/// There are none, or some are latents and others styles.
pub fn space_of<'a>(latents: impl IntoIterator<Item = &'a Latent>) -> Result<Space> {
    let mut latents = latents.into_iter().map(|l| l.place().space);
    let first = latents.next().ok_or_else(|| Problem::usage("There is no latent"))?;
    if latents.all(|s| s == first) {
        return Ok(first);
    }
    Err(Problem::usage("Latents and styles cannot be mixed as they are").try_this("Turn all of them into styles first"))
}

#[cfg(test)]
mod tests {
    use super::super::interpolate;
    use super::*;
    use crate::base::rng::latent_from_seed;

    const DIMS: Dims = Dims { z: 16, classes: 0, layers: 4 };

    fn seed(seed: u64) -> Latent {
        Latent::Seed { seed }
    }

    fn styles(values: Vec<f32>) -> Latent {
        Latent::Place(Place { space: Space::W, values, ..Place::default() })
    }

    #[test]
    fn seeds_turn_along_the_sphere_and_end_exactly() {
        let (a, b) = (seed(1), seed(2));
        assert_eq!(DIMS.between(&a, &b, 0.0, Mode::Slerp).unwrap(), a);
        assert_eq!(DIMS.between(&a, &b, 1.0, Mode::Slerp).unwrap(), b);
        let half = DIMS.between(&a, &b, 0.5, Mode::Slerp).unwrap();
        let wanted = interpolate::slerp(&latent_from_seed(1, 16), &latent_from_seed(2, 16), 0.5);
        assert_eq!(half, Latent::Point { values: wanted });
    }

    #[test]
    fn styles_go_straight_and_one_style_stands_for_all_layers() {
        let one = styles((0..16).map(|i| i as f32).collect());
        let each = styles((0..64).map(|i| if i < 16 { 1.0 } else { 3.0 }).collect());
        let half = DIMS.between(&one, &each, 0.25, Mode::Slerp).unwrap();
        let Latent::Place(Place { space: Space::W, values, .. }) = half else { panic!("{half:?}") };
        assert_eq!(values.len(), 64);
        assert_eq!(values[2], 2.0 * 0.75 + 0.25);
        assert_eq!(values[16 + 2], 2.0 * 0.75 + 0.75);
        assert!(DIMS.between(&one, &seed(1), 0.5, Mode::Lerp).is_err());
        assert_eq!(DIMS.towards(&one, &seed(1), 0.4, Mode::Lerp), one);
        assert_eq!(DIMS.towards(&one, &seed(1), 0.6, Mode::Lerp), seed(1));
    }

    #[test]
    fn classes_blend_and_noise_is_that_of_the_nearer() {
        let dims = Dims { z: 4, classes: 5, layers: 0 };
        let a = Latent::of(Place { noise: 7, ..seed(1).with_class(&[(2, 1.0)]).place() });
        let b = seed(9);
        let own = class_of_seed(9, 5) as u32;
        let near = dims.between(&a, &b, 0.25, Mode::Slerp).unwrap();
        let shares = dims.shares(&near);
        assert!((shares[2] - if own == 2 { 1.0 } else { 0.75 }).abs() < 1e-6, "{shares:?}");
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(near.place().noise, 7);
        assert_eq!(dims.between(&a, &b, 0.75, Mode::Slerp).unwrap().place().noise, 0);
        // What is taken away of a class that is not there leaves no hole.
        let c = seed(3).with_class(&[(4, 1.0)]);
        let sum = dims.sum(&[(1.0, &a), (-1.0, &c), (1.0, &a)], Mode::Slerp).unwrap();
        assert_eq!(sum.class(), &[(2, 1.0)]);
    }

    #[test]
    fn sums_are_as_long_as_their_terms_on_the_sphere_and_plain_off_it() {
        let (a, b, c) = (seed(1), seed(2), seed(3));
        let terms = [(1.0, &a), (-1.0, &b), (1.0, &c)];
        let plain = DIMS.numbers(&DIMS.sum(&terms, Mode::Lerp).unwrap());
        let rows = [1, 2, 3].map(|s| latent_from_seed(s, 16));
        for i in 0..16 {
            assert!((plain[i] - (rows[0][i] - rows[1][i] + rows[2][i])).abs() < 1e-5);
        }
        let kept = DIMS.numbers(&DIMS.sum(&terms, Mode::Slerp).unwrap());
        let length = norm(&rows[0]) - norm(&rows[1]) + norm(&rows[2]);
        assert!((norm(&kept) - length).abs() < 1e-4);
        let cosine: f64 = kept.iter().zip(&plain).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        assert!((cosine / (norm(&kept) * norm(&plain)) - 1.0).abs() < 1e-6);
        // However far away, nothing comes near zero.
        let far = DIMS.sum(&[(1.0, &a), (40.0, &b), (-40.0, &c)], Mode::Slerp).unwrap();
        assert!(norm(&DIMS.numbers(&far)) > 0.2 * norm(&rows[0]));
        assert!(DIMS.sum(&[], Mode::Lerp).is_err());
    }
}
