//! Named threads that do one thing after the other and survive a panic, and threads beside them for work that may never
//! be answered.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use parking_lot::{Condvar, Mutex};

use super::event_queue::Outbox;
use super::{Event, JobId};
use crate::base::panics::text;
use crate::base::{Cancel, Kind, Problem, Progress, Result};

/// Something to do on a lane.
pub type Work<S> = Box<dyn FnOnce(&mut S) -> Result<()> + Send>;

/// Work with what a person sees of it.
struct Task<S> {
    job: Option<JobId>,
    work: Work<S>,
}

/// A thread with its own state `S` that takes work from a bounded queue, in order.
///
/// A panic is told as a [`Problem`]; the state is then made anew and the lane goes on.
pub struct Lane<S: 'static> {
    name: &'static str,
    queue: Mutex<Option<Sender<Task<S>>>>,
    outbox: Outbox,
    jobs: Jobs,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
    /// Whether what waits is dropped.
    left: Arc<AtomicBool>,
}

/// Waits for a thread, but no longer than until then; says whether it ended. One that did not is left to itself.
pub fn join_by(thread: Option<JoinHandle<()>>, deadline: Instant, name: &str) -> bool {
    let Some(thread) = thread else { return true };
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            log::warn!("{name} did not end and is left behind");
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    let _ = thread.join();
    true
}

/// How long closing waits for a lane.
const PATIENCE: Duration = Duration::from_secs(10);

impl<S: 'static> Lane<S> {
    /// Starts the thread; `make` builds its state there, again after a panic.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(
        name: &'static str,
        capacity: usize,
        outbox: Outbox,
        jobs: Jobs,
        make: impl Fn() -> S + Send + 'static,
    ) -> Result<Self> {
        let (queue, tasks) = bounded(capacity);
        let (told, flags) = (outbox.clone(), jobs.clone());
        let (alive, ended) = bounded(0);
        let left = Arc::new(AtomicBool::new(false));
        let leave = left.clone();
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                run(name, &tasks, &told, &flags, &leave, &make);
                drop::<Sender<()>>(alive);
            })
            .map_err(|e| Problem::failed("A worker could not be started").of(name).because(e))?;
        let (queue, thread) = (Mutex::new(Some(queue)), Mutex::new(Some(thread)));
        Ok(Self { name, queue, outbox, jobs, thread, ended, left })
    }

    /// Puts work at the end of the queue. Never waits: when the queue is full a person is told.
    pub fn push(&self, job: Option<JobId>, work: impl FnOnce(&mut S) -> Result<()> + Send + 'static) {
        let closing = || Problem::failed("The studio is closing").of(self.name);
        let task = Task { job, work: Box::new(work) };
        if let Some(job) = job {
            // From now on it can be cancelled.
            self.jobs.cancel_of(job);
        }
        let sent = match self.queue.lock().as_ref() {
            Some(queue) => queue.try_send(task),
            None => Err(TrySendError::Disconnected(task)),
        };
        let refused = match sent {
            Ok(()) => return,
            Err(TrySendError::Full(task)) => (
                task.job,
                Problem::failed("The studio is too busy right now").try_this("Try again in a moment").of(self.name),
            ),
            Err(TrySendError::Disconnected(task)) => (task.job, closing()),
        };
        if let Some(job) = refused.0 {
            self.jobs.end(job);
        }
        self.outbox.tell_now(match refused {
            (Some(job), problem) => Event::JobEnded { job, problem: Some(problem) },
            (None, problem) => Event::Message(problem),
        });
    }

    /// Has something asked there and waits for the answer. Not for the lane's own thread.
    ///
    /// # Errors
    /// What the question says, or the lane is too busy or closing.
    pub fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut S) -> Result<T> + Send + 'static) -> Result<T> {
        let (send, receive) = bounded(1);
        self.push(None, move |state| {
            let _ = send.send(question(state));
            Ok(())
        });
        let silent = || Problem::failed("The studio did not answer").of(self.name).try_this("Try again");
        receive.recv().unwrap_or_else(|_| Err(silent()))
    }

    /// Takes no more work and drops what waits. Never waits itself.
    pub fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
        drop(self.queue.lock().take());
    }

    /// Takes no more work and waits until what waits is done, but not for ever: see [`Lane::finish_by`].
    pub fn finish(&self) {
        self.finish_by(Instant::now() + PATIENCE);
    }

    /// Takes no more work and waits until what waits is done, or until `deadline`: work that hangs, on a share that is gone
    /// for example, must not keep the studio from closing. Whether all was done.
    pub fn finish_by(&self, deadline: Instant) -> bool {
        let thread = self.thread.lock().take();
        drop(self.queue.lock().take());
        let Some(thread) = thread else { return true };
        if let Err(RecvTimeoutError::Timeout) = self.ended.recv_deadline(deadline) {
            log::warn!("{} did not end and is left behind", self.name);
            return false;
        }
        let _ = thread.join();
        true
    }
}

