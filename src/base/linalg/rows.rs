//! Vectors, and matrices as lists of rows: leading eigenvectors, least squares, projections.

use rayon::prelude::*;

use crate::base::rng::Stream;

/// A row of numbers.
pub type Row = Vec<f64>;

/// Rows in double precision.
pub fn doubled(rows: &[Vec<f32>]) -> Vec<Row> {
    rows.iter().map(|r| r.iter().map(|v| f64::from(*v)).collect()).collect()
}

/// `a · b`.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Length.
pub fn length(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// `a += w · b`.
pub fn add(a: &mut [f64], w: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(x, y)| *x += w * y);
}

/// Mean of rows; nothing for none.
pub fn mean(rows: &[Row]) -> Row {
    let mut sum = vec![0.0; rows.first().map_or(0, Vec::len)];
    rows.iter().for_each(|r| add(&mut sum, 1.0, r));
    sum.iter_mut().for_each(|v| *v /= rows.len().max(1) as f64);
    sum
}

/// Standard deviation of each column.
pub fn deviation(rows: &[Row], mean: &[f64]) -> Row {
    let mut sum = vec![0.0; mean.len()];
    for row in rows {
        sum.iter_mut().zip(row).zip(mean).for_each(|((s, v), m)| *s += (v - m).powi(2));
    }
    sum.iter().map(|s| (s / rows.len().max(1) as f64).sqrt()).collect()
}

/// Correlation of two columns; 0 where one does not move.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len()).max(1) as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
    }
    if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

/// Symmetric matrix `Σ rowᵀ·row`.
pub fn gram(rows: &[Row]) -> Vec<Row> {
    let d = rows.first().map_or(0, Vec::len);
    let columns: Vec<Row> = (0..d).map(|i| rows.iter().map(|r| r[i]).collect()).collect();
    let lower: Vec<Row> =
        columns.par_iter().enumerate().map(|(i, a)| (0..=i).map(|j| dot(a, &columns[j])).collect()).collect();
    mirrored(&lower)
}

/// The symmetric matrix of which this is the lower half, with the diagonal.
pub fn mirrored(lower: &[Row]) -> Vec<Row> {
    let n = lower.len();
    let at = |i: usize, j: usize| if j <= i { lower[i][j] } else { lower[j][i] };
    (0..n).map(|i| (0..n).map(|j| at(i, j)).collect()).collect()
}

