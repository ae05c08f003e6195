//! Training a prior over tokens: the nats of the next token, by AdamW (Loshchilov & Hutter 2019) with a warm-up. Words and
//! class stand in front; some are hidden, so that the model also draws from fewer words and from none, which guidance needs
//! (Ho & Salimans 2021).

use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};

use super::batch::BatchLoss;
use super::batch::parts;
use super::heldout::Heldout;
use super::metric_accumulator::Meter;
use super::optim::{Adam, AdamSettings, StepAt};
use super::prior_data::PriorData;
use super::state::{StateReader, StateWriter};
use super::tensors;
use super::trainable::Trainable;
use crate::base::rng::Stream;
use crate::base::{Picture, Result};
use crate::latent::draw::sampler::{self, Choosing, Plan};
use crate::latent::space::Code;
use crate::models::io::{Fit, Weights};
use crate::models::{Dropping, PriorSteps, TokenPrior, TokenVae};
use crate::nn::{ema, sequence};
use crate::recipe::Recipe;

/// Pictures that the eye gets: each takes a pass for every token.
const SHOWN: usize = 16;
/// Held-out pictures that are looked at while training.
const JUDGED: usize = 256;
/// Share of captions of which only some words are shown.
const PARTIAL: f32 = 0.3;

/// The network, its optimiser, its average and the random streams.
pub struct PriorTrainer {
    recipe: Recipe,
    device: Device,
    prior: TokenPrior,
    average: TokenPrior,
    adam: Adam,
    data: Option<(Arc<PriorData>, TokenVae)>,
    /// Places of the next batch in the prepared set.
    places: Vec<u32>,
    /// Which words and labels are hidden.
    hidden: Stream,
    /// Which numbers are dropped.
    dropping: Stream,
    meter: Meter,
}

impl PriorTrainer {
    /// A fresh network.
    ///
    /// # Errors
    /// The recipe names no prior.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let prior = TokenPrior::init(recipe, &device)?;
        Ok(Self {
            average: ema::shadow(&prior),
            recipe: recipe.clone(),
            prior,
            adam: Adam::new(),
            data: None,
            places: Vec::new(),
            hidden: Stream::new(recipe.seed, "hidden words"),
            dropping: Stream::new(recipe.seed, "dropout"),
            device,
            meter: Meter::default(),
        })
    }

    /// The words of a caption that are shown this time, and whether anything is.
    fn shown(&mut self, words: &[u32]) -> (Vec<u32>, bool) {
        if self.hidden.uniform() < self.recipe.objective.label_dropout as f32 {
            return (Vec::new(), false);
        }
        if self.hidden.uniform() >= PARTIAL {
            return (words.to_vec(), true);
        }
        let share = self.hidden.uniform();
        (words.iter().copied().filter(|_| self.hidden.uniform() < share).collect(), true)
    }

    /// Nats a token of held-out pictures, with all of their words, under the averaged weights.
    fn measure(&self, heldout: &Heldout, most: usize) -> Option<f64> {
        let (data, tokens) = self.data.as_ref()?;
        let device = self.device.clone().inner();
        let (dims, count) = (self.average.dims(), heldout.len().min(most));
        let (mut total, mut seen) = (0.0, 0);
        while seen < count {
            let n = 32.min(count - seen);
            let (x, _) = heldout.shown(seen..seen + n, &self.recipe, &device);
            let ids = tokens.tokens(x);
            let front = |i: usize| dims.front(heldout.labels[seen + i], data.words_of_heldout(seen + i));
            let given = sequences(&ids, (0..n).map(front), dims.tokens());
            let nats = sequence::nats(self.average.scores(&given, None), &ids);
            total += f64::from(nats.into_scalar::<f32>()) * n as f64;
            seen += n;
        }
        let value = total / seen.max(1) as f64;
        (seen > 0 && value.is_finite()).then_some(value)
    }
}

/// What the network is given: what stands in front of each picture, then its tokens without the last.
pub fn sequences(ids: &[u32], fronts: impl Iterator<Item = Vec<u32>>, tokens: usize) -> Vec<u32> {
    let pictures = ids.chunks_exact(tokens).zip(fronts);
    pictures
        .flat_map(|(ids, front)| front.into_iter().chain(ids[..tokens - 1].iter().copied()).collect::<Vec<_>>())
        .collect()
}

/// Matrices drawn towards zero by this share; vectors stay.
pub fn decayed<M: Module>(module: M, share: f64) -> M {
    struct Decay(f64);
    impl ModuleMapper for Decay {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, tensor, mapper) = param.consume();
            if D < 2 || !tensor.is_require_grad() {
                return Param::from_mapped_value(id, tensor, mapper);
            }
            let value = tensor.inner() * (1.0 - self.0);
            Param::from_mapped_value(id, value.autodiff().require_grad(), mapper)
        }
    }
    if share > 0.0 { module.map(&mut Decay(share)) } else { module }
}

