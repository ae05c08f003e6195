//! Turning the encryption of a library on and off, file by file.
//!
//! The header comes first and goes last, and says which way it goes. Each file is written anew beside, flushed and renamed;
//! its first bytes tell whether it is done. So an interruption at any moment, `kill -9` included, leaves a library that
//! works, and the same command goes on where it stopped.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{rescue, sql};
use crate::base::paths::Paths;
use crate::base::temp::WRITING;
use crate::base::vault::files::{Target, convert, is_sealed, sync_folder, wipe};
use crate::base::vault::{self, Cost, DataKey, Header, RecoveryKey, Standing, State};
use crate::base::{Problem, Progress, Result};
use crate::data::PREPARING;

/// Names of files that grow line by line.
const GROWING: [&str; 2] = ["telemetry.jsonl", "log.txt"];

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Done {
    /// Files that were converted.
    pub files: u64,
    /// Their bytes before.
    pub bytes: u64,
}

/// Encrypts a library with a passphrase, or goes on where that was interrupted. The recovery key is told before the first
/// file is touched. Nobody else may work with the library.
///
/// # Errors
/// It is encrypted already, the passphrase is too short, another program works with it, the disk is full, or it was
/// cancelled.
pub fn turn_on(
    paths: &Paths,
    passphrase: &str,
    cost: Cost,
    tell: &mut dyn FnMut(&RecoveryKey) -> Result<()>,
    progress: &dyn Progress,
) -> Result<Done> {
    let _alone = vault::enter_alone(paths)?;
    match vault::standing(paths)? {
        Standing::Plain => {
            let key = DataKey::random()?;
            let (header, recovery) = Header::new(&key, passphrase, cost)?;
            // Told first: killed in between, nothing is encrypted yet, and the next try tells another one.
            tell(&recovery)?;
            vault::put(paths, &header, &key)?;
        }
        Standing::Locked(_) => return Err(vault::locked()),
        Standing::Unlocked(State::On) => {
            return Err(Problem::usage("The library is encrypted already").try_this("Change its passphrase instead"));
        }
        Standing::Unlocked(_) => in_state(paths, State::TurningOn)?,
    }
    let done = convert_all(paths, Target::Sealed, progress)?;
    in_state(paths, State::On)?;
    Ok(done)
}

/// Makes an unlocked library plain again, or goes on where that was interrupted.
///
/// # Errors
/// It is locked or not encrypted, another program works with it, the disk is full, or it was cancelled.
pub fn turn_off(paths: &Paths, progress: &dyn Progress) -> Result<Done> {
    let _alone = vault::enter_alone(paths)?;
    match vault::standing(paths)? {
        Standing::Plain => return Err(vault::not_encrypted()),
        Standing::Locked(_) => return Err(vault::locked()),
        Standing::Unlocked(_) => in_state(paths, State::TurningOff)?,
    }
    let done = convert_all(paths, Target::Plain, progress)?;
    // Without the header nothing that is still sealed could ever be read.
    for (path, _) in files(paths)? {
        if is_sealed(&path).unwrap_or(true) {
            return Err(Problem::failed("This file of the library is still encrypted, so its key stays")
                .of(path.display().to_string())
                .try_this("Turn encryption off again"));
        }
    }
    vault::remove(paths)?;
    Ok(done)
}

/// Replaces the passphrase of a library by another one; `old` is the passphrase or the recovery key.
///
/// # Errors
/// `old` is neither, or the new one is too short.
pub fn change_passphrase(paths: &Paths, old: &str, new: &str) -> Result<()> {
    let _working = vault::enter(paths)?;
    let header = vault::header::load(paths)?.ok_or_else(vault::not_encrypted)?;
    let key = header.open(old)?;
    let changed = header.clone().with_passphrase(&key, new)?;
    replace(paths, &header, &changed, &key)
}

