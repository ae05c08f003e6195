//! Finds the recipe inside a file that the studio made: PNG, APNG, GIF, MP4. Files may be damaged or hostile.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::metadata::{self, KEY, LONGEST};
use crate::base::vault::File;
use crate::base::{Problem, Result};
use crate::recipe::picture::PictureRecipe;

/// The recipe inside a file; none if the file holds none (or is no picture of the studio at all).
///
/// A file that is damaged elsewhere still gives its recipe. The kind of file is told by its first bytes.
///
/// # Errors
/// The file cannot be read, or its recipe is damaged.
pub fn read_recipe(path: &Path) -> Result<Option<PictureRecipe>> {
    let fail = |e: io::Error| Problem::io("This file could not be read", path, &e);
    let file = File::open(path).map_err(fail)?;
    if file.handle().metadata().map_err(fail)?.is_dir() {
        return Err(Problem::data("This is a folder, not a picture").of(path.display().to_string()));
    }
    let mut file = BufReader::new(file);
    let text = match find(&mut file) {
        Ok(text) => text,
        // Where a file ends too soon, what was found before counts: nothing.
        Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) => None,
        Err(e) => return Err(fail(e)),
    };
    text.map(|text| metadata::parse(&text).map_err(|p| p.of(path.display().to_string()))).transpose()
}

/// The text under a keyword in a PNG file, wherever and in whatever form other programs may have moved it; none in other
/// files.
///
/// # Errors
/// The file cannot be read.
pub fn read_text(path: &Path, key: &str) -> Result<Option<String>> {
    let fail = |e: io::Error| Problem::io("This file could not be read", path, &e);
    let mut file = BufReader::new(File::open(path).map_err(fail)?);
    let mut head = [0; 8];
    match file.read_exact(&mut head).and_then(|()| if head == *PNG { png(&mut file, key) } else { Ok(None) }) {
        Ok(text) => Ok(text),
        Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) => Ok(None),
        Err(e) => Err(fail(e)),
    }
}

/// The first bytes of a PNG file.
const PNG: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// The text of the recipe in a stream.
fn find(file: &mut (impl Read + Seek)) -> io::Result<Option<String>> {
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    match &head {
        b"\x89PNG\r\n\x1a\n" => png(file, KEY),
        [b'G', b'I', b'F', b'8', ..] => gif(file),
        [_, _, _, _, b'f', b't', b'y', b'p'] => mp4(file),
        _ => Ok(None),
    }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// `length` bytes; memory is only taken as they come, so that a lying length costs nothing.
fn take(file: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Goes through all chunks: other programs may have moved the text behind the pixels.
fn png(file: &mut (impl Read + Seek), key: &str) -> io::Result<Option<String>> {
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        match &head[4..] {
            b"IEND" => return Ok(None),
            kind @ (b"iTXt" | b"zTXt" | b"tEXt") if length <= LONGEST => {
                let chunk = take(file, length)?;
                // Other programs write the text again in the form that they know.
                let found = match kind {
                    b"iTXt" => itxt(&chunk, key)?,
                    b"zTXt" => ztxt(&chunk, key)?,
                    _ => keyed(&chunk, key).map(|body| plain(body.to_vec())),
                };
                if found.is_some() {
                    return Ok(found);
                }
                file.seek(SeekFrom::Current(4))?;
            }
            _ => {
                file.seek(SeekFrom::Current(length as i64 + 4))?;
            }
        }
    }
}

/// The text of an `iTXt` chunk if it is ours.
fn itxt(chunk: &[u8], key: &str) -> io::Result<Option<String>> {
    let Some(rest) = keyed(chunk, key) else { return Ok(None) };
    let [compressed, _method, rest @ ..] = rest else { return Err(io::ErrorKind::InvalidData.into()) };
    // Skips the language and the translated keyword, each ended by a zero.
    let mut parts = rest.splitn(3, |&b| b == 0);
    let body = parts.nth(2).ok_or(io::ErrorKind::InvalidData)?;
    if *compressed == 0 {
        return text(body.to_vec()).map(Some);
    }
    text(unpacked(body)?).map(Some)
}

/// What follows the keyword of a text chunk, if the chunk is ours.
fn keyed<'a>(chunk: &'a [u8], key: &str) -> Option<&'a [u8]> {
    chunk.strip_prefix(key.as_bytes())?.strip_prefix(&[0])
}