/// Work each on a thread of its own, so that one that hangs holds up no other; at most so many at once.
pub struct Aside {
    name: &'static str,
    most: usize,
    outbox: Outbox,
    jobs: Jobs,
    running: Arc<(Mutex<usize>, Condvar)>,
}

impl Aside {
    /// A place for at most `most` at once.
    pub fn new(name: &'static str, most: usize, outbox: Outbox, jobs: Jobs) -> Self {
        Self { name, most, outbox, jobs, running: Arc::default() }
    }

    /// Begins work at once. Never waits: where too much is under way, or there is no thread, a person is told.
    pub fn push(&self, job: JobId, work: impl FnOnce() -> Result<()> + Send + 'static) {
        let cancel = self.jobs.cancel_of(job);
        let begun = {
            let mut running = self.running.0.lock();
            let free = *running < self.most;
            *running += usize::from(free);
            free
        };
        let refuse = |problem: Problem| {
            self.jobs.end(job);
            self.outbox.tell_now(Event::JobEnded { job, problem: Some(problem) });
        };
        if !begun {
            let busy = Problem::failed("The studio is too busy for this").of(self.name);
            return refuse(busy.try_this("Cancel some of what it waits for, then try again"));
        }
        let (name, outbox, jobs, running) = (self.name, self.outbox.clone(), self.jobs.clone(), self.running.clone());
        let spawned = thread::Builder::new().name(name.into()).spawn(move || {
            let result = match cancel.check() {
                Ok(()) => catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(name, &*panic))),
                Err(cancelled) => Err(cancelled),
            };
            jobs.end(job);
            outbox.tell(Event::JobEnded { job, problem: result.err().map(softened) });
            *running.0.lock() -= 1;
            running.1.notify_all();
        });
        if let Err(e) = spawned {
            *self.running.0.lock() -= 1;
            refuse(Problem::failed("A worker could not be started").of(self.name).because(e));
        }
    }

    /// Waits until all is done, or until `deadline`. Whether all was done.
    pub fn finish_by(&self, deadline: Instant) -> bool {
        let mut running = self.running.0.lock();
        while *running > 0 {
            if self.running.1.wait_until(&mut running, deadline).timed_out() && *running > 0 {
                log::warn!("{} did not end and is left behind", self.name);
                return false;
            }
        }
        true
    }
}

fn run<S>(
    name: &str,
    tasks: &Receiver<Task<S>>,
    outbox: &Outbox,
    jobs: &Jobs,
    left: &AtomicBool,
    make: &impl Fn() -> S,
) {
    let mut state = make();
    while let Ok(Task { job, work }) = tasks.recv() {
        if left.load(Ordering::Relaxed) {
            continue;
        }
        let cancelled = job.is_some_and(|j| jobs.cancel_of(j).is_cancelled());
        let result = if cancelled {
            Err(Problem::interrupted("Cancelled"))
        } else {
            catch_unwind(AssertUnwindSafe(|| work(&mut state))).unwrap_or_else(|panic| {
                state = make();
                Err(panicked(name, &*panic))
            })
        };
        match (job, result) {
            (Some(job), result) => {
                jobs.end(job);
                outbox.tell(Event::JobEnded { job, problem: result.err().map(softened) });
            }
            (None, Err(problem)) => outbox.say(problem),
            (None, Ok(())) => {}
        }
    }
}

/// What a person stopped is no error.
fn softened(problem: Problem) -> Problem {
    if problem.kind == Kind::Interrupted { problem.info() } else { problem }
}

