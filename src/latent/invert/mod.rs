//! Pictures into latents: the latent whose picture is most like a given one.
//!
//! An encoder makes the first guess, other guesses come from the nearest of some random pictures; then the numbers go
//! downhill in Z, W or W+ (Abdal 2019; Karras 2020) by pixels, by what the critic and the studio's own features see, and
//! by how typical they are. [`tune`] then brings the generator itself closer to the picture (Roich 2021).

mod files;
pub mod tune;

use burn::tensor::Tensor;
pub use files::{all_of, picture_files, readable};
use serde::{Deserialize, Serialize};

use super::encoder::{Encoder, psnr};
use super::latent_forward::{Conditioning, LatentSpace, host};
use super::latent_optimizer::{Descent, beside, rate};
use super::model::{LoadedModel, Net};
use crate::base::rng::Stream;
use crate::base::{Family, Picture, Problem, Progress, Result};
use crate::data::prepare_picture;
use crate::eval::features::{Extractor, FeatureSpace};
use crate::eval::perceptual;
use crate::models::{Critic, photo_net};
use crate::nn::per_picture;
use crate::recipe::picture::Latent;
use crate::train::tensors;

/// Random pictures among which starts are looked for.
const POOL: u64 = 128;
/// Pictures inverted at once.
pub const TOGETHER: usize = 8;
/// Share of the steps that all starts take, before the best goes on alone.
const TOURNAMENT: f64 = 0.3;
/// Learning rate in standard deviations a step.
const RATE: f64 = 0.08;
/// Weight of how typical the numbers are; it fades.
const TYPICAL: f64 = 2e-3;
/// Share of the steps over which the studio's features fade: they lead to the right thing, pixels to its likeness.
const LOOKED: f64 = 0.5;
/// Standard deviation of the noise on styles at first, so that they do not settle early.
const RESTLESS: f64 = 0.05;

/// How pictures shall be inverted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InvertConfig {
    /// What may move; not given: styles of each layer where a model has styles, else the latent.
    pub freedom: Option<LatentSpace>,
    /// Steps downhill; 0 for the first guess alone.
    pub steps: u32,
    /// First guesses.
    pub starts: u32,
    /// Weight of the critic's features, where the critic is there.
    pub critic: f64,
    /// Weight of what a feature network sees.
    pub features: f64,
    /// Which feature network that is.
    pub feature_space: FeatureSpace,
    /// Steps between pictures of the way.
    pub show: u32,
}

impl Default for InvertConfig {
    fn default() -> Self {
        Self {
            freedom: None,
            steps: 500,
            starts: 4,
            critic: 0.05,
            features: 0.05,
            feature_space: FeatureSpace::Studio,
            show: 20,
        }
    }
}

/// A picture with its latent.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The picture as the model would have seen it.
    pub input: Picture,
    /// Its latent.
    pub latent: Latent,
    /// What the model makes of it.
    pub picture: Picture,
    /// How alike the two are, in dB.
    pub psnr: f64,
    /// The encoder's own guess, with how alike its picture is.
    pub guess: Option<(Latent, f64)>,
    /// Whether the picture lies outside of what the model knows: after all steps its picture is less like it than the
    /// encoder's first guess is for 99 of 100 pictures of the model. Not known without an encoder.
    pub outside: Option<bool>,
}

/// A look at the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which of the pictures.
    pub index: usize,
    /// Steps taken.
    pub step: u32,
    /// What it looks like now.
    pub picture: Picture,
    /// How alike it is, in dB.
    pub psnr: f64,
}

/// What else judges likeness besides pixels.
#[derive(Default)]
pub struct LossNetworks {
    /// The critic that the generator was trained against.
    pub critic: Option<Critic>,
    /// The feature network.
    pub eyes: Option<Extractor>,
}

impl LoadedModel {
    /// What else judges likeness, as far as it is wished for and there.
    ///
    /// # Errors
    /// The training state is damaged.
    pub fn judges(&self, wish: &InvertConfig, paths: &crate::base::paths::Paths) -> Result<LossNetworks> {
        let critic = if wish.critic > 0.0 { self.critic(paths)? } else { None };
        let eyes = if wish.features > 0.0 && wish.steps > 0 {
            Some(Extractor::of_space(wish.feature_space, &self.device)?)
        } else {
            None
        };
        Ok(LossNetworks { critic, eyes })
    }

