//! A classifier trained on the spot from the data's own labels, to tell which kind each sample is of.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use super::feature_matrix::Rows;
use super::pictures::picture_of;
use crate::base::rng::Stream;
use crate::base::{Channels, Picture, Problem, Progress, Result, Shape};
use crate::data::Prepared;
use crate::models::io::Weights;
use crate::nn::activation;
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
        let [_, _, h, w] = x.dims();
        let mut x = padded(x, [h, w].map(|side| side.next_multiple_of(8)));
        for (i, (half, block)) in self.halves.iter().zip(&self.blocks).enumerate() {
            x = if i == 0 { half.forward(x) } else { half.after_leaky(x) };
            x = block.forward(x);
        }
        let [b, c, h, w] = x.dims();
        self.out.forward(activation::leaky(x).reshape([b, c, h * w]).mean_dim(2).reshape([b, c]))
    }
}

/// A classifier of pictures of one shape.
pub struct Classifier {
    net: Net,
    device: Device,
    /// What the network looks at.
    seen: Shape,
    /// Labels of one channel, where each of three channels is a picture of its own (stacked pictures).
    stack: Option<usize>,
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
        let mut made = Self::fresh(data, &Init::new(1, "classifier", &device.clone().autodiff()));
        made.learn(data, progress)?;
        let weights =
            Weights::of(&made.net).with("accuracy", made.accuracy.to_string()).with("sure", made.sure.to_string());
        // Without room for it, it is trained again next time.
        if let Err(problem) = weights.write(&file) {
            log::warn!("{problem}");
        }
        Ok(made)
    }

    fn fresh(data: &Prepared, init: &Init<'_>) -> Self {
        let labels = data.labels().to_vec();
        let stack = stacked(&labels).filter(|_| data.shape().channels == Channels::Rgb);
        let channels = if stack.is_some() { Channels::Grey } else { data.shape().channels };
        let seen = Shape { channels, ..data.shape() };
        let net = Net::new(init, channels.count(), stack.unwrap_or(labels.len()).max(1));
        Self { net, device: init.device().clone(), seen, stack, labels, accuracy: 0.0, sure: 0.0 }
    }

    fn kept(file: &Path, data: &Prepared, device: &Device) -> Option<Self> {
        let weights = Weights::read(file).ok()?;
        let device = device.clone().inner();
        let mut kept = Self::fresh(data, &Init::blank("classifier", &device));
        kept.net = weights.load(kept.net).ok()?.valid();
        kept.accuracy = weights.metadata.get("accuracy")?.parse().ok()?;
        kept.sure = weights.metadata.get("sure")?.parse().ok()?;
        Some(kept)
    }

    /// Classes of what the network tells apart.
    fn outputs(&self) -> usize {
        self.stack.unwrap_or(self.labels.len())
    }

    /// What of a picture (interleaved bytes) is looked at, and how many such parts it has.
    fn parts(&self) -> usize {
        if self.stack.is_some() { 3 } else { 1 }
    }

    fn part(&self, picture: &[u8], part: usize) -> Vec<u8> {
        match self.stack {
            Some(_) => picture.iter().skip(part).step_by(3).copied().collect(),
            None => picture.to_vec(),
        }
    }

    /// Class of a part of a picture with this label.
    fn class_of(&self, label: u32, part: usize) -> usize {
        match self.stack {
            Some(n) => label as usize / n.pow(2 - part as u32) % n,
            None => label as usize,
        }
    }

    fn learn(&mut self, data: &Prepared, progress: &dyn Progress) -> Result<()> {
        let mut all: Vec<usize> = (0..data.len()).filter(|&i| data.label(i).is_some()).collect();
        if self.labels.len() < 2 || all.len() < 2 {
            return Err(Problem::data("The data have no labels to tell samples apart by")
                .try_this("Give each kind a folder of its own, or a column `label` in captions.tsv"));
        }
        // A tenth is kept apart for the threshold and the accuracy, by chance: small sets have no held-out part.
        let mut stream = Stream::new(1, "classifier");
        stream.shuffle(&mut all);
        let (held, learn) = all.split_at((all.len() / 10).clamp(1, 2000));
        let mut adam = Adam::new();
        let steps = (learn.len() * self.parts() * EPOCHS).clamp(LEAST, MOST) / BATCH;
        let mut order: Vec<(usize, usize)> =
            learn.iter().flat_map(|&i| (0..self.parts()).map(move |part| (i, part))).collect();
        let mut at = order.len();
        let mut net = self.net.clone();
        for step in 0..steps {
            progress.cancel().check()?;
            progress.report("Learning the labels", step as u64, steps as u64);
            let mut bytes = Vec::with_capacity(BATCH * self.seen.bytes());
            let mut wanted = vec![0f32; BATCH * self.outputs()];
            for row in wanted.chunks_exact_mut(self.outputs()) {
                if at >= order.len() {
                    stream.shuffle(&mut order);
                    at = 0;
                }
                let (place, part) = order[at];
                at += 1;
                bytes.extend(moved(&self.part(data.picture(place), part), self.seen, &mut stream));
                // Known, as all of them are.
                row[self.class_of(data.label(place).unwrap_or_default(), part)] = 1.0;
            }
            let x = tensors::pictures(&bytes, BATCH, self.seen, &self.device);
            let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [BATCH, self.outputs()]), &self.device);
            let loss = (log_softmax(net.forward(x), 1) * wanted).sum().neg() / BATCH as f64;
            let grads = GradientsParams::from_grads(loss.backward(), &net);
            let t = step as f64 / steps as f64;
            let lr = 1e-3 * ((step + 1) as f64 / 50.0).min(1.0) * (0.02 + 0.98 * (1.0 - t));
            let settings = AdamSettings { lr, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip_norm: 5.0 };
            net = adam.step(settings, net, grads).0;
        }
        self.net = net.valid();
        self.device = self.device.clone().inner();
        let pictures: Vec<Picture> = held.iter().map(|&i| picture_of(data, i)).collect();
        let told = self.tell(&pictures);
        let right = held.iter().zip(&told.class).filter(|(i, class)| data.label(**i) == Some(**class)).count();
        self.accuracy = right as f64 / held.len() as f64;
        let mut sure = told.certainty;
        sure.sort_by(f32::total_cmp);
        self.sure = sure[((1.0 - GOOD) * sure.len() as f64) as usize];
        Ok(())
    }

    /// What pictures of the data's shape are. A stacked picture is as certain as its least certain part.
    pub fn tell(&self, pictures: &[Picture]) -> Told {
        let mut out = Told { class: vec![0; pictures.len()], certainty: vec![1.0; pictures.len()] };
        let channels = if self.stack.is_some() { Channels::Rgb } else { self.seen.channels };
        for part in 0..self.parts() {
            for (chunk, group) in pictures.chunks(BATCH).enumerate() {
                let bytes: Vec<u8> = group.iter().flat_map(|p| self.part(&p.to_interleaved(channels), part)).collect();
                let x = tensors::pictures(&bytes, group.len(), self.seen, &self.device);
                let values = softmax(self.net.forward(x), 1).into_data().convert::<f32>();
                let rows = Rows::from_values(self.outputs(), values.try_to_vec().unwrap_or_default());
                for (i, row) in rows.iter().enumerate() {
                    let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
                    let at = chunk * BATCH + i;
                    out.class[at] = out.class[at] * self.outputs() as u32 + best as u32;
                    out.certainty[at] = out.certainty[at].min(row[best]);
                }
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

/// How many labels a channel has, where labels are those of three channels: `a / b / c` for every a, b and c.
fn stacked(labels: &[String]) -> Option<usize> {
    let n = (2..=labels.len()).take_while(|n| n.pow(3) <= labels.len()).last()?;
    let last = |i: usize| labels[i].rsplit(" / ").next();
    let name = |i: usize| Some(format!("{} / {} / {}", last(i / (n * n))?, last(i / n % n)?, last(i % n)?));
    let whole = n.pow(3) == labels.len() && (0..labels.len()).all(|i| name(i).as_ref() == Some(&labels[i]));
    whole.then_some(n)
}

/// Moved by up to a sixteenth of a side, edges repeated.
fn moved(bytes: &[u8], shape: Shape, stream: &mut Stream) -> Vec<u8> {
    let [c, rows, columns] = shape.planes();
    let mut step = |side: usize| stream.below(2 * (side / 16) as u64 + 1) as usize;
    let (dx, dy) = (step(columns), step(rows));
    let inside = |v: usize, side: usize| v.saturating_sub(side / 16).min(side - 1);
    let mut out = Vec::with_capacity(bytes.len());
    for y in 0..rows {
        for x in 0..columns {
            let from = (inside(y + dy, rows) * columns + inside(x + dx, columns)) * c;
            out.extend_from_slice(&bytes[from..from + c]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_keeps_the_picture_and_its_size() {
        let shape = Shape { resolution: 16.into(), channels: Channels::Rgb };
        let bytes: Vec<u8> = (0..shape.bytes()).map(|i| (i / 3 % 256) as u8).collect();
        let mut s = Stream::new(1, "move");
        let all: Vec<Vec<u8>> = (0..20).map(|_| moved(&bytes, shape, &mut s)).collect();
        assert!(all.iter().all(|m| m.len() == bytes.len()));
        assert!(all.contains(&bytes) && all.iter().any(|m| *m != bytes));
    }

    #[test]
    fn labels_of_three_channels_are_known_by_their_names() {
        let base = ["bag", "shirt", "coat"];
        let mut labels: Vec<String> =
            (0..27).map(|i| format!("{} / {} / {}", base[i / 9], base[i / 3 % 3], base[i % 3])).collect();
        assert_eq!(stacked(&labels), Some(3));
        labels[5] = "x".into();
        assert_eq!(stacked(&labels), None);
        assert_eq!(stacked(&["a".to_string(), "b".into()]), None);
        assert_eq!(stacked(&(0..8).map(|i| i.to_string()).collect::<Vec<_>>()), None);
    }

    #[test]
    fn a_classifier_learns_labels_tells_them_and_is_kept() {
        let cache = tempfile::tempdir().unwrap();
        let pictures = tempfile::tempdir().unwrap();
        // Three kinds by brightness, each pixel a little off.
        let mut stream = Stream::new(3, "kinds");
        for i in 0..150u32 {
            let folder = pictures.path().join(["dark", "middle", "bright"][i as usize % 3]);
            std::fs::create_dir_all(&folder).unwrap();
            let level = 40 + 70 * (i % 3);
            let pixels =
                image::GrayImage::from_fn(16, 16, |_, _| image::Luma([(level + stream.below(30) as u32) as u8]));
            pixels.save(folder.join(format!("{i}.png"))).unwrap();
        }
        let source = pictures.path().to_str().unwrap().to_string();
        let recipe = crate::recipe::DataRecipe { source, resolution: 16.into(), ..Default::default() };
        let quiet = crate::base::progress::Quiet::default();
        let data = crate::data::prepare(&recipe, cache.path(), &quiet).unwrap();
        let device = Device::flex();
        let made = Classifier::of(&data, cache.path(), &device, &quiet).unwrap();
        // A third by chance.
        assert!(made.accuracy > 0.9 && made.sure > 0.0, "{} {}", made.accuracy, made.sure);
        let kept = Classifier::of(&data, cache.path(), &device, &quiet).unwrap();
        let pictures: Vec<Picture> = (0..20).map(|i| picture_of(&data, i)).collect();
        assert_eq!((kept.tell(&pictures), kept.accuracy), (made.tell(&pictures), made.accuracy));
    }
}
