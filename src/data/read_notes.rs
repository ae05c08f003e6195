//! What was noticed while pictures were read, gathered for a person.

use std::collections::BTreeMap;

use super::decode::{Facts, Remark};
use super::guess::Guess;
use crate::base::{Channels, Picture};
use crate::recipe::DataRecipe;

/// What to do about generated pictures among those to learn from.
const ONLY_REAL: &str = "To learn from real pictures only leave them out in Data, or choose a folder without them";
/// Kinds of remarks that are told one by one.
const TOLD: usize = 8;
/// A picture with 16 bits a channel that uses no more than these is nearly black.
const DARK: u32 = 14;
/// Differences between channels up to here are no colour but what packing leaves.
const FAINT: u8 = 32;

/// What was noticed of many pictures.
#[derive(Debug, Default)]
pub(super) struct Noted {
    remarks: BTreeMap<Remark, u64>,
    /// Pictures with 16 bits a channel, and how many bits the largest of their values needs.
    deep: u64,
    bits: u32,
    /// Pictures of one colour all over.
    pub blank: u64,
    /// Pictures that lose their colour, and those whose transparency is filled.
    grey: u64,
    filled: u64,
}

/// What is kept of one picture.
#[derive(Debug, Default)]
pub(super) struct Note {
    facts: Facts,
    /// Whether it is one colour all over.
    pub blank: bool,
    grey: bool,
    filled: bool,
}

impl Note {
    /// Of a picture that was read.
    pub fn of(picture: &Picture, facts: Facts) -> Self {
        Self { facts, blank: is_blank(picture), ..Self::default() }
    }

    /// Of a picture that is prepared by a recipe, which may take something from it.
    pub fn of_prepared(picture: &Picture, facts: Facts, recipe: &DataRecipe) -> Self {
        let grey = recipe.channels == Channels::Grey && has_colour(picture);
        let filled = matches!(recipe.channels, Channels::Grey | Channels::Rgb) && !picture.is_opaque();
        Self { grey, filled, blank: recipe.channels != Channels::Points && is_blank(picture), facts }
    }
}

impl Noted {
    /// One picture more.
    pub fn add(&mut self, note: Note) {
        for remark in note.facts.remarks {
            *self.remarks.entry(remark).or_default() += 1;
        }
        if let Some(bits) = note.facts.bits {
            self.deep += 1;
            self.bits = self.bits.max(bits);
        }
        self.blank += u64::from(note.blank);
        self.grey += u64::from(note.grey);
        self.filled += u64::from(note.filled);
    }

    /// What is worth telling of pictures that are read with so many bits, and whose blank ones are left out or not.
    pub fn guesses(&self, depth: u32, drop_blank: bool) -> Vec<Guess> {
        let mut out = Vec::new();
        if self.deep > 0 && depth == 0 && (1..=DARK).contains(&self.bits) {
            let (n, bits) = (self.deep, self.bits);
            let what = format!("{} 16 bits a channel but use only {bits} of them, so they are nearly black", have(n));
            out.push(
                Guess::new(what).about(n).changed_by("data.depth", format!("To stretch them set data.depth to {bits}")),
            );
        }
        if self.grey > 0 {
            let what = format!("{} lost, since data.channels is grey", of(self.grey, "colour"));
            out.push(
                Guess::new(what).about(self.grey).changed_by("data.channels", "To keep it set data.channels to rgb"),
            );
        }
        if self.filled > 0 {
            let what = format!(
                "{} filled with the background, since data.channels is not rgba",
                of(self.filled, "transparency")
            );
            let keep = "To keep it set data.channels to rgba";
            out.push(Guess::new(what).about(self.filled).changed_by("data.channels", keep));
        }
        if self.blank > 0 {
            let are = if self.blank == 1 { "1 picture is".to_owned() } else { format!("{} pictures are", self.blank) };
            let (end, change) = if drop_blank {
                (" and left out", "To take them set data.drop_blank to false")
            } else {
                ("", "To leave them out set data.drop_blank to true")
            };
            let guess = Guess::new(format!("{are} one colour all over{end}")).about(self.blank);
            out.push(guess.changed_by("data.drop_blank", change));
        }
        if let Some(n) = self.remarks.get(&Remark::MadeHere) {
            out.push(Guess::new(Remark::MadeHere.says(*n)).about(*n).otherwise(ONLY_REAL));
        }
        let others = self.remarks.iter().filter(|(r, _)| **r != Remark::MadeHere);
        let mut remarks: Vec<(&Remark, u64)> = others.map(|(r, n)| (r, *n)).collect();
        remarks.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        for (remark, n) in remarks.iter().take(TOLD) {
            let guess = Guess::new(remark.says(*n)).about(*n);
            out.push(match remark {
                Remark::NoEnd | Remark::ProfileForPrint | Remark::ProfileBroken | Remark::HighDynamicRange => guess,
                _ => guess.changed_by("data.pixels", "To take values as they are stored set data.pixels to stored"),
            });
        }
        let rest: u64 = remarks.iter().skip(TOLD).map(|(_, n)| n).sum();
        if rest > 0 {
            out.push(Guess::new("Colours of more pictures were converted to sRGB from other profiles").about(rest));
        }
        out
    }
}

