//! The networks that look at pictures of the library, and the vectors they make in the background.
//!
//! | space | vector | of |
//! |---|---|---|
//! | `photo` | 1,280: what the network for photographs sees | every picture |
//! | `joint` | 128: pictures beside texts | every picture |
//! | `captions` | 128: texts in the joint space | every caption |
//! | `studio` | 128: the studio's own features | every picture, where the network for photographs is switched off |
//!
//! Networks see the small versions that the library keeps, 128 pixels a side at most: what is found does not change when a
//! file is gone, and what is searched by is made just as small first.

use std::collections::{BTreeSet, HashMap};

use crate::base::paths::Paths;
use crate::base::progress::Quiet;
use crate::base::{Picture, Problem, Progress, Result};
use crate::eval::feature_matrix::Rows;
use crate::eval::features::{self, Extractor};
use crate::eval::joint::{self, JointSpace, Networks};
use crate::export::fit;
use crate::models::{photo_net, shipped};

use super::Library;
use super::items::THUMB;
use super::vectors::VectorSpace;

/// Pictures that are looked at, and written, at a time.
const TOGETHER: usize = 16;

/// Captions whose vectors stay in memory, in case they come again.
const REMEMBERED: usize = 4096;

/// Name of the space of the network for photographs.
pub const PHOTO: &str = "photo";
/// Name of the space of pictures beside texts.
pub const JOINT: &str = "joint";
/// Name of the space of captions.
pub const CAPTIONS: &str = "captions";
/// Name of the space of the studio's own features.
pub const STUDIO: &str = "studio";

/// The networks, loaded when they are first needed.
pub struct Towers {
    paths: Paths,
    device: String,
    joint: Option<(JointSpace, String)>,
    studio: Option<Extractor>,
}

/// What came of making vectors.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Embedded {
    /// Pictures that have vectors now and had none.
    pub pictures: u64,
    /// Captions likewise.
    pub captions: u64,
    /// Pictures whose small version cannot be read, or whose vector is none.
    pub failed: u64,
    /// Vectors of another network that were removed.
    pub stale: u64,
    /// Why the work ended before all was done.
    pub note: Option<String>,
}

impl Towers {
    /// Networks on a device, such as `cpu`.
    pub fn new(paths: &Paths, device: &str) -> Self {
        Self { paths: paths.clone(), device: device.into(), joint: None, studio: None }
    }

    fn networks(&self) -> Networks {
        Networks::read(&self.paths)
    }

    /// Whether texts have vectors.
    ///
    /// # Errors
    /// A network is switched off.
    pub fn check_words(&self) -> Result<()> {
        self.networks().check_words()
    }

    /// Name of the space that pictures are held against each other in.
    pub fn look_space(&self) -> &'static str {
        if self.networks().photo { PHOTO } else { STUDIO }
    }

    fn joint(&mut self) -> Result<&(JointSpace, String)> {
        if self.joint.is_none() {
            let joint = JointSpace::shipped(&crate::nn::device::open(&self.device)?)?;
            let heads = blake3::hash(&shipped::read(shipped::HEADS)?).to_hex();
            let id = format!("{}+{}+heads-{}", joint.card().photo, joint.text().id(), &heads[..8]);
            self.joint = Some((joint, id));
        }
        self.joint.as_ref().ok_or_else(|| Problem::failed("The joint space could not be loaded"))
    }

    fn studio(&mut self) -> Result<&Extractor> {
        if self.studio.is_none() {
            self.studio = Some(Extractor::shipped(&crate::nn::device::open(&self.device)?)?);
        }
        self.studio.as_ref().ok_or_else(|| Problem::failed("The studio's features could not be loaded"))
    }

    /// The network of a space with the hash of its weights, and the numbers in its vectors.
    ///
    /// # Errors
    /// Its file is missing or damaged.
    pub fn tower(&mut self, space: &str) -> Result<(String, usize)> {
        Ok(match space {
            PHOTO => (format!("photo-features-{}", &photo_net::hash()?[..8]), photo_net::DIM),
            STUDIO => (self.studio()?.id().to_owned(), features::DIM),
            _ => (self.joint()?.1.clone(), joint::DIM),
        })
    }

    /// Vectors of pictures: in the space of looks, and in the joint space where words may be used.
    ///
    /// # Errors
    /// A network cannot be loaded, or computes no finite numbers.
    pub fn pictures(&mut self, pictures: &[Picture]) -> Result<(Rows, Option<Rows>)> {
        let small: Vec<Picture> = pictures.iter().map(|p| fit(p, THUMB)).collect();
        if self.look_space() == STUDIO {
            return Ok((self.studio()?.features(&small, &Quiet::default())?, None));
        }
        let words = self.check_words().is_ok();
        let (joint, _) = self.joint()?;
        let seen = joint.seen(&small, &Quiet::default())?;
        let together = words.then(|| joint.pictures(&seen)).transpose()?;
        Ok((joint.pooled(&seen), together))
    }

    /// Vectors of texts in the joint space.
    ///
    /// # Errors
    /// A network is switched off or cannot be loaded, or a text has no word.
    pub fn texts(&mut self, texts: &[String]) -> Result<Rows> {
        self.check_words()?;
        self.joint()?.0.texts(texts, &Quiet::default())
    }
}

