//! Events on their way to the client: in order, bounded, with what is outdated replaced on the way.
//!
//! Facts wait until they are fetched; progress, summaries and pictures of a slot are replaced by newer ones of the same
//! thing while they wait, so a client that looks rarely is not flooded. The client is woken at most once a frame.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Event;
use crate::base::Problem;

/// Events that may wait before a worker that tells more has to wait itself.
const CAPACITY: usize = 4096;

/// Time between two wakes, about a frame.
const FRAME: Duration = Duration::from_millis(16);

/// A worker that cannot be rid of its event for this long drops it: the client is gone.
const PATIENCE: Duration = Duration::from_secs(30);

type Wake = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    waiting: VecDeque<Event>,
    wake: Option<Wake>,
    dirty: bool,
    closed: bool,
}

/// Where workers put events and the client takes them; clones share it.
#[derive(Clone, Default)]
pub struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
    room: Condvar,
}

impl Outbox {
    /// An outbox with its waker thread, which ends when the outbox is closed.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn new() -> std::io::Result<Self> {
        let outbox = Self::default();
        let shared = outbox.shared.clone();
        thread::Builder::new().name("engine-waker".into()).spawn(move || wake_loop(&shared))?;
        Ok(outbox)
    }

    /// Tells the client; waits while too much is on its way.
    pub fn tell(&self, event: Event) {
        let mut state = self.shared.state.lock();
        let until = Instant::now() + PATIENCE;
        let Some(event) = merge(&mut state.waiting, event) else {
            return self.stir(&mut state);
        };
        while state.waiting.len() >= CAPACITY && !state.closed {
            if self.shared.room.wait_until(&mut state, until).timed_out() {
                return;
            }
        }
        if !state.closed {
            state.waiting.push_back(event);
            self.stir(&mut state);
        }
    }

    /// Tells the client without ever waiting: for what happens on the client's own thread.
    pub fn tell_now(&self, event: Event) {
        let mut state = self.shared.state.lock();
        if let Some(event) = merge(&mut state.waiting, event) {
            state.waiting.push_back(event);
        }
        self.stir(&mut state);
    }

    /// Says something to a person.
    pub fn say(&self, problem: Problem) {
        self.tell(Event::Message(problem));
    }

    /// What waits, in order.
    pub fn take(&self) -> Vec<Event> {
        let mut state = self.shared.state.lock();
        let events = state.waiting.drain(..).collect();
        self.shared.room.notify_all();
        events
    }

    /// Sets what wakes the client.
    pub fn on_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        let mut state = self.shared.state.lock();
        state.wake = Some(Arc::from(wake));
        if !state.waiting.is_empty() {
            self.stir(&mut state);
        }
    }

    /// Lets nobody wait any more and ends the waker.
    pub fn close(&self) {
        self.shared.state.lock().closed = true;
        self.shared.news.notify_all();
        self.shared.room.notify_all();
    }

    /// Whether the client is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().closed
    }

    fn stir(&self, state: &mut State) {
        state.dirty = true;
        self.shared.news.notify_one();
    }
}

fn wake_loop(shared: &Shared) {
    loop {
        let wake = {
            let mut state = shared.state.lock();
            while !state.dirty && !state.closed {
                shared.news.wait(&mut state);
            }
            if state.closed {
                return;
            }
            state.dirty = false;
            state.wake.clone()
        };
        // Called without the lock: a wake may poll at once.
        if let Some(wake) = wake {
            wake();
        }
        thread::sleep(FRAME);
    }
}

/// Puts an event into one that waits already, if it is about the same thing; otherwise gives it back.
fn merge(waiting: &mut VecDeque<Event>, event: Event) -> Option<Event> {
    // Only the newest ones are looked at: what is older is rarely about the same thing, and this must stay quick.
    for old in waiting.iter_mut().rev().take(64) {
        match (&mut *old, &event) {
            (Event::Job { job: a, .. }, Event::Job { job: b, .. }) if a == b => {}
            (Event::Run(a), Event::Run(b)) if a.dir == b.dir => {}
            (Event::Generated { slot: a, .. }, Event::Generated { slot: b, .. }) if a == b => {}
            (Event::ItemsChanged, Event::ItemsChanged) => {}
            (Event::RunPreview { dir: a, live: true, .. }, Event::RunPreview { dir: b, live: true, .. }) if a == b => {}
            (Event::RunReadings { dir: a, readings }, Event::RunReadings { dir: b, readings: more }) if a == b => {
                readings.extend(more.iter().cloned());
                return None;
            }
            // Readings after a reload must not slip in front of it; a list of runs replaces summaries before it.
            (Event::RunLoaded { .. }, Event::RunReadings { .. }) | (Event::Runs(_), Event::Run(_)) => {
                return Some(event);
            }
            _ => continue,
        }
        *old = event;
        return None;
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::base::series::Reading;

    fn job(job: u64, done: u64) -> Event {
        Event::Job { job, title: "x".into(), done, total: 10 }
    }

    #[test]
    fn progress_is_replaced_and_facts_are_kept_in_order() {
        let outbox = Outbox::default();
        outbox.tell(job(1, 1));
        outbox.tell(Event::JobEnded { job: 2, problem: None });
        outbox.tell(job(1, 2));
        outbox.tell(Event::Message(Problem::usage("a")));
        outbox.tell(Event::Message(Problem::usage("a")));
        let events = outbox.take();
        assert!(matches!(events[0], Event::Job { done: 2, .. }));
        assert_eq!(events.len(), 4, "two messages are two facts");
        assert!(outbox.take().is_empty());
    }

    #[test]
    fn readings_are_joined() {
        let outbox = Outbox::default();
        for step in 0..100 {
            let readings = vec![Reading { step, ..Reading::default() }];
            outbox.tell(Event::RunReadings { dir: "/r".into(), readings });
        }
        let events = outbox.take();
        let [Event::RunReadings { readings, .. }] = events.as_slice() else { panic!("{events:?}") };
        assert!(readings.iter().map(|r| r.step).eq(0..100));
    }

    #[test]
    fn the_client_is_woken_soon_but_not_for_every_event() {
        let outbox = Outbox::new().unwrap();
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = wakes.clone();
        outbox.on_wake(Box::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        for i in 0..1000 {
            outbox.tell(job(i % 3, i));
        }
        let start = Instant::now();
        while wakes.load(Ordering::SeqCst) == 0 && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(1));
        }
        let woken = wakes.load(Ordering::SeqCst);
        assert!((1..100).contains(&woken), "{woken}");
        outbox.close();
    }

    #[test]
    fn a_full_outbox_holds_workers_back_until_it_is_emptied() {
        let outbox = Outbox::default();
        for i in 0..CAPACITY as u64 {
            outbox.tell(Event::JobEnded { job: i, problem: None });
        }
        let teller = outbox.clone();
        let worker = thread::spawn(move || teller.tell(Event::JobEnded { job: 9999, problem: None }));
        thread::sleep(Duration::from_millis(20));
        assert!(!worker.is_finished());
        assert_eq!(outbox.take().len(), CAPACITY);
        worker.join().unwrap();
        assert_eq!(outbox.take().len(), 1);
    }
}
