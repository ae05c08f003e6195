//! Fitting a mixture of Gaussians: k-means++ start (Arthur & Vassilvitskii 2007), expectation–maximisation (Dempster
//! 1977), the number of components and the kind of covariance by the Bayesian information criterion (Schwarz 1978).

use rayon::prelude::*;

use super::mixture::{Component, Mixture, Spread};
use super::normal::log_sum_exp;
use crate::base::linalg::dense::{cholesky, inverse};
use crate::base::rng::Stream;
use crate::base::{Progress, Result};

/// Numbers of components that are tried, one after the other, until the criterion has risen twice.
const TRIED: [usize; 14] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
/// Most rounds of a fit.
const ROUNDS: usize = 100;
/// A fit ends when a round gains less than this many nats a point.
const ENOUGH: f64 = 1e-4;
/// Points worked on at a time; sums over them are added in order, so that threads do not change the result.
const CHUNK: usize = 512;
/// Full covariances up to this many dimensions; above they cost too much and want too many points.
pub const FULL_UP_TO: usize = 64;

/// A fitted mixture and how good it is.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The mixture.
    pub mixture: Mixture,
    /// Mean log density of the points, in nats.
    pub log_likelihood: f64,
    /// Bayesian information criterion: `parameters · log n − 2 · n · log likelihood`; lower is better.
    pub bic: f64,
    /// Rounds of expectation and maximisation.
    pub rounds: usize,
}

/// Whether covariances are full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Own variance for each coordinate.
    Diagonal,
    /// Everything.
    Full,
}

/// The best mixture of all that are tried, by the Bayesian information criterion.
///
/// # Errors
/// It was cancelled.
pub fn best(points: &[Vec<f64>], seed: u64, progress: &dyn Progress) -> Result<Fitted> {
    let dim = points.first().map_or(0, Vec::len);
    let mut best: Option<Fitted> = None;
    let shapes: &[Shape] = if dim <= FULL_UP_TO { &[Shape::Full, Shape::Diagonal] } else { &[Shape::Diagonal] };
    let total = (shapes.len() * TRIED.len()) as u64;
    for (i, &shape) in shapes.iter().enumerate() {
        let (mut lowest, mut risen) = (f64::INFINITY, 0);
        for (j, &count) in TRIED.iter().enumerate() {
            // Fewer points than numbers to fit them with say nothing.
            if count > 1 && parameters(count, dim, shape) * 2 > points.len() * dim {
                break;
            }
            progress.report("Fitting the prior", (i * TRIED.len() + j) as u64, total);
            let fitted = fit(points, count, shape, seed, progress)?;
            risen = if fitted.bic < lowest { 0 } else { risen + 1 };
            lowest = lowest.min(fitted.bic);
            if best.as_ref().is_none_or(|b| fitted.bic < b.bic) {
                best = Some(fitted);
            }
            if risen == 2 {
                break;
            }
        }
    }
    progress.report("Fitting the prior", total, total);
    match best {
        Some(best) => Ok(best),
        None => fit(points, 1, Shape::Diagonal, seed, progress),
    }
}

/// Free numbers of a mixture.
fn parameters(count: usize, dim: usize, shape: Shape) -> usize {
    let spread = match shape {
        Shape::Diagonal => dim,
        Shape::Full => dim * (dim + 1) / 2,
    };
    count * (dim + spread) + count - 1
}

/// A mixture of `count` components.
///
/// # Errors
/// It was cancelled.
pub fn fit(points: &[Vec<f64>], count: usize, shape: Shape, seed: u64, progress: &dyn Progress) -> Result<Fitted> {
    let (n, dim) = (points.len(), points.first().map_or(0, Vec::len));
    // A component may become no narrower than this: a hundredth of the spread of all points, coordinate by coordinate.
    let floor: Vec<f64> = variances(points).into_iter().map(|v| 1e-4 * v + 1e-12).collect();
    let mut mixture = start(points, count, shape, &floor, seed);
    let mut before = f64::NEG_INFINITY;
    let mut rounds = 0;
    let mut log_likelihood = before;
    while rounds < ROUNDS {
        progress.cancel().check()?;
        let (sums, total) = expect(points, &mixture, shape);
        log_likelihood = total / n.max(1) as f64;
        if log_likelihood - before < ENOUGH {
            break;
        }
        before = log_likelihood;
        mixture = maximise(&sums, n, dim, shape, &floor);
        rounds += 1;
    }
    let bic = parameters(mixture.components.len(), dim, shape) as f64 * (n.max(1) as f64).ln()
        - 2.0 * n as f64 * log_likelihood;
    Ok(Fitted { mixture, log_likelihood, bic, rounds })
}

