//! Pictures: chunks, segments and blocks beside their pixels.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{Found, Gives, exif, text};
use crate::export::certificate;
use crate::export::metadata::{KEY, XMP_KEY};

/// Most bytes that a packed text becomes.
const UNPACKED: u64 = 32 << 20;

fn be32(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

fn unpacked(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // What comes before damage counts.
    let _ = ZlibDecoder::new(bytes).take(UNPACKED).read_to_end(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

pub(super) fn png(bytes: &[u8], found: &mut Found) {
    let mut at = 8;
    while let Some(length) = be32(bytes, at) {
        let Some(kind) = bytes.get(at + 4..at + 8) else { return };
        let Some(body) = (at + 8).checked_add(length).and_then(|end| bytes.get(at + 8..end)) else { return };
        match kind {
            b"tEXt" => {
                if let Some((key, value)) = split(body) {
                    keyed(key, &String::from_utf8_lossy(value), found);
                }
            }
            b"zTXt" => {
                if let Some((key, value)) = split(body) {
                    keyed(key, &unpacked(value.get(1..).unwrap_or_default()), found);
                }
            }
            b"iTXt" => {
                // One that is damaged says nothing.
                let _ = itxt(body, found);
            }
            b"eXIf" => exif::read(body, "EXIF", found),
            b"tIME" => {
                if let [high, low, month, day, hour, minute, second] = body {
                    let year = u16::from_be_bytes([*high, *low]);
                    let says = format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
                    found.add(Gives::Time, "tIME", says);
                }
            }
            b"IEND" => {
                if let Some(rest) = bytes.get(at + 12..).filter(|r| !r.is_empty()) {
                    text::strings(rest, "behind the picture", found);
                }
                return;
            }
            _ => {}
        }
        at += 12 + length;
    }
}

fn itxt(body: &[u8], found: &mut Found) -> Option<()> {
    let (key, rest) = split(body)?;
    let packed = *rest.first()? == 1;
    let (_, rest) = split(rest.get(2..)?)?;
    let (_, value) = split(rest)?;
    let value = if packed { unpacked(value) } else { String::from_utf8_lossy(value).into_owned() };
    keyed(key, &value, found);
    Some(())
}

fn keyed(key: &[u8], value: &str, found: &mut Found) {
    let name = String::from_utf8_lossy(key).into_owned();
    match name.as_str() {
        XMP_KEY => text::xmp(value, "XMP", found),
        KEY => text::whole(value, "recipe", found),
        certificate::KEY => found.add(Gives::User, "certificate", "signed with the key of whoever exported it"),
        "Author" => found.add(Gives::User, "text Author", value),
        "Creation Time" | "date:create" | "date:modify" | "date:timestamp" => {
            found.add(Gives::Time, &format!("text {name}"), value);
        }
        "Software" => found.add(Gives::Program, "text Software", value),
        "Source" => found.add(Gives::Device, "text Source", value),
        "Raw profile type exif" | "Raw profile type APP1" => {
            if let Some(bytes) = raw_profile(value) {
                let from = bytes.strip_prefix(b"Exif\0\0").unwrap_or(&bytes);
                exif::read(from, "EXIF", found);
            }
        }
        _ => {
            let at = format!("text {name}");
            text::whole(value, &at, found);
            found.add(Gives::Text, &at, value);
        }
    }
}

/// EXIF as ImageMagick writes it into text: a name, a length, hexadecimal digits.
fn raw_profile(value: &str) -> Option<Vec<u8>> {
    let digits: String = value.split_whitespace().skip(2).collect();
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok()).collect()
}

pub(super) fn jpeg(bytes: &[u8], found: &mut Found) {
    let mut at = 2;
    while let Some([0xFF, kind, high, low]) = bytes.get(at..).and_then(|b| b.first_chunk()) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(body) = length.checked_sub(2).and_then(|n| bytes.get(at + 4..at + 4 + n)) else { return };
        match kind {
            0xE1 => {
                if let Some(tiff) = body.strip_prefix(b"Exif\0\0") {
                    exif::read(tiff, "EXIF", found);
                } else if let Some(xmp) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    text::xmp(&String::from_utf8_lossy(xmp), "XMP", found);
                } else if body.starts_with(b"http://ns.adobe.com/xmp/extension/\0") {
                    text::xmp(&String::from_utf8_lossy(body), "extended XMP", found);
                }
            }
            0xED => photoshop(body, found),
            0xFE => {
                let comment = String::from_utf8_lossy(body);
                text::whole(&comment, "comment", found);
                found.add(Gives::Text, "comment", comment);
            }
            // The pixels; what other programs put behind them is not looked for.
            0xDA => return,
            _ => {}
        }
        at += 2 + length;
    }
}

