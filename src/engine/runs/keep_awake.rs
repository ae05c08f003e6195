//! Keeps the computer from falling asleep while a run is on. Every run does so itself, so that it holds without a window.

use std::fs;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::base::paths::{Paths, write_atomically};
use crate::base::{Problem, Result};

/// How often it is looked at whether a person changed their mind.
const LOOK: Duration = Duration::from_secs(2);

/// There while a person lets the computer sleep.
fn mark(paths: &Paths) -> PathBuf {
    paths.config.join("let-sleep")
}

/// Whether runs may keep the computer awake: a person's choice, for all runs from now on and those that are on.
///
/// # Errors
/// The choice cannot be written down.
pub fn allow(paths: &Paths, wanted: bool) -> Result<()> {
    let mark = mark(paths);
    if !wanted {
        return if mark.exists() { Ok(()) } else { write_atomically(&mark, b"") };
    }
    match fs::remove_file(&mark) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Problem::io("This choice could not be saved", &mark, &e))
        }
        _ => Ok(()),
    }
}

/// Whether runs may keep the computer awake.
pub fn is_allowed(paths: &Paths) -> bool {
    !mark(paths).exists()
}

/// While it lives the computer stays awake, unless a person lets it sleep.
pub struct Awake {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Awake {
    /// Begins, on a thread of its own: the desktop's services may take their time to answer.
    pub fn begin(paths: Paths) -> Self {
        Self::with(move || is_allowed(&paths), hold)
    }

    fn with<G>(allowed: impl Fn() -> bool + Send + 'static, hold: impl Fn() -> Option<G> + Send + 'static) -> Self {
        let (end, ended) = bounded::<()>(0);
        let spawned = thread::Builder::new().name("keep-awake".into()).spawn(move || {
            let mut held = None;
            let mut asked = false;
            loop {
                match (allowed(), asked) {
                    // Asked once: where there is no such service there will be none in two seconds.
                    (true, false) => (held, asked) = (hold(), true),
                    (false, true) => (held, asked) = (None, false),
                    _ => {}
                }
                if ended.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            drop(held);
        });
        Self { end: Some(end), thread: spawned.ok() }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Held(Arc<AtomicUsize>);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn it_is_held_while_it_lives_and_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        assert!(is_allowed(&paths));
        let held = Arc::new(AtomicUsize::new(0));
        let begin = |paths: Paths| {
            let count = held.clone();
            Awake::with(
                move || is_allowed(&paths),
                move || {
                    count.fetch_add(1, Ordering::SeqCst);
                    Some(Held(count.clone()))
                },
            )
        };
        let awake = begin(paths.clone());
        while held.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        drop(awake);
        assert_eq!(held.load(Ordering::SeqCst), 0, "let go at the end");
        allow(&paths, false).unwrap();
        allow(&paths, false).unwrap();
        drop(begin(paths.clone()));
        assert_eq!(held.load(Ordering::SeqCst), 0);
        allow(&paths, true).unwrap();
        assert!(is_allowed(&paths));
    }
}
