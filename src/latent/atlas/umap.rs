//! UMAP (McInnes, Healy & Melville 2018): neighbourhoods as a fuzzy graph, drawn so that what hangs together lies
//! together.

use super::knn;
use crate::base::rng::Stream;
use crate::base::{Progress, Result};

/// Neighbours that make a neighbourhood.
const NEIGHBOURS: usize = 15;
/// Curve of closeness on the sheet, for a least distance of 0.1.
const CURVE: (f32, f32) = (1.577, 0.895);
/// Others that each is pushed from, for each that it is pulled to.
const PUSHED: usize = 5;
const RATE: f32 = 1.0;
/// Longest step of one pull or push.
const LONGEST: f32 = 4.0;

/// An edge of the graph, with how often it is pulled.
struct Edge {
    from: u32,
    to: u32,
    every: f32,
    next: f32,
    next_push: f32,
}

/// Places of rows, beginning from `start`.
///
/// # Errors
/// It was cancelled.
pub fn umap(rows: &[Vec<f32>], start: &[[f32; 2]], seed: u64, progress: &dyn Progress) -> Result<Vec<[f32; 2]>> {
    let epochs = if rows.len() > 20_000 { 200 } else { 400 };
    let near = knn::nearest(rows, NEIGHBOURS, seed, progress)?;
    let mut edges = graph(&near, epochs);
    let mut places = spread(start, seed);
    let mut stream = Stream::new(seed, "umap");
    let n = places.len() as u64;
    let (a, b) = CURVE;
    for epoch in 0..epochs {
        progress.report("Laying out", epoch as u64, epochs as u64);
        progress.cancel().check()?;
        let rate = RATE * (1.0 - epoch as f32 / epochs as f32);
        for edge in &mut edges {
            if edge.next > epoch as f32 {
                continue;
            }
            let (i, j) = (edge.from as usize, edge.to as usize);
            let way = [places[i][0] - places[j][0], places[i][1] - places[j][1]];
            let square = way[0] * way[0] + way[1] * way[1];
            if square > 0.0 {
                let pull = -2.0 * a * b * square.powf(b - 1.0) / (1.0 + a * square.powf(b));
                for k in 0..2 {
                    let step = (pull * way[k]).clamp(-LONGEST, LONGEST) * rate;
                    places[i][k] += step;
                    places[j][k] -= step;
                }
            }
            edge.next += edge.every;
            let pushes = ((epoch as f32 - edge.next_push) / (edge.every / PUSHED as f32)).max(0.0) as usize;
            for _ in 0..pushes {
                let j = stream.below(n) as usize;
                if i == j {
                    continue;
                }
                let way = [places[i][0] - places[j][0], places[i][1] - places[j][1]];
                let square = way[0] * way[0] + way[1] * way[1];
                let push = if square > 0.0 { 2.0 * b / ((0.001 + square) * (1.0 + a * square.powf(b))) } else { 0.0 };
                for k in 0..2 {
                    let step = if push > 0.0 { (push * way[k]).clamp(-LONGEST, LONGEST) } else { LONGEST };
                    places[i][k] += step * rate;
                }
            }
            edge.next_push += pushes as f32 * (edge.every / PUSHED as f32);
        }
    }
    progress.report("Laying out", epochs as u64, epochs as u64);
    Ok(places)
}

/// Principal axes, ten wide, with a little noise so that equal rows do not stay one.
fn spread(start: &[[f32; 2]], seed: u64) -> Vec<[f32; 2]> {
    let reach = start.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs())).max(1e-9);
    let mut stream = Stream::new(seed, "start");
    start.iter().map(|p| p.map(|v| v / reach * 10.0 + 0.0001 * stream.normal())).collect()
}

/// The fuzzy graph: strength of each edge, from which how often it is pulled.
fn graph(near: &[Vec<knn::Near>], epochs: usize) -> Vec<Edge> {
    let strengths: Vec<Vec<f32>> = near.iter().map(|own| closeness(own)).collect();
    let strength = |i: usize, j: u32| near[i].iter().position(|n| n.place == j).map_or(0.0, |k| strengths[i][k]);
    let mut edges = Vec::new();
    for (i, own) in near.iter().enumerate() {
        for (k, n) in own.iter().enumerate() {
            let (there, back) = (strengths[i][k], strength(n.place as usize, i as u32));
            // Either says so (probabilistic sum); one edge for both.
            if back > 0.0 && (n.place as usize) < i {
                continue;
            }
            edges.push((i as u32, n.place, there + back - there * back));
        }
    }
    let most = edges.iter().map(|e| e.2).fold(0.0f32, f32::max).max(1e-9);
    edges
        .into_iter()
        .filter(|e| e.2 > most / epochs as f32)
        .map(|(from, to, strength)| {
            let every = most / strength;
            Edge { from, to, every, next: every, next_push: every / PUSHED as f32 }
        })
        .collect()
}

/// How close each neighbour is: 1 for the nearest, falling so that all together are log₂(k).
fn closeness(own: &[knn::Near]) -> Vec<f32> {
    let Some(nearest) = own.iter().map(|n| n.distance).find(|d| *d > 0.0) else { return vec![1.0; own.len()] };
    let wanted = (own.len() as f32).log2();
    let sum = |sigma: f32| own.iter().map(|n| (-(n.distance - nearest).max(0.0) / sigma).exp()).sum::<f32>();
    let (mut low, mut high, mut sigma) = (0.0f32, f32::INFINITY, nearest.max(1e-6));
    for _ in 0..64 {
        let now = sum(sigma);
        if (now - wanted).abs() < 1e-5 {
            break;
        }
        if now > wanted {
            high = sigma;
        } else {
            low = sigma;
        }
        sigma = if high.is_finite() { (low + high) / 2.0 } else { sigma * 2.0 };
    }
    let mean = own.iter().map(|n| n.distance).sum::<f32>() / own.len() as f32;
    let sigma = sigma.max(1e-3 * mean).max(1e-12);
    own.iter().map(|n| (-(n.distance - nearest).max(0.0) / sigma).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closeness_adds_up_to_the_neighbourhood() {
        let own: Vec<knn::Near> = (0..16).map(|i| knn::Near { place: i, distance: 1.0 + i as f32 * 0.3 }).collect();
        let close = closeness(&own);
        assert_eq!(close[0], 1.0);
        assert!((close.iter().sum::<f32>() - 4.0).abs() < 1e-3 && close.windows(2).all(|w| w[0] >= w[1]));
        let same: Vec<knn::Near> = (0..4).map(|i| knn::Near { place: i, distance: 0.0 }).collect();
        assert_eq!(closeness(&same), [1.0; 4]);
    }
}
