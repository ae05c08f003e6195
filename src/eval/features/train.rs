//! Teaching the features: what a picture shows, what is wrong with it and how badly, and which two views are of one
//! picture.
//!
//! All three are asked by linear layers on the features, so that what they know lies open: a class or a distortion moves
//! the features along straight lines, and Fréchet and kernel distances see it. The third is SimCLR's (Chen et al. 2020),
//! with pairs counting less the more one of them is distorted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

use super::distort::DISTORTIONS;
use super::model_card::FeatureCard;
use super::net::{DIM, Encoder, SIDE};
use super::task::{Dataset, Task};
use super::views::{Item, Pool};
use super::{Extractor, METADATA, input};
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Progress, Result};
use crate::models::io::{HostTensor, Weights, trainable};
use crate::nn::ema;
use crate::nn::init::{Init, lecun};
use crate::nn::linear::Linear;
use crate::train::metric_accumulator::Meter;
use crate::train::optim::{Adam, AdamSettings, AdamState, parameter_sizes};

/// Numbers that views are compared by.
const PROJECTED: usize = 64;
/// Temperature of the comparison.
const TAU: f64 = 0.2;
/// Share of a class's certainty that is spread over the others.
const SMOOTHING: f32 = 0.05;
/// Steps between two lines of numbers, and between two kept states.
const TELL: u64 = 50;
const KEEP: u64 = 250;

/// What to learn from, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// Sources of pictures; their labels and factors are classes to learn.
    pub sources: Vec<String>,
    /// Factors that are not asked for, such as places, which the features shall not know.
    pub skip: Vec<String>,
    /// Steps in all.
    pub steps: u64,
    /// Pictures a step; each is seen in two views.
    pub batch: usize,
    /// Highest learning rate; it falls along a cosine.
    pub lr: f64,
    /// Seed of everything.
    pub seed: u64,
    /// The encoder's name.
    pub name: String,
    /// Licences and the like, one a source, for the card.
    pub notes: Vec<String>,
    /// File of the encoder; the state of the lesson lies beside it.
    pub out: PathBuf,
}

#[derive(Module, Debug)]
struct MultiTaskNet {
    encoder: Encoder,
    tasks: Linear,
    kind: Linear,
    level: Linear,
    project: Linear,
}

impl MultiTaskNet {
    fn new(init: &Init<'_>, classes: usize) -> Self {
        let head = |name: &str, outputs| Linear::new(&init.child(name), DIM, outputs, 0.5 * lecun(DIM));
        Self {
            encoder: Encoder::new(&init.child("encoder")),
            tasks: head("tasks", classes.max(1)),
            kind: head("kind", DISTORTIONS.len()),
            level: head("level", 1),
            project: head("project", PROJECTED),
        }
    }
}

/// How far a lesson is: steps, and numbers by name.
pub type Told<'a> = &'a mut dyn FnMut(u64, &[(String, f64)]);

/// Trains an encoder, from where it was left if its state lies beside it, and writes it. Returns its card.
///
/// # Errors
/// A source cannot be prepared, the disk is full, or the work was cancelled (what was learned is kept).
pub fn train(
    lesson: &TrainConfig,
    cache: &Path,
    device: &str,
    progress: &dyn Progress,
    told: Told<'_>,
) -> Result<FeatureCard> {
    let device = crate::nn::device::open(device)?.autodiff();
    let mut classes = 0;
    let courses: Vec<Dataset> = lesson
        .sources
        .iter()
        .map(|s| Dataset::open(s, &lesson.skip, &mut classes, cache, progress))
        .collect::<Result<_>>()?;
    let courses = Arc::new(courses);
    let pool = Pool::new(courses.clone(), lesson.seed);
    let student = MultiTaskNet::new(&Init::new(lesson.seed, "features", &device), classes);
    let mut state = State { average: ema::shadow(&student), student, adam: Adam::new(), step: 0, seconds: 0.0 };
    let kept = lesson.out.with_extension("state.safetensors");
    if kept.is_file() {
        state = state.restored(&Weights::read(&kept)?, &device)?;
    }
    let mut meter = Meter::default();
    while state.step < lesson.steps {
        if progress.cancel().is_cancelled() {
            state.weights().write(&kept)?;
            return Err(Problem::interrupted("Stopped; what was learned is kept").of(kept.display().to_string()));
        }
        let began = Instant::now();
        let batch = pool.batch(state.step, lesson.batch);
        meter.add(state.learn(lesson, &courses, &batch, &device));
        state.seconds += began.elapsed().as_secs_f64();
        progress.report("Learning features", state.step, lesson.steps);
        if state.step.is_multiple_of(TELL) {
            let mut values = meter.read().map_err(|bad| {
                Problem::failed("The features' training lost finite numbers").of(bad.join(", ")).try_this("Lower --lr")
            })?;
            values.push(("hours".into(), state.seconds / 3600.0));
            told(state.step, &values);
        }
        if state.step.is_multiple_of(KEEP) {
            state.weights().write(&kept)?;
        }
    }
    state.weights().write(&kept)?;
    finish(lesson, &state, &pool, &device, progress)
}

