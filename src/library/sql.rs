//! Between SQLite and the words of the studio: errors, paths, times.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::ErrorCode as Code;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, ffi};

use crate::base::Problem;
use crate::base::vault::{self, DatabaseKey};

/// Opens a database; one of an encrypted library with its key.
///
/// # Errors
/// It cannot be opened, or its library is locked.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    open_with(path, OpenFlags::default())
}

/// As [`open`].
///
/// # Errors
/// As [`open`].
pub fn open_with(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let key = vault::database_key(path)
        .map_err(|e| rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_AUTH), Some(e.to_string())))?;
    let db = Connection::open_with_flags(path, flags)?;
    let (DatabaseKey::Key(text) | DatabaseKey::Either(text)) = &key else { return Ok(db) };
    // What goes wrong is told by us; SQLCipher would write to the terminal.
    db.execute_batch(&format!("PRAGMA cipher_log_level = NONE; PRAGMA key = \"{}\"", **text))?;
    if matches!(key, DatabaseKey::Either(_)) {
        let read = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        if read.is_err_and(|e| e.sqlite_error_code() == Some(Code::NotADatabase)) {
            drop(db);
            return Connection::open_with_flags(path, flags);
        }
    }
    Ok(db)
}

/// What a person is told of an error of the library in `path`.
pub fn problem(path: &Path, e: &rusqlite::Error) -> Problem {
    let told = |what: &str| Problem::failed(what).of(path.display().to_string()).because(e);
    match e.sqlite_error_code() {
        Some(Code::DiskFull) => {
            told("The library could not be written: the disk is full").try_this("Free some space on this disk")
        }
        Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => {
            told("The library cannot be opened for writing").try_this("Give yourself permission to its folder")
        }
        Some(Code::AuthorizationForStatementDenied) => vault::locked(),
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            told("The library is held by another program").try_this("Close it and try again")
        }
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => {
            let problem = told("The library is damaged").try_this("Start the studio again: it repairs the library");
            Problem { kind: crate::base::Kind::Data, ..problem }
        }
        _ => told("The library failed"),
    }
}

/// Whether an error means that the file is damaged rather than out of reach.
pub fn is_damage(e: &rusqlite::Error) -> bool {
    match e.sqlite_error_code() {
        // "Unknown" is SQLITE_ERROR: tables that should be there are not, or have other columns.
        Some(code) => matches!(code, Code::DatabaseCorrupt | Code::NotADatabase | Code::Unknown | Code::TypeMismatch),
        None => true,
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// A path as it is kept: relative to `folder` where it lies in it; bytes where it is not Unicode.
pub fn from_path(folder: &Path, path: &Path) -> Value {
    let inside = if folder.as_os_str().is_empty() { None } else { path.strip_prefix(folder).ok() };
    let path = inside.filter(|p| !p.as_os_str().is_empty()).unwrap_or(path);
    match path.to_str() {
        Some(text) => Value::Text(text.to_string()),
        #[cfg(unix)]
        None => Value::Blob(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()),
        #[cfg(not(unix))]
        None => Value::Text(path.to_string_lossy().into_owned()),
    }
}

/// The path that [`from_path`] kept.
pub fn to_path(folder: &Path, value: ValueRef<'_>) -> PathBuf {
    let kept = match value {
        #[cfg(unix)]
        ValueRef::Blob(bytes) => PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)),
        ValueRef::Text(text) => PathBuf::from(String::from_utf8_lossy(text).into_owned()),
        _ => PathBuf::new(),
    };
    // An absolute path replaces the folder.
    folder.join(kept)
}

/// A count for a column; SQLite's integers have a sign.
pub fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_and_move_with_their_folder() {
        let there = |folder: &str, path: &Path, later: &str| {
            let value = from_path(Path::new(folder), path);
            to_path(Path::new(later), ValueRef::from(&value))
        };
        assert_eq!(there("/a", Path::new("/a/gallery/x.png"), "/b"), Path::new("/b/gallery/x.png"));
        assert_eq!(there("/a", Path::new("/c/x.png"), "/b"), Path::new("/c/x.png"));
        assert_eq!(there("", Path::new("/c/x.png"), ""), Path::new("/c/x.png"));
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            let odd = Path::new("/a").join(std::ffi::OsStr::from_bytes(b"\xFF\xFE.png"));
            assert_eq!(there("/a", &odd, "/a"), odd);
        }
    }
}
