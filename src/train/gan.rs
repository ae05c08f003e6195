//! Training a GAN: critic and generator in turn (Goodfellow 2014), with the losses and penalties that the recipe asks for:
//! R3GAN's relativistic pairing with R1 and R2 (Huang 2025, arXiv 2501.05441), WGAN-GP, hinge and others.
//!
//! A step is one update of the critic; every `critic_steps`-th is followed by one of the generator.

mod penalties;
mod plane;
mod sampling;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::ada::Ada;
use super::averages::Averages;
use super::batch::{BatchLoss, Numbers, classes, parts, rows};
use super::heldout::Heldout;
use super::metric_accumulator::Meter;
use super::optim::{Adam, AdamSettings, StepAt};
use super::scatter::Scatter;
use super::state::{StateReader, StateWriter};
use super::trainable::Trainable;
use super::{tensors, transfer};
use crate::base::{Picture, Problem, Result};
use crate::latent::sample;
use crate::latent::space::Code;
use crate::models::io::{Fit, Weights};
use crate::models::{Critic, Generator};
use crate::nn::diff_augment::{AugmentPlan, apply};
use crate::nn::ema;
use crate::objectives::adversarial;
use crate::recipe::{AugmentControl, ObjectiveRecipe, Recipe};
use sampling::{GeneratorInput, Streams};

/// Steps of following the weights before the first step of training (spectral norm), as in PyTorch.
const SETTLE: usize = 15;
/// Held-out pictures that the critic is asked about.
const LOOKED_AT: usize = 64;

/// Both networks, their optimisers, the averaged generator and the random streams.
pub struct GanTrainer {
    recipe: Recipe,
    device: Device,
    generator: Generator,
    critic: Critic,
    average: Generator,
    /// Averages that others are made of afterwards.
    averages: Option<Averages<Generator>>,
    adam_g: Adam,
    adam_d: Adam,
    ada: Ada,
    streams: Streams,
    last_penalty: Option<Tensor<1>>,
    last_generator: Option<[Tensor<1>; 2]>,
    meter: Meter,
}

/// A batch, and what holds for its step.
struct Batch {
    /// `[n, c, h, w]` in −1…1.
    real: Tensor<4>,
    /// `[n, classes]`
    class: Option<Tensor<2>>,
    objective: ObjectiveRecipe,
    adam: AdamSettings,
    at: StepAt,
    /// Probability that a picture is augmented.
    augment: f64,
}

impl Batch {
    fn len(&self) -> usize {
        self.real.dims()[0]
    }

    fn is_turn_of_generator(&self) -> bool {
        (self.at.step + 1).is_multiple_of(self.critic_steps())
    }

    fn critic_steps(&self) -> u64 {
        u64::from(self.objective.critic_steps.max(1))
    }

    fn is_adaptive(&self) -> bool {
        self.objective.augment_control == AugmentControl::Adaptive
    }
}

