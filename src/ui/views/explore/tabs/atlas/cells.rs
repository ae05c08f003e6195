//! Points of a sheet by where they lie: what is in a rectangle, what is nearest, what stands for its surroundings.

use std::collections::HashMap;

pub use crate::latent::atlas::outline::within as inside;

/// Points in a cell, about.
const EACH: usize = 4;

/// A grid over points.
pub struct Cells {
    places: Vec<[f32; 2]>,
    min: [f32; 2],
    side: f32,
    columns: usize,
    rows: usize,
    /// Where the points of each cell begin in `order`, row by row, and where the last ones end.
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Cells {
    /// Sorts points into cells.
    pub fn new(places: Vec<[f32; 2]>) -> Self {
        let (mut min, mut max) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for p in &places {
            for axis in 0..2 {
                min[axis] = min[axis].min(p[axis]);
                max[axis] = max[axis].max(p[axis]);
            }
        }
        if places.is_empty() {
            (min, max) = ([0.0; 2], [0.0; 2]);
        }
        let wide = [max[0] - min[0], max[1] - min[1]];
        let across = ((places.len() / EACH) as f32).sqrt().ceil().max(1.0);
        let side = (wide[0].max(wide[1]) / across).max(1e-6);
        let count = |axis: usize| ((wide[axis] / side) as usize + 1).min(1 << 12);
        let (columns, rows) = (count(0), count(1));
        let mut cells = Self { places, min, side, columns, rows, starts: Vec::new(), order: Vec::new() };
        let own: Vec<usize> = cells.places.iter().map(|p| cells.cell(*p)).collect();
        let mut starts = vec![0u32; columns * rows + 1];
        own.iter().for_each(|c| starts[c + 1] += 1);
        (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
        let mut next = starts.clone();
        let mut order = vec![0u32; own.len()];
        for (i, c) in own.iter().enumerate() {
            order[next[*c] as usize] = i as u32;
            next[*c] += 1;
        }
        (cells.starts, cells.order) = (starts, order);
        cells
    }

    fn along(&self, v: f32, axis: usize) -> usize {
        let last = if axis == 0 { self.columns } else { self.rows } - 1;
        (((v - self.min[axis]) / self.side).max(0.0) as usize).min(last)
    }

    fn cell(&self, p: [f32; 2]) -> usize {
        self.along(p[1], 1) * self.columns + self.along(p[0], 0)
    }

    /// Where points lie.
    pub fn places(&self) -> &[[f32; 2]] {
        &self.places
    }

    /// Calls `each` with every point between two corners.
    pub fn within(&self, from: [f32; 2], to: [f32; 2], mut each: impl FnMut(u32)) {
        let inside = |p: [f32; 2]| (0..2).all(|a| from[a] <= p[a] && p[a] <= to[a]);
        let (left, right) = (self.along(from[0], 0), self.along(to[0], 0));
        for row in self.along(from[1], 1)..=self.along(to[1], 1) {
            let span = self.starts[row * self.columns + left]..self.starts[row * self.columns + right + 1];
            for &i in &self.order[span.start as usize..span.end as usize] {
                if inside(self.places[i as usize]) {
                    each(i);
                }
            }
        }
    }

    /// The nearest point that is no farther than `reach`.
    pub fn nearest(&self, at: [f32; 2], reach: f32) -> Option<u32> {
        let mut best: Option<(f32, u32)> = None;
        self.within([at[0] - reach, at[1] - reach], [at[0] + reach, at[1] + reach], |i| {
            let p = self.places[i as usize];
            let far = (p[0] - at[0]).powi(2) + (p[1] - at[1]).powi(2);
            if far <= reach * reach && best.is_none_or(|b| (far, i) < b) {
                best = Some((far, i));
            }
        });
        best.map(|b| b.1)
    }

    /// One point for each square of side 2^−`level` in which there are at most `crowd` of them. A point that stands for
    /// a square stands for one of its quarters as well, so that what is shown stays while one comes nearer.
    pub fn standing_for(&self, level: i32, crowd: u32) -> Vec<u32> {
        let side = (-f64::from(level)).exp2() as f32;
        let mut squares: HashMap<(i32, i32), (u32, u32)> = HashMap::with_capacity(self.places.len() / 2);
        let rank = |i: u32| i.wrapping_mul(0x9E37_79B1);
        for (i, p) in self.places.iter().enumerate() {
            let (i, square) = (i as u32, ((p[0] / side).floor() as i32, (p[1] / side).floor() as i32));
            let known = squares.entry(square).or_insert((0, i));
            known.0 += 1;
            if rank(i) < rank(known.1) {
                known.1 = i;
            }
        }
        let mut out: Vec<u32> = squares.into_values().filter(|s| s.0 <= crowd).map(|s| s.1).collect();
        out.sort_unstable();
        out
    }
}

/// The corners of the smallest upright rectangle around a polygon.
pub fn bounds(polygon: &[[f32; 2]]) -> ([f32; 2], [f32; 2]) {
    polygon.iter().fold(([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]), |(low, high), p| {
        ([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])])
    })
}

