//! A model opened for exploring: its averaged weights on a device.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;

use super::prior::{Codes, Mixture, Prior};
use super::space::Code;
use super::validate::check_truncation;
use super::{catalog, sample};
use crate::base::paths::Paths;
use crate::base::rng::Stream;
use crate::base::{Channels, Family, Picture, Problem, Progress, Result};
use crate::data::{Prepared, prepare_picture};
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::models::{Generator, TokenVae, Vae};
use crate::recipe::picture::Latent;
use crate::train::tensors;

pub(super) enum Net {
    Gan(Box<Generator>),
    Vae(Box<Vae>),
    Tokens(Box<TokenVae>),
}

/// A model opened for exploring.
pub struct LoadedModel {
    pub(super) info: ModelInfo,
    pub(super) net: Net,
    prior: Option<Prior>,
    pub(super) device: Device,
}

/// A picture's code in a VAE.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// The picture as the encoder saw it.
    pub input: Picture,
    /// Mean of the posterior.
    pub mean: Vec<f32>,
    /// Standard deviation of the posterior.
    pub deviation: Vec<f32>,
    /// The decoder's picture of the mean.
    pub reconstruction: Picture,
}

impl LoadedModel {
    /// Opens a model by its name: a run folder (`path`, `path@best`, `path@KIMG`), a file, an imported or shipped model.
    ///
    /// # Errors
    /// There is no such model, its file is damaged, or the device does not start.
    pub fn open(model: &str, paths: &Paths, device: &str) -> Result<Self> {
        let source = catalog::resolve(model, paths)?;
        let (weights, info) = source.read()?;
        let mut loaded = Self::from_weights(&weights, ModelInfo { model: model.into(), ..info }, device)?;
        if !catalog::with_prior(model).1 {
            loaded.use_prior(false);
        }
        Ok(loaded)
    }

    /// Opens a snapshot file.
    ///
    /// # Errors
    /// The file is no snapshot of ours, is damaged, or the device does not start.
    pub fn open_file(path: &Path, device: &str) -> Result<Self> {
        let weights = Weights::read(path)?;
        let info = ModelInfo::of_weights(&weights).map_err(|p| p.of(path.display().to_string()))?;
        Self::from_weights(&weights, ModelInfo { model: path.display().to_string(), ..info }, device)
    }

    pub(super) fn from_weights(weights: &Weights, info: ModelInfo, device: &str) -> Result<Self> {
        let device = crate::nn::device::open(device)?;
        let net = match info.family {
            Family::Gan => Net::Gan(Box::new(weights.load(Generator::blank(&info.recipe, &device)?)?.valid())),
            Family::Vae => Net::Vae(Box::new(weights.load(Vae::blank(&info.recipe, &device)?)?.valid())),
            Family::Tokens => Net::Tokens(Box::new(weights.load(TokenVae::blank(&info.recipe, &device)?)?.valid())),
            Family::Prior => {
                return Err(Problem::usage("This model draws tokens from words or a class, and has no latents")
                    .of(info.name.clone())
                    .try_this("Draw with it: `latent-studio draw`, or the page “Draw”"));
            }
        };
        let prior = Prior::of(weights, latent_of(&net))?;
        let info = ModelInfo { prior: info.prior.filter(|_| prior.is_some()), ..info };
        Ok(Self { info, net, prior, device })
    }

    /// Draws latents through the fitted prior from now on, or not; models without one do not mind.
    pub fn use_prior(&mut self, on: bool) {
        if let Some(prior) = &mut self.info.prior {
            prior.on = on;
        }
    }

    /// The fitted prior, if latents are drawn through it.
    pub(super) fn active_prior(&self) -> Option<&Prior> {
        self.prior.as_ref().filter(|_| self.info.active_prior().is_some())
    }

    /// What lists say of it.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Its auto-encoder and the device that lives on, unless it is a GAN.
    pub fn vae(&self) -> Option<(&Vae, &Device)> {
        match &self.net {
            Net::Gan(_) | Net::Tokens(_) => None,
            Net::Vae(vae) => Some((vae, &self.device)),
        }
    }

    /// Its token model and the device that lives on, if it is one.
    pub fn tokens(&self) -> Option<(&TokenVae, &Device)> {
        match &self.net {
            Net::Tokens(net) => Some((net, &self.device)),
            Net::Gan(_) | Net::Vae(_) => None,
        }
    }

    /// The mixture that latents are drawn from, if one was fitted and is used.
    pub fn mixture(&self) -> Option<&Mixture> {
        match self.active_prior() {
            Some(Prior::Mixture(mixture)) => Some(mixture),
            _ => None,
        }
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        latent_of(&self.net)
    }

