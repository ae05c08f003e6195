//! One seed, many named random streams (ChaCha8), each with a position that can be kept and restored.
//!
//! Normal deviates come from Box–Muller on `libm`, so that they are the same on every platform.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use super::normal;

/// A named random stream.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// Where a [`Stream`] stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    seed: [u8; 32],
    position: u64,
}

impl Stream {
    /// The stream `name` of `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// Where the stream stands.
    pub fn state(&self) -> StreamState {
        // 2^64 words are never drawn.
        StreamState { seed: self.0.get_seed(), position: self.0.get_word_pos() as u64 }
    }

    /// The stream at a kept place.
    pub fn from_state(state: &StreamState) -> Self {
        let mut rng = ChaCha8Rng::from_seed(state.seed);
        rng.set_word_pos(u128::from(state.position));
        Self(rng)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`, with 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in `0..n` (`n > 0`), without bias.
    pub fn below(&mut self, n: u64) -> u64 {
        let zone = u64::MAX - u64::MAX % n;
        loop {
            let bits = self.bits();
            if bits < zone {
                return bits % n;
            }
        }
    }

    /// Standard normal (Box–Muller, cosine half).
    pub fn normal(&mut self) -> f32 {
        normal::of([self.0.next_u32(), self.0.next_u32()])
    }

    /// `n` standard normals.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        let mut out = vec![0.0; n];
        normal::fill(&mut out, |words| {
            let mut bytes = [0u8; 4 * normal::WORDS];
            let bytes = &mut bytes[..4 * words.len()];
            self.0.fill_bytes(bytes);
            for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
                *word = u32::from_le_bytes(*bytes);
            }
        });
        out
    }

    /// Fisher–Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// The latent that belongs to a seed: `dim` standard normals. Frozen: recipes in pictures rely on it.
pub fn latent_from_seed(seed: u64, dim: usize) -> Vec<f32> {
    Stream::new(seed, "latent").normals(dim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_where_it_was_kept() {
        let mut a = Stream::new(7, "x");
        for _ in 0..5 {
            a.uniform();
        }
        let mut b = Stream::from_state(&a.state());
        assert_eq!(a.normals(9), b.normals(9));
        assert_ne!(Stream::new(7, "x").bits(), Stream::new(7, "y").bits());
    }

    #[test]
    fn many_normals_are_drawn_as_one_after_another() {
        let (mut one, mut many) = (Stream::new(4, "n"), Stream::new(4, "n"));
        for n in [1, 7, 300, 5000] {
            let slow: Vec<u32> = (0..n).map(|_| one.normal().to_bits()).collect();
            assert_eq!(many.normals(n).iter().map(|v| v.to_bits()).collect::<Vec<_>>(), slow);
            assert_eq!((one.state(), one.below(9)), (many.state(), many.below(9)));
        }
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let xs = Stream::new(1, "n").normals(20_000);
        let mean = xs.iter().sum::<f32>() / 20_000.0;
        let var = xs.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.03, "{mean} {var}");
    }

    #[test]
    fn below_is_in_range_and_shuffle_permutes() {
        let mut s = Stream::new(3, "s");
        assert!((0..1000).all(|_| s.below(7) < 7));
        let mut v: Vec<u32> = (0..100).collect();
        s.shuffle(&mut v);
        assert_ne!(v, (0..100).collect::<Vec<_>>());
        v.sort_unstable();
        assert_eq!(v, (0..100).collect::<Vec<_>>());
    }
}
