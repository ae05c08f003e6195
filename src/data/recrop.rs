//! Whether one picture was cut out of another, as small versions of both tell.

use crate::base::Picture;

/// Cells a side that a cut is compared in.
const SIDE: usize = 16;
/// Shares of the larger picture's height that a cut is looked for in, besides the one that its size says.
const SHARES: [f32; 10] = [0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];
/// Places along an axis at which a cut is looked for.
const PLACES: usize = 13;
/// Correlation from which two pictures show the same.
const SAME: f32 = 0.93;

/// Grey values of `SIDE`×`SIDE` cells of a part of a picture (left, top, width, height as shares of it).
fn cells(picture: &Picture, part: [f32; 4]) -> [f32; SIDE * SIDE] {
    let (across, down) = (picture.width as usize, picture.height as usize);
    let mut out = [0.0; SIDE * SIDE];
    let at = |share: f32, size: usize| share * size as f32 - 0.5;
    let grey = |x: usize, y: usize| {
        let pixel = &picture.rgba[(y * across + x) * 4..][..4];
        let alpha = f32::from(pixel[3]) / 255.0;
        (f32::from(pixel[0]) * 0.299 + f32::from(pixel[1]) * 0.587 + f32::from(pixel[2]) * 0.114) * alpha
    };
    for (i, cell) in out.iter_mut().enumerate() {
        let share = |i: usize| (i as f32 + 0.5) / SIDE as f32;
        let x = at(part[0] + part[2] * share(i % SIDE), across).clamp(0.0, (across - 1) as f32);
        let y = at(part[1] + part[3] * share(i / SIDE), down).clamp(0.0, (down - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, below) = ((left + 1).min(across - 1), (top + 1).min(down - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let above = grey(left, top) * (1.0 - fx) + grey(right, top) * fx;
        *cell = above * (1.0 - fy) + (grey(left, below) * (1.0 - fx) + grey(right, below) * fx) * fy;
    }
    out
}

/// Correlation of two pictures cell by cell; 0 where one of them is of one colour.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - ma, y - mb);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa < 1.0 || bb < 1.0 { 0.0 } else { ab / (aa * bb).sqrt() }
}

/// Whether `cut` shows a part of `whole`, of at least half its height, at any scale. `sizes` are pixels of both as they are, not
/// of the small versions that are given here.
pub fn is_cut(whole: &Picture, cut: &Picture, sizes: [(u32, u32); 2]) -> bool {
    let usable = |p: &Picture| p.width > 0 && p.height > 0 && p.rgba.len() == p.width as usize * p.height as usize * 4;
    let [(w, h), (cw, ch)] = sizes.map(|(w, h)| (w.max(1) as f32, h.max(1) as f32));
    if !usable(whole) || !usable(cut) {
        return false;
    }
    let wanted = cells(cut, [0.0, 0.0, 1.0, 1.0]);
    // Cut and not scaled, first; then scaled too, with its own proportions.
    let own = (cw / w, ch / h);
    let scaled = SHARES.iter().map(|share| (share * (cw / ch) / (w / h), *share));
    let shares = std::iter::once(own).chain(scaled).filter(|(x, y)| *x <= 1.0 && *y <= 1.0 && *x >= 0.4 && *y >= 0.4);
    for (across, down) in shares {
        for place in 0..PLACES * PLACES {
            let step = |i: usize, share: f32| (1.0 - share) * i as f32 / (PLACES - 1) as f32;
            let part = [step(place % PLACES, across), step(place / PLACES, down), across, down];
            if correlation(&wanted, &cells(whole, part)) >= SAME {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scene of smooth waves, as large as asked, of the part that begins at `x`, `y` and is `share` of it.
    fn scene(seed: f32, side: u32, (x, y): (f32, f32), share: f32) -> Picture {
        let mut picture = Picture::filled(side, side, [0, 0, 0, 255]);
        for (i, pixel) in picture.rgba.chunks_exact_mut(4).enumerate() {
            let at = |i: u32, from: f32| from + share * (i as f32 + 0.5) / side as f32;
            let (u, v) = (at(i as u32 % side, x), at(i as u32 / side, y));
            let wave = (u * 7.0 * seed).sin() + (v * 9.0 + u * 4.0 * seed).cos() + (u * v * 21.0 + seed).sin();
            pixel[..3].fill((127.0 + wave * 40.0) as u8);
        }
        picture
    }

    #[test]
    fn a_part_is_found_wherever_it_was_cut_and_other_pictures_are_none() {
        for (x, y, share) in [(0.0, 0.0, 0.8), (0.2, 0.1, 0.7), (0.3, 0.3, 0.6), (0.05, 0.45, 0.5)] {
            for seed in [1.0, 1.7, 2.6] {
                let (whole, cut) = (scene(seed, 48, (0.0, 0.0), 1.0), scene(seed, 40, (x, y), share));
                let size = (400.0 * share) as u32;
                assert!(is_cut(&whole, &cut, [(400, 400), (size, size)]), "cut {x} {y} {share} {seed}");
                assert!(is_cut(&whole, &cut, [(400, 400), (400, 400)]), "cut and scaled {x} {y} {share} {seed}");
                let other = scene(seed + 3.9, 48, (0.0, 0.0), 1.0);
                assert!(!is_cut(&other, &cut, [(400, 400), (size, size)]), "another {x} {y} {share} {seed}");
            }
        }
        let plain = Picture::filled(8, 8, [9, 9, 9, 255]);
        assert!(!is_cut(&plain, &plain, [(8, 8), (6, 6)]) && !is_cut(&Picture::default(), &plain, [(8, 8), (6, 6)]));
    }
}
