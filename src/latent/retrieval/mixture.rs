//! A mixture in latent space around the latents of real pictures.
//!
//! In Z, with posterior mean μ and deviation σ of a picture, ε and z₀ standard normal, at strength s:
//! z = s (μ + σ ε) + √(1 − s²) z₀. Where codes of the data are distributed as the prior, so is z for every s: the mixture
//! leaves only the region, not the prior. Styles (W, W+) have no such density and are blended: w = (1 − s) w₀ + s w.
//! At strength 0 every picture is exactly that of its seed.

use super::corpus::Corpus;
use super::find::Neighbours;
use crate::base::paths::Paths;
use crate::base::rng::Stream;
use crate::base::{Family, Picture, Problem, Progress, Result};
use crate::latent::encoder::store;
use crate::latent::interpolate::Mode;
use crate::latent::invert::InvertConfig;
use crate::latent::model::LoadedModel;
use crate::recipe::picture::{Latent, Place, Space};

/// Steps by which latents of pictures are looked for in a GAN: enough to land near them; the mixture blurs the rest.
const STEPS: u32 = 150;

/// A component of the mixture: a real picture's latent.
#[derive(Clone, Debug, PartialEq)]
struct Component {
    latent: Latent,
    /// Standard deviations of the posterior; empty where there is none.
    deviation: Vec<f32>,
    weight: f32,
}

/// A mixture that latents are drawn from.
pub struct LatentMixture {
    components: Vec<Component>,
    /// How alike the model's pictures of the components are to the real ones, in dB.
    likeness: Vec<f64>,
}

/// A latent that was drawn, with the component that it was drawn around.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// The latent.
    pub latent: Latent,
    /// Which of the pictures that were found.
    pub neighbour: usize,
}

impl LatentMixture {
    /// Around the pictures that were found: through the encoder of a VAE, by search in a GAN (from its trained encoder's
    /// guess, where it has one).
    ///
    /// # Errors
    /// The model has no latents, or it was cancelled.
    pub fn around(
        model: &LoadedModel,
        corpus: &Corpus,
        found: &Neighbours,
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let pictures: Vec<Picture> = found.list.iter().map(|n| corpus.picture(n.place)).collect();
        if pictures.is_empty() {
            return Err(Problem::data("No picture was found to draw from"));
        }
        let mut out = Self { components: Vec::new(), likeness: Vec::new() };
        match model.info().family {
            Family::Vae => {
                for (i, (neighbour, picture)) in found.list.iter().zip(&pictures).enumerate() {
                    progress.report("Encoding pictures", i as u64, pictures.len() as u64);
                    progress.cancel().check()?;
                    let code = model.encode(picture)?;
                    out.likeness.push(model.likeness(&code.input, &code.reconstruction));
                    let latent = Latent::Point { values: code.mean };
                    let latent = of_class(model, latent, neighbour.label.as_deref());
                    out.components.push(Component { latent, deviation: code.deviation, weight: neighbour.weight });
                }
            }
            Family::Gan => {
                let wish = InvertConfig { steps: STEPS, starts: 2, ..InvertConfig::default() };
                let encoder = store::find(model, paths)?;
                let judges = model.judges(&wish, paths)?;
                let all = model.invert(&pictures, &wish, encoder.as_ref(), &judges, &mut |_| {}, progress)?;
                for (neighbour, own) in found.list.iter().zip(all) {
                    out.likeness.push(own.psnr);
                    let component = Component { latent: own.latent, deviation: Vec::new(), weight: neighbour.weight };
                    out.components.push(component);
                }
            }
            Family::Tokens | Family::Prior => {
                return Err(Problem::usage("This model has no latents to draw from")
                    .of(model.info().name.clone())
                    .try_this("Draw token by token, with `latent-studio draw --like FILE` or the page “Draw”"));
            }
        }
        Ok(out)
    }

    /// How alike the model's own pictures of the components are to the real ones, in dB: what the model cannot show, it
    /// cannot draw from.
    pub fn likeness(&self) -> &[f64] {
        &self.likeness
    }

    /// The latent of a seed; strength is 0 to 1. The same seed at another strength keeps its component and its noise.
    ///
    /// # Errors
    /// The model has no styles where a component has some.
    pub fn draw(&self, model: &LoadedModel, seed: u64, strength: f32) -> Result<Mixed> {
        let mut stream = Stream::new(seed, "retrieval");
        let neighbour = chosen(&self.components, stream.uniform());
        let component = &self.components[neighbour];
        let learned = Latent::Seed { seed };
        if strength == 0.0 {
            return Ok(Mixed { latent: learned, neighbour });
        }
        let dims = model.dims();
        let place = component.latent.place();
        let latent = match place.space {
            Space::Z => {
                let own = dims.numbers(&component.latent);
                let own = spread(&own, &component.deviation, &stream.normals(own.len()));
                let values = blended(&own, &dims.numbers(&learned), strength);
                Latent::of(Place { values, seed: None, ..place })
            }
            Space::W => {
                let each_layer = dims.numbers(&component.latent).len() > dims.z;
                let start = model.to_styles(&[learned.with_class(&place.class)], each_layer)?;
                dims.towards(&start[0], &component.latent, f64::from(strength), Mode::Lerp)
            }
        };
        Ok(Mixed { latent, neighbour })
    }
}

