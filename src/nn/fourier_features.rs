//! Numbers as waves: fully connected networks learn slowly what changes quickly, and much faster once their input is
//! also given as sines and cosines (Fourier features, Tancik 2020).
//!
//! The frequencies are fixed, so a critic's derivatives along its input stay exact (see [`super::dual`]).

use burn::tensor::{Device, Tensor, TensorData};

use super::dual::{ActivationTape, Dual};
use crate::base::rng::Stream;

/// Random waves beside a latent.
pub const RANDOM: usize = 64;
/// Standard deviation of their phases over typical latents, in radians. Measured on `points:grid25`, latents of two numbers:
/// 4.2 keeps all modes alike; 2 and 8.5 make fewer good samples in as many steps.
const SPREAD: f32 = 4.2;

/// Numbers of `n` given as waves in `octaves`.
pub const fn widened(n: usize, octaves: usize) -> usize {
    n * (1 + 2 * octaves)
}

fn frequency(octave: usize) -> f64 {
    std::f64::consts::PI * (1u64 << octave) as f64
}

/// Numbers in −1…1 with their sines and cosines, the slowest with a period of 2, each octave twice as fast.
/// `[b, n] → [b, n·(1 + 2·octaves)]`
pub fn octaves(x: Dual<2>, octaves: usize, tape: &mut ActivationTape) -> Dual<2> {
    if octaves == 0 {
        return x;
    }
    let at = tape.point(&x);
    let value = x.value.map(|x| {
        let mut all = vec![x.clone()];
        for octave in 0..octaves {
            let phase = x.clone() * frequency(octave);
            all.extend([phase.clone().sin(), phase.cos()]);
        }
        Tensor::cat(all, 1)
    });
    let tangent = x.tangent.zip(at).map(|(u, at)| {
        let mut all = vec![u.clone()];
        for octave in 0..octaves {
            let f = frequency(octave);
            let phase = at.clone() * f;
            let u = u.clone() * f;
            all.extend([u.clone() * phase.clone().cos(), u * phase.sin().neg()]);
        }
        Tensor::cat(all, 1)
    });
    Dual { value, tangent }
}

/// A latent with sines and cosines along random directions, always the same ones. `[b, z] → [b, z + 2·64]`
pub fn random(z: Tensor<2>) -> Tensor<2> {
    let [_, n] = z.dims();
    let phase = z.clone().matmul(directions(n, &z.device()));
    Tensor::cat(vec![z, phase.clone().sin(), phase.cos()], 1)
}

fn directions(n: usize, device: &Device) -> Tensor<2> {
    let numbers: Vec<f32> =
        Stream::new(0, "waves").normals(n * RANDOM).into_iter().map(|v| v * SPREAD / (n as f32).sqrt()).collect();
    Tensor::from_data(TensorData::new(numbers, [n, RANDOM]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(t: Tensor<2>) -> Vec<f32> {
        t.into_data().convert::<f32>().try_into_vec().unwrap()
    }

    #[test]
    fn tangents_are_finite_differences_and_replayed_ones_too() {
        let device = Device::flex();
        let of = |v: [f32; 4]| Tensor::<2>::from_data(TensorData::new(v.to_vec(), [2, 2]), &device);
        let (x, u) = (of([0.1, -0.4, 0.7, 0.9]), of([1.0, 0.5, -0.3, 0.2]));
        let mut tape = ActivationTape::recording();
        let way = octaves(Dual::both(x.clone(), u.clone()), 3, &mut tape);
        let (value, tangent) = (way.value.unwrap(), values(way.tangent.unwrap()));
        assert_eq!(value.dims(), [2, widened(2, 3)]);
        let h = 1e-3;
        let at = |s: f64| {
            values(octaves(Dual::value(x.clone() + u.clone() * s), 3, &mut ActivationTape::off()).value.unwrap())
        };
        for ((up, down), t) in at(h).iter().zip(at(-h)).zip(&tangent) {
            assert!(((up - down) / (2.0 * h as f32) - t).abs() < 2e-2, "{t}");
        }
        let again = octaves(Dual::tangent(u), 3, &mut tape.replay());
        assert_eq!(values(again.tangent.unwrap()), tangent);
    }

    #[test]
    fn random_waves_are_the_same_for_everyone() {
        let z = Tensor::<2>::from_data(TensorData::new(vec![0.5f32, -1.0], [1, 2]), &Device::flex());
        let a = values(random(z.clone()));
        assert_eq!(a.len(), 2 + 2 * RANDOM);
        assert_eq!(a, values(random(z)));
        assert!(
            a[2..].iter().all(|v| v.abs() <= 1.0) && (a[2] * a[2] + a[2 + RANDOM] * a[2 + RANDOM] - 1.0).abs() < 1e-5
        );
    }
}
