//! Directions from what is known of pictures: numbers, yes or no, liked or not, one group or the other.

use super::{Direction, Method};
use crate::base::linalg::rows::{Row, add, dot, length, mean, mirrored, orthogonal, predicted, ridge, solve};
use crate::base::rng::Stream;
use crate::base::{Problem, Result};
use crate::recipe::picture::Space;

/// Parts of the data for cross-validation.
const FOLDS: usize = 5;
/// Ridge penalty, relative to the variance of the codes.
const PENALTY: f64 = 1e-3;
/// Fewest pictures that say what a person likes, both sides together.
pub const FEWEST: usize = 4;

/// Something known of every picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// One for each picture; NaN where unknown.
    pub values: Vec<f64>,
}

impl Attribute {
    /// Whether it is yes or no.
    pub fn is_binary(&self) -> bool {
        self.values.iter().all(|v| v.is_nan() || *v == 0.0 || *v == 1.0)
    }

    /// Whether it is known of enough pictures and differs among them.
    pub fn says_something(&self) -> bool {
        let known: Vec<f64> = self.values.iter().copied().filter(|v| v.is_finite()).collect();
        let distinct = known.iter().any(|v| *v != known[0]);
        let few = |value: f64| known.iter().filter(|v| **v == value).count() < FEWEST;
        known.len() >= 2 * FOLDS && distinct && !(self.is_binary() && (few(0.0) || few(1.0)))
    }
}

/// A direction for each attribute, by ridge regression (numbers) or logistic regression (yes or no) on codes.
///
/// With `apart` each leaves what the other attributes' regressions say as it is: what is orthogonal to them all.
///
/// # Errors
/// No attribute says anything, or the codes are too few.
pub fn from_attributes(codes: &[Row], attributes: &[Attribute], space: Space, apart: bool) -> Result<Vec<Direction>> {
    let centre = mean(codes);
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|a| a.says_something()) {
        let known: Vec<usize> = (0..codes.len()).filter(|&i| attribute.values[i].is_finite()).collect();
        let x: Vec<Row> = known.iter().map(|&i| codes[i].clone()).collect();
        let y: Vec<f64> = known.iter().map(|&i| attribute.values[i]).collect();
        let binary = attribute.is_binary();
        let Some(weights) = fit(&x, &y, binary) else { continue };
        let score = cross_validated(&x, &y, binary);
        // Numbers that hardly vary (those a VAE does not use) are held back by the penalty: codes are not standardised.
        found.push((attribute.name.clone(), weights[..centre.len()].to_vec(), score, known.len()));
    }
    if found.is_empty() {
        return Err(Problem::data("Nothing is known of these pictures that a direction could be learned from")
            .try_this("Use pictures with labels, captions or factors, or mark some of them"));
    }
    let gradients: Vec<Row> = found.iter().map(|f| f.1.clone()).collect();
    let made = found.iter().enumerate().filter_map(|(i, (name, gradient, score, known))| {
        let axis = if apart {
            let others: Vec<Row> = gradients.iter().enumerate().filter(|(j, _)| *j != i).map(|g| g.1.clone()).collect();
            let left = orthogonal(gradient, &others);
            if length(&left) > 1e-3 * length(gradient) { left } else { gradient.clone() }
        } else {
            gradient.clone()
        };
        let sigma = along(codes, &centre, &axis);
        let direction = Direction::scaled(name.clone(), Method::Learned, space, &axis, sigma)?;
        Some(Direction { score: Some(*score), samples: *known as u32, ..direction })
    });
    Ok(made.collect())
}

/// Standard deviation of codes along an axis.
pub fn along(codes: &[Row], centre: &[f64], axis: &[f64]) -> f64 {
    let size = length(axis).max(1e-300);
    let offset = dot(centre, axis);
    (codes.iter().map(|c| ((dot(c, axis) - offset) / size).powi(2)).sum::<f64>() / codes.len().max(1) as f64).sqrt()
}

/// Weights with the constant last.
fn fit(x: &[Row], y: &[f64], binary: bool) -> Option<Row> {
    if binary { logistic(x, y) } else { ridge(x, &y.iter().map(|v| vec![*v]).collect::<Vec<_>>(), PENALTY)?.pop() }
}

