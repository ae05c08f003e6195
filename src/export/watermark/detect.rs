//! Finds a watermark in a picture that may have been packed, resized, cut and moved.
//!
//! For each scale in question the coefficients of the reference are compared with the key at every translation of the tile at
//! once. The best of these are looked at more closely and read; a payload counts if its check holds.

use rayon::prelude::*;
use serde::Serialize;

use super::code::{CHECK_BITS, Codebook, TILE};
use super::spectrum::Seen;
use crate::base::Picture;

/// Side of the middle part that scales are searched in, in pixels.
const SEARCHED: usize = 384;
/// Side of the middle part that is read, in pixels.
const READ: usize = 1536;
/// Least and greatest scale that is looked for.
const SCALES: [f64; 2] = [0.48, 2.1];
/// Share by which neighbouring scales differ.
const STEP: f64 = 0.005;
/// Scales that are looked at more closely.
const CANDIDATES: usize = 6;
/// Places of a tile across and down at which it may begin, in the search and when it is read.
const PLACES: [usize; 2] = [128, 256];
/// Below this score nothing is read. Of chance, 3·10⁻⁷ of all places are above.
pub const LEAST_SCORE: f32 = 5.0;
/// From this score on a symbol may be repaired.
pub const SURE: f32 = 6.0;
/// Rings of frequencies that are evened out each.
const RINGS: usize = 8;
/// A frequency counts at most so many times the median of its ring.
const MOST: f32 = 2.0;
/// Shortest side of a picture that is searched.
const SMALLEST: usize = 96;

/// A watermark that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// What it says: the first 32 bits of the model's hash, or 0.
    pub payload: u32,
    /// Size of the picture against the exported one.
    pub scale: f64,
    /// Where its tile begins, in pixels of the exported picture across and down.
    pub offset: [f64; 2],
    /// How well the reference agrees, in standard deviations of chance.
    pub score: f32,
    /// One minus the probability that chance shows as much.
    pub confidence: f64,
}

/// Looks for a mark.
pub fn detect(p: &Picture, book: &Codebook) -> Option<Detection> {
    if p.width.min(p.height) < SMALLEST as u32 {
        return None;
    }
    search(&Seen::of(p, READ), book)
}

/// Looks for a mark that all of these pictures have at the same place, as the frames of a film do. Frames of another size
/// than the first are passed over.
pub fn detect_film(frames: impl Iterator<Item = Picture>, book: &Codebook) -> Option<Detection> {
    let mut sum: Option<Seen> = None;
    for frame in frames.filter(|f| f.width.min(f.height) >= SMALLEST as u32) {
        let seen = Seen::of(&frame, READ);
        match &mut sum {
            None => sum = Some(seen),
            Some(sum) if (sum.width, sum.values.len()) == (seen.width, seen.values.len()) => {
                sum.values.iter_mut().zip(&seen.values).for_each(|(sum, v)| *sum += v);
            }
            Some(_) => {}
        }
    }
    search(&sum?, book)
}

/// Whether the mark can be read where it was written.
pub fn reads(p: &Picture, payload: u32, book: &Codebook) -> bool {
    let coefficients = evened(Seen::of(p, READ).coefficients(&book.bins, 1.0), book);
    let (left, top) = middle(p.width as usize, p.height as usize);
    let moved = translated(&coefficients, book, [-(left as f64), -(top as f64)]);
    let (agreed, all) = agreement(&moved, book);
    agreed / (all / 2.0).sqrt().max(f32::MIN_POSITIVE) >= SURE && book.decode(&moved, false) == Some(payload)
}

/// Where the middle part that is read begins.
fn middle(width: usize, height: usize) -> (usize, usize) {
    ((width - width.min(READ)) / 2, (height - height.min(READ)) / 2)
}

/// The agreement of coefficients with the reference, and their power at its frequencies.
fn agreement(coefficients: &[[f32; 2]], book: &Codebook) -> (f32, f32) {
    let half = std::f32::consts::FRAC_1_SQRT_2;
    book.reference.iter().fold((0.0, 0.0), |(agreed, all), (bin, sign)| {
        let [a, b] = coefficients[*bin];
        (agreed + (a * sign[0] + b * sign[1]) * half, all + a * a + b * b)
    })
}

