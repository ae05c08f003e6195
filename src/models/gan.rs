//! The two networks of a GAN, whichever of them: one face for all generators, one for all critics.
//!
//! Classes come as shares, `[b, classes]`: a row with a single 1 is a class, a blend is several, zeros are no class in
//! particular. Networks without classes do not look at them.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};

use super::{
    DcCritic, DcGenerator, FastCritic, FastGenerator, MlpCritic, MlpGenerator, NetworkDims, Probe, ResCritic,
    ResGenerator, SnCritic, SnGenerator, StyleCritic, StyleGenerator, WideCritic, WideGenerator, unknown,
};
use crate::base::{Family, Result};
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::init::Init;
use crate::nn::param_path::Path;
use crate::recipe::Recipe;

/// The network of a GAN that makes pictures.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
pub enum Generator {
    /// Residual.
    ResGan(ResGenerator),
    /// Residual with inverted bottlenecks.
    Wide(WideGenerator),
    /// Classic.
    Dcgan(DcGenerator),
    /// By styles.
    Style(StyleGenerator),
    /// Residual with batch norm.
    Sn(SnGenerator),
    /// With skip-layer excitation.
    Fast(FastGenerator),
    /// Fully connected.
    Mlp(MlpGenerator),
}

/// The same call on whichever network it is.
macro_rules! each {
    ($self:expr, $net:ident => $call:expr) => {
        match $self {
            Self::ResGan($net) => $call,
            Self::Wide($net) => $call,
            Self::Dcgan($net) => $call,
            Self::Style($net) => $call,
            Self::Sn($net) => $call,
            Self::Fast($net) => $call,
            Self::Mlp($net) => $call,
        }
    };
}

impl Generator {
    /// A fresh generator with the first weights of `recipe.seed`, the same on every device.
    ///
    /// For training, `device` is an autodiff device.
    ///
    /// # Errors
    /// The recipe names no GAN, or one without bounds.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::new(recipe.seed, "generator", device))
    }

    /// Zeros instead of random numbers: for weights that are about to be loaded.
    ///
    /// # Errors
    /// The recipe names no GAN, or one without bounds.
    pub fn blank(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::blank("generator", device))
    }

    fn build(recipe: &Recipe, init: &Init<'_>) -> Result<Self> {
        let plan = NetworkDims::checked(recipe)?;
        match recipe.model.id.as_str() {
            "dcgan" => Ok(Self::Dcgan(DcGenerator::new(&plan, init))),
            "res-gan" if recipe.model.expansion > 0 => Ok(Self::Wide(WideGenerator::new(&plan, &recipe.model, init))),
            "res-gan" => Ok(Self::ResGan(ResGenerator::new(&plan, init))),
            "style-gan" => Ok(Self::Style(StyleGenerator::new(&plan, &recipe.model, init))),
            "sn-resgan" => Ok(Self::Sn(SnGenerator::new(&plan, init))),
            "fast-gan" => Ok(Self::Fast(FastGenerator::new(&plan, init))),
            "mlp-gan" => Ok(Self::Mlp(MlpGenerator::new(&plan, init))),
            _ => Err(unknown(recipe, Family::Gan)),
        }
    }

    /// Pictures of latents, about in [-1, 1]. `[b, z] → [b, c, r, r]`
    ///
    /// A generator by styles takes no noise here; see [`StyleGenerator::synthesize`].
    pub fn forward(&self, z: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<4> {
        each!(self, net => net.forward(z, class))
    }

    /// As [`Self::forward`], with features shown to `probe` on their way.
    pub fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        each!(self, net => net.forward_probed(z, class, probe))
    }

    /// How many places a probe is shown.
    pub fn taps(&self) -> usize {
        each!(self, net => net.taps())
    }

    /// The first weights that a latent meets, `[z, out]`; for a generator by styles those of its mapping network.
    pub fn first_weights(&self) -> Tensor<2> {
        match self {
            Self::ResGan(net) => net.fc.weight.val(),
            Self::Wide(net) => net.fc.weight.val(),
            Self::Dcgan(net) => net.fc.weight.val(),
            Self::Style(net) => match net.mapping.layers.first() {
                Some(layer) => layer.weight.val(),
                None => Tensor::eye(net.latent(), &net.running_style.device()),
            },
            Self::Sn(net) => net.fc.weight.val(),
            Self::Fast(net) => net.fc.weight.val(),
            Self::Mlp(net) => net.first.weight.val(),
        }
    }

    /// The generator by styles, if it is one.
    pub fn styled(&self) -> Option<&StyleGenerator> {
        if let Self::Style(net) = self { Some(net) } else { None }
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        each!(self, net => net.latent())
    }

    /// The same with its mapping network fixed, if it has one.
    #[must_use]
    pub fn with_frozen_mapping(self) -> Self {
        self.map(&mut Freeze { path: Path::default(), layers: vec!["mapping.".into()] })
    }
}

