//! Models inside of the library: their files in parts, brought out where they are read, and moved back into a file.
//!
//! A model is either a file, or in the library. Moving it either way is done in steps that can be gone on with after the
//! program was killed: parts are written first, read again and compared with the hash of the file, and only then the file
//! goes; or the file is written beside its place, compared and renamed, and only then the parts go.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::{Library, sql};
use crate::base::paths::{Paths, write_atomically};
use crate::base::vault::{self, files::Sink};
use crate::base::{Problem, Progress, Result, temp};

/// Bytes of a part.
const PART: usize = 4 << 20;
/// Says beside imported models that some are in the library, so that nobody opens it in vain.
const MARK: &str = ".in-library";

/// A model in the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Hash of its weights.
    pub hash: String,
    /// What it is called.
    pub name: String,
    /// Where its file was.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// Whether all of it is there; one that is not is still also a file.
    pub whole: bool,
}

fn hash_of(path: &Path) -> Result<(blake3::Hash, u64)> {
    let fail = |e: std::io::Error| Problem::io("This model could not be read", path, &e);
    let mut file = vault::File::open(path).map_err(fail)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut buffer).map_err(fail)?;
        if n == 0 {
            return Ok((hasher.finalize(), bytes));
        }
        hasher.update(&buffer[..n]);
        bytes += n as u64;
    }
}

