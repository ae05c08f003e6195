//! Pictures in the order in which a text fits them, and how far that order is to be trusted.

use burn::tensor::Tensor;

use super::{BATCH, Comparison, JointSpace, KindCard, Method, Rows, SEEN, host, tensor};
use crate::base::progress::Quiet;
use crate::base::{Picture, Problem, Progress, Result};

/// A kind of pictures is told from the others if its probability is at least this.
const SURE: f32 = 0.6;

/// How far an order of pictures is to be trusted, as it was measured on pictures of their kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// The kind of the pictures; nothing if they are none that was measured.
    pub kind: Option<KindCard>,
    /// How texts are best held against them.
    pub by: Comparison,
}

impl Reliability {
    /// Share of right answers that was measured on this kind; nothing if none was.
    pub fn share(&self) -> Option<f64> {
        self.kind.as_ref().map(KindCard::share)
    }

    /// The same in a sentence.
    pub fn sentence(&self) -> String {
        match &self.kind {
            Some(kind) => kind.sentence(),
            None => "These pictures are of no kind that this was measured on: the order may mean nothing".into(),
        }
    }
}

impl KindCard {
    /// Share of right answers: first ten with the caption's own picture, or shares of the first ten that are of the class.
    pub fn share(&self) -> f64 {
        match self.method {
            Method::Heads if self.precision > 0.0 => self.precision,
            Method::Heads => self.recall[2],
            Method::ClassNames => self.precision,
        }
    }

    /// How well texts find pictures of this kind, in a sentence.
    pub fn sentence(&self) -> String {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let chance = percent(self.chance);
        match self.method {
            Method::Heads if self.precision > 0.0 => format!(
                "On {}, measured on some that were kept apart: the right one of {} labels in {} of cases (by chance {chance})",
                self.title,
                self.among,
                percent(self.precision),
            ),
            Method::Heads => format!(
                "On {}, measured on captions that were kept apart: the picture is among the first ten of {} in {} of \
                 cases (by chance {chance})",
                self.title,
                self.among,
                percent(self.recall[2]),
            ),
            Method::ClassNames => format!(
                "On {}, measured on {} kinds of objects: {} of the first ten are right (by chance {chance})",
                self.title,
                self.among,
                percent(self.precision),
            ),
        }
    }
}

/// Pictures held against a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// One score a picture, −1 to 1, in the order of the pictures.
    pub scores: Vec<f32>,
    /// Places of the pictures, the best first; equals stay in their order.
    pub order: Vec<usize>,
    /// How far this is to be trusted.
    pub reliability: Reliability,
    /// Whether the best score is one that right answers have.
    pub answered: bool,
}

impl Ranking {
    /// What a person is told where nothing fits.
    pub fn unanswered(&self, text: &str) -> Option<Problem> {
        let best = self.order.first().map(|&i| self.scores[i]);
        (!self.answered).then(|| {
            Problem::data("None of these pictures seems to show this")
                .of(text)
                .because(format!("the best score is {:.2}; {}", best.unwrap_or(0.0), self.reliability.sentence()))
                .try_this("Use other words, or teach the studio your words with captions of your pictures")
                .warning()
        })
    }
}

impl JointSpace {
    /// How texts are best held against what was seen, by the kind of the pictures.
    ///
    /// # Errors
    /// The device computes no finite numbers.
    pub fn reliability(&self, seen: &Rows) -> Result<Reliability> {
        let shares = self.kinds(seen)?;
        let best = (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
        if let (Some(own), Some(kind)) = (&self.own, best)
            && own.knows(tensor(seen.values().to_vec(), SEEN, &self.device), kind)?
        {
            let by = Comparison { own: true, ..Comparison::default() };
            return Ok(Reliability { kind: Some(own.card.clone()), by });
        }
        let best = best.filter(|&i| shares[i] >= SURE);
        let kind = best.map(|i| self.card().kinds[i].clone());
        let method = kind.as_ref().map_or_else(Method::default, |kind| kind.method);
        Ok(Reliability { kind, by: Comparison { method, kind: best.filter(|_| method == Method::Heads), own: false } })
    }

    /// Scores of what was seen against [`Self::wanted`], −1 to 1.
    ///
    /// # Errors
    /// The device computes no finite numbers.
    pub fn scores(&self, seen: &Rows, by: Comparison, wanted: &Tensor<2>) -> Result<Vec<f32>> {
        let vectors = self.vectors(tensor(seen.values().to_vec(), SEEN, &self.device), by)?;
        host((vectors * wanted.clone()).sum_dim(1))
    }

    /// Holds pictures against a text that are made a few at a time: those from a place up to another.
    ///
    /// # Errors
    /// As [`Self::rank`], or they cannot be made.
    pub fn rank_made(
        &self,
        text: &str,
        count: usize,
        make: &mut dyn FnMut(usize, usize) -> Result<Vec<Picture>>,
        progress: &dyn Progress,
    ) -> Result<Ranking> {
        // Before the work: the text may be empty.
        self.texts(&[text.to_string()], &Quiet::default())?;
        let mut seen = Rows::new(SEEN);
        while seen.len() < count {
            progress.report("Looking at pictures", seen.len() as u64, count as u64);
            progress.cancel().check()?;
            let to = (seen.len() + BATCH).min(count);
            let pictures = make(seen.len(), to)?;
            seen.extend(self.seen(&pictures, &Quiet::default())?.values());
        }
        self.rank(text, &seen, progress)
    }

    /// Holds pictures that were seen against a text.
    ///
    /// # Errors
    /// The text is empty or far too long, there is no picture, or the work was cancelled.
    pub fn rank(&self, text: &str, seen: &Rows, progress: &dyn Progress) -> Result<Ranking> {
        if seen.is_empty() {
            return Err(Problem::usage("There are no pictures to rank"));
        }
        let reliability = self.reliability(seen)?;
        let wanted = self.wanted(text, reliability.by, progress)?;
        let scores = self.scores(seen, reliability.by, &wanted)?;
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let floor = reliability.kind.as_ref().map_or(0.0, |kind| kind.floor);
        let answered = f64::from(scores[order[0]]) >= floor;
        Ok(Ranking { scores, order, reliability, answered })
    }
}
