//! How well the watermark hides, what it survives, and how often it is seen where there is none.

use std::path::PathBuf;

use image::imageops::FilterType;
use image::{ExtendedColorType, ImageFormat, RgbaImage};
use serde::Serialize;

use crate::base::{Channels, Picture, Problem, Progress, Result};
use crate::data::decode_file;
use crate::export::film::FilmSpec;
use crate::export::watermark::code::{CHECK_BITS, Codebook};
use crate::export::watermark::detect::Search;
use crate::export::watermark::{detect, mark, public};
use crate::export::{Filter, mp4, mp4_reader, scale};
use crate::recipe::picture::Watermark;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Picture files.
    pub files: Vec<PathBuf>,
    /// Shortest side that pictures are enlarged to at least, in pixels.
    pub side: u32,
    /// Different wrong keys.
    pub keys: u32,
    /// Wrong keys that each picture is looked at with.
    pub keys_each: u32,
    /// Films of 24 frames.
    pub films: usize,
}

/// What was done to marked pictures, and how many were still found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Survival {
    /// What was done.
    pub change: &'static str,
    /// Marked pictures.
    pub of: usize,
    /// Those that were found, with the right payload.
    pub found: usize,
    /// Those that were found with another payload.
    pub wrong: usize,
}

/// The figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Pictures looked at.
    pub pictures: usize,
    /// Those that stayed unmarked, for want of texture or colours.
    pub unmarked: usize,
    /// Least and mean PSNR of marked pictures, in decibels.
    pub psnr: [f64; 2],
    /// Each change.
    pub survival: Vec<Survival>,
    /// Pictures without a mark in which the right key saw one.
    pub false_right_key: usize,
    /// Pairs of a picture and a wrong key.
    pub wrong_keys: usize,
    /// Pairs in which a mark was seen.
    pub false_wrong_key: usize,
    /// Readings of a check over all these pairs; each is right by chance with 2⁻²⁴, and nine times that where a symbol may be
    /// repaired.
    pub readings: usize,
    /// Readings with repair.
    pub repaired: usize,
    /// The rate of false alarms a picture that follows.
    pub false_alarms: f64,
    /// That rate at most, at 95 %, for as many readings as were seen.
    pub at_most: f64,
}

/// Numbers for one picture after another, the same every time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(n.max(1))) as u32
    }
}

fn jpeg(p: &Picture, quality: u8) -> Picture {
    let mut bytes = Vec::new();
    let rgb = p.to_interleaved(Channels::Rgb);
    let packed = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode(
        &rgb,
        p.width,
        p.height,
        ExtendedColorType::Rgb8,
    );
    packed.expect("a picture in memory can be packed");
    let read = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).expect("what was just packed");
    let read = read.into_rgba8();
    Picture { width: read.width(), height: read.height(), rgba: read.into_raw() }
}

fn resized(p: &Picture, share: f64, filter: FilterType) -> Picture {
    let of = |n: u32| ((f64::from(n) * share).round() as u32).max(1);
    let whole = RgbaImage::from_raw(p.width, p.height, p.rgba.clone()).expect("as many bytes as its size says");
    let out = image::imageops::resize(&whole, of(p.width), of(p.height), filter);
    Picture { width: out.width(), height: out.height(), rgba: out.into_raw() }
}

fn cropped(p: &Picture, draw: &mut Draw) -> Picture {
    // A tenth of each side goes, shared by chance between both ends.
    let (w, h) = (p.width - p.width / 10, p.height - p.height / 10);
    let (left, top) = (draw.below(p.width / 10 + 1), draw.below(p.height / 10 + 1));
    let mut out = Picture { width: w, height: h, rgba: Vec::with_capacity((w * h * 4) as usize) };
    for y in top..top + h {
        let from = ((y * p.width + left) * 4) as usize;
        out.rgba.extend_from_slice(&p.rgba[from..from + w as usize * 4]);
    }
    out
}

/// A picture as a viewer shows it at some size, on a dark window.
fn screenshot(p: &Picture, draw: &mut Draw) -> Picture {
    let shown = resized(p, 0.7 + 0.001 * f64::from(draw.below(800)), FilterType::Triangle);
    let mut out = Picture::filled(shown.width + 160, shown.height + 120, [32, 34, 38, 255]);
    out.paste(&shown, draw.below(160), draw.below(120));
    out
}

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let sum: f64 = a.rgba.iter().zip(&b.rgba).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * (a.rgba.len() / 4 * 3) as f64 / sum.max(1e-9)).log10()
}

