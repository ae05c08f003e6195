//! Values that change over a run: pure functions of the pictures seen, so nothing has to be kept to resume.

use serde::{Deserialize, Deserializer, Serialize};

/// How a [`Schedule`] goes from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// Half a cosine (R3GAN).
    #[default]
    Cosine,
    /// A straight line.
    Linear,
}

/// A value that goes from `start` to `end` over `kimg` thousand pictures, then stays.
///
/// In JSON a plain number is a constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Schedule {
    /// Value at the beginning.
    pub start: f64,
    /// Value from `kimg` on.
    pub end: f64,
    /// Thousands of pictures from start to end; 0 means constant at `start`.
    pub kimg: f64,
    /// Shape of the way.
    pub curve: Curve,
}

impl Schedule {
    /// The same value throughout.
    pub const fn constant(value: f64) -> Self {
        Self { start: value, end: value, kimg: 0.0, curve: Curve::Cosine }
    }

    /// Half a cosine from `start` to `end`.
    pub const fn cosine(start: f64, end: f64, kimg: f64) -> Self {
        Self { start, end, kimg, curve: Curve::Cosine }
    }

    /// A straight line from `start` to `end`.
    pub const fn linear(start: f64, end: f64, kimg: f64) -> Self {
        Self { start, end, kimg, curve: Curve::Linear }
    }

    /// Whether the value never changes.
    pub fn is_constant(&self) -> bool {
        self.kimg <= 0.0 || self.start == self.end
    }

    /// The value after `images` pictures.
    pub fn at(&self, images: u64) -> f64 {
        if self.is_constant() {
            return self.start;
        }
        let t = (images as f64 / 1000.0 / self.kimg).clamp(0.0, 1.0);
        let s = match self.curve {
            Curve::Cosine => 0.5 - 0.5 * libm::cos(std::f64::consts::PI * t),
            Curve::Linear => t,
        };
        self.start + (self.end - self.start) * s
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            start: f64,
            end: Option<f64>,
            #[serde(default)]
            kimg: f64,
            #[serde(default)]
            curve: Curve,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Full(Full),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Number(v) => Self::constant(v),
            Either::Full(f) => Self { start: f.start, end: f.end.unwrap_or(f.start), kimg: f.kimg, curve: f.curve },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_start_end_and_stay() {
        let s = Schedule::cosine(1.0, 0.1, 10.0);
        assert_eq!(s.at(0), 1.0);
        assert!((s.at(5_000) - 0.55).abs() < 1e-12);
        assert!((s.at(10_000) - 0.1).abs() < 1e-12 && (s.at(99_000) - 0.1).abs() < 1e-12);
        assert_eq!(Schedule::linear(0.0, 1.0, 4.0).at(1_000), 0.25);
    }

    #[test]
    fn a_number_is_a_constant() {
        let s: Schedule = serde_json::from_str("0.5").unwrap();
        assert_eq!(s, Schedule::constant(0.5));
        let s: Schedule = serde_json::from_str(r#"{"start":1,"end":0,"kimg":5}"#).unwrap();
        assert_eq!(s, Schedule::cosine(1.0, 0.0, 5.0));
        assert_eq!(serde_json::from_str::<Schedule>(&serde_json::to_string(&s).unwrap()).unwrap(), s);
    }
}
