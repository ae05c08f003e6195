//! Opening a library whatever became of its file, and filling one again from the pictures themselves.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::items::{Full, NewItem, THUMB, insert};
use super::{Library, backup, salvage, schema, sql};
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::export::{self, fit, free_path, png};

/// Why a library did not open.
pub(super) struct Fault {
    pub problem: Problem,
    /// Whether its content is at fault, rather than its folder or its version.
    damaged: bool,
}

impl Fault {
    fn of(path: &Path, e: &rusqlite::Error) -> Self {
        Self { problem: sql::problem(path, e), damaged: sql::is_damage(e) }
    }
}

/// Opens a library, made if it is not there.
pub(super) fn open(path: &Path) -> std::result::Result<Library, Fault> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| {
            let problem = Problem::io("The folder of the library could not be made", folder, &e);
            Fault { problem, damaged: false }
        })?;
    }
    let fault = |e: rusqlite::Error| Fault::of(path, &e);
    let db = Library::connect(path).map_err(fault)?;
    let version = schema::version(&db).map_err(fault)?;
    if version > schema::VERSION {
        let problem = Problem::usage("The library is of a later version of the studio")
            .of(path.display().to_string())
            .try_this("Use that version, or another folder by LATENT_STUDIO_HOME");
        return Err(Fault { problem, damaged: false });
    }
    let library = Library { db, path: path.into() };
    let from = schema::migrate(&library.db).map_err(fault)?;
    if from < schema::RELATIVE_LINEAGE {
        library.make_lineage_relative().map_err(|problem| Fault { problem, damaged: false })?;
    }
    let bytes = path.metadata().map_or(0, |m| m.len());
    if let Some(wrong) = schema::examine(&library.db, bytes).map_err(fault)? {
        let problem = Problem::data("The library is damaged").of(path.display().to_string()).because(wrong);
        return Err(Fault { problem, damaged: true });
    }
    Ok(library)
}

/// The files that belong to a library beside its own.
pub(super) fn companions(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

/// As [`Library::open_or_repair`].
pub(super) fn open_or_repair(path: &Path) -> Result<(Library, Option<Problem>)> {
    match open(path) {
        Ok(library) => return Ok((library, None)),
        Err(fault) if !fault.damaged => return Err(fault.problem),
        Err(_) => {}
    }
    if path.parent().is_some_and(vault::holds_sealed)
        && matches!(vault::database_key(path), Ok(vault::DatabaseKey::None))
    {
        return Err(Problem::data("This library is encrypted, but its header is gone")
            .of(path.display().to_string())
            .try_this("Bring vault.json back from a backup of the library or of the settings; nothing was changed"));
    }
    // One process repairs; those that waited find it done.
    let gate = path.with_extension("repair-lock");
    let lock = File::create(&gate).map_err(|e| Problem::io("The library could not be repaired", &gate, &e))?;
    lock.lock().map_err(|e| Problem::io("The library could not be repaired", &gate, &e))?;
    let cause = match open(path) {
        Ok(library) => return Ok((library, None)),
        Err(fault) if !fault.damaged => return Err(fault.problem),
        Err(fault) => fault.problem,
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let aside = free_path(path.parent().unwrap_or(Path::new("")), &format!("{stem}-damaged"), "sqlite");
    std::fs::rename(path, &aside).map_err(|e| Problem::io("The damaged library could not be moved aside", path, &e))?;
    for (from, to) in companions(path).iter().zip(companions(&aside)) {
        // They are not always there.
        let _ = std::fs::rename(from, to);
    }
    let library = open(path).map_err(|fault| fault.problem)?;
    let saved = salvage::salvage(&library, &aside, &backup::list(path));
    let mut told = Problem::data("The library was damaged and has been made anew")
        .of(aside.display().to_string())
        .try_this("The damaged file is kept there; pictures, runs and models are not touched")
        .warning();
    let cause = cause.detail.unwrap_or(cause.what);
    let mut taken = format!("{} pictures, {} runs", saved.pictures, saved.runs);
    if saved.from_backup > 0 {
        taken += &format!(", {} pictures from the backup", saved.from_backup);
    }
    told = told.because(format!("{cause}; taken over: {taken}"));
    drop(lock);
    let _ = std::fs::remove_file(&gate);
    Ok((library, Some(told)))
}

impl Library {
    /// Takes up pictures in the gallery's folder that the library does not know, by the recipes inside them. Says how
    /// many. Files that are no pictures are passed over.
    ///
    /// # Errors
    /// The folder cannot be read, or the library cannot be written.
    pub fn adopt(&self, gallery: &Path) -> Result<u64> {
        let fail = |e: std::io::Error| Problem::io("The gallery's folder could not be read", gallery, &e);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(gallery).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
                found.push(path);
            }
        }
        found.sort();
        let mut adopted = 0;
        for path in found {
            let key = sql::from_path(self.folder(), &path);
            let known = self.read(|db| {
                let mut query = db.prepare_cached("SELECT 1 FROM items WHERE path = ?")?;
                query.exists(params![key])
            })?;
            let Some(picture) =
                (!known).then(|| vault::read(&path).ok()).flatten().and_then(|b| export::decode(&b).ok())
            else {
                continue;
            };
            let recipe = export::read_recipe(&path).ok().flatten();
            let created = path.metadata().and_then(|m| m.modified()).ok();
            let created =
                created.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_secs() as i64);
            let thumb = png::thumb_bytes(&fit(&picture, THUMB))?;
            let model = recipe.as_ref().map(|r| r.model.clone()).unwrap_or_default();
            let new = NewItem { path, picture, model, recipe, starred: false };
            self.write(|tx| {
                let id = insert(tx, key, &Full { new: &new, thumb: &thumb, created })?;
                super::records::picture(tx, id)
            })?;
            adopted += 1;
        }
        Ok(adopted)
    }
}
