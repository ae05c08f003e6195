//! All pictures on one sheet: what is alike lies side by side.
//!
//! - [`knn`]: who is near whom, exactly for some thousand, nearly for many. [`umap`], [`tsne`]: two ways to the plane,
//!   beside the plain principal axes. [`holes`]: real pictures where nothing is generated; [`outline`]: lines around them.
//! - [`rows`]: what is kept of each picture, so that very many fit into memory.
//! - [`gather`]: points of a data set, of a model's samples, of kept pictures, with their rows and latents.
//!
//! Everything is seeded: the same rows give the same sheet, whatever the number of threads. t-SNE is a crate's; UMAP is
//! our own, since `umap-rs` draws without a seed and lets threads overwrite each other.

pub mod gather;
pub mod holes;
pub mod knn;
pub mod outline;
pub mod rows;
pub mod tsne;
pub mod umap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::base::linalg::rows::{dot, doubled, principal};
use crate::base::{Problem, Progress, Result};

/// How rows are brought to the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The two principal axes.
    Pca,
    /// UMAP: neighbourhoods, and how they hang together.
    #[default]
    Umap,
    /// t-SNE: neighbourhoods above all.
    Tsne,
}

impl Layout {
    /// The layout of this id: `pca`, `umap`, `tsne`.
    ///
    /// # Errors
    /// There is none.
    pub fn from_id(id: &str) -> Result<Self> {
        match id {
            "pca" => Ok(Self::Pca),
            "umap" => Ok(Self::Umap),
            "tsne" | "t-sne" => Ok(Self::Tsne),
            _ => Err(Problem::usage("There is no such layout").of(id).try_this("Choose pca, umap or tsne")),
        }
    }
}

/// Places of rows on a plane, about −1…1.
///
/// # Errors
/// It was cancelled.
pub fn lay_out(rows: &[Vec<f32>], layout: Layout, seed: u64, progress: &dyn Progress) -> Result<Vec<[f32; 2]>> {
    if rows.len() < 3 {
        return Ok((0..rows.len()).map(|i| [i as f32, 0.0]).collect());
    }
    progress.cancel().check()?;
    let plain = axes(rows);
    let placed = match layout {
        Layout::Pca => plain,
        // Too few for neighbourhoods.
        _ if rows.len() < 8 => plain,
        Layout::Umap => umap::umap(rows, &plain, seed, progress)?,
        Layout::Tsne => tsne::tsne(rows, &plain, progress)?,
    };
    Ok(centred(placed))
}

/// Numbers of the rows that axes are found from, at most: these are doubled.
const DOUBLED: usize = 30_000_000;

/// Along the two principal axes.
fn axes(rows: &[Vec<f32>]) -> Vec<[f32; 2]> {
    // Axes are told by some thousand rows as well as by all.
    let numbers = rows.len() * rows.first().map_or(0, Vec::len);
    let step = rows.len().div_ceil(4000).max(numbers.div_ceil(DOUBLED)).max(1);
    let some: Vec<Vec<f32>> = rows.iter().step_by(step).cloned().collect();
    let (centre, axes) = principal(&doubled(&some), 2);
    let along = |row: &Vec<f32>, k: usize| match axes.get(k) {
        Some((_, axis)) => {
            let there: f64 = row.iter().zip(axis).map(|(v, a)| f64::from(*v) * a).sum();
            (there - dot(&centre, axis)) as f32
        }
        None => 0.0,
    };
    rows.par_iter().map(|r| [along(r, 0), along(r, 1)]).collect()
}

/// Around 0, with 98 of 100 within −1…1.
fn centred(mut places: Vec<[f32; 2]>) -> Vec<[f32; 2]> {
    let mut reach = 0.0f32;
    for axis in 0..2 {
        let mut all: Vec<f32> = places.iter().map(|p| p[axis]).collect();
        all.sort_by(f32::total_cmp);
        let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
        let middle = (at(0.01) + at(0.99)) / 2.0;
        reach = reach.max((at(0.99) - at(0.01)) / 2.0);
        places.iter_mut().for_each(|p| p[axis] -= middle);
    }
    let scale = if reach > 0.0 { 1.0 / reach } else { 1.0 };
    places.iter_mut().for_each(|p| p.iter_mut().for_each(|v| *v *= scale));
    places
}

