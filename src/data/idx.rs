//! IDX files, the format of the MNIST family: a big-endian header, then raw bytes; plain or `.gz`.
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>, "The IDX file format".

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use flate2::read::MultiGzDecoder;

use super::decode::{check_size, io_reason};
use super::limits::{self, Bounded};
use super::pread::{FileAt, open_regular};
use super::report::BrokenFile;
use super::source::{ImageSource, Opening, path_of};
use crate::base::{Picture, Problem, Result};

/// Class names of Fashion-MNIST (Xiao 2017).
const FASHION: [&str; 10] =
    ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

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
        let mut names: Vec<PathBuf> = std::fs::read_dir(path)
            .ok()?
            .flatten()
            .map(|e| e.path())
            .filter(|p| file_name(p).contains("idx") && file_name(p).contains("images"))
            .collect();
        names.sort_by_key(|p| (!file_name(p).contains("train"), file_name(p).ends_with(".gz"), p.clone()));
        return names.into_iter().find(|p| header(p).is_some());
    }
    (path.is_file() && header(path).is_some()).then(|| path.to_path_buf())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_gz(path: &Path) -> bool {
    let mut head = [0; 2];
    open_regular(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == [0x1f, 0x8b]
}

fn reader(path: &Path) -> std::io::Result<Box<dyn Read>> {
    let file = BufReader::new(open_regular(path)?);
    Ok(if is_gz(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn header(path: &Path) -> Option<Header> {
    let mut head = Vec::new();
    reader(path).ok()?.take(20).read_to_end(&mut head).ok()?;
    Header::parse(&head)
}

/// Opens a file of images, or the folder it lies in.
pub(super) fn open(spec: &str, _: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let given = path_of(spec);
    let bad = |what: &str| Problem::data(what).of(given.display().to_string());
    let path = images_file(&given).ok_or_else(|| bad("This is no IDX file of images"))?;
    let header = header(&path).ok_or_else(|| bad("This is no IDX file of images"))?;
    check_size(header.width, header.height).map_err(|reason| bad(&reason))?;
    let file = FileAt::open(&path).map_err(|e| Problem::io("This file cannot be read", &path, &e))?;
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
    let label = match labels_beside(&path) {
        Some(labels) => read_labels(&labels, count).unwrap_or_else(|reason| {
            broken.push(BrokenFile { file: file_name(&labels), reason });
            Vec::new()
        }),
        None => Vec::new(),
    };
    let labels = label_names(&path, &label);
    let stem = file_name(&path).trim_end_matches(".gz").replace("-idx3-ubyte", "").replace(".idx3-ubyte", "");
    Ok(Box::new(Idx { path, stem, header, count, file, gz, unpacked: OnceLock::new(), label, labels, broken }))
}

/// `train-images-idx3-ubyte.gz` has its labels in `train-labels-idx1-ubyte.gz`, or in the same without `.gz`.
fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = file_name(images);
    let base = name.trim_end_matches(".gz").replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1");
    [base.clone(), format!("{base}.gz")]
        .into_iter()
        .filter(|n| *n != name)
        .map(|n| images.with_file_name(n))
        .find(|p| p.is_file())
}

fn read_labels(path: &Path, count: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = count as u64 + 8;
    reader(path).and_then(|r| r.take(limit).read_to_end(&mut bytes)).map_err(|e| io_reason(&e))?;
    if bytes.get(..4) != Some(&[0, 0, 8, 1]) {
        return Err("This is no IDX file of labels; the pictures stay without labels".into());
    }
    if (bytes.len() as u64) < limit {
        return Err(format!(
            "{} labels for {count} pictures; the pictures stay without labels",
            bytes.len().max(8) - 8
        ));
    }
    Ok(bytes.split_off(8))
}

fn label_names(path: &Path, label: &[u8]) -> Vec<String> {
    let Some(&last) = label.iter().max() else { return Vec::new() };
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if last < 10 && full.to_string_lossy().to_lowercase().contains("fashion") {
        return FASHION.map(str::to_owned).to_vec();
    }
    (0..=last).map(|l| l.to_string()).collect()
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
        Ok(Picture { width, height, rgba })
    }

    fn bytes(&self) -> u64 {
        self.file.len()
    }

    fn fingerprint(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for path in std::iter::once(self.path.clone()).chain(labels_beside(&self.path)) {
            let meta = std::fs::metadata(&path).map_err(|e| Problem::io("This file has vanished", &path, &e))?;
            let time = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos());
            hasher.update(file_name(&path).as_bytes());
            hasher.update(&meta.len().to_le_bytes());
            hasher.update(&time.to_le_bytes());
        }
        // Label names follow the path.
        self.labels.iter().for_each(|l| {
            hasher.update(l.as_bytes());
        });
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
