//! A loaded model as a function: rows of numbers in, pictures out, differentiable in the rows, with a look at its
//! features on the way.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::latent_math::Dims;
use super::model::{LoadedModel, Net};
use super::sample;
use crate::base::rng::Stream;
use crate::base::{Problem, Result, Shape};
use crate::models::{Generator, Probe};
use crate::recipe::picture::{Latent, Place, Space};
use crate::train::tensors;

/// Pictures in one pass where only numbers are wanted of them.
pub(super) const BATCH: usize = 16;

/// What may move of a latent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LatentSpace {
    /// The latent itself.
    #[default]
    #[serde(rename = "z")]
    Z,
    /// One style for all layers.
    #[serde(rename = "w")]
    W,
    /// A style for each layer.
    #[serde(rename = "w+")]
    WPlus,
}

impl LatentSpace {
    /// `z`, `w` or `w+`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Z => "z",
            Self::W => "w",
            Self::WPlus => "w+",
        }
    }

    /// The freedom of this id.
    ///
    /// # Errors
    /// There is none.
    pub fn from_id(id: &str) -> Result<Self> {
        [Self::Z, Self::W, Self::WPlus]
            .into_iter()
            .find(|f| f.id() == id)
            .ok_or_else(|| Problem::usage("There is no such space of latents").of(id).try_this("Choose z, w or w+"))
    }
}

/// What a picture is made of besides its row.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Conditioning {
    /// Share of each class; empty for models without.
    pub class: Vec<f32>,
    /// Seed of the noise inputs; nothing for no noise at all.
    pub noise: Option<u64>,
}

impl LoadedModel {
    /// How many of what it takes.
    pub fn dims(&self) -> Dims {
        Dims { z: self.latent(), classes: self.classes().len(), layers: self.layers() }
    }

    /// Layers that take a style of their own; 0 for models without styles.
    pub fn layers(&self) -> usize {
        match &self.net {
            Net::Gan(g) => g.styled().map_or(0, |s| s.layers()),
            Net::Vae(_) | Net::Tokens(_) => 0,
        }
    }

    /// Its pictures.
    pub fn shape(&self) -> Shape {
        self.info().recipe.shape()
    }

    /// How many places of its features can be looked at.
    pub fn taps(&self) -> usize {
        match &self.net {
            Net::Gan(g) => g.taps(),
            Net::Vae(v) => v.taps(),
            Net::Tokens(_) => 0,
        }
    }

    /// Numbers in a row.
    pub fn row(&self, freedom: LatentSpace) -> usize {
        if freedom == LatentSpace::WPlus { self.layers().max(1) * self.latent() } else { self.latent() }
    }

    /// Whether latents can be moved so.
    ///
    /// # Errors
    /// The model has no styles.
    pub fn allows(&self, freedom: LatentSpace) -> Result<()> {
        if freedom == LatentSpace::Z || self.layers() > 0 {
            return Ok(());
        }
        Err(Problem::usage("This model has no styles").of(self.info().name.clone()).try_this("Use the space z"))
    }

    /// Latents as rows of numbers that a network takes, truncation 1.
    ///
    /// # Errors
    /// The model has no styles but is asked for some, a style is to become a latent, or a latent is none of this
    /// model's.
    pub(super) fn rows_of(&self, latents: &[Latent], freedom: LatentSpace) -> Result<Vec<Vec<f32>>> {
        self.allows(freedom)?;
        let codes = self.coded(latents, 1.0)?;
        if freedom == LatentSpace::Z {
            let style = codes.iter().any(|c| c.space == Space::W);
            return if style {
                Err(Problem::usage("A style cannot be turned back into a latent").try_this("Use the space w or w+"))
            } else {
                Ok(codes.into_iter().map(|c| c.values).collect())
            };
        }
        let Net::Gan(g) = &self.net else { return Ok(Vec::new()) };
        let Some(net) = g.styled() else { return Ok(Vec::new()) };
        let mut rows = Vec::with_capacity(codes.len());
        for group in codes.chunks(BATCH) {
            let styles = sample::styles(net, group, &self.device);
            let [n, layers, w] = styles.dims();
            let styles = if freedom == LatentSpace::W {
                // Styles that differ from layer to layer are brought to their mean.
                styles.mean_dim(1).reshape([n, w])
            } else {
                styles.reshape([n, layers * w])
            };
            rows.extend(host(styles));
        }
        Ok(rows)
    }

