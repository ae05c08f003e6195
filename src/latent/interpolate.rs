//! Between latents: straight, and along the sphere they live on; means of several; grids of two or four corners.
//!
//! Standard normals in many dimensions all have nearly the same length (√dim). A straight line between two of them
//! dips through shorter vectors, which a model has hardly ever seen; [`slerp`] turns the direction and carries the
//! length over linearly, so that every point between is as likely as its ends (White 2016, arXiv:1609.04468).
//! Everything is computed in `f64` with `libm`, so that recipes give the same numbers on every platform.

use serde::{Deserialize, Serialize};

/// How to get from one latent to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The straight line.
    Lerp,
    /// Direction along the great circle, length linearly.
    #[default]
    Slerp,
}

impl Mode {
    /// `lerp` or `slerp`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Lerp => "lerp",
            Self::Slerp => "slerp",
        }
    }

    /// The mode of this id.
    pub fn from_id(id: &str) -> Option<Self> {
        match id {
            "lerp" => Some(Self::Lerp),
            "slerp" => Some(Self::Slerp),
            _ => None,
        }
    }

    /// The latent at `t` of the way from `a` to `b`; `t` may lie outside `0..=1`.
    pub fn between(self, a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
        match self {
            Self::Lerp => lerp(a, b, t),
            Self::Slerp => slerp(a, b, t),
        }
    }
}

/// The straight line: `a` at `t = 0`, `b` at `t = 1`, both exactly. The result is as long as the shorter input.
pub fn lerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    a.iter().zip(b).map(|(&x, &y)| mix(x, y, 1.0 - t, t)).collect()
}

/// Direction along the great circle, length linearly: `a` at `t = 0`, `b` at `t = 1`.
///
/// Where there is no great circle (a zero vector, nearly the same or nearly opposite directions) the straight line is
/// taken; for opposite directions any great circle would do, and none is better than the others.
pub fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let (la, lb) = (norm(a), norm(b));
    if la < 1e-12 || lb < 1e-12 {
        return lerp(a, b, t);
    }
    let dot: f64 = a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
    let angle = libm::acos((dot / (la * lb)).clamp(-1.0, 1.0));
    let sine = libm::sin(angle);
    if sine < 1e-6 {
        return lerp(a, b, t);
    }
    let length = la + (lb - la) * t;
    let (wa, wb) = (libm::sin((1.0 - t) * angle) / sine, libm::sin(t * angle) / sine);
    a.iter().zip(b).map(|(&x, &y)| mix(x, y, wa * length / la, wb * length / lb)).collect()
}

/// Rounds after which a mean on the sphere is near enough.
const ROUNDS: usize = 64;

/// The mean of latents on the sphere by weights that add up to one: the direction from which the squared angles to all of
/// them, by their weights, are least (Buss & Fillmore 2001, 10.1145/502122.502124); the length is the mean of lengths. Of
/// two it is [`slerp`].
///
/// Where there is no sphere (a zero vector, opposite directions) the straight mean is taken.
pub fn spherical_mean(rows: &[Vec<f32>], weights: &[f64]) -> Vec<f32> {
    let sum = |of: &dyn Fn(usize, usize) -> f64, n: usize| -> Vec<f64> {
        (0..n).map(|i| (0..rows.len()).map(|k| of(k, i)).sum()).collect()
    };
    let dim = rows.iter().map(Vec::len).min().unwrap_or(0);
    let lengths: Vec<f64> = rows.iter().map(|r| norm(r)).collect();
    let straight = || sum(&|k, i| weights[k] * f64::from(rows[k][i]), dim).into_iter().map(|v| v as f32).collect();
    if lengths.iter().any(|l| *l < 1e-12) {
        return straight();
    }
    let unit = |k: usize, i: usize| f64::from(rows[k][i]) / lengths[k];
    let size = |v: &[f64]| libm::sqrt(v.iter().map(|x| x * x).sum());
    let mut middle = sum(&|k, i| weights[k] * unit(k, i), dim);
    for _ in 0..ROUNDS {
        let now = size(&middle);
        if now < 1e-9 {
            return straight();
        }
        middle.iter_mut().for_each(|v| *v /= now);
        // Where each lies as seen from here: how far, and in which direction off the sphere's middle.
        let mut pull = vec![0.0; dim];
        for (k, weight) in weights.iter().enumerate() {
            let cosine: f64 = (0..dim).map(|i| middle[i] * unit(k, i)).sum::<f64>().clamp(-1.0, 1.0);
            let (angle, sine) = (libm::acos(cosine), libm::sqrt(1.0 - cosine * cosine));
            if sine < 1e-9 && cosine < 0.0 {
                return straight();
            }
            let stretch = if sine < 1e-9 { 1.0 } else { angle / sine };
            (0..dim).for_each(|i| pull[i] += weight * stretch * (unit(k, i) - cosine * middle[i]));
        }
        let step = size(&pull);
        if step < 1e-12 {
            break;
        }
        let (ahead, aside) = (libm::cos(step), libm::sin(step) / step);
        middle.iter_mut().zip(&pull).for_each(|(m, p)| *m = *m * ahead + p * aside);
    }
    let length: f64 = weights.iter().zip(&lengths).map(|(w, l)| w * l).sum();
    let now = size(&middle).max(1e-300);
    middle.into_iter().map(|v| (v / now * length) as f32).collect()
}