impl GanTrainer {
    /// Fresh networks.
    ///
    /// # Errors
    /// The recipe names no GAN.
    pub fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let mut generator = Generator::init(recipe, &device)?;
        let mut critic = Critic::init(recipe, &device)?;
        for _ in 0..SETTLE {
            critic = critic.power_iteration();
        }
        if recipe.objective.freeze_critic > 0 {
            critic = critic.with_frozen_layers(recipe.objective.freeze_critic as usize);
        }
        if recipe.objective.freeze_mapping {
            generator = generator.with_frozen_mapping();
        }
        Ok(Self {
            average: ema::shadow(&generator),
            averages: (recipe.run.averages > 0).then(|| Averages::new(&generator)),
            recipe: recipe.clone(),
            generator,
            critic,
            device,
            adam_g: Adam::new(),
            adam_d: Adam::new(),
            ada: Ada::default(),
            streams: Streams::new(recipe.seed, ""),
            last_penalty: None,
            last_generator: None,
            meter: Meter::default(),
        })
    }

    fn batch(&mut self, real: Tensor<4>, labels: &[Option<u32>], at: StepAt) -> Batch {
        let objective = self.recipe.objective.clone();
        let augment = match objective.augment_control {
            AugmentControl::Fixed => objective.augment.at(at.images),
            AugmentControl::Adaptive => self.ada.p,
        };
        let device = self.device.clone().inner();
        let class = classes(&self.recipe, labels, &mut self.streams.labels, &device);
        Batch { real, class, objective, adam: AdamSettings::at(&self.recipe.optim, at), at, augment }
    }

    fn input(&mut self, batch: &Batch) -> GeneratorInput {
        let mixing = batch.objective.style_mixing as f32;
        let class = batch.class.as_ref();
        GeneratorInput::draw(&self.generator, &mut self.streams, batch.len(), class, mixing, &self.device)
    }

    fn plan(&mut self, n: usize, batch: &Batch) -> AugmentPlan {
        let [_, _, h, w] = batch.real.dims();
        AugmentPlan::draw(&mut self.streams.augment, n, [h, w], batch.augment as f32, &batch.objective)
    }

    /// Descends the critic's loss of real pictures against generated ones, with the penalties that are due.
    fn critic_step(&mut self, batch: &Batch) -> Numbers {
        let (objective, n) = (&batch.objective, batch.len());
        self.critic = self.critic.clone().power_iteration();
        let fake = self.fakes_without_tape(batch);
        let real = augmented(batch.real.clone(), &self.plan(n, batch));
        let fake = augmented(fake, &self.plan(n, batch));
        let interval = u64::from(objective.penalty_interval.max(1));
        let due = penalties::asked(objective, &self.critic) && batch.at.step.is_multiple_of(interval);
        let between = (due && objective.gp > 0.0).then(|| sampling::between(&mut self.streams.between, &real, &fake));

        let (mut loss, mut penalty, mut judged) = (BatchLoss::default(), None::<Tensor<1>>, Vec::new());
        for range in &parts(n, self.recipe.optim.accumulate) {
            let share = range.len() as f64 / n as f64;
            let (x, y) = (rows(&real, range), rows(&fake, range));
            let class = batch.class.as_ref().map(|c| rows(c, range));
            let judgements = judge(&self.critic, x.clone(), y.clone(), class.as_ref());
            let d_real = overall(judgements.iter().map(|j| j[0].clone()));
            let d_fake = overall(judgements.iter().map(|j| j[1].clone()));
            let losses = judgements.into_iter().map(|[r, f]| adversarial::critic_loss(objective.adversarial, r, f));
            let game = total(losses);
            let mut whole = game.clone();
            if let Some(redrawn) = self.critic.redrawing_loss(x.clone()) {
                whole = whole + redrawn;
            }
            if due {
                let at = penalties::At { real: x, fake: y, between: between.as_ref().map(|b| rows(b, range)) };
                let gamma = objective.gamma.at(batch.at.images);
                let (value, surrogate) = penalties::sum(&self.critic, objective, gamma, at, class.as_ref());
                // Taken every so many steps, and as much stronger.
                whole = whole + surrogate.mul_scalar(interval as f64);
                let value = value.inner() * share;
                penalty = Some(penalty.map_or_else(|| value.clone(), |sum| sum + value.clone()));
            }
            loss.add(whole, game, share, &self.critic);
            judged.push([d_real.inner(), d_fake.inner()]);
        }
        let of = |i: usize| Tensor::cat(judged.iter().map(|s| s[i].clone()).collect(), 0);
        let (d_real, d_fake) = (of(0), of(1));
        self.observe_overfitting(batch, &d_real, &d_fake);
        self.last_penalty = penalty.or(self.last_penalty.take());
        let (value, gradients) = loss.finish();
        let (critic, norm) = self.adam_d.step(batch.adam, self.critic.clone(), gradients);
        self.critic = critic;
        vec![
            ("critic", value),
            ("d_real", d_real.clone().mean()),
            ("d_fake", d_fake.clone().mean()),
            ("sign_rate", (d_real - d_fake).sign().mean()),
            ("grad_critic", norm),
        ]
    }

    /// Descends the generator's loss: gradients flow through the critic to the pictures, not into its weights. Returns the
    /// loss and the norm of its gradients.
    fn generator_step(&mut self, batch: &Batch) -> [Tensor<1>; 2] {
        let (objective, n) = (&batch.objective, batch.len());
        let input = self.input(batch);
        let (plan_real, plan_fake) = (self.plan(n, batch), self.plan(n, batch));
        let matching = objective.feature_matching > 0.0;
        let reals = adversarial::generator_needs_reals(objective.adversarial) || matching;
        let frozen = self.critic.clone().no_grad();
        let mut loss = BatchLoss::default();
        for range in &parts(n, self.recipe.optim.accumulate) {
            let class = batch.class.as_ref().map(|c| rows(c, range));
            let (fake, _) = input.pictures(&self.generator, range);
            let (f_fake, d_fake) = frozen.assess(augmented(fake, &plan_fake.part(range)), class.as_ref());
            let seen = reals.then(|| {
                let real = augmented(rows(&batch.real, range), &plan_real.part(range));
                if frozen.takes_penalty() {
                    // No tape: nothing upstream of real pictures is learned.
                    self.critic.valid().assess(real.inner(), class.as_ref())
                } else {
                    frozen.assess(real, class.as_ref())
                }
            });
            let (f_real, d_real) = seen.unwrap_or_else(|| (f_fake.clone(), d_fake.clone()));
            let pairs = d_real.into_iter().zip(d_fake);
            let mut whole = total(pairs.map(|(r, f)| adversarial::generator_loss(objective.adversarial, r, f)));
            if matching {
                let off = f_real.mean_dim(0) - f_fake.mean_dim(0);
                whole = whole + off.square().mean() * objective.feature_matching;
            }
            loss.add(whole.clone(), whole, range.len() as f64 / n as f64, &self.generator);
        }
        let (value, gradients) = loss.finish();
        let (generator, norm) = self.adam_g.step(batch.adam, self.generator.clone(), gradients);
        self.generator = generator;
        [value, norm]
    }

    /// Generated pictures for the critic. `no_grad` keeps batch norm in training and records no tape for the generator.
    fn fakes_without_tape(&mut self, batch: &Batch) -> Tensor<4> {
        let input = self.input(batch);
        let (fake, styles) = input.pictures(&self.generator.clone().no_grad(), &(0..batch.len()));
        if let Some(styles) = styles {
            self.generator = self.generator.clone().update_mean_style(styles.inner());
        }
        fake.without_autodiff()
    }

    fn observe_overfitting(&mut self, batch: &Batch, d_real: &Tensor<2>, d_fake: &Tensor<2>) {
        if !batch.is_adaptive() || !Ada::is_due(batch.at.step) {
            return;
        }
        let heldout = self.ada.some_heldout(batch.at.step, batch.len());
        let d_heldout = heldout.map(|(x, class)| {
            let plan = self.plan(x.dims()[0], batch);
            self.critic.valid().forward(augmented(x, &plan), class.as_ref())
        });
        self.ada.observe(batch.objective.adversarial, d_real, d_fake, d_heldout);
    }

    /// Half-life in pictures, never more than a share of those seen (Karras 2020).
    fn update_average(&mut self, batch: &Batch) {
        let optim = &self.recipe.optim;
        let seen = batch.len() as u64 * batch.critic_steps();
        let half_life = optim.ema_kimg.at(batch.at.images) * 1000.0;
        let beta = ema::beta(half_life, optim.ema_rampup, batch.at.images, seen);
        self.average = ema::update(self.average.clone(), &self.generator, beta);
        if let Some(averages) = &mut self.averages {
            averages.follow(&self.generator, batch.at.images + batch.len() as u64, seen);
        }
    }
}

