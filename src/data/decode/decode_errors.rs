//! Why a file cannot be used, in plain words; the decoder's own are kept as detail.

use std::io::ErrorKind;

use image::{ImageError, ImageFormat};

use super::{jpeg, tiff};

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) struct Reason {
    /// For a person, with what to do where something can be done.
    pub what: String,
    /// What the decoder said.
    pub detail: Option<String>,
}

impl From<String> for Reason {
    fn from(what: String) -> Self {
        Self { what, detail: None }
    }
}

impl From<&str> for Reason {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

pub(super) const CUT: &str = "The file is cut off";
const DAMAGED: &str = "The file is damaged; copy or download it again";

/// Why these bytes of a known format were not decoded.
pub(super) fn of_image(e: ImageError, format: ImageFormat, bytes: &[u8]) -> Reason {
    let sort = match format {
        ImageFormat::Jpeg => jpeg::refusal(bytes),
        ImageFormat::Tiff if matches!(e, ImageError::Unsupported(_)) => {
            tiff::Tags::read(bytes).map(|tags| tags.refusal())
        }
        _ => None,
    };
    let detail = Some(e.to_string());
    let what = match e {
        _ if sort.is_some() => sort.unwrap_or_default(),
        ImageError::Limits(_) => "It would need too much memory to decode".into(),
        ImageError::Unsupported(_) => {
            let name = format.extensions_str().first().map_or_else(String::new, |e| e.to_uppercase());
            format!("This sort of {name} is not read; open it in a picture editor and save it as PNG")
        }
        ImageError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => CUT.into(),
        e => of_text(&e.to_string()).into(),
    };
    Reason { what, detail }
}

/// Why a GIF was not decoded.
pub(super) fn of_gif(e: gif::DecodingError) -> Reason {
    let text = e.to_string();
    let what = match e {
        gif::DecodingError::Io(e) if e.kind() == ErrorKind::UnexpectedEof => CUT,
        _ => of_text(&text),
    };
    Reason { what: what.into(), detail: Some(text) }
}

fn of_text(text: &str) -> &'static str {
    let low = text.to_lowercase();
    let cut = ["end of file", "eof", "end of data", "truncated", "fill whole buffer", "unexpected end", "enough data"];
    if cut.iter().any(|c| low.contains(c)) { CUT } else { DAMAGED }
}

/// Why bytes that are no readable picture are not.
pub(in crate::data) fn not_a_picture(head: &[u8]) -> String {
    let known: &[(&str, &[u8])] = &[
        ("a zip archive", b"PK\x03\x04"),
        ("a gzip archive", b"\x1f\x8b"),
        ("a PDF", b"%PDF"),
        ("a Photoshop file", b"8BPS"),
        ("a JPEG XL picture", b"\xff\x0a"),
        ("a JPEG XL picture", b"\0\0\0\x0cJXL "),
        ("a JPEG 2000 picture", b"\0\0\0\x0cjP  "),
        ("an OpenEXR picture", b"\x76\x2f\x31\x01"),
        ("a DDS texture", b"DDS "),
        ("a program", b"\x7fELF"),
        ("a video", b"\x1a\x45\xdf\xa3"),
    ];
    if let Some((what, _)) = known.iter().find(|(_, magic)| head.starts_with(magic)) {
        return format!("This is {what}, which is not read");
    }
    if head.get(4..8) == Some(b"ftyp") {
        let what = match head.get(8..12) {
            Some(b"avif" | b"avis") => "an AVIF picture",
            Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1") => "an HEIC picture",
            _ => "a video",
        };
        return format!("This is {what}, which is not read; save it as PNG or JPEG");
    }
    let text = head.iter().all(|&b| b >= 32 || b.is_ascii_whitespace()) && std::str::from_utf8(head).is_ok();
    if text && String::from_utf8_lossy(head).to_lowercase().contains("<svg") {
        return "This is an SVG drawing, which is not read; save it as PNG".into();
    }
    if text { "This is text, not a picture".into() } else { "This is not a picture of a known format".into() }
}
