//! How alike two pictures look: the mean squared distance of what the feature encoder sees at each place, at four sizes
//! (in the manner of Zhang et al. 2018), with our own encoder and without fitted weights.
//!
//! Pictures below 64 pixels are brought to 64, larger ones are seen at their own size up to 256.

use std::cell::OnceCell;

use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData};

use super::features::{Extractor, SIDE, input};
use crate::base::{Picture, Resolution, Result, Shape};
use crate::models::seen;

/// Pictures in one pass of the network.
const BATCH: usize = 16;

/// Distance of two pictures on the CPU: 0 for equals, about 0.1 for a slight blur, about 1 for strangers.
///
/// # Errors
/// The shipped encoder cannot be read.
pub fn distance(a: &Picture, b: &Picture) -> Result<f64> {
    thread_local! {
        static SHIPPED: OnceCell<Extractor> = const { OnceCell::new() };
    }
    SHIPPED.with(|cell| {
        let extractor = super::pictures::once(cell, || Extractor::shipped(&Device::flex()))?;
        Ok(distances(extractor, std::slice::from_ref(a), std::slice::from_ref(b))[0])
    })
}

/// Distance of each pair.
pub fn distances(extractor: &Extractor, a: &[Picture], b: &[Picture]) -> Vec<f64> {
    let mut out = Vec::with_capacity(a.len());
    for (a, b) in a.chunks(BATCH).zip(b.chunks(BATCH)) {
        let size = a.first().map_or(Resolution::square(SIDE), |p| seen_at(Resolution::new(p.width, p.height)));
        let [x, y] = [a, b].map(|p| input(p, p.len(), size, extractor.device()));
        let values = per_pair(extractor, x, y).into_data().convert::<f32>();
        out.extend(values.try_to_vec::<f32>().unwrap_or_default().into_iter().map(f64::from));
    }
    out
}

/// What pictures look like, as rows whose squared distance is the distance of the pictures; of pictures that are not
/// rounded yet (planar rows of this shape in −1…1). A picture's row does not depend on its company.
pub fn looks(extractor: &Extractor, pixels: &[Vec<f32>], shape: Shape) -> Vec<Vec<f32>> {
    let [channels, rows, columns] = shape.planes();
    let size = channels * rows * columns;
    let seen_at = seen_at(shape.resolution);
    let mut out = Vec::with_capacity(pixels.len());
    for group in pixels.chunks(BATCH) {
        // Full batches only: which kernel a product takes depends on its size.
        let mut values = vec![0f32; BATCH * size];
        values.chunks_exact_mut(size).zip(group).for_each(|(to, from)| to.copy_from_slice(from));
        let x = Tensor::<4>::from_data(TensorData::new(values, [BATCH, channels, rows, columns]), extractor.device());
        let mut x = seen(x);
        if shape.resolution != seen_at {
            x = interpolate(x, InterpolateOptions::new(InterpolateMode::Bicubic).with_output_size(seen_at.grid()));
        }
        let maps = extractor.maps(x);
        let count = maps.len();
        let rows = maps.into_iter().map(|map| {
            let [b, c, h, w] = map.dims();
            // Means over places and maps of the distance are sums over these.
            (unit(map) / ((h * w * count) as f64).sqrt()).reshape([b, c * h * w])
        });
        let rows = Tensor::cat(rows.collect(), 1);
        let [_, n] = rows.dims();
        let values = crate::nn::numbers(rows);
        out.extend(values.chunks_exact(n.max(1)).take(group.len()).map(<[f32]>::to_vec));
    }
    out
}

/// The distance as a loss: differentiable in both, pictures in −1…1 with one, three or four channels at their own size.
/// `[b, c, r, r] → [b, 1]`
pub fn loss(net: &Extractor, x: Tensor<4>, y: Tensor<4>) -> Tensor<2> {
    per_pair(net, seen(x), seen(y))
}

/// The size at which pictures are seen: their own in steps of 16, the longer side 64 to 256, the shorter one at least 32.
fn seen_at(own: Resolution) -> Resolution {
    let longer = own.longer().next_multiple_of(16).clamp(SIDE, 256);
    let side = |side: u32| {
        let scaled = f64::from(side) * f64::from(longer) / f64::from(own.longer().max(1));
        (scaled as u32).next_multiple_of(16).clamp(32, longer)
    };
    Resolution::new(side(own.width), side(own.height))
}

/// Each place as a direction: strong responses would drown all others. `[b, c, r, r]`
fn unit(map: Tensor<4>) -> Tensor<4> {
    let length = (map.clone().square().sum_dim(1) + 1e-6).sqrt();
    map / length
}

/// `[b, 3, r, r] → [b, 1]`
fn per_pair(net: &Extractor, x: Tensor<4>, y: Tensor<4>) -> Tensor<2> {
    let parts = net.maps(x).into_iter().zip(net.maps(y)).map(|(p, q)| {
        let apart = (unit(p) - unit(q)).square().sum_dim(1);
        let [b, _, h, w] = apart.dims();
        apart.reshape([b, h * w]).mean_dim(1)
    });
    Tensor::cat(parts.collect(), 1).mean_dim(1)
}