impl Trainable for GanTrainer {
    /// One step of the critic, then, if it is its turn, one of the generator.
    fn step(&mut self, real: Tensor<4>, labels: &[Option<u32>], at: StepAt) {
        let batch = self.batch(real, labels, at);
        let mut numbers = self.critic_step(&batch);
        if batch.is_turn_of_generator() {
            self.last_generator = Some(self.generator_step(&batch));
            self.update_average(&batch);
        }
        if batch.is_adaptive() {
            self.ada.step(&batch.objective, at.step, batch.len());
            numbers.extend(self.ada.numbers(&self.device));
        }
        // Always the same names, so that a sum over steps can be read: what was not taken this time stays as it was.
        let zero = || Tensor::<1>::zeros([1], &self.device.clone().inner());
        let [value, norm] = self.last_generator.clone().unwrap_or_else(|| [zero(), zero()]);
        numbers.extend([("generator", value), ("grad_generator", norm)]);
        if penalties::asked(&batch.objective, &self.critic) {
            numbers.push(("penalty", self.last_penalty.clone().unwrap_or_else(zero)));
        }
        self.meter.add(numbers);
    }

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn set_recipe(&mut self, recipe: &Recipe) {
        self.recipe = recipe.clone();
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        self.meter.read()
    }

    /// By which adaptive augmentation tells learning by heart.
    fn set_heldout(&mut self, heldout: &Heldout) -> Result<()> {
        let objective = &self.recipe.objective;
        let needed = objective.augment_control == AugmentControl::Adaptive && Ada::needs_heldout(objective.adversarial);
        if needed && heldout.is_empty() {
            return Err(Problem::usage(
                "Adaptive augmentation needs held-out pictures with this loss, and this set has none",
            )
            .of("objective.augment_control")
            .because("sets of fewer than 200 pictures hold none back")
            .try_this("Choose the non-saturating loss or fixed augmentation, or add pictures"));
        }
        if needed {
            let few = 0..heldout.len().min(LOOKED_AT);
            self.ada.heldout = Some(heldout.shown(few, &self.recipe, &self.device.clone().inner()));
        }
        Ok(())
    }

