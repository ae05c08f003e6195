//! A tar of pictures, plain or packed by gzip or xz. A plain one is read in place; a packed one cannot be, and is unpacked
//! once into a file without a name, which goes when another one is unpacked, or with the program.

use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use ::tar::EntryType;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::archive::{Archive, Contents, Entries, Entry, Named, lossy, own_folders};
use super::decode::{MAX_FILE, too_large};
use super::limits::{self, Bounded};
use super::pread::{FileAt, open_regular};
use super::report::BrokenFile;
use super::source::{ImageSource, Opening, path_of};
use crate::base::paths::{Paths, free_bytes};
use crate::base::vault::files::Sink;
use crate::base::{Problem, Result};

/// Bytes of a header, and what everything is rounded up to (POSIX.1-1988, ustar).
const BLOCK: usize = 512;
/// Kilobytes that unpacking xz may hold: `xz -9` makes dictionaries of 64 MiB.
const XZ_MEMORY: u32 = 256 << 10;
/// Bytes that stay free on the disk.
const SPARE: u64 = 256 << 20;

/// How a tar is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Xz,
}

/// The files of a tar.
struct Tar {
    file: FileAt,
    /// Where each file begins, and its bytes.
    places: Vec<(u64, u64)>,
}

/// Whether the text names a tar, by its first header, or by its name where that is damaged.
pub(super) fn sniff(spec: &str) -> bool {
    let path = path_of(spec);
    path.is_file() && (is_named(&path) || packing_of(&path).is_some())
}

fn is_named(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"].iter().any(|ending| name.ends_with(ending))
}

/// How a file is packed that is a tar within.
fn packing_of(path: &Path) -> Option<Packing> {
    let mut head = [0; BLOCK];
    let mut file = open_regular(path).ok()?;
    let (got, _) = read_up_to(&mut file, &mut head);
    let packing = match head {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
        _ => return (got == BLOCK && is_header(&head)).then_some(Packing::Plain),
    };
    let mut inside = unpacking(path, packing).ok()?;
    let mut first = [0; BLOCK];
    (read_up_to(&mut inside, &mut first).0 == BLOCK && is_header(&first)).then_some(packing)
}

/// Whether a block is a header: its sum is written in it.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let written = std::str::from_utf8(&block[148..156]).ok();
    let written = written.and_then(|t| u32::from_str_radix(t.trim_matches([' ', '\0']), 8).ok());
    let rest = block[..148].iter().chain(&block[156..]);
    block[0] != 0 && written == Some(8 * u32::from(b' ') + rest.map(|&b| u32::from(b)).sum::<u32>())
}

/// Fills a buffer as far as there is something; how far, and why no further.
fn read_up_to(from: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut got = 0;
    while got < buffer.len() {
        match from.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (got, Some(e)),
        }
    }
    (got, None)
}

fn unpacking(path: &Path, packing: Packing) -> io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, open_regular(path)?);
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => Box::new(MultiGzDecoder::new(file)),
        Packing::Xz => Box::new(XzReader::new_mem_limit(file, true, XZ_MEMORY)),
    })
}

