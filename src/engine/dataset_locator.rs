//! The pictures that a model learned from, found again on this computer where its recipe only names them.
//!
//! A recipe names its data by where they were. Where nothing is there (a model that was made elsewhere), they are looked
//! for by that name: what a person chose for this model, data sets that the library knows, data of runs. Choices are
//! kept beside the library.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::locked::locked;
use crate::base::paths::{Paths, write_atomically};
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::data::{FASHION, is_there, name_of};
use crate::latent::catalog;
use crate::library::Library;
use crate::models::info::ModelInfo;
use crate::recipe::Recipe;

/// What is said where they are not found.
const UNKNOWN: &str = "The pictures that this model learned from are not known here";
/// Runs that are looked through, the newest first.
const RUNS: usize = 200;

/// The source that `data` means for a model whose recipe names `own`: itself, or if it is empty what the model learned
/// from.
///
/// # Errors
/// They are not known on this computer.
pub fn resolve(model: &str, own: &str, data: &str, paths: &Paths) -> Result<String> {
    if !data.is_empty() {
        return Ok(data.into());
    }
    if is_there(own) {
        return Ok(own.into());
    }
    let same = |source: &String| is_there(source) && alike(source, own);
    let chosen = choices(paths).remove(model).filter(|source| is_there(source));
    let found =
        chosen.or_else(|| known(paths).into_iter().find(same)).or_else(|| of_runs(paths).into_iter().find(same));
    found.ok_or_else(|| {
        let name = if own.is_empty() { model } else { own };
        Problem::data(UNKNOWN).of(name).try_this("Choose their folder; it is remembered for this model")
    })
}

/// Whether a model learned from Fashion-MNIST, of which a part comes with the studio.
pub fn clothes(info: &ModelInfo) -> bool {
    info.card.as_ref().is_some_and(|card| card.data.starts_with("Fashion-MNIST"))
}

/// As [`resolve`], for a model that is at hand; of one that learned from Fashion-MNIST the part of it that comes with the
/// studio will do.
///
/// # Errors
/// They are not known on this computer.
pub fn of_info(model: &str, info: &ModelInfo, data: &str, paths: &Paths) -> Result<String> {
    let found = resolve(model, &info.recipe.data.source, data, paths);
    let clothes = clothes(info);
    // Files of MNIST have the same names: only what a person chose, or what is called so, counts as the set itself.
    let certain = |source: &String| {
        !data.is_empty() || choices(paths).contains_key(model) || source.to_lowercase().contains(FASHION)
    };
    match found {
        Ok(source) if !clothes || certain(&source) => Ok(source),
        Err(problem) if !clothes => Err(problem),
        _ => Ok(FASHION.into()),
    }
}

/// As [`resolve`], for a model by its name alone.
///
/// # Errors
/// There is no such model, or its pictures are not known on this computer.
pub fn of_model(model: &str, data: &str, paths: &Paths) -> Result<String> {
    if !data.is_empty() {
        return Ok(data.into());
    }
    let (model, _) = catalog::with_prior(model);
    let info = catalog::resolve(model, paths)?.read()?.1;
    of_info(model, &info, data, paths)
}

/// Whether a problem says that a model's own pictures are not known here.
pub fn is_unknown(problem: &Problem) -> bool {
    problem.what == UNKNOWN
}

