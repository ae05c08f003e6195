//! EXIF, as TIFF writes it (CIPA DC-008): who, with what, when, where.

use std::collections::HashSet;

use super::{Found, Gives};

/// Pictures in a file that are followed.
const DEEPEST: usize = 4;
/// Most entries of a directory.
const MOST: usize = 512;

/// A TIFF structure and its order of bytes.
struct Tiff<'a> {
    bytes: &'a [u8],
    big: bool,
}

/// An entry of a directory.
struct Entry<'a> {
    tag: u16,
    kind: u16,
    value: &'a [u8],
}

impl<'a> Tiff<'a> {
    fn u16(&self, at: usize) -> Option<u16> {
        let two = self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u16::from_be_bytes(*two) } else { u16::from_le_bytes(*two) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u32::from_be_bytes(*four) } else { u32::from_le_bytes(*four) })
    }

    fn entries(&self, at: usize) -> Vec<Entry<'a>> {
        let count = usize::from(self.u16(at).unwrap_or(0)).min(MOST);
        (0..count).filter_map(|i| self.entry(at + 2 + 12 * i)).collect()
    }

    fn entry(&self, at: usize) -> Option<Entry<'a>> {
        let (tag, kind) = (self.u16(at)?, self.u16(at + 2)?);
        let each = match kind {
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => 1,
        };
        let size = usize::try_from(self.u32(at + 4)?).ok()?.checked_mul(each)?;
        let from = if size <= 4 { at + 8 } else { usize::try_from(self.u32(at + 8)?).ok()? };
        Some(Entry { tag, kind, value: self.bytes.get(from..from.checked_add(size)?)? })
    }

    fn number(&self, entry: &Entry<'_>) -> Option<usize> {
        let inner = Tiff { bytes: entry.value, big: self.big };
        if entry.kind == 3 { inner.u16(0).map(usize::from) } else { inner.u32(0).map(|n| n as usize) }
    }

    /// Degrees, minutes, seconds as degrees.
    fn degrees(&self, entry: &Entry<'_>) -> Option<f64> {
        let inner = Tiff { bytes: entry.value, big: self.big };
        let part =
            |i: usize| -> Option<f64> { Some(f64::from(inner.u32(8 * i)?) / f64::from(inner.u32(8 * i + 4)?.max(1))) };
        Some(part(0)? + part(1).unwrap_or(0.0) / 60.0 + part(2).unwrap_or(0.0) / 3600.0)
    }
}

/// What is known of a tag: its name, and what it gives away.
fn known(tag: u16) -> Option<(&'static str, Gives)> {
    Some(match tag {
        0x010E => ("description", Gives::Text),
        0x010F => ("camera's make", Gives::Device),
        0x0110 => ("camera's model", Gives::Device),
        0x0131 => ("software", Gives::Program),
        0x0132 => ("changed", Gives::Time),
        0x013B => ("artist", Gives::User),
        0x013C => ("host computer", Gives::Device),
        0x8298 => ("copyright", Gives::User),
        0x9003 => ("taken", Gives::Time),
        0x9004 => ("digitised", Gives::Time),
        0x9C9B | 0x9C9C | 0x9C9E | 0x9C9F => ("title or comment", Gives::Text),
        0x9C9D => ("author", Gives::User),
        0xA420 => ("number of the picture", Gives::Device),
        0xA430 => ("camera's owner", Gives::User),
        0xA431 | 0xA435 => ("serial number", Gives::Device),
        0xA433 | 0xA434 => ("lens", Gives::Device),
        _ => return None,
    })
}

fn plain(bytes: &[u8]) -> String {
    // Windows writes its own tags in UTF-16; what is between the letters goes.
    String::from_utf8_lossy(bytes).chars().filter(|c| *c != '\0').collect()
}

/// Reads a TIFF structure.
pub(super) fn read(bytes: &[u8], at: &str, found: &mut Found) {
    let big = bytes.starts_with(b"MM");
    if !big && !bytes.starts_with(b"II") {
        return;
    }
    let tiff = Tiff { bytes, big };
    let mut visited = HashSet::new();
    let mut next = tiff.u32(4).map(|n| n as usize);
    for _ in 0..DEEPEST {
        let Some(place) = next.filter(|n| *n > 0) else { return };
        directory(&tiff, place, at, &mut visited, found);
        next = tiff.u16(place).and_then(|n| tiff.u32(place + 2 + 12 * usize::from(n))).map(|n| n as usize);
    }
}

/// Reads a directory and those that it points at, each once.
fn directory(tiff: &Tiff<'_>, place: usize, at: &str, visited: &mut HashSet<usize>, found: &mut Found) {
    if visited.len() >= MOST || !visited.insert(place) {
        return;
    }
    for entry in tiff.entries(place) {
        match entry.tag {
            0x8769 | 0xA005 => {
                if let Some(inside) = tiff.number(&entry) {
                    directory(tiff, inside, at, visited, found);
                }
            }
            0x8825 => {
                if let Some(inside) = tiff.number(&entry) {
                    gps(tiff, inside, at, found);
                }
            }
            // XMP and IPTC inside TIFF.
            0x02BC => super::text::xmp(&plain(entry.value), at, found),
            0x83BB => super::pictures::iptc(entry.value, at, found),
            // The first eight bytes name the characters.
            0x9286 => found.add(Gives::Text, &format!("{at} comment"), plain(entry.value.get(8..).unwrap_or_default())),
            0x927C if !entry.value.is_empty() => {
                found.add(Gives::Device, &format!("{at} maker's notes"), format!("{} bytes", entry.value.len()));
            }
            tag => {
                if let Some((name, gives)) = known(tag) {
                    found.add(gives, &format!("{at} {name}"), plain(entry.value));
                }
            }
        }
    }
}

fn gps(tiff: &Tiff<'_>, place: usize, at: &str, found: &mut Found) {
    let entries = tiff.entries(place);
    let find = |tag: u16| entries.iter().find(|e| e.tag == tag);
    let side = |tag: u16| find(tag).map(|e| plain(e.value)).unwrap_or_default();
    let degrees = |tag: u16| find(tag).and_then(|e| tiff.degrees(e));
    if let (Some(north), Some(east)) = (degrees(2), degrees(4)) {
        let says = format!("{north:.5}° {} {east:.5}° {}", side(1), side(3));
        found.add(Gives::Place, &format!("{at} GPS"), says);
    } else if !entries.is_empty() {
        found.add(Gives::Place, &format!("{at} GPS"), format!("{} entries", entries.len()));
    }
    if let Some(date) = find(29) {
        found.add(Gives::Time, &format!("{at} GPS date"), plain(date.value));
    }
}
