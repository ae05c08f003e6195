//! The size of pictures: two sides, of which the width is always said first.
//!
//! People read and write width × height, as of every picture: `64x96` is 64 pixels wide and 96 high. A square is one plain
//! number, in recipes too. Tensors are `[b, c, height, width]`: [`Resolution::grid`] gives the sides in their order.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Problem, Result};

/// Width and height of pictures, in pixels. Written `64` if they are equal, `64x96` (width first) if not, in every form:
/// hashes of prepared sets are made of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resolution {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// What networks for pictures of a resolution are built at: generators crop to it, critics and encoders pad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// The size that the network works at: `base · 2ⁿ` a side.
    pub size: Resolution,
    /// The smallest size.
    pub base: Resolution,
    /// Times it is doubled, `n`.
    pub doublings: u32,
}

impl Resolution {
    /// Fewest pixels a side.
    pub const MIN_SIDE: u32 = 16;
    /// Most pixels a side.
    pub const MAX_SIDE: u32 = 512;
    /// Sides are multiples of this.
    pub const STEP: u32 = 4;
    /// How many times as long as the shorter side the longer one may be.
    pub const MAX_RATIO: u32 = 4;
    /// What may be chosen, for a person.
    pub const RULE: &str = "Choose 16 to 512 in steps of 4: one number for squares, or WIDTHxHEIGHT such as 64x96, \
                            with the longer side at most 4 times the shorter";

    /// Width, then height.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// As wide as high.
    pub const fn square(side: u32) -> Self {
        Self { width: side, height: side }
    }

    /// Whether it is as wide as high.
    pub const fn is_square(self) -> bool {
        self.width == self.height
    }

    /// The longer side.
    pub fn longer(self) -> u32 {
        self.width.max(self.height)
    }

    /// The shorter side.
    pub fn shorter(self) -> u32 {
        self.width.min(self.height)
    }

    /// Pixels of a picture.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Side of the square that has as many pixels.
    pub fn mean_side(self) -> f64 {
        (self.pixels() as f64).sqrt()
    }

    /// Height and width, the order of tensors.
    pub const fn grid(self) -> [usize; 2] {
        [self.height as usize, self.width as usize]
    }

