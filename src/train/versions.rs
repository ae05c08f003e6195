//! Which versions of its data a run saw: named in `run.json`, kept in its folder, compared when it goes on.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::folder::RunFolder;
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result, vault};
use crate::data::manifest::{Entry, Manifest};
use crate::recipe::marks::Marks;

/// Where what each picture of a version was is kept.
pub(super) fn path(folder: &RunFolder, hash: &str) -> PathBuf {
    folder.dir().join(format!("version-{hash}.manifest"))
}

/// Hashes of the versions that a run saw, the first one first; each is a version of `data versions`.
pub fn seen(folder: &RunFolder) -> Vec<String> {
    folder.file().ok().and_then(|file| file.data).map(|data| data.versions).unwrap_or_default()
}

/// What each picture of a version was that a run saw; nothing if its file is gone or damaged.
pub fn manifest(folder: &RunFolder, hash: &str) -> Option<Manifest> {
    let manifest = Manifest::unpack(&vault::read(path(folder, hash)).ok()?)?;
    (manifest.hash() == hash).then_some(manifest)
}

/// Notes the version that a run sees now. Returns what a person should know: what changed since it saw its data last.
///
/// # Errors
/// The folder cannot be written, or its `run.json` names no pictures yet.
pub(super) fn note(folder: &RunFolder, now: &Manifest) -> Result<Option<Problem>> {
    let mut file = folder.file()?;
    let Some(data) = &mut file.data else { return Ok(None) };
    let hash = now.hash();
    let last = data.versions.last().cloned();
    if last.as_ref() == Some(&hash) {
        return Ok(None);
    }
    write_atomically(&path(folder, &hash), &now.pack())?;
    data.versions.push(hash.clone());
    folder.write_file(&file)?;
    let Some(last) = last else { return Ok(None) };
    let how = manifest(folder, &last)
        .map_or_else(|| "what changed is not known".to_owned(), |then| then.diff(now).sentence());
    let what = format!("The data are at version {} now; this run saw version {} before", &hash[..8], &last[..8]);
    Ok(Some(Problem::data(what).because(how).info()))
}

/// What differs between the marks that a run has and others, in words; nothing if they are the same.
pub fn differ(own: &Marks, now: &Marks) -> Option<String> {
    let names: BTreeSet<&String> = own.keys().chain(now.keys()).collect();
    let entries = names.into_iter().map(|name| Entry { name: name.clone(), ..Entry::default() }).collect();
    let plain = Manifest { entries };
    let diff = plain.marked(own).diff(&plain.marked(now));
    (!diff.is_empty()).then(|| diff.sentence())
}

/// Gives a run the marks that hold now in place of those that it began with.
///
/// # Errors
/// The recipe cannot be read or written.
pub fn take_over(folder: &RunFolder, marks: Marks) -> Result<()> {
    let mut recipe = folder.recipe()?;
    recipe.data.set_marks(marks);
    write_atomically(&folder.dir().join("recipe.json"), recipe.to_json().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::recipe::marks::Mark;
    use crate::train::folder::DataMark;

    #[test]
    fn a_run_names_what_it_saw_and_says_what_changed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&dir.path().join("r"), &Recipe::default(), None, "cpu").unwrap();
        let entry = |name: &str| Entry { name: name.into(), content: name.into(), ..Entry::default() };
        let first = Manifest { entries: vec![entry("a"), entry("b")] };
        assert_eq!(note(&folder, &first).unwrap(), None, "nothing before there are pictures");
        let mut file = folder.file().unwrap();
        file.data = Some(DataMark { hash: "h".into(), pictures: 2, generated: 0, versions: Vec::new() });
        folder.write_file(&file).unwrap();
        assert_eq!(note(&folder, &first).unwrap(), None);
        assert_eq!(note(&folder, &first).unwrap(), None);
        let mut second = Manifest { entries: vec![entry("a"), entry("c")] };
        second.entries[0].label = Some("cat".into());
        let told = note(&folder, &second).unwrap().unwrap();
        assert_eq!(told.detail.as_deref(), Some("1 new, 1 gone, 1 with other labels"));
        assert_eq!(seen(&folder), [first.hash(), second.hash()]);
        assert_eq!(manifest(&folder, &first.hash()), Some(first.clone()));
        std::fs::write(path(&folder, &first.hash()), b"x").unwrap();
        assert_eq!(manifest(&folder, &first.hash()), None);
    }

    #[test]
    fn marks_that_changed_are_told_and_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&dir.path().join("r"), &Recipe::default(), None, "cpu").unwrap();
        let mark = |weight, excluded| Mark { weight, excluded, ..Mark::default() };
        let now = Marks::from([("a".into(), mark(Some(2.0), false)), ("b".into(), mark(None, true))]);
        let own = folder.recipe().unwrap().data.all_marks();
        assert_eq!(differ(&own, &now).as_deref(), Some("1 left out, 1 with other weights"));
        take_over(&folder, now.clone()).unwrap();
        let own = folder.recipe().unwrap().data.all_marks();
        assert_eq!((differ(&own, &now), own), (None, now));
    }
}
