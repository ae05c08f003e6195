//! A small network that looks at pictures and says numbers: a latent, styles, attributes.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::base::{Built, Shape};
use crate::nn::conv::Conv;
use crate::nn::init::{Init, he, lecun};
use crate::nn::linear::Linear;
use crate::nn::residual::Block;
use crate::nn::{activation, per_picture, resample};

/// Channels at the full picture; doubled with each halving, up to [`WIDEST`].
const NARROW: usize = 24;
const WIDEST: usize = 128;
/// Numbers between the last features and the answer.
const HIDDEN: usize = 256;

/// Strided convolutions with a residual block at each size, then two linear layers.
#[derive(Module, Debug)]
pub struct ImageRegressor {
    /// Each halves the size.
    pub convs: Vec<Conv>,
    /// One after each.
    pub blocks: Vec<Block>,
    /// From all that is left of the picture.
    pub hidden: Linear,
    /// To the answer.
    pub head: Linear,
    #[module(skip)]
    built: [usize; 2],
}

impl ImageRegressor {
    /// For pictures of this shape, with so many numbers as an answer.
    pub fn new(shape: Shape, outputs: usize, init: &Init<'_>) -> Self {
        let Built { size, base, doublings } = shape.resolution.built();
        let channels = |i: usize| if i == 0 { shape.channels.count() } else { (NARROW << (i - 1)).min(WIDEST) };
        let count = doublings as usize;
        let convs = (0..count).map(|i| {
            let (inputs, outputs) = (channels(i), channels(i + 1));
            Conv::half(&init.child(format_args!("convs.{i}")), inputs, outputs, he(16 * inputs))
        });
        let blocks = (0..count)
            .map(|i| Block::new(&init.child(format_args!("blocks.{i}")), channels(i + 1), channels(i + 1), count));
        let flat = channels(count) * base.pixels();
        Self {
            convs: convs.collect(),
            blocks: blocks.collect(),
            hidden: Linear::new(&init.child("hidden"), flat, HIDDEN, he(flat)),
            head: Linear::new(&init.child("head"), HIDDEN, outputs, lecun(HIDDEN)),
            built: size.grid(),
        }
    }

    /// Zeros instead of random numbers: for weights that are about to be loaded.
    pub fn blank(shape: Shape, outputs: usize, device: &Device) -> Self {
        Self::new(shape, outputs, &Init::blank("look", device))
    }

    /// `[b, c, r, r] → [b, outputs]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let mut x = resample::padded(x, self.built);
        for (i, (conv, block)) in self.convs.iter().zip(&self.blocks).enumerate() {
            x = block.forward(if i == 0 { conv.forward(x) } else { conv.after_leaky(x) });
        }
        self.head.forward(activation::leaky(self.hidden.forward(per_picture(activation::leaky(x)))))
    }

    /// Numbers in an answer.
    pub fn outputs(&self) -> usize {
        self.head.weight.dims()[1]
    }
}
