//! Writes a watermark.

use super::code::{Codebook, TILE};
use super::spectrum::{Sum, Waves, rows};
use crate::base::Picture;

/// The mark stays this many decibels below the picture (PSNR), and more where it needs less.
const LEAST_PSNR: f64 = 42.6;
/// Most levels of one frequency: pictures that are smooth need no more.
const MOST: f64 = 0.022;
/// Share of an even mark that each frequency gets at least.
const LEAST_SHARE: f64 = 0.25;
/// Share of an even mark that a frequency gets at most, where the picture itself speaks against it.
const MOST_SHARE: f64 = 3.0;
/// Rows that are looked at together.
const BAND: usize = 256;

/// The picture with a mark. Colours change by the same number of levels in each channel; alpha does not. The same picture,
/// payload and key always give the same pixels.
pub fn embed(p: &Picture, payload: u32, book: &Codebook) -> Picture {
    let (width, height) = (p.width as usize, p.height as usize);
    let bands = || (0..height).step_by(BAND).map(|from| (from, (from + BAND).min(height)));
    let waves = Waves::new(width, 1.0);
    let mut host = Sum::new(&book.bins, 1.0);
    let (mut power, mut gain) = (0.0, 0.0);
    for (from, to) in bands() {
        let r = rows(p, from, to);
        r.seen.chunks_exact(width).enumerate().for_each(|(i, row)| host.row(&waves, row, from + i));
        power += r.room.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        gain += r.room.iter().zip(&r.gain).map(|(v, g)| f64::from(*v) * f64::from(*g)).sum::<f64>();
    }
    if power <= 0.0 {
        return p.clone();
    }
    // A cosine and its mirror image of amplitude a have the power 2·a²; there are two for each frequency.
    let allowed = 255.0f64.powi(2) / 10.0f64.powf(LEAST_PSNR / 10.0) * (width * height) as f64;
    let even = (allowed / (power * 4.0 * book.bins.len() as f64)).sqrt().min(MOST);
    let host: Vec<[f64; 2]> = host.values().iter().map(|c| c.map(|v| f64::from(v) / gain)).collect();
    let tile = tile(book, &amplitudes(&book.signs(payload), &host, even));
    let mut out = p.clone();
    for (from, to) in bands() {
        let room = rows(p, from, to).room;
        let pixels = out.rgba[from * width * 4..to * width * 4].as_chunks_mut::<4>().0;
        for (i, (pixel, room)) in pixels.iter_mut().zip(room).enumerate() {
            let (x, y) = (i % width % TILE, (from + i / width) % TILE);
            let change = room * tile[y * TILE + x];
            // Rounded once, so that grey stays grey.
            let change = (change + 0.5).floor();
            for v in &mut pixel[..3] {
                *v = (f32::from(*v) + change).clamp(0.0, 255.0) as u8;
            }
        }
    }
    out
}

/// How strong each cosine and sine is made, with its sign: so that with what the picture holds at this frequency all come
/// out as alike as the power of an `even` mark allows.
fn amplitudes(signs: &[[f32; 2]], host: &[[f64; 2]], even: f64) -> Vec<[f64; 2]> {
    let of = |goal: f64, sign: f32, host: f64| {
        (goal - host * f64::from(sign)).clamp(LEAST_SHARE * even, MOST_SHARE * even) * f64::from(sign)
    };
    let all = |goal: f64| -> Vec<[f64; 2]> {
        signs.iter().zip(host).map(|(s, h)| [of(goal, s[0], h[0]), of(goal, s[1], h[1])]).collect()
    };
    let power = 2.0 * even * even * signs.len() as f64;
    let largest = host.iter().flatten().fold(0.0f64, |most, v| most.max(v.abs()));
    let (mut low, mut high) = (-largest, largest + MOST_SHARE * even);
    for _ in 0..48 {
        let middle = f64::midpoint(low, high);
        let sum: f64 = all(middle).iter().flatten().map(|a| a * a).sum();
        if sum > power { high = middle } else { low = middle }
    }
    all(low)
}

/// One period of the mark, rows after each other.
fn tile(book: &Codebook, amplitudes: &[[f64; 2]]) -> Vec<f32> {
    let table: Vec<(f64, f64)> =
        (0..TILE).map(|i| libm::sincos(std::f64::consts::TAU * i as f64 / TILE as f64)).collect();
    let mut out = vec![0.0; TILE * TILE];
    for (&(kx, ky), [re, im]) in book.bins.iter().zip(amplitudes) {
        for y in 0..TILE {
            for x in 0..TILE {
                let turn = (kx * x as i32 + ky * y as i32).rem_euclid(TILE as i32) as usize;
                let (sin, cos) = table[turn];
                out[y * TILE + x] += 2.0 * (re * cos - im * sin);
            }
        }
    }
    out.into_iter().map(|v| v as f32).collect()
}
