//! From the bytes of a file to upright RGBA pixels, with limits, and a reason whenever that fails.

mod alpha;
mod animation;
mod bit_depth;
mod color_management;
mod decode_errors;
mod jpeg;
mod png;
mod remark;
#[cfg(test)]
mod tests;
mod tiff;

use std::cell::Cell;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use self::color_management::Meaning;
use self::decode_errors::Reason;
pub(super) use self::decode_errors::not_a_picture;
pub use self::remark::{Facts, Remark};
use super::limits::{self, Bounded, MAX_PIXELS};
use super::made_here::is_made_here;
use super::memory_gate::Gate;
use crate::base::panics::quietly;
use crate::base::vault::File;
use crate::base::{Picture, Problem, Result};
use crate::recipe::{Pixels, Reading};

/// Larger files are refused unread.
pub(super) const MAX_FILE: u64 = 512 << 20;
/// Longest side in pixels.
const MAX_SIDE: u32 = crate::base::pixels::LONGEST_SIDE;
/// Shortest side in pixels; there is nothing to learn from fewer.
const MIN_SIDE: u32 = 4;
/// What a decoder may allocate.
const MAX_ALLOC: u64 = 1 << 30;

/// Pixels that are decoded at one time by all threads together.
static PIXELS: Gate = Gate::new(2 << 30);
/// Files that are held in memory at one time by all threads together. Whoever waits for [`PIXELS`] may hold a place here,
/// never the other way round.
pub(super) static FILES: Gate = Gate::new(1 << 30);
/// What a thread keeps to read the next file into, at most.
const KEPT: usize = 4 << 20;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Decodes a picture: the first frame with something in it, upright by its EXIF orientation, in sRGB by what it says of
/// its colours, 8-bit RGBA, all metadata dropped. `name` is told in errors; its extension is used only for TGA, which has
/// no signature.
///
/// # Errors
/// The bytes are no usable picture; [`Problem::what`] says why.
pub fn decode_bytes(bytes: &[u8], name: &str) -> Result<Picture> {
    decode_as(bytes, name, &How::default()).map(|decoded| decoded.picture)
}

/// As [`decode_bytes`], read as `how` says and with what was noticed.
///
/// # Errors
/// The bytes are no usable picture; [`Problem::what`] says why.
pub fn decode_as(bytes: &[u8], name: &str, how: &How) -> Result<Decoded> {
    // A decoder's panic is that file's fault, not the studio's end.
    let outcome = quietly(|| decode(bytes, name, how)).unwrap_or_else(|panic| {
        Err(Reason { what: "The decoder failed on this file; save it again as PNG".into(), detail: Some(panic) })
    });
    outcome.map_err(|reason| {
        let problem = Problem::data(reason.what).of(name);
        match reason.detail {
            Some(detail) => problem.because(detail),
            None => problem,
        }
    })
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
    super::pread::read_at_most(path, MAX_FILE).map_err(|e| io_reason(&e))
}

/// Hands on the bytes of a file that had `size` of them when it was listed. Opened, read and closed with one call each
/// if it still has as many, into memory of the thread that is used again.
pub(super) fn read_with<T>(path: &Path, size: u64, then: impl FnOnce(&[u8]) -> T) -> Result<T, String> {
    if size > MAX_FILE {
        return Err(too_large(size));
    }
    let _held = (size > KEPT as u64).then(|| FILES.hold(size));
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
        ErrorKind::InvalidInput => "It is no regular file, but a pipe, a socket or a device".into(),
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
    if head.starts_with(b"II+\0") || head.starts_with(b"MM\0+") {
        // BigTIFF, which the decoder reads although it is not guessed.
        return Some(ImageFormat::Tiff);
    }
    image::guess_format(head).ok().filter(ImageFormat::reading_enabled)
}

/// The extension in small letters, or nothing.
pub(super) fn extension(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    base.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default()
}

/// How pictures are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Whether values are taken as they are stored, whatever the file says of their meaning.
    pub stored: bool,
    /// Bits that pictures with 16 bits a channel really use; 0 for all of them. Larger values become white.
    pub depth: u32,
}

impl From<&Reading> for How {
    fn from(reading: &Reading) -> Self {
        Self { stored: reading.pixels == Pixels::Stored, depth: reading.depth }
    }
}

/// A picture, and what was noticed while it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The pixels.
    pub picture: Picture,
    /// What was noticed.
    pub facts: Facts,
}

impl From<Picture> for Decoded {
    fn from(picture: Picture) -> Self {
        Self { picture, facts: Facts::default() }
    }
}

fn decode(bytes: &[u8], name: &str, how: &How) -> Result<Decoded, Reason> {
    if bytes.is_empty() {
        return Err("The file is empty".into());
    }
    let head = &bytes[..bytes.len().min(64)];
    let format = match sniff(head) {
        Some(format) => format,
        None if extension(name) == "tga" => ImageFormat::Tga,
        None => return Err(not_a_picture(head).into()),
    };
    if format == ImageFormat::Ico
        && let Some(inner) = alpha::png_in_icon(bytes)
    {
        return of_format(inner, ImageFormat::Png, how);
    }
    of_format(bytes, format, how)
}

