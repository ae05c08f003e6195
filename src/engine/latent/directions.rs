//! Directions: found, measured, kept, sent on their way.

use std::path::Path;
use std::sync::Arc;

use super::LatentEvent;
use super::model_slot::{Shelf, own};
use crate::base::{Problem, Result};
use crate::engine::jobs::Context;
use crate::engine::{Event, JobId};
use crate::latent::attributes::Judge;
use crate::latent::attributes::Judged;
use crate::latent::directions::search::{Find, search};
use crate::latent::directions::store::{self, Sheet};
use crate::latent::directions::{Direction, Entanglement};
use crate::latent::even_spacing::Pixels;

/// What to measure.
pub struct Measure {
    /// Names; all if empty.
    pub names: Vec<String>,
    /// Pictures whose attributes are known.
    pub data: Option<String>,
}

fn sheet(cx: &Context, model: &str) -> Result<Sheet> {
    store::of_model(model, &cx.paths)
}

fn told(cx: &Context, model: &str, sheet: Sheet) {
    let directions = Arc::new(sheet.directions);
    cx.tell(Event::Latent(LatentEvent::Directions { model: model.into(), directions }));
}

/// Tells the directions of a model.
///
/// # Errors
/// There is no such model, or its directions are damaged.
pub fn tell(cx: &Context, model: &str) -> Result<()> {
    told(cx, model, sheet(cx, model)?);
    Ok(())
}

fn change(cx: &Context, model: &str, change: impl FnOnce(&mut Sheet) -> Result<()>) -> Result<()> {
    let (sheet, ()) = store::change(model, &cx.paths, change)?;
    told(cx, model, sheet);
    Ok(())
}

/// Finds directions and keeps them.
///
/// # Errors
/// As [`search`].
pub fn find(cx: &Context, shelf: &mut Shelf, job: JobId, model: &str, find: &Find) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let mut find = find.clone();
    if let Some(data) = find.data_mut() {
        *data = own(cx, loaded, model, data)?;
    }
    let found = search(loaded, &find, &cx.paths, &cx.progress(job))?;
    let mut names = Vec::new();
    change(cx, model, |sheet| {
        names = sheet.add(found, false);
        Ok(())
    })?;
    cx.tell(Event::Latent(LatentEvent::DirectionsFound { job, model: model.into(), names }));
    Ok(())
}

/// Measures how much else moves and keeps it with the directions.
///
/// # Errors
/// A name is unknown, the model cannot be computed, or it was cancelled.
pub fn measure(cx: &Context, shelf: &mut Shelf, job: JobId, model: &str, wish: &Measure) -> Result<()> {
    let loaded = shelf.get(cx, model)?;
    let sheet = sheet(cx, model)?;
    let progress = cx.progress(job);
    let wanted: Vec<&Direction> = if wish.names.is_empty() {
        sheet.directions.iter().collect()
    } else {
        wish.names.iter().map(|n| sheet.get(n)).collect::<Result<_>>()?
    };
    let data = wish.data.as_ref().map(|d| own(cx, loaded, model, d)).transpose()?;
    let predictor = data.map(|d| loaded.predictor(&d, &cx.paths, &progress)).transpose()?;
    let judge = predictor.as_ref().map(|predictor| Judged { predictor, model: loaded });
    let judge = judge.as_ref().map(|j| j as &dyn Judge);
    let mut measured: Vec<(String, Entanglement)> = Vec::new();
    for direction in wanted {
        let found = loaded.entanglement(direction, &Pixels(loaded), judge, &progress)?;
        measured.push((direction.name.clone(), found));
    }
    // What was kept in the meantime stays.
    change(cx, model, |sheet| {
        sheet.measured(measured);
        Ok(())
    })
}

/// Keeps a direction, new or in place of another.
///
/// # Errors
/// Its name is taken by a third, or the disk is full.
pub fn keep(cx: &Context, model: &str, direction: Direction, replaces: Option<String>) -> Result<()> {
    change(cx, model, |sheet| {
        let Some(old) = replaces else {
            sheet.add(vec![direction], false);
            return Ok(());
        };
        let place = sheet.directions.iter().position(|d| d.name == old);
        if direction.name != old && sheet.get(&direction.name).is_ok() {
            return Err(Problem::usage("Another direction already has this name").of(direction.name));
        }
        match place {
            Some(i) => sheet.directions[i] = direction,
            None => {
                sheet.add(vec![direction], false);
            }
        }
        Ok(())
    })
}

/// Takes the parts along others out of a direction.
///
/// # Errors
/// A name is unknown, or nothing would be left.
pub fn separate(cx: &Context, model: &str, name: &str, others: &[String]) -> Result<()> {
    change(cx, model, |sheet| {
        let own = sheet.get(name)?.clone();
        let chosen: Vec<&Direction> = if others.is_empty() {
            let alike = |d: &&Direction| d.name != name && d.space == own.space && d.values.len() == own.values.len();
            sheet.directions.iter().filter(alike).collect()
        } else {
            others.iter().map(|n| sheet.get(n)).collect::<Result<_>>()?
        };
        let apart = own.apart_from(&chosen)?;
        sheet.add(vec![apart], true);
        Ok(())
    })
}

/// Forgets directions.
///
/// # Errors
/// The disk is full.
pub fn remove(cx: &Context, model: &str, names: &[String]) -> Result<()> {
    change(cx, model, |sheet| {
        sheet.directions.retain(|d| !names.contains(&d.name));
        Ok(())
    })
}

/// Writes directions to a file.
///
/// # Errors
/// A name is unknown, or the file cannot be written.
pub fn export(cx: &Context, job: JobId, model: &str, names: &[String], out: &Path) -> Result<()> {
    store::export(&sheet(cx, model)?, names, out)?;
    cx.tell(Event::Exported { job, files: vec![out.into()] });
    Ok(())
}

/// Adds directions of a file.
///
/// # Errors
/// The file is none of ours, or of another model.
pub fn import(cx: &Context, model: &str, path: &Path) -> Result<()> {
    change(cx, model, |sheet| {
        let new = store::import(path, &sheet.hash)?;
        sheet.add(new, false);
        Ok(())
    })
}
