//! Standard normals from pairs of random words, by Box & Muller (1958).

use pulp::{Simd, WithSimd};

use super::simd::dispatch;

/// Words in a block; two make a normal.
pub const WORDS: usize = 512;
/// More than the quick way is ever off; the largest normal is 6.7, of which 64-bit numbers know 9e-16.
const DOUBT: f64 = 1e-13;

/// `(u, v)` of a pair: the first in (0, 1], the second in [0, 1).
fn uniforms(words: [u32; 2]) -> (f64, f64) {
    ((f64::from(words[0]) + 1.0) / 4_294_967_296.0, f64::from(words[1]) / 4_294_967_296.0)
}

/// The normal of a pair, on `libm`: the same on every platform.
pub fn of(words: [u32; 2]) -> f32 {
    let (u, v) = uniforms(words);
    (libm::sqrt(-2.0 * libm::log(u)) * libm::cos(std::f64::consts::TAU * v)) as f32
}

/// The normals of pairs: to the bit those of [`of`], many at once.
///
/// Polynomials come within [`DOUBT`] of them, and where that leaves a doubt how to round to 32 bits (a few in a million),
/// [`of`] says.
pub fn fill(out: &mut [f32], mut draw: impl FnMut(&mut [u32])) {
    let mut words = [0u32; WORDS];
    for out in out.chunks_mut(WORDS / 2) {
        let words = &mut words[..2 * out.len()];
        draw(words);
        dispatch(Block { words, out });
    }
}

struct Block<'a> {
    words: &'a [u32],
    out: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut doubtful = false;
        for (out, pair) in self.out.iter_mut().zip(self.words.chunks_exact(2)) {
            let (low, high) = bounds([pair[0], pair[1]]);
            *out = low;
            doubtful |= low.to_bits() != high.to_bits();
        }
        if doubtful {
            for (out, pair) in self.out.iter_mut().zip(self.words.chunks_exact(2)) {
                let (low, high) = bounds([pair[0], pair[1]]);
                if low.to_bits() != high.to_bits() {
                    *out = of([pair[0], pair[1]]);
                }
            }
        }
    }
}

/// The normal of a pair lies between these.
#[inline(always)]
fn bounds(words: [u32; 2]) -> (f32, f32) {
    let (u, v) = uniforms(words);
    let normal = (-2.0 * ln(u)).sqrt() * cos_turn(v);
    ((normal - DOUBT) as f32, (normal + DOUBT) as f32)
}

/// Natural logarithm of a normal number, 0 < u ≤ 1.
#[inline(always)]
fn ln(u: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    /// 2⁵², whose last bits hold a whole number.
    const WHOLE: u64 = 0x4330_0000_0000_0000;
    let bits = u.to_bits();
    let mut exponent = f64::from_bits((bits >> 52) | WHOLE) - (f64::from_bits(WHOLE) + 1023.0);
    let mut m = f64::from_bits((bits & MANTISSA) | 1.0f64.to_bits());
    // Around 1, so that the series is short.
    let large = m > std::f64::consts::SQRT_2;
    m = if large { m * 0.5 } else { m };
    exponent += if large { 1.0 } else { 0.0 };
    // ln m = 2·artanh s, |s| ≤ 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut sum = 1.0 / 25.0;
    for n in [23.0, 21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * z + 1.0 / n;
    }
    exponent * std::f64::consts::LN_2 + 2.0 * s * sum
}

/// `cos 2πv`, 0 ≤ v < 1.
#[inline(always)]
fn cos_turn(v: f64) -> f64 {
    // A sine of at most a quarter turn.
    let x = ((v - 0.5).abs() - 0.25) * std::f64::consts::TAU;
    let z = x * x;
    let mut sum = 1.0;
    for n in [22.0, 20.0, 18.0, 16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0] {
        sum = 1.0 - sum * z * (1.0 / (n * (n + 1.0)));
    }
    x * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{RngCore, SeedableRng};

    fn check(words: &[u32]) {
        let mut out = vec![0.0; words.len() / 2];
        let mut at = 0;
        fill(&mut out, |block| {
            block.copy_from_slice(&words[at..at + block.len()]);
            at += block.len();
        });
        for (quick, pair) in out.iter().zip(words.chunks_exact(2)) {
            let slow = of([pair[0], pair[1]]);
            assert_eq!(quick.to_bits(), slow.to_bits(), "{pair:?}: {quick} {slow}");
        }
    }

    #[test]
    fn many_at_once_are_the_same_to_the_bit() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        check(&(0..400_001 * 2).map(|_| rng.next_u32()).collect::<Vec<_>>());
        // Ends of both ranges, quarters of a turn, and powers of two, each with each.
        let mut edges = vec![0, 1, 2, u32::MAX, u32::MAX - 1, 3 << 30, (3 << 30) - 1, (3 << 30) + 1];
        edges.extend((0..32).flat_map(|bit| [1u32 << bit, (1u32 << bit) - 1, (1u32 << bit) + 1]));
        check(&edges.iter().flat_map(|a| edges.iter().flat_map(move |b| [*a, *b])).collect::<Vec<_>>());
    }

    #[test]
    fn the_quick_way_is_far_closer_than_its_doubt() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for _ in 0..100_000 {
            let (u, v) = uniforms([rng.next_u32(), rng.next_u32()]);
            let slow = libm::sqrt(-2.0 * libm::log(u)) * libm::cos(std::f64::consts::TAU * v);
            assert!(((-2.0 * ln(u)).sqrt() * cos_turn(v) - slow).abs() < DOUBT / 20.0, "{u} {v}");
        }
    }
}
