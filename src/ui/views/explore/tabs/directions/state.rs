//! What is laid out on the page of directions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Family;
use crate::latent::directions::search::Find;
use crate::latent::interpolate::Mode;
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::widgets::latent_slot::Anchor;

/// Purposes of the dialogs that choose a picture for a term; as many terms as there may be.
pub const PICKS: [&str; 6] = ["term 1", "term 2", "term 3", "term 4", "term 5", "term 6"];
/// How far along each direction, in standard deviations.
pub type Strengths = BTreeMap<String, f32>;

/// Pushing, as it is laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectionsState {
    /// Where pushing began, in which model.
    pub base: Option<(ModelRef, Latent)>,
    /// Where it led.
    pub led: Option<Latent>,
    /// How far along each direction, in standard deviations.
    pub strengths: Strengths,
    /// Pictures that the strip moves: the present one, then samples.
    pub rows: u32,
    /// How directions are found.
    pub find: FindState,
}

impl Default for DirectionsState {
    fn default() -> Self {
        Self { base: None, led: None, strengths: Strengths::new(), rows: 1, find: FindState::default() }
    }
}

impl DirectionsState {
    /// Where pushing began, if the present picture is still the one it led to.
    pub fn pushed(&self, model: &str, here: &Latent) -> Option<&Latent> {
        let (of, base) = self.base.as_ref()?;
        (of == model && self.led.as_ref() == Some(here)).then_some(base)
    }
}

/// Latents or pictures that a search looks at.
const SAMPLES: u32 = 2000;

/// How directions are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Axes of features or styles.
    #[default]
    Principal,
    /// From weights.
    Sefa,
    /// Axes of a VAE's codes.
    Codes,
    /// From what is known of pictures.
    Known,
    /// From a phrase.
    Words,
}

impl How {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Principal => "Principal axes",
            Self::Sefa => "SeFa",
            Self::Codes => "Axes of codes",
            Self::Known => "Labels and factors",
            Self::Words => "Words",
        }
    }

    /// What it does.
    pub fn help(self) -> &'static str {
        match self {
            Self::Principal => "Where features or styles of the model's pictures vary most",
            Self::Sefa => "What the first weights turn into the largest changes",
            Self::Codes => "Where codes of the training pictures vary most",
            Self::Known => "What is known of the training pictures: labels, factors, words of captions",
            Self::Words => "What there shall be more or less of, in a phrase",
        }
    }
}

/// Layers that look alike: coarse ones lay out, fine ones colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// All of them.
    #[default]
    All,
    /// The first third.
    Coarse,
    /// The middle.
    Middle,
    /// The last.
    Fine,
}

impl Group {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::All => "All layers",
            Self::Coarse => "Coarse layers",
            Self::Middle => "Middle layers",
            Self::Fine => "Fine layers",
        }
    }

    /// The first of so many layers, and the one past the last.
    pub fn layers(self, all: u32) -> Option<[u32; 2]> {
        let third = |n: u32| (n * all).div_ceil(3);
        match self {
            Self::All => None,
            Self::Coarse => Some([0, third(1)]),
            Self::Middle => Some([third(1), third(2)]),
            Self::Fine => Some([third(2), all]),
        }
    }
}

/// All that is chosen for a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindState {
    /// How.
    pub how: How,
    /// How many, where that can be chosen.
    pub count: u32,
    /// Features of which layer; 0 for the styles, or the first layer of a model without.
    pub layer: u32,
    /// SeFa: weights of which layers.
    pub group: Group,
    /// Codes, labels: pictures; those of the model's recipe if empty.
    pub data: String,
    /// Labels: names, with commas between; all if empty.
    pub only: String,
    /// Labels: by the encoder's codes, at once.
    pub codes: bool,
    /// Words: the phrase.
    pub text: String,
}

impl Default for FindState {
    fn default() -> Self {
        Self {
            how: How::default(),
            count: 6,
            layer: 0,
            group: Group::default(),
            data: String::new(),
            only: String::new(),
            codes: false,
            text: String::new(),
        }
    }
}

impl FindState {
    /// Whether all that a search needs was given.
    pub fn is_complete(&self) -> bool {
        self.how != How::Words || !self.text.trim().is_empty()
    }

    /// What is asked of the engine.
    pub fn find(&self, info: &ModelInfo) -> Find {
        let (count, data) = (self.count, self.data.trim().to_string());
        let vae = info.family == Family::Vae;
        match self.how {
            How::Sefa => Find::Sefa { layers: self.group.layers(Dims::of(info).layers as u32), count },
            How::Codes if vae => Find::Codes { data, count, limit: SAMPLES },
            How::Principal | How::Codes => Find::Principal { tap: self.layer.checked_sub(1), count, samples: SAMPLES },
            How::Words => Find::Text { text: self.text.trim().to_string() },
            How::Known => {
                let names = self.only.split(',').map(str::trim).filter(|n| !n.is_empty());
                let only = names.map(String::from).collect();
                Find::Data { data, only, apart: true, limit: SAMPLES, codes: self.codes && vae }
            }
        }
    }
}

/// A picture in a sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Whether it is taken away.
    pub minus: bool,
    /// Which picture.
    pub anchor: Anchor,
}

/// A sum as it is laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SumState {
    /// Its terms.
    pub terms: Vec<Term>,
    /// Whether the sum keeps the length of its terms.
    pub mode: Mode,
}

impl Default for SumState {
    fn default() -> Self {
        let term = |(seed, minus): (f64, bool)| Term { minus, anchor: Anchor::Seed(seed) };
        Self { terms: [(1.0, false), (2.0, true), (3.0, false)].map(term).to_vec(), mode: Mode::Slerp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::preset;

    fn info(preset_id: &str) -> ModelInfo {
        let facts = preset::Facts { pictures: 1000, resolution: 32.into() };
        ModelInfo::of(&preset::find(preset_id).unwrap().recipe(facts), String::new())
    }

    #[test]
    fn groups_share_all_layers_among_them() {
        for all in [6, 8, 10, 14] {
            let of = |g: Group| g.layers(all).unwrap();
            let (a, b, c) = (of(Group::Coarse), of(Group::Middle), of(Group::Fine));
            assert!(a[0] == 0 && a[1] == b[0] && b[1] == c[0] && c[1] == all);
            assert!([a, b, c].iter().all(|g| g[0] < g[1]), "{all}");
        }
    }

    #[test]
    fn what_is_chosen_is_asked_for() {
        let style = info("style-gan");
        let state = FindState { how: How::Sefa, group: Group::Fine, count: 3, ..FindState::default() };
        let Find::Sefa { layers: Some([from, to]), count: 3 } = state.find(&style) else { panic!() };
        assert!(from > 0 && to == Dims::of(&style).layers as u32);
        let vae = info("vae");
        let state = FindState { how: How::Known, only: " x, size ,,".into(), codes: true, ..FindState::default() };
        assert!(matches!(state.find(&vae), Find::Data { only, codes: true, .. } if only == ["x", "size"]));
        assert!(matches!(state.find(&style), Find::Data { codes: false, .. }));
        let words = FindState { how: How::Words, text: " more red ".into(), ..FindState::default() };
        assert!(words.is_complete() && !FindState { text: " ".into(), ..words.clone() }.is_complete());
        assert_eq!(words.find(&vae), Find::Text { text: "more red".into() });
        let state = FindState { how: How::Codes, ..FindState::default() };
        assert!(matches!(state.find(&style), Find::Principal { tap: None, .. }), "a GAN has no codes of pictures");
    }
}