/// About `count` places spread evenly over a polygon, row by row.
pub fn spread(polygon: &[[f32; 2]], count: usize) -> Vec<[f32; 2]> {
    let (low, high) = bounds(polygon);
    let (wide, tall) = (high[0] - low[0], high[1] - low[1]);
    let on = |n: usize| -> Vec<[f32; 2]> {
        let step = (wide * tall / n as f32).sqrt().max(1e-9);
        let (columns, rows) = ((wide / step).ceil().max(1.0) as usize, (tall / step).ceil().max(1.0) as usize);
        let at = |i: usize, n: usize, low: f32, size: f32| low + size * (i as f32 + 0.5) / n as f32;
        (0..rows)
            .flat_map(|y| (0..columns).map(move |x| (x, y)))
            .map(|(x, y)| [at(x, columns, low[0], wide), at(y, rows, low[1], tall)])
            .filter(|p| inside(polygon, *p))
            .collect()
    };
    // A thin polygon fills little of its rectangle.
    let mut found = Vec::new();
    for finer in 0..8 {
        found = on(count << finer);
        if found.len() >= count {
            break;
        }
    }
    if found.len() > count {
        let n = found.len();
        found = (0..count).map(|i| found[i * n / count]).collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn points(n: usize) -> Vec<[f32; 2]> {
        let mut s = Stream::new(3, "points");
        (0..n).map(|_| [s.normal() * 0.4, s.normal() * 0.3]).collect()
    }

    #[test]
    fn what_lies_in_a_rectangle_and_what_is_nearest_is_found_as_by_looking_at_all() {
        let all = points(2000);
        let cells = Cells::new(all.clone());
        let (from, to) = ([-0.2, -0.1], [0.15, 0.4]);
        let mut found = Vec::new();
        cells.within(from, to, |i| found.push(i));
        found.sort_unstable();
        let by_hand: Vec<u32> = (0..2000u32)
            .filter(|&i| {
                let p = all[i as usize];
                (from[0]..=to[0]).contains(&p[0]) && (from[1]..=to[1]).contains(&p[1])
            })
            .collect();
        assert!(by_hand.len() > 200);
        assert_eq!(found, by_hand);
        for at in [[0.0, 0.0], [0.5, -0.5], [3.0, 3.0]] {
            let far = |p: &[f32; 2]| (p[0] - at[0]).powi(2) + (p[1] - at[1]).powi(2);
            let best = (0..2000u32).min_by(|a, b| far(&all[*a as usize]).total_cmp(&far(&all[*b as usize])));
            let near = best.filter(|i| far(&all[*i as usize]) <= 0.04);
            assert_eq!(cells.nearest(at, 0.2), near, "{at:?}");
        }
        for few in [Vec::new(), vec![[0.5, 0.5]], vec![[1.0, 1.0]; 9]] {
            let n = few.len();
            let cells = Cells::new(few);
            let mut count = 0;
            cells.within([-9.0; 2], [9.0; 2], |_| count += 1);
            assert_eq!(count, n);
        }
    }

    #[test]
    fn more_points_are_shown_as_one_comes_nearer_and_those_shown_stay() {
        let cells = Cells::new(points(3000));
        let mut before: Vec<u32> = Vec::new();
        for level in 0..9 {
            let now = cells.standing_for(level, 4);
            assert!(before.iter().all(|i| now.contains(i)), "{level}");
            assert!(now.len() >= before.len());
            before = now;
        }
        assert!(before.len() > 2500, "{}", before.len());
        assert!(cells.standing_for(0, 4).len() < 30, "in a crowd none is shown");
    }

    #[test]
    fn a_polygon_knows_what_it_holds_and_is_spread_over() {
        let l = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [1.0, 1.0], [1.0, 2.0], [0.0, 2.0]];
        assert!(
            inside(&l, [0.5, 1.5]) && inside(&l, [1.5, 0.5]) && !inside(&l, [1.5, 1.5]) && !inside(&l, [-1.0, 0.5])
        );
        let places = spread(&l, 24);
        assert_eq!(places.len(), 24);
        assert!(places.iter().all(|p| inside(&l, *p)));
        assert!(places.iter().any(|p| p[0] > 1.2) && places.iter().any(|p| p[1] > 1.2));
        assert_eq!(bounds(&l), ([0.0, 0.0], [2.0, 2.0]));
        let thin = [[0.0, 0.0], [1.0, 1.0], [1.0, 1.02]];
        assert!(!spread(&thin, 12).is_empty());
        assert!(!inside(&[], [0.0, 0.0]));
    }
}
