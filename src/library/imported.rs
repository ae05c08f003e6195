//! Pictures of data sets, found beside the kept ones: where they are, what is known of them, a small version. Their files
//! stay where they are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};

use super::items::Words;
use super::{Imported, Library, sql};
use crate::base::{Picture, Problem, Result};
use crate::data;

/// A picture of a data set with its small version, to be noted.
#[derive(Clone, Debug, PartialEq)]
pub struct NewImported {
    /// Where it is: see [`place`].
    pub path: PathBuf,
    /// What is known of it.
    pub about: Imported,
    /// Size and time of its file, or the fingerprint of its source.
    pub stamp: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Its small version as PNG.
    pub thumb: Vec<u8>,
    /// How it looks from afar.
    pub look: Vec<u8>,
    /// The model that made it, if one did and said so.
    pub model: String,
}

/// Says again in the table of pictures which ones are of data sets.
pub(super) const MARK_ALL: &str = "UPDATE items SET imported = 1 + (SELECT real FROM imported WHERE item = id) WHERE id IN (SELECT item FROM imported)";

/// Where a picture of a source is: its file, or the source and its name within.
pub fn place(source: &str, name: &str) -> PathBuf {
    let root = data::path_of(source);
    let file = root.join(name);
    if root.is_dir() && file.is_file() {
        file
    } else if root.is_file() && root.file_name().is_some_and(|n| n.to_string_lossy() == name) {
        root
    } else {
        PathBuf::from(format!("{}#{name}", root.display()))
    }
}

/// Whether the file of a picture, or the source that it is in, is there.
pub(super) fn is_there(path: &Path) -> bool {
    path.is_file() || path.to_str().and_then(|p| p.split_once('#')).is_some_and(|(source, _)| data::is_there(source))
}

/// The picture in full size, wherever it lies.
///
/// # Errors
/// It is gone or damaged.
pub fn read(about: &Imported) -> Result<Picture> {
    let path = place(&about.source, &about.name);
    if path.is_file() {
        return data::decode_file(&path);
    }
    let source = data::open(&about.source)?;
    let place = (0..source.len()).find(|i| source.name(*i) == about.name);
    let gone = || Problem::data("This picture is no longer in its data set").of(path.display().to_string());
    source.decode(place.ok_or_else(gone)?)
}

/// What the fingerprint of a source is known by.
fn whole_key(source: &str) -> String {
    format!("imported whole: {source}")
}

impl Library {
    /// Pictures of a source that are known, by name, with the stamp they had.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn imported_from(&self, source: &str) -> Result<HashMap<String, String>> {
        self.read(|db| {
            let mut query = db.prepare("SELECT name, stamp FROM imported WHERE source = ?")?;
            query.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Notes pictures of data sets in one step; those that are known are noted anew. Says their numbers.
    ///
    /// # Errors
    /// The library cannot be written; then none is noted.
    pub fn add_imported(&self, new: &[NewImported]) -> Result<Vec<i64>> {
        self.write(|tx| {
            let created = sql::now();
            let mut add = tx.prepare_cached(
                "INSERT INTO items (path, width, height, model, model_hash, created, imported) \
                 VALUES (?, ?, ?, ?, '', ?, ?) ON CONFLICT (path) DO UPDATE SET width = excluded.width, \
                 height = excluded.height, imported = iif(imported = 0, 0, excluded.imported) RETURNING id",
            )?;
            let mut note = tx.prepare_cached(
                "INSERT OR REPLACE INTO imported (item, dataset, real, label, caption, source, name, stamp) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            let mut keep = tx.prepare_cached("INSERT OR REPLACE INTO thumbs (item, png, look) VALUES (?, ?, ?)")?;
            // Another content has other vectors; a file that was only touched or copied keeps its own.
            let mut same = tx.prepare_cached(
                "SELECT 1 FROM items JOIN thumbs ON thumbs.item = items.id JOIN imported ON imported.item = items.id \
                 WHERE path = ? AND width = ? AND height = ? AND png = ? AND caption IS ?",
            )?;
            let mut forget = tx.prepare_cached("DELETE FROM vectors WHERE item = ?")?;
            let one = |n: &NewImported| {
                let a = &n.about;
                let path = sql::from_path(self.folder(), &n.path);
                let origin = 1 + i64::from(a.real);
                let kept = same.exists(params![path, n.width, n.height, n.thumb, a.caption])?;
                let id: i64 =
                    add.query_row(params![path, n.width, n.height, n.model, created, origin], |row| row.get(0))?;
                let (label, caption) = (&a.label, &a.caption);
                note.execute(params![id, a.dataset, a.real, label, caption, a.source, a.name, n.stamp])?;
                if !kept {
                    keep.execute(params![id, n.thumb, n.look])?;
                    forget.execute([id])?;
                }
                let words = Words {
                    model: n.model.clone(),
                    name: a.name.clone(),
                    label: label.clone().unwrap_or_default(),
                    caption: caption.clone().unwrap_or_default(),
                    dataset: a.dataset.clone(),
                    ..Words::default()
                };
                words.write(tx, id)?;
                Ok(id)
            };
            new.iter().map(one).collect()
        })
    }

    /// The name of the data set as which pictures of a source were imported, if any were.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn imported_as(&self, source: &str) -> Result<Option<String>> {
        let find = "SELECT dataset FROM imported WHERE source = ? ORDER BY item LIMIT 1";
        self.read(|db| db.query_row(find, [source], |row| row.get(0)).optional())
    }

    /// The fingerprint that a source had when it was last imported whole.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn whole(&self, source: &str) -> Result<Option<String>> {
        let find = "SELECT value FROM about WHERE key = ?";
        self.read(|db| db.query_row(find, [whole_key(source)], |row| row.get(0)).optional())
    }

    /// Notes the fingerprint of a source that was imported whole.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_whole(&self, source: &str, fingerprint: &str) -> Result<()> {
        let note = "INSERT OR REPLACE INTO about (key, value) VALUES (?, ?)";
        self.write(|tx| tx.execute(note, [whole_key(source).as_str(), fingerprint]).map(|_| ()))
    }

    /// Notes that a person was told something of a source; says whether it is new.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn tell_once(&self, what: &str, source: &str) -> Result<bool> {
        let note = "INSERT OR IGNORE INTO about (key, value) VALUES (?, '')";
        self.write(|tx| tx.execute(note, [format!("told {what} {source}")]).map(|n| n > 0))
    }

    /// Names of data sets with the number of pictures imported of each, by name.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn imported_sets(&self) -> Result<Vec<(String, u64)>> {
        self.counted("SELECT dataset, count(*) FROM imported GROUP BY dataset COLLATE NOCASE ORDER BY dataset")
    }

    /// Labels of imported pictures with their number, by name.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn imported_labels(&self) -> Result<Vec<(String, u64)>> {
        self.counted(
            "SELECT label, count(*) FROM imported WHERE label NOT NULL GROUP BY label COLLATE NOCASE ORDER BY label",
        )
    }
}
