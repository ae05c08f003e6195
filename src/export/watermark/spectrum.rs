//! Pictures as a watermark sees them: luma without its coarse part, evened out by local contrast, and its coefficients at the
//! frequencies of the code.

use super::code::TILE;
use crate::base::Picture;

/// Pixels around a pixel that its local mean and contrast are taken of.
const RADIUS: usize = 4;
/// Contrast in levels that is added before dividing, so that flat parts do not become noise.
const FLOOR: f32 = 1.5;
/// Most cycles a tile across.
const ACROSS: usize = 17;

/// Some rows of a picture: what a detector sees, and how many levels a mark may change each pixel by.
pub struct Rows {
    /// Luma without its local mean, divided by local contrast.
    pub seen: Vec<f32>,
    /// Levels of one unit of the mark: more where the picture has texture, none where it is flat or see-through.
    pub room: Vec<f32>,
    /// What a level of the mark becomes in `seen`.
    pub gain: Vec<f32>,
}

/// Mean over a square around each pixel, by repeating the border; `plane` is `width` across.
fn local_mean(plane: &[f32], width: usize) -> Vec<f32> {
    let height = plane.len() / width;
    let share = 1.0 / (2 * RADIUS + 1) as f32;
    let clamped = |i: usize, by: isize, end: usize| (i as isize + by).clamp(0, end as isize - 1) as usize;
    let reach = RADIUS as isize;
    let mut across = vec![0.0; plane.len()];
    for (row, out) in plane.chunks_exact(width).zip(across.chunks_exact_mut(width)) {
        for (x, out) in out.iter_mut().enumerate() {
            let sum: f32 = if x >= RADIUS && x + RADIUS < width {
                row[x - RADIUS..=x + RADIUS].iter().sum()
            } else {
                (-reach..=reach).map(|by| row[clamped(x, by, width)]).sum()
            };
            *out = sum * share;
        }
    }
    let mut out = vec![0.0; plane.len()];
    for (y, out) in out.chunks_exact_mut(width).enumerate() {
        for by in -reach..=reach {
            let row = clamped(y, by, height) * width;
            out.iter_mut().zip(&across[row..row + width]).for_each(|(out, v)| *out += v * share);
        }
    }
    out
}

/// Rows `from..to` of a picture. What is see-through lies on white.
pub fn rows(p: &Picture, from: usize, to: usize) -> Rows {
    let (width, height) = (p.width as usize, p.height as usize);
    // Contrast looks at means, which look around themselves.
    let (start, end) = (from.saturating_sub(2 * RADIUS), (to + 2 * RADIUS).min(height));
    let luma = |px: &[u8]| {
        let value = 0.299 * f32::from(px[0]) + 0.587 * f32::from(px[1]) + 0.114 * f32::from(px[2]);
        let alpha = f32::from(px[3]) / 255.0;
        value * alpha + 255.0 * (1.0 - alpha)
    };
    let mut plane: Vec<f32> = p.rgba[start * width * 4..end * width * 4].chunks_exact(4).map(luma).collect();
    let mean = local_mean(&plane, width);
    plane.iter_mut().zip(&mean).for_each(|(v, mean)| *v -= mean);
    let squares: Vec<f32> = plane.iter().map(|v| v * v).collect();
    let contrast = local_mean(&squares, width);
    let cut = (from - start) * width..(to - start) * width;
    let contrast: Vec<f32> = contrast[cut.clone()].iter().map(|v| v.max(0.0).sqrt()).collect();
    let gain: Vec<f32> = contrast.iter().map(|c| 1.0 / (c + FLOOR)).collect();
    let seen = plane[cut].iter().zip(&gain).map(|(v, gain)| v * gain).collect();
    let alpha = p.rgba[from * width * 4..to * width * 4].chunks_exact(4).map(|px| f32::from(px[3]) / 255.0);
    let room = contrast.iter().zip(alpha).map(|(c, alpha)| room(*c) * alpha).collect();
    Rows { seen, room, gain }
}

/// Levels by which a unit of the mark changes a pixel with this contrast around it.
fn room(contrast: f32) -> f32 {
    ((contrast / 0.5).min(1.0) + 0.3 * contrast).min(5.0)
}

/// A picture as a detector sees it.
#[derive(Clone)]
pub struct Seen {
    /// Pixels across.
    pub width: usize,
    /// Rows after each other.
    pub values: Vec<f32>,
}