/// A panic, as a person is told of it.
pub fn panicked(name: &str, panic: &(dyn Any + Send)) -> Problem {
    let text = Some(text(panic)).filter(|t| !t.is_empty()).unwrap_or_else(|| "no message".into());
    log::error!("worker {name} panicked: {text}");
    Problem::failed("A part of the studio failed and was restarted")
        .of(name)
        .try_this("Try again; if it keeps happening, please report the details below")
        .because(text)
}

/// Flags by which jobs are cancelled; clones share them.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Mutex<HashMap<JobId, Cancel>>>);

impl Jobs {
    /// The flag of a job, made when first asked for.
    pub fn cancel_of(&self, job: JobId) -> Cancel {
        self.0.lock().entry(job).or_default().clone()
    }

    /// Asks a job to end. Nothing happens if there is no such job.
    pub fn cancel(&self, job: JobId) {
        if let Some(cancel) = self.0.lock().get(&job) {
            cancel.cancel();
        }
    }

    /// Asks all jobs to end.
    pub fn cancel_all(&self) {
        self.0.lock().values().for_each(Cancel::cancel);
    }

    /// Forgets a job that is over.
    pub fn end(&self, job: JobId) {
        self.0.lock().remove(&job);
    }
}

/// Progress of a job as events.
pub struct JobProgress {
    job: JobId,
    outbox: Outbox,
    cancel: Cancel,
    told: Mutex<Option<(std::time::Instant, String)>>,
}

impl JobProgress {
    /// Progress of `job`.
    pub fn new(job: JobId, outbox: Outbox, jobs: &Jobs) -> Self {
        Self { job, outbox, cancel: jobs.cancel_of(job), told: Mutex::new(None) }
    }
}

impl Progress for JobProgress {
    fn report(&self, stage: &str, done: u64, total: u64) {
        let mut told = self.told.lock();
        let now = std::time::Instant::now();
        // A stage's first and last report always count; those between at most thirty times a second.
        let new_stage = told.as_ref().is_none_or(|(_, s)| s != stage);
        let due = told.as_ref().is_none_or(|(at, _)| now.duration_since(*at).as_millis() >= 33);
        if new_stage || due || (total > 0 && done >= total) {
            *told = Some((now, stage.to_string()));
            drop(told);
            self.outbox.tell(Event::Job { job: self.job, title: stage.into(), done, total });
        }
    }

    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(outbox: &Outbox, jobs: &Jobs) -> Lane<u32> {
        Lane::start("test-lane", 64, outbox.clone(), jobs.clone(), || 10).unwrap()
    }

    #[test]
    fn a_panic_becomes_a_problem_and_the_lane_goes_on_with_fresh_state() {
        let (outbox, jobs) = (Outbox::default(), Jobs::default());
        let lane = lane(&outbox, &jobs);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (a, b) = (seen.clone(), seen.clone());
        lane.push(None, move |n| {
            *n += 1;
            a.lock().push(*n);
            Ok(())
        });
        lane.push(Some(7), |_| panic!("boom {}", 1));
        lane.push(None, move |n| {
            b.lock().push(*n);
            Ok(())
        });
        lane.finish();
        assert_eq!(*seen.lock(), [11, 10]);
        let events = outbox.take();
        let [Event::JobEnded { job: 7, problem: Some(p) }] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(p.detail.as_deref(), Some("boom 1"));
    }

    #[test]
    fn a_cancelled_job_never_begins_and_a_running_one_ends() {
        let (outbox, jobs) = (Outbox::default(), Jobs::default());
        let lane = lane(&outbox, &jobs);
        let (flag, started) = (jobs.cancel_of(1), Arc::new(Mutex::new(false)));
        jobs.cancel_of(2);
        let begun = started.clone();
        lane.push(Some(1), move |_| {
            *begun.lock() = true;
            while !flag.is_cancelled() {
                thread::yield_now();
            }
            flag.check()
        });
        lane.push(Some(2), |_| panic!("never"));
        jobs.cancel(2);
        while !*started.lock() {
            thread::yield_now();
        }
        jobs.cancel(1);
        lane.finish();
        let kinds: Vec<_> = outbox
            .take()
            .into_iter()
            .map(|e| match e {
                Event::JobEnded { job, problem } => (job, problem.map(|p| p.kind)),
                e => panic!("{e:?}"),
            })
            .collect();
        assert_eq!(kinds, [(1, Some(Kind::Interrupted)), (2, Some(Kind::Interrupted))]);
    }

