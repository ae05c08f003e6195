//! What can be wrong with a picture, each from barely to badly: what the features are taught to notice.
//!
//! Some are what cameras and files do (blur, noise, coarse pixels), some what generators do (ghosts of two pictures,
//! warped outlines, parts in the wrong place, checkerboards of transposed convolutions).

use crate::base::Picture;
use crate::base::rng::Stream;

/// A square picture as numbers in 0…1: rows of pixels of red, green, blue.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain {
    /// Pixels a side.
    pub side: usize,
    /// `side · side · 3` numbers.
    pub values: Vec<f32>,
}

/// A row of [`DISTORTIONS`].
pub struct Distortion {
    /// Its name.
    pub id: &'static str,
    /// Distorts a picture; the level is 0…1, and another picture is at hand for those that mix two.
    pub apply: fn(&mut Plain, f32, &Plain, &mut Stream),
}

/// Every distortion; the first leaves the picture as it is.
pub const DISTORTIONS: &[Distortion] = &[
    Distortion { id: "none", apply: |_, _, _, _| {} },
    Distortion { id: "blur", apply: |p, level, _, _| blur(p, p.side as f32 / 64.0 * (0.5 + 3.5 * level)) },
    Distortion { id: "noise", apply: |p, level, _, stream| noise(p, 0.015 + 0.25 * level, stream) },
    Distortion { id: "cutout", apply: cutout },
    Distortion { id: "pixelate", apply: pixelate },
    Distortion { id: "colour", apply: colour },
    Distortion { id: "fade", apply: |p, level, _, _| p.map(|v| 0.5 + (v - 0.5) * (0.9 - 0.8 * level)) },
    Distortion { id: "warp", apply: warp },
    Distortion { id: "ghost", apply: ghost },
    Distortion { id: "shuffle", apply: shuffle },
    Distortion { id: "posterise", apply: posterise },
    Distortion { id: "checker", apply: checker },
];

impl Plain {
    /// Of a square picture; its alpha is dropped.
    pub fn of(picture: &Picture) -> Self {
        let values =
            picture.rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).map(|v| f32::from(v) / 255.0).collect();
        Self { side: picture.width as usize, values }
    }

    /// As an opaque picture.
    pub fn to_picture(&self) -> Picture {
        let byte = |v: f32| (v * 255.0).round().clamp(0.0, 255.0) as u8;
        let rgba = self.values.chunks_exact(3).flat_map(|p| [byte(p[0]), byte(p[1]), byte(p[2]), 255]).collect();
        Picture { width: self.side as u32, height: self.side as u32, rgba }
    }

    fn map(&mut self, f: impl Fn(f32) -> f32) {
        self.values.iter_mut().for_each(|v| *v = f(*v));
    }

    /// The pixel at a place, the nearest one where the place lies outside.
    fn at(&self, x: isize, y: isize) -> [f32; 3] {
        let inside = |v: isize| v.clamp(0, self.side as isize - 1) as usize;
        let i = (inside(y) * self.side + inside(x)) * 3;
        [self.values[i], self.values[i + 1], self.values[i + 2]]
    }

    fn set(&mut self, x: usize, y: usize, value: [f32; 3]) {
        let i = (y * self.side + x) * 3;
        self.values[i..i + 3].copy_from_slice(&value);
    }
}

/// A Gaussian blur of this standard deviation in pixels; edges are repeated.
pub fn blur(p: &mut Plain, sigma: f32) {
    let reach = (3.0 * sigma).ceil() as isize;
    let kernel: Vec<f32> = (-reach..=reach).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let total: f32 = kernel.iter().sum();
    for across in [true, false] {
        let from = p.clone();
        for y in 0..p.side {
            for x in 0..p.side {
                let mut sum = [0.0; 3];
                for (k, weight) in kernel.iter().enumerate() {
                    let step = k as isize - reach;
                    let (dx, dy) = if across { (step, 0) } else { (0, step) };
                    let pixel = from.at(x as isize + dx, y as isize + dy);
                    sum.iter_mut().zip(pixel).for_each(|(s, v)| *s += weight * v);
                }
                p.set(x, y, sum.map(|s| s / total));
            }
        }
    }
}

