//! Usage that the scripted engine tells.

use crate::engine::{Made, Usage, UsageSetting, WEEK};

/// Some weeks of two models and of exports that no model made, with a week in which nothing was done.
pub fn usage() -> Usage {
    const MONDAY: i64 = 1_790_553_600;
    let made = |weeks_ago: i64, model: &str, made: u64| Made {
        week: MONDAY - weeks_ago * WEEK,
        model: model.into(),
        made,
        kept: made - made / 4,
        liked: made / 3,
        rating: (made > 20).then_some(3.5),
        exported: made / 10,
    };
    let mut weeks = vec![made(7, "faces", 24), made(6, "faces", 40), made(6, "A model with a rather long name", 12)];
    weeks.extend([made(4, "faces", 9), made(3, "A model with a rather long name", 33), made(1, "faces", 61)]);
    weeks.push(Made { made: 0, kept: 0, liked: 0, rating: None, exported: 2, ..made(0, "", 0) });
    let setting = |name: &str, value: &str, pictures: u64, liked: u64, share: (f64, f64)| UsageSetting {
        name: name.into(),
        value: value.into(),
        pictures,
        liked,
        share,
    };
    let settings = vec![
        setting("truncation", "0.7", 60, 33, (0.42, 0.67)),
        setting("made by", "explore", 120, 48, (0.32, 0.49)),
        setting("model", "faces", 134, 44, (0.25, 0.41)),
    ];
    Usage { weeks, settings }
}