/// The latent with the class of a label, for models that know it.
fn of_class(model: &LoadedModel, latent: Latent, label: Option<&str>) -> Latent {
    match label.and_then(|l| model.classes().iter().position(|c| c == l)) {
        Some(class) => latent.with_class(&[(class as u32, 1.0)]),
        None => latent,
    }
}

/// The component at a place in [0, 1) of the weights.
fn chosen(components: &[Component], at: f32) -> usize {
    let sum: f32 = components.iter().map(|c| c.weight).sum();
    let mut left = at * sum;
    for (i, component) in components.iter().enumerate() {
        left -= component.weight;
        if left < 0.0 {
            return i;
        }
    }
    components.len() - 1
}

/// A draw from a posterior.
fn spread(mean: &[f32], deviation: &[f32], noise: &[f32]) -> Vec<f32> {
    mean.iter().enumerate().map(|(i, m)| m + deviation.get(i).unwrap_or(&0.0) * noise[i]).collect()
}

/// s · own + √(1 − s²) · learned.
fn blended(own: &[f32], learned: &[f32], s: f32) -> Vec<f32> {
    let rest = (1.0 - s * s).max(0.0).sqrt();
    own.iter().zip(learned).map(|(o, l)| s * o + rest * l).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::testing::{fresh, fresh_with};

    fn mixture(latents: Vec<Latent>, deviation: Vec<f32>) -> LatentMixture {
        let weight = 1.0 / latents.len() as f32;
        let of = |latent| Component { latent, deviation: deviation.clone(), weight };
        LatentMixture { components: latents.into_iter().map(of).collect(), likeness: Vec::new() }
    }

    #[test]
    fn without_strength_pictures_are_those_of_their_seeds() {
        let model = fresh("conv-vae", 8, 4);
        let mix = mixture(vec![Latent::Point { values: vec![1.0; 4] }], vec![0.5; 4]);
        for seed in 0..5 {
            assert_eq!(mix.draw(&model, seed, 0.0).unwrap().latent, Latent::Seed { seed });
        }
    }

    #[test]
    fn with_all_strength_latents_are_those_of_the_pictures() {
        let model = fresh("conv-vae", 8, 4);
        let points = vec![Latent::Point { values: vec![1.0, 2.0, 3.0, 4.0] }, Latent::Point { values: vec![-1.0; 4] }];
        let mix = mixture(points.clone(), Vec::new());
        let mut met = [0; 2];
        for seed in 0..40 {
            let mixed = mix.draw(&model, seed, 1.0).unwrap();
            assert_eq!(mixed.latent.values(4), points[mixed.neighbour].values(4));
            met[mixed.neighbour] += 1;
        }
        assert!(met.iter().all(|n| *n > 8), "both are drawn: {met:?}");
    }

    #[test]
    fn codes_that_are_distributed_as_the_prior_stay_so_at_every_strength() {
        // Components from a standard normal of variance 0.75 with posteriors of variance 0.25: together the prior.
        let model = fresh("conv-vae", 8, 4);
        let points: Vec<Latent> = (0..500)
            .map(|i| Latent::Point {
                values: Stream::new(i, "mean").normals(4).iter().map(|v| v * 0.75f32.sqrt()).collect(),
            })
            .collect();
        for strength in [0.3, 0.7, 1.0] {
            let mix = mixture(points.clone(), vec![0.5; 4]);
            let all: Vec<f32> =
                (0..4000).flat_map(|seed| mix.draw(&model, seed, strength).unwrap().latent.values(4)).collect();
            let mean = all.iter().sum::<f32>() / all.len() as f32;
            let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / all.len() as f32;
            assert!(mean.abs() < 0.06 && (variance - 1.0).abs() < 0.08, "{strength}: {mean} {variance}");
        }
    }

    #[test]
    fn styles_are_blended_from_those_of_the_seed() {
        let model = fresh_with("style-gan", 8, 8, &["a", "b"]);
        let class = [(1, 1.0)];
        let own = model.to_styles(&[Latent::Seed { seed: 77 }.with_class(&class)], true).unwrap().remove(0);
        let mix = mixture(vec![own.clone()], Vec::new());
        let mixed = mix.draw(&model, 3, 0.25).unwrap().latent;
        let start = model.to_styles(&[Latent::Seed { seed: 3 }.with_class(&class)], true).unwrap().remove(0);
        let (a, b) = (start.place().values, own.place().values);
        for ((m, a), b) in mixed.place().values.iter().zip(&a).zip(&b) {
            assert!((m - (0.75 * a + 0.25 * b)).abs() < 1e-5);
        }
        assert_eq!(mixed.class(), class);
        model.generate(&[mixed], 1.0).unwrap();
    }
}
