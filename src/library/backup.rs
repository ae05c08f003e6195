//! A copy of the library for each of the last days it was used, made while it is in use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::sql;
use crate::base::{Problem, Result};

/// Copies that are kept.
const KEPT: usize = 3;
/// How old the newest copy is when another one is made. A little under a day, so that one is made each day.
const OLD: Duration = Duration::from_secs(20 * 3600);
/// What the name of a copy that is being written begins with.
const WRITING: &str = ".writing-";

/// Folder of the copies.
pub fn folder(library: &Path) -> PathBuf {
    library.parent().unwrap_or(Path::new("")).join("backups")
}

/// The copies of a library, the newest first.
pub fn list(library: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder(library)) else { return Vec::new() };
    let mut all: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "sqlite") && !name(p).starts_with('.'))
        .collect();
    // Names are dates.
    all.sort_by_key(|p| std::cmp::Reverse(name(p)));
    all
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Copies the library if the newest copy is a day old, and says where to; older copies go. Others may read and write
/// meanwhile. A damaged library is not copied, so that it never takes the place of a good one.
///
/// # Errors
/// The library cannot be read whole, or the disk is full.
pub fn daily(library: &Path) -> Result<Option<PathBuf>> {
    let folder = folder(library);
    let fail = |e: std::io::Error| Problem::io("The library could not be backed up", &folder, &e);
    let fresh = |path: &PathBuf| {
        let made = path.metadata().and_then(|m| m.modified()).ok();
        made.and_then(|t| SystemTime::now().duration_since(t).ok()).is_some_and(|age| age < OLD)
    };
    if !library.is_file() || list(library).first().is_some_and(fresh) {
        return Ok(None);
    }
    fs::create_dir_all(&folder).map_err(fail)?;
    // One process at a time; another one finds it done next time.
    let gate = File::create(folder.join(".lock")).map_err(fail)?;
    if gate.try_lock().is_err() || list(library).first().is_some_and(fresh) {
        return Ok(None);
    }
    // What a killed process began: nobody else writes here while the lock is held.
    for entry in fs::read_dir(&folder).map_err(fail)?.filter_map(|e| e.ok()) {
        if entry.file_name().to_string_lossy().starts_with(WRITING) {
            let _ = fs::remove_file(entry.path());
        }
    }
    let beside = folder.join(format!("{WRITING}{}", std::process::id()));
    let target = folder.join(format!("library-{}.sqlite", jiff::Zoned::now().strftime("%Y-%m-%d")));
    let copied = copy(library, &beside).and_then(|()| {
        File::open(&beside).and_then(|f| f.sync_all()).map_err(fail)?;
        fs::rename(&beside, &target).map_err(fail)
    });
    if let Err(problem) = copied {
        let _ = fs::remove_file(&beside);
        return Err(problem);
    }
    for old in list(library).into_iter().skip(KEPT) {
        // One that cannot be removed is tried again tomorrow.
        let _ = fs::remove_file(old);
    }
    Ok(Some(target))
}

/// A whole copy as of one moment, read page by page: a damaged one is found.
fn copy(library: &Path, to: &Path) -> Result<()> {
    let problem = |e: rusqlite::Error| sql::problem(library, &e);
    let db = sql::open(library).map_err(problem)?;
    db.busy_timeout(Duration::from_secs(10)).map_err(problem)?;
    let to = to.to_str().ok_or_else(|| {
        Problem::failed("The library's folder has a name that is no Unicode, so no backup is kept")
            .of(to.display().to_string())
    })?;
    db.execute("VACUUM INTO ?", [to]).map_err(problem)?;
    let copy = sql::open(Path::new(to)).map_err(problem)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(problem)?;
    if found == "ok" {
        return Ok(());
    }
    Err(Problem::data("The library is damaged, so no backup was made").of(library.display().to_string()).because(found))
}

#[cfg(test)]
mod tests {
    use super::super::Library;
    use super::*;

    #[test]
    fn one_copy_a_day_is_kept_and_few_in_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("library.sqlite");
        assert_eq!(daily(&path).unwrap(), None, "nothing to copy");
        let library = Library::open(&path).unwrap();
        library.note_dataset("/faces", 7).unwrap();
        // It is open, and what was noted may still lie in its log.
        let copy = daily(&path).unwrap().unwrap();
        assert_eq!(Library::open(&copy).unwrap().datasets().unwrap()[0].pictures, 7);
        assert_eq!(daily(&path).unwrap(), None, "once a day");
        let old = SystemTime::now() - Duration::from_secs(50 * 3600);
        for day in 1..=5 {
            let path = folder(&path).join(format!("library-2020-01-0{day}.sqlite"));
            fs::copy(&copy, &path).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        }
        fs::write(folder(&path).join(".writing-1"), b"torn").unwrap();
        File::options().write(true).open(&copy).unwrap().set_modified(old).unwrap();
        daily(&path).unwrap().unwrap();
        let left = list(&path);
        assert_eq!(left.len(), KEPT);
        assert_eq!(left[0], copy);
        assert!(left[1].ends_with("library-2020-01-05.sqlite"));
        assert!(!folder(&path).join(".writing-1").exists());
    }

    #[test]
    fn a_damaged_library_is_not_copied_over_a_good_copy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("library.sqlite");
        drop(Library::open(&path).unwrap());
        fs::write(&path, vec![0xA5; 9000]).unwrap();
        assert!(daily(&path).is_err());
        assert!(list(&path).is_empty());
        let rest = fs::read_dir(folder(&path)).unwrap().filter(|e| e.as_ref().unwrap().file_name() != ".lock").count();
        assert_eq!(rest, 0);
    }
}
