//! A prepared set on disk: one memory-mapped file, written once, checked whenever it is opened.
//!
//! ```text
//! 0     magic, place and length of the description, its checksum, checksum of this header
//! 4096  pictures, one after the other: height × width × channel bytes
//! …     description (JSON): shape, names, labels, factors, held-out part, checksums of blocks of pictures
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::decode_pool::pool;
use super::guess::Guess;
use super::report::BrokenFile;
use crate::base::position::{read_exact_at, write_all_at};
use crate::base::vault::files::Sink;
use crate::base::vault::slots::Slots;
use crate::base::{Channels, Problem, Result, Shape, temp, vault};

/// Changes with the layout of prepared files, or with how pictures are prepared.
pub const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"LATPREP1";
const HEADER: usize = 56;
/// Where pictures begin.
pub(super) const START: u64 = 4096;
/// Pictures are checked in blocks of so many bytes.
const BLOCK: usize = 4 << 20;
/// At most so many bytes are checked when a set is opened, evenly spread, so that it stays under a second.
const CHECKED: usize = 512 << 20;
/// Pictures that are looked at to tell pixel art from photographs.
const LOOKED_AT: usize = 64;

/// What a prepared set knows of its pictures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Description {
    pub format: u32,
    pub key: String,
    pub shape: Shape,
    pub names: Vec<String>,
    pub label: Vec<Option<u32>>,
    pub labels: Vec<String>,
    pub factor_names: Vec<String>,
    pub factors: Vec<Option<f32>>,
    /// The kinds of each factor that is a category.
    #[serde(default)]
    pub categories: Vec<Vec<String>>,
    pub heldout: Vec<u32>,
    pub broken: Vec<BrokenFile>,
    pub duplicates: u64,
    /// What was assumed about the source.
    #[serde(default)]
    pub guesses: Vec<Guess>,
    /// Filled in by [`Writer::finish`].
    pub blocks: Vec<String>,
    /// Filled in by [`Writer::finish`].
    pub hash: String,
}

/// A prepared data set: memory-mapped, shared by clones. One of an encrypted library is held in memory.
#[derive(Clone)]
pub struct Prepared(Arc<Inner>);

struct Inner {
    map: Arc<Bytes>,
    /// Shared by all who use the set: whoever empties the cache leaves it alone.
    _in_use: vault::File,
    about: Description,
    factors: Vec<f32>,
    train: Vec<u32>,
}

/// The whole content of a file.
enum Bytes {
    Mapped(Mmap),
    Decrypted(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Decrypted(bytes) => bytes,
        }
    }
}

impl Bytes {
    fn of(file: &vault::File) -> io::Result<Self> {
        if !file.is_sealed() {
            return map(file.handle()).map(Self::Mapped);
        }
        let too_large = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        let len = usize::try_from(file.len()).map_err(too_large)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        bytes.resize(len, 0);
        file.read_into(&mut bytes)?;
        Ok(Self::Decrypted(bytes))
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("shape", &self.shape())
            .field("len", &self.len())
            .field("hash", &self.hash())
            .finish()
    }
}

fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: prepared files are written under a temporary name, renamed when complete, and never changed in place by
    // the studio. Another program that shortened one while it is mapped could end this process, as with any mapped
    // file; runs are processes of their own for that reason.
    unsafe { Mmap::map(file) }
}

fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_owned()
}

