//! A model as lists show it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::io::{METADATA, Weights};
use crate::base::{Channels, Family, Problem, Resolution, Result};
use crate::recipe::{Recipe, bounds};

/// Name of a model: a run folder (`path`, `path@best`, `path@KIMG`), a checkpoint file, or a shipped model.
pub type ModelRef = String;

/// A model as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// What to ask for it by.
    pub model: ModelRef,
    /// Name.
    pub name: String,
    /// Family.
    pub family: Family,
    /// Architecture id.
    pub architecture: String,
    /// Width and height.
    pub resolution: Resolution,
    /// Channels.
    pub channels: Channels,
    /// Latent dimensions.
    pub latent: u32,
    /// Comes with the studio.
    pub shipped: bool,
    /// Hash of the weights.
    pub hash: String,
    /// Thousands of pictures it was trained on.
    pub kimg: f64,
    /// Bytes on disk.
    pub bytes: u64,
    /// What it was trained on and by whom; shown on its card.
    #[serde(default)]
    pub card: Option<ModelCard>,
    /// Its recipe.
    pub recipe: Recipe,
    /// The model it started from.
    #[serde(default)]
    pub parent: Option<String>,
    /// Hash of the prepared pictures that it learned from last; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// Whether the pictures that it learned from have hard pixels, as pixel art has; nothing where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_pixels: Option<bool>,
    /// VAE: mean KL of each latent dimension, in nats, as last measured.
    #[serde(default)]
    pub kl: Vec<f32>,
    /// VAE: the fitted prior that comes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<PriorInfo>,
    /// The models whose weights it is the mean of; empty for one that was trained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<AveragedPart>,
}

/// A model that went into an average.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AveragedPart {
    /// Its name.
    pub name: String,
    /// Hash of the prepared pictures that it learned from; empty where it is not known.
    pub data: String,
    /// Hash of the recipe of its run, live edits included.
    pub run: String,
    /// Pictures that it had seen.
    pub images: u64,
    /// Hash of its weights.
    pub weights: String,
}

/// Settings of a recipe that the first signed ones did not have, as they are written where they are off.
const LATER: &str = r#","stop_gain":0.0,"stop_kimg":50.0,"averages":0"#;

impl AveragedPart {
    /// What is known of a model.
    pub fn of(info: &ModelInfo) -> Self {
        // Settings that came later and are off leave the hash as earlier versions signed it.
        let recipe = serde_json::to_string(&info.recipe).unwrap_or_default().replacen(LATER, "", 1);
        Self {
            name: info.name.clone(),
            data: info.data.clone(),
            run: blake3::hash(recipe.as_bytes()).to_hex().to_string(),
            images: (info.kimg * 1000.0).round() as u64,
            weights: info.hash.clone(),
        }
    }
}

/// A model that is there and cannot be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokenModel {
    /// What it would be asked for by.
    pub model: ModelRef,
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Why it cannot be used.
    pub broken: Problem,
}

/// Every model there is.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Listing {
    /// Those that can be used: shipped ones first, then imported ones, then runs, newest first.
    pub models: Vec<ModelInfo>,
    /// Those that cannot, in the same order.
    pub broken: Vec<BrokenModel>,
}

impl ModelInfo {
    /// What a recipe alone says of its model; `hash` is that of the weights.
    pub fn of(recipe: &Recipe, hash: String) -> Self {
        Self {
            model: ModelRef::new(),
            name: recipe.name.clone(),
            family: recipe.family().unwrap_or(Family::Gan),
            architecture: recipe.model.id.clone(),
            resolution: recipe.data.resolution,
            channels: recipe.data.channels,
            latent: recipe.model.latent,
            shipped: false,
            hash,
            kimg: 0.0,
            bytes: 0,
            card: None,
            recipe: recipe.clone(),
            parent: recipe.parent.as_ref().map(|p| p.model.clone()),
            data: String::new(),
            hard_pixels: None,
            kl: Vec::new(),
            prior: None,
            parts: Vec::new(),
        }
    }

    /// Whether its pictures are pixel art: as its training found, or as its card says.
    pub fn is_pixel_art(&self) -> Option<bool> {
        let says = |card: &ModelCard| {
            let text = format!("{} {}", card.summary, card.data).to_lowercase();
            ["pixel art", "pixel-art"].iter().any(|words| text.contains(words)).then_some(true)
        };
        self.hard_pixels.or_else(|| self.card.as_ref().and_then(says))
    }

    /// What a snapshot says of itself.
    ///
    /// # Errors
    /// It is not one of ours.
    pub fn of_weights(weights: &Weights) -> Result<Self> {
        Self::from_metadata(weights.metadata.get(METADATA))
    }

