//! `studio-features`: what pictures look like, as 128 numbers, by an encoder that we train ourselves and ship.
//!
//! Pictures of any size are brought to 64 pixels (Lanczos down, Catmull-Rom up), grey is repeated to three channels, and
//! transparency is laid on middle grey. Each feature has about mean 0 and deviation 1 over the pictures it was trained
//! on. `train` says what it learned; numbers by it are comparable with each other only, never with scores by Inception.

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

use super::feature_matrix::Rows;
use crate::base::{Picture, Problem, Progress, Result};
use crate::data;
use crate::models::io::Weights;

/// Key of the [`FeatureCard`] in the file's metadata.
pub const METADATA: &str = "latent_studio_features";

static SHIPPED: &[u8] = include_bytes!("../../../checkpoints/studio-features.safetensors");

/// Pictures in one pass of the network.
const BATCH: usize = 32;

/// What lies behind transparency.
const GREY: u8 = 128;

/// The encoder on a device, with its name.
pub struct Extractor {
    net: Encoder,
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

    /// Name and card of the encoder that comes with the studio.
    ///
    /// # Errors
    /// As [`Self::shipped`].
    pub fn shipped_card() -> Result<(String, FeatureCard)> {
        let it = Self::shipped(&Device::flex())?;
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
        Ok(Self { net, device, card, id })
    }

    /// Its name with the first digits of its weights' hash: scores by different ones cannot be compared.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it was trained on and how well it does.
    pub fn card(&self) -> &FeatureCard {
        &self.card
    }

    /// The network, for losses and distances on its maps.
    pub fn net(&self) -> &Encoder {
        &self.net
    }

    /// The device it computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One row of [`DIM`] numbers a picture. A picture's row does not depend on its company.
    ///
    /// # Errors
    /// The work was cancelled.
    pub fn features(&self, pictures: &[Picture], progress: &dyn Progress) -> Result<Rows> {
        let mut rows = Rows::new(DIM);
        for chunk in pictures.chunks(BATCH) {
            progress.cancel().check()?;
            // Full batches only: which kernel a matrix product takes depends on its size.
            let values = self.net.forward(input(chunk, BATCH, SIDE, &self.device));
            let values: Vec<f32> = values.into_data().convert::<f32>().try_into_vec().unwrap_or_default();
            rows.extend(&values[..chunk.len() * DIM]);
            progress.report("Looking at pictures", rows.len() as u64, pictures.len() as u64);
        }
        Ok(rows)
    }
}

/// Pictures as the network takes them, filled up with grey ones to `count`. `→ [count, 3, side, side]` in −1…1
pub fn input(pictures: &[Picture], count: usize, side: u32, device: &Device) -> Tensor<4> {
    let size = (side * side) as usize * 3;
    let mut values = vec![0f32; count * size];
    values.par_chunks_mut(size).zip(pictures).for_each(|(out, picture)| {
        let picture = data::scaled(picture, side, side);
        let plane = (side * side) as usize;
        for (i, pixel) in picture.rgba.chunks_exact(4).enumerate() {
            let alpha = f32::from(pixel[3]) / 255.0;
            for c in 0..3 {
                let over = f32::from(pixel[c]) * alpha + f32::from(GREY) * (1.0 - alpha);
                out[c * plane + i] = over / 127.5 - 1.0;
            }
        }
    });
    Tensor::from_data(TensorData::new(values, [count, 3, side as usize, side as usize]), device)
}
