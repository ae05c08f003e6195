//! What the studio's folders hold, and what of it may go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::base::paths::Paths;
use crate::base::{Problem, Result, temp};

/// Prepared sets that stay when room is made by itself, in bytes.
const MOST_PREPARED: u64 = 20 << 30;
/// Encoders that stay.
const MOST_ENCODERS: u64 = 4 << 30;
/// The rest of what can be made again.
const MOST_CACHE: u64 = 4 << 30;
/// What was used since is never taken away by itself.
const IN_USE: Duration = Duration::from_secs(2 * 24 * 3600);

/// A part of what the studio keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// What the command line calls it.
    pub id: &'static str,
    /// What a person calls it.
    pub title: &'static str,
    /// What it is, and what it costs to lose it.
    pub help: &'static str,
    /// Its folder.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Whether it can be emptied here.
    pub clearable: bool,
}

/// A row of the table of parts.
struct Part {
    id: &'static str,
    title: &'static str,
    help: &'static str,
    clearable: bool,
    folder: fn(&Paths) -> PathBuf,
    /// Bytes that stay when room is made by itself.
    most: Option<u64>,
}

const PARTS: [Part; 10] = [
    Part {
        id: "prepared",
        title: "Prepared pictures",
        help: "Data sets brought to size. Made again when they are needed, unless the pictures themselves are gone",
        clearable: true,
        folder: Paths::prepared,
        most: Some(MOST_PREPARED),
    },
    Part {
        id: "encoders",
        title: "Encoders",
        help: "Networks that find photos inside a GAN; each is trained again when it is needed",
        clearable: true,
        folder: |p| p.data.join("encoders"),
        most: Some(MOST_ENCODERS),
    },
    Part {
        id: "vectors",
        title: "Indexes of the search",
        help: "What is held in memory to find pictures by looks, as files. Made again from the library when it is gone",
        clearable: true,
        folder: |p| p.data.join("vectors"),
        most: None,
    },
    Part {
        id: "cache",
        title: "Contact sheets and codes",
        help: "Small things that are made again in passing",
        clearable: true,
        folder: |p| p.cache.clone(),
        most: Some(MOST_CACHE),
    },
    Part {
        id: "trash",
        title: "Trash",
        help: "Deleted runs, models and pictures, where the desktop has no trash of its own",
        clearable: true,
        folder: |p| p.data.join("trash"),
        most: None,
    },
    Part {
        id: "backups",
        title: "Backups of the library",
        help: "Copies of ratings, tags and recipes of the last days",
        clearable: false,
        folder: |p| p.data.join("backups"),
        most: None,
    },
    Part {
        id: "runs",
        title: "Runs",
        help: "Checkpoints, curves and samples of what was trained",
        clearable: false,
        folder: Paths::runs,
        most: None,
    },
    Part {
        id: "models",
        title: "Imported models",
        help: "Models that were copied into the studio",
        clearable: false,
        folder: Paths::models,
        most: None,
    },
    Part {
        id: "gallery",
        title: "Gallery",
        help: "Pictures that were kept",
        clearable: false,
        folder: Paths::gallery,
        most: None,
    },
    Part {
        id: "library",
        title: "Library",
        help: "What is known of kept pictures and runs",
        clearable: false,
        folder: Paths::library,
        most: None,
    },
];

