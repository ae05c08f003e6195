//! The engine behind the window: every command goes to the lane it belongs to, every answer comes as an event.
//!
//! ```text
//! send ─┬─ inference   one thread, owns the loaded models; newest request of a slot first
//!       ├─ runs        one thread: processes, queue, files of runs
//!       ├─ library     one thread: SQLite, in order
//!       ├─ search      one thread: questions to the library's index; look: vectors, while nothing else is to do
//!       └─ lanes       import · prepare · export · keep · thumbs · files · sheets · encode · evaluate · devices
//! poll ◄── outbox ◄── all of them
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::devices::Prober;
use super::event_queue::Outbox;
use super::inference::{Backend, InferenceWorker};
use super::jobs::export::Wanted;
use super::jobs::gallery::Gallery;
use super::jobs::search::Searching;
use super::jobs::{
    Context, data, evaluate, export, gallery, likeness, models, neighbours, priors, records, search, words,
};
use super::runs::launch::{Launch, ProcessLaunch};
use super::runs::{Ask, RunBook, Runs, Setup, keep_awake};
use super::worker::{Aside, Jobs, Lane};
use super::{Command, DeviceReport, Engine, Event, Inspected, RunSummary, SlotId, Space, inspect, trash};
use crate::base::paths::{Paths, free_bytes};
use crate::base::progress::Quiet;
use crate::base::{Problem, Progress, Result, temp};
use crate::library::storage;

/// Questions for small pictures that wait.
const MOST_ASKS: usize = 1024;

/// Time before devices are probed for the first time, so that the window's first second is not spent on it.
const PROBE_AFTER: Duration = Duration::from_secs(4);

/// Surveys at once: one that waits for a share that is gone must not hold up the next.
const SURVEYS: usize = 8;

/// How long closing waits for what is not lost when it is left.
const CLOSING: Duration = Duration::from_secs(5);

/// How long is waited at the end for what a person asked to keep.
const KEEPING: Duration = Duration::from_secs(10);

/// How a studio is set up.
pub struct Options {
    /// Its folders.
    pub paths: Paths,
    /// The studio's own binary, for runs and probes.
    pub program: PathBuf,
    /// How runs are started.
    pub launch: Box<dyn Launch>,
    /// Where models come from.
    pub backend: Arc<dyn Backend>,
}

impl Options {
    /// The studio of this user: runs are processes of this binary, models are computed on the CPU.
    pub fn of_user(paths: Paths) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|_| "latent-studio".into());
        Self {
            launch: Box::new(ProcessLaunch::studio(program.clone())),
            backend: Arc::new(super::backend::RealBackend::new(paths.clone(), "cpu")),
            program,
            paths,
        }
    }
}

struct Lanes {
    library: Arc<Lane<Gallery>>,
    search: Lane<Searching>,
    look: Arc<Lane<search::Seen>>,
    import: Lane<()>,
    survey: Aside,
    prepare: Lane<()>,
    export: Lane<()>,
    keep: Lane<()>,
    thumbs: Lane<data::Desk>,
    files: Lane<()>,
    sheets: Lane<()>,
    encode: Lane<neighbours::Atlas>,
    likeness: Lane<likeness::Looked>,
    evaluate: Lane<()>,
    devices: Lane<()>,
}

struct ThumbAsk {
    source: String,
    names: Vec<String>,
    size: u32,
}

/// The real [`Engine`].
pub struct StudioEngine {
    cx: Context,
    lanes: Lanes,
    inference: InferenceWorker,
    latent: Arc<super::latent::Desk>,
    runs: Runs,
    /// Small pictures asked for, the newest last: it is made first, for it is what is on the screen.
    thumb_asks: Arc<Mutex<Vec<ThumbAsk>>>,
    /// Number of the newest picture to encode for each slot.
    encodes: Arc<Mutex<HashMap<SlotId, u64>>>,
    prober: Arc<Prober>,
}

