//! Twice as large, half as large; padded and cropped to the size that a network is built at.
//!
//! Linear maps all: a tangent goes through the same call. No bilinear interpolation of burn's: on GPUs it has no backward.

use super::cpu::{self, Way};
use super::frozen;
use super::kernel::bilinear::taps;
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Tensor, TensorData};

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

/// Softened by the binomial filter [1, 2, 1]/4 along both sides; edges are repeated. Shapes stay.
///
/// After [`double`] and before [`half`] that makes the resampling filter [1, 3, 3, 1] of StyleGAN.
pub fn blur(x: Tensor<4>) -> Tensor<4> {
    let along = |x: Tensor<4>, dim: usize| {
        let n = x.dims()[dim];
        if n < 2 {
            return x;
        }
        let before = Tensor::cat(vec![x.clone().narrow(dim, 0, 1), x.clone().narrow(dim, 0, n - 1)], dim);
        let after = Tensor::cat(vec![x.clone().narrow(dim, 1, n - 1), x.clone().narrow(dim, n - 1, 1)], dim);
        x * 0.5 + (before + after) * 0.25
    };
    along(along(x, 2), 3)
}

/// Twice as large and smooth. `[b, c, h, w] → [b, c, 2h, 2w]`
pub fn double_smooth(x: Tensor<4>) -> Tensor<4> {
    blur(double(x))
}

/// Half as large, softened before. `[b, c, 2h, 2w] → [b, c, h, w]`
pub fn half_smooth(x: Tensor<4>) -> Tensor<4> {
    half(blur(x))
}

/// Pictures of another size by bilinear interpolation; edges are repeated, corners are not aligned, and nothing is softened
/// before a size is reduced (as PyTorch's default). `[b, c, h, w] → [b, c, rows, columns]`
///
/// Differentiable on every device: elsewhere than on the CPU it is two products with fixed matrices.
pub fn bilinear(x: Tensor<4>, [rows, columns]: [usize; 2]) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    if [h, w] == [rows, columns] {
        return x;
    }
    if let Some(y) = frozen::bilinear(&x, [rows, columns]) {
        return y;
    }
    // `matrix[from][to]` is the share of pixel `from` in pixel `to`.
    let matrix = |from: usize, to: usize| {
        let mut values = vec![0.0; from * to];
        for (i, (places, shares)) in taps(from, to).into_iter().enumerate() {
            places.into_iter().zip(shares).for_each(|(place, share)| values[place * to + i] += share);
        }
        let matrix = Tensor::<2>::from_data(TensorData::new(values, [from, to]), &x.device().inner());
        if x.is_autodiff() { matrix.autodiff() } else { matrix }
    };
    let (across, down) = (matrix(w, columns), matrix(h, rows));
    let wide = x.reshape([b * c * h, w]).matmul(across).reshape([b * c, h, columns]).swap_dims(1, 2);
    let tall = wide.reshape([b * c * columns, h]).matmul(down).reshape([b * c, columns, rows]);
    tall.swap_dims(1, 2).reshape([b, c, rows, columns])
}

/// Pictures with a border of zeros, so that they are of this size. `[b, c, h, w] → [b, c, rows, columns]`
pub fn padded(x: Tensor<4>, [rows, columns]: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if [h, w] == [rows, columns] {
        return x;
    }
    let (top, left) = ((rows - h) / 2, (columns - w) / 2);
    x.pad([(top, rows - h - top), (left, columns - w - left)], 0.0)
}

/// The centre of pictures. `[b, c, h, w] → [b, c, rows, columns]`
pub fn cropped(x: Tensor<4>, [rows, columns]: [usize; 2]) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    if [h, w] == [rows, columns] {
        return x;
    }
    let (top, left) = ((h - rows) / 2, (w - columns) / 2);
    x.slice([0..b, 0..c, top..top + rows, left..left + columns])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn the_centre_of_what_is_padded_is_what_it_was_on_both_axes() {
        let values: Vec<f32> = (0..2 * 9 * 5).map(|i| i as f32 + 1.0).collect();
        let x = Tensor::<4>::from_data(TensorData::new(values.clone(), [1, 2, 9, 5]), &Device::flex());
        let wide = padded(x, [12, 8]);
        assert_eq!(wide.dims(), [1, 2, 12, 8]);
        assert_eq!(wide.clone().sum().into_scalar::<f32>(), values.iter().sum::<f32>());
        let back: Vec<f32> = cropped(wide, [9, 5]).into_data().try_into_vec().unwrap();
        assert_eq!(back, values);
    }

    #[test]
    fn smooth_resampling_keeps_what_is_even_and_spreads_the_rest() {
        let even = Tensor::<4>::full([1, 2, 4, 6], 0.7, &Device::flex());
        for y in [double_smooth(even.clone()), half_smooth(even)] {
            let y: Vec<f32> = y.into_data().try_into_vec().unwrap();
            assert!(y.iter().all(|v| (v - 0.7).abs() < 1e-6));
        }
        let mut dot = vec![0.0; 16];
        dot[5] = 1.0;
        let x = Tensor::from_data(TensorData::new(dot, [1, 1, 4, 4]), &Device::flex());
        let y: Vec<f32> = double_smooth(x).into_data().try_into_vec().unwrap();
        // [1, 3, 3, 1]/4 along each side, around the doubled pixel.
        let w = [0.25, 0.75, 0.75, 0.25];
        for r in 0..8 {
            for c in 0..8 {
                let at = |i: usize| i.checked_sub(1).and_then(|i| w.get(i)).copied().unwrap_or(0.0);
                assert!((y[r * 8 + c] - at(r) * at(c)).abs() < 1e-6);
            }
        }
    }
}
