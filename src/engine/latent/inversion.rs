//! Pictures into latents, and hands on pictures: inverted, tuned, painted, mended.

use std::path::{Path, PathBuf};

use super::LatentEvent;
use super::model_slot::Shelf;
use crate::base::paths::write_atomically;
use crate::base::{Picture, Problem, Result, Severity};
use crate::data::decode_file;
use crate::engine::inference::Urgency;
use crate::engine::jobs::{Context, models, picture_recipe};
use crate::engine::{Event, JobId, ModelInfo};
use crate::export::metadata;
use crate::export::png::{check_name, png_bytes, with_text};
use crate::latent::encoder::store;
use crate::latent::{invert, latent_edit};
use crate::library::records::latents::note_inversions;
use crate::recipe::picture::Latent;

fn tell(cx: &Context, event: LatentEvent) {
    cx.tell(Event::Latent(event));
}

/// Finds latents of picture files and of those in folders, and tells each as it is found. What cannot be read is said and
/// left out.
///
/// # Errors
/// None can be read, the model cannot be computed, or it was cancelled.
pub fn invert(
    cx: &Context,
    shelf: &mut Shelf,
    job: JobId,
    model: &str,
    inputs: &[PathBuf],
    wish: &invert::InvertConfig,
) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let progress = cx.progress(job);
    let inputs = invert::picture_files(inputs)?;
    tell(cx, LatentEvent::InvertFiles { job, files: inputs.clone() });
    let encoder = store::find(loaded, &cx.paths)?;
    let judges = loaded.judges(wish, &cx.paths)?;
    // A few at once: quicker than one by one, and the first are there while the last are worked on.
    let mut unread = 0;
    for (group, paths) in inputs.chunks(invert::TOGETHER).enumerate() {
        let first = group * invert::TOGETHER;
        let (read, broken) = invert::readable(paths);
        unread += broken.len();
        if let ([problem], 1) = (broken.as_slice(), inputs.len()) {
            // The only one: it is the error itself.
            return Err(Problem { severity: Severity::Error, ..problem.clone() });
        }
        broken.into_iter().for_each(|problem| cx.outbox.say(problem));
        if read.is_empty() {
            continue;
        }
        let (places, pictures): (Vec<usize>, Vec<_>) = read.into_iter().unzip();
        let mut watch = |step: invert::Step| {
            let step = invert::Step { index: first + places[step.index], ..step };
            tell(cx, LatentEvent::Inverting { job, step });
        };
        let found = loaded.invert(&pictures, wish, encoder.as_ref(), &judges, &mut watch, &progress)?;
        let info = loaded.info();
        let noted: Vec<(PathBuf, Latent)> =
            places.iter().zip(&found).map(|(&i, found)| (paths[i].clone(), found.latent.clone())).collect();
        note_inversions(&cx.paths.library(), (&info.hash, &info.name), &noted);
        for (&i, found) in places.iter().zip(found) {
            let (model, path, index) = (model.to_string(), paths[i].clone(), first + i);
            tell(cx, LatentEvent::Inverted { job, model, index, path, found: Box::new(found) });
        }
    }
    // A part is a result; nothing at all is none.
    if unread == inputs.len() { invert::all_of(unread, inputs.len()) } else { Ok(()) }
}

/// Brings a GAN closer to a picture.
///
/// # Errors
/// The file is no picture, the model is no GAN, the disk is full, or it was cancelled.
pub fn tune(
    cx: &Context,
    shelf: &mut Shelf,
    job: JobId,
    model: &str,
    input: &Path,
    latent: &Latent,
    steps: u32,
) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let tuned = loaded.tune(&decode_file(input)?, latent, steps, &cx.paths, &cx.progress(job))?;
    models::list(cx);
    let child = tuned.info.model;
    tell(cx, LatentEvent::Tuned { job, model: model.into(), child, picture: tuned.picture, psnr: tuned.psnr });
    Ok(())
}

/// Paints on or erases from a picture.
///
/// # Errors
/// What was painted does not fit, or it was cancelled.
pub fn paint(
    cx: &Context,
    shelf: &mut Shelf,
    job: JobId,
    model: &str,
    (latent, truncation): (&Latent, f32),
    wish: &latent_edit::EditConfig,
) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let mut watch = |step, picture| tell(cx, LatentEvent::Painting { job, step, picture });
    let painted = Box::new(loaded.paint(latent, truncation, wish, &mut watch, &cx.progress(job))?);
    tell(cx, LatentEvent::Painted { job, model: model.into(), painted });
    Ok(())
}

/// What is to be mended.
pub struct Mend {
    /// The picture file.
    pub input: PathBuf,
    /// Its hole.
    pub hole: Option<Vec<u8>>,
    /// How much the model is believed more than the picture.
    pub typical: f64,
    /// Steps.
    pub steps: u32,
}

/// Fills a hole, or takes noise away.
///
/// # Errors
/// The file is no picture, the hole does not fit, or it was cancelled.
pub fn mend(cx: &Context, shelf: &mut Shelf, job: JobId, model: &str, wish: Mend) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let encoder = store::find(loaded, &cx.paths)?;
    let picture = decode_file(&wish.input)?;
    let progress = cx.progress(job);
    let mended = loaded.mend(&picture, wish.hole.as_deref(), wish.typical, wish.steps, encoder.as_ref(), &progress)?;
    tell(cx, LatentEvent::Mended { job, model: model.into(), path: wish.input, mended: Box::new(mended) });
    Ok(())
}

/// Writes a mended picture. Its recipe tells the latent; the picture itself is only in part the model's. The XMP packet of the
/// photograph is kept.
///
/// # Errors
/// There is no such model any more, or the disk is full.
pub fn write_mended(
    cx: &Context,
    job: JobId,
    model: &str,
    latent: &Latent,
    (picture, photo): (&Picture, &Path),
    out: PathBuf,
) -> Result<()> {
    let name = model.to_string();
    let info = cx.inference.wait(Urgency::Later, move |models| Ok(models.get(&name)?.info().clone()))?;
    let info = cx.described(ModelInfo { model: model.into(), ..info });
    let recipe = picture_recipe(&info, latent, 1.0, "mended", cx.backend.device());
    check_name(&out)?;
    let mut bytes = png_bytes(picture, Some(&recipe))?;
    // What others said of the photograph stays with it.
    if let Some(packet) = metadata::xmp_of(photo) {
        bytes = with_text(&bytes, metadata::SOURCE_XMP_KEY, &packet);
    }
    write_atomically(&out, &bytes)?;
    cx.tell(Event::Exported { job, files: vec![out] });
    Ok(())
}
