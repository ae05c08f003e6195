//! What came from what, and who judged it how: records that are only ever added, each holding the hash of the one before.
//!
//! A record is a thing (a picture, a model, a run, a data set, a prompt, a film, an export) with a name of its own, or says
//! something about one (a rating, a tag, a link, a change). Things that come from others say so in their record, and
//! [`graph`] walks along. The tables that lists read (ratings, tags, lineage) are written in the same step, so that none is
//! there without the other; [`verify`] reads the chain through.

pub mod graph;
pub mod latents;
pub mod notes;
#[cfg(test)]
mod tests;
pub mod threads;
pub mod verify;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::journal::Change;
use super::{Library, sql};
use crate::base::Result;

/// The tables. Records are never changed; `edges` is what their bodies say, for quick walks.
pub(super) const TABLES: &str = "
CREATE TABLE records (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT NOT NULL,
    -- What a thing is called: `item:12`, `run:runs/a`, the hash of a model. What is said about one has no name.
    key     TEXT,
    about   INTEGER,
    at      INTEGER NOT NULL,
    user    TEXT NOT NULL,
    sitting TEXT NOT NULL,
    -- JSON; `from` lists what a thing comes from, as pairs of a name and a relation.
    body    TEXT NOT NULL,
    hash    BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_key ON records (key) WHERE key IS NOT NULL;
CREATE INDEX records_about ON records (about, kind) WHERE about IS NOT NULL;
CREATE INDEX records_kind ON records (kind, id);
CREATE TABLE edges (
    child    INTEGER NOT NULL,
    parent   INTEGER NOT NULL,
    relation TEXT NOT NULL,
    PRIMARY KEY (child, parent, relation)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_parent ON edges (parent, child);
-- Versions of data sets: what each picture was, a line of JSON each, deflated.
CREATE TABLE manifests (
    hash  TEXT PRIMARY KEY,
    lines BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE versions (
    source   TEXT NOT NULL,
    hash     TEXT NOT NULL REFERENCES manifests (hash),
    -- The one that it was made of.
    parent   TEXT,
    pictures INTEGER NOT NULL,
    made     INTEGER NOT NULL,
    PRIMARY KEY (source, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE version_tags (
    source TEXT NOT NULL,
    tag    TEXT NOT NULL,
    hash   TEXT NOT NULL,
    PRIMARY KEY (source, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_usage ON items (model, created, rating, starred, trashed, imported);
";

/// A thing that comes from others.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Thing {
    /// What it is: `picture`, `model`, `run`, `checkpoint`, `data`, `prompt`, `film`, `export`, …
    pub kind: String,
    /// Its name; no other thing has it.
    pub key: String,
    /// What is known of it: settings, scores, files.
    pub body: Value,
    /// Names of what it comes from, each with how.
    pub from: Vec<(String, String)>,
}

/// What is hashed of a record, besides the hash before it.
struct Row<'a> {
    id: i64,
    kind: &'a str,
    key: Option<&'a str>,
    about: Option<i64>,
    at: i64,
    user: &'a str,
    sitting: &'a str,
    body: &'a str,
}

impl Row<'_> {
    fn hash(&self, before: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        add(before);
        add(&self.id.to_le_bytes());
        add(self.kind.as_bytes());
        // A name that is empty is another than none.
        add(&[u8::from(self.key.is_some())]);
        add(self.key.unwrap_or_default().as_bytes());
        add(&self.about.unwrap_or_default().to_le_bytes());
        add(&self.at.to_le_bytes());
        add(self.user.as_bytes());
        add(self.sitting.as_bytes());
        add(self.body.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// This sitting: from when the program began until it ends.
fn sitting() -> &'static str {
    static SITTING: OnceLock<String> = OnceLock::new();
    SITTING.get_or_init(|| format!("{}-{}", sql::now(), std::process::id()))
}

/// Who works here, as the system says.
fn user() -> &'static str {
    static USER: OnceLock<String> = OnceLock::new();
    USER.get_or_init(|| ["USER", "USERNAME"].iter().find_map(|n| std::env::var(n).ok()).unwrap_or_default())
}

/// Adds a record to the end of the chain; says its number.
pub(super) fn append(
    tx: &Connection,
    kind: &str,
    key: Option<&str>,
    about: Option<i64>,
    at: i64,
    body: &Value,
) -> rusqlite::Result<i64> {
    let mut last = tx.prepare_cached("SELECT id, hash FROM records ORDER BY id DESC LIMIT 1")?;
    let last: Option<(i64, Vec<u8>)> = last.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (before, hash) = last.unwrap_or_default();
    let body = body.to_string();
    let row = Row { id: before + 1, kind, key, about, at, user: user(), sitting: sitting(), body: &body };
    let hash = row.hash(&hash);
    let mut add = tx.prepare_cached(
        "INSERT INTO records (id, kind, key, about, at, user, sitting, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    add.execute(params![row.id, kind, key, about, at, row.user, row.sitting, body, hash.as_slice()])?;
    Ok(row.id)
}

/// The number of the thing with this name.
fn number(tx: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    tx.prepare_cached("SELECT id FROM records WHERE key = ?")?.query_row([key], |row| row.get(0)).optional()
}

/// What a thing is by its name alone, for one that is spoken of before it is known.
fn kind_of(key: &str) -> &'static str {
    match key.split_once(':') {
        Some(("item", _)) => "picture",
        Some(("run", place)) if place.rsplit_once('@').is_some_and(|(_, n)| n.parse::<u64>().is_ok()) => "checkpoint",
        Some(("run", _)) => "run",
        Some(("data", _)) => "data",
        Some(("version", _)) => "version",
        Some(("prompt", _)) => "prompt",
        Some(("latent", _)) => "latent",
        Some(("file", _)) => "export",
        _ if key.contains(['/', '\\']) => "run",
        _ => "model",
    }
}

/// The number of a thing; one that is not known yet gets a record of its name.
pub(super) fn ensure(tx: &Connection, key: &str, at: i64) -> rusqlite::Result<i64> {
    match number(tx, key)? {
        Some(id) => Ok(id),
        None => append(tx, kind_of(key), Some(key), None, at, &json!({})),
    }
}

/// Notes that a thing comes from others; those that are known already are left out. Returns the new ones.
fn connect(tx: &Connection, child: i64, from: &[(String, String)], at: i64) -> rusqlite::Result<Vec<(String, String)>> {
    let mut add = tx.prepare_cached("INSERT OR IGNORE INTO edges (child, parent, relation) VALUES (?, ?, ?)")?;
    let mut new = Vec::new();
    for (key, relation) in from {
        let parent = ensure(tx, key, at)?;
        if parent != child && add.execute(params![child, parent, relation])? > 0 {
            new.push((key.clone(), relation.clone()));
        }
    }
    Ok(new)
}

/// Notes a thing, or what changed of it since.
pub(super) fn thing(tx: &Connection, thing: &Thing, at: i64) -> rusqlite::Result<i64> {
    let Some(id) = number(tx, &thing.key)? else {
        // What it comes from stands before it in the chain.
        for (key, _) in &thing.from {
            ensure(tx, key, at)?;
        }
        let mut body = thing.body.clone();
        if !thing.from.is_empty() {
            body["from"] = json!(thing.from);
        }
        let id = append(tx, &thing.kind, Some(&thing.key), None, at, &body)?;
        connect(tx, id, &thing.from, at)?;
        return Ok(id);
    };
    let new = connect(tx, id, &thing.from, at)?;
    let mut last = tx.prepare_cached(
        "SELECT body FROM records WHERE id = ?1 OR (about = ?1 AND kind = 'change') ORDER BY id DESC LIMIT 1",
    )?;
    let last: String = last.query_row([id], |row| row.get(0))?;
    let mut last: Value = serde_json::from_str(&last).unwrap_or_default();
    if let Value::Object(fields) = &mut last {
        fields.remove("from");
    }
    if last != thing.body || !new.is_empty() {
        let mut body = thing.body.clone();
        if !new.is_empty() {
            body["from"] = json!(new);
        }
        append(tx, "change", None, Some(id), at, &body)?;
    }
    Ok(id)
}

/// Notes that one thing comes from another.
pub(super) fn link(tx: &Connection, child: &str, parent: &str, relation: &str, at: i64) -> rusqlite::Result<()> {
    let id = ensure(tx, child, at)?;
    let new = connect(tx, id, &[(parent.to_owned(), relation.to_owned())], at)?;
    if !new.is_empty() {
        append(tx, "link", None, Some(id), at, &json!({ "from": new }))?;
    }
    Ok(())
}

/// What a record of a kept picture says.
const PICTURE: &str = "SELECT id, path, model, model_hash, recipe, created FROM items WHERE id = ?";

/// Notes a kept picture as it stands in its table.
pub(super) fn picture(tx: &Connection, id: i64) -> rusqlite::Result<i64> {
    let mut query = tx.prepare_cached(PICTURE)?;
    let found = query.query_row([id], |row| {
        let file = match row.get_ref(1)? {
            rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
                String::from_utf8_lossy(text).into_owned()
            }
            _ => String::new(),
        };
        let (model, hash): (String, String) = (row.get(2)?, row.get(3)?);
        let recipe: Option<String> = row.get(4)?;
        let mut body = json!({ "file": file, "model": model });
        if let Some(recipe) = &recipe {
            body["recipe"] = json!(short_hash(recipe));
        }
        let from = if hash.is_empty() { Vec::new() } else { vec![(hash, "made by".to_owned())] };
        Ok((Thing { kind: "picture".into(), key: format!("item:{id}"), body, from }, row.get(5)?))
    });
    match found.optional()? {
        Some((noted, at)) => thing(tx, &noted, at),
        // It was deleted for good; what is known of it stays.
        None => ensure(tx, &format!("item:{id}"), sql::now()),
    }
}

/// The beginning of the hash of a text.
fn short_hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// Notes what a person thought of pictures; `back`: it was taken back.
pub(super) fn judged(tx: &Transaction<'_>, change: &Change, back: bool) -> rusqlite::Result<()> {
    let at = sql::now();
    let note = |item: i64, kind: &str, body: Value| {
        let id = ensure(tx, &format!("item:{item}"), at)?;
        append(tx, kind, None, Some(id), at, &body).map(|_| ())
    };
    match change {
        Change::Rate { before, rating } => before
            .iter()
            .try_for_each(|(id, old)| note(*id, "rating", json!({ "rating": if back { old } else { rating } }))),
        Change::Star { ids, starred } => {
            ids.iter().try_for_each(|id| note(*id, "star", json!({ "starred": *starred != back })))
        }
        Change::Tag { ids, tag, add } => {
            ids.iter().try_for_each(|id| note(*id, "tag", json!({ "tag": tag, "add": *add != back })))
        }
        Change::Trash { ids, trashed } => {
            ids.iter().try_for_each(|id| note(*id, "trash", json!({ "trashed": *trashed != back })))
        }
        Change::Keep { ids } if back => ids.iter().try_for_each(|id| note(*id, "trash", json!({ "trashed": true }))),
        Change::Keep { ids } => ids.iter().try_for_each(|id| picture(tx, *id).map(|_| ())),
        Change::Marks { source, title, after, .. } => super::marks::noted(tx, source, title, after.len(), back),
    }
}

/// The record of a run as its row stands.
fn run(tx: &Connection, key: &str, row: i64) -> rusqlite::Result<()> {
    let (name, recipe, created): (String, String, i64) =
        tx.query_row("SELECT name, recipe, created FROM runs WHERE id = ?", [row], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let settings: Value = serde_json::from_str(&recipe).unwrap_or_default();
    let mut from = Vec::new();
    let source = settings["data"]["source"].as_str().unwrap_or_default();
    if !source.is_empty() {
        from.push((format!("data:{source}"), "trained on".to_owned()));
    }
    if let Some(parent) = settings["parent"]["hash"].as_str().filter(|h| !h.is_empty()) {
        from.push((parent.to_owned(), "fine-tune".to_owned()));
    }
    let body = json!({ "name": name, "recipe": short_hash(&recipe), "settings": told(&settings) });
    thing(tx, &Thing { kind: "run".into(), key: key.into(), body, from }, created).map(|_| ())
}

/// The settings of a run that are told beside it.
fn told(recipe: &Value) -> Value {
    json!({
        "model": recipe["model"]["id"], "resolution": recipe["data"]["resolution"],
        "kimg": recipe["run"]["kimg"], "seed": recipe["seed"],
    })
}

/// Notes a run that was written to its table, with its checkpoints.
pub(super) fn noted_run(tx: &Connection, key: &str, row: i64) -> rusqlite::Result<()> {
    run(tx, key, row)?;
    let mut query = tx.prepare_cached("SELECT images, score FROM checkpoints WHERE run = ?")?;
    let all: Vec<(i64, Option<f64>)> =
        query.query_map([row], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (images, score) in all {
        let body = json!({ "images": images, "score": score });
        let from = vec![(key.to_owned(), "checkpoint".to_owned())];
        thing(tx, &Thing { kind: "checkpoint".into(), key: format!("{key}@{images}"), body, from }, sql::now())?;
    }
    Ok(())
}

/// Notes a model that was written to its table.
pub(super) fn model(tx: &Connection, hash: &str) -> rusqlite::Result<()> {
    let (name, added): (String, i64) =
        tx.query_row("SELECT name, added FROM models WHERE hash = ?", [hash], |row| Ok((row.get(0)?, row.get(1)?)))?;
    thing(tx, &Thing { kind: "model".into(), key: hash.into(), body: json!({ "name": name }), from: Vec::new() }, added)
        .map(|_| ())
}

/// Makes the records of a library of a version that kept none: everything that its tables say, in the order of its time.
pub(super) fn build(tx: &Transaction<'_>, folder: &Path) -> rusqlite::Result<()> {
    let all =
        |sql: &str| -> rusqlite::Result<Vec<String>> { tx.prepare(sql)?.query_map([], |row| row.get(0))?.collect() };
    let mut sets = tx.prepare("SELECT source, pictures, used FROM datasets ORDER BY used, source")?;
    let sets: Vec<(String, i64, i64)> =
        sets.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<rusqlite::Result<_>>()?;
    for (source, pictures, used) in sets {
        data(tx, &source, pictures, used)?;
    }
    for hash in all("SELECT hash FROM models ORDER BY added, hash")? {
        model(tx, &hash)?;
    }
    let mut runs = tx.prepare("SELECT id, dir FROM runs ORDER BY created, id")?;
    let runs: Vec<(i64, String)> = runs
        .query_map([], |row| Ok((row.get(0)?, run_key(folder, &sql::to_path(folder, row.get_ref(1)?)))))?
        .collect::<rusqlite::Result<_>>()?;
    for (row, key) in runs {
        noted_run(tx, &key, row)?;
    }
    let mut items =
        tx.prepare("SELECT id, rating, starred, trashed FROM items WHERE imported = 0 ORDER BY created, id")?;
    let mut rows = items.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        picture(tx, id)?;
        let (rating, starred, trashed): (u8, bool, bool) = (row.get(1)?, row.get(2)?, row.get(3)?);
        if rating > 0 {
            judged(tx, &Change::Rate { before: vec![(id, 0)], rating }, false)?;
        }
        if starred {
            judged(tx, &Change::Star { ids: vec![id], starred }, false)?;
        }
        if trashed {
            judged(tx, &Change::Trash { ids: vec![id], trashed }, false)?;
        }
    }
    let mut tags = tx.prepare(
        "SELECT item, tag FROM item_tags JOIN items ON items.id = item WHERE imported = 0 ORDER BY item, tag",
    )?;
    let tags: Vec<(i64, String)> =
        tags.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (id, tag) in tags {
        judged(tx, &Change::Tag { ids: vec![id], tag, add: true }, false)?;
    }
    let mut links =
        tx.prepare("SELECT child, parent, relation, created FROM lineage ORDER BY created, child, parent")?;
    let links: Vec<(String, String, String, i64)> = links
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (child, parent, relation, created) in links {
        let named = |key: &str| if key.starts_with('/') { run_key(folder, Path::new(key)) } else { key.to_owned() };
        link(tx, &named(&child), &named(&parent), &relation, created)?;
    }
    Ok(())
}

/// Makes the records of a library of which none could be rescued.
pub(super) fn build_if_none(tx: &Transaction<'_>, folder: &Path) -> rusqlite::Result<()> {
    let none: bool = tx.query_row("SELECT NOT EXISTS (SELECT 1 FROM records)", [], |row| row.get(0))?;
    if none { build(tx, folder) } else { Ok(()) }
}

/// Notes a data set.
pub(super) fn data(tx: &Connection, source: &str, pictures: i64, at: i64) -> rusqlite::Result<()> {
    let body = json!({ "source": source, "pictures": pictures });
    thing(tx, &Thing { kind: "data".into(), key: format!("data:{source}"), body, from: Vec::new() }, at).map(|_| ())
}

/// The name of a run: where it lies in the library's folder, or its whole path.
fn run_key(folder: &Path, dir: &Path) -> String {
    let inside = if folder.as_os_str().is_empty() { None } else { dir.strip_prefix(folder).ok() };
    let inside = inside.and_then(Path::to_str).filter(|p| !p.is_empty());
    inside.map_or_else(|| dir.to_string_lossy().into_owned(), |p| format!("run:{p}"))
}

/// Notes files that left the studio and what they are made of: a film of pictures or of a model, an export. What cannot be
/// noted is logged only: the files are there.
pub fn note_files(library: &Path, kind: &str, files: &[PathBuf], from: &[(String, String)], about: &Value) {
    let noted = Library::open(library).and_then(|library| {
        files.iter().try_for_each(|file| {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            let mut body = about.clone();
            body["file"] = json!(file);
            let from = from.iter().filter(|(key, _)| !key.is_empty()).cloned().collect();
            let key = format!("file:{}", file.display());
            library.note_thing(&Thing { kind: kind.into(), key, body, from }).map(|_| ())
        })
    });
    if let Err(problem) = noted {
        log::warn!("what these files are made of could not be noted: {problem}");
    }
}

impl Library {
    /// Notes a thing and what it comes from; says its number. One that is known already is noted as it is now.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_thing(&self, noted: &Thing) -> Result<i64> {
        let named = |key: &str| if Path::new(key).is_absolute() { self.node(key) } else { key.to_owned() };
        let from = noted.from.iter().map(|(key, relation)| (named(key), relation.clone())).collect();
        let noted = Thing { key: named(&noted.key), from, ..noted.clone() };
        self.write(|tx| thing(tx, &noted, sql::now()))
    }
}
