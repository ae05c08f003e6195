//! A model opened for exploring: its averaged weights on a device.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;

use super::space::Code;
use super::{catalog, sample};
use crate::base::paths::Paths;
use crate::base::{Family, Picture, Problem, Result};
use crate::data::prepare_picture;
use crate::models::info::ModelInfo;
use crate::models::io::Weights;
use crate::models::{Generator, Vae};
use crate::recipe::picture::Latent;
use crate::train::checkpoint::METADATA;

enum Net {
    Gan(Box<Generator>),
    Vae(Box<Vae>),
}

/// A model opened for exploring.
pub struct LoadedModel {
    info: ModelInfo,
    net: Net,
    device: Device,
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
        Self::from_weights(&weights, ModelInfo { model: model.into(), ..info }, device)
    }

    /// Opens a snapshot file.
    ///
    /// # Errors
    /// The file is no snapshot of ours, is damaged, or the device does not start.
    pub fn open_file(path: &Path, device: &str) -> Result<Self> {
        let weights = Weights::read(path)?;
        let info = info_of(&weights).map_err(|p| p.of(path.display().to_string()))?;
        Self::from_weights(&weights, ModelInfo { model: path.display().to_string(), ..info }, device)
    }

    fn from_weights(weights: &Weights, info: ModelInfo, device: &str) -> Result<Self> {
        let device = crate::train::device::open(device)?;
        let net = match info.family {
            Family::Gan => Net::Gan(Box::new(weights.load(Generator::blank(&info.recipe, &device)?)?.valid())),
            Family::Vae => Net::Vae(Box::new(weights.load(Vae::blank(&info.recipe, &device)?)?.valid())),
        };
        Ok(Self { info, net, device })
    }

    /// What lists say of it.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        match &self.net {
            Net::Gan(g) => g.latent(),
            Net::Vae(v) => v.latent(),
        }
    }

    /// Names of the classes that can be asked for; none for models without.
    pub fn classes(&self) -> &[String] {
        let model = &self.info.recipe.model;
        if model.conditional { &model.classes } else { &[] }
    }

    /// What the network is given for a latent.
    pub fn code(&self, latent: &Latent, truncation: f32) -> Code {
        Code { psi: truncation, ..Code::of(latent, self.latent(), self.classes().len()) }
    }

    /// One picture a latent. `truncation` pulls styles towards their mean, where a model has styles, and latents
    /// towards zero elsewhere; 1 leaves them.
    ///
    /// # Errors
    /// None today; devices that fail while they compute will say so here.
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
    /// None today; devices that fail while they compute will say so here.
    pub fn generate_with(
        &self,
        latents: &[Latent],
        truncation: f32,
        each: &mut dyn FnMut(usize, Picture) -> bool,
    ) -> Result<()> {
        let codes: Vec<Code> = latents.iter().map(|l| self.code(l, truncation)).collect();
        let shape = self.info.recipe.shape();
        match &self.net {
            Net::Gan(g) => sample::generate_each(g, &codes, &self.device, shape, each),
            Net::Vae(v) => sample::decode_each(v, &codes, &self.device, shape, each),
        }
        Ok(())
    }

    /// Through the encoder and back (VAE), after preparing the picture as the training pictures were.
    ///
    /// # Errors
    /// The model is a GAN, which has no encoder.
    pub fn encode(&self, picture: &Picture) -> Result<Encoded> {
        let Net::Vae(vae) = &self.net else {
            return Err(Problem::usage("A GAN has no encoder, so it cannot take a picture in")
                .of(self.info.name.clone())
                .try_this("Choose a VAE"));
        };
        let shape = self.info.recipe.shape();
        let prepared = prepare_picture(picture, &self.info.recipe.data);
        let bytes = prepared.to_interleaved(shape.channels);
        let (mean, deviation) = sample::encode(vae, &bytes, &self.device, shape);
        let reconstruction = sample::decode(vae, &[Code::plain(mean.clone())], &self.device, shape)
            .pop()
            .ok_or_else(|| Problem::failed("The decoder made no picture"))?;
        let input = Picture::from_interleaved(shape.resolution, shape.resolution, shape.channels, &bytes);
        Ok(Encoded { input, mean, deviation, reconstruction })
    }

    /// A sheet of the first seeds.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn contact_sheet(&self) -> Result<Picture> {
        let (columns, rows) = if self.info.resolution > 64 { (6, 4) } else { (8, 6) };
        let latents: Vec<Latent> = (1..=columns * rows).map(|seed| Latent::Seed { seed }).collect();
        let cells = self.generate(&latents, 1.0)?;
        Ok(Picture::grid(&cells, columns as usize, 1, [0; 4]))
    }
}

/// What a snapshot says of itself.
///
/// # Errors
/// It is not one of ours.
pub fn info_of(weights: &Weights) -> Result<ModelInfo> {
    info_from(weights.metadata.get(METADATA))
}

/// What the metadata of a snapshot say.
///
/// # Errors
/// It is not one of ours, or comes from a newer studio.
pub fn info_from(text: Option<&String>) -> Result<ModelInfo> {
    let text = text.ok_or_else(|| {
        Problem::data("These weights were not made by Latent Studio, so their network is unknown")
            .try_this("Import a model that Latent Studio exported")
    })?;
    serde_json::from_str(text).map_err(|e| {
        Problem::data("The description inside this model cannot be read")
            .because(e)
            .try_this("It may come from a newer Latent Studio")
    })
}
