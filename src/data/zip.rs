//! A zip of pictures: the same as a folder, read in place without unpacking.

use std::collections::HashSet;
use std::io::{Read, Seek};
use std::path::PathBuf;

use ::zip::{CompressionMethod, ZipArchive};

use super::captions::{self, MAX_TABLE, Table};
use super::decode::{MAX_FILE, decode_bytes, too_large};
use super::file_at::FileAt;
use super::listing::{Listing, Use, use_of};
use super::report::BrokenFile;
use super::source::{ImageSource, path_of};
use crate::base::{Picture, Problem, Result};

/// A zip whose table of contents was read when it was opened.
struct Zip {
    path: PathBuf,
    archive: ZipArchive<FileAt>,
    /// Place in the archive of each picture of the listing.
    places: Vec<usize>,
    listing: Listing,
    fingerprint: String,
    bytes: u64,
}

/// Whether the text names a zip, by its first bytes.
pub(super) fn sniff(spec: &str) -> bool {
    let path = path_of(spec);
    let mut head = [0; 4];
    path.is_file()
        && FileAt::open(&path).is_ok_and(|f| f.read_exact_at(&mut head, 0).is_ok())
        && (head == *b"PK\x03\x04" || head == *b"PK\x05\x06")
}

/// Opens a zip.
pub(super) fn open(spec: &str) -> Result<Box<dyn ImageSource>> {
    let path = path_of(spec);
    let file = FileAt::open(&path).map_err(|e| Problem::io("This zip cannot be read", &path, &e))?;
    let bytes = file.len();
    let mut archive = ZipArchive::new(file).map_err(|e| {
        Problem::data("This zip is damaged or cut off")
            .of(path.display().to_string())
            .because(e)
            .try_this("Copy or download it again")
    })?;
    let mut hasher = blake3::Hasher::new();
    let (mut entries, mut tables, mut broken) = (Vec::new(), Vec::<Table>::new(), Vec::new());
    let mut taken = HashSet::new();
    for place in 0..archive.len() {
        let (name, size, refused) = match archive.by_index_data(place) {
            Ok(entry) if entry.is_dir() => continue,
            Ok(entry) => {
                let name = entry.name().map_or_else(|_| lossy(entry.name_raw()), |n| n.into_owned());
                hasher.update(name.as_bytes());
                hasher.update(&entry.crc32().to_le_bytes());
                hasher.update(&entry.size().to_le_bytes());
                (name.replace('\\', "/"), entry.size(), refusal(entry.encrypted(), entry.compression(), entry.size()))
            }
            Err(e) => (format!("entry {}", place + 1), 0, Some(format!("This entry is damaged: {e}"))),
        };
        if !taken.insert(name.clone()) {
            continue;
        }
        let good_for = use_of(&name, size, || match refused.clone() {
            Some(reason) => Err(reason),
            None => read_entry(&mut archive, place, 64),
        });
        let outcome = match (good_for, refused) {
            (Ok(Use::Nothing), _) => Ok(()),
            (Err(reason), _) | (Ok(_), Some(reason)) => Err(reason),
            (Ok(Use::Picture), None) => {
                entries.push((name.clone(), place));
                Ok(())
            }
            (Ok(Use::Table), None) => read_entry(&mut archive, place, MAX_TABLE)
                .and_then(|bytes| captions::parse(&name, &bytes))
                .map(|table| tables.extend(table)),
        };
        if let Err(reason) = outcome {
            broken.push(BrokenFile { file: name, reason });
        }
    }
    entries.sort();
    let (names, places) = entries.into_iter().unzip();
    let listing = Listing::new(names, &tables, broken);
    let fingerprint = hasher.finalize().to_hex().to_string();
    Ok(Box::new(Zip { path, archive, places, listing, fingerprint, bytes }))
}

fn lossy(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}

fn refusal(encrypted: bool, method: CompressionMethod, size: u64) -> Option<String> {
    if encrypted {
        return Some("This entry is encrypted".into());
    }
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Some(format!("This entry is packed by a method that is not read: {method}"));
    }
    (size > MAX_FILE).then(|| too_large(size))
}

