//! File dialogs of the desktop, behind a trait so that tests can answer in a person's stead.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::action::{Pick, PickKind};
use crate::base::{Problem, Result};

/// Called with what was chosen, empty if the dialog was dismissed; or with the reason why none opened.
pub type Answer = Box<dyn FnOnce(Result<Vec<PathBuf>>) + Send>;

/// Nobody dismisses a dialog in so short a time: none opened.
const TOO_QUICK: Duration = Duration::from_millis(300);

/// Opens file dialogs.
pub trait FilePicker {
    /// Opens one and returns at once; `answer` is called from any thread.
    fn open(&self, pick: &Pick, answer: Answer);
}

/// The desktop's own dialogs.
#[derive(Debug, Default)]
pub struct DesktopPicker;

impl FilePicker for DesktopPicker {
    fn open(&self, pick: &Pick, answer: Answer) {
        let mut dialog = rfd::AsyncFileDialog::new().set_title(&pick.title);
        if let Some(folder) = &pick.folder {
            dialog = dialog.set_directory(folder);
        }
        for (name, endings) in &pick.endings {
            dialog = dialog.add_filter(name, endings);
        }
        // The dialog is made here, on the window's thread, as macOS wants it, and waited for elsewhere.
        let one = |file: Option<rfd::FileHandle>| file.into_iter().map(|f| f.path().to_path_buf()).collect();
        match &pick.kind {
            PickKind::Folder => wait_aside(dialog.pick_folder(), one, answer),
            PickKind::File => wait_aside(dialog.pick_file(), one, answer),
            PickKind::Save(name) => wait_aside(dialog.set_file_name(name).save_file(), one, answer),
            PickKind::Files => {
                let many = |files: Option<Vec<rfd::FileHandle>>| {
                    files.into_iter().flatten().map(|f| f.path().to_path_buf()).collect()
                };
                wait_aside(dialog.pick_files(), many, answer);
            }
        }
    }
}

fn wait_aside<T, F>(dialog: F, paths: impl FnOnce(T) -> Vec<PathBuf> + Send + 'static, answer: Answer)
where
    F: Future<Output = T> + Send + 'static,
{
    let began = Instant::now();
    let answering = move || {
        let chosen = paths(wait(dialog));
        // Without a service for file dialogs the desktop answers at once, with nothing.
        answer(if chosen.is_empty() && began.elapsed() < TOO_QUICK { Err(no_dialog()) } else { Ok(chosen) });
    };
    let waiting = thread::Builder::new().name("file-dialog".into()).spawn(answering);
    if let Err(error) = waiting {
        log::error!("a file dialog could not be opened: {error}");
    }
}

fn no_dialog() -> Problem {
    let remedy = if cfg!(target_os = "linux") {
        "Drop the files on the window or paste their path; a desktop portal (xdg-desktop-portal) or zenity opens dialogs"
    } else {
        "Drop the files on the window or paste their path"
    };
    Problem::failed("This desktop opened no file dialog").try_this(remedy).warning()
}

/// Runs a future on this thread until it is done.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
