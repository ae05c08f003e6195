//! Searching the library, bringing data sets into it, and looking at what it holds in the background.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Context;
use crate::base::{Cancel, Problem, Progress, Region, Result};
use crate::data;
use crate::engine::worker::JobProgress;
use crate::engine::{Event, JobId};
use crate::library::import::{Gathered, gather, import};
use crate::library::towers::{Towers, embed};
use crate::library::{Condition, Example, Finder, Hit, Library, Search, Shelf};

/// How long nobody may have asked for anything before pictures are looked at.
const QUIET: Duration = Duration::from_secs(5);
/// How often it is looked whether that is so.
const LOOK: Duration = Duration::from_millis(250);
/// What is told while it waits.
const WAITING: &str = "Pictures wait to be looked at";
/// Pictures of a data set that are imported without being asked for, at most.
const MOST: u64 = 200_000;
/// Hits of a search, until more are asked for.
pub const HITS: usize = 300;
/// Broken files that are named in a message.
const NAMED: usize = 3;

/// A picture to go by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sample {
    /// One of the library.
    Item(i64),
    /// A file.
    File(PathBuf),
    /// A part of one of the library, in the pixels of its full size.
    Region(i64, Region),
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchRequest {
    /// Words, or what is to be seen.
    pub text: String,
    /// Pictures to be like.
    pub like: Vec<Sample>,
    /// Pictures to be unlike.
    pub unlike: Vec<Sample>,
    /// Kept pictures, those of data sets, or both.
    pub shelf: Shelf,
    /// Conditions, all of which hold.
    pub conditions: Vec<Condition>,
    /// Hits, at most.
    pub limit: usize,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            text: String::new(),
            like: Vec::new(),
            unlike: Vec::new(),
            shelf: Shelf::default(),
            conditions: Vec::new(),
            limit: HITS,
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchAnswer {
    /// The best first.
    pub hits: Vec<Hit>,
    /// For each hit that is nearly the same as an earlier one, the picture of that one.
    pub copies: Vec<(i64, i64)>,
    /// What could not be searched, and why.
    pub notes: Vec<Problem>,
}

/// What filters can be chosen from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// Imported data sets with their pictures.
    pub sets: Vec<(String, u64)>,
    /// Labels with their pictures.
    pub labels: Vec<(String, u64)>,
    /// Saved searches by name.
    pub searches: Vec<(String, String)>,
}

/// A library of its own, with what stays in memory between searches.
pub struct Searching {
    library: Result<Library>,
    finder: Finder,
}

impl Searching {
    /// Opens the library.
    pub fn open(cx: &Context) -> Self {
        Self { library: Library::open(&cx.paths.library()), finder: Finder::new(&cx.paths, "cpu") }
    }

    /// Searches and tells what was found. Says whether vectors of another network kept some of it from being searched.
    ///
    /// # Errors
    /// A file is no picture, a region reaches beyond its picture, or what the search fails with.
    pub fn search(&mut self, cx: &Context, ticket: u64, request: SearchRequest) -> Result<bool> {
        let library = self.library.as_ref().map_err(Clone::clone)?;
        let read = |samples: &[Sample]| -> Result<Vec<Example>> {
            let one = |sample: &Sample| match sample {
                Sample::Item(id) => Ok(Example::Item(*id)),
                Sample::File(path) => data::decode_file(path).map(Example::Picture),
                Sample::Region(id, region) => {
                    region.cut(&super::gallery::detail(library, *id)?.1).map(Example::Picture)
                }
            };
            samples.iter().map(one).collect()
        };
        let search = Search {
            text: request.text,
            like: read(&request.like)?,
            unlike: read(&request.unlike)?,
            shelf: request.shelf,
            conditions: request.conditions,
            limit: request.limit,
            without: Vec::new(),
        };
        let found = self.finder.search(library, &search)?;
        let ids: Vec<i64> = found.hits.iter().map(|h| h.item.id).collect();
        let copies = self.finder.copies(library, &ids)?;
        let stale = self.finder.is_stale();
        let answer = Arc::new(SearchAnswer { hits: found.hits, copies, notes: found.notes });
        cx.tell(Event::Found { ticket, answer });
        Ok(stale)
    }

    /// Tells what filters can be chosen from.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn facets(&mut self, cx: &Context) -> Result<()> {
        let library = self.library.as_ref().map_err(Clone::clone)?;
        cx.tell(Event::Facets(Facets {
            sets: library.imported_sets()?,
            labels: library.imported_labels()?,
            searches: library.searches()?,
        }));
        Ok(())
    }

    /// Saves a search by a name, or forgets it, and tells what there is now.
    ///
    /// # Errors
    /// The name is empty, or the library cannot be written.
    pub fn keep(&mut self, cx: &Context, name: &str, request: Option<&SearchRequest>) -> Result<()> {
        let library = self.library.as_ref().map_err(Clone::clone)?;
        match request {
            Some(request) => {
                let json = serde_json::to_string(request)
                    .map_err(|e| Problem::failed("This search cannot be saved").because(e))?;
                library.save_search(name, &json)?;
            }
            None => library.forget_search(name)?,
        }
        self.facets(cx)
    }
}

/// Brings data sets into the library, as a job.
///
/// # Errors
/// A source cannot be read, the library cannot be written, or it was cancelled; what was imported by then stays.
pub fn import_job(cx: &Context, job: JobId, sources: &[String]) -> Result<()> {
    let library = Library::open(&cx.paths.library())?;
    let progress = cx.progress(job);
    for source in sources {
        let result = import(&library, source, None, &progress);
        cx.tell(Event::ItemsChanged);
        let report = result?;
        if !report.broken.is_empty() {
            let some: Vec<String> = report.broken.iter().take(NAMED).map(|(f, why)| format!("{f}: {why}")).collect();
            let what = format!("{} pictures could not be read and were left out", report.broken.len());
            cx.outbox.say(Problem::data(what).of(source.clone()).because(some.join("; ")).warning());
        }
        let name = data::name_of(source).unwrap_or_else(|| source.clone());
        let what = format!("{} pictures of {name} are in the library", report.added + report.known);
        cx.outbox.say(Problem::usage(what).info());
    }
    Ok(())
}

