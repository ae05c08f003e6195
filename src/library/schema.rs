//! Tables, and how older libraries become newer ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Version of the tables: how many migrations there are.
pub const VERSION: u32 = MIGRATIONS.len() as u32;

/// Each step takes a library one version further. Steps that were released never change; new ones are added.
const MIGRATIONS: &[&str] = &[FIRST, LOOKS, NUMBERS, SEARCH, super::records::TABLES, super::marks::TABLES, BY_WEIGHTS];

/// The version from which on the lineage names runs by where they are in the library's folder, and from which on words
/// are found inside of texts that are written without spaces.
pub const RELATIVE_LINEAGE: u32 = 3;

/// The version from which on words are cut as they are now.
const WORDS: usize = 4;

/// How long others wait while one of them brings a large library up to date: minutes for a million pictures.
const MIGRATING: Duration = Duration::from_secs(600);

/// The version from which on there are records of everything.
const RECORDS: usize = 5;

/// Numbers of changes are not used twice: a message with a way back speaks of one by its number.
const NUMBERS: &str = "
CREATE TABLE numbered (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL,
    change TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    at     INTEGER NOT NULL
) STRICT;
INSERT INTO numbered (id, name, change, undone, at) SELECT id, name, change, undone, at FROM journal ORDER BY id;
DROP TABLE journal;
ALTER TABLE numbered RENAME TO journal;
";

/// Pictures of data sets beside the kept ones, vectors, and searches that were saved. Vectors of one space are comparable
/// with each other only; a space is a network, named by the hash of its weights.
const SEARCH: &str = "
-- 0: kept; 1: imported and made by a model; 2: imported and real.
ALTER TABLE items ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
CREATE INDEX items_kept ON items (trashed, created DESC, id DESC) WHERE imported = 0;
CREATE INDEX items_origin ON items (trashed, imported, id);
CREATE INDEX items_width ON items (trashed, width, id);
CREATE INDEX items_height ON items (trashed, height, id);

CREATE TABLE imported (
    item    INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
    -- Name of its data set, whether no model made it, its label and caption.
    dataset TEXT NOT NULL,
    real    INTEGER NOT NULL,
    label   TEXT,
    caption TEXT,
    -- Where it is: the source as it is opened, and its name within.
    source  TEXT NOT NULL,
    name    TEXT NOT NULL,
    -- Size and time of its file, or the fingerprint of its source.
    stamp   TEXT NOT NULL
) STRICT;
CREATE INDEX imported_dataset ON imported (dataset COLLATE NOCASE, item);
CREATE INDEX imported_label ON imported (label COLLATE NOCASE, item);
CREATE INDEX imported_source ON imported (source, name);

DROP TABLE items_text;
CREATE VIRTUAL TABLE items_text USING fts5 (
    model, tags, recipe, name, label, caption, data,
    content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE spaces (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    name  TEXT NOT NULL,
    tower TEXT NOT NULL,
    dims  INTEGER NOT NULL,
    -- Deletions up to this number are no longer listed below.
    pruned INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name, tower)
) STRICT;

