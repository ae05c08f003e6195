//! From the bytes of a file to upright RGBA pixels, with limits, and a reason whenever that fails.

use std::cell::Cell;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use parking_lot::Mutex;

use crate::base::{Picture, Problem, Result};

/// Larger files are refused unread.
pub(super) const MAX_FILE: u64 = 512 << 20;
/// Longest side in pixels.
const MAX_SIDE: u32 = 16_384;
/// Most pixels of a picture.
const MAX_PIXELS: u64 = 100_000_000;
/// Shortest side in pixels; there is nothing to learn from fewer.
const MIN_SIDE: u32 = 4;
/// What a decoder may allocate.
const MAX_ALLOC: u64 = 1 << 30;
/// Pictures with more pixels are decoded one at a time, so that memory does not grow with the number of cores.
const LARGE: u64 = 16_000_000;

static ONE_LARGE: Mutex<()> = Mutex::new(());
/// What a thread keeps to read the next file into, at most.
const KEPT: usize = 4 << 20;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Decodes a picture: the first frame, upright by its EXIF orientation, 8-bit RGBA, all metadata dropped.
/// `name` is told in errors; its extension is used only for TGA, which has no signature.
///
/// # Errors
/// The bytes are no usable picture; [`Problem::what`] says why.
pub fn decode_bytes(bytes: &[u8], name: &str) -> Result<Picture> {
    // A decoder's panic is that file's fault, not the studio's end.
    catch_unwind(AssertUnwindSafe(|| decode(bytes, name)))
        .unwrap_or_else(|_| Err("The decoder failed on this file".into()))
        .map_err(|reason| Problem::data(reason).of(name))
}

/// Reads and decodes one picture file.
///
/// # Errors
/// It cannot be read or is no usable picture.
pub fn decode_file(path: &Path) -> Result<Picture> {
    let name = path.display().to_string();
    let bytes = read(path).map_err(|reason| Problem::data(reason).of(&name))?;
    decode_bytes(&bytes, &name)
}

/// The whole file, or the reason why not.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|e| io_reason(&e))?.len();
    if size > MAX_FILE {
        return Err(too_large(size));
    }
    std::fs::read(path).map_err(|e| io_reason(&e))
}

/// Hands on the bytes of a file that had `size` of them when it was listed. Opened, read and closed with one call each
/// if it still has as many, into memory of the thread that is used again.
pub(super) fn read_with<T>(path: &Path, size: u64, then: impl FnOnce(&[u8]) -> T) -> Result<T, String> {
    if size > MAX_FILE {
        return Err(too_large(size));
    }
    let mut buffer = BUFFER.take();
    let filled = fill(path, size as usize, &mut buffer);
    let value = match filled {
        Ok(n) if n as u64 > MAX_FILE => Err(too_large(n as u64)),
        Ok(n) => Ok(then(&buffer[..n])),
        Err(e) => Err(io_reason(&e)),
    };
    if buffer.len() <= KEPT {
        BUFFER.set(buffer);
    }
    value
}

/// Reads a file to its end, or past [`MAX_FILE`]; says how many bytes of the buffer it filled.
fn fill(path: &Path, size: usize, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut file = File::open(path)?;
    // Room for one more byte, so that a file that has grown is noticed by the same call.
    if buffer.len() <= size {
        buffer.resize(size + 1, 0);
    }
    let mut n = 0;
    loop {
        match file.read(&mut buffer[n..]) {
            Ok(0) => return Ok(n),
            Ok(more) => n += more,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
        if n == size || n as u64 > MAX_FILE {
            return Ok(n);
        }
        if n == buffer.len() {
            buffer.resize(2 * n, 0);
        }
    }
}

/// Says that a file is too large.
pub(super) fn too_large(size: u64) -> String {
    format!("The file is too large ({} MiB; at most {} MiB)", size >> 20, MAX_FILE >> 20)
}

/// Why a file could not be read, in plain words.
pub(super) fn io_reason(e: &std::io::Error) -> String {
    match e.kind() {
        ErrorKind::NotFound => "The file is not there".into(),
        ErrorKind::PermissionDenied => "No permission to read it".into(),
        ErrorKind::UnexpectedEof => "The file is cut off".into(),
        _ => format!("It cannot be read: {e}"),
    }
}

/// Extensions of formats that are read.
pub(super) const EXTENSIONS: &[&str] = &[
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "dib", "tif", "tiff", "tga", "pnm", "pbm",
    "pgm", "ppm", "pam", "qoi", "ico", "cur", "hdr",
];

/// The format by the first bytes, if it is one that is read.
pub(super) fn sniff(head: &[u8]) -> Option<ImageFormat> {
    image::guess_format(head).ok().filter(ImageFormat::reading_enabled)
}

/// The extension in small letters, or nothing.
pub(super) fn extension(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    base.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default()
}

/// Why bytes that are no readable picture are not.
pub(super) fn not_a_picture(head: &[u8]) -> String {
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

fn decode(bytes: &[u8], name: &str) -> Result<Picture, String> {
    if bytes.is_empty() {
        return Err("The file is empty".into());
    }
    let head = &bytes[..bytes.len().min(64)];
    let format = match sniff(head) {
        Some(format) => format,
        None if extension(name) == "tga" => ImageFormat::Tga,
        None => return Err(not_a_picture(head)),
    };
    if !is_whole(format, bytes) {
        return Err("The file is cut off".into());
    }
    // Sizes are checked below, with a clearer message; the decoder keeps to the limit of memory.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let _alone = (u64::from(width) * u64::from(height) > LARGE).then(|| ONE_LARGE.lock());
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(reason)?;
    pixels.apply_orientation(orientation);
    let rgba = if matches!(pixels, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) {
        from_linear(pixels.into_rgba32f())
    } else {
        pixels.into_rgba8()
    };
    Ok(Picture { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() })
}

/// Whether a picture of this size is used.
pub(super) fn check_size(width: u32, height: u32) -> Result<(), String> {
    if width.min(height) < MIN_SIDE && width.max(height) <= MAX_SIDE {
        return Err(format!("{width} × {height} pixels is too small (at least {MIN_SIDE} a side)"));
    }
    if width.max(height) > MAX_SIDE {
        return Err(format!("{width} × {height} pixels is too long (at most {MAX_SIDE} a side)"));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!("{width} × {height} pixels is too large (at most {} million)", MAX_PIXELS / 1_000_000));
    }
    Ok(())
}

/// Floating-point pictures hold linear light; screens and models want sRGB.
fn from_linear(pixels: image::Rgba32FImage) -> image::RgbaImage {
    let (width, height) = pixels.dimensions();
    let encode = |v: f32| {
        let v = v.clamp(0.0, 1.0);
        let s = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * libm::powf(v, 1.0 / 2.4) - 0.055 };
        (s * 255.0).round() as u8
    };
    image::RgbaImage::from_fn(width, height, |x, y| {
        let p = pixels.get_pixel(x, y).0;
        image::Rgba([encode(p[0]), encode(p[1]), encode(p[2]), (p[3].clamp(0.0, 1.0) * 255.0).round() as u8])
    })
}

