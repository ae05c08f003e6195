//! To the trash: the system's, so that a person finds it where they look; the studio's own where there is none.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::paths::Paths;
use crate::base::{Problem, Result};

/// The studio's own trash.
fn own(paths: &Paths) -> PathBuf {
    paths.data.join("trash")
}

/// Moves a file or folder to the trash.
///
/// A studio whose folders were moved by `LATENT_STUDIO_HOME` keeps its trash there as well.
///
/// # Errors
/// Nothing is there, or it can neither be moved nor be handed to the system.
pub fn discard(path: &Path, paths: &Paths) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Err(Problem::data("There is nothing to delete here").of(path.display().to_string()));
    }
    if to_system(path, paths) {
        return Ok(());
    }
    let folder = own(paths);
    fs::create_dir_all(&folder).map_err(|e| Problem::io("The trash could not be made", &folder, &e))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let target = (1..)
        .map(|n| folder.join(if n == 1 { name.clone() } else { format!("{name}-{n}") }))
        .find(|p| p.symlink_metadata().is_err())
        .unwrap_or_else(|| folder.join(&name));
    fs::rename(path, &target).map_err(|e| {
        // Another disk: a copy could fail half way, so a person decides.
        Problem::io("This could not be moved to the trash", path, &e).try_this("Delete it in your file manager")
    })
}

/// Hands something to the system's trash, if this studio uses it and it takes it.
fn to_system(path: &Path, paths: &Paths) -> bool {
    let at_home = *paths == Paths::of_user() && std::env::var_os("LATENT_STUDIO_HOME").is_none();
    at_home
        && trash::delete(path)
            .inspect_err(|e| log::info!("the system's trash does not take {}: {e}", path.display()))
            .is_ok()
}

/// Gets rid of a file that lay in the library's trash before: to the system's trash, or for good where there is none.
///
/// # Errors
/// It cannot be removed.
pub fn remove(file: &Path, paths: &Paths) -> Result<()> {
    if to_system(file, paths) {
        return Ok(());
    }
    fs::remove_file(file).map_err(|e| Problem::io("This file could not be removed", file, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_discarded_can_be_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        let run = paths.runs().join("r");
        for _ in 0..2 {
            fs::create_dir_all(&run).unwrap();
            fs::write(run.join("a"), b"x").unwrap();
            discard(&run, &paths).unwrap();
            assert!(!run.exists());
        }
        assert!(own(&paths).join("r/a").is_file() && own(&paths).join("r-2/a").is_file());
        assert!(discard(&run, &paths).is_err());
        remove(&own(&paths).join("r/a"), &paths).unwrap();
        assert!(!own(&paths).join("r/a").exists() && own(&paths).join("r-2/a").is_file());
    }
}
