//! What retrieval gains: captions of held-out pictures are asked for with and without it, by the same seeds.
//!
//! Two judges look at what is made. The first is the joint space, in which retrieval looks for pictures too; the second
//! has no part in it: the held-out picture that is nearest in the studio's features is looked up, and its caption's words
//! are held against those that were asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::corpus::Corpus;
use super::find::{Neighbours, Request};
use crate::base::{Picture, Problem, Progress, Result};
use crate::data::words::split;
use crate::eval::feature_matrix::Rows;
use crate::eval::neighbours::{Near, nearest};
use crate::eval::subsample_ci::standard_error;

/// A mean over captions, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One way of making pictures, judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Share of the other held-out captions that fit the picture worse than its own, in the joint space; 0.5 by chance.
    pub match_percentile: Mean,
    /// Words that the caption of the nearest held-out picture shares with the one that was asked for, 0 to 1: F1, where a
    /// word counts by how rare it is among the captions (inverse document frequency).
    pub shared_words: Mean,
    /// Share of the pictures that are nearer to a real one than 99 of 100 unseen real pictures are.
    pub copies: Mean,
    /// Distance to the nearest real picture over that of unseen real pictures, by medians.
    pub distance_ratio: f64,
}

/// With and without.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Captions that were asked for.
    pub captions: usize,
    /// Without retrieval.
    pub without: Judged,
    /// With it.
    pub with: Judged,
    /// Gain in the percentile, caption by caption.
    pub match_gain: Mean,
    /// Gain in shared words, caption by caption.
    pub words_gain: Mean,
}

/// Makes the picture of a caption: of the pictures that were found for it, or of none, by a seed.
pub type Make<'a> = dyn FnMut(&str, Option<&Neighbours>, u64) -> Result<Picture> + 'a;

/// Asks for the captions of at most `most` held-out pictures, evenly spread.
///
/// # Errors
/// Fewer than ten held-out pictures have captions, a picture cannot be made, or it was cancelled.
pub fn measure(
    corpus: &Corpus,
    neighbours: usize,
    most: usize,
    make: &mut Make<'_>,
    progress: &dyn Progress,
) -> Result<Measured> {
    let held: Vec<usize> = corpus.data().heldout().iter().map(|i| *i as usize).collect();
    let told: Vec<(usize, &str)> = held.iter().filter_map(|i| Some((*i, corpus.caption(*i)?))).collect();
    if told.len() < 10 {
        return Err(Problem::data("Too few held-out pictures have captions to measure this")
            .because(format!("{} have one, ten are needed", told.len()))
            .try_this("Use data with captions, and 200 pictures or more"));
    }
    let asked: Vec<&(usize, &str)> = told.iter().step_by(told.len().div_ceil(most.max(10))).collect();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for (n, (_, caption)) in asked.iter().enumerate() {
        progress.report("Drawing with and without retrieval", n as u64, asked.len() as u64);
        progress.cancel().check()?;
        let request = Request { text: (*caption).to_string(), ..Request::default() };
        let found = corpus.find(&request, neighbours, &crate::base::progress::Quiet::default())?;
        without.push(make(caption, None, n as u64 + 1)?);
        with.push(make(caption, Some(&found), n as u64 + 1)?);
    }
    let captions: Vec<&str> = asked.iter().map(|a| a.1).collect();
    let judge = Judge::of(corpus, &told, &captions, progress)?;
    let (a, b) = (judge.look(&without)?, judge.look(&with)?);
    let gain = |of: fn(&Looks) -> &Vec<f64>| -> Vec<f64> { of(&b).iter().zip(of(&a)).map(|(b, a)| b - a).collect() };
    Ok(Measured {
        captions: captions.len(),
        match_gain: mean(&gain(|l| &l.percentiles)),
        words_gain: mean(&gain(|l| &l.words)),
        without: a.judged(),
        with: b.judged(),
    })
}

struct Judge<'a> {
    corpus: &'a Corpus,
    captions: &'a [&'a str],
    wanted: Vec<burn::tensor::Tensor<2>>,
    by: crate::eval::joint::Comparison,
    /// Features of held-out pictures, with their captions.
    unseen: Rows,
    told: &'a [(usize, &'a str)],
    rarity: BTreeMap<String, f64>,
}

/// What was seen of each picture.
struct Looks {
    percentiles: Vec<f64>,
    words: Vec<f64>,
    copies: Vec<f64>,
    ratio: f64,
}

