//! Equal visible change: a way through latent space, re-timed so that every step is as large as the next to the eye.
//!
//! A network does not change evenly along an even way: here it rests, there it jumps. Frames are set along the way,
//! what changes between neighbours is measured, and their times are moved until all changes are alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::model::LoadedModel;
use crate::base::{Channels, Problem, Progress, Result};
use crate::eval::features::Extractor;
use crate::eval::perceptual;
use crate::recipe::picture::Latent;

/// Rounds of measuring, and as many again that go half as far where these swing.
const ROUNDS: usize = 24;
/// How much of the old times stays in a round, and in one that goes half as far.
const KEPT: [f64; 2] = [0.15, 0.6];
/// Parts of each step that are looked at then, and looks in all.
const CLOSE: (usize, usize) = (4, 2000);
/// Standard deviation of the steps over their mean that is good enough.
const EVEN: f64 = 0.02;
/// Steps may be this many times closer than evenly spaced ones, so that a jump does not draw all frames to it.
const CLOSEST: f64 = 1e-4;
/// Latents looked at together: what they look like is kept only as long as it is needed.
const TOGETHER: usize = 64;

/// What is taken for visible change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Pixels, before they are rounded.
    #[default]
    Pixels,
    /// The studio's own features, as [`perceptual`] compares them.
    Features,
}

impl Measure {
    /// `pixels` or `features`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Features => "features",
        }
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pixels => "Pixels",
            Self::Features => "Features",
        }
    }

    /// What it takes for change, in one sentence.
    pub fn help(self) -> &'static str {
        match self {
            Self::Pixels => "How far colours move, pixel by pixel",
            Self::Features => "How far shapes and textures change, as the studio's own network sees them; takes longer",
        }
    }

    /// The measure of this id.
    ///
    /// # Errors
    /// There is none.
    pub fn from_id(id: &str) -> Result<Self> {
        [Self::Pixels, Self::Features].into_iter().find(|m| m.id() == id).ok_or_else(|| {
            Problem::usage("There is no such measure of change").of(id).try_this("Choose pixels or features")
        })
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// What latents look like, as numbers whose straight distance is what the eye sees change.
pub trait PerceptualMetric {
    /// One row a latent, all of the same length.
    ///
    /// # Errors
    /// The model cannot be computed.
    fn look(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>>;

    /// Looks within each of so many steps, for what changes in jumps; one looks at their ends alone.
    fn parts(&self, _steps: usize) -> usize {
        1
    }
}

/// Pixels, before they are rounded.
pub struct Pixels<'a>(pub &'a LoadedModel);

impl PerceptualMetric for Pixels<'_> {
    fn look(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>> {
        self.0.pixels(latents, 1.0)
    }
}

/// What a model's pictures look like by a measure, at a truncation.
pub struct FeatureMetric<'a> {
    model: &'a LoadedModel,
    truncation: f32,
    features: Option<Extractor>,
}

impl LoadedModel {
    /// A ruler of what this measure takes for change.
    ///
    /// # Errors
    /// The studio's features cannot be read.
    pub fn eye(&self, measure: Measure, truncation: f32) -> Result<FeatureMetric<'_>> {
        // Points of a plane are no pictures: how far they go is all that is seen.
        let sees = measure == Measure::Features && self.shape().channels != Channels::Points;
        let features = if sees { Some(Extractor::shipped(&self.device)?) } else { None };
        Ok(FeatureMetric { model: self, truncation, features })
    }
}

impl PerceptualMetric for FeatureMetric<'_> {
    fn parts(&self, steps: usize) -> usize {
        if self.features.is_some() { (TOGETHER / steps.max(1)).clamp(1, 4) } else { 1 }
    }

    fn look(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>> {
        let pixels = self.model.pixels(latents, self.truncation)?;
        match &self.features {
            None => Ok(pixels),
            Some(eyes) => Ok(perceptual::looks(eyes, &pixels, self.model.shape())),
        }
    }
}

/// A re-timed way.
#[derive(Clone, Debug, PartialEq)]
pub struct Paced {
    /// Where each frame lies along the way, from 0; ascending.
    pub times: Vec<f64>,
    /// Standard deviation of the steps over their mean.
    pub spread: f64,
}