impl Seen {
    /// The middle of a picture, at most `side` pixels across and down.
    pub fn of(p: &Picture, side: usize) -> Self {
        let (width, height) = (p.width as usize, p.height as usize);
        let (wide, high) = (width.min(side), height.min(side));
        let (left, top) = ((width - wide) / 2, (height - high) / 2);
        let all = rows(p, top, top + high).seen;
        let values = all.chunks_exact(width).flat_map(|row| row[left..left + wide].iter().copied()).collect();
        Self { width: wide, values }
    }

    /// The middle of this one, at most `side` pixels across and down, faded towards its border.
    pub fn middle(&self, side: usize) -> Self {
        let height = self.values.len() / self.width;
        let (wide, high) = (self.width.min(side), height.min(side));
        let (left, top) = ((self.width - wide) / 2, (height - high) / 2);
        let fade = |i: usize, n: usize| libm::sin(std::f64::consts::PI * (i as f64 + 0.5) / n as f64) as f32;
        let across: Vec<f32> = (0..wide).map(|x| fade(x, wide)).collect();
        let mut values = Vec::with_capacity(wide * high);
        for (y, row) in self.values.chunks_exact(self.width).skip(top).take(high).enumerate() {
            let down = fade(y, high);
            values.extend(row[left..left + wide].iter().zip(&across).map(|(v, a)| v * a * down));
        }
        Self { width: wide, values }
    }

    /// The coefficients at frequencies of a mark whose tile is `scale` times as large as it was written.
    pub fn coefficients(&self, bins: &[(i32, i32)], scale: f64) -> Vec<[f32; 2]> {
        let waves = Waves::new(self.width, scale);
        let mut sum = Sum::new(bins, scale);
        for (y, row) in self.values.chunks_exact(self.width).enumerate() {
            sum.row(&waves, row, y);
        }
        sum.values()
    }
}

/// Cosines and sines along a row, for each number of cycles a tile.
pub struct Waves(Vec<[f32; 2 * (ACROSS + 1)]>);

fn turn(cycles: f64) -> [f32; 2] {
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * (cycles - cycles.floor()));
    [cos as f32, sin as f32]
}

impl Waves {
    /// For rows of `width` pixels.
    pub fn new(width: usize, scale: f64) -> Self {
        let step = 1.0 / (TILE as f64 * scale);
        let at = |x: usize| {
            let mut out = [0.0; 2 * (ACROSS + 1)];
            // One turn a pixel, taken to its powers: products of a few numbers lose nothing that counts.
            let (sin, cos) = libm::sincos(-std::f64::consts::TAU * step * x as f64);
            let (mut re, mut im) = (1.0, 0.0);
            for k in 0..=ACROSS {
                (out[k], out[ACROSS + 1 + k]) = (re as f32, im as f32);
                (re, im) = (re * cos - im * sin, re * sin + im * cos);
            }
            out
        };
        Self((0..width).map(at).collect())
    }
}

/// Coefficients while rows are added.
pub struct Sum<'a> {
    bins: &'a [(i32, i32)],
    step: f64,
    values: Vec<[f64; 2]>,
}

impl<'a> Sum<'a> {
    /// None yet.
    pub fn new(bins: &'a [(i32, i32)], scale: f64) -> Self {
        Self { bins, step: 1.0 / (TILE as f64 * scale), values: vec![[0.0; 2]; bins.len()] }
    }

    /// Adds row `y`.
    pub fn row(&mut self, waves: &Waves, row: &[f32], y: usize) {
        let mut across = [0.0f32; 2 * (ACROSS + 1)];
        for (v, wave) in row.iter().zip(&waves.0) {
            across.iter_mut().zip(wave).for_each(|(sum, w)| *sum += v * w);
        }
        let down: Vec<[f32; 2]> = (0..=ACROSS).map(|k| turn(-(k as f64) * self.step * y as f64)).collect();
        for (&(kx, ky), value) in self.bins.iter().zip(&mut self.values) {
            let (a, b) = (across[kx as usize], across[ACROSS + 1 + kx as usize]);
            let [c, s] = down[ky.unsigned_abs() as usize];
            let s = if ky < 0 { -s } else { s };
            value[0] += f64::from(a * c - b * s);
            value[1] += f64::from(a * s + b * c);
        }
    }

    /// What they are, in the order of the frequencies.
    pub fn values(self) -> Vec<[f32; 2]> {
        self.values.into_iter().map(|[a, b]| [a as f32, b as f32]).collect()
    }
}