/// Puts a changed header in place of the one that it was made of.
fn replace(paths: &Paths, before: &Header, now: &Header, key: &DataKey) -> Result<()> {
    if vault::header::load(paths)?.as_ref() != Some(before) {
        return Err(Problem::failed("Another program changed the keys of the library meanwhile")
            .try_this("Nothing was changed here; try again"));
    }
    vault::put(paths, now, key)
}

/// Makes a new recovery key; the old one opens nothing any more.
///
/// # Errors
/// `secret` is neither the passphrase nor the recovery key.
pub fn change_recovery(paths: &Paths, secret: &str) -> Result<RecoveryKey> {
    let _working = vault::enter(paths)?;
    let header = vault::header::load(paths)?.ok_or_else(vault::not_encrypted)?;
    let key = header.open(secret)?;
    let (changed, recovery) = header.clone().with_recovery(&key)?;
    replace(paths, &header, &changed, &key)?;
    Ok(recovery)
}

fn in_state(paths: &Paths, state: State) -> Result<()> {
    let header = vault::header::load(paths)?.ok_or_else(vault::not_encrypted)?;
    let key = vault::data_key(paths).ok_or_else(vault::locked)?;
    vault::put(paths, &header.in_state(state, &key), &key)
}

/// The files of a library, with their sizes; what killed processes left half written is removed.
///
/// # Errors
/// A folder cannot be read: its files would be left as they are.
fn files(paths: &Paths) -> Result<Vec<(PathBuf, u64)>> {
    let mut out = Vec::new();
    let mut seen = HashSet::new();
    for folder in [&paths.data, &paths.cache, &paths.config].into_iter().filter(|f| f.is_dir()) {
        // Folders that were moved elsewhere and linked belong to the library too.
        for entry in walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                // A link that leads nowhere or round in a circle holds nothing of its own.
                Err(e) if e.loop_ancestor().is_some() => continue,
                Err(e) if e.path().is_some_and(|p| p.is_symlink() && !p.exists()) => continue,
                Err(e) => {
                    let at = e.path().unwrap_or(folder).to_path_buf();
                    return Err(Problem::failed("This part of the library cannot be read")
                        .of(at.display().to_string())
                        .because(e)
                        .try_this("Give yourself permission to it, or move it away"));
                }
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            if !entry.file_type().is_file() || name == "vault.json" {
                continue;
            }
            if name.starts_with(WRITING) || name.starts_with(PREPARING) || name.ends_with(BESIDE) {
                // Nobody else works here, so nobody writes it any more.
                let _ = fs::remove_file(entry.path());
                continue;
            }
            // Locks are empty, and have nothing to tell.
            let size = entry.metadata().map_or(0, |m| m.len());
            let real = fs::canonicalize(entry.path()).unwrap_or_else(|_| entry.path().to_path_buf());
            if size > 0 && seen.insert(real) {
                out.push((entry.into_path(), size));
            }
        }
    }
    Ok(out)
}

fn convert_all(paths: &Paths, target: Target, progress: &dyn Progress) -> Result<Done> {
    let stage = if target == Target::Sealed { "Encrypting" } else { "Decrypting" };
    let files = files(paths)?;
    let all: u64 = files.iter().map(|f| f.1).sum();
    let (mut done, mut seen) = (Done::default(), 0);
    for (path, size) in &files {
        progress.report(stage, seen, all);
        if progress.cancel().is_cancelled() {
            return Err(Problem::interrupted("It was interrupted").try_this("The library works as it is; go on later"));
        }
        let fail = |e: std::io::Error| Problem::io("This file of the library could not be converted", path, &e);
        let database = path.extension().is_some_and(|e| e == "sqlite") && !is_sealed(path).map_err(fail)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let changed = match if database { convert_database(path, target)? } else { Database::None } {
            Database::Done => true,
            Database::AsItIs => false,
            Database::None if *path == paths.library() && !is_sealed(path).map_err(fail)? => {
                return Err(Problem::data("The library is damaged, so it was left as it is")
                    .of(path.display().to_string())
                    .try_this("Start the studio, which repairs it, and try again"));
            }
            // A damaged one that is kept beside is converted as any other file.
            Database::None => path.is_file() && convert(path, target, GROWING.contains(&&*name)).map_err(fail)?,
        };
        seen += size;
        if changed {
            done.files += 1;
            done.bytes += size;
        }
    }
    progress.report(stage, all, all);
    Ok(done)
}

