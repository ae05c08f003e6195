//! Which pictures are the same, or nearly.
//!
//! Every picture gets a look: a hash of its pixels, a 128-bit perceptual hash (signs of the differences between
//! neighbours on an 8×8 grid, after Krawetz's dHash), and a 16×16 miniature. Hashes propose, miniatures decide: drawn
//! pictures that share an outline have close hashes and differ nevertheless.

use std::cell::RefCell;
use std::collections::HashMap;

use super::report::DuplicateGroup;
use super::resize::averaged;
use crate::base::Picture;

const MINI: usize = 16;
/// The hash is looked up by each of so many parts; at most one bit less may differ.
const BANDS: usize = 8;
/// Bits that may differ.
const BITS: u32 = 10;
/// Neighbours closer than this are the same: flat areas have no signs.
const STEP: i32 = 4;
/// Largest difference of any channel in two miniatures of nearly the same picture.
const WORST: u8 = 24;
/// Largest root mean square difference, squared.
const SQUARE: u32 = 5 * 5;
/// The same for miniatures of 4×4, with room for rounding.
const COARSE_SQUARE: u32 = 6 * 6;
/// In a crowd that shares a part of the hash, at most so many are compared with each.
const WINDOW: usize = 128;
/// Nearly the same pictures have nearly the same sum of their miniatures.
const REACH: u32 = 5 * (MINI * MINI * 4) as u32;

/// Pictures up to so many bytes are copied to be hashed.
const KEPT: usize = 1 << 20;

thread_local! {
    static JOINED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a picture looks like.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// Hash of size and pixels.
    pub content: [u8; 16],
    hash: u128,
    /// Sum of the miniature, by which crowds are sorted.
    sum: u32,
    aspect: f32,
    /// Premultiplied RGBA.
    mini: Box<[u8]>,
    /// The same, averaged to 4×4.
    coarse: [u8; 64],
}

/// Hash of size and pixels; equal for equal pictures whatever their file.
pub(super) fn content_hash(picture: &Picture) -> [u8; 16] {
    // One run of bytes is hashed several times faster than its parts one after the other.
    let hash = |joined: &mut Vec<u8>| {
        joined.clear();
        joined.extend_from_slice(&picture.width.to_le_bytes());
        joined.extend_from_slice(&picture.height.to_le_bytes());
        joined.extend_from_slice(&picture.rgba);
        blake3::hash(joined)
    };
    let whole = if picture.rgba.len() <= KEPT {
        JOINED.with_borrow_mut(hash)
    } else {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&picture.width.to_le_bytes());
        hasher.update(&picture.height.to_le_bytes());
        hasher.update(&picture.rgba);
        hasher.finalize()
    };
    let mut short = [0; 16];
    short.copy_from_slice(&whole.as_bytes()[..16]);
    short
}

impl Look {
    /// Looks at a picture.
    pub fn of(picture: &Picture) -> Self {
        let mut mini = averaged(picture, MINI as u32, MINI as u32).rgba;
        for p in mini.chunks_exact_mut(4) {
            let alpha = u32::from(p[3]);
            p[..3].iter_mut().for_each(|v| *v = ((u32::from(*v) * alpha + 127) / 255) as u8);
        }
        // Luma over middle grey, averaged to 8×8.
        let mut grid = [0i32; 64];
        for (i, p) in mini.chunks_exact(4).enumerate() {
            let luma = (i32::from(p[0]) * 54 + i32::from(p[1]) * 183 + i32::from(p[2]) * 19) / 256;
            grid[(i / MINI / 2) * 8 + (i % MINI) / 2] += luma + (255 - i32::from(p[3])) / 2;
        }
        let mut hash = 0u128;
        for row in 0..8 {
            for column in 0..8 {
                let here = grid[row * 8 + column];
                let right = grid[row * 8 + (column + 1) % 8];
                let below = grid[(row + 1) % 8 * 8 + column];
                hash = (hash << 2) | u128::from(right - here > 4 * STEP) << 1 | u128::from(below - here > 4 * STEP);
            }
        }
        Self {
            content: content_hash(picture),
            hash,
            sum: mini.iter().map(|&v| u32::from(v)).sum(),
            aspect: picture.width as f32 / picture.height.max(1) as f32,
            coarse: coarse(&mini),
            mini: mini.into_boxed_slice(),
        }
    }

