//! What a run has before its first step: its prepared pictures, and what its model says of itself.

use std::path::Path;

use super::folder::RunFolder;
use super::report::RunEvent;
use super::session::Session;
use crate::base::progress::Watched;
use crate::base::{Cancel, Problem, Result};
use crate::data::report::told;
use crate::data::{self, Prepared};
use crate::models::info::ModelInfo;
use crate::recipe::Recipe;

/// The prepared pictures of a run, made now if they are not there; the run's folder says how far that is.
pub(super) fn prepare(session: &mut Session<'_>, recipe: &Recipe, cache: &Path, stop: &Cancel) -> Result<Prepared> {
    // Told from worker threads; passed on from this one.
    let (send, receive) = crossbeam_channel::bounded::<(String, u64, u64)>(64);
    let watch = Watched::new(stop.clone(), move |stage: &str, done: u64, total: u64| {
        let _ = send.try_send((stage.into(), done, total));
    });
    let data = recipe.data.clone();
    let cache = cache.to_path_buf();
    let prepared = std::thread::scope(|scope| {
        let worker = std::thread::Builder::new()
            .name("prepare".into())
            .spawn_scoped(scope, move || data::prepare(&data, &cache, &watch))
            .map_err(|e| Problem::failed("A thread could not be started").because(e))?;
        for (stage, done, total) in receive {
            if session.due() {
                session.progress.stage = if total > 0 { format!("{stage} {done} of {total}") } else { stage };
                session.status(None);
            }
        }
        worker.join().unwrap_or_else(|_| Err(Problem::failed("Preparing the pictures failed unexpectedly")))
    })?;
    if !prepared.broken().is_empty() {
        let list = told(prepared.broken(), 6);
        let names: Vec<String> = list.iter().map(|b| format!("{}: {}", b.file, b.reason)).collect();
        let note = Problem::data(format!("{} files could not be used and are left out", prepared.broken().len()))
            .because(names.join("; "))
            .warning();
        session.tell(&RunEvent::Message(note));
    }
    for guess in prepared.guesses() {
        let note = Problem::data(guess.what.clone()).info();
        session.tell(&RunEvent::Message(match &guess.otherwise {
            Some(otherwise) => note.try_this(otherwise.clone()),
            None => note,
        }));
    }
    Ok(prepared)
}

/// A conditional model learns the labels that its data have.
pub(super) fn learn_labels(recipe: &mut Recipe, prepared: &Prepared) -> Result<()> {
    if !recipe.model.conditional {
        return Ok(());
    }
    if prepared.labels().len() < 2 {
        return Err(Problem::data("These pictures have no labels to learn")
            .of("model.conditional")
            .because(format!("{} labels found", prepared.labels().len()))
            .try_this("Sort the pictures into one folder for each class, or switch off “Learn the labels”"));
    }
    recipe.model.classes = prepared.labels().to_vec();
    Ok(())
}

/// What lists and snapshots say of the model.
pub(super) fn model_info(folder: &RunFolder, recipe: &Recipe) -> ModelInfo {
    let name = folder.dir().file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let info = ModelInfo::of(recipe, String::new());
    if info.name.is_empty() { ModelInfo { name, ..info } } else { info }
}
