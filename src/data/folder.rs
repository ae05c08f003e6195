//! A folder of pictures, or a few pictures by name.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::captions::Table;
use super::decode::{Decoded, How, decode_as, extension, io_reason, read, read_with};
use super::decode_pool::pool;
use super::dir_walk::{Entry, Walk, printable};
use super::guess::Guess;
use super::listing::{Listing, Use, table_of, use_of};
use super::made_here;
use super::pread::open_regular;
use super::report::BrokenFile;
use super::sidecars::{self, Wanted};
use super::source::{ImageSource, Opening, path_of};
use super::stamp::stamp;
use super::structure::listed;
use crate::base::{Picture, Problem, Result};
use rayon::prelude::*;

/// A folder, walked once when it is opened.
struct Folder {
    /// The files of the listing, in its order.
    files: Vec<Item>,
    tables: Vec<Item>,
    listing: Listing,
    /// Whether pictures that the studio made are refused.
    refuses_own: bool,
    how: How,
}

/// A file of the folder.
struct Item {
    path: PathBuf,
    name: String,
    size: u64,
    /// Nanoseconds since 1970.
    modified: u128,
}

/// Whether every line of the text is a folder or a picture.
pub(super) fn sniff(spec: &str) -> bool {
    lines(spec).all(|line| {
        let path = path_of(line);
        path.is_dir() || (path.is_file() && is_picture_file(&path))
    })
}

/// A single file is taken by what it holds, or by its name, so that a broken picture is told as such.
fn is_picture_file(path: &Path) -> bool {
    let name = path.file_name().map(printable).unwrap_or_default().to_lowercase();
    use_of(&name, 0, || head(path).map_err(|e| io_reason(&e))) == Ok(Use::Picture)
}

/// Opens a folder, or pictures one a line.
pub(super) fn open(spec: &str, opening: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let roots: Vec<PathBuf> = lines(spec).map(path_of).collect();
    let mut walk = Walk::new(opening.progress, opening.reading.clone());
    for root in &roots {
        let own = root.file_name().map(printable).unwrap_or_default();
        if root.is_dir() {
            std::fs::read_dir(root).map_err(|e| Problem::io("This folder cannot be read", root, &e))?;
            walk.folder(root, if roots.len() > 1 { own } else { String::new() })?;
        } else {
            walk.found.push(Entry::at(root.clone(), own));
        }
    }
    let Walk { found, mut broken, own, .. } = walk;
    let (mut files, mut tables, mut texts) = (Vec::with_capacity(found.len()), Vec::new(), Vec::new());
    let classified: Result<Vec<Found>> =
        pool()?.install(|| found.into_par_iter().map(|entry| opening.check().map(|()| classify(entry))).collect());
    for found in classified? {
        match found {
            Found::Picture(item) => files.push(item),
            Found::Table(item) => tables.push(item),
            Found::Text(item) => texts.push(item),
            Found::Broken(file) => broken.push(file),
            Found::Nothing => {}
        }
    }
    files.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    tables.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    texts.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    number_twins(&mut files);
    let mut read_tables: Vec<Table> = Vec::new();
    for item in &tables {
        opening.check()?;
        match read(&item.path).and_then(|bytes| table_of(&item.name, &bytes)) {
            Ok(table) => read_tables.extend(table),
            Err(reason) => broken.push(BrokenFile { file: item.name.clone(), reason }),
        }
    }
    let names: Vec<String> = files.iter().map(|f| f.name.clone()).collect();
    let (beside, notes) = beside(&names, texts, &opening)?;
    // What tables say outweighs what single texts do.
    read_tables.splice(0..0, beside.read);
    tables.extend(notes);
    let (mut listing, places) = Listing::new(names, &read_tables, broken, &opening.reading);
    listing.guesses.extend(beside.guesses);
    let mut places = places.into_iter().peekable();
    let mut place = 0..;
    files.retain(|_| {
        let here = place.next();
        places.next_if(|p| here == Some(*p)).is_some()
    });
    listing.guesses.extend(passed_by(own));
    let refuses_own =
        !opening.reading.is_before() && made_here::are_few(files.len(), |i| made_here::head(&files[i].path));
    let how = How::from(&opening.reading);
    Ok(Box::new(Folder { files, tables, listing, refuses_own, how }))
}

