//! Clothes: the first 5,000 training pictures of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, MIT), 28 pixels a side, grey,
//! in ten classes. They come with the studio, so that what is told of them needs no download.

use std::io::Read;
use std::sync::OnceLock;

use flate2::read::GzDecoder;

use super::idx_labels::FASHION;
use super::source::{ImageSource, Opening};
use crate::base::{Channels, Picture, Problem, Result};

/// What the set is called.
pub const NAME: &str = "fashion";
/// Its licence, which goes wherever the pictures go.
pub const LICENCE: &str = include_str!("../../assets/fashion-mnist/LICENSE");

const PACKED: &[u8] = include_bytes!("../../assets/fashion-mnist/first-5000.gz");
const SIDE: u32 = 28;
const COUNT: usize = 5000;

/// Pictures, then labels; nothing if they are damaged.
fn unpacked() -> Option<(&'static [u8], &'static [u8])> {
    static ALL: OnceLock<Vec<u8>> = OnceLock::new();
    let pixels = COUNT * (SIDE * SIDE) as usize;
    let all = ALL.get_or_init(|| {
        let mut all = Vec::with_capacity(pixels + COUNT);
        let read = GzDecoder::new(PACKED).take((pixels + COUNT) as u64).read_to_end(&mut all);
        if read.is_ok() { all } else { Vec::new() }
    });
    (all.len() == pixels + COUNT).then(|| all.split_at(pixels))
}

struct Fashion {
    pixels: &'static [u8],
    label: &'static [u8],
    labels: Vec<String>,
}

/// Whether the text names this set.
pub(super) fn sniff(spec: &str) -> bool {
    spec.strip_suffix(':').unwrap_or(spec) == NAME
}

/// Opens `fashion`.
pub(super) fn open(spec: &str, _: Opening<'_>) -> Result<Box<dyn ImageSource>> {
    let (pixels, label) = unpacked().ok_or_else(|| Problem::failed("These pictures are damaged").of(spec))?;
    Ok(Box::new(Fashion { pixels, label, labels: FASHION.map(str::to_owned).to_vec() }))
}

impl ImageSource for Fashion {
    fn kind(&self) -> &'static str {
        "Fashion-MNIST, the first 5,000"
    }

    fn len(&self) -> usize {
        COUNT
    }

    fn name(&self, i: usize) -> String {
        // As in the files of Fashion-MNIST, of which these are the first.
        format!("train-images/{i:05}")
    }

    fn label(&self, i: usize) -> Option<u32> {
        Some(u32::from(self.label[i]))
    }

    fn caption(&self, i: usize) -> Option<String> {
        self.labels.get(usize::from(self.label[i])).cloned()
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn decode(&self, i: usize) -> Result<Picture> {
        let size = (SIDE * SIDE) as usize;
        Ok(Picture::from_interleaved(SIDE, SIDE, Channels::Grey, &self.pixels[i * size..(i + 1) * size]))
    }

    fn bytes(&self) -> u64 {
        PACKED.len() as u64
    }

    fn fingerprint(&self) -> Result<String> {
        Ok("fashion 1".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clothes_come_with_the_studio_in_ten_named_classes() {
        let source = crate::data::open("fashion").unwrap();
        assert_eq!((source.len(), source.labels().len()), (5000, 10));
        let mut counts = [0; 10];
        for i in 0..source.len() {
            counts[source.label(i).unwrap() as usize] += 1;
        }
        assert!(counts.iter().all(|n| (400..600).contains(n)), "{counts:?}");
        // The first picture of Fashion-MNIST is an ankle boot; its upper left corner is black.
        assert_eq!(source.caption(0).as_deref(), Some("Ankle boot"));
        let boot = source.decode(0).unwrap();
        assert_eq!((boot.width, boot.height, boot.pixel(0, 0)), (28, 28, [0, 0, 0, 255]));
        let light: u32 = boot.rgba.chunks_exact(4).map(|p| u32::from(p[0])).sum();
        assert_eq!(light, 76_247);
        assert!(crate::data::open("fashion:").unwrap().decode(4999).is_ok());
        assert!(!sniff("fashion-mnist") && !sniff("/data/fashion"));
    }

    #[test]
    fn the_excerpt_is_small_and_its_licence_comes_with_it() {
        assert!(PACKED.len() < 3_000_000);
        assert!(LICENCE.contains("Zalando") && LICENCE.contains("permission notice shall be included"));
    }

    #[test]
    fn they_are_the_first_of_the_set_itself() {
        let folder = "../shared/data/fashion-mnist";
        if !std::path::Path::new(folder).is_dir() {
            eprintln!("skipped: {folder} is not here");
            return;
        }
        let (own, whole) = (crate::data::open("fashion").unwrap(), crate::data::open(folder).unwrap());
        for i in [0, 1, 777, 4999] {
            assert_eq!(own.decode(i).unwrap(), whole.decode(i).unwrap());
            assert_eq!(own.caption(i), whole.caption(i));
        }
    }
}
