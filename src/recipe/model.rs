//! Which networks, and how large.

use serde::{Deserialize, Serialize};

use super::TokensRecipe;
use super::architecture;
use super::field::{Field, Group, Input, field, int};
use crate::base::{Channels, Family};

/// Which networks, and how large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelRecipe {
    /// Row of [`architecture::ARCHITECTURES`].
    pub id: String,
    /// Numbers in a latent.
    pub latent: u32,
    /// Channels of the widest layers (at the smallest picture size).
    pub width: u32,
    /// Channels of the narrowest layers (at the full picture size).
    pub narrow: u32,
    /// Residual blocks at each size (residual networks), or hidden layers (fully connected ones).
    pub blocks: u32,
    /// Whether the model learns the labels of its data, so that a class can be asked for.
    pub conditional: bool,
    /// Names of the classes that a conditional model knows; filled in from the data when a run begins.
    pub classes: Vec<String>,
    /// `res-gan`: how much wider the middle of a block is (inverted bottleneck); 0 for blocks of two plain convolutions.
    pub expansion: u32,
    /// `res-gan`: channels in a group of the middle convolution; 0 for no groups.
    pub group: u32,
    /// `style-gan`: layers of the mapping network.
    pub mapping: u32,
    /// `style-gan`: whether each layer adds noise of its own.
    pub noise: bool,
    /// Pictures whose spread a critic sees together (minibatch statistic); 0 for none.
    pub minibatch: u32,
    /// `ladder-vae`: levels of latents.
    pub levels: u32,
    /// `mlp-gan` on points: octaves of waves that the critic is given beside the coordinates; with any the generator is
    /// given waves of its latent too. 0 for none.
    pub waves: u32,
    /// `proj-gan`: pixels a side at which the fixed network of its critic sees pictures.
    pub feature_side: u32,
    /// `proj-gan`: seed of the fixed random convolutions that mix what the network sees.
    pub feature_seed: u64,
    /// Hash of the fixed network that the critic looks through; filled in when a run begins.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub features: String,
    /// What only token models and priors over tokens have.
    pub tokens: TokensRecipe,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        Self {
            id: architecture::RES_GAN.id.into(),
            latent: 64,
            width: 128,
            narrow: 32,
            blocks: 1,
            conditional: false,
            classes: Vec::new(),
            expansion: 0,
            group: 0,
            mapping: 2,
            noise: true,
            minibatch: 4,
            levels: 3,
            waves: 0,
            feature_side: 128,
            feature_seed: 1,
            features: String::new(),
            tokens: TokensRecipe::default(),
        }
    }
}

impl ModelRecipe {
    /// Numbers in the latent of each level, the coarsest first: one level, or for a hierarchical model about
    /// the same for each.
    pub fn layout(&self) -> Vec<u32> {
        if architecture::find(&self.id).is_none_or(|a| !a.hierarchical) {
            return vec![self.latent];
        }
        let levels = self.levels.clamp(1, self.latent.max(1));
        (0..levels).map(|level| self.latent / levels + u32::from(level < self.latent % levels)).collect()
    }
}

/// Its settings, in the order of the form.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("model.id", "Model", Group::Model, Input::Choice { options: super::architecture::IDS },
        "Which networks are trained").common(),
    field("model.latent", "Latent dimensions", Group::Model, int(1, 1024),
        "Numbers that describe a picture; more hold more detail, fewer are easier to explore"),
    field("model.width", "Width", Group::Model, int(8, 1024),
        "Channels of the widest layers; twice as many can learn more and take about three times as long").unit("channels"),
    field("model.narrow", "Narrowest", Group::Model, int(4, 512),
        "Channels at the full picture size; more sharpen fine detail and cost the most time").unit("channels"),
    field("model.blocks", "Blocks", Group::Model, int(1, 8),
        "Residual blocks at each picture size, or hidden layers of an MLP; more are slower and can learn more"),
    field("model.levels", "Levels", Group::Model, int(2, 4),
        "Levels of latents of ladder-vae, from coarse to fine; more tell coarse and fine apart better and are slower")
        .of(Family::Vae),
    field("model.waves", "Waves", Group::Model, int(0, 6),
        "Octaves of sines and cosines that an MLP GAN is given beside points (Fourier features): sharper modes; 0 for none")
        .of(Family::Gan)
        .idle(|r| (r.data.channels != Channels::Points).then_some("Only points are given as waves")),
    field("model.feature_side", "Critic sees at", Group::Model, Input::Int { min: 32, max: 224, step: 32 },
        "Pixels a side at which the network of proj-gan sees pictures; more tell finer detail apart and take longer")
        .unit("px").of(Family::Gan),
    field("model.feature_seed", "Seed of the mixture", Group::Model, int(0, i64::MAX),
        "Seed of the fixed random convolutions that mix what the critic of proj-gan sees").of(Family::Gan),
    field("model.conditional", "Learn the labels", Group::Model, Input::Bool,
        "Lets you ask for a class of pictures; needs data with labels"),
    field("model.expansion", "Block expansion", Group::Model, int(0, 4),
        "How much wider the middle of a residual block is (R3GAN's full design); 0 for two plain convolutions")
        .of(Family::Gan),
    field("model.group", "Channels in a group", Group::Model, int(0, 256),
        "Splits the middle convolution of wide blocks into groups of so many channels; fewer are faster; 0 for no groups")
        .unit("channels").of(Family::Gan)
        .idle(|r| (r.model.expansion == 0).then_some("Blocks without expansion have no groups")),
    field("model.mapping", "Mapping layers", Group::Model, int(0, 8),
        "Layers between the latent and the styles of style-gan; more untangle styles better and are harder to train")
        .of(Family::Gan),
    field("model.noise", "Noise inputs", Group::Model, Input::Bool,
        "Lets each layer of style-gan draw fine detail by chance").of(Family::Gan),
    field("model.minibatch", "Minibatch statistic", Group::Model, int(0, 64),
        "Shows the critic how much this many pictures differ, which keeps variety alive; 0 for none")
        .unit("pictures").of(Family::Gan),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_are_shared_out_among_levels() {
        let mut model = ModelRecipe { id: architecture::LADDER_VAE.id.into(), ..ModelRecipe::default() };
        (model.latent, model.levels) = (16, 3);
        assert_eq!(model.layout(), [6, 5, 5]);
        (model.latent, model.levels) = (3, 4);
        assert_eq!(model.layout(), [1, 1, 1]);
        model.id = architecture::CONV_VAE.id.into();
        assert_eq!(model.layout(), [3]);
    }
}