impl StudioEngine {
    /// Starts all threads and finds what is there.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(options: Options) -> Result<Self> {
        let Options { paths, program, launch, backend } = options;
        let threads = |e: std::io::Error| Problem::failed("A worker could not be started").because(e);
        let outbox = Outbox::new().map_err(threads)?;
        let jobs = Jobs::default();
        let inference = InferenceWorker::start(outbox.clone(), backend.clone())?;
        let cx = Context::new(paths.clone(), outbox.clone(), jobs.clone(), inference.handle(), backend);
        let simple = |name| Lane::start(name, 256, outbox.clone(), jobs.clone(), || ());
        let at = cx.clone();
        let library = Arc::new(Lane::start("library", 4096, outbox.clone(), jobs.clone(), move || Gallery::open(&at))?);
        let lanes = Lanes {
            survey: Aside::new("survey", SURVEYS, outbox.clone(), jobs.clone()),
            prepare: simple("prepare")?,
            export: simple("export")?,
            keep: simple("keep")?,
            files: simple("files")?,
            sheets: simple("sheets")?,
            devices: simple("devices")?,
            evaluate: simple("evaluate")?,
            thumbs: Lane::start("thumbs", 4096, outbox.clone(), jobs.clone(), data::Desk::default)?,
            encode: Lane::start("encode", 64, outbox.clone(), jobs.clone(), neighbours::Atlas::default)?,
            likeness: Lane::start("likeness", 64, outbox.clone(), jobs.clone(), likeness::Looked::default)?,
            library: library.clone(),
            search: Lane::start("search", 64, outbox.clone(), jobs.clone(), {
                let cx = cx.clone();
                move || Searching::open(&cx)
            })?,
            look: Arc::new(Lane::start("look", 256, outbox.clone(), jobs.clone(), search::Seen::default)?),
            import: simple("import")?,
        };
        let prober = Arc::new(Prober::studio(program, &paths));
        let latent = Arc::new(super::latent::Desk::start(&cx, library.clone())?);
        let book = Box::new(LibraryBook { cx: cx.clone(), library, latent: latent.clone() });
        temp::leftovers_named(&paths.prepared(), crate::data::PREPARING, true);
        let setup = Setup { paths: paths.clone(), launch, book };
        let runs = Runs::start(setup, outbox)?;
        lanes.files.push(None, move |()| {
            storage::bound(&paths);
            Ok(())
        });
        let at = cx.clone();
        lanes.look.push(None, move |known| search::look(known, &at, false));
        Ok(Self { prober, thumb_asks: Arc::default(), encodes: Arc::default(), latent, cx, lanes, inference, runs })
    }

    /// The studio of this user.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn open(paths: Paths) -> Result<Self> {
        Self::start(Options::of_user(paths))
    }

    fn thumbs(&self, source: String, names: Vec<String>, size: u32) {
        {
            let mut asks = self.thumb_asks.lock();
            asks.push(ThumbAsk { source, names, size });
            // The newest are answered first; what nobody waits for any more is dropped.
            let old = asks.len().saturating_sub(MOST_ASKS);
            asks.drain(..old);
        }
        let (cx, asks) = (self.cx.clone(), self.thumb_asks.clone());
        self.lanes.thumbs.push(None, move |desk| {
            let Some(ask) = asks.lock().pop() else { return Ok(()) };
            desk.thumbs(&cx, &ask.source, &ask.names, ask.size)
        });
    }

    fn encode(&self, slot: SlotId, model: String, path: PathBuf) {
        let mine = {
            let mut encodes = self.encodes.lock();
            let mine = encodes.values().max().map_or(1, |n| n + 1);
            encodes.insert(slot, mine);
            super::latent::drags::forget_oldest(&mut encodes);
            mine
        };
        let (cx, encodes) = (self.cx.clone(), self.encodes.clone());
        self.lanes.encode.push(None, move |atlas| {
            let stale = || cx.outbox.is_closed() || encodes.lock().get(&slot) != Some(&mine);
            if stale() { Ok(()) } else { atlas.encode(&cx, slot, &model, &path, &stale) }
        });
    }

    fn probe(&self, again: bool) {
        let (cx, prober) = (self.cx.clone(), self.prober.clone());
        self.lanes.devices.push(None, move |()| {
            let candidates = cx.backend.candidates();
            if !again && let Some(known) = prober.known(&candidates) {
                cx.tell(Event::Devices(known));
                return Ok(());
            }
            // The CPU always works: say so before the rest is known.
            let cpu = |(id, name): &(String, String)| DeviceReport {
                id: id.clone(),
                name: name.clone(),
                usable: true,
                reason: String::new(),
                gpu: false,
                gmacs_per_s: None,
            };
            cx.tell(Event::Devices(candidates.iter().filter(|c| c.0 == "cpu").map(cpu).collect()));
            if !again {
                std::thread::sleep(PROBE_AFTER);
            }
            if !cx.outbox.is_closed() {
                let reports = prober.probe(&candidates, again, &mut |so_far| cx.tell(Event::Devices(so_far.to_vec())));
                cx.tell(Event::Devices(reports));
            }
            Ok(())
        });
    }

    fn keep(&self, job: Option<super::JobId>, wanted: Wanted, starred: bool) {
        let (cx, library) = (self.cx.clone(), self.lanes.library.clone());
        let (look, seen) = (self.lanes.look.clone(), cx.clone());
        self.lanes.keep.push(job, move |()| {
            look.push(None, move |known| search::look(known, &seen, false));
            let progress = job.map(|job| cx.progress(job));
            let quiet = Quiet::default();
            let progress = progress.as_ref().map_or(&quiet as &dyn Progress, |p| p);
            gallery::make(&cx, &wanted, progress, &mut |kept| {
                let (inside, model) = (cx.clone(), wanted.model.clone());
                library.ask(move |gallery| gallery.changing(&inside, |g| g.add(&model, kept, starred).map(|_| ())))
            })
        });
    }

    /// Something for the library, after which lists have to be asked for again.
    fn change(&self, change: impl FnOnce(&mut Gallery) -> Result<()> + Send + 'static) {
        let cx = self.cx.clone();
        self.lanes.library.push(None, move |gallery| gallery.changing(&cx, change));
    }

    /// Takes a change to kept pictures back, or makes it again.
    fn go(&self, change: i64, back: bool) {
        let cx = self.cx.clone();
        self.lanes.library.push(None, move |gallery| {
            gallery.go(change, back)?;
            cx.tell(Event::ItemsChanged);
            Ok(())
        });
    }

    fn export_items(&self, job: super::JobId, ids: Vec<i64>, options: super::ExportOptions) {
        let (cx, library) = (self.cx.clone(), self.lanes.library.clone());
        self.lanes.export.push(Some(job), move |()| {
            let items = library.ask(move |gallery| gallery.some(&ids))?;
            let files = export::items(&cx, job, &items, &options)?;
            cx.tell(Event::Exported { job, files });
            Ok(())
        });
    }
}

