//! Painting on a picture, erasing from it, mending it: the latent follows.
//!
//! Colours that were painted are wanted, what was erased is free, the rest is to stay; the numbers go downhill until the
//! model's picture agrees as well as the model can. A photo with a hole is mended by the latent that explains what is
//! there; a noisy one by a latent that must also be typical.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::invert::{self, LossNetworks};
use super::latent_forward::{Conditioning, LatentSpace};
use super::latent_optimizer::{Descent, beside, rate};
use super::model::LoadedModel;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Progress, Result};
use crate::nn::per_picture;
use crate::recipe::picture::Latent;
use crate::train::tensors;

/// Learning rate, in standard deviations a step.
const RATE: f64 = 0.05;
/// Fresh tries for what was erased.
const TRIES: usize = 6;
/// How far a fresh try strays at first, in standard deviations.
const STRAY: f32 = 0.8;

/// What is to change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EditConfig {
    /// Colours as they are wanted, RGBA, row by row, of the model's size; alpha says how much. Empty for none.
    pub paint: Vec<u8>,
    /// Erased pixels, one byte each (0: not). Empty for none.
    pub erased: Vec<u8>,
    /// How strongly the rest stays, next to the paint.
    pub keep: f64,
    /// How strongly the numbers stay typical.
    pub typical: f64,
    /// Steps.
    pub steps: u32,
    /// Seed of the tries for what was erased.
    pub seed: u64,
}

impl Default for EditConfig {
    fn default() -> Self {
        Self { paint: Vec::new(), erased: Vec::new(), keep: 0.5, typical: 2e-3, steps: 120, seed: 1 }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Painted {
    /// The picture before.
    pub before: Picture,
    /// The picture now.
    pub picture: Picture,
    /// Its latent.
    pub latent: Latent,
}

/// A mended picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Mended {
    /// The picture as the model saw it.
    pub input: Picture,
    /// With its hole filled by the model, and the rest as it was; for a noisy picture the model's own.
    pub picture: Picture,
    /// The model's own picture.
    pub model: Picture,
    /// Its latent.
    pub latent: Latent,
}

/// Whether these are weights.
fn sound(of: &str, weights: &[f64]) -> Result<()> {
    if weights.iter().all(|w| w.is_finite() && *w >= 0.0) {
        return Ok(());
    }
    Err(Problem::usage("A weight is a number from 0 up").of(format!("{of}: {weights:?}")))
}

impl LoadedModel {
    /// Paints on, or erases from, the picture of a latent. `watch` is shown the way.
    ///
    /// # Errors
    /// Paint or mask do not have the size of the picture, there is none, or it was cancelled.
    pub fn paint(
        &self,
        latent: &Latent,
        truncation: f32,
        wish: &EditConfig,
        watch: &mut dyn FnMut(u32, Picture),
        progress: &dyn Progress,
    ) -> Result<Painted> {
        let resolution = self.shape().resolution;
        let [_, h, w] = self.shape().planes();
        let fits = |bytes: &[u8], each: usize| bytes.is_empty() || bytes.len() == resolution.pixels() * each;
        if !fits(&wish.paint, 4) || !fits(&wish.erased, 1) {
            return Err(Problem::usage("What was painted does not have the size of the picture"));
        }
        let painted: Vec<f32> = (0..resolution.pixels())
            .map(|i| wish.paint.get(4 * i + 3).map_or(0.0, |a| f32::from(*a) / 255.0))
            .collect();
        let erased: Vec<f32> =
            (0..resolution.pixels()).map(|i| wish.erased.get(i).map_or(0.0, |e| f32::from(u8::from(*e > 0)))).collect();
        if !painted.iter().chain(&erased).any(|v| *v > 0.0) {
            return Err(Problem::usage("Nothing was painted or erased"));
        }
        sound("painting", &[wish.keep, wish.typical])?;
        let (rows, freedom, held) = self.free(latent, truncation)?;
        let before_latent = self.latent_of(rows.clone(), freedom, &held);
        let before = self.generate(std::slice::from_ref(&before_latent), 1.0)?.remove(0);
        let only_erased = painted.iter().all(|v| *v == 0.0);
        let starts = if only_erased { self.strayed(&rows, wish.seed) } else { vec![rows] };
        let n = starts.len();
        // Wanted colours where there is paint, the old ones elsewhere.
        let shape = self.shape();
        let paint = Picture { width: resolution.width, height: resolution.height, rgba: fill(&before, &wish.paint) };
        let wanted = tensors::pictures(&paint.to_interleaved(shape.channels), 1, shape, &self.device);
        let (strokes, rest): (f32, f32) =
            (painted.iter().sum(), (0..resolution.pixels()).map(|i| (1.0 - painted[i]) * (1.0 - erased[i])).sum());
        let weight = |i: usize| {
            let stroke = painted[i] / strokes.max(1.0);
            let stay = (1.0 - painted[i]) * (1.0 - erased[i]) / rest.max(1.0);
            stroke + stay * if only_erased { 1.0 } else { wish.keep as f32 }
        };
        let weights: Vec<f32> = (0..resolution.pixels()).map(weight).collect();
        let weights = Tensor::<4>::from_data(TensorData::new(weights, [1, 1, h, w]), &self.device);
        let mut descent = Descent::new(self, freedom, &starts, vec![held.clone(); n])?;
        for step in 0..wish.steps {
            progress.report("Following the brush", u64::from(step), u64::from(wish.steps));
            progress.cancel().check()?;
            let numbers = descent.numbers();
            let y = descent.pictures(numbers.clone(), &mut |_, x| x);
            if step.is_multiple_of(10) {
                watch(step, tensors::to_pictures(y.clone().inner(), shape).remove(0));
            }
            let error = ((beside(y, &wanted) - wanted.clone()).square() * weights.clone()).mean_dim(1);
            let loss = per_picture(error).sum_dim(1).sum() + numbers.square().mean_dim(1).sum() * wish.typical;
            descent.step(loss, rate(RATE, f64::from(step) / f64::from(wish.steps.max(1))));
        }
        progress.report("Following the brush", u64::from(wish.steps), u64::from(wish.steps));
        let latents: Vec<Latent> = descent.rows().into_iter().map(|row| self.latent_of(row, freedom, &held)).collect();
        let pictures = self.generate(&latents, 1.0)?;
        let best = if only_erased { boldest(&before, &pictures, &erased) } else { 0 };
        watch(wish.steps, pictures[best].clone());
        Ok(Painted { before, picture: pictures[best].clone(), latent: latents[best].clone() })
    }

