//! What token models and priors over tokens are judged by, on pictures that they did not learn from: how far reconstructions
//! are off and how many tokens are in use; how many nats a prior gives each token.

use std::time::Instant;

use super::evaluate::Report;
use super::score::Score;
use crate::base::paths::Paths;
use crate::base::{Family, Problem, Progress, Result};
use crate::data::words::captions;
use crate::data::{self, Prepared};
use crate::latent::catalog;
use crate::latent::draw::Drawer;
use crate::latent::model::LoadedModel;
use crate::models::host_ids;
use crate::models::info::ModelInfo;
use crate::nn::sequence::nats;
use crate::recipe::DataRecipe;
use crate::train::tensors;
use crate::train::token_prior::sequences;
use crate::train::tokens::perplexity;

/// Pictures looked at together.
const TOGETHER: usize = 32;

/// What a token model or a prior was measured on, and its numbers; nothing for other models.
pub struct Measured {
    /// The model.
    pub info: ModelInfo,
    /// What the data are called.
    pub source: String,
    /// Its numbers.
    pub report: Report,
}

/// Measures a token model or a prior on held-out pictures of its data, or of these, at most `count`; all pictures where none
/// are held out. Nothing for other models.
///
/// # Errors
/// There is no such model, the data are not here, or it was cancelled.
pub fn measure(
    model: &str,
    data: Option<&str>,
    (count, device): (usize, &str),
    paths: &Paths,
    progress: &dyn Progress,
) -> Result<Option<Measured>> {
    let (_, info) = catalog::resolve(model, paths)?.read()?;
    if !matches!(info.family, Family::Tokens | Family::Prior) {
        return Ok(None);
    }
    let began = Instant::now();
    let source = data.unwrap_or(&info.recipe.data.source).to_string();
    let recipe = DataRecipe { source: source.clone(), mirror: false, ..info.recipe.data.clone() };
    let set = data::prepare(&recipe, &paths.prepared(), progress).map_err(|p| match p.remedy {
        None => p.try_this("Name the data with --data"),
        Some(_) => p,
    })?;
    if set.shape() != info.recipe.shape() {
        return Err(Problem::data("These pictures are not prepared for this model").of(info.name));
    }
    let held = !set.heldout().is_empty();
    let mut places = if held { set.heldout().to_vec() } else { (0..set.len() as u32).collect() };
    places.truncate(count.max(1));
    let mut metrics = match info.family {
        Family::Tokens => of_tokens(model, &set, &places, (paths, device), progress)?,
        _ => of_prior(model, (&recipe, &set), &places, (paths, device), progress)?,
    };
    let note = if held { "" } else { "no pictures are held out, so it learned from these" };
    for score in &mut metrics {
        (score.data, score.count) = (set.hash().into(), places.len() as u64);
        (score.seconds, score.note) = (began.elapsed().as_secs_f64(), note.into());
    }
    let report = Report { metrics, ..Report::default() };
    Ok(Some(Measured { info: ModelInfo { model: model.into(), ..info }, source, report }))
}

/// The mean of a number that each picture has, with its 95 % interval.
fn mean(name: &str, values: &[f64]) -> Score {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let reach = 1.96 * (variance / n).sqrt();
    Score { name: name.into(), value: mean, low: mean - reach, high: mean + reach, ..Score::default() }
}

fn exact(name: &str, value: f64) -> Score {
    Score { name: name.into(), value, low: value, high: value, ..Score::default() }
}

/// Pictures as one tensor's bytes.
fn bytes(set: &Prepared, places: &[u32]) -> Vec<u8> {
    places.iter().flat_map(|&i| set.picture(i as usize).iter().copied()).collect()
}

fn of_tokens(
    model: &str,
    set: &Prepared,
    places: &[u32],
    (paths, device): (&Paths, &str),
    progress: &dyn Progress,
) -> Result<Vec<Score>> {
    let loaded = LoadedModel::open(model, paths, device)?;
    let (net, device) = loaded.tokens().ok_or_else(|| Problem::failed("This is no token model"))?;
    let (mut errors, mut taken) = (Vec::new(), vec![0u64; net.codes()]);
    for group in places.chunks(TOGETHER) {
        progress.report("Reconstructing", errors.len() as u64, places.len() as u64);
        progress.cancel().check()?;
        let x = tensors::pictures(&bytes(set, group), group.len(), set.shape(), device);
        let quantised = net.quantise(net.encode(x.clone()));
        host_ids(quantised.ids).into_iter().for_each(|id| taken[id as usize] += 1);
        let off = x - net.decode(quantised.exact).clamp(-1.0, 1.0);
        let each = crate::nn::numbers(crate::nn::per_picture(off.square()).mean_dim(1));
        errors.extend(each.into_iter().map(f64::from));
    }
    Ok(vec![
        mean("mse", &errors),
        exact("perplexity", perplexity(&taken)),
        exact("codes_in_use", taken.iter().filter(|n| **n > 0).count() as f64),
    ])
}

fn of_prior(
    model: &str,
    (recipe, set): (&DataRecipe, &Prepared),
    places: &[u32],
    (paths, device): (&Paths, &str),
    progress: &dyn Progress,
) -> Result<Vec<Score>> {
    let drawer = Drawer::open(model, paths, device)?;
    let (prior, dims) = (drawer.prior(), drawer.prior().dims());
    let (net, device) = drawer.token_model();
    let captions = captions(recipe, set, progress)?;
    let classes = &drawer.info().recipe.model.classes;
    let set = &if classes.is_empty() { set.clone() } else { set.with_labels(classes) };
    let (mut asked, mut unasked) = (Vec::new(), Vec::new());
    for group in places.chunks(TOGETHER) {
        progress.report("Reading tokens", asked.len() as u64, places.len() as u64);
        progress.cancel().check()?;
        let ids = net.tokens(tensors::pictures(&bytes(set, group), group.len(), set.shape(), device));
        for (own, place) in ids.chunks_exact(dims.tokens()).zip(group) {
            let caption = captions[*place as usize].as_deref().unwrap_or_default();
            let with = dims.front(set.label(*place as usize), &drawer.understand(caption).known);
            for (front, out) in [(with, &mut asked), (dims.front(None, &[]), &mut unasked)] {
                let given = sequences(own, std::iter::once(front), dims.tokens());
                out.push(f64::from(nats(prior.scores(&given, None), own).into_scalar::<f32>()));
            }
        }
    }
    let mut perplexity = mean("nats_per_token", &asked);
    perplexity.name = "perplexity_per_token".into();
    for value in [&mut perplexity.value, &mut perplexity.low, &mut perplexity.high] {
        *value = value.exp();
    }
    Ok(vec![mean("nats_per_token", &asked), mean("nats_per_token_unasked", &unasked), perplexity])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_interval_of_its_spread() {
        let score = mean("x", &[1.0, 3.0, 1.0, 3.0]);
        let reach = 1.96 * ((4.0f64 / 3.0) / 4.0).sqrt();
        assert!((score.value - 2.0).abs() < 1e-12 && (score.high - 2.0 - reach).abs() < 1e-9);
        assert_eq!(mean("x", &[5.0]).low, 5.0);
    }
}
