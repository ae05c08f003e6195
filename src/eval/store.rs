//! Scores that were measured before, by the hash of the weights, so that they are there when a model is looked at again.

use std::path::PathBuf;

use super::score::Score;
use crate::base::locked::locked;
use crate::base::paths::{Paths, write_atomically};
use crate::base::vault;
use crate::base::{Problem, Result};

fn file(paths: &Paths, hash: &str) -> Option<PathBuf> {
    let plain = !hash.is_empty() && hash.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then(|| paths.data.join("scores").join(format!("{hash}.json")))
}

/// What is known of the model with these weights, the newest last.
pub fn known(paths: &Paths, hash: &str) -> Vec<Score> {
    let read = |path: PathBuf| vault::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    file(paths, hash).and_then(read).unwrap_or_default()
}

/// Keeps scores; those of the same kind that were there before are replaced. Nobody else keeps any meanwhile.
///
/// # Errors
/// The disk is full or the folder cannot be written.
pub fn keep(paths: &Paths, hash: &str, scores: &[Score]) -> Result<Vec<Score>> {
    let Some(path) = file(paths, hash) else { return Ok(scores.to_vec()) };
    let _held = locked(&paths.data.join("scores.lock"))?;
    let mut all: Vec<Score> = match vault::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|e| {
            // What cannot be read is not written over.
            log::warn!("{} is damaged and put aside: {e}", path.display());
            let _ = std::fs::rename(&path, path.with_extension("damaged.json"));
            Vec::new()
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Problem::io("Scores could not be read", &path, &e)),
    };
    all.retain(|old| !scores.iter().any(|new| alike(old, new)));
    all.extend(scores.iter().cloned());
    let bytes = serde_json::to_vec_pretty(&all).map_err(|e| Problem::failed("Scores cannot be written").because(e))?;
    write_atomically(&path, &bytes)?;
    Ok(all)
}

/// Whether two scores measure the same thing in the same way.
fn alike(a: &Score, b: &Score) -> bool {
    let key =
        |s: &Score| (s.name.clone(), s.extractor.clone(), s.estimator.clone(), s.data.clone(), s.count, s.reference);
    key(a) == key(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_tables_at_once_none_is_lost_and_numbers_that_are_none_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        std::thread::scope(|scope| {
            for i in 0..16u32 {
                let paths = &paths;
                let value = if i == 3 { f64::NAN } else { f64::from(i) };
                let score = Score { name: format!("kid/{i}"), value, high: f64::INFINITY, ..Score::default() };
                scope.spawn(move || keep(paths, "abc", &[score]).unwrap());
            }
        });
        let all = known(&paths, "abc");
        assert_eq!(all.len(), 16);
        assert!(all.iter().find(|s| s.name == "kid/3").unwrap().value.is_nan());
        let path = file(&paths, "abc").unwrap();
        std::fs::write(&path, b"[ torn").unwrap();
        assert_eq!(keep(&paths, "abc", &[Score::default()]).unwrap().len(), 1);
        assert_eq!(std::fs::read(path.with_extension("damaged.json")).unwrap(), b"[ torn");
    }

    #[test]
    fn scores_are_kept_by_weights_and_renewed() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        let score = |value, count| Score { name: "kid".into(), value, count, ..Score::default() };
        assert!(known(&paths, "abc").is_empty());
        keep(&paths, "abc", &[score(0.5, 100), score(0.4, 200)]).unwrap();
        let all = keep(&paths, "abc", &[score(0.3, 100)]).unwrap();
        assert_eq!(all, [score(0.4, 200), score(0.3, 100)]);
        assert_eq!(known(&paths, "abc"), all);
        assert!(known(&paths, "def").is_empty());
        // A hash that is no file name is not written.
        assert_eq!(keep(&paths, "../x", &[score(1.0, 1)]).unwrap().len(), 1);
        assert!(known(&paths, "../x").is_empty());
    }
}
