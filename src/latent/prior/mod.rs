//! Fitted priors: where the codes of the training pictures really lie, as a map from the standard normal.
//!
//! A VAE is trained as if its codes were standard normal, and they never quite are; latents drawn from N(0, I) then fall
//! between the codes, and their pictures are muddy. A prior is fitted to the codes after training and kept with the
//! model. It is a smooth, invertible map: with it the model is a generator whose latents *are* standard normal, so seeds,
//! truncation, interpolation and everything else in latent space mean what they always meant.

pub mod em;
mod fit;
mod host;
mod mixture;
mod normal;
mod second;
mod two_stage;

pub use fit::{Codes, Kind, fit};
pub use mixture::{Component, Mixture, Spread};
pub use two_stage::TwoStage;

use host::{Mlp, tensor, wide};

use crate::base::{Problem, Result};
use crate::models::io::{PRIOR, Weights};

/// A fitted prior.
#[derive(Clone, Debug, PartialEq)]
pub enum Prior {
    /// A mixture of Gaussians.
    Mixture(Mixture),
    /// A second VAE on the codes.
    TwoStage(TwoStage),
}

impl Prior {
    /// Numbers in a latent.
    pub fn dim(&self) -> usize {
        match self {
            Self::Mixture(m) => m.dim(),
            Self::TwoStage(t) => t.dim(),
        }
    }

    /// The latent that belongs to standard normals.
    pub fn latent(&self, normals: &[f32]) -> Vec<f32> {
        self.both(normals, |n| match self {
            Self::Mixture(m) => m.sample(n),
            Self::TwoStage(t) => t.sample(n),
        })
    }

    /// The standard normals that a latent belongs to.
    pub fn normals(&self, latent: &[f32]) -> Vec<f32> {
        self.both(latent, |z| match self {
            Self::Mixture(m) => m.normals(z),
            Self::TwoStage(t) => t.normals(z),
        })
    }

    fn both(&self, x: &[f32], map: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f32> {
        let mut wide: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
        wide.resize(self.dim(), 0.0);
        map(&wide).into_iter().map(|v| v as f32).collect()
    }

    /// Adds it to a model's weights, in place of one that was there.
    pub fn put(&self, weights: &mut Weights) {
        weights.tensors.retain(|name, _| !name.starts_with(PRIOR));
        let mut add = |name: &str, values: &[f64], shape: Vec<usize>| {
            weights.tensors.insert(format!("{PRIOR}{name}"), tensor(values, shape));
        };
        match self {
            Self::Mixture(mixture) => {
                let (count, dim) = (mixture.components.len(), mixture.dim());
                let all =
                    |of: &dyn Fn(&Component) -> Vec<f64>| mixture.components.iter().flat_map(of).collect::<Vec<_>>();
                add("weights", &all(&|c| vec![c.weight]), vec![count]);
                add("means", &all(&|c| c.mean.clone()), vec![count, dim]);
                let spread = all(&|c| match &c.spread {
                    Spread::Diagonal(s) | Spread::Full(s) => s.clone(),
                });
                match mixture.components.first().map(|c| &c.spread) {
                    Some(Spread::Full(_)) => add("factors", &spread, vec![count, dim, dim]),
                    _ => add("deviations", &spread, vec![count, dim]),
                }
            }
            Self::TwoStage(t) => {
                let dim = t.dim();
                add("stretch", &t.stretch, vec![dim, dim]);
                add("shift", &t.shift, vec![dim]);
                let standard: Vec<f64> = t.standard.iter().flat_map(|(m, s)| [*m, *s]).collect();
                add("standard", &standard, vec![dim, 2]);
                t.encoder.put(weights, &format!("{PRIOR}encoder."));
                t.decoder.put(weights, &format!("{PRIOR}decoder."));
            }
        }
    }

    /// Reads the prior that is kept with a model's weights, if there is one.
    ///
    /// # Errors
    /// It is there and incomplete, or not for latents of `dim` numbers.
    pub fn of(weights: &Weights, dim: usize) -> Result<Option<Self>> {
        if !weights.tensors.keys().any(|name| name.starts_with(PRIOR)) {
            return Ok(None);
        }
        let prior = Self::read(weights).filter(|p| p.dim() == dim && dim > 0);
        prior.map(Some).ok_or_else(|| {
            Problem::data("The fitted prior in this model is damaged").try_this("Fit it again, or copy the file again")
        })
    }

    fn read(weights: &Weights) -> Option<Self> {
        let get = |name: &str| weights.tensors.get(&format!("{PRIOR}{name}"));
        if let Some(means) = get("means") {
            let [count, dim] = means.shape[..] else { return None };
            let (shares, means) = (wide(get("weights")?), wide(means));
            let full = get("factors").is_some();
            let spread = wide(get(if full { "factors" } else { "deviations" })?);
            let size = if full { dim * dim } else { dim };
            let total: f64 = shares.iter().sum();
            let whole = shares.len() == count && spread.len() == count * size && count > 0 && dim > 0;
            let positive = |s: &[f64]| (0..dim).all(|i| s[if full { i * dim + i } else { i }] > 0.0);
            let sound = whole && shares.iter().all(|w| *w > 0.0) && spread.chunks_exact(size).all(positive);
            return sound.then(|| {
                let parts = means.chunks_exact(dim).zip(spread.chunks_exact(size)).zip(&shares);
                let components = parts.map(|((mean, spread), weight)| Component {
                    // Rounded to 32 bit, they no longer add up to one exactly.
                    weight: weight / total,
                    mean: mean.to_vec(),
                    spread: if full { Spread::Full(spread.to_vec()) } else { Spread::Diagonal(spread.to_vec()) },
                });
                Self::Mixture(Mixture { components: components.collect() })
            });
        }
        let (stretch, shift, standard) = (wide(get("stretch")?), wide(get("shift")?), wide(get("standard")?));
        let dim = shift.len();
        let encoder = Mlp::get(weights, &format!("{PRIOR}encoder."))?;
        let decoder = Mlp::get(weights, &format!("{PRIOR}decoder."))?;
        let whole = stretch.len() == dim * dim
            && standard.len() == 2 * dim
            && encoder.sizes() == Some((dim, 2 * dim))
            && decoder.sizes() == Some((dim, dim));
        let standard = standard.as_chunks::<2>().0.iter().map(|[m, s]| (*m, *s)).collect();
        whole.then_some(Self::TwoStage(TwoStage { encoder, decoder, stretch, shift, standard }))
    }

    /// BLAKE3 of its numbers.
    pub fn hash(&self) -> String {
        let mut weights = Weights::default();
        self.put(&mut weights);
        // Under other names, since a prior does not count in the hash of a model.
        weights.under(PRIOR).hash()
    }
}

#[cfg(test)]
mod tests {
    use super::host::tests::random;
    use super::*;