/// Normal noise of this standard deviation on every channel.
pub fn noise(p: &mut Plain, deviation: f32, stream: &mut Stream) {
    p.values.iter_mut().for_each(|v| *v += deviation * stream.normal());
}

fn below(stream: &mut Stream, n: usize) -> usize {
    stream.below(n.max(1) as u64) as usize
}

/// Rectangles of grey, of one of the picture's colours, or of another picture.
fn cutout(p: &mut Plain, level: f32, other: &Plain, stream: &mut Stream) {
    let pieces = 1 + below(stream, 3);
    let area = (0.02 + 0.4 * level) / pieces as f32;
    for _ in 0..pieces {
        let aspect = 0.6 + 0.8 * stream.uniform();
        let w = ((area.sqrt() * aspect * p.side as f32).round() as usize).clamp(1, p.side);
        let h = ((area.sqrt() / aspect * p.side as f32).round() as usize).clamp(1, p.side);
        let (left, top) = (below(stream, p.side - w + 1), below(stream, p.side - h + 1));
        let colour = match below(stream, 3) {
            0 => Some([0.5; 3]),
            1 => Some(p.at(below(stream, p.side) as isize, below(stream, p.side) as isize)),
            _ => None,
        };
        for y in top..top + h {
            for x in left..left + w {
                p.set(x, y, colour.unwrap_or_else(|| other.at(x as isize, y as isize)));
            }
        }
    }
}

/// Coarse square pixels.
fn pixelate(p: &mut Plain, level: f32, _: &Plain, _: &mut Stream) {
    let cells = (p.side as f32 * (0.8 - 0.6 * level)).round().max(3.0);
    let cell = p.side as f32 / cells;
    let from = p.clone();
    for y in 0..p.side {
        for x in 0..p.side {
            let centre = |v: usize| (((v as f32 + 0.5) / cell).floor() * cell + cell / 2.0) as isize;
            p.set(x, y, from.at(centre(x), centre(y)));
        }
    }
}

/// Channels leak into each other.
fn colour(p: &mut Plain, level: f32, _: &Plain, stream: &mut Stream) {
    let strength = 0.1 + 0.7 * level;
    let mut rows = [[0.0f32; 3]; 3];
    for row in &mut rows {
        row.iter_mut().for_each(|v| *v = stream.uniform());
        let sum = row.iter().sum::<f32>().max(1e-3);
        row.iter_mut().for_each(|v| *v /= sum);
    }
    let shift: [f32; 3] = std::array::from_fn(|_| (stream.uniform() - 0.5) * 0.4 * strength);
    for pixel in p.values.chunks_exact_mut(3) {
        let old = [pixel[0], pixel[1], pixel[2]];
        for (c, v) in pixel.iter_mut().enumerate() {
            let mixed: f32 = rows[c].iter().zip(old).map(|(a, b)| a * b).sum();
            *v += strength * (mixed - *v) + shift[c];
        }
    }
}

/// Pulled here and there by a smooth field.
fn warp(p: &mut Plain, level: f32, _: &Plain, stream: &mut Stream) {
    const GRID: usize = 5;
    let reach = p.side as f32 * (0.01 + 0.09 * level);
    let field: Vec<[f32; 2]> = (0..GRID * GRID).map(|_| [stream.normal() * reach, stream.normal() * reach]).collect();
    let from = p.clone();
    let scale = (GRID - 1) as f32 / p.side as f32;
    for y in 0..p.side {
        for x in 0..p.side {
            let (u, v) = (x as f32 * scale, y as f32 * scale);
            let (i, j) = ((u as usize).min(GRID - 2), (v as usize).min(GRID - 2));
            let (a, b) = (u - i as f32, v - j as f32);
            let at = |axis: usize| {
                let f = |i: usize, j: usize| field[j * GRID + i][axis];
                (f(i, j) * (1.0 - a) + f(i + 1, j) * a) * (1.0 - b)
                    + (f(i, j + 1) * (1.0 - a) + f(i + 1, j + 1) * a) * b
            };
            let (sx, sy) = (x as f32 + at(0), y as f32 + at(1));
            let (fx, fy) = (sx - sx.floor(), sy - sy.floor());
            let (ix, iy) = (sx.floor() as isize, sy.floor() as isize);
            let corners = [from.at(ix, iy), from.at(ix + 1, iy), from.at(ix, iy + 1), from.at(ix + 1, iy + 1)];
            let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
            let mixed = std::array::from_fn(|c| corners.iter().zip(weights).map(|(q, w)| q[c] * w).sum());
            p.set(x, y, mixed);
        }
    }
}

