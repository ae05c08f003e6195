//! Pictures from latents. A picture's bytes never depend on the batch it was made in: every picture goes through the
//! network in a micro-batch of fixed size, padded with zeros.
//!
//! On the CPU that size is one: kernels split the work of a single picture over the threads just as well, and a single
//! picture under the mouse costs no padding. On a GPU it is eight, which keeps it busy.

use burn::tensor::{Device, Tensor};

use crate::base::{Picture, Shape};
use crate::models::{Generator, Vae};
use crate::train::tensors;

/// Pictures in one pass of the network on this device.
pub fn micro_batch(device: &Device) -> usize {
    if is_cpu(device) { 1 } else { 8 }
}

/// Whether a device is the CPU backend.
pub fn is_cpu(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

fn in_micro_batches(
    latents: &[Vec<f32>],
    device: &Device,
    shape: Shape,
    each: &mut dyn FnMut(usize, Picture) -> bool,
    forward: &dyn Fn(Tensor<2>) -> Tensor<4>,
) {
    let size = micro_batch(device);
    let Some(dim) = latents.first().map(Vec::len) else { return };
    for (chunk, group) in latents.chunks(size).enumerate() {
        let mut values: Vec<f32> = group.iter().flatten().copied().collect();
        values.resize(size * dim, 0.0);
        let made = tensors::to_pictures(forward(tensors::matrix(values, size, dim, device)), shape);
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

/// Pictures of a generator in inference mode, one a latent.
pub fn generate(generator: &Generator, latents: &[Vec<f32>], device: &Device, shape: Shape) -> Vec<Picture> {
    collect(|each| generate_each(generator, latents, device, shape, each))
}

/// As [`generate`], handing each picture on as it is made; ends when `each` returns false.
pub fn generate_each(
    generator: &Generator,
    latents: &[Vec<f32>],
    device: &Device,
    shape: Shape,
    each: &mut dyn FnMut(usize, Picture) -> bool,
) {
    in_micro_batches(latents, device, shape, each, &|z| generator.forward(z));
}

/// Pictures of a VAE's decoder in inference mode, one a latent.
pub fn decode(vae: &Vae, latents: &[Vec<f32>], device: &Device, shape: Shape) -> Vec<Picture> {
    collect(|each| decode_each(vae, latents, device, shape, each))
}

/// As [`decode`], handing each picture on as it is made; ends when `each` returns false.
pub fn decode_each(
    vae: &Vae,
    latents: &[Vec<f32>],
    device: &Device,
    shape: Shape,
    each: &mut dyn FnMut(usize, Picture) -> bool,
) {
    in_micro_batches(latents, device, shape, each, &|z| vae.to_picture(vae.decode(z)));
}

/// Posterior of a picture (interleaved bytes of the model's shape): mean and standard deviation of each dimension.
pub fn encode(vae: &Vae, picture: &[u8], device: &Device, shape: Shape) -> (Vec<f32>, Vec<f32>) {
    let size = micro_batch(device);
    let mut bytes = picture.to_vec();
    bytes.resize(size * shape.bytes(), 0);
    let (mean, log_variance) = vae.encode(tensors::pictures(&bytes, size, shape, device));
    let first = |t: Tensor<2>| -> Vec<f32> {
        let dim = t.dims()[1];
        t.into_data().convert::<f32>().try_to_vec::<f32>().unwrap_or_default().into_iter().take(dim).collect()
    };
    (first(mean), first((log_variance * 0.5).exp()))
}