/// Reads the texts that belong to pictures, on all threads; also gives back those that are notes on many.
fn beside(names: &[String], texts: Vec<Item>, opening: &Opening<'_>) -> Result<(sidecars::Texts, Vec<Item>)> {
    let wanted = sidecars::wanted(names, texts.iter().map(|t| t.name.as_str()));
    let wanted: Vec<(Wanted, Item)> = wanted.into_iter().zip(texts).filter_map(|(w, item)| Some((w?, item))).collect();
    let some = |(wanted, item): &(Wanted, Item)| {
        opening.check()?;
        let most = sidecars::most_bytes(*wanted);
        // A text that cannot be read says nothing.
        let bytes = (item.size <= most).then(|| read(&item.path).ok()).flatten();
        Ok(bytes.map(|bytes| sidecars::read(*wanted, &item.name, &bytes)))
    };
    let read: Result<Vec<_>> = pool()?.install(|| wanted.par_iter().map(some).collect());
    let read = read?;
    let is_table = |text: &Option<sidecars::Text>| matches!(text, Some(sidecars::Text::Notes(..)));
    let notes = wanted.into_iter().zip(&read).filter(|(_, text)| is_table(text)).map(|((_, item), _)| item).collect();
    Ok((sidecars::Texts::of(names, read.into_iter().flatten()), notes))
}

/// Says which folders of the studio's own were passed by.
pub(super) fn passed_by(mut own: Vec<String>) -> Option<Guess> {
    own.sort();
    let what = match own.len() {
        0 => return None,
        1 => "1 folder holds a run or a library of Latent Studio and is not taken",
        _ => {
            return Some(told(
                &format!("{} folders hold runs or libraries of Latent Studio and are not taken", own.len()),
                &own,
            ));
        }
    };
    Some(told(what, &own))
}

fn told(what: &str, own: &[String]) -> Guess {
    Guess::new(format!("{what}: {}", listed(own)))
        .about(own.len() as u64)
        .otherwise("To train on what lies in one of them choose its folder of pictures as the source")
}

fn lines(spec: &str) -> impl Iterator<Item = &str> {
    spec.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(64);
    open_regular(path)?.take(64).read_to_end(&mut head)?;
    Ok(head)
}

