//! What encoding the names in a zip are in, where they are neither marked as UTF-8 nor can be read as such.
//!
//! The format's own is IBM code page 437; archivers of other countries write that of their system instead.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, IBM866, WINDOWS_1252};

/// Bytes of names that are looked at.
const LOOKED_AT: usize = 1 << 16;

/// The encoding of names that are no UTF-8; nothing where code page 437 reads them best.
pub(super) fn encoding_of<'a>(names: impl Iterator<Item = &'a [u8]>) -> Option<&'static Encoding> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let (mut high, mut low, mut latin, mut seen) = (0usize, 0usize, true, 0usize);
    for name in names {
        if seen >= LOOKED_AT {
            break;
        }
        seen += name.len();
        detector.feed(name, false);
        detector.feed(b"\n", false);
        // Endings are ASCII in every language.
        let stem = name.iter().rposition(|&b| b == b'.').map_or(name, |dot| &name[..dot]);
        for &byte in stem {
            match byte {
                0x80..=0xff => high += 1,
                b'a'..=b'z' | b'A'..=b'Z' => low += 1,
                _ => {}
            }
            // Letters of code page 437; the rest of its upper half are frames, Greek and mathematics.
            latin &= byte < 0xa6 || byte == 0xe1;
        }
    }
    if high == 0 {
        return None;
    }
    detector.feed(b"", true);
    let found = detector.guess(None, Utf8Detection::Deny);
    // In scripts of their own most letters are beyond ASCII; in Latin ones a few have accents.
    if 2 * high >= low && !is_western(found) {
        return Some(found);
    }
    if latin {
        return None;
    }
    let single = found.is_single_byte() && found != IBM866 && is_latin(found);
    Some(if single { found } else { WINDOWS_1252 })
}

fn is_western(encoding: &'static Encoding) -> bool {
    encoding == WINDOWS_1252
}

/// Whether an encoding is of languages that are written in Latin letters.
fn is_latin(encoding: &'static Encoding) -> bool {
    matches!(
        encoding.name(),
        "windows-1252"
            | "windows-1250"
            | "windows-1254"
            | "windows-1257"
            | "windows-1258"
            | "ISO-8859-2"
            | "ISO-8859-4"
    )
}

/// A name as text.
pub(super) fn decoded(raw: &[u8], encoding: &'static Encoding) -> String {
    encoding.decode_without_bom_handling(raw).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{GBK, SHIFT_JIS, WINDOWS_1251};

    fn found(names: &[&str], encoding: &'static Encoding) -> (Option<&'static Encoding>, Vec<Vec<u8>>) {
        let raw: Vec<Vec<u8>> = names.iter().map(|n| encoding.encode(n).0.into_owned()).collect();
        (encoding_of(raw.iter().map(Vec::as_slice)), raw)
    }

    #[test]
    fn names_are_read_in_the_encoding_they_were_written_in() {
        let sets: [(&[&str], &'static Encoding); 4] = [
            (&["写真/東京の夜景.jpg", "写真/富士山と桜の花.jpg", "写真/テスト画像.jpg"], SHIFT_JIS),
            (&["照片/北京的夜晚.jpg", "照片/长城和天安门广场.jpg"], GBK),
            (&["Фото/Москва ночью.jpg", "Фото/Красная площадь.jpg"], WINDOWS_1251),
            (&["Фото/Москва ночью.jpg", "Фото/Красная площадь.jpg"], IBM866),
        ];
        for (names, encoding) in sets {
            let (guess, raw) = found(names, encoding);
            let guess = guess.unwrap_or_else(|| panic!("{} was not found", encoding.name()));
            let back: Vec<String> = raw.iter().map(|n| decoded(n, guess)).collect();
            assert_eq!(back, names, "{} was taken for {}", encoding.name(), guess.name());
        }
    }

    #[test]
    fn accents_of_western_languages_are_of_code_page_437_or_1252() {
        // "Gr\u{fc}n", "caf\u{e9}" in code page 437.
        assert_eq!(encoding_of([b"Gr\x81n/caf\x82.png".as_slice(), b"M\x84rz.png"].into_iter()), None);
        let (guess, raw) = found(&["Grün/café.png", "März.png", "Übung.png"], WINDOWS_1252);
        assert_eq!(guess.map(|g| decoded(&raw[0], g)).as_deref(), Some("Grün/café.png"));
        assert_eq!(encoding_of([b"plain.png".as_slice()].into_iter()), None);
    }
}
