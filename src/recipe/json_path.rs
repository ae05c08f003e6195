//! Settings by path (`optim.lr`): the one way in which the command line, the form and live edits change a recipe.

use serde_json::Value;

use super::{Edit, Recipe};
use crate::base::{Problem, Result};

/// The value at a path, such as `optim.lr` or `optim.lr.end`.
pub fn get(recipe: &Recipe, key: &str) -> Option<Value> {
    let whole = serde_json::to_value(recipe).ok()?;
    key.split('.').try_fold(&whole, |v, part| v.get(part)).cloned()
}

/// Sets the value at a path.
///
/// # Errors
/// There is no such setting, or the value does not fit it; the recipe is then unchanged.
pub fn set(recipe: &mut Recipe, key: &str, value: Value) -> Result<()> {
    let unknown = || {
        let near = super::form::nearest(key);
        Problem::usage("There is no setting of this name").of(key).try_this(match near {
            Some(near) => format!("Did you mean {near}?"),
            None => "`latent-studio recipe schema` lists every setting".into(),
        })
    };
    let mut whole =
        serde_json::to_value(&*recipe).map_err(|e| Problem::failed("The recipe could not be read").because(e))?;
    // These are kept by the studio, not set by hand.
    if key == "format" || key.starts_with("parent") || key.starts_with("model.classes") {
        return Err(unknown());
    }
    let mut slot = &mut whole;
    for part in key.split('.') {
        slot = slot.get_mut(part).ok_or_else(unknown)?;
    }
    *slot = value;
    *recipe = serde_json::from_value(whole)
        .map_err(|e| Problem::usage("This value does not fit the setting").of(key).because(e))?;
    Ok(())
}

/// Sets `key=value` as typed: the value is JSON where it parses as JSON, otherwise text.
///
/// # Errors
/// There is no `=`, no such setting, or the value does not fit it.
pub fn assign(recipe: &mut Recipe, assignment: &str) -> Result<()> {
    let (key, text) = assignment.split_once('=').ok_or_else(|| {
        Problem::usage("A setting is given as key=value").of(assignment).try_this("For example --set optim.lr=0.0002")
    })?;
    let (key, text) = (key.trim(), text.trim());
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()));
    set(recipe, key, value.clone()).or_else(|e| match value {
        // A name that happens to look like a number.
        Value::Number(_) | Value::Bool(_) => set(recipe, key, Value::String(text.into())).map_err(|_| e),
        _ => Err(e),
    })
}

/// The recipe that holds after these edits.
///
/// # Errors
/// An edit does not fit the recipe.
pub fn edited(recipe: &Recipe, edits: &[Edit]) -> Result<Recipe> {
    let mut out = recipe.clone();
    for edit in edits {
        set(&mut out, &edit.key, edit.value.clone())?;
    }
    Ok(out)
}

/// Settings in which two recipes differ: path, first, second.
pub fn diff(a: &Recipe, b: &Recipe) -> Vec<(String, Value, Value)> {
    fn walk(prefix: &str, a: &Value, b: &Value, out: &mut Vec<(String, Value, Value)>) {
        match (a, b) {
            (Value::Object(x), Value::Object(y)) => {
                let keys: std::collections::BTreeSet<_> = x.keys().chain(y.keys()).collect();
                for key in keys {
                    let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    walk(&path, x.get(key).unwrap_or(&Value::Null), y.get(key).unwrap_or(&Value::Null), out);
                }
            }
            _ if a != b => out.push((prefix.into(), a.clone(), b.clone())),
            _ => {}
        }
    }
    let mut out = Vec::new();
    let value = |r| serde_json::to_value(r).expect("a recipe is plain values");
    walk("", &value(a), &value(b), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_set_by_path() {
        let mut r = Recipe::default();
        assign(&mut r, "optim.lr=0.001").unwrap();
        assert_eq!(r.optim.lr.at(5), 0.001);
        assign(&mut r, "optim.lr.end=0.0001").unwrap();
        assign(&mut r, "data.channels=grey").unwrap();
        assign(&mut r, "name=42").unwrap();
        assert_eq!(r.name, "42");
        assign(&mut r, r#"objective.gamma={"start":2,"end":0.2,"kimg":50}"#).unwrap();
        assert_eq!(r.objective.gamma.end, 0.2);
        assert_eq!(get(&r, "data.channels"), Some(json!("grey")));
    }

    #[test]
    fn mistakes_are_named_and_change_nothing() {
        let mut r = Recipe::default();
        let before = r.clone();
        assert!(assign(&mut r, "optim.lrr=1").unwrap_err().remedy.unwrap().contains("optim.lr"));
        assert!(assign(&mut r, "optim.batch=many").is_err());
        assert!(assign(&mut r, "lr").is_err());
        assert_eq!(r, before);
    }

    #[test]
    fn a_diff_lists_what_differs() {
        let a = Recipe::default();
        let mut b = a.clone();
        b.optim.batch = 64;
        assert_eq!(diff(&a, &b), vec![("optim.batch".into(), json!(32), json!(64))]);
    }
}
