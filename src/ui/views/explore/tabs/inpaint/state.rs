//! What is mended, as it is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::Resolution;
use crate::recipe::picture::Latent;

/// Which pixels of a picture are to be filled: lengths of runs row by row, known ones first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hole {
    /// Width and height of the picture; a square that has none yet is 0.
    pub side: Resolution,
    /// Known, unknown, known, …
    runs: Vec<u32>,
}

impl Default for Hole {
    fn default() -> Self {
        Self { side: Resolution::square(0), runs: Vec::new() }
    }
}

impl Hole {
    /// Of one byte a pixel, 0 where it is known.
    pub fn of(side: Resolution, bytes: &[u8]) -> Self {
        let mut runs = vec![0];
        let mut unknown = false;
        for byte in bytes {
            if (*byte > 0) != unknown {
                unknown = !unknown;
                runs.push(0);
            }
            if let Some(last) = runs.last_mut() {
                *last += 1;
            }
        }
        Self { side, runs: if runs.len() > 1 { runs } else { Vec::new() } }
    }

    /// One byte a pixel of a picture of this size, 255 where it is to be filled; nothing for another size.
    pub fn bytes(&self, side: Resolution) -> Vec<u8> {
        let n = side.pixels();
        let mut bytes = Vec::with_capacity(n);
        if side == self.side {
            for (i, run) in self.runs.iter().enumerate() {
                let until = (bytes.len() + *run as usize).min(n);
                bytes.resize(until, if i % 2 == 1 { 255 } else { 0 });
            }
        }
        bytes.resize(n, 0);
        bytes
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mended {
    /// The latent that explains the picture.
    pub latent: Latent,
    /// The hole it fills; empty where noise was taken away.
    pub hole: Hole,
}

/// A picture to mend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InpaintState {
    /// The picture file.
    pub photo: Option<PathBuf>,
    /// Its hole.
    pub hole: Hole,
    /// How much the model is believed more than the picture.
    pub typical: f64,
    /// Steps of the search.
    pub steps: u32,
    /// What came of it.
    pub mended: Option<Mended>,
}

impl Default for InpaintState {
    fn default() -> Self {
        Self { photo: None, hole: Hole::default(), typical: 3e-3, steps: 200, mended: None }
    }
}

impl InpaintState {
    /// Least and most that the model may be believed.
    pub const TYPICAL: [f64; 2] = [1e-5, 1e-1];

    /// Puts numbers back into their ranges.
    pub fn clamp(&mut self) {
        let [least, most] = Self::TYPICAL;
        self.typical = if self.typical.is_finite() { self.typical.clamp(least, most) } else { 3e-3 };
        self.steps = self.steps.clamp(1, 5000);
        // A hand-edited file may say anything.
        for hole in [Some(&mut self.hole), self.mended.as_mut().map(|m| &mut m.hole)].into_iter().flatten() {
            if hole.side.longer() > 4096 {
                *hole = Hole::default();
            }
        }
    }

    /// Another picture.
    pub fn put(&mut self, photo: PathBuf) {
        (self.photo, self.hole, self.mended) = (Some(photo), Hole::default(), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_kept_as_runs_and_come_back() {
        let bytes: Vec<u8> = (0..64).map(|i| if (10..13).contains(&(i % 16)) || i == 0 { 255 } else { 0 }).collect();
        let hole = Hole::of(8.into(), &bytes);
        assert_eq!(hole.bytes(8.into()), bytes);
        assert!(hole.runs.len() < 12 && !hole.is_empty());
        assert_eq!(hole.bytes(4.into()), [0; 16], "a model of another size has no hole");
        let json = serde_json::to_string(&hole).unwrap();
        assert_eq!(serde_json::from_str::<Hole>(&json).unwrap(), hole);
        assert!(Hole::of(8.into(), &[0; 64]).is_empty());
        let odd: Hole = serde_json::from_str(r#"{"side":2,"runs":[1,900,7]}"#).unwrap();
        assert_eq!(odd.bytes(2.into()), [0, 255, 255, 255]);
    }
}
