//! What reading a file may cost: one table of bounds by kind of file, so that no small file asks for much.
//!
//! A bound on memory says how many bytes may be held at once for one file of so many bytes; a bound on work how many bytes
//! may be unpacked, or things looked at, for it. Both grow with the file, up to a ceiling: what a person has on disk is
//! read, what a few bytes promise is not.

/// A kind of file whose reading is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bounded {
    /// The table of contents of a zip: work counts entries.
    ZipList,
    /// One entry of a zip: the file is the packed entry.
    ZipEntry,
    /// A tar packed by gzip or xz.
    PackedTar,
    /// A gzip of IDX pictures or labels.
    Gzip,
    /// A small text beside pictures: names of classes.
    Names,
    /// `dataset.json` of StyleGAN.
    DatasetJson,
    /// A table of captions: work counts columns.
    Table,
    /// A caption in a file of its own.
    Caption,
    /// Annotations in plain JSON.
    PlainJson,
    /// A colour profile, unpacked.
    ColorProfile,
    /// Pictures by format: work counts pixels.
    Png,
    /// As above.
    Jpeg,
    /// As above, of a frame.
    Gif,
    /// As above.
    WebP,
    /// As above.
    Tiff,
    /// As above.
    Bmp,
    /// Pictures of the other formats, which pack runs alone.
    Runs,
}

/// A row of [`LIMITS`]: bytes (or things) for a file of `n` bytes are at most `floor + n × factor`, never above `most`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// Always allowed.
    floor: u64,
    /// And so much more for each byte of the file.
    factor: u64,
    /// But never more than this.
    most: u64,
}

impl Bound {
    /// What a file of so many bytes may take.
    pub(super) fn of(self, file: u64) -> u64 {
        self.floor.saturating_add(file.saturating_mul(self.factor)).min(self.most)
    }
}

/// A row: kind of file, bound on memory in bytes, bound on work.
pub(super) struct Limit {
    /// The kind of file.
    pub kind: Bounded,
    /// Bytes held in memory at once.
    pub memory: Bound,
    /// Bytes unpacked, or things looked at.
    pub work: Bound,
}

const MIB: u64 = 1 << 20;
const KIB64: u64 = 64 << 10;

/// Most pixels of a picture.
pub(super) const MAX_PIXELS: u64 = crate::base::pixels::MOST_PIXELS;

/// A row of pictures: a file of `n` bytes promises at most `floor + n × each` pixels, which take up to 32 bytes each while
/// they are decoded and converted.
const fn picture(kind: Bounded, floor: u64, each: u64) -> Limit {
    Limit { kind, memory: bound(32 * floor, each.saturating_mul(32), 4096 * MIB), work: bound(floor, each, MAX_PIXELS) }
}

const fn bound(floor: u64, factor: u64, most: u64) -> Bound {
    Bound { floor, factor, most }
}