    /// Names of the classes that can be asked for; none for models without.
    pub fn classes(&self) -> &[String] {
        let model = &self.info.recipe.model;
        if model.conditional { &model.classes } else { &[] }
    }

    /// The class of this name, or else of this number, counted from 0 in the order of [`Self::classes`].
    ///
    /// # Errors
    /// The model has no such class, or none at all.
    pub fn class_named(&self, text: &str) -> Result<u32> {
        let (classes, text) = (self.classes(), text.trim());
        if classes.is_empty() {
            return Err(Problem::usage("This model has no classes to choose from").of(self.info.name.clone()));
        }
        let exact = classes.iter().position(|c| c == text);
        let place = exact.or_else(|| {
            let lower = text.to_lowercase();
            let mut alike = classes.iter().enumerate().filter(|(_, c)| c.to_lowercase() == lower);
            alike.next().map(|c| c.0).filter(|_| alike.next().is_none())
        });
        let place = place.or_else(|| text.parse().ok().filter(|n: &usize| *n < classes.len()));
        place.map(|n| n as u32).ok_or_else(|| {
            let numbers = format!("or a number from 0 to {}", classes.len() - 1);
            Problem::usage("This model has no such class")
                .of(text)
                .try_this(format!("Choose {} {numbers}", crate::base::problem::some_of(classes, 20)))
        })
    }

    /// What the network is given for a latent.
    ///
    /// # Errors
    /// The latent is none of this model's, or the truncation is no number: see [`super::validate`].
    pub fn code(&self, latent: &Latent, truncation: f32) -> Result<Code> {
        self.dims().check(latent).map_err(|p| p.of(self.info.name.clone()))?;
        check_truncation(truncation)?;
        if matches!(self.net, Net::Tokens(_)) && latent.seed().is_some() {
            return Err(Problem::usage("A token model takes pictures apart and draws none by itself")
                .of(self.info.name.clone())
                .try_this("Train a prior on it (`latent-studio train --model gpt --on MODEL`) and draw with that"));
        }
        let code = Code { psi: truncation, ..Code::of(latent, self.latent(), self.classes().len()) };
        Ok(match self.active_prior() {
            Some(prior) => code.through(prior),
            None => code,
        })
    }

    /// What the network is given for several latents.
    ///
    /// # Errors
    /// As [`Self::code`].
    pub(super) fn coded(&self, latents: &[Latent], truncation: f32) -> Result<Vec<Code>> {
        latents.iter().map(|l| self.code(l, truncation)).collect()
    }

    /// One picture a latent. `truncation` pulls styles towards their mean, where a model has styles, and latents
    /// towards zero elsewhere; 1 leaves them.
    ///
    /// # Errors
    /// A latent is none of this model's, or the truncation is no number; then no picture is made.
    pub fn generate(&self, latents: &[Latent], truncation: f32) -> Result<Vec<Picture>> {
        let mut out = Vec::with_capacity(latents.len());
        self.generate_with(latents, truncation, &mut |_, picture| {
            out.push(picture);
            true
        })?;
        Ok(out)
    }

