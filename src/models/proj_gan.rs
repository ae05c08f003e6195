//! A critic that looks through a network that has seen photographs (Sauer, Chitta, Müller & Geiger, "Projected GANs
//! converge faster", 2021).
//!
//! Pictures are brought to the side of the recipe's choosing and seen through [`PhotoNet`] at four scales. Fixed random
//! 1×1 convolutions mix the channels of each scale, fixed random 3×3 ones mix the scales from the coarsest to the finest,
//! and a small spectrally normalised critic at each scale judges every place. Gradients flow through all of it to the
//! pictures; only the four critics learn. The mixing weights are a function of the recipe's seed for them, so a checkpoint
//! does not hold them.
//!
//! Where it differs: EfficientNet-Lite0 in place of B1, 64 channels at every scale, and a class is a direction of each
//! scale's last features (projection, Miyato & Koyama 2018). The generator is FastGAN's, as in the paper.

use std::sync::{Arc, OnceLock};

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::fast_gan::FastGenerator;
use super::gan::CriticNetwork;
use super::io::trainable;
use super::outline::Stages;
use super::photo_net::{LEAST_SIDE, PhotoNet, STAGES};
use super::sn_gan::SnConv;
use super::{ModelSpec, NetworkDims, Networks};
use crate::base::rng::Stream;
use crate::nn::conv::{self, Conv};
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::embed::Embed;
use crate::nn::init::{Init, he, lecun};
use crate::nn::{activation, resample};
use crate::recipe::{ModelRecipe, architecture};

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::PROJ_GAN,
    Networks::Gan {
        generator: |_, dims, init| FastGenerator::with_first(dims, init, FIRST * lecun(dims.latent)).into(),
        critic: |recipe, dims, init| ProjCritic::new(dims, &recipe.model, init).into(),
    },
    r#"
@model("proj-gan")
class ProjGan(FastGan):
    pass
"#,
);

/// First weights of the generator's first layer, beside those that keep a signal's size.
const FIRST: f64 = 0.125;
/// Channels of every scale after mixing.
const MIXED: usize = 64;
/// Channels of the critics' last features.
const WIDE: usize = 128;
/// Pixels a side at which a critic stops to halve.
const SMALLEST: usize = 4;

/// Fixed random convolutions: `[out, in, k, k]` across the channels of each scale, then across scales.
struct Mixing {
    channels: Vec<(Vec<f32>, [usize; 4])>,
    scales: Vec<(Vec<f32>, [usize; 4])>,
}

impl Mixing {
    /// Normal numbers that keep the size of signals before a ReLU (He 2015).
    fn draw(seed: u64) -> Self {
        let weights = |kind: &str, i: usize, inputs: usize, k: usize| {
            let std = (2.0 / (inputs * k * k) as f64).sqrt() as f32;
            let mut values = Stream::new(seed, &format!("mix.{kind}.{i}")).normals(MIXED * inputs * k * k);
            values.iter_mut().for_each(|v| *v *= std);
            (values, [MIXED, inputs, k, k])
        };
        Self {
            channels: STAGES.iter().enumerate().map(|(i, n)| weights("channels", i, *n, 1)).collect(),
            scales: (0..STAGES.len()).map(|i| weights("scales", i, MIXED, 3)).collect(),
        }
    }
}

/// [`Mixing`] of a seed, drawn at its first use.
#[derive(Clone)]
struct Mixed {
    seed: u64,
    drawn: Arc<OnceLock<Mixing>>,
}

impl std::fmt::Debug for Mixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mixed").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Mixed {
    /// From the stages of a network, the finest first. `[b, cᵢ, hᵢ, wᵢ] → [b, 64, hᵢ, wᵢ]`
    fn of(&self, stages: [Tensor<4>; 4], device: &Device) -> Vec<Tensor<4>> {
        let mixing = self.drawn.get_or_init(|| Mixing::draw(self.seed));
        let tensor = |(values, shape): &(Vec<f32>, [usize; 4])| {
            Tensor::<4>::from_data(TensorData::new(values.clone(), *shape), device)
        };
        let mut out: Vec<Tensor<4>> = Vec::with_capacity(4);
        for (i, stage) in stages.into_iter().enumerate().rev() {
            let mut x = conv::fixed(stage, &tensor(&mixing.channels[i]), 0);
            if let Some(coarser) = out.last() {
                let [_, _, h, w] = x.dims();
                x = x + resample::bilinear(coarser.clone(), [h, w]);
            }
            out.push(conv::fixed(x, &tensor(&mixing.scales[i]), 1));
        }
        out.reverse();
        out
    }
}