/// Logistic regression by Newton steps, both sides weighing the same.
fn logistic(x: &[Row], y: &[f64]) -> Option<Row> {
    let d = x.first()?.len();
    let yes = y.iter().filter(|v| **v > 0.5).count();
    let weigh = |v: f64| 0.5 / (if v > 0.5 { yes } else { y.len() - yes }).max(1) as f64;
    let mut w = vec![0.0; d + 1];
    for _ in 0..25 {
        let mut gradient: Row = w.iter().map(|v| -PENALTY * v).collect();
        let mut hessian: Vec<Row> =
            (0..=d).map(|i| (0..=d).map(|j| if i == j { PENALTY } else { 0.0 }).collect()).collect();
        for (row, target) in x.iter().zip(y) {
            let p = 1.0 / (1.0 + (-dot(&w[..d], row) - w[d]).exp());
            let share = weigh(*target);
            let slope = (share * p * (1.0 - p)).max(1e-12);
            let with_one = |i: usize| if i < d { row[i] } else { 1.0 };
            for i in 0..=d {
                gradient[i] += share * (target - p) * with_one(i);
                let own = slope * with_one(i);
                for (j, slot) in hessian[i].iter_mut().enumerate().take(i + 1) {
                    *slot += own * with_one(j);
                }
            }
        }
        let hessian = mirrored(&hessian);
        let step = solve(&hessian, std::slice::from_ref(&gradient))?.pop()?;
        add(&mut w, 1.0, &step);
        if length(&step) < 1e-6 * (1.0 + length(&w)) {
            break;
        }
    }
    w.iter().all(|v| v.is_finite()).then_some(w)
}

/// R² of numbers, balanced accuracy of yes or no, on parts that were not learned from; never below 0.
fn cross_validated(x: &[Row], y: &[f64], binary: bool) -> f64 {
    let mut order: Vec<usize> = (0..x.len()).collect();
    Stream::new(0, "folds").shuffle(&mut order);
    if binary {
        // Both answers in every part.
        order.sort_by_key(|&i| y[i] > 0.5);
    }
    let mut said = vec![0.0; y.len()];
    for fold in 0..FOLDS {
        let pick =
            |held: bool| order.iter().enumerate().filter(move |(k, _)| (k % FOLDS == fold) == held).map(|(_, &i)| i);
        let (xs, ys): (Vec<Row>, Vec<f64>) = pick(false).map(|i| (x[i].clone(), y[i])).unzip();
        let Some(weights) = fit(&xs, &ys, binary) else { return 0.0 };
        for i in pick(true) {
            said[i] = predicted(std::slice::from_ref(&weights), &x[i])[0];
        }
    }
    if binary {
        return balanced(&said, y);
    }
    let centre = y.iter().sum::<f64>() / y.len() as f64;
    let (left, all) =
        said.iter().zip(y).fold((0.0, 0.0), |(l, a), (s, v)| (l + (s - v).powi(2), a + (v - centre).powi(2)));
    (1.0 - left / all.max(1e-300)).max(0.0)
}

/// Mean share of right answers among the yes and among the no; `said` above 0 is a yes.
fn balanced(said: &[f64], y: &[f64]) -> f64 {
    let right = |yes: bool| {
        let of: Vec<bool> =
            said.iter().zip(y).filter(|(_, v)| (**v > 0.5) == yes).map(|(s, _)| (*s > 0.0) == yes).collect();
        of.iter().filter(|r| **r).count() as f64 / of.len().max(1) as f64
    };
    (right(true) + right(false)) / 2.0
}

/// What a person likes: ridge regression of liked (+1) and disliked (−1) codes, with its accuracy on each picture left
/// out in turn. `sigma` is the standard deviation of typical codes along an axis.
///
/// # Errors
/// There are fewer than four pictures, or only one side.
pub fn from_taste(
    liked: &[Row],
    disliked: &[Row],
    name: &str,
    space: Space,
    sigma: &dyn Fn(&[f64]) -> f64,
) -> Result<Direction> {
    let n = liked.len() + disliked.len();
    if n < FEWEST || liked.is_empty() || disliked.is_empty() {
        return Err(Problem::usage("Too few pictures to know what is liked")
            .because(format!("{} liked, {} disliked", liked.len(), disliked.len()))
            .try_this("Mark at least four, some of them disliked"));
    }
    let codes: Vec<&Row> = liked.iter().chain(disliked).collect();
    let centre = mean(&codes.iter().map(|c| (*c).clone()).collect::<Vec<_>>());
    let centred: Vec<Row> = codes.iter().map(|c| c.iter().zip(&centre).map(|(v, m)| v - m).collect()).collect();
    let y: Row = (0..n).map(|i| if i < liked.len() { 1.0 } else { -1.0 }).collect();
    // As many unknowns as pictures rather than as numbers in a code; the constant is one more feature.
    let mut kernel: Vec<Row> = centred.iter().map(|a| centred.iter().map(|b| dot(a, b)).collect()).collect();
    let size = (0..n).map(|i| kernel[i][i]).sum::<f64>() / n as f64;
    for (i, row) in kernel.iter_mut().enumerate() {
        row.iter_mut().for_each(|v| *v += size);
        row[i] += 0.5 * size.max(1e-12);
    }
    let unit: Vec<Row> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let degenerate = || Problem::data("These pictures have the same code").of(name);
    let inverse = solve(&kernel, &unit).ok_or_else(degenerate)?;
    let alpha: Row = inverse.iter().map(|row| dot(row, &y)).collect();
    // What each would be told to be without it (closed form of leaving one out).
    let said: Row = (0..n).map(|i| y[i] - alpha[i] / inverse[i][i]).collect();
    let truth: Row = y.iter().map(|v| f64::from(u8::from(*v > 0.0))).collect();
    let mut axis = vec![0.0; centre.len()];
    centred.iter().zip(&alpha).for_each(|(c, a)| add(&mut axis, *a, c));
    let direction = Direction::scaled(name, Method::Taste, space, &axis, sigma(&axis)).ok_or_else(degenerate)?;
    Ok(Direction { score: Some(balanced(&said, &truth)), samples: n as u32, ..direction })
}

