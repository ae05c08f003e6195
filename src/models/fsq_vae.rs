//! Tokens without a codebook: each of a few numbers is rounded to one of a few levels (Mentzer, Minnen, Agustsson &
//! Tschannen, "Finite scalar quantization: VQ-VAE made simple", 2023). Numbers are bounded by a logistic function that is
//! close to the distribution of a standard normal, and levels are the middles of intervals of the same size, so all levels
//! are about equally likely.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::token_vae::TokenVae;
use super::{ModelSpec, Networks};
use crate::nn::activation;
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::FSQ_VAE,
    Networks::Tokens(|recipe, dims, init| {
        let levels = recipe.model.tokens.levels();
        TokenVae::new(recipe, dims, init, (levels.len(), None, levels))
    }),
    r#"
@model("fsq-vae")
class FsqVae(Tokens):
    def bounded(self, z): return 2 * torch.sigmoid(1.6 * z) - 1

    def levels(self):
        table = [[4, 4], [8, 4], [8, 8], [5, 5, 5], [8, 6, 5], [8, 8, 8], [8, 5, 5, 5], [7, 5, 5, 5, 4]]
        return [l for l in table if math.prod(l) <= self.recipe["model"]["tokens"]["codes"]][-1]

    def ids(self, z):
        ids = 0
        for i, n in enumerate(self.levels()):
            ids = ids * n + ((z[:, i] + 1) * (n / 2)).floor().clamp(0, n - 1).long()
        return ids

    def vectors(self, ids):
        out = []
        for n in reversed(self.levels()):
            out.insert(0, (2 * (ids % n) + 1) / n - 1)
            ids = ids // n
        return torch.stack(out, 1)
"#,
);

/// Close to twice the distribution function of a standard normal less one. Shapes stay.
pub(super) fn bounded(z: Tensor<4>) -> Tensor<4> {
    activation::sigmoid(z * 1.6) * 2.0 - 1.0
}

/// Tokens of bounded vectors, and the vectors that stand for them. `[n, d] → ([n], [n, d])`
pub(super) fn rounded(rows: Tensor<2>, levels: &[usize]) -> (Tensor<1, Int>, Tensor<2>) {
    let [n, _] = rows.dims();
    let mut id: Option<Tensor<2>> = None;
    let mut columns = Vec::with_capacity(levels.len());
    for (i, &count) in levels.iter().enumerate() {
        let column = rows.clone().slice([0..n, i..i + 1]);
        let level = ((column + 1.0) * (count as f64 / 2.0)).floor().clamp(0.0, count as f64 - 1.0);
        columns.push((level.clone() * 2.0 + 1.0) / count as f64 - 1.0);
        id = Some(match id {
            Some(id) => id * count as f64 + level,
            None => level,
        });
    }
    let id = id.expect("a code has numbers").squeeze_dim::<1>(1).int();
    (id, Tensor::cat(columns, 1))
}

/// The vectors that stand for tokens. `n → [n, d]`
pub(super) fn vectors(ids: &[u32], levels: &[usize], device: &Device) -> Tensor<2> {
    let mut values = Vec::with_capacity(ids.len() * levels.len());
    for &id in ids {
        let from = values.len();
        let mut rest = id as usize;
        for &count in levels.iter().rev() {
            values.push((2 * (rest % count) + 1) as f32 / count as f32 - 1.0);
            rest /= count;
        }
        values[from..].reverse();
    }
    Tensor::from_data(TensorData::new(values, [ids.len(), levels.len()]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn tokens_and_vectors_stand_for_each_other_and_levels_are_equally_likely() {
        let (device, levels) = (Device::flex(), [8usize, 6, 5]);
        let normals = Stream::new(1, "z").normals(3 * 24_000);
        let z = Tensor::<4>::from_data(TensorData::new(normals, [24_000, 3, 1, 1]), &device);
        let (ids, exact) = rounded(bounded(z).reshape([24_000, 3]), &levels);
        let ids = super::super::token_vae::host(ids);
        let again: Vec<f32> = vectors(&ids, &levels, &device).into_data().try_into_vec().unwrap();
        let exact: Vec<f32> = exact.into_data().try_into_vec().unwrap();
        assert!(exact.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-6));
        let mut counts = vec![0; 240];
        ids.iter().for_each(|id| counts[*id as usize] += 1);
        // 100 each on average.
        assert!(counts.iter().all(|n| (50..160).contains(n)), "{counts:?}");
    }
}
