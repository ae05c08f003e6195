//! Bad input, made here and fed to the real decoder, survey and preparation: none panics, each is named with its reason.

use std::io::{Cursor, Write};
use std::path::Path;

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageBuffer, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::{decode_bytes, prepare, survey};
use crate::base::progress::Quiet;
use crate::base::rng::Stream;
use crate::recipe::{DataRecipe, Reading};

/// A picture with detail everywhere, so that no format packs it to nothing.
fn busy(w: u32, h: u32) -> RgbImage {
    let mut s = Stream::new(3, "busy");
    RgbImage::from_fn(w, h, |x, y| Rgb([(x * 5) as u8, (y * 3) as u8, s.bits() as u8]))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    out.extend(kind);
    out.extend(data);
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    out.extend(crc.sum().to_be_bytes());
}

/// A PNG that promises `w × h` pixels and holds a few zeros.
fn png_that_promises(w: u32, h: u32) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, b"IHDR", &[&w.to_be_bytes()[..], &h.to_be_bytes(), &[8, 6, 0, 0, 0]].concat());
    let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    z.write_all(&vec![0; 1 << 20]).unwrap();
    chunk(&mut out, b"IDAT", &z.finish().unwrap());
    chunk(&mut out, b"IEND", &[]);
    out
}

/// An 8×8 baseline JPEG of four flat components, as Photoshop writes CMYK (inverted, Adobe marker).
fn cmyk_jpeg(components: [u8; 4]) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    let mut segment = |marker: u8, data: &[u8]| {
        out.extend([0xff, marker]);
        out.extend((data.len() as u16 + 2).to_be_bytes());
        out.extend(data);
    };
    segment(0xee, b"Adobe\0\x64\0\0\0\0\0");
    segment(0xdb, &[&[0][..], &[8; 64]].concat());
    let mut frame = vec![8, 0, 8, 0, 8, 4];
    (1..=4).for_each(|id| frame.extend([id, 0x11, 0]));
    segment(0xc0, &frame);
    // DC: nine categories with codes of four bits. AC: only the end of a block, with a code of one bit.
    segment(0xc4, &[&[0x00, 0, 0, 0, 9][..], &[0; 12], &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat());
    segment(0xc4, &[&[0x10, 1][..], &[0; 15], &[0]].concat());
    segment(0xda, &[4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    let mut bits = String::new();
    for v in components {
        let dc = i32::from(v) - 128;
        let category = 32 - dc.unsigned_abs().leading_zeros();
        bits += &format!("{category:04b}");
        let value = if dc < 0 { dc + (1 << category) - 1 } else { dc };
        if category > 0 {
            bits += &format!("{value:0width$b}", width = category as usize);
        }
        bits.push('0');
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
        out.push(byte);
        if byte == 0xff {
            out.push(0);
        }
    }
    out.extend([0xff, 0xd9]);
    out
}

/// Puts an EXIF block with this orientation and some private words behind the start of a JPEG.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut out = jpeg[..2].to_vec();
    out.extend([0xff, 0xe1]);
    out.extend((exif.len() as u16 + 2).to_be_bytes());
    out.extend(exif);
    out.extend(&jpeg[2..]);
    out
}

#[test]
fn unusual_pictures_are_read_right() {
    let red = decode_bytes(&cmyk_jpeg([255, 0, 0, 255]), "cmyk.jpg").unwrap().pixel(4, 4);
    assert!(red[0] > 240 && red[1] < 15 && red[2] < 15 && red[3] == 255, "{red:?}");

    let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_pixel(8, 8, Rgb([65535, 32896, 257]));
    let p = decode_bytes(&encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png), "16.png").unwrap();
    assert_eq!(p.pixel(3, 3), [255, 128, 1, 255]);

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
    encoder.set_trns(vec![255, 64, 0]);
    encoder.write_header().unwrap().write_image_data(&[0b00_01_10_11; 16]).unwrap();
    let p = decode_bytes(&bytes, "palette.png").unwrap();
    let row: Vec<_> = (0..4).map(|x| p.pixel(x, 5)).collect();
    assert_eq!(row, [[255, 0, 0, 255], [0, 255, 0, 64], [0, 0, 255, 0], [9, 9, 9, 255]]);

    let mut bytes = Vec::new();
    {
        let mut encoder = GifEncoder::new(&mut bytes);
        for v in [[255, 0, 0, 255], [0, 0, 255, 255]] {
            encoder.encode_frame(Frame::new(RgbaImage::from_pixel(8, 8, Rgba(v)))).unwrap();
        }
    }
    assert_eq!(decode_bytes(&bytes, "film.gif").unwrap().pixel(2, 2), [255, 0, 0, 255], "the first frame");

    let light = image::Rgb32FImage::from_pixel(8, 8, Rgb([0.25, 1.0, 4.0]));
    let p = decode_bytes(&encoded(&DynamicImage::ImageRgb32F(light), ImageFormat::Hdr), "x.hdr").unwrap();
    assert!(p.pixel(1, 1)[0].abs_diff(137) < 3 && p.pixel(1, 1)[2] == 255, "linear light becomes sRGB");
}

