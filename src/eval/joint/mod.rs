//! Words and pictures in one space: two frozen networks that ship with the studio (one sees photographs, one reads text),
//! and small heads on them that were trained on captioned pictures so that a caption and its picture lie close.
//!
//! ```text
//! picture ─ EfficientNet-Lite0 ─ 1280, means and deviations of its stages ─ linear ─┐
//!                                                                                    ├─ cosine
//! text ─ MiniLM-L3 ─ 384 ─ linear ───────────────────────────────────────────────────┘ 128
//! ```
//! Texts have one head, pictures one for each kind that was learned from. On photographs the classes that the first network was
//! trained on say more: a picture becomes the mean of its classes' names, weighted by their probabilities (ConSE, Norouzi
//! et al. 2014), and is compared with the text among texts. Which of both is used, and how far it is to be trusted, was
//! measured for each kind and stands in the card of the heads; see [`rank`].

mod heads;
pub mod networks;
pub mod rank;
pub mod teach;

use std::sync::OnceLock;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

pub use heads::{Comparison, Heads, JointCard, KindCard, Method};
pub use networks::Networks;

use heads::unit;

use super::feature_matrix::Rows;
use super::features;
use crate::base::paths::Paths;
use crate::base::progress::Quiet;
use crate::base::{Picture, Problem, Progress, Result};
use crate::models::photo_net::{self, PhotoNet};
use crate::models::shipped;
use crate::models::text::{self, TextEncoder};

/// Numbers in a vector of the joint space.
pub const DIM: usize = 128;
/// Pixels a side at which pictures are seen.
pub const SIDE: u32 = 128;
/// Numbers that the network for photographs says of a picture: [`photo_net::DIM`] that classes are told by, then mean and
/// standard deviation of each channel of its stages, which know colours and textures.
pub const SEEN: usize = photo_net::DIM + 2 * CHANNELS;
/// Channels of all stages.
const CHANNELS: usize = photo_net::STAGES[0] + photo_net::STAGES[1] + photo_net::STAGES[2] + photo_net::STAGES[3];
/// Pictures in one pass of the network.
const BATCH: usize = 16;

/// A space that pictures, and texts, have vectors in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// What the network for photographs sees.
    Photo,
    /// What the studio's own feature network sees.
    Studio,
    /// Texts and pictures together.
    #[default]
    Joint,
}

impl Space {
    /// `photo`, `studio` or `joint`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Studio => "studio",
            Self::Joint => "joint",
        }
    }

    /// The space of this id.
    ///
    /// # Errors
    /// There is none.
    pub fn from_id(id: &str) -> Result<Self> {
        [Self::Photo, Self::Studio, Self::Joint]
            .into_iter()
            .find(|s| s.id() == id)
            .ok_or_else(|| Problem::usage("There is no such space").of(id).try_this("Choose photo, studio or joint"))
    }
}

/// Both networks and the heads, on a device.
pub struct JointSpace {
    photo: PhotoNet,
    text: TextEncoder,
    heads: Heads,
    card: JointCard,
    device: Device,
    /// What a person taught, if anything.
    own: Option<teach::Own>,
    /// Vectors of the names of the classes of photographs, computed when they are first needed.
    names: OnceLock<Vec<f32>>,
}

impl JointSpace {
    /// What ships with the studio, if a person has not switched it off, with the words that they taught.
    ///
    /// # Errors
    /// A network is switched off, or see [`Self::shipped`].
    pub fn open(paths: &Paths, device: &Device) -> Result<Self> {
        Networks::read(paths).check_words()?;
        let own = teach::Own::read(paths, &device.clone().inner())?;
        Ok(Self { own, ..Self::shipped(device)? })
    }

    /// What ships with the studio.
    ///
    /// # Errors
    /// A file is not there, or is damaged, or the heads belong to other networks.
    pub fn shipped(device: &Device) -> Result<Self> {
        Self::of(&shipped::read(shipped::HEADS)?, device)
    }

