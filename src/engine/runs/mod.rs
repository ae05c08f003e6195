//! Runs: started as processes of their own, queued, followed by their files, found again at the next start.

pub mod keep_awake;
pub mod keeper;
pub mod launch;
pub mod priors;
pub mod queue;
pub mod run_follower;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use parking_lot::Mutex;

use super::event_queue::Outbox;
use super::worker::{join_by, panicked};
use super::{Control, Event, RunSummary};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::models::info::ModelRef;
use crate::recipe::{Parent, Recipe};
use crate::train::folder::{RunFile, RunFolder};
use crate::train::fork;
use crate::train::identity::PictureAnswer;
use crate::train::preview;
use launch::{Launch, Order};
use queue::{Queue, Turn, Waiting};
use run_follower::{Found, Tracked};

/// How often the files of runs at work are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How often runs that nobody works on are looked at, for processes started elsewhere.
const SLOW_TICK: Duration = Duration::from_secs(2);

/// A run that was asked to stop and does not is ended by force when asked again after this long.
const STUBBORN: Duration = Duration::from_secs(15);

/// How long a closing window waits for a run that it started this moment.
const PARTING: Duration = Duration::from_secs(3);

/// What runs are asked for.
#[derive(Debug)]
#[allow(missing_docs)] // fields are named for what they are
pub enum Ask {
    /// Begin a run.
    Start { recipe: Box<Recipe>, from: Option<ModelRef>, device: String },
    /// Go on with a run; up to so many thousand pictures, if given.
    Resume { dir: PathBuf, kimg: Option<f64>, device: String, pictures: PictureAnswer },
    /// Do something to a run.
    Control { dir: PathBuf, control: Control },
    /// Take it out of the queue.
    Unqueue { dir: PathBuf },
    /// Start no more of the queue, or do again.
    HoldQueue(bool),
    /// Tell all that is kept of it.
    Load { dir: PathBuf },
    /// Tell one kept sample grid.
    Preview { dir: PathBuf, images: u64 },
    /// Make a run that goes on from one of its checkpoints.
    Fork { dir: PathBuf, images: Option<u64>, changes: Vec<String> },
    /// Tell all runs.
    List,
    /// Delete it.
    Trash { dir: PathBuf },
    /// Call it something else.
    Rename { dir: PathBuf, name: String },
}

/// Where runs are noted, besides their folders.
pub trait RunBook: Send {
    /// Folders of runs noted earlier.
    fn known(&self) -> Vec<PathBuf>;

    /// A run is new, or lists show something else of it.
    fn note(&self, run: &RunSummary);

    /// A run was deleted.
    fn forget(&self, dir: &Path);

    /// Hash of a model's weights, if it is known.
    fn hash_of(&self, model: &str) -> Option<String>;

    /// Moves a run's folder to the trash.
    ///
    /// # Errors
    /// The folder cannot be moved.
    fn discard(&self, dir: &Path) -> Result<()>;
}

/// What the manager of runs needs.
pub struct Setup {
    /// The studio's folders.
    pub paths: Paths,
    /// How runs are started.
    pub launch: Box<dyn Launch>,
    /// Where they are noted.
    pub book: Box<dyn RunBook>,
}

/// The thread that looks after all runs.
pub struct Runs {
    asks: Mutex<Option<Sender<Ask>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    outbox: Outbox,
}

impl Runs {
    /// Starts the thread, which finds the runs that are there.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(setup: Setup, outbox: Outbox) -> Result<Self> {
        let (send, asks) = bounded(1024);
        let told = outbox.clone();
        let thread = thread::Builder::new()
            .name("runs".into())
            .spawn(move || {
                let mut manager = Manager::new(setup, told.clone());
                // A panic while looking after runs must not end them: what is known of them stays.
                while let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| manager.work(&asks))) {
                    told.say(panicked("runs", &*panic));
                }
                manager.leave();
            })
            .map_err(|e| Problem::failed("A worker could not be started").of("runs").because(e))?;
        Ok(Self { asks: Mutex::new(Some(send)), thread: Mutex::new(Some(thread)), outbox })
    }

    /// Asks for something; never waits.
    pub fn ask(&self, ask: Ask) {
        let asks = self.asks.lock();
        let Some(asks) = asks.as_ref() else { return };
        if let Err(TrySendError::Full(_)) = asks.try_send(ask) {
            self.outbox.tell_now(Event::Message(Problem::failed("The studio is too busy right now").of("runs")));
        }
    }

    /// Ends the thread once it has done what it was asked, but waits no longer than until then; runs in processes of
    /// their own go on.
    pub fn finish_by(&self, until: Instant) {
        drop(self.asks.lock().take());
        join_by(self.thread.lock().take(), until, "runs");
    }

    /// Ends the thread once it has done what it was asked, however long that takes.
    #[cfg(test)]
    pub fn finish(&self) {
        self.finish_by(Instant::now() + Duration::from_secs(3600));
    }
}