/// Opens a tar.
pub(super) fn open(spec: &str, opening: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let path = path_of(spec);
    let unread = |e: &io::Error| Problem::io("This tar cannot be read", &path, e);
    let bytes = open_regular(&path).map_err(|e| unread(&e))?.len();
    let damaged = |why: String| {
        Problem::data("This tar is damaged or cut off")
            .of(path.display().to_string())
            .because(why)
            .try_this("Copy or download it again")
    };
    let packing = packing_of(&path).ok_or_else(|| damaged("Its first header cannot be read".into()))?;
    let (file, mut broken, content) = match packing {
        Packing::Plain => {
            let about = std::fs::metadata(&path).map_err(|e| unread(&e))?;
            let time = about.modified().ok().and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok());
            let content = format!("{} {}", about.len(), time.map_or(0, |t| t.as_nanos()));
            (open_regular(&path).map_err(|e| unread(&e))?, None, content)
        }
        packed => unpacked(&path, packed, &opening)?,
    };
    let mut hasher = blake3::Hasher::new();
    // Headers alone may stay the same when contents change.
    hasher.update(content.as_bytes());
    let mut files: Vec<(Vec<u8>, u64, u64, Option<String>)> = Vec::new();
    let mut archive = ::tar::Archive::new(file.clone());
    for (at, entry) in archive.entries_with_seek().map_err(|e| unread(&e))?.enumerate() {
        if at % 256 == 0 {
            opening.progress.report("Opening", files.last().map_or(0, |f| f.1), file.len());
            opening.check()?;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                broken.get_or_insert_with(|| format!("The rest of this tar is damaged or cut off: {e}"));
                break;
            }
        };
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            continue;
        }
        let name = entry.path_bytes().into_owned();
        hasher.update(&name);
        hasher.update(entry.header().as_bytes());
        let (begin, size) = (entry.raw_file_position(), entry.size());
        let refused = match kind {
            EntryType::Regular | EntryType::Continuous if size > MAX_FILE => Some(too_large(size)),
            EntryType::Regular | EntryType::Continuous if begin.saturating_add(size) > file.len() => {
                Some("This entry is cut off".into())
            }
            EntryType::Regular | EntryType::Continuous => None,
            EntryType::Symlink | EntryType::Link => Some("This entry is a link, which is not followed".into()),
            _ => Some("This entry is no plain file".into()),
        };
        files.push((name, begin, size, refused));
    }
    if files.is_empty()
        && let Some(why) = broken
    {
        return Err(damaged(why));
    }
    let whole = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let broken = broken.map(|reason| BrokenFile { file: whole, reason }).into_iter().collect();
    let names: Vec<&[u8]> = files.iter().map(|f| f.0.as_slice()).collect();
    let named = Named::of(names.iter().copied(), &opening.reading);
    let own = own_folders(names.into_iter());
    // A file that was added again takes the place of the one before.
    let entries = files.iter().enumerate().rev().map(|(place, (name, _, size, refused))| {
        let before = lossy(name);
        Entry { name: named.name(name, &before), order: before, place, size: *size, refused: refused.clone() }
    });
    let entries = entries.collect();
    let guesses = named.guess("tar", "UTF-8").into_iter().collect();
    let contents = Contents { path, entries, own, guesses, broken, hasher, bytes };
    let places = files.into_iter().map(|(_, begin, size, _)| (begin, size)).collect();
    Ok(Box::new(Archive::new(Tar { file, places }, contents, &opening)?))
}

impl Entries for Tar {
    fn kind(&self) -> &'static str {
        "Tar"
    }

    fn size(&self, place: usize) -> u64 {
        self.places[place].1
    }

    fn read(&self, place: usize, limit: u64) -> Result<Vec<u8>, String> {
        let (begin, size) = self.places[place];
        let mut bytes = vec![0; size.min(limit) as usize];
        self.file.read_exact_at(&mut bytes, begin).map_err(|e| format!("This entry cannot be read: {e}"))?;
        Ok(bytes)
    }
}

/// A packed tar that was unpacked, by what its file was then.
struct Unpacked {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    file: FileAt,
    /// Why it ends early.
    cut: Option<String>,
    /// Hash of what it unpacked to.
    content: String,
}

/// The tar that was unpacked last: the same one is opened several times in a row.
static LAST: Mutex<Option<Unpacked>> = Mutex::new(None);

