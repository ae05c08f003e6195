//! How much retrieved pictures count, and how many of them.

use serde::{Deserialize, Serialize};

use crate::base::{Problem, Result};

/// How much what was retrieved counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grounding {
    /// 0: as the model learned; 1: like the pictures that were found.
    pub strength: f32,
    /// Pictures that are drawn from.
    pub neighbours: u32,
}

impl Default for Grounding {
    fn default() -> Self {
        Self { strength: 0.5, neighbours: 8 }
    }
}

/// Most pictures that are drawn from at once.
pub const MOST_NEIGHBOURS: u32 = 64;

impl Grounding {
    /// Refuses numbers outside of their range.
    ///
    /// # Errors
    /// One is.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(Problem::usage("Retrieved pictures cannot count so much")
                .of(format!("strength {}", self.strength))
                .try_this("Choose 0 (as the model learned) to 1 (like the pictures that were found)"));
        }
        if !(1..=MOST_NEIGHBOURS).contains(&self.neighbours) {
            return Err(Problem::usage("So many pictures cannot be drawn from")
                .of(format!("{} neighbours", self.neighbours))
                .try_this(format!("Choose 1 to {MOST_NEIGHBOURS}")));
        }
        Ok(())
    }
}