fn reason(e: ImageError) -> String {
    match e {
        ImageError::Limits(_) => "It would need too much memory to decode".into(),
        ImageError::Unsupported(e) => format!("This kind of picture is not read: {e}"),
        ImageError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => "The file is cut off".into(),
        e => {
            let text = e.to_string();
            let low = text.to_lowercase();
            let cut = [
                "end of file",
                "eof",
                "end of data",
                "truncated",
                "fill whole buffer",
                "unexpected end",
                "enough data",
            ];
            if cut.iter().any(|c| low.contains(c)) {
                "The file is cut off".into()
            } else {
                format!("The file is damaged: {text}")
            }
        }
    }
}

/// Some decoders fill what is missing with grey and say nothing; these formats are checked for their end.
fn is_whole(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg_is_whole(bytes),
        ImageFormat::WebP => bytes
            .get(4..8)
            .and_then(|b| b.try_into().ok())
            .is_some_and(|b| u64::from(u32::from_le_bytes(b)) + 8 <= bytes.len() as u64),
        _ => true,
    }
}

/// Whether a JPEG reaches its end-of-image marker after at least one scan (ITU-T T.81, B.1).
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let (mut at, mut scans) = (2, 0);
    loop {
        let Some(ff) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff)) else { return false };
        at += ff;
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else { return false };
        at += 1;
        match marker {
            0xd9 => return scans > 0,
            // Stuffing, restart markers, and markers without a length.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(length) = bytes.get(at..at + 2) else { return false };
                scans += usize::from(marker == 0xda);
                at += usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_bounds_with_reasons() {
        assert!(check_size(1, 1).unwrap_err().contains("too small"));
        assert!(check_size(30_000, 1).unwrap_err().contains("too long"));
        assert!(check_size(16_000, 16_000).unwrap_err().contains("too large"));
        assert!(check_size(4, 4).is_ok() && check_size(8000, 6000).is_ok());
    }

    #[test]
    fn a_file_is_read_whole_whatever_its_size_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let bytes: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        // As listed, grown since, shrunk since, empty then.
        for size in [10_000, 9_999, 300, 20_000, 0] {
            assert_eq!(read_with(&path, size, <[u8]>::to_vec).unwrap(), bytes, "listed with {size}");
        }
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(read_with(&path, 10_000, <[u8]>::to_vec).unwrap(), b"short", "nothing is left of another file");
        assert!(read_with(&path, MAX_FILE + 1, |_| ()).unwrap_err().contains("too large"));
        assert!(read_with(&dir.path().join("y"), 5, |_| ()).unwrap_err().contains("not there"));
    }

    #[test]
    fn what_is_no_picture_is_called_by_its_name() {
        assert!(not_a_picture(b"hello there").contains("text"));
        assert!(not_a_picture(b"\0\0\0\x18ftypheic\0\0").contains("HEIC"));
        assert!(not_a_picture(b"<svg xmlns=").contains("SVG"));
        assert!(not_a_picture(b"%PDF-1.4").contains("PDF"));
        assert!(not_a_picture(&[0, 1, 2, 3]).contains("known format"));
        assert_eq!(extension("a/b.C.PNG"), "png");
        assert_eq!(extension(".hidden"), "");
    }
}
