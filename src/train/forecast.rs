//! "Worth going on?": where a score will be later in a run, with an interval of 80 %.
//!
//! Power laws `a + b·t⁻ᶜ` of the pictures seen are fitted by least squares to the last parts of the curve, each exponent
//! weighted by how well it fits (a grid in place of the posterior), and their predictions are mixed. The interval adds what the
//! fits disagree by, the noise of the scores, and a share of the change that they predict, for curves bend in ways that no
//! power law has; that share was set on curves of twelve runs; which parts are
//! fitted was chosen with all curves in view.

use serde::Serialize;

use super::report::RunEvent;

/// Fewest scores that a forecast rests on.
pub const FEWEST: usize = 6;
/// Parts of the run that are fitted, by where they begin.
const BEGIN: [f64; 2] = [0.7, 0.85];
/// Fewest scores in a part.
const PART: usize = 5;
/// Exponents of the power laws.
const EXPONENTS: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.25, 1.7, 2.3, 3.0];
/// Standard deviations to each side that hold 80 % of a normal distribution.
const WIDTH: f64 = 1.2816;
/// Share of the predicted change that is added to the standard deviation.
const DOUBT: f64 = 0.4;
/// Scores that can be forecast, the first that a run has is taken: its name, and whether higher is better.
const SCORES: [(&str, bool); 2] = [("valid_elbo", true), ("kid", false)];

/// Where a score will be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Name of the curve, as in the telemetry.
    pub score: &'static str,
    /// Scores that it rests on.
    pub scores: usize,
    /// Pictures seen at the last of them.
    pub images: u64,
    /// Pictures seen at the moment that is asked about.
    pub at: u64,
    /// The score now, as the fits have it.
    pub now: f64,
    /// The score then.
    pub expected: f64,
    /// Lower end of the interval of 80 %.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How much better it gets: expected, and at the better end of the interval; below 0 it gets worse.
    pub gain: [f64; 2],
}

/// What the fits to one part of a curve predict.
struct Part {
    now: f64,
    expected: f64,
    variance: f64,
}

/// One power law, fitted.
struct Fit {
    /// Sum of the squares that it leaves.
    left: f64,
    now: f64,
    expected: f64,
    /// Variance of the expected score in units of that of the noise.
    reach: f64,
}

/// The scores that a run kept: their name, and pictures seen with the value of each.
pub fn scores(history: &[RunEvent]) -> Option<(&'static str, Vec<(u64, f64)>)> {
    SCORES.iter().find_map(|&(name, _)| {
        let mut points: Vec<(u64, f64)> = Vec::new();
        for event in history {
            let RunEvent::Reading(reading) = event else { continue };
            let Some((_, value)) = reading.values.iter().find(|v| v.0 == name) else { continue };
            points.retain(|p| p.0 < reading.images);
            points.push((reading.images, *value));
        }
        (points.len() >= FEWEST).then_some((name, points))
    })
}

/// The moment that a run is asked about: where it ends, or half as long again once it is there.
pub fn moment(images: u64, target: u64) -> u64 {
    if target > images { target } else { images + images / 2 }
}

/// What a run's scores will be once it saw `at` pictures; nothing where it has too few of them, or none after the last.
pub fn of_run(history: &[RunEvent], at: u64) -> Option<Forecast> {
    let (name, points) = scores(history)?;
    of_curve(name, &points, at)
}

/// As [`of_run`], for a curve by its name; pictures seen rise from one point to the next.
pub fn of_curve(name: &str, points: &[(u64, f64)], at: u64) -> Option<Forecast> {
    let &(score, higher_is_better) = SCORES.iter().find(|s| s.0 == name)?;
    // Before the first step nothing was learned, and no power law begins there.
    let curve: Vec<(f64, f64)> = points.iter().filter(|p| p.0 > 0).map(|p| (p.0 as f64, p.1)).collect();
    let &(end, _) = curve.last()?;
    if curve.len() < FEWEST || at as f64 <= end || curve.iter().any(|p| !p.1.is_finite()) {
        return None;
    }
    let mut starts: Vec<usize> =
        BEGIN.iter().map(|b| curve.partition_point(|p| p.0 < b * end).min(curve.len() - PART)).collect();
    starts.dedup();
    let parts: Vec<Part> = starts.iter().map(|&start| part(&curve[start..], end, at as f64 / end)).collect();
    let mean = |of: &dyn Fn(&Part) -> f64| parts.iter().map(of).sum::<f64>() / parts.len() as f64;
    let (now, expected) = (mean(&|p| p.now), mean(&|p| p.expected));
    let variance = mean(&|p| p.variance + (p.expected - expected).powi(2)) + (DOUBT * (expected - now)).powi(2);
    let side = WIDTH * variance.sqrt();
    let (low, high) = (expected - side, expected + side);
    let gain = if higher_is_better { [expected - now, high - now] } else { [now - expected, now - low] };
    Some(Forecast { score, scores: curve.len(), images: end as u64, at, now, expected, low, high, gain })
}

