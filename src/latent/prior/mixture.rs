//! A mixture of Gaussians as a map: standard normals in, samples of the mixture out, and back.
//!
//! The map is the Knothe–Rosenblatt rearrangement: the first number goes through the inverse distribution function of
//! the mixture's first coordinate, every next one through that of its coordinate given those before. For a mixture all
//! of them are one-dimensional mixtures with known weights. The map is exact, smooth and one to one: a walk between two
//! normals is a walk between two samples without a jump from one component to another, and shorter normals give
//! more typical samples.

use super::normal::{log_density, log_lower, log_sum_exp, log_upper, upper_quantile};

/// Spread of a component.
#[derive(Clone, Debug, PartialEq)]
pub enum Spread {
    /// Standard deviations.
    Diagonal(Vec<f64>),
    /// Lower Cholesky factor of the covariance, row by row with zeros above the diagonal: `dim²` numbers.
    Full(Vec<f64>),
}

/// A component.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Share of the mixture.
    pub weight: f64,
    /// Mean.
    pub mean: Vec<f64>,
    /// Spread.
    pub spread: Spread,
}

/// A mixture of Gaussians. Weights are positive and add up to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// Its components.
    pub components: Vec<Component>,
}

/// Components that a point is this much less likely to belong to no longer matter.
const NEGLIGIBLE: f64 = -40.0;

impl Component {
    /// Mean and deviation of coordinate `i` given those before, by their whitened values.
    fn given(&self, i: usize, white: &[f64]) -> (f64, f64) {
        match &self.spread {
            Spread::Diagonal(scale) => (self.mean[i], scale[i]),
            Spread::Full(factor) => {
                let row = &factor[i * self.mean.len()..];
                let shift: f64 = row.iter().zip(&white[..i]).map(|(l, y)| l * y).sum();
                (self.mean[i] + shift, row[i])
            }
        }
    }

    /// Log density, without the weight.
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let mut white = vec![0.0; x.len()];
        let mut total = 0.0;
        for i in 0..x.len() {
            let (mean, deviation) = self.given(i, &white);
            white[i] = (x[i] - mean) / deviation;
            total += log_density(white[i]) - libm::log(deviation);
        }
        total
    }
}

/// What is known of the components while coordinates are fixed one after the other.
struct Course<'a> {
    components: &'a [Component],
    /// Log weight of each, given the coordinates so far.
    log_weights: Vec<f64>,
    /// Whitened coordinates of each.
    white: Vec<Vec<f64>>,
}

/// A one-dimensional mixture: log weight, mean, deviation.
type Line = Vec<(f64, f64, f64)>;

impl<'a> Course<'a> {
    fn new(mixture: &'a Mixture) -> Self {
        let dim = mixture.dim();
        Self {
            components: &mixture.components,
            log_weights: mixture.components.iter().map(|c| libm::log(c.weight)).collect(),
            white: vec![vec![0.0; dim]; mixture.components.len()],
        }
    }

    /// Distribution of coordinate `i`; components that no longer matter are left out.
    fn line(&self, i: usize) -> Line {
        let top = self.log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut line: Line = Vec::with_capacity(self.components.len());
        for (k, component) in self.components.iter().enumerate() {
            if self.log_weights[k] > top + NEGLIGIBLE {
                let (mean, deviation) = component.given(i, &self.white[k]);
                line.push((self.log_weights[k], mean, deviation));
            }
        }
        let total = log_sum_exp(line.iter().map(|l| l.0));
        line.iter_mut().for_each(|l| l.0 -= total);
        line
    }

    /// Fixes coordinate `i`.
    fn fix(&mut self, i: usize, x: f64) {
        for (k, component) in self.components.iter().enumerate() {
            let (mean, deviation) = component.given(i, &self.white[k]);
            let y = (x - mean) / deviation;
            self.white[k][i] = y;
            self.log_weights[k] += log_density(y) - libm::log(deviation);
        }
    }
}

