//! From the bytes of a text file to text, whatever it was written with.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// Bytes that are looked at to guess an encoding.
const LOOKED_AT: usize = 1 << 20;

/// The text, and the name of its encoding where it had to be guessed.
pub(super) fn decoded(bytes: &[u8]) -> (String, Option<&'static str>) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return (encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned(), None);
    }
    if let Some(encoding) = wide(bytes) {
        return (encoding.decode_without_bom_handling(bytes).0.into_owned(), Some(encoding.name()));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.to_owned(), None);
    }
    let encoding = guessed(bytes);
    (encoding.decode_without_bom_handling(bytes).0.into_owned(), Some(encoding.name()))
}

/// The encoding of bytes that are no UTF-8.
pub(super) fn guessed(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let some = &bytes[..bytes.len().min(LOOKED_AT)];
    detector.feed(some, some.len() == bytes.len());
    detector.guess(None, Utf8Detection::Deny)
}

/// UTF-16 without a mark: text of which every second byte is mostly zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let some = &bytes[..bytes.len().min(4096) & !1];
    if some.len() < 4 {
        return None;
    }
    let zeros = |odd: usize| some.iter().skip(odd).step_by(2).filter(|&&b| b == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), some.len() / 2);
    if odd * 10 > pairs * 4 && even * 10 < pairs {
        Some(UTF_16LE)
    } else if even * 10 > pairs * 4 && odd * 10 < pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Whether this is text for people: no control characters but tabs and ends of lines, and nothing that was not decoded.
pub(super) fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c == char::REPLACEMENT_CHARACTER || c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_gives_the_same_text() {
        let text = "file\tcaption\na.png\tTür, Ångström und Garçon\nb.png\tKäse für Zoë\n";
        let utf16 = |big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        };
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(b"\xef\xbb\xbf", text.as_bytes()),
            marked(b"\xff\xfe", &utf16(false)),
            marked(b"\xfe\xff", &utf16(true)),
            utf16(false),
            utf16(true),
            encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        ] {
            assert_eq!(decoded(&bytes).0, text);
        }
        assert_eq!(decoded(&encoding_rs::WINDOWS_1252.encode(text).0).1, Some("windows-1252"));
        let japanese = "猫の写真\t白い猫が座っている\n犬の写真\t犬が走っている\n";
        assert_eq!(decoded(&encoding_rs::SHIFT_JIS.encode(japanese).0).0, japanese);
        assert_eq!(decoded(b"").0, "");
        assert!(is_text(text) && !is_text("a\0b"));
    }
}
