//! Lines of a PNG file, each filtered by its neighbours, back to pixels (PNG, part 9).

use self::lanes::Lanes;

/// Lines of pixels of three (`N` = 3, opaque) or four bytes to RGBA. `lines` ends with four bytes more.
///
/// `None`: there is no such filter.
pub(super) fn quads<const N: usize>(lines: &[u8], width: usize, rgba: &mut [u8]) -> Option<()> {
    let nothing = [0; 4 * super::quick_png::LONGEST as usize];
    let mut above = &nothing[..width * 4];
    for (y, to) in rgba.chunks_exact_mut(width * 4).enumerate() {
        let at = y * (1 + width * N);
        quad_line::<N>(
            lines[at],
            &lines[at + 1..at + 1 + width * N + 4 - N],
            above.as_chunks().0,
            to.as_chunks_mut().0,
        )?;
        above = to;
    }
    Some(())
}

/// What the fourth byte becomes.
const fn opaque<const N: usize>() -> u32 {
    if N == 3 { 0xff00_0000 } else { 0 }
}

fn quad_line<const N: usize>(filter: u8, from: &[u8], above: &[[u8; 4]], to: &mut [[u8; 4]]) -> Option<()> {
    // The fourth byte of three is the next pixel's; no byte minds the others, so it is only set right at the end.
    let four = |x: usize| from[x * N..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let pixels = to.iter_mut().zip(above).enumerate();
    let mut left = 0u32;
    match filter {
        0 => pixels.for_each(|(x, (to, _))| *to = (four(x) | opaque::<N>()).to_le_bytes()),
        1 => pixels.for_each(|(x, (to, _))| {
            left = plus(four(x), left);
            *to = (left | opaque::<N>()).to_le_bytes();
        }),
        2 => pixels.for_each(|(x, (to, up))| {
            *to = (plus(four(x), u32::from_le_bytes(*up)) | opaque::<N>()).to_le_bytes();
        }),
        3 => pixels.for_each(|(x, (to, up))| {
            left = plus(four(x), mean(left, u32::from_le_bytes(*up)));
            *to = (left | opaque::<N>()).to_le_bytes();
        }),
        4 => {
            let (mut left, mut corner) = (Lanes::of(0), Lanes::of(0));
            for (x, (to, up)) in pixels {
                let up = Lanes::of(u32::from_le_bytes(*up));
                left = Lanes::of(four(x)).plus_paeth(left, up, corner);
                corner = up;
                *to = (left.bytes() | opaque::<N>()).to_le_bytes();
            }
        }
        _ => return None,
    }
    Some(())
}

/// Four sums of bytes.
fn plus(a: u32, b: u32) -> u32 {
    ((a & 0x7f7f_7f7f) + (b & 0x7f7f_7f7f)) ^ ((a ^ b) & 0x8080_8080)
}

/// Four means of bytes, rounded down.
fn mean(a: u32, b: u32) -> u32 {
    (a & b) + (((a ^ b) & 0xfefe_fefe) >> 1)
}

#[cfg(target_arch = "x86_64")]
mod lanes {
    use std::arch::x86_64::*;

    /// Four bytes in lanes of 16 bits.
    #[derive(Clone, Copy)]
    pub struct Lanes(__m128i);

    // SAFETY of all: every x86-64 processor has SSE2, and no memory is touched.
    impl Lanes {
        #[inline(always)]
        pub fn of(bytes: u32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes.cast_signed()), _mm_setzero_si128()) })
        }

        #[inline(always)]
        pub fn bytes(self) -> u32 {
            // SAFETY: as above.
            unsafe { _mm_cvtsi128_si32(_mm_packus_epi16(self.0, self.0)) }.cast_unsigned()
        }

        /// Adds whichever of left, up and corner is nearest to left + up − corner. Each pixel waits for the one before,
        /// so as little as can be lies between `left` and the result: all three sums are made ahead.
        #[inline(always)]
        pub fn plus_paeth(self, left: Self, up: Self, corner: Self) -> Self {
            let (x, a, b, c) = (self.0, left.0, up.0, corner.0);
            // SAFETY: as above.
            unsafe {
                let byte = _mm_set1_epi16(255);
                let sum = |v| _mm_and_si128(_mm_add_epi16(x, v), byte);
                let apart = |p, q| _mm_max_epi16(_mm_sub_epi16(p, q), _mm_sub_epi16(q, p));
                let (by_left, by_up) = (apart(b, c), apart(a, c));
                let by_corner = apart(a, _mm_sub_epi16(_mm_add_epi16(c, c), b));
                let not_up = _mm_cmpgt_epi16(by_up, by_corner);
                let not_left = _mm_cmpgt_epi16(by_left, _mm_min_epi16(by_up, by_corner));
                let other = _mm_or_si128(_mm_and_si128(not_up, sum(c)), _mm_andnot_si128(not_up, sum(b)));
                Self(_mm_or_si128(_mm_and_si128(not_left, other), _mm_andnot_si128(not_left, sum(a))))
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod lanes {
    /// Four bytes.
    #[derive(Clone, Copy)]
    pub struct Lanes([u8; 4]);

    impl Lanes {
        #[inline(always)]
        pub fn of(bytes: u32) -> Self {
            Self(bytes.to_le_bytes())
        }

        #[inline(always)]
        pub fn bytes(self) -> u32 {
            u32::from_le_bytes(self.0)
        }

        /// Adds whichever of left, up and corner is nearest to left + up − corner.
        #[inline(always)]
        pub fn plus_paeth(self, left: Self, up: Self, corner: Self) -> Self {
            let near = |i: usize| super::paeth(left.0[i], up.0[i], corner.0[i]);
            Self(std::array::from_fn(|i| self.0[i].wrapping_add(near(i))))
        }
    }
}

/// Whichever is nearest to left + up − corner.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (by_left, by_up, by_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if by_left <= by_up && by_left <= by_corner {
        left
    } else if by_up <= by_corner {
        up
    } else {
        corner
    }
}

/// Lines of pixels of `N` bytes, or of several pixels a byte (`N` = 1), where they are. Each begins with its filter.
///
/// `None`: there is no such filter.
pub(super) fn in_place<const N: usize>(lines: &mut [u8], line: usize) -> Option<()> {
    let nothing = vec![0; 1 + line];
    let mut above = &nothing[..];
    for now in lines.chunks_exact_mut(1 + line) {
        let filter = now[0];
        for i in 1..=line {
            let left = if i > N { now[i - N] } else { 0 };
            let (up, corner) = (above[i], if i > N { above[i - N] } else { 0 });
            let by = match filter {
                0 => break,
                1 => left,
                2 => up,
                3 => (left & up) + ((left ^ up) >> 1),
                4 => paeth(left, up, corner),
                _ => return None,
            };
            now[i] = now[i].wrapping_add(by);
        }
        above = now;
    }
    Some(())
}
