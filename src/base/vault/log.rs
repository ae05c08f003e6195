//! What grows line by line: telemetry, a run's messages. In an encrypted library each write is a record of its own, so
//! that nothing that was written before is touched, and a process that is killed loses its last record at most.
//!
//! ```text
//! head    as of `sealed`
//! record  length 4, nonce 24, encrypted, tag 16
//! ```
//! Each record is bound to the head and to its place. A log that was cut off between two records is not noticed: it may
//! end at any moment.

use std::fs::{self, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use chacha20poly1305::XChaCha20Poly1305;

use super::super::position;
use super::key::DataKey;
use super::sealed::{HEAD, Head, Kind, MORE, random};
use super::{Id, key_of, writing};

/// What a record is marked with.
const MARK: u8 = 2;
/// Longest record before it is sealed.
const LONGEST: usize = 16 << 20;
/// Bytes of a record's length.
const LENGTH: usize = 4;

/// A log that is open for appending.
pub struct Log {
    file: fs::File,
    sealed: Option<(Head, XChaCha20Poly1305, u64)>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.sealed.is_some() { "sealed log" } else { "log" })
    }
}

impl From<fs::File> for Log {
    fn from(file: fs::File) -> Self {
        Self { file, sealed: None }
    }
}

impl Log {
    /// Opens a log, made if it is not there; whether it is sealed follows from where it lies. A record that was cut off is
    /// removed.
    ///
    /// # Errors
    /// It cannot be written, is of the other kind in a place where it would have to be sealed, or its library is locked.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let key = writing(path)?;
        let empty = file.metadata()?.len() == 0;
        match (key, Head::of(&file)?) {
            (None, None) => {
                file.seek(SeekFrom::End(0))?;
                Ok(file.into())
            }
            (Some((id, key)), None) if empty => {
                let head = Head::new(id, Kind::Log)?;
                file.write_all(&head.0)?;
                Ok(Self { file, sealed: Some((head, key.files(), HEAD as u64)) })
            }
            (Some((id, key)), None) => {
                // Begun before the library was encrypted.
                drop(file);
                convert(path, Some((id, &key)))?;
                Self::open(path)
            }
            (None, Some(_)) => {
                drop(file);
                convert(path, None)?;
                Self::open(path)
            }
            (Some(_), Some(head)) => {
                let cipher = key_of(head.id())?.files();
                let end = whole(&file, &head, &cipher)?;
                file.set_len(end)?;
                Ok(Self { file, sealed: Some((head, cipher, end)) })
            }
        }
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// The file of a plain log; nothing if it is sealed.
    pub fn plain(&mut self) -> Option<&mut fs::File> {
        self.sealed.is_none().then_some(&mut self.file)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((head, cipher, end)) = &mut self.sealed else { return self.file.write(bytes) };
        let bytes = &bytes[..bytes.len().min(LONGEST)];
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut record = (bytes.len() as u32).to_le_bytes().to_vec();
        head.seal(cipher, (*end, MARK), random()?, bytes, &mut record)?;
        // What a disk that is full took of an earlier record is written over.
        position::write_all_at(&self.file, &record, *end)?;
        *end += record.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes of a log from `offset` on, and the offset to go on from; whole records only where it is sealed.
///
/// # Errors
/// It cannot be read, or its library is locked.
pub fn read_from(path: &Path, offset: u64) -> io::Result<(Vec<u8>, u64)> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    let Some(head) = Head::of(&file)? else {
        if length <= offset {
            return Ok((Vec::new(), offset.min(length)));
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let end = offset + bytes.len() as u64;
        return Ok((bytes, end));
    };
    let from = offset.max(HEAD as u64);
    if length <= from {
        // One that was begun anew is shorter; whoever reads on starts again.
        return Ok((Vec::new(), offset.min(length)));
    }
    records(&file, &head, &key_of(head.id())?, from, u64::MAX)
}

/// Bytes of a log up to a place that [`read_from`] told.
///
/// # Errors
/// As [`read_from`].
pub fn read_to(path: &Path, end: u64) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    match Head::of(&file)? {
        Some(head) => Ok(records(&file, &head, &key_of(head.id())?, HEAD as u64, end)?.0),
        None => {
            let mut bytes = Vec::new();
            file.take(end).read_to_end(&mut bytes)?;
            Ok(bytes)
        }
    }
}

/// Bytes of the end of a log, at most about `most` of a plain one, and the place where they end.
///
/// # Errors
/// As [`read_from`].
pub fn read_end(path: &Path, most: u64) -> io::Result<(Vec<u8>, u64)> {
    let file = fs::File::open(path)?;
    let from = if Head::of(&file)?.is_some() { 0 } else { file.metadata()?.len().saturating_sub(most) };
    read_from(path, from)
}

fn records(file: &fs::File, head: &Head, key: &DataKey, from: u64, end: u64) -> io::Result<(Vec<u8>, u64)> {
    let cipher = key.files();
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 18, file);
    reader.seek(SeekFrom::Start(from))?;
    let (mut out, mut at) = (Vec::new(), from);
    while at < end
        && let Some(mut record) = next(&mut reader)?
    {
        let size = (LENGTH + record.len()) as u64;
        match head.unseal(&cipher, (at, MARK), &mut record) {
            Ok(bytes) => out.extend_from_slice(bytes),
            // The last one may be written just now.
            Err(_) if at + size >= length => break,
            Err(e) => log::warn!("A record of a log was changed since it was encrypted and is left out: {e}"),
        }
        at += size;
    }
    Ok((out, at))
}

