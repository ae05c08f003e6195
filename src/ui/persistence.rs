//! What the window remembers from one start to the next, and the thread that writes it down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::views::ViewId;
use crate::base::paths::write_atomically;
use crate::base::vault;
use crate::models::info::ModelRef;

/// Version of the file; another one is not read.
const FORMAT: u32 = 1;

/// What the window remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowState {
    /// Version of this file.
    pub format: u32,
    /// Settings.
    pub settings: Settings,
    /// The view that was active.
    pub active: ViewId,
    /// Panes, in the words of `super::layout`.
    pub layout: serde_json::Value,
    /// Whether the inspector is open.
    pub inspector: bool,
    /// Whether the filmstrip is open.
    pub filmstrip: bool,
    /// Width of the inspector.
    pub inspector_width: f32,
    /// Size of the window, in points.
    pub window: Option<[f32; 2]>,
    /// Whether it fills the screen.
    pub maximized: bool,
    /// The selected run.
    pub run: Option<PathBuf>,
    /// The selected model.
    pub model: Option<ModelRef>,
    /// What each view keeps.
    pub views: BTreeMap<ViewId, serde_json::Value>,
}

impl Default for WindowState {
    fn default() -> Self {
        Self {
            format: FORMAT,
            settings: Settings::default(),
            active: ViewId::Home,
            layout: serde_json::Value::Null,
            inspector: true,
            filmstrip: true,
            inspector_width: super::theme::size::INSPECTOR,
            window: None,
            maximized: false,
            run: None,
            model: None,
            views: BTreeMap::new(),
        }
    }
}

/// The file.
pub fn path(config: &Path) -> PathBuf {
    config.join("window.json")
}

/// Reads what was kept; a file that cannot be understood counts as none.
pub fn load(config: &Path) -> WindowState {
    let Ok(bytes) = vault::read(path(config)) else { return WindowState::default() };
    match serde_json::from_slice::<WindowState>(&bytes) {
        Ok(kept) if kept.format == FORMAT => kept,
        Ok(kept) => {
            log::warn!("the window's state has format {}, which this version does not read", kept.format);
            WindowState::default()
        }
        Err(error) => {
            log::warn!("the window's state could not be read: {error}");
            WindowState::default()
        }
    }
}

/// A thread for what must not hold up a frame: writing the window's state, measuring memory.
pub struct Keeper {
    orders: Option<Sender<Vec<u8>>>,
    thread: Option<thread::JoinHandle<()>>,
    memory: Arc<AtomicU64>,
    last: String,
}

impl Keeper {
    /// Starts the thread.
    pub fn start(config: PathBuf) -> Self {
        let (orders, inbox) = bounded(8);
        let memory = Arc::new(AtomicU64::new(0));
        let gauge = memory.clone();
        let thread = thread::Builder::new().name("window-keeper".into()).spawn(move || work(&config, &inbox, &gauge));
        if let Err(error) = &thread {
            log::error!("the window's state will not be kept: {error}");
        }
        Self { orders: Some(orders), thread: thread.ok(), memory, last: String::new() }
    }

    /// Has the state written if it is another than last time.
    pub fn keep(&mut self, kept: &WindowState) {
        let Ok(json) = serde_json::to_string_pretty(kept) else { return };
        if json == self.last {
            return;
        }
        // If the disk is that slow, the next call writes it.
        if let Some(orders) = &self.orders
            && orders.try_send(json.clone().into_bytes()).is_ok()
        {
            self.last = json;
        }
    }

    /// Bytes this process holds, as measured last; 0 before.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(config: &Path, inbox: &Receiver<Vec<u8>>, memory: &AtomicU64) {
    loop {
        if let Some(stats) = memory_stats::memory_stats() {
            memory.store(stats.physical_mem as u64, Ordering::Relaxed);
        }
        match inbox.recv_timeout(Duration::from_secs(2)) {
            Ok(bytes) => {
                if let Err(problem) = write_atomically(&path(config), &bytes) {
                    log::warn!("{problem}");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_rubbish_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = WindowState { active: ViewId::Explore, run: Some("/a".into()), ..WindowState::default() };
        kept.views.insert(ViewId::Train, serde_json::json!({"smoothing": 0.9}));
        let mut keeper = Keeper::start(dir.path().into());
        keeper.keep(&kept);
        drop(keeper);
        assert_eq!(load(dir.path()), kept);
        std::fs::write(path(dir.path()), b"{\"format\": 1, \"active\": 7").unwrap();
        assert_eq!(load(dir.path()), WindowState::default());
        std::fs::write(path(dir.path()), b"{\"format\": 99}").unwrap();
        assert_eq!(load(dir.path()), WindowState::default());
    }
}
