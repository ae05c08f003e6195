//! The decode threads and how far they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rayon::ThreadPool;

use crate::base::{Problem, Progress, Result};

static POOL: Mutex<Option<Arc<ThreadPool>>> = Mutex::new(None);

/// The named decode threads, one for each core, started when first needed.
///
/// # Errors
/// The system gives no more threads.
pub(super) fn pool() -> Result<Arc<ThreadPool>> {
    let mut pool = POOL.lock();
    if let Some(pool) = &*pool {
        return Ok(pool.clone());
    }
    let made = rayon::ThreadPoolBuilder::new()
        .thread_name(|i| format!("decode-{i}"))
        .build()
        .map_err(|e| Problem::failed("The decode threads could not be started").because(e))?;
    Ok(pool.insert(Arc::new(made)).clone())
}

/// Leaves the decode threads to those that use them now, who may wait for a disk that never answers. Who asks next gets
/// new ones.
pub(super) fn leave_pool() {
    *POOL.lock() = None;
}

/// Counts finished work from many threads and reports it about thirty times a second.
pub(super) struct Ticker<'a> {
    progress: &'a dyn Progress,
    stage: &'static str,
    total: u64,
    done: AtomicU64,
    started: Instant,
    last: AtomicU64,
}

impl<'a> Ticker<'a> {
    /// Starts a stage of `total` units.
    pub fn new(progress: &'a dyn Progress, stage: &'static str, total: u64) -> Self {
        progress.report(stage, 0, total);
        Self { progress, stage, total, done: AtomicU64::new(0), started: Instant::now(), last: AtomicU64::new(0) }
    }

    /// One more is finished.
    pub fn tick(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.started.elapsed().as_millis() as u64;
        let last = self.last.load(Ordering::Relaxed);
        let due =
            now >= last + 33 && self.last.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if due || done == self.total {
            self.progress.report(self.stage, done, self.total);
        }
    }

    /// An error once the work shall end.
    pub fn check(&self) -> Result<()> {
        self.progress.cancel().check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::Watched;
    use rayon::prelude::*;

    #[test]
    fn the_end_is_always_reported_and_the_threads_are_named() {
        let last = AtomicU64::new(0);
        let calls = AtomicU64::new(0);
        let watched = Watched::new(Cancel::new(), |_, done, total| {
            assert_eq!(total, 5000);
            last.fetch_max(done, Ordering::Relaxed);
            calls.fetch_add(1, Ordering::Relaxed);
        });
        let ticker = Ticker::new(&watched, "x", 5000);
        pool().unwrap().install(|| {
            (0..5000).into_par_iter().for_each(|_| {
                assert!(std::thread::current().name().unwrap().starts_with("decode-"));
                ticker.tick();
            });
        });
        assert_eq!(last.load(Ordering::Relaxed), 5000);
        assert!(calls.load(Ordering::Relaxed) < 2500, "progress is throttled");
    }

    #[test]
    fn who_comes_after_a_silent_disk_gets_new_threads() {
        let first = pool().unwrap();
        leave_pool();
        let second = pool().unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(first.install(|| 1) + second.install(|| 1), 2);
    }
}
