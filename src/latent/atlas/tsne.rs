//! t-SNE (van der Maaten & Hinton 2008), computed by `bhtsne`: with its tree (van der Maaten 2014) for some thousand
//! rows, on a grid by Fourier transforms (Linderman 2019) for more.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bhtsne::{Neighbor, tSNE};

use super::knn;
use crate::base::{Problem, Progress, Result};

const PERPLEXITY: f32 = 30.0;
const STEPS: usize = 500;
/// Steps in which clusters are pulled together more strongly.
const EARLY: usize = 125;
const EXAGGERATION: f32 = 12.0;
/// A cell of the tree this small for its distance counts as one point.
const THETA: f32 = 0.5;
/// Rows from which on the grid is quicker than the tree.
const GRID: usize = 2000;

/// Unwinds through the crate, which has no other way to be stopped.
struct Stopped;

/// Places of rows, beginning from `start`.
///
/// # Errors
/// It was cancelled.
pub fn tsne(rows: &[Vec<f32>], start: &[[f32; 2]], progress: &dyn Progress) -> Result<Vec<[f32; 2]>> {
    let perplexity = PERPLEXITY.min((rows.len() - 1) as f32 / 3.0);
    let near = knn::nearest(rows, (3.0 * perplexity) as usize, 0, progress)?;
    let near: Vec<Vec<Neighbor<f32>>> = near
        .into_iter()
        .map(|own| own.iter().map(|n| Neighbor { index: n.place as usize, distance: n.distance }).collect())
        .collect();
    let reach = start.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs())).max(1e-9);
    // Very close at first; not all in one point.
    let begin: Vec<f32> = start
        .iter()
        .enumerate()
        .flat_map(|(i, p)| {
            [p[0] / reach * 1e-2 + 1e-6 * (i % 101) as f32, p[1] / reach * 1e-2 + 1e-6 * (i % 89) as f32]
        })
        .collect();
    let fit = || {
        let mut sheet: tSNE<'_, f32, Vec<f32>> = tSNE::new(rows);
        sheet
            .perplexity(perplexity)
            .epochs(STEPS)
            .early_exaggeration(EXAGGERATION)
            .stop_lying_epoch(EARLY)
            .momentum_switch_epoch(EARLY)
            .learning_rate((rows.len() as f32 / EXAGGERATION).max(50.0))
            .initial_embedding(begin)
            .epoch_callback(|step, _| {
                progress.report("Laying out", step as u64, STEPS as u64);
                if progress.cancel().is_cancelled() {
                    resume_unwind(Box::new(Stopped));
                }
            });
        if rows.len() < GRID {
            sheet.barnes_hut_with_neighbors(THETA, &near);
        } else {
            sheet.fit_sne_with_neighbors(&near);
        }
        sheet.embedding()
    };
    // With more threads its sums, and so the sheet, would not be the same again; it gains little by them.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "t-sne".into()).build();
    let alone = alone.map_err(|e| Problem::failed("A worker could not be started").of("t-SNE").because(e))?;
    match catch_unwind(AssertUnwindSafe(|| alone.install(fit))) {
        Ok(places) => {
            progress.report("Laying out", STEPS as u64, STEPS as u64);
            Ok(places.as_chunks().0.to_vec())
        }
        Err(cause) => {
            progress.cancel().check()?;
            resume_unwind(cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{kept_neighbours, tests::clouds};
    use super::*;
    use crate::base::progress::{Quiet, Watched};
    use crate::base::{Cancel, Kind};

    fn line(n: usize) -> Vec<[f32; 2]> {
        (0..n).map(|i| [i as f32, (i % 7) as f32]).collect()
    }

    #[test]
    fn tree_and_grid_keep_neighbours() {
        for n in [GRID - 200, GRID + 200] {
            let rows = clouds(n, 6, 12);
            let places = tsne(&rows, &line(n), &Quiet::default()).unwrap();
            let kept = kept_neighbours(&rows, &places, 10, &Quiet::default()).unwrap();
            assert!(kept > 0.2 && places.iter().flatten().all(|v| v.is_finite()), "{n}: {kept}");
        }
    }

    #[test]
    fn it_is_cancelled_on_the_way() {
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let last = std::sync::atomic::AtomicU64::new(0);
        let progress = Watched::new(cancel, |stage, done, _| {
            if stage == "Laying out" {
                last.store(done, std::sync::atomic::Ordering::Relaxed);
                if done == 20 {
                    flag.cancel();
                }
            }
        });
        let ended = tsne(&clouds(300, 3, 8), &line(300), &progress).unwrap_err();
        assert_eq!(ended.kind, Kind::Interrupted);
        assert_eq!(last.into_inner(), 20);
    }
}
