//! Versions of data sets: what each picture was, noted when it was looked at, and called by a tag or by a hash.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::records::{Thing, thing};
use super::{Library, sql};
use crate::base::{Problem, Result};
use crate::data::manifest::Manifest;

/// A version of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The source as it is opened.
    pub source: String,
    /// Hash of the manifest.
    pub hash: String,
    /// The version that it was made of.
    pub parent: Option<String>,
    /// Usable pictures.
    pub pictures: u64,
    /// Unix time it was noted first.
    pub made: i64,
    /// Its tags, by name.
    pub tags: Vec<String>,
}

const COLUMNS: &str = "source, hash, parent, pictures, made, (SELECT group_concat(tag, char(31)) FROM version_tags AS t \
    WHERE t.source = versions.source AND t.hash = versions.hash)";

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    let tags: Option<String> = row.get(5)?;
    let mut tags: Vec<String> = tags.map(|t| t.split('\u{1f}').map(str::to_owned).collect()).unwrap_or_default();
    tags.sort();
    Ok(Version {
        source: row.get(0)?,
        hash: row.get(1)?,
        parent: row.get(2)?,
        pictures: row.get::<_, i64>(3)?.unsigned_abs(),
        made: row.get(4)?,
        tags,
    })
}

impl Library {
    /// Notes the version of a source that was looked at now; one that is known already stays as it was noted. The newest
    /// one before is what it was made of.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_version(&self, source: &str, manifest: &Manifest) -> Result<Version> {
        let (hash, text) = (manifest.hash(), manifest.to_lines());
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        let packed = packed
            .write_all(text.as_bytes())
            .and_then(|()| packed.finish())
            .map_err(|e| Problem::failed("This version could not be noted").because(e))?;
        let count = sql::count(manifest.entries.len() as u64);
        self.write(|tx| {
            let now = sql::now();
            // Of those of one second, the one that nothing was made of yet.
            let newest = "SELECT hash FROM versions AS v WHERE source = ?1 ORDER BY made DESC, EXISTS \
                          (SELECT 1 FROM versions AS w WHERE w.source = ?1 AND w.parent = v.hash) LIMIT 1";
            let parent: Option<String> = tx.query_row(newest, [source], |row| row.get(0)).optional()?;
            tx.execute("INSERT OR IGNORE INTO manifests (hash, lines) VALUES (?, ?)", params![hash, packed])?;
            let new = tx.execute(
                "INSERT OR IGNORE INTO versions (source, hash, parent, pictures, made) VALUES (?, ?, ?, ?, ?)",
                params![source, hash, parent, count, now],
            )? > 0;
            if new {
                let mut from = vec![(format!("data:{source}"), "version of".to_owned())];
                from.extend(parent.map(|p| (format!("version:{p}"), "after".to_owned())));
                let body = json!({ "name": &hash[..8], "source": source, "pictures": count });
                thing(tx, &Thing { kind: "version".into(), key: format!("version:{hash}"), body, from }, now)?;
            }
            tx.query_row(
                &format!("SELECT {COLUMNS} FROM versions WHERE source = ? AND hash = ?"),
                params![source, hash],
                row,
            )
        })
    }

    /// Versions of a source, or of all, the newest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn versions(&self, source: Option<&str>) -> Result<Vec<Version>> {
        self.read(|db| {
            let text =
                format!("SELECT {COLUMNS} FROM versions WHERE ?1 IS NULL OR source = ?1 ORDER BY made DESC, hash");
            db.prepare(&text)?.query_map([source], row)?.collect()
        })
    }

    /// The version that a person calls by a tag, or by the beginning of its hash; nothing if there is none.
    ///
    /// # Errors
    /// There are several, or the library cannot be read.
    pub fn find_version(&self, text: &str) -> Result<Option<Version>> {
        let mut all = self.versions(None)?;
        all.retain(|v| v.tags.iter().any(|t| t == text) || (text.len() >= 4 && v.hash.starts_with(text)));
        // The same pictures may lie in several places.
        all.dedup_by(|a, b| a.hash == b.hash);
        match all.len() {
            0 | 1 => Ok(all.pop()),
            _ => Err(Problem::usage("Several versions are called like this")
                .of(text)
                .try_this("Give the hash that `data versions` shows")),
        }
    }

    /// What each picture of a version was.
    ///
    /// # Errors
    /// The version is not known or damaged, or the library cannot be read.
    pub fn manifest(&self, hash: &str) -> Result<Manifest> {
        let packed: Option<Vec<u8>> = self.read(|db| {
            db.query_row("SELECT lines FROM manifests WHERE hash = ?", [hash], |row| row.get(0)).optional()
        })?;
        let damaged = || Problem::data("This version of the data is missing or damaged in the library").of(hash);
        let mut text = String::new();
        DeflateDecoder::new(packed.ok_or_else(damaged)?.as_slice()).read_to_string(&mut text).map_err(|_| damaged())?;
        let manifest = Manifest::from_lines(&text);
        if manifest.hash() == hash { Ok(manifest) } else { Err(damaged()) }
    }

    /// Calls a version by a tag; a version of the same source that was called so is not any more.
    ///
    /// # Errors
    /// The tag is empty or could be a hash, or the library cannot be written.
    pub fn tag_version(&self, version: &Version, tag: &str) -> Result<()> {
        let tag = tag.trim();
        if tag.is_empty()
            || tag.contains(char::is_control)
            || (tag.len() >= 4 && tag.chars().all(|c| c.is_ascii_hexdigit()))
        {
            return Err(Problem::usage("This is no name for a version")
                .of(tag)
                .try_this("Choose a word that is no hash"));
        }
        self.write(|tx| {
            tx.execute(
                "INSERT OR REPLACE INTO version_tags (source, tag, hash) VALUES (?, ?, ?)",
                params![version.source, tag, version.hash],
            )
            .map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::manifest::Entry;

    fn manifest(names: &[&str]) -> Manifest {
        let entry = |name: &&str| Entry {
            name: (*name).into(),
            content: format!("{name:0>32}"),
            look: "0".repeat(32),
            width: 4,
            height: 4,
            label: None,
            caption: None,
        };
        Manifest { entries: names.iter().map(entry).collect() }
    }

    #[test]
    fn versions_are_noted_once_called_by_tag_and_read_back() {
        let library = Library::in_memory().unwrap();
        let (one, two) = (manifest(&["a", "b"]), manifest(&["a", "c"]));
        let first = library.note_version("/p", &one).unwrap();
        assert_eq!(library.note_version("/p", &one).unwrap(), first);
        let second = library.note_version("/p", &two).unwrap();
        assert_eq!((second.parent.as_deref(), second.pictures), (Some(first.hash.as_str()), 2));
        assert_eq!(library.manifest(&second.hash).unwrap(), two);
        library.tag_version(&first, "clean").unwrap();
        assert_eq!(library.find_version("clean").unwrap().unwrap().hash, first.hash);
        library.tag_version(&second, "clean").unwrap();
        assert_eq!(library.find_version("clean").unwrap().unwrap().hash, second.hash);
        assert_eq!(library.find_version(&first.hash[..6]).unwrap().unwrap().hash, first.hash);
        assert_eq!(library.find_version("other").unwrap(), None);
        for wrong in ["", "  ", "beef"] {
            assert!(library.tag_version(&first, wrong).is_err(), "{wrong}");
        }
        assert_eq!(library.versions(Some("/q")).unwrap(), []);
        let graph = library.graph(library.find_thing(&format!("version:{}", second.hash)).unwrap(), 9).unwrap();
        let kinds: Vec<&str> = graph.nodes.iter().map(|n| n.kind.as_str()).collect();
        assert_eq!(kinds, ["data", "version", "version"]);
        library.db.execute("UPDATE manifests SET lines = x'00'", []).unwrap();
        assert!(library.manifest(&first.hash).unwrap_err().what.contains("damaged"));
        assert_eq!(library.verify().unwrap().faults, []);
    }
}
