//! What metrics share: the pictures of the data that samples are held against, the samples, and the features of both,
//! each made once when it is first asked for.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::path::Path;

use burn::tensor::Device;
use rayon::prelude::*;

use super::classifier::Classifier;
use super::evaluated_model::Subject;
use super::feature_matrix::Rows;
use super::features::{Extractor, FeatureSpace};
use super::pictures::{CHUNK, data_features, once, picture_of};
use super::score::Score;
use crate::base::rng::Stream;
use crate::base::{Picture, Progress, Result};
use crate::data::Prepared;

/// A model that is evaluated, with all that its metrics share.
pub struct EvalContext<'a> {
    /// The model.
    pub subject: &'a dyn Subject,
    /// The data that samples are held against.
    pub data: &'a Prepared,
    /// What the data are called.
    pub source: &'a str,
    /// What the model learned from, if that is here; it may be a part of the data, or have nothing to do with them.
    pub training: Option<&'a Prepared>,
    /// Samples to make.
    pub count: usize,
    /// Draws of the importance-weighted bound.
    pub draws: usize,
    /// Seed of the samples, of the choice among the data, of intervals.
    pub seed: u64,
    /// Folder for what is worth keeping, such as classifiers.
    pub cache: &'a Path,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    space: FeatureSpace,
    device: Device,
    extractor: OnceCell<Extractor>,
    reference: OnceCell<Vec<usize>>,
    real: OnceCell<Rows>,
    made: OnceCell<Rows>,
    classifier: OnceCell<Classifier>,
    /// Samples that look like training pictures, for the eye.
    pub suspects: RefCell<Vec<Suspect>>,
}

/// A sample beside the training picture that it is most like.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// Seed of the sample's latent.
    pub seed: u64,
    /// The sample.
    pub sample: Picture,
    /// Name of the training picture.
    pub name: String,
    /// The training picture.
    pub training: Picture,
    /// Their distance in feature space.
    pub distance: f64,
    /// The distance over that from the training picture to its own nearest neighbour.
    pub ratio: f64,
}

/// What a model is measured on.
pub struct Task<'a> {
    /// The model.
    pub subject: &'a dyn Subject,
    /// The data that it is held against, of the model's shape.
    pub data: &'a Prepared,
    /// What the data are called.
    pub source: &'a str,
    /// What the model learned from, if that is here; prepared alike.
    pub training: Option<&'a Prepared>,
    /// Samples to make.
    pub count: usize,
    /// Draws of the importance-weighted bound.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    /// Folder for what is worth keeping.
    pub cache: &'a Path,
    /// What looks at pictures.
    pub space: FeatureSpace,
    /// Device of the encoder and of classifiers.
    pub device: Device,
}

impl<'a> EvalContext<'a> {
    /// Nothing is computed yet.
    pub fn new(task: &Task<'a>, progress: &'a dyn Progress) -> Self {
        Self {
            subject: task.subject,
            data: task.data,
            source: task.source,
            training: task.training,
            count: task.count,
            draws: task.draws,
            seed: task.seed,
            cache: task.cache,
            progress,
            space: task.space,
            device: task.device.clone().inner(),
            classifier: OnceCell::new(),
            suspects: RefCell::default(),
            extractor: OnceCell::new(),
            reference: OnceCell::new(),
            real: OnceCell::new(),
            made: OnceCell::new(),
        }
    }

    /// The device that networks run on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The network that looks at pictures.
    ///
    /// # Errors
    /// See [`Extractor::shipped`].
    pub fn extractor(&self) -> Result<&Extractor> {
        once(&self.extractor, || Extractor::of_space(self.space, &self.device))
    }

    /// The classifier of the data's labels.
    ///
    /// # Errors
    /// The data have no labels, or the work was cancelled.
    pub fn classifier(&self) -> Result<&Classifier> {
        once(&self.classifier, || Classifier::of(self.data, self.cache, &self.device, self.progress))
    }

    /// Places of pictures of the data that the model did not learn from, at most so many, and what they are in words.
    /// Pictures are told by their pixels, wherever they lie: where the model learned from all of them, or it is not known
    /// from which, it is all of them.
    pub fn unseen(&self, most: usize) -> (Vec<usize>, &'static str) {
        let all: Vec<usize> = (0..self.data.len()).collect();
        let (mut places, which) = match self.training {
            None => (all, "pictures that the model may have learned from"),
            Some(training) => {
                let data = self.data;
                let pixels = |set: &Prepared, i: usize| *blake3::hash(set.picture(i)).as_bytes();
                let learned: HashSet<[u8; 32]> =
                    training.train().par_iter().map(|i| pixels(training, *i as usize)).collect();
                let fresh: Vec<usize> =
                    all.par_iter().copied().filter(|i| !learned.contains(&pixels(data, *i))).collect();
                if fresh.is_empty() { (all, "pictures learned from") } else { (fresh, "pictures not learned from") }
            }
        };
        Stream::new(self.seed, "unseen").shuffle(&mut places);
        places.truncate(most);
        (places, which)
    }