/// The text of a `zTXt` chunk if it is ours.
fn ztxt(chunk: &[u8], key: &str) -> io::Result<Option<String>> {
    match keyed(chunk, key) {
        None => Ok(None),
        Some([_method, body @ ..]) => Ok(Some(plain(unpacked(body)?))),
        Some([]) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Unpacks a text, up to a bound.
fn unpacked(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let read = ZlibDecoder::new(body).take(LONGEST as u64 + 1).read_to_end(&mut out);
    read.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    if out.len() > LONGEST { Err(io::ErrorKind::InvalidData.into()) } else { Ok(out) }
}

/// A text of `tEXt` or `zTXt`: Latin-1 by the standard, UTF-8 as many programs write it.
fn plain(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect())
}

fn byte(file: &mut impl Read) -> io::Result<u8> {
    let mut one = [0];
    file.read_exact(&mut one).map(|()| one[0])
}

/// The data of GIF sub-blocks up to `limit` bytes; the rest is passed over.
fn sub_blocks(file: &mut impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let length = byte(file)? as usize;
        if length == 0 {
            return Ok(bytes);
        }
        let block = take(file, length)?;
        if bytes.len() + length <= limit {
            bytes.extend(block);
        }
    }
}

fn gif(file: &mut (impl Read + Seek)) -> io::Result<Option<String>> {
    // Six bytes of signature and two of width are read.
    let screen = take(file, 5)?;
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 * (2i64 << (flags & 7)) };
    file.seek(SeekFrom::Current(table(screen[2])))?;
    loop {
        match byte(file)? {
            0x21 => {
                let label = byte(file)?;
                let data = sub_blocks(file, if label == 0xFE { LONGEST } else { 0 })?;
                if let Some(ours) = data.strip_prefix(KEY.as_bytes()).and_then(|d| d.strip_prefix(b":")) {
                    return text(ours.to_vec()).map(Some);
                }
            }
            0x2C => {
                let place = take(file, 9)?;
                // The colour table, and one byte of code size.
                file.seek(SeekFrom::Current(table(place[8]) + 1))?;
                sub_blocks(file, 0)?;
            }
            _ => return Ok(None),
        }
    }
}

/// Goes through the boxes at the top of the file.
fn mp4(file: &mut (impl Read + Seek)) -> io::Result<Option<String>> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut at, mut index) = (0u64, Vec::new());
    while at <= end.saturating_sub(8) {
        file.seek(SeekFrom::Start(at))?;
        let head = take(file, 8)?;
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let (size, header) = match short {
            0 => (end - at, 8),
            1 => (u64::from_be_bytes(take(file, 8)?.try_into().map_err(|_| io::ErrorKind::InvalidData)?), 16),
            n => (u64::from(n), 8),
        };
        if size < header {
            return Ok(None);
        }
        if &head[4..8] == b"uuid"
            && size >= header + 16
            && size - header <= LONGEST as u64
            && take(file, 16)? == metadata::RECIPE_UUID
        {
            return text(take(file, (size - header - 16) as usize)?).map(Some);
        }
        if &head[4..8] == b"moov" && size - header <= LONGEST as u64 {
            index = take(file, (size - header) as usize)?;
        }
        at = at.checked_add(size).ok_or(io::ErrorKind::InvalidData)?;
    }
    Ok(commented(&index))
}

