//! Where the studio keeps things. `LATENT_STUDIO_HOME` moves everything under one folder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Problem, Result};

/// The studio's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Settings and layout.
    pub config: PathBuf,
    /// Library, runs, imported models, kept pictures.
    pub data: PathBuf,
    /// What can be made again: prepared sets, thumbnails, verdicts on devices.
    pub cache: PathBuf,
    /// Where exported pictures and films are proposed to go.
    pub exports: PathBuf,
}

/// The source tree that cargo runs the program or its tests from, else the one that it was built in (a built program may
/// have moved, and so may a clone that shares its target folder with another one).
pub fn source_tree() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    let package = package.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    // A package may be a part of the tree.
    let top = package.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    top.unwrap_or(&package).to_path_buf()
}

/// Folders in which shipped models are looked for, the first to be trusted most.
pub fn shipped_folders() -> Vec<PathBuf> {
    let mut out = Vec::new();
    if let Some(folder) = std::env::var_os("LATENT_STUDIO_CHECKPOINTS") {
        out.push(PathBuf::from(folder));
    }
    if let Some(exe) = std::env::current_exe().ok().and_then(|e| e.canonicalize().ok()) {
        // Beside the binary; in an installation; two or three floors up in a build folder inside the source tree.
        for up in exe.ancestors().skip(1).take(4) {
            out.push(up.join("checkpoints"));
            out.push(up.join("share/latent-studio/checkpoints"));
        }
    }
    out.push(source_tree().join("checkpoints"));
    out
}

impl Paths {
    /// The folders of this user, or those under `LATENT_STUDIO_HOME`.
    pub fn of_user() -> Self {
        if let Some(home) = std::env::var_os("LATENT_STUDIO_HOME").filter(|h| !h.is_empty()) {
            return Self::under(Path::new(&home));
        }
        match directories::ProjectDirs::from("", "", "latent-studio") {
            Some(dirs) => Self {
                config: dirs.config_dir().into(),
                data: dirs.data_dir().into(),
                cache: dirs.cache_dir().into(),
                exports: pictures_of_user().join("Latent Studio"),
            },
            None => Self::under(&std::env::temp_dir().join("latent-studio")),
        }
    }

    /// Everything under one folder.
    pub fn under(home: &Path) -> Self {
        Self {
            config: home.join("config"),
            data: home.join("data"),
            cache: home.join("cache"),
            exports: home.join("exports"),
        }
    }

    /// The SQLite library.
    pub fn library(&self) -> PathBuf {
        self.data.join("library.sqlite")
    }

    /// Run folders that the window makes.
    pub fn runs(&self) -> PathBuf {
        self.data.join("runs")
    }

    /// Imported models.
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    /// Models that the library holds, as they are read.
    pub fn stored_models(&self) -> PathBuf {
        self.cache.join("library-models")
    }

    /// Pictures kept in the gallery.
    pub fn gallery(&self) -> PathBuf {
        self.data.join("gallery")
    }

    /// Prepared data sets.
    pub fn prepared(&self) -> PathBuf {
        self.cache.join("prepared")
    }
}

/// The folder that the desktop keeps a person's pictures in, else their home.
fn pictures_of_user() -> PathBuf {
    let dirs = directories::UserDirs::new();
    let pictures = dirs.as_ref().and_then(|d| d.picture_dir()).map(Path::to_path_buf);
    pictures.or_else(|| dirs.map(|d| d.home_dir().to_path_buf())).unwrap_or_else(std::env::temp_dir)
}

/// Bytes that may still be written where this path is or would be; nothing where the system does not say.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    fs4::available_space(path.ancestors().find(|p| p.exists())?).ok()
}

/// Writes a file so that it is either wholly there or not at all: beside, flushed to disk, renamed. In an encrypted library
/// it is sealed.
///
/// # Errors
/// The disk is full, the folder cannot be written, or the library is locked; the old file is then untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fail = |e: &std::io::Error| Problem::io("This file could not be written", path, e);
    std::fs::create_dir_all(folder).map_err(|e| fail(&e))?;
    let mut beside = super::temp::file_in(folder).map_err(|e| fail(&e))?;
    let bytes = super::vault::files::for_path(path, bytes).map_err(|e| fail(&e))?;
    beside.write_all(&bytes).map_err(|e| fail(&e))?;
    beside.as_file().sync_all().map_err(|e| fail(&e))?;
    beside.persist(path).map_err(|e| fail(&e.error))?;
    // The rename itself must reach the disk too; not every file system lets a folder be opened.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Longest name that is made, in bytes: file systems allow 255, and a suffix must fit.
const LONGEST_NAME: usize = 180;

/// A name that every common file system takes.
pub fn safe_name(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        let c = if c.is_control() || "/\\:*?\"<>|".contains(c) || c.is_whitespace() && c != ' ' { '-' } else { c };
        // Runs of dashes come from empty places in the pattern.
        if !(c == '-' && out.ends_with('-')) {
            out.push(c);
        }
    }
    // Windows drops dots and spaces at the end; a dot in front hides the file elsewhere.
    let mut out = out.trim_matches(|c| matches!(c, '.' | ' ' | '-')).to_string();
    if out.len() > LONGEST_NAME {
        let cut = (0..=LONGEST_NAME).rev().find(|&i| out.is_char_boundary(i)).unwrap_or(0);
        out.truncate(cut);
    }
    let first = out.split('.').next().unwrap_or("").to_ascii_uppercase();
    let numbered =
        |word: &str| first.len() == 4 && first.starts_with(word) && first.ends_with(|c: char| c.is_ascii_digit());
    if matches!(first.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT") {
        out.insert(0, '_');
    }
    if out.is_empty() { "picture".into() } else { out }
}

/// Notes that a file of the cache was used now: what was used longest ago goes first when room is made.
pub fn note_use(path: &Path) {
    // Where that cannot be noted, it counts as used when it was made.
    let _ = File::open(path).and_then(|f| f.set_modified(std::time::SystemTime::now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere() {
        assert_eq!(safe_name("a/b\\c:d*?\"<>|e\n"), "a-b-c-d-e");
        assert_eq!(safe_name("../../etc/passwd"), "etc-passwd");
        assert_eq!(safe_name("con.x"), "_con.x");
        assert_eq!(safe_name("COM1"), "_COM1");
        assert_eq!(safe_name("comb"), "comb");
        assert_eq!(safe_name(" .. "), "picture");
        let long = safe_name(&"ä".repeat(300));
        assert!(long.len() <= LONGEST_NAME && long.chars().all(|c| c == 'ä'));
    }

    #[test]
    fn free_space_is_known_for_what_is_not_there_yet() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(&dir.path().join("not/yet")).unwrap() > 0);
        assert!(free_bytes(Path::new("relative")).unwrap() > 0);
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
