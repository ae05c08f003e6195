//! Every setting a person may change: its title, help, range. The window's form, `--set` and `recipe schema` read it.

pub use super::field::{Field, Group, Input};
use super::field::{field, int, joined};
use super::{Recipe, data, json_path, model, objective, optim, run, tokens, vae};
use crate::base::{Problem, Resolution, Result};

#[rustfmt::skip]
const NAME: &[Field] = &[
    field("name", "Name", Group::Output, Input::Text, "What you call this run"),
];
#[rustfmt::skip]
const SEED: &[Field] = &[
    field("seed", "Seed", Group::Schedule, int(0, i64::MAX), "Same seed, same recipe, same CPU: the same run"),
];

const TABLES: &[&[Field]] = &[
    NAME,
    data::FIELDS,
    model::FIELDS,
    tokens::FIELDS,
    objective::FIELDS,
    vae::FIELDS,
    optim::FIELDS,
    run::FIELDS,
    SEED,
];

const COUNT: usize = {
    let (mut count, mut i) = (0, 0);
    while i < TABLES.len() {
        count += TABLES[i].len();
        i += 1;
    }
    count
};

/// Every setting, in the order of the form.
pub const FIELDS: &[Field] = &joined::<COUNT>(TABLES);

/// The setting at a path.
pub fn find(key: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| f.key == key)
}

/// A text that names settings by their paths, as commands do, with their titles on the form instead.
pub fn with_titles(text: &str) -> String {
    let in_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !in_path(c)) {
        let word = part.trim_end_matches(|c: char| !in_path(c));
        // A full stop ends the sentence, not the path.
        let path = word.trim_end_matches('.');
        match find(path).filter(|_| path.contains('.')) {
            Some(field) => out.extend(["“", field.title, "”", &part[path.len()..]]),
            None => out.push_str(part),
        }
    }
    out
}

/// Whether a setting may change while a run is on.
pub fn is_live(key: &str) -> bool {
    FIELDS.iter().any(|f| f.live && (key == f.key || key.starts_with(&format!("{}.", f.key))))
}

/// The setting whose path is spelled most like this one.
pub fn nearest(key: &str) -> Option<&'static str> {
    fn distance(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut diagonal = row[0];
            row[0] = i + 1;
            for (j, y) in b.iter().enumerate() {
                let change = diagonal + usize::from(x != y);
                diagonal = row[j + 1];
                row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[b.len()]
    }
    // People leave the group away: compare with the last word too.
    let score = |f: &Field| distance(key, f.key).min(distance(key, f.key.rsplit('.').next().unwrap_or(f.key)));
    FIELDS.iter().map(|f| (score(f), f.key)).min().filter(|(d, _)| *d <= 4).map(|(_, k)| k)
}

/// Checks every setting of the table against its range.
///
/// # Errors
/// The first one that is out of range.
pub fn check(recipe: &Recipe) -> Result<()> {
    for f in FIELDS {
        let Some(value) = json_path::get(recipe, f.key) else { continue };
        if f.key == "data.resolution" && recipe.data.channels == crate::base::Channels::Points {
            continue;
        }
        let refuse = |v: f64, min: f64, max: f64| {
            Problem::usage(format!("{} is out of range", f.title))
                .of(format!("{} = {v}", f.key))
                .try_this(format!("Choose {min} to {max}"))
        };
        let within = |v: f64, min: f64, max: f64| {
            if v.is_finite() && (min..=max).contains(&v) { Ok(()) } else { Err(refuse(v, min, max)) }
        };
        match f.input {
            Input::Int { min, max, .. } => {
                within(value.as_f64().unwrap_or(f64::NAN), min as f64, max as f64)?;
            }
            Input::Size { .. } => {
                if let Some(why) = serde_json::from_value::<Resolution>(value.clone())
                    .map_or_else(|e| Some(e.to_string()), Resolution::refusal)
                {
                    return Err(Problem::usage(format!("{} is out of range", f.title))
                        .of(format!("{} = {}", f.key, value.as_str().map_or_else(|| value.to_string(), String::from)))
                        .because(why)
                        .try_this(Resolution::RULE));
                }
            }
            Input::Float { min, max, .. } => within(value.as_f64().unwrap_or(f64::NAN), min, max)?,
            Input::Schedule { min, max, .. } => {
                for end in ["start", "end"] {
                    within(value[end].as_f64().unwrap_or(f64::NAN), min, max)?;
                }
                within(value["kimg"].as_f64().unwrap_or(f64::NAN), 0.0, 1e9)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_called_as_on_the_form() {
        let told = with_titles("For none set data.classes to none; see optim.lr. Not data.classes.x, 0.5 or classes");
        let shown = "For none set “Classes from” to none; see “Learning rate”. Not data.classes.x, 0.5 or classes";
        assert_eq!(told, shown);
        assert_eq!(with_titles(""), "");
    }

    #[test]
    fn every_leaf_of_a_recipe_is_on_the_form_and_back() {
        fn leaves(prefix: &str, v: &serde_json::Value, out: &mut Vec<String>) {
            match v {
                serde_json::Value::Object(map) if !map.contains_key("curve") => {
                    for (k, v) in map {
                        leaves(&if prefix.is_empty() { k.clone() } else { format!("{prefix}.{k}") }, v, out);
                    }
                }
                _ => out.push(prefix.into()),
            }
        }
        let mut paths = Vec::new();
        leaves("", &serde_json::to_value(Recipe::default()).unwrap(), &mut paths);
        // Kept by the studio, not set by hand.
        paths.retain(|p| p != "format" && p != "model.classes");
        for p in &paths {
            assert!(find(p).is_some(), "{p} is not on the form");
        }
        for f in FIELDS {
            assert!(paths.iter().any(|p| p == f.key), "{} is not in the recipe", f.key);
            assert!(f.help.len() > 10 && !f.help.ends_with('.'), "{}", f.key);
        }
    }

    #[test]
    fn ranges_are_checked() {
        let mut r = Recipe::default();
        r.optim.lr = crate::recipe::Schedule::constant(7.0);
        assert!(check(&r).unwrap_err().subject.unwrap().starts_with("optim.lr"));
    }
}
