//! Dot products of rows of bytes, and how far they may be from those of the numbers they stand for.
//!
//! A row of f32 becomes bytes in −127…127 times a scale of its own; what is asked for becomes 16-bit numbers, so that
//! nearly all of the error is that of the rows. Sums are whole numbers: every processor finds the same.

/// Rows are filled up with zeros to whole multiples of so many bytes.
pub const LANE: usize = 32;

/// Bytes that a row of `dims` numbers takes.
pub const fn stride(dims: usize) -> usize {
    dims.div_ceil(LANE) * LANE
}

/// What is known of a row of bytes besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowFacts {
    /// What a byte is multiplied by.
    pub scale: f32,
    /// Length of the difference between the row and its bytes times the scale, at least.
    pub error: f32,
    /// Length of the bytes times the scale, at least.
    pub length: f32,
}

/// A length as f32, never rounded down.
fn upwards(x: f64) -> f32 {
    (x * (1.0 + 1e-6)) as f32
}

/// A row as bytes; `out` is filled up with zeros. The numbers must be finite.
pub fn quantise(row: &[f32], out: &mut [i8]) -> RowFacts {
    let largest = row.iter().fold(0f32, |a, v| a.max(v.abs()));
    // Numbers whose 127th part cannot be told from zero have no bytes: all of them is error.
    let scale = if largest / 127.0 >= f32::MIN_POSITIVE { largest / 127.0 } else { 0.0 };
    let (mut error, mut length) = (0f64, 0f64);
    for (i, byte) in out.iter_mut().enumerate() {
        let v = row.get(i).copied().unwrap_or_default();
        *byte = if scale > 0.0 { (v / scale).round().clamp(-127.0, 127.0) as i8 } else { 0 };
        let kept = f64::from(*byte) * f64::from(scale);
        error += (f64::from(v) - kept).powi(2);
        length += kept * kept;
    }
    RowFacts { scale, error: upwards(error.sqrt()), length: upwards(length.sqrt()) }
}

/// What rows are asked for, as 16-bit numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    values: Vec<i16>,
    scale: f64,
    error: f64,
    length: f64,
}

impl Asked {
    /// Numbers to hold rows of as many against.
    pub fn new(query: &[f32]) -> Self {
        let largest = query.iter().fold(0f32, |a, v| a.max(v.abs()));
        // No sum of products leaves 32 bits.
        let levels = (f64::from(i32::MAX) / (127.0 * query.len().max(1) as f64)).floor().min(f64::from(i16::MAX));
        let scale = f64::from(largest) / levels;
        let mut values = vec![0; stride(query.len())];
        let (mut error, mut length) = (0f64, 0f64);
        for (out, v) in values.iter_mut().zip(query) {
            *out = if scale > 0.0 { (f64::from(*v) / scale).round() as i16 } else { 0 };
            error += (f64::from(*v) - f64::from(*out) * scale).powi(2);
            length += f64::from(*v).powi(2);
        }
        Self { values, scale, error: error.sqrt(), length: length.sqrt() }
    }

    /// The dot product of a row by its bytes, and how far the true one may be from it.
    pub fn estimate(&self, dot: i32, row: &RowFacts) -> (f64, f64) {
        let value = f64::from(dot) * f64::from(row.scale) * self.scale;
        // Cauchy–Schwarz: |q·x − q̂·x̂| ≤ |q| |x − x̂| + |q − q̂| |x̂|; the last part is for rounding.
        let bound = self.length * f64::from(row.error) + self.error * f64::from(row.length);
        (value, bound * (1.0 + 1e-9) + 1e-12 * self.length * (f64::from(row.error) + f64::from(row.length)))
    }

    /// Dot products with rows of [`stride`] bytes each, one for each place of `out`.
    pub fn dots(&self, rows: &[i8], out: &mut [i32]) {
        let stride = self.values.len();
        assert_eq!(rows.len(), stride * out.len(), "a row for each place");
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512bw") {
                // SAFETY: the processor has it; rows and values are whole multiples of 32, as was checked.
                return unsafe { x86::dots_512(&self.values, rows, out) };
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: as above.
                return unsafe { x86::dots_256(&self.values, rows, out) };
            }
        }
        portable(&self.values, rows, out);
    }
}

