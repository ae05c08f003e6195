//! What a person writes down of a thing: text, tags, fields of their own; and things found by these.

use rusqlite::types::Value as Sql;
use rusqlite::{params, params_from_iter};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::append;
use super::graph::title;
use crate::base::{Problem, Result};
use crate::library::{Library, sql};

/// Things that are found at most.
const MOST: u32 = 1000;

/// Something written down of a thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Note {
    /// Text; none if empty.
    pub text: String,
    /// Tags to add.
    pub tags: Vec<String>,
    /// Tags to remove.
    pub untag: Vec<String>,
    /// Fields with their values; an empty value removes one.
    pub fields: Vec<(String, String)>,
}

/// Which things are looked for: those for which all of this holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// What they are.
    pub kind: Option<String>,
    /// Tags that they have.
    pub tags: Vec<String>,
    /// Fields with these values.
    pub fields: Vec<(String, String)>,
    /// Who made them.
    pub user: Option<String>,
    /// The sitting that they were made in.
    pub sitting: Option<String>,
    /// Unix time that they were made at or after.
    pub since: Option<i64>,
    /// A part of what is known of them.
    pub text: Option<String>,
}

/// A thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// Number of its record.
    pub id: i64,
    /// What it is.
    pub kind: String,
    /// Its name.
    pub key: String,
    /// What it is called.
    pub title: String,
    /// Unix time.
    pub at: i64,
    /// Who made it.
    pub user: String,
    /// In which sitting.
    pub sitting: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Fields that were written down.
    pub fields: Map<String, Value>,
    /// Everything that its record says.
    pub body: Value,
}

impl Library {
    /// Writes something down of a thing, in the chain and where it is found by.
    ///
    /// # Errors
    /// There is nothing to write, a tag or the name of a field is empty, or the library cannot be written.
    pub fn annotate(&self, thing: i64, note: &Note) -> Result<()> {
        let empty = note.tags.iter().chain(&note.untag).chain(note.fields.iter().map(|f| &f.0));
        if empty.clone().any(|name| name.trim().is_empty()) {
            return Err(Problem::usage("A tag or a field needs a name"));
        }
        if note == &Note::default() {
            return Err(Problem::usage("There is nothing to write down").try_this("Give a text, a tag or a field"));
        }
        self.write(|tx| {
            let fields: Map<String, Value> = note.fields.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            let body = json!({ "text": note.text, "tags": note.tags, "untag": note.untag, "fields": fields });
            append(tx, "note", None, Some(thing), sql::now(), &body)?;
            for tag in &note.tags {
                tx.execute("INSERT OR IGNORE INTO record_tags (thing, tag) VALUES (?, ?)", params![thing, tag.trim()])?;
            }
            for tag in &note.untag {
                tx.execute("DELETE FROM record_tags WHERE thing = ? AND tag = ?", params![thing, tag.trim()])?;
            }
            for (key, value) in &note.fields {
                if value.is_empty() {
                    tx.execute("DELETE FROM record_fields WHERE thing = ? AND key = ?", params![thing, key.trim()])?;
                } else {
                    tx.execute(
                        "INSERT OR REPLACE INTO record_fields (thing, key, value) VALUES (?, ?, ?)",
                        params![thing, key.trim(), value],
                    )?;
                }
            }
            Ok(())
        })
    }

    /// Things for which something holds, the newest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn find_records(&self, wanted: &Wanted) -> Result<Vec<Found>> {
        let (text, values) = query(wanted);
        self.read(|db| {
            let mut tags = db.prepare_cached("SELECT tag FROM record_tags WHERE thing = ? ORDER BY tag")?;
            let mut fields = db.prepare_cached("SELECT key, value FROM record_fields WHERE thing = ? ORDER BY key")?;
            let mut query = db.prepare_cached(&text)?;
            let mut rows = query.query(params_from_iter(values))?;
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, kind, key): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let body: Value = serde_json::from_str(row.get_ref(6)?.as_str()?).unwrap_or_default();
                let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, Value::String(row.get(1)?)));
                out.push(Found {
                    title: title(&kind, &key, &body),
                    tags: tags.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?,
                    fields: fields.query_map([id], pair)?.collect::<rusqlite::Result<_>>()?,
                    at: row.get(3)?,
                    user: row.get(4)?,
                    sitting: row.get(5)?,
                    id,
                    kind,
                    key,
                    body,
                });
            }
            Ok(out)
        })
    }
}