    fn each() -> Vec<Prior> {
        let part = |weight, mean: [f64; 2], spread| Component { weight, mean: mean.to_vec(), spread };
        let full = |s: [f64; 4]| Spread::Full(s.to_vec());
        let diagonal = |s: [f64; 2]| Spread::Diagonal(s.to_vec());
        vec![
            Prior::Mixture(Mixture {
                components: vec![
                    part(0.4, [0.0, 1.0], full([0.5, 0.0, 0.25, 1.0])),
                    part(0.6, [2.0, -1.0], full([1.0, 0.0, 0.0, 0.5])),
                ],
            }),
            Prior::Mixture(Mixture {
                components: vec![
                    part(0.3, [1.0, 1.0], diagonal([0.5, 2.0])),
                    part(0.7, [0.0, 0.0], diagonal([1.0, 1.0])),
                ],
            }),
            Prior::TwoStage(TwoStage {
                encoder: random(2, 4, 4),
                decoder: random(2, 4, 2),
                stretch: vec![1.0, 0.5, 0.0, 1.0],
                shift: vec![0.25, -1.0],
                standard: vec![(0.0, 1.0), (1.0, 2.0)],
            }),
        ]
    }

    #[test]
    fn priors_are_kept_with_weights_and_damage_is_noticed() {
        let normals = [0.5, -1.25];
        assert_eq!(Prior::of(&Weights::default(), 2).unwrap(), None);
        for prior in each() {
            let mut weights = Weights::default();
            prior.put(&mut weights);
            let back = Prior::of(&weights, 2).unwrap().unwrap();
            let (a, b) = (back.latent(&normals), prior.latent(&normals));
            assert!(a.iter().zip(&b).all(|(x, y)| (x - y).abs() < 1e-5), "{a:?} {b:?}");
            assert_eq!(back.hash(), prior.hash());
            let again = back.normals(&a);
            assert!(again.iter().zip(&normals).all(|(x, y)| (x - y).abs() < 1e-3), "{again:?}");
            // Another one takes its place as a whole.
            for other in each() {
                other.put(&mut weights);
                assert_eq!(Prior::of(&weights, 2).unwrap().unwrap().hash(), other.hash());
            }
            assert!(Prior::of(&weights, 3).is_err());
            let name = weights.tensors.keys().next().unwrap().clone();
            weights.tensors.remove(&name);
            assert!(Prior::of(&weights, 2).is_err(), "without {name}");
        }
    }
}
