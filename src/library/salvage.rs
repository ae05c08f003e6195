//! What can still be read of a damaged library: from both ends of each table, row by row in between, under a mended
//! header, and from the last backup.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::{Library, schema, sql};
use crate::base::{Result, vault};

/// Bytes of a page; what SQLite takes for a new file.
const PAGE: usize = 4096;
/// Numbers that are tried one by one where a table cannot be read in one go.
const TRIED: i64 = 1_000_000;

/// A table that is carried over.
struct Table {
    name: &'static str,
    columns: &'static str,
    /// What its rows are ordered by.
    key: &'static str,
}

/// Pictures first: tags and small versions belong to them.
const TABLES: [Table; 22] = [
    Table {
        name: "items",
        columns: "id, path, width, height, model, model_hash, rating, starred, trashed, created, recipe, latent",
        key: "id",
    },
    Table { name: "imported", columns: "item, dataset, real, label, caption, source, name, stamp", key: "item" },
    Table { name: "item_tags", columns: "item, tag", key: "item, tag" },
    Table { name: "thumbs", columns: "item, png", key: "item" },
    Table { name: "searches", columns: "name, query, created", key: "name" },
    Table { name: "datasets", columns: "source, pictures, hash, used", key: "source" },
    Table { name: "models", columns: "hash, name, info, added", key: "hash" },
    Table { name: "lineage", columns: "child, parent, relation, created", key: "child, parent, relation" },
    Table { name: "runs", columns: "dir, name, recipe, state, images, created, parent", key: "id" },
    Table { name: "records", columns: "id, kind, key, about, at, user, sitting, body, hash", key: "id" },
    Table { name: "edges", columns: "child, parent, relation", key: "child, parent, relation" },
    Table { name: "manifests", columns: "hash, lines", key: "hash" },
    Table { name: "versions", columns: "source, hash, parent, pictures, made", key: "source, hash" },
    Table { name: "version_tags", columns: "source, tag, hash", key: "source, tag" },
    Table { name: "marks", columns: "source, name, mark", key: "source, name" },
    Table { name: "heads", columns: "source, hash, branch", key: "source" },
    Table { name: "branches", columns: "source, name, hash", key: "source, name" },
    Table { name: "version_thumbs", columns: "content, png", key: "content" },
    Table { name: "model_files", columns: "hash, name, path, bytes, file, whole", key: "hash" },
    Table { name: "model_parts", columns: "hash, part, data", key: "hash, part" },
    Table { name: "record_tags", columns: "thing, tag", key: "thing, tag" },
    Table { name: "record_fields", columns: "thing, key, value", key: "thing, key" },
];

/// How much was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Saved {
    /// Pictures out of the damaged file.
    pub pictures: u64,
    /// Runs out of the damaged file.
    pub runs: u64,
    /// Pictures that only a backup still knew.
    pub from_backup: u64,
}

/// Takes over what can be read of a damaged library, and what only its backups still know.
pub(super) fn salvage(library: &Library, aside: &Path, backups: &[PathBuf]) -> Saved {
    let mut saved = Saved::default();
    let mut add = |(pictures, runs): (u64, u64)| {
        saved.pictures += pictures;
        saved.runs += runs;
    };
    if let Some(old) = connect(aside) {
        add(carry_all(library, &old, false));
    } else {
        // The header, then the whole first page: tables of one version begin at the same places.
        for whole in [false, true] {
            let Ok(mended) = mended(aside, whole) else { break };
            let carried = connect(&mended.path().join("library.sqlite")).map(|old| carry_all(library, &old, false));
            if carried.is_some_and(|c| c.0 + c.1 > 0) {
                add(carried.unwrap_or_default());
                break;
            }
        }
    }
    for backup in backups {
        if let Some(old) = connect(backup) {
            saved.from_backup = carry_all(library, &old, true).0;
            break;
        }
    }
    let indexed = library.write(|tx| {
        tx.execute_batch(super::imported::MARK_ALL)?;
        super::records::build_if_none(tx, library.folder())?;
        schema::index_all(tx)
    });
    if let Err(problem) = indexed {
        log::warn!("words of rescued pictures: {problem}");
    }
    saved
}

/// A connection to a file whose list of tables can be read.
fn connect(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = sql::open_with(path, flags).ok()?;
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'items'", [], |row| row.get(0)).ok()?;
    (tables > 0).then_some(db)
}

