//! The file of an index: a header that says whose it is, then segments of rows, each with its hash. It can be made again
//! from the library at any time, so whatever is wrong with it costs time only.
//!
//! ```text
//! header   magic, library, space, dims, deletions known, hash
//! segment  rows, hash of what follows; numbers of vectors, pictures, facts, bytes
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::rows::Rows;
use crate::base::int8::{RowFacts, stride};
use crate::base::vault;
use crate::base::vault::files::Sink;

const MAGIC: &[u8; 8] = b"LSVEC001";
/// Bytes of the header.
const HEADER: usize = 8 + 32 + 8 + 8 + 8 + 32;
/// Bytes before the rows of a segment.
const SEGMENT: usize = 8 + 32;
/// Bytes that are known of a row besides its own.
const FACTS: usize = 8 + 8 + 12;
/// More rows in one segment are a sign of damage.
const MOST: u64 = 1 << 24;

/// Whose rows a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The library, 32 hexadecimal digits.
    pub library: String,
    /// Space.
    pub space: i64,
    /// Numbers in a row.
    pub dims: usize,
}

/// What a file holds.
pub struct Loaded {
    /// Its rows.
    pub rows: Rows,
    /// Deletions up to this number were known when it was made.
    pub gone: i64,
    /// Segments.
    pub segments: usize,
    /// Bytes up to the end of the last whole segment.
    pub whole: u64,
}

fn header(owner: &Owner, gone: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    out.extend_from_slice(MAGIC);
    let mut library = owner.library.clone().into_bytes();
    library.resize(32, b' ');
    out.extend_from_slice(&library);
    out.extend_from_slice(&owner.space.to_le_bytes());
    out.extend_from_slice(&(owner.dims as u64).to_le_bytes());
    out.extend_from_slice(&gone.to_le_bytes());
    let hash = blake3::hash(&out);
    out.extend_from_slice(hash.as_bytes());
    out
}

/// A segment of rows from a place on.
fn segment(rows: &Rows, from: usize) -> Vec<u8> {
    let stride = stride(rows.dims);
    let n = rows.len() - from;
    let mut body = Vec::with_capacity(n * (FACTS + stride));
    rows.vectors[from..].iter().for_each(|v| body.extend_from_slice(&v.to_le_bytes()));
    rows.items[from..].iter().for_each(|v| body.extend_from_slice(&v.to_le_bytes()));
    for facts in &rows.facts[from..] {
        [facts.scale, facts.error, facts.length].iter().for_each(|v| body.extend_from_slice(&v.to_le_bytes()));
    }
    body.extend(rows.bytes[from * stride..].iter().map(|b| *b as u8));
    let mut out = Vec::with_capacity(SEGMENT + body.len());
    out.extend_from_slice(&(n as u64).to_le_bytes());
    out.extend_from_slice(blake3::hash(&body).as_bytes());
    out.extend_from_slice(&body);
    out
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap_or_default())
}

/// Reads a file that belongs to `owner`. Of a file that ends too soon, or is damaged from some place on, what comes before
/// it counts. `None`: there is none, or it is not this owner's.
pub fn load(path: &Path, owner: &Owner) -> Option<Loaded> {
    let mut file = BufReader::with_capacity(1 << 20, vault::File::open(path).ok()?);
    let mut head = [0; HEADER];
    file.read_exact(&mut head).ok()?;
    let gone = number(&head[56..64]) as i64;
    if head[..] != header(owner, gone)[..] {
        return None;
    }
    let mut loaded = Loaded { rows: Rows::new(owner.dims), gone, segments: 0, whole: HEADER as u64 };
    let stride = stride(owner.dims);
    let mut start = [0; SEGMENT];
    while file.read_exact(&mut start).is_ok() {
        let n = number(&start[..8]);
        if n > MOST {
            break;
        }
        let n = n as usize;
        let size = n * (FACTS + stride);
        // Memory is taken as bytes come: a number that is wrong costs nothing.
        let mut body = Vec::new();
        if file.by_ref().take(size as u64).read_to_end(&mut body).is_err() || body.len() != size {
            break;
        }
        if blake3::hash(&body).as_bytes()[..] != start[8..] {
            break;
        }
        let rows = &mut loaded.rows;
        let (vectors, rest) = body.split_at(8 * n);
        let (items, rest) = rest.split_at(8 * n);
        let (facts, bytes) = rest.split_at(12 * n);
        rows.vectors.extend(vectors.chunks_exact(8).map(|b| number(b) as i64));
        rows.items.extend(items.chunks_exact(8).map(|b| number(b) as i64));
        let float = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap_or_default());
        rows.facts.extend(facts.chunks_exact(12).map(|b| RowFacts {
            scale: float(&b[..4]),
            error: float(&b[4..8]),
            length: float(&b[8..]),
        }));
        rows.bytes.extend(bytes.iter().map(|b| *b as i8));
        rows.alive.grow(rows.items.len(), true);
        loaded.segments += 1;
        loaded.whole += (SEGMENT + size) as u64;
    }
    Some(loaded)
}

/// Writes all rows beside the file and puts them in its place.
///
/// # Errors
/// The disk is full or the folder cannot be written; the old file is then untouched.
pub fn write(path: &Path, owner: &Owner, gone: i64, rows: &Rows) -> io::Result<u64> {
    let beside = beside(path);
    let run = || {
        let mut file = Sink::for_path(path, File::create(&beside)?)?;
        let mut size = HEADER as u64;
        file.write_all(&header(owner, gone))?;
        if !rows.is_empty() {
            let segment = segment(rows, 0);
            file.write_all(&segment)?;
            size += segment.len() as u64;
        }
        file.finish()?.sync_all()?;
        std::fs::rename(&beside, path)?;
        if let Some(folder) = path.parent().and_then(|f| File::open(f).ok()) {
            // The new name must outlive a power cut too; not every system can.
            let _ = folder.sync_all();
        }
        Ok(size)
    };
    run().inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("writing")
}

/// Adds the rows from a place on as a segment at the end of what is whole; says where that ends now.
///
/// # Errors
/// The disk is full or the file cannot be written; what was whole stays so.
pub fn append(path: &Path, whole: u64, rows: &Rows, from: usize) -> io::Result<u64> {
    let segment = segment(rows, from);
    vault::files::put_at(path, whole, &segment)?;
    Ok(whole + segment.len() as u64)
}