    /// With the heads of a file.
    ///
    /// # Errors
    /// As [`Self::shipped`].
    pub fn of(heads: &[u8], device: &Device) -> Result<Self> {
        let device = device.clone().inner();
        let (heads, card) = Heads::read(heads, &device)?;
        let (photo, text) = (PhotoNet::load(&device)?, TextEncoder::shipped(&device)?);
        if card.photo != photo_net::hash()?[..8] || card.text != text.id() {
            return Err(shipped::damaged("its networks are not those that its heads were trained on"));
        }
        Ok(Self { photo, text, heads, card, device, own: None, names: OnceLock::new() })
    }

    /// What the heads were trained on, and how well they do.
    pub fn card(&self) -> &JointCard {
        &self.card
    }

    /// The encoder of text.
    pub fn text(&self) -> &TextEncoder {
        &self.text
    }

    /// What the network for photographs sees of pictures: one row of [`SEEN`] numbers each. Transparency is laid on white.
    ///
    /// # Errors
    /// The work was cancelled.
    pub fn seen(&self, pictures: &[Picture], progress: &dyn Progress) -> Result<Rows> {
        let mut rows = Rows::new(SEEN);
        for chunk in pictures.chunks(BATCH) {
            progress.cancel().check()?;
            let opaque: Vec<Picture> = chunk.iter().map(on_white).collect();
            rows.extend(&host(self.see(features::input(&opaque, opaque.len(), SIDE, &self.device)))?);
            progress.report("Looking at pictures", rows.len() as u64, pictures.len() as u64);
        }
        Ok(rows)
    }

    /// The same of a tensor in −1…1, differentiable. `[b, 3, h, w] → [b, SEEN]`
    pub fn see(&self, x: Tensor<4>) -> Tensor<2> {
        let stages = self.photo.stages(x);
        let (mut means, mut deviations) = (Vec::with_capacity(4), Vec::with_capacity(4));
        for stage in &stages {
            let [b, c, h, w] = stage.dims();
            let flat = stage.clone().reshape([b, c, h * w]);
            let mean = flat.clone().mean_dim(2);
            // The small number keeps the root's slope finite where a channel is the same everywhere.
            let deviation = ((flat - mean.clone()).square().mean_dim(2) + 1e-10).sqrt();
            means.push(mean.reshape([b, c]));
            deviations.push(deviation.reshape([b, c]));
        }
        let [.., last] = stages;
        let parts = std::iter::once(self.photo.pooled_of(last)).chain(means).chain(deviations);
        Tensor::cat(parts.collect(), 1)
    }

    /// Of what was seen only what classes of photographs are told by. `[n, SEEN] → [n, 1280]`
    pub fn pooled(&self, seen: &Rows) -> Rows {
        let pooled = seen.iter().flat_map(|row| row[..photo_net::DIM].iter().copied()).collect();
        Rows::from_values(photo_net::DIM, pooled)
    }

    /// Vectors of length 1 in the joint space of what was seen. `[n, SEEN] → [n, 128]`
    ///
    /// # Errors
    /// The device computes no finite numbers.
    pub fn pictures(&self, seen: &Rows) -> Result<Rows> {
        if seen.is_empty() {
            return Ok(Rows::new(DIM));
        }
        let x = tensor(seen.values().to_vec(), SEEN, &self.device);
        Ok(Rows::from_values(DIM, host(self.heads.picture(x, None))?))
    }

    /// Vectors of length 1 in the joint space of texts.
    ///
    /// # Errors
    /// A text is empty or far too long, or the work was cancelled.
    pub fn texts(&self, texts: &[String], progress: &dyn Progress) -> Result<Rows> {
        let x = tensor(self.text.vectors(texts, progress)?.concat(), text::WIDTH, &self.device);
        Ok(Rows::from_values(DIM, host(self.heads.text(x, None))?))
    }

