//! Runs for tests of what they are exported to.

use std::path::Path;

use crate::base::series::Reading;
use crate::recipe::Recipe;
use crate::train::folder::{DataMark, RunFile, RunFolder};
use crate::train::report::RunEvent;
use crate::train::telemetry::append;

/// A folder for everything.
pub fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A run that told a loss and a score at these pictures seen, and knows its data.
pub fn begin(home: &tempfile::TempDir, name: &str, images: &[u64]) -> RunFolder {
    let run = RunFolder::create(&home.path().join(name), &Recipe::default(), None, "cpu").unwrap();
    let data = Some(DataMark { hash: "d".repeat(64), pictures: 12, generated: 0, versions: Vec::new() });
    run.write_file(&RunFile { data, created: 1_790_000_000, ..run.file().unwrap() }).unwrap();
    go_on(&run, Some(0), images);
    run
}

/// Goes on from a checkpoint, or without having stopped.
pub fn go_on(run: &RunFolder, from: Option<u64>, images: &[u64]) {
    let mut log = run.append_telemetry().unwrap();
    if let Some(images) = from {
        let started = RunEvent::Started { device: "cpu".into(), pictures: 12, step: images / 2, images };
        append(&mut log, &started).unwrap();
    }
    for &images in images {
        let values = vec![("loss".to_owned(), 1.0 / images as f64), ("kid.low".to_owned(), images as f64)];
        let reading = Reading { step: images / 2, images, seconds: images as f64 / 4.0, values };
        append(&mut log, &RunEvent::Reading(reading)).unwrap();
    }
}

/// Pictures seen of the points of a curve in a table of another program, in order.
pub fn column(path: &Path, sql: &str) -> Vec<i64> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut query = db.prepare(sql).unwrap();
    query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
