//! Words of captions, and which of them are known by number.

use std::collections::HashMap;

use super::{Opening, Prepared, open_as};
use crate::base::{Progress, Result};
use crate::recipe::DataRecipe;

/// The words of a text, in lower case: runs of letters and digits, with what joins them; any other sign that is not
/// punctuation, such as an emoji, is a word of its own.
pub fn split(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        let joins = matches!(c, '\'' | '’' | '-' | '_' | '\u{200d}' | '\u{fe0f}') && !word.is_empty();
        if c.is_alphanumeric() || joins {
            word.extend(c.to_lowercase());
            continue;
        }
        out.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        let is_sign = !c.is_ascii() && !c.is_whitespace() && !c.is_control() && !is_punctuation(c);
        out.extend(is_sign.then(|| c.to_string()));
    }
    out.extend((!word.is_empty()).then_some(word));
    out.iter_mut().for_each(|w| w.truncate(w.trim_end_matches(['\'', '’', '-', '_']).len()));
    out.retain(|w| !w.is_empty());
    out
}

fn is_punctuation(c: char) -> bool {
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    matches!(
        get_general_category(c),
        G::ConnectorPunctuation
            | G::DashPunctuation
            | G::OpenPunctuation
            | G::ClosePunctuation
            | G::InitialPunctuation
            | G::FinalPunctuation
            | G::OtherPunctuation
            | G::Format
    )
}

/// Words with numbers.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    words: Vec<String>,
    places: HashMap<String, u32>,
}

/// A text as a vocabulary understands it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// Numbers of known words, in their order.
    pub known: Vec<u32>,
    /// Other words, each once, with known ones that are spelled nearly so.
    pub unknown: Vec<(String, Vec<String>)>,
}

impl Vocabulary {
    /// These words, numbered in their order.
    pub fn of(words: &[String]) -> Self {
        let places = words.iter().enumerate().map(|(i, w)| (w.clone(), i as u32)).collect();
        Self { words: words.to_vec(), places }
    }

    /// The words of captions, the most frequent first, at most `most` of them.
    pub fn learned<'a>(captions: impl Iterator<Item = &'a str>, most: usize) -> Self {
        let mut counts: HashMap<String, u64> = HashMap::new();
        captions.flat_map(split).for_each(|word| *counts.entry(word).or_default() += 1);
        let mut words: Vec<(String, u64)> = counts.into_iter().collect();
        words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        words.truncate(most);
        Self::of(&words.into_iter().map(|w| w.0).collect::<Vec<_>>())
    }

    /// All of them.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// What is known of a text.
    pub fn understand(&self, text: &str) -> Understood {
        let mut out = Understood::default();
        for word in split(text) {
            match self.places.get(&word) {
                Some(place) => out.known.push(*place),
                None if out.unknown.len() < MOST_UNKNOWN && out.unknown.iter().all(|(w, _)| *w != word) => {
                    let near = self.near(&word);
                    out.unknown.push((word, near));
                }
                None => {}
            }
        }
        out
    }

    /// Known words that are spelled nearly as this one, the nearest first.
    pub fn near(&self, word: &str) -> Vec<String> {
        let own: Vec<char> = word.chars().take(LONGEST).collect();
        let far = (own.len() / 3).clamp(1, 3);
        let mut found: Vec<(usize, usize)> = self
            .words
            .iter()
            .enumerate()
            .filter_map(|(i, other)| {
                let other: Vec<char> = other.chars().take(LONGEST).collect();
                let begins = own.len() >= 3 && other.len() >= 3 && (other.starts_with(&own) || own.starts_with(&other));
                let distance = if begins { 1 } else { distance(&own, &other, far)? };
                Some((distance, i))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().take(NEAR).map(|(_, i)| self.words[i].clone()).collect()
    }
}

/// Unknown words of one text that are told.
const MOST_UNKNOWN: usize = 32;
/// Known words that are offered for an unknown one.
const NEAR: usize = 3;
/// Letters of a word that are compared.
const LONGEST: usize = 40;

/// Letters to change, add, leave out or swap with the next between two words; nothing if it is more than `far`.
fn distance(a: &[char], b: &[char], far: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > far {
        return None;
    }
    let mut rows: [Vec<usize>; 2] = [Vec::new(), (0..=b.len()).collect()];
    for (i, x) in a.iter().enumerate() {
        let [before, last] = &rows;
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(row[j] + 1).min(last[j + 1] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        rows = [std::mem::take(&mut rows[1]), row];
    }
    rows[1].last().copied().filter(|d| *d <= far)
}

/// The caption of each picture of a prepared set, as its source has it.
///
/// # Errors
/// The source cannot be opened.
pub fn captions(recipe: &DataRecipe, prepared: &Prepared, progress: &dyn Progress) -> Result<Vec<Option<String>>> {
    let own = recipe.settled();
    let source = open_as(&own.source, Opening { reading: own.reading(), progress })?;
    let places: HashMap<String, usize> = (0..source.len()).map(|i| (source.name(i), i)).collect();
    Ok((0..prepared.len()).map(|i| source.caption(*places.get(prepared.name(i))?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_kind_fall_into_words() {
        assert_eq!(
            split("Island head, with square  RED-green glasses!"),
            ["island", "head", "with", "square", "red-green", "glasses"]
        );
        assert_eq!(split("it's 3 o'clock — «so»"), ["it's", "3", "o'clock", "so"]);
        assert_eq!(split("😀 happy🎉שלום"), ["😀", "happy", "🎉", "שלום"]);
        assert_eq!(split(" ,.-!  "), Vec::<String>::new());
        assert_eq!(split(&"word ".repeat(1000)).len(), 1000);
    }

    #[test]
    fn unknown_words_are_told_with_near_ones() {
        let captions = ["green glasses", "green body", "smiling face with glasses"];
        let words = Vocabulary::learned(captions.into_iter(), 100);
        assert_eq!(words.words()[..2], ["glasses", "green"]);
        let told = words.understand("a Gren body with glases, zebra zebra");
        assert_eq!(
            told.known.iter().map(|i| words.words()[*i as usize].as_str()).collect::<Vec<_>>(),
            ["body", "with"]
        );
        assert_eq!(told.unknown.iter().map(|u| u.0.as_str()).collect::<Vec<_>>(), ["a", "gren", "glases", "zebra"]);
        assert_eq!(told.unknown[1].1, ["green"]);
        assert_eq!(told.unknown[2].1, ["glasses"]);
        assert!(told.unknown[3].1.is_empty());
        assert_eq!(words.near("smile"), Vec::<String>::new());
        assert_eq!(words.near("smil"), ["smiling"]);
        assert_eq!(words.near("bdoy"), ["body"], "two letters that changed places are one mistake");
        assert_eq!(Vocabulary::learned(captions.into_iter(), 2).words().len(), 2);
    }

    #[test]
    fn a_large_vocabulary_and_a_long_text_are_quick() {
        let words: Vec<String> = (0..50_000).map(|i| format!("word{i}")).collect();
        let words = Vocabulary::of(&words);
        let began = std::time::Instant::now();
        let told = words.understand(&"wrod1 word2 etwas ".repeat(300));
        assert_eq!((told.known.len(), told.unknown.len()), (300, 2));
        assert!(began.elapsed().as_secs_f64() < 2.0);
    }
}
