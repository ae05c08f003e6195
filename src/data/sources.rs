//! The table of sources, and what it opens.

use super::attend::{Patience, attended};
use super::guess::Guess;
use super::source::{ImageSource, Opening, absolute, joined, path_of};
use super::{cifar, emoji, fashion, folder, formats, idx, points, shapes, stacked, tar, zip};
use crate::base::progress::Quiet;
use crate::base::{Problem, Progress, Result};
use crate::recipe::Reading;

/// A row of [`SOURCES`].
pub struct SourceKind {
    /// Short name.
    pub id: &'static str,
    /// What a person calls it.
    pub title: &'static str,
    /// How to name such a source.
    pub help: &'static str,
    /// Whether it comes with the studio rather than from a disk.
    pub built_in: bool,
    /// Whether a source of this text is of this kind. Looks at no more than a few bytes.
    pub sniff: fn(&str) -> bool,
    /// Opens it.
    pub open: fn(&str, Opening<'_>) -> Result<Box<dyn ImageSource>>,
}

/// Every kind of source. The first row that knows a text opens it.
pub static SOURCES: &[SourceKind] = &[
    SourceKind {
        id: "emoji",
        title: "Emoji (Twemoji)",
        help: "emoji, emoji:faces, emoji:smileys, emoji:animals+food, emoji:people+tones",
        built_in: true,
        sniff: emoji::sniff,
        open: emoji::open,
    },
    SourceKind {
        id: "shapes",
        title: "Shapes with known factors",
        help: "shapes, shapes:5000",
        built_in: true,
        sniff: shapes::sniff,
        open: shapes::open,
    },
    SourceKind {
        id: fashion::NAME,
        title: "Clothes (Fashion-MNIST, the first 5,000)",
        help: "fashion",
        built_in: true,
        sniff: fashion::sniff,
        open: fashion::open,
    },
    SourceKind {
        id: "points",
        title: "Points in the plane",
        help: "points:grid25, points:ring8",
        built_in: true,
        sniff: points::sniff,
        open: points::open,
    },
    SourceKind {
        id: "stacked",
        title: "Three pictures in one",
        help: "stacked: and a source with labels, such as stacked:fashion-mnist/train-images-idx3-ubyte.gz",
        built_in: true,
        sniff: stacked::sniff,
        open: |spec, opening| stacked::open(spec, opening, open_as),
    },
    SourceKind {
        id: "idx",
        title: "IDX (MNIST family)",
        help: "The file of images, plain or .gz, or the folder it lies in; labels are found beside it",
        built_in: false,
        sniff: idx::sniff,
        open: idx::open,
    },
    SourceKind {
        id: "cifar",
        title: "CIFAR-10 or CIFAR-100",
        help: "A .bin file of the binary version, or the folder of all of them",
        built_in: false,
        sniff: cifar::sniff,
        open: cifar::open,
    },
    SourceKind {
        id: "zip",
        title: "Zip",
        help: "A zip of pictures",
        built_in: false,
        sniff: zip::sniff,
        open: zip::open,
    },
    SourceKind {
        id: "tar",
        title: "Tar",
        help: "A tar of pictures, plain, .tar.gz or .tar.xz",
        built_in: false,
        sniff: tar::sniff,
        open: tar::open,
    },
    SourceKind {
        id: "folder",
        title: "Folder",
        help: "A folder of pictures, or pictures one a line; first-level folders are labels; captions.tsv, \
               metadata.csv or metadata.jsonl are read",
        built_in: false,
        sniff: folder::sniff,
        open: folder::open,
    },
];

/// Opens a source by its text, a path or the name of a built-in set, as a new recipe understands it.
///
/// # Errors
/// Nothing is there, it cannot be read, or it is of no known kind.
pub fn open(spec: &str) -> Result<Box<dyn ImageSource>> {
    open_as(spec, Opening { reading: Reading::default(), progress: &Quiet::default() })
}

/// Opens a source by its text, understood as asked for.
///
/// # Errors
/// Nothing is there, it cannot be read, it is of no known kind, or nobody waits for it any more.
pub fn open_as(spec: &str, opening: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let spec = spec.trim();
    if spec.is_empty() {
        return Err(
            Problem::usage("No pictures were chosen").try_this("Give a folder, a zip, a tar, or `emoji`, `shapes`")
        );
    }
    if let Some(kind) = SOURCES.iter().find(|kind| (kind.sniff)(spec)) {
        return (kind.open)(spec, opening);
    }
    let path = path_of(spec);
    match std::fs::metadata(&path) {
        Err(e) => Err(Problem::io("There are no pictures here", &path, &e)),
        Ok(meta) if !meta.is_file() => Err(Problem::data("This is a pipe, a socket or a device, not a file")
            .of(path.display().to_string())
            .try_this("Give a folder, a zip, a tar, a picture, an IDX or a CIFAR file")),
        Ok(_) => Err(match formats::unread_file(&path) {
            Some((what, how)) => Problem::data(format!("This is {what}, which is not read"))
                .of(path.display().to_string())
                .try_this(capital(how)),
            None => Problem::data("This file holds no pictures that can be read")
                .of(path.display().to_string())
                .try_this("Give a folder, a zip, a tar, a picture, an IDX or a CIFAR file"),
        }),
    }
}

/// A sentence's beginning.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Whether the text names a set that comes with the studio.
pub fn is_built_in(spec: &str) -> bool {
    SOURCES.iter().any(|kind| kind.built_in && (kind.sniff)(spec))
}

/// Most files and folders that are looked at for sources in a folder.
const LOOKED_AT: usize = 20_000;
/// How deep they may lie.
const DEEPEST: usize = 4;

/// Sources in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// Archives, and folders of IDX or CIFAR files: sources of their own, which are not read as pictures of the folder.
    /// Sorted.
    pub sources: Vec<String>,
    /// Whether one of them is what the folder would be read as.
    pub instead: bool,
}

