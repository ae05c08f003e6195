//! A classifier trained on the spot from the data's own labels, to tell which kind each sample is of.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use super::bench::picture_of;
use super::rows::Rows;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Progress, Result, Shape};
use crate::data::Prepared;
use crate::models::io::Weights;
use crate::nn::act;
use crate::nn::conv::Conv;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::resample::padded;
use crate::nn::residual::Block;
use crate::train::optim::{Adam, AdamSettings};
use crate::train::tensors;

/// Changes with the network or its training: kept classifiers are then trained anew.
const VERSION: u32 = 1;
const CHANNELS: [usize; 3] = [24, 48, 96];
/// Pictures a step.
const BATCH: usize = 64;
/// Pictures seen: this many times the data, within these bounds.
const EPOCHS: usize = 12;
const LEAST: usize = 6_000;
const MOST: usize = 160_000;
/// Share of the data's own pictures that count as good.
const GOOD: f64 = 0.95;

#[derive(Module, Debug)]
struct Net {
    halves: Vec<Conv>,
    blocks: Vec<Block>,
    out: Linear,
}

impl Net {
    fn new(init: &Init<'_>, colours: usize, classes: usize) -> Self {
        let inputs = [colours, CHANNELS[0], CHANNELS[1]];
        let half = |i: usize| {
            let std = if i == 0 { lecun(16 * inputs[i]) } else { he(16 * inputs[i]) };
            Conv::half(&init.child(format!("halves.{i}")), inputs[i], CHANNELS[i], std)
        };
        let block = |i: usize| Block::new(&init.child(format!("blocks.{i}")), CHANNELS[i], CHANNELS[i], CHANNELS.len());
        Self {
            halves: (0..3).map(half).collect(),
            blocks: (0..3).map(block).collect(),
            out: Linear::new(&init.child("out"), CHANNELS[2], classes, 0.5 * lecun(CHANNELS[2])),
        }
    }

    /// `[b, c, r, r] → [b, classes]`
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let side = x.dims()[2].next_multiple_of(8);
        let mut x = padded(x, side);
        for (i, (half, block)) in self.halves.iter().zip(&self.blocks).enumerate() {
            x = if i == 0 { half.forward(x) } else { half.after_leaky(x) };
            x = block.forward(x);
        }
        let [b, c, h, w] = x.dims();
        self.out.forward(act::leaky(x).reshape([b, c, h * w]).mean_dim(2).reshape([b, c]))
    }
}

/// A classifier of pictures of one shape.
pub struct Classifier {
    net: Net,
    device: Device,
    shape: Shape,
    /// Names of its classes.
    pub labels: Vec<String>,
    /// Share of right answers on pictures that it did not learn from.
    pub accuracy: f64,
    /// A picture is good if it is at least this sure of it: 95 % of the data's own are.
    pub sure: f32,
}

/// What it says of pictures.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Told {
    /// The likeliest class of each.
    pub class: Vec<u32>,
    /// How likely that is.
    pub certainty: Vec<f32>,
}

impl Classifier {
    /// The classifier of a data set: kept from before, or trained now and kept.
    ///
    /// # Errors
    /// The data have fewer than two labels, or the work was cancelled.
    pub fn of(data: &Prepared, cache: &Path, device: &Device, progress: &dyn Progress) -> Result<Self> {
        let file = file(data, cache);
        if let Some(kept) = Self::kept(&file, data, device) {
            return Ok(kept);
        }
        let made = Self::train(data, device, progress)?;
        let weights =
            Weights::of(&made.net).with("accuracy", made.accuracy.to_string()).with("sure", made.sure.to_string());
        // Without room for it, it is trained again next time.
        if let Err(problem) = weights.write(&file) {
            log::warn!("{problem}");
        }
        Ok(made)
    }

    fn kept(file: &Path, data: &Prepared, device: &Device) -> Option<Self> {
        let weights = Weights::read(file).ok()?;
        let device = device.clone().inner();
        let shape = data.shape();
        let net = Net::new(&Init::blank("classifier", &device), shape.channels.count(), data.labels().len());
        Some(Self {
            net: weights.load(net).ok()?.valid(),
            device,
            shape,
            labels: data.labels().to_vec(),
            accuracy: weights.metadata.get("accuracy")?.parse().ok()?,
            sure: weights.metadata.get("sure")?.parse().ok()?,
        })
    }