/// The critic of one scale.
#[derive(Module, Debug)]
pub struct ScaleCritic {
    /// Each halves the size.
    pub halves: Vec<SnConv>,
    /// To the last features.
    pub last: SnConv,
    /// The judgement of each place.
    pub judge: SnConv,
    /// Classes.
    pub embed: Option<Embed>,
}

impl ScaleCritic {
    /// For grids whose shorter side is `side`.
    fn new(init: &Init<'_>, side: usize, classes: usize) -> Self {
        let (mut side, mut inputs) = (side, MIXED);
        let mut halves = Vec::new();
        while side > SMALLEST {
            let init = init.child(format_args!("halves.{}", halves.len()));
            let conv = Conv::half(&init, inputs, WIDE, he(16 * inputs));
            halves.push(SnConv::new(&init, conv));
            (side, inputs) = (side / 2, WIDE);
        }
        let (last, judge) = (init.child("last"), init.child("judge"));
        Self {
            halves,
            last: SnConv::new(&last, Conv::same(&last, inputs, WIDE, 3, he(9 * inputs))),
            judge: SnConv::new(&judge, Conv::same(&judge, WIDE, 1, 3, lecun(9 * WIDE))),
            embed: Embed::new(&init.child("embed"), classes, WIDE, lecun(WIDE)),
        }
    }

    /// Means of the last features, and the judgement of each place. `[b, 64, h, w] → ([b, 128], [b, h'·w'])`
    fn forward(&self, mut x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        for half in &self.halves {
            x = activation::leaky(half.forward(x));
        }
        let x = activation::leaky(self.last.forward(x));
        let mut places = self.judge.forward(x.clone());
        if let (Some(embed), Some(class)) = (&self.embed, class) {
            let vector = embed.of(class.clone()).unsqueeze_dims::<4>(&[2, 3]);
            places = places + (x.clone() * vector).sum_dim(1);
        }
        let [b, c, h, w] = x.dims();
        (x.reshape([b, c, h * w]).mean_dim(2).reshape([b, c]), places.reshape([b, h * w]))
    }

    fn power_iteration(self) -> Self {
        Self {
            halves: self.halves.into_iter().map(SnConv::power_iteration).collect(),
            last: self.last.power_iteration(),
            judge: self.judge.power_iteration(),
            ..self
        }
    }
}

/// Critic.
#[derive(Module, Debug)]
pub struct ProjCritic {
    /// One for each scale, the finest first.
    pub scales: Vec<ScaleCritic>,
    #[module(skip)]
    mixed: Mixed,
    #[module(skip)]
    seen_at: [usize; 2],
}

/// Height and width at which the fixed network sees pictures of this size: `side × side` for squares, about as many pixels
/// of the same shape for others, in whole cells of its coarsest stage.
fn seen_at(side: usize, [h, w]: [usize; 2]) -> [usize; 2] {
    let side = side.max(LEAST_SIDE);
    if h == w {
        return [side; 2];
    }
    let cells = |ratio: f64| {
        let exact = side as f64 * ratio.sqrt();
        ((exact / LEAST_SIDE as f64).round() as usize).max(1) * LEAST_SIDE
    };
    [cells(h as f64 / w as f64), cells(w as f64 / h as f64)]
}

impl ProjCritic {
    fn new(dims: &NetworkDims, model: &ModelRecipe, init: &Init<'_>) -> Self {
        let seen_at = seen_at(model.feature_side as usize, dims.resolution);
        let shorter = seen_at[0].min(seen_at[1]);
        let scale =
            |i: usize| ScaleCritic::new(&init.child(format_args!("scales.{i}")), shorter >> (i + 2), dims.classes);
        Self {
            scales: (0..STAGES.len()).map(scale).collect(),
            mixed: Mixed { seed: model.feature_seed, drawn: Arc::default() },
            seen_at,
        }
    }
}

