//! CIFAR-10 and CIFAR-100, binary version: records of label bytes and 32×32 pixels in three planes.
//!
//! Source: <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::path::{Path, PathBuf};

use super::decode::io_reason;
use super::limits::{self, Bounded};
use super::pread::{FileAt, open_regular, read_at_most};
use super::report::BrokenFile;
use super::source::{ImageSource, Opening, path_of};
use super::stamp::stamp;
use crate::base::{Picture, Problem, Result};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// One or more files of records.
struct Cifar {
    parts: Vec<Part>,
    /// Label bytes before the pixels: 1, or 2 (coarse, fine).
    head: usize,
    labels: Vec<String>,
    factor_names: Vec<String>,
    broken: Vec<BrokenFile>,
}

struct Part {
    path: PathBuf,
    stem: String,
    file: FileAt,
    count: usize,
    /// Pictures in the parts before.
    before: usize,
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Label bytes of a record, if the file is of this format: by its size, its name and its labels.
fn head_of(path: &Path) -> Option<usize> {
    let name = file_name(path).to_lowercase();
    let known = |n: &str| n == "test_batch.bin" || (n.starts_with("data_batch") && n.ends_with(".bin"));
    let file = open_regular(path).ok().filter(|_| path.is_file())?;
    let mut labels = [0; 2];
    file.read_exact_at(&mut labels, 0).ok()?;
    if known(&name) && labels[0] < 10 {
        return Some(1);
    }
    if !name.ends_with(".bin") {
        return None;
    }
    if matches!(name.as_str(), "train.bin" | "test.bin") && labels[0] < 20 && labels[1] < 100 {
        return Some(2);
    }
    let fits = |head: usize| !file.is_empty() && file.len().is_multiple_of((head + 3 * PLANE) as u64);
    match (fits(1) && labels[0] < 10, fits(2) && labels[0] < 20 && labels[1] < 100) {
        (true, _) => Some(1),
        (false, true) => Some(2),
        _ => None,
    }
}

/// The training files of a folder (CIFAR-10 has five, CIFAR-100 one), or the file itself.
fn parts_of(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let ten: Vec<PathBuf> =
            (1..=5).map(|i| path.join(format!("data_batch_{i}.bin"))).filter(|p| p.is_file()).collect();
        if !ten.is_empty() {
            return ten;
        }
        let hundred: Vec<PathBuf> = [path.join("train.bin")].into_iter().filter(|p| head_of(p) == Some(2)).collect();
        if !hundred.is_empty() {
            return hundred;
        }
        // As it is unpacked.
        let below = ["cifar-10-batches-bin", "cifar-100-binary"].map(|name| path.join(name));
        return below.iter().filter(|p| p.is_dir()).map(|p| parts_of(p)).find(|p| !p.is_empty()).unwrap_or_default();
    }
    if head_of(path).is_some() { vec![path.to_path_buf()] } else { Vec::new() }
}

/// Whether the text names such a file or folder.
pub(super) fn sniff(spec: &str) -> bool {
    !parts_of(&path_of(spec)).is_empty()
}

/// Opens a file or folder.
pub(super) fn open(spec: &str, _: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let given = path_of(spec);
    let paths = parts_of(&given);
    let head = paths.iter().find_map(|p| head_of(p));
    let head = head.ok_or_else(|| Problem::data("These are no CIFAR binaries").of(given.display().to_string()))?;
    let record = (head + 3 * PLANE) as u64;
    let (mut parts, mut broken, mut before) = (Vec::new(), Vec::new(), 0);
    for path in paths {
        let file = match open_regular(&path) {
            Ok(file) => file,
            Err(e) => {
                broken.push(BrokenFile { file: file_name(&path), reason: io_reason(&e) });
                continue;
            }
        };
        if !file.len().is_multiple_of(record) || file.is_empty() {
            let reason = format!("The file is cut off after {} pictures", file.len() / record);
            broken.push(BrokenFile { file: file_name(&path), reason });
        }
        let count = (file.len() / record) as usize;
        let stem = file_name(&path).trim_end_matches(".bin").to_owned();
        parts.push(Part { path, stem, file, count, before });
        before += count;
    }
    let folder = parts.first().and_then(|part| part.path.parent()).map(Path::to_path_buf).unwrap_or_default();
    let names = |file: &str, n: usize| {
        read_at_most(&folder.join(file), limits::memory(Bounded::Names, 0))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map(|text| text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect::<Vec<_>>())
            .ok()
            .filter(|names| names.len() == n)
    };
    let labels = match head {
        1 => names("batches.meta.txt", 10).unwrap_or_else(|| CLASSES.map(str::to_owned).to_vec()),
        _ => names("fine_label_names.txt", 100).unwrap_or_else(|| (0..100).map(|i| format!("class {i}")).collect()),
    };
    let factor_names = if head == 2 { vec!["coarse".to_owned()] } else { Vec::new() };
    Ok(Box::new(Cifar { parts, head, labels, factor_names, broken }))
}