/// What a packed tar unpacks to, in a file without a name in the cache; why it ends early, if it does; and the hash of all.
fn unpacked(path: &Path, packing: Packing, opening: &Opening<'_>) -> Result<(FileAt, Option<String>, String)> {
    let unread = |e: &io::Error| Problem::io("This tar cannot be read", path, e);
    let about = std::fs::metadata(path).map_err(|e| unread(&e))?;
    let (bytes, modified) = (about.len(), about.modified().ok());
    // Held while it is unpacked: nobody does so twice.
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*last
        && (known.path.as_path(), known.bytes, known.modified) == (path, bytes, modified)
    {
        return Ok((known.file.clone(), known.cut.clone(), known.content.clone()));
    }
    *last = None;
    let folder = Paths::of_user().cache;
    let unwritten = |e: &io::Error| {
        Problem::io("A packed tar has to be unpacked, and there is no room for it here", &folder, e)
            .try_this("Free some space, or unpack it yourself and choose the folder")
    };
    std::fs::create_dir_all(&folder).map_err(|e| unwritten(&e))?;
    let out = tempfile::tempfile_in(&folder).map_err(|e| unwritten(&e))?;
    // In an encrypted library it is sealed.
    let mut out = Sink::for_path(&folder.join("unpacked"), out).map_err(|e| unwritten(&e))?;
    let free = free_bytes(&folder).map_or(u64::MAX, |free| free.saturating_sub(SPARE));
    let most = limits::work(Bounded::PackedTar, bytes);
    let mut from = unpacking(path, packing).map_err(|e| unread(&e))?;
    let (mut done, mut cut, mut buffer) = (0, None, vec![0; 1 << 18]);
    let mut hasher = blake3::Hasher::new();
    while cut.is_none() {
        opening.check()?;
        opening.progress.report("Unpacking", done, 0);
        let (got, error) = read_up_to(&mut *from, &mut buffer);
        cut = error.map(|e| format!("The rest of this tar is damaged or cut off: {e}"));
        if got == 0 {
            break;
        }
        done += got as u64;
        if done > most {
            return Err(Problem::data(format!("This tar unpacks to more than is read (at most {} MB)", most >> 20))
                .of(path.display().to_string())
                .try_this("Unpack it yourself and choose the folder"));
        }
        if done > free {
            return Err(unwritten(&io::ErrorKind::StorageFull.into()));
        }
        hasher.update(&buffer[..got]);
        out.write_all(&buffer[..got]).map_err(|e| unwritten(&e))?;
    }
    let content = hasher.finalize().to_hex().to_string();
    let file = out.finish().and_then(FileAt::of).map_err(|e| unwritten(&e))?;
    let (kept, told, hash) = (file.clone(), cut.clone(), content.clone());
    *last = Some(Unpacked { path: path.into(), bytes, modified, file: kept, cut: told, content: hash });
    Ok((file, cut, content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tar::{Builder, Header};

    fn png(v: u8) -> Vec<u8> {
        let mut out = io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(8, 8, image::Rgb([v, v, 0])).write_to(&mut out, image::ImageFormat::Png).unwrap();
        out.into_inner()
    }

    fn add(tar: &mut Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    }

    /// Two labels, a table, a name of more than 100 letters, a file that is added twice, a link.
    fn made() -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        add(&mut tar, "top/b/2.png", &png(9));
        add(&mut tar, "top/a/1.png", &png(1));
        add(&mut tar, "top/b/2.png", &png(2));
        add(&mut tar, "top/metadata.csv", b"file_name,text\na/1.png,one\n");
        add(&mut tar, &format!("top/a/{}.png", "long".repeat(40)), &png(3));
        let mut link = Header::new_gnu();
        link.set_entry_type(EntryType::Symlink);
        link.set_size(0);
        tar.append_link(&mut link, "top/a/link.png", "1.png").unwrap();
        tar.into_inner().unwrap()
    }

    fn packed(bytes: &[u8], packing: Packing) -> Vec<u8> {
        match packing {
            Packing::Plain => bytes.to_vec(),
            Packing::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
            Packing::Xz => {
                let mut out = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
                out.write_all(bytes).unwrap();
                out.finish().unwrap()
            }
        }
    }

    #[test]
    fn a_tar_is_read_like_a_folder_however_it_is_packed() {
        let dir = tempfile::tempdir().unwrap();
        let mut fingerprints = Vec::new();
        for packing in [Packing::Plain, Packing::Gzip, Packing::Xz] {
            let path = dir.path().join(format!("set-{packing:?}.bin"));
            std::fs::write(&path, packed(&made(), packing)).unwrap();
            let source = crate::data::open(path.to_str().unwrap()).unwrap();
            assert_eq!((source.kind(), source.len()), ("Tar", 3));
            assert_eq!(source.name(0), "top/a/1.png");
            assert!(source.name(1).ends_with("longlong.png"));
            assert_eq!(source.labels(), ["a", "b"]);
            assert_eq!(source.caption(0).as_deref(), Some("one"));
            let seen: Vec<u8> = (0..3).map(|i| source.decode(i).unwrap().pixel(0, 0)[0]).collect();
            assert_eq!(seen, [1, 3, 2], "{packing:?}");
            assert!(source.listed_broken()[0].reason.contains("link"), "{:?}", source.listed_broken());
            fingerprints.push(source.fingerprint().unwrap());
        }
        assert_eq!(fingerprints[1], fingerprints[2], "packing does not change the pictures");
        // The same names and headers with other contents are other pictures.
        let mut other = made();
        let place = other.windows(4).position(|w| w == b"IDAT").unwrap() + 6;
        other[place] ^= 1;
        let path = dir.path().join("other.tar.xz");
        std::fs::write(&path, packed(&other, Packing::Xz)).unwrap();
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_ne!(source.fingerprint().unwrap(), fingerprints[2]);
    }

    #[test]
    fn a_packed_tar_that_changed_is_unpacked_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.tar.xz");
        std::fs::write(&path, packed(&made(), Packing::Xz)).unwrap();
        assert_eq!(crate::data::open(path.to_str().unwrap()).unwrap().len(), 3);
        let mut tar = Builder::new(Vec::new());
        add(&mut tar, "1.png", &png(7));
        std::fs::write(&path, packed(&tar.into_inner().unwrap(), Packing::Xz)).unwrap();
        let source = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_eq!((source.len(), source.decode(0).unwrap().pixel(0, 0)[0]), (1, 7));
    }

    #[test]
    fn what_is_cut_off_is_told_and_the_rest_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let whole = made();
        // What does not shrink, so that the first picture is there long before the end.
        let mut tar = Builder::new(Vec::new());
        add(&mut tar, "1.png", &png(1));
        let mut x = 1u32;
        let noise = std::iter::repeat_with(|| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 24) as u8
        });
        let noise: Vec<u8> = noise.take(1 << 19).collect();
        add(&mut tar, "2.bin", &noise);
        let noisy = tar.into_inner().unwrap();
        for packing in [Packing::Plain, Packing::Gzip, Packing::Xz] {
            let path = dir.path().join(format!("cut-{packing:?}.tar"));
            // In the middle of the second picture.
            let bytes = match packing {
                Packing::Plain => whole[..BLOCK * 3 + 20].to_vec(),
                packing => {
                    let all = packed(&noisy, packing);
                    all[..all.len() - all.len() / 3].to_vec()
                }
            };
            std::fs::write(&path, bytes).unwrap();
            let source = crate::data::open(path.to_str().unwrap()).unwrap();
            let broken = source.listed_broken();
            assert!(broken.iter().any(|b| b.reason.contains("cut off")), "{packing:?}: {broken:?}");
            assert!((0..source.len()).any(|i| source.decode(i).is_ok()), "{packing:?}");
        }
        let path = dir.path().join("text.tar.gz");
        std::fs::write(&path, b"no tar").unwrap();
        let problem = crate::data::open(path.to_str().unwrap()).err().unwrap();
        assert!(problem.what.contains("damaged") && problem.exit_code() == 3, "{problem:?}");
    }
}
