//! The games that generator and critic play.
//!
//! `d_real` and `d_fake` are `[b, 1]`, without bounds; where a loss needs only one of them the other may be anything.
//!
//! | | critic | generator |
//! |---|---|---|
//! | non-saturating (Goodfellow 2014) | `softplus(−D(x)) + softplus(D(G))` | `softplus(−D(G))` |
//! | relativistic (Jolicoeur-Martineau 2018) | `softplus(D(G) − D(x))` | `softplus(D(x) − D(G))` |
//! | hinge (Lim & Ye 2017) | `relu(1 − D(x)) + relu(1 + D(G))` | `−D(G)` |
//! | least squares (Mao 2017) | `½(D(x) − 1)² + ½D(G)²` | `½(D(G) − 1)²` |
//! | Wasserstein (Arjovsky 2017) | `D(G) − D(x)` | `−D(G)` |

use burn::tensor::Tensor;

use crate::nn::activation::{relu, softplus};
use crate::recipe::Adversarial;

/// What the critic makes small. `([b, 1], [b, 1]) → [1]`
pub fn critic_loss(kind: Adversarial, d_real: Tensor<2>, d_fake: Tensor<2>) -> Tensor<1> {
    match kind {
        Adversarial::NonSaturating => softplus(d_real.neg()).mean() + softplus(d_fake).mean(),
        Adversarial::Relativistic => softplus(d_fake - d_real).mean(),
        Adversarial::Hinge => relu(d_real.neg() + 1.0).mean() + relu(d_fake + 1.0).mean(),
        Adversarial::LeastSquares => ((d_real - 1.0).square().mean() + d_fake.square().mean()) * 0.5,
        Adversarial::Wasserstein => d_fake.mean() - d_real.mean(),
    }
}

/// What the generator makes small. `([b, 1], [b, 1]) → [1]`
pub fn generator_loss(kind: Adversarial, d_real: Tensor<2>, d_fake: Tensor<2>) -> Tensor<1> {
    match kind {
        Adversarial::NonSaturating => softplus(d_fake.neg()).mean(),
        Adversarial::Relativistic => softplus(d_real - d_fake).mean(),
        Adversarial::Hinge | Adversarial::Wasserstein => d_fake.mean().neg(),
        Adversarial::LeastSquares => (d_fake - 1.0).square().mean() * 0.5,
    }
}

/// Whether the generator's loss looks at real pictures too.
pub fn generator_needs_reals(kind: Adversarial) -> bool {
    kind == Adversarial::Relativistic
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use strum::IntoEnumIterator;

    const REAL: [f32; 3] = [0.7, -1.3, 2.0];
    const FAKE: [f32; 3] = [-0.4, 1.6, 0.0];

    fn closed_form(kind: Adversarial, real: &[f64], fake: &[f64]) -> (f64, f64) {
        let softplus = |x: f64| x.exp().ln_1p();
        let mean = |f: &dyn Fn(f64, f64) -> f64| real.iter().zip(fake).map(|(r, g)| f(*r, *g)).sum::<f64>() / 3.0;
        match kind {
            Adversarial::NonSaturating => (mean(&|r, g| softplus(-r) + softplus(g)), mean(&|_, g| softplus(-g))),
            Adversarial::Relativistic => (mean(&|r, g| softplus(g - r)), mean(&|r, g| softplus(r - g))),
            Adversarial::Hinge => (mean(&|r, g| (1.0 - r).max(0.0) + (1.0 + g).max(0.0)), mean(&|_, g| -g)),
            Adversarial::Wasserstein => (mean(&|r, g| g - r), mean(&|_, g| -g)),
            Adversarial::LeastSquares => {
                (mean(&|r, g| 0.5 * (r - 1.0).powi(2) + 0.5 * g * g), mean(&|_, g| 0.5 * (g - 1.0).powi(2)))
            }
        }
    }

    #[test]
    fn losses_are_their_formulas_and_gradients_their_differences() {
        let device = Device::flex().autodiff();
        for kind in Adversarial::iter() {
            let leaf = |v: [f32; 3]| Tensor::<1>::from_floats(v, &device).require_grad();
            let column = |t: &Tensor<1>| t.clone().reshape([3, 1]);
            for critic in [true, false] {
                let (real, fake) = (leaf(REAL), leaf(FAKE));
                let loss = if critic { critic_loss } else { generator_loss }(kind, column(&real), column(&fake));
                let value = |r: &[f64], g: &[f64]| {
                    let both = closed_form(kind, r, g);
                    if critic { both.0 } else { both.1 }
                };
                let (r, g) = (REAL.map(f64::from), FAKE.map(f64::from));
                let got = f64::from(loss.clone().into_scalar::<f32>());
                assert!((got - value(&r, &g)).abs() < 1e-6, "{kind:?}: {got}");
                let mut grads = loss.backward();
                let grad = |t: Tensor<1>, grads: &mut _| {
                    t.grad_remove(grads).map_or(vec![0.0; 3], |g| g.into_data().try_into_vec::<f32>().unwrap())
                };
                let (gr, gf) = (grad(real, &mut grads), grad(fake, &mut grads));
                for i in 0..3 {
                    let h = 1e-5;
                    let difference = |which: usize| {
                        let at = |h: f64| {
                            let mut both = [r, g];
                            both[which][i] += h;
                            value(&both[0], &both[1])
                        };
                        (at(h) - at(-h)) / (2.0 * h)
                    };
                    assert!((f64::from(gr[i]) - difference(0)).abs() < 1e-6, "{kind:?} critic {critic} real {i}");
                    assert!((f64::from(gf[i]) - difference(1)).abs() < 1e-6, "{kind:?} critic {critic} fake {i}");
                }
            }
        }
    }

    #[test]
    fn a_very_sure_critic_gives_finite_numbers() {
        let device = Device::flex();
        for kind in Adversarial::iter() {
            let (sure, wrong) = (Tensor::<2>::full([2, 1], 1e4, &device), Tensor::<2>::full([2, 1], -1e4, &device));
            for (r, f) in [(sure.clone(), wrong.clone()), (wrong, sure)] {
                assert!(critic_loss(kind, r.clone(), f.clone()).into_scalar::<f32>().is_finite());
                assert!(generator_loss(kind, r, f).into_scalar::<f32>().is_finite());
            }
        }
    }
}
