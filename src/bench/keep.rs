//! `bench import` and `bench library`: pictures into a prepared set, and what is kept of many.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::{median, quantile, timed};
use crate::base::progress::Quiet;
use crate::base::{Picture, Problem, Resolution, Result};
use crate::data;
use crate::library::{ItemFilter, ItemSort, Library, NewItem};
use crate::recipe::DataRecipe;
use crate::recipe::picture::{Latent, PictureRecipe};

/// Pictures into a prepared set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Imported {
    /// The source.
    pub source: String,
    /// Width and height that they were prepared for.
    pub resolution: Resolution,
    /// Pictures that came through.
    pub pictures: usize,
    /// Median over the turns.
    pub pictures_per_s: f64,
}

fn folder() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|e| Problem::failed("A folder could not be made").because(e))
}

/// Prepares a source anew, `times` times.
///
/// # Errors
/// The source cannot be opened.
pub fn import(source: &str, resolution: Resolution, times: usize) -> Result<Imported> {
    let recipe = DataRecipe { source: source.into(), resolution, ..DataRecipe::default() };
    let (mut speeds, mut pictures) = (Vec::new(), 0);
    for _ in 0..times.max(1) {
        let cache = folder()?;
        let begun = Instant::now();
        pictures = data::prepare(&recipe, cache.path(), &Quiet::default())?.len();
        speeds.push(pictures as f64 / begun.elapsed().as_secs_f64());
    }
    Ok(Imported { source: source.into(), resolution, pictures, pictures_per_s: median(&speeds) })
}

/// The library with many pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kept {
    /// Pictures kept.
    pub items: usize,
    /// Kept a second, in steps of a thousand.
    pub inserts_per_s: f64,
    /// A page of 200 from the top, ms: 95 of 100 take less.
    pub page_p95_ms: f64,
    /// A page from the middle.
    pub deep_page_p95_ms: f64,
    /// Ids and count of a filter by model, star and order.
    pub filter_p95_ms: f64,
    /// A search for words.
    pub search_p95_ms: f64,
    /// The graph around a picture.
    pub graph_p95_ms: f64,
    /// What was made, kept and exported by week and model.
    pub usage_p95_ms: f64,
    /// The library opened anew.
    pub open_p95_ms: f64,
    /// Every record read and compared, seconds.
    pub verify_s: f64,
}

fn picture(n: usize) -> NewItem {
    let model = ["faces", "nouns", "clothes", "shapes"][n % 4];
    let recipe = PictureRecipe {
        studio: env!("CARGO_PKG_VERSION").into(),
        model: model.into(),
        model_hash: format!("hash-of-{model}"),
        latent: Latent::Seed { seed: n as u64 },
        truncation: 1.0,
        made_by: ["sample", "interpolate", "walk"][n % 3].into(),
        scale: 1,
        filter: "nearest".into(),
        grid: None,
        device: "cpu".into(),
        prior: None,
        canvas: None,
        watermark: None,
    };
    NewItem {
        path: Path::new("gallery").join(format!("{model}-{n}.png")),
        picture: Picture::filled(32, 32, [(n * 7 % 256) as u8, (n / 256 % 256) as u8, 90, 255]),
        model: model.into(),
        recipe: Some(recipe),
        starred: n.is_multiple_of(50),
    }
}

/// Fills a library with `items` pictures, then looks for them `times` times each way.
///
/// # Errors
/// The library cannot be written.
pub fn library(items: usize, times: usize) -> Result<Kept> {
    let home = folder()?;
    let library = Library::open(&home.path().join("library.sqlite"))?;
    let begun = Instant::now();
    for first in (0..items).step_by(1000) {
        let new: Vec<NewItem> = (first..(first + 1000).min(items)).map(picture).collect();
        library.add_items(&new)?;
    }
    let inserts_per_s = items as f64 / begun.elapsed().as_secs_f64();
    let mut failed = None;
    let mut p95 = |look: &mut dyn FnMut(usize) -> Result<usize>| {
        let mut turn = 0;
        let times = timed(times.max(1), || {
            turn += 1;
            if let Err(problem) = look(turn) {
                failed = Some(problem);
            }
        });
        quantile(&times, 0.95)
    };
    let all = ItemFilter::default();
    let page_p95_ms = p95(&mut |turn| Ok(library.page(&all, turn % 20 * 200, 200)?.len()));
    let deep_page_p95_ms = p95(&mut |turn| Ok(library.page(&all, items / 2 + turn % 20 * 200, 200)?.len()));
    let filter_p95_ms = p95(&mut |turn| {
        let filter = ItemFilter {
            model: Some(["faces", "nouns", "clothes", "shapes"][turn % 4].into()),
            starred: turn.is_multiple_of(2),
            sort: [ItemSort::Newest, ItemSort::Rating][turn / 2 % 2],
            ..ItemFilter::default()
        };
        Ok(library.count(&filter)? as usize + library.ids(&filter)?.len())
    });
    let search_p95_ms = p95(&mut |turn| {
        let text = ["interpolate nouns", "walk", "clothes-4001", "fac"][turn % 4].into();
        Ok(library.page(&ItemFilter { text, ..ItemFilter::default() }, 0, 200)?.len())
    });
    let graph_p95_ms = p95(&mut |turn| {
        let item = 1 + turn * 7919 % items.max(1);
        Ok(library.graph(library.find_thing(&format!("item:{item}"))?, 20)?.nodes.len())
    });
    let usage_p95_ms = p95(&mut |_| Ok(library.usage()?.weeks.len()));
    let open_p95_ms = p95(&mut |_| Ok(usize::from(Library::open(library.path())?.path().exists())));
    if let Some(problem) = failed {
        return Err(problem);
    }
    let begun = Instant::now();
    let faults = library.verify()?.faults;
    if let Some(fault) = faults.first() {
        return Err(Problem::failed("The records are not as they were written").because(&fault.what));
    }
    let verify_s = begun.elapsed().as_secs_f64();
    Ok(Kept {
        items,
        inserts_per_s,
        page_p95_ms,
        deep_page_p95_ms,
        filter_p95_ms,
        search_p95_ms,
        graph_p95_ms,
        usage_p95_ms,
        open_p95_ms,
        verify_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_library_and_a_small_import_are_measured() {
        let kept = library(1200, 3).unwrap();
        assert!(kept.inserts_per_s > 0.0 && kept.search_p95_ms > 0.0 && kept.deep_page_p95_ms > 0.0);
        let imported = import("emoji:smileys", 16.into(), 1).unwrap();
        assert!(imported.pictures > 20 && imported.pictures_per_s > 0.0);
        assert!(import("/no/such/folder", 16.into(), 1).is_err());
    }
}
