//! The two networks of a GAN, whichever of them: one face for all generators, one for all critics.
//!
//! Classes come as shares, `[b, classes]`: a row with a single 1 is a class, a blend is several, zeros are no class in
//! particular. Networks without classes do not look at them.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};

use super::outline::Stages;
use super::probe::{Probe, pass};
use super::{Critic, Generator, Networks, StyleGenerator, build};
use crate::base::Result;
use crate::nn::dual::{ActivationTape, Dual};
use crate::nn::init::Init;
use crate::nn::param_path::Path;
use crate::recipe::Recipe;

/// What a network that makes pictures of latents has to do.
pub(super) trait GeneratorNetwork {
    /// Pictures of latents, about in [-1, 1], with features shown to `probe` on their way. `[b, z] → [b, c, r, r]`
    fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4>;

    /// How many places a probe is shown.
    fn taps(&self) -> usize;

    /// The first weights that a latent meets, `[z, out]`.
    fn first_weights(&self) -> Tensor<2>;

    /// Tells its stages, from the latent to the picture.
    fn stages(&self, out: &mut Stages<'_>);

    /// Numbers in a latent.
    fn latent(&self) -> usize {
        self.first_weights().dims()[0]
    }

    /// Itself, if it makes pictures by styles.
    fn styled(&self) -> Option<&StyleGenerator> {
        None
    }

    /// After the mean style took in those of a batch, `[b, w]`, if it has one.
    fn update_mean_style(self, _: Tensor<2>) -> Self
    where
        Self: Sized,
    {
        self
    }
}

/// What a network that tells real pictures from generated ones has to do.
pub(super) trait CriticNetwork {
    /// The last features of pictures, before the judgement, and the judgement.
    /// `[b, c, r, r] → ([b, n], [b, 1])`, of values, tangents or both
    fn forward_dual(&self, x: Dual<4>, class: Option<&Tensor<2>>, tape: &mut ActivationTape) -> (Dual<2>, Dual<2>);

    /// Names of its layers, the picture first.
    fn layers(&self) -> Vec<String>;