fn search(seen: &Seen, book: &Codebook) -> Option<Detection> {
    Search::new(seen.clone(), book).read(book)
}

/// A scale and a translation at which a mark may be.
struct Candidate {
    score: f32,
    offset: [f64; 2],
    scale: f64,
    coefficients: Vec<[f32; 2]>,
}

/// A picture with its coefficients at every scale that is looked for; they are the same for all keys.
pub struct Search {
    seen: Seen,
    scales: Vec<(f64, Vec<[f32; 2]>)>,
}

impl Search {
    /// Takes the coefficients of a picture; none of one that is too small.
    pub fn of(p: &Picture, book: &Codebook) -> Option<Self> {
        (p.width.min(p.height) >= SMALLEST as u32).then(|| Self::new(Seen::of(p, READ), book))
    }

    fn new(seen: Seen, book: &Codebook) -> Self {
        let part = seen.middle(SEARCHED);
        let count = ((SCALES[1] / SCALES[0]).ln() / STEP).ceil() as usize;
        let all: Vec<f64> = (0..=count).map(|i| SCALES[0] * (STEP * i as f64).exp()).collect();
        let of = |&scale: &f64| (scale, evened(part.coefficients(&book.bins, scale), book));
        let scales = all.par_iter().map(of).collect();
        Self { seen, scales }
    }

    /// Looks for the mark of a key.
    pub fn read(&self, book: &Codebook) -> Option<Detection> {
        self.candidates(book).into_iter().find_map(|Candidate { score, offset, scale, coefficients }| {
            if score < LEAST_SCORE {
                return None;
            }
            let payload = book.decode(&translated(&coefficients, book, offset), score >= SURE)?;
            let looked_at = self.scales.len() as f64 * (PLACES[0] * PLACES[0]) as f64;
            let by_chance = (looked_at * 0.5 * libm::erfc(f64::from(score) / std::f64::consts::SQRT_2)).min(1.0);
            let confidence = 1.0 - by_chance * CANDIDATES as f64 / f64::from(1u32 << CHECK_BITS);
            Some(Detection { payload, scale, offset, score, confidence })
        })
    }

    /// How often the check of a key decides: the scores of places that are read, one for each reading.
    pub fn readings(&self, book: &Codebook) -> Vec<f32> {
        self.candidates(book).into_iter().map(|c| c.score).filter(|score| *score >= LEAST_SCORE).collect()
    }

    /// The best place near each of the best scales.
    fn candidates(&self, book: &Codebook) -> Vec<Candidate> {
        let score = |(scale, c): &(f64, Vec<[f32; 2]>)| (best_place(c, book, PLACES[0]).0, *scale);
        let mut found: Vec<(f32, f64)> = self.scales.par_iter().map(score).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut candidates: Vec<f64> = Vec::new();
        for (_, scale) in found {
            if candidates.len() < CANDIDATES && candidates.iter().all(|c| (c / scale).ln().abs() > 1.5 * STEP) {
                candidates.push(scale);
            }
        }
        // The whole size is read first: exports that nobody touched have it.
        candidates.insert(0, 1.0);
        // Half a step to either side, in steps that a picture of this size can tell apart.
        let side = self.seen.width.max(self.seen.values.len() / self.seen.width);
        let steps = (side / 128).clamp(3, 12) as i32;
        let near = |scale: f64| {
            let at = move |i: i32| scale * (f64::from(i) * 0.6 * STEP / f64::from(steps)).exp();
            let looks = (-steps..=steps).into_par_iter().map(|i| {
                let coefficients = evened(self.seen.coefficients(&book.bins, at(i)), book);
                let (score, offset) = best_place(&coefficients, book, PLACES[1]);
                Candidate { score, offset, scale: at(i), coefficients }
            });
            looks.max_by(|a, b| a.score.total_cmp(&b.score)).expect("there is at least one step")
        };
        candidates.into_iter().map(near).collect()
    }
}

