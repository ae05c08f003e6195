//! What a network is made of, stage by stage, for a person who chooses one.

use burn::module::Module;
use burn::tensor::Device;

use super::{Critic, Generator, NetworkDims, TokenPrior, TokenVae, Vae, footprint, io};
use crate::base::{Family, Resolution, Result};
use crate::recipe::Recipe;

/// A stage of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// `generator`, `critic`, `encoder`, `decoder` or `prior`.
    pub network: &'static str,
    /// What it does, in the field's words.
    pub title: String,
    /// Width and height of what comes out; 1 for vectors.
    pub size: Resolution,
    /// Channels of what comes out; numbers of a vector.
    pub channels: usize,
    /// Trainable numbers.
    pub parameters: usize,
}

/// A recipe's networks, as far as they can be known before they learn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Stages of all networks, in the order in which data pass through them.
    pub stages: Vec<Stage>,
    /// Bytes that training will hold at most.
    pub memory: u64,
}

impl Outline {
    /// Trainable numbers in all.
    pub fn parameters(&self) -> usize {
        self.stages.iter().map(|s| s.parameters).sum()
    }
}

/// What a recipe's networks are made of and need.
///
/// # Errors
/// The recipe names no model.
pub fn outline(recipe: &Recipe) -> Result<Outline> {
    let stages = stages(recipe)?;
    let memory = footprint::foreseen(recipe, &stages);
    Ok(Outline { stages, memory })
}

/// Stages of a recipe's networks, in the order in which data pass through them.
///
/// # Errors
/// The recipe names no model.
pub fn stages(recipe: &Recipe) -> Result<Vec<Stage>> {
    let (dims, device) = (NetworkDims::checked(recipe)?, Device::flex());
    let mut out = Stages { dims: &dims, network: "", list: Vec::new() };
    match recipe.family()? {
        Family::Gan => {
            out.network = "generator";
            Generator::blank(recipe, &device)?.stages(&mut out);
            out.network = "critic";
            Critic::blank(recipe, &device)?.stages(&mut out);
        }
        Family::Vae => {
            let vae = Vae::blank(recipe, &device)?;
            out.network = "encoder";
            vae.encoder_stages(&mut out);
            out.network = "decoder";
            vae.decoder_stages(&mut out);
        }
        Family::Prior => {
            out.network = "prior";
            TokenPrior::blank(recipe, &device)?.stages(&mut out);
        }
        Family::Tokens => {
            let net = TokenVae::blank(recipe, &device)?;
            out.network = "encoder";
            net.encoder_stages(&mut out);
            out.network = "decoder";
            net.decoder_stages(&mut out);
        }
    }
    Ok(out.list)
}

/// Takes down what the networks tell of their stages.
pub(super) struct Stages<'a> {
    /// What the networks were built from.
    pub dims: &'a NetworkDims,
    network: &'static str,
    list: Vec<Stage>,
}

impl Stages<'_> {
    /// A stage that gives `channels` at a height and width, with the weights of `parts`. Without weights there is none.
    pub fn grid(&mut self, title: &str, ([rows, columns], channels): ([usize; 2], usize), parts: &[usize]) {
        let parameters = parts.iter().sum();
        let size = Resolution::new(columns as u32, rows as u32);
        if parameters > 0 {
            self.list.push(Stage { network: self.network, title: title.into(), size, channels, parameters });
        }
    }

    /// A stage that gives `numbers`.
    pub fn vector(&mut self, title: &str, numbers: usize, parts: &[usize]) {
        self.grid(title, ([1, 1], numbers), parts);
    }

    /// Height and width, and channels, of a size, counted from the smallest.
    pub fn at(&self, size: usize) -> ([usize; 2], usize) {
        let channels = self.dims.channels(self.dims.doublings + 1);
        let size = size.min(channels.len() - 1);
        (self.dims.base.map(|side| side << size), channels[size])
    }

    /// Height and width, and channels, of finished pictures.
    pub fn picture(&self) -> ([usize; 2], usize) {
        (self.dims.resolution, self.dims.colours)
    }

    /// Stages of residual blocks, `per_size` at each size; `up` from the smallest to the picture.
    pub fn blocks<M: Module>(&mut self, blocks: &[M], per_size: usize, up: bool) {
        for (i, block) in blocks.iter().enumerate() {
            let size = i / per_size;
            let size = if up { size } else { self.dims.doublings - size.min(self.dims.doublings) };
            self.grid("Residual block", self.at(size), &[io::trainable(block)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::MODELS;
    use crate::recipe::preset::{Facts, for_model};

    #[test]
    fn every_network_is_told_whole() {
        for spec in MODELS {
            for (resolution, classes) in [(28, vec![]), (32, vec!["a".into(), "b".into()])] {
                let mut r = for_model(spec.id)
                    .unwrap()
                    .recipe(Facts { pictures: 900, resolution: Resolution::square(resolution) });
                (r.model.conditional, r.model.classes) = (!classes.is_empty(), classes);
                r.model.blocks = 2;
                let stages = stages(&r).unwrap();
                let told: usize = stages.iter().map(|s| s.parameters).sum();
                assert_eq!(told, spec.parameter_count(&r), "{}", spec.id);
                assert!(
                    stages.iter().all(|s| s.size.shorter() >= 1 && s.channels >= 1 && !s.title.is_empty()),
                    "{}",
                    spec.id
                );
                if spec.family == Family::Prior {
                    // It says which tokens come next; another model makes pictures of them.
                    continue;
                }
                let pictures = stages.iter().rfind(|s| s.title == "To colours" || s.size.longer() > 1).unwrap();
                assert!(pictures.size.longer() <= 2 * resolution, "{}: {pictures:?}", spec.id);
                let last = stages
                    .iter()
                    .rfind(|s| !matches!(s.network, "critic" | "encoder") && s.title != "Deviation of pixels");
                assert!(last.unwrap().size.shorter() >= resolution, "{}: {last:?}", spec.id);
            }
        }
    }

    #[test]
    fn sizes_follow_the_picture() {
        let stages = stages(&Recipe::default()).unwrap();
        let blocks: Vec<_> =
            stages.iter().filter(|s| s.title == "Residual block").map(|s| (s.size.width, s.channels)).collect();
        assert_eq!(blocks, [(4, 128), (8, 128), (16, 64), (32, 32), (32, 32), (16, 64), (8, 128), (4, 128)]);
    }
}
