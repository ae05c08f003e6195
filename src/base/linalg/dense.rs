//! Factors and solutions of dense matrices that lie row by row.

/// Lower Cholesky factor. Where a covariance is not positive, its diagonal is raised by more and more of the floor.
pub fn cholesky(covariance: Vec<f64>, dim: usize, floor: &[f64]) -> Vec<f64> {
    let mut more = 0.0;
    loop {
        let mut l = covariance.clone();
        if let Some(done) = try_cholesky(&mut l, dim, floor, more) {
            return done;
        }
        more = if more == 0.0 { 1.0 } else { more * 10.0 };
    }
}

fn try_cholesky(l: &mut [f64], dim: usize, floor: &[f64], more: f64) -> Option<Vec<f64>> {
    for i in 0..dim {
        l[i * dim + i] += more * floor[i];
        for j in 0..=i {
            let dot: f64 = (0..j).map(|m| l[i * dim + m] * l[j * dim + m]).sum();
            let rest = l[i * dim + j] - dot;
            if i == j {
                // Less than a thousandth of the floor is noise of rounding. A covariance that is not finite ends here.
                if rest < 1e-3 * floor[i] && more < 1e12 {
                    return None;
                }
                l[i * dim + i] = rest.max(floor[i]).sqrt();
            } else {
                l[i * dim + j] = rest / l[j * dim + j];
            }
        }
        l[i * dim + i + 1..(i + 1) * dim].fill(0.0);
    }
    Some(l.to_vec())
}

/// Inverse of a lower triangle.
pub fn inverse(l: &[f64], dim: usize) -> Vec<f64> {
    let mut out = vec![0.0; dim * dim];
    for j in 0..dim {
        out[j * dim + j] = 1.0 / l[j * dim + j];
        for i in j + 1..dim {
            let dot: f64 = (j..i).map(|m| l[i * dim + m] * out[m * dim + j]).sum();
            out[i * dim + j] = -dot / l[i * dim + i];
        }
    }
    out
}

/// Solves `A x = b` for a square `A` (row by row), by elimination with pivots; nothing if it cannot be solved.
pub fn eliminate(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[i * n + column].abs().total_cmp(&a[j * n + column].abs()))?;
        if a[pivot * n + column].abs() < 1e-12 {
            return None;
        }
        if pivot != column {
            for k in 0..n {
                a.swap(pivot * n + k, column * n + k);
            }
            b.swap(pivot, column);
        }
        for row in column + 1..n {
            let factor = a[row * n + column] / a[column * n + column];
            for k in column..n {
                a[row * n + k] -= factor * a[column * n + k];
            }
            b[row] -= factor * b[column];
        }
    }
    for row in (0..n).rev() {
        let rest: f64 = (row + 1..n).map(|k| a[row * n + k] * b[k]).sum();
        b[row] = (b[row] - rest) / a[row * n + row];
    }
    b.iter().all(|v| v.is_finite()).then_some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_or_refused() {
        let x = eliminate(vec![0.0, 2.0, 1.0, 1.0], vec![4.0, 5.0]).unwrap();
        assert!((x[0] - 3.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12);
        assert!(eliminate(vec![1.0, 2.0, 2.0, 4.0], vec![1.0, 2.0]).is_none());
    }
}
