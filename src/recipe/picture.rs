//! The recipe of one picture: enough to make it again, kept inside the exported file.

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::{Problem, Result};

/// Keyword of the recipe in exported files.
pub const KEY: &str = "latent-studio";

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
        #[serde(deserialize_with = "numbers")]
        values: Vec<f32>,
    },
    /// A place with more to it than a latent: a class, styles, noise.
    Place(Place),
}

/// What the numbers of a [`Place`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// What the network draws at random: `dim` numbers.
    #[default]
    Z,
    /// What a mapping network makes of it: one style for all layers (W), or one after the other for each layer (W+).
    W,
}

/// A place in everything that a model takes.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// What the numbers are.
    pub space: Space,
    /// The numbers; empty where the latent is that of `seed`.
    #[serde(deserialize_with = "numbers")]
    pub values: Vec<f32>,
    /// Seed of the latent, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Classes with their shares, such as half of 3 and half of 7; empty for none in particular.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "shares")]
    pub class: Vec<(u32, f32)>,
    /// Seed of the noise inputs.
    #[serde(skip_serializing_if = "is_zero")]
    pub noise: u64,
}

/// A number. JSON tells what is none (NaN, infinity) as `null`: that is read as NaN, so that all else stays readable.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f32::NAN))
}

/// Numbers, each of which may be none: see [`number`].
///
/// # Errors
/// They are no list of numbers.
pub fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
    let all = Vec::<Option<f32>>::deserialize(from)?;
    Ok(all.into_iter().map(|v| v.unwrap_or(f32::NAN)).collect())
}

/// Classes with their shares: see [`number`].
fn shares<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(u32, f32)>, D::Error> {
    let all = Vec::<(u32, Option<f32>)>::deserialize(from)?;
    Ok(all.into_iter().map(|(class, share)| (class, share.unwrap_or(f32::NAN))).collect())
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Latent {
    /// The numbers, for a model with `dim` latent dimensions; short ones are filled with zeros, long ones cut.
    pub fn values(&self, dim: usize) -> Vec<f32> {
        let fitted = |values: &Vec<f32>| {
            let mut v = values.clone();
            v.resize(dim, 0.0);
            v
        };
        match self {
            Self::Seed { seed } | Self::Place(Place { seed: Some(seed), space: Space::Z, .. }) => {
                crate::base::rng::latent_from_seed(*seed, dim)
            }
            Self::Point { values } | Self::Place(Place { values, .. }) => fitted(values),
        }
    }

    /// The seed, where the latent is that of a seed.
    pub fn seed(&self) -> Option<u64> {
        match self {
            Self::Seed { seed } => Some(*seed),
            Self::Point { .. } => None,
            Self::Place(place) => place.seed.filter(|_| place.space == Space::Z),
        }
    }

    /// What to call it: short, and different for different places, so that lists can be told apart.
    pub fn label(&self) -> String {
        let place = self.place();
        let mut text = match (place.space, place.seed) {
            (Space::Z, Some(seed)) => format!("seed {seed}"),
            (space, _) => {
                let word = if space == Space::Z { "point" } else { "styles" };
                let mix = place.values.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, v| {
                    (h ^ u64::from(v.to_bits())).wrapping_mul(0x0100_0000_01b3)
                });
                format!("{word} {:04x}", (mix >> 32) as u16)
            }
        };
        let shares: f32 = place.class.iter().map(|c| c.1).sum();
        match place.class.as_slice() {
            [] => {}
            [(class, _)] => text += &format!(", class {class}"),
            classes => {
                let of = |(class, share): &(u32, f32)| format!("{class} {:.0} %", share / shares * 100.0);
                text += &format!(", classes {}", classes.iter().map(of).collect::<Vec<_>>().join(" + "));
            }
        }
        if place.noise != 0 {
            text += &format!(", noise {}", place.noise);
        }
        text
    }

    /// The same as a [`Place`].
    pub fn place(&self) -> Place {
        match self {
            Self::Seed { seed } => Place { seed: Some(*seed), ..Place::default() },
            Self::Point { values } => Place { values: values.clone(), ..Place::default() },
            Self::Place(place) => place.clone(),
        }
    }

    /// The simplest form of a place.
    pub fn of(place: Place) -> Self {
        match place {
            Place { space: Space::Z, seed: Some(seed), class, noise: 0, .. } if class.is_empty() => Self::Seed { seed },
            Place { space: Space::Z, seed: None, values, class, noise: 0 } if class.is_empty() => {
                Self::Point { values }
            }
            place => Self::Place(place),
        }
    }

    /// Classes with their shares; empty for none in particular.
    pub fn class(&self) -> &[(u32, f32)] {
        match self {
            Self::Place(place) => &place.class,
            _ => &[],
        }
    }

    /// The same place with another number at `d`, for a model with `dim` latent dimensions: styles stay styles, and where
    /// each layer has its own, all move by as much. Without such a number it stays as it is.
    #[must_use]
    pub fn with_number(&self, dim: usize, d: usize, value: f32) -> Self {
        let (mut place, mut values) = (self.place(), self.values(dim));
        if d >= dim {
            return self.clone();
        }
        let (layers, by) = (place.values.len() / dim.max(1), value - values[d]);
        if place.space == Space::W && layers > 1 {
            (0..layers).for_each(|layer| place.values[layer * dim + d] += by);
        } else {
            values[d] = value;
            place.values = values;
        }
        Self::of(Place { seed: None, ..place })
    }

    /// The same place, of these classes.
    #[must_use]
    pub fn with_class(&self, class: &[(u32, f32)]) -> Self {
        Self::of(Place { class: class.to_vec(), ..self.place() })
    }
}