    fn inspect(&self, heldout: &Heldout) -> Vec<(String, f64)> {
        let mut out = vec![
            ("weight_generator".to_string(), tensors::weight_norm(&self.generator)),
            ("weight_critic".to_string(), tensors::weight_norm(&self.critic)),
        ];
        if !heldout.is_empty() {
            let few = 0..heldout.len().min(LOOKED_AT);
            let (x, class) = heldout.shown(few, &self.recipe, &self.device.clone().inner());
            let d = self.critic.valid().forward(x, class.as_ref()).mean().into_scalar::<f32>();
            out.push(("d_heldout".into(), f64::from(d)));
        }
        out.retain(|v| v.1.is_finite());
        out
    }

    fn samples(&self, codes: &[Code]) -> Vec<Picture> {
        sample::generate(&self.average, codes, &self.device.clone().inner(), self.recipe.shape())
    }

    fn points(&self, codes: &[Code]) -> Option<Vec<[f32; 2]>> {
        Some(tensors::points(sample::forward(&self.average, codes, &self.device.clone().inner())))
    }

    fn plane(&self, cells: usize) -> Option<Scatter> {
        Some(plane::of(&self.critic, cells, &self.device.clone().inner()))
    }

    fn snapshot(&self) -> Weights {
        Weights::of(&self.average)
    }

    fn power_averages(&self) -> Option<[Weights; 2]> {
        self.averages.as_ref()?.snapshot()
    }

    fn keep(&self, out: &mut StateWriter) {
        out.module("generator", &self.generator);
        out.module("critic", &self.critic);
        out.module("average", &self.average);
        out.adam("adam_g", &self.adam_g);
        out.adam("adam_d", &self.adam_d);
        if let Some(averages) = &self.averages {
            averages.keep(out);
        }
        out.number("ada.p", self.ada.p);
        out.number("ada.sign", self.ada.sign);
        self.streams.keep(out);
    }

