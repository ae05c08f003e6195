//! Training a GAN: critic and generator in turn (Goodfellow 2014), with the losses and penalties that the recipe asks for:
//! R3GAN's relativistic pairing with R1 and R2 (Huang 2025, arXiv 2501.05441), WGAN-GP, hinge and others.
//!
//! A step is one update of the critic; every `critic_steps`-th is followed by one of the generator.

use std::ops::Range;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use super::ada::Ada;
use super::metric_accumulator::Meter;
use super::optim::{Adam, AdamSettings, Sum};
use super::scatter::{REACH, Scatter};
use super::scoring::Heldout;
use super::tensors;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Result};
use crate::latent::space::Code;
use crate::models::{Critic, Generator};
use crate::nn::diff_augment::{AugmentPlan, apply};
use crate::nn::ema;
use crate::objectives::{adversarial, penalty};
use crate::recipe::{AugmentControl, ObjectiveRecipe, Recipe};

/// Steps of following the weights before the first step of training (spectral norm), as in PyTorch.
const SETTLE: usize = 15;
/// Held-out pictures that the critic is asked about.
const LOOKED_AT: usize = 64;

/// Both networks, their optimisers, the averaged generator and the random streams.
pub struct GanTrainer {
    pub(super) recipe: Recipe,
    pub(super) device: Device,
    pub(super) generator: Generator,
    pub(super) critic: Critic,
    pub(super) average: Generator,
    pub(super) adam_g: Adam,
    pub(super) adam_d: Adam,
    pub(super) ada: Ada,
    pub(super) streams: Streams,
    last_penalty: Option<Tensor<1>>,
    last_generator: Option<[Tensor<1>; 2]>,
    meter: Meter,
}

/// The random streams of a GAN.
pub(super) struct Streams {
    pub latents: Stream,
    pub augment: Stream,
    /// Noise inputs and where styles change.
    pub noise: Stream,
    /// Which labels are hidden.
    pub labels: Stream,
    /// Places between real and generated pictures.
    pub between: Stream,
}

impl Streams {
    /// Streams of a seed; `suffix` tells those of later tries apart.
    pub fn new(seed: u64, suffix: &str) -> Self {
        let stream = |name: &str| Stream::new(seed, &format!("{name}{suffix}"));
        Self {
            latents: stream("latents"),
            augment: stream("augment"),
            noise: stream("noise"),
            labels: stream("labels"),
            between: stream("between"),
        }
    }

