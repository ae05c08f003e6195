//! The index of a space: its vectors as bytes in memory, scanned whole, with an answer that is exactly the one that all
//! vectors in single precision give.
//!
//! A row of bytes is off by no more than is known of it. So a scan over bytes tells which rows may be among the nearest;
//! those are read from the library as they are and scored again. The file beside the library spares the work of making
//! the bytes; it is read, never mapped, and made anew from the library when it is gone, damaged or of another one.
//! Deleted rows are a bit; new ones are appended; when a quarter is deleted the file is written anew.

mod file;
pub mod mask;
mod rows;

use std::fs::File;
use std::path::PathBuf;

use rusqlite::params;

use self::file::{Loaded, Owner};
pub use self::mask::Mask;
pub use self::rows::{Found, Rows};
use super::vectors::{VectorSpace, numbers};
use super::{Library, sql};
use crate::base::{Problem, Result};

/// Rows that are read from the library, and written into a segment, at a time.
const TOGETHER: usize = 16_384;
/// A file with more segments is written anew.
const SEGMENTS: usize = 200;
/// Of so many rows one must be deleted before a file is written anew.
const DEAD: usize = 4;

/// The file of an index, held by one process at a time.
struct Kept {
    path: PathBuf,
    /// Where its last whole segment ends.
    whole: u64,
    segments: usize,
    /// Held as long as this process may write.
    _lock: File,
}

/// An index in memory.
pub struct Index {
    space: VectorSpace,
    owner: Owner,
    rows: Rows,
    /// Deletions up to this number are known.
    gone: i64,
    kept: Option<Kept>,
    /// What went wrong with its file; the index works without.
    trouble: Option<Problem>,
}

impl Index {
    /// Reads the file of a space, if there is a fit one, and takes over what is new.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn open(library: &Library, space: &VectorSpace) -> Result<Self> {
        let owner = Owner { library: library.own_id()?, space: space.id, dims: space.dims };
        let rows = Rows::new(space.dims);
        let mut index = Self { space: space.clone(), owner, rows, gone: 0, kept: None, trouble: None };
        if let Some(folder) = library.index_folder() {
            index.attach(library, folder.join(format!("{}-{}.vectors", space.name, space.id)))?;
        }
        index.sync(library)?;
        // What a file says that belongs to another state of the library is not what the library says.
        if index.len() as u64 != library.count_vectors(space.id)? {
            index.start_anew(library)?;
            index.sync(library)?;
        }
        index.tidy(library)?;
        Ok(index)
    }

    fn attach(&mut self, library: &Library, path: PathBuf) -> Result<()> {
        let pruned: i64 = library
            .read(|db| db.query_row("SELECT pruned FROM spaces WHERE id = ?", [self.space.id], |row| row.get(0)))?;
        let loaded = file::load(&path, &self.owner).filter(|l| l.gone >= pruned);
        let (whole, segments) = loaded.as_ref().map_or((0, 0), |l| (l.whole, l.segments));
        if let Some(Loaded { rows, gone, .. }) = loaded {
            (self.rows, self.gone) = (rows, gone);
        } else {
            self.gone = pruned;
        }
        let lock = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| File::options().create(true).write(true).truncate(false).open(path.with_extension("lock")));
        match lock {
            // Another process writes it; this one goes without.
            Ok(lock) if lock.try_lock().is_err() => {}
            Ok(lock) => {
                self.kept = Some(Kept { path, whole, segments, _lock: lock });
                if whole == 0 {
                    self.write_whole();
                }
            }
            Err(e) => self.give_up(&path, &e),
        }
        Ok(())
    }

    fn give_up(&mut self, path: &std::path::Path, e: &std::io::Error) {
        self.kept = None;
        let told = Problem::io("The index for searching could not be written", path, e);
        self.trouble = Some(told.warning());
    }

    /// What went wrong with the file since this was asked last.
    pub fn trouble(&mut self) -> Option<Problem> {
        self.trouble.take()
    }

    /// The space.
    pub fn space(&self) -> &VectorSpace {
        &self.space
    }

    /// How many vectors it finds.
    pub fn len(&self) -> usize {
        self.rows.alive.count()
    }

    /// Whether it finds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn write_whole(&mut self) {
        let Some(kept) = &self.kept else { return };
        let path = kept.path.clone();
        match file::write(&path, &self.owner, self.gone, &self.rows) {
            Ok(whole) => {
                if let Some(kept) = &mut self.kept {
                    (kept.whole, kept.segments) = (whole, usize::from(!self.rows.is_empty()));
                }
            }
            Err(e) => self.give_up(&path, &e),
        }
    }

    fn start_anew(&mut self, library: &Library) -> Result<()> {
        self.rows = Rows::new(self.space.dims);
        self.gone =
            library.read(|db| db.query_row("SELECT coalesce(max(id), 0) FROM vectors_gone", [], |row| row.get(0)))?;
        self.write_whole();
        Ok(())
    }

    /// Takes over what was added or deleted since.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn sync(&mut self, library: &Library) -> Result<()> {
        // Deletions first: what is deleted after this is no longer among the rows, or is a deletion of next time.
        let gone: Vec<(i64, i64)> = library.read(|db| {
            let mut query =
                db.prepare_cached("SELECT id, vector FROM vectors_gone WHERE space = ? AND id > ? ORDER BY id")?;
            query.query_map([self.space.id, self.gone], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let mut later = Vec::new();
        for (id, vector) in gone {
            self.gone = id;
            if vector > self.rows.last() { later.push(vector) } else { self.rows.delete(vector) }
        }
        loop {
            let new = library.vectors_after(self.space.id, self.rows.last(), TOGETHER)?;
            if new.is_empty() {
                break;
            }
            let from = self.rows.len();
            self.rows.push(&new);
            let appended = self
                .kept
                .as_ref()
                .map(|kept| (kept.path.clone(), file::append(&kept.path, kept.whole, &self.rows, from)));
            match (appended, &mut self.kept) {
                (Some((_, Ok(whole))), Some(kept)) => (kept.whole, kept.segments) = (whole, kept.segments + 1),
                (Some((path, Err(e))), _) => self.give_up(&path, &e),
                _ => {}
            }
        }
        later.into_iter().for_each(|vector| self.rows.delete(vector));
        Ok(())
    }

    /// Writes the file anew where much of it is deleted or it is in many pieces; deletions that it knows are forgotten.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn tidy(&mut self, library: &Library) -> Result<()> {
        let pieces = self.kept.as_ref().is_some_and(|k| k.segments > SEGMENTS);
        if !pieces && self.rows.dead() * DEAD < self.rows.len().max(1) {
            return Ok(());
        }
        // The highest number must stay known, lest rows be read twice: a vector's number is not used again, so what was
        // last and is deleted is skipped by being absent.
        self.rows = self.rows.compacted();
        self.write_whole();
        if self.kept.is_some() {
            let (space, gone) = (self.space.id, self.gone);
            library.write(|tx| {
                tx.execute("UPDATE spaces SET pruned = ? WHERE id = ?", params![gone, space])?;
                tx.execute("DELETE FROM vectors_gone WHERE space = ? AND id <= ?", params![space, gone]).map(|_| ())
            })?;
        }
        Ok(())
    }

    /// Rows whose picture is among `allowed`.
    pub fn wanted(&self, allowed: &Mask) -> Mask {
        self.rows.wanted(allowed)
    }

    /// The `k` wanted rows with the largest dot products with `query`, the largest first, ties by picture.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn nearest(&self, library: &Library, query: &[f32], k: usize, wanted: &Mask) -> Result<Vec<Found>> {
        self.nearest_counted(library, query, k, wanted).map(|(found, _)| found)
    }

    /// As [`Self::nearest`], with the number of rows that were read again in single precision.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn nearest_counted(
        &self,
        library: &Library,
        query: &[f32],
        k: usize,
        wanted: &Mask,
    ) -> Result<(Vec<Found>, usize)> {
        let mut count = 0;
        let mut read = |ids: &[i64]| {
            count += ids.len();
            library.vectors_by_id(ids)
        };
        let found = self.rows.nearest(query, k, wanted, &mut read)?;
        Ok((found, count))
    }

    /// Bytes of its rows in memory.
    pub fn bytes(&self) -> usize {
        self.rows.bytes.len() + self.rows.len() * (size_of::<crate::base::int8::RowFacts>() + 16) + self.rows.len() / 8
    }
}

