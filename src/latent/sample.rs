//! Pictures from latents. A picture's bytes never depend on the batch it was made in: every picture goes through the
//! network in a micro-batch of fixed size, padded with zeros.
//!
//! On the CPU that size is one: kernels split the work of a single picture over the threads just as well, and a single
//! picture under the mouse costs no padding. On a GPU it is eight, which keeps it busy.

use burn::tensor::{Device, Tensor, TensorData};

use super::space::Code;
use crate::base::rng::Stream;
use crate::base::{Picture, Shape};
use crate::models::{Draw, Generator, StyleGenerator, TokenVae, Vae};
use crate::nn::{is_cpu, on_pool};
use crate::recipe::picture::Space;
use crate::train::tensors;

/// Pictures in one pass of the network on this device.
pub fn micro_batch(device: &Device) -> usize {
    if is_cpu(device) { 1 } else { 8 }
}

fn in_micro_batches(
    codes: &[Code],
    device: &Device,
    shape: Shape,
    each: &mut dyn FnMut(usize, Picture) -> bool,
    forward: &(dyn Fn(&[Code]) -> Tensor<4> + Sync),
) {
    let size = micro_batch(device);
    for (chunk, group) in codes.chunks(size).enumerate() {
        let mut padded = group.to_vec();
        padded.resize(size, group[group.len() - 1].clone());
        let made = on_pool(device, || tensors::to_pictures(forward(&padded), shape));
        for (i, picture) in made.into_iter().take(group.len()).enumerate() {
            if !each(chunk * size + i, picture) {
                return;
            }
        }
    }
}

fn collect(run: impl FnOnce(&mut dyn FnMut(usize, Picture) -> bool)) -> Vec<Picture> {
    let mut out = Vec::new();
    run(&mut |_, picture| {
        out.push(picture);
        true
    });
    out
}

/// Latents of codes, one a row. `[n, z]`
fn latents(codes: &[Code], device: &Device) -> Tensor<2> {
    let dim = codes.first().map_or(0, |c| c.values.len());
    let mut values: Vec<f32> = Vec::with_capacity(codes.len() * dim);
    for code in codes {
        values.extend(code.values.iter().map(|v| v * code.psi));
        // A code of another length would shift all that follow.
        values.resize(values.len().next_multiple_of(dim.max(1)), 0.0);
    }
    values.resize(codes.len() * dim, 0.0);
    tensors::matrix(values, codes.len(), dim, device)
}

/// Classes of codes, one a row; nothing for models without. `[n, classes]`
fn classes(codes: &[Code], device: &Device) -> Option<Tensor<2>> {
    let count = codes.first().map_or(0, |c| c.class.len());
    (count > 0).then(|| {
        let values = codes.iter().flat_map(|c| c.class.iter().copied()).collect();
        tensors::matrix(values, codes.len(), count, device)
    })
}

/// Styles of codes for every layer, truncated. `[n, layers, w]`
pub fn styles(net: &StyleGenerator, codes: &[Code], device: &Device) -> Tensor<3> {
    let (layers, dim) = (net.layers(), net.latent());
    let each = codes.iter().map(|code| {
        let styles = match code.space {
            Space::Z => {
                let one = Code { psi: 1.0, ..code.clone() };
                let one = std::slice::from_ref(&one);
                net.spread(net.map_latents(latents(one, device), classes(one, device).as_ref()))
            }
            Space::W => {
                let mut values = code.values.clone();
                // One style for all layers, or one for each.
                if values.len() <= dim {
                    values.resize(dim, 0.0);
                    values = values.repeat(layers);
                }
                values.resize(layers * dim, 0.0);
                Tensor::from_data(TensorData::new(values, [1, layers, dim]), device)
            }
        };
        net.truncated(styles, code.psi, code.cutoff)
    });
    Tensor::cat(each.collect(), 0)
}

/// Pictures of codes as a tensor. `[n, c, r, r]`
pub fn forward(generator: &Generator, codes: &[Code], device: &Device) -> Tensor<4> {
    let Some(net) = generator.styled() else {
        return generator.forward(latents(codes, device), classes(codes, device).as_ref());
    };
    let mut streams: Vec<Stream> = codes.iter().map(|c| Stream::new(c.noise, "noise inputs")).collect();
    let noise = net.noise_of(&mut streams, device);
    net.synthesize(styles(net, codes, device), noise)
}

/// Pictures of a generator in inference mode, one a code.
pub fn generate(generator: &Generator, codes: &[Code], device: &Device, shape: Shape) -> Vec<Picture> {
    collect(|each| generate_each(generator, codes, device, shape, each))
}

