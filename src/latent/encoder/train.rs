//! Training an encoder on what its generator makes.
//!
//! A step draws latents, has the generator make their pictures, and asks the network for them: at first only for the
//! numbers (cheap), then also for pictures that look the same, since what the generator hardly shows cannot be told.

use std::path::Path;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{Encoder, psnr, store};
use crate::base::paths::{Paths, write_atomically};
use crate::base::rng::{Stream, StreamState};
use crate::base::{Family, Problem, Progress, Result};
use crate::latent::latent_forward::{Conditioning, LatentSpace, host};
use crate::latent::latent_optimizer::beside;
use crate::latent::model::LoadedModel;
use crate::models::ImageRegressor;
use crate::models::io::{HostTensor, Weights};
use crate::nn::init::Init;
use crate::nn::per_picture;
use crate::train::optim::{Adam, AdamSettings, AdamState, parameter_sizes};
use crate::train::tensors;

/// Pictures in a step.
const BATCH: usize = 32;
/// Share of the training that asks for numbers only.
const NUMBERS_ONLY: f64 = 0.3;
/// Weight of the numbers once pictures are compared too.
const NUMBERS: f64 = 0.05;
/// Learning rate at the beginning; it falls to a hundredth along a cosine.
const RATE: f64 = 1.5e-3;
/// Steps between saves.
const SAVE: u64 = 200;
/// Pictures that it is judged by.
const JUDGED: u64 = 256;
/// Seeds of those, far from those that people look at.
const JUDGED_SEEDS: u64 = 0x0e0c_0000;

/// How long to train an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Thousands of pictures.
    pub kimg: f64,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self { kimg: 200.0 }
    }
}

/// Where a training stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Standing {
    images: u64,
    stream: StreamState,
    decay1: f64,
    decay2: f64,
}

struct Training<'a> {
    model: &'a LoadedModel,
    encoder: Encoder,
    adam: Adam,
    stream: Stream,
    images: u64,
}

/// Trains an encoder for a GAN and keeps it. Goes on where an earlier, broken-off training stood; begins with the
/// encoder of an earlier state of the same run, if there is one.
///
/// # Errors
/// The model is a VAE, which has an encoder; the disk is full; or it was cancelled (what was learned is kept for the
/// next time).
pub fn train(model: &LoadedModel, wish: EncoderConfig, paths: &Paths, progress: &dyn Progress) -> Result<Encoder> {
    let info = model.info();
    if info.family != Family::Gan {
        return Err(Problem::usage("A VAE has its own encoder").of(info.name.clone()));
    }
    let unfinished = store::unfinished(paths, &info.hash);
    let mut training = Training::begin(model, &unfinished, paths)?;
    let total = (wish.kimg * 1000.0).max(BATCH as f64) as u64;
    while training.images < total {
        progress.report("Training the encoder", training.images, total);
        if progress.cancel().is_cancelled() {
            training.save(&unfinished)?;
            progress.cancel().check()?;
        }
        training.step(training.images as f64 / total as f64);
        if (training.images / BATCH as u64).is_multiple_of(SAVE) {
            training.save(&unfinished)?;
        }
    }
    progress.report("Judging the encoder", 0, 1);
    let mut encoder = training.encoder;
    encoder.net = encoder.net.valid();
    encoder.info.kimg = training.images as f64 / 1000.0;
    judge(model, &mut encoder);
    if !encoder.info.psnr.is_finite() {
        return Err(Problem::failed("The encoder did not learn").of(info.name.clone()));
    }
    encoder.weights()?.write(&store::file(paths, &info.hash))?;
    let _ = std::fs::remove_file(&unfinished);
    store::forget_earlier(model, paths);
    Ok(encoder)
}

/// Where an earlier training of a network stood; nothing if there was none.
///
/// # Errors
/// The file is damaged, or of another network.
fn unfinished_state(path: &Path, net: &ImageRegressor) -> Result<Option<(ImageRegressor, AdamState, Standing)>> {
    if !path.is_file() {
        return Ok(None);
    }
    let weights = Weights::read(path)?;
    let foreign = || Problem::data("This file holds no unfinished encoder").of(path.display().to_string());
    let standing = weights.metadata.get("standing").ok_or_else(foreign)?;
    let standing: Standing = serde_json::from_str(standing).map_err(|e| foreign().because(e))?;
    let moments = (0..).map_while(|i| {
        let get = |which: &str| weights.tensors.get(&format!("adam.{which}.{i:04}"));
        Some((get("m")?.values.clone(), get("v")?.values.clone()))
    });
    let state = AdamState { moments: moments.collect(), decay1: standing.decay1, decay2: standing.decay2 };
    state.fits(&parameter_sizes(net))?;
    Ok(Some((weights.under("net.").load(net.clone())?, state, standing)))
}