/// The solution of `a · x = b` for a symmetric positive definite `a`, each column of `b` a row here. `None` where `a` is
/// not positive definite.
pub fn solve(a: &[Row], b: &[Row]) -> Option<Vec<Row>> {
    let n = a.len();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let rest = a[i][j] - dot(&lower[i][..j], &lower[j][..j]);
            if i == j {
                if rest <= 0.0 || !rest.is_finite() {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    let back = |b: &Row| {
        let mut x = b.clone();
        for i in 0..n {
            x[i] = (x[i] - dot(&lower[i][..i], &x[..i])) / lower[i][i];
        }
        for i in (0..n).rev() {
            let below: f64 = (i + 1..n).map(|k| lower[k][i] * x[k]).sum();
            x[i] = (x[i] - below) / lower[i][i];
        }
        x
    };
    Some(b.iter().map(back).collect())
}

/// What is left of `v` once its part in the span of `others` is taken away.
pub fn orthogonal(v: &[f64], others: &[Row]) -> Row {
    let mut left = v.to_vec();
    for axis in orthonormal(others) {
        // Twice: once leaves what rounding brought in.
        for _ in 0..2 {
            let part = dot(&left, &axis);
            add(&mut left, -part, &axis);
        }
    }
    left
}

/// An orthonormal basis of the span of rows; those that add nothing are left out.
pub fn orthonormal(rows: &[Row]) -> Vec<Row> {
    let mut basis: Vec<Row> = Vec::new();
    for row in rows {
        let before = length(row);
        let mut v = row.clone();
        for _ in 0..2 {
            for axis in &basis {
                let part = dot(&v, axis);
                add(&mut v, -part, axis);
            }
        }
        let now = length(&v);
        if now > 1e-9 * before && now > 0.0 {
            v.iter_mut().for_each(|x| *x /= now);
            basis.push(v);
        }
    }
    basis
}

/// The `count` largest eigenvalues with their unit eigenvectors, largest first, of a symmetric positive semi-definite
/// map of `dim` numbers: subspace iteration from fixed random vectors. The sign is such that the largest part is
/// positive.
pub fn leading(dim: usize, count: usize, map: &(dyn Fn(&[f64]) -> Row + Sync)) -> Vec<(f64, Row)> {
    let count = count.min(dim);
    // A few more than wanted converge much faster.
    let width = (count + 8).min(dim);
    let mut stream = Stream::new(0, "eigenvectors");
    let start: Vec<Row> = (0..width).map(|_| (0..dim).map(|_| f64::from(stream.normal())).collect()).collect();
    let mut basis = orthonormal(&start);
    let mut pairs: Vec<(f64, Row)> = Vec::new();
    for _ in 0..200 {
        let images: Vec<Row> = basis.par_iter().map(|v| map(v)).collect();
        // Within the span the eigenvectors are exact (Rayleigh–Ritz).
        let small: Vec<Row> = basis.iter().map(|a| images.iter().map(|b| dot(a, b)).collect()).collect();
        let (values, vectors) = jacobi(small);
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        let combined = |rows: &[Row], k: usize| {
            let mut v = vec![0.0; dim];
            rows.iter().zip(&vectors).for_each(|(row, weights)| add(&mut v, weights[k], row));
            v
        };
        pairs = order.iter().map(|&k| (values[k], combined(&basis, k))).collect();
        let moved: Vec<Row> = order.iter().map(|&k| combined(&images, k)).collect();
        let largest = pairs.first().map_or(0.0, |p| p.0).max(1e-300);
        let settled = pairs.iter().zip(&moved).take(count).all(|((value, v), image)| {
            let error: f64 = v.iter().zip(image).map(|(x, y)| (y - value * x).powi(2)).sum::<f64>().sqrt();
            error < 1e-7 * largest
        });
        if settled || width == dim {
            break;
        }
        basis = orthonormal(&moved);
    }
    pairs.truncate(count);
    for (value, v) in &mut pairs {
        *value = value.max(0.0);
        let largest = v.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
        if largest < 0.0 {
            v.iter_mut().for_each(|x| *x = -*x);
        }
    }
    pairs
}

/// Eigenvalues of a small symmetric matrix, and the eigenvectors as columns.
fn jacobi(mut a: Vec<Row>) -> (Row, Vec<Row>) {
    let n = a.len();
    let mut v: Vec<Row> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        let off: f64 = (0..n).map(|i| (0..i).map(|j| a[i][j].powi(2)).sum::<f64>()).sum();
        let whole: f64 = (0..n).map(|i| a[i][i].powi(2)).sum();
        if off <= 1e-28 * whole || off == 0.0 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() < 1e-300 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in a.iter_mut().chain(v.iter_mut()) {
                    let (x, y) = (row[p], row[q]);
                    row[p] = c * x - s * y;
                    row[q] = s * x + c * y;
                }
                let (upper, lower) = a.split_at_mut(q);
                for (x, y) in upper[p].iter_mut().zip(lower[0].iter_mut()) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), v)
}

/// Mean and leading principal axes (variance, unit vector) of rows.
pub fn principal(rows: &[Row], count: usize) -> (Row, Vec<(f64, Row)>) {
    let centre = mean(rows);
    let d = centre.len();
    let centred: Vec<Row> = rows.iter().map(|r| r.iter().zip(&centre).map(|(v, m)| v - m).collect()).collect();
    let n = rows.len().max(1) as f64;
    let axes = if d <= 512 {
        let covariance = gram(&centred);
        leading(d, count, &|v| covariance.iter().map(|row| dot(row, v) / n).collect())
    } else {
        leading(d, count.min(rows.len()), &|v| {
            let mut sum = vec![0.0; d];
            centred.iter().for_each(|row| add(&mut sum, dot(row, v) / n, row));
            sum
        })
    };
    (centre, axes)
}

