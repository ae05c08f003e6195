//! Every file below a folder, links followed, each real folder once, without asking the disk twice for any of them.
//!
//! One folder is open at a time: its entries are read with what the disk knows of them, and let go before the next one.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{DirEntry, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::decode::io_reason;
use super::decode_pool::pool;
use super::report::BrokenFile;
use super::rubbish::{is_elsewhere, is_system, placeholder, unfinished};
use crate::base::{Progress, Result};
use crate::recipe::Reading;

/// Folders in folders deeper than this are not followed.
const DEEPEST: usize = 128;
/// Entries between two looks at whether somebody still waits.
const STRIDE: usize = 256;

/// A file, or whatever else is no folder.
pub(super) struct Entry {
    pub path: PathBuf,
    /// Its name within the source.
    pub name: String,
    /// What the disk knows of it, or why it says nothing.
    pub meta: io::Result<Metadata>,
}

impl Entry {
    /// A file by its path, or what a link leads to.
    pub fn at(path: PathBuf, name: String) -> Self {
        let meta = std::fs::metadata(&path);
        Self { path, name, meta }
    }
}

/// What was found below the roots walked so far.
pub(super) struct Walk<'a> {
    /// Everything that is no folder.
    pub found: Vec<Entry>,
    /// Folders and links that lead nowhere, with the reason.
    pub broken: Vec<BrokenFile>,
    /// Folders of the studio's own, which are not entered.
    pub own: Vec<String>,
    progress: &'a dyn Progress,
    reading: Reading,
    /// Real paths of folders that were entered.
    entered: HashSet<PathBuf>,
    /// Links to folders, followed once every real folder was entered: the shortest name of a folder is its own.
    links: Vec<Folder>,
}

/// A folder to be walked.
struct Folder {
    path: PathBuf,
    name: String,
    real: PathBuf,
    depth: usize,
}

/// An entry of a folder as it is listed.
struct Listed {
    file_name: OsString,
    path: PathBuf,
    kind: io::Result<FileType>,
    meta: io::Result<Metadata>,
}

impl<'a> Walk<'a> {
    /// A walk that ends when nobody waits for it any more.
    pub fn new(progress: &'a dyn Progress, reading: Reading) -> Self {
        Self {
            found: Vec::new(),
            broken: Vec::new(),
            own: Vec::new(),
            progress,
            reading,
            entered: HashSet::new(),
            links: Vec::new(),
        }
    }

    /// Walks a folder; `name` stands before the names of what is in it.
    ///
    /// # Errors
    /// Nobody waits any more, or there are no threads.
    pub fn folder(&mut self, root: &Path, name: String) -> Result<()> {
        let real = root.canonicalize().unwrap_or_else(|_| root.into());
        self.below(Folder { path: root.into(), name, real, depth: 1 })?;
        // Links that were found on the way may lead to further ones.
        while !self.links.is_empty() {
            let mut links = std::mem::take(&mut self.links);
            links.sort_by(|a, b| a.name.cmp(&b.name));
            for link in links {
                self.below(link)?;
            }
        }
        Ok(())
    }

    /// Walks a folder and the real folders in it.
    fn below(&mut self, root: Folder) -> Result<()> {
        let mut folders = vec![root];
        while let Some(folder) = folders.pop() {
            if folder.depth > DEEPEST {
                self.refuse(&folder.name, "This folder lies too deep in other folders");
            } else if self.entered.insert(folder.real.clone()) {
                self.inside(&folder, &mut folders)?;
            } else {
                let reason = format!("A link to a folder that is taken already: {}", folder.real.display());
                self.refuse(&folder.name, &reason);
            }
        }
        Ok(())
    }

