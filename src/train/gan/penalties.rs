//! The gradient penalties of a critic's step.

use burn::tensor::Tensor;

use crate::models::Critic;
use crate::objectives::penalty;
use crate::recipe::ObjectiveRecipe;

/// Whether any penalty is ever taken.
pub fn asked(objective: &ObjectiveRecipe, critic: &Critic) -> bool {
    critic.takes_penalty() && objective.penalises()
}

/// Pictures that penalties are taken at.
pub struct At {
    /// `[n, c, h, w]`
    pub real: Tensor<4>,
    /// `[n, c, h, w]`
    pub fake: Tensor<4>,
    /// On the lines between them, where the one-centred penalty is asked for. `[n, c, h, w]`
    pub between: Option<Tensor<4>>,
}

/// Value to be shown and surrogate to be learned from, `[1]` each, of all penalties that are asked for.
pub fn sum(
    critic: &Critic,
    objective: &ObjectiveRecipe,
    gamma: f64,
    At { real, fake, between }: At,
    class: Option<&Tensor<2>>,
) -> (Tensor<1>, Tensor<1>) {
    let device = real.device();
    let mut all = Vec::new();
    match (objective.r1, objective.r2) {
        // Both in one pass over twice the pictures: a mean over 2n of 2γ is the sum of two means of γ.
        (true, true) if !critic.ties_samples() => {
            let class = class.map(|c| Tensor::cat(vec![c.clone(), c.clone()], 0));
            let both = Tensor::cat(vec![real, fake], 0);
            all.push(penalty::zero_centred(critic, both, class.as_ref(), 2.0 * gamma));
        }
        (r1, r2) => {
            if r1 {
                all.push(penalty::zero_centred(critic, real, class, gamma));
            }
            if r2 {
                all.push(penalty::zero_centred(critic, fake, class, gamma));
            }
        }
    }
    if let Some(between) = between {
        all.push(penalty::one_centred(critic, between, class, objective.gp));
    }
    let zero = || Tensor::<1>::zeros([1], &device);
    all.into_iter().reduce(|a, b| (a.0 + b.0, a.1 + b.1)).unwrap_or_else(|| (zero(), zero()))
}
