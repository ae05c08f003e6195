//! How near a made picture came to the real ones, judged by how near unseen real pictures come.

use serde::Serialize;

use crate::base::progress::Quiet;
use crate::base::{Picture, Result};
use crate::eval::feature_matrix::Rows;
use crate::eval::features::Extractor;
use crate::eval::neighbours::nearest;

/// Share of unseen real pictures that are as near to a real one as what is called a near copy.
const COPIES: f64 = 0.01;

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
    /// Whether that is one in a hundred or fewer: the picture nearly is the real one.
    pub copy: bool,
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
            Nearest { place, name, distance, as_near, copy: !self.usual.is_empty() && as_near <= COPIES }
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
        if self.copy {
            format!("Nearly a copy of {}: {judged}", self.name)
        } else {
            format!("Nearest real picture: {} ({judged})", self.name)
        }
    }
}