    /// The critic of a model whose whole training state is kept.
    ///
    /// # Errors
    /// The state is damaged, or the network that the critic looks through is missing or another.
    pub fn critic(&self, paths: &crate::base::paths::Paths) -> Result<Option<Critic>> {
        use burn::module::Module as _;
        if self.info.family != Family::Gan {
            return Ok(None);
        }
        let Some(full) = super::catalog::resolve(&self.info.model, paths)?.read_full()? else { return Ok(None) };
        if self.info.recipe.looks_through_photos() {
            photo_net::same_as(&self.info.recipe.model.features)?;
        }
        let critic = Critic::blank(&self.info.recipe, &self.device)?;
        Ok(Some(full.under("critic.").load(critic)?.valid()))
    }

    /// Pictures prepared as the training pictures were, in −1…1. `[n, c, r, r]`
    pub(super) fn taken_in(&self, pictures: &[Picture]) -> (Tensor<4>, Vec<Picture>) {
        let shape = self.shape();
        let mut bytes = Vec::with_capacity(pictures.len() * shape.bytes());
        let mut inputs = Vec::with_capacity(pictures.len());
        for picture in pictures {
            let own = prepare_picture(picture, &self.info.recipe.data).to_interleaved(shape.channels);
            inputs.push(shape.picture(&own));
            bytes.extend(own);
        }
        (tensors::pictures(&bytes, pictures.len(), shape, &self.device), inputs)
    }

    /// How alike two pictures of the model's shape are, in dB, over the channels it has.
    pub fn likeness(&self, a: &Picture, b: &Picture) -> f64 {
        let channels = self.shape().channels;
        let (a, b) = (a.to_interleaved(channels), b.to_interleaved(channels));
        let sum: f64 = a.iter().zip(&b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
        // Bytes span 255, as −1…1 spans 2.
        psnr(sum / a.len().max(1) as f64 * 4.0 / (255.0 * 255.0))
    }

    /// Finds latents of pictures. `watch` is shown the way.
    ///
    /// # Errors
    /// The model has no such space, or it was cancelled.
    pub fn invert(
        &self,
        pictures: &[Picture],
        wish: &InvertConfig,
        encoder: Option<&Encoder>,
        judges: &LossNetworks,
        watch: &mut dyn FnMut(Step),
        progress: &dyn Progress,
    ) -> Result<Vec<Found>> {
        let freedom = wish.freedom.unwrap_or(if self.layers() > 0 { LatentSpace::WPlus } else { LatentSpace::Z });
        self.allows(freedom)?;
        let mut out = Vec::with_capacity(pictures.len());
        for (i, group) in pictures.chunks(TOGETHER).enumerate() {
            let (x, inputs) = self.taken_in(group);
            let of = Of { model: self, freedom, wish, encoder, judges, first: i * TOGETHER, all: pictures.len() };
            out.extend(of.invert(x, inputs, watch, progress)?);
        }
        Ok(out)
    }
}

/// What one group of pictures is inverted with.
struct Of<'a> {
    model: &'a LoadedModel,
    freedom: LatentSpace,
    wish: &'a InvertConfig,
    encoder: Option<&'a Encoder>,
    judges: &'a LossNetworks,
    first: usize,
    all: usize,
}

/// A place to begin from.
struct Start {
    row: Vec<f32>,
    held: Conditioning,
}

