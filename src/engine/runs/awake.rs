//! Keeps the computer from falling asleep while a run is on.

use std::thread;

use crossbeam_channel::{Sender, bounded};

/// Asks the system to stay awake, from a thread of its own: the desktop's services may take their time to answer.
pub struct Awake(Option<Sender<bool>>);

impl Awake {
    /// Ready to ask; `allowed` false never does (tests, servers).
    pub fn new(allowed: bool) -> Self {
        if !allowed {
            return Self(None);
        }
        let (wish, wishes) = bounded::<bool>(8);
        let spawned = thread::Builder::new().name("keep-awake".into()).spawn(move || {
            let mut held = None;
            while let Ok(wish) = wishes.recv() {
                if !wish {
                    held = None;
                } else if held.is_none() {
                    held = hold();
                }
            }
        });
        Self(spawned.is_ok().then_some(wish))
    }

    /// Stay awake, or not any more. Never waits.
    pub fn set(&self, awake: bool) {
        if let Some(wish) = &self.0 {
            let _ = wish.try_send(awake);
        }
    }
}

fn hold() -> Option<keepawake::KeepAwake> {
    keepawake::Builder::default()
        .idle(true)
        .sleep(true)
        .reason("A model is being trained")
        .app_name("Latent Studio")
        .app_reverse_domain("io.github.latent-studio")
        .create()
        .inspect_err(|e| log::info!("the system cannot be kept awake: {e}"))
        .ok()
}
