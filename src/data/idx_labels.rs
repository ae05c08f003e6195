//! Labels of IDX pictures: where they lie, how they are stored, what they are called.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::decode::io_reason;
use super::limits::{self, Bounded};
use super::pread::{file_name, read_at_most, reader};

/// Class names of Fashion-MNIST (Xiao 2017).
pub(super) const FASHION: [&str; 10] =
    ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// Columns of a table of labels; QMNIST has eight.
const MOST_COLUMNS: u32 = 64;

/// The file of labels beside one of pictures. `train-images-idx3-ubyte.gz` has them in `train-labels-idx1-ubyte.gz`, or in
/// the same without `.gz`; QMNIST in `…-labels-idx2-int.gz`. Where a file lies in a folder of its own name, so do they.
pub(super) fn beside(images: &Path) -> Option<PathBuf> {
    let name = file_name(images);
    let base = name.trim_end_matches(".gz").replace("images", "labels");
    let one = base.replace("idx3", "idx1").replace("idx4", "idx1");
    let table = base.replace("idx3-ubyte", "idx2-int").replace("idx3.ubyte", "idx2.int");
    let folder = images.parent().unwrap_or(Path::new(""));
    let own_folder = folder.file_name().is_some_and(|f| f.to_string_lossy() == name.trim_end_matches(".gz"));
    [one, table]
        .into_iter()
        .flat_map(|n| [n.clone(), format!("{n}.gz")])
        .filter(|n| *n != name)
        .flat_map(|n| {
            let nested = folder.parent().filter(|_| own_folder).map(|up| up.join(n.trim_end_matches(".gz")).join(&n));
            std::iter::once(folder.join(&n)).chain(nested)
        })
        .find(|p| p.is_file())
}

/// One label for each of `count` pictures: bytes, or the first column of a table of whole numbers.
pub(super) fn read(path: &Path, count: usize) -> Result<Vec<u8>, String> {
    let none = "the pictures stay without labels";
    let mut file = reader(path).map_err(|e| io_reason(&e))?;
    let mut head = [0; 4];
    let not_labels = |_| format!("This is no IDX file of labels; {none}");
    file.read_exact(&mut head).map_err(not_labels)?;
    let width = match head {
        [0, 0, 8 | 9, 1 | 2] => 1,
        [0, 0, 0x0b, 1 | 2] => 2,
        [0, 0, 0x0c, 1 | 2] => 4,
        _ => return Err(format!("This is no IDX file of labels; {none}")),
    };
    let mut dims = [[0; 4]; 2];
    for dim in &mut dims[..usize::from(head[3])] {
        file.read_exact(dim).map_err(not_labels)?;
    }
    let columns = if head[3] == 2 { u32::from_be_bytes(dims[1]) } else { 1 };
    if !(1..=MOST_COLUMNS).contains(&columns) {
        return Err(format!("{columns} columns of labels are not read; {none}"));
    }
    let row = columns as usize * width;
    let mut bytes = Vec::new();
    file.take((count * row) as u64).read_to_end(&mut bytes).map_err(|e| io_reason(&e))?;
    if bytes.len() < count * row {
        return Err(format!("{} labels for {count} pictures; {none}", bytes.len() / row));
    }
    let first = |row: &[u8]| {
        let value = row[..width].iter().fold(0u64, |v, &b| v << 8 | u64::from(b));
        u8::try_from(value).map_err(|_| format!("The label {value} is too large; {none}"))
    };
    bytes.chunks_exact(row).map(first).collect()
}

/// What labels are called. `named` also gives those of EMNIST, which older recipes know by number.
pub(super) fn names(images: &Path, label: &[u8], named: bool) -> Vec<String> {
    let Some(&last) = label.iter().max() else { return Vec::new() };
    let full = images.canonicalize().unwrap_or_else(|_| images.to_path_buf());
    if last < 10 && full.to_string_lossy().to_lowercase().contains("fashion") {
        return FASHION.map(str::to_owned).to_vec();
    }
    let mapping = if named && is_emnist(images) { mapping(images) } else { Vec::new() };
    let name = |l: u8| mapping.iter().find(|(n, _)| *n == l).map_or_else(|| l.to_string(), |(_, name)| name.clone());
    (0..=last).map(name).collect()
}

/// Whether a file is one of EMNIST (Cohen 2017), whose pictures are stored column by column.
pub(super) fn is_emnist(images: &Path) -> bool {
    file_name(images).to_lowercase().starts_with("emnist-")
}

/// Characters of EMNIST's classes: `emnist-letters-mapping.txt` holds a label and one or two code points a line.
fn mapping(images: &Path) -> Vec<(u8, String)> {
    let name = file_name(images);
    let Some(set) = name.split('-').nth(1) else { return Vec::new() };
    let path = images.with_file_name(format!("emnist-{set}-mapping.txt"));
    let Ok(bytes) = read_at_most(&path, limits::memory(Bounded::Names, 0)) else { return Vec::new() };
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let label = words.next()?.parse().ok()?;
        let chars: Vec<String> = words.filter_map(|w| char::from_u32(w.parse().ok()?)).map(|c| c.to_string()).collect();
        (!chars.is_empty()).then(|| (label, chars.join("/")))
    };
    String::from_utf8_lossy(&bytes).lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_qmnist_are_the_first_of_their_columns() {
        let dir = tempfile::tempdir().unwrap();
        let images = dir.path().join("qmnist-train-images-idx3-ubyte");
        let labels = dir.path().join("qmnist-train-labels-idx2-int");
        let mut bytes = vec![0, 0, 0x0c, 2, 0, 0, 0, 3, 0, 0, 0, 8];
        for class in [5, 0, 9] {
            bytes.extend([0, 0, 0, class]);
            bytes.extend([0, 0, 1, 7].repeat(7));
        }
        std::fs::write(&labels, &bytes).unwrap();
        assert_eq!(beside(&images), Some(labels.clone()));
        assert_eq!(read(&labels, 3).unwrap(), [5, 0, 9]);
        assert!(read(&labels, 4).unwrap_err().contains("3 labels for 4 pictures"));
        std::fs::write(&labels, b"nothing").unwrap();
        assert!(read(&labels, 3).unwrap_err().contains("no IDX file"));
    }

    #[test]
    fn labels_in_folders_of_their_own_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let nested = |name: &str| dir.path().join(name).join(name);
        let (images, labels) = (nested("train-images-idx3-ubyte"), nested("train-labels-idx1-ubyte"));
        std::fs::create_dir_all(labels.parent().unwrap()).unwrap();
        std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 4]).unwrap();
        assert_eq!(beside(&images), Some(labels));
    }

    #[test]
    fn classes_of_emnist_are_called_by_their_characters() {
        let dir = tempfile::tempdir().unwrap();
        let images = dir.path().join("emnist-letters-train-images-idx3-ubyte.gz");
        std::fs::write(dir.path().join("emnist-letters-mapping.txt"), "1 65 97\n2 66 98\n").unwrap();
        assert_eq!(names(&images, &[1, 2], true), ["0", "A/a", "B/b"]);
        assert_eq!(names(&images, &[1, 2], false), ["0", "1", "2"], "as older recipes know them");
        assert!(is_emnist(&images) && !is_emnist(Path::new("train-images-idx3-ubyte")));
    }
}