impl Of<'_> {
    fn invert(
        &self,
        x: Tensor<4>,
        inputs: Vec<Picture>,
        watch: &mut dyn FnMut(Step),
        progress: &dyn Progress,
    ) -> Result<Vec<Found>> {
        let n = inputs.len();
        let guesses = self.guesses(&x)?;
        let starts = self.starts(&x, guesses.as_deref())?;
        let (rows, held): (Vec<Vec<f32>>, Vec<Conditioning>) = if self.wish.steps == 0 {
            starts.into_iter().filter_map(|of_one| of_one.into_iter().next()).map(|s| (s.row, s.held)).unzip()
        } else {
            self.descend(x, starts, watch, progress)?
        };
        let latent = |(row, held): (Vec<f32>, &Conditioning)| self.model.latent_of(row, self.freedom, held);
        let latents: Vec<Latent> = rows.into_iter().zip(&held).map(latent).collect();
        let pictures = self.model.generate(&latents, 1.0)?;
        let guess_pictures = match &guesses {
            Some(g) => self.model.generate(&g.iter().map(|t| t.0.clone()).collect::<Vec<_>>(), 1.0)?,
            None => Vec::new(),
        };
        let mut out = Vec::with_capacity(n);
        for (i, ((input, latent), picture)) in inputs.into_iter().zip(latents).zip(pictures).enumerate() {
            let psnr = self.model.likeness(&input, &picture);
            let guess = guesses
                .as_ref()
                .zip(guess_pictures.get(i))
                .map(|(g, made)| (g[i].0.clone(), self.model.likeness(&input, made)));
            let outside = self.encoder.map(|e| psnr < e.info().low);
            out.push(Found { input, latent, picture, psnr, guess, outside });
        }
        Ok(out)
    }

    /// What an encoder says at once: latents with their rows in this freedom, if it can say them.
    #[allow(clippy::type_complexity)]
    fn guesses(&self, x: &Tensor<4>) -> Result<Option<Vec<(Latent, Option<Start>)>>> {
        let model = self.model;
        if let Net::Vae(vae) = &model.net {
            let means = host(vae.encode(x.clone(), None).0);
            let of = |row: Vec<f32>| {
                let held = Conditioning::default();
                (model.latent_of(row.clone(), LatentSpace::Z, &held), Some(Start { row, held }))
            };
            return Ok(Some(means.into_iter().map(of).collect()));
        }
        let Some(encoder) = self.encoder else { return Ok(None) };
        let told = encoder.tell(model, x.clone());
        let own = encoder.info().freedom;
        let of = |t: super::encoder::Told| {
            let row = match (own, self.freedom) {
                (a, b) if a == b => Some(t.row),
                (LatentSpace::W, LatentSpace::WPlus) => Some(t.row.repeat(model.layers())),
                _ => None,
            };
            (t.latent, row.map(|row| Start { row, held: t.held }))
        };
        Ok(Some(told.into_iter().map(of).collect()))
    }

    /// Places to begin from, the most promising first, for each picture.
    fn starts(&self, x: &Tensor<4>, guesses: Option<&[(Latent, Option<Start>)]>) -> Result<Vec<Vec<Start>>> {
        let [n, ..] = x.dims();
        let wanted = self.wish.starts.max(1) as usize;
        let mut out: Vec<Vec<Start>> = (0..n)
            .map(|i| {
                let guess = guesses.and_then(|g| g[i].1.as_ref());
                guess.map(|s| Start { row: s.row.clone(), held: s.held.clone() }).into_iter().collect()
            })
            .collect();
        // A VAE's posterior is where to look; nothing is gained elsewhere.
        let enough = if matches!(self.model.net, Net::Vae(_)) { 1 } else { wanted };
        if out.iter().all(|o| o.len() >= enough) {
            return Ok(out);
        }
        let pool: Vec<Latent> = (0..POOL).map(|seed| Latent::Seed { seed }).collect();
        let looks = self.model.pixels(&pool, 1.0)?;
        let rows = self.model.rows_of(&pool, self.freedom)?;
        for (own, wanted_look) in out.iter_mut().zip(host(per_picture(x.clone()))) {
            let far = |look: &Vec<f32>| look.iter().zip(&wanted_look).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
            let mut order: Vec<(f32, usize)> = looks.iter().map(far).zip(0..).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (_, i) in order.into_iter().take(enough - own.len()) {
                own.push(Start { row: rows[i].clone(), held: self.model.held(&pool[i]) });
            }
        }
        Ok(out)
    }

    /// Goes downhill from all starts, then from the best of each picture.
    fn descend(
        &self,
        x: Tensor<4>,
        starts: Vec<Vec<Start>>,
        watch: &mut dyn FnMut(Step),
        progress: &dyn Progress,
    ) -> Result<(Vec<Vec<f32>>, Vec<Conditioning>)> {
        let n = starts.len();
        let steps = self.wish.steps;
        let tournament = if starts.iter().any(|s| s.len() > 1) { (f64::from(steps) * TOURNAMENT) as u32 } else { 0 };
        // Which picture each row is for.
        let mut owner: Vec<usize> = starts.iter().enumerate().flat_map(|(i, s)| vec![i; s.len()]).collect();
        let (rows, held): (Vec<_>, Vec<_>) = starts.into_iter().flatten().map(|s| (s.row, s.held)).unzip();
        let mut descent = Descent::new(self.model, self.freedom, &rows, held)?;
        let mut target = self.target(&x, &owner);
        let mut best: Vec<(f32, Vec<f32>, Conditioning)> =
            vec![(f32::INFINITY, Vec::new(), Conditioning::default()); n];
        let mut restless = Stream::new(0, "restless");
        for step in 0..=steps {
            let done = self.first as u64 * u64::from(steps) + u64::from(step) * n as u64;
            progress.report("Looking for latents", done, self.all as u64 * u64::from(steps));
            progress.cancel().check()?;
            let t = f64::from(step) / f64::from(steps.max(1));
            let numbers = descent.numbers();
            let y = descent.pictures(self.shaken(numbers.clone(), t, &mut restless), &mut |_, x| x);
            let errors = per_picture((beside(y.clone(), &target.pixels) - target.pixels.clone()).square()).mean_dim(1);
            let seen = y.clone().inner().clamp(-1.0, 1.0) - target.pixels.clone();
            let read: Vec<f32> = host(per_picture(seen.square()).mean_dim(1)).into_iter().flatten().collect();
            let rows = descent.rows();
            for (i, error) in read.iter().enumerate() {
                let slot = &mut best[owner[i]];
                if *error < slot.0 {
                    *slot = (*error, rows[i].clone(), descent.held()[i].clone());
                }
            }
            if step.is_multiple_of(self.wish.show.max(1)) || step == steps {
                self.show(step, &y, &read, &owner, watch);
            }
            if step == steps {
                break;
            }
            let mut loss = errors.sum() + (numbers.square().mean_dim(1).sum() * (TYPICAL * (1.0 - t).powi(2)));
            if let Some(eyes) = self.judges.eyes.as_ref().filter(|_| self.wish.features > 0.0 && t < LOOKED) {
                let far = perceptual::loss(eyes, y.clone(), target.pixels.clone()).sum();
                loss = loss + far * (self.wish.features * (1.0 - t / LOOKED));
            }
            if let Some(wanted) = &target.critic
                && let Some(critic) = &self.judges.critic
            {
                let seen = critic.features(y, None).0;
                loss =
                    loss + (seen - wanted.clone()).square().mean_dim(1).sum() * (self.wish.critic / target.critic_size);
            }
            descent.step(loss, rate(RATE, t));
            if step + 1 == tournament && owner.len() > n {
                let places: Vec<usize> = (0..n)
                    .map(|p| {
                        let of = (0..owner.len()).filter(|&i| owner[i] == p);
                        of.min_by(|a, b| read[*a].total_cmp(&read[*b])).unwrap_or(0)
                    })
                    .collect();
                descent = descent.choose(&places)?;
                owner = (0..n).collect();
                target = self.target(&x, &owner);
            }
        }
        if best.iter().any(|b| b.1.is_empty()) {
            return Err(Problem::failed("The model makes no finite pictures").of(self.model.info().name.clone()));
        }
        Ok(best.into_iter().map(|b| (b.1, b.2)).unzip())
    }

    /// What rows of these owners are to become.
    fn target(&self, x: &Tensor<4>, owner: &[usize]) -> Target {
        let pixels = Tensor::cat(owner.iter().map(|&i| x.clone().narrow(0, i, 1)).collect(), 0);
        let critic = self.judges.critic.as_ref().filter(|_| self.wish.critic > 0.0);
        let critic = critic.map(|c| c.features(pixels.clone(), None).0);
        let size = critic.as_ref().map_or(1.0, |f| f64::from(f.clone().square().mean().into_scalar::<f32>()));
        Target { pixels, critic, critic_size: size.max(1e-9) }
    }

    /// Styles are kept from settling early by noise that fades.
    fn shaken(&self, numbers: Tensor<2>, t: f64, stream: &mut Stream) -> Tensor<2> {
        let size = RESTLESS * (1.0 - t / 0.3).max(0.0).powi(2);
        if self.freedom == LatentSpace::Z || size <= 0.0 {
            return numbers;
        }
        let [b, n] = numbers.dims();
        let noise = tensors::matrix(stream.normals(b * n), b, n, &self.model.device);
        numbers + noise * size
    }

    fn show(&self, step: u32, y: &Tensor<4>, errors: &[f32], owner: &[usize], watch: &mut dyn FnMut(Step)) {
        let made = tensors::to_pictures(y.clone().inner(), self.model.shape());
        let pictures = owner.iter().max().map_or(0, |m| m + 1);
        for p in 0..pictures {
            let best = (0..owner.len()).filter(|&i| owner[i] == p).min_by(|a, b| errors[*a].total_cmp(&errors[*b]));
            if let Some((i, picture)) = best.and_then(|i| Some((i, made.get(i)?.clone()))) {
                watch(Step { index: self.first + p, step, picture, psnr: psnr(f64::from(errors[i])) });
            }
        }
    }
}

