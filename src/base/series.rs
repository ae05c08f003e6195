//! Append-only curves with a quick, honest reduction for drawing.

use serde::{Deserialize, Serialize};

/// One read-back of numbers, by name, at a place in the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Optimiser steps so far.
    pub step: u64,
    /// Pictures seen so far.
    pub images: u64,
    /// Seconds of training so far, pauses left out.
    pub seconds: f64,
    /// Values by name; a value that was not finite is absent.
    pub values: Vec<(String, f64)>,
}

/// One curve: values in the order they came, each with its place in the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Optimiser steps.
    pub steps: Vec<u64>,
    /// Pictures seen.
    pub images: Vec<u64>,
    /// Seconds of training.
    pub seconds: Vec<f64>,
    /// Values.
    pub values: Vec<f64>,
}

/// What a chart draws across.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Thousands of pictures seen.
    #[default]
    Kimg,
    /// Optimiser steps.
    Step,
    /// Seconds of training.
    Time,
}

impl Series {
    /// Adds a value.
    pub fn push(&mut self, step: u64, images: u64, seconds: f64, value: f64) {
        self.steps.push(step);
        self.images.push(images);
        self.seconds.push(seconds);
        self.values.push(value);
    }

    /// Drops everything after `images` (a run that went back to an earlier state).
    pub fn truncate_after(&mut self, images: u64) {
        let keep = self.images.partition_point(|&i| i <= images);
        self.steps.truncate(keep);
        self.images.truncate(keep);
        self.seconds.truncate(keep);
        self.values.truncate(keep);
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Place of value `i` on an axis.
    pub fn x(&self, axis: Axis, i: usize) -> f64 {
        match axis {
            Axis::Kimg => self.images[i] as f64 / 1000.0,
            Axis::Step => self.steps[i] as f64,
            Axis::Time => self.seconds[i],
        }
    }

    /// Exponential moving average with TensorBoard's debiased weight (0 = raw, close to 1 = smooth).
    pub fn smoothed(&self, weight: f64) -> Vec<f64> {
        let (mut last, mut norm) = (0.0, 0.0);
        self.values
            .iter()
            .map(|v| {
                last = last * weight + v * (1.0 - weight);
                norm = norm * weight + (1.0 - weight);
                last / norm
            })
            .collect()
    }

    /// At most `2 · buckets` points `(x, y)`: smallest and largest value of each bucket, in order.
    pub fn reduced(&self, axis: Axis, values: &[f64], buckets: usize) -> Vec<[f64; 2]> {
        let n = values.len().min(self.len());
        if n <= 2 * buckets || buckets == 0 {
            return (0..n).map(|i| [self.x(axis, i), values[i]]).collect();
        }
        let mut out = Vec::with_capacity(2 * buckets);
        for b in 0..buckets {
            let (from, to) = (b * n / buckets, (b + 1) * n / buckets);
            let (mut low, mut high) = (from, from);
            for i in from..to {
                if values[i] < values[low] {
                    low = i;
                }
                if values[i] > values[high] {
                    high = i;
                }
            }
            let (a, z) = (low.min(high), low.max(high));
            out.push([self.x(axis, a), values[a]]);
            if z != a {
                out.push([self.x(axis, z), values[z]]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: u64) -> Series {
        let mut s = Series::default();
        for i in 0..n {
            s.push(i, i * 32, i as f64 * 0.5, if i == n / 2 { 99.0 } else { (i % 7) as f64 });
        }
        s
    }

    #[test]
    fn reduction_keeps_extremes_and_order() {
        let s = series(10_000);
        let points = s.reduced(Axis::Step, &s.values, 100);
        assert!(points.len() <= 200);
        assert!(points.iter().any(|p| p[1] == 99.0));
        assert!(points.windows(2).all(|w| w[0][0] < w[1][0]));
    }

    #[test]
    fn smoothing_is_debiased_and_truncation_cuts() {
        let mut s = series(100);
        assert_eq!(s.smoothed(0.0), s.values);
        assert!((s.smoothed(0.9)[0] - s.values[0]).abs() < 1e-12);
        s.truncate_after(320);
        assert_eq!(s.len(), 11);
    }
}
