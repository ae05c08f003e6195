//! Files and folders on their way to a name: locked while they are written, so that what a killed process left is told
//! apart and swept. A lock goes with its process, however that ends.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};

/// What names of files begin with while they are written.
pub const WRITING: &str = ".writing-";
/// The locked file in a folder that is being written.
const LOCK: &str = ".lock";
/// A file gets its lock a moment after it is made; so old ones have theirs.
const YOUNG: Duration = Duration::from_secs(60);
/// Folders of earlier versions have no lock: they are left for so long.
const UNLOCKED: Duration = Duration::from_secs(24 * 3600);

/// An empty file in a folder that is there, which goes away unless it gets a name. It becomes a plain file, as the user's
/// mask has it.
///
/// # Errors
/// The folder cannot be written.
pub fn file_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(WRITING);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    // Where the file system knows no locks, nothing is swept either.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// A folder that is being filled, with its lock.
pub struct Filling {
    /// The folder.
    pub folder: TempDir,
    lock: File,
}

/// An empty folder in another one, which goes away unless it gets a name.
///
/// # Errors
/// The folder cannot be written.
pub fn folder_in(folder: &Path) -> io::Result<Filling> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(WRITING);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let folder = builder.tempdir_in(folder)?;
    let lock = File::create(folder.path().join(LOCK))?;
    let _ = lock.try_lock();
    Ok(Filling { folder, lock })
}

impl Filling {
    /// Gives the folder its name.
    ///
    /// # Errors
    /// Something is there already, or the folder around it cannot be written.
    pub fn rename(self, target: &Path) -> io::Result<()> {
        drop(self.lock);
        fs::remove_file(self.folder.path().join(LOCK))?;
        fs::rename(self.folder.path(), target)?;
        // It moved away; there is nothing to clean up.
        let _ = self.folder.keep();
        Ok(())
    }
}

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

/// Bytes of what killed processes left half written in a folder (not in those below), and how many files; `remove` takes
/// them away.
pub fn leftovers(folder: &Path, remove: bool) -> (u64, u64) {
    leftovers_named(folder, WRITING, remove)
}

/// As [`leftovers`], of files and folders whose names begin with `prefix`.
pub fn leftovers_named(folder: &Path, prefix: &str, remove: bool) -> (u64, u64) {
    let (mut bytes, mut files) = (0, 0);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let path = entry.path();
        let Ok(about) = entry.metadata() else { continue };
        if !is_left(&path, &about) {
            continue;
        }
        let size = if about.is_dir() { folder_bytes(&path) } else { about.len() };
        let gone = !remove || if about.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.is_ok();
        if gone {
            (bytes, files) = (bytes + size, files + 1);
        }
    }
    (bytes, files)
}

/// As [`leftovers`], the first time that this process writes to a folder.
pub fn sweep_once(folder: &Path) {
    static SWEPT: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let Ok(mut swept) = SWEPT.lock() else { return };
    if swept.get_or_insert_default().insert(folder.to_path_buf()) {
        drop(swept);
        let (bytes, files) = leftovers(folder, true);
        if files > 0 {
            log::info!("{files} half-written files ({bytes} bytes) were removed from {}", folder.display());
        }
    }
}

fn is_left(path: &Path, about: &fs::Metadata) -> bool {
    let older = |than: Duration| about.modified().is_ok_and(|t| t.elapsed().is_ok_and(|age| age > than));
    // Where locks are not told, only what was not touched for long is left.
    let free = |file: &Path| match File::open(file).map(|f| f.try_lock()) {
        Ok(Ok(())) => true,
        Ok(Err(TryLockError::WouldBlock)) => false,
        Ok(Err(TryLockError::Error(_))) | Err(_) => older(UNLOCKED),
    };
    if !older(YOUNG) {
        return false;
    }
    if about.is_dir() {
        let lock = path.join(LOCK);
        return if lock.is_file() { free(&lock) } else { older(UNLOCKED) };
    }
    about.is_file() && free(path)
}

fn folder_bytes(folder: &Path) -> u64 {
    let walk = walkdir::WalkDir::new(folder).into_iter().flatten();
    walk.filter_map(|e| e.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn aged(path: &Path) {
        let file = File::open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }

    #[test]
    fn what_nobody_writes_any_more_goes_and_what_is_being_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let on = file_in(dir.path()).unwrap();
        let filling = folder_in(dir.path()).unwrap();
        let dead = dir.path().join(format!("{WRITING}dead"));
        fs::write(&dead, [7; 100]).unwrap();
        let folder = dir.path().join(format!("{WRITING}folder"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(LOCK), b"").unwrap();
        fs::write(folder.join("00001.png"), [7; 50]).unwrap();
        fs::write(dir.path().join("mine.txt"), b"mine").unwrap();
        assert_eq!(leftovers(dir.path(), true), (0, 0), "too young to tell");
        for path in [on.path(), filling.folder.path(), &dead, &folder] {
            aged(path);
        }
        assert_eq!(leftovers(dir.path(), false), (150, 2));
        assert!(dead.exists());
        assert_eq!(leftovers(dir.path(), true), (150, 2));
        assert!(!dead.exists() && !folder.exists() && on.path().exists() && filling.folder.path().exists());
        filling.rename(&dir.path().join("done")).unwrap();
        on.persist(dir.path().join("file")).unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["done", "file", "mine.txt"]);
        assert_eq!(fs::read_dir(dir.path().join("done")).unwrap().count(), 0, "no lock is left inside");
    }

    #[test]
    fn what_another_prefix_names_is_held_and_swept_alike() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let held = File::create(at(".making-held")).unwrap();
        claim(&held).unwrap();
        File::create(at(".making-left")).unwrap();
        File::create(at("other")).unwrap();
        for name in [".making-held", ".making-left", "other"] {
            aged(&at(name));
        }
        File::create(at(".making-new")).unwrap();
        assert_eq!(leftovers_named(dir.path(), ".making-", true).1, 1);
        assert!(at(".making-held").exists() && at("other").exists() && at(".making-new").exists());
        drop(held);
        assert_eq!(leftovers_named(dir.path(), ".making-", true).1, 1, "its process is gone");
        assert_eq!(leftovers_named(&at("nowhere"), ".making-", true).1, 0);
    }
}
