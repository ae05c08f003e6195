//! Small PNG files, of which most collections consist, without the cost of a decoder that can do everything.
//!
//! What is plain and whole is decoded here: at most [`LONGEST`] pixels a side, grey or colour of 8 bits a channel or a
//! palette, not interlaced, every checksum right, nothing in it that could change the pixels. Everything else is left to
//! the general decoder, which gives the same pixels where both can, and says what is wrong where neither can.
//! PNG, third edition: <https://www.w3.org/TR/png-3/>.

use std::cell::Cell;

use super::png_lines::{in_place, quads};
use crate::base::Picture;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Longest side that is decoded here; the cost of the general decoder does not show in larger ones.
pub(super) const LONGEST: u32 = 1024;
/// Scratch up to so many bytes is kept for the next picture.
const KEPT: usize = 1 << 20;
/// Chunks without meaning for 8-bit pixels on their way into a model.
const PLAIN: [&[u8; 4]; 8] = [b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tIME", b"tEXt", b"bKGD", b"sBIT"];

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Memory of a thread, used again for every picture.
#[derive(Default)]
struct Scratch {
    /// Compressed data, where it lies in several chunks.
    joined: Vec<u8>,
    /// Filtered lines, and a few bytes more.
    lines: Vec<u8>,
}

/// What the header says.
struct Head {
    width: u32,
    height: u32,
    depth: usize,
    colour: u8,
}

impl Head {
    fn of(data: &[u8]) -> Option<Self> {
        let data: &[u8; 13] = data.try_into().ok()?;
        let side = |at: usize| u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        let [depth, colour, compression, filter, interlace] = [data[8], data[9], data[10], data[11], data[12]];
        let head = Self { width: side(0), height: side(4), depth: usize::from(depth), colour };
        let plain = matches!((colour, depth), (0 | 2 | 4 | 6, 8) | (3, 1 | 2 | 4 | 8));
        let small = (1..=LONGEST).contains(&head.width) && (1..=LONGEST).contains(&head.height);
        (plain && small && [compression, filter, interlace] == [0; 3]).then_some(head)
    }

    /// Bytes of a line, without the one that names its filter.
    fn line(&self) -> usize {
        let samples = [1, 0, 3, 1, 2, 0, 4][usize::from(self.colour)];
        (self.width as usize * samples * self.depth).div_ceil(8)
    }
}

/// Upright RGBA of a plain PNG file; `None`: the general decoder shall look at it.
pub(super) fn decode(bytes: &[u8]) -> Option<Picture> {
    let mut scratch = SCRATCH.take();
    let picture = decode_with(bytes, &mut scratch);
    if scratch.joined.capacity().max(scratch.lines.capacity()) <= KEPT {
        SCRATCH.set(scratch);
    }
    picture
}

fn decode_with(bytes: &[u8], scratch: &mut Scratch) -> Option<Picture> {
    let mut rest = bytes.strip_prefix(&SIGNATURE)?;
    let (kind, data) = chunk(&mut rest)?;
    let head = if kind == *b"IHDR" { Head::of(data)? } else { return None };
    let mut palette: Option<[[u8; 4]; 256]> = None;
    let mut colours = 0;
    let mut clear = false;
    let mut packed: Option<&[u8]> = None;
    scratch.joined.clear();
    let mut before = kind;
    loop {
        let (kind, data) = chunk(&mut rest)?;
        match &kind {
            b"IEND" => break,
            b"IDAT" => match packed {
                None => packed = Some(data),
                // All of them follow each other.
                Some(_) if before != kind => return None,
                Some(first) => {
                    if scratch.joined.is_empty() {
                        scratch.joined.extend_from_slice(first);
                    }
                    scratch.joined.extend_from_slice(data);
                }
            },
            b"PLTE" if palette.is_none() && packed.is_none() => {
                let (entries, []) = data.as_chunks::<3>() else { return None };
                colours = entries.len();
                let mut table = [[0; 4]; 256];
                table.get_mut(..colours)?.iter_mut().zip(entries).for_each(|(to, e)| *to = [e[0], e[1], e[2], 255]);
                palette = Some(table);
            }
            b"tRNS" if head.colour == 3 && packed.is_none() && !clear && data.len() <= colours => {
                clear = true;
                palette.as_mut()?.iter_mut().zip(data).for_each(|(entry, &alpha)| entry[3] = alpha);
            }
            plain if PLAIN.contains(&plain) => {}
            _ => return None,
        }
        before = kind;
    }
    let packed = if scratch.joined.is_empty() { packed? } else { &scratch.joined };
    let (width, height, line) = (head.width as usize, head.height as usize, head.line());
    let size = height * (1 + line);
    // Colour is read four bytes at a time, of which the last is another pixel's.
    scratch.lines.resize(size + 4, 0);
    let mut inflate = fdeflate::Decompressor::new();
    // As the general decoder has it: the chunks have checksums of their own.
    inflate.ignore_adler32();
    let (_, filled) = inflate.read(packed, &mut scratch.lines[..size], 0, true).ok()?;
    if filled != size || !inflate.is_done() {
        return None;
    }
    let lines = &mut scratch.lines[..];
    let mut rgba = vec![0; width * height * 4];
    match head.colour {
        2 => quads::<3>(lines, width, &mut rgba)?,
        6 => quads::<4>(lines, width, &mut rgba)?,
        4 => {
            in_place::<2>(&mut lines[..size], line)?;
            let pixels = lines[..size].chunks_exact(1 + line).flat_map(|l| l[1..].as_chunks::<2>().0);
            rgba.as_chunks_mut::<4>().0.iter_mut().zip(pixels).for_each(|(to, &[v, a])| *to = [v, v, v, a]);
        }
        0 => {
            in_place::<1>(&mut lines[..size], line)?;
            let pixels = lines[..size].chunks_exact(1 + line).flat_map(|l| &l[1..]);
            rgba.as_chunks_mut::<4>().0.iter_mut().zip(pixels).for_each(|(to, &v)| *to = [v, v, v, 255]);
        }
        _ => {
            in_place::<1>(&mut lines[..size], line)?;
            look_up(&lines[..size], &head, &palette?, colours, &mut rgba)?;
        }
    }
    Some(Picture { width: head.width, height: head.height, rgba })
}

/// The next chunk, if it is whole and its checksum is right: kind and data.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<([u8; 4], &'a [u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (summed, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(4)?)?;
    let (sum, next) = after.split_first_chunk::<4>()?;
    if crc32fast::hash(summed) != u32::from_be_bytes(*sum) {
        return None;
    }
    *rest = next;
    summed.split_first_chunk::<4>().map(|(kind, data)| (*kind, data))
}