/// By plain numbers, in blocks that compilers turn into the vectors of NEON and others.
fn portable(values: &[i16], rows: &[i8], out: &mut [i32]) {
    for (out, row) in out.iter_mut().zip(rows.chunks_exact(values.len().max(1))) {
        let mut sums = [0i32; LANE];
        for (row, values) in row.as_chunks::<LANE>().0.iter().zip(values.as_chunks::<LANE>().0) {
            for ((sum, r), v) in sums.iter_mut().zip(row).zip(values) {
                *sum += i32::from(*r) * i32::from(*v);
            }
        }
        *out = sums.iter().sum();
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// # Safety
    /// `values` is a whole multiple of 32 long, and `rows` holds as many bytes for each of `out`.
    #[target_feature(enable = "avx512bw,avx512f")]
    pub unsafe fn dots_512(values: &[i16], rows: &[i8], out: &mut [i32]) {
        let stride = values.len();
        for (i, out) in out.iter_mut().enumerate() {
            let mut sum = _mm512_setzero_si512();
            let mut at = 0;
            while at < stride {
                // SAFETY: `at + 32 <= stride`.
                let (row, value) = unsafe {
                    (
                        _mm256_loadu_si256(rows.as_ptr().add(i * stride + at).cast()),
                        _mm512_loadu_si512(values.as_ptr().add(at).cast()),
                    )
                };
                sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_cvtepi8_epi16(row), value));
                at += 32;
            }
            *out = _mm512_reduce_add_epi32(sum);
        }
    }

    /// # Safety
    /// As [`dots_512`].
    #[target_feature(enable = "avx2")]
    pub unsafe fn dots_256(values: &[i16], rows: &[i8], out: &mut [i32]) {
        let stride = values.len();
        for (i, out) in out.iter_mut().enumerate() {
            let mut sum = _mm256_setzero_si256();
            let mut at = 0;
            while at < stride {
                // SAFETY: `at + 16 <= stride`.
                let (row, value) = unsafe {
                    (
                        _mm_loadu_si128(rows.as_ptr().add(i * stride + at).cast()),
                        _mm256_loadu_si256(values.as_ptr().add(at).cast()),
                    )
                };
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(row), value));
                at += 16;
            }
            let half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            let pair = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
            let one = _mm_add_epi32(pair, _mm_shuffle_epi32::<0b10_11_00_01>(pair));
            *out = _mm_cvtsi128_si32(one);
        }
    }
}

/// The dot product that answers are ordered by: in double precision and always in the same order.
pub fn exact(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0f64; 8];
    let (wide, rest) = a.as_chunks::<8>();
    let (other, other_rest) = b.as_chunks::<8>();
    for (a, b) in wide.iter().zip(other) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(s, (a, b))| *s += f64::from(*a) * f64::from(*b));
    }
    let tail: f64 = rest.iter().zip(other_rest).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn rows(stream: &mut Stream, dims: usize, n: usize) -> Vec<Vec<f32>> {
        (0..n)
            .map(|i| {
                let mut row = stream.normals(dims);
                // Outliers, tiny rows and zeros are rows too.
                match i % 7 {
                    1 => row[i % dims] = 1e6,
                    2 => row.iter_mut().for_each(|v| *v *= 1e-20),
                    3 => row.fill(0.0),
                    4 => row.iter_mut().for_each(|v| *v *= 1e-42),
                    _ => {}
                }
                row
            })
            .collect()
    }

    #[test]
    fn every_way_finds_the_same_whole_numbers() {
        let mut stream = Stream::new(3, "int8");
        for dims in [1, 2, 15, 16, 31, 32, 33, 100, 128, 256, 1280] {
            let asked = Asked::new(&stream.normals(dims));
            let stride = stride(dims);
            let n = 13;
            let bytes: Vec<i8> = (0..n * stride).map(|_| (stream.below(255) as i32 - 127) as i8).collect();
            let plain: Vec<i32> = bytes
                .chunks_exact(stride)
                .map(|r| r.iter().zip(&asked.values).map(|(r, v)| i64::from(*r) * i64::from(*v)).sum::<i64>() as i32)
                .collect();
            let (mut by_dispatch, mut by_portable) = (vec![0; n], vec![0; n]);
            asked.dots(&bytes, &mut by_dispatch);
            portable(&asked.values, &bytes, &mut by_portable);
            assert_eq!((&by_dispatch, &by_portable), (&plain, &plain), "{dims}");
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                let mut by_256 = vec![0; n];
                // SAFETY: the processor has it, and sizes are whole multiples of 32.
                unsafe { x86::dots_256(&asked.values, &bytes, &mut by_256) };
                assert_eq!(by_256, plain, "{dims}");
            }
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        for dims in [256, 1280, 4096] {
            let asked = Asked::new(&vec![3.0; dims]);
            let mut bytes = vec![0; stride(dims)];
            let facts = quantise(&vec![2.0; dims], &mut bytes);
            let mut out = [0];
            asked.dots(&bytes, &mut out);
            let (value, bound) = asked.estimate(out[0], &facts);
            assert!((value - 6.0 * dims as f64).abs() <= bound && bound < 1e-2 * value, "{dims}: {value} {bound}");
        }
    }

    #[test]
    fn the_true_product_is_within_the_bound() {
        let mut stream = Stream::new(4, "int8");
        for dims in [1, 3, 64, 100, 256] {
            let queries = rows(&mut stream, dims, 21);
            let rows = rows(&mut stream, dims, 63);
            for query in &queries {
                let asked = Asked::new(query);
                for row in &rows {
                    let mut bytes = vec![0; stride(dims)];
                    let facts = quantise(row, &mut bytes);
                    let mut out = [0];
                    asked.dots(&bytes, &mut out);
                    let (value, bound) = asked.estimate(out[0], &facts);
                    let off = (value - exact(query, row)).abs();
                    assert!(off <= bound, "{dims}: off by {off:e}, bound {bound:e}");
                }
            }
        }
    }
}
