//! Slow work of the gate, in a thread: deriving keys, converting files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use egui::Context;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::Wish;
use crate::base::paths::Paths;
use crate::base::vault::{self, Cost, RecoveryKey};
use crate::base::{Cancel, Problem, Progress, Result};
use crate::library::encryption;

/// How it ended.
pub(super) struct Outcome {
    pub wish: Wish,
    pub recovery: Option<RecoveryKey>,
    pub result: Result<()>,
}

/// How far it is; shared with its thread.
struct Meter {
    done: AtomicU64,
    total: AtomicU64,
    cancel: Cancel,
    ctx: Context,
    recovery: Mutex<Option<RecoveryKey>>,
}

impl Progress for Meter {
    fn report(&self, _: &str, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.ctx.request_repaint();
    }

    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

/// Work in a thread.
pub struct Work {
    wish: Wish,
    title: &'static str,
    meter: Arc<Meter>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Work {
    fn begin(
        ctx: &Context,
        wish: Wish,
        title: &'static str,
        run: impl FnOnce(&Meter) -> Result<()> + Send + 'static,
    ) -> Self {
        let meter = Arc::new(Meter {
            done: 0.into(),
            total: 0.into(),
            cancel: Cancel::new(),
            ctx: ctx.clone(),
            recovery: Mutex::new(None),
        });
        let own = meter.clone();
        let thread = thread::Builder::new().name("gate".into()).spawn(move || {
            let result = run(&own);
            own.ctx.request_repaint();
            result
        });
        Self { wish, title, meter, thread: thread.ok() }
    }

    pub(super) fn unlock(ctx: &Context, paths: Paths, secret: String) -> Self {
        let secret = Zeroizing::new(secret);
        Self::begin(ctx, Wish::Lock, "Unlocking…", move |_| vault::unlock(&paths, &secret).map(|_| ()))
    }

    pub(super) fn passphrase(ctx: &Context, paths: Paths, old: String, new: String) -> Self {
        let (old, new) = (Zeroizing::new(old), Zeroizing::new(new));
        Self::begin(ctx, Wish::Passphrase, "Changing the passphrase…", move |_| {
            encryption::change_passphrase(&paths, &old, &new)
        })
    }

    pub(super) fn recovery(ctx: &Context, paths: Paths, old: String) -> Self {
        let old = Zeroizing::new(old);
        Self::begin(ctx, Wish::Recovery, "Making a recovery key…", move |meter| {
            *meter.recovery.lock() = Some(encryption::change_recovery(&paths, &old)?);
            Ok(())
        })
    }

    /// Encrypts with this passphrase (an empty one goes on where that was interrupted), or decrypts without one.
    pub(super) fn convert(ctx: &Context, paths: Paths, passphrase: Option<String>, cost: Option<Cost>) -> Self {
        let Some(passphrase) = passphrase.map(Zeroizing::new) else {
            return Self::begin(ctx, Wish::TurnOff, "Decrypting the library…", move |meter| {
                encryption::turn_off(&paths, meter).map(|_| ())
            });
        };
        Self::begin(ctx, Wish::TurnOn, "Encrypting the library…", move |meter| {
            let cost = cost.map_or_else(Cost::measured, Ok)?;
            let mut tell = |key: &RecoveryKey| {
                *meter.recovery.lock() = Some(key.clone());
                Ok(())
            };
            encryption::turn_on(&paths, &passphrase, cost, &mut tell, meter).map(|_| ())
        })
    }

    /// What it does, in words.
    pub(super) fn title(&self) -> &'static str {
        self.title
    }

    /// Whether it can be cancelled.
    pub(super) fn can_cancel(&self) -> bool {
        matches!(self.wish, Wish::TurnOn | Wish::TurnOff)
    }

    /// Asks it to end; what is done stays done.
    pub(super) fn cancel(&self) {
        self.meter.cancel.cancel();
    }

    /// The recovery key that it made, from before the first file is touched.
    pub(super) fn key(&self) -> Option<Zeroizing<String>> {
        self.meter.recovery.lock().as_ref().map(RecoveryKey::to_text)
    }

    /// How much of it is done, if that is known.
    pub(super) fn share(&self) -> Option<f32> {
        let total = self.meter.total.load(Ordering::Relaxed);
        (total > 0).then(|| self.meter.done.load(Ordering::Relaxed) as f32 / total as f32)
    }

    /// How it ended, once it has.
    pub(super) fn ended(&mut self) -> Option<Outcome> {
        if self.thread.as_ref().is_some_and(|t| !t.is_finished()) {
            return None;
        }
        let result = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Err(Problem::failed("The work on the library broke off").try_this("Start the studio again")),
        };
        Some(Outcome { wish: self.wish, recovery: self.meter.recovery.lock().take(), result })
    }

    /// Ends it and waits: the window closes.
    pub(super) fn leave(&mut self) {
        self.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