/// Latents of a `columns` × `rows` grid, row by row from the top.
///
/// Four corners lie at top left, top right, bottom left and bottom right: the two top ones are joined, the two bottom
/// ones are joined, then each column between those rows ("rows then columns"). Two corners lie at the left and the
/// right, and every row is the same. One corner fills the grid; without any it is empty. Corners beyond the fourth
/// are not used.
pub fn grid(corners: &[Vec<f32>], columns: usize, rows: usize, mode: Mode) -> Vec<Vec<f32>> {
    let [left, right, low_left, low_right] = match corners {
        [] => return Vec::new(),
        [a] => [a, a, a, a],
        [a, b] => [a, b, a, b],
        [a, b, c] => [a, b, c, c],
        [a, b, c, d, ..] => [a, b, c, d],
    };
    let share = |i: usize, n: usize| if n < 2 { 0.0 } else { i as f64 / (n - 1) as f64 };
    let across = |a: &[f32], b: &[f32]| -> Vec<Vec<f32>> {
        (0..columns).map(|c| mode.between(a, b, share(c, columns))).collect()
    };
    let (top, bottom) = (across(left, right), across(low_left, low_right));
    let mut out = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        let t = share(row, rows);
        out.extend(top.iter().zip(&bottom).map(|(a, b)| mode.between(a, b, t)));
    }
    out
}

/// Length of a latent.
pub fn norm(a: &[f32]) -> f64 {
    libm::sqrt(a.iter().map(|&x| f64::from(x) * f64::from(x)).sum())
}

