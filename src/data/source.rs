//! Where pictures come from: the trait every source implements, and how one is named.

use std::path::{Path, PathBuf};

use super::decode::Decoded;
use super::guess::Guess;
use super::listing::Listing;
use super::report::BrokenFile;
use crate::base::{Picture, Progress, Result};
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

/// What a source is called: the last part of its path that says something, without its ending; of several paths the
/// first counts. Nothing for one without a name.
pub fn name_of(spec: &str) -> Option<String> {
    let first = path_of(spec.lines().next()?);
    let plain = |p: &&Path| p.file_name().is_some_and(|n| PLAIN.iter().any(|plain| n.eq_ignore_ascii_case(plain)));
    let named = first.ancestors().find(|p| !plain(p) && p.file_name().is_some()).unwrap_or(&first);
    let name = if named.extension().is_some() { named.file_stem() } else { named.file_name() };
    let name = name?.to_string_lossy().into_owned();
    // Packed tars have two endings.
    Some(name.strip_suffix(".tar").filter(|rest| !rest.is_empty()).map_or_else(|| name.clone(), str::to_owned))
}

/// The source that several paths are together: one a line. Of one path it is that path.
pub fn joined(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| text_of(path)).collect::<Vec<_>>().join("\n")
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
    fn a_source_is_called_by_the_part_of_its_path_that_says_something() {
        for (spec, name) in [
            ("/a/cats.tar.xz", "cats"),
            ("/a/cats.tgz", "cats"),
            ("/a/cats.zip", "cats"),
            ("/a/cats/train\n/b/dogs", "cats"),
            ("/a/.tar", ".tar"),
        ] {
            assert_eq!(name_of(spec).as_deref(), Some(name), "{spec:?}");
        }
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
    fn paths_lose_their_wrapping() {
        assert_eq!(path_of("\"/a b/c\""), PathBuf::from("/a b/c"));
        assert_eq!(path_of("file:///a%20b/%C3%A4"), PathBuf::from("/a b/ä"));
        assert_eq!(path_of("100%"), PathBuf::from("100%"));
        assert!(path_of("~/x").is_absolute());
    }
}
