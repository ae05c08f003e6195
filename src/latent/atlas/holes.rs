//! Holes: real pictures where nothing is generated.
//!
//! A real picture is covered if a generated one is nearer to it than its fifth nearest real neighbour (coverage, Naeem
//! 2020). What is not covered and lies together, among the rows as well as on the sheet, is a hole.

use super::knn::{self, Near};
use super::outline::{self, Ring};
use crate::base::{Progress, Result};

/// Real neighbours that say how dense real pictures are.
const NEIGHBOURS: usize = 5;
/// Pictures that make a hole.
const LEAST: usize = 3;
/// Times the usual distance on the sheet of neighbouring rows up to which they lie together there.
const TOGETHER: f32 = 3.0;

/// Real pictures that lie together and that nothing generated is near to.
#[derive(Clone, Debug, PartialEq)]
pub struct Hole {
    /// Their places among the real rows.
    pub members: Vec<u32>,
    /// Outlines on the sheet, around all of its members: see [`outline::around`].
    pub outline: Vec<Ring>,
}

/// What generated rows cover of real ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// Whether each real row has a generated one near.
    pub covered: Vec<bool>,
    /// The nearest generated row of each real one; infinitely far if there is none.
    pub nearest: Vec<Near>,
    /// The nearest real rows of each.
    own: Vec<Vec<Near>>,
}

/// Looks what generated rows cover; among very many real rows their own neighbours are nearly right.
///
/// # Errors
/// It was cancelled.
pub fn cover(real: &[Vec<f32>], generated: &[Vec<f32>], seed: u64, progress: &dyn Progress) -> Result<Cover> {
    let own = knn::nearest(real, NEIGHBOURS, seed, progress)?;
    let near = knn::across(real, generated, 1, progress)?;
    let none = Near { place: 0, distance: f32::INFINITY };
    let nearest: Vec<Near> = near.iter().map(|n| n.first().copied().unwrap_or(none)).collect();
    let reach = |near: &Vec<Near>| near.last().map_or(0.0, |n| n.distance);
    let covered = own.iter().zip(&nearest).map(|(own, near)| near.distance <= reach(own)).collect();
    Ok(Cover { covered, nearest, own })
}

/// Holes among real rows that lie at `places` of the sheet, the largest first.
pub fn holes(cover: &Cover, places: &[[f32; 2]]) -> Vec<Hole> {
    let Cover { covered, own: near, .. } = cover;
    let real = near;
    let apart = |i: usize, n: &Near| {
        let (a, b) = (places[i], places[n.place as usize]);
        (a[0] - b[0]).hypot(a[1] - b[1])
    };
    // A sheet cannot keep all neighbours together; an outline around those that it tore apart would say nothing.
    let mut usual: Vec<f32> = near
        .iter()
        .enumerate()
        .flat_map(|(i, own)| own.iter().map(move |n| (i, n)))
        .map(|(i, n)| apart(i, n))
        .collect();
    usual.sort_by(f32::total_cmp);
    let reach = TOGETHER * usual.get(usual.len() / 2).copied().unwrap_or(0.0);
    // Uncovered neighbours belong together: groups by following them.
    let mut group: Vec<Option<usize>> = vec![None; real.len()];
    let mut links: Vec<Vec<usize>> = vec![Vec::new(); real.len()];
    for (i, own) in near.iter().enumerate().filter(|(i, _)| !covered[*i]) {
        for n in own.iter().filter(|n| !covered[n.place as usize] && apart(i, n) <= reach) {
            links[i].push(n.place as usize);
            links[n.place as usize].push(i);
        }
    }
    let mut groups: Vec<Vec<u32>> = Vec::new();
    for first in (0..real.len()).filter(|&i| !covered[i]) {
        if group[first].is_some() {
            continue;
        }
        let (mut members, mut stack) = (Vec::new(), vec![first]);
        group[first] = Some(groups.len());
        while let Some(i) = stack.pop() {
            members.push(i as u32);
            for &j in &links[i] {
                if group[j].is_none() {
                    group[j] = Some(groups.len());
                    stack.push(j);
                }
            }
        }
        members.sort_unstable();
        groups.push(members);
    }
    groups.retain(|g| g.len() >= LEAST);
    groups.sort_by_key(|g| std::cmp::Reverse(g.len()));
    groups
        .into_iter()
        .map(|members| {
            let own: Vec<[f32; 2]> = members.iter().map(|&i| places[i as usize]).collect();
            let outline = outline::around(&own, reach);
            Hole { members, outline }
        })
        .collect()
}

