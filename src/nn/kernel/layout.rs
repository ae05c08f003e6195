//! Pictures in and out: between planes (`[channels, h, w]`) and pixels (`[h, w, channels]`), by blocks of 8×8.

/// Multiplies by the slope of a leaky ReLU: 1 where the gate is above zero, `leak` elsewhere.
#[derive(Clone, Copy)]
pub struct Gated<'a> {
    pub gate: &'a [f32],
    pub leak: f32,
}

impl Gated<'_> {
    #[inline]
    fn slope(&self, at: usize) -> f32 {
        if self.gate[at] > 0.0 { 1.0 } else { self.leak }
    }
}

/// Planes to pixels: `dst[places[j] + i] = src[i·plane + j] · slope(gate[i·plane + j])`.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    /// Planes, which become neighbours.
    pub channels: usize,
    /// Distance between planes.
    pub plane: usize,
    /// Where each pixel goes.
    pub places: &'a [usize],
}

impl Load<'_> {
    /// Does it.
    pub fn run(self, src: &[f32], gated: Option<Gated<'_>>, dst: &mut [f32]) {
        if self.channels == 0 || self.places.is_empty() {
            return;
        }
        let read = (self.channels - 1) * self.plane + self.places.len();
        assert!(read <= src.len() && gated.is_none_or(|g| read <= g.gate.len()));
        assert!(self.places.iter().max().is_some_and(|p| p + self.channels <= dst.len()));
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, and the sizes were checked.
            match gated {
                None => unsafe { avx::load::<false>(self, src, src, 1.0, dst) },
                Some(g) => unsafe { avx::load::<true>(self, src, g.gate, g.leak, dst) },
            }
            return;
        }
        self.plain(src, gated, [0, self.channels], [0, self.places.len()], dst);
    }

    #[inline]
    fn plain(self, src: &[f32], gated: Option<Gated<'_>>, channels: [usize; 2], pixels: [usize; 2], dst: &mut [f32]) {
        for i in channels[0]..channels[1] {
            for j in pixels[0]..pixels[1] {
                let at = i * self.plane + j;
                dst[self.places[j] + i] = src[at] * gated.map_or(1.0, |g| g.slope(at));
            }
        }
    }
}

/// Pixels to planes: `dst[j·plane + i] = (src[i·width + j] + bias[j]) · slope(gate[j·plane + i])`.
#[derive(Clone, Copy)]
pub struct Store {
    /// Pixels.
    pub pixels: usize,
    /// Planes.
    pub columns: usize,
    /// Distance between pixels.
    pub width: usize,
    /// Distance between planes.
    pub plane: usize,
}

