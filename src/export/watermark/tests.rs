use super::super::scale::{Filter, resized, scale};
use super::*;

/// A picture with edges, shades and texture, different for each seed.
fn scene(seed: u32, side: u32) -> Picture {
    let mut p = Picture::filled(side, side, [0, 0, 0, 255]);
    let hash = |x: u32, y: u32| {
        let v = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed.wrapping_mul(0xC2B2_AE3D))
            .wrapping_mul(0x27D4_EB2F);
        (v >> 24) as i32
    };
    for y in 0..side {
        for x in 0..side {
            let block = hash(x / 9, y / 7) / 3;
            let grain = hash(x + 1000, y) / 16;
            let shade = (x * 90 / side) as i32;
            let i = ((y * side + x) * 4) as usize;
            for (c, v) in p.rgba[i..i + 3].iter_mut().enumerate() {
                *v = (block + grain + shade + c as i32 * 12).clamp(0, 255) as u8;
            }
        }
    }
    p
}

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let sum: f64 = a.rgba.iter().zip(&b.rgba).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * (a.rgba.len() / 4 * 3) as f64 / sum).log10()
}

fn cut(p: &Picture, left: u32, top: u32, width: u32, height: u32) -> Picture {
    let mut out = Picture::filled(width, height, [0; 4]);
    for y in 0..height {
        for x in 0..width {
            let (from, to) = ((((y + top) * p.width + x + left) * 4) as usize, ((y * width + x) * 4) as usize);
            out.rgba[to..to + 4].copy_from_slice(&p.rgba[from..from + 4]);
        }
    }
    out
}

fn marked(seed: u32, side: u32, factor: u32) -> (Picture, Picture) {
    let p = scale(&scene(seed, side), factor, Filter::Lanczos);
    let (marked, told) = mark(p.clone(), 0xBEEF_0000 + seed);
    assert!(matches!(told, Watermark::Marked { .. }), "{told:?}");
    (p, marked)
}

#[test]
fn it_cannot_be_seen_and_says_what_it_was_given() {
    for (seed, side, factor) in [(1, 256, 1), (2, 128, 2), (3, 64, 4), (4, 100, 3)] {
        let (p, m) = marked(seed, side, factor);
        let db = psnr(&p, &m);
        assert!((42.0..70.0).contains(&db), "{db} dB");
        let found = detect::detect(&m, public()).unwrap();
        assert_eq!(found.payload, 0xBEEF_0000 + seed);
        assert!((found.scale - 1.0).abs() < 0.002 && found.confidence > 0.999_999, "{found:?}");
        assert_eq!(m, mark(p.clone(), 0xBEEF_0000 + seed).0, "same pixels every time");
        assert_eq!(detect::detect(&p, public()), None);
        assert_eq!(detect::detect(&m, &Codebook::new(b"another")), None);
    }
}

#[test]
fn it_survives_packing_cutting_and_screens() {
    let (_, m) = marked(7, 80, 4);
    let expected = Some(0xBEEF_0007);
    let read = |p: &Picture| detect::detect(p, public()).map(|d| d.payload);
    assert_eq!(read(&jpeg(&m).unwrap()), expected, "JPEG");
    assert_eq!(read(&resized(&m, 240, 240)), expected, "75 %");
    assert_eq!(read(&cut(&m, 19, 11, 288, 288)), expected, "cut");
    let mut screen = Picture::filled(403, 377, [34, 36, 40, 255]);
    screen.paste(&resized(&m, 281, 281), 71, 53);
    assert_eq!(read(&jpeg(&screen).unwrap()), expected, "screenshot");
    assert_eq!(read(&resized(&m, 480, 480)), expected, "150 %");
}

#[test]
fn frames_of_a_film_are_read_together() {
    let frames: Vec<Picture> = (0..6).map(|i| scale(&scene(20 + i, 90), 3, Filter::Lanczos)).collect();
    let marked = frames.iter().map(|f| embed::embed(f, 5, public()));
    let packed = marked.map(|f| jpeg(&f).unwrap());
    assert_eq!(detect::detect_film(packed, public()).map(|d| d.payload), Some(5));
    assert_eq!(detect::detect_film(frames.into_iter(), public()), None);
    assert_eq!(detect::detect_film(std::iter::empty(), public()), None);
}

#[test]
fn what_is_flat_or_drawn_by_pixel_stays_as_it_is() {
    let flat = Picture::filled(300, 300, [90, 120, 200, 255]);
    let mut shaded = flat.clone();
    for (i, pixel) in shaded.rgba.chunks_exact_mut(4).enumerate() {
        (pixel[0], pixel[1]) = (90 + (i % 300 / 30) as u8, 120 + (i / 300 / 30) as u8);
    }
    for (p, why) in [(flat, "few colours"), (shaded, "too little texture")] {
        let (out, told) = mark(p.clone(), 1);
        assert_eq!((out, told), (p, Watermark::Unmarked { why: why.into() }));
    }
    let writing = Writing { format: "png", makes: Makes::Pictures, factor: 4, filter: Filter::Lanczos, canvas: false };
    assert!(writing.takes_mark(256, 300) && !writing.takes_mark(255, 300));
    assert!(!Writing { filter: Filter::Nearest, ..writing }.takes_mark(512, 512));
    assert!(Writing { filter: Filter::Nearest, factor: 1, ..writing }.takes_mark(512, 512));
    assert!(!Writing { format: "gif", ..writing }.takes_mark(512, 512));
}

#[test]
fn what_is_see_through_stays_so_and_hidden_colours_are_not_touched() {
    let mut p = scale(&scene(9, 128), 2, Filter::Lanczos);
    for pixel in p.rgba.chunks_exact_mut(4).take(256 * 60) {
        pixel[3] = 0;
    }
    let m = embed::embed(&p, 3, public());
    assert_eq!(m.rgba[..256 * 60 * 4], p.rgba[..256 * 60 * 4]);
    assert!(m.rgba.iter().zip(&p.rgba).skip(3).step_by(4).all(|(a, b)| a == b));
    assert_eq!(detect::detect(&m, public()).map(|d| d.payload), Some(3));
    assert_eq!(embed::embed(&Picture::filled(1, 1, [1, 2, 3, 4]), 3, public()).rgba, [1, 2, 3, 4]);
}

#[test]
fn a_payload_begins_the_hash() {
    assert_eq!(payload("deadbeef0123"), 0xDEAD_BEEF);
    assert_ne!(payload("nohash"), payload("other"));
}
