//! One face for all families, and everything of a trainer that a checkpoint keeps.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::gan::{GanTrainer, Streams};
use super::optim::{Adam, AdamState, parameter_sizes};
use super::scoring::Heldout;
use super::vae::VaeTrainer;
use super::{tensors, transfer};
use crate::base::rng::{Stream, StreamState};
use crate::base::{Family, Picture, Problem, Result};
use crate::latent::space::Code;
use crate::models::info::PriorInfo;
use crate::models::io::{Fit, HostTensor, Weights};
use crate::nn::on_pool;
use crate::recipe::Recipe;

/// A trainer of some family.
pub enum Trainer {
    /// Generative adversarial network.
    Gan(Box<GanTrainer>),
    /// Variational auto-encoder.
    Vae(Box<VaeTrainer>),
}

/// What of a trainer is not weights.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct TrainerState {
    /// Random streams by name.
    pub streams: Vec<(String, StreamState)>,
    /// Products of β₁ and β₂ of each optimiser, by name.
    pub decays: Vec<(String, f64, f64)>,
    /// Other numbers, by name.
    #[serde(default)]
    pub numbers: Vec<(String, f64)>,
}

impl Trainer {
    /// Fresh networks for a recipe.
    ///
    /// # Errors
    /// The recipe names no model.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        Ok(match recipe.family()? {
            Family::Gan => Self::Gan(Box::new(GanTrainer::new(recipe, device)?)),
            Family::Vae => Self::Vae(Box::new(VaeTrainer::new(recipe, device)?)),
        })
    }

    /// The device it trains on, without autodiff.
    pub fn device(&self) -> Device {
        match self {
            Self::Gan(t) => t.device.clone().inner(),
            Self::Vae(t) => t.device.clone().inner(),
        }
    }

    /// Held-out pictures, for what is decided by them while training.
    ///
    /// # Errors
    /// The recipe needs some, and there are none.
    pub fn set_heldout(&mut self, heldout: &Heldout) -> Result<()> {
        match self {
            Self::Gan(t) => t.set_heldout(heldout),
            Self::Vae(_) => Ok(()),
        }
    }

    /// One step on pictures as interleaved bytes, one for each label.
    pub fn step(&mut self, bytes: &[u8], labels: &[Option<u32>], step: u64, images: u64, lr_factor: f64) {
        let n = labels.len();
        on_pool(&self.device(), || match self {
            Self::Gan(t) => {
                let x = tensors::pictures(bytes, n, t.recipe.shape(), &t.device);
                t.step(x, labels, step, images, lr_factor);
            }
            Self::Vae(t) => {
                let x = tensors::pictures(bytes, n, t.recipe.shape(), &t.device);
                t.step(x, labels, step, images, lr_factor);
            }
        });
    }

    /// How many pictures the data has.
    pub fn set_pictures(&mut self, pictures: u64) {
        if let Self::Vae(t) = self {
            t.set_pictures(pictures);
        }
    }

    /// Takes over live settings.
    pub fn set_recipe(&mut self, recipe: &Recipe) {
        match self {
            Self::Gan(t) => t.recipe = recipe.clone(),
            Self::Vae(t) => t.recipe = recipe.clone(),
        }
    }

    /// Means of the numbers since the last read; `Err` names those that are not finite.
    #[allow(clippy::type_complexity)]
    pub fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        match self {
            Self::Gan(t) => t.read(),
            Self::Vae(t) => t.read(),
        }
    }

    /// Numbers that are worth a look now and then: norms of weights, held-out pictures.
    pub fn inspect(&self, heldout: &Heldout) -> Vec<(String, f64)> {
        match self {
            Self::Gan(t) => t.inspect(heldout),
            Self::Vae(t) => {
                let mut out = t.inspect();
                if let Some(elbo) = t.validate(heldout) {
                    out.push(("valid_elbo".into(), elbo));
                }
                out
            }
        }
    }

    /// Pictures of the averaged weights.
    pub fn samples(&self, codes: &[Code]) -> Vec<Picture> {
        match self {
            Self::Gan(t) => t.samples(codes),
            Self::Vae(t) => t.samples(codes),
        }
    }

    /// VAE: pictures through encoder and decoder. GAN: none.
    pub fn reconstructions(&self, pictures: &[Vec<u8>], labels: &[Option<u32>]) -> Vec<Picture> {
        match self {
            Self::Gan(_) => Vec::new(),
            Self::Vae(t) => t.reconstructions(pictures, labels),
        }
    }

    /// VAE: KL divergence of each latent dimension, in nats. GAN: none.
    pub fn kl(&self) -> Vec<f32> {
        match self {
            Self::Gan(_) => Vec::new(),
            Self::Vae(t) => t.kl.clone(),
        }
    }

    /// What is known of the prior that a VAE learned along; its numbers are in [`Self::snapshot`].
    pub fn prior_info(&self) -> Option<PriorInfo> {
        let Self::Vae(t) = self else { return None };
        let prior = t.prior()?;
        Some(PriorInfo {
            kind: "vamp".into(),
            components: t.recipe.objective.vae.pseudo_inputs,
            covariance: "diagonal".into(),
            codes: 0,
            data: t.recipe.data.source.clone(),
            log_likelihood: None,
            standard: None,
            hash: prior.hash(),
            on: true,
        })
    }

    /// The averaged weights: what exploring and sharing use.
    pub fn snapshot(&self) -> Weights {
        match self {
            Self::Gan(t) => Weights::of(&t.average),
            Self::Vae(t) => {
                let mut weights = Weights::of(&t.average);
                if let Some(prior) = t.prior() {
                    prior.put(&mut weights);
                }
                weights
            }
        }
    }

    /// Everything that going on needs.
    pub fn state(&self) -> (Weights, TrainerState) {
        let mut weights = Weights::default();
        let (mut decays, mut numbers) = (Vec::new(), Vec::new());
        let mut adam = |weights: &mut Weights, name: &str, adam: &Adam| {
            let state = adam.state();
            for (i, (m, v)) in state.moments.into_iter().enumerate() {
                for (which, values) in [("m", m), ("v", v)] {
                    let tensor = HostTensor { shape: vec![values.len()], values };
                    weights.tensors.insert(format!("{name}.{which}.{i:04}"), tensor);
                }
            }
            decays.push((name.to_string(), state.decay1, state.decay2));
        };
        let streams = match self {
            Self::Gan(t) => {
                weights.put("generator.", &t.generator);
                weights.put("critic.", &t.critic);
                weights.put("average.", &t.average);
                adam(&mut weights, "adam_g", &t.adam_g);
                adam(&mut weights, "adam_d", &t.adam_d);
                numbers = vec![("ada.p".into(), t.ada.p), ("ada.sign".into(), t.ada.sign)];
                let streams = [&t.streams.latents, &t.streams.augment, &t.streams.noise, &t.streams.labels];
                let names = ["latents", "augment", "noise", "labels"];
                let named = names.into_iter().zip(streams).map(|(name, stream)| (name.to_string(), stream.state()));
                named.chain([("between".to_string(), t.streams.between.state())]).collect()
            }
            Self::Vae(t) => {
                weights.put("vae.", &t.vae);
                weights.put("average.", &t.average);
                adam(&mut weights, "adam", &t.adam);
                if let Some(pseudo) = &t.pseudo {
                    weights.put("pseudo.", &pseudo.inputs);
                    weights.put("pseudo_average.", &pseudo.average);
                    adam(&mut weights, "adam_pseudo", &pseudo.adam);
                }
                if let Some(opponent) = &t.opponent {
                    weights.put("critic.", &opponent.critic);
                    adam(&mut weights, "adam_d", &opponent.adam);
                }
                let streams =
                    [("posterior", &t.noise), ("pixels", &t.pixels), ("labels", &t.labels), ("samples", &t.samples)];
                streams.into_iter().map(|(name, stream)| (name.to_string(), stream.state())).collect()
            }
        };
        (weights, TrainerState { streams, decays, numbers })
    }

    /// Goes on from a kept state.
    ///
    /// # Errors
    /// The state belongs to another model.
    pub fn restore(&mut self, weights: &Weights, state: &TrainerState) -> Result<()> {
        let stream = |name: &str| {
            let found = state.streams.iter().find(|s| s.0 == name);
            found
                .map(|s| Stream::from_state(&s.1))
                .ok_or_else(|| Problem::data("This checkpoint lacks a random stream").of(name))
        };
        let adam = |name: &str, sizes: Vec<usize>, device: &Device| -> Result<Adam> {
            let (_, decay1, decay2) = state
                .decays
                .iter()
                .find(|d| d.0 == name)
                .ok_or_else(|| Problem::data("This checkpoint lacks an optimiser").of(name))?;
            let moments = (0..)
                .map_while(|i| {
                    let get = |which| weights.tensors.get(&format!("{name}.{which}.{i:04}"));
                    Some((get("m")?.values.clone(), get("v")?.values.clone()))
                })
                .collect();
            let state = AdamState { moments, decay1: *decay1, decay2: *decay2 };
            state.fits(&sizes)?;
            Ok(Adam::from_state(&state, device))
        };
        match self {
            Self::Gan(t) => {
                t.generator = weights.under("generator.").load(t.generator.clone())?;
                t.critic = weights.under("critic.").load(t.critic.clone())?;
                t.average = weights.under("average.").load(t.average.clone())?;
                t.adam_g = adam("adam_g", parameter_sizes(&t.generator), &t.device)?;
                t.adam_d = adam("adam_d", parameter_sizes(&t.critic), &t.device)?;
                // Older checkpoints know only the first two streams; the others were not drawn from then.
                for (name, place) in t.streams.all() {
                    match stream(name) {
                        Ok(kept) => *place = kept,
                        Err(problem) if matches!(name, "latents" | "augment") => return Err(problem),
                        Err(_) => {}
                    }
                }
                let number = |name: &str| state.numbers.iter().find(|n| n.0 == name).map_or(0.0, |n| n.1);
                (t.ada.p, t.ada.sign) = (number("ada.p"), number("ada.sign"));
            }
            Self::Vae(t) => {
                t.vae = weights.under("vae.").load(t.vae.clone())?;
                t.average = weights.under("average.").load(t.average.clone())?;
                t.adam = adam("adam", parameter_sizes(&t.vae), &t.device)?;
                t.noise = stream("posterior")?;
                // Older checkpoints drew none of these.
                for (name, place) in [("pixels", &mut t.pixels), ("labels", &mut t.labels), ("samples", &mut t.samples)]
                {
                    if let Ok(kept) = stream(name) {
                        *place = kept;
                    }
                }
                if let Some(pseudo) = &mut t.pseudo {
                    pseudo.inputs = weights.under("pseudo.").load(pseudo.inputs.clone())?;
                    pseudo.average = weights.under("pseudo_average.").load(pseudo.average.clone())?;
                    pseudo.adam = adam("adam_pseudo", parameter_sizes(&pseudo.inputs), &t.device)?;
                }
                if let Some(opponent) = &mut t.opponent {
                    opponent.critic = weights.under("critic.").load(opponent.critic.clone())?;
                    opponent.adam = adam("adam_d", parameter_sizes(&opponent.critic), &t.device)?;
                }
            }
        }
        Ok(())
    }

    /// Begins with the weights of another model: what fits is loaded, the rest stays fresh. `full` is a training state
    /// (with the critic), `snapshot` the averaged weights alone.
    pub fn begin_from(&mut self, full: Option<&Weights>, snapshot: &Weights) -> Fit {
        match self {
            Self::Gan(t) => {
                let (old, new) = (transfer::model_of(snapshot), &t.recipe.model);
                let target = Weights::of(&t.generator);
                let fitted = transfer::fitted(snapshot, &target, old.as_ref(), new, false);
                let (generator, mut fit) = fitted.load_fitting(t.generator.clone());
                t.generator = generator;
                t.average = crate::nn::ema::shadow(&t.generator);
                if let Some(full) = full {
                    let target = Weights::of(&t.critic);
                    let fitted = transfer::fitted(&full.under("critic."), &target, old.as_ref(), new, true);
                    let (critic, critic_fit) = fitted.load_fitting(t.critic.clone());
                    t.critic = critic;
                    let named = |names: Vec<String>| names.into_iter().map(|n| format!("critic.{n}"));
                    fit.loaded.extend(named(critic_fit.loaded));
                    fit.fresh.extend(named(critic_fit.fresh));
                } else {
                    fit.fresh.push("critic: the model came without one".into());
                }
                fit
            }
            Self::Vae(t) => {
                let (vae, fit) = snapshot.load_fitting(t.vae.clone());
                t.vae = vae;
                t.average = crate::nn::ema::shadow(&t.vae);
                fit
            }
        }
    }

    /// Moves every random stream to a new place, named after this try.
    pub fn move_streams(&mut self, attempt: u32) {
        let fresh = |seed: u64, name: &str| Stream::new(seed, &format!("{name}/{attempt}"));
        match self {
            Self::Gan(t) => t.streams = Streams::new(t.recipe.seed, &format!("/{attempt}")),
            Self::Vae(t) => {
                t.noise = fresh(t.recipe.seed, "posterior");
                t.pixels = fresh(t.recipe.seed, "pixels");
                t.labels = fresh(t.recipe.seed, "labels");
                t.samples = fresh(t.recipe.seed, "samples");
            }
        }
    }
}
