//! Films: frames for scrubbing, and films written in the background.

use super::LatentEvent;
use super::model_slot::{Shelf, real};
use crate::base::{Problem, Progress, Result};
use crate::engine::jobs::{Context, picture_recipe};
use crate::engine::{Event, ExportOptions, JobId, ModelInfo};
use crate::export::{Shot, export};
use crate::latent::catalog;
use crate::latent::even_spacing::Pixels;
use crate::latent::film::Timeline;
use crate::latent::film::shoot::Script;
use crate::latent::model::LoadedModel;
use crate::library::records::latents::film_from;

/// Frames made at once.
const CHUNK: usize = 8;

/// Frames at some times of a timeline, as they are before it is re-timed. Never waits.
pub fn frames(cx: &Context, ticket: u64, model: String, timeline: Timeline, times: Vec<f64>) {
    let inside = cx.clone();
    let taken = cx.inference.soon(move |models| {
        let made = real(models, &model).and_then(|loaded| {
            let plain = Timeline { even: false, ..timeline };
            let script = loaded.script(&plain, 1, &Pixels(loaded), &crate::base::progress::Quiet::default())?;
            times.iter().map(|t| script.at(*t)).collect::<Result<Vec<_>>>()
        });
        match made {
            Ok(frames) => inside.tell(Event::Latent(LatentEvent::Frames { ticket, model, frames })),
            Err(problem) => inside.outbox.say(problem),
        }
    });
    if !taken {
        cx.outbox.tell_now(Event::Message(Problem::failed("The studio is too busy right now").of("inference")));
    }
}

/// Writes a film.
///
/// # Errors
/// The timeline is none or does not fit, options are out of range, the disk is full, or it was cancelled.
pub fn film(
    cx: &Context,
    shelf: &mut Shelf,
    job: JobId,
    model: &str,
    timeline: &Timeline,
    options: &ExportOptions,
) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let mut info = loaded.info().clone();
    info.model = model.into();
    let info = cx.described(info);
    let files = write(loaded, &info, cx.backend.device(), timeline, options, &cx.progress(job))?;
    // The checkpoint that made it is not thinned from now on.
    catalog::note_pictured(model, &info.hash, &cx.paths);
    crate::engine::jobs::export::sign(cx, options, &files)?;
    let points: Vec<_> = timeline.keys.iter().map(|key| key.latent.clone()).collect();
    let from = film_from(&cx.paths.library(), (&info.hash, &info.name), &points);
    let about = serde_json::json!({ "model": info.name, "seconds": timeline.seconds });
    crate::library::records::note_files(&cx.paths.library(), "film", &files, &from, &about);
    cx.tell(Event::Exported { job, files });
    Ok(())
}

/// Writes a film of a model; `info` is how the model is called, `device` what it is computed on.
///
/// # Errors
/// As [`film`].
pub fn write(
    model: &LoadedModel,
    info: &ModelInfo,
    device: String,
    timeline: &Timeline,
    options: &ExportOptions,
    progress: &dyn Progress,
) -> Result<Vec<std::path::PathBuf>> {
    let script = model.script(timeline, options.fps, &model.eye(timeline.by, 1.0)?, progress)?;
    let total = script.len() as u64;
    let mut shots = Shots { model, info, device, script, next: 0, ready: Vec::new() };
    export(options, &mut shots, total, progress)
}

/// The frames of a script, made while they are taken.
struct Shots<'a> {
    model: &'a LoadedModel,
    info: &'a ModelInfo,
    device: String,
    script: Script,
    next: usize,
    /// The next frames, the last first.
    ready: Vec<Shot>,
}

impl Shots<'_> {
    /// As many frames from here on as share their truncation.
    fn make(&mut self) -> Result<()> {
        let last = (self.next + CHUNK).min(self.script.len());
        let frames = (self.next..last).map(|i| self.script.frame(i)).collect::<Result<Vec<_>>>()?;
        let truncation = frames[0].truncation;
        let latents: Vec<_> = frames.into_iter().take_while(|f| f.truncation == truncation).map(|f| f.latent).collect();
        self.next += latents.len();
        let pictures = self.model.generate(&latents, truncation)?;
        let shot = |(latent, picture)| Shot {
            picture,
            recipe: Some(picture_recipe(self.info, latent, truncation, "film", self.device.clone())),
            model: self.info.name.clone(),
        };
        self.ready = latents.iter().zip(pictures).map(shot).rev().collect();
        Ok(())
    }
}

impl Iterator for Shots<'_> {
    type Item = Result<Shot>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            if self.next >= self.script.len() {
                return None;
            }
            if let Err(problem) = self.make() {
                self.next = self.script.len();
                return Some(Err(problem));
            }
        }
        self.ready.pop().map(Ok)
    }
}