impl<'a> Training<'a> {
    fn begin(model: &'a LoadedModel, unfinished: &Path, paths: &Paths) -> Result<Self> {
        let freedom = if model.layers() > 0 { LatentSpace::W } else { LatentSpace::Z };
        let device = model.device.clone().autodiff();
        let mut encoder = Encoder::new(model, freedom, &Init::new(1, "encoder", &device))?;
        let fresh = |encoder| Self { model, encoder, adam: Adam::new(), stream: Stream::new(1, "encoder"), images: 0 };
        match unfinished_state(unfinished, &encoder.net) {
            Ok(Some((net, state, standing))) => {
                encoder.net = net;
                let mut training = fresh(encoder);
                training.adam = Adam::from_state(&state, &device);
                training.stream = Stream::from_state(&standing.stream);
                training.images = standing.images;
                return Ok(training);
            }
            Ok(None) => {}
            // A half-written or foreign file is no reason not to begin anew; the next save replaces it.
            Err(problem) => log::warn!("an unfinished encoder is left aside: {problem}"),
        }
        if let Some(weights) = store::earlier(model, paths) {
            encoder.net = weights.under("net.").load_fitting(encoder.net).0;
        }
        Ok(fresh(encoder))
    }

    fn save(&self, path: &Path) -> Result<()> {
        let mut weights = Weights::default();
        weights.put("net.", &self.encoder.net);
        let state = self.adam.state();
        for (i, (m, v)) in state.moments.into_iter().enumerate() {
            for (which, values) in [("m", m), ("v", v)] {
                let tensor = HostTensor { shape: vec![values.len()], values };
                weights.tensors.insert(format!("adam.{which}.{i:04}"), tensor);
            }
        }
        let standing =
            Standing { images: self.images, stream: self.stream.state(), decay1: state.decay1, decay2: state.decay2 };
        let text = serde_json::to_string(&standing)
            .map_err(|e| Problem::failed("The encoder could not be saved").because(e))?;
        write_atomically(path, &weights.with("standing", text).to_bytes())
    }

    /// One step, `done` of the whole way (0 to 1).
    fn step(&mut self, done: f64) {
        let (model, device) = (self.model, self.model.device.clone());
        let (z, held) = drawn(model, BATCH, &mut self.stream);
        let freedom = self.encoder.info.freedom;
        let (x, rows) = made(model, z, &held, freedom, &device);
        let (told, logits) = self.encoder.rows(x.clone().autodiff());
        let scale = f64::from(self.encoder.scale);
        let numbers = ((told.clone() - rows) * (1.0 / scale)).square().mean();
        let mut loss = if done < NUMBERS_ONLY {
            numbers
        } else {
            let y = model.draw(told, freedom, &held, &mut |_, x| x);
            (beside(y, &x) - x).square().mean() + numbers * NUMBERS
        };
        if let Some(logits) = logits {
            let shares = tensors::matrix(
                held.iter().flat_map(|h| h.class.clone()).collect(),
                BATCH,
                self.encoder.classes,
                &device,
            );
            let likelihood = (burn::tensor::activation::log_softmax(logits, 1) * shares).sum_dim(1).mean();
            loss = loss - likelihood * 0.1;
        }
        let grads = GradientsParams::from_grads(loss.backward(), &self.encoder.net);
        let fall = 0.5 + 0.5 * (std::f64::consts::PI * done.min(1.0)).cos();
        let lr = RATE * (0.01 + 0.99 * fall);
        let settings = AdamSettings { lr, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip_norm: 1.0 };
        self.encoder.net = self.adam.step(settings, self.encoder.net.clone(), grads).0;
        self.images += BATCH as u64;
    }
}

/// Latents for a batch, each of some class and with noise of its own.
fn drawn(model: &LoadedModel, n: usize, stream: &mut Stream) -> (Vec<f32>, Vec<Conditioning>) {
    let dims = model.dims();
    let z = stream.normals(n * dims.z);
    let held = (0..n).map(|_| {
        let mut class = vec![0.0; dims.classes];
        if dims.classes > 0 {
            class[stream.below(dims.classes as u64) as usize] = 1.0;
        }
        Conditioning { class, noise: Some(if dims.layers > 0 { stream.bits() } else { 0 }) }
    });
    (z, held.collect())
}

