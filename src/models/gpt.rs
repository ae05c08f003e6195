//! A Transformer that sees what came before (Vaswani et al. 2017; Radford et al. 2019): layer normalisation in front of
//! each part, causal attention, and two layers with a GELU between them.

use burn::module::Module;
use burn::tensor::Tensor;

use super::io::trainable;
use super::outline::Stages;
use super::token_prior::{Body, Dropping, STD, TokenPrior, sizes};
use super::{ModelSpec, Networks};
use crate::nn::init::Init;
use crate::nn::linear::Linear;
use crate::nn::sequence::{LayerNorm, attention, gelu};
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::GPT,
    Networks::Prior(|recipe, dims, init| {
        let [d, layers] = sizes(dims);
        let heads = (recipe.model.tokens.heads as usize).max(1);
        TokenPrior::new(recipe, init, [d, d], Body::Gpt(Gpt::new(init, d, layers, heads)))
    }),
    r#"
@model("gpt")
class Gpt(Prior):
    def body(self, x):
        heads, (b, n, d) = self.recipe["model"]["tokens"]["heads"], x.shape
        for i in range(self.count("body.layers")):
            at = f"body.layers.{i}."
            q, k, v = self.linear(at + "qkv", self.layer_norm(at + "before", x)).view(b, n, 3, heads, -1).permute(2, 0, 3, 1, 4)
            later = torch.full((n, n), float("-inf")).triu(1)
            y = (q @ k.transpose(2, 3) / math.sqrt(d // heads) + later).softmax(-1) @ v
            x = x + self.linear(at + "out", y.transpose(1, 2).reshape(b, n, d))
            y = F.gelu(self.linear(at + "wide", self.layer_norm(at + "between", x)), approximate="tanh")
            x = x + self.linear(at + "narrow", y)
        return x
"#,
);

/// A layer.
#[derive(Module, Debug)]
pub struct Layer {
    /// In front of the attention.
    pub before: LayerNorm,
    /// To queries, keys and values, `[d, 3d]`.
    pub qkv: Linear,
    /// From what the attention found.
    pub out: Linear,
    /// In front of the other part.
    pub between: LayerNorm,
    /// `[d, 4d]`.
    pub wide: Linear,
    /// `[4d, d]`.
    pub narrow: Linear,
}

/// All layers.
#[derive(Module, Debug)]
pub struct Gpt {
    /// One after the other.
    pub layers: Vec<Layer>,
    /// Heads of attention.
    #[module(skip)]
    pub heads: usize,
}

impl Gpt {
    fn new(init: &Init<'_>, d: usize, layers: usize, heads: usize) -> Self {
        // What is added to the sum is smaller the more of it there is (Radford et al. 2019).
        let added = STD / (2.0 * layers as f64).sqrt();
        let layer = |i: usize| {
            let init = init.child(format_args!("body.layers.{i}"));
            Layer {
                before: LayerNorm::new(&init.child("before"), d),
                qkv: Linear::new(&init.child("qkv"), d, 3 * d, STD),
                out: Linear::new(&init.child("out"), d, d, added),
                between: LayerNorm::new(&init.child("between"), d),
                wide: Linear::new(&init.child("wide"), d, 4 * d, STD),
                narrow: Linear::new(&init.child("narrow"), 4 * d, d, added),
            }
        };
        Self { layers: (0..layers).map(layer).collect(), heads }
    }

    /// Of sequences of `n` places. Shapes stay.
    pub(super) fn forward(&self, x: Tensor<2>, n: usize, dropping: &mut Option<Dropping<'_>>) -> Tensor<2> {
        self.layers.iter().fold(x, |x, layer| {
            let y = layer.out.forward(attention(layer.qkv.forward(layer.before.forward(x.clone())), n, self.heads));
            let x = x + Dropping::from(dropping, y);
            let y = layer.narrow.forward(gelu(layer.wide.forward(layer.between.forward(x.clone()))));
            x + Dropping::from(dropping, y)
        })
    }

    pub(super) fn stages(&self, grid: [usize; 2], out: &mut Stages<'_>) {
        for layer in &self.layers {
            let d = layer.out.bias.dims()[0];
            let attention = [trainable(&layer.before), trainable(&layer.qkv), trainable(&layer.out)];
            out.grid("Causal attention", (grid, d), &attention);
            out.grid(
                "Two layers",
                (grid, d),
                &[trainable(&layer.between), trainable(&layer.wide), trainable(&layer.narrow)],
            );
        }
    }
}