/// Times of `frames` frames along `way` (which goes from 0 to 1) with equal visible steps between them. An open way has
/// frames on both ends; a loop leads from its last frame into its first by one more such step.
///
/// # Errors
/// The model cannot be computed, or it was cancelled.
pub fn even(
    way: &dyn Fn(f64) -> Result<Latent>,
    frames: usize,
    looped: bool,
    ruler: &dyn PerceptualMetric,
    progress: &dyn Progress,
) -> Result<Paced> {
    let steps = if looped { frames } else { frames.saturating_sub(1) };
    if steps == 0 {
        return Ok(Paced { times: vec![0.0; frames], spread: 0.0 });
    }
    let mut times: Vec<f64> = (0..=steps).map(|i| i as f64 / steps as f64).collect();
    let mut best = Paced { times: times.clone(), spread: f64::INFINITY };
    for round in 0..2 * ROUNDS {
        progress.report("Measuring steps", round as u64, 2 * ROUNDS as u64);
        progress.cancel().check()?;
        let swings = round >= ROUNDS;
        if round == ROUNDS {
            times.clone_from(&best.times);
        }
        let parts = if swings { (CLOSE.1 / steps).clamp(1, CLOSE.0) } else { 1 }.max(ruler.parts(steps));
        let looked = within(&times, parts);
        let (sizes, parts) = sizes(way, &looked, parts, ruler)?;
        let spread = spread(&sizes);
        if spread < best.spread {
            best = Paced { times: times.clone(), spread };
        }
        if spread < EVEN {
            break;
        }
        times = moved(&looked, &parts, &times, KEPT[usize::from(swings)]);
    }
    progress.report("Measuring steps", 2 * ROUNDS as u64, 2 * ROUNDS as u64);
    best.times.truncate(frames);
    Ok(best)
}

/// Times with so many parts between each and the next.
fn within(times: &[f64], parts: usize) -> Vec<f64> {
    let mut out = times[..1].to_vec();
    for pair in times.windows(2) {
        out.extend((1..parts).map(|j| pair[0] + (pair[1] - pair[0]) * j as f64 / parts as f64));
        out.push(pair[1]);
    }
    out
}

/// Visible change in each step of so many parts, and its share in each part.
fn sizes(
    way: &dyn Fn(f64) -> Result<Latent>,
    times: &[f64],
    parts: usize,
    ruler: &dyn PerceptualMetric,
) -> Result<(Vec<f64>, Vec<f64>)> {
    if parts > 1 {
        let latents = times.iter().map(|t| way(*t)).collect::<Result<Vec<_>>>()?;
        let rows = ruler.look(&latents)?;
        let ends: Vec<Vec<f32>> = rows.iter().step_by(parts).cloned().collect();
        let (steps, mut shares) = (steps_of(&ends)?, steps_of(&rows)?);
        for (step, own) in steps.iter().zip(shares.chunks_mut(parts)) {
            // A way that bends is longer than the step it makes.
            let long: f64 = own.iter().sum();
            own.iter_mut().for_each(|s| *s *= step / long.max(1e-300));
        }
        return Ok((steps, shares));
    }
    let mut sizes = Vec::with_capacity(times.len());
    let mut last: Option<Vec<f32>> = None;
    for group in times.chunks(TOGETHER) {
        let latents = group.iter().map(|t| way(*t)).collect::<Result<Vec<_>>>()?;
        let mut rows: Vec<Vec<f32>> = last.take().into_iter().collect();
        rows.extend(ruler.look(&latents)?);
        sizes.extend(steps_of(&rows)?);
        last = rows.pop();
    }
    Ok((sizes.clone(), sizes))
}

/// Root mean square change from each row to the next.
///
/// # Errors
/// Some of them are not finite.
pub(in crate::latent) fn steps_of(rows: &[Vec<f32>]) -> Result<Vec<f64>> {
    let step = |pair: &[Vec<f32>]| {
        let sum: f64 = pair[0].iter().zip(&pair[1]).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        (sum / pair[0].len().max(1) as f64).sqrt()
    };
    let sizes: Vec<f64> = rows.windows(2).map(step).collect();
    if sizes.iter().all(|s| s.is_finite()) {
        Ok(sizes)
    } else {
        Err(Problem::failed("The model makes no finite pictures along this way"))
    }
}

