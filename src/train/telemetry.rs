//! What a run told, a line an event: `telemetry.jsonl` in its folder.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::folder::RunFolder;
use super::report::RunEvent;
use crate::base::vault::log::{self, Log};
use crate::base::{Problem, Result};

/// A run's telemetry, opened for appending.
#[derive(Debug)]
pub struct Telemetry {
    file: Log,
    /// Whether the last line may be there in part: the disk was full.
    torn: bool,
}

/// Appends an event, a line of its own, also after one that could be written in part only.
///
/// # Errors
/// The disk is full, the file has reached the size that is allowed, or its disk is gone.
pub fn append(log: &mut Telemetry, event: &RunEvent) -> std::io::Result<()> {
    let mut line = if log.torn { vec![b'\n'] } else { Vec::new() };
    serde_json::to_writer(&mut line, event)?;
    line.push(b'\n');
    log.torn = true;
    log.file.write_all(&line)?;
    log.torn = false;
    Ok(())
}

impl RunFolder {
    fn telemetry_path(&self) -> PathBuf {
        self.dir().join("telemetry.jsonl")
    }

    /// Opens the telemetry for appending; a last line cut off by a crash is removed first.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn append_telemetry(&self) -> Result<Telemetry> {
        let path = self.telemetry_path();
        let fail = |e: &std::io::Error| Problem::io("The run's telemetry could not be opened", &path, e);
        let mut log = Log::open(&path).map_err(|e| fail(&e))?;
        // A sealed one has whole lines only.
        let Some(file) = log.plain() else { return Ok(Telemetry { file: log, torn: false }) };
        // Only its end is read, for it may be long.
        const WINDOW: u64 = 64 << 10;
        let mut end = file.metadata().map_err(|e| fail(&e))?.len();
        while end > 0 {
            let start = end.saturating_sub(WINDOW);
            let mut bytes = vec![0; (end - start) as usize];
            file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes)).map_err(|e| fail(&e))?;
            match bytes.iter().rposition(|&b| b == b'\n') {
                Some(last) => {
                    end = start + last as u64 + 1;
                    break;
                }
                None => end = start,
            }
        }
        file.set_len(end).map_err(|e| fail(&e))?;
        file.seek(SeekFrom::End(0)).map_err(|e| fail(&e))?;
        Ok(Telemetry { file: log, torn: false })
    }

    /// Events from place `offset` of the file on, whole lines only, and the place to go on from. Damaged lines are left
    /// out.
    pub fn telemetry_from(&self, offset: u64) -> (Vec<RunEvent>, u64) {
        let Ok((bytes, end)) = log::read_from(&self.telemetry_path(), offset) else { return (Vec::new(), offset) };
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1);
        let events = bytes[..whole]
            .split(|&b| b == b'\n')
            .filter(|line| !line.is_empty())
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        // In a plain file a line that is cut off is read again.
        (events, end - (bytes.len() - whole) as u64)
    }

    /// Everything told so far that still holds: what was told of states that the run went back from is left out.
    pub fn history(&self) -> Vec<RunEvent> {
        let mut out: Vec<RunEvent> = Vec::new();
        for event in self.telemetry_from(0).0 {
            let back_to = match &event {
                RunEvent::Rewound { images } => Some(*images),
                // A run that was killed goes on from a checkpoint before the last thing it told.
                RunEvent::Started { images, .. } => Some(*images),
                _ => None,
            };
            if let Some(images) = back_to {
                out.retain(|e| match e {
                    RunEvent::Reading(r) => r.images <= images,
                    RunEvent::Preview { images: i } => *i <= images,
                    RunEvent::Edited(e) => e.images <= images,
                    RunEvent::Finding(f) => f.images <= images,
                    _ => true,
                });
            }
            out.push(event);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;
    use crate::base::series::Reading;
    use crate::recipe::{Edit, Recipe};

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&dir.path().join("r"), &Recipe::default(), None, "cpu").unwrap();
        (dir, run)
    }

    fn reading(images: u64) -> RunEvent {
        RunEvent::Reading(Reading { step: images / 10, images, seconds: 1.0, values: vec![("loss".into(), 0.5)] })
    }

    #[test]
    fn telemetry_survives_a_cut_line_and_forgets_what_was_rewound() {
        let (_dir, run) = folder();
        let mut file = run.append_telemetry().unwrap();
        for images in [10, 20, 30] {
            append(&mut file, &reading(images)).unwrap();
        }
        file.file.write_all(b"{\"event\":\"read").unwrap();
        drop(file);
        let (events, offset) = run.telemetry_from(0);
        assert_eq!(events.len(), 3);
        let mut file = run.append_telemetry().unwrap();
        append(&mut file, &RunEvent::Rewound { images: 20 }).unwrap();
        append(&mut file, &reading(25)).unwrap();
        assert_eq!(run.telemetry_from(offset).0.len(), 2);
        let images: Vec<u64> = run
            .history()
            .iter()
            .filter_map(|e| if let RunEvent::Reading(r) = e { Some(r.images) } else { None })
            .collect();
        assert_eq!(images, [10, 20, 25]);
    }

    #[test]
    fn edits_are_known_without_the_telemetry_and_from_it_where_they_have_no_file() {
        let (_dir, run) = folder();
        let edit = Edit { step: 2, images: 20, key: "optim.lr".into(), value: 0.5.into() };
        let mut file = run.append_telemetry().unwrap();
        append(&mut file, &RunEvent::Edited(edit.clone())).unwrap();
        assert_eq!(run.edits(), std::slice::from_ref(&edit), "a run of an earlier version");
        run.write_edits(&[]).unwrap();
        assert!(run.edits().is_empty());
        let long = "x".repeat(200_000);
        write!(file.file, "{{\"cut\":\"{long}").unwrap();
        drop(run.append_telemetry().unwrap());
        assert_eq!(run.telemetry_from(0).0, [RunEvent::Edited(edit)], "a long line that was cut off is removed");
    }

    /// A disk that is full takes the beginning of a line; with room again the next one stands alone.
    #[test]
    fn a_line_after_a_torn_one_is_whole() {
        let (_dir, run) = folder();
        let mut log = run.append_telemetry().unwrap();
        append(&mut log, &reading(10)).unwrap();
        log.file.write_all(b"{\"event\":\"reading\",\"st").unwrap();
        log.torn = true;
        append(&mut log, &reading(20)).unwrap();
        append(&mut log, &reading(30)).unwrap();
        assert_eq!(run.telemetry_from(0).0, [reading(10), reading(20), reading(30)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_could_not_be_written_is_known_to_be_torn() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut log = Telemetry { file: file.into(), torn: false };
        assert!(append(&mut log, &reading(10)).is_err() && log.torn);
    }
}
