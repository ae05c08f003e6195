//! Runs that wait for another one to end: kept in a file that every process of the studio reads and writes, so that
//! they start whether a window is open or not.
//!
//! Who starts the next one: the open window, which holds the [`Turn`] all the time; without a window the run that ends
//! (see [`go_on`]), which takes the turn for that moment. So no run is started twice, and none is forgotten.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::launch::{Launch, Order};
use super::run_follower::Tracked;
use crate::base::paths::{Paths, write_atomically};
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::train::folder::RunFolder;
use crate::train::identity::PictureAnswer;

/// A run that was started and does not take its lock for so long is not coming.
const COMING: Duration = Duration::from_secs(20);

/// A run that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its folder.
    pub dir: PathBuf,
    /// Device to train on.
    pub device: String,
    /// Thousands of pictures to stop at, in place of what the run says.
    #[serde(default)]
    pub kimg: Option<f64>,
    /// What is said of its pictures, if they were moved or changed.
    #[serde(default)]
    pub pictures: PictureAnswer,
}

/// The queue, first to start first. What it says is what the file says now.
#[derive(Clone, Debug)]
pub struct Queue {
    file: PathBuf,
}

impl Queue {
    /// The queue of a studio.
    pub fn of(paths: &Paths) -> Self {
        Self { file: paths.data.join("queue.json") }
    }

    /// What waits, in order; nothing if the file is damaged. Runs whose folder is gone are left out.
    pub fn runs(&self) -> Vec<Waiting> {
        let runs: Vec<Waiting> =
            vault::read(&self.file).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        runs.into_iter().filter(|w| w.dir.join("recipe.json").is_file()).collect()
    }

    /// Whether this run waits.
    pub fn contains(&self, dir: &Path) -> bool {
        self.runs().iter().any(|w| w.dir == dir)
    }

    /// Puts a run at the end, or changes what is known of it if it waits already.
    ///
    /// # Errors
    /// The queue could not be written.
    pub fn push(&self, run: Waiting) -> Result<()> {
        self.change(|runs| match runs.iter_mut().find(|w| w.dir == run.dir) {
            Some(old) => *old = run,
            None => runs.push(run),
        })
    }

    /// Puts a run at the beginning: one that could not be started.
    ///
    /// # Errors
    /// The queue could not be written.
    pub fn put_back(&self, run: Waiting) -> Result<()> {
        self.change(|runs| runs.insert(0, run))
    }

    /// Takes the first.
    ///
    /// # Errors
    /// The queue could not be written; then nothing is taken, for it would be started again and again.
    pub fn pop(&self) -> Result<Option<Waiting>> {
        if self.runs().is_empty() {
            return Ok(None);
        }
        self.change(|runs| if runs.is_empty() { None } else { Some(runs.remove(0)) })
    }

    /// Takes this run out; says whether it was there.
    ///
    /// # Errors
    /// The queue could not be written.
    pub fn remove(&self, dir: &Path) -> Result<bool> {
        if !self.contains(dir) {
            return Ok(false);
        }
        self.change(|runs| {
            let before = runs.len();
            runs.retain(|w| w.dir != dir);
            runs.len() < before
        })
    }

    /// Lets it rest until somebody wakes it: a person ended what was on.
    ///
    /// # Errors
    /// The studio's folder could not be written.
    pub fn rest(&self) -> Result<()> {
        write_atomically(&self.resting(), b"")
    }

    /// Ends its rest.
    pub fn wake(&self) {
        let _ = fs::remove_file(self.resting());
    }

    /// Whether it rests.
    pub fn rests(&self) -> bool {
        self.resting().exists()
    }

    fn resting(&self) -> PathBuf {
        self.file.with_extension("rest")
    }

    /// Reads, changes and writes while no other process does.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Waiting>) -> T) -> Result<T> {
        let _lock = locked(&self.file.with_extension("lock"))?;
        let mut runs = self.runs();
        let value = change(&mut runs);
        let bytes = serde_json::to_vec_pretty(&runs)
            .map_err(|e| Problem::failed("The queue of runs could not be written").because(e))?;
        write_atomically(&self.file, &bytes)?;
        Ok(value)
    }
}

fn lock_file(path: &Path) -> Result<File> {
    let fail = |e: &std::io::Error| Problem::io("The queue of runs could not be locked", path, e);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| fail(&e))?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(|e| fail(&e))
}

fn locked(path: &Path) -> Result<File> {
    let file = lock_file(path)?;
    file.lock().map_err(|e| Problem::io("The queue of runs could not be locked", path, &e))?;
    Ok(file)
}

/// The right to start queued runs; one process has it at a time, until it is dropped.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code)] File);

impl Turn {
    /// Takes the turn, if nobody else has it. Never waits.
    pub fn take(paths: &Paths) -> Option<Self> {
        lock(&paths.data.join("turn.lock")).map(Self)
    }
}

/// A file locked for this process alone, unless another one has it. Never waits.
pub(super) fn lock(path: &Path) -> Option<File> {
    let file = lock_file(path).ok()?;
    file.try_lock().ok().map(|()| file)
}

