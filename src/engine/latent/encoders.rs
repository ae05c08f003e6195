//! Encoders of GANs: trained in the background, on their own when a run ends.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::LatentEvent;
use super::shelf::Shelf;
use crate::base::{Family, Result};
use crate::engine::jobs::Context;
use crate::engine::{Event, JobId, RunState, RunSummary};
use crate::latent::catalog;
use crate::latent::encoder::store;
use crate::latent::encoder::train::{Wish, train};

/// What is known of a model's encoder.
///
/// # Errors
/// There is no such model.
pub fn tell(cx: &Context, model: &str) -> Result<()> {
    let (_, info) = catalog::resolve(model, &cx.paths)?.read()?;
    let info = store::known(&info.hash, &cx.paths);
    cx.tell(Event::Latent(LatentEvent::Encoder { model: model.into(), info }));
    Ok(())
}

/// Trains an encoder and tells it.
///
/// # Errors
/// As [`train`].
pub fn make(cx: &Context, shelf: &mut Shelf, job: JobId, model: &str, kimg: f64) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let encoder = train(loaded, Wish { kimg }, &cx.paths, &cx.progress(job))?;
    cx.tell(Event::Latent(LatentEvent::Encoder { model: model.into(), info: Some(encoder.info().clone()) }));
    Ok(())
}

/// Which runs may have an encoder trained when they end.
pub struct Watch {
    wanted: AtomicBool,
    alive: Mutex<HashSet<PathBuf>>,
    /// Numbers of jobs that no client chose, from the top.
    next: AtomicU64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { wanted: AtomicBool::new(true), alive: Mutex::default(), next: AtomicU64::new(JobId::MAX) }
    }
}

impl Watch {
    /// Whether encoders are trained on their own.
    pub fn want(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Takes note of a run; if it is a GAN's that was on and has come to its end, says what to train by which number.
    pub fn ended(&self, run: &RunSummary) -> Option<(JobId, String)> {
        let mut alive = self.alive.lock();
        if run.state.is_alive() {
            alive.insert(run.dir.clone());
            return None;
        }
        let was = alive.remove(&run.dir);
        let trained = run.state == RunState::Finished && !run.checkpoints.is_empty();
        let gan = run.recipe.family().is_ok_and(|f| f == Family::Gan);
        (was && trained && gan && self.wanted.load(Ordering::Relaxed))
            .then(|| (self.next.fetch_sub(1, Ordering::Relaxed), run.dir.to_string_lossy().into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake;

    #[test]
    fn only_gans_that_were_on_and_ended_well_get_an_encoder() {
        let watch = Watch::default();
        let mut run = fake::runs().into_iter().find(|r| r.name == "nouns").unwrap();
        let finished = RunSummary { state: RunState::Finished, ..run.clone() };
        assert_eq!(watch.ended(&finished), None, "it was not on");
        assert_eq!(watch.ended(&run), None, "it is on");
        let (job, model) = watch.ended(&finished).unwrap();
        assert_eq!((job, model.as_str()), (JobId::MAX, "/runs/nouns"));
        assert_eq!(watch.ended(&finished), None, "once");
        watch.ended(&run);
        watch.want(false);
        assert_eq!(watch.ended(&finished), None);
        watch.want(true);
        run.state = RunState::Training;
        watch.ended(&run);
        let failed = RunSummary { state: RunState::Failed, ..run.clone() };
        assert_eq!(watch.ended(&failed), None);
        let vae = fake::runs().into_iter().find(|r| r.name == "fashion").unwrap();
        watch.ended(&RunSummary { state: RunState::Training, ..vae.clone() });
        assert_eq!(watch.ended(&vae), None);
    }
}
