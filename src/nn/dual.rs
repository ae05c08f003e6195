//! A value on its way through a critic, a tangent on the same way, or both at once.
//!
//! A critic is written once, over a [`Dual`]; what flows decides what is computed:
//!
//! | flows | computed |
//! |---|---|
//! | a value | the forward pass; with a recording [`ActivationTape`] also where every activation was |
//! | a tangent, with a replaying [`ActivationTape`] | the derivative along it, where the slopes of activations are constants: exact for critics whose only curved layers are leaky ReLUs |
//! | both | the derivative together with the value it is taken at: exact for every critic, at twice the cost |
//!
//! Linear layers act on both alike, biases only on values.

use burn::tensor::Tensor;

use super::activation;
use super::conv::Conv;
use super::linear::Linear;

/// A value, a tangent, or both.
#[derive(Clone, Debug)]
pub struct Dual<const D: usize> {
    /// The value.
    pub value: Option<Tensor<D>>,
    /// The derivative of the value along some direction of the picture.
    pub tangent: Option<Tensor<D>>,
}

/// Where activations were in a forward pass, in order.
#[derive(Clone, Debug, Default)]
pub struct ActivationTape {
    kept: Vec<Kept>,
    recording: bool,
    /// Whether what is kept keeps its graph.
    tracked: bool,
    next: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Kept {
    Four(Tensor<4>),
    Two(Tensor<2>),
}

/// Ranks that activations come in.
pub(super) trait Keep: Sized {
    fn keep(self) -> Kept;
    fn back(kept: &Kept) -> Option<Self>;
}

impl Keep for Tensor<4> {
    fn keep(self) -> Kept {
        Kept::Four(self)
    }
    fn back(kept: &Kept) -> Option<Self> {
        if let Kept::Four(t) = kept { Some(t.clone()) } else { None }
    }
}

impl Keep for Tensor<2> {
    fn keep(self) -> Kept {
        Kept::Two(self)
    }
    fn back(kept: &Kept) -> Option<Self> {
        if let Kept::Two(t) = kept { Some(t.clone()) } else { None }
    }
}

impl ActivationTape {
    /// Keeps nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Keeps what activations read.
    pub fn recording() -> Self {
        Self { recording: true, ..Self::default() }
    }

    /// Keeps what activations read together with its graph: the features of pictures, layer by layer.
    pub fn tracking() -> Self {
        Self { tracked: true, ..Self::recording() }
    }

    /// What activations over pictures read, in order.
    pub fn maps(self) -> Vec<Tensor<4>> {
        self.kept.into_iter().filter_map(|kept| if let Kept::Four(t) = kept { Some(t) } else { None }).collect()
    }

    /// The same tape from its beginning, to be read.
    pub fn replay(&self) -> Self {
        Self { kept: self.kept.clone(), ..Self::default() }
    }

    /// What an activation reads, without a graph: written down as a value passes, read back where only a tangent does.
    pub(super) fn point<const D: usize>(&mut self, x: &Dual<D>) -> Option<Tensor<D>>
    where
        Tensor<D>: Keep,
    {
        if let Some(value) = &x.value {
            let at = value.clone().without_autodiff();
            if self.recording {
                self.kept.push(if self.tracked { value.clone().keep() } else { at.clone().keep() });
            }
            return Some(at);
        }
        let at = self.kept.get(self.next).and_then(Tensor::back);
        self.next += 1;
        debug_assert!(at.is_some(), "the tape belongs to another way");
        at
    }
}

impl<const D: usize> Dual<D> {
    /// A value alone.
    pub fn value(x: Tensor<D>) -> Self {
        Self { value: Some(x), tangent: None }
    }

    /// A tangent alone; the tape must be one of a value's way.
    pub fn tangent(u: Tensor<D>) -> Self {
        Self { value: None, tangent: Some(u) }
    }

    /// A value and its tangent.
    pub fn both(x: Tensor<D>, u: Tensor<D>) -> Self {
        Self { value: Some(x), tangent: Some(u) }
    }

    /// Through a linear map.
    pub fn linear<const E: usize>(self, map: impl Fn(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        Dual { value: self.value.map(&map), tangent: self.tangent.map(&map) }
    }

    /// Something added that does not depend on the picture.
    #[must_use]
    pub fn plus(self, constant: impl FnOnce(Tensor<D>) -> Tensor<D>) -> Self {
        Self { value: self.value.map(constant), tangent: self.tangent }
    }

    /// The sum of two ways.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let sum = |a: Option<Tensor<D>>, b: Option<Tensor<D>>| Some(a? + b?);
        Self { value: sum(self.value, other.value), tangent: sum(self.tangent, other.tangent) }
    }

    /// Times a number.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        self.linear(|x| x * factor)
    }
}

impl Dual<4> {
    /// Through a convolution.
    #[must_use]
    pub fn conv(self, conv: &Conv) -> Self {
        Self { value: self.value.map(|x| conv.forward(x)), tangent: self.tangent.map(|u| conv.tangent(u)) }
    }

