//! Versions of a data set: what each picture was, by content, and how two versions differ.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::decode_pool::{Ticker, pool};
use super::duplicates::{Look, hash_distance};
use super::resize::thumbnail;
use super::source::{ImageSource, Opening};
use super::sources::open_as;
use crate::base::vault;
use crate::base::{Picture, Progress, Result};
use crate::recipe::Reading;

/// Bits of two perceptual hashes that may differ where one picture was cut out of the other, or brightened.
const ALIKE: u32 = 24;

/// Largest side of the small versions that are kept of pictures.
pub const THUMB: u32 = 48;

/// A picture of a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name within the source.
    pub name: String,
    /// Hash of its size and pixels: 32 hexadecimal digits.
    pub content: String,
    /// Perceptual hash: 32 hexadecimal digits, of which pictures that look alike have most in common.
    pub look: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// How often it is drawn while training, against once for others, if that was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Its tags, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub excluded: bool,
}

/// A version of a data set.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Usable pictures, by name.
    pub entries: Vec<Entry>,
}

/// How one version differs from another. Each list holds names, sorted.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Diff {
    /// Pictures that only the later one has.
    pub added: Vec<String>,
    /// Pictures that only the earlier one has.
    pub gone: Vec<String>,
    /// The same pictures under other names: before and after.
    pub renamed: Vec<(String, String)>,
    /// Pictures with another label: name, label before, label after.
    pub relabelled: Vec<(String, Option<String>, Option<String>)>,
    /// Pictures with another caption.
    pub recaptioned: Vec<String>,
    /// Pictures that look like before and have another size: cut, or scaled.
    pub recropped: Vec<String>,
    /// Pictures with other contents.
    pub replaced: Vec<String>,
    /// Pictures that are left out now.
    pub excluded: Vec<String>,
    /// Pictures that were left out before.
    pub included: Vec<String>,
    /// Pictures with another weight: name, weight before, weight after.
    pub reweighted: Vec<(String, f64, f64)>,
    /// Pictures with other tags.
    pub retagged: Vec<String>,
}

/// A kind of difference with its pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What a person calls it.
    pub title: &'static str,
    /// How many pictures differ so.
    pub count: usize,
    /// The first of them: the name in the later version, or of one that is gone in the earlier, and what is told of it.
    pub pictures: Vec<(String, String)>,
}

impl Diff {
    /// Kinds of difference that there are, each with at most so many of its pictures.
    pub fn kinds(&self, most: usize) -> Vec<Kind> {
        fn kind<T>(title: &'static str, all: &[T], most: usize, told: impl Fn(&T) -> (String, String)) -> Kind {
            Kind { title, count: all.len(), pictures: all.iter().take(most).map(told).collect() }
        }
        let plain = |title, all: &[String]| kind(title, all, most, |name| (name.clone(), name.clone()));
        let label = |label: &Option<String>| label.clone().unwrap_or_else(|| "none".into());
        let all = [
            plain("New", &self.added),
            plain("Gone", &self.gone),
            kind("Renamed", &self.renamed, most, |(a, b)| (b.clone(), format!("{a} → {b}"))),
            kind("Relabelled", &self.relabelled, most, |(name, a, b)| {
                (name.clone(), format!("{name}: {} → {}", label(a), label(b)))
            }),
            plain("Captions", &self.recaptioned),
            plain("Cut or scaled", &self.recropped),
            plain("Other contents", &self.replaced),
            plain("Left out", &self.excluded),
            plain("Included again", &self.included),
            kind("Weights", &self.reweighted, most, |(name, a, b)| (name.clone(), format!("{name}: {a} → {b}"))),
            plain("Tags", &self.retagged),
        ];
        all.into_iter().filter(|kind| kind.count > 0).collect()
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What differs, in words.
    pub fn sentence(&self) -> String {
        let parts = [
            (self.added.len(), "new"),
            (self.gone.len(), "gone"),
            (self.renamed.len(), "under other names"),
            (self.relabelled.len(), "with other labels"),
            (self.recaptioned.len(), "with other captions"),
            (self.recropped.len(), "cut or scaled"),
            (self.replaced.len(), "with other contents"),
            (self.excluded.len(), "left out"),
            (self.included.len(), "no longer left out"),
            (self.reweighted.len(), "with other weights"),
            (self.retagged.len(), "with other tags"),
        ];
        let parts: Vec<String> = parts.iter().filter(|p| p.0 > 0).map(|(n, what)| format!("{n} {what}")).collect();
        if parts.is_empty() { "nothing differs".into() } else { parts.join(", ") }
    }
}

impl Manifest {
    /// The version of a source as it is now: every picture is decoded. Those that are not usable are not part of it.
    ///
    /// # Errors
    /// The source cannot be opened, or the work was cancelled.
    pub fn of(spec: &str, reading: Reading, progress: &dyn Progress) -> Result<Self> {
        progress.report("Opening", 0, 0);
        let source = open_as(spec, Opening { reading, progress })?;
        Self::of_source(source.as_ref(), progress)
    }