    /// What the metadata of a snapshot say.
    ///
    /// # Errors
    /// It is not one of ours, or comes from a newer studio.
    pub fn from_metadata(text: Option<&String>) -> Result<Self> {
        let text = text.ok_or_else(|| {
            Problem::data("These weights were not made by Latent Studio, so their network is unknown")
                .try_this("Import a model that Latent Studio exported")
        })?;
        let info: Self = serde_json::from_str(text).map_err(|e| {
            Problem::data("The description inside this model cannot be read")
                .because(e)
                .try_this("It may come from a newer Latent Studio")
        })?;
        // A network is built from the recipe, and files are named by the hash: neither is taken as it comes.
        bounds::check(&info.recipe).map_err(|p| {
            Problem::data("The recipe inside this model cannot be right")
                .because(p)
                .try_this("The file may be damaged, or come from a newer Latent Studio")
        })?;
        if !is_hash(&info.hash) || info.prior.as_ref().is_some_and(|p| !is_hash(&p.hash)) {
            return Err(Problem::data("The hash inside this model is none").try_this("The file may be damaged"));
        }
        let told = Self::of(&info.recipe, String::new());
        Ok(Self {
            family: told.family,
            architecture: told.architecture,
            resolution: told.resolution,
            channels: told.channels,
            latent: told.latent,
            ..info
        })
    }

    /// Whether it makes pictures of latents, and can be explored: token models and priors over tokens do not.
    pub fn has_latents(&self) -> bool {
        matches!(self.family, Family::Gan | Family::Vae)
    }

    /// The fitted prior, if latents are drawn through one.
    pub fn active_prior(&self) -> Option<&PriorInfo> {
        self.prior.as_ref().filter(|p| p.on)
    }
}

/// Whether a text can be the hash of weights; none yet is one too.
fn is_hash(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What is known of a fitted prior.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriorInfo {
    /// `gmm`, `two-stage`, or `vamp` for one that was learned with the model.
    pub kind: String,
    /// Components of a mixture; 0 for others.
    pub components: u32,
    /// `full` or `diagonal`; empty for others.
    pub covariance: String,
    /// Codes it was fitted to.
    pub codes: u64,
    /// Where their pictures came from.
    pub data: String,
    /// Mean log density of the codes under it, in nats; for a second VAE its bound.
    #[serde(default)]
    pub log_likelihood: Option<f64>,
    /// The same under the standard normal.
    #[serde(default)]
    pub standard: Option<f64>,
    /// Hash of its numbers.
    pub hash: String,
    /// Whether latents are drawn through it.
    #[serde(default = "yes")]
    pub on: bool,
}

fn yes() -> bool {
    true
}

/// The card of a shipped or exported model.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelCard {
    /// One sentence on what it makes.
    pub summary: String,
    /// The data.
    pub data: String,
    /// Licence of the data.
    pub data_licence: String,
    /// Licence of the weights.
    pub licence: String,
    /// Hours it was trained.
    pub hours: f64,
    /// Device it was trained on.
    pub device: String,
    /// Scores as measured, by name.
    pub scores: Vec<(String, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_off_leave_the_hash_of_a_run_as_it_was() {
        let mut info = ModelInfo::of(&Recipe::default(), "hash".into());
        let text = serde_json::to_string(&info.recipe).unwrap();
        assert!(text.contains(LATER) && !text.replacen(LATER, "", 1).contains("stop_"));
        let off = AveragedPart::of(&info).run;
        assert_eq!(off, blake3::hash(text.replacen(LATER, "", 1).as_bytes()).to_hex().to_string());
        info.recipe.run.stop_gain = 0.1;
        assert_ne!(AveragedPart::of(&info).run, off);
    }

    #[test]
    fn pixel_art_is_known_from_training_else_from_the_card() {
        let mut info = ModelInfo::of(&Recipe::default(), "hash".into());
        assert_eq!(info.is_pixel_art(), None);
        let card = |summary: &str| Some(ModelCard { summary: summary.into(), ..ModelCard::default() });
        info.card = card("Yellow faces");
        assert_eq!(info.is_pixel_art(), None, "its pictures decide");
        // As on the card of the shipped model.
        info.card = card("Pixel-art characters with glasses");
        assert_eq!(info.is_pixel_art(), Some(true));
        info.hard_pixels = Some(false);
        assert_eq!(info.is_pixel_art(), Some(false), "what training found counts more");
        let old = serde_json::to_value(&info).unwrap();
        assert_eq!(serde_json::from_value::<ModelInfo>(old).unwrap(), info);
    }
}
