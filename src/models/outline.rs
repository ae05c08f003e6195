//! What a network is made of, stage by stage, for a person who chooses one.

use burn::module::Module;
use burn::tensor::Device;

use super::{Critic, Generator, NetworkDims, TokenPrior, TokenVae, Vae, io};
use crate::base::{Family, Result};
use crate::recipe::Recipe;

/// A stage of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// `generator`, `critic`, `encoder`, `decoder` or `prior`.
    pub network: &'static str,
    /// What it does, in the field's words.
    pub title: String,
    /// Pixels a side of what comes out; 1 for vectors.
    pub side: usize,
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
    /// Bytes that training will hold, roughly.
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
    let memory = memory(recipe, &stages);
    Ok(Outline { stages, memory })
}

/// The program with its prepared data, in bytes.
const PROGRAM: f64 = 90e6;
/// Copies of what a stage gives that are alive at once: inside its block, for the way back, and freed ones that are kept.
const COPIES: f64 = 7.0;

/// Weights, their gradient, both of Adam's moments and the average, and what the stages give for a batch.
fn memory(recipe: &Recipe, stages: &[Stage]) -> u64 {
    let parameters: usize = stages.iter().map(|s| s.parameters).sum();
    let numbers: usize = stages.iter().map(|s| s.side * s.side * s.channels).sum();
    let batch = f64::from(recipe.optim.batch) / f64::from(recipe.optim.accumulate.max(1));
    (PROGRAM + 4.0 * (5.0 * parameters as f64 + COPIES * batch * numbers as f64)) as u64
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
    /// A stage that gives `channels` at `side × side`, with the weights of `parts`. Without weights there is none.
    pub fn grid(&mut self, title: &str, (side, channels): (usize, usize), parts: &[usize]) {
        let parameters = parts.iter().sum();
        if parameters > 0 {
            self.list.push(Stage { network: self.network, title: title.into(), side, channels, parameters });
        }
    }

    /// A stage that gives `numbers`.
    pub fn vector(&mut self, title: &str, numbers: usize, parts: &[usize]) {
        self.grid(title, (1, numbers), parts);
    }

    /// Side and channels of a size, counted from the smallest.
    pub fn at(&self, size: usize) -> (usize, usize) {
        let channels = self.dims.channels(self.dims.doublings + 1);
        let size = size.min(channels.len() - 1);
        (self.dims.base << size, channels[size])
    }

    /// Side and channels of finished pictures.
    pub fn picture(&self) -> (usize, usize) {
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
                let mut r = for_model(spec.id).unwrap().recipe(Facts { pictures: 900, resolution });
                (r.model.conditional, r.model.classes) = (!classes.is_empty(), classes);
                r.model.blocks = 2;
                let stages = stages(&r).unwrap();
                let told: usize = stages.iter().map(|s| s.parameters).sum();
                assert_eq!(told, spec.parameter_count(&r), "{}", spec.id);
                assert!(stages.iter().all(|s| s.side >= 1 && s.channels >= 1 && !s.title.is_empty()), "{}", spec.id);
                if spec.family == Family::Prior {
                    // It says which tokens come next; another model makes pictures of them.
                    continue;
                }
                let pictures = stages.iter().rfind(|s| s.title == "To colours" || s.side > 1).unwrap();
                assert!(pictures.side <= 2 * resolution as usize, "{}: {pictures:?}", spec.id);
                let last = stages
                    .iter()
                    .rfind(|s| !matches!(s.network, "critic" | "encoder") && s.title != "Deviation of pixels");
                assert!(last.unwrap().side >= resolution as usize, "{}: {last:?}", spec.id);
            }
        }
    }

    #[test]
    fn sizes_follow_the_picture() {
        let stages = stages(&Recipe::default()).unwrap();
        let blocks: Vec<_> =
            stages.iter().filter(|s| s.title == "Residual block").map(|s| (s.side, s.channels)).collect();
        assert_eq!(blocks, [(4, 128), (8, 128), (16, 64), (32, 32), (32, 32), (16, 64), (8, 128), (4, 128)]);
    }
}
