//! The thread that holds loaded models: the only one that makes pictures for exploring and export.
//!
//! What a person drags comes first, and of one slot only the newest request is made; work for exports and contact
//! sheets is done in small pieces in between.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use parking_lot::{Condvar, Mutex};

use super::event_queue::Outbox;
use super::worker::{join_by, panicked};
use super::{Event, GenerateRequest, ModelInfo, SlotId};
use crate::base::{Picture, Problem, Progress, Result};
use crate::latent::fit_prior::PriorConfig;
use crate::latent::model::LoadedModel;
use crate::models::info::Listing;
use crate::recipe::picture::Latent;

/// Models kept in memory.
const KEPT: usize = 4;

/// A request that a newer one has replaced is given up after this long, unless the one before it was given up too.
const GIVE_UP: Duration = Duration::from_millis(250);

/// Of so many pieces of work one is for the background, if some waits there.
const BACKGROUND_SHARE: u32 = 4;

/// Work that may wait before others have to wait with it.
const CAPACITY: usize = 256;

/// What an encoder makes of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// The picture as the encoder saw it.
    pub input: Picture,
    /// The posterior's mean.
    pub mean: Vec<f32>,
    /// The posterior's standard deviation.
    pub deviation: Vec<f32>,
    /// The decoder's picture of the mean.
    pub reconstruction: Picture,
}

/// A loaded model.
pub trait Inference {
    /// What it is.
    fn info(&self) -> &ModelInfo;

    /// Draws latents through the fitted prior from now on, or not; models without one do not mind.
    fn use_prior(&mut self, on: bool);

    /// Hands over one picture after the other, by its place among the latents, until told to end (`false`). A picture's
    /// bytes do not depend on what else is asked for.
    ///
    /// # Errors
    /// The model cannot be computed.
    fn generate(&self, latents: &[Latent], truncation: f32, each: &mut dyn FnMut(usize, Picture) -> bool)
    -> Result<()>;

    /// A picture's code.
    ///
    /// # Errors
    /// The model is no VAE, or cannot be computed.
    fn encode(&self, picture: &Picture) -> Result<Code>;

    /// Samples at a glance.
    ///
    /// # Errors
    /// The model cannot be computed.
    fn contact_sheet(&self) -> Result<Picture>;

    /// The networks themselves; nothing where a model is only pretended.
    fn real(&self) -> Option<&LoadedModel> {
        None
    }
}

/// Where models come from, and on what they are computed.
pub trait Backend: Send + Sync + 'static {
    /// Loads a model; called on the inference thread.
    ///
    /// # Errors
    /// There is no such model, or it cannot be loaded.
    fn open(&self, model: &str) -> Result<Box<dyn Inference>>;

    /// Loads a model for a thread of its own.
    ///
    /// # Errors
    /// There is no such model, it cannot be loaded, or there are no real ones.
    fn load(&self, model: &str) -> Result<LoadedModel> {
        Err(Problem::usage("This engine has no networks").of(model))
    }

    /// Changes when the model's weights do (a run that trains on); nothing if there is no such model.
    fn stamp(&self, model: &str) -> Option<String>;

    /// Shipped, imported and trained models, shipped ones first; `runs` are folders to look at besides the studio's own.
    fn list(&self, runs: &[PathBuf]) -> Listing;

    /// Copies a checkpoint file into the studio.
    ///
    /// # Errors
    /// It is no model of this studio, or the disk is full.
    fn import(&self, path: &Path) -> Result<ModelInfo>;

    /// Writes a model's weights as safetensors.
    ///
    /// # Errors
    /// There is no such model, or the file cannot be written.
    fn export(&self, model: &str, out: &Path) -> Result<()>;

    /// Fits a prior to a VAE's codes and keeps it with the model.
    ///
    /// # Errors
    /// The model is no VAE, the pictures are not there or too few, it was cancelled, or the file cannot be written.
    fn fit_prior(&self, wish: &PriorConfig, progress: &dyn Progress) -> Result<()>;

    /// Takes a fitted prior away.
    ///
    /// # Errors
    /// There is no such model, or its file cannot be written.
    fn remove_prior(&self, model: &str) -> Result<()>;

    /// Ids and names of devices worth probing, the CPU first.
    fn candidates(&self) -> Vec<(String, String)>;

    /// What models are computed on, as recipes of pictures name it.
    fn device(&self) -> String;

    /// Computes models that are opened from now on on another device; called on the inference thread.
    ///
    /// # Errors
    /// There is no such device, or it does not start; then nothing changes.
    fn use_device(&self, id: &str) -> Result<()>;
}

struct Loaded {
    model: String,
    stamp: Option<String>,
    inference: Box<dyn Inference>,
}

/// Loaded models, the one used last in front.
pub struct Models {
    backend: Arc<dyn Backend>,
    loaded: Vec<Loaded>,
    /// Models whose fitted prior is switched off.
    normal: Vec<String>,
}