struct State {
    student: MultiTaskNet,
    average: MultiTaskNet,
    adam: Adam,
    step: u64,
    seconds: f64,
}

impl State {
    fn learn(
        &mut self,
        lesson: &TrainConfig,
        courses: &[Dataset],
        batch: &[Item],
        device: &Device,
    ) -> Vec<(&'static str, Tensor<1>)> {
        let n = batch.len();
        let pictures: Vec<Picture> =
            batch.iter().map(|i| i.clean.clone()).chain(batch.iter().map(|i| i.worse.clone())).collect();
        let x = input(&pictures, 2 * n, SIDE, device);
        let features = self.student.encoder.forward(x);

        // What it shows, asked of the clean views.
        let logits = self.student.tasks.forward(features.clone().slice([0..n, 0..DIM]));
        let (task, answers) = ask(&logits, courses, batch, device);

        // What is wrong with it, asked of both.
        let (mut kinds, mut levels) = (vec![0.0; 2 * n * DISTORTIONS.len()], vec![0.0; 2 * n]);
        for (row, (kind, level)) in
            batch.iter().map(|_| (0, 0.0)).chain(batch.iter().map(|i| (i.kind, i.level))).enumerate()
        {
            // Half of all views are clean; they count for less.
            kinds[row * DISTORTIONS.len() + kind] = if row < n { 0.3 } else { 1.0 };
            levels[row] = level;
        }
        let kinds = Tensor::<2>::from_data(TensorData::new(kinds, [2 * n, DISTORTIONS.len()]), device);
        let levels = Tensor::<2>::from_data(TensorData::new(levels, [2 * n, 1]), device);
        let kind = (log_softmax(self.student.kind.forward(features.clone()), 1) * kinds).sum().neg() / (1.3 * n as f64);
        let level = (self.student.level.forward(features.clone()) - levels).square().mean();

        // Which views are of one picture.
        let contrast = self.contrast(features, batch, device);

        let loss = task.clone() + kind.clone() * 0.7 + level.clone() * 4.0 + contrast.clone() * 0.5;
        let numbers = vec![
            ("loss", loss.clone().inner()),
            ("task", task.inner()),
            ("answers", Tensor::<1>::from_floats([answers as f32], &device.clone().inner())),
            ("kind", kind.inner()),
            ("level", level.inner()),
            ("contrast", contrast.inner()),
        ];
        let grads = GradientsParams::from_grads(loss.backward(), &self.student);
        let t = self.step as f64 / lesson.steps.max(1) as f64;
        let warm = ((self.step + 1) as f64 / 300.0).min(1.0);
        let lr = lesson.lr * warm * (0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * t).cos()));
        let settings = AdamSettings { lr, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, clip_norm: 5.0 };
        self.student = self.adam.step(settings, self.student.clone(), grads).0;
        self.step += 1;
        let images = self.step * n as u64;
        let beta = ema::beta(20_000.0, 0.05, images, n as u64);
        self.average = ema::update(self.average.clone(), &self.student, beta);
        numbers
    }

    fn contrast(&self, features: Tensor<2>, batch: &[Item], device: &Device) -> Tensor<1> {
        let n = batch.len();
        let z = self.student.project.forward(features);
        let length = (z.clone().square().sum_dim(1) + 1e-8).sqrt();
        let z = z / length;
        let alike = z.clone().matmul(z.transpose()) / TAU;
        let (mut own, mut pairs) = (vec![0f32; 4 * n * n], vec![0f32; 4 * n * n]);
        let mut total = 0.0;
        for (i, item) in batch.iter().enumerate() {
            let weight = 1.0 - 0.7 * item.level;
            total += 2.0 * weight;
            pairs[i * 2 * n + i + n] = weight;
            pairs[(i + n) * 2 * n + i] = weight;
        }
        (0..2 * n).for_each(|i| own[i * 2 * n + i] = -1e4);
        let square = |v: Vec<f32>| Tensor::<2>::from_data(TensorData::new(v, [2 * n, 2 * n]), device);
        (log_softmax(alike + square(own), 1) * square(pairs)).sum().neg() / f64::from(total)
    }

    fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        weights.put("student.", &self.student);
        weights.put("average.", &self.average);
        let state = self.adam.state();
        for (i, (m, v)) in state.moments.into_iter().enumerate() {
            for (which, values) in [("m", m), ("v", v)] {
                let tensor = HostTensor { shape: vec![values.len()], values };
                weights.tensors.insert(format!("adam.{which}.{i:04}"), tensor);
            }
        }
        weights
            .with("step", self.step.to_string())
            .with("seconds", self.seconds.to_string())
            .with("decay1", state.decay1.to_string())
            .with("decay2", state.decay2.to_string())
    }

    fn restored(self, weights: &Weights, device: &Device) -> Result<Self> {
        let number = |key: &str| -> Result<f64> {
            let text = weights.metadata.get(key).and_then(|t| t.parse().ok());
            text.ok_or_else(|| Problem::data("This state of a lesson is damaged").of(key))
        };
        let moments = (0..)
            .map_while(|i| {
                let get = |which| weights.tensors.get(&format!("adam.{which}.{i:04}"));
                Some((get("m")?.values.clone(), get("v")?.values.clone()))
            })
            .collect();
        let adam = AdamState { moments, decay1: number("decay1")?, decay2: number("decay2")? };
        let student = weights.under("student.").load(self.student)?;
        adam.fits(&parameter_sizes(&student))?;
        Ok(Self {
            student,
            average: weights.under("average.").load(self.average)?,
            adam: Adam::from_state(&adam, device),
            step: number("step")? as u64,
            seconds: number("seconds")?,
        })
    }
}

