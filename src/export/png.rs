//! Single pictures as PNG, with their recipe.

use std::path::Path;

use super::metadata;
use crate::base::paths::write_atomically;
use crate::base::{Channels, Picture, Problem, Result, Shape};
use crate::recipe::picture::PictureRecipe;

/// Longest side of a written picture, in pixels; as it is read.
pub const LONGEST_SIDE: u32 = crate::base::pixels::LONGEST_SIDE;
/// Most pixels of a written picture: as many as are read, so that each can be made again and compared.
pub const MOST_PIXELS: u64 = crate::base::pixels::MOST_PIXELS;
/// Bytes of a recipe and the mark, about.
const RECIPE_BYTES: u64 = 4096;

/// Makes sure that a picture is one: not empty, not too large, with as many bytes as its size says.
///
/// # Errors
/// Says which of these it is not.
pub fn check(p: &Picture) -> Result<()> {
    check_size(u64::from(p.width), u64::from(p.height))?;
    if p.rgba.len() as u64 == u64::from(p.width) * u64::from(p.height) * 4 {
        return Ok(());
    }
    let what = format!("A picture of {}×{} pixels has {} bytes", p.width, p.height, p.rgba.len());
    Err(Problem::failed(what))
}

/// Makes sure that a picture of this size can be written.
///
/// # Errors
/// It is empty or too large.
pub fn check_size(width: u64, height: u64) -> Result<()> {
    let subject = format!("{width}×{height} pixels");
    if width == 0 || height == 0 {
        return Err(Problem::usage("There is no picture to write").of(subject));
    }
    if width.max(height) > u64::from(LONGEST_SIDE) || width * height > MOST_PIXELS {
        return Err(Problem::usage("This picture would be too large")
            .of(subject)
            .try_this("Choose a smaller scale or fewer pictures"));
    }
    Ok(())
}

/// Bytes of a PNG file at most, about: what its pixels take before they are packed, and its recipe.
pub fn most_bytes(shape: Shape, factor: u32, recipe: bool) -> u64 {
    let size = shape.resolution.pixels() as u64 * u64::from(factor).pow(2);
    let channels = if shape.channels == Channels::Rgba { 4 } else { 3 };
    size * channels + if recipe { RECIPE_BYTES } else { 0 }
}

/// The bytes of a PNG file: RGB, or RGBA if any pixel is not opaque; with the recipe and the mark if given.
/// The same picture and recipe always give the same bytes.
///
/// # Errors
/// The picture is empty, too large, or its bytes do not match its size.
pub fn png_bytes(p: &Picture, recipe: Option<&PictureRecipe>) -> Result<Vec<u8>> {
    encode(p, recipe, png::Compression::Balanced)
}

/// The bytes of a PNG file that is soon read again, such as a thumbnail: quick, without recipe.
///
/// # Errors
/// As [`png_bytes`].
pub fn thumb_bytes(p: &Picture) -> Result<Vec<u8>> {
    encode(p, None, png::Compression::Fast)
}

fn encode(p: &Picture, recipe: Option<&PictureRecipe>, compression: png::Compression) -> Result<Vec<u8>> {
    check(p)?;
    let opaque = p.rgba.chunks_exact(4).all(|px| px[3] == 255);
    let mut bytes = Vec::new();
    let fail = |e: png::EncodingError| Problem::failed("This picture could not be written as PNG").because(e);
    let mut encoder = png::Encoder::new(&mut bytes, p.width, p.height);
    encoder.set_color(if opaque { png::ColorType::Rgb } else { png::ColorType::Rgba });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(compression);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let mut writer = encoder.write_header().map_err(fail)?;
    for chunk in recipe.map(metadata::itxt).transpose()?.into_iter().flatten() {
        writer.write_chunk(png::chunk::iTXt, &chunk).map_err(fail)?;
    }
    if opaque {
        writer.write_image_data(&p.to_interleaved(crate::base::Channels::Rgb)).map_err(fail)?;
    } else {
        writer.write_image_data(&p.rgba).map_err(fail)?;
    }
    writer.finish().map_err(fail)?;
    Ok(bytes)
}

/// A PNG with an `iTXt` chunk before its end, in place of one under the same keyword; its pixels stay as they are.
pub fn with_text(png: &[u8], key: &str, text: &str) -> Vec<u8> {
    let key = [key.as_bytes(), &[0]].concat();
    let mut out = png[..png.len().min(8)].to_vec();
    let mut at = 8;
    while let Some(head) = png.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(chunk) = png.get(at..at + 12 + length) else { break };
        if &head[4..] == b"IEND" {
            let body = [b"iTXt", &key[..], &[0, 0, 0, 0], text.as_bytes()].concat();
            out.extend(((body.len() - 4) as u32).to_be_bytes());
            out.extend(&body);
            let mut crc = flate2::Crc::new();
            crc.update(&body);
            out.extend(crc.sum().to_be_bytes());
        }
        if &head[4..] != b"iTXt" || !chunk[8..].starts_with(&key) {
            out.extend(chunk);
        }
        at += chunk.len();
    }
    out
}