    fn restore(&mut self, kept: &StateReader<'_>) -> Result<()> {
        self.generator = kept.module("generator", &self.generator)?;
        self.critic = kept.module("critic", &self.critic)?;
        self.average = kept.module("average", &self.average)?;
        if let Some(averages) = &mut self.averages {
            averages.restore(kept, &self.generator)?;
        }
        self.adam_g = kept.adam("adam_g", &self.generator, &self.device)?;
        self.adam_d = kept.adam("adam_d", &self.critic, &self.device)?;
        (self.ada.p, self.ada.sign) = (kept.number("ada.p"), kept.number("ada.sign"));
        self.streams.restore(kept)
    }

    fn begin_from(&mut self, full: Option<&Weights>, snapshot: &Weights) -> Fit {
        let (old, new) = (transfer::model_of(snapshot), &self.recipe.model);
        let fitted = transfer::fitted(snapshot, &Weights::of(&self.generator), old.as_ref(), new, false);
        let (generator, mut fit) = fitted.load_fitting(self.generator.clone());
        self.generator = generator;
        self.average = ema::shadow(&self.generator);
        self.averages = self.averages.is_some().then(|| Averages::new(&self.generator));
        if let Some(full) = full {
            let target = Weights::of(&self.critic);
            let fitted = transfer::fitted(&full.under("critic."), &target, old.as_ref(), new, true);
            let (critic, critic_fit) = fitted.load_fitting(self.critic.clone());
            self.critic = critic;
            let named = |names: Vec<String>| names.into_iter().map(|n| format!("critic.{n}"));
            fit.loaded.extend(named(critic_fit.loaded));
            fit.fresh.extend(named(critic_fit.fresh));
        } else {
            fit.fresh.push("critic: the model came without one".into());
        }
        fit
    }

    fn move_streams(&mut self, attempt: u32) {
        self.streams = Streams::new(self.recipe.seed, &format!("/{attempt}"));
    }
}

fn augmented(x: Tensor<4>, plan: &AugmentPlan) -> Tensor<4> {
    if plan.is_idle() { x } else { apply(x, plan) }
}

/// Losses of all judgements together.
fn total(losses: impl Iterator<Item = Tensor<1>>) -> Tensor<1> {
    losses.reduce(|a, b| a + b).expect("every critic judges")
}

/// One number for each picture out of all that a critic judges of it: the mean over its judgements of their means.
fn overall(judgements: impl ExactSizeIterator<Item = Tensor<2>>) -> Tensor<2> {
    let count = judgements.len();
    let mean = |j: Tensor<2>| if j.dims()[1] == 1 { j } else { j.mean_dim(1) };
    let sum = judgements.map(mean).reduce(|a, b| a + b).expect("every critic judges");
    if count == 1 { sum } else { sum / count as f64 }
}

/// Judgements of real and of generated pictures, as [`Critic::assess`] gives them; in one batch where its samples do not
/// depend on each other.
fn judge(critic: &Critic, real: Tensor<4>, fake: Tensor<4>, class: Option<&Tensor<2>>) -> Vec<[Tensor<2>; 2]> {
    if critic.ties_samples() {
        let (real, fake) = (critic.assess(real, class).1, critic.assess(fake, class).1);
        return real.into_iter().zip(fake).map(|(r, f)| [r, f]).collect();
    }
    let n = real.dims()[0];
    let class = class.map(|c| Tensor::cat(vec![c.clone(), c.clone()], 0));
    let (_, both) = critic.assess(Tensor::cat(vec![real, fake], 0), class.as_ref());
    both.into_iter().map(|both| [both.clone().narrow(0, 0, n), both.narrow(0, n, n)]).collect()
}
