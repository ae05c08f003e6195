//! Files that hold pictures in a way that is not read: what they are called, and how to make them readable.

use std::path::Path;

use super::decode::extension;
use super::pread::read_at_most;

/// A kind of file that is known and not read.
struct Unread {
    /// Endings, in small letters.
    endings: &'static [&'static str],
    /// First bytes; empty where the ending must do.
    magic: &'static [u8],
    /// What it is called, with its article.
    what: &'static str,
    /// What to do.
    how: &'static str,
}

const ALONE: &str = "choose it by itself, or unpack it";
const REPACK: &str = "unpack it and choose the folder, or pack it as .tar.xz or .tar.gz";
const UNPACK: &str = "unpack it and choose the folder";
const NUMPY: &str = "save its pictures with Python: for i, p in enumerate(numpy.load(FILE)): PIL.Image.fromarray(p).save(f\"{i:06}.png\")";
const NUMPY_ARCHIVE: &str = "save its pictures with Python: for i, p in enumerate(numpy.load(FILE)[\"NAME\"]): \
                             PIL.Image.fromarray(p).save(f\"{i:06}.png\"); numpy.load(FILE).files lists the names";
const PARQUET: &str = "save its pictures with Python: for i, row in enumerate(datasets.load_dataset(\"parquet\", \
                       data_files=FILE)[\"train\"]): row[\"image\"].save(f\"{i:06}.png\")";
const SCRIPT: &str = "save its pictures as PNG with the program or library that made it";

/// Names of files in the Python version of CIFAR.
const CIFAR: &[&str] = &["data_batch", "test_batch", "batches.meta", "train", "test", "meta"];
const CIFAR_HOW: &str = "take the binary version, cifar-10-binary.tar.gz or cifar-100-binary.tar.gz from \
                         https://www.cs.toronto.edu/~kriz/cifar.html, unpack it and choose the folder";

/// Every such kind; the first that fits is told.
static UNREAD: &[Unread] = &[
    Unread { endings: &["npz"], magic: b"PK", what: "a NumPy archive", how: NUMPY_ARCHIVE },
    Unread { endings: &["npy"], magic: b"\x93NUMPY", what: "a NumPy array", how: NUMPY },
    Unread { endings: &["parquet"], magic: b"PAR1", what: "a Parquet table", how: PARQUET },
    Unread { endings: &["arrow", "feather"], magic: b"", what: "an Arrow table", how: PARQUET },
    Unread { endings: &["tar", "tgz", "txz"], magic: b"", what: "a tar archive among other files", how: ALONE },
    Unread { endings: &["tbz2", "tzst"], magic: b"", what: "a packed tar archive", how: REPACK },
    Unread { endings: &["7z"], magic: b"7z\xbc\xaf", what: "a 7-Zip archive", how: UNPACK },
    Unread { endings: &["rar"], magic: b"Rar!", what: "a RAR archive", how: UNPACK },
    Unread { endings: &["h5", "hdf5", "he5"], magic: b"\x89HDF", what: "an HDF5 file", how: SCRIPT },
    Unread { endings: &["mat"], magic: b"MATLAB", what: "a MATLAB file", how: SCRIPT },
    Unread { endings: &["tfrecord", "tfrecords"], magic: b"", what: "a TFRecord file", how: SCRIPT },
    Unread { endings: &["mdb", "lmdb"], magic: b"", what: "an LMDB database", how: SCRIPT },
    Unread { endings: &["rec"], magic: b"", what: "an MXNet record file", how: SCRIPT },
    Unread { endings: &["beton"], magic: b"", what: "an FFCV file", how: SCRIPT },
    Unread { endings: &["dcm"], magic: b"", what: "a DICOM picture", how: "save it as PNG with a DICOM viewer" },
    Unread { endings: &["nii"], magic: b"", what: "a NIfTI volume", how: SCRIPT },
    Unread { endings: &["pkl", "pickle", "p"], magic: b"\x80", what: "a Python pickle", how: SCRIPT },
    Unread { endings: &["pt", "pth"], magic: b"", what: "a PyTorch file", how: SCRIPT },
];

/// What a file is that is known and not read, and what to do; nothing for others.
pub(super) fn unread(name: &str, head: &[u8]) -> Option<(String, &'static str)> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let ending = extension(name);
    let is_tar = base.to_ascii_lowercase().strip_suffix(&format!(".{ending}")).is_some_and(|b| b.ends_with(".tar"));
    match ending.as_str() {
        "gz" | "xz" if is_tar => return Some(("a tar archive among other files".into(), ALONE)),
        "bz2" | "zst" if is_tar => return Some(("a packed tar archive".into(), REPACK)),
        _ => {}
    }
    if let [0x80, 2..=5, ..] = head
        && CIFAR.iter().any(|known| base.starts_with(known))
    {
        return Some(("the Python version of CIFAR".into(), CIFAR_HOW));
    }
    let by_magic = |u: &&Unread| u.magic.len() > 2 && head.starts_with(u.magic);
    let by_ending = |u: &&Unread| u.endings.contains(&ending.as_str()) && head.starts_with(u.magic);
    UNREAD
        .iter()
        .find(by_ending)
        .or_else(|| UNREAD.iter().find(by_magic))
        .map(|u| (format!("{} (.{})", u.what, u.endings[0]), u.how))
}

/// The same as one reason.
pub(super) fn reason(name: &str, head: &[u8]) -> Option<String> {
    unread(name, head).map(|(what, how)| format!("This is {what}, which is not read; {how}"))
}

/// The same of a file on disk.
pub(super) fn unread_file(path: &Path) -> Option<(String, &'static str)> {
    let head = read_at_most(path, 64).ok()?;
    unread(&path.file_name()?.to_string_lossy(), &head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_are_not_read_are_called_by_their_name() {
        let what = |name: &str, head: &[u8]| unread(name, head).map(|u| u.0).unwrap_or_default();
        assert_eq!(what("train.npz", b"PK\x03\x04"), "a NumPy archive (.npz)");
        assert_eq!(what("x.parquet", b"PAR1"), "a Parquet table (.parquet)");
        assert_eq!(what("x", b"PAR1"), "a Parquet table (.parquet)");
        assert_eq!(what("set.tar.zst", b"\x28\xb5"), "a packed tar archive");
        assert_eq!(what("set.tar.gz", b"\x1f\x8b"), "a tar archive among other files");
        assert_eq!(what("a/set.tar", b"x"), "a tar archive among other files (.tar)");
        assert_eq!(what("pictures.zip", b"PK\x03\x04"), "");
        assert_eq!(what("data_batch_1", b"\x80\x02}q\x01("), "the Python version of CIFAR");
        assert_eq!(what("data_batch_1", b"text"), "");
        assert_eq!(what("a.heic", b"\0\0\0\x18ftypheic"), "");
        assert!(reason("x.parquet", b"PAR1").unwrap().contains("load_dataset"));
    }
}
