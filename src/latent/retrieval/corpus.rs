//! Real pictures with what is needed to find them: vectors and captions, computed once and kept in the cache.

use std::path::Path;

use super::copies::{Copies, Nearest};
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Progress, Result};
use crate::data::{self, Prepared};
use crate::eval::feature_matrix::Rows;
use crate::eval::features::{Extractor, FeatureSpace};
use crate::eval::joint::{JointSpace, SEEN};
use crate::eval::pictures::data_features;
use crate::models::io::{HostTensor, Weights};
use crate::models::{photo_net, shipped};
use crate::recipe::DataRecipe;

/// Most pictures that are looked through: larger sets are thinned evenly, and that is said.
pub const MOST: usize = 20_000;
/// Pictures that are looked at between two reports.
const CHUNK: usize = 64;

/// Real pictures to draw from, with the networks that find them.
pub struct Corpus {
    pub(super) data: Prepared,
    /// Places in the prepared set of those that are drawn from; held-out pictures are never among them.
    pub(super) places: Vec<usize>,
    /// Captions by place in the prepared set.
    pub(super) captions: Vec<Option<String>>,
    pub(super) joint: JointSpace,
    /// What the network for photographs saw of each, in the order of `places`.
    pub(super) seen: Rows,
    /// Vectors of captions in the joint space, with their places among `places`; none where there are no captions.
    pub(super) told: (Vec<usize>, Rows),
    pub(super) copies: Copies,
}

impl Corpus {
    /// The pictures of a recipe, prepared, looked at and read. What was seen of them is kept in the cache by the data's
    /// hash and the network's.
    ///
    /// # Errors
    /// The data are not here, a network is missing or switched off, or it was cancelled.
    pub fn open(recipe: &DataRecipe, paths: &Paths, device: &str, progress: &dyn Progress) -> Result<Self> {
        let data = data::prepare(recipe, &paths.prepared(), progress)?;
        let device = crate::nn::device::open(device)?;
        let joint = JointSpace::open(paths, &device)?;
        let all: Vec<usize> = data.train().iter().map(|i| *i as usize).collect();
        if all.is_empty() {
            return Err(Problem::data("There are no pictures to draw from").of(recipe.source.clone()));
        }
        let step = all.len().div_ceil(MOST);
        let places: Vec<usize> = all.into_iter().step_by(step).collect();
        let held: Vec<usize> = data.heldout().iter().take(MOST).map(|i| *i as usize).collect();
        let captions = data::words::captions(recipe, &data, progress)?;
        let eyes = Extractor::of_space(FeatureSpace::Studio, &device)?;
        let key = key(&data, &places, &joint, &eyes)?;
        let file = paths.cache.join("retrieval").join(format!("{key}.safetensors"));
        let (seen, told, made, unseen) = match read(&file, (places.len(), held.len(), eyes.dim())) {
            Some(found) => found,
            None => {
                let seen = look(&joint, &data, &places, progress)?;
                let told = caption_vectors(&joint, &captions, &places, progress)?;
                let made = data_features(&eyes, &data, &places, progress)?;
                let unseen = data_features(&eyes, &data, &held, progress)?;
                let found = (seen, told, made, unseen);
                // Without room for it everything works, only slower the next time.
                if let Err(problem) = keep(&file, &found) {
                    log::warn!("{problem}");
                }
                found
            }
        };
        let copies = Copies::of(eyes, made, &unseen);
        let told = told.unwrap_or_else(|| (Vec::new(), Rows::new(crate::eval::joint::DIM)));
        Ok(Self { data, places, captions, joint, seen, told, copies })
    }

    /// Pictures that are drawn from, and how many there are in all.
    pub fn len(&self) -> (usize, usize) {
        (self.places.len(), self.data.train().len())
    }

    /// Whether there is none; a corpus that was opened has some.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The prepared set.
    pub fn data(&self) -> &Prepared {
        &self.data
    }

    /// The space of words and pictures.
    pub fn joint(&self) -> &JointSpace {
        &self.joint
    }

    /// The caption of a picture of the prepared set.
    pub fn caption(&self, place: usize) -> Option<&str> {
        self.captions.get(place).and_then(|c| c.as_deref())
    }

    /// A picture of the prepared set.
    pub fn picture(&self, place: usize) -> Picture {
        crate::eval::pictures::picture_of(&self.data, place)
    }

