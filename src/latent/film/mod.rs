//! Films as data: a timeline of latents with tracks for what else changes, and the frame at any time of it.
//!
//! [`curve`]: numbers over time. [`shoot`]: the frames of a timeline for a model.

pub mod curve;
pub mod shoot;

use serde::{Deserialize, Serialize};

use super::directions::Direction;
use super::even_spacing::Measure;
use super::interpolate::Mode;
use super::latent_math::Dims;
use crate::base::rng::Stream;
use crate::base::{Problem, Result};
use crate::recipe::picture::{Latent, Place, Space};
use curve::{Curve, Easing};

/// Version of the format.
pub const FORMAT: u32 = 1;
/// Longest film, in seconds.
pub const LONGEST: f64 = 3600.0;
/// Waves of the drift, the slowest going round once.
const WAVES: usize = 4;

/// How to get from key to key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Straight.
    Lerp,
    /// Along the sphere.
    #[default]
    Slerp,
    /// Through all keys without a corner (Catmull & Rom 1974).
    Spline,
}

/// A latent at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// Seconds from the beginning.
    pub time: f64,
    /// The latent.
    pub latent: Latent,
    /// How time passes on the way to the next key.
    #[serde(default)]
    pub easing: Easing,
    /// The way to the next key, if it is not that of the film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
}

/// A smooth random drift around the way, which comes back to where it began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Seed.
    pub seed: u64,
    /// Standard deviations.
    pub amount: f64,
    /// Times that the slowest wave goes round in the film.
    pub rounds: u32,
}

/// How far along a direction, over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The direction.
    pub direction: Direction,
    /// Standard deviations.
    pub strength: Curve,
}

/// A film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeline {
    /// Version of the format.
    pub format: u32,
    /// The model it was made for, if that is said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Latents in order of time; the first at 0.
    pub keys: Vec<Key>,
    /// Seconds in all; a loop comes back to its first key then, another film ends on its last key.
    pub seconds: f64,
    /// Whether its last frame leads into its first.
    #[serde(rename = "loop")]
    pub looped: bool,
    /// How to get from key to key.
    pub way: Way,
    /// Re-timed so that equal time means equal visible change; easings then say nothing.
    pub even: bool,
    /// What an even film takes for visible change; pixels in timelines that do not say.
    pub by: Measure,
    /// Drift around the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Directions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<Track>,
    /// Truncation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation: Option<Curve>,
    /// Seeds of the noise inputs, each from its time on; without any, each key has its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub noise: Vec<(f64, u64)>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            format: FORMAT,
            model: String::new(),
            keys: Vec::new(),
            seconds: 4.0,
            looped: false,
            way: Way::default(),
            even: false,
            by: Measure::Pixels,
            drift: None,
            tracks: Vec::new(),
            truncation: None,
            noise: Vec::new(),
        }
    }
}

/// What one frame is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The latent.
    pub latent: Latent,
    /// Truncation.
    pub truncation: f32,
}

impl Timeline {
    /// The same film with its truncation multiplied throughout.
    #[must_use]
    pub fn truncated(mut self, by: f32) -> Self {
        if by != 1.0 {
            let curve = self.truncation.get_or_insert_with(|| Curve::of(&[(0.0, 1.0)]));
            curve.0.iter_mut().for_each(|p| p.value *= f64::from(by));
        }
        self
    }

    /// One that shows what can be said.
    pub fn example() -> Self {
        let key = |time: f64, seed: u64, easing| Key { time, latent: Latent::Seed { seed }, easing, way: None };
        Self {
            keys: vec![key(0.0, 1, Easing::Smooth), key(1.5, 7, Easing::Linear), key(2.5, 42, Easing::Smooth)],
            seconds: 4.0,
            looped: true,
            way: Way::Spline,
            drift: Some(Drift { seed: 3, amount: 0.1, rounds: 2 }),
            truncation: Some(Curve::of(&[(0.0, 1.0), (2.0, 0.8), (4.0, 1.0)])),
            ..Self::default()
        }
    }

