//! Films as MP4: H.264 by openh264, at the finest quantiser its rate control takes, on one thread.

use std::io::Write;
use std::path::PathBuf;

use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, QpRange, RateControlMode, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use super::film::{FilmSpec, FilmWriter, Pending, empty, folder_of};
use super::metadata;
use super::mp4_muxer::{Muxer, Track};
use super::sheet::over;
use crate::base::{Picture, Problem, Result};

/// Smallest side that every decoder takes, in pixels: one macroblock.
const SMALLEST: u32 = 16;
/// Longest and shorter side that openh264 takes, in pixels.
const LARGEST: (u32, u32) = (3840, 2160);

struct Mp4 {
    encoder: Encoder,
    mux: Muxer<std::fs::File>,
    out: Pending,
    spec: FilmSpec,
    picture: Planes,
}

/// Begins an MP4. Sides are padded to even lengths of at least 16 by repeating the last pixels; what is see-through
/// becomes white. Colour is kept at half the resolution (4:2:0), which even scales of pixel art do not suffer from.
///
/// # Errors
/// The film is larger than 3840×2160, or the folder cannot be written (named).
pub fn begin(spec: FilmSpec) -> Result<Box<dyn FilmWriter>> {
    let even = |v: u32| v.max(SMALLEST).next_multiple_of(2);
    let (width, height) = (even(spec.width), even(spec.height));
    if width.max(height) > LARGEST.0 || width.min(height) > LARGEST.1 {
        return Err(Problem::usage("A film in this format cannot be so large")
            .of(format!("{}×{} pixels", spec.width, spec.height))
            .try_this(format!("Choose a smaller scale (at most {}×{}), or GIF or PNG", LARGEST.0, LARGEST.1)));
    }
    let rate = f64::from(width) * f64::from(height) * f64::from(spec.fps) * BITS_A_PIXEL;
    let config = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Quality)
        .bitrate(BitRate::from_bps(rate.clamp(2e6, 1.6e8) as u32))
        // Finer than 12 openh264 clamps; 18 keeps edges of pixel art clean where it wants to save.
        .qp(QpRange::new(12, 18))
        .max_frame_rate(FrameRate::from_hz(spec.fps as f32))
        .intra_frame_period(IntraFramePeriod::from_num_frames(spec.fps.max(2) * 2))
        .complexity(Complexity::High)
        .skip_frames(false)
        .scene_change_detect(false)
        .adaptive_quantization(false)
        .background_detection(false)
        // More threads cut the picture into slices: other bytes on other machines.
        .num_threads(1)
        .vui(VuiConfig::bt709());
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(broken)?;
    quiet(&mut encoder);
    // The spool has no name of its own to be left behind under.
    let fail = |e: std::io::Error| Problem::io("Files cannot be written to this folder", folder_of(&spec.path), &e);
    let out = Pending::new(&spec.path)?;
    let spool = tempfile::tempfile_in(folder_of(&spec.path)).map_err(fail)?;
    let track = Track { width: width as u16, height: height as u16, fps: spec.fps };
    let mux = Muxer::new(track, spool);
    let picture = Planes::new(width as usize, height as usize);
    Ok(Box::new(Mp4 { encoder, mux, out, spec, picture }))
}

/// Bits that rate control may spend on a pixel; far more than it needs at its finest quantiser.
const BITS_A_PIXEL: f64 = 8.0;

/// Keeps openh264's own remarks off the standard error stream.
fn quiet(encoder: &mut Encoder) {
    const TRACE_LEVEL: i32 = 25;
    let mut silent: i32 = 0;
    // SAFETY: the encoder is alive; this option is allowed before it is initialised, and reads one 32-bit integer.
    unsafe {
        encoder.raw_api().set_option(TRACE_LEVEL, (&raw mut silent).cast());
    }
}

fn broken(e: openh264::Error) -> Problem {
    Problem::failed("The video encoder failed").because(e)
}

impl FilmWriter for Mp4 {
    fn frame(&mut self, p: &Picture) -> Result<()> {
        self.picture.fill(&over(p, [255; 3]));
        let time = self.mux.count() as u64 * 1000 / u64::from(self.spec.fps);
        let stream = self.encoder.encode_at(&self.picture, Timestamp::from_millis(time)).map_err(broken)?.to_vec();
        if stream.is_empty() {
            return Err(Problem::failed("The video encoder left out a frame"));
        }
        self.mux.picture(&stream).map_err(|e| self.out.fail(&e))
    }

    fn finish(self: Box<Self>) -> Result<PathBuf> {
        if self.mux.count() == 0 {
            return Err(empty(&self.spec.path));
        }
        let mut this = *self;
        let mut extra = Vec::new();
        if let Some(recipe) = &this.spec.recipe {
            this.mux.comment(metadata::comment(recipe)?);
            extra.push((metadata::RECIPE_UUID, metadata::json(recipe)?.into_bytes()));
            extra.push((metadata::XMP_UUID, metadata::xmp(recipe).into_bytes()));
        }
        let Self { mux, mut out, .. } = this;
        mux.finish(&mut out.file, &extra).and_then(|()| out.file.flush()).map_err(|e| out.fail(&e))?;
        out.keep()
    }
}

