//! What a VAE learns from a critic (Larsen, Sønderby, Larochelle & Winther, "Autoencoding beyond pixels using a learned
//! similarity metric", 2016).

use burn::tensor::Tensor;

use crate::models::Critic;
use crate::nn::activation::softplus;
use crate::nn::per_picture;
use crate::recipe::vae::VaeRecipe;

/// Loss of a critic that holds real pictures for made ones. `[n, 1] → [1]`
pub fn not_real(d: Tensor<2>) -> Tensor<1> {
    softplus(d.neg()).mean()
}

/// Loss of a critic that holds made pictures for real ones. `[n, 1] → [1]`
pub fn not_made(d: Tensor<2>) -> Tensor<1> {
    softplus(d).mean()
}

/// Whether the critic learns, and whether the decoder is told of it, after the equilibrium of the paper's implementation:
/// a critic that wins by more than the margin waits, one that loses by more is not listened to, and if neither would
/// learn, both do. A margin of 0 lets both learn always.
pub fn balance(vae: &VaeRecipe, loss_real: f64, loss_made: f64) -> (bool, bool) {
    if vae.margin <= 0.0 {
        return (true, true);
    }
    let (low, high) = (vae.equilibrium - vae.margin, vae.equilibrium + vae.margin);
    let learn = loss_real >= low && loss_made >= low;
    let tell = loss_real <= high && loss_made <= high;
    if learn || tell { (learn, tell) } else { (true, true) }
}

/// What reconstructions miss of pictures in the eyes of a critic: half the squared distance of its activations, half-way
/// through its layers, as nats of a Gaussian of variance 1. `([b, c, r, r], [b, c, r, r]) → [1]`
///
/// `still` is the same critic without a graph.
pub fn distance(
    critic: &Critic,
    still: &Critic,
    again: Tensor<4>,
    real: Tensor<4>,
    class: Option<&Tensor<2>>,
) -> Tensor<1> {
    let middle = |all: Vec<Tensor<4>>| {
        let at = all.len() / 2;
        all.into_iter().nth(at)
    };
    let real = middle(still.activations(real.without_autodiff(), class));
    match middle(critic.activations(again.clone(), class)).zip(real) {
        Some((a, b)) => per_picture((a - b).square()).sum_dim(1).mean() * 0.5,
        // A fully connected critic has none.
        None => (again * 0.0).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use crate::recipe::Recipe;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn the_balance_keeps_critic_and_decoder_near_each_other() {
        let vae = VaeRecipe { equilibrium: 0.68, margin: 0.4, ..VaeRecipe::default() };
        assert_eq!(balance(&vae, 0.7, 0.7), (true, true));
        assert_eq!(balance(&vae, 0.1, 0.7), (false, true), "the critic wins");
        assert_eq!(balance(&vae, 1.5, 0.7), (true, false), "the critic loses");
        assert_eq!(balance(&vae, 0.1, 1.5), (true, true), "neither would learn");
        assert_eq!(balance(&VaeRecipe { margin: 0.0, ..vae }, 0.0, 9.0), (true, true));
    }

    #[test]
    fn features_differ_where_pictures_do_and_their_gradient_is_a_difference() {
        let mut r = Recipe::default();
        r.data.resolution = 16.into();
        (r.model.width, r.model.narrow) = (8, 4);
        let device = Device::flex();
        let critic = Critic::init(&r, &device).unwrap();
        let picture = |seed| -> Tensor<4> {
            Tensor::from_data(TensorData::new(Stream::new(seed, "x").normals(2 * 3 * 256), [2, 3, 16, 16]), &device)
        };
        let (a, b, u) = (picture(1), picture(2), picture(3));
        let value = |x: Tensor<4>| f64::from(distance(&critic, &critic, x, a.clone(), None).into_scalar::<f32>());
        assert!(value(a.clone()).abs() < 1e-9 && value(b.clone()) > 1.0);
        let leaf = b.clone().autodiff().require_grad();
        let tracked = critic.clone();
        let mut grads = distance(&tracked, &critic, leaf.clone(), a.clone(), None).backward();
        let grad = leaf.grad_remove(&mut grads).unwrap();
        let along = f64::from((grad * u.clone()).sum().into_scalar::<f32>());
        // The first activation reads what no other came before, but those after have kinks: a small step.
        let h = 1e-3;
        let difference = (value(b.clone() + u.clone() * h) - value(b - u * h)) / (2.0 * h);
        assert!((along - difference).abs() < 2e-2 * along.abs(), "{along} {difference}");
    }
}