/// A copy of a library with a header as such files have it, or with a whole first page.
fn mended(aside: &Path, whole: bool) -> Result<tempfile::TempDir> {
    let fail = |e: std::io::Error| crate::base::Problem::io("The damaged library could not be copied", aside, &e);
    let folder = tempfile::tempdir_in(aside.parent().unwrap_or(Path::new("."))).map_err(fail)?;
    let copy = folder.path().join("library.sqlite");
    let mut bytes = fs::read(aside).map_err(fail)?;
    // Pages of an encrypted one stand for themselves.
    if bytes.len() < PAGE || !matches!(vault::database_key(aside), Ok(vault::DatabaseKey::None)) {
        return Ok(folder);
    }
    if whole {
        let fresh = folder.path().join("fresh.sqlite");
        // What is written lies in the file itself once it is closed.
        drop(Library::open(&fresh)?);
        let first = fs::read(&fresh).map_err(fail)?;
        if let Some(first) = first.get(..PAGE) {
            bytes[..PAGE].copy_from_slice(first);
        }
    }
    let logged = super::rescue::companions(aside)[0].is_file();
    let pages = bytes.len() / PAGE;
    bytes[..100].copy_from_slice(&header(pages, logged));
    fs::write(&copy, &bytes).map_err(fail)?;
    for (from, to) in super::rescue::companions(aside).iter().zip(super::rescue::companions(&copy)) {
        // They are not always there.
        let _ = fs::copy(from, to);
    }
    Ok(folder)
}

/// The first hundred bytes of a library (<https://www.sqlite.org/fileformat2.html#the_database_header>).
fn header(pages: usize, logged: bool) -> [u8; 100] {
    let mut out = [0; 100];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    let number = |n: u32| n.to_be_bytes();
    put(0, b"SQLite format 3\0");
    put(16, &(PAGE as u16).to_be_bytes());
    // Journal by a write-ahead log, or by a rollback journal that is not there.
    let journal = if logged { 2 } else { 1 };
    put(18, &[journal, journal, 0, 64, 32, 32]);
    put(24, &number(1));
    put(28, &number(u32::try_from(pages).unwrap_or(u32::MAX)));
    put(40, &number(1));
    put(44, &number(4));
    put(56, &number(1));
    put(60, &number(schema::VERSION));
    put(92, &number(1));
    put(96, &number(3_050_000));
    out
}

/// Carries all tables over; says how many pictures and runs. Of a backup only pictures that are not here yet and whose
/// file is there, with their tags: what was thrown away or changed since stays so.
fn carry_all(library: &Library, old: &Connection, backup: bool) -> (u64, u64) {
    let mut counts = (0, 0);
    let mut new = HashSet::new();
    for table in &TABLES {
        let n = carry(library, old, table, backup, &mut new);
        match table.name {
            "items" => counts.0 = n,
            "runs" => counts.1 = n,
            _ => {}
        }
    }
    counts
}