fn variances(points: &[Vec<f64>]) -> Vec<f64> {
    let (n, dim) = (points.len().max(1) as f64, points.first().map_or(0, Vec::len));
    (0..dim)
        .map(|i| {
            let mean = points.iter().map(|p| p[i]).sum::<f64>() / n;
            points.iter().map(|p| (p[i] - mean).powi(2)).sum::<f64>() / n
        })
        .collect()
}

/// Weighted sums over the points, for each component: of ones, of points, of their products.
#[derive(Clone)]
struct Sums {
    weight: f64,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Sums {
    fn new(dim: usize, shape: Shape) -> Self {
        let second = if shape == Shape::Full { dim * dim } else { dim };
        Self { weight: 0.0, first: vec![0.0; dim], second: vec![0.0; second] }
    }

    fn add(&mut self, point: &[f64], weight: f64, shape: Shape) {
        self.weight += weight;
        for (i, &x) in point.iter().enumerate() {
            let wx = weight * x;
            self.first[i] += wx;
            match shape {
                Shape::Diagonal => self.second[i] += wx * x,
                // The lower triangle.
                Shape::Full => {
                    let row = &mut self.second[i * point.len()..][..=i];
                    row.iter_mut().zip(point).for_each(|(s, y)| *s += wx * y);
                }
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.weight += other.weight;
        self.first.iter_mut().zip(&other.first).for_each(|(a, b)| *a += b);
        self.second.iter_mut().zip(&other.second).for_each(|(a, b)| *a += b);
    }
}

/// What the density of a component needs: log weight less the log determinant, and the inverse of its factor.
struct Ready {
    constant: f64,
    inverse: Vec<f64>,
}

impl Ready {
    fn of(component: &Component) -> Self {
        let dim = component.mean.len();
        let (inverse, log_det): (Vec<f64>, f64) = match &component.spread {
            Spread::Diagonal(scale) => (scale.iter().map(|s| 1.0 / s).collect(), scale.iter().map(|s| s.ln()).sum()),
            Spread::Full(l) => (inverse(l, dim), (0..dim).map(|i| l[i * dim + i].ln()).sum()),
        };
        Self { constant: component.weight.ln() - log_det - 0.5 * dim as f64 * std::f64::consts::TAU.ln(), inverse }
    }

    fn log_density(&self, component: &Component, point: &[f64], centred: &mut [f64]) -> f64 {
        let dim = point.len();
        for ((c, x), m) in centred.iter_mut().zip(point).zip(&component.mean) {
            *c = x - m;
        }
        let square: f64 = match component.spread {
            Spread::Diagonal(_) => centred.iter().zip(&self.inverse).map(|(c, s)| (c * s).powi(2)).sum(),
            Spread::Full(_) => (0..dim)
                .map(|i| {
                    let row = &self.inverse[i * dim..][..=i];
                    row.iter().zip(&*centred).map(|(l, c)| l * c).sum::<f64>().powi(2)
                })
                .sum(),
        };
        self.constant - 0.5 * square
    }
}

/// Expectation: each point's share in each component, summed up at once. Also the total log density.
fn expect(points: &[Vec<f64>], mixture: &Mixture, shape: Shape) -> (Vec<Sums>, f64) {
    let dim = mixture.dim();
    let ready: Vec<Ready> = mixture.components.iter().map(Ready::of).collect();
    let parts: Vec<(Vec<Sums>, f64)> = points
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut sums = vec![Sums::new(dim, shape); ready.len()];
            let mut logs = vec![0.0; ready.len()];
            let mut centred = vec![0.0; dim];
            let mut total = 0.0;
            for point in chunk {
                for ((log, r), c) in logs.iter_mut().zip(&ready).zip(&mixture.components) {
                    *log = r.log_density(c, point, &mut centred);
                }
                let sum = log_sum_exp(logs.iter().copied());
                total += sum;
                for (s, log) in sums.iter_mut().zip(&logs) {
                    let share = libm::exp(log - sum);
                    if share > 1e-12 {
                        s.add(point, share, shape);
                    }
                }
            }
            (sums, total)
        })
        .collect();
    let mut parts = parts.into_iter();
    let (mut sums, mut total) = parts.next().unwrap_or_else(|| (vec![Sums::new(dim, shape); ready.len()], 0.0));
    for (other, t) in parts {
        sums.iter_mut().zip(&other).for_each(|(a, b)| a.join(b));
        total += t;
    }
    (sums, total)
}

/// Maximisation. A component that holds less than two points is given up.
fn maximise(sums: &[Sums], n: usize, dim: usize, shape: Shape, floor: &[f64]) -> Mixture {
    let mut components: Vec<Component> = sums
        .iter()
        .filter(|s| s.weight >= 2.0_f64.min(n as f64 / 2.0))
        .map(|s| {
            let mean: Vec<f64> = s.first.iter().map(|x| x / s.weight).collect();
            let spread = match shape {
                Shape::Diagonal => {
                    let variance = s.second.iter().zip(&mean).map(|(x, m)| x / s.weight - m * m);
                    Spread::Diagonal(variance.zip(floor).map(|(v, f)| (v.max(0.0) + f).sqrt()).collect())
                }
                Shape::Full => {
                    let mut covariance = vec![0.0; dim * dim];
                    for i in 0..dim {
                        for j in 0..=i {
                            covariance[i * dim + j] = s.second[i * dim + j] / s.weight - mean[i] * mean[j];
                        }
                        covariance[i * dim + i] += floor[i];
                    }
                    Spread::Full(cholesky(covariance, dim, floor))
                }
            };
            Component { weight: s.weight, mean, spread }
        })
        .collect();
    let total: f64 = components.iter().map(|c| c.weight).sum();
    components.iter_mut().for_each(|c| c.weight /= total);
    Mixture { components }
}

/// Components around centres by k-means++ and a few rounds of k-means.
fn start(points: &[Vec<f64>], count: usize, shape: Shape, floor: &[f64], seed: u64) -> Mixture {
    let dim = points.first().map_or(0, Vec::len);
    let mut stream = Stream::new(seed, &format!("k-means++ {count}"));
    // Coordinates count alike, whatever their spread.
    let scale: Vec<f64> = floor.iter().map(|f| 1.0 / f.max(1e-300)).collect();
    let far =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).zip(&scale).map(|((x, y), s)| (x - y).powi(2) * s).sum() };
    let mut centres: Vec<Vec<f64>> = Vec::new();
    let mut nearest = vec![f64::INFINITY; points.len()];
    for _ in 0..count.min(points.len()) {
        let chosen = if centres.is_empty() {
            stream.below(points.len() as u64) as usize
        } else {
            let mut left = f64::from(stream.uniform()) * nearest.iter().sum::<f64>();
            nearest
                .iter()
                .position(|d| {
                    left -= d;
                    left < 0.0
                })
                .unwrap_or(points.len() - 1)
        };
        let centre = points[chosen].clone();
        nearest.par_iter_mut().zip(points).for_each(|(d, p)| *d = d.min(far(p, &centre)));
        centres.push(centre);
    }
    let mut sums = Vec::new();
    for _ in 0..8 {
        let home: Vec<usize> = points
            .par_iter()
            .map(|p| {
                let all = centres.iter().enumerate().map(|(k, c)| (far(p, c), k));
                all.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |best| best.1)
            })
            .collect();
        sums = vec![Sums::new(dim, shape); centres.len()];
        for (p, k) in points.iter().zip(home) {
            sums[k].add(p, 1.0, shape);
        }
        for (centre, s) in centres.iter_mut().zip(&sums).filter(|(_, s)| s.weight > 0.0) {
            *centre = s.first.iter().map(|x| x / s.weight).collect();
        }
    }
    maximise(&sums, points.len(), dim, shape, floor)
}

