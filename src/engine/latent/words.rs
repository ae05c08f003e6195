//! Pictures of a model held against words.

use super::LatentEvent;
use super::event::Ranked;
use super::model_slot::Shelf;
use crate::base::Result;
use crate::engine::jobs::Context;
use crate::engine::{Event, JobId};
use crate::eval::joint::JointSpace;
use crate::recipe::picture::Latent;

/// What is to be ranked, and by which text.
pub struct Asked {
    /// The latents.
    pub latents: Vec<Latent>,
    /// Their truncation.
    pub truncation: f32,
    /// The text.
    pub text: String,
}

/// Ranks latents by how well a text fits their pictures.
///
/// # Errors
/// The text is empty, a network is switched off, the model cannot be computed, or it was cancelled.
pub fn rank(cx: &Context, shelf: &mut Shelf, job: JobId, model: &str, asked: Asked) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let joint = JointSpace::open(&cx.paths, &crate::nn::device::open(&cx.backend.device())?)?;
    let Asked { latents, truncation, text } = asked;
    let mut make = |from: usize, to: usize| loaded.generate(&latents[from..to], truncation);
    let ranking = joint.rank_made(&text, latents.len(), &mut make, &cx.progress(job))?;
    let told = ranking.reliability.sentence();
    let (order, answered) = (ranking.order, ranking.answered);
    let ranked = Box::new(Ranked { latents, truncation, text, order, told, answered });
    cx.tell(Event::Latent(LatentEvent::Ranked { job, model: model.into(), ranked }));
    Ok(())
}
