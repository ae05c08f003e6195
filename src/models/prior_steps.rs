//! A prior, one token at a time: keys and values (or the memory) of what came before are kept, so each step costs as much as
//! one place of a whole pass.
//!
//! It works on plain numbers in memory, row by row: what it says of a sequence never depends on others that are drawn beside
//! it, and is the same on every machine whose vectors are as wide.

use super::gpt::Gpt;
use super::lstm::LstmStack;
use super::token_prior::{Body, PriorDims, TokenPrior};
use crate::nn::linear::Linear;
use crate::nn::numbers;
use crate::nn::sequence::{LayerNorm, steps};

/// A fully connected layer in memory.
#[derive(Debug)]
struct Affine {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Affine {
    fn of(layer: &Linear) -> Self {
        Self {
            weight: numbers(layer.weight.val().without_autodiff()),
            bias: numbers(layer.bias.val().without_autodiff()),
        }
    }

    fn run(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.bias.len()];
        steps::affine(x, &self.weight, &self.bias, &mut out);
        out
    }
}

/// A normalisation in memory.
#[derive(Debug)]
struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Norm {
    fn of(layer: &LayerNorm) -> Self {
        Self {
            gamma: numbers(layer.gamma.val().without_autodiff()),
            beta: numbers(layer.beta.val().without_autodiff()),
        }
    }

    fn run(&self, x: &[f32]) -> Vec<f32> {
        steps::layer_norm(x, &self.gamma, &self.beta)
    }
}

#[derive(Debug)]
struct Attending {
    before: Norm,
    qkv: Affine,
    out: Affine,
    between: Norm,
    wide: Affine,
    narrow: Affine,
}

#[derive(Debug)]
struct Remembering {
    inputs: Affine,
    weight: Vec<f32>,
}

#[derive(Debug)]
enum Layers {
    Attention { layers: Vec<Attending>, heads: usize },
    Memory(Vec<Remembering>),
}

/// A prior in memory.
#[derive(Debug)]
pub struct PriorSteps {
    dims: PriorDims,
    vectors: Vec<f32>,
    places: Vec<f32>,
    d: usize,
    layers: Layers,
    norm: Norm,
    head: Affine,
}

/// What a sequence leaves behind for its next step.
#[derive(Clone, Debug)]
pub struct Past {
    /// Places so far.
    at: usize,
    /// Of each layer: keys and values of each place; or what was told last and the memory.
    layers: Vec<[Vec<f32>; 2]>,
    /// Where each head of each layer looked in the last step: shares of the places so far, layer by layer, head by head.
    pub looked: Vec<Vec<Vec<f32>>>,
}

impl PriorSteps {
    /// The weights of a prior.
    pub fn of(prior: &TokenPrior) -> Self {
        let dims = prior.dims().clone();
        // One more than what is given while training: the last token of all is never looked at, but may be asked about.
        let places = numbers(prior.places.table(dims.length() + 1).without_autodiff());
        let layers = match &prior.body {
            Body::Gpt(gpt) => attention(gpt),
            Body::Lstm(lstm) => memory(lstm),
        };
        Self {
            vectors: numbers(prior.vectors.val().without_autodiff()),
            d: prior.vectors.dims()[1],
            places,
            layers,
            norm: Norm::of(&prior.norm),
            head: Affine::of(&prior.head),
            dims,
        }
    }

    /// Its sizes.
    pub fn dims(&self) -> &PriorDims {
        &self.dims
    }

    /// Before the first place.
    pub fn begin(&self) -> Past {
        let layers = match &self.layers {
            Layers::Attention { layers, .. } => layers.iter().map(|_| [Vec::new(), Vec::new()]).collect(),
            Layers::Memory(layers) => layers
                .iter()
                .map(|l| {
                    let h = l.inputs.bias.len() / 4;
                    [vec![0.0; h], vec![0.0; h]]
                })
                .collect(),
        };
        Past { at: 0, layers, looked: Vec::new() }
    }

    /// Goes one place on. Sequences are as long as pictures have tokens, with what stands in front; what comes after counts
    /// as the last place.
    pub fn step(&self, past: &mut Past, id: u32) -> Vec<f32> {
        let row = |table: &[f32], i: usize| {
            let i = i.min(table.len() / self.d - 1);
            table[i * self.d..(i + 1) * self.d].to_vec()
        };
        let mut x = row(&self.vectors, id as usize);
        x.iter_mut().zip(row(&self.places, past.at)).for_each(|(x, place)| *x += place);
        past.at += 1;
        match &self.layers {
            Layers::Attention { layers, heads } => {
                past.looked.clear();
                for (layer, [keys, values]) in layers.iter().zip(&mut past.layers) {
                    let looked = layer.run(&mut x, (keys, values), *heads);
                    past.looked.push(looked);
                }
            }
            Layers::Memory(layers) => {
                for (layer, [told, memory]) in layers.iter().zip(&mut past.layers) {
                    let mut gates = vec![0.0; 4 * told.len()];
                    steps::affine(told, &layer.weight, &layer.inputs.run(&x), &mut gates);
                    let before = memory.clone();
                    steps::cell(&mut gates, &before, memory, told);
                    x.clone_from(told);
                }
            }
        }
        x
    }

    /// Scores of the next token after a step. `codes` numbers.
    pub fn scores(&self, told: &[f32]) -> Vec<f32> {
        self.head.run(&self.norm.run(told))
    }

