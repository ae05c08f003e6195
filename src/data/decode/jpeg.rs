//! What the markers of a JPEG say of it (ITU-T T.81): of what sort it is, and whether all of its picture is there.

/// The header of a frame, as far as it is needed.
struct Frame {
    /// Number of the frame marker: 0 baseline, 1 extended, 2 progressive, 3 lossless, 9 and above arithmetic.
    process: u8,
    precision: u8,
    width: usize,
    height: usize,
    components: Vec<Component>,
}

#[derive(Default, Clone, Copy)]
struct Component {
    id: u8,
    /// Sampling across and down.
    h: usize,
    v: usize,
    /// Progressive: coefficients that are there to the last bit.
    fine: u64,
    /// Sequential: whether its scan is complete.
    done: bool,
}

/// Why a JPEG of this sort is not read, in plain words; nothing if it is of a sort that is.
pub(super) fn refusal(bytes: &[u8]) -> Option<String> {
    let mut at = 2;
    while let Some((marker, body, next)) = segment(bytes, at) {
        if let Some(frame) = frame(marker, body) {
            let sort = match frame.process {
                9..=11 | 13..=15 => "arithmetic-coded",
                3 => "lossless",
                5..=7 => "hierarchical",
                _ if frame.precision != 8 => {
                    return Some(format!(
                        "This JPEG has {} bits a channel, which is not read; save it again as PNG",
                        frame.precision
                    ));
                }
                _ => return None,
            };
            return Some(format!(
                "This JPEG is {sort}, which few programs read; save it again as an ordinary JPEG or PNG"
            ));
        }
        if marker == 0xda {
            return None;
        }
        at = next;
    }
    None
}

/// Whether all of the picture is there. A file that ends with its end marker is; without one, the scans are followed
/// to see whether every block of the picture comes before the end of the file.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    has_end(bytes) || scans_are_whole(bytes)
}

/// Whether the end-of-image marker comes after at least one scan (T.81, B.1).
pub(super) fn has_end(bytes: &[u8]) -> bool {
    let (mut at, mut scans) = (2, 0);
    loop {
        let Some(ff) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff)) else { return false };
        at += ff;
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else { return false };
        at += 1;
        match marker {
            0xd9 => return scans > 0,
            // Stuffing, restart markers, and markers without a length.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(length) = bytes.get(at..at + 2) else { return false };
                scans += usize::from(marker == 0xda);
                at += usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
}

/// The next marker with a length at or after `at`: its code, its content, and where it ends.
fn segment(bytes: &[u8], mut at: usize) -> Option<(u8, &[u8], usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == 0xff)?;
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let marker = bytes[at];
        at += 1;
        match marker {
            0x00 | 0x01 | 0xd0..=0xd9 => {}
            _ => {
                let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
                let body = bytes.get(at + 2..at + length)?;
                return Some((marker, body, at + length));
            }
        }
    }
}