/// Standard deviation over mean; nothing moves at all: 0.
pub fn spread(sizes: &[f64]) -> f64 {
    let n = sizes.len().max(1) as f64;
    let mean = sizes.iter().sum::<f64>() / n;
    if mean <= 0.0 {
        return 0.0;
    }
    (sizes.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt() / mean
}

/// Times at equal shares of all that changes, if change is even within each part; `before` are those of the steps, of
/// which `kept` stays.
fn moved(times: &[f64], sizes: &[f64], before: &[f64], kept: f64) -> Vec<f64> {
    let (looks, n) = (sizes.len(), before.len() - 1);
    // Where nothing changes, time still has to pass.
    let floor = sizes.iter().sum::<f64>() / looks as f64 * 1e-3;
    let mut along = vec![0.0];
    along.extend(sizes.iter().scan(0.0, |sum, s| {
        *sum += s.max(floor);
        Some(*sum)
    }));
    let whole = along[looks];
    if whole <= 0.0 {
        return before.to_vec();
    }
    let mut out = Vec::with_capacity(n + 1);
    let mut stretch = 0;
    for k in 0..=n {
        let wanted = whole * k as f64 / n as f64;
        while stretch + 1 < looks && along[stretch + 1] < wanted {
            stretch += 1;
        }
        let part = ((wanted - along[stretch]) / (along[stretch + 1] - along[stretch]).max(1e-300)).clamp(0.0, 1.0);
        out.push(times[stretch] + part * (times[stretch + 1] - times[stretch]));
    }
    // A little of the old keeps the rounds from swinging.
    for (new, old) in out.iter_mut().zip(before) {
        *new = (1.0 - kept) * *new + kept * old;
    }
    let least = CLOSEST / n as f64;
    for i in 1..n {
        out[i] = out[i].max(out[i - 1] + least).min(1.0 - (n - i) as f64 * least);
    }
    out[0] = 0.0;
    out[n] = 1.0;
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    /// A model whose picture is a point on a curve, and which rests and hurries along the way.
    struct Curve;
    impl PerceptualMetric for Curve {
        fn look(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>> {
            let one = |l: &Latent| {
                let turn = std::f64::consts::TAU * f64::from(l.values(1)[0]);
                let s = turn + 0.8 * turn.sin();
                vec![s.cos() as f32, s.sin() as f32, (3.0 * s).sin() as f32 * 0.3]
            };
            Ok(latents.iter().map(one).collect())
        }
    }

    fn sizes(paced: &Paced, looped: bool, way: &dyn Fn(f64) -> Latent) -> Vec<f64> {
        let mut times = paced.times.clone();
        if looped {
            times.push(1.0);
        }
        steps_of(&Curve.look(&times.iter().map(|t| way(*t)).collect::<Vec<_>>()).unwrap()).unwrap()
    }

    #[test]
    fn steps_of_an_uneven_way_become_even() {
        let way = |t: f64| Latent::Point { values: vec![t as f32] };
        let plain = Paced { times: (0..30).map(|i| f64::from(i) / 29.0).collect(), spread: 0.0 };
        assert!(spread(&sizes(&plain, false, &way)) > 0.4, "the way itself is uneven");
        let paced = even(&|t| Ok(way(t)), 30, false, &Curve, &Quiet::default()).unwrap();
        assert_eq!((paced.times.len(), paced.times[0], paced.times[29]), (30, 0.0, 1.0));
        assert!(paced.times.windows(2).all(|w| w[0] < w[1]));
        let after = spread(&sizes(&paced, false, &way));
        assert!(after < 0.05 && (after - paced.spread).abs() < 1e-9, "{after}");
    }

    #[test]
    fn loops_close_by_one_more_step() {
        let way = |t: f64| Latent::Point { values: vec![t as f32] };
        let paced = even(&|t| Ok(way(t)), 41, true, &Curve, &Quiet::default()).unwrap();
        assert_eq!(paced.times.len(), 41);
        assert!(spread(&sizes(&paced, true, &way)) < 0.05, "{}", paced.spread);
    }

    #[test]
    fn nothing_to_pace() {
        let still = |_: f64| Ok(Latent::Point { values: vec![0.5] });
        assert_eq!(even(&still, 0, false, &Curve, &Quiet::default()).unwrap().times, [0.0; 0]);
        assert_eq!(even(&still, 1, false, &Curve, &Quiet::default()).unwrap().times, [0.0]);
        let five = even(&still, 5, false, &Curve, &Quiet::default()).unwrap();
        assert_eq!((five.times.len(), five.spread), (5, 0.0));
    }
}