/// From the mean of one group to that of another.
///
/// # Errors
/// A group is empty, or both have the same mean.
pub fn difference(
    from: &[Row],
    to: &[Row],
    name: &str,
    space: Space,
    sigma: &dyn Fn(&[f64]) -> f64,
) -> Result<Direction> {
    if from.is_empty() || to.is_empty() {
        return Err(Problem::usage("A difference needs two groups of pictures").of(name));
    }
    let mut axis = mean(to);
    add(&mut axis, -1.0, &mean(from));
    Direction::scaled(name, Method::Difference, space, &axis, sigma(&axis))
        .map(|d| Direction { samples: (from.len() + to.len()) as u32, ..d })
        .ok_or_else(|| Problem::data("These pictures have the same code").of(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(n: usize, d: usize) -> Vec<Row> {
        let mut s = Stream::new(4, "codes");
        (0..n).map(|_| (0..d).map(|_| f64::from(s.normal())).collect()).collect()
    }

    fn axis(d: &Direction) -> Row {
        let size = d.values.iter().map(|v| v * v).sum::<f32>().sqrt();
        d.values.iter().map(|v| f64::from(v / size)).collect()
    }

    #[test]
    fn numbers_and_answers_are_learned_and_kept_apart() {
        let codes = codes(300, 6);
        let of = |name: &str, f: &dyn Fn(&Row) -> f64| Attribute {
            name: name.into(),
            values: codes.iter().map(f).collect(),
        };
        let attributes = [
            of("x", &|c| 2.0 * c[0] + c[1]),
            of("y", &|c| c[1]),
            of("glasses", &|c| f64::from(u8::from(c[3] - c[1] > 0.3))),
            of("nothing", &|_| 4.0),
        ];
        let found = from_attributes(&codes, &attributes, Space::Z, true).unwrap();
        assert_eq!(found.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["x", "y", "glasses"]);
        let x = axis(&found[0]);
        assert!(x[0] > 0.99 && x[1].abs() < 0.05, "x leaves y as it is: {x:?}");
        assert!(axis(&found[2])[3] > 0.9);
        assert!(found.iter().all(|d| d.score.unwrap() > 0.9), "{found:?}");
        let together = from_attributes(&codes, &attributes, Space::Z, false).unwrap();
        assert!((axis(&together[0])[1] - 1.0 / 5f64.sqrt()).abs() < 0.05);
        // One step is one standard deviation of the codes.
        let size = found[0].values.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((size - 1.0).abs() < 0.15, "{size}");
        let noise = Attribute { name: "noise".into(), values: (0..300).map(|i| f64::from(i % 7)).collect() };
        assert!(from_attributes(&codes, &[noise], Space::Z, false).unwrap()[0].score.unwrap() < 0.1);
        assert!(from_attributes(&codes, &attributes[3..], Space::Z, false).is_err());
    }

    #[test]
    fn taste_is_learned_from_a_few_and_its_accuracy_is_not_fooled() {
        let mut all = codes(40, 16);
        let liked: Vec<Row> = all
            .drain(..8)
            .map(|mut c| {
                c[2] += 3.0;
                c
            })
            .collect();
        let disliked: Vec<Row> = all
            .drain(..8)
            .map(|mut c| {
                c[2] -= 3.0;
                c
            })
            .collect();
        let d = from_taste(&liked, &disliked, "mine", Space::Z, &|_| 1.0).unwrap();
        assert!(axis(&d)[2] > 0.8 && d.score.unwrap() > 0.9, "{d:?}");
        // Without any difference it says so.
        let none = from_taste(&all[..12], &all[12..], "none", Space::Z, &|_| 1.0).unwrap();
        assert!(none.score.unwrap() < 0.8, "{:?}", none.score);
        assert!(from_taste(&all[..3], &[], "few", Space::Z, &|_| 1.0).is_err());
        assert!(from_taste(&all[..1], &all[1..3], "few", Space::Z, &|_| 1.0).is_err());
    }

    #[test]
    fn a_difference_points_from_one_group_to_the_other() {
        let d = difference(&[vec![0.0, 1.0]], &[vec![2.0, 1.0]], "right", Space::Z, &|_| 1.5).unwrap();
        assert_eq!(d.values, [1.5, 0.0]);
        assert!(difference(&[vec![1.0]], &[vec![1.0]], "same", Space::Z, &|_| 1.0).is_err());
    }
}
