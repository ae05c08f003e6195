//! Encryption at rest of a library: its database, pictures, checkpoints, prepared sets, index and run folders.
//!
//! # What it protects against
//! Somebody who gets the disk, a backup or a copy of the library's folders while it is locked reads no content and cannot
//! change any without notice. Names and sizes of files, names of folders, and when they were written stay visible; the
//! system's swap file, and blocks of a disk that held a file before it was encrypted, are the system's. A whole file put
//! back as it was earlier, or under another file's name, is not noticed. Nothing helps against a program that runs as the
//! same user while the library is unlocked.
//!
//! # Keys
//! A random data key of 256 bits encrypts everything. It is kept twice in the [`header`]: sealed by a key that Argon2id
//! derives from the passphrase, and sealed by a recovery key of 160 random bits that is shown once. A new passphrase seals
//! the data key again and rewrites no file. From the data key BLAKE3 derives one key for files and one for the database
//! (SQLCipher).
//!
//! # Files
//! [`sealed`]: chunks of 64 KiB, XChaCha20-Poly1305, each with a random nonce and bound to its file, its place, and whether
//! it is the last. [`mod@log`]: what grows line by line, a sealed record each. A sealed file says so in its first bytes, so
//! [`files`] reads both kinds, and a library may be half-way between plain and encrypted: turning it on or off can be
//! interrupted at any moment.
//!
//! A process knows a library's key from [`unlock`] to [`lock`]. Whatever is written below the library's folders meanwhile
//! is sealed; while it is locked, nothing can be.

pub mod files;
pub mod header;
mod key;
pub mod log;
mod recovery;
pub mod sealed;
pub mod slots;
#[cfg(test)]
mod tests;

use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::RwLock;

use super::paths::Paths;
use super::{Problem, Result};
pub use files::{File, copy, read, read_to_string, write};
pub use header::{Cost, Header, State};
pub use key::{DataKey, Id};
pub use recovery::RecoveryKey;

/// What a process knows of an encrypted library.
struct Root {
    id: Id,
    state: State,
    folders: Vec<PathBuf>,
    key: Option<DataKey>,
}

static ROOTS: RwLock<Vec<Root>> = RwLock::new(Vec::new());

/// Whether a library is encrypted, and whether this process has its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is not encrypted.
    Plain,
    /// It is encrypted, or on the way there or back, and its key is not known here.
    Locked(State),
    /// The key is known here.
    Unlocked(State),
}

impl Standing {
    /// Whether content cannot be read now.
    pub fn is_locked(self) -> bool {
        matches!(self, Self::Locked(_))
    }

    /// Whether turning it on or off was interrupted.
    pub fn is_half_way(self) -> bool {
        matches!(self, Self::Locked(s) | Self::Unlocked(s) if s != State::On)
    }
}

fn folders(paths: &Paths) -> Vec<PathBuf> {
    let absolute = |p: &PathBuf| std::path::absolute(p).unwrap_or_else(|_| p.clone());
    [&paths.data, &paths.cache, &paths.config].into_iter().map(absolute).collect()
}

/// Looks at a library's header, and notes it for this process.
///
/// # Errors
/// There is a header, but it and its copy are damaged.
pub fn standing(paths: &Paths) -> Result<Standing> {
    let Some(header) = header::load(paths)? else {
        forget(paths);
        return Ok(Standing::Plain);
    };
    let key = note(paths, &header, None);
    Ok(if key { Standing::Unlocked(header.state) } else { Standing::Locked(header.state) })
}

/// Notes a library; says whether its key is known.
fn note(paths: &Paths, header: &Header, key: Option<DataKey>) -> bool {
    let folders = folders(paths);
    let mut roots = ROOTS.write();
    match roots.iter_mut().find(|r| r.folders == folders && r.id == header.id) {
        Some(root) => {
            root.state = header.state;
            root.key = key.or(root.key.take());
            root.key.is_some()
        }
        None => {
            roots.retain(|r| r.folders != folders);
            let known = key.is_some();
            roots.push(Root { id: header.id, state: header.state, folders, key });
            known
        }
    }
}

