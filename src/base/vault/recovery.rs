//! The recovery key: what opens a library whose passphrase is lost.

use zeroize::Zeroizing;

use super::super::Result;
use super::key::{KEY, random};

/// Random bytes of it.
const BYTES: usize = 20;
/// Letters of a group.
const GROUP: usize = 4;
/// Groups: eight of the key, one that tells slips of the pen.
const GROUPS: usize = 9;
/// Digits and letters that are not mistaken for each other (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 160 random bits, written as nine groups of four letters and digits; the last group is a checksum.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey(Zeroizing<[u8; BYTES]>);

impl std::fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryKey(…)")
    }
}

impl RecoveryKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn random() -> Result<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// As a person writes it down.
    pub fn to_text(&self) -> Zeroizing<String> {
        let letters = letters(&self.0);
        let groups: Vec<&str> =
            letters.as_bytes().chunks(GROUP).map(|g| std::str::from_utf8(g).unwrap_or_default()).collect();
        Zeroizing::new(groups.join("-"))
    }

    /// Reads one, in any case, with or without dashes and spaces, with O for 0 and I or L for 1; nothing if it is none
    /// or was copied wrongly.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut clean = Zeroizing::new(String::with_capacity(GROUP * GROUPS));
        for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            clean.push(match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            });
        }
        if clean.chars().count() != GROUP * GROUPS {
            return None;
        }
        let mut bits = Vec::with_capacity(BYTES * 8);
        for c in clean.bytes().take(BYTES * 8 / 5) {
            let value = LETTERS.iter().position(|l| *l == c)?;
            bits.extend((0..5).rev().map(|i| (value >> i & 1) as u8));
        }
        let mut bytes = Zeroizing::new([0; BYTES]);
        for (byte, bits) in bytes.iter_mut().zip(bits.chunks(8)) {
            *byte = bits.iter().fold(0, |sum, bit| sum << 1 | bit);
        }
        (*letters(&bytes) == *clean).then_some(Self(bytes))
    }

    /// What seals the data key. The bits are random, so nothing has to be made slow.
    pub(super) fn key(&self) -> Zeroizing<[u8; KEY]> {
        Zeroizing::new(blake3::derive_key("latent-studio vault v1: recovery", &self.0[..]))
    }
}

fn letters(bytes: &[u8; BYTES]) -> Zeroizing<String> {
    let sum = blake3::derive_key("latent-studio vault v1: recovery checksum", bytes);
    // 160 bits are 32 letters, 20 more are four.
    let all = bytes.iter().chain(&sum[..3]);
    let bits: Vec<u8> = all.flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    let values = bits.chunks(5).take(GROUP * GROUPS).map(|five| five.iter().fold(0, |sum, b| sum << 1 | b) as usize);
    Zeroizing::new(values.map(|v| LETTERS[v] as char).collect())
}
