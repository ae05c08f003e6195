//! Pictures that are learned, for a prior made of what the encoder says of them (VampPrior, Tomczak & Welling 2018).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::Vae;
use crate::recipe::Recipe;

/// Pseudo-inputs, `[k, c, r, r]`; what lies outside of [-1, 1] counts as its border.
#[derive(Module, Debug)]
pub struct PseudoInputs {
    /// The pictures.
    pub pictures: Param<Tensor<4>>,
}

impl PseudoInputs {
    /// Grey pictures, to be replaced by real ones at the first step; nothing if the recipe wants none.
    pub fn new(recipe: &Recipe, device: &Device) -> Option<Self> {
        let count = recipe.objective.vae.pseudo_inputs as usize;
        let [c, h, w] = recipe.shape().planes();
        let init = crate::nn::init::Init::new(recipe.seed, "pseudo-inputs", device);
        (count > 0).then(|| Self { pictures: init.filled([count, c, h, w], 0.0) })
    }

    /// The same with these pictures, over and over, a little paler, so that none begins at a border.
    /// `([b, c, r, r], [k, c, r, r]) → [k, c, r, r]`
    #[must_use]
    pub fn begun_with(self, x: Tensor<4>, noise: Tensor<4>) -> Self {
        let [k, c, h, w] = self.pictures.dims();
        let b = x.dims()[0];
        let all = x.inner().repeat_dim(0, k.div_ceil(b)).slice([0..k, 0..c, 0..h, 0..w]);
        let begun = all * 0.9 + noise.inner() * 0.01;
        Self {
            pictures: self.pictures.map(|old| if old.is_autodiff() { begun.autodiff().require_grad() } else { begun }),
        }
    }

    /// Mean and log variance of the posterior of each: the components of the prior. `([k, z], [k, z])`
    pub fn posterior(&self, vae: &Vae) -> (Tensor<2>, Tensor<2>) {
        vae.encode(self.pictures.val().clamp(-1.0, 1.0), None)
    }
}
