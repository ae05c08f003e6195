//! Cells placed so that equal steps mean equal visible change.

use super::{GridConfig, Places};
use crate::base::{Problem, Progress, Result};
use crate::latent::even_spacing::{self, FeatureMetric, Paced, PerceptualMetric};
use crate::latent::interpolation_grid::Layout;
use crate::latent::latent_math::Dims;
use crate::recipe::picture::Latent;

/// Places along each stretch of a line that are looked at to see how much changes there.
const LOOKS: usize = 9;

/// What is seen of several ways at once: a latent of one number says how far along all of them.
struct Ways<'a> {
    eye: &'a FeatureMetric<'a>,
    /// The latents at so far along.
    at: &'a dyn Fn(f64) -> Result<Vec<Latent>>,
}

impl PerceptualMetric for Ways<'_> {
    fn parts(&self, steps: usize) -> usize {
        self.eye.parts(steps)
    }

    fn look(&self, places: &[Latent]) -> Result<Vec<Vec<f32>>> {
        let mut all = Vec::new();
        let mut counts = Vec::with_capacity(places.len());
        for place in places {
            let Latent::Point { values } = place else {
                return Err(Problem::failed("A place along a way is a number"));
            };
            let latents = (self.at)(joined(values))?;
            counts.push(latents.len());
            all.extend(latents);
        }
        let mut looks = self.eye.look(&all)?.into_iter();
        Ok(counts.into_iter().map(|n| looks.by_ref().take(n).flatten().collect()).collect())
    }
}

/// A number of double precision as two of single, so that near places stay apart.
fn parted(t: f64) -> Latent {
    let high = t as f32;
    Latent::Point { values: vec![high, (t - f64::from(high)) as f32] }
}

fn joined(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum()
}

impl Ways<'_> {
    /// Equal visible steps along all of them together.
    fn even(&self, count: usize, progress: &dyn Progress) -> Result<Paced> {
        even_spacing::even(&|t| Ok(parted(t)), count, false, self, progress)
    }
}

/// What cells are evened with.
pub(super) struct Evening<'a> {
    pub eye: &'a FeatureMetric<'a>,
    pub wish: &'a GridConfig,
    pub dims: Dims,
    pub anchors: &'a [Latent],
    pub progress: &'a dyn Progress,
}

impl Evening<'_> {
    fn ways<'b>(&'b self, at: &'b dyn Fn(f64) -> Result<Vec<Latent>>) -> Ways<'b> {
        Ways { eye: self.eye, at }
    }

    /// Places with equal visible steps, and the spread of the worst stretch.
    ///
    /// # Errors
    /// The model cannot be computed, there are fewer cells than anchors, or it was cancelled.
    pub fn places(&self) -> Result<(Places, f64)> {
        let wish = self.wish;
        let (across, down) = wish.size();
        if wish.layout == Layout::Triangle {
            let sides =
                |t: f64| [0.0, 1.0].into_iter().map(|along| wish.inside(&self.dims, self.anchors, t, along)).collect();
            let base = |t: f64| wish.inside(&self.dims, self.anchors, 1.0, t).map(|l| vec![l]);
            let v = self.ways(&sides).even(wish.rows, self.progress)?;
            let u = self.ways(&base).even(wish.rows, self.progress)?;
            return Ok((Places { u: u.times, v: v.times }, v.spread.max(u.spread)));
        }
        let columns = |u: f64| -> Result<Vec<Latent>> {
            (0..down).map(|row| wish.between(&self.dims, self.anchors, u, row as f64)).collect()
        };
        let rows = |v: f64| -> Result<Vec<Latent>> {
            (0..across).map(|column| wish.between(&self.dims, self.anchors, column as f64, v)).collect()
        };
        let (u, worst) = self.axis(&columns, across, wish.columns)?;
        if wish.layout == Layout::Line {
            return Ok((Places { u, v: vec![0.0] }, worst));
        }
        let (v, other) = self.axis(&rows, down, wish.rows)?;
        Ok((Places { u, v }, worst.max(other)))
    }

    /// `count` places along an axis, evened from anchor to anchor.
    fn axis(&self, at: &dyn Fn(f64) -> Result<Vec<Latent>>, anchors: usize, count: usize) -> Result<(Vec<f64>, f64)> {
        if anchors < 2 || count < 2 {
            return Ok((vec![0.0; count], 0.0));
        }
        let stretches = anchors - 1;
        if count < anchors {
            return Err(Problem::usage("Even steps need a cell for every anchor")
                .of(format!("{count} cells, {anchors} anchors"))
                .try_this("Make more cells, or leave steps uneven"));
        }
        let lengths = if self.wish.layout == Layout::Line && stretches > 1 {
            (0..stretches).map(|s| self.length(at, s)).collect::<Result<Vec<f64>>>()?
        } else {
            vec![1.0; stretches]
        };
        let (mut places, mut worst) = (Vec::with_capacity(count), 0.0f64);
        for (s, steps) in apportioned(&lengths, count - 1).into_iter().enumerate() {
            let stretch = |t: f64| at(if t >= 1.0 { (s + 1) as f64 } else { s as f64 + t });
            let paced = self.ways(&stretch).even(steps + 1, self.progress)?;
            worst = worst.max(paced.spread);
            places.pop();
            places.extend(paced.times.iter().map(|t| s as f64 + t));
        }
        Ok((places, worst))
    }

    /// How much changes from an anchor to the next.
    fn length(&self, at: &dyn Fn(f64) -> Result<Vec<Latent>>, stretch: usize) -> Result<f64> {
        let looks: Vec<Latent> = (0..LOOKS).map(|i| parted(stretch as f64 + i as f64 / (LOOKS - 1) as f64)).collect();
        Ok(even_spacing::steps_of(&self.ways(at).look(&looks)?)?.iter().sum())
    }
}

/// `total` steps over stretches by their lengths, at least one each.
fn apportioned(lengths: &[f64], total: usize) -> Vec<usize> {
    let n = lengths.len();
    let whole: f64 = lengths.iter().sum();
    let mut steps = vec![1; n];
    for _ in n..total {
        // The next step goes where steps are largest.
        let size = |i: &usize| if whole > 0.0 { lengths[*i] / steps[*i] as f64 } else { 1.0 / steps[*i] as f64 };
        let Some(largest) = (0..n).rev().max_by(|a, b| size(a).total_cmp(&size(b))) else { break };
        steps[largest] += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_where_they_are_largest() {
        assert_eq!(apportioned(&[1.0, 2.0], 12), [4, 8]);
        assert_eq!(apportioned(&[0.0, 5.0, 0.0], 5), [1, 3, 1]);
        assert_eq!(apportioned(&[1.0, 1.0], 2), [1, 1]);
        assert_eq!(apportioned(&[0.0, 0.0], 4), [2, 2]);
    }
}
