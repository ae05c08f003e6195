//! Films as GIF: each frame with its own palette, endless.

use std::io::Write;
use std::path::PathBuf;

use gif::{DisposalMethod, Encoder, EncodingError, Extension, Frame, Repeat};

use super::film::{FilmSpec, FilmWriter, Pending, empty};
use super::metadata;
use super::palette::reduce;
use crate::base::{Picture, Problem, Result};

/// Viewers show frames shorter than this (in hundredths of a second) as if they were 0.1 s.
const SHORTEST: u64 = 2;

struct Gif {
    path: PathBuf,
    encoder: Encoder<Sink>,
    fps: u64,
    /// Frames seen.
    seen: u64,
    /// The frame to be written next, and its time in hundredths of a second.
    waiting: Option<(Frame<'static>, u64)>,
    /// Whether the first frame has see-through parts; it comes again after the last.
    first_is_clear: bool,
}

/// Hands bytes to the file; the encoder owns it.
struct Sink(Pending);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.file.flush()
    }
}

/// Begins a GIF.
///
/// # Errors
/// A side has more than 65535 pixels, or the folder cannot be written (named).
pub fn begin(spec: FilmSpec) -> Result<Box<dyn FilmWriter>> {
    let side = |v: u32| {
        u16::try_from(v).map_err(|_| {
            Problem::usage("A GIF cannot be so large").of(format!("{v} pixels")).try_this("Choose a smaller scale")
        })
    };
    let (width, height) = (side(spec.width)?, side(spec.height)?);
    let fail = |e: EncodingError| problem(&spec.path, e);
    let mut encoder = Encoder::new(Sink(Pending::new(&spec.path)?), width, height, &[]).map_err(fail)?;
    encoder.set_repeat(Repeat::Infinite).map_err(fail)?;
    if let Some(recipe) = &spec.recipe {
        let comment = metadata::comment(recipe)?;
        let blocks: Vec<&[u8]> = comment.as_bytes().chunks(255).collect();
        encoder.write_raw_extension(Extension::Comment.into(), &blocks).map_err(fail)?;
        encoder.get_mut().write_all(&xmp_block(&metadata::xmp(recipe))).map_err(|e| fail(e.into()))?;
    }
    Ok(Box::new(Gif {
        path: spec.path,
        encoder,
        fps: u64::from(spec.fps),
        seen: 0,
        waiting: None,
        first_is_clear: false,
    }))
}

/// XMP stands in a GIF as plain text, which readers of sub-blocks jump through; the trailer catches them wherever they
/// land (XMP specification part 3, §1.1.2).
fn xmp_block(xmp: &str) -> Vec<u8> {
    let mut block = b"\x21\xFF\x0BXMP DataXMP".to_vec();
    block.extend(xmp.as_bytes());
    block.push(1);
    block.extend((0..=255u8).rev());
    block.push(0);
    block
}

fn problem(path: &std::path::Path, e: EncodingError) -> Problem {
    match e {
        EncodingError::Io(e) => Problem::io("This file could not be written", path, &e),
        e => Problem::failed("This film could not be written as GIF").of(path.display().to_string()).because(e),
    }
}

impl Gif {
    /// Time of a frame in hundredths of a second, rounded; errors do not add up.
    fn time(&self, frame: u64) -> u64 {
        (frame * 100 + self.fps / 2) / self.fps
    }

    /// Writes the frame that waits. It must not shine through the see-through parts of the one that comes next.
    fn write_waiting(&mut self, until: u64, next_is_clear: bool) -> std::result::Result<(), EncodingError> {
        if let Some((mut frame, since)) = self.waiting.take() {
            frame.delay = u16::try_from(until - since).unwrap_or(u16::MAX);
            frame.dispose = if next_is_clear { DisposalMethod::Background } else { DisposalMethod::Any };
            self.encoder.write_frame(&frame)?;
        }
        Ok(())
    }

    fn fail(&self, e: EncodingError) -> Problem {
        problem(&self.path, e)
    }
}

impl FilmWriter for Gif {
    fn frame(&mut self, p: &Picture) -> Result<()> {
        let now = self.time(self.seen);
        self.seen += 1;
        // Above 50 frames a second some are left out, so that the film keeps its speed.
        if self.waiting.as_ref().is_some_and(|(_, since)| now - since < SHORTEST) {
            return Ok(());
        }
        let few = reduce(p);
        let is_clear = few.transparent.is_some();
        self.first_is_clear |= is_clear && self.seen == 1;
        self.write_waiting(now, is_clear).map_err(|e| self.fail(e))?;
        let frame = Frame {
            width: p.width as u16,
            height: p.height as u16,
            buffer: few.pixels.into(),
            palette: Some(few.palette),
            transparent: few.transparent,
            ..Frame::default()
        };
        self.waiting = Some((frame, now));
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<PathBuf> {
        let Some((_, since)) = self.waiting else {
            return Err(empty(&self.path));
        };
        let end = self.time(self.seen).max(since + SHORTEST);
        self.write_waiting(end, self.first_is_clear).map_err(|e| self.fail(e))?;
        let sink = self.encoder.into_inner().map_err(|e| Problem::failed("This GIF could not be ended").because(e))?;
        sink.0.keep()
    }
}

#[cfg(test)]
mod tests {
    use image::AnimationDecoder;

