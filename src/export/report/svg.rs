//! Curves as SVG that stands inside of a page.

use std::fmt::Write;

use super::html::escaped;

/// Width and height of a chart.
const SIZE: (f64, f64) = (360.0, 170.0);
/// Room left, right, above and below the curve.
const ROOM: (f64, f64, f64, f64) = (52.0, 10.0, 24.0, 26.0);

/// A curve over thousands of pictures, with its name and its first and last values; marks stand where something was found.
pub fn chart(name: &str, points: &[[f64; 2]], marks: &[(f64, String)]) -> String {
    let finite: Vec<[f64; 2]> = points.iter().copied().filter(|p| p.iter().all(|v| v.is_finite())).collect();
    let (Some(first), Some(last)) = (finite.first(), finite.last()) else { return String::new() };
    let range = |axis: usize| {
        let (low, high) =
            finite.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p[axis]), h.max(p[axis])));
        // A curve that is level lies in the middle.
        if high > low { (low, high) } else { (low - 0.5, high + 0.5) }
    };
    let ((x0, x1), (y0, y1)) = (range(0), range(1));
    let (width, height) = (SIZE.0 - ROOM.0 - ROOM.1, SIZE.1 - ROOM.2 - ROOM.3);
    let x = |v: f64| ROOM.0 + (v - x0) / (x1 - x0) * width;
    let y = |v: f64| ROOM.2 + (y1 - v) / (y1 - y0) * height;
    let name = escaped(name);
    let told = format!("{name} from {} to {}", number(first[1]), number(last[1]));
    let mut out = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{told}\"><text class=\"name\" x=\"{}\" y=\"15\">{name}</text>",
        SIZE.0, SIZE.1, ROOM.0
    );
    let level = [(first[1], ROOM.2 + height / 2.0)];
    let ends = [(y1, ROOM.2), (y0, ROOM.2 + height)];
    let is_level = finite.iter().all(|p| p[1] == first[1]);
    for &(value, at) in if is_level { &level[..] } else { &ends[..] } {
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            ROOM.0,
            SIZE.0 - ROOM.1,
            ROOM.0 - 5.0,
            at + 4.0,
            number(value)
        );
    }
    for (value, anchor) in [(x0, "start"), (x1, "end")] {
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{} kimg</text>",
            x(value),
            SIZE.1 - 8.0,
            number(value)
        );
    }
    for (at, what) in marks.iter().filter(|m| (x0..=x1).contains(&m.0)) {
        let _ = write!(
            out,
            "<line class=\"mark\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1}\" y2=\"{2}\"><title>{3}</title></line>",
            x(*at),
            ROOM.2,
            ROOM.2 + height,
            escaped(what)
        );
    }
    out.push_str("<polyline points=\"");
    for point in &finite {
        let _ = write!(out, "{:.1},{:.1} ", x(point[0]), y(point[1]));
    }
    out.push_str("\"/></svg>");
    out
}

/// A number with three digits.
pub fn number(v: f64) -> String {
    if v == 0.0 {
        return "0".into();
    }
    if !v.is_finite() {
        return "none".into();
    }
    let digits = 2 - v.abs().log10().floor() as i32;
    match digits {
        0.. if digits <= 6 => {
            let text = format!("{v:.*}", digits as usize);
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
        }
        i32::MIN..=-1 if v.abs() < 1e7 => format!("{v:.0}"),
        _ => format!("{v:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let told = [0.0, 1.0, 0.012345, 12.345, 1234.5, 1e-9, 3e9, -0.5, f64::NAN].map(number);
        assert_eq!(told, ["0", "1", "0.0123", "12.3", "1234", "1.00e-9", "3.00e9", "-0.5", "none"]);
    }

    #[test]
    fn a_curve_fills_its_chart_and_leaves_out_what_is_no_number() {
        let svg =
            chart("kid <a>", &[[0.0, 2.0], [1.0, f64::NAN], [2.0, 1.0]], &[(1.0, "found".into()), (9.0, "out".into())]);
        assert!(svg.contains("points=\"52.0,24.0 350.0,144.0 \""), "{svg}");
        assert!(
            svg.contains("kid &lt;a&gt; from 2 to 1") && svg.contains("<title>found</title>") && !svg.contains("out")
        );
        assert_eq!(chart("none", &[], &[]), "");
        let level = chart("level", &[[0.0, 1.0], [1.0, 1.0]], &[]);
        assert!(
            level.contains("52.0,84.0 350.0,84.0") && level.contains(">1</text>") && !level.contains("1.5"),
            "{level}"
        );
    }
}
