//! Where the run lies that a fork came from. Its folder may be written otherwise (a link, a relative path), may have been
//! renamed, or moved together with the fork; the run's identity stays.

use std::fs;
use std::path::Path;

use super::report::Origin;
use crate::base::vault;

/// The origin of the run in `dir`, with its folder as the folders beside `dir` are written, where it is one of them.
pub fn located(origin: Origin, dir: &Path) -> Origin {
    let Some(parent) = dir.parent() else { return origin };
    let matches = |candidate: &Path| match (&origin.id, identity(candidate)) {
        (Some(id), Some(found)) => *id == found,
        (_, None) => false,
        // Forks of earlier versions know only the folder.
        (None, Some(_)) => fs::canonicalize(candidate).is_ok_and(|whole| whole == origin.run) || !origin.run.exists(),
    };
    let beside = origin.run.file_name().map(|name| parent.join(name)).filter(|candidate| matches(candidate));
    let found = beside.or_else(|| {
        if origin.run.exists() || origin.id.is_none() {
            return None;
        }
        fs::read_dir(parent).ok()?.filter_map(|e| e.ok()).map(|e| e.path()).find(|candidate| matches(candidate))
    });
    match found {
        Some(run) => Origin { run, ..origin },
        None => origin,
    }
}

/// The identity that `run.json` in a folder names; empty in runs of earlier versions, nothing where there is no run.
fn identity(dir: &Path) -> Option<String> {
    let bytes = vault::read(dir.join("run.json")).ok()?;
    let file: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    Some(file.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::folder::RunFolder;
    use std::path::PathBuf;

    fn run(dir: &Path) -> String {
        let made = RunFolder::create(dir, &crate::recipe::Recipe::default(), None, "cpu").unwrap();
        made.file().unwrap().id.unwrap()
    }

    fn origin(run: PathBuf, id: Option<String>) -> Origin {
        Origin { run, id, images: 8, state: None, changes: Vec::new() }
    }

    #[test]
    fn a_run_is_found_after_it_moved_or_was_renamed_and_no_other_is_taken_for_it() {
        let root = tempfile::tempdir().unwrap();
        let (parent, fork) = (root.path().join("parent"), root.path().join("fork"));
        let (id, _) = (run(&parent), run(&fork));
        // The whole library was elsewhere.
        let old = PathBuf::from("/nowhere/runs/parent");
        assert_eq!(located(origin(old.clone(), Some(id.clone())), &fork).run, parent);
        assert_eq!(located(origin(old.clone(), None), &fork).run, parent, "a fork of an earlier version");
        assert_eq!(located(origin(old.clone(), Some("other".into())), &fork).run, old, "another run of this name");
        fs::rename(&parent, root.path().join("renamed")).unwrap();
        assert_eq!(located(origin(parent.clone(), Some(id.clone())), &fork).run, root.path().join("renamed"));
        assert_eq!(located(origin(parent.clone(), None), &fork).run, parent);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_reached_through_a_link_is_the_same() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().join("real");
        fs::create_dir(&real).unwrap();
        let id = run(&real.join("parent"));
        run(&real.join("fork"));
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let whole = fs::canonicalize(real.join("parent")).unwrap();
        for id in [Some(id), None] {
            assert_eq!(located(origin(whole.clone(), id), &link.join("fork")).run, link.join("parent"));
        }
    }
}
