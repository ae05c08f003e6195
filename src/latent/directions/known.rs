//! What is known of the pictures of a data set: labels, factors, words of captions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::learn::Attribute;
use crate::data::{ImageSource, Prepared};

/// Words that are looked at, the most frequent ones that are neither rare nor everywhere.
const WORDS: usize = 24;
/// Share of the captions that a word must be in, and must be missing in.
const SHARE: f64 = 0.02;
/// Words that say nothing of a picture.
const EMPTY: &[&str] = &["a", "an", "the", "and", "or", "of", "in", "on", "at", "with", "is", "are", "to", "for", "by"];

/// Attributes of the pictures at these places of a prepared set; `source` is asked for captions, if it is there.
pub fn attributes(set: &Prepared, places: &[u32], source: Option<&dyn ImageSource>) -> Vec<Attribute> {
    let mut out = Vec::new();
    for (k, name) in set.factor_names().iter().enumerate() {
        let value = |i: &u32| set.factors(*i as usize).get(k).map_or(f64::NAN, |v| f64::from(*v));
        // Kinds have no order: each is a question of its own, and two are one.
        let kinds = set.category(k);
        for (n, kind) in kinds.iter().enumerate().take(if kinds.len() == 2 { 1 } else { kinds.len() }) {
            let is = |i: &u32| Some(value(i)).filter(|v| !v.is_nan()).map_or(f64::NAN, |v| f64::from(v == n as f64));
            out.push(Attribute { name: format!("{name}: {kind}"), values: places.iter().map(is).collect() });
        }
        if !kinds.is_empty() {
            continue;
        }
        out.push(Attribute { name: name.clone(), values: places.iter().map(value).collect() });
    }
    for (k, name) in set.labels().iter().enumerate() {
        let value = |i: &u32| set.label(*i as usize).map_or(f64::NAN, |l| f64::from(u8::from(l as usize == k)));
        out.push(Attribute { name: name.clone(), values: places.iter().map(value).collect() });
    }
    // Two labels are one question.
    if set.labels().len() == 2 {
        out.pop();
    }
    if let Some(source) = source {
        let by_name: HashMap<String, usize> = (0..source.len()).map(|i| (source.name(i), i)).collect();
        let captions: Vec<Option<String>> = places
            .iter()
            .map(|&i| by_name.get(set.name(i as usize)).and_then(|&place| source.caption(place)))
            .collect();
        out.extend(words(&captions));
    }
    out.retain(Attribute::says_something);
    out
}

/// A yes-or-no attribute for each telling word of captions.
fn words(captions: &[Option<String>]) -> Vec<Attribute> {
    let of = |text: &String| -> BTreeSet<String> {
        let split = text.split(|c: char| !c.is_alphanumeric() && c != '-');
        let words = split.map(str::to_lowercase).filter(|w| w.len() > 1 && !EMPTY.contains(&w.as_str()));
        words.collect()
    };
    let sets: Vec<Option<BTreeSet<String>>> = captions.iter().map(|c| c.as_ref().map(of)).collect();
    let known = sets.iter().flatten().count() as f64;
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    sets.iter().flatten().flatten().for_each(|word| *counts.entry(word).or_default() += 1);
    let mut telling: Vec<(&String, usize)> =
        counts.into_iter().filter(|(_, n)| (SHARE..1.0 - SHARE).contains(&(*n as f64 / known))).collect();
    telling.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    telling.truncate(WORDS);
    let attribute = |(word, _): (&String, usize)| Attribute {
        name: format!("“{word}”"),
        values: sets.iter().map(|s| s.as_ref().map_or(f64::NAN, |s| f64::from(u8::from(s.contains(word))))).collect(),
    };
    telling.into_iter().map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::recipe::DataRecipe;

    #[test]
    fn shapes_know_their_factors_labels_and_captions() {
        let cache = tempfile::tempdir().unwrap();
        let recipe = DataRecipe { source: "shapes:200".into(), resolution: 16.into(), ..DataRecipe::default() };
        let set = crate::data::prepare(&recipe, cache.path(), &Quiet::default()).unwrap();
        let source = crate::data::open("shapes:200").unwrap();
        let all: Vec<u32> = (0..set.len() as u32).collect();
        let found = attributes(&set, &all, Some(&*source));
        let names: Vec<&str> = found.iter().map(|a| a.name.as_str()).collect();
        for name in ["x", "y", "size", "heart", "“red”", "“bottom”"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        let red = found.iter().find(|a| a.name == "“red”").unwrap();
        let hue = found.iter().find(|a| a.name == "hue").unwrap();
        for (r, h) in red.values.iter().zip(&hue.values) {
            assert_eq!(*r == 1.0, ((*h * 6.0).round() as u32).is_multiple_of(6), "{h}");
        }
        assert!(attributes(&set, &all, None).iter().all(|a| !a.name.contains('“')));
    }
}
