//! A layer of long short-term memory over whole sequences, and its gradient through time.
//!
//! Rows are `[b·n, …]`, sequence after sequence. Gates stand in PyTorch's order: input, forget, candidate, output. Sequences
//! are worked on in groups of a fixed size, so results do not depend on the number of threads.

use rayon::prelude::*;

use super::pointwise::exp;
use super::sequence::{Stride, product};
use crate::base::simd::dispatch;

/// Sequences that go through time together.
const TOGETHER: usize = 16;

/// Sizes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Steps of a sequence.
    pub n: usize,
    /// Numbers in the memory.
    pub h: usize,
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// A step of one sequence: gates before their functions (replaced by what these make of them), the memory before and after,
/// and what is told.
pub fn cell(gates: &mut [f32], before: &[f32], after: &mut [f32], told: &mut [f32]) {
    let h = after.len();
    let (input, rest) = gates.split_at_mut(h);
    let (forget, rest) = rest.split_at_mut(h);
    let (candidate, output) = rest.split_at_mut(h);
    dispatch(
        #[inline(always)]
        || {
            for i in 0..h {
                input[i] = sigmoid(input[i]);
                forget[i] = sigmoid(forget[i]);
                candidate[i] = tanh(candidate[i]);
                output[i] = sigmoid(output[i]);
                after[i] = forget[i] * before[i] + input[i] * candidate[i];
                told[i] = output[i] * tanh(after[i]);
            }
        },
    );
}

/// What the layer keeps for its gradient.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Gates after their functions, `[b·n, 4h]`.
    gates: Vec<f32>,
    /// Memory after each step, `[b·n, h]`.
    memory: Vec<f32>,
}

/// What the layer tells at each step, `[b·n, h]`, of what the inputs say to its gates, `[b·n, 4h]`, and the weights from what
/// it told to its gates, `[h, 4h]`.
pub fn forward(Size { n, h }: Size, inputs: &[f32], weight: &[f32], told: &mut [f32]) -> Kept {
    let (mut gates, mut memory) = (inputs.to_vec(), vec![0.0; told.len()]);
    let group = TOGETHER * n;
    let parts = gates.par_chunks_mut(group * 4 * h).zip(memory.par_chunks_mut(group * h));
    parts.zip(told.par_chunks_mut(group * h)).for_each(|((gates, memory), told)| {
        let m = memory.len() / (n * h);
        let nothing = vec![0.0; h];
        for t in 0..n {
            if t > 0 {
                let from = (&told[(t - 1) * h..], Stride { row: n * h, column: 1 });
                let to = (&mut gates[t * 4 * h..], Stride { row: n * 4 * h, column: 1 });
                product([m, 4 * h, h], to, from, (weight, Stride { row: 4 * h, column: 1 }), (true, 1.0));
            }
            for i in 0..m {
                let row = i * n + t;
                let (past, now) = memory.split_at_mut(row * h);
                let before = if t > 0 { &past[(row - 1) * h..] } else { &nothing };
                cell(&mut gates[row * 4 * h..][..4 * h], before, &mut now[..h], &mut told[row * h..][..h]);
            }
        }
    });
    Kept { gates, memory }
}

/// Gradient of [`forward`] by its inputs (into `by_inputs`) and its weights.
pub fn gradient(
    Size { n, h }: Size,
    kept: &Kept,
    (weight, told): (&[f32], &[f32]),
    dy: &[f32],
    by_inputs: &mut [f32],
) -> Vec<f32> {
    let group = TOGETHER * n;
    let parts = by_inputs.par_chunks_mut(group * 4 * h).zip(dy.par_chunks(group * h));
    let parts = parts.zip(kept.gates.par_chunks(group * 4 * h)).zip(kept.memory.par_chunks(group * h));
    parts.for_each(|(((by_inputs, dy), gates), memory)| {
        let m = memory.len() / (n * h);
        // Gradients by what was told and by the memory, on their way back through time.
        let (mut back, mut held) = (vec![0.0; m * h], vec![0.0; m * h]);
        for t in (0..n).rev() {
            for i in 0..m {
                let row = i * n + t;
                let own = &gates[row * 4 * h..][..4 * h];
                let now = &memory[row * h..][..h];
                let before = (t > 0).then(|| &memory[(row - 1) * h..][..h]);
                let (out, dy) = (&mut by_inputs[row * 4 * h..][..4 * h], &dy[row * h..][..h]);
                let (back, held) = (&back[i * h..][..h], &mut held[i * h..][..h]);
                for k in 0..h {
                    let (input, forget, candidate, output) = (own[k], own[h + k], own[2 * h + k], own[3 * h + k]);
                    let seen = tanh(now[k]);
                    let d = dy[k] + back[k];
                    let memory = held[k] + d * output * (1.0 - seen * seen);
                    out[k] = memory * candidate * input * (1.0 - input);
                    out[h + k] = before.map_or(0.0, |b| memory * b[k] * forget * (1.0 - forget));
                    out[2 * h + k] = memory * input * (1.0 - candidate * candidate);
                    out[3 * h + k] = d * seen * output * (1.0 - output);
                    held[k] = memory * forget;
                }
            }
            if t > 0 {
                let from = (&by_inputs[t * 4 * h..], Stride { row: n * 4 * h, column: 1 });
                let turned = (weight, Stride { row: 1, column: 4 * h });
                product([m, h, 4 * h], (&mut back, Stride { row: h, column: 1 }), from, turned, (false, 1.0));
            }
        }
    });
    // Of all steps but the first, by what was told the step before: rows of each sequence, one further on.
    let rows = told.len() / h;
    let mut shifted = vec![0.0; told.len()];
    for (to, from) in shifted.chunks_exact_mut(n * h).zip(told.chunks_exact(n * h)) {
        to[h..].copy_from_slice(&from[..(n - 1) * h]);
    }
    let mut by_weight = vec![0.0; h * 4 * h];
    by_weight.par_chunks_mut(TOGETHER * 4 * h).enumerate().for_each(|(part, out)| {
        let own = out.len() / (4 * h);
        let plain = Stride { row: 4 * h, column: 1 };
        let turned = (&shifted[part * TOGETHER..], Stride { row: 1, column: h });
        product([own, 4 * h, rows], (out, plain), turned, (by_inputs, plain), (false, 1.0));
    });
    by_weight
}
