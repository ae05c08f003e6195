//! How fast a run is.

use std::time::{Duration, Instant};

/// Pictures a second over the last few seconds.
pub struct Speed {
    marks: std::collections::VecDeque<(Instant, u64)>,
}

impl Speed {
    /// From a moment at which this many pictures were seen.
    pub fn new(images: u64) -> Self {
        Self { marks: [(Instant::now(), images)].into() }
    }

    /// Notes how many pictures were seen by now.
    pub fn tick(&mut self, images: u64) {
        self.marks.push_back((Instant::now(), images));
        while self.marks.len() > 3 && self.marks.front().is_some_and(|m| m.0.elapsed() > Duration::from_secs(8)) {
            self.marks.pop_front();
        }
    }

    /// Pictures a second, once two moments are known.
    pub fn images_per_s(&self) -> Option<f64> {
        let (first, last) = (self.marks.front()?, self.marks.back()?);
        let seconds = last.0.duration_since(first.0).as_secs_f64();
        (seconds > 0.0 && last.1 > first.1).then(|| (last.1 - first.1) as f64 / seconds)
    }
}