    fn of_source(source: &dyn ImageSource, progress: &dyn Progress) -> Result<Self> {
        let ticker = Ticker::new(progress, "Looking at pictures", source.len() as u64);
        let all: Vec<Option<Entry>> = pool()?.install(|| {
            (0..source.len())
                .into_par_iter()
                .map(|i| {
                    ticker.check()?;
                    let entry = source.decode(i).ok().map(|picture| {
                        let look = Look::of(&picture);
                        Entry {
                            name: source.name(i),
                            content: hex(&look.content),
                            look: format!("{:032x}", look.hash()),
                            width: picture.width,
                            height: picture.height,
                            label: source.label(i).and_then(|l| source.labels().get(l as usize).cloned()),
                            caption: source.caption(i),
                            ..Entry::default()
                        }
                    });
                    ticker.tick();
                    Ok(entry)
                })
                .collect::<Result<_>>()
        })?;
        let mut entries: Vec<Entry> = all.into_iter().flatten().collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { entries })
    }

    /// Small versions of pictures, those with these hashes of pixels, as PNG: at most [`THUMB`] pixels a side. A picture that
    /// cannot be read any more has none.
    ///
    /// # Errors
    /// The source cannot be opened, or the work was cancelled.
    pub fn thumbs(
        &self,
        spec: &str,
        reading: Reading,
        contents: &[String],
        progress: &dyn Progress,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: HashSet<&str> = contents.iter().map(String::as_str).collect();
        let by_name: HashMap<&str, &str> = self
            .entries
            .iter()
            .filter(|e| wanted.contains(e.content.as_str()))
            .map(|e| (e.name.as_str(), e.content.as_str()))
            .collect();
        let source = open_as(spec, Opening { reading, progress })?;
        let source = source.as_ref();
        let ticker = Ticker::new(progress, "Making small pictures", contents.len() as u64);
        let all: Vec<Option<(String, Vec<u8>)>> = pool()?.install(|| {
            (0..source.len())
                .into_par_iter()
                .filter_map(|i| Some((i, *by_name.get(source.name(i).as_str())?)))
                .map(|(i, content)| {
                    ticker.check()?;
                    let small = source.decode(i).ok().map(|picture| thumbnail(&picture, THUMB));
                    ticker.tick();
                    Ok(small.and_then(|small| Some((content.to_owned(), png(&small)?))))
                })
                .collect::<Result<_>>()
        })?;
        Ok(all.into_iter().flatten().collect())
    }

    /// One line of JSON a picture: what is kept of a version.
    pub fn to_lines(&self) -> String {
        let line = |e: &Entry| serde_json::to_string(e).unwrap_or_default() + "\n";
        self.entries.iter().map(line).collect()
    }

