//! The container of films: an ISO base media file (ISO/IEC 14496-12) with one H.264 track (14496-15).
//!
//! Pictures are spooled to disk as they come and the index is written in front of them at the end, so that players can
//! start before they have all of it, and memory does not grow with the film. There is no clock in the file: the same
//! pictures always give the same bytes.

use std::io::{self, Seek, SeekFrom, Write};

/// Shape and rate of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Pixels across, even.
    pub width: u16,
    /// Pixels down, even.
    pub height: u16,
    /// Frames a second.
    pub fps: u32,
}

/// Units of time for each frame.
const DELTA: u32 = 512;

/// Takes compressed pictures.
pub struct Muxer<S> {
    track: Track,
    spool: S,
    sizes: Vec<u32>,
    /// Places of pictures that stand for themselves, from 1.
    keys: Vec<u32>,
    sps: Vec<u8>,
    pps: Vec<u8>,
    comment: Option<String>,
}

/// The units of an Annex B stream, without start codes.
pub fn units(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    let mut i = 0;
    while i + 3 <= stream.len() {
        if stream[i..i + 3] == [0, 0, 1] {
            starts.push(i);
            i += 3;
        } else {
            i += 1;
        }
    }
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(&a, b)| stripped(&stream[a + 3..b])).filter(|u| !u.is_empty()).collect()
}

/// Zeros before the next start code belong to it; no unit ends in one.
fn stripped(mut unit: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = unit {
        unit = rest;
    }
    unit
}

impl<S: io::Read + Write + Seek> Muxer<S> {
    /// Begins a file; `spool` is an empty place for the pictures.
    pub fn new(track: Track, spool: S) -> Self {
        Self { track, spool, sizes: Vec::new(), keys: Vec::new(), sps: Vec::new(), pps: Vec::new(), comment: None }
    }

    /// A text that players show and that programs copy along with the stream, where boxes of their own are dropped.
    pub fn comment(&mut self, text: String) {
        self.comment = Some(text);
    }

    /// How many pictures there are.
    pub fn count(&self) -> usize {
        self.sizes.len()
    }

    /// Takes the next picture as an Annex B stream. The first must hold the parameter sets.
    ///
    /// # Errors
    /// The disk is full.
    pub fn picture(&mut self, stream: &[u8]) -> io::Result<()> {
        let mut sample = Vec::with_capacity(stream.len() + 16);
        let mut key = false;
        for unit in units(stream) {
            match unit[0] & 31 {
                7 => self.sps = unit.to_vec(),
                8 => self.pps = unit.to_vec(),
                kind => {
                    key |= kind == 5;
                    let length = u32::try_from(unit.len()).map_err(|_| io::ErrorKind::InvalidData)?;
                    sample.extend(length.to_be_bytes());
                    sample.extend(unit);
                }
            }
        }
        self.spool.write_all(&sample)?;
        self.sizes.push(sample.len() as u32);
        if key {
            self.keys.push(self.sizes.len() as u32);
        }
        Ok(())
    }

