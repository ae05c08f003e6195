//! The code of a watermark: which frequencies carry what.
//!
//! A tile of 64 pixels has [`bins`] frequencies in a ring of the middle, each with a cosine and a sine that carry a sign. A key
//! shuffles them: 256 carry the payload, the others a reference that a detector looks for. Payload and check are 56 bits in
//! eight symbols of seven, each a row of the Hadamard matrix of order 64 or its negative (a biorthogonal code, decoded
//! softly).

/// Pixels across and down after which the mark repeats.
pub const TILE: usize = 64;
/// Least and greatest radius of a frequency, squared, in cycles a tile: 0.09 to 0.27 cycles a pixel.
const RING: [i32; 2] = [36, 289];
/// Frequencies this near to an axis are left alone: edges of pictures and of JPEG blocks lie there.
const AXIS: i32 = 2;
/// Frequencies that carry the payload.
const PAYLOAD_BINS: usize = SYMBOLS * CHIPS / 2;
/// Symbols of payload and check.
const SYMBOLS: usize = 8;
/// Signs of a symbol: six bits choose the row, one its sign.
const CHIPS: usize = 64;
/// Bits of the check that goes with the payload.
pub const CHECK_BITS: u32 = 24;
/// The key of the studio. It is public: anybody may look for the mark.
pub const PUBLIC_KEY: &[u8] = b"latent-studio watermark 1";

/// Frequencies of the ring as cycles a tile across (positive) and down.
pub fn bins() -> Vec<(i32, i32)> {
    let most = RING[1].isqrt();
    let all = (AXIS..=most).flat_map(|kx| (-most..=most).map(move |ky| (kx, ky)));
    all.filter(|&(kx, ky)| ky.abs() >= AXIS && (RING[0]..=RING[1]).contains(&(kx * kx + ky * ky))).collect()
}

/// What a key makes of the frequencies.
pub struct Codebook {
    /// Frequencies, as [`bins`].
    pub bins: Vec<(i32, i32)>,
    /// Places in `bins` of the frequencies of the reference, with the signs of their cosines and sines.
    pub reference: Vec<(usize, [f32; 2])>,
    payload: Vec<usize>,
    scramble: Vec<f32>,
    key: [u8; 32],
}

impl Codebook {
    /// The codebook of a key of any length.
    pub fn new(key: &[u8]) -> Self {
        let key = blake3::derive_key("latent-studio watermark codebook", key);
        let mut stream = blake3::Hasher::new_keyed(&key).finalize_xof();
        let mut draw = || {
            let mut bytes = [0; 8];
            stream.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        let bins = bins();
        let mut order: Vec<usize> = (0..bins.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, (draw() % (i as u64 + 1)) as usize);
        }
        let mut sign = || if draw() & 1 == 0 { 1.0 } else { -1.0 };
        let reference = order.split_off(PAYLOAD_BINS).into_iter().map(|bin| (bin, [sign(), sign()])).collect();
        let scramble = (0..SYMBOLS * CHIPS).map(|_| sign()).collect();
        Self { bins, reference, payload: order, scramble, key }
    }

    /// The check of a payload.
    fn check(&self, payload: u32) -> u32 {
        let hash = blake3::keyed_hash(&self.key, &payload.to_be_bytes());
        let [a, b, c, ..] = *hash.as_bytes();
        u32::from_be_bytes([0, a, b, c])
    }

    /// The signs of cosine and sine at each frequency, in the order of `bins`.
    pub fn signs(&self, payload: u32) -> Vec<[f32; 2]> {
        let word = u64::from(payload) << CHECK_BITS | u64::from(self.check(payload));
        let mut signs = vec![[0.0; 2]; self.bins.len()];
        for &(bin, pair) in &self.reference {
            signs[bin] = pair;
        }
        for symbol in 0..SYMBOLS {
            let value = word >> (7 * (SYMBOLS - 1 - symbol)) & 127;
            for chip in 0..CHIPS {
                let odd = (chip as u64 & value & 63).count_ones() as u64 + (value >> 6);
                let place = symbol * CHIPS + chip;
                signs[self.payload[place / 2]][place % 2] =
                    if odd & 1 == 0 { 1.0 } else { -1.0 } * self.scramble[place];
            }
        }
        signs
    }

    /// The payload that `coefficients` (real and imaginary parts in the order of `bins`, without translation) tell, if its
    /// check holds. With `repair`, one symbol may also be its second best.
    pub fn decode(&self, coefficients: &[[f32; 2]], repair: bool) -> Option<u32> {
        let mut best = [[(0.0f32, 0u64); 2]; SYMBOLS];
        for (symbol, best) in best.iter_mut().enumerate() {
            let mut chips = [0.0; CHIPS];
            for (chip, value) in chips.iter_mut().enumerate() {
                let place = symbol * CHIPS + chip;
                *value = coefficients[self.payload[place / 2]][place % 2] * self.scramble[place];
            }
            hadamard(&mut chips);
            for (row, value) in chips.iter().enumerate() {
                let told = (value.abs(), row as u64 | if *value < 0.0 { 64 } else { 0 });
                if told.0 > best[0].0 {
                    *best = [told, best[0]];
                } else if told.0 > best[1].0 {
                    best[1] = told;
                }
            }
        }
        let second = (0..SYMBOLS).map(Some).take(if repair { SYMBOLS } else { 0 });
        std::iter::once(None).chain(second).find_map(|other| {
            let word = best.iter().enumerate().fold(0, |word, (i, b)| word << 7 | b[usize::from(other == Some(i))].1);
            let payload = (word >> CHECK_BITS) as u32;
            let check = (word & ((1 << CHECK_BITS) - 1)) as u32;
            (self.check(payload) == check).then_some(payload)
        })
    }
}

/// The Walsh–Hadamard transform, in natural order.
fn hadamard(values: &mut [f32; CHIPS]) {
    let mut half = 1;
    while half < CHIPS {
        for start in (0..CHIPS).step_by(2 * half) {
            for i in start..start + half {
                let (a, b) = (values[i], values[i + half]);
                (values[i], values[i + half]) = (a + b, a - b);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_comes_back_and_damage_is_noticed() {
        let book = Codebook::new(PUBLIC_KEY);
        assert_eq!(book.payload.len() + book.reference.len(), book.bins.len());
        assert!(book.reference.len() > 60, "{} frequencies for the reference", book.reference.len());
        for payload in [0, 1, 0x8000_0000, 0xDEAD_BEEF, u32::MAX] {
            let signs = book.signs(payload);
            assert!(signs.iter().flatten().all(|s| s.abs() == 1.0));
            assert_eq!(book.decode(&signs, false), Some(payload));
            // Fifteen signs of a symbol wrong are still right; another sign of a whole symbol is not.
            let mut hurt = signs.clone();
            for place in 0..15 {
                hurt[book.payload[place / 2]][place % 2] *= -1.0;
            }
            assert_eq!(book.decode(&hurt, false), Some(payload));
            for place in 0..CHIPS {
                hurt[book.payload[place / 2]][place % 2] = -signs[book.payload[place / 2]][place % 2];
            }
            assert_eq!(book.decode(&hurt, false), None);
        }
    }

    #[test]
    fn another_key_reads_nothing() {
        let signs = Codebook::new(PUBLIC_KEY).signs(77);
        for key in 0..200u32 {
            assert_eq!(Codebook::new(&key.to_be_bytes()).decode(&signs, true), None);
        }
    }
}