/// The query for what is wanted, with its values.
fn query(wanted: &Wanted) -> (String, Vec<Sql>) {
    let mut text = "SELECT id, kind, key, at, user, sitting, body FROM records WHERE key IS NOT NULL".to_owned();
    let mut values = Vec::new();
    let mut also = |condition: &str, of: Vec<Sql>| {
        text.push_str(" AND ");
        text.push_str(condition);
        values.extend(of);
    };
    for tag in &wanted.tags {
        also("id IN (SELECT thing FROM record_tags WHERE tag = ?)", vec![tag.clone().into()]);
    }
    for (key, value) in &wanted.fields {
        let of = vec![key.clone().into(), value.clone().into()];
        also("id IN (SELECT thing FROM record_fields WHERE key = ? AND value = ?)", of);
    }
    let plain = [("kind = ?", &wanted.kind), ("user = ?", &wanted.user), ("sitting = ?", &wanted.sitting)];
    for (condition, value) in plain {
        if let Some(value) = value {
            also(condition, vec![value.clone().into()]);
        }
    }
    if let Some(since) = wanted.since {
        also("at >= ?", vec![since.into()]);
    }
    if let Some(words) = &wanted.text {
        let of = "(instr(lower(body), lower(?)) OR id IN \
                  (SELECT about FROM records WHERE kind = 'note' AND instr(lower(body), lower(?))))";
        also(of, vec![words.clone().into(), words.clone().into()]);
    }
    (format!("{text} ORDER BY id DESC LIMIT {MOST}"), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::six;

    #[test]
    fn things_are_found_by_what_was_written_down() {
        let (_dir, library, ids) = six();
        let thing = |i: usize| library.find_thing(&ids[i].to_string()).unwrap();
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let note = Note {
            text: "The blue one".into(),
            tags: vec!["paper".into()],
            fields: vec![pair("figure", "3")],
            ..Note::default()
        };
        library.annotate(thing(0), &note).unwrap();
        library.annotate(thing(1), &Note { tags: vec!["paper".into()], ..Note::default() }).unwrap();
        let found = |wanted: Wanted| library.find_records(&wanted).unwrap();
        let tagged = found(Wanted { tags: vec!["paper".into()], ..Wanted::default() });
        assert_eq!(tagged.iter().map(|f| f.id).collect::<Vec<_>>(), [thing(1).max(thing(0)), thing(1).min(thing(0))]);
        let figure = found(Wanted { fields: vec![pair("figure", "3")], ..Wanted::default() });
        assert_eq!((figure.len(), figure[0].id, figure[0].fields["figure"].as_str()), (1, thing(0), Some("3")));
        assert_eq!(found(Wanted { text: Some("BLUE".into()), ..Wanted::default() })[0].id, thing(0));
        let mine =
            Wanted { kind: Some("picture".into()), sitting: Some(tagged[0].sitting.clone()), ..Wanted::default() };
        assert_eq!(found(mine).len(), 6);
        assert!(found(Wanted { since: Some(i64::MAX), ..Wanted::default() }).is_empty());
        library.annotate(thing(0), &Note { fields: vec![pair("figure", "")], ..Note::default() }).unwrap();
        library.annotate(thing(1), &Note { untag: vec!["paper".into()], ..Note::default() }).unwrap();
        assert!(found(Wanted { fields: vec![pair("figure", "3")], ..Wanted::default() }).is_empty());
        assert_eq!(found(Wanted { tags: vec!["paper".into()], ..Wanted::default() }).len(), 1);
        assert!(library.annotate(thing(0), &Note::default()).is_err());
        assert_eq!(library.verify().unwrap().faults, []);
        // Tags, fields, sittings and times are found along their indexes.
        for (wanted, index) in [
            (Wanted { tags: vec!["x".into()], ..Wanted::default() }, "record_tags_tag"),
            (Wanted { fields: vec![pair("a", "b")], ..Wanted::default() }, "record_fields_key"),
            (Wanted { sitting: Some("x".into()), ..Wanted::default() }, "records_sitting"),
        ] {
            let (text, values) = query(&wanted);
            let mut plan = library.db.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let steps = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(|s| s.unwrap()).collect();
            assert!(steps.iter().any(|s| s.contains(index)), "{steps:?}");
        }
    }
}
