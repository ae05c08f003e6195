//! A run as TensorBoard reads it: a folder with an event file for each beginning of the run.
//!
//! The bytes of a file follow from what the run told, so a file that is there already is either what they begin with, and
//! the rest is appended (a TensorBoard that watches it goes on reading), or holds something that the run went back from,
//! and is replaced. Nothing is written twice, and an export that was killed is finished by the next.
//!
//! TensorBoard keeps ten pictures a tag, so each ten samples have a tag of their own. Scores measured later are a folder of
//! their own, for a point with a lower step makes TensorBoard forget those ahead of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Written;
use super::event_file::EventFile;
use super::run_log::{RunLog, Told, plain_name};
use crate::base::paths::{safe_name, write_atomically};
use crate::base::vault;
use crate::base::{Problem, Result};

/// Pictures that TensorBoard keeps of a tag.
const PICTURES: usize = 10;

/// Writes a run below `root`, the folder that TensorBoard is started with.
///
/// # Errors
/// The folder cannot be written, or the disk is full.
pub fn write(log: &RunLog, root: &Path) -> Result<Written> {
    let folder = folder(log, root);
    let mut out = Written { place: folder.display().to_string(), ..Written::default() };
    let start = log.millis(0.0) / 1000;
    let mut pictures = 0;
    for (n, segment) in log.segments.iter().enumerate() {
        let path = folder.join(format!("events.out.tfevents.{start:010}.{}.{n:04}", log.id));
        let mut file = EventFile::new(log.millis(segment.seconds) as f64 / 1000.0);
        if n == 0 {
            let recipe = format!("```json\n{}\n```", log.summary.recipe.to_json());
            file.text(start as f64, 0, "recipe", &recipe);
        } else {
            file.restart(log.millis(segment.seconds) as f64 / 1000.0, segment.from + 1);
        }
        for told in &segment.told {
            match told {
                Told::Reading(r) => {
                    let values: Vec<(String, f64)> = r.values.iter().map(|(k, v)| (plain_name(k), *v)).collect();
                    let wall = log.millis(r.seconds) as f64 / 1000.0;
                    file.scalars(wall, r.images, values.iter().map(|(k, v)| (k.as_str(), *v)));
                }
                Told::Preview { images, seconds } => {
                    let Some((width, height, png)) = samples(&log.preview(*images)) else { continue };
                    let tag = format!("samples/{}", pictures / PICTURES + 1);
                    pictures += 1;
                    file.picture(log.millis(*seconds) as f64 / 1000.0, *images, &tag, width, height, &png);
                }
            }
        }
        put(&path, &file.into_bytes(), &mut out)?;
    }
    late(log, &folder, &mut out)?;
    Ok(out)
}

/// Scores measured later.
fn late(log: &RunLog, folder: &Path, out: &mut Written) -> Result<()> {
    if log.late.is_empty() {
        return Ok(());
    }
    let wall = log.points().last().map_or(log.file.created as f64, |p| p.millis as f64 / 1000.0);
    let mut file = EventFile::new(log.file.created as f64);
    // By name, then by step: within a tag steps rise.
    for score in &log.late {
        file.scalars(wall, score.images, [(plain_name(&score.name).as_str(), score.value)]);
    }
    let path = folder.join("evaluated").join(format!("events.out.tfevents.{:010}.{}.0000", log.file.created, log.id));
    put(&path, &file.into_bytes(), out)
}

/// The folder of a run: called as it is, unless another run is there.
fn folder(log: &RunLog, root: &Path) -> PathBuf {
    // TensorBoard takes no folder for a file of events, but people look for the word.
    let name = safe_name(&log.summary.name.replace("tfevents", "events"));
    let plain = root.join(&name);
    let others = |folder: &Path| {
        let files = fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.file_name()));
        let events: Vec<String> =
            files.map(|n| n.to_string_lossy().into_owned()).filter(|n| n.contains("tfevents")).collect();
        !events.is_empty() && !events.iter().any(|name| name.contains(&log.id))
    };
    let own = root.join(format!("{name}-{}", &log.id[..8]));
    if own.is_dir() || others(&plain) { own } else { plain }
}