struct Target {
    pixels: Tensor<4>,
    critic: Option<Tensor<2>>,
    critic_size: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    fn own(model: &LoadedModel, seed: u64) -> (Latent, Picture) {
        let latent = Latent::Seed { seed };
        let picture = model.generate(std::slice::from_ref(&latent), 1.0).unwrap().remove(0);
        (latent, picture)
    }

    #[test]
    fn a_models_own_pictures_are_found_again() {
        // Pictures of fresh weights are all grey: a model that learned.
        let home = tempfile::tempdir().unwrap();
        let paths = crate::base::paths::Paths::under(home.path());
        let model = LoadedModel::open("emoji-faces-gan", &paths, "cpu").unwrap();
        let (a, b) = (own(&model, 1001).1, own(&model, 1002).1);
        let wish = InvertConfig { steps: 60, starts: 2, show: 30, ..InvertConfig::default() };
        let mut seen = Vec::new();
        let found = model
            .invert(&[a, b], &wish, None, &LossNetworks::default(), &mut |s| seen.push(s), &Quiet::default())
            .unwrap();
        for (i, f) in found.iter().enumerate() {
            assert!(f.psnr > 23.0, "{i}: {:.1} dB", f.psnr);
            let again = model.generate(std::slice::from_ref(&f.latent), 1.0).unwrap().remove(0);
            assert_eq!(again, f.picture, "the latent is that of the picture");
            assert_eq!(f.outside, None);
        }
        let of_first: Vec<f64> = seen.iter().filter(|s| s.index == 0).map(|s| s.psnr).collect();
        assert_eq!(of_first.len(), 3);
        assert!(of_first[2] > of_first[0] + 3.0, "{of_first:?}");
    }

