//! Twice as large, half as large; padded and cropped to the size that a network is built at.
//!
//! Linear maps all: a tangent goes through the same call. No bilinear interpolation: on GPUs it has no backward.

use super::cpu::{self, Way};
use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};

/// Every pixel becomes a square of four. `[b, c, h, w] → [b, c, 2h, 2w]`
pub fn double(x: Tensor<4>) -> Tensor<4> {
    if let Some(y) = cpu::resample(&x, Way::Up) {
        return y;
    }
    interpolate(x, InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]))
}

/// Every square of four becomes its mean. `[b, c, 2h, 2w] → [b, c, h, w]`
pub fn half(x: Tensor<4>) -> Tensor<4> {
    if let Some(y) = cpu::resample(&x, Way::Down) {
        return y;
    }
    avg_pool2d(x, AvgPoolOptions::new([2, 2]))
}

/// Pictures with a border of zeros, so that they are `built` pixels a side. `[b, c, r, r] → [b, c, built, built]`
pub fn padded(x: Tensor<4>, built: usize) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if h == built && w == built {
        return x;
    }
    let (top, left) = ((built - h) / 2, (built - w) / 2);
    x.pad([(top, built - h - top), (left, built - w - left)], 0.0)
}

/// The centre of pictures. `[b, c, built, built] → [b, c, r, r]`
pub fn cropped(x: Tensor<4>, resolution: usize) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    if h == resolution && w == resolution {
        return x;
    }
    let (top, left) = ((h - resolution) / 2, (w - resolution) / 2);
    x.slice([0..b, 0..c, top..top + resolution, left..left + resolution])
}
