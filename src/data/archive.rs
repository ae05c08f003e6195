//! Archives of pictures: the same as a folder, read in place. What zips and tars share.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use super::captions::{MAX_TABLE, Table};
use super::decode::{Decoded, FILES, How, MAX_FILE, decode_as, too_large};
use super::folder::passed_by;
use super::guess::Guess;
use super::listing::{Listing, Use, table_of, use_of};
use super::made_here;
use super::report::BrokenFile;
use super::rubbish::is_hidden;
use super::sidecars;
use super::source::{ImageSource, Opening};
use super::zip_names;
use crate::base::{Picture, Problem, Result};
use crate::recipe::Reading;

/// Smaller entries are unpacked without asking how much is held in memory already.
const SMALL: u64 = 4 << 20;

/// How the files of an archive are read.
pub(super) trait Entries: Send + Sync {
    /// What such an archive is called, such as "Zip".
    fn kind(&self) -> &'static str;

    /// Unpacked bytes of one.
    fn size(&self, place: usize) -> u64;

    /// At most `limit` bytes of one: what a bomb unpacks to beyond them is never made.
    fn read(&self, place: usize, limit: u64) -> Result<Vec<u8>, String>;
}

/// A file in an archive, as its table of contents has it.
pub(super) struct Entry {
    /// Its name with folders; may be empty.
    pub name: String,
    /// The name that decides its place among others.
    pub order: String,
    /// Its place in the archive.
    pub place: usize,
    /// Unpacked bytes.
    pub size: u64,
    /// Why it cannot be read.
    pub refused: Option<String>,
}

/// What is known of an archive before its files are looked at.
pub(super) struct Contents {
    /// Where it is.
    pub path: PathBuf,
    /// Its files.
    pub entries: Vec<Entry>,
    /// Folders of runs of the studio, each with a `/` behind.
    pub own: HashSet<String>,
    /// What was assumed.
    pub guesses: Vec<Guess>,
    /// What is damaged as a whole.
    pub broken: Vec<BrokenFile>,
    /// Names and contents, as far as they are known without unpacking.
    pub hasher: blake3::Hasher,
    /// Bytes of the archive.
    pub bytes: u64,
}

/// An archive whose table of contents was read when it was opened.
pub(super) struct Archive<E> {
    path: PathBuf,
    entries: E,
    /// Place in the archive of each picture of the listing.
    places: Vec<usize>,
    listing: Listing,
    fingerprint: String,
    bytes: u64,
    /// Whether pictures that the studio made are refused.
    refuses_own: bool,
    how: How,
}

impl<E: Entries> Archive<E> {
    /// Finds the pictures among the files, and what tables and texts say of them.
    pub fn new(entries: E, contents: Contents, opening: &Opening<'_>) -> Result<Self> {
        let Contents { path, entries: files, own, mut guesses, mut broken, mut hasher, bytes } = contents;
        let (mut found, mut tables) = (Vec::new(), Vec::<Table>::new());
        let (mut taken, mut passed) = (HashSet::new(), BTreeSet::new());
        let mut texts: Vec<(String, usize, u64)> = Vec::new();
        for (at, file) in files.into_iter().enumerate() {
            if at % 256 == 0 {
                opening.check()?;
            }
            let Entry { name, order, place, size, refused } = file;
            let name = if name.is_empty() { numbered(place) } else { name.replace('\\', "/") };
            if is_hidden(&name, &opening.reading) || !taken.insert(name.clone()) {
                continue;
            }
            if let Some(folder) = inside(&name, &own) {
                passed.insert(folder.trim_end_matches('/').to_owned());
                continue;
            }
            let good_for = use_of(&name, size, || match refused.clone() {
                Some(reason) => Err(reason),
                None => entries.read(place, 64),
            });
            let outcome = match (good_for, refused) {
                (Ok(Use::Nothing), _) => Ok(()),
                (Err(reason), _) | (Ok(_), Some(reason)) => Err(reason),
                (Ok(Use::Picture), None) => {
                    found.push((order.replace('\\', "/"), name.clone(), place));
                    Ok(())
                }
                (Ok(Use::Text), None) => {
                    texts.push((name.clone(), place, size));
                    Ok(())
                }
                (Ok(Use::Table), None) => {
                    entries.read(place, MAX_TABLE).and_then(|bytes| table_of(&name, &bytes)).map(|table| {
                        tables.extend(table);
                    })
                }
            };
            if let Err(reason) = outcome {
                broken.push(BrokenFile { file: name, reason });
            }
        }
        found.sort();
        let all: Vec<usize> = found.iter().map(|e| e.2).collect();
        let names: Vec<String> = found.into_iter().map(|e| e.1).collect();
        texts.sort();
        let wanted = sidecars::wanted(&names, texts.iter().map(|t| t.0.as_str()));
        let mut read = Vec::new();
        for (wanted, (name, place, size)) in wanted.into_iter().zip(&texts) {
            let Some(wanted) = wanted else { continue };
            opening.check()?;
            let most = sidecars::most_bytes(wanted);
            // A text that cannot be read says nothing.
            if *size <= most
                && let Ok(bytes) = entries.read(*place, most)
            {
                read.push(sidecars::read(wanted, name, &bytes));
            }
        }
        let beside = sidecars::Texts::of(&names, read.into_iter());
        // What tables say outweighs what single texts do.
        tables.splice(0..0, beside.read);
        let (mut listing, kept) = Listing::new(names, &tables, broken, &opening.reading);
        listing.guesses.extend(beside.guesses);
        listing.guesses.append(&mut guesses);
        listing.guesses.extend(passed_by(passed.into_iter().collect()));
        let places: Vec<usize> = kept.into_iter().map(|i| all[i]).collect();
        let mut head = |i: usize| entries.read(places[i], made_here::HEAD).ok();
        let refuses_own = !opening.reading.is_before() && made_here::are_few(places.len(), &mut head);
        hasher.update(listing.understood.as_bytes());
        let fingerprint = hasher.finalize().to_hex().to_string();
        let how = How::from(&opening.reading);
        Ok(Self { path, entries, places, listing, fingerprint, bytes, refuses_own, how })
    }
}

