//! Every file below a folder, links followed, without asking the disk twice for any of them.

use std::ffi::OsStr;
use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::decode::io_reason;
use super::listing::is_hidden;
use super::report::BrokenFile;

/// Folders in folders deeper than this are not followed.
const DEEPEST: usize = 128;

/// A file, or whatever else is no folder.
pub(super) struct Entry {
    pub path: PathBuf,
    /// Its name within the source.
    pub name: String,
    /// As its folder lists it; nothing for links and for files given by name.
    listed: Option<DirEntry>,
}

impl Entry {
    /// A file by its path, or what a link leads to.
    pub fn at(path: PathBuf, name: String) -> Self {
        Self { path, name, listed: None }
    }

    /// What the disk knows of it. From the folder that lists it, which is found already, that takes half as long.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.listed.as_ref().map_or_else(|| std::fs::metadata(&self.path), DirEntry::metadata)
    }
}

/// What was found below the roots walked so far.
#[derive(Default)]
pub(super) struct Walk {
    /// Everything that is no folder.
    pub found: Vec<Entry>,
    /// Folders and links that lead nowhere, with the reason.
    pub broken: Vec<BrokenFile>,
}

impl Walk {
    /// Walks a folder; `name` stands before the names of what is in it.
    pub fn folder(&mut self, root: &Path, name: String) {
        let real = root.canonicalize().unwrap_or_else(|_| root.into());
        self.inside(root, &name, &mut vec![real]);
    }

    /// Walks a folder whose real path is the last of `chain`; the others are those that lead to it.
    fn inside(&mut self, folder: &Path, name: &str, chain: &mut Vec<PathBuf>) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) => return self.refuse(name, &io_reason(&e)),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => return self.refuse(name, &io_reason(&e)),
            };
            let own = printable(&entry.file_name());
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            let path = entry.path();
            let kind = entry.file_type();
            let link = kind.as_ref().is_ok_and(std::fs::FileType::is_symlink);
            if link {
                self.link(path, name, chain);
            } else if kind.is_ok_and(|k| k.is_dir()) {
                let real = chain.last().map_or_else(|| path.clone(), |up| up.join(entry.file_name()));
                self.enter(&path, name, real, chain);
            } else {
                self.found.push(Entry { path, name, listed: Some(entry) });
            }
        }
    }

    fn link(&mut self, path: PathBuf, name: String, chain: &mut Vec<PathBuf>) {
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                self.refuse(&name, "A symbolic link that leads nowhere");
            }
            Err(e) => self.refuse(&name, &io_reason(&e)),
            Ok(meta) if meta.is_dir() => match path.canonicalize() {
                Ok(real) => self.enter(&path, name, real, chain),
                Err(e) => self.refuse(&name, &io_reason(&e)),
            },
            Ok(_) => self.found.push(Entry::at(path, name)),
        }
    }

    fn enter(&mut self, path: &Path, name: String, real: PathBuf, chain: &mut Vec<PathBuf>) {
        if let Some(up) = chain.iter().find(|up| **up == real) {
            let reason = format!("A symbolic link that leads back to {}", up.display());
            self.refuse(&name, &reason);
        } else if chain.len() >= DEEPEST {
            self.refuse(&name, "This folder lies too deep in other folders");
        } else if !is_hidden(&name) {
            chain.push(real);
            self.inside(path, &name, chain);
            chain.pop();
        }
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        if !is_hidden(name) {
            self.broken.push(BrokenFile { file: name.into(), reason: reason.into() });
        }
    }
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

    #[test]
    fn links_between_folders_end() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("1.png"), b"x").unwrap();
        }
        symlink(dir.path().join("b"), dir.path().join("a/to-b")).unwrap();
        symlink(dir.path().join("a"), dir.path().join("b/to-a")).unwrap();
        let mut walk = Walk::default();
        walk.folder(dir.path(), String::new());
        let mut names: Vec<&str> = walk.found.iter().map(|entry| entry.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a/1.png", "a/to-b/1.png", "b/1.png", "b/to-a/1.png"]);
        let mut loops: Vec<&str> = walk.broken.iter().map(|b| b.file.as_str()).collect();
        loops.sort_unstable();
        assert_eq!(loops, ["a/to-b/to-a", "b/to-a/to-b"]);
    }

    #[test]
    fn a_link_to_a_folder_above_the_root_comes_to_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("up/root");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("1.png"), b"x").unwrap();
        symlink(dir.path().join("up"), root.join("out")).unwrap();
        let mut walk = Walk::default();
        walk.folder(&root, String::new());
        assert_eq!(walk.found.len(), 1);
        assert_eq!(walk.broken[0].file, "out/root");
    }
}
