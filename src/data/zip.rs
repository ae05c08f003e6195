//! A zip of pictures, read in place without unpacking.

use std::collections::HashSet;
use std::io::Read;

use ::zip::{CompressionMethod, ZipArchive};

use super::archive::{Archive, Contents, Entries, Entry, Named, lossy, numbered, own_folders};
use super::decode::{MAX_FILE, too_large};
use super::limits::{self, Bounded};
use super::pread::{FileAt, open_regular};
use super::source::{ImageSource, Opening, path_of};
use crate::base::{Problem, Result};

/// The files of a zip.
struct Zip(ZipArchive<FileAt>);

/// Whether the text names a zip, by its first bytes.
pub(super) fn sniff(spec: &str) -> bool {
    let path = path_of(spec);
    let mut head = [0; 4];
    path.is_file()
        && open_regular(&path).is_ok_and(|f| f.read_exact_at(&mut head, 0).is_ok())
        && (head == *b"PK\x03\x04" || head == *b"PK\x05\x06")
}

/// Opens a zip.
pub(super) fn open(spec: &str, opening: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let path = path_of(spec);
    let file = open_regular(&path).map_err(|e| Problem::io("This zip cannot be read", &path, &e))?;
    let bytes = file.len();
    let most = limits::work(Bounded::ZipList, bytes);
    if promised(&file).is_some_and(|n| n > most) {
        return Err(Problem::data(format!("This zip lists more files than are read (at most {most})"))
            .of(path.display().to_string())
            .try_this("Unpack it and choose the folder, or split it into several zips"));
    }
    let archive = ZipArchive::new(file).map_err(|e| {
        Problem::data("This zip is damaged or cut off")
            .of(path.display().to_string())
            .because(e)
            .try_this("Copy or download it again")
    })?;
    let raw: Vec<&[u8]> = archive.file_names_raw().collect();
    let named = Named::of(raw.iter().copied(), &opening.reading);
    let own = own_folders(raw.into_iter());
    let shared = shared(&archive);
    let mut hasher = blake3::Hasher::new();
    let mut entries = Vec::new();
    for place in 0..archive.len() {
        if place % 256 == 0 {
            opening.progress.report("Opening", place as u64, archive.len() as u64);
            opening.check()?;
        }
        entries.push(match archive.by_index_data(place) {
            Ok(entry) if entry.is_dir() => continue,
            Ok(entry) => {
                // As it was read before other encodings were: what decides the order and the fingerprint.
                let before = entry.name().map_or_else(|_| lossy(entry.name_raw()), |n| n.into_owned());
                hasher.update(before.as_bytes());
                hasher.update(&entry.crc32().to_le_bytes());
                hasher.update(&entry.size().to_le_bytes());
                let refused = if shared.contains(&place) {
                    Some("This entry shares its bytes with another one".into())
                } else {
                    refusal(entry.encrypted(), entry.compression(), entry.compressed_size(), entry.size())
                };
                let name = named.name(entry.name_raw(), &before);
                Entry { name, order: before, place, size: entry.size(), refused }
            }
            Err(e) => {
                let refused = Some(format!("This entry is damaged: {e}"));
                Entry { name: String::new(), order: numbered(place), place, size: 0, refused }
            }
        });
    }
    let guesses = named.guess("zip", "IBM437").into_iter().collect();
    let contents = Contents { path, entries, own, guesses, broken: Vec::new(), hasher, bytes };
    Ok(Box::new(Archive::new(Zip(archive), contents, &opening)?))
}

/// How many entries the end of a zip promises, if it says so (APPNOTE 4.3.14 to 4.3.16).
fn promised(file: &FileAt) -> Option<u64> {
    const END: usize = 22;
    let tail = file.len().min((END + (1 << 16)) as u64) as usize;
    let mut bytes = vec![0; tail];
    let from = file.len() - tail as u64;
    file.read_exact_at(&mut bytes, from).ok()?;
    let end = (0..=tail.checked_sub(END)?).rev().find(|&i| bytes[i..].starts_with(b"PK\x05\x06"))?;
    let count = u64::from(u16::from_le_bytes([bytes[end + 10], bytes[end + 11]]));
    let locator = from + end as u64;
    let mut at = [0; 20];
    if locator < 20 || file.read_exact_at(&mut at, locator - 20).is_err() || !at.starts_with(b"PK\x06\x07") {
        return Some(count);
    }
    let mut long = [0; 40];
    let place = u64::from_le_bytes(std::array::from_fn(|i| at[8 + i]));
    if file.read_exact_at(&mut long, place).is_err() || !long.starts_with(b"PK\x06\x06") {
        return Some(count);
    }
    Some(u64::from_le_bytes(std::array::from_fn(|i| long[32 + i])))
}

