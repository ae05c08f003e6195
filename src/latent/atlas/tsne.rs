//! t-SNE (van der Maaten & Hinton 2008) with the tree of Barnes and Hut (van der Maaten 2014).

use rayon::prelude::*;

use super::knn;
use crate::base::{Progress, Result};

const PERPLEXITY: f64 = 30.0;
const STEPS: usize = 500;
/// Steps in which clusters are pulled together more strongly.
const EARLY: usize = 125;
const EXAGGERATION: f32 = 12.0;
/// A cell this small for its distance counts as one point.
const THETA: f32 = 0.5;

/// Places of rows, beginning from `start`.
///
/// # Errors
/// It was cancelled.
pub fn tsne(rows: &[Vec<f32>], start: &[[f32; 2]], progress: &dyn Progress) -> Result<Vec<[f32; 2]>> {
    let n = rows.len();
    let perplexity = PERPLEXITY.min((n - 1) as f64 / 3.0);
    let near = knn::nearest(rows, (3.0 * perplexity) as usize, 0, progress)?;
    let pulls = affinities(&near, perplexity);
    let reach = start.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs())).max(1e-9);
    // Very close at first; not all in one point.
    let mut places: Vec<[f32; 2]> = start
        .iter()
        .enumerate()
        .map(|(i, p)| [p[0] / reach * 1e-2 + 1e-6 * (i % 101) as f32, p[1] / reach * 1e-2 + 1e-6 * (i % 89) as f32])
        .collect();
    let (mut speed, mut gain) = (vec![[0.0f32; 2]; n], vec![[1.0f32; 2]; n]);
    let rate = (n as f32 / EXAGGERATION).max(50.0);
    for step in 0..STEPS {
        progress.report("Laying out", step as u64, STEPS as u64);
        progress.cancel().check()?;
        let tree = Tree::of(&places);
        let pushes: Vec<([f32; 2], f32)> = places.par_iter().map(|p| tree.push(*p)).collect();
        // In order, so that the sum is the same again.
        let total: f32 = pushes.iter().map(|p| f64::from(p.1)).sum::<f64>() as f32;
        let exaggeration = if step < EARLY { EXAGGERATION } else { 1.0 };
        let gradient: Vec<[f32; 2]> = (0..n)
            .into_par_iter()
            .map(|i| {
                let mut g = [0.0f32; 2];
                for (j, p) in &pulls[i] {
                    let way = [places[i][0] - places[*j as usize][0], places[i][1] - places[*j as usize][1]];
                    let w = exaggeration * p / (1.0 + way[0] * way[0] + way[1] * way[1]);
                    g[0] += w * way[0];
                    g[1] += w * way[1];
                }
                [4.0 * (g[0] - pushes[i].0[0] / total), 4.0 * (g[1] - pushes[i].0[1] / total)]
            })
            .collect();
        let momentum = if step < EARLY { 0.5 } else { 0.8 };
        for i in 0..n {
            for k in 0..2 {
                let same = gradient[i][k].is_sign_positive() == speed[i][k].is_sign_positive();
                gain[i][k] = if same { (gain[i][k] * 0.8).max(0.01) } else { gain[i][k] + 0.2 };
                speed[i][k] = momentum * speed[i][k] - rate * gain[i][k] * gradient[i][k];
                places[i][k] += speed[i][k];
            }
        }
    }
    progress.report("Laying out", STEPS as u64, STEPS as u64);
    Ok(places)
}

/// Symmetric pulls between neighbours; all together are 1.
fn affinities(near: &[Vec<knn::Near>], perplexity: f64) -> Vec<Vec<(u32, f32)>> {
    let n = near.len();
    let own: Vec<Vec<f64>> = near.par_iter().map(|row| shares(row, perplexity)).collect();
    let mut pulls: Vec<Vec<(u32, f32)>> = vec![Vec::new(); n];
    for (i, row) in near.iter().enumerate() {
        for (k, other) in row.iter().enumerate() {
            let p = (own[i][k] / (2.0 * n as f64)) as f32;
            pulls[i].push((other.place, p));
            pulls[other.place as usize].push((i as u32, p));
        }
    }
    pulls
}

/// Shares of neighbours under a Gaussian as wide as the perplexity asks for.
fn shares(row: &[knn::Near], perplexity: f64) -> Vec<f64> {
    let squares: Vec<f64> = row.iter().map(|n| f64::from(n.distance).powi(2)).collect();
    let least = squares.first().copied().unwrap_or(0.0);
    let (mut low, mut high, mut beta) = (0.0, f64::INFINITY, 1.0 / squares.last().copied().unwrap_or(1.0).max(1e-12));
    let mut all = vec![1.0 / row.len().max(1) as f64; row.len()];
    for _ in 0..64 {
        let weights: Vec<f64> = squares.iter().map(|s| (-(s - least) * beta).exp()).collect();
        let sum: f64 = weights.iter().sum();
        all = weights.iter().map(|w| w / sum).collect();
        let entropy: f64 = -all.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
        let apart = entropy - perplexity.ln();
        if apart.abs() < 1e-5 {
            break;
        }
        if apart > 0.0 {
            low = beta;
        } else {
            high = beta;
        }
        beta = if high.is_finite() { (low + high) / 2.0 } else { beta * 2.0 };
        if !beta.is_finite() || beta > 1e15 {
            break;
        }
    }
    all
}