/// Brings a file to these bytes: what is missing is appended, and what differs is replaced.
fn put(path: &Path, bytes: &[u8], out: &mut Written) -> Result<()> {
    let fail = |e: &std::io::Error| Problem::io("This event file could not be written", path, e);
    out.files += 1;
    let old = match vault::read(path) {
        Ok(old) => old,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(fail(&e)),
    };
    if let Some(rest) = bytes.strip_prefix(old.as_slice())
        && !old.is_empty()
    {
        if !rest.is_empty() {
            OpenOptions::new().append(true).open(path).and_then(|mut f| f.write_all(rest)).map_err(|e| fail(&e))?;
        }
        out.added += rest.len() as u64;
        return Ok(());
    }
    out.added += bytes.len() as u64;
    write_atomically(path, bytes)
}

/// Size and bytes of a sheet of samples; nothing where there is none.
fn samples(path: &Path) -> Option<(u32, u32, Vec<u8>)> {
    let png = vault::read(path).ok()?;
    let head = png.get(..24)?.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    Some((number(8)?, number(12)?, png))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::records::testing::{begin, go_on, home};

    fn files(root: &Path) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<PathBuf> = walkdir::WalkDir::new(root)
            .into_iter()
            .flatten()
            .filter(|e| e.file_type().is_file())
            .map(|e| e.into_path())
            .collect();
        all.sort();
        all.into_iter().map(|p| (p.strip_prefix(root).unwrap().display().to_string(), fs::read(&p).unwrap())).collect()
    }

    #[test]
    fn twice_adds_nothing_and_a_torn_file_is_finished() {
        let home = home();
        let run = begin(&home, "a", &[10, 20, 30]);
        let root = home.path().join("board");
        let log = || RunLog::read(run.dir(), None).unwrap();
        let first = write(&log(), &root).unwrap();
        assert!(first.added > 0 && first.files == 1);
        let before = files(&root);
        assert_eq!(write(&log(), &root).unwrap().added, 0);
        assert_eq!(files(&root), before);
        // Killed while it wrote.
        let path = root.join(&before[0].0);
        fs::write(&path, &before[0].1[..100]).unwrap();
        assert_eq!(write(&log(), &root).unwrap().added as usize, before[0].1.len() - 100);
        assert_eq!(files(&root), before);
    }

    #[test]
    fn a_run_that_goes_on_is_appended_and_a_resumed_one_has_a_file_from_there() {
        let home = home();
        let run = begin(&home, "a", &[10, 20, 30]);
        let root = home.path().join("board");
        write(&RunLog::read(run.dir(), None).unwrap(), &root).unwrap();
        let before = files(&root);
        go_on(&run, None, &[40]);
        write(&RunLog::read(run.dir(), None).unwrap(), &root).unwrap();
        let longer = files(&root);
        assert!(longer.len() == 1 && longer[0].1.starts_with(&before[0].1) && longer[0].1.len() > before[0].1.len());
        go_on(&run, Some(20), &[30, 40, 50]);
        write(&RunLog::read(run.dir(), None).unwrap(), &root).unwrap();
        let resumed = files(&root);
        assert_eq!(resumed.len(), 2);
        assert!(before[0].1.starts_with(&resumed[0].1), "what no longer holds is gone");
        // Another run of the same name has a folder of its own.
        let other = begin(&home, "b/a", &[10]);
        let there = write(&RunLog::read(other.dir(), None).unwrap(), &root).unwrap().place;
        assert!(Path::new(&there).file_name().unwrap().to_str().unwrap().starts_with("a-"), "{there}");
        assert_eq!(files(&root).len(), 3);
    }
}