impl Engine for StudioEngine {
    #[allow(clippy::too_many_lines)] // one arm a command: a table, read as one
    fn send(&self, command: Command) {
        let cx = self.cx.clone();
        let lanes = &self.lanes;
        cx.note_asked();
        match command {
            Command::Survey { job, source, reading } => {
                let (library, look) = (lanes.library.clone(), lanes.look.clone());
                lanes.survey.push(job, move || {
                    let survey = data::survey(&cx, job, &source, reading)?;
                    library.push(None, move |gallery| gallery.note_data(&survey.source, survey.entries.len() as u64));
                    // Nothing is looked at before it was quiet for a while, and it is noted by then.
                    look.push(None, move |known| search::look(known, &cx, false));
                    Ok(())
                });
            }
            Command::SourceThumbs { source, names, size } => self.thumbs(source, names, size),
            Command::PreviewPreparation { ticket, data, name, objective } => {
                lanes.thumbs.push(None, move |desk| desk.preview(&cx, ticket, &data, &name, &objective));
            }
            Command::TeachWords { job, source, reading } => {
                lanes.prepare.push(Some(job), move |()| words::teach_job(&cx, job, &source, reading));
            }
            Command::Prepare { job, data } => {
                // How many pictures a source has is the survey's to say: what is prepared leaves some of them out.
                lanes.prepare.push(Some(job), move |()| {
                    data::prepare(&cx, job, &data)?;
                    storage::bound(&cx.paths);
                    Ok(())
                });
            }
            Command::ListData => lanes.library.push(None, move |gallery| {
                cx.tell(Event::DataSets(gallery.data_sets()?));
                Ok(())
            }),
            Command::ForgetData { source } => lanes.library.push(None, move |gallery| {
                gallery.forget_data(&source)?;
                cx.tell(Event::DataSets(gallery.data_sets()?));
                Ok(())
            }),
            Command::RestoreData { set } => lanes.library.push(None, move |gallery| {
                gallery.restore_data(&set)?;
                cx.tell(Event::DataSets(gallery.data_sets()?));
                Ok(())
            }),

            Command::FreeSpace => lanes.files.push(None, move |()| {
                let (runs, prepared) = (free_bytes(&cx.paths.runs()), free_bytes(&cx.paths.prepared()));
                cx.tell(Event::Space(Space { runs, prepared }));
                Ok(())
            }),

            Command::Storage => lanes.files.push(None, move |()| {
                cx.tell(Event::Storage(storage::usage(&cx.paths)));
                Ok(())
            }),
            Command::CleanStorage { parts } => lanes.files.push(None, move |()| {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                let cleaned = storage::clean(&cx.paths, &parts);
                cx.tell(Event::Storage(storage::usage(&cx.paths)));
                let (bytes, files) = cleaned?;
                let what = format!("{files} files removed, {:.1} MB", bytes as f64 / 1e6);
                cx.outbox.say(Problem::failed(what).info());
                Ok(())
            }),

            Command::StartRun { recipe, from, device } => self.runs.ask(Ask::Start { recipe, from, device }),
            Command::ResumeRun { dir, kimg, device, pictures } => {
                self.runs.ask(Ask::Resume { dir, kimg, device, pictures });
            }
            Command::ForkRun { dir, images, changes } => self.runs.ask(Ask::Fork { dir, images, changes }),
            Command::ControlRun { dir, control } => self.runs.ask(Ask::Control { dir, control }),
            Command::Unqueue { dir } => self.runs.ask(Ask::Unqueue { dir }),
            Command::HoldQueue(held) => self.runs.ask(Ask::HoldQueue(held)),
            Command::KeepAwake(wanted) => lanes.files.push(None, move |()| keep_awake::allow(&cx.paths, wanted)),
            Command::UseNetworks(networks) => lanes.files.push(None, move |()| networks.write(&cx.paths)),
            Command::LoadRun { dir } => self.runs.ask(Ask::Load { dir }),
            Command::LoadPreview { dir, images } => self.runs.ask(Ask::Preview { dir, images }),
            Command::ListRuns => self.runs.ask(Ask::List),
            Command::TrashRun { dir } => self.runs.ask(Ask::Trash { dir }),
            Command::RenameRun { dir, name } => self.runs.ask(Ask::Rename { dir, name }),

            Command::Outline { recipe } => lanes.sheets.push(None, move |()| {
                let outline = crate::models::outline::outline(&recipe)?;
                cx.tell(Event::Outlined { recipe, outline });
                Ok(())
            }),
            Command::ListModels => {
                let library = lanes.library.clone();
                lanes.files.push(None, move |()| {
                    let models = models::list(&cx);
                    library.push(None, move |gallery| gallery.note_models(&models));
                    Ok(())
                });
            }
            Command::OpenModel { model } => models::open(&cx, model),
            Command::ContactSheet { model } => lanes.sheets.push(None, move |()| models::contact_sheet(&cx, &model)),
            Command::ImportModel { path } => lanes.files.push(None, move |()| {
                models::import(&cx, &path)?;
                models::list(&cx);
                Ok(())
            }),
            Command::TrashModel { model } => lanes.files.push(None, move |()| {
                models::trash(&cx, &model)?;
                models::list(&cx);
                Ok(())
            }),
            Command::ExportModel { job, model, out } => {
                lanes.export.push(Some(job), move |()| models::export(&cx, job, &model, &out));
            }

            Command::FitPrior { job, model, data, kind } => {
                lanes.prepare.push(Some(job), move |()| priors::fit(&cx, job, &model, &data, kind));
            }
            Command::RemovePrior { model } => lanes.files.push(None, move |()| priors::remove(&cx, &model)),
            Command::UsePrior { model, on } => priors::switch(&cx, model, on),
            Command::ComparePrior { model, seeds, truncation } => {
                lanes.sheets.push(None, move |()| priors::compare(&cx, model, seeds, truncation));
            }
            Command::Evaluate { job, model, data, metrics, count } => {
                let asked = evaluate::Asked { model, data, metrics, count };
                lanes.evaluate.push(Some(job), move |()| evaluate::evaluate(&cx, job, &asked));
            }
            Command::KnownScores { model } => lanes.files.push(None, move |()| evaluate::known(&cx, &model)),

            Command::Generate(request) => cx.inference.generate(request),
            Command::Encode { slot, model, path } => self.encode(slot, model, path),
            Command::Likeness { item, look } => {
                lanes.likeness.push(None, move |looked| likeness::tell(&cx, looked, &item, look));
            }
            Command::Export { job, model, latents, truncation, made_by, options } => {
                let wanted = Wanted { model, latents, truncation, made_by };
                lanes.export.push(Some(job), move |()| export::pictures(&cx, job, &wanted, &options));
            }
            Command::Keep { job, model, latents, truncation, made_by, starred } => {
                self.keep(job, Wanted { model, latents, truncation, made_by }, starred);
            }

            Command::ListItems { filter } => lanes.library.push(None, move |gallery| {
                gallery.list(&cx, filter)?;
                Ok(())
            }),
            Command::Search { ticket, request } => {
                let look = lanes.look.clone();
                lanes.search.push(None, move |searching| {
                    match searching.search(&cx, ticket, *request) {
                        Ok(true) => look.push(None, move |known| search::look(known, &cx, true)),
                        Ok(false) => {}
                        Err(problem) => cx.tell(Event::NotFound { ticket, problem }),
                    }
                    Ok(())
                });
            }
            Command::ImportPictures { job, sources } => {
                let look = lanes.look.clone();
                lanes.import.push(Some(job), move |()| {
                    let result = search::import_job(&cx, job, &sources);
                    look.push(None, move |known| {
                        known.resume();
                        search::look(known, &cx, false)
                    });
                    result
                });
            }
            Command::ListFacets => lanes.search.push(None, move |searching| searching.facets(&cx)),
            Command::SaveSearch { name, request } => {
                lanes.search.push(None, move |searching| searching.keep(&cx, &name, Some(&request)));
            }
            Command::ForgetSearch { name } => {
                lanes.search.push(None, move |searching| searching.keep(&cx, &name, None));
            }
            Command::ItemThumbs { ids } => lanes.library.push(None, move |gallery| {
                cx.tell(Event::ItemThumbs(gallery.thumbs(&ids)?));
                Ok(())
            }),
            Command::ItemDetail { id } => lanes.library.push(None, move |gallery| {
                let (item, picture) = gallery.detail(id)?;
                cx.tell(Event::ItemDetail { item: Box::new(item), picture });
                Ok(())
            }),
            Command::Graph { thing } => lanes.library.push(None, move |gallery| {
                cx.tell(Event::Graph(Box::new(gallery.graph(&thing)?)));
                Ok(())
            }),
            Command::Usage => lanes.library.push(None, move |gallery| {
                cx.tell(Event::Usage(Box::new(gallery.usage()?)));
                Ok(())
            }),
            Command::Records(command) => records::send(cx, &lanes.library, &lanes.prepare, command),
            Command::RateItems { ids, rating } => self.change(move |gallery| gallery.rate(&ids, rating)),
            Command::StarItems { ids, starred } => self.change(move |gallery| gallery.star(&ids, starred)),
            Command::TagItems { ids, tag, add } => self.change(move |gallery| gallery.tag(&ids, &tag, add)),
            Command::TrashItems { ids, trashed } => self.change(move |gallery| gallery.trash(&ids, trashed)),
            Command::UndoChange { change } => self.go(change, true),
            Command::RedoChange { change } => self.go(change, false),
            Command::ListChanges => lanes.library.push(None, move |gallery| {
                cx.tell(Event::Changes(gallery.changes()?));
                Ok(())
            }),
            Command::EmptyTrash => self.change(move |gallery| gallery.empty_trash(&cx.paths)),
            Command::ExportItems { job, ids, options } => self.export_items(job, ids, options),

            Command::Latent(command) => self.latent.send(command),

            Command::Inspect { path } => lanes.files.push(None, move |()| {
                let mut found = inspect::inspect(&path, &cx.models())?;
                if let Inspected::Generated { recipe, model: model @ None, .. } = &mut found {
                    // An older checkpoint of a run, perhaps.
                    let kept = crate::latent::catalog::checkpoint_of(&recipe.model_hash, &cx.noted_runs(), &cx.paths);
                    *model = kept.map(|dir| dir.display().to_string());
                }
                cx.tell(Event::Inspected(found));
                Ok(())
            }),
            Command::ExploreOn { device } => models::use_device(&cx, device),
            Command::ProbeDevices { again } => self.probe(again),
            Command::Cancel { job } => cx.jobs.cancel(job),
        }
    }

