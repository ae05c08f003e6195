//! A run in `mlflow.db`, the SQLite database that MLflow opens with `--backend-store-uri sqlite:///mlflow.db`.
//!
//! Everything of a run is written in one transaction. Points are those that hold, so that an export after the run went back
//! takes away what it told of later states.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::run_log::{RunLog, plain_name};
use super::{Written, database, mlflow};
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result};

const TABLES: &str = include_str!("mlflow.sql");

/// Tables that are written, with the columns that must be there.
const WRITTEN: [(&str, &[&str]); 9] = [
    ("experiments", &["experiment_id", "name", "artifact_location", "lifecycle_stage", "workspace"]),
    ("runs", &["run_uuid", "name", "source_type", "status", "start_time", "end_time", "artifact_uri", "experiment_id"]),
    ("metrics", &["key", "value", "timestamp", "run_uuid", "step", "is_nan"]),
    ("latest_metrics", &["key", "value", "timestamp", "run_uuid", "step", "is_nan"]),
    ("params", &["key", "value", "run_uuid"]),
    ("tags", &["key", "value", "run_uuid"]),
    ("datasets", &["dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type", "dataset_source"]),
    ("inputs", &["input_uuid", "source_type", "source_id", "destination_type", "destination_id"]),
    ("input_tags", &["input_uuid", "name", "value"]),
];

/// Writes a run into a database, which is made if it is not there; its files go into `mlartifacts` beside it.
///
/// # Errors
/// The file is no database of MLflow, or one of a version with other tables; it is held by another program; the disk is
/// full.
pub fn write(log: &RunLog, path: &Path) -> Result<Written> {
    let path = std::path::absolute(path).map_err(|e| Problem::io("This path is none", path, &e))?;
    let mut db = database::open(&path)?;
    let fail = |e: rusqlite::Error| database::problem(&path, &e);
    let tx = Transaction::new(&mut db, TransactionBehavior::Immediate).map_err(fail)?;
    if database::is_empty(&tx).map_err(fail)? {
        tx.execute_batch(TABLES).map_err(fail)?;
    }
    if let Some((table, _)) = WRITTEN.iter().find(|(table, columns)| !database::has(&tx, table, columns)) {
        return Err(Problem::usage("This is no database of MLflow, or one of another version")
            .of(path.display().to_string())
            .because(format!("the table {table} is missing, or has other columns"))
            .try_this(
                "Bring it up to date with `mlflow db upgrade sqlite:///FILE.db`, or start `mlflow server` on it and give \
                 its address in place of the file",
            ));
    }
    let artifacts = path.parent().unwrap_or(Path::new("")).join("mlartifacts");
    let (mut out, folder) = rows(log, &tx, &artifacts).map_err(fail)?;
    out.place = path.display().to_string();
    // Files first, so that no row speaks of one that is missing.
    for (name, bytes) in mlflow::artifacts(log)? {
        let file = folder.join(name);
        if std::fs::read(&file).is_ok_and(|old| old == bytes) {
            continue;
        }
        write_atomically(&file, &bytes)?;
        out.files += 1;
    }
    tx.commit().map_err(fail)?;
    Ok(out)
}

/// The number of the studio's experiment, made if it is not there, and where its files lie.
fn experiment(tx: &Connection, artifacts: &Path, now: i64) -> rusqlite::Result<i64> {
    let add = "INSERT OR IGNORE INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, \
               creation_time, last_update_time, workspace) VALUES (?, ?, ?, 'active', ?, ?, 'default')";
    let at = |id: i64| format!("file://{}", artifacts.join(id.to_string()).display());
    // MLflow makes this one itself where it makes the tables.
    tx.execute(add, params![0, "Default", at(0), now, now])?;
    let known = "SELECT experiment_id FROM experiments WHERE name = ? AND workspace = 'default'";
    if let Ok(id) = tx.query_row(known, [mlflow::EXPERIMENT], |row| row.get(0)) {
        return Ok(id);
    }
    let id: i64 = tx.query_row("SELECT max(experiment_id) + 1 FROM experiments", [], |row| row.get(0))?;
    tx.execute(add, params![id, mlflow::EXPERIMENT, at(id), now, now])?;
    Ok(id)
}