    /// Writes the whole file; `extra` are boxes of the user, by type and content.
    ///
    /// # Errors
    /// There is no picture that stands for itself, or the disk is full.
    pub fn finish(mut self, out: &mut impl Write, extra: &[([u8; 16], Vec<u8>)]) -> io::Result<()> {
        if self.sps.len() < 4 || self.pps.is_empty() || self.keys.first() != Some(&1) {
            return Err(io::Error::other("the video encoder gave no picture to begin with"));
        }
        let brand = bx(b"ftyp", &[b"isom", &0x200u32.to_be_bytes(), b"isomiso2avc1mp41"]);
        let extra: Vec<u8> = extra.iter().flat_map(|(id, data)| bx(b"uuid", &[id, data])).collect();
        let payload: u64 = self.sizes.iter().map(|&s| u64::from(s)).sum();
        let wide = payload > u64::from(u32::MAX) - (1 << 24);
        let head = if wide { 16 } else { 8 };
        // The index has the same length wherever the pictures are.
        let start = (brand.len() + self.index(0, wide).len() + extra.len() + head) as u64;
        let index = self.index(start, wide);
        let mdat = if wide {
            [&1u32.to_be_bytes()[..], b"mdat", &(payload + 16).to_be_bytes()].concat()
        } else {
            [&((payload + 8) as u32).to_be_bytes()[..], b"mdat"].concat()
        };
        for part in [&brand, &index, &extra, &mdat] {
            out.write_all(part)?;
        }
        self.spool.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.spool, out).map(|_| ())
    }

    fn index(&self, start: u64, wide: bool) -> Vec<u8> {
        let Track { width, height, fps } = self.track;
        let count = self.sizes.len() as u32;
        let scale = (fps * DELTA).to_be_bytes();
        let duration = count.saturating_mul(DELTA).to_be_bytes();
        let unity: Vec<u8> =
            [0x10000u32, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000].iter().flat_map(|v| v.to_be_bytes()).collect();
        let mvhd = full(
            b"mvhd",
            0,
            &[&[0; 8], &scale, &duration, &[0, 1, 0, 0, 1, 0], &[0; 10], &unity, &[0; 24], &2u32.to_be_bytes()],
        );
        let across = (u32::from(width) << 16).to_be_bytes();
        let down = (u32::from(height) << 16).to_be_bytes();
        // Flags: enabled, in the movie, in the preview.
        let tkhd =
            full(b"tkhd", 7, &[&[0; 8], &1u32.to_be_bytes(), &[0; 4], &duration, &[0; 16], &unity, &across, &down]);
        let mdhd = full(b"mdhd", 0, &[&[0; 8], &scale, &duration, &[0x55, 0xC4, 0, 0]]);
        let hdlr = full(b"hdlr", 0, &[&[0; 4], b"vide", &[0; 12], b"VideoHandler\0"]);
        let vmhd = full(b"vmhd", 1, &[&[0; 8]]);
        let dref = full(b"dref", 0, &[&1u32.to_be_bytes(), &full(b"url ", 1, &[])]);
        let dinf = bx(b"dinf", &[&dref]);
        let minf = bx(b"minf", &[&vmhd, &dinf, &self.table(start, wide)]);
        let mdia = bx(b"mdia", &[&mdhd, &hdlr, &minf]);
        let trak = bx(b"trak", &[&tkhd, &mdia]);
        bx(b"moov", &[&mvhd, &trak, &self.user_data()])
    }

    /// The comment as iTunes writes it: the form that ffmpeg reads and writes again.
    fn user_data(&self) -> Vec<u8> {
        let Some(comment) = &self.comment else { return Vec::new() };
        let hdlr = full(b"hdlr", 0, &[&[0; 4], b"mdirappl", &[0; 9]]);
        // Type 1: UTF-8; no language.
        let data = bx(b"data", &[&1u32.to_be_bytes(), &[0; 4], comment.as_bytes()]);
        let ilst = bx(b"ilst", &[&bx(b"\xA9cmt", &[&data])]);
        bx(b"udta", &[&full(b"meta", 0, &[&hdlr, &ilst])])
    }

    /// Where each picture is, how long it is shown, and what is needed to decode it.
    fn table(&self, start: u64, wide: bool) -> Vec<u8> {
        let count = self.sizes.len() as u32;
        let one = 1u32.to_be_bytes();
        let stsd = full(b"stsd", 0, &[&one, &self.avc1()]);
        let stts = full(b"stts", 0, &[&one, &count.to_be_bytes(), &DELTA.to_be_bytes()]);
        let keys: Vec<u8> = self.keys.iter().flat_map(|k| k.to_be_bytes()).collect();
        let stss = full(b"stss", 0, &[&(self.keys.len() as u32).to_be_bytes(), &keys]);
        let sizes: Vec<u8> = self.sizes.iter().flat_map(|s| s.to_be_bytes()).collect();
        let stsz = full(b"stsz", 0, &[&[0; 4], &count.to_be_bytes(), &sizes]);
        // A chunk holds one second, the last one what is left.
        let second = self.track.fps.max(1);
        let chunks = count.div_ceil(second);
        let mut runs = vec![[1, second.min(count), 1]];
        if chunks > 1 && !count.is_multiple_of(second) {
            runs.push([chunks, count % second, 1]);
        }
        let entries: Vec<u8> = runs.iter().flatten().flat_map(|v: &u32| v.to_be_bytes()).collect();
        let stsc = full(b"stsc", 0, &[&(runs.len() as u32).to_be_bytes(), &entries]);
        let mut at = start;
        let mut places = Vec::new();
        for chunk in self.sizes.chunks(second as usize) {
            if wide {
                places.extend(at.to_be_bytes());
            } else {
                places.extend((at as u32).to_be_bytes());
            }
            at += chunk.iter().map(|&s| u64::from(s)).sum::<u64>();
        }
        let stco = full(if wide { b"co64" } else { b"stco" }, 0, &[&chunks.to_be_bytes(), &places]);
        bx(b"stbl", &[&stsd, &stts, &stss, &stsc, &stsz, &stco])
    }

    fn avc1(&self) -> Vec<u8> {
        let (sps, pps) = (&self.sps, &self.pps);
        let length = |unit: &[u8]| (unit.len() as u16).to_be_bytes();
        let mut config = vec![1, sps[1], sps[2], sps[3], 0xFF, 0xE1];
        config.extend(length(sps));
        config.extend(sps);
        config.push(1);
        config.extend(length(pps));
        config.extend(pps);
        if matches!(sps[1], 100 | 110 | 122 | 144) {
            // High profiles repeat: 4:2:0, eight bits of luma, eight of chroma, no extension.
            config.extend([0xFD, 0xF8, 0xF8, 0]);
        }
        let avcc = bx(b"avcC", &[&config]);
        // BT.709 primaries, transfer and matrix, limited range; square pixels.
        let colr = bx(b"colr", &[b"nclx", &[0, 1, 0, 1, 0, 1, 0]]);
        let pasp = bx(b"pasp", &[&1u32.to_be_bytes(), &1u32.to_be_bytes()]);
        let dpi = 0x0048_0000u32.to_be_bytes();
        let Track { width, height, .. } = self.track;
        bx(
            b"avc1",
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 16],
                &width.to_be_bytes(),
                &height.to_be_bytes(),
                &dpi,
                &dpi,
                &[0; 4],
                &[0, 1],
                &[0; 32],
                &[0, 24, 0xFF, 0xFF],
                &avcc,
                &colr,
                &pasp,
            ],
        )
    }
}