/// Cross-entropy of all answers that are known, meaned over them, and how many those are.
fn ask(logits: &Tensor<2>, courses: &[Dataset], batch: &[Item], device: &Device) -> (Tensor<1>, usize) {
    let n = batch.len();
    let mut sum = Tensor::<1>::zeros([1], device);
    let mut answers = 0;
    for (source, course) in courses.iter().enumerate() {
        for task in &course.tasks {
            let mut wanted = vec![0f32; n * task.classes];
            let mut known = 0;
            for (row, item) in batch.iter().enumerate() {
                let Some(class) = item.from.filter(|f| f.0 == source).and_then(|f| task.of[f.1]) else { continue };
                let row = &mut wanted[row * task.classes..(row + 1) * task.classes];
                row.fill(SMOOTHING / task.classes as f32);
                row[class as usize] += 1.0 - SMOOTHING;
                known += 1;
            }
            if known > 0 {
                let own = logits.clone().slice([0..n, task.offset..task.offset + task.classes]);
                let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [n, task.classes]), device);
                sum = sum - (log_softmax(own, 1) * wanted).sum();
                answers += known;
            }
        }
    }
    (sum / answers.max(1) as f64, answers)
}

/// Standardises the averaged encoder, scores it on pictures kept apart, and writes it.
fn finish(
    lesson: &TrainConfig,
    state: &State,
    pool: &Pool,
    device: &Device,
    progress: &dyn Progress,
) -> Result<FeatureCard> {
    let device = device.clone().inner();
    let read = |t: Tensor<2>| crate::nn::numbers(t);
    let mut rows: Vec<Vec<f32>> = Vec::new();
    let parts = (state.step / 100).clamp(2, 64);
    for part in 0..parts {
        // Steps that no lesson reaches, so that these are views of their own.
        let items = pool.batch(u64::MAX - part, 32);
        let clean: Vec<Picture> = items.into_iter().map(|i| i.clean).collect();
        let values = read(state.average.encoder.forward(input(&clean, clean.len(), SIDE, &device)));
        rows.extend(values.chunks_exact(DIM).map(<[f32]>::to_vec));
        progress.report("Measuring features", part, parts);
    }
    let n = rows.len() as f32;
    let mean: Vec<f32> = (0..DIM).map(|k| rows.iter().map(|r| r[k]).sum::<f32>() / n).collect();
    let deviation: Vec<f32> =
        (0..DIM).map(|k| (rows.iter().map(|r| (r[k] - mean[k]).powi(2)).sum::<f32>() / n).sqrt()).collect();
    let encoder = state.average.encoder.clone().standardised(&mean, &deviation);
    let card = FeatureCard {
        name: lesson.name.clone(),
        summary: "What pictures look like, as 128 numbers: for comparing sets of pictures, finding alike ones, and \
                  perceptual distances"
            .into(),
        data: lesson.notes.clone(),
        licence: "MIT OR Apache-2.0".into(),
        parameters: trainable(&encoder) as u64,
        images: state.step * 2 * lesson.batch as u64,
        hours: (state.seconds / 36.0).round() / 100.0,
        scores: scores(state, pool, &device, progress),
    };
    let text = serde_json::to_string(&card).map_err(|e| Problem::failed("The card cannot be written").because(e))?;
    let weights = Weights::of(&encoder).with(METADATA, text);
    crate::base::paths::write_atomically(&lesson.out, &weights.to_half_bytes())?;
    // What was written is what counts: sixteen bits a number.
    Ok(Extractor::of(&Weights::read(&lesson.out)?, &device)?.card().clone())
}

