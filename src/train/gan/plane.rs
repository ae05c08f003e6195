//! How a critic sees the plane, for runs on points.

use burn::module::Module;
use burn::tensor::Device;

use crate::models::Critic;
use crate::train::scatter::{REACH, Scatter};
use crate::train::tensors;

/// The judgement on a grid of `cells` a side, and where it rises on a coarser one.
pub fn of(critic: &Critic, cells: usize, device: &Device) -> Scatter {
    let still = critic.valid();
    let grid = |cells: usize| -> Vec<f32> {
        let at = |i: usize| ((i as f32 + 0.5) / cells as f32 * 2.0 - 1.0) * REACH;
        (0..cells * cells).flat_map(|i| [at(i % cells), at(i / cells)]).collect()
    };
    let tensor = |values: Vec<f32>| {
        let n = values.len() / 2;
        tensors::matrix(values, n, 2, device).reshape([n, 2, 1, 1])
    };
    let heat = still.forward(tensor(grid(cells)), None).into_data().convert::<f32>();
    let places = grid(13);
    let leaf = tensor(places.clone()).autodiff().require_grad();
    let mut grads = critic.clone().no_grad().forward(leaf.clone(), None).sum().backward();
    let ways = leaf.grad_remove(&mut grads).map(tensors::points).unwrap_or_default();
    let places = places.as_chunks::<2>().0.iter().copied();
    Scatter { heat: heat.try_to_vec().unwrap_or_default(), arrows: places.zip(ways).collect(), ..Scatter::default() }
}
