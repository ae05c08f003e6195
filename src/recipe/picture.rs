//! The recipe of one picture: enough to make it again, kept inside the exported file.

use serde::{Deserialize, Serialize};

/// A point in latent space, in the words of the model that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Latent {
    /// The frozen latent of a seed.
    Seed {
        /// The seed.
        seed: u64,
    },
    /// The numbers themselves.
    Point {
        /// As many as the model has latent dimensions.
        values: Vec<f32>,
    },
}

impl Latent {
    /// The numbers, for a model with `dim` latent dimensions; short ones are filled with zeros, long ones cut.
    pub fn values(&self, dim: usize) -> Vec<f32> {
        match self {
            Self::Seed { seed } => crate::base::rng::latent_from_seed(*seed, dim),
            Self::Point { values } => {
                let mut v = values.clone();
                v.resize(dim, 0.0);
                v
            }
        }
    }
}

/// How a picture was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureRecipe {
    /// Version of the studio that made it.
    pub studio: String,
    /// Name of the model.
    pub model: String,
    /// Hash of the model's weights.
    pub model_hash: String,
    /// Where in latent space.
    pub latent: Latent,
    /// Truncation (or temperature) that the latent was scaled by.
    pub truncation: f32,
    /// What made it: `sample`, `grid`, `walk`, `reconstruction`.
    pub made_by: String,
    /// Whole factor the pixels were enlarged by.
    pub scale: u32,
    /// `nearest` or `lanczos`.
    pub filter: String,
    /// For grids: columns, rows, and the latents of the other cells row by row (the first is `latent`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<GridRecipe>,
    /// Backend the picture was made on, such as `flex`.
    #[serde(default)]
    pub device: String,
}

/// The cells of an exported grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridRecipe {
    /// Cells across.
    pub columns: u32,
    /// Cells down.
    pub rows: u32,
    /// Pixels between cells, before enlarging.
    pub gap: u32,
    /// All latents, row by row.
    pub latents: Vec<Latent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_fit_the_model() {
        assert_eq!(Latent::Seed { seed: 3 }.values(4), crate::base::rng::latent_from_seed(3, 4));
        assert_eq!(Latent::Point { values: vec![1.0] }.values(3), vec![1.0, 0.0, 0.0]);
        let json = serde_json::to_string(&Latent::Seed { seed: 3 }).unwrap();
        assert_eq!(json, r#"{"kind":"seed","seed":3}"#);
    }

    /// Frozen: a change here would break every recipe inside an exported picture.
    #[test]
    fn golden_latents() {
        let z = crate::base::rng::latent_from_seed(42, 4);
        let bits: Vec<u32> = z.iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, GOLDEN, "{z:?}");
    }

    const GOLDEN: [u32; 4] = [1_066_096_236, 1_063_733_084, 3_214_068_350, 1_073_839_234];
}
