//! Averages whose length is chosen afterwards (Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion
//! Models", section 3 and appendix C).
//!
//! While a run is on, two averages follow the weights, each past state weighted by a power of when it was: their widths σ_rel,
//! the standard deviation of the weighting as a share of the run so far, are 0.05 and 0.10. Snapshots of both are kept. The
//! weighting of any other width is close to a sum of theirs; least squares finds its factors, and the same sum of the snapshots
//! is the average that would have been tracked.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;

use super::folder::RunFolder;
use super::state::{StateReader, StateWriter};
use crate::base::linalg::dense::eliminate;
use crate::base::{Problem, Result};
use crate::models::io::{HostTensor, Weights};
use crate::nn::ema;

/// Widths of the averages that are tracked.
const TRACKED: [f64; 2] = [0.05, 0.10];
/// Widths that can be made of them.
pub const WIDTHS: std::ops::RangeInclusive<f64> = 0.015..=0.2;
/// Metadata of a snapshot: pictures seen where its average began.
const BEGIN: &str = "latent-studio.average-begin";
/// Added to the diagonal, as a share of it: neighbouring snapshots are nearly alike.
const RIDGE: f64 = 1e-10;

/// The exponent γ of a weighting `t^γ` of width σ: σ² = (γ + 1) / ((γ + 2)² (γ + 3)).
fn exponent(width: f64) -> f64 {
    let (mut low, mut high) = (0.0f64, 1e6f64);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        let of = ((middle + 1.0) / ((middle + 2.0).powi(2) * (middle + 3.0))).sqrt();
        if of > width { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The share of the average that stays when pictures seen go from `before` to `after`.
fn share(width: f64, before: f64, after: f64) -> f64 {
    if before <= 0.0 { 0.0 } else { (before / after).powf(exponent(width) + 1.0) }
}

/// The product of two weightings that end at `a` and `b`.
fn product((a, of_a): (f64, f64), (b, of_b): (f64, f64)) -> f64 {
    let (short, long, of_short) = if a < b { (a, b, of_b) } else { (b, a, of_a) };
    (of_a + 1.0) * (of_b + 1.0) * (short / long).powf(of_short) / ((of_a + of_b + 1.0) * long)
}

/// The factors of snapshots (place and exponent) whose sum is closest to a weighting.
fn factors(snapshots: &[(f64, f64)], wanted: (f64, f64)) -> Option<Vec<f64>> {
    let n = snapshots.len();
    let mut a: Vec<f64> = snapshots.iter().flat_map(|x| snapshots.iter().map(|y| product(*x, *y))).collect();
    for i in 0..n {
        a[i * n + i] *= 1.0 + RIDGE;
    }
    let found = eliminate(a, snapshots.iter().map(|x| product(*x, wanted)).collect())?;
    let sum: f64 = found.iter().sum();
    (sum.abs() > 0.5).then(|| found.iter().map(|v| v / sum).collect())
}

/// The averages that follow a network.
pub struct Averages<M> {
    /// Pictures seen where they begin; nothing before the first step.
    begin: Option<u64>,
    pair: [M; 2],
}

impl<M: Module> Averages<M> {
    /// Averages that begin with the next step.
    pub fn new(live: &M) -> Self {
        Self { begin: None, pair: [ema::shadow(live), ema::shadow(live)] }
    }

    /// Follows the network after a step that saw `seen` pictures and ended at `images`.
    pub fn follow(&mut self, live: &M, images: u64, seen: u64) {
        let begin = *self.begin.get_or_insert(images.saturating_sub(seen));
        let after = (images - begin) as f64;
        for (average, width) in self.pair.iter_mut().zip(TRACKED) {
            *average = ema::update(average.clone(), live, share(width, after - seen as f64, after));
        }
    }

    /// Takes them down.
    pub fn keep(&self, out: &mut StateWriter) {
        for (i, average) in self.pair.iter().enumerate() {
            out.module(&format!("power_average_{i}"), average);
        }
        out.number("averages.begin", self.begin.map_or(-1.0, |begin| begin as f64));
    }

    /// Goes on from a kept state; from one without averages they begin anew, with `live`.
    ///
    /// # Errors
    /// The state belongs to another model.
    pub fn restore(&mut self, kept: &StateReader<'_>, live: &M) -> Result<()> {
        *self = Self::new(live);
        if !kept.state.numbers.iter().any(|n| n.0 == "averages.begin") {
            return Ok(());
        }
        let begin = kept.number("averages.begin");
        self.begin = (begin >= 0.0).then_some(begin as u64);
        for (i, average) in self.pair.iter_mut().enumerate() {
            *average = kept.module(&format!("power_average_{i}"), average)?;
        }
        Ok(())
    }

    /// Both, to be kept as a snapshot; nothing before the first step.
    pub fn snapshot(&self) -> Option<[Weights; 2]> {
        let begin = self.begin?;
        Some(self.pair.each_ref().map(|average| Weights::of(average).with(BEGIN, begin.to_string())))
    }
}

fn folder_of(run: &RunFolder) -> PathBuf {
    run.dir().join("averages")
}

fn file(folder: &Path, images: u64, which: usize) -> PathBuf {
    folder.join(format!("{images:012}-{which}.safetensors"))
}

/// Places of snapshots that are whole, in order.
fn places(folder: &Path) -> Vec<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|e| e.ok());
    let mut out: Vec<u64> = entries
        .filter_map(|e| e.file_name().to_str()?.strip_suffix("-1.safetensors")?.parse().ok())
        .filter(|images| file(folder, *images, 0).is_file())
        .collect();
    out.sort_unstable();
    out
}

