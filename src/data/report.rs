//! What a survey finds in a source of pictures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decode::{EXTENSIONS, extension};
use super::guess::Guess;
use crate::recipe::Reading;

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
    /// The same for a person: pictures first, company that cannot be used by kind and number. See [`told`].
    #[serde(default)]
    pub told: Vec<BrokenFile>,
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
    /// How many have large areas of one colour, as drawings have and photographs have not.
    #[serde(default)]
    pub drawn: u64,
    /// Bytes of the source.
    pub bytes: u64,
    /// Places of pictures that are one colour all over.
    #[serde(default)]
    pub blank: Vec<u32>,
    /// What was assumed about it.
    #[serde(default)]
    pub guesses: Vec<Guess>,
    /// How it was asked to be understood.
    #[serde(default)]
    pub reading: Reading,
}

impl Survey {
    /// Usable pictures that the studio made itself.
    pub fn generated(&self) -> u64 {
        super::read_notes::generated(&self.guesses)
    }
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

/// Lines of a list for a person.
pub const LINES: usize = 200;
/// So many files of a kind are told one by one.
const FEW: usize = 3;

/// Files that cannot be used as a list for a person, at most `most` lines: broken pictures come first, one by one; other
/// files of which there are many are told by kind and number; what is beyond the bound is counted.
pub fn told(broken: &[BrokenFile], most: usize) -> Vec<BrokenFile> {
    let is_picture = |b: &&BrokenFile| EXTENSIONS.contains(&extension(&b.file).as_str());
    let mut out: Vec<BrokenFile> = broken.iter().filter(is_picture).cloned().collect();
    let mut kinds: BTreeMap<(String, &str), Vec<&BrokenFile>> = BTreeMap::new();
    for file in broken.iter().filter(|b| !is_picture(b)) {
        kinds.entry((extension(&file.file), file.reason.as_str())).or_default().push(file);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, files)| files.len());
    for ((ending, reason), files) in kinds {
        if files.len() <= FEW {
            out.extend(files.into_iter().cloned());
        } else {
            let what = if ending.is_empty() { "without ending".to_owned() } else { format!(".{ending}") };
            let file = if ending.is_empty() {
                format!("{} files {what}", files.len())
            } else {
                format!("{} {what} files", files.len())
            };
            out.push(BrokenFile { file, reason: reason.to_owned() });
        }
    }
    if out.len() > most {
        let more = out.len() - most.saturating_sub(1);
        out.truncate(most.saturating_sub(1));
        let reason = "`latent-studio data survey --json` lists every file".to_owned();
        out.push(BrokenFile { file: format!("and {more} more"), reason });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(file: &str, reason: &str) -> BrokenFile {
        BrokenFile { file: file.into(), reason: reason.into() }
    }

    #[test]
    fn a_broken_photo_stands_before_a_crowd_of_company() {
        let mut all: Vec<BrokenFile> = (0..161).map(|i| broken(&format!("a/IMG_{i}.xmp"), "text")).collect();
        all.push(broken("a/clip.mov", "a video"));
        all.push(broken("z/IMG_7.JPG", "cut off"));
        let list = told(&all, LINES);
        let lines: Vec<&str> = list.iter().map(|b| b.file.as_str()).collect();
        assert_eq!(lines, ["z/IMG_7.JPG", "a/clip.mov", "161 .xmp files"]);
        assert_eq!(list[2].reason, "text");
    }

    #[test]
    fn the_list_has_an_end() {
        let all: Vec<BrokenFile> = (0..1000).map(|i| broken(&format!("{i}.png"), "empty")).collect();
        let list = told(&all, 10);
        assert_eq!((list.len(), list[9].file.as_str()), (10, "and 991 more"));
        assert_eq!(told(&all[..10], 10).len(), 10);
        assert!(told(&[], 10).is_empty());
    }
}
