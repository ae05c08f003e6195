//! Pictures that the studio made itself and that lie among those to learn from.

use std::path::Path;

use super::pread::read_at_most;
use crate::recipe::picture::KEY;

/// Why such a picture is not taken.
pub(super) const REASON: &str = "Latent Studio made this picture, so it is not taken among others; to learn from such pictures choose a folder of them alone";

/// Pictures looked at to tell what a folder is for.
const SAMPLE: usize = 32;
/// Bytes of a file in which its recipe begins, if it has one.
pub(super) const HEAD: u64 = 4096;

/// Whether a PNG carries a recipe of the studio, in a text chunk before its pixels.
pub(super) fn is_made_here(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n") else { return false };
    loop {
        let Some((head, body)) = rest.split_at_checked(8) else { return false };
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        match &head[4..] {
            b"iTXt" if body.strip_prefix(KEY.as_bytes()).is_some_and(|b| b.first() == Some(&0)) => return true,
            b"IDAT" | b"IEND" => return false,
            _ => {}
        }
        let Some(next) = length.checked_add(4).and_then(|end| body.get(end..)) else { return false };
        rest = next;
    }
}

/// Whether pictures of the studio's making are few among `count` files, so that they came in by mistake: a folder of
/// exports is one to learn from, exports in a folder of photographs are not. `head` reads the beginning of a file.
pub(super) fn are_few(count: usize, mut head: impl FnMut(usize) -> Option<Vec<u8>>) -> bool {
    let looked_at = (0..count).step_by(count.div_ceil(SAMPLE).max(1));
    let total = looked_at.len();
    2 * looked_at.filter(|&i| head(i).is_some_and(|head| is_made_here(&head))).count() < total
}

/// The beginning of a file on disk, if its name is one of a PNG.
pub(super) fn head(path: &Path) -> Option<Vec<u8>> {
    path.extension().filter(|e| e.eq_ignore_ascii_case("png"))?;
    read_at_most(path, HEAD).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small PNG, with the studio's text chunk or another one.
    fn png(keyword: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.add_itxt_chunk(keyword.to_owned(), "{}".to_owned()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[7; 64]).unwrap();
        bytes
    }

    #[test]
    fn only_pictures_with_a_recipe_are_ours() {
        assert!(is_made_here(&png(KEY)));
        assert!(!is_made_here(&png("Comment")) && !is_made_here(b"\x89PNG\r\n\x1a\n") && !is_made_here(b"JFIF"));
        let mut huge = png("Comment");
        huge[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(!is_made_here(&huge));
    }

    #[test]
    fn exports_among_photographs_are_left_out_and_a_folder_of_exports_is_read() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..5 {
            std::fs::write(dir.path().join(format!("{i}.png")), png("Comment")).unwrap();
        }
        std::fs::write(dir.path().join("export.png"), png(KEY)).unwrap();
        let spec = dir.path().to_str().unwrap();
        let s = crate::data::survey(spec, crate::recipe::Reading::default(), &crate::base::progress::Quiet::default());
        let s = s.unwrap();
        assert_eq!((s.entries.len(), s.broken.len()), (5, 1));
        assert!(s.broken[0].file == "export.png" && s.broken[0].reason == REASON);
        for i in 0..5 {
            std::fs::write(dir.path().join(format!("{i}.png")), png(KEY)).unwrap();
        }
        let source = crate::data::open(spec).unwrap();
        assert!((0..6).all(|i| source.decode(i).is_ok()));
        // Those that are read are counted and told.
        assert_eq!(s.generated(), 0);
        std::fs::write(dir.path().join("real.png"), png("Comment")).unwrap();
        let quiet = crate::base::progress::Quiet::default();
        let s = crate::data::survey(spec, crate::recipe::Reading::default(), &quiet).unwrap();
        assert_eq!((s.entries.len(), s.generated()), (7, 6));
        assert!(s.guesses.iter().any(|g| g.count == 6 && g.what.starts_with("6 pictures were generated")));
    }
}