/// A tree of quarters.
struct Tree {
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    /// Middle and half width.
    middle: [f32; 2],
    half: f32,
    /// Sum of the points, and how many.
    sum: [f32; 2],
    count: f32,
    /// First of four cells below; 0 for none.
    below: u32,
}

impl Tree {
    fn of(places: &[[f32; 2]]) -> Self {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for p in places {
            for k in 0..2 {
                low[k] = low[k].min(p[k]);
                high[k] = high[k].max(p[k]);
            }
        }
        let half = ((high[0] - low[0]).max(high[1] - low[1]) / 2.0).max(1e-6) * 1.001;
        let middle = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0];
        let mut tree = Self { cells: vec![Cell { middle, half, ..Cell::default() }] };
        places.iter().for_each(|p| tree.insert(*p));
        tree
    }

    fn insert(&mut self, p: [f32; 2]) {
        let mut at = 0usize;
        for depth in 0.. {
            let cell = self.cells[at];
            let full = cell.count > 0.0 && cell.below == 0;
            self.cells[at].sum = [cell.sum[0] + p[0], cell.sum[1] + p[1]];
            self.cells[at].count += 1.0;
            if cell.count == 0.0 {
                return;
            }
            // Points that cannot be told apart share a cell.
            if full && depth > 24 {
                return;
            }
            if full {
                let below = self.cells.len() as u32;
                for q in 0..4 {
                    let half = cell.half / 2.0;
                    let way = |bit: usize| if q >> bit & 1 == 1 { half } else { -half };
                    let middle = [cell.middle[0] + way(0), cell.middle[1] + way(1)];
                    self.cells.push(Cell { middle, half, ..Cell::default() });
                }
                self.cells[at].below = below;
                // What was here goes one down; it is one point, or several in the same place.
                let mean = [cell.sum[0] / cell.count, cell.sum[1] / cell.count];
                let child = below as usize + quarter(cell.middle, mean);
                self.cells[child].sum = cell.sum;
                self.cells[child].count = cell.count;
            }
            at = self.cells[at].below as usize + quarter(cell.middle, p);
        }
    }

    /// What pushes a point from all others, and its part of the normalisation.
    fn push(&self, p: [f32; 2]) -> ([f32; 2], f32) {
        let (mut push, mut total) = ([0.0f32; 2], 0.0f32);
        let mut stack = vec![0u32];
        while let Some(at) = stack.pop() {
            let cell = &self.cells[at as usize];
            if cell.count == 0.0 {
                continue;
            }
            let way = [p[0] - cell.sum[0] / cell.count, p[1] - cell.sum[1] / cell.count];
            let square = way[0] * way[0] + way[1] * way[1];
            if cell.below == 0 || 4.0 * cell.half * cell.half < THETA * THETA * square {
                let q = 1.0 / (1.0 + square);
                // A point does not push itself.
                let count = if square < 1e-12 { cell.count - 1.0 } else { cell.count };
                total += count * q;
                push[0] += count * q * q * way[0];
                push[1] += count * q * q * way[1];
            } else {
                stack.extend((0..4).map(|q| cell.below + q));
            }
        }
        (push, total)
    }
}

fn quarter(middle: [f32; 2], p: [f32; 2]) -> usize {
    usize::from(p[0] >= middle[0]) + 2 * usize::from(p[1] >= middle[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn the_tree_pushes_as_all_points_do() {
        let mut s = Stream::new(3, "points");
        let mut places: Vec<[f32; 2]> = (0..400).map(|_| [s.normal() * 5.0, s.normal() * 5.0]).collect();
        places.push(places[0]);
        let tree = Tree::of(&places);
        assert_eq!(tree.cells[0].count, 401.0);
        for i in [0, 7, 399] {
            let (mut push, mut total) = ([0.0f32; 2], 0.0f32);
            for (j, q) in places.iter().enumerate() {
                if i != j {
                    let way = [places[i][0] - q[0], places[i][1] - q[1]];
                    let near = 1.0 / (1.0 + way[0] * way[0] + way[1] * way[1]);
                    total += near;
                    push[0] += near * near * way[0];
                    push[1] += near * near * way[1];
                }
            }
            let (got, sum) = tree.push(places[i]);
            assert!((sum / total - 1.0).abs() < 0.02, "{sum} {total}");
            let size = (push[0].powi(2) + push[1].powi(2)).sqrt();
            assert!((got[0] - push[0]).hypot(got[1] - push[1]) < 0.08 * size + 0.05, "{got:?} {push:?}");
        }
    }

    #[test]
    fn shares_have_the_perplexity_asked_for() {
        let row: Vec<knn::Near> = (0..90).map(|i| knn::Near { place: i, distance: 1.0 + i as f32 * 0.05 }).collect();
        let p = shares(&row, 30.0);
        let entropy: f64 = -p.iter().map(|p| p * p.ln()).sum::<f64>();
        assert!((entropy.exp() - 30.0).abs() < 0.01);
    }
}