/// Coefficients divided by the median of their ring, and bounded.
fn evened(mut coefficients: Vec<[f32; 2]>, book: &Codebook) -> Vec<[f32; 2]> {
    let mut order: Vec<usize> = (0..coefficients.len()).collect();
    order.sort_by_key(|&i| {
        let (kx, ky) = book.bins[i];
        kx * kx + ky * ky
    });
    let size = |[a, b]: [f32; 2]| (a * a + b * b).sqrt();
    for ring in order.chunks(order.len().div_ceil(RINGS)) {
        let mut sizes: Vec<f32> = ring.iter().map(|&i| size(coefficients[i])).collect();
        sizes.sort_by(f32::total_cmp);
        let median = sizes[sizes.len() / 2].max(1e-9);
        for &i in ring {
            let by = 1.0 / median;
            let large = size(coefficients[i]) * by;
            let by = if large > MOST { by * MOST / large } else { by };
            coefficients[i] = coefficients[i].map(|v| v * by);
        }
    }
    coefficients
}

/// The score of the best translation, and that translation in pixels of the exported picture.
fn best_place(coefficients: &[[f32; 2]], book: &Codebook, places: usize) -> (f32, [f64; 2]) {
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let table: Vec<[f32; 2]> = (0..places)
        .map(|i| {
            let (sin, cos) = libm::sincos(std::f64::consts::TAU * i as f64 / places as f64);
            [cos as f32, sin as f32]
        })
        .collect();
    let across = book.bins.iter().map(|b| b.0).max().unwrap_or(0) as usize + 1;
    // For each translation down: what the frequencies of each number of cycles across add up to.
    let mut down = vec![[0.0f32; 2]; across * places];
    let mut power = 0.0;
    for &(bin, sign) in &book.reference {
        let ([a, b], (kx, ky)) = (coefficients[bin], book.bins[bin]);
        let (re, im) = ((a * sign[0] + b * sign[1]) * half, (b * sign[0] - a * sign[1]) * half);
        power += a * a + b * b;
        for (y, sum) in down[kx as usize * places..][..places].iter_mut().enumerate() {
            let [c, s] = table[(ky * y as i32).rem_euclid(places as i32) as usize];
            sum[0] += re * c - im * s;
            sum[1] += re * s + im * c;
        }
    }
    let waves: Vec<(Vec<f32>, Vec<f32>)> =
        (0..across).map(|kx| (0..places).map(|x| table[kx * x % places]).map(|[c, s]| (c, s)).unzip()).collect();
    let (mut best, mut place) = (f32::MIN, [0, 0]);
    let mut row = vec![0.0f32; places];
    for y in 0..places {
        row.fill(0.0);
        for (kx, (cos, sin)) in waves.iter().enumerate() {
            let [re, im] = down[kx * places + y];
            if re != 0.0 || im != 0.0 {
                row.iter_mut().zip(cos.iter().zip(sin)).for_each(|(sum, (c, s))| *sum += re * c - im * s);
            }
        }
        for (x, v) in row.iter().enumerate() {
            if *v > best {
                (best, place) = (*v, [x, y]);
            }
        }
    }
    let pixels = TILE as f64 / places as f64;
    (best / (power / 2.0).sqrt().max(f32::MIN_POSITIVE), place.map(|v| v as f64 * pixels))
}

/// Coefficients of the picture as if its tile began at its corner.
fn translated(coefficients: &[[f32; 2]], book: &Codebook, offset: [f64; 2]) -> Vec<[f32; 2]> {
    let turned = |(&[a, b], &(kx, ky)): (&[f32; 2], &(i32, i32))| {
        let cycles = (f64::from(kx) * offset[0] + f64::from(ky) * offset[1]) / TILE as f64;
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * cycles);
        let (sin, cos) = (sin as f32, cos as f32);
        [a * cos - b * sin, a * sin + b * cos]
    };
    coefficients.iter().zip(&book.bins).map(turned).collect()
}