/// Entries that lie where another one does: few bytes that would be unpacked many times over.
fn shared(archive: &ZipArchive<FileAt>) -> HashSet<usize> {
    let mut ranges: Vec<(u64, u64, usize)> = (0..archive.len())
        .filter_map(|place| {
            let entry = archive.by_index_data(place).ok()?;
            let end = entry.header_start().saturating_add(30).saturating_add(entry.compressed_size());
            (entry.compressed_size() > 0).then_some((entry.header_start(), end, place))
        })
        .collect();
    ranges.sort_unstable();
    let (mut out, mut last) = (HashSet::new(), 0);
    for (start, end, place) in ranges {
        if start < last {
            out.insert(place);
        }
        last = last.max(end);
    }
    out
}

fn refusal(encrypted: bool, method: CompressionMethod, packed: u64, size: u64) -> Option<String> {
    if encrypted {
        return Some("This entry is encrypted".into());
    }
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Some(format!("This entry is packed by a method that is not read: {method}"));
    }
    if size > MAX_FILE {
        return Some(too_large(size));
    }
    (size > limits::work(Bounded::ZipEntry, packed)).then(|| "This entry promises more than it can hold".into())
}

impl Entries for Zip {
    fn kind(&self) -> &'static str {
        "Zip"
    }

    fn size(&self, place: usize) -> u64 {
        self.0.by_index_data(place).map_or(0, |entry| entry.size())
    }

    fn read(&self, place: usize, limit: u64) -> Result<Vec<u8>, String> {
        // A handle of its own: its contents are shared, its place is not.
        let mut archive = self.0.clone();
        let entry = archive.by_index(place).map_err(|e| format!("This entry is damaged: {e}"))?;
        let mut bytes = Vec::with_capacity(entry.size().min(limit).min(1 << 24) as usize);
        entry.take(limit).read_to_end(&mut bytes).map_err(|e| format!("This entry is damaged: {e}"))?;
        Ok(bytes)
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
    fn entries_without_a_name_are_told_by_their_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.zip");
        make(&path, &[("1.png", png(1)), ("", png(2)), ("3.png", png(3))]);
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        let mut names: Vec<_> = (0..source.len()).map(|i| source.name(i)).collect();
        names.sort();
        assert_eq!(names, ["1.png", "3.png", "entry 2"]);
    }

    #[test]
    fn names_are_read_in_the_encoding_they_are_in_and_older_recipes_keep_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        // Names of six bytes each, written over by the same in Shift_JIS: テスト, 東京都.
        make(&path, &[("AAAAAA/1.png", png(1)), ("BBBBBB/2.png", png(2))]);
        let mut bytes = std::fs::read(&path).unwrap();
        for (from, to) in [(b"AAAAAA", b"\x83e\x83X\x83g"), (b"BBBBBB", b"\x93\x8c\x8b\x9e\x93s")] {
            while let Some(at) = bytes.windows(6).position(|w| w == from) {
                bytes[at..at + 6].copy_from_slice(to);
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_eq!(source.labels(), ["テスト", "東京都"]);
        assert!(
            source.guesses().iter().any(|g| g.what.contains("Shift_JIS") && g.count == 2),
            "{:?}",
            source.guesses()
        );
        assert!((0..2).all(|i| source.decode(i).is_ok()));
        let before = crate::recipe::Recipe::from_json("{\"data\":{\"source\":\"x\"}}").unwrap().data.reading();
        let quiet = crate::base::progress::Quiet::default();
        let old = open(path.to_str().unwrap(), Opening { reading: before, progress: &quiet }).unwrap();
        assert_eq!(old.labels()[0], "âeâXâg");
    }

    #[test]
    fn few_bytes_are_not_unpacked_many_times_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        make(&path, &[("1.png", png(1)), ("3.png", png(3))]);
        // The second entry of the table of contents is sent to where the first one lies.
        let mut bytes = std::fs::read(&path).unwrap();
        let second = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
        bytes[second + 42..second + 46].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_eq!((source.len(), source.listed_broken().len()), (1, 1));
        assert!(source.listed_broken()[0].reason.contains("shares its bytes"), "{:?}", source.listed_broken());
        // An end that promises more entries than are read.
        let file = open_regular(&path).unwrap();
        assert_eq!(promised(&file), Some(2));
        assert!(limits::work(Bounded::ZipList, file.len()) < 10_000);
        assert!(refusal(false, CompressionMethod::Deflated, 100, 10 << 20).unwrap().contains("promises"));
        assert_eq!(refusal(false, CompressionMethod::Deflated, 100 << 10, 10 << 20), None);
    }

    #[test]
    fn runs_of_the_studio_in_a_zip_are_passed_by() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        let files = ["1.png", "run/recipe.json", "run/run.json", "run/previews/1.png"];
        make(&path, &files.map(|name| (name, png(1))));
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_eq!((source.len(), source.name(0).as_str()), (1, "1.png"));
        assert!(source.guesses()[0].what.contains("run"), "{:?}", source.guesses());
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
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        assert!(source.decode(0).is_ok());
        assert!(source.decode(1).unwrap_err().what.contains("damaged"));
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let p = crate::data::open(path.to_str().unwrap()).err().unwrap();
        assert!(p.what.contains("damaged") && p.exit_code() == 3);
    }
}