fn of_format(bytes: &[u8], format: ImageFormat, how: &How) -> Result<Decoded, Reason> {
    let mut facts = Facts::default();
    facts.remarks.extend((format == ImageFormat::Png && is_made_here(bytes)).then_some(Remark::MadeHere));
    match format {
        ImageFormat::Jpeg if !jpeg::has_end(bytes) => {
            if !jpeg::is_whole(bytes) {
                return Err(jpeg::refusal(bytes).unwrap_or_else(|| decode_errors::CUT.into()).into());
            }
            facts.remarks.push(Remark::NoEnd);
        }
        ImageFormat::WebP if !webp_is_whole(bytes) => return Err(decode_errors::CUT.into()),
        ImageFormat::Gif => {
            let (pixels, is_later) = animation::of_gif(bytes, how.stored)?;
            facts.remarks.extend(is_later.then_some(Remark::LaterFrame));
            return Ok(Decoded { picture: picture_of(pixels), facts });
        }
        _ => {}
    }
    let sides = if format == ImageFormat::Png { png::sides(bytes) } else { png::Sides::default() };
    // A side chunk that unpacks to gigabytes is cut out, an end that is missing put in its place.
    let mended = match sides.bomb.clone() {
        Some(bomb) => Some([&bytes[..bomb.start], &bytes[bomb.end..]].concat()),
        None => facts.remarks.contains(&Remark::NoEnd).then(|| [bytes, &[0xff, 0xd9]].concat()),
    };
    let source = mended.as_deref().unwrap_or(bytes);
    let tags = if format == ImageFormat::Tiff { tiff::Tags::read(bytes) } else { None };

    let why = |e| decode_errors::of_image(e, format, bytes);
    // Sizes are checked below, with a clearer message; the decoder keeps to the limit of memory.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::with_format(Cursor::new(source), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(why)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let area = u64::from(width) * u64::from(height);
    if area > most_pixels(format, source.len()) {
        return Err(format!("The file is cut off: it cannot hold the {width} × {height} pixels it promises").into());
    }
    let _held = PIXELS.hold(2 * decoder.total_bytes() + 8 * area);
    let turned = match sides.exif.and_then(|range| Orientation::from_exif_chunk(&bytes[range])) {
        Some(turned) => turned,
        None => decoder.orientation().unwrap_or(Orientation::NoTransforms),
    };
    let meaning = match (&tags, format) {
        _ if how.stored => Meaning::Srgb,
        (_, ImageFormat::Png) => sides.meaning,
        (Some(tags), _) => {
            tags.icc.clone().map_or_else(Meaning::default, |range| Meaning::Profile(bytes[range].to_vec()))
        }
        _ => decoder.icc_profile().ok().flatten().map_or_else(Meaning::default, Meaning::Profile),
    };
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(why)?;
    if !how.stored && tags.is_some_and(|t| t.is_premultiplied()) && alpha::divide(&mut pixels) {
        facts.remarks.push(Remark::Premultiplied);
    }
    facts.bits = bit_depth::used(&pixels);
    bit_depth::stretch(&mut pixels, how.depth);
    let (mut rgba, remark) = color_management::to_srgb(pixels, &meaning);
    facts.remarks.extend(remark);
    if !how.stored {
        facts.remarks.extend(as_seen(&mut rgba, format, source));
    }
    let mut upright = DynamicImage::ImageRgba8(rgba);
    upright.apply_orientation(turned);
    Ok(Decoded { picture: picture_of(upright.into_rgba8()), facts })
}

/// Makes a picture what everybody sees where its alpha alone would show nothing.
fn as_seen(rgba: &mut image::RgbaImage, format: ImageFormat, bytes: &[u8]) -> Option<Remark> {
    match format {
        ImageFormat::Bmp | ImageFormat::Tga | ImageFormat::Ico if alpha::is_none(format, bytes, rgba) => {
            rgba.chunks_exact_mut(4).for_each(|p| p[3] = 255);
            Some(Remark::Opaque)
        }
        ImageFormat::Png | ImageFormat::WebP if animation::is_empty(rgba) => {
            *rgba = animation::later(format, bytes)?;
            Some(Remark::LaterFrame)
        }
        _ => None,
    }
}

fn picture_of(rgba: image::RgbaImage) -> Picture {
    Picture { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() }
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

/// At most so many pixels come out of a file of this format with so many bytes.
fn most_pixels(format: ImageFormat, bytes: usize) -> u64 {
    let kind = match format {
        ImageFormat::Png | ImageFormat::Ico => Bounded::Png,
        ImageFormat::Jpeg => Bounded::Jpeg,
        ImageFormat::Gif => Bounded::Gif,
        ImageFormat::WebP => Bounded::WebP,
        ImageFormat::Tiff => Bounded::Tiff,
        ImageFormat::Bmp => Bounded::Bmp,
        _ => Bounded::Runs,
    };
    limits::work(kind, bytes as u64)
}

/// Whether all bytes are there that the header promises; the decoder fills what is missing and says nothing.
fn webp_is_whole(bytes: &[u8]) -> bool {
    let promised = bytes.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    promised.is_some_and(|n| u64::from(n) + 8 <= bytes.len() as u64)
        && bytes.get(12..).is_some_and(|chunks| webp_metadata_is_whole(chunks, true))
}

/// Whether the chunks of a WebP that are no pixels, those in its `frames` too, end within it: the decoder takes memory for
/// what they promise before it reads them.
fn webp_metadata_is_whole(mut chunks: &[u8], frames: bool) -> bool {
    while let Some((&[a, b, c, d, ref size @ ..], rest)) = chunks.split_first_chunk::<8>() {
        let size = u32::from_le_bytes(std::array::from_fn(|i| size[i])) as usize;
        let Some(body) = rest.get(..size) else { return !matches!(&[a, b, c, d], b"ICCP" | b"EXIF" | b"XMP ") };
        // A frame begins with 16 bytes of place and size.
        if frames && [a, b, c, d] == *b"ANMF" && !webp_metadata_is_whole(body.get(16..).unwrap_or_default(), false) {
            return false;
        }
        // Chunks of odd sizes are filled up to even ones.
        chunks = rest.get(size + size % 2..).unwrap_or_default();
    }
    true
}