/// How many pictures the studio made itself, by what was told of all of them.
pub(super) fn generated(guesses: &[Guess]) -> u64 {
    guesses.iter().filter(|g| g.otherwise.as_deref() == Some(ONLY_REAL)).map(|g| g.count).sum()
}

fn have(n: u64) -> String {
    if n == 1 { "1 picture has".into() } else { format!("{n} pictures have") }
}

fn of(n: u64, what: &str) -> String {
    if n == 1 { format!("The {what} of 1 picture is") } else { format!("The {what} of {n} pictures is") }
}

/// Whether a picture is one colour all over, or there is nothing to see.
pub(super) fn is_blank(picture: &Picture) -> bool {
    let mut pixels = picture.rgba.as_chunks::<4>().0.iter();
    let Some(first) = pixels.next() else { return true };
    pixels.all(|p| p == first || (p[3] == 0 && first[3] == 0))
}

fn has_colour(picture: &Picture) -> bool {
    let spread = |p: &[u8]| p[0].max(p[1]).max(p[2]) - p[0].min(p[1]).min(p[2]);
    picture.rgba.chunks_exact(4).any(|p| p[3] > 0 && spread(p) > FAINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_pictures_are_known() {
        let mut p = Picture::filled(8, 8, [9, 9, 9, 255]);
        assert!(is_blank(&p) && is_blank(&Picture::default()));
        p.rgba[40] = 10;
        assert!(!is_blank(&p));
        let clear = Picture { width: 2, height: 1, rgba: vec![1, 2, 3, 0, 9, 9, 9, 0] };
        assert!(is_blank(&clear), "colour that cannot be seen is none");
    }

    #[test]
    fn what_was_noticed_is_counted_and_can_be_changed() {
        let colour = Picture { width: 2, height: 1, rgba: vec![200, 0, 0, 255, 9, 9, 9, 100] };
        let recipe = DataRecipe { channels: Channels::Grey, ..DataRecipe::default() };
        let mut noted = Noted::default();
        for _ in 0..3 {
            let facts = Facts { remarks: vec![Remark::Converted("Display P3".into())], bits: Some(12) };
            noted.add(Note::of_prepared(&colour, facts, &recipe));
        }
        noted.add(Note::of(&Picture::filled(4, 4, [0; 4]), Facts::default()));
        let told = noted.guesses(0, false);
        let settings: Vec<_> = told.iter().filter_map(|g| g.setting.as_deref()).collect();
        assert_eq!(settings, ["data.depth", "data.channels", "data.channels", "data.drop_blank", "data.pixels"]);
        assert!(told[0].what.contains("use only 12") && told[0].otherwise.as_ref().is_some_and(|o| o.ends_with("12")));
        assert!(told[1].what.contains("colour of 3 pictures") && told[4].what.contains("Display P3"));
        assert!(noted.guesses(12, true).iter().all(|g| g.setting.as_deref() != Some("data.depth")));
        for i in 0..40 {
            let facts = Facts { remarks: vec![Remark::Converted(format!("camera {i}"))], bits: None };
            noted.add(Note::of(&colour, facts));
        }
        assert_eq!(noted.guesses(0, false).len(), 4 + TOLD + 1, "a crowd of profiles is one line");
    }
}
