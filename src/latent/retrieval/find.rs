//! The real pictures that are nearest to a request.

use serde::Serialize;

use super::corpus::Corpus;
use crate::base::rank_fusion::{Fused, Order, fuse};
use crate::base::{Picture, Problem, Progress, Result};
use crate::eval::feature_matrix::Rows;

/// What real pictures are looked for by: words, pictures, or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Words; empty for none.
    pub text: String,
    /// Pictures that those which are looked for shall be like.
    pub like: Vec<Picture>,
    /// Pictures that they shall be unlike.
    pub unlike: Vec<Picture>,
}

/// A real picture that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// Its place in the prepared set.
    pub place: usize,
    /// Its name in the data.
    pub name: String,
    /// Its caption, if it has one.
    pub caption: Option<String>,
    /// Its label, if it has one.
    pub label: Option<String>,
    /// Its share of what is drawn from; all shares add up to 1.
    pub weight: f32,
    /// Which lists it stands in, with its rank in each, counted from 1: `caption`, `words`, `likeness`.
    pub why: Vec<(&'static str, usize)>,
}

/// What was found, the best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// The pictures.
    pub list: Vec<Neighbour>,
    /// What a person is told: how far the order is to be trusted, and where nothing seems to fit.
    pub notes: Vec<Problem>,
}

/// The list by given pictures.
const LIKENESS: &str = "likeness";

/// Length below which a mean of vectors points nowhere.
const NOWHERE: f32 = 1e-4;

impl Corpus {
    /// The `count` pictures that fit a request best: lists by captions, by words against pictures and by likeness are
    /// fused by reciprocal ranks. Each list is exact; equal scores stay in the order of the data.
    ///
    /// # Errors
    /// Nothing is asked for, a text is too long, the pictures that are given cancel each other out, or it was cancelled.
    pub fn find(&self, request: &Request, count: usize, progress: &dyn Progress) -> Result<Neighbours> {
        let text = request.text.trim();
        if text.is_empty() && request.like.is_empty() {
            return Err(Problem::usage("Nothing is asked for").try_this("Give words, or pictures to be like"));
        }
        let mut notes = Vec::new();
        let mut lists: Vec<(&'static str, Order<usize>)> = Vec::new();
        if !text.is_empty() {
            let (at, vectors) = &self.told;
            if !at.is_empty() {
                let wanted = self.joint.texts(&[text.to_string()], progress)?;
                let scores: Vec<f32> = vectors.iter().map(|v| dot(v, wanted.row(0))).collect();
                // Pictures of one caption, as of one class, share a rank.
                let scored = ordered(&scores).into_iter().map(|i| (at[i], scores[i]));
                lists.push(("caption", Order::by_score(scored)));
            }
            let ranking = self.joint.rank(text, &self.seen, progress)?;
            notes.push(Problem::data(ranking.reliability.sentence()).info());
            notes.extend(ranking.unanswered(text));
            lists.push(("words", Order::of(ranking.order)));
        }
        if !request.like.is_empty() {
            let of = |pictures: &[Picture]| self.joint.pictures(&self.joint.seen(pictures, progress)?);
            let direction = direction(&of(&request.like)?, &of(&request.unlike)?)?;
            let scores: Vec<f32> = self.joint.pictures(&self.seen)?.iter().map(|v| dot(v, &direction)).collect();
            lists.push((LIKENESS, Order::of(ordered(&scores))));
        }
        if self.len().0 < self.len().1 {
            let (some, all) = self.len();
            notes.push(
                Problem::data("Not all real pictures are looked through").because(format!("{some} of {all}")).info(),
            );
        }
        Ok(Neighbours { list: self.named(lists, count), notes })
    }

    fn named(&self, lists: Vec<(&'static str, Order<usize>)>, count: usize) -> Vec<Neighbour> {
        // Pictures weigh as much as all lists by words together.
        let by_words = lists.iter().filter(|(name, _)| *name != LIKENESS).count().max(1) as f64;
        let names: Vec<&'static str> = lists.iter().map(|(name, _)| *name).collect();
        let weight = |name| if name == LIKENESS { by_words } else { 1.0 };
        let orders = lists.into_iter().map(|(name, order)| order.weighing(weight(name)));
        let found = fuse(&orders.collect::<Vec<_>>(), count);
        let sum: f64 = found.iter().map(|f| f.1).sum();
        let of = |(at, score, ranks): Fused<usize>| {
            let place = self.places[at];
            Neighbour {
                place,
                name: self.data.name(place).to_string(),
                caption: self.caption(place).map(str::to_string),
                label: self.data.label(place).and_then(|l| self.data.labels().get(l as usize).cloned()),
                weight: (score / sum.max(f64::MIN_POSITIVE)) as f32,
                why: ranks.into_iter().map(|(order, rank)| (names[order], rank)).collect(),
            }
        };
        found.into_iter().map(of).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The mean of what is liked less the mean of what is not, of length 1.
fn direction(like: &Rows, unlike: &Rows) -> Result<Vec<f32>> {
    let mean = |rows: &Rows| {
        let mut mean = vec![0.0f32; rows.dim()];
        rows.iter().for_each(|row| mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / rows.len() as f32));
        mean
    };
    let mut out = mean(like);
    if !unlike.is_empty() {
        out.iter_mut().zip(mean(unlike)).for_each(|(m, u)| *m -= u);
    }
    let length = dot(&out, &out).sqrt();
    if length < NOWHERE {
        return Err(Problem::usage("The pictures cancel each other out, so nothing is like them")
            .try_this("Give other pictures to be like, or fewer to be unlike"));
    }
    out.iter_mut().for_each(|v| *v /= length);
    Ok(out)
}

/// Places in the order of their scores, the highest first; what is no number comes last.
fn ordered(scores: &[f32]) -> Vec<usize> {
    let number = |v: f32| if v.is_nan() { f32::NEG_INFINITY } else { v };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| number(scores[*b]).total_cmp(&number(scores[*a])));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_never_the_best() {
        assert_eq!(ordered(&[0.1, f32::NAN, 0.7, 0.7]), [2, 3, 0, 1]);
    }

    #[test]
    fn like_these_unlike_that_is_a_difference_of_means() {
        let rows = |v: &[f32]| Rows::from_values(2, v.to_vec());
        let d = direction(&rows(&[1.0, 0.0, 0.0, 1.0]), &rows(&[0.0, 1.0])).unwrap();
        assert!((d[0] - 0.5f32.sqrt()).abs() < 1e-6 && (d[1] + 0.5f32.sqrt()).abs() < 1e-6, "{d:?}");
        assert!(direction(&rows(&[1.0, 0.0]), &rows(&[1.0, 0.0])).is_err());
        assert_eq!(direction(&rows(&[2.0, 0.0]), &Rows::new(2)).unwrap(), [1.0, 0.0]);
    }
}