#[cfg(test)]
/// Convex hull, counter-clockwise (Andrew's monotone chain): what outlines are compared with.
pub(super) fn hull(mut points: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let turns = |a: [f32; 2], b: [f32; 2], c: [f32; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let half = |points: &mut dyn Iterator<Item = &[f32; 2]>| {
        let mut chain: Vec<[f32; 2]> = Vec::new();
        for p in points {
            while chain.len() >= 2 && turns(chain[chain.len() - 2], chain[chain.len() - 1], *p) <= 0.0 {
                chain.pop();
            }
            chain.push(*p);
        }
        chain.pop();
        chain
    };
    let mut out = half(&mut points.iter());
    out.extend(half(&mut points.iter().rev()));
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::clouds;
    use super::*;
    use crate::base::progress::Quiet;

    #[test]
    fn what_the_model_never_makes_is_a_hole() {
        let real = clouds(120, 4, 6);
        // Everything but the last group.
        let generated: Vec<Vec<f32>> =
            clouds(480, 4, 6).into_iter().enumerate().filter(|(i, _)| i % 4 != 3).map(|r| r.1).collect();
        let places: Vec<[f32; 2]> =
            (0..120).map(|i| [(i % 4) as f32 + (i % 7) as f32 * 0.01, (i % 5) as f32 * 0.02]).collect();
        let quiet = Quiet::default();
        let cover = |generated: &[Vec<f32>]| cover(&real, generated, 1, &quiet).unwrap();
        let found = holes(&cover(&generated), &places);
        assert!(found[0].members.len() >= 28 && found[0].members.iter().all(|m| m % 4 == 3), "{found:?}");
        assert!(found[0].members.iter().all(|m| outline::inside(&found[0].outline, places[*m as usize])));
        assert!(found.iter().skip(1).all(|h| h.members.len() < 8));
        let all = cover(&real);
        assert!(all.covered.iter().all(|c| *c) && all.nearest.iter().all(|n| n.distance < 1e-3));
        assert!(cover(&[]).covered.iter().all(|c| !c));
    }

    #[test]
    fn what_the_sheet_tears_apart_is_no_hole_across_it() {
        let real = clouds(120, 4, 6);
        let generated: Vec<Vec<f32>> =
            clouds(480, 4, 6).into_iter().enumerate().filter(|(i, _)| i % 4 != 3).map(|r| r.1).collect();
        // Half of the last group lies far from the other half.
        let far = |i: usize| if i % 4 == 3 && i % 8 == 3 { 9.0 } else { 0.0 };
        let places: Vec<[f32; 2]> =
            (0..120).map(|i| [(i % 4) as f32 + (i % 7) as f32 * 0.01, far(i) + (i % 5) as f32 * 0.02]).collect();
        let cover = cover(&real, &generated, 1, &Quiet::default()).unwrap();
        let found = holes(&cover, &places);
        assert!(found.len() >= 2 && found.iter().take(2).all(|h| h.members.len() >= 10), "{found:?}");
        for hole in &found {
            let corners = || hole.outline.iter().flatten().map(|p| p[1]);
            let tall = corners().fold(f32::NEG_INFINITY, f32::max) - corners().fold(f32::INFINITY, f32::min);
            assert!(tall < 1.0, "{hole:?}");
        }
    }

    #[test]
    fn hulls_go_around() {
        let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.0]];
        assert_eq!(hull(square.to_vec()), [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);
        assert_eq!(hull(vec![[1.0, 1.0], [1.0, 1.0]]), [[1.0, 1.0]]);
    }
}