fn forget(paths: &Paths) {
    let folders = folders(paths);
    if ROOTS.read().iter().any(|r| r.folders == folders) {
        ROOTS.write().retain(|r| r.folders != folders);
    }
}

/// Finds the data key by a passphrase or a recovery key, and keeps it in this process.
///
/// # Errors
/// It is neither, or the header is damaged.
pub fn unlock(paths: &Paths, secret: &str) -> Result<State> {
    let header = header::load(paths)?.ok_or_else(not_encrypted)?;
    let key = header.open(secret)?;
    note(paths, &header, Some(key));
    Ok(header.state)
}

/// Keeps a data key that another process of this user handed over.
///
/// # Errors
/// It is not this library's.
pub fn unlock_with(paths: &Paths, key: DataKey) -> Result<State> {
    let header = header::load(paths)?.ok_or_else(not_encrypted)?;
    if !header.is_key(&key) {
        return Err(Problem::usage("This is not the key of the library").of(paths.data.display().to_string()));
    }
    note(paths, &header, Some(key));
    Ok(header.state)
}

/// Drops the key; its bytes are overwritten. What is open already stays so until it is closed.
pub fn lock(paths: &Paths) {
    let folders = folders(paths);
    if let Some(root) = ROOTS.write().iter_mut().find(|r| r.folders == folders) {
        root.key = None;
    }
}

/// The key of an unlocked library, to hand to a process that works for it.
pub fn data_key(paths: &Paths) -> Option<DataKey> {
    let folders = folders(paths);
    ROOTS.read().iter().find(|r| r.folders == folders).and_then(|r| r.key.clone())
}

/// Puts a new header in place, with the key that it seals. Everything written from now on follows its state.
///
/// # Errors
/// The folders cannot be written.
pub fn put(paths: &Paths, header: &Header, key: &DataKey) -> Result<()> {
    header::save(paths, header)?;
    note(paths, header, Some(key.clone()));
    Ok(())
}

/// Removes the header: nothing is sealed any more.
///
/// # Errors
/// It cannot be removed.
pub fn remove(paths: &Paths) -> Result<()> {
    header::remove(paths)?;
    forget(paths);
    Ok(())
}

/// What is told where a library has no passphrase.
pub fn not_encrypted() -> Problem {
    Problem::usage("The library is not encrypted").try_this("Turn it on with `library encrypt`")
}

/// What is told where a library has one and it was not given.
pub fn locked() -> Problem {
    Problem::usage("The library is locked")
        .try_this("Unlock it with `library unlock`, or give the passphrase with --passphrase-stdin")
}

fn locked_io() -> io::Error {
    io::Error::other("the library is locked; unlock it first")
}

/// Does something with the library that a path lies in.
fn with_root<T>(path: &Path, look: impl FnOnce(&Root) -> T) -> Option<T> {
    let roots = ROOTS.read();
    if roots.is_empty() {
        return None;
    }
    let holds = |path: &Path| roots.iter().position(|r| r.folders.iter().any(|f| path.starts_with(f)));
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = holds(&absolute).or_else(|| {
        // Behind a link, or with dots inside.
        let there = absolute.ancestors().find_map(|p| fs::canonicalize(p).ok())?;
        let real = |f: &PathBuf| fs::canonicalize(f).is_ok_and(|f| there.starts_with(f));
        roots.iter().position(|r| r.folders.iter().any(real))
    });
    found.map(|i| look(&roots[i]))
}

/// How a file at this path is to be written: sealed with a key, or plain.
///
/// # Errors
/// It lies in an encrypted library that is locked.
pub(super) fn writing(path: &Path) -> io::Result<Option<(Id, DataKey)>> {
    if header::is_name(path) {
        return Ok(None);
    }
    with_root(path, |root| match (&root.key, root.state) {
        (_, State::TurningOff) => Ok(None),
        (Some(key), _) => Ok(Some((root.id, key.clone()))),
        (None, _) => Err(locked_io()),
    })
    .unwrap_or(Ok(None))
}

