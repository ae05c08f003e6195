//! The tags of a TIFF that say how to read it, of the classic and of the big kind (TIFF 6.0; BigTIFF, 2007).

use std::ops::Range;

/// Entries of a directory that are looked at, at most.
const ENTRIES: u64 = 4096;
/// Values of a list that are kept, at most.
const VALUES: u64 = 16;

/// What the first directory says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tags {
    bits: Vec<u64>,
    format: u64,
    compression: u64,
    photometric: u64,
    samples: u64,
    extra: Vec<u64>,
    /// Where the colour profile lies.
    pub icc: Option<Range<usize>>,
}

/// Numbers in the byte order of the file.
struct File<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl File<'_> {
    fn number(&self, at: u64, size: u64) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let part = self.bytes.get(at..at.checked_add(size as usize)?)?;
        let add = |sum: u64, b: &u8| sum << 8 | u64::from(*b);
        Some(if self.little { part.iter().rev().fold(0, add) } else { part.iter().fold(0, add) })
    }
}

impl Tags {
    /// Reads the first directory.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let little = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let file = File { bytes, little };
        let big = file.number(2, 2)? == 43;
        let (mut at, count, step, word) = if big {
            let at = file.number(8, 8)?;
            (at.checked_add(8)?, file.number(at, 8)?, 20, 8)
        } else {
            let at = file.number(4, 4)?;
            (at + 2, file.number(at, 2)?, 12, 4)
        };
        let mut tags = Self { samples: 1, format: 1, compression: 1, ..Self::default() };
        for _ in 0..count.min(ENTRIES) {
            let (tag, kind, n) = (file.number(at, 2)?, file.number(at + 2, 2)?, file.number(at + 4, word)?);
            let size = match kind {
                1 | 2 | 6 | 7 => 1,
                3 | 8 => 2,
                4 | 9 | 11 => 4,
                _ => 8,
            };
            let inside = at + 4 + word;
            let start = if n.saturating_mul(size) <= word { inside } else { file.number(inside, word)? };
            let values = || (0..n.min(VALUES)).map_while(|i| file.number(start.checked_add(i * size)?, size)).collect();
            let first = || file.number(start, size).unwrap_or_default();
            match tag {
                258 => tags.bits = values(),
                259 => tags.compression = first(),
                262 => tags.photometric = first(),
                277 => tags.samples = first(),
                338 => tags.extra = values(),
                339 => tags.format = first(),
                34_675 => {
                    let start = usize::try_from(start).ok();
                    let range = start.and_then(|s| Some(s..s.checked_add(usize::try_from(n).ok()?)?));
                    tags.icc = range.filter(|r| size == 1 && bytes.get(r.clone()).is_some());
                }
                _ => {}
            }
            at += step;
        }
        Some(tags)
    }

    /// Whether colours are multiplied by the alpha that is in the file.
    pub fn is_premultiplied(&self) -> bool {
        self.extra.first() == Some(&1)
    }

    /// What this file holds and what to do, in plain words, where the decoder does not read it.
    pub fn refusal(&self) -> String {
        let packed = match self.compression {
            1 | 5 | 7 | 8 | 32_773 | 32_946 => None,
            2..=4 => Some("as a fax"),
            6 => Some("by the old kind of JPEG"),
            34_712 => Some("by JPEG 2000"),
            34_887 => Some("by LERC"),
            50_000 => Some("by Zstandard"),
            50_001 => Some("by WebP"),
            _ => Some("by a rare method"),
        };
        if let Some(packed) = packed {
            return format!("This TIFF is packed {packed}, which is not read; save it again unpacked or with LZW");
        }
        let what = match self.photometric {
            3 => Some("a palette"),
            6 => Some("the colours of video (YCbCr)"),
            8..=10 => Some("Lab colours"),
            5 => Some("print colours of this kind"),
            _ => None,
        };
        if let Some(what) = what {
            return format!("This TIFF has {what}, which are not read; save it again as RGB");
        }
        let bits = self.bits.first().copied().unwrap_or(1);
        let numbers = match self.format {
            2 => "signed integers",
            3 => "floating-point numbers",
            5 | 6 => "complex numbers",
            _ => "integers",
        };
        let channels = match self.samples {
            1 => "one channel".to_owned(),
            n => format!("{n} channels"),
        };
        format!(
            "This TIFF holds {channels} of {bits}-bit {numbers}, as instruments write them, which is not read; save it \
             as 8- or 16-bit grey or RGB (in ImageJ: Image › Type)"
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A TIFF of 32-bit entries `(tag, kind, values)`, pixels behind the directory; `big` for BigTIFF.
    pub fn tiff(width: u32, height: u32, big: bool, more: &[(u16, u16, u64)], pixels: &[u8]) -> Vec<u8> {
        let mut entries: Vec<(u16, u16, u64)> = vec![(256, 4, u64::from(width)), (257, 4, u64::from(height))];
        entries.extend(more);
        let (head, step) = if big { (16 + 8, 20) } else { (8 + 2, 12) };
        let pixels_at = (head + step * (entries.len() + 3) + 8) as u64;
        entries.extend([(273, 4, pixels_at), (278, 4, u64::from(height)), (279, 4, pixels.len() as u64)]);
        entries.sort_unstable();
        let mut out = if big { b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec() } else { b"II*\0\x08\0\0\0".to_vec() };
        if big {
            out.extend((entries.len() as u64).to_le_bytes());
        } else {
            out.extend((entries.len() as u16).to_le_bytes());
        }
        for (tag, kind, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            // Four shorts fit into a value of the big kind.
            let count: u64 = if kind == 3 && value > 0xffff { 4 } else { 1 };
            if big {
                out.extend(count.to_le_bytes());
                out.extend(value.to_le_bytes());
            } else {
                out.extend((count as u32).to_le_bytes());
                out.extend((value as u32).to_le_bytes());
            }
        }
        out.resize(pixels_at as usize, 0);
        out.extend(pixels);
        out
    }

    #[test]
    fn both_kinds_say_the_same() {
        let more = [(258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1), (338, 3, 1)];
        let small = Tags::read(&tiff(8, 8, false, &more, &[7; 64])).unwrap();
        assert_eq!(Some(&small), Tags::read(&tiff(8, 8, true, &more, &[7; 64])).as_ref());
        assert_eq!((small.bits.as_slice(), small.photometric, small.is_premultiplied()), (&[8][..], 1, true));
    }

    #[test]
    fn nonsense_ends_quietly() {
        assert_eq!(Tags::read(b"II*\0\xff\xff\xff\xff"), None);
        assert_eq!(Tags::read(b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(Tags::read(b"MM"), None);
    }

    #[test]
    fn what_is_not_read_is_named_with_what_to_do() {
        let of = |compression, photometric, format, bits| Tags {
            bits: vec![bits],
            format,
            compression,
            photometric,
            samples: 1,
            ..Tags::default()
        };
        assert!(of(1, 1, 3, 64).refusal().contains("one channel of 64-bit floating-point"));
        assert!(of(34_887, 1, 1, 8).refusal().contains("LERC"));
        assert!(of(1, 3, 1, 8).refusal().contains("palette"));
    }
}