fn rows(log: &RunLog, tx: &Transaction<'_>, artifacts: &Path) -> rusqlite::Result<(Written, PathBuf)> {
    let mut out = Written { files: 1, ..Written::default() };
    let id = &log.id;
    let experiment = experiment(tx, artifacts, log.millis(0.0))?;
    let uri = format!("file://{}", artifacts.join(format!("{experiment}/{id}/artifacts")).display());
    let status = mlflow::status(log.summary.state);
    tx.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, \
         end_time, source_version, lifecycle_stage, artifact_uri, experiment_id) \
         VALUES (?, ?, 'LOCAL', 'latent-studio', '', ?, ?, ?, ?, '', 'active', ?, ?) ON CONFLICT (run_uuid) DO UPDATE SET \
         name = excluded.name, status = excluded.status, end_time = excluded.end_time",
        params![id, log.summary.name, mlflow::user(), status, log.millis(0.0), log.ended(), uri, experiment],
    )?;
    let place: String = tx.query_row("SELECT artifact_uri FROM runs WHERE run_uuid = ?", [id], |row| row.get(0))?;
    let before: i64 = tx.query_row("SELECT count(*) FROM metrics WHERE run_uuid = ?", [id], |row| row.get(0))?;
    tx.execute("DELETE FROM metrics WHERE run_uuid = ?", [id])?;
    tx.execute("DELETE FROM latest_metrics WHERE run_uuid = ?", [id])?;
    let columns = "(key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)";
    let mut add = tx.prepare(&format!("INSERT OR IGNORE INTO metrics {columns}"))?;
    // Points of a curve come in order: the last one stays.
    let mut latest = tx.prepare(&format!("INSERT OR REPLACE INTO latest_metrics {columns}"))?;
    let mut points = 0;
    for point in log.points() {
        let (value, nan) = mlflow::value(point.value);
        let step = i64::try_from(point.step).unwrap_or(i64::MAX);
        let row = params![plain_name(point.key), value, point.millis, step, nan, id];
        points += add.execute(row)? as u64;
        latest.execute(row)?;
    }
    out.added = points.saturating_sub(before.unsigned_abs());
    tx.execute("DELETE FROM params WHERE run_uuid = ?", [id])?;
    let mut add = tx.prepare("INSERT OR REPLACE INTO params (key, value, run_uuid) VALUES (?, ?, ?)")?;
    for (key, value) in mlflow::params(log) {
        add.execute(params![key, value, id])?;
    }
    tx.execute("DELETE FROM tags WHERE run_uuid = ? AND key LIKE 'latent_studio.%'", [id])?;
    let mut add = tx.prepare("INSERT OR REPLACE INTO tags (key, value, run_uuid) VALUES (?, ?, ?)")?;
    for (key, value) in mlflow::tags(log) {
        add.execute(params![key, value, id])?;
    }
    if let Some(data) = mlflow::dataset(log) {
        dataset(tx, &data, experiment, id)?;
    }
    let folder = place.strip_prefix("file://").unwrap_or(&place).to_owned();
    Ok((out, folder.into()))
}

/// Links the data set that a run learned from.
fn dataset(tx: &Transaction<'_>, data: &mlflow::Dataset, experiment: i64, run: &str) -> rusqlite::Result<()> {
    let uuid = |what: &str| blake3::hash(what.as_bytes()).to_hex()[..32].to_owned();
    tx.execute(
        "INSERT OR IGNORE INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, \
         dataset_schema, dataset_profile) VALUES (?, ?, ?, ?, 'local', ?, NULL, ?)",
        params![
            uuid(&format!("{experiment} {} {}", data.name, data.digest)),
            experiment,
            data.name,
            data.digest,
            data.source,
            data.profile
        ],
    )?;
    let set: String = tx.query_row(
        "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
        params![experiment, data.name, data.digest],
        |row| row.get(0),
    )?;
    let input = uuid(&format!("{set} {run}"));
    tx.execute(
        "INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) \
         VALUES (?, 'DATASET', ?, 'RUN', ?)",
        params![input, set, run],
    )?;
    tx.execute(
        "INSERT OR IGNORE INTO input_tags (input_uuid, name, value) VALUES (?, 'mlflow.data.context', 'training')",
        [input],
    )
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::records::testing::{begin, column, go_on, home};

    #[test]
    fn twice_adds_nothing_and_a_resumed_run_keeps_what_holds() {
        let home = home();
        let run = begin(&home, "a", &[10, 20, 30]);
        let path = home.path().join("mlflow.db");
        let write = || write(&RunLog::read(run.dir(), None).unwrap(), &path).unwrap().added;
        assert_eq!((write(), write()), (6, 0));
        go_on(&run, Some(20), &[30, 40]);
        assert_eq!((write(), write()), (2, 0));
        assert_eq!(column(&path, "SELECT step FROM metrics WHERE key = 'loss' ORDER BY step"), [10, 20, 30, 40]);
        assert_eq!(column(&path, "SELECT step FROM latest_metrics ORDER BY key"), [40, 40]);
        assert_eq!(column(&path, "SELECT count(*) FROM runs"), [1]);
        assert_eq!(column(&path, "SELECT count(*) FROM inputs"), [1]);
        // Files of the run are where the database says.
        let db = Connection::open(&path).unwrap();
        let uri: String = db.query_row("SELECT artifact_uri FROM runs", [], |row| row.get(0)).unwrap();
        assert!(Path::new(uri.strip_prefix("file://").unwrap()).join("recipe.json").is_file());
    }

    #[test]
    fn a_database_of_another_version_is_left_alone() {
        let home = home();
        let run = begin(&home, "a", &[10]);
        let path = home.path().join("mlflow.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(TABLES).unwrap();
        db.execute_batch("ALTER TABLE experiments RENAME COLUMN workspace TO place").unwrap();
        let problem = write(&RunLog::read(run.dir(), None).unwrap(), &path).unwrap_err();
        assert!(problem.remedy.unwrap().contains("db upgrade"));
        assert_eq!(column(&path, "SELECT count(*) FROM runs"), [0]);
    }
}