    #[test]
    fn what_waits_on_a_lane_that_is_left_is_dropped() {
        let (outbox, jobs) = (Outbox::default(), Jobs::default());
        let lane = lane(&outbox, &jobs);
        let (go, wait) = bounded::<()>(0);
        let done = Arc::new(AtomicBool::new(false));
        let second = done.clone();
        lane.push(Some(1), move |_| {
            let _ = wait.recv();
            Ok(())
        });
        lane.push(None, move |_| {
            second.store(true, Ordering::Relaxed);
            Ok(())
        });
        lane.leave();
        drop(go);
        assert!(lane.finish_by(Instant::now() + Duration::from_secs(60)));
        assert!(!done.load(Ordering::Relaxed));
    }

    #[test]
    fn a_full_queue_is_told_and_never_waited_for() {
        let (outbox, jobs) = (Outbox::default(), Jobs::default());
        let lane: Lane<()> = Lane::start("small", 1, outbox.clone(), jobs, || ()).unwrap();
        let (go, wait) = bounded::<()>(0);
        lane.push(None, move |()| {
            let _ = wait.recv();
            Ok(())
        });
        for job in 0..5 {
            lane.push(Some(job), |()| Ok(()));
        }
        let refused = outbox.take().len();
        assert!(refused >= 3, "{refused}");
        drop(go);
        lane.finish();
    }

    #[test]
    fn closing_leaves_a_lane_that_hangs() {
        let (outbox, jobs) = (Outbox::default(), Jobs::default());
        let lane = lane(&outbox, &jobs);
        let (hold, held) = bounded::<()>(0);
        lane.push(None, move |_| {
            let _ = held.recv();
            Ok(())
        });
        assert!(!lane.finish_by(Instant::now() + Duration::from_millis(30)), "it hangs");
        assert!(lane.finish_by(Instant::now()), "and is left for good");
        drop(hold);
        let other = Lane::start("other", 4, outbox.clone(), jobs, || 0_u32).unwrap();
        other.push(None, |_| Ok(()));
        assert!(other.finish_by(Instant::now() + PATIENCE));
    }

    #[test]
    fn work_that_hangs_holds_up_no_other() {
        let (outbox, jobs) = (Outbox::default(), Jobs::default());
        let aside = Aside::new("aside", 2, outbox.clone(), jobs);
        let (hold, held) = bounded::<()>(0);
        aside.push(1, move || {
            let _ = held.recv();
            Ok(())
        });
        let (done, wait) = bounded(1);
        aside.push(2, move || {
            let _ = done.send(());
            panic!("boom");
        });
        wait.recv().unwrap();
        assert!(!aside.finish_by(Instant::now() + Duration::from_millis(30)));
        // Two at once; the second may just be ending.
        let (again, held_again) = bounded::<()>(0);
        while *aside.running.0.lock() > 1 {
            thread::yield_now();
        }
        aside.push(3, move || {
            let _ = held_again.recv();
            Ok(())
        });
        aside.push(4, || Ok(()));
        drop((hold, again));
        assert!(aside.finish_by(Instant::now() + PATIENCE));
        let mut ended: Vec<(JobId, Option<Kind>)> = outbox
            .take()
            .into_iter()
            .map(|e| match e {
                Event::JobEnded { job, problem } => (job, problem.map(|p| p.kind)),
                e => panic!("{e:?}"),
            })
            .collect();
        ended.sort_by_key(|e| e.0);
        assert_eq!(ended, [(1, None), (2, Some(Kind::Failed)), (3, None), (4, Some(Kind::Failed))]);
    }

    #[test]
    fn progress_is_thinned_but_its_end_is_told() {
        let (outbox, jobs) = (Outbox::default(), Jobs::default());
        let progress = JobProgress::new(3, outbox.clone(), &jobs);
        for i in 0..=1000 {
            progress.report("Reading", i, 1000);
        }
        let events = outbox.take();
        assert!(matches!(events.last(), Some(Event::Job { done: 1000, total: 1000, .. })), "{events:?}");
    }
}