#[cfg(test)]
mod tests {
    use super::super::mixture::tests::three;
    use super::*;
    use crate::base::progress::Quiet;

    fn drawn(n: usize) -> Vec<Vec<f64>> {
        let (mixture, mut stream) = (three(), Stream::new(4, "points"));
        (0..n)
            .map(|_| {
                let normals: Vec<f64> = stream.normals(2).into_iter().map(f64::from).collect();
                mixture.sample(&normals)
            })
            .collect()
    }

    #[test]
    fn a_known_mixture_is_found_again() {
        let (points, known) = (drawn(2500), three());
        let found = best(&points, 1, &Quiet::default()).unwrap();
        assert_eq!(found.mixture.components.len(), 3, "the criterion finds how many there are");
        assert!(matches!(found.mixture.components[0].spread, Spread::Full(_)), "and that they lie askew");
        for c in &known.components {
            let near = |m: &Component| m.mean.iter().zip(&c.mean).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            let mine = found.mixture.components.iter().min_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
            assert!(near(mine) < 0.02 && (mine.weight - c.weight).abs() < 0.03, "{mine:?} {c:?}");
            let (Spread::Full(a), Spread::Full(b)) = (&mine.spread, &c.spread) else { unreachable!() };
            assert!(a.iter().zip(b).all(|(x, y)| (x - y).abs() < 0.06), "{a:?} {b:?}");
        }
        let truth = points.iter().map(|p| known.log_density(p)).sum::<f64>() / points.len() as f64;
        assert!(found.log_likelihood > truth - 0.01 && found.log_likelihood < truth + 0.02);
        let direct = points.iter().map(|p| found.mixture.log_density(p)).sum::<f64>() / points.len() as f64;
        assert!((direct - found.log_likelihood).abs() < 1e-3);
    }

