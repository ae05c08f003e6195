//! Equal visible change: a way through latent space, re-timed so that every step is as large as the next to the eye.
//!
//! A network does not change evenly along an even way: here it rests, there it jumps. Frames are set along the way,
//! what changes between neighbours is measured, and their times are moved until all changes are alike.

use super::model::LoadedModel;
use crate::base::{Problem, Progress, Result};
use crate::recipe::picture::Latent;

/// Rounds of measuring at most.
const ROUNDS: usize = 24;
/// Standard deviation of the steps over their mean that is good enough.
const EVEN: f64 = 0.02;
/// Steps may be this many times closer than evenly spaced ones, so that a jump does not draw all frames to it.
const CLOSEST: f64 = 1e-4;

/// What latents look like, as numbers whose straight distance is what the eye sees change.
pub trait Ruler {
    /// One row a latent, all of the same length.
    ///
    /// # Errors
    /// The model cannot be computed.
    fn look(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>>;
}

/// Pixels, before they are rounded.
pub struct Pixels<'a>(pub &'a LoadedModel);

impl Ruler for Pixels<'_> {
    fn look(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>> {
        self.0.pixels(latents, 1.0)
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
    ruler: &dyn Ruler,
    progress: &dyn Progress,
) -> Result<Paced> {
    let steps = if looped { frames } else { frames.saturating_sub(1) };
    if steps == 0 {
        return Ok(Paced { times: vec![0.0; frames], spread: 0.0 });
    }
    let mut times: Vec<f64> = (0..=steps).map(|i| i as f64 / steps as f64).collect();
    let mut best = Paced { times: times.clone(), spread: f64::INFINITY };
    for round in 0..ROUNDS {
        progress.report("Measuring steps", round as u64, ROUNDS as u64);
        progress.cancel().check()?;
        let latents = times.iter().map(|t| way(*t)).collect::<Result<Vec<_>>>()?;
        let sizes = steps_of(&ruler.look(&latents)?)?;
        let spread = spread(&sizes);
        if spread < best.spread {
            best = Paced { times: times.clone(), spread };
        }
        if spread < EVEN {
            break;
        }
        times = moved(&times, &sizes);
    }
    progress.report("Measuring steps", ROUNDS as u64, ROUNDS as u64);
    best.times.truncate(frames);
    Ok(best)
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

/// Times at equal shares of all that changes, if change is even within each step.
fn moved(times: &[f64], sizes: &[f64]) -> Vec<f64> {
    let n = sizes.len();
    // Where nothing changes, time still has to pass.
    let floor = sizes.iter().sum::<f64>() / n as f64 * 1e-3;
    let mut along = vec![0.0];
    along.extend(sizes.iter().scan(0.0, |sum, s| {
        *sum += s.max(floor);
        Some(*sum)
    }));
    let whole = along[n];
    if whole <= 0.0 {
        return times.to_vec();
    }
    let mut out = Vec::with_capacity(n + 1);
    let mut stretch = 0;
    for k in 0..=n {
        let wanted = whole * k as f64 / n as f64;
        while stretch + 1 < n && along[stretch + 1] < wanted {
            stretch += 1;
        }
        let part = ((wanted - along[stretch]) / (along[stretch + 1] - along[stretch]).max(1e-300)).clamp(0.0, 1.0);
        out.push(times[stretch] + part * (times[stretch + 1] - times[stretch]));
    }
    // A little of the old keeps the rounds from swinging.
    for (new, old) in out.iter_mut().zip(times) {
        *new = 0.85 * *new + 0.15 * old;
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
    impl Ruler for Curve {
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