impl<'a> Judge<'a> {
    fn of(
        corpus: &'a Corpus,
        told: &'a [(usize, &'a str)],
        captions: &'a [&'a str],
        progress: &dyn Progress,
    ) -> Result<Self> {
        let by = corpus.joint.reliability(&corpus.seen)?.by;
        let wanted = captions.iter().map(|c| corpus.joint.wanted(c, by, progress)).collect::<Result<_>>()?;
        let pictures: Vec<Picture> = told.iter().map(|(place, _)| corpus.picture(*place)).collect();
        let unseen = corpus.copies().look(&pictures)?;
        let rarity = rarity(told.iter().map(|t| t.1));
        Ok(Self { corpus, captions, wanted, by, unseen, told, rarity })
    }

    fn look(&self, made: &[Picture]) -> Result<Looks> {
        let joint = &self.corpus.joint;
        let seen = joint.seen(made, &crate::base::progress::Quiet::default())?;
        let scores: Vec<Vec<f32>> =
            self.wanted.iter().map(|w| joint.scores(&seen, self.by, w)).collect::<Result<_>>()?;
        let percentile = |i: usize| {
            let own = scores[i][i];
            let others = (0..self.captions.len()).filter(|j| self.captions[*j] != self.captions[i]);
            let (mut below, mut count) = (0.0, 0usize);
            for j in others {
                let other = scores[j][i];
                below += if other < own {
                    1.0
                } else if other == own {
                    0.5
                } else {
                    0.0
                };
                count += 1;
            }
            below / count.max(1) as f64
        };
        let near = nearest(&self.corpus.copies().look(made)?, &self.unseen, 1, false);
        let words = |i: usize| {
            let of = |n: &Near| f1(self.captions[i], self.told[n.place as usize].1, &self.rarity);
            near[i].first().map_or(0.0, of)
        };
        let found = self.corpus.nearest(made)?;
        let mut distances: Vec<f64> = found.iter().map(|n| n.distance).collect();
        distances.sort_by(f64::total_cmp);
        let usual = self.corpus.copies().median().unwrap_or(f64::NAN);
        Ok(Looks {
            percentiles: (0..made.len()).map(percentile).collect(),
            words: (0..made.len()).map(words).collect(),
            copies: found.iter().map(|n| f64::from(u8::from(n.is_suspect()))).collect(),
            ratio: distances.get(distances.len() / 2).map_or(f64::NAN, |d| d / usual),
        })
    }
}

impl Looks {
    fn judged(&self) -> Judged {
        Judged {
            match_percentile: mean(&self.percentiles),
            shared_words: mean(&self.words),
            copies: mean(&self.copies),
            distance_ratio: self.ratio,
        }
    }
}

/// A mean ± 1.96 standard errors.
fn mean(values: &[f64]) -> Mean {
    let n = values.len().max(1) as f64;
    let value = values.iter().sum::<f64>() / n;
    let reach = 1.96 * standard_error(values) / n.sqrt();
    Mean { value, low: value - reach, high: value + reach }
}

/// How rare each word is: ln(captions / captions that have it).
fn rarity<'a>(captions: impl ExactSizeIterator<Item = &'a str>) -> BTreeMap<String, f64> {
    let all = captions.len() as f64;
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for caption in captions {
        let own: BTreeSet<String> = split(caption).into_iter().collect();
        own.into_iter().for_each(|word| *counts.entry(word).or_default() += 1.0);
    }
    counts.into_iter().map(|(word, count)| (word, (all / count).ln())).collect()
}

/// F1 of the words of two captions, each word once and by its rarity.
fn f1(a: &str, b: &str, rarity: &BTreeMap<String, f64>) -> f64 {
    let (a, b): (BTreeSet<String>, BTreeSet<String>) = (split(a).into_iter().collect(), split(b).into_iter().collect());
    let weigh = |words: &mut dyn Iterator<Item = &String>| -> f64 { words.filter_map(|w| rarity.get(w)).sum() };
    let both = weigh(&mut a.intersection(&b));
    let all = weigh(&mut a.iter()) + weigh(&mut b.iter());
    if all > 0.0 { 2.0 * both / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_count_once_and_by_their_rarity() {
        let captions = ["red glasses, red body", "red glasses body", "blue glasses", "blue cat"];
        let rarity = rarity(captions.into_iter());
        assert!((rarity["red"] - 2.0f64.ln()).abs() < 1e-12 && rarity["cat"] > rarity["glasses"]);
        assert_eq!(f1(captions[0], captions[1], &rarity), 1.0);
        let half = 2.0 * rarity["blue"] / (2.0 * rarity["blue"] + rarity["glasses"] + rarity["cat"]);
        assert!((f1(captions[2], captions[3], &rarity) - half).abs() < 1e-12);
        assert_eq!(f1("", "", &rarity), 0.0);
    }

    #[test]
    fn a_mean_has_the_interval_of_its_standard_error() {
        let found = mean(&[0.0, 1.0, 0.0, 1.0]);
        // Standard deviation √(1/3) with n − 1, over √4.
        assert!((found.value - 0.5).abs() < 1e-12);
        assert!((found.high - 0.5 - 1.96 * (1.0f64 / 3.0).sqrt() / 2.0).abs() < 1e-9, "{found:?}");
    }
}
