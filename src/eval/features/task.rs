//! What there is to learn from a source's labels and factors: classes, each a range of places in one row of logits.

use std::collections::HashMap;
use std::path::Path;

use crate::base::{Progress, Result};
use crate::data::{self, Prepared};
use crate::recipe::DataRecipe;

/// Classes with fewer pictures are not asked for.
const LEAST: usize = 3;
/// Columns with more distinct values than this share of the pictures are numbers, asked for by bins.
const DISTINCT: usize = 300;
/// Bins of a number.
const BINS: usize = 8;

/// One question about the pictures of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name, such as `nouns-32px/head`.
    pub name: String,
    /// Place of its first class.
    pub offset: usize,
    /// How many classes.
    pub classes: usize,
    /// Class of each picture of the prepared set; none where it is unknown or too rare.
    pub of: Vec<Option<u32>>,
}

/// Pictures with questions.
pub struct Dataset {
    /// The pictures, 64 pixels a side, with transparency.
    pub pictures: Prepared,
    /// Questions.
    pub tasks: Vec<Task>,
}

impl Dataset {
    /// Prepares a source. Factors called by a name in `skip` are left out. `offset` is moved past its classes.
    ///
    /// # Errors
    /// The source cannot be prepared.
    pub fn open(
        source: &str,
        skip: &[String],
        offset: &mut usize,
        cache: &Path,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let recipe = DataRecipe {
            source: source.into(),
            resolution: super::SIDE.into(),
            channels: crate::base::Channels::Rgba,
            fit: crate::recipe::Fit::Pad,
            ..DataRecipe::default()
        };
        let pictures = data::prepare(&recipe, cache, progress)?;
        let short = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
        let n = pictures.len();
        let mut tasks = Vec::new();
        let mut add = |name: &str, of: Vec<Option<u32>>| {
            let (classes, of) = frequent(&of);
            if classes >= 2 {
                tasks.push(Task { name: format!("{short}/{name}"), offset: *offset, classes, of });
                *offset += classes;
            }
        };
        add("label", (0..n).map(|i| pictures.label(i)).collect());
        for (k, name) in pictures.factor_names().iter().enumerate() {
            if !skip.contains(name) {
                add(name, classes_of(&(0..n).map(|i| pictures.factors(i)[k]).collect::<Vec<_>>()));
            }
        }
        Ok(Self { pictures, tasks })
    }
}

/// Classes with enough pictures, numbered anew.
fn frequent(of: &[Option<u32>]) -> (usize, Vec<Option<u32>>) {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    of.iter().flatten().for_each(|c| *counts.entry(*c).or_default() += 1);
    let mut kept: Vec<u32> = counts.into_iter().filter(|(_, n)| *n >= LEAST).map(|(c, _)| c).collect();
    kept.sort_unstable();
    let place = |c: &u32| kept.binary_search(c).ok().map(|p| p as u32);
    (kept.len(), of.iter().map(|c| c.as_ref().and_then(place)).collect())
}

/// Distinct values as classes, or bins with as many pictures each.
fn classes_of(values: &[f32]) -> Vec<Option<u32>> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= DISTINCT {
        return values.iter().map(|v| distinct.binary_search_by(|d| d.total_cmp(v)).ok().map(|p| p as u32)).collect();
    }
    let edges: Vec<f32> = (1..BINS).map(|i| sorted[i * sorted.len() / BINS]).collect();
    values.iter().map(|v| v.is_finite().then(|| edges.partition_point(|e| e <= v) as u32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_classes_and_many_are_bins() {
        let few = classes_of(&[2.0, 7.0, f32::NAN, 2.0]);
        assert_eq!(few, [Some(0), Some(1), None, Some(0)]);
        let many: Vec<f32> = (0..800).map(|i| i as f32 * 0.37).collect();
        let bins = classes_of(&many);
        assert_eq!((bins[0], bins[99], bins[100], bins[799]), (Some(0), Some(0), Some(1), Some(7)));
    }

    #[test]
    fn rare_classes_are_not_asked_for() {
        let of = [Some(4), Some(4), Some(4), Some(9), None, Some(1), Some(1), Some(1)];
        let (classes, of) = frequent(&of);
        assert_eq!(classes, 2);
        assert_eq!(of, [Some(1), Some(1), Some(1), None, None, Some(0), Some(0), Some(0)]);
    }
}
