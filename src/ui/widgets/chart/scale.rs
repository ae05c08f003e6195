//! Linear and logarithmic scales, their grid lines, and numbers as people write them.

use egui_plot::{GridInput, GridMark};

/// Points that `GridInput::base_step_size` stands for: egui_plot's finest grid.
const FINEST: f64 = 8.0;

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    /// As they are.
    #[default]
    Linear,
    /// By powers of ten; only values above zero can be shown.
    Log,
}

impl Scale {
    /// Log if asked for.
    pub fn log_if(log: bool) -> Self {
        if log { Self::Log } else { Self::Linear }
    }

    /// From a value to its place; not finite if it has none.
    pub fn forward(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log if value > 0.0 => value.log10(),
            Self::Log => f64::NAN,
        }
    }

    /// From a place to its value.
    pub fn back(self, place: f64) -> f64 {
        match self {
            Self::Linear => place,
            Self::Log => 10f64.powf(place),
        }
    }
}

/// Grid lines: on a log scale at the powers of ten and, if there are few of those, between them.
///
/// Lines are at least `room` points apart, so that every one has its number.
pub fn grid(scale: Scale, input: GridInput, room: f64) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    if scale == Scale::Linear || high - low < 0.8 {
        return linear(scale, low, high, input.base_step_size * room / FINEST);
    }
    let mut marks = Vec::new();
    for decade in low.floor() as i64..=high.ceil() as i64 {
        marks.push(GridMark { value: decade as f64, step_size: 1.0 });
        if high - low < 4.0 {
            for m in 2..10 {
                let step_size = if m == 2 || m == 5 { 0.3 } else { 0.05 };
                marks.push(GridMark { value: decade as f64 + f64::from(m).log10(), step_size });
            }
        }
    }
    marks.retain(|m| (low..=high).contains(&m.value));
    marks
}

/// Lines at 1, 2 and 5 times a power of ten of the value, at least `apart` from each other on the drawn scale.
fn linear(scale: Scale, low: f64, high: f64, apart: f64) -> Vec<GridMark> {
    let (from, to) = (scale.back(low), scale.back(high));
    if !(from.is_finite() && to.is_finite()) || to <= from {
        return Vec::new();
    }
    let wanted = ((high - low) / apart.max(f64::MIN_POSITIVE)).clamp(1.0, 20.0);
    let step = nice_step((to - from) / wanted);
    // The drawn distance of two lines; egui_plot fades labels that would touch.
    let drawn = (high - low) * step / (to - from);
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    (first..=last.min(first + 100))
        .map(|i| GridMark { value: scale.forward(i as f64 * step), step_size: drawn })
        .filter(|m| m.value.is_finite())
        .collect()
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `raw`.
pub fn nice_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * power >= raw * 0.999_999).unwrap_or(10.0);
    times * power
}

/// A number with three or four telling digits: `0.0312`, `4.12`, `1,240`, `3.1e-7`.
pub fn number(v: f64) -> String {
    let a = v.abs();
    if v == 0.0 {
        "0".into()
    } else if !v.is_finite() {
        "–".into()
    } else if !(1e-4..1e7).contains(&a) {
        let text = format!("{v:.2e}");
        text.replace(".00e", "e").replace('-', "−")
    } else if a >= 1000.0 {
        grouped(v.round() as i64)
    } else {
        let digits = (2 - a.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{v:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        text.replace('-', "−")
    }
}

/// A whole number with thousands apart: `1,240`.
pub fn grouped(v: i64) -> String {
    let digits = v.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if v < 0 { format!("−{out}") } else { out }
}

/// Seconds as a clock or words: `42 s`, `3:05 min`, `2:10 h`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{}:{:02} min", s / 60, s % 60),
        _ => format!("{}:{:02} h", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        let cases = [
            (0.0, "0"),
            (0.03125, "0.0312"),
            (4.125, "4.12"),
            (1240.4, "1,240"),
            (-0.5, "−0.5"),
            (3.1e-7, "3.10e−7"),
            (120.0, "120"),
            (1e9, "1e9"),
        ];
        for (v, text) in cases {
            assert_eq!(number(v), text);
        }
        assert_eq!(grouped(-1_234_567), "−1,234,567");
        assert_eq!(duration(185.0), "3:05 min");
    }

    #[test]
    fn grid_lines_lie_within_and_are_few() {
        for (scale, bounds) in [
            (Scale::Linear, (0.0, 1.3)),
            (Scale::Linear, (-5e6, 2e6)),
            (Scale::Log, (-3.0, 4.0)),
            (Scale::Log, (0.1, 0.4)),
        ] {
            let base_step_size = (bounds.1 - bounds.0) / 60.0;
            let marks = grid(scale, GridInput { bounds, base_step_size }, 48.0);
            assert!((2..80).contains(&marks.len()), "{scale:?} {bounds:?} {marks:?}");
            assert!(marks.iter().all(|m| m.value >= bounds.0 - 1e-9 && m.value <= bounds.1 + 1e-9));
        }
        let input = GridInput { bounds: (0.0, 41.2), base_step_size: 41.2 / 50.0 };
        let places: Vec<f64> = grid(Scale::Linear, input, 80.0).iter().map(|m| m.value).collect();
        assert_eq!(places, [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(nice_step(0.3), 0.5);
        assert_eq!(nice_step(20.0), 20.0);
    }

    #[test]
    fn scales_go_there_and_back() {
        assert_eq!(Scale::Log.forward(1000.0), 3.0);
        assert!((Scale::Log.back(3.0) - 1000.0).abs() < 1e-9);
        assert!(Scale::Log.forward(-1.0).is_nan());
    }
}