/// Every bound by kind of file.
pub(super) static LIMITS: &[Limit] = &[
    // An entry takes at least 76 bytes of the file (30 at its place, 46 in the table of contents) and about 400 in memory.
    Limit { kind: Bounded::ZipList, memory: bound(MIB, 8, 2048 * MIB), work: bound(16, 1, 4_000_000) },
    // Deflate packs at most 1032 to 1; pictures are packed already, so that only flat ones come near.
    Limit { kind: Bounded::ZipEntry, memory: bound(MIB, 1032, 512 * MIB), work: bound(MIB, 1032, 512 * MIB) },
    // Of small pictures most is headers and zeros, which pack to little; it goes to the disk, not to memory.
    Limit { kind: Bounded::PackedTar, memory: bound(256 * MIB, 0, 256 * MIB), work: bound(256 * MIB, 256, 1 << 40) },
    // MNIST and its family shrink to between a third and a tenth.
    Limit { kind: Bounded::Gzip, memory: bound(64 * MIB, 64, 4096 * MIB), work: bound(64 * MIB, 64, 4096 * MIB) },
    Limit { kind: Bounded::Names, memory: bound(MIB, 0, MIB), work: bound(MIB, 0, MIB) },
    // A cell takes a separator in the file, and eight bytes and its text once in memory.
    Limit { kind: Bounded::Table, memory: bound(MIB, 64, 2048 * MIB), work: bound(4096, 0, 4096) },
    Limit { kind: Bounded::Caption, memory: bound(KIB64, 0, KIB64), work: bound(KIB64, 0, KIB64) },
    Limit { kind: Bounded::PlainJson, memory: bound(MIB, 32, 512 * MIB), work: bound(0, 1, 16 * MIB) },
    Limit { kind: Bounded::ColorProfile, memory: bound(8 * MIB, 0, 8 * MIB), work: bound(8 * MIB, 0, 8 * MIB) },
    // What a byte of a flat picture can stand for: deflate packs 1032 to 1, and eight pixels of a bit into a byte;
    picture(Bounded::Png, MIB, 1032 * 8),
    // a bit of a progressive scan stands for a block of 64, and later scans have runs of blocks;
    picture(Bounded::Jpeg, MIB, 1024),
    // a code of twelve bits for up to 4096 pixels;
    picture(Bounded::Gif, MIB, 4096),
    // one colour all over takes no bits at all;
    picture(Bounded::WebP, 4 * MIB, 1 << 16),
    // deflate, and the packing of faxes;
    picture(Bounded::Tiff, MIB, 1 << 14),
    // runs of up to 255 pixels take two bytes.
    picture(Bounded::Bmp, MIB, 1024),
    picture(Bounded::Runs, MIB, 256),
    Limit { kind: Bounded::DatasetJson, memory: bound(MIB, 16, 2048 * MIB), work: bound(0, 1, 256 * MIB) },
];

fn row(kind: Bounded) -> &'static Limit {
    LIMITS.iter().find(|l| l.kind == kind).expect("every kind has a row, as a test checks")
}

/// Bytes that may be held in memory for a file of `file` bytes.
pub(super) fn memory(kind: Bounded, file: u64) -> u64 {
    row(kind).memory.of(file)
}

/// Bytes that may be unpacked, or things that may be looked at, for a file of `file` bytes.
pub(super) fn work(kind: Bounded, file: u64) -> u64 {
    row(kind).work.of(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row_and_bounds_grow_with_the_file() {
        use Bounded::*;
        let files = [ZipList, ZipEntry, PackedTar, Gzip, Names, DatasetJson, Table, Caption, PlainJson, ColorProfile];
        let pictures = [Png, Jpeg, Gif, WebP, Tiff, Bmp, Runs];
        let kinds = [&files[..], &pictures].concat();
        assert_eq!(LIMITS.len(), kinds.len());
        for kind in kinds {
            assert_eq!(LIMITS.iter().filter(|l| l.kind == kind).count(), 1, "{kind:?}");
            for (small, large) in [(0, 1), (1 << 10, 1 << 20), (1 << 20, u64::MAX)] {
                assert!(memory(kind, small) <= memory(kind, large), "{kind:?}");
                assert!(work(kind, small) <= work(kind, large), "{kind:?}");
            }
            assert!(memory(kind, u64::MAX) <= 4096 * MIB, "{kind:?}");
        }
    }

    #[test]
    fn a_small_file_gets_little_and_a_real_set_all_it_needs() {
        assert!(memory(Bounded::Gzip, 4 << 10) < 70 * MIB);
        // MNIST's training images: 9.9 MB packed, 47 MB unpacked. EMNIST by class: 107 MB and 547 MB.
        assert!(memory(Bounded::Gzip, 9_912_422) > 47_040_016);
        assert!(memory(Bounded::Gzip, 107_000_000) > 547_000_000);
        assert!(work(Bounded::ZipList, 76_000_000) >= 1_000_000);
        assert!(work(Bounded::ZipList, 22) < 100);
    }
}