/// The sources in a folder; none where the text names anything else than one folder.
pub fn within(spec: &str) -> Within {
    let folder = path_of(spec.trim());
    if spec.trim().contains('\n') || !folder.is_dir() {
        return Within::default();
    }
    let mut instead = false;
    let mut out = Vec::new();
    let mut walk = walkdir::WalkDir::new(&folder).min_depth(1).max_depth(DEEPEST).sort_by_file_name().into_iter();
    for _ in 0..LOOKED_AT {
        let Some(entry) = walk.next() else { break };
        let Ok(entry) = entry else { continue };
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let text = joined(&[entry.path().to_path_buf()]);
        let is_dir = entry.file_type().is_dir();
        let whole =
            if is_dir { idx::sniff(&text) || cifar::sniff(&text) } else { zip::sniff(&text) || tar::sniff(&text) };
        if !hidden && whole {
            instead |= is_dir;
            out.push(text);
        }
        if is_dir && (hidden || whole) {
            walk.skip_current_dir();
        }
    }
    // Files of a folder below are found through the folder above it too.
    Within { sources: out, instead: instead && (idx::sniff(spec) || cifar::sniff(spec)) }
}

/// Whether something of a known kind is there, without reading it.
pub fn is_there(spec: &str) -> bool {
    let spec = spec.trim().to_owned();
    if spec.is_empty() || is_built_in(&spec) {
        return !spec.is_empty();
    }
    let own = spec.clone();
    let sniff = move |_: &dyn Progress| Ok(SOURCES.iter().any(|kind| (kind.sniff)(&own)));
    // What does not answer is not there for whoever asks.
    attended(&spec, Patience::GLANCE, &Quiet::default(), sniff).unwrap_or(false)
}

/// A source as it is typed here, for whoever stands in another folder; and what was assumed. A file or folder of this name
/// wins over a built-in set.
pub fn typed(spec: &str) -> (String, Option<Guess>) {
    let there = absolute(spec);
    let name = spec.trim();
    let both = is_built_in(name) && there != name && !name.contains('\n');
    let guess = both.then(|| {
        Guess::new(format!("`{name}` is a file or folder here and is taken, not the built-in set of this name"))
            .otherwise(format!("For the built-in set write `{}:`", name.trim_end_matches(':')))
    });
    (there, guess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_own_name_or_a_file() {
        let mut ids: Vec<_> = SOURCES.iter().map(|s| s.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), SOURCES.len());
        assert_eq!(open("emoji").unwrap().kind(), "Emoji");
        assert_eq!(open(" shapes:7 ").unwrap().len(), 7);
    }

    #[test]
    fn what_is_not_there_is_said_plainly() {
        let p = open("/nowhere/at/all").err().unwrap();
        assert_eq!(p.exit_code(), 3);
        assert!(p.to_string().contains("/nowhere/at/all"));
        assert_eq!(open("").err().unwrap().exit_code(), 2);
        assert_eq!(open("emoji:nonsense").err().unwrap().exit_code(), 2);
    }

    #[test]
    fn what_lies_here_wins_over_a_built_in_set_of_its_name() {
        // Tests run in the folder of the package, where nothing is called like a built-in set.
        assert_eq!(typed("shapes"), ("shapes".to_owned(), None));
        assert_eq!(typed("emoji:faces").1, None);
        let dir = tempfile::tempdir_in(".").unwrap();
        let name = dir.path().file_name().unwrap().to_str().unwrap();
        let (there, guess) = typed(name);
        assert!(path_of(&there).is_absolute() && guess.is_none(), "no built-in set is called so");
        // A name of a set with a part is looked for too.
        let odd = format!("shapes:{name}");
        std::fs::create_dir(&odd).unwrap();
        let (there, guess) = typed(&odd);
        std::fs::remove_dir(&odd).unwrap();
        assert!(path_of(&there).is_absolute() && there.ends_with(&odd));
        assert!(guess.unwrap().what.contains("is taken, not the built-in set"));
        assert_eq!(open("shapes:").unwrap().len(), open("shapes").unwrap().len());
    }

    #[test]
    fn formats_that_are_not_read_are_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("train.parquet"), b"PAR1 and more").unwrap();
        let p = open(dir.path().join("train.parquet").to_str().unwrap()).err().unwrap();
        assert!(p.what.contains("Parquet") && p.remedy.unwrap().starts_with("Save its pictures"), "{}", p.what);
        let source = open(dir.path().to_str().unwrap()).unwrap();
        assert!(source.is_empty() && source.listed_broken()[0].reason.contains("Parquet"));
    }
}