/// A picture as luma and two chroma planes of half the size (4:2:0), BT.709, limited range.
struct Planes {
    width: usize,
    height: usize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Planes {
    fn new(width: usize, height: usize) -> Self {
        let quarter = width * height / 4;
        Self { width, height, y: vec![0; width * height], u: vec![0; quarter], v: vec![0; quarter] }
    }

    /// Integers throughout, so that no machine rounds otherwise.
    fn fill(&mut self, p: &Picture) {
        let pixel = |x: usize, y: usize| {
            let (x, y) = (x.min(p.width as usize - 1), y.min(p.height as usize - 1));
            let i = (y * p.width as usize + x) * 4;
            [i32::from(p.rgba[i]), i32::from(p.rgba[i + 1]), i32::from(p.rgba[i + 2])]
        };
        for y in (0..self.height).step_by(2) {
            for x in (0..self.width).step_by(2) {
                let mut sum = [0; 3];
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let [r, g, b] = pixel(x + dx, y + dy);
                    // 0.2126, 0.7152, 0.0722 times 219/255, in 65536ths.
                    let luma = (11966 * r + 40254 * g + 4064 * b + (16 << 16) + (1 << 15)) >> 16;
                    self.y[(y + dy) * self.width + x + dx] = luma as u8;
                    sum[0] += r;
                    sum[1] += g;
                    sum[2] += b;
                }
                let [r, g, b] = sum;
                let i = y / 2 * (self.width / 2) + x / 2;
                let chroma = |v: i32| ((v + (128 << 18) + (1 << 17)) >> 18) as u8;
                self.u[i] = chroma(-6596 * r - 22189 * g + 28785 * b);
                self.v[i] = chroma(28785 * r - 26145 * g - 2640 * b);
            }
        }
    }
}

impl YUVSource for Planes {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}

/// Tests, and what other tests use of them.
#[cfg(test)]
pub mod tests {
    use openh264::decoder::Decoder;

    use super::super::metadata::tests::full;
    use super::super::mp4_reader::rgb;
    use super::super::read_metadata::read_recipe;
    use super::*;

