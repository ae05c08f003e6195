//! Tokens and words of retrieved pictures, for a prior over tokens.

use std::collections::BTreeMap;

use super::corpus::Corpus;
use super::find::Neighbours;
use crate::data::words::split;
use crate::latent::draw::{Drawer, RetrievedTokens};

/// Words are asked for that captions with this share of what was found have.
const COMMON: f32 = 0.5;

impl Neighbours {
    /// Their tokens, with their shares.
    pub fn tokens(&self, corpus: &Corpus, drawer: &Drawer, strength: f32) -> RetrievedTokens {
        RetrievedTokens {
            tokens: self.list.iter().map(|n| drawer.tokens_of(&corpus.picture(n.place))).collect(),
            weights: self.list.iter().map(|n| n.weight).collect(),
            columns: drawer.grid()[1] as u32,
            strength,
        }
    }

    /// The words that at least half of their captions have, by shares, in the order of the best caption that has them:
    /// what stands in front where a person gave pictures and no words. Empty where there are no captions.
    pub fn common_words(&self) -> String {
        let mut shares: BTreeMap<String, f32> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        let mut all = 0.0;
        for neighbour in &self.list {
            let Some(caption) = &neighbour.caption else { continue };
            all += neighbour.weight;
            let mut own = split(caption);
            order.extend(own.iter().filter(|w| !shares.contains_key(*w)).cloned());
            own.sort();
            own.dedup();
            own.into_iter().for_each(|word| *shares.entry(word).or_default() += neighbour.weight);
        }
        let mut told = std::collections::BTreeSet::new();
        let common = order.into_iter().filter(|w| shares[w] >= COMMON * all && told.insert(w.clone()));
        common.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Neighbour, Neighbours};

    fn found(captions: &[Option<&str>]) -> Neighbours {
        let weight = 1.0 / captions.len() as f32;
        let of = |(place, caption): (usize, &Option<&str>)| Neighbour {
            place,
            name: place.to_string(),
            caption: caption.map(str::to_string),
            label: None,
            weight,
            why: Vec::new(),
        };
        Neighbours { list: captions.iter().enumerate().map(of).collect(), notes: Vec::new() }
    }

    #[test]
    fn words_that_most_captions_have_are_asked_for() {
        let some = found(&[Some("red glasses, blue body"), Some("red glasses, cat head"), Some("green glasses"), None]);
        assert_eq!(some.common_words(), "red glasses");
        assert_eq!(found(&[None, None]).common_words(), "");
        assert_eq!(found(&[Some("a very very old cat")]).common_words(), "a very old cat");
    }
}