    /// Each side so many times as long.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self { width: self.width * factor, height: self.height * factor }
    }

    /// Both sides for a person: `64×96`.
    pub fn both(self) -> String {
        format!("{}×{}", self.width, self.height)
    }

    /// Whether a side may have so many pixels: 16 to 512 in steps of 4.
    pub fn is_side(side: u32) -> bool {
        (Self::MIN_SIDE..=Self::MAX_SIDE).contains(&side) && side.is_multiple_of(Self::STEP)
    }

    /// What is wrong with it as a size of pictures; nothing if it can be trained.
    pub fn refusal(self) -> Option<String> {
        let side = |name: &str, side: u32| {
            if !(Self::MIN_SIDE..=Self::MAX_SIDE).contains(&side) {
                Some(format!("{name} {side} is not {} to {}", Self::MIN_SIDE, Self::MAX_SIDE))
            } else if !side.is_multiple_of(Self::STEP) {
                Some(format!("{name} {side} is no multiple of {}", Self::STEP))
            } else {
                None
            }
        };
        if self.is_square() {
            return side("side", self.width);
        }
        side("width", self.width).or_else(|| side("height", self.height)).or_else(|| {
            (self.longer() > Self::MAX_RATIO * self.shorter()).then(|| {
                format!("the longer side of {} is more than {} times the shorter", self.both(), Self::MAX_RATIO)
            })
        })
    }

    /// Whether pictures of it can be prepared and learned.
    pub fn is_allowed(self) -> bool {
        self.refusal().is_none()
    }

    /// The nearest size that can be trained: sides rounded to the step and within bounds, the longer one cut to the ratio.
    #[must_use]
    pub fn nearest_allowed(self) -> Self {
        let round = |side: u32| {
            let side = side.clamp(Self::MIN_SIDE, Self::MAX_SIDE);
            ((side + Self::STEP / 2) / Self::STEP * Self::STEP).clamp(Self::MIN_SIDE, Self::MAX_SIDE)
        };
        let (width, height) = (round(self.width), round(self.height));
        Self { width: width.min(Self::MAX_RATIO * height), height: height.min(Self::MAX_RATIO * width) }
    }

    /// The smallest size that holds both.
    #[must_use]
    pub fn covering(self, other: Self) -> Self {
        Self { width: self.width.max(other.width), height: self.height.max(other.height) }
    }

    /// The same shape with no side longer than `side`, as near as the steps allow; as it is where it fits.
    #[must_use]
    pub fn at_most(self, side: u32) -> Self {
        let longer = self.longer();
        if longer <= side {
            return self;
        }
        let scale = |own: u32| (u64::from(own) * u64::from(side) / u64::from(longer)) as u32;
        Self { width: scale(self.width), height: scale(self.height) }.nearest_allowed()
    }

    /// What networks for it are built at: both sides `b · 2ⁿ` with the same `n`, and the smallest such size that holds it
    /// with `4 ≤ b ≤ 8` on the shorter side; `b` of the longer side is at most about 8 times the ratio.
    pub fn built(self) -> Built {
        let shorter = self.shorter();
        let mut best = (u32::MAX, 0, 0);
        for n in 0..=7 {
            for b in 4..=8 {
                let size = b << n;
                // On a tie the smaller base wins: one more level costs less than a larger seed grid.
                if size >= shorter && (size < best.0 || (size == best.0 && b < best.1)) {
                    best = (size, b, n);
                }
            }
        }
        let (_, base, doublings) = best;
        let side = |side: u32| if side == shorter { base } else { side.div_ceil(1 << doublings).max(base) };
        let base = Self { width: side(self.width), height: side(self.height) };
        Built { size: base.times(1 << doublings), base, doublings }
    }
}

impl From<u32> for Resolution {
    fn from(side: u32) -> Self {
        Self::square(side)
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_square() { self.width.fmt(f) } else { write!(f, "{}x{}", self.width, self.height) }
    }
}

impl fmt::Debug for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Resolution {
    type Err = Problem;

    /// One number, or width and height with an `x` between them.
    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| {
            text.trim().parse().map_err(|_| {
                Problem::usage("This is no size of pictures").of(format!("“{}”", text.trim())).try_this(Self::RULE)
            })
        };
        match text.split_once(['x', 'X', '×']) {
            None => Ok(Self::square(number(text)?)),
            Some((width, height)) => Ok(Self { width: number(width)?, height: number(height)? }),
        }
    }
}

impl Serialize for Resolution {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if self.is_square() { serializer.serialize_u32(self.width) } else { serializer.collect_str(self) }
    }
}

