//! Two views of every picture: a clean one, and one that is distorted in a known way.
//!
//! Both are shown at a random size from 16 pixels up, as pictures of models are, and brought to the network's size as
//! they will be when the features are used.

use std::sync::Arc;

use rayon::prelude::*;

use super::SIDE;
use super::dead_leaves::leaves;
use super::distort::{DISTORTIONS, Plain};
use super::task::Dataset;
use crate::base::Picture;
use crate::base::rng::Stream;
use crate::data;
use crate::data::augment::mirror_bytes;

/// Sizes at which pictures are shown before they are brought to [`SIDE`].
const SIZES: [u32; 8] = [16, 20, 24, 28, 32, 32, 48, 64];

/// A picture of a batch.
#[derive(Clone, Debug)]
pub struct Item {
    /// Place of its source, and its place there; nothing for leaves.
    pub from: Option<(usize, usize)>,
    /// As it is.
    pub clean: Picture,
    /// Distorted.
    pub worse: Picture,
    /// Place among [`DISTORTIONS`].
    pub kind: usize,
    /// How badly, 0…1; 0 for none.
    pub level: f32,
}

/// Which of a source's pictures may be drawn, and how often the source is.
pub struct Pool {
    /// The sources.
    pub courses: Arc<Vec<Dataset>>,
    weights: Vec<f32>,
    seed: u64,
}

/// A sixth of the pictures are leaves.
const LEAVES: f32 = 1.0 / 6.0;

impl Pool {
    /// Sources are drawn by the root of their size, so that small ones are seen too.
    pub fn new(courses: Arc<Vec<Dataset>>, seed: u64) -> Self {
        let weights = courses.iter().map(|c| (c.pictures.train().len().min(4000) as f32).sqrt()).collect();
        Self { courses, weights, seed }
    }

    /// The pictures of a step: a function of the seed and the step alone.
    pub fn batch(&self, step: u64, n: usize) -> Vec<Item> {
        (0..n).into_par_iter().map(|i| self.item(step, i)).collect()
    }

    fn item(&self, step: u64, i: usize) -> Item {
        let mut s = Stream::new(self.seed, &format!("features {step} {i}"));
        let from = self.choose(&mut s);
        self.views(from, &mut s)
    }

    fn choose(&self, s: &mut Stream) -> Option<(usize, usize)> {
        let total: f32 = self.weights.iter().sum();
        if total <= 0.0 || s.uniform() < LEAVES {
            return None;
        }
        let mut at = s.uniform() * total;
        let source = self.weights.iter().position(|w| {
            at -= w;
            at < 0.0
        });
        let source = source.unwrap_or(self.weights.len() - 1);
        let train = self.courses[source].pictures.train();
        Some((source, train[s.below(train.len() as u64) as usize] as usize))
    }

    /// Both views of a picture.
    pub fn views(&self, from: Option<(usize, usize)>, s: &mut Stream) -> Item {
        let side = SIZES[s.below(SIZES.len() as u64) as usize];
        let ground = match s.below(4) {
            0 | 1 => [super::GREY; 3],
            2 => [[0; 3], [255; 3]][s.below(2) as usize],
            _ => std::array::from_fn(|_| s.below(256) as u8),
        };
        let picture = self.picture(from, s);
        let clean = shown(&picture, side, ground, s);
        let kind = s.below(DISTORTIONS.len() as u64) as usize;
        let level = if kind == 0 { 0.0 } else { s.uniform() };
        let company = self.choose(s);
        let other = shown(&self.picture(company, s), side, ground, s);
        // The second view is a view of its own: mirrored, moved and lit in another way.
        let mut worse = shown(&picture, side, ground, s);
        (DISTORTIONS[kind].apply)(&mut worse, level, &other, s);
        let done = |p: Plain| data::scaled(&p.to_picture(), SIDE, SIDE);
        Item { from, clean: done(clean), worse: done(worse), kind, level }
    }

    fn picture(&self, from: Option<(usize, usize)>, s: &mut Stream) -> Picture {
        match from {
            Some((source, i)) => {
                let pictures = &self.courses[source].pictures;
                Picture::from_interleaved(SIDE, SIDE, pictures.shape().channels, pictures.picture(i))
            }
            None => leaves(s.bits(), SIDE as usize).to_picture(),
        }
    }
}

/// At a size, on a ground, mirrored by a coin, moved a little, lit a little differently.
fn shown(picture: &Picture, side: u32, ground: [u8; 3], s: &mut Stream) -> Plain {
    let mut p = data::scaled(picture, side, side);
    for pixel in p.rgba.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        for (v, g) in pixel.iter_mut().zip(ground) {
            *v = ((u32::from(*v) * alpha + u32::from(g) * (255 - alpha) + 127) / 255) as u8;
        }
    }
    if s.bits() & 1 == 1 {
        mirror_bytes(&mut p.rgba, side as usize * 4, 4);
    }
    let reach = i64::from(side / 12);
    let mut step = || s.below(2 * reach as u64 + 1) as i64 - reach;
    let (dx, dy) = (step(), step());
    let from = p.clone();
    let inside = |v: i64| v.clamp(0, i64::from(side) - 1) as u32;
    for y in 0..side {
        for x in 0..side {
            let pixel = from.pixel(inside(i64::from(x) - dx), inside(i64::from(y) - dy));
            let i = ((y * side + x) * 4) as usize;
            p.rgba[i..i + 4].copy_from_slice(&pixel);
        }
    }
    let mut plain = Plain::of(&p);
    let (gain, shift) = (0.92 + 0.16 * s.uniform(), 0.08 * (s.uniform() - 0.5));
    plain.values.iter_mut().for_each(|v| *v = ((*v - 0.5) * gain + 0.5 + shift).clamp(0.0, 1.0));
    plain
}
