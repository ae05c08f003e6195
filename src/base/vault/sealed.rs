//! Sealed files: a head that says whose they are, then chunks that are encrypted one by one.
//!
//! ```text
//! head   magic "LSSEALED", kind, zeros to 16; library 16; file 16 (random)
//! chunk  nonce 24, up to 65,536 bytes encrypted, tag 16
//! ```
//! Each chunk is bound to the head, to its number and to whether it is the last: one that was changed, moved, taken from
//! another file or cut off is an error when it is read, and a file that was cut off is one when it is opened.

use std::fs::File;
use std::io::{self, Read, Write};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use parking_lot::Mutex;

use super::super::position;
use super::Id;
use super::key::{DataKey, NONCE, TAG};

/// Bytes of a whole chunk before it is sealed.
pub const CHUNK: usize = 64 << 10;
/// Bytes that a chunk has more when it is sealed.
pub(super) const MORE: usize = NONCE + TAG;
const STRIDE: usize = CHUNK + MORE;
/// What sealed files begin with.
pub const MAGIC: [u8; 8] = *b"LSSEALED";
/// Bytes of the head.
pub(super) const HEAD: usize = 48;
/// Nonces that are asked of the system at once.
const NONCES: usize = 64;

/// How a sealed file goes on after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Chunks.
    Chunks = 1,
    /// Records, as in `log`.
    Log = 2,
}

/// The head of a sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head(pub [u8; HEAD]);

pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(io::Error::other)?;
    Ok(out)
}

/// What is told of bytes that are not as they were sealed.
pub(super) fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it was damaged, cut off or changed since it was encrypted")
}

impl Head {
    pub fn new(id: Id, kind: Kind) -> io::Result<Self> {
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&MAGIC);
        head[8] = kind as u8;
        head[16..32].copy_from_slice(&id.0);
        head[32..].copy_from_slice(&random::<16>()?);
        Ok(Self(head))
    }

    /// The head of an open file; nothing if it is not sealed.
    pub fn of(file: &File) -> io::Result<Option<Self>> {
        let mut head = [0; HEAD];
        match position::read_exact_at(file, &mut head, 0) {
            Ok(()) => Ok((head[..8] == MAGIC).then_some(Self(head))),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub fn kind(&self) -> io::Result<Kind> {
        match self.0[8] {
            1 => Ok(Kind::Chunks),
            2 => Ok(Kind::Log),
            _ => Err(io::Error::other("it was encrypted by a later version of the studio")),
        }
    }

    pub fn id(&self) -> Id {
        Id(std::array::from_fn(|i| self.0[16 + i]))
    }

    fn bound(&self, place: u64, mark: u8) -> [u8; HEAD + 9] {
        let mut out = [0; HEAD + 9];
        out[..HEAD].copy_from_slice(&self.0);
        out[HEAD..HEAD + 8].copy_from_slice(&place.to_le_bytes());
        out[HEAD + 8] = mark;
        out
    }

    /// Seals bytes behind what is in `out` already. `mark` tells what the bytes are.
    pub fn seal(
        &self,
        cipher: &XChaCha20Poly1305,
        (place, mark): (u64, u8),
        nonce: [u8; NONCE],
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        out.extend_from_slice(&nonce);
        let from = out.len();
        out.extend_from_slice(bytes);
        let tag = cipher
            .encrypt_in_place_detached(XNonce::from_slice(&nonce), &self.bound(place, mark), &mut out[from..])
            .map_err(|_| io::Error::other("this could not be encrypted"))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens what [`Head::seal`] made, in place; what was sealed is the part that is returned.
    pub fn unseal<'a>(
        &self,
        cipher: &XChaCha20Poly1305,
        (place, mark): (u64, u8),
        sealed: &'a mut [u8],
    ) -> io::Result<&'a mut [u8]> {
        let (nonce, rest) = sealed.split_first_chunk_mut::<NONCE>().ok_or_else(changed)?;
        let (body, tag) = rest.split_last_chunk_mut::<TAG>().ok_or_else(changed)?;
        cipher
            .decrypt_in_place_detached(XNonce::from_slice(nonce), &self.bound(place, mark), body, Tag::from_slice(tag))
            .map_err(|_| changed())?;
        Ok(body)
    }
}

/// A sealed file that is open for reading, by position.
pub(super) struct Reader {
    file: File,
    head: Head,
    cipher: XChaCha20Poly1305,
    len: u64,
    chunks: u64,
    /// The chunk that was read last.
    last: Mutex<Option<(u64, Vec<u8>)>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sealed, {} bytes", self.len)
    }
}

