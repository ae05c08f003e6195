//! The networks, one row each in [`MODELS`], and their weights on disk.
//!
//! Every network is built at [`Resolution::built`], b·2ⁿ a side with 4 ≤ b ≤ 8 on the shorter one; generators and decoders crop, critics
//! and encoders pad. Sizes count from the smallest: `width` channels there, `narrow` at the full picture, doubling
//! from `narrow` until `width` is reached. Pictures are `[b, c, height, width]` in [-1, 1];
//! where a comment says `[b, c, r, r]`, that is the picture, whether square or not.
//!
//! # Saving and resuming
//! No parameter is lazy (see [`crate::nn::init`]), and the running statistics of batch norm are merged after every
//! forward (see [`crate::nn::norm`]), so `into_record()` at any moment is complete and resuming is exact. Shadows
//! (EMA) must come from `valid()`: a plain clone shares the running statistics with the live network. A generator
//! with batch norm makes its pictures from running statistics once it is `valid()`, and then a picture does not depend
//! on its batch.
//!
//! # Adding one
//! A row among the [architectures](crate::recipe::architecture) says what the product knows of it. A file here has its
//! networks, what they have to do, and the same in PyTorch, all in its [`ModelSpec`]. In this file stand its module, its
//! line among the networks of its family, and its specification in [`MODELS`]. All else is read from there.

mod conv_vae;
mod dcgan;
mod fast_gan;
pub mod footprint;
mod fsq_vae;
mod gan;
mod gpt;
mod image_regressor;
pub mod info;
pub mod io;
mod ladder_vae;
mod lstm;
mod mlp_gan;
mod mlp_vae;
pub mod outline;
mod packed;
pub mod photo_net;
mod prior_steps;
pub mod probe;
mod proj_gan;
mod pseudo_inputs;
pub mod pytorch;
mod r3gan;
mod res_gan;
mod res_vae;
pub mod shipped;
mod sn_gan;
mod style_gan;
pub mod tensor_file;
pub mod text;
mod token_prior;
mod token_vae;
mod vae;
mod vq_vae;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use crate::nn::resample::padded;
pub use conv_vae::ConvVae;
pub use dcgan::{DcCritic, DcGenerator};
pub use fast_gan::{FastCritic, FastGenerator};
pub use gan::Trace;
pub use image_regressor::ImageRegressor;
pub use ladder_vae::LadderVae;
pub use mlp_gan::{MlpCritic, MlpGenerator};
pub use mlp_vae::MlpVae;
pub use prior_steps::{Past, PriorSteps};
pub use probe::Probe;
pub use proj_gan::{ProjCritic, seen};
pub use pseudo_inputs::PseudoInputs;
pub use r3gan::{WideCritic, WideGenerator};
pub use res_gan::{ResCritic, ResGenerator};
pub use res_vae::ResVae;
pub use sn_gan::{SnCritic, SnGenerator};
pub use style_gan::{StyleCritic, StyleGenerator};
pub use token_prior::{Dropping, PriorDims, TokenPrior};
pub use token_vae::{Codebook, Quantised, TokenVae, host as host_ids};
pub use vae::{Draw, Posterior, critic_of_vae};

#[cfg(doc)]
use crate::base::Resolution;
use crate::base::{Built, Family, Problem, Result};
use crate::nn::init::Init;
use crate::recipe::{Architecture, Recipe, bounds};

gan::gans! {
    /// Residual.
    ResGan(ResGenerator, ResCritic),
    /// Residual with inverted bottlenecks.
    Wide(WideGenerator, WideCritic),
    /// Classic.
    Dcgan(DcGenerator, DcCritic),
    /// By styles; its critic has the minibatch statistic.
    Style(StyleGenerator, StyleCritic),
    /// Residual, with batch norm and a spectrally normalised critic.
    Sn(SnGenerator, SnCritic),
    /// With skip-layer excitation, and a critic that redraws what it sees.
    Fast(FastGenerator, FastCritic),
    /// Fully connected.
    Mlp(MlpGenerator, MlpCritic);
    /// Through a network that has seen photographs; for the generator with skip-layer excitation.
    Proj(ProjCritic),
}

vae::vaes! {
    /// Strided convolutions.
    Conv(ConvVae),
    /// Residual blocks.
    Res(ResVae),
    /// Fully connected.
    Mlp(MlpVae),
    /// Several levels of latents.
    Ladder(LadderVae),
}

/// Every model, in the order of [`crate::recipe::architecture::ARCHITECTURES`].
pub const MODELS: &[ModelSpec] = &[
    res_gan::SPEC,
    dcgan::SPEC,
    style_gan::SPEC,
    sn_gan::SPEC,
    fast_gan::SPEC,
    proj_gan::SPEC,
    mlp_gan::SPEC,
    conv_vae::SPEC,
    res_vae::SPEC,
    mlp_vae::SPEC,
    ladder_vae::SPEC,
    vq_vae::SPEC,
    fsq_vae::SPEC,
    gpt::SPEC,
    lstm::SPEC,
];

