//! What all token models share: strided convolutions down to a grid of vectors, residual blocks there, and transposed
//! convolutions back up (van den Oord, Vinyals & Kavukcuoglu, "Neural discrete representation learning", 2017). Between
//! them each vector becomes one of a few: which one is its token.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::io::trainable;
use super::outline::Stages;
use super::{NetworkDims, Networks, build, fsq_vae};
use crate::base::Result;
use crate::nn::conv::{Conv, Deconv};
use crate::nn::init::Init;
use crate::nn::{numbers, resample};
use crate::recipe::Recipe;

/// Keeps the size of signals through a ReLU (He 2015).
fn he_relu(fan_in: usize) -> f64 {
    (2.0 / fan_in as f64).sqrt()
}

/// `x + 1×1(ReLU(3×3(ReLU(x))))`
#[derive(Module, Debug)]
struct Block {
    wide: Conv,
    point: Conv,
}

impl Block {
    fn new(init: &Init<'_>, channels: usize) -> Self {
        let wide = Conv::same(&init.child("wide"), channels, channels, 3, he_relu(9 * channels));
        // Small at first: a block begins close to the identity.
        Self { wide, point: Conv::same(&init.child("point"), channels, channels, 1, 0.1 * he_relu(channels)) }
    }

    /// Shapes stay.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        x.clone() + self.point.after_relu(self.wide.after_relu(x))
    }
}

/// A learned codebook. All of it are buffers: it follows what the encoder says by moving averages.
#[derive(Module, Debug)]
pub struct Codebook {
    /// The vector of each token, `[k, d]`.
    pub running_codes: Param<Tensor<2>>,
    /// Moving average of how often each is taken in a batch, `[k]`.
    pub running_counts: Param<Tensor<1>>,
    /// Moving average of the sum of what is taken for each, `[k, d]`.
    pub running_sums: Param<Tensor<2>>,
}

/// Encoder, quantisation and decoder.
#[derive(Module, Debug)]
pub struct TokenVae {
    /// Each halves the size.
    pub downs: Vec<Conv>,
    encoder: Vec<Block>,
    /// To the vectors that are quantised, `[d]` at each place.
    pub to_code: Conv,
    /// From their quantised form.
    pub from_code: Conv,
    decoder: Vec<Block>,
    /// Each doubles the size; the last one makes colours.
    pub ups: Vec<Deconv>,
    /// The codebook; without one numbers are rounded to [`Self::levels`].
    pub codebook: Option<Codebook>,
    /// Levels of each number of a vector, where there is no codebook.
    #[module(skip)]
    pub(super) levels: Vec<usize>,
    #[module(skip)]
    grid: [usize; 2],
    #[module(skip)]
    built: [usize; 2],
    #[module(skip)]
    resolution: [usize; 2],
}

/// What quantisation makes of the encoder's vectors.
pub struct Quantised {
    /// Quantised, with the gradient of what was not (straight-through). `[b, d, h, w]`
    pub through: Tensor<4>,
    /// Quantised, without a graph. `[b, d, h, w]`
    pub exact: Tensor<4>,
    /// The tokens, row by row, picture by picture. `[b·h·w]`
    pub ids: Tensor<1, Int>,
}

impl TokenVae {
    /// A token model with numbers in a vector and what quantises them.
    pub(super) fn new(
        recipe: &Recipe,
        dims: &NetworkDims,
        init: &Init<'_>,
        (code, codebook, levels): (usize, Option<Codebook>, Vec<usize>),
    ) -> Self {
        let layout = recipe.model.tokens.layout_of([recipe.data.resolution.height, recipe.data.resolution.width]);
        let mut channels = dims.channels(layout.halvings);
        let wide = channels[0];
        let blocks = |name: &str| {
            (0..dims.blocks).map(|i| Block::new(&init.child(format_args!("{name}.{i}")), wide)).collect::<Vec<_>>()
        };
        channels.push(dims.colours);
        let ups = channels.windows(2).enumerate();
        let ups = ups.map(|(i, c)| Deconv::double(&init.child(format_args!("ups.{i}")), c[0], c[1], he_relu(4 * c[0])));
        let ups = ups.collect();
        channels.reverse();
        let downs = channels.windows(2).enumerate();
        let downs =
            downs.map(|(i, c)| Conv::half(&init.child(format_args!("downs.{i}")), c[0], c[1], he_relu(16 * c[0])));
        Self {
            downs: downs.collect(),
            encoder: blocks("encoder"),
            to_code: Conv::same(&init.child("to_code"), wide, code, 1, (1.0 / wide as f64).sqrt()),
            from_code: Conv::same(&init.child("from_code"), code, wide, 3, (1.0 / (9 * code) as f64).sqrt()),
            decoder: blocks("decoder"),
            ups,
            codebook,
            levels,
            grid: layout.grid,
            built: layout.built,
            resolution: dims.resolution,
        }
    }