/// Share of right answers on pictures kept apart.
fn scores(state: &State, pool: &Pool, device: &Device, progress: &dyn Progress) -> Vec<(String, f64)> {
    let read = |t: Tensor<2>| crate::nn::numbers(t);
    let student = &state.average;
    let best = |row: &[f32]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
    let mut out = Vec::new();
    let (mut kinds, mut seen, mut levels) = (0, 0, 0.0);
    for (source, course) in pool.courses.iter().enumerate() {
        let places: Vec<usize> = course.pictures.heldout().iter().take(512).map(|i| *i as usize).collect();
        let mut right = vec![(0usize, 0usize); course.tasks.len()];
        for chunk in places.chunks(32) {
            let items: Vec<Item> = chunk
                .iter()
                .map(|i| pool.views(Some((source, *i)), &mut Stream::new(*i as u64, "held-out views")))
                .collect();
            let clean: Vec<Picture> = items.iter().map(|i| i.clean.clone()).collect();
            let worse: Vec<Picture> = items.iter().map(|i| i.worse.clone()).collect();
            let features = student.encoder.forward(input(&clean, clean.len(), SIDE, device));
            let classes = student.tasks.weight.dims()[1];
            let logits = read(student.tasks.forward(features));
            let features = student.encoder.forward(input(&worse, worse.len(), SIDE, device));
            let kind = read(student.kind.forward(features.clone()));
            let level = read(student.level.forward(features));
            for (row, item) in items.iter().enumerate() {
                let answer = |task: &Task| {
                    let from = row * classes + task.offset;
                    best(&logits[from..from + task.classes])
                };
                for (task, (good, all)) in course.tasks.iter().zip(&mut right) {
                    if let Some(class) = task.of[chunk[row]] {
                        *all += 1;
                        *good += usize::from(answer(task) == class as usize);
                    }
                }
                seen += 1;
                kinds += usize::from(best(&kind[row * DISTORTIONS.len()..][..DISTORTIONS.len()]) == item.kind);
                levels += f64::from((level[row] - item.level).abs());
            }
            progress.report("Scoring features", seen as u64, 0);
        }
        for (task, (good, all)) in course.tasks.iter().zip(right) {
            if all > 0 {
                out.push((task.name.clone(), round(good as f64 / all as f64)));
            }
        }
    }
    if seen > 0 {
        out.push(("kind of distortion".into(), round(kinds as f64 / seen as f64)));
        out.push(("level of distortion, mean error".into(), round(levels / seen as f64)));
    }
    out
}

fn round(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::{Quiet, Watched};

    /// Interrupted after its second step and gone on with, a lesson ends with the same weights to the last bit.
    #[test]
    fn a_lesson_goes_on_where_it_was_left() {
        let home = tempfile::tempdir().unwrap();
        let lesson = |name: &str| TrainConfig {
            sources: vec!["shapes:220".into()],
            skip: vec!["x".into(), "y".into(), "angle".into()],
            steps: 4,
            batch: 3,
            lr: 1e-3,
            seed: 5,
            name: "test".into(),
            notes: Vec::new(),
            out: home.path().join(name),
        };
        let run = |name: &str, progress: &dyn Progress| {
            train(&lesson(name), &home.path().join("cache"), "cpu", progress, &mut |_, _| {})
        };
        run("whole.safetensors", &Quiet::default()).unwrap();
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let stop = Watched::new(cancel, move |stage: &str, done, _| {
            if stage.starts_with("Learning") && done == 2 {
                flag.cancel();
            }
        });
        assert_eq!(run("parts.safetensors", &stop).unwrap_err().exit_code(), 130);
        assert!(!home.path().join("parts.safetensors").exists());
        let card = run("parts.safetensors", &Quiet::default()).unwrap();
        let weights = |name: &str| Weights::read(&home.path().join(name)).unwrap().hash();
        assert_eq!(weights("parts.safetensors"), weights("whole.safetensors"));
        assert_eq!(weights("parts.state.safetensors"), weights("whole.state.safetensors"));
        assert!(card.parameters > 600_000 && card.scores.iter().any(|s| s.0.contains("shape")), "{card:?}");
    }
}