    /// Goes through several places and gives the scores of what comes next.
    pub fn through(&self, past: &mut Past, ids: &[u32]) -> Vec<f32> {
        let mut told = vec![0.0; self.norm.gamma.len()];
        for id in ids {
            told = self.step(past, *id);
        }
        self.scores(&told)
    }
}

fn attention(gpt: &Gpt) -> Layers {
    let layers = gpt.layers.iter().map(|l| Attending {
        before: Norm::of(&l.before),
        qkv: Affine::of(&l.qkv),
        out: Affine::of(&l.out),
        between: Norm::of(&l.between),
        wide: Affine::of(&l.wide),
        narrow: Affine::of(&l.narrow),
    });
    Layers::Attention { layers: layers.collect(), heads: gpt.heads }
}

fn memory(lstm: &LstmStack) -> Layers {
    let layers = lstm.layers.iter();
    let layers = layers
        .map(|l| Remembering { inputs: Affine::of(&l.inputs), weight: numbers(l.weight.val().without_autodiff()) });
    Layers::Memory(layers.collect())
}

impl Attending {
    /// A step; gives back where each head looked.
    fn run(&self, x: &mut [f32], (keys, values): (&mut Vec<f32>, &mut Vec<f32>), heads: usize) -> Vec<Vec<f32>> {
        let d = x.len();
        let qkv = self.qkv.run(&self.before.run(x));
        keys.extend_from_slice(&qkv[d..2 * d]);
        values.extend_from_slice(&qkv[2 * d..]);
        let each = d / heads;
        let mut found = vec![0.0; d];
        let mut looked = Vec::with_capacity(heads);
        for head in 0..heads {
            let own = head * each..(head + 1) * each;
            let scale = 1.0 / (each as f32).sqrt();
            let mut shares: Vec<f32> =
                keys.chunks_exact(d).map(|key| steps::dot(&qkv[own.clone()], &key[own.clone()]) * scale).collect();
            steps::softmax(&mut shares);
            for (share, value) in shares.iter().zip(values.chunks_exact(d)) {
                found[own.clone()].iter_mut().zip(&value[own.clone()]).for_each(|(sum, v)| *sum += share * v);
            }
            looked.push(shares);
        }
        x.iter_mut().zip(self.out.run(&found)).for_each(|(x, y)| *x += y);
        let wide = self.wide.run(&self.between.run(x));
        let mut bent = vec![0.0; wide.len()];
        steps::gelu(&wide, &mut bent);
        x.iter_mut().zip(self.narrow.run(&bent)).for_each(|(x, y)| *x += y);
        looked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;
    use crate::recipe::Recipe;
    use burn::tensor::Device;

    fn prior(id: &str) -> TokenPrior {
        let mut recipe = Recipe { seed: 3, ..Recipe::default() };
        recipe.model.id = id.into();
        (recipe.model.width, recipe.model.blocks, recipe.model.tokens.heads) = (24, 2, 3);
        (recipe.model.tokens.layout, recipe.model.tokens.codes) = ([3, 4], 40);
        recipe.model.tokens.words = ["red", "green", "blue"].map(String::from).to_vec();
        recipe.model.tokens.caption_words = 5;
        (recipe.model.conditional, recipe.model.classes) = (true, vec!["a".into(), "b".into()]);
        let prior = TokenPrior::init(&recipe, &Device::flex()).unwrap();
        // Away from small first weights, so that every part has a say.
        let mut weights = crate::models::io::Weights::of(&prior);
        for (name, tensor) in &mut weights.tensors {
            let by = Stream::new(8, name).normals(tensor.values.len());
            tensor.values.iter_mut().zip(by).for_each(|(w, d)| *w += 0.2 * d);
        }
        weights.load(prior).unwrap()
    }

    #[test]
    fn steps_say_what_a_whole_pass_says() {
        for id in ["gpt", "lstm"] {
            let prior = prior(id);
            let dims = prior.dims().clone();
            let mut stream = Stream::new(5, "tokens");
            let sequences: Vec<Vec<u32>> = (0..2)
                .map(|i| {
                    let front = dims.front(Some(i), &[2, i]);
                    let tokens = (1..dims.tokens()).map(|_| stream.below(dims.codes as u64) as u32);
                    front.into_iter().chain(tokens).collect()
                })
                .collect();
            let whole = numbers(prior.scores(&sequences.concat(), None));
            let steps = PriorSteps::of(&prior);
            let mut off = 0f32;
            for (sequence, whole) in sequences.iter().zip(whole.chunks_exact(dims.tokens() * dims.codes)) {
                let mut past = steps.begin();
                let (front, tokens) = sequence.split_at(dims.conditions);
                let mut scores = vec![steps.through(&mut past, front)];
                scores.extend(tokens.iter().map(|id| {
                    let told = steps.step(&mut past, *id);
                    steps.scores(&told)
                }));
                let scores = scores.concat();
                assert_eq!(scores.len(), whole.len());
                off = scores.iter().zip(whole).map(|(a, b)| (a - b).abs()).fold(off, f32::max);
            }
            let size = whole.iter().fold(0f32, |m, v| m.max(v.abs()));
            assert!(off < 2e-5 * size.max(1.0), "{id}: {off} of {size}");
        }
    }
}
