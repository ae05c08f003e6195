//! Symmetric matrices: eigenvalues and square roots, in `f64`, by Householder reduction and implicit QL (Bowdler,
//! Martin, Reinsch & Wilkinson 1968; the form is EISPACK's `tred2` and `tql2`).
//!
//! A feature has about a hundred numbers, so a page of code does here what a library of linear algebra would take a
//! minute to build for.

use gemm::Parallelism;

/// A square matrix, symmetric unless said otherwise; symmetric ones read the same by rows and by columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Square {
    /// Rows.
    pub n: usize,
    /// `n · n` numbers.
    pub values: Vec<f64>,
}

impl Square {
    /// Zeros.
    pub fn zeros(n: usize) -> Self {
        Self { n, values: vec![0.0; n * n] }
    }

    /// Sum of the diagonal.
    pub fn trace(&self) -> f64 {
        (0..self.n).map(|i| self.values[i * self.n + i]).sum()
    }

    /// `self · other`; the product of two symmetric matrices need not be symmetric.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let n = self.n;
        Self { n, values: product(&self.values, [n, 1], &other.values, [n, 1], [n, n, n]) }
    }

    /// The square root of a positive semi-definite matrix; what rounding made negative counts as zero.
    #[must_use]
    pub fn root(&self) -> Self {
        let (values, vectors) = self.eigen();
        let n = self.n;
        let mut scaled = vectors.clone();
        for (column, value) in scaled.chunks_exact_mut(n).zip(&values) {
            let root = value.max(0.0).sqrt();
            column.iter_mut().for_each(|v| *v *= root);
        }
        // V·√Λ·Vᵀ, with the vectors lying one after the other.
        Self { n, values: product(&scaled, [1, n], &vectors, [n, 1], [n, n, n]) }
    }

    /// Eigenvalues in no order, and the eigenvectors one after the other in the same order.
    pub fn eigen(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut v, mut d, mut e) = self.tridiagonal();
        accumulate(&mut v, &mut d, self.n);
        ql(&mut d, &mut e, Some(&mut v));
        (d, v)
    }

    /// Eigenvalues in no order.
    pub fn eigenvalues(&self) -> Vec<f64> {
        let n = self.n;
        let (v, mut d, mut e) = self.tridiagonal();
        (0..n).for_each(|i| d[i] = v[i * n + i]);
        ql(&mut d, &mut e, None);
        d
    }

    /// Householder's reduction: reflections, the scales of the reflections, the off-diagonal.
    fn tridiagonal(&self) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let n = self.n;
        let mut v = self.values.clone();
        let (mut d, mut e) = (vec![0.0; n], vec![0.0; n]);
        // `v[j·n + k]` is row k of column j: inner loops run along columns.
        (0..n).for_each(|j| d[j] = v[j * n + n - 1]);
        for i in (1..n).rev() {
            let scale: f64 = d[..i].iter().map(|x| x.abs()).sum();
            let mut h = 0.0;
            if scale == 0.0 {
                e[i] = d[i - 1];
                for j in 0..i {
                    d[j] = v[j * n + i - 1];
                    v[j * n + i] = 0.0;
                    v[i * n + j] = 0.0;
                }
            } else {
                for x in &mut d[..i] {
                    *x /= scale;
                    h += *x * *x;
                }
                let f = d[i - 1];
                let g = if f > 0.0 { -h.sqrt() } else { h.sqrt() };
                e[i] = scale * g;
                h -= f * g;
                d[i - 1] = f - g;
                e[..i].fill(0.0);
                for j in 0..i {
                    let f = d[j];
                    v[i * n + j] = f;
                    let column = &v[j * n..(j + 1) * n];
                    let mut g = e[j] + column[j] * f;
                    for k in j + 1..i {
                        g += column[k] * d[k];
                        e[k] += column[k] * f;
                    }
                    e[j] = g;
                }
                let mut f = 0.0;
                for j in 0..i {
                    e[j] /= h;
                    f += e[j] * d[j];
                }
                let hh = f / (h + h);
                (0..i).for_each(|j| e[j] -= hh * d[j]);
                for j in 0..i {
                    let (f, g) = (d[j], e[j]);
                    let column = &mut v[j * n..(j + 1) * n];
                    for k in j..i {
                        column[k] -= f * e[k] + g * d[k];
                    }
                    d[j] = column[i - 1];
                    column[i] = 0.0;
                }
            }
            d[i] = h;
        }
        (v, d, e)
    }
}

/// The product of all reflections, in place; the diagonal goes to `d`.
fn accumulate(v: &mut [f64], d: &mut [f64], n: usize) {
    for i in 0..n - 1 {
        v[i * n + n - 1] = v[i * n + i];
        v[i * n + i] = 1.0;
        let h = d[i + 1];
        if h != 0.0 {
            let (before, rest) = v.split_at_mut((i + 1) * n);
            let reflection = &rest[..=i];
            (0..=i).for_each(|k| d[k] = reflection[k] / h);
            for column in before.chunks_exact_mut(n) {
                let g: f64 = reflection.iter().zip(column.iter()).map(|(a, b)| a * b).sum();
                column[..=i].iter_mut().zip(d.iter()).for_each(|(x, d)| *x -= g * d);
            }
        }
        v[(i + 1) * n..(i + 1) * n + i + 1].fill(0.0);
    }
    for j in 0..n {
        d[j] = v[j * n + n - 1];
        v[j * n + n - 1] = 0.0;
    }
    v[n * n - 1] = 1.0;
}

