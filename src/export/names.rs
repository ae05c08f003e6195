//! Names of exported files. Nothing here ever replaces a file that is there.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

pub use crate::base::paths::safe_name as sanitised;
use crate::base::{Problem, Result, temp, vault};

/// A file name (without folder and extension) from a pattern.
///
/// `{model}`, `{seed}`, `{n}` (four digits) and `{date}` are replaced; where there is no seed, `{seed}` gives the
/// number. What some system forbids in names becomes `-`; the result is never empty.
pub fn file_name(pattern: &str, model: &str, seed: Option<u64>, n: usize, date: &str) -> String {
    let seed = match seed {
        Some(seed) => seed.to_string(),
        None if pattern.contains("{n}") => String::new(),
        None => format!("n{n:04}"),
    };
    let mut name = String::new();
    let mut rest = pattern;
    // One pass, so that braces inside a model's name stay as they are.
    while let Some(start) = rest.find('{') {
        name.push_str(&rest[..start]);
        rest = &rest[start..];
        let words = [("{model}", model), ("{seed}", &seed), ("{n}", &format!("{n:04}")), ("{date}", date)];
        match words.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, value)) => {
                name.push_str(value);
                rest = &rest[word.len()..];
            }
            None => {
                name.push('{');
                rest = &rest[1..];
            }
        }
    }
    name.push_str(rest);
    sanitised(&name)
}

/// Today as `2026-03-31`, where the user is.
pub fn today() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%d").to_string()
}

/// The `attempt`-th name to try: `stem.png`, `stem-2.png`, `stem-3.png`, …; no extension for folders.
fn candidate(folder: &Path, stem: &str, extension: &str, attempt: u32) -> PathBuf {
    let dot = if extension.is_empty() { "" } else { "." };
    folder.join(if attempt <= 1 {
        format!("{stem}{dot}{extension}")
    } else {
        format!("{stem}-{attempt}{dot}{extension}")
    })
}

/// The first of `stem.ext`, `stem-2.ext`, … that nothing has. Someone else may take it at once; where that matters
/// use [`write_new`].
pub fn free_path(folder: &Path, stem: &str, extension: &str) -> PathBuf {
    let mut attempt = 1;
    loop {
        let path = candidate(folder, stem, extension, attempt);
        if path.symlink_metadata().is_err() {
            return path;
        }
        attempt += 1;
    }
}

/// An empty file that goes away unless it is kept, in a folder that is made if it is not there.
///
/// # Errors
/// The folder cannot be made or written (named).
pub fn beside(folder: &Path) -> Result<NamedTempFile> {
    let fail = |e: std::io::Error| Problem::io("Files cannot be written to this folder", folder, &e);
    std::fs::create_dir_all(folder).map_err(fail)?;
    temp::sweep_once(folder);
    temp::file_in(folder).map_err(fail)
}

/// Writes a file under the first free name (see [`free_path`]), wholly or not at all, and says which it was.
///
/// # Errors
/// The disk is full or the folder cannot be written (named).
pub fn write_new(folder: &Path, stem: &str, extension: &str, bytes: &[u8]) -> Result<PathBuf> {
    let fail = |e: std::io::Error| Problem::io("Files cannot be written to this folder", folder, &e);
    let mut file = beside(folder)?;
    // Below an encrypted library it is sealed.
    let bytes = vault::files::for_path(&folder.join(stem), bytes).map_err(fail)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
    keep_new(file, folder, stem, extension)
}