/// Data sets that were looked after since the start, each with when it was last used then.
#[derive(Default)]
pub struct Seen {
    sets: HashSet<(String, i64)>,
    /// Whether a person ended the work; it goes on at the next start, or when something is imported.
    stopped: bool,
}

/// Work in the background as a job. It waits while something else is asked for or a run trains, and says so.
struct Background<'a> {
    cx: &'a Context,
    job: JobProgress,
    /// What was told last: how far it is.
    told: Mutex<Option<(u64, u64)>>,
}

impl Background<'_> {
    /// Waits until there is nothing else to do; says whether to go on.
    fn ready(&self) -> bool {
        let quiet = || !self.cx.is_training() && self.cx.idle() >= QUIET;
        let ended = || self.cx.outbox.is_closed() || self.job.cancel().is_cancelled();
        if !quiet()
            && let Some((done, total)) = *self.told.lock()
        {
            self.job.report(WAITING, done, total);
        }
        while !ended() && !quiet() {
            std::thread::sleep(LOOK);
        }
        !ended()
    }
}

impl Progress for Background<'_> {
    fn report(&self, stage: &str, done: u64, total: u64) {
        *self.told.lock() = Some((done, total));
        self.job.report(stage, done, total);
        if !self.ready() {
            self.job.cancel().cancel();
        }
    }

    fn cancel(&self) -> &Cancel {
        self.job.cancel()
    }
}

impl Seen {
    /// Goes on after a person had ended the work.
    pub fn resume(&mut self) {
        self.stopped = false;
    }

    /// Imports the data sets on this machine that were used and are not imported yet, or have changed since. One that cannot
    /// be read is passed by, as it may come back.
    fn gather(&mut self, cx: &Context, library: &Library, background: &Background<'_>) -> Result<()> {
        for set in library.datasets()? {
            if !self.sets.insert((set.source.clone(), set.used)) {
                continue;
            }
            for line in set.source.lines().map(str::trim).filter(|l| !l.is_empty()) {
                if !background.ready() {
                    return Ok(());
                }
                if data::is_built_in(line) || !data::is_there(line) {
                    continue;
                }
                // A large one is known to be large before it is opened.
                let large = set.pictures > MOST && library.imported_as(line)?.is_none();
                let gathered =
                    if large { Ok(Gathered::Large(set.pictures)) } else { gather(library, line, MOST, background) };
                let name = data::name_of(line).unwrap_or_else(|| line.to_owned());
                match gathered {
                    Ok(Gathered::Same) => {}
                    Ok(Gathered::Large(_)) if library.imported_as(line)?.is_some() => {}
                    Ok(Gathered::Large(pictures)) => {
                        if library.tell_once("large", line)? {
                            let what = format!("The {pictures} pictures of {name} are not searched: import them first");
                            let how =
                                format!("Import them in the gallery, or with `latent-studio library import '{line}'`");
                            cx.outbox.say(Problem::usage(what).of(line).try_this(how).info());
                        }
                    }
                    Ok(Gathered::Imported(report)) => {
                        cx.tell(Event::ItemsChanged);
                        log::info!("{name}: {} imported, {} not readable", report.added, report.broken.len());
                    }
                    Err(_) if background.cancel().is_cancelled() => return Ok(()),
                    Err(problem) => log::info!("{line} was not imported: {problem}"),
                }
            }
        }
        Ok(())
    }
}

/// Imports known data sets, then looks at the pictures that have no vectors, a few at a time, whenever nobody asks for
/// anything and no run trains. Where there are as many vectors as pictures nothing is loaded, unless `all` asks for a closer
/// look. It is a job that a person can watch and end; then it rests until the next start.
///
/// # Errors
/// A network is missing or damaged, or the library cannot be written.
pub fn look(seen: &mut Seen, cx: &Context, all: bool) -> Result<()> {
    if seen.stopped {
        return Ok(());
    }
    let library = Library::open(&cx.paths.library())?;
    let job = cx.background_job();
    let background = Background { cx, job: cx.progress(job), told: Mutex::new(None) };
    let result = looked(seen, cx, &library, &background, all);
    if background.cancel().is_cancelled() && !cx.outbox.is_closed() {
        seen.stopped = true;
        let what = "Pictures that were not looked at yet are found by words only";
        cx.outbox.say(Problem::usage(what).because("The rest is looked at after the next start").info());
    }
    cx.end_background(job, background.told.lock().is_some());
    if background.cancel().is_cancelled() { Ok(()) } else { result }
}

fn looked(seen: &mut Seen, cx: &Context, library: &Library, background: &Background<'_>, all: bool) -> Result<()> {
    // Nothing is read or loaded while there is something else to do.
    if !background.ready() {
        return Ok(());
    }
    seen.gather(cx, library, background)?;
    if !(all || library.has_unseen()?) {
        return Ok(());
    }
    let begun = Instant::now();
    let done = embed(library, &mut Towers::new(&cx.paths, "cpu"), &|| background.ready(), background)?;
    if done.stale > 0 {
        let what = "Pictures were looked at again, as another network sees them now";
        cx.outbox.say(Problem::usage(what).because(format!("{} vectors", done.stale)).info());
    }
    log::info!("{} pictures looked at in {:.0} s", done.pictures, begun.elapsed().as_secs_f64());
    Ok(())
}