/// What names of databases end with while they are written.
const BESIDE: &str = ".sqlite.converting";

/// How it went with a file that may be a database.
enum Database {
    /// It was converted.
    Done,
    /// It is as it shall be.
    AsItIs,
    /// It is no whole database.
    None,
}

/// Writes a database anew as the other kind.
fn convert_database(path: &Path, target: Target) -> Result<Database> {
    let fail = |e: std::io::Error| Problem::io("The library's database could not be converted", path, &e);
    // Nobody has it open.
    let plain = vault::is_plain_database(path).map_err(fail)?;
    if plain == (target == Target::Plain) {
        // What is neither plain nor opened by the key is damaged.
        let sound = sql::open(path).is_ok_and(|db| tables(&db).is_ok());
        return Ok(if sound || !plain { Database::AsItIs } else { Database::None });
    }
    let beside = path.with_extension(BESIDE.trim_start_matches('.'));
    let _ = fs::remove_file(&beside);
    let problem = |e: &rusqlite::Error| sql::problem(path, e);
    let old = fs::File::options().read(true).write(true).open(path).map_err(fail)?;
    let copied = {
        let db = sql::open(path).map_err(|e| problem(&e))?;
        if tables(&db).is_err() {
            return Ok(Database::None);
        }
        // Fails while anybody else has it open.
        db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(|e| problem(&e))?;
        let other = match target {
            Target::Plain => String::new(),
            Target::Sealed => vault::new_database_key(path).ok_or_else(vault::locked)?.to_string(),
        };
        copy(&db, &beside, &other)
    };
    match copied {
        Ok(()) => {}
        Err(e) if sql::is_damage(&e) => {
            let _ = fs::remove_file(&beside);
            return Ok(Database::None);
        }
        Err(e) => return Err(problem(&e)),
    }
    fs::File::open(&beside).and_then(|f| f.sync_all()).map_err(fail)?;
    if let Ok(time) = old.metadata().and_then(|m| m.modified()) {
        // Which backup is the newest follows from it.
        let _ = fs::File::options().write(true).open(&beside).and_then(|f| f.set_modified(time));
    }
    fs::rename(&beside, path).map_err(fail)?;
    sync_folder(path).map_err(fail)?;
    for companion in rescue::companions(path) {
        let _ = fs::remove_file(companion);
    }
    if target == Target::Sealed {
        wipe(&old);
    }
    Ok(Database::Done)
}

fn tables(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

/// Copies a whole database into a new file with another key, none if that is empty, and makes sure that all is there.
fn copy(db: &Connection, to: &Path, key: &str) -> rusqlite::Result<()> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    db.execute("ATTACH DATABASE ? AS other KEY ?", [to.to_string_lossy().as_ref(), key])?;
    db.query_row("SELECT sqlcipher_export('other')", [], |_| Ok(()))?;
    db.execute_batch(&format!("PRAGMA other.user_version = {version}; PRAGMA other.application_id = {application}"))?;
    let found: String = db.query_row("PRAGMA other.quick_check(1)", [], |row| row.get(0))?;
    let names: Vec<String> = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let rows = |schema: &str, name: &str| -> rusqlite::Result<i64> {
        let name = name.replace('"', "\"\"");
        db.query_row(&format!("SELECT count(*) FROM {schema}.\"{name}\""), [], |row| row.get(0))
    };
    for name in &names {
        if rows("main", name)? != rows("other", name)? {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
    }
    db.execute_batch("DETACH DATABASE other")?;
    if found == "ok" { Ok(()) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}

#[cfg(test)]
mod tests;
