//! The library's own thread: kept pictures, data sets, runs. Files first, then rows, so that no row is without its file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::export::{Shots, Wanted};
use super::{Context, read_picture};
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Progress, Result};
use crate::engine::trash::remove;
use crate::engine::{DataSetInfo, Event, Graph, Item, ItemFilter, ModelInfo, PastChange, RunSummary, Usage};
use crate::export::{Shot, file_name, png_bytes, today, write_new};
use crate::latent::catalog;
use crate::library::records::threads::NewPrompt;
use crate::library::{Library, NewItem, Shelf};
use crate::recipe::picture::Latent;
use crate::train::folder::RunFolder;

/// Pictures that are told at once.
const SOME: usize = 400;

/// Pictures that are kept by one change: so many are in memory at a time.
const TOGETHER: usize = 500;

/// Pictures of data sets that are listed without a search.
const LISTED: usize = 5000;
/// Steps that a graph goes each way.
const STEPS: u32 = 20;

/// Changes in a history.
const CHANGES: u32 = 20;

/// The library, or why there is none.
pub struct Gallery {
    library: Result<Library>,
}

/// A picture whose file is written.
pub struct Kept {
    path: PathBuf,
    shot: Shot,
}

/// Makes pictures and writes their files into the gallery's folder; `keep` is handed some of them at a time.
///
/// # Errors
/// The model cannot be computed, the disk is full, or it was cancelled; what was handed over by then stays kept.
pub fn make(
    cx: &Context,
    wanted: &Wanted,
    progress: &dyn Progress,
    keep: &mut dyn FnMut(Vec<Kept>) -> Result<()>,
) -> Result<()> {
    let mut kept = Vec::new();
    let total = wanted.latents.len() as u64;
    for (i, shot) in Shots::new(cx, wanted, progress.cancel().clone()).enumerate() {
        progress.report("Keeping pictures", i as u64, total);
        let shot = match shot {
            Ok(shot) => shot,
            Err(problem) => {
                // No file without its row.
                keep(kept)?;
                return Err(problem);
            }
        };
        if i == 0
            && let Some(recipe) = &shot.recipe
        {
            catalog::note_pictured(&wanted.model, &recipe.model_hash, &cx.paths);
        }
        let seed = match shot.recipe.as_ref().map(|r| &r.latent) {
            Some(Latent::Seed { seed }) => Some(*seed),
            _ => None,
        };
        let pattern = if seed.is_some() { "{model}-{seed}" } else { "{model}-{date}-{n}" };
        let stem = file_name(pattern, &shot.model, seed, i + 1, &today());
        let bytes = png_bytes(&shot.picture, shot.recipe.as_ref())?;
        let path = write_new(&cx.paths.gallery(), &stem, "png", &bytes)?;
        kept.push(Kept { path, shot });
        if kept.len() >= TOGETHER {
            keep(std::mem::take(&mut kept))?;
        }
    }
    progress.report("Keeping pictures", total, total);
    keep(kept)
}

/// A picture of the library at full size.
///
/// # Errors
/// It is not in the library, or its file is gone.
pub fn detail(library: &Library, id: i64) -> Result<(Item, Picture)> {
    let gone = || Problem::data("This picture is no longer in the library");
    let item = library.item(id)?.ok_or_else(gone)?;
    let picture = match &item.imported {
        Some(imported) => crate::library::imported::read(imported)?,
        None => read_picture(&item.path)?,
    };
    Ok((item, picture))
}

impl Gallery {
    /// Opens the library; a damaged one is repaired, and a person is told.
    pub fn open(cx: &Context) -> Self {
        let library = Library::open_or_repair(&cx.paths.library());
        let library = library.map(|(library, problem)| {
            if let Some(problem) = problem {
                cx.outbox.say(problem);
                // Pictures that the damaged file knew are still in the folder, with their recipes.
                let _ = library.adopt(&cx.paths.gallery());
            }
            library
        });
        match &library {
            Err(problem) => cx.outbox.say(problem.clone()),
            Ok(library) if library.count(&ItemFilter::default()).is_ok_and(|n| n > 0) => back_up(cx.paths.library()),
            Ok(_) => {}
        }
        Self { library }
    }

    pub(super) fn library(&mut self) -> Result<&mut Library> {
        self.library.as_mut().map_err(|p| p.clone())
    }

