//! How near a made picture came to the real ones, judged by how near unseen real pictures come.

use serde::{Deserialize, Serialize};

use crate::base::progress::Quiet;
use crate::base::{Picture, Result};
use crate::eval::feature_matrix::Rows;
use crate::eval::features::Extractor;
use crate::eval::neighbours::nearest;

/// What is as near to a real picture as at most this share of unseen real pictures is called near.
const NEAR: f64 = 0.01;
/// So many unseen pictures must be farther away, all of them, before a picture is called a copy.
const ENOUGH: usize = 100;
/// Distance below which pictures are the same but for rounding.
const SAME: f64 = 1e-6;

/// How a made picture stands to the real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Standing {
    /// As far from real pictures as other unseen real pictures are.
    Own,
    /// As near to a real picture as at most one in a hundred unseen real pictures.
    Near,
    /// Nearer to a real picture than all unseen real pictures, of at least a hundred; or the same.
    Copy,
}

/// The real picture that a made one is nearest to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Its place in the prepared set.
    pub place: usize,
    /// Its name.
    pub name: String,
    /// Distance in the studio's features.
    pub distance: f64,
    /// Share of unseen real pictures that come at least as near to a real one, 0 to 1.
    pub as_near: f64,
    /// What that makes it.
    pub standing: Standing,
}

/// Features of real pictures, with the distances at which unseen real pictures lie from them.
pub struct Copies {
    eyes: Extractor,
    real: Rows,
    /// Distances of unseen pictures to their nearest real one, the smallest first.
    usual: Vec<f64>,
    /// Whether those were held out; else each real picture against all the others stands in.
    held_out: bool,
}

impl Copies {
    /// From features of the real pictures, and of unseen ones if there are any.
    pub(super) fn of(eyes: Extractor, real: Rows, unseen: &Rows) -> Self {
        let held_out = !unseen.is_empty();
        let lists = if held_out { nearest(unseen, &real, 1, false) } else { nearest(&real, &real, 1, true) };
        let mut usual: Vec<f64> = lists.iter().filter_map(|l| l.first()).map(|n| n.squared.sqrt()).collect();
        usual.sort_by(f64::total_cmp);
        Self { eyes, real, usual, held_out }
    }

    /// Whether the judgement rests on pictures that were held out.
    pub fn is_held_out(&self) -> bool {
        self.held_out
    }

    /// Features of pictures, as distances are measured in.
    ///
    /// # Errors
    /// The device computes no finite numbers.
    pub(super) fn look(&self, pictures: &[Picture]) -> Result<Rows> {
        self.eyes.features(pictures, &Quiet::default())
    }

    /// Share of unseen real pictures that are at least as near as this; 1 where nothing is known.
    pub fn as_near(&self, distance: f64) -> f64 {
        if self.usual.is_empty() {
            return 1.0;
        }
        self.usual.partition_point(|d| *d <= distance) as f64 / self.usual.len() as f64
    }

    /// What a distance to the nearest real picture means.
    pub fn standing(&self, distance: f64) -> Standing {
        let as_near = self.as_near(distance);
        if distance < SAME || (as_near == 0.0 && self.usual.len() >= ENOUGH) {
            Standing::Copy
        } else if as_near <= NEAR {
            Standing::Near
        } else {
            Standing::Own
        }
    }

    /// Unseen pictures that the judgement rests on.
    pub fn unseen(&self) -> usize {
        self.usual.len()
    }

    /// The distance that half of the unseen real pictures are within.
    pub fn median(&self) -> Option<f64> {
        self.usual.get(self.usual.len() / 2).copied()
    }

    /// The nearest real picture of each; `name` says place and name of a row.
    pub(super) fn nearest(&self, made: &[Picture], name: &dyn Fn(usize) -> (usize, String)) -> Result<Vec<Nearest>> {
        let found = nearest(&self.look(made)?, &self.real, 1, false);
        let of = |near: &crate::eval::neighbours::Near| {
            let (place, name) = name(near.place as usize);
            let distance = near.squared.sqrt();
            let as_near = self.as_near(distance);
            Nearest { place, name, distance, as_near, standing: self.standing(distance) }
        };
        Ok(found.iter().filter_map(|list| list.first()).map(of).collect())
    }
}

impl Nearest {
    /// In a sentence.
    pub fn sentence(&self) -> String {
        let share = self.as_near * 100.0;
        let share = if share > 0.0 && share < 1.0 { "under 1".to_string() } else { format!("{share:.0}") };
        let judged = format!("{share} % of unseen real pictures come as near to a real one");
        match self.standing {
            Standing::Copy => format!("A copy of {}: {judged}", self.name),
            Standing::Near => format!("Near to {}: {judged}", self.name),
            Standing::Own => format!("Nearest real picture: {} ({judged})", self.name),
        }
    }

    /// Whether it is nearer to a real picture than it should be.
    pub fn is_suspect(&self) -> bool {
        self.standing != Standing::Own
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::eval::features::Extractor;

    fn copies(usual: Vec<f64>) -> Copies {
        let eyes = Extractor::shipped(&Device::flex()).unwrap();
        let real = Rows::new(eyes.dim());
        Copies { eyes, real, usual, held_out: true }
    }

    #[test]
    fn a_distance_is_judged_by_those_of_unseen_pictures() {
        let many = copies((1..=200).map(f64::from).collect());
        assert_eq!(many.standing(0.5), Standing::Copy);
        assert_eq!((many.standing(2.5), many.as_near(2.5)), (Standing::Near, 0.01));
        assert_eq!(many.standing(3.0), Standing::Own);
        let few = copies(vec![1.0; 20]);
        assert_eq!(few.standing(0.5), Standing::Near, "too few to call it a copy");
        assert_eq!(few.standing(0.0), Standing::Copy, "the same picture");
        assert_eq!(copies(Vec::new()).standing(0.5), Standing::Own, "nothing is known");
    }

    #[test]
    fn a_picture_of_the_data_is_a_copy_and_names_it() {
        let picture = |v: u8| Picture::filled(16, 16, [v, 40, 255 - v, 255]);
        let eyes = Extractor::shipped(&Device::flex()).unwrap();
        let pictures: Vec<Picture> = (0..8).map(|i| picture(i * 30)).collect();
        let real = eyes.features(&pictures, &Quiet::default()).unwrap();
        let copies = Copies::of(eyes, real, &Rows::new(0));
        assert!(!copies.is_held_out() && copies.unseen() == 8);
        let found = copies.nearest(&[picture(90)], &|i| (i, format!("{i}.png"))).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].standing), ("3.png", Standing::Copy));
        assert!(found[0].sentence().starts_with("A copy of 3.png"));
    }
}
