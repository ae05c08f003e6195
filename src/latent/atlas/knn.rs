//! Nearest rows: exactly, or nearly by random trees whose neighbourhoods are then improved (Dong 2011, NN-descent).

use rayon::prelude::*;

use crate::base::rng::Stream;
use crate::base::{Progress, Result};

/// A neighbour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Its place among the rows.
    pub place: u32,
    /// Its distance.
    pub distance: f32,
}

/// Rows up to which neighbours are found exactly.
const EXACT: usize = 6000;
/// Random trees.
const TREES: u64 = 8;
/// Rows whose neighbours are looked for before it is asked whether to go on.
const AT_ONCE: usize = 128;
/// What is told meanwhile.
pub(super) const STAGE: &str = "Finding neighbours";
/// Rows in a leaf.
const LEAF: usize = 48;
/// Rounds in which neighbours of neighbours are looked at.
const ROUNDS: u64 = 4;

fn squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// The `k` best of candidates, nearest first; ties go to the lower place.
fn best(mut all: Vec<(f32, u32)>, k: usize) -> Vec<Near> {
    let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    all.sort_unstable_by_key(|c| c.1);
    all.dedup_by_key(|c| c.1);
    if all.len() > k {
        all.select_nth_unstable_by(k - 1, order);
        all.truncate(k);
        // What is made of it keeps its room, and there are a hundred thousand of these.
        all.shrink_to_fit();
    }
    all.sort_by(order);
    all.into_iter().map(|(d, place)| Near { place, distance: d.sqrt() }).collect()
}

/// What `find` finds for each of so many rows, some at a time, so that it can be ended.
fn each(rows: usize, find: impl Fn(usize) -> Vec<Near> + Sync, progress: &dyn Progress) -> Result<Vec<Vec<Near>>> {
    let mut out = Vec::with_capacity(rows);
    for first in (0..rows).step_by(AT_ONCE) {
        progress.report(STAGE, first as u64, rows as u64);
        progress.cancel().check()?;
        out.par_extend((first..rows.min(first + AT_ONCE)).into_par_iter().map(&find));
    }
    progress.report(STAGE, rows as u64, rows as u64);
    Ok(out)
}

/// The `k` nearest other rows of each.
///
/// # Errors
/// It was cancelled.
pub fn exact(rows: &[Vec<f32>], k: usize, progress: &dyn Progress) -> Result<Vec<Vec<Near>>> {
    let k = k.min(rows.len().saturating_sub(1));
    let of = |i: usize| {
        let others = rows.iter().enumerate().filter(|(j, _)| *j != i);
        let all = others.map(|(j, other)| (squared(&rows[i], other), j as u32));
        if k == 0 { Vec::new() } else { best(all.collect(), k) }
    };
    each(rows.len(), of, progress)
}

/// The `k` nearest of `to` for each of `from`, exactly.
///
/// # Errors
/// It was cancelled.
pub fn across(from: &[Vec<f32>], to: &[Vec<f32>], k: usize, progress: &dyn Progress) -> Result<Vec<Vec<Near>>> {
    let k = k.min(to.len());
    let of = |i: usize| {
        let all = to.iter().enumerate().map(|(j, other)| (squared(&from[i], other), j as u32)).collect();
        if k == 0 { Vec::new() } else { best(all, k) }
    };
    each(from.len(), of, progress)
}