/// The network of a GAN that tells real pictures from generated ones.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
pub enum Critic {
    /// Residual.
    ResGan(ResCritic),
    /// Residual with inverted bottlenecks.
    Wide(WideCritic),
    /// Classic.
    Dcgan(DcCritic),
    /// Residual, with the minibatch statistic.
    Style(StyleCritic),
    /// Residual, spectrally normalised.
    Sn(SnCritic),
    /// With decoders that redraw what it sees.
    Fast(FastCritic),
    /// Fully connected.
    Mlp(MlpCritic),
}

/// What a tangent needs of the forward pass at the same pictures: see [`Critic::trace`].
#[derive(Clone, Debug, Default)]
pub struct Trace {
    tape: ActivationTape,
    class: Option<Tensor<2>>,
}

impl Critic {
    /// A fresh critic with the first weights of `recipe.seed`, the same on every device.
    ///
    /// # Errors
    /// The recipe names no GAN, or one without bounds.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::new(recipe.seed, "critic", device))
    }

    /// Zeros instead of random numbers.
    ///
    /// # Errors
    /// The recipe names no GAN, or one without bounds.
    pub fn blank(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::blank("critic", device))
    }

    fn build(recipe: &Recipe, init: &Init<'_>) -> Result<Self> {
        let plan = NetworkDims::checked(recipe)?;
        match recipe.model.id.as_str() {
            "dcgan" => Ok(Self::Dcgan(DcCritic::new(&plan, init))),
            "res-gan" if recipe.model.expansion > 0 => Ok(Self::Wide(WideCritic::new(&plan, &recipe.model, init))),
            "res-gan" => Ok(Self::ResGan(ResCritic::new(&plan, init))),
            "style-gan" => Ok(Self::Style(StyleCritic::new(&plan, &recipe.model, init))),
            "sn-resgan" => Ok(Self::Sn(SnCritic::new(&plan, init))),
            "fast-gan" => Ok(Self::Fast(FastCritic::new(&plan, init))),
            "mlp-gan" => Ok(Self::Mlp(MlpCritic::new(&plan, init))),
            _ => Err(unknown(recipe, Family::Gan)),
        }
    }

    /// The last features of pictures, before the judgement, and the judgement. Every critic is written in terms of
    /// this.
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>) {
        each!(self, net => net.forward_dual(x, class, tape))
    }

    /// How real each picture looks, without bounds. `[b, c, r, r] → [b, 1]`
    pub fn forward(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<2> {
        self.features(x, class).1
    }

    /// The last features before the judgement, and the judgement. `[b, c, r, r] → ([b, n], [b, 1])`
    pub fn features(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let (features, judgement) = self.forward_dual(Dual::value(x), class, &mut ActivationTape::off());
        (of_value(features), of_value(judgement))
    }

    /// What its activations read of pictures, layer by layer, with their graph. `[b, c, r, r] → [b, …]` each
    pub fn activations(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Vec<Tensor<4>> {
        let mut tape = ActivationTape::tracking();
        self.forward_dual(Dual::value(x), class, &mut tape);
        tape.maps()
    }

    /// [`Self::forward`], and what [`Self::tangent`] needs of it.
    pub fn trace(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Trace) {
        let mut tape = ActivationTape::recording();
        let (_, judgement) = self.forward_dual(Dual::value(x), class, &mut tape);
        (of_value(judgement), Trace { tape, class: class.cloned() })
    }

    /// Derivative of the critic along `u`, at the traced pictures: forward mode by ordinary operations, so that
    /// first-order autodiff differentiates it by the weights. `[b, c, r, r] → [b, 1]`
    ///
    /// The traced slopes are constants, which is exact for critics that are not [curved](Self::is_curved).
    pub fn tangent(&self, u: Tensor<4>, trace: &Trace) -> Tensor<2> {
        let (_, judgement) = self.forward_dual(Dual::tangent(u), trace.class.as_ref(), &mut trace.tape.replay());
        of_tangent(judgement)
    }

    /// Value and derivative along `u`, exact for every critic that takes penalties: `(D(x), ∂D(x)[u])`, each `[b, 1]`.
    pub fn dual(&self, x: Tensor<4>, u: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let (_, judgement) = self.forward_dual(Dual::both(x, u), class, &mut ActivationTape::off());
        (of_value(judgement.clone()), of_tangent(judgement))
    }

    /// Whether gradient penalties can be taken: not where batch norm ties samples together.
    pub fn takes_penalty(&self) -> bool {
        !matches!(self, Self::Dcgan(_))
    }

    /// Whether a picture's judgement depends on the others of its batch, so that real and generated ones must not meet.
    pub fn ties_samples(&self) -> bool {
        match self {
            Self::Dcgan(_) => true,
            Self::Style(net) => net.has_statistic(),
            _ => false,
        }
    }

    /// Whether its second derivatives do not vanish, so that a tangent needs its value beside it.
    pub fn is_curved(&self) -> bool {
        matches!(self, Self::Style(net) if net.has_statistic())
    }

    /// What its decoders miss of pictures that they saw through the critic's features (FastGAN); nothing for others.
    /// `[b, c, r, r] → [1]`
    pub fn redrawing_loss(&self, x: Tensor<4>) -> Option<Tensor<1>> {
        if let Self::Fast(net) = self { Some(net.redrawing_loss(x)) } else { None }
    }

    /// After one more step of what follows its weights (spectral norm); others as they are.
    #[must_use]
    pub fn power_iteration(self) -> Self {
        match self {
            Self::Sn(net) => Self::Sn(net.power_iteration()),
            Self::Fast(net) => Self::Fast(net.power_iteration()),
            other => other,
        }
    }

    /// The same with the `layers` next to the picture fixed (FreezeD, Mo, Cho & Shin 2020).
    #[must_use]
    pub fn with_frozen_layers(self, layers: usize) -> Self {
        let order: Vec<String> = each!(&self, net => net.layers());
        let layers = order.into_iter().take(layers).map(|name| name + ".").collect();
        self.map(&mut Freeze { path: Path::default(), layers })
    }

    /// How many layers [`Self::with_frozen_layers`] counts.
    pub fn layer_count(&self) -> usize {
        each!(self, net => net.layers()).len()
    }
}

fn of_value(dual: Dual<2>) -> Tensor<2> {
    dual.value.expect("a value went in, so one comes out")
}

fn of_tangent(dual: Dual<2>) -> Tensor<2> {
    dual.tangent.expect("a tangent went in, so one comes out")
}

/// Takes every parameter under some names out of training.
struct Freeze {
    path: Path,
    layers: Vec<String>,
}

impl ModuleMapper for Freeze {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        if self.layers.iter().any(|layer| name.starts_with(layer)) { param.set_require_grad(false) } else { param }
    }
}
