//! Where pictures come from: the trait every source implements, and the table of sources.

use std::path::{Path, PathBuf};

use super::attend::{Patience, attended};
use super::decode::Decoded;
use super::guess::Guess;
use super::listing::Listing;
use super::report::BrokenFile;
use super::{cifar, emoji, fashion, folder, formats, idx, points, shapes, stacked, zip};
use crate::base::progress::Quiet;
use crate::base::{Picture, Problem, Progress, Result};
use crate::recipe::Reading;

/// Names of folders that say nothing of what is in them; such a folder is known by the one it lies in.
const PLAIN: [&str; 7] = ["images", "pictures", "photos", "imgs", "data", "train", "png"];

/// Pictures by place, with what is known of them. Places are stable as long as [`ImageSource::fingerprint`] is.
pub trait ImageSource: Send + Sync {
    /// What it is, for a person, such as "Folder".
    fn kind(&self) -> &'static str;

    /// Its pictures by name with what is known of them, for sources that keep one; most of the rest follows from it.
    fn listing(&self) -> Option<&Listing> {
        None
    }

    /// How many pictures are listed; some of them may turn out unusable when decoded.
    fn len(&self) -> usize {
        self.listing().map_or(0, Listing::len)
    }

    /// Whether nothing is listed.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name of a picture within the source; no two are the same.
    fn name(&self, i: usize) -> String {
        self.listing().map_or_else(String::new, |l| l.name(i).to_owned())
    }

    /// Its label, a place in [`ImageSource::labels`].
    fn label(&self, i: usize) -> Option<u32> {
        self.listing()?.label(i)
    }

    /// Its caption.
    fn caption(&self, i: usize) -> Option<String> {
        self.listing()?.caption(i)
    }

    /// Its factors, one for each of [`ImageSource::factor_names`]; NaN where unknown. Text is coded by its place among
    /// the sorted values of its column.
    fn factors(&self, i: usize) -> Vec<f64> {
        self.listing().map_or_else(Vec::new, |l| l.factors(i))
    }

    /// Names of labels.
    fn labels(&self) -> &[String] {
        self.listing().map_or(&[], |l| &l.labels)
    }

    /// Names of factors.
    fn factor_names(&self) -> &[String] {
        self.listing().map_or(&[], |l| &l.factor_names)
    }

    /// For each factor the kinds that its numbers stand for, without an order; none for a quantity. May be shorter than
    /// the list of factors, of which the rest are quantities.
    fn categories(&self) -> &[Vec<String>] {
        self.listing().map_or(&[], |l| &l.categories)
    }

    /// What is known to be unusable without decoding: unreadable folders, links that lead nowhere, damaged entries.
    fn listed_broken(&self) -> &[BrokenFile] {
        self.listing().map_or(&[], |l| &l.broken)
    }

    /// What was assumed about the pictures.
    fn guesses(&self) -> &[Guess] {
        self.listing().map_or(&[], |l| &l.guesses)
    }

    /// The picture in full size, upright, without its metadata.
    ///
    /// # Errors
    /// The file cannot be read or is no usable picture; [`Problem::what`] is the reason.
    fn decode(&self, i: usize) -> Result<Picture>;

    /// The same with what was noticed while it was read.
    ///
    /// # Errors
    /// As of [`ImageSource::decode`].
    fn decode_told(&self, i: usize) -> Result<Decoded> {
        self.decode(i).map(Decoded::from)
    }

    /// Bytes of the source.
    fn bytes(&self) -> u64;

    /// Changes when the pictures do; cheap (names, sizes and times, or the content of built-in data).
    ///
    /// # Errors
    /// The source has vanished.
    fn fingerprint(&self) -> Result<String>;
}

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

/// How a source is opened.
#[derive(Clone)]
pub struct Opening<'a> {
    /// How what lies in it is understood.
    pub reading: Reading,
    /// Who waits for it, and may give up.
    pub progress: &'a dyn Progress,
}

