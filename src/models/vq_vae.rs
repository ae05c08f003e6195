//! Tokens from a learned codebook that follows the encoder by moving averages (van den Oord, Vinyals & Kavukcuoglu,
//! "Neural discrete representation learning", 2017, appendix A.1). A code that is hardly taken any more begins anew at
//! something that the encoder said just now.

use burn::tensor::{Tensor, TensorData};

use super::token_vae::{Codebook, TokenVae};
use super::{ModelSpec, Networks};
use crate::base::rng::Stream;
use crate::nn::init::Init;
use crate::recipe::architecture;

/// What builds it.
pub(super) const SPEC: ModelSpec = ModelSpec::new(
    architecture::VQ_VAE,
    Networks::Tokens(|recipe, dims, init| {
        let (codes, code) = (recipe.model.tokens.codes as usize, dims.latent);
        let book = Codebook::new(&init.child("codebook"), codes, code);
        TokenVae::new(recipe, dims, init, (code, Some(book), Vec::new()))
    }),
    r#"
@model("vq-vae")
class VqVae(Tokens):
    def ids(self, z):
        return torch.cdist(z, self.w("codebook.running_codes")).argmin(1)

    def vectors(self, ids): return self.w("codebook.running_codes")[ids]
"#,
);

/// Share of the past in the moving averages.
const DECAY: f32 = 0.99;
/// A code that is taken less often in a batch than this, on average, begins anew.
const DEAD: f32 = 0.05;

impl Codebook {
    fn new(init: &Init<'_>, codes: usize, code: usize) -> Self {
        let first = init.normal("running_codes", [codes, code], 1.0);
        Self {
            running_sums: init.normal("running_codes", [codes, code], 1.0).set_require_grad(false),
            running_codes: first.set_require_grad(false),
            running_counts: init.filled([codes], 1.0).set_require_grad(false),
        }
    }

    /// The same, begun at things that the encoder said; `rows` are `[n, d]`.
    #[must_use]
    pub fn begun_with(self, rows: &[f32], stream: &mut Stream) -> Self {
        let [k, d] = self.running_codes.dims();
        let count = (rows.len() / d).max(1) as u64;
        let codes: Vec<f32> = (0..k).flat_map(|_| row(rows, d, stream.below(count) as usize)).copied().collect();
        self.with(codes.clone(), vec![1.0; k], codes)
    }

    /// After a batch: `rows` are what the encoder said, `[n, d]`, `ids` the codes taken for them.
    #[must_use]
    pub fn followed(self, rows: &[f32], ids: &[u32], stream: &mut Stream) -> Self {
        let [k, d] = self.running_codes.dims();
        let values = |t: Tensor<2>| crate::nn::numbers(t.without_autodiff());
        let mut counts = crate::nn::numbers(self.running_counts.val().without_autodiff());
        let (mut sums, mut codes) = (values(self.running_sums.val()), values(self.running_codes.val()));
        let (mut taken, mut said) = (vec![0f32; k], vec![0f32; k * d]);
        for (row, id) in rows.chunks_exact(d).zip(ids) {
            taken[*id as usize] += 1.0;
            said[*id as usize * d..][..d].iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
        }
        for i in 0..k {
            counts[i] = counts[i] * DECAY + taken[i] * (1.0 - DECAY);
            let at = i * d..(i + 1) * d;
            let (sums, codes) = (&mut sums[at.clone()], &mut codes[at.clone()]);
            for ((sum, code), new) in sums.iter_mut().zip(&mut *codes).zip(&said[at]) {
                *sum = *sum * DECAY + new * (1.0 - DECAY);
                *code = *sum / (counts[i] + 1e-5);
            }
            if counts[i] < DEAD && !ids.is_empty() {
                let fresh = row(rows, d, stream.below(ids.len() as u64) as usize);
                sums.copy_from_slice(fresh);
                codes.copy_from_slice(fresh);
                counts[i] = 1.0;
            }
        }
        self.with(codes, counts, sums)
    }

    fn with(self, codes: Vec<f32>, counts: Vec<f32>, sums: Vec<f32>) -> Self {
        fn same<const D: usize>(values: Vec<f32>) -> impl FnOnce(Tensor<D>) -> Tensor<D> {
            move |old| Tensor::from_data(TensorData::new(values, old.dims()), &old.device()).set_require_grad(false)
        }
        Self {
            running_codes: self.running_codes.map(same(codes)),
            running_counts: self.running_counts.map(same(counts)),
            running_sums: self.running_sums.map(same(sums)),
        }
    }
}

fn row(rows: &[f32], d: usize, i: usize) -> &[f32] {
    &rows[i * d..(i + 1) * d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn numbers<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        crate::nn::numbers(t)
    }

    #[test]
    fn codes_are_the_moving_averages_of_what_they_are_taken_for() {
        let device = Device::flex();
        let book = Codebook::new(&Init::new(1, "book", &device), 3, 2);
        let before = numbers(book.running_codes.val());
        let (rows, ids) = ([1.0f32, 2.0, 3.0, 4.0, -5.0, 6.0], [1u32, 1, 2]);
        let mut stream = Stream::new(1, "codes");
        let book = book.followed(&rows, &ids, &mut stream);
        let (codes, counts) = (numbers(book.running_codes.val()), numbers(book.running_counts.val()));
        for (count, expected) in counts.iter().zip([0.99, 0.99 + 0.02, 0.99 + 0.01]) {
            assert!((count - expected).abs() < 1e-6);
        }
        // The second code: its old sum and the two rows taken for it.
        for i in 0..2 {
            let sum = 0.99 * before[2 + i] + 0.01 * (rows[i] + rows[2 + i]);
            assert!((codes[2 + i] - sum / (1.01 + 1e-5)).abs() < 1e-5);
            assert!((codes[i] - before[i]).abs() < 1e-4, "one that is not taken stays where it is");
        }
        // Never taken for long enough, it begins anew at a row.
        let book = (0..400).fold(book, |book, _| book.followed(&rows, &ids, &mut stream));
        let codes = numbers(book.running_codes.val());
        assert!(rows.chunks(2).any(|row| (row[0] - codes[0]).abs() < 1e-3 && (row[1] - codes[1]).abs() < 1e-3));
    }
}
