//! Small fully connected networks on the host, in 64 bit: the same numbers on every device and platform.

use crate::models::io::{HostTensor, Weights};

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// `[inputs, outputs]`, row by row.
    pub weight: Vec<f64>,
    /// `[outputs]`.
    pub bias: Vec<f64>,
}

impl Dense {
    fn forward(&self, x: &[f64], bias: bool) -> Vec<f64> {
        let n = self.bias.len();
        let mut y = if bias { self.bias.clone() } else { vec![0.0; n] };
        for (x, row) in x.iter().zip(self.weight.chunks_exact(n)) {
            y.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
        }
        y
    }
}

/// Hidden layers with SiLUs, then a linear layer that reads the last of them and the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// Hidden layers.
    pub hidden: Vec<Dense>,
    /// The last layer.
    pub out: Dense,
}

fn silu(x: f64) -> f64 {
    x / (1.0 + libm::exp(-x))
}

fn silu_slope(x: f64) -> f64 {
    let s = 1.0 / (1.0 + libm::exp(-x));
    s * (1.0 + x * (1.0 - s))
}

impl Mlp {
    /// What it makes of `x`.
    pub fn forward(&self, x: &[f64]) -> Vec<f64> {
        let mut h = x.to_vec();
        for layer in &self.hidden {
            h = layer.forward(&h, true).into_iter().map(silu).collect();
        }
        h.extend_from_slice(x);
        self.out.forward(&h, true)
    }

    /// What it makes of `x`, and its derivative by each input: a row for each.
    pub fn with_slopes(&self, x: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let unit = |i: usize| {
            let mut u = vec![0.0; x.len()];
            u[i] = 1.0;
            u
        };
        let mut h = x.to_vec();
        let mut slopes: Vec<Vec<f64>> = (0..x.len()).map(unit).collect();
        for layer in &self.hidden {
            let before = layer.forward(&h, true);
            for slope in &mut slopes {
                let u = layer.forward(slope, false);
                *slope = u.into_iter().zip(&before).map(|(u, b)| u * silu_slope(*b)).collect();
            }
            h = before.into_iter().map(silu).collect();
        }
        h.extend_from_slice(x);
        for (i, slope) in slopes.iter_mut().enumerate() {
            slope.extend(unit(i));
            *slope = self.out.forward(slope, false);
        }
        (self.out.forward(&h, true), slopes)
    }

    /// Adds its numbers under names that begin with `prefix`.
    pub fn put(&self, weights: &mut Weights, prefix: &str) {
        for (name, layer) in self.named() {
            let outputs = layer.bias.len();
            let shape = vec![layer.weight.len() / outputs.max(1), outputs];
            weights.tensors.insert(format!("{prefix}{name}.weight"), tensor(&layer.weight, shape));
            weights.tensors.insert(format!("{prefix}{name}.bias"), tensor(&layer.bias, vec![outputs]));
        }
    }

    /// Reads what [`Self::put`] wrote.
    pub fn get(weights: &Weights, prefix: &str) -> Option<Self> {
        let layer = |name: &str| {
            let weight = weights.tensors.get(&format!("{prefix}{name}.weight"))?;
            let bias = weights.tensors.get(&format!("{prefix}{name}.bias"))?;
            let fits = weight.shape.len() == 2 && bias.shape == [weight.shape[1]];
            fits.then(|| Dense { weight: wide(weight), bias: wide(bias) })
        };
        let hidden: Vec<Dense> = (0..).map_while(|i| layer(&format!("hidden.{i}"))).collect();
        Some(Self { hidden, out: layer("out")? })
    }

    /// Numbers in and out, if its layers fit together.
    pub fn sizes(&self) -> Option<(usize, usize)> {
        let inputs = |layer: &Dense| layer.weight.len() / layer.bias.len().max(1);
        let first = self.hidden.first()?;
        let joined = self.hidden.windows(2).all(|w| inputs(&w[1]) == w[0].bias.len());
        let last = self.hidden.last()?.bias.len();
        (joined && inputs(&self.out) == last + inputs(first)).then(|| (inputs(first), self.out.bias.len()))
    }

    fn named(&self) -> impl Iterator<Item = (String, &Dense)> {
        let hidden = self.hidden.iter().enumerate().map(|(i, layer)| (format!("hidden.{i}"), layer));
        hidden.chain(std::iter::once(("out".to_string(), &self.out)))
    }
}

/// Numbers of a tensor, in 64 bit.
pub fn wide(tensor: &HostTensor) -> Vec<f64> {
    tensor.values.iter().map(|v| f64::from(*v)).collect()
}

/// A tensor of these numbers, in 32 bit.
pub fn tensor(values: &[f64], shape: Vec<usize>) -> HostTensor {
    HostTensor { shape, values: values.iter().map(|v| *v as f32).collect() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::rng::Stream;

    pub fn random(inputs: usize, width: usize, outputs: usize) -> Mlp {
        let mut stream = Stream::new(6, "network");
        let mut layer = |i: usize, o: usize| Dense {
            weight: stream.normals(i * o).into_iter().map(|v| f64::from(v) / (i as f64).sqrt()).collect(),
            bias: stream.normals(o).into_iter().map(|v| f64::from(v) * 0.1).collect(),
        };
        Mlp { hidden: vec![layer(inputs, width), layer(width, width)], out: layer(width + inputs, outputs) }
    }

    #[test]
    fn slopes_are_differences_and_numbers_survive_a_file() {
        let net = random(3, 8, 2);
        let x = [0.3, -0.7, 1.1];
        let (y, slopes) = net.with_slopes(&x);
        assert_eq!(y, net.forward(&x));
        for (i, slope) in slopes.iter().enumerate() {
            let at = |h: f64| {
                let mut x = x;
                x[i] += h;
                net.forward(&x)
            };
            let (up, down) = (at(1e-5), at(-1e-5));
            for (k, s) in slope.iter().enumerate() {
                assert!((s - (up[k] - down[k]) / 2e-5).abs() < 1e-8);
            }
        }
        let mut weights = Weights::default();
        net.put(&mut weights, "prior.decoder.");
        let back = Mlp::get(&weights, "prior.decoder.").unwrap();
        assert!(back.forward(&x).iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(Mlp::get(&weights, "prior.encoder.").is_none());
    }
}
