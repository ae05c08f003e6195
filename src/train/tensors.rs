//! Between host bytes and tensors.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::scatter;
use crate::base::{Channels, Picture, Shape};

/// `n` pictures as interleaved bytes (NHWC) to `[n, c, h, w]` in −1…1.
pub fn pictures(bytes: &[u8], n: usize, shape: Shape, device: &Device) -> Tensor<4> {
    if shape.channels == Channels::Points {
        let values = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        return Tensor::from_data(TensorData::new(values, [n, 2, 1, 1]), device);
    }
    let [c, rows, columns] = shape.planes();
    let plane = rows * columns;
    let mut values = vec![0f32; n * c * plane];
    for (picture, out) in bytes.chunks_exact(shape.bytes()).zip(values.chunks_exact_mut(c * plane)) {
        for (i, pixel) in picture.chunks_exact(c).enumerate() {
            for (k, &v) in pixel.iter().enumerate() {
                out[k * plane + i] = f32::from(v) / 127.5 - 1.0;
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [n, c, rows, columns]), device)
}

/// `[n, c, h, w]` in −1…1 to pictures, rounded to the nearest byte.
pub fn to_pictures(x: Tensor<4>, shape: Shape) -> Vec<Picture> {
    let [n, c, h, w] = x.dims();
    let values = crate::nn::numbers(x);
    let plane = h * w;
    (0..n)
        .filter(|i| values.len() >= (i + 1) * c * plane)
        .map(|i| {
            let source = &values[i * c * plane..(i + 1) * c * plane];
            if shape.channels == Channels::Points {
                return scatter::point([source[0], source[1]]);
            }
            let mut bytes = vec![0u8; c * plane];
            for (p, pixel) in bytes.chunks_exact_mut(c).enumerate() {
                for (k, byte) in pixel.iter_mut().enumerate() {
                    // `as` saturates, and makes NaN black.
                    *byte = ((source[k * plane + p] + 1.0) * 127.5 + 0.5) as u8;
                }
            }
            Picture::from_interleaved(w as u32, h as u32, shape.channels, &bytes)
        })
        .collect()
}

/// `[n, 2, 1, 1]` to points.
pub fn points(x: Tensor<4>) -> Vec<[f32; 2]> {
    let values = crate::nn::numbers(x);
    values.as_chunks::<2>().0.to_vec()
}

/// `rows · columns` numbers as a matrix.
pub fn matrix(values: Vec<f32>, rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Labels as shares of `count` classes, zeros where there is none; nothing for models without classes. `[n, count]`
pub fn classes(labels: &[Option<u32>], count: usize, device: &Device) -> Option<Tensor<2>> {
    let mut shares = vec![0.0; labels.len() * count];
    for (row, label) in shares.chunks_exact_mut(count.max(1)).zip(labels) {
        if let Some(share) = label.and_then(|l| row.get_mut(l as usize)) {
            *share = 1.0;
        }
    }
    (count > 0).then(|| matrix(shares, labels.len(), count, device))
}

/// Root of the sum of squares of all weights.
pub fn weight_norm<M: Module>(module: &M) -> f64 {
    struct Norm(Option<Tensor<1>>);
    impl ModuleVisitor for Norm {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let square = crate::nn::ordered_sum(param.val().inner().square());
            self.0 = Some(match self.0.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
    let mut norm = Norm(None);
    module.visit(&mut norm);
    norm.0.map_or(0.0, |t| f64::from(t.into_scalar::<f32>()).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Channels;

    #[test]
    fn bytes_survive_the_way_through_a_tensor() {
        for channels in [Channels::Grey, Channels::Rgb, Channels::Rgba] {
            let shape = Shape { resolution: 16.into(), channels };
            let bytes: Vec<u8> = (0..2 * shape.bytes()).map(|i| (i * 7 % 256) as u8).collect();
            let back = to_pictures(pictures(&bytes, 2, shape, &Device::flex()), shape);
            assert_eq!(back.len(), 2);
            assert_eq!(back[1].to_interleaved(channels), bytes[shape.bytes()..]);
        }
    }
}