/// Another picture shines through.
fn ghost(p: &mut Plain, level: f32, other: &Plain, _: &mut Stream) {
    let share = 0.06 + 0.44 * level;
    p.values.iter_mut().zip(&other.values).for_each(|(v, o)| *v += share * (o - *v));
}

/// Squares change places.
fn shuffle(p: &mut Plain, level: f32, _: &Plain, stream: &mut Stream) {
    let size = (p.side / [4, 5, 6][below(stream, 3)]).max(2);
    for _ in 0..1 + (level * 9.0) as usize {
        let mut place = || (below(stream, p.side - size + 1), below(stream, p.side - size + 1));
        let ((ax, ay), (bx, by)) = (place(), place());
        let from = p.clone();
        for y in 0..size {
            for x in 0..size {
                p.set(ax + x, ay + y, from.at((bx + x) as isize, (by + y) as isize));
                p.set(bx + x, by + y, from.at((ax + x) as isize, (ay + y) as isize));
            }
        }
    }
}

/// Few steps of brightness.
fn posterise(p: &mut Plain, level: f32, _: &Plain, _: &mut Stream) {
    let steps = (10.0 - 8.0 * level).round();
    p.map(|v| (v * steps).round() / steps);
}

/// Alternating pixels lighter and darker, as transposed convolutions leave them.
fn checker(p: &mut Plain, level: f32, _: &Plain, stream: &mut Stream) {
    let strength = 0.02 + 0.2 * level;
    let period = [1, 2][below(stream, 2)];
    let signs: Vec<f32> = (0..4 * 3).map(|_| stream.normal() * strength).collect();
    for y in 0..p.side {
        for x in 0..p.side {
            let cell = (y / period % 2) * 2 + x / period % 2;
            let value = p.at(x as isize, y as isize);
            p.set(x, y, std::array::from_fn(|c| value[c] + signs[cell * 3 + c]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(seed: u64) -> Plain {
        let mut s = Stream::new(seed, "plain");
        let (cx, cy) = (8 + below(&mut s, 16), 8 + below(&mut s, 16));
        let mut p = Plain { side: 32, values: vec![0.2; 32 * 32 * 3] };
        for y in 0..32usize {
            for x in 0..32usize {
                if x.abs_diff(cx) + y.abs_diff(cy) < 9 {
                    p.set(x, y, [0.9, 0.1 + x as f32 / 40.0, 0.3]);
                }
            }
        }
        p
    }

    fn difference(a: &Plain, b: &Plain) -> f32 {
        a.values.iter().zip(&b.values).map(|(x, y)| (x.clamp(0.0, 1.0) - y.clamp(0.0, 1.0)).powi(2)).sum()
    }

    #[test]
    fn a_higher_level_changes_more_on_average() {
        for d in &DISTORTIONS[1..] {
            let mut total = [0.0; 3];
            for seed in 0..24 {
                let (clean, other) = (picture(seed), picture(seed + 100));
                for (sum, level) in total.iter_mut().zip([0.0, 0.4, 1.0]) {
                    let mut p = clean.clone();
                    (d.apply)(&mut p, level, &other, &mut Stream::new(seed, d.id));
                    assert!(p.values.iter().all(|v| v.is_finite()), "{}", d.id);
                    *sum += difference(&clean, &p);
                }
            }
            assert!(0.0 < total[0] && total[0] < total[1] && total[1] < total[2], "{}: {total:?}", d.id);
        }
    }

    #[test]
    fn bytes_survive_the_way_there_and_back() {
        let p = Picture { width: 4, height: 4, rgba: (0..64).map(|i| if i % 4 == 3 { 255 } else { i * 4 }).collect() };
        assert_eq!(Plain::of(&p).to_picture(), p);
    }
}