    /// By name, in a fixed order.
    pub fn all(&mut self) -> [(&'static str, &mut Stream); 5] {
        [
            ("latents", &mut self.latents),
            ("augment", &mut self.augment),
            ("noise", &mut self.noise),
            ("labels", &mut self.labels),
            ("between", &mut self.between),
        ]
    }
}

/// What the generator is given for a batch.
struct Draw {
    z: Tensor<2>,
    /// A second latent for each picture, and the layer from which on it rules.
    mixed: Option<(Tensor<2>, Vec<usize>)>,
    noise: Option<Vec<Tensor<4>>>,
    class: Option<Tensor<2>>,
}

fn rows<const D: usize>(x: &Tensor<D>, range: &Range<usize>) -> Tensor<D> {
    if range.len() == x.dims()[0] { x.clone() } else { x.clone().narrow(0, range.start, range.len()) }
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

    /// Held-out pictures, by which adaptive augmentation tells learning by heart.
    ///
    /// # Errors
    /// Augmentation is adaptive and needs them, and there are none.
    pub fn set_heldout(&mut self, heldout: &Heldout) -> Result<()> {
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

    /// Shares of classes, some of them hidden. `[n, classes]`
    fn classes(&mut self, labels: &[Option<u32>]) -> Option<Tensor<2>> {
        let count = if self.recipe.model.conditional { self.recipe.model.classes.len() } else { 0 };
        if count == 0 {
            return None;
        }
        let dropout = self.recipe.objective.label_dropout as f32;
        let mut shares = vec![0.0; labels.len() * count];
        for (row, label) in shares.chunks_exact_mut(count).zip(labels) {
            let hidden = self.streams.labels.uniform() < dropout;
            if let Some(share) = label.filter(|_| !hidden).and_then(|l| row.get_mut(l as usize)) {
                *share = 1.0;
            }
        }
        Some(tensors::matrix(shares, labels.len(), count, &self.device.clone().inner()))
    }

    fn draw(&mut self, n: usize, class: Option<&Tensor<2>>) -> Draw {
        let dim = self.generator.latent();
        let device = self.device.clone();
        let mut latents = || tensors::matrix(self.streams.latents.normals(n * dim), n, dim, &device);
        let z = latents();
        let mixing = self.recipe.objective.style_mixing as f32;
        let mut draw = Draw { z, mixed: None, noise: None, class: class.cloned() };
        if let Some(styled) = self.generator.styled() {
            if mixing > 0.0 {
                let layers = styled.layers();
                let stream = &mut self.streams.noise;
                let cut = (0..n).map(|_| {
                    let (mixes, at) = (stream.uniform() < mixing, 1 + stream.below(layers as u64 - 1) as usize);
                    if mixes { at } else { layers }
                });
                let cut = cut.collect();
                draw.mixed = Some((latents(), cut));
            }
            draw.noise = styled.draw_noise(&mut self.streams.noise, n, &device.inner());
        }
        draw
    }

    fn plan(&mut self, n: usize, side: usize, p: f64) -> AugmentPlan {
        AugmentPlan::draw(&mut self.streams.augment, n, side, p as f32, &self.recipe.objective)
    }

    /// One step of the critic, then (if it is its turn) one of the generator, on `n` real pictures `[n, c, h, w]` in
    /// −1…1 with their labels.
    pub fn step(&mut self, real: Tensor<4>, labels: &[Option<u32>], step: u64, images: u64, lr_factor: f64) {
        let objective = self.recipe.objective.clone();
        let optim = &self.recipe.optim;
        let settings = AdamSettings {
            lr: optim.lr.at(images) * lr_factor,
            beta1: optim.beta1,
            beta2: optim.beta2.at(images),
            epsilon: optim.epsilon,
            clip_norm: optim.clip_norm,
        };
        let p = match objective.augment_control {
            AugmentControl::Fixed => objective.augment.at(images),
            AugmentControl::Adaptive => self.ada.p,
        };
        let n = real.dims()[0];
        let class = self.classes(labels);
        let mut numbers = self.critic_step(&objective, settings, &real, class.as_ref(), step, images, p);
        if (step + 1).is_multiple_of(u64::from(objective.critic_steps.max(1))) {
            self.last_generator = Some(self.generator_step(&objective, settings, &real, class.as_ref(), p));
            // Half-life in pictures, never more than a share of those seen (Karras 2020).
            let seen = n as u64 * u64::from(objective.critic_steps.max(1));
            let half_life = self.recipe.optim.ema_kimg.at(images) * 1000.0;
            let beta = ema::beta(half_life, self.recipe.optim.ema_rampup, images, seen);
            self.average = ema::update(self.average.clone(), &self.generator, beta);
        }
        if objective.augment_control == AugmentControl::Adaptive {
            self.ada.step(&objective, step, n);
            numbers.extend(self.ada.numbers(&self.device));
        }
        // Always the same names, so that a sum over steps can be read: what was not taken this time stays as it was.
        let zero = || Tensor::<1>::zeros([1], &self.device.clone().inner());
        let [value_g, norm_g] = self.last_generator.clone().unwrap_or_else(|| [zero(), zero()]);
        numbers.extend([("generator", value_g), ("grad_generator", norm_g)]);
        if penalised(&objective, &self.critic) {
            numbers.push(("penalty", self.last_penalty.clone().unwrap_or_else(zero)));
        }
        self.meter.add(numbers);
    }

    #[allow(clippy::too_many_arguments)]
    fn critic_step(
        &mut self,
        objective: &ObjectiveRecipe,
        settings: AdamSettings,
        real: &Tensor<4>,
        class: Option<&Tensor<2>>,
        step: u64,
        images: u64,
        p: f64,
    ) -> Vec<(&'static str, Tensor<1>)> {
        let [n, _, side, _] = real.dims();
        self.critic = self.critic.clone().power_iteration();
        let draw = self.draw(n, class);
        let (plan_real, plan_fake) = (self.plan(n, side, p), self.plan(n, side, p));
        // `no_grad` keeps batch norm in training and records no tape for the generator.
        let (fake, styles) = make(&self.generator.clone().no_grad(), &draw, &(0..n));
        if let (Some(styles), Generator::Style(net)) = (styles, &self.generator) {
            self.generator = Generator::Style(net.clone().power_iteration(styles.inner()));
        }
        let real = augmented(real.clone(), &plan_real);
        let fake = augmented(fake.without_autodiff(), &plan_fake);
        let interval = u64::from(objective.penalty_interval.max(1));
        let penalise = penalised(objective, &self.critic) && step.is_multiple_of(interval);
        let between = (penalise && objective.gp > 0.0).then(|| between(&mut self.streams.between, &real, &fake));

        let parts = parts(n, self.recipe.optim.accumulate as usize);
        let mut sum = Sum::default();
        let mut seen: Vec<[Tensor<2>; 2]> = Vec::new();
        let mut value = Vec::new();
        let mut penalty_value: Option<Tensor<1>> = None;
        for range in &parts {
            let share = range.len() as f64 / n as f64;
            let (x, y) = (rows(&real, range), rows(&fake, range));
            let class = class.map(|c| rows(c, range));
            let judgements = judge(&self.critic, x.clone(), y.clone(), class.as_ref());
            let d_real = overall(judgements.iter().map(|j| j[0].clone()));
            let d_fake = overall(judgements.iter().map(|j| j[1].clone()));
            let losses = judgements.into_iter().map(|[r, f]| adversarial::critic_loss(objective.adversarial, r, f));
            let mut loss = total(losses);
            value.push(loss.clone().inner() * share);
            if let Some(redrawn) = self.critic.redrawing_loss(x.clone()) {
                loss = loss + redrawn;
            }
            if penalise {
                let between = between.as_ref().map(|b| rows(b, range));
                let gamma = objective.gamma.at(images);
                let (value, surrogate) = self.penalties(objective, gamma, x, y, between, class.as_ref());
                loss = loss + surrogate.mul_scalar(interval as f64);
                let value = value.inner() * share;
                penalty_value = Some(penalty_value.map_or_else(|| value.clone(), |sum| sum + value.clone()));
            }
            seen.push([d_real.inner(), d_fake.inner()]);
            let loss = if parts.len() == 1 { loss } else { loss * share };
            sum.add(GradientsParams::from_grads(loss.backward(), &self.critic), &self.critic);
        }
        if penalty_value.is_some() {
            self.last_penalty = penalty_value;
        }
        let of = |i: usize| Tensor::cat(seen.iter().map(|s| s[i].clone()).collect(), 0);
        let (d_real, d_fake) = (of(0), of(1));
        if objective.augment_control == AugmentControl::Adaptive && Ada::is_due(step) {
            let heldout = self.ada.some_heldout(step, n);
            let d_heldout = heldout.map(|(x, class)| {
                let plan = self.plan(x.dims()[0], side, p);
                self.critic.valid().forward(augmented(x, &plan), class.as_ref())
            });
            self.ada.observe(objective.adversarial, &d_real, &d_fake, d_heldout);
        }
        let (critic, norm) = self.adam_d.step(settings, self.critic.clone(), sum.finish());
        self.critic = critic;
        vec![
            ("critic", total(value)),
            ("d_real", d_real.clone().mean()),
            ("d_fake", d_fake.clone().mean()),
            ("sign_rate", (d_real - d_fake).sign().mean()),
            ("grad_critic", norm),
        ]
    }

    /// Value to be shown and surrogate to be learned from of all penalties that the recipe asks for.
    fn penalties(
        &self,
        objective: &ObjectiveRecipe,
        gamma: f64,
        real: Tensor<4>,
        fake: Tensor<4>,
        between: Option<Tensor<4>>,
        class: Option<&Tensor<2>>,
    ) -> (Tensor<1>, Tensor<1>) {
        let critic = &self.critic;
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
        let zero = || Tensor::<1>::zeros([1], &self.device);
        all.into_iter().reduce(|a, b| (a.0 + b.0, a.1 + b.1)).unwrap_or_else(|| (zero(), zero()))
    }

    /// Gradients flow through the critic to the pictures, not into its weights. Returns the loss and the norm of its
    /// gradients.
    fn generator_step(
        &mut self,
        objective: &ObjectiveRecipe,
        settings: AdamSettings,
        real: &Tensor<4>,
        class: Option<&Tensor<2>>,
        p: f64,
    ) -> [Tensor<1>; 2] {
        let [n, _, side, _] = real.dims();
        let draw = self.draw(n, class);
        let (plan_real, plan_fake) = (self.plan(n, side, p), self.plan(n, side, p));
        let matching = objective.feature_matching > 0.0;
        let reals = adversarial::generator_needs_reals(objective.adversarial) || matching;
        let frozen = self.critic.clone().no_grad();
        let parts = parts(n, self.recipe.optim.accumulate as usize);
        let mut sum = Sum::default();
        let mut value = Vec::new();
        for range in &parts {
            let share = range.len() as f64 / n as f64;
            let class = class.map(|c| rows(c, range));
            let (fake, _) = make(&self.generator, &draw, range);
            let (f_fake, d_fake) = frozen.assess(augmented(fake, &slice(&plan_fake, range)), class.as_ref());
            let seen = reals.then(|| {
                let real = augmented(rows(real, range), &slice(&plan_real, range));
                if frozen.takes_penalty() {
                    // No tape: nothing upstream of real pictures is learned.
                    self.critic.valid().assess(real.inner(), class.as_ref())
                } else {
                    frozen.assess(real, class.as_ref())
                }
            });
            let (f_real, d_real) = seen.unwrap_or_else(|| (f_fake.clone(), d_fake.clone()));
            let pairs = d_real.into_iter().zip(d_fake);
            let mut loss = total(pairs.map(|(r, f)| adversarial::generator_loss(objective.adversarial, r, f)));
            if matching {
                let off = f_real.mean_dim(0) - f_fake.mean_dim(0);
                loss = loss + off.square().mean() * objective.feature_matching;
            }
            value.push(loss.clone().inner() * share);
            let loss = if parts.len() == 1 { loss } else { loss * share };
            sum.add(GradientsParams::from_grads(loss.backward(), &self.generator), &self.generator);
        }
        let (generator, norm) = self.adam_g.step(settings, self.generator.clone(), sum.finish());
        self.generator = generator;
        [total(value), norm]
    }

    /// Means since the last read; `Err` names what is not finite.
    pub fn read(&mut self) -> std::result::Result<Vec<(String, f64)>, Vec<String>> {
        self.meter.read()
    }

    /// Norms of the weights, and what the critic says of held-out pictures.
    pub fn inspect(&self, heldout: &Heldout) -> Vec<(String, f64)> {
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

    /// Pictures of the averaged generator.
    pub fn samples(&self, codes: &[Code]) -> Vec<Picture> {
        crate::latent::sample::generate(&self.average, codes, &self.device.clone().inner(), self.recipe.shape())
    }
}

impl GanTrainer {
    /// Points of the averaged generator, for data that are points.
    pub fn points(&self, codes: &[Code]) -> Vec<[f32; 2]> {
        let x = crate::latent::sample::forward(&self.average, codes, &self.device.clone().inner());
        tensors::points(x)
    }

    /// How the critic sees the plane: its judgement on a grid of `cells` a side, and where it rises on a coarser one.
    pub fn plane(&self, cells: usize) -> Scatter {
        let critic = self.critic.valid();
        let device = self.device.clone().inner();
        let grid = |cells: usize| -> Vec<f32> {
            let at = |i: usize| ((i as f32 + 0.5) / cells as f32 * 2.0 - 1.0) * REACH;
            (0..cells * cells).flat_map(|i| [at(i % cells), at(i / cells)]).collect()
        };
        let tensor = |values: Vec<f32>| {
            let n = values.len() / 2;
            tensors::matrix(values, n, 2, &device).reshape([n, 2, 1, 1])
        };
        let heat = critic.forward(tensor(grid(cells)), None).into_data().convert::<f32>();
        let places = grid(13);
        let leaf = tensor(places.clone()).autodiff().require_grad();
        let mut grads = self.critic.clone().no_grad().forward(leaf.clone(), None).sum().backward();
        let ways = leaf.grad_remove(&mut grads).map(tensors::points).unwrap_or_default();
        let places = places.as_chunks::<2>().0.iter().copied();
        Scatter {
            heat: heat.try_to_vec().unwrap_or_default(),
            arrows: places.zip(ways).collect(),
            ..Scatter::default()
        }
    }
}

/// Whether any penalty is taken.
fn penalised(objective: &ObjectiveRecipe, critic: &Critic) -> bool {
    critic.takes_penalty() && (objective.r1 || objective.r2 || objective.gp > 0.0)
}

/// The batch in so many parts, as equal as can be.
fn parts(n: usize, count: usize) -> Vec<Range<usize>> {
    let size = n.div_ceil(count.clamp(1, n.max(1)));
    (0..n).step_by(size.max(1)).map(|from| from..(from + size).min(n)).collect()
}

fn total(parts: impl IntoIterator<Item = Tensor<1>>) -> Tensor<1> {
    parts.into_iter().reduce(|a, b| a + b).unwrap_or_else(|| Tensor::zeros([1], &Device::flex()))
}

fn slice(plan: &AugmentPlan, range: &Range<usize>) -> AugmentPlan {
    AugmentPlan { changes: plan.changes[range.clone()].to_vec() }
}

fn augmented(x: Tensor<4>, plan: &AugmentPlan) -> Tensor<4> {
    if plan.is_idle() { x } else { apply(x, plan) }
}

/// Pictures of a draw, and the styles of its latents where there are some.
fn make(generator: &Generator, draw: &Draw, range: &Range<usize>) -> (Tensor<4>, Option<Tensor<2>>) {
    let z = rows(&draw.z, range);
    let class = draw.class.as_ref().map(|c| rows(c, range));
    let Some(net) = generator.styled() else { return (generator.forward(z, class.as_ref()), None) };
    let a = net.map_latents(z, class.as_ref());
    let styles = match &draw.mixed {
        Some((second, cut)) => {
            let b = net.map_latents(rows(second, range), class.as_ref());
            net.mixed(a.clone(), b, &cut[range.clone()])
        }
        None => net.spread(a.clone()),
    };
    let noise = draw.noise.as_ref().map(|layers| layers.iter().map(|noise| rows(noise, range)).collect());
    (net.synthesize(styles, noise), Some(a))
}

/// Somewhere on the line between each real and its generated picture.
fn between(stream: &mut Stream, real: &Tensor<4>, fake: &Tensor<4>) -> Tensor<4> {
    let n = real.dims()[0];
    let at: Vec<f32> = (0..n).map(|_| stream.uniform()).collect();
    let device = real.device().inner();
    let at: Tensor<4> = tensors::matrix(at, n, 1, &device).unsqueeze_dims(&[2, 3]);
    let (real, fake) = (real.clone().without_autodiff(), fake.clone().without_autodiff());
    fake.clone() + (real - fake) * at
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