impl Opening<'_> {
    /// An error once nobody waits any more.
    pub(super) fn check(&self) -> Result<()> {
        self.progress.cancel().check()
    }
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
        open: stacked::open,
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
        return Err(Problem::usage("No pictures were chosen").try_this("Give a folder, a zip, or `emoji`, `shapes`"));
    }
    if let Some(kind) = SOURCES.iter().find(|kind| (kind.sniff)(spec)) {
        return (kind.open)(spec, opening);
    }
    let path = path_of(spec);
    match std::fs::metadata(&path) {
        Err(e) => Err(Problem::io("There are no pictures here", &path, &e)),
        Ok(meta) if !meta.is_file() => Err(Problem::data("This is a pipe, a socket or a device, not a file")
            .of(path.display().to_string())
            .try_this("Give a folder, a zip, a picture, an IDX or a CIFAR file")),
        Ok(_) => Err(match formats::unread_file(&path) {
            Some((what, how)) => Problem::data(format!("This is {what}, which is not read"))
                .of(path.display().to_string())
                .try_this(capital(how)),
            None => Problem::data("This file holds no pictures that can be read")
                .of(path.display().to_string())
                .try_this("Give a folder, a zip, a picture, an IDX or a CIFAR file"),
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

/// What a source is called: the last part of its path that says something, without its ending; of several paths the
/// first counts. Nothing for one without a name.
pub fn name_of(spec: &str) -> Option<String> {
    let first = path_of(spec.lines().next()?);
    let plain = |p: &&Path| p.file_name().is_some_and(|n| PLAIN.iter().any(|plain| n.eq_ignore_ascii_case(plain)));
    let named = first.ancestors().find(|p| !plain(p) && p.file_name().is_some()).unwrap_or(&first);
    let name = if named.extension().is_some() { named.file_stem() } else { named.file_name() };
    name.map(|n| n.to_string_lossy().into_owned())
}

/// The source that several paths are together: one a line. Of one path it is that path.
pub fn joined(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| text_of(path)).collect::<Vec<_>>().join("\n")
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

/// The same source for somebody who stands in another folder.
pub fn absolute(spec: &str) -> String {
    let line = |line: &str| {
        let path = path_of(line);
        let here = path.is_relative() && path.exists();
        std::path::absolute(&path).ok().filter(|_| here).map_or_else(|| line.to_owned(), |path| text_of(&path))
    };
    spec.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A path as a text that [`path_of`] reads back: in quotes where it needs them, percent escapes where it is no text.
fn text_of(path: &Path) -> String {
    match path.to_str() {
        Some(text) if path_of(text) == path && !text.contains('\n') => text.into(),
        Some(text) if !text.contains(['\n', '"']) => format!("\"{text}\""),
        _ => {
            let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/-_.~:\\".contains(b);
            let escaped = |b: &u8| if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") };
            format!("file://{}", path.as_os_str().as_encoded_bytes().iter().map(escaped).collect::<String>())
        }
    }
}

/// The path a text names, as it is typed, pasted or dropped: quotes and `file://` are taken off, `~` is the home folder.
pub fn path_of(spec: &str) -> PathBuf {
    let spec = spec.trim();
    let bare =
        [('"', '"'), ('\'', '\'')].iter().find_map(|&(a, b)| spec.strip_prefix(a)?.strip_suffix(b)).unwrap_or(spec);
    if let Some(rest) = bare.strip_prefix("file://") {
        return percent_decoded(rest);
    }
    if let Some(rest) = spec.strip_prefix("~/")
        && let Some(dirs) = directories::BaseDirs::new()
        && !Path::new(spec).exists()
    {
        return dirs.home_dir().join(rest);
    }
    PathBuf::from(bare)
}

fn percent_decoded(text: &str) -> PathBuf {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = (bytes[i] == b'%')
            .then(|| text.get(i + 1..i + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        match code {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    #[cfg(unix)]
    let path = PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(out));
    #[cfg(not(unix))]
    let path = PathBuf::from(String::from_utf8_lossy(&out).into_owned());
    path
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
    fn several_paths_are_one_source_and_are_read_back() {
        let mut paths: Vec<PathBuf> =
            ["/a b/1.png", "/a/ends with space ", "'/quoted'", "~/x", "/two\nlines \"x\""].map(Into::into).into();
        #[cfg(unix)]
        paths.push(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(b"/caf\xe9 1%".into()).into());
        let back: Vec<PathBuf> = joined(&paths).lines().map(path_of).collect();
        assert_eq!(back, paths);
        assert_eq!(joined(&paths[..1]), "/a b/1.png");
    }

    #[test]
    fn relative_paths_become_absolute_and_names_stay() {
        assert_eq!(absolute("emoji:faces"), "emoji:faces");
        assert_eq!(absolute("/nowhere/at all"), "/nowhere/at all");
        let dir = tempfile::tempdir_in(".").unwrap();
        let name = dir.path().file_name().unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(path_of(&absolute(name.to_str().unwrap())), here.join(name));
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

    #[test]
    fn paths_lose_their_wrapping() {
        assert_eq!(path_of("\"/a b/c\""), PathBuf::from("/a b/c"));
        assert_eq!(path_of("file:///a%20b/%C3%A4"), PathBuf::from("/a b/ä"));
        assert_eq!(path_of("100%"), PathBuf::from("100%"));
        assert!(path_of("~/x").is_absolute());
    }
}