impl Prepared {
    /// Opens a prepared file and checks it.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let file = vault::File::open(path).map_err(|e| Problem::io("This prepared set cannot be opened", path, &e))?;
        let map = Bytes::of(&file).map_err(|e| Problem::io("This prepared set cannot be opened", path, &e))?;
        let damaged =
            |why: &str| Problem::data("This prepared set is damaged").of(path.display().to_string()).because(why);
        let header = map.get(..HEADER + 32).ok_or_else(|| damaged("no header"))?;
        if header[..8] != MAGIC || header[HEADER..] != *blake3::hash(&header[..HEADER]).as_bytes() {
            return Err(damaged("header"));
        }
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let (at, len) = (number(8), number(16));
        let text = usize::try_from(at)
            .ok()
            .zip(usize::try_from(len).ok())
            .and_then(|(at, len)| map.get(at..at.checked_add(len)?))
            .ok_or_else(|| damaged("cut off"))?;
        if *blake3::hash(text).as_bytes() != header[24..HEADER] {
            return Err(damaged("description"));
        }
        let about: Description = serde_json::from_slice(text).map_err(|e| damaged(&e.to_string()))?;
        let n = about.names.len();
        let pixels = map.get(START as usize..at as usize).ok_or_else(|| damaged("no pictures"))?;
        let whole = about.format == FORMAT
            && n > 0
            && pixels.len() == n * about.shape.bytes()
            && about.label.len() == n
            && about.factors.len() == n * about.factor_names.len()
            && about.blocks.len() == pixels.len().div_ceil(BLOCK)
            && about.heldout.iter().all(|&i| (i as usize) < n);
        if !whole {
            return Err(damaged("description"));
        }
        let stride = pixels.len().div_ceil(CHECKED).max(1);
        let intact = pool()?.install(|| {
            let blocks = pixels.par_chunks(BLOCK).zip(&about.blocks).enumerate();
            blocks.filter(|(i, _)| i % stride == 0).all(|(_, (block, sum))| checksum(block) == *sum)
        });
        if !intact {
            return Err(damaged("pictures"));
        }
        let mut held = vec![false; n];
        about.heldout.iter().for_each(|&i| held[i as usize] = true);
        crate::base::paths::note_use(path);
        // Where the file system knows no locks the set is mapped all the same: a file that is removed stays readable.
        let _ = file.handle().try_lock_shared();
        let train = (0..n as u32).filter(|&i| !held[i as usize]).collect();
        let factors = about.factors.iter().map(|f| f.unwrap_or(f32::NAN)).collect();
        Ok(Self(Arc::new(Inner { map: Arc::new(map), _in_use: file, about, factors, train })))
    }

    /// The same pictures with their labels as places in this list of names, such as the classes that a model learned.
    /// Labels that it does not hold are left out. The hash stays: it names what is on disk.
    #[must_use]
    pub fn with_labels(&self, names: &[String]) -> Self {
        let Inner { map, _in_use: in_use, about, factors, train } = &*self.0;
        if about.labels == names {
            return self.clone();
        }
        let places: Vec<Option<u32>> =
            about.labels.iter().map(|l| names.iter().position(|n| n == l).map(|i| i as u32)).collect();
        let label = about.label.iter().map(|l| *places.get((*l)? as usize)?).collect();
        let about = Description { labels: names.to_vec(), label, ..about.clone() };
        Self(Arc::new(Inner {
            map: map.clone(),
            _in_use: in_use.clone(),
            about,
            factors: factors.clone(),
            train: train.clone(),
        }))
    }

    /// Shape of the pictures.
    pub fn shape(&self) -> Shape {
        self.0.about.shape
    }

    /// How many pictures.
    pub fn len(&self) -> usize {
        self.0.about.names.len()
    }

    /// Never: a set without pictures is not prepared.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether most of its pictures have hard pixels, by a look at some of them from all over the set; nothing for points.
    pub fn has_hard_pixels(&self) -> Option<bool> {
        let shape = self.shape();
        if shape.channels == Channels::Points || self.is_empty() {
            return None;
        }
        let step = self.len().div_ceil(LOOKED_AT);
        let looked: Vec<bool> =
            (0..self.len()).step_by(step).map(|i| shape.picture(self.picture(i)).has_hard_pixels()).collect();
        Some(looked.iter().filter(|hard| **hard).count() * 2 > looked.len())
    }

    /// A picture: `height × width × channel` bytes.
    pub fn picture(&self, i: usize) -> &[u8] {
        let size = self.shape().bytes();
        &self.0.map[START as usize + i * size..START as usize + (i + 1) * size]
    }

    /// Label of a picture, a place in [`Prepared::labels`].
    pub fn label(&self, i: usize) -> Option<u32> {
        self.0.about.label[i]
    }

    /// Names of labels.
    pub fn labels(&self) -> &[String] {
        &self.0.about.labels
    }

    /// Factors of a picture; NaN where unknown.
    pub fn factors(&self, i: usize) -> &[f32] {
        let n = self.factor_names().len();
        &self.0.factors[i * n..(i + 1) * n]
    }

    /// Names of factors.
    pub fn factor_names(&self) -> &[String] {
        &self.0.about.factor_names
    }

    /// The kinds that the numbers of a factor stand for, without an order; none for a quantity.
    pub fn category(&self, factor: usize) -> &[String] {
        self.0.about.categories.get(factor).map_or(&[], Vec::as_slice)
    }

    /// Name of a picture within its source.
    pub fn name(&self, i: usize) -> &str {
        &self.0.about.names[i]
    }

    /// Places of the pictures to learn from.
    pub fn train(&self) -> &[u32] {
        &self.0.train
    }

    /// Places of the pictures kept apart for validation; none in small sets.
    pub fn heldout(&self) -> &[u32] {
        &self.0.about.heldout
    }

    /// Hash of what is in it: pictures, labels, and the held-out part.
    pub fn hash(&self) -> &str {
        &self.0.about.hash
    }

    /// Files that could not be used.
    pub fn broken(&self) -> &[BrokenFile] {
        &self.0.about.broken
    }

    /// What was assumed about the source when the set was made.
    pub fn guesses(&self) -> &[Guess] {
        &self.0.about.guesses
    }

    /// Pictures that the studio made itself, among those that were read.
    pub fn generated(&self) -> u64 {
        super::read_notes::generated(self.guesses())
    }

    /// How many pictures were left out because they are the same as others, or nearly.
    pub fn duplicates_left_out(&self) -> u64 {
        self.0.about.duplicates
    }

    /// What it was made from: source and recipe.
    pub(super) fn key(&self) -> &str {
        &self.0.about.key
    }
}