/// A canvas of a fixed size that a picture is placed on, in the middle and as large as it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canvas {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Colour around the picture and behind transparency; with alpha 0 transparency stays.
    pub colour: [u8; 4],
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
    #[serde(deserialize_with = "number")]
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
    /// Hash of the fitted prior that latents went through; none for the standard normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<String>,
    /// The canvas it was placed on; `scale` says nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canvas: Option<Canvas>,
    /// What became of the watermark, the last step of an export; none where no one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
}

/// What became of the watermark of an exported picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Watermark {
    /// It was written.
    Marked {
        /// Version of the mark.
        version: u32,
        /// What it says: eight hexadecimal digits.
        payload: String,
    },
    /// The picture stayed as it was.
    Unmarked {
        /// Why.
        why: String,
    },
}

/// Most cells of a grid that a recipe may ask for.
const MOST_CELLS: usize = 65_536;
/// Most numbers of a latent that a recipe may hold: styles of each layer of the largest models, and more.
const MOST_NUMBERS: usize = 1 << 20;

impl PictureRecipe {
    /// Makes sure that a recipe that may come from anywhere asks for nothing without bounds. Numbers that are none are left to
    /// whoever makes pictures of them.
    ///
    /// # Errors
    /// Says what is out of bounds.
    pub fn check(&self) -> Result<()> {
        let bad = |why: String| Err(Problem::data("The recipe inside this file cannot be right").because(why));
        if self.model_hash.len() > 128 || self.filter.len() > 64 {
            return bad("its texts are too long".into());
        }
        let cells = self.grid.as_ref().map_or(0, |g| g.latents.len());
        if cells > MOST_CELLS || self.grid.as_ref().is_some_and(|g| g.gap > 4096) {
            return bad(format!("a grid of {cells} cells"));
        }
        let latents = self.grid.iter().flat_map(|g| &g.latents).chain(std::iter::once(&self.latent));
        for latent in latents {
            let (values, class) = match latent {
                Latent::Seed { .. } => continue,
                Latent::Point { values } => (values.as_slice(), &[][..]),
                Latent::Place(place) => (place.values.as_slice(), place.class.as_slice()),
            };
            if values.len() > MOST_NUMBERS || class.len() > MOST_NUMBERS {
                return bad(format!("a latent of {} numbers", values.len()));
            }
        }
        Ok(())
    }

