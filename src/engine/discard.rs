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
    let at_home = *paths == Paths::of_user() && std::env::var_os("LATENT_STUDIO_HOME").is_none();
    if at_home {
        match trash::delete(path) {
            Ok(()) => return Ok(()),
            Err(e) => log::info!("the system's trash does not take {}: {e}", path.display()),
        }
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

/// Removes for good what is in the studio's own trash.
///
/// # Errors
/// Something in it cannot be removed.
pub fn empty(paths: &Paths) -> Result<()> {
    let folder = own(paths);
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Problem::io("The trash could not be emptied", &folder, &e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_discarded_can_be_taken_back_until_the_trash_is_emptied() {
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
        empty(&paths).unwrap();
        empty(&paths).unwrap();
        assert!(!own(&paths).exists());
    }
}