    /// The perceptual hash.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// Whether both show the same picture, perhaps in another size or file format.
    fn is_near(&self, other: &Self) -> bool {
        if hash_distance(self.hash, other.hash) > BITS || (self.aspect / other.aspect - 1.0).abs() > 0.02 {
            return false;
        }
        // Means differ less than what they are means of, so most strangers are told by the coarse miniature.
        if squares(&self.coarse, &other.coarse) > COARSE_SQUARE * self.coarse.len() as u32 {
            return false;
        }
        let worst = self.mini.iter().zip(&other.mini).all(|(a, b)| a.abs_diff(*b) <= WORST);
        worst && squares(&self.mini, &other.mini) <= SQUARE * self.mini.len() as u32
    }
}

/// In how many of their 128 bits two perceptual hashes differ.
pub(super) fn hash_distance(a: u128, b: u128) -> u32 {
    (a ^ b).count_ones()
}

/// A miniature averaged to 4×4.
fn coarse(mini: &[u8]) -> [u8; 64] {
    let mut sums = [0u32; 64];
    for (i, &v) in mini.iter().enumerate() {
        let (pixel, channel) = (i / 4, i % 4);
        sums[(pixel / MINI / 4 * 4 + pixel % MINI / 4) * 4 + channel] += u32::from(v);
    }
    sums.map(|s| (s / 16) as u8)
}

/// Sum of squared differences.
fn squares(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
}

/// What is scanned of a look.
struct Key {
    hash: u128,
    sum: u32,
    group: u32,
}

/// One of the parts of a hash.
fn band(hash: u128, k: usize) -> u16 {
    (hash >> (16 * k)) as u16
}

