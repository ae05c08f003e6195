//! Directions by words: latents go downhill until their pictures fit a phrase better; what their ways have in common is the
//! direction.
//!
//! Each latent alone would find whatever fools the networks that look; the mean of many ways keeps what holds everywhere
//! (compare Patashnik et al. 2021, who learn one global direction from text).

use burn::tensor::Tensor;

use super::find::SEEDS;
use super::{Direction, Method, Move, learn};
use crate::base::linalg::rows::{Row, doubled, mean};
use crate::base::{Problem, Progress, Result};
use crate::eval::joint::{Comparison, JointSpace, SIDE};
use crate::latent::even_spacing::Pixels;
use crate::latent::latent_forward::{BATCH, LatentSpace};
use crate::latent::latent_optimizer::{Descent, rate};
use crate::latent::model::LoadedModel;
use crate::nn::resample::bilinear;
use crate::recipe::picture::{Latent, Space};

/// Latents that go.
const WALKERS: u64 = 32;
/// Steps of each.
const STEPS: usize = 20;
/// Highest learning rate, in standard deviations.
const RATE: f64 = 0.08;
/// What a standard deviation of distance from the start costs, in scores.
const NEAR: f64 = 0.02;
/// Other latents that the direction is tried on.
const TRIED: u64 = 32;
/// Standard deviations that they are moved by.
const REACH: f32 = 2.0;
/// A direction that raises the score of fewer of them is none.
const LEAST: f64 = 0.6;

/// What a phrase asks for: the thing, and whether there shall be more of it.
fn asked(phrase: &str) -> (&str, bool) {
    let phrase = phrase.trim();
    let after = |word: &str| {
        let head = phrase.get(..word.len()).filter(|h| h.eq_ignore_ascii_case(word));
        head.and(phrase.get(word.len()..)).filter(|rest| rest.starts_with(' ')).map(str::trim)
    };
    let less = ["less", "fewer", "no", "without"].iter().find_map(|word| after(word));
    less.map_or_else(|| (["more", "add", "with"].iter().find_map(|w| after(w)).unwrap_or(phrase), true), |t| (t, false))
}

impl LoadedModel {
    /// The direction along which this model's pictures fit a phrase better (`a smiling face`, `more red`, `less hair`), with
    /// how much else moves. Its score is the share of other pictures that fit better after it.
    ///
    /// # Errors
    /// The phrase is empty, the model's pictures are points, no direction is found, or it was cancelled.
    pub fn text_direction(&self, phrase: &str, joint: &JointSpace, progress: &dyn Progress) -> Result<Direction> {
        if self.shape().channels == crate::base::Channels::Points {
            return Err(Problem::usage("Words say nothing about points of a plane").of(self.info().name.clone()));
        }
        let (thing, more) = asked(phrase);
        let freedom = if self.layers() > 0 { LatentSpace::W } else { LatentSpace::Z };
        let latents: Vec<Latent> = (0..WALKERS).map(|i| Latent::Seed { seed: SEEDS + i }).collect();
        let seen = joint.seen(&self.generate(&latents, 1.0)?, progress)?;
        let by = joint.reliability(&seen)?.by;
        let wanted = joint.wanted(thing, by, progress)?;
        let sign = if more { 1.0 } else { -1.0 };
        let mut ways: Vec<Row> = Vec::with_capacity(latents.len());
        for group in latents.chunks(BATCH) {
            let rows = self.rows_of(group, freedom)?;
            let held = group.iter().map(|l| self.held(l)).collect();
            let mut descent = Descent::new(self, freedom, &rows, held)?;
            let start = descent.numbers().without_autodiff();
            for step in 0..STEPS {
                let done = ways.len() * STEPS + step * group.len();
                progress.report("Following the words", done as u64, WALKERS * STEPS as u64);
                progress.cancel().check()?;
                let numbers = descent.numbers();
                let pictures = descent.pictures(numbers.clone(), &mut |_, x| x);
                let fit = joint.vectors(joint.see(coloured(pictures)), by)? * wanted.clone();
                let far = (numbers - start.clone()).square().mean_dim(1).sum();
                descent.step(fit.sum() * -sign + far * NEAR, rate(RATE, step as f64 / STEPS as f64));
            }
            ways.extend(
                doubled(&descent.rows())
                    .into_iter()
                    .zip(doubled(&rows))
                    .map(|(end, start)| end.iter().zip(&start).map(|(e, s)| e - s).collect::<Row>()),
            );
        }
        let axis = mean(&ways);
        let samples = self.sampled(1000, freedom)?;
        let sigma = learn::along(&samples, &mean(&samples), &axis);
        let space = if freedom == LatentSpace::Z { Space::Z } else { Space::W };
        let none = || {
            Problem::data("This phrase moves the pictures of this model nowhere")
                .of(phrase)
                .try_this("Name something that some of its pictures show and others do not")
        };
        let found = Direction::scaled(phrase.trim(), Method::Words, space, &axis, sigma).ok_or_else(none)?;
        let share = self.raised(&found, joint, (&wanted, by, sign), progress)?;
        if share < LEAST {
            return Err(none().because(format!("{:.0} % of pictures fit it better after a step", share * 100.0)));
        }
        let entanglement = Some(self.entanglement(&found, &Pixels(self), None, progress)?);
        Ok(Direction { score: Some(share), samples: WALKERS as u32, entanglement, ..found })
    }

