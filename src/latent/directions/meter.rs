//! How much else moves along a direction.

use super::{Direction, Entanglement, Move};
use crate::base::paths::Paths;
use crate::base::{Progress, Result};
use crate::latent::attributes::{self, Judge, Predictor};
use crate::latent::even_spacing::PerceptualMetric;
use crate::latent::model::LoadedModel;
use crate::recipe::picture::Latent;

/// Pictures that are moved.
pub const BASES: u64 = 24;
/// Pictures that attributes are learned from, at most.
const LOOKED_AT: u32 = 6000;

impl LoadedModel {
    /// Moves pictures of some seeds by one standard deviation either way and looks what changes.
    ///
    /// # Errors
    /// The direction is of another model, or it was cancelled.
    pub fn entanglement(
        &self,
        direction: &Direction,
        ruler: &dyn PerceptualMetric,
        judge: Option<&dyn Judge>,
        progress: &dyn Progress,
    ) -> Result<Entanglement> {
        let moved = |strength: f32| {
            let step = [Move { direction: direction.clone(), strength }];
            (1..=BASES).map(|seed| self.moved(&Latent::Seed { seed }, &step)).collect::<Result<Vec<_>>>()
        };
        progress.report("Measuring", 0, 2);
        progress.cancel().check()?;
        let (there, back) = (moved(1.0)?, moved(-1.0)?);
        let changes = changes(&ruler.look(&there)?, &ruler.look(&back)?);
        progress.report("Measuring", 1, 2);
        progress.cancel().check()?;
        let attributes = match judge {
            None => Vec::new(),
            Some(judge) => {
                let moved = self::changes(&judge.judge(&there)?, &judge.judge(&back)?);
                let n = moved.len().max(1) as f64;
                let mean = |k: usize| moved.iter().map(|m| m[k]).sum::<f64>() / n;
                let mut all: Vec<(String, f64)> =
                    judge.names().iter().enumerate().map(|(k, name)| (name.clone(), mean(k))).collect();
                all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
                all
            }
        };
        progress.report("Measuring", 2, 2);
        let (rest, change) = shared(&changes);
        Ok(Entanglement { rest, change, attributes })
    }
}

impl LoadedModel {
    /// A network that tells what is known of pictures (those of the model's recipe if `data` is empty).
    ///
    /// # Errors
    /// The pictures are not there, nothing is known of them that can be seen, or it was cancelled.
    pub fn predictor(&self, data: &str, paths: &Paths, progress: &dyn Progress) -> Result<Predictor> {
        let (set, places) = super::search::pictures(self, data, LOOKED_AT, paths, progress)?;
        let source = if data.is_empty() { &self.info().recipe.data.source } else { data };
        let opening = crate::data::Opening { reading: self.info().recipe.data.reading(), progress };
        let source = crate::data::open_as(source, opening).ok();
        let known = super::known::attributes(&set, &places, source.as_deref());
        Predictor::train(&set, &places, &known, attributes::STEPS, &self.device, progress)
    }
}

/// Half of the difference: what one step changes.
fn changes(there: &[Vec<f32>], back: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let half = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).map(|(x, y)| f64::from(x - y) / 2.0).collect();
    there.iter().zip(back).map(half).collect()
}

/// The share of all change that is not the mean change, and the root mean square change.
fn shared(changes: &[Vec<f64>]) -> (f64, f64) {
    let (n, d) = (changes.len().max(1) as f64, changes.first().map_or(0, Vec::len).max(1));
    let whole: f64 = changes.iter().flatten().map(|v| v * v).sum::<f64>() / n;
    let same: f64 = (0..d).map(|k| (changes.iter().map(|c| c[k]).sum::<f64>() / n).powi(2)).sum();
    if whole <= 0.0 {
        return (0.0, 0.0);
    }
    ((1.0 - same / whole).clamp(0.0, 1.0), (whole / d as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_change_everywhere_is_not_entangled_and_different_ones_are() {
        let same = vec![vec![1.0, 0.0], vec![1.0, 0.0]];
        assert_eq!(shared(&same), (0.0, 0.5f64.sqrt()));
        let (rest, _) = shared(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        assert!((rest - 0.5).abs() < 1e-12);
        assert_eq!(shared(&[vec![1.0], vec![-1.0]]).0, 1.0);
        assert_eq!(shared(&[vec![0.0]]), (0.0, 0.0));
    }
}
