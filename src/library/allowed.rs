//! Which pictures a search may find, before anything is searched: a bit for each, kept until the library changes.

use std::collections::HashMap;
use std::sync::Arc;

use super::condition::Condition;
use super::index::{Index, Mask};
use super::{Library, Shelf};
use crate::base::Result;

/// Filters that are kept.
const KEPT: usize = 32;

/// What was filtered lately.
#[derive(Default)]
pub struct Allowed {
    /// The library as it was when they were filtered.
    version: Option<[i64; 2]>,
    pictures: HashMap<String, Arc<Mask>>,
    rows: HashMap<(i64, String), Arc<Mask>>,
}

impl Allowed {
    /// Bits of the pictures that conditions allow. What is in the trash never is.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn pictures(&mut self, library: &Library, shelf: Shelf, conditions: &[Condition]) -> Result<Arc<Mask>> {
        let version = library.version()?;
        if self.version != Some(version) {
            *self = Self { version: Some(version), ..Self::default() };
        }
        let key = key(shelf, conditions);
        if let Some(mask) = self.pictures.get(&key) {
            return Ok(mask.clone());
        }
        let mask = Arc::new(library.allowed(shelf, conditions)?);
        if self.pictures.len() >= KEPT {
            self.pictures.clear();
            self.rows.clear();
        }
        self.pictures.insert(key, mask.clone());
        Ok(mask)
    }

    /// The same as bits of the rows of an index, which must be up to date.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn rows(
        &mut self,
        library: &Library,
        index: &Index,
        shelf: Shelf,
        conditions: &[Condition],
    ) -> Result<Arc<Mask>> {
        let pictures = self.pictures(library, shelf, conditions)?;
        let key = (index.space().id, key(shelf, conditions));
        Ok(self.rows.entry(key).or_insert_with(|| Arc::new(index.wanted(&pictures))).clone())
    }
}

fn key(shelf: Shelf, conditions: &[Condition]) -> String {
    let all: Vec<String> = conditions.iter().map(ToString::to_string).collect();
    format!("{shelf:?} {}", all.join(" "))
}

impl Library {
    /// Two numbers that change whenever the library does: through another connection, and through this one.
    fn version(&self) -> Result<[i64; 2]> {
        let others = self.read(|db| db.query_row("PRAGMA data_version", [], |row| row.get(0)))?;
        Ok([others, i64::try_from(self.db.total_changes()).unwrap_or(i64::MAX)])
    }

    fn allowed(&self, shelf: Shelf, conditions: &[Condition]) -> Result<Mask> {
        self.read(|db| {
            let highest: i64 = db.query_row("SELECT coalesce(max(id), 0) FROM items", [], |row| row.get(0))?;
            let len = usize::try_from(highest).unwrap_or_default() + 1;
            let mut mask = Mask::filled(len, true);
            let mut only = |query: &str, values: &[&dyn rusqlite::ToSql], not: bool| -> rusqlite::Result<()> {
                let mut query = db.prepare_cached(query)?;
                let mut rows = query.query(values)?;
                let mut these = Mask::filled(len, false);
                while let Some(row) = rows.next()? {
                    these.set(usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default(), true);
                }
                mask.keep(&these, not);
                Ok(())
            };
            only("SELECT id FROM items WHERE trashed = 1", &[], true)?;
            match shelf {
                Shelf::All => {}
                Shelf::Kept => only("SELECT id FROM items WHERE trashed = 0 AND imported = 0", &[], false)?,
                Shelf::Imported => only("SELECT id FROM items WHERE trashed = 0 AND imported = 0", &[], true)?,
            }
            for condition in conditions {
                let (query, value, not) = condition.query(true);
                only(&query, &[&value], not)?;
            }
            Ok(mask)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::six;

    #[test]
    fn what_is_allowed_is_what_lists_show_and_follows_changes() {
        let (_dir, library, ids) = six();
        library.rate(&ids[..3], 4).unwrap();
        library.tag(&ids[1..5], "a b", true).unwrap();
        library.star(&ids[4..], true).unwrap();
        library.trash(&ids[2..3], true).unwrap();
        let mut allowed = Allowed::default();
        let mut check = |shelf: Shelf, text: &str, expected: Option<usize>| {
            let conditions = Condition::all(text).unwrap();
            let filter = super::super::ItemFilter { shelf, conditions: conditions.clone(), ..Default::default() };
            let mut listed = library.ids(&filter).unwrap();
            listed.sort_unstable();
            let mask = allowed.pictures(&library, shelf, &conditions).unwrap();
            let found: Vec<i64> = ids.iter().copied().filter(|id| mask.has(*id as usize)).collect();
            assert_eq!(found, listed, "{shelf:?} {text}");
            assert_eq!(expected.unwrap_or(found.len()), found.len(), "{shelf:?} {text}");
        };
        for (text, n) in [
            ("", 5),
            ("rating>=4", 2),
            ("rating<4", 3),
            ("rating!=4", 3),
            ("tag=\"a b\"", 3),
            ("tag!=\"a b\"", 2),
            ("starred=yes", 2),
            ("starred=no", 3),
            ("starred!=yes", 3),
            ("model=faces", 3),
            ("model!=faces", 2),
            ("rating>=4 tag=\"a b\"", 1),
            ("width>=32", 5),
            ("width>32", 0),
            ("height=16", 5),
            ("origin=real", 0),
            ("origin=generated", 5),
            ("origin!=real", 5),
            ("data=x", 0),
            ("data!=x", 5),
            ("date>=2020-01-01", 5),
            ("date<2020-01-01", 0),
            ("date>2999-01-01", 0),
            ("date<=2999-01-01", 5),
            ("date=2020-01-01", 0),
            ("date!=2020-01-01", 5),
            ("name=x", 0),
        ] {
            check(Shelf::All, text, Some(n));
            check(Shelf::Kept, text, Some(n));
            check(Shelf::Imported, text, Some(0));
        }
        library.rate(&ids[3..4], 5).unwrap();
        check(Shelf::All, "rating>=4", Some(3));
        library.undo().unwrap();
        check(Shelf::All, "rating>=4", Some(2));
    }
}