    /// The same without what is nobody else's business: the name of the model, which may be a folder, and the device. How
    /// the picture was made stays, and the hash by which its model is known.
    #[must_use]
    pub fn without_traces(self) -> Self {
        Self { model: String::new(), device: String::new(), ..self }
    }
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
    /// Whether rows have one, two, three … cells, each in the middle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub triangle: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_fit_the_model() {
        assert_eq!(Latent::Seed { seed: 3 }.values(4), crate::base::rng::latent_from_seed(3, 4));
        assert_eq!(Latent::Point { values: vec![1.0] }.values(3), vec![1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_number_changes_and_what_it_is_a_number_of_stays() {
        let seed = Latent::Seed { seed: 3 };
        let Latent::Point { values } = seed.with_number(4, 1, 0.5) else { panic!("a point") };
        let own = seed.values(4);
        assert_eq!(values, [own[0], 0.5, own[2], own[3]]);
        let style = |values: Vec<f32>| Latent::of(Place { space: Space::W, values, noise: 7, ..Place::default() });
        assert_eq!(style(vec![1.0, 2.0]).with_number(2, 1, 5.0), style(vec![1.0, 5.0]));
        // One style a layer: the first is set, the others move along.
        let layers = style(vec![1.0, 2.0, 10.0, 20.0]);
        assert_eq!(layers.with_number(2, 1, 2.5), style(vec![1.0, 2.5, 10.0, 20.5]));
        let json = serde_json::to_string(&Latent::Seed { seed: 3 }).unwrap();
        assert_eq!(json, r#"{"kind":"seed","seed":3}"#);
    }

    #[test]
    fn places_are_as_simple_as_they_can_be_and_survive_json() {
        let of_class = Latent::Seed { seed: 3 }.with_class(&[(2, 1.0)]);
        assert_eq!(of_class.values(4), Latent::Seed { seed: 3 }.values(4));
        assert_eq!((of_class.seed(), of_class.class()), (Some(3), &[(2, 1.0)][..]));
        assert_eq!(of_class.with_class(&[]), Latent::Seed { seed: 3 });
        let styles = Latent::Place(Place { space: Space::W, values: vec![0.1, -2.5], noise: 9, ..Place::default() });
        for latent in [of_class, styles, Latent::Point { values: vec![1.5] }] {
            let json = serde_json::to_string(&latent).unwrap();
            assert_eq!(serde_json::from_str::<Latent>(&json).unwrap(), latent, "{json}");
        }
    }

    #[test]
    fn a_recipe_with_numbers_that_are_none_is_still_read() {
        let latent =
            Latent::Place(Place { values: vec![1.0, f32::NAN], class: vec![(1, f32::NAN)], ..Place::default() });
        let recipe = PictureRecipe {
            studio: "1".into(),
            model: "m".into(),
            model_hash: "h".into(),
            latent,
            truncation: f32::INFINITY,
            made_by: "sample".into(),
            scale: 1,
            filter: "nearest".into(),
            grid: None,
            device: String::new(),
            prior: None,
            canvas: None,
            watermark: None,
        };
        let back: PictureRecipe = serde_json::from_str(&serde_json::to_string(&recipe).unwrap()).unwrap();
        assert!(back.truncation.is_nan() && back.model == "m");
        let Latent::Place(place) = back.latent else { panic!("a place") };
        assert!(place.values[0] == 1.0 && place.values[1].is_nan() && place.class[0].1.is_nan());
        let point = Latent::Point { values: vec![f32::NAN] };
        let back: Latent = serde_json::from_str(&serde_json::to_string(&point).unwrap()).unwrap();
        assert!(back.values(1)[0].is_nan());
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
