//! Priors over tokens: networks that say, given what stands in front and the tokens so far, how likely each token is next.
//!
//! A sequence is the class (or the beginning), the words of a caption up to a fixed number, and the tokens of a picture row by
//! row. All are rows of one table of vectors, with a learned vector for each place: in front one each, in the picture one for
//! the row and one for the column.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::gpt::Gpt;
use super::io::trainable;
use super::lstm::LstmStack;
use super::outline::Stages;
use super::{NetworkDims, Networks, build};
use crate::base::Result;
use crate::base::rng::Stream;
use crate::nn::init::Init;
use crate::nn::linear::Linear;
use crate::nn::sequence::{self, LayerNorm};
use crate::recipe::Recipe;

/// Standard deviation of first vectors and weights (Radford et al. 2019).
pub(super) const STD: f64 = 0.02;

/// Sizes of a prior.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorDims {
    /// Places in front of the tokens: the class or the beginning, then words.
    pub conditions: usize,
    /// Rows and columns of tokens.
    pub grid: [usize; 2],
    /// Different tokens.
    pub codes: usize,
    /// Classes that it knows.
    pub classes: usize,
    /// Words that it knows.
    pub words: usize,
}

impl PriorDims {
    /// Those of a recipe; before a run has found out about its token model, those of the usual one.
    pub fn of(recipe: &Recipe) -> Self {
        let tokens = &recipe.model.tokens;
        let grid = if tokens.tokens() > 0 { tokens.layout } else { [tokens.grid; 2] };
        Self {
            conditions: tokens.conditions(),
            grid: grid.map(|n| n as usize),
            codes: tokens.codes as usize,
            classes: if recipe.model.conditional { recipe.model.classes.len() } else { 0 },
            words: tokens.words.len(),
        }
    }

    /// Tokens of a picture.
    pub fn tokens(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Places of what the network is given: all but the last token.
    pub fn length(&self) -> usize {
        self.conditions + self.tokens() - 1
    }

    /// Rows of the table of vectors: tokens, beginning, nothing, classes, words.
    fn vectors(&self) -> usize {
        self.codes + 2 + self.classes + self.words
    }

    /// What stands in front: the class, if one is asked for, and words by their numbers; as many as there are places.
    pub fn front(&self, class: Option<u32>, words: &[u32]) -> Vec<u32> {
        let (begin, nothing) = (self.codes as u32, self.codes as u32 + 1);
        let class = class.filter(|c| (*c as usize) < self.classes).map_or(begin, |c| nothing + 1 + c);
        let first = nothing + 1 + self.classes as u32;
        let known = words.iter().filter(|w| (**w as usize) < self.words).map(|w| first + w);
        let mut out: Vec<u32> = std::iter::once(class).chain(known).take(self.conditions).collect();
        out.resize(self.conditions, nothing);
        out
    }
}

/// Numbers dropped while training: their share, and where it is decided which.
pub struct Dropping<'a> {
    /// Share of numbers.
    pub share: f64,
    /// Where it is decided which.
    pub stream: &'a mut Stream,
}

impl Dropping<'_> {
    /// Drops from what a layer says.
    pub(super) fn from(this: &mut Option<Self>, x: Tensor<2>) -> Tensor<2> {
        match this {
            Some(dropping) if dropping.share > 0.0 => sequence::dropout(x, dropping.share, dropping.stream.bits()),
            _ => x,
        }
    }
}

/// Vectors of places.
#[derive(Module, Debug)]
pub struct Places {
    /// In front, `[conditions, d]`.
    pub front: Param<Tensor<2>>,
    /// Of rows, `[h, d]`.
    pub rows: Param<Tensor<2>>,
    /// Of columns, `[w, d]`.
    pub columns: Param<Tensor<2>>,
}

impl Places {
    /// One for each place of a sequence. `[length, d]`
    pub fn table(&self, length: usize) -> Tensor<2> {
        let (rows, columns) = (self.rows.val(), self.columns.val());
        let ([h, d], [w, _]) = (rows.dims(), columns.dims());
        let grid = (rows.reshape([h, 1, d]) + columns.reshape([1, w, d])).reshape([h * w, d]);
        Tensor::cat(vec![self.front.val(), grid], 0).slice([0..length, 0..d])
    }
}

/// The layers between the vectors of what is given and the scores of what comes next.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One of them lives in a process, and a box is no module.
pub enum Body {
    /// Causal attention.
    Gpt(Gpt),
    /// A memory.
    Lstm(LstmStack),
}