/// Implicit QL on a tridiagonal matrix: diagonal `d`, off-diagonal `e` (from place 1). Vectors are turned along.
fn ql(d: &mut [f64], e: &mut [f64], mut vectors: Option<&mut Vec<f64>>) {
    let n = d.len();
    e.rotate_left(1);
    e[n - 1] = 0.0;
    let (mut f, mut largest) = (0.0, 0.0f64);
    for l in 0..n {
        largest = largest.max(d[l].abs() + e[l].abs());
        let small = f64::EPSILON * largest;
        let m = (l..n).find(|&m| e[m].abs() <= small).unwrap_or(n - 1);
        // Thirty rounds are far more than ever needed; the bound only keeps numbers that are not finite from looping.
        for _ in 0..if m > l { 60 } else { 0 } {
            let g = d[l];
            let p = (d[l + 1] - g) / (2.0 * e[l]);
            let r = p.hypot(1.0).copysign(p);
            d[l] = e[l] / (p + r);
            d[l + 1] = e[l] * (p + r);
            let (next, h) = (d[l + 1], g - d[l]);
            d[l + 2..].iter_mut().for_each(|x| *x -= h);
            f += h;
            let mut p = d[m];
            let (mut c, mut c2, mut c3) = (1.0, 1.0, 1.0);
            let (mut s, mut s2) = (0.0, 0.0);
            let after = e[l + 1];
            for i in (l..m).rev() {
                (c3, c2, s2) = (c2, c, s);
                let (g, h) = (c * e[i], c * p);
                let r = p.hypot(e[i]);
                e[i + 1] = s * r;
                s = e[i] / r;
                c = p / r;
                p = c * d[i] - s * g;
                d[i + 1] = h + s * (c * g + s * d[i]);
                if let Some(v) = vectors.as_deref_mut() {
                    let (left, right) = v[i * n..(i + 2) * n].split_at_mut(n);
                    for (a, b) in left.iter_mut().zip(right) {
                        let h = *b;
                        *b = s * *a + c * h;
                        *a = c * *a - s * h;
                    }
                }
            }
            p = -s * s2 * c3 * after * e[l] / next;
            e[l] = s * p;
            d[l] = c * p;
            if e[l].abs() <= small {
                break;
            }
        }
        d[l] += f;
        e[l] = 0.0;
    }
}

/// `a · b` for `a` of m × k and `b` of k × n with these strides between rows and columns; rows of the result lie one
/// after the other. On one thread: callers work side by side.
pub fn product(a: &[f64], a_strides: [usize; 2], b: &[f64], b_strides: [usize; 2], [m, k, n]: [usize; 3]) -> Vec<f64> {
    let last = |strides: [usize; 2], rows: usize, columns: usize| (rows - 1) * strides[0] + (columns - 1) * strides[1];
    let mut out = vec![0.0; m * n];
    if m == 0 || n == 0 || k == 0 {
        return out;
    }
    assert!(last(a_strides, m, k) < a.len() && last(b_strides, k, n) < b.len());
    // SAFETY: every index lies within its slice, as asserted above, and `out` is borrowed by nobody else.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            a_strides[1] as isize,
            a_strides[0] as isize,
            b.as_ptr(),
            b_strides[1] as isize,
            b_strides[0] as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn random(n: usize, rank: usize) -> Square {
        let mut s = Stream::new(n as u64, "matrix");
        let x: Vec<f64> = (0..n * rank).map(|_| f64::from(s.normal())).collect();
        Square { n, values: product(&x, [rank, 1], &x, [1, rank], [n, rank, n]) }
    }

    #[test]
    fn vectors_times_values_give_the_matrix_back() {
        for (n, rank) in [(1, 1), (2, 2), (5, 5), (40, 40), (64, 9)] {
            let a = random(n, rank);
            let (values, vectors) = a.eigen();
            let size = a.trace().max(1.0);
            for i in 0..n {
                for j in 0..n {
                    let at = |k: usize| vectors[k * n + i] * vectors[k * n + j];
                    let back: f64 = (0..n).map(|k| values[k] * at(k)).sum();
                    let unit: f64 = (0..n).map(at).sum();
                    assert!((back - a.values[i * n + j]).abs() < 1e-12 * size, "{n} {i} {j}");
                    assert!((unit - f64::from(u8::from(i == j))).abs() < 1e-12, "{n} {i} {j} {unit}");
                }
            }
            let mut alone = a.eigenvalues();
            let mut with = values;
            alone.sort_by(f64::total_cmp);
            with.sort_by(f64::total_cmp);
            alone.iter().zip(&with).for_each(|(a, b)| assert!((a - b).abs() < 1e-11 * size, "{n}: {a} {b}"));
        }
    }

    #[test]
    fn a_root_squared_is_the_matrix_also_without_full_rank() {
        let a = random(30, 7);
        let root = a.root();
        let back = root.times(&root);
        let worst = a.values.iter().zip(&back.values).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-11 * a.trace(), "{worst}");
    }

    #[test]
    fn special_matrices_end_too() {
        for a in [Square::zeros(6), Square { n: 2, values: vec![0.0, 1.0, 1.0, 0.0] }] {
            assert!(a.eigenvalues().iter().all(|v| v.is_finite()));
        }
        let nan = Square { n: 3, values: vec![f64::NAN; 9] };
        assert_eq!(nan.eigenvalues().len(), 3);
    }
}
