//! The frames of a timeline for a model.

use super::{Frame, Timeline};
use crate::base::{Problem, Progress, Result};
use crate::latent::even_spacing::{self, PerceptualMetric};
use crate::latent::latent_forward::LatentSpace;
use crate::latent::model::LoadedModel;
use crate::recipe::picture::{Latent, Space};

/// Most frames of a film.
pub const MOST: usize = 200_000;

/// A timeline that fits its model, with the times of its frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    timeline: Timeline,
    dims: crate::latent::latent_math::Dims,
    spread: f32,
    /// When each frame is shown, in seconds of the timeline.
    pub times: Vec<f64>,
    /// Standard deviation of the visible steps over their mean, if the film is even.
    pub spread_of_steps: Option<f64>,
}

impl Script {
    /// Frames of the film.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// A frame.
    ///
    /// # Errors
    /// A direction belongs to another model.
    pub fn frame(&self, i: usize) -> Result<Frame> {
        self.at(self.times.get(i).copied().unwrap_or(0.0))
    }

    /// What is shown at a time of the timeline, in seconds.
    ///
    /// # Errors
    /// A direction belongs to another model.
    pub fn at(&self, time: f64) -> Result<Frame> {
        self.timeline.at(&self.dims, self.spread, time)
    }
}

impl LoadedModel {
    /// A timeline as a script at this many frames a second. `ruler` tells what is visible, for a film of even speed.
    ///
    /// # Errors
    /// The timeline is not one, does not fit the model, or it was cancelled.
    pub fn script(
        &self,
        timeline: &Timeline,
        fps: u32,
        ruler: &dyn PerceptualMetric,
        progress: &dyn Progress,
    ) -> Result<Script> {
        timeline.check()?;
        self.dims().check_all(timeline.keys.iter().map(|k| &k.latent))?;
        timeline.tracks.iter().try_for_each(|t| self.dims().check_direction(&t.direction))?;
        let mut timeline = timeline.clone();
        let styled = |l: &Latent| l.place().space == Space::W;
        let wants = timeline.keys.iter().any(|k| styled(&k.latent))
            || timeline.tracks.iter().any(|t| t.direction.space == Space::W);
        if wants {
            for key in timeline.keys.iter_mut().filter(|k| !styled(&k.latent)) {
                if let Some(style) = self.to_styles(std::slice::from_ref(&key.latent), false)?.pop() {
                    key.latent = style;
                }
            }
        }
        let spread = if wants { self.spread(LatentSpace::W)?.1 } else { 1.0 };
        let count = (timeline.seconds * f64::from(fps)).round().max(1.0) as usize;
        let count = if timeline.looped { count } else { count + usize::from(timeline.keys.len() > 1) };
        if count > MOST {
            return Err(Problem::usage("This film has too many frames").of(format!("{count}, {MOST} at most")));
        }
        let dims = self.dims();
        let steps = if timeline.looped { count } else { count.saturating_sub(1).max(1) };
        let mut times: Vec<f64> = (0..count).map(|i| timeline.seconds * i as f64 / steps as f64).collect();
        let mut spread_of_steps = None;
        if timeline.even {
            let way =
                |t: f64| timeline.at(&dims, spread, (t * timeline.seconds).min(timeline.seconds)).map(|f| f.latent);
            let paced = even_spacing::even(&way, count, timeline.looped, ruler, progress)?;
            times = paced.times.iter().map(|t| t * timeline.seconds).collect();
            spread_of_steps = Some(paced.spread);
        }
        let script = Script { timeline, dims, spread, times, spread_of_steps };
        // What does not fit is told now, not in the middle of the film.
        script.frame(0)?;
        Ok(script)
    }
}

#[cfg(test)]
mod tests {
    use super::super::curve::{Curve, Easing};
    use super::super::{Key, Track, Way};
    use super::*;
    use crate::base::progress::Quiet;
    use crate::latent::directions::Direction;
    use crate::latent::even_spacing::{Measure, Pixels, spread};
    use crate::latent::testing::fresh;

    #[test]
    fn an_even_film_changes_by_equal_steps_to_the_eye() {
        let model = fresh("dcgan", 16, 8);
        let key = |time: f64, seed: u64, easing| Key { time, latent: Latent::Seed { seed }, easing, way: None };
        let mut timeline = Timeline {
            keys: vec![key(0.0, 1, Easing::In), key(0.3, 2, Easing::Smooth), key(2.0, 3, Easing::Linear)],
            seconds: 3.0,
            looped: true,
            way: Way::Slerp,
            ..Timeline::default()
        };
        for (by, fps) in [(Measure::Pixels, 20), (Measure::Features, 8)] {
            let eye = model.eye(by, 1.0).unwrap();
            let steps = |script: &Script| -> f64 {
                let mut latents: Vec<Latent> = (0..script.len()).map(|i| script.frame(i).unwrap().latent).collect();
                latents.push(latents[0].clone());
                let looks = eye.look(&latents).unwrap();
                let size =
                    |p: &[Vec<f32>]| p[0].iter().zip(&p[1]).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
                spread(&looks.windows(2).map(size).collect::<Vec<_>>())
            };
            timeline.even = false;
            let plain = model.script(&timeline, fps, &eye, &Quiet::default()).unwrap();
            assert_eq!(plain.len(), 3 * fps as usize);
            assert!(steps(&plain) > 0.3, "{by}: {}", steps(&plain));
            timeline.even = true;
            let even = model.script(&timeline, fps, &eye, &Quiet::default()).unwrap();
            assert!(steps(&even) < 0.1, "{by}: {}", steps(&even));
            assert!((even.spread_of_steps.unwrap() - steps(&even)).abs() < 1e-3);
            if by == Measure::Pixels {
                // As films were timed before there was a choice.
                assert_eq!(even, model.script(&timeline, fps, &Pixels(&model), &Quiet::default()).unwrap());
            }
        }
    }

    #[test]
    fn keys_become_styles_where_a_track_moves_styles() {
        let model = fresh("style-gan", 8, 6);
        let direction =
            Direction { space: Space::W, values: vec![0.5; 6], layers: Some([0, 2]), ..Direction::default() };
        let timeline = Timeline {
            keys: vec![Key { time: 0.0, latent: Latent::Seed { seed: 1 }, easing: Easing::Linear, way: None }],
            tracks: vec![Track { direction, strength: Curve::of(&[(0.0, 1.0)]) }],
            seconds: 1.0,
            ..Timeline::default()
        };
        let script = model.script(&timeline, 10, &Pixels(&model), &Quiet::default()).unwrap();
        let style = model.to_styles(&[Latent::Seed { seed: 1 }], true).unwrap()[0].place().values;
        let got = script.frame(3).unwrap().latent.place().values;
        assert_eq!(got.len(), style.len());
        assert!((got[0] - style[0] - 0.5).abs() < 1e-5 && (got[2 * 6] - style[2 * 6]).abs() < 1e-6);
        let other = fresh("dcgan", 8, 6);
        assert!(other.script(&timeline, 10, &Pixels(&other), &Quiet::default()).is_err());
    }
}
