//! MP4: times in its headers, texts and packets in boxes of their own.

use super::{Found, Gives, text};
use crate::export::metadata::{KEY, RECIPE_UUID, XMP_UUID};

/// Boxes inside boxes that are followed.
const DEEPEST: usize = 12;
/// Seconds from the beginning of MP4's times, 1904, to 1970.
const EPOCH: u64 = 2_082_844_800;

pub(super) fn boxes(bytes: &[u8], within: &str, depth: usize, found: &mut Found) {
    let mut rest = bytes;
    while let Some(size) = rest.first_chunk::<4>() {
        let Some(kind) = rest.get(4..8) else { return };
        let (head, length) = match u32::from_be_bytes(*size) {
            0 => (8, rest.len()),
            1 => match rest.get(8..).and_then(|r| r.first_chunk::<8>()) {
                Some(long) => (16, usize::try_from(u64::from_be_bytes(*long)).unwrap_or(usize::MAX)),
                None => return,
            },
            n => (8, n as usize),
        };
        let Some(body) = rest.get(head..length.min(rest.len())) else { return };
        let name = String::from_utf8_lossy(kind).into_owned();
        let at = if within.is_empty() { name } else { format!("{within}/{name}") };
        one(kind, body, &at, depth, found);
        match rest.get(length.max(8)..) {
            Some(next) => rest = next,
            None => return,
        }
    }
}

fn one(kind: &[u8], body: &[u8], at: &str, depth: usize, found: &mut Found) {
    match kind {
        b"moov" | b"trak" | b"mdia" | b"minf" | b"ilst" if depth < DEEPEST => boxes(body, at, depth + 1, found),
        // In films of Apple's programs this one has no version.
        b"meta" if depth < DEEPEST => {
            let inside = if body.get(4..8) == Some(b"hdlr") { body } else { body.get(4..).unwrap_or_default() };
            boxes(inside, at, depth + 1, found);
        }
        b"udta" => {
            text::strings(body, at, found);
            if depth < DEEPEST {
                boxes(body, at, depth + 1, found);
            }
        }
        b"mvhd" | b"tkhd" | b"mdhd" => {
            let long = body.first() == Some(&1);
            let time = |i: usize| -> u64 {
                let part = body.get(4 + i * if long { 8 } else { 4 }..).unwrap_or_default();
                match long {
                    true => part.first_chunk().map_or(0, |b| u64::from_be_bytes(*b)),
                    false => part.first_chunk().map_or(0, |b| u64::from(u32::from_be_bytes(*b))),
                }
            };
            for (name, seconds) in [("made", time(0)), ("changed", time(1))] {
                if seconds > 0 {
                    let says = format!("{} seconds after 1970", seconds.saturating_sub(EPOCH));
                    found.add(Gives::Time, &format!("{at} {name}"), says);
                }
            }
        }
        b"uuid" => match body.split_first_chunk::<16>() {
            Some((id, packet)) if *id == XMP_UUID => text::xmp(&String::from_utf8_lossy(packet), "XMP", found),
            Some((id, packet)) if *id == RECIPE_UUID => {
                text::whole(&String::from_utf8_lossy(packet), "recipe", found);
            }
            _ => text::strings(body, at, found),
        },
        // What iTunes calls by a copyright sign: author, date, place, comment.
        [0xA9, rest @ ..] => {
            let says = String::from_utf8_lossy(body.get(16..).unwrap_or_default()).into_owned();
            let gives = match rest {
                b"day" => Gives::Time,
                b"ART" | b"aut" | b"cpy" => Gives::User,
                b"xyz" => Gives::Place,
                b"too" | b"swr" => Gives::Program,
                _ => Gives::Text,
            };
            match says.strip_prefix(KEY).and_then(|s| s.strip_prefix(':')) {
                Some(recipe) => text::whole(recipe, "recipe", found),
                None => found.add(gives, at, says),
            }
        }
        b"loci" => found.add(Gives::Place, at, "a place"),
        _ => {}
    }
}