    /// A picture as the model sees it: prepared as its training pictures were.
    pub fn seen(&self, picture: &Picture) -> Picture {
        self.taken_in(std::slice::from_ref(picture)).1.remove(0)
    }

    /// A latent with all the freedom it can have: its row, and what it holds.
    fn free(&self, latent: &Latent, truncation: f32) -> Result<(Vec<f32>, LatentSpace, Conditioning)> {
        let (row, freedom, held) = self.as_drawn(latent, truncation)?;
        if self.layers() == 0 || freedom == LatentSpace::WPlus {
            return Ok((row, freedom, held));
        }
        let own = self.latent_of(row, freedom, &held);
        Ok((self.rows_of(&[own], LatentSpace::WPlus)?.concat(), LatentSpace::WPlus, held))
    }

    /// Rows around one, each its own way.
    fn strayed(&self, row: &[f32], seed: u64) -> Vec<Vec<f32>> {
        let dim = self.latent();
        let scale = if row.len() > dim { self.spread(LatentSpace::W).map_or(1.0, |s| s.1) } else { 1.0 };
        let mut stream = Stream::new(seed, "strayed");
        (0..TRIES)
            .map(|_| {
                let noise = stream.normals(dim);
                row.iter().enumerate().map(|(i, v)| v + STRAY * scale * noise[i % dim]).collect()
            })
            .collect()
    }

