//! Live edits as a script: settings that change while a run is on, each at a number of pictures seen. What a run kept of its
//! own edits (`edits.json`) is a script as well, so that what was done to one run can be done to another.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::folder::RunFolder;
use crate::base::paths::write_atomically;
use crate::base::{Problem, Result, vault};
use crate::recipe::{Edit, Recipe, form, json_path};

/// Name of the script in a run's folder.
const FILE: &str = "script.json";
/// No script is longer than this many bytes.
const LONGEST: u64 = 4 << 20;

/// A change to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scripted {
    /// Pictures seen from which on it holds.
    pub images: u64,
    /// Path of the setting, such as `optim.lr`.
    pub key: String,
    /// Its new value.
    pub value: Value,
}

/// Reads a script, and makes sure that a run with this recipe can follow it.
///
/// # Errors
/// The file cannot be read or is none, a setting is unknown, cannot change while a run is on, or is out of range.
pub fn read(path: &Path, recipe: &Recipe) -> Result<Vec<Scripted>> {
    let fail = |e: std::io::Error| Problem::io("This script of edits could not be read", path, &e);
    let shown = path.display().to_string();
    if fs::metadata(path).map_err(fail)?.len() > LONGEST {
        return Err(Problem::data("This is no script of edits").of(shown).because("it is too long"));
    }
    let text = vault::read_to_string(path).map_err(fail)?;
    let mut script: Vec<Scripted> = serde_json::from_str(&text).map_err(|e| {
        Problem::data("This is no script of edits")
            .of(shown.clone())
            .because(e)
            .try_this("Write a list such as [{\"images\": 20000, \"key\": \"optim.lr\", \"value\": 0.0001}]")
    })?;
    // In the order of their times; those of one time as they stand.
    script.sort_by_key(|s| s.images);
    let mut recipe = recipe.clone();
    for step in &script {
        if !form::is_live(&step.key) {
            return Err(Problem::usage("This setting cannot change while a run is on").of(step.key.clone()));
        }
        json_path::set(&mut recipe, &step.key, step.value.clone()).map_err(|p| p.of(shown.clone()))?;
        recipe.validate().map_err(|p| p.of(shown.clone()))?;
    }
    Ok(script)
}

/// Keeps a script with a run, which follows it from then on, resumed or not.
///
/// # Errors
/// The folder cannot be written.
pub fn keep(folder: &RunFolder, script: &[Scripted]) -> Result<()> {
    let text = serde_json::to_vec_pretty(script)
        .map_err(|e| Problem::failed("The script of edits could not be written").because(e))?;
    write_atomically(&folder.dir().join(FILE), &text)
}

/// The script of a run; empty where it has none.
///
/// # Errors
/// It is there and damaged.
pub fn of(folder: &RunFolder) -> Result<Vec<Scripted>> {
    let path = folder.dir().join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    read(&path, &folder.recipe()?)
}

/// The changes whose time has come after so many pictures and that do not hold yet.
pub fn due<'a>(script: &'a [Scripted], edits: &'a [Edit], images: u64) -> impl Iterator<Item = &'a Scripted> {
    let holds = |s: &Scripted| edits.iter().any(|e| e.key == s.key && e.value == s.value && e.images >= s.images);
    script.iter().filter(move |s| s.images <= images && !holds(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_checked_before_a_run_begins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script.json");
        let ask = |text: &str| {
            fs::write(&path, text).unwrap();
            read(&path, &Recipe::default())
        };
        let script = ask(r#"[{"images": 90, "key": "optim.lr", "value": 0.001},
                {"step": 3, "images": 40, "key": "optim.lr", "value": 0.002}]"#);
        let script = script.unwrap();
        assert_eq!(script.iter().map(|s| s.images).collect::<Vec<_>>(), [40, 90]);
        for bad in [
            "{",
            r#"[{"images": 1, "key": "model.width", "value": 3}]"#,
            r#"[{"images": 1, "key": "optim.lr", "value": -1}]"#,
        ] {
            assert!(ask(bad).is_err(), "{bad}");
        }
        let edit = |images| Edit { step: 1, images, key: "optim.lr".into(), value: script[0].value.clone() };
        let due = |edits: &[Edit], images| due(&script, edits, images).map(|s| s.images).collect::<Vec<_>>();
        assert_eq!(due(&[], 39), Vec::<u64>::new());
        assert_eq!(due(&[], 40), [40]);
        assert_eq!(due(&[edit(40)], 100), [90]);
        // One of an earlier time with the same value is another edit.
        assert_eq!(due(&[edit(8)], 40), [40]);
    }
}