/// As [`generate`], handing each picture on as it is made; ends when `each` returns false.
pub fn generate_each(
    generator: &Generator,
    codes: &[Code],
    device: &Device,
    shape: Shape,
    each: &mut dyn FnMut(usize, Picture) -> bool,
) {
    in_micro_batches(codes, device, shape, each, &|codes| forward(generator, codes, device));
}

/// Points of a generator's averaged weights, one a code.
pub fn points(generator: &Generator, codes: &[Code], device: &Device) -> Vec<[f32; 2]> {
    codes.chunks(256).flat_map(|codes| tensors::points(forward(generator, codes, device))).collect()
}

/// Pictures of a VAE's decoder in inference mode, one a code.
pub fn decode(vae: &Vae, codes: &[Code], device: &Device, shape: Shape) -> Vec<Picture> {
    collect(|each| decode_each(vae, codes, device, shape, each))
}

/// As [`decode`], handing each picture on as it is made; ends when `each` returns false.
pub fn decode_each(
    vae: &Vae,
    codes: &[Code],
    device: &Device,
    shape: Shape,
    each: &mut dyn FnMut(usize, Picture) -> bool,
) {
    in_micro_batches(codes, device, shape, each, &|codes| decoded(vae, codes, device));
}

/// The quantised vectors of a picture (interleaved bytes of the model's shape), one after the other: of each number of a
/// vector its whole grid.
pub fn tokenise(net: &TokenVae, picture: &[u8], device: &Device, shape: Shape) -> Vec<f32> {
    let size = micro_batch(device);
    let mut bytes = picture.to_vec();
    bytes.resize(size * shape.bytes(), 0);
    let exact = net.quantise(net.encode(tensors::pictures(&bytes, size, shape, device))).exact;
    let count = exact.shape().num_elements() / size;
    crate::nn::numbers(exact).into_iter().take(count).collect()
}

/// Pictures of quantised vectors as a tensor, by the decoder of a token model. `[n, c, r, r]`
pub fn detokenised(net: &TokenVae, codes: &[Code], device: &Device) -> Tensor<4> {
    let [h, w] = net.grid();
    net.decode(latents(codes, device).reshape([codes.len(), net.code_len(), h, w])).clamp(-1.0, 1.0)
}

/// Pictures of quantised vectors, one a code.
pub fn detokenise(net: &TokenVae, codes: &[Code], device: &Device, shape: Shape) -> Vec<Picture> {
    collect(|each| detokenise_each(net, codes, device, shape, each))
}

/// As [`detokenise`], handing each picture on as it is made; ends when `each` returns false.
pub fn detokenise_each(
    net: &TokenVae,
    codes: &[Code],
    device: &Device,
    shape: Shape,
    each: &mut dyn FnMut(usize, Picture) -> bool,
) {
    in_micro_batches(codes, device, shape, each, &|codes| detokenised(net, codes, device));
}

/// Pictures of codes as a tensor, by a VAE's decoder. `[n, c, r, r]`
pub fn decoded(vae: &Vae, codes: &[Code], device: &Device) -> Tensor<4> {
    vae.to_picture(vae.decode(latents(codes, device), classes(codes, device).as_ref()))
}

/// A code drawn from the posterior of each picture (interleaved bytes of the model's shape) of this class, all at once.
pub fn draw(
    vae: &Vae,
    pictures: &[&[u8]],
    class: Option<&Tensor<2>>,
    noise: &mut Stream,
    device: &Device,
    shape: Shape,
) -> Vec<Vec<f64>> {
    let (n, dim) = (pictures.len(), vae.latent());
    let x = tensors::pictures(&pictures.concat(), n, shape, device);
    let draw = Draw::Noise(tensors::matrix(noise.normals(n * dim), n, dim, device));
    let z = crate::nn::numbers(vae.infer(x, &draw, class).z);
    z.chunks_exact(dim).map(|z| z.iter().map(|v| f64::from(*v)).collect()).collect()
}

/// Posterior of a picture (interleaved bytes of the model's shape): mean and standard deviation of each dimension.
/// `class` is the share of each class, as in [`Code`]; empty for a model without classes or a picture without one.
pub fn encode(vae: &Vae, picture: &[u8], class: &[f32], device: &Device, shape: Shape) -> (Vec<f32>, Vec<f32>) {
    let size = micro_batch(device);
    let mut bytes = picture.to_vec();
    bytes.resize(size * shape.bytes(), 0);
    let class = (!class.is_empty()).then(|| tensors::matrix(class.repeat(size), size, class.len(), device));
    let (mean, log_variance) = vae.encode(tensors::pictures(&bytes, size, shape, device), class.as_ref());
    let first = |t: Tensor<2>| -> Vec<f32> {
        let dim = t.dims()[1];
        crate::nn::numbers(t).into_iter().take(dim).collect()
    };
    (first(mean), first((log_variance * 0.5).exp()))
}
