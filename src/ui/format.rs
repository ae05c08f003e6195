//! Numbers as a person reads them: units, sensible digits, groups of three.

use std::time::{SystemTime, UNIX_EPOCH};

pub use crate::base::units::grouped as count;

/// Three significant digits, without needless zeros.
pub fn number(v: f64) -> String {
    let a = v.abs();
    let digits = match a {
        _ if !v.is_finite() => return "–".into(),
        _ if a >= 1000.0 => return format!("{}{}", if v < 0.0 { "−" } else { "" }, count(a.round() as u64)),
        _ if a > 0.0 && a < 0.001 => return format!("{v:.1e}"),
        _ if a >= 100.0 || a == 0.0 => 0,
        _ if a >= 10.0 => 1,
        _ if a >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{v:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// `12.3 kimg` of pictures seen.
pub fn kimg(images: u64) -> String {
    let k = images as f64 / 1000.0;
    if images == 0 {
        "0 kimg".into()
    } else if k < 10.0 {
        format!("{k:.2} kimg")
    } else if k < 100.0 {
        format!("{k:.1} kimg")
    } else {
        format!("{} kimg", count(k.round() as u64))
    }
}

/// What something needs beside what there is: `8.9 MB of 77 GB free`, and whether that is enough.
pub fn room(needed: u64, free: Option<u64>) -> (String, bool) {
    match free {
        Some(free) if free < needed => (format!("{}, but only {} free", bytes(needed), bytes(free)), false),
        Some(free) => (format!("{} of {} free", bytes(needed), bytes(free)), true),
        None => (bytes(needed), true),
    }
}

/// `1,240 img/s`.
pub fn rate(images_per_s: f64) -> String {
    if images_per_s >= 10.0 {
        format!("{} img/s", count(images_per_s.round() as u64))
    } else {
        format!("{images_per_s:.1} img/s")
    }
}

/// `6 min`, `1 h 20 min`, `45 s`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", (s + 30) / 60),
        3600..172_800 => {
            let minutes = (s + 30) / 60;
            if minutes.is_multiple_of(60) {
                format!("{} h", minutes / 60)
            } else {
                format!("{} h {} min", minutes / 60, minutes % 60)
            }
        }
        _ => format!("{} days", s / 86_400),
    }
}

/// `812 MB`.
pub fn bytes(n: u64) -> String {
    let mut v = n as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if v < 999.5 {
            return if v >= 10.0 || unit == "B" { format!("{v:.0} {unit}") } else { format!("{v:.1} {unit}") };
        }
        v /= 1000.0;
    }
    format!("{v:.1} TB")
}

/// Seconds since 1970.
pub fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

/// `just now`, `5 min ago`, `yesterday`, `12 days ago`.
pub fn ago(unix: i64) -> String {
    let s = (unix_now() - unix).max(0);
    match s {
        0..60 => "just now".into(),
        60..3600 => format!("{} min ago", s / 60),
        3600..86_400 => format!("{} h ago", s / 3600),
        86_400..172_800 => "yesterday".into(),
        _ => format!("{} days ago", s / 86_400),
    }
}

/// One word for one, another for more: `1 picture`, `12 pictures`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Pictures that a run would be given, beside the files there are: `633 files, 631 usable`, or `631 pictures`.
pub fn usable(files: u64, usable: u64) -> String {
    if files == usable {
        plural(usable, "picture", "pictures")
    } else {
        format!("{}, {} usable", plural(files, "file", "files"), count(usable))
    }
}

/// A name shortened in the middle to at most `max` characters, so that the end stays.
pub fn shortened(text: &str, max: usize) -> String {
    let n = text.chars().count();
    if n <= max || max < 5 {
        return text.into();
    }
    let head = (max - 1) / 2;
    let tail = max - 1 - head;
    text.chars().take(head).chain(std::iter::once('…')).chain(text.chars().skip(n - tail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(
            [24.0, 60.04, 0.5, 1.25, 300.0, 1234.4, 0.0].map(number),
            ["24", "60", "0.5", "1.25", "300", "1,234", "0"]
        );
        assert_eq!(bytes(812_400_000), "812 MB");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_400), "1.4 kB");
        assert_eq!(duration(372.0), "6 min");
        assert_eq!(duration(4800.0), "1 h 20 min");
        assert_eq!(duration(3599.0), "60 min");
        assert_eq!(rate(1240.4), "1,240 img/s");
        assert_eq!(kimg(412_000), "412 kimg");
        assert_eq!(usable(1633, 1631), "1,633 files, 1,631 usable");
        assert_eq!(usable(1, 1), "1 picture");
        assert_eq!(number(-0.5), "-0.5");
        assert_eq!(number(0.00002), "2.0e-5");
        assert_eq!(shortened("abcdefghijk", 7), "abc…ijk");
    }
}
