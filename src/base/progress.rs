//! Progress of long work, and the wish to end it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Problem, Result};

/// A flag that a person raises to end long work; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to end.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the work shall end.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once the flag is raised.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Problem::interrupted("Cancelled")) } else { Ok(()) }
    }
}

/// Told by long work how far it is; called from any thread, often, so it must be quick.
pub trait Progress: Sync {
    /// `done` of `total` units are finished; `total` is 0 while unknown.
    fn report(&self, stage: &str, done: u64, total: u64);

    /// Whether the work shall end.
    fn cancel(&self) -> &Cancel;
}

/// Progress that nobody watches.
#[derive(Debug, Default)]
pub struct Quiet(Cancel);

impl Progress for Quiet {
    fn report(&self, _stage: &str, _done: u64, _total: u64) {}

    fn cancel(&self) -> &Cancel {
        &self.0
    }
}

/// Progress handed to a closure, with a flag to cancel.
pub struct Watched<F: Fn(&str, u64, u64) + Sync> {
    watch: F,
    cancel: Cancel,
}

impl<F: Fn(&str, u64, u64) + Sync> Watched<F> {
    /// Calls `watch(stage, done, total)`; ends when `cancel` is raised.
    pub fn new(cancel: Cancel, watch: F) -> Self {
        Self { watch, cancel }
    }
}

impl<F: Fn(&str, u64, u64) + Sync> Progress for Watched<F> {
    fn report(&self, stage: &str, done: u64, total: u64) {
        (self.watch)(stage, done, total);
    }

    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}
