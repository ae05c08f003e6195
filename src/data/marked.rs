//! A source with what was set for its pictures.

use std::collections::{BTreeSet, HashMap};

use super::manifest::{Entry, Manifest};
use super::source::ImageSource;
use crate::recipe::marks::{Mark, Marks};

/// Labels of a source, those among them that were set by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Names of labels.
    pub names: Vec<String>,
    /// For each picture its place among them.
    pub of: Vec<Option<u32>>,
}

impl Labels {
    /// Labels of a source with these marks. Names stand in the order of the source, those that no picture has any more left
    /// out, and then the new ones by name. Without a label among the marks they are those of the source.
    pub fn of(source: &dyn ImageSource, marks: &Marks) -> Self {
        let own = |i: usize| source.label(i);
        if marks.values().all(|mark| mark.label.is_none()) {
            return Self { names: source.labels().to_vec(), of: (0..source.len()).map(own).collect() };
        }
        let named = |i: usize| source.labels().get(own(i)? as usize).map(String::as_str);
        let texts: Vec<Option<&str>> =
            (0..source.len()).map(|i| Mark::label_over(marks.get(&source.name(i)), named(i))).collect();
        let used: BTreeSet<&str> = texts.iter().flatten().copied().collect();
        let mut names: Vec<String> = source.labels().iter().filter(|l| used.contains(l.as_str())).cloned().collect();
        let known: BTreeSet<String> = names.iter().cloned().collect();
        names.extend(used.iter().filter(|l| !known.contains(**l)).map(|l| (*l).to_owned()));
        let places: HashMap<&str, u32> = names.iter().zip(0..).map(|(name, i)| (name.as_str(), i)).collect();
        let of = texts.iter().map(|text| places.get((*text)?).copied()).collect();
        Self { names, of }
    }
}

impl Manifest {
    /// The version that a source is with these marks.
    #[must_use]
    pub fn marked(&self, marks: &Marks) -> Self {
        let one = |entry: &Entry| {
            let Some(mark) = marks.get(&entry.name) else { return entry.clone() };
            let label = Mark::label_over(Some(mark), entry.label.as_deref()).map(str::to_owned);
            let (weight, excluded) = (mark.weight.filter(|w| *w != 1.0), mark.excluded);
            Entry { label, weight, excluded, tags: mark.tags.iter().cloned().collect(), ..entry.clone() }
        };
        Self { entries: self.entries.iter().map(one).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::data::prepare;
    use crate::recipe::{DataRecipe, Reading};

    fn mark(label: &str) -> Mark {
        Mark { label: Some(label.into()), ..Mark::default() }
    }

    #[test]
    fn labels_that_were_set_are_learned_and_those_nobody_has_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        for (i, name) in ["cat/1.png", "cat/2.png", "dog/3.png"].iter().enumerate() {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::from_pixel(16, 16, image::Rgb([i as u8 * 50, 9, 9])).save(path).unwrap();
        }
        let source = dir.path().to_str().unwrap().to_owned();
        let plain = DataRecipe { source: source.clone(), resolution: 16.into(), ..DataRecipe::default() };
        let prepared = |recipe: &DataRecipe| prepare(recipe, cache.path(), &Quiet::default()).unwrap();
        let told = |recipe: &DataRecipe| {
            let p = prepared(recipe);
            let label = |i| p.label(i).map(|l| p.labels()[l as usize].clone());
            (p.labels().to_vec(), (0..p.len()).map(label).collect::<Vec<_>>())
        };
        let some = |text: &str| Some(text.to_owned());
        let before = prepared(&plain).hash().to_owned();
        assert_eq!(told(&plain).0, ["cat", "dog"]);
        let mut marked = plain.clone();
        marked.marks = Marks::from([
            ("cat/2.png".into(), mark("owl")),
            ("dog/3.png".into(), mark("")),
            ("gone".into(), mark("x")),
        ]);
        assert_eq!(told(&marked), (vec!["cat".into(), "owl".into()], vec![some("cat"), some("owl"), None]));
        assert_ne!(prepared(&marked).hash(), before);
        // Weights and tags change no byte of the set.
        let mut weighted = plain.clone();
        weighted.marks = Marks::from([(
            "cat/1.png".into(),
            Mark { weight: Some(3.0), tags: ["x".to_owned()].into(), ..Mark::default() },
        )]);
        assert_eq!(prepared(&weighted).hash(), before);
        let base = Manifest::of(&source, Reading::default(), &Quiet::default()).unwrap();
        assert_eq!(base.marked(&Marks::new()).hash(), base.hash());
        let version = base.marked(&weighted.all_marks());
        assert_ne!(version.hash(), base.hash());
        assert_eq!((version.entries[0].weight, version.entries[0].tags.as_slice()), (Some(3.0), &["x".to_owned()][..]));
    }
}