/// Files of several folders may share a name; all but the first get a number. Expects and leaves them sorted by name.
fn number_twins(files: &mut [Item]) {
    let twins: Vec<usize> = (1..files.len()).filter(|&i| files[i].name == files[i - 1].name).collect();
    if twins.is_empty() {
        return;
    }
    let mut taken: HashSet<String> = files.iter().map(|f| f.name.clone()).collect();
    for i in twins {
        let name = files[i].name.clone();
        let (stem, end) = match extension(&name).len() {
            0 => (name.as_str(), ""),
            n => name.split_at(name.len() - n - 1),
        };
        let mut n = 2;
        while !taken.insert(format!("{stem} #{n}{end}")) {
            n += 1;
        }
        files[i].name = format!("{stem} #{n}{end}");
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
}

/// What a file turned out to be.
enum Found {
    Picture(Item),
    Table(Item),
    Text(Item),
    Broken(BrokenFile),
    Nothing,
}

fn classify(entry: Entry) -> Found {
    let Entry { path, name, meta } = entry;
    let meta = match meta {
        Ok(meta) => meta,
        Err(e) => return Found::Broken(BrokenFile { file: name, reason: io_reason(&e) }),
    };
    if !meta.is_file() {
        let reason = "Not a regular file, but a pipe, a socket or a device".into();
        return Found::Broken(BrokenFile { file: name, reason });
    }
    let good_for = use_of(&name, meta.len(), || head(&path).map_err(|e| io_reason(&e)));
    let modified = stamp(&meta);
    let item = Item { path, name, size: meta.len(), modified };
    match good_for {
        Err(reason) => Found::Broken(BrokenFile { file: item.name, reason }),
        Ok(Use::Nothing) => Found::Nothing,
        Ok(Use::Table) => Found::Table(item),
        Ok(Use::Text) => Found::Text(item),
        Ok(Use::Picture) => Found::Picture(item),
    }
}

impl ImageSource for Folder {
    fn kind(&self) -> &'static str {
        "Folder"
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.listing)
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        self.decode_told(i).map(|decoded| decoded.picture)
    }

    fn decode_told(&self, i: usize) -> Result<Decoded> {
        let item = &self.files[i];
        let decode = |bytes: &[u8]| match self.refuses_own && made_here::is_made_here(bytes) {
            true => Err(Problem::data(made_here::REASON).of(&item.name)),
            false => decode_as(bytes, &item.name, &self.how),
        };
        read_with(&item.path, item.size, decode).unwrap_or_else(|reason| Err(Problem::data(reason).of(&item.name)))
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.size).sum()
    }

    fn fingerprint(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        for item in self.files.iter().chain(&self.tables) {
            hasher.update(&(item.name.len() as u64).to_le_bytes());
            hasher.update(item.name.as_bytes());
            hasher.update(&item.size.to_le_bytes());
            hasher.update(&item.modified.to_le_bytes());
        }
        hasher.update(self.listing.understood.as_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    fn save(path: &Path, v: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(8, 8, image::Rgb([v, 0, 0])).save_with_format(path, image::ImageFormat::Png).unwrap();
    }

    #[test]
    fn a_folder_is_walked_in_order_with_labels_and_captions() {
        let dir = tempfile::tempdir().unwrap();
        save(&dir.path().join("b/2.png"), 2);
        save(&dir.path().join("a/1.png"), 1);
        save(&dir.path().join("a/deep/0.png"), 0);
        save(&dir.path().join("a/notes.txt"), 9);
        std::fs::write(dir.path().join("README.md"), "hello").unwrap();
        std::fs::write(dir.path().join("film.mp4"), b"\0\0\0\x18ftypisom").unwrap();
        std::fs::write(dir.path().join("captions.tsv"), "file\tcaption\na/1.png\tone\n").unwrap();
        let source = crate::data::open(dir.path().to_str().unwrap()).unwrap();
        let names: Vec<_> = (0..source.len()).map(|i| source.name(i)).collect();
        assert_eq!(names, ["a/1.png", "a/deep/0.png", "a/notes.txt", "b/2.png"], "a picture is known by its content");
        assert_eq!(source.labels(), ["a", "b"]);
        assert_eq!(source.label(3), Some(1));
        assert_eq!(source.caption(0).as_deref(), Some("one"));
        assert_eq!(source.decode(3).unwrap().pixel(0, 0), [2, 0, 0, 255]);
        assert_eq!(source.listed_broken().len(), 1);
        assert!(source.listed_broken()[0].reason.contains("video"));
    }

    #[test]
    fn the_fingerprint_follows_the_files() {
        let dir = tempfile::tempdir().unwrap();
        save(&dir.path().join("1.png"), 1);
        let spec = dir.path().to_str().unwrap();
        let print = || crate::data::open(spec).unwrap().fingerprint().unwrap();
        let first = print();
        assert_eq!(first, print());
        save(&dir.path().join("2.png"), 1);
        assert_ne!(first, print());
    }

    #[test]
    fn pictures_can_be_given_one_a_line() {
        let dir = tempfile::tempdir().unwrap();
        save(&dir.path().join("x/1.png"), 1);
        save(&dir.path().join("y/1.png"), 2);
        let spec = format!("{}\n{}\n", dir.path().join("x/1.png").display(), dir.path().join("y/1.png").display());
        let source = crate::data::open(&spec).unwrap();
        assert_eq!(source.len(), 2);
        assert_eq!((source.name(0).as_str(), source.name(1).as_str()), ("1 #2.png", "1.png"));
        assert_eq!(source.decode(0).unwrap().pixel(0, 0)[0], 2);
        let one = crate::data::open(dir.path().join("x/1.png").to_str().unwrap()).unwrap();
        assert_eq!((one.len(), one.name(0).as_str()), (1, "1.png"));
    }

    #[cfg(unix)]
    #[test]
    fn links_that_loop_or_lead_nowhere_are_told() {
        let dir = tempfile::tempdir().unwrap();
        save(&dir.path().join("a/1.png"), 1);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/again")).unwrap();
        std::os::unix::fs::symlink("/nowhere/x.png", dir.path().join("gone.png")).unwrap();
        let source = crate::data::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!(source.len(), 1);
        let broken = source.listed_broken();
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken[0].file == "a/again" && broken[0].reason.contains("taken already"));
        assert!(broken[1].file == "gone.png" && broken[1].reason.contains("nowhere"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf8_are_used_and_printable() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        save(&dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.png")), 7);
        let source = crate::data::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!(source.name(0), "caf\\xE9.png");
        assert_eq!(source.decode(0).unwrap().pixel(1, 1)[0], 7);
    }

    #[cfg(unix)]
    #[test]
    fn files_without_permission_are_told() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.png");
        save(&path, 1);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        if std::fs::File::open(&path).is_ok() {
            eprintln!("skipped: this user may read everything");
            return;
        }
        let source = crate::data::open(dir.path().to_str().unwrap()).unwrap();
        assert!(source.decode(0).unwrap_err().what.contains("permission"));
    }
}