    /// [`Self::to_lines`], deflated.
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        // Nothing but memory is written to.
        packed.write_all(self.to_lines().as_bytes()).and_then(|()| packed.finish()).unwrap_or_default()
    }

    /// Reads what [`Self::pack`] wrote; nothing if it is damaged.
    pub fn unpack(packed: &[u8]) -> Option<Self> {
        let mut text = String::new();
        DeflateDecoder::new(packed).read_to_string(&mut text).ok()?;
        Some(Self::from_lines(&text))
    }

    /// The version of a source as it is now, from the cache if nothing changed since it was looked at last.
    ///
    /// # Errors
    /// As of [`Self::of`]. A cache that cannot be written is no error.
    pub fn kept(spec: &str, reading: Reading, cache: &Path, progress: &dyn Progress) -> Result<Self> {
        progress.report("Opening", 0, 0);
        let source = open_as(spec, Opening { reading: reading.clone(), progress })?;
        let told = serde_json::to_string(&reading).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        for part in [source.kind(), &source.fingerprint()?, &told, &super::PREPARED_FORMAT.to_string()] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let path = cache.join(format!("{}.manifest", &hasher.finalize().to_hex()[..32]));
        // The file begins with the hash of what follows.
        let read = |bytes: Vec<u8>| {
            let (hash, packed) = bytes.split_at_checked(32)?;
            if blake3::hash(packed).as_bytes() == hash { Self::unpack(packed) } else { None }
        };
        if let Some(known) = vault::read(&path).ok().and_then(read) {
            crate::base::paths::note_use(&path);
            return Ok(known);
        }
        let made = Self::of_source(source.as_ref(), progress)?;
        let packed = made.pack();
        let bytes = [blake3::hash(&packed).as_bytes().as_slice(), &packed].concat();
        let written = std::fs::create_dir_all(cache).and_then(|()| vault::write(&path.with_extension("part"), &bytes));
        if let Err(e) = written.and_then(|()| std::fs::rename(path.with_extension("part"), &path)) {
            log::warn!("{} could not be written: {e}", path.display());
        }
        Ok(made)
    }

    /// Reads what [`Self::to_lines`] wrote; a line that cannot be read is none.
    pub fn from_lines(text: &str) -> Self {
        Self { entries: text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect() }
    }

    /// The hash of a version: the same for the same pictures with the same names, labels and captions, wherever they lie.
    pub fn hash(&self) -> String {
        blake3::hash(self.to_lines().as_bytes()).to_hex()[..32].to_owned()
    }

    /// How `later` differs from this version.
    pub fn diff(&self, later: &Self) -> Diff {
        let mut out = Diff::default();
        let mut before: HashMap<&str, &Entry> = self.entries.iter().map(|e| (e.name.as_str(), e)).collect();
        let mut new: Vec<&Entry> = Vec::new();
        for entry in &later.entries {
            let Some(old) = before.remove(entry.name.as_str()) else {
                new.push(entry);
                continue;
            };
            compare(old, entry, &mut out);
        }
        // What is left on both sides may be the same picture under another name.
        let mut gone: Vec<&Entry> = before.into_values().collect();
        gone.sort_by(|a, b| a.name.cmp(&b.name));
        let mut by_content: HashMap<&str, Vec<&Entry>> = HashMap::new();
        for entry in gone.iter().rev() {
            by_content.entry(&entry.content).or_default().push(entry);
        }
        let mut moved = std::collections::HashSet::new();
        for entry in new {
            match by_content.get_mut(entry.content.as_str()).and_then(Vec::pop) {
                Some(old) => {
                    moved.insert(old.name.as_str());
                    out.renamed.push((old.name.clone(), entry.name.clone()));
                    compare(old, entry, &mut out);
                }
                None => out.added.push(entry.name.clone()),
            }
        }
        out.gone = gone.iter().filter(|e| !moved.contains(e.name.as_str())).map(|e| e.name.clone()).collect();
        let Diff { recaptioned, recropped, replaced, excluded, included, retagged, .. } = &mut out;
        for list in [recaptioned, recropped, replaced, excluded, included, retagged] {
            list.sort();
        }
        out.relabelled.sort();
        out.reweighted.sort_by(|a, b| a.0.cmp(&b.0));
        out
    }
}

