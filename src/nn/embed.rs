//! Classes as vectors.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::dual::Dual;
use super::init::Init;
use super::linear::Linear;

/// A learned vector for each class. A blend of classes is the blend of their vectors, and no class the zero vector.
#[derive(Module, Debug)]
pub struct Embed {
    /// `[classes, out]`.
    pub weight: Param<Tensor<2>>,
}

impl Embed {
    /// Vectors of `outputs` normal numbers of standard deviation `std`; nothing for a model without classes.
    pub fn new(init: &Init<'_>, classes: usize, outputs: usize, std: f64) -> Option<Self> {
        (classes > 0).then(|| Self { weight: init.normal("weight", [classes, outputs], std) })
    }

    /// `[b, classes] → [b, out]`: shares of each class to their vectors.
    pub fn of(&self, class: Tensor<2>) -> Tensor<2> {
        class.matmul(self.weight.val())
    }

    /// `x` plus the vectors of the classes, if both are there. `[b, out] → [b, out]`
    pub fn add(this: Option<&Self>, x: Tensor<2>, class: Option<&Tensor<2>>) -> Tensor<2> {
        match (this, class) {
            (Some(embed), Some(class)) => x + embed.of(class.clone()),
            _ => x,
        }
    }
}

/// The judgement of a critic: one number for each picture, plus how well its features fit its class (projection
/// critic, Miyato & Koyama 2018). `[b, n] → [b, 1]`
pub fn judge(h: Dual<2>, fc: &Linear, embed: Option<&Embed>, class: Option<&Tensor<2>>) -> Dual<2> {
    let score = h.clone().fully(fc);
    match (embed, class) {
        (Some(embed), Some(class)) => {
            let vector = embed.of(class.clone());
            score.join(h.linear(|h| (h * vector.clone()).sum_dim(1)))
        }
        _ => score,
    }
}
