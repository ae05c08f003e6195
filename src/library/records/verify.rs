//! Reads the chain of records through: whether each is as it was written, and whether the tables say the same.

use std::collections::{HashMap, HashSet};

use rusqlite::OptionalExtension;
use serde::Serialize;
use serde_json::Value;

use super::{Row, short_hash};
use crate::base::Result;
use crate::library::Library;

/// Faults that are told at most.
const MOST: usize = 100;

/// What a look through the chain found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// Records that were read.
    pub records: u64,
    /// Edges that were compared.
    pub edges: u64,
    /// Kept pictures whose recipes were compared.
    pub pictures: u64,
    /// What is wrong; nothing if the chain is whole.
    pub faults: Vec<Fault>,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Number of the record, if it is one.
    pub record: Option<i64>,
    /// The thing that it is or is about.
    pub thing: String,
    /// What is wrong.
    pub what: String,
}

impl Library {
    /// Reads every record and compares it with its hash, then edges and recipes of pictures with what records say.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn verify(&self) -> Result<Verdict> {
        self.read(|db| {
            // One state of the library, whoever writes meanwhile.
            let db = db.unchecked_transaction()?;
            let mut out = Verdict::default();
            let mut faults: Vec<Fault> = Vec::new();
            let mut keys: HashMap<String, i64> = HashMap::new();
            let mut names: HashMap<i64, String> = HashMap::new();
            let mut told: Vec<(i64, String, String)> = Vec::new();
            let mut recipes: HashMap<i64, Option<String>> = HashMap::new();
            let mut query =
                db.prepare("SELECT id, kind, key, about, at, user, sitting, body, hash FROM records ORDER BY id")?;
            let mut rows = query.query([])?;
            let (mut before, mut last): (Vec<u8>, i64) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                let (kind, body) = (row.get_ref(1)?.as_str()?, row.get_ref(7)?.as_str()?);
                let key = row.get_ref(2)?.as_str_or_null()?;
                let about: Option<i64> = row.get(3)?;
                let (user, sitting) = (row.get_ref(5)?.as_str()?, row.get_ref(6)?.as_str()?);
                let hash: Vec<u8> = row.get(8)?;
                let thing = key.map(str::to_owned).or_else(|| names.get(&about?).cloned()).unwrap_or_default();
                let mut fault = |what: &str| {
                    faults.push(Fault { record: Some(id), thing: thing.clone(), what: what.into() });
                };
                if id != last + 1 {
                    fault(&format!("records {} to {} before it are gone", last + 1, id - 1));
                }
                let content = Row { id, kind, key, about, at: row.get(4)?, user, sitting, body };
                if content.hash(&before) != hash.as_slice() {
                    fault(&format!("the record, written as {kind}, was changed, or the one before it was"));
                }
                let body: Value = serde_json::from_str(body).unwrap_or_default();
                let subject = about.unwrap_or(id);
                for pair in body["from"].as_array().into_iter().flatten() {
                    if let (Some(parent), Some(relation)) = (pair[0].as_str(), pair[1].as_str()) {
                        told.push((subject, parent.to_owned(), relation.to_owned()));
                    }
                }
                if kind == "picture" || (kind == "change" && thing.starts_with("item:")) {
                    recipes.insert(subject, body["recipe"].as_str().map(str::to_owned));
                }
                if let Some(key) = key {
                    keys.insert(key.to_owned(), id);
                    names.insert(id, key.to_owned());
                }
                out.records += 1;
                (before, last) = (hash, id);
            }
            let counted: Option<i64> = db
                .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'records'", [], |row| row.get(0))
                .optional()?;
            if counted.is_some_and(|counted| counted > last) {
                let what = format!("the last records are gone: {} were written", counted.unwrap_or_default());
                faults.push(Fault { record: Some(last), thing: String::new(), what });
            }
            drop(rows);
            drop(query);
            let said: HashSet<(i64, i64, String)> = told
                .into_iter()
                .filter_map(|(child, parent, relation)| Some((child, *keys.get(&parent)?, relation)))
                .filter(|(child, parent, _)| child != parent)
                .collect();
            let mut query = db.prepare("SELECT child, parent, relation FROM edges")?;
            let mut rows = query.query([])?;
            let name = |id: i64| names.get(&id).cloned().unwrap_or_else(|| format!("#{id}"));
            while let Some(row) = rows.next()? {
                let edge: (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                out.edges += 1;
                if !said.contains(&edge) {
                    let what = format!("no record says that it comes from {} ({})", name(edge.1), edge.2);
                    faults.push(Fault { record: Some(edge.0), thing: name(edge.0), what });
                }
            }
            if (out.edges as usize) < said.len() {
                let what = format!("{} edges are gone that records tell of", said.len() - out.edges as usize);
                faults.push(Fault { record: None, thing: String::new(), what });
            }
            let mut query = db.prepare("SELECT id, recipe FROM items WHERE imported = 0")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let item: i64 = row.get(0)?;
                let thing = format!("item:{item}");
                let Some(record) = keys.get(&thing) else { continue };
                out.pictures += 1;
                let now = row.get_ref(1)?.as_str_or_null()?.map(short_hash);
                if recipes.get(record).is_some_and(|noted| *noted != now) {
                    let what = "its recipe in the library is not the one that its record tells of".into();
                    faults.push(Fault { record: Some(*record), thing, what });
                }
            }
            faults.truncate(MOST);
            out.faults = faults;
            Ok(out)
        })
    }
}