/// Colours of a palette, whose places are packed from the highest bit down.
fn look_up(lines: &[u8], head: &Head, table: &[[u8; 4]; 256], colours: usize, rgba: &mut [u8]) -> Option<()> {
    let (width, depth) = (head.width as usize, head.depth);
    let mut most = 0;
    for (line, to) in lines.chunks_exact(1 + head.line()).zip(rgba.chunks_exact_mut(width * 4)) {
        for (x, to) in to.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let bit = x * depth;
            let place = line[1 + bit / 8] >> (8 - depth - bit % 8) & (0xff >> (8 - depth)) as u8;
            most = most.max(place);
            *to = table[usize::from(place)];
        }
    }
    (usize::from(most) < colours).then_some(())
}

#[cfg(test)]
mod tests {
    use png::{BitDepth, ColorType, Encoder, Filter};

    use super::*;
    use crate::base::rng;

    /// A file of this kind, smooth with some noise, so that every filter has something to do.
    fn file(width: u32, height: u32, colour: ColorType, depth: BitDepth, filter: Filter, seed: u64) -> Vec<u8> {
        let mut noise = rng::latent_from_seed(seed, 4096).into_iter().cycle();
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, width, height);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        encoder.set_filter(filter);
        if colour == ColorType::Indexed {
            encoder.set_palette((0..48u8).map(|i| i.wrapping_mul(37)).collect::<Vec<u8>>());
            encoder.set_trns(vec![0, 40, 255, 9]);
        }
        let line = (width as usize * colour.samples() * depth as usize).div_ceil(8);
        let value = |i: usize, v: f32| match colour {
            ColorType::Indexed if depth == BitDepth::Eight => (v.abs() * 8.0) as u8 % 16,
            ColorType::Indexed => (v.abs() * 99.0) as u8,
            _ => ((i * 3) as u8).wrapping_add((v * 20.0) as i8 as u8),
        };
        let data: Vec<u8> = (0..line * height as usize).map(|i| value(i, noise.next().unwrap())).collect();
        encoder.write_header().unwrap().write_image_data(&data).unwrap();
        out
    }

    fn general(bytes: &[u8]) -> Option<Picture> {
        let rgba = image::load_from_memory_with_format(bytes, image::ImageFormat::Png).ok()?.into_rgba8();
        Some(Picture { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() })
    }

    const FILTERS: [Filter; 6] =
        [Filter::NoFilter, Filter::Sub, Filter::Up, Filter::Avg, Filter::Paeth, Filter::Adaptive];

    #[test]
    fn pixels_are_those_of_the_general_decoder() {
        use BitDepth::{Eight, Four, One, Two};
        use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
        let kinds = [(Rgb, Eight), (Rgba, Eight), (Grayscale, Eight), (GrayscaleAlpha, Eight), (Indexed, Eight)];
        for (colour, depth) in kinds.into_iter().chain([(Indexed, Four), (Indexed, Two), (Indexed, One)]) {
            for (i, filter) in FILTERS.into_iter().enumerate() {
                for (width, height) in [(32, 32), (1, 7), (5, 1), (67, 41)] {
                    let bytes = file(width, height, colour, depth, filter, i as u64);
                    let expected = general(&bytes).unwrap();
                    let told = format!("{colour:?} {depth:?} {filter:?} {width} × {height}");
                    match decode(&bytes) {
                        Some(picture) => assert!(picture == expected, "{told}"),
                        None => assert!(colour == Indexed && depth == Eight, "{told} was not decoded"),
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_unusual_or_damaged_is_left_to_the_general_decoder() {
        let whole = file(40, 40, ColorType::Rgb, BitDepth::Eight, Filter::Paeth, 3);
        assert!(decode(&whole).is_some());
        for at in [0, 9, 18, 30, 60, whole.len() / 2, whole.len() - 20, whole.len() - 6] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(decode(&bytes).is_none(), "byte {at}");
        }
        for part in [0, 8, 30, whole.len() / 2, whole.len() - 12, whole.len() - 1] {
            assert!(decode(&whole[..part]).is_none(), "cut to {part}");
        }
        assert!(decode(&file(40, 40, ColorType::Rgb, BitDepth::Sixteen, Filter::Sub, 1)).is_none());
        assert!(decode(&file(LONGEST + 1, 4, ColorType::Rgb, BitDepth::Eight, Filter::Sub, 1)).is_none());
        // With an orientation, a film of frames, or text that has to be unpacked.
        for kind in [b"eXIf", b"acTL", b"zTXt", b"tRNS"] {
            let mut bytes = whole[..33].to_vec();
            let body = [&kind[..], &[0; 6]].concat();
            bytes.extend_from_slice(&6u32.to_be_bytes());
            bytes.extend_from_slice(&body);
            bytes.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
            bytes.extend_from_slice(&whole[33..]);
            assert!(decode(&bytes).is_none(), "{kind:?}");
        }
    }

    #[test]
    fn data_in_many_chunks_is_joined() {
        let whole = file(50, 50, ColorType::Rgba, BitDepth::Eight, Filter::Adaptive, 5);
        let expected = decode(&whole).unwrap();
        let length = u32::from_be_bytes([whole[33], whole[34], whole[35], whole[36]]) as usize;
        assert_eq!(&whole[37..41], b"IDAT");
        let mut bytes = whole[..33].to_vec();
        for part in whole[41..41 + length].chunks(700) {
            let body = [&b"IDAT"[..], part].concat();
            bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&body);
            bytes.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
        }
        bytes.extend_from_slice(&whole[41 + length + 4..]);
        assert!(bytes.len() > whole.len(), "in several parts");
        assert!(decode(&bytes) == Some(expected));
    }
}