    /// Latents as the numbers that arithmetic is done with: those of a latent itself (before a fitted prior), or styles.
    ///
    /// # Errors
    /// As [`Self::rows_of`].
    pub(super) fn numbers_of(&self, latents: &[Latent], freedom: LatentSpace) -> Result<Vec<Vec<f32>>> {
        let rows = self.rows_of(latents, freedom)?;
        if freedom != LatentSpace::Z || self.active_prior().is_none() {
            return Ok(rows);
        }
        Ok(latents.iter().map(|l| l.values(self.latent())).collect())
    }

    /// The numbers of a latent whose code the network takes, where a fitted prior stands between them.
    fn as_normals(&self, code: Vec<f32>) -> Vec<f32> {
        match self.active_prior() {
            Some(prior) => prior.normals(&code),
            None => code,
        }
    }

    /// The latent of a row of [`Self::rows_of`].
    pub(super) fn latent_of(&self, row: Vec<f32>, freedom: LatentSpace, held: &Conditioning) -> Latent {
        let class = held.class.iter().enumerate().filter(|(_, s)| **s != 0.0).map(|(i, s)| (i as u32, *s)).collect();
        let space = if freedom == LatentSpace::Z { Space::Z } else { Space::W };
        let row = if freedom == LatentSpace::Z { self.as_normals(row) } else { row };
        Latent::of(Place { space, values: row, seed: None, class, noise: held.noise.unwrap_or(0) })
    }

    /// What a latent holds besides its numbers.
    pub(super) fn held(&self, latent: &Latent) -> Conditioning {
        Conditioning { class: self.dims().shares(latent), noise: Some(latent.place().noise) }
    }

    /// Latents as styles: one for all layers, or one for each.
    ///
    /// # Errors
    /// The model has no styles.
    pub fn to_styles(&self, latents: &[Latent], each_layer: bool) -> Result<Vec<Latent>> {
        let freedom = if each_layer { LatentSpace::WPlus } else { LatentSpace::W };
        let rows = self.rows_of(latents, freedom)?;
        Ok(rows.into_iter().zip(latents).map(|(row, l)| self.latent_of(row, freedom, &self.held(l))).collect())
    }

    /// Classes of rows, one [`Conditioning`] each (or one for all); nothing for models without. `[b, classes]`
    fn class_of(&self, held: &[Conditioning], b: usize) -> Option<Tensor<2>> {
        let classes = self.dims().classes;
        (classes > 0).then(|| {
            let mut values = Vec::with_capacity(b * classes);
            for i in 0..b {
                values.extend(held.get(i).or(held.last()).map(|h| h.class.clone()).unwrap_or_default());
                values.resize((i + 1) * classes, 0.0);
            }
            Tensor::<2>::from_data(TensorData::new(values, [b, classes]), &self.device)
        })
    }

    /// Rows of latents. `[b, z] → [b, row]`
    pub(super) fn styled_rows(&self, z: Tensor<2>, held: &[Conditioning], freedom: LatentSpace) -> Tensor<2> {
        let Net::Gan(g) = &self.net else { return z };
        let (Some(net), [b, w]) = (g.styled(), z.dims()) else { return z };
        match freedom {
            LatentSpace::Z => z,
            LatentSpace::W => net.map_latents(z, self.class_of(held, b).as_ref()),
            LatentSpace::WPlus => {
                let styles = net.spread(net.map_latents(z, self.class_of(held, b).as_ref()));
                let layers = styles.dims()[1];
                styles.reshape([b, layers * w])
            }
        }
    }

