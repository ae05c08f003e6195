//! What a VAE makes small in one step: the bounds of [`Bound`] with the charges of [`Charge`].

use burn::module::Module;
use burn::tensor::Tensor;

use super::batch::Numbers;
use crate::eval::features::{Extractor, SIDE};
use crate::eval::perceptual;
use crate::models::{Critic, Draw, Posterior, PseudoInputs, Vae};
use crate::nn::resample;
use crate::objectives::{elbo, feature, importance, pseudo, total_correlation};
use crate::recipe::ObjectiveRecipe;
use crate::recipe::vae::{Bound, Charge};

/// Everything that a loss looks at.
pub(super) struct LossInputs<'a> {
    pub vae: &'a Vae,
    pub pseudo: Option<&'a PseudoInputs>,
    pub critic: Option<CriticView>,
    /// The feature network of the perceptual term.
    pub eyes: Option<&'a Extractor>,
    pub objective: &'a ObjectiveRecipe,
    /// Pictures in −1…1, `[b, c, r, r]`.
    pub x: Tensor<4>,
    /// Shares of classes, `[b, classes]`.
    pub class: Option<Tensor<2>>,
    /// Standard normals, `[k·b, z]`.
    pub noise: Tensor<2>,
    /// Pictures seen so far.
    pub images: u64,
    /// Pictures in the data.
    pub pictures: u64,
}

/// A critic as the VAE sees it.
pub(super) struct CriticView {
    /// Passes gradients on to pictures, and none into its weights.
    pub frozen: Critic,
    /// The same without any graph.
    pub still: Critic,
    /// Whether its judgement counts this time.
    pub tell: bool,
    /// Standard normals for samples, `[b, z]`.
    pub latents: Tensor<2>,
}

/// A loss, and what curves show of it.
pub(super) struct Loss {
    /// What is made small; for `dreg` only its gradient means something.
    pub value: Tensor<1>,
    /// KL divergence of each latent dimension from the standard normal, without a graph. `[z]`
    pub kl: Tensor<1>,
    /// Numbers by name, without a graph.
    pub numbers: Numbers,
}