    /// As [`Self::generate`], handing each picture on as it is made; ends when `each` returns false.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn generate_with(
        &self,
        latents: &[Latent],
        truncation: f32,
        each: &mut dyn FnMut(usize, Picture) -> bool,
    ) -> Result<()> {
        let codes = self.coded(latents, truncation)?;
        let shape = self.info.recipe.shape();
        match &self.net {
            Net::Gan(g) => sample::generate_each(g, &codes, &self.device, shape, each),
            Net::Vae(v) => sample::decode_each(v, &codes, &self.device, shape, each),
            Net::Tokens(t) => sample::detokenise_each(t, &codes, &self.device, shape, each),
        }
        Ok(())
    }

    /// Points of the plane, for models that make those.
    ///
    /// # Errors
    /// The model makes pictures, or as [`Self::generate`].
    pub fn points(&self, latents: &[Latent], truncation: f32) -> Result<Vec<[f32; 2]>> {
        match &self.net {
            Net::Gan(g) if self.info.channels == Channels::Points => {
                let codes = self.coded(latents, truncation)?;
                Ok(sample::points(g, &codes, &self.device))
            }
            _ => Err(Problem::usage("This model makes pictures, not points").of(self.info.name.clone())),
        }
    }

    /// Through the encoder and back (VAE), after preparing the picture as the training pictures were.
    ///
    /// # Errors
    /// The model is a GAN, which has no encoder.
    pub fn encode(&self, picture: &Picture) -> Result<Encoded> {
        let shape = self.info.recipe.shape();
        let prepared = prepare_picture(picture, &self.info.recipe.data);
        let bytes = prepared.to_interleaved(shape.channels);
        let (mean, deviation, made) = match &self.net {
            Net::Gan(_) => {
                return Err(Problem::usage("A GAN has no encoder, so it cannot take a picture in")
                    .of(self.info.name.clone())
                    .try_this("Choose a VAE"));
            }
            Net::Vae(vae) => {
                let (mean, deviation) = sample::encode(vae, &bytes, &[], &self.device, shape);
                let made = sample::decode(vae, &[Code::plain(mean.clone())], &self.device, shape);
                (mean, deviation, made)
            }
            // A token stands for exactly one vector: nothing deviates.
            Net::Tokens(net) => {
                let code = sample::tokenise(net, &bytes, &self.device, shape);
                let made = sample::detokenise(net, &[Code::plain(code.clone())], &self.device, shape);
                (code.clone(), vec![0.0; code.len()], made)
            }
        };
        let reconstruction = made.into_iter().next().ok_or_else(|| Problem::failed("The decoder made no picture"))?;
        let input = shape.picture(&bytes);
        let (mean, deviation) = match self.active_prior() {
            Some(prior) => as_normals(prior, &mean, &deviation),
            None => (mean, deviation),
        };
        Ok(Encoded { input, mean, deviation, reconstruction })
    }

    /// A code drawn from the posterior of each training picture, at most `limit` of them, evenly spread: what a prior is
    /// fitted to.
    ///
    /// # Errors
    /// The model is a GAN, the pictures do not have its shape, or it was cancelled.
    pub fn codes(&self, pictures: &Prepared, limit: usize, seed: u64, progress: &dyn Progress) -> Result<Codes> {
        let Net::Vae(vae) = &self.net else {
            return Err(Problem::usage("Only the codes of a VAE can have a fitted prior")
                .of(self.info.name.clone())
                .try_this("Choose a VAE"));
        };
        let shape = self.info.recipe.shape();
        if pictures.shape() != shape {
            return Err(Problem::data("These pictures are not prepared for this model").of(self.info.name.clone()));
        }
        // Classes by name: the data may list theirs in another order, or others.
        let pictures = &if self.classes().is_empty() { pictures.clone() } else { pictures.with_labels(self.classes()) };
        let all = pictures.train();
        let chosen: Vec<u32> = match all.len().div_ceil(limit.max(1)) {
            0 | 1 => all.to_vec(),
            step => all.iter().step_by(step).copied().collect(),
        };
        let mut noise = Stream::new(seed, "codes");
        let mut values = Vec::with_capacity(chosen.len());
        for group in chosen.chunks(CODES_AT_ONCE) {
            progress.report("Encoding pictures", values.len() as u64, chosen.len() as u64);
            progress.cancel().check()?;
            let bytes: Vec<&[u8]> = group.iter().map(|&i| pictures.picture(i as usize)).collect();
            let labels: Vec<Option<u32>> = group.iter().map(|&i| pictures.label(i as usize)).collect();
            let class = tensors::classes(&labels, self.classes().len(), &self.device);
            values.extend(sample::draw(vae, &bytes, class.as_ref(), &mut noise, &self.device, shape));
        }
        Ok(Codes { values, source: self.info.recipe.data.source.clone() })
    }

    /// A sheet of the first seeds.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn contact_sheet(&self) -> Result<Picture> {
        let (columns, rows) = if self.info.resolution.pixels() > 64 * 64 { (6, 4) } else { (8, 6) };
        let latents: Vec<Latent> = (1..=columns * rows).map(|seed| Latent::Seed { seed }).collect();
        let cells = self.generate(&latents, 1.0)?;
        Ok(Picture::grid(&cells, columns as usize, 1, [0; 4]))
    }
}

/// Numbers in a latent of a network.
fn latent_of(net: &Net) -> usize {
    match net {
        Net::Gan(g) => g.latent(),
        Net::Vae(v) => v.latent(),
        Net::Tokens(t) => t.code_len() * t.grid().iter().product::<usize>(),
    }
}

/// Pictures encoded at once, where only all codes together matter.
const CODES_AT_ONCE: usize = 64;

/// Mean and deviation of a posterior in the normals of a prior: to first order.
fn as_normals(prior: &Prior, mean: &[f32], deviation: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let centre = prior.normals(mean);
    let deviation = (0..mean.len())
        .map(|i| {
            let mut moved = mean.to_vec();
            moved[i] += deviation[i];
            (prior.normals(&moved)[i] - centre[i]).abs()
        })
        .collect();
    (centre, deviation)
}
