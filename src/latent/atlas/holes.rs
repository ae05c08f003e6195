//! Holes: real pictures where nothing is generated.
//!
//! A real picture is covered if a generated one is nearer to it than its fifth nearest real neighbour (coverage, Naeem
//! 2020). What is not covered and lies together is a hole.

use super::knn;

/// Real neighbours that say how dense real pictures are.
const NEIGHBOURS: usize = 5;
/// Pictures that make a hole.
const LEAST: usize = 3;

/// Real pictures that lie together and that nothing generated is near to.
#[derive(Clone, Debug, PartialEq)]
pub struct Hole {
    /// Their places among the real rows.
    pub members: Vec<u32>,
    /// Outline on the sheet: its convex hull.
    pub outline: Vec<[f32; 2]>,
}

/// Whether each real row has a generated one near.
pub fn covered(real: &[Vec<f32>], generated: &[Vec<f32>]) -> Vec<bool> {
    let own = knn::exact(real, NEIGHBOURS);
    let near = knn::across(real, generated, 1);
    let reach = |near: &Vec<knn::Near>| near.last().map_or(0.0, |n| n.distance);
    own.iter().zip(&near).map(|(own, near)| near.first().is_some_and(|n| n.distance <= reach(own))).collect()
}

/// Holes among real rows that lie at `places` of the sheet, the largest first.
pub fn holes(real: &[Vec<f32>], generated: &[Vec<f32>], places: &[[f32; 2]]) -> Vec<Hole> {
    let covered = covered(real, generated);
    let near = knn::exact(real, NEIGHBOURS);
    // Uncovered neighbours belong together: groups by following them.
    let mut group: Vec<Option<usize>> = vec![None; real.len()];
    let mut links: Vec<Vec<usize>> = vec![Vec::new(); real.len()];
    for (i, own) in near.iter().enumerate().filter(|(i, _)| !covered[*i]) {
        for n in own.iter().filter(|n| !covered[n.place as usize]) {
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
            let outline = hull(members.iter().map(|&i| places[i as usize]).collect());
            Hole { members, outline }
        })
        .collect()
}

/// Convex hull, counter-clockwise (Andrew's monotone chain).
fn hull(mut points: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
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

    #[test]
    fn what_the_model_never_makes_is_a_hole() {
        let real = clouds(120, 4, 6);
        // Everything but the last group.
        let generated: Vec<Vec<f32>> =
            clouds(480, 4, 6).into_iter().enumerate().filter(|(i, _)| i % 4 != 3).map(|r| r.1).collect();
        let places: Vec<[f32; 2]> =
            (0..120).map(|i| [(i % 4) as f32 + (i % 7) as f32 * 0.01, (i % 5) as f32 * 0.02]).collect();
        let found = holes(&real, &generated, &places);
        assert!(found[0].members.len() >= 28 && found[0].members.iter().all(|m| m % 4 == 3), "{found:?}");
        assert!(found[0].outline.len() >= 3);
        assert!(found.iter().skip(1).all(|h| h.members.len() < 8));
        assert!(covered(&real, &real).iter().all(|c| *c));
        assert!(covered(&real, &[]).iter().all(|c| !c));
    }

    #[test]
    fn hulls_go_around() {
        let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.0]];
        assert_eq!(hull(square.to_vec()), [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);
        assert_eq!(hull(vec![[1.0, 1.0], [1.0, 1.0]]), [[1.0, 1.0]]);
    }
}
