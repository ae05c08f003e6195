//! Layers burn lacks, or that have to be ours: the same numbers on every device, and a tangent for exact penalties.
//!
//! - [`init`]: first weights from named ChaCha streams on the host, so they are the same on every device.
//! - [`conv`]: the one door to convolution; on the CPU its kernels are our own (`kernel`, `cpu`), on other devices burn's.
//! - [`activation`], [`resample`], [`norm`], [`linear`], [`residual`]: the rest of a network.
//! - [`dual`]: values and tangents through the same code, for critics. [`spectral`]: spectral norm. [`modulated_conv`]: modulated
//!   convolution.
//! - [`fused`]: batch norm, losses, optimiser steps in one pass over memory each, on the CPU.
//! - [`frozen`]: layers with fixed weights, whose gradients flow to pictures only, on the CPU.
//! - [`diff_augment`]: differentiable augmentation. [`ema`]: averaged weights.
//! - [`param_path`]: the names of parameters. [`device`]: devices by name.

pub mod activation;
pub mod conv;
mod cpu;
pub mod device;
pub mod diff_augment;
pub mod dual;
pub mod ema;
pub mod embed;
pub mod fourier_features;
pub mod frozen;
pub mod fused;
pub mod init;
mod kernel;
pub mod linear;
pub mod lstm;
pub mod modulated_conv;
pub mod norm;
pub mod param_path;
pub mod resample;
pub mod residual;
pub mod sequence;
pub mod spectral;
#[cfg(all(feature = "wgpu", not(target_os = "macos")))]
mod wgsl;

use burn::tensor::{Device, Tensor};

/// Whether a device is the CPU.
pub fn is_cpu(device: &Device) -> bool {
    device.clone().inner() == Device::flex()
}

/// Work on tensors of this device. On the CPU a thread of the pool does it, which takes its own share of every operation;
/// a thread from outside would fall asleep and be woken for each. On a GPU it stays on this thread, as its queue does.
pub fn on_pool<R: Send>(device: &Device, work: impl FnOnce() -> R + Send) -> R {
    if is_cpu(device) { rayon::scope(|_| work()) } else { work() }
}

/// All numbers of a tensor on the host, row by row. Waits for its device.
pub fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().convert::<f32>().try_into_vec().expect("the data were converted to f32")
}

/// `c = a · b`, of `m×k` and `k×n`, in plain order, on this thread.
pub fn product([m, n, k]: [usize; 3], c: &mut [f32], a: &[f32], b: &[f32]) {
    kernel::plain_product([m, n, k], c, a, b);
}

/// Sum of all numbers, first over each picture, then over the batch.
///
/// A sum over millions of numbers at once is split among threads in no fixed order; one over a picture is not.
///
/// # Shapes
/// `[b, …] → [1]`
pub fn ordered_sum<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    per_picture(x).sum_dim(1).sum()
}

/// Every picture as one row. `[b, …] → [b, n]`
pub fn per_picture<const D: usize>(x: Tensor<D>) -> Tensor<2> {
    let shape = x.dims();
    let n: usize = shape.iter().skip(1).product();
    x.reshape([shape[0], n])
}
