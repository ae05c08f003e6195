//! How versions of data sets differ, with the small versions of their pictures that the library keeps.

use std::collections::HashMap;
use std::io::Cursor;

use rayon::prelude::*;

use super::Library;
use crate::base::{Picture, Result};
use crate::data::manifest::{Diff, Entry, Manifest};
use crate::data::recrop::is_cut;

/// Pictures with other contents that are looked at at most, to tell those that were cut.
const LOOKED_AT: usize = 500;

impl Library {
    /// The small version of a picture by the hash of its pixels; nothing if there is none, or it cannot be read.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn small_picture(&self, content: &str) -> Result<Option<Picture>> {
        let read = |png: Vec<u8>| {
            let image = image::ImageReader::with_format(Cursor::new(png), image::ImageFormat::Png).decode().ok()?;
            let image = image.into_rgba8();
            Some(Picture { width: image.width(), height: image.height(), rgba: image.into_raw() })
        };
        Ok(self.version_thumb(content)?.and_then(read))
    }

    /// How one version differs from another. Pictures that look too unlike what they were to be told by their hashes are cut
    /// where one shows a part of the other.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn compare_versions(&self, earlier: &Manifest, later: &Manifest) -> Result<Diff> {
        let mut diff = earlier.diff(later);
        if diff.replaced.is_empty() {
            return Ok(diff);
        }
        let by_name = |m: &'_ Manifest| -> HashMap<String, Entry> {
            m.entries.iter().map(|e| (e.name.clone(), e.clone())).collect()
        };
        let (old, new) = (by_name(earlier), by_name(later));
        let mut pairs = Vec::new();
        for name in diff.replaced.iter().take(LOOKED_AT) {
            let (Some(a), Some(b)) = (old.get(name), new.get(name)) else { continue };
            let sizes = [(a.width, a.height), (b.width, b.height)];
            if sizes[0] != sizes[1]
                && let (Some(before), Some(after)) = (self.small_picture(&a.content)?, self.small_picture(&b.content)?)
            {
                pairs.push((name.clone(), before, after, sizes));
            }
        }
        let cut: Vec<String> = pairs
            .into_par_iter()
            .filter(|(_, before, after, [a, b])| is_cut(before, after, [*a, *b]) || is_cut(after, before, [*b, *a]))
            .map(|(name, ..)| name)
            .collect();
        diff.replaced.retain(|name| !cut.contains(name));
        diff.recropped.extend(cut);
        diff.recropped.sort();
        Ok(diff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::recipe::Reading;

    /// A corner of a picture with structure, which its hash alone would call another one.
    #[test]
    fn what_was_cut_out_of_a_corner_is_told_from_what_was_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().to_str().unwrap().to_owned();
        let value = |x: u32, y: u32, seed: f32| {
            let (u, v) = (x as f32 / 200.0, y as f32 / 200.0);
            let wave = (u * 17.0 * seed).sin() + (v * 23.0 + u * 8.0).cos() + (u * v * 61.0 + seed).sin();
            image::Rgb([(127.0 + wave * 40.0) as u8; 3])
        };
        let draw = |name: &str, seed: f32, (width, height): (u32, u32), from: (u32, u32)| {
            let picture = image::RgbImage::from_fn(width, height, |x, y| value(x + from.0, y + from.1, seed));
            picture.save(dir.path().join(name)).unwrap();
        };
        let library = Library::in_memory().unwrap();
        let note = || {
            let version = Manifest::of(&source, Reading::default(), &Quiet::default()).unwrap();
            library.keep_thumbs_of(&source, Reading::default(), &version, &Quiet::default()).unwrap();
            version
        };
        draw("cut.png", 1.0, (200, 200), (0, 0));
        draw("other.png", 1.3, (200, 200), (0, 0));
        let before = note();
        draw("cut.png", 1.0, (120, 120), (80, 80));
        draw("other.png", 2.9, (150, 150), (0, 0));
        let after = note();
        assert_eq!(before.diff(&after).replaced, ["cut.png", "other.png"], "by hashes alone");
        let diff = library.compare_versions(&before, &after).unwrap();
        assert_eq!((diff.recropped, diff.replaced), (vec!["cut.png".to_owned()], vec!["other.png".to_owned()]));
        let back = library.compare_versions(&after, &before).unwrap();
        assert_eq!(back.recropped, ["cut.png"], "and the other way round");
    }
}
