//! Shapes drawn from known factors: shape, hue, size, angle, and place. Any index gives its picture and its factors.
//!
//! In the manner of dSprites (Matthey et al. 2017, <https://github.com/google-deepmind/dsprites-dataset>), in colour,
//! anti-aliased by exact signed distances. Factors of different pictures are independent.

use std::f64::consts::TAU;

use super::source::{ImageSource, Opening};
use crate::base::{Picture, Problem, Result};

const SIDE: u32 = 64;
const DEFAULT: usize = 20_000;
const SHAPES: [&str; 3] = ["square", "ellipse", "heart"];
const FACTORS: [&str; 6] = ["shape", "hue", "size", "angle", "x", "y"];
/// Changes whenever the drawing does, so that prepared sets are made anew.
const VERSION: u32 = 1;

/// The factors of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Factors {
    /// Place in [`SHAPES`].
    shape: usize,
    /// Turn around the colour wheel, in `[0, 1)`.
    hue: f64,
    /// `[0, 1)`; the radius goes from 0.10 to 0.20 of a side.
    size: f64,
    /// Turn in radians, in `[0, 2π)`.
    angle: f64,
    /// Centre, in `[0, 1)`; it goes from 0.25 to 0.75 of a side.
    x: f64,
    /// Centre from the top, likewise.
    y: f64,
}

struct Shapes {
    count: usize,
    labels: Vec<String>,
    factor_names: Vec<String>,
}

/// Whether the text names this set.
pub(super) fn sniff(spec: &str) -> bool {
    spec == "shapes" || spec.starts_with("shapes:")
}

/// Opens `shapes` or `shapes:COUNT`.
pub(super) fn open(spec: &str, _: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let count = match spec.strip_prefix("shapes:") {
        None | Some("") => Some(DEFAULT),
        Some(n) => n.trim().parse().ok().filter(|n| (1..=100_000_000).contains(n)),
    };
    let count = count.ok_or_else(|| {
        Problem::usage("This is no number of shapes").of(spec).try_this("Write `shapes:5000`, from 1 to 100,000,000")
    })?;
    let own = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
    Ok(Box::new(Shapes { count, labels: own(&SHAPES), factor_names: own(&FACTORS) }))
}

/// SplitMix64 (Steele et al. 2014).
fn mixed(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The factors of an index.
fn factors(i: usize) -> Factors {
    let uniform = |k: u64| (mixed(mixed(i as u64) ^ mixed(k << 32)) >> 11) as f64 / (1u64 << 53) as f64;
    Factors {
        shape: (uniform(0) * 3.0) as usize,
        hue: uniform(1),
        size: uniform(2),
        angle: uniform(3) * TAU,
        x: uniform(4),
        y: uniform(5),
    }
}

/// Full saturation and value at a hue in `[0, 1)`.
fn colour(hue: f64) -> [f64; 3] {
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|shift| {
        let t = (hue + shift).fract() * 6.0;
        (((t - 3.0).abs() - 1.0).clamp(0.0, 1.0) * 255.0).round()
    })
}

/// Signed distance to the edge of a shape of radius 1 at `(x, y)`, `y` up; negative inside.
fn distance(shape: usize, x: f64, y: f64) -> f64 {
    let length = |x: f64, y: f64| libm::sqrt(x * x + y * y);
    match shape {
        0 => {
            let (dx, dy) = (x.abs() - 0.85, y.abs() - 0.85);
            length(dx.max(0.0), dy.max(0.0)) + dx.max(dy).min(0.0)
        }
        1 => {
            // First order: value by length of gradient.
            let (a, b) = (1.0, 0.6);
            let (value, gradient) = (length(x / a, y / b), length(x / (a * a), y / (b * b)));
            if gradient < 1e-9 { -b } else { value * (value - 1.0) / gradient }
        }
        _ => {
            // Quilez, "Heart - distance 2D", <https://iquilezles.org/articles/distfunctions2d/>; centred and scaled.
            let scale = 1.75;
            let (x, y) = ((x / scale).abs(), y / scale + 0.55);
            let d = if x + y > 1.0 {
                length(x - 0.25, y - 0.75) - libm::sqrt(2.0) / 4.0
            } else {
                let m = 0.5 * (x + y).max(0.0);
                length(x, y - 1.0).min(length(x - m, y - m)) * if x > y { 1.0 } else { -1.0 }
            };
            d * scale
        }
    }
}

fn draw(f: &Factors) -> Picture {
    let side = f64::from(SIDE);
    let radius = (0.10 + 0.10 * f.size) * side;
    let (cx, cy) = ((0.25 + 0.5 * f.x) * side, (0.25 + 0.5 * f.y) * side);
    let (sin, cos) = (libm::sin(f.angle), libm::cos(f.angle));
    let colour = colour(f.hue);
    let mut picture = Picture::filled(SIDE, SIDE, [0, 0, 0, 255]);
    for (i, pixel) in picture.rgba.chunks_exact_mut(4).enumerate() {
        let (px, py) = ((i as u32 % SIDE) as f64 + 0.5 - cx, cy - ((i as u32 / SIDE) as f64 + 0.5));
        if px.abs().max(py.abs()) > radius * 1.4 + 1.0 {
            continue;
        }
        let (x, y) = ((px * cos + py * sin) / radius, (py * cos - px * sin) / radius);
        let cover = (0.5 - distance(f.shape, x, y) * radius).clamp(0.0, 1.0);
        for (channel, value) in pixel.iter_mut().zip(colour) {
            *channel = (value * cover).round() as u8;
        }
    }
    picture
}

