//! IDX files, the format of the MNIST family: a big-endian header, then raw bytes; plain or `.gz`.
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>, "The IDX file format".

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::decode::{EXTENSIONS, check_size, extension, io_reason};
use super::guess::Guess;
use super::idx_labels;
use super::limits::{self, Bounded};
use super::pread::{FileAt, file_name, is_gz, open_regular, reader};
use super::report::BrokenFile;
use super::source::{ImageSource, Opening, path_of};
use super::stamp::stamp;
use super::structure::listed;
use crate::base::{Picture, Problem, Result};
use crate::recipe::Sideways;

/// Entries of folders looked at for a file of images: more are no set of this kind.
const LOOKED_AT: usize = 1000;
/// Folders in folders that are looked at.
const DEEPEST: usize = 3;

/// A file of images, with labels if they lie beside it.
struct Idx {
    path: PathBuf,
    stem: String,
    header: Header,
    /// Pictures that are listed.
    count: usize,
    file: FileAt,
    gz: bool,
    /// Unpacked pictures of a `.gz`, or the reason why not.
    unpacked: OnceLock<Result<Vec<u8>, String>>,
    label: Vec<u8>,
    labels: Vec<String>,
    broken: Vec<BrokenFile>,
    /// Whether rows and columns are swapped.
    turned: bool,
    guesses: Vec<Guess>,
}

/// The header of a file of images.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Header {
    count: usize,
    height: u32,
    width: u32,
    channels: u32,
    /// Channels come before rows and columns.
    planar: bool,
    bytes: u64,
}

impl Header {
    /// Reads dimensions: `N × H × W`, `N × H × W × C` or `N × C × H × W` of unsigned bytes.
    fn parse(head: &[u8]) -> Option<Self> {
        if head.get(..3)? != [0, 0, 8] {
            return None;
        }
        let dims: Option<Vec<u32>> = (0..usize::from(*head.get(3)?))
            .map(|i| Some(u32::from_be_bytes(head.get(4 + 4 * i..8 + 4 * i)?.try_into().ok()?)))
            .collect();
        let (count, height, width, channels, planar) = match *dims?.as_slice() {
            [n, h, w] => (n, h, w, 1, false),
            [n, h, w, c @ (1 | 3 | 4)] => (n, h, w, c, false),
            [n, c @ (1 | 3 | 4), h, w] => (n, h, w, c, true),
            _ => return None,
        };
        let bytes = 4 + 4 * u64::from(head[3]);
        Some(Self { count: count as usize, height, width, channels, planar, bytes })
    }

    fn picture_bytes(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width) * u64::from(self.channels)
    }
}

/// Whether the text names a file of images in this format, or a folder that holds one.
pub(super) fn sniff(spec: &str) -> bool {
    images_file(&path_of(spec)).is_some()
}

/// The file itself, or the best one in a folder: the training images before any other.
fn images_file(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return images_files(path).into_iter().next();
    }
    (path.is_file() && header(path).is_some()).then(|| path.to_path_buf())
}

/// Files of images in a folder, the best one first; else those in folders below it, where nothing else lies that could be
/// meant: MNIST comes as `MNIST/raw/…`.
fn images_files(folder: &Path) -> Vec<PathBuf> {
    let mut level = vec![folder.to_path_buf()];
    let mut left = LOOKED_AT;
    for depth in 0..=DEEPEST {
        let (mut files, mut folders, mut pictures) = (Vec::new(), Vec::new(), false);
        for folder in level {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                left = left.saturating_sub(1);
                if left == 0 {
                    return Vec::new();
                }
                let path = entry.path();
                let name = file_name(&path);
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    _ if name.contains("idx") && name.contains("images") => files.push(path),
                    _ => pictures |= EXTENSIONS.contains(&extension(&name).as_str()),
                }
            }
        }
        if pictures && depth > 0 {
            return Vec::new();
        }
        files.sort_by_key(|p| (!file_name(p).contains("train"), file_name(p).ends_with(".gz"), p.clone()));
        files.retain(|p| p.is_file() && header(p).is_some());
        if !files.is_empty() || pictures {
            return files;
        }
        level = folders;
    }
    Vec::new()
}

