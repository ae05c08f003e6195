//! Files of data sets: regular ones only, read by position so that many threads share one handle.

use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::base::vault::File;

/// An open file with its own place; clones share the handle but not the place.
pub(super) type FileAt = File;

/// Opens a regular file for reading. Never waits: a pipe without a writer, a socket or a device is refused.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = std::fs::File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => File::of(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// At most `most` bytes of a regular file from its beginning.
pub(super) fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last part of a path, for a person.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file begins as a gzip.
pub(super) fn is_gz(path: &Path) -> bool {
    let mut head = [0; 2];
    open_regular(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == [0x1f, 0x8b]
}

/// The bytes of a file, unpacked if it is a gzip.
pub(super) fn reader(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = BufReader::new(open_regular(path)?);
    Ok(if is_gz(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};

    use super::*;
    use crate::base::position::write_all_at;

    #[test]
    fn clones_keep_their_own_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write_all_at(file.as_file(), b"hello world", 0).unwrap();
        let mut a = open_regular(file.path()).unwrap();
        let mut b = a.clone();
        let mut buffer = [0; 5];
        a.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        b.seek(SeekFrom::End(-5)).unwrap();
        b.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"world");
        assert_eq!(a.stream_position().unwrap(), 5);
        assert!(a.read_exact_at(&mut buffer, 8).is_err());
        assert_eq!(a.len(), 11);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe.png");
        let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
        // SAFETY: a plain system call with a string that ends in zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        assert_eq!(open_regular(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(open_regular(dir.path()).is_err());
        std::fs::write(dir.path().join("x"), b"hello").unwrap();
        assert_eq!(read_at_most(&dir.path().join("x"), 4).unwrap(), b"hell");
    }
}
