//! Animations: the first frame in which there is something to see, as everybody shows it.

use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Frames, ImageFormat, RgbaImage};

use super::decode_errors::Reason;
use super::{MAX_PIXELS, PIXELS, check_size, decode_errors, most_pixels};

/// Frames that are looked through for something to see.
const FRAMES: usize = 64;

/// The picture of a GIF, and whether it is not the first frame; with `first` it is the first whatever is in it.
pub(super) fn of_gif(bytes: &[u8], first: bool) -> Result<(RgbaImage, bool), Reason> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    // Frames are checked against the same limit as pictures, below.
    options.set_memory_limit(MemoryLimit::Unlimited);
    let mut decoder = options.read_info(bytes).map_err(decode_errors::of_gif)?;
    let (mut width, mut height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    let mut screen = RgbaImage::default();
    let (mut held, mut held_bytes) = (None, 0);
    for k in 0..FRAMES {
        let Some(frame) = decoder.next_frame_info().map_err(decode_errors::of_gif)? else { break };
        let [left, top, across, down] = [frame.left, frame.top, frame.width, frame.height].map(u32::from);
        if k == 0 {
            if width == 0 || height == 0 {
                // Everybody takes the first frame's size then.
                (width, height) = (left + across, top + down);
            }
            check_size(width, height)?;
        }
        let size = u64::from(across) * u64::from(down);
        let most = most_pixels(ImageFormat::Gif, bytes.len());
        if size.max(u64::from(width) * u64::from(height)) > most {
            let what = format!("A frame of {across} × {down} pixels on {width} × {height} is too large for this file");
            return Err(what.into());
        }
        let needed = 4 * (u64::from(width) * u64::from(height) + size);
        if needed > held_bytes {
            // Given back before more is asked for.
            drop(held.take());
            (held, held_bytes) = (Some(PIXELS.hold(needed)), needed);
        }
        if screen.is_empty() {
            screen = RgbaImage::new(width, height);
        }
        let mut pixels = vec![0; decoder.buffer_size()];
        decoder.read_into_buffer(&mut pixels).map_err(decode_errors::of_gif)?;
        // What came before is see-through all over, so nothing of it shows whatever becomes of it.
        let rows = pixels.chunks_exact((4 * across).max(1) as usize).take(down as usize);
        let wide = 4 * across.min(width.saturating_sub(left)) as usize;
        for (y, row) in (top..height).zip(rows) {
            let at = 4 * (y * width + left.min(width)) as usize;
            let pixels: &mut [u8] = &mut screen;
            pixels[at..at + wide].copy_from_slice(&row[..wide]);
        }
        if first || !is_empty(&screen) {
            return Ok((screen, k > 0));
        }
    }
    if screen.is_empty() { Err("There is no picture in this GIF".into()) } else { Ok((screen, false)) }
}

/// The first frame of an animated PNG or WebP in which there is something to see, if there is one.
pub(super) fn later(format: ImageFormat, bytes: &[u8]) -> Option<RgbaImage> {
    let frames: Frames<'_> = match format {
        ImageFormat::WebP => {
            WebPDecoder::new(Cursor::new(bytes)).ok().filter(WebPDecoder::has_animation)?.into_frames()
        }
        ImageFormat::Png => {
            let decoder = PngDecoder::new(Cursor::new(bytes)).ok()?;
            decoder.is_apng().ok().filter(|is| *is)?;
            decoder.apng().ok()?.into_frames()
        }
        _ => return None,
    };
    let mut seen = 0;
    // No more work than one large picture takes.
    let mut some = frames.take(FRAMES).map_while(Result::ok).map(image::Frame::into_buffer).take_while(|frame| {
        seen += u64::from(frame.width()) * u64::from(frame.height());
        seen <= 2 * MAX_PIXELS
    });
    some.find(|frame| !is_empty(frame))
}

/// Whether there is nothing to see.
pub(super) fn is_empty(pixels: &RgbaImage) -> bool {
    pixels.chunks_exact(4).all(|p| p[3] == 0)
}
