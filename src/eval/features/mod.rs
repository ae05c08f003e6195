//! What pictures look like, as numbers, by networks that come with the studio.
//!
//! - `studio-features`: 128 numbers, by an encoder that we train ourselves; pictures are brought to 64 pixels. Each feature
//!   has about mean 0 and deviation 1 over the pictures it was trained on. `train` says what it learned.
//! - `photo-features`: 1,280 numbers, the pooled features of [`PhotoNet`]; pictures are brought to 224 pixels.
//!
//! Pictures of any size are scaled (Lanczos down, Catmull-Rom up), grey is repeated to three channels, and transparency is
//! laid on middle grey. Numbers by one are comparable with each other only, never with those of another, nor with scores by
//! Inception.

mod dead_leaves;
pub mod distort;
pub mod model_card;
pub mod net;
mod task;
pub mod train;
mod views;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

pub use model_card::FeatureCard;
pub use net::{DIM, Encoder, SIDE};

pub use crate::recipe::FeatureSpace;

use super::feature_matrix::Rows;
use crate::base::{Picture, Problem, Progress, Resolution, Result};
use crate::data;
use crate::models::io::Weights;
use crate::models::photo_net::{self, PhotoNet};
use crate::nn::resample;

/// Key of the [`FeatureCard`] in the file's metadata.
pub const METADATA: &str = "latent_studio_features";

static SHIPPED: &[u8] = include_bytes!("../../../checkpoints/studio-features.safetensors");

/// Pictures in one pass of the network.
const BATCH: usize = 32;

/// What lies behind transparency.
const GREY: u8 = 128;

/// Networks that look at pictures.
enum Net {
    Studio(Encoder),
    Photo(PhotoNet),
}

/// A network that looks at pictures on a device, with its name.
pub struct Extractor {
    net: Net,
    device: Device,
    card: FeatureCard,
    id: String,
}

impl Extractor {
    /// The encoder that comes with the studio.
    ///
    /// # Errors
    /// None that a build that passed its tests can have: the file is inside the binary.
    pub fn shipped(device: &Device) -> Result<Self> {
        Self::of(&Weights::from_bytes(SHIPPED)?, device)
    }

    /// The network of a space.
    ///
    /// # Errors
    /// The file of the network for photographs is missing or damaged.
    pub fn of_space(space: FeatureSpace, device: &Device) -> Result<Self> {
        match space {
            FeatureSpace::Studio => Self::shipped(device),
            FeatureSpace::Photo => Self::photo(device),
        }
    }

    fn photo(device: &Device) -> Result<Self> {
        let net = PhotoNet::load(device)?;
        let card = FeatureCard {
            name: "photo-features".into(),
            summary: "What photographs show, by a network that tells a thousand kinds of things apart".into(),
            data: vec!["ImageNet (ILSVRC 2012), 1.28 million photographs of 1,000 classes".into()],
            licence: photo_net::attribution()?.into(),
            parameters: photo_net::PARAMETERS,
            ..FeatureCard::default()
        };
        let id = format!("{}-{}", card.name, &photo_net::hash()?[..8]);
        Ok(Self { net: Net::Photo(net), device: device.clone().inner(), card, id })
    }

    /// Name and card of the network of a space.
    ///
    /// # Errors
    /// As [`Self::of_space`].
    pub fn shipped_card(space: FeatureSpace) -> Result<(String, FeatureCard)> {
        let it = Self::of_space(space, &Device::flex())?;
        Ok((it.id, it.card))
    }

    /// An encoder from a file's weights.
    ///
    /// # Errors
    /// They are not those of such an encoder.
    pub fn of(weights: &Weights, device: &Device) -> Result<Self> {
        let text = weights.metadata.get(METADATA).ok_or_else(|| {
            Problem::data("These weights are no feature encoder")
                .try_this("Use a file that `latent-studio features train` made")
        })?;
        let card: FeatureCard = serde_json::from_str(text)
            .map_err(|e| Problem::data("The card inside this feature encoder cannot be read").because(e))?;
        let device = device.clone().inner();
        let net = weights.load(Encoder::blank(&device))?.valid();
        let id = format!("{}-{}", card.name, &weights.hash()[..8]);
        Ok(Self { net: Net::Studio(net), device, card, id })
    }

    /// Numbers in a feature.
    pub fn dim(&self) -> usize {
        match self.net {
            Net::Studio(_) => DIM,
            Net::Photo(_) => photo_net::DIM,
        }
    }