/// The `k` nearest other rows of each: exactly for some thousand rows, nearly for more.
///
/// # Errors
/// It was cancelled.
pub fn nearest(rows: &[Vec<f32>], k: usize, seed: u64, progress: &dyn Progress) -> Result<Vec<Vec<Near>>> {
    if rows.len() <= EXACT {
        return exact(rows, k, progress);
    }
    let total = TREES + ROUNDS;
    let mut near: Vec<Vec<Near>> = vec![Vec::new(); rows.len()];
    for tree in 0..TREES {
        progress.report(STAGE, tree, total);
        progress.cancel().check()?;
        let mut leaves = Vec::new();
        split((0..rows.len() as u32).collect(), rows, &mut Stream::new(seed + tree, "tree"), &mut leaves);
        let found: Vec<(u32, Vec<(f32, u32)>)> = leaves
            .par_iter()
            .flat_map_iter(|leaf| {
                leaf.iter().map(move |&i| {
                    let own = &rows[i as usize];
                    let all = leaf.iter().filter(|&&j| j != i).map(|&j| (squared(own, &rows[j as usize]), j));
                    (i, all.collect())
                })
            })
            .collect();
        let mut of: Vec<Vec<(f32, u32)>> = vec![Vec::new(); rows.len()];
        found.into_iter().for_each(|(i, all)| of[i as usize] = all);
        near = near.into_par_iter().zip(of).map(|(old, new)| merged(&old, new, k)).collect();
    }
    for round in 0..ROUNDS {
        progress.report(STAGE, TREES + round, total);
        progress.cancel().check()?;
        // Those of which this row is a neighbour are looked at, too.
        let mut back: Vec<Vec<u32>> = vec![Vec::new(); rows.len()];
        for (i, own) in near.iter().enumerate() {
            own.iter().for_each(|n| back[n.place as usize].push(i as u32));
        }
        near = (0..rows.len())
            .into_par_iter()
            .map(|i| {
                let mut seen: Vec<u32> = Vec::new();
                let friends = near[i].iter().map(|n| n.place).chain(back[i].iter().copied().take(k));
                for friend in friends.clone() {
                    seen.extend(near[friend as usize].iter().map(|n| n.place));
                }
                seen.extend(friends);
                seen.sort_unstable();
                seen.dedup();
                let new =
                    seen.into_iter().filter(|&j| j as usize != i).map(|j| (squared(&rows[i], &rows[j as usize]), j));
                merged(&near[i], new.collect(), k)
            })
            .collect();
    }
    Ok(near)
}

fn merged(old: &[Near], mut new: Vec<(f32, u32)>, k: usize) -> Vec<Near> {
    new.extend(old.iter().map(|n| (n.distance * n.distance, n.place)));
    if new.is_empty() { Vec::new() } else { best(new, k) }
}

/// Halves rows by the plane between two of them until leaves are small.
fn split(all: Vec<u32>, rows: &[Vec<f32>], stream: &mut Stream, leaves: &mut Vec<Vec<u32>>) {
    if all.len() <= LEAF {
        leaves.push(all);
        return;
    }
    let pick = |stream: &mut Stream| all[stream.below(all.len() as u64) as usize] as usize;
    let (a, b) = (pick(stream), pick(stream));
    let side = |i: &u32| squared(&rows[*i as usize], &rows[a]) < squared(&rows[*i as usize], &rows[b]);
    let (mut left, mut right): (Vec<u32>, Vec<u32>) = all.iter().partition(|i| side(i));
    if left.is_empty() || right.is_empty() {
        // The same row twice, or rows that cannot be told apart.
        let half = all.len() / 2;
        (left, right) = (all[..half].to_vec(), all[half..].to_vec());
    }
    split(left, rows, stream, leaves);
    split(right, rows, stream, leaves);
}

#[cfg(test)]
mod tests {
    use super::super::tests::clouds;
    use super::*;
    use crate::base::progress::Quiet;

    #[test]
    fn trees_find_nearly_all_that_is_near() {
        let rows = clouds(EXACT + 500, 12, 8);
        let found = nearest(&rows, 10, 1, &Quiet::default()).unwrap();
        // A sample of rows against all.
        let some: Vec<Vec<f32>> = rows.iter().step_by(65).cloned().collect();
        let (mut right, mut all) = (0, 0);
        for (i, truth) in across(&some, &rows, 11, &Quiet::default()).unwrap().iter().enumerate() {
            let own = &found[i * 65];
            assert!(own.len() == 10 && own.windows(2).all(|w| w[0].distance <= w[1].distance));
            // Itself is nearest of all.
            for t in &truth[1..] {
                right += usize::from(own.iter().any(|n| n.place == t.place));
                all += 1;
            }
        }
        assert!(right as f64 > 0.93 * all as f64, "{right} of {all}");
    }

    #[test]
    fn exact_neighbours_are_the_nearest() {
        let rows: Vec<Vec<f32>> = [0.0, 1.0, 3.0, 7.0].map(|v| vec![v]).to_vec();
        let near = exact(&rows, 2, &Quiet::default()).unwrap();
        assert_eq!(near[1].iter().map(|n| (n.place, n.distance)).collect::<Vec<_>>(), [(0, 1.0), (2, 2.0)]);
        assert_eq!(exact(&rows, 9, &Quiet::default()).unwrap()[0].len(), 3);
        assert!(exact(&rows[..1], 3, &Quiet::default()).unwrap()[0].is_empty());
    }
}
