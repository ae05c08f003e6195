//! How a picture stands to those that its model learned from, as a text chunk of the exported PNG file, with what that rests
//! on. It is no part of the recipe: pixels and recipe are the same with it and without.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::png::with_text;
use super::read_metadata::read_text;
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result, vault};
use crate::latent::retrieval::Standing;

/// Keyword of the text chunk.
pub const KEY: &str = "latent-studio-likeness";

/// How a picture stands to the training pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Badge {
    /// Own, near or copy.
    pub standing: Standing,
    /// Share of unseen real pictures that come at least as near to a training picture, 0 to 1.
    pub as_near: f64,
    /// Unseen pictures that this rests on.
    pub unseen: u64,
    /// Whether they were held out; else the training pictures stand in for them.
    pub held_out: bool,
}

impl Badge {
    /// In words.
    pub fn said(&self) -> String {
        let standing: &str = self.standing.into();
        let kind = if self.held_out { "held-out" } else { "training" };
        let share = 100.0 * self.as_near;
        format!("{standing}: {share:.1} % of {} {kind} pictures come as near to a training picture", self.unseen)
    }
}

/// Writes it into a PNG file, in place of one that it had; other files are left as they are. Whether it was written.
///
/// # Errors
/// The file cannot be read or written.
pub fn write(path: &Path, badge: &Badge) -> Result<bool> {
    let bytes = vault::read(path).map_err(|e| Problem::io("This file could not be read", path, &e))?;
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(false);
    }
    let text =
        serde_json::to_string(badge).map_err(|e| Problem::failed("This badge could not be written").because(e))?;
    write_atomically(path, &with_text(&bytes, KEY, &text)).map(|()| true)
}

/// The badge of a file, if it has one.
///
/// # Errors
/// The file or its badge cannot be read.
pub fn read(path: &Path) -> Result<Option<Badge>> {
    let Some(text) = read_text(path, KEY)? else { return Ok(None) };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| Problem::data("The badge of this file cannot be read").of(path.display().to_string()).because(e))
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::full;
    use super::super::png::{decode, write_png};
    use super::super::read_metadata::read_recipe;
    use super::*;
    use crate::base::Picture;

    #[test]
    fn a_badge_is_read_back_and_changes_neither_pixels_nor_recipe() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        write_png(&path, &Picture::filled(20, 10, [9, 8, 7, 255]), Some(&full())).unwrap();
        let (before, recipe) = (std::fs::read(&path).unwrap(), read_recipe(&path).unwrap());
        assert_eq!(read(&path).unwrap(), None);
        let badge = Badge { standing: Standing::Near, as_near: 0.004, unseen: 480, held_out: true };
        assert!(write(&path, &Badge { standing: Standing::Own, ..badge.clone() }).unwrap());
        assert!(write(&path, &badge).unwrap());
        let after = std::fs::read(&path).unwrap();
        assert_eq!(decode(&after).unwrap(), decode(&before).unwrap());
        assert_eq!((read_recipe(&path).unwrap(), read(&path).unwrap()), (recipe, Some(badge.clone())));
        assert_eq!(badge.said(), "near: 0.4 % of 480 held-out pictures come as near to a training picture");
        let film = dir.path().join("a.gif");
        std::fs::write(&film, b"GIF89a").unwrap();
        assert!(!write(&film, &badge).unwrap() && read(&film).unwrap().is_none());
        std::fs::write(&path, with_text(&after, KEY, "{")).unwrap();
        assert!(read(&path).is_err());
    }
}