    /// Lists one folder; folders in it are added to `folders`.
    fn inside(&mut self, folder: &Folder, folders: &mut Vec<Folder>) -> Result<()> {
        let (listed, failed) = self.list(&folder.path)?;
        if let Some(e) = failed {
            // What was listed before is taken all the same.
            self.refuse(&folder.name, &io_reason(&e));
        }
        // What was chosen is taken, whatever it is.
        if folder.depth > 1 && is_own(&listed) {
            self.own.push(folder.name.clone());
            return Ok(());
        }
        for entry in listed {
            let own = printable(&entry.file_name);
            let name = if folder.name.is_empty() { own.clone() } else { format!("{}/{own}", folder.name) };
            if let Some(reason) = placeholder(&own).or_else(|| unfinished(&own)) {
                self.broken.push(BrokenFile { file: name, reason });
                continue;
            }
            if is_system(&own, &self.reading) {
                continue;
            }
            let Listed { path, kind, meta, file_name } = entry;
            if kind.as_ref().is_ok_and(FileType::is_symlink) {
                self.link(path, name, folder.depth);
            } else if kind.is_ok_and(|k| k.is_dir()) {
                let real = folder.real.join(file_name);
                folders.push(Folder { path, name, real, depth: folder.depth + 1 });
            } else if meta.as_ref().is_ok_and(is_elsewhere) {
                let reason = "It is in a cloud and not on this computer; download it first".into();
                self.broken.push(BrokenFile { file: name, reason });
            } else {
                self.found.push(Entry { path, name, meta });
            }
        }
        Ok(())
    }

    /// The entries of a folder with what the disk knows of them, and what ended the list before its end. The folder is
    /// closed when this returns.
    fn list(&self, folder: &Path) -> Result<(Vec<Listed>, Option<io::Error>)> {
        let (mut listed, mut failed) = (Vec::new(), None);
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) => return Ok((listed, Some(e))),
        };
        let mut some: Vec<DirEntry> = Vec::with_capacity(STRIDE);
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            self.progress.cancel().check()?;
            self.progress.report("Opening", (self.found.len() + listed.len()) as u64, 0);
            for entry in entries.by_ref().take(STRIDE) {
                match entry {
                    Ok(entry) => some.push(entry),
                    Err(e) => failed = Some(e),
                }
            }
            // From the folder that lists it, which is found already, metadata take half as long.
            let with_meta = |entry: DirEntry| Listed {
                file_name: entry.file_name(),
                path: entry.path(),
                kind: entry.file_type(),
                meta: entry.metadata(),
            };
            let drained = some.drain(..);
            if drained.len() < STRIDE / 8 {
                listed.extend(drained.map(with_meta));
            } else {
                let all: Vec<DirEntry> = drained.collect();
                let all: Vec<Listed> = pool()?.install(|| all.into_par_iter().map(with_meta).collect());
                listed.extend(all);
            }
            if failed.is_some() {
                break;
            }
        }
        Ok((listed, failed))
    }

    fn link(&mut self, path: PathBuf, name: String, depth: usize) {
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                self.refuse(&name, "A symbolic link that leads nowhere");
            }
            Err(e) => self.refuse(&name, &io_reason(&e)),
            Ok(meta) if meta.is_dir() => match path.canonicalize() {
                Ok(real) => self.links.push(Folder { path, name, real, depth: depth + 1 }),
                Err(e) => self.refuse(&name, &io_reason(&e)),
            },
            Ok(meta) => self.found.push(Entry { path, name, meta: Ok(meta) }),
        }
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        self.broken.push(BrokenFile { file: name.into(), reason: reason.into() });
    }
}

/// Whether a folder is one of the studio's own: a run, whose previews are pictures too, or its library.
fn is_own(listed: &[Listed]) -> bool {
    let has = |name: &str| listed.iter().any(|entry| entry.file_name == name);
    (has("recipe.json") && has("run.json")) || has("library.sqlite")
}