/// Fits to one part of a curve that ends at `end`; `later` is the moment asked about in units of it.
fn part(curve: &[(f64, f64)], end: f64, later: f64) -> Part {
    let n = curve.len() as f64;
    let mean = curve.iter().map(|p| p.1).sum::<f64>() / n;
    // Two numbers that differ by rounding alone fit equally well.
    let floor = 1e-12 + 1e-10 * curve.iter().map(|p| p.1 * p.1).sum::<f64>();
    let fit = |exponent: &f64| {
        let x: Vec<f64> = curve.iter().map(|p| (p.0 / end).powf(-exponent)).collect();
        let middle = x.iter().sum::<f64>() / n;
        let spread: f64 = x.iter().map(|x| (x - middle).powi(2)).sum();
        let both: f64 = x.iter().zip(curve).map(|(x, p)| (x - middle) * (p.1 - mean)).sum();
        let b = if spread > 0.0 { both / spread } else { 0.0 };
        let at = |x: f64| mean + b * (x - middle);
        let left: f64 = x.iter().zip(curve).map(|(x, p)| (p.1 - at(*x)).powi(2)).sum();
        let there = later.powf(-exponent);
        let reach = 1.0 / n + (there - middle).powi(2) / spread.max(1e-12);
        Fit { left: left.max(floor), now: at(1.0), expected: at(there), reach }
    };
    let fits: Vec<Fit> = EXPONENTS.iter().map(fit).collect();
    let best = fits.iter().map(|f| f.left).fold(f64::INFINITY, f64::min);
    // Neighbouring scores are of the same weights nearly: they count half.
    let weight = |fit: &Fit| (best / fit.left).powf((n / 2.0).max(3.0) / 2.0);
    let sum: f64 = fits.iter().map(weight).sum();
    let mixed = |of: &dyn Fn(&Fit) -> f64| fits.iter().map(|f| weight(f) * of(f)).sum::<f64>() / sum;
    let expected = mixed(&|f| f.expected);
    let variance = mixed(&|f| (f.expected - expected).powi(2) + f.left / (n - 3.0).max(1.0) * (1.0 + f.reach));
    Part { now: mixed(&|f| f.now), expected, variance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::series::Reading;

    /// Curves of runs as they were recorded; `set` is true for those that [`DOUBT`] was set on.
    #[derive(serde::Deserialize)]
    struct Recorded {
        score: String,
        set: bool,
        points: Vec<(u64, f64)>,
    }

    /// How many of these runs' last scores lie in the interval that was forecast at a share of the run.
    fn covered(runs: &[&Recorded], share: f64) -> (usize, usize) {
        let mut out = (0, 0);
        for run in runs {
            let &(end, last) = run.points.last().unwrap();
            let known: Vec<_> = run.points.iter().copied().filter(|p| p.0 as f64 <= share * end as f64).collect();
            let Some(f) = of_curve(&run.score, &known, end) else { continue };
            out.0 += usize::from(f.low <= last && last <= f.high);
            out.1 += 1;
        }
        out
    }

    #[test]
    fn intervals_of_recorded_runs_hold_about_as_often_as_they_say() {
        let runs: Vec<Recorded> = serde_json::from_str(include_str!("../../tests/doctor/scores.json")).unwrap();
        let fresh: Vec<&Recorded> = runs.iter().filter(|r| !r.set).collect();
        let all: Vec<&Recorded> = runs.iter().collect();
        for (runs, share) in [(&fresh, 0.5), (&all, 0.5), (&fresh, 0.6), (&all, 0.6)] {
            let (inside, of) = covered(runs, share);
            let part = inside as f64 / of as f64;
            println!("forecast at {share} of the run: {inside} of {of}");
            assert!((0.70..=0.90).contains(&part), "{inside} of {of} at {share}");
        }
        assert!(covered(&all, 0.5).1 >= 30 && fresh.len() >= 20);
    }

    #[test]
    fn a_power_law_is_continued_and_a_flat_curve_gains_nothing() {
        let law = |t: f64| 3.0 + 5.0 * (t / 10_000.0).powf(-0.65);
        let points: Vec<(u64, f64)> = (1..=40).map(|i| (i * 1000, law(i as f64 * 1000.0))).collect();
        let f = of_curve("kid", &points, 80_000).unwrap();
        assert!((f.expected - law(80_000.0)).abs() < 0.01 && (f.now - law(40_000.0)).abs() < 0.01, "{f:?}");
        assert!(f.low < f.expected && f.expected < f.high && f.gain[0] > 0.5 && f.gain[1] > f.gain[0], "{f:?}");
        let flat: Vec<(u64, f64)> = (1..=40).map(|i| (i * 1000, 2.0)).collect();
        let f = of_curve("kid", &flat, 80_000).unwrap();
        assert!(f.gain[1] < 0.01 && (f.expected - 2.0).abs() < 1e-9, "{f:?}");
        // A bound on the likelihood gets better upwards.
        let up: Vec<(u64, f64)> = points.iter().map(|p| (p.0, -p.1)).collect();
        let f = of_curve("valid_elbo", &up, 80_000).unwrap();
        assert!(f.gain[0] > 0.5 && f.gain[1] > f.gain[0] && f.expected > f.now, "{f:?}");
    }

    #[test]
    fn too_few_scores_or_a_moment_that_is_past_have_no_forecast() {
        let points: Vec<(u64, f64)> = (0..FEWEST as u64).map(|i| (i * 1000, 1.0)).collect();
        assert_eq!(of_curve("kid", &points, 80_000), None, "the one before the first step does not count");
        let points: Vec<(u64, f64)> = (1..=9).map(|i| (i * 1000, 1.0)).collect();
        assert_eq!(of_curve("kid", &points, 9000), None);
        assert_eq!(of_curve("lr", &points, 20_000), None);
        assert!(of_curve("kid", &points, 9001).is_some());
    }

    #[test]
    fn scores_that_a_run_went_back_from_do_not_count() {
        let tell = |images, value| {
            let values = vec![("kid".into(), value)];
            RunEvent::Reading(Reading { step: 1, images, seconds: 1.0, values })
        };
        let mut history: Vec<RunEvent> = (1..=8).map(|i| tell(i * 1000, i as f64)).collect();
        history.push(tell(7000, 0.5));
        let (name, points) = scores(&history).unwrap();
        assert_eq!((name, points.len(), points[6]), ("kid", 7, (7000, 0.5)));
    }
}