    /// How near pictures came to those of the corpus.
    ///
    /// # Errors
    /// The device computes no finite numbers.
    pub fn nearest(&self, made: &[Picture]) -> Result<Vec<Nearest>> {
        self.copies.nearest(made, &|i| {
            let place = self.places[i];
            (place, self.data.name(place).to_string())
        })
    }

    /// The test that copies are told by.
    pub fn copies(&self) -> &Copies {
        &self.copies
    }
}

/// What the vectors depend on.
fn key(data: &Prepared, places: &[usize], joint: &JointSpace, eyes: &Extractor) -> Result<String> {
    let mut hash = blake3::Hasher::new();
    for part in [data.hash(), photo_net::hash()?, joint.text().id(), eyes.id()] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.update(&(places.len() as u64).to_le_bytes());
    hash.update(blake3::hash(&shipped::read(shipped::HEADS)?).as_bytes());
    Ok(hash.finalize().to_hex()[..32].to_string())
}

/// What the network for photographs sees.
fn look(joint: &JointSpace, data: &Prepared, places: &[usize], progress: &dyn Progress) -> Result<Rows> {
    let mut rows = Rows::new(SEEN);
    for chunk in places.chunks(CHUNK) {
        progress.cancel().check()?;
        let pictures: Vec<Picture> = chunk.iter().map(|i| crate::eval::pictures::picture_of(data, *i)).collect();
        rows.extend(joint.seen(&pictures, &crate::base::progress::Quiet::default())?.values());
        progress.report("Looking at the real pictures", rows.len() as u64, places.len() as u64);
    }
    Ok(rows)
}

type Told = Option<(Vec<usize>, Rows)>;

/// Vectors of the captions that there are. Longer ones than the text network reads are left out.
fn caption_vectors(
    joint: &JointSpace,
    captions: &[Option<String>],
    places: &[usize],
    progress: &dyn Progress,
) -> Result<Told> {
    let own = |i: &usize| captions.get(*i).cloned().flatten().filter(|c| !c.trim().is_empty());
    let (at, texts): (Vec<usize>, Vec<String>) =
        places.iter().enumerate().filter_map(|(n, i)| Some((n, shortened(&own(i)?)))).unzip();
    if texts.is_empty() {
        return Ok(None);
    }
    progress.report("Reading captions", 0, texts.len() as u64);
    Ok(Some((at, joint.texts(&texts, progress)?)))
}

/// Characters of a caption that are read: the text network takes no more words than fit here.
const CAPTION: usize = 1000;

fn shortened(text: &str) -> String {
    text.chars().take(CAPTION).collect()
}

type Vectors = (Rows, Told, Rows, Rows);

fn keep(file: &Path, (seen, told, made, unseen): &Vectors) -> Result<()> {
    let mut weights = Weights::default();
    let mut put = |name: &str, rows: &Rows| {
        let tensor = HostTensor { shape: vec![rows.len(), rows.dim()], values: rows.values().to_vec() };
        weights.tensors.insert(name.into(), tensor);
    };
    put("seen", seen);
    put("made", made);
    put("unseen", unseen);
    if let Some((at, rows)) = told {
        put("told", rows);
        // Places are below 20,000, and whole numbers in single precision far beyond.
        put("told_at", &Rows::from_values(1, at.iter().map(|i| *i as f32).collect()));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Problem::io("This folder could not be made", folder, &e))?;
    }
    weights.write(file)
}

/// What was kept, if it is whole and of these sizes.
fn read(file: &Path, (places, held, dim): (usize, usize, usize)) -> Option<Vectors> {
    let weights = Weights::read(file).ok()?;
    let rows = |name: &str| {
        let tensor = weights.tensors.get(name)?;
        let dim = *tensor.shape.get(1)?;
        Some(Rows::from_values(dim, tensor.values.clone()))
    };
    let (seen, made, unseen) = (rows("seen")?, rows("made")?, rows("unseen")?);
    let fits = seen.len() == places && seen.dim() == SEEN && made.len() == places && unseen.len() == held;
    let told = match (rows("told"), rows("told_at")) {
        (Some(rows), Some(at)) => {
            let at: Vec<usize> = at.values().iter().map(|v| *v as usize).collect();
            (at.len() == rows.len() && at.iter().all(|i| *i < places)).then_some(Some((at, rows)))?
        }
        _ => None,
    };
    (fits && made.dim() == dim).then_some((seen, told, made, unseen))
}