    #[test]
    fn one_gaussian_stays_one_and_diagonal_where_that_is_enough() {
        let mut stream = Stream::new(2, "round");
        let points: Vec<Vec<f64>> =
            (0..1000).map(|_| stream.normals(3).into_iter().map(|v| f64::from(v) * 2.0 - 1.0).collect()).collect();
        let found = best(&points, 1, &Quiet::default()).unwrap();
        assert_eq!(found.mixture.components.len(), 1);
        assert!(matches!(found.mixture.components[0].spread, Spread::Diagonal(_)));
    }

    #[test]
    fn every_round_raises_the_likelihood_and_hard_points_do_no_harm() {
        let points = drawn(600);
        for shape in [Shape::Diagonal, Shape::Full] {
            let floor: Vec<f64> = variances(&points).into_iter().map(|v| 1e-4 * v).collect();
            let mut mixture = start(&points, 5, shape, &floor, 3);
            let mut before = f64::NEG_INFINITY;
            for _ in 0..20 {
                let (sums, total) = expect(&points, &mixture, shape);
                // The floor costs a little of what maximisation gains.
                assert!(total > before - 1e-2 * points.len() as f64, "{shape:?}: {before} -> {total}");
                before = total;
                mixture = maximise(&sums, points.len(), 2, shape, &floor);
            }
        }
        // The same point many times, a coordinate that never moves, more components than points.
        let same = vec![vec![1.0, 5.0]; 30];
        let fitted = best(&same, 1, &Quiet::default()).unwrap();
        assert!(fitted.mixture.components.iter().all(|c| c.mean.iter().all(|v| v.is_finite())));
        let few = fit(&drawn(3), 9, Shape::Full, 1, &Quiet::default()).unwrap();
        assert!(few.mixture.sample(&[0.5, 0.5]).iter().all(|v| v.is_finite()));
    }
}
