//! Which pictures a run learns from: noted when it begins, compared whenever it goes on.
//!
//! `run.json` holds the hash of the prepared set, `data.json` what each picture was, so that it can be said what changed.

use std::collections::HashMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::folder::{DataMark, RunFolder};
use crate::base::{Kind, Problem, Result};
use crate::data::{self, Prepared};

/// What a person is told when a run's pictures are not where they were.
const MISSING: &str = "The pictures of this run are not where they were";
/// What a person is told when a run's pictures are others than those it began with.
const CHANGED: &str = "The pictures of this run are not those it began with";

/// What a run that did not go on asks of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Where are its pictures? Answered by another source.
    Where,
    /// Shall it go on with pictures that changed? Answered by accepting them, or by another source.
    Accept,
}

/// The answer: what is said of a run's pictures when it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PictureAnswer {
    /// Where they are now, if they were moved.
    #[serde(default)]
    pub source: Option<String>,
    /// Whether it goes on with them although they changed.
    #[serde(default)]
    pub accept: bool,
}

/// The problem of a run whose pictures changed; `how` says what of them.
pub fn changed(source: &str, how: String) -> Problem {
    Problem::data(CHANGED).of(source).because(how)
}

/// The question that a run ended with, if its problem is one.
pub fn question(problem: &Problem) -> Option<Question> {
    match problem.what.as_str() {
        MISSING => Some(Question::Where),
        CHANGED => Some(Question::Accept),
        _ => None,
    }
}

/// `data.json`: every picture by name, with a hash of its prepared pixels and its label.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
struct Ledger {
    hash: String,
    /// How pictures were prepared; another number gives other pixels.
    format: u32,
    names: Vec<String>,
    content: Vec<String>,
    labels: Vec<String>,
    label: Vec<Option<u32>>,
}

impl Ledger {
    fn of(prepared: &Prepared) -> Self {
        let content = (0..prepared.len()).into_par_iter();
        let content = content.map(|i| blake3::hash(prepared.picture(i)).to_hex()[..16].to_owned()).collect();
        Self {
            hash: prepared.hash().into(),
            format: data::PREPARED_FORMAT,
            names: (0..prepared.len()).map(|i| prepared.name(i).to_owned()).collect(),
            content,
            labels: prepared.labels().to_vec(),
            label: (0..prepared.len()).map(|i| prepared.label(i)).collect(),
        }
    }

    fn label(&self, i: usize) -> Option<&str> {
        self.labels.get((*self.label.get(i)?)? as usize).map(String::as_str)
    }

    fn is_whole(&self) -> bool {
        self.names.len() == self.content.len() && self.names.len() == self.label.len()
    }
}

/// How one set of pictures differs from another, in pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Changes {
    gone: usize,
    replaced: usize,
    new: usize,
    renamed: usize,
    relabelled: usize,
}

impl Changes {
    fn between(old: &Ledger, new: &Ledger) -> Self {
        let mut out = Self::default();
        let mut before: HashMap<&str, usize> = old.names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        let mut unknown: HashMap<&str, usize> = HashMap::new();
        for (j, name) in new.names.iter().enumerate() {
            match before.remove(name.as_str()) {
                Some(i) if old.content[i] != new.content[j] => out.replaced += 1,
                Some(i) => out.relabelled += usize::from(old.label(i) != new.label(j)),
                None => *unknown.entry(new.content[j].as_str()).or_default() += 1,
            }
        }
        for i in before.into_values() {
            match unknown.get_mut(old.content[i].as_str()).filter(|n| **n > 0) {
                Some(n) => {
                    *n -= 1;
                    out.renamed += 1;
                }
                None => out.gone += 1,
            }
        }
        out.new = unknown.into_values().sum();
        out
    }

