//! Encoders for GANs: a small network that tells the latent (or style) of a generator's pictures.
//!
//! It is trained on nothing but what the generator itself makes, so it needs no data ([`train`]), and it is kept beside
//! the model by the hash of its weights ([`store`]). Where classes can be asked for, it tells the class as well.

pub mod store;
pub mod train;

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::latent_forward::{Conditioning, LatentSpace, host};
use super::model::LoadedModel;
use crate::base::{Problem, Result, Shape};
use crate::models::ImageRegressor;
use crate::models::io::{HostTensor, Weights};
use crate::nn::init::Init;
use crate::recipe::picture::Latent;

/// Key of the [`EncoderInfo`] in an encoder file's metadata.
pub const METADATA: &str = "latent_studio_encoder";
const FORMAT: u32 = 1;

/// What is known of an encoder.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct EncoderInfo {
    /// Version of the format.
    pub format: u32,
    /// Hash of the generator's weights.
    pub hash: String,
    /// What the generator was asked for by.
    pub model: String,
    /// What it tells.
    pub freedom: LatentSpace,
    /// Thousands of pictures it was trained on.
    pub kimg: f64,
    /// Mean PSNR in dB of what the generator makes of its answers, on pictures of the generator not learned from.
    pub psnr: f64,
    /// The PSNR that all but one in a hundred of them reach.
    pub low: f64,
    /// Share of right classes, where there are some.
    pub class_accuracy: f64,
}

/// An encoder.
pub struct Encoder {
    net: ImageRegressor,
    info: EncoderInfo,
    /// Mean of the numbers told, and their deviation: the network says standard ones.
    centre: Vec<f32>,
    scale: f32,
    classes: usize,
    device: Device,
}

/// What a picture was told to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its latent.
    pub latent: Latent,
    /// Its row, for going on from there.
    pub(super) row: Vec<f32>,
    pub(super) held: Conditioning,
}

impl Encoder {
    /// A fresh one for a generator.
    fn new(model: &LoadedModel, freedom: LatentSpace, init: &Init<'_>) -> Result<Self> {
        let (centre, scale) = model.spread(freedom)?;
        let classes = model.dims().classes;
        let net = ImageRegressor::new(model.shape(), centre.len() + classes, init);
        let info = EncoderInfo {
            format: FORMAT,
            hash: model.info().hash.clone(),
            model: model.info().model.clone(),
            freedom,
            ..EncoderInfo::default()
        };
        Ok(Self { net, info, centre, scale, classes, device: model.device.clone() })
    }

    /// From a file's weights, for a generator's pictures.
    ///
    /// # Errors
    /// They are not those of an encoder for such pictures.
    pub fn of(weights: &Weights, shape: Shape, classes: usize, device: &Device) -> Result<Self> {
        let info = info_of(weights.metadata.get(METADATA))?;
        let bad = || Problem::data("This encoder is damaged");
        let centre = weights.tensors.get("centre").ok_or_else(bad)?.values.clone();
        let scale = *weights.tensors.get("scale").and_then(|t| t.values.first()).ok_or_else(bad)?;
        let blank = ImageRegressor::blank(shape, centre.len() + classes, device);
        let net = weights.under("net.").load(blank)?.valid();
        Ok(Self { net, info, centre, scale, classes, device: device.clone() })
    }

    /// As a file's weights.
    pub fn weights(&self) -> Result<Weights> {
        let mut weights = Weights::default();
        weights.put("net.", &self.net);
        let mut put = |name: &str, values: Vec<f32>| {
            weights.tensors.insert(name.into(), HostTensor { shape: vec![values.len()], values });
        };
        put("centre", self.centre.clone());
        put("scale", vec![self.scale]);
        let text = serde_json::to_string(&self.info)
            .map_err(|e| Problem::failed("The encoder's card could not be written").because(e))?;
        Ok(weights.with(METADATA, text))
    }

    /// Numbers of a row.
    pub(super) fn row_length(&self) -> usize {
        self.centre.len()
    }

    /// What is known of it.
    pub fn info(&self) -> &EncoderInfo {
        &self.info
    }

    /// Rows of pictures, and logits of their classes. `[b, c, r, r] → ([b, row], [b, classes])`
    fn rows(&self, x: Tensor<4>) -> (Tensor<2>, Option<Tensor<2>>) {
        let told = self.net.forward(x);
        let [b, _] = told.dims();
        let n = self.centre.len();
        let centre = Tensor::<1>::from_floats(self.centre.as_slice(), &self.device).unsqueeze::<2>();
        let rows = told.clone().slice([0..b, 0..n]) * self.scale + centre;
        let logits = (self.classes > 0).then(|| told.slice([0..b, n..n + self.classes]));
        (rows, logits)
    }

    /// What pictures in −1…1 are. `[b, c, r, r]`
    pub fn tell(&self, model: &LoadedModel, x: Tensor<4>) -> Vec<Told> {
        let [b, ..] = x.dims();
        let (rows, logits) = self.rows(x);
        let classes = match logits {
            Some(logits) => host(softmax(logits, 1)),
            None => vec![Vec::new(); b],
        };
        let told = |(row, shares): (Vec<f32>, Vec<f32>)| {
            // The likeliest class, as a whole.
            let best = (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
            let class = (0..shares.len()).map(|i| f32::from(u8::from(Some(i) == best))).collect();
            let held = Conditioning { class, noise: Some(0) };
            Told { latent: model.latent_of(row.clone(), self.info.freedom, &held), row, held }
        };
        host(rows).into_iter().zip(classes).map(told).collect()
    }
}

/// What an encoder file says of itself.
///
/// # Errors
/// It is none, or comes from a newer studio.
pub fn info_of(text: Option<&String>) -> Result<EncoderInfo> {
    let text = text.ok_or_else(|| Problem::data("This file holds no encoder"))?;
    let info: EncoderInfo = serde_json::from_str(text)
        .map_err(|e| Problem::data("The description inside this encoder cannot be read").because(e))?;
    if info.format > FORMAT {
        return Err(Problem::data("This encoder comes from a newer Latent Studio"));
    }
    Ok(info)
}

impl LoadedModel {
    /// Mean and standard deviation (over all numbers) of rows of random latents.
    ///
    /// # Errors
    /// The model has no such space.
    pub(super) fn spread(&self, freedom: LatentSpace) -> Result<(Vec<f32>, f32)> {
        let n = self.row(freedom);
        if freedom == LatentSpace::Z {
            return Ok((vec![0.0; n], 1.0));
        }
        self.allows(freedom)?;
        let latents: Vec<Latent> = (0..1000).map(|i| Latent::Seed { seed: 0x5eed_0000 + i }).collect();
        let rows = crate::base::linalg::rows::doubled(&self.rows_of(&latents, freedom)?);
        let centre = crate::base::linalg::rows::mean(&rows);
        let deviation = crate::base::linalg::rows::deviation(&rows, &centre);
        let scale = (deviation.iter().map(|d| d * d).sum::<f64>() / n.max(1) as f64).sqrt();
        Ok((centre.into_iter().map(|v| v as f32).collect(), (scale as f32).max(1e-6)))
    }
}

/// PSNR in dB of a mean squared error of pictures in −1…1; at most 100.
pub fn psnr(mse: f64) -> f64 {
    if mse <= 4e-10 { 100.0 } else { 10.0 * (4.0 / mse).log10() }
}