impl Models {
    /// A model, loaded if it is not.
    ///
    /// # Errors
    /// There is no such model, or it cannot be loaded.
    pub fn get(&mut self, model: &str) -> Result<&dyn Inference> {
        if let Some(i) = self.loaded.iter().position(|l| l.model == model) {
            self.loaded[..=i].rotate_right(1);
        } else {
            let stamp = self.backend.stamp(model);
            let mut inference = self.backend.open(model)?;
            if self.normal.iter().any(|m| m == model) {
                inference.use_prior(false);
            }
            self.loaded.truncate(KEPT - 1);
            self.loaded.insert(0, Loaded { model: model.into(), stamp, inference });
        }
        Ok(&*self.loaded[0].inference)
    }

    /// A model as it is on disk now: a run that trained on is loaded again.
    ///
    /// # Errors
    /// There is no such model, or it cannot be loaded.
    pub fn newest(&mut self, model: &str) -> Result<&dyn Inference> {
        let stamp = self.backend.stamp(model);
        self.loaded.retain(|l| l.model != model || (l.stamp == stamp && stamp.is_some()));
        self.get(model)
    }

    /// Draws a model's latents through its fitted prior from now on, or not.
    pub fn use_prior(&mut self, model: &str, on: bool) {
        self.normal.retain(|m| m != model);
        if !on {
            self.normal.push(model.into());
        }
        if let Some(loaded) = self.loaded.iter_mut().find(|l| l.model == model) {
            loaded.inference.use_prior(on);
        }
    }

    /// Goes over to another device.
    ///
    /// # Errors
    /// It does not start; then nothing changes.
    pub fn use_device(&mut self, id: &str) -> Result<()> {
        self.backend.use_device(id)?;
        self.loaded.clear();
        Ok(())
    }

    /// Lets go of a model, so that its file can be deleted.
    pub fn forget(&mut self, model: &str) {
        self.loaded.retain(|l| l.model != model);
    }

    /// Pictures of these latents, all of them.
    ///
    /// # Errors
    /// There is no such model, or it cannot be computed.
    pub fn pictures(&mut self, model: &str, latents: &[Latent], truncation: f32) -> Result<Vec<Picture>> {
        let mut pictures = Vec::with_capacity(latents.len());
        self.get(model)?.generate(latents, truncation, &mut |_, picture| {
            pictures.push(picture);
            true
        })?;
        Ok(pictures)
    }
}

type Work = Box<dyn FnOnce(&mut Models) + Send>;

#[derive(Default)]
struct Pending {
    live: Vec<GenerateRequest>,
    soon: VecDeque<Work>,
    later: VecDeque<Work>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    news: Condvar,
    room: Condvar,
}

/// How urgent work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A person waits for it.
    Soon,
    /// It is done in between.
    Later,
}

/// Asks the inference thread; clones share it.
#[derive(Clone)]
pub struct InferenceHandle {
    shared: Arc<Shared>,
}

/// The inference thread.
pub struct InferenceWorker {
    handle: InferenceHandle,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl InferenceWorker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(outbox: Outbox, backend: Arc<dyn Backend>) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let handle = InferenceHandle { shared: shared.clone() };
        let thread = thread::Builder::new()
            .name("inference".into())
            .spawn(move || run(&shared, &outbox, backend))
            .map_err(|e| Problem::failed("A worker could not be started").of("inference").because(e))?;
        Ok(Self { handle, thread: Mutex::new(Some(thread)) })
    }

    /// What others ask it by.
    pub fn handle(&self) -> InferenceHandle {
        self.handle.clone()
    }

    /// Ends the thread after what it is at, but waits no longer than until then; what waits is dropped.
    pub fn finish_by(&self, until: Instant) {
        {
            let mut pending = self.handle.shared.pending.lock();
            pending.closed = true;
            pending.live.clear();
            pending.soon.clear();
            pending.later.clear();
        }
        self.handle.shared.news.notify_all();
        self.handle.shared.room.notify_all();
        join_by(self.thread.lock().take(), until, "inference");
    }

    /// Ends the thread after what it is at, however long that takes.
    #[cfg(test)]
    pub fn finish(&self) {
        self.finish_by(Instant::now() + Duration::from_secs(3600));
    }
}

impl InferenceHandle {
    /// Makes pictures for a slot; replaces what was asked for it before. Never waits.
    pub fn generate(&self, request: GenerateRequest) {
        let mut pending = self.shared.pending.lock();
        // The slot keeps its place, so that no slot starves another.
        match pending.live.iter_mut().find(|r| r.slot == request.slot) {
            Some(old) => *old = request,
            None => pending.live.push(request),
        }
        self.shared.news.notify_one();
    }

    /// Whether pictures for the screen, or answers that a person waits for, are still to be made.
    pub fn is_busy(&self) -> bool {
        let pending = self.shared.pending.lock();
        !pending.live.is_empty() || !pending.soon.is_empty()
    }

