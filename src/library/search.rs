//! The newest pictures with some words, found without looking at all that have them.

use rusqlite::{OptionalExtension, params};

use super::items::{COLUMNS, words};
use super::{Item, ItemFilter, ItemSort, Library};
use crate::base::Result;

/// A page that ends later than this is left to the general query.
const SHALLOW: usize = 1000;
/// So many more may be looked at than are shown, as those in the trash have words too.
const IN_VAIN: usize = 1000;

impl Library {
    /// A page of the newest pictures with some words. `None`: the general query shall look for it.
    ///
    /// The general query makes a list of all pictures that have the words and then walks all pictures in order; a common
    /// word in a large library costs it the more the more pictures there are. The index of words gives numbers from the
    /// highest down one by one, and who has a higher number was kept later, save for a picture kept anew, a rescued one,
    /// or a clock that was set back. So this takes as many as the page needs, and then asks whether any picture with a
    /// lower number is newer than the oldest of them.
    ///
    /// # Errors
    /// The library cannot be read.
    pub(super) fn newest_with_words(
        &self,
        filter: &ItemFilter,
        from: usize,
        count: usize,
    ) -> Result<Option<Vec<Item>>> {
        let needed = from.saturating_add(count);
        let words_alone = ItemFilter { text: filter.text.clone(), sort: ItemSort::Newest, ..ItemFilter::default() };
        let Some(words) = words(&filter.text).filter(|_| *filter == words_alone && needed <= SHALLOW) else {
            return Ok(None);
        };
        self.read(|db| {
            let mut numbers =
                db.prepare_cached("SELECT rowid FROM items_text WHERE items_text MATCH ? ORDER BY rowid DESC")?;
            let mut look = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM items WHERE id = ? AND trashed = 0 AND imported = 0"
            ))?;
            let mut numbers = numbers.query([words])?;
            let mut items: Vec<Item> = Vec::new();
            let mut seen = 0;
            let mut all = false;
            while items.len() < needed {
                let Some(row) = numbers.next()? else {
                    all = true;
                    break;
                };
                items.extend(look.query_row([row.get::<_, i64>(0)?], |row| self.row(row)).optional()?);
                seen += 1;
                if seen > needed + IN_VAIN {
                    return Ok(None);
                }
            }
            if !all && let (Some(last), Some(oldest)) = (items.last(), items.iter().map(|i| i.created).min()) {
                let mut newer = db.prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM items WHERE trashed = 0 AND imported = 0 AND created > ? AND id < ?)",
                )?;
                if newer.query_row(params![oldest, last.id], |row| row.get(0))? {
                    return Ok(None);
                }
            }
            items.sort_by_key(|i| std::cmp::Reverse((i.created, i.id)));
            items.drain(..from.min(items.len()));
            items.truncate(count);
            Ok(Some(items))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Picture;
    use crate::library::NewItem;

    /// 3,000 pictures, a third of them of nouns, kept a second apart; numbers 1 to 3,000.
    fn many() -> Library {
        let library = Library::in_memory().unwrap();
        let new = |n: usize| NewItem {
            path: format!("{n}.png").into(),
            picture: Picture::filled(4, 4, [1, 2, 3, 255]),
            model: ["nouns", "faces", "shapes"][n % 3].into(),
            recipe: None,
            starred: false,
        };
        library.add_items(&(0..3000).map(new).collect::<Vec<_>>()).unwrap();
        library.db.execute("UPDATE items SET created = 1000 + id", []).unwrap();
        library
    }

    fn nouns() -> ItemFilter {
        ItemFilter { text: "nou".into(), ..ItemFilter::default() }
    }

    /// What the general query finds.
    fn expected(library: &Library, from: usize, count: usize) -> Vec<i64> {
        library.ids(&nouns()).unwrap().into_iter().skip(from).take(count).collect()
    }

    fn found(library: &Library, from: usize, count: usize) -> Option<Vec<i64>> {
        let items = library.newest_with_words(&nouns(), from, count).unwrap()?;
        Some(items.iter().map(|i| i.id).collect())
    }

    #[test]
    fn pages_are_those_of_the_general_query() {
        let library = many();
        for (from, count) in [(0, 1), (0, 200), (150, 200), (900, 100), (990, 10), (0, 1000)] {
            assert_eq!(found(&library, from, count), Some(expected(&library, from, count)), "{count} from {from}");
            let page: Vec<i64> = library.page(&nouns(), from, count).unwrap().iter().map(|i| i.id).collect();
            assert_eq!(page, expected(&library, from, count), "{count} from {from}");
        }
        assert_eq!(expected(&library, 0, 2000).len(), 1000);
        assert_eq!(found(&library, 0, SHALLOW + 1), None, "too deep");
    }

    #[test]
    fn other_conditions_and_orders_are_left_to_the_general_query() {
        let library = many();
        let others = [
            ItemFilter { starred: true, ..nouns() },
            ItemFilter { trashed: true, ..nouns() },
            ItemFilter { min_rating: 1, ..nouns() },
            ItemFilter { model: Some("nouns".into()), ..nouns() },
            ItemFilter { sort: ItemSort::Oldest, ..nouns() },
            ItemFilter::default(),
        ];
        for other in others {
            assert_eq!(library.newest_with_words(&other, 0, 10).unwrap(), None, "{other:?}");
        }
    }

    #[test]
    fn what_was_kept_anew_or_thrown_away_stands_where_it_should() {
        let library = many();
        // A low number, kept anew: newer than all others. The page by numbers alone would miss it.
        library.db.execute("UPDATE items SET created = 90000 WHERE id = 4", []).unwrap();
        assert_eq!(found(&library, 0, 5), None);
        let page: Vec<i64> = library.page(&nouns(), 0, 5).unwrap().iter().map(|i| i.id).collect();
        assert_eq!((page[0], &page), (4, &expected(&library, 0, 5)));
        // A high number with an early time is no reason: it comes late, and the page has room for all.
        library.db.execute("UPDATE items SET created = 1000 + id", []).unwrap();
        library.db.execute("UPDATE items SET created = 5 WHERE id = 2998", []).unwrap();
        assert_eq!(found(&library, 0, 1000), Some(expected(&library, 0, 1000)));
        library.trash(&[2995, 2992], true).unwrap();
        assert_eq!(found(&library, 0, 1000), Some(expected(&library, 0, 1000)));
        assert!(!expected(&library, 0, 1000).contains(&2995));
    }

    #[test]
    fn a_page_costs_no_more_in_a_larger_library() {
        let library = many();
        let mut plan = library
            .db
            .prepare("EXPLAIN QUERY PLAN SELECT rowid FROM items_text WHERE items_text MATCH 'a' ORDER BY rowid DESC")
            .unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(|s| s.unwrap()).collect();
        assert!(!steps.iter().any(|s| s.contains("B-TREE")), "numbers come in order, without a sort: {steps:?}");
        let mut plan = library
            .db
            .prepare(
                "EXPLAIN QUERY PLAN SELECT 1 FROM items WHERE trashed = 0 AND imported = 0 AND created > 5 AND id < 7",
            )
            .unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(|s| s.unwrap()).collect();
        assert!(steps.iter().any(|s| s.contains("COVERING INDEX items_kept")), "{steps:?}");
    }
}
