//! Changes to kept pictures, each noted so that it can be taken back, also after the studio was closed.

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::items::index;
use super::marks::{Named, put, steps};
use super::{Library, sql};
use crate::base::problem::some_of;
use crate::base::{Problem, Result};

/// How many changes can be taken back.
const KEPT: i64 = 200;

/// What was done, with what it takes to undo it. Only pictures that it really changed are named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "did")]
#[allow(missing_docs)] // Fields are named after what they hold.
pub enum Change {
    /// Pictures were kept; undone, they are in the trash.
    Keep { ids: Vec<i64> },
    /// Ratings before, and the one after.
    Rate { before: Vec<(i64, u8)>, rating: u8 },
    /// Starred or unstarred.
    Star { ids: Vec<i64>, starred: bool },
    /// A tag was added or removed.
    Tag { ids: Vec<i64>, tag: String, add: bool },
    /// To the trash, or back.
    Trash { ids: Vec<i64>, trashed: bool },
    /// Marks of pictures of a data set before and after, by name.
    Marks { source: String, title: String, before: Named, after: Named },
}

/// A change as a history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastChange {
    /// Its number.
    pub id: i64,
    /// What it did.
    pub name: String,
    /// Unix time.
    pub at: i64,
    /// Whether it was taken back.
    pub undone: bool,
}

impl Change {
    fn count(&self) -> usize {
        match self {
            Self::Rate { before, .. } => before.len(),
            Self::Marks { after, .. } => after.len(),
            Self::Keep { ids } | Self::Star { ids, .. } | Self::Tag { ids, .. } | Self::Trash { ids, .. } => ids.len(),
        }
    }

    /// What menus call it.
    pub fn name(&self) -> String {
        let n = self.count();
        let pictures = if n == 1 { "a picture".to_string() } else { format!("{n} pictures") };
        match self {
            Self::Marks { title, .. } => title.clone(),
            Self::Keep { .. } => format!("Keep {pictures}"),
            Self::Rate { rating, .. } => format!("Rate {pictures} {rating}"),
            Self::Star { starred: true, .. } => format!("Star {pictures}"),
            Self::Star { starred: false, .. } => format!("Unstar {pictures}"),
            Self::Tag { tag, add: true, .. } => format!("Tag {pictures} “{tag}”"),
            Self::Tag { tag, add: false, .. } => format!("Remove tag “{tag}” from {pictures}"),
            Self::Trash { trashed: true, .. } => format!("Move {pictures} to the trash"),
            Self::Trash { trashed: false, .. } => format!("Take {pictures} out of the trash"),
        }
    }

    /// Does it for the first time.
    fn apply(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Keep { ids } => trash(tx, ids, false),
            Self::Rate { before, rating } => rate(tx, before.iter().map(|&(id, _)| (id, *rating))),
            Self::Star { ids, starred } => star(tx, ids, *starred),
            Self::Tag { ids, tag: name, add } => tag(tx, ids, name, *add),
            Self::Trash { ids, trashed } => trash(tx, ids, *trashed),
            Self::Marks { source, after, .. } => put(tx, source, after),
        }
    }

    /// Takes it back.
    fn revert(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Keep { ids } => trash(tx, ids, true),
            Self::Rate { before, .. } => rate(tx, before.iter().copied()),
            Self::Star { ids, starred } => star(tx, ids, !starred),
            Self::Tag { ids, tag: name, add } => tag(tx, ids, name, !add),
            Self::Trash { ids, trashed } => trash(tx, ids, !trashed),
            Self::Marks { source, before, .. } => put(tx, source, before),
        }
    }

    /// The same change with what it does to its pictures as they are now: of marks, only the fields that it changed. The
    /// names of pictures whose fields were set again since are the error, and nothing is to be done then.
    fn onto(&self, tx: &Transaction<'_>, back: bool) -> rusqlite::Result<Result<Self, Vec<String>>> {
        let Self::Marks { source, title, before, after } = self else { return Ok(Ok(self.clone())) };
        let (from, to) = if back { (after, before) } else { (before, after) };
        let now = |marks: Named| match back {
            true => Self::Marks { source: source.clone(), title: title.clone(), before: marks, after: after.clone() },
            false => Self::Marks { source: source.clone(), title: title.clone(), before: before.clone(), after: marks },
        };
        Ok(steps(tx, source, from, to)?.map(now))
    }
}