/// Writes files that belong together under one stem, the first of `stem`, `stem-2`, … that none of them has, and says
/// which they are.
///
/// # Errors
/// The disk is full or the folder cannot be written (named); then none is left.
pub fn write_together(folder: &Path, stem: &str, parts: &[(&str, &[u8])]) -> Result<Vec<PathBuf>> {
    let fail = |e: std::io::Error| Problem::io("Files cannot be written to this folder", folder, &e);
    for attempt in 1.. {
        let paths: Vec<PathBuf> = parts.iter().map(|(ending, _)| candidate(folder, stem, ending, attempt)).collect();
        if paths.iter().any(|p| p.symlink_metadata().is_ok()) {
            continue;
        }
        let mut files = Vec::with_capacity(parts.len());
        for (_, bytes) in parts {
            let mut file = beside(folder)?;
            let bytes = vault::files::for_path(&folder.join(stem), bytes).map_err(fail)?;
            file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
            files.push(file);
        }
        let mut kept: Vec<&PathBuf> = Vec::with_capacity(parts.len());
        let mut taken = None;
        for (file, path) in files.into_iter().zip(&paths) {
            match file.persist_noclobber(path) {
                Ok(_) => kept.push(path),
                Err(e) => {
                    taken = Some((path, e.error));
                    break;
                }
            }
        }
        let Some((path, error)) = taken else { return Ok(paths) };
        kept.into_iter().for_each(|made| drop(std::fs::remove_file(made)));
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            return Err(Problem::io("This file could not be written", path, &error));
        }
    }
    unreachable!("there are more numbers than files")
}

/// Gives a finished file the first free name (see [`free_path`]) without a moment in which another could be replaced.
///
/// # Errors
/// The folder cannot be written (named).
pub fn keep_new(mut file: NamedTempFile, folder: &Path, stem: &str, extension: &str) -> Result<PathBuf> {
    let mut attempt = 1;
    loop {
        let path = candidate(folder, stem, extension, attempt);
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(e) if e.error.kind() == std::io::ErrorKind::AlreadyExists => file = e.file,
            Err(e) => return Err(Problem::io("This file could not be written", &path, &e.error)),
        }
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_filled() {
        let name = |pattern: &str, seed| file_name(pattern, "emoji-faces", seed, 7, "2026-03-31");
        assert_eq!(name("{model}-{seed}", Some(42)), "emoji-faces-42");
        assert_eq!(name("{date} {n} {model}", None), "2026-03-31 0007 emoji-faces");
        assert_eq!(name("{model}-{seed}", None), "emoji-faces-n0007");
        assert_eq!(name("{model}-{seed}-{n}", None), "emoji-faces-0007");
        assert_eq!(name("{what}{", Some(1)), "{what}{");
        assert_eq!(file_name("{model}", "{seed}", Some(5), 1, ""), "{seed}");
    }

    #[test]
    fn nothing_is_ever_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("new/deep");
        let paths: Vec<_> = (0..3u8).map(|i| write_new(&at, "a", "png", &[i]).unwrap()).collect();
        assert_eq!(paths, [at.join("a.png"), at.join("a-2.png"), at.join("a-3.png")]);
        for (i, path) in paths.iter().enumerate() {
            assert_eq!(std::fs::read(path).unwrap(), [i as u8]);
        }
        assert_eq!(free_path(&at, "a", "png"), at.join("a-4.png"));
        assert_eq!(free_path(&at, "b", ""), at.join("b"));
        assert_eq!(std::fs::read_dir(&at).unwrap().count(), 3, "no leftovers");
    }

    #[test]
    fn files_that_belong_together_share_a_name_that_none_of_them_had() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.json"), "mine").unwrap();
        std::fs::write(dir.path().join("a-2.png"), "mine").unwrap();
        let parts: [(&str, &[u8]); 2] = [("png", b"p"), ("json", b"j")];
        for n in [3, 4] {
            let paths = write_together(dir.path(), "a", &parts).unwrap();
            assert_eq!(paths, [dir.path().join(format!("a-{n}.png")), dir.path().join(format!("a-{n}.json"))]);
        }
        assert_eq!(std::fs::read(dir.path().join("a.json")).unwrap(), b"mine");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 6);
    }

    #[test]
    fn many_writers_never_share_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut all: Vec<_> = std::thread::scope(|s| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    s.spawn(|| (0..20).map(|_| write_new(dir.path(), "x", "png", b"1").unwrap()).collect::<Vec<_>>())
                })
                .collect();
            threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 80);
    }
}