/// A name that can be printed: bytes that are no UTF-8 appear as `\xNN`.
pub(super) fn printable(name: &OsStr) -> String {
    if let Some(name) = name.to_str() {
        return name.to_owned();
    }
    let mut out = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02X}")));
    }
    out
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::{Quiet, Watched};

    fn walked(root: &Path) -> (Vec<String>, Vec<BrokenFile>, Vec<String>) {
        let quiet = Quiet::default();
        let mut walk = Walk::new(&quiet, Reading::default());
        walk.folder(root, String::new()).unwrap();
        let Walk { found, mut broken, own, .. } = walk;
        let mut names: Vec<String> = found.into_iter().map(|entry| entry.name).collect();
        names.sort();
        broken.sort_by(|a, b| a.file.cmp(&b.file));
        (names, broken, own)
    }

    fn put(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"x").unwrap();
    }

    #[test]
    fn each_real_folder_is_walked_once_by_its_own_name() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        put(&dir.path().join("a/1.png"));
        put(&dir.path().join("b/2.png"));
        put(&elsewhere.path().join("3.png"));
        symlink(dir.path().join("b"), dir.path().join("a/to-b")).unwrap();
        symlink(dir.path().join("a"), dir.path().join("b/to-a")).unwrap();
        symlink(elsewhere.path(), dir.path().join("out")).unwrap();
        symlink(elsewhere.path(), dir.path().join("out-again")).unwrap();
        let (names, broken, _) = walked(dir.path());
        assert_eq!(names, ["a/1.png", "b/2.png", "out/3.png"]);
        let told: Vec<&str> = broken.iter().map(|b| b.file.as_str()).collect();
        assert_eq!(told, ["a/to-b", "b/to-a", "out-again"]);
        assert!(broken.iter().all(|b| b.reason.contains("taken already")), "{broken:?}");
    }

    /// Links that make 2²⁰ ways of twenty folders.
    #[test]
    fn a_maze_of_links_costs_no_more_than_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..20 {
            put(&dir.path().join(format!("{i}/1.png")));
            for link in ["a", "b"] {
                symlink(dir.path().join(format!("{}", i + 1)), dir.path().join(format!("{i}/{link}"))).unwrap();
            }
        }
        let (names, ..) = walked(dir.path());
        assert_eq!(names.len(), 20);
    }

    #[test]
    fn a_link_to_a_folder_above_the_root_comes_to_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("up/root");
        put(&root.join("1.png"));
        symlink(dir.path().join("up"), root.join("out")).unwrap();
        let (names, broken, _) = walked(&root);
        assert_eq!((names.len(), broken.len()), (1, 1));
        assert_eq!(broken[0].file, "out/root");
    }

    #[test]
    fn folders_of_the_studio_are_not_entered_unless_chosen() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "1.png",
            "run/recipe.json",
            "run/run.json",
            "run/previews/1.png",
            "lib/library.sqlite",
            "lib/gallery/2.png",
        ] {
            put(&dir.path().join(name));
        }
        let (names, _, mut own) = walked(dir.path());
        own.sort();
        assert_eq!((names, own), (vec!["1.png".to_owned()], vec!["lib".to_owned(), "run".to_owned()]));
        let (names, _, own) = walked(&dir.path().join("run/previews"));
        assert_eq!((names.len(), own.len()), (1, 0));
    }

    #[test]
    fn what_systems_and_clouds_leave_is_passed_by_or_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join(".pictures");
        for name in ["1.png", "@eaDir/1.png/S.jpg", "$RECYCLE.BIN/2.png", ".x.jpg.icloud", "y.png.part"] {
            put(&root.join(name));
        }
        let (names, broken, _) = walked(&root);
        assert_eq!(names, ["1.png"], "the chosen folder may begin with a dot");
        assert!(broken[0].reason.contains("iCloud") && broken[1].reason.contains("not finished"), "{broken:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn few_files_are_open_however_many_folders_there_are() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..2000 {
            put(&dir.path().join(format!("{i}/1.png")));
        }
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        let most = std::sync::atomic::AtomicUsize::new(0);
        let watch = Watched::new(Cancel::new(), |_, _, _| {
            most.fetch_max(open(), std::sync::atomic::Ordering::Relaxed);
        });
        let mut walk = Walk::new(&watch, Reading::default());
        walk.folder(dir.path(), String::new()).unwrap();
        assert_eq!(walk.found.len(), 2000);
        // Other tests of this process open files too, but never near two thousand.
        let most = most.into_inner().max(open());
        assert!(most < before + 200, "{most} files were open, {before} before");
    }

    #[test]
    fn a_long_walk_can_be_cancelled() {
        let dir = tempfile::tempdir().unwrap();
        (0..3).for_each(|i| put(&dir.path().join(format!("{i}/1.png"))));
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let watch = Watched::new(cancel, move |_, _, _| flag.cancel());
        let mut walk = Walk::new(&watch, Reading::default());
        assert_eq!(walk.folder(dir.path(), String::new()).unwrap_err().exit_code(), 130);
    }
}
