//! What is kept of directions: a file beside the library for each model, by the hash of its weights; and inside models
//! that leave the studio.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Direction, Entanglement};
use crate::base::locked::locked;
use crate::base::paths::{Paths, write_atomically};
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::latent::catalog::{self, Source};
use crate::models::io::Weights;

/// Key in a model file's metadata.
pub const METADATA: &str = "latent_studio_directions";
const FORMAT: u32 = 1;

/// A file of directions.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Sheet {
    /// Version of the format.
    pub format: u32,
    /// Name of the model.
    pub model: String,
    /// Hash of its weights.
    pub hash: String,
    /// The directions, in the order a person sees.
    pub directions: Vec<Direction>,
}

impl Sheet {
    fn read(text: &[u8], file: &str) -> Result<Self> {
        let sheet: Self = serde_json::from_slice(text)
            .map_err(|e| Problem::data("This file holds no directions").of(file).because(e))?;
        if sheet.format > FORMAT {
            return Err(Problem::data("These directions come from a newer Latent Studio").of(file));
        }
        Ok(sheet)
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Problem::failed("The directions could not be written").because(e))
    }

    /// Adds directions and says their names; one of the same name is replaced if `replace`, else the new one gets a
    /// number, unless it is the same.
    pub fn add(&mut self, new: Vec<Direction>, replace: bool) -> Vec<String> {
        let mut names = Vec::with_capacity(new.len());
        for mut direction in new {
            if direction.name.trim().is_empty() {
                direction.name = "direction".into();
            }
            let place = self.directions.iter().position(|d| d.name == direction.name);
            let same = |d: &Direction| {
                (d.space, d.layers, &d.values) == (direction.space, direction.layers, &direction.values)
            };
            match place {
                Some(i) if !replace && same(&self.directions[i]) => names.push(direction.name),
                Some(i) if replace => {
                    names.push(direction.name.clone());
                    self.directions[i] = direction;
                }
                Some(_) => {
                    let base = direction.name.clone();
                    let free = |name: &String| self.directions.iter().all(|d| d.name != *name);
                    direction.name = (2..).map(|n| format!("{base} {n}")).find(free).unwrap_or(base);
                    names.push(direction.name.clone());
                    self.directions.push(direction);
                }
                None => {
                    names.push(direction.name.clone());
                    self.directions.push(direction);
                }
            }
        }
        names
    }

    /// Notes what was measured of directions by name; those that are gone by now stay gone.
    pub fn measured(&mut self, found: Vec<(String, Entanglement)>) {
        for (name, found) in found {
            if let Some(direction) = self.directions.iter_mut().find(|d| d.name == name) {
                direction.entanglement = Some(found);
            }
        }
    }

    /// The direction of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, name: &str) -> Result<&Direction> {
        self.directions.iter().find(|d| d.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.directions.iter().map(|d| d.name.as_str()).collect();
            let remedy = if known.is_empty() {
                "Find some first, with `latent-studio directions find`".to_string()
            } else {
                format!("There are: {}", known.join(", "))
            };
            Problem::usage("There is no direction of this name").of(name).try_this(remedy)
        })
    }
}

fn file(paths: &Paths, hash: &str) -> PathBuf {
    paths.data.join("directions").join(format!("{hash}.json"))
}

/// The directions of a model: those kept in the studio, else those that came inside its file.
///
/// # Errors
/// There is no such model, or a file is damaged.
pub fn of_model(model: &str, paths: &Paths) -> Result<Sheet> {
    let source = catalog::resolve(model, paths)?;
    let (metadata, info) = match &source {
        Source::File { path, .. } => {
            let metadata = Weights::read_metadata(path)?;
            let info = crate::models::info::ModelInfo::from_metadata(metadata.get(crate::models::io::METADATA))?;
            (metadata, info)
        }
        Source::Embedded(_) => {
            let (weights, info) = source.read()?;
            (weights.metadata, info)
        }
    };
    let kept = file(paths, &info.hash);
    match vault::read(&kept) {
        Ok(text) => return Sheet::read(&text, &kept.display().to_string()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Problem::io("The directions could not be read", &kept, &e)),
    }
    match metadata.get(METADATA) {
        Some(text) => Sheet::read(text.as_bytes(), model),
        None => Ok(Sheet { format: FORMAT, model: info.name, hash: info.hash, directions: Vec::new() }),
    }
}

/// Changes the directions kept of a model, and gives them as they are kept now. Nobody else changes any meanwhile, so
/// `change` is to be quick.
///
/// # Errors
/// There is no such model, `change` fails (nothing is kept then), or the disk is full.
pub fn change<T>(model: &str, paths: &Paths, change: impl FnOnce(&mut Sheet) -> Result<T>) -> Result<(Sheet, T)> {
    let _held = locked(&paths.data.join("directions.lock"))?;
    let mut sheet = of_model(model, paths)?;
    let value = change(&mut sheet)?;
    write_atomically(&file(paths, &sheet.hash), &sheet.bytes()?)?;
    Ok((sheet, value))
}

