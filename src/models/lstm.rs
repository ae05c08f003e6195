//! Layers of long short-term memory over tokens (Hochreiter & Schmidhuber 1997): each step is told the token before and what
//! it remembers of all earlier ones.

use burn::module::Module;
use burn::tensor::Tensor;

use super::io::trainable;
use super::outline::Stages;
use super::token_prior::{Body, Dropping, TokenPrior, sizes};
use super::{ModelSpec, Networks};
use crate::nn::init::Init;
use crate::nn::lstm::Lstm;
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::LSTM,
    Networks::Prior(|recipe, dims, init| {
        let [h, layers] = sizes(dims);
        let d = (h / 2).max(1);
        TokenPrior::new(recipe, init, [d, h], Body::Lstm(LstmStack::new(init, d, h, layers)))
    }),
    r#"
@model("lstm")
class Memory(Prior):
    def body(self, x):
        for i in range(self.count("body.layers")):
            at = f"body.layers.{i}."
            gates, w = self.linear(at + "inputs", x), self.w(at + "weight")
            h = c = x.new_zeros(len(x), w.shape[0])
            out = []
            for t in range(x.shape[1]):
                a, f, g, o = (gates[:, t] + h @ w).chunk(4, 1)
                c = f.sigmoid() * c + a.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                out.append(h)
            x = torch.stack(out, 1)
        return x
"#,
);

/// Layers, one after the other.
#[derive(Module, Debug)]
pub struct LstmStack {
    /// From the tokens up.
    pub layers: Vec<Lstm>,
}

impl LstmStack {
    fn new(init: &Init<'_>, d: usize, h: usize, layers: usize) -> Self {
        let layer = |i: usize| Lstm::new(&init.child(format_args!("body.layers.{i}")), if i == 0 { d } else { h }, h);
        Self { layers: (0..layers).map(layer).collect() }
    }

    /// Of sequences of `n` places. `[b·n, d] → [b·n, h]`
    pub(super) fn forward(&self, x: Tensor<2>, n: usize, dropping: &mut Option<Dropping<'_>>) -> Tensor<2> {
        self.layers.iter().fold(x, |x, layer| Dropping::from(dropping, layer.forward(x, n)))
    }

    pub(super) fn stages(&self, grid: [usize; 2], out: &mut Stages<'_>) {
        for layer in &self.layers {
            out.grid("Long short-term memory", (grid, layer.weight.dims()[0]), &[trainable(layer)]);
        }
    }
}