impl ProjCritic {
    /// [`CriticNetwork::assess`] of what the network sees.
    fn judged(
        &self,
        stages: [Tensor<4>; 4],
        class: Option<&Tensor<2>>,
        device: &Device,
    ) -> (Tensor<2>, Vec<Tensor<2>>) {
        let scales = self.mixed.of(stages, device);
        let (features, places): (Vec<_>, Vec<_>) =
            scales.into_iter().zip(&self.scales).map(|(x, scale)| scale.forward(x, class)).unzip();
        (Tensor::cat(features, 1), places)
    }
}

impl CriticNetwork for ProjCritic {
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, _: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        let x = x.value.expect("no penalty is taken, so no tangent comes alone");
        let (features, places) = self.assess(x, class);
        let count = places.len() as f64;
        let mean = places.into_iter().map(|p| p.mean_dim(1)).reduce(|a, b| a + b).expect("there are four scales");
        (Dual::value(features), Dual::value(mean / count))
    }

    fn assess(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Vec<Tensor<2>>) {
        let device = x.device().inner();
        let net =
            PhotoNet::load(&device).expect("who takes a critic has made sure of the network (`photo_net::same_as`)");
        let x = seen(x);
        self.judged(net.stages(resample::bilinear(x, self.seen_at)), class, &device)
    }

    fn layers(&self) -> Vec<String> {
        (0..self.scales.len()).map(|i| format!("scales.{i}")).collect()
    }

    fn stages(&self, out: &mut Stages<'_>) {
        for (i, scale) in self.scales.iter().enumerate() {
            let size = self.seen_at.map(|side| (side >> (i + 2 + scale.halves.len())).max(1));
            out.grid("Judges a scale", (size, WIDE), &[trainable(scale)]);
        }
    }

    fn takes_penalty(&self) -> bool {
        false
    }

    fn power_iteration(self) -> Self {
        Self { scales: self.scales.into_iter().map(ScaleCritic::power_iteration).collect(), ..self }
    }
}