impl Cifar {
    fn part(&self, i: usize) -> (&Part, usize) {
        let part = self.parts.partition_point(|p| p.before <= i) - 1;
        // Empty parts begin where the next one does; the last that begins here holds the picture.
        let part = &self.parts[part];
        (part, i - part.before)
    }

    fn record(&self, i: usize, bytes: &mut [u8]) -> std::io::Result<()> {
        let (part, k) = self.part(i);
        part.file.read_exact_at(bytes, (k * (self.head + 3 * PLANE)) as u64)
    }
}

impl ImageSource for Cifar {
    fn kind(&self) -> &'static str {
        if self.head == 1 { "CIFAR-10" } else { "CIFAR-100" }
    }

    fn len(&self) -> usize {
        self.parts.iter().map(|p| p.count).sum()
    }

    fn name(&self, i: usize) -> String {
        let (part, k) = self.part(i);
        format!("{}/{k:05}", part.stem)
    }

    fn label(&self, i: usize) -> Option<u32> {
        let mut head = [0; 2];
        self.record(i, &mut head[..self.head]).ok()?;
        Some(u32::from(head[self.head - 1])).filter(|&l| (l as usize) < self.labels.len())
    }

    fn caption(&self, i: usize) -> Option<String> {
        self.label(i).map(|l| self.labels[l as usize].replace('_', " "))
    }

    fn factors(&self, i: usize) -> Vec<f64> {
        let mut head = [0; 1];
        match self.head {
            2 => vec![self.record(i, &mut head).map_or(f64::NAN, |()| f64::from(head[0]))],
            _ => Vec::new(),
        }
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn factor_names(&self) -> &[String] {
        &self.factor_names
    }

    fn listed_broken(&self) -> &[BrokenFile] {
        &self.broken
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        let mut bytes = vec![0; self.head + 3 * PLANE];
        self.record(i, &mut bytes).map_err(|e| Problem::data(io_reason(&e)).of(self.name(i)))?;
        let pixels = &bytes[self.head..];
        let rgba = (0..PLANE).flat_map(|p| [pixels[p], pixels[PLANE + p], pixels[2 * PLANE + p], 255]).collect();
        Ok(Picture { width: SIDE as u32, height: SIDE as u32, rgba })
    }

    fn bytes(&self) -> u64 {
        self.parts.iter().map(|p| p.file.len()).sum()
    }

    fn fingerprint(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for part in &self.parts {
            let meta =
                std::fs::metadata(&part.path).map_err(|e| Problem::io("This file has vanished", &part.path, &e))?;
            let time = stamp(&meta);
            hasher.update(part.stem.as_bytes());
            hasher.update(&meta.len().to_le_bytes());
            hasher.update(&time.to_le_bytes());
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(head: usize, n: usize, from: u8) -> Vec<u8> {
        (0..n)
            .flat_map(|k| {
                let mut r = vec![(k % 10) as u8; head];
                for (c, v) in [from + k as u8, 100, 200].into_iter().enumerate() {
                    r.extend(std::iter::repeat_n(v, PLANE - c));
                    r.extend(std::iter::repeat_n(7, c));
                }
                r
            })
            .collect()
    }

    #[test]
    fn ten_classes_in_several_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("data_batch_1.bin"), records(1, 3, 0)).unwrap();
        std::fs::write(dir.path().join("data_batch_2.bin"), &records(1, 4, 50)[..3073 * 2 + 99]).unwrap();
        let s = crate::data::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!((s.kind(), s.len()), ("CIFAR-10", 5));
        assert_eq!(s.name(4), "data_batch_2/00001");
        assert_eq!(s.decode(4).unwrap().pixel(0, 0), [51, 100, 200, 255]);
        assert_eq!(s.decode(0).unwrap().pixel(31, 31), [0, 7, 7, 255]);
        assert_eq!(s.caption(1).as_deref(), Some("automobile"));
        assert!(s.listed_broken()[0].reason.contains("cut off after 2"));
    }

    #[test]
    fn the_folder_it_was_unpacked_in_is_enough() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("cifar-10-batches-bin");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("data_batch_1.bin"), records(1, 3, 0)).unwrap();
        std::fs::write(inner.join("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n").unwrap();
        let s = crate::data::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!((s.kind(), s.len(), s.labels()[0].as_str()), ("CIFAR-10", 3, "a"));
    }

    #[test]
    fn a_hundred_classes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train.bin");
        std::fs::write(&path, records(2, 2, 9)).unwrap();
        let s = crate::data::open(path.to_str().unwrap()).unwrap();
        assert_eq!((s.kind(), s.len(), s.labels().len()), ("CIFAR-100", 2, 100));
        assert_eq!((s.label(1), s.factors(1)), (Some(1), vec![1.0]));
        assert_eq!(s.decode(1).unwrap().pixel(0, 0)[0], 10);
        std::fs::write(&path, [200, 200, 3]).unwrap();
        assert!(crate::data::open(path.to_str().unwrap()).is_err());
    }
}
