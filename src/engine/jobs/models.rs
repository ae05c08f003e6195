//! Models: listed, opened, shown at a glance, imported, exported, deleted; pictures encoded.

use std::path::Path;

use super::Context;
use crate::base::paths::write_atomically;
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::engine::inference::Urgency;
use crate::engine::trash::discard;
use crate::engine::{Event, JobId, ModelInfo};
use crate::export::{decode, png_bytes};
use crate::latent::draw;
use crate::models::shipped;

/// Tells all models.
pub fn list(cx: &Context) -> Vec<ModelInfo> {
    crate::library::model_store::bring(&cx.paths);
    let models = cx.list_models();
    cx.tell(Event::BrokenModels(cx.broken_models()));
    cx.tell(Event::Models(models.clone()));
    cx.tell(Event::Networks(shipped::cards()));
    models
}

/// Loads a model as it is now and tells so. Never waits.
pub fn open(cx: &Context, model: String) {
    let inside = cx.clone();
    let taken = cx.inference.soon(move |models| match models.newest(&model) {
        Ok(loaded) => {
            let mut info = loaded.info().clone();
            info.model.clone_from(&model);
            let info = Box::new(inside.described(info));
            inside.tell(Event::ModelOpened { model, info });
        }
        Err(problem) => inside.outbox.say(problem),
    });
    if !taken {
        cx.outbox.tell_now(Event::Message(Problem::failed("The studio is too busy right now").of("inference")));
    }
}

/// Has models computed on another device from now on. Never waits.
pub fn use_device(cx: &Context, device: String) {
    let inside = cx.clone();
    cx.inference.soon(move |models| {
        if let Err(problem) = models.use_device(&device) {
            inside.outbox.say(problem.try_this("Exploring continues on the previous device"));
        }
    });
}

/// Tells a contact sheet, from the cache if these very weights had one made before.
///
/// # Errors
/// There is no such model, or it cannot be computed.
pub fn contact_sheet(cx: &Context, model: &str) -> Result<()> {
    if cx.outbox.is_closed() {
        return Ok(());
    }
    let file = |hash: &str| cx.paths.cache.join("sheets").join(format!("{hash}.png"));
    let known = cx.models().into_iter().find(|m| m.model == model).map(|m| m.hash).filter(|h| is_plain(h));
    let kept = known.and_then(|hash| vault::read(file(&hash)).ok()).and_then(|bytes| decode(&bytes).ok());
    let of_tokens = cx.models().into_iter().find(|m| m.model == model && !m.has_latents());
    let sheet = match (kept, of_tokens) {
        (Some(sheet), _) => sheet,
        (None, Some(info)) => {
            let sheet = draw::sheet::sheet(model, &info, &cx.paths, &cx.backend.device())?;
            if is_plain(&info.hash) {
                let _ = png_bytes(&sheet, None).and_then(|bytes| write_atomically(&file(&info.hash), &bytes));
            }
            sheet
        }
        (None, None) => {
            let name = model.to_string();
            let (sheet, hash) = cx.inference.wait(Urgency::Later, move |models| {
                let model = models.newest(&name)?;
                Ok((model.contact_sheet()?, model.info().hash.clone()))
            })?;
            if is_plain(&hash) {
                // Without room for it, it is made again next time.
                let _ = png_bytes(&sheet, None).and_then(|bytes| write_atomically(&file(&hash), &bytes));
            }
            sheet
        }
    };
    cx.tell(Event::ContactSheet { model: model.to_string(), sheet });
    Ok(())
}

/// Whether a hash can be a file's name.
fn is_plain(hash: &str) -> bool {
    !hash.is_empty() && hash.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Copies a checkpoint file into the studio.
///
/// # Errors
/// It is no model of this studio, or the disk is full.
pub fn import(cx: &Context, path: &Path) -> Result<()> {
    cx.backend.import(path).map(|_| ())
}

/// Moves an imported model to the trash.
///
/// # Errors
/// It came with the studio, belongs to a run, or cannot be moved.
pub fn trash(cx: &Context, model: &str) -> Result<()> {
    let file = cx.paths.models().join(format!("{model}.safetensors"));
    let ours = !model.is_empty() && !model.contains(['/', '\\']) && file.is_file();
    if !ours {
        let problem = Problem::usage("Only imported models can be deleted here").of(model);
        return Err(problem.try_this("A run's model is deleted with its run; shipped models cannot be deleted"));
    }
    let name = model.to_string();
    cx.inference.wait(Urgency::Soon, move |models| {
        models.forget(&name);
        Ok(())
    })?;
    discard(&file, &cx.paths)
}

/// Writes a model's weights as safetensors, into a folder under its name or to a file.
///
/// # Errors
/// There is no such model, or the disk is full.
pub fn export(cx: &Context, job: JobId, model: &str, out: &Path) -> Result<()> {
    let out = if out.is_dir() {
        let name = cx.models().into_iter().find(|m| m.model == model).map_or_else(|| "model".into(), |m| m.name);
        crate::export::free_path(out, &crate::engine::runs::folder_name(&name), "safetensors")
    } else if out.extension().is_none() {
        out.with_extension("safetensors")
    } else {
        out.into()
    };
    cx.tell(Event::Job { job, title: "Writing weights".into(), done: 0, total: 1 });
    cx.backend.export(model, &out)?;
    cx.tell(Event::Job { job, title: "Writing weights".into(), done: 1, total: 1 });
    cx.tell(Event::Exported { job, files: vec![out] });
    Ok(())
}