/// The recipe in the comment of a film's index, which has another place in each program's files.
fn commented(index: &[u8]) -> Option<String> {
    let mark = [KEY.as_bytes(), b":{"].concat();
    let at = index.windows(mark.len()).position(|w| w == mark)? + KEY.len() + 1;
    // It ends where the object does; boxes follow.
    let mut values = serde_json::Deserializer::from_slice(&index[at..]).into_iter::<serde::de::IgnoredAny>();
    values.next()?.ok()?;
    String::from_utf8(index[at..at + values.byte_offset()].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::full;
    use super::super::png::png_bytes;
    use super::*;
    use crate::base::Picture;

    fn read(bytes: &[u8]) -> Result<Option<PictureRecipe>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        read_recipe(&path)
    }

    fn picture() -> Vec<u8> {
        png_bytes(&Picture::filled(9, 9, [1, 2, 3, 4]), Some(&full())).unwrap()
    }

    #[test]
    fn a_picture_gives_its_recipe_back() {
        assert_eq!(read(&picture()).unwrap(), Some(full()));
        let bare = png_bytes(&Picture::filled(9, 9, [1, 2, 3, 4]), None).unwrap();
        assert_eq!(read(&bare).unwrap(), None);
    }

    #[test]
    fn the_text_may_have_been_moved_or_unpacked_by_another_program() {
        let bytes = picture();
        // Behind the pixels, uncompressed, with a language and a translated keyword.
        let bare = png_bytes(&Picture::filled(9, 9, [1, 2, 3, 4]), None).unwrap();
        let json = metadata::json(&full()).unwrap();
        let body = [b"latent-studio\0\0\0en\0Studio\0".as_slice(), json.as_bytes()].concat();
        let end = bare.len() - 12;
        let chunk = [&(body.len() as u32).to_be_bytes()[..], b"iTXt", &body, &[0; 4]].concat();
        assert_eq!(read(&[&bare[..end], &chunk, &bare[end..]].concat()).unwrap(), Some(full()));
        // Pixels gone, recipe left.
        let pixels = bytes.windows(4).position(|w| w == b"IDAT").unwrap();
        assert_eq!(read(&bytes[..pixels]).unwrap(), Some(full()));
    }

    #[test]
    fn the_text_may_have_been_written_again_as_another_kind_of_chunk() {
        use std::io::Write;
        let bare = png_bytes(&Picture::filled(9, 9, [1, 2, 3, 4]), None).unwrap();
        let end = bare.len() - 12;
        let json = metadata::json(&full()).unwrap();
        let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect::<Vec<u8>>();
        let packed = |text: &[u8]| {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            zlib.write_all(text).unwrap();
            zlib.finish().unwrap()
        };
        let with = |kind: &[u8], body: &[u8]| {
            let body = [b"latent-studio\0".as_slice(), body].concat();
            let chunk = [&(body.len() as u32).to_be_bytes()[..], kind, &body, &[0; 4]].concat();
            read(&[&bare[..end], &chunk, &bare[end..]].concat())
        };
        assert_eq!(with(b"tEXt", json.as_bytes()).unwrap(), Some(full()));
        assert_eq!(with(b"zTXt", &[&[0], &packed(json.as_bytes())[..]].concat()).unwrap(), Some(full()));
        let old = with(b"tEXt", &latin(&json)).unwrap().unwrap();
        assert_eq!((old.model.as_str(), old.latent), ("fäces ?", full().latent));
        // A bomb is none, and neither is a chunk that is cut short.
        assert_eq!(with(b"zTXt", &[&[0], &packed(&vec![b' '; LONGEST + 10])[..]].concat()).unwrap(), None);
        assert_eq!(with(b"zTXt", b"").unwrap(), None);
    }

    #[test]
    fn a_recipe_without_bounds_is_refused() {
        let ask = |change: &dyn Fn(&mut PictureRecipe)| {
            let mut recipe = full();
            change(&mut recipe);
            metadata::parse(&serde_json::to_string(&recipe).unwrap())
        };
        assert!(ask(&|_| {}).is_ok());
        let seed = crate::recipe::picture::Latent::Seed { seed: 1 };
        assert!(ask(&|r| r.grid.as_mut().unwrap().latents = vec![seed.clone(); 70_000]).is_err());
        assert!(ask(&|r| r.model_hash = "x".repeat(1000)).is_err());
    }

    #[test]
    fn no_damage_makes_it_panic() {
        let bytes = picture();
        for cut in 0..bytes.len() {
            let _ = read(&bytes[..cut]);
        }
        for i in 0..bytes.len() {
            for value in [0, 0x7F, 0xFF] {
                let mut bad = bytes.clone();
                bad[i] = value;
                let _ = read(&bad);
            }
        }
        for head in [b"GIF89a".as_slice(), b"\0\0\0\x08ftyp", b"\0\0\0\x01ftyp", b"\0\0\0\0ftyp"] {
            for tail in [vec![], vec![0; 40], vec![0xFF; 40], vec![0x21; 40]] {
                assert_eq!(read(&[head, &tail].concat()).ok().flatten(), None);
            }
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        use std::io::Write;
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(&vec![b' '; LONGEST + 10]).unwrap();
        let body = [b"latent-studio\0\x01\0\0\0".as_slice(), &zlib.finish().unwrap()].concat();
        assert!(itxt(&body, KEY).is_err());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_recipe(&dir.path().join("none.png")).unwrap_err().subject.unwrap().contains("none.png"));
        assert!(read_recipe(dir.path()).is_err());
        assert_eq!(read(b"").unwrap(), None);
        let broken = [b"latent-studio\0\0\0\0\0".as_slice(), b"{\"studio\":3}"].concat();
        let chunk =
            [b"\x89PNG\r\n\x1a\n".as_slice(), &(broken.len() as u32).to_be_bytes(), b"iTXt", &broken, &[0; 4]].concat();
        assert_eq!(read(&chunk).unwrap_err().kind, crate::base::Kind::Data);
    }
}