/// What an entry without a name is called.
pub(super) fn numbered(place: usize) -> String {
    format!("entry {}", place + 1)
}

/// Whether a name lies in one of these folders.
fn inside<'a>(name: &str, folders: &'a HashSet<String>) -> Option<&'a String> {
    name.match_indices('/').find_map(|(at, _)| folders.get(&name[..=at]))
}

/// Folders of runs of the studio among the names of an archive, each with a `/` behind.
pub(super) fn own_folders<'a>(names: impl Iterator<Item = &'a [u8]>) -> HashSet<String> {
    let names: HashSet<&[u8]> = names.collect();
    let mut out = HashSet::new();
    for name in &names {
        let Some(folder) = name.strip_suffix(b"recipe.json").filter(|f| f.ends_with(b"/")) else { continue };
        if names.contains([folder, &b"run.json"[..]].concat().as_slice()) {
            out.insert(lossy(folder));
        }
    }
    out
}

/// A name as UTF-8, whatever it is.
pub(super) fn lossy(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}

/// How names are read that are no UTF-8.
pub(super) struct Named {
    encoding: Option<&'static encoding_rs::Encoding>,
    /// How many there are.
    count: u64,
}

impl Named {
    /// By the names of an archive, as it is understood.
    pub fn of<'a>(names: impl Iterator<Item = &'a [u8]> + Clone, reading: &Reading) -> Self {
        // Older recipes know pictures and classes by the names they were read under then.
        if reading.is_before() {
            return Self { encoding: None, count: 0 };
        }
        let foreign = || names.clone().filter(|raw| std::str::from_utf8(raw).is_err());
        Self { encoding: zip_names::encoding_of(foreign()), count: foreign().count() as u64 }
    }

    /// A name as text; `before` is what it is as UTF-8, or in code page 437.
    pub fn name(&self, raw: &[u8], before: &str) -> String {
        match self.encoding {
            Some(encoding) if std::str::from_utf8(raw).is_err() => zip_names::decoded(raw, encoding),
            _ => before.to_owned(),
        }
    }

    /// What was assumed, if any name is no UTF-8; `archive` as in "this zip", `otherwise` what they were read as.
    pub fn guess(&self, archive: &str, otherwise: &str) -> Option<Guess> {
        let encoding = match self.encoding {
            Some(encoding) => encoding.name(),
            None => otherwise,
        };
        let what = format!("Names in this {archive} are not in UTF-8 and were read as {encoding}");
        let advice = format!("If they look wrong, make the {archive} again with UTF-8 names");
        (self.count > 0).then(|| Guess::new(what).about(self.count).otherwise(advice))
    }
}

impl<E: Entries> ImageSource for Archive<E> {
    fn kind(&self) -> &'static str {
        self.entries.kind()
    }

    fn listing(&self) -> Option<&Listing> {
        Some(&self.listing)
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        self.decode_told(i).map(|decoded| decoded.picture)
    }

    fn decode_told(&self, i: usize) -> Result<Decoded> {
        let name = self.listing.name(i);
        let size = self.entries.size(self.places[i]);
        let _held = (size > SMALL).then(|| FILES.hold(size));
        let bytes = self
            .entries
            .read(self.places[i], MAX_FILE + 1)
            .and_then(|b| if b.len() as u64 > MAX_FILE { Err(too_large(b.len() as u64)) } else { Ok(b) })
            .map_err(|reason| Problem::data(reason).of(name))?;
        if self.refuses_own && made_here::is_made_here(&bytes) {
            return Err(Problem::data(made_here::REASON).of(name));
        }
        decode_as(&bytes, name, &self.how)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn fingerprint(&self) -> Result<String> {
        std::fs::metadata(&self.path).map_err(|e| {
            let what = format!("This {} has vanished", self.entries.kind().to_lowercase());
            Problem::io(&what, &self.path, &e)
        })?;
        Ok(self.fingerprint.clone())
    }
}