/// Pictures of latents, and the rows that are to be told of them. `([n, c, r, r], [n, row])`
fn made(
    model: &LoadedModel,
    z: Vec<f32>,
    held: &[Conditioning],
    freedom: LatentSpace,
    device: &Device,
) -> (Tensor<4>, Tensor<2>) {
    let (n, dim) = (held.len(), model.latent());
    let z: Tensor<2> = Tensor::from_data(TensorData::new(z, [n, dim]), device);
    let rows = model.styled_rows(z, held, freedom);
    let x = model.draw(rows.clone(), freedom, held, &mut |_, x| x).clamp(-1.0, 1.0);
    (x, rows)
}

/// How well it does on pictures that it did not learn from.
fn judge(model: &LoadedModel, encoder: &mut Encoder) {
    let device = model.device.clone();
    let (mut scores, mut right, mut count) = (Vec::new(), 0usize, 0usize);
    for group in 0..JUDGED / BATCH as u64 {
        let mut stream = Stream::new(JUDGED_SEEDS + group, "judged");
        let (z, held) = drawn(model, BATCH, &mut stream);
        let (x, _) = made(model, z, &held, encoder.info.freedom, &device);
        let told = encoder.tell(model, x.clone());
        let values: Vec<f32> = told.iter().flat_map(|t| t.row.clone()).collect();
        let rows = Tensor::from_data(TensorData::new(values, [BATCH, encoder.centre.len()]), &device);
        let of: Vec<Conditioning> = told.iter().map(|t| t.held.clone()).collect();
        for (t, h) in of.iter().zip(&held) {
            right += usize::from(t.class == h.class);
            count += 1;
        }
        let y = model.draw(rows, encoder.info.freedom, &of, &mut |_, x| x).clamp(-1.0, 1.0);
        let errors = per_picture((y - x).square()).mean_dim(1);
        scores.extend(host(errors).into_iter().flatten().map(|e| psnr(f64::from(e))));
    }
    scores.sort_by(f64::total_cmp);
    encoder.info.psnr = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    encoder.info.low = scores.get(scores.len() / 100).copied().unwrap_or(0.0);
    encoder.info.class_accuracy = if encoder.classes > 0 { right as f64 / count.max(1) as f64 } else { 1.0 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::{Quiet, Watched};
    use crate::latent::testing::fresh;

    /// Trains until so many pictures were seen, and is ended there.
    fn broken_off(model: &LoadedModel, paths: &Paths, images: u64) {
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let progress = Watched::new(cancel, move |_, done, _| {
            if done >= images {
                flag.cancel();
            }
        });
        assert!(train(model, EncoderConfig { kimg: 100.0 }, paths, &progress).is_err());
    }

    #[test]
    fn a_foreign_or_torn_unfinished_file_is_begun_anew_and_an_own_one_gone_on_with() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let (small, large) = (fresh("dcgan", 8, 4), fresh("dcgan", 8, 6));
        let own = store::unfinished(&paths, &small.info().hash);
        broken_off(&large, &paths, 1);
        let foreign = store::unfinished(&paths, &large.info().hash);
        let blank = |model: &LoadedModel| {
            let device = model.device.clone().autodiff();
            Encoder::new(model, LatentSpace::Z, &Init::new(1, "encoder", &device)).unwrap().net
        };
        assert!(unfinished_state(&own, &blank(&small)).unwrap().is_none());
        let whole = std::fs::read(&foreign).unwrap();
        for bytes in [whole.clone(), whole[..whole.len() / 2].to_vec(), b"nothing".to_vec()] {
            std::fs::write(&own, bytes).unwrap();
            assert!(unfinished_state(&own, &blank(&small)).is_err());
            // It is replaced by the first save, and gone on with from then on.
            broken_off(&small, &paths, BATCH as u64);
            let (_, _, standing) = unfinished_state(&own, &blank(&small)).unwrap().unwrap();
            assert_eq!(standing.images, BATCH as u64);
        }
        broken_off(&small, &paths, 3 * BATCH as u64);
        let (_, _, standing) = unfinished_state(&own, &blank(&small)).unwrap().unwrap();
        assert_eq!(standing.images, 3 * BATCH as u64);
        let encoder = train(&small, EncoderConfig { kimg: 0.128 }, &paths, &Quiet::default()).unwrap();
        assert_eq!(encoder.info().kimg, 0.128);
        // A damaged encoder is named, and training makes a good one of it.
        let file = store::file(&paths, &small.info().hash);
        let mut weights = Weights::read(&file).unwrap();
        weights.tensors.remove("centre");
        weights.write(&file).unwrap();
        let told = store::find(&small, &paths).err().unwrap();
        assert!(told.subject.unwrap().contains(&small.info().hash) && told.remedy.is_some());
        train(&small, EncoderConfig { kimg: 0.032 }, &paths, &Quiet::default()).unwrap();
        assert!(store::find(&small, &paths).unwrap().is_some());
    }
}