/// Everything in a sealed log.
pub(super) fn all(file: &fs::File, head: &Head, key: &DataKey) -> io::Result<(Vec<u8>, u64)> {
    records(file, head, key, HEAD as u64, u64::MAX)
}

/// The next record as it is sealed; nothing where none is whole.
fn next(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; LENGTH];
    match reader.read_exact(&mut length) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Ok(None);
    }
    let mut record = Vec::new();
    reader.take((length + MORE) as u64).read_to_end(&mut record)?;
    Ok((record.len() == length + MORE).then_some(record))
}

/// Where the last whole record ends; one that was changed in between counts, so that those behind it stay.
fn whole(file: &fs::File, head: &Head, cipher: &XChaCha20Poly1305) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 18, file);
    reader.seek(SeekFrom::Start(HEAD as u64))?;
    let length = file.metadata()?.len();
    let mut at = HEAD as u64;
    while let Some(mut record) = next(&mut reader)? {
        let size = (LENGTH + record.len()) as u64;
        if at + size >= length && head.unseal(cipher, (at, MARK), &mut record).is_err() {
            break;
        }
        at += size;
    }
    Ok(at)
}

/// Writes a log anew as the other kind: beside, flushed, renamed.
pub(super) fn convert(path: &Path, seal: Option<(Id, &DataKey)>) -> io::Result<()> {
    let (bytes, _) = read_from(path, 0)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = super::super::temp::file_in(folder)?;
    match seal {
        None => beside.write_all(&bytes)?,
        Some((id, key)) => {
            let head = Head::new(id, Kind::Log)?;
            beside.write_all(&head.0)?;
            let mut log = Log { file: beside.reopen()?, sealed: Some((head, key.files(), HEAD as u64)) };
            // Lines stay whole: a record that is lost takes no part of another one's line.
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let part = &rest[..rest.len().min(super::sealed::CHUNK)];
                let n = match part.iter().rposition(|b| *b == b'\n') {
                    Some(end) => end + 1,
                    None => rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |i| i + 1),
                };
                log.write_all(&rest[..n])?;
                rest = &rest[n..];
            }
        }
    }
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|e| e.error)?;
    super::files::sync_folder(path)
}