    /// Tells its stages, from the picture to the judgement.
    fn stages(&self, out: &mut Stages<'_>);

    /// The last features, and every judgement: one for each scale that it looks at, of each place.
    /// `[b, c, r, r] → ([b, n], [b, places] for each scale)`
    fn assess(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Vec<Tensor<2>>) {
        let (features, judgement) = self.forward_dual(Dual::value(x), class, &mut ActivationTape::off());
        (of_value(features), vec![of_value(judgement)])
    }

    /// Whether gradient penalties can be taken: not where batch norm ties samples together.
    fn takes_penalty(&self) -> bool {
        true
    }

    /// Whether a picture's judgement depends on the others of its batch.
    fn ties_samples(&self) -> bool {
        false
    }

    /// Whether its second derivatives do not vanish.
    fn is_curved(&self) -> bool {
        false
    }

    /// What its decoders miss of pictures, if it has some. `[b, c, r, r] → [1]`
    fn redrawing_loss(&self, _: Tensor<4>) -> Option<Tensor<1>> {
        None
    }

    /// After one more step of what follows its weights.
    fn power_iteration(self) -> Self
    where
        Self: Sized,
    {
        self
    }
}

/// The enums of all GANs, from one line for each pair of networks, and one for each critic of another's generator.
macro_rules! gans {
    (
        $($(#[$doc:meta])* $variant:ident($generator:ident, $critic:ident)),+;
        $($(#[$alone_doc:meta])* $alone:ident($alone_critic:ident)),* $(,)?
    ) => {
        /// The network of a GAN that makes pictures.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
        pub enum Generator {
            $($(#[$doc])* $variant($generator)),+
        }

        /// The network of a GAN that tells real pictures from generated ones.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
        pub enum Critic {
            $($(#[$doc])* $variant($critic),)+
            $($(#[$alone_doc])* $alone($alone_critic),)*
        }

        $(
            impl From<$alone_critic> for Critic {
                fn from(net: $alone_critic) -> Self {
                    Self::$alone(net)
                }
            }
        )*

        $(
            impl From<$generator> for Generator {
                fn from(net: $generator) -> Self {
                    Self::$variant(net)
                }
            }

            impl From<$critic> for Critic {
                fn from(net: $critic) -> Self {
                    Self::$variant(net)
                }
            }
        )+

        impl Generator {
            fn network(&self) -> &dyn gan::GeneratorNetwork {
                match self {
                    $(Self::$variant(net) => net),+
                }
            }

            /// After the mean style took in those of a batch, `[b, w]`; generators without styles as they are.
            #[must_use]
            pub fn update_mean_style(self, styles: Tensor<2>) -> Self {
                match self {
                    $(Self::$variant(net) => {
                        Self::$variant(gan::GeneratorNetwork::update_mean_style(net, styles))
                    }),+
                }
            }
        }

        impl Critic {
            fn network(&self) -> &dyn gan::CriticNetwork {
                match self {
                    $(Self::$variant(net) => net,)+
                    $(Self::$alone(net) => net,)*
                }
            }

            /// After one more step of what follows its weights (spectral norm); others as they are.
            #[must_use]
            pub fn power_iteration(self) -> Self {
                match self {
                    $(Self::$variant(net) => Self::$variant(gan::CriticNetwork::power_iteration(net)),)+
                    $(Self::$alone(net) => Self::$alone(gan::CriticNetwork::power_iteration(net)),)*
                }
            }
        }
    };
}
pub(super) use gans;

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
        build(recipe, init, |n| if let Networks::Gan { generator, .. } = n { Some(*generator) } else { None })
    }

    /// Pictures of latents, about in [-1, 1]. `[b, z] → [b, c, r, r]`
    ///
    /// A generator by styles takes no noise here; see [`StyleGenerator::synthesize`].
    pub fn forward(&self, z: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<4> {
        self.forward_probed(z, class, &mut pass)
    }

    /// As [`Self::forward`], with features shown to `probe` on their way.
    pub fn forward_probed(&self, z: Tensor<2>, class: Option<&Tensor<2>>, probe: Probe<'_>) -> Tensor<4> {
        self.network().forward_probed(z, class, probe)
    }

    /// How many places a probe is shown.
    pub fn taps(&self) -> usize {
        self.network().taps()
    }

    /// The first weights that a latent meets, `[z, out]`; for a generator by styles those of its mapping network.
    pub fn first_weights(&self) -> Tensor<2> {
        self.network().first_weights()
    }

    /// The generator by styles, if it is one.
    pub fn styled(&self) -> Option<&StyleGenerator> {
        self.network().styled()
    }

    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        self.network().latent()
    }

    pub(super) fn stages(&self, out: &mut Stages<'_>) {
        self.network().stages(out);
    }

    /// The same with its mapping network fixed, if it has one.
    #[must_use]
    pub fn with_frozen_mapping(self) -> Self {
        self.map(&mut Freeze { path: Path::default(), layers: vec!["mapping.".into()] })
    }
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
        build(recipe, init, |n| if let Networks::Gan { critic, .. } = n { Some(*critic) } else { None })
    }

    /// How real each picture looks, without bounds. `[b, c, r, r] → [b, 1]`
    pub fn forward(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Tensor<2> {
        self.features(x, class).1
    }

    /// The last features before the judgement, and the judgement. `[b, c, r, r] → ([b, n], [b, 1])`
    pub fn features(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let (features, judgement) = self.network().forward_dual(Dual::value(x), class, &mut ActivationTape::off());
        (of_value(features), of_value(judgement))
    }

    /// The last features before the judgement, and every judgement: one for each scale that it looks at, of each place.
    /// `[b, c, r, r] → ([b, n], [b, places] for each scale)`
    pub fn assess(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Vec<Tensor<2>>) {
        self.network().assess(x, class)
    }

    /// What its activations read of pictures, layer by layer, with their graph. `[b, c, r, r] → [b, …]` each
    pub fn activations(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> Vec<Tensor<4>> {
        let mut tape = ActivationTape::tracking();
        self.network().forward_dual(Dual::value(x), class, &mut tape);
        tape.maps()
    }

    /// [`Self::forward`], and what [`Self::tangent`] needs of it.
    pub fn trace(&self, x: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Trace) {
        let mut tape = ActivationTape::recording();
        let (_, judgement) = self.network().forward_dual(Dual::value(x), class, &mut tape);
        (of_value(judgement), Trace { tape, class: class.cloned() })
    }

    /// Derivative of the critic along `u`, at the traced pictures: forward mode by ordinary operations, so that
    /// first-order autodiff differentiates it by the weights. `[b, c, r, r] → [b, 1]`
    ///
    /// The traced slopes are constants, which is exact for critics that are not [curved](Self::is_curved).
    pub fn tangent(&self, u: Tensor<4>, trace: &Trace) -> Tensor<2> {
        let (_, judgement) =
            self.network().forward_dual(Dual::tangent(u), trace.class.as_ref(), &mut trace.tape.replay());
        of_tangent(judgement)
    }

    /// Value and derivative along `u`, exact for every critic that takes penalties: `(D(x), ∂D(x)[u])`, each `[b, 1]`.
    pub fn dual(&self, x: Tensor<4>, u: Tensor<4>, class: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let (_, judgement) = self.network().forward_dual(Dual::both(x, u), class, &mut ActivationTape::off());
        (of_value(judgement.clone()), of_tangent(judgement))
    }

    /// Whether gradient penalties can be taken: not where batch norm ties samples together.
    pub fn takes_penalty(&self) -> bool {
        self.network().takes_penalty()
    }

    /// Whether a picture's judgement depends on the others of its batch, so that real and generated ones must not meet.
    pub fn ties_samples(&self) -> bool {
        self.network().ties_samples()
    }

    /// Whether its second derivatives do not vanish, so that a tangent needs its value beside it.
    pub fn is_curved(&self) -> bool {
        self.network().is_curved()
    }

    /// What its decoders miss of pictures that they saw through the critic's features (FastGAN); nothing for others.
    /// `[b, c, r, r] → [1]`
    pub fn redrawing_loss(&self, x: Tensor<4>) -> Option<Tensor<1>> {
        self.network().redrawing_loss(x)
    }

    /// The same with the `layers` next to the picture fixed (FreezeD, Mo, Cho & Shin 2020).
    #[must_use]
    pub fn with_frozen_layers(self, layers: usize) -> Self {
        let layers = self.network().layers().into_iter().take(layers).map(|name| name + ".").collect();
        self.map(&mut Freeze { path: Path::default(), layers })
    }

    /// How many layers [`Self::with_frozen_layers`] counts.
    pub fn layer_count(&self) -> usize {
        self.network().layers().len()
    }

    pub(super) fn stages(&self, out: &mut Stages<'_>) {
        self.network().stages(out);
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
