//! Who starts what waits when a run is killed and no window is open: a small process of its own, there as long as
//! something waits.
//!
//! A run that ends, well or badly, starts the next one itself. One that is killed cannot, and whoever looks on from a
//! window may have closed it long ago. So whoever puts a run into the queue, or leaves one in it, sees that a keeper is
//! there; a second one leaves at once.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::launch::Launch;
use super::queue::{self, Queue};
use crate::base::paths::Paths;

/// How often a keeper looks.
pub const EVERY: Duration = Duration::from_secs(2);
/// A queue whose first run cannot be started so many times in a row is left alone.
const PATIENCE: u32 = 5;

/// Starts what waits, one after the other, whenever no run is on and no window looks after the queue. Returns once nothing
/// waits any more, the queue rests, or another process keeps it. `known` tells folders of runs outside the studio's own.
pub fn keep(paths: &Paths, known: &dyn Fn() -> Vec<PathBuf>, launch: &dyn Launch, every: Duration) {
    let Some(_alone) = queue::lock(&paths.data.join("keeper.lock")) else { return };
    let queue = Queue::of(paths);
    let mut failures = 0;
    while !queue.rests() && !queue.runs().is_empty() && failures < PATIENCE {
        match queue::go_on(paths, &known(), launch) {
            Ok(_) => failures = 0,
            Err(problem) => {
                log::warn!("the next run could not be started: {problem}");
                failures += 1;
            }
        }
        thread::sleep(every);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::super::launch::ThreadLaunch;
    use super::super::queue::{Turn, Waiting};
    use super::*;
    use crate::recipe::Recipe;
    use crate::train::folder::RunFolder;
    use crate::train::identity::PictureAnswer;

    const SOON: Duration = Duration::from_millis(5);

    fn waiting(paths: &Paths, name: &str) -> RunFolder {
        let dir = paths.runs().join(name);
        let run = RunFolder::create(&dir, &Recipe::default(), None, "cpu").unwrap();
        let pictures = PictureAnswer::default();
        Queue::of(paths).push(Waiting { dir, device: "cpu".into(), kimg: None, pictures }).unwrap();
        run
    }

    fn until(what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(20), "{what}");
            thread::sleep(SOON);
        }
    }

    #[test]
    fn what_waits_is_started_when_the_run_before_it_is_gone_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        let begun = |run: &RunFolder| run.log_path().exists();
        let launch = ThreadLaunch(Arc::new(|run: RunFolder, _| {
            let _lock = run.lock()?;
            std::fs::write(run.log_path(), "x").unwrap();
            Ok(())
        }));
        let killed = RunFolder::create(&paths.runs().join("killed"), &Recipe::default(), None, "cpu").unwrap();
        let lock = killed.lock().unwrap();
        let (a, b) = (waiting(&paths, "a"), waiting(&paths, "b"));
        thread::scope(|scope| {
            let keepers = [(); 2].map(|()| scope.spawn(|| keep(&paths, &Vec::new, &launch, SOON)));
            let left = || keepers.iter().filter(|k| k.is_finished()).count();
            until("one keeper is enough", || left() > 0);
            thread::sleep(10 * SOON);
            assert!(left() == 1 && !begun(&a), "a run is on");
            drop(lock);
            until("both were started", || begun(&a) && begun(&b));
        });
        assert!(Queue::of(&paths).runs().is_empty());
    }

    #[test]
    fn a_queue_that_a_person_stopped_rests() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        let launch = ThreadLaunch(Arc::new(|_, _| panic!("nothing is started")));
        waiting(&paths, "a");
        Queue::of(&paths).rest().unwrap();
        keep(&paths, &Vec::new, &launch, SOON);
        assert_eq!(Queue::of(&paths).runs().len(), 1);
        Queue::of(&paths).wake();
        let _window = Turn::take(&paths).unwrap();
        thread::scope(|scope| {
            let keeper = scope.spawn(|| keep(&paths, &Vec::new, &launch, SOON));
            thread::sleep(10 * SOON);
            assert!(!keeper.is_finished(), "an open window starts it; the keeper waits");
            Queue::of(&paths).pop().unwrap();
        });
    }
}
