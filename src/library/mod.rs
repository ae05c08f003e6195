//! What is kept, in one SQLite file: data sets, runs, checkpoints, models, pictures, and who came from whom.
//!
//! Pictures are files beside it; the library holds what is known of them and a small version of each. A [`Library`] is
//! a connection: open one in each thread (or process) that needs it. Writers wait for each other; readers wait for none.
//!
//! - [`schema`]: tables and their migrations. [`items`]: kept pictures (`alike`: by how they look,
//!   `search`: by words). [`journal`]: changes
//!   to them, undo and redo.
//! - [`imported`]: pictures of data sets. [`vectors`]: what networks see of pictures. [`condition`]: filters as text.
//! - [`finder`]: one search over words and vectors: [`words`], [`towers`], [`mod@index`], [`allowed`].
//! - [`marks`]: labels, weights, tags and exclusions of pictures of data sets; [`versions`] of these.
//! - [`records`]: what came from what, and who judged it how, in a chain of hashes.
//! - [`runs`]: runs, checkpoints, models, data sets, lineage. [`rescue`], `salvage`: damaged files;
//!   [`backup`]: copies of the last days. [`encryption`]: turning it on and off.

pub mod allowed;
pub mod backup;
pub mod choices;
mod compare;
pub mod condition;
pub mod encryption;
pub mod finder;
pub mod import;
pub mod imported;
pub mod index;
pub mod item;
pub mod items;
pub mod journal;
pub mod marks;
#[cfg(test)]
mod migration_tests;
pub mod model_store;
pub mod records;
pub mod rescue;
pub mod runs;
mod salvage;
mod saved;
pub mod schema;
mod search;
mod similarity;
mod sql;
pub mod storage;
#[cfg(test)]
mod tests;
pub mod towers;
pub mod usage;
pub mod vectors;
pub mod versions;
pub mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::base::{Problem, Result};

pub use condition::Condition;
pub use finder::{Answer, Example, Finder, Hit, Neighbour, Search, Why};
pub use imported::NewImported;
pub use item::{DataSetInfo, Imported, Item, ItemFilter, ItemSort, Shelf};
pub use items::NewItem;
pub use journal::PastChange;
pub use runs::{Lineage, Link, RunRow};

/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open library.
pub struct Library {
    db: Connection,
    /// The file; empty for one in memory.
    path: PathBuf,
}

impl Library {
    /// Opens the library, made if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// It is damaged (see [`Library::open_or_repair`]), of a later version of the studio, or its folder cannot be
    /// written.
    pub fn open(path: &Path) -> Result<Self> {
        rescue::open(path).map_err(|fault| fault.problem)
    }

    /// Opens the library. A damaged one is moved aside and kept, what can be read of it is taken over into a fresh one,
    /// and the warning says so.
    ///
    /// # Errors
    /// It is of a later version of the studio, or its folder cannot be written.
    pub fn open_or_repair(path: &Path) -> Result<(Self, Option<Problem>)> {
        rescue::open_or_repair(path)
    }

    /// A library that is gone when it is dropped, for when none can be kept.
    ///
    /// # Errors
    /// There is no memory.
    pub fn in_memory() -> Result<Self> {
        let path = PathBuf::new();
        let open = || {
            let db = Connection::open_in_memory()?;
            db.execute_batch("PRAGMA foreign_keys = ON")?;
            Ok(db)
        };
        let db = open().map_err(|e| sql::problem(&path, &e))?;
        let library = Self { db, path };
        schema::migrate(&library.db).map_err(|e| library.fail(&e))?;
        Ok(library)
    }

    /// Its file; empty for one in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Connects to a file and sets it up; looks at nothing yet but its header.
    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let db = sql::open(path)?;
        db.busy_timeout(PATIENCE)?;
        // Survives `kill -9` at any moment; a power cut may cost the last changes, never the file.
        db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        db.execute_batch(
            "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA cache_size = -16000;",
        )?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(db)
    }

    fn fail(&self, e: &rusqlite::Error) -> Problem {
        sql::problem(&self.path, e)
    }

    /// Runs `change` wholly or not at all.
    fn write<T>(&self, change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let run = || {
            // A writer from its beginning: a reader that becomes one could find that another was faster.
            let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            let value = change(&tx)?;
            tx.commit()?;
            Ok(value)
        };
        run().map_err(|e| self.fail(&e))
    }

    /// Reads.
    fn read<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        look(&self.db).map_err(|e| self.fail(&e))
    }

    /// Folder that paths are kept relative to, so that a library can move together with its pictures.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}