/// Groups of the same or nearly the same pictures, in order of their first member. Every member of a group is near its
/// first one, so that a slow film does not become one group from end to end.
pub(super) fn groups(looks: &[Look]) -> Vec<DuplicateGroup> {
    // Exact ones first: each content once.
    let mut first_of: HashMap<[u8; 16], usize> = HashMap::with_capacity(looks.len());
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut heads: Vec<usize> = Vec::new();
    for (i, look) in looks.iter().enumerate() {
        let group = *first_of.entry(look.content).or_insert_with(|| {
            heads.push(i);
            members.push(Vec::new());
            heads.len() - 1
        });
        members[group].push(i as u32);
    }
    let mut leader: Vec<Option<usize>> = vec![None; heads.len()];
    let look = |group: usize| &looks[heads[group]];
    // For each part of the hash, everyone in order of (part, sum), packed so that neighbours are scanned in a row.
    let sorted: Vec<Vec<Key>> = (0..BANDS)
        .map(|k| {
            let mut keys: Vec<Key> =
                (0..heads.len()).map(|g| Key { hash: look(g).hash, sum: look(g).sum, group: g as u32 }).collect();
            keys.sort_unstable_by_key(|key| (band(key.hash, k), key.sum, key.group));
            keys
        })
        .collect();
    let mut place: Vec<Vec<u32>> = vec![vec![0; heads.len()]; BANDS];
    for (keys, place) in sorted.iter().zip(&mut place) {
        keys.iter().enumerate().for_each(|(at, key)| place[key.group as usize] = at as u32);
    }
    for group in 0..heads.len() {
        if leader[group].is_some() {
            continue;
        }
        leader[group] = Some(group);
        let mine = look(group);
        for k in 0..BANDS {
            let at = place[k][group] as usize;
            let here = |key: &&Key| band(key.hash, k) == band(mine.hash, k) && key.sum.abs_diff(mine.sum) <= REACH;
            let up = sorted[k][at + 1..].iter().take(WINDOW).take_while(here);
            let down = sorted[k][..at].iter().rev().take(WINDOW).take_while(here);
            for key in up.chain(down) {
                let other = key.group as usize;
                let close = other > group && (key.hash ^ mine.hash).count_ones() <= BITS;
                if close && leader[other].is_none() && mine.is_near(look(other)) {
                    leader[other] = Some(group);
                }
            }
        }
    }
    let mut merged: Vec<(Vec<u32>, bool)> = members.iter().map(|_| (Vec::new(), true)).collect();
    for (group, entries) in members.into_iter().enumerate() {
        let to = leader[group].unwrap_or(group);
        merged[to].0.extend(entries);
        merged[to].1 &= to == group;
    }
    let mut groups: Vec<DuplicateGroup> = merged
        .into_iter()
        .filter(|(entries, _)| entries.len() > 1)
        .map(|(mut entries, exact)| {
            entries.sort_unstable();
            DuplicateGroup { entries, exact }
        })
        .collect();
    groups.sort_by_key(|g| g.entries[0]);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use crate::data::decode_bytes;
    use crate::data::resize::thumbnail;
    use image::{ImageEncoder, codecs::jpeg::JpegEncoder};

    /// A picture of a few soft waves, different for every seed.
    fn photo(seed: u64, side: u32) -> Picture {
        let mut s = Stream::new(seed, "photo");
        let waves: Vec<[f32; 6]> = (0..6).map(|_| std::array::from_fn(|_| s.uniform())).collect();
        let mut p = Picture::filled(side, side, [255; 4]);
        for i in 0..(side * side) as usize {
            let (x, y) = ((i as u32 % side) as f32 / side as f32, (i as u32 / side) as f32 / side as f32);
            for c in 0..3 {
                let v: f32 = waves
                    .iter()
                    .map(|w| ((w[0] * 9.0 * x + w[1] * 9.0 * y + w[2 + c] * 6.0).sin()) * (0.5 + w[5]))
                    .sum();
                p.rgba[i * 4 + c] = (128.0 + v * 30.0).clamp(0.0, 255.0) as u8;
            }
        }
        p
    }

    fn as_jpeg(p: &Picture, quality: u8) -> Picture {
        let rgb: Vec<u8> = p.rgba.chunks(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality)
            .write_image(&rgb, p.width, p.height, image::ExtendedColorType::Rgb8)
            .unwrap();
        decode_bytes(&bytes, "x.jpg").unwrap()
    }

    #[test]
    fn copies_are_found_and_strangers_are_not() {
        let mut pictures: Vec<Picture> = (0..300).map(|s| photo(s, 96)).collect();
        pictures.push(as_jpeg(&pictures[3], 75));
        pictures.push(thumbnail(&pictures[5], 48));
        pictures.push(pictures[7].clone());
        pictures.push(as_jpeg(&thumbnail(&pictures[3], 64), 80));
        let looks: Vec<Look> = pictures.iter().map(Look::of).collect();
        let found = groups(&looks);
        let expected = [(vec![3, 300, 303], false), (vec![5, 301], false), (vec![7, 302], true)];
        let expected = expected.map(|(entries, exact)| DuplicateGroup { entries, exact });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_small_but_clear_difference_is_kept() {
        let mut a = Picture::filled(32, 32, [200, 200, 200, 255]);
        a.paste(&Picture::filled(12, 12, [20, 90, 200, 255]), 10, 10);
        let mut b = a.clone();
        b.paste(&Picture::filled(3, 3, [255, 0, 0, 255]), 14, 20);
        assert!(groups(&[Look::of(&a), Look::of(&b)]).is_empty());
    }

    #[test]
    fn a_slow_film_is_not_one_group() {
        let looks: Vec<Look> = (0..120u32)
            .map(|t| {
                let mut p = Picture::filled(64, 64, [30, 30, 30, 255]);
                p.paste(&Picture::filled(20, 20, [220, 220, 220, 255]), t / 3, 20);
                Look::of(&p)
            })
            .collect();
        let found = groups(&looks);
        assert!(found.iter().all(|g| g.entries.len() < 20), "{found:?}");
    }

    #[test]
    fn a_copy_is_found_in_a_crowd_that_shares_its_hash() {
        let mut s = Stream::new(1, "crowd");
        // All in the same crowd of the hash, each with its own content.
        let mut looks: Vec<Look> = vec![Look::of(&Picture::filled(8, 8, [128, 128, 128, 255])); 3000];
        for look in &mut looks {
            look.content = std::array::from_fn(|_| s.bits() as u8);
            look.mini = (0..MINI * MINI * 4).map(|_| s.bits() as u8).collect();
            look.sum = look.mini.iter().map(|&v| u32::from(v)).sum();
            look.coarse = coarse(&look.mini);
        }
        let mut copy = looks[1000].clone();
        copy.content[0] ^= 1;
        copy.mini.iter_mut().step_by(7).for_each(|v| *v = v.saturating_add(2));
        copy.coarse = coarse(&copy.mini);
        copy.sum = copy.mini.iter().map(|&v| u32::from(v)).sum();
        looks.push(copy);
        assert_eq!(groups(&looks), [DuplicateGroup { entries: vec![1000, 3000], exact: false }]);
    }

    #[test]
    #[ignore = "measures; run with --release --nocapture"]
    fn a_hundred_thousand_are_compared_in_seconds() {
        let mut s = Stream::new(1, "many");
        let flat = Look::of(&Picture::filled(8, 8, [128, 128, 128, 255]));
        let looks: Vec<Look> = (0..100_000)
            .map(|_| {
                let mut look = flat.clone();
                look.content = std::array::from_fn(|_| s.bits() as u8);
                look.mini = (0..MINI * MINI * 4).map(|_| s.bits() as u8).collect();
                look.sum = look.mini.iter().map(|&v| u32::from(v)).sum();
                look.coarse = coarse(&look.mini);
                look
            })
            .collect();
        let start = std::time::Instant::now();
        assert!(groups(&looks).is_empty());
        println!("{:?}", start.elapsed());
    }
}
