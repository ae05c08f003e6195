//! What a person set for single pictures of a data set, in place of what the source says of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::DataRecipe;

/// Marks of pictures by their name within the source; pictures without one are as the source has them.
pub type Marks = BTreeMap<String, Mark>;

/// The highest weight of a picture.
pub const HEAVIEST: f64 = 1000.0;

/// What was set for a picture.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mark {
    /// Its label; an empty text: it has none. `None`: the one of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How often it is drawn while training, against once for a picture without a weight; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Its tags.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Whether it is left out. In a recipe that is said by [`DataRecipe::exclude`] alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub excluded: bool,
}

impl Mark {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The label of a picture: the one that its mark sets, which may be none, else its `own` of the source.
    pub fn label_over<'a>(mark: Option<&'a Self>, own: Option<&'a str>) -> Option<&'a str> {
        match mark.and_then(|mark| mark.label.as_deref()) {
            Some(label) => Some(label).filter(|l| !l.is_empty()),
            None => own,
        }
    }
}

impl DataRecipe {
    /// Everything that was set for its pictures, exclusions among it.
    pub fn all_marks(&self) -> Marks {
        let mut all = self.marks.clone();
        for name in &self.exclude {
            all.entry(name.clone()).or_default().excluded = true;
        }
        all
    }

    /// Takes over what was set for its pictures, in place of what it had.
    pub fn set_marks(&mut self, mut marks: Marks) {
        self.exclude = marks.iter().filter(|(_, mark)| mark.excluded).map(|(name, _)| name.clone()).collect();
        marks.values_mut().for_each(|mark| mark.excluded = false);
        marks.retain(|_, mark| !mark.is_empty());
        self.marks = marks;
    }

    /// The marks that decide what a prepared set holds: labels.
    #[must_use]
    pub fn label_marks(&self) -> Marks {
        let labels = self.marks.iter().filter(|(_, mark)| mark.label.is_some());
        labels.map(|(name, mark)| (name.clone(), Mark { label: mark.label.clone(), ..Mark::default() })).collect()
    }

    /// How often a picture is drawn while training, against once for others.
    pub fn weight(&self, name: &str) -> f64 {
        self.marks.get(name).and_then(|mark| mark.weight).filter(|w| w.is_finite()).unwrap_or(1.0).clamp(0.0, HEAVIEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_into_a_recipe_and_come_out_again() {
        let plain = serde_json::to_string(&DataRecipe::default()).unwrap();
        assert!(!plain.contains("marks"), "recipes without marks are written as before: {plain}");
        let mark = |label: Option<&str>, weight, excluded| Mark {
            label: label.map(Into::into),
            weight,
            excluded,
            ..Mark::default()
        };
        let marks = Marks::from([
            ("a".to_owned(), mark(Some("cat"), Some(2.5), true)),
            ("b".to_owned(), mark(None, None, true)),
            ("c".to_owned(), mark(None, Some(0.0), false)),
        ]);
        let mut recipe = DataRecipe { exclude: vec!["old".into()], ..DataRecipe::default() };
        recipe.set_marks(marks.clone());
        assert_eq!(recipe.exclude, ["a", "b"]);
        assert_eq!(recipe.marks.len(), 2, "what is only left out needs no mark");
        assert_eq!(recipe.all_marks(), marks);
        assert_eq!(recipe.label_marks().keys().collect::<Vec<_>>(), ["a"]);
        let label = |name: &str| Mark::label_over(marks.get(name), Some("own"));
        assert_eq!((label("a"), label("b"), label("z")), (Some("cat"), Some("own"), Some("own")));
        assert_eq!(Mark::label_over(Some(&mark(Some(""), None, false)), Some("own")), None);
        assert_eq!((recipe.weight("a"), recipe.weight("b"), recipe.weight("c")), (2.5, 1.0, 0.0));
        let back: DataRecipe = serde_json::from_str(&serde_json::to_string(&recipe).unwrap()).unwrap();
        assert_eq!(back, recipe);
    }
}