impl LossInputs<'_> {
    /// The loss of this recipe.
    pub fn loss(&self) -> Loss {
        match self.objective.vae.bound {
            Bound::Elbo => self.elbo(),
            Bound::Iwae | Bound::Dreg => self.weighted(),
        }
    }

    /// `log p(z)`: of the standard normal, or of the learned prior. `[n, z] → [n, 1]`
    fn log_prior(&self, z: Tensor<2>) -> Tensor<2> {
        log_prior(self.pseudo.map(|inputs| inputs.posterior(self.vae)), z)
    }

    fn elbo(&self) -> Loss {
        let objective = self.objective;
        let draw = Draw::Noise(self.noise.clone());
        let (posterior, decoded) = self.vae.forward(self.x.clone(), &draw, self.class.as_ref());
        let target = (self.x.clone() + 1.0) * 0.5;
        let reconstruction = elbo::reconstruction(objective.likelihood, decoded.clone(), target, self.vae.log_sigma());
        let Posterior { mean, log_variance, z } = posterior;
        let codes = z.clone();
        let kl = elbo::kl_per_dim(mean.clone(), log_variance.clone()).mean_dim(0).squeeze_dim::<1>(0);
        // Against a learned prior there is no closed form: one sample of each picture.
        let total = match self.pseudo {
            Some(_) => {
                let log_q = importance::log_density(z.clone(), mean.clone(), log_variance.clone());
                (log_q - self.log_prior(z.clone())).mean()
            }
            None => kl.clone().sum(),
        };
        let beta = objective.beta.at(self.images);
        let mut numbers = Vec::new();
        let charge = match objective.vae.charge {
            Charge::Beta if objective.free_bits > 0.0 => elbo::free_bits(kl.clone(), objective.free_bits).sum() * beta,
            Charge::Beta => total.clone() * beta,
            Charge::Capacity => {
                let capacity = objective.vae.capacity.at(self.images);
                numbers.push(("capacity", total.clone().inner() * 0.0 + capacity));
                elbo::off_capacity(total.clone(), capacity) * objective.vae.capacity_weight
            }
            Charge::TotalCorrelation => {
                let parts = total_correlation::parts(z, mean, log_variance, self.pictures, objective.vae.estimator);
                numbers.push(("mutual_information", parts.mutual_information.clone().inner()));
                numbers.push(("total_correlation", parts.total_correlation.clone().inner()));
                numbers.push(("dimension_kl", parts.dimension_kl.clone().inner()));
                parts.mutual_information + parts.total_correlation * beta + parts.dimension_kl
            }
        };
        let mut value = reconstruction.clone() * objective.vae.pixels + charge;
        if let Some(eyes) = self.eyes {
            let again = seen(self.vae.to_picture(decoded.clone()));
            let distance = perceptual::loss(eyes, again, seen(self.x.clone()).without_autodiff()).mean();
            numbers.push(("perceptual", distance.clone().inner()));
            value = value + distance * objective.vae.perceptual;
        }
        if let Some(critic) = &self.critic {
            let (looks, named) = self.looks(critic, decoded, codes);
            value = value + looks;
            numbers.extend(named);
        }
        let (reconstruction, total) = (reconstruction.inner(), total.inner());
        numbers.extend([
            ("loss", value.clone().inner()),
            ("reconstruction", reconstruction.clone()),
            ("kl", total.clone()),
            ("elbo", (reconstruction + total).neg()),
        ]);
        Loss { value, kl: kl.inner(), numbers }
    }

    /// What a critic sees in reconstructions and samples, and numbers to show. The encoder hears of features, and not of
    /// the judgement.
    fn looks(&self, critic: &CriticView, decoded: Tensor<4>, codes: Tensor<2>) -> (Tensor<1>, Numbers) {
        let (vae, class) = (&self.objective.vae, self.class.as_ref());
        let again = self.vae.to_picture(decoded);
        let features = feature::distance(&critic.frozen, &critic.still, again, self.x.clone(), class);
        let both = Tensor::cat(vec![codes.without_autodiff(), critic.latents.clone()], 0);
        let class_of_both = class.map(|c| Tensor::cat(vec![c.clone(), c.clone()], 0));
        let made = self.vae.to_picture(self.vae.decode(both, class_of_both.as_ref()));
        let judged = feature::not_real(critic.frozen.forward(made, class_of_both.as_ref()));
        let numbers = vec![("features", features.clone().inner()), ("adversarial", judged.clone().inner())];
        let weight = if critic.tell { vae.adversarial } else { 0.0 };
        (features * vae.features + judged * weight, numbers)
    }

    fn weighted(&self) -> Loss {
        let (b, rows) = (self.x.dims()[0], self.noise.dims()[0]);
        let k = rows / b;
        let doubly = self.objective.vae.bound == Bound::Dreg;
        let beta = self.objective.beta.at(self.images);
        let posterior = self.vae.infer(self.x.clone(), &Draw::Noise(self.noise.clone()), self.class.as_ref());
        let Posterior { mean, log_variance, z } = posterior;
        let kl = elbo::kl_per_dim(mean.clone(), log_variance.clone()).mean_dim(0).squeeze_dim::<1>(0).inner();
        let class = self.class.clone().map(|c| c.repeat_dim(0, k));
        let target = ((self.x.clone() + 1.0) * 0.5).repeat_dim(0, k);
        let log_likelihood = |vae: &Vae, z: Tensor<2>| {
            let decoded = vae.decode(z, class.as_ref());
            let likelihood = self.objective.likelihood;
            elbo::reconstruction_per_picture(likelihood, decoded, target.clone(), vae.log_sigma()).neg()
        };
        let (value, log_p, log_ratio) = if doubly {
            // What the encoder says of its own density is held still; only latents carry the gradient to it.
            let (mean, log_variance) = match self.vae.layout().len() {
                // Finer levels depend on latents of the coarser ones.
                2.. => {
                    let frozen = self.vae.clone().no_grad();
                    let again = frozen.infer(self.x.clone(), &Draw::Given(z.clone()), self.class.as_ref());
                    (again.mean, again.log_variance)
                }
                _ => (mean.without_autodiff(), log_variance.without_autodiff()),
            };
            let held = self.pseudo.map(|inputs| inputs.posterior(self.vae)).map(|(m, v)| (m.inner(), v.inner()));
            let log_ratio = log_prior(held, z.clone()) - importance::log_density(z.clone(), mean, log_variance);
            let log_p = log_likelihood(&self.vae.valid(), z.clone().inner());
            let shares = importance::shares(log_p.clone() + log_ratio.clone().inner() * beta, k);
            let mut again = log_likelihood(self.vae, importance::with_gradient_times(z.clone(), shares.clone()));
            if self.pseudo.is_some() {
                // A learned prior belongs to what makes pictures: it meets shares once, as the decoder does.
                again = again + self.log_prior(z.without_autodiff()) * beta;
            }
            let value = importance::doubly_reparameterised(shares, again, log_ratio.clone() * beta, b);
            (value, log_p, log_ratio.inner())
        } else {
            let log_ratio = self.log_prior(z.clone()) - importance::log_density(z.clone(), mean, log_variance);
            let log_p = log_likelihood(self.vae, z);
            let value = importance::bound(log_p.clone() + log_ratio.clone() * beta, k).neg();
            (value, log_p.inner(), log_ratio.inner())
        };
        let log_weights = log_p.clone() + log_ratio.clone();
        let (reconstruction, total) = (log_p.mean().neg(), log_ratio.clone().mean().neg());
        let numbers = vec![
            ("loss", importance::bound(log_weights.clone() + log_ratio.clone() * (beta - 1.0), k).neg()),
            ("reconstruction", reconstruction.clone()),
            ("kl", total.clone()),
            ("elbo", (reconstruction + total).neg()),
            ("bound", importance::bound(log_weights.clone(), k)),
            ("effective_samples", importance::effective(importance::shares(log_weights, k), k)),
        ];
        Loss { value, kl, numbers }
    }
}

/// Pictures at least as large as those that the feature encoder learned from. `[b, c, h, w] → [b, c, h·2ⁿ, w·2ⁿ]`
fn seen(mut x: Tensor<4>) -> Tensor<4> {
    while x.dims()[2].min(x.dims()[3]) < SIDE as usize {
        x = resample::double(x);
    }
    x
}

/// Log density of latents under the mixture of these posteriors, or under the standard normal. `[n, z] → [n, 1]`
pub(super) fn log_prior(pseudo: Option<(Tensor<2>, Tensor<2>)>, z: Tensor<2>) -> Tensor<2> {
    match pseudo {
        Some((mean, log_variance)) => pseudo::log_mixture(z, mean, log_variance),
        None => importance::log_standard(z),
    }
}