    fn train(data: &Prepared, device: &Device, progress: &dyn Progress) -> Result<Self> {
        let labels = data.labels().to_vec();
        let known = |places: &mut dyn Iterator<Item = usize>| -> Vec<usize> {
            places.filter(|&i| data.label(i).is_some()).collect()
        };
        let mut all = known(&mut (0..data.len()));
        if labels.len() < 2 || all.len() < 2 {
            return Err(Problem::data("The data have no labels to tell samples apart by")
                .try_this("Give each kind a folder of its own, or a column `label` in captions.tsv"));
        }
        // A tenth is kept apart for the threshold and the accuracy, by chance: small sets have no held-out part.
        let mut stream = Stream::new(1, "classifier");
        stream.shuffle(&mut all);
        let apart = (all.len() / 10).clamp(1, 2000);
        let (held, learn) = all.split_at(apart);
        let device = device.clone().autodiff();
        let shape = data.shape();
        let mut net = Net::new(&Init::new(1, "classifier", &device), shape.channels.count(), labels.len());
        let mut adam = Adam::new();
        let steps = (learn.len() * EPOCHS).clamp(LEAST, MOST) / BATCH;
        let mut order = learn.to_vec();
        let mut at = order.len();
        for step in 0..steps {
            progress.cancel().check()?;
            progress.report("Learning the labels", step as u64, steps as u64);
            let mut places = Vec::with_capacity(BATCH);
            while places.len() < BATCH {
                if at >= order.len() {
                    stream.shuffle(&mut order);
                    at = 0;
                }
                places.push(order[at]);
                at += 1;
            }
            let mut bytes = Vec::with_capacity(BATCH * shape.bytes());
            let mut wanted = vec![0f32; BATCH * labels.len()];
            for (row, &i) in places.iter().enumerate() {
                bytes.extend(moved(data.picture(i), shape, &mut stream));
                // Known, as all of them are.
                let class = data.label(i).unwrap_or_default() as usize;
                wanted[row * labels.len() + class] = 1.0;
            }
            let x = tensors::pictures(&bytes, BATCH, shape, &device);
            let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [BATCH, labels.len()]), &device);
            let loss = (log_softmax(net.forward(x), 1) * wanted).sum().neg() / BATCH as f64;
            let grads = GradientsParams::from_grads(loss.backward(), &net);
            let t = step as f64 / steps as f64;
            let lr = 1e-3 * ((step + 1) as f64 / 50.0).min(1.0) * (0.02 + 0.98 * (1.0 - t));
            let settings = AdamSettings { lr, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip_norm: 5.0 };
            net = adam.step(settings, net, grads).0;
        }
        let device = device.inner();
        let mut made = Self { net: net.valid(), device, shape, labels, accuracy: 0.0, sure: 0.0 };
        let pictures: Vec<Picture> = held.iter().map(|&i| picture_of(data, i)).collect();
        let told = made.tell(&pictures);
        let right = held.iter().zip(&told.class).filter(|(i, class)| data.label(**i) == Some(**class)).count();
        made.accuracy = right as f64 / held.len() as f64;
        let mut sure = told.certainty;
        sure.sort_by(f32::total_cmp);
        made.sure = sure[((1.0 - GOOD) * sure.len() as f64) as usize];
        Ok(made)
    }

    /// What pictures of its shape are.
    pub fn tell(&self, pictures: &[Picture]) -> Told {
        let mut out = Told::default();
        for chunk in pictures.chunks(BATCH) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|p| p.to_interleaved(self.shape.channels)).collect();
            let x = tensors::pictures(&bytes, chunk.len(), self.shape, &self.device);
            let values = softmax(self.net.forward(x), 1).into_data().convert::<f32>();
            let rows = Rows::from_values(self.labels.len(), values.try_to_vec().unwrap_or_default());
            for row in rows.iter() {
                let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
                out.class.push(best as u32);
                out.certainty.push(row[best]);
            }
        }
        out
    }

    /// How it says what it rests on.
    pub fn describe(&self) -> String {
        format!(
            "classifier of {} labels, {:.1} % right on pictures kept apart",
            self.labels.len(),
            self.accuracy * 100.0
        )
    }
}

fn file(data: &Prepared, cache: &Path) -> PathBuf {
    cache.join("classifiers").join(format!("{}-{VERSION}.safetensors", data.hash()))
}

/// Moved by up to a sixteenth of a side, edges repeated.
fn moved(bytes: &[u8], shape: Shape, stream: &mut Stream) -> Vec<u8> {
    let (side, c) = (shape.resolution as usize, shape.channels.count());
    let reach = side / 16;
    let mut step = || stream.below(2 * reach as u64 + 1) as usize;
    let (dx, dy) = (step(), step());
    let inside = |v: usize| v.saturating_sub(reach).min(side - 1);
    let mut out = Vec::with_capacity(bytes.len());
    for y in 0..side {
        for x in 0..side {
            let from = (inside(y + dy) * side + inside(x + dx)) * c;
            out.extend_from_slice(&bytes[from..from + c]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Channels;

    #[test]
    fn moving_keeps_the_picture_and_its_size() {
        let shape = Shape { resolution: 16, channels: Channels::Rgb };
        let bytes: Vec<u8> = (0..shape.bytes()).map(|i| (i / 3 % 256) as u8).collect();
        let mut s = Stream::new(1, "move");
        let all: Vec<Vec<u8>> = (0..20).map(|_| moved(&bytes, shape, &mut s)).collect();
        assert!(all.iter().all(|m| m.len() == bytes.len()));
        assert!(all.contains(&bytes) && all.iter().any(|m| *m != bytes));
    }
}