/// A PNG in memory as a picture.
///
/// # Errors
/// It is damaged.
pub fn decode(bytes: &[u8]) -> Result<Picture> {
    let fail = |e: image::ImageError| Problem::data("This PNG cannot be read").because(e);
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Png);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    reader.limits(limits);
    let rgba = reader.decode().map_err(fail)?.into_rgba8();
    Ok(Picture { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() })
}

/// Writes a picture to `path`, wholly or not at all; a file that is there is replaced.
///
/// # Errors
/// The name says that the file is no PNG, as [`png_bytes`], or the disk is full or the folder cannot be written (named).
pub fn write_png(path: &Path, p: &Picture, recipe: Option<&PictureRecipe>) -> Result<()> {
    check_name(path)?;
    write_atomically(path, &png_bytes(p, recipe)?)
}

/// Makes sure that a name does not promise another kind of file than PNG: some programs go by it.
///
/// # Errors
/// It has another ending than `.png`.
pub fn check_name(path: &Path) -> Result<()> {
    match path.extension() {
        Some(e) if !e.eq_ignore_ascii_case("png") => Err(Problem::usage("This picture is written as PNG only")
            .of(path.display().to_string())
            .try_this("Use a name that ends in .png")),
        _ => Ok(()),
    }
}

/// Lays `cells` out (see [`super::sheet::lay`]; `columns` 0: nearly square) and writes them as one PNG.
///
/// # Errors
/// There are no cells, or as [`write_png`].
pub fn write_grid(
    path: &Path,
    cells: &[Picture],
    columns: usize,
    gap: u32,
    recipe: Option<&PictureRecipe>,
) -> Result<()> {
    let style = super::sheet::Style { columns, gap, ..Default::default() };
    write_png(path, &super::sheet::lay(cells, &style)?, recipe)
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::full;
    use super::*;

    fn speckled(alpha: u8) -> Picture {
        let rgba = (0..5u8 * 3).flat_map(|i| [i * 17, 255 - i * 9, i * 3, if i == 4 { alpha } else { 255 }]).collect();
        Picture { width: 5, height: 3, rgba }
    }

    #[test]
    fn pictures_come_back_bit_for_bit_and_keep_alpha() {
        for alpha in [0, 77, 255] {
            let p = speckled(alpha);
            let bytes = png_bytes(&p, Some(&full())).unwrap();
            assert_eq!(decode(&bytes).unwrap(), p);
            // Byte 25 of a PNG is its colour type: 2 is RGB, 6 is RGBA.
            assert_eq!(bytes[25], if alpha == 255 { 2 } else { 6 });
            assert_eq!(bytes, png_bytes(&p, Some(&full())).unwrap(), "same bytes every time");
        }
    }

    #[test]
    fn other_programs_see_the_text_chunks() {
        let bytes = png_bytes(&speckled(9), Some(&full())).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let texts = &reader.info().utf8_text;
        let recipe = texts.iter().find(|t| t.keyword == metadata::KEY).unwrap();
        assert_eq!(metadata::parse(&recipe.get_text().unwrap()).unwrap(), full());
        let xmp = texts.iter().find(|t| t.keyword == metadata::XMP_KEY).unwrap();
        assert!(!xmp.compressed && xmp.get_text().unwrap().contains(metadata::SOURCE_TYPE));
        let bare = png_bytes(&speckled(9), None).unwrap();
        assert!(!bare.windows(4).any(|w| w == b"iTXt"), "the switch is off");
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(png_bytes(&Picture::default(), None).is_err());
        assert!(png_bytes(&Picture { width: 4, height: 4, rgba: vec![0; 5] }, None).is_err());
        assert!(check_size(40_000, 1).is_err());
        assert!(decode(&png_bytes(&speckled(0), None).unwrap()[..40]).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let problem = write_png(&file.join("sub.png"), &speckled(0), None).unwrap_err();
        assert!(problem.subject.unwrap().contains("file"));
    }

    #[test]
    fn a_grid_is_one_picture() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grid.png");
        write_grid(&path, &vec![speckled(255); 7], 3, 2, Some(&full())).unwrap();
        let sheet = decode(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((sheet.width, sheet.height), (3 * 7 + 2, 3 * 5 + 2));
    }
}
