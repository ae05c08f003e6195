//! What is evaluated: anything that makes pictures of seeds, and perhaps encodes them.

use super::likelihood::{Explained, Weighing};
use crate::base::rng::Stream;
use crate::base::{Picture, Result, Shape};
use crate::data::Prepared;
use crate::latent::model::LoadedModel;
use crate::latent::sample;
use crate::latent::space::Code;
use crate::recipe::Likelihood;
use crate::recipe::picture::Latent;

/// A model as the metrics see it.
pub trait Subject {
    /// Shape of its pictures.
    fn shape(&self) -> Shape;

    /// Names of the classes it can be asked for; none if it takes none.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// Pictures of these seeds, each of a class if one is given, in order. Ends when `each` returns false.
    ///
    /// # Errors
    /// The device fails.
    fn sample(&self, seeds: &[(u64, Option<u32>)], each: &mut dyn FnMut(usize, Picture) -> bool) -> Result<()>;

    /// Points of these seeds, if it makes points in the plane and no pictures.
    ///
    /// # Errors
    /// The device fails.
    fn points(&self, seeds: &[u64]) -> Result<Vec<[f32; 2]>> {
        let _ = seeds;
        Ok(Vec::new())
    }

    /// Its other half, if it can take pictures in.
    fn encoding(&self) -> Option<&dyn Encoding> {
        None
    }
}

/// A model that takes pictures in: interleaved bytes of its shape. A model that learned classes is told the class of each
/// picture (by its place among [`Subject::classes`]), as it was when it learned.
pub trait Encoding {
    /// The code of a picture: the mean of its posterior.
    fn code(&self, picture: &[u8], class: Option<u32>) -> Vec<f32>;

    /// The picture through the model and back.
    fn rebuilt(&self, picture: &[u8], class: Option<u32>) -> Option<Picture>;

    /// `k` draws of the posterior, and what each says of the picture's likelihood.
    fn draws(&self, picture: &[u8], class: Option<u32>, k: usize, noise: &mut Stream) -> Vec<Explained>;

    /// Of which kind the likelihood is.
    fn likelihood(&self) -> Likelihood;

    /// What the likelihood rests on besides.
    fn describe(&self) -> String;
}

/// Pictures that another program made: it "makes" them one after the other.
pub struct Pictures<'a>(pub &'a Prepared);

impl Subject for Pictures<'_> {
    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn sample(&self, seeds: &[(u64, Option<u32>)], each: &mut dyn FnMut(usize, Picture) -> bool) -> Result<()> {
        for (i, (seed, _)) in seeds.iter().enumerate() {
            let place = (seed % self.0.len().max(1) as u64) as usize;
            if !each(i, super::pictures::picture_of(self.0, place)) {
                break;
            }
        }
        Ok(())
    }
}

impl Subject for LoadedModel {
    fn shape(&self) -> Shape {
        self.info().recipe.shape()
    }

    fn classes(&self) -> &[String] {
        Self::classes(self)
    }

    fn sample(&self, seeds: &[(u64, Option<u32>)], each: &mut dyn FnMut(usize, Picture) -> bool) -> Result<()> {
        let latent = |&(seed, class): &(u64, Option<u32>)| {
            let latent = Latent::Seed { seed };
            class.map_or_else(|| latent.clone(), |c| latent.with_class(&[(c, 1.0)]))
        };
        let latents: Vec<Latent> = seeds.iter().map(latent).collect();
        self.generate_with(&latents, 1.0, each)
    }

    fn points(&self, seeds: &[u64]) -> Result<Vec<[f32; 2]>> {
        let latents: Vec<Latent> = seeds.iter().map(|&seed| Latent::Seed { seed }).collect();
        self.points(&latents, 1.0)
    }

    fn encoding(&self) -> Option<&dyn Encoding> {
        self.vae().map(|_| self as &dyn Encoding)
    }
}

fn weighing(model: &LoadedModel) -> Option<Weighing<'_>> {
    let (vae, device) = model.vae()?;
    let binarise = model.info().recipe.objective.vae.binarise;
    Some(Weighing { vae, device, shape: Subject::shape(model), binarise, prior: model.mixture() })
}

/// Share of each class of a model; all zero for none, empty for a model without classes.
fn shares(model: &LoadedModel, class: Option<u32>) -> Vec<f32> {
    (0..model.classes().len()).map(|i| f32::from(u8::from(class == Some(i as u32)))).collect()
}

/// Only ever asked of a VAE: [`Subject::encoding`] hands out nothing else.
impl Encoding for LoadedModel {
    fn code(&self, picture: &[u8], class: Option<u32>) -> Vec<f32> {
        let shares = shares(self, class);
        let encode = |(vae, device)| sample::encode(vae, picture, &shares, device, self.shape()).0;
        self.vae().map(encode).unwrap_or_default()
    }

    fn rebuilt(&self, picture: &[u8], class: Option<u32>) -> Option<Picture> {
        let (vae, device) = self.vae()?;
        let code = Code { class: shares(self, class), ..Code::plain(Encoding::code(self, picture, class)) };
        sample::decode(vae, &[code], device, self.shape()).pop()
    }

    fn draws(&self, picture: &[u8], class: Option<u32>, k: usize, noise: &mut Stream) -> Vec<Explained> {
        weighing(self).map(|w| w.draws(picture, &shares(self, class), k, noise)).unwrap_or_default()
    }

    fn describe(&self) -> String {
        weighing(self).map(|w| w.describe()).unwrap_or_default()
    }

    fn likelihood(&self) -> Likelihood {
        self.vae().map_or(Likelihood::Bernoulli, |(vae, _)| vae.likelihood())
    }
}

#[cfg(test)]
pub mod testing {
    //! Subjects of tests: they "make" pictures that are given.

    use super::*;

    /// Hands out pictures, over and over.
    pub struct Given(pub Vec<Picture>, pub Shape);

    impl Subject for Given {
        fn shape(&self) -> Shape {
            self.1
        }

        fn sample(&self, seeds: &[(u64, Option<u32>)], each: &mut dyn FnMut(usize, Picture) -> bool) -> Result<()> {
            for (i, (seed, _)) in seeds.iter().enumerate() {
                if !each(i, self.0[*seed as usize % self.0.len()].clone()) {
                    break;
                }
            }
            Ok(())
        }
    }
}
