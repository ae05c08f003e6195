//! Films as animated PNG: exact, with alpha, endless.
//!
//! A frame is encoded as a PNG of its own, and its compressed pixels go into the film. The number of frames stands in
//! front of them and is only known at the end, so it is filled in then.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::film::{FilmSpec, FilmWriter, Pending, empty};
use super::metadata;
use crate::base::{Picture, Problem, Result};

struct Apng {
    out: Pending,
    spec: FilmSpec,
    /// Where the `acTL` chunk begins.
    control: u64,
    frames: u32,
    /// Number of the next animation chunk.
    sequence: u32,
}

/// A chunk with its length and checksum.
fn chunk(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let data = parts.concat();
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(&data);
    [&(data.len() as u32).to_be_bytes()[..], kind, &data, &crc.sum().to_be_bytes()].concat()
}

fn control(frames: u32) -> Vec<u8> {
    // 0 plays: for ever.
    chunk(b"acTL", &[&frames.to_be_bytes(), &0u32.to_be_bytes()])
}

/// Begins an animated PNG.
///
/// # Errors
/// The folder cannot be written (named).
pub fn begin(spec: FilmSpec) -> Result<Box<dyn FilmWriter>> {
    let mut head = b"\x89PNG\r\n\x1a\n".to_vec();
    // Eight bits a channel, RGBA: the film cannot know whether a later frame has transparency.
    head.extend(chunk(b"IHDR", &[&spec.width.to_be_bytes(), &spec.height.to_be_bytes(), &[8, 6, 0, 0, 0]]));
    head.extend(chunk(b"sRGB", &[&[0]]));
    for text in spec.recipe.as_ref().map(metadata::itxt).transpose()?.iter().flatten() {
        head.extend(chunk(b"iTXt", &[text]));
    }
    let at = head.len() as u64;
    head.extend(control(0));
    let mut out = Pending::new(&spec.path)?;
    out.file.write_all(&head).map_err(|e| out.fail(&e))?;
    Ok(Box::new(Apng { out, spec, control: at, frames: 0, sequence: 0 }))
}

/// The compressed pixels of a picture, as the `IDAT` chunks of a PNG hold them.
fn pixels(p: &Picture) -> Result<Vec<u8>> {
    let fail = |e: png::EncodingError| Problem::failed("This frame could not be written as PNG").because(e);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, p.width, p.height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(fail)?;
    writer.write_image_data(&p.rgba).map_err(fail)?;
    writer.finish().map_err(fail)?;
    let mut out = Vec::new();
    let mut rest = &bytes[8..];
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if after.len() < length + 8 {
            break;
        }
        if &after[..4] == b"IDAT" {
            out.extend_from_slice(&after[4..4 + length]);
        }
        rest = &after[length + 8..];
    }
    Ok(out)
}

impl Apng {
    fn next(&mut self) -> [u8; 4] {
        self.sequence += 1;
        (self.sequence - 1).to_be_bytes()
    }
}

impl FilmWriter for Apng {
    fn frame(&mut self, p: &Picture) -> Result<()> {
        let pixels = pixels(p)?;
        let number = self.next();
        // Place 0, 0; delay 1/fps; not disposed of; replaces what was there.
        let mut bytes = chunk(
            b"fcTL",
            &[
                &number,
                &self.spec.width.to_be_bytes(),
                &self.spec.height.to_be_bytes(),
                &[0; 8],
                &1u16.to_be_bytes(),
                &(self.spec.fps as u16).to_be_bytes(),
                &[0, 0],
            ],
        );
        if self.frames == 0 {
            bytes.extend(chunk(b"IDAT", &[&pixels]));
        } else {
            let number = self.next();
            bytes.extend(chunk(b"fdAT", &[&number, &pixels]));
        }
        self.frames += 1;
        self.out.file.write_all(&bytes).map_err(|e| self.out.fail(&e))
    }

    fn finish(mut self: Box<Self>) -> Result<PathBuf> {
        if self.frames == 0 {
            return Err(empty(&self.spec.path));
        }
        let (at, counted) = (self.control, control(self.frames));
        let file = &mut self.out.file;
        let done = file
            .write_all(&chunk(b"IEND", &[]))
            .and_then(|()| file.seek(SeekFrom::Start(at)))
            .and_then(|_| file.write_all(&counted));
        done.map_err(|e| self.out.fail(&e))?;
        self.out.keep()
    }
}

#[cfg(test)]
mod tests {
    use image::AnimationDecoder;

    use super::super::metadata::tests::full;
    use super::super::read_metadata::read_recipe;
    use super::*;

    #[test]
    fn frames_come_back_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.png");
        let spec = FilmSpec { path: path.clone(), width: 9, height: 6, fps: 30, recipe: Some(full()) };
        let sent: Vec<_> = (0..5u8)
            .map(|i| {
                let rgba =
                    (0..9 * 6u8).flat_map(|v| [v * 3, i * 50, 255 - v, v.wrapping_mul(i).wrapping_add(60)]).collect();
                Picture { width: 9, height: 6, rgba }
            })
            .collect();
        let mut film = begin(spec).unwrap();
        sent.iter().for_each(|f| film.frame(f).unwrap());
        film.finish().unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let decoder = image::codecs::png::PngDecoder::new(file).unwrap();
        let read = decoder.apng().unwrap().into_frames().collect_frames().unwrap();
        assert_eq!(read.len(), 5);
        for (frame, sent) in read.iter().zip(&sent) {
            assert_eq!(frame.buffer().as_raw(), &sent.rgba);
            let (n, d) = frame.delay().numer_denom_ms();
            assert!((f64::from(n) / f64::from(d) - 1000.0 / 30.0).abs() < 1.0);
        }
        let info = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap())).read_info().unwrap();
        let control = info.info().animation_control.unwrap();
        assert_eq!((control.num_frames, control.num_plays), (5, 0));
        assert_eq!(read_recipe(&path).unwrap(), Some(full()));
    }

    #[test]
    fn an_unfinished_film_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.png");
        std::fs::write(&path, "old").unwrap();
        let spec = FilmSpec { path: path.clone(), width: 2, height: 2, fps: 5, recipe: None };
        let mut film = begin(spec.clone()).unwrap();
        film.frame(&Picture::filled(2, 2, [1; 4])).unwrap();
        drop(film);
        assert!(begin(spec).unwrap().finish().is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