    /// Styles of latents, one for each layer, pulled towards their mean as pictures are.
    ///
    /// # Errors
    /// As [`Self::code`].
    pub(super) fn truncated_styles(&self, latent: &Latent, truncation: f32) -> Result<Vec<Vec<f32>>> {
        let Net::Gan(g) = &self.net else { return Ok(Vec::new()) };
        let Some(net) = g.styled() else { return Ok(Vec::new()) };
        let styles = sample::styles(net, &[self.code(latent, truncation)?], &self.device);
        let [n, layers, w] = styles.dims();
        Ok(host(styles.reshape([n, layers * w])))
    }

    /// Pictures of rows, one [`Conditioning`] each (or one for all), with features shown to `probe`.
    /// `[b, row] → [b, c, r, r]` in about −1…1, differentiable in the rows.
    pub(super) fn draw(
        &self,
        rows: Tensor<2>,
        freedom: LatentSpace,
        held: &[Conditioning],
        probe: Probe<'_>,
    ) -> Tensor<4> {
        match &self.net {
            Net::Vae(v) => {
                let class = self.class_of(held, rows.dims()[0]);
                v.to_picture(v.decode_probed(rows, class.as_ref(), probe))
            }
            Net::Gan(g) => self.draw_by(g, rows, freedom, held, probe),
            Net::Tokens(t) => {
                let (b, [h, w]) = (rows.dims()[0], t.grid());
                t.decode(rows.reshape([b, t.code_len(), h, w]))
            }
        }
    }

    /// As [`Self::draw`] by another generator of the same kind.
    pub(super) fn draw_by(
        &self,
        g: &Generator,
        rows: Tensor<2>,
        freedom: LatentSpace,
        held: &[Conditioning],
        probe: Probe<'_>,
    ) -> Tensor<4> {
        let [b, _] = rows.dims();
        let of_row = |i: usize| held.get(i).or(held.last());
        let class = self.class_of(held, b);
        match g.styled() {
            None => g.forward_probed(rows, class.as_ref(), probe),
            Some(net) => {
                let styles = match freedom {
                    LatentSpace::Z => net.spread(net.map_latents(rows, class.as_ref())),
                    LatentSpace::W => net.spread(rows),
                    LatentSpace::WPlus => {
                        let (layers, w) = (net.layers(), self.latent());
                        rows.reshape([b, layers, w])
                    }
                };
                let seeds: Option<Vec<u64>> = (0..b).map(|i| of_row(i).map_or(Some(0), |h| h.noise)).collect();
                let noise = seeds.and_then(|seeds| {
                    let mut streams: Vec<Stream> = seeds.iter().map(|s| Stream::new(*s, "noise inputs")).collect();
                    net.noise_of(&mut streams, &self.device)
                });
                net.synthesize_probed(styles, noise, probe)
            }
        }
    }

    /// Pictures as numbers in about −1…1, before they are rounded, channel by channel: one row a latent.
    ///
    /// # Errors
    /// A latent is none of this model's, or the truncation is no number.
    pub fn pixels(&self, latents: &[Latent], truncation: f32) -> Result<Vec<Vec<f32>>> {
        let mut rows = Vec::with_capacity(latents.len());
        for group in latents.chunks(BATCH) {
            let codes = self.coded(group, truncation)?;
            let x = match &self.net {
                Net::Gan(g) => sample::forward(g, &codes, &self.device),
                Net::Vae(v) => sample::decoded(v, &codes, &self.device),
                Net::Tokens(t) => sample::detokenised(t, &codes, &self.device),
            };
            rows.extend(host(crate::nn::per_picture(x)));
        }
        Ok(rows)
    }
}

impl LoadedModel {
    /// Latents of the posterior means of `n` pictures (interleaved bytes of the model's shape), all at once; nothing for a GAN.
    pub(super) fn means(&self, pictures: &[&[u8]], n: usize) -> Vec<Vec<f32>> {
        let Net::Vae(vae) = &self.net else { return Vec::new() };
        let means = host(vae.encode(tensors::pictures(&pictures.concat(), n, self.shape(), &self.device), None).0);
        means.into_iter().map(|row| self.as_normals(row)).collect()
    }
}

/// A matrix's rows on the host.
pub(super) fn host(x: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, n] = x.dims();
    let values = crate::nn::numbers(x.without_autodiff());
    values.chunks_exact(n.max(1)).map(<[f32]>::to_vec).collect()
}