    /// Notes pictures whose files are written; says their numbers.
    ///
    /// # Errors
    /// The library cannot be written; the files stay.
    pub fn add(&mut self, model: &str, kept: Vec<Kept>, starred: bool) -> Result<Vec<i64>> {
        // A checkpoint of a run is a relative of the run's other ones.
        // One of a certain place is named after an @.
        let places = [Some(model), model.rsplit_once('@').map(|(run, _)| run)];
        let run = places.into_iter().flatten().find(|run| RunFolder::is_run(Path::new(run)));
        if let (Some(recipe), Some(run)) = (kept.first().and_then(|k| k.shot.recipe.as_ref()), run) {
            self.library()?.link(&recipe.model_hash, run, "checkpoint")?;
        }
        let new: Vec<NewItem> = kept
            .into_iter()
            .map(|Kept { path, shot }| NewItem {
                path,
                picture: shot.picture,
                model: shot.model,
                recipe: shot.recipe,
                starred,
            })
            .collect();
        self.library()?.add_items(&new)
    }

    /// Makes a change, after which lists have to be asked for again, and tells by which number it can be taken back.
    ///
    /// # Errors
    /// What the change fails with.
    pub fn changing(&mut self, cx: &Context, change: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = self.library()?.newest_change()?;
        let result = change(self);
        if let Some((change, name)) = self.library()?.newest_change()?
            && before.is_none_or(|(before, _)| before < change)
        {
            cx.tell(Event::Changed { change, name });
        }
        cx.tell(Event::ItemsChanged);
        result
    }

    /// Takes a change back, or does it again.
    ///
    /// # Errors
    /// It is not known any more, or the library cannot be written.
    pub fn go(&mut self, change: i64, back: bool) -> Result<()> {
        let what = if back { "This change can no longer be undone" } else { "This change can no longer be redone" };
        self.library()?.go(change, back)?.map(|_| ()).ok_or_else(|| Problem::usage(what).info())
    }

