//! Files that are read, changed and written again: by one thread of one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Problem, Result};

/// A file is held for milliseconds; whoever holds it for longer does not answer any more.
const LONGEST: Duration = Duration::from_secs(30);

/// The right to change what a lock stands for; given back when it is dropped, and by the system when a process ends.
#[derive(Debug)]
pub struct Locked(#[allow(dead_code)] Option<File>);

/// Waits for the lock in this file, which is made if it is not there and stays there, empty. It holds against other
/// processes and other threads alike. On disks that know no locks, as some shares are, nothing is held.
///
/// # Errors
/// The file cannot be made, or another process holds it for half a minute.
pub fn locked(path: &Path) -> Result<Locked> {
    let fail = |e: &std::io::Error| Problem::io("This lock could not be taken", path, e);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| fail(&e))?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(|e| fail(&e))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Locked(Some(file))),
            Err(TryLockError::WouldBlock) if began.elapsed() < LONGEST => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => {
                return Err(Problem::failed("Another Latent Studio is changing this and does not finish")
                    .of(path.display().to_string())
                    .try_this("End the other one, or try again"));
            }
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {
                log::warn!("{} cannot be locked: {e}", path.display());
                return Ok(Locked(None));
            }
            Err(TryLockError::Error(e)) => return Err(fail(&e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::paths::write_atomically;

    #[test]
    fn of_many_changes_at_once_none_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let (lock, file) = (home.path().join("deep/a.lock"), home.path().join("deep/a.txt"));
        std::thread::scope(|scope| {
            for i in 0..16u8 {
                let (lock, file) = (&lock, &file);
                scope.spawn(move || {
                    let _held = locked(lock).unwrap();
                    let mut bytes = std::fs::read(file).unwrap_or_default();
                    bytes.push(i);
                    write_atomically(file, &bytes).unwrap();
                });
            }
        });
        let mut all = std::fs::read(&file).unwrap();
        all.sort_unstable();
        assert_eq!(all, (0..16).collect::<Vec<u8>>());
        assert!(locked(home.path()).is_err(), "a folder is no lock");
    }
}
