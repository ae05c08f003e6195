//! Points in the plane with known modes: what a GAN must not lose, seen at a glance.
//!
//! `points:grid25` is the 5 × 5 grid of narrow Gaussians on which mode collapse is shown (Srivastava 2017, VEEGAN: spacing
//! 2, σ 0.05, here a quarter of that), `points:ring8` eight of them on a circle (Metz 2017: radius 2, σ 0.02, here half).
//! A point travels through the studio as the eight bytes of its two coordinates, in the place of a picture of one pixel.

use super::source::{ImageSource, Opening};
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Result};

const DEFAULT: usize = 100_000;
/// Changes whenever the points do, so that prepared sets are made anew.
const VERSION: u32 = 1;

/// A mixture of equal round Gaussians.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// Where they are.
    pub centres: Vec<[f32; 2]>,
    /// How wide they are.
    pub deviation: f32,
}

/// The mixture of this name: `grid25` or `ring8`.
pub fn mixture(name: &str) -> Option<Mixture> {
    match name {
        "grid25" => {
            let at = |i: usize| (i as f32 - 2.0) * 0.5;
            let centres = (0..25).map(|i| [at(i % 5), at(i / 5)]).collect();
            Some(Mixture { centres, deviation: 0.0125 })
        }
        "ring8" => {
            let turn = |i: usize| std::f64::consts::TAU * i as f64 / 8.0;
            let centres = (0..8).map(|i| [libm::cos(turn(i)) as f32, libm::sin(turn(i)) as f32]).collect();
            Some(Mixture { centres, deviation: 0.01 })
        }
        _ => None,
    }
}

/// The mixture that a source of points is drawn from.
pub fn mixture_of(spec: &str) -> Option<Mixture> {
    mixture(spec.trim().strip_prefix("points:")?.split(':').next()?)
}

/// How well points cover a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// Modes with at least one good point.
    pub modes: usize,
    /// Share of points within three deviations of a centre.
    pub good: f64,
}

impl Mixture {
    /// How well these points cover it.
    pub fn coverage(&self, points: &[[f32; 2]]) -> Coverage {
        let mut found = vec![false; self.centres.len()];
        let mut good = 0;
        for p in points {
            let far = |c: &[f32; 2]| f64::from(p[0] - c[0]).hypot(f64::from(p[1] - c[1]));
            let nearest = self.centres.iter().enumerate().min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
            if let Some((i, _)) = nearest.filter(|(_, c)| far(c) <= 3.0 * f64::from(self.deviation)) {
                found[i] = true;
                good += 1;
            }
        }
        let modes = found.into_iter().filter(|f| *f).count();
        Coverage { modes, good: f64::from(good) / points.len().max(1) as f64 }
    }
}

struct Points {
    mixture: Mixture,
    name: String,
    count: usize,
    labels: Vec<String>,
}

/// Whether the text names such a set.
pub(super) fn sniff(spec: &str) -> bool {
    spec.starts_with("points:") || spec == "points"
}

/// Opens `points:grid25`, `points:ring8` or `points:grid25:COUNT`.
pub(super) fn open(spec: &str, _: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let bad = || {
        Problem::usage("There are no points of this name")
            .of(spec)
            .try_this("Write points:grid25 or points:ring8, with a count behind a colon if you like")
    };
    let rest = spec.strip_prefix("points:").ok_or_else(bad)?;
    let (name, count) = match rest.split_once(':') {
        None => (rest, DEFAULT),
        Some((name, n)) => (name, n.trim().parse().ok().filter(|n| (1..=10_000_000).contains(n)).ok_or_else(bad)?),
    };
    let mixture = mixture(name).ok_or_else(bad)?;
    let labels = (1..=mixture.centres.len()).map(|i| format!("mode {i}")).collect();
    Ok(Box::new(Points { mixture, name: name.into(), count, labels }))
}

impl Points {
    fn mode(i: usize, modes: usize) -> (usize, [f32; 2]) {
        let mut stream = Stream::new(i as u64, "point");
        (stream.below(modes as u64) as usize, [stream.normal(), stream.normal()])
    }
}

impl ImageSource for Points {
    fn kind(&self) -> &'static str {
        "Points"
    }

    fn len(&self) -> usize {
        self.count
    }

    fn name(&self, i: usize) -> String {
        format!("point {i}")
    }

    fn label(&self, i: usize) -> Option<u32> {
        Some(Self::mode(i, self.mixture.centres.len()).0 as u32)
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        let (mode, off) = Self::mode(i, self.mixture.centres.len());
        let centre = self.mixture.centres[mode];
        Ok(to_picture([0, 1].map(|k| centre[k] + off[k] * self.mixture.deviation)))
    }

    fn bytes(&self) -> u64 {
        self.count as u64 * 8
    }

    fn fingerprint(&self) -> Result<String> {
        Ok(format!("{} {} {VERSION}", self.name, self.count))
    }
}

/// A point in the place of a picture.
fn to_picture(point: [f32; 2]) -> Picture {
    Picture { width: 2, height: 1, rgba: point.iter().flat_map(|v| v.to_le_bytes()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_on_their_modes_and_coverage_counts_them() {
        for (spec, modes) in [("points:grid25", 25), ("points:ring8:500", 8)] {
            let source = crate::data::open(spec).unwrap();
            let points: Vec<[f32; 2]> = (0..500)
                .map(|i| {
                    let bytes = source.decode(i).unwrap().rgba;
                    [0, 4].map(|k| f32::from_le_bytes(std::array::from_fn(|j| bytes[k + j])))
                })
                .collect();
            let mixture = mixture_of(spec).unwrap();
            let coverage = mixture.coverage(&points);
            // Three deviations hold 98.9 % of a round Gaussian.
            assert!(coverage.modes == modes && coverage.good > 0.97, "{coverage:?}");
            let one = mixture.coverage(&[mixture.centres[0]; 10]);
            assert_eq!(one, Coverage { modes: 1, good: 1.0 });
            assert_eq!(mixture.coverage(&[[0.27, 0.23]]).good, 0.0);
        }
        assert!(crate::data::open("points:square").is_err() && crate::data::open("points:ring8:x").is_err());
    }
}