    /// The last changes, the newest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn changes(&mut self) -> Result<Vec<PastChange>> {
        self.library()?.changes(CHANGES)
    }

    /// Notes models with what they came from.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_models(&mut self, models: &[ModelInfo]) -> Result<()> {
        let library = self.library()?;
        for model in models.iter().filter(|m| !m.hash.is_empty()) {
            library.put_model(model)?;
            if RunFolder::is_run(Path::new(&model.model)) {
                library.link(&model.hash, &model.model, "checkpoint")?;
            }
        }
        Ok(())
    }

    /// Notes the parents of a kept picture.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn link(&mut self, child: i64, parents: &[i64]) -> Result<()> {
        let library = self.library()?;
        parents.iter().try_for_each(|parent| library.link(&node(child), &node(*parent), "bred"))
    }

    /// A kept picture with all that it comes from and all that comes from it, each with its parents.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn family(&mut self, item: i64) -> Result<Vec<(Item, Vec<i64>)>> {
        let library = self.library()?;
        let mut found: Vec<(Item, Vec<i64>)> = Vec::new();
        // Upwards and downwards each by itself: cousins are another story.
        for up in [true, false] {
            let (mut next, mut seen) = (vec![item], std::collections::HashSet::from([item]));
            while let Some(id) = next.pop() {
                let lineage = library.lineage(&node(id))?;
                let parents: Vec<i64> = lineage.parents.iter().filter_map(|l| number(&l.parent)).collect();
                let children: Vec<i64> = lineage.children.iter().filter_map(|l| number(&l.child)).collect();
                let further = if up { &parents } else { &children };
                next.extend(further.iter().filter(|i| seen.insert(**i)));
                if found.iter().all(|f| f.0.id != id)
                    && let Some(item) = library.item(id)?
                {
                    found.push((item, parents));
                }
            }
        }
        Ok(found)
    }

    /// Tells the kept pictures for a filter; where there are many, some at once.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn list(&mut self, cx: &Context, filter: ItemFilter) -> Result<()> {
        let library = self.library()?;
        let first = if filter.alike.is_none() { library.page(&filter, 0, SOME)? } else { Vec::new() };
        let all = if first.is_empty() || first.len() == SOME {
            if !first.is_empty() {
                cx.tell(Event::FirstItems { filter: filter.clone(), items: Arc::new(first) });
            }
            // Of whole data sets the newest are shown; a search or a filter finds the others.
            let all = filter.shelf == Shelf::Kept || filter.alike.is_some();
            if all { library.items(&filter)? } else { library.page(&filter, 0, LISTED)? }
        } else {
            first
        };
        cx.tell(Event::Items { filter, items: Arc::new(all) });
        Ok(())
    }

    /// Kept pictures by number, those that are gone left out.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn some(&mut self, ids: &[i64]) -> Result<Vec<Item>> {
        let library = self.library()?;
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            items.extend(library.item(*id)?);
        }
        Ok(items)
    }

    /// Small versions of kept pictures.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn thumbs(&mut self, ids: &[i64]) -> Result<Vec<(i64, Picture)>> {
        self.library()?.thumbs(ids)
    }

    /// A kept picture at full size.
    ///
    /// # Errors
    /// It is not in the library, or its file is gone.
    pub fn detail(&mut self, id: i64) -> Result<(Item, Picture)> {
        detail(self.library()?, id)
    }

    /// What a thing comes from and what came of it, as far as there are records: of several, one a line, the first that is
    /// known.
    ///
    /// # Errors
    /// There is no such thing, or the library cannot be read.
    pub fn graph(&mut self, thing: &str) -> Result<Graph> {
        let library = self.library()?;
        let mut names = thing.lines();
        let first = library.find_thing(names.next().unwrap_or_default());
        let found =
            names.fold(first, |found, name| found.or_else(|problem| library.find_thing(name).map_err(|_| problem)));
        library.graph(found?, STEPS)
    }

    /// What was made, kept and exported by model and week.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn usage(&mut self) -> Result<Usage> {
        self.library()?.usage()
    }

    /// Notes what was asked of a model that draws.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_prompt(&mut self, prompt: &NewPrompt) -> Result<i64> {
        self.library()?.note_prompt(prompt)
    }

    /// Rates kept pictures.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn rate(&mut self, ids: &[i64], rating: u8) -> Result<()> {
        self.library()?.rate(ids, rating.min(5))
    }

    /// Stars kept pictures, or not.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn star(&mut self, ids: &[i64], starred: bool) -> Result<()> {
        self.library()?.star(ids, starred)
    }

    /// Adds a tag to kept pictures, or removes it.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn tag(&mut self, ids: &[i64], tag: &str, add: bool) -> Result<()> {
        self.library()?.tag(ids, tag.trim(), add)
    }

    /// Puts kept pictures into the library's trash, or takes them out.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn trash(&mut self, ids: &[i64], trashed: bool) -> Result<()> {
        self.library()?.trash(ids, trashed)
    }

    /// Takes what is in the library's trash out of it for good. Files in the gallery's own folder go to the trash of the
    /// system, or are removed where there is none; files elsewhere are not the studio's and stay.
    ///
    /// # Errors
    /// The library cannot be written, or a file can neither be moved nor be removed.
    pub fn empty_trash(&mut self, paths: &Paths) -> Result<()> {
        let files = self.library()?.empty_trash()?;
        let ours = files.iter().filter(|f| f.starts_with(paths.gallery()) && f.is_file());
        // One file that cannot be removed does not keep the others.
        let mut result = Ok(());
        for file in ours {
            result = result.and(remove(file, paths));
        }
        result
    }

    /// Notes that a data set was used.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_data(&mut self, source: &str, pictures: u64) -> Result<()> {
        self.library()?.note_dataset(source, pictures)
    }

    /// Takes a data set off the list; its pictures stay where they are.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn forget_data(&mut self, source: &str) -> Result<()> {
        self.library()?.forget_dataset(source)
    }

    /// Puts a data set back on the list, as it was.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn restore_data(&mut self, set: &DataSetInfo) -> Result<()> {
        self.library()?.restore_dataset(set)
    }

    /// Data sets used before, the newest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn data_sets(&mut self) -> Result<Vec<DataSetInfo>> {
        self.library()?.datasets()
    }

    /// Folders of runs noted earlier.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn run_folders(&mut self) -> Result<Vec<PathBuf>> {
        Ok(self.library()?.runs()?.into_iter().map(|run| run.dir).collect())
    }

    /// Notes a run as it stands, with its checkpoints.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_run(&mut self, run: &RunSummary) -> Result<()> {
        self.library()?.put_run(run)
    }

    /// Takes a run out of the library.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn forget_run(&mut self, dir: &Path) -> Result<()> {
        self.library()?.forget_run(dir)
    }
}

/// Copies the library in the background if that was not done today. Without a thread, or without room, there is none.
fn back_up(library: PathBuf) {
    let copy = move || {
        if let Err(problem) = crate::library::backup::daily(&library) {
            log::warn!("{problem}");
        }
    };
    if let Err(e) = std::thread::Builder::new().name("library backup".into()).spawn(copy) {
        log::warn!("no backup of the library: {e}");
    }
}

/// What the library's lineage calls a kept picture.
fn node(item: i64) -> String {
    format!("item:{item}")
}

fn number(node: &str) -> Option<i64> {
    node.strip_prefix("item:")?.parse().ok()
}
