//! Named threads that do one thing after the other and survive a panic.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;

use super::outbox::Outbox;
use super::{Event, JobId};
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
}

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
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || run(name, &tasks, &told, &flags, &make))
            .map_err(|e| Problem::failed("A worker could not be started").of(name).because(e))?;
        Ok(Self { name, queue: Mutex::new(Some(queue)), outbox, jobs, thread: Mutex::new(Some(thread)) })
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
                Problem::failed("The studio is too busy for this").try_this("Try again in a moment").of(self.name),
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
        let silent = || Problem::failed("The studio did not answer").of(self.name).try_this("Try once more");
        receive.recv().unwrap_or_else(|_| Err(silent()))
    }

    /// Takes no more work and waits until what waits is done.
    pub fn finish(&self) {
        let thread = self.thread.lock().take();
        drop(self.queue.lock().take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn run<S>(name: &str, tasks: &Receiver<Task<S>>, outbox: &Outbox, jobs: &Jobs, make: &impl Fn() -> S) {
    let mut state = make();
    while let Ok(Task { job, work }) = tasks.recv() {
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
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    log::error!("worker {name} panicked: {text}");
    Problem::failed("Something inside the studio broke; it was started again")
        .of(name)
        .try_this("Try once more; if it happens again, please report what is below")
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

    fn end(&self, job: JobId) {
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