/// Share of the `k` nearest rows of each that are among its `k` nearest places: 1 if the sheet keeps all neighbourhoods.
///
/// # Errors
/// It was cancelled.
pub fn kept_neighbours(rows: &[Vec<f32>], places: &[[f32; 2]], k: usize, progress: &dyn Progress) -> Result<f64> {
    let flat: Vec<Vec<f32>> = places.iter().map(|p| p.to_vec()).collect();
    let (a, b) = (knn::exact(rows, k, progress)?, knn::exact(&flat, k, progress)?);
    let common =
        |(x, y): (&Vec<knn::Near>, &Vec<knn::Near>)| x.iter().filter(|n| y.iter().any(|m| m.place == n.place)).count();
    Ok(a.iter().zip(&b).map(common).sum::<usize>() as f64 / (rows.len() * k).max(1) as f64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::progress::{Quiet, Watched};
    use crate::base::rng::Stream;
    use crate::base::{Cancel, Kind};

    /// `n` rows in `groups` round clouds far apart, one after the other in turn.
    pub(crate) fn clouds(n: usize, groups: usize, dim: usize) -> Vec<Vec<f32>> {
        let centres: Vec<Vec<f32>> = (0..groups)
            .map(|g| Stream::new(g as u64, "centre").normals(dim).iter().map(|v| v * 4.0).collect())
            .collect();
        let mut s = Stream::new(9, "rows");
        (0..n).map(|i| centres[i % groups].iter().map(|c| c + s.normal()).collect()).collect()
    }

    /// Share of points whose nearest neighbour on the sheet is of their own group.
    fn purity(places: &[[f32; 2]], groups: usize) -> f64 {
        let flat: Vec<Vec<f32>> = places.iter().map(|p| p.to_vec()).collect();
        let near = knn::exact(&flat, 1, &Quiet::default()).unwrap();
        near.iter().enumerate().filter(|(i, n)| n[0].place as usize % groups == i % groups).count() as f64
            / places.len() as f64
    }

    #[test]
    fn every_layout_keeps_groups_together_and_is_the_same_again() {
        let rows = clouds(300, 5, 20);
        for (layout, least) in [(Layout::Pca, 0.1), (Layout::Umap, 0.3), (Layout::Tsne, 0.3)] {
            let places = lay_out(&rows, layout, 1, &Quiet::default()).unwrap();
            assert!(places.iter().flatten().all(|v| v.is_finite() && v.abs() < 4.0), "{layout:?}");
            let pure = purity(&places, 5);
            assert!(pure > if layout == Layout::Pca { 0.8 } else { 0.98 }, "{layout:?}: {pure}");
            let kept = kept_neighbours(&rows, &places, 10, &Quiet::default()).unwrap();
            assert!(kept > least, "{layout:?}: {kept}");
            assert_eq!(lay_out(&rows, layout, 1, &Quiet::default()).unwrap(), places, "{layout:?}");
        }
    }

    #[test]
    fn a_few_rows_and_equal_rows_are_laid_out_too() {
        for n in 0..10 {
            for layout in [Layout::Pca, Layout::Umap, Layout::Tsne] {
                let places = lay_out(&clouds(n, 2, 4), layout, 1, &Quiet::default()).unwrap();
                assert!(places.len() == n && places.iter().flatten().all(|v| v.is_finite()), "{layout:?} {n}");
            }
        }
        for layout in [Layout::Umap, Layout::Tsne] {
            let places = lay_out(&vec![vec![1.0; 3]; 40], layout, 1, &Quiet::default()).unwrap();
            assert!(places.iter().flatten().all(|v| v.is_finite()), "{layout:?}");
        }
    }

    #[test]
    fn laying_out_is_cancelled() {
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let progress = Watched::new(cancel, move |_, done, _| {
            if done > 3 {
                flag.cancel();
            }
        });
        let ended = lay_out(&clouds(400, 3, 8), Layout::Umap, 1, &progress).unwrap_err();
        assert_eq!(ended.kind, Kind::Interrupted);
        // Also while neighbours are looked for.
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let progress = Watched::new(cancel, move |stage, done, _| {
            if stage == knn::STAGE && done > 0 {
                flag.cancel();
            }
        });
        let rows = clouds(400, 3, 8);
        assert_eq!(knn::exact(&rows, 5, &progress).unwrap_err().kind, Kind::Interrupted);
        assert_eq!(knn::across(&rows, &rows, 5, &progress).unwrap_err().kind, Kind::Interrupted);
    }
}