/// Starts the next run of the queue if it does not rest, no window looks after it and no run is on, and waits until it has begun.
/// `known` are folders of runs besides those in the studio's own.
///
/// # Errors
/// It could not be started; it is then first in the queue again.
pub fn go_on(paths: &Paths, known: &[PathBuf], launch: &dyn Launch) -> Result<Option<PathBuf>> {
    let queue = Queue::of(paths);
    if queue.rests() || queue.runs().is_empty() {
        return Ok(None);
    }
    let is_on = || {
        let own = fs::read_dir(paths.runs()).into_iter().flatten().filter_map(|e| e.ok().map(|e| e.path()));
        own.chain(known.iter().cloned()).any(|dir| RunFolder::open(&dir).is_ok_and(|run| run.is_locked()))
    };
    // Looked at first without the turn, so that nobody who asks again and again is in the way of a window that opens.
    if is_on() {
        return Ok(None);
    }
    let Some(_turn) = Turn::take(paths) else { return Ok(None) };
    if is_on() {
        return Ok(None);
    }
    let Some(next) = queue.pop()? else { return Ok(None) };
    if !queue.runs().is_empty() {
        launch.keep();
    }
    let order = Order { device: next.device.clone(), kimg: next.kimg, pictures: next.pictures.clone() };
    let begun = Tracked::open(&next.dir).and_then(|mut run| {
        run.begin(|folder| launch.launch(folder, &order), next.kimg)?;
        Ok(run)
    });
    let mut run = match begun {
        Ok(run) => run,
        Err(problem) => {
            let _ = queue.put_back(next);
            return Err(problem);
        }
    };
    // The turn is kept until the new run is known to be on by its lock.
    let start = Instant::now();
    while run.is_coming() && start.elapsed() < COMING {
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Some(next.dir))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::launch::ThreadLaunch;
    use super::*;
    use crate::recipe::Recipe;

    fn waiting(paths: &Paths, name: &str) -> Waiting {
        let dir = paths.runs().join(name);
        if !dir.exists() {
            RunFolder::create(&dir, &Recipe::default(), None, "cpu").unwrap();
        }
        Waiting { dir, device: "cpu".into(), kimg: None, pictures: PictureAnswer::default() }
    }

    #[test]
    fn a_queue_is_one_for_all_who_look_and_without_what_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        let (queue, other) = (Queue::of(&paths), Queue::of(&paths));
        for name in ["a", "b", "c", "a"] {
            queue.push(waiting(&paths, name)).unwrap();
        }
        assert_eq!(other.runs().len(), 3);
        assert!(other.remove(&paths.runs().join("b")).unwrap());
        assert!(!queue.remove(&paths.runs().join("b")).unwrap());
        std::fs::remove_dir_all(paths.runs().join("a")).unwrap();
        assert_eq!(queue.pop().unwrap().unwrap().dir, paths.runs().join("c"));
        assert!(other.pop().unwrap().is_none());
        std::fs::write(paths.data.join("queue.json"), "not json").unwrap();
        assert!(queue.runs().is_empty());
    }

    #[test]
    fn nothing_is_lost_when_many_change_it_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        let all: Vec<Waiting> = (0..24).map(|i| waiting(&paths, &format!("r{i}"))).collect();
        thread::scope(|scope| {
            for part in all.chunks(6) {
                scope.spawn(|| part.iter().for_each(|w| Queue::of(&paths).push(w.clone()).unwrap()));
            }
        });
        assert_eq!(Queue::of(&paths).runs().len(), 24);
    }

    #[test]
    fn the_next_run_is_started_once_and_only_when_it_may() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        let launch = ThreadLaunch(Arc::new(|run: RunFolder, _| {
            let _lock = run.lock()?;
            thread::sleep(Duration::from_millis(300));
            Ok(())
        }));
        assert_eq!(go_on(&paths, &[], &launch).unwrap(), None, "nothing waits");
        let (a, b) = (waiting(&paths, "a"), waiting(&paths, "b"));
        Queue::of(&paths).push(a.clone()).unwrap();
        Queue::of(&paths).push(b.clone()).unwrap();

        let window = Turn::take(&paths).unwrap();
        assert_eq!(go_on(&paths, &[], &launch).unwrap(), None, "an open window does it");
        drop(window);
        assert_eq!(go_on(&paths, &[], &launch).unwrap(), Some(a.dir));
        assert_eq!(go_on(&paths, &[], &launch).unwrap(), None, "one is on");
        assert_eq!(Queue::of(&paths).runs(), std::slice::from_ref(&b));
        let start = Instant::now();
        while go_on(&paths, &[], &launch).unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(10), "the second was never started");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(Queue::of(&paths).runs().is_empty());

        let missing = super::super::launch::ProcessLaunch::studio("/nowhere/at/all".into());
        Queue::of(&paths).push(b.clone()).unwrap();
        while RunFolder::open(&b.dir).unwrap().is_locked() {
            thread::sleep(Duration::from_millis(20));
        }
        assert!(go_on(&paths, &[], &missing).is_err());
        assert_eq!(Queue::of(&paths).runs(), [b], "what could not be started waits on");
    }
}
