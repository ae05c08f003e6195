//! A word beside a number: whether it is good. Only for numbers whose scale means the same for all pictures.

use super::theme::Tone;

/// A word with its tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Such as "good".
    pub word: &'static str,
    /// How it is coloured.
    pub tone: Tone,
}

/// From this value on, this word; the first that fits counts.
type Steps = &'static [(f64, &'static str, Tone)];

/// The lower, the better: up to this value. By the studio's own network the shipped GANs reach 0.17 to 0.26, small runs of
/// minutes 0.4 to 1.
const KID: Steps = &[
    (0.3, "very close to the data", Tone::Good),
    (1.0, "good", Tone::Good),
    (2.5, "recognisable", Tone::Warn),
    (f64::INFINITY, "still far off", Tone::Bad),
];
/// The higher, the better: from this value on.
const SHARE: Steps = &[
    (0.85, "high", Tone::Good),
    (0.6, "fair", Tone::Good),
    (0.3, "low", Tone::Warn),
    (f64::NEG_INFINITY, "very low", Tone::Bad),
];
const DECIBELS: Steps = &[
    (36.0, "hardly told apart", Tone::Good),
    (28.0, "close", Tone::Good),
    (20.0, "recognisable", Tone::Warn),
    (f64::NEG_INFINITY, "rough", Tone::Bad),
];
const ALIKE: Steps = &[
    (0.95, "hardly told apart", Tone::Good),
    (0.8, "close", Tone::Good),
    (0.5, "recognisable", Tone::Warn),
    (f64::NEG_INFINITY, "rough", Tone::Bad),
];
const GAP: Steps = &[(0.4, "high", Tone::Good), (0.2, "fair", Tone::Good), (f64::NEG_INFINITY, "low", Tone::Warn)];
/// Told apart in so many more pairs than not.
const SIGN_RATE: Steps = &[
    (0.97, "the critic wins too easily", Tone::Warn),
    (0.2, "balanced", Tone::Good),
    (f64::NEG_INFINITY, "the critic only guesses", Tone::Warn),
];
const MEMORISATION: Steps = &[
    (0.35, "farther than unseen pictures", Tone::Quiet),
    (0.6, "no copies", Tone::Good),
    (0.75, "close to copies", Tone::Warn),
    (f64::INFINITY, "learned by heart", Tone::Bad),
];
const DENSITY: Steps = &[
    (0.5, "low", Tone::Warn),
    (0.8, "fair", Tone::Good),
    (1.3, "right", Tone::Good),
    (f64::INFINITY, "too much alike", Tone::Warn),
];

/// The word for a number by its name in scores and curves; nothing for numbers that only compare on the same pictures, or
/// that are none.
pub fn of(name: &str, value: f64) -> Option<Verdict> {
    if !value.is_finite() {
        return None;
    }
    let name = name.split('/').next().unwrap_or(name);
    let upto = |steps: Steps| steps.iter().find(|s| value <= s.0);
    let from = |steps: Steps| steps.iter().find(|s| value >= s.0);
    let found = match name {
        "kid" => upto(KID),
        "density" => upto(DENSITY),
        "memorisation" => upto(MEMORISATION),
        "precision" | "recall" | "coverage" | "good" | "completeness" | "disentanglement" | "informativeness"
        | "factor-vae" => from(SHARE),
        "psnr" => from(DECIBELS),
        "ssim" => from(ALIKE),
        "mig" => from(GAP),
        "sign_rate" => from(SIGN_RATE),
        _ => None,
    };
    found.map(|&(_, word, tone)| Verdict { word, tone })
}

/// The word for a number, or what can be said of one without a scale of its own.
pub fn word(name: &str, value: f64) -> Verdict {
    of(name, value).unwrap_or(Verdict { word: "compare on the same pictures", tone: Tone::Quiet })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_judged_the_right_way_round() {
        let word = |name, value| of(name, value).map(|v| v.word);
        assert_eq!(word("kid", 0.17), Some("very close to the data"));
        assert_eq!(word("kid", 2.72), Some("still far off"));
        assert_eq!(word("kid", -0.01), Some("very close to the data"));
        assert_eq!((word("coverage", 0.9), word("coverage", 0.1)), (Some("high"), Some("very low")));
        assert_eq!((word("psnr", 41.0), word("psnr", 12.0)), (Some("hardly told apart"), Some("rough")));
        assert_eq!(word("sign_rate", 0.99), Some("the critic wins too easily"));
        assert_eq!(
            (word("memorisation", 0.5), word("memorisation", 0.98)),
            (Some("no copies"), Some("learned by heart"))
        );
        assert_eq!((word("elbo", -90.0), word("kid", f64::NAN)), (None, None));
        assert_eq!(super::word("elbo", -90.0).word, "compare on the same pictures");
        assert_eq!(word("precision/cats", 0.9), Some("high"));
    }

    #[test]
    fn every_score_has_a_word() {
        for name in crate::eval::table::NAMES {
            assert!(!super::word(name.name, 0.5).word.is_empty());
        }
    }
}