    /// Does work with the models as soon as that thread is free. Never waits; without room the work is dropped, and
    /// with it what it holds.
    pub fn soon(&self, work: impl FnOnce(&mut Models) + Send + 'static) -> bool {
        let mut pending = self.shared.pending.lock();
        if pending.closed || pending.soon.len() >= CAPACITY {
            return false;
        }
        pending.soon.push_back(Box::new(work));
        self.shared.news.notify_one();
        true
    }

    /// Has work done with the models and waits for its result. Not for the inference thread itself.
    ///
    /// # Errors
    /// What the work fails with; or the studio is closing, or the work broke.
    pub fn wait<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnOnce(&mut Models) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (send, receive) = bounded(1);
        let work: Work = Box::new(move |models| {
            let _ = send.send(work(models));
        });
        {
            let mut pending = self.shared.pending.lock();
            while pending.later.len() >= CAPACITY && !pending.closed {
                self.shared.room.wait(&mut pending);
            }
            if pending.closed {
                return Err(closing());
            }
            match urgency {
                Urgency::Soon => pending.soon.push_back(work),
                Urgency::Later => pending.later.push_back(work),
            }
            self.shared.news.notify_one();
        }
        receive.recv().unwrap_or_else(|_| Err(closing()))
    }

    fn is_replaced(&self, slot: SlotId) -> bool {
        let pending = self.shared.pending.lock();
        pending.closed || pending.live.iter().any(|r| r.slot == slot)
    }
}

fn closing() -> Problem {
    Problem::interrupted("The model could not be asked").because("the inference thread ended or began anew")
}

enum Next {
    Live(GenerateRequest),
    Work(Work),
}

fn next(shared: &Shared, served: &mut u32) -> Option<Next> {
    let mut pending = shared.pending.lock();
    loop {
        if pending.closed {
            return None;
        }
        let turn = *served >= BACKGROUND_SHARE - 1;
        if turn && let Some(work) = pending.later.pop_front() {
            *served = 0;
            shared.room.notify_one();
            return Some(Next::Work(work));
        }
        if !pending.live.is_empty() {
            *served += 1;
            return Some(Next::Live(pending.live.remove(0)));
        }
        if let Some(work) = pending.soon.pop_front() {
            *served += 1;
            return Some(Next::Work(work));
        }
        if let Some(work) = pending.later.pop_front() {
            *served = 0;
            shared.room.notify_one();
            return Some(Next::Work(work));
        }
        shared.news.wait(&mut pending);
    }
}

fn run(shared: &Arc<Shared>, outbox: &Outbox, backend: Arc<dyn Backend>) {
    let handle = InferenceHandle { shared: shared.clone() };
    let mut models = Models { backend, loaded: Vec::new(), normal: Vec::new() };
    let mut live = Live::default();
    let mut served = 0;
    while let Some(next) = next(shared, &mut served) {
        let asked = if let Next::Live(request) = &next { Some((request.slot, request.ticket)) } else { None };
        let done = catch_unwind(AssertUnwindSafe(|| match next {
            Next::Live(request) => live.make(request, &mut models, &handle, outbox),
            Next::Work(work) => work(&mut models),
        }));
        if let Err(panic) = done {
            // A model that broke half way is not trusted any more.
            models.loaded.clear();
            let problem = panicked("inference", &*panic as &(dyn Any + Send));
            if let Some((slot, ticket)) = asked {
                outbox.tell(Event::NotGenerated { slot, ticket, problem: problem.clone() });
            }
            outbox.say(problem);
        }
    }
}

/// What the thread remembers between live requests.
#[derive(Default)]
struct Live {
    gave_up: Vec<SlotId>,
    complained: Option<(SlotId, Problem)>,
}

impl Live {
    fn make(&mut self, request: GenerateRequest, models: &mut Models, handle: &InferenceHandle, outbox: &Outbox) {
        let start = Instant::now();
        let slot = request.slot;
        let patient = self.gave_up.contains(&slot);
        let mut pictures = Vec::with_capacity(request.latents.len());
        let mut ended = false;
        let result = models.get(&request.model).and_then(|model| {
            model.generate(&request.latents, request.truncation, &mut |_, picture| {
                pictures.push(picture);
                let last = pictures.len() == request.latents.len();
                ended = !last && !patient && start.elapsed() > GIVE_UP && handle.is_replaced(slot);
                !ended
            })
        });
        self.gave_up.retain(|s| *s != slot);
        match result {
            Ok(()) if ended => self.gave_up.push(slot),
            Ok(()) => {
                self.complained = None;
                outbox.tell(Event::Generated {
                    slot,
                    ticket: request.ticket,
                    model: request.model,
                    pictures,
                    seconds: start.elapsed().as_secs_f64(),
                });
            }
            Err(problem) => {
                outbox.tell(Event::NotGenerated { slot, ticket: request.ticket, problem: problem.clone() });
                // A dragged slider asks thirty times a second; a person is told once.
                let complaint = Some((slot, problem.clone()));
                if self.complained != complaint {
                    self.complained = complaint;
                    outbox.say(problem);
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