/// Puts the directions kept of a model into the file that leaves the studio.
///
/// # Errors
/// They are damaged.
pub fn embed(weights: &mut Weights, hash: &str, paths: &Paths) -> Result<()> {
    let kept = file(paths, hash);
    if let Ok(text) = vault::read(&kept) {
        let sheet = Sheet::read(&text, &kept.display().to_string())?;
        let text = String::from_utf8(sheet.bytes()?).map_err(|e| Problem::failed("No text").because(e))?;
        weights.metadata.insert(METADATA.into(), text);
    }
    Ok(())
}

/// Writes some directions of a model to a file of their own; all if no names are given.
///
/// # Errors
/// A name is unknown, or the file cannot be written.
pub fn export(sheet: &Sheet, names: &[String], out: &Path) -> Result<()> {
    let directions = if names.is_empty() {
        sheet.directions.clone()
    } else {
        names.iter().map(|n| sheet.get(n).cloned()).collect::<Result<_>>()?
    };
    write_atomically(out, &Sheet { directions, ..sheet.clone() }.bytes()?)
}

/// Directions of a file, which must be of these weights.
///
/// # Errors
/// The file is none of ours, or of another model.
pub fn import(path: &Path, hash: &str) -> Result<Vec<Direction>> {
    let text = vault::read(path).map_err(|e| Problem::io("This file could not be read", path, &e))?;
    let sheet = Sheet::read(&text, &path.display().to_string())?;
    if sheet.hash != hash {
        return Err(Problem::data("These directions belong to other weights")
            .of(path.display().to_string())
            .because(format!("they are of {}", sheet.model)));
    }
    Ok(sheet.directions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::picture::Space;

    fn direction(name: &str, value: f32) -> Direction {
        Direction { name: name.into(), space: Space::Z, values: vec![value; 64], ..Direction::default() }
    }

    #[test]
    fn of_many_imports_at_once_none_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let hash = of_model("nouns-gan", &paths).unwrap().hash;
        std::thread::scope(|scope| {
            for i in 0..16 {
                let (paths, hash, out) = (&paths, &hash, home.path().join(format!("{i}.json")));
                scope.spawn(move || {
                    let directions = vec![direction(&format!("way {i}"), i as f32)];
                    let sheet = Sheet { format: FORMAT, hash: hash.clone(), directions, ..Sheet::default() };
                    export(&sheet, &[], &out).unwrap();
                    change("nouns-gan", paths, |sheet| Ok(sheet.add(import(&out, &sheet.hash)?, false))).unwrap();
                });
            }
        });
        assert_eq!(of_model("nouns-gan", &paths).unwrap().directions.len(), 16);
    }

    #[test]
    fn directions_are_kept_travel_inside_models_and_by_themselves() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let mut sheet = of_model("nouns-gan", &paths).unwrap();
        assert!(sheet.directions.is_empty() && sheet.hash.len() == 64);
        let first = vec![direction("warmer", 1.0), direction("warmer", 2.0), direction("", 3.0)];
        sheet.add(first, false);
        assert_eq!(sheet.add(vec![direction("warmer", 1.0), direction("new", 1.0)], false), ["warmer", "new"]);
        sheet.directions.retain(|d| d.name != "new");
        sheet.add(vec![direction("warmer", 4.0)], true);
        let names: Vec<_> = sheet.directions.iter().map(|d| (d.name.as_str(), d.values[0])).collect();
        assert_eq!(names, [("warmer", 4.0), ("warmer 2", 2.0), ("direction", 3.0)]);
        let (kept, ()) = change("nouns-gan", &paths, |kept| {
            *kept = sheet.clone();
            Ok(())
        })
        .unwrap();
        assert_eq!(kept, sheet);
        assert!(change("nouns-gan", &paths, |kept| kept.get("colder").map(|_| ())).is_err());
        assert_eq!(of_model("nouns-gan", &paths).unwrap(), sheet);
        assert!(sheet.get("colder").is_err());

        // Inside an exported model, into another studio.
        let out = home.path().join("mine.safetensors");
        catalog::export("nouns-gan", &out, &paths).unwrap();
        let elsewhere = Paths::under(&home.path().join("elsewhere"));
        let imported = catalog::import(&out, &elsewhere).unwrap();
        assert_eq!(of_model(&imported.model, &elsewhere).unwrap().directions, sheet.directions);

        // By themselves, for the same weights only.
        let file = home.path().join("some.json");
        export(&sheet, &["warmer 2".into()], &file).unwrap();
        assert_eq!(import(&file, &sheet.hash).unwrap(), [direction("warmer 2", 2.0)]);
        assert!(import(&file, "another").is_err());
        assert!(export(&sheet, &["colder".into()], &file).is_err());
    }
}
