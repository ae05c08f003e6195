//! Adaptive augmentation (ADA): as much as keeps the critic from learning its pictures by heart (Karras, Aittala, Hellsten,
//! Laine, Lehtinen & Aila 2020).
//!
//! The sign of overfitting has to fit the loss. A non-saturating critic is sure of pictures it knows by heart:
//! `r = mean sign D(real)`. Others say nothing by their sign, so held-out pictures are asked:
//! `r = (D(train) − D(held out)) / (D(train) − D(generated))`: 0 where both look alike to the critic, 1 where held-out
//! pictures look generated.

use burn::tensor::{Device, Tensor};

use crate::recipe::{Adversarial, ObjectiveRecipe};

/// Steps between two looks.
const INTERVAL: u64 = 8;
/// Beyond this augmentations leak into what is generated.
const MOST: f64 = 0.9;

/// How strong augmentation is, and why.
#[derive(Clone, Debug, Default)]
pub struct Ada {
    /// Probability that a picture is augmented.
    pub p: f64,
    /// The sign of overfitting at the last look.
    pub sign: f64,
    /// Held-out pictures, `[n, c, h, w]`, with their classes, `[n, classes]`, where the model learns some.
    pub heldout: Option<(Tensor<4>, Option<Tensor<2>>)>,
    seen: Option<Tensor<1>>,
}

impl Ada {
    /// Whether the sign of this loss asks held-out pictures.
    pub fn needs_heldout(kind: Adversarial) -> bool {
        kind != Adversarial::NonSaturating
    }

    /// Whether this step is one to look at.
    pub fn is_due(step: u64) -> bool {
        (step + 1).is_multiple_of(INTERVAL)
    }

    /// Held-out pictures to look at in this step: others each time.
    pub fn some_heldout(&self, step: u64, n: usize) -> Option<(Tensor<4>, Option<Tensor<2>>)> {
        let (all, classes) = self.heldout.as_ref()?;
        let count = all.dims()[0];
        let n = n.min(count);
        let from = (step / INTERVAL) as usize * n % (count - n + 1);
        Some((all.clone().narrow(0, from, n), classes.clone().map(|c| c.narrow(0, from, n))))
    }

    /// Takes in what the critic said, each `[n, 1]`.
    pub fn observe(&mut self, kind: Adversarial, real: &Tensor<2>, fake: &Tensor<2>, heldout: Option<Tensor<2>>) {
        self.seen = match heldout {
            _ if !Self::needs_heldout(kind) => Some(real.clone().sign().mean()),
            Some(heldout) => {
                let train = real.clone().mean();
                let apart = train.clone() - fake.clone().mean();
                // A critic that tells nothing apart does not overfit; the smallest gap keeps the ratio finite.
                let gap = apart.clamp_min(1e-3);
                Some((train - heldout.mean()) / gap)
            }
            None => None,
        };
    }

    /// Moves the probability towards its target, if this step was one to look at. Waits for the device then.
    pub fn step(&mut self, objective: &ObjectiveRecipe, step: u64, batch: usize) {
        let Some(seen) = self.seen.take().filter(|_| Self::is_due(step)) else { return };
        let sign = f64::from(seen.into_scalar::<f32>());
        if !sign.is_finite() {
            return;
        }
        self.sign = sign;
        let by = (batch as u64 * INTERVAL) as f64 / (objective.ada_kimg * 1000.0).max(1.0);
        let up = if sign > objective.ada_target { 1.0 } else { -1.0 };
        self.p = (self.p + up * by).clamp(0.0, MOST);
    }

    /// Numbers for the curves.
    pub fn numbers(&self, device: &Device) -> [(&'static str, Tensor<1>); 2] {
        let number = |v: f64| Tensor::<1>::full([1], v, &device.clone().inner());
        [("augment", number(self.p)), ("overfit", number(self.sign))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(v: f32) -> Tensor<2> {
        Tensor::full([4, 1], v, &Device::flex())
    }

    #[test]
    fn a_critic_that_knows_its_pictures_by_heart_raises_augmentation() {
        let mut objective = ObjectiveRecipe { ada_kimg: 1.0, ..ObjectiveRecipe::default() };
        for kind in [Adversarial::NonSaturating, Adversarial::Relativistic, Adversarial::Wasserstein] {
            objective.adversarial = kind;
            let mut ada = Ada::default();
            let look = |ada: &mut Ada, real: f32, heldout: f32| {
                ada.observe(kind, &column(real), &column(-1.0), Some(column(heldout)));
                ada.step(&objective, 7, 25);
            };
            for _ in 0..3 {
                look(&mut ada, 2.0, -0.5);
            }
            assert!((ada.p - 0.6).abs() < 1e-9, "{kind:?}: 3 · 8 · 25 of 1000 pictures: {}", ada.p);
            for _ in 0..9 {
                look(&mut ada, 2.0, -0.9);
            }
            assert_eq!(ada.p, MOST);
            look(&mut ada, if kind == Adversarial::NonSaturating { -0.1 } else { 2.0 }, 1.9);
            assert!((ada.p - 0.7).abs() < 1e-9, "{kind:?}: {}", ada.p);
        }
    }

    #[test]
    fn between_looks_nothing_moves() {
        let mut ada = Ada { p: 0.5, ..Ada::default() };
        ada.observe(Adversarial::NonSaturating, &column(1.0), &column(0.0), None);
        ada.step(&ObjectiveRecipe::default(), 6, 32);
        assert_eq!(ada.p, 0.5);
    }
}