/// A prior over tokens.
#[derive(Module, Debug)]
pub struct TokenPrior {
    /// A vector for each token, class and word, `[vectors, d]`.
    pub vectors: Param<Tensor<2>>,
    /// Vectors of places.
    pub places: Places,
    /// What tells them apart.
    pub body: Body,
    /// Before the scores.
    pub norm: LayerNorm,
    /// Scores of all tokens.
    pub head: Linear,
    #[module(skip)]
    dims: PriorDims,
}

impl TokenPrior {
    /// A prior of vectors of `d` numbers, around a body that gives `out` numbers at each place.
    pub(super) fn new(recipe: &Recipe, init: &Init<'_>, [d, out]: [usize; 2], body: Body) -> Self {
        let dims = PriorDims::of(recipe);
        let places = init.child("places");
        Self {
            vectors: init.normal("vectors", [dims.vectors(), d], STD),
            places: Places {
                front: places.normal("front", [dims.conditions, d], STD),
                rows: places.normal("rows", [dims.grid[0], d], STD),
                columns: places.normal("columns", [dims.grid[1], d], STD),
            },
            body,
            norm: LayerNorm::new(&init.child("norm"), out),
            head: Linear::new(&init.child("head"), out, dims.codes, STD),
            dims,
        }
    }

    /// A fresh prior with the first weights of `recipe.seed`, the same on every device.
    ///
    /// # Errors
    /// The recipe names no prior.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::new(recipe.seed, "prior", device))
    }

    /// Zeros instead of random numbers: for weights that are about to be loaded.
    ///
    /// # Errors
    /// The recipe names no prior.
    pub fn blank(recipe: &Recipe, device: &Device) -> Result<Self> {
        Self::build(recipe, &Init::blank("prior", device))
    }

    fn build(recipe: &Recipe, init: &Init<'_>) -> Result<Self> {
        build(recipe, init, |n| if let Networks::Prior(net) = n { Some(*net) } else { None })
    }

    /// Its sizes.
    pub fn dims(&self) -> &PriorDims {
        &self.dims
    }

    /// Scores of each token at each place of pictures. `given` are sequences one after the other, without their last token;
    /// nothing is dropped without `dropping`. `b · length → [b·tokens, codes]`
    pub fn scores(&self, given: &[u32], mut dropping: Option<Dropping<'_>>) -> Tensor<2> {
        let (n, [_, d]) = (self.dims.length(), self.vectors.dims());
        let b = given.len() / n;
        let ids: Vec<i64> = given[..b * n].iter().map(|id| i64::from(*id)).collect();
        let vectors = self.vectors.val();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [b * n]), &vectors.device());
        let x = vectors.select(0, ids).reshape([b, n, d]) + self.places.table(n).reshape([1, n, d]);
        let x = Dropping::from(&mut dropping, x.reshape([b * n, d]));
        let x = match &self.body {
            Body::Gpt(gpt) => gpt.forward(x, n, &mut dropping),
            Body::Lstm(lstm) => lstm.forward(x, n, &mut dropping),
        };
        let (out, from) = (x.dims()[1], self.dims.conditions - 1);
        let x = x.reshape([b, n, out]).slice([0..b, from..n, 0..out]).reshape([b * self.dims.tokens(), out]);
        self.head.forward(self.norm.forward(x))
    }

    pub(super) fn stages(&self, out: &mut Stages<'_>) {
        let (grid, d) = (self.dims.grid, self.vectors.dims()[1]);
        out.grid(
            "Vectors of tokens, words and places",
            (grid, d),
            &[trainable(&self.vectors), trainable(&self.places)],
        );
        match &self.body {
            Body::Gpt(gpt) => gpt.stages(grid, out),
            Body::Lstm(lstm) => lstm.stages(grid, out),
        }
        out.grid("Scores of tokens", (grid, self.dims.codes), &[trainable(&self.norm), trainable(&self.head)]);
    }
}

/// Sizes that every body has: width and layers.
pub(super) fn sizes(dims: &NetworkDims) -> [usize; 2] {
    [dims.width, dims.blocks]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_front_has_its_places() {
        let dims = PriorDims { conditions: 4, grid: [2, 3], codes: 10, classes: 2, words: 5 };
        assert_eq!((dims.length(), dims.vectors()), (9, 19));
        assert_eq!(dims.front(None, &[]), [10, 11, 11, 11]);
        assert_eq!(dims.front(Some(1), &[0, 4]), [13, 14, 18, 11]);
        // Unknown ones are left out, and what is too long is cut off.
        assert_eq!(dims.front(Some(2), &[9, 1, 1, 1, 1]), [10, 15, 15, 15]);
    }
}
