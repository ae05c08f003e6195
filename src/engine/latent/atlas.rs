//! The atlas: all pictures on one sheet, with small versions on demand.

use std::sync::Arc;

use parking_lot::Mutex;

use super::LatentEvent;
use super::model_slot::{Shelf, own};
use crate::base::{Picture, Problem, Result};
use crate::data::{Prepared, thumbnail};
use crate::engine::jobs::gallery::Gallery;
use crate::engine::jobs::{Context, read_picture};
use crate::engine::worker::Lane;
use crate::engine::{Event, Item, JobId};
use crate::latent::atlas::gather::{Atlas, AtlasConfig, Kept, Whose};
use crate::latent::latent_math::Dims;
use crate::recipe::picture::Latent;

/// The newest sheet; clones share it. Small pictures of it are there while another is made.
#[derive(Clone, Default)]
pub struct Newest(Arc<Mutex<Option<Arc<Sheet>>>>);

struct Sheet {
    model: String,
    truncation: f32,
    dims: Dims,
    atlas: Arc<Atlas>,
    set: Option<Prepared>,
    kept: Vec<Item>,
}

impl Newest {
    /// Lays pictures out.
    ///
    /// # Errors
    /// The pictures are not there, there are none, or it was cancelled.
    pub fn make(
        &self,
        cx: &Context,
        shelf: &mut Shelf,
        library: &Lane<Gallery>,
        job: JobId,
        (model, wish): (&str, &AtlasConfig),
        kept: Vec<i64>,
    ) -> Result<()> {
        let loaded = shelf.get(cx, model)?;
        let data = wish.data.as_ref().map(|data| own(cx, loaded, model, data)).transpose()?;
        let wish = &AtlasConfig { data, ..wish.clone() };
        let items = if kept.is_empty() { Vec::new() } else { library.ask(move |gallery| gallery.some(&kept))? };
        let mut pictures = Vec::with_capacity(items.len());
        for item in &items {
            let own = item.recipe.as_ref().filter(|r| r.model_hash == loaded.info().hash);
            let latent: Option<Latent> = own.map(|r| r.latent.clone()).filter(|l| loaded.dims().check(l).is_ok());
            match read_picture(&item.path) {
                Ok(picture) => pictures.push(Kept { id: item.id, picture, latent }),
                // One file that is gone shall not keep all others away.
                Err(problem) => cx.outbox.say(problem.warning()),
            }
        }
        let (atlas, set) = loaded.atlas(wish, &pictures, &cx.paths, &cx.progress(job))?;
        let atlas = Arc::new(atlas);
        let (truncation, dims) = (wish.truncation, loaded.dims());
        let sheet = Sheet { model: model.into(), truncation, dims, atlas: atlas.clone(), set, kept: items };
        *self.0.lock() = Some(Arc::new(sheet));
        cx.tell(Event::Latent(LatentEvent::Atlas { job, model: model.into(), atlas }));
        Ok(())
    }

    fn of(&self, model: &str) -> Result<Arc<Sheet>> {
        let of_model = self.0.lock().clone().filter(|s| s.model == model);
        of_model.ok_or_else(|| Problem::usage("There is no atlas of this model yet").of(model))
    }

    /// Small pictures of points. What cannot be read is said and left out.
    ///
    /// # Errors
    /// There is no atlas of this model, or the model cannot be computed.
    pub fn thumbs(&self, cx: &Context, shelf: &mut Shelf, model: &str, points: &[u32], size: u32) -> Result<()> {
        let sheet = self.of(model)?;
        let truncation = sheet.truncation;
        let (mut thumbs, mut seeds) = (Vec::with_capacity(points.len()), Vec::new());
        for &i in points {
            match sheet.atlas.points.get(i as usize).map(|p| &p.whose) {
                Some(Whose::Real { index, .. }) => {
                    let Some(set) = &sheet.set else { continue };
                    let picture = set.shape().picture(set.picture(*index as usize));
                    thumbs.push((i, small(&picture, size)));
                }
                Some(Whose::Generated { seed }) => seeds.push((i, Latent::Seed { seed: *seed })),
                Some(Whose::Kept { id }) => {
                    if let Some(item) = sheet.kept.iter().find(|k| k.id == *id) {
                        match read_picture(&item.path) {
                            Ok(picture) => thumbs.push((i, small(&picture, size))),
                            // One file that is gone shall not keep all others away.
                            Err(problem) => cx.outbox.say(problem.warning()),
                        }
                    }
                }
                None => {}
            }
        }
        if !seeds.is_empty() {
            let latents: Vec<Latent> = seeds.iter().map(|s| s.1.clone()).collect();
            let made = shelf.get(cx, model)?.generate(&latents, truncation)?;
            thumbs.extend(seeds.iter().zip(&made).map(|((i, _), picture)| (*i, small(picture, size))));
        }
        cx.tell(Event::Latent(LatentEvent::AtlasThumbs { model: model.into(), thumbs }));
        Ok(())
    }

    /// The latents at places between points.
    ///
    /// # Errors
    /// There is no atlas of this model, or no point of it has a latent.
    pub fn at(&self, cx: &Context, ticket: u64, model: &str, places: &[[f32; 2]]) -> Result<()> {
        let sheet = self.of(model)?;
        let latents = places.iter().map(|place| sheet.atlas.at(&sheet.dims, *place)).collect::<Result<_>>()?;
        cx.tell(Event::Latent(LatentEvent::Latents { ticket, model: model.into(), latents }));
        Ok(())
    }
}

fn small(picture: &Picture, size: u32) -> Picture {
    if picture.width.max(picture.height) <= size { picture.clone() } else { thumbnail(picture, size) }
}