/// Says which file of a folder is taken where there are several.
fn others(given: &Path, taken: &Path) -> Option<Guess> {
    let plain = |p: &Path| file_name(p).trim_end_matches(".gz").to_owned();
    let mut names: Vec<String> = if given.is_dir() { images_files(given) } else { Vec::new() }
        .iter()
        .map(|p| plain(p))
        .filter(|name| *name != plain(taken))
        .collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then(|| {
        Guess::new(format!("{} is taken, not {}", file_name(taken), listed(&names)))
            .otherwise("To take another file choose it as the source")
    })
}

fn header(path: &Path) -> Option<Header> {
    let mut head = Vec::new();
    reader(path).ok()?.take(20).read_to_end(&mut head).ok()?;
    Header::parse(&head)
}

/// Opens a file of images, or the folder it lies in.
pub(super) fn open(spec: &str, opening: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let given = path_of(spec);
    let bad = |what: &str| Problem::data(what).of(given.display().to_string());
    let path = images_file(&given).ok_or_else(|| bad("This is no IDX file of images"))?;
    let header = header(&path).ok_or_else(|| bad("This is no IDX file of images"))?;
    check_size(header.width, header.height).map_err(|reason| bad(&reason))?;
    let file = open_regular(&path).map_err(|e| Problem::io("This file cannot be read", &path, &e))?;
    let gz = is_gz(&path);
    let mut broken = Vec::new();
    let mut count = header.count;
    if !gz {
        let there = (file.len().saturating_sub(header.bytes) / header.picture_bytes()) as usize;
        if there < count {
            let reason = format!("The file is cut off: {count} pictures are promised, {there} are there");
            broken.push(BrokenFile { file: file_name(&path), reason });
            count = there;
        }
    } else if header.picture_bytes().saturating_mul(count as u64) > limits::memory(Bounded::Gzip, file.len()) {
        return Err(bad("This file promises far more pictures than its size allows for")
            .because(format!("{count} pictures in {} packed bytes", file.len()))
            .try_this("If that is right, unpack it with gunzip first"));
    }
    let label = match idx_labels::beside(&path) {
        Some(labels) => idx_labels::read(&labels, count).unwrap_or_else(|reason| {
            broken.push(BrokenFile { file: file_name(&labels), reason });
            Vec::new()
        }),
        None => Vec::new(),
    };
    let reading = opening.reading;
    let labels = idx_labels::names(&path, &label, !reading.is_before());
    let turned = match reading.sideways {
        Sideways::Auto => idx_labels::is_emnist(&path),
        Sideways::Turn => true,
        Sideways::Keep => false,
    };
    let mut guesses: Vec<Guess> = others(&given, &path).into_iter().collect();
    if turned && reading.sideways == Sideways::Auto {
        guesses.push(
            Guess::new("EMNIST stores its pictures on their side; they are turned")
                .about(count as u64)
                .changed_by("data.sideways", "To take them as they are stored set data.sideways to keep"),
        );
    }
    let stem = file_name(&path).trim_end_matches(".gz").replace("-idx3-ubyte", "").replace(".idx3-ubyte", "");
    let unpacked = OnceLock::new();
    Ok(Box::new(Idx { path, stem, header, count, file, gz, unpacked, label, labels, broken, turned, guesses }))
}

impl Idx {
    /// The raw bytes of a picture.
    fn raw(&self, i: usize) -> Result<Vec<u8>, String> {
        let size = self.header.picture_bytes();
        let offset = self.header.bytes + i as u64 * size;
        let mut raw = vec![0; size as usize];
        if !self.gz {
            return self.file.read_exact_at(&mut raw, offset).map(|()| raw).map_err(|e| io_reason(&e));
        }
        let all = self.unpacked.get_or_init(|| {
            let total = self.header.bytes + size * self.count as u64;
            // Grows with what is there, not with what is promised.
            let mut all = Vec::new();
            let mut reader = reader(&self.path).map_err(|e| io_reason(&e))?.take(total);
            // What was unpacked before the damage is used; the rest is told picture by picture.
            let _ = reader.read_to_end(&mut all);
            Ok(all)
        });
        let all = all.as_ref().map_err(Clone::clone)?;
        let part =
            all.get(offset as usize..(offset + size) as usize).ok_or("The file is cut off before this picture")?;
        Ok(part.to_vec())
    }
}