    #[test]
    fn the_studios_features_have_a_say_in_the_search_where_they_are_wished_for() {
        let home = tempfile::tempdir().unwrap();
        let paths = crate::base::paths::Paths::under(home.path());
        let model = LoadedModel::open("emoji-faces-gan", &paths, "cpu").unwrap();
        let picture = own(&model, 1001).1;
        let found = |features: f64| {
            let wish = InvertConfig { steps: 24, starts: 1, features, ..InvertConfig::default() };
            let judges = model.judges(&wish, &paths).unwrap();
            assert_eq!(judges.eyes.is_some(), features > 0.0);
            let wanted = [picture.clone()];
            model.invert(&wanted, &wish, None, &judges, &mut |_| {}, &Quiet::default()).unwrap().remove(0)
        };
        let (without, with) = (found(0.0), found(0.05));
        assert_ne!(without.latent, with.latent, "they have a say");
        assert!(with.psnr > without.psnr - 3.0, "and pixels the last word: {:.1} {:.1}", with.psnr, without.psnr);
    }

    /// Each comes with its encoder, which alone is near; the search then finds the picture itself.
    #[test]
    fn shipped_generators_find_their_own_pictures() {
        let home = tempfile::tempdir().unwrap();
        let paths = crate::base::paths::Paths::under(home.path());
        let shipped = crate::latent::catalog::list(&paths).into_iter().filter(|m| m.shipped && m.family == Family::Gan);
        let mut seen = 0;
        for info in shipped {
            let model = LoadedModel::open(&info.model, &paths, "cpu").unwrap();
            let encoder = crate::latent::encoder::store::find(&model, &paths).unwrap();
            let encoder = encoder.unwrap_or_else(|| panic!("{} has no encoder", info.name));
            let pictures = [own(&model, 100_001).1, own(&model, 100_002).1];
            let wish = InvertConfig { steps: 120, starts: 1, show: 120, ..InvertConfig::default() };
            let judges = LossNetworks::default();
            let found =
                model.invert(&pictures, &wish, Some(&encoder), &judges, &mut |_| {}, &Quiet::default()).unwrap();
            for f in found {
                let guess = f.guess.unwrap().1;
                assert!(f.psnr > 35.0 && guess > 20.0, "{}: {:.1} dB, {guess:.1} at once", info.name, f.psnr);
                assert_eq!(f.outside, Some(false));
            }
            seen += 1;
        }
        assert!(seen >= 2);
    }