impl Store {
    /// Does it.
    pub fn run(self, src: &[f32], bias: Option<&[f32]>, gated: Option<Gated<'_>>, dst: &mut [f32]) {
        if self.pixels == 0 || self.columns == 0 {
            return;
        }
        assert!((self.pixels - 1) * self.width + self.columns <= src.len());
        let written = (self.columns - 1) * self.plane + self.pixels;
        assert!(written <= dst.len() && gated.is_none_or(|g| written <= g.gate.len()));
        assert!(bias.is_none_or(|b| b.len() >= self.columns));
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, and the sizes were checked.
            match gated {
                None => unsafe { avx::store::<false>(self, src, bias, &[], 1.0, dst) },
                Some(g) => unsafe { avx::store::<true>(self, src, bias, g.gate, g.leak, dst) },
            }
            return;
        }
        self.plain(src, bias, gated, [0, self.pixels], [0, self.columns], dst);
    }

    #[inline]
    fn plain(
        self,
        src: &[f32],
        bias: Option<&[f32]>,
        gated: Option<Gated<'_>>,
        pixels: [usize; 2],
        columns: [usize; 2],
        dst: &mut [f32],
    ) {
        for j in columns[0]..columns[1] {
            let bias = bias.map_or(0.0, |b| b[j]);
            for i in pixels[0]..pixels[1] {
                let at = j * self.plane + i;
                dst[at] = (src[i * self.width + j] + bias) * gated.map_or(1.0, |g| g.slope(at));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::*;

    use super::{Gated, Load, Store};

    #[inline]
    #[target_feature(enable = "avx2")]
    fn turn(r: [__m256; 8]) -> [__m256; 8] {
        let lo = |i: usize| _mm256_unpacklo_ps(r[i], r[i + 1]);
        let hi = |i: usize| _mm256_unpackhi_ps(r[i], r[i + 1]);
        let t = [lo(0), hi(0), lo(2), hi(2), lo(4), hi(4), lo(6), hi(6)];
        let u = [
            _mm256_shuffle_ps::<0x44>(t[0], t[2]),
            _mm256_shuffle_ps::<0xee>(t[0], t[2]),
            _mm256_shuffle_ps::<0x44>(t[1], t[3]),
            _mm256_shuffle_ps::<0xee>(t[1], t[3]),
            _mm256_shuffle_ps::<0x44>(t[4], t[6]),
            _mm256_shuffle_ps::<0xee>(t[4], t[6]),
            _mm256_shuffle_ps::<0x44>(t[5], t[7]),
            _mm256_shuffle_ps::<0xee>(t[5], t[7]),
        ];
        let low = |i: usize| _mm256_permute2f128_ps::<0x20>(u[i], u[i + 4]);
        let high = |i: usize| _mm256_permute2f128_ps::<0x31>(u[i], u[i + 4]);
        [low(0), low(1), low(2), low(3), high(0), high(1), high(2), high(3)]
    }

    /// 1 where the gate is above zero, `leak` elsewhere.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn slope(gate: __m256, leak: __m256) -> __m256 {
        _mm256_blendv_ps(leak, _mm256_set1_ps(1.0), _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps()))
    }

    /// # Safety
    /// The sizes were checked against the slices.
    #[target_feature(enable = "avx2")]
    pub unsafe fn load<const GATED: bool>(t: Load<'_>, src: &[f32], gate: &[f32], leak: f32, dst: &mut [f32]) {
        let (rows, columns) = (t.channels / 8 * 8, t.places.len() / 8 * 8);
        let leaks = _mm256_set1_ps(leak);
        for i in (0..rows).step_by(8) {
            for j in (0..columns).step_by(8) {
                // SAFETY: `i + 8` rows and `j + 8` columns are inside.
                unsafe {
                    let block: [__m256; 8] = std::array::from_fn(|r| {
                        let at = (i + r) * t.plane + j;
                        let x = _mm256_loadu_ps(src.as_ptr().add(at));
                        if GATED { _mm256_mul_ps(x, slope(_mm256_loadu_ps(gate.as_ptr().add(at)), leaks)) } else { x }
                    });
                    for (c, column) in turn(block).into_iter().enumerate() {
                        _mm256_storeu_ps(dst.as_mut_ptr().add(t.places[j + c] + i), column);
                    }
                }
            }
        }
        let gated = GATED.then_some(Gated { gate, leak });
        t.plain(src, gated, [0, rows], [columns, t.places.len()], dst);
        t.plain(src, gated, [rows, t.channels], [0, t.places.len()], dst);
    }

    /// # Safety
    /// The sizes were checked against the slices.
    #[target_feature(enable = "avx2")]
    pub unsafe fn store<const GATED: bool>(
        t: Store,
        src: &[f32],
        bias: Option<&[f32]>,
        gate: &[f32],
        leak: f32,
        dst: &mut [f32],
    ) {
        let (rows, columns) = (t.pixels / 8 * 8, t.columns / 8 * 8);
        let leaks = _mm256_set1_ps(leak);
        for j in (0..columns).step_by(8) {
            let bias: [__m256; 8] = std::array::from_fn(|c| _mm256_set1_ps(bias.map_or(0.0, |b| b[j + c])));
            for i in (0..rows).step_by(8) {
                // SAFETY: `i + 8` rows and `j + 8` columns are inside.
                unsafe {
                    let block: [__m256; 8] =
                        std::array::from_fn(|r| _mm256_loadu_ps(src.as_ptr().add((i + r) * t.width + j)));
                    for (c, column) in turn(block).into_iter().enumerate() {
                        let at = (j + c) * t.plane + i;
                        let mut y = _mm256_add_ps(column, bias[c]);
                        if GATED {
                            y = _mm256_mul_ps(y, slope(_mm256_loadu_ps(gate.as_ptr().add(at)), leaks));
                        }
                        _mm256_storeu_ps(dst.as_mut_ptr().add(at), y);
                    }
                }
            }
        }
        let gated = GATED.then_some(Gated { gate, leak });
        t.plain(src, bias, gated, [rows, t.pixels], [0, columns], dst);
        t.plain(src, bias, gated, [0, t.pixels], [columns, t.columns], dst);
    }
}