/// Rows as columns.
fn swapped(picture: &Picture) -> Picture {
    let (width, height) = (picture.height, picture.width);
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Picture { width, height, rgba: pixels.flat_map(|(x, y)| picture.pixel(y, x)).collect() }
}

impl ImageSource for Idx {
    fn kind(&self) -> &'static str {
        "IDX"
    }

    fn len(&self) -> usize {
        self.count
    }

    fn name(&self, i: usize) -> String {
        format!("{}/{i:05}", self.stem)
    }

    fn label(&self, i: usize) -> Option<u32> {
        self.label.get(i).map(|&l| u32::from(l))
    }

    fn caption(&self, i: usize) -> Option<String> {
        self.label.get(i).and_then(|&l| self.labels.get(usize::from(l)).cloned())
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn listed_broken(&self) -> &[BrokenFile] {
        &self.broken
    }

    fn guesses(&self) -> &[Guess] {
        &self.guesses
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        let raw = self.raw(i).map_err(|reason| Problem::data(reason).of(self.name(i)))?;
        let Header { width, height, channels, planar, .. } = self.header;
        let plane = (width * height) as usize;
        let mut rgba = Vec::with_capacity(plane * 4);
        for p in 0..plane {
            let at = |c: usize| if planar { raw[c * plane + p] } else { raw[p * channels as usize + c] };
            match channels {
                1 => rgba.extend_from_slice(&[raw[p], raw[p], raw[p], 255]),
                3 => rgba.extend_from_slice(&[at(0), at(1), at(2), 255]),
                _ => rgba.extend_from_slice(&[at(0), at(1), at(2), at(3)]),
            }
        }
        let picture = Picture { width, height, rgba };
        Ok(if self.turned { swapped(&picture) } else { picture })
    }

    fn bytes(&self) -> u64 {
        self.file.len()
    }

    fn fingerprint(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for path in std::iter::once(self.path.clone()).chain(idx_labels::beside(&self.path)) {
            let meta = std::fs::metadata(&path).map_err(|e| Problem::io("This file has vanished", &path, &e))?;
            let time = stamp(&meta);
            hasher.update(file_name(&path).as_bytes());
            hasher.update(&meta.len().to_le_bytes());
            hasher.update(&time.to_le_bytes());
        }
        // Label names follow the path.
        self.labels.iter().for_each(|l| {
            hasher.update(l.as_bytes());
        });
        if self.turned {
            hasher.update(b"turned");
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn images(n: u32) -> Vec<u8> {
        let mut b = vec![0, 0, 8, 3];
        [n, 6, 5].iter().for_each(|d| b.extend_from_slice(&d.to_be_bytes()));
        b.extend((0..n * 30).map(|i| (i / 30) as u8 * 10));
        b
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        e.write_all(bytes).unwrap();
        e.finish().unwrap()
    }

    #[test]
    fn plain_and_gz_files_and_folders_are_read_with_labels() {
        for packed in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let end = if packed { ".gz" } else { "" };
            let pack = |b: Vec<u8>| if packed { gz(&b) } else { b };
            let path = dir.path().join(format!("train-images-idx3-ubyte{end}"));
            std::fs::write(&path, pack(images(4))).unwrap();
            std::fs::write(dir.path().join(format!("t10k-images-idx3-ubyte{end}")), pack(images(2))).unwrap();
            let labels = [&[0, 0, 8, 1, 0, 0, 0, 4][..], &[3, 0, 2, 1]].concat();
            std::fs::write(dir.path().join(format!("train-labels-idx1-ubyte{end}")), pack(labels)).unwrap();
            for spec in [dir.path(), &path] {
                let s = crate::data::open(spec.to_str().unwrap()).unwrap();
                assert_eq!((s.kind(), s.len(), s.labels().len()), ("IDX", 4, 4));
                assert_eq!(s.label(0), Some(3));
                let p = s.decode(2).unwrap();
                assert_eq!((p.width, p.height, p.pixel(4, 5)), (5, 6, [20, 20, 20, 255]));
            }
        }
    }

    #[test]
    fn the_parent_folder_of_mnist_is_enough() {
        let dir = tempfile::tempdir().unwrap();
        let raw = dir.path().join("MNIST/raw");
        std::fs::create_dir_all(&raw).unwrap();
        std::fs::write(raw.join("train-images-idx3-ubyte"), images(4)).unwrap();
        std::fs::write(raw.join("train-images-idx3-ubyte.gz"), gz(&images(4))).unwrap();
        std::fs::write(raw.join("t10k-images-idx3-ubyte"), images(2)).unwrap();
        std::fs::write(raw.join("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 4, 3, 0, 2, 1]).unwrap();
        let s = crate::data::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!((s.kind(), s.len(), s.label(0)), ("IDX", 4, Some(3)));
        assert_eq!(s.guesses()[0].what, "train-images-idx3-ubyte is taken, not t10k-images-idx3-ubyte");
        // Pictures above it are what is meant.
        std::fs::create_dir(dir.path().join("photos")).unwrap();
        image::RgbImage::new(8, 8).save(dir.path().join("photos/1.png")).unwrap();
        assert_eq!(crate::data::open(dir.path().to_str().unwrap()).unwrap().kind(), "Folder");
    }

    #[test]
    fn pictures_of_emnist_are_turned_and_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("emnist-letters-train-images-idx3-ubyte");
        let mut bytes = vec![0, 0, 8, 3];
        [1u32, 4, 5].iter().for_each(|d| bytes.extend_from_slice(&d.to_be_bytes()));
        bytes.extend(0..20u8);
        std::fs::write(&path, &bytes).unwrap();
        let spec = path.to_str().unwrap();
        let open = |sideways| {
            let reading = crate::recipe::Reading { sideways, ..crate::recipe::Reading::default() };
            let progress = crate::base::progress::Quiet::default();
            crate::data::open_as(spec, Opening { reading, progress: &progress }).unwrap()
        };
        let turned = open(Sideways::Auto);
        let p = turned.decode(0).unwrap();
        assert_eq!((p.width, p.height, p.pixel(1, 0)[0], p.pixel(0, 1)[0]), (4, 5, 5, 1));
        assert_eq!(turned.guesses()[0].setting.as_deref(), Some("data.sideways"));
        let kept = open(Sideways::Keep);
        assert_eq!((kept.decode(0).unwrap().pixel(1, 0)[0], kept.guesses().len()), (1, 0));
        assert_ne!(turned.fingerprint().unwrap(), kept.fingerprint().unwrap());
    }

    #[test]
    fn cut_off_files_give_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x-images-idx3-ubyte");
        std::fs::write(&path, &images(9)[..16 + 30 * 5 + 7]).unwrap();
        let s = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_eq!(s.len(), 5);
        assert!(s.decode(4).is_ok());
        assert!(s.listed_broken()[0].reason.contains("cut off"));
        let noise: Vec<u8> = (0..9000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut long = vec![0, 0, 8, 3];
        [300u32, 6, 5].iter().for_each(|d| long.extend_from_slice(&d.to_be_bytes()));
        long.extend(noise);
        let packed = gz(&long);
        std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
        let s = crate::data::open(path.to_str().unwrap()).unwrap();
        assert!(s.decode(0).is_ok());
        assert!(s.decode(299).unwrap_err().what.contains("cut off"));
    }

    #[test]
    fn lies_in_the_header_are_refused() {
        assert_eq!(Header::parse(&[0, 0, 8, 3, 0, 0]), None);
        assert_eq!(Header::parse(&[0, 0, 13, 3]), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("images-idx3-ubyte.gz");
        let mut b = vec![0, 0, 8, 3];
        [u32::MAX, 28, 28].iter().for_each(|d| b.extend_from_slice(&d.to_be_bytes()));
        std::fs::write(&path, gz(&b)).unwrap();
        assert!(crate::data::open(path.to_str().unwrap()).is_err());
        let planar =
            Header::parse(&[&[0, 0, 8, 4][..], &[0, 0, 0, 2], &[0, 0, 0, 3], &[0, 0, 0, 9], &[0, 0, 0, 8]].concat());
        assert!(planar.is_some_and(|h| h.planar && h.channels == 3 && h.width == 8));
    }
}