fn caption(f: &Factors) -> String {
    const HUES: [&str; 6] = ["red", "yellow", "green", "cyan", "blue", "magenta"];
    let hue = HUES[((f.hue * 6.0).round() as usize) % 6];
    let size = ["small", "middle-sized", "large"][((f.size * 3.0) as usize).min(2)];
    let third = |v: f64| ((v * 3.0) as usize).min(2);
    let place = match (third(f.y), third(f.x)) {
        (1, 1) => "in the middle".to_owned(),
        (row, column) => {
            let row = ["at the top", "", "at the bottom"][row];
            let column = ["left", "", "right"][column];
            [row, column].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
        }
    };
    format!("{size} {hue} {}, {place}", SHAPES[f.shape])
}

impl ImageSource for Shapes {
    fn kind(&self) -> &'static str {
        "Shapes"
    }

    fn len(&self) -> usize {
        self.count
    }

    fn name(&self, i: usize) -> String {
        format!("shape {i:06}")
    }

    fn label(&self, i: usize) -> Option<u32> {
        Some(factors(i).shape as u32)
    }

    fn caption(&self, i: usize) -> Option<String> {
        Some(caption(&factors(i)))
    }

    fn factors(&self, i: usize) -> Vec<f64> {
        let f = factors(i);
        vec![f.shape as f64, f.hue, f.size, f.angle, f.x, f.y]
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn factor_names(&self) -> &[String] {
        &self.factor_names
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        Ok(draw(&factors(i)))
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn fingerprint(&self) -> Result<String> {
        Ok(format!("shapes {VERSION} {}", self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mass(p: &Picture) -> f64 {
        p.rgba.chunks(4).map(|p| f64::from(p[0].max(p[1]).max(p[2])) / 255.0).sum()
    }

    #[test]
    fn an_index_always_gives_the_same_and_more_pictures_do_not_change_it() {
        let (few, many) = (crate::data::open("shapes:10").unwrap(), crate::data::open("shapes").unwrap());
        assert_eq!(many.len(), 20_000);
        for i in 0..10 {
            assert_eq!(few.decode(i).unwrap(), many.decode(i).unwrap());
            assert_eq!(few.factors(i).len(), few.factor_names().len());
        }
        assert_ne!(few.fingerprint().unwrap(), many.fingerprint().unwrap());
        assert!(crate::data::open("shapes:0").is_err() && crate::data::open("shapes:many").is_err());
    }

    #[test]
    fn factors_are_spread_evenly() {
        let all: Vec<Factors> = (0..20_000).map(factors).collect();
        for shape in 0..3 {
            let n = all.iter().filter(|f| f.shape == shape).count();
            assert!((6400..6900).contains(&n), "{n}");
        }
        let mean = |get: fn(&Factors) -> f64| all.iter().map(get).sum::<f64>() / 20_000.0;
        for m in [mean(|f| f.hue), mean(|f| f.size), mean(|f| f.angle / TAU), mean(|f| f.x), mean(|f| f.y)] {
            assert!((m - 0.5).abs() < 0.01, "{m}");
        }
        let together = all.iter().map(|f| (f.x - 0.5) * (f.y - 0.5)).sum::<f64>() / 20_000.0;
        assert!(together.abs() < 0.003, "{together}");
    }

    #[test]
    fn factors_do_what_they_say() {
        let base = Factors { shape: 0, hue: 0.0, size: 0.5, angle: 0.0, x: 0.5, y: 0.5 };
        let p = draw(&base);
        assert_eq!(p.pixel(32, 32), [255, 0, 0, 255]);
        assert_eq!(p.pixel(1, 1), [0, 0, 0, 255]);
        assert_eq!(draw(&Factors { hue: 1.0 / 3.0, ..base }).pixel(32, 32), [0, 255, 0, 255]);
        assert_eq!(draw(&Factors { hue: 2.0 / 3.0, ..base }).pixel(32, 32), [0, 0, 255, 255]);
        // A square of half side 0.85 · 0.15 · 64 covers (16.32)² pixels, whichever way it is turned.
        for angle in [0.0, 0.3, 0.8, 2.0] {
            assert!((mass(&draw(&Factors { angle, ..base })) - 16.32 * 16.32).abs() < 4.0, "{angle}");
        }
        let ellipse = mass(&draw(&Factors { shape: 1, angle: 0.4, ..base }));
        assert!((ellipse - std::f64::consts::PI * 9.6 * 9.6 * 0.6).abs() < 3.0, "{ellipse}");
        let moved = draw(&Factors { x: 1.0, y: 0.0, ..base });
        assert_eq!((moved.pixel(48, 16), moved.pixel(32, 32)), ([255, 0, 0, 255], [0, 0, 0, 255]));
        assert_eq!(caption(&base), "middle-sized red square, in the middle");
    }

    #[test]
    fn a_heart_stands_upright_and_nothing_touches_the_border() {
        let p = draw(&Factors { shape: 2, hue: 0.0, size: 0.9, angle: 0.0, x: 0.5, y: 0.5 });
        let row = |y: u32| (0..64).filter(|&x| p.pixel(x, y)[0] > 128).count();
        let lit: Vec<u32> = (0..64).filter(|&y| row(y) > 0).collect();
        let (top, bottom) = (lit[0], lit[lit.len() - 1]);
        assert!(row(top + 3) > 3 * row(bottom - 2), "wide above, a point below");
        for i in 0..300 {
            let p = draw(&factors(i));
            assert!(
                (0..64).all(|k| [p.pixel(k, 0), p.pixel(k, 63), p.pixel(0, k), p.pixel(63, k)] == [[0, 0, 0, 255]; 4])
            );
            assert!(mass(&p) > 60.0, "{i}");
        }
    }
}