struct Manager {
    setup: Setup,
    outbox: Outbox,
    runs: Vec<Tracked>,
    queue: Queue,
    /// The right to start what waits, unless another process has it.
    turn: Option<Turn>,
    /// Whether what waits shall wait on.
    held: bool,
    looked: Instant,
    asked_to_stop: Vec<(PathBuf, Instant)>,
}

impl Manager {
    fn new(setup: Setup, outbox: Outbox) -> Self {
        let (queue, turn) = (Queue::of(&setup.paths), Turn::take(&setup.paths));
        queue.wake();
        let (runs, looked, asked_to_stop) = (Vec::new(), Instant::now(), Vec::new());
        let mut this = Self { setup, outbox, runs, queue, turn, held: false, looked, asked_to_stop };
        this.find();
        this
    }

    /// The window closes: what waits is left to the run that is on. If that one ended just now, nobody else is there to
    /// start the next.
    fn leave(&mut self) {
        self.turn = None;
        // A run that was started this moment is not yet known by its lock.
        let start = Instant::now();
        while self.runs.iter_mut().any(Tracked::is_coming) && start.elapsed() < PARTING {
            thread::sleep(Duration::from_millis(20));
        }
        if self.held {
            // A queue that was told to wait does so until a window opens again.
            let _ = self.queue.rest();
        } else if !self.queue.runs().is_empty() {
            self.setup.launch.keep();
        }
        if !self.held && !self.runs.iter_mut().any(Tracked::is_coming) {
            let known = self.setup.book.known();
            if let Err(problem) = queue::go_on(&self.setup.paths, &known, &*self.setup.launch) {
                log::warn!("the next run could not be started: {problem}");
            }
        }
    }

