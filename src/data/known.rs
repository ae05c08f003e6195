//! What a survey tells of its pictures as a whole: how many a run would be given, of what kind they are.

use std::collections::{BTreeSet, HashSet};

use super::aspect::aspect;
use super::decode::{EXTENSIONS, extension};
use super::report::{DuplicateGroup, Survey};
use crate::base::{Channels, Picture};
use crate::recipe::DataRecipe;
use crate::recipe::advice::{Known, PictureKind};

/// Share of neighbouring pixels of the same colour from which on a picture counts as drawn. Photographs have some in
/// skies and overexposed places; drawings have nothing else.
const FLAT: f64 = 0.4;

/// Whether a picture has large areas of one colour.
pub(super) fn is_drawn(picture: &Picture) -> bool {
    let row = picture.width as usize * 4;
    if row < 8 {
        return false;
    }
    let same = |a: &[u8], b: &[u8]| a == b || (a[3] == 0 && b[3] == 0);
    let flat =
        |pixels: &[u8]| pixels.chunks_exact(4).zip(pixels[4..].chunks_exact(4)).filter(|(a, b)| same(a, b)).count();
    let count: usize = picture.rgba.chunks_exact(row).map(flat).sum();
    count as f64 >= FLAT * (picture.rgba.len() / row * (row / 4 - 1)) as f64
}

impl Survey {
    /// Pictures that are there, the broken ones among them; files that were never pictures do not count.
    pub fn files(&self) -> u64 {
        let broken = self.broken.iter().filter(|b| EXTENSIONS.contains(&extension(&b.file).as_str())).count();
        (self.entries.len() + broken) as u64
    }

    /// Places of the pictures that a preparation leaves out by name.
    pub fn left_out(&self, data: &DataRecipe) -> BTreeSet<u32> {
        if data.exclude.is_empty() {
            return BTreeSet::new();
        }
        let names: HashSet<&str> = data.exclude.iter().map(String::as_str).collect();
        let places = self.entries.iter().enumerate().filter(|(_, e)| names.contains(e.name.as_str()));
        places.map(|(i, _)| i as u32).collect()
    }

    /// Pictures that a run with this preparation would be given, when `out` are left out: spare duplicates and what is
    /// beyond the limit do not count either.
    pub fn usable(&self, data: &DataRecipe, out: &BTreeSet<u32>) -> u64 {
        let mut count = self.entries.len().saturating_sub(out.len()) as u64;
        if data.drop_blank {
            count = count.saturating_sub(self.blank.iter().filter(|i| !out.contains(i)).count() as u64);
        }
        if data.drop_duplicates {
            let kept = |d: &DuplicateGroup| d.entries.iter().filter(|i| !out.contains(i)).count();
            let spare: usize = self.duplicates.iter().map(|d| kept(d).saturating_sub(1)).sum();
            count = count.saturating_sub(spare as u64);
        }
        if data.limit > 0 { count.min(u64::from(data.limit)) } else { count }
    }

    /// What advice on a run needs to know of them, when `out` are left out.
    pub fn known(&self, data: &DataRecipe, out: &BTreeSet<u32>) -> Known {
        let pictures = self.usable(data, out);
        let known = Known {
            pictures: self.entries.len() as u64,
            side: self.sizes.first().map_or(0, |&(w, h, _)| w.min(h)),
            aspect: aspect(&self.sizes).ratio,
            transparent: self.transparent,
            grey: self.grey,
            drawn: self.drawn,
            classes: self.labels.len(),
            ..Known::default()
        };
        let points = data.settled().channels == Channels::Points;
        // Shares are those of all pictures, whatever is left out.
        let kind = if points { Some(PictureKind::Points) } else { known.kind() };
        Known { kind, channels: known.channels(), pictures, ..known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::report::{BrokenFile, SurveyEntry};

    fn survey() -> Survey {
        let entry = |i: u32| SurveyEntry { name: format!("{i}.png"), width: 64, height: 48, ..SurveyEntry::default() };
        Survey {
            entries: (0..1631).map(entry).collect(),
            broken: vec![BrokenFile { file: "a.jpg".into(), reason: "empty".into() }; 2],
            duplicates: vec![DuplicateGroup { entries: vec![1, 2, 3], exact: true }],
            sizes: vec![(64, 48, 1631)],
            drawn: 1600,
            ..Survey::default()
        }
    }

    #[test]
    fn usable_pictures_are_counted_one_way() {
        let (survey, mut data) = (survey(), DataRecipe::default());
        let usable = |data: &DataRecipe| survey.usable(data, &survey.left_out(data));
        assert_eq!((survey.files(), usable(&data)), (1633, 1631));
        data.drop_duplicates = true;
        assert_eq!(usable(&data), 1629);
        // One of the group is left out by hand: only one other is spare.
        data.exclude = vec!["2.png".into(), "gone.png".into()];
        assert_eq!(survey.left_out(&data), BTreeSet::from([2]));
        assert_eq!(usable(&data), 1629);
        data.limit = 100;
        assert_eq!(usable(&data), 100);
    }

    #[test]
    fn advice_is_given_what_was_counted() {
        let mut data = DataRecipe { source: "/pictures".into(), limit: 100, ..DataRecipe::default() };
        let known = survey().known(&data, &BTreeSet::new());
        assert_eq!((known.kind, known.side, known.pictures), (Some(PictureKind::Drawings), 48, 100));
        assert_eq!(known.aspect, (4, 3));
        let clear = Survey { transparent: 1631, ..survey() };
        assert_eq!(clear.known(&data, &BTreeSet::new()).channels, Channels::Rgba);
        data.source = "points:ring8".into();
        assert_eq!(survey().known(&data, &BTreeSet::new()).kind, Some(PictureKind::Points));
    }

    #[test]
    fn photographs_are_told_from_drawings() {
        let mut stream = crate::base::rng::Stream::new(1, "photo");
        let photo = Picture {
            width: 32,
            height: 32,
            rgba: (0..4096).map(|i| if i % 4 == 3 { 255 } else { stream.below(256) as u8 }).collect(),
        };
        assert!(!is_drawn(&photo));
        let mut drawing = Picture::filled(32, 32, [200, 30, 30, 255]);
        drawing.rgba[..1024].copy_from_slice(&photo.rgba[..1024]);
        assert!(is_drawn(&drawing));
        // What lies beneath transparency is not seen.
        let mut sprite = photo.clone();
        sprite.rgba.chunks_exact_mut(4).skip(300).for_each(|p| p[3] = 0);
        assert!(is_drawn(&sprite));
        assert!(!is_drawn(&Picture::filled(1, 5, [0; 4])));
    }
}