/// A prepared set that is being made, under a temporary name in the cache.
pub(super) struct Writer {
    file: NamedTempFile,
    shape: Shape,
    /// In an encrypted library: a picture in each, sealed by a key that nobody else has and that is gone with this.
    slots: Option<Slots>,
}

impl Writer {
    /// Begins one in the folder, which is made if needed.
    pub fn new(cache: &Path, shape: Shape) -> Result<Self> {
        let fail = |e: io::Error| Problem::io("The cache of prepared sets cannot be written", cache, &e);
        std::fs::create_dir_all(cache).map_err(fail)?;
        temp::leftovers_named(cache, PREFIX, true);
        let file = tempfile::Builder::new().prefix(PREFIX).tempfile_in(cache).map_err(fail)?;
        temp::claim(file.as_file()).map_err(fail)?;
        let slots = if vault::seals(file.path()).map_err(fail)? { Some(Slots::new(shape.bytes())?) } else { None };
        Ok(Self { file, shape, slots })
    }

    /// Writes pictures that follow each other, the first to this slot; slots may be written in any order, from any thread.
    pub fn put(&self, slot: usize, pictures: &[u8]) -> io::Result<()> {
        let size = self.shape.bytes();
        debug_assert_eq!(pictures.len() % size, 0);
        let Some(slots) = &self.slots else {
            return write_all_at(self.file.as_file(), pictures, START + (slot * size) as u64);
        };
        let mut each = pictures.chunks(size).enumerate();
        each.try_for_each(|(i, picture)| slots.put(self.file.as_file(), slot + i, picture))
    }

    /// Moves the kept slots (ascending) together, describes them, and puts the file in its place.
    pub fn finish(self, kept: &[usize], mut about: Description, path: &Path) -> Result<()> {
        let fail = |e: io::Error| Problem::io("The prepared set could not be written", path, &e);
        if let Some(slots) = &self.slots {
            return self.finish_sealed(slots, kept, about, path);
        }
        let file = self.file.as_file();
        let size = self.shape.bytes();
        let mut picture = vec![0; size];
        for (to, &from) in kept.iter().enumerate().filter(|(to, from)| to != *from) {
            read_exact_at(file, &mut picture, START + (from * size) as u64).map_err(fail)?;
            write_all_at(file, &picture, START + (to * size) as u64).map_err(fail)?;
        }
        let end = START + (kept.len() * size) as u64;
        file.set_len(end).map_err(fail)?;
        {
            let map = map(file).map_err(fail)?;
            let pixels = &map[START as usize..];
            about.blocks = pool()?.install(|| pixels.par_chunks(BLOCK).map(checksum).collect());
        }
        let (header, text) = described(about, end)?;
        write_all_at(file, &text, end).map_err(fail)?;
        write_all_at(file, &header, 0).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        self.file.persist(path).map_err(|e| fail(e.error))?;
        Ok(())
    }

    /// The same in an encrypted library: read slot by slot, sealed into another file.
    fn finish_sealed(&self, slots: &Slots, kept: &[usize], mut about: Description, path: &Path) -> Result<()> {
        let fail = |e: io::Error| Problem::io("The prepared set could not be written", path, &e);
        let mut block = Vec::with_capacity(BLOCK + self.shape.bytes());
        for &slot in kept {
            block.extend(slots.get(self.file.as_file(), slot).map_err(fail)?);
            if block.len() >= BLOCK {
                about.blocks.push(checksum(&block[..BLOCK]));
                block.drain(..BLOCK);
            }
        }
        if !block.is_empty() {
            about.blocks.push(checksum(&block));
        }
        let (mut header, text) = described(about, START + (kept.len() * self.shape.bytes()) as u64)?;
        let target = temp::file_in(path.parent().unwrap_or(Path::new("."))).map_err(fail)?;
        let mut sink = Sink::for_path(path, target.as_file()).map_err(fail)?;
        header.resize(START as usize, 0);
        sink.write_all(&header).map_err(fail)?;
        for &slot in kept {
            let picture = slots.get(self.file.as_file(), slot).map_err(fail)?;
            sink.write_all(&picture).map_err(fail)?;
        }
        sink.write_all(&text).map_err(fail)?;
        sink.finish().map_err(fail)?.sync_all().map_err(fail)?;
        target.persist(path).map_err(|e| fail(e.error))?;
        Ok(())
    }
}