    /// In every freedom the search tells of the picture that its latent makes.
    #[test]
    fn styles_that_are_found_make_the_picture_that_was_told() {
        let model = crate::latent::testing::fresh("style-gan", 16, 8);
        let picture = own(&model, 1001).1;
        for freedom in [LatentSpace::Z, LatentSpace::W, LatentSpace::WPlus] {
            let wish =
                InvertConfig { freedom: Some(freedom), steps: 60, starts: 2, show: 30, ..InvertConfig::default() };
            let mut seen = Vec::new();
            let mut watch = |s: Step| seen.push(s.psnr);
            let wanted = [picture.clone()];
            let found =
                model.invert(&wanted, &wish, None, &LossNetworks::default(), &mut watch, &Quiet::default()).unwrap();
            let again = model.generate(std::slice::from_ref(&found[0].latent), 1.0).unwrap().remove(0);
            let psnr = model.likeness(&picture, &again);
            assert!(psnr > seen[0] + 8.0 && psnr > seen[2] - 0.5, "{freedom:?}: {psnr:.1} of {seen:.1?}");
            assert_eq!(found[0].psnr, psnr);
        }
    }

    #[test]
    fn a_vae_begins_with_its_encoder_and_ends_closer() {
        let home = tempfile::tempdir().unwrap();
        let paths = crate::base::paths::Paths::under(home.path());
        let model = LoadedModel::open("fashion-vae", &paths, "cpu").unwrap();
        let (_, picture) = own(&model, 3);
        let wish = InvertConfig { steps: 40, ..InvertConfig::default() };
        let found =
            model.invert(&[picture], &wish, None, &LossNetworks::default(), &mut |_| {}, &Quiet::default()).unwrap();
        let (_, guessed) = found[0].guess.clone().unwrap();
        assert!(found[0].psnr > guessed + 3.0, "{guessed} {}", found[0].psnr);
        let none = InvertConfig { steps: 0, ..wish.clone() };
        let first = model.invert(
            &[found[0].input.clone()],
            &none,
            None,
            &LossNetworks::default(),
            &mut |_| {},
            &Quiet::default(),
        );
        assert!((first.unwrap()[0].psnr - guessed).abs() < 1e-9);
        let styles = InvertConfig { freedom: Some(LatentSpace::W), ..none };
        assert!(model.invert(&[], &styles, None, &LossNetworks::default(), &mut |_| {}, &Quiet::default()).is_err());
    }
}
