//! Reads the pictures of a film back: the first H.264 track of an MP4, whoever wrote its index. Files may be damaged.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use openh264::decoder::Decoder;
use openh264::formats::YUVSource;

use crate::base::vault::File;
use crate::base::{Picture, Problem, Result};

/// No index is longer than this many bytes.
const LONGEST_INDEX: u64 = 64 << 20;
/// No compressed picture is longer than this many bytes.
const LONGEST_PICTURE: usize = 32 << 20;
/// Start code of a unit.
const START: [u8; 4] = [0, 0, 0, 1];

/// A big-endian number at a place, if there is one.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at.checked_add(4)?).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
}

/// Contents of the boxes of a type, in a row of boxes.
fn boxes<'a>(bytes: &'a [u8], kind: &'a [u8; 4]) -> impl Iterator<Item = &'a [u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let (Some(size), Some(found)) = (word(bytes, at), bytes.get(at + 4..at + 8)) {
            let body = bytes.get(at + 8..at.checked_add(size)?)?;
            at += size.max(8);
            if found == kind {
                return Some(body);
            }
        }
        None
    })
}

fn first<'a>(bytes: &'a [u8], path: &'a [&'a [u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, kind| boxes(bytes, kind).next())
}

/// What an index says of its pictures.
struct Index {
    /// Parameter sets as a stream begins with them.
    head: Vec<u8>,
    /// Place and length of each picture.
    pictures: Vec<(u64, usize)>,
}

/// Reads an index: `moov` without its head.
fn index(moov: &[u8], most: usize) -> Option<Index> {
    boxes(moov, b"trak").find_map(|track| {
        let table = first(track, &[b"mdia", b"minf", b"stbl"])?;
        // A table of descriptions has eight bytes in front, a picture description 78.
        let config = first(first(table, &[b"stsd"])?.get(8..)?, &[b"avc1"])?.get(78..)?;
        let config = first(config, &[b"avcC"])?;
        let mut head = Vec::new();
        let mut at = 5;
        for mask in [31, 255] {
            let count = config.get(at)? & mask;
            at += 1;
            for _ in 0..count {
                let length = usize::from(u16::from_be_bytes([*config.get(at)?, *config.get(at + 1)?]));
                head.extend(START);
                head.extend(config.get(at + 2..at + 2 + length)?);
                at += 2 + length;
            }
        }
        let sizes = first(table, &[b"stsz"])?;
        let (same, count) = (word(sizes, 4)?, word(sizes, 8)?);
        let size = |i: usize| if same > 0 { Some(same) } else { word(sizes, 12 + 4 * i) };
        let chunks: Vec<u64> = match (first(table, &[b"stco"]), first(table, &[b"co64"])) {
            (Some(short), _) => (0..word(short, 4)?).map_while(|i| word(short, 8 + 4 * i)).map(|v| v as u64).collect(),
            (None, Some(long)) => (0..word(long, 4)?)
                .map_while(|i| Some((word(long, 8 + 8 * i)? as u64) << 32 | word(long, 12 + 8 * i)? as u64))
                .collect(),
            (None, None) => return None,
        };
        let runs = first(table, &[b"stsc"])?;
        let runs: Vec<(usize, usize)> =
            (0..word(runs, 4)?).map_while(|i| Some((word(runs, 8 + 12 * i)?, word(runs, 12 + 12 * i)?))).collect();
        let mut pictures = Vec::new();
        for (i, &chunk) in chunks.iter().enumerate() {
            let inside = runs.iter().rev().find(|run| run.0 <= i + 1)?.1;
            let mut place = chunk;
            for _ in 0..inside {
                if pictures.len() >= count.min(most) {
                    break;
                }
                let length = size(pictures.len())?;
                pictures.push((place, length));
                place = place.checked_add(length as u64)?;
            }
        }
        Some(Index { head, pictures })
    })
}

