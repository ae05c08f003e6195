//! Scores while a run trains, on the averaged weights: how far samples are from the data, and what a VAE finds of pictures
//! that it does not learn from. They become curves with intervals and choose the best checkpoint.
//!
//! They cost at most a twentieth of the time: the dearer they are, the rarer they come. Between checkpoints they come only
//! if that leaves enough for the next one.

use std::time::Instant;

use super::heldout::Heldout;
use super::trainer::Trainer;
use crate::base::progress::Quiet;
use crate::base::rng::Stream;
use crate::base::{Family, Result};
use crate::data::Prepared;
use crate::eval::feature_matrix::Rows;
use crate::eval::features::Extractor;
use crate::eval::pictures::data_features;
use crate::eval::{kid, prdc};
use crate::latent::space::{Code, class_of_seed};
use crate::recipe::Recipe;

/// Share of a run's time that scores may take.
const SHARE: f64 = 0.05;
/// Samples, and pictures of the data, that are compared: always as many, so that a run's scores can be compared.
const COUNT: usize = 512;
/// Seconds that the first score is taken to cost.
const GUESS: f64 = 1.5;
/// Held-out pictures from which on they decide about a VAE.
const ENOUGH: usize = 32;

/// What was measured at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// What checkpoints are chosen by; lower is better.
    pub score: Option<f64>,
    /// Numbers for curves; `x.low` and `x.high` are the interval of `x`.
    pub values: Vec<(String, f64)>,
}

/// When to score, and what scoring needs.
#[derive(Default)]
pub struct Scoring {
    /// Seconds that scores took so far.
    pub spent: f64,
    last: Option<f64>,
    extractor: Option<Extractor>,
    real: Option<Rows>,
    /// Labels of the pictures of the data.
    labels: Vec<Option<u32>>,
}

impl Scoring {
    /// Goes on where scores took so many seconds already.
    pub fn new(spent: f64) -> Self {
        Self { spent, ..Self::default() }
    }

    /// Whether there is time for scores, after so many seconds of training.
    pub fn due(&self, trained: f64, checkpoint: bool) -> bool {
        let ahead = self.last.unwrap_or(GUESS) * if checkpoint { 1.0 } else { 2.0 };
        self.spent + ahead <= SHARE * trained
    }