    /// Vectors of texts as they come from their head, one after the other.
    fn raw_texts(&self, texts: &[String], progress: &dyn Progress) -> Result<Vec<f32>> {
        let x = tensor(self.text.vectors(texts, progress)?.concat(), text::WIDTH, &self.device);
        host(self.heads.raw_text(x))
    }

    /// A text as it is held against pictures: its vector of length 1. `[1, d]`
    ///
    /// # Errors
    /// As [`Self::texts`].
    pub fn wanted(&self, text: &str, by: Comparison, progress: &dyn Progress) -> Result<Tensor<2>> {
        let vector = self.text.vectors(&[text.to_string()], progress)?.concat();
        let vector = tensor(vector, text::WIDTH, &self.device);
        Ok(match by.method {
            Method::Heads => match self.own.as_ref().filter(|_| by.own) {
                Some(own) => own.centred(self.heads.raw_text(vector)),
                None => self.heads.text(vector, by.kind),
            },
            Method::ClassNames => vector,
        })
    }

    /// Vectors of length 1 of what was seen, differentiable, to be held against [`Self::wanted`]. `[b, SEEN] → [b, d]`
    ///
    /// # Errors
    /// The names of classes could not be read.
    pub fn vectors(&self, seen: Tensor<2>, by: Comparison) -> Result<Tensor<2>> {
        if let Some(own) = self.own.as_ref().filter(|_| by.own) {
            return Ok(own.picture(seen));
        }
        if by.method == Method::Heads {
            return Ok(self.heads.picture(seen, by.kind));
        }
        let names = tensor(self.name_vectors(&Quiet::default())?.to_vec(), text::WIDTH, &self.device);
        let names = if seen.is_autodiff() { names.autodiff() } else { names };
        let shares = softmax(self.photo.logits(seen.narrow(1, 0, photo_net::DIM))?, 1);
        Ok(unit(shares.matmul(names)))
    }

    /// Vectors of the names of the classes of photographs, one after the other.
    fn name_vectors(&self, progress: &dyn Progress) -> Result<&[f32]> {
        if let Some(names) = self.names.get() {
            return Ok(names);
        }
        let names = self.text.vectors(photo_net::class_names()?, progress)?.concat();
        Ok(self.names.get_or_init(|| names))
    }

    /// Probabilities of the kinds in the card, on average over what was seen.
    ///
    /// # Errors
    /// The device computes no finite numbers.
    pub fn kinds(&self, seen: &Rows) -> Result<Vec<f32>> {
        let x = tensor(seen.values().to_vec(), SEEN, &self.device);
        let rows = Rows::from_values(self.card.kinds.len(), host(self.heads.kinds(x))?);
        let mut mean = vec![0.0; rows.dim()];
        rows.iter().for_each(|row| mean.iter_mut().zip(row).for_each(|(m, p)| *m += p / rows.len() as f32));
        Ok(mean)
    }
}

/// A picture laid on white where it is transparent.
fn on_white(picture: &Picture) -> Picture {
    let mut out = picture.clone();
    for pixel in out.rgba.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        for value in &mut pixel[..3] {
            *value = ((u32::from(*value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
        pixel[3] = 255;
    }
    out
}

fn tensor(values: Vec<f32>, dim: usize, device: &Device) -> Tensor<2> {
    let n = values.len() / dim;
    Tensor::from_data(TensorData::new(values, [n, dim]), device)
}

/// Numbers of a tensor.
fn host<const D: usize>(x: Tensor<D>) -> Result<Vec<f32>> {
    let bad = |why: String| {
        Problem::failed("The joint space could not be computed")
            .because(why)
            .try_this("Choose another device: `latent-studio devices` says which compute correctly")
    };
    let values: Vec<f32> = x.into_data().convert::<f32>().try_into_vec().map_err(|e| bad(format!("{e:?}")))?;
    if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(bad("numbers are not finite".into())) }
}
