//! Words that every floor shares: families of models, channels, the shape of a picture.

use serde::{Deserialize, Serialize};

/// A family of generative models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Generative adversarial network.
    Gan,
    /// Variational auto-encoder.
    Vae,
    /// Auto-encoder whose code is a grid of whole numbers (tokens).
    Tokens,
    /// Model that draws grids of tokens one by one, for the token model it was trained on.
    Prior,
}

impl Family {
    /// `gan`, `vae`, `tokens` or `prior`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Gan => "gan",
            Self::Vae => "vae",
            Self::Tokens => "tokens",
            Self::Prior => "prior",
        }
    }
}

/// Colour channels of prepared pictures and of what a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One channel of luminance.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and straight alpha.
    Rgba,
    /// No picture but a point in the plane: two coordinates as 32-bit numbers, in the place of one pixel.
    Points,
}

impl Channels {
    /// How many numbers a pixel has: 1, 3 or 4; 2 for points.
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Points => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// The shape of the pictures a model works on: square, `resolution` pixels a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Pixels a side.
    pub resolution: u32,
    /// Channels of a pixel.
    pub channels: Channels,
}

impl Shape {
    /// Bytes of one picture, one byte a channel; of a point, four a coordinate.
    pub fn bytes(self) -> usize {
        let each = if self.channels == Channels::Points { 4 } else { 1 };
        (self.resolution * self.resolution) as usize * self.channels.count() * each
    }

    /// Whether the studio can prepare and learn this.
    pub fn is_allowed(self) -> bool {
        if self.channels == Channels::Points { self.resolution == 1 } else { Self::is_side(self.resolution) }
    }

    /// Pixels a side of the largest pictures.
    pub const MAX_SIDE: u32 = 256;

    /// Whether pictures may have so many pixels a side: 16 to 256 in steps of 4.
    pub fn is_side(resolution: u32) -> bool {
        (16..=Self::MAX_SIDE).contains(&resolution) && resolution.is_multiple_of(4)
    }

    /// Smallest size `b · 2ⁿ` with `4 ≤ b ≤ 8` that holds `resolution`, and its `(b, n)`.
    ///
    /// Networks are built at that size; generators crop to `resolution`, critics and encoders pad.
    pub fn built(resolution: u32) -> (u32, u32, u32) {
        let mut best = (u32::MAX, 0, 0);
        for n in 0..=6 {
            for b in 4..=8 {
                let size = b << n;
                // On a tie the smaller base wins: one more level costs less than a larger seed grid.
                if size >= resolution && (size < best.0 || (size == best.0 && b < best.1)) {
                    best = (size, b, n);
                }
            }
        }
        best
    }
}

/// A number in groups of three: `12,345`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_resolution_has_a_built_size_close_above() {
        for r in (16..=256).step_by(4) {
            let (size, b, n) = Shape::built(r);
            assert!(size >= r && size == b << n && (4..=8).contains(&b), "{r} -> {size}");
            assert!(f64::from(size) <= f64::from(r) * 1.25 + 1.0, "{r} -> {size}");
        }
        assert_eq!(Shape::built(32), (32, 4, 3));
        assert_eq!(Shape::built(28), (28, 7, 2));
        assert_eq!(Shape::built(36), (40, 5, 3));
        assert_eq!(Shape::built(64), (64, 4, 4));
    }
}