fn frame(marker: u8, body: &[u8]) -> Option<Frame> {
    if !(0xc0..=0xcf).contains(&marker) || matches!(marker, 0xc4 | 0xc8 | 0xcc) {
        return None;
    }
    let side = |i: usize| body.get(i..i + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let count = usize::from(*body.get(5)?);
    let components = body
        .get(6..6 + 3 * count)?
        .chunks_exact(3)
        .map(|c| Component { id: c[0], h: usize::from(c[1] >> 4), v: usize::from(c[1] & 15), ..Component::default() })
        .collect();
    Some(Frame { process: marker - 0xc0, precision: body[0], height: side(1)?, width: side(3)?, components })
}

fn scans_are_whole(bytes: &[u8]) -> bool {
    let mut tables: [Option<Table>; 8] = Default::default();
    let (mut found, mut restart, mut at) = (None::<Frame>, 0, 2);
    while let Some((marker, body, next)) = segment(bytes, at) {
        at = next;
        match marker {
            0xc4 => read_tables(body, &mut tables),
            0xdd if body.len() >= 2 => restart = usize::from(u16::from_be_bytes([body[0], body[1]])),
            0xda => {
                let Some(frame) = &mut found else { return false };
                if at >= bytes.len() {
                    break;
                }
                if frame.process == 2 {
                    progressive_scan(frame, body);
                } else if let Some(end) = sequential_scan(frame, body, &tables, restart, bytes, at) {
                    at = end;
                } else {
                    return false;
                }
            }
            _ => found = frame(marker, body).or(found),
        }
    }
    found.is_some_and(|frame| match frame.process {
        0 | 1 => frame.components.iter().all(|c| c.done),
        // The last scan may miss some of its bits, which nobody sees.
        2 => frame.components.iter().all(|c| c.fine == u64::MAX),
        _ => false,
    })
}

/// The components of a scan by their places in the frame, with the numbers of their tables.
fn scan_components(frame: &Frame, body: &[u8]) -> Option<Vec<(usize, u8)>> {
    let count = usize::from(*body.first()?);
    let pairs = body.get(1..1 + 2 * count)?.chunks_exact(2);
    pairs.map(|p| Some((frame.components.iter().position(|c| c.id == p[0])?, p[1]))).collect()
}

fn progressive_scan(frame: &mut Frame, body: &[u8]) {
    let Some(components) = scan_components(frame, body) else { return };
    let Some(&[from, to, bits]) = body.get(1 + 2 * components.len()..) else { return };
    if bits & 15 != 0 || from > to || to > 63 {
        return;
    }
    let fine = (u64::MAX >> (63 - (to - from))) << from;
    components.into_iter().for_each(|(i, _)| frame.components[i].fine |= fine);
}

/// Follows the entropy-coded blocks of a sequential scan; where it ends, or nothing if the file ends before it.
fn sequential_scan(
    frame: &mut Frame,
    body: &[u8],
    tables: &[Option<Table>; 8],
    restart: usize,
    bytes: &[u8],
    at: usize,
) -> Option<usize> {
    let scan = scan_components(frame, body)?;
    let (h_max, v_max) = frame.components.iter().fold((1, 1), |(h, v), c| (c.h.max(h), c.v.max(v)));
    // Blocks of a unit as pairs of tables, and how many units there are (T.81, A.2).
    let mut blocks: Vec<(&Table, &Table)> = Vec::new();
    let units = if let [(only, _)] = scan[..] {
        let c = frame.components[only];
        (frame.width * c.h).div_ceil(8 * h_max) * (frame.height * c.v).div_ceil(8 * v_max)
    } else {
        frame.width.div_ceil(8 * h_max) * frame.height.div_ceil(8 * v_max)
    };
    for &(i, selected) in &scan {
        let c = frame.components[i];
        let times = if scan.len() == 1 { 1 } else { c.h * c.v };
        let dc = tables[usize::from(selected >> 4 & 3)].as_ref()?;
        let ac = tables[4 + usize::from(selected & 3)].as_ref()?;
        blocks.extend(std::iter::repeat_n((dc, ac), times));
    }
    let mut bits = Bits { bytes, at, held: 0, count: 0 };
    for unit in 0..units {
        if restart > 0 && unit > 0 && unit % restart == 0 {
            bits.restart()?;
        }
        for (dc, ac) in &blocks {
            let size = dc.next(&mut bits)?;
            bits.skip(size)?;
            let mut k = 1;
            while k < 64 {
                let symbol = ac.next(&mut bits)?;
                let (run, size) = (symbol >> 4, symbol & 15);
                match (run, size) {
                    (15, 0) => k += 16,
                    (_, 0) => break,
                    _ => {
                        bits.skip(size)?;
                        k += usize::from(run) + 1;
                    }
                }
            }
        }
    }
    scan.iter().for_each(|&(i, _)| frame.components[i].done = true);
    Some(bits.at)
}

/// A Huffman table in canonical form (T.81, C and F.2.2.3).
struct Table {
    /// Smallest code, one past the largest, and place of the first symbol, by length from 1.
    lengths: [(u32, u32, usize); 16],
    symbols: Vec<u8>,
}

fn read_tables(mut body: &[u8], tables: &mut [Option<Table>; 8]) {
    while let (Some(&which), Some(counts)) = (body.first(), body.get(1..17)) {
        let total: usize = counts.iter().map(|&n| usize::from(n)).sum();
        let Some(symbols) = body.get(17..17 + total) else { return };
        let (mut code, mut place) = (0u32, 0);
        let lengths = std::array::from_fn(|i| {
            let first = code << 1;
            let n = u32::from(counts[i]);
            let row = (first, first + n, place);
            code = first + n;
            place += n as usize;
            row
        });
        tables[usize::from(which >> 4 & 1) * 4 + usize::from(which & 3)] =
            Some(Table { lengths, symbols: symbols.to_vec() });
        body = &body[17 + total..];
    }
}

impl Table {
    fn next(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let mut code = 0;
        for &(first, end, place) in &self.lengths {
            code = code << 1 | bits.bit()?;
            if code < end && code >= first {
                return self.symbols.get(place + (code - first) as usize).copied();
            }
        }
        None
    }
}

/// Bits of entropy-coded data; ends at a marker or at the end of the file.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u8,
    count: u8,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        if self.count == 0 {
            self.held = *self.bytes.get(self.at)?;
            self.at += 1;
            if self.held == 0xff {
                if *self.bytes.get(self.at)? != 0 {
                    self.at -= 1;
                    return None;
                }
                self.at += 1;
            }
            self.count = 8;
        }
        self.count -= 1;
        Some(u32::from(self.held >> self.count & 1))
    }

    fn skip(&mut self, bits: u8) -> Option<()> {
        (0..bits).try_for_each(|_| self.bit().map(|_| ()))
    }

    /// Goes on behind a restart marker.
    fn restart(&mut self) -> Option<()> {
        self.count = 0;
        let marker = self.bytes.get(self.at..self.at + 2)?;
        (marker[0] == 0xff && (0xd0..=0xd7).contains(&marker[1])).then(|| self.at += 2)
    }
}
