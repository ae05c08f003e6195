//! What the library keeps, as lists show it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use crate::recipe::picture::PictureRecipe;

/// A kept picture as the gallery shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Number in the library.
    pub id: i64,
    /// File.
    pub path: PathBuf,
    /// Pixels across and down.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Name of the model.
    pub model: String,
    /// Rating, 0 to 5.
    pub rating: u8,
    /// Star.
    pub starred: bool,
    /// Tags.
    pub tags: Vec<String>,
    /// Unix time it was kept.
    pub created: i64,
    /// How it was made.
    pub recipe: Option<PictureRecipe>,
    /// What is known of it where it is a picture of a data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// What is known of a picture of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Name of the data set.
    pub dataset: String,
    /// Whether no model made it.
    pub real: bool,
    /// Label.
    pub label: Option<String>,
    /// Caption.
    pub caption: Option<String>,
    /// The source as it is opened.
    pub source: String,
    /// Name within the source.
    pub name: String,
}

/// Kept pictures, those of data sets, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Shelf {
    /// Pictures that were made here and kept.
    #[default]
    Kept,
    /// Pictures of data sets that were imported.
    Imported,
    /// Both.
    All,
}

/// A data set that was used before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSetInfo {
    /// Source as given.
    pub source: String,
    /// Usable pictures.
    pub pictures: u64,
    /// Unix time it was last used.
    pub used: i64,
}

/// Which kept pictures, in which order.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct ItemFilter {
    /// Words in model, tags or recipe.
    pub text: String,
    /// Only this model.
    pub model: Option<String>,
    /// At least this rating.
    pub min_rating: u8,
    /// Only starred ones.
    pub starred: bool,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Those that look most like this one, the nearest first; the order is then not asked for.
    pub alike: Option<i64>,
    /// Those whose models are relatives of this one's: checkpoints of one run, what it came from and what came from it.
    pub family: Option<i64>,
    /// Kept pictures, those of data sets, or both.
    #[serde(default)]
    pub shelf: Shelf,
    /// Further conditions, all of which hold.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// What is in the trash instead of what is not.
    pub trashed: bool,
    /// Order.
    pub sort: ItemSort,
}

/// Order of kept pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, strum::EnumIter)]
pub enum ItemSort {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
    /// Best rating first.
    Rating,
    /// By model, then newest.
    Model,
}