    use super::super::metadata::tests::full;
    use super::super::read_metadata::read_recipe;
    use super::*;

    fn write(fps: u32, frames: &[Picture]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.gif");
        let spec = FilmSpec {
            path: path.clone(),
            width: frames[0].width,
            height: frames[0].height,
            fps,
            recipe: Some(full()),
        };
        let mut film = begin(spec).unwrap();
        frames.iter().for_each(|f| film.frame(f).unwrap());
        assert_eq!(film.finish().unwrap(), path);
        (dir, path)
    }

    fn frames(count: u8, alpha: u8) -> Vec<Picture> {
        (0..count)
            .map(|i| {
                let mut p = Picture::filled(12, 7, [i * 20, 255 - i * 20, 90, 255]);
                p.paste(&Picture::filled(3, 3, [0, 0, 0, alpha]), u32::from(i), 2);
                p
            })
            .collect()
    }

    #[test]
    fn frames_come_back_exactly_with_their_times() {
        for alpha in [255, 0] {
            let sent = frames(9, alpha);
            let (_dir, path) = write(30, &sent);
            let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
            let decoder = image::codecs::gif::GifDecoder::new(file).unwrap();
            let read = decoder.into_frames().collect_frames().unwrap();
            assert_eq!(read.len(), 9);
            let mut total = 0;
            for (frame, sent) in read.iter().zip(&sent) {
                let (numerator, denominator) = frame.delay().numer_denom_ms();
                total += numerator / denominator;
                for (a, b) in frame.buffer().as_raw().chunks(4).zip(sent.rgba.chunks(4)) {
                    assert!(a == b || a[3] == 0 && b[3] == 0, "{a:?} {b:?}");
                }
            }
            assert_eq!(total, 300, "nine frames at 30 a second");
            assert_eq!(read_recipe(&path).unwrap(), Some(full()));
        }
    }

    #[test]
    fn no_frame_shines_through_the_next() {
        // Opaque, then with a hole, then opaque again, then a hole elsewhere.
        let hole = |at: u32| {
            let mut p = Picture::filled(12, 7, [10, 200, 90, 255]);
            p.paste(&Picture::filled(3, 3, [0; 4]), at, 2);
            p
        };
        let whole = Picture::filled(12, 7, [200, 20, 9, 255]);
        let sent = [whole.clone(), hole(1), whole, hole(6)];
        let (_dir, path) = write(10, &sent);
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let read = image::codecs::gif::GifDecoder::new(file).unwrap().into_frames().collect_frames().unwrap();
        for (frame, sent) in read.iter().zip(&sent) {
            let clear = |rgba: &[u8]| rgba.chunks(4).map(|p| p[3] == 0).collect::<Vec<_>>();
            assert_eq!(clear(frame.buffer().as_raw()), clear(&sent.rgba));
        }
        let mut decoder = gif::DecodeOptions::new().read_info(std::fs::File::open(&path).unwrap()).unwrap();
        let mut disposals = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            disposals.push(frame.dispose);
        }
        let (gone, kept) = (DisposalMethod::Background, DisposalMethod::Any);
        assert_eq!(disposals, [gone, kept, gone, kept], "the last is followed by the first, which covers it");
    }

    #[test]
    fn it_plays_for_ever_and_carries_the_mark() {
        let (_dir, path) = write(10, &frames(2, 255));
        let bytes = std::fs::read(&path).unwrap();
        let mut decoder = gif::DecodeOptions::new().read_info(bytes.as_slice()).unwrap();
        while decoder.read_next_frame().unwrap().is_some() {}
        assert_eq!(decoder.repeat(), Repeat::Infinite);
        assert!(bytes.windows(metadata::SOURCE_TYPE.len()).any(|w| w == metadata::SOURCE_TYPE.as_bytes()));
    }

    #[test]
    fn fast_films_keep_their_speed() {
        let (_dir, path) = write(100, &frames(10, 255));
        let mut decoder = gif::DecodeOptions::new().read_info(std::fs::File::open(&path).unwrap()).unwrap();
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [2; 5]);
    }
}
