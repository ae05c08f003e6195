//! What to train on these pictures, and what to expect of it: a guess from their number and kind that is said aloud and
//! can be changed.

use super::Recipe;
use super::architecture::{FAST_GAN, PROJ_GAN, When};
use super::preset::{Facts, PRESETS, Preset, find, for_model, is_large};
use crate::base::{Channels, Resolution};

/// Fewer pictures than this teach nothing but themselves.
pub const TOO_FEW: u64 = 20;
/// Fewer pictures than this are few: networks made for small sets do better.
pub const FEW: u64 = 1000;
/// Fewer photographs than this are learned best through a network that has seen others.
const FEW_PHOTOS: u64 = 5000;
/// Seconds that a first run with a full model may take to be recommended.
const PATIENCE: f64 = 3000.0;
/// Share of the pictures from which on they count as one kind.
const MOST: f64 = 0.6;
/// Sprites have at most this many pixels a side.
const SPRITE: u32 = 256;

/// What pictures are, as far as their pixels tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// Photographs and paintings: hardly two neighbouring pixels are the same.
    Photos,
    /// Small drawings on nothing.
    Sprites,
    /// Drawings, icons, letters: areas of one colour.
    Drawings,
    /// Some of each.
    Mixed,
    /// Points in the plane.
    Points,
}

impl PictureKind {
    /// Its name for so many of them: "photographs".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Photos => "photographs",
            Self::Sprites => "sprites",
            Self::Drawings => "drawings",
            Self::Mixed => "pictures of several kinds",
            Self::Points => "points",
        }
    }
}

/// What is known of the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Usable pictures.
    pub pictures: u64,
    /// What they are; nothing before they were looked through.
    pub kind: Option<PictureKind>,
    /// Shorter side of the most frequent size, in pixels.
    pub side: u32,
    /// The shape that suits them, width to height; `(1, 1)` for a square.
    pub aspect: (u32, u32),
    /// Pictures with transparency.
    pub transparent: u64,
    /// Pictures without colour.
    pub grey: u64,
    /// Pictures with large areas of one colour.
    pub drawn: u64,
    /// Classes.
    pub classes: usize,
    /// Channels that suit them.
    pub channels: Channels,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            pictures: 0,
            kind: None,
            side: 0,
            aspect: (1, 1),
            transparent: 0,
            grey: 0,
            drawn: 0,
            classes: 0,
            channels: Channels::Rgb,
        }
    }
}

impl Known {
    /// The kind, from what was counted of `pictures` pictures.
    pub fn kind(&self) -> Option<PictureKind> {
        let of = |n: u64| n as f64 / self.pictures.max(1) as f64;
        (self.pictures > 0).then(|| match of(self.drawn) {
            d if d >= MOST && of(self.transparent) >= 0.5 && self.side <= SPRITE => PictureKind::Sprites,
            d if d >= MOST => PictureKind::Drawings,
            d if d <= 1.0 - MOST => PictureKind::Photos,
            _ => PictureKind::Mixed,
        })
    }

    /// Channels that suit them, from what was counted: grey stays grey, transparency stays transparent.
    pub fn channels(&self) -> Channels {
        if self.pictures > 0 && self.transparent as f64 >= MOST * self.pictures as f64 {
            Channels::Rgba
        } else if self.pictures > 0 && self.grey == self.pictures {
            Channels::Grey
        } else {
            Channels::Rgb
        }
    }

    /// Resolution that suits them, if their size is known: letters of 28 pixels stay at 28, photographs say little below 64.
    pub fn resolution(&self) -> Option<u32> {
        match self.side {
            0 => None,
            1..=16 => Some(16),
            side @ 17..=40 => Some((side / 4 * 4).max(16)),
            64..=511 if self.is_photos() => Some(64),
            41..=511 => Some(32),
            _ => Some(64),
        }
    }

    /// A resolution of their own shape with the shorter side of `now`, where a square suits them less and `now` has another
    /// shape.
    pub fn shaped(&self, now: Resolution) -> Option<Resolution> {
        let ((width, height), shorter) = (self.aspect, now.shorter());
        let longer = |a: u32, b: u32| {
            let step = f64::from(Resolution::STEP);
            ((f64::from(shorter) * f64::from(a) / f64::from(b) / step).round() * step) as u32
        };
        let own = match width.cmp(&height) {
            std::cmp::Ordering::Equal => return None,
            std::cmp::Ordering::Less => Resolution::new(shorter, longer(height, width)),
            std::cmp::Ordering::Greater => Resolution::new(longer(width, height), shorter),
        };
        Some(own.nearest_allowed()).filter(|own| *own != now)
    }

    fn is_photos(&self) -> bool {
        matches!(self.kind, Some(PictureKind::Photos | PictureKind::Mixed))
    }
}

/// What is recommended.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The preset to begin with.
    pub preset: &'static Preset,
    /// Why, in a sentence.
    pub why: String,
    /// What stands in the way of a good model, and what to do about it.
    pub warning: Option<String>,
}

