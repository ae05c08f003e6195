//! Words that every floor shares: families of models, channels, the shape of a picture.

use serde::{Deserialize, Serialize};

use super::{Picture, Resolution};

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

/// The shape of the pictures a model works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Width and height.
    pub resolution: Resolution,
    /// Channels of a pixel.
    pub channels: Channels,
}

impl Shape {
    /// Bytes of one picture, one byte a channel; of a point, four a coordinate.
    pub fn bytes(self) -> usize {
        let each = if self.channels == Channels::Points { 4 } else { 1 };
        self.resolution.pixels() * self.channels.count() * each
    }

    /// Whether the studio can prepare and learn this.
    pub fn is_allowed(self) -> bool {
        if self.channels == Channels::Points {
            self.resolution == Resolution::square(1)
        } else {
            self.resolution.is_allowed()
        }
    }

    /// Channels, rows and columns, the order of tensors.
    pub fn planes(self) -> [usize; 3] {
        let [rows, columns] = self.resolution.grid();
        [self.channels.count(), rows, columns]
    }

    /// A picture of prepared bytes, `height × width × channel`.
    pub fn picture(self, bytes: &[u8]) -> Picture {
        Picture::from_interleaved(self.resolution.width, self.resolution.height, self.channels, bytes)
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