/// The key of the library with this name.
fn key_of(id: Id) -> io::Result<DataKey> {
    let roots = ROOTS.read();
    let found = roots.iter().filter(|r| r.id == id).find_map(|r| r.key.clone());
    found.ok_or_else(|| {
        if roots.iter().any(|r| r.id == id) {
            return locked_io();
        }
        io::Error::other("it belongs to an encrypted library that is not open here")
    })
}

/// Whether what is written at this path is sealed.
///
/// # Errors
/// It lies in an encrypted library that is locked.
pub fn seals(path: &Path) -> io::Result<bool> {
    writing(path).map(|w| w.is_some())
}

/// How a database is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseKey {
    /// It is plain.
    None,
    /// With this key, as SQLCipher takes it.
    Key(zeroize::Zeroizing<String>),
    /// With this key, or plain where it was not converted yet.
    Either(zeroize::Zeroizing<String>),
}

/// How a database at this path is opened. The file is not looked into: to close it again would drop the locks that SQLite
/// holds on it in this process (POSIX).
///
/// # Errors
/// It lies in an encrypted library that is locked.
pub fn database_key(path: &Path) -> io::Result<DatabaseKey> {
    with_root(path, |root| match (&root.key, root.state) {
        (None, _) => Err(locked_io()),
        (Some(key), State::On) => Ok(DatabaseKey::Key(key.database())),
        (Some(_), State::TurningOff) if !path.exists() => Ok(DatabaseKey::None),
        (Some(key), State::TurningOn) if !path.exists() => Ok(DatabaseKey::Key(key.database())),
        (Some(key), _) => Ok(DatabaseKey::Either(key.database())),
    })
    .unwrap_or(Ok(DatabaseKey::None))
}

/// Whether a database that nobody has open is plain.
///
/// # Errors
/// It cannot be read.
pub fn is_plain_database(path: &Path) -> io::Result<bool> {
    let mut head = [0; 16];
    let file = fs::File::open(path)?;
    Ok(super::position::read_exact_at(&file, &mut head, 0).is_ok() && head == *b"SQLite format 3\0")
}

/// The key of a database that is to be encrypted.
pub fn new_database_key(path: &Path) -> Option<zeroize::Zeroizing<String>> {
    with_root(path, |root| root.key.as_ref().map(DataKey::database)).flatten()
}

/// Whether files below a library's folder are sealed; some are looked at.
pub fn holds_sealed(folder: &Path) -> bool {
    const LOOKED_AT: usize = 200;
    // Databases are left alone: somebody may have them open.
    let own = |e: &walkdir::DirEntry| e.path().extension().is_some_and(|e| e == "sqlite");
    let files = walkdir::WalkDir::new(folder).max_depth(3).into_iter().flatten();
    let files = files.filter(|e| e.file_type().is_file() && !own(e));
    files.take(LOOKED_AT).any(|e| files::is_sealed(e.path()).unwrap_or(false))
}

/// Held by every process that works with a library, so that none turns encryption on or off beneath it.
#[derive(Debug)]
pub struct InUse(#[allow(dead_code)] Option<fs::File>);

fn gate(paths: &Paths) -> Result<fs::File> {
    let path = paths.data.join("vault.lock");
    let fail = |e: &io::Error| Problem::io("The library's lock could not be opened", &path, e);
    fs::create_dir_all(&paths.data).map_err(|e| fail(&e))?;
    fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|e| fail(&e))
}

/// Notes that this process works with a library.
///
/// # Errors
/// Another process turns encryption on or off.
pub fn enter(paths: &Paths) -> Result<InUse> {
    let Ok(file) = gate(paths) else {
        // A folder that can only be read: nobody can turn anything on or off there.
        return Ok(InUse(None));
    };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(Problem::failed("The library is being encrypted or decrypted")
            .of(paths.data.display().to_string())
            .try_this("Wait until that is done")),
        _ => Ok(InUse(Some(file))),
    }
}

/// Takes a library for this process alone.
///
/// # Errors
/// Another process works with it.
pub fn enter_alone(paths: &Paths) -> Result<InUse> {
    let file = gate(paths)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Problem::usage("Another program works with this library")
            .of(paths.data.display().to_string())
            .try_this("Close the window and let runs and commands end, then try again")),
        _ => Ok(InUse(Some(file))),
    }
}
