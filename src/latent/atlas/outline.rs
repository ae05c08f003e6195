//! Outlines that follow points on a sheet: discs around them, closed (grown and shrunk again, Serra 1982) so that no dent
//! is sharp, and the contour of that by marching squares (Lorensen & Cline 1987, on the plane).

use std::collections::HashMap;

/// A closed line; the last corner leads back to the first.
pub type Ring = Vec<[f32; 2]>;

/// Cells of the grid in the radius of a disc.
const FINE: f32 = 4.0;
/// Cells a side at most.
const MOST: f32 = 640.0;
/// The least radius, in units of the sheet.
const LEAST: f32 = 0.015;
/// Share of points whose nearest neighbour lies within one radius, so that neighbours share a ring.
const JOINED: f64 = 0.9;
/// Discs grow to so many radii before they shrink again.
const GROWN: f32 = 2.0;
/// Reach of the smoothing, in cells; less than a radius, so that no point falls out of its disc.
const SMOOTH: usize = 1;

/// Closed lines around points, smooth, with every point inside. Discs reach at most `far`; what lies farther apart gets a
/// ring of its own. Space within a ring that is wider than a disc is left out by a ring the other way around.
pub fn around(points: &[[f32; 2]], far: f32) -> Vec<Ring> {
    if points.is_empty() {
        return Vec::new();
    }
    let grid = Grid::over(points, radius(points, far));
    let rings = grid.contour(&grid.smoothed(grid.closed(points)), grid.radius);
    let least = std::f32::consts::PI * grid.radius * grid.radius;
    // What turns the other way is a gap; small ones are of no account.
    let mut rings: Vec<Ring> = rings.into_iter().filter(|r| area(r) > 0.0 || area(r) < -least).collect();
    rings.sort_by(|a, b| area(b).total_cmp(&area(a)));
    rings.into_iter().map(|r| straightened(r, grid.side * 0.04)).collect()
}

/// Whether a place lies in rings (even–odd).
pub fn inside(rings: &[Ring], p: [f32; 2]) -> bool {
    rings.iter().filter(|r| within(r, p)).count() % 2 == 1
}

/// Whether a place lies in a polygon (even–odd).
pub fn within(polygon: &[[f32; 2]], p: [f32; 2]) -> bool {
    let mut odd = false;
    let mut last = polygon.last().copied().unwrap_or_default();
    for &corner in polygon {
        let (a, b) = (last, corner);
        if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0] {
            odd = !odd;
        }
        last = corner;
    }
    odd
}

/// Area of a ring; negative if it goes clockwise (y up).
pub fn area(ring: &[[f32; 2]]) -> f32 {
    let mut sum = 0.0f64;
    let mut last = ring.last().copied().unwrap_or_default();
    for &corner in ring {
        sum += f64::from(last[0]) * f64::from(corner[1]) - f64::from(corner[0]) * f64::from(last[1]);
        last = corner;
    }
    (sum / 2.0) as f32
}

/// How far discs reach: nearly all points lie that close to their nearest neighbour.
fn radius(points: &[[f32; 2]], far: f32) -> f32 {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| points[*a][0].total_cmp(&points[*b][0]));
    let mut nearest: Vec<f32> = (0..order.len())
        .map(|k| {
            let p = points[order[k]];
            let mut best = f32::INFINITY;
            let mut look = |j: usize| {
                let q = points[order[j]];
                best = best.min((p[0] - q[0]).hypot(p[1] - q[1]));
                (p[0] - q[0]).abs() < best
            };
            let _ = (k + 1..order.len()).all(&mut look);
            let _ = (0..k).rev().all(&mut look);
            best
        })
        .filter(|d| d.is_finite())
        .collect();
    nearest.sort_by(f32::total_cmp);
    let usual = nearest.get((nearest.len().saturating_sub(1) as f64 * JOINED) as usize).copied().unwrap_or(0.0);
    usual.min(far).max(LEAST)
}

/// Where distances are looked at.
struct Grid {
    min: [f32; 2],
    side: f32,
    columns: usize,
    rows: usize,
    radius: f32,
}

impl Grid {
    fn over(points: &[[f32; 2]], radius: f32) -> Self {
        let (mut min, mut max) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for p in points {
            for axis in 0..2 {
                (min[axis], max[axis]) = (min[axis].min(p[axis]), max[axis].max(p[axis]));
            }
        }
        let widest = (max[0] - min[0]).max(max[1] - min[1]);
        let side = (radius / FINE).max(widest / MOST);
        let radius = radius.max(side * FINE);
        let margin = GROWN * radius + side * (SMOOTH + 3) as f32;
        let min = min.map(|v| v - margin);
        let count = |axis: usize| ((max[axis] + margin - min[axis]) / side).ceil() as usize + 1;
        Self { min, side, columns: count(0), rows: count(1), radius }
    }

