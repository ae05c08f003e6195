//! The transformer of MiniLM: BERT's encoder (Devlin et al. 2019), layer norm after each part.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};

use super::WIDTH;
use crate::nn::init::Init;
use crate::nn::linear::Linear;

const LAYERS: usize = 3;
const HEADS: usize = 12;
/// Numbers inside of a feed-forward part.
const INNER: usize = 1536;
const EPSILON: f64 = 1e-12;

/// Its layers.
#[derive(Module, Debug)]
pub struct Transformer {
    norm: LayerNorm,
    layers: Vec<Layer>,
}

#[derive(Module, Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    mix: Linear,
    mix_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    narrow_norm: LayerNorm,
}

impl Transformer {
    /// Without weights, which are about to be loaded.
    pub fn blank(device: &Device) -> Self {
        let init = Init::blank("text", device);
        let norm = || LayerNormConfig::new(WIDTH).with_epsilon(EPSILON).init(device);
        let linear = |inputs, outputs| Linear::new(&init, inputs, outputs, 0.0);
        let layer = |_| Layer {
            query: linear(WIDTH, WIDTH),
            key: linear(WIDTH, WIDTH),
            value: linear(WIDTH, WIDTH),
            mix: linear(WIDTH, WIDTH),
            mix_norm: norm(),
            widen: linear(WIDTH, INNER),
            narrow: linear(INNER, WIDTH),
            narrow_norm: norm(),
        };
        Self { norm: norm(), layers: (0..LAYERS).map(layer).collect() }
    }

    /// `b` texts of `n` tokens, one row a token. `[b·n, 384] → [b·n, 384]`
    pub fn forward(&self, x: Tensor<2>, b: usize, n: usize) -> Tensor<2> {
        let mut x = self.norm.forward(x);
        for layer in &self.layers {
            let mixed = layer.mix.forward(layer.attention(x.clone(), b, n));
            x = layer.mix_norm.forward(mixed + x);
            let inner = layer.narrow.forward(gelu(layer.widen.forward(x.clone())));
            x = layer.narrow_norm.forward(inner + x);
        }
        x
    }
}

impl Layer {
    /// What every token takes from the others of its text. `[b·n, 384] → [b·n, 384]`
    fn attention(&self, x: Tensor<2>, b: usize, n: usize) -> Tensor<2> {
        let size = WIDTH / HEADS;
        let heads = |part: &Linear| part.forward(x.clone()).reshape([b, n, HEADS, size]).swap_dims(1, 2);
        let (query, key, value) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let shares = softmax(query.matmul(key.swap_dims(2, 3)) / (size as f64).sqrt(), 3);
        shares.matmul(value).swap_dims(1, 2).reshape([b * n, WIDTH])
    }
}
