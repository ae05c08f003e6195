//! What a network is made of, stage by stage, for a person who chooses one.

use std::collections::BTreeSet;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::{Critic, Generator, NetworkDims, Vae};
use crate::base::{Family, Result};
use crate::nn::param_path::Path;
use crate::recipe::Recipe;

/// A stage of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// `generator`, `critic`, `encoder` or `decoder`.
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
    let (plan, device) = (NetworkDims::checked(recipe)?, Device::flex());
    Ok(match recipe.family()? {
        Family::Gan => {
            let generator = counted(&Generator::blank(recipe, &device)?);
            let critic = counted(&Critic::blank(recipe, &device)?);
            let mut out = of_network("generator", &plan, generator, true);
            out.extend(of_network("critic", &plan, critic, false));
            out
        }
        Family::Vae => {
            let parts = counted(&Vae::blank(recipe, &device)?);
            let is_up = |name: &str| {
                ["decoder", "fc", "deconvs", "out", "rgb_out", "levels", "basis", "class_out"]
                    .iter()
                    .any(|p| name == *p || name.starts_with(&format!("{p}.")))
            };
            let (up, down): (Vec<_>, Vec<_>) = parts.into_iter().partition(|p| is_up(&p.0));
            let mut out = of_network("encoder", &plan, down, false);
            out.extend(of_network("decoder", &plan, up, true));
            out
        }
    })
}

/// Trainable numbers by group (`fc`, `blocks.0`, …), in visiting order.
fn counted<M: Module>(module: &M) -> Vec<(String, usize)> {
    struct Count {
        path: Path,
        groups: Vec<(String, usize)>,
    }
    impl ModuleVisitor for Count {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.path.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.path.is_buffer() {
                return;
            }
            let name = self.path.name();
            let mut parts = name.split('.');
            let mut group = parts.next().unwrap_or_default().to_owned();
            if let Some(place) = parts.next().filter(|p| p.parse::<usize>().is_ok()) {
                group = format!("{group}.{place}");
            }
            let n = param.lazy_shape().num_elements();
            match self.groups.iter_mut().find(|g| g.0 == group) {
                Some(found) => found.1 += n,
                None => self.groups.push((group, n)),
            }
        }
    }
    let mut count = Count { path: Path::default(), groups: Vec::new() };
    module.visit(&mut count);
    count.groups
}

/// Groups that are part of a stage rather than one of their own, with the list they go by.
const BESIDE: [(&str, &str); 3] = [("norms", "deconvs"), ("excite", "sizes"), ("steps", "blocks")];

fn of_network(network: &'static str, plan: &NetworkDims, groups: Vec<(String, usize)>, up: bool) -> Vec<Stage> {
    let count = |list: &str| groups.iter().filter(|g| g.0.starts_with(&format!("{list}."))).count();
    let beside = |name: &str| {
        let (list, place) = name.split_once('.')?;
        let (_, of) = BESIDE.iter().find(|b| b.0 == list)?;
        (count(of) > 0).then(|| format!("{of}.{place}"))
    };
    let mut stages: Vec<(String, Stage)> = Vec::new();
    let mut rest = Vec::new();
    for (name, parameters) in &groups {
        if let Some(of) = beside(name) {
            rest.push((of, *parameters));
            continue;
        }
        let (list, place) = name.split_once('.').map_or((name.as_str(), None), |(l, p)| (l, p.parse::<usize>().ok()));
        let (side, channels) = shape(plan, list, place, count(list), up);
        let stage = Stage { network, title: title(list, network, up), side, channels, parameters: *parameters };
        stages.push((name.clone(), stage));
    }
    for (of, parameters) in rest {
        // Norms before the first layer of a list, and steps after the last, count to the nearest.
        let found = stages.iter().position(|s| s.0 == of).or_else(|| stages.len().checked_sub(1));
        if let Some(i) = found {
            stages[i].1.parameters += parameters;
        }
    }
    let unordered: BTreeSet<&str> = BTreeSet::from(["embed", "log_sigma", "class_in", "class_out", "pseudo"]);
    // What conditions the others comes first.
    stages.sort_by_key(|(name, _)| !unordered.contains(name.as_str()));
    stages.into_iter().map(|s| s.1).collect()
}