    /// How far each node is from discs that grew and shrank again, as if from a point within: the radius on their edge.
    fn closed(&self, points: &[[f32; 2]]) -> Vec<f32> {
        let grown = GROWN * self.radius;
        let mut field = self.distances(points, grown + 2.0 * self.side);
        let edge: Vec<[f32; 2]> = self.contour(&field, grown).concat();
        let inwards = self.distances(&edge, grown + 2.0 * self.side);
        for (d, g) in field.iter_mut().zip(inwards) {
            *d = if *d < grown { grown - g } else { grown + g };
        }
        field
    }

    /// How far each node is from the nearest point, up to `most`.
    fn distances(&self, points: &[[f32; 2]], most: f32) -> Vec<f32> {
        let mut field = vec![most; self.columns * self.rows];
        for p in points {
            let at = |axis: usize, v: f32| ((v - self.min[axis]) / self.side).max(0.0) as usize;
            let (left, right) = (at(0, p[0] - most), (at(0, p[0] + most) + 1).min(self.columns - 1));
            let (top, bottom) = (at(1, p[1] - most), (at(1, p[1] + most) + 1).min(self.rows - 1));
            for y in top..=bottom {
                for x in left..=right {
                    let node = self.node(x as f32, y as f32);
                    let far = (node[0] - p[0]).hypot(node[1] - p[1]);
                    let own = &mut field[y * self.columns + x];
                    *own = own.min(far);
                }
            }
        }
        field
    }

    /// Means over neighbouring nodes, twice: the dents where discs meet are rounded.
    fn smoothed(&self, mut field: Vec<f32>) -> Vec<f32> {
        for _ in 0..2 {
            for (stride, along, count) in [(1, self.columns, self.rows), (self.columns, self.rows, self.columns)] {
                let across = if stride == 1 { self.columns } else { 1 };
                let before = field.clone();
                for line in 0..count {
                    for i in 0..along {
                        let (from, to) = (i.saturating_sub(SMOOTH), (i + SMOOTH).min(along - 1));
                        let sum: f32 = (from..=to).map(|k| before[line * across + k * stride]).sum();
                        field[line * across + i * stride] = sum / (to - from + 1) as f32;
                    }
                }
            }
        }
        field
    }

    fn node(&self, x: f32, y: f32) -> [f32; 2] {
        [self.min[0] + x * self.side, self.min[1] + y * self.side]
    }

    /// Rings where the field passes a level; what is below lies on their left.
    fn contour(&self, field: &[f32], level: f32) -> Vec<Ring> {
        // An edge of the grid by its lower left node and whether it goes up; where lines lead on from each.
        type Edge = (usize, usize, bool);
        let mut next: HashMap<Edge, Edge> = HashMap::new();
        let mut order: Vec<Edge> = Vec::new();
        let at = |x: usize, y: usize| field[y * self.columns + x];
        for y in 0..self.rows - 1 {
            for x in 0..self.columns - 1 {
                let near = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)].map(|v| v < level);
                let edges: [Edge; 4] = [(x, y, false), (x + 1, y, true), (x, y + 1, false), (x, y, true)];
                // Round the cell: from a near node to a far one a line leaves, and the other way around one comes in.
                let leaves: Vec<usize> = (0..4).filter(|&i| near[i] && !near[(i + 1) % 4]).collect();
                let comes: Vec<usize> = (0..4).filter(|&i| !near[i] && near[(i + 1) % 4]).collect();
                let middle = (at(x, y) + at(x + 1, y) + at(x + 1, y + 1) + at(x, y + 1)) / 4.0 < level;
                for &out in &leaves {
                    // Where two lines pass, the middle says which nodes hang together.
                    let turn = if middle { 1 } else { 3 };
                    let come = if comes.len() == 1 { comes[0] } else { (out + turn) % 4 };
                    next.insert(edges[out], edges[come]);
                    order.push(edges[out]);
                }
            }
        }
        let crossing = |(x, y, up): Edge| {
            let (a, b) = (at(x, y), if up { at(x, y + 1) } else { at(x + 1, y) });
            let part = ((level - a) / (b - a)).clamp(0.0, 1.0);
            if up { self.node(x as f32, y as f32 + part) } else { self.node(x as f32 + part, y as f32) }
        };
        let mut rings = Vec::new();
        for first in order {
            let mut ring = Vec::new();
            let mut now = first;
            while let Some(then) = next.remove(&now) {
                ring.push(crossing(now));
                now = then;
            }
            if ring.len() > 2 {
                rings.push(ring);
            }
        }
        rings
    }
}