    fn sentence(self, old: &Ledger, format: u32) -> String {
        let total = old.names.len();
        let parts = [
            (self.gone, "gone"),
            (self.replaced, "with other contents"),
            (self.new, "new"),
            (self.renamed, "under other names"),
            (self.relabelled, "with other labels"),
        ];
        let parts: Vec<String> = parts.iter().filter(|p| p.0 > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let mut text = if parts.is_empty() {
            format!("of {total} pictures none changed, but their order or the held-out part did")
        } else {
            format!("of {total} pictures: {}", parts.join(", "))
        };
        if old.format != format && self.replaced > 0 {
            text += "; this version of the studio prepares pictures in another way";
        }
        text
    }
}

fn ledger_path(folder: &RunFolder) -> PathBuf {
    folder.dir().join("data.json")
}

fn read_ledger(folder: &RunFolder) -> Option<Ledger> {
    super::folder::read_json::<Ledger>(&ledger_path(folder)).ok().filter(Ledger::is_whole)
}

/// Compares the pictures of a run with those it began with, and notes them where that was not done yet.
///
/// `kept` is the hash that its newest checkpoint names; `begun` whether there is one. A run that learned nothing yet takes
/// any pictures. Returns what a person should know.
///
/// # Errors
/// They are others and that was not accepted, or the folder cannot be written.
pub(super) fn settle(
    folder: &RunFolder,
    prepared: &Prepared,
    kept: Option<&str>,
    begun: bool,
    accept: bool,
) -> Result<Option<Problem>> {
    let mut file = folder.file()?;
    let known = file.data.as_ref().map(|d| d.hash.as_str()).or(kept).map(str::to_owned);
    if known.as_deref() == Some(prepared.hash()) && file.data.is_some() {
        return Ok(None);
    }
    let mut note = None;
    let now = Ledger::of(prepared);
    if begun && known.as_deref().is_some_and(|hash| hash != prepared.hash()) {
        let old = read_ledger(folder).filter(|l| Some(&l.hash) == known.as_ref());
        let how = old.map_or_else(
            || "which of them changed is not known".to_owned(),
            |old| Changes::between(&old, &now).sentence(&old, now.format),
        );
        let problem = changed(&folder.recipe()?.data.source, how);
        if !accept {
            return Err(problem.try_this(
                "Bring the pictures back; or go on knowingly with them as they are (--accept-data); or say where the \
                 right ones are (--data)",
            ));
        }
        note = Some(problem.try_this("It goes on with them as they are now, as was asked").warning());
    }
    super::folder::write_json(&ledger_path(folder), &now)?;
    let (hash, pictures) = (prepared.hash().into(), prepared.len() as u64);
    let versions = file.data.take().map(|data| data.versions).unwrap_or_default();
    file.data = Some(DataMark { hash, pictures, generated: prepared.generated(), versions });
    folder.write_file(&file)?;
    Ok(note)
}

/// What a person is told when a run's pictures could not be opened: a question, where the run knew them once and nothing
/// is there now.
pub(super) fn missing(folder: &RunFolder, source: &str, problem: Problem) -> Problem {
    let known = folder.file().is_ok_and(|file| file.data.is_some()) || !folder.checkpoints().is_empty();
    let gone = !data::is_there(source) || problem.what.starts_with("There are no ");
    if !known || !gone || problem.kind != Kind::Data {
        return problem;
    }
    Problem::data(MISSING).of(source).because(problem.what).try_this(format!(
        "Say where they are now: latent-studio train --resume {} --data FOLDER, or “Locate pictures…” in the window",
        folder.dir().display()
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::progress::Quiet;
    use crate::recipe::{DataRecipe, Recipe};

    fn save(path: &Path, v: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(16, 16, image::Rgb([v, 255 - v, 9])).save(path).unwrap();
    }

    fn prepared(source: &Path, cache: &Path) -> Prepared {
        let source = source.to_str().unwrap().to_owned();
        data::prepare(&DataRecipe { source, resolution: 16.into(), ..DataRecipe::default() }, cache, &Quiet::default())
            .unwrap()
    }

    #[test]
    fn what_changed_is_counted_and_has_to_be_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let (pictures, cache) = (dir.path().join("p"), dir.path().join("c"));
        (0..6u8).for_each(|i| save(&pictures.join(format!("{i}.png")), i * 40));
        let mut recipe = Recipe::default();
        recipe.data.source = pictures.to_str().unwrap().into();
        let folder = RunFolder::create(&dir.path().join("run"), &recipe, None, "cpu").unwrap();
        let first = prepared(&pictures, &cache);
        assert_eq!(settle(&folder, &first, None, false, false).unwrap(), None);
        let mark = folder.file().unwrap().data.unwrap();
        assert_eq!((mark.hash.as_str(), mark.pictures), (first.hash(), 6));
        assert_eq!(settle(&folder, &first, None, true, false).unwrap(), None);

        std::fs::remove_file(pictures.join("0.png")).unwrap();
        std::fs::rename(pictures.join("1.png"), pictures.join("one.png")).unwrap();
        save(&pictures.join("2.png"), 7);
        save(&pictures.join("new.png"), 233);
        let second = prepared(&pictures, &cache);
        let refused = settle(&folder, &second, None, true, false).unwrap_err();
        assert_eq!(question(&refused), Some(Question::Accept));
        let how = refused.detail.unwrap();
        assert_eq!(how, "of 6 pictures: 1 gone, 1 with other contents, 1 new, 1 under other names");
        assert_eq!(folder.file().unwrap().data.unwrap().hash, first.hash(), "nothing is noted before it is accepted");
        assert!(settle(&folder, &second, None, true, true).unwrap().unwrap().detail.unwrap().contains("1 gone"));
        assert_eq!(settle(&folder, &second, Some(first.hash()), true, false).unwrap(), None, "asked once");
    }

    #[test]
    fn a_checkpoint_names_the_pictures_of_a_run_that_did_not() {
        let dir = tempfile::tempdir().unwrap();
        save(&dir.path().join("p/1.png"), 1);
        let folder = RunFolder::create(&dir.path().join("run"), &Recipe::default(), None, "cpu").unwrap();
        let set = prepared(&dir.path().join("p"), &dir.path().join("c"));
        let refused = settle(&folder, &set, Some("another"), true, false).unwrap_err();
        assert!(refused.detail.unwrap().contains("not known"));
        // A run of an earlier version named none.
        assert_eq!(settle(&folder, &set, None, true, false).unwrap(), None);
    }

    #[test]
    fn other_labels_are_a_change() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["p/a/1.png", "p/a/2.png", "p/b/3.png"] {
            save(&dir.path().join(name), name.as_bytes()[4] * 4);
        }
        let old = Ledger::of(&prepared(&dir.path().join("p"), &dir.path().join("c")));
        let new = Ledger { labels: vec!["a".into(), "c".into()], ..old.clone() };
        assert_eq!(Changes::between(&old, &new), Changes { relabelled: 1, ..Changes::default() });
        assert!(Changes::default().sentence(&old, old.format).contains("order"));
    }

    #[test]
    fn pictures_that_are_gone_are_a_question_once_the_run_knew_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&dir.path().join("run"), &Recipe::default(), None, "cpu").unwrap();
        let problem = || Problem::data("There are no pictures here");
        let gone = dir.path().join("gone").to_str().unwrap().to_owned();
        assert_eq!(missing(&folder, &gone, problem()), problem(), "a first try says what is wrong itself");
        let mut file = folder.file().unwrap();
        file.data = Some(DataMark { hash: "x".into(), pictures: 3, generated: 0, versions: Vec::new() });
        folder.write_file(&file).unwrap();
        let asked = missing(&folder, &gone, problem());
        assert_eq!(question(&asked), Some(Question::Where));
        assert!(asked.remedy.unwrap().contains("--data"));
        let full = || Problem::failed("The disk is full");
        assert_eq!(missing(&folder, &gone, full()), full());
        assert_eq!(missing(&folder, "emoji", Problem::data("x")), Problem::data("x"));
    }
}
