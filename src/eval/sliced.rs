//! Sliced Wasserstein distance between two sets of pictures (Rabin 2011; on patches as in Karras 2018).
//!
//! Needs no network: 7×7 patches at three sizes of a pyramid, normalised by the first set's mean and deviation of each
//! channel, projected on random directions; the mean distance of the sorted projections. A rank to choose checkpoints
//! by, not a number to compare between data sets.

use crate::base::Picture;
use crate::base::rng::Stream;

const PATCH: u32 = 7;
const PATCHES: usize = 64;

/// Mean sliced Wasserstein distance over the levels, or nothing if a set is empty; `slices` directions a level.
pub fn distance(a: &[Picture], b: &[Picture], slices: usize) -> Option<f64> {
    let n = a.len().min(b.len());
    if n == 0 || slices == 0 {
        return None;
    }
    let (mut a, mut b) = (a[..n].to_vec(), b[..n].to_vec());
    let mut levels = Vec::new();
    for level in 0..3 {
        if a[0].width < PATCH || a[0].height < PATCH {
            break;
        }
        levels.push(level_distance(&a, &b, slices, level));
        a = a.iter().map(halved).collect();
        b = b.iter().map(halved).collect();
    }
    (!levels.is_empty()).then(|| levels.iter().sum::<f64>() / levels.len() as f64)
}

/// Half the size, by the mean of four pixels.
fn halved(p: &Picture) -> Picture {
    let (w, h) = (p.width / 2, p.height / 2);
    let mut rgba = Vec::with_capacity((w * h * 4) as usize);
    for y in 0..h {
        for x in 0..w {
            let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| p.pixel(2 * x + i, 2 * y + j));
            for c in 0..4 {
                rgba.push((four.iter().map(|q| u32::from(q[c])).sum::<u32>() / 4) as u8);
            }
        }
    }
    Picture { width: w, height: h, rgba }
}

/// Patches in the same places of both sets, as rows of `7·7·4` numbers.
fn patches(pictures: &[Picture], stream: &mut Stream) -> Vec<Vec<f32>> {
    let mut rows = Vec::with_capacity(pictures.len() * PATCHES);
    for p in pictures {
        for _ in 0..PATCHES {
            let x = stream.below(u64::from(p.width - PATCH + 1)) as u32;
            let y = stream.below(u64::from(p.height - PATCH + 1)) as u32;
            let row = (0..PATCH)
                .flat_map(|j| (0..PATCH).map(move |i| (i, j)))
                .flat_map(|(i, j)| p.pixel(x + i, y + j))
                .map(f32::from)
                .collect();
            rows.push(row);
        }
    }
    rows
}

fn level_distance(a: &[Picture], b: &[Picture], slices: usize, level: u64) -> f64 {
    let mut a = patches(a, &mut Stream::new(level, "patches"));
    let mut b = patches(b, &mut Stream::new(level, "patches"));
    for channel in 0..4 {
        let values = || a.iter().flat_map(|r| r.iter().skip(channel).step_by(4)).map(|v| f64::from(*v));
        let count = values().count() as f64;
        let mean = values().sum::<f64>() / count;
        let deviation = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt().max(1.0);
        for row in a.iter_mut().chain(&mut b) {
            for v in row.iter_mut().skip(channel).step_by(4) {
                *v = ((f64::from(*v) - mean) / deviation) as f32;
            }
        }
    }
    let dim = a[0].len();
    let mut stream = Stream::new(level, "slices");
    let mut total = 0.0;
    for _ in 0..slices {
        let direction = stream.normals(dim);
        let norm = direction.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
        let project = |rows: &[Vec<f32>]| {
            let mut out: Vec<f32> =
                rows.iter().map(|r| r.iter().zip(&direction).map(|(x, d)| x * d).sum::<f32>() / norm).collect();
            out.sort_by(f32::total_cmp);
            out
        };
        let (p, q) = (project(&a), project(&b));
        total += p.iter().zip(&q).map(|(x, y)| f64::from((x - y).abs())).sum::<f64>() / p.len() as f64;
    }
    total / slices as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, shift: i32) -> Vec<Picture> {
        let mut s = Stream::new(seed, "pictures");
        (0..32)
            .map(|_| {
                let rgba = (0..32 * 32)
                    .flat_map(|_| {
                        let v = (s.below(100) as i32 + 80 + shift).clamp(0, 255) as u8;
                        [v, v / 2, v, 255]
                    })
                    .collect();
                Picture { width: 32, height: 32, rgba }
            })
            .collect()
    }

    #[test]
    fn the_distance_is_zero_for_the_same_small_for_alike_and_grows_with_the_shift() {
        let a = noise(1, 0);
        assert_eq!(distance(&a, &a, 16), Some(0.0));
        let alike = distance(&a, &noise(2, 0), 16).unwrap();
        let near = distance(&a, &noise(2, 15), 16).unwrap();
        let far = distance(&a, &noise(2, 60), 16).unwrap();
        assert!(alike < near && near < far, "{alike} {near} {far}");
        assert_eq!(distance(&a, &[], 16), None);
    }
}