/// Copies the rows of a table from both ends up to the first that cannot be read, and those between that can be found by
/// number; rows that do not fit are left out.
fn carry(library: &Library, old: &Connection, table: &Table, backup: bool, new: &mut HashSet<i64>) -> u64 {
    let Table { name, columns, key } = table;
    let width = columns.split(',').count();
    let marks = vec!["?"; width].join(", ");
    let copied = library.write(|tx| {
        let mut add = tx.prepare(&format!("INSERT OR IGNORE INTO {name} ({columns}) VALUES ({marks})"))?;
        let mut n = 0;
        let mut take = |row: &rusqlite::Row<'_>| {
            let values: rusqlite::Result<Vec<Value>> = (0..width).map(|i| row.get(i)).collect();
            let Ok(values) = values else { return };
            let number = if let Some(Value::Integer(number)) = values.first() { Some(*number) } else { None };
            let wanted = match (*name, number, values.get(1)) {
                _ if !backup => true,
                ("items", _, Some(path)) => super::imported::is_there(&sql::to_path(library.folder(), path.into())),
                ("item_tags" | "thumbs" | "imported", Some(item), _) => new.contains(&item),
                _ => true,
            };
            if !wanted {
                return;
            }
            // A tag of a picture that is lost has no place here.
            let added = add.execute(params_from_iter(values)).unwrap_or(0) as u64;
            n += added;
            if let (1, "items", Some(number)) = (added, *name, number) {
                new.insert(number);
            }
        };
        let mut ends = [None, None];
        for (end, way) in ends.iter_mut().zip(["", " DESC"]) {
            let order: Vec<String> = key.split(',').map(|k| format!("{k}{way}")).collect();
            let text = format!("SELECT {columns}, {key} FROM {name} ORDER BY {}", order.join(", "));
            let Ok(mut query) = old.prepare(&text) else { continue };
            let Ok(mut rows) = query.query([]) else { continue };
            let whole = loop {
                match rows.next() {
                    Ok(Some(row)) => {
                        *end = row.get::<_, i64>(width).ok().or(*end);
                        take(row);
                    }
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            if whole {
                return Ok(n);
            }
        }
        // In between, what still hangs on a page that can be read.
        if let ([Some(low), Some(high)], "id" | "item") = (ends, *key)
            && let Ok(mut one) = old.prepare(&format!("SELECT {columns} FROM {name} WHERE {key} = ?"))
        {
            for number in low + 1..high.min(low.saturating_add(TRIED)) {
                if let Ok(mut rows) = one.query([number])
                    && let Ok(Some(row)) = rows.next()
                {
                    take(row);
                }
            }
        }
        Ok(n)
    });
    copied.unwrap_or_else(|problem| {
        log::warn!("rescue of {name}: {problem}");
        0
    })
}

#[cfg(test)]
mod tests {
    use super::super::{ItemFilter, NewItem, backup};
    use super::*;
    use crate::base::Picture;

    const COUNT: usize = 600;

    /// A library of rated and tagged pictures whose files are there.
    fn rated(dir: &Path) -> PathBuf {
        let path = dir.join("library.sqlite");
        let library = Library::open(&path).unwrap();
        let gallery = dir.join("gallery");
        fs::create_dir_all(&gallery).unwrap();
        let new: Vec<NewItem> = (0..COUNT)
            .map(|n| {
                let path = gallery.join(format!("{n}.png"));
                fs::write(&path, b"x").unwrap();
                NewItem {
                    path,
                    picture: Picture::filled(4, 4, [n as u8, 2, 3, 255]),
                    model: format!("a model with a name that takes some room on a page, {n}"),
                    recipe: None,
                    starred: false,
                }
            })
            .collect();
        let ids = library.add_items(&new).unwrap();
        library.rate(&ids, 4).unwrap();
        library.tag(&ids, "dear", true).unwrap();
        path
    }

    fn dear(library: &Library) -> usize {
        let filter = ItemFilter { tag: Some("dear".into()), min_rating: 4, ..ItemFilter::default() };
        library.items(&filter).unwrap().len()
    }

    #[test]
    fn ratings_and_tags_survive_a_torn_header_and_a_torn_first_page() {
        for torn in [16, 100, PAGE] {
            let dir = tempfile::tempdir().unwrap();
            let path = rated(dir.path());
            let mut bytes = fs::read(&path).unwrap();
            bytes[..torn].fill(0x5A);
            fs::write(&path, &bytes).unwrap();
            let (library, problem) = Library::open_or_repair(&path).unwrap();
            assert!(problem.unwrap().detail.unwrap().contains("600 pictures"), "{torn}");
            assert_eq!(dear(&library), COUNT, "{torn}");
            let found = ItemFilter { text: "model 77".into(), ..ItemFilter::default() };
            assert!(!library.items(&found).unwrap().is_empty(), "words are found again");
            let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert!(left.iter().all(|n| !n.to_string_lossy().starts_with(".tmp")), "{left:?}");
        }
    }

    /// The page of the table of pictures that holds a picture with this number in its name.
    fn page_of(bytes: &[u8], n: usize) -> usize {
        let text = format!("gallery/{n}.png");
        let leaf = |page: &[u8]| page[0] == 0x0D && page.windows(text.len()).any(|w| w == text.as_bytes());
        bytes.chunks(PAGE).position(leaf).unwrap()
    }

    #[test]
    fn a_hole_in_the_middle_costs_its_own_page_and_a_backup_fills_it() {
        for with_backup in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = rated(dir.path());
            if with_backup {
                backup::daily(&path).unwrap().unwrap();
            }
            let mut bytes = fs::read(&path).unwrap();
            let page = page_of(&bytes, 300);
            bytes[page * PAGE..(page + 1) * PAGE].fill(0xEE);
            fs::write(&path, &bytes).unwrap();
            let (library, problem) = Library::open_or_repair(&path).unwrap();
            assert!(problem.is_some());
            if with_backup {
                assert_eq!(dear(&library), COUNT);
            } else {
                // Both ends are there: only what lay on the page is lost.
                assert!(dear(&library) > COUNT - 60, "{}", dear(&library));
                let all = library.items(&ItemFilter::default()).unwrap();
                let has = |n: usize| all.iter().any(|i| i.path.ends_with(format!("{n}.png")));
                assert!(has(0) && has(COUNT - 1) && !has(300));
            }
        }
    }

    #[test]
    fn a_library_of_which_nothing_is_left_comes_back_from_its_backup_without_what_was_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = rated(dir.path());
        backup::daily(&path).unwrap().unwrap();
        fs::remove_file(dir.path().join("gallery/5.png")).unwrap();
        fs::write(&path, vec![0xA5; 9000]).unwrap();
        let (library, problem) = Library::open_or_repair(&path).unwrap();
        assert_eq!(dear(&library), COUNT - 1);
        assert!(problem.unwrap().detail.unwrap().contains("599 pictures from the backup"));
    }
}