/// The space of this name for the network that is used now; says how many vectors of another one went.
fn space(library: &Library, towers: &mut Towers, name: &str) -> Result<(VectorSpace, u64)> {
    let (tower, dims) = towers.tower(name)?;
    library.space(name, &tower, dims)
}

/// Makes the vectors that are missing, the newest pictures first, written a few at a time: what was made stays. `wait` is
/// asked before each step and may take its time; it says whether to go on.
///
/// # Errors
/// A network cannot be loaded, the library cannot be written, or it was cancelled.
pub fn embed(
    library: &Library,
    towers: &mut Towers,
    wait: &dyn Fn() -> bool,
    progress: &dyn Progress,
) -> Result<Embedded> {
    let mut done = Embedded::default();
    let name = towers.look_space();
    let (looks, stale) = space(library, towers, name)?;
    done.stale += stale;
    let words = towers.check_words().is_ok();
    let mut together = None;
    if words {
        let (joint, stale) = space(library, towers, JOINT)?;
        done.stale += stale;
        together = Some(joint);
    }
    // Whatever lacks one of both is looked at; one look gives both.
    let spaces: Vec<&VectorSpace> = std::iter::once(&looks).chain(&together).collect();
    for lacking in spaces {
        let whole = fill(library, lacking, false, "Looking at pictures", wait, progress, &mut |ids| {
            let (known, pictures): (Vec<i64>, Vec<Picture>) = library.thumbs(ids)?.into_iter().unzip();
            done.failed += (ids.len() - known.len()) as u64;
            if pictures.is_empty() {
                return Ok(());
            }
            let (look, joint) = towers.pictures(&pictures)?;
            done.failed += put(library, &looks, &known, &look)?;
            if let (Some(space), Some(rows)) = (&together, &joint) {
                put(library, space, &known, rows)?;
            }
            done.pictures += known.len() as u64;
            Ok(())
        })?;
        if !whole {
            done.note = Some("Paused".into());
            return Ok(done);
        }
    }
    if words {
        let (captions, stale) = space(library, towers, CAPTIONS)?;
        done.stale += stale;
        // Captions of a set are often the same few: names of classes.
        let mut read: HashMap<String, Vec<f32>> = HashMap::new();
        let whole = fill(library, &captions, true, "Reading captions", wait, progress, &mut |ids| {
            let mut told = library.captions(ids)?;
            told.retain(|(_, text)| text.chars().any(char::is_alphanumeric));
            let new: BTreeSet<&String> = told.iter().map(|(_, text)| text).filter(|t| !read.contains_key(*t)).collect();
            let new: Vec<String> = new.into_iter().cloned().collect();
            if !new.is_empty() {
                let rows = towers.texts(&new)?;
                read.extend(new.into_iter().zip(rows.iter().map(<[f32]>::to_vec)));
            }
            let rows: Vec<f32> = told.iter().flat_map(|(_, text)| read[text].iter().copied()).collect();
            let known: Vec<i64> = told.iter().map(|(id, _)| *id).collect();
            put(library, &captions, &known, &Rows::from_values(joint::DIM, rows))?;
            done.captions += known.len() as u64;
            if read.len() > REMEMBERED {
                read.clear();
            }
            Ok(())
        })?;
        if !whole {
            done.note = Some("Paused".into());
        }
    }
    Ok(done)
}

/// Goes through what lacks a vector in a space, the newest first, a few at a time; says whether it came to the end.
fn fill(
    library: &Library,
    space: &VectorSpace,
    captions: bool,
    stage: &str,
    wait: &dyn Fn() -> bool,
    progress: &dyn Progress,
    step: &mut dyn FnMut(&[i64]) -> Result<()>,
) -> Result<bool> {
    let total = library.count_without_vector(space.id, captions)?;
    let (mut below, mut done) = (i64::MAX, 0);
    while done < total {
        progress.cancel().check()?;
        if !wait() {
            return Ok(false);
        }
        let ids = library.without_vector(space.id, captions, below, TOGETHER)?;
        let Some(last) = ids.last() else { break };
        below = *last;
        step(&ids)?;
        done += ids.len() as u64;
        progress.report(stage, done, total);
    }
    Ok(true)
}

/// Puts rows into a space; those that are no direction are left out and counted.
fn put(library: &Library, space: &VectorSpace, ids: &[i64], rows: &Rows) -> Result<u64> {
    let all = ids.iter().copied().zip(rows.iter().map(<[f32]>::to_vec));
    let (good, bad): (Vec<_>, Vec<_>) = all.partition(|(_, v)| super::vectors::unit(v).is_ok());
    for (id, _) in &bad {
        log::warn!(
            "picture {id} has no vector in the space {}: all numbers are zero, or some are not finite",
            space.name
        );
    }
    library.put_vectors(space, &good)?;
    Ok(bad.len() as u64)
}