/// A file of a part.
struct Stored {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// Files of a part. Prepared sets lie in the cache and are a part of their own.
fn files(part: &Part, paths: &Paths) -> Vec<Stored> {
    let prepared = paths.prepared();
    walkdir::WalkDir::new((part.folder)(paths))
        .into_iter()
        .filter_entry(|e| part.id != "cache" || e.path() != prepared)
        .flatten()
        .filter(|e| e.file_type().is_file())
        .filter_map(|e| {
            let about = e.metadata().ok()?;
            let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            Some(Stored { path: e.into_path(), bytes: about.len(), used })
        })
        .collect()
}

/// Folders in which the studio writes files under temporary names.
fn written(paths: &Paths) -> Vec<PathBuf> {
    let of = |folder: &Path| {
        let below = walkdir::WalkDir::new(folder).max_depth(3).into_iter().flatten();
        below.filter(|e| e.file_type().is_dir()).map(|e| e.into_path()).collect::<Vec<_>>()
    };
    [&paths.config, &paths.data, &paths.cache].into_iter().flat_map(|f| of(f)).collect()
}

/// What the studio keeps and how large it is.
pub fn usage(paths: &Paths) -> Vec<Kept> {
    let mut out: Vec<Kept> = PARTS
        .iter()
        .map(|part| {
            let files = files(part, paths);
            Kept {
                id: part.id,
                title: part.title,
                help: part.help,
                path: (part.folder)(paths),
                bytes: files.iter().map(|f| f.bytes).sum(),
                files: files.len() as u64,
                clearable: part.clearable,
            }
        })
        .collect();
    let (bytes, files) = written(paths).iter().map(|f| temp::leftovers(f, false)).fold((0, 0), add);
    out.push(Kept {
        id: "leftovers",
        title: "Leftovers",
        help: "What was being written when a program was ended",
        path: paths.data.clone(),
        bytes,
        files,
        clearable: true,
    });
    out
}

fn add(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

/// Empties parts, and says how many bytes and files went. Files that are in use and cannot go stay.
///
/// # Errors
/// A part is not known, or is none that can be emptied; then nothing is removed.
pub fn clean(paths: &Paths, ids: &[&str]) -> Result<(u64, u64)> {
    let clearable = || PARTS.iter().filter(|p| p.clearable).map(|p| p.id).chain(std::iter::once("leftovers"));
    for id in ids {
        if !clearable().any(|known| known == *id) {
            let known: Vec<_> = clearable().collect();
            return Err(Problem::usage("This is nothing that can be emptied")
                .of(*id)
                .try_this(format!("Choose from {}", known.join(", "))));
        }
    }
    let mut gone = (0, 0);
    if ids.contains(&"leftovers") {
        gone = written(paths).iter().map(|f| temp::leftovers(f, true)).fold(gone, add);
    }
    for part in PARTS.iter().filter(|p| ids.contains(&p.id)) {
        for file in files(part, paths) {
            gone = add(gone, remove(&file));
        }
        empty_folders(&(part.folder)(paths), &paths.prepared());
    }
    Ok(gone)
}

/// Takes away what was used longest ago of the parts that can be made again, as far as they are larger than their bound.
/// What was used in the last two days stays.
pub fn bound(paths: &Paths) -> (u64, u64) {
    let mut gone = written(paths).iter().map(|f| temp::leftovers(f, true)).fold((0, 0), add);
    for part in &PARTS {
        if let Some(most) = part.most {
            gone = add(gone, trim(files(part, paths), most));
        }
    }
    gone
}

fn trim(mut files: Vec<Stored>, most: u64) -> (u64, u64) {
    files.sort_by_key(|f| f.used);
    let mut total: u64 = files.iter().map(|f| f.bytes).sum();
    let mut gone = (0, 0);
    for file in &files {
        let idle = SystemTime::now().duration_since(file.used).is_ok_and(|age| age > IN_USE);
        if total <= most || !idle {
            break;
        }
        total -= file.bytes;
        gone = add(gone, remove(file));
    }
    gone
}

fn remove(file: &Stored) -> (u64, u64) {
    // A prepared set that some process reads holds a lock.
    let locked = fs::File::open(&file.path).map(|f| matches!(f.try_lock(), Err(fs::TryLockError::WouldBlock)));
    if locked.unwrap_or(false) {
        return (0, 0);
    }
    match fs::remove_file(&file.path) {
        Ok(()) => (file.bytes, 1),
        Err(e) => {
            log::info!("{} stays: {e}", file.path.display());
            (0, 0)
        }
    }
}

/// Removes folders without files below one; the folder itself and that of prepared sets stay.
fn empty_folders(folder: &Path, but: &Path) {
    let below = walkdir::WalkDir::new(folder).min_depth(1).contents_first(true).into_iter().flatten();
    for entry in below.filter(|e| e.file_type().is_dir() && e.path() != but) {
        // It is not removed if something is in it.
        let _ = fs::remove_dir(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn put(path: PathBuf, bytes: usize) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![1; bytes]).unwrap();
        path
    }

    #[test]
    fn sizes_are_told_and_only_what_may_go_goes() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let prepared = put(paths.prepared().join("a.set"), 1000);
        put(paths.cache.join("sheets/h.png"), 10);
        put(paths.data.join("encoders/h.safetensors"), 20);
        put(paths.data.join("vectors/photo-1.vectors"), 40);
        let run = put(paths.runs().join("r/checkpoints/1/state"), 300);
        let of = |id: &str| usage(&paths).into_iter().find(|k| k.id == id).unwrap();
        assert_eq!((of("prepared").bytes, of("cache").bytes, of("encoders").bytes), (1000, 10, 20));
        assert_eq!((of("runs").bytes, of("runs").clearable), (300, false));
        for wrong in ["runs", "all", "../x"] {
            let problem = clean(&paths, &["cache", wrong]).unwrap_err();
            assert!(problem.remedy.unwrap().contains("prepared"), "{wrong}");
        }
        assert_eq!(of("cache").files, 1, "nothing went");
        assert_eq!(clean(&paths, &["cache", "encoders"]).unwrap(), (30, 2));
        assert_eq!((of("vectors").bytes, clean(&paths, &["vectors"]).unwrap()), (40, (40, 1)));
        assert!(prepared.exists() && run.exists() && !paths.cache.join("sheets").exists());
        let in_use = File::open(&prepared).unwrap();
        in_use.try_lock_shared().unwrap();
        assert_eq!(clean(&paths, &["prepared"]).unwrap(), (0, 0), "it is in use");
        drop(in_use);
        assert_eq!(clean(&paths, &["prepared"]).unwrap(), (1000, 1));
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_what_is_in_use_stays() {
        let home = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(24 * 3600);
        let file = |n: u64, days: u32| {
            let path = put(home.path().join(format!("{n}")), 100);
            let used = SystemTime::now() - day * days;
            File::open(&path).unwrap().set_modified(used).unwrap();
            Stored { path, bytes: 100, used }
        };
        let all = vec![file(1, 3), file(2, 9), file(3, 0), file(4, 5)];
        assert_eq!(trim(all, 250), (200, 2));
        let left = |n: u64| home.path().join(n.to_string()).exists();
        assert_eq!([left(1), left(2), left(3), left(4)], [true, false, true, false]);
        assert_eq!(trim(vec![file(3, 0), file(5, 1)], 0), (0, 0), "used since");
    }
}
