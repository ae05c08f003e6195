//! Which colours suit a set, and what it shows: found by looking at every picture.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use super::decode::extension;
use super::decode_pool::{Ticker, pool};
use super::guess::Guess;
use super::known::is_drawn;
use super::source::ImageSource;
use crate::base::{Channels, Picture, Progress, Result};
use crate::recipe::advice::Known;

/// How many pictures are grey and transparent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tones {
    /// Usable pictures.
    pub pictures: u64,
    /// Those that are grey throughout, as long as all are.
    pub grey: u64,
    /// Those with transparency.
    pub transparent: u64,
    /// Of how many it is known whether they are drawings: some from all over the set.
    pub looked: u64,
    /// Those of them with large areas of one colour.
    pub drawn: u64,
}

impl Tones {
    /// The channels that keep what most pictures have: transparency if more than half of them have it, else colour if
    /// any picture has it.
    pub fn channels(&self) -> Channels {
        match self {
            Self { pictures: 0, .. } => Channels::Rgb,
            t if 2 * t.transparent > t.pictures => Channels::Rgba,
            t if t.grey == t.pictures => Channels::Grey,
            _ => Channels::Rgb,
        }
    }

    /// What advice on a run needs to know of them.
    pub fn known(&self) -> Known {
        let Self { pictures, grey, transparent, looked, drawn } = *self;
        let drawn = drawn * pictures / looked.max(1);
        let known = Known { pictures, grey, transparent, drawn, channels: self.channels(), ..Known::default() };
        Known { kind: known.kind(), ..known }
    }

    /// What is assumed from it.
    pub fn guess(&self) -> Guess {
        let Self { pictures, transparent, .. } = *self;
        let what = match self.channels() {
            Channels::Rgba => format!("{transparent} of {pictures} pictures are transparent: transparency is learned"),
            Channels::Grey => format!("All {pictures} pictures are grey: grey is learned"),
            _ if transparent > 0 => format!(
                "Pictures have colour: colour is learned; {transparent} of {pictures} are transparent and laid on the background"
            ),
            _ => "Pictures have colour: colour is learned".to_owned(),
        };
        Guess::new(what)
            .about(pictures)
            .changed_by("data.channels", "For something else set data.channels to grey, rgb or rgba")
    }
}

/// Pictures of a set that are looked at to tell drawings from photographs.
const LOOKED_AT: usize = 256;

/// Whether a picture is grey throughout.
pub(super) fn is_grey(picture: &Picture) -> bool {
    picture.rgba.chunks_exact(4).all(|p| p[3] == 0 || (p[0] == p[1] && p[1] == p[2]))
}

/// Looks at every picture of a source. Once one has colour, those that can only have colour more are not decoded.
///
/// # Errors
/// The work was cancelled.
pub fn tones(source: &dyn ImageSource, progress: &dyn Progress) -> Result<Tones> {
    let ticker = Ticker::new(progress, "Looking at colours", source.len() as u64);
    let (pictures, grey, transparent) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (looked, drawn) = (AtomicU64::new(0), AtomicU64::new(0));
    let coloured = AtomicBool::new(false);
    let step = source.len().div_ceil(LOOKED_AT).max(1);
    pool()?.install(|| {
        (0..source.len()).into_par_iter().try_for_each(|i| {
            ticker.check()?;
            let opaque = || matches!(extension(&source.name(i)).as_str(), "jpg" | "jpeg" | "jpe" | "jfif");
            let sample = i % step == 0;
            if coloured.load(Ordering::Relaxed) && opaque() && !sample {
                pictures.fetch_add(1, Ordering::Relaxed);
            } else if let Ok(picture) = source.decode(i) {
                pictures.fetch_add(1, Ordering::Relaxed);
                if sample {
                    looked.fetch_add(1, Ordering::Relaxed);
                    drawn.fetch_add(u64::from(is_drawn(&picture)), Ordering::Relaxed);
                }
                transparent.fetch_add(u64::from(!picture.is_opaque()), Ordering::Relaxed);
                if !coloured.load(Ordering::Relaxed) {
                    if is_grey(&picture) {
                        grey.fetch_add(1, Ordering::Relaxed);
                    } else {
                        coloured.store(true, Ordering::Relaxed);
                    }
                }
            }
            ticker.tick();
            Ok(())
        })
    })?;
    let (pictures, transparent) = (pictures.into_inner(), transparent.into_inner());
    let grey = if coloured.into_inner() { 0 } else { grey.into_inner() };
    Ok(Tones { pictures, grey, transparent, looked: looked.into_inner(), drawn: drawn.into_inner() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::recipe::advice::PictureKind;

    fn of(pictures: &[(&str, [u8; 4])]) -> Tones {
        let dir = tempfile::tempdir().unwrap();
        for (name, colour) in pictures {
            let mut image = image::RgbaImage::from_pixel(8, 8, image::Rgba(*colour));
            image.put_pixel(0, 0, image::Rgba([7, 7, 7, 255]));
            image.save(dir.path().join(name)).unwrap();
        }
        tones(crate::data::open(dir.path().to_str().unwrap()).unwrap().as_ref(), &Quiet::default()).unwrap()
    }

    #[test]
    fn a_few_coloured_pictures_among_many_grey_ones_are_seen() {
        let mut all: Vec<(String, [u8; 4])> = (0..60).map(|i| (format!("{i:02}.png"), [i, i, i, 255])).collect();
        let names = |all: &[(String, [u8; 4])]| of(&all.iter().map(|(n, c)| (n.as_str(), *c)).collect::<Vec<_>>());
        assert_eq!(names(&all), Tones { pictures: 60, grey: 60, transparent: 0, looked: 60, drawn: 60 });
        assert_eq!(names(&all).channels(), Channels::Grey);
        all[37].1 = [200, 0, 0, 255];
        assert_eq!(names(&all).channels(), Channels::Rgb);
        assert!(names(&all).guess().what.contains("colour is learned"));
    }

    #[test]
    fn drawings_are_told_from_photographs_by_some_of_them() {
        let of = |pictures, looked, drawn| Tones { pictures, looked, drawn, ..Tones::default() }.known();
        assert_eq!(of(10_000, 256, 12).kind, Some(PictureKind::Photos));
        assert_eq!(of(10_000, 256, 250).kind, Some(PictureKind::Drawings));
        assert_eq!((of(0, 0, 0).kind, of(4, 0, 0).kind), (None, Some(PictureKind::Photos)));
    }

    #[test]
    fn transparency_is_kept_where_most_have_it() {
        let clear = [9, 200, 9, 0];
        let few = of(&[("a.png", [9, 9, 9, 255]), ("b.png", [9, 9, 200, 255]), ("c.png", clear)]);
        assert_eq!((few.channels(), few.transparent), (Channels::Rgb, 1));
        assert!(few.guess().what.contains("1 of 3"));
        assert_eq!(of(&[("a.png", clear), ("b.png", clear), ("c.png", [1, 1, 1, 255])]).channels(), Channels::Rgba);
        assert_eq!(Tones::default().channels(), Channels::Rgb);
    }
}