/// Ridge regression of targets (one row each sample) on codes: one row of weights a target, with its constant last.
/// `penalty` is relative to the mean variance of the codes. `None` where there are too few samples.
pub fn ridge(codes: &[Row], targets: &[Row], penalty: f64) -> Option<Vec<Row>> {
    let n = codes.len();
    if n < 2 || targets.len() != n {
        return None;
    }
    let (mx, my) = (mean(codes), mean(targets));
    let centred: Vec<Row> = codes.iter().map(|r| r.iter().zip(&mx).map(|(v, m)| v - m).collect()).collect();
    let mut a = gram(&centred);
    let d = mx.len();
    let size = (0..d).map(|i| a[i][i]).sum::<f64>() / d.max(1) as f64;
    (0..d).for_each(|i| a[i][i] += penalty * size + 1e-12);
    let right: Vec<Row> = (0..my.len())
        .map(|k| {
            let mut sum = vec![0.0; d];
            centred.iter().zip(targets).for_each(|(x, t)| add(&mut sum, t[k] - my[k], x));
            sum
        })
        .collect();
    let weights = solve(&a, &right)?;
    let with_constant = |(k, mut w): (usize, Row)| {
        let constant = my[k] - dot(&w, &mx);
        w.push(constant);
        w
    };
    Some(weights.into_iter().enumerate().map(with_constant).collect())
}

/// What weights of [`ridge`] say of a code.
pub fn predicted(weights: &[Row], code: &[f64]) -> Row {
    weights.iter().map(|w| dot(&w[..code.len()], code) + w[code.len()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normals(n: usize, d: usize, name: &str) -> Vec<Row> {
        let mut s = Stream::new(1, name);
        (0..n).map(|_| (0..d).map(|_| f64::from(s.normal())).collect()).collect()
    }

    #[test]
    fn principal_axes_are_those_that_the_data_were_stretched_along() {
        for d in [6, 700] {
            let n = 400;
            let mut rows = normals(n, d, "rows");
            let axes = orthonormal(&normals(2, d, "axes"));
            for row in &mut rows {
                row.iter_mut().for_each(|v| *v *= 0.05);
                let (a, b) = (row[0] * 20.0 * 5.0, row[1] * 20.0 * 2.0);
                add(row, a, &axes[0]);
                add(row, b, &axes[1]);
                add(row, 3.0, &axes[0]);
            }
            let (centre, found) = principal(&rows, 2);
            assert!((dot(&centre, &axes[0]) - 3.0).abs() < 0.8);
            for ((variance, axis), (wanted, of)) in found.iter().zip([(25.0, &axes[0]), (4.0, &axes[1])]) {
                assert!(dot(axis, of).abs() > 0.99, "{d}: {}", dot(axis, of));
                assert!((variance / wanted - 1.0).abs() < 0.25, "{variance}");
            }
        }
    }

    #[test]
    fn eigenvectors_of_a_full_matrix_are_eigenvectors() {
        let rows = normals(30, 12, "matrix");
        let a = gram(&rows);
        let pairs = leading(12, 12, &|v| a.iter().map(|r| dot(r, v)).collect());
        assert_eq!(pairs.len(), 12);
        let trace: f64 = (0..12).map(|i| a[i][i]).sum();
        assert!((pairs.iter().map(|p| p.0).sum::<f64>() / trace - 1.0).abs() < 1e-9);
        for (value, v) in &pairs {
            let image: Row = a.iter().map(|r| dot(r, v)).collect();
            assert!(v.iter().zip(&image).all(|(x, y)| (value * x - y).abs() < 1e-8 * trace));
        }
    }

    #[test]
    fn ridge_finds_what_made_the_targets_and_projections_leave_nothing() {
        let codes = normals(200, 5, "codes");
        let truth = [vec![1.0, -2.0, 0.0, 0.5, 0.0], vec![0.0, 0.0, 3.0, 0.0, 1.0]];
        let targets: Vec<Row> = codes.iter().map(|c| truth.iter().map(|w| dot(w, c) + 7.0).collect()).collect();
        let weights = ridge(&codes, &targets, 1e-9).unwrap();
        for (found, wanted) in weights.iter().zip(&truth) {
            assert!(found.iter().zip(wanted.iter().chain(&[7.0])).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
        }
        assert!((predicted(&weights, &codes[3])[1] - targets[3][1]).abs() < 1e-5);
        let left = orthogonal(&codes[0], &codes[1..4]);
        assert!(codes[1..4].iter().all(|c| dot(&left, c).abs() < 1e-9) && length(&left) > 0.1);
        assert!(solve(&[vec![0.0]], &[vec![1.0]]).is_none());
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), 1.0);
    }
}