/// Photoshop's blocks, of which 0x0404 is IPTC.
fn photoshop(body: &[u8], found: &mut Found) {
    let Some(mut rest) = body.strip_prefix(b"Photoshop 3.0\0") else { return };
    while let Some(after) = rest.strip_prefix(b"8BIM") {
        let even = |n: usize| n + n % 2;
        let Some(name) = after.get(2).map(|n| even(usize::from(*n) + 1)) else { return };
        let Some(length) = be32(after, 2 + name) else { return };
        let from = 6 + name;
        let Some(block) = from.checked_add(length).and_then(|end| after.get(from..end)) else { return };
        if after.starts_with(&[4, 4]) {
            iptc(block, "IPTC", found);
        }
        let Some(next) = after.get(from + even(length)..) else { return };
        rest = next;
    }
}

/// IPTC records (IIM 4.2, application record).
pub(super) fn iptc(bytes: &[u8], at: &str, found: &mut Found) {
    let mut rest = bytes;
    while let [0x1C, record, number, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(value) = after.get(..length) else { return };
        let known = match (record, number) {
            (2, 80 | 85 | 122 | 116 | 110 | 118) => Some(("author or credit", Gives::User)),
            (2, 90 | 92 | 95 | 100 | 101) => Some(("place", Gives::Place)),
            (2, 55 | 60 | 62 | 63) => Some(("time", Gives::Time)),
            (2, 65 | 70) => Some(("program", Gives::Program)),
            (2, 5 | 25 | 105 | 120 | 40) => Some(("text", Gives::Text)),
            _ => None,
        };
        if let Some((name, gives)) = known {
            found.add(gives, &format!("{at} {name}"), String::from_utf8_lossy(value));
        }
        rest = &after[length..];
    }
}

pub(super) fn gif(bytes: &[u8], found: &mut Found) {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let Some(flags) = bytes.get(10) else { return };
    let mut at = 13 + table(*flags);
    // A run of blocks, each after its length.
    let blocks = |mut at: usize| -> (Vec<u8>, usize) {
        let mut out = Vec::new();
        while let Some(&n) = bytes.get(at) {
            if n == 0 {
                return (out, at + 1);
            }
            out.extend_from_slice(bytes.get(at + 1..at + 1 + usize::from(n)).unwrap_or_default());
            at += 1 + usize::from(n);
        }
        (out, at)
    };
    while let Some(kind) = bytes.get(at) {
        match kind {
            0x21 => {
                let label = bytes.get(at + 1).copied();
                if label == Some(0xFF) && bytes.get(at + 3..at + 14) == Some(b"XMP DataXMP") {
                    // XMP stands there as it is, not in blocks.
                    let packet = bytes.get(at + 14..).unwrap_or_default();
                    let end = packet.windows(2).position(|w| w == [1, 0xFF]).unwrap_or(packet.len());
                    text::xmp(&String::from_utf8_lossy(&packet[..end]), "XMP", found);
                }
                let (content, next) = blocks(at + 2);
                if label == Some(0xFE) {
                    let comment = String::from_utf8_lossy(&content).into_owned();
                    match comment.strip_prefix(KEY).and_then(|c| c.strip_prefix(':')) {
                        Some(recipe) => text::whole(recipe, "recipe", found),
                        None => {
                            text::whole(&comment, "comment", found);
                            found.add(Gives::Text, "comment", comment);
                        }
                    }
                }
                at = next;
            }
            0x2C => {
                let local = bytes.get(at + 9).map_or(0, |f| table(*f));
                at = blocks(at + 11 + local).1;
            }
            _ => return,
        }
    }
}

pub(super) fn webp(bytes: &[u8], found: &mut Found) {
    let mut at = 12;
    while let (Some(kind), Some(length)) = (
        bytes.get(at..at + 4),
        bytes.get(at + 4..).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b) as usize),
    ) {
        let Some(body) = (at + 8).checked_add(length).and_then(|end| bytes.get(at + 8..end)) else { return };
        match kind {
            b"EXIF" => exif::read(body.strip_prefix(b"Exif\0\0").unwrap_or(body), "EXIF", found),
            b"XMP " => text::xmp(&String::from_utf8_lossy(body), "XMP", found),
            _ => {}
        }
        at += 8 + length + length % 2;
    }
}