fn rate(tx: &Transaction<'_>, ratings: impl Iterator<Item = (i64, u8)>) -> rusqlite::Result<()> {
    let mut set = tx.prepare_cached("UPDATE items SET rating = ?2 WHERE id = ?1")?;
    ratings.map(|(id, rating)| set.execute(params![id, rating])).try_for_each(|done| done.map(|_| ()))
}

fn star(tx: &Transaction<'_>, ids: &[i64], starred: bool) -> rusqlite::Result<()> {
    let mut set = tx.prepare_cached("UPDATE items SET starred = ?2 WHERE id = ?1")?;
    ids.iter().try_for_each(|id| set.execute(params![id, starred]).map(|_| ()))
}

fn trash(tx: &Transaction<'_>, ids: &[i64], trashed: bool) -> rusqlite::Result<()> {
    let mut set = tx.prepare_cached("UPDATE items SET trashed = ?2 WHERE id = ?1")?;
    ids.iter().try_for_each(|id| set.execute(params![id, trashed]).map(|_| ()))
}

fn tag(tx: &Transaction<'_>, ids: &[i64], name: &str, add: bool) -> rusqlite::Result<()> {
    // A picture that is gone since gets no tag.
    let text = if add {
        "INSERT OR IGNORE INTO item_tags (item, tag) SELECT id, ?2 FROM items WHERE id = ?1"
    } else {
        "DELETE FROM item_tags WHERE item = ?1 AND tag = ?2"
    };
    let mut set = tx.prepare_cached(text)?;
    for id in ids {
        set.execute(params![id, name])?;
        index(tx, *id)?;
    }
    Ok(())
}

/// Notes a change that was made. What was undone before cannot be done again afterwards.
pub(super) fn note(tx: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    if change.count() == 0 {
        return Ok(());
    }
    super::records::judged(tx, change, false)?;
    tx.execute("DELETE FROM journal WHERE undone", [])?;
    // A change is plain data with text keys, which JSON always takes.
    let json = serde_json::to_string(change).unwrap_or_default();
    tx.prepare_cached("INSERT INTO journal (name, change, at) VALUES (?, ?, ?)")?.execute(params![
        change.name(),
        json,
        sql::now()
    ])?;
    tx.execute("DELETE FROM journal WHERE id <= (SELECT id FROM journal ORDER BY id DESC LIMIT 1 OFFSET ?)", [KEPT])?;
    Ok(())
}

impl Library {
    /// Makes a change to those of `ids` for which `differs` holds, and notes it.
    fn change<T>(
        &self,
        ids: &[i64],
        differs: &str,
        value: impl rusqlite::ToSql,
        old: impl Fn(i64, u8) -> T,
        change: impl FnOnce(Vec<T>) -> Change,
    ) -> Result<()> {
        self.write(|tx| {
            let mut query = tx.prepare_cached(&format!("SELECT rating FROM items WHERE id = ?1 AND {differs}"))?;
            let mut changed = Vec::new();
            for &id in ids {
                let rating: Option<u8> = query.query_row(params![id, value], |row| row.get(0)).optional()?;
                changed.extend(rating.map(|rating| old(id, rating)));
            }
            let change = change(changed);
            change.apply(tx)?;
            note(tx, &change)
        })
    }

    /// Rates pictures, 0 to 5.
    ///
    /// # Errors
    /// The rating is higher, or the library cannot be written.
    pub fn rate(&self, ids: &[i64], rating: u8) -> Result<()> {
        if rating > 5 {
            return Err(Problem::usage("A rating goes from 0 to 5").of(rating.to_string()));
        }
        let pair = |id, before| (id, before);
        self.change(ids, "rating <> ?2", rating, pair, |before| Change::Rate { before, rating })
    }

