//! How long work still takes, from how it went so far: the one figure of time left, for runs and jobs alike.
//!
//! Steady work and interruptions at known places (a checkpoint, samples) are kept apart, so that neither a pause of some
//! seconds nor a slow beginning disturbs the figure. Time in which nothing is done at all, since a person paused it or
//! another run is on, is not noted and does not count.

use std::collections::VecDeque;

/// Seconds of steady work that the rate is taken over, at most.
const WINDOW: f64 = 90.0;
/// Share of the steady work so far that the rate is taken over, at most: the beginning is the slowest part.
const RECENT: f64 = 0.5;
/// Seconds between two marks, at least.
const APART: f64 = 0.2;
/// Seconds of steady work before anything is said.
const ENOUGH: f64 = 2.0;

/// Interruptions of one kind so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Breaks {
    count: u32,
    seconds: f64,
    first: f64,
}

impl Breaks {
    /// Seconds that the next one takes. The first of a kind builds what the others only use.
    fn mean(&self) -> f64 {
        match self.count {
            0 => 0.0,
            1 | 2 => self.seconds / f64::from(self.count),
            n => (self.seconds - self.first) / f64::from(n - 1),
        }
    }
}

/// How work with `K` kinds of interruptions went so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace<const K: usize> {
    /// Seconds of steady work with the units done by then, oldest first.
    marks: VecDeque<(f64, f64)>,
    work: f64,
    done: f64,
    breaks: [Breaks; K],
}

impl<const K: usize> Pace<K> {
    /// Work of which so many units are done already.
    pub fn new(done: f64) -> Self {
        Self { marks: [(0.0, done)].into(), work: 0.0, done, breaks: [Breaks::default(); K] }
    }

    /// Notes that `seconds` of steady work brought it to `done` units.
    pub fn work(&mut self, seconds: f64, done: f64) {
        self.work += seconds.max(0.0);
        self.done = done;
        if self.marks.back().is_none_or(|last| self.work - last.0 >= APART) {
            self.marks.push_back((self.work, done));
        }
        // One mark before the window stays: the rate is taken from there.
        let from = self.work - self.window();
        while self.marks.len() > 2 && self.marks.get(1).is_some_and(|second| second.0 <= from) {
            self.marks.pop_front();
        }
    }

    /// Notes an interruption of a kind.
    pub fn interrupted(&mut self, kind: usize, seconds: f64) {
        let Some(breaks) = self.breaks.get_mut(kind) else { return };
        if breaks.count == 0 {
            breaks.first = seconds;
        }
        breaks.count += 1;
        breaks.seconds += seconds;
    }

    /// Goes back to an earlier state: what was done since has to be done again, as fast as before.
    pub fn back_to(&mut self, done: f64) {
        let by = self.done - done;
        self.marks.iter_mut().for_each(|mark| mark.1 -= by);
        self.done = done;
    }

    fn window(&self) -> f64 {
        (self.work * RECENT).min(WINDOW)
    }

    /// Seconds of steady work so far.
    pub fn seconds(&self) -> f64 {
        self.work
    }