/// The preset to begin with on these pictures; `seconds` tells how long a recipe would take, if that is known.
pub fn advise(known: &Known, seconds: impl Fn(&Preset) -> Option<f64>) -> Advice {
    let preset = |id: &str| find(id).unwrap_or(&PRESETS[0]);
    let few = for_model(FAST_GAN.id).unwrap_or(&PRESETS[0]);
    let noun = known.kind.map_or("pictures", PictureKind::noun);
    let n = known.pictures;
    let many = crate::base::units::grouped(n);
    let warning = match n {
        0 => None,
        1 => Some("One picture is too few: a model would only learn it by heart. Add more pictures".to_string()),
        2..TOO_FEW => Some(format!(
            "{n} pictures are too few: a model would only learn them by heart. Collect at least 50, better some hundreds, \
             or start from a shipped model under Start from"
        )),
        TOO_FEW..100 => Some(format!(
            "{n} pictures are very few: expect samples close to them. Some hundreds give variety; mirroring doubles what \
             has no left and right"
        )),
        _ => None,
    };
    let (chosen, why) = if known.kind == Some(PictureKind::Points) {
        let of_points = PRESETS.iter().find(|p| p.for_points).unwrap_or(&PRESETS[0]);
        (of_points, "Points in the plane are learned by fully connected networks alone".to_string())
    } else if (1..TOO_FEW).contains(&n) {
        (few, "No model makes much of so few; FastGAN makes most".to_string())
    } else if (TOO_FEW..FEW_PHOTOS).contains(&n) && known.is_photos() && known.channels != Channels::Rgba {
        let why = format!(
            "{many} {noun} are enough for a critic that looks through a network which has seen a million: it learns in \
             minutes what others need hours for"
        );
        (for_model(PROJ_GAN.id).unwrap_or(few), why)
    } else if (2..FEW).contains(&n) && (known.is_photos() || seconds(few).is_none_or(|s| s <= PATIENCE)) {
        let why = format!(
            "{many} {noun} are few, and FastGAN is made for few: it learns from hundreds what others need thousands for"
        );
        (few, why)
    } else if (2..FEW).contains(&n) {
        let why = format!(
            "{many} {noun} are few, but simple: a small GAN shows them in minutes. FastGAN takes longer and gets further"
        );
        (preset("gan-tiny"), why)
    } else if seconds(preset("gan")).is_some_and(|s| s <= PATIENCE) {
        (
            preset("gan"),
            format!("Sharp and varied, in a time one can wait for on this device: {many} {noun} are enough for it"),
        )
    } else {
        (
            preset("gan-tiny"),
            "The quickest look at what a GAN makes of your pictures; train longer once it looks right".into(),
        )
    };
    Advice { preset: chosen, why, warning }
}

/// The recipe of a preset, fitted to what is known of the pictures.
pub fn fitted(preset: &Preset, known: &Known, resolution: Resolution) -> Recipe {
    let facts = Facts { pictures: known.pictures, resolution };
    let stretch = if known.is_photos() { preset.photo_stretch } else { 1.0 };
    preset.lasting(preset.kimg * stretch).recipe(facts)
}

/// Why a preset runs longer than usual for these pictures, if it does.
pub fn longer(preset: &Preset, known: &Known, resolution: Resolution) -> Option<String> {
    let facts = Facts { pictures: known.pictures, resolution };
    let (usual, now) = (preset.recipe(facts).run.kimg, fitted(preset, known, resolution).run.kimg);
    let noun = known.kind.map_or("pictures", PictureKind::noun);
    (now > usual).then(|| {
        format!("Trains for {now} kimg rather than {usual}: {noun} take longer than drawings to be recognisable")
    })
}