fn log_tail(line: &Line, x: f64, upper: bool) -> f64 {
    log_sum_exp(line.iter().map(|(w, mean, deviation)| {
        let y = (x - mean) / deviation;
        w + if upper { log_upper(y) } else { log_lower(y) }
    }))
}

/// The place on a line that the standard normal `n` goes to: equally far out in probability.
fn place(line: &Line, n: f64) -> f64 {
    if let [(_, mean, deviation)] = line[..] {
        return mean + deviation * n;
    }
    // From the nearer tail, where nothing cancels. Every component alone would put it inside these bounds.
    let upper = n > 0.0;
    let wanted = if upper { log_upper(n) } else { log_lower(n) };
    let ends = line.iter().map(|(_, mean, deviation)| mean + deviation * n);
    let (mut low, mut high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let mut x = 0.5 * (low + high);
    for _ in 0..200 {
        let log_p = log_tail(line, x, upper);
        let off = log_p - wanted;
        // The upper tail falls with x, the lower one rises.
        if (off > 0.0) == upper {
            low = x;
        } else {
            high = x;
        }
        let log_slope = log_sum_exp(line.iter().map(|(w, m, d)| w + log_density((x - m) / d) - libm::log(*d)));
        let newton = x + off / libm::exp(log_slope - log_p) * if upper { 1.0 } else { -1.0 };
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        let step = (next - x).abs();
        x = next;
        if step <= 1e-13 * (1.0 + x.abs()) || high - low <= 1e-13 * (1.0 + x.abs()) {
            break;
        }
    }
    x
}

/// The standard normal that [`place`] puts there.
fn normal(line: &Line, x: f64) -> f64 {
    if let [(_, mean, deviation)] = line[..] {
        return (x - mean) / deviation;
    }
    let (below, above) = (log_tail(line, x, false), log_tail(line, x, true));
    if above < below { upper_quantile(above) } else { -upper_quantile(below) }
}

impl Mixture {
    /// Numbers in a sample.
    pub fn dim(&self) -> usize {
        self.components.first().map_or(0, |c| c.mean.len())
    }

    /// The sample that belongs to these standard normals.
    pub fn sample(&self, normals: &[f64]) -> Vec<f64> {
        let mut course = Course::new(self);
        (0..self.dim())
            .map(|i| {
                let x = place(&course.line(i), normals.get(i).copied().unwrap_or(0.0));
                course.fix(i, x);
                x
            })
            .collect()
    }

    /// The standard normals that a sample belongs to.
    pub fn normals(&self, sample: &[f64]) -> Vec<f64> {
        let mut course = Course::new(self);
        (0..self.dim())
            .map(|i| {
                let x = sample.get(i).copied().unwrap_or(0.0);
                let n = normal(&course.line(i), x);
                course.fix(i, x);
                n
            })
            .collect()
    }

    /// Log density of a point.
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let each: Vec<f64> = self.components.iter().map(|c| libm::log(c.weight) + c.log_density(x)).collect();
        log_sum_exp(each.iter().copied())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::rng::Stream;

    pub fn three() -> Mixture {
        let part = |weight, mean: [f64; 2], factor: [f64; 4]| Component {
            weight,
            mean: mean.to_vec(),
            spread: Spread::Full(factor.to_vec()),
        };
        Mixture {
            components: vec![
                part(0.5, [-3.0, 0.0], [0.5, 0.0, 0.3, 0.4]),
                part(0.3, [2.0, 4.0], [1.0, 0.0, -0.8, 0.3]),
                part(0.2, [2.5, -4.0], [0.2, 0.0, 0.0, 0.2]),
            ],
        }
    }

    fn normals(n: usize) -> Vec<Vec<f64>> {
        let mut stream = Stream::new(1, "normals");
        (0..n).map(|_| stream.normals(2).into_iter().map(f64::from).collect()).collect()
    }

    /// Shares of components, and moments, of many samples.
    #[test]
    fn samples_of_the_map_are_samples_of_the_mixture() {
        let mixture = three();
        let samples: Vec<Vec<f64>> = normals(20_000).iter().map(|n| mixture.sample(n)).collect();
        let n = samples.len() as f64;
        for (k, component) in mixture.components.iter().enumerate() {
            let likeliest = |x: &Vec<f64>| {
                let log = |c: &Component| c.weight.ln() + c.log_density(x);
                mixture.components.iter().enumerate().max_by(|a, b| log(a.1).total_cmp(&log(b.1))).unwrap().0
            };
            let mine: Vec<&Vec<f64>> = samples.iter().filter(|x| likeliest(x) == k).collect();
            assert!((mine.len() as f64 / n - component.weight).abs() < 0.012, "share of {k}");
            let Spread::Full(l) = &component.spread else { unreachable!() };
            let mean = |i: usize| mine.iter().map(|x| x[i]).sum::<f64>() / mine.len() as f64;
            let covariance = |i: usize, j: usize| {
                mine.iter().map(|x| (x[i] - mean(i)) * (x[j] - mean(j))).sum::<f64>() / mine.len() as f64
            };
            for i in 0..2 {
                assert!((mean(i) - component.mean[i]).abs() < 0.05, "mean of {k}");
            }
            let wanted = [l[0] * l[0], l[0] * l[2], l[2] * l[2] + l[3] * l[3]];
            for (got, wanted) in [covariance(0, 0), covariance(0, 1), covariance(1, 1)].iter().zip(wanted) {
                assert!((got - wanted).abs() < 0.05, "covariance of {k}: {got} {wanted}");
            }
        }
    }

    #[test]
    fn the_map_goes_back_and_is_smooth() {
        let mixture = three();
        for n in normals(300).iter().chain(&[vec![7.0, -6.0], vec![0.0, 0.0], vec![-9.0, 9.0]]) {
            let back = mixture.normals(&mixture.sample(n));
            let off = back.iter().zip(n).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-6, "{n:?} {back:?}");
        }
        // Steep where there is hardly anything between two components, yet without a jump: shorter steps in give shorter
        // steps out.
        let largest = |steps: i32| {
            let path: Vec<f64> =
                (0..=steps).map(|i| mixture.sample(&[f64::from(i) / f64::from(steps) * 0.2 - 0.1, 0.3])[0]).collect();
            path.windows(2).map(|w| (w[0] - w[1]).abs()).fold(0.0, f64::max)
        };
        let (coarse, fine) = (largest(400), largest(4000));
        assert!(fine < 0.2 * coarse && fine < 0.04, "{coarse} {fine}");
    }

    #[test]
    fn the_density_is_the_derivative_of_the_map() {
        let mixture = three();
        for n in normals(20) {
            let h = 1e-5;
            let shifted = |i: usize, by: f64| {
                let mut n = n.clone();
                n[i] += by;
                mixture.sample(&n)
            };
            // Triangular: the determinant is the product of the diagonal.
            let slope = |i: usize| (shifted(i, h)[i] - shifted(i, -h)[i]) / (2.0 * h);
            let log_p = n.iter().map(|v| log_density(*v)).sum::<f64>() - (slope(0) * slope(1)).ln();
            let got = mixture.log_density(&mixture.sample(&n));
            assert!((got - log_p).abs() < 1e-4, "{got} {log_p}");
        }
    }

    #[test]
    fn one_gaussian_is_an_affine_map() {
        let gaussian = Mixture {
            components: vec![Component {
                weight: 1.0,
                mean: vec![1.0, -2.0],
                spread: Spread::Diagonal(vec![2.0, 0.5]),
            }],
        };
        assert_eq!(gaussian.sample(&[1.0, -2.0]), [3.0, -3.0]);
        assert_eq!(gaussian.normals(&[3.0, -3.0]), [1.0, -2.0]);
    }
}