    fn work(&mut self, asks: &Receiver<Ask>) {
        loop {
            let mut next = asks.recv_timeout(TICK);
            loop {
                match next {
                    Ok(ask) => {
                        if let Err(problem) = self.answer(ask) {
                            self.outbox.say(problem);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                next = asks.try_recv().map_err(|e| match e {
                    crossbeam_channel::TryRecvError::Empty => RecvTimeoutError::Timeout,
                    crossbeam_channel::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                });
            }
            self.tick();
        }
    }

    /// Finds runs in the studio's own folder and those noted elsewhere.
    fn find(&mut self) {
        let own = std::fs::read_dir(self.setup.paths.runs()).into_iter().flatten();
        let own = own.filter_map(|e| e.ok().map(|e| e.path()));
        for dir in own.chain(self.setup.book.known()) {
            if self.runs.iter().any(|r| r.summary().dir == dir) || !RunFolder::is_run(&dir) {
                continue;
            }
            match Tracked::open(&dir) {
                Ok(mut run) => {
                    if self.queue.contains(&dir) && !run.is_alive() {
                        run.wait_in_queue();
                    }
                    self.setup.book.note(run.summary());
                    self.runs.push(run);
                }
                Err(problem) => log::warn!("a run cannot be read: {problem}"),
            }
        }
        self.runs.sort_by_key(|r| std::cmp::Reverse(r.summary().created));
    }

    fn tell_all(&self) {
        self.outbox.tell(Event::Runs(self.runs.iter().map(|r| r.summary().clone()).collect()));
    }

    fn find_run(&mut self, dir: &Path) -> Result<usize> {
        if let Some(i) = self.runs.iter().position(|r| r.summary().dir == dir) {
            return Ok(i);
        }
        // A run folder from elsewhere, dropped on the window for example.
        let run = Tracked::open(dir)?;
        self.setup.book.note(run.summary());
        self.runs.insert(0, run);
        Ok(0)
    }

    fn answer(&mut self, ask: Ask) -> Result<()> {
        match ask {
            Ask::Start { recipe, from, device } => self.start(&recipe, from.as_deref(), device),
            Ask::Resume { dir, kimg, device, pictures } => self.resume(&dir, kimg, device, pictures),
            Ask::Fork { dir, images, changes } => self.fork(&dir, images, &changes),
            Ask::Control { dir, control } => self.control(&dir, control),
            Ask::Unqueue { dir } => {
                let i = self.find_run(&dir)?;
                if self.queue.remove(&dir)? {
                    self.runs[i].leave_queue();
                    self.show(i);
                }
                Ok(())
            }
            Ask::HoldQueue(held) => {
                self.held = held;
                Ok(())
            }
            Ask::Load { dir } => {
                let i = self.find_run(&dir)?;
                self.runs[i].load(&self.outbox);
                Ok(())
            }
            Ask::Preview { dir, images } => {
                let i = self.find_run(&dir)?;
                let preview = preview::load(&self.runs[i].folder().previews_dir(), images)?;
                self.outbox.tell(Event::RunPreview { dir, preview: Arc::new(preview), live: false });
                Ok(())
            }
            Ask::List => {
                self.find();
                self.runs.retain(|r| r.is_alive() || RunFolder::is_run(&r.summary().dir));
                self.tell_all();
                Ok(())
            }
            Ask::Trash { dir } => self.trash(&dir),
            Ask::Rename { dir, name } => {
                let i = self.find_run(&dir)?;
                self.runs[i].rename(name.trim())?;
                self.setup.book.note(self.runs[i].summary());
                self.tell_all();
                Ok(())
            }
        }
    }

    fn start(&mut self, recipe: &Recipe, from: Option<&str>, device: String) -> Result<()> {
        recipe.validate()?;
        let dir = self.free_folder(recipe);
        let mut recipe = recipe.clone();
        if let (Some(model), None) = (from, &recipe.parent) {
            let hash = self.setup.book.hash_of(model).unwrap_or_default();
            recipe.parent = Some(Parent { model: model.into(), hash });
        }
        RunFolder::create(&dir, &recipe, from, &device)?;
        let run = Tracked::open(&dir)?;
        self.runs.insert(0, run);
        self.begin_or_queue(Waiting { dir, device, kimg: None, pictures: PictureAnswer::default() })
    }

    fn fork(&mut self, dir: &Path, images: Option<u64>, changes: &[String]) -> Result<()> {
        let i = self.find_run(dir)?;
        let of = self.runs[i].summary();
        let last = of.checkpoints.iter().map(|c| c.images).rfind(|at| images.is_none_or(|most| *at <= most));
        let plain = fork::title(&of.name, last.unwrap_or_default(), changes);
        let taken = |name: &str| self.runs.iter().any(|r| r.summary().name == name);
        let numbered = (2..).map(|n| format!("{plain} ({n})"));
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or_default();
        let to = self.free_folder(&Recipe { name: name.clone(), ..of.recipe.clone() });
        let made = fork::fork(self.runs[i].folder(), images, &to, changes)?;
        made.write_file(&RunFile { name: Some(name), ..made.file()? })?;
        self.runs.insert(0, Tracked::open(&to)?);
        self.setup.book.note(self.runs[0].summary());
        self.show(0);
        self.tell_all();
        Ok(())
    }

    /// A folder of the run's name that is not taken.
    fn free_folder(&self, recipe: &Recipe) -> PathBuf {
        let name = folder_name(if recipe.name.trim().is_empty() { &recipe.model.id } else { &recipe.name });
        let runs = self.setup.paths.runs();
        let mut dir = runs.join(&name);
        let mut n = 2;
        while dir.exists() {
            dir = runs.join(format!("{name}-{n}"));
            n += 1;
        }
        dir
    }

    fn resume(&mut self, dir: &Path, kimg: Option<f64>, device: String, pictures: PictureAnswer) -> Result<()> {
        let i = self.find_run(dir)?;
        let run = &self.runs[i];
        if run.is_alive() {
            return Err(Problem::usage("This run is already in progress").of(&run.summary().name));
        }
        let device = if device.is_empty() { run.folder().file()?.device } else { device };
        self.begin_or_queue(Waiting { dir: dir.into(), device, kimg, pictures })
    }

    fn begin_or_queue(&mut self, run: Waiting) -> Result<()> {
        if !self.runs.iter().any(Tracked::is_alive) {
            return self.begin(run);
        }
        let i = self.find_run(&run.dir)?;
        self.runs[i].wait_in_queue();
        let queued = self.queue.push(run);
        self.setup.launch.keep();
        self.show(i);
        queued
    }

    fn begin(&mut self, run: Waiting) -> Result<()> {
        let i = self.find_run(&run.dir)?;
        let (launch, kimg) = (&self.setup.launch, run.kimg);
        let order = Order { device: run.device, kimg, pictures: run.pictures };
        let begun = self.runs[i].begin(|folder| launch.launch(folder, &order), kimg);
        self.asked_to_stop.retain(|(dir, _)| *dir != run.dir);
        self.show(i);
        begun
    }

    fn control(&mut self, dir: &Path, control: Control) -> Result<()> {
        let i = self.find_run(dir)?;
        if self.queue.contains(dir) && control == Control::Stop {
            return self.answer(Ask::Unqueue { dir: dir.into() });
        }
        let run = &mut self.runs[i];
        if !run.is_alive() {
            if control == Control::Resume {
                return self.resume(dir, None, String::new(), PictureAnswer::default());
            }
            return Err(Problem::usage("This run is not in progress")
                .of(&run.summary().name)
                .try_this("Resume it first"));
        }
        if control == Control::Stop {
            match self.asked_to_stop.iter().find(|(d, _)| d == dir) {
                Some((_, at)) if at.elapsed() > STUBBORN && run.kill() => {
                    let problem = Problem::failed("The run did not stop when asked and was killed")
                        .of(&run.summary().name)
                        .try_this("Its last complete checkpoint is kept; resume it from there");
                    self.outbox.tell(Event::RunMessage { dir: dir.into(), problem: problem.warning() });
                    return Ok(());
                }
                Some(_) => {}
                None => self.asked_to_stop.push((dir.into(), Instant::now())),
            }
        }
        run.folder().send_control(&control)
    }

    fn trash(&mut self, dir: &Path) -> Result<()> {
        let i = self.find_run(dir)?;
        if self.runs[i].is_alive() {
            return Err(Problem::usage("This run is in progress")
                .of(&self.runs[i].summary().name)
                .try_this("Stop it first"));
        }
        self.queue.remove(dir)?;
        self.setup.book.discard(dir)?;
        self.setup.book.forget(dir);
        self.runs.remove(i);
        self.tell_all();
        Ok(())
    }

    fn show(&self, i: usize) {
        self.setup.book.note(self.runs[i].summary());
        self.outbox.tell(Event::Run(Box::new(self.runs[i].summary().clone())));
    }

    fn tick(&mut self) {
        for i in 0..self.runs.len() {
            match self.runs[i].follow(&self.outbox) {
                Found::Nothing => {}
                Found::Changed => self.outbox.tell(Event::Run(Box::new(self.runs[i].summary().clone()))),
                Found::Ended => self.show(i),
            }
        }
        if self.looked.elapsed() > SLOW_TICK {
            self.looked = Instant::now();
            for i in 0..self.runs.len() {
                if self.runs[i].look_for_another() == Found::Changed {
                    self.show(i);
                }
            }
            if self.turn.is_none() {
                self.turn = Turn::take(&self.setup.paths);
            }
        }
        if self.turn.is_some() && !self.held && !self.runs.iter().any(Tracked::is_alive) {
            self.start_next();
        }
    }

    fn start_next(&mut self) {
        let begun = self.queue.pop().and_then(|next| next.map_or(Ok(()), |next| self.begin(next)));
        if let Err(problem) = begun {
            self.outbox.say(problem);
        }
    }
}

/// A name as a folder's: letters, digits and single hyphens, at most 48 of them.
pub fn folder_name(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().chars() {
        if c.is_alphanumeric() || c == '_' {
            out.extend(c.to_lowercase());
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
        if out.chars().count() >= 48 {
            break;
        }
    }
    let out = out.trim_end_matches('-').to_string();
    if out.is_empty() { "run".into() } else { out }
}

#[cfg(test)]
mod tests;
