//! Words of a person's own, learned from the captions or labels of a data set.

use super::Context;
use crate::base::paths::Paths;
use crate::base::{Problem, Progress, Result};
use crate::data;
use crate::engine::JobId;
use crate::eval::feature_matrix::Rows;
use crate::eval::joint::teach::MOST;
use crate::eval::joint::{JointSpace, KindCard, SEEN};
use crate::recipe::Reading;

/// Pictures in memory at a time.
const AT_ONCE: usize = 64;

/// Learns words from a source and keeps them; says how well they do.
///
/// # Errors
/// The pictures are not there, have neither captions nor labels or are too few, a network is switched off, or it was cancelled.
pub fn teach(source: &str, reading: Reading, paths: &Paths, device: &str, progress: &dyn Progress) -> Result<KindCard> {
    let joint = JointSpace::open(paths, &crate::nn::device::open(device)?)?;
    let pictures = data::open_as(source, data::Opening { reading, progress })?;
    let labels = pictures.labels();
    let words = |i: usize| {
        let label = || labels.get(pictures.label(i)? as usize).cloned();
        pictures.caption(i).or_else(label).filter(|text| !text.trim().is_empty())
    };
    let known: Vec<(usize, String)> = (0..pictures.len()).filter_map(|i| Some((i, words(i)?))).collect();
    if known.is_empty() {
        return Err(Problem::data("These pictures have neither captions nor labels")
            .of(source)
            .try_this("Put pictures of one label into a folder of that name, or captions beside them"));
    }
    let step = known.len().div_ceil(MOST).max(1);
    let (mut seen, mut captions) = (Rows::new(SEEN), Vec::new());
    let known: Vec<(usize, String)> = known.into_iter().step_by(step).collect();
    for group in known.chunks(AT_ONCE) {
        progress.report("Looking at pictures", captions.len() as u64, known.len() as u64);
        progress.cancel().check()?;
        // What cannot be decoded was told when the source was looked through.
        let (read, texts): (Vec<_>, Vec<_>) =
            group.iter().filter_map(|(i, text)| Some((pictures.decode(*i).ok()?, text.clone()))).unzip();
        seen.extend(joint.seen(&read, &crate::base::progress::Quiet::default())?.values());
        captions.extend(texts);
    }
    let taught = joint.teach(&seen, &captions, progress)?;
    taught.keep(paths)?;
    Ok(taught.card)
}

/// The same as a job; what came of it is told.
///
/// # Errors
/// As [`teach`].
pub fn teach_job(cx: &Context, job: JobId, source: &str, reading: Reading) -> Result<()> {
    let card = teach(source, reading, &cx.paths, &cx.backend.device(), &cx.progress(job))?;
    cx.outbox.say(Problem::usage("The studio knows your words now").because(card.sentence()).info());
    Ok(())
}
