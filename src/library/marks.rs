//! What was set for single pictures of data sets (labels, weights, tags, what is left out), edited in bulk and taken back.

use std::collections::BTreeSet;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::journal::{self, Change};
use super::records;
use super::{Library, sql};
use crate::base::{Problem, Result};
use crate::recipe::marks::{HEAVIEST, Mark, Marks};

/// The tables of this version of the library: marks, branches of data sets, small versions of their pictures, models inside
/// of the library, tags and fields of records; and indexes for filters of kept pictures.
pub(super) const TABLES: &str = "
CREATE TABLE marks (
    source   TEXT NOT NULL,
    -- Name within the source.
    name     TEXT NOT NULL,
    -- As JSON: a label, a weight, tags, whether it is left out.
    mark     TEXT NOT NULL,
    PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID;
-- Which version a source is at, and the branch that moves along with it.
CREATE TABLE heads (
    source TEXT PRIMARY KEY,
    hash   TEXT NOT NULL,
    branch TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE branches (
    source TEXT NOT NULL,
    name   TEXT NOT NULL,
    hash   TEXT NOT NULL,
    PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID;
-- Pictures of versions as they were, by the hash of their pixels: what is gone can still be shown.
CREATE TABLE version_thumbs (
    content TEXT PRIMARY KEY,
    png     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
-- Files of models inside of the library, in parts.
CREATE TABLE model_files (
    hash  TEXT PRIMARY KEY,
    name  TEXT NOT NULL,
    -- Where it was, as text or bytes.
    path  ANY NOT NULL,
    bytes INTEGER NOT NULL,
    -- BLAKE3 of the file.
    file  BLOB NOT NULL,
    -- Whether all parts are there.
    whole INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE model_parts (
    hash TEXT NOT NULL REFERENCES model_files (hash) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (hash, part)
) STRICT;
CREATE TABLE record_tags (
    thing INTEGER NOT NULL,
    tag   TEXT NOT NULL,
    PRIMARY KEY (thing, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_tags_tag ON record_tags (tag, thing);
CREATE TABLE record_fields (
    thing INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (thing, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_fields_key ON record_fields (key, value, thing);
CREATE INDEX records_sitting ON records (sitting, id);
CREATE INDEX records_at ON records (at, id);
CREATE INDEX items_kept_model ON items (model, created DESC, id DESC, starred, rating)
    WHERE trashed = 0 AND imported = 0;
CREATE INDEX items_kept_model_rating ON items (model, rating DESC, created DESC, id DESC, starred)
    WHERE trashed = 0 AND imported = 0;
";

/// A change to the marks of pictures of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // Named after what they set.
pub enum MarkEdit {
    /// This label; an empty one for none, nothing for that of the source.
    Label(Option<String>),
    /// Drawn so often while training; nothing for as often as others.
    Weight(Option<f64>),
    /// A tag more.
    Tag(String),
    /// A tag less.
    Untag(String),
    /// Left out, or not.
    Exclude(bool),
    /// Nothing is set any more.
    Clear,
}

impl MarkEdit {
    /// The same in the form that is kept.
    ///
    /// # Errors
    /// A label or tag is empty, or a weight is none.
    pub fn checked(self) -> Result<Self> {
        let tidy = |text: &str| {
            let text: String = text.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        match self {
            Self::Label(Some(label)) => Ok(Self::Label(Some(tidy(&label)))),
            Self::Weight(Some(weight)) if !(0.0..=HEAVIEST).contains(&weight) => {
                Err(Problem::usage(format!("A weight goes from 0 to {HEAVIEST}")).of(weight.to_string()))
            }
            Self::Tag(tag) | Self::Untag(tag) if tidy(&tag).is_empty() => Err(Problem::usage("A tag needs a name")),
            Self::Tag(tag) => Ok(Self::Tag(tidy(&tag))),
            Self::Untag(tag) => Ok(Self::Untag(tidy(&tag))),
            other => Ok(other),
        }
    }

    /// What a mark becomes.
    #[must_use]
    pub fn of(&self, mark: &Mark) -> Mark {
        let mut mark = mark.clone();
        match self {
            Self::Label(label) => mark.label.clone_from(label),
            // Once is what pictures are drawn without a weight.
            Self::Weight(weight) => mark.weight = weight.filter(|w| *w != 1.0),
            Self::Tag(tag) => {
                mark.tags.insert(tag.clone());
            }
            Self::Untag(tag) => {
                mark.tags.remove(tag);
            }
            Self::Exclude(out) => mark.excluded = *out,
            Self::Clear => mark = Mark::default(),
        }
        mark
    }

    /// What menus call it, for so many pictures.
    pub fn title(&self, count: usize) -> String {
        let pictures = if count == 1 { "a picture".to_owned() } else { format!("{count} pictures") };
        match self {
            Self::Label(Some(label)) if label.is_empty() => format!("Remove the label of {pictures}"),
            Self::Label(Some(label)) => format!("Label {pictures} “{label}”"),
            Self::Label(None) => format!("Give {pictures} the label of the source"),
            Self::Weight(Some(weight)) => format!("Weight {weight} for {pictures}"),
            Self::Weight(None) => format!("Weight 1 for {pictures}"),
            Self::Tag(tag) => format!("Tag {pictures} of the data “{tag}”"),
            Self::Untag(tag) => format!("Remove tag “{tag}” from {pictures} of the data"),
            Self::Exclude(true) => format!("Leave out {pictures}"),
            Self::Exclude(false) => format!("Include {pictures} again"),
            Self::Clear => format!("Remove all marks of {pictures}"),
        }
    }
}

/// Pictures by name with a mark each.
pub type Named = Vec<(String, Mark)>;

/// Writes marks; empty ones are removed.
pub(super) fn put(tx: &Transaction<'_>, source: &str, marks: &[(String, Mark)]) -> rusqlite::Result<()> {
    let mut set = tx.prepare_cached("INSERT OR REPLACE INTO marks (source, name, mark) VALUES (?, ?, ?)")?;
    let mut remove = tx.prepare_cached("DELETE FROM marks WHERE source = ? AND name = ?")?;
    for (name, mark) in marks {
        if mark.is_empty() {
            remove.execute([source, name])?;
        } else {
            // A mark is plain data with text keys, which JSON always takes.
            set.execute([source, name, &serde_json::to_string(mark).unwrap_or_default()])?;
        }
    }
    Ok(())
}

/// A mark with what a change from `from` to `to` does to it: only fields that the change sets. Nothing if one of these was
/// set to something else since.
#[must_use]
pub fn step(now: &Mark, from: &Mark, to: &Mark) -> Option<Mark> {
    fn field<T: Clone + PartialEq>(now: &mut T, from: &T, to: &T) -> bool {
        if from == to || now == to {
            return true;
        }
        let fits = now == from;
        now.clone_from(to);
        fits
    }
    let mut out = now.clone();
    let fits = field(&mut out.label, &from.label, &to.label)
        & field(&mut out.weight, &from.weight, &to.weight)
        & field(&mut out.excluded, &from.excluded, &to.excluded);
    out.tags.retain(|tag| to.tags.contains(tag) || !from.tags.contains(tag));
    out.tags.extend(to.tags.difference(&from.tags).cloned());
    fits.then_some(out)
}

/// What pictures with marks `from` that become `to` get onto what they have now; the names of those that do not fit any more.
pub(super) fn steps(
    tx: &Transaction<'_>,
    source: &str,
    from: &[(String, Mark)],
    to: &[(String, Mark)],
) -> rusqlite::Result<Result<Named, Vec<String>>> {
    let (mut out, mut stuck) = (Vec::new(), Vec::new());
    for ((name, from), (_, to)) in from.iter().zip(to) {
        match step(&mark_of(tx, source, name)?, from, to) {
            Some(mark) => out.push((name.clone(), mark)),
            None => stuck.push(name.clone()),
        }
    }
    Ok(if stuck.is_empty() { Ok(out) } else { Err(stuck) })
}

/// Notes in the chain that marks were set, or taken back.
pub(super) fn noted(tx: &Transaction<'_>, source: &str, title: &str, count: usize, back: bool) -> rusqlite::Result<()> {
    let at = sql::now();
    let id = records::ensure(tx, &format!("data:{source}"), at)?;
    let body = json!({ "text": title, "pictures": count, "taken back": back });
    records::append(tx, "marks", None, Some(id), at, &body).map(|_| ())
}

fn named(row: &Row<'_>) -> rusqlite::Result<(String, Mark)> {
    // One of a later version must not be taken for none: what it leaves out would be learned from.
    let fail = |e: serde_json::Error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(e));
    Ok((row.get(0)?, serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(fail)?))
}

fn mark_of(tx: &Transaction<'_>, source: &str, name: &str) -> rusqlite::Result<Mark> {
    let mut get = tx.prepare_cached("SELECT name, mark FROM marks WHERE source = ? AND name = ?")?;
    Ok(get.query_row([source, name], named).optional()?.map(|(_, mark)| mark).unwrap_or_default())
}

impl Library {
    /// What was set for pictures of a source.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn marks(&self, source: &str) -> Result<Marks> {
        self.read(|db| all_of(db, source))
    }

    /// Whether marks of a source were ever set in this library, be it that none is set now.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn ever_marked(&self, source: &str) -> Result<bool> {
        let text = "SELECT EXISTS (SELECT 1 FROM records WHERE kind = 'marks' \
                    AND about = (SELECT id FROM records WHERE key = ?))";
        self.read(|db| db.query_row(text, [format!("data:{source}")], |row| row.get(0)))
    }

    /// Changes the marks of pictures of a source as one change that can be taken back; says how many it changed.
    ///
    /// # Errors
    /// The edit makes no sense, or the library cannot be written.
    pub fn mark(&self, source: &str, names: &[String], edit: MarkEdit) -> Result<usize> {
        let edit = edit.checked()?;
        self.write(|tx| {
            let mut after = Vec::new();
            for name in names {
                after.push((name.clone(), edit.of(&mark_of(tx, source, name)?)));
            }
            change(tx, source, |count| edit.title(count), after)
        })
    }

    /// Sets the marks of pictures as one change with this name.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn set_marks(&self, source: &str, title: &str, after: Named) -> Result<usize> {
        self.write(|tx| change(tx, source, |_| title.to_owned(), after))
    }

    /// Takes the last change to marks of this source back (`back`), or does again what was taken back last; says which it
    /// was.
    ///
    /// # Errors
    /// As of [`Self::go`].
    pub fn undo_marks(&self, source: &str, back: bool) -> Result<Option<String>> {
        let order = if back { "NOT undone ORDER BY id DESC" } else { "undone ORDER BY id" };
        let text = format!(
            "SELECT id FROM journal WHERE change ->> '$.did' = 'marks' AND change ->> '$.source' = ? AND {order} LIMIT 1"
        );
        let id: Option<i64> = self.read(|db| db.query_row(&text, [source], |row| row.get(0)).optional())?;
        id.map_or(Ok(None), |id| self.go(id, back))
    }

    /// Labels and tags that were set for pictures of a source, by name.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn mark_words(&self, source: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
        let marks = self.marks(source)?;
        let labels = marks.values().filter_map(|m| m.label.clone()).filter(|l| !l.is_empty()).collect();
        Ok((labels, marks.into_values().flat_map(|m| m.tags).collect()))
    }
}

/// Sets the marks that differ between `before` and `after` as one change; says how many there are.
pub(super) fn merge(
    tx: &Transaction<'_>,
    source: &str,
    title: &str,
    before: &Marks,
    after: &Marks,
) -> rusqlite::Result<usize> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let changed = changed.map(|name| (name.clone(), after.get(name).cloned().unwrap_or_default())).collect();
    change(tx, source, |_| title.to_owned(), changed)
}

/// Marks of a source as a transaction sees them.
pub(super) fn all_of(db: &Connection, source: &str) -> rusqlite::Result<Marks> {
    let mut query = db.prepare_cached("SELECT name, mark FROM marks WHERE source = ? ORDER BY name")?;
    query.query_map([source], named)?.collect()
}

/// Sets marks and notes what they were; those that are so already are left out.
fn change(
    tx: &Transaction<'_>,
    source: &str,
    title: impl FnOnce(usize) -> String,
    mut after: Named,
) -> rusqlite::Result<usize> {
    let mut before = Vec::new();
    let mut changed = Vec::new();
    for (name, mark) in after.drain(..) {
        let old = mark_of(tx, source, &name)?;
        if old != mark {
            before.push((name.clone(), old));
            changed.push((name, mark));
        }
    }
    put(tx, source, &changed)?;
    let (count, title) = (changed.len(), title(changed.len()));
    journal::note(tx, &Change::Marks { source: source.into(), title, before, after: changed })?;
    Ok(count)
}

impl Library {
    /// Sets the marks that differ between `before` and `after`; all others stay as they are here, whoever set them.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn merge_marks(&self, source: &str, title: &str, before: &Marks, after: &Marks) -> Result<usize> {
        self.write(|tx| merge(tx, source, title, before, after))
    }

    /// How many pictures have marks.
    #[cfg(test)]
    pub(super) fn count_marks(&self) -> i64 {
        self.db.query_row("SELECT count(*) FROM marks", [], |row| row.get(0)).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).into()).collect()
    }

    #[test]
    fn marks_are_set_in_bulk_taken_back_and_noted() {
        let library = Library::in_memory().unwrap();
        let all = names(&["a", "b", "c"]);
        assert_eq!(library.mark("/p", &all, MarkEdit::Label(Some("  big cat ".into()))).unwrap(), 3);
        assert_eq!(library.mark("/p", &all[..1], MarkEdit::Weight(Some(3.0))).unwrap(), 1);
        assert_eq!(library.mark("/p", &all[..2], MarkEdit::Tag("night".into())).unwrap(), 2);
        assert_eq!(library.mark("/p", &all[1..], MarkEdit::Exclude(true)).unwrap(), 2);
        assert_eq!(library.mark("/p", &all, MarkEdit::Exclude(true)).unwrap(), 1, "only those that were not");
        let marks = library.marks("/p").unwrap();
        assert_eq!(marks["a"].label.as_deref(), Some("big cat"));
        assert_eq!((marks["a"].weight, marks["c"].tags.len()), (Some(3.0), 0));
        assert!(library.marks("/q").unwrap().is_empty());
        assert_eq!(library.undo_marks("/p", true).unwrap().as_deref(), Some("Leave out a picture"));
        assert!(!library.marks("/p").unwrap()["a"].excluded && library.marks("/p").unwrap()["b"].excluded);
        for _ in 0..4 {
            library.undo_marks("/p", true).unwrap().unwrap();
        }
        assert_eq!((library.undo_marks("/p", true).unwrap(), library.count_marks()), (None, 0));
        for _ in 0..5 {
            library.undo_marks("/p", false).unwrap().unwrap();
        }
        assert_eq!(library.undo_marks("/p", false).unwrap(), None);
        assert_eq!(library.marks("/p").unwrap().values().filter(|m| m.excluded).count(), 3);
        let data = library.find_thing("data:/p").unwrap();
        assert_eq!(library.said(data).unwrap().len(), 15);
        assert_eq!(library.verify().unwrap().faults, []);
        for wrong in [MarkEdit::Weight(Some(-1.0)), MarkEdit::Weight(Some(f64::NAN)), MarkEdit::Tag(" ".into())] {
            assert!(library.mark("/p", &all, wrong).is_err());
        }
        assert_eq!(library.mark("/p", &all, MarkEdit::Clear).unwrap(), 3);
        assert_eq!(library.count_marks(), 0);
    }

    #[test]
    fn a_change_taken_back_out_of_order_leaves_what_others_set() {
        let library = Library::in_memory().unwrap();
        let all = names(&["a", "b"]);
        let number = |library: &Library| library.newest_change().unwrap().unwrap().0;
        library.mark("/p", &all, MarkEdit::Label(Some("cat".into()))).unwrap();
        let first = number(&library);
        library.mark("/p", &all[..1], MarkEdit::Weight(Some(3.0))).unwrap();
        library.mark("/p", &all[..1], MarkEdit::Tag("dusk".into())).unwrap();
        let tagged = number(&library);
        library.mark("/p", &all[..1], MarkEdit::Tag("sea".into())).unwrap();
        // The label goes, the weight and the tags that were set later stay.
        library.go(first, true).unwrap().unwrap();
        let marks = library.marks("/p").unwrap();
        assert_eq!(marks.len(), 1);
        assert_eq!((marks["a"].label.as_deref(), marks["a"].weight, marks["a"].tags.len()), (None, Some(3.0), 2));
        library.go(tagged, true).unwrap().unwrap();
        assert_eq!(library.marks("/p").unwrap()["a"].tags.iter().collect::<Vec<_>>(), ["sea"]);
        // Once more, onto what there is now.
        library.go(first, false).unwrap().unwrap();
        assert_eq!(library.marks("/p").unwrap()["a"].label.as_deref(), Some("cat"));
        // One whose field was set again since is refused, and nothing of it is done.
        library.mark("/p", &all[1..], MarkEdit::Label(Some("dog".into()))).unwrap();
        let before = library.marks("/p").unwrap();
        let problem = library.go(first, true).unwrap_err();
        assert_eq!(problem.subject.as_deref(), Some("Label 2 pictures “cat”"));
        assert_eq!(problem.detail.as_deref(), Some("of b"));
        assert_eq!(library.marks("/p").unwrap(), before);
        library.undo_marks("/p", true).unwrap().unwrap();
        library.go(first, true).unwrap().unwrap();
        assert_eq!(library.marks("/p").unwrap()["a"].weight, Some(3.0));
        assert_eq!(library.verify().unwrap().faults, []);
        assert!(library.ever_marked("/p").unwrap() && !library.ever_marked("/q").unwrap());
    }

    #[test]
    fn two_who_mark_different_pictures_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("library.sqlite");
        let (one, two) = (Library::open(&path).unwrap(), Library::open(&path).unwrap());
        let (before, mut after) = (one.marks("/p").unwrap(), Marks::new());
        two.mark("/p", &names(&["b"]), MarkEdit::Label(Some("x".into()))).unwrap();
        after.insert("a".into(), Mark { excluded: true, ..Mark::default() });
        assert_eq!(one.merge_marks("/p", "Leave out a picture", &before, &after).unwrap(), 1);
        assert_eq!(two.marks("/p").unwrap().len(), 2);
    }
}
