//! Soup: one model out of several of the same shape, each weight the mean of theirs (Wortsman et al. 2022, "Model soups").
//!
//! Models that began from the same weights, such as checkpoints of a run or its forks, lie in one basin, so that their mean
//! is often better than each.

use crate::base::{Problem, Result};
use crate::models::info::{AveragedPart, ModelInfo};
use crate::models::io::{HostTensor, METADATA, PRIOR, Weights};

/// The mean of weights. A fitted prior belongs to the codes of one model and is left out.
///
/// # Errors
/// There are none, or they are not of one network.
pub fn average(parts: &[&Weights]) -> Result<Weights> {
    let (first, others) = parts.split_first().ok_or_else(|| Problem::usage("There is nothing to average"))?;
    let own = |w: &Weights| w.tensors.keys().filter(|name| !name.starts_with(PRIOR)).count();
    let unlike = |name: &str| {
        Problem::usage("Only models of one network can be averaged")
            .of(name)
            .try_this("Choose checkpoints of one run, or of its forks")
    };
    if let Some(other) = others.iter().find(|w| own(w) != own(first)) {
        let name = other.tensors.keys().find(|name| !first.tensors.contains_key(*name));
        return Err(unlike(name.map_or("its tensors", |n| n)));
    }
    let mut out = Weights::default();
    for (name, tensor) in first.tensors.iter().filter(|(name, _)| !name.starts_with(PRIOR)) {
        let mut sum: Vec<f64> = tensor.values.iter().map(|v| f64::from(*v)).collect();
        for other in others {
            let theirs = other.tensors.get(name).filter(|t| t.shape == tensor.shape).ok_or_else(|| unlike(name))?;
            sum.iter_mut().zip(&theirs.values).for_each(|(sum, v)| *sum += f64::from(*v));
        }
        let share = 1.0 / parts.len() as f64;
        let values = sum.into_iter().map(|v| (v * share) as f32).collect();
        out.tensors.insert(name.clone(), HostTensor { shape: tensor.shape.clone(), values });
    }
    Ok(out)
}

/// The mean as a model that can be opened: described as the first, under a name of its own, with all its parts.
///
/// # Errors
/// As [`average`].
pub fn model(parts: &[(&Weights, &ModelInfo)], name: &str) -> Result<Weights> {
    let weights = average(&parts.iter().map(|part| part.0).collect::<Vec<_>>())?;
    let infos: Vec<&ModelInfo> = parts.iter().map(|part| part.1).collect();
    let first = infos.first().ok_or_else(|| Problem::usage("There is nothing to average"))?;
    let shared = infos.iter().all(|info| info.data == first.data);
    let info = ModelInfo {
        name: name.into(),
        hash: weights.hash(),
        prior: None,
        kl: Vec::new(),
        kimg: infos.iter().map(|info| info.kimg).fold(0.0, f64::max),
        data: if shared { first.data.clone() } else { String::new() },
        parts: named_parts(&infos),
        ..(*first).clone()
    };
    let text = serde_json::to_string(&info)
        .map_err(|e| Problem::failed("The model could not be described as JSON").because(e))?;
    Ok(weights.with(METADATA, text))
}

/// What an average is made of; the parts of a part that is an average itself stand in its place.
fn named_parts(infos: &[&ModelInfo]) -> Vec<AveragedPart> {
    let each = |info: &&ModelInfo| match info.parts.as_slice() {
        [] => vec![AveragedPart::of(info)],
        parts => parts.to_vec(),
    };
    infos.iter().flat_map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    #[test]
    fn an_average_names_all_its_parts() {
        let info = |name: &str, kimg, data: &str| {
            let hash = blake3::hash(name.as_bytes()).to_hex().to_string();
            ModelInfo { name: name.into(), kimg, data: data.into(), ..ModelInfo::of(&Recipe::default(), hash) }
        };
        let (w, a, b) = (weights(&[1.0]), info("a", 8.0, "d"), info("b", 16.0, "d"));
        let soup = model(&[(&w, &a), (&w, &b)], "soup").unwrap();
        let told = ModelInfo::of_weights(&soup).unwrap();
        let names = |info: &ModelInfo| info.parts.iter().map(|p| (p.name.clone(), p.images)).collect::<Vec<_>>();
        assert_eq!(names(&told), [("a".into(), 8000), ("b".into(), 16_000)]);
        assert_eq!((told.kimg, told.data.as_str(), told.hash), (16.0, "d", w.hash()));
        let c = info("c", 4.0, "other");
        let again = model(&[(&soup, &ModelInfo::of_weights(&soup).unwrap()), (&w, &c)], "again").unwrap();
        let told = ModelInfo::of_weights(&again).unwrap();
        assert_eq!(names(&told), [("a".into(), 8000), ("b".into(), 16_000), ("c".into(), 4000)]);
        assert_eq!(told.data, "", "they learned from different pictures");
    }

    fn weights(values: &[f32]) -> Weights {
        let mut out = Weights::default();
        out.tensors.insert("a".into(), HostTensor { shape: vec![values.len()], values: values.to_vec() });
        out
    }

    #[test]
    fn each_weight_is_the_mean_and_other_networks_are_refused() {
        let (a, mut b) = (weights(&[1.0, 2.0]), weights(&[3.0, -2.0]));
        b.tensors.insert(format!("{PRIOR}x"), HostTensor { shape: vec![1], values: vec![9.0] });
        let mean = average(&[&a, &b]).unwrap();
        assert_eq!(mean, weights(&[2.0, 0.0]));
        assert_eq!(average(&[&a]).unwrap(), a);
        let names = |other: &Weights| average(&[&a, other]).unwrap_err().remedy.is_some();
        assert!(names(&weights(&[1.0])));
        let mut more = a.clone();
        more.tensors.insert("b".into(), HostTensor { shape: vec![1], values: vec![0.0] });
        assert!(names(&more) && average(&[]).is_err());
    }
}