/// Keeps a snapshot, and at most `most` in all: the one goes whose neighbours are closest to each other. What lies later in
/// the run is of a state that it went back from, and goes.
///
/// # Errors
/// The folder cannot be written.
pub fn keep(run: &RunFolder, images: u64, pair: &[Weights; 2], most: usize) -> Result<()> {
    let folder = folder_of(run);
    fs::create_dir_all(&folder).map_err(|e| Problem::io("Averages could not be kept", &folder, &e))?;
    for (i, weights) in pair.iter().enumerate() {
        weights.write(&file(&folder, images, i))?;
    }
    let remove = |images: u64| (0..2).for_each(|i| drop(fs::remove_file(file(&folder, images, i))));
    let mut kept = places(&folder);
    kept.iter().filter(|place| **place > images).for_each(|place| remove(*place));
    kept.retain(|place| *place <= images);
    while kept.len() > most.max(2) {
        let Some(i) = (1..kept.len() - 1).min_by_key(|&i| kept[i + 1] - kept[i - 1]) else { break };
        remove(kept.remove(i));
    }
    Ok(())
}

/// The average of a width at the last snapshot up to `images` (the last one without): its weights, and where it is.
///
/// # Errors
/// The width is out of range, or there are no snapshots.
pub fn rebuild(run: &RunFolder, width: f64, images: Option<u64>) -> Result<(Weights, u64)> {
    if !WIDTHS.contains(&width) {
        return Err(Problem::usage("This length of an average cannot be made")
            .of(width.to_string())
            .try_this(format!("Choose one between {} and {}", WIDTHS.start(), WIDTHS.end())));
    }
    let folder = folder_of(run);
    let mut places = places(&folder);
    places.retain(|place| images.is_none_or(|most| *place <= most));
    let Some(&end) = places.last() else {
        return Err(Problem::usage("There are no snapshots of averages to make one of")
            .of(run.dir().display().to_string())
            .try_this("Train with --set run.averages=32"));
    };
    let read = |place: u64, which: usize| -> Result<(Weights, u64)> {
        let weights = Weights::read(&file(&folder, place, which))?;
        let begin = weights.metadata.get(BEGIN).and_then(|text| text.parse().ok());
        let begin = begin.filter(|begin| *begin < place).ok_or_else(|| {
            Problem::data("This snapshot is damaged").of(file(&folder, place, which).display().to_string())
        })?;
        Ok((weights, begin))
    };
    let (last, begin) = read(end, 1)?;
    let span = (end - begin) as f64;
    // Those of a stretch that began elsewhere weigh other states.
    let mut parts = Vec::new();
    for place in places.into_iter().filter(|place| *place > begin) {
        for (which, tracked) in TRACKED.iter().enumerate() {
            let (weights, its_begin) = read(place, which)?;
            if its_begin == begin {
                parts.push((((place - begin) as f64 / span, exponent(*tracked)), weights));
            }
        }
    }
    let found = factors(&parts.iter().map(|p| p.0).collect::<Vec<_>>(), (1.0, exponent(width)));
    let found = found.ok_or_else(|| Problem::failed("The snapshots do not determine this average"))?;
    let mut out = Weights::default();
    for (name, tensor) in &last.tensors {
        // Running statistics are copied, not averaged: the last ones hold.
        if name.contains("running_") {
            out.tensors.insert(name.clone(), tensor.clone());
            continue;
        }
        let mut sum = vec![0.0f64; tensor.values.len()];
        for (factor, (_, weights)) in found.iter().zip(&parts) {
            let theirs = weights.tensors.get(name).filter(|t| t.shape == tensor.shape);
            let theirs = theirs.ok_or_else(|| Problem::data("These snapshots are of different networks").of(name))?;
            sum.iter_mut().zip(&theirs.values).for_each(|(sum, v)| *sum += factor * f64::from(*v));
        }
        let values = sum.into_iter().map(|v| v as f32).collect();
        out.tensors.insert(name.clone(), HostTensor { shape: tensor.shape.clone(), values });
    }
    Ok((out, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn exponents_are_those_of_the_paper() {
        assert!((exponent(0.05) - 16.97).abs() < 0.01 && (exponent(0.10) - 6.94).abs() < 0.01);
    }

    fn weights(values: &[f64], begin: u64) -> Weights {
        let mut out = Weights::default().with(BEGIN, begin.to_string());
        let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        out.tensors.insert("w".into(), HostTensor { shape: vec![values.len()], values });
        out
    }

    #[test]
    fn a_rebuilt_average_is_the_one_that_would_have_been_tracked() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&dir.path().join("r"), &crate::recipe::Recipe::default(), None, "cpu").unwrap();
        const WANTED: [f64; 5] = [0.03, 0.05, 0.075, 0.15, 0.2];
        let (begin, batch, steps, n) = (640u64, 64u64, 2000u64, 24usize);
        let mut noise = Stream::new(3, "walk");
        // Weights that settle, and are shaken by every step.
        let mut live = vec![0.0f64; n];
        let mut tracked = [vec![0.0; n], vec![0.0; n]];
        let mut direct = WANTED.map(|_| vec![0.0; n]);
        for step in 1..=steps {
            let shake = noise.normals(n);
            for (i, v) in live.iter_mut().enumerate() {
                let goal = 1.0 + i as f64 * 0.1;
                *v += 0.004 * (goal - *v) + 0.02 * f64::from(shake[i]);
            }
            let after = (step * batch) as f64;
            let follow = |average: &mut Vec<f64>, width: f64| {
                let beta = share(width, after - batch as f64, after);
                average.iter_mut().zip(&live).for_each(|(a, v)| *a = beta * *a + (1.0 - beta) * v);
            };
            tracked.iter_mut().zip(TRACKED).for_each(|(average, width)| follow(average, width));
            direct.iter_mut().zip(WANTED).for_each(|(average, width)| follow(average, width));
            if step.is_multiple_of(40) {
                let pair = tracked.each_ref().map(|average| weights(average, begin));
                keep(&run, begin + step * batch, &pair, 32).unwrap();
            }
        }
        assert_eq!(places(&folder_of(&run)).len(), 32);
        for (width, direct) in WANTED.iter().zip(&direct) {
            let (rebuilt, at) = rebuild(&run, *width, None).unwrap();
            assert_eq!(at, begin + steps * batch);
            let values = &rebuilt.tensors["w"].values;
            let error = values.iter().zip(direct).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-2, "{width}: {error}");
        }
        // Earlier in the run too, and not where there is nothing.
        assert!(rebuild(&run, 0.05, Some(begin + 40 * batch)).unwrap().1 <= begin + 40 * batch);
        assert!(rebuild(&run, 0.05, Some(begin)).unwrap_err().to_string().contains("run.averages"));
        assert!(rebuild(&run, 0.5, None).unwrap_err().to_string().contains("0.2"));
        // A run that went back forgets what came after.
        keep(&run, begin + 1000 * batch, &[weights(&live, begin), weights(&live, begin)], 32).unwrap();
        assert_eq!(places(&folder_of(&run)).last(), Some(&(begin + 1000 * batch)));
    }
}
