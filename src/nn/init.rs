//! First weights, drawn on the host from a stream named by the seed and the parameter's path.
//!
//! burn's own generator is one for the whole process and differs between devices; this one gives the same network
//! on every device and whatever else is going on. Parameters are made at once, never lazily: a lazy parameter is
//! shared by clones, and freezing a clone before the first use would freeze the original. Only blank ones are made at
//! their first use: networks that are counted, or held against a file before they are loaded, take no memory.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};

use crate::base::rng::Stream;

/// Where the first weights of a (part of a) network come from.
#[derive(Clone, Debug)]
pub struct Init<'a> {
    seed: u64,
    path: String,
    device: &'a Device,
    /// Zeros instead of random numbers: for networks that are only counted or about to be loaded.
    blank: bool,
    equalised: bool,
}

impl<'a> Init<'a> {
    /// The root of a network: `network` is the first part of every path, such as `generator`.
    pub fn new(seed: u64, network: &str, device: &'a Device) -> Self {
        Self { seed, path: network.into(), device, blank: false, equalised: false }
    }

    /// The same, with zeros instead of random numbers.
    pub fn blank(network: &str, device: &'a Device) -> Self {
        Self { seed: 0, path: network.into(), device, blank: true, equalised: false }
    }

    /// A part of this network.
    pub fn child(&self, name: impl std::fmt::Display) -> Self {
        Self { path: format!("{}.{name}", self.path), ..self.clone() }
    }

    /// For layers whose weights have standard deviation 1 and are scaled as they are used, so that all learn at the
    /// same relative rate (equalised learning rate, Karras 2018).
    #[must_use]
    pub fn equalised(&self) -> Self {
        Self { equalised: true, ..self.clone() }
    }

    /// Standard deviation of a layer's first weights, and the factor that they are used with.
    pub fn scale(&self, std: f64) -> (f64, f64) {
        if self.equalised && std > 0.0 { (1.0, std) } else { (std, 1.0) }
    }

    /// The device that the network lives on.
    pub fn device(&self) -> &Device {
        self.device
    }

    /// Normal numbers of standard deviation `std`.
    pub fn normal<const D: usize>(&self, name: &str, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        self.normal_around(name, shape, 0.0, std)
    }

    /// Normal numbers of mean `mean` and standard deviation `std`.
    pub fn normal_around<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
        mean: f64,
        std: f64,
    ) -> Param<Tensor<D>> {
        let n = shape.iter().product();
        if self.blank || std == 0.0 {
            return self.filled(shape, mean);
        }
        let mut stream = Stream::new(self.seed, &format!("{}.{name}", self.path));
        let values: Vec<f32> = (0..n).map(|_| (mean + std * f64::from(stream.normal())) as f32).collect();
        Param::from_data(TensorData::new(values, shape), self.device)
    }

    /// The same number everywhere.
    pub fn filled<const D: usize>(&self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        let full = move || {
            let n = shape.iter().product();
            TensorData::new(vec![value as f32; n], shape)
        };
        if !self.blank {
            return Param::from_data(full(), self.device);
        }
        let made = move |device: &Device, trained: bool| Tensor::from_data(full(), device).set_require_grad(trained);
        Param::uninitialized(ParamId::new(), made, self.device.clone(), true, shape.into())
    }
}

/// Standard deviation that keeps the size of signals through a leaky ReLU of slope 0.2 (He 2015).
pub fn he(fan_in: usize) -> f64 {
    (2.0 / ((1.0 + 0.04) * fan_in as f64)).sqrt()
}

/// Standard deviation that keeps the size of signals through a linear layer (LeCun 1998).
pub fn lecun(fan_in: usize) -> f64 {
    (1.0 / fan_in as f64).sqrt()
}
