//! Benchmarks: what takes how long, measured by the program itself so that anyone can repeat it on their machine.
//!
//! - [`nets`]: four small networks that other frameworks can build to the last parameter.
//! - [`step`]: one training step of each, and sampling. [`train`]: measured, beside what the machine can do ([`peak`]).
//! - [`explore`]: drags, many pictures, and the start, through the engine as the window uses it ([`client`]).
//! - [`memory`]: what training a recipe holds, beside what is foreseen.
//! - [`hybrid`]: what searches by words, by networks and by both find. [`vectors`]: vectors in and out of the library's index.
//! - [`keep`]: import of pictures, and the library with many of them. Frames of the window: `ui::frames`.
//!
//! Times are medians; on a shared machine only ratios of turns side by side mean something (`tests/bench/pair.py`).

pub mod client;
pub mod explore;
pub mod hybrid;
pub mod keep;
pub mod memory;
pub mod nets;
pub mod peak;
pub mod step;
pub mod train;
pub mod vectors;
pub mod watermark;

use std::time::Instant;

/// Runs `work` so many times; milliseconds each.
pub fn timed(times: usize, mut work: impl FnMut()) -> Vec<f64> {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect()
}

/// The value below which a share `q` of the values lie (nearest rank); 0 of none.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0.0)
}

/// The middle value, or the mean of the middle two; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match n {
        0 => 0.0,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!((median(&values), median(&values[..4])), (3.0, 3.0));
        assert_eq!((quantile(&values, 0.5), quantile(&values, 0.95), quantile(&values, 0.0)), (3.0, 5.0, 1.0));
        assert_eq!((median(&[]), quantile(&[], 0.5)), (0.0, 0.0));
    }
}
