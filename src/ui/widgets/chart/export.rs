//! The numbers of a chart as comma-separated values.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Line;

/// Seconds of training, and the value of each line.
type Row = (f64, Vec<Option<f64>>);

/// One row for each moment at which any line has a value: step, pictures, seconds, then a column for each line.
///
/// Names with commas or quotes are quoted as RFC 4180 says; what a line has no value for stays empty.
pub fn csv(lines: &[Line<'_>]) -> String {
    let mut rows: BTreeMap<(u64, u64), Row> = BTreeMap::new();
    for (column, line) in lines.iter().enumerate() {
        let s = line.series;
        for i in 0..s.len() {
            let row = rows.entry((s.images[i], s.steps[i])).or_insert_with(|| (s.seconds[i], vec![None; lines.len()]));
            row.1[column] = Some(s.values[i]);
        }
    }
    let mut out = String::from("step,images,seconds");
    for line in lines {
        let _ = write!(out, ",{}", quoted(&line.name));
    }
    out.push_str("\r\n");
    for ((images, step), (seconds, values)) in rows {
        let _ = write!(out, "{step},{images},{seconds}");
        for value in values {
            out.push(',');
            if let Some(v) = value {
                let _ = write!(out, "{v}");
            }
        }
        out.push_str("\r\n");
    }
    out
}

fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::series::Series;

    #[test]
    fn lines_of_different_length_share_rows() {
        let (mut a, mut b) = (Series::default(), Series::default());
        a.push(1, 32, 0.5, 1.25);
        a.push(2, 64, 1.0, -2.0);
        b.push(2, 64, 1.0, 7.0);
        let line = |id, name: &'static str, series| Line {
            id,
            name: name.into(),
            colour: egui::Color32::RED,
            dash: 0,
            series,
            band: None,
        };
        let text = csv(&[line(1, "critic, real", &a), line(2, "kl", &b)]);
        let want = "step,images,seconds,\"critic, real\",kl\r\n1,32,0.5,1.25,\r\n2,64,1,-2,7\r\n";
        assert_eq!(text, want);
    }
}
