//! What a row of the table of models says.

use serde::Serialize;

use crate::base::{Family, Resolution};
use crate::recipe::Recipe;
use crate::recipe::flops::{Cost, RESIDUAL};

/// What is known of a model before its networks are built.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// What a recipe calls it.
    pub id: &'static str,
    /// Its name on a card.
    pub title: &'static str,
    /// Its family.
    pub family: Family,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    /// Paths of the settings that it has and that some other model lacks.
    pub settings: &'static [&'static str],
    /// Pixels a side of the largest pictures that it learns.
    pub max_side: u32,
    /// Whether it learns points in the plane.
    pub points: bool,
    /// Why its critic takes no gradient penalties; nothing where it does.
    pub no_penalty: Option<&'static str>,
    /// Whether its critic looks through the fixed network that has seen photographs.
    pub looks_through_features: bool,
    /// Layers that take a style of their own, in the network of a recipe; 0 without styles.
    pub style_layers: fn(&Recipe) -> usize,
    /// Whether its latent has several levels, from coarse to fine.
    pub hierarchical: bool,
    /// What it computes.
    pub cost: Cost,
    /// Memory that training holds, by that which the residual GAN would with the same stages: a factor, and megabytes besides.
    /// Measured by `bench memory` at two or three sizes.
    pub memory: (f64, f64),
    /// Recipes to start from, the most recommended first.
    pub presets: &'static [Preset],
    /// What every preset of it sets beside sizes and length.
    pub set_up: fn(&mut Recipe, &Setup),
}

/// What GANs have in common.
pub(super) const GAN: Architecture = Architecture {
    id: "",
    title: "",
    family: Family::Gan,
    description: "",
    settings: &["model.narrow"],
    max_side: Resolution::MAX_SIDE,
    points: false,
    no_penalty: None,
    looks_through_features: false,
    style_layers: |_| 0,
    hierarchical: false,
    cost: RESIDUAL,
    memory: (1.0, 0.0),
    presets: &[],
    set_up: |_, _| {},
};

/// What VAEs have in common.
pub(super) const VAE: Architecture = Architecture { family: Family::Vae, ..GAN };

/// What token models have in common.
pub(super) const TOKENS: Architecture = Architecture { family: Family::Tokens, max_side: 128, ..GAN };

/// What priors over tokens have in common.
pub(super) const PRIOR: Architecture = Architecture { family: Family::Prior, max_side: 128, ..GAN };

/// A recipe to start from.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Preset {
    /// Its name on the command line.
    pub id: &'static str,
    /// Its name on a card.
    pub title: &'static str,
    /// The model it trains.
    pub model: &'static str,
    /// What it is good for.
    pub what_for: &'static str,
    /// What comes out, at its length.
    pub quality: &'static str,
    /// Thousands of pictures it runs for at 32 pixels.
    pub kimg: f64,
    /// For those who look for it: shown only when asked for more.
    pub more: bool,
    /// Whether it is for points in the plane, and not for pictures.
    #[serde(skip)]
    pub for_points: bool,
    /// How large its networks are.
    pub size: Size,
    /// Times as long as usual for photographs, which take longer than drawings to be more than noise of the right colours.
    #[serde(skip)]
    pub photo_stretch: f64,
    /// What comes out where that is something else than [`Self::quality`]; the first that holds.
    #[serde(skip)]
    pub except: &'static [(When, &'static str)],
}

/// Size of a preset's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// For a first look.
    Tiny,
    /// The usual one.
    Normal,
    /// As large as is useful.
    Quality,
}

/// What a preset is used on, where that decides what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Photographs, or pictures of several kinds.
    Photos,
    /// Fewer than [`FEW`](crate::recipe::advice::FEW) photographs.
    FewPhotos,
    /// Fewer than a hundred pictures.
    VeryFew,
    /// More pixels than a square of 40 a side.
    Large,
}

/// A preset without words, to be filled in.
pub(super) const PRESET: Preset = Preset {
    id: "",
    title: "",
    model: "",
    what_for: "",
    quality: "",
    kimg: 0.0,
    more: false,
    for_points: false,
    size: Size::Normal,
    photo_stretch: 1.0,
    except: &[],
};

/// What a preset is set up for.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Size of the networks.
    pub size: Size,
    /// Whether pictures have more pixels than a square of 40 a side.
    pub large: bool,
    /// Usable pictures; 0 where that is not known.
    pub pictures: u64,
}

impl Setup {
    /// Whether the pictures are so few that without augmentation they are learned by heart.
    pub(super) fn is_small(&self) -> bool {
        self.pictures > 0 && self.pictures < 5000
    }
}
