//! The critic of a VAE-GAN (Larsen, Sønderby, Larochelle & Winther 2016): it tells real pictures from reconstructions and
//! samples, and its features say what a reconstruction misses.
//!
//! It is the residual critic of the GANs. Their penalties (`objective.r1`, `r2`, `gamma`, `penalty_interval`) calm it here
//! too, where the paper has batch norm.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::batch::Numbers;
use super::optim::{Adam, AdamSettings, StepAt};
use crate::base::Result;
use crate::models::{Critic, critic_of_vae};
use crate::nn::ema;
use crate::objectives::{feature, penalty};
use crate::recipe::{ObjectiveRecipe, Recipe};

/// The critic with its optimiser.
pub(super) struct Opponent {
    pub critic: Critic,
    pub adam: Adam,
}

/// What a step of the critic says.
pub(super) struct Verdict {
    /// Whether the decoder is told of the critic's judgement this time.
    pub tell: bool,
    /// Numbers by name, without a graph.
    pub numbers: Numbers,
}

impl Opponent {
    /// A fresh critic; nothing if the recipe wants none.
    ///
    /// # Errors
    /// The recipe names no model.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Option<Self>> {
        let Some(gan) = critic_of_vae(recipe) else { return Ok(None) };
        Ok(Some(Self { critic: Critic::init(&gan, device)?, adam: Adam::new() }))
    }

    /// The critic's part of a step, on real pictures and what the VAE makes of them and of nothing, all without a graph.
    /// All `[n, c, h, w]`.
    pub fn step(
        &mut self,
        objective: &ObjectiveRecipe,
        settings: AdamSettings,
        [real, again, sample]: [Tensor<4>; 3],
        class: Option<&Tensor<2>>,
        StepAt { step, images, .. }: StepAt,
    ) -> Verdict {
        let n = real.dims()[0];
        let made = Tensor::cat(vec![again, sample], 0);
        let class_of_made = class.map(|c| Tensor::cat(vec![c.clone(), c.clone()], 0));
        let d_real = self.critic.forward(real.clone(), class);
        let d_made = self.critic.forward(made.clone(), class_of_made.as_ref());
        let (loss_real, loss_made) = (feature::not_real(d_real.clone()), feature::not_made(d_made.clone()));
        let number = |t: &Tensor<1>| f64::from(t.clone().inner().into_scalar::<f32>());
        let (learn, tell) = feature::balance(&objective.vae, number(&loss_real), number(&loss_made));
        let mut numbers = vec![
            ("critic", (loss_real.clone() + loss_made.clone()).inner()),
            ("d_real", d_real.inner().mean()),
            ("d_fake", d_made.inner().mean()),
        ];
        let mut norm = Tensor::zeros([1], &real.device().inner());
        if learn {
            let mut loss = loss_real + loss_made;
            let interval = u64::from(objective.penalty_interval.max(1));
            if (objective.r1 || objective.r2) && step.is_multiple_of(interval) {
                let gamma = objective.gamma.at(images) * interval as f64;
                let some = made.narrow(0, 0, n);
                for (x, on) in [(real, objective.r1), (some, objective.r2)] {
                    if on {
                        loss = loss + penalty::zero_centred(&self.critic, x, class, gamma).1;
                    }
                }
            }
            let grads = GradientsParams::from_grads(loss.backward(), &self.critic);
            (self.critic, norm) = self.adam.step(settings, self.critic.clone(), grads);
        }
        numbers.push(("grad_critic", norm));
        Verdict { tell, numbers }
    }

    /// The critic as the decoder sees it: gradients go through it to the pictures, not into its weights.
    pub fn frozen(&self) -> Critic {
        self.critic.clone().no_grad()
    }

    /// The same without any graph.
    pub fn still(&self) -> Critic {
        ema::shadow(&self.critic)
    }
}