/// A box.
fn bx(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let size: usize = 8 + parts.iter().map(|p| p.len()).sum::<usize>();
    let mut out = Vec::with_capacity(size);
    out.extend((size as u32).to_be_bytes());
    out.extend(kind);
    parts.iter().for_each(|p| out.extend_from_slice(p));
    out
}

/// A box with version 0 and flags.
fn full(kind: &[u8; 4], flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let flags = flags.to_be_bytes();
    let mut all: Vec<&[u8]> = vec![&flags];
    all.extend(parts);
    bx(kind, &all)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn streams_are_cut_at_start_codes() {
        let stream = [0, 0, 0, 1, 0x67, 9, 9, 0, 0, 1, 0x68, 7, 0, 0, 0, 1, 0x65, 0, 3, 1];
        assert_eq!(units(&stream), [&[0x67, 9, 9][..], &[0x68, 7], &[0x65, 0, 3, 1]]);
        assert!(units(&[0, 0]).is_empty());
    }

    #[test]
    fn chunks_point_at_their_pictures() {
        let track = Track { width: 2, height: 2, fps: 3 };
        let mut mux = Muxer::new(track, Cursor::new(Vec::new()));
        for i in 0..7u8 {
            let head: &[u8] = if i == 0 { &[0, 0, 1, 0x67, 66, 0, 10, 0, 0, 1, 0x68, 1] } else { &[] };
            let kind = if i % 3 == 0 { 0x65 } else { 0x61 };
            mux.picture(&[head, &[0, 0, 1, kind, 100 + i]].concat()).unwrap();
        }
        assert_eq!((mux.count(), mux.keys.as_slice()), (7, &[1, 4, 7][..]));
        let mut out = Vec::new();
        mux.finish(&mut out, &[(*b"0123456789abcdef", vec![5; 3])]).unwrap();
        let at = out.windows(4).position(|w| w == b"stco").unwrap();
        let word = |i: usize| u32::from_be_bytes(out[i..i + 4].try_into().unwrap()) as usize;
        assert_eq!(word(at + 8), 3);
        for (chunk, first) in [(0, 100), (1, 103), (2, 106)] {
            let place = word(at + 12 + chunk * 4);
            assert_eq!(out[place..place + 4], [0, 0, 0, 2]);
            assert_eq!(out[place + 5], first);
        }
        let mut none = Vec::new();
        assert!(Muxer::new(track, Cursor::new(Vec::new())).finish(&mut none, &[]).is_err());
    }
}