-- Little-endian f32 of length 1. Numbers rise and are not used twice: an index knows by them what is new.
CREATE TABLE vectors (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    space  INTEGER NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    item   INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    vector BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX vectors_item ON vectors (space, item);
CREATE INDEX vectors_of_item ON vectors (item);
CREATE TABLE vectors_gone (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    space  INTEGER NOT NULL,
    vector INTEGER NOT NULL
) STRICT;
CREATE TRIGGER vectors_deleted AFTER DELETE ON vectors BEGIN
    INSERT INTO vectors_gone (space, vector) VALUES (old.space, old.id);
END;

-- Searches that were saved: albums that fill themselves.
CREATE TABLE searches (
    name    TEXT PRIMARY KEY,
    query   TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a file beside the library is known by to belong to it.
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO about VALUES ('library', lower(hex(randomblob(16))));
";

/// Kept pictures by the hash of the weights that made them: for what is liked of a model, and for pairs of checkpoints.
const BY_WEIGHTS: &str = "
CREATE INDEX items_weights ON items (model_hash, id DESC) WHERE trashed = 0 AND imported = 0;
";

/// How a picture looks at a glance, to find others like it; filled in when it is first asked for.
const LOOKS: &str = "ALTER TABLE thumbs ADD COLUMN look BLOB";

const FIRST: &str = "
-- Times are seconds since 1970; paths are text, or bytes where they are not Unicode.
CREATE TABLE datasets (
    source   TEXT PRIMARY KEY,
    pictures INTEGER NOT NULL,
    hash     TEXT,
    used     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id      INTEGER PRIMARY KEY,
    dir     ANY NOT NULL UNIQUE,
    name    TEXT NOT NULL,
    recipe  TEXT NOT NULL,
    state   TEXT NOT NULL,
    images  INTEGER NOT NULL,
    created INTEGER NOT NULL,
    parent  TEXT
) STRICT;

CREATE TABLE checkpoints (
    run    INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    images INTEGER NOT NULL,
    path   ANY NOT NULL,
    best   INTEGER NOT NULL,
    score  REAL,
    PRIMARY KEY (run, images)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    hash  TEXT PRIMARY KEY,
    name  TEXT NOT NULL,
    info  TEXT NOT NULL,
    added INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Numbers are not used twice: the journal speaks of pictures by number.
CREATE TABLE items (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    path       ANY NOT NULL UNIQUE,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    model      TEXT NOT NULL,
    model_hash TEXT NOT NULL,
    rating     INTEGER NOT NULL DEFAULT 0,
    starred    INTEGER NOT NULL DEFAULT 0,
    trashed    INTEGER NOT NULL DEFAULT 0,
    created    INTEGER NOT NULL,
    -- JSON; the numbers of a latent stand in the next column, as little-endian f32.
    recipe     TEXT,
    latent     BLOB
) STRICT;
CREATE INDEX items_newest ON items (trashed, created DESC, id DESC);
CREATE INDEX items_rating ON items (trashed, rating DESC, created DESC, id DESC);
CREATE INDEX items_model ON items (trashed, model, created DESC, id DESC);
CREATE INDEX items_star ON items (trashed, starred, created DESC, id DESC) WHERE starred;

CREATE TABLE thumbs (
    item INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE,
    png  BLOB NOT NULL
) STRICT;

CREATE TABLE item_tags (
    item INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    tag  TEXT NOT NULL,
    PRIMARY KEY (item, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_tags_tag ON item_tags (tag, item);

-- Words to search for; the texts themselves stay where they are.
CREATE VIRTUAL TABLE items_text USING fts5 (
    model, tags, recipe,
    content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE lineage (
    child    TEXT NOT NULL,
    parent   TEXT NOT NULL,
    relation TEXT NOT NULL,
    created  INTEGER NOT NULL,
    PRIMARY KEY (child, parent, relation)
) STRICT, WITHOUT ROWID;
CREATE INDEX lineage_parent ON lineage (parent, child);

CREATE TABLE journal (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    change TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    at     INTEGER NOT NULL
) STRICT;
";

/// Version of the tables in a library.
pub fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Brings the tables up to date, wholly or not at all, and says from which version. A library of a later version is left
/// as it is.
pub fn migrate(db: &Connection) -> rusqlite::Result<u32> {
    let before = version(db)?;
    if before >= VERSION {
        return Ok(before);
    }
    db.busy_timeout(MIGRATING)?;
    let done = migrate_now(db);
    db.busy_timeout(super::PATIENCE)?;
    done.map(|()| before)
}

fn migrate_now(db: &Connection) -> rusqlite::Result<()> {
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    // Another process may have done it while this one waited.
    let from = version(&tx)? as usize;
    for step in MIGRATIONS.iter().skip(from) {
        tx.execute_batch(step)?;
    }
    if from < MIGRATIONS.len() {
        if from > 0 {
            if from < WORDS {
                index_all(&tx)?;
            }
            if from < RECORDS {
                let file = PathBuf::from(tx.path().unwrap_or_default());
                super::records::build(&tx, file.parent().unwrap_or(Path::new("")))?;
            }
        }
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()
}

/// Puts the words of every picture into the index again.
pub fn index_all(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut query = tx.prepare("SELECT id FROM items")?;
    let ids: Vec<i64> = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    ids.iter().try_for_each(|id| super::items::index(tx, *id))
}

/// Looks whether every table is there, and at a small library whole. `None`: nothing is wrong.
pub fn examine(db: &Connection, bytes: u64) -> rusqlite::Result<Option<String>> {
    for table in [
        "datasets",
        "runs",
        "checkpoints",
        "models",
        "items",
        "thumbs",
        "item_tags",
        "lineage",
        "journal",
        "imported",
        "spaces",
        "vectors",
        "vectors_gone",
        "searches",
        "about",
        "records",
        "edges",
        "versions",
        "manifests",
        "version_tags",
        "marks",
        "heads",
        "branches",
        "version_thumbs",
        "model_files",
        "model_parts",
        "record_tags",
        "record_fields",
    ] {
        db.prepare(&format!("SELECT * FROM {table} LIMIT 1"))?.query([])?.next()?;
    }
    db.prepare("SELECT rowid FROM items_text LIMIT 1")?.query([])?.next()?;
    if bytes > EXAMINED {
        return Ok(None);
    }
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// Libraries up to this many bytes are read through at each start (about 50 ms).
const EXAMINED: u64 = 16 << 20;

/// Takes a library back to the version that came before pictures of data sets.
#[cfg(test)]
pub const WITHOUT_SEARCH: &str = "
DROP INDEX items_weights; DROP INDEX items_kept_model; DROP INDEX items_kept_model_rating;
DROP TABLE marks; DROP TABLE heads; DROP TABLE branches; DROP TABLE version_thumbs;
DROP TABLE model_parts; DROP TABLE model_files; DROP TABLE record_tags; DROP TABLE record_fields;
DROP TABLE records; DROP TABLE edges; DROP TABLE versions; DROP TABLE manifests; DROP TABLE version_tags;
DROP INDEX items_usage;
DROP TRIGGER vectors_deleted; DROP TABLE vectors_gone; DROP TABLE vectors; DROP TABLE spaces; DROP TABLE searches;
DROP TABLE about; DROP TABLE imported; DROP INDEX items_kept; DROP INDEX items_origin; DROP INDEX items_width; DROP INDEX items_height;
 ALTER TABLE items DROP COLUMN imported;
DROP TABLE items_text;
CREATE VIRTUAL TABLE items_text USING fts5 (
    model, tags, recipe,
    content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_becomes_a_library_once() {
        let db = Connection::open_in_memory().unwrap();
        migrate(&db).unwrap();
        migrate(&db).unwrap();
        assert_eq!(version(&db).unwrap(), VERSION);
        assert_eq!(examine(&db, 0).unwrap(), None);
        db.execute_batch("DROP TABLE lineage").unwrap();
        assert!(examine(&db, 0).is_err());
    }

    #[test]
    fn a_step_that_fails_leaves_no_trace() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE journal (x)").unwrap();
        assert!(migrate(&db).is_err());
        assert_eq!(version(&db).unwrap(), 0);
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).unwrap();
        assert_eq!(tables, 1);
    }
}
