//! What the doctor's rules look at: the curves of a run so far.

use std::collections::BTreeMap;

use super::finding::Evidence;
use crate::base::Family;
use crate::base::series::Series;
use crate::recipe::Recipe;

/// Share of the run's length that a curve is looked at over, at its end.
const LATELY: f64 = 0.05;
/// Fewest numbers that it is looked at over.
const FEWEST: usize = 4;

/// What a rule saw.
#[derive(Clone, Debug, Default)]
pub struct Sign {
    /// How clear it is: 0 at the threshold, 1 and more where nothing else explains it.
    pub clarity: f64,
    /// The numbers that show it.
    pub evidence: Vec<Evidence>,
}

/// What is known of the data before the first step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFacts {
    /// Pictures that it trains on.
    pub pictures: u64,
    /// Pictures of each class that is learned, with its name.
    pub classes: Vec<(String, u64)>,
}

/// What rules look at.
pub struct Seen {
    /// With the edits so far.
    pub recipe: Recipe,
    /// Family of its model.
    pub family: Option<Family>,
    /// Its data.
    pub data: DataFacts,
    /// Pictures to see in all.
    pub target: u64,
    /// Pictures seen.
    pub images: u64,
    /// Everything it told, by name.
    pub curves: BTreeMap<String, Series>,
    /// Pictures seen when the run went back because a number was not finite.
    pub lost: Vec<u64>,
}

impl Seen {
    /// How much of the run is done, 0 to 1.
    pub fn share(&self) -> f64 {
        self.images as f64 / self.target.max(1) as f64
    }

    /// Pictures in a share of the run.
    pub fn part(&self, share: f64) -> u64 {
        (share * self.target as f64) as u64
    }

    /// The values of a curve within `from..=to` pictures seen.
    pub fn between(&self, name: &str, from: u64, to: u64) -> Option<&[f64]> {
        let series = self.curves.get(name)?;
        let begin = series.images.partition_point(|&i| i < from);
        let end = series.images.partition_point(|&i| i <= to);
        series.values.get(begin..end).filter(|v| !v.is_empty())
    }

    /// The end of a curve: the last twentieth of the run, or as many numbers as are needed.
    pub fn lately(&self, name: &str) -> Option<Piece<'_>> {
        let series = self.curves.get(name)?;
        let from = self.images.saturating_sub(self.part(LATELY));
        let begin = series.images.partition_point(|&i| i < from).min(series.len().saturating_sub(FEWEST));
        Piece::of(series, begin..series.len())
    }

    /// The last `n` values, if there are so many.
    pub fn last(&self, name: &str, n: usize) -> Option<Piece<'_>> {
        let series = self.curves.get(name)?;
        Piece::of(series, series.len().checked_sub(n)?..series.len())
    }
}

/// A piece of a curve.
pub struct Piece<'a> {
    /// Its values.
    pub values: &'a [f64],
    /// Pictures seen where it begins.
    pub from: u64,
    /// Pictures seen where it ends.
    pub to: u64,
}

impl<'a> Piece<'a> {
    fn of(series: &'a Series, range: std::ops::Range<usize>) -> Option<Self> {
        let (first, last) = (range.start, range.end.checked_sub(1)?);
        let values = series.values.get(range)?;
        Some(Self { values, from: *series.images.get(first)?, to: *series.images.get(last)? })
    }

    /// Their mean.
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len().max(1) as f64
    }

    /// Whether this holds for each.
    pub fn all(&self, holds: impl Fn(f64) -> bool) -> bool {
        self.values.iter().all(|v| holds(*v))
    }

    /// That it shows something, where `healthy` says what it is otherwise.
    pub fn evidence(&self, number: &str, healthy: &str) -> Evidence {
        let (from, to, value) = (self.from, self.to, self.mean());
        Evidence { number: number.into(), value, healthy: healthy.into(), from, to }
    }
}

/// The middle one of some values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