/// Measures.
///
/// # Errors
/// No file can be read, or it was cancelled.
pub fn run(measure: &Measure, progress: &dyn Progress) -> Result<Report> {
    const CHANGES: [&str; 6] =
        ["none", "JPEG 85", "resized to 75 %", "cropped by 10 %", "screenshot", "screenshot, JPEG 85"];
    let mut survival: Vec<Survival> =
        CHANGES.iter().map(|&change| Survival { change, of: 0, found: 0, wrong: 0 }).collect();
    let mut out = Report {
        pictures: 0,
        unmarked: 0,
        psnr: [f64::INFINITY, 0.0],
        survival: Vec::new(),
        false_right_key: 0,
        wrong_keys: 0,
        false_wrong_key: 0,
        readings: 0,
        repaired: 0,
        false_alarms: 0.0,
        at_most: 0.0,
    };
    let books: Vec<Codebook> = (0..measure.keys).map(|i| Codebook::new(format!("wrong {i}").as_bytes())).collect();
    let (mut draw, mut next, mut filmed) = (Draw(1), 0, Vec::new());
    for (i, file) in measure.files.iter().enumerate() {
        progress.report("Marking and looking", i as u64, measure.files.len() as u64);
        progress.cancel().check()?;
        let Ok(read) = decode_file(file) else { continue };
        let p = crate::export::sheet::over(&read, [255; 3]);
        let factor = measure.side.div_ceil(p.width.min(p.height)).clamp(1, crate::export::LARGEST_SCALE);
        let p = scale(&p, factor, Filter::Lanczos);
        out.pictures += 1;
        let Some(search) = Search::of(&p, public()) else { continue };
        out.false_right_key += usize::from(search.read(public()).is_some());
        for _ in 0..measure.keys_each.min(measure.keys) {
            let book = &books[next % books.len()];
            next += 1;
            let readings = search.readings(book);
            out.wrong_keys += 1;
            out.readings += readings.len();
            out.repaired += readings.iter().filter(|s| **s >= detect::SURE).count();
            out.false_wrong_key += usize::from(!readings.is_empty() && search.read(book).is_some());
        }
        let payload = 0x1234_0000 + i as u32;
        let (marked, told) = mark(p.clone(), payload);
        if matches!(told, Watermark::Unmarked { .. }) {
            out.unmarked += 1;
            continue;
        }
        let db = psnr(&p, &marked);
        out.psnr = [out.psnr[0].min(db), out.psnr[1] + db];
        let shot = screenshot(&marked, &mut draw);
        let changed = [
            marked.clone(),
            jpeg(&marked, 85),
            resized(&marked, 0.75, FilterType::CatmullRom),
            cropped(&marked, &mut draw),
            shot.clone(),
            jpeg(&shot, 85),
        ];
        for (row, changed) in survival.iter_mut().zip(&changed) {
            row.note(detect::detect(changed, public()).map(|d| d.payload), payload);
        }
        if filmed.len() < measure.films && p.width.is_multiple_of(2) && p.height.is_multiple_of(2) {
            filmed.push(p);
        }
    }
    let marked = survival[0].of;
    if out.pictures == 0 {
        return Err(Problem::data("None of these files is a picture"));
    }
    out.psnr[1] /= marked.max(1) as f64;
    if !filmed.is_empty() {
        let mut row = Survival { change: "H.264 film, 24 frames", of: 0, found: 0, wrong: 0 };
        for (i, p) in filmed.iter().enumerate() {
            progress.report("Films", i as u64, filmed.len() as u64);
            let payload = 0x7777_0000 + i as u32;
            row.note(film(p, payload)?.map(|d| d.payload), payload);
        }
        survival.push(row);
    }
    out.survival = survival;
    let chance = f64::from(1u32 << CHECK_BITS).recip();
    out.false_alarms = (out.readings + 8 * out.repaired) as f64 * chance / out.wrong_keys.max(1) as f64;
    // Readings are rare and independent: their number is that of a Poisson process, bounded as by Byar (Rothman 1979).
    let seen = (out.readings + 8 * out.repaired) as f64 + 1.0;
    let bound = seen * (1.0 - 1.0 / (9.0 * seen) + 1.645 / (3.0 * seen.sqrt())).powi(3);
    out.at_most = bound * chance / out.wrong_keys.max(1) as f64;
    Ok(out)
}

impl Survival {
    fn note(&mut self, read: Option<u32>, payload: u32) {
        self.of += 1;
        self.found += usize::from(read == Some(payload));
        self.wrong += usize::from(read.is_some_and(|r| r != payload));
    }
}

/// A film that pans over a picture: written, read back and looked at.
fn film(p: &Picture, payload: u32) -> Result<Option<detect::Detection>> {
    let dir = tempfile::tempdir().map_err(|e| Problem::failed("A folder could not be made").because(e))?;
    let path = dir.path().join("film.mp4");
    let spec = FilmSpec { path: path.clone(), width: p.width, height: p.height, fps: 12, recipe: None };
    let mut film = mp4::begin(spec)?;
    for i in 0..24u32 {
        let mut frame = p.clone();
        let across = p.width as usize * 4;
        for row in frame.rgba.chunks_exact_mut(across) {
            row.rotate_left((i as usize * 4 * 2) % across);
        }
        film.frame(&crate::export::watermark::embed::embed(&frame, payload, public()))?;
    }
    film.finish()?;
    Ok(detect::detect_film(mp4_reader::first_pictures(&path, 24)?.into_iter(), public()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    #[test]
    fn the_table_counts_what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = vec![dir.path().join("none.png")];
        for n in 0..2u32 {
            let picture = image::RgbImage::from_fn(96, 80, |x, y| {
                let v = (x * 7 + n * 31) ^ (y * 5);
                image::Rgb([(v * 3 % 256) as u8, (x * 2) as u8, (y * 3) as u8])
            });
            files.push(dir.path().join(format!("{n}.png")));
            picture.save(files.last().unwrap()).unwrap();
        }
        let measure = Measure { files, side: 256, keys: 3, keys_each: 2, films: 1 };
        let r = run(&measure, &Quiet::default()).unwrap();
        assert_eq!((r.pictures, r.unmarked, r.wrong_keys, r.false_right_key, r.false_wrong_key), (2, 0, 4, 0, 0));
        assert!(r.psnr[0] > 42.0 && r.false_alarms < r.at_most && r.at_most < 1e-5, "{r:?}");
        assert!(r.survival.iter().all(|s| s.wrong == 0) && r.survival[0].found == 2, "{r:?}");
        assert_eq!(r.survival.last().map(|s| (s.change, s.of)), Some(("H.264 film, 24 frames", 1)));
        let none = Measure { files: vec![dir.path().join("none.png")], ..measure };
        assert!(run(&none, &Quiet::default()).is_err());
    }
}
