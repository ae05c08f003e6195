//! The innermost loop: a block of a matrix product held in registers.

use crate::base::simd::dispatch;
use pulp::{Simd, WithSimd};

/// A step of memory that a row goes through: where it begins in `a`, and in `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub a: usize,
    pub b: usize,
}

/// `c[rᵢ + n] (+)= Σ_run Σ_k a[rowᵢ + run.a + k·a_step] · b[run.b + k·b_step + n]`, for `n` below `width`.
///
/// With rows that begin where pixels lie, and runs that are the taps of a kernel, this is a convolution without any
/// gathered columns. Every number is one chain of fused multiply-adds in the order of runs and `k`, whatever rows are
/// computed together.
pub struct Product<'a> {
    /// Numbers that are multiplied one by one.
    pub a: &'a [f32],
    /// Where each row begins in `a`.
    pub rows: &'a [usize],
    /// Distance between two numbers of a run in `a`.
    pub a_step: usize,
    /// Numbers that are multiplied `width` at a time.
    pub b: &'a [f32],
    /// Distance between two rows of a run in `b`.
    pub b_step: usize,
    /// What is summed.
    pub runs: &'a [Run],
    /// Numbers in a run.
    pub depth: usize,
    /// Columns: 16, 32, 48 or 64.
    pub width: usize,
    /// The result.
    pub c: &'a mut [f32],
    /// Where each row begins in `c`.
    pub c_rows: &'a [usize],
    /// Adds to what is in `c`.
    pub add: bool,
}

impl Product<'_> {
    /// Computes it.
    pub fn run(self) {
        let largest = |values: &mut dyn Iterator<Item = usize>| values.max().unwrap_or(0);
        if self.rows.is_empty() {
            return;
        }
        assert!(self.width.is_multiple_of(16) && (16..=64).contains(&self.width));
        assert_eq!(self.rows.len(), self.c_rows.len());
        assert!(largest(&mut self.c_rows.iter().copied()) + self.width <= self.c.len());
        if self.depth > 0 && !self.runs.is_empty() {
            let last = self.depth - 1;
            let a = largest(&mut self.rows.iter().copied()) + largest(&mut self.runs.iter().map(|r| r.a));
            assert!(a + last * self.a_step < self.a.len());
            assert!(largest(&mut self.runs.iter().map(|r| r.b)) + last * self.b_step + self.width <= self.b.len());
        }
        dispatch(self);
    }

    /// Rows from `i` on, `R` at a time, for `V` vectors from column `n` on. Returns the first row that is left.
    ///
    /// # Safety
    /// Every index was checked by [`Self::run`], and the columns are within `width`.
    #[inline(always)]
    unsafe fn rows<S: Simd, const R: usize, const V: usize>(&mut self, s: S, n: usize, mut i: usize) -> usize {
        let c = self.c.as_mut_ptr();
        while i + R <= self.rows.len() {
            // SAFETY: `i + R` rows exist; offsets were checked against the slices.
            unsafe {
                let rows: [usize; R] = std::array::from_fn(|r| *self.rows.get_unchecked(i + r));
                let place = |r: usize, v: usize| c.add(*self.c_rows.get_unchecked(i + r) + n + v * S::F32_LANES);
                let mut sums = [[s.splat_f32s(0.0); V]; R];
                if self.add {
                    for (r, sums) in sums.iter_mut().enumerate() {
                        for (v, sum) in sums.iter_mut().enumerate() {
                            *sum = place(r, v).cast::<S::f32s>().read_unaligned();
                        }
                    }
                }
                for run in self.runs {
                    let mut a = self.a.as_ptr().add(run.a);
                    let mut b = self.b.as_ptr().add(run.b + n);
                    for _ in 0..self.depth {
                        let columns: [S::f32s; V] =
                            std::array::from_fn(|v| b.add(v * S::F32_LANES).cast::<S::f32s>().read_unaligned());
                        for r in 0..R {
                            let value = s.splat_f32s(*a.add(rows[r]));
                            for v in 0..V {
                                sums[r][v] = s.mul_add_e_f32s(value, columns[v], sums[r][v]);
                            }
                        }
                        // The last step may leave the slice; the pointer is not read there.
                        a = a.wrapping_add(self.a_step);
                        b = b.wrapping_add(self.b_step);
                    }
                }
                for (r, sums) in sums.iter().enumerate() {
                    for (v, sum) in sums.iter().enumerate() {
                        place(r, v).cast::<S::f32s>().write_unaligned(*sum);
                    }
                }
            }
            i += R;
        }
        i
    }

    /// All rows, for `V` vectors from column `n` on: `R` rows at a time, then what is left.
    #[inline(always)]
    unsafe fn columns<S: Simd, const R: usize, const V: usize>(&mut self, s: S, n: usize) {
        // SAFETY: as for `rows`.
        unsafe {
            let mut i = self.rows::<S, R, V>(s, n, 0);
            if R > 6 {
                i = self.rows::<S, 6, V>(s, n, i);
            }
            i = self.rows::<S, 4, V>(s, n, i);
            i = self.rows::<S, 2, V>(s, n, i);
            self.rows::<S, 1, V>(s, n, i);
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        let width = self.width;
        // Registers hold `rows × vectors` sums, a vector of `b` each and one number of `a`.
        // SAFETY: `run` checked every index; columns stay below `width`, a multiple of 16.
        unsafe {
            match (S::F32_LANES, width) {
                (16, 64) => self.columns::<S, 6, 4>(s, 0),
                (16, 48) => self.columns::<S, 8, 3>(s, 0),
                (16, 32) => self.columns::<S, 12, 2>(s, 0),
                (16, _) => self.columns::<S, 12, 1>(s, 0),
                (8, _) => (0..width).step_by(16).for_each(|n| self.columns::<S, 6, 2>(s, n)),
                (4, _) => (0..width).step_by(16).for_each(|n| self.columns::<S, 6, 4>(s, n)),
                _ => (0..width).step_by(S::F32_LANES).for_each(|n| self.columns::<S, 6, 1>(s, n)),
            }
        }
    }
}