impl Trainable for PriorTrainer {
    fn step(&mut self, x: Tensor<4>, labels: &[Option<u32>], at: StepAt) {
        let Some((data, tokens)) = self.data.clone() else { return };
        let (n, dims) = (x.dims()[0], self.prior.dims().clone());
        let ids = tokens.tokens(x.inner());
        let places = std::mem::take(&mut self.places);
        let fronts: Vec<Vec<u32>> = (0..n)
            .map(|i| {
                let words = places.get(i).map_or(&[][..], |place| data.words_at(*place));
                let (words, asked) = self.shown(words);
                dims.front(labels[i].filter(|_| asked), &words)
            })
            .collect();
        let given = sequences(&ids, fronts.into_iter(), dims.tokens());
        let mut loss = BatchLoss::default();
        for range in parts(n, self.recipe.optim.accumulate) {
            let share = range.len() as f64 / n as f64;
            let dropping = Dropping { share: self.recipe.model.tokens.dropout, stream: &mut self.dropping };
            let own = &given[range.start * dims.length()..range.end * dims.length()];
            let targets = &ids[range.start * dims.tokens()..range.end * dims.tokens()];
            let nats = sequence::nats(self.prior.scores(own, Some(dropping)), targets);
            loss.add(nats.clone(), nats, share, &self.prior);
        }
        let (nats, gradients) = loss.finish();
        let settings = self.settings(at, n);
        let decay = settings.lr * self.recipe.model.tokens.weight_decay;
        let (prior, norm) = self.adam.step(settings, decayed(self.prior.clone(), decay), gradients);
        self.prior = prior;
        let optim = &self.recipe.optim;
        let beta = ema::beta(optim.ema_kimg.at(at.images) * 1000.0, optim.ema_rampup, at.images, n as u64);
        self.average = ema::update(self.average.clone(), &self.prior, beta);
        self.meter.add(vec![("loss", nats.clone()), ("nats", nats), ("grad", norm)]);
    }

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn set_recipe(&mut self, recipe: &Recipe) {
        self.recipe = recipe.clone();
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn set_prior_data(&mut self, data: &Arc<PriorData>) -> Result<()> {
        self.data = Some((data.clone(), data.token_model(&self.device.clone().inner())?));
        Ok(())
    }

    fn next_places(&mut self, places: &[u32]) {
        self.places = places.to_vec();
    }

    fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        self.meter.read()
    }

    fn inspect(&self, heldout: &Heldout) -> Vec<(String, f64)> {
        let norm = tensors::weight_norm(&self.prior);
        let mut out = if norm.is_finite() { vec![("weight".into(), norm)] } else { Vec::new() };
        out.extend(self.measure(heldout, JUDGED / 4).map(|nats| ("nats_heldout".into(), nats)));
        out
    }

    fn judge(&self, heldout: &Heldout) -> Option<(&'static str, f64)> {
        self.measure(heldout, JUDGED).map(|nats| ("nats_heldout", nats))
    }

    /// Of the words of held-out pictures, one after the other.
    fn samples(&self, codes: &[Code]) -> Vec<Picture> {
        let Some((data, tokens)) = &self.data else { return Vec::new() };
        let steps = PriorSteps::of(&self.average);
        let (dims, device) = (self.average.dims(), self.device.clone().inner());
        let draw = |i: usize| {
            let class = (dims.classes > 0).then(|| (i % dims.classes) as u32);
            let plan = Plan {
                front: dims.front(class, data.words_of_heldout(i)),
                unasked: dims.front(None, &[]),
                given: Vec::new(),
                seed: i as u64,
                choosing: Choosing { guidance: 1.0, ..Choosing::default() },
                retrieved: None,
            };
            let ids: Vec<u32> = sampler::draw(&steps, &plan, &mut |_, _| true).iter().map(|t| t.id).collect();
            tensors::to_pictures(tokens.pictures(&ids, &device), self.recipe.shape())
        };
        (0..codes.len().min(SHOWN)).flat_map(draw).collect()
    }

    fn snapshot(&self) -> Weights {
        Weights::of(&self.average)
    }

    fn keep(&self, out: &mut StateWriter) {
        out.module("prior", &self.prior);
        out.module("average", &self.average);
        out.adam("adam", &self.adam);
        out.stream("hidden words", &self.hidden);
        out.stream("dropout", &self.dropping);
    }

    fn restore(&mut self, kept: &StateReader<'_>) -> Result<()> {
        self.prior = kept.module("prior", &self.prior)?;
        self.average = kept.module("average", &self.average)?;
        self.adam = kept.adam("adam", &self.prior, &self.device)?;
        self.hidden = kept.stream("hidden words")?;
        self.dropping = kept.stream("dropout")?;
        Ok(())
    }

    fn begin_from(&mut self, _: Option<&Weights>, snapshot: &Weights) -> Fit {
        let (prior, fit) = snapshot.load_fitting(self.prior.clone());
        self.prior = prior;
        self.average = ema::shadow(&self.prior);
        fit
    }

    fn move_streams(&mut self, attempt: u32) {
        let fresh = |name: &str| Stream::new(self.recipe.seed, &format!("{name}/{attempt}"));
        (self.hidden, self.dropping) = (fresh("hidden words"), fresh("dropout"));
    }
}

impl PriorTrainer {
    /// Those of a step: the learning rate rises from 0 over the warm-up.
    fn settings(&self, at: StepAt, batch: usize) -> AdamSettings {
        let settings = AdamSettings::at(&self.recipe.optim, at);
        let warm = self.recipe.model.tokens.warmup_kimg * 1000.0;
        let share = if warm > 0.0 { ((at.images + batch as u64) as f64 / warm).min(1.0) } else { 1.0 };
        AdamSettings { lr: settings.lr * share, ..settings }
    }
}