    /// Share of other pictures whose score a step along a direction raises.
    fn raised(
        &self,
        direction: &Direction,
        joint: &JointSpace,
        (wanted, by, sign): (&Tensor<2>, Comparison, f64),
        progress: &dyn Progress,
    ) -> Result<f64> {
        let before: Vec<Latent> = (0..TRIED).map(|i| Latent::Seed { seed: SEEDS + WALKERS + i }).collect();
        let step = [Move { direction: direction.clone(), strength: REACH }];
        let after = before.iter().map(|l| self.moved(l, &step)).collect::<Result<Vec<_>>>()?;
        let scores = |latents: &[Latent]| -> Result<Vec<f32>> {
            let seen = joint.seen(&self.generate(latents, 1.0)?, progress)?;
            joint.scores(&seen, by, wanted)
        };
        let (before, after) = (scores(&before)?, scores(&after)?);
        let better = before.iter().zip(&after).filter(|(b, a)| f64::from(**a - **b) * sign > 0.0).count();
        Ok(better as f64 / TRIED as f64)
    }
}

/// Pictures of a model as the network for photographs takes them. `[b, c, r, r] → [b, 3, s, s]`
fn coloured(pictures: Tensor<4>) -> Tensor<4> {
    let c = pictures.dims()[1];
    let x = pictures.clamp(-1.0, 1.0);
    let x = match c {
        1 => x.repeat_dim(1, 3),
        4 => {
            // Laid on white, as finished pictures are.
            let share = (x.clone().narrow(1, 3, 1) + 1.0) * 0.5;
            x.narrow(1, 0, 3) * share.clone() + (share.neg() + 1.0)
        }
        _ => x,
    };
    bilinear(x, [SIDE as usize; 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::paths::Paths;
    use crate::base::progress::Quiet;

    #[test]
    fn more_and_less_are_told_from_the_thing() {
        assert_eq!(asked("a smiling face"), ("a smiling face", true));
        assert_eq!(asked(" More  red glasses"), ("red glasses", true));
        assert_eq!(asked("less hair"), ("hair", false));
        assert_eq!(asked("moreover"), ("moreover", true));
        assert_eq!(asked("no"), ("no", true));
    }

    #[test]
    fn a_phrase_that_a_model_knows_raises_its_score_and_an_opposite_one_goes_back() {
        let home = tempfile::tempdir().unwrap();
        let model = LoadedModel::open("nouns-gan", &Paths::under(home.path()), "cpu").unwrap();
        let joint = JointSpace::shipped(&model.device).unwrap();
        let found = |phrase: &str| model.text_direction(phrase, &joint, &Quiet::default()).unwrap();
        let (more, less) = (found("more red glasses"), found("less red glasses"));
        assert!(more.score.unwrap() >= 0.7 && less.score.unwrap() >= 0.6, "{:?} {:?}", more.score, less.score);
        assert!(more.entanglement.as_ref().unwrap().change > 0.0);
        assert!(more.cosine(&less) < 0.0, "{}", more.cosine(&less));
        assert!(model.text_direction(" ", &joint, &Quiet::default()).unwrap_err().what.contains("empty"));
    }
}
