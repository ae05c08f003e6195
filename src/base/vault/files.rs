//! Reading and writing files of a library, whether they are sealed or plain. Everything that opens a file which may lie in
//! a library goes through here; files elsewhere pass through untouched.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use super::super::position;
use super::sealed::{Head, Kind, Reader, Writer, pour, put_at_end, sealed};
use super::{key_of, log, writing};

/// A file that is open for reading; clones share the handle but not the place.
#[derive(Clone, Debug)]
pub struct File {
    inner: Arc<Inner>,
    len: u64,
    at: u64,
}

#[derive(Debug)]
enum Inner {
    Plain(fs::File),
    Sealed(Reader),
    /// A sealed log.
    Records(fs::File, Vec<u8>),
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// It is not there, its library is locked, or it was changed since it was encrypted.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(fs::File::open(path)?)
    }

    /// The same for a file that is open already.
    ///
    /// # Errors
    /// Its library is locked, or it was changed since it was encrypted.
    pub fn of(file: fs::File) -> io::Result<Self> {
        let (inner, len) = match Head::of(&file) {
            Ok(Some(head)) => {
                let key = key_of(head.id())?;
                match head.kind()? {
                    Kind::Chunks => {
                        let reader = Reader::new(file, head, &key)?;
                        let len = reader.len();
                        (Inner::Sealed(reader), len)
                    }
                    Kind::Log => {
                        let (bytes, _) = log::all(&file, &head, &key)?;
                        let len = bytes.len() as u64;
                        (Inner::Records(file, bytes), len)
                    }
                }
            }
            // What cannot be read by position, as a folder, is told when it is read.
            Ok(None) | Err(_) => {
                let len = file.metadata()?.len();
                (Inner::Plain(file), len)
            }
        };
        Ok(Self { inner: Arc::new(inner), len, at: 0 })
    }

    /// Bytes of the content when it was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        !matches!(*self.inner, Inner::Plain(_))
    }

    /// The file itself, for its locks and times, and to map one that is not sealed.
    pub fn handle(&self) -> &fs::File {
        match &*self.inner {
            Inner::Plain(file) | Inner::Records(file, _) => file,
            Inner::Sealed(reader) => reader.handle(),
        }
    }

    /// Some bytes from `offset`; none at the end.
    ///
    /// # Errors
    /// It cannot be read, or was changed since it was encrypted.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &*self.inner {
            Inner::Plain(file) => position::read_at(file, buffer, offset),
            Inner::Sealed(reader) => reader.read_at(buffer, offset),
            Inner::Records(_, bytes) => {
                let from = usize::try_from(offset).map_or(bytes.len(), |o| o.min(bytes.len()));
                let n = buffer.len().min(bytes.len() - from);
                buffer[..n].copy_from_slice(&bytes[from..from + n]);
                Ok(n)
            }
        }
    }

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// It ends before, cannot be read, or was changed since it was encrypted.
    pub fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buffer = &mut buffer[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Everything into memory of just that size, by several threads where it is sealed.
    ///
    /// # Errors
    /// It cannot be read, or was changed since it was encrypted.
    pub fn read_into(&self, out: &mut [u8]) -> io::Result<()> {
        match &*self.inner {
            Inner::Sealed(reader) if out.len() as u64 == self.len => reader.read_into(out),
            _ => self.read_exact_at(out, 0),
        }
    }

    fn read_all(mut self) -> io::Result<Vec<u8>> {
        match &*self.inner {
            Inner::Sealed(reader) => reader.read_all(),
            _ => {
                let mut out = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0).min(1 << 30));
                self.read_to_end(&mut out)?;
                Ok(out)
            }
        }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// The content of a file.
///
/// # Errors
/// It is not there, its library is locked, or it was changed since it was encrypted.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    File::open(path.as_ref())?.read_all()
}

/// The text of a file.
///
/// # Errors
/// As [`read`], or it is no text.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text"))
}

/// Bytes as they are to be written at this path: sealed in an encrypted library.
///
/// # Errors
/// The library is locked.
pub fn for_path<'a>(path: &Path, bytes: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
    Ok(match writing(path)? {
        None => Cow::Borrowed(bytes),
        Some((id, key)) => Cow::Owned(sealed(bytes, id, &key)?),
    })
}

/// Writes a file in place, not atomically.
///
/// # Errors
/// The disk is full, the folder cannot be written, or the library is locked.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, for_path(path, bytes)?)
}

/// Copies the content of a file; the copy is sealed or plain as its place asks.
///
/// # Errors
/// One cannot be read or the other not written.
pub fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let mut source = File::open(from)?;
    let target = fs::File::create(to)?;
    let copied = match writing(to)? {
        None => pour(&mut source, &mut &target)?,
        Some((id, key)) => {
            let mut writer = Writer::new(&target, id, &key)?;
            let n = pour(&mut source, &mut writer)?;
            writer.finish()?;
            n
        }
    };
    Ok(copied)
}