    /// The content of the box at this path of types.
    fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
        let Some((kind, deeper)) = path.split_first() else { return bytes };
        let mut at = 0;
        loop {
            let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            if bytes[at + 4..at + 8] == **kind {
                // Tables of descriptions have eight bytes in front, a picture description 78.
                let skip = match *kind {
                    b"stsd" => 8,
                    b"avc1" => 78,
                    _ => 0,
                };
                return find(&bytes[at + 8 + skip..at + size], deeper);
            }
            at += size;
        }
    }

    fn words(bytes: &[u8]) -> Vec<usize> {
        bytes.chunks_exact(4).map(|c| u32::from_be_bytes(c.try_into().unwrap()) as usize).collect()
    }

    /// Reads a film back: size and pictures.
    pub fn read(bytes: &[u8]) -> Vec<Picture> {
        let table = find(bytes, &[b"moov", b"trak", b"mdia", b"minf", b"stbl"]);
        let config = find(table, &[b"stsd", b"avc1", b"avcC"]);
        let sps = 8 + u16::from_be_bytes([config[6], config[7]]) as usize;
        let pps = sps + 3 + u16::from_be_bytes([config[sps + 1], config[sps + 2]]) as usize;
        let code = [0, 0, 0, 1];
        let mut stream = [&code, &config[8..sps], &code, &config[sps + 3..pps]].concat();
        let mut decoder = Decoder::new().unwrap();
        let mut pictures = Vec::new();
        let mut at = words(find(table, &[b"stco"]))[2];
        for &size in &words(find(table, &[b"stsz"]))[3..] {
            let mut sample = &bytes[at..at + size];
            at += size;
            while let Some((length, rest)) = sample.split_first_chunk::<4>() {
                let (unit, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
                stream.extend(code);
                stream.extend(unit);
                sample = rest;
            }
            if let Some(yuv) = decoder.decode(&stream).unwrap() {
                pictures.push(rgb(&yuv));
            }
            stream.clear();
        }
        pictures.extend(decoder.flush_remaining().unwrap().iter().map(rgb));
        pictures
    }

    /// Peak signal to noise ratio in dB over the part that both have.
    pub fn psnr(a: &Picture, b: &Picture) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        for y in 0..a.height.min(b.height) {
            for x in 0..a.width.min(b.width) {
                for (p, q) in a.pixel(x, y)[..3].iter().zip(&b.pixel(x, y)[..3]) {
                    sum += (f64::from(*p) - f64::from(*q)).powi(2);
                    n += 1.0;
                }
            }
        }
        10.0 * (255.0f64.powi(2) * n / f64::max(sum, 1e-9)).log10()
    }

    /// Pixel art in motion: flat blocks of strong colours.
    pub fn art(frame: u32, side: u32) -> Picture {
        let mut p = Picture::filled(side, side, [250, 210, 40, 255]);
        for i in 0..side / 2 {
            let colour = [(i * 37 % 256) as u8, (i * 91 % 256) as u8, (200 - i * 13 % 200) as u8, 255];
            p.paste(&Picture::filled(2, 2, colour), (i * 5 + frame) % side, (i * 3 + frame / 2) % side);
        }
        p
    }

    /// A film's file.
    pub fn write(frames: &[Picture], fps: u32) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.mp4");
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
        assert_eq!(read_recipe(&path).unwrap(), Some(full()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no spool is left");
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn pixel_art_comes_back_nearly_as_it_was() {
        let frames: Vec<_> = (0..40).map(|i| art(i, 32).enlarged(4)).collect();
        let bytes = write(&frames, 30);
        let read = read(&bytes);
        assert_eq!(read.len(), 40);
        for (i, (a, b)) in frames.iter().zip(&read).enumerate() {
            assert_eq!((b.width, b.height), (128, 128));
            let db = psnr(a, b);
            assert!(db > 45.0, "frame {i}: {db} dB");
        }
        assert_eq!(bytes, write(&frames, 30), "same frames, same file");
        assert!(bytes.windows(metadata::SOURCE_TYPE.len()).any(|w| w == metadata::SOURCE_TYPE.as_bytes()));
    }

    #[test]
    fn the_recipe_is_still_there_when_boxes_of_our_own_are_not() {
        let mut bytes = write(&[art(0, 32), art(1, 32)], 10);
        let read = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            read_recipe(file.path()).unwrap()
        };
        // Programs that copy the stream write the index anew, without boxes that they do not know.
        while let Some(at) = bytes.windows(4).position(|w| w == b"uuid") {
            bytes[at..at + 4].copy_from_slice(b"free");
        }
        assert_eq!(read(&bytes), Some(full()));
        // QuickTime's own form of the comment, and the index behind the pictures.
        let text = metadata::comment(&full()).unwrap();
        let boxed = |kind: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
        let note =
            boxed(b"\xA9cmt", &[&(text.len() as u16).to_be_bytes()[..], &[0x55, 0xC4], text.as_bytes()].concat());
        let file = [boxed(b"ftyp", b"qt  "), boxed(b"mdat", &[0; 99]), boxed(b"moov", &boxed(b"udta", &note))].concat();
        assert_eq!(read(&file), Some(full()));
        assert_eq!(read(&file[..file.len() - 30]), None);
    }

    #[test]
    fn the_recipe_survives_a_copy_of_the_stream() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.mp4"), dir.path().join("b.mp4"));
        std::fs::write(&from, write(&[art(0, 32), art(1, 32)], 10)).unwrap();
        let args = ["-v", "error", "-i", from.to_str().unwrap(), "-c", "copy", to.to_str().unwrap()];
        match std::process::Command::new("ffmpeg").args(args).status() {
            Ok(status) => {
                assert!(status.success());
                assert_eq!(read_recipe(&to).unwrap(), Some(full()));
            }
            Err(_) => eprintln!("skipped: ffmpeg is not installed"),
        }
    }

    #[test]
    fn odd_and_tiny_sizes_are_padded() {
        for (width, height) in [(1, 1), (17, 33), (28, 16), (31, 64)] {
            let frames: Vec<_> = (0..4u8).map(|i| Picture::filled(width, height, [200, i * 40, 90, 255])).collect();
            let read = read(&write(&frames, 12));
            assert_eq!(read.len(), 4);
            for (a, b) in frames.iter().zip(&read) {
                assert_eq!(
                    (b.width, b.height),
                    (width.max(16).next_multiple_of(2), height.max(16).next_multiple_of(2))
                );
                assert!(psnr(a, b) > 40.0, "{width}×{height}");
            }
        }
    }

    #[test]
    fn what_is_see_through_is_white_and_time_is_kept() {
        let bytes = write(&vec![Picture::filled(16, 16, [0, 0, 0, 0]); 9], 25);
        for p in read(&bytes) {
            assert!(p.rgba.iter().all(|&v| v > 250));
        }
        let mvhd = words(find(&bytes, &[b"moov", b"mvhd"]));
        assert_eq!((mvhd[1], mvhd[2]), (0, 0), "no clock in the file");
        assert!((mvhd[4] as f64 / mvhd[3] as f64 - 9.0 / 25.0).abs() < 1e-9);
    }

    #[test]
    fn too_large_films_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let spec = FilmSpec { path: dir.path().join("a.mp4"), width: 4096, height: 64, fps: 30, recipe: None };
        assert!(begin(spec).err().unwrap().remedy.is_some());
    }
}