    /// Through a convolution with other weights of its shape (such as normalised ones).
    #[must_use]
    pub fn conv_with(self, conv: &Conv, weight: &Tensor<4>) -> Self {
        Self {
            value: self.value.map(|x| conv.forward_with(weight.clone(), x)),
            tangent: self.tangent.map(|u| conv.tangent_with(weight.clone(), u)),
        }
    }

    /// Through a leaky ReLU and then a convolution.
    #[must_use]
    pub fn leaky_conv(self, conv: &Conv, tape: &mut ActivationTape) -> Self {
        let at = tape.point(&self);
        Self {
            value: self.value.map(|x| conv.after_leaky(x)),
            tangent: self.tangent.zip(at).map(|(u, at)| conv.tangent_after_leaky(u, &at)),
        }
    }

    /// Every picture as one row.
    pub fn flat(self) -> Dual<2> {
        self.linear(super::per_picture)
    }
}

impl Dual<2> {
    /// Through a fully connected layer.
    #[must_use]
    pub fn fully(self, layer: &Linear) -> Self {
        Self { value: self.value.map(|x| layer.forward(x)), tangent: self.tangent.map(|u| layer.tangent(u)) }
    }
}

/// Through a leaky ReLU.
macro_rules! leaky {
    ($rank:literal) => {
        impl Dual<$rank> {
            /// Through a leaky ReLU.
            #[must_use]
            pub fn leaky(self, tape: &mut ActivationTape) -> Self {
                let at = tape.point(&self);
                Self {
                    value: self.value.map(activation::leaky),
                    tangent: self.tangent.zip(at).map(|(u, at)| u * activation::slope(at)),
                }
            }
        }
    };
}
leaky!(2);
leaky!(4);

/// Adds a channel that tells how much the pictures of a group differ (Karras 2018): the standard deviation over the
/// group, meaned over channels and pixels. Groups are `group` neighbours, or the largest divisor of the batch below.
/// `[b, c, h, w] → [b, c + 1, h, w]`
///
/// It ties samples together and is curved, so a tangent needs its value beside it.
pub fn minibatch_statistic(x: Dual<4>, group: usize) -> Dual<4> {
    let Some(value) = x.value else {
        debug_assert!(false, "this statistic takes no tangent alone");
        return x;
    };
    let [b, c, h, w] = value.dims();
    let group = (1..=group.min(b)).rev().find(|g| b.is_multiple_of(*g)).unwrap_or(1);
    let (groups, n) = (b / group, c * h * w);
    let centred = |x: &Tensor<4>| {
        let x = x.clone().reshape([groups, group, n]);
        x.clone() - x.mean_dim(1)
    };
    let spread = |per_group: Tensor<3>| {
        // One number for each group, as a channel of each of its pictures.
        per_group.mean_dim(2).repeat_dim(1, group).reshape([b, 1, 1, 1]).repeat_dim(2, h).repeat_dim(3, w)
    };
    let off = centred(&value);
    let deviation = (off.clone().square().mean_dim(1) + 1e-8).sqrt();
    let tangent = x.tangent.map(|u| {
        // d√(mean off² + ε)/du = mean(off · off_u) / σ
        let along = (off * centred(&u)).mean_dim(1) / deviation.clone();
        Tensor::cat(vec![u, spread(along)], 1)
    });
    Dual { value: Some(Tensor::cat(vec![value, spread(deviation)], 1)), tangent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use burn::tensor::{Device, TensorData};

    fn normals(name: &str, shape: [usize; 4]) -> Tensor<4> {
        let values = Stream::new(3, name).normals(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    #[test]
    fn the_statistic_is_its_definition_and_its_tangent_the_difference() {
        let (x, u) = (normals("x", [6, 2, 3, 3]), normals("u", [6, 2, 3, 3]));
        let of = |x: Tensor<4>| minibatch_statistic(Dual::value(x), 4).value.unwrap();
        let y = of(x.clone());
        assert_eq!(y.dims(), [6, 3, 3, 3]);
        // Six is no multiple of four: groups of three.
        let host: Vec<f32> = x.clone().into_data().try_into_vec().unwrap();
        let mut expected = 0.0;
        for k in 0..18 {
            let v: Vec<f64> = (0..3).map(|i| f64::from(host[(3 + i) * 18 + k])).collect();
            let mean = v.iter().sum::<f64>() / 3.0;
            expected += (v.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3.0).sqrt() / 18.0;
        }
        let y: Vec<f32> = y.into_data().try_into_vec().unwrap();
        assert!((f64::from(y[4 * 27 + 20]) - expected).abs() < 1e-5);
        let both = minibatch_statistic(Dual::both(x.clone(), u.clone()), 4);
        let step = 1e-2;
        let difference = (of(x.clone() + u.clone() * step) - of(x - u * step)) / (2.0 * step);
        let off = (both.tangent.unwrap() - difference).abs().max().into_scalar::<f32>();
        assert!(off < 1e-3, "{off}");
    }
}