/// Networks of a model by name, with how many trainable numbers each has.
pub type Parts = Vec<(&'static str, usize)>;

/// A row of the table of models.
#[derive(Clone, Copy, Debug)]
pub struct ModelSpec {
    /// What a recipe calls it.
    pub id: &'static str,
    /// Its name on a card.
    pub title: &'static str,
    /// Its family.
    pub family: Family,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    networks: Networks,
    /// Its network in Python, for the script beside exported files: a class of `assets/pytorch/loader.py`.
    python: &'static str,
}

/// Builds a network with the first weights of `Init`.
type Build<N> = fn(&Recipe, &NetworkDims, &Init<'_>) -> N;

/// What builds the networks of a model.
#[derive(Clone, Copy, Debug)]
enum Networks {
    Gan { generator: Build<Generator>, critic: Build<Critic> },
    Vae(Build<Vae>),
    Tokens(Build<TokenVae>),
    Prior(Build<TokenPrior>),
}

/// The row of this id.
pub fn find(id: &str) -> Option<&'static ModelSpec> {
    MODELS.iter().find(|m| m.id == id)
}

impl ModelSpec {
    const fn new(row: Architecture, networks: Networks, python: &'static str) -> Self {
        let Architecture { id, title, family, description, .. } = row;
        Self { id, title, family, description, networks, python }
    }

    /// Trainable numbers in each network, such as `[("generator", 750_000), ("critic", 600_000)]`; none where the
    /// recipe is for another family.
    pub fn parameters(&self, recipe: &Recipe) -> Parts {
        // Blank networks on the CPU: exact, and a few milliseconds even for large ones.
        let parts = match self.family {
            Family::Gan => gan_parts,
            Family::Vae => vae_parts,
            Family::Tokens => token_parts,
            Family::Prior => prior_parts,
        };
        parts(recipe, &Device::flex()).unwrap_or_default()
    }

    /// Trainable numbers in all.
    pub fn parameter_count(&self, recipe: &Recipe) -> usize {
        self.parameters(recipe).iter().map(|p| p.1).sum()
    }
}

/// Trainable numbers of a recipe's networks; 0 for an unknown model.
pub fn parameter_count(recipe: &Recipe) -> usize {
    find(&recipe.model.id).map_or(0, |m| m.parameter_count(recipe))
}

fn gan_parts(recipe: &Recipe, device: &Device) -> Result<Parts> {
    Ok(vec![
        ("generator", io::trainable(&Generator::blank(recipe, device)?)),
        ("critic", io::trainable(&Critic::blank(recipe, device)?)),
    ])
}

fn vae_parts(recipe: &Recipe, device: &Device) -> Result<Parts> {
    let mut parts = vec![("vae", io::trainable(&Vae::blank(recipe, device)?))];
    if let Some(gan) = critic_of_vae(recipe) {
        parts.push(("critic", io::trainable(&Critic::blank(&gan, device)?)));
    }
    Ok(parts)
}

fn token_parts(recipe: &Recipe, device: &Device) -> Result<Parts> {
    Ok(vec![("tokens", io::trainable(&TokenVae::blank(recipe, device)?))])
}

fn prior_parts(recipe: &Recipe, device: &Device) -> Result<Parts> {
    Ok(vec![("prior", io::trainable(&TokenPrior::blank(recipe, device)?))])
}

/// A network of a recipe's model; `which` takes the one that is asked for from those of a family.
fn build<N>(recipe: &Recipe, init: &Init<'_>, which: fn(&Networks) -> Option<Build<N>>) -> Result<N> {
    let dims = NetworkDims::checked(recipe)?;
    let build = find(&recipe.model.id).and_then(|m| which(&m.networks)).ok_or_else(|| {
        let ids: Vec<&str> = MODELS.iter().filter(|m| which(&m.networks).is_some()).map(|m| m.id).collect();
        Problem::usage("This model has no such network")
            .of(format!("model.id = {}", recipe.model.id))
            .try_this(format!("Choose one of: {}", ids.join(", ")))
    })?;
    Ok(build(recipe, &dims, init))
}

/// Rows of numbers as grids of this height and width. `[b, c · h · w] → [b, c, h, w]`
fn on_grid(x: Tensor<2>, [h, w]: [usize; 2]) -> Tensor<4> {
    let [b, n] = x.dims();
    x.reshape([b, n / (h * w), h, w])
}

/// What every network is built from.
#[derive(Clone, Debug)]
pub(crate) struct NetworkDims {
    /// Height and width of the pictures.
    pub resolution: [usize; 2],
    /// Height and width that the network works at.
    pub built: [usize; 2],
    /// Height and width of the smallest size.
    pub base: [usize; 2],
    /// Times the size is doubled.
    pub doublings: usize,
    /// Channels of a picture.
    pub colours: usize,
    /// Numbers in a latent.
    pub latent: usize,
    /// Residual blocks at each size.
    pub blocks: usize,
    /// Numbers in the latent of each level, the coarsest first.
    pub levels: Vec<usize>,
    /// Classes that the model knows; 0 without.
    pub classes: usize,
    /// Channels of the widest layers.
    pub width: usize,
    /// Channels of the narrowest layers.
    pub narrow: usize,
    /// Octaves of waves beside points.
    pub waves: usize,
}

impl NetworkDims {
    /// The dimensions of a recipe that may come from anywhere.
    ///
    /// # Errors
    /// One of its sizes is out of bounds.
    pub fn checked(recipe: &Recipe) -> Result<Self> {
        bounds::check(recipe)?;
        Ok(Self::of(recipe))
    }

    pub fn of(recipe: &Recipe) -> Self {
        let Built { size, base, doublings } = recipe.data.resolution.built();
        Self {
            resolution: recipe.data.resolution.grid(),
            built: size.grid(),
            base: base.grid(),
            doublings: doublings as usize,
            colours: recipe.data.channels.count(),
            latent: recipe.model.latent as usize,
            blocks: recipe.model.blocks.max(1) as usize,
            levels: recipe.model.layout().into_iter().map(|n| n as usize).collect(),
            classes: if recipe.model.conditional { recipe.model.classes.len() } else { 0 },
            width: recipe.model.width as usize,
            narrow: recipe.model.narrow as usize,
            waves: if recipe.data.channels == crate::base::Channels::Points { recipe.model.waves as usize } else { 0 },
        }
    }

    /// Pixels of the smallest size.
    pub fn base_area(&self) -> usize {
        self.base[0] * self.base[1]
    }

    /// Numbers of a picture.
    pub fn numbers(&self) -> usize {
        self.colours * self.resolution[0] * self.resolution[1]
    }

    /// Channels at `count` sizes, the smallest picture first: ends with `narrow`, doubles towards `width`.
    pub fn channels(&self, count: usize) -> Vec<usize> {
        (0..count).map(|i| (self.narrow << (count - 1 - i).min(16)).min(self.width.max(self.narrow))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::architecture::{ARCHITECTURES, IDS};
    use crate::recipe::preset::{Facts, for_model};

    #[test]
    fn every_row_has_its_networks_and_says_of_them_what_they_are() {
        assert_eq!(MODELS.iter().map(|m| m.id).collect::<Vec<_>>(), IDS);
        let device = Device::flex();
        for row in ARCHITECTURES {
            let recipe = for_model(row.id).unwrap().recipe(Facts { pictures: 900, resolution: 28.into() });
            match row.family {
                Family::Gan => {
                    assert_eq!(
                        Critic::blank(&recipe, &device).unwrap().takes_penalty(),
                        row.no_penalty.is_none(),
                        "{}",
                        row.id
                    );
                    let generator = Generator::blank(&recipe, &device).unwrap();
                    let layers = generator.styled().map_or(0, StyleGenerator::layers);
                    assert_eq!(layers, (row.style_layers)(&recipe), "{}", row.id);
                    assert_eq!(generator.latent(), recipe.model.latent as usize, "{}", row.id);
                    assert!(Vae::blank(&recipe, &device).unwrap_err().remedy.unwrap().contains("mlp-vae"));
                }
                Family::Vae => {
                    let layout = Vae::blank(&recipe, &device).unwrap().layout();
                    assert_eq!(
                        (layout.len() > 1, layout.iter().sum()),
                        (row.hierarchical, recipe.model.latent as usize)
                    );
                    assert!(Critic::blank(&recipe, &device).is_err());
                }
                Family::Tokens => {
                    let net = TokenVae::blank(&recipe, &device).unwrap();
                    assert_eq!(net.grid(), [8, 8]);
                    assert!(Vae::blank(&recipe, &device).is_err());
                }
                Family::Prior => {
                    let prior = TokenPrior::blank(&recipe, &device).unwrap();
                    assert_eq!(prior.dims().codes, recipe.model.tokens.codes as usize);
                    assert!(TokenVae::blank(&recipe, &device).unwrap_err().remedy.unwrap().contains("vq-vae"));
                }
            }
        }
    }

    #[test]
    fn channels_double_towards_the_smallest_size() {
        let plan = NetworkDims::of(&Recipe::default());
        assert_eq!(plan.channels(plan.doublings + 1), [128, 128, 64, 32]);
        let mut odd = Recipe::default();
        (odd.model.width, odd.model.narrow) = (8, 24);
        assert_eq!(NetworkDims::of(&odd).channels(3), [24, 24, 24]);
    }

    #[test]
    fn the_default_is_as_large_as_its_peer() {
        // The PyTorch peer of the benchmarks, at 32 pixels: 0.75 M and 0.6 M.
        let parts = find("res-gan").unwrap().parameters(&Recipe::default());
        assert_eq!(parts, [("generator", 750_243), ("critic", 603_969)]);
    }
}