#[test]
fn exif_turns_the_picture_and_is_gone() {
    let mut image = RgbImage::from_pixel(24, 16, Rgb([0, 0, 0]));
    (0..8).for_each(|i| (0..8).for_each(|j| image.put_pixel(i, j, Rgb([255, 255, 255]))));
    let jpeg = encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Jpeg);
    let lit = |orientation: u8| {
        let p = decode_bytes(&with_orientation(&jpeg, orientation), "x.jpg").unwrap();
        let corner = |x: u32, y: u32| p.pixel(x, y)[0] > 128;
        let (r, b) = (p.width - 3, p.height - 3);
        ((p.width, p.height), [corner(2, 2), corner(r, 2), corner(2, b), corner(r, b)])
    };
    assert_eq!(lit(1), ((24, 16), [true, false, false, false]));
    assert_eq!(lit(3), ((24, 16), [false, false, false, true]));
    assert_eq!(lit(6), ((16, 24), [false, true, false, false]));
    assert_eq!(lit(8), ((16, 24), [false, false, true, false]));
    assert_eq!(lit(200).0, (24, 16), "nonsense is ignored");
}

#[test]
fn cut_off_and_damaged_files_never_pass_for_pictures() {
    let image = DynamicImage::ImageRgb8(busy(40, 30));
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Tga,
        ImageFormat::Pnm,
        ImageFormat::Qoi,
        ImageFormat::Ico,
    ];
    let mut s = Stream::new(8, "flip");
    for format in formats {
        let image = if format == ImageFormat::Ico { DynamicImage::ImageRgba8(image.to_rgba8()) } else { image.clone() };
        let name = format!("x.{}", format.extensions_str()[0]);
        let whole = encoded(&image, format);
        let p = decode_bytes(&whole, &name).unwrap_or_else(|e| panic!("{format:?}: {e}"));
        assert_eq!((p.width, p.height), (40, 30));
        for part in [0.02, 0.3, 0.6, 0.9] {
            let cut = &whole[..(whole.len() as f64 * part) as usize];
            let e = decode_bytes(cut, &name).err().unwrap_or_else(|| panic!("{format:?} cut to {part} was taken"));
            assert!(!e.what.is_empty() && e.subject.as_deref() == Some(name.as_str()));
        }
        for _ in 0..200 {
            let mut bytes = whole.clone();
            for _ in 0..=s.below(4) {
                let at = s.below(bytes.len() as u64) as usize;
                bytes[at] = s.bits() as u8;
            }
            // Either is right; a panic or endless memory is not.
            let _ = decode_bytes(&bytes, &name);
        }
    }
}