#[cfg(test)]
mod tests {
    use super::super::features::FeatureSpace;
    use super::super::features::distort::{Plain, blur, noise};
    use super::*;
    use crate::base::rng::Stream;
    use crate::data;

    #[test]
    fn the_distance_is_zero_for_equals_and_grows_with_blur_and_noise() {
        let source = data::open("emoji:faces").unwrap();
        let picture = |i: usize| data::scaled(&source.decode(i).unwrap(), 32, 32);
        let clean: Vec<Picture> = (0..6).map(|i| Plain::of(&picture(i * 9)).to_picture()).collect();
        let extractor = Extractor::shipped(&Device::flex()).unwrap();
        let mean = |worse: &[Picture]| {
            let d = distances(&extractor, &clean, worse);
            d.iter().sum::<f64>() / d.len() as f64
        };
        let change = |f: &dyn Fn(&mut Plain)| -> Vec<Picture> {
            clean
                .iter()
                .map(|p| {
                    let mut p = Plain::of(p);
                    f(&mut p);
                    p.to_picture()
                })
                .collect()
        };
        assert!(mean(&clean) < 1e-9);
        let blurred: Vec<f64> = [0.5, 1.0, 2.0].iter().map(|s| mean(&change(&|p| blur(p, *s)))).collect();
        assert!(blurred.windows(2).all(|w| w[0] > 0.0 && w[0] < w[1]), "{blurred:?}");
        let noisy: Vec<f64> =
            [0.02, 0.08, 0.3].iter().map(|s| mean(&change(&|p| noise(p, *s, &mut Stream::new(1, "n"))))).collect();
        assert!(noisy.windows(2).all(|w| w[0] > 0.0 && w[0] < w[1]), "{noisy:?}");
        let one = distance(&clean[0], &blurred_one(&clean[0])).unwrap();
        assert!(one > 0.0);
    }

    #[test]
    fn rows_are_as_far_apart_as_their_pictures() {
        let source = data::open("emoji:faces").unwrap();
        let extractor = Extractor::shipped(&Device::flex()).unwrap();
        let pictures: Vec<Picture> = (0..3).map(|i| data::scaled(&source.decode(i * 9).unwrap(), 64, 64)).collect();
        let shape = Shape { resolution: 64.into(), channels: crate::base::Channels::Rgba };
        let planar = |p: &Picture| -> Vec<f32> {
            (0..4).flat_map(|c| p.rgba.iter().skip(c).step_by(4).map(|v| f32::from(*v) / 127.5 - 1.0)).collect()
        };
        let all: Vec<Vec<f32>> = pictures.iter().map(planar).collect();
        let rows = looks(&extractor, &all, shape);
        let far =
            |a: usize, b: usize| -> f64 { rows[a].iter().zip(&rows[b]).map(|(x, y)| f64::from(x - y).powi(2)).sum() };
        let known = distances(&extractor, &pictures[..2], &pictures[1..]);
        assert!((far(0, 1) - known[0]).abs() < 0.02 * known[0], "{} {}", far(0, 1), known[0]);
        assert!((far(1, 2) - known[1]).abs() < 0.02 * known[1]);
        assert_eq!(looks(&extractor, &all[2..], shape)[0], rows[2], "alone as in company");
        // Small pictures are brought to the size that the network knows.
        let small = vec![vec![0.3; 28 * 28]; 2];
        let grey = Shape { resolution: 28.into(), channels: crate::base::Channels::Grey };
        assert_eq!(looks(&extractor, &small, grey)[0].len(), rows[0].len());
    }

    fn blurred_one(p: &Picture) -> Picture {
        let mut p = Plain::of(p);
        blur(&mut p, 1.0);
        p.to_picture()
    }

    #[test]
    fn the_loss_has_a_gradient_for_every_number_of_channels() {
        let device = Device::flex().autodiff();
        let shipped =
            [FeatureSpace::Studio, FeatureSpace::Photo].map(|s| Extractor::of_space(s, &Device::flex()).unwrap());
        for (extractor, channels) in shipped.iter().flat_map(|e| [1, 3, 4].map(|c| (e, c))) {
            let n = channels * 32 * 32;
            let values = |seed: u64| -> Tensor<4> {
                let v = Stream::new(seed, "p").normals(n).into_iter().map(|v| v * 0.3).collect::<Vec<_>>();
                Tensor::from_data(burn::tensor::TensorData::new(v, [1, channels, 32, 32]), &device)
            };
            let (x, y) = (values(1).require_grad(), values(2));
            let loss = loss(extractor, x.clone(), y).sum();
            assert!(loss.clone().into_scalar::<f32>() > 0.0);
            let mut grads = loss.backward();
            let g = x.grad_remove(&mut grads).unwrap().abs().sum().into_scalar::<f32>();
            assert!(g > 0.0 && g.is_finite());
        }
    }
}