    /// A fresh token model with the first weights of `recipe.seed`, the same on every device.
    ///
    /// # Errors
    /// The recipe names no token model.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::new(recipe.seed, "tokens", device))
    }

    /// Zeros instead of random numbers: for weights that are about to be loaded.
    ///
    /// # Errors
    /// The recipe names no token model.
    pub fn blank(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::blank("tokens", device))
    }

    fn build(recipe: &Recipe, init: &Init<'_>) -> Result<Self> {
        build(recipe, init, |n| if let Networks::Tokens(net) = n { Some(*net) } else { None })
    }

    /// Rows and columns of tokens.
    pub fn grid(&self) -> [usize; 2] {
        self.grid
    }

    /// Different tokens.
    pub fn codes(&self) -> usize {
        match &self.codebook {
            Some(book) => book.running_counts.dims()[0],
            None => self.levels.iter().product(),
        }
    }

    /// Numbers in the vector of a token.
    pub fn code_len(&self) -> usize {
        match &self.codebook {
            Some(book) => book.running_codes.dims()[1],
            None => self.levels.len(),
        }
    }

    /// What the encoder says of pictures in [-1, 1], before it is quantised; within (−1, 1) where there is no codebook.
    /// `[b, c, r, r] → [b, d, h, w]`
    pub fn encode(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.downs[0].forward(resample::padded(x, self.built));
        let x = self.downs[1..].iter().fold(x, |x, conv| conv.after_relu(x));
        let x = self.encoder.iter().fold(x, |x, block| block.forward(x));
        let z = self.to_code.after_relu(x);
        if self.codebook.is_some() { z } else { fsq_vae::bounded(z) }
    }

    /// Each vector as the nearest one that stands for a token. `[b, d, h, w]`
    pub fn quantise(&self, z: Tensor<4>) -> Quantised {
        let [b, d, h, w] = z.dims();
        let rows = z.clone().without_autodiff().permute([0, 2, 3, 1]).reshape([b * h * w, d]);
        let (ids, exact) = match &self.codebook {
            Some(book) => {
                let codes = book.running_codes.val().without_autodiff();
                // The nearest code: |z − c|² without |z|², which is the same for all.
                let squares = codes.clone().square().sum_dim(1).transpose();
                let ids: Tensor<1, Int> =
                    (squares - rows.matmul(codes.clone().transpose()) * 2.0).argmin(1).squeeze_dim(1);
                (ids.clone(), codes.select(0, ids))
            }
            None => fsq_vae::rounded(rows, &self.levels),
        };
        let exact = exact.reshape([b, h, w, d]).permute([0, 3, 1, 2]);
        let through = z.clone() + (exact.clone() - z.without_autodiff());
        Quantised { through, exact, ids }
    }

    /// Pictures of quantised vectors, around [-1, 1]. `[b, d, h, w] → [b, c, r, r]`
    pub fn decode(&self, z: Tensor<4>) -> Tensor<4> {
        let x = self.from_code.forward(z);
        let x = self.decoder.iter().fold(x, |x, block| block.forward(x));
        let x = self.ups.iter().fold(x, |x, up| up.after_relu(x));
        resample::cropped(x, self.resolution)
    }

    /// The tokens of pictures, row by row, picture by picture. Waits for the device. `[b, c, r, r] → b·h·w`
    pub fn tokens(&self, x: Tensor<4>) -> Vec<u32> {
        host(self.quantise(self.encode(x)).ids)
    }

    /// The vectors of tokens, row by row, picture by picture. `b·h·w → [b, d, h, w]`
    pub fn vectors(&self, ids: &[u32], device: &Device) -> Tensor<4> {
        let ([h, w], d) = (self.grid, self.code_len());
        let b = ids.len() / (h * w);
        let last = self.codes() as i64 - 1;
        let rows = match &self.codebook {
            Some(book) => {
                let ids: Vec<i64> = ids[..b * h * w].iter().map(|id| i64::from(*id).min(last)).collect();
                let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [b * h * w]), device);
                book.running_codes.val().without_autodiff().select(0, ids)
            }
            None => fsq_vae::vectors(&ids[..b * h * w], &self.levels, device),
        };
        rows.reshape([b, h, w, d]).permute([0, 3, 1, 2])
    }

    /// Pictures of tokens, within [-1, 1]. `b·h·w → [b, c, r, r]`
    pub fn pictures(&self, ids: &[u32], device: &Device) -> Tensor<4> {
        self.decode(self.vectors(ids, device)).clamp(-1.0, 1.0)
    }

    pub(super) fn encoder_stages(&self, out: &mut Stages<'_>) {
        let channels = out.dims.channels(self.downs.len());
        for (i, conv) in self.downs.iter().enumerate() {
            let outputs = channels[channels.len() - 1 - i];
            out.grid("Strided convolution", (self.built.map(|side| side >> (i + 1)), outputs), &[trainable(conv)]);
        }
        for block in &self.encoder {
            out.grid("Residual block", (self.grid, channels[0]), &[trainable(block)]);
        }
        out.grid("To codes", (self.grid, self.code_len()), &[trainable(&self.to_code)]);
    }

    pub(super) fn decoder_stages(&self, out: &mut Stages<'_>) {
        let channels = out.dims.channels(self.downs.len());
        out.grid("From codes", (self.grid, channels[0]), &[trainable(&self.from_code)]);
        for block in &self.decoder {
            out.grid("Residual block", (self.grid, channels[0]), &[trainable(block)]);
        }
        for (i, up) in self.ups.iter().enumerate() {
            let outputs = channels.get(i + 1).copied().unwrap_or(out.dims.colours);
            out.grid("Transposed convolution", (self.grid.map(|side| side << (i + 1)), outputs), &[trainable(up)]);
        }
    }
}

/// Whole numbers on the host. Waits for the device.
pub fn host(ids: Tensor<1, Int>) -> Vec<u32> {
    numbers(ids.float()).into_iter().map(|v| v as u32).collect()
}