impl Library {
    /// What a file beside the library is known by to belong to it.
    fn own_id(&self) -> Result<String> {
        self.read(|db| db.query_row("SELECT value FROM about WHERE key = 'library'", [], |row| row.get(0)))
    }

    /// Folder of indexes; none for a library in memory.
    fn index_folder(&self) -> Option<PathBuf> {
        (!self.path.as_os_str().is_empty()).then(|| self.folder().join("vectors"))
    }

    /// Vectors of a space above a number, in order: number, picture, vector.
    fn vectors_after(&self, space: i64, after: i64, most: usize) -> Result<Vec<(i64, i64, Vec<f32>)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, item, vector FROM vectors NOT INDEXED WHERE id > ? AND space = ? ORDER BY id LIMIT ?",
            )?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, numbers(row.get_ref(2)?.as_blob()?)));
            query.query_map(params![after, space, sql::count(most as u64)], row)?.collect()
        })
    }

    /// Hands over each vector of a space with its picture.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn each_vector(&self, space: i64, take: &mut dyn FnMut(i64, &[f32])) -> Result<()> {
        self.read(|db| {
            let mut query = db.prepare("SELECT item, vector FROM vectors WHERE space = ? ORDER BY id")?;
            let mut rows = query.query([space])?;
            while let Some(row) = rows.next()? {
                take(row.get(0)?, &numbers(row.get_ref(1)?.as_blob()?));
            }
            Ok(())
        })
    }

    /// Vectors by number, in the order asked for.
    fn vectors_by_id(&self, ids: &[i64]) -> Result<Vec<Vec<f32>>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT vector FROM vectors WHERE id = ?")?;
            ids.iter().map(|id| query.query_row([id], |row| Ok(numbers(row.get_ref(0)?.as_blob()?)))).collect()
        })
    }
}

#[cfg(test)]
mod tests;
