//! What a run on points in the plane shows of itself: one scatter in the place of a sample grid, and how many modes it found.

use super::report::Preview;
use super::scatter::Scatter;
use super::trainer::Trainer;
use crate::base::Channels;
use crate::data::Prepared;
use crate::data::points::{Coverage, mixture_of};
use crate::latent::space::Code;
use crate::recipe::Recipe;

/// Points that are looked at.
const COUNT: usize = 2500;
/// Cells a side of the critic's map.
const CELLS: usize = 96;

/// Points as they are prepared.
fn reals(prepared: &Prepared, count: usize) -> Vec<[f32; 2]> {
    let coordinate = |bytes: &[u8], k: usize| f32::from_le_bytes(std::array::from_fn(|j| bytes[4 * k + j]));
    let point = |&i: &u32| {
        let bytes = prepared.picture(i as usize);
        [coordinate(bytes, 0), coordinate(bytes, 1)]
    };
    prepared.train().iter().take(count).map(point).collect()
}

/// Scatter and coverage of a run on points; nothing for one on pictures.
pub fn preview(recipe: &Recipe, trainer: &Trainer, prepared: &Prepared, images: u64) -> Option<Preview> {
    if recipe.data.channels != Channels::Points {
        return None;
    }
    let reals = reals(prepared, 1500);
    let fakes = trainer.points(&codes(recipe, 1500))?;
    let scatter = Scatter { reals: reals.clone(), fakes, ..trainer.plane(CELLS)? }.draw();
    Some(Preview {
        images,
        samples: vec![scatter],
        reals: vec![Scatter { reals, ..Scatter::default() }.draw()],
        ..Preview::default()
    })
}

/// How well a run on known modes covers them.
pub fn coverage(recipe: &Recipe, trainer: &Trainer) -> Option<Coverage> {
    let mixture = mixture_of(&recipe.data.source)?;
    Some(mixture.coverage(&trainer.points(&codes(recipe, COUNT))?))
}

fn codes(recipe: &Recipe, count: usize) -> Vec<Code> {
    let classes = if recipe.model.conditional { recipe.model.classes.len() } else { 0 };
    let code = |i| Code::seeded(i as u64, recipe.model.latent as usize, classes, i % classes.max(1));
    (0..count).map(code).collect()
}