impl Reader {
    pub fn new(file: File, head: Head, key: &DataKey) -> io::Result<Self> {
        let body = file.metadata()?.len().checked_sub(HEAD as u64).ok_or_else(changed)?;
        let (whole, rest) = (body / STRIDE as u64, body % STRIDE as u64);
        let (chunks, len) = match rest {
            0 => (whole, whole * CHUNK as u64),
            rest => {
                let rest = rest.checked_sub(MORE as u64).ok_or_else(changed)?;
                (whole + 1, whole * CHUNK as u64 + rest)
            }
        };
        let this = Self { file, head, cipher: key.files(), len, chunks, last: Mutex::new(None) };
        // A file that was cut off between two chunks has no last one.
        let end = this.chunk(chunks.checked_sub(1).ok_or_else(changed)?)?;
        *this.last.lock() = Some((chunks - 1, end));
        Ok(this)
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn handle(&self) -> &File {
        &self.file
    }

    fn chunk(&self, number: u64) -> io::Result<Vec<u8>> {
        let from = number * CHUNK as u64;
        let size = (self.len - from).min(CHUNK as u64) as usize;
        let mut bytes = vec![0; size + MORE];
        position::read_exact_at(&self.file, &mut bytes, HEAD as u64 + number * STRIDE as u64)?;
        let last = u8::from(number + 1 == self.chunks);
        self.head.unseal(&self.cipher, (number, last), &mut bytes)?;
        bytes.truncate(NONCE + size);
        bytes.drain(..NONCE);
        Ok(bytes)
    }

    /// Some bytes from a place; none at the end.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        if at >= self.len || buffer.is_empty() {
            return Ok(0);
        }
        let (number, within) = (at / CHUNK as u64, (at % CHUNK as u64) as usize);
        let mut last = self.last.lock();
        if last.as_ref().is_none_or(|(n, _)| *n != number) {
            *last = Some((number, self.chunk(number)?));
        }
        let Some((_, bytes)) = &*last else { return Ok(0) };
        let n = buffer.len().min(bytes.len() - within);
        buffer[..n].copy_from_slice(&bytes[within..within + n]);
        Ok(n)
    }

    /// Everything.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.len as usize);
        for number in 0..self.chunks {
            out.extend(self.chunk(number)?);
        }
        Ok(out)
    }

    /// Everything into memory that is there, by several threads.
    pub fn read_into(&self, out: &mut [u8]) -> io::Result<()> {
        use rayon::prelude::*;
        out.par_chunks_mut(CHUNK).enumerate().try_for_each(|(number, out)| {
            let bytes = self.chunk(number as u64)?;
            out.get_mut(..bytes.len()).ok_or_else(changed)?.copy_from_slice(&bytes);
            Ok(())
        })
    }
}

/// Seals what is written, chunk by chunk. Without [`Writer::finish`] there is no last chunk, so what was written is no
/// sealed file.
pub struct Writer<W: Write> {
    inner: W,
    head: Head,
    cipher: XChaCha20Poly1305,
    number: u64,
    waiting: Vec<u8>,
    nonces: Vec<[u8; NONCE]>,
    sealed: Vec<u8>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(mut inner: W, id: Id, key: &DataKey) -> io::Result<Self> {
        let head = Head::new(id, Kind::Chunks)?;
        inner.write_all(&head.0)?;
        Ok(Self::going_on(inner, head, key, 0))
    }

    /// Goes on with a file before the chunk of this number.
    fn going_on(inner: W, head: Head, key: &DataKey, number: u64) -> Self {
        let (waiting, nonces, sealed) = (Vec::new(), Vec::new(), Vec::new());
        Self { inner, head, cipher: key.files(), number, waiting, nonces, sealed }
    }

    fn put(&mut self, chunk: &[u8], last: bool) -> io::Result<()> {
        if self.nonces.is_empty() {
            let many: [u8; NONCE * NONCES] = random()?;
            self.nonces.extend(many.as_chunks::<NONCE>().0);
        }
        let nonce = self.nonces.pop().ok_or_else(changed)?;
        self.sealed.clear();
        self.head.seal(&self.cipher, (self.number, u8::from(last)), nonce, chunk, &mut self.sealed)?;
        self.inner.write_all(&self.sealed)?;
        self.number += 1;
        Ok(())
    }

    /// Writes the last chunk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let waiting = std::mem::take(&mut self.waiting);
        self.put(&waiting, true)?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A whole chunk waits until it is known whether it is the last one.
        if self.waiting.len() == CHUNK {
            let chunk = std::mem::take(&mut self.waiting);
            self.put(&chunk, false)?;
            self.waiting = chunk;
            self.waiting.clear();
        }
        let n = bytes.len().min(CHUNK - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Bytes as a sealed file.
pub(super) fn sealed(bytes: &[u8], id: Id, key: &DataKey) -> io::Result<Vec<u8>> {
    let chunks = bytes.len() / CHUNK + 1;
    let mut writer = Writer::new(Vec::with_capacity(HEAD + bytes.len() + chunks * MORE), id, key)?;
    writer.write_all(bytes)?;
    writer.finish()
}

/// Replaces what follows byte `whole` of a sealed file. Killed in between, the file is damaged from the chunk of that byte
/// on: for what can be made again only.
pub(super) fn put_at_end(file: &File, head: Head, key: &DataKey, whole: u64, bytes: &[u8]) -> io::Result<()> {
    let number = whole / CHUNK as u64;
    let mut kept = vec![0; (whole % CHUNK as u64) as usize];
    let reader = Reader::new(file.try_clone()?, head, key)?;
    let mut at = 0;
    while at < kept.len() {
        match reader.read_at(&mut kept[at..], number * CHUNK as u64 + at as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => at += n,
        }
    }
    let start = HEAD as u64 + number * STRIDE as u64;
    // What comes after is sealed in memory, so that the file is in pieces for as short as can be. The chunk before may
    // have been the last one.
    let (number, start, kept) = match (number, kept.is_empty()) {
        (0, _) | (_, false) => (number, start, kept),
        _ => (number - 1, start - STRIDE as u64, reader.chunk(number - 1)?),
    };
    let mut writer = Writer::going_on(Vec::with_capacity(kept.len() + bytes.len() + MORE), head, key, number);
    writer.write_all(&kept)?;
    writer.write_all(bytes)?;
    let sealed = writer.finish()?;
    position::write_all_at(file, &sealed, start)?;
    file.set_len(start + sealed.len() as u64)
}

/// Copies everything that can be read into a writer.
pub(super) fn pour(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut all = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(all),
            Ok(n) => {
                to.write_all(&buffer[..n])?;
                all += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