/// A ring without corners that lie on a straight line between their neighbours.
fn straightened(ring: Ring, within: f32) -> Ring {
    let mut out: Ring = Vec::with_capacity(ring.len());
    for (i, p) in ring.iter().enumerate() {
        let then = ring[(i + 1) % ring.len()];
        let Some(last) = out.last().copied() else {
            out.push(*p);
            continue;
        };
        let (dx, dy) = (then[0] - last[0], then[1] - last[1]);
        let off = ((p[0] - last[0]) * dy - (p[1] - last[1]) * dx).abs() / dx.hypot(dy).max(1e-12);
        if off > within {
            out.push(*p);
        }
    }
    if out.len() < 3 { ring } else { out }
}

#[cfg(test)]
mod tests {
    use super::super::holes::hull;
    use super::*;
    use crate::base::rng::Stream;

    fn scattered(n: usize, seed: u64, keep: impl Fn([f32; 2]) -> bool) -> Vec<[f32; 2]> {
        let mut s = Stream::new(seed, "outline");
        let mut out = Vec::new();
        while out.len() < n {
            let p = [s.uniform() * 2.0 - 1.0, s.uniform() * 2.0 - 1.0];
            if keep(p) {
                out.push(p);
            }
        }
        out
    }

    fn area_of(rings: &[Ring]) -> f32 {
        rings.iter().map(|r| area(r)).sum()
    }

    /// The sharpest turn of a ring, in radians.
    fn sharpest(ring: &[[f32; 2]]) -> f32 {
        let n = ring.len();
        let way = |i: usize| {
            let (a, b) = (ring[i % n], ring[(i + 1) % n]);
            (b[1] - a[1]).atan2(b[0] - a[0])
        };
        (0..n)
            .map(|i| {
                let turn = (way(i + 1) - way(i)).abs();
                turn.min(std::f32::consts::TAU - turn)
            })
            .fold(0.0, f32::max)
    }

    #[test]
    fn an_outline_follows_its_members() {
        // An L of the lower left: a quarter of the hull is not of it.
        let l = scattered(400, 1, |p| p[0] < -0.6 || p[1] < -0.6);
        let rings = around(&l, 1.0);
        assert!(l.iter().all(|p| inside(&rings, *p)));
        let (own, whole) = (area_of(&rings), area(&hull(l.clone())));
        assert!(own < 0.75 * whole, "{own} {whole}");
        assert!(!inside(&rings, [0.3, 0.3]) && !inside(&rings, [-0.2, -0.2]));
        assert!(rings.len() < 4, "{}", rings.len());
        for ring in &rings {
            assert!(sharpest(ring) < 0.9, "{}", sharpest(ring));
        }
    }

    #[test]
    fn islands_have_rings_of_their_own_and_a_lake_is_left_out() {
        let islands = scattered(200, 2, |p| p[0].abs() > 0.7 && p[1].abs() < 0.3);
        let rings = around(&islands, 1.0);
        assert!(islands.iter().all(|p| inside(&rings, *p)));
        assert!(!inside(&rings, [0.0, 0.0]));
        assert!(rings.iter().filter(|r| area(r) > 0.05).count() == 2, "{rings:?}");
        let lake = scattered(500, 3, |p| (0.6..0.9).contains(&p[0].hypot(p[1])));
        let rings = around(&lake, 1.0);
        assert!(lake.iter().all(|p| inside(&rings, *p)) && !inside(&rings, [0.0, 0.0]));
        assert!(rings.iter().any(|r| area(r) < -0.5));
    }

    #[test]
    fn few_points_and_far_ones_are_ringed_too() {
        assert!(around(&[], 1.0).is_empty());
        for points in [vec![[0.2, 0.2]], vec![[0.1, 0.1]; 5], vec![[0.0, 0.0], [0.5, 0.0], [0.0, 90.0]]] {
            let rings = around(&points, 0.1);
            assert!(points.iter().all(|p| inside(&rings, *p)), "{points:?} {rings:?}");
            assert!(rings.iter().all(|r| r.len() >= 8 && sharpest(r) < 0.9));
        }
        let lone = around(&[[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]], 0.1);
        assert_eq!(lone.len(), 3, "what lies farther apart than discs reach");
        let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        assert_eq!(area(&square), 1.0);
        assert!(inside(&[square.to_vec()], [0.5, 0.5]) && !inside(&[square.to_vec()], [1.5, 0.5]));
    }
}