    /// Stars pictures, or not.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn star(&self, ids: &[i64], starred: bool) -> Result<()> {
        self.change(ids, "starred <> ?2", starred, |id, _| id, |ids| Change::Star { ids, starred })
    }

    /// Adds a tag to pictures, or removes it. White space around and inside it is tidied.
    ///
    /// # Errors
    /// The tag is empty, or the library cannot be written.
    pub fn tag(&self, ids: &[i64], tag: &str, add: bool) -> Result<()> {
        let tag: String = tag.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
        let tag = tag.split_whitespace().collect::<Vec<_>>().join(" ");
        if tag.is_empty() {
            return Err(Problem::usage("A tag needs a name"));
        }
        let has = "EXISTS (SELECT 1 FROM item_tags WHERE item = items.id AND tag = ?2)";
        let differs = if add { format!("NOT {has}") } else { has.to_string() };
        let name = tag.clone();
        self.change(ids, &differs, name, |id, _| id, |ids| Change::Tag { ids, tag, add })
    }

    /// Moves pictures to the library's trash, or out of it.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn trash(&self, ids: &[i64], trashed: bool) -> Result<()> {
        self.change(ids, "trashed <> ?2", trashed, |id, _| id, |ids| Change::Trash { ids, trashed })
    }

    /// Takes the last change back; says which it was, or nothing if there is none.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn undo(&self) -> Result<Option<String>> {
        self.walk("SELECT id, name, change FROM journal WHERE NOT undone ORDER BY id DESC LIMIT 1", true)
    }

    /// Does again what was undone last; says which it was, or nothing if there is none.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn redo(&self) -> Result<Option<String>> {
        self.walk("SELECT id, name, change FROM journal WHERE undone ORDER BY id LIMIT 1", false)
    }

    /// Takes one change back (`back`), or does it again, whatever came after it; says which it was, or nothing if it is
    /// not known any more or was done already. Of marks of data sets it changes only the fields that the change did.
    ///
    /// # Errors
    /// Fields of marks that it changed were set again since, or the library cannot be written.
    pub fn go(&self, change: i64, back: bool) -> Result<Option<String>> {
        self.walk(&format!("SELECT id, name, change FROM journal WHERE id = {change} AND undone <> {back}"), back)
    }

    /// The last change that holds.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn newest_change(&self) -> Result<Option<(i64, String)>> {
        self.read(|db| {
            let text = "SELECT id, name FROM journal WHERE NOT undone ORDER BY id DESC LIMIT 1";
            db.query_row(text, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
    }

    /// The last changes, the newest first, those that were taken back among them.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn changes(&self, count: u32) -> Result<Vec<PastChange>> {
        self.read(|db| {
            let mut query = db.prepare("SELECT id, name, at, undone FROM journal ORDER BY id DESC LIMIT ?")?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(PastChange { id: row.get(0)?, name: row.get(1)?, at: row.get(2)?, undone: row.get(3)? })
            };
            query.query_map([count], row)?.collect()
        })
    }

    fn walk(&self, which: &str, back: bool) -> Result<Option<String>> {
        self.write(|tx| {
            let found: Option<(i64, String, String)> =
                tx.query_row(which, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
            let Some((id, name, json)) = found else { return Ok(Ok(None)) };
            // A change that a later version noted is passed over.
            if let Ok(change) = serde_json::from_str::<Change>(&json) {
                match change.onto(tx, back)? {
                    Ok(now) if back => now.revert(tx)?,
                    Ok(now) => now.apply(tx)?,
                    Err(names) => return Ok(Err(stands_on(&name, back, &names))),
                }
                super::records::judged(tx, &change, back)?;
            }
            tx.execute("UPDATE journal SET undone = ?2 WHERE id = ?1", params![id, back])?;
            Ok(Ok(Some(name)))
        })?
    }
}

/// What a person is told who would take a change back that later ones stand on.
fn stands_on(name: &str, back: bool, names: &[String]) -> Problem {
    let what = if back {
        "This change cannot be taken back: the same was set again since"
    } else {
        "This change cannot be made again: something else was set since"
    };
    Problem::usage(what)
        .of(name)
        .because(format!("of {}", some_of(names, 5)))
        .try_this("Take the later changes back first; nothing was changed")
}