/// `wx · x + wy · y`, exact where a weight is 0 and the other 1.
fn mix(x: f32, y: f32, wx: f64, wy: f64) -> f32 {
    (f64::from(x) * wx + f64::from(y) * wy) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-6)
    }

    #[test]
    fn both_modes_begin_and_end_exactly() {
        let a = crate::base::rng::latent_from_seed(1, 64);
        let b = crate::base::rng::latent_from_seed(2, 64);
        for mode in [Mode::Lerp, Mode::Slerp] {
            assert!(close(&mode.between(&a, &b, 0.0), &a), "{mode:?}");
            assert!(close(&mode.between(&a, &b, 1.0), &b), "{mode:?}");
            assert_eq!(Mode::from_id(mode.id()), Some(mode));
        }
        assert_eq!(lerp(&a, &b, 0.0), a);
        assert_eq!(lerp(&a, &b, 1.0), b);
    }

    #[test]
    fn slerp_of_a_right_angle_is_the_circle() {
        let (x, y) = ([1.0, 0.0], [0.0, 1.0]);
        let third = slerp(&x, &y, 1.0 / 3.0);
        assert!(close(&third, &[(3.0f32).sqrt() / 2.0, 0.5]), "{third:?}");
        let half = slerp(&x, &y, 0.5);
        assert!(close(&half, &[0.5f32.sqrt(), 0.5f32.sqrt()]), "{half:?}");
        // The straight line dips to √½ there.
        assert!((norm(&lerp(&x, &y, 0.5)) - 0.5f64.sqrt()).abs() < 1e-7);
    }

    #[test]
    fn the_length_goes_linearly_and_the_angle_evenly() {
        let a = crate::base::rng::latent_from_seed(5, 32);
        let b: Vec<f32> = crate::base::rng::latent_from_seed(6, 32).iter().map(|v| v * 3.0).collect();
        let angle = |u: &[f32], v: &[f32]| {
            let dot: f64 = u.iter().zip(v).map(|(&x, &y)| f64::from(x * y)).sum();
            (dot / (norm(u) * norm(v))).acos()
        };
        let whole = angle(&a, &b);
        for i in 0..=8 {
            let t = f64::from(i) / 8.0;
            let p = slerp(&a, &b, t);
            let wanted = norm(&a) + (norm(&b) - norm(&a)) * t;
            assert!((norm(&p) - wanted).abs() < 1e-4, "length at {t}");
            // acos is coarse near 0, hence the tolerance.
            assert!((angle(&a, &p) - whole * t).abs() < 1e-3, "angle at {t}");
        }
    }

    #[test]
    fn the_mean_on_the_sphere_is_slerp_for_two_and_as_far_from_each_of_three() {
        let rows: Vec<Vec<f32>> = (1..=3).map(|s| crate::base::rng::latent_from_seed(s, 24)).collect();
        let of_two = spherical_mean(&rows[..2], &[0.7, 0.3]);
        assert!(close(&of_two, &slerp(&rows[0], &rows[1], 0.3)));
        let unit: Vec<Vec<f32>> = rows.iter().map(|r| r.iter().map(|v| v / norm(r) as f32).collect()).collect();
        let middle = spherical_mean(&unit, &[1.0 / 3.0; 3]);
        assert!((norm(&middle) - 1.0).abs() < 1e-6);
        // Least squared angles: a step to any side makes them larger.
        let cost = |m: &[f32]| -> f64 {
            let n = norm(m);
            let angle = |r: &Vec<f32>| (r.iter().zip(m).map(|(a, b)| f64::from(a * b)).sum::<f64>() / n).acos();
            unit.iter().map(|r| angle(r).powi(2)).sum()
        };
        for i in 0..24 {
            for step in [-0.02, 0.02] {
                let mut other = middle.clone();
                other[i] += step;
                assert!(cost(&other) > cost(&middle), "{i} {step}");
            }
        }
        assert_eq!(spherical_mean(&[vec![1.0, 0.0], vec![-1.0, 0.0]], &[0.5, 0.5]), vec![0.0, 0.0]);
    }

    #[test]
    fn where_there_is_no_great_circle_the_line_is_taken() {
        assert_eq!(slerp(&[0.0, 0.0], &[2.0, 0.0], 0.5), vec![1.0, 0.0]);
        assert_eq!(slerp(&[1.0, 0.0], &[3.0, 0.0], 0.5), vec![2.0, 0.0]);
        let opposite = slerp(&[1.0, 0.0], &[-1.0, 0.0], 0.25);
        assert_eq!(opposite, vec![0.5, 0.0]);
        assert!(slerp(&[], &[], 0.5).is_empty());
    }

    #[test]
    fn a_grid_of_four_corners_is_bilinear_for_lerp() {
        let corners = [vec![0.0, 0.0], vec![1.0, 0.0], vec![0.0, 2.0], vec![1.0, 2.0]];
        let cells = grid(&corners, 3, 5, Mode::Lerp);
        assert_eq!(cells.len(), 15);
        for (i, cell) in cells.iter().enumerate() {
            let (row, column) = (i / 3, i % 3);
            assert_eq!(cell, &vec![column as f32 / 2.0, row as f32 / 2.0], "{row} {column}");
        }
    }

    #[test]
    fn a_grid_has_its_corners_in_the_corners() {
        let corners: Vec<_> = (1..=4).map(|s| crate::base::rng::latent_from_seed(s, 16)).collect();
        for mode in [Mode::Lerp, Mode::Slerp] {
            let cells = grid(&corners, 7, 4, mode);
            for (at, corner) in [(0, 0), (6, 1), (21, 2), (27, 3)] {
                assert!(close(&cells[at], &corners[corner]), "{mode:?} {at}");
            }
        }
    }

    #[test]
    fn small_grids_are_made_of_what_there_is() {
        let (a, b) = (vec![0.0], vec![4.0]);
        let two = grid(&[a.clone(), b.clone()], 3, 2, Mode::Lerp);
        assert_eq!(two, vec![vec![0.0], vec![2.0], vec![4.0], vec![0.0], vec![2.0], vec![4.0]]);
        assert_eq!(grid(std::slice::from_ref(&a), 1, 1, Mode::Slerp), vec![a.clone()]);
        assert_eq!(grid(&[a, b], 1, 1, Mode::Slerp), vec![vec![0.0]]);
        assert!(grid(&[], 3, 3, Mode::Lerp).is_empty());
    }
}
