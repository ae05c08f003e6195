//! What a survey finds in a source of pictures.

use serde::{Deserialize, Serialize};

/// What survey found in a source.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Survey {
    /// The source as given.
    pub source: String,
    /// What it is, such as "Folder" or "IDX".
    pub kind: String,
    /// Usable pictures, in the source's order.
    pub entries: Vec<SurveyEntry>,
    /// Files that cannot be used, each with its reason.
    pub broken: Vec<BrokenFile>,
    /// Names of labels, in order; entries refer to them by place.
    pub labels: Vec<String>,
    /// Names of numeric or textual factor columns.
    pub factors: Vec<String>,
    /// Groups of places (into `entries`) of the same or nearly the same picture, each with two or more.
    pub duplicates: Vec<DuplicateGroup>,
    /// How many pictures have each size, most frequent first.
    pub sizes: Vec<(u32, u32, u64)>,
    /// How many are grey throughout.
    pub grey: u64,
    /// How many have transparency.
    pub transparent: u64,
    /// Bytes of the source.
    pub bytes: u64,
}

/// A usable picture.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct SurveyEntry {
    /// Name within the source.
    pub name: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Place in `Survey::labels`.
    pub label: Option<u32>,
    /// Caption.
    pub caption: Option<String>,
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenFile {
    /// Its name.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Pictures that are the same, or nearly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateGroup {
    /// Places in `Survey::entries`.
    pub entries: Vec<u32>,
    /// Whether every pixel is the same.
    pub exact: bool,
}