fn bad_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let image = DynamicImage::ImageRgb8(busy(40, 30));
    let (png, jpeg) = (encoded(&image, ImageFormat::Png), encoded(&image, ImageFormat::Jpeg));
    let mut huge_jpeg = jpeg.clone();
    let sof = huge_jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    huge_jpeg[sof + 5..sof + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    let long = DynamicImage::ImageLuma8(image::GrayImage::new(30_000, 1));
    let dot = DynamicImage::ImageRgb8(busy(1, 1));
    vec![
        ("empty.png", Vec::new(), "empty"),
        ("cut.png", png[..png.len() / 2].to_vec(), "cut off"),
        ("cut.jpg", jpeg[..jpeg.len() / 2].to_vec(), "cut off"),
        ("text.png", b"I am no picture at all, really not".to_vec(), "text"),
        ("page.jpg", b"<!DOCTYPE html><html>".to_vec(), "text"),
        ("noise.gif", (0..255).collect(), "known format"),
        ("zip.webp", b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaa".to_vec(), "zip"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0".to_vec(), "HEIC"),
        ("dot.png", encoded(&dot, ImageFormat::Png), "too small"),
        ("long.png", encoded(&long, ImageFormat::Png), "too long"),
        ("bomb.png", png_that_promises(60_000, 60_000), "too long"),
        ("bomb-2.png", png_that_promises(16_000, 16_000), "too large"),
        ("bomb-3.png", png_that_promises(9_000, 9_000), "cut off"),
        ("huge.jpg", huge_jpeg, "too long"),
    ]
}

fn good_files() -> Vec<(&'static str, Vec<u8>)> {
    let image = DynamicImage::ImageRgb8(busy(40, 30));
    let jpeg = encoded(&image, ImageFormat::Jpeg);
    vec![
        ("good.png", encoded(&image, ImageFormat::Png)),
        ("no-end.jpg", jpeg[..jpeg.len() - 2].to_vec()),
        ("really-a-jpeg.png", encoded(&image, ImageFormat::Jpeg)),
        ("really-a-gif.txt", encoded(&image, ImageFormat::Gif)),
        ("no-extension", encoded(&image, ImageFormat::Bmp)),
        ("print.jpg", cmyk_jpeg([200, 100, 50, 255])),
    ]
}

fn check(source: &Path) {
    let source = source.to_str().unwrap();
    let found = survey(source, Reading::default(), &Quiet::default()).unwrap();
    assert_eq!(found.entries.len(), good_files().len(), "{:?}", found.broken);
    assert_eq!(found.broken.len(), bad_files().len(), "{:?}", found.broken);
    for (name, _, reason) in bad_files() {
        let broken = found.broken.iter().find(|b| b.file == name).unwrap_or_else(|| panic!("{name} is not listed"));
        assert!(broken.reason.contains(reason), "{name}: {} (expected: {reason})", broken.reason);
    }
    let cache = tempfile::tempdir().unwrap();
    let recipe = DataRecipe { source: source.into(), resolution: 16.into(), ..DataRecipe::default() };
    let prepared = prepare(&recipe, cache.path(), &Quiet::default()).unwrap();
    assert_eq!(prepared.len(), good_files().len());
    assert_eq!(prepared.broken().len(), found.broken.len());
}

#[test]
fn a_folder_of_bad_files_is_sorted_out() {
    let dir = tempfile::tempdir().unwrap();
    let good = good_files();
    let bad = bad_files();
    for (name, bytes) in good.iter().map(|(n, b)| (n, b)).chain(bad.iter().map(|(n, b, _)| (n, b))) {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    check(dir.path());
}

#[test]
fn a_zip_of_bad_files_is_sorted_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.zip");
    let mut zip = ::zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let good = good_files();
    let bad = bad_files();
    for (name, bytes) in good.iter().map(|(n, b)| (n, b)).chain(bad.iter().map(|(n, b, _)| (n, b))) {
        zip.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    check(&path);
}

#[test]
fn a_folder_with_nothing_in_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let found = survey(dir.path().to_str().unwrap(), Reading::default(), &Quiet::default()).unwrap();
    assert!(found.entries.is_empty() && found.broken.is_empty());
    let cache = tempfile::tempdir().unwrap();
    let recipe = DataRecipe { source: dir.path().to_str().unwrap().into(), ..DataRecipe::default() };
    let p = prepare(&recipe, cache.path(), &Quiet::default()).unwrap_err();
    assert!(p.what.contains("no usable pictures") && p.remedy.is_some());
    assert_eq!(p.exit_code(), 3);
}
