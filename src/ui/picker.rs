//! File dialogs of the desktop, behind a trait so that tests can answer in a person's stead.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};

use super::action::{Pick, PickKind};

/// Called with what was chosen; empty if the dialog was dismissed.
pub type Answer = Box<dyn FnOnce(Vec<PathBuf>) + Send>;

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
    let waiting = thread::Builder::new().name("file-dialog".into()).spawn(move || answer(paths(wait(dialog))));
    if let Err(error) = waiting {
        log::error!("a file dialog could not be opened: {error}");
    }
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