    fn poll(&self) -> Vec<Event> {
        self.cx.outbox.take()
    }

    fn on_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.cx.outbox.on_wake(wake);
    }

    fn shut_down(&self) {
        self.cx.jobs.cancel_all();
        // What waits for room in the outbox goes on; what a person asked to keep is still kept.
        self.cx.outbox.close();
        let lanes = &self.lanes;
        let rest = [&lanes.prepare, &lanes.export, &lanes.files, &lanes.sheets, &lanes.evaluate, &lanes.import];
        rest.iter().for_each(|lane| lane.leave());
        lanes.look.leave();
        self.latent.leave();
        lanes.thumbs.leave();
        lanes.encode.leave();
        lanes.search.leave();
        let deadline = Instant::now() + KEEPING;
        lanes.keep.finish_by(deadline);
        self.runs.finish_by(deadline);
        self.latent.finish_keeping_by(deadline);
        lanes.library.finish_by(deadline);
        // Nothing is lost with the rest, which has been told to end: it is not waited for long.
        let deadline = Instant::now() + CLOSING;
        self.inference.finish_by(deadline);
        lanes.survey.finish_by(deadline);
        for lane in rest {
            lane.finish_by(deadline);
        }
        self.latent.finish_by(deadline);
        lanes.thumbs.finish_by(deadline);
        lanes.encode.finish_by(deadline);
        lanes.search.finish_by(deadline);
        // A probe may take its whole time; nothing is lost with it.
    }
}

impl Drop for StudioEngine {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Runs as the library notes them.
struct LibraryBook {
    cx: Context,
    library: Arc<Lane<Gallery>>,
    latent: Arc<super::latent::Desk>,
}

impl RunBook for LibraryBook {
    fn known(&self) -> Vec<PathBuf> {
        self.library.ask(|gallery| gallery.run_folders()).unwrap_or_default()
    }

    fn note(&self, run: &RunSummary) {
        self.cx.note_run(&run.dir);
        self.cx.note_training(&run.dir, run.state.is_alive());
        self.latent.note_run(run);
        let run = run.clone();
        self.library.push(None, move |gallery| gallery.note_run(&run));
    }

    fn forget(&self, dir: &Path) {
        self.cx.note_training(dir, false);
        let dir = dir.to_path_buf();
        self.library.push(None, move |gallery| gallery.forget_run(&dir));
    }

    fn hash_of(&self, model: &str) -> Option<String> {
        self.cx.models().into_iter().find(|m| m.model == model).map(|m| m.hash)
    }

    fn discard(&self, dir: &Path) -> Result<()> {
        trash::discard(dir, &self.cx.paths)
    }
}

#[cfg(test)]
mod tests;