    /// From JSON.
    ///
    /// # Errors
    /// It is no timeline, or not one that can be shown.
    pub fn from_json(text: &str) -> Result<Self> {
        let timeline: Self = serde_json::from_str(text).map_err(|e| Problem::data("This is no timeline").because(e))?;
        timeline.check()?;
        Ok(timeline)
    }

    /// Whether it can be shown.
    ///
    /// # Errors
    /// It has no keys, their times do not rise from 0, or it is too long.
    pub fn check(&self) -> Result<()> {
        let bad = |what: &str| Err(Problem::usage(what));
        if self.format > FORMAT {
            return Err(Problem::data("This timeline comes from a newer Latent Studio"));
        }
        let Some(last) = self.keys.last() else { return bad("A film needs at least one key") };
        if !(self.seconds > 0.0 && self.seconds <= LONGEST) {
            return Err(Problem::usage("A film lasts up to an hour").of(format!("{} s", self.seconds)));
        }
        if !self.keys.iter().all(|k| k.time >= 0.0) || !self.keys.windows(2).all(|k| k[0].time < k[1].time) {
            return bad("The keys of a film must follow each other in time");
        }
        if last.time > self.seconds || (self.looped && self.keys.len() > 1 && last.time >= self.seconds) {
            return bad("A key lies past the end of the film");
        }
        let curves = self.tracks.iter().map(|t| &t.strength).chain(&self.truncation);
        curves.into_iter().try_for_each(Curve::check)
    }

    /// What is shown at a time (in seconds), for a timeline whose latents and directions fit each other (see
    /// `LoadedModel::staged`). `spread` is the standard deviation of styles.
    ///
    /// # Errors
    /// They do not, or belong to another model.
    pub fn at(&self, dims: &Dims, spread: f32, time: f64) -> Result<Frame> {
        let period = self.looped.then_some(self.seconds);
        let time = match period {
            Some(period) => time.rem_euclid(period),
            None => time.clamp(0.0, self.seconds),
        };
        let mut latent = self.way_at(dims, time)?;
        if let Some(drift) = &self.drift {
            latent = self.drifted(dims, spread, &latent, drift, time);
        }
        let along: Vec<(&Direction, f32)> =
            self.tracks.iter().map(|t| (&t.direction, t.strength.at(time, period) as f32)).collect();
        latent = dims.moved(&latent, along)?;
        if let Some((_, seed)) = self.noise.iter().rev().find(|(from, _)| *from <= time).or(self.noise.first()) {
            latent = Latent::of(Place { noise: *seed, ..latent.place() });
        }
        let truncation = self.truncation.as_ref().map_or(1.0, |c| c.at(time, period) as f32);
        Ok(Frame { latent, truncation })
    }

    /// Between the keys around a time.
    fn way_at(&self, dims: &Dims, time: f64) -> Result<Latent> {
        let keys = &self.keys;
        let n = keys.len();
        let Some(first) = keys.first() else { return Err(Problem::usage("A film needs at least one key")) };
        if n == 1 {
            return Ok(first.latent.clone());
        }
        // The key before; in a loop the last one comes before the first.
        let before = keys.iter().rposition(|k| k.time <= time);
        let (before, wrapped) = match (before, self.looped) {
            (Some(i), true) => (i, i + 1 == n),
            (None, true) => (n - 1, true),
            (Some(i), false) if i + 1 == n => return Ok(keys[i].latent.clone()),
            (None, false) => return Ok(first.latent.clone()),
            (Some(i), false) => (i, false),
        };
        let after = (before + 1) % n;
        let from = keys[before].time;
        let until = keys[after].time + if wrapped { self.seconds } else { 0.0 };
        let now = if time < from { time + self.seconds } else { time };
        let t = keys[before].easing.eased((now - from) / (until - from).max(1e-9));
        let at = |i: usize| &keys[i].latent;
        match keys[before].way.unwrap_or(self.way) {
            Way::Lerp => dims.between(at(before), at(after), t, Mode::Lerp),
            Way::Slerp => dims.between(at(before), at(after), t, Mode::Slerp),
            Way::Spline => {
                if t == 0.0 {
                    return Ok(at(before).clone());
                }
                let far = |step: isize| {
                    let place = before as isize + step;
                    if self.looped { place.rem_euclid(n as isize) } else { place.clamp(0, n as isize - 1) }
                };
                let (t2, t3) = (t * t, t * t * t);
                let weights = [
                    0.5 * (-t + 2.0 * t2 - t3),
                    0.5 * (2.0 - 5.0 * t2 + 3.0 * t3),
                    0.5 * (t + 4.0 * t2 - 3.0 * t3),
                    0.5 * (t3 - t2),
                ];
                let terms: Vec<(f64, &Latent)> =
                    weights.into_iter().zip([-1, 0, 1, 2]).map(|(w, step)| (w, at(far(step) as usize))).collect();
                dims.sum(&terms, Mode::Slerp)
            }
        }
    }

