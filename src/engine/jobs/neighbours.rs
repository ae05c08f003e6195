//! Encoding a picture, and finding what in the training data lies near it in latent space.
//!
//! The codes of a model's training pictures are computed once, in pieces between other work, and kept in the cache by
//! the hash of the weights.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Context;
use crate::base::paths::write_atomically;
use crate::base::vault;
use crate::base::{Picture, Result};
use crate::data;
use crate::engine::inference::{Code, Urgency};
use crate::engine::{Event, ModelInfo, SlotId};
use crate::recipe::picture::Latent;

/// Training pictures that are looked at.
const MOST: usize = 2000;

/// Pictures encoded at a time.
const CHUNK: usize = 8;

/// Neighbours told.
const TOLD: usize = 8;

/// Codes of training pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Codes {
    /// Place of each picture in the prepared set.
    places: Vec<u32>,
    /// Mean of its posterior.
    means: Vec<Vec<f32>>,
}

impl Codes {
    /// The nearest ones by straight distance: place and distance, nearest first.
    fn nearest(&self, code: &[f32], count: usize) -> Vec<(u32, f32)> {
        let distance = |mean: &Vec<f32>| mean.iter().zip(code).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        let mut all: Vec<(u32, f32)> = self.places.iter().copied().zip(self.means.iter().map(distance)).collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        all.truncate(count);
        all
    }
}

/// What the lane of encodings remembers: the codes of the model used last.
#[derive(Default)]
pub struct Atlas {
    codes: Option<(String, Codes)>,
}

fn file(cx: &Context, hash: &str) -> PathBuf {
    cx.paths.cache.join("codes").join(format!("{hash}.json"))
}

impl Atlas {
    /// Encodes a picture file and tells its code; if the training data are here, tells it again with neighbours once
    /// they are known. `stale` says that a newer picture is waited for.
    ///
    /// # Errors
    /// The file is no picture, the model is no VAE or cannot be computed.
    pub fn encode(
        &mut self,
        cx: &Context,
        slot: SlotId,
        model: &str,
        path: &Path,
        stale: &dyn Fn() -> bool,
    ) -> Result<()> {
        let picture = data::decode_file(path)?;
        let name = model.to_string();
        let (info, code) = cx.inference.wait(Urgency::Soon, move |models| {
            let model = models.get(&name)?;
            Ok((model.info().clone(), model.encode(&picture)?))
        })?;
        let tell = |neighbours| cx.tell(told(slot, model, path, &code, neighbours));
        if !self.knows(cx, &info) {
            tell(Vec::new());
        }
        if stale() {
            return Ok(());
        }
        // Without the data, or with damaged ones, there are no neighbours to tell; the code stands by itself.
        match self.learn(cx, model, &info, stale) {
            Ok(true) => {
                let neighbours = self.neighbours(cx, &info, &code.mean).unwrap_or_default();
                tell(neighbours);
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(problem) => {
                log::info!("no neighbours: {problem}");
                Ok(())
            }
        }
    }

    /// Whether the codes are there at once.
    fn knows(&mut self, cx: &Context, info: &ModelInfo) -> bool {
        if self.codes.as_ref().is_some_and(|(hash, _)| *hash == info.hash) {
            return true;
        }
        let kept = vault::read(file(cx, &info.hash)).ok().and_then(|b| serde_json::from_slice(&b).ok());
        let Some(codes) = kept else { return false };
        self.codes = Some((info.hash.clone(), codes));
        true
    }

    /// Computes the codes of the training pictures, if they are in the cache; says whether they are known now.
    fn learn(&mut self, cx: &Context, model: &str, info: &ModelInfo, stale: &dyn Fn() -> bool) -> Result<bool> {
        if self.knows(cx, info) {
            return Ok(true);
        }
        let Some(set) = prepared(cx, info) else { return Ok(false) };
        let shape = info.recipe.shape();
        let mut codes = Codes::default();
        // Evenly over the whole set, so that all labels are among them.
        let step = set.len().div_ceil(MOST).max(1);
        let places: Vec<usize> = (0..set.len()).step_by(step).collect();
        for chunk in places.chunks(CHUNK) {
            if stale() || cx.outbox.is_closed() {
                return Ok(false);
            }
            let pictures: Vec<Picture> = chunk.iter().map(|&i| shape.picture(set.picture(i))).collect();
            let name = model.to_string();
            let means = cx.inference.wait(Urgency::Later, move |models| {
                let model = models.get(&name)?;
                pictures.iter().map(|p| model.encode(p).map(|c| c.mean)).collect::<Result<Vec<_>>>()
            })?;
            codes.places.extend(chunk.iter().map(|&i| i as u32));
            codes.means.extend(means);
        }
        if let Ok(bytes) = serde_json::to_vec(&codes) {
            // Without room for them they are computed again next time.
            let _ = write_atomically(&file(cx, &info.hash), &bytes);
        }
        self.codes = Some((info.hash.clone(), codes));
        Ok(true)
    }

    fn neighbours(&self, cx: &Context, info: &ModelInfo, code: &[f32]) -> Option<Vec<(Picture, f32)>> {
        let (_, codes) = self.codes.as_ref()?;
        let set = prepared(cx, info)?;
        let shape = info.recipe.shape();
        let picture = |place: u32| ((place as usize) < set.len()).then(|| shape.picture(set.picture(place as usize)));
        Some(codes.nearest(code, TOLD).into_iter().filter_map(|(i, d)| picture(i).map(|p| (p, d))).collect())
    }
}

/// The model's prepared training data, if they are in the cache; nothing is made for this.
fn prepared(cx: &Context, info: &ModelInfo) -> Option<data::Prepared> {
    let path = data::prepared_path(&info.recipe.data, &cx.paths.prepared()).ok()?;
    if !path.is_file() {
        return None;
    }
    data::Prepared::open(&path).ok()
}

fn told(slot: SlotId, model: &str, path: &Path, code: &Code, neighbours: Vec<(Picture, f32)>) -> Event {
    Event::Encoded {
        slot,
        model: model.into(),
        path: path.into(),
        input: code.input.clone(),
        reconstruction: code.reconstruction.clone(),
        latent: Latent::Point { values: code.mean.clone() },
        deviation: code.deviation.clone(),
        neighbours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_codes_come_first() {
        let codes = Codes { places: vec![4, 9, 2], means: vec![vec![3.0, 0.0], vec![0.0, 0.5], vec![-1.0, 0.0]] };
        let near = codes.nearest(&[0.0, 0.0], 2);
        assert_eq!(near, [(9, 0.5), (2, 1.0)]);
    }
}
