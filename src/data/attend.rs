//! Work on data that may never answer: a share that is gone, a drive that does not wake up.
//!
//! A call to the system cannot be taken back, so such work has a thread of its own, and who asked for it can leave. What
//! is left behind ends by itself once the system answers; it changes nothing any more.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, bounded};
use parking_lot::Mutex;

use super::decode_pool::leave_pool;
use crate::base::{Cancel, Problem, Progress, Result};

/// What is said of data that do not answer.
pub const SILENT: &str = "These data do not answer";

/// The stage of work on data that do not answer.
pub const WAITING: &str = "Waiting for the data to answer";

/// How often the one who waits looks up.
const TICK: Duration = Duration::from_millis(20);

/// How long somebody waits for work that gives no sign.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For work that was asked to end.
    pub grace: Duration,
    /// Until other work gets decode threads of its own, and the person is told.
    pub silence: Duration,
    /// Until nobody waits any more, if ever.
    pub limit: Option<Duration>,
}

impl Patience {
    /// For work that a person can cancel.
    pub const WATCHED: Self = Self { grace: Duration::from_secs(2), silence: Duration::from_secs(10), limit: None };
    /// For a look whether something is there.
    pub const GLANCE: Self =
        Self { grace: Duration::from_secs(1), silence: Duration::from_secs(2), limit: Some(Duration::from_secs(3)) };
    /// For small work that nobody watches.
    pub const SHORT: Self =
        Self { grace: Duration::from_secs(1), silence: Duration::from_secs(5), limit: Some(Duration::from_secs(15)) };
}

/// Progress of work on another thread.
struct Relay {
    cancel: Cancel,
    /// The last report of each stage that was not passed on yet.
    told: Mutex<Vec<(String, u64, u64)>>,
}

impl Progress for Relay {
    fn report(&self, stage: &str, done: u64, total: u64) {
        let mut told = self.told.lock();
        match told.last_mut() {
            Some(last) if last.0 == stage => (last.1, last.2) = (done, total),
            _ => told.push((stage.to_owned(), done, total)),
        }
    }

    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Relay {
    /// Passes reports on; whether there were any.
    fn pass_on(&self, progress: &dyn Progress) -> bool {
        let told = std::mem::take(&mut *self.told.lock());
        told.iter().for_each(|(stage, done, total)| progress.report(stage, *done, *total));
        !told.is_empty()
    }
}

/// Does work on a thread of its own and waits for it, as long as somebody waits. `subject` is told where it does not
/// answer.
///
/// # Errors
/// What the work says; it was cancelled, even if it does not answer; or it gave no sign for longer than `patience` has.
pub fn attended<T: Send + 'static>(
    subject: &str,
    patience: Patience,
    progress: &dyn Progress,
    work: impl FnOnce(&dyn Progress) -> Result<T> + Send + 'static,
) -> Result<T> {
    let relay = Arc::new(Relay { cancel: Cancel::new(), told: Mutex::default() });
    let (send, receive) = bounded(1);
    let theirs = relay.clone();
    std::thread::Builder::new()
        .name("data".into())
        .spawn(move || {
            let _ = send.send(catch_unwind(AssertUnwindSafe(|| work(&*theirs))));
        })
        .map_err(|e| Problem::failed("A thread could not be started").because(e))?;
    let silent =
        || Problem::data(SILENT).of(subject).try_this("Check that the disk or network share they lie on is connected");
    let (mut heard, mut told, mut asked) = (Instant::now(), false, None::<Instant>);
    loop {
        match receive.recv_timeout(TICK) {
            Ok(outcome) => {
                relay.pass_on(progress);
                return outcome.unwrap_or_else(|panic| resume_unwind(panic));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(Problem::failed("Work on data ended without a word")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if relay.pass_on(progress) {
            (heard, told) = (Instant::now(), false);
        }
        if progress.cancel().is_cancelled() {
            relay.cancel.cancel();
            if asked.get_or_insert_with(Instant::now).elapsed() >= patience.grace {
                leave_pool();
                return Err(Problem::interrupted("Cancelled").of(subject).because("the data did not answer"));
            }
        } else if patience.limit.is_some_and(|limit| heard.elapsed() >= limit) {
            relay.cancel.cancel();
            leave_pool();
            return Err(silent());
        } else if !told && heard.elapsed() >= patience.silence {
            told = true;
            leave_pool();
            progress.report(WAITING, 0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::{Quiet, Watched};

    const HASTY: Patience =
        Patience { grace: Duration::from_millis(40), silence: Duration::from_millis(40), limit: None };

    #[test]
    fn work_is_waited_for_and_its_reports_come_through() {
        let seen = Mutex::new(Vec::new());
        let watch = Watched::new(Cancel::new(), |stage, done, _| seen.lock().push((stage.to_owned(), done)));
        let value = attended("x", HASTY, &watch, |progress| {
            progress.report("One", 1, 9);
            progress.report("One", 9, 9);
            progress.report("Two", 0, 0);
            Ok(7)
        });
        assert_eq!(value.unwrap(), 7);
        let seen = seen.into_inner();
        assert!(seen.ends_with(&[("One".into(), 9), ("Two".into(), 0)]), "{seen:?}");
    }

    #[test]
    fn what_never_answers_can_be_left() {
        let (hold, held) = bounded::<()>(0);
        let cancel = Cancel::new();
        let flag = cancel.clone();
        // The person is told that the data do not answer, and then cancels.
        let watch = Watched::new(cancel, move |stage, _, _| {
            if stage.contains("answer") {
                flag.cancel();
            }
        });
        let p = attended("/dead/share", HASTY, &watch, move |_| {
            let _ = held.recv();
            Ok(())
        })
        .unwrap_err();
        assert_eq!((p.exit_code(), p.subject.as_deref()), (130, Some("/dead/share")));
        drop(hold);
    }

    #[test]
    fn small_work_is_left_after_its_time() {
        let (hold, held) = bounded::<()>(0);
        let patience = Patience { limit: Some(Duration::from_millis(60)), ..HASTY };
        let p = attended("/dead/share", patience, &Quiet::default(), move |_| {
            let _ = held.recv();
            Ok(())
        })
        .unwrap_err();
        assert!(p.what.contains("do not answer") && p.remedy.is_some());
        drop(hold);
    }

    #[test]
    fn a_panic_is_the_callers() {
        let caught = std::panic::catch_unwind(|| attended::<()>("x", HASTY, &Quiet::default(), |_| panic!("boom")));
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"boom"));
    }
}
