//! Databases of other programs: opened, looked at before anything is written, written in one transaction.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::base::{Kind, Problem, Result};

/// How long to wait for a program that writes at the moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a database, made if it is not there.
///
/// # Errors
/// The folder cannot be written, or the file is no database.
pub fn open(path: &Path) -> Result<Connection> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Problem::io("This folder could not be made", folder, &e))?;
    }
    let open = || {
        let db = Connection::open(path)?;
        db.busy_timeout(PATIENCE)?;
        // Reads the header.
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(db)
    };
    open().map_err(|e| problem(path, &e))
}

/// Whether it has no tables yet.
pub fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Whether a table is there with all of these columns.
pub fn has(db: &Connection, table: &str, columns: &[&str]) -> bool {
    db.prepare(&format!("SELECT {} FROM {table} LIMIT 0", columns.join(", "))).is_ok()
}

/// What a person is told of an error.
pub fn problem(path: &Path, e: &rusqlite::Error) -> Problem {
    let told = |what: &str| Problem::failed(what).of(path.display().to_string()).because(e);
    match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Problem { kind: Kind::Data, ..told("This file is no database, or a damaged one") }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            told("This file is held by another program").try_this("Try again when it has finished writing")
        }
        Some(ErrorCode::DiskFull) => told("The disk is full").try_this("Free some space on this disk"),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            told("This file cannot be opened for writing").try_this("Give yourself permission to it and its folder")
        }
        _ => told("This file could not be written"),
    }
}
