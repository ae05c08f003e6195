//! What the generator of a GAN is given in training, and what it makes of it.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use crate::base::Result;
use crate::base::rng::Stream;
use crate::models::Generator;
use crate::train::batch::rows;
use crate::train::state::{StateReader, StateWriter};
use crate::train::tensors;

/// The random streams of a GAN.
pub struct Streams {
    pub latents: Stream,
    pub augment: Stream,
    /// Noise inputs and where styles change.
    pub noise: Stream,
    /// Which labels are hidden.
    pub labels: Stream,
    /// Places between real and generated pictures.
    pub between: Stream,
}

impl Streams {
    /// Streams of a seed; `suffix` tells those of later tries apart.
    pub fn new(seed: u64, suffix: &str) -> Self {
        let stream = |name: &str| Stream::new(seed, &format!("{name}{suffix}"));
        Self {
            latents: stream("latents"),
            augment: stream("augment"),
            noise: stream("noise"),
            labels: stream("labels"),
            between: stream("between"),
        }
    }

    /// Takes all of them down.
    pub fn keep(&self, out: &mut StateWriter) {
        out.stream("latents", &self.latents);
        out.stream("augment", &self.augment);
        out.stream("noise", &self.noise);
        out.stream("labels", &self.labels);
        out.stream("between", &self.between);
    }

    /// As they were kept.
    ///
    /// # Errors
    /// One that every checkpoint has is not there.
    pub fn restore(&mut self, kept: &StateReader<'_>) -> Result<()> {
        self.latents = kept.stream("latents")?;
        self.augment = kept.stream("augment")?;
        kept.later_stream("noise", &mut self.noise);
        kept.later_stream("labels", &mut self.labels);
        kept.later_stream("between", &mut self.between);
        Ok(())
    }
}

/// What the generator is given for a batch.
pub struct GeneratorInput {
    z: Tensor<2>,
    /// A second latent for each picture, and the layer from which on it rules.
    mixed: Option<(Tensor<2>, Vec<usize>)>,
    noise: Option<Vec<Tensor<4>>>,
    class: Option<Tensor<2>>,
}

impl GeneratorInput {
    /// Drawn for `n` pictures of these classes; a share of `mixing` has two styles (Karras 2019).
    pub fn draw(
        generator: &Generator,
        streams: &mut Streams,
        n: usize,
        class: Option<&Tensor<2>>,
        mixing: f32,
        device: &Device,
    ) -> Self {
        let dim = generator.latent();
        let mut latents = || tensors::matrix(streams.latents.normals(n * dim), n, dim, device);
        let mut input = Self { z: latents(), mixed: None, noise: None, class: class.cloned() };
        if let Some(styled) = generator.styled() {
            if mixing > 0.0 {
                let layers = styled.layers();
                let stream = &mut streams.noise;
                let cut = (0..n).map(|_| {
                    let (mixes, at) = (stream.uniform() < mixing, 1 + stream.below(layers as u64 - 1) as usize);
                    if mixes { at } else { layers }
                });
                let cut = cut.collect();
                input.mixed = Some((latents(), cut));
            }
            input.noise = styled.draw_noise(&mut streams.noise, n, &device.clone().inner());
        }
        input
    }

    /// Pictures of a part, and the styles of its latents where there are some.
    pub fn pictures(&self, generator: &Generator, range: &Range<usize>) -> (Tensor<4>, Option<Tensor<2>>) {
        let z = rows(&self.z, range);
        let class = self.class.as_ref().map(|c| rows(c, range));
        let Some(net) = generator.styled() else { return (generator.forward(z, class.as_ref()), None) };
        let a = net.map_latents(z, class.as_ref());
        let styles = match &self.mixed {
            Some((second, cut)) => {
                let b = net.map_latents(rows(second, range), class.as_ref());
                net.mixed(a.clone(), b, &cut[range.clone()])
            }
            None => net.spread(a.clone()),
        };
        let noise = self.noise.as_ref().map(|layers| layers.iter().map(|noise| rows(noise, range)).collect());
        (net.synthesize(styles, noise), Some(a))
    }
}

/// Somewhere on the line between each real and its generated picture.
pub fn between(stream: &mut Stream, real: &Tensor<4>, fake: &Tensor<4>) -> Tensor<4> {
    let n = real.dims()[0];
    let at: Vec<f32> = (0..n).map(|_| stream.uniform()).collect();
    let device = real.device().inner();
    let at: Tensor<4> = tensors::matrix(at, n, 1, &device).unsqueeze_dims(&[2, 3]);
    let (real, fake) = (real.clone().without_autodiff(), fake.clone().without_autodiff());
    fake.clone() + (real - fake) * at
}
