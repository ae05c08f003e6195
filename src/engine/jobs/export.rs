//! Pictures, grids and films on their way out: made by the inference thread a few at a time, written as they come.

use std::collections::VecDeque;
use std::path::PathBuf;

use serde_json::json;

use super::{Context, likeness, picture_recipe, read_picture};
use crate::base::{Cancel, Problem, Result};
use crate::engine::inference::Urgency;
use crate::engine::{Event, ExportOptions, Item, JobId, ModelInfo};
use crate::export::certificate_key::own_key;
use crate::export::{EXPORTERS, Makes, Shot, badge, certificate, export, read_recipe};
use crate::latent::catalog;
use crate::library::records::note_files;
use crate::recipe::picture::Latent;

/// Pictures asked for at once: few enough that what a person drags is not held up.
const CHUNK: usize = 8;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The model.
    pub model: String,
    /// One picture each.
    pub latents: Vec<Latent>,
    /// Scales the latents.
    pub truncation: f32,
    /// What made them: `sample`, `grid`, `walk`, `reconstruction`.
    pub made_by: String,
}

/// The pictures of [`Wanted`], made while they are taken.
pub struct Shots<'a> {
    cx: &'a Context,
    wanted: &'a Wanted,
    cancel: Cancel,
    next: usize,
    ready: VecDeque<Result<Shot>>,
}

impl<'a> Shots<'a> {
    /// Pictures that end when `cancel` is raised.
    pub fn new(cx: &'a Context, wanted: &'a Wanted, cancel: Cancel) -> Self {
        Self { cx, wanted, cancel, next: 0, ready: VecDeque::new() }
    }

    fn make(&self, latents: Vec<Latent>) -> Result<Vec<Shot>> {
        self.cancel.check()?;
        let (model, truncation, asked) = (self.wanted.model.clone(), self.wanted.truncation, latents.clone());
        let (info, pictures): (ModelInfo, _) = self.cx.inference.wait(Urgency::Later, move |models| {
            let pictures = models.pictures(&model, &asked, truncation)?;
            let mut info = models.get(&model)?.info().clone();
            info.model.clone_from(&model);
            Ok((info, pictures))
        })?;
        let info = self.cx.described(info);
        let shot = |(latent, picture)| Shot {
            picture,
            recipe: Some(picture_recipe(&info, &latent, truncation, &self.wanted.made_by, self.cx.backend.device())),
            model: info.name.clone(),
        };
        Ok(latents.into_iter().zip(pictures).map(shot).collect())
    }
}

impl Iterator for Shots<'_> {
    type Item = Result<Shot>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(shot) = self.ready.pop_front() {
            return Some(shot);
        }
        let rest = &self.wanted.latents[self.next..];
        if rest.is_empty() {
            return None;
        }
        let latents = rest[..rest.len().min(CHUNK)].to_vec();
        self.next += latents.len();
        match self.make(latents) {
            Ok(shots) => self.ready.extend(shots.into_iter().map(Ok)),
            Err(problem) => {
                // Nothing comes after a failure.
                self.next = self.wanted.latents.len();
                return Some(Err(problem));
            }
        }
        self.ready.pop_front()
    }
}

/// Writes pictures, a grid or a film of a model.
///
/// # Errors
/// The model cannot be computed, the options are out of range, the disk is full, or it was cancelled.
pub fn pictures(cx: &Context, job: JobId, wanted: &Wanted, options: &ExportOptions) -> Result<()> {
    let mut shots = Shots::new(cx, wanted, cx.jobs.cancel_of(job));
    let files = export(options, &mut shots, wanted.latents.len() as u64, &cx.progress(job))?;
    sign(cx, options, &files)?;
    if let Some(info) = cx.models().iter().find(|m| m.model == wanted.model) {
        catalog::note_pictured(&wanted.model, &info.hash, &cx.paths);
    }
    if let Some(info) = cx.models().into_iter().find(|m| m.model == wanted.model) {
        let from = [(info.hash, wanted.made_by.clone())];
        note_files(&cx.paths.library(), kind(options), &files, &from, &json!({ "model": info.name }));
    }
    cx.tell(Event::Exported { job, files });
    Ok(())
}

/// Writes kept pictures again, with the recipes they have.
///
/// # Errors
/// A kept file is gone, the options are out of range, the disk is full, or it was cancelled.
pub fn items(cx: &Context, job: JobId, items: &[Item], options: &ExportOptions) -> Result<Vec<PathBuf>> {
    let mut shots = items.iter().map(|item| {
        Ok(Shot { picture: read_picture(&item.path)?, recipe: item.recipe.clone(), model: item.model.clone() })
    });
    let files = export(options, &mut shots, items.len() as u64, &cx.progress(job))?;
    if options.recipe && !options.no_traces && files.len() == items.len() {
        for (item, file) in items.iter().zip(&files) {
            if let Some((found, _)) = likeness::known(cx, item)? {
                let likeness::Likeness { standing, as_near, unseen, held_out, .. } = found;
                badge::write(file, &badge::Badge { standing, as_near, unseen, held_out })?;
            }
        }
    }
    sign(cx, options, &files)?;
    let about = json!({ "model": items.first().map(|i| &i.model) });
    let from = |item: &Item| (format!("item:{}", item.id), "exported".to_owned());
    if files.len() == items.len() {
        for (item, file) in items.iter().zip(&files) {
            note_files(&cx.paths.library(), kind(options), std::slice::from_ref(file), &[from(item)], &about);
        }
    } else {
        let all: Vec<_> = items.iter().map(from).collect();
        note_files(&cx.paths.library(), kind(options), &files, &all, &about);
    }
    Ok(files)
}

/// Signs exported files where that was asked for. What no model here made has nothing that could be signed for, which is
/// said.
///
/// # Errors
/// The key or a file cannot be read or written.
pub fn sign(cx: &Context, options: &ExportOptions, files: &[PathBuf]) -> Result<()> {
    if !options.certificate || !options.recipe || options.no_traces {
        return Ok(());
    }
    let (key, models) = (own_key(&cx.paths)?, cx.models());
    for file in files.iter().filter(|f| f.is_file()) {
        let Some(recipe) = read_recipe(file)? else { continue };
        match models.iter().find(|m| m.hash == recipe.model_hash) {
            Some(info) => certificate::sign(file, info, &key).map(|_| ())?,
            None => {
                let problem =
                    Problem::data("This file has no certificate: the model that made it is not in the list of models");
                cx.outbox.say(problem.of(file.display().to_string()).warning());
            }
        }
    }
    Ok(())
}

/// What records call the files of a format.
fn kind(options: &ExportOptions) -> &'static str {
    let film = EXPORTERS.iter().any(|e| e.id == options.format && e.makes == Makes::Film);
    if film { "film" } else { "export" }
}
