//! TensorBoard's event files: records with checksums, each a small protocol buffer
//! (tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto and framework/summary.proto).

/// Writes fields of a protocol buffer.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn int(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn double(mut self, field: u64, value: f64) -> Self {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn inner(self, field: u64, value: Self) -> Self {
        self.bytes(field, &value.0)
    }
}

/// Records as they stand in a file.
pub struct EventFile {
    bytes: Vec<u8>,
}

impl EventFile {
    /// A file that begins at this Unix time, in seconds.
    pub fn new(wall: f64) -> Self {
        let mut this = Self { bytes: Vec::new() };
        this.record(&Fields::default().double(1, wall).bytes(3, b"brain.Event:2"));
        this
    }

    /// Bytes of the file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn record(&mut self, event: &Fields) {
        let length = (event.0.len() as u64).to_le_bytes();
        self.bytes.extend(length);
        self.bytes.extend(masked_crc(&length).to_le_bytes());
        self.bytes.extend(&event.0);
        self.bytes.extend(masked_crc(&event.0).to_le_bytes());
    }

    fn summary(&mut self, wall: f64, step: u64, values: impl IntoIterator<Item = Fields>) {
        let summary = values.into_iter().fold(Fields::default(), |all, value| all.inner(1, value));
        self.record(&Fields::default().double(1, wall).int(2, step).inner(5, summary));
    }

    /// Says that a run went on from a step: what was told of later ones before no longer holds.
    pub fn restart(&mut self, wall: f64, step: u64) {
        const START: u64 = 1;
        self.record(&Fields::default().double(1, wall).int(2, step).inner(7, Fields::default().int(1, START)));
    }

    /// Adds a point of each of some curves.
    pub fn scalars<'a>(&mut self, wall: f64, step: u64, values: impl IntoIterator<Item = (&'a str, f64)>) {
        let one = |(tag, value): (&str, f64)| Fields::default().bytes(1, tag.as_bytes()).float(2, value as f32);
        self.summary(wall, step, values.into_iter().map(one));
    }

    /// Adds a picture, as PNG with red, green, blue and alpha.
    pub fn picture(&mut self, wall: f64, step: u64, tag: &str, width: u32, height: u32, png: &[u8]) {
        const RGBA: u64 = 4;
        let image = Fields::default().int(1, height.into()).int(2, width.into()).int(3, RGBA).bytes(4, png);
        self.summary(wall, step, [Fields::default().bytes(1, tag.as_bytes()).inner(4, image)]);
    }

    /// Adds a text in Markdown.
    pub fn text(&mut self, wall: f64, step: u64, tag: &str, text: &str) {
        const STRING: u64 = 7;
        const TENSOR: u64 = 2;
        let tensor = Fields::default().int(1, STRING).inner(2, Fields::default()).bytes(8, text.as_bytes());
        let metadata = Fields::default().inner(1, Fields::default().bytes(1, b"text")).int(4, TENSOR);
        let tag = format!("{tag}/text_summary");
        self.summary(wall, step, [Fields::default().bytes(1, tag.as_bytes()).inner(9, metadata).inner(8, tensor)]);
    }
}

/// The checksum of a record (record_writer.h: rotated, so that checksums of data that hold checksums stay good).
fn masked_crc(bytes: &[u8]) -> u32 {
    let crc = crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| CRC32C[((crc ^ u32::from(*byte)) & 255) as usize] ^ (crc >> 8))
}

const CRC32C: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut crc, mut bit) = (i as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4, and the check value of the catalogue of CRCs.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    /// Bytes written by TensorFlow's own classes.
    #[test]
    fn numbers_and_lengths_are_encoded_as_protocol_buffers() {
        assert_eq!(Fields::default().int(2, 300).0, [0x10, 0xac, 0x02]);
        assert_eq!(Fields::default().bytes(1, b"ab").0, [0x0a, 2, b'a', b'b']);
        assert_eq!(Fields::default().float(2, 0.5).0, [0x15, 0, 0, 0, 0x3f]);
        let inner = Fields::default().inner(7, Fields::default().int(1, 1));
        assert_eq!(inner.0, [0x3a, 2, 0x08, 1]);
    }
}