/// Three channels, as networks for colour pictures take them: grey is repeated, transparency is laid on middle grey (0).
/// `[b, c, h, w] → [b, 3, h, w]`, values −1 to 1.
pub fn seen(x: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    match c {
        1 => x.repeat_dim(1, 3),
        4 => {
            let alpha = (x.clone().slice([0..b, 3..4, 0..h, 0..w]) + 1.0) * 0.5;
            x.slice([0..b, 0..3, 0..h, 0..w]) * alpha.repeat_dim(1, 3)
        }
        _ => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Critic;
    use crate::recipe::Recipe;

    fn recipe() -> Recipe {
        let mut r = Recipe::default();
        r.model.id = "proj-gan".into();
        r.model.feature_side = 64;
        r.data.resolution = 32.into();
        (r.model.conditional, r.model.classes) = (true, vec!["a".into(), "b".into()]);
        r
    }

    fn pictures(name: &str) -> Tensor<4> {
        let values = Stream::new(3, name).normals(2 * 3 * 32 * 32).into_iter().map(|v| v * 0.5).collect();
        Tensor::from_data(TensorData::new(values, [2, 3, 32, 32]), &Device::flex())
    }

    fn classes() -> Tensor<2> {
        Tensor::from_floats([[1.0, 0.0], [0.0, 1.0]], &Device::flex())
    }

    #[test]
    fn every_scale_judges_every_place_and_gradients_reach_the_pictures() {
        let critic = Critic::init(&recipe(), &Device::flex()).unwrap();
        let (features, places) = critic.assess(pictures("x"), Some(&classes()));
        assert_eq!(features.dims(), [2, 512]);
        assert_eq!(places.iter().map(|p| p.dims()).collect::<Vec<_>>(), [[2, 16], [2, 16], [2, 16], [2, 4]]);
        let leaf = pictures("x").autodiff().require_grad();
        let (_, places) = critic.assess(leaf.clone(), Some(&classes()));
        let mut grads = places.into_iter().map(|p| p.sum()).reduce(|a, b| a + b).unwrap().backward();
        let grad = leaf.grad_remove(&mut grads).unwrap().abs().sum().into_scalar::<f32>();
        assert!(grad.is_finite() && grad > 0.0, "{grad}");
    }

    /// From the stages on: the gradient through the network itself is held against PyTorch's in `photo_net`, where ReLU6
    /// has too many kinks for differences.
    #[test]
    fn the_gradient_through_mixture_and_critics_is_a_difference() {
        let device = Device::flex();
        let r = recipe();
        let critic = ProjCritic::new(&NetworkDims::of(&r), &r.model, &Init::new(1, "critic", &device));
        let stages = |name: &str| -> [Tensor<4>; 4] {
            std::array::from_fn(|i| {
                let shape = [2, STAGES[i], 16 >> i, 16 >> i];
                let values = Stream::new(5, &format!("{name}{i}")).normals(shape.iter().product());
                Tensor::from_data(TensorData::new(values, shape), &device)
            })
        };
        let (x, u) = (stages("x"), stages("u"));
        let sum = |x: [Tensor<4>; 4]| {
            let (_, places) = critic.judged(x, Some(&classes()), &device);
            places.into_iter().map(|p| p.square().sum()).reduce(|a, b| a + b).unwrap()
        };
        let leaves = x.clone().map(|x| x.autodiff().require_grad());
        let mut grads = sum(leaves.clone()).backward();
        let along = leaves
            .iter()
            .zip(&u)
            .map(|(leaf, u)| f64::from((leaf.grad_remove(&mut grads).unwrap() * u.clone()).sum().into_scalar::<f32>()));
        let along: f64 = along.sum();
        let h = 1e-3;
        let at = |step: f64| {
            let moved = std::array::from_fn(|i| x[i].clone() + u[i].clone() * step);
            f64::from(sum(moved).into_scalar::<f32>())
        };
        let difference = (at(h) - at(-h)) / (2.0 * h);
        assert!((along - difference).abs() < 2e-2 * along.abs(), "{along}, not {difference}");
    }

    #[test]
    fn pictures_that_are_not_square_are_seen_in_their_shape() {
        assert_eq!(seen_at(128, [64, 64]), [128, 128]);
        for size in [[64, 16], [20, 48], [512, 128], [96, 64]] {
            let [h, w] = seen_at(128, size);
            assert!(h.min(w) >= LEAST_SIDE && (h * w) as f64 / 16384.0 < 1.5, "{size:?} {h} {w}");
            assert_eq!(h > w, size[0] > size[1]);
        }
        let mut r = recipe();
        r.data.resolution = crate::base::Resolution::new(16, 64);
        let critic = Critic::init(&r, &Device::flex()).unwrap();
        let (features, places) = critic.assess(pictures("x").reshape([2, 3, 64, 16]), Some(&classes()));
        assert_eq!(features.dims(), [2, 512]);
        assert!(places.iter().all(|p| p.dims()[1] >= 1), "{:?}", places.iter().map(|p| p.dims()).collect::<Vec<_>>());
    }

    #[test]
    fn classes_are_told_apart_and_the_mixture_is_its_seeds() {
        let judged = |r: &Recipe, class: Option<&Tensor<2>>| -> Vec<f32> {
            let critic = Critic::init(r, &Device::flex()).unwrap();
            critic.forward(pictures("x"), class).into_data().try_into_vec().unwrap()
        };
        let r = recipe();
        let other = Tensor::<2>::from_floats([[0.0, 1.0], [0.0, 1.0]], &Device::flex());
        let (a, b) = (judged(&r, Some(&classes())), judged(&r, Some(&other)));
        assert!(a[0] != b[0] && a[1] == b[1], "{a:?} {b:?}");
        assert_eq!(judged(&r, None), judged(&r, None));
        let mut seeded = r.clone();
        seeded.model.feature_seed = 2;
        assert_ne!(judged(&r, None), judged(&seeded, None));
    }

    #[test]
    fn nothing_but_the_four_critics_learns_and_is_kept() {
        use burn::optim::GradientsParams;
        let device = Device::flex().autodiff();
        let critic = Critic::init(&recipe(), &device).unwrap();
        let weights = crate::models::io::Weights::of(&critic);
        assert!(weights.tensors.keys().all(|name| name.starts_with("scales.")), "{:?}", weights.tensors.keys());
        let loss = critic.assess(pictures("x"), Some(&classes())).1.into_iter().map(|p| p.mean()).reduce(|a, b| a + b);
        let grads = GradientsParams::from_grads(loss.unwrap().backward(), &critic);
        let trained = weights.tensors.keys().filter(|name| !name.contains("running_")).count();
        assert_eq!(grads.len(), trained);
        assert!(!critic.takes_penalty());
    }
}