/// The first pictures of a film, at most `most`.
///
/// # Errors
/// The file cannot be read, or is no film in H.264.
pub fn first_pictures(path: &Path, most: usize) -> Result<Vec<Picture>> {
    let fail = |e: std::io::Error| Problem::io("This film could not be read", path, &e);
    let none = || Problem::data("There is no H.264 film in this file").of(path.display().to_string());
    let mut file = BufReader::new(File::open(path).map_err(fail)?);
    let end = file.seek(SeekFrom::End(0)).map_err(fail)?;
    let (mut at, mut found) = (0u64, None);
    while found.is_none() && at + 8 <= end {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut head[..8])).map_err(fail)?;
        let (size, skip) = match word(&head, 0).unwrap_or(0) {
            0 => (end - at, 8),
            1 => {
                file.read_exact(&mut head[8..]).map_err(|_| none())?;
                (u64::from_be_bytes(*head.last_chunk().expect("sixteen bytes")), 16)
            }
            size => (size as u64, 8),
        };
        if size < skip || size > end - at {
            return Err(none());
        }
        if &head[4..8] == b"moov" && size <= LONGEST_INDEX {
            let mut moov = vec![0; (size - skip) as usize];
            file.read_exact(&mut moov).map_err(fail)?;
            found = index(&moov, most);
        }
        at += size;
    }
    let index = found.ok_or_else(none)?;
    let broken = |e: openh264::Error| none().because(e);
    let mut decoder = Decoder::new().map_err(broken)?;
    let (mut out, mut stream) = (Vec::new(), index.head);
    for (place, length) in index.pictures.into_iter().take(most) {
        if length > LONGEST_PICTURE || place.checked_add(length as u64).is_none_or(|to| to > end) {
            break;
        }
        let mut sample = vec![0; length];
        file.seek(SeekFrom::Start(place)).and_then(|_| file.read_exact(&mut sample)).map_err(fail)?;
        let mut rest = &sample[..];
        while let Some(length) = word(rest, 0) {
            let Some(unit) = rest.get(4..4 + length) else { break };
            stream.extend(START);
            stream.extend(unit);
            rest = &rest[4 + length..];
        }
        if let Some(yuv) = decoder.decode(&stream).map_err(broken)? {
            out.push(rgb(&yuv));
        }
        stream.clear();
    }
    out.extend(decoder.flush_remaining().map_err(broken)?.iter().map(rgb));
    out.truncate(most);
    Ok(out)
}

/// Luma and chroma (BT.709, limited range, 4:2:0) as a picture.
pub fn rgb(yuv: &impl YUVSource) -> Picture {
    let (width, height) = yuv.dimensions();
    let (a, b, c) = yuv.strides();
    let mut rgba = Vec::with_capacity(width * height * 4);
    for y in 0..height {
        for x in 0..width {
            let luma = (f64::from(yuv.y()[y * a + x]) - 16.0) / 219.0;
            let u = (f64::from(yuv.u()[y / 2 * b + x / 2]) - 128.0) / 224.0;
            let v = (f64::from(yuv.v()[y / 2 * c + x / 2]) - 128.0) / 224.0;
            for value in [luma + 1.5748 * v, luma - 0.1873 * u - 0.4681 * v, luma + 1.8556 * u] {
                rgba.push((value * 255.0).round().clamp(0.0, 255.0) as u8);
            }
            rgba.push(255);
        }
    }
    Picture { width: width as u32, height: height as u32, rgba }
}

#[cfg(test)]
mod tests {
    use super::super::mp4::tests::{art, psnr, write};
    use super::*;

    #[test]
    fn films_come_back_and_damaged_ones_are_refused() {
        let frames: Vec<Picture> = (0..9).map(|i| art(i, 32).enlarged(4)).collect();
        let bytes = write(&frames, 4);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.mp4");
        std::fs::write(&path, &bytes).unwrap();
        let read = first_pictures(&path, 7).unwrap();
        assert_eq!(read.len(), 7);
        assert!(frames.iter().zip(&read).all(|(a, b)| psnr(a, b) > 45.0));
        for cut in [0, 20, 400, bytes.len() / 2] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let _ = first_pictures(&path, 7);
        }
        std::fs::write(&path, b"no film at all").unwrap();
        assert!(first_pictures(&path, 7).is_err());
    }
}
