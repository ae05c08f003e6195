//! A curve made ready to draw: smoothed, reduced to what a screen can show, renewed only where it grew.

use egui_plot::PlotPoint;

use super::scale::Scale;
use crate::base::series::{Axis, Series};

/// Values that share one entry of the coarser level.
const BLOCK: usize = 64;

/// Places of the smallest and largest value of each block of 64, so that a million points reduce in microseconds.
#[derive(Debug, Default)]
struct Extremes {
    blocks: Vec<(u32, u32)>,
}

impl Extremes {
    fn extend(&mut self, values: &[f64]) {
        while (self.blocks.len() + 1) * BLOCK <= values.len() {
            let from = self.blocks.len() * BLOCK;
            let (low, high) = extremes(values, from..from + BLOCK);
            self.blocks.push((low as u32, high as u32));
        }
    }

    /// Smallest and largest value in a range, by place.
    fn within(&self, values: &[f64], from: usize, to: usize) -> (usize, usize) {
        let first = from.div_ceil(BLOCK);
        let last = (to / BLOCK).min(self.blocks.len());
        if first >= last {
            return extremes(values, from..to);
        }
        let (mut low, mut high) = extremes(values, from..first * BLOCK);
        let mut meet = |a: usize, b: usize| {
            if values[a] < values[low] {
                low = a;
            }
            if values[b] > values[high] {
                high = b;
            }
        };
        for &(a, b) in &self.blocks[first..last] {
            meet(a as usize, b as usize);
        }
        let (a, b) = extremes(values, last * BLOCK..to);
        meet(a, b);
        (low, high)
    }
}

/// Places of the smallest and the largest value; an empty range gives its first place (or the last value's).
fn extremes(values: &[f64], range: std::ops::Range<usize>) -> (usize, usize) {
    let start = range.start.min(values.len() - 1);
    let (mut low, mut high) = (start, start);
    for i in range {
        if values[i] < values[low] {
            low = i;
        }
        if values[i] > values[high] {
            high = i;
        }
    }
    (low, high)
}

/// How a curve is to be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reduction {
    /// Weight of the moving average, 0 to 0.999.
    pub smoothing: f64,
    /// Across.
    pub axis: Axis,
    /// Scale across.
    pub x: Scale,
    /// Scale upwards.
    pub y: Scale,
    /// Part shown, on the drawn scale; nothing for all of it.
    pub range: Option<(f64, f64)>,
    /// At most twice as many points are drawn.
    pub buckets: usize,
}

/// A curve made ready to draw.
#[derive(Debug, Default)]
pub struct Curve {
    look: Option<Reduction>,
    len: usize,
    last: f64,
    /// State of the moving average.
    average: (f64, f64),
    smoothed: Vec<f64>,
    raw_extremes: Extremes,
    smooth_extremes: Extremes,
    raw: Vec<PlotPoint>,
    smooth: Vec<PlotPoint>,
    spread: Option<(f64, f64)>,
    clipped: Option<(f64, f64)>,
}

impl Curve {
    /// Follows the series and the look; does nothing if neither changed.
    pub fn update(&mut self, series: &Series, look: Reduction) {
        // A run that went back rewrites its past: begin anew.
        let rewritten = series.len() < self.len || (self.len > 0 && series.values[self.len - 1] != self.last);
        let weight_changed = self.look.is_none_or(|l| l.smoothing != look.smoothing);
        if rewritten {
            self.raw_extremes = Extremes::default();
        }
        if rewritten || weight_changed {
            self.smoothed.clear();
            self.smooth_extremes = Extremes::default();
            self.average = (0.0, 0.0);
        }
        if self.look == Some(look) && !rewritten && self.len == series.len() {
            return;
        }
        let (mut last, mut norm) = self.average;
        let w = look.smoothing;
        for v in &series.values[self.smoothed.len()..] {
            last = last * w + v * (1.0 - w);
            norm = norm * w + (1.0 - w);
            self.smoothed.push(last / norm);
        }
        self.average = (last, norm);
        self.raw_extremes.extend(&series.values);
        self.smooth_extremes.extend(&self.smoothed);
        (self.look, self.len) = (Some(look), series.len());
        self.last = series.values.last().copied().unwrap_or_default();

        let (from, to) = part(series, look);
        self.raw = reduce(series, &series.values, &self.raw_extremes, look, from, to);
        self.smooth = reduce(series, &self.smoothed, &self.smooth_extremes, look, from, to);
        let drawn = || self.raw.iter().chain(&self.smooth).map(|p| p.y);
        self.spread = drawn().fold(None, |s, y| Some(s.map_or((y, y), |(a, b): (f64, f64)| (a.min(y), b.max(y)))));
        self.clipped = percentiles(self.smooth.iter().map(|p| p.y).collect());
    }

    /// The line as measured.
    pub fn raw(&self) -> &[PlotPoint] {
        &self.raw
    }

    /// The smoothed line.
    pub fn smooth(&self) -> &[PlotPoint] {
        &self.smooth
    }

