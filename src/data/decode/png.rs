//! The side chunks of a PNG that say what its colours mean (PNG specification, third edition, 11.3).

use std::io::Read;
use std::ops::Range;

use flate2::read::ZlibDecoder;

use super::color_management::Meaning;
use crate::data::limits::{self, Bounded};

/// Longest colour profile that is unpacked.
fn most() -> u64 {
    limits::memory(Bounded::ColorProfile, 0)
}

/// What the chunks say.
#[derive(Default)]
pub(super) struct Sides {
    /// What the colours mean.
    pub meaning: Meaning,
    /// EXIF, wherever it stands.
    pub exif: Option<Range<usize>>,
    /// A chunk that would unpack to more than a profile has and must not reach the decoder.
    pub bomb: Option<Range<usize>>,
}

/// Reads the chunks beside the pixels. Of several statements the most precise counts: cICP, then iCCP, sRGB, gAMA.
pub(super) fn sides(bytes: &[u8]) -> Sides {
    let mut sides = Sides::default();
    let (mut cicp, mut profile, mut srgb, mut gamma, mut chroma) = (None, None, false, None, None);
    let mut at = 8;
    let mut pixels = false;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(data) = bytes.get(at + 8..at + 8 + length) else { break };
        match &head[4..] {
            b"IDAT" => pixels = true,
            b"eXIf" => sides.exif = Some(at + 8..at + 8 + length),
            // What says how to read pixels comes before them.
            b"cICP" if !pixels && length == 4 => cicp = Some([data[0], data[1], data[2], data[3]]),
            b"iCCP" if !pixels && profile.is_none() => match unpacked(data) {
                Some(found) if found.len() as u64 > most() => {
                    sides.bomb = Some(at..(at + 12 + length).min(bytes.len()));
                    profile = Some(Vec::new());
                }
                found => profile = Some(found.unwrap_or_default()),
            },
            b"sRGB" if !pixels => srgb = true,
            b"gAMA" if !pixels && length == 4 => gamma = Some(word(data, 0)),
            b"cHRM" if !pixels && length == 32 => chroma = Some(std::array::from_fn(|i| word(data, i))),
            b"IEND" => break,
            _ => {}
        }
        at += 12 + length;
    }
    sides.meaning = if let Some(code) = cicp {
        Meaning::Code(code)
    } else if let Some(profile) = profile {
        Meaning::Profile(profile)
    } else if srgb {
        Meaning::Srgb
    } else if let Some(gamma) = gamma {
        Meaning::Gamma { gamma, chroma }
    } else {
        Meaning::Srgb
    };
    sides
}

fn word(data: &[u8], i: usize) -> u32 {
    u32::from_be_bytes(std::array::from_fn(|k| data[4 * i + k]))
}

/// The profile of an iCCP chunk: a name, a zero, the method, packed bytes. One byte too many says that it is too long.
fn unpacked(data: &[u8]) -> Option<Vec<u8>> {
    let name = data.iter().take(80).position(|&b| b == 0)?;
    let packed = data.get(name + 2..)?;
    let mut profile = Vec::new();
    ZlibDecoder::new(packed).take(most() + 1).read_to_end(&mut profile).ok()?;
    Some(profile)
}