/// What is written by a stream: sealed in an encrypted library.
pub enum Sink<W: Write> {
    /// As it is.
    Plain(W),
    /// In chunks.
    Sealed(Box<Writer<W>>),
}

impl<W: Write> Sink<W> {
    /// Into a file that is made for this path, whatever its own name is until then.
    ///
    /// # Errors
    /// The library is locked.
    pub fn for_path(path: &Path, inner: W) -> io::Result<Self> {
        Ok(match writing(path)? {
            None => Self::Plain(inner),
            Some((id, key)) => Self::Sealed(Box::new(Writer::new(inner, id, &key)?)),
        })
    }

    /// Ends it; without this a sealed file is cut off.
    ///
    /// # Errors
    /// The rest cannot be written.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(inner) => Ok(inner),
            Self::Sealed(writer) => writer.finish(),
        }
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.write(bytes),
            Self::Sealed(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(inner) => inner.flush(),
            Self::Sealed(writer) => writer.flush(),
        }
    }
}

/// Replaces what follows byte `whole` of a file that can be made again: killed in between, its end is damaged.
///
/// # Errors
/// The disk is full, the file cannot be written, or was changed since it was encrypted.
pub fn put_at(path: &Path, whole: u64, bytes: &[u8]) -> io::Result<()> {
    let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
    match Head::of(&file)? {
        Some(head) => put_at_end(&file, head, &key_of(head.id())?, whole, bytes)?,
        None => {
            file.set_len(whole)?;
            if let Err(e) = position::write_all_at(&file, bytes, whole) {
                // What was whole stays so.
                let _ = file.set_len(whole);
                return Err(e);
            }
        }
    }
    file.sync_data()
}

/// How a file is to be found after [`convert`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Sealed.
    Sealed,
    /// Plain.
    Plain,
}

/// Whether a file is sealed; one that cannot be read is told as an error.
///
/// # Errors
/// It cannot be read.
pub fn is_sealed(path: &Path) -> io::Result<bool> {
    Ok(Head::of(&fs::File::open(path)?)?.is_some())
}

/// Seals a plain file of an unlocked library, or makes a sealed one plain: beside, flushed, renamed. What was plain is
/// written over with zeros where nothing else refers to it. Says whether there was anything to do.
///
/// # Errors
/// The disk is full, or the file was changed since it was encrypted.
pub fn convert(path: &Path, target: Target, grows: bool) -> io::Result<bool> {
    let old = fs::OpenOptions::new().read(true).write(true).open(path)?;
    if Head::of(&old)?.is_some() == (target == Target::Sealed) {
        return Ok(false);
    }
    let times = old.metadata()?.modified();
    let seal = if target == Target::Sealed { writing(path)? } else { None };
    if target == Target::Sealed && seal.is_none() {
        return Ok(false);
    }
    if grows {
        log::convert(path, seal.as_ref().map(|(id, key)| (*id, key)))?;
    } else {
        let mut source = File::of(old.try_clone()?)?;
        let beside = super::super::temp::file_in(path.parent().unwrap_or(Path::new(".")))?;
        match &seal {
            None => {
                pour(&mut source, &mut beside.as_file())?;
            }
            Some((id, key)) => {
                let mut writer = Writer::new(beside.as_file(), *id, key)?;
                pour(&mut source, &mut writer)?;
                writer.finish()?;
            }
        }
        // A key for its owner alone stays so.
        beside.as_file().set_permissions(old.metadata()?.permissions())?;
        if let Ok(time) = times {
            // The order in which the cache is emptied follows from it.
            let _ = beside.as_file().set_modified(time);
        }
        beside.as_file().sync_all()?;
        beside.persist(path).map_err(|e| e.error)?;
    }
    // The new file has to be the one that is found before the old one goes.
    sync_folder(path)?;
    if target == Target::Sealed {
        wipe(&old);
    }
    Ok(true)
}

/// Has the name of a file reach the disk.
///
/// # Errors
/// The folder cannot be flushed. Where folders cannot be opened at all, the system does so itself.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Writes zeros over a file that has no name any more, as far as the system writes in place.
pub fn wipe(file: &fs::File) {
    #[cfg(unix)]
    let names = file.metadata().map_or(1, |m| std::os::unix::fs::MetadataExt::nlink(&m));
    // Elsewhere nothing says whether the content has another name.
    #[cfg(not(unix))]
    let names = 1;
    if names > 0 {
        return;
    }
    let zeros = vec![0; 1 << 20];
    let length = file.metadata().map_or(0, |m| m.len());
    for at in (0..length).step_by(zeros.len()) {
        let n = (length - at).min(zeros.len() as u64) as usize;
        if position::write_all_at(file, &zeros[..n], at).is_err() {
            return;
        }
    }
    let _ = file.sync_data();
}