/// Notes how a picture differs from what it was.
fn compare(old: &Entry, new: &Entry, out: &mut Diff) {
    if old.content != new.content {
        let bits = |text: &str| u128::from_str_radix(text, 16).unwrap_or_default();
        let alike = hash_distance(bits(&old.look), bits(&new.look)) <= ALIKE;
        let resized = (old.width, old.height) != (new.width, new.height);
        let list = if alike && resized { &mut out.recropped } else { &mut out.replaced };
        list.push(new.name.clone());
    }
    if old.label != new.label {
        out.relabelled.push((new.name.clone(), old.label.clone(), new.label.clone()));
    }
    if old.caption != new.caption {
        out.recaptioned.push(new.name.clone());
    }
    match (old.excluded, new.excluded) {
        (false, true) => out.excluded.push(new.name.clone()),
        (true, false) => out.included.push(new.name.clone()),
        _ => {}
    }
    if old.weight != new.weight {
        out.reweighted.push((new.name.clone(), old.weight.unwrap_or(1.0), new.weight.unwrap_or(1.0)));
    }
    if old.tags != new.tags {
        out.retagged.push(new.name.clone());
    }
}

/// A picture as a PNG file; nothing if it is empty.
fn png(picture: &Picture) -> Option<Vec<u8>> {
    let image = image::RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone())?;
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).ok()?;
    Some(out.into_inner())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::progress::Quiet;

    fn draw(path: &Path, seed: u32, width: u32, height: u32) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let value = |x: u32, y: u32| ((x * 7 * seed + y * 13 + (x * y * seed) / 40) % 256) as u8;
        // The same scene at any size.
        let picture = image::RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (x * 64 / width / 16 * 16, y * 64 / height / 16 * 16);
            image::Rgb([value(x, y), value(y, x), value(x + y, y)])
        });
        picture.save(path).unwrap();
    }

    fn version(dir: &Path) -> Manifest {
        Manifest::of(dir.to_str().unwrap(), Reading::default(), &Quiet::default()).unwrap()
    }

    #[test]
    fn what_differs_is_told_by_kind_and_what_does_not_has_the_same_hash() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join("p").join(name);
        for (i, name) in ["a/1.png", "a/2.png", "a/3.png", "b/4.png", "b/5.png"].iter().enumerate() {
            draw(&at(name), i as u32 + 3, 64, 64);
        }
        let old = version(&dir.path().join("p"));
        assert_eq!(old.entries.len(), 5);
        assert_eq!(old.entries[0].label.as_deref(), Some("a"));
        let copy = dir.path().join("elsewhere");
        std::fs::rename(dir.path().join("p"), &copy).unwrap();
        assert_eq!(version(&copy).hash(), old.hash(), "wherever they lie");
        std::fs::rename(&copy, dir.path().join("p")).unwrap();
        assert_eq!(Manifest::from_lines(&old.to_lines()), old);
        assert!(old.diff(&old).is_empty());

        std::fs::remove_file(at("a/1.png")).unwrap();
        draw(&at("a/2.png"), 4, 32, 32);
        draw(&at("a/3.png"), 90, 64, 64);
        std::fs::rename(at("b/4.png"), at("a/4.png")).unwrap();
        draw(&at("b/6.png"), 50, 64, 64);
        let new = version(&dir.path().join("p"));
        let diff = old.diff(&new);
        assert_eq!(diff.gone, ["a/1.png"]);
        assert_eq!(diff.added, ["b/6.png"]);
        assert_eq!(diff.recropped, ["a/2.png"]);
        assert_eq!(diff.replaced, ["a/3.png"]);
        assert_eq!(diff.renamed, [("b/4.png".to_owned(), "a/4.png".to_owned())]);
        assert_eq!(diff.relabelled, [("a/4.png".to_owned(), Some("b".into()), Some("a".into()))]);
        let kinds = diff.kinds(1);
        let titles: Vec<&str> = kinds.iter().map(|kind| kind.title).collect();
        assert_eq!(titles, ["New", "Gone", "Renamed", "Relabelled", "Cut or scaled", "Other contents"]);
        assert_eq!(kinds[3].pictures, [("a/4.png".to_owned(), "a/4.png: b → a".to_owned())]);
        assert!(diff.kinds(0).iter().all(|kind| kind.count == 1 && kind.pictures.is_empty()));
        assert_eq!(
            diff.sentence(),
            "1 new, 1 gone, 1 under other names, 1 with other labels, 1 cut or scaled, 1 with other contents"
        );
        assert_ne!(new.hash(), old.hash());
    }
}