    /// Fills a hole of a picture (`hole`: one byte a pixel of the model's size, 0 where the picture is known), or
    /// without one takes its noise away. `typical` says how much the model is believed more than the picture.
    ///
    /// # Errors
    /// The hole does not have the size of the picture, or is all of it; or it was cancelled.
    pub fn mend(
        &self,
        picture: &Picture,
        hole: Option<&[u8]>,
        typical: f64,
        steps: u32,
        encoder: Option<&Encoder>,
        progress: &dyn Progress,
    ) -> Result<Mended> {
        let resolution = self.shape().resolution;
        let [_, h, w] = self.shape().planes();
        let (_, mut inputs) = self.taken_in(std::slice::from_ref(picture));
        let input = inputs.remove(0);
        let known: Option<Vec<f32>> = hole.map(|h| h.iter().map(|v| f32::from(u8::from(*v == 0))).collect());
        if known.as_ref().is_some_and(|k| k.len() != resolution.pixels() || k.iter().all(|v| *v == 0.0)) {
            return Err(Problem::usage("The hole does not fit the picture").try_this("Leave some of it"));
        }
        // The first guess sees the hole in the mean colour of the rest.
        let patched = match &known {
            Some(known) => patched(&input, known),
            None => input.clone(),
        };
        let guess = invert::InvertConfig { steps: 0, starts: 1, freedom: None, ..invert::InvertConfig::default() };
        let found =
            self.invert(&[patched], &guess, encoder, &LossNetworks::default(), &mut |_| {}, progress)?.remove(0);
        let (row, freedom, held) = self.free(&found.latent, 1.0)?;
        let x = tensors::pictures(&input.to_interleaved(self.shape().channels), 1, self.shape(), &self.device);
        let weights = known.clone().unwrap_or_else(|| vec![1.0; resolution.pixels()]);
        let total: f32 = weights.iter().sum();
        let weights: Vec<f32> = weights.into_iter().map(|w| w / total).collect();
        let weights = Tensor::<4>::from_data(TensorData::new(weights, [1, 1, h, w]), &self.device);
        let mut descent = Descent::new(self, freedom, &[row], vec![held.clone()])?;
        for step in 0..steps {
            progress.report("Repairing", u64::from(step), u64::from(steps));
            progress.cancel().check()?;
            let numbers = descent.numbers();
            let y = descent.pictures(numbers.clone(), &mut |_, x| x);
            let error =
                per_picture(((beside(y, &x) - x.clone()).square() * weights.clone()).mean_dim(1)).sum_dim(1).sum();
            let loss = error + numbers.square().mean() * typical;
            descent.step(loss, rate(RATE, f64::from(step) / f64::from(steps.max(1))));
        }
        progress.report("Repairing", u64::from(steps), u64::from(steps));
        let latent = self.latent_of(descent.rows().remove(0), freedom, &held);
        let model = self.generate(std::slice::from_ref(&latent), 1.0)?.remove(0);
        let picture = match &known {
            Some(known) => joined(&input, &model, known),
            None => model.clone(),
        };
        Ok(Mended { input, picture, model, latent })
    }
}

/// The colours painted, and those of the picture where nothing was.
fn fill(picture: &Picture, paint: &[u8]) -> Vec<u8> {
    if paint.is_empty() {
        return picture.rgba.clone();
    }
    let pixel = |(old, new): (&[u8], &[u8])| {
        if new[3] > 0 { [new[0], new[1], new[2], 255] } else { [old[0], old[1], old[2], old[3]] }
    };
    picture.rgba.chunks_exact(4).zip(paint.chunks_exact(4)).flat_map(pixel).collect()
}

/// Of tries that leave the rest about as it was, the one that changed most where it was erased.
fn boldest(before: &Picture, tries: &[Picture], erased: &[f32]) -> usize {
    let change = |p: &Picture, inside: bool| -> f64 {
        let (mut sum, mut count) = (0.0, 1e-9);
        for (i, (a, b)) in before.rgba.chunks_exact(4).zip(p.rgba.chunks_exact(4)).enumerate() {
            if (erased[i] > 0.0) == inside {
                sum += (0..3).map(|c| (f64::from(a[c]) - f64::from(b[c])).powi(2)).sum::<f64>() / 3.0;
                count += 1.0;
            }
        }
        (sum / count).sqrt()
    };
    let outside: Vec<f64> = tries.iter().map(|p| change(p, false)).collect();
    let least = outside.iter().copied().fold(f64::INFINITY, f64::min);
    let fair = (0..tries.len()).filter(|&i| outside[i] <= 1.5 * least + 2.0);
    fair.max_by(|a, b| change(&tries[*a], true).total_cmp(&change(&tries[*b], true))).unwrap_or(0)
}

/// The picture with its unknown part in the mean colour of the known one.
fn patched(p: &Picture, known: &[f32]) -> Picture {
    let total: f32 = known.iter().sum();
    let mean = |c: usize| {
        let sum: f32 = p.rgba.chunks_exact(4).zip(known).map(|(q, k)| f32::from(q[c]) * k).sum();
        (sum / total.max(1.0)).round() as u8
    };
    let colour = [mean(0), mean(1), mean(2), mean(3)];
    let pixel = |(q, k): (&[u8], &f32)| if *k > 0.0 { [q[0], q[1], q[2], q[3]] } else { colour };
    Picture { rgba: p.rgba.chunks_exact(4).zip(known).flat_map(pixel).collect(), ..p.clone() }
}

/// The known part of one picture, the rest of another.
fn joined(a: &Picture, b: &Picture, known: &[f32]) -> Picture {
    let pixel = |((p, q), k): ((&[u8], &[u8]), &f32)| {
        let from = if *k > 0.0 { p } else { q };
        [from[0], from[1], from[2], from[3]]
    };
    Picture {
        rgba: a.rgba.chunks_exact(4).zip(b.rgba.chunks_exact(4)).zip(known).flat_map(pixel).collect(),
        ..a.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::paths::Paths;
    use crate::base::progress::Quiet;
    use crate::latent::testing::fresh;

    fn error(a: &Picture, b: &Picture, of: impl Fn(usize) -> bool) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        for (i, (p, q)) in a.rgba.chunks(4).zip(b.rgba.chunks(4)).enumerate() {
            if of(i) {
                sum += (0..3).map(|c| (f64::from(p[c]) - f64::from(q[c])).powi(2)).sum::<f64>();
                n += 3.0;
            }
        }
        (sum / n).sqrt()
    }

    #[test]
    fn paint_pulls_the_picture_and_the_rest_stays() {
        let model = fresh("style-gan", 16, 8);
        let latent = Latent::Seed { seed: 1 };
        // Paint with what another latent would show in the left half.
        let other = model.generate(&[Latent::Seed { seed: 2 }], 1.0).unwrap().remove(0);
        let left = |i: usize| i % 16 < 6;
        let mut wish = EditConfig { keep: 0.3, ..EditConfig::default() };
        for (i, p) in other.rgba.chunks(4).enumerate() {
            wish.paint.extend([p[0], p[1], p[2], if left(i) { 255 } else { 0 }]);
        }
        let mut shown = 0;
        let painted = model.paint(&latent, 1.0, &wish, &mut |_, _| shown += 1, &Quiet::default()).unwrap();
        let (was, is) = (error(&painted.before, &other, left), error(&painted.picture, &other, left));
        assert!(is < 0.5 * was, "{was} {is}");
        assert!(shown > 5);
        let strong = EditConfig { keep: 30.0, ..wish.clone() };
        let kept = model.paint(&latent, 1.0, &strong, &mut |_, _| {}, &Quiet::default()).unwrap();
        let rest = |p: &Painted| error(&p.before, &p.picture, |i| !left(i));
        assert!(rest(&kept) < rest(&painted), "{} {}", rest(&kept), rest(&painted));
        assert!(model.paint(&latent, 1.0, &EditConfig::default(), &mut |_, _| {}, &Quiet::default()).is_err());
    }

    #[test]
    fn what_is_erased_becomes_something_else_and_the_rest_stays() {
        let model = fresh("style-gan", 16, 8);
        let inside = |i: usize| i % 16 > 7 && i / 16 > 7;
        let erased = (0..256).map(|i| u8::from(inside(i))).collect();
        let wish = EditConfig { erased, ..EditConfig::default() };
        let done = model.paint(&Latent::Seed { seed: 1 }, 1.0, &wish, &mut |_, _| {}, &Quiet::default()).unwrap();
        let (there, elsewhere) =
            (error(&done.before, &done.picture, inside), error(&done.before, &done.picture, |i| !inside(i)));
        assert!(there > elsewhere, "{there} {elsewhere}");
    }

    #[test]
    fn holes_are_filled_by_what_fits_and_noise_is_taken_away() {
        let home = tempfile::tempdir().unwrap();
        let model = LoadedModel::open("fashion-vae", &Paths::under(home.path()), "cpu").unwrap();
        let clean = model.generate(&[Latent::Seed { seed: 3 }], 1.0).unwrap().remove(0);
        let gone = |i: usize| (8..18).contains(&(i % 28)) && (8..18).contains(&(i / 28));
        let mut holed = clean.clone();
        for (i, p) in holed.rgba.chunks_mut(4).enumerate() {
            if gone(i) {
                p[..3].copy_from_slice(&[128; 3]);
            }
        }
        let hole: Vec<u8> = (0..28 * 28).map(|i| u8::from(gone(i))).collect();
        let mended = model.mend(&holed, Some(&hole), 1e-3, 80, None, &Quiet::default()).unwrap();
        assert!(error(&mended.picture, &clean, gone) < 0.5 * error(&holed, &clean, gone));
        assert_eq!(error(&mended.picture, &clean, |i| !gone(i)), 0.0);

        let mut stream = Stream::new(1, "noise");
        let mut noisy = clean.clone();
        for p in noisy.rgba.chunks_mut(4) {
            let v = (f32::from(p[0]) + 40.0 * stream.normal()).clamp(0.0, 255.0) as u8;
            p[..3].copy_from_slice(&[v; 3]);
        }
        let mended = model.mend(&noisy, None, 1e-2, 40, None, &Quiet::default()).unwrap();
        let (was, is) = (error(&noisy, &clean, |_| true), error(&mended.picture, &clean, |_| true));
        assert!(is < 0.6 * was, "{was} {is}");
        assert!(model.mend(&noisy, Some(&[1; 28 * 28]), 1e-3, 4, None, &Quiet::default()).is_err());
    }
}
