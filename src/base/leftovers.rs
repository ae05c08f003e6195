//! Temporary files and folders of work in progress, and what killed work left of them.
//!
//! Whoever makes one locks it as long as it is at work ([`claim`]). A lock goes with its process, however that ends, so
//! what nobody holds is nobody's ([`sweep`]).

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Younger ones may be made but not locked yet.
const GRACE: Duration = Duration::from_secs(60);
/// Where locks are not told, only what was not touched for so long goes.
const UNKNOWN: Duration = Duration::from_secs(24 * 3600);

/// Holds a temporary file until `file` is closed. On a file system without locks it does nothing.
///
/// # Errors
/// Somebody swept it in the moment since it was made.
pub fn claim(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::ResourceBusy.into()),
        _ => Ok(()),
    }
}

/// Removes files and folders of this folder whose names begin with `prefix` and that no process holds. Returns how many
/// went.
pub fn sweep(folder: &Path, prefix: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|e| e.file_name().to_string_lossy().starts_with(prefix))
        .filter(|e| {
            let path = e.path();
            let gone = is_left(&path).and_then(|left| match left {
                false => Ok(false),
                true if path.is_dir() => fs::remove_dir_all(&path).map(|()| true),
                true => fs::remove_file(&path).map(|()| true),
            });
            gone.unwrap_or_else(|e| {
                log::warn!("{} could not be removed: {e}", path.display());
                false
            })
        })
        .count()
}

/// Whether nobody works on it any more.
fn is_left(path: &Path) -> io::Result<bool> {
    let meta = fs::symlink_metadata(path)?;
    let age = SystemTime::now().duration_since(meta.modified()?).unwrap_or_default();
    if age < GRACE || meta.is_symlink() {
        return Ok(false);
    }
    // Folders can be locked where they can be opened.
    match File::open(path).map(|file| file.try_lock()) {
        Ok(Ok(())) => Ok(true),
        Ok(Err(TryLockError::WouldBlock)) => Ok(false),
        Ok(Err(TryLockError::Error(_))) | Err(_) => Ok(age > UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aged(path: &Path, hours: u64) -> File {
        let file = File::create(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
        file
    }

    #[test]
    fn only_what_nobody_holds_goes() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let held = aged(&at(".making-held"), 100);
        claim(&held).unwrap();
        drop(aged(&at(".making-left"), 1));
        drop(aged(&at("other"), 100));
        File::create(at(".making-new")).unwrap();
        assert_eq!(sweep(dir.path(), ".making-"), 1);
        assert!(at(".making-held").exists() && at("other").exists() && at(".making-new").exists());
        drop(held);
        assert_eq!(sweep(dir.path(), ".making-"), 1, "its process is gone");
        assert_eq!(sweep(&at("nowhere"), ".making-"), 0);
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_held_and_left_like_files() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(".making-folder");
        fs::create_dir(&folder).unwrap();
        File::create(folder.join("part")).unwrap();
        let handle = File::open(&folder).unwrap();
        handle.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        claim(&handle).unwrap();
        assert_eq!(sweep(dir.path(), ".making-"), 0);
        drop(handle);
        assert_eq!(sweep(dir.path(), ".making-"), 1);
        assert!(!folder.exists());
    }
}