    /// Measures the averaged weights.
    ///
    /// # Errors
    /// The encoder cannot be read.
    pub fn measure(
        &mut self,
        trainer: &Trainer,
        recipe: &Recipe,
        prepared: &Prepared,
        heldout: &Heldout,
    ) -> Result<Measured> {
        let began = Instant::now();
        let mut out = Measured::default();
        if let Some(elbo) = trainer.validate(heldout) {
            out.values.push(("valid_elbo".into(), elbo));
            if heldout.len() >= ENOUGH {
                out.score = Some(-elbo);
            }
        }
        let judged = trainer.judge(heldout);
        if let Some((name, value)) = judged {
            out.values.push((name.into(), value));
            out.score = Some(value);
        }
        let recipe_draws = matches!(recipe.family()?, Family::Gan | Family::Vae);
        if recipe_draws && self.extractor.is_none() {
            self.extractor = Some(Extractor::shipped(&trainer.plain_device())?);
        }
        if let Some(extractor) = self.extractor.as_ref().filter(|_| recipe_draws) {
            if self.real.is_none() {
                let mut places: Vec<usize> = prepared.train().iter().map(|i| *i as usize).collect();
                Stream::new(recipe.seed, "scored").shuffle(&mut places);
                places.truncate(COUNT);
                self.labels = places.iter().map(|&i| prepared.label(i)).collect();
                self.real = Some(data_features(extractor, prepared, &places, &Quiet::default())?);
            }
            let samples = trainer.samples(&codes(recipe, &self.labels));
            let samples = extractor.features(&samples, &Quiet::default())?;
            if let Some(real) = &self.real {
                let mut tell = |name: &str, (value, low, high): (f64, f64, f64)| {
                    for (name, v) in
                        [(name.into(), value), (format!("{name}.low"), low), (format!("{name}.high"), high)]
                    {
                        if v.is_finite() {
                            out.values.push((name, v));
                        }
                    }
                };
                if let Some(found) = kid::kid(real, &samples, recipe.seed).filter(|f| f.0.is_finite()) {
                    tell("kid", found);
                    out.score = out.score.or(Some(found.0));
                }
                if let Some(found) = prdc::prdc(real, &samples, prdc::K, recipe.seed) {
                    tell("precision", found.precision);
                    tell("recall", found.recall);
                    tell("density", found.density);
                    tell("coverage", found.coverage);
                }
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        self.last = Some(seconds);
        self.spent += seconds;
        Ok(out)
    }
}

/// Latents to score, away from the seeds that the eye and explorers use. A model with classes makes as many of each as
/// there are among the pictures of the data.
fn codes(recipe: &Recipe, labels: &[Option<u32>]) -> Vec<Code> {
    let classes = if recipe.model.conditional { recipe.model.classes.len() } else { 0 };
    let dim = recipe.model.latent as usize;
    let one = |i: usize| {
        let seed = 1_000_000 + i as u64;
        let known = labels.get(i % labels.len().max(1)).copied().flatten();
        Code::seeded(seed, dim, classes, known.map_or_else(|| class_of_seed(seed, classes), |l| l as usize))
    };
    (0..COUNT).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;
    use crate::recipe::DataRecipe;
    use crate::train::device;

    #[test]
    fn scores_never_take_more_than_their_share() {
        for cost in [0.1, 2.0, 30.0] {
            let mut scoring = Scoring::default();
            let (mut trained, mut scored) = (0.0, 0);
            for step in 0..40_000u32 {
                trained += 0.1;
                // A preview every ten steps, a checkpoint every hundred.
                if step.is_multiple_of(10) && scoring.due(trained, step.is_multiple_of(100)) {
                    (scoring.last, scoring.spent) = (Some(cost), scoring.spent + cost);
                    scored += 1;
                    assert!(scored == 1 || scoring.spent <= SHARE * trained, "{cost}: {} of {trained}", scoring.spent);
                }
            }
            // And the share is used.
            assert!(scoring.spent > 0.8 * SHARE * trained || cost > 20.0, "{cost}: {} of {trained}", scoring.spent);
            assert!(scored > 1);
        }
    }

    #[test]
    fn held_out_pictures_are_judged_with_their_class() {
        let mut recipe = crate::recipe::Recipe::default();
        recipe.model.id = "mlp-vae".into();
        (recipe.model.width, recipe.model.blocks, recipe.model.latent) = (8, 1, 2);
        recipe.data.resolution = 16.into();
        recipe.model.conditional = true;
        recipe.model.classes = vec!["a".into(), "b".into()];
        let bytes: Vec<u8> = (0..3 * recipe.shape().bytes()).map(|i| (i * 37 % 251) as u8).collect();
        let heldout = |labels: [Option<u32>; 3]| Heldout { bytes: bytes.clone(), labels: labels.to_vec() };
        let device = device::open("cpu").unwrap();
        let known = heldout([Some(1), None, Some(0)]);
        let (x, class) = known.shown(0..3, &recipe, &device);
        assert_eq!(x.dims(), [3, 3, 16, 16]);
        let class: Vec<f32> = class.unwrap().into_data().try_into_vec().unwrap();
        assert_eq!(class, [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        let mut vae = Trainer::new(&recipe, &device).unwrap();
        // Classes begin without a say.
        let (mut weights, state) = vae.state();
        let classes = weights.tensors.iter_mut().filter(|(name, _)| name.contains("class_"));
        classes.for_each(|(_, t)| t.values.iter_mut().enumerate().for_each(|(i, v)| *v = (i % 5) as f32 - 1.7));
        vae.go_on_from(&weights, &state).unwrap();
        let elbo = |labels| vae.validate(&heldout(labels)).unwrap();
        assert_ne!(elbo([Some(0); 3]), elbo([Some(1); 3]), "the class is part of what is judged");
        let picture = |label| vae.reconstructions(&[bytes[..recipe.shape().bytes()].to_vec()], &[label]);
        assert_ne!(picture(Some(0)), picture(Some(1)));
        recipe.model.conditional = false;
        assert!(known.shown(0..1, &recipe, &device).1.is_none());
    }

    #[test]
    fn both_families_are_scored_with_intervals() {
        let cache = tempfile::tempdir().unwrap();
        for (id, chosen_by) in [("conv-vae", "valid_elbo"), ("res-gan", "kid")] {
            let mut recipe = crate::recipe::Recipe::default();
            recipe.model.id = id.into();
            (recipe.model.width, recipe.model.narrow, recipe.model.latent) = (8, 8, 4);
            recipe.data = DataRecipe { source: "shapes:1200".into(), resolution: 16.into(), ..DataRecipe::default() };
            let prepared = data::prepare(&recipe.data, cache.path(), &Quiet::default()).unwrap();
            let trainer = Trainer::new(&recipe, &device::open("cpu").unwrap()).unwrap();
            let mut scoring = Scoring::default();
            assert!(!scoring.due(1.0, true) && scoring.due(100.0, true));
            let heldout = Heldout::of(&prepared);
            let found = scoring.measure(&trainer, &recipe, &prepared, &heldout).unwrap();
            let value = |name: &str| found.values.iter().find(|v| v.0 == name).map(|v| v.1);
            for name in ["kid", "precision", "recall", "density", "coverage"] {
                let (low, v, high) = (
                    value(&format!("{name}.low")).unwrap(),
                    value(name).unwrap(),
                    value(&format!("{name}.high")).unwrap(),
                );
                assert!(low <= v && v <= high, "{name}");
            }
            let chosen = value(chosen_by).unwrap();
            assert_eq!(found.score.unwrap(), if id == "conv-vae" { -chosen } else { chosen });
            assert!(value("kid.low").unwrap() > 0.1, "an untrained model is far from the data");
            assert!(scoring.spent > 0.0);
        }
    }
}