impl<'de> Deserialize<'de> for Resolution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Sides;
        impl Visitor<'_> for Sides {
            type Value = Resolution;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of pixels, or width and height such as \"64x96\"")
            }

            fn visit_u64<E: Error>(self, side: u64) -> std::result::Result<Resolution, E> {
                u32::try_from(side).map(Resolution::square).map_err(|_| E::custom(format!("{side} is out of range")))
            }

            fn visit_i64<E: Error>(self, side: i64) -> std::result::Result<Resolution, E> {
                u32::try_from(side).map(Resolution::square).map_err(|_| E::custom(format!("{side} is out of range")))
            }

            fn visit_str<E: Error>(self, text: &str) -> std::result::Result<Resolution, E> {
                text.parse().map_err(|_: Problem| E::custom(format!("“{text}” is no size such as 64x96")))
            }
        }
        deserializer.deserialize_any(Sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(side: u32) -> (u32, u32, u32) {
        let built = Resolution::square(side).built();
        (built.size.width, built.base.width, built.doublings)
    }

    #[test]
    fn every_square_has_a_built_size_close_above() {
        for r in (16..=512).step_by(4) {
            let (size, b, n) = built(r);
            assert!(size >= r && size == b << n && (4..=8).contains(&b), "{r} -> {size}");
            assert!(f64::from(size) <= f64::from(r) * 1.25 + 1.0, "{r} -> {size}");
            assert!(Resolution::square(r).built().size.is_square());
        }
        assert_eq!([built(32), built(28), built(36), built(64)], [(32, 4, 3), (28, 7, 2), (40, 5, 3), (64, 4, 4)]);
        assert_eq!([built(256), built(512)], [(256, 4, 6), (512, 4, 7)]);
    }

    #[test]
    fn every_shape_is_built_close_above_it() {
        let sides = || (16..=512).step_by(4);
        let mut all = 0;
        for (width, height) in sides().flat_map(|w| sides().map(move |h| (w, h))) {
            let size = Resolution::new(width, height);
            if !size.is_allowed() {
                continue;
            }
            all += 1;
            let Built { size: built, base, doublings } = size.built();
            assert!(built.width >= width && built.height >= height, "{size}");
            assert_eq!(built, base.times(1 << doublings), "{size}");
            assert!(base.shorter() >= 4 && base.shorter() <= 8, "{size}: {base}");
            let ratio = size.longer().div_ceil(size.shorter());
            assert!(base.longer() <= 8 * ratio, "{size}: {base}");
            assert!(built.pixels() as f64 <= size.pixels() as f64 * 1.57, "{size} -> {built}");
            let turned = Resolution::new(height, width).built();
            assert_eq!((turned.size.width, turned.size.height), (built.height, built.width), "{size}");
        }
        assert!(all > 8000, "{all}");
        let base = |w, h| Resolution::new(w, h).built().base.grid();
        assert_eq!([base(16, 64), base(48, 20), base(64, 96)], [[16, 4], [5, 12], [6, 4]]);
    }

    #[test]
    fn squares_are_numbers_and_others_say_their_width_first() {
        for (size, json) in [(Resolution::square(64), "64"), (Resolution::new(64, 96), "\"64x96\"")] {
            assert_eq!(serde_json::to_string(&size).unwrap(), json);
            assert_eq!(serde_json::from_str::<Resolution>(json).unwrap(), size);
            assert_eq!(size.to_string().parse::<Resolution>().unwrap(), size);
        }
        assert_eq!(serde_json::from_str::<Resolution>("\"64x64\"").unwrap(), 64.into());
        assert_eq!(" 64 × 96 ".parse::<Resolution>().unwrap(), Resolution::new(64, 96));
        for wrong in ["-1", "1.5", "\"64x\"", "\"big\"", "null", "5000000000", "\"64x96x3\""] {
            serde_json::from_str::<Resolution>(wrong).unwrap_err();
        }
    }

    #[test]
    fn bad_sizes_say_which_side_and_why() {
        let why = |w, h| Resolution::new(w, h).refusal().unwrap();
        assert!(why(64, 97).contains("height 97") && why(64, 97).contains('4'));
        assert!(why(12, 64).contains("width 12") && why(64, 516).contains("height 516"));
        assert!(why(30, 30).contains("side 30") && why(16, 68).contains("16×68"));
        assert!("64xhigh".parse::<Resolution>().unwrap_err().subject.unwrap().contains("high"));
        assert!(Resolution::new(16, 64).is_allowed() && Resolution::new(512, 128).is_allowed());
        for (w, h) in [(1, 1), (600, 100), (65, 97), (16, 512), (0, 9999)] {
            assert!(Resolution::new(w, h).nearest_allowed().is_allowed(), "{w} {h}");
        }
        assert_eq!(Resolution::new(128, 192).at_most(64), Resolution::new(44, 64));
        assert_eq!([Resolution::square(256).at_most(64), Resolution::square(28).at_most(64)], [64.into(), 28.into()]);
        assert_eq!(Resolution::new(65, 97).nearest_allowed(), Resolution::new(64, 96));
    }
}