    /// Units a second of steady work, lately; nothing before there is enough to tell.
    pub fn rate(&self) -> Option<f64> {
        if self.work < ENOUGH {
            return None;
        }
        let &(seconds, done) = self.marks.front()?;
        let rate = (self.done - done) / (self.work - seconds);
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// Seconds that an interruption of each kind takes; 0 for those that did not happen yet.
    pub fn breaks(&self) -> [f64; K] {
        self.breaks.map(|b| b.mean())
    }

    /// Seconds until `target` units are done, with an interruption of each kind after every so many units (0: none).
    pub fn left(&self, target: f64, every: [f64; K]) -> Option<f64> {
        let breaks = self.breaks();
        self.rate().map(|rate| expected(rate, breaks, self.done, target, every))
    }
}

/// Seconds from `done` to `target` units at a rate in units a second, with interruptions of so many seconds after every so
/// many units (0: none).
pub fn expected<const K: usize>(rate: f64, breaks: [f64; K], done: f64, target: f64, every: [f64; K]) -> f64 {
    let crossings = |every: f64| {
        if every > 0.0 { ((target / every).floor() - (done / every).floor()).max(0.0) } else { 0.0 }
    };
    let interruptions: f64 = breaks.iter().zip(every).map(|(seconds, every)| seconds * crossings(every)).sum();
    (target - done).max(0.0) / rate + interruptions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run on a made clock: units a second by the second, an interruption after every so many units.
    struct Run {
        target: f64,
        every: [f64; 2],
        breaks: [f64; 2],
        rate: fn(f64) -> f64,
    }

    impl Run {
        /// Plays it; the largest relative error of the time left after a tenth of the work, until `until` of it.
        fn worst(&self, until: f64) -> f64 {
            let (step, mut done, mut now) = (32.0, 0.0, 0.0);
            let mut pace = Pace::<2>::new(0.0);
            let mut said: Vec<(f64, f64)> = Vec::new();
            while done < self.target {
                let seconds = step / (self.rate)(now);
                let before: f64 = done;
                (done, now) = (done + step, now + seconds);
                pace.work(seconds, done);
                for kind in 0..2 {
                    if (done / self.every[kind]).floor() > (before / self.every[kind]).floor() {
                        now += self.breaks[kind];
                        pace.interrupted(kind, self.breaks[kind]);
                    }
                }
                if done >= self.target * 0.1 && done <= self.target * until {
                    said.push((now, pace.left(self.target, self.every).unwrap()));
                }
            }
            let error = |(at, left): &(f64, f64)| (left - (now - at)).abs() / (now - at);
            said.iter().map(error).fold(0.0, f64::max)
        }
    }

    #[test]
    fn checkpoints_and_samples_do_not_disturb_the_figure() {
        let run = Run { target: 24_000.0, every: [400.0, 2000.0], breaks: [0.8, 6.0], rate: |_| 80.0 };
        assert!(run.worst(0.95) < 0.15, "{}", run.worst(0.95));
    }

    #[test]
    fn a_slow_start_is_forgotten_after_a_tenth() {
        let slow = |now: f64| if now < 8.0 { 15.0 } else { 90.0 };
        let run = Run { target: 24_000.0, every: [400.0, 2000.0], breaks: [0.5, 3.0], rate: slow };
        assert!(run.worst(0.95) < 0.15, "{}", run.worst(0.95));
        // A short run too.
        let slow = |now: f64| if now < 2.0 { 60.0 } else { 400.0 };
        let run = Run { target: 24_000.0, every: [4000.0, 8000.0], breaks: [0.2, 0.5], rate: slow };
        assert!(run.worst(0.95) < 0.15, "{}", run.worst(0.95));
    }

    #[test]
    fn uneven_steps_do_not_shake_it() {
        // Every third second costs half as much again.
        let uneven = |now: f64| if (now as u64).is_multiple_of(3) { 50.0 } else { 75.0 };
        let run = Run { target: 30_000.0, every: [500.0, 2500.0], breaks: [1.0, 4.0], rate: uneven };
        assert!(run.worst(0.9) < 0.15, "{}", run.worst(0.9));
    }

    /// The largest relative error of the time left over a recorded run, from a tenth of it to nine tenths.
    fn worst_of_recorded(text: &str, every: [f64; 2]) -> f64 {
        let rows: Vec<Vec<f64>> =
            text.lines().skip(1).map(|line| line.split(',').map(|v| v.parse().unwrap()).collect()).collect();
        let whole: f64 = rows.iter().flat_map(|row| &row[1..]).sum();
        let target = rows.last().unwrap()[0];
        let (mut pace, mut now, mut worst, mut said) = (Pace::<2>::new(0.0), 0.0, 0.0f64, 0);
        for row in &rows {
            let [images, work, preview, checkpoint, beside] = row[..] else { panic!("{row:?}") };
            pace.work(work, images);
            for (kind, seconds) in [preview, checkpoint].into_iter().enumerate().filter(|(_, s)| *s > 0.0) {
                pace.interrupted(kind, seconds);
            }
            now += work + preview + checkpoint + beside;
            if (0.1..=0.9).contains(&(images / target))
                && let Some(left) = pace.left(target, every)
            {
                worst = worst.max((left - (whole - now)).abs() / (whole - now));
                said += 1;
            }
        }
        assert!(said > 30, "{said}");
        worst
    }

    #[test]
    fn the_figure_holds_over_real_runs() {
        // Recorded by `tests/fixtures/record_run.py`: `--data points:grid25 --preset mlp-gan --kimg 500`, and
        // `--data emoji:smileys --preset gan-tiny --kimg 4 --resolution 16`, with `--set run.preview_kimg` and
        // `--checkpoint-kimg` as below.
        let points = worst_of_recorded(include_str!("../../tests/fixtures/runs/points.csv"), [40_000.0, 100_000.0]);
        let gan = worst_of_recorded(include_str!("../../tests/fixtures/runs/gan.csv"), [500.0, 1000.0]);
        assert!(points < 0.15 && gan < 0.15, "{points} {gan}");
    }

    #[test]
    fn what_shares_the_machine_is_noticed_within_a_window() {
        let mut pace = Pace::<2>::new(0.0);
        let mut done = 0.0;
        let mut go = |pace: &mut Pace<2>, seconds: u32, rate: f64| {
            for _ in 0..seconds {
                done += rate;
                pace.work(1.0, done);
            }
        };
        go(&mut pace, 300, 100.0);
        assert!((pace.rate().unwrap() - 100.0).abs() < 1.0);
        // Another run begins: half the speed is left.
        go(&mut pace, 95, 50.0);
        assert!((pace.rate().unwrap() - 50.0).abs() < 2.0, "{:?}", pace.rate());
        go(&mut pace, 95, 100.0);
        assert!((pace.rate().unwrap() - 100.0).abs() < 2.0, "{:?}", pace.rate());
    }

    #[test]
    fn one_long_checkpoint_changes_nothing_but_the_checkpoints_to_come() {
        let mut pace = Pace::<2>::new(0.0);
        for i in 1..=100 {
            pace.work(1.0, f64::from(i) * 10.0);
        }
        let before = pace.left(2000.0, [0.0, 1000.0]).unwrap();
        assert!((before - 100.0).abs() < 1e-6);
        pace.interrupted(1, 30.0);
        // One more is to come, at the end.
        assert!((pace.left(2000.0, [0.0, 1000.0]).unwrap() - 130.0).abs() < 1e-6);
        assert!((pace.rate().unwrap() - 10.0).abs() < 1e-6);
    }

    #[test]
    fn nothing_is_said_before_there_is_enough_to_tell() {
        let mut pace = Pace::<0>::new(500.0);
        assert_eq!(pace.left(1000.0, []), None);
        pace.work(1.0, 510.0);
        assert_eq!(pace.left(1000.0, []), None);
        pace.work(2.0, 530.0);
        assert!(pace.left(1000.0, []).unwrap() > 30.0);
        // A run that goes back has more to do, as fast as before.
        let rate = pace.rate().unwrap();
        pace.back_to(500.0);
        assert!((pace.rate().unwrap() - rate).abs() < 1e-9);
        assert!((pace.left(1000.0, []).unwrap() - 500.0 / rate).abs() < 1e-9);
        assert_eq!(pace.left(400.0, []), Some(0.0));
    }
}