impl Library {
    /// Models in the library, by name.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn stored_models(&self) -> Result<Vec<Stored>> {
        self.read(|db| {
            let mut query = db.prepare("SELECT hash, name, path, bytes, whole FROM model_files ORDER BY name, hash")?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(Stored {
                    hash: row.get(0)?,
                    name: row.get(1)?,
                    path: sql::to_path(self.folder(), row.get_ref(2)?),
                    bytes: row.get::<_, i64>(3)?.unsigned_abs(),
                    whole: row.get(4)?,
                })
            };
            query.query_map([], row)?.collect()
        })
    }

    /// Takes a model's file into the library. Parts that an earlier try wrote of the very same file are kept. The file is
    /// removed once everything was read back and is as it was.
    ///
    /// # Errors
    /// The file cannot be read, changed meanwhile, the disk is full, or it was cancelled; the file is there then.
    pub fn store_model(&self, hash: &str, name: &str, path: &Path, progress: &dyn Progress) -> Result<Stored> {
        let fail = |e: std::io::Error| Problem::io("This model could not be read", path, &e);
        // They are read under their names.
        if self.stored_models()?.iter().any(|m| m.name == name && m.hash != hash) {
            return Err(Problem::usage("Another model of this name is in the library already")
                .of(name)
                .try_this("Rename the file of one of them first"));
        }
        let (sum, bytes) = hash_of(path)?;
        let sum = sum.as_bytes().as_slice();
        let begun: Option<i64> = self.write(|tx| {
            let known: Option<(Vec<u8>, bool)> = tx
                .query_row("SELECT file, whole FROM model_files WHERE hash = ?", [hash], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            match known {
                // Another file with the same weights: it is the only one of its kind.
                Some((known, true)) if known != sum => return Ok(None),
                Some((known, false)) if known != sum => {
                    tx.execute("DELETE FROM model_files WHERE hash = ?", [hash])?;
                }
                _ => {}
            }
            tx.execute(
                "INSERT INTO model_files (hash, name, path, bytes, file) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (hash) DO UPDATE SET name = ?2, path = ?3",
                params![hash, name, sql::from_path(self.folder(), path), sql::count(bytes), sum],
            )?;
            tx.query_row("SELECT count(*) FROM model_parts WHERE hash = ?", [hash], |row| row.get(0)).map(Some)
        })?;
        let begun = begun.ok_or_else(|| {
            Problem::usage("Another file with the same weights is in the library already")
                .of(path.display().to_string())
                .try_this("Move that one out first (--link), or keep this one as a file")
        })?;
        let mut file = vault::File::open(path).map_err(fail)?;
        let mut part = Vec::with_capacity(PART);
        for number in 0.. {
            part.clear();
            (&mut file).take(PART as u64).read_to_end(&mut part).map_err(fail)?;
            if part.is_empty() {
                break;
            }
            progress.report("Storing the model", number as u64 * PART as u64, bytes);
            progress.cancel().check()?;
            if number >= begun {
                let text = "INSERT OR REPLACE INTO model_parts (hash, part, data) VALUES (?, ?, ?)";
                self.write(|tx| tx.execute(text, params![hash, number, part]).map(|_| ()))?;
            }
        }
        if self.sum_of(hash)?.as_bytes().as_slice() != sum {
            self.write(|tx| tx.execute("DELETE FROM model_parts WHERE hash = ?", [hash]).map(|_| ()))?;
            return Err(Problem::failed("The model in the library is not its file, byte for byte")
                .of(path.display().to_string())
                .try_this("Its file stays where it is; store it again"));
        }
        self.write(|tx| tx.execute("UPDATE model_files SET whole = 1 WHERE hash = ?", [hash]).map(|_| ()))?;
        // All of it has to be on the disk before the file goes.
        self.read(|db| db.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())))?;
        fs::remove_file(path)
            .map_err(|e| Problem::io("The model is stored, but its file could not be removed", path, &e))?;
        self.stored(hash)?.ok_or_else(|| Problem::failed("The model is not in the library").of(hash))
    }

    fn stored(&self, hash: &str) -> Result<Option<Stored>> {
        Ok(self.stored_models()?.into_iter().find(|m| m.hash == hash))
    }

    /// Hash of all parts, one after the other.
    fn sum_of(&self, hash: &str) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        self.each_part(hash, &mut |part| {
            hasher.update(part);
            Ok(())
        })?;
        Ok(hasher.finalize())
    }

    fn each_part(&self, hash: &str, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for number in 0_i64.. {
            let part: Option<Vec<u8>> = self.read(|db| {
                let mut query = db.prepare_cached("SELECT data FROM model_parts WHERE hash = ? AND part = ?")?;
                query.query_row(params![hash, number], |row| row.get(0)).optional()
            })?;
            match part {
                Some(part) => take(&part)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Writes a model of the library to a file, which is compared with its hash before it gets its name.
    ///
    /// # Errors
    /// The model is damaged in the library, or the file cannot be written.
    pub fn write_model(&self, model: &Stored, out: &Path) -> Result<()> {
        let fail = |e: std::io::Error| Problem::io("This model could not be written", out, &e);
        let folder = out.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(fail)?;
        let beside = temp::file_in(folder).map_err(fail)?;
        // Below an encrypted library the file is sealed.
        let mut sink = Sink::for_path(out, beside.as_file()).map_err(fail)?;
        let mut hasher = blake3::Hasher::new();
        self.each_part(&model.hash, &mut |part| {
            hasher.update(part);
            sink.write_all(part).map_err(fail)
        })?;
        sink.finish().map_err(fail)?;
        let text = "SELECT file FROM model_files WHERE hash = ?";
        let sum: Vec<u8> = self.read(|db| db.query_row(text, [&model.hash], |row| row.get(0)))?;
        if hasher.finalize().as_bytes().as_slice() != sum {
            return Err(Problem::data("This model is damaged in the library")
                .of(&model.name)
                .try_this("Take it from a copy in the folder `backups` beside the library, or import it again"));
        }
        beside.as_file().sync_all().map_err(fail)?;
        beside.persist(out).map_err(|e| fail(e.error))?;
        Ok(())
    }

    /// Moves a model out of the library into a file: to where it was, or to `out`.
    ///
    /// # Errors
    /// There is another file of this name, the model is damaged, or the disk is full; it stays in the library then.
    pub fn link_model(&self, model: &Stored, out: Option<&Path>) -> Result<PathBuf> {
        let out = out.unwrap_or(&model.path).to_path_buf();
        let text = "SELECT file FROM model_files WHERE hash = ?";
        let sum: Vec<u8> = self.read(|db| db.query_row(text, [&model.hash], |row| row.get(0)))?;
        // The same file may be there: an earlier try was ended after it was written.
        let there = out.is_file() && hash_of(&out)?.0.as_bytes().as_slice() == sum;
        if out.exists() && !there {
            return Err(Problem::usage("There is another file of this name already")
                .of(out.display().to_string())
                .try_this("Give another name with --out"));
        }
        if !there {
            self.write_model(model, &out)?;
        }
        self.write(|tx| tx.execute("DELETE FROM model_files WHERE hash = ?", [&model.hash]).map(|_| ()))?;
        Ok(out)
    }
}

/// Where models of the library lie for those who read them.
pub fn brought(paths: &Paths) -> PathBuf {
    paths.stored_models()
}

/// Notes beside imported models whether any is in the library.
///
/// # Errors
/// The folder cannot be written.
pub fn mark(library: &Library, paths: &Paths) -> Result<()> {
    let mark = paths.models().join(MARK);
    let all = library.stored_models()?;
    // What was moved out is not read from here any more.
    for entry in fs::read_dir(brought(paths)).into_iter().flatten().filter_map(|e| e.ok()) {
        let path = entry.path();
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if !all.iter().any(|m| m.name == stem && m.whole) {
            let _ = fs::remove_file(path);
        }
    }
    if all.is_empty() {
        let _ = fs::remove_file(&mark);
        return Ok(());
    }
    let names: Vec<&str> = all.iter().map(|m| m.name.as_str()).collect();
    write_atomically(&mark, names.join("\n").as_bytes())
}

/// Notes that a model is about to go into the library, before it does: killed in between, it is found there.
///
/// # Errors
/// The folder cannot be written.
pub fn mark_first(paths: &Paths) -> Result<()> {
    write_atomically(&paths.models().join(MARK), b"")
}

/// Brings models of the library to where they are read, those that are not there. One that is damaged is said.
pub fn bring(paths: &Paths) {
    if !paths.models().join(MARK).is_file() {
        return;
    }
    let bring = |library: &Library, model: &Stored| {
        let file = brought(paths).join(format!("{}.safetensors", model.name));
        if vault::File::open(&file).is_ok_and(|there| there.len() == model.bytes) {
            return Ok(());
        }
        library.write_model(model, &file)
    };
    let done = Library::open(&paths.library()).and_then(|library| {
        let all = library.stored_models()?;
        all.iter().filter(|m| m.whole).try_for_each(|model| bring(&library, model))
    });
    if let Err(problem) = done {
        log::warn!("{problem}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::{Quiet, Watched};

    #[test]
    fn a_model_goes_in_and_out_to_the_byte_and_goes_on_after_a_stop() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        fs::create_dir_all(paths.models()).unwrap();
        let library = Library::open(&paths.library()).unwrap();
        let file = paths.models().join("own.safetensors");
        let bytes: Vec<u8> = (0..PART * 2 + 77).map(|i| (i * 31 % 251) as u8).collect();
        fs::write(&file, &bytes).unwrap();
        // It is ended in between: the file stays, and what was stored stays too.
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let stop = Watched::new(cancel, move |_: &str, done, _| {
            if done >= PART as u64 {
                flag.cancel();
            }
        });
        assert!(library.store_model("h1", "own", &file, &stop).is_err());
        assert!(file.is_file() && !library.stored_models().unwrap()[0].whole);
        let stored = library.store_model("h1", "own", &file, &Quiet::default()).unwrap();
        assert!(stored.whole && stored.bytes == bytes.len() as u64 && !file.exists());
        mark(&library, &paths).unwrap();
        bring(&paths);
        let read = brought(&paths).join("own.safetensors");
        assert_eq!(fs::read(&read).unwrap(), bytes);
        fs::remove_file(&read).unwrap();
        bring(&paths);
        assert!(read.is_file(), "again after the cache was emptied");
        fs::write(&file, b"another").unwrap();
        assert!(library.link_model(&stored, None).unwrap_err().what.contains("another file"));
        fs::remove_file(&file).unwrap();
        assert_eq!(library.link_model(&stored, None).unwrap(), file);
        assert_eq!(fs::read(&file).unwrap(), bytes);
        mark(&library, &paths).unwrap();
        assert!(library.stored_models().unwrap().is_empty() && !read.exists());
        // One byte that changed in the library is found before anything is written.
        let stored = library.store_model("h1", "own", &file, &Quiet::default()).unwrap();
        library.db.execute("UPDATE model_parts SET data = x'00' WHERE part = 1", []).unwrap();
        assert!(library.link_model(&stored, None).unwrap_err().what.contains("damaged"));
        assert!(!file.exists() && library.stored_models().unwrap().len() == 1);
    }
}