    /// Pixels a side that pictures are brought to.
    pub fn side(&self) -> u32 {
        match self.net {
            Net::Studio(_) => SIDE,
            Net::Photo(_) => photo_net::SIDE,
        }
    }

    /// Its name with the first digits of its weights' hash: scores by different ones cannot be compared.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it was trained on and how well it does.
    pub fn card(&self) -> &FeatureCard {
        &self.card
    }

    /// What it sees at four sizes, the largest first, differentiable: for losses and distances. `[b, 3, r, r] → [b, cᵢ, …]`
    pub fn maps(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        match &self.net {
            Net::Studio(net) => net.maps(x),
            Net::Photo(net) => {
                let [_, _, h, w] = x.dims();
                let least = |n: usize| n.max(SIDE as usize);
                net.stages(resample::bilinear(x, [least(h), least(w)])).into()
            }
        }
    }

    /// The device it computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One row of [`Self::dim`] numbers a picture. A picture's row does not depend on its company.
    ///
    /// # Errors
    /// The work was cancelled.
    pub fn features(&self, pictures: &[Picture], progress: &dyn Progress) -> Result<Rows> {
        let mut rows = Rows::new(self.dim());
        for chunk in pictures.chunks(BATCH) {
            progress.cancel().check()?;
            // Full batches only: which kernel a matrix product takes depends on its size.
            let x = input(chunk, BATCH, self.side(), &self.device);
            let values = match &self.net {
                Net::Studio(net) => net.forward(x),
                Net::Photo(net) => net.pooled(x),
            };
            let values = crate::nn::numbers(values);
            rows.extend(&values[..chunk.len() * self.dim()]);
            progress.report("Looking at pictures", rows.len() as u64, pictures.len() as u64);
        }
        Ok(rows)
    }
}

/// Pictures as the network takes them, brought to this size and filled up with grey ones to `count`.
/// `→ [count, 3, height, width]` in −1…1
pub fn input(pictures: &[Picture], count: usize, at: impl Into<Resolution>, device: &Device) -> Tensor<4> {
    let at = at.into();
    let ([rows, columns], plane) = (at.grid(), at.pixels());
    let size = plane * 3;
    let mut values = vec![0f32; count * size];
    values.par_chunks_mut(size).zip(pictures).for_each(|(out, picture)| {
        let picture = data::scaled(picture, at.width, at.height);
        for (i, pixel) in picture.rgba.chunks_exact(4).enumerate() {
            let alpha = f32::from(pixel[3]) / 255.0;
            for c in 0..3 {
                let over = f32::from(pixel[c]) * alpha + f32::from(GREY) * (1.0 - alpha);
                out[c * plane + i] = over / 127.5 - 1.0;
            }
        }
    });
    Tensor::from_data(TensorData::new(values, [count, 3, rows, columns]), device)
}

#[cfg(test)]
mod tests {
    use super::distort::{Plain, blur};
    use super::*;
    use crate::base::progress::Quiet;

    #[test]
    fn photo_features_have_a_card_and_a_row_for_each_picture_whatever_its_company() {
        let source = data::open("emoji:faces").unwrap();
        let pictures: Vec<Picture> = (0..3).map(|i| data::scaled(&source.decode(i * 9).unwrap(), 64, 64)).collect();
        let of = |space| Extractor::of_space(space, &Device::flex()).unwrap();
        let (photo, studio) = (of(FeatureSpace::Photo), of(FeatureSpace::Studio));
        assert!(photo.id().starts_with("photo-features-") && studio.id().starts_with("studio-features-"));
        assert!(photo.card().licence.contains("Apache") && photo.card().parameters > 4_000_000);
        assert_eq!((photo.dim(), photo.side(), studio.dim(), studio.side()), (1280, 224, 128, 64));
        let rows = |pictures: &[Picture]| photo.features(pictures, &Quiet::default()).unwrap();
        let all = rows(&pictures);
        assert_eq!((all.len(), all.values().len()), (3, 3 * 1280));
        assert_eq!(rows(&pictures[1..2]).values(), &all.values()[1280..2560]);
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        // A little blur already shows; much more shows more.
        let blurred = [0.4, 1.6, 6.0].map(|sigma| {
            let mut plain = Plain::of(&pictures[0]);
            blur(&mut plain, sigma);
            apart(&all.values()[..1280], rows(&[plain.to_picture()]).values())
        });
        assert!(blurred[0] > 0.0 && blurred[2] > blurred[0] && blurred[2] > blurred[1], "{blurred:?}");
    }
}