/// Remembers where the pictures of a model are.
///
/// # Errors
/// There are none, or the disk is full.
pub fn remember(model: &str, source: &str, paths: &Paths) -> Result<()> {
    let source = crate::data::absolute(source.trim());
    if !is_there(&source) {
        return Err(Problem::data("There are no pictures here").of(source).try_this("Choose a folder of pictures"));
    }
    let _held = locked(&paths.data.join("own-data.lock"))?;
    let mut all: BTreeMap<String, String> = match vault::read(file(paths)) {
        Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|e| {
            // What cannot be read is not written over.
            log::warn!("{} is damaged and put aside: {e}", file(paths).display());
            let _ = std::fs::rename(file(paths), file(paths).with_extension("damaged.json"));
            BTreeMap::default()
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::default(),
        Err(e) => return Err(Problem::io("The choices of pictures could not be read", &file(paths), &e)),
    };
    all.insert(model.into(), source);
    let text = serde_json::to_vec_pretty(&all).map_err(|e| Problem::failed("This could not be saved").because(e))?;
    write_atomically(&file(paths), &text)
}

fn file(paths: &Paths) -> PathBuf {
    paths.data.join("own-data.json")
}

/// Choices by model; a damaged file is none.
fn choices(paths: &Paths) -> BTreeMap<String, String> {
    let text = vault::read(file(paths)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Whether a source is called like another, but for a size or the like after its name: `nouns-32px` is `nouns`.
fn alike(source: &str, own: &str) -> bool {
    let (Some(source), Some(own)) = (name_of(source), name_of(own)) else { return false };
    let (source, own) = (source.to_lowercase(), own.to_lowercase());
    source.strip_prefix(&own).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Data sets that the library knows, those used last first.
fn known(paths: &Paths) -> Vec<String> {
    let path = paths.library();
    if !path.is_file() {
        return Vec::new();
    }
    let sets = Library::open(&path).and_then(|l| l.datasets());
    sets.unwrap_or_default().into_iter().map(|set| set.source).collect()
}

/// Data of runs, the newest first: those in the studio's folder, and those the library knows.
fn of_runs(paths: &Paths) -> Vec<String> {
    let inside = std::fs::read_dir(paths.runs()).into_iter().flatten().filter_map(|e| e.ok());
    let mut folders: Vec<_> = inside.map(|e| (e.metadata().and_then(|m| m.modified()).ok(), e.path())).collect();
    folders.sort_by_key(|f| std::cmp::Reverse(f.0));
    let of = |dir: &Path| source_of(&vault::read_to_string(dir.join("recipe.json")).ok()?);
    let mut sources: Vec<String> = folders.iter().take(RUNS).filter_map(|(_, dir)| of(dir)).collect();
    if paths.library().is_file() {
        let runs = Library::open(&paths.library()).and_then(|l| l.runs()).unwrap_or_default();
        sources.extend(runs.iter().take(RUNS).filter_map(|run| source_of(&run.recipe)));
    }
    sources
}

fn source_of(recipe: &str) -> Option<String> {
    Some(Recipe::from_json(recipe).ok()?.data.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(home: &Path, name: &str) -> String {
        let dir = home.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        dir.display().to_string()
    }

    #[test]
    fn of_many_choices_at_once_none_is_lost_and_a_damaged_file_is_put_aside() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(&home.path().join("studio"));
        std::fs::create_dir_all(&paths.data).unwrap();
        std::fs::write(file(&paths), b"{ torn").unwrap();
        let source = folder(home.path(), "mine");
        std::thread::scope(|scope| {
            for i in 0..16 {
                let (paths, source) = (&paths, &source);
                scope.spawn(move || remember(&format!("model {i}"), source, paths).unwrap());
            }
        });
        assert_eq!(choices(&paths).len(), 16);
        assert_eq!(std::fs::read(file(&paths).with_extension("damaged.json")).unwrap(), b"{ torn");
    }

    #[test]
    fn models_of_clothes_have_the_part_of_their_pictures_that_comes_with_the_studio() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(&home.path().join("studio"));
        let mut recipe = Recipe::default();
        recipe.data.source = "train-images-idx3-ubyte.gz".into();
        let mut info = ModelInfo::of(&recipe, "hash".into());
        let find = |info: &ModelInfo| of_info("clothes", info, "", &paths);
        assert!(is_unknown(&find(&info).unwrap_err()));
        let data = "Fashion-MNIST, 60,000 pictures of clothes, 28 px grey (Zalando)".to_string();
        info.card = Some(crate::models::info::ModelCard { data, ..Default::default() });
        assert_eq!(find(&info).unwrap(), "fashion");
        // Digits in a file of the same name are not taken for clothes.
        let library = Library::open(&paths.library()).unwrap();
        let digits = folder(home.path(), "MNIST/train-images-idx3-ubyte");
        library.note_dataset(&digits, 7).unwrap();
        assert_eq!(find(&info).unwrap(), "fashion");
        let whole = folder(home.path(), "FashionMNIST/train-images-idx3-ubyte");
        library.note_dataset(&whole, 7).unwrap();
        library.note_dataset(&digits, 7).unwrap();
        assert_eq!(of_info("clothes", &info, "shapes", &paths).unwrap(), "shapes");
        remember("clothes", &whole, &paths).unwrap();
        assert_eq!(find(&info).unwrap(), whole);
    }

    #[test]
    fn what_a_recipe_only_names_is_found_by_name_and_a_choice_is_remembered() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(&home.path().join("studio"));
        let find = |own: &str| resolve("some-gan", own, "", &paths);
        assert_eq!(resolve("some-gan", "nouns", "shapes", &paths).unwrap(), "shapes");
        assert_eq!(find("emoji:faces").unwrap(), "emoji:faces", "what is there needs no search");
        let none = find("nouns").unwrap_err();
        assert!(is_unknown(&none) && none.subject.as_deref() == Some("nouns"), "{none}");

        // A run that learned from pictures of that name.
        let of_run = folder(home.path(), "runs/Nouns/images");
        let mut recipe = Recipe::default();
        recipe.data.source = of_run.clone();
        let run = paths.runs().join("one");
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(run.join("recipe.json"), recipe.to_json()).unwrap();
        assert_eq!(find("nouns").unwrap(), of_run);
        assert!(alike("/sets/nouns-32px/images", "nouns") && !alike("/sets/nounsense", "nouns"));
        assert!(find("cats").is_err(), "other pictures are not taken for them");

        // The library's data sets come first, those that are gone not at all.
        let library = Library::open(&paths.library()).unwrap();
        library.note_dataset("/gone/nouns", 7).unwrap();
        assert_eq!(find("nouns").unwrap(), of_run);
        let known = folder(home.path(), "sets/nouns");
        library.note_dataset(&known, 7).unwrap();
        assert_eq!(find("/elsewhere/sets/nouns").unwrap(), known);

        // What a person chose comes before all of them, for this model.
        let chosen = folder(home.path(), "mine");
        remember("some-gan", &chosen, &paths).unwrap();
        assert_eq!(find("nouns").unwrap(), chosen);
        assert_eq!(resolve("other-gan", "nouns", "", &paths).unwrap(), known);
        assert!(remember("some-gan", "/nowhere/at/all", &paths).is_err());
        assert_eq!(find("nouns").unwrap(), chosen);
    }
}