    fn drifted(&self, dims: &Dims, spread: f32, latent: &Latent, drift: &Drift, time: f64) -> Latent {
        let mut values = dims.numbers(latent);
        let noise = wander(drift, time / self.seconds, dims.z);
        let mut place = latent.place();
        let a = drift.amount;
        // As likely as before in Z, where numbers are standard normal.
        let (keep, scale) =
            if place.space == Space::Z { (1.0 / libm::sqrt(1.0 + a * a), 1.0) } else { (1.0, f64::from(spread)) };
        for style in values.chunks_mut(dims.z.max(1)) {
            for (v, n) in style.iter_mut().zip(&noise) {
                *v = ((f64::from(*v) + a * scale * n) * keep) as f32;
            }
        }
        place.class = shares_as_class(&dims.shares(latent));
        Latent::of(Place { values, seed: None, ..place })
    }
}

fn shares_as_class(shares: &[f32]) -> Vec<(u32, f32)> {
    shares.iter().enumerate().filter(|(_, s)| **s > 0.0).map(|(i, s)| (i as u32, *s)).collect()
}

/// Smooth numbers of variance 1 that are the same at 0 and 1.
fn wander(drift: &Drift, t: f64, dim: usize) -> Vec<f64> {
    let mut stream = Stream::new(drift.seed, "drift");
    let size: f64 = (1..=WAVES).map(|k| 1.0 / (k * k) as f64).sum();
    let mut sum = vec![0.0; dim];
    for k in 1..=WAVES {
        let angle = std::f64::consts::TAU * t * (k as u32 * drift.rounds.max(1)) as f64;
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        let weight = 1.0 / (k as f64 * libm::sqrt(size));
        for v in &mut sum {
            *v += weight * (cos * f64::from(stream.normal()) + sin * f64::from(stream.normal()));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::latent_from_seed;

    const DIMS: Dims = Dims { z: 8, classes: 0, layers: 0 };

    fn film(looped: bool, way: Way) -> Timeline {
        let key = |time: f64, seed: u64| Key { time, latent: Latent::Seed { seed }, easing: Easing::Linear, way: None };
        let keys = vec![key(0.0, 1), key(1.0, 2), key(3.0, 3)];
        Timeline { keys, seconds: if looped { 4.0 } else { 3.0 }, looped, way, ..Timeline::default() }
    }

    fn numbers(t: &Timeline, time: f64) -> Vec<f32> {
        DIMS.numbers(&t.at(&DIMS, 1.0, time).unwrap().latent)
    }

    fn far(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt()
    }

    #[test]
    fn keys_are_passed_in_time_and_loops_close() {
        for way in [Way::Lerp, Way::Slerp, Way::Spline] {
            for looped in [false, true] {
                let t = film(looped, way);
                t.check().unwrap();
                for (time, seed) in [(0.0, 1), (1.0, 2), (3.0, 3)] {
                    assert!(far(&numbers(&t, time), &latent_from_seed(seed, 8)) < 1e-5, "{way:?} {time}");
                }
                // No jump anywhere, the seam of a loop among them.
                let end = if looped { 4.0 } else { 3.0 };
                for i in 0..400 {
                    let time = end * f64::from(i) / 400.0;
                    assert!(far(&numbers(&t, time), &numbers(&t, time + end / 400.0)) < 0.2, "{way:?} at {time}");
                }
            }
        }
        let t = film(false, Way::Slerp);
        assert_eq!(numbers(&t, 99.0), latent_from_seed(3, 8));
    }

    #[test]
    fn splines_have_no_corners() {
        let speed = |t: &Timeline, time: f64| -> Vec<f32> {
            let h = 1e-3;
            let (a, b) = (numbers(t, time), numbers(t, time + h));
            a.iter().zip(&b).map(|(x, y)| (y - x) / h as f32).collect()
        };
        let at_key = |way| {
            let mut t = film(true, way);
            // Even times, so that only the corner counts.
            (t.keys[1].time, t.keys[2].time, t.seconds) = (1.0, 2.0, 3.0);
            far(&speed(&t, 0.998), &speed(&t, 1.0)) / far(&speed(&t, 1.0), &[0.0; 8])
        };
        assert!(at_key(Way::Spline) < 0.15, "{}", at_key(Way::Spline));
        assert!(at_key(Way::Lerp) > 0.5);
    }

    #[test]
    fn tracks_truncation_noise_and_drift_do_what_they_say() {
        let mut t = film(true, Way::Slerp);
        let direction = Direction { values: vec![1.0; 8], ..Direction::default() };
        t.tracks = vec![Track { direction, strength: Curve::of(&[(0.0, 0.0), (2.0, 3.0), (4.0, 0.0)]) }];
        t.truncation = Some(Curve::of(&[(0.0, 1.0), (4.0, 1.0), (2.0, 0.5)]));
        assert!(t.check().is_err(), "points of a curve follow each other");
        t.truncation = Some(Curve::of(&[(0.0, 1.0), (2.0, 0.5), (4.0, 1.0)]));
        t.noise = vec![(0.0, 5), (2.5, 6)];
        t.check().unwrap();
        let plain = film(true, Way::Slerp);
        let (with, without) = (numbers(&t, 2.0), numbers(&plain, 2.0));
        assert!(with.iter().zip(&without).all(|(a, b)| (a - b - 3.0).abs() < 1e-5));
        let frame = t.at(&DIMS, 1.0, 1.0).unwrap();
        assert!((frame.truncation - 0.75).abs() < 1e-6);
        assert_eq!(frame.latent.place().noise, 5);
        assert_eq!(t.at(&DIMS, 1.0, 3.0).unwrap().latent.place().noise, 6);

        let mut t = film(true, Way::Slerp);
        t.drift = Some(Drift { seed: 1, amount: 1.0, rounds: 1 });
        assert!(far(&numbers(&t, 0.0), &numbers(&t, 3.9999)) < 0.05, "the drift comes back");
        assert!(far(&numbers(&t, 0.0), &numbers(&film(true, Way::Slerp), 0.0)) > 0.3);
        let size: f64 = (0..200)
            .map(|s| wander(&Drift { seed: s, amount: 1.0, rounds: 1 }, 0.3, 8).iter().map(|v| v * v).sum::<f64>())
            .sum::<f64>()
            / 1600.0;
        assert!((size - 1.0).abs() < 0.15, "{size}");
    }

    #[test]
    fn timelines_survive_json_and_bad_ones_are_told() {
        let example = Timeline::example();
        example.check().unwrap();
        let text = serde_json::to_string_pretty(&example).unwrap();
        assert_eq!(Timeline::from_json(&text).unwrap(), example);
        let empty = Timeline::default();
        assert!(empty.check().is_err());
        let mut late = example.clone();
        late.seconds = 2.0;
        assert!(late.check().is_err());
        let mut back = example.clone();
        back.keys[1].time = 0.0;
        assert!(back.check().is_err());
        let old = text.replace("  \"by\": \"pixels\",\n", "");
        assert!(old.len() < text.len() && Timeline::from_json(&old).unwrap().by == Measure::Pixels);
        let seen = Timeline::from_json(&text.replace("\"pixels\"", "\"features\"")).unwrap();
        assert_eq!(seen.by, Measure::Features);
        assert!(Timeline::from_json("{}").is_err() && Timeline::from_json("x").is_err());
        assert!(Timeline::from_json(&text.replace("\"format\": 1", "\"format\": 9")).is_err());
    }
}