    /// Smoothed values, one for each value of the series.
    pub fn smoothed(&self) -> &[f64] {
        &self.smoothed
    }

    /// Lowest and highest drawn value; with `outliers` false the middle 96 % of the smoothed line.
    pub fn spread(&self, outliers: bool) -> Option<(f64, f64)> {
        if outliers { self.spread } else { self.clipped.or(self.spread) }
    }
}

/// Places of the values to draw, one beyond each edge so that lines reach it.
fn part(series: &Series, look: Reduction) -> (usize, usize) {
    let Some((left, right)) = look.range else { return (0, series.len()) };
    let place = |x: f64| partition(series.len(), |i| look.x.forward(series.x(look.axis, i)) < x);
    (place(left).saturating_sub(1), (place(right) + 1).min(series.len()))
}

/// The first place in `0..n` where `before` no longer holds.
pub fn partition(n: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn reduce(
    series: &Series,
    values: &[f64],
    extremes: &Extremes,
    look: Reduction,
    from: usize,
    to: usize,
) -> Vec<PlotPoint> {
    let point = |i: usize| PlotPoint::new(look.x.forward(series.x(look.axis, i)), look.y.forward(values[i]));
    let drawable = |p: &PlotPoint| p.x.is_finite() && p.y.is_finite();
    let n = to.saturating_sub(from);
    if n <= 2 * look.buckets || look.buckets == 0 {
        return (from..to).map(point).filter(drawable).collect();
    }
    let mut out = Vec::with_capacity(2 * look.buckets + 2);
    out.push(point(from));
    for b in 0..look.buckets {
        let (start, end) = (from + b * n / look.buckets, from + (b + 1) * n / look.buckets);
        let (low, high) = extremes.within(values, start, end);
        out.push(point(low.min(high)));
        if low != high {
            out.push(point(low.max(high)));
        }
    }
    out.push(point(to - 1));
    out.retain(drawable);
    out
}

fn percentiles(mut values: Vec<f64>) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
    Some((at(0.02), at(0.98)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: u64) -> Series {
        let mut s = Series::default();
        for i in 0..n {
            s.push(i, i * 32, i as f64 * 0.1, (i as f64 * 0.37).sin() + if i == n / 3 { 50.0 } else { 0.0 });
        }
        s
    }

    fn look() -> Reduction {
        Reduction { smoothing: 0.6, axis: Axis::Kimg, x: Scale::Linear, y: Scale::Linear, range: None, buckets: 200 }
    }

    #[test]
    fn growing_in_pieces_equals_all_at_once() {
        let whole = series(10_000);
        let mut pieces = Curve::default();
        for n in [1, 10, 63, 64, 65, 999, 5000, 10_000] {
            let mut part = whole.clone();
            part.truncate_after((n - 1) * 32);
            pieces.update(&part, look());
            assert_eq!(pieces.smoothed().len() as u64, n);
        }
        let mut once = Curve::default();
        once.update(&whole, look());
        assert_eq!(pieces.smooth(), once.smooth());
        assert_eq!(pieces.raw(), once.raw());
        for (a, b) in once.smoothed().iter().zip(whole.smoothed(0.6)) {
            assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn a_million_points_become_few_and_keep_their_extremes() {
        let s = series(1_000_000);
        let mut curve = Curve::default();
        curve.update(&s, look());
        assert!(curve.raw().len() <= 402);
        let reference = s.reduced(Axis::Kimg, &s.values, 200);
        for p in reference {
            assert!(curve.raw().iter().any(|q| q.x == p[0] && q.y == p[1]), "{p:?}");
        }
        assert!(curve.spread(true).unwrap().1 > 40.0);
        assert!(curve.spread(false).unwrap().1 < 5.0);
    }

    #[test]
    fn zooming_shows_every_point_again() {
        let s = series(100_000);
        let mut curve = Curve::default();
        curve.update(&s, Reduction { range: Some((320.0, 323.2)), ..look() });
        assert!((102..=103).contains(&curve.raw().len()));
    }

    #[test]
    fn a_run_that_went_back_is_drawn_anew() {
        let mut s = series(1000);
        let mut curve = Curve::default();
        curve.update(&s, look());
        s.truncate_after(500 * 32);
        for i in 501..1100 {
            s.push(i, i * 32, 0.0, 7.0);
        }
        curve.update(&s, look());
        assert_eq!(curve.smoothed().len(), 1100);
        assert!((curve.smoothed()[1099] - 7.0).abs() < 1e-6);
    }

    #[test]
    fn what_a_log_scale_cannot_show_is_left_out() {
        let mut s = Series::default();
        for (i, v) in [1.0, 0.0, -3.0, 100.0].into_iter().enumerate() {
            s.push(i as u64, i as u64, 0.0, v);
        }
        let mut curve = Curve::default();
        curve.update(&s, Reduction { y: Scale::Log, ..look() });
        assert_eq!(curve.raw().iter().map(|p| p.y).collect::<Vec<_>>(), [0.0, 2.0]);
    }
}