/// Pixels a side and channels of what a group gives.
fn shape(plan: &NetworkDims, list: &str, place: Option<usize>, count: usize, up: bool) -> (usize, usize) {
    let channels = plan.channels(plan.doublings + 1);
    let sizes = channels.len();
    // Which size, counted from the smallest.
    let at = |size: usize| (plan.base << size.min(sizes - 1), channels[size.min(sizes - 1)]);
    let Some(place) = place else {
        return match list {
            "rgb" | "rgb_out" | "last" | "out" if up => (plan.resolution, plan.colours),
            "rgb" | "rgb_in" => at(sizes - 1),
            "fc" | "basis" | "norm" if up => at(0),
            "head" => (1, 2 * plan.latent),
            "conv" => at(0),
            "first" => (1, plan.width),
            "mapping" => (1, plan.latent),
            "pool" => (1, channels[0]),
            "whole" | "quarter" => (plan.resolution / 2, plan.colours),
            _ => (1, 1),
        };
    };
    let per = (count / sizes).max(1);
    match list {
        "hidden" => (1, plan.width),
        "encoder" | "decoder" if plan.doublings == 0 => (1, plan.width),
        "deconvs" if place + 1 == count => (plan.built, plan.colours),
        "deconvs" => (plan.base << (place + 1), plan.channels(plan.doublings)[(place + 1).min(plan.doublings - 1)]),
        "convs" => {
            let narrow = plan.channels(plan.doublings);
            (plan.built >> (place + 1), narrow[count - 1 - place.min(count - 1)])
        }
        // Lists that double or halve with each step, beside the size they start from.
        "sizes" if up && count + 1 == sizes => at(place + 1),
        "sizes" => at(place),
        "blocks" if up && count + 1 == sizes => at(place + 1),
        "blocks" if !up && count + 1 == sizes => at(sizes - 2 - place.min(sizes - 2)),
        _ if up => at(place / per),
        _ => at(sizes - 1 - (place / per).min(sizes - 1)),
    }
}

fn title(list: &str, network: &str, up: bool) -> String {
    match list {
        "embed" | "class_in" | "class_out" => "Classes",
        "mapping" => "Mapping network",
        "basis" => "Learned grid",
        "fc" if network == "critic" => "Judgement",
        "fc" => "From the latent",
        "head" => "Mean and log variance",
        "rgb" | "rgb_out" | "last" | "out" if up => "To colours",
        "rgb" | "rgb_in" => "From colours",
        "blocks" | "encoder" | "decoder" => "Residual block",
        "sizes" => "Convolutions at a size",
        "deconvs" => "Transposed convolution",
        "convs" => "Strided convolution",
        "hidden" | "first" => "Fully connected layer",
        "levels" => "Level of latents",
        "pool" => "Sum over the picture",
        "conv" => "Convolution",
        "whole" | "quarter" => "Redraws what it sees",
        "spectral" | "embed_spectral" => "Spectral norm",
        "log_sigma" => "Deviation of pixels",
        "norm" => "Batch norm",
        other => other,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::MODELS;
    use crate::recipe::preset::{Facts, for_model};

    #[test]
    fn every_network_is_told_whole() {
        for spec in MODELS {
            let resolution = if spec.id.starts_with("mlp") { 28 } else { 32 };
            let r = for_model(spec.id).unwrap().recipe(Facts { pictures: 900, resolution });
            let stages = stages(&r).unwrap();
            let told: usize = stages.iter().map(|s| s.parameters).sum();
            assert_eq!(told, spec.parameter_count(&r), "{}", spec.id);
            assert!(stages.iter().all(|s| s.side >= 1 && s.channels >= 1 && !s.title.is_empty()), "{}", spec.id);
            let last = stages.iter().rfind(|s| s.network != "critic" && s.network != "encoder").unwrap();
            assert!(last.side >= resolution as usize || last.side == 1, "{}: {last:?}", spec.id);
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