/// The header and the description of a set whose pictures end at this place.
fn described(mut about: Description, end: u64) -> Result<(Vec<u8>, Vec<u8>)> {
    about.hash = content_hash(&about);
    let text = serde_json::to_vec(&about)
        .map_err(|e| Problem::failed("The prepared set could not be described").because(e))?;
    let mut header = Vec::with_capacity(HEADER + 32);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&end.to_le_bytes());
    header.extend_from_slice(&(text.len() as u64).to_le_bytes());
    header.extend_from_slice(blake3::hash(&text).as_bytes());
    header.extend_from_slice(blake3::hash(&header).as_bytes());
    Ok((header, text))
}

fn content_hash(about: &Description) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{:?}", about.shape).as_bytes());
    about.blocks.iter().for_each(|b| {
        hasher.update(b.as_bytes());
    });
    hasher.update(format!("{:?} {:?} {:?}", about.heldout, about.labels, about.label).as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

/// How files begin that are being made.
pub const PREFIX: &str = ".preparing-";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Channels;

    fn write(path: &Path) -> Shape {
        let shape = Shape { resolution: 16.into(), channels: Channels::Grey };
        let writer = Writer::new(path.parent().unwrap(), shape).unwrap();
        for slot in [4, 0, 2, 3, 1] {
            writer.put(slot, &vec![slot as u8; 256]).unwrap();
        }
        let kept = [0, 2, 4];
        let about = Description {
            format: FORMAT,
            key: "k".into(),
            shape,
            names: kept.iter().map(|k| format!("p{k}")).collect(),
            label: vec![None, Some(0), None],
            labels: vec!["x".into()],
            factor_names: vec!["f".into()],
            factors: vec![Some(0.1), None, Some(-3.0)],
            categories: vec![vec!["a".into()]],
            heldout: vec![1],
            broken: Vec::new(),
            duplicates: 0,
            guesses: vec![Guess::new("All are grey")],
            blocks: Vec::new(),
            hash: String::new(),
        };
        writer.finish(&kept, about, path).unwrap();
        shape
    }

    #[test]
    fn what_is_written_is_read_back_without_the_holes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/x.pictures");
        let shape = write(&path);
        let p = Prepared::open(&path).unwrap();
        assert_eq!((p.shape(), p.len()), (shape, 3));
        assert!((0..3).all(|i| p.picture(i) == vec![2 * i as u8; 256]));
        assert_eq!((p.name(2), p.label(1), p.train(), p.heldout()), ("p4", Some(0), &[0, 2][..], &[1][..]));
        assert_eq!(p.guesses(), [Guess::new("All are grey")]);
        assert!(p.factors(0) == [0.1] && p.factors(1)[0].is_nan());
        assert_eq!((p.category(0), p.category(1)), (&["a".to_owned()][..], &[][..]));
        assert_eq!(std::fs::read_dir(dir.path().join("deep")).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_is_being_made_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let shape = Shape { resolution: 16.into(), channels: Channels::Grey };
        let mine = Writer::new(dir.path(), shape).unwrap();
        let age = |file: &File| {
            let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
            file.set_modified(then).unwrap();
        };
        age(mine.file.as_file());
        let left = dir.path().join(".preparing-left");
        age(&File::create(&left).unwrap());
        drop(Writer::new(dir.path(), shape).unwrap());
        assert!(!left.exists() && mine.file.path().exists());
    }

    #[test]
    fn any_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pictures");
        write(&path);
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 9, 30, 60, 4096, 4096 + 700, whole.len() - 3] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            assert!(Prepared::open(&path).unwrap_err().what.contains("damaged"), "byte {at}");
        }
        for len in [0, 50, 4096, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(Prepared::open(&path).is_err(), "{len} bytes");
        }
        std::fs::write(&path, whole).unwrap();
        assert!(Prepared::open(&path).is_ok());
    }
}