/// At most `limit` bytes of an entry: what a bomb unpacks to beyond them is never made.
fn read_entry<R: Read + Seek>(archive: &mut ZipArchive<R>, place: usize, limit: u64) -> Result<Vec<u8>, String> {
    let entry = archive.by_index(place).map_err(|e| format!("This entry is damaged: {e}"))?;
    let mut bytes = Vec::with_capacity(entry.size().min(limit).min(1 << 24) as usize);
    entry.take(limit).read_to_end(&mut bytes).map_err(|e| format!("This entry is damaged: {e}"))?;
    Ok(bytes)
}

impl ImageSource for Zip {
    fn kind(&self) -> &'static str {
        "Zip"
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.listing)
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        let name = self.listing.name(i);
        let bytes = read_entry(&mut self.archive.clone(), self.places[i], MAX_FILE + 1)
            .and_then(|b| if b.len() as u64 > MAX_FILE { Err(too_large(b.len() as u64)) } else { Ok(b) })
            .map_err(|reason| Problem::data(reason).of(name))?;
        decode_bytes(&bytes, name)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn fingerprint(&self) -> Result<String> {
        std::fs::metadata(&self.path).map_err(|e| Problem::io("This zip has vanished", &self.path, &e))?;
        Ok(self.fingerprint.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::zip::write::{SimpleFileOptions, ZipWriter};
    use std::io::{Cursor, Write};
    use std::path::Path;

    fn png(v: u8) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image::RgbImage::from_pixel(8, 8, image::Rgb([v, v, 0])).write_to(&mut out, image::ImageFormat::Png).unwrap();
        out.into_inner()
    }

    fn make(path: &Path, files: &[(&str, Vec<u8>)]) {
        let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
        for (name, bytes) in files {
            let method = if name.ends_with("2.png") { CompressionMethod::Stored } else { CompressionMethod::Deflated };
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn a_zip_is_read_like_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.bin");
        make(
            &path,
            &[
                ("top/b/2.png", png(2)),
                ("top/a/1.png", png(1)),
                ("top/a/empty.png", Vec::new()),
                ("__MACOSX/top/a/._1.png", b"junk".to_vec()),
                ("top/metadata.csv", b"file_name,text\na/1.png,one\n".to_vec()),
                ("../../etc/3.png", png(3)),
            ],
        );
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_eq!(source.kind(), "Zip");
        let names: Vec<_> = (0..source.len()).map(|i| source.name(i)).collect();
        assert_eq!(names, ["../../etc/3.png", "top/a/1.png", "top/a/empty.png", "top/b/2.png"]);
        assert_eq!(source.caption(1).as_deref(), Some("one"));
        assert_eq!(source.decode(3).unwrap().pixel(0, 0), [2, 2, 0, 255]);
        assert!(source.decode(2).unwrap_err().what.contains("empty"));
        assert!(!dir.path().join("etc").exists());
        let all: Vec<u8> = std::thread::scope(|s| {
            let source = &source;
            let threads: Vec<_> = (0..8).map(|_| s.spawn(move || source.decode(1).unwrap().pixel(0, 0)[0])).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(all, [1; 8], "entries are read from many threads at once");
    }

    #[test]
    fn damaged_zips_and_entries_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        make(&path, &[("1.png", png(1)), ("2.png", png(2))]);
        let whole = std::fs::read(&path).unwrap();
        let place = whole.windows(4).position(|w| w == b"IHDR").unwrap();
        let stored = whole.windows(8).rposition(|w| w == b"\x89PNG\r\n\x1a\n").unwrap();
        assert!(stored + 12 == place || place > stored);
        let mut flipped = whole.clone();
        flipped[stored + 45] ^= 0xff;
        std::fs::write(&path, &flipped).unwrap();
        let source = open(path.to_str().unwrap()).unwrap();
        assert!(source.decode(0).is_ok());
        assert!(source.decode(1).unwrap_err().what.contains("damaged"));
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let p = open(path.to_str().unwrap()).err().unwrap();
        assert!(p.what.contains("damaged") && p.exit_code() == 3);
    }
}
