//! A run in trackio's file of a project: one SQLite database, `PROJECT.db`.
//!
//! A row holds all numbers of a step. Its `log_id`, which trackio keeps unique, is made of the run and what the row says, so
//! that no row comes twice; rows of this run that no longer hold are taken away.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde_json::{Map, Value, json};

use super::run_log::RunLog;
use super::{Written, database};
use crate::base::{Problem, Result};

/// The version of the tables that trackio 0.43 writes (`PRAGMA user_version`).
const VERSION: i64 = 2;
const TABLES: &str = include_str!("trackio.sql");

/// A row of the table of metrics.
struct Row {
    id: String,
    step: u64,
    millis: i64,
    json: String,
}

/// Writes a run into a project's file, which is made if it is not there.
///
/// # Errors
/// The file is no project of trackio, or one of another version; it is held by another program; the disk is full.
pub fn write(log: &RunLog, path: &Path) -> Result<Written> {
    let mut db = database::open(path)?;
    write_all(log, path, &mut db)
}

fn write_all(log: &RunLog, path: &Path, db: &mut Connection) -> Result<Written> {
    let fail = |e: rusqlite::Error| database::problem(path, &e);
    let tx = Transaction::new(db, TransactionBehavior::Immediate).map_err(fail)?;
    if database::is_empty(&tx).map_err(fail)? {
        tx.execute_batch(TABLES).map_err(fail)?;
    }
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fail)?;
    let known = database::has(&tx, "metrics", &["run_id", "run_name", "timestamp", "step", "metrics", "log_id"])
        && database::has(&tx, "configs", &["run_id", "run_name", "config", "created_at"]);
    if version != VERSION || !known {
        return Err(Problem::usage("This is no project of trackio 0.43, or one of another version")
            .of(path.display().to_string())
            .because(format!("version of its tables: {version}"))
            .try_this("Give the file of a project that this version opened, or a new one"));
    }
    let out = rows(log, &tx, path).map_err(fail)?;
    tx.commit().map_err(fail)?;
    Ok(out)
}

fn rows(log: &RunLog, tx: &Transaction<'_>, path: &Path) -> rusqlite::Result<Written> {
    let mut rows: Vec<Row> = Vec::new();
    for point in log.points() {
        let same = rows.last().is_some_and(|r| r.step == point.step && r.millis == point.millis);
        let mut values: Map<String, Value> = if same {
            rows.pop().and_then(|r| serde_json::from_str(&r.json).ok()).unwrap_or_default()
        } else {
            Map::new()
        };
        values.insert(point.key.into(), number(point.value));
        let json = Value::Object(values).to_string();
        let hash = blake3::hash(format!("{} {} {json}", log.id, point.step).as_bytes());
        rows.push(Row { id: hash.to_hex()[..32].to_owned(), step: point.step, millis: point.millis, json });
    }
    let hold: HashSet<&str> = rows.iter().map(|r| r.id.as_str()).collect();
    let mut query = tx.prepare("SELECT id, log_id FROM metrics WHERE run_id = ?")?;
    let there: Vec<(i64, Option<String>)> =
        query.query_map([&log.id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (id, _) in there.iter().filter(|(_, log_id)| log_id.as_deref().is_none_or(|l| !hold.contains(l))) {
        tx.execute("DELETE FROM metrics WHERE id = ?", [id])?;
    }
    let name = &log.summary.name;
    let mut add = tx.prepare(
        "INSERT OR IGNORE INTO metrics (run_id, timestamp, run_name, step, metrics, log_id) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    let mut out = Written { place: path.display().to_string(), files: 1, added: 0 };
    for row in &rows {
        let step = i64::try_from(row.step).unwrap_or(i64::MAX);
        out.added += add.execute(params![log.id, time(row.millis), name, step, row.json, row.id])? as u64;
    }
    let created = time(log.millis(0.0));
    let mut config = serde_json::to_value(&log.summary.recipe).unwrap_or_default();
    if let Value::Object(config) = &mut config {
        config.extend(log.tags().into_iter().map(|(key, value)| (key, Value::String(value))));
        // What trackio's own pages ask for.
        config.extend([("_Username".into(), Value::Null), ("_Created".into(), created.clone().into())]);
        config.insert("_Group".into(), Value::Null);
    }
    tx.execute(
        "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (run_id) DO UPDATE SET run_name = excluded.run_name, config = excluded.config",
        params![log.id, name, config.to_string(), created],
    )?;
    // It may be called otherwise since.
    tx.execute("UPDATE metrics SET run_name = ?2 WHERE run_id = ?1 AND run_name <> ?2", params![log.id, name])?;
    Ok(out)
}

/// A number as trackio writes it; JSON has no word for those that are none.
fn number(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else if value.is_nan() {
        json!("NaN")
    } else if value > 0.0 {
        json!("Infinity")
    } else {
        json!("-Infinity")
    }
}

/// A Unix time in milliseconds as ISO 8601 with an offset.
fn time(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{}+00:00", time.strftime("%Y-%m-%dT%H:%M:%S%.6f"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::records::testing::{begin, column, go_on, home};

    const STEPS: &str = "SELECT step FROM metrics ORDER BY step, id";

    #[test]
    fn twice_adds_nothing_and_a_resumed_run_keeps_what_holds() {
        let home = home();
        let run = begin(&home, "a", &[10, 20, 30]);
        let path = home.path().join("p.db");
        let write = || write(&RunLog::read(run.dir(), None).unwrap(), &path).unwrap().added;
        assert_eq!((write(), write()), (3, 0));
        go_on(&run, Some(20), &[30, 40]);
        // The run is exact: the point at 30 is the one from before.
        assert_eq!((write(), write()), (1, 0));
        assert_eq!(column(&path, STEPS), [10, 20, 30, 40]);
        go_on(&run, Some(10), &[15]);
        assert_eq!(write(), 1);
        assert_eq!(column(&path, STEPS), [10, 15]);
        let other = begin(&home, "b", &[10]);
        super::write(&RunLog::read(other.dir(), None).unwrap(), &path).unwrap();
        assert_eq!(column(&path, "SELECT count(DISTINCT run_id) FROM metrics"), [2]);
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let home = home();
        let run = begin(&home, "a", &[10]);
        let log = RunLog::read(run.dir(), None).unwrap();
        let path = home.path().join("p.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(write(&log, &path).unwrap_err().what.contains("trackio"));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let path = home.path().join("q.db");
        std::fs::write(&path, "no database at all").unwrap();
        assert_eq!(write(&log, &path).unwrap_err().exit_code(), 3);
        assert_eq!(number(f64::NEG_INFINITY), json!("-Infinity"));
        assert_eq!(time(1_790_000_000_123), "2026-09-21T14:13:20.123000+00:00");
    }
}