/// What comes out of a preset on these pictures at this resolution, honestly.
pub fn expect(preset: &Preset, known: &Known, resolution: Resolution) -> String {
    let holds = |when: When| match when {
        When::Photos => known.is_photos(),
        When::FewPhotos => known.is_photos() && (1..FEW).contains(&known.pictures),
        When::VeryFew => (1..100).contains(&known.pictures),
        When::Large => is_large(resolution),
    };
    preset.except.iter().find(|(when, _)| holds(*when)).map_or(preset.quality, |(_, text)| text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(pictures: u64, drawn: f64, transparent: f64, side: u32) -> Known {
        let of = |share: f64| (pictures as f64 * share) as u64;
        let known = Known { pictures, side, drawn: of(drawn), transparent: of(transparent), ..Known::default() };
        Known { kind: known.kind(), channels: known.channels(), ..known }
    }

    #[test]
    fn kinds_are_told_from_what_was_counted() {
        assert_eq!(known(633, 0.05, 0.0, 300).kind, Some(PictureKind::Photos));
        assert_eq!(known(695, 0.98, 1.0, 64).kind, Some(PictureKind::Sprites));
        assert_eq!(known(695, 0.98, 0.0, 64).kind, Some(PictureKind::Drawings));
        assert_eq!(known(100, 0.5, 0.0, 64).kind, Some(PictureKind::Mixed));
        assert_eq!(known(0, 0.0, 0.0, 0).kind, None);
    }

    #[test]
    fn transparency_and_grey_are_kept() {
        assert_eq!(known(695, 1.0, 1.0, 64).channels, Channels::Rgba);
        assert_eq!(known(695, 1.0, 0.7, 64).channels(), Channels::Rgba);
        assert_eq!(known(695, 1.0, 0.1, 64).channels(), Channels::Rgb);
        let grey = Known { pictures: 10, grey: 10, ..Known::default() };
        assert_eq!(grey.channels(), Channels::Grey);
        assert_eq!(Known { grey: 9, ..grey }.channels(), Channels::Rgb);
        assert_eq!(known(5, 0.0, 0.0, 0).resolution(), None);
        assert_eq!([16, 28, 30, 100, 600].map(|s| known(5, 0.0, 0.0, s).resolution().unwrap()), [16, 28, 28, 64, 64]);
        assert_eq!(known(5, 1.0, 0.0, 100).resolution(), Some(32));
        let tall = Known { aspect: (2, 3), ..known(5, 0.0, 0.0, 400) };
        assert_eq!(tall.shaped(64.into()), Some(Resolution::new(64, 96)));
        assert_eq!(tall.shaped(Resolution::new(96, 64)), Some(Resolution::new(64, 96)));
        assert_eq!(tall.shaped(Resolution::new(64, 96)), None);
        assert_eq!(Known { aspect: (16, 9), ..tall }.shaped(64.into()), Some(Resolution::new(112, 64)));
        assert_eq!(Known { aspect: (1, 4), ..tall }.shaped(256.into()), Some(Resolution::new(256, 512)));
        assert_eq!(known(5, 0.0, 0.0, 100).shaped(64.into()), None);
    }

    #[test]
    fn small_sets_are_shown_the_model_for_small_sets_and_large_ones_what_the_device_can() {
        let id = |known: &Known, seconds: Option<f64>| advise(known, |_| seconds).preset.id;
        assert_eq!(id(&known(633, 0.0, 0.0, 300), None), "photos");
        assert_eq!(id(&known(4000, 0.0, 0.0, 300), Some(9000.0)), "photos", "whatever it takes");
        assert_eq!(id(&known(633, 0.0, 0.9, 300), None), "fast-gan", "its critic sees no transparency");
        assert_eq!(id(&known(151, 1.0, 0.0, 72), Some(9000.0)), "gan-tiny", "drawings are learned soon");
        assert_eq!(id(&known(151, 1.0, 0.0, 72), Some(900.0)), "fast-gan");
        assert_eq!(id(&known(40_000, 0.0, 0.0, 64), Some(600.0)), "gan");
        assert_eq!(id(&known(40_000, 0.0, 0.0, 64), Some(9000.0)), "gan-tiny");
        assert_eq!(id(&Known::default(), None), "gan-tiny");
        let points = Known { kind: Some(PictureKind::Points), pictures: 10_000, ..Known::default() };
        assert_eq!(id(&points, None), "mlp-gan");
        assert!(advise(&known(633, 0.0, 0.0, 300), |_| None).why.contains("633 photographs"));
    }

    #[test]
    fn too_few_pictures_get_a_word_and_what_to_do() {
        let word = |n| advise(&known(n, 0.0, 0.0, 64), |_| None).warning;
        assert!(word(7).unwrap().contains("7 pictures are too few"));
        assert!(word(7).unwrap().contains("Collect"));
        assert!(word(60).unwrap().contains("very few"));
        assert_eq!((word(633), word(0)), (None, None));
    }

    #[test]
    fn a_quick_gan_on_photographs_ends_later_than_on_drawings() {
        let quick = find("gan-tiny").unwrap();
        let photos = fitted(quick, &known(633, 0.0, 0.0, 300), 32.into());
        assert!(photos.run.kimg > 49.0, "{}", photos.run.kimg);
        assert_eq!(fitted(quick, &known(633, 1.0, 0.0, 64), 32.into()).run.kimg, quick.kimg);
        for preset in PRESETS {
            for side in [16, 32, 64] {
                let resolution = Resolution::square(side);
                if side > preset.architecture().max_side {
                    continue;
                }
                fitted(preset, &known(633, 0.0, 0.0, 300), resolution).validate().unwrap();
                // Without knowledge it is the preset as it stands.
                let plain = preset.recipe(Facts { pictures: 0, resolution });
                assert_eq!(fitted(preset, &Known::default(), resolution), plain);
            }
        }
    }

    #[test]
    fn expectations_are_honest() {
        let photos = known(633, 0.0, 0.0, 300);
        assert!(expect(find("vae-tiny").unwrap(), &photos, 64.into()).contains("fog"));
        assert!(expect(find("gan-tiny").unwrap(), &photos, 32.into()).contains("smeared"));
        assert_eq!(
            expect(find("gan-tiny").unwrap(), &known(633, 1.0, 0.0, 32), 32.into()),
            find("gan-tiny").unwrap().quality
        );
    }
}
