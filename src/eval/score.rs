//! A score, what it means, and when two of them may be compared.

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::{Problem, Result};
use crate::recipe::FeatureSpace;

/// A measured number with its interval, and everything it depends on.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Its name, a row of [`super::NAMES`], perhaps with `/` and a class.
    pub name: String,
    /// The number.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// Lower bound of the 95 % interval.
    #[serde(deserialize_with = "number")]
    pub low: f64,
    /// Upper bound of the 95 % interval.
    #[serde(deserialize_with = "number")]
    pub high: f64,
    /// Samples, or pictures, that it was measured on.
    pub count: u64,
    /// Pictures of the data it was measured against.
    #[serde(default)]
    pub reference: u64,
    /// What looked at the pictures: an encoder with the hash of its weights, a classifier, or nothing.
    pub extractor: String,
    /// How it was estimated, where there is more than one way.
    #[serde(default)]
    pub estimator: String,
    /// Hash of the data.
    #[serde(default)]
    pub data: String,
    /// Seconds it took.
    pub seconds: f64,
    /// What a person must know to read it rightly, such as that it was measured on too few pictures; mostly nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A number; `null`, which is how JSON tells what is none, is read as NaN.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

impl Score {
    /// Says beside the number when it was measured on fewer samples, or against fewer pictures, than it takes.
    #[must_use]
    pub fn noting_few(self, least: u64) -> Self {
        let against = if self.reference > 0 { self.reference } else { self.count };
        let few = self.count.min(against);
        if few >= least {
            return self;
        }
        let what = match (self.count < least, self.reference > 0 && self.reference < least) {
            (true, true) => format!("{} samples against {} pictures", self.count, self.reference),
            (true, false) => format!("{} samples", self.count),
            _ => format!("{} pictures to hold it against", self.reference),
        };
        let note = format!("too few to tell: {what}, it takes {least} of each");
        Self { note, ..self }
    }
}

impl Score {
    /// Whether the features of a space looked at the pictures.
    pub fn is_through(&self, space: FeatureSpace) -> bool {
        let name = match space {
            FeatureSpace::Studio => "studio-features-",
            FeatureSpace::Photo => "photo-features-",
        };
        self.extractor.starts_with(name)
    }

    /// Says one thing more beside the number.
    pub fn add_note(&mut self, note: &str) {
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        self.note.push_str(note);
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The lower, the better.
    Lower,
    /// The higher, the better.
    Higher,
    /// Neither: a fact.
    Neither,
}

/// How two scores stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The first is better, by more than chance.
    Better,
    /// The first is worse, by more than chance.
    Worse,
    /// Within what chance does.
    Alike,
}

/// Compares two scores.
///
/// # Errors
/// They are not of one kind: another score, extractor, count, estimator or data. The message says which.
pub fn compare(a: &Score, b: &Score) -> Result<Standing> {
    let unlike = |what: &str, a: &str, b: &str, remedy: &str| {
        Problem::usage(format!("These scores cannot be compared: they differ in {what}"))
            .because(format!("{a} and {b}"))
            .try_this(remedy)
    };
    let said = |text: &str| if text.is_empty() { "none".to_string() } else { text.to_string() };
    let pairs = [
        ("what they measure", said(&a.name), said(&b.name), "Compare scores of the same name"),
        ("the extractor", said(&a.extractor), said(&b.extractor), "Measure both with the same version of the studio"),
        ("the estimator", said(&a.estimator), said(&b.estimator), "Measure both with the same version of the studio"),
        ("the number of samples", a.count.to_string(), b.count.to_string(), "Measure both with the same --count"),
        (
            "the number of pictures they were held against",
            a.reference.to_string(),
            b.reference.to_string(),
            "Measure both with the same --count",
        ),
        ("the data", said(&a.data), said(&b.data), "Measure both against the same data at the same size"),
    ];
    for (what, left, right, remedy) in pairs {
        if left != right {
            return Err(unlike(what, &left, &right, remedy).of(a.name.clone()));
        }
    }
    // Half-widths of independent intervals add as squares do.
    let apart = a.value - b.value;
    let half =
        |s: &Score| if apart > 0.0 { (s.value - s.low, s.high - s.value) } else { (s.high - s.value, s.value - s.low) };
    let chance = (half(a).0.powi(2) + half(b).1.powi(2)).sqrt();
    if !apart.is_finite() || apart.abs() <= chance {
        return Ok(Standing::Alike);
    }
    Ok(match super::table::direction(&a.name) {
        Direction::Lower if apart < 0.0 => Standing::Better,
        Direction::Higher if apart > 0.0 => Standing::Better,
        Direction::Neither => Standing::Alike,
        _ => Standing::Worse,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: f64, reach: f64) -> Score {
        Score {
            name: "kid".into(),
            value,
            low: value - reach,
            high: value + reach,
            count: 1000,
            reference: 1000,
            extractor: "studio-features-12345678".into(),
            data: "d".into(),
            ..Score::default()
        }
    }

    #[test]
    fn only_like_scores_are_compared_and_the_reason_is_said() {
        let a = score(0.1, 0.01);
        assert_eq!(compare(&a, &score(0.2, 0.01)).unwrap(), Standing::Better);
        assert_eq!(compare(&score(0.2, 0.01), &a).unwrap(), Standing::Worse);
        assert_eq!(compare(&a, &score(0.11, 0.01)).unwrap(), Standing::Alike);
        type Change = fn(&mut Score);
        let changes: [(Change, &str); 6] = [
            (|s| s.name = "fid".into(), "what they measure"),
            (|s| s.extractor = "inception".into(), "extractor"),
            (|s| s.count = 500, "number of samples"),
            (|s| s.reference = 5, "held against"),
            (|s| s.estimator = "other".into(), "estimator"),
            (|s| s.data = "e".into(), "the data"),
        ];
        for (change, word) in changes {
            let mut b = score(0.2, 0.01);
            change(&mut b);
            let problem = compare(&a, &b).unwrap_err();
            assert!(problem.what.contains(word) && problem.remedy.is_some(), "{problem}");
        }
    }

    #[test]
    fn notes_follow_each_other_and_features_are_told_by_name() {
        let mut s = score(0.1, 0.1);
        assert!(s.is_through(FeatureSpace::Studio) && !s.is_through(FeatureSpace::Photo));
        s.add_note("one");
        s.add_note("two");
        assert_eq!(s.note, "one; two");
    }

    #[test]
    fn few_pictures_are_said() {
        let of = |count, reference| Score { count, reference, ..score(0.1, 0.1) }.noting_few(129).note;
        assert_eq!(of(129, 129), "");
        assert_eq!(of(3, 3), "too few to tell: 3 samples against 3 pictures, it takes 129 of each");
        assert!(of(500, 3).contains("3 pictures to hold it against") && of(3, 500).contains("3 samples,"));
        assert!(of(3, 0).contains("3 samples,"));
        assert!(!serde_json::to_string(&score(0.1, 0.1)).unwrap().contains("note"));
    }

    #[test]
    fn higher_is_better_for_recall() {
        let recall = |value| Score { name: "recall".into(), ..score(value, 0.01) };
        assert_eq!(compare(&recall(0.9), &recall(0.5)).unwrap(), Standing::Better);
    }
}