    /// Places of the pictures that samples are held against: as many as there are samples, if there are, by chance.
    pub fn reference(&self) -> &[usize] {
        self.reference.get_or_init(|| {
            let mut places: Vec<usize> = (0..self.data.len()).collect();
            Stream::new(self.seed, "reference").shuffle(&mut places);
            places.truncate(self.count);
            places
        })
    }

    /// A picture of the data.
    pub fn picture(&self, place: usize) -> Picture {
        picture_of(self.data, place)
    }

    /// Features of the reference pictures.
    ///
    /// # Errors
    /// The work was cancelled.
    pub fn real_features(&self) -> Result<&Rows> {
        once(&self.real, || self.features_of(self.reference()))
    }

    /// Features of pictures of the data.
    ///
    /// # Errors
    /// The work was cancelled.
    pub fn features_of(&self, places: &[usize]) -> Result<Rows> {
        data_features(self.extractor()?, self.data, places, self.progress)
    }

    /// Features of the samples.
    ///
    /// # Errors
    /// The model fails, or the work was cancelled.
    pub fn sample_features(&self) -> Result<&Rows> {
        once(&self.made, || self.class_features(None, self.count))
    }

    /// Features of samples of a class.
    ///
    /// # Errors
    /// The model fails, or the work was cancelled.
    pub fn class_features(&self, class: Option<u32>, count: usize) -> Result<Rows> {
        let extractor = self.extractor()?;
        let mut rows = Rows::new(extractor.dim());
        self.in_chunks(class, count, &mut |pictures| {
            let found = extractor.features(pictures, &crate::base::progress::Quiet::default())?;
            rows.extend(found.values());
            Ok(())
        })?;
        Ok(rows)
    }

    /// The first `count` samples, one by one; the same ones whenever they are asked for.
    ///
    /// # Errors
    /// The model fails, or the work was cancelled.
    pub fn samples(&self, count: usize, each: &mut dyn FnMut(usize, Picture)) -> Result<()> {
        let mut place = 0;
        self.in_chunks(None, count, &mut |pictures| {
            for picture in pictures.drain(..) {
                each(place, picture);
                place += 1;
            }
            Ok(())
        })
    }

    /// Points that the model makes.
    pub fn points(&self, count: usize) -> Result<Vec<[f32; 2]>> {
        let seeds: Vec<u64> = (0..count).map(|i| self.sample_seed(i)).collect();
        self.subject.points(&seeds)
    }

    fn in_chunks(
        &self,
        class: Option<u32>,
        count: usize,
        each: &mut dyn FnMut(&mut Vec<Picture>) -> Result<()>,
    ) -> Result<()> {
        let mut made = 0;
        while made < count {
            self.progress.cancel().check()?;
            self.progress.report("Making samples", made as u64, count as u64);
            let n = CHUNK.min(count - made);
            let own = |i: usize| (self.sample_seed(i), class.or_else(|| self.class_of(i)));
            let seeds: Vec<(u64, Option<u32>)> = (made..made + n).map(own).collect();
            let mut pictures = Vec::with_capacity(n);
            self.subject.sample(&seeds, &mut |_, picture| {
                pictures.push(picture);
                !self.progress.cancel().is_cancelled()
            })?;
            self.progress.cancel().check()?;
            each(&mut pictures)?;
            made += n;
        }
        self.progress.report("Making samples", count as u64, count as u64);
        Ok(())
    }

    /// The latent's seed of a sample.
    pub fn sample_seed(&self, i: usize) -> u64 {
        self.seed.wrapping_mul(1_000_000).wrapping_add(1 + i as u64)
    }

    /// The class of a sample, for models that take one: that of the picture of the data in the same place, so that all
    /// are as frequent as there.
    pub fn class_of(&self, i: usize) -> Option<u32> {
        let classes = self.subject.classes();
        if classes.is_empty() {
            return None;
        }
        let reference = self.reference();
        self.class_at(reference[i % reference.len()])
    }

    /// The class that the model knows a picture of the data by, for models that take one: by name, for the data may list
    /// theirs in another order.
    pub fn class_at(&self, place: usize) -> Option<u32> {
        let classes = self.subject.classes();
        let label = self.data.label(place)?;
        let name = self.data.labels().get(label as usize)?;
        classes.iter().position(|c| c == name).map(|c| c as u32)
    }

    /// A score of the samples through the features.
    pub fn on_features(&self, name: &str, (value, low, high): (f64, f64, f64), estimator: &str) -> Score {
        Score {
            name: name.into(),
            value,
            low,
            high,
            count: self.count as u64,
            reference: self.reference().len() as u64,
            extractor: self.extractor.get().map_or_else(String::new, |e| e.id().into()),
            estimator: estimator.into(),
            data: self.data.hash().into(),
            ..Score::default()
        }
    }
}
